//! From what agrees to what is believed: the columns that the cells of a table hold are learned from all its rows, each row is
//! weighed again by these alone, and the table has to hit more often than chance.

use crate::fingerprint::{Damaged, Slot, TagRow};
use crate::matching::Matcher;
use crate::matching::candidate::{Explained, RowCandidate, SURE, differing_bits};
use crate::matching::evidence::TableState;
use crate::matching::mapping::Agreement;
use crate::matching::shape::is_absent;
use crate::matching::share::{Hits, WANTED, odds};

use super::clue::Question;
use super::kept::Rows;
use super::pass::TIED;
use super::{FEWEST, Found, LEAST};

/// What is taken from each of several records that a row cannot tell apart: their place in the export may still decide.
const TIE: f32 = 3.0;

/// Judges what one pass over one index has found.
pub(super) struct Judge<'a> {
    pub(super) matcher: &'a Matcher,
    /// The index's position in the catalogue.
    pub(super) at: u16,
    pub(super) kept: &'a Rows,
    /// The rows of the table, as positions among the kept ones.
    pub(super) rows: &'a [usize],
}

/// What is believed of the rows of a table, of one index.
pub(super) struct Judged {
    /// The rows that show a record, or one of a few.
    pub(super) found: Vec<Found>,
    /// Rows that fit several records alike: they are neither recognised nor missed.
    pub(super) open: Vec<usize>,
    /// Whether the table hits more often than chance.
    pub(super) fruitful: bool,
}

impl Judge<'_> {
    /// The rows that are believed to show a record; none if the table hits no more often than chance.
    pub(super) fn judge(
        &self,
        questions: &[Question],
        found: &[Vec<(Slot, f32)>],
        mapping: Option<&[Option<u8>]>,
        state: &mut TableState,
    ) -> Result<Judged, Damaged> {
        let mut all = Vec::new();
        let mut hits = Hits::default();
        for (question, slots) in questions.iter().zip(found) {
            let mut candidates = Vec::new();
            for (slot, _) in slots {
                let (candidate, pairs) = self.weigh(question, *slot, mapping)?;
                if candidate.bits >= LEAST {
                    candidates.push((candidate, pairs));
                }
            }
            candidates.sort_by(|a, b| b.0.bits.total_cmp(&a.0.bits));
            if let Some((best, _)) = candidates.first() {
                hits.add(best.bits);
                all.push(Found { row: question.row, candidates });
            }
        }
        let rows = questions.len() as f64;
        let share = hits.ours_of(rows) / rows;
        let odds = odds(share);
        let open = all.iter().filter(|found| is_tied(&found.candidates)).map(|found| found.row).collect();
        all.retain_mut(|found| {
            untie(&mut found.candidates);
            match found.candidates.as_mut_slice() {
                // Decided, with the whole table in view.
                [(only, _)] if share > 0.0 && only.bits + odds >= WANTED => only.bits = only.bits.max(SURE),
                [(only, _)] => return share > 0.0 || only.bits >= SURE,
                // Its place in the export may still tell.
                tied => return share > 0.0 && !tied.is_empty(),
            }
            true
        });
        if share > 0.0 {
            self.count(&all, state);
        }
        Ok(Judged { found: all, open, fruitful: share > 0.0 })
    }

    /// The column that each cell holds, from all rows at once: where a record agrees by chance, other cells agree than where it is the
    /// one. None if too few rows agree with anything.
    pub(super) fn learn(
        &self,
        questions: &[Question],
        found: &[Vec<(Slot, f32)>],
    ) -> Result<Option<Vec<Option<u8>>>, Damaged> {
        let mut agreement = Agreement::default();
        let columns = self.index().columns().len();
        for (question, slots) in questions.iter().zip(found) {
            // A row that agrees with many tells little.
            let Some((slot, _)) = slots.first().filter(|_| slots.len() < TIED) else { continue };
            let tags = self.index().tags(*slot)?;
            let (taken, _) = question.agreeing(|clue| tags.passes(clue.test));
            let pairs: Vec<(u8, u8)> =
                taken.iter().map(|no| (question.clues[*no].cell, question.clues[*no].test.column)).collect();
            agreement.count(columns, self.kept.filled(self.rows[question.row]), &pairs);
        }
        Ok((agreement.rows as usize >= FEWEST).then(|| agreement.held()))
    }

    /// One record held against one row, by the columns that the table's cells hold.
    fn weigh(&self, question: &Question, slot: Slot, mapping: Option<&[Option<u8>]>) -> Result<Explained, Damaged> {
        let index = self.index();
        let tags = index.tags(slot)?;
        let (taken, bits) = question.agreeing(|clue| tags.passes(clue.test));
        let mut candidate = RowCandidate { index: self.at, slot: slot.0, bits, ..RowCandidate::default() };
        let mut pairs = Vec::with_capacity(taken.len());
        for clue in taken.iter().map(|no| &question.clues[*no]) {
            let column = usize::from(clue.test.column);
            candidate.agree |= 1 << column;
            candidate.cells |= 1 << clue.cell;
            candidate.masked |= u64::from(clue.is_mask) << column;
            pairs.push((clue.cell, clue.test.column));
        }
        candidate.lost = mapping.map_or(0.0, |mapping| self.lost(question, &tags, mapping, candidate.agree));
        candidate.bits -= candidate.lost;
        Ok((candidate, pairs))
    }

    /// Bits lost to columns that the row shows, the record has, and that differ.
    fn lost(&self, question: &Question, tags: &TagRow<'_>, mapping: &[Option<u8>], agree: u64) -> f32 {
        let row = self.kept.row(self.rows[question.row]);
        let shown = mapping.iter().enumerate().take(row.len()).filter(|(cell, _)| !is_absent(row.cell(*cell)));
        let columns = shown.filter_map(|(_, column)| column.map(usize::from));
        let differ = columns.filter(|column| agree >> column & 1 == 0 && tags.is_filled(*column));
        differ.map(|column| differing_bits(self.index().columns()[column].1)).sum()
    }

    /// Counts the columns of the rows that show one record and no other.
    fn count(&self, found: &[Found], state: &mut TableState) {
        let columns = self.index().columns().len();
        let agreement = &mut state.indexes.entry(self.at).or_default().agreement;
        for found in found.iter().filter(|found| found.candidates.len() == 1) {
            // What is sure by itself is counted when it is filed.
            if found.candidates[0].0.bits < SURE {
                let filled = self.kept.filled(self.rows[found.row]);
                agreement.count(columns, filled, &found.candidates[0].1);
            }
        }
    }

    fn index(&self) -> &crate::fingerprint::SnapshotIndex {
        &self.matcher.catalogue.indexes()[usize::from(self.at)]
    }
}

/// Whether another record agrees as well as the best.
fn is_tied(candidates: &[Explained]) -> bool {
    matches!(candidates, [(best, _), (next, _), ..] if next.bits > best.bits - 1.0)
}

/// Keeps the best record, or those of which the row cannot say which it is, each worth less for it.
fn untie(candidates: &mut Vec<Explained>) {
    let Some(best) = candidates.first().map(|(best, _)| best.bits) else { return };
    candidates.retain(|(candidate, _)| candidate.bits > best - 1.0);
    if candidates.len() >= TIED {
        candidates.clear();
    } else if candidates.len() > 1 {
        candidates.iter_mut().for_each(|(candidate, _)| candidate.bits -= TIE);
    }
}
