//! Delivering to a service of the operator's own: one request, whatever the answer.
//!
//! Reading a site takes its turn, obeys robots.txt and remembers when to leave a host alone. A receiver of alerts was
//! named by the operator and says itself, in its answer, what became of the delivery: status, `Location` and body are
//! given back, redirects are never followed. Addresses are checked and bytes and times are bounded all the same.

use std::time::{Duration, SystemTime};

use reqwest::header;
use tokio::time::timeout;

use super::body::{self, Bounds};
use super::client::{Client, Request, name, sending};
use super::error::NetError;
use super::headers::{header_text, headers};
use super::host::retry_after;

/// Bytes of an answer that are kept: enough to recognise what a receiver says.
const ANSWER_MAX: usize = 1 << 20;

/// What a receiver answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Location`, as received.
    pub location: Option<String>,
    /// `Set-Cookie` lines, as received.
    pub cookies: Vec<(String, String)>,
    /// How long it wants to be left alone.
    pub retry_after: Option<Duration>,
    /// The body, cut at a megabyte.
    pub bytes: Vec<u8>,
}

impl Client {
    /// Sends one request and returns the answer, whatever its status.
    ///
    /// # Errors
    /// When there was no answer.
    pub async fn deliver(&self, request: Request) -> Result<Reply, NetError> {
        request.policy.check(&request.url)?;
        let late = |_| NetError::Timeout { host: name(&request.url), phase: "the whole exchange" };
        timeout(self.settings().total(), self.deliver_now(&request)).await.map_err(late)?
    }

    /// Sends a form to a site: like [`Client::deliver`], but in the host's turn, since it is a site that is read.
    ///
    /// # Errors
    /// When there was no answer, or the host wants to be left alone.
    pub async fn submit(&self, request: Request) -> Result<Reply, NetError> {
        request.policy.check(&request.url)?;
        let host = self.host(&request.url);
        let _turn = host.turn(request.policy.gap).await;
        if let Some(wait) = host.wait() {
            return Err(NetError::BackingOff { host: name(&request.url), wait });
        }
        self.deliver(request).await
    }

    /// Reads an address whole, in the host's turn: for a protocol of its own over HTTP. Not found (404), not as wanted
    /// (412) and nothing there (416) are answers of it. A body over the cap is an error, not a cut.
    pub(super) async fn ask_whole(
        &self,
        request: Request,
    ) -> Result<(reqwest::StatusCode, header::HeaderMap, Vec<u8>), NetError> {
        request.policy.check(&request.url)?;
        let (host, name) = (self.host(&request.url), name(&request.url));
        let _turn = host.turn(request.policy.gap).await;
        if let Some(wait) = host.wait() {
            return Err(NetError::BackingOff { host: name, wait });
        }
        let settings = self.settings();
        let late = |phase| NetError::Timeout { host: name.clone(), phase };
        let asked = async {
            let transport = self.transport(&request.policy)?;
            let sent = transport.request(request.method.into(), request.url.clone()).headers(headers(&request)).send();
            let head = settings.connect() + settings.idle();
            let response = timeout(head, sent).await.map_err(|_| late("silence before the answer"))?;
            let response = response.map_err(|e| sending(&e, &name))?;
            self.check_answer(&request, &response, &name)?;
            let (status, head) = (response.status(), response.headers().clone());
            let asked = header_text(&head, &header::RETRY_AFTER);
            let wait = host.note(status.as_u16(), asked.and_then(|value| retry_after(&value, SystemTime::now())));
            // What is missing or has changed is an answer of the protocol's; anything else is not.
            if status.as_u16() >= 400 && !matches!(status.as_u16(), 404 | 412 | 416) {
                let (host, status) = (name.clone(), status.as_u16());
                return Err(NetError::Status { host, status, retry_after: wait });
            }
            let max_bytes = request.max_bytes.min(settings.max_body_mib * 1024 * 1024);
            let bounds = Bounds { max_bytes, idle: settings.idle(), min_rate: settings.min_rate };
            let body = body::read(response, &name, &bounds, self.memory()).await?;
            if body.truncated {
                return Err(NetError::Encoding { host: name.clone(), why: "larger than is read" });
            }
            Ok((status, head, body.bytes))
        };
        timeout(settings.total(), asked).await.map_err(|_| late("the whole exchange"))?
    }

    async fn deliver_now(&self, request: &Request) -> Result<Reply, NetError> {
        let host = name(&request.url);
        let settings = self.settings();
        let sent = self
            .transport(&request.policy)?
            .request(request.method.into(), request.url.clone())
            .headers(headers(request))
            .body(request.body.clone())
            .send();
        let late = |_| NetError::Timeout { host: host.clone(), phase: "silence before the answer" };
        let head = settings.connect() + settings.idle();
        let response = timeout(head, sent).await.map_err(late)?.map_err(|e| sending(&e, &host))?;
        self.check_answer(request, &response, &host)?;
        let status = response.status().as_u16();
        let location = header_text(response.headers(), &header::LOCATION);
        let asked = header_text(response.headers(), &header::RETRY_AFTER);
        let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let cookies = response.headers().get_all(header::SET_COOKIE).iter();
        let cookies = cookies.map(|value| ("set-cookie".to_owned(), text(value))).collect();
        let bounds =
            Bounds { max_bytes: request.max_bytes.min(ANSWER_MAX), idle: settings.idle(), min_rate: settings.min_rate };
        let body = body::read(response, &host, &bounds, self.memory()).await?;
        let retry_after = asked.and_then(|value| retry_after(&value, SystemTime::now()));
        Ok(Reply { status, location, cookies, retry_after, bytes: body.bytes })
    }
}
