//! The program's half: frames from a worker that may be in a stranger's hands.
//!
//! Everything a sink relies on is checked here, so that the worst a worker can do is to say something untrue about the
//! document it was given.

use std::io::{self, Read};

use super::{
    BATCH, BATCH_HEAD, Bounds, DONE, ESCAPE, HELLO, Hello, MAX_BODY, MAX_NAME, MAX_SKIPS, PANICKED, READ, SHAPES, SKIP,
    TABLE,
};
use crate::extract::Limits;
use crate::model::{Batch, Flow, Layout, Skip, Span, Table};

/// Bytes asked for at a time.
const CHUNK: usize = 64 << 10;

/// By how much a buffer grows ahead of the bytes that fill it.
const STEP: usize = 1 << 20;

/// Rows are counted below this, so that adding to a row's number never overflows.
const MAX_ROW: u64 = 1 << 60;

/// What a worker said.
#[derive(Debug)]
pub(in crate::confine) enum Frame {
    Hello(Hello),
    Table(Table),
    /// It stands in the batch that was passed in.
    Batch,
    Skip(Skip),
    Read(u64),
    Done(Flow),
    /// Where in our source.
    Panicked(String),
}

/// Why no frame could be had.
#[derive(Debug, thiserror::Error)]
pub(in crate::confine) enum DecodeError {
    #[error("the pipe failed")]
    Io(#[from] io::Error),
    #[error("the pipe ended")]
    Ended,
    /// The sentence is ours; nothing of the frame is in it.
    #[error("{0}")]
    Invalid(&'static str),
}

type Result<T> = std::result::Result<T, DecodeError>;

fn ensure(holds: bool, otherwise: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(DecodeError::Invalid(otherwise)) }
}

/// What one document has said so far, as far as the next frame must agree with it.
#[derive(Debug)]
struct Account {
    bounds: Bounds,
    tables: u32,
    tables_left: u64,
    rows_left: u64,
    next_row: u64,
    skips: u32,
    read: u64,
}

/// Reads frames.
#[derive(Debug)]
pub(in crate::confine) struct Decoder<R> {
    pub(in crate::confine) source: R,
    buffer: Vec<u8>,
    /// What of `buffer` has been read and not yet used.
    ready: std::ops::Range<usize>,
    body: Vec<u8>,
    account: Account,
}

impl<R: Read> Decoder<R> {
    pub(in crate::confine) fn new(source: R) -> Self {
        let account = Account::new(&Limits::default());
        Self { source, buffer: vec![0; CHUNK], ready: 0..0, body: Vec::new(), account }
    }

    /// Nothing may have been said that was not asked for. To be called before documents are sent.
    pub(in crate::confine) fn listen(&mut self) -> Result<()> {
        ensure(self.ready.is_empty(), "spoke without being asked")
    }

    /// What comes is about the next of the documents that were sent, and about none before.
    pub(in crate::confine) fn begin(&mut self, limits: &Limits) {
        self.account = Account::new(limits);
    }

    /// The next frame; a batch is put into `batch`.
    pub(in crate::confine) fn next(&mut self, batch: &mut Batch) -> Result<Frame> {
        let mut head = [0; 5];
        self.fill(&mut head)?;
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let bounds = self.account.bounds;
        let most = if head[0] == BATCH { BATCH_HEAD + 16 * bounds.cells } else { MAX_BODY };
        ensure(length <= most, "a frame is too long")?;
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        let frame = self.append(&mut body, length).and_then(|()| match head[0] {
            BATCH => self.batch(&body, batch),
            tag => self.account.small(tag, &body),
        });
        self.body = body;
        frame
    }

    fn batch(&mut self, body: &[u8], batch: &mut Batch) -> Result<Frame> {
        let mut body = Body(body);
        let text = self.account.batch(&mut body, batch)?;
        batch.text.clear();
        self.append(&mut batch.text, text)?;
        Ok(Frame::Batch)
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < out.len() {
            filled += self.some(&mut out[filled..])?;
        }
        Ok(())
    }

    /// Appends exactly `length` bytes, growing only as they arrive.
    fn append(&mut self, out: &mut Vec<u8>, length: usize) -> Result<()> {
        let end = out.len() + length;
        while out.len() < end {
            let at = out.len();
            out.resize(end.min(at + STEP), 0);
            self.fill(&mut out[at..])?;
        }
        Ok(())
    }

    /// Some bytes, at least one. Large pieces go straight to where they are wanted.
    fn some(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.ready.is_empty() {
            if out.len() >= CHUNK {
                return match self.source.read(out)? {
                    0 => Err(DecodeError::Ended),
                    count => Ok(count),
                };
            }
            self.ready = 0..self.source.read(&mut self.buffer)?;
            if self.ready.is_empty() {
                return Err(DecodeError::Ended);
            }
        }
        let count = out.len().min(self.ready.len());
        out[..count].copy_from_slice(&self.buffer[self.ready.start..self.ready.start + count]);
        self.ready.start += count;
        Ok(count)
    }
}

impl Account {
    fn new(limits: &Limits) -> Self {
        Self {
            bounds: Bounds::new(limits),
            tables: 0,
            // Beside the tables of rows, `extract` numbers one stretch of text for each part of the document.
            tables_left: u64::from(limits.tables).saturating_add(limits.members.saturating_mul(4)).saturating_add(4096),
            rows_left: limits.rows,
            next_row: 0,
            skips: 0,
            read: 0,
        }
    }

    fn small(&mut self, tag: u8, body: &[u8]) -> Result<Frame> {
        let mut body = Body(body);
        let frame = match tag {
            HELLO => Frame::Hello(body.json()?),
            TABLE => Frame::Table(self.table(&mut body)?),
            SKIP => Frame::Skip(self.skip(&mut body)?),
            READ => Frame::Read(self.read(&mut body)?),
            DONE => Frame::Done(if body.u8()? == 0 { Flow::Go } else { Flow::Stop }),
            PANICKED => Frame::Panicked(place(body.take(body.0.len().min(256))?)),
            _ => return Err(DecodeError::Invalid("a frame of an unknown kind")),
        };
        ensure(body.0.is_empty(), "a frame says more than it should")?;
        Ok(frame)
    }

    fn table(&mut self, body: &mut Body<'_>) -> Result<Table> {
        let no = body.u32()?;
        ensure(no == self.tables && self.tables_left > 0, "a table out of order")?;
        self.tables += 1;
        self.tables_left -= 1;
        let shape = SHAPES.get(usize::from(body.u8()?)).copied();
        let shape = shape.ok_or(DecodeError::Invalid("a table of an unknown shape"))?;
        let member = body.string()?;
        let header = match body.u8()? {
            0 => None,
            _ => Some(body.header()?),
        };
        Ok(Table { no, shape, member, header })
    }

    fn skip(&mut self, body: &mut Body<'_>) -> Result<Skip> {
        self.skips += 1;
        ensure(self.skips <= MAX_SKIPS, "too many skips")?;
        let skip: Skip = body.json()?;
        ensure(skip.what.len().max(skip.detail.len()) <= MAX_NAME, "a skip is too long")?;
        Ok(skip)
    }

    fn read(&mut self, body: &mut Body<'_>) -> Result<u64> {
        let bytes = body.u64()?;
        self.read = self.read.saturating_add(bytes);
        ensure(self.read < MAX_ROW, "more bytes than can have been read")?;
        Ok(bytes)
    }

    /// Fills in everything but the text, whose length is returned.
    fn batch(&mut self, body: &mut Body<'_>, batch: &mut Batch) -> Result<usize> {
        batch.table = body.u32()?;
        ensure(batch.table < self.tables, "a batch of no table")?;
        batch.layout = match body.u8()? {
            0 => Layout::Rows,
            1 => Layout::Text,
            _ => return Err(DecodeError::Invalid("a batch of an unknown layout")),
        };
        batch.first_row = body.u64()?;
        ensure((self.next_row..MAX_ROW).contains(&batch.first_row), "rows out of order")?;
        batch.source = body.u32()? as usize;
        let text = body.u32()? as usize;
        ensure(batch.source <= text && text <= self.bounds.text, "more text than a batch holds")?;
        let (cells, rows) = (body.u32()? as usize, body.u32()? as usize);
        ensure(rows <= cells && cells <= self.bounds.cells, "more cells than a batch holds")?;
        if batch.layout == Layout::Rows {
            ensure(rows as u64 <= self.rows_left, "more rows than are wanted")?;
            self.rows_left -= rows as u64;
        }
        self.next_row = batch.first_row + rows as u64;
        body.spans(cells, text as u32, &mut batch.cells)?;
        body.ends(rows, cells as u32, &mut batch.row_ends)?;
        ensure(body.0.is_empty(), "a frame says more than it should")?;
        Ok(text)
    }
}

/// A place in source code, and nothing else: what a worker says may end in a log.
fn place(bytes: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/._-:".contains(b);
    bytes.iter().filter(|b| plain(b)).map(|b| char::from(*b)).collect()
}

/// What is left of a body.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(DecodeError::Invalid("a frame is too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(DecodeError::Invalid("a frame is too short"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn string(&mut self) -> Result<String> {
        let length = self.u32()? as usize;
        ensure(length <= MAX_NAME, "a name is too long")?;
        let bytes = self.take(length)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| DecodeError::Invalid("a name is not UTF-8"))
    }

    /// Column names. Each takes four bytes at least: the body bounds their number.
    fn header(&mut self) -> Result<Vec<String>> {
        let columns = self.u32()? as usize;
        ensure(columns <= self.0.len() / 4, "a frame is too short")?;
        (0..columns).map(|_| self.string()).collect()
    }

    fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        let bytes = self.take(self.0.len())?;
        serde_json::from_slice(bytes).map_err(|_| DecodeError::Invalid("a frame that cannot be read"))
    }

    /// `count` cells within `text` bytes.
    fn spans(&mut self, count: usize, text: u32, cells: &mut Vec<Span>) -> Result<()> {
        ensure(count <= self.0.len() / 2, "a frame is too short")?;
        cells.clear();
        cells.reserve(count);
        let (mut rest, mut last) = (self.0, 0_u32);
        for _ in 0..count {
            let span = match *rest {
                [gap, length, ref behind @ ..] if gap != ESCAPE => {
                    rest = behind;
                    // Neither sum overflows: `last` is at most `text`, which `Bounds` keeps far below 4 GiB.
                    let start = last + u32::from(gap);
                    Span { start, end: start + u32::from(length) }
                }
                _ => {
                    let mut long = Body(rest);
                    long.u8()?;
                    let (start, end) = (long.u32()?, long.u32()?);
                    rest = long.0;
                    ensure(start <= end, "a cell that ends before it begins")?;
                    Span { start, end }
                }
            };
            ensure(span.end <= text, "a cell beyond its batch")?;
            last = span.end;
            cells.push(span);
        }
        self.0 = rest;
        Ok(())
    }

    /// `count` rows, none without cells, that use up all `cells`.
    fn ends(&mut self, count: usize, cells: u32, row_ends: &mut Vec<u32>) -> Result<()> {
        ensure(count <= self.0.len(), "a frame is too short")?;
        row_ends.clear();
        row_ends.reserve(count);
        let mut last = 0_u32;
        for _ in 0..count {
            let width = match self.u8()? {
                ESCAPE => self.u32()?,
                short => u32::from(short),
            };
            ensure(width > 0 && width <= cells - last, "a row without cells of its own")?;
            last += width;
            row_ends.push(last);
        }
        ensure(last == cells, "cells without a row")
    }
}
