//! An alert as STIX 2.1 objects.
//!
//! Every id follows from the alert's, so that the same alert is the same objects wherever it is told; what changes with
//! a revision (incident, note, report) keeps its id and gets a later `modified`. Ids of observables are those the
//! specification derives from their content. The counts stand in the report's description too, because importers drop
//! incidents and notes.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::alert::channel::Notice;
use crate::alert::{escape, report};
use crate::model::{AlertState, DocumentSummary, SystemId, Tlp};

/// Documents told as observed data: the latest.
const DOCUMENTS: usize = 20;

/// Systems told as identities.
const SYSTEMS: usize = 5;

/// The namespace of ids that the specification derives from content (STIX 2.1, section 2.9).
const OBSERVABLES: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);

/// The extension that carries TLP 2.0, and when its markings were defined.
const TLP_EXTENSION: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";
const TLP_DEFINED: &str = "2022-10-01T00:00:00.000Z";

/// What identities say of when they were made: they never change.
const IDENTITIES_MADE: &str = "2026-01-01T00:00:00.000Z";

/// All objects of an alert, each before those that refer to it.
pub fn of(notice: &Notice) -> Vec<Value> {
    Writer::new(notice).objects()
}

struct Writer<'n> {
    notice: &'n Notice,
    marking: String,
    by: String,
    created: String,
    modified: String,
}

/// An id that follows from a name, in the form of a version 4 UUID: the specification allows the form of version 5 to
/// observables only (section 2.9).
pub fn derived(namespace: &Uuid, name: &str) -> Uuid {
    uuid::Builder::from_random_bytes(Uuid::new_v5(namespace, name.as_bytes()).into_bytes()).into_uuid()
}

/// As STIX writes times: to the millisecond.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn certainty(probability: f64) -> u64 {
    (probability.clamp(0.0, 1.0) * 100.0).floor() as u64
}

impl<'n> Writer<'n> {
    fn new(notice: &'n Notice) -> Self {
        let alert = &notice.alert;
        // Two revisions within a millisecond must not be the same version.
        let later = alert.updated_at.checked_add(SignedDuration::from_millis(i64::from(alert.revision)));
        Self {
            notice,
            marking: tlp(alert.tlp).1.to_owned(),
            by: identity_id("vigie", alert.tlp),
            created: time(alert.created_at),
            modified: time(later.unwrap_or(alert.updated_at)),
        }
    }

    fn id(&self, kind: &str, name: &str) -> String {
        format!("{kind}--{}", derived(&self.notice.alert.id.0, &format!("stix {kind} {name}")))
    }

    fn objects(&self) -> Vec<Value> {
        let alert = &self.notice.alert;
        let mut objects = vec![marking(alert.tlp), self.identity("vigie")];
        let mut told = BTreeSet::new();
        if !self.notice.withheld {
            objects.extend(alert.attribution.iter().take(SYSTEMS).map(|a| self.identity(a.system.as_str())));
            for document in alert.documents.iter().rev().take(DOCUMENTS) {
                // Two documents at one address name it once.
                let new = self.document(document).into_iter().filter(|o| told.insert(o["id"].to_string()));
                objects.extend(new);
            }
        }
        objects.push(self.incident());
        if !self.notice.withheld {
            objects.push(self.note());
            objects.extend(alert.attribution.iter().take(SYSTEMS).map(|a| self.relation(&a.system, a.probability)));
        }
        objects.push(self.report(&objects));
        objects
    }

    /// What all objects of the alert have, except identities and observables.
    fn object(&self, kind: &str, name: &str, modified: &str, own: Value) -> Value {
        let mut object = json!({
            "type": kind,
            "id": self.id(kind, name),
            "spec_version": "2.1",
            "created": self.created,
            "modified": modified,
            "created_by_ref": self.by,
            "object_marking_refs": [self.marking],
            "lang": "en",
        });
        merge(&mut object, own);
        object
    }

    fn identity(&self, name: &str) -> Value {
        json!({
            "type": "identity",
            "id": identity_id(name, self.notice.alert.tlp),
            "spec_version": "2.1",
            "created": IDENTITIES_MADE,
            "modified": IDENTITIES_MADE,
            "name": name,
            "identity_class": "system",
            "object_marking_refs": [self.marking],
        })
    }

    fn observable(&self, kind: &str, identifying: Value, more: Value) -> Value {
        // RFC 8785: with one or two short keys in order, what serde writes is canonical.
        let id = Uuid::new_v5(&OBSERVABLES, identifying.to_string().as_bytes());
        let mut object = json!({
            "type": kind,
            "id": format!("{kind}--{id}"),
            "spec_version": "2.1",
            "object_marking_refs": [self.marking],
        });
        merge(&mut object, identifying);
        merge(&mut object, more);
        object
    }

    /// Where it was seen, what was seen, and when.
    fn document(&self, document: &DocumentSummary) -> Vec<Value> {
        let mut objects = Vec::new();
        if let Some(url) = Url::parse(&document.url).ok().filter(Url::has_host) {
            objects.push(self.observable("url", json!({ "value": url.as_str() }), json!({})));
        }
        // The vocabulary of hashes has no BLAKE3; in the name it can be searched for.
        let name = format!("{} [BLAKE3 {}]", document.name, document.blake3);
        objects.push(self.observable("file", json!({ "name": name }), json!({ "size": document.bytes })));
        let seen = time(document.seen_at);
        let refs: Vec<_> = objects.iter().map(|o| o["id"].clone()).collect();
        let place = format!("{}/{}/{}", document.post, document.name, document.blake3);
        // It was seen once: later revisions of the alert do not change that.
        objects.push(self.object(
            "observed-data",
            &place,
            &self.created,
            json!({ "first_observed": seen, "last_observed": seen, "number_observed": 1, "object_refs": refs }),
        ));
        objects
    }

    fn incident(&self) -> Value {
        let alert = &self.notice.alert;
        let mut own = json!({
            "name": report::title(self.notice),
            "description": report::plain(self.notice),
            "labels": self.labels(),
            "external_references": [self.reference()],
        });
        if let Some(first) = alert.attribution.first() {
            own["confidence"] = json!(certainty(first.probability));
        }
        self.object("incident", "", &self.modified, own)
    }

    fn labels(&self) -> Vec<String> {
        let alert = &self.notice.alert;
        let state = match alert.state {
            AlertState::Open => "open",
            AlertState::Acknowledged => "acknowledged",
            AlertState::Closed => "closed",
        };
        let mut labels = vec![format!("severity:{}", alert.severity), format!("pap:{}", alert.pap)];
        labels.push(format!("state:{state}"));
        if !self.notice.withheld {
            labels.push("data-leak".to_owned());
            labels.push(format!("verdict:{}", alert.verdict.name()));
        }
        labels
    }

    fn reference(&self) -> Value {
        json!({ "source_name": "vigie", "external_id": self.notice.alert.id })
    }

    fn note(&self) -> Value {
        self.object(
            "note",
            "",
            &self.modified,
            json!({
                "abstract": "Who is concerned and why (values masked)",
                "content": report::plain(self.notice),
                "authors": ["vigie"],
                "object_refs": [self.id("incident", "")],
            }),
        )
    }

    fn relation(&self, system: &SystemId, probability: f64) -> Value {
        self.object(
            "relationship",
            system.as_str(),
            &self.modified,
            json!({
                "relationship_type": "related-to",
                "source_ref": self.id("incident", ""),
                "target_ref": identity_id(system.as_str(), self.notice.alert.tlp),
                "confidence": certainty(probability),
                "description": format!("Probability {probability:.3} that the data was taken from this system"),
            }),
        )
    }

    fn report(&self, objects: &[Value]) -> Value {
        let refs: Vec<_> =
            objects.iter().filter(|o| o["type"] != "marking-definition").map(|o| o["id"].clone()).collect();
        self.object(
            "report",
            "",
            &self.modified,
            json!({
                "name": escape::line(&format!("[{}] {}", self.notice.alert.id, report::title(self.notice)), 300),
                "description": report::plain(self.notice),
                "report_types": ["observed-data"],
                "published": self.created,
                "labels": self.labels(),
                "external_references": [self.reference()],
                "object_refs": refs,
            }),
        )
    }
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// One for each TLP: an object has one set of markings, and alerts of every TLP speak of it.
fn identity_id(name: &str, tlp: Tlp) -> String {
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"urn:vigie:stix:identity");
    format!("identity--{}", derived(&namespace, &format!("{name} {tlp}")))
}

/// The name and the fixed id of a TLP 2.0 marking.
fn tlp(tlp: Tlp) -> (&'static str, &'static str) {
    match tlp {
        Tlp::Clear => ("TLP:CLEAR", "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"),
        Tlp::Green => ("TLP:GREEN", "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"),
        Tlp::Amber => ("TLP:AMBER", "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"),
        Tlp::AmberStrict => ("TLP:AMBER+STRICT", "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"),
        Tlp::Red => ("TLP:RED", "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"),
    }
}

fn marking(level: Tlp) -> Value {
    let (name, id) = tlp(level);
    json!({
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": id,
        "created": TLP_DEFINED,
        "name": name,
        "extensions": { TLP_EXTENSION: { "extension_type": "property-extension", "tlp_2_0": level } },
    })
}
