//! Writing the log: as one actor, one entry at a time; and signing its head.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::{Action, Entry};
use crate::signing::{Signer, SigningError, canonical, hex};
use crate::store::{AuditCheckpoint, AuditHead, AuditLog, AuditRow, SqliteAudit, StoreError};

/// What a checkpoint says it is.
pub(super) const KIND: &str = "vigie-audit-checkpoint/1";

/// Why something could not be recorded or read. What has to be recorded is not done then.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log's file cannot be written or read.
    #[error("the audit log cannot be used; hint: may you write to the state folder?")]
    Store(#[from] StoreError),
    /// The head cannot be signed.
    #[error("the head of the audit log cannot be signed")]
    Signing(#[from] SigningError),
}

/// A statement about the log's head, signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Says what it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The last entry.
    pub seq: u64,
    /// Its hash, hex.
    pub hash: String,
    /// When it was signed.
    pub at: Timestamp,
    /// SHA-256 of the public key that the signature holds under, hex.
    pub signer: String,
}

/// Records what one actor does.
#[derive(Clone)]
pub struct Trail {
    log: Arc<dyn AuditLog>,
    actor: String,
}

impl Trail {
    /// Opens the log of a state folder for `actor`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(file: &Path, actor: impl Into<String>) -> Result<Self, AuditError> {
        Ok(Self::new(Arc::new(SqliteAudit::open(file)?), actor))
    }

    /// Records in `log`.
    pub fn new(log: Arc<dyn AuditLog>, actor: impl Into<String>) -> Self {
        Self { log, actor: actor.into() }
    }

    /// Who is recorded.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The log itself.
    #[must_use]
    pub fn log(&self) -> &dyn AuditLog {
        &*self.log
    }

    /// Records an entry. It is on the disk when this returns `Ok`.
    ///
    /// # Errors
    /// When it cannot be written: what was to be recorded must not be done.
    pub fn record(&self, action: Action, subject: &str, detail: &[(&str, String)]) -> Result<AuditHead, AuditError> {
        let head = self.log.append(&mut |head| {
            let entry = Entry::after(head, &self.actor, action, subject, detail);
            entry.sealed().map_err(|error| StoreError::Refused(error.to_string()))
        })?;
        Ok(head)
    }

    /// Signs the head, unless it is signed already; the checkpoint, if there is a new one.
    ///
    /// # Errors
    /// When it cannot be signed or kept.
    pub fn checkpoint(&self, signer: &Signer) -> Result<Option<Checkpoint>, AuditError> {
        let Some(head) = self.log.head()? else { return Ok(None) };
        if self.log.signed_up_to()? >= head.seq {
            return Ok(None);
        }
        let checkpoint = Checkpoint {
            kind: KIND.to_owned(),
            seq: head.seq,
            hash: hex(&head.hash),
            at: Timestamp::now(),
            signer: signer.public().id(),
        };
        let statement = canonical(&checkpoint)?;
        let signature = signer.sign(&statement).to_vec();
        let statement = String::from_utf8_lossy(&statement).into_owned();
        self.log.put_checkpoint(&AuditCheckpoint { seq: head.seq, statement, signature })?;
        Ok(Some(checkpoint))
    }

    /// Every entry that can be read, in order.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn each(&self, mut each: impl FnMut(&AuditRow, Option<Entry>) -> bool) -> Result<(), AuditError> {
        Ok(self.log.each_after(0, &mut |row| {
            let entry = serde_json::from_str(&row.entry).ok();
            each(&row, entry)
        })?)
    }
}
