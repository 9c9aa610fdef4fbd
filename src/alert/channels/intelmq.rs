//! IntelMQ 3: an event for each document an alert has gained, as lines of JSON posted to its API collector or put
//! into a folder that its file collector empties.
//!
//! Events cannot be changed once they flow, so what becomes of an alert is another event with the same
//! `extra.alert_id` and a later `extra.revision`. An event repeated after a crash is the same to the last byte, and
//! IntelMQ's deduplicator drops it. Fields are those of IntelMQ's harmonization.

use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Host, Url};

use super::SetupError;
use super::http::{Receiver, accepted, receiver_url};
use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use crate::alert::{escape, report};
use crate::model::{DocumentSummary, SettingProblem, Tlp};
use crate::net::{Method, NetSettings};

/// Events of one delivery: the latest documents.
const EVENTS: usize = 100;

/// `intelmq` of a channel, as written: exactly one of the two.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// The API collector: `http://127.0.0.1:5000/intelmq/push`.
    pub url: Option<String>,
    /// The folder of a file collector, which must exist; relative to the configuration's folder.
    pub folder: Option<PathBuf>,
}

/// `intelmq` of a channel, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settings {
    /// Posted.
    Url(Url),
    /// Put into a folder.
    Folder(PathBuf),
}

impl RawSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<Settings, Vec<SettingProblem>> {
        match (self.url, self.folder) {
            (Some(url), None) => receiver_url("url", &url).map(Settings::Url).map_err(|p| vec![p]),
            (None, Some(folder)) if !folder.as_os_str().is_empty() => Ok(Settings::Folder(base.join(folder))),
            _ => {
                let hint = "needs one place; hint: url of an API collector, or folder of a file collector";
                Err(vec![SettingProblem::new("", hint)])
            }
        }
    }
}

enum Place {
    Url(Url, Receiver),
    Folder(PathBuf),
}

/// The channel.
pub struct IntelMqChannel(Place);

impl IntelMqChannel {
    /// Looks whether the folder is there.
    ///
    /// # Errors
    /// When it is not, or HTTP cannot be set up.
    pub fn new(settings: &Settings, net: &NetSettings) -> Result<Self, SetupError> {
        Ok(Self(match settings {
            Settings::Url(url) => Place::Url(url.clone(), Receiver::new(url, net)?),
            Settings::Folder(folder) => {
                let open = |source| SetupError::Open { path: folder.clone(), source };
                std::fs::read_dir(folder).map_err(open)?;
                Place::Folder(folder.clone())
            }
        }))
    }
}

/// The documents that have not been told yet, by how many had been; the latest when there is nothing but news of the
/// alert itself.
fn untold(notice: &Notice) -> &[DocumentSummary] {
    let documents = &notice.alert.documents;
    let told = notice.reference.as_deref().and_then(|count| count.parse::<usize>().ok()).unwrap_or(0);
    let from = told.min(documents.len().saturating_sub(1)).max(documents.len().saturating_sub(EVENTS));
    &documents[from..]
}

/// As harmonization writes times: seconds, with the offset.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

fn event(notice: &Notice, document: Option<&DocumentSummary>) -> Value {
    let alert = &notice.alert;
    let mut event = json!({
        "__type": "Event",
        "feed.name": "vigie",
        "time.observation": time(alert.updated_at),
        "classification.taxonomy": "information-content-security",
        "classification.type": "data-leak",
        "classification.identifier": "customer-records",
        "event_description.text": report::title(notice),
        "tlp": match alert.tlp {
            // Harmonization knows TLP 1 only.
            Tlp::Clear => "WHITE",
            Tlp::Green => "GREEN",
            Tlp::Amber | Tlp::AmberStrict => "AMBER",
            Tlp::Red => "RED",
        },
        "extra.alert_id": alert.id,
        "extra.revision": alert.revision,
        "extra.change": notice.change.name(),
        "extra.severity": alert.severity,
        "extra.tlp": alert.tlp,
        "extra.pap": alert.pap,
    });
    if notice.withheld {
        return event;
    }
    event["extra.verdict"] = json!(alert.verdict.name());
    event["extra.record_count"] = json!(alert.impact.records);
    if let Some(first) = alert.attribution.first() {
        event["feed.accuracy"] = json!((first.probability * 1_000.0).floor() / 10.0);
        event["event_description.target"] = json!(first.system);
        event["extra.snapshot"] = json!(first.snapshot);
    }
    if let Some(document) = document {
        event["time.source"] = json!(time(document.seen_at));
        event["extra.blake3"] = json!(document.blake3);
        event["extra.site"] = json!(document.site);
        place(&mut event, &document.url);
    }
    event
}

/// Where it was seen, as far as it is an address.
fn place(event: &mut Value, url: &str) {
    let Ok(url) = Url::parse(url) else { return };
    let Some(host) = url.host() else { return };
    event["source.url"] = json!(url.as_str());
    match host {
        Host::Domain(name) => event["source.fqdn"] = json!(name),
        Host::Ipv4(address) => event["source.ip"] = json!(IpAddr::from(address)),
        Host::Ipv6(address) => event["source.ip"] = json!(IpAddr::from(address)),
    }
}

impl Channel for IntelMqChannel {
    fn kind(&self) -> &'static str {
        "intelmq"
    }

    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        let documents = untold(notice);
        let events: Vec<_> = if documents.is_empty() {
            vec![event(notice, None)]
        } else {
            documents.iter().map(|document| event(notice, Some(document))).collect()
        };
        let mut lines = String::new();
        for event in events {
            let line = escape::json(&event);
            lines.push_str(&line.map_err(|e| DeliveryError::refused(format!("cannot be written as JSON: {e}")))?);
            lines.push('\n');
        }
        Ok(lines.into_bytes())
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            let events = self.render(notice)?;
            match &self.0 {
                Place::Url(url, receiver) => {
                    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
                    accepted(receiver.send(Method::Post, url.clone(), headers, events).await?)?;
                }
                Place::Folder(folder) => {
                    let (folder, name) = (folder.clone(), format!("vigie-{}.json", notice.key()));
                    let put = tokio::task::spawn_blocking(move || put(&folder, &name, &events)).await;
                    let put = put.map_err(|e| DeliveryError::retry(e.to_string()))?;
                    put.map_err(|e| DeliveryError::retry(format!("the events cannot be written: {e}")))?;
                }
            }
            Ok(Receipt { reference: Some(notice.alert.documents.len().to_string()) })
        }
        .boxed()
    }
}

/// Under another name first: a collector that looks now must not find half of it.
fn put(folder: &Path, name: &str, events: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut new = tempfile::Builder::new().prefix(".vigie-").suffix(".new").tempfile_in(folder)?;
    new.write_all(events)?;
    // IntelMQ runs as somebody else, who shares the folder's group.
    new.as_file().set_permissions(std::fs::Permissions::from_mode(0o660))?;
    new.as_file().sync_all()?;
    new.persist(folder.join(name)).map_err(|e| e.error)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::channels::contract::{check, check_repetition, hostile_alert};
    use crate::alert::settings::Clearance;
    use crate::model::Change;

    fn notice(documents: usize, reference: Option<&str>) -> Notice {
        let mut alert = hostile_alert("x");
        alert.documents = vec![alert.documents[0].clone(); documents];
        for (at, document) in alert.documents.iter_mut().enumerate() {
            document.url = format!("https://paste.example/{at}");
        }
        Notice::new(alert, Change::Updated, reference.map(str::to_owned), Clearance::ALL)
    }

    #[test]
    fn each_document_is_told_once_and_news_of_the_alert_with_the_latest() {
        let urls = |notice: &Notice| untold(notice).iter().map(|d| d.url[22..].to_owned()).collect::<Vec<_>>();
        assert_eq!(urls(&notice(3, None)), ["0", "1", "2"]);
        assert_eq!(urls(&notice(3, Some("1"))), ["1", "2"]);
        assert_eq!(urls(&notice(3, Some("3"))), ["2"], "nothing new but the alert itself");
        assert_eq!(urls(&notice(3, Some("9"))), ["2"]);
        assert_eq!(urls(&notice(0, Some("9"))), [""; 0]);
        assert_eq!(urls(&notice(250, Some("1"))).len(), EVENTS);
    }

    #[tokio::test]
    async fn events_lie_in_the_folder_once() {
        let dir = tempfile::tempdir().unwrap();
        let settings = RawSettings { folder: Some(dir.path().into()), url: None }.validate(Path::new("/")).unwrap();
        let channel = IntelMqChannel::new(&settings, &NetSettings::default()).unwrap();
        check(&channel);
        check_repetition(&channel).await;
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }

    #[test]
    fn one_place_is_named() {
        let check = |toml: &str| toml::from_str::<RawSettings>(toml).unwrap().validate(Path::new("/"));
        assert!(check("").is_err() && check("url = 'http://x.example'\nfolder = 'y'").is_err());
        assert!(check("url = 'nowhere'").is_err());
        assert_eq!(check("folder = 'y'"), Ok(Settings::Folder("/y".into())));
    }
}
