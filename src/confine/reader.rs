//! Who reads a document: a worker, or this process itself.

use super::{Ahead, ConfineError, Health, Pool};
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

    /// Reads `documents` one after another: [`Pool::ahead`], or [`extract`] without one.
    #[must_use]
    pub fn ahead<'a>(&'a self, documents: &'a [Input<'a>], limits: &'a Limits) -> ReadAhead<'a> {
        match self {
            Self::Confined(pool) => ReadAhead::Confined(pool.ahead(documents, limits)),
            Self::Here => ReadAhead::Here(documents, limits),
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

/// Documents on their way through a [`Reader`], in their order.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a thread has one at a time, on its stack")]
pub enum ReadAhead<'a> {
    /// Through worker processes.
    Confined(Ahead<'a>),
    /// Those that this process has still to read.
    Here(&'a [Input<'a>], &'a Limits),
}

impl ReadAhead<'_> {
    /// Reads the next document into `sink`, as [`Reader::extract`] does.
    ///
    /// # Errors
    /// If no worker could be had; nothing was delivered then, and the document is passed.
    ///
    /// # Panics
    /// If there is no next document.
    pub fn next(&mut self, sink: &mut dyn ContentSink) -> Result<Flow, ConfineError> {
        match self {
            Self::Confined(ahead) => ahead.next(sink),
            Self::Here(documents, limits) => {
                let next = documents[0];
                *documents = &documents[1..];
                Ok(extract(next, limits, sink))
            }
        }
    }
}
