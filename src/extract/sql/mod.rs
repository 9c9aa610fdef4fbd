//! Database dumps: `INSERT` in the dialects of the common engines, `COPY` blocks, and the `CREATE TABLE` statements
//! that name their columns. Other statements and comments are handed on as text.
//!
//! Rows are read in one pass; values are ranges of the dump unless something has to be unescaped.

mod copy;
pub(crate) mod cut;
mod names;
mod value;

use std::collections::HashMap;

use memchr::memmem;

use super::columns::Columns;
use super::out::Out;
use crate::model::Shape;
use names::{Names, identifier, keyword, name_list, skip_space};
use value::Values;

/// Tables whose columns are remembered.
const MAX_TABLES: usize = 1_000;

/// Whether a line begins a statement that carries rows or names columns.
pub(crate) fn opens(line: &[u8]) -> bool {
    let Some(first) = line.first() else { return false };
    match first.to_ascii_lowercase() {
        b'i' => keyword(line, 0, "insert").is_some(),
        b'u' => keyword(line, 0, "update")
            .and_then(|at| identifier(line, at))
            .is_some_and(|(_, at)| keyword(line, skip_space(line, at), "set").is_some()),
        b'(' => is_tuple(line),
        b'r' => keyword(line, 0, "replace").is_some_and(|at| keyword(line, at, "into").is_some()),
        b'c' => {
            keyword(line, 0, "create").is_some_and(|at| names::after_table_word(line, at).is_some())
                || (keyword(line, 0, "copy").is_some() && copy::is_head(line))
        }
        _ => false,
    }
}

/// Whether a line is a tuple of a statement that began elsewhere: two strings in it at least, and its bracket closes.
fn is_tuple(line: &[u8]) -> bool {
    let line = line[..line.len().min(4096)].trim_ascii_end();
    let strings = memmem::find_iter(line, b"',").count() + memmem::find_iter(line, b"\",").count();
    strings >= 2
        && (line.ends_with(b"),") || line.ends_with(b");") || line.ends_with(b")") || line.len() > 4000)
        && matches!(line.get(1), Some(b'\'' | b'"' | b' ' | b'N' | b'n' | b'0'..=b'9' | b'-'))
}

/// Where the first whole tuple stands in a line that begins within one.
pub(crate) fn cut_tuple(line: &[u8]) -> Option<usize> {
    let head = &line[..line.len().min(16 << 10)];
    // `),(` by its last sign: few lines have that.
    let mut joints = memchr::memchr_iter(b'(', head)
        .filter(|at| head[..*at].ends_with(b"),"))
        .filter(|at| matches!(head.get(at + 1), Some(b'\'' | b'"' | b'N' | b'n' | b'0'..=b'9')))
        .map(|at| at - 2);
    let first = joints.next()?;
    (joints.next().is_some() && is_tuple_joint(&head[..first])).then_some(first + 2)
}

/// Whether what stands before a `),(` ends as a tuple does.
fn is_tuple_joint(before: &[u8]) -> bool {
    memchr::memchr(b',', before).is_some() && matches!(before.last(), Some(b'\'' | b'"' | b'L' | b'l' | b'0'..=b'9'))
}

/// Whether a statement of any kind, or a comment, begins a line.
pub(crate) fn begins_statement(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    opens(line) || is_other_statement(line)
}

/// Reads the statements that begin at `start`. Returns where they end; `None` if there is none after all.
pub(crate) fn read(out: &mut Out<'_>, text: &[u8], start: usize) -> Option<usize> {
    out.flush_rows();
    let backslash = has_backslash_escapes(&text[start.saturating_sub(8 << 10)..]);
    let mut dump = Dump { text, backslash, tables: HashMap::new(), current: None };
    let mut at = start;
    while !out.stopped() {
        match dump.statement(out, at) {
            Some(end) => at = end,
            None => break,
        }
        at = dump.between(out, at);
    }
    dump.close(out, at);
    (at > start).then_some(at)
}

/// Whether `\` escapes: it does in MySQL's dumps and not in standard SQL. Decided from the marks that engines leave and
/// from what stands behind `\'`.
fn has_backslash_escapes(text: &[u8]) -> bool {
    let sample = &text[..text.len().min(64 << 10)];
    let has = |needle: &str| memmem::find(sample, needle.as_bytes()).is_some();
    if has("INTO `") || has("TABLE `") || has("ENGINE=") {
        return true;
    }
    if has("INSERT [") || has("PostgreSQL") || has("PRAGMA ") || has(" N'") || has("standard_conforming_strings") {
        return false;
    }
    let ends = memmem::find_iter(sample, b"\\'").filter(|at| {
        matches!(sample.get(at + 2), Some(b',' | b')'))
            && sample.get(at + 3).is_none_or(|b| b" '(0123456789N\n;".contains(b))
    });
    let all = memmem::find_iter(sample, b"\\'").count();
    all == 0 || ends.count() * 2 < all
}

/// The beginning of a statement that brings rows: `INSERT INTO t (a, b)`.
struct Head {
    table: Vec<u8>,
    list: Option<Names>,
    /// Where it goes on, with `VALUES` or `SET`.
    behind: usize,
}

impl Head {
    fn read(text: &[u8], at: usize) -> Option<Self> {
        let mut at = keyword(text, at, "insert").or_else(|| keyword(text, at, "replace"))?;
        for word in
            ["low_priority", "delayed", "high_priority", "ignore", "or", "replace", "into", "overwrite", "table"]
        {
            at = keyword(text, at, word).unwrap_or(at);
        }
        let (table, behind) = identifier(text, at)?;
        at = skip_space(text, behind);
        let mut list = None;
        if text.get(at) == Some(&b'(') && keyword(text, at + 1, "select").is_none() {
            let (names, behind) = name_list(text, at)?;
            list = Some(names);
            at = skip_space(text, behind);
        }
        at = keyword(text, at, "overriding").map_or(at, |at| {
            ["system", "user", "value"].iter().fold(at, |at, word| keyword(text, at, word).unwrap_or(at))
        });
        Some(Self { table, list, behind: at })
    }
}

/// Where the first tuple stands.
fn behind_values(text: &[u8], at: usize) -> Option<usize> {
    keyword(text, at, "values").or_else(|| keyword(text, at, "value"))
}

/// The table that rows are being read into.
struct Current<'t> {
    table: Vec<u8>,
    list: Option<Names>,
    columns: Columns<'t>,
}

struct Dump<'t> {
    text: &'t [u8],
    backslash: bool,
    tables: HashMap<Vec<u8>, Names>,
    current: Option<Current<'t>>,
}

impl<'t> Dump<'t> {
    /// Reads one statement that carries rows or names columns. Returns where it ends.
    fn statement(&mut self, out: &mut Out<'_>, at: usize) -> Option<usize> {
        if let Some(at) = keyword(self.text, at, "create") {
            return self.create(at);
        }
        if let Some(behind) = keyword(self.text, at, "copy") {
            self.close(out, at);
            return copy::read(out, self.text, at, behind);
        }
        if let Some(at) = keyword(self.text, at, "update") {
            let (table, behind) = identifier(self.text, at)?;
            let at = keyword(self.text, skip_space(self.text, behind), "set")?;
            let end = self.assignments(out, table, at)?;
            return Some(
                end + memchr::memchr2(b';', b'\n', &self.text[end..]).map_or(self.text.len() - end, |i| i + 1),
            );
        }
        if self.text.get(at) == Some(&b'(') {
            self.enter(out, Vec::new(), None, at);
            return Some(self.tuples(out, at)).filter(|end| *end > at);
        }
        if let Some(at) = keyword(self.text, at, "insert").and_then(|at| keyword(self.text, at, "all")) {
            return self.insert_all(out, at);
        }
        let Head { table, list, behind } = Head::read(self.text, at)?;
        if let Some(at) = keyword(self.text, behind, "set") {
            return self.assignments(out, table, at);
        }
        if let Some(at) = keyword(self.text, behind, "select") {
            self.enter(out, table, list, at);
            return Some(self.selects(out, at));
        }
        let at = behind_values(self.text, behind)?;
        self.enter(out, table, list, at);
        Some(self.tuples(out, at))
    }

    /// Oracle's `INSERT ALL INTO a (…) VALUES (…) INTO … SELECT …;`
    fn insert_all(&mut self, out: &mut Out<'_>, mut at: usize) -> Option<usize> {
        let start = at;
        while let Some(behind) = keyword(self.text, at, "into") {
            let (table, behind) = identifier(self.text, behind)?;
            let open = skip_space(self.text, behind);
            let list = (self.text.get(open) == Some(&b'(')).then(|| name_list(self.text, open)).flatten();
            let values = list.as_ref().map_or(open, |(_, end)| skip_space(self.text, *end));
            let values = keyword(self.text, values, "values")?;
            self.enter(out, table, list.map(|(names, _)| names), values);
            let end = self.tuples(out, values);
            if end == values {
                break;
            }
            at = skip_space(self.text, end);
        }
        (at > start).then_some(at)
    }

    /// `SELECT 'a', 'b' UNION ALL SELECT …;` Returns where the statement ends, or where it stops being one.
    fn selects(&mut self, out: &mut Out<'_>, start: usize) -> usize {
        let Some(current) = &mut self.current else { return start };
        let values = Values { text: self.text, backslash: self.backslash };
        let mut at = start;
        while !out.stopped() {
            let Some(end) = values.selected(at, &mut current.columns) else {
                current.columns.undo_row();
                return at;
            };
            current.columns.end_row(out, end);
            let behind = keyword(self.text, end, "from")
                .and_then(|at| identifier(self.text, at))
                .map_or(end, |(_, at)| skip_space(self.text, at));
            let next = keyword(self.text, behind, "union").map(|at| keyword(self.text, at, "all").unwrap_or(at));
            match next.and_then(|at| keyword(self.text, at, "select")) {
                Some(next) => at = next,
                None => return if self.text.get(behind) == Some(&b';') { behind + 1 } else { behind },
            }
        }
        at
    }

    /// Makes `table` the one that rows are read into.
    fn enter(&mut self, out: &mut Out<'_>, table: Vec<u8>, list: Option<Names>, at: usize) {
        if self.current.as_ref().is_some_and(|current| current.table == table && current.list == list) {
            return;
        }
        self.close(out, at);
        let header = list.clone().or_else(|| self.tables.get(&table).cloned());
        let columns = Columns::with_header(self.text, at, Shape::Sql, header);
        self.current = Some(Current { table, list, columns });
    }

    fn close(&mut self, out: &mut Out<'_>, at: usize) {
        if let Some(mut current) = self.current.take() {
            current.columns.flush(out, at);
        }
    }

    /// `(…), (…), …;` Returns where the statement ends, or where it stops being one.
    fn tuples(&mut self, out: &mut Out<'_>, start: usize) -> usize {
        let Some(current) = &mut self.current else { return start };
        let values = Values { text: self.text, backslash: self.backslash };
        let mut at = skip_space(self.text, start);
        while self.text.get(at) == Some(&b'(') && !out.stopped() {
            let Some(end) = values.tuple(at, &mut current.columns) else {
                current.columns.undo_row();
                return at;
            };
            current.columns.end_row(out, end);
            at = skip_space(self.text, end);
            if self.text.get(at) == Some(&b',') {
                at = skip_space(self.text, at + 1);
            }
        }
        if self.text.get(at) == Some(&b';') { at + 1 } else { at }
    }

    /// `SET a = 'x', b = 'y';`
    fn assignments(&mut self, out: &mut Out<'_>, table: Vec<u8>, start: usize) -> Option<usize> {
        // Statements of this kind follow each other: they are rows of one table.
        let goes_on =
            |current: &Current<'_>| current.table == table && current.list.as_ref().is_some_and(Vec::is_empty);
        if !self.current.as_ref().is_some_and(goes_on) {
            self.close(out, start);
            let columns = Columns::new(self.text, start, Shape::Sql);
            self.current = Some(Current { table, list: Some(Vec::new()), columns });
        }
        let columns = &mut self.current.as_mut()?.columns;
        let values = Values { text: self.text, backslash: self.backslash };
        let Some(at) = assigned(self.text, start, columns, &values, out.limits.columns) else {
            columns.undo_row();
            return None;
        };
        columns.end_row(out, at);
        Some(if self.text.get(at) == Some(&b';') { at + 1 } else { at })
    }

    /// `CREATE TABLE name (…)`: remembers the columns.
    fn create(&mut self, at: usize) -> Option<usize> {
        let at = names::after_table_word(self.text, at)?;
        let (table, behind) = identifier(self.text, at)?;
        let open = skip_space(self.text, behind);
        let (columns, end) = names::definitions(self.text, open)?;
        if self.tables.len() < MAX_TABLES {
            self.tables.insert(table, columns);
        }
        let rest = &self.text[end..self.text.len().min(end + 4096)];
        Some(memchr::memchr(b';', rest).map_or(end, |i| end + i + 1))
    }

    /// Hands on what stands between statements that are read, as text. Returns where the next one begins, or where a
    /// line stands that is no SQL.
    fn between(&mut self, out: &mut Out<'_>, start: usize) -> usize {
        let mut at = start;
        while at < self.text.len() {
            let line = &self.text[at..];
            let line = &line[..memchr::memchr(b'\n', line).map_or(line.len(), |i| i + 1)];
            let inner = line.trim_ascii_start();
            let skipped = line.len() - inner.len();
            if opens(inner) {
                self.pass(out, start, at + skipped);
                return at + skipped;
            }
            // A line left over behind a statement ends with it.
            if !inner.is_empty() && at > start && !is_other_statement(inner) {
                break;
            }
            at += line.len();
        }
        self.pass(out, start, at);
        at
    }

    fn pass(&mut self, out: &mut Out<'_>, start: usize, end: usize) {
        if self.text[start..end].iter().any(u8::is_ascii_alphanumeric) {
            if let Some(current) = &mut self.current {
                current.columns.skip_to(out, start, end);
            }
            out.text(&self.text[start..end]);
        }
    }
}

/// Reads `a = 'x', b = 'y'` into a row. Returns where it ends.
fn assigned(text: &[u8], start: usize, columns: &mut Columns<'_>, values: &Values<'_>, most: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let (name, behind) = identifier(text, at)?;
        at = skip_space(text, behind);
        if text.get(at) != Some(&b'=') {
            return None;
        }
        let column = columns.column(&name, most);
        at = skip_space(text, values.value(at + 1, column, columns)?);
        if text.get(at) != Some(&b',') {
            return Some(at);
        }
        at += 1;
    }
}

/// Statements and comments that stand between those with rows in dumps.
fn is_other_statement(line: &[u8]) -> bool {
    const WORDS: [&str; 21] = [
        "set", "use", "drop", "lock", "unlock", "alter", "begin", "commit", "start", "go", "pragma", "select",
        "delete", "truncate", "update", "grant", "comment", "create", "end", "key", "print",
    ];
    line.starts_with(b"--")
        || line.starts_with(b"/*")
        || line.starts_with(b"#")
        || line.starts_with(b")")
        || line.starts_with(b";")
        || WORDS.iter().any(|word| keyword(line, 0, word).is_some())
}

#[cfg(test)]
mod tests;
