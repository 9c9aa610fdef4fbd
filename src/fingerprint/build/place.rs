//! The file under construction: beside its place, locked, and moved there in one step when it is whole.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::BuildError;

/// A file that will stand at `target`. Removed when dropped before that.
pub(super) struct Place {
    target: PathBuf,
    partial: PathBuf,
    file: File,
    done: bool,
}

/// Ending of files under construction. They begin with a dot: whoever lists indexes does not see them.
const PARTIAL: &str = ".partial";

impl Place {
    /// Creates the file, taking over what a killed build left.
    pub(super) fn create(target: &Path) -> Result<Self, BuildError> {
        let name = target.file_name().ok_or_else(|| BuildError::target(target)(io::ErrorKind::InvalidInput.into()))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(PARTIAL);
        let partial = target.with_file_name(hidden);
        let failed = BuildError::target(&partial);
        // Not truncated before it is locked: another build may be writing it.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .open(&partial)
            .map_err(&failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BuildError::Busy { path: target.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(&failed)?;
        Ok(Self { target: target.to_owned(), partial, file, done: false })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// The folder that both files stand in.
    pub(super) fn folder(&self) -> &Path {
        match self.target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// Makes the content durable, then the name.
    pub(super) fn finish(mut self) -> Result<(), BuildError> {
        let failed = BuildError::target(&self.target);
        self.file.sync_all().map_err(&failed)?;
        std::fs::rename(&self.partial, &self.target).map_err(&failed)?;
        self.done = true;
        File::open(self.folder()).and_then(|folder| folder.sync_all()).map_err(&failed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.done {
            // Nothing can be done about a failure here; the next build takes the file over.
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}
