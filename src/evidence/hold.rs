//! Legal hold: a capture that retention must not delete, because somebody said why.

use std::fs;
use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::vault::{HOLD, Item, put, read_bounded, sync_folder};
use super::{EvidenceError, io_error};
use crate::signing::canonical;

/// The largest hold that is read, bytes.
const MAX: u64 = 64 << 10;

/// Who holds a capture, since when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Since when.
    pub at: Timestamp,
    /// Who said so.
    pub by: String,
    /// Why: a case number, a request.
    pub reason: String,
}

impl Item {
    /// Whether it is held. A hold that cannot be read is one: what is in doubt is not deleted.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.file(HOLD).symlink_metadata().is_ok()
    }

    /// The hold, if there is one that can be read.
    #[must_use]
    pub fn hold(&self) -> Option<Hold> {
        serde_json::from_slice(&read_bounded(&self.file(HOLD), MAX).ok()?).ok()
    }

    /// Holds it. A hold that stands already is replaced.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn set_hold(&self, hold: &Hold) -> Result<(), EvidenceError> {
        put(&self.folder, HOLD, &canonical(hold)?)
    }

    /// Releases it; whether it was held.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn release(&self) -> Result<bool, EvidenceError> {
        match fs::remove_file(self.file(HOLD)) {
            Ok(()) => sync_folder(&self.folder).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error(&self.file(HOLD), "remove")(error)),
        }
    }
}
