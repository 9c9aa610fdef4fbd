//! One value, one form: what a value looks like before it is hashed. The same code serves building and matching.
//!
//! Works on bytes of UTF-8 (bytes that are not are no value) and writes into buffers of the caller: nothing is allocated
//! for values in ASCII. What may be read in several ways (`03/04/1985`, a national phone number under several configured countries) gives
//! its likeliest form through [`normalise`] and all of them through [`readings`]. Changing any form here changes what old
//! indexes hold: [`VERSION`] then rises, and old indexes are refused. Not so where what had no form is given one: old indexes hold nothing of
//! such values, and say nothing wrong of them.

mod address;
mod countries;
mod date;
mod email;
mod fold;
mod iban;
pub mod masked;
mod name;
mod number;
mod phone;

use crate::model::FieldKind;

pub use countries::{Countries, UnknownCountry};
pub use date::DateOrder;

/// Version of the normal forms, stored in each index.
pub const VERSION: u16 = 1;

/// The longest value that is looked at, in bytes. Longer ones are no field of a customer record.
pub const MAX_VALUE: usize = 1024;

/// The most readings of one value.
pub const MAX_READINGS: usize = 4;

/// Writes the (likeliest) normal form of `raw` as a value of `kind` into `out`, which is emptied first. False, and `out`
/// empty, where `raw` is no value of the kind; masked values ([`masked::parse`]) are none.
///
/// Dates are read day first where both orders are possible; [`normalise_date`] takes the order.
pub fn normalise(kind: FieldKind, raw: &[u8], countries: &Countries, out: &mut Vec<u8>) -> bool {
    out.clear();
    let raw = raw.trim_ascii();
    if raw.is_empty() || raw.len() > MAX_VALUE {
        return false;
    }
    let valid = match kind {
        FieldKind::Email => email::normalise(raw, out),
        FieldKind::Phone => phone::likeliest(raw, countries, out),
        FieldKind::LastName | FieldKind::FirstName => name::plain(raw, out),
        FieldKind::FullName => name::full(raw, out),
        FieldKind::BirthDate => date::likeliest(raw, DateOrder::DayFirst, out),
        FieldKind::StreetAddress => address::street(raw, out),
        FieldKind::City => address::city(raw, out),
        FieldKind::Postcode => address::postcode(raw, countries, out),
        FieldKind::Company => name::company(raw, out),
        FieldKind::JobTitle | FieldKind::Text => fold::tokens(raw, out),
        FieldKind::Iban => iban::normalise(raw, out),
        FieldKind::Siren => number::siren(raw, out),
        FieldKind::Contract | FieldKind::Ref => number::reference(raw, out),
        FieldKind::Username => name::username(raw, out),
        FieldKind::Ip => number::ip(raw, out),
    };
    if !valid {
        out.clear();
    }
    valid
}

/// Appends the normal form of `raw` to a buffer, behind what stands there, and tells `found` from where to where; for a telephone number
/// each form that it may have, possibly one twice. What [`normalise`] and [`readings`] give, without an empty buffer for each value: the
/// way of every cell that is read. `scratch` is for kinds that are rare there.
#[inline]
pub(super) fn append(
    kind: FieldKind,
    raw: &[u8],
    countries: &Countries,
    (out, scratch): (&mut Vec<u8>, &mut Vec<u8>),
    mut found: impl FnMut(usize, usize),
) {
    let start = out.len();
    let plain = match kind {
        FieldKind::Email => email::append_plain(raw, out),
        FieldKind::Iban => iban::append_plain(raw, out),
        FieldKind::Phone => {
            let raw = raw.trim_ascii();
            if (1..=MAX_VALUE).contains(&raw.len()) {
                phone::each(raw, countries, |form| {
                    let start = out.len();
                    out.extend_from_slice(form);
                    found(start, out.len());
                });
            }
            return;
        }
        _ => false,
    };
    if !plain {
        out.truncate(start);
        if !normalise(kind, raw, countries, scratch) {
            return;
        }
        out.extend_from_slice(scratch);
    }
    found(start, out.len());
}

/// As [`normalise`] for a birth date whose order of day and month is known from its column.
pub fn normalise_date(raw: &[u8], order: DateOrder, out: &mut Vec<u8>) -> bool {
    out.clear();
    let raw = raw.trim_ascii();
    raw.len() <= MAX_VALUE && date::likeliest(raw, order, out)
}

/// Writes the normal form of the full name whose parts have the normal forms `last` and `first` (either may be empty) into `out`:
/// what [`super::Hasher::name_key`] takes.
pub fn join_names(last: &[u8], first: &[u8], out: &mut Vec<u8>) {
    out.clear();
    name::joined(last, first, out);
}

/// Whether the check digits of an IBAN in normal form agree: asked of what is found in running text.
#[must_use]
pub fn is_valid_iban(normal: &[u8]) -> bool {
    iban::is_valid(normal)
}

/// Which orders of day and month a date allows: (day first, month first). Both false where the order is not in question.
#[must_use]
pub fn date_orders(raw: &[u8]) -> (bool, bool) {
    date::orders(raw.trim_ascii())
}

/// All normal forms that `raw` may have as a value of `kind`, likeliest first, without repetition.
pub fn readings(kind: FieldKind, raw: &[u8], countries: &Countries, out: &mut Readings) {
    out.clear();
    let raw = raw.trim_ascii();
    if raw.is_empty() || raw.len() > MAX_VALUE {
        return;
    }
    match kind {
        FieldKind::Phone => phone::each(raw, countries, |form| out.push(form)),
        FieldKind::BirthDate => date::each(raw, DateOrder::DayFirst, |form| out.push(form)),
        FieldKind::Postcode => address::each_postcode(raw, countries, |form| out.push(form)),
        _ => {
            let mut only = std::mem::take(&mut out.scratch);
            if normalise(kind, raw, countries, &mut only) {
                out.push(&only);
            }
            out.scratch = only;
        }
    }
}

/// The normal forms that one value may have: at most [`MAX_READINGS`]. Reused from value to value.
#[derive(Debug, Default, Clone)]
pub struct Readings {
    bytes: Vec<u8>,
    ends: [usize; MAX_READINGS],
    len: usize,
    scratch: Vec<u8>,
}

impl Readings {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of readings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none: the value is none of its kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The readings, likeliest first.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len).map(|i| &self.bytes[if i == 0 { 0 } else { self.ends[i - 1] }..self.ends[i]])
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.len = 0;
    }

    fn push(&mut self, form: &[u8]) {
        if self.len < MAX_READINGS && !self.iter().any(|known| known == form) {
            self.bytes.extend_from_slice(form);
            self.ends[self.len] = self.bytes.len();
            self.len += 1;
        }
    }
}

#[cfg(test)]
mod tests;
