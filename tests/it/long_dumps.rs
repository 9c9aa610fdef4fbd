//! Promise: a plain dump of any size is read in constant memory, and a reading that is killed goes on where it was, with
//! nothing in clear on the disk meanwhile.

use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kit::{World, customer, vigie};

/// Every so many rows is one of a customer of ours.
const OURS: usize = 5_000;

/// Writes a dump of so many MiB: customers of `crm` among strangers. Gives its rows.
fn write_dump(path: &Path, mebibytes: usize) -> u64 {
    let mut file = BufWriter::new(fs::File::create(path).unwrap());
    let (mut written, mut rows) = (0, 0);
    file.write_all(b"mail;name;tel\n").unwrap();
    while written < mebibytes << 20 {
        let no = rows as usize;
        let system = if no.is_multiple_of(OURS) { "crm" } else { "elsewhere" };
        let [_, mail, name, phone] = customer(system, no / if system == "crm" { OURS } else { 1 });
        let row = format!("{mail};{name};{phone}\n");
        file.write_all(row.as_bytes()).unwrap();
        written += row.len();
        rows += 1;
    }
    file.flush().unwrap();
    rows
}

fn scan(world: &World, dump: &Path, more: &[&str]) -> Command {
    let mut command = vigie();
    command.args(["scan", "--format", "jsonl", "--refs", "--watchlists", &world.text("watchlists")]);
    command.args(["--key-file", &world.text("vigie.key")]).args(more).arg(dump).stdin(Stdio::null());
    command
}

/// Runs a scan to its end: its report, and what it said beside.
fn finished(mut command: Command) -> (Value, String) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "checkpoint"))
        .collect()
}

/// Kills a scan once it has kept something further than `before`.
fn killed_later_than(mut child: Child, folder: &Path, before: Option<Vec<u8>>) -> Vec<u8> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let kept = loop {
        let kept = files(folder).first().and_then(|file| fs::read(file).ok());
        if let Some(kept) = kept.filter(|kept| Some(kept) != before.as_ref()) {
            break kept;
        }
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "nothing was kept");
        std::thread::sleep(Duration::from_millis(2));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    kept
}

#[test]
fn a_scan_that_is_killed_goes_on_where_it_was() {
    let world = World::new();
    world.system("crm", 200);
    let (dump, folder) = (world.path("dump.csv"), world.path("progress"));
    let rows = write_dump(&dump, 20);
    let (whole, _) = finished(scan(&world, &dump, &[]));
    assert_eq!(whole["rows"], rows);
    assert_eq!(whole["attribution"][0]["records"], rows.div_ceil(OURS as u64));

    let resuming = ["--resume", &world.text("progress"), "--resume-every", "0"];
    let mut kept = None;
    for _ in 0..2 {
        let child = scan(&world, &dump, &resuming).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        kept = Some(killed_later_than(child, &folder, kept));
    }
    // What lies there tells nothing: no value, no name, and it looks like noise.
    let kept = kept.unwrap();
    let [reference, mail, name, _] = customer("crm", 0);
    for clear in [&mail, &name, &reference, "mail", "dump.csv", "cutter", "evidence"] {
        assert!(memchr::memmem::find(&kept, clear.as_bytes()).is_none(), "{clear} stands there");
    }
    let packed = zstd::encode_all(kept.as_slice(), 3).unwrap();
    assert!(packed.len() + 64 > kept.len(), "what can be packed is no ciphertext");

    let (resumed, said) = finished(scan(&world, &dump, &resuming));
    assert!(said.contains("goes on behind"), "{said}");
    assert_eq!(resumed, whole, "an interruption changes nothing");
    assert!(files(&folder).is_empty(), "what was kept is removed once everything is told");
}

#[test]
fn a_long_text_is_searched_to_its_end() {
    const CUSTOMERS: usize = 24;
    let world = World::new();
    world.system("crm", CUSTOMERS);
    let mut letter = String::new();
    for no in 0..CUSTOMERS {
        letter += &"Nothing of interest is said here, and it is said again and again until nobody reads it any more.\n"
            .repeat(1_500);
        let [_, mail, name, phone] = customer("crm", no);
        letter += &format!("Then {name} wrote from {mail} and asked to be called on {phone} soon.\n");
    }
    let path = world.path("letter.txt");
    fs::write(&path, letter).unwrap();
    for way in [&[][..], &["--no-sandbox"]] {
        let (report, _) = finished(scan(&world, &path, way));
        assert_eq!(report["attribution"][0]["records"], CUSTOMERS, "{way:?}");
    }
}

#[test]
fn what_was_kept_of_other_content_or_for_other_watchlists_is_not_used() {
    let world = World::new();
    world.system("crm", 50);
    let (dump, folder) = (world.path("dump.csv"), world.path("progress"));
    write_dump(&dump, 8);
    let resuming = ["--resume", &world.text("progress"), "--resume-every", "0"];
    let spawn = || scan(&world, &dump, &resuming).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let kept = killed_later_than(spawn(), &folder, None);
    // Another first row.
    let mut bytes = fs::read(&dump).unwrap();
    bytes[14] = b'_';
    fs::write(&dump, &bytes).unwrap();
    let (changed, said) = finished(scan(&world, &dump, &resuming));
    assert!(!said.contains("goes on behind"), "{said}");
    assert_eq!(changed, finished(scan(&world, &dump, &[])).0);
    // A further watchlist.
    let kept = killed_later_than(spawn(), &folder, Some(kept));
    world.system("portal", 50);
    let (more, said) = finished(scan(&world, &dump, &resuming));
    assert!(!said.contains("goes on behind"), "{said}");
    assert_eq!(more, finished(scan(&world, &dump, &[])).0);
    // Damaged on the disk.
    killed_later_than(spawn(), &folder, Some(kept));
    let file = &files(&folder)[0];
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(file, bytes).unwrap();
    let (again, said) = finished(scan(&world, &dump, &resuming));
    assert!(!said.contains("goes on behind"), "{said}");
    assert_eq!(again, more);
}

/// Scans what `feed` writes to its standard input; the most memory that was resident, in MiB, and the report.
fn peak_of(world: &World, feed: impl FnOnce(&mut dyn Write) + Send) -> (u64, Value) {
    let mut child = scan(world, Path::new("-"), &[]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut stdout = child.stdout.take().unwrap();
    let mut peak = 0;
    std::thread::scope(|threads| {
        threads.spawn(move || feed(&mut stdin));
        let report = threads.spawn(move || {
            let mut report = String::new();
            stdout.read_to_string(&mut report).unwrap();
            report
        });
        // The high-water mark only rises: the last look before the end is as good as one at the end.
        while child.try_wait().unwrap().is_none() {
            let lines = fs::File::open(&status).map(|file| BufReader::new(file).lines().map_while(Result::ok));
            let mark = lines.ok().and_then(|mut lines| lines.find(|line| line.starts_with("VmHWM:")));
            let kib = mark.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
            peak = peak.max(kib.unwrap_or(0) >> 10);
            std::thread::sleep(Duration::from_millis(5));
        }
        (peak, serde_json::from_str(&report.join().unwrap()).unwrap())
    })
}

/// The same MiB of strangers' rows again and again, in the shape of a table or of one endless statement.
fn strangers(shape: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for no in 0.. {
        let [_, mail, name, phone] = customer("elsewhere", no);
        let row = match shape {
            "insert" => format!("('{mail}','{name}','{phone}'),"),
            _ => format!("{mail};{name};{phone}\n"),
        };
        block.extend_from_slice(row.as_bytes());
        if block.len() >= 1 << 20 {
            return block;
        }
    }
    unreachable!("rows without end")
}

fn constant_memory(shapes: &[&str], small: usize, large: usize) {
    let world = World::new();
    world.system("crm", 50);
    for shape in shapes {
        let (shape, block) = (*shape, strangers(shape));
        let feed = |mebibytes: usize| {
            let block = &block;
            move |to: &mut dyn Write| {
                let head: &[u8] =
                    if shape == "insert" { b"INSERT INTO t (mail, name, tel) VALUES " } else { b"mail;name;tel\n" };
                to.write_all(head).unwrap();
                (0..mebibytes).for_each(|_| to.write_all(block).unwrap());
            }
        };
        let (one, _) = peak_of(&world, feed(small));
        let (other, report) = peak_of(&world, feed(large));
        assert!(report["bytes"].as_u64().unwrap() >= (large as u64) << 20, "{shape}: all of it is read");
        assert!(report["skipped"].as_array().unwrap().is_empty(), "{shape}: {}", report["skipped"]);
        assert!(other <= one + 16, "{shape}: {one} MiB resident for {small} MiB, {other} MiB for {large}");
        println!("{shape}: {one} MiB resident for {small} MiB, {other} MiB for {large} MiB");
    }
}

// The smaller of each two fills both windows that serve in turn.
#[test]
fn memory_does_not_grow_with_a_dump() {
    constant_memory(&["table"], 72, 112);
}

#[test]
#[ignore = "2.5 GB through each shape: `just long-dumps`"]
fn memory_does_not_grow_with_gigabytes() {
    constant_memory(&["table", "insert"], 96, 2_500);
}
