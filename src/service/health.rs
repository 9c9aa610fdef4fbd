//! `/healthz` and `/metrics` on a loopback port: what a monitor asks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::collect::HealthBoard;
use crate::telemetry::metrics;

/// How the service is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not everything stands yet.
    Starting,
    /// All is well.
    Ok,
    /// It works, but something is missing: see `concerns`.
    Degraded,
    /// It stops: no new posts are taken.
    Draining,
}

/// What is known of the service's health. Shared by those who know and those who ask.
#[derive(Debug, Clone)]
pub struct Health(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    phase: Status,
    started: Instant,
    concerns: Vec<String>,
    /// How sites fare, once they are read.
    board: Option<Arc<HealthBoard>>,
}

#[derive(Debug, Serialize)]
struct Answer {
    status: Status,
    /// Seconds.
    uptime: u64,
    /// Posts accepted and not yet settled.
    queue: i64,
    /// Outbox entries that wait for delivery.
    outbox: i64,
    /// Indexes in use.
    indexes: i64,
    /// What is missing, with file names and reasons of ours.
    concerns: Vec<String>,
}

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            phase: Status::Starting,
            started: Instant::now(),
            concerns: Vec::new(),
            board: None,
        })))
    }
}

impl Health {
    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Where the figures of sites are.
    pub fn show_sites(&self, board: Arc<HealthBoard>) {
        self.with(|inner| inner.board = Some(board));
    }

    /// Everything stands.
    pub fn ready(&self) {
        self.with(|inner| inner.phase = Status::Ok);
    }

    /// A stop was asked for.
    pub fn draining(&self) {
        self.with(|inner| inner.phase = Status::Draining);
    }

    /// What is missing from now on: replaces what was said before.
    pub fn set_concerns(&self, concerns: Vec<String>) {
        self.with(|inner| inner.concerns = concerns);
    }

    /// What is missing.
    #[must_use]
    pub fn concerns(&self) -> Vec<String> {
        self.with(|inner| inner.concerns.clone())
    }

    fn answer(&self) -> Answer {
        let metrics = metrics();
        self.with(|inner| Answer {
            status: match inner.phase {
                Status::Ok if !inner.concerns.is_empty() => Status::Degraded,
                phase => phase,
            },
            uptime: inner.started.elapsed().as_secs(),
            queue: metrics.queue_posts.get(),
            outbox: metrics.outbox_pending.get(),
            indexes: metrics.watchlist_indexes.get(),
            concerns: inner.concerns.clone(),
        })
    }
}

/// How long a port that is taken is waited for. A service that was killed while it started a reader leaves it behind for
/// the moment until that reader has become another program.
const TAKEN: Duration = Duration::from_secs(3);

/// Takes the port. What listens answers once [`serve`] runs.
///
/// # Errors
/// If the port is taken and stays so.
pub async fn bind(listen: SocketAddr) -> std::io::Result<TcpListener> {
    let started = Instant::now();
    loop {
        match TcpListener::bind(listen).await {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && started.elapsed() < TAKEN => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            bound => return bound,
        }
    }
}

/// Answers until the future is dropped.
///
/// # Errors
/// If the listener fails.
pub async fn serve(listener: TcpListener, health: Health) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(exposition))
        .route("/sites", get(sites))
        .with_state(health);
    axum::serve(listener, router).await
}

async fn healthz(State(health): State<Health>) -> impl IntoResponse {
    let answer = health.answer();
    // Degraded still does its work: taking it out of service would make it worse.
    let code = match answer.status {
        Status::Ok | Status::Degraded => StatusCode::OK,
        Status::Starting | Status::Draining => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(answer))
}

/// How each site fares: figures and names of ours, nothing that a poster wrote. What `vigie site status` shows.
async fn sites(State(health): State<Health>) -> impl IntoResponse {
    let board = health.with(|inner| inner.board.clone());
    let figures = board.map(|board| board.snapshot()).unwrap_or_default();
    let sites = figures.into_iter().map(|(site, fares)| {
        let delay = fares.delay();
        let mut shown = serde_json::to_value(&fares).unwrap_or_default();
        if let Some(members) = shown.as_object_mut() {
            members.remove("delays");
            members.insert("site".into(), site.to_string().into());
            members.insert("delay".into(), delay.map_or(serde_json::Value::Null, |(a, b)| serde_json::json!([a, b])));
        }
        shown
    });
    Json(sites.collect::<Vec<_>>())
}

async fn exposition() -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], metrics().render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_degrades_and_does_not_fail() {
        let health = Health::default();
        assert_eq!(health.answer().status, Status::Starting);
        health.ready();
        assert_eq!(health.answer().status, Status::Ok);
        health.set_concerns(vec!["crm/2026-08-01.vfi: damaged".into()]);
        assert_eq!(health.answer().status, Status::Degraded);
        health.draining();
        assert_eq!(health.answer().status, Status::Draining);
    }
}
