//! `vigie alerts list`: the alerts, the latest first.

use std::io::{Write, stdout};

use super::super::exit::{Exit, Outcome};
use super::super::words::counted;
use crate::audit::{Action, Trail};
use crate::model::{Alert, AlertState};
use crate::store::{AlertFilter, Alerts, SqliteStore};

/// List alerts, the most recently changed first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only those that nobody has taken
    #[arg(long)]
    open: bool,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// One JSON object a line, complete, instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, store: &SqliteStore, trail: &Trail) -> Outcome {
    trail.record(Action::AlertsListed, "", &[])?;
    let filter = AlertFilter {
        state: args.open.then_some(AlertState::Open),
        limit: args.limit as usize,
        ..AlertFilter::default()
    };
    let mut out = stdout().lock();
    for alert in store.alerts(&filter)? {
        if args.json {
            serde_json::to_writer(&mut out, &alert)?;
            writeln!(out)?;
        } else {
            line(&mut out, &alert)?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn line(out: &mut impl Write, alert: &Alert) -> std::io::Result<()> {
    let id = alert.id.to_string();
    let short = id.split('-').next().unwrap_or(&id);
    let state = format!("{:?}", alert.state).to_lowercase();
    let documents = counted(alert.documents.len() as u64, "document");
    let severity = alert.severity.to_string();
    writeln!(out, "{short}  {:.0}  {state:12} {severity:8}  {}  ({documents})", alert.updated_at, alert.headline)
}
