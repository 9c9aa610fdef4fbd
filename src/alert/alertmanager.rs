//! vigie's own health, told to a Prometheus Alertmanager: what `/healthz` calls concerns, and nothing of any alert.
//!
//! Alertmanager forgets what it is not told again, so every concern is posted each round with an end a few rounds
//! ahead: one that is gone, or a service that is, resolves by itself. A service that says nothing at all is noticed by
//! whoever scrapes `/metrics`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::channel::DeliveryError;
use super::channels::http::{Receiver, accepted, receiver_url};
use super::escape;
use crate::model::SettingProblem;
use crate::net::{Method, NetError, NetSettings};

/// Concerns posted in a round.
const CONCERNS: usize = 100;

/// Rounds that a concern outlives its last telling.
const ROUNDS: i64 = 4;

/// `[alert.alertmanager]` as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawAlertmanager {
    /// The Alertmanager: `http://127.0.0.1:9093`.
    pub url: String,
    /// How often it is told, 10 s to 1 h. Default: 1 min.
    pub every: Option<SignedDuration>,
}

/// `[alert.alertmanager]` as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alertmanager {
    url: Url,
    every: SignedDuration,
}

impl RawAlertmanager {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self) -> Result<Alertmanager, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let url = receiver_url("url", &self.url).map_err(|p| problems.push(p)).ok();
        let every = self.every.unwrap_or(SignedDuration::from_mins(1));
        if every < SignedDuration::from_secs(10) || every > SignedDuration::from_hours(1) {
            problems.push(SettingProblem::new("every", format!("is {} s; hint: use 10s to 1h", every.as_secs())));
        }
        match url {
            Some(mut url) if problems.is_empty() => {
                if !url.path().ends_with('/') {
                    url.set_path(&format!("{}/", url.path()));
                }
                Ok(Alertmanager { url, every })
            }
            _ => Err(problems),
        }
    }
}

impl Alertmanager {
    /// Tells it what `concerns` says, round after round, until the future is dropped.
    ///
    /// # Errors
    /// When HTTP cannot be set up.
    pub async fn keep_told(&self, net: &NetSettings, concerns: impl Fn() -> Vec<String>) -> Result<(), NetError> {
        let receiver = Receiver::new(&self.url, net)?;
        let pause = Duration::try_from(self.every).unwrap_or(Duration::from_secs(60));
        let (mut since, mut failing) = (BTreeMap::new(), false);
        loop {
            let now = Timestamp::now();
            let ended = remember(&mut since, concerns(), now);
            if !(since.is_empty() && ended.is_empty()) {
                let told = self.tell(&receiver, &since, &ended, now).await;
                // Said once: the next round says it again to whoever looks at the level below.
                match (&told, failing) {
                    (Err(error), false) => {
                        tracing::warn!(event = "alertmanager.unreachable", %error, "health cannot be told");
                    }
                    (Ok(()), true) => tracing::info!(event = "alertmanager.reachable", "health is told again"),
                    _ => {}
                }
                failing = told.is_err();
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn tell(
        &self,
        receiver: &Receiver,
        since: &BTreeMap<String, Timestamp>,
        ended: &[(String, Timestamp)],
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let until = now.checked_add(self.every.saturating_mul(ROUNDS as i32)).unwrap_or(Timestamp::MAX);
        let standing = since.iter().map(|(concern, from)| alert(concern, *from, until));
        let gone = ended.iter().map(|(concern, from)| alert(concern, *from, now));
        let body = escape::json(&standing.chain(gone).collect::<Vec<_>>());
        let body = body.map_err(|e| DeliveryError::refused(e.to_string()))?;
        let url = self.url.join("api/v2/alerts").map_err(|e| DeliveryError::refused(e.to_string()))?;
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        accepted(receiver.send(Method::Post, url, headers, body.into_bytes()).await?)?;
        Ok(())
    }
}

/// Keeps since when each concern stands; gives back those that have ended.
fn remember(
    since: &mut BTreeMap<String, Timestamp>,
    concerns: Vec<String>,
    now: Timestamp,
) -> Vec<(String, Timestamp)> {
    let concerns: Vec<_> = concerns.into_iter().take(CONCERNS).map(|c| escape::line(&c, 300)).collect();
    let (stay, ended) = std::mem::take(since).into_iter().partition(|(concern, _)| concerns.contains(concern));
    *since = stay;
    for concern in concerns {
        since.entry(concern).or_insert(now);
    }
    BTreeMap::into_iter(ended).collect()
}

/// One concern. Labels are what makes two of them the same; the name of this machine tells several vigies apart.
fn alert(concern: &str, from: Timestamp, until: Timestamp) -> Value {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    json!({
        "labels": { "alertname": "VigieDegraded", "instance": escape::line(&host, 100), "severity": "warning",
            "concern": concern },
        "annotations": { "summary": concern },
        "startsAt": from.to_string(),
        "endsAt": until.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concern_has_a_beginning_and_an_end() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut since = BTreeMap::new();
        assert!(remember(&mut since, vec!["a".into(), "b".into()], at(1)).is_empty());
        assert_eq!(remember(&mut since, vec!["b".into(), "c".into()], at(2)), [("a".to_owned(), at(1))]);
        assert_eq!(since, BTreeMap::from([("b".to_owned(), at(1)), ("c".to_owned(), at(2))]));
        let many = (0..500).map(|n| format!("{n}\u{202e}")).collect();
        remember(&mut since, many, at(3));
        assert!(since.len() == CONCERNS && since.keys().all(|c| !c.contains('\u{202e}')));
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let raw = toml::from_str::<RawAlertmanager>("url = 'x'\nevery = '1s'").unwrap();
        let names: Vec<_> = raw.validate().unwrap_err().into_iter().map(|p| p.setting).collect();
        assert_eq!(names, ["url", "every"]);
    }
}
