//! `vigie run`: the service.

use std::path::PathBuf;

use super::exit::{Exit, Failure, Outcome};
use crate::config::read_config;
use crate::{service, telemetry};

/// Run the service
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  vigie run --config /etc/vigie/vigie.toml

SIGTERM finishes what is in flight and stops; SIGHUP reads watchlists and sites again, and so does a
change of their files. What could not be finished is taken up at the next start: nothing is lost.")]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/vigie/vigie.toml")]
    config: PathBuf,
}

pub fn run(args: &Args) -> Outcome {
    let config = read_config(&args.config).map_err(Failure::usage)?;
    telemetry::init(&config.log).map_err(Failure::usage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(service::run(config))?;
    Ok(Exit::Done)
}
