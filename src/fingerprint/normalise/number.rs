//! Company numbers, contract and customer numbers, network addresses.

use std::io::Write;
use std::net::IpAddr;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A SIREN: 9 digits, or the first 9 of a SIRET's 14, or those in a French VAT number (`FR` and a key before them).
pub(super) fn siren(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let raw = raw.strip_suffix(b".0").unwrap_or(raw);
    for b in raw {
        match b {
            b'0'..=b'9' | b'A'..=b'Z' => out.push(*b),
            b'a'..=b'z' => out.push(b & !0x20),
            b' ' | b'.' | b'-' | b'\t' | 0xc2 | 0xa0 | 0xe2 | 0x80 | 0xaf => {}
            _ => return false,
        }
        if out.len() > 14 {
            return false;
        }
    }
    if out.len() == 13 && out.starts_with(b"FR") {
        out.drain(..4);
    }
    if !matches!(out.len(), 9 | 14) || !out.iter().all(u8::is_ascii_digit) {
        return false;
    }
    out.truncate(9);
    true
}

/// A contract or customer number: letters and digits only, upper case. Leading zeros count.
pub(super) fn reference(raw: &[u8], out: &mut Vec<u8>) -> bool {
    if raw.is_ascii() {
        out.extend(raw.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase));
    } else {
        let Ok(text) = std::str::from_utf8(raw) else { return false };
        let mut buffer = [0u8; 4];
        let is_part = |c: &char| c.is_alphanumeric() && !is_combining_mark(*c);
        for c in text.nfkd().filter(is_part).flat_map(char::to_uppercase).nfkd().filter(is_part) {
            out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
    }
    // A masked one is another matter, and what is all punctuation is none.
    !out.is_empty() && !raw.contains(&b'*')
}

/// An address in its canonical form; one of IPv4 within IPv6 as IPv4.
pub(super) fn ip(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok(text) = std::str::from_utf8(raw) else { return false };
    let text = text.trim_matches(['[', ']']);
    // `192.0.2.7:443`: one colon, so not IPv6.
    let text = match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => text,
    };
    let Ok(address) = text.parse::<IpAddr>() else { return false };
    write!(out, "{}", address.to_canonical()).is_ok()
}
