//! What matched in one document: the evidence that `matching` gathers and `attribute` weighs.
//!
//! Everything here is counted from the document; nothing is an opinion. Evidence on rows is a bounded sample
//! ([`Finding::hit_rows`] says of how many), counts are of the whole document.

use std::sync::Arc;

use jiff::civil::Date;

use super::alert::{ConcernedRecord, MaskedRow};
use super::attribution::TermMatch;
use super::field::FieldKind;
use super::ids::{RecordNo, SystemId};

/// The most columns of one export or cells of one row that evidence speaks of: they are bits of a word. Cells beyond
/// are matched like the others and not told apart.
pub const MAX_COLUMNS: usize = 64;

/// What is known of one index: the export of one system on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The system.
    pub system: SystemId,
    /// The day of the export.
    pub snapshot: Date,
    /// Its number of records.
    pub records: u64,
    /// Header and kind of each of its columns, in the order of the export.
    pub columns: Arc<[(String, FieldKind)]>,
}

/// A record that a row may show, as seen in one index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Position in [`Finding::sources`].
    pub source: u16,
    /// Its row in the export.
    pub record: RecordNo,
    /// Columns of the source (bit `c` for column `c`) whose value stands in the row.
    pub agree: u64,
    /// Columns whose value the row should show (the document has such a column, filled here) and does not.
    pub differ: u64,
    /// Of `agree`, the columns whose value is written exactly as the system exports it.
    pub exported: u64,
    /// Of `agree`, the columns that only a masked form confirms.
    pub masked: u64,
    /// Cells of the row (bit `i` for cell `i`) that the record explains.
    pub cells: u64,
    /// Whether it is one of the system's canaries.
    pub canary: bool,
}

/// A row of the document in which at least one record of ours was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HitRow {
    /// Position in [`Finding::tables`].
    pub table: u32,
    /// Its number in the document.
    pub row: u64,
    /// Cells with a value in them.
    pub filled: u64,
    /// The records it may show: at most one per source, at least one in all.
    pub candidates: Vec<Candidate>,
}

/// The columns or cells of a mask ([`Candidate::agree`], [`HitRow::filled`]): the positions of its bits, lowest first.
pub fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (mask != 0).then(|| {
            let bit = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            bit
        })
    })
}

/// One table (or stretch of text) of the document in which something matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableEvidence {
    /// Its number in the document.
    pub no: u32,
    /// Column names where the document gives any.
    pub header: Option<Vec<String>>,
    /// Rows that held anything to search by: an identifier, or a name beside something else. The others can be
    /// neither ours nor not ours.
    pub rows: u64,
    /// For each source (position in [`Finding::sources`]) that explains anything here: the column of the source that
    /// each column of the table was found to hold.
    pub columns: Vec<(u16, Vec<Option<u8>>)>,
}

/// The records of one system that were recognised in the document, each once over all its snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemRecords {
    /// The system.
    pub system: SystemId,
    /// The records.
    pub records: Vec<ConcernedRecord>,
    /// How many of them are canaries.
    pub canaries: u64,
    /// Rows of the document that they explain.
    pub rows: u64,
    /// Their keys in the system, if asked for; as many as there are records, empty where the system exports none.
    pub refs: Vec<String>,
}

/// What matched in one document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// Rows of the document with any value in them.
    pub rows: u64,
    /// Rows in which a record of ours was recognised.
    pub hit_rows: u64,
    /// The indexes that explain anything.
    pub sources: Vec<Source>,
    /// The tables in which something matched.
    pub tables: Vec<TableEvidence>,
    /// Evidence row by row, in the order of the document: all of them, or a sample of stretches when there are many.
    pub hits: Vec<HitRow>,
    /// The records concerned, by system.
    pub systems: Vec<SystemRecords>,
    /// A few masked rows.
    pub sample: Vec<MaskedRow>,
    /// Terms found.
    pub terms: Vec<TermMatch>,
}
