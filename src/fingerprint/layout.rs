//! The habits of a system: in which case, with which separators and in which order it writes the values of a kind.
//!
//! A layout is a small class that needs no key and says nothing of the value. An index keeps how often its columns use
//! each; the same classes of a document's cells tell whose habits it shows.

use crate::model::FieldKind;

/// Number of classes.
pub const CLASSES: usize = 16;

/// The class of `raw` as a value of `kind`, below [`CLASSES`]. The same number means different things for different kinds.
#[must_use]
pub fn class(kind: FieldKind, raw: &[u8]) -> usize {
    let raw = raw.trim_ascii();
    match kind {
        FieldKind::Phone => phone(raw),
        FieldKind::BirthDate => date(raw),
        FieldKind::Iban | FieldKind::Siren | FieldKind::Contract | FieldKind::Ref => number(raw),
        _ => letters(raw),
    }
}

/// Case (lower, upper, capitals at the beginning of words, other) × whether a letter has an accent; 8 without letters.
fn letters(raw: &[u8]) -> usize {
    let Ok(text) = std::str::from_utf8(raw) else { return 9 };
    let (mut upper, mut lower, mut inner_upper, mut leading_lower) = (false, false, false, false);
    let (mut accents, mut inside) = (false, false);
    for c in text.chars() {
        if c.is_uppercase() {
            upper = true;
            inner_upper |= inside;
        } else if c.is_lowercase() {
            lower = true;
            leading_lower |= !inside;
        }
        accents |= !c.is_ascii() && c.is_alphabetic();
        inside = c.is_alphabetic();
    }
    let case = match (upper, lower) {
        (false, false) => return 8,
        (false, true) => 0,
        (true, false) => 1,
        (true, true) if !inner_upper && !leading_lower => 2,
        (true, true) => 3,
    };
    case + 4 * usize::from(accents)
}

/// Form of the country (`+`, `00`, none) × separator (none, space, dot, other).
fn phone(raw: &[u8]) -> usize {
    let country = if raw.starts_with(b"+") {
        0
    } else if raw.starts_with(b"00") {
        1
    } else if raw.starts_with(b"0") {
        2
    } else {
        3
    };
    country * 4 + separator(raw)
}

fn separator(raw: &[u8]) -> usize {
    let first = raw.iter().find(|b| !b.is_ascii_digit() && !matches!(b, b'+' | b'(' | b')'));
    match first {
        None => 0,
        Some(b' ') => 1,
        Some(b'.') => 2,
        Some(_) => 3,
    }
}

/// Where the year stands (first, last, in two digits, elsewhere) × separator (none, `-`, `/`, other).
fn date(raw: &[u8]) -> usize {
    let run = |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|b| b.is_ascii_digit()).count();
    let place = match (run(&mut raw.iter()), run(&mut raw.iter().rev())) {
        (4 | 8, _) => 0,
        (_, 4) => 1,
        (_, 2) => 2,
        _ => 3,
    };
    let separator = match raw.iter().find(|b| !b.is_ascii_digit()) {
        None => 0,
        Some(b'-') => 1,
        Some(b'/') => 2,
        Some(_) => 3,
    };
    place * 4 + separator
}

/// Case of the letters (none, upper, lower, both) × separator (none, space, dot, other).
fn number(raw: &[u8]) -> usize {
    let upper = raw.iter().any(u8::is_ascii_uppercase);
    let lower = raw.iter().any(u8::is_ascii_lowercase);
    let case = usize::from(upper) + 2 * usize::from(lower);
    let separator = match raw.iter().find(|b| !b.is_ascii_alphanumeric()) {
        None => 0,
        Some(b' ') => 1,
        Some(b'.') => 2,
        Some(_) => 3,
    };
    case * 4 + separator
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habits_are_told_apart_and_stay_below_the_limit() {
        let apart = |kind, values: &[&str]| {
            let mut classes: Vec<_> = values.iter().map(|v| class(kind, v.as_bytes())).collect();
            assert!(classes.iter().all(|c| *c < CLASSES));
            classes.sort_unstable();
            classes.dedup();
            assert_eq!(classes.len(), values.len(), "{values:?}");
        };
        apart(FieldKind::LastName, &["dupont", "DUPONT", "Dupont", "dU", "Élan", "élan", "ÉLAN", "12"]);
        apart(
            FieldKind::Phone,
            &["+33612345678", "06 12 34 56 78", "0612345678", "06.12.34.56.78", "+33 6 12 34 56 78", "0033612345678"],
        );
        apart(FieldKind::BirthDate, &["1986-07-15", "15/07/1986", "15/07/86", "19860715", "15-07-1986"]);
        apart(FieldKind::Iban, &["FR7612", "FR76 12", "fr76", "123", "FR76**12"]);
    }
}
