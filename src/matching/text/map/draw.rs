//! Drawing a map: what each byte is by itself, for sixty-four of them at once, and what it is beside its neighbours.

use super::{BLOCK, Block, CLASSES, Class};

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
pub(super) struct Seen<'a> {
    text: &'a [u8],
    /// Whether the last byte of the block before is a blank or opens a bracket (1 or 0).
    before: u64,
    blocks: &'a mut Vec<Block>,
}

impl<'a> Seen<'a> {
    pub(super) fn nothing(text: &'a [u8], blocks: &'a mut Vec<Block>) -> Self {
        Self { text, before: 0, blocks }
    }

    /// Draws all blocks.
    pub(super) fn draw(self) {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            return simd.vectorize(avx2::Draw { simd, seen: self });
        }
        self.plainly();
    }

    /// Draws all blocks with what every processor has.
    pub(super) fn plainly(mut self) {
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
pub(super) fn padded(rest: &[u8]) -> Option<[u8; BLOCK]> {
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

    use super::super::vectors::{Eyes, by_low};
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
            let sets = Sets { marks: eyes.twice(const { by_low(MARKS) }), spaces: eyes.twice(SPACES) };
            let (whole, rest) = seen.text.as_chunks();
            let mut last = None;
            // Loops, not adapters: what a closure holds is compiled for any processor.
            for block in whole {
                let this = eyes.see(block, &sets);
                if let Some(last) = last.replace(this) {
                    seen.add(last, this);
                }
            }
            if let Some(block) = padded(rest) {
                let this = eyes.see(&block, &sets);
                if let Some(last) = last.replace(this) {
                    seen.add(last, this);
                }
            }
            if let Some(last) = last {
                seen.add(last, Bytes::default());
            }
        }
    }

    /// White space by its low half; none has a low half that another has.
    const SPACES: [u8; 16] = [b' ', 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 9, 10, 0x80, 12, 13, 0x80, 0x80];

    /// What bytes are compared with.
    struct Sets {
        marks: __m256i,
        spaces: __m256i,
    }

    impl Eyes {
        #[inline(always)]
        fn see(&self, block: &[u8; BLOCK], sets: &Sets) -> Bytes {
            let [low, high] = block.as_chunks::<{ BLOCK / 2 }>().0 else { unreachable!("a block has two halves") };
            let (low, high) = (self.half(pulp::cast(*low), sets), self.half(pulp::cast(*high), sets));
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
        fn half(&self, bytes: __m256i, sets: &Sets) -> Half {
            let small = self.simd.avx2._mm256_or_si256(bytes, self.all(0x20));
            let (digit, beyond) = (self.off_range(bytes, b'0', 10), self.off_beyond_ascii(bytes));
            let letter = self.off_range(small, b'a', 26);
            let separator = self.nearer(
                self.nearer(self.off(bytes, b','), self.off(bytes, b';')),
                self.nearer(self.off(bytes, b'|'), self.off(bytes, b'\t')),
            );
            let space = self.simd.avx2._mm256_shuffle_epi8(sets.spaces, bytes);
            Half {
                newline: self.none(self.off(bytes, b'\n')),
                space: self.none(self.simd.avx2._mm256_xor_si256(space, bytes)),
                digit: self.none(digit),
                at: self.none(self.off(bytes, b'@')),
                star: self.none(self.off(bytes, b'*')),
                word: self.none(self.nearer(self.nearer(digit, letter), beyond)),
                capital: self.none(self.nearer(self.off_range(bytes, b'A', 26), beyond)),
                separator: self.none(separator),
                mark: self
                    .none(self.nearer(self.off_set(bytes, self.high_bit(bytes), sets.marks), self.off(bytes, 0xe2))),
                blank: self.none(self.off(bytes, b' ')),
                dot: self.none(self.off(bytes, b'.')),
                // Without the bit by which they differ, `[` and `{` are alike.
                open: self.none(self.nearer(self.off(bytes, b'('), self.off(small, b'{'))),
                a: self.none(self.off(small, b'a')),
                t: self.none(self.off(small, b't')),
            }
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
