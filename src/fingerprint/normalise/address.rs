//! Streets, towns and postal codes.

use super::countries::Countries;
use super::fold::{self, Word, map_words};

/// Words of streets as they are shortened, in French addresses first of all.
const SHORT: &[(&[u8], &[u8])] = &[
    (b"r", b"rue"),
    (b"av", b"avenue"),
    (b"ave", b"avenue"),
    (b"bd", b"boulevard"),
    (b"blvd", b"boulevard"),
    (b"bld", b"boulevard"),
    (b"boul", b"boulevard"),
    (b"pl", b"place"),
    (b"all", b"allee"),
    (b"allees", b"allee"),
    (b"ch", b"chemin"),
    (b"che", b"chemin"),
    (b"chem", b"chemin"),
    (b"imp", b"impasse"),
    (b"rte", b"route"),
    (b"sq", b"square"),
    (b"crs", b"cours"),
    (b"fg", b"faubourg"),
    (b"fbg", b"faubourg"),
    (b"res", b"residence"),
    (b"lot", b"lotissement"),
    (b"qu", b"quai"),
    (b"st", b"saint"),
    (b"ste", b"sainte"),
    (b"gal", b"general"),
    (b"mal", b"marechal"),
    (b"pdt", b"president"),
    (b"dr", b"docteur"),
    (b"str", b"strasse"),
];

/// Number and street: its words, the usual abbreviations written out.
pub(super) fn street(raw: &[u8], out: &mut Vec<u8>) -> bool {
    if !fold::tokens(raw, out) {
        return false;
    }
    map_words(out, 0, |word| {
        SHORT.iter().find(|(short, _)| *short == word).map_or(Word::Keep, |(_, long)| Word::Replace(long))
    });
    true
}

/// A town: its words, `St` written out, without `CEDEX` and what follows it, without the number of a district.
pub(super) fn city(raw: &[u8], out: &mut Vec<u8>) -> bool {
    if !fold::tokens(raw, out) {
        return false;
    }
    if let Some(at) = memchr::memmem::find(out, b" cedex") {
        out.truncate(at);
    }
    let saint = |word: &[u8]| match word {
        b"st" => Word::Replace(b"saint"),
        b"ste" => Word::Replace(b"sainte"),
        _ if word.iter().all(u8::is_ascii_digit) => Word::Drop,
        _ => Word::Keep,
    };
    map_words(out, 0, saint);
    !out.is_empty()
}

/// The likeliest reading of a postal code.
pub(super) fn postcode(raw: &[u8], countries: &Countries, out: &mut Vec<u8>) -> bool {
    let mut found = false;
    each_postcode(raw, countries, |form| {
        if !found {
            out.extend_from_slice(form);
            found = true;
        }
    });
    found
}

/// Each reading of a postal code: letters and digits only, upper case; four digits also with the zero that
/// spreadsheets drop, where a configured country has codes of five.
pub(super) fn each_postcode(raw: &[u8], countries: &Countries, mut each: impl FnMut(&[u8])) {
    let raw = raw.strip_suffix(b".0").unwrap_or(raw);
    let mut form = [0u8; 12];
    let mut len = 0;
    for b in raw {
        match b {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' if len < form.len() => {
                form[len] = b.to_ascii_uppercase();
                len += 1;
            }
            b' ' | b'-' | b'.' if len < form.len() => {}
            _ => return,
        }
    }
    let mut code = &form[..len];
    // `F-75011`, `FR-75011`: the prefix of international mail.
    for prefix in [&b"FR"[..], b"F"] {
        if let Some(rest) = code.strip_prefix(prefix)
            && rest.len() == 5
            && rest.iter().all(u8::is_ascii_digit)
        {
            code = rest;
        }
    }
    if code.len() < 3 || !code.iter().any(u8::is_ascii_digit) {
        return;
    }
    if code.len() == 4 && code.iter().all(u8::is_ascii_digit) {
        let padded = [b'0', code[0], code[1], code[2], code[3]];
        let (with, without) = countries.postcode_digits();
        if with {
            each(&padded);
        }
        if without || !with {
            each(code);
        }
    } else {
        each(code);
    }
}
