//! `vigie alerts …`: what has been alerted, and who has taken it.

mod ack;
mod list;
mod show;

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Subcommand;

use super::exit::{Failure, Outcome};
use super::trail;
use crate::config::{Config, read_config};
use crate::model::Alert;
use crate::store::{Alerts, SqliteStore};

pub use show::describe;

/// List, show and acknowledge alerts
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie alerts list
  vigie alerts show 3f2a
  vigie alerts ack 3f2a")]
pub struct Args {
    /// The configuration file of the service
    #[arg(long, global = true, value_name = "FILE", default_value = "/etc/vigie/vigie.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Show(show::Args),
    Ack(ack::Args),
}

pub fn run(args: &Args) -> Outcome {
    let config = read_config(&args.config).map_err(Failure::usage)?;
    let store = open(&config)?;
    let trail = trail::open(&config)?;
    match &args.command {
        Command::List(args) => list::run(args, &store, &trail),
        Command::Show(args) => show::run(args, &store, &trail),
        Command::Ack(args) => ack::run(args, &store, &config, &trail),
    }
}

/// The service's database. The service may be running: it shares it.
fn open(config: &Config) -> Result<SqliteStore, Failure> {
    let file = config.database();
    if !file.is_file() {
        let message = format!("{} does not exist; hint: has the service run with this configuration?", file.display());
        return Err(Failure::Usage(anyhow!(message)));
    }
    Ok(SqliteStore::open(&file)?)
}

/// The one alert whose identifier begins like this.
pub(super) fn find(store: &SqliteStore, prefix: &str) -> Result<Alert, Failure> {
    let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    let prefix = prefix.to_ascii_lowercase();
    if prefix.is_empty() || !prefix.chars().all(hex) {
        return Err(Failure::Usage(anyhow!(
            "`{}` is no identifier; hint: see `vigie alerts list`",
            prefix.escape_debug()
        )));
    }
    let mut found = store.alerts_starting(&prefix).context("alerts cannot be read")?;
    match (found.pop(), found.len()) {
        (Some(alert), 0) => Ok(alert),
        (None, _) => Err(Failure::Usage(anyhow!("no alert begins with `{prefix}`; hint: see `vigie alerts list`"))),
        (Some(_), others) => {
            let message = format!("{} alerts begin with `{prefix}`; hint: give more of the identifier", others + 1);
            Err(Failure::Usage(anyhow!(message)))
        }
    }
}
