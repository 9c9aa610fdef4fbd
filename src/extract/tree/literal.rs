//! Nested literals: JSON in full, and what JavaScript, Python, PHP and Ruby write for the same.
//!
//! One reader for all: quotes of either kind, `:` or `=>` behind keys, keys without quotes, `array(…)`, tuples,
//! trailing commas, comments, `ObjectId("…")`, `None`, `nil`. It is lenient about separators and strict about what
//! would make prose a literal: a bare word is a key or a known constant.

use memchr::memmem;

use super::json::{skip_blank, string, unescape};
use super::{NodeKind, Piece, Tree};
use crate::extract::out::Out;
use crate::model::SkipReason;

/// Reads the value at `start` into `tree`. Returns where it ends; `None`, with nothing handed on, if it is no literal.
/// A value that breaks off in the middle ends where it breaks off, provided it had begun well.
pub(crate) fn read(out: &mut Out<'_>, tree: &mut Tree<'_>, text: &[u8], start: usize) -> Option<usize> {
    let mut reader = Literal { text, at: start, members: 0, depth: tree.depth(), comments: Vec::new() };
    let result = reader.value(out, tree);
    match result {
        Ok(()) => {}
        Err(Broken) if reader.members >= 4 => tree.break_off(out, reader.at),
        _ => {
            tree.reset();
            return None;
        }
    }
    // What looks like a comment may be none (`{0# jean@…`), and what is one is read too.
    for comment in &reader.comments {
        out.text(&text[comment.clone()]);
        out.text(b"\n");
    }
    Some(reader.at)
}

/// Comments remembered one by one; beyond, the last goes on to the end of the next.
const COMMENTS: usize = 1024;

/// The text does not go on as a literal.
struct Broken;

struct Literal<'t> {
    text: &'t [u8],
    at: usize,
    /// Values read.
    members: usize,
    depth: usize,
    /// Comments that may name somebody.
    comments: Vec<std::ops::Range<usize>>,
}

/// What a token is.
enum Token {
    Open(NodeKind),
    Close,
    Scalar(Piece),
    /// A word that is no constant: a key, or nothing.
    Word(Piece),
    Separator,
    Arrow,
}

impl Literal<'_> {
    /// Reads from one opening bracket to its closing one, without recursion.
    fn value(&mut self, out: &mut Out<'_>, tree: &mut Tree<'_>) -> Result<(), Broken> {
        let limit = out.limits.nesting as usize;
        // The key of the next value, and a value that may turn out to be a key.
        let (mut key, mut pending): (Piece, Option<Piece>) = (Piece::NONE, None);
        loop {
            if self.members % 4096 == 4095 && out.stopped() {
                return Err(Broken);
            }
            match self.token(tree)? {
                Token::Open(kind) => {
                    self.flush(tree, &mut key, &mut pending);
                    if tree.depth() - self.depth >= limit {
                        out.skip(SkipReason::Nesting, format!("{limit} brackets within each other"));
                        return Err(Broken);
                    }
                    tree.open(kind, std::mem::replace(&mut key, Piece::NONE));
                }
                Token::Close => {
                    self.flush(tree, &mut key, &mut pending);
                    tree.close(out, self.at);
                    if tree.depth() == self.depth {
                        return Ok(());
                    }
                }
                Token::Separator => self.flush(tree, &mut key, &mut pending),
                Token::Arrow => {
                    key = pending.take().ok_or(Broken)?;
                }
                Token::Scalar(piece) => {
                    if pending.is_some() {
                        return Err(Broken);
                    }
                    pending = Some(piece);
                }
                Token::Word(piece) => {
                    if pending.is_some() || !self.arrow_follows() {
                        return Err(Broken);
                    }
                    pending = Some(piece);
                }
            }
        }
    }

    fn flush(&mut self, tree: &mut Tree<'_>, key: &mut Piece, pending: &mut Option<Piece>) {
        if let Some(value) = pending.take() {
            tree.scalar(std::mem::replace(key, Piece::NONE), value);
            self.members += 1;
        }
    }

    fn arrow_follows(&self) -> bool {
        let at = skip_blank(self.text, self.at);
        matches!(self.text.get(at), Some(b':' | b'=')) || self.text[at.min(self.text.len())..].starts_with(b"=>")
    }

    fn token(&mut self, tree: &mut Tree<'_>) -> Result<Token, Broken> {
        self.skip_comments();
        let rest = &self.text[self.at..];
        let first = *rest.first().ok_or(Broken)?;
        let (token, length) = match first {
            b'{' => (Token::Open(NodeKind::Object), 1),
            b'[' => (self.open_kind(1), 1),
            b'(' => (self.open_kind(1), 1),
            b'}' | b']' | b')' => (Token::Close, 1),
            b',' | b';' => (Token::Separator, 1),
            b':' if !self.is_symbol() => (Token::Arrow, 1),
            b'=' if rest.starts_with(b"=>") => (Token::Arrow, 2),
            b'=' if !rest.starts_with(b"==") => (Token::Arrow, 1),
            b'"' | b'\'' | b'`' => return self.quoted(tree),
            _ => return self.word(tree),
        };
        self.at += length;
        Ok(token)
    }

    /// Whether the colon here begins a symbol of Ruby (`:name => …`) rather than ending a key.
    fn is_symbol(&self) -> bool {
        let before = self.text[..self.at].trim_ascii_end().last();
        matches!(before, Some(b'{' | b'[' | b'(' | b','))
            && self.text.get(self.at + 1).is_some_and(u8::is_ascii_alphabetic)
    }

    /// PHP writes objects with the brackets of arrays: what follows the first value tells.
    fn open_kind(&self, length: usize) -> Token {
        let at = skip_blank(self.text, self.at + length);
        let keyed = match self.text.get(at) {
            Some(b'"' | b'\'') => string(self.text, at).is_some_and(|(_, end, _)| {
                let behind = skip_blank(self.text, end);
                self.text[behind..].starts_with(b"=>")
            }),
            Some(b'0'..=b'9') => {
                let digits = self.text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
                self.text[skip_blank(self.text, at + digits)..].starts_with(b"=>")
            }
            Some(b':') => true,
            _ => false,
        };
        Token::Open(if keyed { NodeKind::Object } else { NodeKind::Array })
    }

    fn quoted(&mut self, tree: &mut Tree<'_>) -> Result<Token, Broken> {
        // Python's long strings.
        for long in [&b"\"\"\""[..], b"'''"] {
            if self.text[self.at..].starts_with(long) {
                let start = self.at + 3;
                let end = memmem::find(&self.text[start..], long).ok_or(Broken)? + start;
                self.at = end + 3;
                return Ok(Token::Scalar(Piece::Text(start, end)));
            }
        }
        let (content, end, escaped) = string(self.text, self.at).ok_or(Broken)?;
        self.at = end;
        if !escaped {
            return Ok(Token::Scalar(Piece::Text(content.start, content.end)));
        }
        let mut value = Vec::with_capacity(content.len());
        unescape(&self.text[content], &mut value);
        Ok(Token::Scalar(tree.keep(&value)))
    }

    /// A number, a constant, a key without quotes, or a call around a value.
    fn word(&mut self, tree: &mut Tree<'_>) -> Result<Token, Broken> {
        let word =
            |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'.' | b'$' | b'@') || *b >= 0x80;
        let symbol = usize::from(self.text[self.at] == b':');
        let length = symbol + self.text[self.at + symbol..].iter().take_while(|b| word(b)).count();
        if length == symbol {
            return Err(Broken);
        }
        let (start, end) = (self.at, self.at + length);
        self.at = end;
        let token = &self.text[start..end];
        match token {
            b"null" | b"None" | b"nil" | b"NULL" | b"undefined" | b"NaN" => return Ok(Token::Scalar(Piece::NONE)),
            b"true" | b"false" | b"True" | b"False" | b"TRUE" | b"FALSE" => {
                return Ok(Token::Scalar(Piece::Text(start, end)));
            }
            _ => {}
        }
        let behind = self.text.get(end);
        // `u'…'`, `b"…"`, `N'…'`.
        if length == 1 && matches!(behind, Some(b'"' | b'\'')) {
            return self.quoted(tree);
        }
        if matches!(token[0], b'0'..=b'9' | b'-' | b'+' | b'.') {
            return Ok(Token::Scalar(Piece::Text(start, end)));
        }
        if behind == Some(&b'(') {
            return self.call(token, tree);
        }
        Ok(Token::Word(Piece::Text(start, end)))
    }

    /// `array(…)` opens an array; `ObjectId("…")`, `datetime.date(1970, 1, 2)` stand for what is in them.
    fn call(&mut self, name: &[u8], tree: &mut Tree<'_>) -> Result<Token, Broken> {
        if name.eq_ignore_ascii_case(b"array") || name.ends_with(b"Dict") || name == b"dict" || name == b"list" {
            let token = self.open_kind(1);
            self.at += 1;
            return Ok(token);
        }
        // `User(nom='Martin', …)`: named arguments are members.
        if self.named_arguments() {
            self.at += 1;
            return Ok(Token::Open(NodeKind::Object));
        }
        let start = self.at + 1;
        let window = &self.text[start..self.text.len().min(start + 256)];
        let close = memchr::memchr(b')', window).ok_or(Broken)? + start;
        self.at = close + 1;
        let inner = self.text[start..close].trim_ascii();
        let inner = inner.strip_prefix(b"\"").and_then(|i| i.strip_suffix(b"\"")).unwrap_or(inner);
        let inner = inner.strip_prefix(b"'").and_then(|i| i.strip_suffix(b"'")).unwrap_or(inner);
        Ok(Token::Scalar(tree.keep(inner)))
    }

    fn named_arguments(&self) -> bool {
        let at = skip_blank(self.text, self.at + 1);
        let length = self.text[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let behind = &self.text[skip_blank(self.text, at + length)..];
        length > 0 && behind.starts_with(b"=") && !behind.starts_with(b"==")
    }

    fn skip_comments(&mut self) {
        loop {
            self.at = skip_blank(self.text, self.at);
            let rest = &self.text[self.at..];
            let len = if rest.starts_with(b"//") || rest.starts_with(b"#") {
                memchr::memchr(b'\n', rest).unwrap_or(rest.len())
            } else if rest.starts_with(b"/*") {
                memmem::find(rest, b"*/").map_or(rest.len(), |end| end + 2)
            } else {
                return;
            };
            self.remember(self.at..self.at + len);
            self.at += len;
        }
    }

    fn remember(&mut self, comment: std::ops::Range<usize>) {
        let text = &self.text[comment.clone()];
        let digits = text.iter().filter(|b| b.is_ascii_digit()).count();
        if digits < 5 && memchr::memchr(b'@', text).is_none() {
            return;
        }
        let full = self.comments.len() == COMMENTS;
        match self.comments.last_mut().filter(|_| full) {
            Some(last) => last.end = comment.end,
            _ => self.comments.push(comment),
        }
    }
}
