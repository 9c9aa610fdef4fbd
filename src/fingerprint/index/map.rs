//! The bytes of an index file: mapped, and checked block by block when first touched. The only `unsafe` of the house.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;
use zeroize::Zeroizing;

use crate::fingerprint::error::{Damaged, IndexErrorKind};
use crate::fingerprint::format::{self, Header};

/// Files up to this size are read into memory: nothing that happens to the file afterwards can then harm.
const COPIED: u64 = 4 << 20;

/// The content of a file.
pub(super) enum Content {
    Copied(Vec<u8>),
    Mapped(Mmap),
}

impl Content {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        if len <= COPIED {
            let mut bytes = Vec::with_capacity(len as usize);
            file.by_ref().take(COPIED + 1).read_to_end(&mut bytes)?;
            return Ok(Self::Copied(bytes));
        }
        // SAFETY: a mapping is sound as long as nobody changes the mapped bytes. What stands for that:
        // 1. The file is opened for reading only and the mapping is private: this process never writes to it.
        // 2. `fingerprint::build` is the only writer. It never opens an index for writing under its name: it writes a
        //    file of another name and renames it over the old one, which leaves the old file, and this mapping, as they were.
        // 3. No reference into the mapping is ever given the type of anything but bytes, every bit pattern of which is
        //    valid, and every offset that is read from the file is checked against the length before it is used. Bytes
        //    changed by somebody else (who copies over an index in place, against `docs/index-format.md`) can thus give a
        //    wrong answer, or `Damaged`, but no undefined behaviour in practice: loads are plain loads of bytes.
        // 4. A file that somebody truncates in place raises SIGBUS when a lost page is touched: the process ends, and no post is
        //    lost by it (the service acknowledges after the verdict only). Small files do not run this risk: they are copied.
        let mapped = unsafe { Mmap::map(&file)? };
        // Look-ups are scattered: reading ahead would only push useful pages out. A hint, so failing is no matter.
        let _ = mapped.advise(memmap2::Advice::Random);
        Ok(Self::Mapped(mapped))
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Copied(bytes) => bytes,
            Self::Mapped(mapped) => mapped,
        }
    }
}

/// An index's bytes behind their checksums: nothing is given out before the blocks it lies in were found whole.
pub(super) struct Checked {
    content: Content,
    secret: Zeroizing<[u8; 32]>,
    /// Where the checksums begin, which is where what they stand for ends.
    end: usize,
    /// One bit for each block that was found whole.
    whole: Box<[AtomicU64]>,
    /// The first block that was not.
    damage: OnceLock<u64>,
}

impl Checked {
    /// `header` is consistent and `content` as long as it says. Fails if the checksums themselves are damaged.
    pub(super) fn new(content: Content, header: &Header, secret: Zeroizing<[u8; 32]>) -> Result<Self, IndexErrorKind> {
        let place = header.place(format::Section::Checksums);
        let end = place.offset as usize;
        let checksums = &content.bytes()[end..end + place.len as usize];
        if *blake3::hash(checksums).as_bytes() != header.checksums {
            return Err(IndexErrorKind::Corrupt { part: "checksums".to_owned() });
        }
        let whole = (0..header.blocks().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { content, secret, end, whole, damage: OnceLock::new() })
    }

    /// Bytes `from..from + len` of the file, which lie between header and checksums.
    #[inline]
    pub(super) fn get(&self, from: usize, len: usize) -> Result<&[u8], Damaged> {
        let bytes = self.content.bytes().get(from..from + len).ok_or(Damaged)?;
        if len > 0 {
            let first = (from - format::HEADER) / format::BLOCK;
            let last = (from + len - 1 - format::HEADER) / format::BLOCK;
            for block in first..=last {
                // Relaxed is enough: the bit guards bytes that never change, and who sees it 0 checks again.
                if self.whole[block / 64].load(Ordering::Relaxed) >> (block % 64) & 1 == 0 {
                    self.check(block)?;
                }
            }
        }
        Ok(bytes)
    }

    /// The same, if every block it lies in was found whole before: asked sixty-four at a time, so that much may be asked for often.
    #[inline]
    pub(super) fn get_whole(&self, from: usize, len: usize) -> Option<&[u8]> {
        let bytes = self.content.bytes().get(from..from + len)?;
        let first = (from - format::HEADER) / format::BLOCK;
        let behind = (from + len - format::HEADER).div_ceil(format::BLOCK);
        let is_whole = |no: usize| {
            let (start, end) = (first.saturating_sub(no * 64), (behind - no * 64).min(64));
            let asked = u64::MAX << start & u64::MAX >> (64 - end);
            self.whole[no].load(Ordering::Relaxed) & asked == asked
        };
        (first / 64..behind.div_ceil(64)).all(is_whole).then_some(bytes)
    }

    #[cold]
    fn check(&self, block: usize) -> Result<(), Damaged> {
        let file = self.content.bytes();
        let start = format::HEADER + block * format::BLOCK;
        let end = (start + format::BLOCK).min(self.end);
        let known = &file[self.end + block * format::CHECK..][..format::CHECK];
        if checksum(&self.secret, block as u64, &file[start..end]) == known {
            self.whole[block / 64].fetch_or(1 << (block % 64), Ordering::Relaxed);
            Ok(())
        } else {
            let _ = self.damage.set(block as u64);
            Err(Damaged)
        }
    }

    /// Notes damage that was found in a block by other means (it does not decrypt).
    pub(super) fn note_damage(&self, at: usize) -> Damaged {
        let _ = self.damage.set((at.saturating_sub(format::HEADER) / format::BLOCK) as u64);
        Damaged
    }

    /// The first damaged block that was met: its number and its first byte in the file.
    pub(super) fn damage(&self) -> Option<(u64, u64)> {
        self.damage.get().map(|block| (*block, format::HEADER as u64 + block * format::BLOCK as u64))
    }
}

/// The checksum of a block: keyed, so that a forged one is noticed as a damaged one is.
pub(in crate::fingerprint) fn checksum(secret: &[u8; 32], block: u64, bytes: &[u8]) -> [u8; format::CHECK] {
    let mut hasher = blake3::Hasher::new_keyed(secret);
    hasher.update(&block.to_le_bytes());
    hasher.update(bytes);
    let mut check = [0; format::CHECK];
    check.copy_from_slice(&hasher.finalize().as_bytes()[..format::CHECK]);
    check
}
