//! What in a row may be an identifier: each such value in its normal form. What the prefilter is asked.
//!
//! Nothing is allocated here: this is the way of every row, and nearly all end behind it.

use crate::fingerprint::Forms;
use crate::model::{FieldKind, Row};

use super::Matcher;
use super::candidate::WORTH_KEEPING;
use super::choice::{Choice, Choices};
use super::evidence::TableState;
use super::glance::Glance;
use super::shape::{LONGEST_VALUE, Look, has_word_at, is_absent, trimmed};
use super::text::values_in;

/// Values that may find a record, of many rows.
#[derive(Default)]
pub(super) struct Values {
    /// Their normal forms.
    pub(super) forms: Forms,
    /// For each form: the row of the block and the cell it stands in (63 for all from there on), and what it was read as.
    pub(super) places: Vec<(u16, u8, FieldKind)>,
    pub(super) choices: Choices,
}

impl Values {
    pub(super) fn clear(&mut self) {
        self.forms.clear();
        self.places.clear();
    }
}

/// What a look at a row's cells has shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Cells with a value (bit 63 for all from there on).
    pub(super) filled: u64,
    /// Cells that may hold a name.
    pub(super) names: u8,
    /// Whether a part of a cell may be one that holds other values too.
    pub(super) name_within: bool,
    /// Whether any value was an identifier, ours or not.
    pub(super) searchable: bool,
    /// Whether the prefilter let one pass.
    pub(super) hit: bool,
}

impl Seen {
    /// Whether to look for the row by name: where nothing else names a person, where the table is ours and this row's number is not, and
    /// of other rows as many as [`ByName`](super::by_name::ByName) says. If so, what a record must be confirmed by, in bits.
    pub(super) fn by_name(&self, table: &TableState) -> Option<f32> {
        let ours = table.sure >= 4 && table.sure * 3 > table.searchable;
        let name_within = self.name_within && table.columns;
        let others = name_within || self.names >= 3 || self.filled.count_ones() > u32::from(self.names);
        match () {
            () if self.names == 0 && !name_within => None,
            () if ours || !self.searchable && others => Some(WORTH_KEEPING),
            () if others => table.by_name.asks(),
            () => None,
        }
    }
}

impl Matcher {
    /// Appends each value of the row that may be an identifier. `no` is the row's number within the block, `glances` what was seen of its
    /// cells.
    #[inline]
    pub(super) fn values_of_row(&self, row: Row<'_>, no: u16, glances: &[Glance], values: &mut Values) -> Seen {
        let mut seen = Seen::default();
        for (at, (raw, glance)) in row.cells().zip(glances).enumerate() {
            let at = at.min(63) as u8;
            let (value, choice) = match glance.choice() {
                Some(choice) => (raw, choice),
                None => {
                    let value = trimmed(raw);
                    if is_absent(value) {
                        continue;
                    }
                    if value.len() > LONGEST_VALUE {
                        seen.filled |= 1 << at;
                        seen.searchable |= self.values_of_parts((no, at), value, values).searchable;
                        continue;
                    }
                    (value, self.choice(value, values))
                }
            };
            seen.filled |= 1 << at;
            seen.names = seen.names.saturating_add(u8::from(choice.is_name()));
            if choice.is_nothing() {
                continue;
            }
            let whole = self.values_as((no, at), value, (choice, *glance), values);
            if whole || !choice.is_mixed() {
                seen.searchable |= whole;
                continue;
            }
            let parts = self.values_of_parts((no, at), value, values);
            seen.searchable |= parts.searchable;
            seen.name_within |= parts.name_within;
        }
        seen
    }

    /// Whether a cell by itself, trimmed and no longer than a value, or a part of it, may be an identifier. Leaves nothing in `values`.
    pub(super) fn shows_value(&self, value: &[u8], values: &mut Values) -> bool {
        values.clear();
        let choice = self.choice(value, values);
        let whole = self.values_as((0, 0), value, (choice, Glance::default()), values);
        let any = whole || choice.is_mixed() && self.values_of_parts((0, 0), value, values).searchable;
        values.clear();
        any
    }

    /// The parts of a cell that holds more than one value, and what they show.
    fn values_of_parts(&self, place: (u16, u8), value: &[u8], values: &mut Values) -> Seen {
        let mut seen = Seen::default();
        values_in(value, &mut |part| {
            let choice = self.choice(part, values);
            seen.name_within |= choice.is_name();
            seen.searchable |= self.values_as(place, part, (choice, Glance::default()), values);
        });
        seen
    }

    #[inline(always)]
    fn choice(&self, value: &[u8], values: &mut Values) -> Choice {
        values.choices.of(Look::at(value), |shape| self.choose(shape))
    }

    /// The value as everything it may be. Whether it may be anything.
    #[inline]
    fn values_as(
        &self,
        (row, cell): (u16, u8),
        value: &[u8],
        (choice, glance): (Choice, Glance),
        values: &mut Values,
    ) -> bool {
        let before = values.forms.len();
        let spelled = choice.may_spell_email() && has_word_at(value);
        for kind in choice.kinds(spelled) {
            let many = if is_normal(kind, value, glance) {
                values.forms.push_normal(kind, value);
                1
            } else {
                values.forms.push(kind, value, self.catalogue.countries())
            };
            // Of kinds with shapes of their own there is one form.
            if many == 1 && !self.is_token(kind, values.forms.form(values.forms.len() - 1)) {
                values.forms.pop();
            } else {
                (0..many).for_each(|_| values.places.push((row, cell, kind)));
            }
        }
        values.forms.len() > before
    }
}

/// Whether the value is known to be its own normal form as one of the kind.
#[inline(always)]
fn is_normal(kind: FieldKind, value: &[u8], glance: Glance) -> bool {
    match kind {
        FieldKind::Email => glance.is_address(),
        FieldKind::Iban => glance.is_account() && (15..=34).contains(&value.len()),
        FieldKind::Ref | FieldKind::Contract => glance.is_capital(),
        _ => false,
    }
}
