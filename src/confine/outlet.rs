//! The worker's sink: what `extract` delivers, put on the pipe as it comes.
//!
//! Every batch and skip leaves at once. What waited in a buffer would be lost with a worker that dies on the next
//! member of an archive, and what was read before that counts.

use std::io::{IoSlice, Write};

use super::wire::{Bounds, encode};
use crate::extract::Limits;
use crate::model::{Batch, ContentSink, Flow, Skip, SkipReason, Table};

/// Bytes of text up to which a batch is copied behind its head and sent with it.
const SMALL: usize = 16 << 10;

/// Delivers to `to`. Once that has failed nobody listens any more, and the document is given up.
pub(super) struct Outlet<'w, W: Write> {
    to: &'w mut W,
    buffer: &'w mut Vec<u8>,
    bounds: Bounds,
    read: u64,
    broken: bool,
}

impl<'w, W: Write> Outlet<'w, W> {
    pub(super) fn new(to: &'w mut W, buffer: &'w mut Vec<u8>, limits: &Limits) -> Self {
        buffer.clear();
        Self { to, buffer, bounds: Bounds::new(limits), read: 0, broken: false }
    }

    /// Ends the document. Whether all of it was delivered.
    pub(super) fn done(mut self, flow: Flow) -> bool {
        self.account();
        encode::done(self.buffer, flow);
        self.send(&[]) == Flow::Go
    }

    /// Ends the document, on which the reader panicked at `place`.
    pub(super) fn panicked(mut self, place: &str) -> bool {
        self.account();
        encode::panicked(self.buffer, place);
        self.send(&[]) == Flow::Go
    }

    /// Writes down the bytes read since the last time.
    fn account(&mut self) {
        let read = std::mem::take(&mut self.read);
        if read > 0 {
            encode::read(self.buffer, read);
        }
    }

    /// Sends the buffer and `behind` it.
    fn send(&mut self, behind: &[u8]) -> Flow {
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
