//! What the bytes of a cell look like: one pass that decides which kinds are worth trying.
//!
//! A false "yes" costs a hash, a false "no" loses a match: in doubt, yes. What a value means is decided by
//! `fingerprint::normalise`, never here.

use crate::fingerprint::Countries;
use crate::model::FieldKind;

/// Cells longer than this are not one value but a text: they are searched, not normalised whole. The longest kinds
/// (addresses, defanged e-mails) stay well below.
pub(super) const LONGEST_VALUE: usize = 160;

/// All that is asked of a cell before its value is: how many bytes of each class it has, and what it begins with. Cells that look alike are
/// tried as the same kinds, so that the answer can be kept ([`super::choice`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Look {
    /// A counter of eight bits for each class.
    pub(super) counts: u64,
    pub(super) start: Start,
}

/// What a cell begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub(super) enum Start {
    /// Neither a letter nor a digit of ASCII.
    #[default]
    Other,
    /// `00`, as an international number does.
    Zeros,
    /// Another digit.
    Digit,
    /// `t` or `T`, as `tel:` does.
    Tel,
    /// Another letter.
    Letter,
}

impl Start {
    #[inline(always)]
    fn of(cell: &[u8]) -> Self {
        match cell {
            [b'0', b'0', ..] => Self::Zeros,
            [b'0'..=b'9', ..] => Self::Digit,
            [b't' | b'T', ..] => Self::Tel,
            [b'a'..=b'z' | b'A'..=b'Z', ..] => Self::Letter,
            _ => Self::Other,
        }
    }
}

/// How many bytes of each class a cell has. `signs` are `marks` too.
#[derive(Debug, Clone, Copy, Default)]
#[cfg(target_arch = "x86_64")]
pub(super) struct Counts {
    pub(super) digits: u32,
    pub(super) letters: u32,
    pub(super) high: u32,
    pub(super) at: u32,
    pub(super) stars: u32,
    pub(super) spaces: u32,
    pub(super) marks: u32,
    pub(super) signs: u32,
}

impl Look {
    /// The look of a cell of fewer than 256 bytes that has so many of each class.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn counted(many: Counts, start: Start) -> Self {
        let of = |many: u32, class: u64| u64::from(many) * class;
        let counts = of(many.digits, DIGIT)
            | of(many.letters, LETTER)
            | of(many.high, HIGH)
            | of(many.at, AT)
            | of(many.stars, STAR)
            | of(many.spaces, SPACE)
            | of(many.marks, MARK)
            | of(many.signs, SIGN);
        Self { counts, start }
    }

    /// Looks at a cell of at most [`LONGEST_VALUE`] bytes.
    #[inline(always)]
    pub(super) fn at(cell: &[u8]) -> Self {
        debug_assert!(cell.len() <= LONGEST_VALUE);
        // No counter overflows: a cell is shorter than 256 bytes.
        let class = |byte: u8| CLASS[usize::from(byte)];
        let (fours, rest) = cell.as_chunks();
        let mut counts = 0;
        for [a, b, c, d] in fours {
            counts += (class(*a) + class(*b)) + (class(*c) + class(*d));
        }
        for byte in rest {
            counts += class(*byte);
        }
        Self { counts, start: Start::of(cell) }
    }
}

/// The same, counter by counter.
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
    /// Of these, `+`, `#` and `;`: what leads a country's code, and an extension.
    pub(super) signs: u8,
    /// White space inside.
    pub(super) spaces: u16,
    /// Whether all bytes are ASCII.
    pub(super) is_ascii: bool,
    start: Start,
}

/// One counter of eight bits for each class of byte, added up all at once.
const DIGIT: u64 = 1;
const LETTER: u64 = 1 << 8;
const HIGH: u64 = 1 << 16;
const AT: u64 = 1 << 24;
const STAR: u64 = 1 << 32;
const SPACE: u64 = 1 << 40;
const MARK: u64 = 1 << 48;
const SIGN: u64 = 1 << 56;

/// Class of each byte.
const CLASS: [u64; 256] = {
    let mut class = [MARK; 256];
    let mut b = 0;
    while b < 256 {
        class[b] = match b as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            0x80..=0xff => HIGH,
            b'@' | b'[' | b'(' | b'{' => AT,
            b'*' => STAR,
            b'+' | b'#' | b';' => MARK | SIGN,
            b' ' | b'\t' => SPACE,
            _ => MARK,
        };
        b += 1;
    }
    class
};

impl CellShape {
    /// Reads a cell of at most [`LONGEST_VALUE`] bytes.
    #[inline]
    pub(super) fn of(cell: &[u8]) -> Self {
        Self::from(Look::at(cell))
    }

    /// Whether an e-mail address, plain or defanged, may stand in it.
    #[inline]
    pub(super) fn may_be_email(&self) -> bool {
        self.at > 0 && self.letters >= 3
    }

    /// Whether one may that is spelled with words ([`has_word_at`] then decides).
    #[inline]
    pub(super) fn may_spell_email(&self) -> bool {
        self.spaces >= 2
    }

    /// Whether it may be a telephone number: as many digits as one has, or something that says more than they do.
    #[inline]
    pub(super) fn may_be_phone(&self, countries: &Countries) -> bool {
        self.digits >= 5
            && (countries.may_have(self.digits)
                || matches!(self.start, Start::Other | Start::Tel | Start::Zeros)
                // An extension has digits of its own; other alphabets have signs of their own.
                || self.letters > 0 && self.start == Start::Digit
                || self.signs > 0)
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

    /// Whether it may be read as a value of a weak kind. False is certain.
    pub(super) fn may_be(&self, kind: FieldKind) -> bool {
        match kind {
            FieldKind::LastName | FieldKind::FirstName | FieldKind::FullName => self.may_be_name(),
            // `1 jan 70` is the shortest, a day with its time of day the longest; digits alone are eight, or those of a moment.
            FieldKind::BirthDate => {
                (3..=32).contains(&self.digits)
                    && ((7..=13).contains(&self.digits) || self.letters + self.marks + self.spaces > 0)
            }
            FieldKind::Postcode => (1..=12).contains(&self.digits) && self.letters <= 12,
            _ => true,
        }
    }

    /// Whether it may be a value of a weak kind, where nothing tells what stands in the cell.
    pub(super) fn may_confirm(&self, kind: FieldKind) -> bool {
        // A district's number and that of its `CEDEX` stand beside the name of a town, and no more.
        self.may_be(kind) && (kind != FieldKind::City || self.letters >= 1 && self.digits <= 8)
    }
}

impl From<Look> for CellShape {
    #[inline]
    fn from(Look { counts, start }: Look) -> Self {
        let of = |class: u64| (counts / class) as u8;
        Self {
            digits: u16::from(of(DIGIT)),
            letters: u16::from(of(LETTER)) + u16::from(of(HIGH)),
            at: of(AT),
            stars: of(STAR),
            marks: u16::from(of(MARK)),
            signs: of(SIGN),
            spaces: u16::from(of(SPACE)),
            is_ascii: of(HIGH) == 0,
            start,
        }
    }
}

/// ` at ` as a word: the one spelling of `@` without a bracket.
pub(super) fn has_word_at(cell: &[u8]) -> bool {
    let mut rest = cell;
    while let Some(blank) = rest.iter().position(|b| *b == b' ') {
        rest = &rest[blank + 1..];
        if let [b'a' | b'A', b't' | b'T', b' ', ..] = rest {
            return true;
        }
    }
    false
}

/// Strips white space and the quotes and brackets that stand around a value without belonging to it.
#[inline(always)]
pub(super) fn trimmed(cell: &[u8]) -> &[u8] {
    // Letters and digits stand at both ends of nearly every cell.
    match cell {
        [first, .., last] if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() => cell,
        _ => stripped(cell),
    }
}

fn stripped(mut cell: &[u8]) -> &[u8] {
    loop {
        cell = match cell {
            [b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'`', rest @ ..] => rest,
            // Typographic quotes, no-break space.
            [0xe2, 0x80, 0x98..=0x9f | 0xb9 | 0xba, rest @ ..] | [0xc2, 0xa0 | 0xab | 0xbb, rest @ ..] => rest,
            _ => break,
        };
    }
    loop {
        cell = match cell {
            [rest @ .., b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'`' | b',' | b';'] => rest,
            [rest @ .., 0xe2, 0x80, 0x98..=0x9f | 0xb9 | 0xba] | [rest @ .., 0xc2, 0xa0 | 0xab | 0xbb] => rest,
            _ => break,
        };
    }
    cell
}

/// What databases and languages write where there is no value.
#[inline]
pub(super) fn is_absent(cell: &[u8]) -> bool {
    match cell {
        [] => true,
        [b'n' | b'N' | b'u' | b'U' | b'<' | b'(' | b'\\' | b'-' | b'?', ..] if cell.len() <= 9 => {
            is_word_for_absent(cell)
        }
        _ => false,
    }
}

fn is_word_for_absent(cell: &[u8]) -> bool {
    const WORDS: [&[u8]; 13] = [
        b"null",
        b"none",
        b"nil",
        b"nan",
        b"n/a",
        b"na",
        b"undefined",
        b"<null>",
        b"(null)",
        b"\\N",
        b"-",
        b"--",
        b"?",
    ];
    WORDS.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_counts_what_decides() {
        let shape = CellShape::of("+33 6 12 34 56 78".as_bytes());
        assert_eq!((shape.digits, shape.marks, shape.spaces), (11, 1, 5));
        assert!(shape.may_be_number() && !shape.may_be_name());
        assert!(CellShape::of(b"a.b@c.example").may_be_email());
        assert!(CellShape::of(b"a.b [at] c.example").may_be_email());
        let spelled = b"a.b at c.example";
        assert!(CellShape::of(spelled).may_spell_email() && has_word_at(spelled));
        assert!(CellShape::of("Jean-Pierre L\u{e9}vêque".as_bytes()).may_be_name());
    }

    proptest::proptest! {
        #[test]
        fn no_number_is_taken_for_something_else(
            digits in "[0-9]{6,14}",
            near in "[0-9+ .()/#;xt:-]{5,24}",
            written in "(00|\\+|\\(\\+)?[0-9]{2,3}[ .-]?(\\(0\\))?([0-9]{1,3}[ .-]?){2,5}(#[0-9]{1,4}| x[0-9]{1,3}|\\.0)?",
        ) {
            let countries = Countries::from_codes(["FR", "DE", "US"]).unwrap();
            let mut readings = crate::fingerprint::Readings::new();
            for raw in [&digits, &near, &written] {
                let cell = trimmed(raw.as_bytes());
                crate::fingerprint::readings(FieldKind::Phone, cell, &countries, &mut readings);
                let may = !cell.is_empty() && CellShape::of(cell).may_be_phone(&countries);
                proptest::prop_assert!(readings.is_empty() || may, "{:?}", raw);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_date_and_no_postcode_is_refused(
            date in "[0-9]{1,4}[-/. ]([0-9]{1,2}|jan|juillet)[-/. ][0-9]{1,4}( [0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{3,9})?)?Z?)?",
            odd in "[0-9 /.:-]{3,30}",
            code in "([A-Z]{1,2}-)?[A-Z0-9]{2,6}[ -]?[A-Z0-9]{0,6}",
        ) {
            let countries = Countries::from_codes(["FR", "GB", "US"]).unwrap();
            let mut readings = crate::fingerprint::Readings::new();
            for (kind, raw) in [(FieldKind::BirthDate, &date), (FieldKind::BirthDate, &odd), (FieldKind::Postcode, &code), (FieldKind::Postcode, &odd)] {
                let cell = trimmed(raw.as_bytes());
                crate::fingerprint::readings(kind, cell, &countries, &mut readings);
                proptest::prop_assert!(readings.is_empty() || CellShape::of(cell).may_confirm(kind), "{:?}", raw);
            }
        }
    }

    #[test]
    fn names_and_towns_are_told_from_numbers_and_addresses() {
        for (cell, name, town) in [
            ("Lef\u{e8}vre", true, true),
            ("Le Gallec-Durand", true, true),
            ("PARIS 12 CEDEX 12", false, true),
            ("ada.lovelace@mail.example", false, true),
            ("FR7612345678901234567890123", false, false),
            ("1986-07-15", false, false),
        ] {
            let shape = CellShape::of(cell.as_bytes());
            assert_eq!(
                (shape.may_confirm(FieldKind::LastName), shape.may_confirm(FieldKind::City)),
                (name, town),
                "{cell}"
            );
        }
    }

    #[test]
    fn what_stands_around_a_value_is_not_part_of_it() {
        assert_eq!(trimmed(b"  \"a b\", "), b"a b");
        assert_eq!(trimmed(b"\t"), b"");
        assert_eq!(trimmed("“a\u{a0}”".as_bytes()), b"a");
        assert_eq!(trimmed("« é »".as_bytes()), "é".as_bytes());
        assert!(is_absent(b"NULL") && is_absent(b"") && is_absent(b"\\N") && !is_absent(b"0"));
    }
}
