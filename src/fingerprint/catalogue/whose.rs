//! Which of many indexes may hold a key: asked once for all of them, where asking each one's own filter would meet as many lines of
//! memory as there are indexes.
//!
//! A table of bits with a column for each index: a key sets its index's bit in some rows of its block, and an index may hold a key if its
//! bit is set in all of them. That is a Bloom filter for each index, laid side by side.

use super::super::filter::{self, GRAIN};
use super::super::memory::Memory;

/// With fewer indexes than this, each is asked by itself.
pub(super) const MANY: usize = 8;
/// Rows of a block. The blocks stand in the order of the fingerprints, as those of the filter do.
const ROWS: usize = 64;
/// Rows for each key of an average index: with [`SET`] rows set by a key, one foreign key in forty is taken for such an index's. (An index much
/// larger than the others fills its column and has to be asked itself.)
const ROWS_PER_KEY: u64 = 10;
/// Rows that a key sets.
const SET: usize = 3;
/// Fingerprints asked for together: their rows fit the first cache.
const TOGETHER: usize = 64;

/// The table.
pub(super) struct Whose {
    /// Bytes of a row.
    width: usize,
    blocks: u64,
    bits: Memory,
}

/// A share of the table, which holds the keys with one first byte.
pub(super) struct Share<'a> {
    width: usize,
    blocks: u64,
    /// The block it begins with.
    first: u64,
    bits: &'a mut [u8],
}

/// What chooses the rows of a key within its block, six bits for each.
#[inline(always)]
fn spread(key: u64) -> u64 {
    // Other bits than the filter's: who passes that by chance should not pass here too.
    (key >> (64 - filter::KEY_BITS)).wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 16
}

/// The row with that number of those a key sets.
#[inline(always)]
fn row(spread: u64, no: usize) -> usize {
    (spread >> (48 - 6 * (no + 1))) as usize % ROWS
}

const _: () = assert!(ROWS == 1 << 6 && 6 * SET <= 48);

impl Whose {
    /// An empty one for indexes with so many keys in all.
    pub(super) fn for_keys(indexes: usize, keys: u64) -> Self {
        let bytes = indexes.div_ceil(8);
        let width = if bytes < 8 { bytes.next_power_of_two() } else { bytes.next_multiple_of(8) };
        let rows = keys / indexes as u64 * ROWS_PER_KEY;
        let blocks = rows.div_ceil(ROWS as u64 * GRAIN).max(1) * GRAIN;
        Self { width, blocks, bits: Memory::zeroed(blocks as usize * ROWS * width) }
    }

    /// The shares for each first byte, in order.
    pub(super) fn shares(&mut self) -> impl Iterator<Item = Share<'_>> {
        let (width, blocks) = (self.width, self.blocks);
        let shares = self.bits.chunks_exact_mut((blocks / GRAIN) as usize * ROWS * width).enumerate();
        shares.map(move |(no, bits)| Share { width, blocks, first: no as u64 * (blocks / GRAIN), bits })
    }

    /// Appends each index that may hold one of the fingerprints: index and position in `fingerprints`.
    pub(super) fn ask(&self, fingerprints: &[u64], out: &mut Vec<(u16, u32)>) {
        let mut first = 0;
        for some in fingerprints.chunks(TOGETHER) {
            let mut touched = 0;
            for fingerprint in some {
                self.rows_of(*fingerprint).iter().for_each(|row| touched ^= row[0]);
            }
            std::hint::black_box(touched);
            for (no, fingerprint) in some.iter().enumerate() {
                let rows = self.rows_of(*fingerprint);
                for at in 0..self.width {
                    let mut all = rows.iter().fold(u8::MAX, |all, row| all & row[at]);
                    while all != 0 {
                        out.push(((at * 8) as u16 + all.trailing_zeros() as u16, (first + no) as u32));
                        all &= all - 1;
                    }
                }
            }
            first += some.len();
        }
    }

    #[inline]
    fn rows_of(&self, fingerprint: u64) -> [&[u8]; SET] {
        let block = filter::block_of(fingerprint, self.blocks) as usize * ROWS;
        let spread = spread(fingerprint);
        std::array::from_fn(|no| &self.bits[(block + row(spread, no)) * self.width..][..self.width])
    }
}

impl Share<'_> {
    /// Its bytes.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        self.bits
    }

    /// Adds keys of an index, all of this share.
    pub(super) fn set(&mut self, index: usize, keys: &[u64]) {
        let (byte, bit) = (index / 8, 1 << (index % 8));
        for key in keys {
            let block = (filter::block_of(*key, self.blocks) - self.first) as usize * ROWS;
            let spread = spread(*key);
            for no in 0..SET {
                self.bits[(block + row(spread, no)) * self.width + byte] |= bit;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys without a pattern: those of index `index`.
    fn key(index: u64, no: u64) -> u64 {
        let x = (index << 32 | no).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (x ^ x >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9).rotate_left(31).wrapping_mul(0x94D0_49BB_1331_11EB)
    }

    #[test]
    fn every_index_is_named_for_its_keys_and_few_others() {
        for indexes in [9, 17, 120] {
            let keys = 4_000;
            let mut whose = Whose::for_keys(indexes, keys * indexes as u64);
            for (first, mut share) in whose.shares().enumerate() {
                for index in 0..indexes {
                    let all = (0..keys).map(|no| key(index as u64, no));
                    share.set(index, &all.filter(|key| key >> 56 == first as u64).collect::<Vec<_>>());
                }
            }
            for index in 0..indexes {
                let (mut out, asked) = (Vec::new(), (0..keys).map(|no| key(index as u64, no)).collect::<Vec<_>>());
                whose.ask(&asked, &mut out);
                let named = out.iter().filter(|(one, _)| usize::from(*one) == index).map(|(_, no)| *no);
                assert!(named.eq(0..keys as u32));
                assert!(out.iter().all(|(index, _)| usize::from(*index) < indexes));
                let wrong = (out.len() as u64 - keys) as f64 / (keys * (indexes as u64 - 1)) as f64;
                assert!(wrong < 0.04, "{wrong}");
            }
        }
    }
}
