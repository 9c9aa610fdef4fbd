//! `vigie check`: whether the service could start with a configuration, said without touching the network.

use std::path::PathBuf;

use super::exit::{Exit, Failure, Outcome};
use crate::config::read_config;

/// Check a configuration without touching the network; says every error at once
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  vigie check --config /etc/vigie/vigie.toml && systemctl reload vigie")]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/vigie/vigie.toml")]
    config: PathBuf,
}

pub fn run(args: &Args) -> Outcome {
    let config = read_config(&args.config).map_err(Failure::usage)?;
    eprintln!("{}: ok", config.file.display());
    Ok(Exit::Done)
}
