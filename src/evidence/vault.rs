//! The folder of captures: writing them so that a crash leaves a whole capture or none, within bounds, and finding them.
//!
//! ```text
//! evidence/items/<class>/<id>/…      class: leak, overlap, term
//! evidence/deleted/<id>.json, .sig   what was deleted, when and by which rule (`retention`)
//! ```
//! The folders are the only index: a capture is copied, restored or looked at without a database.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::capture::{Plan, Subject, overhead};
use super::manifest::Manifest;
use super::settings::EvidenceSettings;
use super::stamper::Unstamped;
use super::{EvidenceError, io_error};
use crate::model::{EvidenceRef, Verdict};
use crate::signing::{Signer, sha256_hex};

/// Names within a capture's folder.
pub const CAPTURE: &str = "capture.age";
/// The manifest.
pub const MANIFEST: &str = "manifest.json";
/// Its signature.
pub const SIGNATURE: &str = "manifest.sig";
/// Its time-stamp.
pub const STAMP: &str = "manifest.tsr";
/// Our signature over the time-stamp.
pub const STAMP_SIGNATURE: &str = "manifest.tsr.sig";
/// The legal hold.
pub const HOLD: &str = "hold.json";

/// What is being written has this before its name, what is being deleted the other.
const MAKING: &str = ".making-";
pub(super) const LEAVING: &str = ".leaving-";

/// The classes, each with a folder and a time to be kept of its own.
pub(super) const CLASSES: [Verdict; 3] = [Verdict::Leak, Verdict::Overlap, Verdict::Term];

/// The largest manifest that is read: its length grows with the number of documents of a post.
pub(super) const MAX_MANIFEST: u64 = 64 << 20;

/// Of the room in the vault, the class `term` uses at most one part in so many: anybody can post a watched word as often
/// as they like, and must not be able to leave no room for a leak.
const TERM_SHARE: u64 = 2;

/// Missing parts that an alert tells one by one: a post may have thousands of attachments.
const TOLD: usize = 5;

/// What captures there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Captures.
    pub captures: u64,
    /// Bytes of their sealed contents.
    pub bytes: u64,
}

/// What became of a post that was to be captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// What the alert says of it.
    pub evidence: EvidenceRef,
    /// Sealed bytes that were written now; none when it was there already.
    pub written: Option<u64>,
}

/// Writes captures. One per state folder.
pub struct Vault {
    folder: PathBuf,
    settings: EvidenceSettings,
    signer: Arc<Signer>,
    held: Mutex<BTreeMap<Verdict, Totals>>,
    unstamped: Unstamped,
}

impl Vault {
    /// Opens the folder, making it if need be, and tidies what a crash left half-way.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: &Path, settings: EvidenceSettings, signer: Arc<Signer>) -> Result<Self, EvidenceError> {
        let mut held = BTreeMap::new();
        for class in CLASSES {
            let of_class = Items::of(folder).class(class);
            private_folder(&of_class)?;
            tidy(&of_class)?;
        }
        private_folder(&folder.join("deleted"))?;
        let unstamped = Unstamped::default();
        for item in Items::of(folder).all()? {
            held.entry(item.class).or_insert_with(Totals::default).add(item.sealed_bytes());
            if settings.timestamp.is_some() && !item.is_stamped() {
                unstamped.add(item.id);
            }
        }
        Ok(Self { folder: folder.to_owned(), settings, signer, held: Mutex::new(held), unstamped })
    }

    /// What is in it.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.held().values().fold(Totals::default(), Totals::and)
    }

    /// The captures.
    #[must_use]
    pub fn items(&self) -> Items {
        Items::of(&self.folder)
    }

    /// The captures that wait for their time-stamp; none where no authority is configured.
    #[must_use]
    pub fn unstamped(&self) -> &Unstamped {
        &self.unstamped
    }

    /// Who signs.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The limits and recipients.
    #[must_use]
    pub fn settings(&self) -> &EvidenceSettings {
        &self.settings
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Verdict, Totals>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a deleted capture out of the totals.
    pub(super) fn forget(&self, class: Verdict, bytes: u64) {
        if let Some(totals) = self.held().get_mut(&class) {
            totals.captures = totals.captures.saturating_sub(1);
            totals.bytes = totals.bytes.saturating_sub(bytes);
        }
    }

    /// Captures a post. When this returns, what it says is on the disk. The same revision of the same post again is
    /// found, not written.
    ///
    /// # Errors
    /// When it cannot be written; nothing is left of it then.
    pub fn capture(&self, subject: Subject<'_>) -> Result<Captured, EvidenceError> {
        let id = subject.id();
        if let Some(item) = self.items().exactly(&id) {
            let bytes = item.manifest_bytes()?;
            let manifest = Manifest::parse(&bytes).ok_or_else(|| item.no_manifest())?;
            return Ok(Captured { evidence: reference(manifest, &bytes), written: None });
        }
        let class = subject.verdict();
        let reserved = self.reserve(subject, class);
        let result = match reserved.plan {
            Ok(plan) => self.write(id, class, plan),
            // Not even a manifest: its number is what was to be bounded.
            Err(why) => {
                let evidence = EvidenceRef { id, manifest_sha256: None, missing: vec![why] };
                return Ok(Captured { evidence, written: None });
            }
        };
        let mut held = self.held();
        let totals = held.entry(class).or_default();
        match &result {
            Ok((_, bytes)) => totals.bytes = (totals.bytes + bytes).saturating_sub(reserved.bytes),
            Err(_) => {
                totals.bytes = totals.bytes.saturating_sub(reserved.bytes);
                totals.captures = totals.captures.saturating_sub(1);
            }
        }
        drop(held);
        result.map(|(evidence, bytes)| Captured { evidence, written: Some(bytes) })
    }

    /// Decides what of a post fits, and takes the room at once: captures are written side by side.
    fn reserve<'p>(&self, subject: Subject<'p>, class: Verdict) -> Reserved<'p> {
        let settings = &self.settings;
        let share = if class == Verdict::Term { TERM_SHARE } else { 1 };
        let free = free_bytes(&self.folder);
        let mut held = self.held();
        let all = held.values().fold(Totals::default(), Totals::and);
        let own = held.get(&class).copied().unwrap_or_default();
        // The class's own share and the whole: whichever is nearer.
        let left = |limit: u64, all: u64, own: u64| limit.saturating_sub(all).min((limit / share).saturating_sub(own));
        if left(settings.max_captures, all.captures, own.captures) == 0 {
            let plan =
                Err(format!("the vault holds as many captures as it may (max_captures, class {})", class.name()));
            return Reserved { plan, bytes: 0 };
        }
        let beside = overhead(subject.post);
        let rooms = [
            (settings.max_capture, "max_capture_mib"),
            (left(settings.max_total, all.bytes, own.bytes).saturating_sub(beside), "max_total_mib"),
            (free.saturating_sub(settings.min_free).saturating_sub(beside), "min_free_mib"),
        ];
        let (room, limit) = rooms.into_iter().min_by_key(|(room, _)| *room).unwrap_or_default();
        let plan = match room {
            0 => Plan::nothing(subject, format!("nothing of the content is kept: {limit}")),
            _ => Plan::new(subject, settings.keep, room, limit),
        };
        let bytes = plan.bytes();
        let totals = held.entry(class).or_default();
        totals.captures += 1;
        totals.bytes += bytes;
        Reserved { plan: Ok(plan), bytes }
    }

    fn write(&self, id: String, class: Verdict, plan: Plan<'_>) -> Result<(EvidenceRef, u64), EvidenceError> {
        let of_class = self.items().class(class);
        let (making, place) = (of_class.join(format!("{MAKING}{id}")), of_class.join(&id));
        let written = self.write_into(&making, id, plan).and_then(|written| {
            sync_folder(&making)?;
            fs::rename(&making, &place).map_err(io_error(&place, "write"))?;
            sync_folder(&of_class)?;
            if self.settings.timestamp.is_some() {
                self.unstamped.add(written.0.id.clone());
            }
            Ok(written)
        });
        if written.is_err() {
            // What is left of it is found at the next start, should this fail too.
            let _ = fs::remove_dir_all(&making);
        }
        written
    }

    fn write_into(&self, making: &Path, id: String, plan: Plan<'_>) -> Result<(EvidenceRef, u64), EvidenceError> {
        private_folder(making)?;
        let capture = if plan.bytes() > 0 {
            let path = making.join(CAPTURE);
            let mut file = BufWriter::with_capacity(1 << 17, private_file(&path)?);
            let facts = plan.seal(&self.settings, &mut file)?;
            file.flush().and_then(|()| file.get_ref().sync_all()).map_err(io_error(&path, "write"))?;
            Some(facts)
        } else {
            None
        };
        let bytes = capture.as_ref().map_or(0, |facts| facts.bytes);
        let manifest = plan.manifest(id, capture, &self.signer);
        let (text, signature) = manifest.signed(&self.signer)?;
        write_whole(&making.join(MANIFEST), &text)?;
        write_whole(&making.join(SIGNATURE), &signature)?;
        Ok((reference(manifest, &text), bytes))
    }
}

/// What of a post fits, or why not even its manifest.
struct Reserved<'p> {
    plan: Result<Plan<'p>, String>,
    /// Content that room was taken for.
    bytes: u64,
}

fn reference(manifest: Manifest, text: &[u8]) -> EvidenceRef {
    let mut missing = manifest.missing;
    if missing.len() > TOLD {
        let more = missing.split_off(TOLD).len();
        missing.push(format!("and {more} more parts, which the manifest names"));
    }
    EvidenceRef { id: manifest.id, manifest_sha256: Some(sha256_hex(text)), missing }
}

impl Totals {
    fn add(&mut self, bytes: u64) {
        self.captures += 1;
        self.bytes += bytes;
    }

    fn and(self, other: &Self) -> Self {
        Self { captures: self.captures + other.captures, bytes: self.bytes + other.bytes }
    }
}

/// The captures in a folder, for reading.
#[derive(Debug, Clone)]
pub struct Items(PathBuf);

/// One capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its identifier, as its folder is called.
    pub id: String,
    /// Its class, by the folder it stands in.
    pub class: Verdict,
    /// Its folder.
    pub folder: PathBuf,
}

impl Items {
    /// Those in the state's folder of evidence.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Where captures of a class stand.
    pub(super) fn class(&self, class: Verdict) -> PathBuf {
        self.0.join("items").join(class.name())
    }

    /// Where proofs of deletion stand.
    #[must_use]
    pub fn deleted(&self) -> PathBuf {
        self.0.join("deleted")
    }

    /// All of them, by identifier. None where nothing was ever captured.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn all(&self) -> Result<Vec<Item>, EvidenceError> {
        let mut items = Vec::new();
        for class in CLASSES {
            for name in names(&self.class(class))? {
                if !name.starts_with('.') {
                    let folder = self.class(class).join(&name);
                    items.push(Item { id: name, class, folder });
                }
            }
        }
        items.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(items)
    }

    /// The one with this identifier.
    pub(super) fn exactly(&self, id: &str) -> Option<Item> {
        let place = |class: Verdict| Item { id: id.to_owned(), class, folder: self.class(class).join(id) };
        CLASSES.into_iter().map(place).find(|item| item.folder.is_dir())
    }

    /// The one whose identifier begins like this.
    ///
    /// # Errors
    /// When there is none or several.
    pub fn starting(&self, prefix: &str) -> Result<Item, EvidenceError> {
        let prefix = prefix.to_ascii_lowercase();
        let fits = |item: &Item| !prefix.is_empty() && item.id.starts_with(&prefix);
        let mut found: Vec<Item> = self.all()?.into_iter().filter(fits).collect();
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(EvidenceError::Unknown(prefix.escape_debug().collect())),
            count => Err(EvidenceError::Ambiguous { prefix, count }),
        }
    }
}

impl Item {
    /// The path of one of its files.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Size of the sealed capture, 0 when there is none.
    #[must_use]
    pub fn sealed_bytes(&self) -> u64 {
        fs::metadata(self.file(CAPTURE)).map_or(0, |meta| meta.len())
    }

    /// Whether it has been time-stamped.
    #[must_use]
    pub fn is_stamped(&self) -> bool {
        self.file(STAMP).is_file()
    }

    pub(super) fn manifest_bytes(&self) -> Result<Vec<u8>, EvidenceError> {
        read_bounded(&self.file(MANIFEST), MAX_MANIFEST)
    }

    fn no_manifest(&self) -> EvidenceError {
        EvidenceError::Manifest { path: self.file(MANIFEST) }
    }

    /// What it says of itself. Whether that is so is for [`super::verify()`] to say.
    ///
    /// # Errors
    /// When its manifest cannot be read.
    pub fn manifest(&self) -> Result<Manifest, EvidenceError> {
        Manifest::parse(&self.manifest_bytes()?).ok_or_else(|| self.no_manifest())
    }
}

/// Names in a folder; none where there is no folder.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, EvidenceError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(folder, "read")(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(io_error(folder, "read"))?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

/// Removes what was being written when the program ended. What was being deleted is finished by `retention`.
fn tidy(folder: &Path) -> Result<(), EvidenceError> {
    for name in names(folder)?.iter().filter(|name| name.starts_with(MAKING)) {
        let half = folder.join(name);
        fs::remove_dir_all(&half).map_err(io_error(&half, "remove"))?;
    }
    Ok(())
}

/// Bytes that the disk has left for us; none when that cannot be said.
fn free_bytes(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

pub(super) fn private_folder(folder: &Path) -> Result<(), EvidenceError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io_error(folder, "make"))
}

fn private_file(path: &Path) -> Result<File, EvidenceError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io_error(path, "write"))
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), EvidenceError> {
    let mut file = private_file(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io_error(path, "write"))
}

/// Puts a file beside the others of a capture that stands already: whole or not at all.
pub(super) fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), EvidenceError> {
    let (making, path) = (folder.join(format!("{MAKING}{name}")), folder.join(name));
    match fs::remove_file(&making) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(&making, "remove")(error)),
        _ => {}
    }
    write_whole(&making, bytes)?;
    fs::rename(&making, &path).map_err(io_error(&path, "write"))?;
    sync_folder(folder)
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), EvidenceError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error(folder, "write"))
}

/// Reads a file that is not expected to be larger than `max`.
pub(super) fn read_bounded(path: &Path, max: u64) -> Result<Vec<u8>, EvidenceError> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(max + 1).read_to_end(&mut bytes));
    read.map_err(io_error(path, "read"))?;
    if bytes.len() as u64 > max {
        let too_large = io::Error::new(io::ErrorKind::FileTooLarge, "larger than any that vigie writes");
        return Err(io_error(path, "read")(too_large));
    }
    Ok(bytes)
}
