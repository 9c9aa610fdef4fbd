//! One service for each state folder: two would deliver everything twice.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use rustix::fs::{FlockOperation, flock};

/// Makes the state folder if need be and takes it, for as long as the file is kept. The kernel gives it back however
/// the process ends.
///
/// # Errors
/// If the folder cannot be made, or another service has it.
pub fn take(state: &Path) -> Result<File> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state)
        .with_context(|| format!("cannot make the state folder {}", state.display()))?;
    let path = state.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot write to the state folder {}", state.display()))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        anyhow!(
            "another vigie is running on {}; hint: stop it, or give this one a state folder of its own",
            state.display()
        )
    })?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_is_taken_once_and_given_back() {
        let top = tempfile::tempdir().unwrap();
        let state = top.path().join("deep/state");
        let lock = take(&state).unwrap();
        assert!(take(&state).unwrap_err().to_string().contains("another vigie"));
        drop(lock);
        assert!(take(&state).is_ok());
    }
}
