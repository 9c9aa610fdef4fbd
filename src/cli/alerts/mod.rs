//! `vigie alerts …`: what has been alerted, who has taken it, and whether those who are to know have been told.

mod ack;
mod close;
mod dead;
mod list;
mod preview;
mod retry;
mod show;
mod test;

use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Subcommand;

use super::config_file::ConfigArgs;
use super::exit::{Failure, Outcome};
use super::trail;
use crate::alert::channels::{Kind, Surroundings, set_up};
use crate::alert::{Channel, ChannelSettings};
use crate::config::Config;
use crate::model::Alert;
use crate::store::{Alerts, SqliteStore, Store};

pub use show::describe;

/// List, show, acknowledge and close alerts; look after their delivery
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie alerts list
  vigie alerts show 3f2a
  vigie alerts ack 3f2a
  vigie alerts test cert-mail
  vigie alerts preview 3f2a cert-mail
  vigie alerts dead")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Show(show::Args),
    Ack(ack::Args),
    Close(close::Args),
    Test(test::Args),
    Preview(preview::Args),
    Dead(dead::Args),
    Retry(retry::Args),
}

pub fn run(args: &Args) -> Outcome {
    let config = args.config.read()?;
    if let Command::Test(args) = &args.command {
        // Works before the service has ever run.
        return waiting(test::run(args, &config));
    }
    let store = Arc::new(open(&config)?);
    let trail = trail::open(&config)?;
    match &args.command {
        Command::List(args) => list::run(args, &store, &trail),
        Command::Show(args) => show::run(args, &store, &trail),
        Command::Ack(args) => ack::run(args, &store, &config, &trail),
        Command::Close(args) => close::run(args, &store, &config, &trail),
        Command::Test(args) => waiting(test::run(args, &config)),
        Command::Preview(args) => waiting(preview::run(args, store, &config, &trail)),
        Command::Dead(args) => dead::run(args, &store, &trail),
        Command::Retry(args) => retry::run(args, &store, &config, &trail),
    }
}

/// Runs what needs the network to its end.
fn waiting(work: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// The settings of a channel.
fn channel_named<'c>(config: &'c Config, name: &str) -> Result<&'c ChannelSettings, Failure> {
    let channels = &config.alert.channels;
    channels.iter().find(|channel| channel.name == name).ok_or_else(|| {
        let known: Vec<_> = channels.iter().map(|channel| channel.name.as_str()).collect();
        let known =
            if known.is_empty() { "there are none".to_owned() } else { format!("there are {}", known.join(", ")) };
        Failure::Usage(anyhow!("no channel is called `{}`; hint: {known}", name.escape_debug()))
    })
}

/// The channel as the service would set it up. The service's own socket is left to the service.
fn opened(settings: &ChannelSettings, store: Arc<dyn Store>, config: &Config) -> Result<Arc<dyn Channel>, Failure> {
    if matches!(settings.kind, Kind::Stream(_)) {
        let message =
            format!("`{}` is the service's own socket; hint: read it with socat or notify-agent", settings.name);
        return Err(Failure::Usage(anyhow!(message)));
    }
    let surroundings = Surroundings { net: config.net.clone(), store };
    Ok(set_up(settings, &surroundings).with_context(|| format!("channel `{}` cannot be set up", settings.name))?)
}

/// A store with nothing in it, and its folder. No channel that can be set up beside the service looks into the store, and
/// the service may never have run.
pub(super) fn empty_store() -> anyhow::Result<(tempfile::TempDir, Arc<dyn Store>)> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(&folder.path().join("empty.db"))?);
    Ok((folder, store))
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
