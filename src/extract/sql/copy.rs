//! PostgreSQL's `COPY … FROM stdin;` blocks: tab-separated rows up to `\.`, escaped with backslashes, `\N` for nothing.

use memchr::{memchr, memchr2, memmem};

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
    let mut cell = start;
    loop {
        let found = memchr2(b'\t', b'\n', &text[cell..]).map_or(text.len(), |i| cell + i);
        let column = columns.next_column();
        let last = text.get(found) != Some(&b'\t');
        let value = &text[cell..found];
        let value = if last { value.strip_suffix(b"\r").unwrap_or(value) } else { value };
        if memchr(b'\\', value).is_none() {
            columns.put_range(column, cell, cell + value.len());
        } else if value != b"\\N" {
            let begin = columns.extra().len();
            crate::extract::tree::json::unescape(value, columns.extra());
            columns.put_extra(column, begin);
        }
        if last {
            return (found + 1).min(text.len());
        }
        cell = found + 1;
    }
}
