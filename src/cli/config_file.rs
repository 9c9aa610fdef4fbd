//! The one argument that most commands share: which configuration file. What stands in it is read by `config`.

use std::path::PathBuf;

use super::exit::Failure;
use crate::config::{Config, read_config};

/// Where the service's configuration is on a machine that has one.
pub const USUAL: &str = "/etc/vigie/vigie.toml";

/// `--config`.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// The configuration file of the service
    #[arg(long, global = true, value_name = "FILE", default_value = USUAL)]
    config: PathBuf,
}

impl ConfigArgs {
    /// What the file says, checked.
    ///
    /// # Errors
    /// Everything that is wrong in it, at once.
    pub fn read(&self) -> Result<Config, Failure> {
        if self.config.try_exists().is_ok_and(|exists| !exists) {
            let config = self.config.display();
            return Err(Failure::usage(anyhow::anyhow!(
                "{config}: there is no such file; hint: --config names another"
            )));
        }
        read_config(&self.config).map_err(Failure::usage)
    }
}
