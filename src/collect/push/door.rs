//! The way in: who asks, whether there is room, what was said, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listen::Bounded;
use super::settings::{PushSettings, WEIGHT};
use super::{PushError, ail, native};
use crate::collect::health::HealthBoard;
use crate::collect::intake::{Clock, Intake, Refused};
use crate::collect::visit::revision;
use crate::model::{Post, SiteId};
use crate::telemetry::events;

/// Shortest token, characters: 120 bits in base64.
const MIN_TOKEN: usize = 20;
/// Memory is counted in units of this many bytes.
const UNIT: usize = 4096;
/// The longest that reading one request may take.
const READING: Duration = Duration::from_secs(120);
/// How long a request waits for the queue before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for `pyail`, which does not come again: it takes a refusal for an answer.
const LONG_PATIENCE: Duration = Duration::from_secs(120);
/// When to come again, seconds: when the memory is taken, and when the queue is full or the disk is.
const SOON: u64 = 2;
const LATER: u64 = 15;

/// Takes pushed posts for an intake.
pub struct Door<I>(Arc<Inner<I>>);

struct Inner<I> {
    intake: Arc<I>,
    clock: Clock,
    health: Arc<HealthBoard>,
    max_body: usize,
    memory: Arc<Semaphore>,
    /// By the hash of the token: hashes are compared in constant time, and the token itself need not be kept.
    sources: Vec<(blake3::Hash, SiteId)>,
    accepting: TaskTracker,
    stop: CancellationToken,
}

/// A share of the memory for requests, given back when dropped.
pub(super) struct Share {
    memory: Arc<Semaphore>,
    held: OwnedSemaphorePermit,
}

impl Share {
    /// Makes room for `bytes` more.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Turned> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let more = Arc::clone(&self.memory).try_acquire_many_owned(units).map_err(|_| Turned::busy())?;
        self.held.merge(more);
        Ok(())
    }
}

/// Why a request was turned away.
#[derive(Debug)]
pub(super) struct Turned {
    status: StatusCode,
    reason: String,
    /// Seconds.
    again: Option<u64>,
}

impl Turned {
    pub(super) fn malformed(reason: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, reason: reason.into(), again: None }
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let reason = format!("larger than {limit} bytes; hint: send less at a time, or raise push.max_body_mib");
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, reason, again: None }
    }

    fn unknown() -> Self {
        let reason = "no token, or not one that is known; hint: Authorization: Bearer TOKEN".to_owned();
        Self { status: StatusCode::UNAUTHORIZED, reason, again: None }
    }

    fn busy() -> Self {
        Self::later(SOON, "too much at a time; hint: come again after Retry-After")
    }

    /// 429 and not 503: `pyail` writes its token into its log when it meets a 5xx.
    fn later(again: u64, reason: &str) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, reason: reason.to_owned(), again: Some(again) }
    }
}

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        let body = json!({"status": "error", "reason": self.reason}).to_string();
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.again {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// It is queued.
    Queued,
    /// This very content was judged before.
    Known,
}

impl<I: Intake> Door<I> {
    /// Reads the tokens.
    ///
    /// # Errors
    /// A token cannot be had, is too short, or belongs to two.
    pub fn new(
        settings: &PushSettings,
        intake: Arc<I>,
        clock: Clock,
        health: Arc<HealthBoard>,
        stop: CancellationToken,
    ) -> Result<Self, PushError> {
        let mut sources: Vec<(blake3::Hash, SiteId)> = Vec::new();
        for (site, secret) in &settings.sources {
            let source_name = site.to_string();
            let token = secret.read().map_err(|why| PushError::Token { source_name: source_name.clone(), why })?;
            if token.expose().chars().count() < MIN_TOKEN {
                return Err(PushError::Weak { source_name });
            }
            let hash = blake3::hash(token.expose().as_bytes());
            if sources.iter().any(|(other, _)| *other == hash) {
                return Err(PushError::Shared { source_name });
            }
            sources.push((hash, site.clone()));
        }
        let memory = Arc::new(Semaphore::new(settings.memory / UNIT));
        let (max_body, accepting) = (settings.max_body, TaskTracker::new());
        Ok(Self(Arc::new(Inner { intake, clock, health, max_body, memory, sources, accepting, stop })))
    }

    /// Takes the port and answers until the stop; then what was being handed over is finished.
    ///
    /// # Errors
    /// The port is taken. Later failures are told in the log.
    pub async fn open(self, settings: &PushSettings) -> Result<tokio::task::JoinHandle<()>, PushError> {
        let why = |why| PushError::Listen { listen: settings.listen, why };
        let listener = TcpListener::bind(settings.listen).await.map_err(why)?;
        events::push_listening(listener.local_addr().map_err(why)?);
        let (router, inner) = (self.router(), self.0);
        Ok(tokio::spawn(async move {
            let ends = inner.stop.clone().cancelled_owned();
            let serving = axum::serve(Bounded::new(listener), router).with_graceful_shutdown(ends);
            // An idle connection would hold up the end for as long as it likes.
            tokio::select! {
                ended = serving => if let Err(error) = ended { events::push_failed(&error) },
                () = async { inner.stop.cancelled().await; tokio::time::sleep(PATIENCE).await } => {}
            }
            inner.accepting.close();
            inner.accepting.wait().await;
        }))
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/api/v1/posts", post(posts::<I>))
            .route("/api/v1/ping", get(ping::<I>))
            .route("/api/v1/import/json/item", post(item::<I>))
            .with_state(Arc::clone(&self.0))
    }
}

/// `POST /api/v1/posts`.
async fn posts<I: Intake>(State(inner): State<Arc<Inner<I>>>, headers: HeaderMap, body: Body) -> Response {
    let taken = async {
        let site = inner.source(&headers)?;
        let (bytes, share) = inner.body(&headers, body).await?;
        let post = native::post(&bytes, &site, (inner.clock)())?;
        drop(bytes);
        let id = post.id.to_string();
        Ok((id, inner.hand_over(post, share, PATIENCE).await?))
    };
    match taken.await {
        Ok((id, Taken::Queued)) => {
            (StatusCode::ACCEPTED, axum::Json(json!({"status": "accepted", "id": id}))).into_response()
        }
        Ok((id, Taken::Known)) => (StatusCode::OK, axum::Json(json!({"status": "known", "id": id}))).into_response(),
        Err(turned) => told(turned),
    }
}

/// `GET /api/v1/ping`: how `pyail` finds out whether its token is good.
async fn ping<I: Intake>(State(inner): State<Arc<Inner<I>>>, headers: HeaderMap) -> Response {
    match inner.source(&headers) {
        Ok(_) => axum::Json(json!({"status": "pong"})).into_response(),
        Err(turned) => told(turned),
    }
}

/// `POST /api/v1/import/json/item`.
async fn item<I: Intake>(State(inner): State<Arc<Inner<I>>>, headers: HeaderMap, body: Body) -> Response {
    let taken = async {
        let site = inner.source(&headers)?;
        let (bytes, mut share) = inner.body(&headers, body).await?;
        let (now, limit) = ((inner.clock)(), inner.max_body);
        // Decompressing keeps a thread busy for a while.
        let decoded = tokio::task::spawn_blocking(move || {
            let post = ail::post(&bytes, &site, now, limit, &mut |more| share.grow(more))?;
            Ok::<_, Turned>((post, share))
        });
        let (post, share) = decoded.await.map_err(|_| Turned::malformed("cannot be read"))??;
        inner.hand_over(post, share, LONG_PATIENCE).await
    };
    match taken.await {
        Ok(_) => axum::Json(json!({"status": "success"})).into_response(),
        Err(turned) => told(turned),
    }
}

fn told(turned: Turned) -> Response {
    events::push_turned_away(turned.status.as_u16());
    turned.into_response()
}

impl<I: Intake> Inner<I> {
    /// The site whose token the request bears.
    fn source(&self, headers: &HeaderMap) -> Result<SiteId, Turned> {
        // `pyail` sends the bare token, under another name when it speaks basic authentication to a proxy before us.
        let header = headers.get("x-ail-auth").or_else(|| headers.get(header::AUTHORIZATION));
        let value = header.and_then(|value| value.to_str().ok()).ok_or_else(Turned::unknown)?.trim();
        let bearer = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = bearer.map_or(value, |(_, token)| token.trim());
        let hash = blake3::hash(token.as_bytes());
        let found = self.sources.iter().find(|(known, _)| *known == hash);
        found.map(|(_, site)| site.clone()).ok_or_else(Turned::unknown)
    }

    /// Reads the request, if there is room for what it announces.
    async fn body(&self, headers: &HeaderMap, body: Body) -> Result<(Vec<u8>, Share), Turned> {
        if self.stop.is_cancelled() {
            return Err(Turned::later(LATER, "stopping; hint: come again after Retry-After"));
        }
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > self.max_body) {
            return Err(Turned::too_large(self.max_body));
        }
        // Whoever does not say how much is coming is taken to send as much as is allowed.
        let weight = announced.unwrap_or(self.max_body).saturating_mul(WEIGHT).max(UNIT);
        let units = u32::try_from(weight.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let held = Arc::clone(&self.memory).try_acquire_many_owned(units).map_err(|_| Turned::busy())?;
        let late = |_| Turned { status: StatusCode::REQUEST_TIMEOUT, reason: "came too slowly".into(), again: None };
        let read = timeout(READING, axum::body::to_bytes(body, self.max_body)).await.map_err(late)?;
        let bytes = read.map_err(|_| match announced {
            Some(_) => Turned::malformed("the request broke off"),
            None => Turned::too_large(self.max_body),
        })?;
        Ok((bytes.into(), Share { memory: Arc::clone(&self.memory), held }))
    }

    /// Hands a post over. When the queue has no room in time the caller is told to come again; should the post have got
    /// in after all, the second one is recognised.
    async fn hand_over(self: &Arc<Self>, mut post: Post, share: Share, patience: Duration) -> Result<Taken, Turned> {
        if post.documents().next().is_none() {
            return Err(Turned::malformed("a post without content; hint: text, content or attachments"));
        }
        post.revision = revision(&post);
        if self.intake.known(&post.id).await == Some(post.revision) {
            return Ok(Taken::Known);
        }
        let (inner, site, now) = (Arc::clone(self), post.site.clone(), post.seen_at);
        // Never dropped half-way: it goes on by itself when the caller has gone.
        let accepting = self.accepting.spawn(async move {
            let accepted = inner.intake.accept(post).await;
            drop(share);
            inner.note(&site, now, accepted.as_ref().err());
            accepted
        });
        match timeout(patience, accepting).await {
            Ok(Ok(Ok(()))) => Ok(Taken::Queued),
            Ok(Ok(Err(refused))) => Err(Turned::later(LATER, &refused.to_string())),
            Ok(Err(_)) => Err(Turned::later(LATER, "it could not be handed over")),
            Err(_) => Err(Turned::later(LATER, "the queue is full; hint: come again after Retry-After")),
        }
    }

    fn note(&self, site: &SiteId, now: jiff::Timestamp, refused: Option<&Refused>) {
        self.health.update(site, |health| match refused {
            None => {
                health.posts += 1;
                health.last_post = Some(now);
                health.last_success = Some(now);
                health.failures = 0;
                health.last_error.clear();
            }
            Some(why) => {
                health.failures = health.failures.saturating_add(1);
                health.last_error = why.to_string();
                *health.errors.entry("refused").or_default() += 1;
            }
        });
    }
}
