//! The limits of the HTTP client, as the `[net]` table of the configuration gives them.

use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;

/// The `[net]` table. Durations are written like `10s` or `2m`; every value has a default that suits most places.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetSettings {
    /// Whom a site's owner can complain to: a mail address or a page. Sent with every request. Default: none; a
    /// configuration that watches other people's sites should have one.
    pub contact: Option<String>,
    /// Time for the connection to stand, TLS included. Default `10s`, 100 ms to 2 min.
    pub connect_timeout: SignedDuration,
    /// Longest silence of a server, before its head and within its body. Default `15s`, 100 ms to 5 min.
    pub idle_timeout: SignedDuration,
    /// Longest time for one exchange, body included. Default `10m`, 1 s to 24 h.
    pub total_timeout: SignedDuration,
    /// Slowest transfer borne, bytes a second, judged over each idle_timeout. Default 1024.
    pub min_rate: u64,
    /// Largest response head, KiB. Default 64, 1 to 400.
    pub max_header_kib: usize,
    /// Largest body kept, MiB, after undoing the transport encoding; the rest is cut and the cut recorded.
    /// Default 64, 1 to 4096.
    pub max_body_mib: usize,
    /// Memory for bodies held at one time, MiB, over all downloads and posts not yet queued. Default 256; at least
    /// twice max_body_mib.
    pub memory_mib: usize,
}

impl Default for NetSettings {
    fn default() -> Self {
        Self {
            contact: None,
            connect_timeout: SignedDuration::from_secs(10),
            idle_timeout: SignedDuration::from_secs(15),
            total_timeout: SignedDuration::from_mins(10),
            min_rate: 1024,
            max_header_kib: 64,
            max_body_mib: 64,
            memory_mib: 256,
        }
    }
}

impl NetSettings {
    /// Everything that is wrong with the settings: the key, and what to do about it. Empty when they can be used.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let mut span = |key, value: SignedDuration, low: SignedDuration, high: SignedDuration| {
            if !(low..=high).contains(&value) {
                found.push((key, format!("{value:#} is out of range; hint: use {low:#} to {high:#}")));
            }
        };
        let (tenth, minute) = (SignedDuration::from_millis(100), SignedDuration::from_mins(1));
        span("connect_timeout", self.connect_timeout, tenth, minute * 2);
        span("idle_timeout", self.idle_timeout, tenth, minute * 5);
        span("total_timeout", self.total_timeout, SignedDuration::from_secs(1), SignedDuration::from_hours(24));
        if !(1..=400).contains(&self.max_header_kib) {
            found.push(("max_header_kib", format!("{} is out of range; hint: use 1 to 400", self.max_header_kib)));
        }
        if !(1..=4096).contains(&self.max_body_mib) {
            found.push(("max_body_mib", format!("{} is out of range; hint: use 1 to 4096", self.max_body_mib)));
        } else if self.memory_mib < 2 * self.max_body_mib || self.memory_mib > 1 << 20 {
            let hint = 2 * self.max_body_mib;
            found.push(("memory_mib", format!("{} is out of range; hint: use at least {hint}", self.memory_mib)));
        }
        if self.contact.as_ref().is_some_and(|c| c.is_empty() || !c.bytes().all(|b| matches!(b, b' '..=b'~'))) {
            found.push(("contact", "is not printable ASCII; hint: a mail address or the URL of a page".into()));
        }
        found
    }

    /// What every request calls itself: the product token that robots.txt rules can name, its version, the contact.
    #[must_use]
    pub fn user_agent(&self) -> String {
        match &self.contact {
            Some(contact) => format!("{}/{} (+{contact})", super::robots::TOKEN, env!("CARGO_PKG_VERSION")),
            None => format!("{}/{}", super::robots::TOKEN, env!("CARGO_PKG_VERSION")),
        }
    }

    pub(super) fn connect(&self) -> Duration {
        self.connect_timeout.unsigned_abs()
    }

    pub(super) fn idle(&self) -> Duration {
        self.idle_timeout.unsigned_abs()
    }

    pub(super) fn total(&self) -> Duration {
        self.total_timeout.unsigned_abs()
    }
}
