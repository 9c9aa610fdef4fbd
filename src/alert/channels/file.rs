//! Alerts as lines of JSON in a file, one per revision, each on the disk before it counts as delivered.
//!
//! The file tells what has been delivered: before a line is appended, the end of the file is read once, so that a
//! delivery repeated after a crash adds no second line. A line cut off by a crash is removed. The file may be renamed
//! by log rotation at any time.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::SetupError;
use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use crate::alert::escape;
use crate::model::{Alert, AlertId, Change, SettingProblem};

/// What is read of the end of the file to know what has been delivered: far more than is ever in flight.
const TAIL: u64 = 4 << 20;

/// Lines remembered of the current file; the latest are what a repetition can concern.
const REMEMBERED: usize = 20_000;

/// `file` of a channel, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// The file; relative to the configuration's folder. Made readable by its owner and group.
    pub path: PathBuf,
}

/// `file` of a channel, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    path: PathBuf,
}

impl Settings {
    /// Whether the file's folder is there; `state` will be.
    pub(super) fn look_over(&self, state: &Path) -> Result<(), SetupError> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if folder == state {
            return Ok(());
        }
        let open = |source| SetupError::Open { path: self.path.clone(), source };
        std::fs::read_dir(folder).map(drop).map_err(open)
    }
}

impl RawSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<Settings, Vec<SettingProblem>> {
        if self.path.file_name().is_none() {
            return Err(vec![SettingProblem::new("path", "names no file; hint: \"/var/lib/vigie/alerts.jsonl\"")]);
        }
        Ok(Settings { path: base.join(self.path) })
    }
}

/// One line. The names are a contract.
#[derive(Serialize)]
struct Line<'n> {
    change: Change,
    withheld: bool,
    #[serde(flatten)]
    alert: &'n Alert,
}

/// What identifies a line.
type Key = (AlertId, u32, Change);

#[derive(Deserialize)]
struct LineKey {
    id: AlertId,
    revision: u32,
    change: Change,
}

/// The channel.
pub struct FileChannel(Arc<Mutex<Appender>>);

impl FileChannel {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(settings: &Settings) -> Result<Self, SetupError> {
        let path = settings.path.clone();
        let appender = Appender::open(&path).map_err(|source| SetupError::Open { path, source })?;
        Ok(Self(Arc::new(Mutex::new(appender))))
    }
}

impl Channel for FileChannel {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        let line = Line { change: notice.change, withheld: notice.withheld, alert: &notice.alert };
        let mut text =
            escape::json(&line).map_err(|e| DeliveryError::refused(format!("cannot be written as JSON: {e}")))?;
        text.push('\n');
        Ok(text.into_bytes())
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            let line = self.render(notice)?;
            let key = (notice.alert.id, notice.alert.revision, notice.change);
            let appender = Arc::clone(&self.0);
            let appended = tokio::task::spawn_blocking(move || {
                appender.lock().unwrap_or_else(PoisonError::into_inner).append(key, &line)
            });
            let appended = appended.await.map_err(|e| DeliveryError::retry(e.to_string()))?;
            appended.map_err(|e| DeliveryError::retry(format!("the file cannot be written: {e}")))?;
            Ok(Receipt::default())
        }
        .boxed()
    }
}

struct Appender {
    path: PathBuf,
    file: File,
    /// Device and inode of `file`: another under the path means that it was rotated.
    identity: (u64, u64),
    /// Where the last whole line ends.
    end: u64,
    delivered: HashSet<Key>,
}

impl Appender {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).write(true).truncate(false).mode(0o640).open(path)?;
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            // The name itself must outlive a power cut too.
            File::open(folder)?.sync_all()?;
        }
        let about = file.metadata()?;
        let (delivered, end) = read_tail(&mut file, about.len())?;
        if end < about.len() {
            file.set_len(end)?;
        }
        Ok(Self { path: path.to_owned(), file, identity: (about.dev(), about.ino()), end, delivered })
    }

    fn append(&mut self, key: Key, line: &[u8]) -> io::Result<()> {
        let there = std::fs::metadata(&self.path).map(|about| (about.dev(), about.ino(), about.len()));
        let same = there.is_ok_and(|(device, inode, length)| (device, inode) == self.identity && length == self.end);
        if !same {
            // Rotated, removed, cut, or appended to by `vigie alerts test`. What was delivered to the former file stays delivered.
            let before = std::mem::take(&mut self.delivered);
            *self = Self::open(&self.path)?;
            self.delivered.extend(before);
        }
        if self.delivered.contains(&key) {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        let written = self.file.write_all(line).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line must not stay in front of the next one.
            self.file.set_len(self.end)?;
            return Err(error);
        }
        self.end += line.len() as u64;
        if self.delivered.len() >= REMEMBERED {
            self.delivered.clear();
        }
        self.delivered.insert(key);
        Ok(())
    }
}

/// The keys of the last lines, and where the last whole line ends.
fn read_tail(file: &mut File, length: u64) -> io::Result<(HashSet<Key>, u64)> {
    let from = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let whole = memchr::memrchr(b'\n', &tail).map_or(0, |at| at + 1);
    let end = if whole == 0 && from > 0 { length } else { from + whole as u64 };
    let keys = tail[..whole].split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice::<LineKey>(line).ok());
    Ok((keys.map(|k| (k.id, k.revision, k.change)).collect(), end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::settings::Clearance;
    use crate::store::contract;

    fn notice(number: u128, revision: u32) -> Notice {
        Notice::new(contract::alert(number, revision), Change::Raised, None, Clearance::ALL)
    }

    fn open(dir: &Path) -> FileChannel {
        FileChannel::open(&Settings { path: dir.join("alerts.jsonl") }).unwrap()
    }

    fn lines(dir: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(dir.join("alerts.jsonl")).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_repetition_after_a_crash_adds_no_line_and_a_torn_line_goes() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let channel = open(dir.path());
            channel.deliver(&notice(1, 1)).await.unwrap();
            channel.deliver(&notice(1, 2)).await.unwrap();
        }
        assert_eq!(lines(dir.path()).len(), 2);
        let torn = OpenOptions::new().append(true).open(dir.path().join("alerts.jsonl")).unwrap();
        (&torn).write_all(b"{\"change\":\"raised\",\"id\":\"00").unwrap();
        open(dir.path()).deliver(&notice(2, 1)).await.unwrap();
        let lines = lines(dir.path());
        assert_eq!(lines.len(), 3);
        let last: serde_json::Value = serde_json::from_str(&lines[2]).unwrap();
        assert_eq!(last["id"], notice(2, 1).alert.id.to_string());
    }

    #[tokio::test]
    async fn rotation_goes_on_in_a_new_file_without_repeating() {
        let dir = tempfile::tempdir().unwrap();
        let channel = open(dir.path());
        channel.deliver(&notice(1, 1)).await.unwrap();
        std::fs::rename(dir.path().join("alerts.jsonl"), dir.path().join("alerts.jsonl.1")).unwrap();
        channel.deliver(&notice(1, 1)).await.unwrap();
        channel.deliver(&notice(2, 1)).await.unwrap();
        assert_eq!(lines(dir.path()).len(), 1);
    }
}
