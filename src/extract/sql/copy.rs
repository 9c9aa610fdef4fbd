//! PostgreSQL's `COPY … FROM stdin;` blocks: tab-separated rows up to `\.`, escaped with backslashes, `\N` for nothing.

use memchr::{memchr, memchr3_iter, memmem};

use super::names::{Names, identifier, name_list, skip_space};
use crate::extract::columns::Columns;
use crate::extract::out::Out;
use crate::extract::text::delimited::{self, Dialect, MAX_BREAKS, row_length};
use crate::extract::text::header::name;
use crate::model::Shape;

/// The longest head that is looked for.
const MAX_HEAD: usize = 64 << 10;

/// Whether a line is the head of a block.
pub(super) fn is_head(line: &[u8]) -> bool {
    let line = &line[..memchr(b'\n', &line[..line.len().min(MAX_HEAD)]).unwrap_or(line.len().min(MAX_HEAD))];
    let line = line.trim_ascii_end();
    line.len() > 18 && line.ends_with(b";") && memmem::find(&line.to_ascii_lowercase(), b" from stdin").is_some()
}

/// Reads the block whose head stands at `start`, with its names at `at`. Returns where it ends.
pub(super) fn read(out: &mut Out<'_>, text: &[u8], start: usize, at: usize) -> Option<usize> {
    if !is_head(&text[start..]) {
        return None;
    }
    let header = header(text, at);
    let rows = start + memchr(b'\n', &text[start..]).map_or(text.len() - start, |i| i + 1);
    let head = text[start..rows].to_ascii_lowercase();
    if memmem::find(&head, b"csv").is_some() {
        return Some(csv_into(out, text, rows, header, &head));
    }
    Some(rows_into(out, text, rows, header))
}

/// Rows of CSV, as the options of the head say.
fn csv_into(out: &mut Out<'_>, text: &[u8], start: usize, header: Option<Names>, head: &[u8]) -> usize {
    let end = memmem::find(&text[start..], b"\n\\.").map_or(text.len(), |i| start + i + 1);
    let option = |name: &[u8]| memmem::find(head, name).map(|at| &head[at + name.len()..]);
    let delimiter = option(b"delimiter")
        .and_then(|rest| rest.iter().position(|b| *b == b'\'').and_then(|quote| rest.get(quote + 1)))
        .copied()
        .unwrap_or(b',');
    let first = start + row_length(&text[start..end], &Dialect::new(delimiter));
    let width =
        header.as_ref().map_or_else(|| memchr::memchr_iter(delimiter, &text[start..first]).count() + 1, Vec::len);
    let dialect = Dialect { columns: width, ..Dialect::new(delimiter) };
    // `HEADER` may be followed by its value.
    let rows = if option(b"header").is_some_and(|rest| !rest.trim_ascii_start().starts_with(b"false")) {
        first
    } else {
        start
    };
    out.table(Shape::Sql, header);
    let mut at = rows;
    while at < end && !out.stopped() {
        let read = delimited::read(out, &text[..end], at, &dialect, &mut MAX_BREAKS.clone());
        if read == at {
            out.text(&text[at..end]);
            break;
        }
        at = read;
    }
    end + memchr(b'\n', &text[end..]).map_or(text.len() - end, |i| i + 1)
}

fn header(text: &[u8], at: usize) -> Option<Names> {
    let (_, behind) = identifier(text, at)?;
    let open = skip_space(text, behind);
    if text.get(open) != Some(&b'(') {
        return None;
    }
    Some(name_list(text, open)?.0.iter().map(|column| name(column.as_bytes())).collect())
}

fn rows_into(out: &mut Out<'_>, text: &[u8], start: usize, header: Option<Names>) -> usize {
    let mut columns = Columns::with_header(text, start, Shape::Sql, header);
    let mut at = start;
    while at < text.len() && !out.stopped() {
        if text[at..].starts_with(b"\\.") {
            columns.flush(out, at);
            return at + memchr(b'\n', &text[at..]).map_or(text.len() - at, |i| i + 1);
        }
        at = row(text, at, &mut columns);
        columns.end_row(out, at);
    }
    columns.flush(out, at);
    at
}

fn row(text: &[u8], start: usize, columns: &mut Columns<'_>) -> usize {
    let (mut cell, mut escaped) = (start, false);
    // One search for the whole row: values are short, and each search has its price.
    for found in memchr3_iter(b'\t', b'\n', b'\\', &text[start..]).map(|i| start + i) {
        match text[found] {
            b'\\' => escaped = true,
            b'\t' => {
                value(text, cell, found, escaped, columns);
                (cell, escaped) = (found + 1, false);
            }
            _ => {
                let end = if found > cell && text[found - 1] == b'\r' { found - 1 } else { found };
                value(text, cell, end, escaped, columns);
                return found + 1;
            }
        }
    }
    value(text, cell, text.len(), escaped, columns);
    text.len()
}

fn value(text: &[u8], start: usize, end: usize, escaped: bool, columns: &mut Columns<'_>) {
    let column = columns.next_column();
    if !escaped {
        columns.put_range(column, start, end);
    } else if &text[start..end] != b"\\N" {
        let begin = columns.extra().len();
        crate::extract::tree::json::unescape(&text[start..end], columns.extra());
        columns.put_extra(column, begin);
    }
}
