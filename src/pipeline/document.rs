//! A document on its way into judging: in memory where it is small or must be unpacked, as a stream where it is large
//! and plain. Memory stays bounded whatever the file's size.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::confine::{ConfineError, Reader};
use crate::extract::Limits;
use crate::extract::lane::{CHUNK, Chunk, Lane, SAMPLE};
use crate::matching::{Matcher, Scan};
use crate::model::{ContentSink, Flow, Skip, SkipReason};

/// Documents of this size and more are read by several threads, if they can be cut. Below it, cutting costs more
/// than it brings: other documents keep the other threads busy.
const SEVERAL_THREADS: usize = 4 * CHUNK;

/// One document, with the name that reports give it.
pub struct Document<'a> {
    pub(super) name: &'a str,
    content: Content<'a>,
}

enum Content<'a> {
    /// In memory, belonging to somebody else.
    Borrowed(&'a [u8]),
    /// In memory; if cut, with a note of it.
    Whole(Vec<u8>, Option<Skip>),
    /// Its beginning, and where the rest is read from.
    Stream { head: Vec<u8>, rest: Box<dyn Read + Send + 'a>, lane: Box<Lane> },
}

/// What reading a document gave.
pub(super) struct Reading<'m> {
    pub hash: blake3::Hash,
    pub scan: Scan<'m>,
}

impl<'a> Document<'a> {
    /// A document that is in memory.
    #[must_use]
    pub fn new(name: &'a str, bytes: &'a [u8]) -> Self {
        Self { name, content: Content::Borrowed(bytes) }
    }

    /// A document that is read from a file or pipe. What must be held in memory as a whole and is larger than the
    /// limit on expanded bytes is cut there.
    ///
    /// # Errors
    /// If its beginning cannot be read.
    pub fn read(name: &'a str, mut from: Box<dyn Read + Send + 'a>, limits: &Limits) -> io::Result<Self> {
        let mut head = Vec::new();
        from.by_ref().take(SEVERAL_THREADS as u64).read_to_end(&mut head)?;
        if head.len() < SEVERAL_THREADS {
            return Ok(Self { name, content: Content::Whole(head, None) });
        }
        if let Some(lane) = Lane::open(&head[..SAMPLE], limits) {
            return Ok(Self { name, content: Content::Stream { head, rest: from, lane: Box::new(lane) } });
        }
        let most = limits.expanded_bytes.max(head.len() as u64);
        from.take(most + 1 - head.len() as u64).read_to_end(&mut head)?;
        let cut = (head.len() as u64 > most).then(|| {
            head.truncate(most as usize);
            Skip::new(
                "",
                SkipReason::TooLarge,
                format!("only the first {most} bytes of a file that must be read whole"),
            )
        });
        Ok(Self { name, content: Content::Whole(head, cut) })
    }

    /// Reads all of it into a scan: what can be cut into rows as it stands here, everything else through `reader`.
    ///
    /// # Errors
    /// If the reader cannot take it now.
    pub(super) fn scan<'m>(
        self,
        matcher: &'m Matcher,
        limits: &Limits,
        reader: &Reader,
    ) -> Result<Reading<'m>, ConfineError> {
        let whole = |bytes: &[u8]| {
            let mut scan = matcher.scan();
            // Stopped early means damage or a limit; both are in the scan.
            let _ = reader.extract(self.name, bytes, limits, &mut scan)?;
            Ok(scan)
        };
        match self.content {
            Content::Borrowed(bytes) => in_memory(bytes, matcher, limits, whole),
            Content::Whole(bytes, cut) => {
                let mut read = in_memory(&bytes, matcher, limits, whole)?;
                if let Some(skip) = cut {
                    ContentSink::skipped(&mut read.scan, skip);
                }
                Ok(read)
            }
            Content::Stream { head, rest, lane } => Ok(streamed(head, rest, &lane, matcher, limits)),
        }
    }
}

fn in_memory<'m>(
    bytes: &[u8],
    matcher: &'m Matcher,
    limits: &Limits,
    whole: impl FnOnce(&[u8]) -> Result<Scan<'m>, ConfineError> + Send,
) -> Result<Reading<'m>, ConfineError> {
    if bytes.len() < SEVERAL_THREADS {
        return Ok(Reading { scan: whole(bytes)?, hash: blake3::hash(bytes) });
    }
    let lane = Lane::open(&bytes[..SAMPLE], limits);
    let (hash, scan) = rayon::join(
        || blake3::hash(bytes),
        || match lane {
            Some(lane) => {
                let chunks: Vec<Chunk> = lane.chunks(bytes).collect();
                Ok(parsed(&chunks, &lane, matcher, |chunk, scan| lane.parse(bytes, chunk, scan)).0)
            }
            None => whole(bytes),
        },
    );
    Ok(Reading { hash, scan: scan? })
}

/// Chunks on all threads; the parts know their places. Also whether more is wanted: once a part asks to stop, no further
/// chunk is begun, and what the others found is kept.
fn parsed<'m>(
    chunks: &[Chunk],
    lane: &Lane,
    matcher: &'m Matcher,
    parse: impl Fn(&Chunk, &mut Scan<'m>) -> Flow + Sync,
) -> (Scan<'m>, Flow) {
    let stopped = AtomicBool::new(false);
    let merged = |mut all: Scan<'m>, part| {
        all.merge(part);
        all
    };
    // Every part must know the table that all chunks share: its columns mean one thing throughout.
    let fresh = || {
        let mut scan = matcher.scan();
        lane.begin(&mut scan);
        scan
    };
    let scan = chunks
        .par_iter()
        .fold(fresh, |mut scan, chunk| {
            if !stopped.load(Ordering::Relaxed) && parse(chunk, &mut scan) == Flow::Stop {
                stopped.store(true, Ordering::Relaxed);
            }
            scan
        })
        .reduce(fresh, merged);
    (scan, if stopped.into_inner() { Flow::Stop } else { Flow::Go })
}

/// A window at a time: while its chunks are parsed, the next is read and hashed.
fn streamed<'m>(
    head: Vec<u8>,
    mut rest: Box<dyn Read + Send + '_>,
    lane: &Lane,
    matcher: &'m Matcher,
    limits: &Limits,
) -> Reading<'m> {
    // A cut may need as much as a line and a chunk before it can be made.
    let window_len = (rayon::current_num_threads() * SEVERAL_THREADS).max(limits.line + 2 * CHUNK);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&head);
    let mut scan = matcher.scan();
    let (mut window, mut ended, mut before, mut no) = (head, false, 0, 0);
    loop {
        let mut chunks = Vec::new();
        let mut at = 0;
        while let cut @ 1.. = lane.cut(&window[at..], ended) {
            chunks.push(Chunk { no, range: before + at..before + at + cut });
            at += cut;
            no += 1;
        }
        let mut next = window[at..].to_vec();
        let held = next.len();
        let ((part, flow), read) = rayon::join(
            || {
                parsed(&chunks, lane, matcher, |chunk, scan| {
                    let range = chunk.range.start - before..chunk.range.end - before;
                    lane.parse_bytes(&window[range], chunk, scan)
                })
            },
            || {
                let read = if ended { Ok(0) } else { rest.by_ref().take(window_len as u64).read_to_end(&mut next) };
                hasher.update(&next[held..]);
                read
            },
        );
        scan.merge(part);
        if let Err(error) = &read {
            let after = before + at + next.len();
            let detail = format!("reading failed after {after} bytes: {error}");
            ContentSink::skipped(&mut scan, Skip::new("", SkipReason::Unreadable, detail));
        }
        if flow == Flow::Stop {
            // Nothing more is looked for, but the hash names the whole.
            let _ = io::copy(&mut rest, &mut hasher);
            break;
        }
        if ended && next.is_empty() {
            break;
        }
        ended = !matches!(read, Ok(1..));
        before += at;
        window = next;
    }
    Reading { hash: hasher.finalize(), scan }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::tests::{COLUMNS, matcher, person};

    #[test]
    fn a_large_table_keeps_its_header_and_columns_however_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let matcher = matcher(folder.path(), 0..500);
        let header = COLUMNS.map(|(header, _)| header);
        let mut dump = header.join(",") + "\n";
        let mut no = 0;
        while dump.len() < SEVERAL_THREADS + CHUNK {
            let known = if no % 200 == 0 { no / 200 % 500 } else { 1_000_000 + no };
            dump += &(person(known).join(",") + "\n");
            no += 1;
        }
        let (limits, reader) = (Limits::default(), Reader::Here);
        let streamed = Document::read("d", Box::new(dump.as_bytes()), &limits).unwrap();
        for document in [Document::new("d", dump.as_bytes()), streamed] {
            let read = document.scan(&matcher, &limits, &reader).unwrap();
            assert_eq!(read.hash, blake3::hash(dump.as_bytes()));
            let finding = matcher.finish(read.scan, true).unwrap();
            assert_eq!(finding.rows, no);
            assert_eq!(finding.tables[0].header.as_deref(), Some(&header.map(str::to_owned)[..]));
            let columns: Vec<Option<u8>> = (0..7).map(Some).collect();
            assert_eq!(finding.tables[0].columns, [(0, columns)]);
        }
    }
}
