//! What the tests of this room share: a sink that keeps everything, and short ways to read with it.

use super::{Input, Limits, extract};
use crate::model::{Batch, ContentSink, Flow, Layout, Shape, Skip, SkipReason, Table};

/// Keeps what it is given.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub tables: Vec<Table>,
    /// Table number and cells of each row.
    pub rows: Vec<(u32, Vec<String>)>,
    /// All text, in the order it came.
    pub text: String,
    pub skips: Vec<Skip>,
    pub bytes: u64,
    pub next_row: u64,
    pub batches: usize,
}

impl Kept {
    /// The rows without their tables.
    pub(crate) fn cells(&self) -> Vec<Vec<&str>> {
        self.rows.iter().map(|(_, row)| row.iter().map(String::as_str).collect()).collect()
    }

    /// The headers of all tables of rows.
    pub(crate) fn headers(&self) -> Vec<Option<Vec<&str>>> {
        let rows = self.tables.iter().filter(|table| table.shape != Shape::Text);
        rows.map(|table| table.header.as_ref().map(|h| h.iter().map(String::as_str).collect())).collect()
    }

    pub(crate) fn reasons(&self) -> Vec<SkipReason> {
        self.skips.iter().map(|skip| skip.reason).collect()
    }

    /// Whether `value` stands in a cell or in the text.
    pub(crate) fn holds(&self, value: &str) -> bool {
        self.text.contains(value) || self.rows.iter().any(|(_, row)| row.iter().any(|cell| cell.contains(value)))
    }
}

impl ContentSink for Kept {
    fn table(&mut self, table: Table) {
        assert!(self.tables.iter().all(|t| t.no != table.no), "table numbers are given once");
        self.tables.push(table);
    }

    fn batch(&mut self, batch: &mut Batch) -> Flow {
        self.batches += 1;
        assert!(self.tables.is_empty() || batch.table == 0 || self.tables.iter().any(|t| t.no == batch.table));
        assert!(batch.first_row >= self.next_row, "row numbers rise");
        assert!(batch.source <= batch.text.len());
        match batch.layout {
            Layout::Rows => {
                self.next_row = batch.first_row + batch.rows() as u64;
                for i in 0..batch.rows() {
                    let cells = batch.row(i).cells().map(|cell| String::from_utf8_lossy(cell).into_owned());
                    self.rows.push((batch.table, cells.collect()));
                }
            }
            Layout::Text => {
                self.next_row = batch.first_row + 1;
                self.text.push_str(&String::from_utf8_lossy(&batch.text));
                // As `matching` does, which makes rows of text where it stands.
                batch.layout = Layout::Rows;
            }
        }
        Flow::Go
    }

    fn skipped(&mut self, skip: Skip) {
        self.skips.push(skip);
    }

    fn read(&mut self, bytes: u64) {
        self.bytes += bytes;
    }
}

/// Reads a document with the default limits.
pub(crate) fn read(bytes: &[u8]) -> Kept {
    read_within(bytes, &Limits::default())
}

/// Reads a document.
pub(crate) fn read_within(bytes: &[u8], limits: &Limits) -> Kept {
    let mut kept = Kept::default();
    let _ = extract(Input { name: "document", bytes }, limits, &mut kept);
    kept
}
