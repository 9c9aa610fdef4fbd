//! Tables whose cells stand at fixed columns and have nothing but blanks between them: printed reports, listings of
//! consoles, records of old systems.
//!
//! Columns are found by [`sniff`]; here rows are read with them. A table goes on while its lines fit the columns. Lines
//! that do not (titles of pages, totals) are handed on as text, and end the table if none of it follows.

mod grid;
mod lines;
pub(crate) mod sniff;
#[cfg(test)]
mod tests;

pub(crate) use grid::Grid;
use grid::{Fit, Line};

use super::delimited::is_rule;
use super::{line_end, opens_other_shape};
use crate::extract::out::{BATCH, Out};
use crate::model::{Batch, Layout, Span};

/// Lines behind one that does not fit, in which the table may go on.
const AHEAD: usize = 8;
/// Bytes of the longest row: what is longer is none.
const LONGEST: usize = 64 << 10;

/// A table found in a sample.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Where its first line begins: of its head if it has one.
    pub start: usize,
    /// Where its rows begin.
    pub rows_at: usize,
    /// What its columns are called.
    pub header: Option<Vec<String>>,
    /// Whether the columns were drawn with a ruler, and not only seen.
    pub ruled: bool,
    /// Cells of the sample that stand at an edge of their column.
    edged: usize,
    /// How the columns stand.
    pub columns: Columns,
}

/// What is needed to read on.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub(super) grid: Grid,
    /// The line that names the columns, without blanks around it: it comes again on each page.
    pub(super) head: Vec<u8>,
}

impl Found {
    /// Number of columns.
    pub(crate) fn width(&self) -> usize {
        self.columns.grid.columns()
    }
}

/// Reads the rows that begin at `start` into the table that `out` has open, and returns where the table ends.
pub(crate) fn read(out: &mut Out<'_>, text: &[u8], start: usize, columns: &Columns) -> usize {
    let mut at = start;
    while at < text.len() && !out.stopped() {
        let (end, ended) = unit(out, text, at, columns);
        at = end;
        if ended {
            break;
        }
    }
    at
}

/// Reads the rows that make one batch. Returns where it stopped, and whether the table ends there.
fn unit(out: &mut Out<'_>, text: &[u8], start: usize, columns: &Columns) -> (usize, bool) {
    out.flush_rows();
    let limit = text.len().min(start + BATCH);
    let (mut places, mut cells) = (Vec::new(), Vec::new());
    let mut at = start;
    let mut ended = false;
    while at < limit {
        let end = at + line_end(&text[at..]);
        cells.clear();
        match columns.judge(text, at..end, &mut places, &mut cells) {
            Verdict::Row => {
                let batch = out.batch();
                let base = batch.text.len();
                batch.text.extend_from_slice(&text[at..end]);
                cells.iter().for_each(|cell| batch.push_cell(base + cell.start as usize, base + cell.end as usize));
                batch.end_row();
            }
            Verdict::Drop => {}
            Verdict::Text => out.text(&text[at..end]),
            Verdict::Ends => {
                ended = true;
                break;
            }
        }
        at = end;
    }
    let batch = out.batch();
    batch.source = batch.text.len();
    out.rows_done();
    out.flush_rows();
    (at, ended)
}

/// What a line of a table is.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Row,
    Text,
    Drop,
    Ends,
}

impl Columns {
    /// What the line at `range` is; if a row, its cells, as ranges of the line.
    fn judge(
        &self,
        text: &[u8],
        range: std::ops::Range<usize>,
        places: &mut Vec<u32>,
        cells: &mut Vec<Span>,
    ) -> Verdict {
        let line = without_end(&text[range.clone()]);
        let bare = line.trim_ascii();
        if is_rule(bare) || bare == self.head && !bare.is_empty() {
            return Verdict::Drop;
        }
        // Another head stands over its own ruler.
        let ruled = |at: usize| lines::ruler(&text[at..at + line_end(&text[at..])], self.grid.measure).is_some();
        if range.end < text.len() && ruled(range.end) {
            return Verdict::Ends;
        }
        let fit = self.fit(line, places, cells);
        // Behind a blank line something else may begin.
        let parted = || text[..range.start].ends_with(b"\n\n") || text[..range.start].ends_with(b"\n\r\n");
        if fit.is_row() && (!parted() || fit.is_sure() || self.rows_among(&text[range.end..], 4) >= 2) {
            return Verdict::Row;
        }
        if opens_other_shape(&text[range.start..]) {
            return Verdict::Ends;
        }
        if self.rows_among(&text[range.end..], AHEAD) >= 2 { Verdict::Text } else { Verdict::Ends }
    }

    /// How well a line keeps to the columns; its cells.
    fn fit(&self, line: &[u8], places: &mut Vec<u32>, cells: &mut Vec<Span>) -> Fit {
        if line.len() > LONGEST {
            return Fit::default();
        }
        self.grid.cut(&Line::new(line, self.grid.measure, places), 0, cells)
    }

    /// How many of the next lines that are not blank are rows beyond doubt.
    fn rows_among(&self, text: &[u8], most: usize) -> usize {
        let (mut places, mut cells) = (Vec::new(), Vec::new());
        let text = &text[..text.len().min(16 << 10)];
        let lines = text.split(|b| *b == b'\n').map(without_end).filter(|line| !is_rule(line.trim_ascii()));
        let sure = lines.take(most).filter(|line| {
            cells.clear();
            self.fit(line, &mut places, &mut cells).is_sure()
        });
        sure.count()
    }

    /// Whether `text` begins with rows of the table.
    pub(crate) fn continues(&self, text: &[u8]) -> bool {
        let lines = memchr::memchr_iter(b'\n', text.trim_ascii()).take(8).count() + 1;
        self.rows_among(text, 8) * 3 >= lines
    }

    /// Lines as rows, for looking at their cells.
    fn rows<'l>(&self, lines: impl Iterator<Item = Line<'l>>) -> Batch {
        let mut batch = Batch::new(0, Layout::Rows);
        for line in lines {
            let base = batch.text.len();
            batch.text.extend_from_slice(line.bytes());
            self.grid.cut(&line, base, &mut batch.cells);
            batch.row_ends.push(batch.cells.len() as u32);
        }
        batch
    }
}

/// A line without what ends it: the line feed, and the form feed of a printer before its first character.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
