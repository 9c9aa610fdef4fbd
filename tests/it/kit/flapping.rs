//! Receivers that fail in every way a network can: busy, overloaded, silent, cut off before they have understood and
//! cut off after. What they have understood they keep, by the identity that each protocol gives it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What has arrived.
#[derive(Default)]
pub struct Kept {
    /// Per path, the identities understood, in order of their first arrival, with what they said.
    pub messages: HashMap<String, Vec<(String, Value)>>,
    /// Identities that came again saying something else.
    pub contradicting: usize,
    /// Identities that came again.
    pub repeated: usize,
    /// MISP's events by UUID: each as last edited.
    pub events: HashMap<String, Value>,
    /// Requests of flapping paths so far.
    asked: usize,
    /// Deliveries so far of each message on a flapping path.
    tried: HashMap<String, usize>,
}

/// A server for all of them, on a port of its own.
pub struct Receivers {
    pub address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Receivers {
    fn drop(&mut self) {
        // Some requests are never answered: nobody waits for them, wherever this is dropped.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Taken,
    Busy,
    Overloaded,
    Silent,
    CutBefore,
    CutAfter,
}

impl Receivers {
    pub fn listen() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let kept = Arc::new(Mutex::new(Kept::default()));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = kept.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that goes away has been killed, most likely.
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { address, kept, runtime: Some(runtime) }
    }

    pub fn with<T>(&self, look: impl FnOnce(&Kept) -> T) -> T {
        look(&self.kept.lock().unwrap())
    }
}

/// Serves one connection to its end, request after request.
async fn serve(stream: TcpStream, kept: Arc<Mutex<Kept>>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let (mut first, mut identity, mut length) = (String::new(), None, 0);
        if reader.read_line(&mut first).await? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).await? == 0 || line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "webhook-id" => identity = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).await?;
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let (fate, answer) = take(&mut kept.lock().unwrap(), &path, identity, body);
        match fate {
            Fate::Silent => std::future::pending::<()>().await,
            Fate::CutBefore | Fate::CutAfter => return Ok(()),
            Fate::Taken | Fate::Busy | Fate::Overloaded => writer.write_all(answer.as_bytes()).await?,
        }
    }
}

fn answer(status: &str, headers: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A path below `/flapping/` fails five times in six, but each message twice at most: pauses grow with every failure,
/// and the point is that it arrives. One below `/silent/` never answers.
fn fate(kept: &mut Kept, path: &str, message: &str) -> Fate {
    if path.starts_with("/silent/") {
        return Fate::Silent;
    }
    if !path.starts_with("/flapping/") {
        return Fate::Taken;
    }
    kept.asked += 1;
    let tried = kept.tried.entry(format!("{path} {message}")).or_default();
    *tried += 1;
    if *tried > 2 {
        return Fate::Taken;
    }
    match kept.asked % 6 {
        1 => Fate::Busy,
        2 => Fate::CutBefore,
        3 => Fate::CutAfter,
        4 => Fate::Overloaded,
        5 => Fate::Silent,
        _ => Fate::Taken,
    }
}

fn take(kept: &mut Kept, path: &str, identity: Option<String>, body: Value) -> (Fate, String) {
    let message = identity.as_deref().or(body["Event"]["uuid"].as_str()).unwrap_or_default();
    let fate = fate(kept, path, message);
    let understood = matches!(fate, Fate::Taken | Fate::CutAfter);
    let said = match (fate, path.contains("/misp/")) {
        (Fate::Busy, _) => answer("503 Busy", "Retry-After: 1\r\n", &json!({})),
        (Fate::Overloaded, _) => answer("429 Slow down", "Retry-After: 1\r\n", &json!({})),
        (_, true) if understood => misp(kept, path, body),
        (_, false) if understood => {
            note(kept, path, identity.unwrap_or_default(), body);
            answer("200 OK", "", &json!({}))
        }
        _ => String::new(),
    };
    (fate, said)
}

fn note(kept: &mut Kept, path: &str, identity: String, body: Value) {
    let messages = kept.messages.entry(path.to_owned()).or_default();
    match messages.iter().find(|(known, _)| *known == identity) {
        Some((_, known)) => {
            kept.contradicting += usize::from(known["data"] != body["data"]);
            kept.repeated += 1;
        }
        None => messages.push((identity, body)),
    }
}

/// As MISP does: an event that is there is not added, one that is not is not edited, and only newer edits are taken.
fn misp(kept: &mut Kept, path: &str, body: Value) -> String {
    let uuid = body["Event"]["uuid"].as_str().or(path.rsplit('/').next()).unwrap_or_default().to_owned();
    let known = kept.events.get(&uuid).cloned();
    let stamp = |event: &Value| event["timestamp"].as_str().and_then(|t| t.parse::<i64>().ok()).unwrap_or(0);
    match (path.contains("/events/view/"), path.contains("/events/add"), known) {
        (true, _, Some(event)) => answer("200 OK", "", &json!({ "Event": event })),
        (_, true, Some(_)) => answer("404 Known", "Location: /events/1\r\n", &json!({})),
        (_, false, Some(event)) if stamp(&body["Event"]) <= stamp(&event) => {
            answer("403 Forbidden", "", &json!({ "error": "Event in the request not newer than the local copy." }))
        }
        (true, _, None) | (_, false, None) => answer("404 Unknown", "", &json!({})),
        _ => {
            let mut event = body["Event"].clone();
            event["id"] = json!("1");
            kept.events.insert(uuid, event.clone());
            answer("200 OK", "", &json!({ "Event": event }))
        }
    }
}
