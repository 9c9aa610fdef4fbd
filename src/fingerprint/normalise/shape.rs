//! Quick looks at a token: whether it is worth normalising as a value of a kind. Never false for a value that has a normal form.

use crate::model::FieldKind;

/// Whether `raw` could be a value of `kind`, by its length and the presence of characters that such a value must have.
/// No value that [`super::normalise`] accepts is refused; much that it refuses is accepted.
#[must_use]
#[inline]
pub fn could_be(kind: FieldKind, raw: &[u8]) -> bool {
    match kind {
        FieldKind::Email => {
            raw.len() >= 3 && (memchr::memchr(b'@', raw).is_some() || contains_at(raw) || !raw.is_ascii())
        }
        FieldKind::Phone => (6..=64).contains(&raw.len()) && digits(raw) >= 6,
        FieldKind::Iban => raw.len() >= 15 && digits(raw) >= 2,
        FieldKind::Siren => raw.len() >= 9 && digits(raw) >= 9,
        FieldKind::BirthDate => (6..=48).contains(&raw.len()) && digits(raw) >= 3,
        FieldKind::Postcode => (3..=24).contains(&raw.len()) && digits(raw) >= 1,
        FieldKind::Ip => (2..=64).contains(&raw.len()) && (memchr::memchr2(b'.', b':', raw).is_some()),
        FieldKind::Contract | FieldKind::Ref => raw.iter().any(|b| b.is_ascii_alphanumeric() || *b >= 0x80),
        FieldKind::LastName | FieldKind::FirstName | FieldKind::FullName => {
            raw.iter().any(|b| b.is_ascii_alphabetic() || *b >= 0x80)
        }
        FieldKind::StreetAddress
        | FieldKind::City
        | FieldKind::Company
        | FieldKind::JobTitle
        | FieldKind::Username
        | FieldKind::Text => !raw.is_empty(),
    }
}

fn digits(raw: &[u8]) -> usize {
    raw.iter().filter(|b| b.is_ascii_digit()).count()
}

/// `at` or `arobase`, in whatever case, as defanged addresses spell it.
fn contains_at(raw: &[u8]) -> bool {
    memchr::memchr2_iter(b'a', b'A', raw).any(|i| {
        let rest = &raw[i..];
        rest.get(1).is_some_and(|b| b.eq_ignore_ascii_case(&b't'))
            || rest.get(..7).is_some_and(|w| w.eq_ignore_ascii_case(b"arobase"))
    })
}
