//! The command line: one file per command. Data goes to standard output, everything else to standard error.
//!
//! A command only reads its arguments, calls the rooms that do the work and prints what they say.

mod alerts;
mod audit;
mod check;
mod completions;
mod config_file;
mod demo;
mod evidence;
mod exit;
mod explain;
mod key;
mod man;
mod notify_agent;
mod progress;
mod run;
mod scan;
mod site;
mod site_status;
mod trail;
mod watchlist;
mod words;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Outcome;

/// Watches public places for an organisation's own leaked customer records and says which system they came from.
#[derive(Debug, Parser)]
#[command(name = "vigie", version, max_term_width = 100, after_help = EXAMPLES, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  vigie demo                            the whole job on this machine, with made-up customers
  vigie key generate --out vigie.key    make the secret that protects the indexes
  vigie watchlist build watchlists/crm --snapshot 2026-08-01 --key-file vigie.key export.csv
  vigie scan --watchlists watchlists --key-file vigie.key dump.zip
  vigie run --config vigie.toml         run the service

Exit codes: 0 done; 1 something was found (only with --exit-code); 2 usage or configuration;
3 the work could not be completed.";

/// What vigie can be asked to do.
#[derive(Debug, Subcommand)]
enum Command {
    Key(key::Args),
    Watchlist(watchlist::Args),
    Scan(scan::Args),
    Explain(explain::Args),
    Run(run::Args),
    Check(check::Args),
    Demo(demo::Args),
    Alerts(alerts::Args),
    Evidence(evidence::Args),
    Audit(audit::Args),
    NotifyAgent(notify_agent::Args),
    Site(site::Args),
    Completions(completions::Args),
    Man(man::Args),
    #[command(name = "__extract-worker", hide = true)]
    Worker(worker::Args),
}

/// Runs the program on its arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // clap knows which of its messages are answers (`--help`) and which are errors.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::DONE });
        }
    };
    exit::leave(dispatch(cli.command))
}

fn dispatch(command: Command) -> Outcome {
    match command {
        Command::Key(args) => key::run(&args),
        Command::Watchlist(args) => watchlist::run(&args),
        Command::Scan(args) => scan::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Alerts(args) => alerts::run(&args),
        Command::Evidence(args) => evidence::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::NotifyAgent(args) => notify_agent::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Site(args) => site::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Worker(args) => worker::run(&args),
    }
}
