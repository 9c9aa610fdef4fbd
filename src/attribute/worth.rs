//! What agreement is worth, column by column: how rare a value of a kind is, what a mask leaves of that, which columns say
//! the same thing twice, and which values another company could know as well as we do.

use crate::model::FieldKind;
use crate::model::finding::{Candidate, Source, bits};

/// What agreement of a value of this kind is worth at most, in nats: the logarithm of one over how often two strangers
/// share a value. From what such columns look like in general, not from any one of them; a tag of eight bits can
/// vouch for no more than ln 256.
fn rarity(kind: FieldKind) -> f64 {
    match kind {
        FieldKind::Email | FieldKind::Phone | FieldKind::Iban | FieldKind::Contract | FieldKind::Ref => 16.0,
        FieldKind::Username => 12.0,
        FieldKind::Siren => 8.0,
        // What its two parts are worth: which way a system splits a name proves nothing.
        FieldKind::FullName => 8.5,
        FieldKind::StreetAddress | FieldKind::BirthDate => 5.5,
        FieldKind::Ip | FieldKind::Postcode | FieldKind::LastName => 5.0,
        FieldKind::FirstName | FieldKind::City | FieldKind::Company => 3.5,
        FieldKind::JobTitle => 2.5,
        FieldKind::Text => 1.5,
    }
}

/// What a masked value's agreement is worth at most: four digits, or a letter and a domain.
const MASKED_RARITY: f64 = 4.0;

/// Whether another company could know the value as well as we do. Our own numbers it cannot.
fn is_public(kind: FieldKind) -> bool {
    !matches!(kind, FieldKind::Ref | FieldKind::Contract)
}

/// Columns that say the same thing twice: a whole name and its parts, a town and its postcode. Together they are worth
/// no more than the second number.
const REPEATED: [(&[FieldKind], f64); 2] = [
    (&[FieldKind::FullName, FieldKind::LastName, FieldKind::FirstName], 8.5),
    (&[FieldKind::Postcode, FieldKind::City], 6.0),
];

/// What agreement of each column of a source is worth, prepared so that a candidate is weighed by a few additions.
pub(super) struct Worth {
    /// For each column: in clear, masked.
    columns: Vec<(f64, f64)>,
    /// For each group of [`REPEATED`], its columns.
    repeated: [u64; REPEATED.len()],
    /// Columns that another company could fill as well.
    pub(super) public: u64,
}

impl Worth {
    pub(super) fn of(source: &Source) -> Self {
        let with = |counts: &dyn Fn(FieldKind) -> bool| {
            let columns = source.columns.iter().enumerate().take(64);
            columns.filter(|(_, (_, kind))| counts(*kind)).fold(0u64, |mask, (at, _)| mask | 1 << at)
        };
        Self {
            columns: source.columns.iter().map(|(_, k)| (rarity(*k), rarity(*k).min(MASKED_RARITY))).collect(),
            repeated: REPEATED.map(|(kinds, _)| with(&|kind| kinds.contains(&kind))),
            public: with(&is_public),
        }
    }

    /// Of the agreeing columns in `mask`.
    pub(super) fn sum(&self, candidate: &Candidate, mask: u64) -> f64 {
        let agree = candidate.agree & mask;
        let one = |column: usize| match self.columns.get(column) {
            Some((_, masked)) if candidate.masked >> column & 1 == 1 => *masked,
            Some((clear, _)) => *clear,
            None => 0.0,
        };
        let mut alone = agree;
        let mut total = 0.0;
        for (group, (_, most)) in self.repeated.iter().zip(&REPEATED) {
            if (agree & group).count_ones() > 1 {
                alone &= !group;
                total += bits(agree & group).map(one).sum::<f64>().min(*most);
            }
        }
        total + bits(alone).map(one).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_twice_counts_once() {
        let kinds = [FieldKind::FullName, FieldKind::LastName, FieldKind::FirstName, FieldKind::Email];
        let columns = kinds.iter().map(|kind| (kind.to_string(), *kind)).collect();
        let source =
            Source { system: "a".parse().unwrap(), snapshot: jiff::civil::date(2026, 1, 1), records: 9, columns };
        let all = Candidate {
            source: 0,
            record: crate::model::RecordNo(0),
            agree: 0b1111,
            differ: 0,
            exported: 0,
            masked: 0,
            cells: 0,
            canary: false,
        };
        let worth = Worth::of(&source);
        assert_eq!(worth.sum(&all, u64::MAX), 8.5 + 16.0);
        assert_eq!(worth.sum(&all, 0b0110), 8.5);
        assert_eq!(worth.sum(&Candidate { masked: 0b1000, ..all }, 0b1000), MASKED_RARITY);
    }
}
