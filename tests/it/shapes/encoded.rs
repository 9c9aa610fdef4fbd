//! Dumps that were encoded before they were posted.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::people::{COLUMNS, Person};
use super::{ALL, Shape, each, shape};

/// The dump that is encoded.
fn dump(people: &[Person]) -> String {
    format!("{}\n", COLUMNS.join(";")) + &each(people, |p| p.values().join(";") + "\n")
}

fn wrapped(text: &str, width: usize) -> String {
    text.as_bytes().chunks(width).map(|line| format!("{}\n", std::str::from_utf8(line).unwrap())).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Percent-encodes all but letters and digits.
pub fn percent(text: &str) -> String {
    let byte = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(byte).collect()
}

/// Quoted-printable with lines of 76 characters.
pub fn quoted_printable(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let mut width = 0;
        for b in line.bytes() {
            let unit = if (b'!'..=b'~').contains(&b) && b != b'=' || b == b' ' {
                char::from(b).to_string()
            } else {
                format!("={b:02X}")
            };
            if width + unit.len() > 75 {
                lines.push_str("=\n");
                width = 0;
            }
            width += unit.len();
            lines.push_str(&unit);
        }
        lines.push('\n');
    }
    lines
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub const SHAPES: &[Shape] = &[
    shape!(base64_wrapped, ALL, |people| {
        format!("decode this:\n\n{}\nenjoy\n", wrapped(&STANDARD.encode(dump(people)), 76))
    }),
    shape!(base64_one_line, ALL, |people| format!("sample: {}\n", STANDARD.encode(dump(people)))),
    shape!(base64_url_safe, ALL, |people| format!("{}\n", URL_SAFE_NO_PAD.encode(dump(people)))),
    shape!(base64_of_each_line, ALL, |people| dump(people).lines().map(|l| STANDARD.encode(l) + "\n").collect()),
    shape!(base64_of_utf16, ALL, |people| {
        let wide: Vec<u8> = dump(people).encode_utf16().flat_map(u16::to_le_bytes).collect();
        STANDARD.encode(wide)
    }),
    shape!(base64_twice, ALL, |people| wrapped(&STANDARD.encode(wrapped(&STANDARD.encode(dump(people)), 76)), 64)),
    shape!(gzip_in_base64, ALL, |people| {
        format!("[code]\n{}[/code]\n", wrapped(&STANDARD.encode(gzip(dump(people).as_bytes())), 64))
    }),
    shape!(armoured, ALL, |people| {
        let body = wrapped(&STANDARD.encode(dump(people)), 64);
        format!("-----BEGIN DATA-----\nVersion: 1\n\n{body}-----END DATA-----\n")
    }),
    shape!(data_uri, ALL, |people| {
        format!("<a href=\"data:text/csv;charset=utf-8;base64,{}\">get it</a>\n", STANDARD.encode(dump(people)))
    }),
    shape!(data_uri_percent, ALL, |people| format!("data:text/csv;charset=utf-8,{}\n", percent(&dump(people)))),
    shape!(base64_in_json, ALL, |people| format!(
        "{{\"ok\": true, \"file\": \"{}\"}}\n",
        STANDARD.encode(dump(people))
    )),
    shape!(hex_one_line, ALL, |people| format!("0x{}\n", hex(dump(people).as_bytes()))),
    shape!(hex_wrapped, ALL, |people| wrapped(&hex(dump(people).as_bytes()), 60)),
    shape!(hex_spaced, ALL, |people| {
        let bytes = dump(people).into_bytes();
        bytes.chunks(16).map(|c| c.iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(" ") + "\n").collect()
    }),
    shape!(hex_dump, ALL, |people| {
        let bytes = dump(people).into_bytes();
        let line = |(i, c): (usize, &[u8])| {
            let words: Vec<String> = c.chunks(2).map(hex).collect();
            let shown: String = c.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' }).collect();
            format!("{:08x}: {:<39}  {shown}\n", i * 16, words.join(" "))
        };
        bytes.chunks(16).enumerate().map(line).collect()
    }),
    shape!(percent_encoded, ALL, |people| percent(&dump(people))),
    shape!(percent_lines, ALL, |people| dump(people).lines().map(|l| percent(l) + "\n").collect()),
    shape!(quoted_printable_lines, ALL, |people| quoted_printable(&dump(people))),
    shape!(escaped_unicode, ALL, |people| {
        let escape = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", c as u32) };
        dump(people).chars().map(escape).collect()
    }),
    shape!(numeric_entities, ALL, |people| {
        let escape =
            |c: char| if c.is_ascii_alphanumeric() || c == '\n' { c.to_string() } else { format!("&#{};", c as u32) };
        dump(people).chars().map(escape).collect()
    }),
    shape!(json_in_base64_in_a_table, ALL, |people| each(people, |p| {
        let pairs: Vec<String> = p.fields().map(|(name, value)| format!("\"{name}\":\"{value}\"")).to_vec();
        format!("{};{}\n", p.id.len(), STANDARD.encode(format!("{{{}}}", pairs.join(","))))
    })),
];
