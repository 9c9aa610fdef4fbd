//! The outbox in SQLite.

use jiff::Timestamp;
use rusqlite::{Row, TransactionBehavior, params};

use super::{SqliteStore, from_json, from_micros, micros};
use crate::model::{Alert, Change};
use crate::store::{EntryState, Outbox, OutboxEntry, OutboxFilter, Outcome, Settlement, StoreError};

const PENDING: i64 = 0;
const DELIVERED: i64 = 1;
const DEAD: i64 = 2;
const DROPPED: i64 = 3;

fn code(state: EntryState) -> i64 {
    match state {
        EntryState::Pending => PENDING,
        EntryState::Delivered => DELIVERED,
        EntryState::Dead => DEAD,
        EntryState::Dropped => DROPPED,
    }
}

/// The columns that [`entry`] reads, with the reference of the latest delivery of the alert on the channel.
const COLUMNS: &str = "i.id, o.revision, o.channel, o.state, o.attempts, o.due, o.created_at, o.reason,
    (SELECT r.reference FROM outbox r WHERE r.incident = o.incident AND r.channel = o.channel
        AND r.reference IS NOT NULL ORDER BY r.revision DESC LIMIT 1),
    o.change";

fn change(name: &str) -> Result<Change, StoreError> {
    use Change::{Acknowledged, Closed, Digest, Escalated, Raised, Test, Updated};
    let known = [Raised, Updated, Acknowledged, Closed, Escalated, Digest, Test];
    known.into_iter().find(|c| c.name() == name).ok_or(StoreError::Unreadable { what: "change" })
}

fn entry(row: &Row<'_>) -> Result<OutboxEntry, StoreError> {
    let id = row.get_ref(0)?.as_str().unwrap_or_default();
    Ok(OutboxEntry {
        alert: id.parse().map_err(|_| StoreError::Unreadable { what: "alert id" })?,
        revision: row.get(1)?,
        channel: row.get(2)?,
        state: match row.get(3)? {
            PENDING => EntryState::Pending,
            DELIVERED => EntryState::Delivered,
            DEAD => EntryState::Dead,
            _ => EntryState::Dropped,
        },
        attempts: row.get(4)?,
        due: from_micros(row.get(5)?),
        created_at: from_micros(row.get(6)?),
        reason: row.get(7)?,
        reference: row.get(8)?,
        change: change(row.get_ref(9)?.as_str().unwrap_or_default())?,
    })
}

impl Outbox for SqliteStore {
    fn due(&self, channel: &str, now: Timestamp, limit: usize) -> Result<Vec<(OutboxEntry, Alert)>, StoreError> {
        let reader = self.reader();
        // An earlier pending revision of the same alert holds the later ones back: order is kept per alert.
        let mut query = reader.prepare_cached(&format!(
            "SELECT {COLUMNS}, t.alert FROM outbox o
             JOIN incident i ON i.number = o.incident
             JOIN told t ON t.incident = o.incident AND t.revision = o.revision
             WHERE o.state = 0 AND o.channel = ?1 AND o.due <= ?2 AND NOT EXISTS (
                 SELECT 1 FROM outbox e WHERE e.incident = o.incident AND e.channel = o.channel
                 AND e.revision < o.revision AND e.state = 0)
             ORDER BY o.due, o.incident LIMIT ?3"
        ))?;
        let mut rows = query.query(params![channel, micros(now), limit as i64])?;
        let mut due = Vec::new();
        while let Some(row) = rows.next()? {
            due.push((entry(row)?, from_json("alert", row.get_ref(10)?.as_str().unwrap_or_default())?));
        }
        Ok(due)
    }

    fn next_due(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let reader = self.reader();
        let mut query =
            reader.prepare_cached("SELECT channel, min(due) FROM outbox WHERE state = 0 GROUP BY channel")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, from_micros(row.get(1)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn settle(&self, settlements: &[Settlement]) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut update = tx.prepare_cached(
                "UPDATE outbox SET state = ?4, attempts = attempts + 1, due = coalesce(?5, due), reason = ?6,
                     reference = coalesce(?7, reference), settled_at = ?8
                 WHERE incident = (SELECT number FROM incident WHERE id = ?1) AND channel = ?2 AND revision = ?3
                     AND state = 0",
            )?;
            for s in settlements {
                let (state, due, reason, reference) = match &s.outcome {
                    Outcome::Delivered { reference } => (DELIVERED, None, None, reference.as_deref()),
                    Outcome::Retry { at, reason } => (PENDING, Some(micros(*at)), Some(reason.as_str()), None),
                    Outcome::Dead { reason } => (DEAD, None, Some(reason.as_str()), None),
                    Outcome::Dropped { reason } => (DROPPED, None, Some(reason.as_str()), None),
                };
                let id = s.alert.to_string();
                update.execute(params![id, s.channel, s.revision, state, due, reason, reference, micros(s.at)])?;
            }
        }
        Ok(tx.commit()?)
    }

    fn revive(&self, filter: &OutboxFilter, due: Timestamp) -> Result<u64, StoreError> {
        let revived = self.writer().execute(
            "UPDATE outbox SET state = 0, due = ?3, attempts = 0
             WHERE (state = 2 OR (state = 0 AND attempts > 0 AND due > ?3))
             AND (?1 IS NULL OR incident = (SELECT number FROM incident WHERE id = ?1))
             AND (?2 IS NULL OR channel = ?2)",
            params![filter.alert.map(|id| id.to_string()), filter.channel, micros(due)],
        )?;
        Ok(revived as u64)
    }

    fn entries(&self, filter: &OutboxFilter) -> Result<Vec<OutboxEntry>, StoreError> {
        let reader = self.reader();
        let mut query = reader.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM outbox o JOIN incident i ON i.number = o.incident
             WHERE (?1 IS NULL OR i.id = ?1) AND (?2 IS NULL OR o.channel = ?2) AND (?3 IS NULL OR o.state = ?3)
             ORDER BY o.created_at DESC, o.incident DESC, o.revision DESC LIMIT ?4"
        ))?;
        let limit = if filter.limit == 0 { 1_000 } else { filter.limit as i64 };
        let alert = filter.alert.map(|id| id.to_string());
        let mut rows = query.query(params![alert, filter.channel, filter.state.map(code), limit])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(entry(row)?);
        }
        Ok(entries)
    }

    fn outbox_counts(&self) -> Result<(u64, u64), StoreError> {
        let count = |state: i64| -> Result<u64, StoreError> {
            let sql = if state == PENDING {
                "SELECT count(*) FROM outbox WHERE state = 0"
            } else {
                "SELECT count(*) FROM outbox WHERE state = 2"
            };
            Ok(self.reader().prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))? as u64)
        };
        Ok((count(PENDING)?, count(DEAD)?))
    }
}
