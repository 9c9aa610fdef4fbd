//! The rows that wait to be compared with all records: few, and bounded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::fingerprint::masked;
use crate::model::{Batch, Layout, Row, Span};

use crate::matching::shape::{LONGEST_VALUE, is_absent, trimmed};

/// Rows that are tried first: if no more of them hit than chance would have it, the rest of the document is not tried.
const FIRST: usize = 1024;
/// Rows compared at once, later on.
const MOST: usize = 8192;
/// Bytes of their cells.
const BYTES: usize = 4 << 20;
/// Records that one row without a mask may be compared with: a tenth of a millisecond or so.
const RECORDS_PER_ROW: u64 = 100_000;
/// Cells of one row that are looked at.
const CELLS: usize = 64;

/// Rows of a document that nothing else finds.
#[derive(Default, Clone, Serialize, Deserialize)]
pub(in crate::matching) struct Unnamed {
    rows: Rows,
    fruitful: bool,
    barren: bool,
    passed_over: u64,
}

impl Unnamed {
    /// Keeps a row if something in it could be compared and hardly stands there for another reason: a mask; or, in a table with
    /// `columns`, a date beside another value (every line of a log has a date). Whether it is time to compare. `counted` says that the
    /// row counts among those with something to search by.
    pub(in crate::matching) fn offer(
        &mut self,
        row: Row<'_>,
        place: (u32, u64),
        filled: u64,
        (columns, counted): (bool, bool),
    ) -> bool {
        let masked = row.cells().take(CELLS).any(is_masked);
        let dated = || columns && filled.count_ones() > 1 && row.cells().take(CELLS).any(may_be_date);
        if !masked && !dated() {
            return false;
        }
        if self.barren {
            self.passed_over += u64::from(masked);
            return false;
        }
        self.rows.push(row, Kept { place, filled, masked, counted });
        self.is_full()
    }

    fn is_full(&self) -> bool {
        let most = if self.fruitful { MOST } else { FIRST };
        self.rows.places.len() >= most || self.rows.batch.text.len() >= BYTES
    }

    /// For a part of the same document that another thread reads.
    pub(in crate::matching) fn part(&self) -> Self {
        Self { fruitful: self.fruitful, barren: self.barren, ..Self::default() }
    }

    /// Adds what another thread kept. Whether it is time to compare.
    pub(in crate::matching) fn merge(&mut self, other: Self) -> bool {
        self.fruitful |= other.fruitful;
        self.barren = (self.barren || other.barren) && !self.fruitful;
        self.passed_over += other.passed_over;
        for no in 0..other.rows.places.len() {
            self.rows.push(other.rows.row(no), other.rows.places[no]);
        }
        self.is_full()
    }

    /// The rows, which are kept no longer.
    pub(super) fn take(&mut self) -> Rows {
        std::mem::take(&mut self.rows)
    }

    /// Notes whether comparing brought anything.
    pub(super) fn tried(&mut self, fruitful: bool) {
        self.fruitful |= fruitful;
        self.barren = !self.fruitful;
    }

    /// Notes rows that could not be compared.
    pub(super) fn unfinished(&mut self, rows: u64) {
        self.passed_over += rows;
    }

    /// Masked rows that were not compared.
    pub(super) fn passed_over(&self) -> u64 {
        self.passed_over
    }
}

/// A row of which nothing could be compared would only cost: is there a mask?
fn is_masked(cell: &[u8]) -> bool {
    let value = trimmed(cell);
    value.len() <= LONGEST_VALUE && masked::is_masked(value)
}

/// Whether a cell may be a date, without a time of day: what is none, `normalise` finds out later.
fn may_be_date(cell: &[u8]) -> bool {
    let value = trimmed(cell);
    (6..=20).contains(&value.len()) && (5..=8).contains(&value.iter().filter(|b| b.is_ascii_digit()).count())
}

/// What is known of a kept row besides its cells.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Kept {
    /// Table and number.
    place: (u32, u64),
    filled: u64,
    masked: bool,
    counted: bool,
}

/// Kept rows.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(super) struct Rows {
    batch: Batch,
    places: Vec<Kept>,
}

impl Default for Rows {
    fn default() -> Self {
        Self { batch: Batch::new(0, Layout::Rows), places: Vec::new() }
    }
}

impl Rows {
    fn push(&mut self, row: Row<'_>, kept: Kept) {
        for cell in row.cells().take(CELLS) {
            let value = trimmed(cell);
            // The position of a cell counts, so what is not looked at keeps its place.
            let worth = value.len() <= LONGEST_VALUE && !is_absent(value);
            self.batch.push_value(if worth { value } else { b"" });
        }
        self.batch.end_row();
        self.places.push(kept);
    }

    /// The rows of each table.
    pub(super) fn by_table(&self) -> Vec<(u32, Vec<usize>)> {
        let mut tables: std::collections::BTreeMap<u32, Vec<usize>> = std::collections::BTreeMap::new();
        for (no, kept) in self.places.iter().enumerate() {
            tables.entry(kept.place.0).or_default().push(no);
        }
        tables.into_iter().collect()
    }

    pub(super) fn row(&self, no: usize) -> Row<'_> {
        self.batch.row(no)
    }

    /// Table and number of a row.
    pub(super) fn place(&self, no: usize) -> (u32, u64) {
        self.places[no].place
    }

    pub(super) fn filled(&self, no: usize) -> u64 {
        self.places[no].filled
    }

    /// Whether a row was counted among those with something to search by.
    pub(super) fn is_counted(&self, no: usize) -> bool {
        self.places[no].counted
    }

    /// Whether so many of the rows say something different each that comparing them with `records` records is worth it: masked ones
    /// always; of the others, which are mostly none of ours, a number in proportion, with dates that differ.
    pub(super) fn are_worth(&self, rows: &[usize], records: u64) -> bool {
        let masked = rows.iter().filter(|no| self.places[**no].masked).count();
        let date = |no: &usize| self.row(*no).cells().find(|cell| may_be_date(cell));
        let dates: std::collections::HashSet<&[u8]> = rows.iter().filter_map(date).collect();
        masked >= super::FEWEST || dates.len() * 2 > rows.len() && records <= rows.len() as u64 * RECORDS_PER_ROW
    }
}

/// Kept rows as they are written down.
#[derive(Serialize, Deserialize)]
struct Written {
    /// In base64: cells are bytes of any kind.
    text: String,
    cells: Vec<(u32, u32)>,
    row_ends: Vec<u32>,
    places: Vec<Kept>,
}

impl From<Rows> for Written {
    fn from(rows: Rows) -> Self {
        Self {
            text: STANDARD_NO_PAD.encode(&rows.batch.text),
            cells: rows.batch.cells.iter().map(|cell| (cell.start, cell.end)).collect(),
            row_ends: rows.batch.row_ends,
            places: rows.places,
        }
    }
}

impl From<Written> for Rows {
    fn from(written: Written) -> Self {
        let mut batch = Batch::new(0, Layout::Rows);
        batch.text = STANDARD_NO_PAD.decode(&written.text).unwrap_or_default();
        batch.cells = written.cells.into_iter().map(|(start, end)| Span { start, end }).collect();
        batch.row_ends = written.row_ends;
        Self { batch, places: written.places }
    }
}
