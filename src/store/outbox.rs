//! The outbox: for every alert revision and channel, whether it has arrived.
//!
//! An entry is written in the transaction of its alert and leaves the pending state only by a [`Settlement`]. Entries
//! of one alert and channel are handed out strictly by revision: a later one waits until the former is settled.

use jiff::Timestamp;
use serde::Serialize;

use super::StoreError;
use crate::model::{Alert, AlertId, Change};

/// An entry to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The alert.
    pub alert: AlertId,
    /// Which revision of it is to be told.
    pub revision: u32,
    /// The channel's name in the configuration.
    pub channel: String,
    /// Why it is told.
    pub change: Change,
    /// Not before.
    pub due: Timestamp,
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryState {
    /// To be delivered, or tried again.
    Pending,
    /// The receiver has it.
    Delivered,
    /// Given up; a person has to look.
    Dead,
    /// No longer needed.
    Dropped,
}

/// An entry as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutboxEntry {
    /// The alert.
    pub alert: AlertId,
    /// Which revision of it.
    pub revision: u32,
    /// The channel's name in the configuration.
    pub channel: String,
    /// Why it is told.
    pub change: Change,
    /// Where it stands.
    pub state: EntryState,
    /// Deliveries tried so far.
    pub attempts: u32,
    /// When the next try is due.
    pub due: Timestamp,
    /// When the entry was written.
    pub created_at: Timestamp,
    /// Why the last try failed.
    pub reason: Option<String>,
    /// What the receiver calls the alert (an event or ticket number), from the latest delivery on this channel.
    pub reference: Option<String>,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it; what it calls it, if that is needed to update it later.
    Delivered {
        /// The receiver's own name of the alert.
        reference: Option<String>,
    },
    /// To be tried again.
    Retry {
        /// When.
        at: Timestamp,
        /// Why, in words; never a body or a secret.
        reason: String,
    },
    /// Given up.
    Dead {
        /// Why, in words; never a body or a secret.
        reason: String,
    },
    /// No longer needed.
    Dropped {
        /// Why, in words.
        reason: String,
    },
}

/// One try's end, to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The alert.
    pub alert: AlertId,
    /// Which revision of it.
    pub revision: u32,
    /// The channel.
    pub channel: String,
    /// How it ended.
    pub outcome: Outcome,
    /// When it ended.
    pub at: Timestamp,
}

/// Which entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxFilter {
    /// Only this alert's.
    pub alert: Option<AlertId>,
    /// Only this channel's.
    pub channel: Option<String>,
    /// Only those in this state.
    pub state: Option<EntryState>,
    /// At most so many; 0 for the default of 1,000.
    pub limit: usize,
}

/// Reading and settling entries.
pub trait Outbox: Send + Sync {
    /// Entries of a channel that are due, each with the alert as it was at its revision; the first revision of an
    /// alert that is not settled yet only, the longest due first.
    ///
    /// # Errors
    /// When the store fails.
    fn due(&self, channel: &str, now: Timestamp, limit: usize) -> Result<Vec<(OutboxEntry, Alert)>, StoreError>;

    /// Per channel with pending entries, when the earliest is due.
    ///
    /// # Errors
    /// When the store fails.
    fn next_due(&self) -> Result<Vec<(String, Timestamp)>, StoreError>;

    /// Keeps how tries ended, all in one transaction. Those for entries that are no longer pending change nothing.
    ///
    /// # Errors
    /// When the store fails; nothing is kept then.
    fn settle(&self, settlements: &[Settlement]) -> Result<(), StoreError>;

    /// Makes dead entries pending again, and due those that wait after a failure; returns how many.
    ///
    /// # Errors
    /// When the store fails.
    fn revive(&self, filter: &OutboxFilter, due: Timestamp) -> Result<u64, StoreError>;

    /// Entries, the latest written first.
    ///
    /// # Errors
    /// When the store fails.
    fn entries(&self, filter: &OutboxFilter) -> Result<Vec<OutboxEntry>, StoreError>;

    /// How many entries are pending and how many are dead.
    ///
    /// # Errors
    /// When the store fails.
    fn outbox_counts(&self) -> Result<(u64, u64), StoreError>;
}
