//! What was made of several indexes, kept in a file: putting tens of millions of keys together takes longer than many a scan.
//!
//! The file is worth something only beside the very indexes it was made of, and is trusted in nothing: a keyed hash stands for which
//! indexes those are, one for each share of the content, and one for all of these. What does not agree is made anew. It holds what the
//! filters of the indexes hold, no more; `docs/index-format.md` describes it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::merged::{Merged, Share};
use crate::fingerprint::filter::GRAIN;
use crate::fingerprint::index::SnapshotIndex;
use crate::fingerprint::key::Key;

/// What the key is derived for. Another layout gets another one.
const CONTEXT: &str = "vigie 2026-11 prefilter of several indexes 1";
const MAGIC: [u8; 8] = *b"VIGIEPRE";
/// Bytes of a share's check.
const CHECK: usize = 16;
/// Bytes of a hash.
const HASH: usize = 32;
/// Magic, indexes, checks, and the hash of these.
const HEADER: usize = MAGIC.len() + HASH + GRAIN as usize * CHECK + HASH;

/// What a file must have been made of.
pub(super) struct Of {
    secret: Zeroizing<[u8; 32]>,
    indexes: [u8; HASH],
}

impl Of {
    pub(super) fn these(indexes: &[SnapshotIndex], key: &Key) -> Self {
        let secret = key.derive(CONTEXT);
        let mut hasher = blake3::Hasher::new_keyed(&secret);
        // Drawn for each index that is built, and part of what its header's own hash stands for.
        for index in indexes {
            hasher.update(&index.build_id());
        }
        let indexes = *hasher.finalize().as_bytes();
        Self { secret, indexes }
    }

    /// Fills `empty` from the file; none if there is no file that agrees in everything.
    pub(super) fn load(&self, path: &Path, mut empty: Merged) -> Option<Merged> {
        let file = File::open(path).ok()?;
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0).ok()?;
        let (start, hash) = header.split_at(HEADER - HASH);
        // Compared as hashes are, in constant time.
        if blake3::keyed_hash(&self.secret, start) != blake3::Hash::from_slice(hash).ok()? {
            return None;
        }
        let (named, checks) = start.split_at(MAGIC.len() + HASH);
        if named != [&MAGIC[..], &self.indexes].concat() {
            return None;
        }
        let agrees = |((no, mut share), check): ((usize, Share<'_>), &[u8; CHECK])| {
            share.read(&file, no).is_ok() && self.check(no, &mut share) == *check
        };
        let shares = empty.shares();
        let checks = checks.as_chunks::<CHECK>().0;
        let whole = shares.into_par_iter().enumerate().zip(checks).all(agrees);
        whole.then_some(empty)
    }

    /// Leaves the file, in one step. It need not be durable: what a power cut leaves of it does not agree.
    pub(super) fn store(&self, path: &Path, merged: &mut Merged) -> io::Result<()> {
        let making = path.with_added_extension("partial");
        let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o640).open(&making);
        let file = options?;
        // Another process makes the same, or is about to.
        file.try_lock()?;
        file.set_len(0)?;
        let written = self.write(&file, merged).and_then(|()| std::fs::rename(&making, path));
        if written.is_err() {
            let _ = std::fs::remove_file(&making);
        }
        written
    }

    fn write(&self, file: &File, merged: &mut Merged) -> io::Result<()> {
        let shares = merged.shares().into_par_iter().enumerate();
        let checks: Vec<[u8; CHECK]> = shares.map(|(no, mut share)| self.check(no, &mut share)).collect();
        let header = [&MAGIC[..], &self.indexes, checks.as_flattened()].concat();
        let mut out = BufWriter::new(file);
        out.write_all(&header)?;
        out.write_all(blake3::keyed_hash(&self.secret, &header).as_bytes())?;
        merged.shares().iter_mut().flat_map(Share::parts).try_for_each(|part| out.write_all(part))?;
        out.flush()
    }

    fn check(&self, no: usize, share: &mut Share<'_>) -> [u8; CHECK] {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        hasher.update(&(no as u64).to_le_bytes());
        for part in share.parts() {
            hasher.update(part);
        }
        let mut check = [0; CHECK];
        check.copy_from_slice(&hasher.finalize().as_bytes()[..CHECK]);
        check
    }
}

impl Share<'_> {
    /// Its part of the filter and, where there is one, of the table.
    fn parts(&mut self) -> [&mut [u8]; 2] {
        [self.filter.bytes(), self.whose.as_mut().map_or(&mut [], |whose| whose.bytes())]
    }

    /// Reads share `no`: all have the same length.
    fn read(&mut self, file: &File, no: usize) -> io::Result<()> {
        let parts = self.parts();
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let mut at = (HEADER + no * len) as u64;
        for part in parts {
            file.read_exact_at(part, at)?;
            at += part.len() as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::index::chance::{KEY, RECORDS, mail, part_of};
    use crate::fingerprint::{Catalogue, Hasher};

    /// What the prefilter and the table say of strangers and of ours.
    fn answers(merged: &Merged) -> (Vec<bool>, Vec<(u16, u32)>) {
        let hasher = Hasher::new(&Key::from_bytes(KEY));
        let asked: Vec<u64> = (0..2 * RECORDS).step_by(7).map(|no| mail(&hasher, no)).collect();
        let mut who = Vec::new();
        merged.whose.as_ref().unwrap().ask(&asked, &mut who);
        (asked.iter().map(|fingerprint| merged.filter.may_contain(*fingerprint)).collect(), who)
    }

    #[test]
    fn what_was_kept_is_what_was_made_and_nothing_else_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (key, path) = (Key::from_bytes(KEY), folder.path().join(".prefilter"));
        let catalogue = part_of(folder.path(), &key, 9);
        let keys = catalogue.indexes().iter().map(SnapshotIndex::keys).sum();
        let empty = || Merged::empty(catalogue.indexes(), keys);
        let load = |of: &Of| of.load(&path, empty()).map(|merged| answers(&merged));
        let of = Of::these(catalogue.indexes(), &key);
        assert!(load(&of).is_none());
        let mut made = Merged::made(catalogue.indexes(), keys).unwrap();
        of.store(&path, &mut made).unwrap();
        assert!(load(&of).unwrap() == answers(&made));
        // Other indexes, another order of them, another key.
        assert!(load(&Of::these(&catalogue.indexes()[1..], &key)).is_none());
        let reversed: Vec<_> = (0..9).rev().map(|no| catalogue.indexes()[no].path().to_owned()).collect();
        let list: Vec<_> = reversed.into_iter().map(|path| ("chance".parse().unwrap(), path)).collect();
        let keyring = || crate::fingerprint::Keyring::new(Key::from_bytes(KEY));
        let (other, _) = Catalogue::open(&list, &keyring(), Default::default());
        assert!(load(&Of::these(other.indexes(), &key)).is_none());
        assert!(load(&Of::these(catalogue.indexes(), &Key::from_bytes([8; 32]))).is_none());
        // Any byte that is another, and an end that is missing.
        let whole = std::fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 40).chain([7, 8, HEADER - 1, HEADER, whole.len() - 1]) {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            std::fs::write(&path, &altered).unwrap();
            assert!(load(&of).is_none(), "byte {at}");
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(load(&of).is_none());
        // It takes the place of what does not agree, and nothing stays beside it.
        of.store(&path, &mut made).unwrap();
        assert!(load(&of).is_some() && !folder.path().join(".prefilter.partial").exists());
    }
}
