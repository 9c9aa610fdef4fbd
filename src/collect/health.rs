//! What is known of each site's reading: the figures behind "what can we see, and what can we not".

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use crate::model::SiteId;

/// How one site fares. Counters run since the start of the process.
#[derive(Debug, Clone, Default, Serialize, PartialEq)]
pub struct SiteHealth {
    /// Visits begun.
    pub visits: u64,
    /// When the last visit began.
    pub last_visit: Option<Timestamp>,
    /// When the last visit ended well.
    pub last_success: Option<Timestamp>,
    /// Visits that failed since.
    pub failures: u32,
    /// What the last failure was; empty after a success. Names the host at most.
    pub last_error: String,
    /// Failures by kind.
    pub errors: BTreeMap<&'static str, u64>,
    /// Requests sent.
    pub requests: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Posts accepted.
    pub posts: u64,
    /// When the last post was accepted.
    pub last_post: Option<Timestamp>,
    /// Entries that could not be read yet and will be tried again.
    pub waiting: u64,
    /// Parts not read, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Pages whose mark-up had to be cut to be read.
    pub cut_pages: u64,
    /// Next pages that turned out to be pages already read.
    pub repeated_pages: u64,
    /// Pages on which a described field stood nowhere, by field: a sign of a changed layout.
    pub misread: BTreeMap<&'static str, u64>,
    /// When the next visit is due.
    pub next_visit: Option<Timestamp>,
}

/// The figures of all sites.
#[derive(Debug, Default)]
pub struct HealthBoard(Mutex<BTreeMap<SiteId, SiteHealth>>);

impl HealthBoard {
    /// The figures as they stand.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<SiteId, SiteHealth> {
        self.lock().clone()
    }

    pub(super) fn update(&self, site: &SiteId, change: impl FnOnce(&mut SiteHealth)) {
        change(self.lock().entry(site.clone()).or_default());
    }

    pub(super) fn remove(&self, site: &SiteId) {
        self.lock().remove(site);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<SiteId, SiteHealth>> {
        // Counters only: a panic elsewhere leaves them at worst one short.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
