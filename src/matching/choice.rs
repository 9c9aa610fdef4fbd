//! What a cell that looks so is tried as: decided once for each look, and kept. In a table nearly every cell looks like one before.
//!
//! How a cell looks is for `shape`; what its value then is, for `fingerprint::normalise`.

use crate::model::FieldKind;

use super::Matcher;
use super::shape::{CellShape, Look, Start};

/// Looks remembered: those of a table's columns many times over, and no more than the first cache holds beside the rest.
const REMEMBERED: usize = 512;

/// What to try a cell as: a bit for each kind (by code), and what else its look says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Choice(u32);

const NAME: u32 = 1 << 31;
const MIXED: u32 = 1 << 30;
const SPELLED: u32 = 1 << 29;
const KINDS: u32 = SPELLED - 1;

const _: () = {
    let mut i = 0;
    while i < FieldKind::ALL.len() {
        assert!((FieldKind::ALL[i] as u32) < KINDS.count_ones());
        i += 1;
    }
};

impl Choice {
    /// Whether there is nothing to try.
    #[inline]
    pub(super) fn is_nothing(self) -> bool {
        self.0 & !NAME == 0
    }

    /// Whether it may be (part of) a person's name.
    #[inline]
    pub(super) fn is_name(self) -> bool {
        self.0 & NAME != 0
    }

    /// Whether, where it is nothing as a whole, it may hold several values.
    #[inline]
    pub(super) fn is_mixed(self) -> bool {
        self.0 & MIXED != 0
    }

    /// Whether it may be an address whose `@` is spelled out.
    #[inline]
    pub(super) fn may_spell_email(self) -> bool {
        self.0 & SPELLED != 0
    }

    /// The kinds, `and_email` among them.
    #[inline]
    pub(super) fn kinds(self, and_email: bool) -> impl Iterator<Item = FieldKind> {
        let mut left = self.0 & KINDS | u32::from(and_email) << FieldKind::Email.code();
        std::iter::from_fn(move || {
            let code = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            FieldKind::from_code(code as u8)
        })
    }
}

/// The choices of looks that were met, each in the one place where it may stand. One matcher's: another asks for other kinds.
pub(super) struct Choices {
    known: Box<[(u64, Start, Choice)]>,
}

impl Default for Choices {
    fn default() -> Self {
        // No cell has no byte: no look is that of a place which is free.
        Self { known: vec![(0, Start::default(), Choice::default()); REMEMBERED].into() }
    }
}

impl Choices {
    /// The choice for a look: the one kept, or what `choose` says.
    #[inline(always)]
    pub(super) fn of(&mut self, look: Look, choose: impl FnOnce(CellShape) -> Choice) -> Choice {
        let mixed = (look.counts ^ look.start as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let place = &mut self.known[(mixed >> 32) as usize % REMEMBERED];
        if (place.0, place.1) != (look.counts, look.start) {
            *place = (look.counts, look.start, choose(look.into()));
        }
        place.2
    }
}

impl Matcher {
    /// What a cell that looks so is tried as.
    #[cold]
    pub(super) fn choose(&self, shape: CellShape) -> Choice {
        let (asks, countries) = (&self.asks, self.catalogue.countries());
        let mut choice = 0;
        let mut add = |if_so: bool, bit: u32| choice |= if if_so { bit } else { 0 };
        let bit = |kind: FieldKind| 1 << kind.code();
        let number = shape.may_be_number();
        add(asks.email && shape.may_be_email(), bit(FieldKind::Email));
        add(asks.email && !shape.may_be_email() && shape.may_spell_email(), SPELLED);
        add(number && asks.phone && shape.may_be_phone(countries), bit(FieldKind::Phone));
        // What stands for an `@` stands in no account.
        add(number && asks.iban && shape.digits >= 8 && shape.letters >= 2 && shape.at == 0, bit(FieldKind::Iban));
        add(number && asks.siren && shape.digits >= 9, bit(FieldKind::Siren));
        for kind in &asks.tokens {
            add(self.may_be_token(*kind, &shape), bit(*kind));
        }
        add(shape.may_be_name(), NAME);
        add(shape.spaces + shape.marks > 0 && (shape.at > 0 || number && shape.letters > 0), MIXED);
        Choice(choice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_kept_for_its_look_alone() {
        let mut choices = Choices::default();
        let looks: Vec<Look> = (2..=40u8)
            .flat_map(|n| [vec![b'7'; n.into()], vec![b'a'; n.into()], vec![b'0'; n.into()]])
            .map(|cell| Look::at(&cell))
            .collect();
        for (no, look) in looks.iter().enumerate() {
            assert_eq!(choices.of(*look, |_| Choice(no as u32)), Choice(no as u32), "{look:?}");
            assert_eq!(choices.of(*look, |_| unreachable!()), Choice(no as u32));
        }
    }

    #[test]
    fn kinds_are_given_once_each() {
        let choice = Choice(NAME | MIXED | 1 << FieldKind::Iban.code() | 1 << FieldKind::Phone.code());
        let mut kinds: Vec<FieldKind> = choice.kinds(true).collect();
        kinds.sort_by_key(|kind| kind.code());
        let mut expected = [FieldKind::Email, FieldKind::Phone, FieldKind::Iban];
        expected.sort_by_key(|kind| kind.code());
        assert_eq!(kinds, expected);
        assert!(choice.is_name() && choice.is_mixed() && !choice.is_nothing() && !choice.may_spell_email());
    }
}
