//! One candidate record held against one row: which columns agree, written how, and what differs.
//!
//! Every cell is tried against every column, until the table's columns are known; from then on only the cells that hold
//! a column are, and a record that those deny is left as soon as nothing else could make up for it. Columns that have no cell of their own are
//! sought in those that hold several values.

use std::borrow::Cow;

use crate::fingerprint::{Damaged, Hasher, Match, Slot, SnapshotIndex, TagRow, masked, readings};
use crate::model::{FieldKind, Row, Strength};

use super::bits;
use super::candidate::{RowCandidate, WORTH_KEEPING, confirming_bits, differing_bits, finding_bits, masked_bits};
use super::evidence::TableState;
use super::mapping::Mapping;
use super::names::is_name;
use super::row::{Examiner, Scratch};
use super::shape::{CellShape, LONGEST_VALUE, is_absent, trimmed};

impl Examiner<'_> {
    /// Holds one record against the row, and remembers it if enough agrees.
    pub(super) fn assemble(
        &self,
        row: Row<'_>,
        table: &TableState,
        (at, slot): (u16, u32),
        found: &[(u16, u32, u16)],
        scratch: &mut Scratch,
    ) -> Result<(), Damaged> {
        let index = &self.matcher.catalogue.indexes()[at as usize];
        let mapping = table.mapping(self.matcher.facts[usize::from(at)].columns);
        let denied = match mapping {
            Some(mapping) => self.is_denied(row, mapping, (at, slot), found, scratch)?,
            None => false,
        };
        // Builds for tests go the long way too, and hold the short one against it.
        if denied && !cfg!(debug_assertions) {
            return Ok(());
        }
        let mut candidate = RowCandidate { index: at, slot, ..RowCandidate::default() };
        let mut pairs = scratch.take_pairs();
        self.count_found(index, found, scratch, &mut candidate, &mut pairs)?;
        // Once it is known which cells hold the parts of a name, their tags say all there is to say.
        if !mapping.is_some_and(|mapping| names_are_parts(index, mapping)) {
            self.count_names(index, row, scratch, &mut candidate, &mut pairs)?;
        }
        self.count_columns(index, row, mapping, scratch, &mut candidate, &mut pairs)?;
        if let Some(mapping) = mapping {
            candidate.lost = differing(index, slot, mapping, &candidate, row)?;
            candidate.bits -= candidate.lost;
        }
        debug_assert!(!denied || candidate.bits < WORTH_KEEPING, "a record is given up that would be kept");
        if candidate.bits >= WORTH_KEEPING || found.is_empty() {
            scratch.candidates.push(candidate);
            scratch.pairs.push(pairs);
        } else {
            scratch.give_back(pairs);
        }
        Ok(())
    }

    /// Of the columns that agree, by `pairs` of cells and columns, those that the row writes exactly as the system exports them; a masked
    /// value that is exported so is all that the system itself shows. Asked of rows that are kept, not of all: nothing is decided by it.
    pub(super) fn exported(&self, row: Row<'_>, candidate: &RowCandidate, pairs: &[(u8, u8)]) -> Result<u64, Damaged> {
        let index = &self.matcher.catalogue.indexes()[usize::from(candidate.index)];
        let (tags, hasher) = (index.tags(Slot(candidate.slot))?, &self.matcher.catalogue.hashers()[index.key_no()]);
        let mut exported = 0;
        for column in bits(candidate.agree) {
            let cells = pairs.iter().filter(|(_, held)| usize::from(*held) == column);
            let cells = cells.fold(0u64, |cells, (cell, _)| cells | 1 << cell);
            let raw = cells_text(row, cells);
            let tag = hasher.exported_tag(index.columns()[column].1, &raw);
            exported |= u64::from(tags.exported(column, tag) == Match::Yes) << column;
        }
        Ok(exported)
    }

    /// The tags of a cell's value as one of a weak kind.
    pub(super) fn tags_of<'s>(
        &self,
        value: &[u8],
        (cell, kind): (usize, FieldKind),
        key: usize,
        scratch: &'s mut Scratch,
    ) -> &'s [u64] {
        let Scratch { tags, readings: all, .. } = scratch;
        tags.of(cell, kind, key, |tags| {
            readings(kind, value, self.matcher.catalogue.countries(), all);
            let hasher = &self.matcher.catalogue.hashers()[key];
            tags.extend(all.iter().map(|normal| hasher.tag(kind, normal)));
        })
    }

    /// The values that led to the record.
    fn count_found(
        &self,
        index: &SnapshotIndex,
        found: &[(u16, u32, u16)],
        scratch: &Scratch,
        candidate: &mut RowCandidate,
        pairs: &mut Vec<(u8, u8)>,
    ) -> Result<(), Damaged> {
        let hasher = &self.matcher.catalogue.hashers()[index.key_no()];
        let facts = &self.matcher.facts[usize::from(candidate.index)];
        for (_, slot, probe) in found {
            let probe = scratch.probes[*probe as usize];
            let normal = &scratch.normals[probe.normal.0 as usize..probe.normal.1 as usize];
            let column = match facts.only[usize::from(probe.kind.code())] {
                Some(only) => Some(usize::from(only)).filter(|only| candidate.agree >> only & 1 == 0),
                None => column_of(index, hasher, *slot, probe.kind, normal, candidate.agree)?,
            };
            let Some(column) = column else { continue };
            candidate.agree |= 1 << column;
            candidate.cells |= 1 << probe.cell;
            pairs.push((probe.cell, column as u8));
            candidate.bits += finding_bits(probe.kind, normal, facts.values[usize::from(probe.kind.code())]);
        }
        Ok(())
    }

    /// Names, in whichever way the row and the system split them.
    fn count_names(
        &self,
        index: &SnapshotIndex,
        row: Row<'_>,
        scratch: &mut Scratch,
        candidate: &mut RowCandidate,
        pairs: &mut Vec<(u8, u8)>,
    ) -> Result<(), Damaged> {
        if !self.matcher.facts[candidate.index as usize].has_names() {
            return Ok(());
        }
        if scratch.names.is_empty() {
            self.read_names(row, scratch);
        }
        for (name, cells, key) in &scratch.names {
            if *key as usize != index.key_no() || !index.name_range(*name)?.contains(&candidate.slot) {
                continue;
            }
            for (column, (_, held)) in index.columns().iter().enumerate().take(64) {
                // Two cells and two columns: which is which is for the columns' own tags to say.
                if is_name(*held) && (cells.count_ones() == 1 || *held == FieldKind::FullName) {
                    candidate.agree |= 1 << column;
                    candidate.cells |= cells;
                    candidate.bits += confirming_bits(*held);
                    pairs.extend(bits(*cells).map(|cell| (cell as u8, column as u8)));
                }
            }
            break;
        }
        Ok(())
    }

    /// Every other column, by its tag: the value itself, or what a mask leaves of it.
    fn count_columns(
        &self,
        index: &SnapshotIndex,
        row: Row<'_>,
        mapping: Option<&Mapping>,
        scratch: &mut Scratch,
        candidate: &mut RowCandidate,
        pairs: &mut Vec<(u8, u8)>,
    ) -> Result<(), Damaged> {
        let tags = index.tags(Slot(candidate.slot))?;
        // Parts of mixed cells that agreed, a bit each.
        let mut taken = 0u32;
        for (column, (_, held)) in index.columns().iter().enumerate().take(64) {
            if candidate.agree >> column & 1 == 1 {
                continue;
            }
            let compared = Compared { index, tags, column, kind: *held };
            let cell = mapping.map(|mapping| mapping.cell_of(column));
            let cells = match cell {
                None => 0..row.len().min(64),
                Some(Some(cell)) if cell < row.len() => cell..cell + 1,
                Some(_) => 0..0,
            };
            let mut found = None;
            for at in cells {
                if candidate.cells >> at & 1 == 1 && *held != FieldKind::FullName {
                    continue;
                }
                let value = trimmed(row.cell(at));
                // A tag of eight bits agrees with anything once in 255 cases: only what looks the part is asked, unless it is known to be.
                found = self.agreement(value, at, &compared, mapping.is_some(), scratch).map(|said| (at, said));
                if found.is_some() {
                    break;
                }
            }
            // What has no cell of its own may share one. Names were sought there already.
            let shared = if cell.flatten().is_none() && found.is_none() && !is_name(*held) {
                scratch.parts.many(row)
            } else {
                0
            };
            for no in (0..shared).filter(|no| taken >> no & 1 == 0) {
                let (at, part) = scratch.parts.part(row, no);
                if let Some(said) = self.agreement(part, 64 + no, &compared, false, scratch) {
                    taken |= 1 << no;
                    candidate.within |= 1 << column;
                    found = Some((usize::from(at), said));
                    break;
                }
            }
            if let Some((at, said)) = found {
                candidate.masked |= u64::from(said.masked) << column;
                candidate.bits += said.bits;
                candidate.agree |= 1 << column;
                candidate.cells |= 1 << at;
                pairs.push((at as u8, column as u8));
            }
        }
        Ok(())
    }

    /// What it proves that a value agrees with a column of a record, if it does. `cell` is the number that its tags are kept under; unless its
    /// place `is_known` to hold the column, it must look so.
    fn agreement(
        &self,
        value: &[u8],
        cell: usize,
        compared: &Compared<'_>,
        is_known: bool,
        scratch: &mut Scratch,
    ) -> Option<Said> {
        let Compared { index, tags, column, kind } = *compared;
        if value.len() > LONGEST_VALUE || is_absent(value) {
            return None;
        }
        if kind.strength() == Strength::Weak {
            if !is_known && !CellShape::of(value).may_confirm(kind) {
                return None;
            }
            let known = self.tags_of(value, (cell, kind), index.key_no(), scratch);
            let agrees = known.iter().any(|tag| tags.tag(column, *tag) == Match::Yes);
            return agrees.then(|| Said { bits: confirming_bits(kind), masked: false });
        }
        let form = masked::is_maskable(kind).then(|| masked::parse(kind, value))??;
        let tag = self.matcher.catalogue.hashers()[index.key_no()].mask_tag(kind, &form);
        (tags.mask(column, tag) == Match::Yes).then(|| Said { bits: masked_bits(kind, tag), masked: true })
    }
}

/// A column of a record that values are held against.
struct Compared<'i> {
    index: &'i SnapshotIndex,
    tags: TagRow<'i>,
    column: usize,
    kind: FieldKind,
}

/// What an agreement proves.
#[derive(Clone, Copy)]
struct Said {
    bits: f32,
    masked: bool,
}

/// Whether the index holds names in parts only, and cells of the table are known to hold each.
pub(super) fn names_are_parts(index: &SnapshotIndex, mapping: &Mapping) -> bool {
    let held = |column: usize| mapping.cell_of(column).is_some();
    let columns = index.columns().iter().enumerate();
    columns.filter(|(_, (_, kind))| is_name(*kind)).all(|(no, (_, kind))| *kind != FieldKind::FullName && held(no))
}

/// The text of the cells in `mask`, in order, with a space between: a full name may stand in several.
fn cells_text<'a>(row: Row<'a>, mask: u64) -> Cow<'a, [u8]> {
    if mask.is_power_of_two() {
        let cell = mask.trailing_zeros() as usize;
        return Cow::Borrowed(if cell < row.len() { trimmed(row.cell(cell)) } else { b"" });
    }
    let mut text = Vec::new();
    for cell in bits(mask).filter(|cell| *cell < row.len()) {
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(trimmed(row.cell(cell)));
    }
    Cow::Owned(text)
}

/// Which of the index's columns of this kind, not yet `taken`, holds the value: the one whose mask tag agrees, where there are several.
fn column_of(
    index: &SnapshotIndex,
    hasher: &Hasher,
    slot: u32,
    kind: FieldKind,
    normal: &[u8],
    taken: u64,
) -> Result<Option<usize>, Damaged> {
    let tags = index.tags(Slot(slot))?;
    let mut of_kind =
        (0..index.columns().len().min(64)).filter(|c| index.columns()[*c].1 == kind && taken >> *c & 1 == 0);
    // The record has the value in some column of the kind: a column whose mask tag denies it is not the one.
    Ok(match masked::projection(kind, normal) {
        Some(form) => of_kind.find(|column| tags.mask(*column, hasher.mask_tag(kind, &form)) == Match::Yes),
        None => of_kind.next(),
    })
}

/// Bits lost to columns that the document shows, that the record has, and that differ.
fn differing(
    index: &SnapshotIndex,
    slot: u32,
    mapping: &Mapping,
    candidate: &RowCandidate,
    row: Row<'_>,
) -> Result<f32, Damaged> {
    let tags = index.tags(Slot(slot))?;
    let mut lost = 0.0;
    for (at, column) in mapping.held().iter().enumerate().take(row.len().min(64)) {
        let Some(column) = column.map(usize::from) else { continue };
        if candidate.agree >> column & 1 == 0 && tags.is_filled(column) && !is_absent(trimmed(row.cell(at))) {
            lost += differing_bits(index.columns()[column].1);
        }
    }
    Ok(lost)
}
