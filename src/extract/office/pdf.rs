//! The text of PDF files: what the content streams draw, in the order they draw it.
//!
//! No object graph is built. Streams are found by their keywords and inflated within bounds; in those that draw text,
//! strings become words, moves become blanks and line ends. Fonts that renumber their characters are read through the
//! `ToUnicode` maps of the file, all of them together. That is less than a viewer does and enough for lists: the
//! identifiers of a table come out row by row. Encrypted files are named as such.

use std::collections::HashMap;
use std::io::Read;

use memchr::memmem;

use crate::extract::out::Out;
use crate::extract::text;
use crate::model::SkipReason;

/// Bytes of one stream once inflated.
const MAX_STREAM: u64 = 32 << 20;
/// Streams looked at.
const MAX_STREAMS: usize = 20_000;

/// Reads a file; `most` bounds what its streams give together. Returns what they gave.
pub(crate) fn read(out: &mut Out<'_>, bytes: &[u8], most: u64) -> u64 {
    if memmem::find(bytes, b"/Encrypt").is_some() {
        out.skip(SkipReason::Encrypted, "pdf");
        return 0;
    }
    let mut left = most;
    let streams: Vec<Vec<u8>> = streams(out, bytes, &mut left);
    let mut map = HashMap::new();
    for stream in streams.iter().filter(|stream| memmem::find(stream, b"begincmap").is_some()) {
        to_unicode(stream, &mut map);
    }
    let mut drawn = Vec::new();
    for stream in &streams {
        if memmem::find(stream, b"BT").is_some() && memmem::find(stream, b"ET").is_some() {
            draw(stream, &map, &mut drawn);
            drawn.extend_from_slice(b"\n\n");
        }
        if out.stopped() {
            break;
        }
    }
    out.read(drawn.len());
    if drawn.iter().all(u8::is_ascii_whitespace) {
        out.skip(SkipReason::Binary, "pdf without text (scanned pages, perhaps)");
    }
    text::read(out, &drawn);
    most - left
}

fn streams(out: &mut Out<'_>, bytes: &[u8], left: &mut u64) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = memmem::find(&bytes[at..], b"stream").map(|i| at + i) {
        at = start + 6;
        // The keyword ends its line and no word: `endstream` and the fonts of Bitstream hold it too.
        let within = start.checked_sub(1).is_some_and(|i| bytes[i].is_ascii_alphanumeric());
        if within || !matches!(bytes.get(at), None | Some(b'\r' | b'\n' | b' ')) {
            continue;
        }
        let head_start = memmem::rfind(&bytes[start.saturating_sub(2048)..start], b"obj")
            .map_or(start, |i| start.saturating_sub(2048) + i);
        let head = &bytes[head_start..start];
        let data = start + 6 + bytes[start + 6..].iter().take(2).take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let end = memmem::find(&bytes[data..], b"endstream").map_or(bytes.len(), |i| data + i);
        at = end;
        let picture = memmem::find(head, b"/Image").is_some() || memmem::find(head, b"/FontFile").is_some();
        if picture || found.len() >= MAX_STREAMS {
            continue;
        }
        let limit = MAX_STREAM.min(*left);
        let Some(stream) = unfiltered(out, head, &bytes[data..end], limit) else { continue };
        *left -= stream.len() as u64;
        found.push(stream);
    }
    found
}

/// A stream without its filters, which its dictionary names in the order in which they are to be taken off.
fn unfiltered(out: &mut Out<'_>, head: &[u8], content: &[u8], limit: u64) -> Option<Vec<u8>> {
    let mut content = content[..content.len().min(limit as usize)].to_vec();
    for name in filters(head) {
        content = match name {
            b"FlateDecode" | b"Fl" => {
                let mut inflated = Vec::new();
                // A stream that breaks off gives what stands before the break.
                let _ = flate2::read::ZlibDecoder::new(&content[..]).take(limit).read_to_end(&mut inflated);
                if inflated.len() as u64 >= limit {
                    out.skip(SkipReason::TooLarge, format!("a pdf stream of more than {limit} bytes"));
                }
                inflated
            }
            b"ASCII85Decode" | b"A85" => ascii85(&content),
            b"ASCIIHexDecode" | b"AHx" => bytes_of_hex(&content),
            b"LZWDecode" | b"LZW" | b"RunLengthDecode" | b"RL" => {
                out.skip(SkipReason::Unsupported, "a pdf stream packed with lzw or run lengths");
                return None;
            }
            // Pictures.
            _ => return None,
        };
    }
    Some(content)
}

/// The names of the filters: one, or a list.
fn filters(head: &[u8]) -> Vec<&[u8]> {
    let Some(at) = memmem::find(head, b"/Filter").map(|at| at + 7) else { return Vec::new() };
    let value = head[at..].trim_ascii_start();
    let list = match value.strip_prefix(b"[") {
        Some(list) => &list[..memchr::memchr(b']', list).unwrap_or(list.len())],
        None => {
            let end =
                value.iter().skip(1).position(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>')).map(|i| i + 1);
            &value[..end.unwrap_or(value.len())]
        }
    };
    list.split(|b| *b == b'/').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty()).take(8).collect()
}

/// Four bytes in five characters from `!` to `u`; `z` for four zeros; `~` ends.
fn ascii85(content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() / 5 * 4 + 4);
    let (mut group, mut count) = (0u64, 0);
    for b in content.iter().take_while(|b| **b != b'~') {
        match b {
            b'z' if count == 0 => bytes.extend_from_slice(&[0; 4]),
            b'!'..=b'u' => {
                group = group * 85 + u64::from(b - b'!');
                count += 1;
            }
            _ => {}
        }
        if count == 5 {
            bytes.extend_from_slice(&(group as u32).to_be_bytes());
            (group, count) = (0, 0);
        }
    }
    if count > 1 {
        // What is missing counts as the highest character.
        let last = (count..5).fold(group, |group, _| group * 85 + 84) as u32;
        bytes.extend_from_slice(&last.to_be_bytes()[..count - 1]);
    }
    bytes
}

fn bytes_of_hex(content: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> =
        content.iter().take_while(|b| **b != b'>').filter_map(|b| (*b as char).to_digit(16).map(|d| d as u8)).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)).collect()
}

/// Marks the codes of one byte in the maps.
const ONE_BYTE: u32 = 1 << 24;

/// Reads the `bfchar` and `bfrange` sections of a character map.
fn to_unicode(stream: &[u8], map: &mut HashMap<u32, char>) {
    let text = String::from_utf8_lossy(stream);
    let mut tokens =
        text.split(|c: char| c.is_whitespace() || c == '<' || c == '>').filter(|t| !t.is_empty()).peekable();
    // Codes of one byte are told from those of two.
    let hex = |token: &str| {
        let code = u32::from_str_radix(token.get(..token.len().min(8))?, 16).ok()?;
        Some(if token.len() <= 2 { code | ONE_BYTE } else { code })
    };
    let unicode = |token: &str| u32::from_str_radix(token.get(..4)?, 16).ok().and_then(char::from_u32);
    let mut mode = "";
    while let Some(token) = tokens.next() {
        match token {
            "beginbfchar" | "beginbfrange" => mode = token,
            "endbfchar" | "endbfrange" => mode = "",
            _ if mode == "beginbfchar" => {
                if let (Some(code), Some(c)) = (hex(token), tokens.next().and_then(unicode)) {
                    map.insert(code, c);
                }
            }
            _ if mode == "beginbfrange" => {
                let (Some(from), Some(to), Some(first)) = (hex(token), tokens.next().and_then(hex), tokens.next())
                else {
                    continue;
                };
                let Some(first) = unicode(first) else { continue };
                for (i, code) in (from..=to.min(from.saturating_add(0xffff))).enumerate() {
                    if let Some(c) = char::from_u32(first as u32 + i as u32) {
                        map.insert(code, c);
                    }
                }
            }
            _ => {}
        }
        if map.len() > 1 << 17 {
            return;
        }
    }
}

/// Appends what a content stream draws.
fn draw(stream: &[u8], map: &HashMap<u32, char>, to: &mut Vec<u8>) {
    let (mut at, mut line) = (0, None::<String>);
    let mut numbers: Vec<f64> = Vec::new();
    let mut place = Place::default();
    while at < stream.len() {
        match stream[at] {
            b'(' => at = string(stream, at, map, to),
            b'<' if stream.get(at + 1) != Some(&b'<') => at = hex_string(stream, at, map, to),
            b'-' | b'.' | b'0'..=b'9' => {
                let length = stream[at..].iter().take_while(|b| matches!(b, b'-' | b'.' | b'0'..=b'9')).count();
                let number =
                    std::str::from_utf8(&stream[at..at + length]).ok().and_then(|n| n.parse().ok()).unwrap_or(0.0);
                // Within an array a large negative number is a blank.
                if number < -200.0 && line.is_none() {
                    to.push(b' ');
                }
                numbers.push(number);
                at += length;
            }
            b if b.is_ascii_alphabetic() || b == b'\'' || b == b'"' || b == b'*' => {
                let length = stream[at..]
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'\'' | b'"' | b'*'))
                    .count()
                    .max(1);
                place.operator(&stream[at..at + length], &numbers, to);
                numbers.clear();
                line = None;
                at += length;
            }
            _ => at += 1,
        }
        if numbers.len() > 64 {
            numbers.clear();
        }
    }
}

/// Where on the page is drawn.
#[derive(Debug, Default)]
struct Place {
    /// Where the line at hand stands; none before the first is placed.
    line: Option<f64>,
    /// How far the origin was moved up, and what it was before each `q`.
    origin: f64,
    saved: Vec<f64>,
    /// Whether a text has begun and nothing of it was placed: then what is added to its origin is a place.
    begun: bool,
    /// Where the output stood behind the last line that was ended.
    broken: usize,
}

/// Origins kept at once.
const MAX_SAVED: usize = 256;

impl Place {
    fn operator(&mut self, name: &[u8], numbers: &[f64], to: &mut Vec<u8>) {
        let last = || numbers.last().copied().unwrap_or(f64::NAN);
        match name {
            b"q" if self.saved.len() < MAX_SAVED => self.saved.push(self.origin),
            b"Q" => self.origin = self.saved.pop().unwrap_or(self.origin),
            b"cm" if numbers.len() >= 6 => self.origin += last(),
            b"BT" => self.begun = true,
            b"Td" | b"TD" if !std::mem::take(&mut self.begun) => {
                let down = last().abs() > 1.0;
                if let Some(line) = &mut self.line {
                    *line += last();
                }
                to.extend_from_slice(if down { b"\n" } else { b"\t" });
            }
            b"T*" | b"'" | b"\"" => {
                to.push(b'\n');
                self.broken = to.len();
            }
            // What is placed at the same height stands on the same line: the cells of a table are drawn one by one.
            b"Tm" | b"Td" | b"TD" => {
                self.begun = false;
                let here = self.origin + last();
                let same = self.line.is_some_and(|line| (here - line).abs() < 2.0);
                // A line that ended and was taken up again did not end.
                if same && self.broken == to.len() {
                    to.pop();
                }
                to.push(if same { b'\t' } else { b'\n' });
                self.line = Some(here);
            }
            // What follows may be placed beside it.
            b"ET" if self.line.is_none() => to.push(b'\n'),
            _ => {}
        }
    }
}

/// `(…)` with its escapes and nested brackets.
fn string(stream: &[u8], open: usize, map: &HashMap<u32, char>, to: &mut Vec<u8>) -> usize {
    let (mut at, mut depth) = (open + 1, 1);
    let mut value = Vec::new();
    while at < stream.len() {
        match stream[at] {
            b'\\' => {
                at += 1;
                let digits: Vec<u8> = stream[at.min(stream.len())..]
                    .iter()
                    .take(3)
                    .copied()
                    .take_while(|b| (b'0'..=b'7').contains(b))
                    .collect();
                if digits.is_empty() {
                    value.extend(stream.get(at).and_then(|b| match b {
                        b'n' => Some(b'\n'),
                        b'r' => Some(b'\r'),
                        b't' => Some(b'\t'),
                        b'b' => Some(8),
                        b'f' => Some(12),
                        // The string goes on behind the end of its line.
                        b'\n' | b'\r' => None,
                        other => Some(*other),
                    }));
                } else {
                    value.push(digits.iter().fold(0u32, |n, d| n * 8 + u32::from(d - b'0')) as u8);
                    at += digits.len() - 1;
                }
            }
            b'(' => {
                depth += 1;
                value.push(b'(');
            }
            b')' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
                value.push(b')');
            }
            b => value.push(b),
        }
        at += 1;
    }
    show(&value, map, to);
    at + 1
}

fn hex_string(stream: &[u8], open: usize, map: &HashMap<u32, char>, to: &mut Vec<u8>) -> usize {
    let end = memchr::memchr(b'>', &stream[open..]).map_or(stream.len(), |i| open + i);
    show(&bytes_of_hex(&stream[open + 1..end]), map, to);
    end + 1
}

/// Appends a shown string: through the maps, in units of one or two bytes, or as Windows-1252.
fn show(bytes: &[u8], map: &HashMap<u32, char>, to: &mut Vec<u8>) {
    let wide: Vec<Option<char>> =
        bytes.chunks(2).map(|pair| map.get(&(u32::from(pair[0]) << 8 | u32::from(*pair.get(1)?))).copied()).collect();
    let mut buffer = [0; 4];
    if bytes.len().is_multiple_of(2) && !bytes.is_empty() && bytes[0] < 0x20 && wide.iter().all(Option::is_some) {
        for c in wide.into_iter().flatten() {
            to.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
        return;
    }
    let start = to.len();
    // Fonts of their own begin to count at 1: what has such codes is in none of the usual encodings.
    let single: Vec<Option<char>> = bytes.iter().map(|b| map.get(&(u32::from(*b) | ONE_BYTE)).copied()).collect();
    let own = bytes.iter().any(|b| *b < 0x20 && !b.is_ascii_whitespace());
    if own && single.iter().all(Option::is_some) {
        for c in single.into_iter().flatten() {
            to.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
        return;
    }
    to.extend_from_slice(encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.as_bytes());
    // Within a string these are no line ends.
    to[start..].iter_mut().filter(|b| matches!(**b, b'\r' | b'\t' | 8 | 12)).for_each(|b| *b = b' ');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::testing::read;

    #[test]
    fn filters_are_taken_off_in_their_order() {
        assert_eq!(
            filters(b"<< /Filter [ /ASCII85Decode /FlateDecode ] /Length 9 >>"),
            [&b"ASCII85Decode"[..], b"FlateDecode"]
        );
        assert_eq!(filters(b"<</Filter/FlateDecode/Length 9>>"), [b"FlateDecode"]);
        assert!(filters(b"<< /Length 9 >>").is_empty());
        // The example of the encoding's own description.
        assert_eq!(ascii85(b"87cURD]i,\"Ebo80~>"), b"Hello World!");
        assert_eq!(ascii85(b"z!!~>"), [0, 0, 0, 0, 0]);
        assert_eq!(bytes_of_hex(b"48 65 6c6C6F7>"), b"Hellop");
    }

    #[test]
    fn cells_that_are_placed_one_by_one_are_rows() {
        let cells: String = (0..5).map(|i| format!("BT 30 {y} Td (Roux{i}) Tj ET BT 90 {y} Td (u{i}@x.example) Tj T* ET\nq 1 0 0 1 150 {y} cm BT 1 0 0 1 0 0 Tm (061234567{i}) Tj ET Q\n", y = 800 - 20 * i)).collect();
        let kept = read(format!("%PDF-1.4\n1 0 obj << /Length 9 >> stream\n{cells}\nendstream endobj\n").as_bytes());
        assert_eq!(kept.cells()[2], ["Roux2", "u2@x.example", "0612345672"], "{kept:?}");
    }

    #[test]
    fn escapes_within_strings_are_what_they_stand_for() {
        let mut to = Vec::new();
        let _ = string(b"(a\\(b\\)\\\\c\\101\\\nd\\r)", 0, &HashMap::new(), &mut to);
        assert_eq!(to, b"a(b)\\cAd ");
    }

    #[test]
    fn characters_of_embedded_fonts_are_read_through_their_map() {
        let text = read(b"%PDF-1.4\n1 0 obj << /FontName /Bitstream-Vera >> endobj\n2 0 obj << >> stream\nbegincmap 1 beginbfrange <61> <7a> <0061> endbfrange 2 beginbfchar <01> <00E8> <02> <00E9> endbfchar\nendstream\n\
              3 0 obj << >> stream\nBT 1 0 0 1 30 800 Tm (lef\\001vre) Tj (zo\\002) ' ET\nendstream\n");
        assert!(text.text.contains("lefèvre\nzoé") || text.text.contains("lefèvrezoé"), "{text:?}");
    }
}
