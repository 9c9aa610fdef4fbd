//! The rules of the house, held: who may import whom, where SQL, HTTP, printing and unsafe code may stand, and that
//! every file says what it is for. `docs/architecture.md` gives the reasons.

use std::fs;
use std::path::{Path, PathBuf};

/// What each room may import of ours. A room that is not listed may import everything.
const IMPORTS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("telemetry", &["model"]),
    ("extract", &["model"]),
    ("confine", &["model", "extract"]),
    ("fingerprint", &["model"]),
    ("matching", &["model", "fingerprint"]),
    ("attribute", &["model"]),
    ("net", &["model", "telemetry"]),
    ("secret", &["model"]),
    ("collect", &["model", "net", "secret", "telemetry"]),
    ("alert", &["model", "net", "secret", "telemetry", "store"]),
    ("evidence", &["model", "net", "signing", "telemetry"]),
    ("audit", &["signing", "store"]),
    ("signing", &[]),
    ("store", &["model", "telemetry"]),
    // The spool keeps its rows in the store's back-end.
    ("queue", &["model", "telemetry", "store"]),
    (
        "config",
        &[
            "model",
            "telemetry",
            "net",
            "collect",
            "extract",
            "fingerprint",
            "matching",
            "attribute",
            "alert",
            "secret",
            "evidence",
            "signing",
            "queue",
            "store",
            "pipeline",
            "service",
        ],
    ),
];

struct Source {
    /// Path below `src`, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn room(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap_or_default()
    }

    /// Lines with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, l)| (i + 1, l)).filter(|(_, l)| !l.trim_start().starts_with("//"))
    }

    /// The same without tests.
    fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.path.split(['/', '.']).any(|part| matches!(part, "tests" | "contract"));
        let until = if tests { 0 } else { self.text.lines().position(|l| l == "mod tests {").unwrap_or(usize::MAX) };
        self.code().take_while(move |(number, _)| *number <= until)
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    files_below(&top, &mut files);
    files.sort();
    files
        .into_iter()
        .map(|file| Source {
            path: file.strip_prefix(&top).unwrap().to_string_lossy().replace('\\', "/"),
            text: fs::read_to_string(&file).unwrap(),
        })
        .collect()
}

fn assert_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

/// Offending lines of `src` outside the rooms that may.
fn lines_with(offends: impl Fn(&str) -> bool, may: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources("src").iter().filter(|s| !may(s)) {
        found.extend(
            source.shipped().filter(|(_, l)| offends(l)).map(|(n, l)| format!("{}:{n}: {}", source.path, l.trim())),
        );
    }
    found
}

#[test]
fn stages_do_not_import_one_another() {
    let mut offences = Vec::new();
    let sources = sources("src");
    let rooms: Vec<&str> = sources.iter().map(Source::room).collect();
    for source in &sources {
        let Some((room, allowed)) = IMPORTS.iter().find(|(room, _)| *room == source.room()) else { continue };
        for (number, line) in source.code() {
            for (at, _) in line.match_indices("crate::") {
                let imported = line[at + 7..].split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                if imported != *room && rooms.contains(&imported) && !allowed.contains(&imported) {
                    offences.push(format!("{}:{number}: {room} imports {imported}", source.path));
                }
            }
        }
    }
    assert_none("rooms import only what they may", &offences);
}

#[test]
fn every_file_says_what_it_is_for() {
    for folder in ["src", "tests", "benches", "fuzz"] {
        let bare: Vec<String> = sources(folder)
            .iter()
            .filter(|s| !s.text.starts_with("//!"))
            .map(|s| format!("{folder}/{}", s.path))
            .collect();
        assert_none("every file opens with `//!`", &bare);
    }
}

#[test]
fn files_stay_readable_and_have_honest_names() {
    let mut offences = Vec::new();
    for source in sources("src") {
        let tests = source.path.ends_with("tests.rs");
        let lines = source.text.lines().take_while(|line| *line != "mod tests {").count();
        if lines > 500 && !tests {
            offences.push(format!("{}: {lines} lines", source.path));
        }
        if source.path.split(['/', '.']).any(|part| matches!(part, "util" | "utils" | "common" | "helpers" | "misc")) {
            offences.push(format!("{}: a name that says nothing", source.path));
        }
    }
    assert_none("files have at most 500 lines before their tests, and a name of their own", &offences);
}

#[test]
fn sql_stands_only_in_the_store() {
    let speaks_sql = |line: &str| {
        line.contains("rusqlite")
            || ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE ", "\"CREATE TABLE", "\"PRAGMA "]
                .iter()
                .any(|w| line.contains(w))
    };
    // `extract` reads SQL dumps, and its tests quote some.
    let offences = lines_with(|l| speaks_sql(l), |s| matches!(s.room(), "store" | "extract"));
    assert_none("SQL stands only in store", &offences);
}

#[test]
fn only_net_speaks_http() {
    let offences = lines_with(|l| l.contains("reqwest::") || l.contains("use reqwest"), |s| s.room() == "net");
    assert_none("the only HTTP client is in net", &offences);
}

#[test]
fn only_the_command_line_prints() {
    let prints = |l: &str| ["println!(", "print!(", "eprintln!(", "eprint!(", "dbg!("].iter().any(|m| l.contains(m));
    let offences = lines_with(prints, |s| matches!(s.room(), "cli" | "main"));
    assert_none("only cli prints", &offences);
}

#[test]
fn unsafe_code_is_fenced_in_one_room() {
    let offences =
        lines_with(|l| l.contains("unsafe ") || l.contains("allow(unsafe_code)"), |s| s.room() == "fingerprint");
    assert_none("unsafe stands only in fingerprint", &offences);
    let fenced: Vec<String> = sources("src")
        .iter()
        .filter(|s| {
            s.code().any(|(_, l)| l.trim_start().starts_with("#![allow(unsafe_code)]") || l.contains("unsafe {"))
        })
        .map(|s| s.path.clone())
        .collect();
    assert!(fenced.len() <= 1, "unsafe stands in more than one file: {fenced:?}");
}

#[test]
fn nothing_is_left_undone_in_silence() {
    // Put together here, so that this file does not offend itself.
    let words = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), "todo!(".to_owned(), "unimplemented!(".to_owned()];
    let mut offences = Vec::new();
    for source in sources("src") {
        let undone = source.text.lines().enumerate().filter(|(_, line)| words.iter().any(|word| line.contains(word)));
        offences.extend(undone.map(|(n, line)| format!("{}:{}: {}", source.path, n + 1, line.trim())));
    }
    assert_none("no line is left undone", &offences);
}
