//! The wrapper for values that came from customers or from leaks, and the one way to show them: masked.
//!
//! Nothing here decides who may see what; it only makes showing a value in clear an explicit, greppable act.

use std::fmt;

use serde::{Serialize, Serializer};
use zeroize::Zeroize;

use super::field::FieldKind;

/// What `Debug` and `Display` print in place of a sensitive value.
pub const REDACTED: &str = "[redacted]";

/// A value that must not reach a log, an error, an alert or a page. It prints as `[redacted]`, serialises as
/// `[redacted]`, and is wiped when dropped; [`Sensitive::expose`] is the only way in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sensitive<T: Zeroize>(T);

impl<T: Zeroize> Sensitive<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value in clear. Every call is a place to review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Sensitive<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T: Zeroize> fmt::Display for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T: Zeroize> Serialize for Sensitive<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

/// The most characters a masked value has: longer values end in `…`.
const MASKED_MAX: usize = 32;

/// A value as an alert may show it: enough for the data owner to recognise the column, too little to reach the
/// person. Letters and digits become `*` except the first of a word (two digits at each end of a number of more
/// than eight; first letter and the suffix of the domain for an address); punctuation stays so that the layout can be seen.
#[must_use]
pub fn mask(kind: Option<FieldKind>, value: &str) -> String {
    let value: String = value.chars().filter(|c| !is_deceptive(*c)).collect();
    let masked = match value.rsplit_once('@') {
        Some((local, domain)) if kind.is_none_or(|k| k == FieldKind::Email) => mask_email(local, domain),
        _ => {
            let digits = value.chars().filter(char::is_ascii_digit).count();
            // A date has eight: two at each end would be the day and the century.
            if digits > 8 {
                mask_number(&value)
            } else if digits > 0 {
                mask_all(&value)
            } else {
                mask_words(&value)
            }
        }
    };
    if masked.chars().count() > MASKED_MAX {
        masked.chars().take(MASKED_MAX - 1).chain(['…']).collect()
    } else {
        masked
    }
}

/// Control and direction characters would let a poster rearrange what an analyst reads.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn mask_email(local: &str, domain: &str) -> String {
    let head: String = local.chars().take(1).collect();
    let suffix = domain.rsplit_once('.').map_or("", |(_, s)| s);
    let suffix: String = suffix.chars().filter(char::is_ascii_alphabetic).take(8).collect();
    format!("{head}***@***.{suffix}")
}

fn mask_number(value: &str) -> String {
    let total = value.chars().filter(char::is_ascii_alphanumeric).count();
    let mut seen = 0;
    value
        .chars()
        .map(|c| {
            if !c.is_alphanumeric() {
                return c;
            }
            seen += 1;
            if seen <= 2 || seen + 2 > total { c } else { '*' }
        })
        .collect()
}

fn mask_all(value: &str) -> String {
    value.chars().map(|c| if c.is_alphanumeric() { '*' } else { c }).collect()
}

fn mask_words(value: &str) -> String {
    let mut inside = false;
    value
        .chars()
        .map(|c| {
            let word = c.is_alphanumeric();
            let shown = if word && inside { '*' } else { c };
            inside = word;
            shown
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensitive_value_does_not_print_or_serialise() {
        let secret = Sensitive::new("0612345678".to_string());
        assert_eq!(format!("{secret} {secret:?}"), "[redacted] [redacted]");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"[redacted]\"");
    }

    #[test]
    fn masks_keep_the_layout_and_not_the_value() {
        assert_eq!(mask(Some(FieldKind::Email), "jeanne.martin@courriel.example"), "j***@***.example");
        assert_eq!(mask(Some(FieldKind::Phone), "+33 6 12 34 56 78"), "+33 * ** ** ** 78");
        assert_eq!(mask(None, "DUPONT Jean-Pierre"), "D***** J***-P*****");
        assert_eq!(mask(Some(FieldKind::BirthDate), "1970-01-02"), "****-**-**");
        assert_eq!(mask(None, "12 rue des Lilas"), "** *** *** *****");
        assert_eq!(mask(None, "a\u{202e}b\x07"), "a*");
    }
}
