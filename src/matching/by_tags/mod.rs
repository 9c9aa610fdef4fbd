//! Finding by tags alone: rows in which nothing names a person, masked addresses beside a place, a family name beside a date of
//! birth and the last figures of an account.
//!
//! No look-up leads from such a row to a record. Rows of this kind are kept (`kept`), and the tags of all records are gone through
//! once for many rows at a time (`pass`), asking what agrees (`clue`). Every row of a million strangers agrees with some record by
//! chance; so what a row proves is reckoned from how common each tag is in the index, and the table as a whole has to hit more often
//! than chance would (`judge`).

mod clue;
mod judge;
mod kept;
mod pass;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use crate::fingerprint::{Damaged, SnapshotIndex};
use crate::model::{Skip, SkipReason};

use super::candidate::Explained;
use super::evidence::TableState;
use super::row::Examiner;
use super::scan::Scan;

pub(super) use kept::Unnamed;

/// Evidence, in bits, below which a record found by tags is noise: every second stranger agrees so with somebody.
const LEAST: f32 = 1.0;
/// Rows of a table below which it is not tried: their hits could not be told from chance, and a pass is dear.
const FEWEST: usize = 4;
/// A name in more than one of so many rows (and more than two) is not that of the people whom the rows are about.
const SHARED: usize = 64;
/// What is said of rows that were not tried.
const PASSED_OVER: &str =
    "rows that show only masked values, beyond those that were compared with all records; nothing was found in these";

/// What was found for one row in one index: records that agree, best first, with the cells and columns that do.
struct Found {
    /// Position among the kept rows.
    row: usize,
    candidates: Vec<Explained>,
}

/// Which rows had something to search by: what is not found of them is somebody else's.
struct Asked {
    /// Of any index.
    any: Vec<bool>,
    /// Of an index that has part in the table. Where there is one, its word counts: the others could not have found the row.
    fruitful: Vec<bool>,
    /// Rows that fit several records.
    open: Vec<bool>,
}

impl Asked {
    fn of(rows: usize) -> Self {
        Self { any: vec![false; rows], fruitful: vec![false; rows], open: vec![false; rows] }
    }

    fn note(&mut self, questions: &[clue::Question], judged: &judge::Judged) {
        for question in questions {
            self.any[question.row] = true;
            self.fruitful[question.row] |= judged.fruitful;
        }
        if judged.fruitful {
            judged.open.iter().for_each(|row| self.open[*row] = true);
        }
    }

    /// How many rows count, those left out that did already.
    fn searchable(&self, counted: impl Fn(usize) -> bool) -> u64 {
        let asked = if self.fruitful.contains(&true) { &self.fruitful } else { &self.any };
        (0..asked.len()).filter(|row| asked[*row] && !self.open[*row] && !counted(*row)).count() as u64
    }
}

impl Scan<'_> {
    /// Compares the rows kept so far with all records, and files those that show one.
    pub(super) fn search_unnamed(&mut self) -> Result<(), Damaged> {
        let kept = self.unnamed.take();
        let mut fruitful = false;
        for (table, rows) in kept.by_table() {
            if rows.len() < FEWEST {
                continue;
            }
            let mut state = self.evidence.tables.remove(&table).unwrap_or_default();
            let result = self.search_table(&kept, &rows, &mut state);
            self.evidence.tables.insert(table, state);
            fruitful |= result?;
        }
        self.unnamed.tried(fruitful);
        Ok(())
    }

    /// Compares rows of one table with all records of all indexes; whether they hit more often than chance would.
    fn search_table(&mut self, kept: &kept::Rows, rows: &[usize], state: &mut TableState) -> Result<bool, Damaged> {
        let matcher = self.matcher;
        let clues = clue::Clues::of(matcher, kept, rows);
        let mut by_row: BTreeMap<usize, Vec<Explained>> = BTreeMap::new();
        let mut asked = Asked::of(rows.len());
        for (at, index) in matcher.catalogue.indexes().iter().enumerate() {
            if !kept.are_worth(rows, u64::from(index.records())) {
                continue;
            }
            let mut questions = clues.questions(index)?;
            self.leave_out_namesakes(index, (kept, rows, state.columns), &mut questions)?;
            if questions.iter().filter(|question| question.hooks > 0).count() < FEWEST {
                continue;
            }
            let judge = judge::Judge { matcher, at: at as u16, kept, rows };
            let mut pass = pass::run(index, &mut questions)?;
            // Again, once it is known what the cells hold: what they might have held as well only misleads.
            let mapping = if state.columns { judge.learn(&questions, &pass.found)? } else { None };
            if let Some(mapping) = &mapping {
                clue::restrict(&mut questions, mapping);
                let second = pass::run(index, &mut questions)?;
                pass = pass::Pass { left_out: pass.left_out + second.left_out, ..second };
            }
            self.unnamed.unfinished(pass.left_out);
            let judged = judge.judge(&questions, &pass.found, mapping.as_deref(), state)?;
            asked.note(&questions, &judged);
            for found in judged.found {
                by_row.entry(found.row).or_default().extend(found.candidates);
            }
        }
        state.searchable += asked.searchable(|row| kept.is_counted(rows[row]));
        let fruitful = !by_row.is_empty();
        for (row, candidates) in by_row {
            let place = rows[row];
            self.file(kept.row(place), kept.place(place), kept.filled(place), candidates, state)?;
        }
        Ok(fruitful)
    }

    /// Leaves out rows that show a name of people in the index: they were looked for among these (`namesakes`), and are nobody else there.
    /// But a name that stands in many rows is hardly whom they are about: an adviser's, or a town that is called like somebody.
    fn leave_out_namesakes(
        &mut self,
        index: &SnapshotIndex,
        (kept, rows, is_table): (&kept::Rows, &[usize], bool),
        questions: &mut Vec<clue::Question>,
    ) -> Result<(), Damaged> {
        let examiner = Examiner { matcher: self.matcher };
        let mut names = Vec::with_capacity(questions.len());
        let mut rows_of: HashMap<u64, usize> = HashMap::new();
        for question in questions.iter() {
            let row = (kept.row(rows[question.row]), is_table);
            let name = examiner.name_of(row, index, &mut self.desk.scratch)?;
            names.push(name);
            name.into_iter().for_each(|name| *rows_of.entry(name).or_default() += 1);
        }
        let many = (questions.len() / SHARED).max(2);
        let mut is_own = names.into_iter().map(|name| name.is_some_and(|name| rows_of[&name] <= many));
        questions.retain(|_| !is_own.next().unwrap_or_default());
        Ok(())
    }

    /// Says once that masked rows were passed over.
    pub(super) fn note_passed_over(&mut self) {
        let cut = |skip: &Skip| skip.detail == PASSED_OVER;
        if self.unnamed.passed_over() > 0 && !self.skipped.iter().any(cut) {
            self.skipped.push(Skip::new("", SkipReason::TooManyRows, PASSED_OVER));
        }
    }
}
