//! Telephone numbers: the digits of their international form (E.164 without the `+`).

use super::countries::{Countries, Plan, calling_code};

/// The most digits of an international number, and of anything that is written as one (a trunk zero or `00` comes on top).
const MAX_DIGITS: usize = 20;

/// A number as written: its digits, and whether it begins with the sign of an international one.
struct Written<'a> {
    digits: &'a [u8],
    plus: bool,
}

/// The likeliest reading.
pub(super) fn likeliest(raw: &[u8], countries: &Countries, out: &mut Vec<u8>) -> bool {
    let mut found = false;
    each(raw, countries, |form| {
        if !found {
            out.extend_from_slice(form);
            found = true;
        }
    });
    found
}

/// Each reading: with a calling code one, else one for each configured country in which the number is possible.
pub(super) fn each(raw: &[u8], countries: &Countries, mut each: impl FnMut(&[u8])) {
    // Only `tel:` begins with a letter: most of what is asked is something else.
    if raw.first().is_some_and(|b| b.is_ascii_alphabetic() && !matches!(b, b't' | b'T')) {
        return;
    }
    let mut buffer = [0; MAX_DIGITS];
    let Some(Written { digits, plus }) = read(raw, &mut buffer) else { return };
    let international = if plus { Some(digits) } else { digits.strip_prefix(b"00") };
    if let Some(digits) = international {
        with_code(digits, &mut each);
        return;
    }
    // As dialled at home: trunk prefix and national number.
    for plan in countries.plans() {
        if !plan.trunk.is_empty()
            && let Some(national) = digits.strip_prefix(plan.trunk.as_bytes())
            && plan.takes(national)
        {
            emit(plan.code, national, &mut each);
        }
    }
    // Calling code without a sign (`33612345678`, also with a trunk zero behind it).
    for plan in countries.plans() {
        if let Some(rest) = digits.strip_prefix(plan.code.as_bytes()) {
            let national = without_trunk(plan, rest);
            if plan.takes(national) {
                emit_coded(plan, digits, national, &mut each);
            }
        }
    }
    // The national number alone: there is no trunk prefix, or a spreadsheet took it for a leading zero.
    for plan in countries.plans() {
        if plan.takes(digits) {
            emit(plan.code, digits, &mut each);
        }
    }
}

fn emit(code: &str, national: &[u8], each: &mut impl FnMut(&[u8])) {
    let mut form = [0u8; MAX_DIGITS + 4];
    let (head, len) = (code.len(), code.len() + national.len());
    form[..head].copy_from_slice(code.as_bytes());
    form[head..len].copy_from_slice(national);
    each(&form[..len]);
}

/// The number whose `digits` are the plan's code and `national` behind it, with or without a trunk prefix between.
fn emit_coded(plan: &Plan, digits: &[u8], national: &[u8], each: &mut impl FnMut(&[u8])) {
    if plan.code.len() + national.len() == digits.len() {
        each(digits);
    } else {
        emit(plan.code, national, each);
    }
}

/// A number that names its country. Known codes lose a trunk prefix that was left behind them; unknown ones stay as they are.
fn with_code(digits: &[u8], each: &mut impl FnMut(&[u8])) {
    if !(7..=16).contains(&digits.len()) || digits[0] == b'0' {
        return;
    }
    match calling_code(digits) {
        Some(plan) => {
            let national = without_trunk(plan, &digits[plan.code.len()..]);
            if (4..=14).contains(&national.len()) {
                emit_coded(plan, digits, national, each);
            }
        }
        None if digits.len() <= 15 => each(digits),
        None => {}
    }
}

fn without_trunk<'a>(plan: &Plan, digits: &'a [u8]) -> &'a [u8] {
    match digits.strip_prefix(plan.trunk.as_bytes()) {
        Some(national) if !plan.trunk.is_empty() && !plan.takes(digits) && plan.takes(national) => national,
        _ => digits,
    }
}

/// Reads the digits, into the buffer where they do not stand side by side. None where what is written is no number: letters (an exponent
/// among them: `6.12E+08` has lost its last digits for good), a mask, too many or too few digits.
fn read<'a>(raw: &'a [u8], buffer: &'a mut [u8; MAX_DIGITS]) -> Option<Written<'a>> {
    let raw = match raw.split_at_checked(4) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"tel:") => rest.trim_ascii(),
        _ => raw,
    };
    // Digits alone, as databases hold them.
    let (plus, digits) = raw.strip_prefix(b"+").map_or((false, raw), |digits| (true, digits));
    if (6..=MAX_DIGITS).contains(&digits.len()) && all_digits(digits) {
        return Some(Written { digits, plus });
    }
    let (mut plus, mut len) = (false, 0);
    let mut at = 0;
    while at < raw.len() {
        let b = raw[at];
        match b {
            b'0'..=b'9' => {
                if len == MAX_DIGITS {
                    return None;
                }
                buffer[len] = b;
                len += 1;
            }
            b'+' if len == 0 => plus = true,
            // The trunk zero of `+33 (0)6 12 …`.
            b'(' if len > 0 && raw[at..].starts_with(b"(0)") => at += 2,
            // A spreadsheet's decimal: nothing follows it.
            b'.' if len >= 8 && &raw[at..] == b".0" => break,
            b' ' | b'\t' | b'.' | b'-' | b'/' | b'(' | b')' | b'_' | b',' | b'\'' => {}
            _ => match skipped(&raw[at..]) {
                Skipped::Separator(len) => at += len - 1,
                Skipped::Extension if len >= 8 => break,
                _ => return None,
            },
        }
        at += 1;
    }
    (len >= 6).then_some(Written { digits: &buffer[..len], plus })
}

/// Whether all bytes are digits: eight at a time where there are as many.
fn all_digits(bytes: &[u8]) -> bool {
    let eight = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        // `:` to `?`, too, have a 3 for their upper half, until 6 is added. No byte below 0x80 carries into the next.
        let halves = word & 0xf0f0_f0f0_f0f0_f0f0;
        halves == 0x3030_3030_3030_3030 && (word + 0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0 == halves
    };
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) if bytes.len() <= 16 => eight(first) && eight(last),
        _ => bytes.iter().all(u8::is_ascii_digit),
    }
}

enum Skipped {
    /// So many bytes of white space, dash or dot in another alphabet.
    Separator(usize),
    /// The beginning of an extension: `x12`, `ext. 12`, `poste 12`, `#12`.
    Extension,
    /// No part of a number.
    Other,
}

fn skipped(rest: &[u8]) -> Skipped {
    const EXTENSIONS: &[&[u8]] = &[b"ext", b"poste", b"x", b"#", b";"];
    let is = |word: &&[u8]| rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word);
    if EXTENSIONS.iter().any(is) {
        return Skipped::Extension;
    }
    match rest {
        // No-break space, middle dot.
        [0xc2, 0xa0 | 0xad | 0xb7, ..] => Skipped::Separator(2),
        // Spaces and dashes of U+2000 to U+202F, bullets excepted: they mask.
        [0xe2, 0x80, 0x80..=0x95 | 0xaa..=0xaf, ..] => Skipped::Separator(3),
        [0xe2, 0x81, 0xa0, ..] | [0xef, 0xbb, 0xbf, ..] => Skipped::Separator(3),
        _ => Skipped::Other,
    }
}
