//! The streaming lane: large plain dumps, cut into chunks that several threads can parse.
//!
//! [`Lane::open`] looks at the beginning of a document and learns how it is written. [`Lane::chunks`] then cuts the
//! document at row ends, and [`Lane::parse`] reads one chunk with what was learned.
//!
//! The contract that makes chunks independent:
//!
//! 1. Where chunks begin and end depends on the bytes and the lane alone, not on who asks, when, or with how many
//!    threads; and [`Lane::chunks_after`] goes on behind any chunk exactly as [`Lane::chunks`] would have.
//! 2. No row, and no quoted cell with line ends in it, is cut, unless it is longer than the limit for lines.
//! 3. What a chunk gives depends on its bytes, its [`Chunk`] and the lane alone.
//!
//! So a document gives the same tables and rows however its chunks are spread, and a reader that was killed resumes
//! behind the last chunk whose results were kept. Nothing is unpacked here: a compressed or multi-byte document has
//! no lane.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::detect::{Kind, detect};
use super::encoding;
use super::limits::Limits;
use super::out::{Out, TableNumbers};
use super::text::plan::{PIECE, Plan};
use crate::model::{ContentSink, Flow, Table};

/// Bytes of a chunk, before it is cut back to a row end.
pub const CHUNK: usize = PIECE;

/// How many bytes from the beginning of a document [`Lane::open`] wants to see, if there are as many.
pub const SAMPLE: usize = 256 << 10;

/// One stretch of a document that can be parsed by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Its number, from 0, in document order.
    pub no: u32,
    /// The bytes of the document it covers. Chunks follow each other without gaps.
    pub range: Range<usize>,
}

/// How a large plain document is to be read.
#[derive(Debug, Clone)]
pub struct Lane {
    limits: Limits,
    plan: Plan,
}

impl Lane {
    /// Learns from the first [`SAMPLE`] bytes of a document how it is written. `None` if it is not plain text in an
    /// encoding that can be cut anywhere, or is written in a way that only [`extract`](super::extract) can read.
    #[must_use]
    pub fn open(sample: &[u8], limits: &Limits) -> Option<Lane> {
        if detect(sample) != Kind::Text || encoding::noise(sample).is_some() {
            return None;
        }
        let plan = Plan::learn(sample);
        let limits = Limits { passwords: Vec::new(), ..limits.clone() };
        plan.charset.cuts_anywhere().then_some(Lane { limits, plan })
    }

    /// The chunks of a document, in order.
    pub fn chunks<'a>(&'a self, document: &'a [u8]) -> impl Iterator<Item = Chunk> + 'a {
        self.from(document, 0, 0)
    }

    /// The chunks behind `last`, which [`Lane::chunks`] of the same document gave.
    pub fn chunks_after<'a>(&'a self, document: &'a [u8], last: &Chunk) -> impl Iterator<Item = Chunk> + 'a {
        self.from(document, last.no + 1, last.range.end)
    }

    fn from<'a>(&'a self, document: &'a [u8], mut no: u32, mut start: usize) -> impl Iterator<Item = Chunk> + 'a {
        std::iter::from_fn(move || {
            let rest = document.get(start..).filter(|rest| !rest.is_empty())?;
            let end = start + self.cut(rest, true);
            let chunk = Chunk { no, range: start..end };
            (no, start) = (no + 1, end);
            Some(chunk)
        })
    }

    /// Length of the chunk at the beginning of `rest`, for readers that hold only part of a document. `last` says
    /// that nothing follows `rest`. 0 if more of the document is needed to tell; never more than
    /// [`Limits::line`] + [`CHUNK`] bytes are asked for.
    #[must_use]
    pub fn cut(&self, rest: &[u8], last: bool) -> usize {
        self.plan.cut(rest, last, self.limits.line)
    }

    /// Announces what all chunks share: to be called once, before their results are put together.
    pub fn begin(&self, sink: &mut dyn ContentSink) {
        if let Some((shape, header)) = self.plan.table() {
            sink.table(Table { no: 0, shape, member: String::new(), header });
        }
    }

    /// Reads one chunk. `document` is what [`Lane::chunks`] was given. Row numbers rise along the document and tell
    /// chunks apart (the first of a chunk is its byte offset); table 0 is the same table in all chunks, any other
    /// belongs to its chunk.
    pub fn parse(&self, document: &[u8], chunk: &Chunk, sink: &mut dyn ContentSink) -> Flow {
        self.parse_bytes(&document[chunk.range.clone()], chunk, sink)
    }

    /// [`Lane::parse`] for readers that hold only the chunk's bytes.
    pub fn parse_bytes(&self, bytes: &[u8], chunk: &Chunk, sink: &mut dyn ContentSink) -> Flow {
        let numbers = TableNumbers::new(1 + chunk.no.saturating_mul(1024), 1024);
        let mut out = Out::new(sink, &self.limits, numbers, chunk.range.start as u64).unbounded();
        out.read(bytes.len());
        let first = chunk.no == 0;
        let text = encoding::decode(&bytes[if first { self.plan.mark } else { 0 }..], self.plan.charset);
        self.plan.read(&mut out, &text, first, self.plan.table().map(|_| 0));
        out.end_member();
        out.flow()
    }
}
