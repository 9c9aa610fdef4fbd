//! Markup as a stream of tags and text, for HTML and XML alike: no tree, no look-back, one pass.
//!
//! A tree builder would be quadratic on hostile nesting; a tokenizer is not. It accepts what browsers accept: anything.

use std::ops::Range;

use memchr::{memchr, memmem};

/// The longest tag; what is longer is text.
const MAX_TAG: usize = 64 << 10;

/// One token, as offsets into the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// Text between tags, entities not yet resolved.
    Text(Range<usize>),
    /// A CDATA section: text as it is.
    Data(Range<usize>),
    /// A start tag: its name, and what stands behind it up to the bracket.
    Open {
        name: Range<usize>,
        attributes: Range<usize>,
        empty: bool,
    },
    Close {
        name: Range<usize>,
    },
}

/// The tokens of a text.
pub(crate) struct Tokens<'t> {
    text: &'t [u8],
    pub(crate) at: usize,
    /// The element (`script`, `style`) whose content is no markup.
    raw: Option<&'static [u8]>,
    /// The longest tag looked for.
    longest: usize,
    /// Bytes looked through for the ends of tags that had none.
    wasted: usize,
}

/// The longest tag, once much was looked through in vain: a text of beginnings of tags must not be looked through from each
/// of them to the same end.
const MAX_VAIN_TAG: usize = 512;

impl<'t> Tokens<'t> {
    pub(crate) fn new(text: &'t [u8], at: usize) -> Self {
        Self { text, at, raw: None, longest: MAX_TAG, wasted: 0 }
    }

    /// The same for tags of at most so many bytes.
    pub(crate) fn of_short_tags(text: &'t [u8], longest: usize) -> Self {
        Self { longest, ..Self::new(text, 0) }
    }

    /// A start tag, whose bracket stands at `open`.
    fn tag(&mut self, open: usize) -> Option<Token> {
        let closing = self.text.get(open + 1) == Some(&b'/');
        let start = open + 1 + usize::from(closing);
        if !self.text.get(start)?.is_ascii_alphabetic() && self.text[start] != b'_' {
            return None;
        }
        let rest = &self.text[start..self.text.len().min(start + self.longest)];
        let name = rest.iter().take_while(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b'/' | b'>')).count();
        let Some(end) = tag_end(rest, name).map(|end| start + end) else {
            self.wasted += rest.len();
            if self.wasted > 16 * MAX_TAG {
                self.longest = self.longest.min(MAX_VAIN_TAG);
            }
            return None;
        };
        let name = start..start + name;
        self.at = end + 1;
        if closing {
            return Some(Token::Close { name });
        }
        let empty = self.text[end - 1] == b'/';
        let attributes = name.end..(end - usize::from(empty)).max(name.end);
        self.raw = [&b"script"[..], b"style"]
            .into_iter()
            .find(|raw| !empty && self.text[name.clone()].eq_ignore_ascii_case(raw));
        Some(Token::Open { name, attributes, empty })
    }

    /// A comment, a declaration or a CDATA section at `open`: its end, and the text in it.
    fn declaration(&self, open: usize) -> Option<(usize, Option<Range<usize>>)> {
        let rest = &self.text[open..];
        let ends = |start: usize, mark: &[u8]| {
            memmem::find(&rest[start..], mark).map_or(rest.len(), |i| start + i + mark.len())
        };
        if rest.starts_with(b"<!--") {
            return Some((open + ends(4.min(rest.len()), b"-->"), None));
        }
        if rest.starts_with(b"<![CDATA[") {
            let end = open + ends(9, b"]]>");
            return Some((end, Some(open + 9..end.saturating_sub(3).max(open + 9))));
        }
        if rest.starts_with(b"<!") || rest.starts_with(b"<?") {
            return Some((open + memchr(b'>', &rest[..rest.len().min(MAX_TAG)])? + 1, None));
        }
        None
    }
}

/// The `>` that ends a tag: one in a quoted attribute does not.
fn tag_end(rest: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *rest.get(at)? {
            b'>' => return Some(at),
            b'=' => {
                at += 1 + rest[at + 1..].iter().take_while(|b| b.is_ascii_whitespace()).count();
                if let Some(quote @ (b'"' | b'\'')) = rest.get(at) {
                    match memchr(*quote, &rest[at + 1..]) {
                        Some(close) => at += close + 2,
                        None => at += 1,
                    }
                }
            }
            _ => at += 1,
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        if let Some(raw) = self.raw.take() {
            // Scripts hold data too (`var users = […]`): it is text.
            let start = self.at;
            let end = memmem::find_iter(&self.text[start..], b"</")
                .find(|i| {
                    self.text[start + i + 2..].get(..raw.len()).is_some_and(|name| name.eq_ignore_ascii_case(raw))
                })
                .map_or(self.text.len(), |i| start + i);
            self.at = end;
            if end > start {
                return Some(Token::Data(start..end));
            }
        }
        let start = self.at;
        let mut from = start;
        while let Some(open) = memchr(b'<', self.text.get(from..)?).map(|i| from + i) {
            if open > start {
                let begins = self
                    .text
                    .get(open + 1)
                    .is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'/' | b'!' | b'?' | b'_'));
                if begins {
                    self.at = open;
                    return Some(Token::Text(start..open));
                }
            } else if let Some((end, data)) = self.declaration(open) {
                self.at = end;
                return Some(data.map_or(Token::Text(end..end), Token::Data));
            } else if let Some(token) = self.tag(open) {
                return Some(token);
            }
            from = open + 1;
        }
        self.at = self.text.len();
        (start < self.text.len()).then_some(Token::Text(start..self.text.len()))
    }
}

/// The attributes of a tag: names and values.
pub(crate) fn attributes(text: &[u8], range: Range<usize>) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + '_ {
    let mut at = range.start;
    std::iter::from_fn(move || {
        loop {
            let equals = at + memchr(b'=', &text[at..range.end])?;
            let name_start = text[at..equals].trim_ascii_end();
            let length = name_start.iter().rev().take_while(|b| !b.is_ascii_whitespace()).count();
            let name = at + name_start.len() - length..at + name_start.len();
            let open = equals + 1 + text[equals + 1..range.end].iter().take_while(|b| b.is_ascii_whitespace()).count();
            let value = match text[..range.end].get(open) {
                Some(quote @ (b'"' | b'\'')) => {
                    let end = memchr(*quote, &text[open + 1..range.end]).map_or(range.end, |i| open + 1 + i);
                    at = (end + 1).min(range.end);
                    open + 1..end
                }
                _ => {
                    let length = text[open..range.end].iter().take_while(|b| !b.is_ascii_whitespace()).count();
                    at = open + length;
                    open..at
                }
            };
            if !name.is_empty() {
                return Some((name, value));
            }
        }
    })
}

/// Appends text with its entities resolved; bare ampersands stay.
pub(crate) fn resolve(text: &[u8], to: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(found) = memchr(b'&', &text[at..]).map(|i| at + i) {
        to.extend_from_slice(&text[at..found]);
        let rest = &text[found + 1..text.len().min(found + 12)];
        let resolved = memchr(b';', rest).and_then(|end| entity(&rest[..end]).map(|c| (c, end)));
        match resolved {
            Some((c, end)) => {
                to.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                at = found + end + 2;
            }
            None => {
                to.push(b'&');
                at = found + 1;
            }
        }
    }
    to.extend_from_slice(&text[at..]);
}

fn entity(name: &[u8]) -> Option<char> {
    if let Some(number) = name.strip_prefix(b"#") {
        let number = std::str::from_utf8(number).ok()?;
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    const NAMED: &[(&str, char)] = &[
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("commat", '@'),
        ("period", '.'),
        ("colon", ':'),
        ("comma", ','),
        ("eacute", 'é'),
        ("egrave", 'è'),
        ("ecirc", 'ê'),
        ("euml", 'ë'),
        ("agrave", 'à'),
        ("acirc", 'â'),
        ("auml", 'ä'),
        ("aacute", 'á'),
        ("atilde", 'ã'),
        ("aring", 'å'),
        ("ccedil", 'ç'),
        ("icirc", 'î'),
        ("iuml", 'ï'),
        ("iacute", 'í'),
        ("ocirc", 'ô'),
        ("ouml", 'ö'),
        ("oacute", 'ó'),
        ("otilde", 'õ'),
        ("oslash", 'ø'),
        ("ugrave", 'ù'),
        ("ucirc", 'û'),
        ("uuml", 'ü'),
        ("uacute", 'ú'),
        ("ntilde", 'ñ'),
        ("szlig", 'ß'),
        ("oelig", 'œ'),
        ("aelig", 'æ'),
        ("Eacute", 'É'),
        ("Egrave", 'È'),
        ("Ecirc", 'Ê'),
        ("Agrave", 'À'),
        ("Acirc", 'Â'),
        ("Ccedil", 'Ç'),
        ("Icirc", 'Î'),
        ("Ocirc", 'Ô'),
        ("Ouml", 'Ö'),
        ("Uuml", 'Ü'),
        ("Auml", 'Ä'),
        ("Ntilde", 'Ñ'),
        ("rsquo", '’'),
        ("lsquo", '‘'),
        ("ldquo", '“'),
        ("rdquo", '”'),
        ("laquo", '«'),
        ("raquo", '»'),
        ("ndash", '–'),
        ("mdash", '—'),
        ("hellip", '…'),
        ("euro", '€'),
        ("deg", '°'),
        ("bull", '•'),
        ("middot", '·'),
        ("lowbar", '_'),
        ("hyphen", '-'),
    ];
    NAMED.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, c)| *c)
}
