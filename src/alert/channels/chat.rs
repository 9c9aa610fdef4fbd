//! Chat: incoming webhooks of Slack, Mattermost and Microsoft Teams.
//!
//! The address of an incoming webhook is itself the secret. Chats keep no identity: a delivery that is repeated after
//! a crash is seen twice, which is why a message says its alert and revision.

use std::path::Path;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::SetupError;
use super::http::{Receiver, accepted, receiver_url};
use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use crate::alert::escape;
use crate::alert::report::{self, Part};
use crate::alert::secret::{RawSecret, SecretRef};
use crate::model::SettingProblem;
use crate::net::{Method, NetSettings};

/// Characters of a message's text; Mattermost refuses more than 16,383, Teams 28 KB in all.
const TEXT: usize = 6_000;

/// `chat` of a channel, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// The service: `slack`, `mattermost`, `teams`.
    pub service: Option<Service>,
    /// Where the address of the incoming webhook is kept.
    pub url: RawSecret,
}

/// A chat service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Slack.
    Slack,
    /// Mattermost.
    Mattermost,
    /// Microsoft Teams (Workflows).
    Teams,
}

/// `chat` of a channel, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    service: Service,
    url: SecretRef,
}

impl RawSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<Settings, Vec<SettingProblem>> {
        let hint = "is missing; hint: slack, mattermost or teams";
        let service = self.service.ok_or_else(|| SettingProblem::new("service", hint));
        match (service, self.url.validate("url", base)) {
            (Ok(service), Ok(url)) => Ok(Settings { service, url }),
            (service, url) => Err([service.err(), url.err()].into_iter().flatten().collect()),
        }
    }
}

/// The channel.
pub struct ChatChannel {
    service: Service,
    url: Url,
    receiver: Receiver,
}

impl ChatChannel {
    /// Reads the address.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn new(settings: &Settings, net: &NetSettings) -> Result<Self, SetupError> {
        let text = settings.url.read()?;
        let url = receiver_url("url", text.expose())
            .map_err(|p| SetupError::Form(format!("the secret url {}", p.message)))?;
        let receiver = Receiver::new(&url, net)?;
        Ok(Self { service: settings.service, url, receiver })
    }
}

impl Channel for ChatChannel {
    fn kind(&self) -> &'static str {
        match self.service {
            Service::Slack => "slack",
            Service::Mattermost => "mattermost",
            Service::Teams => "teams",
        }
    }

    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        let body = match self.service {
            Service::Slack => slack(notice),
            Service::Mattermost => json!({ "text": cut(&report::markdown(notice)), "username": "vigie" }),
            Service::Teams => teams(notice),
        };
        let text =
            escape::json(&body).map_err(|e| DeliveryError::refused(format!("cannot be written as JSON: {e}")))?;
        Ok(text.into_bytes())
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            let body = self.render(notice)?;
            let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            accepted(self.receiver.send(Method::Post, self.url.clone(), headers, body).await?)?;
            Ok(Receipt::default())
        }
        .boxed()
    }
}

/// At most [`TEXT`] characters, cut between lines.
fn cut(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        if out.chars().count() + line.chars().count() > TEXT {
            out.push_str("…\n");
            break;
        }
        out.push_str(line);
    }
    out
}

fn slack(notice: &Notice) -> Value {
    let mut lines = String::new();
    for part in report::parts(notice) {
        let line = match part {
            Part::Heading(text) => format!("*{text}*\n"),
            Part::Fact(name, value) => format!("{name}: {}\n", escape::slack(&value)),
            Part::Item(text) => format!("• {}\n", escape::slack(&text)),
        };
        // A section's text ends at 3,000 characters.
        if lines.chars().count() + line.chars().count() > 2_900 {
            lines.push('…');
            break;
        }
        lines.push_str(&line);
    }
    let title = escape::slack(&report::title(notice));
    json!({
        "text": title,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "verbatim": true, "text": title } },
            { "type": "section", "text": { "type": "mrkdwn", "verbatim": true, "text": lines } },
        ],
    })
}

fn teams(notice: &Notice) -> Value {
    let block =
        |text: String, weight: &str| json!({ "type": "TextBlock", "text": text, "wrap": true, "weight": weight });
    let mut body = vec![block(escape::markdown(&report::title(notice)), "bolder")];
    let mut characters = 0;
    for part in report::parts(notice) {
        let part = match part {
            Part::Heading(text) => block(text.to_owned(), "bolder"),
            Part::Fact(name, value) => block(format!("{name}: {}", escape::markdown(&value)), "default"),
            Part::Item(text) => block(escape::markdown(&text), "default"),
        };
        characters += part["text"].as_str().map_or(0, |text| text.chars().count());
        if characters > TEXT || body.len() > 60 {
            body.push(block("…".to_owned(), "default"));
            break;
        }
        body.push(part);
    }
    let content = json!({ "type": "AdaptiveCard", "version": "1.4", "body": body });
    let kind = "application/vnd.microsoft.card.adaptive";
    json!({ "type": "message", "attachments": [{ "contentType": kind, "content": content }] })
}
