//! What passes between the program and a worker, byte for byte.
//!
//! Two pipes: requests in one direction ([`request`]), frames in the other ([`encode`], [`decode`]). All numbers are
//! little-endian.
//!
//! A request is `head length: u32`, the head, and the document's bytes. A frame is `tag: u8`, `length: u32` and that
//! many bytes of body; behind the body of a batch stands its text. The program believes nothing that a worker says:
//! [`decode`] checks every number before it is used, and memory grows only with the bytes that really arrive.
//!
//! Cells are written as two bytes each (distance from the end of the cell before, length), because a batch of short
//! cells as plain `u32` pairs would weigh almost as much as its text; what does not fit is written in full behind
//! the byte 255.

pub(super) mod decode;
pub(super) mod encode;
pub(super) mod request;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::extract::Limits;
use crate::model::Shape;

pub(super) const HELLO: u8 = 1;
pub(super) const TABLE: u8 = 2;
pub(super) const BATCH: u8 = 3;
pub(super) const SKIP: u8 = 4;
pub(super) const READ: u8 = 5;
pub(super) const DONE: u8 = 6;
pub(super) const PANICKED: u8 = 7;

/// In place of a short number: the full one follows.
pub(super) const ESCAPE: u8 = 255;

/// Bytes of the fixed part of a batch's body: table, layout, first row, source, text, cells, rows.
pub(super) const BATCH_HEAD: usize = 4 + 1 + 8 + 4 + 4 + 4 + 4;

/// The longest member path or header cell sent, and the longest name of a document, in bytes; longer ones are cut.
pub(super) const MAX_NAME: usize = 4 << 10;

/// The longest body of a frame that is no batch, in bytes.
pub(super) const MAX_BODY: usize = 4 << 20;

/// The most skips one document may report. `extract` stops at about a thousand.
pub(super) const MAX_SKIPS: u32 = 4_096;

/// What a worker says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    /// Version of the program, which must be ours.
    pub(super) version: String,
    /// What of the confinement could not be had.
    pub(super) missing: Vec<String>,
}

/// The largest batch that is passed on, from the limits that `extract` works under. Both ends compute it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of text.
    pub(super) text: usize,
    /// Cells, and rows.
    pub(super) cells: usize,
}

impl Bounds {
    pub(super) fn new(limits: &Limits) -> Self {
        // A batch is handed on at half a MiB, behind a row or line of at most `line` bytes, whose cells may stand there
        // once more unescaped. A cell takes a separator, or a column of a sheet in which most columns are empty.
        let line = limits.line.min(1 << 28);
        Self { text: (8 << 20) + 4 * line, cells: (4 << 20) + line + limits.columns.min(1 << 20) }
    }
}

/// The number of a shape on the wire.
pub(super) const fn shape_code(shape: Shape) -> u8 {
    match shape {
        Shape::Delimited => 0,
        Shape::Json => 1,
        Shape::Sql => 2,
        Shape::KeyValue => 3,
        Shape::Markup => 4,
        Shape::Sheet => 5,
        Shape::FixedWidth => 6,
        Shape::Combo => 7,
        Shape::Text => 8,
    }
}

/// All shapes in the order of [`shape_code`].
pub(super) const SHAPES: [Shape; 9] = [
    Shape::Delimited,
    Shape::Json,
    Shape::Sql,
    Shape::KeyValue,
    Shape::Markup,
    Shape::Sheet,
    Shape::FixedWidth,
    Shape::Combo,
    Shape::Text,
];

/// The longest beginning of `text` with at most `max` bytes.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
