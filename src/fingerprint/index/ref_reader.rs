//! The refs and record keys of an index: what names a record outside of it.

use super::{Section, Slot, SnapshotIndex};
use crate::fingerprint::error::Damaged;
use crate::fingerprint::hash::Hasher;
use crate::fingerprint::refs::RefBlock;
use crate::fingerprint::{format, refs};

/// Reads the refs of an index, block by block.
#[derive(Debug)]
pub struct RefReader<'a> {
    pub(super) index: &'a SnapshotIndex,
    pub(super) block: Option<u64>,
    pub(super) refs: RefBlock,
}

impl RefReader<'_> {
    /// A record's own key in its system, in clear. None if the system exports none, or this record has none.
    pub fn ref_of(&mut self, slot: Slot) -> Result<Option<&[u8]>, Damaged> {
        let index = self.index;
        if index.header.place(Section::RefBlocks).len == 0 {
            return Ok(None);
        }
        let (block, within) = refs::place_of(index.row_of(slot)?.0);
        if self.block != Some(block) {
            self.block = None;
            self.read(block)?;
            self.block = Some(block);
        }
        Ok(self.refs.get(within).filter(|r| !r.is_empty()))
    }

    fn read(&mut self, block: u64) -> Result<(), Damaged> {
        let index = self.index;
        let ends = index.part(Section::RefBlocks, block as usize * 8, 16)?.as_chunks::<8>().0;
        let [from, to] = [u64::from_le_bytes(ends[0]) as usize, u64::from_le_bytes(ends[1]) as usize];
        let len = to.checked_sub(from).ok_or(Damaged)?;
        let sealed = index.part(Section::Refs, from, len)?;
        let first = block as u32 * format::REFS_PER_BLOCK;
        let count = (index.records() - first).min(format::REFS_PER_BLOCK) as usize;
        let at = index.header.place(Section::Refs).offset as usize + from;
        let whole = index.sealer.open(block, sealed).is_some_and(|packed| self.refs.unpack(&packed, count));
        if whole { Ok(()) } else { Err(index.data.note_damage(at)) }
    }

    /// Names the record across snapshots of its system: [`Hasher::record_key`] of its ref; where it has none, what the builder
    /// derived from its first strong value, or its name.
    pub fn record_key(&mut self, hasher: &Hasher, slot: Slot) -> Result<u64, Damaged> {
        let index = self.index;
        if index.header.place(Section::RecordKeys).len > 0 {
            let bytes = index.part(Section::RecordKeys, slot.0 as usize * 8, 8)?;
            return Ok(u64::from_le_bytes(bytes.as_chunks::<8>().0[0]));
        }
        let row = index.row_of(slot)?;
        let system = index.system();
        Ok(match self.ref_of(slot)? {
            Some(reference) => hasher.record_key(system, reference),
            // A record without ref in a system that has them: it can only be named by where it stands.
            None => hasher.record_key(system, format!("\0{}\0{}", index.snapshot(), row.0).as_bytes()),
        })
    }
}
