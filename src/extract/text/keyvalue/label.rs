//! One line `label : value`, in the spellings that are met.

use std::borrow::Cow;
use std::ops::Range;

use crate::extract::text::line_end;

/// The longest label, in bytes.
const MAX_LABEL: usize = 48;

/// A labelled line, as offsets into the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    pub key: Range<usize>,
    pub value: Range<usize>,
    /// Whether the line is an item of a list (`- name: …`).
    pub item: bool,
    /// Whether the value is in base64 (`cn:: …` in LDIF) or quoted-printable (vCard 2.1).
    pub coding: Coding,
}

/// How a value is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Plain,
    Base64,
    QuotedPrintable,
}

/// Where the number of a record stands in a label: `USER_0_NAME`, `users[3].name`, `client.12.mail`.
pub(super) fn number(label: &[u8]) -> Option<Range<usize>> {
    let sign = |b: Option<&u8>| b.is_some_and(|b| matches!(b, b'_' | b'.' | b'-' | b'[' | b']'));
    let start = (1..label.len()).find(|i| label[*i].is_ascii_digit() && sign(label.get(i - 1)))?;
    let end = start + label[start..].iter().take_while(|b| b.is_ascii_digit()).count();
    (sign(label.get(end)) && end + 1 < label.len()).then_some(start..end)
}

/// A label without the number of its record, if labels hold one.
pub(super) fn plain(label: &[u8], numbered: bool) -> Cow<'_, [u8]> {
    match number(label).filter(|_| numbered) {
        Some(range) => Cow::Owned([&label[..range.start], &label[range.end..]].concat()),
        None => Cow::Borrowed(label),
    }
}

/// What may stand between a label and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Separators {
    /// Colons, equals signs, arrows, dots.
    Marks,
    /// A tab or several blanks.
    Blanks,
}

/// The label of the line at `start`, and where the line ends.
pub(crate) fn labelled(text: &[u8], start: usize, separators: Separators) -> (Option<Label>, usize) {
    let end = start + line_end(&text[start..]);
    (label(text, start, end, separators), end)
}

/// A label before wide blanks, as in `Nom       Martin`.
fn before_blanks(text: &[u8], start: usize, end: usize) -> Option<Label> {
    let line = text[start..end].trim_ascii_end();
    let indent = line.iter().take_while(|b| **b == b' ').count();
    let limit = line.len().min(indent + MAX_LABEL);
    let key_end = (indent..limit).find(|i| line[*i] == b'\t' || line[*i..].starts_with(b"  "))?;
    let blanks = line[key_end..].iter().take_while(|b| b.is_ascii_whitespace()).count();
    let value_start = key_end + blanks;
    // A further wide gap: a table.
    let value = &line[value_start..];
    if memchr::memchr(b'\t', value).is_some() || memchr::memmem::find(value, b"   ").is_some() {
        return None;
    }
    let key = start + indent..start + key_end;
    let plain = !text[key.clone()].iter().any(|b| b.is_ascii_digit() || matches!(b, b'@' | b',' | b';'));
    (plain && is_label(&text[key.clone()])).then(|| Label {
        key,
        value: start + value_start..start + line.len(),
        item: false,
        coding: Coding::Plain,
    })
}

/// Whether a line begins as one with a label may: behind what stands before labels, with a letter. Other signs are told
/// apart by [`label`].
pub(super) fn may_begin(line: &[u8], separators: Separators) -> bool {
    let before = |b: &&u8| **b == b' ' || separators == Separators::Marks && matches!(**b, b'\t' | b'>');
    let may = |b: &u8| match b {
        b'-' | b'*' | b'+' | b'[' | b'"' | b'\'' | b'`' | 0x09..=0x0d => separators == Separators::Marks,
        _ => b.is_ascii_alphabetic() || *b >= 0x80 || *b == b'_',
    };
    line.iter().find(|b| !before(b)).is_some_and(may)
}

/// The label of the line from `start` to `end`.
pub(super) fn label(text: &[u8], start: usize, end: usize, separators: Separators) -> Option<Label> {
    if separators == Separators::Blanks {
        return before_blanks(text, start, end);
    }
    let line = &text[start..end];
    let mut at = start + line.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'>')).count();
    let mut item = false;
    for bullet in [&b"- "[..], b"* ", "• ".as_bytes(), "· ".as_bytes(), b"+ "] {
        if text[at..end].starts_with(bullet) {
            item = bullet == b"- ";
            at += bullet.len();
        }
    }
    let bracketed = text.get(at) == Some(&b'[');
    at += usize::from(bracketed);
    let decorated = text[at..end].iter().take_while(|b| matches!(b, b'*' | b'"' | b'\'' | b'`')).count().min(3);
    at += decorated;
    let key_start = at;
    let limit = end.min(at + MAX_LABEL);
    let stop = |b: &u8| {
        matches!(b, b':' | b'=' | b'|' | b']')
            || b.is_ascii_control()
            || matches!(b, b'@' | b',' | b'{' | b'<' | b'(' | b'?')
    };
    let mut key_end = at + text[at..limit].iter().position(stop).or_else(|| mark(&text[at..limit]))?;
    key_end = mark(&text[at..key_end]).map_or(key_end, |i| at + i);
    // `Téléphone (mobile) :`
    if text[key_end] == b'(' {
        let close = key_end + text[key_end..limit].iter().position(|b| *b == b')')?;
        key_end = close + 1 + text[close + 1..limit].iter().position(stop)?;
    }
    let (separator, mut coding) = separator(text, key_end, end, bracketed)?;
    let mut key = trim(text, key_start..key_end);
    while key.end > key.start && matches!(text[key.end - 1], b'*' | b'"' | b'\'' | b'`' | b' ') {
        key.end -= 1;
    }
    // vCard puts parameters behind the name: `TEL;TYPE=CELL:…`.
    if let Some(parameters) = memchr::memchr(b';', &text[key.clone()]) {
        if memchr::memmem::find(&text[key.clone()].to_ascii_uppercase(), b"QUOTED-PRINTABLE").is_some() {
            coding = Coding::QuotedPrintable;
        }
        key.end = key.start + parameters;
    }
    let plausible = is_label(&text[key.clone()]);
    let value = value(text, separator..end);
    plausible.then_some(Label { key, value, item, coding })
}

/// Where an arrow or a row of dots begins.
fn mark(line: &[u8]) -> Option<usize> {
    let marks = [&b"->"[..], "→".as_bytes(), "➜".as_bytes(), "⇒".as_bytes(), b"..."];
    memchr::memchr3_iter(b'-', b'.', 0xE2, line).find(|at| marks.iter().any(|mark| line[*at..].starts_with(mark)))
}

/// Where the value begins behind the separator at `at`.
fn separator(text: &[u8], at: usize, end: usize, bracketed: bool) -> Option<(usize, Coding)> {
    let rest = &text[at..end];
    if bracketed {
        let rest = rest.strip_prefix(b"]")?;
        let blank = rest.iter().take_while(|b| **b == b' ').count();
        return rest[blank..].starts_with(b"=>").then_some((at + 1 + blank + 2, Coding::Plain));
    }
    match rest {
        [b'-', b'>', ..] => Some((at + 2, Coding::Plain)),
        [0xE2, ..] => Some((at + 3, Coding::Plain)),
        [b'.', ..] => {
            let dots = rest.iter().take_while(|b| matches!(b, b'.' | b' ')).count();
            Some((at + dots + usize::from(rest.get(dots) == Some(&b':')), Coding::Plain))
        }
        [b':', b':', b' ', ..] => Some((at + 3, Coding::Base64)),
        [b':', b'/', b'/', ..] => None,
        [b'=', b'>', ..] => Some((at + 2, Coding::Plain)),
        [b'=', b'=', ..] => None,
        // A parameter of vCard: the separator is the colon behind it.
        [b'=', ..] if text[at.saturating_sub(24)..at].contains(&b';') => {
            let colon = memchr::memchr(b':', rest)?;
            let head = &rest[..colon];
            let quoted = memchr::memmem::find(&head.to_ascii_uppercase(), b"QUOTED-PRINTABLE").is_some();
            Some((at + colon + 1, if quoted { Coding::QuotedPrintable } else { Coding::Plain }))
        }
        [b':' | b'=' | b'|', ..] => Some((at + 1, Coding::Plain)),
        _ => None,
    }
}

/// One to five words that begin with a letter.
fn is_label(key: &[u8]) -> bool {
    let Some(first) = key.first() else { return false };
    let starts = first.is_ascii_alphabetic() || *first >= 0x80 || *first == b'_';
    let words = key.iter().filter(|b| **b == b' ').count() + 1;
    let letters = key.iter().filter(|b| b.is_ascii_alphabetic() || **b >= 0x80).count();
    starts && words <= 5 && letters * 2 >= key.len()
}

fn trim(text: &[u8], mut range: Range<usize>) -> Range<usize> {
    while range.start < range.end && text[range.start].is_ascii_whitespace() {
        range.start += 1;
    }
    while range.end > range.start && text[range.end - 1].is_ascii_whitespace() {
        range.end -= 1;
    }
    range
}

/// The value without blanks, and without the quotes and the comma that notations put around it.
pub(super) fn value(text: &[u8], range: Range<usize>) -> Range<usize> {
    let mut range = trim(text, range);
    let decor = text[range.clone()].iter().take_while(|b| **b == b'*').count();
    if decor == 2 && text[range.clone()].get(2) == Some(&b' ') {
        range.start += 3;
    }
    let quote = text.get(range.start).copied().filter(|b| matches!(b, b'"' | b'\'' | b'`'));
    if let Some(quote) = quote {
        let comma = usize::from(text[range.clone()].ends_with(b","));
        let end = range.end - comma;
        if end > range.start + 1 && text[end - 1] == quote {
            return range.start + 1..end - 1;
        }
    }
    range
}
