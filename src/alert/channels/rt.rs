//! Request Tracker 5 (and RTIR on top of it), over REST 2.0: a ticket for each alert, found again by the alert's id in
//! its subject, and what becomes of the alert added to it.
//!
//! RT recognises no repetition by itself, so it is asked first: for a ticket before one is made, and for an entry of
//! the same revision before one is added. Status, owner and priority of a ticket that exists are the CERT's affair and
//! never touched.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::SetupError;
use super::http::{Receiver, accepted, receiver_url};
use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use crate::alert::secret::{RawSecret, SecretRef};
use crate::alert::{escape, report};
use crate::model::{Sensitive, SettingProblem, Severity};
use crate::net::{Method, NetSettings, Reply};

/// Longest subject that RT keeps, in characters.
const SUBJECT: usize = 200;

/// Entries of a ticket that are looked through for one that has been added before: the latest.
const ENTRIES: usize = 100;

/// `rt` of a channel, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// The instance: `https://rt.example.org/`.
    pub url: String,
    /// An authentication token of a user who may create tickets and comment on them.
    pub token: Option<RawSecret>,
    /// The user's name, where RT gives no tokens.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<RawSecret>,
    /// The queue. Default: `Incident Reports`, RTIR's.
    pub queue: Option<String>,
    /// How later news is added: `comment` (seen by staff) or `reply` (mailed to the ticket's requestors too). Default:
    /// `comment`.
    pub updates: Option<Updates>,
}

/// How later news is added to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Updates {
    /// Seen by staff.
    #[default]
    Comment,
    /// Mailed to the requestors too.
    Reply,
}

/// `rt` of a channel, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    url: Url,
    login: Login,
    queue: String,
    updates: Updates,
}

/// How vigie says who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Login {
    Token(SecretRef),
    Password(String, SecretRef),
}

impl RawSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<Settings, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let url = receiver_url("url", &self.url).map_err(|p| problems.push(p)).ok();
        let login = login(self.token, self.user, self.password, base).map_err(|p| problems.push(p)).ok();
        let queue = self.queue.unwrap_or_else(|| "Incident Reports".to_owned());
        if queue.is_empty() || queue.contains(['\'', '"', '\\']) || queue.chars().any(char::is_control) {
            problems.push(SettingProblem::new("queue", "is no name of a queue; hint: without quotes or backslashes"));
        }
        match (url, login) {
            (Some(mut url), Some(login)) if problems.is_empty() => {
                if !url.path().ends_with('/') {
                    url.set_path(&format!("{}/", url.path()));
                }
                Ok(Settings { url, login, queue, updates: self.updates.unwrap_or_default() })
            }
            _ => Err(problems),
        }
    }
}

fn login(
    token: Option<RawSecret>,
    user: Option<String>,
    password: Option<RawSecret>,
    base: &Path,
) -> Result<Login, SettingProblem> {
    match (token, user, password) {
        (Some(token), None, None) => token.validate("token", base).map(Login::Token),
        (None, Some(user), Some(password)) if !user.is_empty() && !user.contains(':') => {
            Ok(Login::Password(user, password.validate("password", base)?))
        }
        _ => Err(SettingProblem::new("token", "is missing; hint: give a token, or else user and password")),
    }
}

/// The channel.
pub struct RtChannel {
    settings: Settings,
    receiver: Receiver,
    authorization: Sensitive<String>,
}

impl RtChannel {
    /// Reads the token or the password.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(settings: &Settings, net: &NetSettings) -> Result<Self, SetupError> {
        let receiver = Receiver::new(&settings.url, net)?;
        let authorization = Sensitive::new(match &settings.login {
            Login::Token(token) => format!("token {}", token.read()?.expose()),
            Login::Password(user, password) => {
                let login = Zeroizing::new(format!("{user}:{}", password.read()?.expose()));
                format!("Basic {}", STANDARD.encode(login.as_bytes()))
            }
        });
        Ok(Self { settings: settings.clone(), receiver, authorization })
    }

    async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Reply, DeliveryError> {
        let url = self.settings.url.join(&format!("REST/2.0/{path}"));
        let url = url.map_err(|_| DeliveryError::refused("the address cannot be extended"))?;
        let headers = [
            ("authorization", self.authorization.expose().clone()),
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
        ];
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.receiver.send(method, url, headers, body).await
    }

    /// The ticket whose subject names the alert; the first, should somebody have made more.
    async fn find(&self, notice: &Notice) -> Result<Option<String>, DeliveryError> {
        let wanted = format!("Queue = '{}' AND Subject LIKE '{}'", self.settings.queue, notice.alert.id);
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("query", wanted.as_str()), ("orderby", "id"), ("per_page", "1")])
            .finish();
        let found = json_of(accepted(self.ask(Method::Get, &format!("tickets?{query}"), Vec::new()).await?)?);
        Ok(number(&found["items"][0]["id"]))
    }

    async fn create(&self, notice: &Notice) -> Result<Receipt, DeliveryError> {
        let made = json_of(accepted(self.ask(Method::Post, "ticket", self.render(notice)?).await?)?);
        Ok(Receipt { reference: number(&made["id"]) })
    }

    /// Adds to a ticket what has become of the alert; `false` when there is no such ticket any more.
    async fn add(&self, ticket: &str, notice: &Notice) -> Result<bool, DeliveryError> {
        let subject = added_subject(notice);
        let query = format!("fields=Subject&per_page={ENTRIES}&order=DESC&orderby=id");
        let entries = self.ask(Method::Get, &format!("ticket/{ticket}/attachments?{query}"), Vec::new()).await?;
        if entries.status == 404 {
            return Ok(false);
        }
        let entries = json_of(accepted(entries)?);
        let mut subjects = entries["items"].as_array().into_iter().flatten().map(|entry| &entry["Subject"]);
        if subjects.any(|known| known.as_str() == Some(subject.as_str())) {
            return Ok(true);
        }
        let how = match self.settings.updates {
            Updates::Comment => "comment",
            Updates::Reply => "correspond",
        };
        let entry = json!({ "Subject": subject, "Content": report::plain(notice), "ContentType": "text/plain" });
        accepted(self.ask(Method::Post, &format!("ticket/{ticket}/{how}"), written(&entry)?).await?)?;
        Ok(true)
    }
}

fn json_of(reply: Reply) -> Value {
    serde_json::from_slice(&reply.bytes).unwrap_or_default()
}

fn written(value: &Value) -> Result<Vec<u8>, DeliveryError> {
    let text = escape::json(value).map_err(|e| DeliveryError::refused(format!("cannot be written as JSON: {e}")))?;
    Ok(text.into_bytes())
}

/// A ticket's number, which RT writes as a number or as a text. Nothing else becomes part of a path.
fn number(id: &Value) -> Option<String> {
    let text = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    (!text.is_empty() && text.len() < 20 && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

fn subject(notice: &Notice) -> String {
    escape::line(&format!("[vigie {}] {}", notice.alert.id, report::title(notice)), SUBJECT)
}

/// The identity of an entry: the same whenever it is repeated.
fn added_subject(notice: &Notice) -> String {
    format!("[vigie {}] {}", notice.key(), notice.change.name())
}

impl Channel for RtChannel {
    fn kind(&self) -> &'static str {
        "rt"
    }

    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        let priority = match notice.alert.severity {
            Severity::Low => 0,
            Severity::Medium => 50,
            Severity::High => 80,
            Severity::Critical => 100,
        };
        written(&json!({
            "Queue": self.settings.queue,
            "Subject": subject(notice),
            "Priority": priority,
            "Content": report::plain(notice),
            "ContentType": "text/plain",
        }))
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            let known = notice.reference.clone();
            let ticket = match known {
                Some(ticket) => Some(ticket),
                None => self.find(notice).await?,
            };
            let Some(ticket) = ticket else { return self.create(notice).await };
            // A ticket found by its subject that says what we would say was made by a delivery whose end we missed.
            let repeated = notice.reference.is_none() && notice.change == crate::model::Change::Raised;
            if repeated || self.add(&ticket, notice).await? {
                return Ok(Receipt { reference: Some(ticket) });
            }
            self.create(notice).await
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::channels::contract::{HOSTILE, hostile_alert};
    use crate::alert::settings::Clearance;
    use crate::model::Change;

    #[test]
    fn a_subject_is_found_by_the_alerts_id_and_is_one_line() {
        for text in HOSTILE {
            let notice = Notice::new(hostile_alert(&text.repeat(50)), Change::Raised, None, Clearance::ALL);
            let subject = subject(&notice);
            assert!(subject.contains(&notice.alert.id.to_string()) && subject.chars().count() <= SUBJECT);
            assert!(!subject.contains('\n'));
        }
    }

    #[test]
    fn only_numbers_become_part_of_a_path() {
        assert_eq!(number(&json!(17)), Some("17".into()));
        assert_eq!(number(&json!("17")), Some("17".into()));
        for bad in [json!("../user/1"), json!(null), json!(-1), json!(1.5), json!(""), json!([1])] {
            assert_eq!(number(&bad), None, "{bad}");
        }
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let problems = toml::from_str::<RawSettings>("queue = \"x' OR id > 0\"").unwrap();
        let names: Vec<_> = problems.validate(Path::new("/")).unwrap_err().into_iter().map(|p| p.setting).collect();
        assert_eq!(names, ["url", "token", "queue"]);
    }
}
