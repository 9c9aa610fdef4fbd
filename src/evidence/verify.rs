//! Checking a capture: every fault by its name, not only the first.

use std::fs::File;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::manifest::Manifest;
use super::vault::{CAPTURE, HOLD, Item, Items, MANIFEST, SIGNATURE, STAMP, STAMP_SIGNATURE, names, read_bounded};
use super::{Deletion, EvidenceError, timestamp};
use crate::signing::{PublicKeys, canonical, hex, sha256_hex};

/// The largest signature or time-stamp that is read, bytes.
const MAX_SIDE: u64 = 1 << 20;

/// One thing that is wrong with a capture or a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A file that belongs to it is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A file cannot be read.
    #[error("{0} cannot be read ({1})")]
    Unreadable(&'static str, io::ErrorKind),
    /// A file that does not belong to it.
    #[error("{0} does not belong here")]
    Stray(String),
    /// The manifest is not in the form that vigie writes.
    #[error("manifest.json is altered: it is not in canonical form")]
    Form,
    /// The manifest's signature does not hold.
    #[error("manifest.sig does not hold: the manifest was altered, or signed with another key")]
    Signature,
    /// The manifest names another signer than the keys that it is checked with.
    #[error("the manifest names another signer than any key it is checked with")]
    Signer,
    /// The folder is called otherwise than the manifest.
    #[error("it stands in the folder of another capture")]
    Misplaced,
    /// It stands among another class, and would be kept for another time.
    #[error("it stands among captures of another class")]
    Class,
    /// The sealed file has another length.
    #[error("capture.age has {found} bytes, its manifest says {stated}")]
    Length {
        /// As found.
        found: u64,
        /// As signed.
        stated: u64,
    },
    /// The sealed file is another one.
    #[error("capture.age is altered: its SHA-256 is not the signed one")]
    Content,
    /// There is a sealed file of which the manifest says nothing.
    #[error("capture.age is there, but its manifest says that nothing was kept")]
    Unexpected,
    /// The time-stamp was altered after it was received.
    #[error("manifest.tsr is altered: our signature over it does not hold")]
    StampAltered,
    /// The time-stamp is none, or about something else.
    #[error("manifest.tsr: {0}")]
    Stamp(timestamp::StampError),
    /// There is no time-stamp, and one was asked for.
    #[error("there is no time-stamp")]
    Unstamped,
    /// The audit log says that it was captured; it is not there, and no record says that it was deleted.
    #[error("it is gone, and no record says that it was deleted")]
    Gone,
    /// The audit log knows it under another manifest.
    #[error("its manifest is not the one that the audit log recorded")]
    Replaced,
    /// A record of deletion does not hold.
    #[error("the record of its deletion does not hold: altered, or signed with another key")]
    Record,
}

/// Checks one capture. No private key is needed. Every fault there is, none when it is as it was written.
#[must_use]
pub fn verify(item: &Item, keys: &PublicKeys, want_stamp: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    let found = names(&item.folder).unwrap_or_default();
    let known = [CAPTURE, MANIFEST, SIGNATURE, STAMP, STAMP_SIGNATURE, HOLD];
    let strays = found.iter().filter(|name| !known.contains(&name.as_str()) && !name.starts_with(".making-"));
    faults.extend(strays.map(|name| Fault::Stray(name.escape_debug().to_string())));
    let manifest = match read(item, MANIFEST, super::vault::MAX_MANIFEST) {
        Ok(bytes) => bytes,
        Err(fault) => {
            faults.push(fault);
            return faults;
        }
    };
    match read(item, SIGNATURE, MAX_SIDE) {
        Ok(signature) if keys.any_holds(&manifest, &signature) => {}
        Ok(_) => faults.push(Fault::Signature),
        Err(fault) => faults.push(fault),
    }
    stamp(item, &manifest, keys, want_stamp, &mut faults);
    match Manifest::parse(&manifest) {
        Some(manifest) => against(item, &manifest, keys, &mut faults),
        None => faults.push(Fault::Form),
    }
    faults
}

fn read(item: &Item, name: &'static str, max: u64) -> Result<Vec<u8>, Fault> {
    read_bounded(&item.file(name), max).map_err(|error| match error {
        EvidenceError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Fault::Missing(name),
        EvidenceError::Io { source, .. } => Fault::Unreadable(name, source.kind()),
        _ => Fault::Unreadable(name, io::ErrorKind::Other),
    })
}

/// Holds the folder against what its manifest says.
fn against(item: &Item, manifest: &Manifest, keys: &PublicKeys, faults: &mut Vec<Fault>) {
    if !keys.know(&manifest.signer) {
        faults.push(Fault::Signer);
    }
    if manifest.id != item.id {
        faults.push(Fault::Misplaced);
    }
    if manifest.verdict != item.class {
        faults.push(Fault::Class);
    }
    match (&manifest.capture, digest(item)) {
        (Some(stated), Ok((bytes, sha256))) => {
            if stated.bytes != bytes {
                faults.push(Fault::Length { found: bytes, stated: stated.bytes });
            }
            if stated.sha256 != sha256 {
                faults.push(Fault::Content);
            }
        }
        (Some(_), Err(error)) if error.kind() == io::ErrorKind::NotFound => faults.push(Fault::Missing(CAPTURE)),
        (Some(_), Err(error)) => faults.push(Fault::Unreadable(CAPTURE, error.kind())),
        (None, Ok(_)) => faults.push(Fault::Unexpected),
        (None, Err(_)) => {}
    }
}

/// Length and SHA-256 of the sealed file, read in pieces.
fn digest(item: &Item) -> io::Result<(u64, String)> {
    let mut file = File::open(item.file(CAPTURE))?;
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 1 << 17]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((bytes, hex(&hash.finalize()))),
            read => {
                hash.update(&piece[..read]);
                bytes += read as u64;
            }
        }
    }
}

fn stamp(item: &Item, manifest: &[u8], keys: &PublicKeys, wanted: bool, faults: &mut Vec<Fault>) {
    let answer = match read(item, STAMP, MAX_SIDE) {
        Ok(answer) => answer,
        Err(Fault::Missing(_)) => {
            faults.extend(wanted.then_some(Fault::Unstamped));
            return;
        }
        Err(fault) => return faults.push(fault),
    };
    match read(item, STAMP_SIGNATURE, MAX_SIDE) {
        Ok(signature) if keys.any_holds(&answer, &signature) => {}
        Ok(_) => faults.push(Fault::StampAltered),
        Err(fault) => faults.push(fault),
    }
    faults.extend(timestamp::read(&answer, manifest).err().map(Fault::Stamp));
}

/// A capture's identifier, and the record of its deletion or what is wrong with it.
pub type Recorded = (String, Result<Deletion, Fault>);

/// The records of deletion, each with what is wrong with it.
///
/// # Errors
/// When their folder cannot be read.
pub fn deletions(items: &Items, keys: &PublicKeys) -> Result<Vec<Recorded>, EvidenceError> {
    let folder = items.deleted();
    let mut records = Vec::new();
    for name in names(&folder)? {
        let Some(stem) = name.strip_suffix(".json") else { continue };
        let record = || -> Option<Deletion> {
            let text = read_bounded(&folder.join(&name), MAX_SIDE).ok()?;
            let signature = read_bounded(&folder.join(format!("{stem}.sig")), MAX_SIDE).ok()?;
            let record: Deletion = serde_json::from_slice(&text).ok()?;
            let same = canonical(&record).ok()? == text;
            (same && keys.hold(&record.signer, &text, &signature)).then_some(record)
        };
        let id = stem.split('-').next().unwrap_or_default().to_owned();
        records.push((id, record().ok_or(Fault::Record)));
    }
    records.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(records)
}

/// Holds what is there against what the audit log recorded as captured: identifiers with the hashes of their manifests.
///
/// # Errors
/// When folders cannot be read.
pub fn against_log(
    items: &Items,
    keys: &PublicKeys,
    recorded: &[(String, String)],
) -> Result<Vec<(String, Fault)>, EvidenceError> {
    let deletions = deletions(items, keys)?;
    let deleted = |id: &str, hash: &str| {
        deletions.iter().any(|(_, record)| record.as_ref().is_ok_and(|r| r.id == id && r.manifest_sha256 == hash))
    };
    let mut faults = Vec::new();
    for (id, hash) in recorded {
        let there = items.exactly(id).and_then(|item| item.manifest_bytes().ok()).map(|bytes| sha256_hex(&bytes));
        match there {
            Some(found) if found == *hash => {}
            _ if deleted(id, hash) => {}
            Some(_) => faults.push((id.clone(), Fault::Replaced)),
            None => faults.push((id.clone(), Fault::Gone)),
        }
    }
    Ok(faults)
}
