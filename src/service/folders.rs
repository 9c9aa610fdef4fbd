//! Where the service keeps its things: told by systemd through the environment, else by the configuration.

use std::env;
use std::path::PathBuf;

/// The name under which the unit hands over the key (`LoadCredential=vigie.key:…`).
const CREDENTIAL: &str = "vigie.key";

/// `$STATE_DIRECTORY`. systemd lists several with colons; the first is ours.
#[must_use]
pub fn state() -> Option<PathBuf> {
    first("STATE_DIRECTORY")
}

/// The key as a systemd credential, if one was handed over.
#[must_use]
pub fn key_credential() -> Option<PathBuf> {
    let file = PathBuf::from(env::var_os("CREDENTIALS_DIRECTORY")?).join(CREDENTIAL);
    file.exists().then_some(file)
}

fn first(variable: &str) -> Option<PathBuf> {
    let value = env::var(variable).ok()?;
    value.split(':').next().filter(|folder| !folder.is_empty()).map(PathBuf::from)
}
