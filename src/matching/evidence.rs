//! What one document has shown so far: rows kept as evidence, columns learned, records counted. Bounded whatever the
//! document's size, and mergeable, since several threads may read one document.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::model::MaskedRow;

use super::by_name::ByName;
use super::candidate::RowCandidate;
use super::mapping::{Agreement, Columns, Learning, Mapping};
use super::records::Records;

/// Rows kept with all their candidates. Attribution weighs these; beyond, every second block is dropped, again and
/// again, so that what is kept stays spread over the document in stretches of consecutive rows.
const KEPT_ROWS: usize = 16_384;
/// Consecutive hits that are kept or dropped together: long enough to show the order of the export.
const BLOCK: u64 = 64;
/// Spreads numbers evenly: 2^64 over the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
/// Doubtful matches kept until the whole document can decide on them, per thread.
const DOUBTFUL: usize = 1 << 20;
/// Tables remembered before those without a match are forgotten.
const IDLE_TABLES: usize = 1_024;
/// Masked rows kept to choose a sample from.
const SAMPLE: usize = 8;

/// A row in which at least one record was recognised.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptRow {
    /// Table within the document.
    pub(super) table: u32,
    /// Row within the document.
    pub(super) row: u64,
    /// Cells with a value.
    pub(super) filled: u64,
    /// At most one per index.
    pub(super) candidates: Vec<RowCandidate>,
}

/// A record that one row alone does not prove.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Doubtful {
    pub(super) table: u32,
    pub(super) index: u16,
    pub(super) slot: u32,
    pub(super) kinds: u32,
    pub(super) bits: f32,
}

/// One table of the document.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct TableState {
    /// Column names where the document gives any.
    pub(super) header: Option<Vec<String>>,
    /// Whether cells at one position mean one thing. Not so in running text.
    pub(super) columns: bool,
    /// Rows that held anything to search by.
    pub(super) searchable: u64,
    /// Rows in which something was recognised beyond doubt.
    pub(super) sure: u64,
    pub(super) by_name: ByName,
    /// By index.
    pub(super) indexes: BTreeMap<u16, InIndex>,
    /// By the columns that indexes share (a number of the matcher's).
    learnings: BTreeMap<u16, Learning>,
}

/// What one table shows of one index.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct InIndex {
    pub(super) agreement: Agreement,
    /// Rows recognised beyond doubt.
    pub(super) sure: u64,
}

impl TableState {
    /// The column that each cell holds, of the indexes with columns number `columns`, once that is known.
    pub(super) fn mapping(&self, columns: u16) -> Option<&Mapping> {
        self.learnings.get(&columns)?.known()
    }

    /// Counts row number `row`, which shows a record of the index beyond doubt: `pairs` of cells and columns agree. `no` is the number of
    /// the index's columns.
    pub(super) fn count(
        &mut self,
        (index, row): (u16, u64),
        (no, columns): (u16, &Columns),
        filled: u64,
        pairs: &[(u8, u8)],
    ) {
        let InIndex { agreement, sure } = self.indexes.entry(index).or_default();
        *sure += 1;
        agreement.count(columns.len(), filled, pairs);
        if self.columns {
            self.learnings.entry(no).or_default().count(row, columns, filled, pairs);
        }
    }

    /// The table, as one begins to read it who knows what its rows have shown so far.
    fn continued(&self) -> Option<Self> {
        let lesson = |(no, learning): (&u16, &Learning)| Some((*no, learning.lesson()?));
        let learnings: BTreeMap<u16, Learning> = self.learnings.iter().filter_map(lesson).collect();
        let by_name = self.by_name;
        (!learnings.is_empty() || by_name != ByName::default()).then(|| Self { learnings, by_name, ..Self::default() })
    }
}

/// Everything one document has shown.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Evidence {
    /// Rows with any value in them.
    pub(super) rows: u64,
    /// Rows in which a record was recognised beyond doubt.
    pub(super) hits: u64,
    pub(super) tables: HashMap<u32, TableState>,
    /// Whether this is of a part that is read by itself.
    #[serde(skip)]
    is_part: bool,
    kept: Vec<KeptRow>,
    /// One in so many blocks is kept.
    stride: u64,
    /// The row offered next, among those with a candidate; not counted from 0, or the first rows of each part would always be kept.
    #[serde(skip)]
    next: Option<u64>,
    /// Records recognised beyond doubt.
    pub(super) records: Records,
    pub(super) doubtful: Vec<Doubtful>,
    /// Doubtful matches that found no room any more.
    pub(super) dropped: u64,
    /// Rows recognised beyond doubt, by system (a number of the catalogue's).
    pub(super) system_rows: BTreeMap<u16, u64>,
    pub(super) sample: Vec<(u64, MaskedRow)>,
}

impl Evidence {
    /// What another thread knows that reads a later part of the document.
    pub(super) fn continued(&self) -> Self {
        let table = |(no, state): (&u32, &TableState)| Some((*no, state.continued()?));
        let tables = self.tables.iter().filter_map(table).collect();
        Self { tables, is_part: true, stride: self.stride, ..Self::default() }
    }

    /// A table that begins, or goes on.
    pub(super) fn table(&mut self, no: u32) -> &mut TableState {
        let by_name = if self.is_part { ByName::of_part() } else { ByName::default() };
        self.tables.entry(no).or_insert_with(|| TableState { by_name, ..TableState::default() })
    }

    /// Whether the next row with a candidate, row number `row` of the document, belongs to the blocks that are kept.
    pub(super) fn keeps_next(&mut self, row: u64) -> bool {
        self.stride = self.stride.max(1);
        let next = self.next.get_or_insert_with(|| (row.wrapping_mul(SPREAD) >> 40) * BLOCK);
        *next += 1;
        ((*next - 1) / BLOCK).is_multiple_of(self.stride)
    }

    /// Keeps a row.
    pub(super) fn keep(&mut self, row: KeptRow) {
        self.kept.push(row);
        if self.kept.len() > KEPT_ROWS {
            self.thin();
        }
    }

    /// Whether every row with a candidate was kept.
    pub(super) fn is_complete(&self) -> bool {
        self.stride <= 1
    }

    /// Drops every second block.
    fn thin(&mut self) {
        self.stride *= 2;
        let mut at = 0u64;
        self.kept.retain(|_| {
            let keep = (at / BLOCK).is_multiple_of(2);
            at += 1;
            keep
        });
    }

    /// Keeps a doubtful match, or counts that it could not.
    pub(super) fn doubt(&mut self, doubtful: Doubtful) {
        if self.doubtful.len() < DOUBTFUL { self.doubtful.push(doubtful) } else { self.dropped += 1 }
    }

    /// Whether the sample has room for another masked row.
    pub(super) fn wants_sample(&self) -> bool {
        self.sample.len() < SAMPLE
    }

    /// The kept rows, in the order of the document.
    pub(super) fn take_kept(&mut self) -> Vec<KeptRow> {
        let mut kept = std::mem::take(&mut self.kept);
        kept.sort_by_key(|row| row.row);
        kept
    }

    /// Forgets tables in which nothing was recognised: a long document may show one after another. The first stays, which
    /// may go on through all of it.
    pub(super) fn forget_idle(&mut self) {
        if self.tables.len() <= IDLE_TABLES {
            return;
        }
        let doubted = self.doubtful.iter().map(|doubtful| doubtful.table);
        let wanted: HashSet<u32> = self.kept.iter().map(|row| row.table).chain(doubted).collect();
        self.tables.retain(|no, state| *no == 0 || state.sure > 0 || wanted.contains(no));
    }

    /// Adds what another thread saw of the same document.
    pub(super) fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.hits += other.hits;
        self.stride = self.stride.max(other.stride).max(1);
        self.kept.extend(other.kept);
        while self.kept.len() > KEPT_ROWS {
            self.kept.sort_by_key(|row| row.row);
            self.thin();
        }
        for (no, theirs) in other.tables {
            let mine = self.tables.entry(no).or_default();
            mine.header = mine.header.take().or(theirs.header);
            mine.columns |= theirs.columns;
            mine.searchable += theirs.searchable;
            mine.sure += theirs.sure;
            // Where the later part ended, the next one goes on.
            mine.by_name = theirs.by_name;
            for (index, theirs) in theirs.indexes {
                let mine = mine.indexes.entry(index).or_default();
                mine.agreement.merge(&theirs.agreement);
                mine.sure += theirs.sure;
            }
            for (columns, theirs) in theirs.learnings {
                mine.learnings.entry(columns).or_default().merge(theirs);
            }
        }
        self.records.merge(other.records);
        for (system, rows) in other.system_rows {
            *self.system_rows.entry(system).or_default() += rows;
        }
        self.dropped += other.dropped;
        for doubtful in other.doubtful {
            self.doubt(doubtful);
        }
        self.sample.extend(other.sample);
        self.sample.sort_by_key(|(row, _)| *row);
        self.sample.truncate(SAMPLE);
        self.forget_idle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_rows_stay_bounded_and_in_stretches() {
        let mut evidence = Evidence::default();
        for row in 0..100_000 {
            if evidence.keeps_next(row) {
                evidence.keep(KeptRow { table: 0, row, filled: 1, candidates: vec![] });
            }
        }
        let kept = evidence.take_kept();
        assert!(kept.len() <= KEPT_ROWS && kept.len() > KEPT_ROWS / 4);
        let adjacent = kept.windows(2).filter(|pair| pair[1].row == pair[0].row + 1).count();
        assert!(adjacent * 10 > kept.len() * 9);
        assert!(kept.last().unwrap().row > 90_000);
    }

    #[test]
    fn of_every_part_as_much_is_kept() {
        const PARTS: u64 = 200;
        let mut whole = Evidence::default();
        for part in 0..PARTS {
            let mut evidence = whole.continued();
            // Hits are far apart: a part has few blocks of them.
            for row in (part * 20_000..(part + 1) * 20_000).step_by(100) {
                if evidence.keeps_next(row) {
                    evidence.keep(KeptRow { table: 0, row, filled: 1, candidates: vec![] });
                }
            }
            whole.merge(evidence);
        }
        assert!(!whole.is_complete());
        let kept = whole.take_kept();
        let tenths: Vec<usize> =
            (0..10).map(|tenth| kept.iter().filter(|row| row.row / (PARTS * 2_000) == tenth).count() * 10).collect();
        assert!(kept.len() > KEPT_ROWS / 4 && kept.len() <= KEPT_ROWS);
        assert!(tenths.iter().all(|many| *many > kept.len() / 2 && *many < kept.len() * 2), "{tenths:?}");
    }
}
