//! `vigie run`: the service.

use super::config_file::ConfigArgs;
use super::exit::{Exit, Failure, Outcome};
use crate::{service, telemetry};

/// Run the service
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  vigie run --config /etc/vigie/vigie.toml

SIGTERM finishes what is in flight and stops; SIGHUP reads watchlists and sites again, and so does a
change of their files. What could not be finished is taken up at the next start: nothing is lost.")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub fn run(args: &Args) -> Outcome {
    let config = args.config.read()?;
    telemetry::init(&config.log).map_err(Failure::usage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(service::run(config))?;
    Ok(Exit::Done)
}
