//! `[evidence]` of the configuration: for whom captures are sealed, how much of them there may be, who stamps them.
//!
//! ```toml
//! [evidence]
//! recipients = ["age1…"]           # age public keys; their private halves stay elsewhere
//!
//! [evidence.timestamp]
//! url = "https://tsa.example.org/tsr"
//! ```

use serde::Deserialize;
use url::Url;

use crate::model::SettingProblem;

/// `[evidence]` as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawEvidenceSettings {
    /// Public keys (`age1…`) of those who may open captures, 1 to 20. Default: none, and then nothing is captured.
    pub recipients: Vec<String>,
    /// `post`: a matching post is kept whole; `matching`: only those of its documents that matched. Default: `post`,
    /// because a text beside a matching file is what says who posted it and why.
    pub keep: Keep,
    /// MiB of content kept of one post, 1 to 65,536; what is beyond is cut, and the manifest says so. Default: 512.
    pub max_capture_mib: Option<u64>,
    /// MiB that all captures together may take, 16 to 16,777,216. Default: 20,480.
    pub max_total_mib: Option<u64>,
    /// Captures that may be kept, 10 to 10,000,000. Default: 100,000.
    pub max_captures: Option<u64>,
    /// MiB that stay free on the disk, 0 to 1,048,576: below, only manifests are kept. Default: 1,024.
    pub min_free_mib: Option<u64>,
    /// The time-stamping authority. Default: none.
    pub timestamp: Option<RawTimestampSettings>,
}

/// `[evidence.timestamp]` as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawTimestampSettings {
    /// Where RFC 3161 requests are posted. Naming it here is what allows its address, private or not.
    pub url: String,
    /// The policy asked for, an object identifier such as `1.2.3.4`. Default: the authority's own.
    pub policy: Option<String>,
}

/// Which documents of a matching post are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// All.
    #[default]
    Post,
    /// Those that matched.
    Matching,
}

/// `[evidence]` as checked.
#[derive(Debug, Clone)]
pub struct EvidenceSettings {
    /// Who may open captures. Empty: nothing is captured.
    pub recipients: Vec<age::x25519::Recipient>,
    /// Which documents are kept.
    pub keep: Keep,
    /// Bytes of content kept of one post.
    pub max_capture: u64,
    /// Bytes that all captures may take.
    pub max_total: u64,
    /// Captures that may be kept.
    pub max_captures: u64,
    /// Bytes that stay free on the disk.
    pub min_free: u64,
    /// The time-stamping authority.
    pub timestamp: Option<TimestampSettings>,
}

/// `[evidence.timestamp]` as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampSettings {
    /// Where requests are posted.
    pub url: Url,
    /// The policy asked for.
    pub policy: Option<String>,
}

impl Default for EvidenceSettings {
    fn default() -> Self {
        Self {
            recipients: Vec::new(),
            keep: Keep::Post,
            max_capture: 512 << 20,
            max_total: 20_480 << 20,
            max_captures: 100_000,
            min_free: 1_024 << 20,
            timestamp: None,
        }
    }
}

impl RawEvidenceSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self) -> Result<EvidenceSettings, Vec<SettingProblem>> {
        let base = EvidenceSettings::default();
        let mut problems = Vec::new();
        let mut within = |name: &str, given: Option<u64>, default: u64, low: u64, high: u64, unit: u64| {
            let value = given.unwrap_or(default / unit);
            if !(low..=high).contains(&value) {
                problems.push(SettingProblem::new(name, format!("is {value}; hint: use {low} to {high}")));
            }
            value.saturating_mul(unit)
        };
        let max_capture = within("max_capture_mib", self.max_capture_mib, base.max_capture, 1, 65_536, 1 << 20);
        let max_total = within("max_total_mib", self.max_total_mib, base.max_total, 16, 1 << 24, 1 << 20);
        let max_captures = within("max_captures", self.max_captures, base.max_captures, 10, 10_000_000, 1);
        let min_free = within("min_free_mib", self.min_free_mib, base.min_free, 0, 1 << 20, 1 << 20);
        let recipients = recipients(&self.recipients, &mut problems);
        let timestamp = self.timestamp.and_then(|raw| raw.validate(&mut problems));
        if timestamp.is_some() && self.recipients.is_empty() {
            let message = "has nothing to stamp; hint: name `recipients`, or leave it out";
            problems.push(SettingProblem::new("timestamp", message));
        }
        let checked =
            EvidenceSettings { recipients, keep: self.keep, max_capture, max_total, max_captures, min_free, timestamp };
        if problems.is_empty() { Ok(checked) } else { Err(problems) }
    }
}

fn recipients(written: &[String], problems: &mut Vec<SettingProblem>) -> Vec<age::x25519::Recipient> {
    if written.len() > 20 {
        problems.push(SettingProblem::new("recipients", format!("are {}; hint: at most 20", written.len())));
    }
    let mut keys = Vec::new();
    for (at, text) in written.iter().enumerate() {
        match text.trim().parse() {
            Ok(key) => keys.push(key),
            // A private key pasted here must not be repeated in a message.
            Err(_) if text.trim().to_ascii_uppercase().starts_with("AGE-SECRET-KEY") => {
                let message = "is a private key; hint: it belongs on no machine of vigie's; give the `age1…` one";
                problems.push(SettingProblem::new(format!("recipients.{at}"), message));
            }
            Err(_) => {
                let message = "is no age public key; hint: `age-keygen` prints one, it begins with age1";
                problems.push(SettingProblem::new(format!("recipients.{at}"), message));
            }
        }
    }
    keys
}

impl RawTimestampSettings {
    fn validate(self, problems: &mut Vec<SettingProblem>) -> Option<TimestampSettings> {
        let before = problems.len();
        let mut wrong = |setting: &str, message: &str| problems.push(SettingProblem::new(setting, message));
        let url = Url::parse(&self.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        match &url {
            None => wrong("timestamp.url", "is not an http or https address; hint: https://tsa.example.org/tsr"),
            Some(url) if !url.username().is_empty() || url.password().is_some() => {
                wrong("timestamp.url", "holds a user name; hint: only open authorities are asked");
            }
            Some(_) => {}
        }
        if self.policy.as_deref().is_some_and(|policy| super::timestamp::policy(policy).is_none()) {
            wrong("timestamp.policy", "is no object identifier; hint: 1.2.3.4");
        }
        (problems.len() == before).then_some(()).and(url).map(|url| TimestampSettings { url, policy: self.policy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str) -> Result<EvidenceSettings, Vec<SettingProblem>> {
        toml::from_str::<RawEvidenceSettings>(toml).unwrap().validate()
    }

    #[test]
    fn nothing_is_captured_unless_somebody_can_open_it() {
        assert!(check("").unwrap().recipients.is_empty());
        let key = age::x25519::Identity::generate().to_public();
        assert_eq!(check(&format!("recipients = ['{key}']")).unwrap().recipients.len(), 1);
    }

    #[test]
    fn every_problem_is_told_and_a_private_key_is_not_repeated() {
        use age::secrecy::ExposeSecret;
        let private = age::x25519::Identity::generate().to_string();
        let toml = format!(
            "recipients = ['age1x', '{}']\nmax_capture_mib = 0\nmax_total_mib = 1\nmax_captures = 1\n\
             min_free_mib = 9999999\n[timestamp]\nurl = 'ftp://x'\npolicy = 'one'",
            private.expose_secret()
        );
        let problems = check(&toml).unwrap_err();
        let mut settings: Vec<_> = problems.iter().map(|p| p.setting.as_str()).collect();
        settings.sort_unstable();
        let expected = [
            "max_capture_mib",
            "max_captures",
            "max_total_mib",
            "min_free_mib",
            "recipients.0",
            "recipients.1",
            "timestamp.policy",
            "timestamp.url",
        ];
        assert_eq!(settings, expected);
        assert!(problems.iter().all(|p| !p.message.contains(private.expose_secret())));
        assert!(check("[timestamp]\nurl = 'https://tsa.example/'").is_err(), "nobody to seal to, nothing to stamp");
    }
}
