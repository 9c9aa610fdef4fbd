//! The workers of a program, lent to one caller at a time.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::ahead::Ahead;
use super::process::Worker;
use super::{ConfineError, Health, Settings};
use crate::extract::{Input, Limits};
use crate::model::{ContentSink, Flow};

/// Worker processes that read documents for the threads of this program: each caller has one to itself while it
/// reads, and waits where all are taken. Workers are started when they are first needed.
#[derive(Debug)]
pub struct Pool {
    pub(super) settings: Settings,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug)]
struct State {
    idle: Vec<Worker>,
    /// Lent, or being started.
    lent: usize,
    health: Health,
}

impl Pool {
    /// Starts the first worker, so that what is wrong with the set-up shows now and [`Pool::health`] knows.
    ///
    /// # Errors
    /// If no worker can be started.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let (first, missing) = Worker::start(&settings, &Limits::default()).map_err(io::Error::other)?;
        let state = State { idle: vec![first], lent: 0, health: health(missing) };
        Ok(Self { settings, state: Mutex::new(state), freed: Condvar::new() })
    }

    /// How far the workers are confined, as the one started last found it.
    #[must_use]
    pub fn health(&self) -> Health {
        self.lock().health.clone()
    }

    /// Reads a document into `sink`, as [`extract`](crate::extract::extract) does, in a worker. If the worker fails on
    /// it, what was delivered stands, and a skip of the whole document says what happened: `Time` or `Memory` where a
    /// limit was overrun, else `Quarantined`. Such a document is not to be tried again.
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
        self.ahead(&[Input { name, bytes }], limits).next(sink)
    }

    /// Reads `documents` one after another: small ones are handed to the worker together, and their answers come together,
    /// since for them waking it up costs more than the reading. For who judges one document while the next are read.
    #[must_use]
    pub fn ahead<'a>(&'a self, documents: &'a [Input<'a>], limits: &'a Limits) -> Ahead<'a> {
        Ahead::new(self, documents, limits)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker for so many documents.
    pub(super) fn lend(&self, documents: usize, limits: &Limits, choice: Choice) -> Result<Lease<'_>, ConfineError> {
        let workers = self.settings.workers.max(1);
        let mut state =
            self.freed.wait_while(self.lock(), |s| s.lent >= workers).unwrap_or_else(PoisonError::into_inner);
        state.lent += 1;
        let idle = state.idle.pop();
        drop(state);
        // From here on the lease gives the place back, whatever happens.
        let mut lease = Lease { pool: self, worker: None };
        lease.worker = idle.filter(|worker| choice == Choice::Any && worker.lasts(documents, &self.settings, limits));
        if lease.worker.is_none() {
            let (worker, missing) = Worker::start(&self.settings, limits)?;
            self.lock().health = health(missing);
            lease.worker = Some(worker);
        }
        Ok(lease)
    }
}

/// Which worker a document needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Any,
    /// One that has read nothing yet.
    New,
}

/// A place among the workers, and the worker. Dropped before it is given back, the worker is killed: it is in the
/// middle of something.
#[derive(Debug)]
pub(super) struct Lease<'p> {
    pool: &'p Pool,
    worker: Option<Worker>,
}

impl Lease<'_> {
    pub(super) fn worker(&mut self) -> &mut Worker {
        // Set from the moment a lease is returned until it is given back, which consumes it.
        self.worker.as_mut().expect("a lease has its worker")
    }

    pub(super) fn give_back(mut self) {
        // One that has had its last document goes now, with the memory it holds.
        if let Some(worker) = self.worker.take_if(|worker| !worker.is_retired()) {
            self.pool.lock().idle.push(worker);
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        drop(self.worker.take());
        self.pool.lock().lent -= 1;
        self.pool.freed.notify_one();
    }
}

fn health(missing: Vec<String>) -> Health {
    if missing.is_empty() { Health::Confined } else { Health::Degraded { why: missing } }
}
