//! One record that a row may show: what agrees, and how much that proves.
//!
//! A hit is not a record. Numbers are dense (ten million customers fill a twentieth of a country's mobile numbers),
//! names and towns are shared: what counts is how many bits of coincidence would be needed for a stranger's row to
//! agree as much.

use serde::{Deserialize, Serialize};

use crate::fingerprint::{MaskTag, masked::is_maskable};
use crate::model::{FieldKind, Strength};

/// Evidence, in bits, from which a row shows a record whatever the rest of the document says: a stranger's row would
/// agree so by chance once in a million.
pub(super) const SURE: f32 = 20.0;
/// Evidence below which a candidate is not worth remembering.
pub(super) const WORTH_KEEPING: f32 = 3.0;
/// Bits that the order in which they are added up may make of a difference.
pub(super) const ROUNDING: f32 = 0.01;

/// A record that a row may show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RowCandidate {
    /// Position in the catalogue.
    pub(super) index: u16,
    /// The record, as the index numbers it.
    pub(super) slot: u32,
    /// Columns that agree.
    pub(super) agree: u64,
    /// Of these, written exactly as exported.
    pub(super) exported: u64,
    /// Of these, confirmed by a masked form only.
    pub(super) masked: u64,
    /// Of these, found within a cell that holds more.
    pub(super) within: u64,
    /// Cells explained.
    pub(super) cells: u64,
    /// What the agreement proves, less what differs, in bits.
    pub(super) bits: f32,
    /// Of that, what columns that differ have taken away.
    pub(super) lost: f32,
}

/// A candidate with the cells and columns that agree.
pub(super) type Explained = (RowCandidate, Vec<(u8, u8)>);

/// Bits that agreement of a value of this kind proves, against a stranger who was not drawn at random but lives in the
/// same country: common names, large towns. Tags of eight bits prove no more than eight. For kinds that find, see
/// [`finding_bits`].
pub(super) fn confirming_bits(kind: FieldKind) -> f32 {
    match kind {
        FieldKind::BirthDate => 13.0,
        FieldKind::StreetAddress => 12.0,
        FieldKind::FullName => 10.0,
        FieldKind::LastName | FieldKind::Ip | FieldKind::Postcode => 7.5,
        FieldKind::FirstName | FieldKind::Company => 6.0,
        FieldKind::City => 5.0,
        FieldKind::JobTitle => 4.0,
        FieldKind::Text => 2.0,
        FieldKind::Email
        | FieldKind::Phone
        | FieldKind::Iban
        | FieldKind::Contract
        | FieldKind::Ref
        | FieldKind::Siren
        | FieldKind::Username => 7.0,
    }
}

/// Bits that agreement of a masked value proves: what the mask leaves, and the tag can tell.
pub(super) fn masked_bits(kind: FieldKind, disclosed: MaskTag) -> f32 {
    match (kind, disclosed.is_fine()) {
        // A few providers hold most addresses.
        (FieldKind::Email, true) => 6.5,
        (FieldKind::Email, false) => 3.0,
        // Four figures, less what the tag confounds; two.
        (_, true) => 12.0,
        (_, false) => 6.0,
    }
}

/// The most that a column of this kind proves where it confirms, clear or masked.
pub(super) fn most_bits(kind: FieldKind) -> f32 {
    match kind {
        FieldKind::Email => 6.5,
        _ if is_maskable(kind) => 12.0,
        _ if kind.strength() == Strength::Weak => confirming_bits(kind),
        _ => 0.0,
    }
}

/// Bits of [`group`].
pub(super) const GROUPS: usize = 3;

/// Kinds that say the same thing twice have a bit in common: who lives in a town has its postcode, who works for a company has its domain.
pub(super) fn group(kind: FieldKind) -> u32 {
    match kind {
        FieldKind::Postcode | FieldKind::City => 1,
        FieldKind::Email | FieldKind::Company => 2,
        FieldKind::Text | FieldKind::JobTitle => 4,
        _ => 0,
    }
}

/// Bits lost where a column that the document shows differs. Names and dates of birth do not change; the rest does.
pub(super) fn differing_bits(kind: FieldKind) -> f32 {
    match kind {
        FieldKind::BirthDate => 10.0,
        FieldKind::LastName | FieldKind::FirstName | FieldKind::FullName => 6.0,
        FieldKind::Ref | FieldKind::Contract => 8.0,
        _ => 2.5,
    }
}

/// Bits that finding a record by this value proves, where `holders` values of the kind are in the index: how sparsely the
/// values fill the space they come from. `normal` is the value's normal form.
pub(super) fn finding_bits(kind: FieldKind, normal: &[u8], holders: u64) -> f32 {
    let space: f32 = match kind {
        // As good as names a person; shared in families.
        FieldKind::Email => return 30.0,
        FieldKind::Iban => return 34.0,
        // One country's mobile numbers, or its landlines: about 2·10⁸ of each are dialled.
        FieldKind::Phone => 27.6,
        // Names a company, of which there are some tens of millions; its customers are several.
        FieldKind::Siren => 14.0,
        // A login is chosen: short ones are taken everywhere.
        FieldKind::Username => 2.2 * normal.len() as f32 + 6.0,
        // Numbered within a fixed pattern: what varies are the digits, and a little the letters.
        _ => normal.iter().map(|b| if b.is_ascii_digit() { 3.32 } else { 1.0 }).sum::<f32>(),
    };
    (space - (holders.max(1) as f32).log2()).clamp(0.0, 34.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_numbers_prove_little_and_addresses_much() {
        assert!(finding_bits(FieldKind::Phone, b"33612345678", 10_000_000) < 5.0);
        assert!(finding_bits(FieldKind::Phone, b"33612345678", 500) > 18.0);
        assert!(finding_bits(FieldKind::Email, b"a@b.example", 100_000_000) > SURE);
        assert!(finding_bits(FieldKind::Ref, b"123456", 900_000) < 1.0);
    }
}
