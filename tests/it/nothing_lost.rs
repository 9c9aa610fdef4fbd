//! SAFETY promises 1 and 2 for queue, verdicts and outbox: whatever is killed when, no accepted post and no alert is
//! lost, and a receiver that recognises repetitions is told of nothing twice.
//!
//! A child process (this test binary again) sends, judges and delivers; it is killed with SIGKILL at random moments,
//! also while it recovers. The receiver flaps: it answers 503, hangs, or cuts the connection.
//! `VIGIE_KILLS=1000 cargo test --test it nothing_lost` runs as long as one likes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use vigie::alert::channels::{Surroundings, set_up};
use vigie::alert::{AlertSettings, Committer, Deliveries, Desk, Judged, PostFacts, RawAlertSettings, compose};
use vigie::model::{
    Assessment, Attachment, ConcernedRecord, FieldKind, Post, PostId, ScanReport, SystemAttribution, SystemImpact,
    Verdict,
};
use vigie::net::NetSettings;
use vigie::queue::{LocalQueue, Queue, QueueSettings, SpoolKey};
use vigie::store::{Alerts, Cursor, Cursors, FilteredSeen, Outbox, SqliteStore};

/// The folder a child works in; set for children only.
pub const FOLDER: &str = "VIGIE_TEST_FOLDER";

/// The port of the receiver; set for children only.
pub const PORT: &str = "VIGIE_TEST_PORT";

/// The posts after which a child ends by itself; without it, none does.
pub const POSTS: &str = "VIGIE_TEST_POSTS";

pub fn post(number: u64) -> Post {
    let content = format!("content of post {number}, {}", "x".repeat((number % 40) as usize * 100));
    let now = Timestamp::now();
    Post {
        id: PostId(format!("site:{number}")),
        revision: *blake3::hash(content.as_bytes()).as_bytes(),
        site: "site".parse().unwrap(),
        url: format!("https://paste.example/{number}"),
        title: None,
        author: None,
        posted_at: None,
        seen_at: now,
        fetched_at: now,
        body: Attachment { name: "body".into(), media_type: None, bytes: content.into_bytes() },
        attachments: Vec::new(),
        skipped: Vec::new(),
        exchanges: Vec::new(),
    }
}

/// A verdict on a post: a leak of one record that stands in no other post.
pub fn judge(post: &Post) -> Judged {
    let record = u64::from_be_bytes(post.revision[..8].try_into().unwrap());
    let system: vigie::model::SystemId = "portal".parse().unwrap();
    let attribution = SystemAttribution {
        system: system.clone(),
        snapshot: "2026-03-01".parse().unwrap(),
        snapshot_interval: ["2026-03-01".parse().unwrap(), "2026-08-31".parse().unwrap()],
        probability: 0.97,
        records: 1,
        rows: 1,
        canaries: 0,
        fields: vec![FieldKind::Email],
        refs: None,
        reasons: Vec::new(),
    };
    let assessment = Assessment {
        report: ScanReport {
            document: format!("{}/body", post.id),
            blake3: blake3::hash(&post.body.bytes).to_hex().to_string(),
            verdict: Verdict::Leak,
            attribution: vec![attribution],
            outside: 0.01,
            rows: 1,
            terms: Vec::new(),
            bytes: post.body.bytes.len() as u64,
            skipped: Vec::new(),
        },
        impact: vec![SystemImpact { system, records: vec![ConcernedRecord { record, kinds: 2 }], canaries: 0 }],
        unmatched_rows: 0,
        sample: Vec::new(),
    };
    Judged { post: PostFacts::from(post), at: Timestamp::now(), documents: vec![assessment] }
}

fn settings(folder: &Path, port: &str) -> AlertSettings {
    let toml = format!(
        "[channels.file]\nfile = {{ path = 'alerts.jsonl' }}\n\
         [channels.hook]\ntimeout = '1s'\nparallel = 32\n\
         webhook = {{ url = 'http://127.0.0.1:{port}/', secrets = [{{ file = 'secret' }}] }}"
    );
    toml::from_str::<RawAlertSettings>(&toml).unwrap().validate(folder).unwrap()
}

/// What the program does with posts, in small: queue, verdict, outbox.
pub struct Program {
    pub store: Arc<SqliteStore>,
    pub queue: LocalQueue,
    committer: Committer,
    pub deliveries: Deliveries,
}

impl Program {
    pub fn start(folder: &Path, port: &str) -> Self {
        let store = Arc::new(SqliteStore::open(&folder.join("vigie.db")).unwrap());
        let seen = Arc::new(FilteredSeen::new(store.clone(), 1_000).unwrap());
        let keys = vec![SpoolKey::derive(b"a secret of the tests")];
        let queue = LocalQueue::open(QueueSettings::new(folder.join("queue")), keys).unwrap();
        let settings = settings(folder, port);
        let desk = Desk { routes: settings.routes(), ..Desk::default() };
        let wake = Arc::new(Notify::new());
        let committer = Committer::start(store.clone(), seen, desk, Arc::clone(&wake)).unwrap();
        let with = Surroundings { net: NetSettings::default(), store: store.clone() };
        let channels = settings.channels.into_iter().map(|s| (s.clone(), set_up(&s, &with).unwrap())).collect();
        let deliveries = Deliveries::start(store.clone(), channels, wake);
        Self { store, queue, committer, deliveries }
    }

    /// Judges until the queue is closed.
    pub async fn work(&self) {
        while let Some(delivery) = self.queue.receive().await.unwrap() {
            self.committer.commit(judge(&delivery.post)).await.unwrap();
            self.queue.ack(delivery.receipt).await.unwrap();
        }
    }
}

/// The child: goes on where the cursor stands, sends posts, tells which were accepted, judges and delivers until it
/// is killed. Does nothing when run as an ordinary test.
#[test]
fn child() {
    let (Some(folder), Ok(port)) = (std::env::var_os(FOLDER), std::env::var(PORT)) else { return };
    let folder = PathBuf::from(folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let program = Program::start(&folder, &port);
        let mut accepted = OpenOptions::new().create(true).append(true).open(folder.join("accepted")).unwrap();
        let site = "site".parse().unwrap();
        let most = std::env::var(POSTS).map_or(u64::MAX, |posts| posts.parse().unwrap());
        let send = async {
            let mut next =
                program.store.cursor(&site, "").unwrap().map_or(0, |c| u64::from_be_bytes(c.bytes.try_into().unwrap()));
            loop {
                let batch = next..next + 8;
                let sent = batch.clone().map(|number| program.queue.send(post(number)));
                for (number, sent) in batch.clone().zip(futures_util::future::join_all(sent).await) {
                    sent.unwrap();
                    writeln!(accepted, "{number}").unwrap();
                }
                next = batch.end;
                if next >= most {
                    std::process::exit(0);
                }
                let cursor = Cursor { bytes: next.to_be_bytes().to_vec() };
                program.store.put_cursor(&site, "", &cursor, Timestamp::now()).unwrap();
                // The load is what the receivers can take, so that the end comes soon after the last kill.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::join!(send, program.work(), program.work(), program.work());
    });
}

/// Counts what arrives, by `webhook-id`, and misbehaves in turn.
struct Receiver {
    port: u16,
    got: Arc<Mutex<BTreeMap<String, usize>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Receiver {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::new(Mutex::new(BTreeMap::new()));
        let (counted, count) = (Arc::clone(&got), Arc::new(AtomicUsize::new(0)));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&counted), Arc::clone(&count)));
            }
        });
        Self { port, got, _runtime: runtime }
    }
}

async fn serve(mut stream: TcpStream, got: Arc<Mutex<BTreeMap<String, usize>>>, count: Arc<AtomicUsize>) {
    let (mut held, mut buffer) = (Vec::new(), [0; 8192]);
    loop {
        let Ok(read @ 1..) = stream.read(&mut buffer).await else { return };
        held.extend_from_slice(&buffer[..read]);
        let Some((id, length)) = request(&held) else { continue };
        held.drain(..length);
        let number = count.fetch_add(1, Ordering::Relaxed);
        match number % 40 {
            7 | 8 => drop(stream.write_all(b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n").await),
            19 => tokio::time::sleep(Duration::from_secs(5)).await,
            29 => return,
            // Accepted, but the answer is lost: the delivery is repeated, and recognised.
            33 => {
                *got.lock().unwrap().entry(id).or_default() += 1;
                return;
            }
            _ => {
                *got.lock().unwrap().entry(id).or_default() += 1;
                drop(stream.write_all(b"HTTP/1.1 204 Done\r\n\r\n").await);
            }
        }
    }
}

/// The `webhook-id` and whole length of a request, once it is there in full.
fn request(held: &[u8]) -> Option<(String, usize)> {
    let head = held.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&held[..head]).to_ascii_lowercase();
    let field = |name: &str| text.lines().find_map(|l| l.strip_prefix(name).map(|v| v.trim().to_owned()));
    let length = head + field("content-length:")?.parse::<usize>().ok()?;
    (held.len() >= length).then(|| (field("webhook-id:").unwrap_or_default(), length))
}

fn spawn(folder: &Path, port: u16) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nothing_lost::child", "--nocapture"])
        .env(FOLDER, folder)
        .env(PORT, port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn drawn_millis(most: u64) -> Duration {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    Duration::from_millis(u64::from_le_bytes(bytes) % most)
}

fn accepted(folder: &Path) -> BTreeSet<u64> {
    let text = std::fs::read_to_string(folder.join("accepted")).unwrap_or_default();
    // A line cut off by the kill was not told.
    text.split_inclusive('\n').filter_map(|l| l.strip_suffix('\n')?.parse().ok()).collect()
}

#[test]
fn nothing_is_lost_and_nobody_is_told_twice_though_killed_at_any_time() {
    use std::os::unix::fs::PermissionsExt;
    let kills: usize = std::env::var("VIGIE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(15);
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let receiver = Receiver::start();
    for _ in 0..kills {
        let mut child = spawn(dir.path(), receiver.port);
        // From before it has opened anything to well into its work.
        std::thread::sleep(drawn_millis(250));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // One life to the end, within this process: what was accepted is judged and told.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let started = Instant::now();
        let program = Program::start(dir.path(), &receiver.port.to_string());
        assert!(started.elapsed() < Duration::from_secs(5), "restart took {:?}", started.elapsed());
        let drained = async {
            while program.queue.depth().posts > 0 || program.store.outbox_counts().unwrap().0 > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            program.queue.close();
        };
        let all = async { tokio::join!(program.work(), program.work(), drained) };
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("drained in time");
        program.deliveries.stop().await;
        assert_eq!(program.store.outbox_counts().unwrap(), (0, 0), "no dead letters");
        assert_eq!(program.queue.depth().quarantined, 0);
    });

    let accepted = accepted(dir.path());
    assert!(accepted.len() > kills, "{} posts: the children did work", accepted.len());
    let store = SqliteStore::open(&dir.path().join("vigie.db")).unwrap();
    store.check().unwrap();
    let expected: BTreeSet<_> = accepted
        .iter()
        .map(|number| {
            let judged = judge(&post(*number));
            compose::alert_id(&judged.post, &judged.documents[0])
        })
        .collect();
    for id in &expected {
        let alert = store.alert(*id).unwrap().expect("no alert is lost");
        assert_eq!(alert.revision, 1, "judged again, told once");
    }
    let lines = std::fs::read_to_string(dir.path().join("alerts.jsonl")).unwrap();
    let told: Vec<String> = lines
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("whole lines");
            line["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let once: BTreeSet<&String> = told.iter().collect();
    assert_eq!(told.len(), once.len(), "no line twice in the file");
    let got = receiver.got.lock().unwrap();
    for id in expected {
        assert!(once.contains(&id.to_string()), "in the file");
        assert!(got.contains_key(&format!("{id}-1")), "at the receiver");
    }
    assert!(got.keys().all(|id| id.ends_with("-1")), "one identity per alert, however often it was sent");
}

/// Queue and verdicts by themselves: 10 KB posts in which nothing is found, every one durable before it is accepted
/// and settled before it leaves. `cargo test --release --test it throughput -- --ignored --nocapture`.
#[test]
#[ignore = "measures; run it alone and in release"]
fn throughput() {
    const POSTS: u64 = 20_000;
    let dir = tempfile::tempdir_in(std::env::current_dir().unwrap().join("target")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(&dir.path().join("vigie.db")).unwrap());
        let seen = Arc::new(FilteredSeen::new(store.clone(), 1_000).unwrap());
        let keys = vec![SpoolKey::derive(b"a secret of the tests")];
        let queue = LocalQueue::open(QueueSettings::new(dir.path().join("queue")), keys).unwrap();
        let committer = Committer::start(store.clone(), seen, Desk::default(), Arc::new(Notify::new())).unwrap();
        let started = Instant::now();
        let next = std::sync::atomic::AtomicU64::new(0);
        let send = futures_util::future::join_all((0..64).map(|_| async {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= POSTS {
                    return;
                }
                let mut post = post(number);
                post.body.bytes.resize(10_000, b'y');
                queue.send(post).await.unwrap();
            }
        }));
        let settled = AtomicUsize::new(0);
        let work = futures_util::future::join_all((0..64).map(|_| async {
            while let Some(delivery) = queue.receive().await.unwrap() {
                let mut judged = judge(&delivery.post);
                judged.documents.clear();
                committer.commit(judged).await.unwrap();
                queue.ack(delivery.receipt).await.unwrap();
                if settled.fetch_add(1, Ordering::Relaxed) as u64 == POSTS - 1 {
                    queue.close();
                }
            }
        }));
        tokio::join!(send, work);
        let rate = POSTS as f64 / started.elapsed().as_secs_f64();
        eprintln!("{rate:.0} posts/s of 10 KB through queue and verdicts");
        assert!(rate > 2_000.0, "{rate:.0} posts/s");
    });
}
