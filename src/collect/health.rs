//! What is known of each site's reading: the figures behind "what can we see, and what can we not".

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use super::control::Planted;
use super::coverage::Trouble;
use super::cursor::Deleted;
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
    /// Posts accepted today (UTC), and on an average day before; nothing while there was none.
    pub posts_today: u64,
    /// See above.
    pub posts_a_day: Option<f64>,
    /// Seconds from posting to first sight, of the latest posts that say when they were posted.
    pub delays: VecDeque<f64>,
    /// What is wrong with the watch on this site, by kind.
    pub troubles: BTreeMap<&'static str, Trouble>,
    /// Posts that are no longer there, the latest last.
    pub deleted: Vec<Deleted>,
    /// The control post that was planted last, where they are planted.
    pub control: Option<Planted>,
    /// When the next visit is due.
    pub next_visit: Option<Timestamp>,
}

/// Delays kept for a site.
const DELAYS: usize = 64;

impl SiteHealth {
    pub(super) fn note_delay(&mut self, seconds: f64) {
        self.delays.push_back(seconds);
        if self.delays.len() > DELAYS {
            self.delays.pop_front();
        }
    }

    /// Median and 95th percentile of the seconds from posting to first sight, of the latest posts.
    #[must_use]
    pub fn delay(&self) -> Option<(f64, f64)> {
        let mut sorted: Vec<f64> = self.delays.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted.get(((sorted.len() as f64 - 1.0) * share).round() as usize).copied();
        Some((at(0.5)?, at(0.95)?))
    }
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
