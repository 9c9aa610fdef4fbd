//! One pass over the tags of all records, for many rows at once.
//!
//! Each row is hooked to its most telling clues, to so many that no record can agree enough without agreeing in one of them: a record
//! is held against the rows that one of its tags is a hook of, and against no others.

use crate::fingerprint::{Damaged, Slot, SnapshotIndex, TagRow};

use super::clue::Question;

/// Records held against rows, in one pass over one index, at most: some seconds. A row hooked to common values costs the most, and
/// proves the least.
const WORK: f64 = (1u64 << 28) as f64;
/// Records of one row that are remembered when it cannot tell them apart; one more says that there are more.
pub(super) const TIED: usize = 5;
/// Records read at a time.
const STRETCH: u32 = 4096;

/// What a pass has shown.
pub(super) struct Pass {
    /// For each question, the records that agree best, with what that proves.
    pub(super) found: Vec<Vec<(Slot, f32)>>,
    /// Rows for which there was no time.
    pub(super) left_out: u64,
}

/// Rows hooked to certain bits of a column's tag.
struct Hooks {
    column: usize,
    bits: u16,
    /// For each word, one past its last row in `rows`; a word's rows begin where those of the word before end.
    ends: Vec<u32>,
    rows: Vec<u32>,
}

impl Hooks {
    fn of(column: usize, bits: u16, mut hooked: Vec<(u16, u32)>) -> Self {
        hooked.sort_unstable();
        hooked.dedup();
        let mut ends = vec![0; 1 << 16];
        hooked.iter().for_each(|(word, _)| ends[usize::from(*word)] += 1);
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        Self { column, bits, ends, rows: hooked.into_iter().map(|(_, row)| row).collect() }
    }

    #[inline]
    fn rows_of(&self, tags: &TagRow<'_>) -> &[u32] {
        let word = usize::from(tags.word(self.column) & self.bits);
        let from = if word == 0 { 0 } else { self.ends[word - 1] };
        &self.rows[from as usize..self.ends[word] as usize]
    }
}

/// Holds all records of the index against the questions.
pub(super) fn run(index: &SnapshotIndex, questions: &mut Vec<Question>) -> Result<Pass, Damaged> {
    let work = |question: &Question| {
        let hooked = &question.clues[..question.hooks];
        f64::from(index.records()) * hooked.iter().map(|clue| f64::from(-clue.bits).exp2()).sum::<f64>()
    };
    let before = questions.len();
    let mut total = 0.0;
    questions.retain(|question| {
        total += work(question);
        total <= WORK
    });
    let hooks = hook(questions);
    let mut found: Vec<Vec<(Slot, f32)>> = vec![Vec::new(); questions.len()];
    let mut first = 0;
    while first < index.records() {
        for (slot, tags) in index.tags_from(Slot(first), STRETCH)? {
            for hooks in &hooks {
                for row in hooks.rows_of(&tags) {
                    if let Some(bits) = questions[*row as usize].worth(|clue| tags.passes(clue.test)) {
                        remember(&mut found[*row as usize], slot, bits);
                    }
                }
            }
        }
        first += STRETCH;
    }
    Ok(Pass { found, left_out: (before - questions.len()) as u64 })
}

/// Hooks each question to its most telling clues.
fn hook(questions: &[Question]) -> Vec<Hooks> {
    let mut by_place: std::collections::BTreeMap<(u8, u16), Vec<(u16, u32)>> = std::collections::BTreeMap::new();
    for (no, question) in questions.iter().enumerate() {
        for clue in &question.clues[..question.hooks] {
            by_place.entry((clue.test.column, clue.test.bits)).or_default().push((clue.test.word, no as u32));
        }
    }
    by_place.into_iter().map(|((column, bits), hooked)| Hooks::of(usize::from(column), bits, hooked)).collect()
}

/// Keeps the best, and those that are as good within a bit.
fn remember(best: &mut Vec<(Slot, f32)>, slot: Slot, bits: f32) {
    // It hung on another hook too.
    if best.iter().any(|(known, _)| *known == slot) {
        return;
    }
    let top = best.first().map_or(f32::MIN, |(_, top)| *top);
    if bits > top + 1.0 {
        best.clear();
    } else if bits < top - 1.0 || best.len() >= TIED && bits <= top {
        return;
    }
    let at = best.partition_point(|(_, other)| *other >= bits);
    best.insert(at, (slot, bits));
    let least = best[0].1 - 1.0;
    best.retain(|(_, other)| *other >= least);
    best.truncate(TIED);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_records_of_a_row_are_kept_and_what_ties_with_them() {
        let mut best = Vec::new();
        for (slot, bits) in [(1, 3.0), (2, 8.0), (3, 7.5), (4, 6.0), (5, 8.5)] {
            remember(&mut best, Slot(slot), bits);
        }
        assert_eq!(best.iter().map(|(slot, _)| slot.0).collect::<Vec<_>>(), [5, 2, 3]);
        (10..30).for_each(|slot| remember(&mut best, Slot(slot), 8.5));
        assert_eq!(best.len(), TIED);
    }
}
