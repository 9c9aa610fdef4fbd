//! The values of a tuple: strings with their escapes, numbers, hexadecimal strings, expressions around a literal.

use memchr::{memchr, memchr2};

use super::names::{identifier, keyword, skip_space};
use crate::extract::columns::Columns;

/// The longest expression looked through for the literal in it.
const MAX_EXPRESSION: usize = 64 << 10;

/// How values are written.
pub(super) struct Values<'t> {
    pub(super) text: &'t [u8],
    pub(super) backslash: bool,
}

impl Values<'_> {
    /// Reads the tuple whose bracket stands at `open`. Returns where it ends.
    pub(super) fn tuple(&self, open: usize, columns: &mut Columns<'_>) -> Option<usize> {
        let mut at = open + 1;
        let mut column = 0;
        loop {
            at = self.value(at, column, columns)?;
            column += 1;
            if *self.text.get(at)? != b',' && *self.text.get(at)? != b')' {
                at = self.end_of_value(at)?;
            }
            match self.text[at] {
                b',' => at += 1,
                _ => return Some(at + 1),
            }
        }
    }

    /// Reads the values behind `SELECT`, up to the word or mark that ends them.
    pub(super) fn selected(&self, start: usize, columns: &mut Columns<'_>) -> Option<usize> {
        let (mut at, mut column) = (start, 0);
        loop {
            at = skip_space(self.text, self.value(at, column, columns)?);
            column += 1;
            // `'x' AS name`
            if let Some(behind) = keyword(self.text, at, "as") {
                at = skip_space(self.text, identifier(self.text, behind)?.1);
            }
            if self.text.get(at) != Some(&b',') {
                return Some(at);
            }
            at += 1;
        }
    }

    /// Reads one value into `column`. Returns where it ends.
    pub(super) fn value(&self, at: usize, column: usize, columns: &mut Columns<'_>) -> Option<usize> {
        let at = skip_space(self.text, at);
        match *self.text.get(at)? {
            b'\'' | b'"' => self.string(at, column, columns),
            b'$' => self.dollars(at, column, columns),
            b'0' if matches!(self.text.get(at + 1), Some(b'x' | b'X')) => self.hex(at + 2, column, columns),
            b'0'..=b'9' | b'-' | b'+' | b'.' => {
                let number = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
                let end = at + self.text[at..].iter().take_while(number).count();
                columns.put_range(column, at, end);
                Some(end)
            }
            _ => self.word(at, column, columns),
        }
    }

    fn string(&self, open: usize, column: usize, columns: &mut Columns<'_>) -> Option<usize> {
        let quote = self.text[open];
        let (mut at, mut escaped) = (open + 1, false);
        let close = loop {
            let rest = self.text.get(at..)?;
            let found = at + if self.backslash { memchr2(quote, b'\\', rest)? } else { memchr(quote, rest)? };
            // Behind a backslash, and in a doubled quote, the next byte is the value's.
            if self.text[found] == b'\\' || self.text.get(found + 1) == Some(&quote) {
                escaped = true;
                at = found + 2;
            } else {
                break found;
            }
        };
        if escaped {
            let start = columns.extra().len();
            self.unescape(&self.text[open + 1..close], quote, columns.extra());
            columns.put_extra(column, start);
        } else {
            columns.put_range(column, open + 1, close);
        }
        Some(close + 1)
    }

    fn unescape(&self, content: &[u8], quote: u8, to: &mut Vec<u8>) {
        let mut at = 0;
        while at < content.len() {
            let b = content[at];
            at += 1;
            if b == quote {
                // The second of a doubled quote.
                at += 1;
            } else if b == b'\\' && self.backslash {
                let escape = content.get(at).copied().unwrap_or(b'\\');
                at += 1;
                to.push(match escape {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'0' => 0,
                    b'Z' => 0x1a,
                    other => other,
                });
                continue;
            }
            to.push(b);
        }
    }

    /// `0x4D617274696E` and `X'4D…'`: decoded if that gives text.
    fn hex(&self, start: usize, column: usize, columns: &mut Columns<'_>) -> Option<usize> {
        let digits = self.text[start..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let hex = &self.text[start..start + digits];
        let nibble = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
        let bytes: Vec<u8> = hex.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect();
        let text = std::str::from_utf8(&bytes).is_ok_and(|text| !text.chars().any(char::is_control));
        if digits % 2 == 0 && text {
            columns.put_value(column, &bytes);
        } else {
            columns.put_range(column, start, start + digits);
        }
        Some(start + digits)
    }

    /// PostgreSQL's `$$…$$` and `$tag$…$tag$`, in which nothing is escaped.
    fn dollars(&self, at: usize, column: usize, columns: &mut Columns<'_>) -> Option<usize> {
        let name = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
        let tag = self.text[at + 1..].iter().take(64).take_while(name).count();
        let mark = &self.text[at..at + tag + 2];
        let start = at + mark.len();
        let length = mark.ends_with(b"$").then(|| memchr::memmem::find(&self.text[start..], mark)).flatten()?;
        columns.put_range(column, start, start + length);
        Some(start + length + mark.len())
    }

    /// Oracle's `q'[…]'`, whose quote stands at `quote`: nothing is escaped up to the bracket before a quote.
    fn alternative(&self, quote: usize, column: usize, columns: &mut Columns<'_>) -> Option<usize> {
        let close = match *self.text.get(quote + 1)? {
            b'[' => b']',
            b'(' => b')',
            b'{' => b'}',
            b'<' => b'>',
            other => other,
        };
        let start = quote + 2;
        let length = memchr::memmem::find(self.text.get(start..)?, &[close, b'\''])?;
        columns.put_range(column, start, start + length);
        Some(start + length + 2)
    }

    /// `NULL`, prefixed strings, functions.
    fn word(&self, at: usize, column: usize, columns: &mut Columns<'_>) -> Option<usize> {
        let word = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'@');
        let end = at + self.text[at..].iter().take_while(word).count();
        let token = &self.text[at..end];
        let behind = skip_space(self.text, end);
        let next = self.text.get(behind).copied();
        if next == Some(b'\'') && !token.is_empty() {
            if token.eq_ignore_ascii_case(b"x") {
                let close = self.hex(behind + 1, column, columns)?;
                return (self.text.get(close) == Some(&b'\'')).then_some(close + 1);
            }
            if token.eq_ignore_ascii_case(b"q") || token.eq_ignore_ascii_case(b"nq") {
                return self.alternative(behind, column, columns);
            }
            let escapes = Values { text: self.text, backslash: self.backslash || token.eq_ignore_ascii_case(b"e") };
            return escapes.string(behind, column, columns);
        }
        if next == Some(b'(') {
            return self.expression(at, behind, column, columns);
        }
        if token.is_empty() {
            return None;
        }
        let nothing = [&b"null"[..], b"default"].iter().any(|word| token.eq_ignore_ascii_case(word));
        if !nothing {
            columns.put_range(column, at, end);
        }
        Some(end)
    }

    /// A call: the first string within stands for it, or else all of it.
    fn expression(&self, start: usize, open: usize, column: usize, columns: &mut Columns<'_>) -> Option<usize> {
        let end = self.end_of_value(open)?;
        let inner = &self.text[open..end];
        match memchr(b'\'', inner) {
            Some(quote) => {
                self.string(open + quote, column, columns)?;
            }
            None => columns.put_range(column, start, end),
        }
        Some(end)
    }

    /// The `,` or `)` that ends the value of which `at` is a part.
    fn end_of_value(&self, mut at: usize) -> Option<usize> {
        let limit = self.text.len().min(at + MAX_EXPRESSION);
        let mut depth = 0usize;
        while at < limit {
            match self.text[at] {
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                b',' | b')' if depth == 0 => return Some(at),
                b'\'' => at += memchr(b'\'', &self.text[at + 1..limit])? + 1,
                b';' if depth == 0 => return None,
                _ => {}
            }
            at += 1;
        }
        None
    }
}
