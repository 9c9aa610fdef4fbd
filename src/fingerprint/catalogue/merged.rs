//! What is known of the keys of several indexes together: one prefilter, and which of many indexes may hold what passed it.

use std::path::Path;

use rayon::prelude::*;

use super::kept;
use super::whose::{self, Whose};
use crate::fingerprint::filter::{self, Filter};
use crate::fingerprint::index::SnapshotIndex;
use crate::fingerprint::key::Key;

/// Keys from which on reading what was made of them is worth a file: fewer are put together in milliseconds.
const WORTH_KEEPING: u64 = 1 << 20;

/// Filter and table over several indexes.
pub(super) struct Merged {
    pub(super) filter: Filter,
    /// Of many.
    pub(super) whose: Option<Whose>,
}

/// What holds the keys with one first byte: it is filled, and kept, independently of the rest.
pub(super) struct Share<'a> {
    pub(super) filter: filter::Share<'a>,
    pub(super) whose: Option<whose::Share<'a>>,
}

impl Merged {
    /// Of several indexes; none for one index or none at all. Taken from the file `kept` if that was made of these very indexes, and left
    /// there if not. Fails with the positions of damaged indexes, in order.
    pub(super) fn of(indexes: &[SnapshotIndex], key: &Key, kept: Option<&Path>) -> Result<Option<Self>, Vec<usize>> {
        let keys = indexes.iter().map(SnapshotIndex::keys).sum();
        let several = indexes.len() > 1;
        let (true, Some(kept)) = (several && keys >= WORTH_KEEPING, kept) else {
            // What was kept of others is of no use any more.
            kept.map(std::fs::remove_file);
            return several.then(|| Self::made(indexes, keys)).transpose();
        };
        let of = kept::Of::these(indexes, key);
        if let Some(merged) = of.load(kept, Self::empty(indexes, keys)) {
            return Ok(Some(merged));
        }
        let mut merged = Self::made(indexes, keys)?;
        // Where it cannot be written (the folder may be read-only) it is made every time.
        let _ = of.store(kept, &mut merged);
        Ok(Some(merged))
    }

    /// Without any key, as large as they need.
    pub(super) fn empty(indexes: &[SnapshotIndex], keys: u64) -> Self {
        let many = indexes.len() >= whose::MANY;
        Self { filter: Filter::for_keys(keys), whose: many.then(|| Whose::for_keys(indexes.len(), keys)) }
    }

    /// The shares for each first byte, in order.
    pub(super) fn shares(&mut self) -> Vec<Share<'_>> {
        let mut whose: Vec<_> = self.whose.iter_mut().flat_map(Whose::shares).map(Some).collect();
        whose.resize_with(filter::GRAIN as usize, || None);
        self.filter.shares().zip(whose).map(|(filter, whose)| Share { filter, whose }).collect()
    }

    /// Made from the indexes' tables.
    pub(super) fn made(indexes: &[SnapshotIndex], keys: u64) -> Result<Self, Vec<usize>> {
        let mut merged = Self::empty(indexes, keys);
        let fill = |(first, mut share): (usize, Share<'_>)| {
            let (mut keys, mut damaged) = (Vec::new(), Vec::new());
            for (no, index) in indexes.iter().enumerate() {
                keys.clear();
                if index.keys_from(first as u8, &mut keys).is_err() {
                    damaged.push(no);
                }
                share.filter.set(&keys);
                if let Some(whose) = &mut share.whose {
                    whose.set(no, &keys);
                }
            }
            damaged
        };
        let mut damaged: Vec<usize> = merged.shares().into_par_iter().enumerate().flat_map(fill).collect();
        damaged.sort_unstable();
        damaged.dedup();
        if damaged.is_empty() { Ok(merged) } else { Err(damaged) }
    }
}
