//! How a long text is read in pieces: what its beginning shows, where it may be cut, and how a piece is read.
//!
//! The streaming lane and the windows of [`extract`](crate::extract::extract) share this, so that a dump gives the same
//! rows whether it is mapped, streamed out of an archive, or cut for several threads.

use std::borrow::Cow;
use std::io::Read;

use super::delimited::{self, last_row_end, sniff::Found};
use super::{Segmenter, header_of, sample, shape_of, sniff_table};
use crate::extract::container::{WINDOW, fill};
use crate::extract::encoding::{self, Charset};
use crate::extract::out::Out;
use crate::model::{Shape, SkipReason};

/// Bytes of a window, before it is cut back to a row end.
pub(crate) const PIECE: usize = 1 << 20;

/// What goes on through all of a long text.
#[derive(Debug, Clone)]
pub(crate) enum Course {
    /// One table, which begins at an offset of the first piece.
    Table { found: Found, shape: Shape, header: Option<Vec<String>>, rows_at: usize },
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
        let course = match sniff_table(sample(&text)) {
            Some(found) => {
                let rest = &text[found.start..];
                let (header, rows_at) = header_of(rest, &found);
                let shape = shape_of(rest, &found);
                Course::Table { rows_at: found.start + rows_at, shape, header, found }
            }
            None => Course::Lines,
        };
        Self { charset, mark, course }
    }

    /// What all pieces have in common, to be announced before the first.
    pub(crate) fn table(&self) -> Option<(Shape, Option<Vec<String>>)> {
        match &self.course {
            Course::Table { shape, header, .. } => Some((*shape, header.clone())),
            Course::Lines => None,
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
