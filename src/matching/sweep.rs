//! The way of every row: a block of rows is hashed, the prefilter is asked for all their values at once (so that no answer
//! from memory waits for another), and only rows with a hit go on.

use crate::model::Batch;

use super::Matcher;
use super::values::{Buffers, Seen};

/// Rows that are asked for together: their hashes fit the first cache, and there are enough to hide memory's delay.
pub(super) const BLOCK: usize = 256;

/// Reused from block to block.
#[derive(Default)]
pub(super) struct Sweep {
    fingerprints: Vec<u64>,
    /// For each fingerprint, the row of the block.
    rows: Vec<u16>,
    hits: Vec<u32>,
    /// What each row of the block has shown.
    pub(super) seen: Vec<Seen>,
    buffers: Buffers,
}

impl Sweep {
    /// Looks at up to [`BLOCK`] rows of the batch, from row `first` on, and leaves what they show in `seen`.
    pub(super) fn block(&mut self, matcher: &Matcher, batch: &Batch, first: usize) {
        let Self { fingerprints, rows, hits, seen, buffers } = self;
        fingerprints.clear();
        rows.clear();
        hits.clear();
        seen.clear();
        for (no, row) in (first..batch.rows().min(first + BLOCK)).enumerate() {
            let shown = matcher.values_of_row(batch.row(row), buffers, &mut |value| {
                fingerprints.push(value.fingerprint);
                rows.push(no as u16);
            });
            seen.push(shown);
        }
        matcher.catalogue.probe(fingerprints, hits);
        for hit in hits {
            seen[usize::from(rows[*hit as usize])].hit = true;
        }
    }
}
