//! The vault against crashes, limits, altered files and passing time. Contents are made up.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::vault::{CAPTURE, MANIFEST, SIGNATURE, STAMP};
use super::*;
use crate::model::{Attachment, Exchange, Post, PostId, Redirect, Verdict};
use crate::signing::{PublicKeys, Signer, sha256_hex};

const SECRET: &str = "anna.example@courriel.example;0600000001";

struct Bench {
    dir: tempfile::TempDir,
    vault: Vault,
    reader: age::x25519::Identity,
    keys: PublicKeys,
}

fn bench(change: impl FnOnce(&mut EvidenceSettings)) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let reader = age::x25519::Identity::generate();
    let mut settings = EvidenceSettings { recipients: vec![reader.to_public()], min_free: 0, ..Default::default() };
    change(&mut settings);
    let signer = Arc::new(Signer::generate().unwrap());
    let keys = signer.public().into();
    let vault = Vault::open(&dir.path().join("evidence"), settings, signer).unwrap();
    Bench { dir, vault, reader, keys }
}

fn file(name: &str, bytes: &[u8]) -> Attachment {
    Attachment { name: name.into(), media_type: Some("text/plain".into()), bytes: bytes.to_vec() }
}

fn post(name: &str, files: &[&[u8]]) -> Post {
    let at: Timestamp = "2026-11-21T18:00:00Z".parse().unwrap();
    let exchange = Exchange {
        asked: "https://paste.example/raw/1".into(),
        redirects: vec![Redirect { url: "https://paste.example/raw/1".into(), status: 302 }],
        url: "https://cdn.paste.example/1".into(),
        peer: Some("192.0.2.1:443".into()),
        status: 200,
        headers: vec![("server".into(), "nginx".into())],
        at,
        bytes: 3,
        sha256: [7; 32],
    };
    Post {
        id: PostId(name.into()),
        revision: *blake3::hash(&files.concat()).as_bytes(),
        site: "pastes".parse().unwrap(),
        url: "https://paste.example/1".into(),
        title: Some("dump of anna.example".into()),
        author: Some("somebody".into()),
        posted_at: None,
        seen_at: at,
        fetched_at: at,
        body: file("../../etc/passwd", files.first().copied().unwrap_or_default()),
        attachments: files.iter().skip(1).map(|bytes| file("a.csv", bytes)).collect(),
        skipped: Vec::new(),
        exchanges: vec![exchange],
    }
}

fn capture(vault: &Vault, post: &Post, verdicts: &[Verdict]) -> Captured {
    vault.capture(Subject { post, verdicts, judged_at: Timestamp::now() }).unwrap()
}

/// The files in a sealed capture.
fn opened(bench: &Bench, item: &Item) -> Vec<(String, Vec<u8>)> {
    let sealed = fs::File::open(item.file(CAPTURE)).unwrap();
    let clear = age::Decryptor::new(sealed).unwrap();
    let clear = clear.decrypt(std::iter::once(&bench.reader as &dyn age::Identity)).unwrap();
    let mut files = Vec::new();
    for entry in tar::Archive::new(clear).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.push((entry.path().unwrap().to_string_lossy().into_owned(), bytes));
    }
    files
}

fn only(bench: &Bench) -> Item {
    let mut items = bench.vault.items().all().unwrap();
    assert_eq!(items.len(), 1);
    items.remove(0)
}

fn every_file(folder: &Path, each: &mut dyn FnMut(&Path, Vec<u8>)) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { every_file(&path, each) } else { each(&path, fs::read(&path).unwrap()) }
    }
}

#[test]
fn a_post_comes_back_as_it_was_received_and_lies_nowhere_in_clear() {
    let bench = bench(|_| {});
    let post = post("pastes:1", &[b"see the file", SECRET.as_bytes()]);
    let captured = capture(&bench.vault, &post, &[Verdict::Clear, Verdict::Leak]);
    let item = only(&bench);
    assert_eq!(verify(&item, &bench.keys, false), []);
    let files = opened(&bench, &item);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["post.json", "content/0000", "content/0001"]);
    assert_eq!(files[2].1, SECRET.as_bytes());
    let facts: serde_json::Value = serde_json::from_slice(&files[0].1).unwrap();
    assert_eq!(facts["exchanges"][0]["redirects"][0][0], 302);
    assert_eq!(facts["files"][0]["name"], "../../etc/passwd");
    let manifest = item.manifest().unwrap();
    assert_eq!(manifest.capture.as_ref().unwrap().post_sha256, sha256_hex(&files[0].1));
    assert_eq!(manifest.contents[1].sha256, sha256_hex(SECRET.as_bytes()));
    assert_eq!(manifest.contents[1].blake3, blake3::hash(SECRET.as_bytes()).to_hex().to_string());
    let hash = sha256_hex(&fs::read(item.file(MANIFEST)).unwrap());
    assert_eq!((captured.evidence.id.as_str(), captured.evidence.manifest_sha256), (item.id.as_str(), Some(hash)));
    every_file(bench.dir.path(), &mut |path, bytes| {
        for clear in ["anna.example", "0600000001", "somebody", "see the file", "passwd"] {
            let there = bytes.windows(clear.len()).any(|window| window == clear.as_bytes());
            assert!(!there, "`{clear}` in {}", path.display());
        }
    });
}

#[test]
fn captured_twice_it_is_there_once_and_a_crash_leaves_nothing_half() {
    let bench = bench(|_| {});
    let post = post("pastes:1", &[SECRET.as_bytes()]);
    let first = capture(&bench.vault, &post, &[Verdict::Leak]);
    let again = capture(&bench.vault, &post, &[Verdict::Overlap]);
    assert_eq!((again.evidence, again.written), (first.evidence, None));
    let folder = bench.dir.path().join("evidence");
    let half = folder.join("items/leak/.making-0123");
    fs::create_dir(&half).unwrap();
    fs::write(half.join(CAPTURE), "half").unwrap();
    let signer = Arc::new(Signer::generate().unwrap());
    let reopened = Vault::open(&folder, bench.vault.settings().clone(), signer).unwrap();
    assert!(!half.exists());
    assert_eq!(reopened.totals(), bench.vault.totals());
    assert_eq!(reopened.totals().captures, 1);
}

#[test]
fn what_cannot_be_written_leaves_nothing_and_no_room_taken() {
    let bench = bench(|_| {});
    let post = post("pastes:1", &[SECRET.as_bytes()]);
    // A file where the folder of the class should be: nothing can be made in it, whoever runs the test.
    let class = bench.dir.path().join("evidence/items/leak");
    fs::remove_dir(&class).unwrap();
    fs::write(&class, "").unwrap();
    let subject = Subject { post: &post, verdicts: &[Verdict::Leak], judged_at: Timestamp::now() };
    assert!(matches!(bench.vault.capture(subject), Err(EvidenceError::Io { .. })));
    assert_eq!(bench.vault.totals(), Totals::default());
}

#[test]
fn only_what_matched_is_kept_where_that_is_asked_for() {
    let bench = bench(|settings| settings.keep = Keep::Matching);
    let post = post("pastes:1", &[b"see the file", SECRET.as_bytes()]);
    let captured = capture(&bench.vault, &post, &[Verdict::Clear, Verdict::Leak]);
    let names: Vec<String> = opened(&bench, &only(&bench)).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["post.json", "content/0001"]);
    assert_eq!(captured.evidence.missing, ["content 0 matched nothing and is not kept"]);
}

#[test]
fn an_alert_tells_a_few_of_many_missing_parts_and_the_manifest_all() {
    let bench = bench(|settings| settings.keep = Keep::Matching);
    let mut files: Vec<&[u8]> = vec![b"nothing"; 40];
    files.push(SECRET.as_bytes());
    let mut verdicts = vec![Verdict::Clear; 40];
    verdicts.push(Verdict::Leak);
    let told = capture(&bench.vault, &post("pastes:1", &files), &verdicts).evidence.missing;
    assert_eq!((told.len(), told[5].as_str()), (6, "and 35 more parts, which the manifest names"));
    assert_eq!(only(&bench).manifest().unwrap().missing.len(), 40);
}

#[test]
fn every_limit_cuts_and_says_so() {
    let large = vec![b'x'; 40 << 10];
    let body = post("pastes:1", &[&large, SECRET.as_bytes()]);
    let verdicts = [Verdict::Clear, Verdict::Term];

    // What matched comes first; the rest has what room is left.
    let small = bench(|settings| settings.max_capture = 1_000);
    let captured = capture(&small.vault, &body, &verdicts);
    let kept = 1_000 - SECRET.len();
    let said = format!("content 0 is kept up to {kept} of 40960 bytes: max_capture_mib");
    assert_eq!(captured.evidence.missing, [said]);
    let item = only(&small);
    assert_eq!(verify(&item, &small.keys, false), []);
    let content = &item.manifest().unwrap().contents[0];
    assert_eq!((content.kept_bytes, content.sha256.as_str()), (kept as u64, sha256_hex(&large).as_str()));
    assert_eq!(content.kept_sha256.as_deref(), Some(&*sha256_hex(&large[..kept])));

    // A disk that is nearly full, a vault that is: the manifest alone, and the hashes in it.
    for change in
        [(|settings: &mut EvidenceSettings| settings.min_free = u64::MAX) as fn(&mut EvidenceSettings), |settings| {
            settings.max_total = 100
        }]
    {
        let full = bench(change);
        let captured = capture(&full.vault, &body, &verdicts);
        assert!(captured.evidence.missing[0].starts_with("nothing of the content is kept: "), "{captured:?}");
        assert!(captured.evidence.manifest_sha256.is_some());
        let item = only(&full);
        assert_eq!(verify(&item, &full.keys, false), []);
        assert!(item.manifest().unwrap().capture.is_none() && !item.file(CAPTURE).exists());
    }
}

#[test]
fn words_that_anybody_can_post_leave_room_for_leaks() {
    let bench = bench(|settings| settings.max_captures = 10);
    let at = |n: u64| post(&format!("pastes:{n}"), &[format!("{SECRET}{n}").as_bytes()]);
    for n in 0..5 {
        assert!(capture(&bench.vault, &at(n), &[Verdict::Term]).evidence.manifest_sha256.is_some(), "{n}");
    }
    let refused = capture(&bench.vault, &at(5), &[Verdict::Term]).evidence;
    assert!(refused.manifest_sha256.is_none() && refused.missing[0].contains("max_captures"), "{refused:?}");
    for n in 10..15 {
        assert!(capture(&bench.vault, &at(n), &[Verdict::Leak]).evidence.manifest_sha256.is_some(), "{n}");
    }
    assert!(capture(&bench.vault, &at(15), &[Verdict::Leak]).evidence.manifest_sha256.is_none());
    assert_eq!(bench.vault.totals().captures, 10);
}

#[test]
fn a_thousand_flipped_bits_are_a_thousand_faults() {
    let bench = bench(|_| {});
    capture(&bench.vault, &post("pastes:1", &[SECRET.as_bytes()]), &[Verdict::Leak]);
    let item = only(&bench);
    let lengths: Vec<_> =
        [CAPTURE, MANIFEST, SIGNATURE].map(|name| (name, fs::metadata(item.file(name)).unwrap().len())).into();
    let total: u64 = lengths.iter().map(|(_, length)| length).sum();
    for n in 0..1_000_u64 {
        // Places spread over all files by a multiplier that is prime to any length here.
        let mut place = n * 2_654_435_761 % total;
        let (name, _) = *lengths
            .iter()
            .find(|(_, length)| {
                let here = place < *length;
                place -= if here { 0 } else { *length };
                here
            })
            .unwrap();
        let whole = fs::read(item.file(name)).unwrap();
        let mut flipped = whole.clone();
        flipped[place as usize] ^= 1 << (n % 8);
        fs::write(item.file(name), &flipped).unwrap();
        assert_ne!(verify(&item, &bench.keys, false), [], "{name}, byte {place}");
        fs::write(item.file(name), &whole).unwrap();
    }
    assert_eq!(verify(&item, &bench.keys, false), []);
}

#[test]
fn every_fault_has_its_name() {
    let bench = bench(|_| {});
    capture(&bench.vault, &post("pastes:1", &[SECRET.as_bytes()]), &[Verdict::Leak]);
    let item = only(&bench);
    let other = Signer::generate().unwrap().public().into();
    assert_eq!(verify(&item, &other, true), [Fault::Signature, Fault::Unstamped, Fault::Signer]);
    fs::write(item.file(STAMP), b"0").unwrap();
    fs::write(item.file("x"), "").unwrap();
    fs::remove_file(item.file(CAPTURE)).unwrap();
    let faults = verify(&item, &bench.keys, true);
    let stamp = Fault::Stamp(StampError::Malformed("no sequence"));
    let expected = [Fault::Stray("x".into()), Fault::Missing("manifest.tsr.sig"), stamp, Fault::Missing(CAPTURE)];
    assert_eq!(faults, expected);
    let moved = bench.dir.path().join("evidence/items/term/ffff");
    fs::rename(&item.folder, &moved).unwrap();
    let item = only(&bench);
    assert!(verify(&item, &bench.keys, false).ends_with(&[Fault::Misplaced, Fault::Class, Fault::Missing(CAPTURE)]));
    fs::write(item.file(MANIFEST), fs::read_to_string(item.file(MANIFEST)).unwrap() + "\n").unwrap();
    let faults = verify(&item, &bench.keys, false);
    assert!(faults.contains(&Fault::Form) && faults.contains(&Fault::Signature), "{faults:?}");
}

#[test]
fn what_the_log_knows_is_there_or_was_deleted_with_a_record() {
    let bench = bench(|_| {});
    let mut recorded = Vec::new();
    for n in 0..3 {
        let post = post(&format!("pastes:{n}"), &[SECRET.as_bytes()]);
        let evidence = capture(&bench.vault, &post, &[Verdict::Leak]).evidence;
        recorded.push((evidence.id, evidence.manifest_sha256.unwrap()));
    }
    let items = bench.vault.items();
    assert_eq!(against_log(&items, &bench.keys, &recorded).unwrap(), []);
    fs::remove_dir_all(&items.starting(&recorded[0].0).unwrap().folder).unwrap();
    fs::write(items.starting(&recorded[1].0).unwrap().file(MANIFEST), "{}").unwrap();
    let faults = against_log(&items, &bench.keys, &recorded).unwrap();
    assert_eq!(faults, [(recorded[0].0.clone(), Fault::Gone), (recorded[1].0.clone(), Fault::Replaced)]);
}

#[test]
fn what_is_over_is_destroyed_and_proved_and_what_is_held_stays() {
    let bench = bench(|_| {});
    let rules = RetentionSettings { leak_days: 30, overlap_days: 20, term_days: 10, ..Default::default() };
    let classes = [Verdict::Leak, Verdict::Overlap, Verdict::Term, Verdict::Term];
    for (n, class) in classes.into_iter().enumerate() {
        capture(&bench.vault, &post(&format!("pastes:{n}"), &[SECRET.as_bytes()]), &[class]);
    }
    let items = bench.vault.items().all().unwrap();
    let held = items.iter().find(|item| item.class == Verdict::Term).unwrap();
    held.set_hold(&Hold { at: Timestamp::now(), by: "uid 0".into(), reason: "case 7".into() }).unwrap();
    assert_eq!(held.hold().unwrap().reason, "case 7");

    let day = |days: i64| Timestamp::now() + SignedDuration::from_hours(24 * days);
    let classes = |done: Vec<Result<Deletion, EvidenceError>>| -> Vec<Verdict> {
        done.into_iter().map(|deleted| deleted.unwrap().class).collect()
    };
    assert_eq!(classes(expire(&bench.vault, &rules, day(9)).unwrap()), []);
    assert_eq!(classes(expire(&bench.vault, &rules, day(21)).unwrap()), [Verdict::Overlap, Verdict::Term]);
    assert_eq!(verify(held, &bench.keys, false), []);
    assert!(held.release().unwrap() && !held.release().unwrap());
    assert_eq!(classes(expire(&bench.vault, &rules, day(31)).unwrap()), [Verdict::Leak, Verdict::Term]);
    assert_eq!((bench.vault.items().all().unwrap().len(), bench.vault.totals()), (0, Totals::default()));

    let records = deletions(&bench.vault.items(), &bench.keys).unwrap();
    assert_eq!(records.len(), 4);
    for item in &items {
        let record = records.iter().find(|(id, _)| *id == item.id).unwrap().1.clone().unwrap();
        assert!(record.rule.starts_with(&format!("retention.{}_days = ", item.class.name())), "{record:?}");
    }
    let file = bench.vault.items().deleted().join(
        fs::read_dir(bench.vault.items().deleted())
            .unwrap()
            .flatten()
            .map(|e| e.file_name())
            .find(|n| n.to_string_lossy().ends_with("json"))
            .unwrap(),
    );
    let altered = fs::read_to_string(&file)
        .unwrap()
        .replace("_days = 10", "_days = 11")
        .replace("_days = 30", "_days = 31")
        .replace("_days = 20", "_days = 21");
    fs::write(&file, altered).unwrap();
    let broken = deletions(&bench.vault.items(), &bench.keys).unwrap();
    assert_eq!(broken.iter().filter(|(_, record)| *record == Err(Fault::Record)).count(), 1);
}

#[test]
fn a_deletion_that_was_interrupted_is_finished_at_the_next_round() {
    let bench = bench(|_| {});
    let rules = RetentionSettings { leak_days: 30, ..Default::default() };
    capture(&bench.vault, &post("pastes:1", &[SECRET.as_bytes()]), &[Verdict::Leak]);
    let item = only(&bench);
    let leaving = item.folder.with_file_name(format!(".leaving-{}", item.id));
    fs::rename(&item.folder, &leaving).unwrap();
    assert_eq!(bench.vault.items().all().unwrap(), [], "what is being deleted is listed no more");
    let done = expire(&bench.vault, &rules, Timestamp::now()).unwrap();
    assert_eq!(done[0].as_ref().unwrap().id, item.id);
    assert!(!leaving.exists());
    // Once more, as if the program had ended before the folder was removed: one record, not two.
    let records = || deletions(&bench.vault.items(), &bench.keys).unwrap().len();
    assert_eq!((records(), expire(&bench.vault, &rules, Timestamp::now()).unwrap().len()), (1, 0));
}

#[test]
fn an_export_holds_all_that_a_check_needs_and_replaces_nothing() {
    let bench = bench(|_| {});
    capture(&bench.vault, &post("pastes:1", &[SECRET.as_bytes()]), &[Verdict::Leak]);
    let item = only(&bench);
    let to = bench.dir.path().join("out.tar");
    let bytes = export(std::slice::from_ref(&item), &bench.keys, &to).unwrap();
    assert_eq!(bytes, fs::metadata(&to).unwrap().len());
    let mut names = Vec::new();
    for entry in tar::Archive::new(fs::File::open(&to).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if let Some((_, file)) = name.split_once('/') {
            assert_eq!(content, fs::read(item.file(file)).unwrap(), "{name}");
        }
        names.push(name.replace(&item.id, "ID"));
    }
    let expected = ["EVIDENCE.md", "signing.pub.pem", "ID/manifest.json", "ID/manifest.sig", "ID/capture.age"];
    assert_eq!(names, expected);
    assert!(export(&[item], &bench.keys, &to).is_err(), "what is there is not replaced");
}
