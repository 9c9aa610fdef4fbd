//! One document's way through matching: a [`ContentSink`] that gathers evidence.
//!
//! A scan belongs to one document and one thread. Several threads may each read parts of a document and merge their
//! scans; the order of the parts is told by their row numbers.

use crate::fingerprint::Damaged;
use crate::model::sensitive::mask;
use crate::model::{Batch, ContentSink, Flow, Layout, MaskedRow, Row, Shape, Skip, SkipReason, Table};

use super::bits;
use super::by_tags::Unnamed;
use super::candidate::{Explained, RowCandidate, SURE};
use super::desk::{Desk, Taken};
use super::evidence::{Doubtful, Evidence, KeptRow, TableState};
use super::row::{Examined, Examiner, Scratch};
use super::shape::{is_absent, trimmed};
use super::sweep::BLOCK;
use super::terms::TermCounts;
use super::text::{Passed, Passing};
use super::{IndexFacts, Matcher};

/// Cells of a masked row that an alert shows.
const SAMPLE_CELLS: usize = 16;
/// What is said when there are more doubtful matches than are kept.
const DROPPED: &str = "more doubtful matches than are kept until the end; the rest are not counted";

/// What one thread has seen of one document.
pub struct Scan<'m> {
    pub(super) matcher: &'m Matcher,
    pub(super) evidence: Evidence,
    pub(super) terms: TermCounts,
    pub(super) skipped: Vec<Skip>,
    pub(super) bytes: u64,
    pub(super) damaged: bool,
    pub(super) desk: Taken<'m>,
    pub(super) unnamed: Unnamed,
}

impl<'m> Scan<'m> {
    pub(super) fn new(matcher: &'m Matcher) -> Self {
        Self {
            matcher,
            evidence: Evidence::default(),
            terms: TermCounts::default(),
            skipped: Vec::new(),
            bytes: 0,
            damaged: false,
            desk: matcher.desks.take(),
            unnamed: Unnamed::default(),
        }
    }

    /// Begins a later part of the same document, which another thread may read.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { unnamed: self.unnamed.part(), evidence: self.evidence.continued(), ..Self::new(self.matcher) }
    }

    /// Adds what another thread saw of the same document.
    pub fn merge(&mut self, mut other: Self) {
        other.matcher.terms.end(&mut other.terms);
        self.evidence.merge(other.evidence);
        self.terms.merge(other.terms);
        // Parts of one document may each meet the same limit.
        for skip in other.skipped {
            if skip.detail != DROPPED && !self.skipped.contains(&skip) {
                self.skipped.push(skip);
            }
        }
        self.bytes += other.bytes;
        self.damaged |= other.damaged;
        self.note_dropped();
        if self.unnamed.merge(other.unnamed) {
            self.damaged |= self.search_unnamed().is_err();
        }
    }

    /// Ends a stretch of a document of which other stretches are read by other scans, or later by this one. What is asked
    /// of a text as a whole is asked of each stretch.
    pub fn end_part(&mut self) {
        self.terms.is_part();
        self.matcher.terms.end(&mut self.terms);
    }

    /// Looks at what waited for the end. [`Matcher::finish`] does it too; before that, [`Scan::skipped`] does not know
    /// all.
    pub fn close(&mut self) {
        self.matcher.terms.end(&mut self.terms);
        self.skipped.extend(self.terms.take_skips());
        self.damaged |= self.search_unnamed().is_err();
        self.note_passed_over();
    }

    /// Bytes decoded so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was not read.
    #[must_use]
    pub fn skipped(&self) -> &[Skip] {
        &self.skipped
    }

    /// Whether an index turned out to be damaged while it was needed. What was found is then incomplete: the caller
    /// drops the index (see [`crate::fingerprint::SnapshotIndex::damage`]) and scans again.
    #[must_use]
    pub fn met_damage(&self) -> bool {
        self.damaged
    }

    fn rows(&mut self, batch: &Batch) -> Result<(), Damaged> {
        let mut state = std::mem::take(self.evidence.table(batch.table));
        let examiner = Examiner { matcher: self.matcher };
        let mut result = Ok(());
        let (mut full, mut skipped) = (false, 0);
        'blocks: for first in (0..batch.rows()).step_by(BLOCK) {
            if let Err(damaged) = self.desk.sweep.block(self.matcher, batch, first) {
                result = Err(damaged);
                break;
            }
            for no in 0..self.desk.sweep.seen.len() {
                let seen = self.desk.sweep.seen[no];
                skipped += self.pass_over(first + no, &mut state);
                self.evidence.rows += u64::from(seen.filled != 0);
                let place = (batch.table, batch.first_row + skipped + (first + no) as u64);
                if !seen.hit && seen.by_name(&state).is_none() {
                    state.searchable += u64::from(seen.searchable);
                    if seen.searchable {
                        state.by_name.pass();
                    }
                    full |= !seen.searchable
                        && self.unnamed.offer(batch.row(first + no), place, seen.filled, (state.columns, false));
                    continue;
                }
                let row = batch.row(first + no);
                let Desk { sweep, scratch, .. } = &mut *self.desk;
                match examiner.examine(row, (sweep, no), &state, scratch) {
                    Ok(Examined { searchable, by_name }) => {
                        state.searchable += u64::from(searchable);
                        if by_name && seen.searchable {
                            let bits = self.desk.scratch.candidates.iter().map(|candidate| candidate.bits);
                            state.by_name.tried(bits.fold(0.0, f32::max));
                        }
                        let unfound = !seen.searchable && self.desk.scratch.candidates.is_empty();
                        full |= unfound && self.unnamed.offer(row, place, seen.filled, (state.columns, searchable));
                    }
                    Err(damaged) => {
                        result = Err(damaged);
                        break 'blocks;
                    }
                }
                if !self.desk.scratch.candidates.is_empty()
                    && let Err(damaged) = self.hit(row, place, seen.filled, &mut state)
                {
                    result = Err(damaged);
                    break 'blocks;
                }
            }
        }
        self.pass_over(batch.rows(), &mut state);
        self.evidence.tables.insert(batch.table, state);
        result?;
        if full { self.search_unnamed() } else { Ok(()) }
    }

    /// Counts the rows of text that stand before this one of the batch, and were passed over. How many they are.
    fn pass_over(&mut self, row: usize, state: &mut TableState) -> u64 {
        let Passed { rows, searchable } = self.desk.reader.passed().get(row).copied().unwrap_or_default();
        self.evidence.rows += u64::from(rows);
        state.searchable += u64::from(searchable);
        u64::from(rows)
    }

    /// Files a row that was found otherwise than by its values.
    pub(super) fn file(
        &mut self,
        row: Row<'_>,
        place: (u32, u64),
        filled: u64,
        candidates: Vec<Explained>,
        state: &mut TableState,
    ) -> Result<(), Damaged> {
        (self.desk.scratch.candidates, self.desk.scratch.pairs) = candidates.into_iter().unzip();
        self.desk.scratch.parts.start(state.columns);
        self.hit(row, place, filled, state)
    }

    /// Files a row that has candidates.
    fn hit(
        &mut self,
        row: Row<'_>,
        (table, number): (u32, u64),
        filled: u64,
        state: &mut TableState,
    ) -> Result<(), Damaged> {
        let Scratch { candidates, systems, pairs, own, .. } = &mut self.desk.scratch;
        let sure = candidates.iter().any(|c| c.bits >= SURE);
        systems.clear();
        for (i, candidate) in candidates.iter().enumerate() {
            // Ties of one index follow their best: only the best counts.
            let first = i == 0 || candidates[i - 1].index != candidate.index;
            if candidate.bits >= SURE && first {
                self.evidence.records.push((candidate.index, candidate.slot, kinds(self.matcher, candidate)));
                let IndexFacts { system, columns, .. } = self.matcher.facts[usize::from(candidate.index)];
                if !systems.contains(&system) {
                    systems.push(system);
                }
                let named = self.matcher.catalogue.indexes()[candidate.index as usize].columns();
                // What shares a cell has none of its own.
                own.clear();
                own.extend(pairs[i].iter().filter(|(_, column)| candidate.within >> column & 1 == 0));
                state.count((candidate.index, number), (columns, named), filled, own);
            } else if first {
                self.evidence.doubt(Doubtful {
                    table,
                    index: candidate.index,
                    slot: candidate.slot,
                    kinds: kinds(self.matcher, candidate),
                    bits: candidate.bits,
                });
            }
        }
        if sure {
            self.evidence.hits += 1;
            state.sure += 1;
            for system in systems {
                *self.evidence.system_rows.entry(*system).or_default() += 1;
            }
            if self.evidence.wants_sample() {
                let sample = self.masked(row);
                self.evidence.sample.push((number, sample));
            }
        }
        if self.evidence.keeps_next(number) {
            let Scratch { candidates, pairs, .. } = &self.desk.scratch;
            let mut candidates = candidates.clone();
            for (candidate, pairs) in candidates.iter_mut().zip(pairs) {
                candidate.exported = Examiner { matcher: self.matcher }.exported(row, candidate, pairs)?;
            }
            self.evidence.keep(KeptRow { table, row: number, filled, candidates });
        }
        self.note_dropped();
        Ok(())
    }

    /// Says once that doubtful matches found no room, and are not counted.
    fn note_dropped(&mut self) {
        let cut = |skip: &Skip| skip.reason == SkipReason::TooManyRows && skip.detail == DROPPED;
        if self.evidence.dropped > 0 && !self.skipped.iter().any(cut) {
            self.skipped.push(Skip::new("", SkipReason::TooManyRows, DROPPED));
        }
    }

    /// The row as an alert may show it, with the kinds that the best candidate's columns give its cells.
    fn masked(&mut self, row: Row<'_>) -> MaskedRow {
        let mixed = self.desk.scratch.parts.cells(row);
        let best = (0..self.desk.scratch.candidates.len())
            .max_by(|a, b| self.desk.scratch.candidates[*a].bits.total_cmp(&self.desk.scratch.candidates[*b].bits));
        // What holds several values is no value of a kind.
        let kind_of = |cell: usize| {
            let best = best.filter(|_| cell >= 64 || mixed >> cell & 1 == 0)?;
            let columns = self.matcher.catalogue.indexes()[self.desk.scratch.candidates[best].index as usize].columns();
            let pair = self.desk.scratch.pairs[best].iter().find(|(at, _)| *at as usize == cell)?;
            Some(columns[pair.1 as usize].1)
        };
        let cells = row.cells().map(trimmed).enumerate().filter(|(_, value)| !is_absent(value)).take(SAMPLE_CELLS);
        MaskedRow {
            cells: cells
                .map(|(at, value)| {
                    let kind = kind_of(at);
                    (kind, mask(kind, &String::from_utf8_lossy(value)))
                })
                .collect(),
        }
    }
}

/// The kinds of the columns that agree, a bit each by code.
pub(super) fn kinds(matcher: &Matcher, candidate: &RowCandidate) -> u32 {
    let columns = matcher.catalogue.indexes()[candidate.index as usize].columns();
    bits(candidate.agree).fold(0, |kinds, column| kinds | 1 << columns[column].1.code())
}

impl ContentSink for Scan<'_> {
    fn table(&mut self, table: Table) {
        self.matcher.terms.begin(&table.member, &mut self.terms);
        let state = self.evidence.table(table.no);
        state.columns = table.shape != Shape::Text;
        state.header = table.header;
    }

    fn batch(&mut self, batch: &mut Batch) -> Flow {
        if !self.matcher.terms.is_empty() {
            self.matcher.terms.count(&batch.text[..batch.source], &mut self.terms);
        }
        if self.matcher.catalogue.indexes().is_empty() {
            self.evidence.rows += batch.rows() as u64;
            return Flow::Go;
        }
        if batch.layout == Layout::Text {
            let Desk { reader, sweep, scratch, notes } = &mut *self.desk;
            // Where cells have a place, rows wait for one another (`by_tags`).
            let columns = self.evidence.tables.get(&batch.table).is_some_and(|state| state.columns);
            let passing = Passing { matcher: self.matcher, values: &mut sweep.values, scratch, notes };
            reader.read(batch, (!columns).then_some(passing));
        } else {
            self.desk.reader.forget();
        }
        match self.rows(batch) {
            Ok(()) => Flow::Go,
            Err(Damaged) => {
                self.damaged = true;
                Flow::Stop
            }
        }
    }

    fn skipped(&mut self, skip: Skip) {
        self.skipped.push(skip);
    }

    fn read(&mut self, bytes: u64) {
        self.bytes += bytes;
    }
}
