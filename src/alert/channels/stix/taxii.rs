//! TAXII 2.1: an alert's objects added to a collection.
//!
//! A server counts an object that it has already as failed, and 202 is no success: what counts is its status, and for
//! whatever it says has failed, whether the version is there all the same.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{objects, written};
use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use crate::alert::channels::SetupError;
use crate::alert::channels::http::{Receiver, accepted, receiver_url};
use crate::alert::escape;
use crate::alert::secret::{RawSecret, SecretRef};
use crate::model::{Sensitive, SettingProblem};
use crate::net::{Method, NetSettings, Reply};

const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";

/// How often a server that is still at it is asked for the status before the delivery is tried again later.
const ASKED: u32 = 10;

/// `taxii` of a channel, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// The collection: `https://taxii.example.org/api1/collections/365fed99-08fa-4c11-a72f-1e1d4a3a0b1c/`.
    pub collection: String,
    /// The user who may write to it.
    pub user: String,
    /// Their password.
    pub password: RawSecret,
}

/// `taxii` of a channel, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    collection: Url,
    user: String,
    password: SecretRef,
}

impl RawSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<Settings, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let collection = receiver_url("collection", &self.collection).map_err(|p| problems.push(p)).ok();
        let collection = collection.map(|mut url| {
            // Without it everything below the address is cut off.
            if !url.path().ends_with('/') {
                url.set_path(&format!("{}/", url.path()));
            }
            url
        });
        if let Some(url) = &collection
            && root(url).is_none()
        {
            let hint = "is no collection; hint: https://HOST/API-ROOT/collections/ID/";
            problems.push(SettingProblem::new("collection", hint));
        }
        if self.user.is_empty() || self.user.contains(':') {
            problems.push(SettingProblem::new("user", "is missing, or contains `:`; hint: who may write there"));
        }
        let password = self.password.validate("password", base).map_err(|p| problems.push(p)).ok();
        match (collection, password) {
            (Some(collection), Some(password)) if problems.is_empty() => {
                Ok(Settings { collection, user: self.user, password })
            }
            _ => Err(problems),
        }
    }
}

/// The API root that a collection lies in.
fn root(collection: &Url) -> Option<Url> {
    let path = collection.path();
    let at = path.rfind("/collections/")?;
    let id = path[at + "/collections/".len()..].trim_end_matches('/');
    if id.is_empty() || id.contains('/') {
        return None;
    }
    collection.join(&path[..=at]).ok()
}

/// The channel.
pub struct TaxiiChannel {
    collection: Url,
    root: Url,
    receiver: Receiver,
    authorization: Sensitive<String>,
}

impl TaxiiChannel {
    /// Reads the password.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(settings: &Settings, net: &NetSettings) -> Result<Self, SetupError> {
        let login = format!("{}:{}", settings.user, settings.password.read()?.expose());
        let authorization = Sensitive::new(format!("Basic {}", STANDARD.encode(login)));
        let receiver = Receiver::new(&settings.collection, net)?;
        let root = root(&settings.collection).unwrap_or_else(|| settings.collection.clone());
        Ok(Self { collection: settings.collection.clone(), root, receiver, authorization })
    }

    async fn ask(&self, method: Method, url: Url, body: Vec<u8>) -> Result<Reply, DeliveryError> {
        let headers = [
            ("authorization", self.authorization.expose().clone()),
            ("accept", MEDIA_TYPE.to_owned()),
            ("content-type", MEDIA_TYPE.to_owned()),
        ];
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.receiver.send(method, url, headers, body).await
    }

    fn below(base: &Url, path: &str) -> Result<Url, DeliveryError> {
        base.join(path).map_err(|_| DeliveryError::refused("the address cannot be extended"))
    }

    async fn push(&self, objects: Vec<Value>) -> Result<(), DeliveryError> {
        let body = written(&json!({ "objects": objects }))?;
        let reply = accepted(self.ask(Method::Post, Self::below(&self.collection, "objects/")?, body).await?)?;
        let status = self.settled(json_of(&reply)).await?;
        for failure in status["failures"].as_array().into_iter().flatten() {
            let id = failure["id"].as_str().unwrap_or_default();
            let object = objects.iter().find(|object| object["id"] == id);
            let there = match object {
                Some(object) => self.has(object).await?,
                None => false,
            };
            if !there {
                let (id, why) = (escape::line(id, 100), failure["message"].as_str().unwrap_or("no reason given"));
                let why = escape::line(why, 200);
                return Err(DeliveryError::refused(format!("the server does not take {id}: {why}")));
            }
        }
        let failed = status["failure_count"].as_u64().unwrap_or(0);
        let named = status["failures"].as_array().map_or(0, Vec::len) as u64;
        if failed > named {
            // Which ones is not said: those that matter are looked for.
            for object in objects.iter().filter(|object| object["type"] == "report" || object["type"] == "incident") {
                if !self.has(object).await? {
                    return Err(DeliveryError::refused(format!("the server failed on {failed} objects, unnamed")));
                }
            }
        }
        Ok(())
    }

    /// Waits for a server that answers before it has finished.
    async fn settled(&self, mut status: Value) -> Result<Value, DeliveryError> {
        for _ in 0..ASKED {
            if status["status"] != "pending" {
                return Ok(status);
            }
            let id = status["id"].as_str().unwrap_or_default().to_owned();
            tokio::time::sleep(Duration::from_millis(500)).await;
            let path: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
            let url = Self::below(&self.root, &format!("status/{path}/"))?;
            status = json_of(&accepted(self.ask(Method::Get, url, Vec::new()).await?)?);
        }
        Err(DeliveryError::retry("the server has not finished taking the objects"))
    }

    /// Whether the server has this version of an object.
    async fn has(&self, object: &Value) -> Result<bool, DeliveryError> {
        let id = object["id"].as_str().unwrap_or_default();
        let url = Self::below(&self.collection, &format!("objects/{id}/versions/"))?;
        let reply = self.ask(Method::Get, url, Vec::new()).await?;
        if reply.status == 404 {
            return Ok(false);
        }
        let versions = json_of(&accepted(reply)?);
        let mut versions = versions["versions"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Ok(match object["modified"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok()) {
            Some(ours) => versions.any(|at| at.parse::<jiff::Timestamp>().is_ok_and(|theirs| theirs == ours)),
            // Observables and markings have no versions of their own.
            None => versions.next().is_some(),
        })
    }
}

fn json_of(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.bytes).unwrap_or_default()
}

impl Channel for TaxiiChannel {
    fn kind(&self) -> &'static str {
        "taxii"
    }

    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        written(&json!({ "objects": objects::of(notice) }))
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            self.push(objects::of(notice)).await?;
            Ok(Receipt::default())
        }
        .boxed()
    }
}
