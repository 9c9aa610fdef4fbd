//! Documents that are handed to a worker together are read as each would be alone, whatever one of them does.

use vigie::confine::{Pool, Settings};
use vigie::extract::{Input, Limits, extract};
use vigie::model::{Batch, ContentSink, Flow, Skip, SkipReason, Table};

use crate::confine::{Heard, settings};

/// What is delivered of each document where all are read ahead.
fn ahead(pool: &Pool, documents: &[Vec<u8>], limits: &Limits) -> Vec<Heard> {
    let inputs: Vec<Input<'_>> = documents.iter().map(|bytes| Input { name: "document", bytes }).collect();
    let mut ahead = pool.ahead(&inputs, limits);
    let read = |_: &Vec<u8>| {
        let mut heard = Heard::default();
        let _ = ahead.next(&mut heard).unwrap();
        heard
    };
    documents.iter().map(read).collect()
}

fn here(bytes: &[u8]) -> Heard {
    let mut heard = Heard::default();
    let _ = extract(Input { name: "document", bytes }, &Limits::default(), &mut heard);
    heard
}

/// A text of about so many bytes, that no other number gives.
fn text(no: usize, bytes: usize) -> Vec<u8> {
    let line = format!("line of document {no}, nothing but words in it\n");
    line.repeat(bytes / line.len() + 1).into_bytes()
}

/// Small and large ones, empty ones, tables, and an archive that holds none.
fn all_sorts() -> Vec<Vec<u8>> {
    let table = |no: usize, rows: usize| {
        let row = |row: usize| format!("{row};Exemple{no};p{row}.{no}@example.com\n");
        ("id;nom;mail\n".to_owned() + &(0..rows).map(row).collect::<String>()).into_bytes()
    };
    let sizes = [0, 10, 10_000, 60_000, 70_000, 1_000, 900_000, 20, 64 << 10];
    let texts = (0..90).map(|no| text(no, sizes[no % sizes.len()]));
    texts.chain([table(1, 20), table(2, 40_000), b"PK\x03\x04".to_vec(), Vec::new(), table(3, 700)]).collect()
}

#[test]
fn documents_handed_over_together_are_read_as_each_alone() {
    for documents in [1000, 5] {
        let pool = Pool::new(Settings { documents, ..settings() }).unwrap();
        let all = all_sorts();
        for (bytes, there) in all.iter().zip(ahead(&pool, &all, &Limits::default())) {
            let here = here(bytes);
            assert!(there.text == here.text, "{} bytes", bytes.len());
            assert_eq!((there.rows, there.read, there.skips), (here.rows, here.read, here.skips));
        }
    }
}

#[test]
fn one_that_is_too_large_is_named_and_the_others_are_read() {
    let pool = Pool::new(Settings { document: 1000, ..settings() }).unwrap();
    let all: Vec<_> = [10, 5_000, 20, 30, 6_000].into_iter().enumerate().map(|(no, size)| text(no, size)).collect();
    for (bytes, heard) in all.iter().zip(ahead(&pool, &all, &Limits::default())) {
        if bytes.len() > 1000 {
            assert_eq!(heard.reasons(), [SkipReason::TooLarge]);
        } else {
            assert!(heard.text == *bytes && heard.skips.is_empty(), "{} bytes", bytes.len());
        }
    }
}

#[test]
fn a_sink_that_has_enough_of_one_gets_the_others() {
    struct Enough;
    impl ContentSink for Enough {
        fn table(&mut self, _: Table) {}
        fn batch(&mut self, _: &mut Batch) -> Flow {
            Flow::Stop
        }
        fn skipped(&mut self, _: Skip) {}
        fn read(&mut self, _: u64) {}
    }
    let pool = Pool::new(settings()).unwrap();
    let all: Vec<_> = (0..12).map(|no| text(no, 100)).collect();
    let inputs: Vec<Input<'_>> = all.iter().map(|bytes| Input { name: "document", bytes }).collect();
    let limits = Limits::default();
    let mut ahead = pool.ahead(&inputs, &limits);
    for (no, bytes) in all.iter().enumerate() {
        if no % 5 == 3 {
            assert_eq!(ahead.next(&mut Enough).unwrap(), Flow::Stop);
        } else {
            let mut heard = Heard::default();
            assert_eq!(ahead.next(&mut heard).unwrap(), Flow::Go);
            assert!(heard.text == *bytes && heard.skips.is_empty(), "{} bytes", bytes.len());
        }
    }
}

#[test]
fn documents_that_nobody_asks_for_any_more_are_in_no_others_way() {
    let pool = Pool::new(Settings { workers: 1, ..settings() }).unwrap();
    let all: Vec<_> = (0..12).map(|no| text(no, 100)).collect();
    let inputs: Vec<Input<'_>> = all.iter().map(|bytes| Input { name: "document", bytes }).collect();
    let (limits, mut heard) = (Limits::default(), Heard::default());
    let mut given_up = pool.ahead(&inputs, &limits);
    let _ = given_up.next(&mut heard).unwrap();
    drop(given_up);
    for (bytes, heard) in all.iter().zip(ahead(&pool, &all, &limits)) {
        assert!(heard.text == *bytes && heard.skips.is_empty(), "{} bytes", bytes.len());
    }
}

/// What a worker that was taken over may try; only debug builds can be told to.
#[cfg(debug_assertions)]
#[test]
fn those_that_kill_the_worker_are_named_and_take_no_others_with_them() {
    let pool = Pool::new(Settings { memory: 64 << 20, ..settings() }).unwrap();
    let limits = Limits { seconds: 1, ..Limits::default() };
    let order = |action: &str| format!("\0vigie-probe {action} jeanne@example.com").into_bytes();
    for (killers, reason) in [
        (&["abort"][..], SkipReason::Quarantined),
        (&["exit", "panic"], SkipReason::Quarantined),
        (&["bomb"], SkipReason::Memory),
        (&["sleep"], SkipReason::Time),
        (&["abort", "abort", "abort"], SkipReason::Quarantined),
    ] {
        // First, last, among others, one behind the other, behind one whose answer does not wait.
        for places in [&[0, 5, 6][..], &[11, 3, 7], &[1, 9, 10]] {
            let mut all: Vec<_> = (0..12).map(|no| text(no, if no == 4 { 400_000 } else { 1_000 })).collect();
            for (killer, place) in killers.iter().zip(places) {
                all[*place] = order(killer);
            }
            for (no, heard) in ahead(&pool, &all, &limits).into_iter().enumerate() {
                if places[..killers.len()].contains(&no) {
                    assert_eq!(heard.reasons(), [reason], "{killers:?}, document {no}: {:?}", heard.skips);
                } else {
                    assert_eq!((heard.text == all[no], heard.skips.len()), (true, 0), "{killers:?}, document {no}");
                }
            }
        }
    }
}
