//! The tags of one record: what confirms or contradicts it without holding a value; and how common a tag is in an index.

use crate::fingerprint::format::{TagLayout, TagWidth, tag4, tag8, tag16};
use crate::fingerprint::hash::MaskTag;
use crate::model::FieldKind;

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

/// The bits of a mask tag that are all 0 where the system itself shows less than a mask may disclose.
fn more_than_shown(kind: FieldKind) -> u16 {
    if kind == FieldKind::Email { MaskTag::LETTER } else { !MaskTag::COARSE }
}

/// Whether a stored mask tag agrees in those of `bits` that the system itself shows, `more` being [`more_than_shown`].
#[inline]
fn mask_agrees(stored: u16, word: u16, bits: u16, more: u16) -> bool {
    let shown = if stored & more == 0 { bits & !more } else { bits };
    (stored ^ word) & shown == 0
}

/// What one value, or masked form, says of a column: some bits of the column's tag. To hold against many records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TagTest {
    /// The column.
    pub column: u8,
    /// The bits that are compared.
    pub bits: u16,
    /// What they have to be.
    pub word: u16,
    /// Of a mask's test, [`more_than_shown`]; else 0.
    pub(super) more: u16,
}

impl TagTest {
    /// Of a mask's test, what remains of it if only the domain, or the last two characters, are compared.
    #[must_use]
    pub fn coarse(self) -> Self {
        let bits = self.bits & MaskTag::COARSE;
        Self { bits, word: self.word & bits, ..self }
    }

    /// Of an address's mask, whether the first letter is compared, and whether the length is.
    #[must_use]
    pub fn parts(self) -> (bool, bool) {
        (self.bits & MaskTag::LETTER != 0, self.bits & MaskTag::LENGTH != 0)
    }

    /// Whether a tag passes that has the word, and no other.
    pub(super) fn is_exact(self) -> bool {
        self.more == 0
    }

    /// Whether a tag of the column passes.
    #[inline(always)]
    pub(super) fn passes(self, word: u16) -> bool {
        let Self { bits, word: wanted, more, .. } = self;
        word & bits == wanted || word & more == 0 && more != 0 && word != 0 && mask_agrees(word, wanted, bits, more)
    }

    /// The test for a value of a weak column, from [`super::super::Hasher::tag`] of its normal form. None for columns that are
    /// not compared so.
    pub(super) fn of_value(layout: &TagLayout, column: usize, hash: u64) -> Option<Self> {
        let (bits, word) = match layout.columns[column].width {
            TagWidth::One => (0xff, u16::from(tag8(hash))),
            TagWidth::Two => (0xffff, tag16(hash)),
            TagWidth::None | TagWidth::Mask => return None,
        };
        Some(Self { column: column as u8, bits, word, more: 0 })
    }

    /// The test for a masked form, `with_length` if its stars are known to be as many as the characters they hide.
    pub(super) fn of_mask(layout: &TagLayout, column: usize, tag: MaskTag, with_length: bool) -> Option<Self> {
        let place = layout.columns[column];
        let length = with_length && place.kind == FieldKind::Email;
        let bits = tag.disclosed | if length { MaskTag::LENGTH } else { 0 };
        let more = more_than_shown(place.kind);
        let test = Self { column: column as u8, bits, word: tag.word & bits, more };
        (place.width == TagWidth::Mask).then_some(test)
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
        match place.width {
            TagWidth::Mask => match self.word(column) {
                0 => Match::Empty,
                word => {
                    let more = more_than_shown(place.kind);
                    Match::when(mask_agrees(word, disclosed.word, disclosed.disclosed, more))
                }
            },
            _ => Match::Empty,
        }
    }

    /// The tag of a column as a number: 0 where the record has no value, or the column is not compared by tags.
    #[must_use]
    #[inline]
    pub fn word(&self, column: usize) -> u16 {
        let place = self.layout.columns[column];
        match place.width {
            TagWidth::None => 0,
            TagWidth::One => u16::from(self.bytes[place.offset]),
            TagWidth::Two | TagWidth::Mask => {
                u16::from_le_bytes([self.bytes[place.offset], self.bytes[place.offset + 1]])
            }
        }
    }

    /// Whether the record passes a test.
    #[must_use]
    #[inline]
    pub fn passes(&self, test: TagTest) -> bool {
        test.passes(self.word(usize::from(test.column)))
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
