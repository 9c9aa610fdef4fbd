//! The worker's sink: what `extract` delivers, put on the pipe as it comes.
//!
//! Every batch and skip leaves at once. What waited in a buffer would be lost with a worker that dies on the next
//! member of an archive, and what was read before that counts. Only of documents that were handed over together do the
//! answers leave together: nothing of them counts before all of it has arrived, and the program has them read again,
//! each alone, if the worker dies. So that it knows which one it died of, an answer of which a part has left waits no
//! more: an answer left unfinished is that of the document that was being read.

use std::io::{IoSlice, Write};

use super::wire::{Bounds, encode};
use crate::extract::Limits;
use crate::model::{Batch, ContentSink, Flow, Skip, SkipReason, Table};

/// Bytes of text up to which a batch is copied behind its head and sent with it.
const SMALL: usize = 16 << 10;

/// Bytes of answers that wait for others, at most.
const WAITING: usize = 256 << 10;

/// Delivers to `to`. Once that has failed nobody listens any more, and the document is given up.
pub(super) struct Outlet<'w, W: Write> {
    to: &'w mut W,
    buffer: &'w mut Vec<u8>,
    bounds: Bounds,
    read: u64,
    broken: bool,
    /// Whether this answer may still wait for others.
    waits: bool,
    /// Whether others follow, for which this one may wait as a whole.
    follow: bool,
}

impl<'w, W: Write> Outlet<'w, W> {
    /// `buffer` holds the answers that wait, and `behind` requests follow this one at once.
    pub(super) fn new(to: &'w mut W, buffer: &'w mut Vec<u8>, behind: u64, limits: &Limits) -> Self {
        let (follow, waits) = (behind > 0, behind > 0 || !buffer.is_empty());
        Self { to, buffer, bounds: Bounds::new(limits), read: 0, broken: false, waits, follow }
    }

    /// Ends the document. Whether all of it was delivered.
    pub(super) fn done(mut self, flow: Flow) -> bool {
        self.account();
        encode::done(self.buffer, flow);
        self.waits &= self.follow;
        self.send(&[]) == Flow::Go
    }

    /// Ends the document, on which the reader panicked at `place`.
    pub(super) fn panicked(mut self, place: &str) -> bool {
        self.account();
        encode::panicked(self.buffer, place);
        self.waits = false;
        self.send(&[]) == Flow::Go
    }

    /// Ends the document, which cannot be read; nobody reads after it.
    pub(super) fn refused(mut self, skip: Skip) {
        self.waits = false;
        self.skipped(skip);
    }

    /// Writes down the bytes read since the last time.
    fn account(&mut self) {
        let read = std::mem::take(&mut self.read);
        if read > 0 {
            encode::read(self.buffer, read);
        }
    }

    /// Sends the buffer and `behind` it, unless they may wait.
    fn send(&mut self, behind: &[u8]) -> Flow {
        if self.waits && self.buffer.len() + behind.len() <= WAITING {
            self.buffer.extend_from_slice(behind);
            return Flow::Go;
        }
        self.waits = false;
        let sent = self.broken || write_both(self.to, self.buffer, behind).is_err();
        self.broken = sent;
        self.buffer.clear();
        if self.broken { Flow::Stop } else { Flow::Go }
    }
}

fn write_both(to: &mut impl Write, head: &[u8], behind: &[u8]) -> std::io::Result<()> {
    let mut slices: &mut [IoSlice<'_>] = &mut [IoSlice::new(head), IoSlice::new(behind)];
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match to.write_vectored(slices) {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut slices, count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl<W: Write> ContentSink for Outlet<'_, W> {
    fn table(&mut self, table: Table) {
        encode::table(self.buffer, &table);
    }

    fn batch(&mut self, batch: &mut Batch) -> Flow {
        if batch.text.len() > self.bounds.text || batch.cells.len() > self.bounds.cells {
            // Only a row far beyond the limit for rows makes such a batch.
            let rows = batch.rows();
            self.skipped(Skip::new("", SkipReason::TooLong, format!("{rows} rows beyond the limit for lines")));
            return Flow::Go;
        }
        self.account();
        encode::batch(self.buffer, batch);
        if batch.text.len() > SMALL {
            return self.send(&batch.text);
        }
        self.buffer.extend_from_slice(&batch.text);
        self.send(&[])
    }

    fn skipped(&mut self, skip: Skip) {
        encode::skip(self.buffer, &skip);
        // That nobody listens is noticed at the next batch.
        let _ = self.send(&[]);
    }

    fn read(&mut self, bytes: u64) {
        self.read += bytes;
    }
}
