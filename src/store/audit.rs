//! The audit log's rows: appended, never changed. What an entry says and how entries are chained is the affair of
//! `audit`; here they are text with a number and a hash.

use super::StoreError;

/// The last entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// Its number; 0 before the first.
    pub seq: u64,
    /// Its hash; zeros before the first.
    pub hash: [u8; 32],
}

impl AuditHead {
    /// The head of a log without entries.
    pub const EMPTY: Self = Self { seq: 0, hash: [0; 32] };
}

/// One entry as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number.
    pub seq: u64,
    /// What it says.
    pub entry: String,
    /// Its hash, as kept beside it.
    pub hash: Vec<u8>,
}

/// A signed statement about the log as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCheckpoint {
    /// The entry it is about.
    pub seq: u64,
    /// What is signed.
    pub statement: String,
    /// The signature.
    pub signature: Vec<u8>,
}

/// Appending to and reading the log. Several processes may do so at once.
pub trait AuditLog: Send + Sync {
    /// Appends an entry: `make` is given the head and returns what the entry says and its hash. It is durable when this
    /// returns `Ok`.
    ///
    /// # Errors
    /// What `make` returns, or the store's own; nothing is kept then.
    fn append(
        &self,
        make: &mut dyn FnMut(AuditHead) -> Result<(String, [u8; 32]), StoreError>,
    ) -> Result<AuditHead, StoreError>;

    /// The head as kept; none where it was never written or was removed.
    ///
    /// # Errors
    /// When the store fails.
    fn head(&self) -> Result<Option<AuditHead>, StoreError>;

    /// Every entry after `seq` in order, until `each` returns false.
    ///
    /// # Errors
    /// When the store fails.
    fn each_after(&self, seq: u64, each: &mut dyn FnMut(AuditRow) -> bool) -> Result<(), StoreError>;

    /// Keeps a checkpoint; one of the same entry stays as it is.
    ///
    /// # Errors
    /// When the store fails.
    fn put_checkpoint(&self, checkpoint: &AuditCheckpoint) -> Result<(), StoreError>;

    /// The last entry that a checkpoint is about; 0 for none.
    ///
    /// # Errors
    /// When the store fails.
    fn signed_up_to(&self) -> Result<u64, StoreError>;

    /// The checkpoints, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    fn checkpoints(&self) -> Result<Vec<AuditCheckpoint>, StoreError>;
}
