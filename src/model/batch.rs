//! Decoded content on its way from `extract` to `matching`: rows and text in batches.
//!
//! A batch owns one buffer; cells are ranges of it. A parser that need not unescape anything appends raw bytes once and
//! describes them by ranges; what must be unescaped is appended behind. Batches are reused, so that the path without
//! a match allocates nothing per row.

use super::ids::Span;
use super::skip::Skip;

/// How content was recognised. For reports and tests, never for matching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Rows of cells between delimiters.
    Delimited,
    /// JSON objects or arrays.
    Json,
    /// SQL statements or `COPY` blocks.
    Sql,
    /// `name : value` lines in blocks.
    KeyValue,
    /// A table drawn in markup, or markup that carries records.
    Markup,
    /// A spreadsheet's sheet.
    Sheet,
    /// Columns at fixed offsets.
    FixedWidth,
    /// `identifier:rest` lines.
    Combo,
    /// No structure claimed.
    Text,
}

/// What is known of the rows that follow: one per table found in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Number of the table within the document, from 0, in document order.
    pub no: u32,
    /// How it was recognised.
    pub shape: Shape,
    /// Path of the archive member it stands in; empty for the document itself. Comes from the poster.
    pub member: String,
    /// Column names where the content gives any. A hint: matching must work without.
    pub header: Option<Vec<String>>,
}

/// Whether to go on.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// More is wanted.
    Go,
    /// The receiver has seen enough (shutdown, deadline): stop reading, report nothing further.
    Stop,
}

/// What a batch's buffer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Rows of cells, in `cells` and `row_ends`.
    Rows,
    /// Running text in which identifiers are still to be found. Cut at line ends, so that no line is split
    /// unless it is longer than a batch.
    Text,
}

/// A stretch of rows or text of one table.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Number of the [`Table`] the content belongs to.
    pub table: u32,
    /// Rows or text.
    pub layout: Layout,
    /// The number, within the document, of the batch's first row (a line, for text). Rises from batch to batch.
    pub first_row: u64,
    /// `text[..source]` is the document's content in order, as decoded; what follows are cells that had to be
    /// unescaped. Mostly UTF-8; invalid bytes may remain and belong to no value.
    pub text: Vec<u8>,
    /// See `text`.
    pub source: usize,
    /// The cells of all rows, one after another. Ranges of `text`.
    pub cells: Vec<Span>,
    /// For each row, one past its last cell in `cells`. Rows without cells are not stored.
    pub row_ends: Vec<u32>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new(table: u32, layout: Layout) -> Self {
        Self { table, layout, first_row: 0, text: Vec::new(), source: 0, cells: Vec::new(), row_ends: Vec::new() }
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.source = 0;
        self.cells.clear();
        self.row_ends.clear();
    }

    /// Appends a cell to the row under construction, given as a range of `text`.
    #[inline]
    pub fn push_cell(&mut self, start: usize, end: usize) {
        debug_assert!(start <= end && end <= self.text.len());
        // A batch is at most some MiB: `extract` bounds it long before 4 GiB.
        self.cells.push(Span { start: start as u32, end: end as u32 });
    }

    /// Appends a cell whose value stands nowhere in the source as it is.
    pub fn push_value(&mut self, value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(value);
        self.push_cell(start, self.text.len());
    }

    /// Closes the row under construction. A row without cells leaves no trace.
    #[inline]
    pub fn end_row(&mut self) {
        let end = self.cells.len() as u32;
        if self.row_ends.last().copied().unwrap_or(0) != end {
            self.row_ends.push(end);
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.row_ends.len()
    }

    /// The cells of some rows, one after another. Panics if there are not as many.
    #[must_use]
    pub fn cells_of(&self, rows: std::ops::Range<usize>) -> &[Span] {
        let before = |row: usize| if row == 0 { 0 } else { self.row_ends[row - 1] as usize };
        &self.cells[before(rows.start)..before(rows.end)]
    }

    /// Row `i` of the batch. Panics if there is none.
    #[must_use]
    #[inline]
    pub fn row(&self, i: usize) -> Row<'_> {
        let start = if i == 0 { 0 } else { self.row_ends[i - 1] as usize };
        Row { text: &self.text, cells: &self.cells[start..self.row_ends[i] as usize] }
    }
}

/// One row of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    text: &'a [u8],
    cells: &'a [Span],
}

impl<'a> Row<'a> {
    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is no cell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Cell `i`. Panics if there is none.
    #[must_use]
    #[inline]
    pub fn cell(&self, i: usize) -> &'a [u8] {
        self.cells[i].of(self.text)
    }

    /// All cells in order.
    pub fn cells(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.cells.iter().map(move |span| span.of(self.text))
    }
}

/// Where `extract` delivers what it reads. Push, not pull: one pass, one buffer, and the receiver decides how much it
/// keeps. Implemented by the matching side of `pipeline` and by tests.
pub trait ContentSink {
    /// A table (or stretch of text) begins; the batches that carry its number follow.
    fn table(&mut self, table: Table);

    /// A full batch. The receiver may take the buffers (`mem::take`) or make rows of text; what it leaves is cleared and reused.
    fn batch(&mut self, batch: &mut Batch) -> Flow;

    /// Something was not read.
    fn skipped(&mut self, skip: Skip);

    /// Called as bytes are decoded, after unpacking: what `bytes` in a report counts.
    fn read(&mut self, bytes: u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_back_as_pushed_and_empty_ones_leave_no_trace() {
        let mut batch = Batch::new(0, Layout::Rows);
        batch.text.extend_from_slice(b"a,b\n\nc\n");
        batch.source = batch.text.len();
        batch.push_cell(0, 1);
        batch.push_cell(2, 3);
        batch.end_row();
        batch.end_row();
        batch.push_cell(5, 6);
        batch.push_value(b"un\"escaped");
        batch.end_row();
        assert_eq!(batch.rows(), 2);
        assert_eq!(batch.row(0).cells().collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(batch.row(1).cell(1), b"un\"escaped");
        assert_eq!((batch.cells_of(0..1), batch.cells_of(1..2)), (&batch.cells[..2], &batch.cells[2..]));
        assert_eq!(&batch.text[..batch.source], b"a,b\n\nc\n");
    }
}
