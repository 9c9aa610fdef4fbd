//! The arithmetic of false matches in `docs/index-format.md`, observed on a real index file.
//!
//! At the format's real sizes a false match is too rare to wait for: 4 in 10^11 probes. So strangers are drawn that agree
//! with an entry in all but the last `k` of the bits that are compared, where chance must let one in `2^k` through: each bit
//! is compared, and none but those. With the number of entries that a probe meets, that is the formula.

use std::io::Cursor;

use super::{Section, SnapshotIndex, TagTest};
use crate::fingerprint::build::{Build, build_reader};
use crate::fingerprint::{Catalogue, Countries, Hasher, Key, Keyring, masked, normalise};
use crate::model::{FieldKind, Pap, Severity, Tlp, Watchlist};

pub(in crate::fingerprint) const RECORDS: u64 = 20_000;
pub(in crate::fingerprint) const KEY: [u8; 32] = [9; 32];

fn catalogue(folder: &std::path::Path, key: &Key) -> Catalogue {
    part_of(folder, key, 1)
}

/// The records shared out over so many indexes of one system; every tenth is in all of them.
pub(in crate::fingerprint) fn part_of(folder: &std::path::Path, key: &Key, indexes: u64) -> Catalogue {
    let columns = [("mail", FieldKind::Email), ("mobile", FieldKind::Phone)];
    let watchlist = Watchlist {
        id: "chance".parse().unwrap(),
        name: "Chance".into(),
        owner: String::new(),
        contact: String::new(),
        severity: Severity::Low,
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        canaries: vec![],
        columns: columns.iter().map(|(header, kind)| ((*header).to_owned(), *kind)).collect(),
    };
    let countries = Countries::default();
    let build = Build { watchlist: &watchlist, snapshot: "2026-06-01".parse().unwrap(), key, countries: &countries };
    let files = (0..indexes).map(|index| {
        let held = (0..RECORDS).filter(|no| no % indexes == index || no % 10 == 0);
        let row = |no: u64| format!("p{no}@courriel.example,06{:08}\n", no * 4_999);
        let export = "mail,mobile\n".to_owned() + &held.map(row).collect::<String>();
        let target = folder.join(format!("{indexes}-{index}.vfi"));
        build_reader(Box::new(Cursor::new(export.into_bytes())), &target, build, &|_| {}).unwrap();
        (watchlist.id.clone(), target)
    });
    let files: Vec<_> = files.collect();
    let (catalogue, errors) = Catalogue::open(&files, &Keyring::new(Key::from_bytes(KEY)), countries);
    assert!(errors.is_empty(), "{errors:?}");
    catalogue
}

/// What a masked value asks of a column, 0 for addresses and 1 for numbers.
pub(super) fn mask_test(index: &SnapshotIndex, (column, raw): (usize, &str), with_length: bool) -> TagTest {
    let kind = index.columns()[column].1;
    let tag = Hasher::new(&Key::from_bytes(KEY)).mask_tag(kind, &masked::parse(kind, raw.as_bytes()).unwrap());
    index.test_of_mask(column, tag, with_length).unwrap()
}

/// Numbers without a pattern, always the same.
fn draws() -> impl Iterator<Item = u64> {
    (1u64..).map(|n| {
        let x = (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n >> 7).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 32)
    })
}

/// Holds an observed count against what `n` draws of probability `p` should give, to three standard deviations.
fn agrees(observed: u64, n: f64, p: f64) -> bool {
    (observed as f64 - n * p).abs() <= 3.0 * (n * p * (1.0 - p)).sqrt()
}

pub(in crate::fingerprint) fn mail(hasher: &Hasher, no: u64) -> u64 {
    let mut normal = Vec::new();
    assert!(normalise(
        FieldKind::Email,
        format!("p{no}@courriel.example").as_bytes(),
        &Countries::default(),
        &mut normal
    ));
    hasher.fingerprint(FieldKind::Email, &normal)
}

#[test]
fn strangers_match_as_often_as_the_format_note_says() {
    let folder = tempfile::tempdir().unwrap();
    let key = Key::from_bytes(KEY);
    let (catalogue, hasher) = (catalogue(folder.path(), &key), Hasher::new(&key));
    let index = &catalogue.indexes()[0];
    let (b, s) = (u32::from(index.header.bucket_bits), u32::from(index.header.slot_bits));
    let compared = 64 - s.max(b);
    let below = 64 - b - compared;
    let found = |fingerprint: u64| {
        let mut slots = Vec::new();
        index.lookup(fingerprint, &mut slots).unwrap()
    };
    // All bits but the last 6 that are compared, as one of ours has them: one stranger in 64.
    let open = 6;
    let mut random = draws();
    let probes = 60_000;
    let met: usize = (0..probes)
        .map(|no| {
            let noise = random.next().unwrap() & ((1 << (open + below)) - 1);
            found(mail(&hasher, no % RECORDS) & (u64::MAX << (open + below)) | noise).min(1)
        })
        .sum();
    assert!(agrees(met as u64, probes as f64, 1.0 / 64.0), "{met} of {probes}");
    // What lies below is not compared, every bit above is.
    for no in 0..500 {
        let ours = mail(&hasher, no);
        assert_eq!(found(ours ^ random.next().unwrap() & ((1 << below) - 1)), found(ours));
        (below..64).for_each(|bit| assert_eq!(found(ours ^ 1 << bit), 0, "bit {bit} of record {no}"));
    }
    // Entries that a probe meets: what stands in its bucket.
    let mean = index.header.strong as f64 / f64::from(1u32 << b);
    let met: usize = (0..20_000)
        .map(|_| index.bucket((random.next().unwrap() >> (64 - b)) as usize).map(|(from, to)| to - from).unwrap())
        .sum();
    let sigma = (20_000.0 * mean).sqrt();
    assert!((met as f64 - 20_000.0 * mean).abs() < 4.0 * sigma, "{met} entries met, {mean} a bucket");
    assert!((2.0..=8.0).contains(&mean), "{mean} a bucket");
}

#[test]
fn the_filter_lets_as_many_strangers_through_as_its_load_says() {
    let folder = tempfile::tempdir().unwrap();
    let key = Key::from_bytes(KEY);
    let catalogue = catalogue(folder.path(), &key);
    let index: &SnapshotIndex = &catalogue.indexes()[0];
    let blocks = index.header.place(Section::Filter).len as f64 / 64.0;
    // Keys fall into blocks as Poisson's law says; a key sets one bit in each of eight lanes of 64.
    let load = (index.header.strong + index.header.names) as f64 / blocks;
    let (mut weight, mut expected) = ((-load).exp(), 0.0);
    for keys in 0..400 {
        expected += weight * (1.0 - (1.0 - 1.0 / 64.0f64).powi(keys)).powi(8);
        weight *= load / f64::from(keys + 1);
    }
    let probes = 300_000;
    let passed = draws().take(probes).filter(|stranger| catalogue.might_contain(*stranger)).count();
    assert!(agrees(passed as u64, probes as f64, expected), "{passed} of {probes}, expected {expected}");
    assert!(expected < 0.011, "{expected}");
}
