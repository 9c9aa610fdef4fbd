//! The records that a document shows, with the kinds shown of each. Where all rows are ours there are as many as rows: they are written
//! down one behind the other, and put in order in bulk.

use rayon::slice::ParallelSliceMut;
use serde::{Deserialize, Serialize};

/// Entries that are never worth putting in order before the end.
const FEW: usize = 1 << 16;

/// A record: its index, its slot there, and the kinds shown (bits by code).
pub(super) type Shown = (u16, u32, u32);

/// Records, some of them several times.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Records {
    all: Vec<Shown>,
    /// How many there were when each was last there once.
    once: usize,
}

impl Records {
    /// Adds what was shown of a record.
    #[inline]
    pub(super) fn push(&mut self, record: Shown) {
        self.all.push(record);
        // One thread's share of the rows: others have theirs to read.
        self.bound(|all| all.sort_unstable_by_key(place));
    }

    /// Adds all of another's.
    pub(super) fn merge(&mut self, other: Self) {
        if self.all.is_empty() {
            *self = other;
        } else {
            self.all.extend(other.all);
            self.bound(|all| all.par_sort_unstable_by_key(place));
        }
    }

    /// All, in no order, and some of them more than once: whoever takes them has an order of its own to put them in.
    pub(super) fn take(&mut self) -> Vec<Shown> {
        self.once = 0;
        std::mem::take(&mut self.all)
    }

    /// Memory follows the number of records, not that of the rows that show them.
    fn bound(&mut self, sort: fn(&mut [Shown])) {
        if self.all.len() >= (2 * self.once).max(FEW) {
            self.put_in_order(sort);
        }
    }

    fn put_in_order(&mut self, sort: fn(&mut [Shown])) {
        if self.once == self.all.len() {
            return;
        }
        sort(&mut self.all);
        self.all.dedup_by(|next, kept| {
            let same = place(next) == place(kept);
            kept.2 |= if same { next.2 } else { 0 };
            same
        });
        self.once = self.all.len();
    }
}

/// Index and slot in one number, which is compared at once.
fn place(shown: &Shown) -> u64 {
    u64::from(shown.0) << 32 | u64::from(shown.1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_record_is_there_once_with_all_that_was_shown(
            parts in proptest::collection::vec(proptest::collection::vec((0..3u16, 0..40u32, 0..16u32), 0..60), 0..6),
            times in 1..4_000usize,
        ) {
            let (mut records, mut expected) = (Records::default(), BTreeMap::new());
            for part in parts {
                let mut other = Records::default();
                for (index, slot, kind) in part {
                    (0..times).for_each(|_| other.push((index, slot, 1 << kind)));
                    *expected.entry((index, slot)).or_insert(0) |= 1 << kind;
                }
                prop_assert!(other.all.len() <= FEW);
                records.merge(other);
                prop_assert!(records.all.len() < FEW);
            }
            records.put_in_order(|all| all.sort_unstable_by_key(place));
            let expected: Vec<Shown> = expected.into_iter().map(|((index, slot), kinds)| (index, slot, kinds)).collect();
            prop_assert_eq!(records.take(), expected);
        }
    }
}
