//! The door against those who come to it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Write;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::collect::health::HealthBoard;
use crate::collect::system_clock;
use crate::collect::tests::{Kept, text};

const TOKEN: &str = "synthetic-token-of-a-feeder";

/// A door on a free port.
struct Open {
    address: std::net::SocketAddr,
    kept: Arc<Kept>,
    stop: CancellationToken,
}

/// What was answered.
struct Answered {
    status: u16,
    head: String,
    body: Value,
}

async fn open(more: &str) -> Open {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let raw = format!("{more}\n[sources.feeder]\ntoken = {{ file = '{}' }}", file.display());
    let settings = toml::from_str::<RawPushSettings>(&raw).unwrap().validate(folder.path()).unwrap();
    let (kept, stop) = (Arc::new(Kept::default()), CancellationToken::new());
    let door = Door::new(&settings, Arc::clone(&kept), system_clock(), Arc::new(HealthBoard::default()), stop.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = door.unwrap().router();
    tokio::spawn(async move { axum::serve(super::listen::Bounded::new(listener), router).await });
    Open { address, kept, stop }
}

impl Open {
    async fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answered {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // The server may have answered and gone before it has read everything.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answered { status, head: head.to_ascii_lowercase(), body: serde_json::from_str(body).unwrap_or_default() }
    }

    async fn post(&self, path: &str, authorization: &str, body: &str) -> Answered {
        let headers = format!("authorization: {authorization}\r\ncontent-length: {}\r\n", body.len());
        self.ask("POST", path, &headers, body.as_bytes()).await
    }

    async fn push(&self, post: &Value) -> Answered {
        self.post("/api/v1/posts", &format!("Bearer {TOKEN}"), &post.to_string()).await
    }
}

#[tokio::test]
async fn a_post_is_taken_once_and_an_edit_again() {
    let door = open("").await;
    let mut post = json!({"id": "chan-7/12", "url": "https://x.example/12", "title": "t", "author": "a",
        "posted_at": "2026-11-21T22:00:00Z", "text": "first",
        "attachments": [{"name": "d.bin", "media_type": "application/x", "content": STANDARD.encode([0, 159, 1])}]});
    let first = door.push(&post).await;
    assert_eq!((first.status, &first.body["id"]), (202, &json!("feeder:chan-7/12")));
    let again = door.push(&post).await;
    assert_eq!((again.status, &again.body["status"]), (200, &json!("known")));
    post["text"] = "second".into();
    assert_eq!(door.push(&post).await.status, 202);
    let posts = door.kept.take();
    assert_eq!(posts.iter().map(text).collect::<Vec<_>>(), ["first", "second"]);
    let post = &posts[0];
    assert_eq!((post.site.as_str(), post.url.as_str()), ("feeder", "https://x.example/12"));
    assert_eq!((post.title.as_deref(), post.author.as_deref()), (Some("t"), Some("a")));
    assert_eq!(post.posted_at, "2026-11-21T22:00:00Z".parse().ok());
    assert_eq!((post.attachments[0].name.as_str(), post.attachments[0].bytes.as_slice()), ("d.bin", &[0, 159, 1][..]));
}

#[tokio::test]
async fn nobody_without_the_token_gets_in() {
    let door = open("").await;
    let post = json!({"id": "1", "text": "x"}).to_string();
    for wrong in ["", "Bearer", "Bearer wrong-token-wrong-token", &TOKEN[1..], &format!("Basic {TOKEN}")] {
        for path in ["/api/v1/posts", "/api/v1/import/json/item"] {
            let answer = door.post(path, wrong, &post).await;
            assert_eq!(answer.status, 401, "{wrong} {path}");
            assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
        }
        let ping = door.ask("GET", "/api/v1/ping", &format!("authorization: {wrong}\r\n"), b"").await;
        assert_eq!(ping.status, 401);
    }
    assert!(door.kept.take().is_empty());
}

#[tokio::test]
async fn what_is_no_post_is_told_without_quoting_it() {
    let door = open("").await;
    for bad in [
        "secret-value",
        r#"{"id": "1"}"#,
        r#"{"id": "", "text": "secret-value"}"#,
        r#"{"text": "secret-value"}"#,
        r#"{"id": "1", "text": "a", "content": "Yg=="}"#,
        r#"{"id": "1", "content": "secret-value!"}"#,
        r#"{"id": "1", "text": "a", "secret-value": 1}"#,
    ] {
        let answer = door.post("/api/v1/posts", TOKEN, bad).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert!(!answer.body.to_string().contains("secret-value"), "{}", answer.body);
    }
    assert!(door.kept.take().is_empty());
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_and_while_it_is_read() {
    let door = open("max_body_mib = 1").await;
    let large = json!({"id": "1", "text": "x".repeat(1 << 20)}).to_string();
    assert_eq!(door.post("/api/v1/posts", TOKEN, &large).await.status, 413);
    let chunked = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let headers = format!("authorization: {TOKEN}\r\ntransfer-encoding: chunked\r\n");
    assert_eq!(door.ask("POST", "/api/v1/posts", &headers, chunked.as_bytes()).await.status, 413);
    assert!(door.kept.take().is_empty());
}

#[tokio::test]
async fn without_room_one_is_told_when_to_come_again() {
    let door = open("max_body_mib = 1").await;
    door.kept.full.store(true, Ordering::SeqCst);
    let post = json!({"id": "1", "text": "x"});
    let full = door.push(&post).await;
    assert_eq!(full.status, 429);
    assert!(full.head.contains("retry-after: 15"), "{}", full.head);
    door.kept.full.store(false, Ordering::SeqCst);
    assert_eq!(door.push(&post).await.status, 202);
    assert_eq!(door.kept.take().len(), 1);

    // Two that announce more than the memory holds together: the second is not even read.
    let mut first = TcpStream::connect(door.address).await.unwrap();
    let head =
        format!("POST /api/v1/posts HTTP/1.1\r\nhost: x\r\nauthorization: {TOKEN}\r\ncontent-length: 1048576\r\n");
    first.write_all(format!("{head}expect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
    // The server asks for the body once it has made room for it.
    let mut go_on = [0; 25];
    first.read_exact(&mut go_on).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    let second = door.ask("POST", "/api/v1/posts", &head[head.find("auth").unwrap()..], b"").await;
    assert_eq!(second.status, 429);
    assert!(second.head.contains("retry-after: 2"), "{}", second.head);
    drop(first);
    door.stop.cancel();
    assert_eq!(door.push(&post).await.status, 429);
}

fn item(content: &[u8], meta: &Value) -> Value {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(content).unwrap();
    let hash: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"data": STANDARD.encode(packed.finish().unwrap()), "data-sha256": hash, "meta": meta,
        "source": "ail_feeder_x", "source_uuid": "aae656ec-d446-4a21-acf0-c88d4e09d506", "default_encoding": "UTF-8",
        "timestamp": 1})
}

#[tokio::test]
async fn ail_s_items_are_taken_with_what_their_feeders_say_of_them() {
    let door = open("").await;
    let headers = format!("authorization: {TOKEN}\r\n");
    let ping = door.ask("GET", "/api/v1/ping", &headers, b"").await;
    assert_eq!((ping.status, ping.body), (200, json!({"status": "pong"})));
    let meta = json!({"id": 31, "date": {"datestamp": "2026-11-21 22:00:00", "timestamp": 1_795_298_400.0},
        "sender": {"id": 5, "username": "joe"}, "chat": {"name": "a channel"}, "x:url": "https://t.example/31"});
    let first = item("a;b\nc;d\n".as_bytes(), &meta);
    let mut resent = first.clone();
    resent["timestamp"] = 2.into();
    for sent in [&first, &resent] {
        let answer = door.post("/api/v1/import/json/item", TOKEN, &sent.to_string()).await;
        assert_eq!((answer.status, answer.body), (200, json!({"status": "success"})));
    }
    let posts = door.kept.take();
    assert_eq!(posts.len(), 1, "sent twice, taken once");
    let post = &posts[0];
    assert_eq!((text(post), post.url.as_str()), ("a;b\nc;d\n", "https://t.example/31"));
    assert_eq!((post.title.as_deref(), post.author.as_deref()), (Some("a channel"), Some("joe")));
    assert_eq!(post.posted_at, "2026-11-21T22:00:00Z".parse().ok());

    let mut forged = first;
    forged["data-sha256"] = "00".repeat(32).into();
    assert_eq!(door.post("/api/v1/import/json/item", TOKEN, &forged.to_string()).await.status, 400);
}

#[tokio::test]
async fn an_item_that_unpacks_to_too_much_is_refused_within_its_memory() {
    let door = open("max_body_mib = 1").await;
    let bomb = item(&vec![0; 8 << 20], &json!({})).to_string();
    assert!(bomb.len() < 1 << 20);
    let answer = door.post("/api/v1/import/json/item", TOKEN, &bomb).await;
    assert!(matches!(answer.status, 413 | 429), "{}", answer.status);
    assert!(door.kept.take().is_empty());
}
