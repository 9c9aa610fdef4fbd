//! Dumps that were encoded before they were posted: base64 (also url-safe, wrapped, or line by line), hexadecimal (also
//! spaced, or as a hex dump). What is decoded is held for the container's reader, which reads it like any member.
//!
//! A run of such characters is taken for a blob only if it decodes to a text or to a format that is read: keys, hashes
//! and session numbers decode to noise, and stay what they are.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::super::detect::{Kind, detect};
use super::super::encoding::{self, Charset};
use super::super::out::Out;
use super::line_end;
use crate::model::SkipReason;

/// The shortest run that is looked at, in characters.
pub(super) const LEAST: usize = 40;
/// How far into a line a run may begin.
const REACH: usize = 512;
/// Bytes of a decoded blob by which it is judged.
const JUDGED: usize = 768;
/// The largest blob, encoded.
const MOST: usize = 64 << 20;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Where a blob begins in a line, if one does: not behind a delimiter, where it would be a cell.
pub(crate) fn opens(line: &[u8]) -> Option<usize> {
    if line.len() < LEAST {
        return None;
    }
    if begins_hex(line) && hex_line(line).is_some_and(|bytes| is_worth_reading(&bytes)) {
        return Some(0);
    }
    let (start, end) = run(line)?;
    let before = line[..start].trim_ascii_end().last().copied();
    let cell = matches!(before, Some(b';' | b',' | b'\t' | b'|')) && !line[..start].ends_with(b"base64,");
    let head = &line[start..end.min(start + JUDGED)];
    (!cell && decoded(head).is_some_and(|bytes| is_worth_reading(&bytes))).then_some(start)
}

/// Whether a line may be one of pairs of hexadecimal digits, as its first two signs show.
pub(super) fn begins_hex(line: &[u8]) -> bool {
    line.iter().take(2).all(|b| b.is_ascii_hexdigit() || b.is_ascii_whitespace())
}

/// Reads the blob that begins at `at`. Returns where it ends; `None` if it is none after all.
pub(crate) fn read(out: &mut Out<'_>, text: &[u8], at: usize) -> Option<usize> {
    let text = &text[..text.len().min(at.saturating_add(MOST))];
    let (bytes, end, name) = hex_lines(text, at).or_else(|| wrapped(text, at)).or_else(|| line_by_line(text, at))?;
    if text.len() == at.saturating_add(MOST) && end == text.len() {
        out.skip(SkipReason::TooLarge, format!("an encoded part of more than {MOST} bytes"));
    }
    out.hold(name, bytes);
    Some(end)
}

/// What a cell decodes to, if that is worth reading.
pub(crate) fn in_cell(cell: &[u8]) -> Option<Vec<u8>> {
    let whole = cell.iter().all(|b| is_base64(*b));
    let bytes = (whole && cell.len() >= LEAST).then(|| decoded(&cell[..cell.len().min(JUDGED)])).flatten()?;
    is_worth_reading(&bytes).then(|| decoded(cell)).flatten()
}

const fn is_base64(b: u8) -> bool {
    BASE64[b as usize]
}

/// The signs of both alphabets, and of padding.
const BASE64: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        table[b] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
        b += 1;
    }
    table
};

/// The first long run of base64 characters that begins near the beginning of a line. Looked for in strides: a run that
/// long covers one of the places looked at.
fn run(line: &[u8]) -> Option<(usize, usize)> {
    let mut probe = LEAST - 1;
    while probe < line.len() && probe < REACH + LEAST {
        // A run that covers this place covers the half of one before it or behind.
        let half = |places: [usize; 3]| places.iter().all(|at| line.get(*at).is_some_and(|b| is_base64(*b)));
        let before = || half([probe - LEAST / 2, probe - LEAST / 3, probe - LEAST / 6]);
        let behind = || half([probe + LEAST / 2, probe + LEAST / 3, probe + LEAST / 6]);
        if is_base64(line[probe]) && (before() || behind()) {
            let start = line[..probe].iter().rposition(|b| !is_base64(*b)).map_or(0, |i| i + 1);
            let end = line[probe..].iter().position(|b| !is_base64(*b)).map_or(line.len(), |i| probe + i);
            if end - start < LEAST {
                probe = end + LEAST;
                continue;
            }
            // `file=SGVsbG8…`: an equals sign within is no padding.
            let inner = line[start..end].iter().rposition(|b| *b == b'=').filter(|i| start + i + 2 < end);
            let start = start + inner.map_or(0, |i| i + 1);
            let start = start + if line[start..end].starts_with(b"0x") { 2 } else { 0 };
            if end - start >= LEAST {
                return Some((start, end));
            }
            probe = end;
        }
        probe += LEAST;
    }
    None
}

/// A run as bytes: hexadecimal if it is nothing else, or base64 in either alphabet.
fn decoded(run: &[u8]) -> Option<Vec<u8>> {
    if run.iter().all(u8::is_ascii_hexdigit) {
        return Some(unhex(run));
    }
    let engine = if run.iter().any(|b| matches!(b, b'-' | b'_')) { &URL_SAFE } else { &STANDARD };
    let bare = run.trim_ascii_end();
    let padding = bare.iter().rev().take_while(|b| **b == b'=').count();
    let bare = &bare[..bare.len() - padding];
    // A cut run may end within a group.
    let bare = if bare.len() % 4 == 1 { &bare[..bare.len() - 1] } else { bare };
    engine.decode(bare).ok()
}

fn unhex(digits: &[u8]) -> Vec<u8> {
    let nibble = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
    digits.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect()
}

/// Whether decoded bytes are a text, or a format that is read.
fn is_worth_reading(bytes: &[u8]) -> bool {
    let bytes = &bytes[..bytes.len().min(JUDGED)];
    if bytes.len() < 12 {
        return false;
    }
    match detect(bytes) {
        Kind::Text => {}
        Kind::Lzma | Kind::Unsupported(_) | Kind::Binary(_) | Kind::Encrypted(_) => return false,
        _ => return true,
    }
    let (charset, mark) = encoding::detect(bytes);
    let body = &bytes[mark..];
    let text = match charset {
        Charset::Utf16 { .. } | Charset::Utf32 { .. } => {
            encoding::decode(&body[..body.len() - body.len() % charset.unit()], charset)
        }
        _ => body.into(),
    };
    let control = text.iter().filter(|b| **b < 9 || (14..32).contains(*b) || **b == 127).count();
    let valid = match std::str::from_utf8(&text) {
        Ok(_) => true,
        // The last character may be cut; Western text has few others.
        Err(error) => {
            error.valid_up_to() + 4 > text.len() || text.iter().filter(|b| b.is_ascii()).count() * 10 > text.len() * 9
        }
    };
    let letters = text.iter().filter(|b| b.is_ascii_alphanumeric()).count();
    control == 0 && valid && letters * 3 >= text.len()
}

/// Lines of the same length, the last one shorter: one blob.
fn wrapped(text: &[u8], at: usize) -> Option<(Vec<u8>, usize, &'static str)> {
    let mut run = Vec::new();
    let (mut from, mut first) = (at, None);
    while from < text.len() {
        let next = from + line_end(&text[from..]);
        let line = text[from..next].trim_ascii();
        let length = line.iter().take_while(|b| is_base64(**b)).count();
        let width = *first.get_or_insert(length);
        if length == 0 || length > width {
            break;
        }
        run.extend_from_slice(&line[..length]);
        let partial = length < line.len();
        from = if partial { from + leading_blanks(&text[from..next]) + length } else { next };
        if length < width || partial || line.ends_with(b"=") {
            break;
        }
    }
    // Lines that are blobs by themselves are no parts of one.
    let next = &text[from..from + line_end(&text[from..])];
    let next = next.trim_ascii();
    if next.len() >= LEAST / 2 && next.iter().all(|b| is_base64(*b)) && judged(next).is_some() {
        return None;
    }
    judged(&run).map(|(bytes, name)| (bytes, from, name))
}

fn leading_blanks(line: &[u8]) -> usize {
    line.len() - line.trim_ascii_start().len()
}

fn judged(run: &[u8]) -> Option<(Vec<u8>, &'static str)> {
    let name = if run.iter().all(u8::is_ascii_hexdigit) { "hex" } else { "base64" };
    let bytes = decoded(run).filter(|bytes| is_worth_reading(bytes))?;
    Some((bytes, name))
}

/// Each line encoded by itself: the lines of one text.
fn line_by_line(text: &[u8], at: usize) -> Option<(Vec<u8>, usize, &'static str)> {
    let (mut bytes, mut from, mut name) = (Vec::new(), at, None);
    while from < text.len() {
        let next = from + line_end(&text[from..]);
        let line = text[from..next].trim_ascii();
        let Some((line, of)) = line.iter().all(|b| is_base64(*b)).then(|| judged(line)).flatten() else { break };
        name = name.or(Some(of));
        bytes.extend_from_slice(&line);
        bytes.push(b'\n');
        from = next;
    }
    name.map(|name| (bytes, from, name))
}

/// Lines of spaced pairs, or of a hex dump with its offsets and its column of characters.
fn hex_lines(text: &[u8], at: usize) -> Option<(Vec<u8>, usize, &'static str)> {
    let (mut bytes, mut from) = (Vec::new(), at);
    while from < text.len() {
        let next = from + line_end(&text[from..]);
        let Some(line) = hex_line(&text[from..next]) else { break };
        bytes.extend_from_slice(&line);
        from = next;
    }
    is_worth_reading(&bytes).then_some((bytes, from, "hex"))
}

/// The bytes of a line of pairs: `6e 6f 6d`, `6e:6f:6d`, `00000010: 6e6f 6d3b …  nom;`.
fn hex_line(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii();
    let offset = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let dump = (4..=16).contains(&offset) && matches!(line.get(offset..offset + 2), Some([b':', b' '] | [b' ', b' ']));
    if !dump && offset != 2 {
        return None;
    }
    let mut rest = if dump { line[offset + 1..].trim_ascii_start() } else { line };
    let mut bytes = Vec::new();
    loop {
        let digits = rest.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let group = if dump { matches!(digits, 2 | 4 | 8) } else { digits == 2 };
        if !group {
            break;
        }
        bytes.extend(unhex(&rest[..digits]));
        rest = &rest[digits..];
        match rest {
            // Two blanks part the column of characters; the halves of a line are parted so as well.
            [b' ', b' ', more @ ..] if dump && bytes.len() != 8 => {
                rest = more;
                return Some(bytes).filter(|bytes| bytes.len() <= 64 && !rest.is_empty());
            }
            [b' ', b' ', more @ ..] => rest = more,
            [b' ' | b':', more @ ..] => rest = more,
            _ => break,
        }
    }
    let whole = rest.is_empty() || dump;
    (whole && (bytes.len() >= 12 || !bytes.is_empty() && rest.is_empty() && line.len() <= 48)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::extract::testing::read;

    const DUMP: &str = "nom;mail;tel\nLefèvre;a@mail.example;0612345678\nPetit;b@mail.example;0612345679\nRoux;c@mail.example;0612345670\n";

    fn encode(bytes: &[u8]) -> String {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    #[test]
    fn blobs_are_members_and_the_text_around_them_is_text() {
        let base64 = encode(DUMP.as_bytes());
        let wrapped = |width: usize| {
            let lines: Vec<&str> = base64.as_bytes().chunks(width).map(|c| std::str::from_utf8(c).unwrap()).collect();
            lines.join("\n")
        };
        let hex: String = DUMP.bytes().map(|b| format!("{b:02x}")).collect();
        for (text, member) in [
            (format!("decode:\n{}\n\nenjoy\n", wrapped(76)), "base64-1"),
            (format!("decode: {base64} enjoy\n"), "base64-1"),
            (format!("{hex}\nenjoy"), "hex-1"),
            (format!("enjoy\r\n{}\r\n", wrapped(64).replace('\n', "\r\n")), "base64-1"),
        ] {
            let kept = read(text.as_bytes());
            assert_eq!(kept.headers(), [Some(vec!["nom", "mail", "tel"])], "{text}");
            assert_eq!(kept.cells()[0], ["Lefèvre", "a@mail.example", "0612345678"], "{text}");
            assert_eq!(kept.rows.len(), 3);
            assert_eq!(kept.tables.last().unwrap().member, member, "{text}");
            assert!(kept.text.contains("enjoy") || !text.contains("enjoy"), "{text} {:?}", kept.text);
        }
    }

    #[test]
    fn what_decodes_to_noise_stays_text() {
        let hash =
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08e3b0c44298fc1c149afbf4c8996fb92427ae41e4";
        let token = "eyJnZW4iOiAxfQ0KAP8AkYs1Zk9dWb3wq7Tn2mYxLr5hVt8cQe4uGj6iKo9pSa0fBdRzXwCvNlEyUgHsJkMqPtTaIbOr";
        for text in [format!("token {hash} end\n"), format!("key {token} a@x.example\n")] {
            let kept = read(text.as_bytes());
            assert_eq!(kept.text.trim(), text.trim());
            assert!(kept.rows.is_empty() && kept.skips.is_empty());
        }
    }

    #[test]
    fn blobs_within_blobs_are_read_to_the_depth_limit() {
        let mut text = DUMP.to_owned();
        for _ in 0..3 {
            text = encode(text.as_bytes());
        }
        assert_eq!(read(text.as_bytes()).rows.len(), 3);
        for _ in 0..9 {
            text = encode(text.as_bytes());
        }
        assert_eq!(read(text.as_bytes()).reasons(), [crate::model::SkipReason::ArchiveDepth]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever the text and the width of the lines: every address in it comes out.
        #[test]
        fn no_address_is_lost(words in prop::collection::vec("[a-zé]{1,9}", 3..40), width in 40usize..90, url_safe: bool) {
            let text: String = words.iter().enumerate().map(|(i, word)| format!("{word} u{i}@mail.example\n")).collect();
            let mut encoded = encode(text.as_bytes());
            if url_safe {
                encoded = encoded.replace('+', "-").replace('/', "_");
            }
            let lines: Vec<&str> = encoded.as_bytes().chunks(width).map(|c| std::str::from_utf8(c).unwrap()).collect();
            let kept = read(lines.join("\n").as_bytes());
            for i in 0..words.len() {
                let address = format!("u{i}@mail.example");
                prop_assert!(kept.holds(&address), "{} in {}", address, text);
            }
        }
    }
}
