//! The way of every row: a block of rows is hashed, the prefilter is asked for all their values at once (so that no answer
//! from memory waits for another), and only rows with a hit go on.

use crate::fingerprint::SipScratch;
use crate::model::Batch;

use super::Matcher;
use super::values::{Seen, Values};

/// Rows that are asked for together: their values fit the first cache, and there are enough to hide memory's delay.
pub(super) const BLOCK: usize = 256;

/// A value that passed the prefilter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    /// Its position among the block's values.
    pub(super) value: u32,
    /// The key it was hashed with.
    pub(super) key: u8,
    pub(super) fingerprint: u64,
}

/// Reused from block to block.
#[derive(Default)]
pub(super) struct Sweep {
    pub(super) values: Values,
    /// What each row of the block has shown.
    pub(super) seen: Vec<Seen>,
    /// In the order of the rows.
    found: Vec<Hit>,
    fingerprints: Vec<u64>,
    passed: Vec<u32>,
    sip: SipScratch,
}

impl Sweep {
    /// Looks at up to [`BLOCK`] rows of the batch, from row `first` on, and leaves what they show in `seen`.
    pub(super) fn block(&mut self, matcher: &Matcher, batch: &Batch, first: usize) {
        let Self { values, seen, found, fingerprints, passed, sip } = self;
        values.clear();
        seen.clear();
        found.clear();
        for (no, row) in (first..batch.rows().min(first + BLOCK)).enumerate() {
            seen.push(matcher.values_of_row(batch.row(row), no as u16, values));
        }
        let hashers = matcher.catalogue.hashers();
        for (key, hasher) in hashers.iter().enumerate() {
            hasher.fingerprints(&mut values.forms, sip, fingerprints);
            passed.clear();
            matcher.catalogue.probe(fingerprints, passed);
            let hit = |value: &u32| Hit { value: *value, key: key as u8, fingerprint: fingerprints[*value as usize] };
            found.extend(passed.iter().map(hit));
        }
        if hashers.len() > 1 {
            found.sort_by_key(|hit| hit.value);
        }
        for hit in found {
            seen[usize::from(values.places[hit.value as usize].0)].hit = true;
        }
    }

    /// The values of row `no` of the block that passed the prefilter.
    pub(super) fn hits_of(&self, no: usize) -> &[Hit] {
        let row = |hit: &Hit| usize::from(self.values.places[hit.value as usize].0);
        let from = self.found.partition_point(|hit| row(hit) < no);
        let many = self.found[from..].iter().take_while(|hit| row(hit) == no).count();
        &self.found[from..from + many]
    }
}
