//! Deleting alerts from SQLite. What hangs on an incident goes with it (`ON DELETE CASCADE`), and `secure_delete`
//! overwrites it.

use jiff::Timestamp;
use rusqlite::params;

use super::{SqliteStore, micros};
use crate::model::AlertId;
use crate::store::{Retention, StoreError};

impl Retention for SqliteStore {
    fn forget_alerts(&self, before: Timestamp, limit: usize) -> Result<Vec<AlertId>, StoreError> {
        let writer = self.writer();
        let mut query = writer.prepare_cached(
            "DELETE FROM incident WHERE number IN (
                 SELECT i.number FROM incident i WHERE i.updated_at < ?1
                 AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.incident = i.number AND o.state = 0)
                 ORDER BY i.updated_at, i.number LIMIT ?2)
             RETURNING id",
        )?;
        let mut rows = query.query(params![micros(before), limit as i64])?;
        let mut forgotten = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row.get_ref(0)?.as_str().unwrap_or_default();
            forgotten.push(id.parse().map_err(|_| StoreError::Unreadable { what: "alert id" })?);
        }
        Ok(forgotten)
    }
}
