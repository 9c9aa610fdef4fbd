//! Incidents: an alert with what it was made from, so that the next document of the same incident joins it.
//!
//! All writing happens in one transaction per group of verdicts ([`Incidents::transact`]): alert, outbox entries and
//! the mark of the post stand together or not at all. Which incident a document joins is decided in `alert`; here are
//! only the look-ups that decision needs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::outbox::NewEntry;
use super::seen::SeenMark;
use crate::model::{
    Alert, AlertId, AlertState, ConcernedRecord, DocumentSummary, FieldKind, MaskedRow, PostId, SystemAttribution,
    SystemId, TermMatch, Verdict,
};

/// What one document brought to its incident; the alert is computed anew from all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentDocument {
    /// As shown in the alert.
    pub summary: DocumentSummary,
    /// Its own verdict.
    pub verdict: Verdict,
    /// Its own attribution, without `refs`.
    pub attribution: Vec<SystemAttribution>,
    /// Its own probability that no watched system is the origin.
    pub outside: f64,
    /// Its rows that matched no record of the likeliest system.
    pub unmatched_rows: u64,
    /// A few masked rows.
    pub sample: Vec<MaskedRow>,
    /// Terms found in it.
    pub terms: Vec<TermMatch>,
}

/// An alert and the documents it stands on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// As last told.
    pub alert: Alert,
    /// Oldest first.
    pub documents: Vec<IncidentDocument>,
}

/// By what a later document finds its incident.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// Posts that belong to it.
    pub posts: Vec<PostId>,
    /// Hashes of its documents, hex.
    pub hashes: Vec<String>,
    /// Threads it was posted in.
    pub threads: Vec<String>,
}

/// What adding records to an incident led to, over all its documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// Distinct records of the system in the incident, now.
    pub records: u64,
    /// How many of them were not there before.
    pub new: u64,
    /// For each kind of data, of how many records it is shown.
    pub by_kind: BTreeMap<FieldKind, u64>,
}

/// An incident that holds records which a document shows too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordOverlap {
    /// The incident.
    pub alert: AlertId,
    /// Records in both.
    pub shared: u64,
    /// Records in the incident.
    pub held: u64,
}

/// One transaction: what it reads is what it has written and what was there before, and nobody else writes meanwhile.
pub trait IncidentTx {
    /// Keeps that a post's verdict stands.
    ///
    /// # Errors
    /// When the store fails.
    fn mark_seen(&mut self, mark: &SeenMark) -> Result<(), StoreError>;

    /// The incident with its documents.
    ///
    /// # Errors
    /// When the store fails.
    fn incident(&mut self, id: AlertId) -> Result<Option<Incident>, StoreError>;

    /// Incidents a post belongs to, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    fn by_post(&mut self, post: &PostId) -> Result<Vec<AlertId>, StoreError>;

    /// Incidents a document of this hash belongs to, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    fn by_hash(&mut self, blake3: &str) -> Result<Vec<AlertId>, StoreError>;

    /// Incidents posted in a thread, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    fn by_thread(&mut self, thread: &str) -> Result<Vec<AlertId>, StoreError>;

    /// Incidents updated since `since` that hold any of these records of `system`, in no order. `records` ascend by
    /// number, each once.
    ///
    /// # Errors
    /// When the store fails.
    fn by_records(
        &mut self,
        system: &SystemId,
        records: &[ConcernedRecord],
        since: Timestamp,
    ) -> Result<Vec<RecordOverlap>, StoreError>;

    /// Adds a document's records of `system` to an incident, each counted once over all documents, its kinds united.
    /// `records` ascend by number, each once.
    ///
    /// # Errors
    /// When the store fails.
    fn add_records(
        &mut self,
        id: AlertId,
        system: &SystemId,
        records: &[ConcernedRecord],
    ) -> Result<RecordCounts, StoreError>;

    /// The counts as they stand, for every system with records in the incident.
    ///
    /// # Errors
    /// When the store fails.
    fn record_counts(&mut self, id: AlertId) -> Result<BTreeMap<SystemId, RecordCounts>, StoreError>;

    /// Gives all records and links of one incident to another, which keeps its own; the first has none any more.
    ///
    /// # Errors
    /// When the store fails, or does not know one of them.
    fn absorb(&mut self, into: AlertId, from: AlertId) -> Result<(), StoreError>;

    /// Keeps the incident as it stands now, replacing what was kept of it, and its links in addition to those kept.
    ///
    /// # Errors
    /// When the store fails.
    fn save(&mut self, incident: &Incident, links: &Links) -> Result<(), StoreError>;

    /// The channels that have entries of this alert: `true` for one that has been told or is being told, `false` for
    /// one whose first entry nobody has tried and that is not due at `now`. Dropped entries do not count.
    ///
    /// # Errors
    /// When the store fails.
    fn told(&mut self, id: AlertId, now: Timestamp) -> Result<BTreeMap<String, bool>, StoreError>;

    /// Puts an entry into the outbox, to carry the alert as it was last saved in this transaction. An entry of the
    /// same alert, revision and channel stays as it is. Earlier ones of the alert and channel that nobody has tried
    /// and that are due later than now give way to it: it says what they would have said, and more.
    ///
    /// # Errors
    /// When the store fails.
    fn enqueue(&mut self, entry: &NewEntry) -> Result<(), StoreError>;
}

/// Writing, one transaction at a time.
pub trait Incidents: Send + Sync {
    /// Runs `work` in a transaction. It is durable when this returns `Ok`, and undone when `work` or the store fails.
    /// A writer pays one fsync per call, whatever `work` does: put many verdicts into one.
    ///
    /// # Errors
    /// What `work` returns, or the store's own.
    fn transact(&self, work: &mut dyn FnMut(&mut dyn IncidentTx) -> Result<(), StoreError>) -> Result<(), StoreError>;
}

/// Which alerts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Only those in this state.
    pub state: Option<AlertState>,
    /// Only those updated at or after.
    pub updated_since: Option<Timestamp>,
    /// At most so many; 0 for the default of 100.
    pub limit: usize,
}

/// Reading alerts.
pub trait Alerts: Send + Sync {
    /// An alert as last told.
    ///
    /// # Errors
    /// When the store fails.
    fn alert(&self, id: AlertId) -> Result<Option<Alert>, StoreError>;

    /// Alerts whose id begins with `prefix` (lower-case hex, with or without hyphens), at most ten.
    ///
    /// # Errors
    /// When the store fails.
    fn alerts_starting(&self, prefix: &str) -> Result<Vec<Alert>, StoreError>;

    /// Alerts as last told, the most recently updated first.
    ///
    /// # Errors
    /// When the store fails.
    fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, StoreError>;
}
