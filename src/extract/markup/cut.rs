//! Where long markup may be cut, and what a piece must be told of the pieces before it: the table that its rows
//! stand in, the elements around its records.

use memchr::memmem;

use super::tokens::{Token, Tokens};
use super::{Notation, begins};

/// How far behind the beginning of a table its first row may end.
const MAX_HEAD: usize = 64 << 10;
/// Elements open at once that are looked through for records.
const MAX_DEPTH: usize = 64;

/// How long markup goes on.
#[derive(Debug, Clone)]
pub(crate) enum Course {
    /// Tables, lists and text.
    Html,
    /// Records that follow each other.
    Xml {
        /// The end tag of a record.
        close: Vec<u8>,
        /// The start tags of the elements that the records stand in.
        around: Vec<u8>,
    },
}

impl Course {
    /// What the markup at the beginning of `text` shows, if it is any.
    pub(crate) fn learn(text: &[u8]) -> Option<Self> {
        match begins(text)? {
            Notation::Html => Some(Self::Html),
            Notation::Xml => {
                let (around, name) = records(text)?;
                let close = [b"</", name.as_slice(), b">"].concat();
                let around = around.iter().flat_map(|name| [b"<", name.as_slice(), b">"].concat()).collect();
                Some(Self::Xml { close, around })
            }
        }
    }

    /// Where the last whole row or record of `piece` ends.
    pub(crate) fn end(&self, piece: &[u8]) -> Option<usize> {
        let line = || memchr::memrchr(b'\n', piece).map(|i| i + 1);
        let tag = || memchr::memrchr(b'>', piece).map(|i| i + 1);
        let row = match self {
            Self::Html => last_of(piece, b"</tr>", b"</TR>").map(|at| at + 5),
            Self::Xml { close, .. } => memmem::rfind(piece, close).map(|at| at + close.len()),
        };
        // Rows that ended long ago say nothing of what stands here.
        row.filter(|end| *end >= piece.len() / 2).or_else(line).or_else(tag)
    }

    /// What is to be read before the piece that follows `piece`, which was read behind `before`.
    pub(crate) fn behind(&self, before: &[u8], piece: &[u8]) -> Vec<u8> {
        match self {
            Self::Xml { around, .. } => around.clone(),
            Self::Html => match (last_of(piece, b"<table", b"<TABLE"), last_of(piece, b"</table", b"</TABLE")) {
                (Some(open), closed) if closed.is_none_or(|closed| closed < open) => table_head(&piece[open..]),
                (None, None) => before.to_vec(),
                _ => Vec::new(),
            },
        }
    }
}

fn last_of(piece: &[u8], small: &[u8], large: &[u8]) -> Option<usize> {
    memmem::rfind(piece, small).max(memmem::rfind(piece, large))
}

/// The beginning of the table that `text` begins with: its tag, and its first row if that names the columns.
fn table_head(text: &[u8]) -> Vec<u8> {
    let head = &text[..text.len().min(MAX_HEAD)];
    let tag = memchr::memchr(b'>', head).map_or(head.len(), |i| i + 1);
    let row = memmem::find(head, b"</tr>").or_else(|| memmem::find(head, b"</TR>"));
    let names = row.map(|end| &head[tag.min(end)..end + 5]);
    let named = |row: &&[u8]| memmem::find(row, b"<th").is_some() || memmem::find(row, b"<TH").is_some();
    [b"<table>", names.filter(named).unwrap_or_default()].concat()
}

/// The elements that follow each other under one name, as far out as there are any, and those around them.
fn records(text: &[u8]) -> Option<(Vec<Vec<u8>>, Vec<u8>)> {
    let mut open: Vec<Vec<u8>> = Vec::new();
    // By depth: the element closed there last, and how often one of the same name followed it.
    let mut closed: Vec<(Vec<u8>, u32)> = vec![Default::default(); MAX_DEPTH];
    // The least depth at which any follow each other, how many, and what they are.
    let (mut least, mut most) = (usize::MAX, 0);
    let mut best = None;
    for token in Tokens::new(text, 0) {
        match token {
            Token::Open { name, empty, .. } => {
                let (depth, name) = (open.len(), &text[name]);
                if depth >= MAX_DEPTH {
                    return None;
                }
                if closed[depth].0 == name {
                    closed[depth].1 += 1;
                    let times = closed[depth].1;
                    if depth < least || depth == least && times > most {
                        (least, most) = (depth, times);
                        best = Some((open.clone(), name.to_vec()));
                    }
                } else {
                    closed[depth] = (name.to_vec(), 0);
                }
                if !empty {
                    open.push(name.to_vec());
                }
            }
            Token::Close { .. } => {
                open.pop();
                if let Some(inner) = closed.get_mut(open.len() + 1) {
                    *inner = Default::default();
                }
            }
            Token::Text(_) | Token::Data(_) => {}
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_elements_that_repeat_are_the_records() {
        let text = b"<?xml version='1.0'?>\n<export><client><tel>1</tel><tel>2</tel></client>\n<client><tel>3</tel></client></export>";
        let Some(Course::Xml { close, around }) = Course::learn(text) else { panic!("no records") };
        assert_eq!((close.as_slice(), around.as_slice()), (&b"</client>"[..], &b"<export>"[..]));
        let course = Course::Xml { close, around };
        let piece = b"<client>1</client><client>2</client><client><tel>";
        assert_eq!(course.end(piece), Some(36));
    }

    #[test]
    fn rows_go_on_in_their_table_under_its_header() {
        let piece = b"<p>x</p><table class='a'><tr><th>nom</th><th>mail</th></tr><tr><td>1</td>";
        let head = b"<table><tr><th>nom</th><th>mail</th></tr>";
        assert_eq!(Course::Html.behind(b"", piece), head);
        assert_eq!(Course::Html.behind(head, b"<tr><td>2</td></tr>"), head);
        assert!(Course::Html.behind(head, b"<tr><td>2</td></tr></table>").is_empty());
        assert_eq!(Course::Html.behind(b"", b"<TABLE><TR><TD>1</TD></TR>"), b"<table>");
    }
}
