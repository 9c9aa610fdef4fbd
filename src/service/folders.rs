//! Where the service keeps its things: told by systemd through the environment, else by the configuration.

use std::env;
use std::path::PathBuf;

/// `$STATE_DIRECTORY`. systemd lists several with colons; the first is ours.
#[must_use]
pub fn state() -> Option<PathBuf> {
    first("STATE_DIRECTORY")
}

/// The file of a systemd credential, if one of this name was handed over.
#[must_use]
pub fn credential(name: &str) -> Option<PathBuf> {
    let file = PathBuf::from(env::var_os("CREDENTIALS_DIRECTORY")?).join(name);
    file.exists().then_some(file)
}

fn first(variable: &str) -> Option<PathBuf> {
    let value = env::var(variable).ok()?;
    value.split(':').next().filter(|folder| !folder.is_empty()).map(PathBuf::from)
}
