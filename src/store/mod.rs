//! What has to be known after a crash: posts seen, cursors of sites, incidents with their alerts, and the outbox.
//!
//! One narrow trait per concern, no SQL here: that stands in [`sqlite`]. Every call blocks (a few microseconds for
//! reads, an fsync for writes): async callers go through `spawn_blocking` or a thread of their own. Everything kept
//! here is fit to be shown to an analyst: rows are masked, records are keyed numbers.

pub mod audit;
pub mod cursor;
pub mod incident;
pub mod outbox;
pub mod retention;
pub mod seen;
pub mod sqlite;

#[cfg(test)]
pub(crate) mod contract;

use std::error::Error;
use std::path::PathBuf;

pub use audit::{AuditCheckpoint, AuditHead, AuditLog, AuditRow};
pub use cursor::{Cursor, Cursors};
pub use incident::{
    AlertFilter, Alerts, Incident, IncidentDocument, IncidentTx, Incidents, Links, RecordCounts, RecordOverlap,
};
pub use outbox::{EntryState, NewEntry, Outbox, OutboxEntry, OutboxFilter, Outcome, Settlement};
pub use retention::Retention;
pub use seen::{FilteredSeen, SeenMark, SeenPosts};
pub use sqlite::SqliteStore;
pub use sqlite::audit::SqliteAudit;

/// Everything one back-end offers. Stages ask for the narrow trait they need; `pipeline` holds this.
pub trait Store: SeenPosts + Cursors + Incidents + Alerts + Outbox + Retention {}

impl<T: SeenPosts + Cursors + Incidents + Alerts + Outbox + Retention> Store for T {}

/// Why the store could not do what was asked. After any of these nothing of the call has been kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened at all.
    #[error("cannot open the database {}; hint: check that the folder exists, is writable and on a local disk", path.display())]
    Open {
        /// Its file.
        path: PathBuf,
        /// What the back-end says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A later vigie has written here.
    #[error(
        "the database has schema {found}, this vigie knows up to {known}; hint: run the newer vigie, or restore the backup made before the upgrade"
    )]
    NewerSchema {
        /// Version found.
        found: i64,
        /// Newest version known.
        known: i64,
    },
    /// Somebody else holds the database for too long.
    #[error("the database is busy; hint: look for another vigie or a backup that holds it")]
    Busy,
    /// No room is left.
    #[error("no room left for the database; hint: free disk space, nothing accepted is lost meanwhile")]
    Full,
    /// The file is damaged.
    #[error("the database is damaged; hint: stop vigie, keep the file, restore the last backup")]
    Damaged,
    /// What is stored cannot be read back.
    #[error("a stored {what} cannot be read back; hint: was the database edited by hand?")]
    Unreadable {
        /// What kind of thing.
        what: &'static str,
    },
    /// What the caller composed inside the transaction cannot be kept.
    #[error("not kept: {0}")]
    Refused(String),
    /// Anything else.
    #[error("the database failed")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody's doing.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::Full | Self::Backend(_))
    }
}
