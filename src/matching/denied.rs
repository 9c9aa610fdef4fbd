//! Records that the known columns of a table deny. A dense number finds somebody by chance in every twentieth row, with a hundred million
//! customers in every second: nearly all of them are left here, for the price of two or three comparisons.

use crate::fingerprint::{Damaged, Match, Slot, SnapshotIndex, masked};
use crate::model::{FieldKind, Row, Strength};

use super::assemble::names_are_parts;
use super::candidate::{ROUNDING, SURE, WORTH_KEEPING, differing_bits, finding_bits, most_bits};
use super::mapping::Mapping;
use super::names::is_name;
use super::row::{Examiner, Scratch};
use super::shape::{LONGEST_VALUE, is_absent, trimmed};

/// The values that led to a record.
struct Found {
    bits: f32,
    /// The cells they stand in, a bit each.
    cells: u64,
    /// Their kinds, a bit each by code.
    kinds: u32,
}

impl Examiner<'_> {
    /// Whether what the table's known columns deny outweighs all that the record could still show. Never true of a record that
    /// [`Examiner::assemble`] would keep: what is not compared is taken to agree.
    pub(super) fn is_denied(
        &self,
        row: Row<'_>,
        mapping: &Mapping,
        (at, slot): (u16, u32),
        found: &[(u16, u32, u16)],
        scratch: &mut Scratch,
    ) -> Result<bool, Damaged> {
        // Whoever was found by name is weighed otherwise.
        let by_value = self.found(at, found, scratch);
        if found.is_empty() || by_value.bits >= SURE {
            return Ok(false);
        }
        let index = &self.matcher.catalogue.indexes()[usize::from(at)];
        let tags = index.tags(Slot(slot))?;
        // Names agree in whichever way they are split, unless the columns that hold their parts are known.
        let by_parts = names_are_parts(index, mapping);
        let is_open = |kind: FieldKind| is_name(kind) && !by_parts;
        let is_shared = scratch.parts.many(row) > 0;
        let mut most = by_value.bits + most_in(index, mapping, |kind| is_shared || is_open(kind));
        for &(cell, column) in mapping.telling() {
            if most < WORTH_KEEPING - ROUNDING {
                return Ok(true);
            }
            let (kind, at, column) = (index.columns()[usize::from(column)].1, usize::from(cell), usize::from(column));
            let is_found = by_value.cells >> cell & 1 == 1 || by_value.kinds >> kind.code() & 1 == 1;
            if is_found || is_open(kind) || at >= row.len() || !tags.is_filled(column) {
                continue;
            }
            let value = trimmed(row.cell(at));
            if value.len() > LONGEST_VALUE || is_absent(value) {
                continue;
            }
            let denies = if kind.strength() == Strength::Weak {
                let known = self.tags_of(value, (at, kind), index.key_no(), scratch);
                !known.iter().any(|tag| tags.tag(column, *tag) == Match::Yes)
            } else {
                masked::parse(kind, value).is_none()
            };
            if denies {
                most -= most_bits(kind) + differing_bits(kind);
            }
        }
        Ok(most < WORTH_KEEPING - ROUNDING)
    }

    /// What led to a record, as if each value stood in a column of its own.
    fn found(&self, at: u16, found: &[(u16, u32, u16)], scratch: &Scratch) -> Found {
        let values = &self.matcher.facts[usize::from(at)].values;
        let mut all = Found { bits: 0.0, cells: 0, kinds: 0 };
        for (_, _, probe) in found {
            let probe = scratch.probes[usize::from(*probe)];
            let normal = &scratch.normals[probe.normal.0 as usize..probe.normal.1 as usize];
            all.bits += finding_bits(probe.kind, normal, values[usize::from(probe.kind.code())]);
            all.cells |= 1 << probe.cell;
            all.kinds |= 1 << probe.kind.code();
        }
        all
    }
}

/// The most that the columns of an index prove beside what led to the record: those that cells are known to hold, and those of kinds that
/// are sought elsewhere too.
fn most_in(index: &SnapshotIndex, mapping: &Mapping, is_open: impl Fn(FieldKind) -> bool) -> f32 {
    let columns = index.columns().iter().enumerate();
    let counts = columns.filter(|(no, (_, kind))| is_open(*kind) || mapping.cell_of(*no).is_some());
    counts.map(|(_, (_, kind))| most_bits(*kind)).sum()
}
