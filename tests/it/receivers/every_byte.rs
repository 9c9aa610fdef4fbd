//! Whatever a channel sends of an alert, in any state, as a digest, as a test, or shows as a preview: no byte of it tells a
//! value. What goes over the wire is recorded raw, headers and addresses included. `noleak.py` judges, in every form a
//! value may take. What is encrypted on the way (PGP, TLS) is judged where it is opened, in the tests of the receivers.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use vigie::alert::desktop;
use vigie::model::{AlertId, Severity};
use vigie::store::{Incident, Incidents, Links};

use super::*;
use crate::kit::vigie;

/// The channels, by the names they have in the configuration. `HOST` stands for the recording server.
const CHANNELS: &[(&str, &str)] = &[
    ("file", "file = { path = 'file.jsonl' }"),
    ("stix", "stix = { folder = 'stix' }"),
    ("intelmq-folder", "intelmq = { folder = 'intelmq' }"),
    ("journal", "journal = {}"),
    ("standard", "webhook = { url = 'http://HOST/standard', secrets = [{ file = 'hook' }] }"),
    ("github", "webhook = { url = 'http://HOST/github', style = 'github', secrets = [{ file = 'hook' }] }"),
    ("cloudevents", "webhook = { url = 'http://HOST/ce', style = 'cloudevents', secrets = [{ file = 'hook' }] }"),
    ("misp", "misp = { url = 'http://HOST/misp/', key = { file = 'hook' } }"),
    ("thehive", "thehive = { url = 'http://HOST/hive/', key = { file = 'hook' } }"),
    ("taxii", "taxii = { collection = 'http://HOST/api1/collections/1/', user = 'u', password = { file = 'hook' } }"),
    ("rt", "rt = { url = 'http://HOST/rt/', token = { file = 'hook' } }"),
    ("rt-reply", "rt = { url = 'http://HOST/rt/', token = { file = 'hook' }, updates = 'reply' }"),
    ("intelmq", "intelmq = { url = 'http://HOST/intelmq' }"),
    ("slack", "chat = { service = 'slack', url = { file = 'address' } }"),
    ("mattermost", "chat = { service = 'mattermost', url = { file = 'address' } }"),
    ("teams", "chat = { service = 'teams', url = { file = 'address' } }"),
    ("syslog", "syslog = { server = 'HOST', transport = 'tcp' }"),
    ("cef", "syslog = { server = 'HOST', transport = 'tcp', format = 'cef' }"),
    (
        "mail",
        "mail = { server = 'HOST', tls = 'none', plain = true, from = 'v@cert.example', to = [{ address = 'a@cert.example' }] }",
    ),
];

/// Everything that was ever sent to the recording server.
type Recorded = Arc<Mutex<Vec<u8>>>;

/// A server that records every byte and answers whatever is spoken to it as if all were well.
async fn record() -> (String, Recorded) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (host, recorded) = (listener.local_addr().unwrap().to_string(), Recorded::default());
    let all = Arc::clone(&recorded);
    tokio::spawn(async move {
        let event = Arc::new(Mutex::new(Value::Null));
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, Arc::clone(&all), Arc::clone(&event)));
        }
    });
    (host, recorded)
}

/// A client that says nothing at first waits for a mail server's greeting; every other begins.
async fn converse(stream: TcpStream, all: Recorded, event: Arc<Mutex<Value>>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let silent = tokio::time::timeout(std::time::Duration::from_millis(200), reader.fill_buf()).await.is_err();
    if silent {
        writer.write_all(b"220 mail.example\r\n").await?;
    }
    let (mut lines, mut length) = (Vec::new(), 0);
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        all.lock().unwrap().extend_from_slice(&line);
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if silent {
            smtp(&text, &mut reader, &mut writer, &all).await?;
        } else if let Some(given) = text.to_ascii_lowercase().strip_prefix("content-length:") {
            length = given.trim().parse().unwrap();
        } else if text.is_empty() {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).await?;
            all.lock().unwrap().extend_from_slice(&body);
            let answer = answer(&lines, &body, &mut event.lock().unwrap()).to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                answer.len()
            );
            writer.write_all(format!("{head}{answer}").as_bytes()).await?;
            (lines, length) = (Vec::new(), 0);
            continue;
        }
        lines.push(text);
    }
}

/// What the services that are asked something answer, all in one.
fn answer(head: &[String], body: &[u8], event: &mut Value) -> Value {
    let sent: Value = serde_json::from_slice(body).unwrap_or_default();
    if sent["Event"].is_object() {
        *event = sent["Event"].clone();
        event["id"] = json!("1");
    }
    match head[0].split(' ').nth(1).unwrap_or_default() {
        path if path.starts_with("/misp/") => json!({ "Event": event }),
        path if path.ends_with("/query") => json!([]),
        path if path.starts_with("/rt/REST/2.0/ticket") => json!({ "id": 7, "items": [] }),
        _ => json!({ "_id": "~41", "status": "complete", "failure_count": 0 }),
    }
}

async fn smtp(
    line: &str,
    reader: &mut (impl tokio::io::AsyncBufRead + Unpin),
    writer: &mut (impl tokio::io::AsyncWrite + Unpin),
    all: &Recorded,
) -> std::io::Result<()> {
    if line != "DATA" {
        return writer.write_all(b"250 OK\r\n").await;
    }
    writer.write_all(b"354 go\r\n").await?;
    let mut mail = Vec::new();
    while !mail.ends_with(b"\r\n.\r\n") {
        if reader.read_until(b'\n', &mut mail).await? == 0 {
            break;
        }
    }
    all.lock().unwrap().extend_from_slice(&mail);
    writer.write_all(b"250 taken\r\n").await
}

/// The alert from its beginning to its end.
fn life() -> Vec<(Change, u32)> {
    vec![
        (Change::Raised, 1),
        (Change::Updated, 2),
        (Change::Acknowledged, 3),
        (Change::Escalated, 4),
        (Change::Closed, 5),
        (Change::Test, 6),
    ]
}

/// Several alerts that could wait, told together.
fn digest(clearance: Clearance) -> Notice {
    let of = |n: u128| {
        let mut alert = alert();
        (alert.id, alert.severity) = (AlertId(uuid::Uuid::from_u128(n)), Severity::Low);
        alert
    };
    Notice::digest((1..4).map(of).collect(), clearance)
}

/// Tells one channel everything; what it would show beforehand is added to `shown`.
async fn tell(dir: &Path, name: &str, toml: &str, shown: &mut Vec<u8>) {
    let channel = channel(dir, toml);
    let mut reference = None;
    for (change, revision) in life() {
        let notice = told(change, revision, reference.clone());
        shown.extend(channel.render(&notice).unwrap());
        let receipt = channel.deliver(&notice).await.unwrap_or_else(|error| panic!("{name}, {change:?}: {error}"));
        reference = receipt.reference.or(reference);
    }
    let low = Clearance { tlp: Tlp::Green, pap: Pap::Red };
    let mut others = vec![Notice::new(alert(), Change::Raised, None, low)];
    if matches!(channel.kind(), "mail" | "chat") {
        others.extend([digest(Clearance::ALL), digest(low)]);
    }
    for notice in others {
        shown.extend(channel.render(&notice).unwrap());
        channel.deliver(&notice).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// What the agent in a user's session is sent, and what it shows of it.
async fn desk(dir: &Path) -> Vec<u8> {
    let channel = channel(dir, "stream = { path = 'alerts' }");
    let stream = tokio::net::UnixStream::connect(dir.join("alerts")).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut seen = String::new();
    for (change, revision) in life() {
        let notice = told(change, revision, None);
        // The channel does not know yet that somebody follows it, at first.
        let line = loop {
            channel.deliver(&notice).await.unwrap();
            let wait = tokio::time::timeout(std::time::Duration::from_millis(200), lines.next_line());
            if let Ok(line) = wait.await {
                break line.unwrap().unwrap();
            }
        };
        let notice = desktop::notice(&serde_json::from_str(&line).unwrap());
        seen.push_str(&format!("{line}\n{}\n{}\n", notice.summary, notice.body));
    }
    seen.into_bytes()
}

/// What the commands say of the alert to whoever may ask.
fn commands(dir: &Path, configuration: &str) -> Vec<u8> {
    let store = {
        std::fs::create_dir(dir.join("state")).unwrap();
        SqliteStore::open(&dir.join("state/vigie.db")).unwrap()
    };
    let incident = Incident { alert: alert(), documents: Vec::new() };
    store.transact(&mut |tx| tx.save(&incident, &Links::default())).unwrap();
    std::fs::write(dir.join("vigie.toml"), configuration).unwrap();
    let id = alert().id.to_string();
    let mut said = Vec::new();
    let mut say = |arguments: &[&str]| {
        let mut command = vigie();
        command.arg("alerts").args(arguments).arg("--config").arg(dir.join("vigie.toml"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        said.extend(output.stdout);
        said.extend(output.stderr);
    };
    for arguments in [&["list"][..], &["list", "--json"], &["show", &id], &["show", "--json", &id]] {
        say(arguments);
    }
    for (name, _) in CHANNELS {
        for change in ["raised", "updated", "acknowledged", "closed", "escalated"] {
            say(&["preview", &id, name, "--as", change]);
        }
    }
    said
}

/// What the journal gets, as the service writes it.
#[derive(Clone, Default)]
struct Journal(Recorded);

impl std::io::Write for Journal {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
#[ignore = "needs Python and the receivers' noleak.py"]
async fn no_byte_of_any_channel_tells_a_value() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (host, recorded) = record().await;
    secret(dir.path(), "hook", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3");
    secret(dir.path(), "address", &format!("http://{host}/chat"));
    for folder in ["stix", "intelmq"] {
        std::fs::create_dir(at(folder)).unwrap();
    }
    let journal = Journal::default();
    let writer = journal.clone();
    let log = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(log);
    let (mut shown, mut configuration) = (Vec::new(), "state = 'state'\nkey_file = 'vigie.key'\n".to_owned());
    for (name, toml) in CHANNELS {
        let toml = toml.replace("HOST", &host);
        tell(dir.path(), name, &toml, &mut shown).await;
        configuration.push_str(&format!("[alert.channels.{name}]\n{toml}\n"));
    }
    let desk = desk(dir.path()).await;
    drop(guard);
    let said = commands(dir.path(), &configuration);
    let journal = journal.0.lock().unwrap().clone();
    let wire = recorded.lock().unwrap().clone();
    let mut files = vec![at("secrets"), at("file.jsonl")];
    for (name, bytes) in [("wire", wire), ("shown", shown), ("desk", desk), ("said", said), ("journal", journal)] {
        // A test in which nothing was sent would find nothing.
        let seen = String::from_utf8_lossy(&bytes).matches("micro-soc-portal").count();
        assert!(seen >= 5, "{name}: {seen} of {} bytes", bytes.len());
        std::fs::write(at(name), bytes).unwrap();
        files.push(at(name));
    }
    for folder in ["stix", "intelmq"] {
        files.extend(std::fs::read_dir(at(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    std::fs::write(&files[0], SECRETS.join("\n")).unwrap();
    let files: Vec<&Path> = files.iter().map(std::path::PathBuf::as_path).collect();
    python("noleak.py", &files);
    // The judge is awake: it finds a value where there is one.
    std::fs::write(at("wire"), format!("x {} x", SECRETS[1])).unwrap();
    let (tools, python) = tools();
    let judged =
        Command::new(python).arg(tools.join("noleak.py")).args([&at("secrets"), &at("wire")]).output().unwrap();
    assert_eq!(judged.status.code(), Some(1));
}
