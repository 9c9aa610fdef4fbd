//! Values to fingerprints to index files: keys, normalisation, the index format, building and reading.
//!
//! Synchronous, no network, no policy: which rows are a leak is decided in `matching` and `attribute`. The format is
//! described in `docs/index-format.md`, the choice of hash and filter in `docs/decisions/`.
//!
//! From an export: [`build::build_file`] → one `.vfi` per snapshot. For matching: [`Catalogue::open`] → [`normalise()`] a value
//! → [`Hasher::fingerprint`] → [`Catalogue::might_contain`] → [`SnapshotIndex::lookup`] → [`SnapshotIndex::tags`]; for many at once,
//! [`Forms`] → [`Hasher::fingerprints`] → [`Catalogue::probe`] → [`Catalogue::lookup_many`].

pub mod build;
mod catalogue;
mod error;
mod filter;
mod format;
mod forms;
mod hash;
mod index;
mod key;
pub mod layout;
mod memory;
pub mod normalise;
mod profile;
mod refs;
mod sip;

pub use catalogue::{Catalogue, Lead, LookUps};
pub use error::{Damaged, IndexError, IndexErrorKind};
pub use forms::Forms;
pub use hash::{Hasher, MaskTag};
pub use index::{Holders, MAX_SHARED, Match, RefReader, Slot, SnapshotIndex, TagRow, TagTest};
pub use key::{Key, KeyError, KeyId, Keyring};
pub use normalise::{Countries, DateOrder, Readings, join_names, masked, normalise, readings};
pub use profile::TokenShapes;
pub use sip::SipScratch;
