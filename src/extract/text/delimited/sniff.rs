//! Whether a stretch of lines holds a delimited table, where it begins, and in which dialect.
//!
//! Every candidate delimiter reads the sample; the one whose rows are most even *and* whose cells look most like fields
//! wins. Names of columns play no part.

use std::cell::LazyCell;
use std::ops::Range;

use super::dialect::Dialect;
use super::is_rule;
use super::row::{Width, read_row};
use crate::extract::count;
use crate::extract::text::looks::{Looks, looks};
use crate::extract::text::survey::{LONG, Line, Sample, Sign};
use crate::model::{Batch, Layout};

/// Rows whose cells are weighed.
const WEIGHED: usize = 48;
/// Rows without the table's width that end a run.
const GAP: usize = 6;
/// How even the rows of a run must be.
const LEAST_EVEN: f32 = 0.6;
/// Apostrophes that open cells, in a table where they quote, are more than these.
const APOSTROPHES: usize = 2;
/// Cells of a row that is a table by itself.
const LEAST_WIDE: usize = 4;

const SINGLE: [u8; 10] = [b',', b';', b'\t', b'|', b':', b'^', b'~', 0x01, b'#', 0x1f];
/// A table found in a sample.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Where its first row begins.
    pub start: usize,
    pub dialect: Dialect,
    pub score: f32,
}

/// A row of a sample as one dialect reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SampleRow {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) width: usize,
}

/// The cells of one row of a sample.
pub(crate) fn cells_of(row: &[u8], dialect: &Dialect, batch: &mut Batch) -> usize {
    batch.clear();
    batch.text.extend_from_slice(row);
    read_row(row, 0, batch, dialect);
    batch.end_row();
    batch.cells.len()
}

/// The best table in the sample, if there is any.
pub(crate) fn sniff(sample: Sample<'_>) -> Option<Found> {
    let mut best: Option<Found> = None;
    let whole = sample.whole();
    let single = SINGLE.iter().filter(|d| Sign::of(**d).is_some_and(|sign| whole.count(sign) > 0));
    let long = LONG.iter().enumerate().filter(|(no, _)| whole.has_long(*no));
    let dialects = single.map(|d| Dialect::new(*d)).chain(long.map(|(_, (long, _))| Dialect {
        long: Some(long),
        padded: true,
        quote: 0,
        ..Dialect::new(long[0])
    }));
    let mut rows = Vec::with_capacity(sample.lines.len());
    for mut dialect in dialects {
        settle(sample, &whole, &mut dialect);
        read_sample(sample, &whole, &dialect, &mut rows);
        let found = weigh(sample, &rows, &dialect);
        if let Some(found) = found
            && best.as_ref().is_none_or(|best| found.score > best.score)
        {
            best = Some(found);
        }
    }
    best
}

/// Settles quoting, escaping and frames of a dialect from the sample: what tells how wide rows are.
fn settle(sample: Sample<'_>, whole: &Line, dialect: &mut Dialect) {
    let d = dialect.delimiter;
    if dialect.long.is_none() {
        // As many apostrophes as open cells there must be at least.
        if whole.count(Sign::Apostrophe) > APOSTROPHES {
            let beside = Beside::of(sample.text, d);
            if beside.opens > APOSTROPHES && beside.opens > 4 * beside.quoted && beside.closes * 2 > beside.opens {
                dialect.quote = b'\'';
            }
        }
        dialect.backslash = whole.count(Sign::Backslash) > 0 && escapes(sample.text, d, dialect.quote);
    }
    if d == b'|' || d == 0xE2 {
        let framed = sample.lines.iter().filter(|line| {
            let line = sample.bytes(line).trim_ascii();
            let open = match dialect.long {
                Some(long) => line.starts_with(long) && line.ends_with(long),
                None => line.starts_with(b"|") && line.ends_with(b"|"),
            };
            open && line.len() > 1
        });
        dialect.framed = framed.take(2).count() == 2;
    }
}

/// What stands beside the places of a delimiter.
#[derive(Default)]
struct Beside {
    /// Quotes behind.
    quoted: usize,
    /// Apostrophes behind, and before.
    opens: usize,
    closes: usize,
}

impl Beside {
    fn of(sample: &[u8], delimiter: u8) -> Self {
        let mut beside = Self::default();
        for at in memchr::memchr_iter(delimiter, sample) {
            let behind = sample.get(at + 1);
            let before = at.checked_sub(1).map(|at| sample[at]);
            beside.quoted += usize::from(behind == Some(&b'"'));
            beside.opens += usize::from(behind == Some(&b'\''));
            beside.closes += usize::from(before == Some(b'\''));
        }
        beside
    }
}

/// Whether backslashes escape quotes: `\"` within a cell does; before a quote or the cell's end the backslash may be one
/// of the value.
fn escapes(sample: &[u8], delimiter: u8, quote: u8) -> bool {
    let pair = [b'\\', quote];
    let inside =
        |at: &usize| sample.get(at + 2).is_some_and(|b| !matches!(*b, b'\n' | b'\r') && *b != delimiter && *b != quote);
    let escapes = memchr::memmem::find_iter(sample, &pair).filter(inside).count();
    quote != 0 && escapes > 0 && escapes > memchr::memmem::find_iter(sample, &[b'\\', quote, quote]).count()
}

/// The rows of a sample as a dialect reads them, without those that only draw.
fn read_sample(sample: Sample<'_>, whole: &Line, dialect: &Dialect, rows: &mut Vec<SampleRow>) {
    let lines = Lines::of(sample, dialect);
    rows.clear();
    match lines.counted.filter(|_| lines.is_plain(whole)) {
        // Without quotes, each line is a row.
        Some(sign) => rows.extend(sample.lines.iter().filter(|line| !line.rule).map(|line| {
            let Range { start, end } = sample.range(line);
            SampleRow { start, end, width: line.count(sign) + 1 }
        })),
        None => rows.extend(lines.filter(|(_, rule)| !rule).map(|(row, _)| row)),
    }
}

/// The rows of a sample as a dialect reads them, and whether they only draw.
pub(crate) struct Lines<'s, 'd> {
    sample: Sample<'s>,
    lines: std::slice::Iter<'s, Line>,
    dialect: &'d Dialect,
    /// What is counted to tell the width of a line, if that is enough.
    counted: Option<Sign>,
    quote: Option<Sign>,
    /// Which of the [`LONG`] delimiters the dialect's is.
    long: Option<usize>,
    at: usize,
}

impl<'s, 'd> Lines<'s, 'd> {
    pub(crate) fn of(sample: Sample<'s>, dialect: &'d Dialect) -> Self {
        let counted = Sign::of(dialect.delimiter).filter(|_| dialect.long.is_none() && !dialect.framed);
        let long = dialect.long.and_then(|long| LONG.iter().position(|(known, _)| *known == long));
        Self { sample, lines: sample.lines.iter(), dialect, counted, quote: Sign::of(dialect.quote), long, at: 0 }
    }

    /// The width of a line, if what was counted in it tells.
    fn width(&self, line: &Line) -> Option<usize> {
        if let Some(sign) = self.counted.filter(|_| self.is_plain(line)) {
            return Some(line.count(sign) + 1);
        }
        // A line that nothing parts is one cell, unless that is quoted and goes on.
        let parted = match self.long {
            Some(no) => line.has_long(no),
            None => Sign::of(self.dialect.delimiter).is_none_or(|sign| line.count(sign) > 0),
        };
        let first = self.sample.bytes(line).iter().find(|b| **b != b' ');
        (!parted && (self.quote.is_none() || first != Some(&self.dialect.quote))).then_some(1)
    }

    /// Where the line at `at` ends, if it is known without reading it that it only draws, or that no more than half of the
    /// columns have a cell in it. To be asked from line to line.
    pub(crate) fn narrow(&mut self, at: usize) -> Option<usize> {
        let sample = self.sample;
        let line = self.lines.find(|line| sample.range(line).start >= at)?;
        let Range { start, end } = sample.range(line);
        let narrow = self.width(line).is_some_and(|width| width * 2 <= self.dialect.columns);
        (start == at && (narrow || line.rule)).then_some(end)
    }

    /// Whether nothing is quoted or escaped: the delimiters of a line are all there is to count.
    fn is_plain(&self, line: &Line) -> bool {
        self.quote.is_none_or(|quote| line.count(quote) == 0)
            && !(self.dialect.backslash && line.count(Sign::Backslash) > 0)
    }
}

impl Iterator for Lines<'_, '_> {
    type Item = (SampleRow, bool);

    fn next(&mut self) -> Option<(SampleRow, bool)> {
        // What a quoted cell spans is passed.
        let sample = self.sample;
        let line = self.lines.find(|line| sample.range(line).start >= self.at)?;
        let Range { start, mut end } = sample.range(line);
        let mut rule = line.rule;
        let width = self.width(line).unwrap_or_else(|| {
            let (behind, width) = Width::of(self.sample.text, start, self.dialect);
            if behind != end {
                rule = is_rule(self.sample.text[start..behind].trim_ascii());
                end = behind;
            }
            width
        });
        self.at = end;
        Some((SampleRow { start, end, width }, rule))
    }
}

/// The best table that a dialect reads in these rows.
fn weigh(sample: Sample<'_>, rows: &[SampleRow], dialect: &Dialect) -> Option<Found> {
    let mut widths: Vec<(usize, usize)> = Vec::new();
    for width in rows.iter().map(|row| row.width).filter(|width| *width >= 2) {
        match widths.iter_mut().find(|(w, _)| *w == width) {
            Some((_, rows)) => *rows += 1,
            None => widths.push((width, 1)),
        }
    }
    widths.sort_by_key(|(width, rows)| std::cmp::Reverse(*rows * (*width).min(6)));
    widths.truncate(3);
    let padded = LazyCell::new(|| {
        let (text, delimiter) = (sample.text, dialect.delimiter);
        let [all] = count::each(text, [delimiter]);
        (count::pairs(text, [delimiter, b' '], 1) + count::pairs(text, [b' ', delimiter], 1)) * 2 > all
    });
    widths
        .iter()
        .filter_map(|(width, _)| weigh_width(rows, dialect, *width, (sample.text, &padded)))
        .max_by(|a, b| a.score.total_cmp(&b.score))
}

/// Weighs the first run of rows that are `width` cells wide.
fn weigh_width(
    rows: &[SampleRow],
    dialect: &Dialect,
    width: usize,
    (sample, padded): (&[u8], &LazyCell<bool, impl FnOnce() -> bool>),
) -> Option<Found> {
    let fits = |row: &SampleRow| row.width == width;
    // A run begins with a row of this width that most of the next rows follow.
    let first = (0..rows.len()).find(|i| {
        let next = &rows[*i..rows.len().min(i + 5)];
        fits(&rows[*i]) && next.iter().filter(|row| fits(row)).count() * 2 > next.len()
    })?;
    let (mut even, mut last, mut near) = (0, first, 0);
    for (i, row) in rows.iter().enumerate().skip(first) {
        if fits(row) {
            even += 1;
            last = i;
        } else if row.width >= 2 && row.width * 2 >= width {
            near += 1;
        } else if i - last > GAP {
            break;
        }
    }
    let run = last + 1 - first;
    let evenness = (even as f32 + 0.4 * near.min(run - even.min(run)) as f32) / run as f32;
    // Before cells are looked at: no cells would make up for that.
    if evenness < LEAST_EVEN || even < 2 && width < LEAST_WIDE {
        return None;
    }
    let mut dialect = Dialect { columns: width, ..dialect.clone() };
    if dialect.long.is_none() {
        dialect.padded = **padded;
    }
    let cells = Cells::of(sample, &rows[first..=last], &dialect);
    let score = cells.score(even, evenness)?;
    Some(Found { start: rows[first].start, dialect, score })
}

/// What the cells of a run look like.
struct Cells {
    columns: usize,
    fit: f32,
    /// Share of each column's filled cells that have its commonest look, averaged.
    alike: f32,
    /// Columns most of whose filled cells are typed.
    typed: usize,
    email_first: bool,
    /// Share of cells that no field would look like.
    alien: f32,
    /// Of these, those in quotes: beside columns with a type it is a program that quoted them, whatever they hold.
    quoted: f32,
    /// Whether a column holds little but addresses among words, without quotes.
    mixed: bool,
    delimiter: u8,
    long: bool,
}

impl Cells {
    fn of(sample: &[u8], rows: &[SampleRow], dialect: &Dialect) -> Self {
        let columns = dialect.columns;
        let mut table: Vec<Vec<(Looks, bool)>> = vec![Vec::new(); columns];
        let mut batch = Batch::new(0, Layout::Rows);
        for row in rows.iter().filter(|row| row.width == columns).take(WEIGHED) {
            cells_of(&sample[row.start..row.end], dialect, &mut batch);
            for (column, cell) in table.iter_mut().zip(&batch.cells) {
                let beside = |at: Option<usize>| at.and_then(|at| batch.text.get(at)) == Some(&dialect.quote);
                let quoted = beside((cell.start as usize).checked_sub(1)) && beside(Some(cell.end as usize));
                column.push((looks(cell.of(&batch.text)), quoted));
            }
        }
        let mut cells = Self {
            columns,
            fit: 0.0,
            alike: 0.0,
            typed: 0,
            email_first: false,
            alien: 0.0,
            quoted: 0.0,
            mixed: false,
            delimiter: dialect.delimiter,
            long: dialect.long.is_some(),
        };
        for (i, column) in table.iter().enumerate() {
            cells.add_column(i, column);
        }
        cells
    }

    /// Counts a column: how its cells look, and whether they are in quotes.
    fn add_column(&mut self, no: usize, column: &[(Looks, bool)]) {
        let filled: Vec<Looks> = column.iter().map(|(l, _)| *l).filter(|l| *l != Looks::Empty).collect();
        let share = |count: usize, of: usize| count as f32 / of.max(1) as f32;
        let columns = self.columns as f32;
        self.fit += column.iter().map(|(l, _)| l.fit()).sum::<f32>() / column.len().max(1) as f32 / columns;
        let alien = || column.iter().filter(|(l, _)| matches!(l, Looks::Phrase | Looks::Mixed | Looks::Noise));
        self.alien += share(alien().count(), column.len()) / columns;
        self.quoted += share(alien().filter(|(_, quoted)| *quoted).count(), column.len()) / columns;
        self.mixed |= column.iter().filter(|cell| **cell == (Looks::Mixed, false)).count() * 2 > column.len();
        let commonest = filled.iter().map(|l| filled.iter().filter(|m| *m == l).count()).max().unwrap_or(0);
        self.alike += if filled.is_empty() { 0.5 } else { share(commonest, filled.len()) } / columns;
        let typed = share(filled.iter().filter(|l| l.typed()).count(), filled.len());
        if typed >= 0.6 {
            self.typed += 1;
        }
        if no == 0 {
            self.email_first = share(filled.iter().filter(|l| **l == Looks::Email).count(), filled.len()) > 0.6;
        }
    }

    /// The worth of a run of `even` rows, or `None` if it is more likely prose.
    fn score(&self, even: usize, evenness: f32) -> Option<f32> {
        let quality = self.fit * (0.4 + 0.6 * self.alike);
        let plausible = if self.typed > 0 {
            evenness >= LEAST_EVEN
                && quality >= 0.35
                && self.alien - self.quoted < 0.35
                && (even >= 2 || self.columns >= LEAST_WIDE)
        } else {
            evenness >= 0.75 && quality >= 0.5 && self.alien < 0.1 && even >= if self.columns > 2 { 3 } else { 4 }
        };
        // A colon, a dash or a hash mark stands in prose and times too: rows have to show more for it.
        let weak = self.long || matches!(self.delimiter, b':' | b'#' | b'~' | b'^');
        // So do commas, between the words of a sentence.
        let plausible = plausible && !(self.mixed && self.delimiter == b',' && self.columns < 12);
        let earned = !weak || (self.typed > 0 && self.alien < 0.15 && (even >= 3 || self.email_first));
        let wide = 1.0 + 0.12 * (self.columns.min(12) as f32);
        let typed = 1.0 + self.typed as f32 / self.columns as f32;
        let penalty = if weak { 0.8 } else { 1.0 };
        (plausible && earned).then_some(even as f32 * evenness * quality * quality * wide * typed * penalty)
    }
}
