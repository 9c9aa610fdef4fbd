//! Sorted records to the sections that look-ups use.

use super::rows::{NO_NAME, Plan};
use crate::fingerprint::filter;
use crate::fingerprint::format::NAME_ENTRY;

/// What sorting a stretch of records by name gives. Slots count from the stretch's first record.
#[derive(Default)]
pub(super) struct Names {
    pub(super) count: u32,
    /// Each name key once, with its first slot.
    pub(super) names: Vec<(u64, u32)>,
    pub(super) rows: Vec<u8>,
    pub(super) tags: Vec<u8>,
    pub(super) record_keys: Vec<u8>,
    /// Fingerprint and slot.
    pub(super) strong: Vec<(u64, u32)>,
}

impl Names {
    /// `order` gives key and position of each record.
    pub(super) fn of(plan: &Plan, records: &[u8], order: &[(u64, u32)]) -> Self {
        let width = plan.width();
        let mut out = Self { count: order.len() as u32, ..Self::default() };
        out.rows.reserve(order.len() * 4);
        out.tags.reserve(order.len() * plan.tags.stride);
        out.strong.reserve(order.len() * plan.strong);
        let mut last = NO_NAME;
        for (slot, (key, at)) in order.iter().enumerate() {
            let record = &records[*at as usize * width..][..width];
            if *key != last {
                out.names.push((*key, slot as u32));
                last = *key;
            }
            out.rows.extend_from_slice(&record[Plan::ROW_AT..Plan::ROW_AT + 4]);
            out.record_keys.extend_from_slice(&record[Plan::RECORD_KEY_AT..plan.tags_at()]);
            out.tags.extend_from_slice(&record[plan.tags_at()..plan.strong_at()]);
            for fingerprint in record[plan.strong_at()..].as_chunks::<8>().0 {
                let fingerprint = u64::from_le_bytes(*fingerprint);
                if fingerprint != 0 {
                    out.strong.push((fingerprint, slot as u32));
                }
            }
        }
        out
    }
}

/// Bytes of an entry of the name directory.
pub(super) fn name_entry(key: u64, slot: u32) -> [u8; NAME_ENTRY] {
    let mut entry = [0; NAME_ENTRY];
    entry[..8].copy_from_slice(&key.to_le_bytes());
    entry[8..].copy_from_slice(&slot.to_le_bytes());
    entry
}

/// How the strong table is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) bucket_bits: u8,
    pub(super) slot_bits: u8,
    pub(super) filter_blocks: u64,
}

impl Shape {
    /// For so many records, entries and names.
    pub(super) fn of(records: u64, strong: u64, names: u64) -> Self {
        let bits = |n: u64| 64 - n.leading_zeros();
        let slot_bits = bits(records - 1).max(1);
        // About 4 to 8 entries a bucket, and never so few buckets that an entry could not give back the bits that the filter needs.
        let bucket_bits = bits(strong / 8).max(slot_bits.saturating_sub(64 - filter::KEY_BITS)).clamp(8, 32);
        Self {
            bucket_bits: bucket_bits as u8,
            slot_bits: slot_bits as u8,
            filter_blocks: filter::blocks_for(strong + names),
        }
    }
}

/// The part of the strong table, its buckets and the filter for the keys with one first byte.
pub(super) struct PartTable {
    shape: Shape,
    first: u64,
    pub(super) entries: Vec<u8>,
    /// Entries in each bucket.
    pub(super) counts: Vec<u32>,
    pub(super) filter: Vec<[u8; filter::BLOCK]>,
}

impl PartTable {
    /// Empty, for keys with first byte `first`.
    pub(super) fn new(shape: Shape, first: usize) -> Self {
        Self {
            shape,
            first: first as u64,
            entries: Vec::new(),
            counts: vec![0; 1 << (shape.bucket_bits - 8)],
            filter: vec![[0; filter::BLOCK]; (shape.filter_blocks / filter::GRAIN) as usize],
        }
    }

    /// Adds a key to the filter only.
    pub(super) fn mark(&mut self, key: u64) {
        let block = filter::block_of(key, self.shape.filter_blocks) - self.first * self.filter.len() as u64;
        filter::set(&mut self.filter[block as usize], key);
    }

    /// Adds an entry; they come in order.
    pub(super) fn add(&mut self, fingerprint: u64, slot: u32) {
        let (bits, slot_bits) = (u32::from(self.shape.bucket_bits), u32::from(self.shape.slot_bits));
        let bucket = (fingerprint >> (64 - bits)) as usize - self.first as usize * self.counts.len();
        self.counts[bucket] += 1;
        let rest = (fingerprint << bits) >> slot_bits;
        self.entries.extend_from_slice(&(rest << slot_bits | u64::from(slot)).to_le_bytes());
        self.mark(fingerprint);
    }
}
