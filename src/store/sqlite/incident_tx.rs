//! The writing transaction in SQLite.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

use super::alerts::state_name;
use super::{SqliteStore, from_json, json, micros, records, seen};
use crate::model::{AlertId, ConcernedRecord, PostId, SystemId};
use crate::store::{
    Incident, IncidentTx, Incidents, Links, NewEntry, RecordCounts, RecordOverlap, SeenMark, StoreError,
};

const POST: i64 = 0;
const HASH: i64 = 1;
const THREAD: i64 = 2;

impl Incidents for SqliteStore {
    fn transact(&self, work: &mut dyn FnMut(&mut dyn IncidentTx) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut writer = self.writer();
        // IMMEDIATE: what is read here stays true until the commit, also against another process.
        let mut open = Open(writer.transaction_with_behavior(TransactionBehavior::Immediate)?);
        work(&mut open)?;
        Ok(open.0.commit()?)
    }
}

/// A transaction that is rolled back unless it is committed.
struct Open<'c>(Transaction<'c>);

impl Open<'_> {
    fn number(&self, id: AlertId) -> Result<Option<i64>, StoreError> {
        let mut query = self.0.prepare_cached("SELECT number FROM incident WHERE id = ?1")?;
        Ok(query.query_row([id.to_string()], |row| row.get(0)).optional()?)
    }

    fn known(&self, id: AlertId) -> Result<i64, StoreError> {
        self.number(id)?.ok_or_else(|| StoreError::Refused(format!("alert {id} was not saved before it was used")))
    }

    fn linked(&self, kind: i64, key: &str) -> Result<Vec<AlertId>, StoreError> {
        let mut query = self.0.prepare_cached(
            "SELECT i.id FROM incident_link l JOIN incident i ON i.number = l.incident
             WHERE l.kind = ?1 AND l.key = ?2 ORDER BY i.number",
        )?;
        let mut rows = query.query(params![kind, key])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row.get_ref(0)?.as_str().unwrap_or_default();
            found.push(id.parse().map_err(|_| StoreError::Unreadable { what: "alert id" })?);
        }
        Ok(found)
    }

    fn link(&self, incident: i64, kind: i64, key: &str) -> Result<(), StoreError> {
        self.0
            .prepare_cached("INSERT OR IGNORE INTO incident_link (kind, key, incident) VALUES (?1, ?2, ?3)")?
            .execute(params![kind, key, incident])?;
        Ok(())
    }
}

impl IncidentTx for Open<'_> {
    fn mark_seen(&mut self, mark: &SeenMark) -> Result<(), StoreError> {
        seen::mark(&self.0, mark)
    }

    fn incident(&mut self, id: AlertId) -> Result<Option<Incident>, StoreError> {
        let mut query = self.0.prepare_cached("SELECT alert, documents FROM incident WHERE id = ?1")?;
        let row: Option<(String, String)> =
            query.query_row([id.to_string()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((alert, documents)) = row else { return Ok(None) };
        let documents = from_json("document", &documents)?;
        Ok(Some(Incident { alert: from_json("alert", &alert)?, documents }))
    }

    fn by_post(&mut self, post: &PostId) -> Result<Vec<AlertId>, StoreError> {
        self.linked(POST, &post.0)
    }

    fn by_hash(&mut self, blake3: &str) -> Result<Vec<AlertId>, StoreError> {
        self.linked(HASH, blake3)
    }

    fn by_thread(&mut self, thread: &str) -> Result<Vec<AlertId>, StoreError> {
        self.linked(THREAD, thread)
    }

    fn by_records(
        &mut self,
        system: &SystemId,
        wanted: &[ConcernedRecord],
        since: Timestamp,
    ) -> Result<Vec<RecordOverlap>, StoreError> {
        records::overlaps(&self.0, system, wanted, since)
    }

    fn add_records(
        &mut self,
        id: AlertId,
        system: &SystemId,
        added: &[ConcernedRecord],
    ) -> Result<RecordCounts, StoreError> {
        records::add(&self.0, self.known(id)?, system, added)
    }

    fn record_counts(&mut self, id: AlertId) -> Result<BTreeMap<SystemId, RecordCounts>, StoreError> {
        match self.number(id)? {
            Some(incident) => records::counts(&self.0, incident),
            None => Ok(BTreeMap::new()),
        }
    }

    fn absorb(&mut self, into: AlertId, from: AlertId) -> Result<(), StoreError> {
        let (into, from) = (self.known(into)?, self.known(from)?);
        records::absorb(&self.0, into, from)?;
        self.0
            .prepare_cached(
                "INSERT OR IGNORE INTO incident_link (kind, key, incident)
                 SELECT kind, key, ?1 FROM incident_link WHERE incident = ?2",
            )?
            .execute([into, from])?;
        self.0.prepare_cached("DELETE FROM incident_link WHERE incident = ?1")?.execute([from])?;
        Ok(())
    }

    fn save(&mut self, incident: &Incident, links: &Links) -> Result<(), StoreError> {
        let alert = &incident.alert;
        self.0
            .prepare_cached(
                "INSERT INTO incident (id, state, revision, updated_at, alert, documents)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (id) DO UPDATE SET state = excluded.state, revision = excluded.revision,
                     updated_at = excluded.updated_at, alert = excluded.alert, documents = excluded.documents",
            )?
            .execute(params![
                alert.id.to_string(),
                state_name(alert.state),
                alert.revision,
                micros(alert.updated_at),
                json("alert", alert)?,
                json("document", &incident.documents)?
            ])?;
        let number = self.known(alert.id)?;
        for post in &links.posts {
            self.link(number, POST, &post.0)?;
        }
        for hash in &links.hashes {
            self.link(number, HASH, hash)?;
        }
        for thread in &links.threads {
            self.link(number, THREAD, thread)?;
        }
        Ok(())
    }

    fn told(&mut self, id: AlertId, now: Timestamp) -> Result<BTreeMap<String, bool>, StoreError> {
        let Some(incident) = self.number(id)? else { return Ok(BTreeMap::new()) };
        let mut query = self.0.prepare_cached(
            "SELECT channel, max(NOT (state = 0 AND attempts = 0 AND due > ?2)) FROM outbox
             WHERE incident = ?1 AND state <> 3 GROUP BY channel",
        )?;
        let rows = query.query_map(params![incident, micros(now)], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn enqueue(&mut self, entry: &NewEntry) -> Result<(), StoreError> {
        let incident = self.known(entry.alert)?;
        let now = micros(Timestamp::now());
        self.0
            .prepare_cached(
                "UPDATE outbox SET state = 3, settled_at = ?4, reason = 'a later revision is told instead'
                 WHERE incident = ?1 AND channel = ?2 AND revision < ?3 AND state = 0 AND attempts = 0 AND due > ?4",
            )?
            .execute(params![incident, entry.channel, entry.revision, now])?;
        let kept = self
            .0
            .prepare_cached(
                "INSERT OR IGNORE INTO told (incident, revision, alert)
                 SELECT number, revision, alert FROM incident WHERE number = ?1 AND revision = ?2",
            )?
            .execute(params![incident, entry.revision])?;
        self.0
            .prepare_cached(
                "INSERT OR IGNORE INTO outbox (incident, revision, channel, change, due, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![incident, entry.revision, entry.channel, entry.change.name(), micros(entry.due), now])
            .map_err(|error| if kept == 0 { unsaved(entry) } else { error.into() })?;
        Ok(())
    }
}

fn unsaved(entry: &NewEntry) -> StoreError {
    StoreError::Refused(format!("alert {} has no revision {} to tell of", entry.alert, entry.revision))
}
