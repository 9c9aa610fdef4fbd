//! Rows whose values come by name: aligned into columns in the order in which the names first appear.
//!
//! Values are ranges of the text that is read, or appended behind it where they had to be unescaped. The table is
//! announced when its first batch is full, with the columns known by then. Columns that appear later or seldom stand
//! behind those, in the same table; only when there are twice as many does a table with the longer header follow.

use std::collections::HashMap;

use super::out::{BATCH, Out};
use crate::model::{Shape, Span};

/// Marks a span that lies in `extra` until the batch is put together.
const EXTRA: u32 = 1 << 31;

const NOTHING: Span = Span { start: 0, end: 0 };

/// The most columns one document gets.
const MAX_NAME: usize = 256;

/// A table under construction over `text`.
pub(crate) struct Columns<'t> {
    text: &'t [u8],
    shape: Shape,
    /// Where the part of `text` begins that the current batch covers.
    base: usize,
    names: Vec<String>,
    index: HashMap<Vec<u8>, usize>,
    /// Names are known from the content; otherwise cells just follow each other.
    named: bool,
    /// Names at most.
    most: usize,
    row: Vec<Span>,
    /// One past the last filled cell of `row`.
    used: usize,
    /// Where the name of the next value is looked for first.
    hint: usize,
    extra: Vec<u8>,
    row_extra: usize,
    /// Columns known before the row under construction.
    row_names: usize,
    /// The column whose name came a second time last, and how often it has come.
    repeated: (usize, usize),
    /// How many columns were announced, and as which table.
    announced: Option<(usize, Option<u32>)>,
    rows: usize,
}

impl<'t> Columns<'t> {
    pub(crate) fn new(text: &'t [u8], base: usize, shape: Shape) -> Self {
        Self {
            text,
            shape,
            base,
            names: Vec::new(),
            index: HashMap::new(),
            named: true,
            most: 1024,
            row: Vec::new(),
            used: 0,
            hint: 0,
            extra: Vec::new(),
            row_extra: 0,
            row_names: 0,
            repeated: (usize::MAX, 0),
            announced: None,
            rows: 0,
        }
    }

    /// A table whose columns are known, or known to have no names.
    pub(crate) fn with_header(text: &'t [u8], base: usize, shape: Shape, header: Option<Vec<String>>) -> Self {
        let mut columns = Self::new(text, base, shape);
        columns.named = header.is_some();
        columns.names = header.unwrap_or_default();
        columns.row_names = columns.names.len();
        columns
    }

    /// Where the text begins that the current batch covers.
    pub(crate) fn base(&self) -> usize {
        self.base
    }

    /// Rows handed in so far.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The column of this name; the last one if there are too many.
    pub(crate) fn column(&mut self, name: &[u8], most: usize) -> usize {
        if self.names.get(self.hint).is_some_and(|n| n.as_bytes() == name) {
            self.hint += 1;
            return self.hint - 1;
        }
        let name = &name[..name.len().min(MAX_NAME)];
        if let Some(column) = self.index.get(name) {
            self.hint = column + 1;
            return *column;
        }
        self.most = most;
        if self.names.len() >= most {
            return usize::MAX;
        }
        let column = self.names.len();
        self.names.push(String::from_utf8_lossy(name).into_owned());
        self.index.insert(name.to_vec(), column);
        self.hint = column + 1;
        column
    }

    fn put(&mut self, column: usize, span: Span) {
        if self.row.get(column).is_some_and(|cell| *cell != NOTHING) {
            return self.put_again(column, span);
        }
        // Values beyond the last column follow behind the row, without a name.
        let column = if column == usize::MAX { self.row.len().max(self.names.len()) } else { column };
        if self.row.len() <= column {
            self.row.resize(column + 1, NOTHING);
        }
        self.row[column] = span;
        self.used = self.used.max(column + 1);
    }

    /// A further value of a name gets a column of its own: `tel`, `tel.1`, `tel.2`.
    fn put_again(&mut self, column: usize, span: Span) {
        let times = if self.repeated.0 == column { self.repeated.1 + 1 } else { 1 };
        self.repeated = (column, times);
        let Some(name) = self.names.get(column).filter(|_| self.named) else {
            return self.put(usize::MAX, span);
        };
        let name = format!("{name}.{times}");
        let hint = self.hint;
        let next = self.column(name.as_bytes(), self.most);
        self.hint = hint;
        // The numbered name may itself be one of the record's: then the value goes behind.
        let free = self.row.get(next).is_none_or(|cell| *cell == NOTHING);
        self.put(if free { next } else { usize::MAX }, span);
    }

    /// A value that stands in the text.
    pub(crate) fn put_range(&mut self, column: usize, start: usize, end: usize) {
        if start < end && start >= self.base {
            let span = Span { start: (start - self.base) as u32, end: (end - self.base) as u32 };
            self.put(column, span);
        }
    }

    /// A value that does not.
    pub(crate) fn put_value(&mut self, column: usize, value: &[u8]) {
        self.extra.extend_from_slice(value);
        self.put_extra(column, self.extra.len() - value.len());
    }

    /// Where a value may be unescaped to; then call [`Columns::put_extra`] with its start.
    pub(crate) fn extra(&mut self) -> &mut Vec<u8> {
        &mut self.extra
    }

    /// The value that begins at `start` in [`Columns::extra`] and ends with it.
    pub(crate) fn put_extra(&mut self, column: usize, start: usize) {
        if start < self.extra.len() {
            self.put(column, Span { start: start as u32 | EXTRA, end: self.extra.len() as u32 | EXTRA });
        }
    }

    /// The next cell in order, of tables without names: empty ones count.
    pub(crate) fn next_column(&mut self) -> usize {
        self.used += 1;
        self.row.resize(self.row.len().max(self.used), NOTHING);
        self.used - 1
    }

    /// Forgets the row under construction.
    pub(crate) fn undo_row(&mut self) {
        self.clear_row();
        self.extra.truncate(self.row_extra);
        for name in self.names.drain(self.row_names..) {
            self.index.remove(name.as_bytes());
        }
    }

    fn clear_row(&mut self) {
        self.row.clear();
        self.used = 0;
        self.hint = 0;
        self.repeated = (usize::MAX, 0);
    }

    /// Ends the row under construction, which ends before `at` in the text.
    pub(crate) fn end_row(&mut self, out: &mut Out<'_>, at: usize) {
        let filled = self.row[..self.used].iter().any(|cell| *cell != NOTHING);
        if filled {
            let batch = out.batch();
            batch.cells.extend_from_slice(&self.row[..self.used]);
            batch.end_row();
            self.rows += 1;
        }
        self.clear_row();
        self.row_extra = self.extra.len();
        self.row_names = self.names.len();
        if at.saturating_sub(self.base) + self.extra.len() >= BATCH || out.batch().cells.len() >= BATCH / 4 {
            self.flush(out, at);
        }
    }

    /// Hands on the rows so far; the text up to `at` belongs to them.
    pub(crate) fn flush(&mut self, out: &mut Out<'_>, at: usize) {
        let at = at.clamp(self.base, self.text.len());
        if out.batch().rows() > 0 {
            self.open_table(out);
            let source = &self.text[self.base..at];
            let batch = out.batch();
            batch.text.extend_from_slice(source);
            batch.source = source.len();
            batch.text.extend_from_slice(&self.extra);
            let shift = source.len() as u32;
            for cell in &mut batch.cells {
                if cell.start & EXTRA != 0 {
                    cell.start = (cell.start & !EXTRA) + shift;
                    cell.end = (cell.end & !EXTRA) + shift;
                }
            }
            out.rows_done();
            out.flush_rows();
        }
        self.extra.clear();
        self.row_extra = 0;
        self.base = at;
    }

    /// Hands on the rows so far, without the text they were read from: values must not be ranges of it.
    pub(crate) fn flush_here(&mut self, out: &mut Out<'_>) {
        self.flush(out, self.base);
    }

    /// Leaves out the text from the last row to `at`.
    pub(crate) fn skip_to(&mut self, out: &mut Out<'_>, from: usize, at: usize) {
        self.flush(out, from);
        self.base = at;
    }

    fn open_table(&mut self, out: &mut Out<'_>) {
        if let Some((columns, no)) = self.announced
            && self.names.len() <= columns * 2 + 8
        {
            return out.adopt_table(no);
        }
        let header = (self.named && !self.names.is_empty()).then(|| self.names.clone());
        let no = out.announce(self.shape, header);
        self.announced = Some((self.names.len(), no));
        out.adopt_table(no);
    }
}
