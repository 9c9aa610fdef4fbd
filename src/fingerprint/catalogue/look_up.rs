//! Looking up many fingerprints in many indexes at once, so that memory brings the lines of all of them together: one after another, each
//! look-up would wait for memory three or four times.

use super::Catalogue;
use crate::fingerprint::error::Damaged;
use crate::fingerprint::index::{MAX_SHARED, Slot};

/// Look-ups on their way at once: what they touch fits the first cache.
const TOGETHER: usize = 64;

/// A record that a fingerprint leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lead {
    /// Position among the fingerprints.
    pub value: u32,
    /// Position of the index in the catalogue.
    pub index: u16,
    /// The record.
    pub slot: Slot,
}

/// Reused from call to call.
#[derive(Default)]
pub struct LookUps {
    fingerprints: Vec<u64>,
    /// Indexes and positions that are asked.
    asked: Vec<(u16, u32)>,
    slots: Vec<Slot>,
}

impl Catalogue {
    /// For the fingerprints at some positions (those that [`Catalogue::probe`] let pass), made with key number `key`: the records that have the
    /// value in any column of its kind, in the indexes built with that key of which `may` (index, position) is true; none where more than
    /// [`MAX_SHARED`] of an index have it, for such a value names nobody. Appends to `out`, in no particular order. The tags of the records
    /// found are in the cache when it returns.
    ///
    /// # Errors
    /// [`Damaged`] if a part of an index that is needed is.
    pub fn lookup_many(
        &self,
        (fingerprints, key): (&[u64], usize),
        passed: &[u32],
        may: impl Fn(usize, u32) -> bool,
        scratch: &mut LookUps,
        out: &mut Vec<Lead>,
    ) -> Result<(), Damaged> {
        let LookUps { fingerprints: wanted, asked, slots } = scratch;
        asked.clear();
        match self.merged.as_ref().and_then(|merged| merged.whose.as_ref()) {
            Some(whose) => {
                wanted.clear();
                wanted.extend(passed.iter().map(|position| fingerprints[*position as usize]));
                whose.ask(wanted, asked);
                asked.iter_mut().for_each(|(_, no)| *no = passed[*no as usize]);
            }
            None => {
                let all = (0..self.indexes.len() as u16).flat_map(|index| passed.iter().map(move |no| (index, *no)));
                asked.extend(all);
            }
        }
        asked.retain(|(index, position)| {
            let index = usize::from(*index);
            self.indexes[index].key_no() == key && may(index, *position)
        });
        // One index's filter was asked already.
        if self.merged.is_some() {
            self.ask_filters(fingerprints, asked)?;
        }
        for some in asked.chunks(TOGETHER) {
            let of = |(index, no): &(u16, u32)| (&self.indexes[usize::from(*index)], fingerprints[*no as usize]);
            touch(some.iter().map(of).map(|(index, fingerprint)| index.bucket_line(fingerprint)))?;
            touch(some.iter().map(of).map(|(index, fingerprint)| index.entries(fingerprint)))?;
            let first = out.len();
            for asked in some {
                let (index, fingerprint) = of(asked);
                slots.clear();
                if index.lookup(fingerprint, slots)? <= MAX_SHARED {
                    out.extend(slots.iter().map(|slot| Lead { value: asked.1, index: asked.0, slot: *slot }));
                }
            }
            touch(out[first..].iter().map(|lead| self.indexes[usize::from(lead.index)].tag_bytes(lead.slot)))?;
        }
        Ok(())
    }

    /// Keeps those whose index's own filter lets the fingerprint pass.
    fn ask_filters(&self, fingerprints: &[u64], asked: &mut Vec<(u16, u32)>) -> Result<(), Damaged> {
        let mut kept = 0;
        for from in (0..asked.len()).step_by(TOGETHER) {
            let to = asked.len().min(from + TOGETHER);
            let of = |(index, no): (u16, u32)| (&self.indexes[usize::from(index)], fingerprints[no as usize]);
            touch(asked[from..to].iter().map(|one| of(*one)).map(|(index, fp)| index.filter_block(fp)))?;
            for at in from..to {
                let (index, fingerprint) = of(asked[at]);
                asked[kept] = asked[at];
                kept += usize::from(index.might_contain(fingerprint)?);
            }
        }
        asked.truncate(kept);
        Ok(())
    }
}

/// Reads the first byte and the last of each stretch, which may begin on one line of memory and end on the next; that nothing is done with
/// them must not make the compiler leave it out.
#[inline]
fn touch<'a>(stretches: impl Iterator<Item = Result<&'a [u8], Damaged>>) -> Result<(), Damaged> {
    let mut all = 0;
    for stretch in stretches {
        let stretch = stretch?;
        all ^= stretch.first().copied().unwrap_or(0) ^ stretch.last().copied().unwrap_or(0);
    }
    std::hint::black_box(all);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::index::chance::{KEY, RECORDS, mail, part_of};
    use crate::fingerprint::{Hasher, Key};

    #[test]
    fn many_are_found_in_many_as_one_by_one() {
        let (folder, key) = (tempfile::tempdir().unwrap(), Key::from_bytes(KEY));
        let hasher = Hasher::new(&key);
        // Every third is a stranger, some are in all indexes.
        let asked: Vec<u64> =
            (0..500).map(|no| mail(&hasher, if no % 3 == 0 { RECORDS + no } else { no * 17 })).collect();
        for indexes in [1, 3, 20] {
            let catalogue = part_of(folder.path(), &key, indexes);
            let (mut passed, mut many, mut single) = (Vec::new(), Vec::new(), Vec::new());
            catalogue.probe(&asked, &mut passed);
            let may = |index: usize, _| index != 2;
            catalogue.lookup_many((&asked, 0), &passed, may, &mut LookUps::default(), &mut many).unwrap();
            many.sort_unstable();
            for (value, fingerprint) in asked.iter().enumerate() {
                for (index, one) in catalogue.indexes().iter().enumerate().filter(|(index, _)| may(*index, 0)) {
                    let mut slots = Vec::new();
                    one.lookup(*fingerprint, &mut slots).unwrap();
                    let lead = |slot| Lead { value: value as u32, index: index as u16, slot };
                    single.extend(slots.into_iter().map(lead));
                }
            }
            assert_eq!(many, single);
            assert!(many.len() >= 200, "{indexes}: {}", many.len());
            // Nothing is asked of indexes that were built with another key.
            catalogue.lookup_many((&asked, 1), &passed, may, &mut LookUps::default(), &mut many).unwrap();
            assert_eq!(many, single);
        }
    }
}
