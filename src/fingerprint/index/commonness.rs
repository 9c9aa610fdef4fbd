//! How common each tag is among an index's records: what its agreement proves against a stranger of the same population.

use super::{Slot, SnapshotIndex, TagTest};
use crate::fingerprint::error::Damaged;

/// Records that are counted at most.
const SAMPLED: u32 = 1 << 18;
/// Consecutive records of a stretch of the sample. Records of one name stand together: a stretch must be short beside the
/// whole.
const STRETCH: u32 = 256;

/// The lower byte of a tag: all of it, or what a mask discloses first.
const LOWER: u16 = 0xff;

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

/// For each column, how many of the counted records have each tag.
pub(super) struct Commonness {
    counted: u32,
    is_sample: bool,
    /// Tags with their lower byte first, in order: nearly every test asks for all of that byte, and so for a stretch of them.
    columns: Vec<Vec<(u16, u32)>>,
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
        let sparse = |counts: Vec<u32>| {
            let seen = counts.into_iter().enumerate().skip(1).filter(|(_, count)| *count > 0);
            let mut seen: Vec<(u16, u32)> = seen.map(|(word, count)| ((word as u16).swap_bytes(), count)).collect();
            seen.sort_unstable();
            seen
        };
        Ok(Self { counted, is_sample: counted < index.records(), columns: words.into_iter().map(sparse).collect() })
    }

    /// How many of the counted records pass a test.
    pub(super) fn holders(&self, test: TagTest) -> Holders {
        let mut counts = &self.columns[usize::from(test.column)][..];
        if test.bits & LOWER == LOWER {
            let lower = test.word & LOWER;
            let from = counts.partition_point(|(word, _)| word >> 8 < lower);
            let to = counts.partition_point(|(word, _)| word >> 8 <= lower);
            counts = &counts[from..to];
        }
        let passes = |word: &u16| word.swap_bytes() & test.bits == test.word;
        let passing = counts.iter().filter(|(word, _)| passes(word)).map(|(_, count)| count).sum();
        Holders { passing, of: self.counted, is_sample: self.is_sample }
    }
}
