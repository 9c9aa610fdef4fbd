//! `vigie check`: whether the service could start with a configuration, said without touching the network.
//!
//! Also looked for is what stands beside the file: secrets, certificates and folders of the channels.

use std::collections::BTreeSet;

use super::config_file::ConfigArgs;
use super::exit::{Exit, Failure, Outcome};
use crate::alert::channels::Surroundings;
use crate::config::{Config, look_over_channels, read_watchlists};
use crate::model::SystemId;

/// Check a configuration without touching the network; says every error at once
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  vigie check --config /etc/vigie/vigie.toml && systemctl reload vigie")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub fn run(args: &Args) -> Outcome {
    let config = args.config.read()?;
    let (_empty, store) = super::alerts::empty_store()?;
    look_over_channels(&config, &Surroundings { net: config.net.clone(), store }).map_err(Failure::usage)?;
    unwatched(&config);
    eprintln!("{}: ok", config.file.display());
    Ok(Exit::Done)
}

/// A channel that waits for a system nobody watches waits for ever. No error: the watchlist may come later.
fn unwatched(config: &Config) {
    let watchlists = read_watchlists(&config.watchlists);
    let records = watchlists.records.iter().map(|list| list.watchlist.id.clone());
    let watched: BTreeSet<SystemId> = records.chain(watchlists.terms.iter().map(|list| list.id.clone())).collect();
    for channel in &config.alert.channels {
        for system in channel.route.systems().iter().filter(|system| !watched.contains(*system)) {
            let name = &channel.name;
            eprintln!("note: channel `{name}` asks for `{system}`, of which there is no watchlist");
        }
    }
}
