//! The audit log: who looked at, exported, acknowledged, held or changed what, as a chain of hashes.
//!
//! ```text
//! entry n   = {"action", "actor", "at", "detail", "prev", "seq", "subject"}   canonical JSON; prev = hash of entry n-1
//! hash n    = SHA-256(entry n), kept beside the entry; the last one is kept once more as the head
//! checkpoint = {"at", "hash", "seq", "signer", "type"} signed by the service, kept here and told to the journal
//! ```
//! An edited, removed, inserted or moved entry breaks the chain where it stands. Who edits an entry and computes every
//! later hash anew contradicts the next checkpoint, which cannot be signed without the key. Who cuts entries off the end
//! contradicts the head; who also rewrites the head contradicts the last checkpoint, or, having removed that too, the one
//! that the journal was told (`vigie audit verify --anchor`). Entries since the last checkpoint (ten minutes at most
//! while the service runs) have no better witness than the head.
//!
//! What lives here: entries, the chain and its check. What does not: SQL (`store`), who has to be recorded (`cli`,
//! `service`, `pipeline`).

mod check;
mod entry;
mod trail;

pub use check::{Anchor, Checked, Fault, check};
pub use entry::{Action, Entry};
pub use trail::{AuditError, Checkpoint, Trail};
