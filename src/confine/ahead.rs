//! Several documents on their way through a worker: small ones together, and what one of them does to the worker held
//! against no other.

use super::ConfineError;
use super::pool::{Choice, Lease, Pool};
use super::process::Outcome;
use super::wire::MAX_NAME;
use crate::extract::{Input, Limits};
use crate::model::{ContentSink, Flow, Skip, SkipReason};

/// The largest document that is handed over together with others, in bytes.
pub const SMALL: usize = 64 << 10;

/// Documents handed over together, at most, and their bytes.
const TOGETHER: (usize, usize) = (32, 256 << 10);

/// Bytes that go before a document, at most, where no passwords do.
const HEAD: usize = MAX_NAME + 256;

/// Documents that are read one after another, in their order.
#[derive(Debug)]
pub struct Ahead<'a> {
    pool: &'a Pool,
    limits: &'a Limits,
    /// Those not read yet.
    documents: &'a [Input<'a>],
    /// How many of these a worker has.
    handed: usize,
    /// The worker that has them.
    lease: Option<Lease<'a>>,
    /// Whether each goes alone: a worker died with several in its hands, and it is to show of which one.
    alone: bool,
}

impl<'a> Ahead<'a> {
    pub(super) fn new(pool: &'a Pool, documents: &'a [Input<'a>], limits: &'a Limits) -> Self {
        Self { pool, limits, documents, handed: 0, lease: None, alone: false }
    }

    /// Reads the next document into `sink`, as [`Pool::extract`] does. A document that a worker had when it died of another
    /// is read again: where it does not show of which one it died, each is read alone.
    ///
    /// # Errors
    /// If no worker could be had; nothing was delivered then, and the document is passed.
    ///
    /// # Panics
    /// If there is no next document.
    pub fn next(&mut self, sink: &mut dyn ContentSink) -> Result<Flow, ConfineError> {
        let read = self.read(sink);
        self.documents = &self.documents[1..];
        read
    }

    fn read(&mut self, sink: &mut dyn ContentSink) -> Result<Flow, ConfineError> {
        let settings = &self.pool.settings;
        let size = self.documents[0].bytes.len();
        if size as u64 > settings.document {
            let detail = format!("{size} bytes, of which at most {} are read at once", settings.document);
            sink.skipped(Skip::new("", SkipReason::TooLarge, detail));
            return Ok(Flow::Go);
        }
        let mut choice = Choice::Any;
        loop {
            let more = if self.handed == 0 { self.take_up(choice)? } else { &[] };
            // Taken up above, or with a document before.
            let mut lease = self.lease.take().expect("documents that are handed over have a worker");
            let outcome = lease.worker().extract(more, self.limits, settings.grace, sink);
            if let Outcome::Died { innocent: true, .. } = outcome {
                // It may have died of what an earlier document did to it, of a later one, or while it waited: a new one
                // will tell.
                self.alone |= self.handed > 1;
                (self.handed, choice) = (0, Choice::New);
                continue;
            }
            self.handed -= 1;
            let flow = match outcome {
                Outcome::Done(flow) if self.handed == 0 => {
                    lease.give_back();
                    return Ok(flow);
                }
                Outcome::Done(flow) => {
                    self.lease = Some(lease);
                    return Ok(flow);
                }
                Outcome::Stopped => Flow::Stop,
                Outcome::Died { skip, .. } => {
                    sink.skipped(skip);
                    Flow::Stop
                }
            };
            // The worker goes with the lease, and with it what else it had.
            self.handed = 0;
            return Ok(flow);
        }
    }

    /// Finds a worker and says which documents it is to be handed.
    fn take_up(&mut self, choice: Choice) -> Result<&'a [Input<'a>], ConfineError> {
        let most = if self.alone || !self.limits.passwords.is_empty() { 1 } else { TOGETHER.0 };
        let settings = &self.pool.settings;
        let most = most.min(settings.documents as usize).clamp(1, self.documents.len());
        let largest = settings.document.min(SMALL as u64);
        let mut lease = self.pool.lend(most, self.limits, choice)?;
        let mut room = lease.worker().room().min(TOGETHER.1);
        let fits = |document: &&Input<'_>| {
            let weight = document.bytes.len() + HEAD;
            let fits = document.bytes.len() as u64 <= largest && weight <= room;
            room = room.saturating_sub(weight);
            fits
        };
        self.handed = self.documents[..most].iter().take_while(fits).count().max(1);
        self.lease = Some(lease);
        Ok(&self.documents[..self.handed])
    }
}
