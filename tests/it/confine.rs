//! Strangers' content is read by a process that can do nothing else: SAFETY's promise 5.

use std::path::PathBuf;
use std::time::Duration;

use vigie::confine::{Health, Pool, Settings};
use vigie::extract::{Input, Limits, extract};
use vigie::model::{Batch, ContentSink, Flow, Skip, SkipReason, Table};

/// What was delivered of one document.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) text: Vec<u8>,
    pub(crate) rows: usize,
    tables: usize,
    pub(crate) skips: Vec<Skip>,
    pub(crate) read: u64,
}

impl Heard {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    pub(crate) fn reasons(&self) -> Vec<SkipReason> {
        self.skips.iter().map(|skip| skip.reason).collect()
    }
}

impl ContentSink for Heard {
    fn table(&mut self, _: Table) {
        self.tables += 1;
    }

    fn batch(&mut self, batch: &mut Batch) -> Flow {
        self.text.extend_from_slice(&batch.text);
        self.rows += batch.rows();
        Flow::Go
    }

    fn skipped(&mut self, skip: Skip) {
        self.skips.push(skip);
    }

    fn read(&mut self, bytes: u64) {
        self.read += bytes;
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        workers: 2,
        program: Some(PathBuf::from(env!("CARGO_BIN_EXE_vigie"))),
        grace: Duration::from_millis(200),
        ..Settings::default()
    }
}

fn read(pool: &Pool, bytes: &[u8]) -> Heard {
    let mut heard = Heard::default();
    let _ = pool.extract("document", bytes, &Limits::default(), &mut heard).unwrap();
    heard
}

#[test]
fn a_confined_reader_reads_what_extract_reads() {
    let pool = Pool::new(settings()).unwrap();
    assert_eq!(pool.health(), Health::Confined);
    let dump = b"name;mail\nJeanne Exemple;jeanne@example.com\nPaul Exemple;paul@example.com\n".repeat(40_000);
    for document in [&b"a line, jeanne@example.com\nand more\n"[..], &dump, b""] {
        let mut here = Heard::default();
        let _ = extract(Input { name: "document", bytes: document }, &Limits::default(), &mut here);
        let there = read(&pool, document);
        assert!(there.text == here.text);
        assert_eq!(
            (there.rows, there.tables, there.read, &there.skips),
            (here.rows, here.tables, here.read, &here.skips)
        );
    }
}

#[test]
fn a_document_larger_than_a_worker_may_hold_is_named_and_not_read() {
    let pool = Pool::new(Settings { document: 1000, ..settings() }).unwrap();
    let heard = read(&pool, &[b'x'; 1001]);
    assert_eq!(heard.reasons(), [SkipReason::TooLarge]);
    assert_eq!(read(&pool, &[b'x'; 1000]).text.len(), 1000);
}

#[test]
fn a_program_that_is_no_worker_is_refused() {
    for program in ["/bin/true", "/nonexistent/vigie"] {
        assert!(Pool::new(Settings { program: Some(program.into()), ..settings() }).is_err(), "{program}");
    }
}

#[test]
fn a_sink_that_has_enough_stops_the_reading() {
    struct Enough(usize);
    impl ContentSink for Enough {
        fn table(&mut self, _: Table) {}
        fn batch(&mut self, _: &mut Batch) -> Flow {
            self.0 += 1;
            Flow::Stop
        }
        fn skipped(&mut self, _: Skip) {}
        fn read(&mut self, _: u64) {}
    }
    let pool = Pool::new(settings()).unwrap();
    let mut sink = Enough(0);
    let long = b"words and words\n".repeat(400_000);
    assert_eq!(pool.extract("long", &long, &Limits::default(), &mut sink).unwrap(), Flow::Stop);
    assert_eq!(sink.0, 1);
    assert_eq!(read(&pool, b"next\n").text(), "next\n");
}

#[test]
fn a_sink_that_panics_costs_the_pool_nothing() {
    struct Panics;
    impl ContentSink for Panics {
        fn table(&mut self, _: Table) {}
        fn batch(&mut self, _: &mut Batch) -> Flow {
            panic!("on purpose")
        }
        fn skipped(&mut self, _: Skip) {}
        fn read(&mut self, _: u64) {}
    }
    let pool = Pool::new(Settings { workers: 1, ..settings() }).unwrap();
    for _ in 0..2 {
        let fails = || pool.extract("x", b"words\n", &Limits::default(), &mut Panics).is_ok();
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(fails)).is_err());
    }
    assert_eq!(read(&pool, b"next\n").text(), "next\n");
}

#[test]
fn many_callers_share_few_workers_and_each_gets_its_own_document() {
    let pool = Pool::new(Settings { documents: 7, ..settings() }).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let pool = &pool;
            scope.spawn(move || {
                for no in 0..20 {
                    let document = format!("thread {thread} document {no}\n");
                    assert_eq!(read(pool, document.as_bytes()).text(), document);
                }
            });
        }
    });
}

#[test]
fn a_large_document_is_granted_the_memory_that_holds_it() {
    let pool = Pool::new(Settings { memory: 24 << 20, ..settings() }).unwrap();
    let large = vec![0_u8; 40 << 20];
    let mut here = Heard::default();
    let _ = extract(Input { name: "document", bytes: &large }, &Limits::default(), &mut here);
    let there = read(&pool, &large);
    assert_eq!((there.read, there.skips), (here.read, here.skips));
}

/// What a worker that was taken over may try; only debug builds can be told to.
#[cfg(debug_assertions)]
mod hostile {
    use std::time::Instant;

    use super::*;

    /// Ends a thread's waiting where a promise is broken by never returning.
    fn within(time: Duration, act: impl FnOnce() + Send) {
        let begun = Instant::now();
        act();
        assert!(begun.elapsed() < time, "took {:?}", begun.elapsed());
    }

    fn order(pool: &Pool, action: &str, argument: &str) -> Heard {
        read(pool, format!("\0vigie-probe {action} {argument}").as_bytes())
    }

    /// Every order here would be carried out, or fail for another reason, outside the sandbox.
    const FORBIDDEN: &[&str] = &[
        "socket-inet",
        "socket-inet6",
        "socket-unix",
        "socket-netlink",
        "socket-packet",
        "socket-vsock",
        "connect",
        "connect-descriptor",
        "resolve",
        "write",
        "append",
        "path",
        "list",
        "stat",
        "unlink",
        "chmod",
        "chown",
        "rename",
        "link",
        "symlink",
        "mkdir",
        "truncate",
        "mknod",
        "memfd",
        "chdir",
        "read",
        "exec",
        "spawn",
        "thread",
        "ptrace",
        "trace-me",
        "kill",
        "kill-all",
        "pidfd",
        "peek",
        "nice",
        "limit-parent",
        "setuid",
        "setgid",
        "capset",
        "unshare",
        "mount",
        "umount",
        "chroot",
        "setns",
        "reboot",
        "personality",
        "hostname",
        "terminal",
        "dumpable",
        "raise-limit",
    ];

    #[test]
    fn whatever_a_hostile_worker_tries_is_denied() {
        let pool = Pool::new(settings()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let us = std::process::id().to_string();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (mut killed, mut refused) = (0, 0);
        for action in FORBIDDEN {
            let victim = folder.path().join(action);
            std::fs::write(&victim, "intact").unwrap();
            let argument = match *action {
                "connect" => &address,
                "ptrace" | "kill" | "pidfd" | "peek" | "nice" | "limit-parent" => &us,
                "list" | "chdir" | "chroot" | "mount" | "umount" => folder.path().to_str().unwrap(),
                "mknod" | "mkdir" => &format!("{}.new", victim.display()),
                _ => victim.to_str().unwrap(),
            };
            let heard = order(&pool, action, argument);
            if heard.skips.is_empty() {
                assert!(heard.text().starts_with("denied: "), "{action}: {}", heard.text());
                refused += 1;
            } else {
                assert_eq!(heard.reasons(), [SkipReason::Quarantined], "{action}");
                assert!(heard.skips[0].detail.contains("forbidden system call"), "{action}: {}", heard.skips[0].detail);
                assert!(heard.text.is_empty(), "{action}");
                killed += 1;
            }
            assert_eq!(std::fs::read_to_string(&victim).unwrap(), "intact", "{action}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), FORBIDDEN.len(), "something was created");
        assert!(killed >= 20 && refused >= 20, "{killed} killed, {refused} refused");
        // The parent and its pool are as they were.
        assert_eq!(read(&pool, b"still here\n").text(), "still here\n");
    }

    #[test]
    fn neither_the_key_nor_the_environment_can_be_read() {
        let pool = Pool::new(settings()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("vigie.key");
        std::fs::write(&key, "secret").unwrap();
        let ours = std::process::id();
        for path in [
            key.display().to_string(),
            format!("/proc/{ours}/environ"),
            format!("/proc/{ours}/mem"),
            "/proc/self/environ".into(),
            "/proc/self/exe".into(),
            "/etc/passwd".into(),
        ] {
            assert!(std::fs::File::open(&path).is_ok() || path.contains("mem"), "the test itself can read {path}");
            assert!(order(&pool, "read", &path).text().starts_with("denied: "), "{path}");
        }
        assert!(std::env::vars().count() > 0);
        assert_eq!(order(&pool, "environment", "").text(), "done 0");
    }

    #[test]
    fn files_that_the_program_inherited_do_not_reach_the_worker() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inherited");
        std::fs::write(&path, "secret").unwrap();
        // Not close-on-exec, as what a shell or a supervisor leaves open.
        let (read, mode) = (rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty());
        let inherited = rustix::fs::open(&path, read, mode).unwrap();
        let pool = Pool::new(settings()).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&inherited).to_string();
        assert!(order(&pool, "descriptor", &number).text().contains("Bad file descriptor"));
        // The question itself is a good one.
        assert_eq!(order(&pool, "descriptor", "0").text(), "done open");
    }

    #[test]
    fn a_scan_names_the_file_that_killed_its_reader_and_judges_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let vigie = |arguments: &[&str]| {
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_vigie"))
                .current_dir(folder.path())
                .args(arguments)
                .output()
                .unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            (output.status.code(), text(output.stdout), text(output.stderr))
        };
        let list = "id = \"crm\"\nname = \"CRM\"\nowner = \"x\"\ncontact = \"x@example.org\"\nseverity = \"high\"\n\
                    tlp = \"amber\"\n[columns]\nid = \"ref\"\nnom = \"last_name\"\nmail = \"email\"\n";
        std::fs::create_dir_all(folder.path().join("watchlists/crm")).unwrap();
        std::fs::write(folder.path().join("watchlists/crm/watchlist.toml"), list).unwrap();
        let rows = |n: u32| (0..n).map(|i| format!("C{i:06};Nom{};p{i}@example.com\n", i % 31)).collect::<String>();
        std::fs::write(folder.path().join("export.csv"), format!("id;nom;mail\n{}", rows(500))).unwrap();
        std::fs::write(folder.path().join("dump.txt"), rows(100)).unwrap();
        std::fs::write(folder.path().join("killer.bin"), "\0vigie-probe abort ").unwrap();
        std::fs::write(folder.path().join("escape.bin"), "\0vigie-probe exec ").unwrap();
        assert_eq!(vigie(&["key", "generate", "--out", "key"]).0, Some(0));
        let build =
            ["watchlist", "build", "watchlists/crm", "--snapshot", "2026-08-01", "--key-file", "key", "export.csv"];
        let built = vigie(&build);
        assert_eq!(built.0, Some(0), "{}", built.2);
        let files = ["killer.bin", "dump.txt", "escape.bin", "dump.txt"];
        let scan = [&["scan", "--key-file", "key", "--format", "jsonl"], &files[..]].concat();
        let (_, reports, complaints) = vigie(&scan);
        assert!(!complaints.contains("WARNING"), "{complaints}");
        let told: Vec<(String, bool, bool)> = reports
            .lines()
            .map(|line| {
                let report: serde_json::Value = serde_json::from_str(line).unwrap();
                let skipped = report["skipped"].to_string();
                let verdict = report["verdict"].as_str().unwrap().to_owned();
                (verdict, skipped.contains("quarantined"), skipped.contains("forbidden"))
            })
            .collect();
        let (clear, leak) = ("clear".to_owned(), "leak".to_owned());
        let expected =
            [(clear.clone(), true, false), (leak.clone(), false, false), (clear, true, true), (leak, false, false)];
        assert_eq!(told, expected);
        let (_, alone, complaints) =
            vigie(&["scan", "--no-sandbox", "--key-file", "key", "--format", "jsonl", "dump.txt"]);
        assert!(complaints.contains("WARNING: --no-sandbox"), "{complaints}");
        assert_eq!(Some(alone.trim_end()), reports.lines().nth(1));
    }

    #[test]
    fn what_kills_the_worker_costs_one_document_and_is_named() {
        let pool = Pool::new(Settings { memory: 64 << 20, ..settings() }).unwrap();
        let limits = Limits { seconds: 1, ..Limits::default() };
        for (action, reason, words) in [
            ("spin", SkipReason::Time, "did not end"),
            ("sleep", SkipReason::Time, "did not end"),
            ("bomb", SkipReason::Memory, "more memory"),
            ("panic", SkipReason::Quarantined, "panicked at src/confine/probe.rs:"),
            ("abort", SkipReason::Quarantined, "signal 6"),
            ("recurse", SkipReason::Quarantined, "signal"),
            ("exit", SkipReason::Quarantined, "left with 7"),
            ("mute", SkipReason::Quarantined, "closed its pipe"),
        ] {
            assert_eq!(read(&pool, b"before\n").text(), "before\n");
            let mut heard = Heard::default();
            within(Duration::from_secs(10), || {
                let order = format!("\0vigie-probe {action} jeanne@example.com");
                let flow = pool.extract("order", order.as_bytes(), &limits, &mut heard).unwrap();
                assert_eq!(flow, Flow::Stop);
            });
            assert_eq!(heard.reasons(), [reason], "{action}: {:?}", heard.skips);
            let skip = &heard.skips[0];
            assert!(skip.what.is_empty() && skip.detail.contains(words), "{action}: {}", skip.detail);
            assert!(!skip.detail.contains("jeanne"), "content in a skip");
            assert_eq!(read(&pool, b"after\n").text(), "after\n");
        }
    }

    #[test]
    fn documents_before_between_and_after_killers_are_all_read() {
        let pool = Pool::new(settings()).unwrap();
        let quarantined = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (pool, quarantined) = (&pool, &quarantined);
                scope.spawn(move || {
                    for no in 0..12 {
                        let document = format!("thread {thread} document {no}\n");
                        let heard = read(pool, document.as_bytes());
                        assert_eq!((heard.text(), heard.skips.len()), (document, 0));
                        let killed = order(pool, "abort", "");
                        assert_eq!(killed.reasons(), [SkipReason::Quarantined]);
                        quarantined.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(quarantined.into_inner(), 36);
    }

    #[test]
    fn what_was_delivered_before_the_death_counts() {
        struct Kills<'a>(&'a str, Heard);
        // Kills the worker from outside as soon as something has come of it.
        impl ContentSink for Kills<'_> {
            fn table(&mut self, table: Table) {
                self.1.table(table);
            }
            fn batch(&mut self, batch: &mut Batch) -> Flow {
                if self.1.text.is_empty() {
                    kill_children_named(self.0);
                }
                self.1.batch(batch)
            }
            fn skipped(&mut self, skip: Skip) {
                self.1.skipped(skip);
            }
            fn read(&mut self, bytes: u64) {
                self.1.read(bytes);
            }
        }
        let pool = Pool::new(Settings { workers: 1, documents: 4_242, memory: 300_000_001, ..settings() }).unwrap();
        let mut sink = Kills("--memory=300000001", Heard::default());
        let long = b"words and words\n".repeat(1_000_000);
        assert_eq!(pool.extract("long", &long, &Limits::default(), &mut sink).unwrap(), Flow::Stop);
        assert_eq!(sink.1.reasons(), [SkipReason::Quarantined]);
        assert!(sink.1.skips[0].detail.contains("killed from outside"), "{}", sink.1.skips[0].detail);
        assert!(!sink.1.text.is_empty() && long.starts_with(&sink.1.text));

        // One that is killed while it waits costs nothing at all.
        assert_eq!(read(&pool, b"words\n").text(), "words\n");
        kill_children_named("--memory=300000001");
        let heard = read(&pool, b"words\n");
        assert_eq!((heard.text().as_str(), heard.skips.len()), ("words\n", 0));
    }

    /// Kills the children of this process that have `argument` on their command line.
    fn kill_children_named(argument: &str) {
        let mut killed = 0;
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
            let ours = String::from_utf8_lossy(&read("status")).contains(&format!("PPid:\t{}\n", std::process::id()));
            if ours && read("cmdline").split(|b| *b == 0).any(|part| part == argument.as_bytes()) {
                let pid = entry.file_name().to_str().unwrap().parse().unwrap();
                let pid = rustix::process::Pid::from_raw(pid).unwrap();
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
                killed += 1;
            }
        }
        assert_eq!(killed, 1, "workers with {argument}");
    }
}
