//! What stands where in a text: for each class of byte that the reading of lines, pieces and words asks for, a bit for each
//! byte, sixty-four bytes at a time. The text is looked at once; what is asked of a stretch is then a question about bits.

use std::ops::Range;

mod cuts;
mod draw;
#[cfg(target_arch = "x86_64")]
mod vectors;

pub(super) use cuts::{Cuts, Mark};
#[cfg(test)]
use draw::MARKS;
use draw::Seen;

/// Bytes that one block of the map stands for.
const BLOCK: usize = u64::BITS as usize;

/// What a byte may be. A byte can be of several classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Class {
    /// Ends a line.
    Newline,
    /// White space of ASCII, line ends among it.
    Space,
    /// A digit of ASCII.
    Digit,
    /// `@`.
    At,
    /// `*`, which hides another.
    Star,
    /// A digit, an `@` or a star: no identifier is without.
    Sign,
    /// A letter or digit: those of ASCII, and all bytes beyond it.
    Word,
    /// May begin a word with a capital: a capital of ASCII, or any byte beyond it.
    Capital,
    /// `,`, `;`, `|` or a tab.
    Separator,
    /// With which two pieces of a line may part.
    Part,
    /// The `a` of `at` behind a blank or an opening bracket: an `@` may be spelled out.
    Spelled,
}

const CLASSES: usize = Class::Spelled as usize + 1;

/// The classes of sixty-four bytes.
type Block = [u64; CLASSES];

/// A map of a text.
#[derive(Default)]
pub(super) struct Map {
    blocks: Vec<Block>,
}

impl Map {
    /// Draws the map of a text anew.
    pub(super) fn draw(&mut self, text: &[u8]) {
        self.blocks.clear();
        self.blocks.reserve(text.len().div_ceil(BLOCK));
        Seen::nothing(text, &mut self.blocks).draw();
    }

    /// How many bytes of a stretch are of the class.
    #[inline]
    pub(super) fn count(&self, class: Class, stretch: Range<usize>) -> usize {
        let mut many = 0;
        self.each(class, stretch, |bits| many += bits.count_ones() as usize);
        many
    }

    /// Whether any byte of a stretch is of the class.
    #[inline]
    pub(super) fn any(&self, class: Class, stretch: Range<usize>) -> bool {
        self.next(class, stretch).is_some()
    }

    /// The first byte of the class in a stretch.
    #[inline]
    pub(super) fn next(&self, class: Class, stretch: Range<usize>) -> Option<usize> {
        first(&self.blocks, stretch, |block| block[class as usize])
    }

    /// The first byte in a stretch that is not of the class.
    #[inline]
    pub(super) fn next_other(&self, class: Class, stretch: Range<usize>) -> Option<usize> {
        first(&self.blocks, stretch, |block| !block[class as usize])
    }

    /// The [`BLOCK`] bytes from one on: a bit for each that is of the class, the first byte's lowest.
    #[inline(always)]
    pub(super) fn window(&self, class: Class, at: usize) -> u64 {
        window(&self.blocks, class as usize, at)
    }

    /// The last byte of the class in a stretch.
    #[inline]
    pub(super) fn last(&self, class: Class, stretch: Range<usize>) -> Option<usize> {
        let mut found = None;
        if stretch.is_empty() {
            return None;
        }
        for no in (stretch.start / BLOCK..=(stretch.end - 1) / BLOCK).rev() {
            let bits = self.blocks[no][class as usize] & within(no, &stretch);
            if bits != 0 {
                found = Some(no * BLOCK + bits.ilog2() as usize);
                break;
            }
        }
        found
    }

    #[inline]
    fn each(&self, class: Class, stretch: Range<usize>, mut tell: impl FnMut(u64)) {
        if stretch.is_empty() {
            return;
        }
        for no in stretch.start / BLOCK..=(stretch.end - 1) / BLOCK {
            tell(self.blocks[no][class as usize] & within(no, &stretch));
        }
    }
}

/// The first byte of a stretch whose bit is set.
#[inline]
fn first<const N: usize>(
    blocks: &[[u64; N]],
    stretch: Range<usize>,
    bits_of: impl Fn(&[u64; N]) -> u64,
) -> Option<usize> {
    if stretch.is_empty() {
        return None;
    }
    let (mut no, last) = (stretch.start / BLOCK, (stretch.end - 1) / BLOCK);
    let mut bits = bits_of(&blocks[no]) & u64::MAX << (stretch.start % BLOCK);
    while bits == 0 && no < last {
        no += 1;
        bits = bits_of(&blocks[no]);
    }
    let found = no * BLOCK + bits.trailing_zeros() as usize;
    (bits != 0 && found < stretch.end).then_some(found)
}

/// The bits of [`BLOCK`] bytes from one on; none behind the last block.
#[inline(always)]
fn window<const N: usize>(blocks: &[[u64; N]], class: usize, at: usize) -> u64 {
    let (no, shift) = (at / BLOCK, at % BLOCK);
    let next = if no + 1 < blocks.len() { blocks[no + 1][class] } else { 0 };
    // In two steps, for a shift by all bits is none.
    blocks[no][class] >> shift | next << 1 << (BLOCK - 1 - shift)
}

/// The bits of block `no` that stand for bytes of the stretch, which reaches into it.
#[inline]
fn within(no: usize, stretch: &Range<usize>) -> u64 {
    let at = no * BLOCK;
    let from = u64::MAX << stretch.start.saturating_sub(at);
    let to = u64::MAX >> (at + BLOCK - stretch.end.min(at + BLOCK));
    from & to
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways, where the processor has both.
    fn maps(text: &[u8]) -> [Map; 2] {
        let (mut quick, mut plain) = (Map::default(), Map::default());
        quick.draw(text);
        Seen::nothing(text, &mut plain.blocks).plainly();
        [quick, plain]
    }

    #[test]
    fn every_byte_is_of_the_same_classes_either_way() {
        // Each pair of neighbours, at each place of a block.
        for shift in [0, 1, 31, 63] {
            let mut text = vec![b'x'; shift];
            text.extend((0..=255u8).flat_map(|a| [a, a, b' ', a, b'a', b't']));
            let [quick, plain] = maps(&text);
            assert_eq!(quick.blocks, plain.blocks);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_map_answers_as_the_text_does(
            text in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
            from in 0usize..300,
            many in 0usize..300,
        ) {
            let (from, to) = (from.min(text.len()), (from + many).min(text.len()));
            let digits: Vec<usize> = (from..to).filter(|i| text[*i].is_ascii_digit()).collect();
            for map in maps(&text) {
                proptest::prop_assert_eq!(map.count(Class::Digit, from..to), digits.len());
                proptest::prop_assert_eq!(map.next(Class::Digit, from..to), digits.first().copied());
                proptest::prop_assert_eq!(map.last(Class::Digit, from..to), digits.last().copied());
                let other = (from..to).find(|i| !text[*i].is_ascii_digit());
                proptest::prop_assert_eq!(map.next_other(Class::Digit, from..to), other);
            }
        }

        #[test]
        fn what_depends_on_neighbours_is_found_everywhere(text in "[ .(\\[atAT]{0,200}") {
            let text = text.as_bytes();
            for map in maps(text) {
                for at in 0..text.len() {
                    let pair = |byte: u8| text[at] == byte && text.get(at + 1) == Some(&byte);
                    let parts = pair(b' ') || pair(b'.') || MARKS.contains(&text[at]);
                    proptest::prop_assert_eq!(map.any(Class::Part, at..at + 1), parts);
                    let spelled = at > 0
                        && b" ([{".contains(&text[at - 1])
                        && text[at..].get(..2).is_some_and(|word| word.eq_ignore_ascii_case(b"at"));
                    proptest::prop_assert_eq!(map.any(Class::Spelled, at..at + 1), spelled);
                }
            }
        }
    }
}
