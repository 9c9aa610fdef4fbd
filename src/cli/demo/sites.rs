//! The two little sites the demo watches: a paste site with a JSON listing and a forum in HTML. They hold what they
//! are given and know nothing of vigie.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::world::Posting;

/// What stands on one site, oldest first. Shared with the demo, which posts into it.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<Vec<Arc<Posting>>>>);

impl Board {
    pub fn post(&self, posting: Posting) {
        self.0.lock().expect("no holder of the board panics").push(Arc::new(posting));
    }

    fn all(&self) -> Vec<Arc<Posting>> {
        self.0.lock().expect("no holder of the board panics").clone()
    }

    fn get(&self, n: usize) -> Option<Arc<Posting>> {
        self.all().get(n).cloned()
    }
}

/// Serves a site on a loopback port of the system's choice until the program ends.
async fn serve(router: Router) -> Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// A paste site: `/recent.json` lists, `/raw/N` gives.
pub async fn paste_site(board: Board) -> Result<SocketAddr> {
    let router =
        Router::new().route("/recent.json", get(list_pastes)).route("/raw/{n}", get(raw_paste)).with_state(board);
    serve(router).await
}

async fn list_pastes(State(board): State<Board>) -> impl IntoResponse {
    let list: Vec<_> = board.all().iter().enumerate().rev().map(|(n, p)| {
        json!({"key": format!("p{n}"), "title": p.title, "user": p.author, "link": format!("/p/{n}"), "raw": format!("/raw/{n}")})
    }).collect();
    axum::Json(list)
}

async fn raw_paste(State(board): State<Board>, Path(n): Path<usize>) -> Response {
    match board.get(n) {
        Some(paste) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], paste.text.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A forum: `/` lists threads, `/thread/N` shows one, `/file/N/NAME` gives its attachment.
pub async fn forum(board: Board) -> Result<SocketAddr> {
    let router = Router::new()
        .route("/", get(list_threads))
        .route("/thread/{n}", get(thread))
        .route("/file/{n}/{name}", get(file))
        .with_state(board);
    serve(router).await
}

async fn list_threads(State(board): State<Board>) -> Html<String> {
    let rows: String = board
        .all()
        .iter()
        .enumerate()
        .rev()
        .map(|(n, p)| format!("<li><a class=\"thread\" href=\"/thread/{n}\">{}</a> by {}</li>\n", p.title, p.author))
        .collect();
    Html(format!("<!doctype html><title>Board</title><h1>Marketplace</h1><ul id=\"threads\">\n{rows}</ul>"))
}

async fn thread(State(board): State<Board>, Path(n): Path<usize>) -> Response {
    let Some(posting) = board.get(n) else { return StatusCode::NOT_FOUND.into_response() };
    let attachment = posting
        .attachment
        .as_ref()
        .map(|(name, _)| format!("<p><a class=\"attachment\" href=\"/file/{n}/{name}\">{name}</a></p>"))
        .unwrap_or_default();
    Html(format!(
        "<!doctype html><title>{0}</title><h1>{0}</h1>\n<article class=\"post\" id=\"post-{n}\">\
         <p class=\"author\">{1}</p><div class=\"text\">{2}</div>{attachment}</article>",
        posting.title, posting.author, posting.text
    ))
    .into_response()
}

async fn file(State(board): State<Board>, Path((n, name)): Path<(usize, String)>) -> Response {
    let posting = board.get(n);
    match posting.as_ref().and_then(|p| p.attachment.as_ref()).filter(|(known, _)| *known == name) {
        Some((_, bytes)) => ([(header::CONTENT_TYPE, "application/zip")], bytes.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
