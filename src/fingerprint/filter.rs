//! The prefilter: a split-block Bloom filter that answers "certainly not ours" with one cache line.
//!
//! `docs/decisions/0003-prefilter.md` compares it with the alternatives. A key is the upper 56 bits of a fingerprint: those can be read back
//! from an index's table, so that one filter over many indexes is made from their tables.

use pulp::Arch;

use super::memory::Memory;

/// Bytes of a block: a cache line.
pub(super) const BLOCK: usize = 64;
/// 64-bit lanes of a block; a key sets one bit in each.
const LANES: usize = BLOCK / 8;
/// Bits of filter for each key. 10 let about one foreign key in a hundred through.
const BITS_PER_KEY: u64 = 10;
/// The upper bits of a fingerprint that make a key.
pub(super) const KEY_BITS: u32 = 56;
/// Filters have a multiple of this many blocks, so that the keys with one first byte lie in blocks of their own.
pub(super) const GRAIN: u64 = 256;

/// Number of blocks for so many keys.
pub(super) fn blocks_for(keys: u64) -> u64 {
    (keys * BITS_PER_KEY).div_ceil(8 * BLOCK as u64).div_ceil(GRAIN).max(1) * GRAIN
}

/// The block that a fingerprint's key belongs to: in the order of the fingerprints.
#[inline(always)]
pub(super) fn block_of(fingerprint: u64, blocks: u64) -> u64 {
    ((u128::from(fingerprint) * u128::from(blocks)) >> 64) as u64
}

/// Six bits for each lane, spread from the key by a multiplication: the bits that choose the block are the upper ones of the
/// fingerprint, those that reach the upper bits of the product come from all of it.
#[inline(always)]
fn spread(fingerprint: u64) -> u64 {
    (fingerprint >> (64 - KEY_BITS)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Whether the key's bits are all set in its block. The lanes do not wait for one another: where the processor has vectors, they are looked
/// at together.
#[inline(always)]
pub(super) fn test(block: &[u8; BLOCK], fingerprint: u64) -> bool {
    let bits = spread(fingerprint);
    let mut all = [0; LANES];
    for (lane, bytes) in block.as_chunks::<8>().0.iter().enumerate() {
        all[lane] = u64::from_le_bytes(*bytes) >> (bits << (6 * lane) >> 58);
    }
    all.iter().fold(1, |all, lane| all & lane) == 1
}

/// Fingerprints asked for together: their blocks fit the first cache beside what else is in use.
const TOGETHER: usize = 128;

/// Appends to `hits` the positions of the fingerprints whose block lets them pass.
pub(super) fn keep(blocks: &[[u8; BLOCK]], fingerprints: &[u64], hits: &mut Vec<u32>) {
    Arch::new().dispatch(Keep { blocks, fingerprints, hits });
}

/// The blocks of many are touched before any is looked at, so that memory brings them all at once; then every position is written and kept
/// only if it passed: no branch waits for an answer.
struct Keep<'a> {
    blocks: &'a [[u8; BLOCK]],
    fingerprints: &'a [u64],
    hits: &'a mut Vec<u32>,
}

impl pulp::NullaryFnOnce for Keep<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { blocks, fingerprints, hits } = self;
        let count = blocks.len() as u64;
        let start = hits.len();
        hits.resize(start + fingerprints.len(), 0);
        let mut end = start;
        let mut first = 0;
        for some in fingerprints.chunks(TOGETHER) {
            let touched = some.iter().fold(0u8, |all, fp| all ^ blocks[block_of(*fp, count) as usize][0]);
            std::hint::black_box(touched);
            for (i, fp) in some.iter().enumerate() {
                hits[end] = first + i as u32;
                end += usize::from(test(&blocks[block_of(*fp, count) as usize], *fp));
            }
            first += some.len() as u32;
        }
        hits.truncate(end);
    }
}

/// Sets the key's bits in its block.
#[inline(always)]
pub(super) fn set(block: &mut [u8; BLOCK], fingerprint: u64) {
    let bits = spread(fingerprint);
    for (lane, bytes) in block.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        *bytes = (u64::from_le_bytes(*bytes) | 1 << (bits << (6 * lane) >> 58)).to_le_bytes();
    }
}

const _: () = assert!(LANES == 8 && 6 * LANES <= 48);

/// A filter in memory.
pub(super) struct Filter {
    blocks: Memory,
}

impl Filter {
    /// An empty one for so many keys.
    pub(super) fn for_keys(keys: u64) -> Self {
        Self { blocks: Memory::zeroed(blocks_for(keys) as usize * BLOCK) }
    }

    /// Number of blocks.
    pub(super) fn len(&self) -> u64 {
        (self.blocks.len() / BLOCK) as u64
    }

    /// The shares for each first byte, in order.
    pub(super) fn shares(&mut self) -> impl Iterator<Item = Share<'_>> {
        let (all, share) = (self.len(), self.len() / GRAIN);
        let shares = self.blocks.as_chunks_mut().0.chunks_exact_mut(share as usize).enumerate();
        shares.map(move |(no, blocks)| Share { all, first: no as u64 * share, blocks })
    }

    /// All blocks.
    #[inline]
    pub(super) fn blocks(&self) -> &[[u8; BLOCK]] {
        self.blocks.as_chunks().0
    }

    /// Whether the key may be in.
    #[inline]
    pub(super) fn may_contain(&self, fingerprint: u64) -> bool {
        test(&self.blocks()[block_of(fingerprint, self.len()) as usize], fingerprint)
    }
}

/// A share of a filter, which holds the keys with one first byte.
pub(super) struct Share<'a> {
    /// Blocks of the whole filter.
    all: u64,
    /// The block it begins with.
    first: u64,
    blocks: &'a mut [[u8; BLOCK]],
}

impl Share<'_> {
    /// Its bytes.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        self.blocks.as_flattened_mut()
    }

    /// Adds keys, all of this share.
    pub(super) fn set(&mut self, keys: &[u64]) {
        let Self { all, first, blocks } = self;
        Arch::new().dispatch(Set { all: *all, first: *first, blocks, keys });
    }
}

struct Set<'a> {
    all: u64,
    first: u64,
    blocks: &'a mut [[u8; BLOCK]],
    keys: &'a [u64],
}

impl pulp::NullaryFnOnce for Set<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for key in self.keys {
            set(&mut self.blocks[(block_of(*key, self.all) - self.first) as usize], *key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use siphasher::sip::SipHasher24;

    fn key(i: u64) -> u64 {
        SipHasher24::new_with_keys(1, 2).hash(&i.to_le_bytes())
    }

    #[test]
    fn what_is_in_is_found_and_little_else() {
        let n = 200_000;
        let mut filter = Filter::for_keys(n);
        let mut keys: Vec<u64> = (0..n).map(key).collect();
        keys.sort_unstable();
        let mut rest = keys.as_slice();
        for (first, mut share) in filter.shares().enumerate() {
            let (its, others) = rest.split_at(rest.partition_point(|key| key >> 56 <= first as u64));
            share.set(its);
            rest = others;
        }
        assert!(rest.is_empty() && keys.iter().all(|key| filter.may_contain(*key)));
        // Only the key's bits count: what an index cannot give back must not matter.
        assert!((0..n).all(|i| filter.may_contain(key(i) ^ 0xff)));
        let wrong = (n..2 * n).filter(|i| filter.may_contain(key(*i))).count() as f64 / n as f64;
        assert!(wrong < 0.015, "{wrong}");
    }

    #[test]
    fn keys_with_one_first_byte_stay_in_their_part_of_the_filter() {
        let blocks = blocks_for(1_000_000);
        for i in 0..10_000 {
            let (fp, part) = (key(i), blocks / GRAIN);
            assert_eq!(block_of(fp, blocks) / part, fp >> 56);
        }
    }
}
