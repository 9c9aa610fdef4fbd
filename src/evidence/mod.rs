//! Evidence: what a matching post was, kept so that it can be proved later and read only by those who hold the key.
//!
//! ```text
//! post + verdicts ─▶ Vault::capture ─▶ items/<class>/<id>/  capture.age     the post, sealed to the recipients
//!                                                           manifest.json   what it is, canonical JSON
//!                                                           manifest.sig    Ed25519 over the manifest
//!                    Stamper        ─▶                      manifest.tsr    RFC 3161, where an authority is configured
//! ```
//! The private keys that open a capture are on no machine of vigie's. What lives here: writing, listing, checking,
//! exporting, holding and deleting captures, and asking for time-stamps. What does not: which posts are captured
//! (`pipeline`), who did what with them (`audit`), the key that signs (`signing`). `docs/evidence.md` is the procedure
//! for whoever checks a capture without vigie.

mod capture;
mod export;
mod hold;
mod manifest;
mod retention;
mod settings;
mod stamper;
mod timestamp;
mod vault;
mod verify;

#[cfg(test)]
mod tests;

pub use capture::Subject;
pub use export::export;
pub use hold::Hold;
pub use manifest::{CaptureFacts, ContentFacts, Manifest};
pub use retention::{Deletion, RawRetentionSettings, RetentionSettings, days_before, expire};
pub use settings::{EvidenceSettings, Keep, RawEvidenceSettings, TimestampSettings};
pub use stamper::{Stamper, Unstamped};
pub use timestamp::{StampError, TimestampToken};
pub use vault::{Captured, Item, Items, Totals, Vault};
pub use verify::{Fault, Recorded, against_log, deletions, verify};

use std::io;
use std::path::{Path, PathBuf};

use crate::signing::SigningError;

/// Why something could not be done with evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The file system's answer.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The answer.
        source: io::Error,
    },
    /// A manifest that is none.
    #[error("{} is no manifest of vigie's; hint: `vigie evidence verify` says what is wrong", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be signed.
    #[error("the manifest cannot be signed")]
    Signing(#[from] SigningError),
    /// It cannot be sealed.
    #[error("the capture cannot be sealed: {0}")]
    Seal(String),
    /// There is no such capture.
    #[error("no evidence begins with `{0}`; hint: see `vigie evidence list`")]
    Unknown(String),
    /// The beginning of an identifier fits several.
    #[error("{count} captures begin with `{prefix}`; hint: give more of the identifier")]
    Ambiguous {
        /// As given.
        prefix: String,
        /// How many.
        count: usize,
    },
}

/// Turns the file system's answer about `path` into an error that names it.
fn io_error(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> EvidenceError {
    let path = path.to_owned();
    move |source| EvidenceError::Io { path, action, source }
}
