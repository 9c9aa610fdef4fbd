//! How a scan goes, on standard error: a bar over all bytes where that is a terminal, and what is worth a line anywhere.

use std::io;
use std::sync::Mutex;

use indicatif::{HumanBytes, ProgressBar};

use super::inputs::Source;
use crate::cli::progress;
use crate::pipeline::Step;

/// The progress of a scan over its inputs.
pub struct Progress {
    bar: ProgressBar,
    inputs: usize,
    done: Mutex<usize>,
}

impl Progress {
    /// A bar over the sizes of all inputs; without a total where one of them is no file.
    pub fn over(inputs: &[Source]) -> Self {
        // Files are not asked for their sizes for nobody.
        let total = if progress::shown() { inputs.iter().map(Source::len).sum::<Option<u64>>() } else { None };
        let progress = Self { bar: progress::bytes(total, "scan"), inputs: inputs.len(), done: Mutex::new(0) };
        progress.say_done(0);
        progress
    }

    fn say_done(&self, done: usize) {
        if self.inputs > 1 {
            self.bar.set_message(format!("{done}/{}", self.inputs));
        }
    }

    /// Something happened while `input` was read.
    pub fn follow(&self, input: &Source, step: Step<'_>) {
        let line = match step {
            Step::Read(bytes) => return self.bar.inc(bytes),
            Step::Resumed(bytes) => {
                format!("{}: goes on behind {} that were read before", input.name(), HumanBytes(bytes))
            }
            Step::NotKept(error) => {
                format!("WARNING: {}: what is known of it so far could not be kept: {error}", input.name())
            }
        };
        self.bar.suspend(|| eprintln!("{}", line.escape_debug()));
    }

    /// An input is done with: `write` its report.
    pub fn done(&self, write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut done = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *done += 1;
        self.say_done(*done);
        self.bar.suspend(write)
    }

    /// Nothing more comes.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
