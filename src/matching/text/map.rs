//! What stands where in a text: for each class of byte that the reading of lines, pieces and words asks for, a bit for each
//! byte, sixty-four bytes at a time. The text is looked at once; what is asked of a stretch is then a question about bits.

use std::ops::Range;

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
        let seen = Seen { text, before: 0, blocks: &mut self.blocks };
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            return simd.vectorize(avx2::Draw { simd, seen });
        }
        seen.plainly();
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
        self.first(stretch, |block| block[class as usize])
    }

    /// The first byte in a stretch that is not of the class.
    #[inline]
    pub(super) fn next_other(&self, class: Class, stretch: Range<usize>) -> Option<usize> {
        self.first(stretch, |block| !block[class as usize])
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
    fn first(&self, stretch: Range<usize>, bits_of: impl Fn(&Block) -> u64) -> Option<usize> {
        if stretch.is_empty() {
            return None;
        }
        let (mut no, last) = (stretch.start / BLOCK, (stretch.end - 1) / BLOCK);
        let mut bits = bits_of(&self.blocks[no]) & u64::MAX << (stretch.start % BLOCK);
        while bits == 0 && no < last {
            no += 1;
            bits = bits_of(&self.blocks[no]);
        }
        let found = no * BLOCK + bits.trailing_zeros() as usize;
        (bits != 0 && found < stretch.end).then_some(found)
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

/// The bits of block `no` that stand for bytes of the stretch, which reaches into it.
#[inline]
fn within(no: usize, stretch: &Range<usize>) -> u64 {
    let at = no * BLOCK;
    let from = u64::MAX << stretch.start.saturating_sub(at);
    let to = u64::MAX >> (at + BLOCK - stretch.end.min(at + BLOCK));
    from & to
}

/// What is seen of sixty-four bytes, each by itself.
#[derive(Default, Clone, Copy)]
struct Bytes {
    newline: u64,
    space: u64,
    digit: u64,
    at: u64,
    star: u64,
    word: u64,
    capital: u64,
    separator: u64,
    /// Parts whatever stands beside it, or by what `separator` finds out.
    mark: u64,
    blank: u64,
    dot: u64,
    /// `(`, `[` or `{`.
    open: u64,
    a: u64,
    t: u64,
}

/// A map in the making.
struct Seen<'a> {
    text: &'a [u8],
    /// Whether the last byte of the block before is a blank or opens a bracket (1 or 0).
    before: u64,
    blocks: &'a mut Vec<Block>,
}

impl Seen<'_> {
    /// Draws all blocks with what every processor has.
    fn plainly(mut self) {
        let (whole, rest) = self.text.as_chunks();
        let mut last = None;
        for block in whole.iter().chain(&padded(rest)) {
            let this = Bytes::plainly(block);
            last.replace(this).into_iter().for_each(|last| self.add(last, this));
        }
        last.into_iter().for_each(|last| self.add(last, Bytes::default()));
    }

    /// Adds a block. `next` is the one behind it, which some bytes' classes depend on.
    #[inline(always)]
    fn add(&mut self, seen: Bytes, next: Bytes) {
        let ahead = |this: u64, next: u64| this >> 1 | next << (BLOCK - 1);
        let behind = seen.blank | seen.open;
        let spelled = seen.a & (behind << 1 | self.before) & ahead(seen.t, next.t);
        self.before = behind >> (BLOCK - 1);
        // One blank parts nothing, nor does one dot: most of them need not be looked at again.
        let pairs = seen.blank & ahead(seen.blank, next.blank) | seen.dot & ahead(seen.dot, next.dot);
        let mut block = [0; CLASSES];
        block[Class::Newline as usize] = seen.newline;
        block[Class::Space as usize] = seen.space;
        block[Class::Digit as usize] = seen.digit;
        block[Class::At as usize] = seen.at;
        block[Class::Star as usize] = seen.star;
        block[Class::Sign as usize] = seen.digit | seen.at | seen.star;
        block[Class::Word as usize] = seen.word;
        block[Class::Capital as usize] = seen.capital;
        block[Class::Separator as usize] = seen.separator;
        block[Class::Part as usize] = seen.mark | pairs;
        block[Class::Spelled as usize] = spelled;
        self.blocks.push(block);
    }
}

/// The rest of a text, filled up with bytes that are of no class; nothing if there is none.
fn padded(rest: &[u8]) -> Option<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    block.get_mut(..rest.len())?.copy_from_slice(rest);
    (!rest.is_empty()).then_some(block)
}

/// The bytes that part pieces, or may; blanks and dots do so in pairs.
pub(super) const MARKS: &[u8] = b"\t;|,<>\r\"-/=+:()[]{}\xe2";

impl Bytes {
    fn plainly(block: &[u8; BLOCK]) -> Self {
        let mut seen = Self::default();
        for (i, byte) in block.iter().enumerate() {
            let bit = |is: bool| u64::from(is) << i;
            seen.newline |= bit(*byte == b'\n');
            seen.space |= bit(byte.is_ascii_whitespace());
            seen.digit |= bit(byte.is_ascii_digit());
            seen.at |= bit(*byte == b'@');
            seen.star |= bit(*byte == b'*');
            seen.word |= bit(byte.is_ascii_alphanumeric() || *byte >= 0x80);
            seen.capital |= bit(byte.is_ascii_uppercase() || *byte >= 0x80);
            seen.separator |= bit(matches!(byte, b',' | b';' | b'|' | b'\t'));
            seen.mark |= bit(MARKS.contains(byte));
            seen.blank |= bit(*byte == b' ');
            seen.dot |= bit(*byte == b'.');
            seen.open |= bit(matches!(byte, b'(' | b'[' | b'{'));
            seen.a |= bit(byte.eq_ignore_ascii_case(&b'a'));
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

    use super::{BLOCK, Bytes, MARKS, Seen, padded};

    pub(super) struct Draw<'a> {
        pub(super) simd: V3,
        pub(super) seen: Seen<'a>,
    }

    impl pulp::NullaryFnOnce for Draw<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self { simd, mut seen } = self;
            let eyes = Eyes::open(simd);
            let (whole, rest) = seen.text.as_chunks();
            let mut last = None;
            // Loops, not adapters: what a closure holds is compiled for any processor.
            for block in whole {
                let this = eyes.see(block);
                if let Some(last) = last.replace(this) {
                    seen.add(last, this);
                }
            }
            if let Some(block) = padded(rest) {
                let this = eyes.see(&block);
                if let Some(last) = last.replace(this) {
                    seen.add(last, this);
                }
            }
            if let Some(last) = last {
                seen.add(last, Bytes::default());
            }
        }
    }

    /// For each low half of a byte, a bit for each high half (below 8) with which it is a mark.
    const MARKS_BY_LOW: [u8; 16] = {
        let mut table = [0; 16];
        let mut i = 0;
        while i < MARKS.len() {
            if MARKS[i] < 0x80 {
                table[(MARKS[i] & 15) as usize] |= 1 << (MARKS[i] >> 4);
            }
            i += 1;
        }
        table
    };

    /// The bit of each high half; all of them for those beyond ASCII, which no byte of the table has.
    const HIGH_BIT: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 255, 255, 255, 255, 255, 255, 255, 255];

    /// White space by its low half; none has a low half that another has.
    const SPACES: [u8; 16] = [b' ', 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 9, 10, 0x80, 12, 13, 0x80, 0x80];

    struct Eyes {
        simd: V3,
        marks: __m256i,
        high: __m256i,
        spaces: __m256i,
    }

    impl Eyes {
        #[inline(always)]
        fn open(simd: V3) -> Self {
            let twice = |table: [u8; 16]| simd.avx2._mm256_broadcastsi128_si256(pulp::cast(table));
            Self { simd, marks: twice(MARKS_BY_LOW), high: twice(HIGH_BIT), spaces: twice(SPACES) }
        }

        #[inline(always)]
        fn see(&self, block: &[u8; BLOCK]) -> Bytes {
            let [low, high] = block.as_chunks::<{ BLOCK / 2 }>().0 else { unreachable!("a block has two halves") };
            let (low, high) = (self.half(pulp::cast(*low)), self.half(pulp::cast(*high)));
            let both = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
            Bytes {
                newline: both(low.newline, high.newline),
                space: both(low.space, high.space),
                digit: both(low.digit, high.digit),
                at: both(low.at, high.at),
                star: both(low.star, high.star),
                word: both(low.word, high.word),
                capital: both(low.capital, high.capital),
                separator: both(low.separator, high.separator),
                mark: both(low.mark, high.mark),
                blank: both(low.blank, high.blank),
                dot: both(low.dot, high.dot),
                open: both(low.open, high.open),
                a: both(low.a, high.a),
                t: both(low.t, high.t),
            }
        }

        // Of each class there is one comparison, of a distance with nothing: where the answers of two are joined, the compiler
        // takes the vector apart byte by byte.
        #[inline(always)]
        fn half(&self, bytes: __m256i) -> Half {
            let small = self.simd.avx2._mm256_or_si256(bytes, self.all(0x20));
            let (digit, beyond) = (self.off_range(bytes, b'0', 10), self.off_beyond_ascii(bytes));
            let letter = self.off_range(small, b'a', 26);
            let separator = self.nearer(
                self.nearer(self.off(bytes, b','), self.off(bytes, b';')),
                self.nearer(self.off(bytes, b'|'), self.off(bytes, b'\t')),
            );
            let space = self.simd.avx2._mm256_shuffle_epi8(self.spaces, bytes);
            Half {
                newline: self.none(self.off(bytes, b'\n')),
                space: self.none(self.simd.avx2._mm256_xor_si256(space, bytes)),
                digit: self.none(digit),
                at: self.none(self.off(bytes, b'@')),
                star: self.none(self.off(bytes, b'*')),
                word: self.none(self.nearer(self.nearer(digit, letter), beyond)),
                capital: self.none(self.nearer(self.off_range(bytes, b'A', 26), beyond)),
                separator: self.none(separator),
                mark: self.none(self.nearer(self.off_marks(bytes), self.off(bytes, 0xe2))),
                blank: self.none(self.off(bytes, b' ')),
                dot: self.none(self.off(bytes, b'.')),
                // Without the bit by which they differ, `[` and `{` are alike.
                open: self.none(self.nearer(self.off(bytes, b'('), self.off(small, b'{'))),
                a: self.none(self.off(small, b'a')),
                t: self.none(self.off(small, b't')),
            }
        }

        #[inline(always)]
        fn all(&self, byte: u8) -> __m256i {
            self.simd.avx._mm256_set1_epi8(byte as i8)
        }

        /// A bit for each byte whose distance is none.
        #[inline(always)]
        fn none(&self, distance: __m256i) -> u32 {
            let none = self.simd.avx2._mm256_cmpeq_epi8(distance, self.simd.avx._mm256_setzero_si256());
            self.simd.avx2._mm256_movemask_epi8(none) as u32
        }

        #[inline(always)]
        fn nearer(&self, a: __m256i, b: __m256i) -> __m256i {
            self.simd.avx2._mm256_min_epu8(a, b)
        }

        #[inline(always)]
        fn off(&self, bytes: __m256i, byte: u8) -> __m256i {
            self.simd.avx2._mm256_xor_si256(bytes, self.all(byte))
        }

        /// From `many` bytes, `first` on: what is below wraps around to something large.
        #[inline(always)]
        fn off_range(&self, bytes: __m256i, first: u8, many: u8) -> __m256i {
            let above = self.simd.avx2._mm256_sub_epi8(bytes, self.all(first));
            self.simd.avx2._mm256_subs_epu8(above, self.all(many - 1))
        }

        #[inline(always)]
        fn off_beyond_ascii(&self, bytes: __m256i) -> __m256i {
            self.simd.avx2._mm256_andnot_si256(bytes, self.all(0x80))
        }

        /// From the marks of ASCII.
        #[inline(always)]
        fn off_marks(&self, bytes: __m256i) -> __m256i {
            let avx2 = self.simd.avx2;
            let high_half = avx2._mm256_and_si256(avx2._mm256_srli_epi16::<4>(bytes), self.all(15));
            let high_bit = avx2._mm256_shuffle_epi8(self.high, high_half);
            avx2._mm256_andnot_si256(avx2._mm256_shuffle_epi8(self.marks, bytes), high_bit)
        }
    }

    /// What [`Bytes`] says, of half a block.
    struct Half {
        newline: u32,
        space: u32,
        digit: u32,
        at: u32,
        star: u32,
        word: u32,
        capital: u32,
        separator: u32,
        mark: u32,
        blank: u32,
        dot: u32,
        open: u32,
        a: u32,
        t: u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways, where the processor has both.
    fn maps(text: &[u8]) -> [Map; 2] {
        let (mut quick, mut plain) = (Map::default(), Map::default());
        quick.draw(text);
        Seen { text, before: 0, blocks: &mut plain.blocks }.plainly();
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
