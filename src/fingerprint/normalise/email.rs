//! E-mail addresses, also as they are written to escape harvesters.

use unicode_normalization::UnicodeNormalization;

/// What may stand around an address without being part of it.
const AROUND: &[u8] = b" \t<>\"'`()[]{},;:.!";

/// Spellings of `@` and of `.`, after lower-casing. Longer before shorter.
const DEFANGED_AT: &[&str] = &[
    "[at]",
    "(at)",
    "{at}",
    "<at>",
    "[@]",
    "(@)",
    "{@}",
    "_at_",
    "(arobase)",
    "[arobase]",
    " arobase ",
    " at ",
    " @ ",
];
const DEFANGED_DOT: &[&str] =
    &["[dot]", "(dot)", "{dot}", "<dot>", "[.]", "(.)", "{.}", "[point]", "(point)", " dot ", " point "];

/// Local part and domain in lower case; the domain of an internationalised address in its ASCII form.
pub(super) fn normalise(raw: &[u8], out: &mut Vec<u8>) -> bool {
    // A second `@` would stand in the domain. What has none, or several, is most of what is asked besides addresses, and the rest is long.
    if raw.is_ascii() && (!has_at(raw) || memchr::memchr_iter(b'@', raw).count() > 1) {
        return false;
    }
    let bare = strip(raw);
    if plain(bare, out) {
        return true;
    }
    out.clear();
    if bare.first() == Some(&b'@') {
        return false;
    }
    // Whatever is rare takes the long way: it is still bounded by the length of a value.
    std::str::from_utf8(raw).is_ok_and(|text| unusual(text, out))
}

/// Whether an `@` stands in a text in ASCII, or what [`DEFANGED_AT`] spells it with: nearly all that is asked has neither, and the long
/// way is long.
fn has_at(raw: &[u8]) -> bool {
    let opens = |b: u8| matches!(b, b'[' | b'(' | b'{' | b'<' | b'_' | b' ');
    let closes = |b: u8| matches!(b, b']' | b')' | b'}' | b'>' | b'_' | b' ');
    let is = |at: usize, word: &[u8]| {
        raw.get(at..at + word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word))
            && raw.get(at + word.len()).is_some_and(|b| closes(*b))
    };
    memchr::memchr(b'@', raw).is_some()
        || memchr::memchr2_iter(b'a', b'A', raw)
            .filter(|at| *at > 0 && opens(raw[at - 1]) && (is(*at, b"at") || is(*at, b"arobase")))
            .any(|at| raw[at - 1] != b' ' || may_be_local(raw[..at].trim_ascii()))
}

/// Whether what stands before a plain ` at ` may be a local part: one word, or several with dots between, spelled or not. In `bought 2 at`
/// there is none.
fn may_be_local(words: &[u8]) -> bool {
    let spells = |dot: &[u8]| words.windows(dot.len()).any(|w| w.eq_ignore_ascii_case(dot));
    memchr::memchr(b' ', words).is_none() || memchr::memchr(b'.', words).is_some() || spells(b"dot") || spells(b"point")
}

/// Appends an address in ASCII that stands by itself, as nearly all do, in its normal form. False, and part of it left behind, where there is
/// more to see to: [`normalise`] then decides.
#[inline]
pub(super) fn append_plain(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(at) = memchr::memchr(b'@', raw) else { return false };
    let (local, domain) = (&raw[..at], &raw[at + 1..]);
    let ([first, ..], [head, .., last]) = (local, domain) else { return false };
    // Labels of at most 63 bytes: certain where the whole is no longer.
    if local.len() > 64 || domain.len() > 63 || *head == b'.' || *last == b'.' || AROUND.contains(first) {
        return false;
    }
    if !append_lowered(local, IN_LOCAL, out) {
        return false;
    }
    out.push(b'@');
    append_lowered(domain, IN_DOMAIN, out) && !domain.windows(2).fold(false, |any, pair| any | (pair == b".."))
}

/// Appends the bytes in lower case; whether all are of the class. No early exit: nearly all pass, and a loop without one is quick.
#[inline(always)]
fn append_lowered(bytes: &[u8], class: u16, out: &mut Vec<u8>) -> bool {
    let mut all = class;
    out.extend(bytes.iter().map(|b| {
        let entry = LOWERED[usize::from(*b)];
        all &= entry;
        entry as u8
    }));
    all == class
}

/// Classes of the bytes of an address.
const IN_LOCAL: u16 = 0x100;
const IN_DOMAIN: u16 = 0x200;
/// Each byte in lower case, with its classes above: one look for both.
const LOWERED: [u16; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        let c = (b as u8).to_ascii_lowercase();
        let domain = c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'-' | b'_');
        table[b] = c as u16 | if LOCAL[b] { IN_LOCAL } else { 0 } | if domain { IN_DOMAIN } else { 0 };
        b += 1;
    }
    table
};

fn strip(mut raw: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = raw
        && AROUND.contains(first)
    {
        raw = rest;
    }
    while let [rest @ .., last] = raw
        && AROUND.contains(last)
    {
        raw = rest;
    }
    match raw.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"mailto:") => rest,
        _ => raw,
    }
}

/// An address in ASCII as it is usually written: the path that nearly all take.
fn plain(bare: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(at) = memchr::memchr(b'@', bare) else { return false };
    let (local, domain) = (&bare[..at], &bare[at + 1..]);
    if local.is_empty() || local.len() > 64 || domain.len() > 253 || !local.iter().all(|b| is_local(*b)) {
        return false;
    }
    out.extend(bare.iter().map(u8::to_ascii_lowercase));
    is_domain(&out[at + 1..])
}

/// What stands in a local part: a table, because every byte of every address is asked.
const LOCAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0u8;
    while b < 128 {
        table[b as usize] = b.is_ascii_alphanumeric();
        b += 1;
    }
    let others = b"._-+'%!#$&/=?^`{|}~";
    let mut i = 0;
    while i < others.len() {
        table[others[i] as usize] = true;
        i += 1;
    }
    table
};

fn is_local(b: u8) -> bool {
    LOCAL[usize::from(b)]
}

fn is_domain(domain: &[u8]) -> bool {
    !domain.is_empty()
        && domain.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_'))
        && domain.split(|b| *b == b'.').all(|label| !label.is_empty() && label.len() <= 63)
}

fn unusual(text: &str, out: &mut Vec<u8>) -> bool {
    let mut text: String =
        text.nfkc().filter(|c| !super::fold::is_invisible(*c)).flat_map(char::to_lowercase).nfkc().collect();
    for spelling in DEFANGED_AT {
        if text.contains(spelling) {
            text = text.replace(spelling, "@");
        }
    }
    for spelling in DEFANGED_DOT {
        if text.contains(spelling) {
            text = text.replace(spelling, ".");
        }
    }
    // `name @ host . tld`
    for (spaced, tight) in [(" @", "@"), ("@ ", "@"), (" .", "."), (". ", ".")] {
        while text.contains(spaced) {
            text = text.replace(spaced, tight);
        }
    }
    let around = |c: char| c.is_whitespace() || (c.is_ascii() && AROUND.contains(&(c as u8)));
    let bare = text.trim_matches(around);
    let bare = bare.strip_prefix("mailto:").unwrap_or(bare);
    let Some((local, domain)) = bare.split_once('@') else { return false };
    let is_written = |c: char| if c.is_ascii() { is_local(c as u8) } else { c.is_alphanumeric() };
    if local.is_empty() || local.len() > 64 || !local.chars().all(is_written) {
        return false;
    }
    let Ok(domain) = idna::domain_to_ascii(domain) else { return false };
    out.extend_from_slice(local.as_bytes());
    out.push(b'@');
    out.extend_from_slice(domain.as_bytes());
    is_domain(domain.as_bytes())
}
