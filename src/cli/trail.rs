//! Recording in the audit log who ran a command. What has to be recorded and cannot be is not done.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use jiff::{SignedDuration, Timestamp};

use super::config_file::USUAL;
use super::exit::Failure;
use crate::audit::{Action, Trail};
use crate::config::{Config, read_config};
use crate::signing::PublicKeys;

/// Values that one user may look up in a day: whoever may ask without end can find out who is a customer.
const LOOK_UPS: usize = 100;

/// The audit log of the service with this configuration, written as the user who runs the command.
pub fn open(config: &Config) -> Result<Trail, Failure> {
    let file = config.audit_log();
    if !config.state.is_dir() {
        let message = format!("{} does not exist; hint: has the service run with it?", config.state.display());
        return Err(Failure::Usage(anyhow!(message)));
    }
    give_to_owner(&file, &config.state).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Trail::open(&file, actor())?)
}

/// What administrators create must stay the service's to write.
fn give_to_owner(file: &Path, state: &Path) -> std::io::Result<()> {
    if file.exists() || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
    let owner = fs::metadata(state)?;
    chown(file, Some(owner.uid()), Some(owner.gid()))
}

/// The public keys that the service signs or has signed with, or those that were given.
pub fn public_keys(config: &Config, given: &[PathBuf]) -> Result<PublicKeys, Failure> {
    let keys = if given.is_empty() { PublicKeys::published(&config.state) } else { PublicKeys::load(given) };
    keys.context("nothing can be checked without the public key").map_err(Failure::Usage)
}

/// Whoever runs the command, as the kernel knows them; who they were before `sudo` is what the environment says.
fn actor() -> String {
    let uid = rustix::process::getuid().as_raw();
    let name = name_of(uid).map_or(String::new(), |name| format!(" ({name})"));
    let before =
        std::env::var("SUDO_UID").ok().and_then(|text| text.parse::<u32>().ok()).filter(|before| *before != uid);
    let sudo = before.map_or(String::new(), |before| format!(", by sudo from uid {before}"));
    format!("uid {uid}{name}{sudo}")
}

fn name_of(uid: u32) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut names =
        fields.filter(|f| f.get(2).and_then(|text| text.parse().ok()) == Some(uid)).map(|f| f[0].to_owned());
    names.next()
}

/// Which service's audit log is told of a look-up made by hand.
#[derive(Debug, Clone, clap::Args)]
pub struct LookUpArgs {
    /// Record that values are looked up or keys are shown in the audit log of the service with this configuration [default: that of this machine,
    /// /etc/vigie/vigie.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl LookUpArgs {
    /// The log, where there is a service.
    fn trail(&self) -> Result<Option<Trail>, Failure> {
        let usual = Path::new(USUAL);
        let file = self.config.as_deref().or_else(|| usual.is_file().then_some(usual));
        let Some(file) = file else { return Ok(None) };
        let config = read_config(file).map_err(Failure::usage)?;
        open(&config).map(Some)
    }

    /// Records that records' own keys are about to be shown.
    pub fn refs(&self) -> Result<(), Failure> {
        if let Some(trail) = self.trail()? {
            trail.record(Action::RefsShown, "", &[])?;
        }
        Ok(())
    }

    /// Records that a value is about to be looked up; not which. Refuses beyond so many a day.
    pub fn value(&self) -> Result<(), Failure> {
        let Some(trail) = self.trail()? else { return Ok(()) };
        let (me, since) = (actor(), Timestamp::now() - SignedDuration::from_hours(24));
        let mut asked = 0;
        trail.each(|_, entry| {
            let mine = entry.is_some_and(|e| e.action == Action::ValueExplained && e.actor == me && e.at > since);
            asked += usize::from(mine);
            true
        })?;
        let refused = asked >= LOOK_UPS;
        let answer = if refused { "refused" } else { "answered" };
        if asked <= LOOK_UPS {
            trail.record(Action::ValueExplained, "", &[("answer", answer.to_owned())])?;
        }
        if refused {
            let message = format!("{LOOK_UPS} values were looked up in a day; hint: scan a file instead, or wait");
            return Err(Failure::Incomplete(anyhow!(message)));
        }
        Ok(())
    }
}
