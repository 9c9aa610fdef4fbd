//! Checking the chain: every break by its place and name.

use std::collections::BTreeMap;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::entry::Entry;
use super::trail::{AuditError, Checkpoint, KIND};
use crate::signing::{PublicKeys, canonical, hex};
use crate::store::{AuditCheckpoint, AuditHead, AuditLog, AuditRow};

/// Faults that are told one by one; beyond, only counted.
const MAX_FAULTS: usize = 1_000;

/// Something wrong with the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Entries are not there.
    #[error("entries {from} to {to} are missing")]
    Gap {
        /// The first that is missing.
        from: u64,
        /// The last.
        to: u64,
    },
    /// An entry is not what it was.
    #[error("entry {0} is altered: its hash is not the one kept beside it")]
    Altered(u64),
    /// An entry is not one at all.
    #[error("entry {0} cannot be read")]
    Unreadable(u64),
    /// An entry stands at another place.
    #[error("entry {seq} says that it is entry {says}")]
    Moved {
        /// Where it stands.
        seq: u64,
        /// Where it stood.
        says: u64,
    },
    /// An entry follows another one than it says.
    #[error("entry {0} does not follow the one before it: one of them was replaced")]
    Unlinked(u64),
    /// The head is not there.
    #[error("the head of the log is missing")]
    NoHead,
    /// The head is about another last entry.
    #[error(
        "the log ends with entry {last}, its head says {head}: entries were cut off or added, or the last replaced"
    )]
    Head {
        /// The last entry there is.
        last: u64,
        /// The last entry there was.
        head: u64,
    },
    /// A checkpoint's signature does not hold.
    #[error("the checkpoint of entry {0} does not hold: altered, or signed with another key")]
    Forged(u64),
    /// A checkpoint was signed about another entry than the one there is.
    #[error("entry {0} is not the one that was signed: the chain was computed anew")]
    Resigned(u64),
    /// A checkpoint was signed about an entry that is no longer there.
    #[error("entry {0} was signed and is no longer there: entries were cut off")]
    CutOff(u64),
    /// What a witness outside recorded is not what is there.
    #[error("entry {0} is not the one that the anchor names")]
    Anchor(u64),
}

/// What the journal or somebody else recorded of the log: `SEQ:HASH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The entry.
    pub seq: u64,
    /// Its hash, hex.
    pub hash: String,
}

impl FromStr for Anchor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "is no anchor; hint: SEQ:HASH, as the event audit.checkpoint gives them".to_owned();
        let (seq, hash) = text.split_once(':').ok_or_else(wrong)?;
        let hash = hash.to_ascii_lowercase();
        let sound = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        Ok(Self { seq: seq.parse().map_err(|_| wrong())?, hash: sound.then_some(hash).ok_or_else(wrong)? })
    }
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Entries read.
    pub entries: u64,
    /// Checkpoints that hold.
    pub checkpoints: u64,
    /// The last entry that a checkpoint which holds is about; 0 for none.
    pub signed_up_to: u64,
    /// What is wrong, at most a thousand.
    pub faults: Vec<Fault>,
    /// How much is wrong.
    pub count: u64,
}

impl Checked {
    fn fault(&mut self, fault: Fault) {
        self.count += 1;
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }
}

/// Checks a whole log against its own chain, its checkpoints, and what others recorded of it.
///
/// # Errors
/// When it cannot be read at all.
pub fn check(log: &dyn AuditLog, keys: &PublicKeys, anchors: &[Anchor]) -> Result<Checked, AuditError> {
    let mut checked = Checked::default();
    let checkpoints = log.checkpoints()?;
    // The places at which a hash is known from elsewhere.
    let mut wanted: BTreeMap<u64, Option<String>> = BTreeMap::new();
    wanted.extend(checkpoints.iter().map(|checkpoint| (checkpoint.seq, None)));
    wanted.extend(anchors.iter().map(|anchor| (anchor.seq, None)));
    // The head is read first: an entry appended while the log is read is one more than it says, and no fault.
    let head = log.head()?;
    let until = head.map_or(u64::MAX, |head| head.seq);
    let (mut last, mut beyond) = (AuditHead::EMPTY, None);
    log.each_after(0, &mut |row| {
        if row.seq > until {
            beyond.get_or_insert(row.seq);
        }
        last = link(&row, last, &mut checked);
        if let Some(place) = wanted.get_mut(&row.seq) {
            *place = Some(hex(&last.hash));
        }
        true
    })?;
    let grew = beyond.is_some() && log.head()?.is_some_and(|now| now == last);
    match head {
        None if last.seq > 0 => checked.fault(Fault::NoHead),
        Some(head) if head != last && !grew => checked.fault(Fault::Head { last: last.seq, head: head.seq }),
        _ => {}
    }
    for checkpoint in &checkpoints {
        signed(checkpoint, &wanted, keys, &mut checked);
    }
    for anchor in anchors {
        if wanted.get(&anchor.seq).cloned().flatten().as_ref() != Some(&anchor.hash) {
            checked.fault(Fault::Anchor(anchor.seq));
        }
    }
    Ok(checked)
}

/// Checks one entry behind `before`; what the next one has to follow.
fn link(row: &AuditRow, before: AuditHead, checked: &mut Checked) -> AuditHead {
    checked.entries += 1;
    if row.seq > before.seq + 1 {
        checked.fault(Fault::Gap { from: before.seq + 1, to: row.seq - 1 });
    }
    let hash: [u8; 32] = Sha256::digest(row.entry.as_bytes()).into();
    if row.hash != hash {
        checked.fault(Fault::Altered(row.seq));
    }
    match serde_json::from_str::<Entry>(&row.entry) {
        Err(_) => checked.fault(Fault::Unreadable(row.seq)),
        Ok(entry) => {
            if entry.seq != row.seq {
                checked.fault(Fault::Moved { seq: row.seq, says: entry.seq });
            }
            if entry.prev != hex(&before.hash) {
                checked.fault(Fault::Unlinked(row.seq));
            }
        }
    }
    // The hash that was kept, as far as it is one: a single altered entry is one fault here, not one for each after it.
    AuditHead { seq: row.seq, hash: row.hash.as_slice().try_into().unwrap_or(hash) }
}

fn signed(
    checkpoint: &AuditCheckpoint,
    found: &BTreeMap<u64, Option<String>>,
    keys: &PublicKeys,
    checked: &mut Checked,
) {
    let seq = checkpoint.seq;
    let statement: Option<Checkpoint> = serde_json::from_str(&checkpoint.statement).ok();
    let sound = statement.filter(|statement| {
        statement.kind == KIND
            && statement.seq == seq
            && canonical(statement).is_ok_and(|again| again == checkpoint.statement.as_bytes())
            && keys.hold(&statement.signer, checkpoint.statement.as_bytes(), &checkpoint.signature)
    });
    let Some(statement) = sound else { return checked.fault(Fault::Forged(seq)) };
    match found.get(&seq).and_then(Option::as_ref) {
        None => checked.fault(Fault::CutOff(seq)),
        Some(hash) if *hash != statement.hash => checked.fault(Fault::Resigned(seq)),
        Some(_) => {
            checked.checkpoints += 1;
            checked.signed_up_to = checked.signed_up_to.max(seq);
        }
    }
}

#[cfg(test)]
mod tests;
