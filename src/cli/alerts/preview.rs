//! `vigie alerts preview`: the bytes that a channel would be sent of an alert, without sending them.

use std::io::{Write, stdout};

use super::super::exit::{Exit, Outcome};
use crate::alert::Notice;
use crate::audit::{Action, Trail};
use crate::config::Config;
use crate::model::Change;
use crate::store::Outbox;
use crate::store::{OutboxFilter, SqliteStore};

/// Show what a channel would be sent of an alert, byte for byte
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A mail is shown as it is before it is encrypted. Signatures and secrets are not shown.

Examples:
  vigie alerts preview 3f2a misp
  vigie alerts preview 3f2a cert-mail --as updated")]
pub struct Args {
    /// The alert's identifier, or its beginning
    id: String,
    /// The channel's name in the configuration
    channel: String,
    /// Why it would be told
    #[arg(long = "as", value_name = "CHANGE", value_parser = ["raised", "updated", "acknowledged", "closed", "escalated"])]
    change: Option<String>,
}

pub async fn run(args: &Args, store: std::sync::Arc<SqliteStore>, config: &Config, trail: &Trail) -> Outcome {
    let alert = super::find(&store, &args.id)?;
    let settings = super::channel_named(config, &args.channel)?;
    trail.record(Action::AlertShown, &alert.id.to_string(), &[("channel", settings.name.clone())])?;
    let channel = super::opened(settings, store.clone(), config)?;
    let told = [Change::Raised, Change::Updated, Change::Acknowledged, Change::Closed, Change::Escalated];
    let usual = if alert.revision == 1 { Change::Raised } else { Change::Updated };
    let change = told.into_iter().find(|c| args.change.as_deref() == Some(c.name())).unwrap_or(usual);
    let filter = OutboxFilter { alert: Some(alert.id), channel: Some(settings.name.clone()), ..Default::default() };
    // What the receiver calls the alert is part of some channels' bytes: a mail refers to the first of its thread.
    let reference = store.entries(&filter)?.into_iter().find_map(|entry| entry.reference);
    let notice = Notice::new(alert, change, reference, settings.clearance);
    let mut out = stdout().lock();
    out.write_all(&channel.render(&notice)?)?;
    out.flush()?;
    Ok(Exit::Done)
}
