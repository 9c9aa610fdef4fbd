//! One entry: what happened, by whom, to what. Never a value of a customer's or a poster's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::signing::{SigningError, canonical, hex};
use crate::store::AuditHead;

/// The longest text of any member, in characters: what is longer is cut and ends in `…`.
const MAX_TEXT: usize = 2_000;

/// What happened. The names are for ever: they stand in logs that are kept for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    /// The service started; `config` is the hash of its configuration.
    #[serde(rename = "service.started")]
    ServiceStarted,
    /// The service stopped.
    #[serde(rename = "service.stopped")]
    ServiceStopped,
    /// The configuration was changed; `config` is its hash now.
    #[serde(rename = "config.changed")]
    ConfigChanged,
    /// Watchlists or their indexes were added, removed or changed.
    #[serde(rename = "watchlists.changed")]
    WatchlistsChanged,
    /// Alerts were listed.
    #[serde(rename = "alerts.listed")]
    AlertsListed,
    /// An alert was shown, or what would be sent of it.
    #[serde(rename = "alert.shown")]
    AlertShown,
    /// An alert was acknowledged, closed or opened again.
    #[serde(rename = "alert.changed")]
    AlertChanged,
    /// Deliveries were put in motion by hand.
    #[serde(rename = "alert.sent")]
    AlertSent,
    /// An alert's time was over.
    #[serde(rename = "alert.deleted")]
    AlertDeleted,
    /// A value was looked up in the indexes. The value is not recorded.
    #[serde(rename = "value.explained")]
    ValueExplained,
    /// Records' own keys were shown.
    #[serde(rename = "refs.shown")]
    RefsShown,
    /// A post was captured; `manifest` is the SHA-256 of its manifest.
    #[serde(rename = "evidence.captured")]
    EvidenceCaptured,
    /// Captures were listed.
    #[serde(rename = "evidence.listed")]
    EvidenceListed,
    /// Captures were checked.
    #[serde(rename = "evidence.verified")]
    EvidenceVerified,
    /// A capture was exported.
    #[serde(rename = "evidence.exported")]
    EvidenceExported,
    /// A capture is held.
    #[serde(rename = "evidence.held")]
    EvidenceHeld,
    /// A capture is held no longer.
    #[serde(rename = "evidence.released")]
    EvidenceReleased,
    /// A capture's time was over.
    #[serde(rename = "evidence.deleted")]
    EvidenceDeleted,
    /// The log itself was read.
    #[serde(rename = "audit.read")]
    AuditRead,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number, from 1.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Who did it: `service`, or a user of the machine.
    pub actor: String,
    /// What happened.
    pub action: Action,
    /// To what: an identifier of ours. Empty where there is nothing to name.
    pub subject: String,
    /// What else there is to say.
    pub detail: BTreeMap<String, String>,
    /// Hash of the entry before, hex; zeros for the first.
    pub prev: String,
}

impl Entry {
    /// The next entry behind `head`.
    #[must_use]
    pub fn after(head: AuditHead, actor: &str, action: Action, subject: &str, detail: &[(&str, String)]) -> Self {
        Self {
            seq: head.seq + 1,
            at: Timestamp::now(),
            actor: cut(actor),
            action,
            subject: cut(subject),
            detail: detail.iter().map(|(name, value)| ((*name).to_owned(), cut(value))).collect(),
            prev: hex(&head.hash),
        }
    }

    /// What is kept and hashed, and the hash.
    ///
    /// # Errors
    /// When it cannot be written as canonical JSON.
    pub fn sealed(&self) -> Result<(String, [u8; 32]), SigningError> {
        let bytes = canonical(self)?;
        let hash = Sha256::digest(&bytes).into();
        Ok((String::from_utf8_lossy(&bytes).into_owned(), hash))
    }
}

/// Bounded, and without characters that would rearrange what a reader of the log sees.
fn cut(text: &str) -> String {
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
    if text.chars().count() > MAX_TEXT {
        shown.push('…');
    }
    shown
}
