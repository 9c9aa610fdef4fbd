//! How many workers there are and what each may use.

use std::path::PathBuf;
use std::time::Duration;

/// How a [`Pool`](super::Pool) runs its workers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Processes at most; one for each thread that calls. Default: one for each core.
    pub workers: usize,
    /// The program to start, with `args`. Default: the file this process runs from, also if it was replaced since.
    pub program: Option<PathBuf>,
    /// The arguments that make the program a worker. [`WorkerLimits`] are appended as options.
    pub args: Vec<String>,
    /// Bytes of memory a worker may use beside the document itself. Default 512 MiB.
    pub memory: u64,
    /// The largest document taken, in bytes; a larger one is skipped as too large. Default 1 GiB.
    pub document: u64,
    /// How long a worker may go on after [`Limits::seconds`](crate::extract::Limits::seconds), at which it ought to
    /// stop by itself, before it is killed. Default 5 s.
    pub grace: Duration,
    /// Documents after which a worker is replaced, so that nothing a document left in it lasts. Default 1,000.
    pub documents: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            program: None,
            args: vec![WORKER_COMMAND.into()],
            memory: 512 << 20,
            document: 1 << 30,
            grace: Duration::from_secs(5),
            documents: 1_000,
        }
    }
}

/// The hidden command that makes the program a worker.
pub(super) const WORKER_COMMAND: &str = "__extract-worker";

/// What one worker may use, told to it on its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerLimits {
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes more that the parent may grant it for a large document.
    pub document: u64,
    /// Seconds of processor time in its whole life.
    pub cpu: u64,
}
