//! `vigie alerts close`: an alert is dealt with; the channels that heard of it are told.

use jiff::Timestamp;

use super::super::exit::{Exit, Outcome};
use crate::alert::set_state;
use crate::audit::{Action, Trail};
use crate::config::Config;
use crate::model::AlertState;
use crate::store::SqliteStore;

/// Say that an alert is dealt with; whatever turns up later is another
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The alert's identifier, or its beginning
    id: String,
}

pub fn run(args: &Args, store: &SqliteStore, config: &Config, trail: &Trail) -> Outcome {
    let alert = super::find(store, &args.id)?;
    trail.record(Action::AlertChanged, &alert.id.to_string(), &[("state", "closed".to_owned())])?;
    let changed = set_state(store, alert.id, AlertState::Closed, &config.alert.routes(), Timestamp::now())?;
    match changed {
        Some(alert) => eprintln!("{}: closed", alert.id),
        None => eprintln!("{}: closed already", alert.id),
    }
    Ok(Exit::Done)
}
