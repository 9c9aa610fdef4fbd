//! Promise: no input makes reading fail. The kept corpus of the fuzz targets, changed at random from a seed that is told:
//! what needs no nightly compiler and runs everywhere. The targets themselves, which are led by coverage, are in `fuzz/`.

use std::path::Path;
use std::time::{Duration, Instant};

use vigie::extract::lane::{Lane, SAMPLE};
use vigie::extract::{Input, Limits, extract};
use vigie::model::{Batch, ContentSink, Flow, Skip, Table};

use crate::kit::processor_time;

/// The most processor time that one small input may take, unoptimised. SAFETY asks for 1 s.
const LONGEST: Duration = Duration::from_secs(5);

struct Sink;

impl ContentSink for Sink {
    fn table(&mut self, _: Table) {}

    fn batch(&mut self, batch: &mut Batch) -> Flow {
        for row in 0..batch.rows() {
            assert!(batch.row(row).cells().map(<[u8]>::len).sum::<usize>() <= batch.text.len() * batch.cells.len());
        }
        Flow::Go
    }

    fn skipped(&mut self, _: Skip) {}

    fn read(&mut self, _: u64) {}
}

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) % below.max(1) as u64) as usize
    }
}

/// What is worth putting somewhere: what formats are made of, and sizes at their edges.
const PIECES: [&[u8]; 24] = [
    b"\"",
    b"'",
    b"\\",
    b",",
    b";",
    b"\n",
    b"\r\n",
    b"\0",
    b"<",
    b">",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"\xed\xa0\x80",
    b"INSERT INTO t VALUES (",
    b"</",
    b"&#",
    b"a@b.example",
];

fn mutate(seed: &[u8], other: &[u8], draw: &mut Draw) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + draw.next(6) {
        let at = draw.next(bytes.len() + 1);
        let length = draw.next(64).min(bytes.len() - at);
        match draw.next(7) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << draw.next(8),
            2 if at < bytes.len() => bytes[at] = draw.next(256) as u8,
            3 => drop(bytes.splice(at..at, PIECES[draw.next(PIECES.len())].iter().copied())),
            4 => drop(bytes.splice(at..at + length, std::iter::empty())),
            5 => {
                let copied = bytes[at..at + length].repeat(1 + draw.next(40));
                drop(bytes.splice(at..at, copied));
            }
            _ => {
                let from = draw.next(other.len() + 1);
                drop(bytes.splice(at..at, other[from..].iter().copied().take(256)));
            }
        }
    }
    bytes
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5, "{target} has a corpus");
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Changes the corpus of a target again and again, and reads what came of it.
fn run(target: &str, read: impl Fn(&[u8])) {
    let number =
        |name: &str, otherwise: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise);
    let (seconds, seed) = (number("VIGIE_FUZZ_SECONDS", 2), number("VIGIE_FUZZ_SEED", 1));
    println!("{target}: VIGIE_FUZZ_SEED={seed}");
    let (corpus, mut draw, begun) = (corpus(target), Draw(seed), Instant::now());
    let mut inputs = 0;
    while inputs < 100 || begun.elapsed() < Duration::from_secs(seconds) {
        let input = mutate(&corpus[draw.next(corpus.len())], &corpus[draw.next(corpus.len())], &mut draw);
        let started = processor_time();
        read(&input);
        let took = processor_time() - started;
        assert!(took < LONGEST, "input {inputs} of seed {seed} took {took:?}");
        inputs += 1;
    }
    println!("{target}: {inputs} inputs");
}

fn whole(bytes: &[u8]) {
    let limits = Limits { expanded_bytes: 4 << 20, seconds: 4, ..Limits::default() };
    let _ = extract(Input { name: "mutated", bytes }, &limits, &mut Sink);
}

#[test]
fn containers() {
    run("extract", whole);
}

#[test]
fn shapes() {
    run("shapes", whole);
}

#[test]
fn chunks_of_long_documents() {
    run("lane", |bytes| {
        // Chunks are of a megabyte: a short input is repeated until there are two.
        let document = bytes.repeat((5 << 18) / bytes.len().max(1) + 1);
        let Some(lane) = Lane::open(&document[..document.len().min(SAMPLE)], &Limits::default()) else { return };
        let mut end = 0;
        for chunk in lane.chunks(&document) {
            assert_eq!(chunk.range.start, end, "without gaps");
            assert!(chunk.range.end > end);
            end = chunk.range.end;
            // Where it ends is at stake here, and of what is read only the last chunk, which is short.
            if end == document.len() {
                let _ = lane.parse(&document, &chunk, &mut Sink);
            }
        }
        assert_eq!(end, document.len());
    });
}
