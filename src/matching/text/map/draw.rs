//! Drawing a map: what each byte is by itself, for sixty-four of them at once, and what it is beside its neighbours.

use super::{BLOCK, Block, CLASSES, Class};

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
    /// White space of ASCII.
    space,
    digit,
    at,
    star,
    word,
    capital,
    /// Of [`Class::Separator`].
    separator,
    /// Of [`MARKS`].
    mark,
    blank,
    dot,
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

/// The bytes that part pieces, or may; blanks and dots do so in pairs.
pub(super) const MARKS: &[u8] = b"\t;|,<>\r\"-/=+:()[]{}\xe2";
/// Of these, those that always do.
const HARD: &[u8] = b"\t;|,<>\r\"";
/// Of these, those that do between blanks.
const STICKS: &[u8] = b"-/+";
/// Beside these, a bracket parts a remark from what it is about.
const LOOSE: &[u8] = b" \t\n.,;:";
/// Behind a parenthesis: one that belongs to a number, or ends the line.
const OF_NUMBER: &[u8] = b"0+\n";
/// Three of these hide what they stand for.
const FILL: &[u8] = b"xX#._";
/// Odd whatever stands beside it.
const SELDOM: &[u8] = b"*@\x0c";

/// A map in the making.
pub(super) struct Seen<'a> {
    text: &'a [u8],
    /// The block before.
    last: Bytes,
    blocks: &'a mut Vec<Block>,
}

impl<'a> Seen<'a> {
    pub(super) fn nothing(text: &'a [u8], blocks: &'a mut Vec<Block>) -> Self {
        // A text begins as a line does.
        let last = Bytes { newline: 1 << (BLOCK - 1), loose: 1 << (BLOCK - 1), ..Bytes::default() };
        Self { text, last, blocks }
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
        let last = self.last;
        let ahead = |this: u64, next: u64| this >> 1 | next << (BLOCK - 1);
        let behind = |this: u64, last: u64| this << 1 | last >> (BLOCK - 1);
        let behind_blank = behind(seen.blank, last.blank);
        let before_blank = ahead(seen.blank, next.blank);
        let spelled = seen.a & (behind_blank | behind(seen.open, last.open)) & ahead(seen.t, next.t);
        // One blank parts nothing, nor does one dot: most of them need not be looked at again.
        let pairs = seen.blank & before_blank | seen.dot & ahead(seen.dot, next.dot);
        let cut = cuts(&last, &seen, &next);
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
        block[Class::Cut as usize] = cut;
        block[Class::Gap as usize] = cut | seen.space;
        block[Class::Odd as usize] = odd(&last, &seen, &next);
        self.blocks.push(block);
        self.last = seen;
    }
}

/// Where pieces part: see [`Class::Cut`]. Where it makes no difference to the pieces, it is not told whether a sign stands at the beginning
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

/// What is seldom: see [`Class::Odd`].
#[inline(always)]
fn odd(last: &Bytes, seen: &Bytes, next: &Bytes) -> u64 {
    let ahead = |this: u64, next: u64| this >> 1 | next << (BLOCK - 1);
    let opens = |bytes: &Bytes| bytes.blank | bytes.open | bytes.underscore;
    let fill = seen.fill & ahead(seen.fill, next.fill) & (seen.fill >> 2 | next.fill << (BLOCK - 2));
    let spelled = seen.a & (opens(seen) << 1 | opens(last) >> (BLOCK - 1)) & ahead(seen.t | seen.r, next.t | next.r);
    let number = seen.parenthesis & ahead(seen.of_number, next.of_number);
    seen.seldom | seen.beyond | fill | spelled | number
}

/// The rest of a text, filled up with bytes that are of no class; nothing if there is none.
fn padded(rest: &[u8]) -> Option<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    block.get_mut(..rest.len())?.copy_from_slice(rest);
    (!rest.is_empty()).then_some(block)
}

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

    use super::{BLOCK, Bytes, FILL, HARD, LOOSE, MARKS, OF_NUMBER, SELDOM, STICKS, Seen, Signs, padded};

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

    /// For each low half of a byte, a bit for each high half (below 8) with which it is one of `bytes`, as far as these are ASCII.
    const fn by_low(bytes: &[u8]) -> [u8; 16] {
        let mut table = [0; 16];
        let mut i = 0;
        while i < bytes.len() {
            if bytes[i] < 0x80 {
                table[(bytes[i] & 15) as usize] |= 1 << (bytes[i] >> 4);
            }
            i += 1;
        }
        table
    }

    /// The bit of each high half; all of them for those beyond ASCII, which no byte of the table has.
    const HIGH_BIT: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 255, 255, 255, 255, 255, 255, 255, 255];

    /// White space by its low half; none has a low half that another has.
    const SPACES: [u8; 16] = [b' ', 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 9, 10, 0x80, 12, 13, 0x80, 0x80];

    /// What bytes are compared with.
    struct Eyes {
        simd: V3,
        high: __m256i,
        spaces: __m256i,
        marks: __m256i,
        hard: __m256i,
        sticks: __m256i,
        loose: __m256i,
        of_number: __m256i,
        fill: __m256i,
        seldom: __m256i,
    }

    impl Eyes {
        #[inline(always)]
        fn open(simd: V3) -> Self {
            let twice = |table: [u8; 16]| simd.avx2._mm256_broadcastsi128_si256(pulp::cast(table));
            Self {
                simd,
                high: twice(HIGH_BIT),
                spaces: twice(SPACES),
                marks: twice(const { by_low(MARKS) }),
                hard: twice(const { by_low(HARD) }),
                sticks: twice(const { by_low(STICKS) }),
                loose: twice(const { by_low(LOOSE) }),
                of_number: twice(const { by_low(OF_NUMBER) }),
                fill: twice(const { by_low(FILL) }),
                seldom: twice(const { by_low(SELDOM) }),
            }
        }

        #[inline(always)]
        fn see(&self, block: &[u8; BLOCK]) -> Bytes {
            let [low, high] = block.as_chunks::<{ BLOCK / 2 }>().0 else { unreachable!("a block has two halves") };
            Bytes::joined(self.half(pulp::cast(*low)), self.half(pulp::cast(*high)))
        }

        // Of each class there is one comparison, of a distance with nothing: where the answers of two are joined, the compiler
        // takes the vector apart byte by byte.
        #[inline(always)]
        fn half(&self, bytes: __m256i) -> Signs<u32> {
            let small = self.simd.avx2._mm256_or_si256(bytes, self.all(0x20));
            let (digit, beyond) = (self.off_range(bytes, b'0', 10), self.off_beyond_ascii(bytes));
            let letter = self.off_range(small, b'a', 26);
            let separator = self.nearer(
                self.nearer(self.off(bytes, b','), self.off(bytes, b';')),
                self.nearer(self.off(bytes, b'|'), self.off(bytes, b'\t')),
            );
            let space = self.simd.avx2._mm256_shuffle_epi8(self.spaces, bytes);
            let high = self.high_bit(bytes);
            Signs {
                newline: self.none(self.off(bytes, b'\n')),
                space: self.none(self.simd.avx2._mm256_xor_si256(space, bytes)),
                digit: self.none(digit),
                at: self.none(self.off(bytes, b'@')),
                star: self.none(self.off(bytes, b'*')),
                word: self.none(self.nearer(self.nearer(digit, letter), beyond)),
                capital: self.none(self.nearer(self.off_range(bytes, b'A', 26), beyond)),
                separator: self.none(separator),
                mark: self.none(self.nearer(self.off_set(bytes, high, self.marks), self.off(bytes, 0xe2))),
                blank: self.none(self.off(bytes, b' ')),
                dot: self.none(self.off(bytes, b'.')),
                // Without the bit by which they differ, `[` and `{` are alike.
                open: self.none(self.nearer(self.off(bytes, b'('), self.off(small, b'{'))),
                close: self.none(self.nearer(self.off(bytes, b')'), self.off(small, b'}'))),
                parenthesis: self.none(self.off(bytes, b'(')),
                hard: self.in_set(bytes, high, self.hard),
                stick: self.in_set(bytes, high, self.sticks),
                slash: self.none(self.off(bytes, b'/')),
                equals: self.none(self.off(bytes, b'=')),
                colon: self.none(self.off(bytes, b':')),
                underscore: self.none(self.off(bytes, b'_')),
                loose: self.in_set(bytes, high, self.loose),
                of_number: self.in_set(bytes, high, self.of_number),
                fill: self.in_set(bytes, high, self.fill),
                seldom: self.in_set(bytes, high, self.seldom),
                beyond: self.none(beyond),
                a: self.none(self.off(small, b'a')),
                r: self.none(self.off(small, b'r')),
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

        /// For each byte, the bit of its high half.
        #[inline(always)]
        fn high_bit(&self, bytes: __m256i) -> __m256i {
            let avx2 = self.simd.avx2;
            let high_half = avx2._mm256_and_si256(avx2._mm256_srli_epi16::<4>(bytes), self.all(15));
            avx2._mm256_shuffle_epi8(self.high, high_half)
        }

        /// A bit for each byte that is in a set of ASCII.
        #[inline(always)]
        fn in_set(&self, bytes: __m256i, high: __m256i, set: __m256i) -> u32 {
            self.none(self.off_set(bytes, high, set))
        }

        /// From a set of bytes of ASCII.
        #[inline(always)]
        fn off_set(&self, bytes: __m256i, high: __m256i, set: __m256i) -> __m256i {
            self.simd.avx2._mm256_andnot_si256(self.simd.avx2._mm256_shuffle_epi8(set, bytes), high)
        }
    }
}
