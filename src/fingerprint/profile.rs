//! What an index knows of its columns as a whole: their headers, their habits, the shapes of their numbers. Encrypted in the file.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::normalise::DateOrder;

/// The most shapes or prefixes that are told apart; beyond, everything is possible.
const MOST: usize = 64;
/// The longest run of letters at the beginning that is kept as a prefix.
const PREFIX: usize = 6;

/// The private section of an index.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Private {
    /// Headers in the order of the export.
    pub(super) headers: Vec<String>,
    /// The countries whose national forms were read.
    pub(super) countries: Vec<String>,
    /// For each column: records with a value in it.
    pub(super) filled: Vec<u64>,
    /// For each column: how many of its values are written in which layout ([`super::layout`]).
    pub(super) layouts: Vec<Vec<u64>>,
    /// For each column: its shapes, where it holds numbers or names of its own making.
    pub(super) shapes: Vec<Option<TokenShapes>>,
    /// For each column: whether its dates have the month first.
    pub(super) month_first: Vec<bool>,
    /// Rows of the canaries, in order.
    pub(super) canaries: Vec<u32>,
}

impl Private {
    pub(super) fn date_order(&self, column: usize) -> DateOrder {
        if self.month_first.get(column).copied().unwrap_or_default() {
            DateOrder::MonthFirst
        } else {
            DateOrder::DayFirst
        }
    }
}

/// The shapes that the values of a `ref`, `contract`, `username` or `iban` column have: their lengths, classes of characters, and leading letters. A
/// token with another shape is certainly none of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenShapes {
    /// Bit `n`: there is a value of `n` bytes; bit 63: of 63 or more.
    lengths: u64,
    /// Leading letters (at most six), if they are few.
    prefixes: Option<BTreeSet<Vec<u8>>>,
    /// Which classes stand in a value, if the combinations are few: bit 0 digits, 1 letters, 2 anything else.
    classes: u8,
}

impl Default for TokenShapes {
    fn default() -> Self {
        Self { lengths: 0, prefixes: Some(BTreeSet::new()), classes: 0 }
    }
}

impl TokenShapes {
    /// Takes note of a value in its normal form.
    pub(super) fn add(&mut self, normal: &[u8]) {
        self.lengths |= 1 << normal.len().min(63);
        self.classes |= 1 << combination(normal);
        if let Some(prefixes) = &mut self.prefixes {
            let prefix = prefix(normal);
            if !prefixes.contains(prefix) {
                prefixes.insert(prefix.to_vec());
                if prefixes.len() > MOST {
                    self.prefixes = None;
                }
            }
        }
    }

    /// Takes note of everything that `other` has.
    pub fn merge(&mut self, other: &Self) {
        self.lengths |= other.lengths;
        self.classes |= other.classes;
        self.prefixes = match (self.prefixes.take(), &other.prefixes) {
            (Some(mut all), Some(more)) => {
                all.extend(more.iter().cloned());
                (all.len() <= MOST).then_some(all)
            }
            _ => None,
        };
    }

    /// The leading letters (capitals, at most six) that values have, none among them if one begins otherwise. `None` if there are too many to
    /// tell: then any may be.
    #[must_use]
    pub fn prefixes(&self) -> Option<&BTreeSet<Vec<u8>>> {
        self.prefixes.as_ref()
    }

    /// Length of the shortest value (63 for all from there on); 64 if there is none.
    #[must_use]
    pub fn shortest(&self) -> u32 {
        self.lengths.trailing_zeros()
    }

    /// Whether a value of the column may have that many digits and letters, with so many other characters in between when it
    /// is written out. Never false for one that has.
    #[must_use]
    #[inline]
    pub fn could_have(&self, digits: usize, letters: usize, others: usize) -> bool {
        // Others are mostly dropped by the normal form; where they are kept they count.
        let classes = u8::from(digits > 0) | u8::from(letters > 0) << 1;
        let length = |n: usize| self.lengths >> n.min(63) & 1 == 1;
        let plain = length(digits + letters) && self.classes >> classes & 1 == 1;
        plain
            || others > 0
                && (1..=others).any(|n| length(digits + letters + n))
                && self.classes >> (classes | 4) & 1 == 1
    }

    /// Whether a value of the column may have this normal form. Never false for one that it has.
    #[must_use]
    #[inline]
    pub fn could_be(&self, normal: &[u8]) -> bool {
        self.lengths >> normal.len().min(63) & 1 == 1
            && self.classes >> combination(normal) & 1 == 1
            && self.prefixes.as_ref().is_none_or(|prefixes| prefixes.contains(prefix(normal)))
    }
}

fn prefix(normal: &[u8]) -> &[u8] {
    let letters = normal.iter().take(PREFIX).take_while(|b| b.is_ascii_alphabetic()).count();
    &normal[..letters]
}

/// Which of the 8 combinations of digits, letters and others the value is.
fn combination(normal: &[u8]) -> u8 {
    normal.iter().fold(0, |seen, b| {
        seen | if b.is_ascii_digit() {
            1
        } else if b.is_ascii_alphabetic() {
            2
        } else {
            4
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_could_be_and_other_shapes_could_not() {
        let mut shapes = TokenShapes::default();
        shapes.add(b"CRM922278215");
        let mut more = TokenShapes::default();
        more.add(b"EC1");
        shapes.merge(&more);
        assert!(shapes.could_be(b"CRM922278215") && shapes.could_be(b"CRM000000000") && shapes.could_be(b"EC9"));
        assert!(!shapes.could_be(b"MS0922278215") && !shapes.could_be(b"CRM92227821") && !shapes.could_be(b"123"));
    }

    #[test]
    fn too_many_prefixes_make_everything_possible() {
        let mut shapes = TokenShapes::default();
        for i in 0..100u8 {
            shapes.add(&[b'A' + i / 10, b'A' + i % 10, b'7']);
        }
        assert!(shapes.could_be(b"ZZ1"));
    }
}
