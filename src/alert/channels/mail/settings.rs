//! `mail` of a channel: the server, the recipients, their keys.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use lettre::Address;
use lettre::message::Mailbox;
use serde::Deserialize;

use super::keys::RecipientKey;
use crate::alert::secret::{RawSecret, SecretRef};
use crate::model::SettingProblem;

/// Recipients of one channel.
const RECIPIENTS: usize = 50;

/// `mail` of a channel, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// Host and port: `mail.example.org:587`. Default port: 587 for `starttls`, 465 for `tls`, 25 for `none`.
    pub server: String,
    /// `starttls` (demanded), `tls` (from the first byte) or `none` (only to this machine). Default: `starttls`.
    pub tls: Option<Tls>,
    /// PEM file of the authorities that the server's certificate may be of. Default: the system's.
    pub ca: Option<PathBuf>,
    /// The name to log in with. Default: none.
    pub user: Option<String>,
    /// The password to it.
    pub password: Option<RawSecret>,
    /// The sender: `vigie@example.org`, or `Vigie <vigie@example.org>`.
    pub from: String,
    /// Where answers go. Default: the sender.
    pub reply_to: Option<String>,
    /// The recipients, each with the file that holds their OpenPGP public key.
    pub to: Vec<RawRecipient>,
    /// The service's own OpenPGP private key, armored, without passphrase: mails are signed with it inside what is
    /// encrypted. Default: none, mails are not signed.
    pub sign: Option<RawSecret>,
    /// Send unencrypted; recipients have no keys then. Default: false.
    pub plain: bool,
}

/// A recipient, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawRecipient {
    /// `cert@example.org`, or `CERT <cert@example.org>`.
    pub address: String,
    /// Their OpenPGP public key, armored or not.
    pub key: Option<PathBuf>,
}

/// How the way to the server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// `STARTTLS`, or nothing is sent.
    #[default]
    Starttls,
    /// TLS from the first byte.
    #[serde(rename = "tls")]
    Implicit,
    /// Not at all; only to this machine.
    None,
}

/// `mail` of a channel, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) ca: Option<PathBuf>,
    pub(super) login: Option<(String, SecretRef)>,
    pub(super) from: Mailbox,
    pub(super) reply_to: Option<Mailbox>,
    pub(super) to: Vec<Mailbox>,
    pub(super) sign: Option<SecretRef>,
    keys: Vec<PathBuf>,
}

impl RawSettings {
    /// Checks all settings, and that every recipient's key can be encrypted to today.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<Settings, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let tls = self.tls.unwrap_or_default();
        let server = host_and_port(&self.server, tls).map_err(|p| problems.push(p)).ok();
        if let (Tls::None, Some((host, _))) = (tls, &server)
            && !is_here(host)
        {
            let hint = "is only for a server on this machine; hint: starttls or tls";
            problems.push(SettingProblem::new("tls", format!("`none` {hint}")));
        }
        if tls == Tls::None && self.ca.is_some() {
            problems.push(SettingProblem::new("ca", "is of no use without TLS; hint: leave it out"));
        }
        let login = login(self.user, self.password, base).map_err(|p| problems.push(p)).ok().flatten();
        let from = mailbox("from", &self.from).map_err(|p| problems.push(p)).ok();
        let reply_to = self.reply_to.map(|text| mailbox("reply_to", &text));
        let reply_to = reply_to.and_then(|checked| checked.map_err(|p| problems.push(p)).ok());
        let (to, keys) = recipients(self.to, self.plain, base, &mut problems);
        let sign = self.sign.and_then(|raw| raw.validate("sign", base).map_err(|p| problems.push(p)).ok());
        if sign.is_some() && self.plain {
            problems.push(SettingProblem::new("sign", "is for mails that are encrypted; hint: leave `plain` out"));
        }
        match (server, from) {
            (Some((host, port)), Some(from)) if problems.is_empty() => {
                let ca = self.ca.map(|ca| base.join(ca));
                let settings = Settings { host, port, tls, ca, login, from, reply_to, to, sign, keys };
                settings.read_keys(Timestamp::now())?;
                Ok(settings)
            }
            _ => Err(problems),
        }
    }
}

impl Settings {
    /// Every recipient's address.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.to.iter().map(|mailbox| &mailbox.email)
    }

    /// Whether mail is sent unencrypted.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.keys.is_empty()
    }

    /// The recipients' keys, in their order.
    ///
    /// # Errors
    /// Every key that cannot be encrypted to, and why.
    pub(super) fn read_keys(&self, now: Timestamp) -> Result<Vec<RecipientKey>, Vec<SettingProblem>> {
        let (mut keys, mut problems) = (Vec::new(), Vec::new());
        for (at, file) in self.keys.iter().enumerate() {
            match RecipientKey::read(file, now) {
                Ok(key) => keys.push(key),
                Err(why) => {
                    let message = format!("key file {} of {} {why}", file.display(), self.to[at].email);
                    problems.push(SettingProblem::new(format!("to.{at}.key"), message));
                }
            }
        }
        let old = keys.iter().position(|key| !key.modern());
        if let (Some(_), Some(new)) = (old, keys.iter().position(RecipientKey::needs_modern)) {
            let hint = "needs a form that another recipient's software cannot read; hint: use a channel for each";
            problems.push(SettingProblem::new(format!("to.{new}.key"), hint));
        }
        if problems.is_empty() { Ok(keys) } else { Err(problems) }
    }
}

fn recipients(
    raw: Vec<RawRecipient>,
    plain: bool,
    base: &Path,
    problems: &mut Vec<SettingProblem>,
) -> (Vec<Mailbox>, Vec<PathBuf>) {
    let (mut to, mut keys) = (Vec::<Mailbox>::new(), Vec::new());
    if !(1..=RECIPIENTS).contains(&raw.len()) {
        let hint = "to = [{ address = \"cert@example.org\", key = \"cert.asc\" }]";
        problems.push(SettingProblem::new("to", format!("needs 1 to {RECIPIENTS} recipients; hint: {hint}")));
    }
    for (at, raw) in raw.into_iter().enumerate() {
        match mailbox(&format!("to.{at}.address"), &raw.address) {
            Ok(mailbox) if to.iter().any(|other| other.email == mailbox.email) => {
                problems.push(SettingProblem::new(format!("to.{at}.address"), "is there twice; hint: once will do"));
            }
            Ok(mailbox) => to.push(mailbox),
            Err(problem) => problems.push(problem),
        }
        match (raw.key, plain) {
            (Some(key), false) => keys.push(base.join(key)),
            (None, true) => {}
            (None, false) => {
                let hint = "is missing; hint: name their OpenPGP public key, or set plain = true to send in clear";
                problems.push(SettingProblem::new(format!("to.{at}.key"), hint));
            }
            (Some(_), true) => {
                problems.push(SettingProblem::new("plain", "and keys contradict each other; hint: leave `plain` out"));
            }
        }
    }
    (to, keys)
}

fn mailbox(setting: &str, text: &str) -> Result<Mailbox, SettingProblem> {
    let hint = "is no mail address; hint: cert@example.org, or CERT <cert@example.org>";
    let mailbox = text.parse::<Mailbox>().map_err(|_| SettingProblem::new(setting, hint))?;
    // What is beyond ASCII needs SMTPUTF8, which not every server on the way speaks.
    if mailbox.email.to_string().is_ascii() && !text.contains(['\r', '\n']) {
        Ok(mailbox)
    } else {
        Err(SettingProblem::new(setting, "is not ASCII; hint: write the domain as xn--…"))
    }
}

fn login(
    user: Option<String>,
    password: Option<RawSecret>,
    base: &Path,
) -> Result<Option<(String, SecretRef)>, SettingProblem> {
    match (user, password) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) if !user.is_empty() => Ok(Some((user, password.validate("password", base)?))),
        _ => Err(SettingProblem::new("user", "and password go together; hint: give both or none")),
    }
}

fn host_and_port(text: &str, tls: Tls) -> Result<(String, u16), SettingProblem> {
    let problem = || SettingProblem::new("server", "is no host and port; hint: mail.example.org:587");
    let usual = match tls {
        Tls::Starttls => 587,
        Tls::Implicit => 465,
        Tls::None => 25,
    };
    let bare = text.parse::<IpAddr>().is_ok() || !text.contains(':') || text.ends_with(']');
    let (host, port) = if bare {
        (text, usual)
    } else {
        let (host, port) = text.rsplit_once(':').ok_or_else(problem)?;
        (host, port.parse().map_err(|_| problem())?)
    };
    let host = host.trim_matches(['[', ']']);
    let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_'));
    if host.is_empty() || port == 0 || !plain { Err(problem()) } else { Ok((host.to_owned(), port)) }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
