//! One row: which values may be ours, and which records they lead to. Most rows end here, at the prefilter.

use crate::fingerprint::{Damaged, MAX_SHARED, Readings, Slot, could_be, readings};
use crate::model::{FieldKind, Row};

use super::Matcher;
use super::candidate::RowCandidate;
use super::evidence::TableState;
use super::shape::{CellShape, LONGEST_VALUE, is_absent, trimmed};
use super::text::values_in;

/// Candidates of one index that are kept when the row cannot tell them apart.
const TIED: usize = 4;

/// A value that passed the prefilter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) cell: u8,
    pub(super) kind: FieldKind,
    key: u8,
    fingerprint: u64,
    /// Start and end of its normal form in `Scratch::normals`.
    pub(super) normal: (u32, u32),
}

/// A cell's value as bytes of the batch.
#[derive(Debug, Clone, Copy)]
struct Cell<'a> {
    at: u8,
    value: &'a [u8],
    shape: CellShape,
}

/// What one row turned out to be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Cells with a value (bit 63 for all from there on).
    pub(super) filled: u64,
    /// Whether there was anything to search by.
    pub(super) searchable: bool,
}

/// Reused from row to row.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) probes: Vec<Probe>,
    pub(super) normals: Vec<u8>,
    pub(super) normal: Vec<u8>,
    pub(super) readings: Readings,
    slots: Vec<Slot>,
    found: Vec<(u16, u32, u16)>,
    pub(super) tags: TagCache,
    pub(super) names: Vec<(u64, u64, u8)>,
    /// The candidates of the row last examined, best first within each index.
    pub(super) candidates: Vec<RowCandidate>,
    /// For each candidate, the cells and columns that agreed.
    pub(super) pairs: Vec<Vec<(u8, u8)>>,
}

impl Scratch {
    /// Forgets what was computed for the candidates of the row before.
    pub(super) fn start_row(&mut self) {
        self.tags.start();
        self.names.clear();
    }
}

/// Examines rows against a matcher's catalogue.
#[derive(Clone, Copy)]
pub(super) struct Examiner<'m> {
    pub(super) matcher: &'m Matcher,
}

impl Examiner<'_> {
    /// Examines one row and leaves its candidates in `scratch`.
    pub(super) fn examine(&self, row: Row<'_>, table: &TableState, scratch: &mut Scratch) -> Result<Seen, Damaged> {
        scratch.candidates.clear();
        scratch.pairs.clear();
        scratch.probes.clear();
        scratch.normals.clear();
        let mut seen = Seen::default();
        let mut names = 0;
        for (at, raw) in row.cells().enumerate() {
            let value = trimmed(raw);
            if is_absent(value) {
                continue;
            }
            let at = at.min(63) as u8;
            seen.filled |= 1 << at;
            if value.len() > LONGEST_VALUE {
                seen.searchable |= self.probe_parts(at, value, scratch);
                continue;
            }
            let cell = Cell { at, value, shape: CellShape::of(value) };
            names += usize::from(cell.shape.may_be_name());
            seen.searchable |= self.probe(cell, scratch);
        }
        let others = seen.filled.count_ones() as usize > names;
        if !scratch.probes.is_empty() {
            self.follow_probes(row, table, scratch)?;
        }
        // Where nothing names a person by itself, or the table is ours and this row's number is not: by name.
        let ours = table.sure * 3 > table.searchable && table.sure >= 4;
        if scratch.candidates.is_empty() && names > 0 && (!seen.searchable && (others || names >= 3) || ours) {
            self.follow_names(row, table, scratch)?;
            self.keep_best(scratch);
            seen.searchable |= others;
        }
        Ok(seen)
    }

    /// Probes a cell as everything it may be. Whether it is an identifier at all, ours or not.
    fn probe(&self, cell: Cell<'_>, scratch: &mut Scratch) -> bool {
        let mut identifier = false;
        let Cell { at, value, shape } = cell;
        for &kind in &self.matcher.finding {
            let worth = match kind {
                FieldKind::Email => shape.may_be_email(value),
                FieldKind::Phone | FieldKind::Siren => shape.may_be_number(),
                FieldKind::Iban => shape.digits >= 8 && shape.letters >= 2,
                _ => could_be(kind, value),
            };
            if worth {
                identifier |= self.probe_as(kind, at, value, scratch);
            }
        }
        let mixed = shape.spaces > 0 || shape.marks > 0 && shape.letters > 0;
        if mixed && (shape.at > 0 || shape.may_be_number() && shape.letters > 0) {
            identifier |= self.probe_parts(at, value, scratch);
        }
        identifier
    }

    /// Probes the parts of a cell that holds more than one value.
    fn probe_parts(&self, at: u8, value: &[u8], scratch: &mut Scratch) -> bool {
        let mut identifier = false;
        values_in(value, &mut |part| {
            let shape = CellShape::of(part);
            for &kind in &self.matcher.finding {
                let worth = match kind {
                    FieldKind::Email => shape.may_be_email(part),
                    FieldKind::Phone | FieldKind::Siren => shape.may_be_number(),
                    FieldKind::Iban => shape.digits >= 8 && shape.letters >= 2,
                    _ => could_be(kind, part),
                };
                if worth {
                    identifier |= self.probe_as(kind, at, part, scratch);
                }
            }
        });
        identifier
    }

    /// Hashes every reading of a value and remembers those that the prefilter lets pass.
    fn probe_as(&self, kind: FieldKind, at: u8, value: &[u8], scratch: &mut Scratch) -> bool {
        let mut all = std::mem::take(&mut scratch.readings);
        readings(kind, value, self.matcher.catalogue.countries(), &mut all);
        let token = matches!(kind, FieldKind::Ref | FieldKind::Contract | FieldKind::Username);
        let mut any = false;
        for normal in all.iter() {
            if token && !self.matcher.catalogue.has_shape(kind, normal) {
                continue;
            }
            any = true;
            for (key, hasher) in self.matcher.catalogue.hashers().iter().enumerate() {
                let fingerprint = hasher.fingerprint(kind, normal);
                if !self.matcher.catalogue.might_contain(fingerprint) {
                    continue;
                }
                let start = scratch.normals.len() as u32;
                scratch.normals.extend_from_slice(normal);
                let normal = (start, scratch.normals.len() as u32);
                scratch.probes.push(Probe { cell: at, kind, key: key as u8, fingerprint, normal });
            }
        }
        scratch.readings = all;
        any
    }

    /// Looks up what passed the prefilter and assembles each candidate record.
    fn follow_probes(&self, row: Row<'_>, table: &TableState, scratch: &mut Scratch) -> Result<(), Damaged> {
        let mut found = std::mem::take(&mut scratch.found);
        found.clear();
        for (no, probe) in scratch.probes.iter().enumerate() {
            for (at, index) in self.matcher.catalogue.indexes().iter().enumerate() {
                if index.key_no() != probe.key as usize || !self.matcher.facts[at].has(probe.kind) {
                    continue;
                }
                scratch.slots.clear();
                // A value that more records share than that names none of them.
                if index.lookup(probe.fingerprint, &mut scratch.slots)? <= MAX_SHARED {
                    found.extend(scratch.slots.iter().map(|slot| (at as u16, slot.0, no as u16)));
                }
            }
        }
        found.sort_unstable();
        if !found.is_empty() {
            scratch.start_row();
        }
        let mut from = 0;
        while from < found.len() {
            let (at, slot, _) = found[from];
            let to = found[from..].iter().position(|f| (f.0, f.1) != (at, slot)).map_or(found.len(), |n| from + n);
            self.assemble(row, table, (at, slot), &found[from..to], scratch)?;
            from = to;
        }
        scratch.found = found;
        self.keep_best(scratch);
        Ok(())
    }

    /// Of each index, keeps the best candidate and those the row cannot tell from it.
    fn keep_best(&self, scratch: &mut Scratch) {
        let mut order: Vec<usize> = (0..scratch.candidates.len()).collect();
        let of = |i: &usize| &scratch.candidates[*i];
        order.sort_by(|a, b| of(a).index.cmp(&of(b).index).then(of(b).bits.total_cmp(&of(a).bits)));
        let mut kept: Vec<usize> = Vec::with_capacity(order.len());
        let (mut first, mut many) = (None::<usize>, 0);
        for i in order {
            match first.filter(|f| of(f).index == of(&i).index) {
                Some(best) if many < TIED && of(&best).bits - of(&i).bits < 1.0 => many += 1,
                Some(_) => continue,
                None => (first, many) = (Some(i), 1),
            }
            kept.push(i);
        }
        scratch.candidates = kept.iter().map(|i| scratch.candidates[*i]).collect();
        scratch.pairs = kept.iter().map(|i| std::mem::take(&mut scratch.pairs[*i])).collect();
    }
}

/// The tags of a row's cells as values of each kind, computed once for all candidates.
#[derive(Default)]
pub(super) struct TagCache {
    entries: Vec<(u32, u32, u32)>,
    tags: Vec<u64>,
    row: u32,
}

impl TagCache {
    const KINDS: usize = 32;
    const KEYS: usize = 2;

    /// Forgets the row before.
    pub(super) fn start(&mut self) {
        self.row = self.row.wrapping_add(1);
        self.tags.clear();
        if self.entries.is_empty() {
            self.entries.resize(64 * Self::KINDS * Self::KEYS, (0, 0, 0));
        }
    }

    pub(super) fn of(
        &mut self,
        cell: usize,
        kind: FieldKind,
        key: usize,
        compute: impl FnOnce() -> Vec<u64>,
    ) -> &[u64] {
        let entry = &mut self.entries[(cell * Self::KINDS + kind as usize) * Self::KEYS + key];
        if entry.0 != self.row {
            let start = self.tags.len() as u32;
            self.tags.extend(compute());
            *entry = (self.row, start, self.tags.len() as u32);
        }
        &self.tags[entry.1 as usize..entry.2 as usize]
    }
}
