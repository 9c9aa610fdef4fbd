//! SAFETY promise 11, and promise 2 of the design: a matching post is kept sealed and provable before anybody is told;
//! what matched nothing is never written, and nothing lies on the disk in clear.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use age::secrecy::ExposeSecret;
use serde_json::Value;

use crate::kit::{Service, World, customer, dump, errors, run, until, vigie};

/// A world whose captures `reader` can open. Temporary files of the service land in `tmp`.
struct Vault {
    world: World,
    reader: age::x25519::Identity,
}

impl Vault {
    fn new(more: &str) -> Self {
        let (world, reader) = (World::new(), age::x25519::Identity::generate());
        world.system("crm", 200);
        fs::create_dir(world.path("tmp")).unwrap();
        world.configure(&format!(
            "[alert.channels.file]\nfile = {{ path = \"alerts.jsonl\" }}\n\
             [evidence]\nrecipients = [\"{}\"]\nmin_free_mib = 0\n{more}",
            reader.to_public()
        ));
        Self { world, reader }
    }

    fn start(&self) -> Service {
        let mut command = vigie();
        command.arg("run").arg("--config").arg(self.world.path("vigie.toml")).env("TMPDIR", self.world.path("tmp"));
        Service::start(&mut command)
    }

    /// `vigie evidence …`: exit code and output.
    fn cli(&self, arguments: &[&str]) -> (i32, String, String) {
        let config = self.world.text("vigie.toml");
        let output = run(&[&["evidence", "--config", &config], arguments].concat());
        (output.status.code().unwrap(), String::from_utf8(output.stdout.clone()).unwrap(), errors(&output))
    }

    fn listed(&self) -> Vec<Value> {
        let (code, out, err) = self.cli(&["list", "--json"]);
        assert_eq!(code, 0, "{err}");
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn folder(&self, item: &Value) -> PathBuf {
        let place = format!("state/evidence/items/{}/{}", item["class"].as_str().unwrap(), id(item));
        self.world.path(&place)
    }
}

fn id(item: &Value) -> &str {
    item["id"].as_str().unwrap()
}

/// Every file below `folder` that contains one of `needles`.
fn holding(folder: &Path, needles: &[String]) -> Vec<(PathBuf, String)> {
    let search = aho_corasick::AhoCorasick::new(needles).unwrap();
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if let Some((path, found_at)) = fs::read(&path).ok().and_then(|b| Some((path, search.find(&b)?))) {
                found.push((path, needles[found_at.pattern()].clone()));
            }
        }
    }
    found
}

#[test]
fn what_matches_is_sealed_before_it_is_told_and_what_does_not_is_never_written() {
    let vault = Vault::new("");
    let world = &vault.world;
    let mut service = vault.start();
    service.wait_for("service.ready", |_| true);
    let mut planted = Vec::new();
    for n in 0..20 {
        let word = format!("planted-{n}-{}", customer("elsewhere", n)[1]);
        world.drop_file(&format!("clear-{n}.txt"), &format!("{word}\n{}", dump("elsewhere", n * 50..n * 50 + 50)));
        planted.push(word);
    }
    world.drop_file("leak.csv", &dump("crm", 0..60));
    for n in 0..60 {
        planted.extend(customer("crm", n).into_iter().skip(1));
    }
    until("everything is judged and told", || world.inbox() == 0 && world.path("alerts.jsonl").exists());
    assert_ne!(holding(&world.path("."), &planted), [], "the search finds what is there: the export of the system");
    let during = holding(&world.path("state"), &planted);
    service.stop();
    assert_eq!(during, [], "while it runs");
    for area in ["state", "tmp"] {
        assert_eq!(holding(&world.path(area), &planted), [], "{area}, afterwards");
    }
    fs::create_dir(world.path("told")).unwrap();
    fs::copy(world.path("alerts.jsonl"), world.path("told/alerts.jsonl")).unwrap();
    assert_eq!(holding(&world.path("told"), &planted), [], "what was told is masked");

    // The one capture is the one that the alert names, and it holds the post as it was received.
    let listed = vault.listed();
    assert_eq!(listed.len(), 1, "{listed:?}");
    let alert: Value =
        serde_json::from_str(fs::read_to_string(world.path("alerts.jsonl")).unwrap().lines().next().unwrap()).unwrap();
    let told = find(&alert, "evidence").expect("the alert names its evidence");
    let manifest = fs::read(vault.folder(&listed[0]).join("manifest.json")).unwrap();
    assert_eq!(
        (told["id"].as_str().unwrap(), told["manifest_sha256"].as_str().unwrap()),
        (id(&listed[0]), &*sha256(&manifest))
    );
    let sealed = fs::File::open(vault.folder(&listed[0]).join("capture.age")).unwrap();
    let clear = age::Decryptor::new(sealed).unwrap();
    let clear = clear.decrypt(std::iter::once(&vault.reader as &dyn age::Identity)).unwrap();
    let mut content = String::new();
    for entry in tar::Archive::new(clear).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().ends_with("content/0000") {
            entry.read_to_string(&mut content).unwrap();
        }
    }
    assert_eq!(content, dump("crm", 0..60));
}

fn sha256(bytes: &[u8]) -> String {
    vigie::signing::sha256_hex(bytes)
}

/// The first member of this name, wherever it stands.
fn find<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(members) => members.get(name).or_else(|| members.values().find_map(|v| find(v, name))),
        Value::Array(items) => items.iter().find_map(|v| find(v, name)),
        _ => None,
    }
}

#[test]
fn captures_are_checked_exported_held_and_deleted() {
    let vault = Vault::new("");
    let world = &vault.world;
    let mut service = vault.start();
    world.drop_file("one.csv", &dump("crm", 0..40));
    service.wait_for("evidence.captured", |_| true);
    world.drop_file("two.csv", &dump("crm", 100..140));
    service.wait_for("evidence.captured", |_| true);
    service.wait_for("alert.raised", |_| true);
    until("both are settled", || world.inbox() == 0);
    service.stop();
    let (code, out, err) = vault.cli(&["verify"]);
    assert_eq!((code, out.lines().filter(|line| line.ends_with(": ok")).count()), (0, 2), "{out}{err}");

    // Exports of one capture by its beginning, and of an alert's; nothing is replaced.
    let listed = vault.listed();
    let (one, two) = (&listed[0], &listed[1]);
    let archive = world.text("case.tar");
    let (code, _, err) = vault.cli(&["export", &id(one)[..8], "--out", &archive]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(vault.cli(&["export", id(one), "--out", &archive]).0, 2, "what is there is not replaced");
    assert_eq!(vault.cli(&["export", "ffff", "--out", &world.text("other.tar")]).0, 2);
    let alerts = run(&["alerts", "--config", &world.text("vigie.toml"), "list", "--json"]);
    let alert: Value = serde_json::from_slice(alerts.stdout.split(|b| *b == b'\n').next().unwrap()).unwrap();
    let (code, _, err) =
        vault.cli(&["export", "--alert", alert["id"].as_str().unwrap(), "--out", &world.text("a.tar")]);
    assert_eq!(code, 0, "{err}");
    let mut names: Vec<String> = Vec::new();
    for entry in tar::Archive::new(fs::File::open(&archive).unwrap()).entries().unwrap() {
        names.push(entry.unwrap().path().unwrap().display().to_string().replace(id(one), "ID"));
    }
    assert_eq!(names, ["EVIDENCE.md", "signing.pub.pem", "ID/manifest.json", "ID/manifest.sig", "ID/capture.age"]);

    // Time passes for both, as far as their manifests say; one is held.
    assert_eq!(vault.cli(&["hold", id(two), "--reason", " "]).0, 2, "a hold needs a reason");
    assert_eq!(vault.cli(&["hold", id(two), "--reason", "case 7"]).0, 0);
    for item in [one, two] {
        let file = vault.folder(item).join("manifest.json");
        let text = fs::read_to_string(&file).unwrap();
        let at = item["manifest"]["captured_at"].as_str().unwrap();
        fs::write(&file, text.replace(&format!("\"captured_at\":\"{at}"), "\"captured_at\":\"2001-01-01T00:00:00Z"))
            .unwrap();
    }
    let mut service = vault.start();
    let deleted = service.wait_for("evidence.deleted", |_| true);
    assert_eq!((deleted["id"].as_str(), deleted["rule"].as_str()), (Some(id(one)), Some("retention.leak_days = 1095")));
    service.wait_for("retention.done", |event| event["captures"] == 1);
    service.stop();
    assert!(!vault.folder(one).exists() && vault.folder(two).exists());
    let records: Vec<_> = fs::read_dir(world.path("state/evidence/deleted")).unwrap().flatten().collect();
    assert_eq!(records.len(), 2, "a record and its signature");
    // Whoever altered the manifests is found out: by the signature of the one, by the audit log for the other.
    let (code, out, err) = vault.cli(&["verify"]);
    assert_eq!(code, 3, "{err}");
    assert!(out.contains(&format!("{}: manifest.sig does not hold", id(two))), "{out}");
    assert!(out.contains(&format!("{}: it is gone, and no record says", id(one))), "{out}");
    assert_eq!(vault.cli(&["release", id(two), "--reason", "over"]).0, 0);
    assert!(!vault.folder(two).join("hold.json").exists());
}

/// A time-stamping authority: `openssl ts` behind HTTP, which can be down.
struct Authority {
    url: String,
    down: Arc<AtomicBool>,
    asked: Arc<std::sync::atomic::AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

fn openssl(folder: &Path, arguments: &str) {
    let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Authority {
    /// Makes root, authority and certificates of `kind` (`ec -pkeyopt …`, `rsa:2048`) and serves.
    fn start(folder: &Path, kind: &str) -> Self {
        let config = "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = Example\n[ca]\nbasicConstraints = critical, CA:TRUE\n\
                      [tsa]\nbasicConstraints = CA:FALSE\nkeyUsage = critical, digitalSignature\nextendedKeyUsage = critical, timeStamping\n\
                      [ts]\ndefault_tsa = one\n[one]\nserial = serial\ncrypto_device = builtin\nsigner_cert = tsa.pem\ncerts = root.pem\n\
                      signer_key = tsa.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\nother_policies = 1.2.3.5\ndigests = sha256\n\
                      accuracy = secs:1, millisecs:500\nordering = yes\ntsa_name = yes\ness_cert_id_alg = sha256\nclock_precision_digits = 3\n";
        fs::write(folder.join("tsa.cnf"), config).unwrap();
        fs::write(folder.join("serial"), "01\n").unwrap();
        openssl(
            folder,
            &format!(
                "req -x509 -newkey {kind} -nodes -keyout root.key -out root.pem -subj /CN=Root -days 2 -config tsa.cnf -extensions ca"
            ),
        );
        openssl(
            folder,
            &format!("req -newkey {kind} -nodes -keyout tsa.key -out tsa.csr -subj /CN=Tsa -config tsa.cnf"),
        );
        openssl(
            folder,
            "x509 -req -in tsa.csr -CA root.pem -CAkey root.key -set_serial 7 -days 2 -extfile tsa.cnf -extensions tsa -out tsa.pem",
        );
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/tsr", listener.local_addr().unwrap());
        let (down, asked) = (Arc::new(AtomicBool::new(true)), Arc::<std::sync::atomic::AtomicUsize>::default());
        let (is_down, counted, folder) = (down.clone(), asked.clone(), folder.to_owned());
        let answer = move |headers: axum::http::HeaderMap, query: axum::body::Bytes| async move {
            assert_eq!(headers["content-type"], "application/timestamp-query");
            counted.fetch_add(1, Ordering::SeqCst);
            if is_down.load(Ordering::SeqCst) {
                return Err(axum::http::StatusCode::SERVICE_UNAVAILABLE);
            }
            fs::write(folder.join("query"), &query).unwrap();
            openssl(&folder, "ts -reply -config tsa.cnf -section one -queryfile query -out reply");
            Ok(fs::read(folder.join("reply")).unwrap())
        };
        let router = axum::Router::new().route("/tsr", axum::routing::post(answer));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, down, asked, _runtime: runtime }
    }
}

/// The commands of `docs/evidence.md`, one script after another.
fn procedure() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evidence.md")).unwrap();
    text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

fn stamped_and_checked_with_public_tools(kind: &str) {
    let tsa = tempfile::tempdir().unwrap();
    let authority = Authority::start(tsa.path(), kind);
    let vault = Vault::new(&format!("[evidence.timestamp]\nurl = \"{}\"\n", authority.url));
    let world = &vault.world;
    let mut service = vault.start();
    world.drop_file("leak.csv", &dump("crm", 0..40));
    service.wait_for("evidence.stamp_failed", |event| event["error"].as_str().unwrap().contains("503"));
    service.stop();
    assert_eq!(vault.listed()[0]["stamped"], false);
    assert_eq!(vault.cli(&["verify"]).0, 0, "waiting is no fault");
    assert_eq!(vault.cli(&["verify", "--require-timestamp"]).0, 3, "unless it is asked for");

    // What waits is asked for again after a restart, once the authority is back.
    authority.down.store(false, Ordering::SeqCst);
    let mut service = vault.start();
    let stamped = service.wait_for("evidence.stamped", |_| true);
    assert_eq!(stamped["signature_checked"], true, "the kinds that authorities use are known");
    let asked = authority.asked.load(Ordering::SeqCst);
    service.stop();
    let item = &vault.listed()[0];
    assert_eq!((item["stamped"].as_bool(), authority.asked.load(Ordering::SeqCst)), (Some(true), asked), "asked once");
    let (code, out, _) = vault.cli(&["verify", "--require-timestamp"]);
    assert_eq!(code, 0, "{out}");

    let archive = world.text("case.tar");
    assert_eq!(vault.cli(&["export", id(item), "--out", &archive]).0, 0);
    let place = world.path("received");
    fs::create_dir(&place).unwrap();
    fs::write(world.path("identity"), vault.reader.to_string().expose_secret()).unwrap();
    let scripts = procedure();
    assert_eq!(scripts.len(), 3, "check, time-stamp, opening");
    let check = |altered: Option<&str>| {
        let _ = fs::remove_dir_all(&place);
        fs::create_dir(&place).unwrap();
        let unpacked = Command::new("tar").arg("xf").arg(&archive).current_dir(&place).status().unwrap();
        assert!(unpacked.success());
        if let Some(name) = altered {
            let file = place.join(id(item)).join(name);
            let mut bytes = fs::read(&file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&file, bytes).unwrap();
        }
        let script = format!("set -euo pipefail\n{}", scripts.join("\n"));
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).current_dir(&place).env("ID", id(item));
        shell.env("TSA_CA", tsa.path().join("root.pem")).env("IDENTITY", world.path("identity"));
        shell.output().unwrap()
    };
    let done = check(None);
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    for word in ["Signature Verified Successfully", "capture.age: OK", "Verification: OK", "opened/content/0000: OK"] {
        assert!(said.contains(word), "`{word}` in {said}");
    }
    let opened = fs::read_to_string(place.join(id(item)).join("opened/content/0000")).unwrap();
    assert_eq!(opened, dump("crm", 0..40));
    for name in ["manifest.json", "manifest.sig", "capture.age", "manifest.tsr"] {
        assert!(!check(Some(name)).status.success(), "{name} altered");
    }
    // Every bit of the stored stamp counts too.
    let stamp = vault.folder(item).join("manifest.tsr");
    let whole = fs::read(&stamp).unwrap();
    for at in (0..whole.len()).step_by(97) {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        fs::write(&stamp, altered).unwrap();
        assert_eq!(vault.cli(&["verify", id(item)]).0, 3, "byte {at}");
    }
}

#[test]
#[ignore = "needs openssl, age and jq: just evidence"]
fn a_capture_is_stamped_by_openssl_and_checked_with_public_tools() {
    stamped_and_checked_with_public_tools("ec -pkeyopt ec_paramgen_curve:P-256");
}

#[test]
#[ignore = "needs openssl, age and jq: just evidence"]
fn an_authority_with_rsa_keys_is_as_good() {
    stamped_and_checked_with_public_tools("rsa:2048");
}

#[test]
fn a_vault_that_cannot_be_written_keeps_no_alert_from_being_told() {
    let vault = Vault::new("");
    let world = &vault.world;
    let mut service = vault.start();
    service.wait_for("service.ready", |_| true);
    // A file where the folder of leaks was: whatever the user may do, nothing can be made in it.
    let class = world.path("state/evidence/items/leak");
    fs::remove_dir(&class).unwrap();
    fs::write(&class, "").unwrap();
    world.drop_file("leak.csv", &dump("crm", 0..40));
    service.wait_for("evidence.failed", |_| true);
    service.wait_for("alert.delivered", |_| true);
    service.stop();
    let alert: Value =
        serde_json::from_str(fs::read_to_string(world.path("alerts.jsonl")).unwrap().lines().next().unwrap()).unwrap();
    let told = find(&alert, "evidence").unwrap();
    assert!(told.get("manifest_sha256").is_none(), "{told}");
    assert!(told["missing"][0].as_str().unwrap().contains("could not be written"), "{told}");
}

#[test]
fn killed_at_any_moment_a_capture_is_whole_or_not_there() {
    let vault = Vault::new("");
    let world = &vault.world;
    for n in 0..12_u64 {
        let mut service = vault.start();
        world.drop_file(&format!("leak-{n}.csv"), &dump("crm", n as usize * 15..n as usize * 15 + 15));
        service.wait_for("service.ready", |_| true);
        std::thread::sleep(Duration::from_millis(n * 37 % 300));
        service.kill();
    }
    let service = vault.start();
    until("everything is judged", || world.inbox() == 0 && vault.listed().len() == 12);
    service.stop();
    let (code, out, err) = vault.cli(&["verify"]);
    assert_eq!(code, 0, "{out}{err}");
    // Every document of every alert names a capture that is there.
    let listed = vault.listed();
    let alerts = run(&["alerts", "--config", &world.text("vigie.toml"), "list", "--json"]);
    let mut named = 0;
    for line in String::from_utf8(alerts.stdout).unwrap().lines() {
        let alert: Value = serde_json::from_str(line).unwrap();
        for document in alert["documents"].as_array().unwrap() {
            let told = document["evidence"]["id"].as_str().unwrap();
            assert!(listed.iter().any(|item| id(item) == told), "{told}");
            named += 1;
        }
    }
    assert_eq!(named, 12);
}
