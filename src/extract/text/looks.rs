//! What a cell looks like, from its characters alone: the evidence on which tables, headers and records are told from
//! prose. Nothing here normalises or validates; that is the affair of `fingerprint`.

/// The looks of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    /// Nothing in it, or a word for nothing.
    Empty,
    /// An e-mail address, whole or masked.
    Email,
    /// Digits with the punctuation of numbers: an amount, a telephone number, a code.
    Number,
    /// A date, with or without a time.
    Date,
    /// Letters and digits as in an IBAN, a contract number, an identifier.
    Code,
    /// An IP address.
    Ip,
    /// A web address.
    Url,
    /// A long run of hexadecimal digits.
    Hash,
    /// One word.
    Word,
    /// Two to six words.
    Words,
    /// More words than a field holds.
    Phrase,
    /// An address among words, as in a sentence.
    Mixed,
    /// Brackets, quotes or controls without a meaning in a field.
    Noise,
}

impl Looks {
    /// Whether prose would hardly look so: the cell has a type.
    pub(crate) fn typed(self) -> bool {
        !matches!(self, Self::Empty | Self::Word | Self::Words | Self::Phrase | Self::Mixed | Self::Noise)
    }

    /// How well the cell fits into a table, from 0 to 1.
    pub(crate) fn fit(self) -> f32 {
        match self {
            Self::Email | Self::Date | Self::Ip | Self::Hash | Self::Url => 1.0,
            Self::Number | Self::Code => 0.9,
            Self::Word => 0.8,
            Self::Words => 0.7,
            Self::Empty => 0.5,
            Self::Phrase => 0.15,
            Self::Mixed | Self::Noise => 0.0,
        }
    }
}

#[derive(Default)]
struct Counts {
    digits: usize,
    letters: usize,
    spaces: usize,
    ats: usize,
    dots: usize,
    colons: usize,
    dashes: usize,
    stars: usize,
    hex: usize,
    number_marks: usize,
    odd: usize,
}

fn count(cell: &[u8]) -> Counts {
    let mut c = Counts::default();
    for &b in cell {
        match b {
            b'0'..=b'9' => {
                c.digits += 1;
                c.hex += 1;
            }
            b'a'..=b'f' | b'A'..=b'F' => {
                c.letters += 1;
                c.hex += 1;
            }
            b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => c.letters += 1,
            b' ' => c.spaces += 1,
            b'@' => c.ats += 1,
            b'.' => c.dots += 1,
            b':' => c.colons += 1,
            b'-' | b'/' => c.dashes += 1,
            b'*' => c.stars += 1,
            b'+' | b'(' | b')' | b',' | b'%' | b'$' => c.number_marks += 1,
            b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'"' | b'=' | 0..=0x1f => c.odd += 1,
            _ => {}
        }
    }
    c
}

/// Words that stand for no value.
pub(crate) fn is_null(cell: &[u8]) -> bool {
    matches!(cell, b"" | b"-" | b"\\N" | b"N/A" | b"n/a" | b"NA")
        || [&b"null"[..], b"none", b"nil", b"(null)"].iter().any(|null| cell.eq_ignore_ascii_case(null))
}

/// What `cell` looks like.
pub(crate) fn looks(cell: &[u8]) -> Looks {
    let cell = cell.trim_ascii();
    if is_null(cell) {
        return Looks::Empty;
    }
    if cell.len() > 160 {
        return if cell.len() < 4096 && count(cell).spaces == 0 { Looks::Hash } else { Looks::Phrase };
    }
    let c = count(cell);
    if c.ats >= 1 && c.spaces == 0 && c.odd == 0 && (c.dots > 0 || c.stars > 0) {
        return if c.ats == 1 { Looks::Email } else { Looks::Noise };
    }
    // An address among words: a stretch of prose rather than a value.
    if c.ats >= 1 && c.spaces > 0 && c.dots > 0 && c.odd == 0 {
        return Looks::Mixed;
    }
    if c.colons > 0 && c.spaces == 0 && memchr::memmem::find(cell, b"://").is_some() {
        return Looks::Url;
    }
    if c.digits > 0 && c.letters == 0 && c.odd == 0 {
        return numeric(cell, &c);
    }
    mixed(cell, &c)
}

fn numeric(cell: &[u8], c: &Counts) -> Looks {
    if c.dots == 3 && c.digits + 3 == cell.len() && (4..=12).contains(&c.digits) {
        return Looks::Ip;
    }
    let separators = c.dashes + c.dots;
    if (4..=8).contains(&c.digits) && separators == 2 && c.spaces == 0 && c.number_marks == 0 {
        return Looks::Date;
    }
    if c.colons >= 1 && c.digits >= 10 && separators >= 2 {
        return Looks::Date;
    }
    if c.spaces > 8 { Looks::Noise } else { Looks::Number }
}

fn mixed(cell: &[u8], c: &Counts) -> Looks {
    if c.odd > 0 {
        return Looks::Noise;
    }
    // ISO 8601 with its `T` and `Z`.
    if c.digits >= 12 && c.letters <= 2 && c.dashes >= 2 && c.colons >= 1 {
        return Looks::Date;
    }
    if c.hex == cell.len() && cell.len() >= 16 && c.digits > 0 {
        return Looks::Hash;
    }
    if c.digits >= 4 && c.digits * 2 > c.letters && c.spaces * 3 <= c.digits && c.letters > 0 {
        return Looks::Code;
    }
    match c.spaces {
        0 => Looks::Word,
        1..=6 => Looks::Words,
        _ => Looks::Phrase,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_told_apart() {
        for (cell, expected) in [
            ("", Looks::Empty),
            ("NULL", Looks::Empty),
            ("jeanne@courriel.example", Looks::Email),
            ("j***@courriel.example", Looks::Email),
            ("+33 (0)6 12 34 56 78", Looks::Number),
            ("06.12.34.56.78", Looks::Number),
            ("1970-01-02", Looks::Date),
            ("02/01/1970", Looks::Date),
            ("2026-10-24T07:26:00Z", Looks::Date),
            ("192.0.2.17", Looks::Ip),
            ("https://shop.example/a", Looks::Url),
            ("FR7630001007941234567890185", Looks::Code),
            ("CRM905917479", Looks::Code),
            ("5f4dcc3b5aa765d61d8327deb882cf99", Looks::Hash),
            ("Étienne", Looks::Word),
            ("12 rue des Lilas", Looks::Words),
            ("Selling many lines that were never posted anywhere before", Looks::Phrase),
            ("[b]fresh[/b]", Looks::Noise),
        ] {
            assert_eq!(looks(cell.as_bytes()), expected, "{cell}");
        }
    }
}
