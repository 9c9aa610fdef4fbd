//! Where the words and pieces of a line end, told by each byte and its neighbours: for the lines that may be passed over, as far as the
//! reading has come. Lines without numbers, most of prose, are never looked at so closely.

use std::ops::Range;

use super::draw::padded;
use super::{BLOCK, first, window};

/// What a byte may be in a line whose bytes are all of ASCII, and none of them odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(in crate::matching::text) enum Mark {
    /// Parts two pieces of the line.
    Cut,
    /// Between two words: white space, or a cut.
    Gap,
    /// With which something begins that is seldom, and that not every reading knows of: what hides other characters, `@`, the `a` of
    /// one that may be spelled out, bytes beyond ASCII, brackets of a number.
    Odd,
}

const MARKS: usize = Mark::Odd as usize + 1;

/// Blocks that are drawn together.
const TOGETHER: usize = 8;

/// The marks of a text, drawn up to where they were asked for.
#[derive(Default)]
pub(in crate::matching::text) struct Cuts {
    blocks: Vec<[u64; MARKS]>,
}

impl Cuts {
    /// Begins another text.
    pub(in crate::matching::text) fn clear(&mut self) {
        self.blocks.clear();
    }

    /// Draws a stretch of the text, if it was not. What lies between this and what was asked for before stays empty: stretches are asked
    /// for in order.
    #[inline]
    pub(in crate::matching::text) fn draw(&mut self, text: &[u8], stretch: Range<usize>) {
        if stretch.end > self.blocks.len() * BLOCK {
            self.draw_on(text, stretch);
        }
    }

    fn draw_on(&mut self, text: &[u8], stretch: Range<usize>) {
        let from = self.blocks.len().max(stretch.start / BLOCK);
        let to = stretch.end.div_ceil(BLOCK).max(from + TOGETHER).min(text.len().div_ceil(BLOCK));
        self.blocks.resize(from, [0; MARKS]);
        Seen { text, from, to, blocks: &mut self.blocks }.draw();
    }

    /// The first byte of a stretch that has the mark.
    #[inline]
    pub(in crate::matching::text) fn next(&self, mark: Mark, stretch: Range<usize>) -> Option<usize> {
        first(&self.blocks, stretch, |block| block[mark as usize])
    }

    /// The first byte of a stretch that has not.
    #[inline]
    pub(in crate::matching::text) fn next_other(&self, mark: Mark, stretch: Range<usize>) -> Option<usize> {
        first(&self.blocks, stretch, |block| !block[mark as usize])
    }

    /// The [`BLOCK`] bytes from one on: a bit for each that has the mark.
    #[inline(always)]
    pub(in crate::matching::text) fn window(&self, mark: Mark, at: usize) -> u64 {
        window(&self.blocks, mark as usize, at)
    }
}

/// What is seen of so many bytes, each by itself: a bit for each byte, of each sign.
macro_rules! signs {
    ($($(#[$doc:meta])* $sign:ident,)*) => {
        #[derive(Default, Clone, Copy)]
        struct Signs<Bits> {
            $($(#[$doc])* $sign: Bits,)*
        }

        impl Signs<u64> {
            /// Those of two halves of a block.
            #[inline(always)]
            #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "blocks are seen byte by byte there"))]
            fn joined(low: Signs<u32>, high: Signs<u32>) -> Self {
                Self { $($sign: u64::from(low.$sign) | u64::from(high.$sign) << (BLOCK / 2),)* }
            }
        }
    };
}

signs! {
    newline,
    digit,
    blank,
    /// `(`, `[` or `{`.
    open,
    /// `)`, `]` or `}`.
    close,
    /// `(`.
    parenthesis,
    /// Of [`HARD`].
    hard,
    /// Of [`STICKS`].
    stick,
    slash,
    equals,
    colon,
    underscore,
    /// Of [`LOOSE`].
    loose,
    /// Of [`OF_NUMBER`].
    of_number,
    /// Of [`FILL`].
    fill,
    /// Of [`SELDOM`].
    seldom,
    /// Beyond ASCII.
    beyond,
    /// `a`, `r` and `t`, of either case.
    a,
    r,
    t,
}

type Bytes = Signs<u64>;

/// Bytes that part pieces whatever stands beside them.
const HARD: &[u8] = b"\t;|,<>\r\"";
/// Those that do between blanks, as `=` does.
const STICKS: &[u8] = b"-/+";
/// Beside these, a bracket parts a remark from what it is about.
const LOOSE: &[u8] = b" \t\n.,;:";
/// Behind a parenthesis: one that belongs to a number, or ends the line.
const OF_NUMBER: &[u8] = b"0+\n";
/// Three of these hide what they stand for.
const FILL: &[u8] = b"xX#._";
/// Odd whatever stands beside it.
const SELDOM: &[u8] = b"*@\x0c";

/// Blocks in the making.
struct Seen<'a> {
    text: &'a [u8],
    /// The first that is drawn, and one past the last.
    from: usize,
    to: usize,
    blocks: &'a mut Vec<[u64; MARKS]>,
}

impl Seen<'_> {
    fn draw(self) {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            return simd.vectorize(avx2::Draw { simd, seen: self });
        }
        self.plainly();
    }

    /// The same with what every processor has.
    fn plainly(self) {
        let see = |no: usize| block(self.text, no).map_or(Bytes::default(), |block| Bytes::plainly(&block));
        let mut last = self.from.checked_sub(1).map_or(beginning(), see);
        let mut this = see(self.from);
        for no in self.from..self.to {
            let next = see(no + 1);
            self.blocks.push(marks(&last, &this, &next));
            (last, this) = (this, next);
        }
    }
}

/// A block of the text, filled up at its end with bytes that are of no class; nothing behind it.
#[inline(always)]
fn block(text: &[u8], no: usize) -> Option<[u8; BLOCK]> {
    let rest = text.get(no * BLOCK..)?;
    rest.first_chunk().copied().or_else(|| padded(rest))
}

/// What stands before a text: it begins as a line does.
fn beginning() -> Bytes {
    Bytes { newline: 1 << (BLOCK - 1), loose: 1 << (BLOCK - 1), ..Bytes::default() }
}

/// The marks of a block between two others.
#[inline(always)]
fn marks(last: &Bytes, this: &Bytes, next: &Bytes) -> [u64; MARKS] {
    let cut = cuts(last, this, next);
    let mut marks = [0; MARKS];
    marks[Mark::Cut as usize] = cut;
    marks[Mark::Gap as usize] = cut | this.blank | this.newline;
    marks[Mark::Odd as usize] = odd(last, this, next);
    marks
}

/// Where pieces part: see [`Mark::Cut`]. Where it makes no difference to the pieces, it is not told whether a sign stands at the beginning
/// or end of a line.
#[inline(always)]
fn cuts(last: &Bytes, seen: &Bytes, next: &Bytes) -> u64 {
    let ahead = |this: u64, next: u64| this >> 1 | next << (BLOCK - 1);
    let behind = |this: u64, last: u64| this << 1 | last >> (BLOCK - 1);
    let behind_blank = behind(seen.blank, last.blank);
    let before_blank = ahead(seen.blank, next.blank);
    let spaced = behind_blank & (before_blank | ahead(seen.newline, next.newline));
    let in_time = behind(seen.digit, last.digit) & ahead(seen.digit, next.digit);
    let in_path = ahead(seen.slash | seen.colon, next.slash | next.colon);
    seen.hard
        | (seen.stick | seen.equals) & spaced
        | seen.equals & !ahead(seen.equals, next.equals)
        | seen.colon & !in_path & !in_time
        | seen.blank & (behind_blank | before_blank)
        | seen.open & behind(seen.loose, last.loose)
        | seen.close & ahead(seen.loose, next.loose)
}

/// What is seldom: see [`Mark::Odd`].
#[inline(always)]
fn odd(last: &Bytes, seen: &Bytes, next: &Bytes) -> u64 {
    let ahead = |this: u64, next: u64| this >> 1 | next << (BLOCK - 1);
    let opens = |bytes: &Bytes| bytes.blank | bytes.open | bytes.underscore;
    let fill = seen.fill & ahead(seen.fill, next.fill) & (seen.fill >> 2 | next.fill << (BLOCK - 2));
    let spelled = seen.a & (opens(seen) << 1 | opens(last) >> (BLOCK - 1)) & ahead(seen.t | seen.r, next.t | next.r);
    let number = seen.parenthesis & ahead(seen.of_number, next.of_number);
    seen.seldom | seen.beyond | fill | spelled | number
}

impl Bytes {
    fn plainly(block: &[u8; BLOCK]) -> Self {
        let mut seen = Self::default();
        for (i, byte) in block.iter().enumerate() {
            let bit = |is: bool| u64::from(is) << i;
            seen.newline |= bit(*byte == b'\n');
            seen.digit |= bit(byte.is_ascii_digit());
            seen.blank |= bit(*byte == b' ');
            seen.open |= bit(matches!(byte, b'(' | b'[' | b'{'));
            seen.close |= bit(matches!(byte, b')' | b']' | b'}'));
            seen.parenthesis |= bit(*byte == b'(');
            seen.hard |= bit(HARD.contains(byte));
            seen.stick |= bit(STICKS.contains(byte));
            seen.slash |= bit(*byte == b'/');
            seen.equals |= bit(*byte == b'=');
            seen.colon |= bit(*byte == b':');
            seen.underscore |= bit(*byte == b'_');
            seen.loose |= bit(LOOSE.contains(byte));
            seen.of_number |= bit(OF_NUMBER.contains(byte));
            seen.fill |= bit(FILL.contains(byte));
            seen.seldom |= bit(SELDOM.contains(byte));
            seen.beyond |= bit(*byte >= 0x80);
            seen.a |= bit(byte.eq_ignore_ascii_case(&b'a'));
            seen.r |= bit(byte.eq_ignore_ascii_case(&b'r'));
            seen.t |= bit(byte.eq_ignore_ascii_case(&b't'));
        }
        seen
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    //! The same with vectors of 32 bytes.

    use std::arch::x86_64::__m256i;

    use pulp::x86::V3;

    use super::super::vectors::{Eyes, by_low};
    use super::{BLOCK, Bytes, FILL, HARD, LOOSE, OF_NUMBER, SELDOM, STICKS, Seen, Signs, beginning, block, marks};

    pub(super) struct Draw<'a> {
        pub(super) simd: V3,
        pub(super) seen: Seen<'a>,
    }

    impl pulp::NullaryFnOnce for Draw<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self { simd, seen } = self;
            let eyes = Eyes::open(simd);
            let sets = Sets::of(&eyes);
            let mut last = if seen.from > 0 { eyes.marks_at(seen.text, seen.from - 1, &sets) } else { beginning() };
            let mut this = eyes.marks_at(seen.text, seen.from, &sets);
            // A loop, not an adapter: what a closure holds is compiled for any processor.
            for no in seen.from..seen.to {
                let next = eyes.marks_at(seen.text, no + 1, &sets);
                seen.blocks.push(marks(&last, &this, &next));
                last = this;
                this = next;
            }
        }
    }

    /// What bytes are compared with.
    struct Sets {
        hard: __m256i,
        sticks: __m256i,
        loose: __m256i,
        of_number: __m256i,
        fill: __m256i,
        seldom: __m256i,
    }

    impl Sets {
        #[inline(always)]
        fn of(eyes: &Eyes) -> Self {
            Self {
                hard: eyes.twice(const { by_low(HARD) }),
                sticks: eyes.twice(const { by_low(STICKS) }),
                loose: eyes.twice(const { by_low(LOOSE) }),
                of_number: eyes.twice(const { by_low(OF_NUMBER) }),
                fill: eyes.twice(const { by_low(FILL) }),
                seldom: eyes.twice(const { by_low(SELDOM) }),
            }
        }
    }

    impl Eyes {
        /// What is seen of a block, nothing if there is none.
        #[inline(always)]
        fn marks_at(&self, text: &[u8], no: usize, sets: &Sets) -> Bytes {
            let Some(block) = block(text, no) else { return Bytes::default() };
            let [low, high] = block.as_chunks::<{ BLOCK / 2 }>().0 else { unreachable!("a block has two halves") };
            Bytes::joined(self.signs(pulp::cast(*low), sets), self.signs(pulp::cast(*high), sets))
        }

        #[inline(always)]
        fn signs(&self, bytes: __m256i, sets: &Sets) -> Signs<u32> {
            let small = self.simd.avx2._mm256_or_si256(bytes, self.all(0x20));
            let high = self.high_bit(bytes);
            Signs {
                newline: self.none(self.off(bytes, b'\n')),
                digit: self.none(self.off_range(bytes, b'0', 10)),
                blank: self.none(self.off(bytes, b' ')),
                // Without the bit by which they differ, `[` and `{` are alike, and so are `]` and `}`.
                open: self.none(self.nearer(self.off(bytes, b'('), self.off(small, b'{'))),
                close: self.none(self.nearer(self.off(bytes, b')'), self.off(small, b'}'))),
                parenthesis: self.none(self.off(bytes, b'(')),
                hard: self.in_set(bytes, high, sets.hard),
                stick: self.in_set(bytes, high, sets.sticks),
                slash: self.none(self.off(bytes, b'/')),
                equals: self.none(self.off(bytes, b'=')),
                colon: self.none(self.off(bytes, b':')),
                underscore: self.none(self.off(bytes, b'_')),
                loose: self.in_set(bytes, high, sets.loose),
                of_number: self.in_set(bytes, high, sets.of_number),
                fill: self.in_set(bytes, high, sets.fill),
                seldom: self.in_set(bytes, high, sets.seldom),
                beyond: self.none(self.off_beyond_ascii(bytes)),
                a: self.none(self.off(small, b'a')),
                r: self.none(self.off(small, b'r')),
                t: self.none(self.off(small, b't')),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_the_same_marks_either_way_and_wherever_drawing_begins() {
        for shift in [0, 1, 31, 62, 63] {
            let mut text = vec![b'x'; shift];
            text.extend((0..=255u8).flat_map(|a| [a, a, b' ', a, b'a', b't', b'(', a, b'0', a, b'\n']));
            let to = text.len().div_ceil(BLOCK);
            let (mut quick, mut plain) = (Cuts::default(), Cuts::default());
            for line in (0..text.len()).step_by(100) {
                quick.draw(&text, line..(line + 100).min(text.len()));
            }
            Seen { text: &text, from: 0, to, blocks: &mut plain.blocks }.plainly();
            assert_eq!(quick.blocks, plain.blocks);
            // What was passed by is not drawn; what comes behind it is the same.
            let (mut late, at) = (Cuts::default(), 700);
            late.draw(&text, at..at + 300);
            assert_eq!(late.blocks[at / BLOCK..], plain.blocks[at / BLOCK..late.blocks.len()]);
        }
    }
}
