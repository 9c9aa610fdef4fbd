//! The audit log in SQLite: a file of its own, which can be copied and checked by itself.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::open;
use crate::store::{AuditCheckpoint, AuditHead, AuditLog, AuditRow, StoreError};

const STEPS: &[&str] = &[include_str!("audit_1.sql")];

/// Entries read at a time.
const PAGE: i64 = 1_000;

/// The log in one SQLite file.
pub struct SqliteAudit(Mutex<Connection>);

impl SqliteAudit {
    /// Opens the file, creating it if need be.
    ///
    /// # Errors
    /// When it cannot be opened, is damaged, or a later vigie has written to it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self(Mutex::new(open::open(path, STEPS)?)))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(&self, after: i64) -> Result<Vec<AuditRow>, StoreError> {
        let connection = self.connection();
        let mut query =
            connection.prepare_cached("SELECT seq, entry, hash FROM entry WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
        let rows = query.query_map(params![after, PAGE], |row| {
            // What was edited into another type is still an entry: one whose hash does not fit.
            let entry = row.get_ref(1)?.as_bytes().map(|text| String::from_utf8_lossy(text).into_owned());
            let hash = row.get_ref(2)?.as_bytes().map(<[u8]>::to_vec);
            let seq = row.get::<_, i64>(0)?;
            Ok(AuditRow { seq: seq as u64, entry: entry.unwrap_or_default(), hash: hash.unwrap_or_default() })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn head_of(connection: &Connection) -> Result<Option<AuditHead>, StoreError> {
    let row: Option<(i64, Vec<u8>)> = connection
        .prepare_cached("SELECT seq, hash FROM head WHERE one = 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((seq, hash)) = row else { return Ok(None) };
    let hash = hash.try_into().map_err(|_| StoreError::Unreadable { what: "head of the audit log" })?;
    Ok(Some(AuditHead { seq: seq as u64, hash }))
}

impl AuditLog for SqliteAudit {
    fn append(
        &self,
        make: &mut dyn FnMut(AuditHead) -> Result<(String, [u8; 32]), StoreError>,
    ) -> Result<AuditHead, StoreError> {
        let mut connection = self.connection();
        // IMMEDIATE: nobody else appends between reading the head and writing behind it.
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = head_of(&tx)?.unwrap_or(AuditHead::EMPTY);
        let (entry, hash) = make(before)?;
        let head = AuditHead { seq: before.seq + 1, hash };
        tx.prepare_cached("INSERT INTO entry (seq, entry, hash) VALUES (?1, ?2, ?3)")?.execute(params![
            head.seq as i64,
            entry,
            hash
        ])?;
        tx.prepare_cached("INSERT OR REPLACE INTO head (one, seq, hash) VALUES (1, ?1, ?2)")?
            .execute(params![head.seq as i64, hash])?;
        tx.commit()?;
        Ok(head)
    }

    fn head(&self) -> Result<Option<AuditHead>, StoreError> {
        head_of(&self.connection())
    }

    fn each_after(&self, seq: u64, each: &mut dyn FnMut(AuditRow) -> bool) -> Result<(), StoreError> {
        let mut after = seq as i64;
        loop {
            let page = self.page(after)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.seq as i64;
            if !page.into_iter().all(&mut *each) {
                return Ok(());
            }
        }
    }

    fn put_checkpoint(&self, checkpoint: &AuditCheckpoint) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached("INSERT OR IGNORE INTO checkpoint (seq, statement, signature) VALUES (?1, ?2, ?3)")?
            .execute(params![checkpoint.seq as i64, checkpoint.statement, checkpoint.signature])?;
        Ok(())
    }

    fn signed_up_to(&self) -> Result<u64, StoreError> {
        let connection = self.connection();
        let mut query = connection.prepare_cached("SELECT coalesce(max(seq), 0) FROM checkpoint")?;
        Ok(query.query_row([], |row| row.get::<_, i64>(0))? as u64)
    }

    fn checkpoints(&self) -> Result<Vec<AuditCheckpoint>, StoreError> {
        let connection = self.connection();
        let mut query = connection.prepare_cached("SELECT seq, statement, signature FROM checkpoint ORDER BY seq")?;
        let rows = query.query_map([], |row| {
            Ok(AuditCheckpoint { seq: row.get::<_, i64>(0)? as u64, statement: row.get(1)?, signature: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_appended_read_in_pages_and_never_changed() {
        let dir = tempfile::tempdir().unwrap();
        let log = SqliteAudit::open(&dir.path().join("audit.db")).unwrap();
        assert_eq!(log.head().unwrap(), None);
        for n in 0..2_500_u64 {
            let head = log.append(&mut |before| Ok((format!("after {}", before.seq), [n as u8; 32]))).unwrap();
            assert_eq!(head.seq, n + 1);
        }
        let refused = log.append(&mut |_| Err(StoreError::Refused("on purpose".into())));
        assert!(refused.is_err() && log.head().unwrap().unwrap().seq == 2_500);
        let mut read = Vec::new();
        let mut keep = |row: AuditRow| {
            read.push(row);
            true
        };
        log.each_after(10, &mut keep).unwrap();
        assert_eq!((read.len(), read[0].entry.as_str(), read[2_489].seq), (2_490, "after 10", 2_500));
        for sql in ["UPDATE entry SET entry = ''", "DELETE FROM entry WHERE seq = 3"] {
            assert!(log.connection().execute(sql, []).unwrap_err().to_string().contains("append-only"), "{sql}");
        }
        let first = AuditCheckpoint { seq: 7, statement: "s".into(), signature: vec![1] };
        log.put_checkpoint(&first).unwrap();
        log.put_checkpoint(&AuditCheckpoint { statement: "t".into(), ..first.clone() }).unwrap();
        assert_eq!((log.checkpoints().unwrap(), log.signed_up_to().unwrap()), (vec![first], 7));
    }
}
