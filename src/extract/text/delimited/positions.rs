//! Where delimiters, line ends and quotes stand. Cells are short: one search for each costs more than looking at every byte once, sixty-four
//! at a time.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m256i;

use memchr::memchr3_iter;

/// Bytes that one word of the map stands for.
const WORD: usize = u64::BITS as usize;

/// A map of a text with a bit for each byte: whether it is one of those sought.
pub(super) struct Positions {
    words: Vec<u64>,
}

impl Positions {
    /// Where in `text` any of the bytes stands. They may be given twice.
    pub(super) fn of(text: &[u8], sought: [u8; 3]) -> Self {
        let mut words = Vec::with_capacity(text.len().div_ceil(WORD));
        let done = whole_words(text, sought, &mut words) * WORD;
        words.resize(text.len().div_ceil(WORD), 0);
        for at in memchr3_iter(sought[0], sought[1], sought[2], &text[done..]).map(|at| done + at) {
            words[at / WORD] |= 1 << (at % WORD);
        }
        Self { words }
    }

    /// The positions from `at` on, in order.
    #[inline]
    pub(super) fn from(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let mut word = at / WORD;
        let mut left = self.words.get(word).map_or(0, |bits| bits & u64::MAX << (at % WORD));
        std::iter::from_fn(move || {
            while left == 0 {
                word += 1;
                left = *self.words.get(word)?;
            }
            let position = word * WORD + left.trailing_zeros() as usize;
            left &= left - 1;
            Some(position)
        })
    }
}

/// Fills in the words of the text's whole stretches of 64 bytes, as far as the processor can do that quickly: how many it did.
#[cfg(target_arch = "x86_64")]
fn whole_words(text: &[u8], sought: [u8; 3], words: &mut Vec<u64>) -> usize {
    let Some(simd) = pulp::x86::V3::try_new() else { return 0 };
    let stretches = text.as_chunks::<WORD>().0;
    simd.vectorize(Avx2 { simd, stretches, sought, words });
    stretches.len()
}

#[cfg(not(target_arch = "x86_64"))]
fn whole_words(_: &[u8], _: [u8; 3], _: &mut Vec<u64>) -> usize {
    0
}

#[cfg(target_arch = "x86_64")]
struct Avx2<'a> {
    simd: pulp::x86::V3,
    stretches: &'a [[u8; WORD]],
    sought: [u8; 3],
    words: &'a mut Vec<u64>,
}

#[cfg(target_arch = "x86_64")]
impl pulp::NullaryFnOnce for Avx2<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, stretches, sought, words } = self;
        let sought = sought.map(|byte| simd.avx._mm256_set1_epi8(byte as i8));
        // A loop, not an adapter: what a closure holds is compiled for any processor.
        for stretch in stretches {
            if let [low, high] = stretch.as_chunks().0 {
                words.push(positions_in(simd, low, sought) | positions_in(simd, high, sought) << (WORD / 2));
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn positions_in(simd: pulp::x86::V3, half: &[u8; WORD / 2], [a, b, c]: [__m256i; 3]) -> u64 {
    let bytes = pulp::cast(*half);
    let a = simd.avx2._mm256_xor_si256(bytes, a);
    let b = simd.avx2._mm256_xor_si256(bytes, b);
    let c = simd.avx2._mm256_xor_si256(bytes, c);
    // One comparison: of three whose answers are joined, the compiler makes a branch for each byte.
    let least = simd.avx2._mm256_min_epu8(simd.avx2._mm256_min_epu8(a, b), c);
    let equal = simd.avx2._mm256_cmpeq_epi8(least, simd.avx._mm256_setzero_si256());
    u64::from(simd.avx2._mm256_movemask_epi8(equal) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn positions_are_those_that_a_search_finds(text in "[a,;\n\"]{0,300}", at in 0usize..320) {
            let positions = Positions::of(text.as_bytes(), [b',', b'\n', b'"']);
            let sought: Vec<usize> = memchr3_iter(b',', b'\n', b'"', text.as_bytes()).filter(|i| *i >= at).collect();
            proptest::prop_assert_eq!(positions.from(at).collect::<Vec<_>>(), sought);
        }
    }
}
