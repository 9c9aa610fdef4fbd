//! `vigie evidence …`: the captures of matching posts. No command here can open one: the keys for that are elsewhere.

mod export;
mod hold;
mod list;
mod verify;

use clap::Subcommand;

use super::config_file::ConfigArgs;
use super::exit::{Failure, Outcome};
use super::trail;
use crate::audit::Trail;
use crate::config::Config;
use crate::evidence::{EvidenceError, Item, Items};

/// List, check, export and hold the evidence of matching posts
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie evidence list
  vigie evidence verify
  vigie evidence export 3f2a 77b0 --out case-2026-117.tar
  vigie evidence hold 3f2a --reason 'case 2026-117'

Captures are sealed to the recipients in the configuration; `age -d` opens them where their private keys are.
Every command is recorded in the audit log. docs/evidence.md says how a capture is checked without vigie.")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Verify(verify::Args),
    Export(export::Args),
    Hold(hold::HoldArgs),
    Release(hold::ReleaseArgs),
}

/// What every command needs.
struct Desk {
    config: Config,
    items: Items,
    trail: Trail,
}

pub fn run(args: &Args) -> Outcome {
    let config = args.config.read()?;
    let (items, trail) = (Items::of(&config.evidence_folder()), trail::open(&config)?);
    let desk = Desk { config, items, trail };
    match &args.command {
        Command::List(args) => list::run(args, &desk),
        Command::Verify(args) => verify::run(args, &desk),
        Command::Export(args) => export::run(args, &desk),
        Command::Hold(args) => hold::hold(args, &desk),
        Command::Release(args) => hold::release(args, &desk),
    }
}

impl Desk {
    /// The captures that are meant, each once.
    fn chosen(&self, ids: &[String]) -> Result<Vec<Item>, Failure> {
        let mut items: Vec<Item> = Vec::new();
        for id in ids {
            let item = self.items.starting(id).map_err(|error| match error {
                EvidenceError::Io { .. } => Failure::Incomplete(error.into()),
                _ => Failure::usage(error),
            })?;
            if !items.contains(&item) {
                items.push(item);
            }
        }
        Ok(items)
    }
}
