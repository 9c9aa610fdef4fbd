//! One visit to one site, and what all kinds of visits share: fetching so that a stop is heeded, and handing posts over.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::coverage::{End, Sight};
use super::cursor::Memory;
use super::health::HealthBoard;
use super::inbox::InboxWatch;
use super::intake::{Clock, Intake, Refused};
use super::login::{LoginError, Shared};
use super::page::Unreadable;
use super::settings::{Site, Source, WebRules};
use super::web::WebVisit;
use crate::model::{Post, PostId, SiteId, Skip};
use crate::net::{Answer, Client, NetError, Request, Validators};
use crate::telemetry::events;

/// What a visit needs.
pub(super) struct Visitor<I> {
    pub client: Client,
    pub intake: Arc<I>,
    pub clock: Clock,
    pub health: Arc<HealthBoard>,
    /// Parsing is rationed over all sites: a page takes many times its size while its tree stands.
    pub parsers: Arc<Semaphore>,
    pub site: Site,
    pub stop: CancellationToken,
}

/// What keeps its value between visits of one site, besides the cursor.
#[derive(Default)]
pub(super) struct Between {
    pub memory: Memory,
    pub inbox: InboxWatch,
    pub session: Shared,
}

/// Why a visit, or a part of it, ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// The site is to be left: shutdown, or its settings have changed.
    #[error("stopped")]
    Cancelled,
    /// The exchange failed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The page is not what it should be.
    #[error(transparent)]
    Page(#[from] Unreadable),
    /// One is not logged in.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The post was not taken.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The bucket cannot be read.
    #[error("the bucket cannot be read ({0})")]
    Bucket(String),
    /// The inbox cannot be read.
    #[error("the folder or file cannot be read ({0}); hint: vigie needs to read it, and to remove files from an inbox")]
    Folder(std::io::ErrorKind),
}

impl Stop {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Cancelled => "stopped",
            Self::Net(error) => error.kind(),
            Self::Page(Unreadable::NotValid(_)) => "not_valid",
            Self::Page(Unreadable::LoggedOut) => "logged_out",
            Self::Login(_) => "login",
            Self::Page(Unreadable::Malformed { .. }) => "malformed",
            Self::Refused(_) => "refused",
            Self::Folder(_) => "folder",
            Self::Bucket(_) => "bucket",
        }
    }

    /// Whether going on with the rest of the visit is of no use or not polite.
    pub(super) fn ends_visit(&self) -> bool {
        match self {
            Self::Cancelled | Self::Refused(_) | Self::Folder(_) | Self::Login(_) => true,
            // Every further page would say the same.
            Self::Page(Unreadable::LoggedOut) => true,
            Self::Net(error) => error.wait().is_some() || matches!(error, NetError::Connect { .. }),
            Self::Page(_) | Self::Bucket(_) => false,
        }
    }

    /// Whether what was asked for is no longer there.
    pub(super) fn gone(&self) -> bool {
        matches!(self, Self::Net(NetError::Status { status: 404 | 410, .. }))
    }

    /// How long the site wants to be left alone.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Net(error) => error.wait(),
            _ => None,
        }
    }

    /// Whether what could not be read may be readable later.
    pub(super) fn transient(&self) -> bool {
        match self {
            Self::Net(error) => error.transient(),
            _ => true,
        }
    }
}

/// What a visit brought.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What was seen: entries, posts accepted, fields.
    pub sight: Sight,
    /// The first thing that went wrong, if anything did.
    pub fault: Option<Stop>,
}

impl Outcome {
    pub(super) fn end(&self) -> End {
        match &self.fault {
            None => End::Well,
            Some(Stop::Page(Unreadable::LoggedOut)) => End::Fault(Unreadable::LoggedOut.to_string()),
            Some(Stop::Page(unreadable)) => End::NotThePage(unreadable.to_string()),
            Some(stop) => End::Fault(stop.to_string()),
        }
    }
}

impl<I: Intake> Visitor<I> {
    /// Reads what is new. Posts are handed over and the cursor saved on the way, so ending early loses nothing.
    pub(super) async fn visit(&self, between: &mut Between) -> Outcome {
        let source = self.site.source.clone();
        match &source {
            Source::Inbox(rules) => self.visit_inbox(rules, &mut between.inbox).await,
            Source::Mbox(rules) => self.visit_mbox(rules, &mut between.memory).await,
            Source::Bucket(rules) => self.visit_bucket(rules, &mut between.memory).await,
            Source::Web(web) => WebVisit::new(self, web, &mut between.memory, &between.session).run().await,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Asks the site for something. Only exchanges with sites are dropped half-way when the visit is to stop.
    pub(super) async fn fetch(
        &self,
        web: &WebRules,
        session: &Shared,
        url: Url,
        validators: Validators,
        max_bytes: usize,
    ) -> Result<Answer, Stop> {
        let mut request = Request::get(url, &web.policy);
        (request.validators, request.max_bytes, request.headers) = (validators, max_bytes, Vec::new());
        // Further headers may hold a token: they are the affair of the servers that the definition lists.
        let server = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
        if web.listings.iter().any(|listing| server(listing) == server(&request.url)) {
            request.headers.clone_from(&web.headers);
        }
        if web.login.is_some() {
            request.headers.extend(session.with(|session| session.header(&request.url)));
        }
        let answer = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Stop::Cancelled),
            answer = self.client.send(request) => answer,
        };
        let bytes = match &answer {
            Ok(Answer::Content(content)) => {
                if web.login.is_some() {
                    session.with(|session| session.take(&content.url, &content.provenance.headers));
                }
                content.bytes.len() as u64
            }
            _ => 0,
        };
        events::site_asked(&self.site.id);
        self.health.update(&self.site.id, |health| {
            health.requests += 1;
            health.bytes += bytes;
        });
        Ok(answer?)
    }

    /// Hands a post over unless this very content was accepted before. Whether it was handed over.
    pub(super) async fn deliver(&self, mut post: Post) -> Result<bool, Stop> {
        post.revision = revision(&post);
        let known = self.intake.known(&post.id).await;
        if known == Some(post.revision) {
            return Ok(false);
        }
        let now = self.now();
        let delay = post.posted_at.filter(|_| known.is_none()).and_then(|posted| delay(posted, post.seen_at));
        let skipped: Vec<Skip> = post.skipped.clone();
        // Not raced against the stop: half an acceptance would be neither.
        self.intake.accept(post).await?;
        if let Some(delay) = delay {
            events::post_seen_after(delay);
        }
        self.health.update(&self.site.id, |health| {
            health.posts += 1;
            health.last_post = Some(now);
            if let Some(delay) = delay {
                health.note_delay(delay);
            }
            for skip in &skipped {
                *health.skipped.entry(skip.reason.name()).or_default() += 1;
            }
        });
        Ok(true)
    }

    /// The identity of a post by the site's own key.
    pub(super) fn post_id(&self, key: &str) -> PostId {
        post_id(&self.site.id, key)
    }
}

/// The identity of a post by its site and the site's own key.
pub(super) fn post_id(site: &SiteId, key: &str) -> PostId {
    // Shown in logs and alerts: what is not plain, or long, is replaced by its hash.
    let plain = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'/' | b'#' | b':' | b'=' | b'?' | b'&')
    };
    let readable = !key.is_empty() && key.len() <= 160 && key.bytes().all(plain);
    let key = if readable { key.to_owned() } else { blake3::hash(key.as_bytes()).to_hex()[..32].to_owned() };
    PostId(format!("{site}:{key}"))
}

/// Seconds from posting to first sight. What is older than a week was not waited for: it was there before.
fn delay(posted: Timestamp, seen: Timestamp) -> Option<f64> {
    let seconds = seen.duration_since(posted).as_secs_f64();
    // Clocks differ a little, and many sites give whole minutes.
    (-120.0..=7.0 * 86_400.0).contains(&seconds).then(|| seconds.max(0.0))
}

/// The hash of everything that was read of a post.
pub(super) fn revision(post: &Post) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for document in post.documents() {
        hasher.update(&(document.bytes.len() as u64).to_le_bytes());
        hasher.update(&document.bytes);
    }
    *hasher.finalize().as_bytes()
}
