//! Who reads a document: a worker, or this process itself.

use super::{ConfineError, Health, Pool};
use crate::extract::{Input, Limits, extract};
use crate::model::{ContentSink, Flow};

/// Reads documents, confined or not. The callers of both are the same.
#[derive(Debug)]
pub enum Reader {
    /// In worker processes.
    Confined(Pool),
    /// In this process, with all that it may do: for debugging, and for who has been told.
    Here,
}

impl Reader {
    /// Reads a document into `sink`: [`Pool::extract`], or [`extract`] without one.
    ///
    /// # Errors
    /// If no worker could be had; nothing was delivered then.
    pub fn extract(
        &self,
        name: &str,
        bytes: &[u8],
        limits: &Limits,
        sink: &mut dyn ContentSink,
    ) -> Result<Flow, ConfineError> {
        match self {
            Self::Confined(pool) => pool.extract(name, bytes, limits, sink),
            Self::Here => Ok(extract(Input { name, bytes }, limits, sink)),
        }
    }

    /// What of the confinement is missing, one sentence each, fit for an operator.
    #[must_use]
    pub fn concerns(&self) -> Vec<String> {
        let missing = match self {
            Self::Confined(pool) => match pool.health() {
                Health::Confined => Vec::new(),
                Health::Degraded { why } => why,
            },
            Self::Here => vec!["no sandbox".into()],
        };
        missing.into_iter().map(|why| format!("content is read without full confinement: {why}")).collect()
    }
}
