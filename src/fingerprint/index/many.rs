//! Looking up many fingerprints at once, so that memory brings the lines of all of them together: one after another, each look-up
//! would wait for memory three or four times.

use super::{MAX_SHARED, Slot, SnapshotIndex};
use crate::fingerprint::error::Damaged;
use crate::fingerprint::filter;

/// Look-ups on their way at once: what they touch fits the first cache.
const TOGETHER: usize = 64;

/// Reused from call to call.
#[derive(Default)]
pub struct LookUps {
    passed: Vec<u32>,
    slots: Vec<Slot>,
}

impl SnapshotIndex {
    /// For each fingerprint, the records that have its value in any column of its kind, as position in `fingerprints` and slot, in the order
    /// of the positions; none where more than [`MAX_SHARED`] have it, for such a value names nobody. Appends to `out`. What
    /// [`SnapshotIndex::might_contain`] and [`SnapshotIndex::lookup`] say, several times as fast; the tags of the records found are in the
    /// cache when it returns.
    ///
    /// # Errors
    /// [`Damaged`], as everything that reads from the file.
    pub fn lookup_many(
        &self,
        fingerprints: &[u64],
        scratch: &mut LookUps,
        out: &mut Vec<(u32, Slot)>,
    ) -> Result<(), Damaged> {
        let LookUps { passed, slots } = scratch;
        passed.clear();
        self.filter_many(fingerprints, passed)?;
        for passed in passed.chunks(TOGETHER) {
            let fingerprint = |position: &u32| fingerprints[*position as usize];
            touch(passed.iter().map(|position| self.bucket_ends(self.bucket_of(fingerprint(position)))))?;
            touch(passed.iter().map(|position| self.entries(fingerprint(position))))?;
            let first = out.len();
            for position in passed {
                slots.clear();
                if self.lookup(fingerprint(position), slots)? <= MAX_SHARED {
                    out.extend(slots.iter().map(|slot| (*position, *slot)));
                }
            }
            touch(out[first..].iter().map(|(_, slot)| self.tag_bytes(*slot)))?;
        }
        Ok(())
    }

    /// Appends the positions of the fingerprints that the filter lets pass: with many indexes, what is asked most.
    fn filter_many(&self, fingerprints: &[u64], passed: &mut Vec<u32>) -> Result<(), Damaged> {
        if let Some(blocks) = self.whole_filter() {
            filter::keep(blocks, fingerprints, passed);
            return Ok(());
        }
        for (position, fingerprint) in fingerprints.iter().enumerate() {
            if self.might_contain(*fingerprint)? {
                passed.push(position as u32);
            }
        }
        Ok(())
    }
}

/// Reads a byte of each line; that nothing is done with it must not make the compiler leave it out.
#[inline]
fn touch<'a>(lines: impl Iterator<Item = Result<&'a [u8], Damaged>>) -> Result<(), Damaged> {
    let mut all = 0;
    for line in lines {
        all ^= line?.first().copied().unwrap_or(0);
    }
    std::hint::black_box(all);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::chance::{KEY, RECORDS, catalogue, mail};
    use crate::fingerprint::{Hasher, Key};

    #[test]
    fn many_are_found_as_one_by_one() {
        let (folder, key) = (tempfile::tempdir().unwrap(), Key::from_bytes(KEY));
        let (catalogue, hasher) = (catalogue(folder.path(), &key), Hasher::new(&key));
        let index = &catalogue.indexes()[0];
        // Every third is a stranger.
        let asked: Vec<u64> =
            (0..500).map(|no| mail(&hasher, if no % 3 == 0 { RECORDS + no } else { no * 17 })).collect();
        let (mut many, mut single, mut slots) = (Vec::new(), Vec::new(), Vec::new());
        index.lookup_many(&asked, &mut super::LookUps::default(), &mut many).unwrap();
        for (position, fingerprint) in asked.iter().enumerate() {
            slots.clear();
            index.lookup(*fingerprint, &mut slots).unwrap();
            single.extend(slots.iter().map(|slot| (position as u32, *slot)));
        }
        assert_eq!(many, single);
        assert_eq!(many.len(), 333);
    }
}
