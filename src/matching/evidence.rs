//! What one document has shown so far: rows kept as evidence, columns learned, records counted. Bounded whatever the
//! document's size, and mergeable, since several threads may read one document.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::model::MaskedRow;
use crate::model::finding::MAX_COLUMNS;

use super::candidate::RowCandidate;
use super::records::Records;

/// Rows kept with all their candidates. Attribution weighs these; beyond, every second block is dropped, again and
/// again, so that what is kept stays spread over the document in stretches of consecutive rows.
const KEPT_ROWS: usize = 16_384;
/// Consecutive hits that are kept or dropped together: long enough to show the order of the export.
const BLOCK: u64 = 64;
/// Doubtful matches kept until the whole document can decide on them, per thread.
const DOUBTFUL: usize = 1 << 20;
/// Rows after which the columns of a table are taken as known.
const LEARNED: u32 = 64;
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

/// How often the cells of a table agreed with the columns of an index, over the rows in which it had a candidate.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Agreement {
    /// Rows counted.
    pub(super) rows: u32,
    /// For each cell, rows in which it was filled.
    pub(super) filled: Vec<u32>,
    /// For each cell and column (`cell * columns + column`), rows in which they agreed.
    agree: Vec<u32>,
    columns: usize,
}

impl Agreement {
    /// Counts one row: `pairs` of cells and columns that agree, once each.
    pub(super) fn count(&mut self, columns: usize, filled: u64, pairs: &[(u8, u8)]) {
        self.columns = columns;
        self.rows += 1;
        for cell in super::bits(filled) {
            self.reserve(cell);
            self.filled[cell] += 1;
        }
        for &(cell, column) in pairs {
            self.reserve(cell as usize);
            self.agree[cell as usize * columns + column as usize] += 1;
        }
    }

    fn reserve(&mut self, cell: usize) {
        if cell >= self.filled.len() {
            self.filled.resize(cell + 1, 0);
            self.agree.resize((cell + 1) * self.columns, 0);
        }
    }

    /// Rows in which `cell` agreed with `column`.
    pub(super) fn of(&self, cell: usize, column: usize) -> u32 {
        self.agree.get(cell * self.columns + column).copied().unwrap_or(0)
    }

    /// For each cell, the column it holds: the one that agrees most, in at least half of the rows where it is filled.
    /// A column that two cells hold goes to the one that agrees more often.
    pub(super) fn mapping(&self) -> Vec<Option<u8>> {
        let best = |cell: usize| {
            let column =
                (0..self.columns.min(MAX_COLUMNS)).max_by_key(|c| (self.of(cell, *c), std::cmp::Reverse(*c)))?;
            let agree = self.of(cell, column);
            (agree > 0 && agree * 2 >= self.filled[cell]).then_some((column as u8, agree))
        };
        let best: Vec<Option<(u8, u32)>> = (0..self.filled.len()).map(best).collect();
        let outdone = |cell: usize, column: u8, agree: u32| {
            best.iter().enumerate().any(|(other, held)| {
                held.is_some_and(|(c, n)| c == column && other != cell && (n > agree || n == agree && other < cell))
            })
        };
        let kept = |(cell, held): (usize, &Option<(u8, u32)>)| {
            held.and_then(|(column, agree)| (!outdone(cell, column, agree)).then_some(column))
        };
        best.iter().enumerate().map(kept).collect()
    }

    fn merge(&mut self, other: &Self) {
        self.columns = self.columns.max(other.columns);
        self.rows += other.rows;
        if !other.filled.is_empty() {
            self.reserve(other.filled.len() - 1);
        }
        self.filled.iter_mut().zip(&other.filled).for_each(|(a, b)| *a += b);
        self.agree.iter_mut().zip(&other.agree).for_each(|(a, b)| *a += b);
    }
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
    /// By index.
    pub(super) indexes: BTreeMap<u16, InIndex>,
}

/// What one table shows of one index.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct InIndex {
    pub(super) agreement: Agreement,
    /// Rows recognised beyond doubt.
    pub(super) sure: u64,
    /// The column that each cell holds, once enough rows have shown it.
    learned: Option<Vec<Option<u8>>>,
}

impl TableState {
    /// The column of the index that each cell holds, once that is known.
    pub(super) fn mapping(&self, index: u16) -> Option<&[Option<u8>]> {
        self.indexes.get(&index)?.learned.as_deref()
    }

    /// Counts a row that shows a record of the index beyond doubt: `pairs` of cells and columns agree.
    pub(super) fn count(&mut self, index: u16, columns: usize, filled: u64, pairs: &[(u8, u8)]) {
        let InIndex { agreement, sure, learned } = self.indexes.entry(index).or_default();
        *sure += 1;
        agreement.count(columns, filled, pairs);
        // Again at every doubling: a column that is rarely filled shows late.
        if self.columns && agreement.rows >= LEARNED && agreement.rows.is_power_of_two() {
            *learned = Some(agreement.mapping());
        }
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
    kept: Vec<KeptRow>,
    stride: u64,
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
    /// Keeps a row, if it belongs to the blocks that are kept.
    pub(super) fn keep(&mut self, sequence: u64, row: impl FnOnce() -> KeptRow) {
        self.stride = self.stride.max(1);
        if (sequence / BLOCK).is_multiple_of(self.stride) {
            self.kept.push(row());
        }
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
            for (index, theirs) in theirs.indexes {
                let mine = mine.indexes.entry(index).or_default();
                mine.agreement.merge(&theirs.agreement);
                mine.sure += theirs.sure;
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
    fn a_cell_is_the_column_it_agrees_with_most_and_a_column_goes_to_one_cell() {
        let mut agreement = Agreement::default();
        for i in 0..20 {
            let mut pairs = vec![(0, 2), (1, 0)];
            if i == 0 {
                pairs.push((2, 1)); // by chance
            }
            if i < 15 {
                pairs.push((3, 2)); // a second cell that mostly shows the same
            }
            agreement.count(3, 0b1111, &pairs);
        }
        assert_eq!(agreement.mapping(), [Some(2), Some(0), None, None]);
    }

    #[test]
    fn kept_rows_stay_bounded_and_in_stretches() {
        let mut evidence = Evidence::default();
        for row in 0..100_000 {
            evidence.keep(row, || KeptRow { table: 0, row, filled: 1, candidates: vec![] });
        }
        let kept = evidence.take_kept();
        assert!(kept.len() <= KEPT_ROWS && kept.len() > KEPT_ROWS / 4);
        let adjacent = kept.windows(2).filter(|pair| pair[1].row == pair[0].row + 1).count();
        assert!(adjacent * 10 > kept.len() * 9);
        assert!(kept.last().unwrap().row > 90_000);
    }
}
