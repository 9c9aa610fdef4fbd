//! `[alert]` of the configuration: how posts are joined into incidents, and the channels.
//!
//! ```toml
//! [alert]
//! join_days = 90
//!
//! [alert.channels.soc]             # a name of your own; it appears in `vigie alerts show` and in metrics
//! max_tlp = "amber+strict"         # above it, only that there is an alert is told
//! when = { min_severity = "high", quiet = { from = "20:00", to = "07:00", zone = "Europe/Paris" } }
//! webhook = { url = "https://soc.example.org/hook", secrets = [{ credential = "soc-hook" }] }
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;

use super::alertmanager::{Alertmanager, RawAlertmanager};
use super::channels::{Kind, chat, file, intelmq, journal, mail, misp, rt, stix, stream, syslog, thehive, webhook};
use super::merge::MergeRules;
use super::route::{RawRoute, Route, Routes};
use crate::model::{Alert, Pap, SettingProblem, Tlp};

/// `[alert]` as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawAlertSettings {
    /// Days in which a post joins an incident because of the records they share, 1 to 3650. Default: 90.
    pub join_days: Option<u16>,
    /// Share of the smaller side's records that must be common for that, 0.1 to 1. Default: 0.5.
    pub join_share: Option<f64>,
    /// A Prometheus Alertmanager that hears of vigie's own health. Default: none.
    pub alertmanager: Option<RawAlertmanager>,
    /// Channels by name.
    pub channels: BTreeMap<String, RawChannel>,
}

/// One channel as written: what is common to all, and exactly one kind.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawChannel {
    /// The most secret it may carry: `clear`, `green`, `amber`, `amber+strict`, `red`. Default: `red` for what stays on
    /// this machine (`file`, `stix`, `stream`, `journal`), `green` for mail sent in clear, `amber` for all others.
    pub max_tlp: Option<Tlp>,
    /// The strictest Permissible Actions Protocol it may carry: `clear`, `green`, `amber`, `red`. Default: as for
    /// `max_tlp`.
    pub max_pap: Option<Pap>,
    /// What it wants to hear of. Default: everything.
    pub when: RawRoute,
    /// Longest time for one delivery, 1 s to 10 min. Default: 30 s.
    pub timeout: Option<SignedDuration>,
    /// Deliveries at one time, of different alerts, 1 to 64. Default: 4.
    pub parallel: Option<usize>,
    /// How long an alert is tried before it is given up, 1 min to 30 days. Default: 3 days.
    pub give_up_after: Option<SignedDuration>,
    /// The kind: lines in a file.
    pub file: Option<file::RawSettings>,
    /// The kind: a signed webhook.
    pub webhook: Option<webhook::RawSettings>,
    /// The kind: IntelMQ.
    pub intelmq: Option<intelmq::RawSettings>,
    /// The kind: e-mail, encrypted with PGP/MIME.
    pub mail: Option<mail::RawSettings>,
    /// The kind: a MISP instance.
    pub misp: Option<misp::RawSettings>,
    /// The kind: Request Tracker 5.
    pub rt: Option<rt::RawSettings>,
    /// The kind: STIX 2.1 bundles in a folder.
    pub stix: Option<stix::RawSettings>,
    /// The kind: a collection of a TAXII 2.1 server.
    pub taxii: Option<stix::taxii::RawSettings>,
    /// The kind: a TheHive 5 instance.
    pub thehive: Option<thehive::RawSettings>,
    /// The kind: Slack, Mattermost or Teams.
    pub chat: Option<chat::RawSettings>,
    /// The kind: a syslog server.
    pub syslog: Option<syslog::RawSettings>,
    /// The kind: the stream on a Unix socket that `vigie notify-agent` follows.
    pub stream: Option<stream::RawSettings>,
    /// The kind: the service's own log.
    pub journal: Option<journal::RawSettings>,
}

/// The most secret that a channel may carry; above it, only that there is an alert is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clearance {
    /// Traffic Light Protocol: who learns of it there.
    pub tlp: Tlp,
    /// Permissible Actions Protocol: what is done with it there.
    pub pap: Pap,
}

impl Clearance {
    /// Everything may be told.
    pub const ALL: Self = Self { tlp: Tlp::Red, pap: Pap::Red };

    /// Whether the content of `alert` may be told.
    #[must_use]
    pub fn allows(self, alert: &Alert) -> bool {
        alert.tlp <= self.tlp && alert.pap <= self.pap
    }
}

/// One channel as checked.
#[derive(Debug, Clone)]
pub struct ChannelSettings {
    /// Its name in the configuration.
    pub name: String,
    /// The most secret it may carry.
    pub clearance: Clearance,
    /// What it wants to hear of.
    pub route: Route,
    /// Longest time for one delivery.
    pub timeout: Duration,
    /// Deliveries at one time, of different alerts.
    pub parallel: usize,
    /// How long an alert is tried.
    pub give_up_after: Duration,
    /// The kind, with its own settings.
    pub kind: Kind,
}

/// `[alert]` as checked.
#[derive(Debug, Clone, Default)]
pub struct AlertSettings {
    /// How posts are joined into incidents.
    pub rules: MergeRules,
    /// Who hears of vigie's own health.
    pub alertmanager: Option<Alertmanager>,
    /// The channels, by name.
    pub channels: Vec<ChannelSettings>,
}

impl AlertSettings {
    /// Which channels hear of what.
    #[must_use]
    pub fn routes(&self) -> Routes {
        self.channels.iter().map(|c| (c.name.clone(), c.route.clone())).collect()
    }
}

impl RawAlertSettings {
    /// Checks everything; `base` is what relative paths are relative to.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<AlertSettings, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let mut rules = MergeRules::default();
        rules.join_days = self.join_days.unwrap_or(rules.join_days);
        rules.join_share = self.join_share.unwrap_or(rules.join_share);
        if !(1..=3650).contains(&rules.join_days) {
            problems.push(SettingProblem::new("join_days", format!("is {}; hint: use 1 to 3650", rules.join_days)));
        }
        if !(0.1..=1.0).contains(&rules.join_share) {
            problems.push(SettingProblem::new("join_share", format!("is {}; hint: use 0.1 to 1", rules.join_share)));
        }
        let alertmanager = self.alertmanager.and_then(|raw| match raw.validate() {
            Ok(checked) => Some(checked),
            Err(found) => {
                problems.extend(found.into_iter().map(|p| under("alertmanager", p)));
                None
            }
        });
        let mut channels = Vec::new();
        for (name, raw) in self.channels {
            let at = format!("channels.{name}");
            match raw.validate(name, base) {
                Ok(channel) => channels.push(channel),
                Err(found) => problems.extend(found.into_iter().map(|p| under(&at, p))),
            }
        }
        if problems.is_empty() { Ok(AlertSettings { rules, alertmanager, channels }) } else { Err(problems) }
    }
}

/// A problem of a part, as a problem of the whole.
pub fn under(at: &str, problem: SettingProblem) -> SettingProblem {
    let setting = if problem.setting.is_empty() { at.to_owned() } else { format!("{at}.{}", problem.setting) };
    SettingProblem { setting, ..problem }
}

impl RawChannel {
    fn validate(self, name: String, base: &Path) -> Result<ChannelSettings, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        if name.is_empty() || name.len() > 64 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        {
            problems
                .push(SettingProblem::new("", "is no name for a channel; hint: letters, digits, `-`, `_`, up to 64"));
        }
        let mut span = |setting: &str, given: Option<SignedDuration>, default: u64, low: u64, high: u64| {
            let seconds = given.map_or(default as i64, |d| d.as_secs());
            if !(low as i64..=high as i64).contains(&seconds) {
                problems.push(SettingProblem::new(setting, format!("is {seconds} s; hint: use {low} s to {high} s")));
            }
            Duration::from_secs(seconds.max(0) as u64)
        };
        let timeout = span("timeout", self.timeout, 30, 1, 600);
        let give_up_after = span("give_up_after", self.give_up_after, 3 * 86_400, 60, 30 * 86_400);
        let parallel = self.parallel.unwrap_or(4);
        if !(1..=64).contains(&parallel) {
            problems.push(SettingProblem::new("parallel", format!("is {parallel}; hint: use 1 to 64")));
        }
        let route = self.when.validate();
        let checked = [
            self.file.map(|raw| raw.validate(base).map(Kind::File).map_err(|p| ("file", p))),
            self.webhook.map(|raw| raw.validate(base).map(Kind::Webhook).map_err(|p| ("webhook", p))),
            self.intelmq.map(|raw| raw.validate(base).map(Kind::IntelMq).map_err(|p| ("intelmq", p))),
            self.mail.map(|raw| raw.validate(base).map(Kind::Mail).map_err(|p| ("mail", p))),
            self.misp.map(|raw| raw.validate(base).map(Kind::Misp).map_err(|p| ("misp", p))),
            self.rt.map(|raw| raw.validate(base).map(Kind::Rt).map_err(|p| ("rt", p))),
            self.stix.map(|raw| raw.validate(base).map(Kind::Stix).map_err(|p| ("stix", p))),
            self.taxii.map(|raw| raw.validate(base).map(Kind::Taxii).map_err(|p| ("taxii", p))),
            self.thehive.map(|raw| raw.validate(base).map(Kind::TheHive).map_err(|p| ("thehive", p))),
            self.chat.map(|raw| raw.validate(base).map(Kind::Chat).map_err(|p| ("chat", p))),
            self.syslog.map(|raw| raw.validate(base).map(Kind::Syslog).map_err(|p| ("syslog", p))),
            self.stream.map(|raw| raw.validate(base).map(Kind::Stream).map_err(|p| ("stream", p))),
            self.journal.map(|raw| raw.validate().map(Kind::Journal).map_err(|p| ("journal", p))),
        ];
        let kind = one_kind(checked.into_iter().flatten().collect());
        if let (Ok(route), Ok(kind)) = (&route, &kind)
            && route.has_digest()
            && !kind.reads_digests()
        {
            let hint = "is for people; hint: use it with `mail` or `chat`";
            problems.push(SettingProblem::new("when.digest", hint));
        }
        match (route, kind) {
            (Ok(route), Ok(kind)) if problems.is_empty() => {
                let usual = kind.usual_clearance();
                let clearance =
                    Clearance { tlp: self.max_tlp.unwrap_or(usual.tlp), pap: self.max_pap.unwrap_or(usual.pap) };
                Ok(ChannelSettings { name, clearance, route, timeout, parallel, give_up_after, kind })
            }
            (route, kind) => {
                problems.extend(route.err().into_iter().flatten().map(|p| under("when", p)));
                problems.extend(kind.err().into_iter().flatten());
                Err(problems)
            }
        }
    }
}

/// Every kind there is, as a hint.
const KINDS: &str = "mail, webhook, chat, misp, thehive, rt, taxii, stix, intelmq, syslog, stream, journal, file";

type CheckedKind = Result<Kind, (&'static str, Vec<SettingProblem>)>;

fn one_kind(mut checked: Vec<CheckedKind>) -> Result<Kind, Vec<SettingProblem>> {
    if checked.len() != 1 {
        let count = if checked.is_empty() { "has no kind" } else { "has more than one kind" };
        return Err(vec![SettingProblem::new("", format!("{count}; hint: give it exactly one of {KINDS}"))]);
    }
    checked.remove(0).map_err(|(kind, problems)| problems.into_iter().map(|p| under(kind, p)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str) -> Result<AlertSettings, Vec<String>> {
        let raw: RawAlertSettings = toml::from_str(toml).map_err(|e| vec![e.message().to_owned()])?;
        raw.validate(Path::new("/etc/vigie")).map_err(|all| all.into_iter().map(|p| p.setting).collect())
    }

    #[test]
    fn a_channel_is_one_kind_with_defaults() {
        let settings = check("[channels.soc]\nfile = { path = 'alerts.jsonl' }\n[channels.j]\njournal = {}").unwrap();
        let soc = &settings.channels[1];
        assert_eq!((soc.name.as_str(), soc.clearance.tlp, soc.parallel), ("soc", Tlp::Red, 4));
        let hook = "[channels.h]\nwebhook = { url = 'https://h.example/x', secrets = [{ credential = 'h' }] }";
        assert_eq!(check(hook).unwrap().channels[0].clearance.tlp, Tlp::Amber);
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let toml = "join_days = 0\njoin_share = 7.0\n\
            [channels.a]\nparallel = 0\ntimeout = '1h'\nwhen = { min_probability = 9.0 }\nfile = { path = '' }\n\
            [channels.b]\n[channels.c]\nfile = { path = 'x' }\njournal = {}\n\
            [channels.d]\nwebhook = { url = 'ftp://x', secrets = [] }";
        let mut found = check(toml).unwrap_err();
        found.sort();
        let expected = [
            "channels.a.file.path",
            "channels.a.parallel",
            "channels.a.timeout",
            "channels.a.when.min_probability",
            "channels.b",
            "channels.c",
            "channels.d.webhook.secrets",
            "channels.d.webhook.url",
            "join_days",
            "join_share",
        ];
        assert_eq!(found, expected);
    }

    /// Every kind has an example in the documentation, and every example is read.
    #[test]
    fn the_documented_examples_are_right() {
        #[derive(Deserialize)]
        struct File {
            alert: RawAlertSettings,
        }
        let text = include_str!("../../docs/channels.md");
        let blocks: Vec<_> = text.split("```toml\n").skip(1).map(|b| b.split("```").next().unwrap()).collect();
        let files = blocks.iter().filter(|block| block.contains("\n[alert.") || block.starts_with("[alert."));
        let mut kinds = 0;
        for block in files {
            let file: File = toml::from_str(block).unwrap_or_else(|e| panic!("{e}\n{block}"));
            for (name, mut channel) in file.alert.channels {
                // Whose key file is nowhere in the tests.
                if let Some(mail) = &mut channel.mail {
                    mail.plain = true;
                    mail.to.iter_mut().for_each(|to| to.key = None);
                }
                let common_only = name == "cert";
                kinds += usize::from(!common_only);
                let checked = channel.validate(name.clone(), Path::new("/etc/vigie"));
                assert_eq!(checked.is_ok(), !common_only, "{name}: {checked:?}");
            }
            if let Some(alertmanager) = file.alert.alertmanager {
                alertmanager.validate().unwrap();
            }
        }
        assert_eq!(kinds, 13);
        assert_eq!(KINDS.split(", ").count(), kinds, "the hint names every kind");
        for when in text.lines().filter(|line| line.starts_with("when = ")) {
            let raw: RawChannel = toml::from_str(when).unwrap();
            raw.when.validate().unwrap();
        }
    }

    #[test]
    fn unknown_names_are_errors() {
        for toml in [
            "join_day = 1",
            "[channels.a]\nfile = { path = 'x', mode = 1 }",
            "[channels.a]\nfile = { path = 'x' }\nmax_tpl = 'red'",
            "[channels.a]\nfile = { path = 'x' }\nwhen = { severity = 'high' }",
        ] {
            assert!(check(toml).is_err(), "{toml}");
        }
    }
}
