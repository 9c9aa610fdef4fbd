//! How common each tag is among an index's records: what its agreement proves against a stranger of the same population.

use super::{Slot, SnapshotIndex, TagTest};
use crate::fingerprint::error::Damaged;

/// Records that are counted at most.
const SAMPLED: u32 = 1 << 18;
/// Consecutive records of a stretch of the sample. Records of one name stand together: a stretch must be short beside the
/// whole.
const STRETCH: u32 = 256;

/// How many records pass a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holders {
    /// Records that do.
    pub passing: u32,
    /// Of how many, at least 1.
    pub of: u32,
    /// Whether these are a sample: 0 is certain only where they are not.
    pub is_sample: bool,
}

/// How common the tags of each column are among the counted records.
pub(super) struct Commonness {
    counted: u32,
    is_sample: bool,
    columns: Vec<Column>,
}

/// How many records have each tag of a column.
struct Column {
    /// Upper bytes of the tags that some record has, in the order of the lower ones first; and the records of each.
    counts: Vec<(u8, u32)>,
    /// For each lower byte, where its tags begin in `counts`, and where the last one's end: nearly every test asks for all of that byte.
    starts: Vec<u32>,
}

impl Column {
    /// Of the number of records of each tag. 0 is that of records without a value.
    fn of(words: &[u32]) -> Self {
        let (mut counts, mut starts) = (Vec::new(), vec![0]);
        for lower in 0..=u8::MAX {
            let word = |upper: u8| usize::from(u16::from_le_bytes([lower, upper]));
            let some =
                (0..=u8::MAX).map(|upper| (upper, word(upper))).filter(|(_, word)| *word > 0 && words[*word] > 0);
            counts.extend(some.map(|(upper, word)| (upper, words[word])));
            starts.push(counts.len() as u32);
        }
        Self { counts, starts }
    }

    fn passing(&self, test: TagTest) -> u32 {
        let [bits, wanted] = [test.bits, test.word].map(u16::to_le_bytes);
        let of = |lower: u8| {
            let lower = usize::from(lower);
            let counts = &self.counts[self.starts[lower] as usize..self.starts[lower + 1] as usize];
            let passing = |counts: &[(u8, u32)]| -> u32 {
                counts.iter().filter(|(upper, _)| upper & bits[1] == wanted[1]).map(|(_, count)| count).sum()
            };
            match bits[1] {
                u8::MAX => counts.binary_search_by_key(&wanted[1], |(upper, _)| *upper).map_or(0, |at| counts[at].1),
                _ => passing(counts),
            }
        };
        match bits[0] {
            u8::MAX => of(wanted[0]),
            bits => (0..=u8::MAX).filter(|lower| lower & bits == wanted[0]).map(of).sum(),
        }
    }
}

impl Commonness {
    pub(super) fn count(index: &SnapshotIndex) -> Result<Self, Damaged> {
        let columns = index.columns().len();
        let mut words: Vec<Vec<u32>> = vec![vec![0; 1 << 16]; columns];
        let mut counted = 0;
        let stretches = index.records().div_ceil(STRETCH);
        let taken = stretches.min(SAMPLED / STRETCH);
        for no in 0..taken {
            let stretch = (u64::from(no) * u64::from(stretches) / u64::from(taken)) as u32;
            for (_, tags) in index.tags_from(Slot(stretch * STRETCH), STRETCH)? {
                counted += 1;
                for (column, counts) in words.iter_mut().enumerate() {
                    counts[usize::from(tags.word(column))] += 1;
                }
            }
        }
        Ok(Self {
            counted,
            is_sample: counted < index.records(),
            columns: words.iter().map(|all| Column::of(all)).collect(),
        })
    }

    /// How many of the counted records pass a test.
    pub(super) fn holders(&self, test: TagTest) -> Holders {
        let passing = self.columns[usize::from(test.column)].passing(test);
        Holders { passing, of: self.counted, is_sample: self.is_sample }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Key;
    use crate::fingerprint::index::chance::{KEY, RECORDS, mask_test, part_of};

    #[test]
    fn as_many_pass_as_are_counted_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = part_of(folder.path(), &Key::from_bytes(KEY), 1);
        let index = &catalogue.indexes()[0];
        for (column, raw) in [
            (0, "p***@courriel.example"),
            (0, "q***@courriel.example"),
            (0, "***@courriel.example"),
            (1, "06****4990"),
            (1, "** ** 42"),
        ] {
            let test = mask_test(index, (column, raw), true);
            for test in [test, test.coarse(), TagTest { bits: test.bits & 0xfff0, word: test.word & 0xfff0, ..test }] {
                let word = |no: u64| index.tags(Slot(no as u32)).unwrap().word(column);
                let passing = (0..RECORDS).filter(|no| word(*no) != 0 && word(*no) & test.bits == test.word).count();
                let holders = index.holders(test).unwrap();
                assert_eq!((holders.passing as usize, holders.of, holders.is_sample), (passing, RECORDS as u32, false));
            }
        }
    }
}
