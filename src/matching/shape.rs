//! What the bytes of a cell look like: one pass that decides which kinds are worth trying.
//!
//! A false "yes" costs a hash, a false "no" loses a match: in doubt, yes. What a value means is decided by
//! `fingerprint::normalise`, never here.

/// Cells longer than this are not one value but a text: they are searched, not normalised whole. The longest kinds
/// (addresses, defanged e-mails) stay well below.
pub(super) const LONGEST_VALUE: usize = 160;

/// Counts over the bytes of one cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CellShape {
    /// ASCII digits.
    pub(super) digits: u16,
    /// ASCII letters and bytes above 0x7f (letters, nearly always).
    pub(super) letters: u16,
    /// `@`, or a bracket or parenthesis that may stand for one.
    pub(super) at: u8,
    /// `*`, `•`-like fill, `x` runs are letters: characters that hide others.
    pub(super) stars: u8,
    /// Everything else but white space.
    pub(super) marks: u16,
    /// White space inside.
    pub(super) spaces: u16,
}

const DIGIT: u8 = 1;
const LETTER: u8 = 2;
const AT: u8 = 3;
const STAR: u8 = 4;
const SPACE: u8 = 5;

/// Class of each byte; 0 is "everything else".
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut b = 0;
    while b < 256 {
        class[b] = match b as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | 0x80..=0xff => LETTER,
            b'@' | b'[' | b'(' | b'{' => AT,
            b'*' => STAR,
            b' ' | b'\t' => SPACE,
            _ => 0,
        };
        b += 1;
    }
    class
};

impl CellShape {
    /// Reads a cell of at most [`LONGEST_VALUE`] bytes.
    #[inline]
    pub(super) fn of(cell: &[u8]) -> Self {
        debug_assert!(cell.len() <= LONGEST_VALUE);
        // Bytes of a word: a cell is shorter than 255, so no lane overflows.
        let mut counts = [0u8; 8];
        for &byte in cell {
            counts[CLASS[byte as usize] as usize & 7] += 1;
        }
        Self {
            digits: u16::from(counts[DIGIT as usize]),
            letters: u16::from(counts[LETTER as usize]),
            at: counts[AT as usize],
            stars: counts[STAR as usize],
            marks: u16::from(counts[0]),
            spaces: u16::from(counts[SPACE as usize]),
        }
    }

    /// Whether an e-mail address, plain or defanged, may stand in it.
    #[inline]
    pub(super) fn may_be_email(&self, cell: &[u8]) -> bool {
        self.at > 0 && self.letters >= 3 || self.spaces >= 2 && has_word_at(cell)
    }

    /// Whether it may be a number that finds: a telephone number, an account, a contract.
    #[inline]
    pub(super) fn may_be_number(&self) -> bool {
        self.digits >= 5
    }

    /// Whether it may be the name of a person, alone or with others.
    #[inline]
    pub(super) fn may_be_name(&self) -> bool {
        self.digits == 0 && self.at == 0 && self.stars == 0 && self.letters >= 2 && self.marks <= 4 && self.spaces <= 6
    }
}

/// ` at ` as a word: the one spelling of `@` without a bracket.
fn has_word_at(cell: &[u8]) -> bool {
    cell.windows(4).any(|w| w.eq_ignore_ascii_case(b" at "))
}

/// Strips white space and the quotes and brackets that stand around a value without belonging to it.
#[inline]
pub(super) fn trimmed(mut cell: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = cell {
        if matches!(first, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'`') {
            cell = rest;
        } else {
            break;
        }
    }
    while let [rest @ .., last] = cell {
        if matches!(last, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'`' | b',' | b';') {
            cell = rest;
        } else {
            break;
        }
    }
    cell
}

/// What databases and languages write where there is no value.
pub(super) fn is_absent(cell: &[u8]) -> bool {
    cell.is_empty()
        || matches!(cell, b"\\N" | b"-" | b"--" | b"?")
        || cell.len() <= 9
            && [&b"null"[..], b"none", b"nil", b"nan", b"n/a", b"undefined", b"<null>", b"(null)", b"na"]
                .iter()
                .any(|word| cell.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_counts_what_decides() {
        let shape = CellShape::of("+33 6 12 34 56 78".as_bytes());
        assert_eq!((shape.digits, shape.marks, shape.spaces), (11, 1, 5));
        assert!(shape.may_be_number() && !shape.may_be_name());
        assert!(CellShape::of(b"a.b@c.example").may_be_email(b"a.b@c.example"));
        assert!(CellShape::of(b"a.b [at] c.example").may_be_email(b"a.b [at] c.example"));
        assert!(CellShape::of(b"a.b at c.example").may_be_email(b"a.b at c.example"));
        assert!(CellShape::of("Jean-Pierre L\u{e9}vêque".as_bytes()).may_be_name());
    }

    #[test]
    fn what_stands_around_a_value_is_not_part_of_it() {
        assert_eq!(trimmed(b"  \"a b\", "), b"a b");
        assert_eq!(trimmed(b"\t"), b"");
        assert!(is_absent(b"NULL") && is_absent(b"") && is_absent(b"\\N") && !is_absent(b"0"));
    }
}
