//! Why an index is not read, or no longer read.

use std::path::{Path, PathBuf};

use super::key::KeyId;

/// An index file that cannot be used: which, and why. The others go on without it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", path.display())]
pub struct IndexError {
    /// The index file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub kind: IndexErrorKind,
}

impl IndexError {
    pub(super) fn new(path: &Path, kind: IndexErrorKind) -> Self {
        Self { path: path.to_owned(), kind }
    }
}

/// What can be wrong with an index file.
#[derive(Debug, thiserror::Error)]
pub enum IndexErrorKind {
    /// The file system's answer.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It does not begin as an index does.
    #[error("is not a vigie index; hint: indexes are written by `vigie watchlist build`")]
    NotAnIndex,
    /// Written in a version of the format that this program does not read.
    #[error("is in format version {found}, this program reads version {supported}; hint: {}", hint_for_version(*found, *supported))]
    Version {
        /// The version of the file.
        found: u32,
        /// The version that is read.
        supported: u32,
    },
    /// Its values were normalised by other rules than this program's.
    #[error(
        "holds normal forms of version {found}, this program makes version {supported}; hint: build it again from its export"
    )]
    Forms {
        /// The version of the file.
        found: u16,
        /// The version that is made.
        supported: u16,
    },
    /// Made with a key that is not at hand.
    #[error(
        "was built with key {index}, the keys at hand are {}; hint: give the key it was built with, or build it again",
        list(available)
    )]
    WrongKey {
        /// The key it names.
        index: KeyId,
        /// The keys of the keyring.
        available: Vec<KeyId>,
    },
    /// Shorter (or longer) than its header says.
    #[error(
        "is {found} bytes long and should be {expected}; hint: it was cut while being copied, copy or build it again"
    )]
    Length {
        /// Bytes there are.
        found: u64,
        /// Bytes the header announces.
        expected: u64,
    },
    /// A checksum does not agree.
    #[error("is damaged ({part}); hint: copy or build it again")]
    Corrupt {
        /// Which part of the file.
        part: String,
    },
    /// It belongs to another system than the folder it lies in.
    #[error("is an index of `{found}`, not of `{expected}`; hint: move it to the folder of its own system")]
    OtherSystem {
        /// The system it names.
        found: String,
        /// The system it was opened for.
        expected: String,
    },
}

fn hint_for_version(found: u32, supported: u32) -> &'static str {
    if found > supported {
        "use the newer program that wrote it, or build it again with this one"
    } else {
        "build it again from its export"
    }
}

fn list(ids: &[KeyId]) -> String {
    if ids.is_empty() {
        return "none".to_owned();
    }
    ids.iter().map(KeyId::to_string).collect::<Vec<_>>().join(" and ")
}

/// A part of an index that was needed does not agree with its checksum. No answer was given from it; the index should
/// not be asked further. [`super::SnapshotIndex::damage`] says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a block of the index does not agree with its checksum")]
pub struct Damaged;
