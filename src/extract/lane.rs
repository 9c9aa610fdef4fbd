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

use super::limits::Limits;
use super::out::{Out, TableNumbers};
use crate::model::{ContentSink, Flow};

/// Bytes of a chunk, before it is cut back to a row end.
pub const CHUNK: usize = 1 << 20;

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
}

impl Lane {
    /// Learns from the first [`SAMPLE`] bytes of a document how it is written. `None` if it is not plain text in an
    /// encoding that can be cut anywhere, or is written in a way that only [`extract`](super::extract) can read.
    #[must_use]
    pub fn open(sample: &[u8], limits: &Limits) -> Option<Lane> {
        if memchr::memchr(0, sample).is_some() {
            return None;
        }
        Some(Lane { limits: Limits { passwords: Vec::new(), ..limits.clone() } })
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
        if rest.len() <= CHUNK {
            return if last { rest.len() } else { 0 };
        }
        memchr::memrchr(b'\n', &rest[..CHUNK]).map_or(CHUNK, |at| at + 1)
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
        out.text(bytes);
        out.end_member();
        out.flow()
    }
}
