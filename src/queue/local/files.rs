//! Sealed posts that are too large for a row: one file each, complete or not there at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::store::sqlite::spool::Spool;

/// Makes the spool's folder and the one for files in it, for the owner only.
pub fn prepare(folder: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let files = folder.join("files");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&files)?;
    Ok(files)
}

/// Removes the files no row speaks of: a crash came between writing one and its row, or between removing a row and
/// its file.
pub fn sweep(files: &Path, spool: &Spool) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let known: std::collections::HashSet<_> = spool.files()?.into_iter().collect();
    for entry in fs::read_dir(files)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(|name| known.contains(name)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes a file and makes it and its name durable; returns the name, drawn at random.
pub fn write(folder: &Path, fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> io::Result<String> {
    // The temporary file removes itself when anything below fails.
    let sealed = tempfile::Builder::new().prefix("new-").tempfile_in(folder)?;
    let mut writer = BufWriter::with_capacity(1 << 16, sealed.as_file());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    sealed.as_file().sync_all()?;
    let name = uuid::Uuid::new_v4().simple().to_string();
    sealed.persist_noclobber(folder.join(&name)).map_err(|e| e.error)?;
    File::open(folder)?.sync_all()?;
    Ok(name)
}

/// Removes a file; one that is gone already is gone.
pub fn remove(folder: &Path, name: &str) {
    // A file that cannot be removed is swept at the next start.
    let _ = fs::remove_file(folder.join(name));
}
