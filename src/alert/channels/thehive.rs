//! TheHive 5: an alert per alert, found again by its `sourceRef` and updated in place.
//!
//! TheHive refuses a second alert of the same type, source and reference with words rather than a status of its own
//! ("already exist"): that counts as delivered. Written after the 5.x API and its official client.

use std::path::Path;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::SetupError;
use super::http::{Receiver, accepted, receiver_url};
use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use crate::alert::secret::{RawSecret, SecretRef};
use crate::alert::{escape, report};
use crate::model::{AlertState, Pap, Sensitive, SettingProblem, Severity, Tlp};
use crate::net::{Method, NetSettings, Reply};

/// The `type` of our alerts.
const TYPE: &str = "data-leak";

/// Observables told; the description lists more.
const OBSERVABLES: usize = 20;

/// `thehive` of a channel, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// The instance: `https://thehive.example.org/`.
    pub url: String,
    /// The key of a user with the right to manage alerts.
    pub key: RawSecret,
    /// The `source` of our alerts, 1 to 64 characters: tells several vigies apart. Default: `vigie`.
    pub source: Option<String>,
}

/// `thehive` of a channel, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    url: Url,
    key: SecretRef,
    source: String,
}

impl RawSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<Settings, Vec<SettingProblem>> {
        let source = self.source.unwrap_or_else(|| "vigie".to_owned());
        let named = (1..=64).contains(&source.chars().count()) && source == escape::line(&source, 64);
        let source = if named { Ok(source) } else { Err(SettingProblem::new("source", "is not 1 to 64 characters")) };
        match (receiver_url("url", &self.url), self.key.validate("key", base), source) {
            (Ok(mut url), Ok(key), Ok(source)) => {
                if !url.path().ends_with('/') {
                    url.set_path(&format!("{}/", url.path()));
                }
                Ok(Settings { url, key, source })
            }
            (url, key, source) => Err([url.err(), key.err(), source.err()].into_iter().flatten().collect()),
        }
    }
}

/// The channel.
pub struct TheHiveChannel {
    url: Url,
    receiver: Receiver,
    key: Sensitive<String>,
    source: String,
}

impl TheHiveChannel {
    /// Reads the key.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(settings: &Settings, net: &NetSettings) -> Result<Self, SetupError> {
        Ok(Self {
            url: settings.url.clone(),
            receiver: Receiver::new(&settings.url, net)?,
            key: settings.key.read()?,
            source: settings.source.clone(),
        })
    }

    async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Reply, DeliveryError> {
        let url = self.url.join(path).map_err(|_| DeliveryError::refused("the address cannot be extended"))?;
        let headers = vec![
            ("authorization".to_owned(), format!("Bearer {}", self.key.expose())),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        self.receiver.send(method, url, headers, body).await
    }

    /// What may change of an alert; also part of a new one.
    fn facts(notice: &Notice) -> Value {
        let alert = &notice.alert;
        json!({
            "title": report::title(notice),
            "description": report::markdown(notice),
            "severity": match alert.severity {
                Severity::Low => 1,
                Severity::Medium => 2,
                Severity::High => 3,
                Severity::Critical => 4,
            },
            "tlp": tlp(alert.tlp),
            "pap": match alert.pap { Pap::Clear => 0, Pap::Green => 1, Pap::Amber => 2, Pap::Red => 3 },
        })
    }

    fn tags(notice: &Notice) -> Vec<String> {
        let alert = &notice.alert;
        let mut tags = vec![format!("vigie:{}", notice.change.name())];
        if !notice.withheld {
            tags.extend(alert.attribution.iter().take(3).map(|a| format!("system:{}", a.system)));
            tags.push(format!("verdict:{}", alert.verdict.name()));
        }
        if alert.state != AlertState::Open {
            tags.push("vigie:taken".to_owned());
        }
        tags
    }

    /// The same for an alert that is there: tags that analysts have given it stay.
    fn changed(notice: &Notice) -> Value {
        let (mut facts, tags) = (Self::facts(notice), Self::tags(notice));
        let states =
            ["raised", "updated", "acknowledged", "closed", "escalated", "taken"].map(|s| format!("vigie:{s}"));
        let verdicts = ["leak", "overlap", "term"].map(|verdict| format!("verdict:{verdict}"));
        let outdated: Vec<_> = states.into_iter().chain(verdicts).filter(|tag| !tags.contains(tag)).collect();
        facts["removeTags"] = json!(outdated);
        facts["addTags"] = json!(tags);
        facts
    }

    /// Adds what new documents brought; `told` are already there. What TheHive has, it says it has.
    async fn observe(&self, notice: &Notice, path: &str, told: usize) -> Result<(), DeliveryError> {
        let new = notice.alert.documents.len().saturating_sub(told).min(OBSERVABLES);
        for observable in Self::observables(notice, new) {
            let body = escape::json(&observable).map_err(|e| DeliveryError::refused(e.to_string()))?;
            let path = format!("api/v1/alert/{path}/observable");
            match accepted(self.ask(Method::Post, &path, body.into_bytes()).await?) {
                // One that is refused, as known or for what it is, stands in the description still.
                Ok(_) | Err(DeliveryError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Addresses and hashes of the `latest` documents, each once.
    fn observables(notice: &Notice, latest: usize) -> Vec<Value> {
        let mut seen = std::collections::BTreeSet::new();
        let mut told = Vec::new();
        for document in notice.alert.documents.iter().rev().take(latest) {
            for (kind, value) in [("url", &document.url), ("hash", &document.blake3)] {
                if !value.is_empty() && seen.insert((kind, value.clone())) {
                    let message = format!("{}, seen {}", document.site, document.seen_at);
                    told.push(json!({ "dataType": kind, "data": value, "message": message, "ioc": false,
                        "sighted": false, "tlp": tlp(notice.alert.tlp) }));
                }
            }
        }
        told
    }

    /// TheHive's own id of an alert told before, when the answer that gave it was lost.
    async fn find(&self, notice: &Notice) -> Result<Option<String>, DeliveryError> {
        let wanted = |field: &str, value: &str| json!({ "_field": field, "_value": value });
        let id = notice.alert.id.to_string();
        let query = json!({ "query": [
            { "_name": "listAlert" },
            { "_name": "filter", "_and": [
                { "_eq": wanted("type", TYPE) }, { "_eq": wanted("source", &self.source) },
                { "_eq": wanted("sourceRef", &id) } ] },
            { "_name": "page", "from": 0, "to": 1 } ] });
        let reply = accepted(self.ask(Method::Post, "api/v1/query", query.to_string().into_bytes()).await?)?;
        let found: Value = serde_json::from_slice(&reply.bytes).unwrap_or_default();
        Ok(found[0]["_id"].as_str().map(str::to_owned))
    }

    async fn create(&self, notice: &Notice) -> Result<Receipt, DeliveryError> {
        let reply = self.ask(Method::Post, "api/v1/alert", self.render(notice)?).await?;
        let text = String::from_utf8_lossy(&reply.bytes);
        if !(200..300).contains(&reply.status) && text.contains("already exist") {
            return Ok(Receipt::default());
        }
        let answer: Value = serde_json::from_slice(&accepted(reply)?.bytes).unwrap_or_default();
        Ok(Receipt { reference: answer["_id"].as_str().map(|id| reference(id, notice)) })
    }
}

/// TheHive's id of the alert, and how many documents it has been told of.
fn reference(id: &str, notice: &Notice) -> String {
    format!("{id} {}", notice.alert.documents.len())
}

fn known(reference: &str) -> (String, usize) {
    let (id, told) = reference.split_once(' ').unwrap_or((reference, "0"));
    (id.to_owned(), told.parse().unwrap_or(0))
}

fn tlp(tlp: Tlp) -> u8 {
    match tlp {
        Tlp::Clear => 0,
        Tlp::Green => 1,
        Tlp::Amber => 2,
        Tlp::AmberStrict => 3,
        Tlp::Red => 4,
    }
}

impl Channel for TheHiveChannel {
    fn kind(&self) -> &'static str {
        "thehive"
    }

    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        let mut alert = Self::facts(notice);
        alert["tags"] = json!(Self::tags(notice));
        alert["type"] = json!(TYPE);
        alert["source"] = json!(self.source);
        alert["sourceRef"] = json!(notice.alert.id);
        alert["date"] = json!(notice.alert.created_at.as_millisecond());
        alert["observables"] = json!(Self::observables(notice, OBSERVABLES));
        let text =
            escape::json(&alert).map_err(|e| DeliveryError::refused(format!("cannot be written as JSON: {e}")))?;
        Ok(text.into_bytes())
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            if notice.alert.revision <= 1 && notice.reference.is_none() {
                return self.create(notice).await;
            }
            let (id, told) = match notice.reference.as_deref().map(known) {
                Some((id, told)) => (Some(id), told),
                None => (self.find(notice).await?, 0),
            };
            let Some(id) = id else { return self.create(notice).await };
            // An id is `~` and digits; whatever else it might be, it is one part of the path.
            let path = url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>();
            let changed = escape::json(&Self::changed(notice)).map_err(|e| DeliveryError::refused(e.to_string()))?;
            let reply = self.ask(Method::Patch, &format!("api/v1/alert/{path}"), changed.into_bytes()).await?;
            if reply.status == 404 {
                // Somebody has removed it there: told anew.
                return self.create(notice).await;
            }
            accepted(reply)?;
            self.observe(notice, &path, told).await?;
            Ok(Receipt { reference: Some(reference(&id, notice)) })
        }
        .boxed()
    }
}
