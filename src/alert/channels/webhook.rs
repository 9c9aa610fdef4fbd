//! A webhook, in one of three styles: Standard Webhooks (standardwebhooks.com, specification 1.0), GitHub's, or
//! CloudEvents 1.0 (structured JSON, signed as Standard Webhooks).
//!
//! `webhook-id` (`X-GitHub-Delivery`, the event's `id`) is the alert's id and revision, the same whenever a delivery is repeated: receivers deduplicate on it.
//! With several secrets the message carries a signature for each, so that a secret can be replaced without a gap.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use url::Url;
use zeroize::Zeroizing;

use super::SetupError;
use super::http::{Receiver, accepted, receiver_url};
use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use crate::alert::escape;
use crate::alert::secret::{RawSecret, SecretRef};
use crate::model::{Alert, SettingProblem};
use crate::net::{Method, NetSettings};

/// `webhook` of a channel, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// Where to post.
    pub url: String,
    /// `standard`, `github` or `cloudevents`. Default: `standard`.
    pub style: Option<Style>,
    /// Signing secrets; the current one first, former ones while they are being replaced. At most four, each `whsec_`
    /// and base64 of 24 to 64 bytes; in the `github` style one, any text of 16 bytes and more.
    pub secrets: Vec<RawSecret>,
}

/// How the message is wrapped and signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// Standard Webhooks.
    #[default]
    Standard,
    /// `X-Hub-Signature-256`.
    Github,
    /// CloudEvents, signed as Standard Webhooks.
    Cloudevents,
}

/// `webhook` of a channel, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    url: Url,
    style: Style,
    secrets: Vec<SecretRef>,
}

impl RawSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<Settings, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let url = receiver_url("url", &self.url).map_err(|p| problems.push(p)).ok();
        let style = self.style.unwrap_or_default();
        let most = if style == Style::Github { 1 } else { 4 };
        if !(1..=most).contains(&self.secrets.len()) {
            let hint = "[{ credential = \"hook\" }]";
            problems.push(SettingProblem::new("secrets", format!("needs 1 to {most} secrets; hint: {hint}")));
        }
        let mut secrets = Vec::new();
        for (at, raw) in self.secrets.into_iter().enumerate() {
            match raw.validate(&format!("secrets.{at}"), base) {
                Ok(secret) => secrets.push(secret),
                Err(problem) => problems.push(problem),
            }
        }
        match url {
            Some(url) if problems.is_empty() => Ok(Settings { url, style, secrets }),
            _ => Err(problems),
        }
    }
}

/// The same as a CloudEvent.
#[derive(Serialize)]
struct CloudEvent<'n> {
    specversion: &'static str,
    id: String,
    source: &'static str,
    r#type: String,
    subject: String,
    time: jiff::Timestamp,
    datacontenttype: &'static str,
    data: &'n Data<'n>,
}

/// The channel.
pub struct WebhookChannel {
    url: Url,
    style: Style,
    receiver: Receiver,
    keys: Vec<Zeroizing<Vec<u8>>>,
}

/// What is posted. The names are a contract.
#[derive(Serialize)]
struct Body<'n> {
    /// `alert.raised`, `alert.updated`, …
    r#type: String,
    /// When the alert became what it is.
    timestamp: jiff::Timestamp,
    data: Data<'n>,
}

#[derive(Serialize)]
struct Data<'n> {
    /// Whether content is held back because of the alert's TLP.
    withheld: bool,
    #[serde(flatten)]
    alert: &'n Alert,
}

impl WebhookChannel {
    /// Reads the secrets.
    ///
    /// # Errors
    /// When one cannot be read or is not of the form.
    pub fn new(settings: &Settings, net: &NetSettings) -> Result<Self, SetupError> {
        let read = if settings.style == Style::Github { text_key } else { key };
        let keys = settings.secrets.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self {
            url: settings.url.clone(),
            style: settings.style,
            receiver: Receiver::new(&settings.url, net)?,
            keys,
        })
    }

    fn signatures(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
        let one = |key: &Zeroizing<Vec<u8>>| format!("v1,{}", STANDARD.encode(hmac_sha256(key, &signed)));
        self.keys.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn headers(&self, notice: &Notice, body: &[u8]) -> Vec<(String, String)> {
        let id = notice.key();
        let named = |(name, value): (&str, String)| (name.to_owned(), value);
        if self.style == Style::Github {
            let signature = hmac_sha256(&self.keys[0], body);
            let signature: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
            let headers = [
                ("content-type", "application/json".to_owned()),
                ("x-github-event", "vigie_alert".to_owned()),
                ("x-github-delivery", id),
                ("x-hub-signature-256", format!("sha256={signature}")),
            ];
            return headers.map(named).to_vec();
        }
        let timestamp = jiff::Timestamp::now().as_second();
        let media_type =
            if self.style == Style::Cloudevents { "application/cloudevents+json" } else { "application/json" };
        let headers = [
            ("content-type", media_type.to_owned()),
            ("webhook-signature", self.signatures(&id, timestamp, body)),
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string()),
        ];
        headers.map(named).to_vec()
    }
}

fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

fn text_key(secret: &SecretRef) -> Result<Zeroizing<Vec<u8>>, SetupError> {
    let key = Zeroizing::new(secret.read()?.expose().clone().into_bytes());
    if key.len() < 16 {
        return Err(SetupError::Form(format!("{secret:?} is too short to sign with; hint: 16 bytes and more")));
    }
    Ok(key)
}

fn key(secret: &SecretRef) -> Result<Zeroizing<Vec<u8>>, SetupError> {
    let text = secret.read()?;
    let key = text.expose().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok()).map(Zeroizing::new);
    key.filter(|key| (24..=64).contains(&key.len())).ok_or_else(|| {
        let hint = "`whsec_` and the base64 of 24 to 64 random bytes";
        SetupError::Form(format!("the {secret} is no webhook secret; hint: {hint}"))
    })
}

impl Channel for WebhookChannel {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        let body = Body {
            r#type: format!("alert.{}", notice.change.name()),
            timestamp: notice.alert.updated_at,
            data: Data { withheld: notice.withheld, alert: &notice.alert },
        };
        let event = CloudEvent {
            specversion: "1.0",
            id: notice.key(),
            source: "urn:vigie",
            r#type: format!("org.vigie.alert.{}", notice.change.name()),
            subject: notice.alert.id.to_string(),
            time: notice.alert.updated_at,
            datacontenttype: "application/json",
            data: &body.data,
        };
        let text = match self.style {
            Style::Cloudevents => escape::json(&event),
            Style::Standard | Style::Github => escape::json(&body),
        };
        let text = text.map_err(|e| DeliveryError::refused(format!("cannot be written as JSON: {e}")))?;
        Ok(text.into_bytes())
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            let body = self.render(notice)?;
            let headers = self.headers(notice, &body);
            accepted(self.receiver.send(Method::Post, self.url.clone(), headers, body).await?)?;
            Ok(Receipt::default())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn signatures_are_those_of_the_reference() {
        let decode = |text| Zeroizing::new(STANDARD.decode(text).unwrap());
        let url = Url::parse("https://hook.example/").unwrap();
        let channel = WebhookChannel {
            receiver: Receiver::new(&url, &NetSettings::default()).unwrap(),
            url,
            style: Style::Standard,
            keys: vec![decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx")],
        };
        let both = channel.signatures("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_ne!(first, second);
    }
}
