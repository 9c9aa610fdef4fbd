//! `vigie alerts dead`: what could not be delivered, and why.

use std::io::{Write, stdout};

use super::super::exit::{Exit, Outcome};
use crate::audit::{Action, Trail};
use crate::store::{EntryState, Outbox, OutboxEntry, OutboxFilter, SqliteStore};

/// List deliveries that were given up, with the reason
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this channel's
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, store: &SqliteStore, trail: &Trail) -> Outcome {
    trail.record(Action::AlertsListed, "dead letters", &[])?;
    let filter =
        OutboxFilter { channel: args.channel.clone(), state: Some(EntryState::Dead), ..OutboxFilter::default() };
    let mut out = stdout().lock();
    let entries = store.entries(&filter)?;
    for entry in &entries {
        if args.json {
            serde_json::to_writer(&mut out, entry)?;
            writeln!(out)?;
        } else {
            line(&mut out, entry)?;
        }
    }
    out.flush()?;
    if entries.is_empty() {
        eprintln!("nothing was given up");
    } else {
        eprintln!("hint: put the cause right, then `vigie alerts retry`");
    }
    Ok(Exit::Done)
}

fn line(out: &mut impl Write, entry: &OutboxEntry) -> std::io::Result<()> {
    let id = entry.alert.to_string();
    let short = id.split('-').next().unwrap_or(&id);
    let (change, tries) = (entry.change.name(), super::super::words::counted(entry.attempts.into(), "attempt"));
    let reason = entry.reason.as_deref().unwrap_or("no reason kept").escape_debug().to_string();
    writeln!(
        out,
        "{short}  {:.0}  {}: {change}, revision {}, {tries}: {reason}",
        entry.created_at, entry.channel, entry.revision
    )
}
