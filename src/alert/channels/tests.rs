//! Every channel against the contract, and those with a receiver of their own on this machine against that.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixStream};

use super::contract::{HOSTILE, check, check_repetition, hostile_alert, is_raw};
use super::*;
use crate::alert::channel::{DeliveryError, Notice};
use crate::alert::desktop::{Desktop, DesktopNotice, notice as desktop_notice, run_agent};
use crate::alert::settings::{Clearance, RawAlertSettings};
use crate::model::Change;
use crate::store::{Incident, Incidents, Links, SqliteStore};

fn settings(toml: &str, dir: &Path) -> ChannelSettings {
    let raw: RawAlertSettings = toml::from_str(&format!("[channels.c]\n{toml}")).unwrap();
    raw.validate(dir).unwrap().channels.remove(0)
}

struct Bench {
    dir: tempfile::TempDir,
    store: Arc<SqliteStore>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("vigie.db")).unwrap());
        for (name, text) in [
            ("hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            ("token", "stubkey"),
            ("address", "http://127.0.0.1:9/x"),
        ] {
            use std::os::unix::fs::PermissionsExt;
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self { dir, store }
    }

    fn channel(&self, toml: &str) -> Arc<dyn Channel> {
        let with = Surroundings { net: NetSettings::default(), store: self.store.clone() };
        set_up(&settings(toml, self.dir.path()), &with).unwrap()
    }
}

const REMOTE: &[&str] = &[
    "webhook = { url = 'http://127.0.0.1:9/x', style = 'cloudevents', secrets = [{ file = 'hook' }] }",
    "webhook = { url = 'http://127.0.0.1:9/x', style = 'github', secrets = [{ file = 'hook' }] }",
    "misp = { url = 'http://127.0.0.1:9', key = { file = 'token' } }",
    "thehive = { url = 'http://127.0.0.1:9', key = { file = 'token' } }",
    "taxii = { collection = 'http://127.0.0.1:9/api1/collections/1/', user = 'u', password = { file = 'token' } }",
    "rt = { url = 'http://127.0.0.1:9', token = { file = 'token' } }",
    "intelmq = { url = 'http://127.0.0.1:9' }",
    "chat = { service = 'slack', url = { file = 'address' } }",
    "chat = { service = 'mattermost', url = { file = 'address' } }",
    "chat = { service = 'teams', url = { file = 'address' } }",
    "syslog = { server = '127.0.0.1:9', transport = 'tcp' }",
    "syslog = { server = '127.0.0.1:9', transport = 'tcp', format = 'cef' }",
];

const WEBHOOK: &str = "webhook = { url = 'http://127.0.0.1:9/x', secrets = [{ file = 'hook' }] }";

#[tokio::test]
async fn every_channel_keeps_the_contract() {
    let bench = Bench::new();
    for toml in ["file = { path = 'a.jsonl' }", "stream = { path = 'alerts' }", "journal = {}", WEBHOOK] {
        check(&*bench.channel(toml));
    }
    for toml in REMOTE {
        check(&*bench.channel(toml));
    }
    for toml in ["file = { path = 'b.jsonl' }", "stream = { path = 'alerts2' }", "journal = {}"] {
        check_repetition(&*bench.channel(toml)).await;
    }
}

/// Answers one HTTP request with `answer`; gives back what was asked.
async fn one_request(listener: &TcpListener, answer: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        got.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if read == 0 || body.len() >= length.unwrap_or(0) {
                let reply = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                stream.write_all(reply.as_bytes()).await.unwrap();
                return text;
            }
        }
    }
}

#[tokio::test]
async fn a_webhook_tells_repetitions_apart_and_sorts_answers() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let toml = format!("webhook = {{ url = 'http://127.0.0.1:{port}/hook', secrets = [{{ file = 'hook' }}] }}");
    let channel = bench.channel(&toml);
    let notice = Notice::new(hostile_alert("x"), Change::Raised, None, Clearance::ALL);
    let deliver = async |answer: &str| {
        let (sent, told) = tokio::join!(one_request(&listener, answer), channel.deliver(&notice));
        (sent, told)
    };
    let (first, told) = deliver("200 OK").await;
    told.unwrap();
    let head = |text: &str, name: &str| {
        let find =
            |l: &str| l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.to_owned());
        text.lines().find_map(find).unwrap()
    };
    assert!(first.starts_with("POST /hook HTTP/1.1\r\n"));
    assert_eq!(head(&first, "webhook-id"), notice.key());
    assert!(!head(&first, "webhook-id").contains('.') && head(&first, "webhook-signature").starts_with("v1,"));
    assert_eq!(first.split_once("\r\n\r\n").unwrap().1.as_bytes(), channel.render(&notice).unwrap());
    let (again, _) = deliver("204 No Content").await;
    assert_eq!(head(&again, "webhook-id"), head(&first, "webhook-id"));
    let (_, told) = deliver("503 Busy\r\nRetry-After: 7").await;
    let patience =
        matches!(told, Err(DeliveryError::Retry { after: Some(after), .. }) if after == Duration::from_secs(7));
    assert!(patience);
    assert!(matches!(deliver("400 Bad").await.1, Err(DeliveryError::Refused { .. })));
    assert!(matches!(deliver("401 Who").await.1, Err(DeliveryError::Retry { .. })));
    assert!(matches!(
        deliver("302 Found\r\nLocation: http://evil.example/").await.1,
        Err(DeliveryError::Refused { .. })
    ));
    drop(listener);
    assert!(matches!(channel.deliver(&notice).await, Err(DeliveryError::Retry { .. })));
}

#[tokio::test]
async fn the_stream_replays_then_follows_and_lets_only_owner_and_group_in() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let told_before = hostile_alert("before");
    let incident = Incident { alert: told_before.clone(), documents: Vec::new() };
    bench.store.transact(&mut |tx| tx.save(&incident, &Links::default())).unwrap();
    let channel = bench.channel("stream = { path = 'alerts', replay = 5 }");
    let socket = bench.dir.path().join("alerts");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    let mut lines = BufReader::new(UnixStream::connect(&socket).await.unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    let first: stream::StreamLine = serde_json::from_str(&first).unwrap();
    assert!(first.replayed);
    assert_eq!(first.alert, told_before);
    let notice = Notice::new(hostile_alert("now"), Change::Raised, None, Clearance::ALL);
    channel.deliver(&notice).await.unwrap();
    let second: stream::StreamLine = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert!(!second.replayed);
    assert_eq!(second.alert, notice.alert);
    // A second start takes the socket over.
    let _again = bench.channel("stream = { path = 'alerts', replay = 0 }");
    UnixStream::connect(&socket).await.unwrap();
}

#[derive(Clone, Default)]
struct Shown(Arc<std::sync::Mutex<Vec<DesktopNotice>>>, Arc<tokio::sync::Notify>);

impl Desktop for Shown {
    fn show<'a>(&'a mut self, notice: &'a DesktopNotice) -> futures_util::future::BoxFuture<'a, Result<(), String>> {
        self.0.lock().unwrap().push(notice.clone());
        self.1.notify_one();
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn the_agent_shows_each_alert_once_though_the_service_restarts() {
    let bench = Bench::new();
    let socket = bench.dir.path().join("alerts");
    let shown = Shown::default();
    let stop = tokio_util::sync::CancellationToken::new();
    let agent = {
        let (mut shown, stop) = (shown.clone(), stop.clone());
        tokio::spawn(async move { run_agent(&socket, &mut shown, &stop).await })
    };
    for round in 0..2 {
        let alert = hostile_alert("once");
        let incident = Incident { alert: alert.clone(), documents: Vec::new() };
        bench.store.transact(&mut |tx| tx.save(&incident, &Links::default())).unwrap();
        let channel = bench.channel("stream = { path = 'alerts' }");
        if round == 0 {
            tokio::time::timeout(Duration::from_secs(20), shown.1.notified()).await.unwrap();
            drop(channel);
            continue;
        }
        let other = hostile_alert("second");
        let mut other = Notice::new(other, Change::Escalated, None, Clearance::ALL);
        other.alert.revision = 2;
        let told = async {
            loop {
                channel.deliver(&other).await.unwrap();
                if tokio::time::timeout(Duration::from_millis(200), shown.1.notified()).await.is_ok() {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    }
    stop.cancel();
    agent.await.unwrap();
    let summaries: Vec<_> = shown.0.lock().unwrap().iter().map(|n| n.summary.clone()).collect();
    assert_eq!(summaries.len(), 2, "{summaries:?}");
    assert!(summaries[0].contains("new alert") && summaries[1].contains("nobody has taken"));
}

#[test]
fn desktop_notices_are_escaped_and_short() {
    for text in HOSTILE {
        let line = stream::StreamLine {
            change: Change::Raised,
            replayed: false,
            withheld: false,
            alert: hostile_alert(&text.repeat(200)),
        };
        let notice = desktop_notice(&line);
        let shown = format!("{}{}", notice.summary, notice.body);
        assert!(!shown.chars().any(is_raw), "{shown:?}");
        assert!(!notice.body.contains(['<', '>']) && notice.body.chars().count() < 1_200, "{shown:?}");
    }
}
