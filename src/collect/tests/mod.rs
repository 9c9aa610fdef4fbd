//! Sites on loopback, and an intake that remembers: the readers against what real sites do.

mod bucket;
mod control;
mod follow;
mod forums;
mod found;
mod inbox;
mod listings;
mod login;
mod reload;
mod series;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::cursor::Memory;
use super::intake::{Clock, Cursor, Intake, Refused};
use super::settings::{Families, Site};
use super::visit::{Between, Outcome, Visitor};
use crate::model::{Post, PostId, SiteId};
use crate::net::{Client, NetSettings};

/// What a page answers.
#[derive(Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// A web site whose pages a test sets, and which records what it is asked.
#[derive(Clone, Default)]
pub(super) struct Web(Arc<Mutex<WebState>>);

#[derive(Default)]
struct WebState {
    pages: HashMap<String, Reply>,
    asked: Vec<(String, HeaderMap)>,
}

impl Web {
    /// Serves on a free port; its base address.
    pub(super) async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        base
    }

    pub(super) fn page(&self, path: &str, media_type: &str, body: impl Into<Vec<u8>>) {
        self.reply(path, 200, &[("content-type", media_type)], body);
    }

    pub(super) fn html(&self, path: &str, body: &str) {
        self.page(path, "text/html; charset=utf-8", body);
    }

    pub(super) fn reply(&self, path: &str, status: u16, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.0.lock().unwrap().pages.insert(path.to_owned(), Reply { status, headers, body: body.into() });
    }

    /// What was asked for since the last call, with the headers that came with it, robots.txt left out.
    pub(super) fn asked_with_headers(&self) -> Vec<(String, HeaderMap)> {
        let asked = std::mem::take(&mut self.0.lock().unwrap().asked);
        asked.into_iter().filter(|(path, _)| path != "/robots.txt").collect()
    }

    /// The paths asked for since the last call, robots.txt left out.
    pub(super) fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut self.0.lock().unwrap().asked);
        asked.into_iter().map(|(path, _)| path).filter(|path| path != "/robots.txt").collect()
    }
}

async fn answer(State(web): State<Web>, request: Request) -> Response<Body> {
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let mut state = web.0.lock().unwrap();
    state.asked.push((path.clone(), request.headers().clone()));
    let Some(reply) = state.pages.get(&path).cloned() else {
        return Response::builder().status(404).body(Body::from("<html>not here")).unwrap();
    };
    let etag = reply.headers.iter().find(|(name, _)| *name == "etag").map(|(_, value)| value.clone());
    if let (Some(etag), Some(asked)) = (etag, request.headers().get("if-none-match"))
        && asked == etag.as_str()
    {
        return Response::builder().status(304).body(Body::empty()).unwrap();
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

/// Keeps everything in memory.
#[derive(Default)]
pub(super) struct Kept {
    pub posts: Mutex<Vec<Post>>,
    revisions: Mutex<HashMap<PostId, [u8; 32]>>,
    cursors: Mutex<HashMap<SiteId, Cursor>>,
    pub sessions: Mutex<HashMap<SiteId, Vec<u8>>>,
    pub full: std::sync::atomic::AtomicBool,
}

impl Kept {
    /// The posts accepted since the last call.
    pub(super) fn take(&self) -> Vec<Post> {
        std::mem::take(&mut self.posts.lock().unwrap())
    }
}

impl Intake for Kept {
    async fn accept(&self, post: Post) -> Result<(), Refused> {
        if self.full.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(Refused { why: "full".into() });
        }
        self.revisions.lock().unwrap().insert(post.id.clone(), post.revision);
        self.posts.lock().unwrap().push(post);
        Ok(())
    }

    async fn known(&self, id: &PostId) -> Option<[u8; 32]> {
        self.revisions.lock().unwrap().get(id).copied()
    }

    async fn load_cursor(&self, site: &SiteId) -> Option<Cursor> {
        self.cursors.lock().unwrap().get(site).cloned()
    }

    async fn load_session(&self, site: &SiteId) -> Option<Vec<u8>> {
        self.sessions.lock().unwrap().get(site).cloned()
    }

    async fn save_session(&self, site: &SiteId, session: Vec<u8>) -> Result<(), Refused> {
        self.sessions.lock().unwrap().insert(site.clone(), session);
        Ok(())
    }

    async fn save_cursor(&self, site: &SiteId, cursor: &Cursor) -> Result<(), Refused> {
        self.cursors.lock().unwrap().insert(site.clone(), cursor.clone());
        Ok(())
    }
}

/// A reader of one site under a clock that a test turns.
pub(super) struct Bench {
    pub kept: Arc<Kept>,
    visitor: Visitor<Kept>,
    between: Between,
    now: Arc<Mutex<Timestamp>>,
}

impl Bench {
    /// A reader of the site that `definition` describes; `{base}` stands for the server's address.
    pub(super) fn new(base: &str, definition: &str) -> Self {
        let kept = Arc::new(Kept::default());
        let now = Arc::new(Mutex::new("2026-11-21T12:00:00Z".parse().unwrap()));
        let visitor = visitor(Arc::clone(&kept), site(base, definition), Arc::clone(&now));
        Self { kept, visitor, between: Between::default(), now }
    }

    pub(super) async fn visit(&mut self) -> Outcome {
        self.visitor.visit(&mut self.between).await
    }

    /// The same after a restart: all that is left is what the intake kept.
    pub(super) async fn restart(&mut self) {
        let cursor = self.kept.load_cursor(&self.visitor.site.id).await;
        self.between = Between { memory: Memory::from_cursor(cursor), ..Between::default() };
    }

    pub(super) fn later(&self, seconds: i64) {
        let mut now = self.now.lock().unwrap();
        *now = Timestamp::from_second(now.as_second() + seconds).unwrap();
    }

    /// What was recorded as deleted, and how many posts.
    pub(super) fn deleted(&self) -> Vec<(String, u64)> {
        self.between.memory.deleted.iter().map(|deleted| (deleted.what.clone(), deleted.posts)).collect()
    }

    /// What is wrong with the watch, by kind.
    pub(super) fn troubles(&self) -> Vec<&'static str> {
        self.between.memory.history.troubles().keys().map(|kind| kind.name()).collect()
    }

    pub(super) fn health(&self) -> super::SiteHealth {
        self.visitor.health.snapshot().remove(&self.visitor.site.id).unwrap_or_default()
    }
}

fn visitor(intake: Arc<Kept>, site: Site, now: Arc<Mutex<Timestamp>>) -> Visitor<Kept> {
    let clock: Clock = Arc::new(move || *now.lock().unwrap());
    Visitor {
        client: Client::new(NetSettings::default()).unwrap(),
        intake,
        clock,
        health: Arc::default(),
        parsers: Arc::new(Semaphore::new(2)),
        site,
        stop: CancellationToken::new(),
    }
}

/// Checks a definition, which must be good. Private hosts and no pause, as for any site on loopback.
pub(super) fn site(base: &str, definition: &str) -> Site {
    let host = base.trim_start_matches("http://");
    let own = if definition.contains("allow_hosts") { String::new() } else { format!("allow_hosts = ['{host}']\n") };
    let text = format!("id = 'test'\n{own}gap = '0s'\n{}", definition.replace("{base}", base));
    Site::from_table(&text.parse().unwrap(), &Families::built_in()).unwrap()
}

pub(super) fn text(post: &Post) -> &str {
    std::str::from_utf8(&post.body.bytes).unwrap()
}
