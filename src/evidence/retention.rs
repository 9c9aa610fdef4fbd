//! How long things are kept, and deleting captures whose time is over so that the deletion can be proved.
//!
//! Deleting destroys the key first: the head of the sealed file, which wraps the key that only it has, is overwritten
//! before the file is unlinked. What is left on the medium is then noise even to whoever holds the recipients' keys
//! (on a disk that overwrites in place; `docs/evidence.md` says what that means for others). A signed record says what
//! was deleted, when and by which rule. A deletion that was interrupted is finished at the next round.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::vault::{CAPTURE, CLASSES, Item, LEAVING, MANIFEST, Vault, names, put, read_bounded, sync_folder};
use super::{EvidenceError, Manifest, io_error};
use crate::model::{SettingProblem, Verdict};
use crate::signing::{canonical, sha256_hex};

/// What a record of deletion says it is.
const KIND: &str = "vigie-evidence-deletion/1";

/// Bytes at the beginning of a sealed file that are overwritten: more than the header and the nonce of 20 recipients.
const HEAD: u64 = 16 << 10;

/// `[retention]` as written. Days, each 1 to 36,500.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawRetentionSettings {
    /// How long captures of leaks are kept. Default: 1,095 days.
    pub leak_days: Option<u32>,
    /// How long captures of overlaps are kept. Default: 365 days.
    pub overlap_days: Option<u32>,
    /// How long captures of terms are kept. Default: 90 days.
    pub term_days: Option<u32>,
    /// How long after its last change an alert is kept, with what was told of it on which channel. One with a delivery
    /// still to be made is kept until that is settled. Default: 1,095 days.
    pub alert_days: Option<u32>,
    /// How long after it was last met a post is recognised as known. Default: 400 days.
    pub seen_days: Option<u32>,
}

/// `[retention]` as checked, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Captures of leaks.
    pub leak_days: u32,
    /// Captures of overlaps.
    pub overlap_days: u32,
    /// Captures of terms.
    pub term_days: u32,
    /// Alerts with their outbox entries.
    pub alert_days: u32,
    /// Marks of posts seen.
    pub seen_days: u32,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self { leak_days: 1_095, overlap_days: 365, term_days: 90, alert_days: 1_095, seen_days: 400 }
    }
}

impl RawRetentionSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self) -> Result<RetentionSettings, Vec<SettingProblem>> {
        let base = RetentionSettings::default();
        let mut problems = Vec::new();
        let mut days = |name: &str, given: Option<u32>, default: u32| {
            let days = given.unwrap_or(default);
            if !(1..=36_500).contains(&days) {
                problems.push(SettingProblem::new(name, format!("is {days}; hint: use 1 to 36500 days")));
            }
            days
        };
        let checked = RetentionSettings {
            leak_days: days("leak_days", self.leak_days, base.leak_days),
            overlap_days: days("overlap_days", self.overlap_days, base.overlap_days),
            term_days: days("term_days", self.term_days, base.term_days),
            alert_days: days("alert_days", self.alert_days, base.alert_days),
            seen_days: days("seen_days", self.seen_days, base.seen_days),
        };
        if problems.is_empty() { Ok(checked) } else { Err(problems) }
    }
}

impl RetentionSettings {
    /// The rule for a class: its days and how it is written in the configuration.
    fn of(&self, class: Verdict) -> (u32, String) {
        let days = match class {
            Verdict::Leak => self.leak_days,
            Verdict::Overlap => self.overlap_days,
            Verdict::Term | Verdict::Clear => self.term_days,
        };
        (days, format!("retention.{}_days = {days}", class.name()))
    }
}

/// The moment so many days before `now`.
#[must_use]
pub fn days_before(now: Timestamp, days: u32) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN)
}

/// The record of a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    /// Says what it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The capture's identifier.
    pub id: String,
    /// Its class.
    pub class: Verdict,
    /// When it was captured; when its folder last changed, where the manifest was damaged.
    pub captured_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Timestamp,
    /// The rule, as it stands in the configuration.
    pub rule: String,
    /// SHA-256 of its manifest, hex.
    pub manifest_sha256: String,
    /// SHA-256 of the sealed capture as its manifest gave it; none where it had none.
    pub capture_sha256: Option<String>,
    /// SHA-256 of the public key that the record's signature holds under, hex.
    pub signer: String,
}

/// Deletes every capture whose time is over and that is not held. One that cannot be deleted keeps no other from being.
pub fn expire(
    vault: &Vault,
    settings: &RetentionSettings,
    now: Timestamp,
) -> Result<Vec<Result<Deletion, EvidenceError>>, EvidenceError> {
    let mut done = Vec::new();
    for class in CLASSES {
        let of_class = vault.items().class(class);
        let (days, rule) = settings.of(class);
        let before = days_before(now, days);
        for name in names(&of_class)? {
            if let Some(id) = name.strip_prefix(LEAVING) {
                let leaving = Item { id: id.to_owned(), class, folder: of_class.join(&name) };
                done.push(finish(vault, &leaving, &rule, now));
            } else if !name.starts_with('.') {
                let item = Item { id: name.clone(), class, folder: of_class.join(&name) };
                if captured_at(&item) < before && !item.is_held() {
                    done.push(delete(vault, item, &rule, now));
                }
            }
        }
    }
    Ok(done)
}

fn captured_at(item: &Item) -> Timestamp {
    let by_folder = || fs::metadata(&item.folder).and_then(|meta| meta.modified()).ok()?.try_into().ok();
    // What cannot be dated at all is taken for new: it is not deleted by mistake, and `verify` names it.
    item.manifest().ok().map(|m| m.captured_at).or_else(by_folder).unwrap_or(Timestamp::MAX)
}

fn delete(vault: &Vault, item: Item, rule: &str, now: Timestamp) -> Result<Deletion, EvidenceError> {
    let bytes = item.sealed_bytes();
    let of_class = vault.items().class(item.class);
    let place = of_class.join(format!("{LEAVING}{}", item.id));
    fs::rename(&item.folder, &place).map_err(io_error(&item.folder, "delete"))?;
    sync_folder(&of_class)?;
    vault.forget(item.class, bytes);
    finish(vault, &Item { folder: place, ..item }, rule, now)
}

/// Destroys what has left its place, and records it.
fn finish(vault: &Vault, item: &Item, rule: &str, now: Timestamp) -> Result<Deletion, EvidenceError> {
    let sealed = item.file(CAPTURE);
    if sealed.symlink_metadata().is_ok() {
        destroy_head(&sealed)?;
        fs::remove_file(&sealed).map_err(io_error(&sealed, "delete"))?;
        sync_folder(&item.folder)?;
    }
    let manifest = read_bounded(&item.file(MANIFEST), super::vault::MAX_MANIFEST).unwrap_or_default();
    let read = Manifest::parse(&manifest);
    let record = Deletion {
        kind: KIND.to_owned(),
        id: item.id.clone(),
        class: item.class,
        captured_at: captured_at(item),
        deleted_at: now,
        rule: rule.to_owned(),
        manifest_sha256: sha256_hex(&manifest),
        capture_sha256: read.and_then(|m| m.capture).map(|capture| capture.sha256),
        signer: vault.signer().public().id(),
    };
    keep_record(vault, &record)?;
    fs::remove_dir_all(&item.folder).map_err(io_error(&item.folder, "delete"))?;
    sync_folder(&vault.items().class(item.class))?;
    Ok(record)
}

/// Overwrites the beginning of a sealed file in place, down to the disk.
fn destroy_head(sealed: &Path) -> Result<(), EvidenceError> {
    let overwritten = OpenOptions::new().read(true).write(true).open(sealed).and_then(|mut file| {
        let length = file.metadata()?.len().min(HEAD);
        file.rewind()?;
        std::io::copy(&mut std::io::repeat(0).take(length), &mut file)?;
        file.flush()?;
        file.sync_all()
    });
    overwritten.map_err(io_error(sealed, "overwrite"))
}

/// Writes the record and its signature. The same capture deleted before and captured again has another name.
fn keep_record(vault: &Vault, record: &Deletion) -> Result<(), EvidenceError> {
    let folder = vault.items().deleted();
    let name = format!("{}-{}", record.id, &record.manifest_sha256[..16]);
    if folder.join(format!("{name}.json")).exists() && folder.join(format!("{name}.sig")).exists() {
        return Ok(());
    }
    let text = canonical(record)?;
    put(&folder, &format!("{name}.sig"), &vault.signer().sign(&text))?;
    put(&folder, &format!("{name}.json"), &text)
}
