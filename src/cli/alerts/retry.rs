//! `vigie alerts retry`: what was given up, or waits after a failure, is tried again by the running service, now.

use anyhow::anyhow;
use jiff::Timestamp;

use super::super::exit::{Exit, Failure, Outcome};
use super::super::words::counted;
use crate::audit::{Action, Trail};
use crate::config::Config;
use crate::store::{Outbox, OutboxFilter, SqliteStore};

/// Try again, now, what was given up or waits after a failure
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this alert's: its identifier, or its beginning
    id: Option<String>,
    /// Only this channel's
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
}

pub fn run(args: &Args, store: &SqliteStore, config: &Config, trail: &Trail) -> Outcome {
    let alert = args.id.as_deref().map(|id| super::find(store, id)).transpose()?.map(|alert| alert.id);
    if let Some(name) = &args.channel
        && !config.alert.channels.iter().any(|channel| channel.name == *name)
    {
        let message = format!("no channel is called `{}`; hint: see [alert.channels]", name.escape_debug());
        return Err(Failure::Usage(anyhow!(message)));
    }
    let subject = alert.map(|id| id.to_string()).unwrap_or_default();
    trail.record(Action::AlertSent, &subject, &[("channel", args.channel.clone().unwrap_or_default())])?;
    let filter = OutboxFilter { alert, channel: args.channel.clone(), ..OutboxFilter::default() };
    match store.revive(&filter, Timestamp::now())? {
        0 => eprintln!("nothing was given up, and nothing waits after a failure"),
        count => {
            eprintln!("{}: tried again by the running service", counted(count, "message"))
        }
    }
    Ok(Exit::Done)
}
