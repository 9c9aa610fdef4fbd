//! The tags of one record: what confirms or contradicts it without holding a value.

use crate::fingerprint::format::{TagLayout, TagWidth, tag4, tag8, tag16};
use crate::fingerprint::hash::MaskTag;

/// How a value compares with what a record has in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// The record has no value there, or the column is not compared so: nothing follows.
    Empty,
    /// It agrees, as far as the tag can tell (a stranger's value agrees once in 255, 65,535 or 15 cases).
    Yes,
    /// It certainly does not.
    No,
}

impl Match {
    fn when(agrees: bool) -> Self {
        if agrees { Self::Yes } else { Self::No }
    }
}

/// The tags of one record. Columns are numbered as in [`super::SnapshotIndex::columns`]; all methods panic beyond.
#[derive(Debug, Clone, Copy)]
pub struct TagRow<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) layout: &'a TagLayout,
}

impl TagRow<'_> {
    /// Whether the record has a value in the column.
    #[must_use]
    #[inline]
    pub fn is_filled(&self, column: usize) -> bool {
        self.nibble(column) != 0
    }

    #[inline]
    fn nibble(&self, column: usize) -> u8 {
        self.bytes[self.layout.exported + column / 2] >> (column % 2 * 4) & 15
    }

    /// Compares a weak column with [`super::super::Hasher::tag`] of a normal form. Strong columns are compared through the
    /// table: `Empty`.
    #[must_use]
    #[inline]
    pub fn tag(&self, column: usize, hash: u64) -> Match {
        let place = self.layout.columns[column];
        match place.width {
            TagWidth::One => match self.bytes[place.offset] {
                0 => Match::Empty,
                tag => Match::when(tag == tag8(hash)),
            },
            TagWidth::Two => match u16::from_le_bytes([self.bytes[place.offset], self.bytes[place.offset + 1]]) {
                0 => Match::Empty,
                tag => Match::when(tag == tag16(hash)),
            },
            TagWidth::None | TagWidth::Mask => Match::Empty,
        }
    }

    /// Compares a column that can be masked with what a masked value discloses. `Empty` for other columns.
    #[must_use]
    pub fn mask(&self, column: usize, disclosed: MaskTag) -> Match {
        let place = self.layout.columns[column];
        match (place.width, self.bytes.get(place.offset)) {
            (TagWidth::Mask, Some(&tag)) if tag != 0 => {
                // A fine part of 0: the system itself shows less.
                let fine = disclosed.fine.is_none_or(|fine| tag >> 4 == 0 || tag >> 4 == fine);
                Match::when(tag & 15 == disclosed.coarse && fine)
            }
            _ => Match::Empty,
        }
    }

    /// Compares with [`super::super::Hasher::exported_tag`] of a value as written: whether the system writes it so.
    #[must_use]
    #[inline]
    pub fn exported(&self, column: usize, hash: u64) -> Match {
        match self.nibble(column) {
            0 => Match::Empty,
            tag => Match::when(tag == tag4(hash)),
        }
    }
}
