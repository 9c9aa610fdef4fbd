//! `vigie watchlist …`: what is looked for.

mod add;
mod build;
mod check;
mod explain;
mod list;
mod remove;

use std::path::PathBuf;

use clap::Subcommand;
use jiff::civil::Date;

use super::exit::{Failure, Outcome};
use crate::fingerprint::Countries;

/// Build, list, check and remove watchlists; ask whether a value is in one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie watchlist build watchlists/crm --snapshot 2026-08-01 --key-file vigie.key export.csv
  vigie watchlist add watchlists/projects --word 'Projet Écluse'
  vigie watchlist check --watchlists watchlists --key-file vigie.key
  vigie watchlist explain 'J. Dupont@Example.com' --watchlists watchlists --key-file vigie.key")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(build::Args),
    List(list::Args),
    Check(check::Args),
    Remove(remove::Args),
    Explain(explain::Args),
    Add(add::Args),
}

pub fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::Build(args) => build::run(args),
        Command::Check(args) => check::run(args),
        Command::List(args) => list::run(args),
        Command::Remove(args) => remove::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Add(args) => add::run(args),
    }
}

/// What is said of an export whose day is to come.
const IN_FUTURE: &str = "dated in the future; hint: check that date, or this machine's clock";

/// Where the watchlists are.
#[derive(Debug, Clone, clap::Args)]
pub struct WatchlistsArg {
    /// The folder of watchlists
    #[arg(long, value_name = "FOLDER", default_value = "watchlists")]
    pub watchlists: PathBuf,
}

/// Which countries' national forms are read.
#[derive(Debug, Clone, clap::Args)]
pub struct CountryArgs {
    /// Countries whose national phone numbers and postcodes are read, likeliest first
    #[arg(long = "countries", value_name = "CODES", value_delimiter = ',', default_value = "FR")]
    countries: Vec<String>,
}

impl CountryArgs {
    /// The countries, if all are known.
    pub fn countries(&self) -> Result<Countries, Failure> {
        Countries::from_codes(&self.countries).map_err(Failure::usage)
    }
}

/// The day of a snapshot, as `--snapshot` takes it.
fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "not a day of the calendar; hint: written as in 2026-08-31".to_owned())
}

/// Several paths as one name in a message.
fn one(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
