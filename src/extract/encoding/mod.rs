//! Bytes to UTF-8: the encoding is recognised from the content of each member, and what was decoded wrongly before it
//! was posted is repaired.
//!
//! ASCII and UTF-8 pass untouched and uncopied. Nothing is refused: what fits no encoding keeps its bytes, since the
//! identifiers in it may still be read.

mod mojibake;
mod western;

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::count;

/// How a text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    /// ASCII or UTF-8; single lines may still be something else.
    Utf8,
    Utf16 {
        big: bool,
    },
    Utf32 {
        big: bool,
    },
    /// Every other encoding; for those that are no UTF, line ends are ASCII and decoding can begin at any line.
    Other(&'static Encoding),
}

/// How many bytes are looked at.
pub(crate) const SAMPLE: usize = 64 << 10;

impl Charset {
    /// Whether a text can be cut at its line ends before it is decoded: decoding can begin at any line.
    pub(crate) fn cuts_anywhere(self) -> bool {
        match self {
            Self::Utf8 | Self::Utf16 { .. } | Self::Utf32 { .. } => true,
            Self::Other(encoding) => encoding != encoding_rs::ISO_2022_JP,
        }
    }

    /// Bytes of the smallest unit.
    pub(crate) fn unit(self) -> usize {
        match self {
            Self::Utf16 { .. } => 2,
            Self::Utf32 { .. } => 4,
            Self::Utf8 | Self::Other(_) => 1,
        }
    }
}

/// The encoding of a text from its beginning, and the length of its byte order mark.
pub(crate) fn detect(bytes: &[u8]) -> (Charset, usize) {
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    match sample {
        [0xEF, 0xBB, 0xBF, ..] => return (Charset::Utf8, 3),
        [0xFF, 0xFE, 0, 0, ..] => return (Charset::Utf32 { big: false }, 4),
        [0, 0, 0xFE, 0xFF, ..] => return (Charset::Utf32 { big: true }, 4),
        [0xFF, 0xFE, ..] => return (Charset::Utf16 { big: false }, 2),
        [0xFE, 0xFF, ..] => return (Charset::Utf16 { big: true }, 2),
        _ => {}
    }
    if let Some(wide) = without_mark(sample) {
        return (wide, 0);
    }
    if is_mostly_utf8(sample) {
        return (Charset::Utf8, 0);
    }
    (Charset::Other(western::guess(sample)), 0)
}

/// UTF-16 and UTF-32 without a mark show in the zero bytes beside ASCII characters.
fn without_mark(sample: &[u8]) -> Option<Charset> {
    if memchr::memchr(0, sample).is_none() || sample.len() < 4 {
        return None;
    }
    let mut zeros = [0usize; 4];
    let groups = (sample.len() / 4).max(1);
    for (i, _) in sample.iter().enumerate().take(groups * 4).filter(|(_, b)| **b == 0) {
        zeros[i % 4] += 1;
    }
    let most = |i: usize| zeros[i] * 10 >= groups * 6;
    let few = |i: usize| zeros[i] * 5 <= groups;
    match () {
        () if few(0) && most(1) && zeros[2] * 10 >= groups * 9 && most(3) => Some(Charset::Utf32 { big: false }),
        () if few(3) && most(2) && zeros[1] * 10 >= groups * 9 && most(0) => Some(Charset::Utf32 { big: true }),
        () if few(0) && few(2) && most(1) && most(3) => Some(Charset::Utf16 { big: false }),
        () if few(1) && few(3) && most(0) && most(2) => Some(Charset::Utf16 { big: true }),
        () => None,
    }
}

/// Whether the bytes are UTF-8 but for some lines: every third non-ASCII sequence may be broken, no more.
fn is_mostly_utf8(sample: &[u8]) -> bool {
    // Most texts are nothing else.
    if simdutf8::basic::from_utf8(without_cut_character(sample)).is_ok() {
        return true;
    }
    let (mut good, mut bad) = (0usize, 0usize);
    for chunk in sample.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        // The sample may end within a character.
        bad += usize::from(!chunk.invalid().is_empty() && chunk.invalid().len() < 4);
        if bad > 64 && bad > good {
            return false;
        }
    }
    bad == 0
        || bad * 2 <= good
        || (bad == 1 && sample.utf8_chunks().last().is_some_and(|c| !c.invalid().is_empty()) && sample.len() == SAMPLE)
}

/// A full sample without the beginning of a character at its end.
fn without_cut_character(sample: &[u8]) -> &[u8] {
    let tail = sample.iter().rev().take(3).position(|b| *b >= 0xC0).filter(|_| sample.len() == SAMPLE);
    let Some((whole, tail)) = tail.and_then(|behind| sample.split_at_checked(sample.len() - 1 - behind)) else {
        return sample;
    };
    let cut = std::str::from_utf8(tail).is_err_and(|error| error.error_len().is_none());
    if cut { whole } else { sample }
}

/// Decodes a text without its mark. `bytes` begins and ends at a character.
pub(crate) fn decode(bytes: &[u8], charset: Charset) -> Cow<'_, [u8]> {
    let text = match charset {
        Charset::Utf8 => repaired_lines(bytes),
        Charset::Utf16 { big } => {
            let encoding = if big { UTF_16BE } else { UTF_16LE };
            Cow::Owned(encoding.decode_without_bom_handling(bytes).0.into_owned().into_bytes())
        }
        Charset::Utf32 { big } => Cow::Owned(utf32(bytes, big)),
        Charset::Other(encoding) => match encoding.decode_without_bom_handling(bytes).0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
    };
    old_mac_lines(mojibake::repaired(text))
}

fn utf32(bytes: &[u8], big: bool) -> Vec<u8> {
    let mut text = String::with_capacity(bytes.len() / 4);
    for unit in bytes.chunks_exact(4) {
        let unit = [unit[0], unit[1], unit[2], unit[3]];
        let code = if big { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) };
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    text.into_bytes()
}

/// In a text that is mostly UTF-8, lines that are not are read as what Western software writes.
fn repaired_lines(bytes: &[u8]) -> Cow<'_, [u8]> {
    if simdutf8::basic::from_utf8(bytes).is_ok() {
        return Cow::Borrowed(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        match std::str::from_utf8(line) {
            Ok(_) => text.extend_from_slice(line),
            Err(_) => text.extend_from_slice(encoding_rs::WINDOWS_1252.decode_without_bom_handling(line).0.as_bytes()),
        }
    }
    Cow::Owned(text)
}

/// Lines that end in a carriage return alone, as on the Macs of old, get the line end that parsers look for.
fn old_mac_lines(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let head = &text[..text.len().min(SAMPLE)];
    if memchr::memchr(b'\n', head).is_some() || memchr::memchr(b'\r', head).is_none() {
        return text;
    }
    let mut text = text.into_owned();
    for b in &mut text {
        if *b == b'\r' {
            *b = b'\n';
        }
    }
    Cow::Owned(text)
}

/// Whether decoded text is none: mostly control characters. `None` if it is text; else the runs of it that hold an
/// address, as lines, which may be empty.
pub(crate) fn noise(text: &[u8]) -> Option<Vec<u8>> {
    let sample = &text[..text.len().min(SAMPLE)];
    let control = |b: u8| b < 9 || b == 11 || (14..32).contains(&b) && b != 0x1b && b != 0x1f || b == 127;
    // Asked first: it is soon told, and true of nearly all text. A short text with a few broken characters is a text.
    if count::mostly_plain(sample) {
        return None;
    }
    let odd = sample.iter().filter(|b| control(**b) && **b != 1).count();
    let broken = sample.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
    let replaced = memchr::memmem::find_iter(sample, "\u{fffd}").count();
    if (odd + broken + replaced) * 20 <= sample.len() {
        return None;
    }
    let mut runs = Vec::new();
    for run in text.split(|b| control(*b) || *b == 0xff) {
        if run.len() >= 6 && holds_value(run) {
            runs.extend_from_slice(run);
            runs.push(b'\n');
        }
    }
    Some(runs)
}

/// Whether a run of characters among noise holds an address: `x@y.z` with letters around.
fn holds_value(run: &[u8]) -> bool {
    memchr::memchr_iter(b'@', run).any(|at| {
        let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+');
        let before = run[..at].iter().rev().take_while(|b| word(b)).count();
        let behind: Vec<u8> = run[at + 1..].iter().copied().take_while(word).collect();
        before >= 1
            && behind.len() >= 4
            && behind.iter().rposition(|b| *b == b'.').is_some_and(|dot| dot > 0 && dot + 2 < behind.len())
    })
}

/// The name of an encoding for tests and reports.
#[cfg(test)]
pub(crate) fn name(charset: Charset) -> &'static str {
    match charset {
        Charset::Utf8 => "UTF-8",
        Charset::Utf16 { big: false } => "UTF-16LE",
        Charset::Utf16 { big: true } => "UTF-16BE",
        Charset::Utf32 { big: false } => "UTF-32LE",
        Charset::Utf32 { big: true } => "UTF-32BE",
        Charset::Other(encoding) => encoding.name(),
    }
}

#[cfg(test)]
mod tests;
