//! Looking up many fingerprints at once, so that memory brings the lines of all of them together: one after another, each look-up
//! would wait for memory three or four times.

use super::{MAX_SHARED, Slot, SnapshotIndex};
use crate::fingerprint::error::Damaged;

/// Fingerprints on their way at once: what they touch fits the first cache.
const TOGETHER: usize = 64;

impl SnapshotIndex {
    /// For each fingerprint, the records that have its value in any column of its kind, as position in `fingerprints` and slot, in the order
    /// of the positions; none where more than [`MAX_SHARED`] have it, for such a value names nobody. Appends to `out`. What
    /// [`SnapshotIndex::might_contain`] and [`SnapshotIndex::lookup`] say, several times as fast; the tags of the records found are in the
    /// cache when it returns.
    ///
    /// # Errors
    /// [`Damaged`], as everything that reads from the file.
    pub fn lookup_many(&self, fingerprints: &[u64], out: &mut Vec<(u32, Slot)>) -> Result<(), Damaged> {
        let mut passed = [(0, 0); TOGETHER];
        let mut slots = Vec::new();
        for (group, some) in fingerprints.chunks(TOGETHER).enumerate() {
            touch(some.iter().map(|fingerprint| self.filter_block(*fingerprint)))?;
            let mut count = 0;
            for (i, fingerprint) in some.iter().enumerate() {
                passed[count] = ((group * TOGETHER + i) as u32, *fingerprint);
                count += usize::from(self.might_contain(*fingerprint)?);
            }
            let passed = &passed[..count];
            touch(passed.iter().map(|(_, fingerprint)| self.bucket_ends(self.bucket_of(*fingerprint))))?;
            touch(passed.iter().map(|(_, fingerprint)| self.entries(*fingerprint)))?;
            let first = out.len();
            for (position, fingerprint) in passed {
                slots.clear();
                if self.lookup(*fingerprint, &mut slots)? <= MAX_SHARED {
                    out.extend(slots.iter().map(|slot| (*position, *slot)));
                }
            }
            touch(out[first..].iter().map(|(_, slot)| self.tag_bytes(*slot)))?;
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
        index.lookup_many(&asked, &mut many).unwrap();
        for (position, fingerprint) in asked.iter().enumerate() {
            slots.clear();
            index.lookup(*fingerprint, &mut slots).unwrap();
            single.extend(slots.iter().map(|slot| (position as u32, *slot)));
        }
        assert_eq!(many, single);
        assert_eq!(many.len(), 333);
    }
}
