//! What whole-program tests share: a folder with key, watchlist and configuration, the service as a process, and a
//! receiver of webhooks. Everything made up, everything on loopback.

pub mod flapping;
pub mod mailbox;
pub mod receiver;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The program under test.
pub fn vigie() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.env_remove("STATE_DIRECTORY").env_remove("CREDENTIALS_DIRECTORY").env_remove("NOTIFY_SOCKET");
    command.env("NO_COLOR", "1");
    command
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Output {
    vigie().args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Standard error as text.
pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A world of one folder: `vigie.key`, `watchlists/`, `inbox/`, `vigie.toml`.
pub struct World {
    folder: tempfile::TempDir,
}

/// A made-up customer: everything of it follows from the number.
pub fn customer(system: &str, n: usize) -> [String; 4] {
    // Spread over the range, so that customers do not follow each other.
    let digits = (n * 7_654_321 + system.len() * 1_234_567) % 100_000_000;
    let letters = |mut k: usize| {
        let mut name = String::new();
        for _ in 0..6 {
            name.push(char::from(b'a' + (k % 26) as u8));
            k /= 26;
        }
        name
    };
    [
        format!("{}{n:06}", system.to_uppercase().replace('-', "")),
        format!("{}.{n}@{system}.example", letters(digits)),
        letters(digits * 31 + 7),
        format!("06{digits:08}"),
    ]
}

/// A table of customers as somebody would post it, without the system's own number.
pub fn dump(system: &str, customers: std::ops::Range<usize>) -> String {
    let mut text = String::from("mail;name;tel\n");
    for n in customers {
        let [_, mail, name, phone] = customer(system, n);
        let _ = writeln!(text, "{mail};{name};{phone}");
    }
    text
}

impl World {
    /// A world with a key and without watchlists.
    pub fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(world.path("watchlists")).unwrap();
        fs::create_dir_all(world.path("inbox")).unwrap();
        let made = run(&["key", "generate", "--out", &world.text("vigie.key")]);
        assert!(made.status.success(), "{}", errors(&made));
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Declares a system of so many customers and builds one index of it.
    pub fn system(&self, id: &str, customers: usize) {
        let folder = self.path("watchlists").join(id);
        // Made elsewhere and moved in: a running service sees a whole watchlist or none.
        let making = self.path("making").join(id);
        fs::create_dir_all(&making).unwrap();
        let columns = "[columns]\nid = \"ref\"\nmail = \"email\"\nname = \"last_name\"\nphone = \"phone\"\n";
        fs::write(making.join("watchlist.toml"), format!("id = \"{id}\"\nseverity = \"high\"\n{columns}")).unwrap();
        let mut export = String::from("id,mail,name,phone\n");
        for n in 0..customers {
            let _ = writeln!(export, "{}", customer(id, n).join(","));
        }
        let file = self.path("export.csv");
        fs::write(&file, export).unwrap();
        let making_name = making.to_str().unwrap().to_owned();
        let built = run(&[
            "watchlist",
            "build",
            &making_name,
            "--snapshot",
            "2026-08-01",
            "--key-file",
            &self.text("vigie.key"),
            file.to_str().unwrap(),
        ]);
        assert!(built.status.success(), "{}", errors(&built));
        fs::rename(making, folder).unwrap();
    }

    /// Writes the configuration: an inbox as the only site, and further lines.
    pub fn configure(&self, more: &str) {
        let text = format!(
            "state = \"state\"\nkey_file = \"vigie.key\"\n[log]\nformat = \"json\"\nlevel = \"vigie=debug,warn\"\n\
             [service]\nlisten = \"127.0.0.1:0\"\n[[site]]\nid = \"inbox\"\nkind = \"inbox\"\npath = \"{}\"\n\
             settle = \"0s\"\ninterval = \"1s\"\n{more}",
            self.text("inbox")
        );
        fs::write(self.path("vigie.toml"), text).unwrap();
    }

    /// Puts a file into the inbox, whole.
    pub fn drop_file(&self, name: &str, content: &str) {
        let making = self.path(&format!("{name}.making"));
        fs::write(&making, content).unwrap();
        fs::rename(making, self.path("inbox").join(name)).unwrap();
    }

    /// Files that are still in the inbox.
    pub fn inbox(&self) -> usize {
        fs::read_dir(self.path("inbox")).unwrap().count()
    }

    /// Starts the service.
    pub fn start(&self) -> Service {
        Service::start(vigie().arg("run").arg("--config").arg(self.path("vigie.toml")))
    }
}

/// The service as a process, and what it says. Killed when dropped.
pub struct Service {
    pub child: Child,
    events: Receiver<Value>,
    started: Instant,
    /// What it said: told when something fails.
    heard: Vec<String>,
}

impl Service {
    pub fn start(command: &mut Command) -> Self {
        let started = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stderr.take().unwrap());
        let (tell, events) = channel();
        std::thread::spawn(move || {
            for line in output.split(b'\n').map_while(Result::ok) {
                let as_text = |_| Value::String(String::from_utf8_lossy(&line).into_owned());
                let event = serde_json::from_slice(&line).unwrap_or_else(as_text);
                if tell.send(event).is_err() {
                    return;
                }
            }
        });
        Self { child, events, started, heard: Vec::new() }
    }

    /// Waits for an event that fits, and panics with what was said instead if it does not come.
    pub fn wait_for(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.wait_for_any(&[name], fits)
    }

    /// Waits for an event of one of several names.
    pub fn wait_for_any(&mut self, names: &[&str], fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) => {
                    self.heard.push(event.to_string());
                    if names.iter().any(|name| event["event"] == *name) && fits(&event) {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("`{}` did not come; heard last:\n{}", names.join("` or `"), self.last_heard())
                }
                Err(RecvTimeoutError::Disconnected) => self.ended(),
            }
        }
    }

    fn last_heard(&self) -> String {
        self.heard[self.heard.len().saturating_sub(20)..].join("\n")
    }

    /// Waits until it is ready or `latest`; how long it took, if it is.
    pub fn ready_before(&mut self, latest: Instant) -> Option<Duration> {
        loop {
            match self.events.recv_timeout(latest.saturating_duration_since(Instant::now())) {
                Ok(event) if event["event"] == "service.ready" => return Some(self.started.elapsed()),
                Ok(event) => self.heard.push(event.to_string()),
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => self.ended(),
            }
        }
    }

    /// It closed its standard error, which it does at its end only: says how it ended, and what it said.
    fn ended(&mut self) -> ! {
        let status = self.child.wait().unwrap();
        panic!("the service ended by itself ({status}); heard last:\n{}", self.last_heard())
    }

    /// The address of health and metrics.
    pub fn health_address(&mut self) -> String {
        self.wait_for("health.listening", |_| true)["address"].as_str().unwrap().to_owned()
    }

    /// Kills it at once, as a power cut does to a process.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Asks it to stop and waits for it.
    pub fn stop(mut self) {
        self.signal(rustix::process::Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the service did not stop within 30 s of SIGTERM");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a path on a loopback address answers.
pub fn get(address: &str, path: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Waits until something is so, looking often; panics with `what` if it never is.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    until_done(what, || usize::from(!so()), 0);
}

/// Waits until what is left has gone down to `enough`, however long that takes on a busy machine: panics with `what` if it
/// has been the same for 60 s.
pub fn until_done(what: &str, mut left: impl FnMut() -> usize, enough: usize) {
    let (mut before, mut since) = (left(), Instant::now());
    while before > enough {
        std::thread::sleep(Duration::from_millis(20));
        let now = left();
        if now != before {
            (before, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < Duration::from_secs(60), "nothing for 60 s ({now} left): {what}");
    }
}

/// Processor time that the calling thread has used: what something costs, however busy the machine is.
pub fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
    // Fields 14 and 15, counted behind the name in brackets; hundredths of a second on every Linux.
    let fields = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace();
    Duration::from_millis(fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum())
}
