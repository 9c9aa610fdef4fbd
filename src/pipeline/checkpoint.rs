//! What is known of a long document so far, kept on the disk: a reading that was killed goes on where it last was.
//!
//! One file for each document, sealed under a key that only serves here, replaced as a whole. A checkpoint counts only
//! for the bytes it was made of and the watchlists they were held against: both are part of it, and what does not fit
//! is not used. Nothing of a document stands in clear, not even its name.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::extract::lane::Cutter;
use crate::fingerprint::Key;
use crate::matching::{Matcher, Scan};
use crate::queue::seal::{Opened, SpoolKey, seal};

/// The context under which the key is derived from the fingerprint key.
const KEY: &str = "vigie 2026-11 checkpoints";
/// How names of files are told from what else is in the folder.
const SUFFIX: &str = ".checkpoint";
/// A checkpoint that nobody came back for is removed after this time.
const FORGOTTEN: Duration = Duration::from_secs(14 * 86_400);
/// How thoroughly they are packed: the least.
const PACKING: i32 = 1;

/// A folder of checkpoints.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    key: SpoolKey,
    names: [u8; 32],
    /// Time between two checkpoints of one document.
    pub(super) every: Duration,
}

/// How far a document was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Of the matcher.
    pub(super) identity: [u8; 32],
    /// Where reading goes on.
    pub(super) cutter: Cutter,
    /// How many bytes of the document were read; the last of them may not be cut yet.
    pub(super) read: u64,
    /// BLAKE3 of these.
    pub(super) prefix: [u8; 32],
}

impl Checkpoints {
    /// Keeps checkpoints in `folder`, which is made if need be, at intervals of `every`. Old ones are removed.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub fn open(folder: &Path, key: &Key, every: Duration) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let secret = key.derive(KEY);
        let names = blake3::derive_key("vigie 2026-11 names of checkpoints", &*secret);
        let checkpoints = Self { folder: folder.to_owned(), key: SpoolKey::derive(&*secret), names, every };
        checkpoints.sweep()?;
        Ok(checkpoints)
    }

    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let ours = entry.file_name().to_string_lossy().ends_with(SUFFIX);
            let changed = entry.metadata().and_then(|meta| meta.modified());
            let old = |at| SystemTime::now().duration_since(at).is_ok_and(|age| age > FORGOTTEN);
            if ours && changed.is_ok_and(old) {
                // Another process may have removed it first.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// The document's own place, from its name by way of the key: names are the poster's, and may tell something.
    fn place(&self, document: &str) -> ([u8; 32], PathBuf) {
        let id = *blake3::keyed_hash(&self.names, document.as_bytes()).as_bytes();
        let name: String = id[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        (id, self.folder.join(name + SUFFIX))
    }

    /// Keeps what is known of a document, in place of what was kept before.
    ///
    /// # Errors
    /// If the disk fails; what was kept before is kept still.
    pub(super) fn save(&self, document: &str, mark: &Mark, scan: &Scan<'_>) -> io::Result<()> {
        let (id, path) = self.place(document);
        let mark = serde_json::to_vec(mark).map_err(io::Error::from)?;
        let mut packer = zstd::stream::Encoder::new(Vec::new(), PACKING)?;
        scan.save(&mut packer)?;
        let packed = packer.finish()?;
        let length = (mark.len() as u64).to_be_bytes();
        let making = path.with_extension("new");
        let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&making)?;
        let mut writer = io::BufWriter::new(&mut file);
        seal(&self.key, &id, &[&length[..], &mark, &packed], &mut writer)?;
        writer.flush()?;
        drop(writer);
        file.sync_all()?;
        fs::rename(making, path)
    }

    /// What was kept of a document, if it was made with this matcher. What cannot be opened counts for nothing.
    pub(super) fn load<'m>(&self, document: &str, matcher: &'m Matcher) -> Option<(Mark, Scan<'m>)> {
        let (id, path) = self.place(document);
        let file = fs::File::open(path).ok()?;
        let mut clear = Opened::new(&self.key, &id, io::BufReader::new(file)).ok()?;
        let mut length = [0; 8];
        clear.read_exact(&mut length).ok()?;
        let mut mark = Vec::new();
        (&mut clear).take(u64::from_be_bytes(length)).read_to_end(&mut mark).ok()?;
        let mark: Mark = serde_json::from_slice(&mark).ok()?;
        if mark.identity != matcher.identity() {
            return None;
        }
        let scan = matcher.resume(io::BufReader::new(zstd::stream::Decoder::new(clear).ok()?)).ok()?;
        Some((mark, scan))
    }

    /// Removes what was kept of a document: its report stands.
    pub fn forget(&self, document: &str) {
        // Most documents never had one.
        let _ = fs::remove_file(self.place(document).1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::tests::matcher;

    fn some(folder: &Path, byte: u8) -> Checkpoints {
        Checkpoints::open(folder, &Key::from_bytes([byte; 32]), Duration::ZERO).unwrap()
    }

    #[test]
    fn a_checkpoint_counts_for_its_document_key_and_watchlists_only() {
        let folder = tempfile::tempdir().unwrap();
        let lists = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [one, other] = lists.each_ref().map(|lists| matcher(lists.path(), 0..10));
        let checkpoints = some(folder.path(), 1);
        let mark = Mark { identity: one.identity(), cutter: Cutter::default(), read: 0, prefix: [7; 32] };
        checkpoints.save("a", &mark, &one.scan()).unwrap();
        assert_eq!(checkpoints.load("a", &one).map(|(found, _)| found), Some(mark));
        assert!(checkpoints.load("b", &one).is_none());
        assert!(checkpoints.load("a", &other).is_none());
        assert!(some(folder.path(), 2).load("a", &one).is_none());
        // Moved to the place of another document, or altered, it opens no more.
        let file = checkpoints.place("a").1;
        fs::copy(&file, checkpoints.place("b").1).unwrap();
        assert!(checkpoints.load("b", &one).is_none());
        let mut bytes = fs::read(&file).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&file, bytes).unwrap();
        assert!(checkpoints.load("a", &one).is_none());
        checkpoints.forget("a");
        assert!(!file.exists());
    }

    #[test]
    fn what_nobody_came_back_for_is_removed_and_strangers_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let long_ago = SystemTime::now() - FORGOTTEN - Duration::from_secs(60);
        let (old, foreign) = (folder.path().join(format!("00{SUFFIX}")), folder.path().join("notes.txt"));
        for path in [&old, &foreign] {
            fs::File::create(path).unwrap().set_modified(long_ago).unwrap();
        }
        let _ = some(folder.path(), 1);
        assert!(!old.exists() && foreign.exists());
    }
}
