//! The records of an incident in SQLite, and finding incidents by the records they hold.
//!
//! Records are kept as one blob per incident and system: 12 bytes a record, read and merged in one pass. A row per
//! record would take a second per million to write, while every other verdict waits. Finding is the other side:
//! incidents with few records also keep a row for each ([`MARKED`]) and are found by look-ups; those with many are few
//! and are read and compared whole.

use std::collections::BTreeMap;
use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{from_json, json, micros};
use crate::model::{AlertId, ConcernedRecord, FieldKind, SystemId};
use crate::store::{RecordCounts, RecordOverlap, StoreError};

/// Up to so many records of a system, an incident is found by look-ups.
const MARKED: usize = 256;

/// A document with more records than this is compared with every mark instead of looking each of its records up.
const LOOKED_UP: usize = 4_096;

/// Of the incidents with many records, so many of the latest are compared.
const LARGE_COMPARED: i64 = 200;

const WIDTH: usize = 12;

fn encode(records: &[ConcernedRecord]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(records.len() * WIDTH);
    for record in records {
        blob.extend_from_slice(&record.record.to_be_bytes());
        blob.extend_from_slice(&record.kinds.to_be_bytes());
    }
    blob
}

fn decode(blob: &[u8]) -> impl Iterator<Item = ConcernedRecord> + '_ {
    blob.chunks_exact(WIDTH).map(|cell| {
        let (record, kinds) = cell.split_at(8);
        ConcernedRecord {
            record: u64::from_be_bytes(record.try_into().unwrap_or_default()),
            kinds: u32::from_be_bytes(kinds.try_into().unwrap_or_default()),
        }
    })
}

/// Unites two ascending lists; says how many of the second were not in the first.
fn unite(held: &[u8], added: &[ConcernedRecord]) -> (Vec<ConcernedRecord>, u64) {
    let mut united = Vec::with_capacity(held.len() / WIDTH + added.len());
    let mut new = 0;
    let mut added = added.iter().copied().peekable();
    for mut record in decode(held) {
        while let Some(next) = added.next_if(|next| next.record < record.record) {
            united.push(next);
            new += 1;
        }
        while let Some(same) = added.next_if(|next| next.record == record.record) {
            record.kinds |= same.kinds;
        }
        united.push(record);
    }
    for next in added {
        united.push(next);
        new += 1;
    }
    (united, new)
}

fn count_kinds(records: &[ConcernedRecord]) -> BTreeMap<FieldKind, u64> {
    let mut by_bit = [0_u64; 32];
    for record in records {
        let mut bits = record.kinds;
        while bits != 0 {
            by_bit[bits.trailing_zeros() as usize] += 1;
            bits &= bits - 1;
        }
    }
    let kinds = by_bit.iter().enumerate().filter(|(_, count)| **count > 0);
    kinds.filter_map(|(bit, count)| Some((FieldKind::from_code(bit as u8)?, *count))).collect()
}

pub fn add(
    tx: &Connection,
    incident: i64,
    system: &SystemId,
    added: &[ConcernedRecord],
) -> Result<RecordCounts, StoreError> {
    let held: Option<Vec<u8>> = tx
        .prepare_cached("SELECT records FROM incident_records WHERE incident = ?1 AND system = ?2")?
        .query_row(params![incident, system.as_str()], |row| row.get(0))
        .optional()?;
    let held = held.unwrap_or_default();
    let (united, new) = unite(&held, added);
    let counts = RecordCounts { records: united.len() as u64, new, by_kind: count_kinds(&united) };
    tx.prepare_cached(
        "INSERT INTO incident_records (incident, system, count, by_kind, records) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (incident, system) DO UPDATE SET
             count = excluded.count, by_kind = excluded.by_kind, records = excluded.records",
    )?
    .execute(params![
        incident,
        system.as_str(),
        counts.records as i64,
        json("count", &counts.by_kind)?,
        encode(&united)
    ])?;
    if new > 0 {
        remark(tx, incident, system, &united)?;
    }
    Ok(counts)
}

/// Adds all records of one incident to another, and leaves the first without.
pub fn absorb(tx: &Connection, into: i64, from: i64) -> Result<(), StoreError> {
    let mut query = tx.prepare_cached("SELECT system, records FROM incident_records WHERE incident = ?1")?;
    let held: Vec<(String, Vec<u8>)> =
        query.query_map([from], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (system, blob) in held {
        let system = system.parse().map_err(|_| StoreError::Unreadable { what: "system" })?;
        add(tx, into, &system, &decode(&blob).collect::<Vec<_>>())?;
    }
    for statement in
        ["DELETE FROM incident_mark WHERE incident = ?1", "DELETE FROM incident_records WHERE incident = ?1"]
    {
        tx.prepare_cached(statement)?.execute([from])?;
    }
    Ok(())
}

fn remark(tx: &Connection, incident: i64, system: &SystemId, records: &[ConcernedRecord]) -> Result<(), StoreError> {
    if records.len() > MARKED {
        tx.prepare_cached("DELETE FROM incident_mark WHERE incident = ?1 AND system = ?2")?
            .execute(params![incident, system.as_str()])?;
        return Ok(());
    }
    let mut insert =
        tx.prepare_cached("INSERT OR IGNORE INTO incident_mark (system, record, incident) VALUES (?1, ?2, ?3)")?;
    for record in records {
        insert.execute(params![system.as_str(), record.record as i64, incident])?;
    }
    Ok(())
}

pub fn counts(tx: &Connection, incident: i64) -> Result<BTreeMap<SystemId, RecordCounts>, StoreError> {
    let mut query = tx.prepare_cached("SELECT system, count, by_kind FROM incident_records WHERE incident = ?1")?;
    let mut rows = query.query([incident])?;
    let mut counts = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let system: String = row.get(0)?;
        let system = system.parse().map_err(|_| StoreError::Unreadable { what: "system" })?;
        let by_kind = from_json("count", row.get_ref(2)?.as_str().unwrap_or_default())?;
        counts.insert(system, RecordCounts { records: row.get::<_, i64>(1)? as u64, new: 0, by_kind });
    }
    Ok(counts)
}

/// Incidents updated since `since` that share records of `system` with `records`.
pub fn overlaps(
    tx: &Connection,
    system: &SystemId,
    records: &[ConcernedRecord],
    since: Timestamp,
) -> Result<Vec<RecordOverlap>, StoreError> {
    let mut shared = marked(tx, system, records)?;
    large(tx, system, records, since, &mut shared)?;
    let mut facts = tx.prepare_cached(
        "SELECT i.id, r.count FROM incident i JOIN incident_records r ON r.incident = i.number AND r.system = ?2
         WHERE i.number = ?1 AND i.updated_at >= ?3",
    )?;
    let mut found = Vec::with_capacity(shared.len());
    for (incident, shared) in shared {
        let fact: Option<(String, i64)> = facts
            .query_row(params![incident, system.as_str(), micros(since)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((id, held)) = fact {
            let alert: AlertId = id.parse().map_err(|_| StoreError::Unreadable { what: "alert id" })?;
            found.push(RecordOverlap { alert, shared, held: held as u64 });
        }
    }
    Ok(found)
}

fn marked(tx: &Connection, system: &SystemId, records: &[ConcernedRecord]) -> Result<HashMap<i64, u64>, StoreError> {
    let mut shared = HashMap::new();
    if records.len() <= LOOKED_UP {
        let mut look_up = tx.prepare_cached("SELECT incident FROM incident_mark WHERE system = ?1 AND record = ?2")?;
        for record in records {
            let mut rows = look_up.query(params![system.as_str(), record.record as i64])?;
            while let Some(row) = rows.next()? {
                *shared.entry(row.get(0)?).or_default() += 1;
            }
        }
        return Ok(shared);
    }
    let mut scan = tx.prepare_cached("SELECT record, incident FROM incident_mark WHERE system = ?1")?;
    let mut rows = scan.query([system.as_str()])?;
    while let Some(row) = rows.next()? {
        let number = row.get::<_, i64>(0)? as u64;
        if records.binary_search_by_key(&number, |record| record.record).is_ok() {
            *shared.entry(row.get(1)?).or_default() += 1;
        }
    }
    Ok(shared)
}

fn large(
    tx: &Connection,
    system: &SystemId,
    records: &[ConcernedRecord],
    since: Timestamp,
    shared: &mut HashMap<i64, u64>,
) -> Result<(), StoreError> {
    let mut query = tx.prepare_cached(
        "SELECT r.incident, r.records FROM incident_records r JOIN incident i ON i.number = r.incident
         WHERE r.system = ?1 AND r.count > ?2 AND i.updated_at >= ?3 ORDER BY i.updated_at DESC LIMIT ?4",
    )?;
    let mut rows = query.query(params![system.as_str(), MARKED as i64, micros(since), LARGE_COMPARED])?;
    while let Some(row) = rows.next()? {
        let common = common(row.get_ref(1)?.as_blob().unwrap_or_default(), records);
        if common > 0 {
            shared.insert(row.get(0)?, common);
        }
    }
    Ok(())
}

/// How many records stand in both. Few against many are looked up, like against like are walked side by side.
fn common(held: &[u8], records: &[ConcernedRecord]) -> u64 {
    let cells = held.len() / WIDTH;
    let number = |at: usize| u64::from_be_bytes(held[at * WIDTH..at * WIDTH + 8].try_into().unwrap_or_default());
    if records.len() * 16 < cells {
        let find = |wanted: u64| {
            let (mut low, mut high) = (0, cells);
            while low < high {
                let middle = (low + high) / 2;
                if number(middle) < wanted { low = middle + 1 } else { high = middle }
            }
            low < cells && number(low) == wanted
        };
        return records.iter().filter(|record| find(record.record)).count() as u64;
    }
    let (mut at, mut common) = (0, 0);
    for record in records {
        while at < cells && number(at) < record.record {
            at += 1;
        }
        common += u64::from(at < cells && number(at) == record.record);
    }
    common
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn list(records: BTreeMap<u64, u32>) -> Vec<ConcernedRecord> {
        records.into_iter().map(|(record, kinds)| ConcernedRecord { record, kinds }).collect()
    }

    fn records() -> impl Strategy<Value = Vec<ConcernedRecord>> {
        proptest::collection::btree_map(0_u64..60, 0_u32..(1 << 19), 0..60).prop_map(list)
    }

    proptest! {
        #[test]
        fn uniting_is_a_union_with_kinds_united(a in records(), b in records()) {
            let (united, new) = unite(&encode(&a), &b);
            let mut expected: BTreeMap<u64, u32> = a.iter().map(|r| (r.record, r.kinds)).collect();
            for r in &b {
                *expected.entry(r.record).or_default() |= r.kinds;
            }
            prop_assert_eq!(new as usize, expected.len() - a.len());
            prop_assert_eq!(united, list(expected));
        }

        #[test]
        fn common_counts_both_ways_of_looking(a in records(), b in records(), few in 0_usize..4) {
            for b in [&b[..], &b[..few.min(b.len())]] {
                let expected = b.iter().filter(|r| a.iter().any(|x| x.record == r.record)).count();
                prop_assert_eq!(common(&encode(&a), b) as usize, expected);
            }
        }
    }
}
