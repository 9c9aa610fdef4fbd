//! From what a document has shown to what is said of it: doubtful rows decided with the whole document in view,
//! columns named, records counted once.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use crate::fingerprint::{Damaged, Slot};
use crate::model::finding::{Candidate, Finding, HitRow, Source, SystemRecords, TableEvidence};
use crate::model::{ConcernedRecord, RecordNo};

use super::Matcher;
use super::candidate::{RowCandidate, SURE};
use super::evidence::{Evidence, KeptRow};
use super::records::{Records, Shown};
use super::scan::{Scan, kinds};
use super::share::{Hits, WANTED, odds};

/// Evidence without which no row is taken, whatever the rest of the document is. (What `row` finds begins higher; so little may suffice
/// only where `by_tags` has weighed a whole table.)
const LEAST: f32 = 1.0;
/// Share of what its place in the export proves that is believed of a neighbour.
const NEIGHBOUR: f32 = 0.7;
/// Rows apart in the export that still count as neighbours.
const NEAR: u32 = 8;
/// Records that one thread looks up at a time.
const TOGETHER: usize = 1 << 14;

/// Closes a document.
pub(super) fn finish(scan: Scan<'_>, with_refs: bool) -> Result<Finding, Damaged> {
    let Scan { matcher, mut evidence, terms, .. } = scan;
    let complete = evidence.is_complete();
    let kept = evidence.take_kept();
    let (records, system_rows) = (Records::default(), BTreeMap::new());
    let mut closing = Closing { matcher, evidence, wanted: HashMap::new(), records, system_rows };
    closing.learn_shares();
    let rows = closing.decide(kept)?;
    if complete {
        closing.count_kept(&rows)
    } else {
        closing.count_all()
    }
    let mut finding = closing.describe(&rows, complete)?;
    finding.systems = closing.systems(with_refs)?;
    finding.terms = matcher.terms.matches(&terms);
    Ok(finding)
}

struct Closing<'m> {
    matcher: &'m Matcher,
    evidence: Evidence,
    /// Bits that a row must show to be taken for a record, by table and index.
    wanted: HashMap<(u32, u16), f32>,
    /// Records taken.
    records: Records,
    /// Rows in which a record of the system was taken.
    system_rows: BTreeMap<u16, u64>,
}

/// A kept row with the candidates that were taken: at most one of each index.
struct Decided {
    row: KeptRow,
    taken: Vec<RowCandidate>,
}

impl Closing<'_> {
    /// How far the rest of a table speaks for a row: the share of its rows that are an index's beyond doubt, or, for a
    /// list of bare numbers, by how much more often they hit than chance would.
    fn learn_shares(&mut self) {
        let mut doubted: HashMap<(u32, u16), Hits> = HashMap::new();
        for doubtful in &self.evidence.doubtful {
            doubted.entry((doubtful.table, doubtful.index)).or_default().add(doubtful.bits);
        }
        for (table, state) in &self.evidence.tables {
            let rows = state.searchable.max(1) as f64;
            let indexes = state.indexes.keys().copied();
            let others = doubted.keys().filter(|(t, _)| t == table).map(|(_, index)| *index);
            for index in indexes.chain(others).collect::<std::collections::BTreeSet<u16>>() {
                let sure = state.indexes.get(&index).map_or(0, |seen| seen.sure) as f64;
                let ours = doubted.get(&(*table, index)).map_or(0.0, |hits| hits.ours_of(rows - sure));
                let share = (sure + ours) / rows;
                self.wanted.insert((*table, index), (WANTED - odds(share)).clamp(LEAST, SURE));
            }
        }
    }

    /// Takes or leaves each candidate of the kept rows.
    fn decide(&self, kept: Vec<KeptRow>) -> Result<Vec<Decided>, Damaged> {
        let after = self.sure_after(&kept)?;
        let mut before: HashMap<(u32, u16), u32> = HashMap::new();
        let mut decided = Vec::with_capacity(kept.len());
        for (row, after) in kept.into_iter().zip(after) {
            let mut taken: Vec<RowCandidate> = Vec::new();
            for candidate in &row.candidates {
                let place = (row.table, candidate.index);
                let number = self.number(candidate)?;
                let mut bits = candidate.bits;
                let follows = before.get(&place).is_some_and(|b| number.wrapping_sub(*b).wrapping_sub(1) < NEAR);
                let precedes = after
                    .iter()
                    .any(|(index, n)| *index == candidate.index && n.wrapping_sub(number).wrapping_sub(1) < NEAR);
                if follows || precedes {
                    let records = self.matcher.catalogue.indexes()[candidate.index as usize].records().max(2);
                    bits += NEIGHBOUR * (records as f32).log2();
                }
                if bits < self.wanted.get(&place).copied().unwrap_or(SURE) {
                    continue;
                }
                let candidate = RowCandidate { bits, ..*candidate };
                match taken.last_mut().filter(|best| best.index == candidate.index) {
                    Some(best) if best.bits < candidate.bits => *best = candidate,
                    Some(_) => {}
                    None => taken.push(candidate),
                }
            }
            for candidate in &taken {
                before.insert((row.table, candidate.index), self.number(candidate)?);
            }
            if !taken.is_empty() {
                decided.push(Decided { row, taken });
            }
        }
        Ok(decided)
    }

    /// For each kept row, the records (by index) of the next row that shows one beyond doubt.
    fn sure_after(&self, kept: &[KeptRow]) -> Result<Vec<Vec<(u16, u32)>>, Damaged> {
        let mut after = vec![Vec::new(); kept.len()];
        for i in (1..kept.len()).rev() {
            let row = &kept[i];
            let mut sure = Vec::new();
            for candidate in row.candidates.iter().filter(|c| c.bits >= SURE) {
                sure.push((candidate.index, self.number(candidate)?));
            }
            after[i - 1] = if kept[i - 1].table != row.table {
                Vec::new()
            } else if sure.is_empty() {
                after[i].clone()
            } else {
                sure
            };
        }
        Ok(after)
    }

    /// The record's row in the export.
    fn number(&self, candidate: &RowCandidate) -> Result<u32, Damaged> {
        Ok(self.matcher.catalogue.indexes()[candidate.index as usize].row_of(Slot(candidate.slot))?.0)
    }

    /// Counts records and rows where every row with a candidate was kept.
    fn count_kept(&mut self, rows: &[Decided]) {
        for decided in rows {
            let mut systems: Vec<u16> = Vec::new();
            for candidate in &decided.taken {
                self.records.push((candidate.index, candidate.slot, kinds(self.matcher, candidate)));
                let system = self.matcher.facts[candidate.index as usize].system;
                if !systems.contains(&system) {
                    systems.push(system);
                    *self.system_rows.entry(system).or_default() += 1;
                }
            }
        }
    }

    /// Counts records and rows of a document of which only a sample of rows was kept.
    fn count_all(&mut self) {
        self.records = std::mem::take(&mut self.evidence.records);
        self.system_rows = std::mem::take(&mut self.evidence.system_rows);
        for doubtful in &self.evidence.doubtful {
            let wanted = self.wanted.get(&(doubtful.table, doubtful.index)).copied().unwrap_or(SURE);
            if doubtful.bits >= wanted {
                self.records.push((doubtful.index, doubtful.slot, doubtful.kinds));
                // Snapshots of one system doubt the same rows: one of them counts the rows.
                let system = self.matcher.facts[doubtful.index as usize].system;
                if self.matcher.last_index_of(system) == doubtful.index {
                    *self.system_rows.entry(system).or_default() += 1;
                }
            }
        }
    }

    /// The finding without its systems.
    fn describe(&self, rows: &[Decided], complete: bool) -> Result<Finding, Damaged> {
        let mut position: BTreeMap<u16, u16> = rows.iter().flat_map(|d| &d.taken).map(|c| (c.index, 0)).collect();
        for (at, source) in position.values_mut().enumerate() {
            *source = at as u16;
        }
        let sources = position.keys().map(|index| self.source(*index)).collect();
        let mut numbers: Vec<u32> = rows.iter().map(|d| d.row.table).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let tables: Vec<TableEvidence> = numbers.iter().map(|no| self.table(*no, &position)).collect();
        let mut hits = Vec::with_capacity(rows.len());
        for decided in rows {
            let table = numbers.binary_search(&decided.row.table).unwrap_or(0);
            hits.push(self.hit(decided, table, &tables, &position)?);
        }
        let counted = if complete { 0 } else { self.system_rows.values().copied().max().unwrap_or(0) };
        Ok(Finding {
            rows: self.evidence.rows,
            hit_rows: counted.max(hits.len() as u64),
            sources,
            tables,
            hits,
            sample: self.evidence.sample.iter().map(|(_, row)| row.clone()).take(3).collect(),
            ..Finding::default()
        })
    }

    fn source(&self, index: u16) -> Source {
        let index = &self.matcher.catalogue.indexes()[index as usize];
        Source {
            system: index.system().clone(),
            snapshot: index.snapshot(),
            records: u64::from(index.records()),
            columns: std::sync::Arc::clone(index.columns()),
        }
    }

    fn table(&self, no: u32, position: &BTreeMap<u16, u16>) -> TableEvidence {
        let Some(state) = self.evidence.tables.get(&no) else {
            return TableEvidence { no, header: None, rows: 0, columns: Vec::new() };
        };
        let columns = position
            .iter()
            .filter(|_| state.columns)
            .filter_map(|(index, source)| Some((*source, state.indexes.get(index)?.agreement.held())))
            .collect();
        TableEvidence { no, header: state.header.clone(), rows: state.searchable, columns }
    }

    fn hit(
        &self,
        decided: &Decided,
        table: usize,
        tables: &[TableEvidence],
        position: &BTreeMap<u16, u16>,
    ) -> Result<HitRow, Damaged> {
        let mut candidates = Vec::with_capacity(decided.taken.len());
        for taken in &decided.taken {
            let index = &self.matcher.catalogue.indexes()[taken.index as usize];
            let source = position[&taken.index];
            let mapping =
                tables[table].columns.iter().find(|(s, _)| *s == source).map(|(_, columns)| columns.as_slice());
            let tags = index.tags(Slot(taken.slot))?;
            let shown =
                mapping.unwrap_or_default().iter().enumerate().filter(|(cell, _)| decided.row.filled >> cell & 1 == 1);
            let differ = shown
                .filter_map(|(_, column)| column.map(usize::from))
                .filter(|column| taken.agree >> column & 1 == 0 && tags.is_filled(*column))
                .fold(0, |mask, column| mask | 1 << column);
            candidates.push(Candidate {
                source,
                record: index.row_of(Slot(taken.slot))?,
                agree: taken.agree,
                differ,
                exported: taken.exported,
                masked: taken.masked,
                cells: taken.cells,
                canary: index.is_canary(Slot(taken.slot))?,
            });
        }
        Ok(HitRow { table: table as u32, row: decided.row.row, filled: decided.row.filled, candidates })
    }

    /// The records of each system, each once over its snapshots.
    fn systems(&mut self, with_refs: bool) -> Result<Vec<SystemRecords>, Damaged> {
        let placed = |(at, slot, kinds): &Shown| {
            let row = self.matcher.catalogue.indexes()[usize::from(*at)].row_of(Slot(*slot))?;
            Ok((*at, row, Slot(*slot), *kinds))
        };
        let mut placed = self.records.take().par_iter().map(placed).collect::<Result<Vec<Placed>, Damaged>>()?;
        // In the order of the export, so that each block of refs is decrypted once. Slots stand in that of the names.
        let place = |(at, row, ..): &Placed| u64::from(*at) << 32 | u64::from(row.0);
        placed.par_sort_unstable_by_key(place);
        placed.dedup_by(|next, kept| {
            let same = place(next) == place(kept);
            kept.3 |= if same { next.3 } else { 0 };
            same
        });
        let known = placed.par_chunks(TOGETHER).map(|some| self.known(some, with_refs));
        let known = known.collect::<Result<Vec<(Vec<Known>, Vec<String>)>, Damaged>>()?;
        let (mut known, refs): (Vec<Known>, Vec<String>) = known.into_iter().fold(Default::default(), joined);
        // The first of several snapshots gives the ref.
        known.par_sort_unstable_by_key(|record| (record.system, record.key, record.no));
        known.dedup_by(|next, kept| {
            let same = (next.system, next.key) == (kept.system, kept.key);
            if same {
                kept.kinds |= next.kinds;
                kept.is_canary |= next.is_canary;
            }
            same
        });
        let system = |records: &[Known]| SystemRecords {
            system: self.matcher.systems[usize::from(records[0].system)].clone(),
            canaries: records.iter().filter(|record| record.is_canary).count() as u64,
            rows: self.system_rows.get(&records[0].system).copied().unwrap_or(0),
            records: records.iter().map(|one| ConcernedRecord { record: one.key, kinds: one.kinds }).collect(),
            refs: records.iter().filter_map(|one| refs.get(one.no as usize).cloned()).collect(),
        };
        Ok(known.chunk_by(|a, b| a.system == b.system).map(system).collect())
    }

    /// Who the records are that stand in these places, and their refs if those are asked for.
    fn known(&self, placed: &[Placed], with_refs: bool) -> Result<(Vec<Known>, Vec<String>), Damaged> {
        let (mut known, mut refs) = (Vec::with_capacity(placed.len()), Vec::new());
        for of_index in placed.chunk_by(|a, b| a.0 == b.0) {
            let at = usize::from(of_index[0].0);
            let index = &self.matcher.catalogue.indexes()[at];
            let (hasher, mut reader) = (&self.matcher.catalogue.hashers()[index.key_no()], index.refs());
            for (_, _, slot, kinds) in of_index {
                let (system, no) = (self.matcher.facts[at].system, known.len() as u32);
                let (key, is_canary) = (reader.record_key(hasher, *slot)?, index.is_canary(*slot)?);
                known.push(Known { system, key, no, kinds: *kinds, is_canary });
                if with_refs {
                    refs.push(String::from_utf8_lossy(reader.ref_of(*slot)?.unwrap_or_default()).into_owned());
                }
            }
        }
        Ok((known, refs))
    }
}

/// A record's index, its row there, its slot, and the kinds shown.
type Placed = (u16, RecordNo, Slot, u32);

/// A record of a system.
#[derive(Clone, Copy)]
struct Known {
    system: u16,
    key: u64,
    /// Its position among all, and that of its ref.
    no: u32,
    kinds: u32,
    is_canary: bool,
}

/// Records and refs, and more of them.
fn joined(mut all: (Vec<Known>, Vec<String>), (known, refs): (Vec<Known>, Vec<String>)) -> (Vec<Known>, Vec<String>) {
    let before = all.0.len() as u32;
    all.0.extend(known.into_iter().map(|one| Known { no: before + one.no, ..one }));
    all.1.extend(refs);
    all
}
