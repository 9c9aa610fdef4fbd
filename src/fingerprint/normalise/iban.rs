//! Bank account numbers.

/// Letters and digits, upper case: two letters, two digits, 11 to 30 more. The check digits are not asked for, since an export may
/// hold mistyped accounts; [`is_valid`] tells.
pub(super) fn normalise(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let raw = raw.strip_prefix(b"IBAN").or_else(|| raw.strip_prefix(b"iban")).unwrap_or(raw);
    let mut left = raw;
    while let [b, rest @ ..] = left {
        match b {
            b'0'..=b'9' | b'A'..=b'Z' => out.push(*b),
            b'a'..=b'z' => out.push(b & !0x20),
            b' ' | b'-' | b'.' | b'\t' | b'_' | b':' => {}
            // No-break and narrow no-break space.
            0xc2 if rest.first() == Some(&0xa0) => left = &left[1..],
            0xe2 if rest.starts_with(&[0x80, 0xaf]) => left = &left[2..],
            _ => return false,
        }
        left = &left[1..];
        // Most numbers that are none begin otherwise: they need not be read to their end.
        if !may_go_on(out) {
            return false;
        }
    }
    out.len() >= 15
}

/// Whether what was taken so far may be the beginning of an account number.
#[inline]
fn may_go_on(taken: &[u8]) -> bool {
    match taken {
        [.., last] if taken.len() <= 2 => last.is_ascii_uppercase(),
        [.., last] if taken.len() <= 4 => last.is_ascii_digit(),
        _ => taken.len() <= 34,
    }
}

/// Appends an account number without anything between its characters. False, and part of it left behind, where there is more to see to:
/// [`normalise`] then decides.
#[inline]
pub(super) fn append_plain(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let [a, b, c, d, rest @ ..] = raw else { return false };
    // `IBANFR…` has letters where the check digits stand.
    let head = a.is_ascii_alphabetic() & b.is_ascii_alphabetic() & c.is_ascii_digit() & d.is_ascii_digit();
    if !head || !(11..=30).contains(&rest.len()) {
        return false;
    }
    let mut plain = PLAIN;
    out.extend(raw.iter().map(|b| {
        let entry = RAISED[usize::from(*b)];
        plain &= entry;
        entry as u8
    }));
    plain & PLAIN != 0
}

/// Said of letters and digits.
const PLAIN: u16 = 0x100;
/// Each byte in upper case, and whether it is a letter or digit: one look for both.
const RAISED: [u16; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        let c = b as u8;
        table[b] = c.to_ascii_uppercase() as u16 | if c.is_ascii_alphanumeric() { PLAIN } else { 0 };
        b += 1;
    }
    table
};

/// Whether the check digits of a normal form agree (ISO 7064, mod 97-10): what a token found in running text must pass.
#[must_use]
pub fn is_valid(normal: &[u8]) -> bool {
    if normal.len() < 15 {
        return false;
    }
    let remainder = normal[4..].iter().chain(&normal[..4]).try_fold(0u32, |rest, b| match b {
        b'0'..=b'9' => Some((rest * 10 + u32::from(b - b'0')) % 97),
        b'A'..=b'Z' => Some((rest * 100 + u32::from(b - b'A') + 10) % 97),
        _ => None,
    });
    remainder == Some(1)
}
