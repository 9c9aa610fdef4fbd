//! `vigie evidence hold` and `release`: whether retention may delete a capture.

use anyhow::anyhow;
use jiff::Timestamp;

use super::super::exit::{Exit, Failure, Outcome};
use super::Desk;
use crate::audit::Action;
use crate::evidence::Hold;

/// Keep captures beyond their time, until they are released
#[derive(Debug, clap::Args)]
pub struct HoldArgs {
    /// Identifiers of captures, or their beginnings
    #[arg(required = true)]
    ids: Vec<String>,
    /// Why: a case number, a request
    #[arg(long)]
    reason: String,
}

/// Let captures go when their time is over
#[derive(Debug, clap::Args)]
pub struct ReleaseArgs {
    /// Identifiers of captures, or their beginnings
    #[arg(required = true)]
    ids: Vec<String>,
    /// Why
    #[arg(long)]
    reason: String,
}

fn reason(text: &str) -> Result<String, Failure> {
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(500).collect();
    if text.is_empty() { Err(Failure::Usage(anyhow!("the reason is empty; hint: a case number"))) } else { Ok(text) }
}

pub fn hold(args: &HoldArgs, desk: &Desk) -> Outcome {
    let reason = reason(&args.reason)?;
    for item in desk.chosen(&args.ids)? {
        desk.trail.record(Action::EvidenceHeld, &item.id, &[("reason", reason.clone())])?;
        let by = desk.trail.actor().to_owned();
        item.set_hold(&Hold { at: Timestamp::now(), by, reason: reason.clone() })?;
        eprintln!("{}: held", item.id);
    }
    Ok(Exit::Done)
}

pub fn release(args: &ReleaseArgs, desk: &Desk) -> Outcome {
    let reason = reason(&args.reason)?;
    for item in desk.chosen(&args.ids)? {
        desk.trail.record(Action::EvidenceReleased, &item.id, &[("reason", reason.clone())])?;
        let was = item.release()?;
        eprintln!("{}: {}", item.id, if was { "released" } else { "was not held" });
    }
    Ok(Exit::Done)
}
