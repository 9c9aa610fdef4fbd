//! `vigie.toml`: the configuration of the service, read section by section, each checked by the room it belongs to.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::document::{Section, Text};
use super::problem::Problems;
use super::sites::{SiteFolders, read_sites};
use crate::alert::channels::{Surroundings, look_over};
use crate::alert::{AlertSettings, RawAlertSettings};
use crate::collect::Site;
use crate::collect::push::{PushSettings, RawPushSettings};
use crate::evidence::{EvidenceSettings, RawEvidenceSettings, RawRetentionSettings, RetentionSettings};
use crate::extract::Limits;
use crate::fingerprint::Countries;
use crate::model::SettingProblem;
use crate::net::NetSettings;
use crate::pipeline::{PipelineSettings, RawPipelineSettings};
use crate::queue::{QueueSettings, RawQueueSettings};
use crate::service::{RawServiceSettings, ServiceSettings, folders};
use crate::signing::SigningKeySource;
use crate::telemetry::{LogFormat, LogSettings};

/// Everything the service is told, checked.
#[derive(Debug)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// Where posts, cursors and alerts are kept.
    pub state: PathBuf,
    /// The folder of watchlists.
    pub watchlists: PathBuf,
    /// Where the keys are.
    pub keys: KeySource,
    /// The countries whose national phone numbers and postcodes are read.
    pub countries: Countries,
    /// `[log]`.
    pub log: LogSettings,
    /// `[service]`.
    pub service: ServiceSettings,
    /// `[pipeline]`.
    pub pipeline: PipelineSettings,
    /// `[limits]`.
    pub limits: Limits,
    /// `[queue]`.
    pub queue: QueueSettings,
    /// `[net]`.
    pub net: NetSettings,
    /// `[alert]`.
    pub alert: AlertSettings,
    /// `[push]`, if posts may be pushed.
    pub push: Option<PushSettings>,
    /// `[evidence]`.
    pub evidence: EvidenceSettings,
    /// `[retention]`.
    pub retention: RetentionSettings,
    /// Where the key is that manifests and the audit log are signed with.
    pub signing_key: SigningKeySource,
    /// Every `[[site]]`, of this file and of the folder of sites.
    pub sites: Vec<Site>,
    /// The folder of sites, if there is one: worth watching for changes.
    pub sites_folder: Option<PathBuf>,
}

impl Config {
    /// The file in which alerts, cursors and the outbox are kept.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.state.join("vigie.db")
    }

    /// The file of the audit log.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.state.join("audit.db")
    }

    /// The folder of evidence.
    #[must_use]
    pub fn evidence_folder(&self) -> PathBuf {
        self.state.join("evidence")
    }
}

/// Where the keys are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// Handed over by systemd.
    Credential(PathBuf),
    /// Files: the current key's, and the one before it while indexes are being rebuilt.
    Files {
        /// The key that new indexes are built with.
        current: PathBuf,
        /// The one before it.
        previous: Option<PathBuf>,
    },
}

/// The names under which the unit hands keys over (`LoadCredential=vigie.key:…`).
const KEY_CREDENTIAL: &str = "vigie.key";
const SIGNING_CREDENTIAL: &str = "vigie.signing";

/// The settings that stand outside any section.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawTop {
    /// Where posts, cursors and alerts are kept. Default: what systemd gives (`StateDirectory`).
    state: Option<PathBuf>,
    /// The folder of watchlists. Default: `watchlists` beside this file.
    watchlists: Option<PathBuf>,
    /// The key file, readable by its owner only. Default: the systemd credential `vigie.key`.
    key_file: Option<PathBuf>,
    /// The key before the current one, while indexes are being rebuilt. Default: none.
    previous_key_file: Option<PathBuf>,
    /// The Ed25519 key (PKCS #8, PEM) that evidence and the audit log are signed with, readable by its owner only.
    /// Default: the systemd credential `vigie.signing`, else `signing.key` in the state folder, made at first start.
    signing_key_file: Option<PathBuf>,
    /// Countries whose national phone numbers and postcodes are read, likeliest first. Default: `["FR"]`.
    countries: Vec<String>,
    /// A folder of further files with `[[site]]` tables. Default: `sites.d` beside this file, if there is one.
    sites: Option<PathBuf>,
    /// A folder with site families of one's own, a file for each. Default: `families.d` beside this file, if there is
    /// one.
    families: Option<PathBuf>,
}

/// `[log]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLog {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `vigie=debug,warn`. Default: `info`.
    level: Option<String>,
    /// `auto`, `text`, `json` or `journal`. Default: `auto`, the journal under systemd and text elsewhere.
    format: LogFormat,
}

/// The sections of the file; anything else at its top is one of [`RawTop`] or a mistake.
const SECTIONS: &[&str] =
    &["log", "service", "pipeline", "limits", "queue", "net", "alert", "push", "evidence", "retention", "site"];

/// Reads and checks the configuration. Touches no network and writes nothing.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_config(file: &Path) -> Result<Config, Problems> {
    let text = Text::open(file)?;
    let document = text.parse();
    let root = document.root();
    let base = file.parent().unwrap_or(Path::new(""));
    let top: RawTop = root.read_without(SECTIONS);
    let state = top.state.map(|folder| base.join(folder)).or_else(folders::state);
    if state.is_none() {
        root.problem(
            "",
            "`state` is missing; hint: name the folder where posts and alerts are kept, or run under systemd",
        );
    }
    let state = state.unwrap_or_default();
    let countries = Countries::from_codes(&top.countries);
    if let Err(error) = &countries {
        root.problem("countries", error.to_string());
    }
    let keys = key_source(root, base, top.key_file, top.previous_key_file);
    let signing_key = signing_key(base, &state, top.signing_key_file);
    let log = log(root);
    let service = checked(root, "service", RawServiceSettings::validate);
    let pipeline = checked(root, "pipeline", RawPipelineSettings::validate);
    let limits = checked(root, "limits", |limits: Limits| or_problems(limits.problems(), limits));
    let queue = checked(root, "queue", |raw: RawQueueSettings| raw.validate(state.join("queue")));
    let net = checked(root, "net", |net: NetSettings| {
        let problems = net.problems().into_iter().map(|(key, message)| SettingProblem::new(key, message)).collect();
        or_problems(problems, net)
    });
    let alert = checked(root, "alert", |raw: RawAlertSettings| raw.validate(base));
    let evidence = checked(root, "evidence", RawEvidenceSettings::validate);
    let retention = checked(root, "retention", RawRetentionSettings::validate);
    let beside = |folder: Option<PathBuf>, usual: &str| {
        folder.map(|folder| base.join(folder)).or_else(|| Some(base.join(usual)).filter(|folder| folder.is_dir()))
    };
    let folders = SiteFolders { sites: beside(top.sites, "sites.d"), families: beside(top.families, "families.d") };
    let (sites, elsewhere) = read_sites(root, &folders);
    let push = root.section("push").map(|_| checked(root, "push", |raw: RawPushSettings| raw.validate(base)));
    if let Some(Some(push)) = &push {
        for (source, _) in push.sources.iter().filter(|(source, _)| sites.iter().any(|site| site.id == *source)) {
            let message = format!("push.sources.{source}: a [[site]] has this name; hint: names are unique");
            root.problem(&format!("push.sources.{source}"), message);
        }
    }
    let watchlists = top.watchlists.map_or_else(|| base.join("watchlists"), |folder| base.join(folder));
    let checked = (|| {
        Some(Config {
            file: file.to_owned(),
            state,
            watchlists,
            keys: keys?,
            countries: countries.ok()?,
            log,
            service: service?,
            pipeline: pipeline?,
            limits: limits?,
            queue: queue?,
            net: net?,
            alert: alert?,
            push: push.map_or(Some(None), |push| push.map(Some))?,
            evidence: evidence?,
            retention: retention?,
            signing_key,
            sites,
            sites_folder: folders.sites,
        })
    })();
    let mut problems = document.into_problems();
    problems.append(elsewhere);
    problems.or_ok(|| checked.expect("what is missing is a problem"))
}

/// Whether what the channels need beside the file is there: secrets, certificates, folders. Reads only; for the service's
/// start and for whoever wants to know beforehand.
///
/// # Errors
/// Everything that is missing, at the place of its channel.
pub fn look_over_channels(config: &Config, with: &Surroundings) -> Result<(), Problems> {
    let text = Text::open(&config.file)?;
    let document = text.parse();
    for settings in &config.alert.channels {
        if let Err(missing) = look_over(settings, with, &config.state) {
            let name = &settings.name;
            document.root().problem(&format!("alert.channels.{name}"), format!("channel `{name}`: {missing}"));
        }
    }
    document.into_problems().or_ok(|| ())
}

/// One room's section: read, then checked by the room; an absent section is one with nothing written in it.
fn checked<Raw, Checked>(
    root: Section<'_>,
    name: &str,
    check: impl FnOnce(Raw) -> Result<Checked, Vec<SettingProblem>>,
) -> Option<Checked>
where
    Raw: serde::de::DeserializeOwned + Default,
{
    let section = root.section(name);
    let raw = section.map(|section| section.read()).unwrap_or_default();
    match check(raw) {
        Ok(checked) => Some(checked),
        Err(problems) => {
            match section {
                Some(section) => section.problems(problems),
                // A default can be wrong too, for instance a path that is too long.
                None => root.problems(problems),
            }
            None
        }
    }
}

fn or_problems<T>(problems: Vec<SettingProblem>, checked: T) -> Result<T, Vec<SettingProblem>> {
    if problems.is_empty() { Ok(checked) } else { Err(problems) }
}

fn log(root: Section<'_>) -> LogSettings {
    let base = LogSettings::default();
    let Some(section) = root.section("log") else { return base };
    let raw: RawLog = section.read();
    let level = raw.level.unwrap_or(base.level);
    if LogSettings::check_level(&level).is_err() {
        section.problem("level", format!("`{level}` is no log level; hint: error, warn, info, debug or trace"));
    }
    LogSettings { level, format: raw.format }
}

fn signing_key(base: &Path, state: &Path, file: Option<PathBuf>) -> SigningKeySource {
    match (file, folders::credential(SIGNING_CREDENTIAL)) {
        (Some(file), _) => SigningKeySource::File(base.join(file)),
        (None, Some(file)) => SigningKeySource::Credential(file),
        (None, None) => SigningKeySource::Own(state.join("signing.key")),
    }
}

fn key_source(
    root: Section<'_>,
    base: &Path,
    current: Option<PathBuf>,
    previous: Option<PathBuf>,
) -> Option<KeySource> {
    match (current, folders::credential(KEY_CREDENTIAL)) {
        (Some(file), _) => {
            Some(KeySource::Files { current: base.join(file), previous: previous.map(|file| base.join(file)) })
        }
        (None, Some(credential)) => Some(KeySource::Credential(credential)),
        (None, None) => {
            let hint = "make one with `vigie key generate`, or hand it over as the systemd credential vigie.key";
            root.problem("key_file", format!("`key_file` is missing; hint: {hint}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, Problems> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vigie.toml");
        std::fs::write(&file, text).unwrap();
        read_config(&file)
    }

    #[test]
    fn the_least_configuration_works_and_paths_are_relative_to_it() {
        let config = read("state = \"state\"\nkey_file = \"vigie.key\"\n").unwrap();
        assert!(config.watchlists.ends_with("watchlists") && config.watchlists.is_absolute());
        assert!(config.state.is_absolute());
    }

    #[test]
    fn every_section_says_what_is_wrong_with_it() {
        let problems = read(
            "state = \"s\"\nkeyfile = \"k\"\n[log]\nlevel = \"lound=x\"\n[service]\nlisten = \"0.0.0.0:1\"\n\
             [pipeline]\nthreads = 0\n[limits]\ndepth = 99\n[queue]\nmax_posts = 0\n[net]\ncontact = \"\"\n\
             [evidence]\nrecipients = [\"age1\"]\n[retention]\nterm_days = 0\n\
             [[site]]\nid = \"a\"\nkind = \"feed\"\nurl = \"nowhere\"\n[[site]]\nid = \"B\"\nknd = \"feed\"\n",
        )
        .unwrap_err();
        let lines: Vec<_> = problems.iter().filter_map(|p| p.line).collect();
        for line in [2, 4, 6, 8, 10, 12, 14, 16, 18, 22, 24, 25] {
            assert!(lines.contains(&line), "line {line}: {problems}");
        }
        assert!(
            problems.to_string().contains("unknown setting `keyfile`; hint: did you mean `key_file`?"),
            "{problems}"
        );
    }
}
