//! What CERT tools receive, checked by their official clients' own rules.
//!
//! Ignored by default, because it needs those clients and programs; `tests/real_receivers/run` (`just receivers`) installs
//! them and runs all of it.

mod alertmanager;
mod desktop;
mod every_byte;
mod intelmq;
mod mail;
mod rt;
mod stix;
mod updates;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use vigie::alert::channels::{Surroundings, set_up};
use vigie::alert::{Channel, Judged, Notice, PostFacts, Ratings, RawAlertSettings, compose, settings::Clearance};
use vigie::model::{
    Alert, AlertState, Assessment, Change, ConcernedRecord, FieldKind, MaskedRow, Pap, PostId, ScanReport, Skip,
    SkipReason, SystemAttribution, SystemImpact, Tlp, Verdict, sensitive,
};
use vigie::net::NetSettings;
use vigie::store::{RecordCounts, SqliteStore};

/// Values that must be in nothing that is sent.
const SECRETS: &[&str] = &["jeanne.martin@courriel.example", "+33 6 12 34 56 78", "FR7630006000011234567890189"];

fn alert() -> Alert {
    let at = Timestamp::now();
    let hostile =
        format!("=1+1 \u{202e}<b>@all</b>]\"\\ <!channel> [x](http://e.example) {} \u{1b}[2J\r\nBcc: x", SECRETS[0]);
    let system: vigie::model::SystemId = "micro-soc-portal".parse().unwrap();
    let attribution = SystemAttribution {
        system: system.clone(),
        snapshot: "2026-08-01".parse().unwrap(),
        snapshot_interval: ["2026-08-01".parse().unwrap(), "2026-09-14".parse().unwrap()],
        probability: 0.937,
        records: 2,
        rows: 2,
        canaries: 0,
        fields: vec![FieldKind::Email, FieldKind::Phone, FieldKind::Iban],
        refs: None,
        reasons: vec!["2 of 2 rows are explained by micro-soc-portal".into()],
    };
    let kinds = [FieldKind::Email, FieldKind::Phone, FieldKind::Iban];
    let cells = kinds.iter().zip(SECRETS).map(|(kind, value)| (Some(*kind), sensitive::mask(Some(*kind), value)));
    let records = (1..=2).map(|record| ConcernedRecord { record, kinds: 1 << 1 | 1 << 2 | 1 << 12 }).collect();
    let assessment = Assessment {
        report: ScanReport {
            document: format!("forum:7/{hostile}.csv"),
            blake3: blake3::hash(b"x").to_hex().to_string(),
            verdict: Verdict::Leak,
            attribution: vec![attribution],
            outside: 0.02,
            rows: 3,
            terms: Vec::new(),
            bytes: 4_711,
            skipped: vec![Skip::new(
                "inner.zip",
                SkipReason::Encrypted,
                format!("no password found for {}", SECRETS[1]),
            )],
        },
        impact: vec![SystemImpact { system: system.clone(), records, canaries: 0 }],
        unmatched_rows: 1,
        sample: vec![MaskedRow { cells: cells.collect() }],
    };
    let post = PostFacts {
        id: PostId("forum:7".into()),
        revision: [0; 32],
        site: "forum".parse().unwrap(),
        url: "https://forum.example/t/7?page=2&of=jeanne.martin%40courriel.example&tel=%2B33612345678".into(),
        title: Some(hostile.clone()),
        author: Some(hostile),
        posted_at: Some(at),
        seen_at: at,
        fetched_at: at,
        evidence: None,
    };
    let judged = Judged { post, at, documents: vec![assessment] };
    let documents = [compose::document(&judged, &judged.documents[0])];
    let by_kind = kinds.iter().map(|kind| (*kind, 2)).collect();
    let counts = [(system, RecordCounts { records: 2, new: 2, by_kind })].into();
    let begun = compose::begun(compose::alert_id(&judged.post, &judged.documents[0]), at);
    let mut alert = compose::compose(&begun.alert, &documents, &counts, &Ratings::default());
    (alert.revision, alert.tlp, alert.state) = (1, Tlp::AmberStrict, AlertState::Open);
    alert
}

/// The alert at a revision, as told to whoever was told before under `reference`.
fn told(change: Change, revision: u32, reference: Option<String>) -> Notice {
    let mut alert = alert();
    alert.revision = revision;
    alert.updated_at = alert.created_at.checked_add(jiff::SignedDuration::from_secs(revision.into())).unwrap();
    Notice::new(alert, change, reference, Clearance::ALL)
}

struct Stub {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tools() -> (PathBuf, String) {
    let tools = std::env::var_os("VIGIE_RECEIVERS").expect("VIGIE_RECEIVERS names the folder of the checks");
    (tools.into(), std::env::var("VIGIE_PYTHON").unwrap_or_else(|_| "python3".into()))
}

fn python(script: &str, arguments: &[&Path]) -> String {
    let (tools, python) = tools();
    let out = Command::new(python).current_dir(&tools).arg(tools.join(script)).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{script}: {said}{}", String::from_utf8_lossy(&out.stderr));
    said
}

fn stub(folder: &Path) -> Stub {
    let (tools, python) = tools();
    let mut child = Command::new(python)
        .arg(tools.join("cert_stub.py"))
        .arg(folder.join("log"))
        .args(["--port", "0", "--seconds", "60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().strip_prefix("ready ").expect("ready").parse().unwrap();
    Stub { child, port, folder: folder.to_owned() }
}

fn secret(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn channel(folder: &Path, toml: &str) -> Arc<dyn Channel> {
    let raw: RawAlertSettings = toml::from_str(&format!("[channels.c]\n{toml}")).unwrap();
    let settings = raw.validate(folder).unwrap().channels.remove(0);
    let store = Arc::new(SqliteStore::open(&folder.join("vigie.db")).unwrap());
    set_up(&settings, &Surroundings { net: NetSettings::default(), store }).unwrap()
}

#[tokio::test]
#[ignore = "needs Python with the receivers' official clients"]
async fn every_receiver_accepts_what_it_is_sent_and_nothing_leaks() {
    let dir = tempfile::tempdir().unwrap();
    let stub = stub(dir.path());
    let base = format!("http://127.0.0.1:{}", stub.port);
    secret(dir.path(), "hook", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3");
    secret(dir.path(), "github", "gh-secret-of-the-stub");
    secret(dir.path(), "key", "stubkey");
    for service in ["slack", "mattermost", "teams"] {
        secret(dir.path(), service, &format!("{base}/hook/{service}"));
    }
    let mut channels = vec![
        format!("webhook = {{ url = '{base}/hook/standard', secrets = [{{ file = 'hook' }}] }}"),
        format!(
            "webhook = {{ url = '{base}/hook/cloudevents', style = 'cloudevents', secrets = [{{ file = 'hook' }}] }}"
        ),
        format!("misp = {{ url = '{base}', key = {{ file = 'key' }} }}"),
        format!("thehive = {{ url = '{base}', key = {{ file = 'key' }} }}"),
    ];
    channels.extend(
        ["slack", "mattermost", "teams"].map(|s| format!("chat = {{ service = '{s}', url = {{ file = '{s}' }} }}")),
    );
    let notice = Notice::new(alert(), Change::Raised, None, Clearance::ALL);
    for toml in &channels {
        let channel = channel(dir.path(), toml);
        let first = channel.deliver(&notice).await;
        assert!(first.is_ok(), "{}: {first:?}\n{}", channel.kind(), log(&stub));
        let again = channel.deliver(&notice).await;
        assert!(again.is_ok(), "{} again: {again:?}\n{}", channel.kind(), log(&stub));
        let other = Notice::new(alert(), Change::Raised, None, Clearance { tlp: Tlp::Green, pap: Pap::Red });
        let bytes = channel.render(&other).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("micro-soc"), "{} withholds", channel.kind());
    }
    let log = log(&stub);
    for line in log.lines() {
        let request: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(request["bad"], serde_json::json!([]), "{}", request["path"]);
    }
    std::fs::write(dir.path().join("secrets"), SECRETS.join("\n")).unwrap();
    python("noleak.py", &[&dir.path().join("secrets"), &stub.folder.join("log")]);
}

fn log(stub: &Stub) -> String {
    std::fs::read_to_string(stub.folder.join("log")).unwrap_or_default()
}

#[tokio::test]
#[ignore = "needs Python with the receivers' official clients"]
async fn syslog_and_cef_follow_their_grammar() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secrets"), SECRETS.join("\n")).unwrap();
    let notice = Notice::new(alert(), Change::Raised, None, Clearance::ALL);
    for (format, transport) in [("rfc5424", "udp"), ("rfc5424", "tcp"), ("cef", "udp"), ("cef", "tcp")] {
        let toml = format!("syslog = {{ server = '127.0.0.1:9', transport = '{transport}', format = '{format}' }}");
        let raw = dir.path().join(format);
        let mut bytes = channel(dir.path(), &toml).render(&notice).unwrap();
        bytes.push(b'\n');
        std::fs::write(&raw, bytes).unwrap();
        let secrets = dir.path().join("secrets");
        let mut arguments =
            vec![raw.as_path(), Path::new("--app"), Path::new("vigie"), Path::new("--secrets"), &secrets];
        if format == "cef" {
            arguments.push(Path::new("--cef"));
        }
        python("syslog_check.py", &arguments);
    }
}

/// An authority, a server's and a client's certificate, by the `openssl` program.
fn certificates(folder: &Path) {
    let script = r#"set -e
        new() { openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout "$1.key" -out "$1.pem" -subj "/CN=$2" "${@:3}"; }
        new ca "test authority" -addext basicConstraints=critical,CA:TRUE
        for who in server client; do
            new $who $who.example -CA ca.pem -CAkey ca.key -addext "subjectAltName=DNS:$who.example,IP:127.0.0.1" \
                -addext basicConstraints=critical,CA:FALSE
        done
        chmod 600 client.key"#;
    let made = Command::new("bash").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Messages that follow each other at once.
const ROW: u32 = 100;

/// Runs `run_rsyslog.sh`; its ports are fixed.
fn rsyslog(arguments: &[&std::ffi::OsStr]) {
    let (tools, _) = tools();
    let mut command = Command::new("bash");
    command.arg(tools.join("run_rsyslog.sh")).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().unwrap().success(), "rsyslog");
}

#[tokio::test]
#[ignore = "needs rsyslog with TLS, openssl, and Python with the receivers' official clients"]
async fn rsyslog_takes_messages_over_udp_tcp_and_tls_with_a_client_certificate() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    std::fs::write(dir.path().join("secrets"), SECRETS.join("\n")).unwrap();
    let folder = dir.path().join("rsyslog");
    let file = |name: &str| dir.path().join(name).into_os_string();
    let (ca, certificate, key) = (file("ca.pem"), file("server.pem"), file("server.key"));
    rsyslog(&["start".as_ref(), folder.as_ref(), &ca, &certificate, &key, "client.example".as_ref()]);
    let notice = Notice::new(alert(), Change::Raised, None, Clearance::ALL);
    let identity = "ca = 'ca.pem', certificate = 'client.pem', key = { file = 'client.key' }";
    for toml in [
        "syslog = { server = '127.0.0.1:5514', transport = 'udp' }".to_owned(),
        "syslog = { server = '127.0.0.1:5515', transport = 'tcp', format = 'cef' }".to_owned(),
        format!("syslog = {{ server = '127.0.0.1:6514', {identity} }}"),
    ] {
        let told = channel(dir.path(), &toml).deliver(&notice).await;
        assert!(told.is_ok(), "{toml}: {told:?}");
    }
    // Many in a row over TLS: only the first waits whether we are refused.
    let (row, begun) =
        (channel(dir.path(), &format!("syslog = {{ server = '127.0.0.1:6514', {identity} }}")), Instant::now());
    for revision in 1..=ROW {
        let sent = row.deliver(&told(Change::Updated, revision, None)).await;
        assert!(sent.is_ok(), "{revision}: {sent:?}");
    }
    let took = begun.elapsed();
    let nameless = channel(dir.path(), "syslog = { server = '127.0.0.1:6514', ca = 'ca.pem' }").deliver(&notice).await;
    let stranger =
        channel(dir.path(), "syslog = { server = '127.0.0.1:6514', ca = 'client.pem' }").deliver(&notice).await;
    let received = folder.join("out.jsonl");
    for _ in 0..100 {
        if std::fs::read_to_string(&received).is_ok_and(|text| text.lines().count() >= 3 + ROW as usize) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    rsyslog(&["stop".as_ref(), folder.as_ref()]);
    assert!(nameless.is_err(), "a refused client certificate is noticed");
    assert!(stranger.is_err(), "a server of another authority is not spoken to");
    println!("{ROW} messages over TLS in {:.2} s", took.as_secs_f64());
    assert!(took < std::time::Duration::from_millis(300) * ROW / 4, "{took:?}");
    let inputs =
        ["--min", &(3 + ROW).to_string(), "--inputs", "imudp,imptcp,imtcp", "--app", "vigie", "--cef", "--secrets"];
    let secrets = dir.path().join("secrets");
    let mut arguments = vec![received.as_path()];
    arguments.extend(inputs.iter().map(Path::new));
    arguments.push(&secrets);
    python("syslog_check.py", &arguments);
}
