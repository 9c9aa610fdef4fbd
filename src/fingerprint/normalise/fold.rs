//! Letters without case, accents and compatibility forms, and words without punctuation: the ground of names and texts.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Appends the words of `raw`, folded, with single spaces between. False if there is no word or `raw` is not UTF-8.
///
/// Words end at white space and punctuation. A dot between single letters is dropped (`S.A.R.L.` is one word, `J.P.` too), any
/// other ends the word.
pub(super) fn tokens(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    if raw.is_ascii() {
        if !raw.contains(&b'.') {
            plain_words(raw, out);
            return out.len() > start;
        }
        out.extend(raw.iter().map(|b| ascii(*b)));
    } else {
        let Ok(text) = std::str::from_utf8(raw) else { return false };
        letters(text, out);
    }
    squeeze(out, start);
    out.len() > start
}

#[inline]
fn ascii(b: u8) -> u8 {
    match b {
        b'A'..=b'Z' => b | 0x20,
        b'a'..=b'z' | b'0'..=b'9' | b'.' => b,
        _ => b' ',
    }
}

/// Appends the words of ASCII without dots: each byte in its place, and the place taken again where one space follows another.
fn plain_words(raw: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + raw.len(), 0);
    let room = &mut out[start..];
    let (mut many, mut after_space) = (0, true);
    for byte in raw {
        let folded = ascii(*byte);
        room[many] = folded;
        many += usize::from(!(after_space && folded == b' '));
        after_space = folded == b' ';
    }
    many -= usize::from(many > 0 && after_space);
    out.truncate(start + many);
}

/// Appends `text` with its letters folded and everything else, dots excepted, as spaces.
fn letters(text: &str, out: &mut Vec<u8>) {
    for c in text.chars() {
        if c.is_ascii() {
            out.push(ascii(c as u8));
        } else if let Some(plain) = western(c) {
            out.extend_from_slice(plain.as_bytes());
        } else if !is_invisible(c) {
            fold_rare(c, out);
        }
    }
}

/// What stands within words and is not seen: soft hyphens, joiners, marks of direction, byte order marks.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// The accented letters of western Europe, so that names with an accent do not leave the quick path.
fn western(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'À' | 'Á' | 'Â' | 'Ã' | 'Ä' | 'Å' => "a",
        'ç' | 'Ç' => "c",
        'è' | 'é' | 'ê' | 'ë' | 'È' | 'É' | 'Ê' | 'Ë' => "e",
        'ì' | 'í' | 'î' | 'ï' | 'Ì' | 'Í' | 'Î' | 'Ï' | 'ı' => "i",
        'ñ' | 'Ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ö' | 'Ø' => "o",
        'ù' | 'ú' | 'û' | 'ü' | 'Ù' | 'Ú' | 'Û' | 'Ü' => "u",
        'ý' | 'ÿ' | 'Ý' | 'Ÿ' => "y",
        'œ' | 'Œ' => "oe",
        'æ' | 'Æ' => "ae",
        'ß' | 'ẞ' => "ss",
        'ð' | 'Ð' | 'đ' | 'Đ' => "d",
        'þ' | 'Þ' => "th",
        'ł' | 'Ł' => "l",
        _ => return None,
    })
}

fn fold_rare(c: char, out: &mut Vec<u8>) {
    let mut buffer = [0u8; 4];
    for part in std::iter::once(c).nfkd().flat_map(char::to_lowercase).nfkd().filter(|c| !is_combining_mark(*c)) {
        if part.is_ascii() {
            out.push(ascii(part as u8));
        } else if let Some(plain) = western(part) {
            out.extend_from_slice(plain.as_bytes());
        } else if part.is_alphanumeric() {
            out.extend_from_slice(part.encode_utf8(&mut buffer).as_bytes());
        } else {
            out.push(b' ');
        }
    }
}

/// Drops dots between single letters, makes other dots spaces, and leaves single spaces between words, in place.
fn squeeze(out: &mut Vec<u8>, start: usize) {
    let (mut read, mut write, mut run) = (start, start, 0usize);
    while read < out.len() {
        let b = out[read];
        read += 1;
        match b {
            b'.' if run == 1 && next_run_is_single(&out[read..]) => run = 0,
            b'.' | b' ' => {
                run = 0;
                if write > start && out[write - 1] != b' ' {
                    out[write] = b' ';
                    write += 1;
                }
            }
            _ => {
                // Continuation bytes belong to the letter before them.
                run += usize::from(b & 0xc0 != 0x80);
                out[write] = b;
                write += 1;
            }
        }
    }
    if write > start && out[write - 1] == b' ' {
        write -= 1;
    }
    out.truncate(write);
}

/// Whether one letter, and no more, stands before the next space, dot or end.
fn next_run_is_single(rest: &[u8]) -> bool {
    let run = rest.iter().take_while(|b| !matches!(b, b' ' | b'.'));
    run.filter(|b| **b & 0xc0 != 0x80).count() == 1
}

/// Appends to `out` the words of `out[start..]` as `map` makes them, and drops the original.
pub(super) fn map_words(out: &mut Vec<u8>, start: usize, map: impl Fn(&[u8]) -> Word) {
    let end = out.len();
    let mut at = start;
    while at < end {
        let stop = memchr::memchr(b' ', &out[at..end]).map_or(end, |i| at + i);
        let word = map(&out[at..stop]);
        if out.len() > end && !matches!(word, Word::Drop) {
            out.push(b' ');
        }
        match word {
            Word::Keep => out.extend_from_within(at..stop),
            Word::Replace(with) => out.extend_from_slice(with),
            Word::Drop => {}
        }
        at = stop + 1;
    }
    out.drain(start..end);
}

/// What becomes of a word.
pub(super) enum Word {
    /// It stays.
    Keep,
    /// It is written so.
    Replace(&'static [u8]),
    /// It goes.
    Drop,
}
