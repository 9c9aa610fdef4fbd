//! Where signs stand: bytes that part, name or quote values. They are found sixty-four bytes at a time.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m256i;

/// Bytes that one word of a map stands for.
pub(super) const WORD: usize = u64::BITS as usize;

/// The signs, by the group that their upper half puts them in: no two groups share an upper half, and in each the lower
/// halves say which bytes are signs. `5` and `7` have the same ones.
const GROUPS: [(&[u8], &[u8]); 8] = [
    (&[0x0], &[0x1, 0x9, 0xa]),
    (&[0x1], &[0xf]),
    // `"`, `#`, `&`, `'`, `(`, `,`, `-`, `/`
    (&[0x2], &[0x2, 0x3, 0x6, 0x7, 0x8, 0xc, 0xd, 0xf]),
    // `:`, `;`, `=`
    (&[0x3], &[0xa, 0xb, 0xd]),
    // `\`, `^`, `|`, `~`
    (&[0x5, 0x7], &[0xc, 0xe]),
    // `·`
    (&[0xc], &[0x2]),
    // Dashes, arrows and lines of drawn tables.
    (&[0xe], &[0x2]),
    // The backtick.
    (&[0x6], &[0x0]),
];

/// For each half of a byte the groups that it may belong to, a bit each: a byte is a sign if its halves share one.
const LOWER: [u8; 16] = halves(false);
const UPPER: [u8; 16] = halves(true);

const fn halves(upper: bool) -> [u8; 16] {
    let mut table = [0; 16];
    let mut group = 0;
    while group < GROUPS.len() {
        let halves = if upper { GROUPS[group].0 } else { GROUPS[group].1 };
        let mut i = 0;
        while i < halves.len() {
            table[halves[i] as usize] |= 1 << group;
            i += 1;
        }
        group += 1;
    }
    table
}

/// What stands in sixty-four bytes, a bit for each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) signs: u64,
    pub(super) blanks: u64,
    pub(super) dots: u64,
}

/// The map of a text. The bytes that its last word lacks count as nothing.
pub(super) fn map(text: &[u8], words: &mut Vec<Word>) {
    words.clear();
    let (whole, rest) = text.as_chunks::<WORD>();
    let mut last = [0; WORD];
    last[..rest.len()].copy_from_slice(rest);
    for stretches in [whole, if rest.is_empty() { &[] } else { std::slice::from_ref(&last) }] {
        map_whole(stretches, words);
    }
}

#[cfg(target_arch = "x86_64")]
fn map_whole(stretches: &[[u8; WORD]], words: &mut Vec<Word>) {
    match pulp::x86::V3::try_new() {
        Some(simd) => simd.vectorize(Avx2 { simd, stretches, words }),
        None => words.extend(stretches.iter().map(word)),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn map_whole(stretches: &[[u8; WORD]], words: &mut Vec<Word>) {
    words.extend(stretches.iter().map(word));
}

/// One byte after another, for any processor.
fn word(stretch: &[u8; WORD]) -> Word {
    let mut word = Word::default();
    for (i, b) in stretch.iter().enumerate() {
        let is_sign = LOWER[usize::from(b & 15)] & UPPER[usize::from(b >> 4)] != 0;
        word.signs |= u64::from(is_sign) << i;
        word.blanks |= u64::from(*b == b' ') << i;
        word.dots |= u64::from(*b == b'.') << i;
    }
    word
}

#[cfg(target_arch = "x86_64")]
struct Avx2<'a> {
    simd: pulp::x86::V3,
    stretches: &'a [[u8; WORD]],
    words: &'a mut Vec<Word>,
}

#[cfg(target_arch = "x86_64")]
impl pulp::NullaryFnOnce for Avx2<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, stretches, words } = self;
        let twice = |table: [u8; 16]| pulp::cast::<[[u8; 16]; 2], __m256i>([table, table]);
        let (lower, upper) = (twice(LOWER), twice(UPPER));
        // A loop, not an adapter: what a closure holds is compiled for any processor.
        for stretch in stretches {
            if let [low, high] = stretch.as_chunks().0 {
                let (low, high) = (half(simd, low, lower, upper), half(simd, high, lower, upper));
                words.push(Word {
                    signs: low[0] | high[0] << (WORD / 2),
                    blanks: low[1] | high[1] << (WORD / 2),
                    dots: low[2] | high[2] << (WORD / 2),
                });
            }
        }
    }
}

/// Signs, blanks and dots of thirty-two bytes.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn half(simd: pulp::x86::V3, half: &[u8; WORD / 2], lower: __m256i, upper: __m256i) -> [u64; 3] {
    let avx2 = simd.avx2;
    let bytes: __m256i = pulp::cast(*half);
    let nibble = simd.avx._mm256_set1_epi8(15);
    let by_lower = avx2._mm256_shuffle_epi8(lower, avx2._mm256_and_si256(bytes, nibble));
    let by_upper = avx2._mm256_shuffle_epi8(upper, avx2._mm256_and_si256(avx2._mm256_srli_epi16::<4>(bytes), nibble));
    let none = avx2._mm256_cmpeq_epi8(avx2._mm256_and_si256(by_lower, by_upper), simd.avx._mm256_setzero_si256());
    let blanks = avx2._mm256_cmpeq_epi8(bytes, simd.avx._mm256_set1_epi8(b' ' as i8));
    let dots = avx2._mm256_cmpeq_epi8(bytes, simd.avx._mm256_set1_epi8(b'.' as i8));
    let bits = |found: __m256i| u64::from(avx2._mm256_movemask_epi8(found) as u32);
    [bits(none) ^ u64::from(u32::MAX), bits(blanks), bits(dots)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signs, as the sniffers name them.
    const SIGNS: &[u8] = b"\x01\t\n\x1f\"#&'(,-/:;=\\^`|~\xc2\xe2";

    #[test]
    fn every_byte_is_mapped_as_what_it_is() {
        let all: Vec<u8> = (0..=255).chain(0..=99).collect();
        let mut words = Vec::new();
        map(&all, &mut words);
        let set = |words: u64, at: usize| words >> (at % WORD) & 1 == 1;
        for (at, b) in all.iter().enumerate() {
            let word = words[at / WORD];
            assert_eq!(set(word.signs, at), SIGNS.contains(b), "{b:#x}");
            assert_eq!((set(word.blanks, at), set(word.dots, at)), (*b == b' ', *b == b'.'), "{b:#x}");
        }
        assert_eq!(words.len(), 6);
        for (stretch, found) in all.as_chunks::<WORD>().0.iter().zip(&words) {
            assert_eq!(word(stretch), *found);
        }
    }
}
