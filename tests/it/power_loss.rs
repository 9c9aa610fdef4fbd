//! SAFETY promise 1 where the power fails: what was accepted is on the disk, whatever of the rest is.
//!
//! A killed process leaves what it wrote to the kernel, so a kill cannot show a missing sync. Here a child is traced: every
//! write, truncation and sync of it, in order. From the trace the disk is made as it may be found after a power loss at any
//! moment: what was synced is there; of what was not, nothing, or any part in any order, torn between sectors. The next
//! life begins on that. Names of files are taken to last as soon as the file was synced, as on common file systems.
//!
//! The control does the same with the syncs left out, as SQLite with `synchronous=OFF` does: it has to lose something.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use vigie::alert::compose;
use vigie::queue::Queue;
use vigie::store::{Alerts, EntryState, Outbox, OutboxFilter};

use crate::nothing_lost::{FOLDER, PORT, POSTS, Program, judge, post};

/// Posts that the child sends.
const SENT: u64 = 400;

/// Moments at which the power fails, spread over the child's life.
const LOSSES: usize = 24;

/// In the control, writes that the kernel has written back by itself: all but the latest so many of each file.
const WRITTEN_BACK: usize = 200;

/// Whatever the disk writes whole.
const SECTOR: usize = 512;

const CALLS: &str = "trace=pwrite64,write,fsync,fdatasync,ftruncate,unlink";

/// What was done to a file.
#[derive(Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

/// A file: what is on the disk for certain, and what was done to it since.
#[derive(Clone, Default)]
struct Lying {
    durable: Vec<u8>,
    since: Vec<Change>,
    /// Its length as the program sees it, for what is appended.
    length: usize,
}

/// Everything in the child's folder.
#[derive(Clone, Default)]
struct Disk {
    files: BTreeMap<PathBuf, Lying>,
    /// Whether syncs are heeded.
    heeded: bool,
}

fn apply(to: &mut Vec<u8>, change: &Change, sectors: usize) {
    match change {
        Change::Truncate(length) => to.resize(*length, 0),
        Change::Write { at, bytes } => {
            let bytes = &bytes[..bytes.len().min(sectors.saturating_mul(SECTOR))];
            to.resize(to.len().max(at + bytes.len()), 0);
            to[*at..at + bytes.len()].copy_from_slice(bytes);
        }
    }
}

impl Lying {
    fn change(&mut self, change: Change) {
        self.length = match &change {
            Change::Write { at, bytes } => self.length.max(at + bytes.len()),
            Change::Truncate(length) => *length,
        };
        self.since.push(change);
    }

    /// The first so many changes are on the disk from now on.
    fn settle(&mut self, changes: usize) {
        for change in self.since.drain(..changes.min(self.since.len())) {
            apply(&mut self.durable, &change, usize::MAX);
        }
    }

    /// As it may be found: with none of what is not certain, or with parts of it.
    fn found(&self, drawn: &mut impl FnMut(usize) -> usize, anything: bool) -> Vec<u8> {
        let mut found = self.durable.clone();
        for change in self.since.iter().filter(|_| anything) {
            match drawn(4) {
                0 | 1 => apply(&mut found, change, usize::MAX),
                2 => apply(&mut found, change, drawn(8)),
                _ => {}
            }
        }
        found
    }
}

impl Disk {
    fn file(&mut self, path: PathBuf) -> &mut Lying {
        self.files.entry(path).or_default()
    }

    /// How much of a file a sync that begins now makes certain.
    fn begun(&self, path: &Path) -> usize {
        self.files.get(path).map_or(0, |file| file.since.len())
    }

    fn synced(&mut self, path: &Path, changes: usize) {
        if let Some(file) = self.files.get_mut(path).filter(|_| self.heeded) {
            file.settle(changes);
        }
    }

    /// Writes what may be found into a folder.
    fn restore(&self, folder: &Path, drawn: &mut impl FnMut(usize) -> usize, anything: bool) {
        for (path, file) in &self.files {
            let mut file = file.clone();
            if !self.heeded {
                file.settle(file.since.len().saturating_sub(WRITTEN_BACK));
            }
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, file.found(drawn, anything)).unwrap();
        }
    }
}

/// Reads a trace: what was done, line by line, on both disks.
struct Reading<'f> {
    folder: &'f Path,
    disks: [Disk; 2],
    /// Syncs that have begun and not ended, by thread: the file and how much of it.
    syncing: HashMap<String, (PathBuf, [usize; 2])>,
    accepted: Vec<u8>,
}

/// `\x61\x62` as bytes.
fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.split("\\x").skip(1);
    digits.map(|digits| u8::from_str_radix(&digits[..2], 16).unwrap()).collect()
}

impl Reading<'_> {
    /// The file within the folder that a call is about, as traced behind its descriptor.
    fn path(&self, argument: &str) -> Option<PathBuf> {
        let path = String::from_utf8(bytes(argument)).unwrap();
        let path = Path::new(&path).strip_prefix(self.folder).ok()?.to_owned();
        // The shared memory of SQLite's log is made anew by whoever opens it first.
        (!path.as_os_str().is_empty() && !path.to_string_lossy().ends_with("-shm")).then_some(path)
    }

    fn line(&mut self, line: &str) {
        let Some((thread, call)) = line.split_once(' ') else { return };
        let call = call.trim_start();
        if call.starts_with("<... f") {
            if let Some((path, begun)) = self.syncing.remove(thread).filter(|_| call.ends_with("= 0")) {
                self.synced(&path, begun);
            }
            return;
        }
        let Some((name, arguments)) = call.split_once('(') else { return };
        if name == "unlink" {
            let Some(path) = arguments.split('"').nth(1).and_then(|path| self.path(path)) else { return };
            self.disks.iter_mut().for_each(|disk| drop(disk.files.remove(&path)));
            return;
        }
        let Some((descriptor, rest)) = arguments.split_once('>') else { return };
        let Some(path) = descriptor.split_once('<').and_then(|(_, path)| self.path(path)) else { return };
        self.on_file(thread, name, path, rest);
    }

    fn on_file(&mut self, thread: &str, name: &str, path: PathBuf, rest: &str) {
        let numbers = |text: &str| -> Vec<usize> {
            text.split([',', ')', ' ']).filter_map(|number| number.parse().ok()).collect()
        };
        match name {
            "fsync" | "fdatasync" => {
                let begun = self.disks.each_ref().map(|disk| disk.begun(&path));
                if rest.contains("unfinished") {
                    self.syncing.insert(thread.to_owned(), (path, begun));
                } else {
                    self.synced(&path, begun);
                }
            }
            "ftruncate" => self.change(path, Change::Truncate(numbers(rest)[0])),
            "write" | "pwrite64" => {
                let mut parts = rest.split('"');
                let (data, behind) = (bytes(parts.nth(1).unwrap()), parts.next().unwrap());
                assert!(!behind.starts_with("..."), "the whole of a write is traced");
                if path == Path::new("accepted") {
                    return self.accepted.extend(data);
                }
                let length = self.disks[0].files.get(&path).map_or(0, |file| file.length);
                let at = if name == "write" { length } else { numbers(behind)[1] };
                self.change(path, Change::Write { at, bytes: data });
            }
            _ => {}
        }
    }

    fn change(&mut self, path: PathBuf, change: Change) {
        for disk in &mut self.disks {
            disk.file(path.clone()).change(change.clone());
        }
    }

    fn synced(&mut self, path: &Path, begun: [usize; 2]) {
        for (disk, begun) in self.disks.iter_mut().zip(begun) {
            disk.synced(path, begun);
        }
    }

    fn accepted(&self) -> BTreeSet<u64> {
        let text = String::from_utf8_lossy(&self.accepted).into_owned();
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')?.parse().ok()).collect()
    }
}

/// The next life on what was found: whether everything that was accepted is alerted, and told in the file.
fn everything_is_there(folder: &Path, accepted: &BTreeSet<u64>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let left = OutboxFilter { channel: Some("file".into()), state: Some(EntryState::Pending), ..Default::default() };
    runtime.block_on(async {
        let program = Program::start(folder, "9");
        program.store.check().unwrap();
        let drained = async {
            while program.queue.depth().posts > 0 || !program.store.entries(&left).unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            program.queue.close();
        };
        let all = async { tokio::join!(program.work(), program.work(), drained) };
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("drained in time");
        program.deliveries.stop().await;
        assert_eq!(program.queue.depth().quarantined, 0, "nothing is found that cannot be opened");
        let lines = std::fs::read_to_string(folder.join("alerts.jsonl")).unwrap();
        let told = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?["id"].as_str().map(str::to_owned);
        let told: Vec<String> = lines.lines().filter_map(told).collect();
        assert_eq!(told.len(), told.iter().collect::<BTreeSet<_>>().len(), "told once");
        for number in accepted {
            let judged = judge(&post(*number));
            let id = compose::alert_id(&judged.post, &judged.documents[0]);
            assert!(program.store.alert(id).unwrap().is_some(), "post {number} is not lost");
            assert!(told.contains(&id.to_string()), "post {number} is told");
        }
    });
}

/// Runs the child under `strace`; the trace.
fn traced(folder: &Path, trace: &Path) {
    let status = Command::new("strace")
        .args(["-f", "-qq", "-y", "-xx", "-s", "1000000", "--seccomp-bpf", "-e", CALLS, "-o"])
        .arg(trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "nothing_lost::child", "--nocapture"])
        .env(FOLDER, folder)
        .env(PORT, "9")
        .env(POSTS, SENT.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("strace runs").success());
}

#[test]
#[ignore = "needs strace; a minute"]
fn what_was_accepted_survives_a_power_loss_and_the_control_loses_something() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, trace) = (dir.path().join("life"), dir.path().join("trace"));
    let secret = |folder: &Path| {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        std::fs::set_permissions(folder.join("secret"), std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    secret(&folder);
    traced(&folder, &trace);
    let lines = || BufReader::new(std::fs::File::open(&trace).unwrap()).lines().map(Result::unwrap);
    let count = lines().count();
    let disks = [Disk { heeded: true, ..Disk::default() }, Disk::default()];
    let mut reading = Reading { folder: &folder, disks, syncing: HashMap::new(), accepted: Vec::new() };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut drawn = |most: usize| {
        // xorshift: the same losses every time, of a life that is never quite the same.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % most as u64) as usize
    };
    let (mut losses, mut lost) = (0, 0);
    for (number, line) in lines().enumerate() {
        reading.line(&line);
        let accepted = reading.accepted.len() / 2;
        if accepted == 0 || number < (losses + 1) * count / (LOSSES + 1) {
            continue;
        }
        losses += 1;
        let (accepted, anything) = (reading.accepted(), losses % 3 > 0);
        for disk in &reading.disks {
            let found = tempfile::tempdir().unwrap();
            disk.restore(found.path(), &mut drawn, anything || !disk.heeded);
            secret(found.path());
            match catch_unwind(AssertUnwindSafe(|| everything_is_there(found.path(), &accepted))) {
                Ok(()) => {}
                Err(_) if !disk.heeded => lost += 1,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    }
    assert!(losses >= LOSSES / 2, "{losses} losses");
    println!("{losses} power losses: nothing lost; without syncs, {lost} of {losses} lost something");
    assert!(lost > 0, "a test that cannot fail: without syncs something must be lost");
}
