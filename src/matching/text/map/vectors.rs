//! Looking at 32 bytes at once.
//!
//! Loops and methods that are always inlined, no adapters: what a closure holds is compiled for any processor.

use std::arch::x86_64::__m256i;

use pulp::x86::V3;

/// For each low half of a byte, a bit for each high half (below 8) with which it is one of `bytes`, as far as these are ASCII.
pub(super) const fn by_low(bytes: &[u8]) -> [u8; 16] {
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

/// The bit of each high half; all of them for those beyond ASCII, which no byte of a table has.
const HIGH_BIT: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 255, 255, 255, 255, 255, 255, 255, 255];

/// Compares bytes. Of each class there is one comparison, of a distance with nothing: where the answers of two are joined, the compiler
/// takes the vector apart byte by byte.
pub(super) struct Eyes {
    pub(super) simd: V3,
    high: __m256i,
}

impl Eyes {
    #[inline(always)]
    pub(super) fn open(simd: V3) -> Self {
        Self { simd, high: simd.avx2._mm256_broadcastsi128_si256(pulp::cast(HIGH_BIT)) }
    }

    /// A table of [`by_low`], to look up by.
    #[inline(always)]
    pub(super) fn twice(&self, table: [u8; 16]) -> __m256i {
        self.simd.avx2._mm256_broadcastsi128_si256(pulp::cast(table))
    }

    #[inline(always)]
    pub(super) fn all(&self, byte: u8) -> __m256i {
        self.simd.avx._mm256_set1_epi8(byte as i8)
    }

    /// A bit for each byte whose distance is none.
    #[inline(always)]
    pub(super) fn none(&self, distance: __m256i) -> u32 {
        let none = self.simd.avx2._mm256_cmpeq_epi8(distance, self.simd.avx._mm256_setzero_si256());
        self.simd.avx2._mm256_movemask_epi8(none) as u32
    }

    #[inline(always)]
    pub(super) fn nearer(&self, a: __m256i, b: __m256i) -> __m256i {
        self.simd.avx2._mm256_min_epu8(a, b)
    }

    #[inline(always)]
    pub(super) fn off(&self, bytes: __m256i, byte: u8) -> __m256i {
        self.simd.avx2._mm256_xor_si256(bytes, self.all(byte))
    }

    /// From `many` bytes, `first` on: what is below wraps around to something large.
    #[inline(always)]
    pub(super) fn off_range(&self, bytes: __m256i, first: u8, many: u8) -> __m256i {
        let above = self.simd.avx2._mm256_sub_epi8(bytes, self.all(first));
        self.simd.avx2._mm256_subs_epu8(above, self.all(many - 1))
    }

    #[inline(always)]
    pub(super) fn off_beyond_ascii(&self, bytes: __m256i) -> __m256i {
        self.simd.avx2._mm256_andnot_si256(bytes, self.all(0x80))
    }

    /// For each byte, the bit of its high half.
    #[inline(always)]
    pub(super) fn high_bit(&self, bytes: __m256i) -> __m256i {
        let avx2 = self.simd.avx2;
        let high_half = avx2._mm256_and_si256(avx2._mm256_srli_epi16::<4>(bytes), self.all(15));
        avx2._mm256_shuffle_epi8(self.high, high_half)
    }

    /// A bit for each byte that is in a set of ASCII.
    #[inline(always)]
    pub(super) fn in_set(&self, bytes: __m256i, high: __m256i, set: __m256i) -> u32 {
        self.none(self.off_set(bytes, high, set))
    }

    /// From a set of bytes of ASCII.
    #[inline(always)]
    pub(super) fn off_set(&self, bytes: __m256i, high: __m256i, set: __m256i) -> __m256i {
        self.simd.avx2._mm256_andnot_si256(self.simd.avx2._mm256_shuffle_epi8(set, bytes), high)
    }
}
