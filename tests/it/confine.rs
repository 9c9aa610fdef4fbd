//! Strangers' content is read by a process that can do nothing else: SAFETY's promise 5.

use std::path::PathBuf;
use std::time::Duration;

use vigie::confine::{Health, Pool, Settings};
use vigie::extract::{Input, Limits, extract};
use vigie::model::{Batch, ContentSink, Flow, Skip, SkipReason, Table};

/// What was delivered of one document.
#[derive(Debug, Default)]
struct Heard {
    text: Vec<u8>,
    rows: usize,
    tables: usize,
    skips: Vec<Skip>,
    read: u64,
}

impl Heard {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    fn reasons(&self) -> Vec<SkipReason> {
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

fn settings() -> Settings {
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
