//! Eight words side by side, in the vectors that the processor has: found out when the program runs. What is done with them is written
//! once, for all of these.
//!
//! Written with the processor's own instructions: left to itself, the compiler puts half of the lanes into vectors and the other half not.

/// Words side by side.
pub(super) const LANES: usize = 8;

/// The operations of SipHash on eight words each.
pub(super) trait Vectors: Copy {
    /// Eight words.
    type Lanes: Copy;

    fn load(self, words: [u64; LANES]) -> Self::Lanes;
    fn store(self, lanes: Self::Lanes) -> [u64; LANES];
    fn add(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    fn xor(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// To the left; `REST` is 64 less `BITS`.
    fn rotate<const BITS: i32, const REST: i32>(self, a: Self::Lanes) -> Self::Lanes;
}

/// What is done with vectors. All of it must be inlined.
pub(super) trait Hashing {
    fn run<V: Vectors>(self, vectors: V);
}

/// Runs it with the widest vectors there are.
pub(super) fn hash(hashing: impl Hashing) {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = pulp::x86::V4::try_new() {
            return simd.vectorize(x86::With { vectors: simd, hashing });
        }
        if let Some(simd) = pulp::x86::V3::try_new() {
            return simd.vectorize(x86::With { vectors: simd, hashing });
        }
    }
    hashing.run(Plain);
}

/// Runs it the other ways that this machine has: without vectors, and with those of half the width.
#[cfg(test)]
pub(super) fn hash_otherwise(hashing: impl Hashing, with_vectors: bool) {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new().filter(|_| with_vectors) {
        return simd.vectorize(x86::With { vectors: simd, hashing });
    }
    let _ = with_vectors;
    hashing.run(Plain);
}

/// No vectors but those that the compiler finds.
#[derive(Clone, Copy)]
struct Plain;

impl Vectors for Plain {
    type Lanes = [u64; LANES];

    #[inline(always)]
    fn load(self, words: [u64; LANES]) -> Self::Lanes {
        words
    }

    #[inline(always)]
    fn store(self, lanes: Self::Lanes) -> [u64; LANES] {
        lanes
    }

    #[inline(always)]
    fn add(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
        std::array::from_fn(|lane| a[lane].wrapping_add(b[lane]))
    }

    #[inline(always)]
    fn xor(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
        std::array::from_fn(|lane| a[lane] ^ b[lane])
    }

    #[inline(always)]
    fn rotate<const BITS: i32, const REST: i32>(self, a: Self::Lanes) -> Self::Lanes {
        a.map(|word| word.rotate_left(BITS as u32))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__m256i, __m512i};

    use pulp::x86::{V3, V4};

    use super::{Hashing, LANES, Vectors};

    pub(super) struct With<V, H> {
        pub(super) vectors: V,
        pub(super) hashing: H,
    }

    impl<V: Vectors, H: Hashing> pulp::NullaryFnOnce for With<V, H> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            self.hashing.run(self.vectors);
        }
    }

    impl Vectors for V3 {
        type Lanes = (__m256i, __m256i);

        #[inline(always)]
        fn load(self, [a, b, c, d, e, f, g, h]: [u64; LANES]) -> Self::Lanes {
            (pulp::cast([a, b, c, d]), pulp::cast([e, f, g, h]))
        }

        #[inline(always)]
        fn store(self, (low, high): Self::Lanes) -> [u64; LANES] {
            let ([a, b, c, d], [e, f, g, h]): ([u64; 4], [u64; 4]) = (pulp::cast(low), pulp::cast(high));
            [a, b, c, d, e, f, g, h]
        }

        #[inline(always)]
        fn add(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
            (self.avx2._mm256_add_epi64(a.0, b.0), self.avx2._mm256_add_epi64(a.1, b.1))
        }

        #[inline(always)]
        fn xor(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
            (self.avx2._mm256_xor_si256(a.0, b.0), self.avx2._mm256_xor_si256(a.1, b.1))
        }

        #[inline(always)]
        fn rotate<const BITS: i32, const REST: i32>(self, a: Self::Lanes) -> Self::Lanes {
            (rotate::<BITS, REST>(self, a.0), rotate::<BITS, REST>(self, a.1))
        }
    }

    #[inline(always)]
    fn rotate<const BITS: i32, const REST: i32>(simd: V3, a: __m256i) -> __m256i {
        let (left, right) = (simd.avx2._mm256_slli_epi64::<BITS>(a), simd.avx2._mm256_srli_epi64::<REST>(a));
        simd.avx2._mm256_or_si256(left, right)
    }

    impl Vectors for V4 {
        type Lanes = __m512i;

        #[inline(always)]
        fn load(self, words: [u64; LANES]) -> Self::Lanes {
            pulp::cast(words)
        }

        #[inline(always)]
        fn store(self, lanes: Self::Lanes) -> [u64; LANES] {
            pulp::cast(lanes)
        }

        #[inline(always)]
        fn add(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
            self.avx512f._mm512_add_epi64(a, b)
        }

        #[inline(always)]
        fn xor(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
            self.avx512f._mm512_xor_epi64(a, b)
        }

        #[inline(always)]
        fn rotate<const BITS: i32, const REST: i32>(self, a: Self::Lanes) -> Self::Lanes {
            self.avx512f._mm512_rol_epi64::<BITS>(a)
        }
    }
}
