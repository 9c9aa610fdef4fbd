//! Records of fixed width in 256 parts by the first byte of their key: in memory up to a budget, beyond it in a temporary file
//! without a name, which ends with the process however that ends.
//!
//! What passes through here are fingerprints and tags, never values.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Number of parts, one for each first byte of a key.
pub(super) const PARTS: usize = 256;
/// Bytes written at a time.
const FLUSH: usize = 128 << 10;
/// The largest part that is loaded: larger ones there are only when a large share of all records has one value.
const LOAD: u64 = 128 << 20;

/// Records in parts. A record begins with its key (u64).
pub(super) struct Spill {
    folder: PathBuf,
    width: usize,
    /// Which byte of the key chooses the part: 0 the uppermost.
    depth: u32,
    /// Bytes held in memory before parts are written.
    budget: usize,
    /// Bytes of a part that are written at a time.
    flush: usize,
    /// Parts beyond this many bytes are split again rather than loaded.
    load: u64,
    held: usize,
    parts: Vec<Part>,
    file: Option<File>,
    end: u64,
}

#[derive(Default)]
struct Part {
    buffer: Vec<u8>,
    /// Offset and length of what was written, in order.
    written: Vec<(u64, usize)>,
    len: u64,
}

impl Spill {
    /// For records of `width` bytes, with temporary files in `folder`.
    pub(super) fn new(folder: &Path, width: usize, budget: usize) -> Self {
        Self::with_limits(folder, width, budget, FLUSH, LOAD)
    }

    pub(super) fn with_limits(folder: &Path, width: usize, budget: usize, flush: usize, load: u64) -> Self {
        let parts = (0..PARTS).map(|_| Part::default()).collect();
        Self { folder: folder.to_owned(), width, depth: 0, budget, flush, load, held: 0, parts, file: None, end: 0 }
    }

    /// An empty one that tells apart what has one part here, by the next byte of the key.
    fn finer(&self) -> Option<Self> {
        let finer = Self::with_limits(&self.folder, self.width, self.budget, self.flush, self.load);
        (self.depth < 7).then_some(Self { depth: self.depth + 1, ..finer })
    }

    /// Adds a record. Those with one key stay in the order they were added.
    #[inline]
    pub(super) fn push(&mut self, record: &[u8]) -> io::Result<()> {
        debug_assert_eq!(record.len(), self.width);
        let no = usize::from(record[7 - self.depth as usize]);
        let part = &mut self.parts[no];
        part.buffer.extend_from_slice(record);
        part.len += record.len() as u64;
        self.held += record.len();
        if part.buffer.len() >= self.flush && self.held > self.budget {
            return self.flush(no);
        }
        Ok(())
    }

    #[cold]
    fn flush(&mut self, no: usize) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile_in(&self.folder)?);
        }
        let part = &mut self.parts[no];
        if let Some(file) = &self.file {
            file.write_all_at(&part.buffer, self.end)?;
        }
        part.written.push((self.end, part.buffer.len()));
        self.end += part.buffer.len() as u64;
        self.held -= part.buffer.len();
        part.buffer.clear();
        Ok(())
    }

    /// Whether a part is small enough for [`Spill::load`].
    pub(super) fn is_loadable(&self, no: usize) -> bool {
        self.parts[no].len <= self.load
    }

    /// All records of a part, in the order they were added.
    pub(super) fn load(&self, no: usize) -> io::Result<Vec<u8>> {
        let part = &self.parts[no];
        let mut all = vec![0; part.len as usize];
        let mut at = 0;
        for (offset, len) in &part.written {
            if let Some(file) = &self.file {
                file.read_exact_at(&mut all[at..at + len], *offset)?;
            }
            at += len;
        }
        all[at..].copy_from_slice(&part.buffer);
        Ok(all)
    }

    /// Gives back a part's memory.
    pub(super) fn drop_part(&mut self, no: usize) {
        self.parts[no].buffer = Vec::new();
    }

    /// Calls `each` with the records of a part that is too large to load, sorted, run by run: split by the next byte of the key for as long
    /// as there is one. Records that agree in all of it are in order already.
    pub(super) fn runs(&self, no: usize, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if self.is_loadable(no) {
            let records = self.load(no)?;
            return each(&gather(&records, self.width, &order(&records, self.width)));
        }
        let mut finer = self.finer();
        self.pieces(no, &mut |piece| match &mut finer {
            Some(finer) => piece.chunks_exact(self.width).try_for_each(|record| finer.push(record)),
            None => each(piece),
        })?;
        match finer {
            Some(finer) => (0..PARTS).try_for_each(|no| finer.runs(no, each)),
            None => Ok(()),
        }
    }

    /// The records of a part in stretches of whole records.
    fn pieces(&self, no: usize, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let part = &self.parts[no];
        let mut piece = Vec::new();
        for (offset, len) in &part.written {
            piece.resize(*len, 0);
            if let Some(file) = &self.file {
                file.read_exact_at(&mut piece, *offset)?;
            }
            each(&piece)?;
        }
        each(&part.buffer)
    }
}

/// Key and position of each record, in the order of the keys; records with one key in the order they stand.
///
/// Keys are hashes, so two passes of counting by the bits below the first byte leave next to nothing to do: a run of equal digits then
/// has a record or two, whatever the number of records that is loaded.
pub(super) fn order(records: &[u8], width: usize) -> Vec<(u64, u32)> {
    const DIGIT: u32 = 11;
    let key = |record: &[u8]| record.first_chunk().map_or(0, |k| u64::from_le_bytes(*k));
    let mut order: Vec<(u64, u32)> = records.chunks_exact(width).enumerate().map(|(i, r)| (key(r), i as u32)).collect();
    if order.len() < 1 << 10 {
        order.sort_unstable();
        return order;
    }
    let mut other = vec![(0, 0); order.len()];
    for shift in [56 - 2 * DIGIT, 56 - DIGIT] {
        let digit = |key: u64| (key >> shift) as usize & ((1 << DIGIT) - 1);
        let mut ends = [0u32; 1 << DIGIT];
        order.iter().for_each(|(key, _)| ends[digit(*key)] += 1);
        let mut sum = 0;
        for end in &mut ends {
            sum += std::mem::replace(end, sum);
        }
        for entry in &order {
            let end = &mut ends[digit(entry.0)];
            other[*end as usize] = *entry;
            *end += 1;
        }
        std::mem::swap(&mut order, &mut other);
    }
    // Made for what is nearly in order already, and right for what is not (parts split by later bytes of the key).
    order.sort();
    order
}

/// The records in that order.
fn gather(records: &[u8], width: usize, order: &[(u64, u32)]) -> Vec<u8> {
    let mut sorted = Vec::with_capacity(records.len());
    for (_, i) in order {
        sorted.extend_from_slice(&records[*i as usize * width..][..width]);
    }
    sorted
}
