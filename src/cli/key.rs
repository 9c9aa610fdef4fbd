//! `vigie key …`: the secret that protects the indexes, and the arguments by which other commands are given it.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::exit::{Exit, Failure, Outcome};
use crate::fingerprint::{Key, KeyError, Keyring};

/// Make the secret key that protects the indexes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  vigie key generate --out vigie.key")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new random key in a file that only its owner may read; an existing file is never overwritten
    #[command(after_help = "\
Example:
  vigie key generate --out vigie.key

Whoever has the key and an index can find out whose records it holds. Keep the key apart from the
indexes, and a copy of it in a safe place: without it the indexes are worth nothing.")]
    Generate {
        /// The key file to make
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

pub fn run(args: &Args) -> Outcome {
    let Command::Generate { out } = &args.command;
    let key = Key::generate()?;
    key.save(out).map_err(|error| match error {
        KeyError::Exists { .. } => Failure::usage(error),
        error => Failure::from(error),
    })?;
    eprintln!("{}: key {}", out.display(), key.id());
    Ok(Exit::Done)
}

/// How a command is given its keys.
#[derive(Debug, Clone, clap::Args)]
pub struct KeyArgs {
    /// The key file, readable by its owner only
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// The key before it, while indexes are being rebuilt under the new one
    #[arg(long, value_name = "FILE")]
    previous_key_file: Option<PathBuf>,
}

impl KeyArgs {
    /// The keys. A key that cannot be used is the caller's mistake.
    pub fn keyring(&self) -> Result<Keyring, Failure> {
        keyring(&self.key_file, self.previous_key_file.as_deref()).map_err(Failure::usage)
    }
}

fn keyring(current: &Path, previous: Option<&Path>) -> Result<Keyring, KeyError> {
    let current = Key::load(current)?;
    Ok(match previous {
        Some(previous) => Keyring::rotating(current, Key::load(previous)?),
        None => Keyring::new(current),
    })
}
