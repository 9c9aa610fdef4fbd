//! `vigie completions`: what the shell needs to complete vigie's arguments.

use std::io::{Write, stdout};

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::Cli;
use super::exit::{Exit, Outcome};

/// Print the completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  vigie completions bash > /usr/share/bash-completion/completions/vigie")]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Args) -> Outcome {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "vigie", &mut script);
    stdout().write_all(&script)?;
    Ok(Exit::Done)
}
