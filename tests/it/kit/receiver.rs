//! A receiver of webhooks that recognises repetitions by their identifier, as the standard asks of receivers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;

/// What has arrived.
#[derive(Debug, Default)]
pub struct Arrived {
    /// By `webhook-id`, each once.
    pub messages: BTreeMap<String, Value>,
    /// How many were recognised as repetitions.
    pub repeated: usize,
    /// Repetitions whose body was another one: a receiver that keeps the first would have missed something.
    pub contradicting: usize,
}

/// A receiver on loopback, for as long as it is kept.
pub struct Hooks {
    pub url: String,
    arrived: Arc<Mutex<Arrived>>,
    _runtime: tokio::runtime::Runtime,
}

impl Hooks {
    pub fn listen() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let arrived = Arc::new(Mutex::new(Arrived::default()));
        let router = Router::new().route("/hook", post(take)).with_state(arrived.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, arrived, _runtime: runtime }
    }

    /// Looks at what has arrived.
    pub fn with<T>(&self, look: impl FnOnce(&Arrived) -> T) -> T {
        look(&self.arrived.lock().unwrap())
    }
}

async fn take(State(arrived): State<Arc<Mutex<Arrived>>>, headers: HeaderMap, body: String) -> StatusCode {
    let Some(id) = headers.get("webhook-id").and_then(|id| id.to_str().ok()) else { return StatusCode::BAD_REQUEST };
    let Ok(body) = serde_json::from_str::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    let mut arrived = arrived.lock().unwrap();
    match arrived.messages.get(id) {
        Some(known) => {
            let contradicts = known["data"] != body["data"];
            arrived.contradicting += usize::from(contradicts);
            arrived.repeated += 1;
        }
        None => {
            arrived.messages.insert(id.to_owned(), body);
        }
    }
    StatusCode::NO_CONTENT
}
