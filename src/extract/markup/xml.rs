//! XML exports: elements as nested values. What is a record, the tree decides.

use super::tokens::{Token, Tokens, attributes, resolve};
use crate::extract::out::Out;
use crate::extract::tree::{NodeKind, Piece, Tree};
use crate::model::{Shape, SkipReason};

/// Reads the document that begins at `start`. Returns where it ends.
pub(super) fn read(out: &mut Out<'_>, text: &[u8], start: usize) -> Option<usize> {
    out.flush_rows();
    let mut reader =
        Elements { text, tree: Tree::new(text, start, Shape::Markup), pending: None, mixed: Vec::new(), too_deep: 0 };
    let mut tokens = Tokens::new(text, start);
    let mut end = start;
    let mut count = 0u32;
    while let Some(token) = tokens.next() {
        reader.token(out, token, tokens.at);
        count += 1;
        if reader.done() {
            end = tokens.at;
            // A document ends with its root; further roots may follow.
            let rest = text[end..].trim_ascii_start();
            if rest.first() != Some(&b'<') {
                break;
            }
        }
        if count.is_multiple_of(1024) && out.stopped() {
            break;
        }
    }
    if !reader.done() {
        reader.tree.break_off(out, text.len());
        end = text.len();
    }
    reader.tree.columns.flush(out, end);
    out.text(&reader.mixed);
    Some(end)
}

/// An element whose start tag was read and whose content is still unknown.
struct Pending {
    name: Piece,
    value: Option<Piece>,
    /// Its only attribute, if that says what the content is: `<field name="mail">…</field>`.
    attribute: Option<(Piece, Piece)>,
}

/// Attributes that name the content of their element.
const NAMING: [&[u8]; 8] = [b"name", b"key", b"field", b"column", b"col", b"label", b"n", b"property"];

impl Pending {
    /// What its content is called.
    fn named(&self) -> Piece {
        self.attribute.map_or(self.name, |(_, value)| value)
    }
}

struct Elements<'t> {
    text: &'t [u8],
    tree: Tree<'t>,
    pending: Option<Pending>,
    /// Text that stands beside elements.
    mixed: Vec<u8>,
    /// Elements open beyond the limit on nesting.
    too_deep: u32,
}

impl Elements<'_> {
    fn done(&self) -> bool {
        self.pending.is_none() && self.tree.depth() == 0
    }

    fn token(&mut self, out: &mut Out<'_>, token: Token, at: usize) {
        match token {
            Token::Text(range) => {
                let value = self.trimmed(range);
                if !value.is_empty() {
                    let piece = self.resolved(value);
                    self.content(piece);
                }
            }
            Token::Data(range) => {
                let value = self.trimmed(range);
                self.content(Piece::Text(value.start, value.end));
            }
            Token::Open { name, attributes, empty } => self.open(out, name, attributes, empty, at),
            Token::Close { .. } => self.close(out, at),
        }
    }

    fn trimmed(&self, range: std::ops::Range<usize>) -> std::ops::Range<usize> {
        let raw = &self.text[range.clone()];
        let start = range.start + (raw.len() - raw.trim_ascii_start().len());
        start..start + raw.trim_ascii().len()
    }

    fn resolved(&mut self, range: std::ops::Range<usize>) -> Piece {
        let raw = &self.text[range.clone()];
        if memchr::memchr(b'&', raw).is_none() {
            return Piece::Text(range.start, range.end);
        }
        let mut value = Vec::with_capacity(raw.len());
        resolve(raw, &mut value);
        self.tree.keep(&value)
    }

    fn content(&mut self, piece: Piece) {
        match &mut self.pending {
            Some(pending) if pending.value.is_none() => pending.value = Some(piece),
            Some(_) => self.tree.scalar(Piece::NONE, piece),
            None if self.tree.depth() > 0 => self.tree.scalar(Piece::NONE, piece),
            None => {
                if let Piece::Text(start, end) = piece {
                    self.mixed.extend_from_slice(&self.text[start..end]);
                    self.mixed.push(b'\n');
                }
            }
        }
    }

    fn open(
        &mut self,
        out: &mut Out<'_>,
        name: std::ops::Range<usize>,
        range: std::ops::Range<usize>,
        empty: bool,
        at: usize,
    ) {
        self.promote();
        if self.tree.depth() >= out.limits.nesting as usize {
            out.skip(
                SkipReason::Nesting,
                format!("{} elements within each other; read on as one level", out.limits.nesting),
            );
            self.too_deep += u32::from(!empty);
            return;
        }
        // A prefix says who defined the name, not what it means.
        let local = memchr::memchr(b':', &self.text[name.clone()]).map_or(name.start, |i| name.start + i + 1);
        let name = Piece::Text(local, name.end);
        let with_attributes = memchr::memchr(b'=', &self.text[range.clone()]).is_some();
        if !with_attributes {
            self.pending = Some(Pending { name, value: None, attribute: None });
            if empty {
                self.close(out, at);
            }
            return;
        }
        let pairs: Vec<_> = attributes(self.text, range).collect();
        if let [(attribute, value)] = &pairs[..]
            && NAMING.iter().any(|naming| self.text[attribute.clone()].eq_ignore_ascii_case(naming))
            && !empty
        {
            let value = self.resolved(value.clone());
            let attribute = Some((Piece::Text(attribute.start, attribute.end), value));
            self.pending = Some(Pending { name, value: None, attribute });
            return;
        }
        self.tree.open(NodeKind::Object, name);
        for (name, value) in pairs {
            if !self.text[name.clone()].starts_with(b"xml") {
                let value = self.resolved(value);
                self.tree.scalar(Piece::Text(name.start, name.end), value);
            }
        }
        if empty {
            self.close(out, at);
        }
    }

    /// The pending element has elements in it: it is an object.
    fn promote(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.tree.open(NodeKind::Object, pending.name);
            if let Some((attribute, value)) = pending.attribute {
                self.tree.scalar(attribute, value);
            }
            if let Some(value) = pending.value {
                self.tree.scalar(Piece::NONE, value);
            }
        }
    }

    fn close(&mut self, out: &mut Out<'_>, at: usize) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        match self.pending.take() {
            Some(pending) if self.tree.depth() == 0 => {
                self.tree.open(NodeKind::Object, Piece::NONE);
                self.tree.scalar(pending.named(), pending.value.unwrap_or(Piece::NONE));
                self.tree.close(out, at);
            }
            Some(pending) => self.tree.scalar(pending.named(), pending.value.unwrap_or(Piece::NONE)),
            None => self.tree.close(out, at),
        }
    }
}
