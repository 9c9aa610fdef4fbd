//! The `[push]` table: where pushed posts are taken, from whom, and how much at a time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;

use crate::model::{SettingProblem, SiteId};
use crate::secret::{RawSecret, SecretRef};

/// `[push]` as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawPushSettings {
    /// Address and port, on loopback: what comes from elsewhere comes through a proxy that speaks TLS. Default:
    /// `127.0.0.1:9471`. Port 0 lets the system choose; the choice is in the log.
    pub listen: Option<SocketAddr>,
    /// Largest request, MiB; a larger one is refused with 413. Default 64, 1 to 1024.
    pub max_body_mib: Option<u32>,
    /// Memory for requests being read and posts not yet queued, MiB; above it 429 is answered. Default four times
    /// `max_body_mib`, the least that lets the largest request in; up to 65,536.
    pub memory_mib: Option<u32>,
    /// Who may push: `[push.sources.NAME]`, NAME being the site that the posts belong to. At least one.
    pub sources: BTreeMap<String, RawPushSource>,
}

/// `[push.sources.NAME]` as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawPushSource {
    /// The token that its requests bear, of 20 characters or more: `{ credential = "push-name" }` or `{ file = "…" }`.
    pub token: RawSecret,
}

/// `[push]` as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushSettings {
    /// Address and port.
    pub listen: SocketAddr,
    /// Largest request, bytes.
    pub max_body: usize,
    /// Memory for requests and posts not yet queued, bytes.
    pub memory: usize,
    /// Who may push, and where the token is.
    pub sources: Vec<(SiteId, SecretRef)>,
}

/// A request takes up to this many times its length while it becomes a post: as received, as text, as bytes.
pub(super) const WEIGHT: usize = 3;

impl RawPushSettings {
    /// Checks all settings; paths are relative to `base`.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<PushSettings, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let listen = self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9471)));
        if !listen.ip().is_loopback() {
            let hint =
                "listen on 127.0.0.1 and put a proxy with TLS before it: tokens must not cross a network in clear";
            problems.push(SettingProblem::new("listen", format!("{listen} is not a loopback address; hint: {hint}")));
        }
        let max_body = self.max_body_mib.unwrap_or(64);
        if !(1..=1024).contains(&max_body) {
            problems
                .push(SettingProblem::new("max_body_mib", format!("{max_body} is out of range; hint: use 1 to 1024")));
        }
        let least = max_body.saturating_mul(WEIGHT as u32 + 1);
        let memory = self.memory_mib.unwrap_or(least);
        if !(least..=65_536).contains(&memory) {
            let message = format!("{memory} is out of range; hint: use {least} to 65536, or leave it out");
            problems.push(SettingProblem::new("memory_mib", message));
        }
        if self.sources.is_empty() {
            let hint = "[push.sources.NAME] with token = { credential = \"…\" }; without one anybody could push";
            problems.push(SettingProblem::new("sources", format!("nobody may push; hint: {hint}")));
        }
        let mut sources = Vec::new();
        for (name, source) in self.sources {
            let key = format!("sources.{name}");
            match name.parse::<SiteId>() {
                Ok(site) => match source.token.validate(&format!("{key}.token"), base) {
                    Ok(token) => sources.push((site, token)),
                    Err(problem) => problems.push(problem),
                },
                Err(error) => problems.push(SettingProblem::new(key, error.to_string())),
            }
        }
        let mib = |n: u32| n as usize * 1024 * 1024;
        let checked = PushSettings { listen, max_body: mib(max_body), memory: mib(memory), sources };
        if problems.is_empty() { Ok(checked) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<PushSettings, Vec<String>> {
        let raw: RawPushSettings = toml::from_str(text).unwrap();
        raw.validate(Path::new("/etc/vigie")).map_err(|p| p.into_iter().map(|p| p.setting).collect())
    }

    #[test]
    fn nothing_is_open_by_default() {
        assert_eq!(check("").unwrap_err(), ["sources"]);
        assert_eq!(check("[sources.a]").unwrap_err(), ["sources.a.token"]);
        let source = "\n[sources.a]\ntoken = { credential = 'a' }";
        for open in ["0.0.0.0:9471", "192.0.2.1:1", "[::]:9471"] {
            assert_eq!(check(&format!("listen = '{open}'{source}")).unwrap_err(), ["listen"]);
        }
        let checked = check(source).unwrap();
        assert!(checked.listen.ip().is_loopback());
        assert_eq!(checked.memory, 4 * checked.max_body);
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let problems = check("listen = '0.0.0.0:1'\nmax_body_mib = 0\nmemory_mib = 70000\n[sources.'Bad name']");
        assert_eq!(problems.unwrap_err(), ["listen", "max_body_mib", "memory_mib", "sources.Bad name"]);
        assert!(toml::from_str::<RawPushSettings>("lisen = 'x'").is_err(), "unknown names are errors");
    }
}
