//! One row that the sweep found worth it: the records that its values lead to, and the best of them.

use crate::fingerprint::{Damaged, Readings};
use crate::model::{FieldKind, Row};

use super::Matcher;
use super::candidate::RowCandidate;
use super::evidence::TableState;
use super::mixed::{PARTS, Parts};
use super::namesakes::Namesakes;
use super::sweep::Sweep;
use super::values::Seen;
use super::wordings::{Names, Wordings};

/// Candidates of one index that are kept when the row cannot tell them apart.
const TIED: usize = 4;
/// Lists that are kept for the candidates of the next rows.
const SPARE: usize = 64;

/// A value that leads to a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) cell: u8,
    pub(super) kind: FieldKind,
    /// Start and end of its normal form in `Scratch::normals`.
    pub(super) normal: (u32, u32),
}

/// Reused from row to row.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) probes: Vec<Probe>,
    pub(super) normals: Vec<u8>,
    pub(super) normal: Vec<u8>,
    pub(super) readings: Readings,
    /// Index, slot, and the position of the value among the probes.
    found: Vec<(u16, u32, u16)>,
    pub(super) tags: TagCache,
    pub(super) names: Names,
    /// The names in them, and whether there is a whole one, known or not.
    pub(super) wordings: Wordings<(Names, bool), 256>,
    /// The normal forms of cells that may hold (part of) a name.
    pub(super) name_forms: Vec<u8>,
    /// What stands in cells of the row that hold several values.
    pub(super) parts: Parts,
    /// Whether the row shows a whole name, known or not.
    pub(super) named: bool,
    /// The people who have these names.
    pub(super) namesakes: Namesakes,
    /// The candidates of the row last examined, best first within each index.
    pub(super) candidates: Vec<RowCandidate>,
    /// For each candidate, the cells and columns that agreed.
    pub(super) pairs: Vec<Vec<(u8, u8)>>,
    /// Lists of earlier candidates, empty.
    spare: Vec<Vec<(u8, u8)>>,
    /// The cells and columns of one candidate that hold nothing else.
    pub(super) own: Vec<(u8, u8)>,
    /// The systems that the row shows records of.
    pub(super) systems: Vec<u16>,
}

impl Scratch {
    /// Forgets the row before.
    fn clear(&mut self) {
        self.candidates.clear();
        while let Some(pairs) = self.pairs.pop() {
            self.give_back(pairs);
        }
        self.probes.clear();
        self.normals.clear();
        self.found.clear();
    }

    /// An empty list of cells and columns.
    pub(super) fn take_pairs(&mut self) -> Vec<(u8, u8)> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes back a list that is not needed any more.
    pub(super) fn give_back(&mut self, mut pairs: Vec<(u8, u8)>) {
        pairs.clear();
        if self.spare.len() < SPARE {
            self.spare.push(pairs);
        }
    }

    /// Forgets what was computed for the candidates of the row before.
    pub(super) fn start_row(&mut self) {
        self.tags.start();
        self.start_names();
    }

    /// Forgets the names of the row before.
    pub(super) fn start_names(&mut self) {
        self.names.clear();
        self.named = false;
    }
}

/// How a row was examined.
#[derive(Debug, Clone, Copy)]
pub(super) struct Examined {
    /// Whether there was anything to search by.
    pub(super) searchable: bool,
    /// Whether it was looked for by name.
    pub(super) by_name: bool,
}

/// Examines rows against a matcher's catalogue.
#[derive(Clone, Copy)]
pub(super) struct Examiner<'m> {
    pub(super) matcher: &'m Matcher,
}

impl Examiner<'_> {
    /// Examines one row, the one numbered `no` in the block that was swept, and leaves its candidates in `scratch`. Whether there was
    /// anything to search by.
    pub(super) fn examine(
        &self,
        row: Row<'_>,
        (sweep, no): (&Sweep, usize),
        table: &TableState,
        scratch: &mut Scratch,
    ) -> Result<Examined, Damaged> {
        let seen: Seen = sweep.seen[no];
        scratch.clear();
        scratch.parts.start(table.columns);
        if seen.hit {
            take_leads(sweep, no, scratch);
            self.follow_leads(row, table, scratch)?;
        }
        if scratch.candidates.is_empty()
            && let Some(least) = seen.by_name(table)
        {
            self.follow_names(row, table, least, scratch)?;
            self.keep_best(scratch);
            return Ok(Examined { searchable: seen.searchable || scratch.named, by_name: true });
        }
        Ok(Examined { searchable: seen.searchable, by_name: false })
    }

    /// Assembles each record that the row's values lead to.
    fn follow_leads(&self, row: Row<'_>, table: &TableState, scratch: &mut Scratch) -> Result<(), Damaged> {
        let mut found = std::mem::take(&mut scratch.found);
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
        if scratch.candidates.len() < 2 {
            return;
        }
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

/// Remembers the values of the row that lead to a record, and the records.
fn take_leads(sweep: &Sweep, no: usize, scratch: &mut Scratch) {
    let mut last = None;
    for lead in sweep.leads_of(no) {
        if last != Some(lead.value) {
            last = Some(lead.value);
            let (_, cell, kind) = sweep.values.places[lead.value as usize];
            let start = scratch.normals.len() as u32;
            scratch.normals.extend_from_slice(sweep.values.forms.form(lead.value as usize));
            let normal = (start, scratch.normals.len() as u32);
            scratch.probes.push(Probe { cell, kind, normal });
        }
        scratch.found.push((lead.index, lead.slot.0, scratch.probes.len() as u16 - 1));
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
    /// Parts of mixed cells follow the cells.
    const CELLS: usize = 64 + PARTS;

    /// Forgets the row before.
    pub(super) fn start(&mut self) {
        self.row = self.row.wrapping_add(1);
        self.tags.clear();
        if self.entries.is_empty() {
            self.entries.resize(Self::CELLS * Self::KINDS * Self::KEYS, (0, 0, 0));
        }
    }

    pub(super) fn of(
        &mut self,
        cell: usize,
        kind: FieldKind,
        key: usize,
        compute: impl FnOnce(&mut Vec<u64>),
    ) -> &[u64] {
        let entry = &mut self.entries[(cell * Self::KINDS + kind as usize) * Self::KEYS + key];
        if entry.0 != self.row {
            let start = self.tags.len() as u32;
            compute(&mut self.tags);
            *entry = (self.row, start, self.tags.len() as u32);
        }
        &self.tags[entry.1 as usize..entry.2 as usize]
    }
}
