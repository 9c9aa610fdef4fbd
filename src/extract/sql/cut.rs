//! Where a long dump may be cut, and what a piece must be told of the pieces before it.
//!
//! A dump may hold one `INSERT` of many megabytes, `COPY` blocks larger still, and names its columns in a
//! `CREATE TABLE` far above. A piece that begins in the middle of that is read behind the head that its rows stand
//! under, as it was written: the reader needs to know nothing of pieces.

use std::collections::VecDeque;

use memchr::{memchr, memchr2, memmem, memrchr};
use serde::{Deserialize, Serialize};

use super::{Head, begins_statement, behind_values, copy, has_backslash_escapes, names};

/// The longest head or definition that is carried from piece to piece, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// Bytes of definitions that are carried; the oldest go first.
const MAX_DEFINITIONS: usize = 64 << 10;
/// Definitions looked at in one piece.
const MAX_LEARNED: usize = 512;
/// How far back from the end of a piece the beginning of a tuple is looked for.
const TAIL: usize = 256 << 10;
/// Words looked at that may begin a statement.
const MAX_TRIES: usize = 64;

/// What is open where a piece of a dump ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Open {
    /// The head of the statement or block that goes on; empty if none does.
    head: Vec<u8>,
    /// Whether it is the head of a `COPY` block.
    copy: bool,
    /// Tables with the statements that define them.
    definitions: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Open {
    /// Where the last whole row of `piece`, which begins in this state, ends.
    pub(crate) fn end(&self, piece: &[u8]) -> Option<usize> {
        let line = || memrchr(b'\n', piece).map(|i| i + 1);
        if self.copy_head(piece).is_some() {
            return line();
        }
        last_statement(piece).or_else(|| last_tuple(piece)).or_else(line)
    }

    /// What is open behind `piece`, which begins in this state.
    pub(crate) fn behind(&self, piece: &[u8]) -> Self {
        let mut next = Self { definitions: self.definitions.clone(), ..Self::default() };
        next.learn(piece);
        if let Some(head) = self.copy_head(piece) {
            next.copy = true;
            next.head = head.to_vec();
        } else if follows_tuple(piece) {
            let own = last_head(piece).filter(|head| head.len() <= MAX_HEAD);
            let carried = if self.copy { &[][..] } else { &self.head };
            next.head = own.unwrap_or(carried).to_vec();
        }
        next
    }

    /// What is to be read before `piece`, which begins in this state: the definitions of the tables it fills, and the
    /// head of what goes on in it.
    pub(crate) fn prelude(&self, piece: &[u8]) -> Vec<u8> {
        let mut prelude = Vec::new();
        if !self.definitions.is_empty() && !self.copy {
            for table in filled(&self.head).chain(filled(piece)) {
                let known = self.definitions.iter().find(|(defined, _)| *defined == table);
                if let Some((_, statement)) = known
                    && memmem::find(&prelude, statement).is_none()
                {
                    prelude.extend_from_slice(statement);
                    prelude.extend_from_slice(b";\n");
                }
            }
        }
        prelude.extend_from_slice(&self.head);
        prelude
    }

    /// The head of the `COPY` block that is open at the end of `piece`.
    fn copy_head<'a>(&'a self, piece: &'a [u8]) -> Option<&'a [u8]> {
        let ended = match memmem::find_iter(piece, b"\n\\.").last() {
            Some(at) => Some(at + 1),
            None => piece.starts_with(b"\\.").then_some(0),
        };
        let from = ended.unwrap_or(0);
        let begun = [&b"FROM stdin"[..], b"from stdin", b"FROM STDIN"]
            .into_iter()
            .filter_map(|words| memmem::find_iter(&piece[from..], words).last())
            .max();
        let head = begun.and_then(|at| {
            let start = memrchr(b'\n', &piece[..from + at]).map_or(0, |i| i + 1);
            let end = from + at + memchr(b'\n', &piece[from + at..])? + 1;
            let line = &piece[start..end];
            (line.len() <= MAX_HEAD && names::keyword(line, 0, "copy").is_some() && copy::is_head(line)).then_some(line)
        });
        head.or_else(|| (ended.is_none() && self.copy).then_some(self.head.as_slice()))
    }

    /// Remembers the definitions in `piece`.
    fn learn(&mut self, piece: &[u8]) {
        for word in [&b"CREATE "[..], b"create "] {
            let lines = memmem::find_iter(piece, word).filter(|at| *at == 0 || piece[at - 1] == b'\n');
            for at in lines.take(MAX_LEARNED) {
                let defined = || {
                    let piece = &piece[..piece.len().min(at + MAX_HEAD)];
                    let behind = names::after_table_word(piece, names::keyword(piece, at, "create")?)?;
                    let (table, behind) = names::identifier(piece, behind)?;
                    let (_, end) = names::definitions(piece, names::skip_space(piece, behind))?;
                    (end - at <= MAX_HEAD).then(|| (table, piece[at..end].to_vec()))
                };
                if let Some((table, statement)) = defined() {
                    self.definitions.retain(|(known, _)| *known != table);
                    self.definitions.push((table, statement));
                }
            }
        }
        let mut held: usize = self.definitions.iter().map(|(_, statement)| statement.len()).sum();
        while held > MAX_DEFINITIONS {
            held -= self.definitions.remove(0).1.len();
        }
    }
}

/// Where the last whole statement ends: behind a `;` at the end of a line, if what follows begins another.
fn last_statement(piece: &[u8]) -> Option<usize> {
    let ends = memchr::memrchr_iter(b'\n', piece).filter(|i| piece[..*i].trim_ascii_end().ends_with(b";")).take(256);
    ends.map(|i| i + 1).find(|at| begins_statement(&piece[*at..]))
}

/// Where the last tuple begins that follows another. Every string from the last head on is passed: a value may hold
/// whatever parts tuples.
fn last_tuple(piece: &[u8]) -> Option<usize> {
    let backslash = has_backslash_escapes(piece);
    let from = piece.len().saturating_sub(TAIL);
    let mut at = heads(piece).map_or(0, |(_, behind)| behind);
    let mut last = None;
    while at < piece.len() {
        let quote = memchr2(b'\'', b'"', &piece[at..]).map_or(piece.len(), |i| at + i);
        if quote > from {
            let gap = memchr::memrchr_iter(b'(', &piece[at..quote]).map(|i| at + i);
            last = gap.into_iter().find(|open| follows_tuple(&piece[..*open])).or(last);
        }
        at = string_end(piece, quote, backslash);
    }
    last
}

/// Behind the string whose quote stands at `open`; the end of the text if it does not end.
fn string_end(text: &[u8], open: usize, backslash: bool) -> usize {
    let Some(quote) = text.get(open) else { return text.len() };
    let mut at = open + 1;
    while let Some(rest) = text.get(at..) {
        let Some(found) = (if backslash { memchr2(*quote, b'\\', rest) } else { memchr(*quote, rest) }) else { break };
        // A doubled quote ends one string and begins the next: for our purpose that is the same.
        if rest[found] == *quote {
            return at + found + 1;
        }
        at += found + 2;
    }
    text.len()
}

/// Whether `text` ends behind a tuple and its comma.
fn follows_tuple(text: &[u8]) -> bool {
    text.trim_ascii_end().strip_suffix(b",").is_some_and(|text| text.trim_ascii_end().ends_with(b")"))
}

/// The head of the last `INSERT` of a piece, up to its first tuple.
fn last_head(piece: &[u8]) -> Option<&[u8]> {
    heads(piece).map(|(start, end)| &piece[start..end])
}

/// Where the last statement with tuples begins, and its first tuple.
fn heads(piece: &[u8]) -> Option<(usize, usize)> {
    let starts = |at: &usize| {
        let before = piece[..*at].trim_ascii_end();
        before.is_empty() || before.ends_with(b";") || memchr(b'\n', &piece[before.len()..*at]).is_some()
    };
    let of = |word: &[u8]| {
        // Forwards, and the last of them: searching backwards is many times slower.
        let mut found: VecDeque<usize> = VecDeque::new();
        for at in memmem::find_iter(piece, word).filter(starts) {
            if found.len() == MAX_TRIES {
                found.pop_front();
            }
            found.push_back(at);
        }
        found.into_iter().rev().find_map(|at| Some((at, behind_values(piece, Head::read(piece, at)?.behind)?)))
    };
    [&b"INSERT"[..], b"insert", b"REPLACE", b"replace"].into_iter().filter_map(of).max()
}

/// The tables that statements of `piece` fill, a change of table each.
fn filled(piece: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let words = [&b"INTO "[..], b"into "];
    let mut last: &[u8] = b"";
    words.into_iter().flat_map(move |word| memmem::find_iter(piece, word)).filter_map(move |at| {
        let rest = &piece[at + 5..];
        if !last.is_empty() && rest.starts_with(last) {
            return None;
        }
        let (table, behind) = names::identifier(piece, at + 5)?;
        last = &piece[at + 5..behind];
        Some(table)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_larger_than_a_piece_is_cut_between_tuples_and_goes_on_under_its_head() {
        let open = Open::default().behind(b"CREATE TABLE `t` (\n  `a` int,\n  `b` text\n);\n");
        let first = b"INSERT INTO `t` VALUES (1,'x),(y'),(2,'it\\'s'),(3,'";
        let end = open.end(first).unwrap();
        assert!(first[end..].starts_with(b"(3,"), "{end}");
        let next = open.behind(&first[..end]);
        let prelude = next.prelude(&first[end..]);
        assert!(
            prelude.starts_with(b"CREATE TABLE `t`") && prelude.ends_with(b"INSERT INTO `t` VALUES "),
            "{prelude:?}"
        );
        // It goes on through a piece without a head, and ends with the statement.
        assert_eq!(next.behind(b"(2,'x'),").head, next.head);
        assert!(next.behind(b"(2,'x');\n").head.is_empty());
    }

    #[test]
    fn rows_of_a_block_stand_under_its_head_until_it_ends() {
        let open = Open::default();
        let head = b"COPY public.c (id, mail) FROM stdin;\n";
        let text = [&b"SET x = 1;\n"[..], head, b"1\ta;\n2\tb"].concat();
        let end = open.end(&text).unwrap();
        assert_eq!(&text[end..], b"2\tb");
        let within = open.behind(&text[..end]);
        assert_eq!(within.prelude(b"2\tb\n"), head);
        assert_eq!(within.behind(b"2\tb\n").prelude(b"3\tc\n"), head);
        assert!(within.behind(b"2\tb\n\\.\n\nSELECT 1;\n").prelude(b"x").is_empty());
    }

    #[test]
    fn definitions_are_told_to_pieces_that_fill_their_tables_only() {
        let open = Open::default().behind(b"CREATE TABLE a (x int);\nCREATE TABLE b (y int);\n");
        assert_eq!(
            open.prelude(b"INSERT INTO b VALUES (1);\nINSERT INTO b VALUES (2);\n"),
            b"CREATE TABLE b (y int);\n"
        );
        assert!(open.prelude(b"SELECT 1;\n").is_empty());
    }
}
