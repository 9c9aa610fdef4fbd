//! Many records held against a few tests at once: of a stretch of them, those that pass any.

use std::ops::Range;

use super::{Slot, SnapshotIndex, TagTest};
use crate::fingerprint::error::Damaged;

/// Records read at a time: their tags stay in the first cache from test to test.
const STRETCH: u32 = 1024;

impl SnapshotIndex {
    /// Appends those of `slots` whose records pass at least one of `tests`, each once and in order. Takes about a nanosecond for each record
    /// and test.
    ///
    /// # Errors
    /// [`Damaged`] if the tags of any of them are, or if there are no such records.
    pub fn passing_any(&self, slots: Range<u32>, tests: &[TagTest], out: &mut Vec<Slot>) -> Result<(), Damaged> {
        let mut first = slots.start;
        while first < slots.end {
            let many = STRETCH.min(slots.end - first);
            let rows = self.tag_rows(Slot(first), many)?;
            let before = out.len();
            for test in tests {
                // Every column that there is a test for has a tag; the byte behind a tag of one is masked out, and there is one, for the
                // as-exported tags are behind all others.
                let offset = self.layout.columns[usize::from(test.column)].offset;
                let word = |row: &[u8]| row[offset..].first_chunk().map_or(0, |word| u16::from_le_bytes(*word));
                let slots = (first..).zip(rows.clone());
                // Few tests are of masks, and they take longer.
                if test.is_exact() {
                    let passing = slots.filter(|(_, row)| word(row) & test.bits == test.word);
                    passing.for_each(|(slot, _)| out.push(Slot(slot)));
                } else {
                    let passing = slots.filter(|(_, row)| test.passes(word(row)));
                    passing.for_each(|(slot, _)| out.push(Slot(slot)));
                }
            }
            if tests.len() > 1 {
                out[before..].sort_unstable();
                dedup_from(out, before);
            }
            first += many;
        }
        Ok(())
    }
}

/// Drops what is there twice, from a place on behind which all is in order.
fn dedup_from(slots: &mut Vec<Slot>, from: usize) {
    let mut kept = from;
    for at in from..slots.len() {
        if at == from || slots[at] != slots[kept - 1] {
            slots[kept] = slots[at];
            kept += 1;
        }
    }
    slots.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Key;
    use crate::fingerprint::index::chance::{KEY, RECORDS, mask_test, part_of};

    #[test]
    fn those_that_pass_are_the_ones_that_pass_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = part_of(folder.path(), &Key::from_bytes(KEY), 1);
        let index = &catalogue.indexes()[0];
        let test = |column: usize, raw: &str, with_length: bool| mask_test(index, (column, raw), with_length);
        let tests = [
            test(1, "06****4990", false),
            test(1, "** ** 42", false),
            test(0, "q***@courriel.example", false),
            test(0, "p***@courriel.example", true),
            test(1, "06****4990", false),
        ];
        for tests in [&tests[..1], &tests[1..2], &tests[..3], &tests] {
            for slots in [0..RECORDS as u32, 0..0, 17..18, 1_000..3_500] {
                let mut many = vec![Slot(7)];
                index.passing_any(slots.clone(), tests, &mut many).unwrap();
                let passes = |slot: &Slot| tests.iter().any(|test| index.tags(*slot).unwrap().passes(*test));
                let single: Vec<Slot> = [Slot(7)].into_iter().chain(slots.map(Slot).filter(passes)).collect();
                assert_eq!(many, single);
            }
        }
        assert!(index.passing_any(0..RECORDS as u32 + 1, &tests, &mut Vec::new()).is_err(), "beyond the last record");
    }
}
