//! A document on its way into judging: in memory where it is small or must be unpacked, as a stream where it is large
//! and plain. Memory stays bounded whatever the file's size.

use std::fs::File;
use std::io::{self, Read};

use super::judge::{Judging, Step};
use super::long::{Long, Rest, WINDOW, parsed};
use crate::confine::{ConfineError, SMALL};
use crate::extract::Limits;
use crate::extract::lane::{CHUNK, Chunk, Lane, SAMPLE};
use crate::matching::Scan;
use crate::model::{ContentSink, Flow, Skip, SkipReason};

/// Documents of this size and more are read by several threads, if they can be cut. Below it, cutting costs more
/// than it brings: other documents keep the other threads busy.
pub(super) const SEVERAL_THREADS: usize = 4 * CHUNK;

/// Documents in memory of this size and more are read window by window where checkpoints are kept: smaller ones are
/// read again sooner than a checkpoint would be due.
const KEPT: usize = 256 << 20;

/// One document, with the name that reports give it.
pub struct Document<'a> {
    pub(super) name: &'a str,
    /// What it is called among checkpoints.
    id: &'a str,
    content: Content<'a>,
}

enum Content<'a> {
    /// In memory, belonging to somebody else.
    Borrowed(&'a [u8]),
    /// In memory; if cut, with a note of it.
    Whole(Vec<u8>, Option<Skip>),
    /// Its beginning, and where the rest is read from.
    Stream { head: Vec<u8>, rest: Rest<'a>, lane: Box<Lane> },
}

/// What reading a document gave.
pub(super) struct Reading<'m> {
    pub hash: blake3::Hash,
    pub scan: Scan<'m>,
}

impl<'m> Reading<'m> {
    /// Of a document that one thread reads; `read` puts what is in it into the scan.
    pub(super) fn of_small(
        bytes: &[u8],
        judging: Judging<'m>,
        read: impl FnOnce(&mut Scan<'m>) -> Result<Flow, ConfineError>,
    ) -> Result<Self, ConfineError> {
        let mut scan = judging.matcher.scan();
        // Stopped early means damage or a limit; both are in the scan.
        let _ = read(&mut scan)?;
        let hash = blake3::hash(bytes);
        (judging.follow)(Step::Read(bytes.len() as u64));
        Ok(Self { hash, scan })
    }
}

impl<'a> Document<'a> {
    /// A document that is in memory.
    #[must_use]
    pub fn new(name: &'a str, bytes: &'a [u8]) -> Self {
        Self { name, id: name, content: Content::Borrowed(bytes) }
    }

    /// A document that is read from a pipe. What must be held in memory as a whole and is larger than the limit on
    /// expanded bytes is cut there. Its reading cannot be taken up again.
    ///
    /// # Errors
    /// If its beginning cannot be read.
    pub fn read(name: &'a str, from: Box<dyn Read + Send + 'a>, limits: &Limits) -> io::Result<Self> {
        Self::open(name, name, Rest::Once(from), 0, limits)
    }

    /// A document that is read from a file, as by [`Document::read`]. Where checkpoints are kept, its own are found by
    /// `id`.
    ///
    /// # Errors
    /// If its beginning cannot be read.
    pub fn file(name: &'a str, id: &'a str, file: File, limits: &Limits) -> io::Result<Self> {
        // A pipe can have a path too.
        let about = file.metadata()?;
        let rest = if about.is_file() { Rest::File(file) } else { Rest::Once(Box::new(file)) };
        Self::open(name, id, rest, about.len(), limits)
    }

    /// `size` is how many bytes there seem to be, where that is known.
    fn open(name: &'a str, id: &'a str, mut from: Rest<'a>, size: u64, limits: &Limits) -> io::Result<Self> {
        // One more, by which reading notices the end.
        let mut head = Vec::with_capacity(size.min(SEVERAL_THREADS as u64) as usize + 1);
        from.by_ref().take(SEVERAL_THREADS as u64).read_to_end(&mut head)?;
        if head.len() < SEVERAL_THREADS {
            return Ok(Self { name, id, content: Content::Whole(head, None) });
        }
        if let Some(lane) = Lane::open(&head[..SAMPLE], limits) {
            return Ok(Self { name, id, content: Content::Stream { head, rest: from, lane: Box::new(lane) } });
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
        Ok(Self { name, id, content: Content::Whole(head, cut) })
    }

    /// Its beginning: all of it, if it is small.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        match &self.content {
            Content::Borrowed(bytes) => bytes,
            Content::Whole(head, _) | Content::Stream { head, .. } => head,
        }
    }

    /// Its bytes, if it was read and is small enough to be judged with others by [`judge_small`](super::judge_small).
    ///
    /// # Errors
    /// If not: the document as it was.
    pub fn small(self) -> Result<Vec<u8>, Self> {
        match self.content {
            Content::Whole(bytes, None) if bytes.len() <= SMALL => Ok(bytes),
            _ => Err(self),
        }
    }

    /// Reads all of it into a scan: what can be cut into rows as it stands here, everything else through the reader.
    ///
    /// # Errors
    /// If the reader cannot take it now.
    pub(super) fn scan<'m>(self, judging: Judging<'m>) -> Result<Reading<'m>, ConfineError> {
        match self.content {
            Content::Borrowed(bytes) => in_memory(self.name, bytes, judging),
            Content::Whole(bytes, cut) => {
                let mut read = in_memory(self.name, &bytes, judging)?;
                if let Some(skip) = cut {
                    ContentSink::skipped(&mut read.scan, skip);
                }
                Ok(read)
            }
            Content::Stream { head, rest, lane } => {
                Ok(Long { id: self.id, head, rest, lane: *lane, window: WINDOW }.read(judging))
            }
        }
    }
}

fn in_memory<'m>(name: &str, bytes: &[u8], judging: Judging<'m>) -> Result<Reading<'m>, ConfineError> {
    let read = |scan: &mut Scan<'m>| judging.reader.extract(name, bytes, judging.limits, scan);
    if bytes.len() < SEVERAL_THREADS {
        return Reading::of_small(bytes, judging, read);
    }
    let whole = || {
        let mut scan = judging.matcher.scan();
        // Stopped early means damage or a limit; both are in the scan.
        let _ = read(&mut scan)?;
        Ok(scan)
    };
    let lane = Lane::open(&bytes[..SAMPLE], judging.limits);
    if let Some(lane) = &lane
        && bytes.len() >= KEPT
        && judging.checkpoints.is_some()
    {
        let rest = Rest::Memory(io::Cursor::new(bytes));
        return Ok(Long { id: name, head: Vec::new(), rest, lane: lane.clone(), window: WINDOW }.read(judging));
    }
    let (hash, scan) = rayon::join(
        || blake3::hash(bytes),
        || match lane {
            Some(lane) => {
                let chunks: Vec<Chunk> = lane.chunks(bytes).collect();
                Ok(parsed(&chunks, &lane, &judging.matcher.scan(), |chunk, scan| lane.parse(bytes, chunk, scan)).0)
            }
            None => whole(),
        },
    );
    (judging.follow)(Step::Read(bytes.len() as u64));
    Ok(Reading { hash, scan: scan? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::confine::Reader;
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
        let judging = Judging::new(&matcher, &limits, &reader);
        for document in [Document::new("d", dump.as_bytes()), streamed] {
            let read = document.scan(judging).unwrap();
            assert_eq!(read.hash, blake3::hash(dump.as_bytes()));
            let finding = matcher.finish(read.scan, true).unwrap();
            assert_eq!(finding.rows, no);
            assert_eq!(finding.tables[0].header.as_deref(), Some(&header.map(str::to_owned)[..]));
            let columns: Vec<Option<u8>> = (0..7).map(Some).collect();
            assert_eq!(finding.tables[0].columns, [(0, columns)]);
        }
    }
}
