//! How a long text is read in pieces: what its beginning shows, where it may be cut, and how a piece is read.
//!
//! The streaming lane and the windows of [`extract`](crate::extract::extract) share this, so that a dump gives the same
//! rows whether it is mapped, streamed out of an archive, or cut for several threads. Where a piece begins within
//! something that an earlier one opened (a statement, a table), a [`Carry`] says what.

use std::borrow::Cow;
use std::io::Read;

use serde::{Deserialize, Serialize};

use super::delimited::{self, last_row_end, sniff::Found};
use super::separator::Separator;
use super::survey::Survey;
use super::{Look, Opening, Segmenter, fixed, look, opening, settle_columns, shape_of};
use crate::extract::container::{WINDOW, fill};
use crate::extract::encoding::{self, Charset};
use crate::extract::markup;
use crate::extract::out::Out;
use crate::extract::sql::cut::Open;
use crate::model::{Shape, SkipReason};

/// Bytes of a window, before it is cut back to a row end.
pub(crate) const PIECE: usize = 1 << 20;

/// What goes on through all of a long text.
#[derive(Debug, Clone)]
pub(crate) enum Course {
    /// One table, which begins at an offset of the first piece.
    Table { found: Found, shape: Shape, header: Option<Vec<String>>, rows_at: usize },
    /// One table at fixed columns.
    Fixed(fixed::Found),
    /// Statements, cut behind a `;` that ends a line.
    Sql,
    /// JSON values, cut between two of them.
    Json(Separator),
    /// HTML or XML, cut between rows or records.
    Markup(markup::cut::Course),
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
        let course = announced(&text).or_else(|| main_table(&text)).unwrap_or(Course::Lines);
        Self { charset, mark, course }
    }

    /// What all pieces have in common, to be announced before the first.
    pub(crate) fn table(&self) -> Option<(Shape, Option<Vec<String>>)> {
        match &self.course {
            Course::Table { shape, header, .. } => Some((*shape, header.clone())),
            Course::Fixed(found) => Some((Shape::FixedWidth, found.header.clone())),
            _ => None,
        }
    }

    /// Where the piece at the beginning of `rest` (undecoded) ends; 0 if more is needed to tell. `longest` bounds it. Also
    /// whether a row is torn there, for being longer than that.
    fn cut(&self, rest: &[u8], last: bool, longest: usize, carry: &Carry) -> (usize, bool) {
        if rest.len() <= PIECE {
            return (if last { rest.len() } else { 0 }, false);
        }
        let longest = longest.max(PIECE);
        let mut size = PIECE;
        loop {
            if let Some(end) = self.row_end(&rest[..size], carry) {
                return (end, false);
            }
            if size >= longest {
                return (longest - longest % self.charset.unit(), size < rest.len() || !last);
            }
            if size == rest.len() {
                return (if last { size } else { 0 }, false);
            }
            size = (size * 2).min(rest.len()).min(longest);
        }
    }

    fn row_end(&self, piece: &[u8], carry: &Carry) -> Option<usize> {
        match (&self.course, self.charset) {
            (_, Charset::Utf16 { big }) => wide_line_end(piece, 2, big),
            (_, Charset::Utf32 { big }) => wide_line_end(piece, 4, big),
            (Course::Table { found, .. }, _) => last_row_end(piece, &found.dialect),
            (Course::Sql, _) => carry.sql.end(piece),
            (Course::Json(separator), _) => separator.last(piece, !carry.begun),
            (Course::Markup(course), _) => course.end(piece),
            (Course::Lines | Course::Fixed(_), _) => memchr::memrchr(b'\n', piece).map(|i| i + 1),
        }
    }

    /// What the piece behind `piece` (undecoded), which began with `carry`, must be told.
    fn behind(&self, piece: &[u8], carry: &Carry) -> Carry {
        let mut next = Carry { begun: true, ..Carry::default() };
        match &self.course {
            _ if self.charset.unit() > 1 => {}
            Course::Sql => next.sql = carry.sql.behind(piece),
            Course::Markup(course) => next.markup = course.behind(&carry.markup, piece),
            Course::Table { .. } | Course::Fixed(_) | Course::Json(_) | Course::Lines => {}
        }
        next
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
        if let (Course::Fixed(found), Some(table)) = (&self.course, table) {
            if first {
                segmenter.read(out, &piece[..found.start.min(piece.len())]);
                at = found.rows_at.min(piece.len());
            }
            if found.columns.continues(&piece[at..]) {
                out.resume_table(table);
                at = fixed::read(out, piece, at, &found.columns);
            }
        }
        segmenter.read(out, &piece[at..]);
        out.flush_rows();
    }
}

/// The course of a text that is one table, unless it begins with something else.
fn main_table(text: &[u8]) -> Option<Course> {
    let survey = Survey::of(text, |_, _| false);
    match look(survey.sample())? {
        Look::Table(mut found) => {
            let rest = &text[found.start..];
            let (header, rows_at) = settle_columns(rest, survey.sample().behind(found.start), &mut found);
            let shape = shape_of(rest, &found);
            Some(Course::Table { rows_at: found.start + rows_at, shape, header, found })
        }
        Look::Fixed(found) => Some(Course::Fixed(found)),
        Look::Blocks(_) | Look::Inline(_) => None,
    }
}

/// The course of a text whose shape announces itself near its beginning.
fn announced(text: &[u8]) -> Option<Course> {
    let first = text.iter().position(|b| !b.is_ascii_whitespace())?;
    match opening(&text[first..]) {
        Some(Opening::Literal(at)) => return Separator::find(text, first + at).map(Course::Json),
        Some(Opening::Markup(at)) => return markup::cut::Course::learn(&text[first + at..]).map(Course::Markup),
        _ => {}
    }
    let lines = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text).map(|i| i + 1)).take(200);
    lines.into_iter().find(|at| matches!(opening(&text[*at..]), Some(Opening::Sql(_)))).map(|_| Course::Sql)
}

/// What a piece must be told of the pieces before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Carry {
    /// Whether there was one.
    begun: bool,
    sql: Open,
    /// Tags that are open.
    markup: Vec<u8>,
}

impl Carry {
    fn prelude(&self, piece: &[u8]) -> Vec<u8> {
        if self.markup.is_empty() { self.sql.prelude(piece) } else { self.markup.clone() }
    }
}

/// Goes along a long text and cuts it into pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cutter {
    /// Pieces cut so far.
    pub(crate) no: u32,
    /// Bytes of the text in them.
    pub(crate) at: usize,
    carry: Carry,
}

impl Cutter {
    /// The next piece, which stands at the beginning of `rest`. `last` says that nothing follows `rest`. `None` if more of
    /// the text is needed to tell, or there is none; never more than `longest` + [`PIECE`] bytes are asked for.
    pub(crate) fn next(&mut self, plan: &Plan, rest: &[u8], last: bool, longest: usize) -> Option<Cut> {
        let (length, torn) = plan.cut(rest, last, longest, &self.carry);
        if length == 0 {
            return None;
        }
        let piece = &rest[..length];
        let prelude = self.carry.prelude(piece);
        self.carry = plan.behind(piece, &self.carry);
        self.no += 1;
        self.at += length;
        Some(Cut { length, prelude, torn })
    }
}

/// A piece of a long text.
pub(crate) struct Cut {
    pub(crate) length: usize,
    /// What is to be read before it (undecoded, like the piece).
    pub(crate) prelude: Vec<u8>,
    /// Whether it ends within a row.
    pub(crate) torn: bool,
}

/// Says that a row was torn, for being longer than the limit.
pub(crate) fn note_torn(out: &mut Out<'_>) {
    out.skip(SkipReason::TooLong, format!("a row of more than {} bytes, read in pieces", out.limits.line));
}

/// A piece behind its prelude, decoded.
pub(crate) fn decoded<'p>(prelude: &[u8], piece: &'p [u8], charset: Charset) -> Cow<'p, [u8]> {
    if prelude.is_empty() {
        return encoding::decode(piece, charset);
    }
    let whole = [prelude, piece].concat();
    Cow::Owned(encoding::decode(&whole, charset).into_owned())
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
        let Some(end) = pieces.next(out, rest, true) else { break };
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
            let Some(end) = pieces.next(out, &buffer[at..], last) else { break };
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
    cutter: Cutter,
    table: Option<u32>,
}

impl Pieces {
    fn new(plan: Plan) -> Self {
        Self { plan, cutter: Cutter::default(), table: None }
    }

    /// Reads the piece at the beginning of `rest`. Returns its length, or `None` if more is needed to tell.
    fn next(&mut self, out: &mut Out<'_>, rest: &[u8], last: bool) -> Option<usize> {
        let first = self.cutter.no == 0;
        let Cut { length: end, prelude, torn } = self.cutter.next(&self.plan, rest, last, out.limits.line)?;
        let piece = &rest[..end];
        out.read(piece.len());
        let mark = if first { self.plan.mark } else { 0 };
        let text = decoded(&prelude, &piece[mark..], self.plan.charset);
        if let Some(runs) = encoding::noise(&text) {
            out.skip(SkipReason::Binary, "no text");
            out.text(&runs);
            return Some(end);
        }
        if torn {
            note_torn(out);
        }
        if first && let Some((shape, header)) = self.plan.table() {
            self.table = out.announce(shape, header);
        }
        self.plan.read(out, &text, first, self.table);
        Some(end)
    }
}
