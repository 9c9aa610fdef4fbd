//! PostgreSQL's `COPY … FROM stdin;` blocks: tab-separated rows up to `\.`, escaped with backslashes, `\N` for nothing.

use memchr::{memchr, memchr3_iter, memmem};

use super::names::{Names, identifier, name_list, skip_space};
use crate::extract::columns::Columns;
use crate::extract::out::Out;
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
    Some(rows_into(out, text, rows, header))
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
