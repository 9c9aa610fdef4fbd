//! One service for each state folder: two would deliver everything twice.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use rustix::fs::{FlockOperation, fcntl_lock};

/// Makes the state folder if need be and takes it, for as long as the file is kept. The kernel gives it back however
/// the process ends.
///
/// The lock is the process's own (POSIX), not the open file's (`flock`): a reader that is just being started holds every
/// file of ours until it has become another program, and lives on when we are killed at that moment. The service that
/// comes after us would find the folder taken by nobody it could name.
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
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        anyhow!(
            "another vigie is running on {}; hint: stop it, or give this one a state folder of its own",
            state.display()
        )
    })?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    use super::*;

    /// The folder that a child takes; set for children only.
    const FOLDER: &str = "VIGIE_TEST_LOCK";

    /// Whether another process can take the folder. It leaves somebody behind who holds its files open: `sleeper` names
    /// them.
    fn another_takes(state: &Path) -> bool {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "service::lock::tests::child"])
            .env(FOLDER, state)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        child.unwrap().success()
    }

    /// The child: takes the folder, hands all its open files on, and goes. Does nothing when run as an ordinary test.
    #[test]
    #[expect(clippy::zombie_processes, reason = "it has to outlive this process")]
    fn child() {
        let Some(state) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
        let lock = take(&state).unwrap();
        // A copy that is not closed when the other program begins: what a child holds before that.
        let handed_on = rustix::io::dup(&lock).unwrap();
        let sleeper = Command::new("sleep").arg("60").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::fs::write(state.join("sleeper"), sleeper.id().to_string()).unwrap();
        drop(handed_on);
    }

    #[test]
    fn a_state_folder_is_taken_once_and_given_back() {
        let top = tempfile::tempdir().unwrap();
        let state = top.path().join("deep/state");
        let lock = take(&state).unwrap();
        assert!(!another_takes(&state), "it is taken");
        drop(lock);
        assert!(another_takes(&state), "given back");
        assert!(take(&state).is_ok(), "given back by who is gone, though a child of theirs still holds the file");
        let sleeper: i32 = std::fs::read_to_string(state.join("sleeper")).unwrap().parse().unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(sleeper).unwrap(), rustix::process::Signal::KILL)
            .unwrap();
    }
}
