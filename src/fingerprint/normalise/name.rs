//! Names of persons and companies, and login names.

use super::fold::{self, Word, map_words};
use unicode_normalization::UnicodeNormalization;

/// Words before a name that are no part of it.
const CIVILITIES: &[&[u8]] = &[
    b"m",
    b"mr",
    b"mme",
    b"mlle",
    b"mrs",
    b"ms",
    b"miss",
    b"dr",
    b"me",
    b"monsieur",
    b"madame",
    b"mademoiselle",
    b"herr",
    b"frau",
];

/// Legal forms, which one system writes and the other does not.
const LEGAL_FORMS: &[&[u8]] = &[
    b"sa", b"sas", b"sasu", b"sarl", b"eurl", b"earl", b"snc", b"sci", b"scop", b"selarl", b"gie", b"gaec", b"ltd",
    b"limited", b"llc", b"inc", b"plc", b"gmbh", b"ag", b"bv", b"nv", b"sprl", b"srl", b"spa", b"sl",
];

/// A first or last name: its words in their order.
pub(super) fn plain(raw: &[u8], out: &mut Vec<u8>) -> bool {
    fold::tokens(raw, out) && out.iter().any(|b| !b.is_ascii_digit() && *b != b' ')
}

/// A full name: its words sorted, so that neither the order nor the split into columns matters, without the civility.
pub(super) fn full(raw: &[u8], out: &mut Vec<u8>) -> bool {
    if !plain(raw, out) {
        return false;
    }
    sort_name(out);
    true
}

/// The full name of first and last name in normal form: the same as [`full`] makes of both with a space between.
pub(super) fn joined(last: &[u8], first: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(last);
    if !last.is_empty() && !first.is_empty() {
        out.push(b' ');
    }
    out.extend_from_slice(first);
    sort_name(out);
}

fn sort_name(out: &mut Vec<u8>) {
    // A civility stands before two words at least; a lone `M Martin` may be an initial.
    if out.iter().filter(|b| **b == b' ').count() >= 2 {
        let first = out.split(|b| *b == b' ').next().unwrap_or_default();
        if CIVILITIES.contains(&first) {
            let cut = first.len() + 1;
            out.drain(..cut);
        }
    }
    sort_words(out);
}

/// Sorts the words of `out`, which stand with single spaces between.
fn sort_words(out: &mut Vec<u8>) {
    /// A "name" of more words is none; that its order counts harms nobody.
    const MOST: usize = 16;
    let mut words = [(0u16, 0u16); MOST];
    let (mut count, mut from, mut in_order) = (0, 0, true);
    while from <= out.len() {
        if count == MOST {
            return;
        }
        // Words are short: a search costs more to begin than to go along.
        let to = out[from..].iter().position(|b| *b == b' ').map_or(out.len(), |length| from + length);
        // Nearly every name has two or three words: each is put where it belongs as it comes.
        let mut at = count;
        while at > 0 && out[from..to] < out[usize::from(words[at - 1].0)..usize::from(words[at - 1].1)] {
            words[at] = words[at - 1];
            at -= 1;
        }
        in_order &= at == count;
        words[at] = (from as u16, to as u16);
        count += 1;
        from = to + 1;
    }
    if in_order {
        return;
    }
    let end = out.len();
    for (no, (from, to)) in words[..count].iter().enumerate() {
        if no > 0 {
            out.push(b' ');
        }
        out.extend_from_within(usize::from(*from)..usize::from(*to));
    }
    out.drain(..end);
}

/// A company: its words without the legal form, unless nothing else is left.
pub(super) fn company(raw: &[u8], out: &mut Vec<u8>) -> bool {
    if !fold::tokens(raw, out) {
        return false;
    }
    let is_form = |word: &[u8]| LEGAL_FORMS.contains(&word);
    if out.split(|b| *b == b' ').any(|word| !is_form(word)) {
        map_words(out, 0, |word| if is_form(word) { Word::Drop } else { Word::Keep });
    }
    true
}

/// A login name: as written, without regard to case and width.
pub(super) fn username(raw: &[u8], out: &mut Vec<u8>) -> bool {
    if raw.is_ascii() {
        out.extend(raw.iter().map(u8::to_ascii_lowercase));
    } else {
        let Ok(text) = std::str::from_utf8(raw) else { return false };
        let folded: String = text.nfkc().flat_map(char::to_lowercase).nfkc().collect();
        out.extend_from_slice(folded.trim().as_bytes());
    }
    !out.is_empty() && !out.iter().any(|b| b.is_ascii_control())
}
