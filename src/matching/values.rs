//! What in a row may be an identifier: each such value in its normal form, hashed. What the prefilter is asked.
//!
//! Nothing is allocated here: this is the way of every row, and nearly all end behind it.

use crate::fingerprint::{Readings, could_be, normalise, readings};
use crate::model::{FieldKind, Row};

use super::Matcher;
use super::evidence::TableState;
use super::shape::{CellShape, LONGEST_VALUE, is_absent, trimmed};
use super::text::values_in;

/// A value that finds, as one of its kinds under one of the keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    /// The cell it stands in; 63 for all from there on.
    pub(super) cell: u8,
    /// What it was read as.
    pub(super) kind: FieldKind,
    /// The key it was hashed with.
    pub(super) key: u8,
    /// Its fingerprint.
    pub(super) fingerprint: u64,
    /// Its normal form.
    pub(super) normal: &'a [u8],
}

/// What a look at a row's cells has shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Cells with a value (bit 63 for all from there on).
    pub(super) filled: u64,
    /// Cells that may hold a name.
    pub(super) names: u8,
    /// Whether any value was an identifier, ours or not.
    pub(super) searchable: bool,
    /// Whether the prefilter let one pass.
    pub(super) hit: bool,
}

impl Seen {
    /// Whether to look for the row by name: where nothing else names a person, or where the table is ours and this row's
    /// number is not.
    pub(super) fn by_name(&self, table: &TableState) -> bool {
        let ours = table.sure >= 4 && table.sure * 3 > table.searchable;
        let others = self.filled.count_ones() > u32::from(self.names);
        self.names > 0 && (!self.searchable && (others || self.names >= 3) || ours)
    }
}

/// Reused from value to value.
#[derive(Default)]
pub(super) struct Buffers {
    normal: Vec<u8>,
    readings: Readings,
}

impl Matcher {
    /// Calls `found` with each value of the row that may be an identifier.
    pub(super) fn values_of_row(&self, row: Row<'_>, buffers: &mut Buffers, found: &mut impl FnMut(Value<'_>)) -> Seen {
        let mut seen = Seen::default();
        for (at, raw) in row.cells().enumerate() {
            let value = trimmed(raw);
            if is_absent(value) {
                continue;
            }
            let at = at.min(63) as u8;
            seen.filled |= 1 << at;
            if value.len() > LONGEST_VALUE {
                seen.searchable |= self.values_of_parts(at, value, buffers, found);
                continue;
            }
            let shape = CellShape::of(value);
            seen.names = seen.names.saturating_add(u8::from(shape.may_be_name()));
            let whole = self.values_as_all(at, value, shape, buffers, found);
            let mixed = shape.spaces + shape.marks > 0 && (shape.at > 0 || shape.may_be_number() && shape.letters > 0);
            seen.searchable |= whole || mixed && self.values_of_parts(at, value, buffers, found);
        }
        seen
    }

    /// The parts of a cell that holds more than one value.
    fn values_of_parts(&self, at: u8, value: &[u8], buffers: &mut Buffers, found: &mut impl FnMut(Value<'_>)) -> bool {
        let mut any = false;
        values_in(value, &mut |part| {
            any |= self.values_as_all(at, part, CellShape::of(part), buffers, found);
        });
        any
    }

    /// The value as everything it may be.
    #[inline]
    fn values_as_all(
        &self,
        at: u8,
        value: &[u8],
        shape: CellShape,
        buffers: &mut Buffers,
        found: &mut impl FnMut(Value<'_>),
    ) -> bool {
        let mut any = false;
        for &kind in &self.finding {
            let worth = match kind {
                FieldKind::Email => shape.may_be_email(value),
                FieldKind::Phone | FieldKind::Siren => shape.may_be_number(),
                FieldKind::Iban => shape.digits >= 8 && shape.letters >= 2,
                _ => self.may_be_token(kind, &shape) && could_be(kind, value),
            };
            if worth {
                any |= self.values_as(kind, at, value, buffers, found);
            }
        }
        any
    }

    /// Every reading of the value as one kind, under every key. Whether there is one.
    fn values_as(
        &self,
        kind: FieldKind,
        cell: u8,
        value: &[u8],
        buffers: &mut Buffers,
        found: &mut impl FnMut(Value<'_>),
    ) -> bool {
        let countries = self.catalogue.countries();
        let mut hashed = |normal: &[u8]| {
            for (key, hasher) in self.catalogue.hashers().iter().enumerate() {
                let fingerprint = hasher.fingerprint(kind, normal);
                found(Value { cell, kind, key: key as u8, fingerprint, normal });
            }
        };
        if kind == FieldKind::Phone {
            readings(kind, value, countries, &mut buffers.readings);
            buffers.readings.iter().for_each(&mut hashed);
            return !buffers.readings.is_empty();
        }
        let token = matches!(kind, FieldKind::Ref | FieldKind::Contract | FieldKind::Username);
        let normal = &mut buffers.normal;
        let valid = normalise(kind, value, countries, normal) && (!token || self.catalogue.has_shape(kind, normal));
        if valid {
            hashed(normal);
        }
        valid
    }
}
