//! Deleting what has been kept long enough. How long that is, is the operator's to say.

use jiff::Timestamp;

use super::StoreError;
use crate::model::AlertId;

/// Deleting by age.
pub trait Retention: Send + Sync {
    /// Deletes alerts that last changed before `before`, at most `limit` and the oldest first, with their documents,
    /// records and outbox entries; which they were. One with a delivery still to be made is left.
    ///
    /// # Errors
    /// When the store fails.
    fn forget_alerts(&self, before: Timestamp, limit: usize) -> Result<Vec<AlertId>, StoreError>;
}
