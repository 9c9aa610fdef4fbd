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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::testing::{Kept, read};

    /// Reads a document chunk by chunk, in the order given.
    fn chunked(document: &[u8], backwards: bool) -> Vec<Vec<String>> {
        let lane = Lane::open(&document[..document.len().min(SAMPLE)], &Limits::default()).unwrap();
        let chunks: Vec<Chunk> = lane.chunks(document).collect();
        assert!(chunks.len() > 2);
        assert_eq!(chunks.last().unwrap().range.end, document.len());
        let mut parts: Vec<(u32, Vec<Vec<String>>)> = Vec::new();
        let mut read_chunk = |chunk: &Chunk| {
            let mut kept = Kept::default();
            lane.begin(&mut kept);
            assert_eq!(lane.parse(document, chunk, &mut kept), Flow::Go);
            parts.push((chunk.no, kept.rows.into_iter().map(|(_, row)| row).collect()));
        };
        if backwards {
            chunks.iter().rev().for_each(&mut read_chunk)
        } else {
            chunks.iter().for_each(&mut read_chunk)
        };
        let resumed: Vec<Chunk> = lane.chunks_after(document, &chunks[0]).collect();
        assert_eq!(resumed, chunks[1..]);
        parts.sort_by_key(|(no, _)| *no);
        parts.into_iter().flat_map(|(_, rows)| rows).collect()
    }

    fn sequential(document: &[u8]) -> Vec<Vec<String>> {
        read(document).rows.into_iter().map(|(_, row)| row).collect()
    }

    #[test]
    fn chunks_give_what_the_whole_gives() {
        let n = 60_000;
        let row = |i: usize| (format!("nom{i}"), format!("u{i}@mail.example"), format!("06{:08}", i * 37));
        let csv: String = (0..n)
            .map(|i| {
                let (a, b, c) = row(i);
                // Line ends and what looks like rows within quotes.
                if i % 10 == 0 { format!("{a},{b},\"{c}\n{a},{b}\"\n") } else { format!("{a},{b},{c}\n") }
            })
            .collect();
        let lines: String = (0..n)
            .map(row)
            .map(|(a, b, c)| format!("{{\"nom\": \"{a}\", \"mail\": \"{b}\", \"l\": {{\"nom\": \"{c}\"}}}}\n"))
            .collect();
        let array = format!("[{}]", lines.trim_end().replace('\n', ","));
        let nested =
            array.replace("{\"nom\": \"06", "{\"nom\": \"x\", \"m\": [{\"nom\": \"1\"},{\"nom\": \"2\"}], \"t\": \"06");
        let sql: String = (0..n / 50)
            .map(|k| {
                let tuples: Vec<String> =
                    (k * 50..k * 50 + 50).map(row).map(|(a, b, c)| format!("('{a};\n','{b}','{c}')")).collect();
                format!("INSERT INTO `u` (`a`,`b`,`c`) VALUES {};\n", tuples.join(",\n"))
            })
            .collect();
        for (name, document) in [("csv", csv), ("lines", lines), ("array", array), ("nested", nested), ("sql", sql)] {
            let whole = sequential(document.as_bytes());
            assert!(whole.len() >= n, "{name}: {} of {n}", whole.len());
            assert!(chunked(document.as_bytes(), true) == whole, "{name}");
            assert!(chunked(document.as_bytes(), false) == whole, "{name}");
        }
    }

    #[test]
    fn what_has_to_be_unpacked_or_is_cut_badly_has_no_lane() {
        assert!(Lane::open(b"PK\x03\x04", &Limits::default()).is_none());
        let wide: Vec<u8> = "nom;mail\nMartin;a@b.example\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(Lane::open(&wide, &Limits::default()).is_none());
        assert!(Lane::open(b"plain\n", &Limits::default()).is_some());
    }
}
