//! `vigie check`: whether the service could start with a configuration, said without touching the network.

use super::config_file::ConfigArgs;
use super::exit::{Exit, Outcome};

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
    eprintln!("{}: ok", config.file.display());
    Ok(Exit::Done)
}
