//! Reading strangers' content in a process that can do nothing else.
//!
//! [`Pool`] stands in the program proper: it hands a document to a worker process of our own binary and passes what
//! comes back to the [`ContentSink`](crate::model::ContentSink), each frame checked. [`serve`] is the worker: it gives
//! up files, network, signals and new programs ([`sandbox`]), then calls [`extract`](crate::extract::extract) on what
//! it is handed. A worker that dies, overruns its time or memory, or breaks the protocol costs the one document it was
//! reading: that becomes a [`Skip`](crate::model::Skip), and the worker is replaced. [`Ahead`] hands over several small
//! ones at a time; what one of them does to the worker costs no other, since the others are read again.
//!
//! What is read and how is the affair of `extract`; what the content means, of whoever holds the sink. The reasons for
//! the shape of this room are in `docs/decisions/0007-confined-extraction.md`.

mod ahead;
mod outlet;
mod pool;
#[cfg(debug_assertions)]
mod probe;
mod process;
mod reader;
mod sandbox;
mod settings;
mod wire;
mod worker;

pub use ahead::{Ahead, SMALL};
pub use pool::Pool;
pub use reader::{ReadAhead, Reader};
pub use settings::{Settings, WorkerLimits};
pub use worker::serve;

use std::io;

/// How far the workers are confined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Everything holds: Landlock, seccomp, resource limits, no privileges.
    Confined,
    /// The workers run with what the kernel grants.
    Degraded {
        /// What is missing, one sentence each, fit for an operator.
        why: Vec<String>,
    },
}

/// Why a document could not be handed to a worker. Nothing is wrong with the document: try it again later.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The worker process could not be started.
    #[error(
        "the extraction worker cannot be started; hint: is the program still installed, are there processes and memory left?"
    )]
    Start(#[source] io::Error),
    /// What was started did not say that it is a worker of ours.
    #[error("the extraction worker did not come up: {0}; hint: workers must be of the same version as the service")]
    Hello(String),
}
