//! How a long text is read in pieces: what its beginning shows, where it may be cut, and how a piece is read.
//!
//! The streaming lane and the windows of [`extract`](crate::extract::extract) share this, so that a dump gives the same
//! rows whether it is mapped, streamed out of an archive, or cut for several threads.

use std::borrow::Cow;
use std::io::Read;

use super::delimited::{self, last_row_end, sniff::Found};
use super::{Look, Opening, Segmenter, header_of, look, opening, sample, shape_of};
use crate::extract::container::{WINDOW, fill};
use crate::extract::encoding::{self, Charset};
use crate::extract::out::Out;
use crate::extract::sql;
use crate::model::{Shape, SkipReason};

/// Bytes of a window, before it is cut back to a row end.
pub(crate) const PIECE: usize = 1 << 20;

/// What goes on through all of a long text.
#[derive(Debug, Clone)]
pub(crate) enum Course {
    /// One table, which begins at an offset of the first piece.
    Table { found: Found, shape: Shape, header: Option<Vec<String>>, rows_at: usize },
    /// Statements, cut behind a `;` that ends a line.
    Sql,
    /// JSON values, cut between two of them.
    Json(Separator),
    /// Each piece is looked at by itself.
    Lines,
}

/// How a long text is read.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) charset: Charset,
    /// Length of the byte order mark.
    pub(crate) mark: usize,
    course: Course,
}

impl Plan {
    /// Learns from the beginning of a text.
    pub(crate) fn learn(head: &[u8]) -> Self {
        let (charset, mark) = encoding::detect(head);
        let head = &head[mark..];
        let whole = head.len() - head.len() % charset.unit();
        let text = encoding::decode(&head[..whole.min(encoding::SAMPLE * 2)], charset);
        let course = match announced(&text).map_or_else(|| main_table(&text).ok_or(Course::Lines), Err) {
            Ok(found) => {
                let rest = &text[found.start..];
                let (header, rows_at) = header_of(rest, &found);
                let shape = shape_of(rest, &found);
                Course::Table { rows_at: found.start + rows_at, shape, header, found }
            }
            Err(course) => course,
        };
        Self { charset, mark, course }
    }

    /// What all pieces have in common, to be announced before the first.
    pub(crate) fn table(&self) -> Option<(Shape, Option<Vec<String>>)> {
        match &self.course {
            Course::Table { shape, header, .. } => Some((*shape, header.clone())),
            _ => None,
        }
    }

    /// Where the piece at the beginning of `rest` (undecoded) ends; 0 if more is needed to tell. `longest` bounds it.
    pub(crate) fn cut(&self, rest: &[u8], last: bool, longest: usize) -> usize {
        if rest.len() <= PIECE {
            return if last { rest.len() } else { 0 };
        }
        let longest = longest.max(PIECE);
        let mut size = PIECE;
        loop {
            if let Some(end) = self.row_end(&rest[..size]) {
                return end;
            }
            if size >= longest {
                return longest - longest % self.charset.unit();
            }
            if size == rest.len() {
                return if last { size } else { 0 };
            }
            size = (size * 2).min(rest.len()).min(longest);
        }
    }

    fn row_end(&self, piece: &[u8]) -> Option<usize> {
        match (&self.course, self.charset) {
            (_, Charset::Utf16 { big }) => wide_line_end(piece, 2, big),
            (_, Charset::Utf32 { big }) => wide_line_end(piece, 4, big),
            (Course::Table { found, .. }, _) => last_row_end(piece, &found.dialect),
            (Course::Sql, _) => last_statement(piece).or_else(|| memchr::memrchr(b'\n', piece).map(|i| i + 1)),
            (Course::Json(separator), _) => separator.last(piece),
            (Course::Lines, _) => memchr::memrchr(b'\n', piece).map(|i| i + 1),
        }
    }

    /// Reads a decoded piece. `first` says whether it is the beginning of the text, `table` which table it goes on
    /// with.
    pub(crate) fn read(&self, out: &mut Out<'_>, piece: &[u8], first: bool, table: Option<u32>) {
        let mut segmenter = Segmenter::new();
        let mut at = 0;
        if let (Course::Table { found, rows_at, .. }, Some(table)) = (&self.course, table) {
            if first {
                segmenter.read(out, &piece[..found.start.min(piece.len())]);
                at = (*rows_at).min(piece.len());
            }
            if delimited::continues(&piece[at..], &found.dialect) {
                out.resume_table(table);
                at = delimited::read(out, piece, at, &found.dialect, &mut segmenter.breaks);
            }
        }
        segmenter.read(out, &piece[at..]);
        out.flush_rows();
    }
}

/// The table that goes on through a text, unless it begins with something else.
fn main_table(text: &[u8]) -> Option<Found> {
    match look(sample(text))? {
        Look::Table(found) => Some(found),
        Look::Blocks(_) => None,
    }
}

/// The course of a text whose shape announces itself near its beginning.
fn announced(text: &[u8]) -> Option<Course> {
    let first = text.iter().position(|b| !b.is_ascii_whitespace())?;
    if let Some(Opening::Literal(at)) = opening(&text[first..]) {
        return Separator::find(text, first + at).map(Course::Json);
    }
    let lines = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text).map(|i| i + 1)).take(200);
    lines.into_iter().find(|at| matches!(opening(&text[*at..]), Some(Opening::Sql(_)))).map(|_| Course::Sql)
}

/// Where the last whole statement ends: behind a `;` at the end of a line, if what follows begins another.
fn last_statement(piece: &[u8]) -> Option<usize> {
    let ends = memchr::memrchr_iter(b'\n', piece).filter(|i| piece[..*i].trim_ascii_end().ends_with(b";")).take(256);
    ends.map(|i| i + 1).find(|at| sql::begins_statement(&piece[*at..]))
}

/// What stands between two JSON records, from the bracket that closes one to the first key of the next. With its
/// quotes it can stand in no string, where they would be escaped.
#[derive(Debug, Clone)]
pub(crate) struct Separator(Vec<u8>);

impl Separator {
    /// The separator behind the first record of the list or sequence that begins at `start`.
    fn find(text: &[u8], start: usize) -> Option<Self> {
        let first = start + text[start..].iter().position(|b| *b == b'{')?;
        let depths = Depths { text, at: first, depth: 0 };
        let end = depths.into_iter().find(|(_, depth)| *depth == 0)?.0;
        let next = end + text[end..].iter().position(|b| *b == b'{')?;
        let between = &text[end..next];
        let key = next + text[next..].iter().take(256).position(|b| *b == b':')?;
        (between.iter().all(|b| b.is_ascii_whitespace() || *b == b',')).then(|| Self(text[end - 1..key].to_vec()))
    }

    /// Where the last record that is whole ends in `piece`, with the comma behind it.
    fn last(&self, piece: &[u8]) -> Option<usize> {
        let found = memchr::memmem::rfind_iter(piece, &self.0).take(64);
        let behind = |at: usize| at + 1 + self.0[1..].iter().position(|b| *b == b'{').unwrap_or(0);
        // On lines of their own records hold no such separator; elsewhere a list within a record may, one level deeper.
        if memchr::memchr(b'\n', &self.0[..self.0.iter().position(|b| *b == b'{').unwrap_or(0)]).is_some() {
            return found.map(behind).next();
        }
        let start = piece.iter().position(|b| *b == b'{')?;
        let outer: Vec<usize> =
            Depths { text: piece, at: start, depth: 0 }.filter(|(_, depth)| *depth == 0).map(|(at, _)| at).collect();
        found.map(|at| (at + 1, behind(at))).find(|(end, _)| outer.binary_search(end).is_ok()).map(|(_, behind)| behind)
    }
}

/// The places behind closing brackets, with the number of brackets then open; brackets in strings do not count.
struct Depths<'t> {
    text: &'t [u8],
    at: usize,
    depth: usize,
}

impl Iterator for Depths<'_> {
    type Item = (usize, usize);
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = self.at + memchr::memchr3(b'"', b'{', b'}', self.text.get(self.at..)?)?;
            self.at = found + 1;
            match self.text[found] {
                b'{' => self.depth += 1,
                b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    return Some((found + 1, self.depth));
                }
                _ => self.at = string_end(self.text, found)?,
            }
        }
    }
}

fn string_end(text: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[found] == b'"' {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// Cuts behind the last line end of a text of wide units.
fn wide_line_end(piece: &[u8], unit: usize, big: bool) -> Option<usize> {
    let at = if big { unit - 1 } else { 0 };
    let whole = piece.len() - piece.len() % unit;
    piece[..whole]
        .chunks_exact(unit)
        .rposition(|c| c.iter().enumerate().all(|(i, b)| *b == if i == at { b'\n' } else { 0 }))
        .map(|i| (i + 1) * unit)
}

/// Reads a text whose bytes are all at hand.
pub(crate) fn read_bytes(out: &mut Out<'_>, bytes: &[u8]) {
    if bytes.len() <= WINDOW {
        let (charset, mark) = encoding::detect(bytes);
        let text = encoding::decode(&bytes[mark..], charset);
        out.read(bytes.len());
        return read_text(out, &text);
    }
    let mut rest = bytes;
    let mut pieces = Pieces::new(Plan::learn(bytes));
    while !rest.is_empty() && !out.stopped() {
        let end = pieces.plan.cut(rest, true, out.limits.line);
        pieces.read(out, &rest[..end]);
        rest = &rest[end..];
    }
}

/// Reads a whole decoded text, or what is worth reading of what turns out to be none.
fn read_text(out: &mut Out<'_>, text: &[u8]) {
    match encoding::noise(text) {
        None => super::read(out, text),
        Some(runs) => {
            out.skip(SkipReason::Binary, "no text");
            out.text(&runs);
        }
    }
}

/// Reads a text from a stream, window by window.
pub(crate) fn read_stream(out: &mut Out<'_>, stream: &mut dyn Read) {
    let mut buffer = Vec::with_capacity(WINDOW);
    fill(stream, &mut buffer, WINDOW);
    let mut pieces = Pieces::new(Plan::learn(&buffer));
    loop {
        let wanted = buffer.len() + WINDOW / 2;
        let before = buffer.len();
        fill(stream, &mut buffer, wanted.max(WINDOW));
        let last = buffer.len() == before || buffer.len() < wanted.max(WINDOW);
        let mut at = 0;
        while at < buffer.len() && !out.stopped() {
            let end = pieces.plan.cut(&buffer[at..], last, out.limits.line);
            if end == 0 {
                break;
            }
            pieces.read(out, &buffer[at..at + end]);
            at += end;
        }
        buffer.drain(..at);
        if last || out.stopped() {
            return;
        }
    }
}

/// The pieces of one text, read one after another.
struct Pieces {
    plan: Plan,
    table: Option<u32>,
    first: bool,
}

impl Pieces {
    fn new(plan: Plan) -> Self {
        Self { plan, table: None, first: true }
    }

    fn read(&mut self, out: &mut Out<'_>, piece: &[u8]) {
        out.read(piece.len());
        let first = std::mem::take(&mut self.first);
        let mark = if first { self.plan.mark } else { 0 };
        let text: Cow<'_, [u8]> = encoding::decode(&piece[mark..], self.plan.charset);
        if let Some(runs) = encoding::noise(&text) {
            out.skip(SkipReason::Binary, "no text");
            return out.text(&runs);
        }
        if first && let Some((shape, header)) = self.plan.table() {
            self.table = out.announce(shape, header);
        }
        self.plan.read(out, &text, first, self.table);
    }
}
