//! Markup: tables of HTML pages, records of XML exports, documents of office programs, and the text of all of them.

pub(crate) mod cut;
mod document;
mod html;
mod rtf;
pub(crate) mod tokens;
mod xml;

pub(crate) use rtf::{opens as opens_rtf, read as read_rtf};

use super::out::Out;
use tokens::{Token, Tokens};

/// Elements that only HTML has, one of which shows near the beginning of any page or piece of one.
const HTML: [&[u8]; 26] = [
    b"html", b"head", b"body", b"div", b"span", b"p", b"br", b"table", b"tr", b"td", b"th", b"tbody", b"thead", b"ul",
    b"ol", b"li", b"pre", b"a", b"b", b"h1", b"h2", b"font", b"center", b"form", b"meta", b"dl",
];

/// Whether a line begins markup: a declaration, or a tag that HTML has or that closes later.
pub(crate) fn opens(text: &[u8]) -> bool {
    if text.first() != Some(&b'<') {
        return false;
    }
    let head = &text[..text.len().min(15)].to_ascii_lowercase();
    head.starts_with(b"<?xml") || head.starts_with(b"<!doctype") || head.starts_with(b"<!--") || begins(text).is_some()
}

/// Which of the two begins at `text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    Html,
    Xml,
}

fn begins(text: &[u8]) -> Option<Notation> {
    let window = &text[..text.len().min(64 << 10)];
    let blank = |token: &Token| matches!(token, Token::Text(range) if window[range.clone()].trim_ascii().is_empty());
    // A tag may be as long as its line (a link that carries a file): what is looked through for every line stays in proportion to it.
    let longest = memchr::memchr(b'\n', window).unwrap_or(window.len()).max(1 << 10);
    let Token::Open { name, empty, .. } = Tokens::of_short_tags(window, longest).find(|token| !blank(token))? else {
        return None;
    };
    let name = &window[name];
    if HTML.iter().any(|html| name.eq_ignore_ascii_case(html)) {
        return Some(Notation::Html);
    }
    // `<nom>` in a text is no XML; an element that is closed, or many levels deep, is.
    let close = [b"</", name].concat();
    (!empty && (memchr::memmem::find(window, &close).is_some() || window.len() == 64 << 10)).then_some(Notation::Xml)
}

/// Reads the markup that begins at `start`. Returns where it ends; `None` if it is none.
pub(crate) fn read(out: &mut Out<'_>, text: &[u8], start: usize) -> Option<usize> {
    if document::is_document(&text[start..]) {
        return Some(document::read(out, text, start));
    }
    match begins(&text[start..])? {
        Notation::Html => Some(html::read(out, text, start)),
        Notation::Xml => xml::read(out, text, start),
    }
}

#[cfg(test)]
mod tests;
