//! `vigie alerts ack`: somebody has taken an alert; the channels that heard of it are told.

use anyhow::anyhow;
use jiff::Timestamp;

use super::super::exit::{Exit, Failure, Outcome};
use crate::alert::set_state;
use crate::audit::{Action, Trail};
use crate::config::Config;
use crate::model::AlertState;
use crate::store::SqliteStore;

/// Say that somebody has taken an alert
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The alert's identifier, or its beginning
    id: String,
}

pub fn run(args: &Args, store: &SqliteStore, config: &Config, trail: &Trail) -> Outcome {
    let alert = super::find(store, &args.id)?;
    if alert.state == AlertState::Closed {
        let message = format!("{} is closed; hint: there is nothing left to take", alert.id);
        return Err(Failure::Usage(anyhow!(message)));
    }
    trail.record(Action::AlertChanged, &alert.id.to_string(), &[("state", "acknowledged".to_owned())])?;
    let changed = set_state(store, alert.id, AlertState::Acknowledged, &config.alert.routes(), Timestamp::now())?;
    match changed {
        Some(alert) => eprintln!("{}: acknowledged", alert.id),
        None => eprintln!("{}: acknowledged already", alert.id),
    }
    Ok(Exit::Done)
}
