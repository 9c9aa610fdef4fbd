//! What channels over HTTP have in common: the receiver's address, and which answers are worth another try.

use std::sync::Arc;

use url::Url;

use crate::alert::channel::DeliveryError;
use crate::model::SettingProblem;
use crate::net::{Client, Method, NetError, NetSettings, Policy, PolicySettings, Reply, Request};

/// A service of the operator's own. Naming it in the configuration is what allows its address, private or not.
pub struct Receiver {
    client: Client,
    policy: Arc<Policy>,
}

/// Checks the address of a receiver.
pub fn receiver_url(setting: &str, text: &str) -> Result<Url, SettingProblem> {
    let problem = |what: &str| SettingProblem::new(setting, what.to_owned());
    let url = Url::parse(text).map_err(|_| problem("is no address; hint: https://host.example/path"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(problem("is not an http or https address; hint: https://host.example/path"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(problem("holds a user name; hint: secrets go into a file or credential"));
    }
    Ok(url)
}

impl Receiver {
    /// A client of its own, so that one receiver that hangs holds up no other's connections.
    pub fn new(url: &Url, net: &NetSettings) -> Result<Self, NetError> {
        let host = url.host_str().unwrap_or_default();
        let allowed = url.port_or_known_default().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        let settings = PolicySettings { allow_hosts: vec![allowed], ignore_robots: true, ..PolicySettings::default() };
        let policy = Policy::new(&settings).map_err(|why| NetError::Setup { why })?;
        Ok(Self { client: Client::new(net.clone())?, policy })
    }

    /// Sends, and gives back whatever is answered.
    pub async fn send(
        &self,
        method: Method,
        url: Url,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<Reply, DeliveryError> {
        let request = Request { method, headers, body, follow: false, ..Request::get(url, &self.policy) };
        self.client.deliver(request).await.map_err(|error| {
            let reason = crate::telemetry::events::Chain(&error).to_string();
            if error.transient() {
                DeliveryError::Retry { reason, after: error.wait() }
            } else {
                DeliveryError::Refused { reason }
            }
        })
    }
}

/// Sorts answers. What the receiver refuses because of what it says will be refused again; what it refuses because of
/// who asks or where (a token that has run out, a path that moved) is tried again, because somebody may put it right
/// before the alert is given up.
pub fn accepted(reply: Reply) -> Result<Reply, DeliveryError> {
    let reason = format!("the receiver answered {}", reply.status);
    match reply.status {
        200..=299 => Ok(reply),
        300..=399 => {
            Err(DeliveryError::refused(format!("{reason}; hint: redirects are not followed, correct the url")))
        }
        400 | 405 | 406 | 409 | 410 | 411 | 413..=417 | 422 | 431 => Err(DeliveryError::refused(reason)),
        _ => Err(DeliveryError::Retry { reason, after: reply.retry_after }),
    }
}
