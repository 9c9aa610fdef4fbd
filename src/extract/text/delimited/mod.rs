//! Rows of cells between delimiters: the parser, for a dialect that the sniffer has settled.
//!
//! A table goes on as long as its rows keep the dialect. Ragged rows stay rows; lines that are none (comments, prose)
//! are handed on as text; three rows of another width, or an opening of another shape, end the table, and the
//! segmenter looks again.

pub(crate) mod affix;
mod dialect;
mod positions;
mod row;
pub(crate) mod sniff;
#[cfg(test)]
mod tests;

pub(crate) use dialect::{Dialect, colon_delimits, last_row_end};
use positions::Positions;
pub(crate) use row::read_row;
use row::{Width, quoted_rows, simple_rows};

use super::super::out::{BATCH, Out};
use super::opens_other_shape;
use crate::model::SkipReason;

/// How often a document may be looked at again because rows changed their width. Beyond, ragged rows stay where they
/// are: looking again costs a sample each time.
pub(crate) const MAX_BREAKS: u32 = 64;

/// Bytes of a table's first batch. Most tables that are found in running text end after a few rows, and the rest of the batch was read in
/// vain.
const FIRST: usize = 4 << 10;

/// A row whose number of cells is not that of the table, as offsets into the text.
pub(crate) struct Odd {
    start: usize,
    end: usize,
    cells: usize,
}

/// What becomes of an odd row.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Row,
    Text,
    Drop,
    EndsTable,
}

/// Reads the table that begins at `start` into the table that `out` has open, and returns where it ends.
pub(crate) fn read(out: &mut Out<'_>, text: &[u8], start: usize, dialect: &Dialect, breaks: &mut u32) -> usize {
    let (mut at, mut most) = (start, FIRST);
    while at < text.len() && !out.stopped() {
        let Some(length) = unit(&text[at..], dialect, most, out.limits.line) else {
            at = long_line(out, text, at);
            continue;
        };
        most = (most * 4).min(BATCH);
        let (end, ended) = read_unit(out, text, at..at + length, dialect, breaks);
        at = end;
        if ended {
            break;
        }
    }
    at
}

/// Length of the whole rows that make the next batch, of at most so many bytes if they fit; `None` if the next row is too long to be one.
fn unit(rest: &[u8], dialect: &Dialect, most: usize, longest: usize) -> Option<usize> {
    [most, BATCH, longest].into_iter().find_map(|most| match rest.get(..most) {
        Some(these) if these.len() < rest.len() => last_row_end(these, dialect),
        _ => Some(rest.len()),
    })
}

/// Hands on a piece of a line that is too long to be a row.
fn long_line(out: &mut Out<'_>, text: &[u8], at: usize) -> usize {
    out.skip(SkipReason::TooLong, format!("a row of more than {} bytes, read in pieces", out.limits.line));
    let end = text.len().min(at + out.limits.line);
    let end = memchr::memchr(b'\n', &text[at..end]).map_or(end, |i| at + i + 1);
    out.text(&text[at..end]);
    end
}

/// Reads the rows of `range`. Returns where it stopped, and whether the table ends there.
fn read_unit(
    out: &mut Out<'_>,
    text: &[u8],
    range: std::ops::Range<usize>,
    dialect: &Dialect,
    breaks: &mut u32,
) -> (usize, bool) {
    let rows = &text[range.clone()];
    out.flush_rows();
    let batch = out.batch();
    batch.text.extend_from_slice(rows);
    batch.source = rows.len();
    let simple = dialect.is_single()
        && (dialect.quote == 0 || memchr::memchr(dialect.quote, rows).is_none())
        && !(dialect.backslash && memchr::memchr(b'\\', rows).is_some());
    let quoted = dialect.is_single() && dialect.quote != 0 && !dialect.backslash;
    let third = if simple { b'\n' } else { dialect.quote };
    let marks = (simple || quoted).then(|| Positions::of(rows, [dialect.delimiter, b'\n', third]));
    let mut at = 0;
    while at < rows.len() {
        let odd = match &marks {
            Some(marks) if simple => simple_rows((rows, marks), &mut at, out.batch(), dialect),
            marks => careful_rows((rows, marks.as_ref()), &mut at, out.batch(), dialect),
        };
        let Some(odd) = odd else { break };
        match judge(&text[range.start..], &odd, dialect, breaks) {
            Verdict::Row => {
                let batch = out.batch();
                read_row(rows, odd.start, batch, dialect);
                batch.end_row();
            }
            Verdict::Text => out.text(&rows[odd.start..at]),
            Verdict::Drop => {}
            Verdict::EndsTable => {
                shrink_source(out.batch(), odd.start);
                affix::strip_batch(out.batch(), &dialect.affixes);
                out.rows_done();
                out.flush_rows();
                return (range.start + odd.start, true);
            }
        }
    }
    affix::strip_batch(out.batch(), &dialect.affixes);
    out.rows_done();
    out.flush_rows();
    (range.end, false)
}

/// Takes back the end of the source that turned out to belong to something else.
fn shrink_source(batch: &mut crate::model::Batch, source: usize) {
    let gone = batch.source - source;
    let old = batch.source as u32;
    batch.text.drain(source..batch.source);
    batch.source = source;
    for cell in &mut batch.cells {
        if cell.start >= old {
            cell.start -= gone as u32;
            cell.end -= gone as u32;
        }
    }
}

/// Like [`simple_rows`] for every dialect; with `marks`, rows are tried by them first.
fn careful_rows(
    (rows, marks): (&[u8], Option<&Positions>),
    at: &mut usize,
    batch: &mut crate::model::Batch,
    dialect: &Dialect,
) -> Option<Odd> {
    while *at < rows.len() {
        if let Some(marks) = marks {
            quoted_rows((rows, marks), at, batch, dialect);
            if *at >= rows.len() {
                break;
            }
        }
        let (start, first, length) = (*at, batch.cells.len(), batch.text.len());
        *at = read_row(rows, start, batch, dialect);
        let cells = batch.cells.len() - first;
        if cells != dialect.columns {
            batch.cells.truncate(first);
            batch.text.truncate(length);
            return Some(Odd { start, end: *at, cells });
        }
        if dialect.framed && is_rule(rows[start..*at].trim_ascii()) {
            batch.cells.truncate(first);
        }
        batch.end_row();
    }
    None
}

fn judge(text: &[u8], odd: &Odd, dialect: &Dialect, breaks: &mut u32) -> Verdict {
    let line = text[odd.start..odd.end].trim_ascii();
    if is_rule(line) {
        return Verdict::Drop;
    }
    // Behind a blank line, and with no row of the table to come, it is what is said about the table.
    let parted = || {
        let before = &text[..odd.start];
        (before.ends_with(b"\n\n") || before.ends_with(b"\n\r\n"))
            && !following(text, odd.end, dialect).take(4).any(|cells| cells == dialect.columns)
    };
    if odd.cells >= 2 && odd.cells * 2 >= dialect.columns && !parted() {
        let same = || following(text, odd.end, dialect).take(2).filter(|cells| *cells == odd.cells).count() == 2;
        if *breaks < MAX_BREAKS && same() {
            *breaks += 1;
            return Verdict::EndsTable;
        }
        return Verdict::Row;
    }
    if opens_other_shape(&text[odd.start..]) {
        return Verdict::EndsTable;
    }
    let goes_on = following(text, odd.end, dialect).take(4).any(|cells| cells == dialect.columns);
    if goes_on || *breaks >= 8 * MAX_BREAKS {
        Verdict::Text
    } else {
        *breaks += 1;
        Verdict::EndsTable
    }
}

/// Whether `text` begins with rows of the table.
pub(crate) fn continues(text: &[u8], dialect: &Dialect) -> bool {
    following(text, 0, dialect).take(8).filter(|cells| *cells == dialect.columns).count() >= 2
        || following(text, 0, dialect).take(3).all(|cells| cells == dialect.columns)
}

/// Length of the first row of `text`.
pub(crate) fn row_length(text: &[u8], dialect: &Dialect) -> usize {
    Width::of(text, 0, dialect).0
}

/// The widths of the rows from `at` on; blank lines and rules do not count.
fn following<'a>(text: &'a [u8], mut at: usize, dialect: &'a Dialect) -> impl Iterator<Item = usize> + 'a {
    let text = &text[..text.len().min(at + (64 << 10))];
    std::iter::from_fn(move || {
        while at < text.len() {
            let (end, width) = Width::of(text, at, dialect);
            let blank = is_rule(text[at..end].trim_ascii());
            at = end;
            if !blank {
                return Some(width);
            }
        }
        None
    })
}

/// Whether a line only draws: blank, `-----`, `+----+`, `====`, `|---|`, `───`.
pub(crate) fn is_rule(line: &[u8]) -> bool {
    let mut i = 0;
    while i < line.len() {
        match line[i] {
            b'-' | b'+' | b'=' | b'|' | b'_' | b'*' | b'#' | b'~' | b' ' | b'\t' | b'\r' | b':' | b'.' => i += 1,
            // Box drawing, U+2500 to U+257F.
            0xE2 if matches!(line.get(i + 1), Some(0x94 | 0x95)) => i += 3,
            _ => return false,
        }
    }
    true
}
