//! UTF-8 that was read as Windows-1252, once or twice, on its way to the post: `FranÃ§ois`, `FranÃƒÂ§ois`.
//!
//! Every run of non-ASCII characters is turned back into the bytes it was made from; if these are UTF-8 of Western
//! characters, the run was a victim. Text that was never hurt has no such runs: `Ã` or `Â` before a symbol is in no word.

use std::borrow::Cow;

/// How often a text may have been hurt.
const TIMES: usize = 3;

/// `text` with its victims repaired; not copied if it shows none.
pub(super) fn repaired(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let mut text = text;
    for _ in 0..TIMES {
        if !is_suspect(&text) {
            break;
        }
        match once(&text) {
            Some(better) => text = Cow::Owned(better),
            None => break,
        }
    }
    text
}

/// Whether one of the characters stands there that UTF-8's first bytes become: `Â`, `Ã`, `Ä`, `Å`, `â`.
fn is_suspect(text: &[u8]) -> bool {
    memchr::memchr_iter(0xC3, text).any(|at| matches!(text.get(at + 1), Some(0x82..=0x85 | 0xA2)))
}

fn once(text: &[u8]) -> Option<Vec<u8>> {
    let mut better = Vec::with_capacity(text.len());
    let mut changed = false;
    let mut at = 0;
    while at < text.len() {
        let plain = text[at..].iter().take_while(|b| b.is_ascii()).count();
        better.extend_from_slice(&text[at..at + plain]);
        at += plain;
        let run = text[at..].iter().take_while(|b| !b.is_ascii()).count();
        changed |= repair_run(&text[at..at + run], &mut better);
        at += run;
    }
    changed.then_some(better)
}

/// Appends a run of non-ASCII characters, each stretch of it that was hurt repaired. Whether there was one.
fn repair_run(run: &[u8], better: &mut Vec<u8>) -> bool {
    let Ok(run_text) = std::str::from_utf8(run) else {
        better.extend_from_slice(run);
        return false;
    };
    let chars: Vec<char> = run_text.chars().collect();
    let mut changed = false;
    let mut i = 0;
    while i < chars.len() {
        match original(&chars[i..]) {
            Some((c, used)) => {
                let mut buffer = [0; 4];
                better.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                changed = true;
                i += used;
            }
            None => {
                let mut buffer = [0; 4];
                better.extend_from_slice(chars[i].encode_utf8(&mut buffer).as_bytes());
                i += 1;
            }
        }
    }
    changed
}

/// The character that the first of `chars` were made from, and how many they are.
fn original(chars: &[char]) -> Option<(char, usize)> {
    let lead = byte_of(*chars.first()?)?;
    let length = match lead {
        0xC2..=0xC5 => 2,
        0xE2 => 3,
        _ => return None,
    };
    let mut bytes = [0u8; 3];
    for (byte, c) in bytes.iter_mut().zip(chars.get(..length)?) {
        *byte = byte_of(*c)?;
    }
    let c = std::str::from_utf8(&bytes[..length]).ok()?.chars().next()?;
    (!c.is_control() || ('\u{80}'..='\u{9f}').contains(&c)).then_some((c, length))
}

/// The byte that Windows-1252 reads as `c`; C1 controls stand for the five bytes it leaves undefined.
fn byte_of(c: char) -> Option<u8> {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match c {
        '\u{a0}'..='\u{ff}' => Some(c as u8),
        _ => HIGH.iter().position(|high| *high == c).map(|i| 0x80 + i as u8),
    }
}
