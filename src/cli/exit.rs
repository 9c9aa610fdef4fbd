//! How a command ends: its exit code and, on standard error, why.

use std::io;
use std::process::ExitCode;

use super::words::counted;
use crate::config::Problems;

/// Done.
pub const DONE: u8 = 0;
/// Something was found, and the caller asked to be told by the exit code.
pub const FOUND: u8 = 1;
/// Wrong usage or configuration.
pub const USAGE: u8 = 2;
/// The work could not be completed.
pub const INCOMPLETE: u8 = 3;

/// How a command went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Done, and something was found (with `--exit-code`).
    Found,
    /// Done as far as possible; what is missing has been said.
    Incomplete,
}

/// Why a command did not do its work.
#[derive(Debug)]
pub enum Failure {
    /// What was asked for or configured is wrong: asking again will not help.
    Usage(anyhow::Error),
    /// The work failed.
    Incomplete(anyhow::Error),
}

/// What every command returns.
pub type Outcome = Result<Exit, Failure>;

impl Failure {
    /// The caller's mistake.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::Usage(error.into())
    }
}

/// What fails, fails the work, unless a command says otherwise.
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Incomplete(error.into())
    }
}

/// Prints why, and turns the outcome into the exit code of the process.
pub fn leave(outcome: Outcome) -> ExitCode {
    let code = match outcome {
        Ok(Exit::Done) => DONE,
        Ok(Exit::Found) => FOUND,
        Ok(Exit::Incomplete) => INCOMPLETE,
        // Whoever reads our output has seen enough: that is no failure.
        Err(Failure::Incomplete(error)) if is_broken_pipe(&error) => DONE,
        Err(Failure::Incomplete(error)) => {
            complain(&error);
            INCOMPLETE
        }
        Err(Failure::Usage(error)) => {
            complain(&error);
            USAGE
        }
    };
    ExitCode::from(code)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

fn complain(error: &anyhow::Error) {
    if let Some(problems) = error.downcast_ref::<Problems>() {
        eprintln!("{problems}");
        eprintln!("{}", counted(problems.len() as u64, "problem"));
        return;
    }
    // Causes follow what they caused, unless it told them already; the last hint is the one to act on.
    let (mut what, mut advice) = (String::new(), None);
    for cause in error.chain().map(ToString::to_string) {
        let (said, hint) =
            cause.split_once("; hint: ").map_or((cause.as_str(), None), |(said, hint)| (said, Some(hint)));
        advice = hint.map(str::to_owned).or(advice);
        if what.contains(said) {
            continue;
        }
        if !what.is_empty() {
            what.push_str(": ");
        }
        what.push_str(said);
    }
    eprintln!("error: {what}");
    if let Some(hint) = advice {
        eprintln!("hint: {hint}");
    }
}
