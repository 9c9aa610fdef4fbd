//! A folder that people and programs drop files in.
//!
//! A file is taken when it is complete: not hidden, not named as unfinished, and the same for a while. It is removed (or
//! moved) only after its post is queued durably and only if it is still the file that was read; until then it stays
//! where it is, so a crash at any point means reading it again, and the intake recognises what it already has. Files
//! are read in place, never through links, and nothing is written under their names.

use std::collections::HashMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::intake::Intake;
use super::settings::InboxRules;
use super::visit::{Outcome, Stop, Visitor};
use crate::model::{Attachment, Post, Skip, SkipReason};

/// Endings by which programs mark files that they have not finished.
const UNFINISHED: [&str; 7] = [".part", ".tmp", ".crdownload", ".filepart", ".partial", ".download", ".swp"];
/// Files looked at in one visit; the rest has its turn at the next.
const MAX_FILES: usize = 1_000;

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Print {
    device: u64,
    inode: u64,
    len: u64,
    changed: (i64, i64),
}

impl Print {
    fn of(meta: &Metadata) -> Self {
        Self { device: meta.dev(), inode: meta.ino(), len: meta.len(), changed: (meta.mtime(), meta.mtime_nsec()) }
    }
}

/// What is remembered of the folder between visits. Not kept over a restart: it only saves work.
#[derive(Debug, Default)]
pub(super) struct InboxWatch {
    /// Files that are there but not complete: what they were like, since when.
    waiting: HashMap<PathBuf, (Print, Instant)>,
    /// Files that are queued but could not be removed.
    stuck: HashMap<PathBuf, Print>,
}

/// A file as read.
struct Taken {
    print: Print,
    bytes: Vec<u8>,
    changed: SystemTime,
}

impl<I: Intake> Visitor<I> {
    /// Takes every complete file. One that cannot be read does not keep the others from being taken.
    pub(super) async fn visit_inbox(&self, rules: &InboxRules, watch: &mut InboxWatch) -> Outcome {
        let mut outcome = Outcome::default();
        let (folder, settle) = (rules.path.clone(), rules.settle);
        let mut seen = std::mem::take(watch);
        let scanned = tokio::task::spawn_blocking(move || (seen.complete(&folder, settle), seen)).await;
        let Ok((files, seen)) = scanned else { return outcome };
        *watch = seen;
        let files = match files {
            Ok(files) => files,
            Err(error) => return Outcome { fault: Some(Stop::Folder(error.kind())), ..outcome },
        };
        outcome.sight.listed = files.len();
        for path in files {
            if self.stop.is_cancelled() {
                break;
            }
            match self.take(rules, &path, watch).await {
                Ok(accepted) => outcome.sight.accepted += u64::from(accepted),
                Err(stop) => {
                    let refused = matches!(stop, Stop::Refused(_));
                    outcome.fault.get_or_insert(stop);
                    if refused {
                        break;
                    }
                }
            }
        }
        outcome
    }

    /// Takes one file; whether it was handed over now.
    async fn take(&self, rules: &InboxRules, path: &Path, watch: &mut InboxWatch) -> Result<bool, Stop> {
        let (file, max, now) = (path.to_owned(), self.site.max_body, self.now());
        let read = tokio::task::spawn_blocking(move || read(&file, max)).await;
        let folder = |e: io::Error| Stop::Folder(e.kind());
        let taken = match read.unwrap_or_else(|_| Err(io::ErrorKind::Other.into())) {
            Ok(Some(taken)) => taken,
            // Changed while it was read, or gone: it has its turn at the next visit.
            Ok(None) => return Ok(false),
            Err(error) => return Err(folder(error)),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let print = taken.print;
        let accepted = self.deliver(self.inbox_post(&name, path, taken, now)).await?;
        let (file, done) = (path.to_owned(), rules.done.clone());
        let finished = tokio::task::spawn_blocking(move || finish(&file, print, done.as_deref())).await;
        if let Err(error) = finished.unwrap_or_else(|_| Err(io::ErrorKind::Other.into())) {
            watch.stuck.insert(path.to_owned(), print);
            return Err(folder(error));
        }
        Ok(accepted)
    }

    fn inbox_post(&self, name: &str, path: &Path, taken: Taken, now: jiff::Timestamp) -> Post {
        // The same file dropped twice is one post; another content under the same name is another.
        let mut hasher = blake3::Hasher::new();
        hasher.update(name.as_bytes()).update(&[0]).update(&taken.bytes);
        let key = hasher.finalize().to_hex()[..32].to_owned();
        let mut skipped = Vec::new();
        if taken.print.len > taken.bytes.len() as u64 {
            let detail = format!("cut after {} of {} bytes", taken.bytes.len(), taken.print.len);
            skipped.push(Skip::new("", SkipReason::TooLarge, detail));
        }
        Post {
            id: self.post_id(&key),
            revision: [0; 32],
            site: self.site.id.clone(),
            url: url::Url::from_file_path(path).map_or_else(|()| format!("file:{name}"), String::from),
            title: Some(name.to_owned()),
            author: None,
            posted_at: taken.changed.try_into().ok(),
            seen_at: now,
            fetched_at: self.now(),
            body: Attachment { name: name.to_owned(), media_type: None, bytes: taken.bytes },
            attachments: Vec::new(),
            skipped,
            exchanges: Vec::new(),
        }
    }
}

impl InboxWatch {
    /// The complete files, oldest name first.
    fn complete(&mut self, folder: &Path, settle: Duration) -> io::Result<Vec<PathBuf>> {
        let mut found = HashMap::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if !is_candidate(&path) {
                continue;
            }
            // Not followed: a link could name any file that the service may read.
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_file() => found.insert(path, meta),
                _ => None,
            };
        }
        self.waiting.retain(|path, _| found.contains_key(path));
        self.stuck.retain(|path, print| found.get(path).is_some_and(|meta| Print::of(meta) == *print));
        let mut complete: Vec<PathBuf> = Vec::new();
        for (path, meta) in found {
            if self.stuck.contains_key(&path) {
                continue;
            }
            if self.is_settled(&path, &meta, settle) {
                self.waiting.remove(&path);
                complete.push(path);
            }
        }
        complete.sort();
        complete.truncate(MAX_FILES);
        Ok(complete)
    }

    /// Whether a file has stayed the same long enough: by its own date, or, where that cannot be trusted (it lies in
    /// the future), by what was seen of it.
    fn is_settled(&mut self, path: &Path, meta: &Metadata, settle: Duration) -> bool {
        let print = Print::of(meta);
        let by_date = meta.modified().ok().and_then(|m| SystemTime::now().duration_since(m).ok());
        let (before, since) = *self.waiting.entry(path.to_owned()).or_insert((print, Instant::now()));
        if before != print {
            self.waiting.insert(path.to_owned(), (print, Instant::now()));
            return false;
        }
        by_date.is_some_and(|age| age >= settle) || since.elapsed() >= settle
    }
}

fn is_candidate(path: &Path) -> bool {
    let Some(name) = path.file_name() else { return false };
    let name = name.to_string_lossy().to_ascii_lowercase();
    !name.starts_with('.') && !name.ends_with('~') && !UNFINISHED.iter().any(|end| name.ends_with(end))
}

/// Reads a file of which nothing may have changed meanwhile; nothing if it did or is gone.
fn read(path: &Path, max: usize) -> io::Result<Option<Taken>> {
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Ok(None);
    }
    let expected = usize::try_from(meta.len()).unwrap_or(max).min(max);
    let mut bytes = Vec::with_capacity(expected);
    (&file).take(max as u64).read_to_end(&mut bytes)?;
    let print = Print::of(&meta);
    if Print::of(&file.metadata()?) != print {
        return Ok(None);
    }
    Ok(Some(Taken { print, bytes, changed: meta.modified()? }))
}

fn open(path: &Path) -> io::Result<File> {
    // A pipe put in the place of a file must not make the reader wait.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Removes or moves a file that is queued, if it is still the one that was read.
fn finish(path: &Path, print: Print, done: Option<&Path>) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if Print::of(&meta) == print => {}
        // Replaced or gone: whatever stands there now has its own turn.
        _ => return Ok(()),
    }
    let Some(folder) = done else { return fs::remove_file(path) };
    let name = path.file_name().unwrap_or_default();
    let mut target = folder.join(name);
    let mut number = 1_u32;
    while target.symlink_metadata().is_ok() {
        number += 1;
        target = folder.join(format!("{}.{number}", name.to_string_lossy()));
    }
    fs::rename(path, target)
}
