//! MISP: an event per alert, made once and edited afterwards.
//!
//! Every UUID is derived from the alert's, so that an event sent twice is refused as existing and an edited one
//! replaces its own attributes. `to_ids` is false throughout: the paste site must not reach anybody's block lists.
//! Written after MISP 2.5's REST interface and the object templates that ship with it.

use std::path::Path;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::SetupError;
use super::http::{Receiver, accepted, receiver_url};
use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use crate::alert::secret::{RawSecret, SecretRef};
use crate::alert::{escape, report};
use crate::model::{DocumentSummary, FieldKind, Pap, Sensitive, SettingProblem, Severity, Tlp};
use crate::net::{Method, NetSettings, Reply};

/// Documents told as objects; the report lists more.
const OBJECTS: usize = 20;

/// `misp` of a channel, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// The instance: `https://misp.example.org/`.
    pub url: String,
    /// The automation key of a user with the right to add events.
    pub key: RawSecret,
}

/// `misp` of a channel, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    url: Url,
    key: SecretRef,
}

impl RawSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<Settings, Vec<SettingProblem>> {
        let url = receiver_url("url", &self.url);
        let key = self.key.validate("key", base);
        match (url, key) {
            (Ok(mut url), Ok(key)) => {
                if !url.path().ends_with('/') {
                    url.set_path(&format!("{}/", url.path()));
                }
                Ok(Settings { url, key })
            }
            (url, key) => Err([url.err(), key.err()].into_iter().flatten().collect()),
        }
    }
}

/// The channel.
pub struct MispChannel {
    url: Url,
    receiver: Receiver,
    key: Sensitive<String>,
}

impl MispChannel {
    /// Reads the key.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(settings: &Settings, net: &NetSettings) -> Result<Self, SetupError> {
        let receiver = Receiver::new(&settings.url, net)?;
        Ok(Self { url: settings.url.clone(), receiver, key: settings.key.read()? })
    }

    async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Reply, DeliveryError> {
        let url = self.url.join(path).map_err(|_| DeliveryError::refused("the address cannot be extended"))?;
        let headers = [
            ("authorization", self.key.expose().clone()),
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
        ];
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.receiver.send(method, url, headers, body).await
    }

    /// Adds the event; one that is there already is edited.
    async fn add(&self, notice: &Notice) -> Result<Receipt, DeliveryError> {
        let reply = self.ask(Method::Post, "events/add", self.render(notice)?).await?;
        if reply.status == 404 && reply.location.is_some() {
            return self.existing(notice).await;
        }
        if reply.status == 403 && String::from_utf8_lossy(&reply.bytes).contains("Could not add") {
            return Err(DeliveryError::refused("MISP would not add the event; hint: it may have been deleted there"));
        }
        Ok(Receipt { reference: event_id(&json_of(&accepted(reply)?)) })
    }

    /// An event with this UUID is there: asked whether it says what we would say, and edited if it does not.
    async fn existing(&self, notice: &Notice) -> Result<Receipt, DeliveryError> {
        let there = self.there(notice).await?;
        let uuid = Event::new(notice, 0).uuid("alert").to_string();
        let mut attributes = there["Event"]["Attribute"].as_array().into_iter().flatten();
        let said = attributes.find(|attribute| attribute["uuid"] == uuid).and_then(|a| a["comment"].as_str());
        if said == Some(told_as(notice).as_str()) {
            return Ok(Receipt { reference: event_id(&there) });
        }
        let gone = || DeliveryError::retry("MISP says that the event is there, and that it is not");
        self.edit(notice).await?.ok_or_else(gone)
    }

    async fn there(&self, notice: &Notice) -> Result<Value, DeliveryError> {
        let path = format!("events/view/{}", event_uuid(notice));
        Ok(json_of(&accepted(self.ask(Method::Get, &path, Vec::new()).await?)?))
    }

    /// Replaces what the event says; `None` when there is none any more.
    ///
    /// MISP takes an edit only if it is newer than what is there, and a person may have edited the event since: then
    /// ours is dated a second after theirs.
    async fn edit(&self, notice: &Notice) -> Result<Option<Receipt>, DeliveryError> {
        let path = format!("events/edit/{}", event_uuid(notice));
        let mut reply = self.ask(Method::Post, &path, written(&Event::new(notice, stamp(notice)))?).await?;
        if reply.status >= 400 && String::from_utf8_lossy(&reply.bytes).contains("not newer") {
            let there = self.there(notice).await?;
            let timestamp = there["Event"]["timestamp"].as_str().and_then(|t| t.parse::<i64>().ok());
            let later = timestamp.unwrap_or(0).max(stamp(notice)) + 1;
            reply = self.ask(Method::Post, &path, written(&Event::new(notice, later))?).await?;
        }
        if reply.status == 404 {
            return Ok(None);
        }
        let now = json_of(&accepted(reply)?);
        for tag in outdated_tags(&now, notice) {
            let body = json!({ "uuid": event_uuid(notice), "tag": tag }).to_string().into_bytes();
            // A tag too many misleads nobody as much as an update that never arrives.
            let _ = self.ask(Method::Post, "tags/removeTagFromObject", body).await;
        }
        Ok(Some(Receipt { reference: event_id(&now) }))
    }
}

/// Tags of the event that contradict ours: another certainty, and a TLP or PAP that allows more. One that allows less
/// was given by somebody for a reason.
fn outdated_tags(event: &Value, notice: &Notice) -> Vec<String> {
    const TLP: [&str; 5] = ["tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red"];
    const PAP: [&str; 4] = ["PAP:CLEAR", "PAP:GREEN", "PAP:AMBER", "PAP:RED"];
    let wanted = Event::new(notice, 0).tag_names();
    let laxer = |scale: &[&str], tag: &str| {
        let rank = |wanted: &str| scale.iter().position(|known| *known == wanted);
        rank(tag).is_some_and(|there| wanted.iter().filter_map(|tag| rank(tag)).any(|ours| there < ours))
    };
    let there = event["Event"]["Tag"].as_array().into_iter().flatten().filter_map(|tag| tag["name"].as_str());
    let certainty = |tag: &str| tag.starts_with("infoleak:certainty=") && !wanted.iter().any(|own| own == tag);
    there.filter(|tag| certainty(tag) || laxer(&TLP, tag) || laxer(&PAP, tag)).map(str::to_owned).collect()
}

fn json_of(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.bytes).unwrap_or_default()
}

/// When an event was made what it is, in seconds: later with every revision, also of two within one second.
fn stamp(notice: &Notice) -> i64 {
    notice.alert.updated_at.as_second() + i64::from(notice.alert.revision)
}

/// The comment by which a repetition is recognised.
fn told_as(notice: &Notice) -> String {
    format!("revision {} ({})", notice.alert.revision, notice.change.name())
}

fn written(event: &Event<'_>) -> Result<Vec<u8>, DeliveryError> {
    let text = escape::json(&json!({ "Event": event.whole() }));
    Ok(text.map_err(|e| DeliveryError::refused(format!("cannot be written as JSON: {e}")))?.into_bytes())
}

fn event_id(answer: &Value) -> Option<String> {
    answer["Event"]["id"].as_str().map(|id| escape::line(id, 40))
}

fn event_uuid(notice: &Notice) -> Uuid {
    Uuid::new_v5(&notice.alert.id.0, b"misp event")
}

impl Channel for MispChannel {
    fn kind(&self) -> &'static str {
        "misp"
    }

    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        written(&Event::new(notice, stamp(notice)))
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            if notice.reference.is_none() {
                return self.add(notice).await;
            }
            match self.edit(notice).await? {
                Some(receipt) => Ok(receipt),
                // Somebody has removed it there without a trace: told anew.
                None => self.add(notice).await,
            }
        }
        .boxed()
    }
}

/// One event while it is written.
struct Event<'n> {
    notice: &'n Notice,
    at: String,
}

/// Text as MISP can store it: trimmed, never empty, nothing beyond three bytes of UTF-8.
fn storable(text: &str) -> String {
    let text: String =
        escape::line(text, 2_000).chars().map(|c| if c as u32 > 0xffff { '\u{fffd}' } else { c }).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

impl<'n> Event<'n> {
    fn new(notice: &'n Notice, at: i64) -> Self {
        Self { notice, at: at.to_string() }
    }

    fn uuid(&self, name: &str) -> Uuid {
        Uuid::new_v5(&event_uuid(self.notice), name.as_bytes())
    }

    fn whole(&self) -> Value {
        let alert = &self.notice.alert;
        let mut own = self.attribute("alert", "text", "Internal reference", &alert.id.to_string(), true);
        own["comment"] = json!(told_as(self.notice));
        let mut attributes = vec![own];
        let mut objects = Vec::new();
        if !self.notice.withheld {
            let records = alert.impact.records.to_string();
            attributes.push(self.attribute("records", "counter", "Other", &records, false));
            objects = self.objects();
        }
        json!({
            "uuid": event_uuid(self.notice),
            "info": storable(&report::title(self.notice)),
            "date": alert.created_at.to_string()[..10],
            "timestamp": self.at,
            "threat_level_id": match alert.severity {
                Severity::Critical | Severity::High => "1",
                Severity::Medium => "2",
                Severity::Low => "3",
            },
            "analysis": match alert.state {
                crate::model::AlertState::Open => "0",
                crate::model::AlertState::Acknowledged => "1",
                crate::model::AlertState::Closed => "2",
            },
            // The organisation only: who else may see it is decided by whoever publishes it.
            "distribution": "0",
            "published": false,
            "Tag": self.tag_names().into_iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
            "Attribute": attributes,
            "Object": objects,
            "EventReport": [{
                "uuid": self.uuid("report"),
                "name": format!("Alert {}", alert.id),
                "content": report::markdown(self.notice),
                "distribution": "5",
                "timestamp": self.at,
            }],
        })
    }

    fn tag_names(&self) -> Vec<String> {
        let alert = &self.notice.alert;
        let mut names = vec![tlp_tag(alert.tlp).to_owned(), pap_tag(alert.pap).to_owned()];
        if !self.notice.withheld {
            names.push("rsit:information-content-security=\"data-leak\"".to_owned());
            names.push("infoleak:submission=\"automatic\"".to_owned());
            if let Some(first) = alert.attribution.first() {
                names.push(format!("infoleak:certainty=\"{}\"", certainty(first.probability)));
            }
            let kinds = [(FieldKind::Email, "mail"), (FieldKind::Phone, "phone-number"), (FieldKind::Iban, "iban")];
            for (_, word) in kinds.iter().filter(|(kind, _)| alert.impact.by_kind.contains_key(kind)) {
                names.push(format!("infoleak:automatic-detection=\"{word}\""));
            }
            let galaxy = "Exfiltration to Text Storage Sites - T1567.003";
            names.push(format!("misp-galaxy:mitre-attack-pattern=\"{galaxy}\""));
        }
        names
    }

    fn attribute(&self, name: &str, kind: &str, category: &str, value: &str, correlates: bool) -> Value {
        json!({
            "uuid": self.uuid(name),
            "type": kind,
            "category": category,
            "value": storable(value),
            "to_ids": false,
            "disable_correlation": !correlates,
            "timestamp": self.at,
            "distribution": "5",
        })
    }

    fn object(&self, place: &str, template: [&str; 4], fields: &[(&str, &str, &str, String)], refers: Value) -> Value {
        let [name, meta, uuid, version] = template;
        let attributes = fields.iter().enumerate().map(|(number, (relation, kind, category, value))| {
            let correlates = matches!(*kind, "url" | "target-machine");
            let mut attribute =
                self.attribute(&format!("{place}/{number}/{relation}"), kind, category, value, correlates);
            attribute["object_relation"] = json!(relation);
            attribute
        });
        json!({
            "uuid": self.uuid(place),
            "name": name,
            "meta-category": meta,
            "template_uuid": uuid,
            "template_version": version,
            "timestamp": self.at,
            "distribution": "5",
            "Attribute": attributes.collect::<Vec<_>>(),
            "ObjectReference": refers,
        })
    }

    fn refers(&self, from: &str, to: &str, how: &str) -> Value {
        json!({
            "uuid": self.uuid(&format!("{from} {how} {to}")),
            "object_uuid": self.uuid(from),
            "referenced_uuid": self.uuid(to),
            "relationship_type": how,
        })
    }

    fn objects(&self) -> Vec<Value> {
        let alert = &self.notice.alert;
        let mut objects: Vec<_> = alert.documents.iter().rev().take(OBJECTS).flat_map(|d| self.document(d)).collect();
        let Some(first) = alert.attribution.first() else { return objects };
        let system = [("targeted_machine", "target-machine", "Targeting data", first.system.to_string())];
        let template = ["target-system", "internal", "3110944f-eca0-4c94-9d61-a84d022228a4", "2"];
        objects.push(self.object("system", template, &system, json!([])));
        let loss = if alert.verdict == crate::model::Verdict::Leak { "confirmed-loss" } else { "suspected-loss" };
        let impact = [
            ("loss_type", "text", "Other", loss.to_owned()),
            ("information_type", "text", "Other", "pii".to_owned()),
            ("record_count", "counter", "Other", alert.impact.records.to_string()),
        ];
        let template = ["confidentiality-impact", "misc", "b0027f13-56e4-4c85-9632-3cf81208429b", "1"];
        objects.push(self.object("impact", template, &impact, json!([self.refers("impact", "system", "affects")])));
        objects
    }

    /// Where it was seen, and what was seen there.
    fn document(&self, d: &DocumentSummary) -> [Value; 2] {
        let place = format!("{}/{}", d.post, d.name);
        let (paste, file) = (format!("paste {place}"), format!("file {place}"));
        let excerpt = self.notice.alert.sample.iter().map(report::row).collect::<Vec<_>>().join("; ");
        let excerpt = if excerpt.is_empty() { "no excerpt".to_owned() } else { excerpt };
        let mut fields = vec![("paste", "text", "External analysis", excerpt)];
        if Url::parse(&d.url).is_ok_and(|url| url.has_host()) {
            fields.push(("url", "url", "Network activity", d.url.clone()));
        }
        fields.extend(d.title.clone().map(|title| ("title", "text", "External analysis", title)));
        fields.extend(d.author.clone().map(|author| ("username", "text", "Other", author)));
        fields.push(("first-seen", "datetime", "Other", d.seen_at.to_string()));
        let contains = json!([self.refers(&paste, &file, "contains")]);
        let template = ["paste", "misc", "cedc055c-78aa-49a4-bfd7-4cc30cecef12", "6"];
        let paste = self.object(&paste, template, &fields, contains);
        let fields = [
            ("size-in-bytes", "size-in-bytes", "Other", d.bytes.to_string()),
            ("text", "text", "Other", format!("{}, BLAKE3 {}", d.name, d.blake3)),
        ];
        let template = ["file", "file", "688c46fb-5edb-40a3-8273-1af7923e2215", "25"];
        [paste, self.object(&file, template, &fields, json!([]))]
    }
}

fn pap_tag(pap: Pap) -> &'static str {
    match pap {
        Pap::Clear => "PAP:CLEAR",
        Pap::Green => "PAP:GREEN",
        Pap::Amber => "PAP:AMBER",
        Pap::Red => "PAP:RED",
    }
}

fn tlp_tag(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Clear => "tlp:clear",
        Tlp::Green => "tlp:green",
        Tlp::Amber => "tlp:amber",
        Tlp::AmberStrict => "tlp:amber+strict",
        Tlp::Red => "tlp:red",
    }
}

/// The taxonomy knows seven grades of certainty; the highest that is not above ours.
fn certainty(probability: f64) -> u8 {
    const GRADES: [u8; 7] = [100, 93, 75, 50, 30, 7, 0];
    let percent = (probability.clamp(0.0, 1.0) * 100.0).floor() as u8;
    GRADES.into_iter().find(|grade| *grade <= percent).unwrap_or(0)
}
