//! JSON as dumps have it: arrays of objects, one object a line, objects one after another, envelopes around them.
//!
//! Records that are flat (values, objects of values, arrays of values) are read in one pass straight into a row. At
//! anything else the record is read again by `literal`, which knows more notations and builds a tree.

use memchr::memchr2;

use super::{Tree, bare, literal};
use crate::extract::columns::Columns;
use crate::extract::out::Out;
use crate::model::Shape;

/// Objects within a record that is read in one pass.
const FLAT_DEPTH: usize = 6;

/// Reads the JSON (or the literal) that begins at `start`, and what of its kind follows. Returns where it ends; `None`
/// if it is none.
pub(crate) fn read(out: &mut Out<'_>, text: &[u8], start: usize) -> Option<usize> {
    out.flush_rows();
    let mut reader =
        Reader { tree: Tree::new(text, start, Shape::Json), text, lists: 0, nesting: out.limits.nesting as usize };
    let end = reader.values(out, start);
    reader.tree.columns.flush(out, end);
    (end > start).then_some(end)
}

struct Reader<'t> {
    tree: Tree<'t>,
    text: &'t [u8],
    /// Arrays of records that are open around the current record.
    lists: u32,
    nesting: usize,
}

impl Reader<'_> {
    /// Reads values until something else comes. Returns where the last one ends.
    fn values(&mut self, out: &mut Out<'_>, start: usize) -> usize {
        let (mut at, mut end) = (start, start);
        while !out.stopped() {
            at = skip_blank(self.text, at);
            match self.text.get(at) {
                Some(b',' | b';') if end > start || self.lists > 0 => at += 1,
                Some(b']') if self.lists > 0 => {
                    self.lists -= 1;
                    at += 1;
                    end = at;
                }
                Some(b'[') if self.opens_list(at) && (self.lists as usize) < self.nesting => {
                    self.lists += 1;
                    at += 1;
                }
                Some(b'(') if at > start => return end,
                Some(b'{' | b'[' | b'(') if at > start || !is_mark(&self.text[at..]) => match self.value(out, at) {
                    Some(next) => (at, end) = (next, next),
                    None => return end,
                },
                // An array that breaks off still gave its records.
                _ => return end,
            }
        }
        end.max(at)
    }

    /// Whether the array at `at` begins with a container: then its elements are read one by one.
    fn opens_list(&self, at: usize) -> bool {
        matches!(self.text.get(skip_blank(self.text, at + 1)), Some(b'{' | b'['))
    }

    fn value(&mut self, out: &mut Out<'_>, at: usize) -> Option<usize> {
        if self.lists > 0 || self.tree.columns.rows() > 0 {
            self.tree.in_list();
        }
        if self.text[at] == b'{' {
            let most = out.limits.columns;
            let mut flat = Flat {
                columns: &mut self.tree.columns,
                text: self.text,
                path: Vec::new(),
                most,
                values: 0,
                objects: 0,
                lists: 0,
            };
            if let Some(end) = flat.object(at, 0) {
                self.tree.columns.end_row(out, end);
                return Some(end);
            }
            self.tree.columns.undo_row();
        }
        if let Some(end) = literal::read(out, &mut self.tree, self.text, at) {
            return Some(end);
        }
        let most = out.limits.columns;
        let end = (self.text[at] == b'{').then(|| bare::read(self.text, at, &mut self.tree.columns, most)).flatten();
        match end {
            Some(end) => self.tree.columns.end_row(out, end),
            None => self.tree.columns.undo_row(),
        }
        end
    }
}

/// Whether a literal may begin with this line, which begins with a bracket: marks (`[b]`, `[1] Martin`, `[nom] => …`)
/// and blocks of code do not.
pub(crate) fn may_open(line: &[u8]) -> bool {
    let inner = line[1..].trim_ascii_start();
    let word = inner.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    let plausible = match inner.first() {
        None => true,
        Some(b'"' | b'\'' | b'{' | b'[' | b'(' | b'}' | b'-' | b'/' | b':' | b'0'..=b'9') => true,
        Some(_) if line[0] == b'{' => {
            word > 0 && inner[word..].trim_ascii_start().first().is_some_and(|b| matches!(b, b':' | b'='))
        }
        Some(_) => {
            let constant =
                [&b"null"[..], b"true", b"false", b"none", b"array", b"objectid", b"u", b"b", b"dict", b"nil"];
            constant.iter().any(|c| inner[..word].eq_ignore_ascii_case(c)) || word > 0 && inner.get(word) == Some(&b'(')
        }
    };
    plausible && !is_mark(line)
}

/// Whether a line begins with a bracketed mark of prose: `[1] Martin et al.`
fn is_mark(text: &[u8]) -> bool {
    let line = &text[..text.len().min(64)];
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    let Some(close) = memchr::memchr(b']', line).filter(|_| line[0] == b'[') else { return false };
    let quiet = !line[..close].iter().any(|b| matches!(b, b'"' | b'\'' | b'{'));
    quiet
        && line[close + 1..].trim_ascii().first().is_some_and(|b| !matches!(b, b',' | b';' | b']' | b'}' | b'{' | b'['))
}

pub(super) fn skip_blank(text: &[u8], at: usize) -> usize {
    let mut at = at;
    while text.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// One flat record on its way into a row.
struct Flat<'a, 't> {
    columns: &'a mut Columns<'t>,
    text: &'t [u8],
    path: Vec<u8>,
    most: usize,
    /// Values, objects and lists directly in the record.
    values: usize,
    objects: usize,
    lists: usize,
}

impl Flat<'_, '_> {
    /// Reads the object at `at`. `None` if it is not flat, or no JSON.
    fn object(&mut self, at: usize, depth: usize) -> Option<usize> {
        let mut at = skip_blank(self.text, at + 1);
        if self.text.get(at) == Some(&b'}') {
            return Some(at + 1);
        }
        loop {
            if *self.text.get(at)? != b'"' {
                return None;
            }
            let (key, behind, escaped) = string(self.text, at)?;
            if escaped {
                return None;
            }
            at = skip_blank(self.text, behind);
            if *self.text.get(at)? != b':' {
                return None;
            }
            at = skip_blank(self.text, at + 1);
            at = self.member(key, at, depth)?;
            at = skip_blank(self.text, at);
            match self.text.get(at)? {
                b',' => at = skip_blank(self.text, at + 1),
                b'}' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    fn member(&mut self, key: std::ops::Range<usize>, at: usize, depth: usize) -> Option<usize> {
        let text = self.text;
        let first = *text.get(at)?;
        if depth == 0 && first != b'{' && first != b'[' {
            let column = self.columns.column(&text[key], self.most);
            self.values += 1;
            return self.scalar(column, at);
        }
        let length = self.path.len();
        super::extend_path(&mut self.path, &text[key]);
        let end = match first {
            b'{' => {
                self.objects += usize::from(depth == 0);
                // An object of objects may be a list with labels; so is one too deep for one pass left to the tree.
                if depth + 1 >= FLAT_DEPTH || (self.values == 0 && self.objects > 1) {
                    return None;
                }
                self.object(at, depth + 1)
            }
            // Lists and nothing else are columns: the tree turns them.
            b'[' if depth == 0 && self.values == 0 && self.lists > 0 => return None,
            b'[' => {
                self.lists += usize::from(depth == 0);
                self.array(at)
            }
            _ => {
                let column = self.columns.column(&self.path, self.most);
                self.scalar(column, at)
            }
        };
        self.path.truncate(length);
        end
    }

    /// An array of values: the first stands in the column, the others behind the row.
    fn array(&mut self, at: usize) -> Option<usize> {
        let mut at = skip_blank(self.text, at + 1);
        if self.text.get(at) == Some(&b']') {
            return Some(at + 1);
        }
        let column = self.columns.column(&self.path, self.most);
        loop {
            if matches!(self.text.get(at)?, b'{' | b'[') {
                return None;
            }
            at = skip_blank(self.text, self.scalar(column, at)?);
            match self.text.get(at)? {
                b',' => at = skip_blank(self.text, at + 1),
                b']' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    fn scalar(&mut self, column: usize, at: usize) -> Option<usize> {
        if *self.text.get(at)? == b'"' {
            let (content, end, escaped) = string(self.text, at)?;
            if escaped {
                let start = self.columns.extra().len();
                unescape(&self.text[content], self.columns.extra());
                self.columns.put_extra(column, start);
            } else {
                self.columns.put_range(column, content.start, content.end);
            }
            return Some(end);
        }
        let length =
            self.text[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')).count();
        let word = &self.text[at..at + length];
        match word {
            b"null" => {}
            b"true" | b"false" => self.columns.put_range(column, at, at + length),
            [b'0'..=b'9' | b'-', ..] => self.columns.put_range(column, at, at + length),
            _ => return None,
        }
        Some(at + length)
    }
}

/// The string whose quote stands at `at`: its content, where it ends, and whether there are escapes in it.
pub(super) fn string(text: &[u8], at: usize) -> Option<(std::ops::Range<usize>, usize, bool)> {
    let quote = text[at];
    let (mut from, mut escaped) = (at + 1, false);
    loop {
        let found = memchr2(quote, b'\\', text.get(from..)?)? + from;
        if text[found] == quote {
            return Some((at + 1..found, found + 1, escaped));
        }
        escaped = true;
        from = found + 2;
    }
}

/// Appends `content` with its escapes resolved, as JSON, JavaScript, Python and PHP write them.
pub(crate) fn unescape(content: &[u8], to: &mut Vec<u8>) {
    let mut at = 0;
    while at < content.len() {
        let Some(found) = memchr::memchr(b'\\', &content[at..]) else {
            to.extend_from_slice(&content[at..]);
            return;
        };
        to.extend_from_slice(&content[at..at + found]);
        at += found;
        at += escape(&content[at..], to);
    }
}

/// Resolves the escape at the beginning of `text`, and returns its length.
fn escape(text: &[u8], to: &mut Vec<u8>) -> usize {
    let plain = |b: u8, to: &mut Vec<u8>| {
        to.push(b);
        2
    };
    match text.get(1) {
        None => {
            to.push(b'\\');
            1
        }
        Some(b'n') => plain(b'\n', to),
        Some(b't') => plain(b'\t', to),
        Some(b'r') => plain(b'\r', to),
        Some(b'b') => plain(8, to),
        Some(b'f') => plain(12, to),
        Some(b'u') => unicode(text, 4, to),
        Some(b'x') => unicode(text, 2, to),
        Some(b) => plain(*b, to),
    }
}

/// `\uXXXX`, in pairs beyond the first plane, and `\xXX`.
fn unicode(text: &[u8], digits: usize, to: &mut Vec<u8>) -> usize {
    let hex = |from: usize| -> Option<u32> {
        let digits = text.get(from..from + digits)?;
        digits
            .iter()
            .all(u8::is_ascii_hexdigit)
            .then(|| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())?
    };
    let Some(first) = hex(2) else {
        to.push(text[1]);
        return 2;
    };
    let mut length = 2 + digits;
    let mut code = first;
    if (0xD800..0xDC00).contains(&first)
        && text.get(length..length + 2) == Some(b"\\u")
        && let Some(second) = hex(length + 2).filter(|second| (0xDC00..0xE000).contains(second))
    {
        code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        length += 6;
    }
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    to.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    length
}
