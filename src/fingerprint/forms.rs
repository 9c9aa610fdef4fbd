//! Normal forms on their way to being hashed together.

use super::normalise::{self, Countries};
use crate::model::FieldKind;

/// Bytes behind the last form, so that whole words can be read everywhere.
const PADDING: usize = 8;

/// Normal forms, one behind the other. Reused from batch to batch: nothing is allocated for each.
#[derive(Debug, Default)]
pub struct Forms {
    bytes: Vec<u8>,
    /// Start, length, code of the kind.
    spans: Vec<(u32, u16, u8)>,
    scratch: Vec<u8>,
}

impl Forms {
    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    /// Number of forms.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Appends the normal forms that `raw` may have as a value of `kind` (a telephone number may have several, others their likeliest):
    /// how many these are.
    #[inline]
    pub fn push(&mut self, kind: FieldKind, raw: &[u8], countries: &Countries) -> usize {
        let before = self.spans.len();
        let Self { bytes, spans, scratch } = self;
        normalise::append(kind, raw, countries, (bytes, scratch), |start, end| {
            spans.push((start as u32, (end - start) as u16, kind.code()));
        });
        self.spans.len() - before
    }

    /// Appends a value that is known to be its own normal form.
    #[inline]
    pub fn push_normal(&mut self, kind: FieldKind, value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.spans.push((start as u32, value.len() as u16, kind.code()));
    }

    /// Appends what `write` appends to the buffer, unless it says that this is none.
    #[cfg(test)]
    pub(super) fn push_with(&mut self, kind: FieldKind, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let start = self.bytes.len();
        let valid = write(&mut self.bytes);
        if valid {
            self.spans.push((start as u32, (self.bytes.len() - start) as u16, kind.code()));
        } else {
            self.bytes.truncate(start);
        }
        valid
    }

    /// Takes back the last form.
    #[inline]
    pub fn pop(&mut self) {
        if let Some((start, ..)) = self.spans.pop() {
            self.bytes.truncate(start as usize);
        }
    }

    /// A form.
    #[must_use]
    #[inline]
    pub fn form(&self, no: usize) -> &[u8] {
        let (start, len) = self.span(no);
        &self.bytes[start..start + len]
    }

    /// To be called before the forms are hashed.
    pub(super) fn seal(&mut self) {
        self.bytes.extend_from_slice(&[0; PADDING]);
    }

    #[inline(always)]
    pub(super) fn span(&self, no: usize) -> (usize, usize) {
        let (start, len, _) = self.spans[no];
        (start as usize, usize::from(len))
    }

    #[inline(always)]
    pub(super) fn kind_code(&self, no: usize) -> u8 {
        self.spans[no].2
    }

    /// The first words of a form, of which at most the last is not whole: what follows the form's end then belongs to others.
    #[inline(always)]
    pub(super) fn words(&self, no: usize, many: usize) -> &[[u8; 8]] {
        let (start, _) = self.span(no);
        self.bytes[start..start + 8 * many].as_chunks().0
    }
}
