//! Mailboxes and buckets as written to as checked.

use jiff::SignedDuration;
use url::Url;

use super::check::Checker;
use super::checked::{BucketRules, MboxRules};
use super::raw::RawSite;
use std::path::Path;

impl Checker {
    /// Checks a mailbox.
    pub(super) fn mbox(&mut self, raw: &RawSite) -> Option<MboxRules> {
        let settle = raw.settle.unwrap_or(SignedDuration::from_secs(10));
        let settle = self.duration("settle", settle, SignedDuration::ZERO, SignedDuration::from_hours(1));
        let Some(path) = &raw.path else {
            self.error("path", "missing; hint: the mailbox file");
            return None;
        };
        Some(MboxRules { path: path.into(), settle })
    }

    /// Checks a bucket.
    pub(super) fn bucket(&mut self, raw: &RawSite) -> Option<BucketRules> {
        let policy = self.policy(raw);
        let endpoint = match raw.url.as_deref().map(Url::parse) {
            Some(Ok(url)) => Some(url),
            Some(Err(error)) => {
                self.error("url", format!("not an address ({error}); hint: https://s3.example"));
                None
            }
            None => {
                self.error("url", "missing; hint: the address of the service, https://s3.example");
                None
            }
        };
        if let (Some(endpoint), Some(policy)) = (&endpoint, &policy)
            && let Err(error) = policy.check(endpoint)
        {
            self.error("url", error.to_string());
        }
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let bucket = raw.bucket.clone().filter(|name| (1..=255).contains(&name.len()) && name.bytes().all(named));
        if bucket.is_none() {
            self.error("bucket", "missing, or not a bucket's name; hint: letters, digits, `-`, `.`");
        }
        let access = match (&raw.access_key, &raw.secret_key) {
            (None, None) => None,
            (Some(key), Some(secret)) => match secret.clone().validate("secret_key", Path::new("/")) {
                Ok(secret) => Some((key.clone(), secret)),
                Err(problem) => {
                    self.error("secret_key", problem.message);
                    None
                }
            },
            _ => {
                self.error("access_key", "and secret_key go together; hint: neither for a public bucket");
                None
            }
        };
        Some(BucketRules {
            endpoint: endpoint?,
            bucket: bucket?,
            prefix: raw.prefix.clone().unwrap_or_default(),
            region: raw.region.clone().unwrap_or_else(|| "us-east-1".to_owned()),
            access,
            policy: policy?,
            remember: self.number("remember", raw.remember, 20_000, 50, 50_000) as usize,
        })
    }
}
