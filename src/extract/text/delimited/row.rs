//! One row at a time: cells as ranges of the source, and values only where something has to be unescaped.
//!
//! The batch's text must begin with the rows that are read, so that offsets into the rows are offsets into the batch.

use memchr::memchr2;

use super::Odd;
use super::dialect::{Dialect, MAX_QUOTED, quoted};
use super::positions::Positions;
use crate::model::{Batch, Span};

/// What cells are read into: a batch, or a count where only the width of a row is asked for.
pub(crate) trait CellSink {
    /// A cell that stands in the rows as it is.
    fn range(&mut self, start: usize, end: usize);
    /// A cell that has to be unescaped.
    fn escaped(&mut self, content: &[u8], dialect: &Dialect);
    /// The cells read so far.
    fn cells(&mut self) -> &mut Vec<Span>;
}

impl CellSink for Batch {
    fn range(&mut self, start: usize, end: usize) {
        self.push_cell(start, end);
    }
    fn escaped(&mut self, content: &[u8], dialect: &Dialect) {
        push_unescaped(self, content, dialect);
    }
    fn cells(&mut self) -> &mut Vec<Span> {
        &mut self.cells
    }
}

/// Counts cells.
#[derive(Default)]
pub(crate) struct Width(Vec<Span>);

impl Width {
    /// Reads the row at `start`: where the next begins, and its number of cells.
    pub(crate) fn of(rows: &[u8], start: usize, dialect: &Dialect) -> (usize, usize) {
        let mut width = Width::default();
        let end = read_row(rows, start, &mut width, dialect);
        (end, width.0.len())
    }
}

impl CellSink for Width {
    fn range(&mut self, start: usize, end: usize) {
        self.0.push(Span { start: start as u32, end: end as u32 });
    }
    fn escaped(&mut self, content: &[u8], _: &Dialect) {
        self.range(0, content.len());
    }
    fn cells(&mut self) -> &mut Vec<Span> {
        &mut self.0
    }
}

/// Reads rows of the table's width without quotes or escapes, as fast as delimiters can be found. Stops behind the
/// first row of another width, of which it leaves nothing in the batch.
pub(super) fn simple_rows(
    (rows, marks): (&[u8], &Positions),
    at: &mut usize,
    batch: &mut Batch,
    dialect: &Dialect,
) -> Option<Odd> {
    let from = *at;
    let (mut cell, mut row, mut first) = (from, from, batch.cells.len());
    for i in marks.from(from) {
        if rows[i] != b'\n' {
            if dialect.parts(rows, i) {
                batch.push_cell(cell, i);
                cell = i + 1;
            }
            continue;
        }
        let end = if i > cell && rows[i - 1] == b'\r' { i - 1 } else { i };
        batch.push_cell(cell, end);
        let cells = batch.cells.len() - first;
        if cells != dialect.columns {
            batch.cells.truncate(first);
            *at = i + 1;
            return Some(Odd { start: row, end: i + 1, cells });
        }
        batch.end_row();
        (cell, row, first) = (i + 1, i + 1, batch.cells.len());
    }
    *at = rows.len();
    if row == rows.len() {
        return None;
    }
    batch.push_cell(cell, rows.len());
    let cells = batch.cells.len() - first;
    if cells != dialect.columns {
        batch.cells.truncate(first);
        return Some(Odd { start: row, end: rows.len(), cells });
    }
    batch.end_row();
    None
}

/// Reads rows of the table's width whose quotes all stand around cells and hold neither quotes nor line ends. Stops before
/// the first row that is another, of which it leaves nothing in the batch.
pub(super) fn quoted_rows((rows, marks): (&[u8], &Positions), at: &mut usize, batch: &mut Batch, dialect: &Dialect) {
    let from = *at;
    let (mut cell, mut row, mut first) = (from, from, batch.cells.len());
    // Where the cell under way has its quotes.
    let (mut open, mut close) = (None, None);
    for i in marks.from(from) {
        let b = rows[i];
        if b == dialect.quote {
            match (open, close) {
                (None, None) if i == cell => open = Some(i),
                (Some(_), None) => close = Some(i),
                _ => break,
            }
            continue;
        }
        let ends_row = b == b'\n';
        if !ends_row && open.is_none() && !dialect.parts(rows, i) {
            continue;
        }
        let end = if ends_row && i > cell && rows[i - 1] == b'\r' { i - 1 } else { i };
        match (open, close) {
            (None, _) => batch.push_cell(cell, end),
            (Some(open), Some(close)) if close + 1 == end && close - open < MAX_QUOTED => {
                batch.push_cell(open + 1, close);
            }
            // A delimiter in quotes is no delimiter; a line end there is not for here.
            (Some(_), None) if !ends_row => continue,
            _ => break,
        }
        (cell, open, close) = (i + 1, None, None);
        if ends_row {
            if batch.cells.len() - first != dialect.columns {
                break;
            }
            batch.end_row();
            (row, first) = (i + 1, batch.cells.len());
        }
    }
    batch.cells.truncate(first);
    *at = row;
}

/// Reads the row at `start` into the batch, without ending it there, and returns where the next row begins.
pub(crate) fn read_row(rows: &[u8], start: usize, batch: &mut impl CellSink, dialect: &Dialect) -> usize {
    let first = batch.cells().len();
    let mut at = start;
    let end = loop {
        let (next, more) = read_cell(rows, at, batch, dialect);
        at = next;
        if !more {
            break at;
        }
    };
    if dialect.framed {
        strip_frame(rows, batch.cells(), first, dialect);
    }
    end
}

/// Drops the empty cells outside the outer delimiters of a drawn row. A cell of two quotes is inside.
fn strip_frame(rows: &[u8], cells: &mut Vec<Span>, first: usize, dialect: &Dialect) {
    let outside = |cell: &Span| {
        let before = (cell.start as usize).checked_sub(1).and_then(|at| rows.get(at));
        cell.is_empty() && (dialect.quote == 0 || before != Some(&dialect.quote))
    };
    if cells.len() > first + 1 && cells.last().is_some_and(outside) {
        cells.pop();
    }
    if cells.get(first).is_some_and(outside) {
        cells.remove(first);
    }
}

/// Reads the cell at `at`. Returns where the next one begins, and whether it belongs to the same row.
fn read_cell(rows: &[u8], at: usize, batch: &mut impl CellSink, dialect: &Dialect) -> (usize, bool) {
    let blanks = rows[at..].iter().take_while(|b| **b == b' ').count();
    let open = at + blanks;
    if dialect.quote != 0
        && rows.get(open) == Some(&dialect.quote)
        && let Some(cell) = quoted(rows, open, dialect)
    {
        let content = open + 1..cell.close;
        if cell.escaped {
            batch.escaped(&rows[content], dialect);
        } else {
            batch.range(content.start, content.end);
        }
        return behind(rows, cell.close + 1, dialect);
    }
    let (end, next, more, escaped) = plain_end(rows, at, dialect);
    let cell = trimmed(rows, at, end, dialect);
    if escaped {
        batch.escaped(&rows[cell], dialect);
    } else {
        batch.range(cell.start, cell.end);
    }
    (next, more)
}

/// What follows a closing quote.
fn behind(rows: &[u8], mut at: usize, dialect: &Dialect) -> (usize, bool) {
    while matches!(rows.get(at), Some(b' ' | b'\r')) {
        at += 1;
    }
    match rows.get(at) {
        None => (rows.len(), false),
        Some(b'\n') => (at + 1, false),
        Some(_) => (at + dialect.delimits(rows, at).unwrap_or(1), true),
    }
}

/// End of the unquoted cell at `start`, where the next begins, whether that is in the same row, and whether there are
/// backslashes to take away.
fn plain_end(rows: &[u8], start: usize, dialect: &Dialect) -> (usize, usize, bool, bool) {
    let (mut from, mut escaped) = (start, false);
    while let Some(i) = memchr2(dialect.delimiter, b'\n', &rows[from..]).map(|i| from + i) {
        if rows[i] == b'\n' {
            let end = if i > start && rows[i - 1] == b'\r' { i - 1 } else { i };
            return (end, i + 1, false, escaped);
        }
        let slashes = rows[start..i].iter().rev().take_while(|b| **b == b'\\').count();
        if dialect.backslash && slashes % 2 == 1 {
            escaped = true;
            from = i + 1;
            continue;
        }
        match dialect.delimits(rows, i) {
            Some(length) => return (i, i + length, true, escaped),
            None => from = i + 1,
        }
    }
    (rows.len(), rows.len(), false, escaped)
}

fn trimmed(rows: &[u8], mut start: usize, mut end: usize, dialect: &Dialect) -> std::ops::Range<usize> {
    if dialect.padded || dialect.framed {
        while start < end && matches!(rows[start], b' ' | b'\t') {
            start += 1;
        }
        while end > start && matches!(rows[end - 1], b' ' | b'\t' | b'\r') {
            end -= 1;
        }
    }
    start..end
}

/// Appends a cell without its doubled quotes and backslashes.
fn push_unescaped(batch: &mut Batch, content: &[u8], dialect: &Dialect) {
    let start = batch.text.len();
    let mut i = 0;
    while i < content.len() {
        let b = content[i];
        let next = content.get(i + 1).copied();
        let meant = |n: u8| n == dialect.quote || n == b'\\' || n == dialect.delimiter;
        let escape = dialect.backslash && b == b'\\' && next.is_some_and(meant);
        let doubled = dialect.quote != 0 && b == dialect.quote && next == Some(b);
        i += usize::from(escape || doubled);
        batch.text.push(content[i]);
        i += 1;
    }
    batch.push_cell(start, batch.text.len());
}
