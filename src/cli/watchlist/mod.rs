//! `vigie watchlist …`: what is looked for.

mod add;

use clap::Subcommand;

use super::exit::Outcome;

/// Build, list, check and remove watchlists; ask whether a value is in one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie watchlist build watchlists/crm --snapshot 2026-08-01 --key-file vigie.key export.csv
  vigie watchlist add watchlists/projects --word 'Projet Écluse'
  vigie watchlist check --watchlists watchlists --key-file vigie.key")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(add::Args),
}

pub fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::Add(args) => add::run(args),
    }
}
