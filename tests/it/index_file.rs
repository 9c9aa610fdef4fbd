//! A damaged index never gives a wrong answer, and a stolen one gives none.

use std::path::Path;

use rayon::prelude::*;
use vigie::fingerprint::build::{Build, build_reader};
use vigie::fingerprint::{Countries, Damaged, Hasher, IndexErrorKind, Key, Keyring, Match, SnapshotIndex, normalise};
use vigie::model::{FieldKind, Pap, Severity, Tlp, Watchlist};

const KINDS: [(&str, FieldKind); 6] = [
    ("id", FieldKind::Ref),
    ("nom", FieldKind::LastName),
    ("prenom", FieldKind::FirstName),
    ("mail", FieldKind::Email),
    ("tel", FieldKind::Phone),
    ("naissance", FieldKind::BirthDate),
];

fn key() -> Key {
    Key::from_bytes([9; 32])
}

fn cell(row: u32, column: usize) -> String {
    match column {
        0 => format!("PLANTED{:06}", row * 7919 % 1_000_000),
        1 => format!("Kerdoncuff{}", row % 40),
        2 => "Gwenaëlle".to_owned(),
        3 => format!("gwenaelle.kerdoncuff{row}@courriel.example"),
        4 => format!("+336{:08}", row * 104_729 % 100_000_000),
        _ => format!("19{:02}-07-{:02}", 40 + row % 60, row % 28 + 1),
    }
}

/// The bytes of an index of so many made-up records.
fn index_of(records: u32) -> Vec<u8> {
    let mut export = KINDS.map(|k| k.0).join(";");
    for row in 0..records {
        export.push('\n');
        export.push_str(&(0..KINDS.len()).map(|c| cell(row, c)).collect::<Vec<_>>().join(";"));
    }
    let watchlist = Watchlist {
        id: "crm".parse().unwrap(),
        name: "CRM".into(),
        owner: "owner".into(),
        contact: "owner@example.com".into(),
        severity: Severity::High,
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        canaries: vec![cell(3, 0)],
        columns: KINDS.iter().map(|(h, k)| ((*h).to_owned(), *k)).collect(),
    };
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("2026-08-01.vfi");
    let build = Build {
        watchlist: &watchlist,
        snapshot: jiff::civil::date(2026, 8, 1),
        key: &key(),
        countries: &Countries::default(),
    };
    build_reader(Box::new(export.as_bytes()), &target, build, &|_| {}).unwrap();
    std::fs::read(target).unwrap()
}

fn open(bytes: Vec<u8>, keys: &Keyring) -> Result<SnapshotIndex, IndexErrorKind> {
    SnapshotIndex::from_bytes(bytes, Path::new("test.vfi"), keys).map_err(|e| e.kind)
}

fn form(kind: FieldKind, raw: &str) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(normalise::normalise(kind, raw.as_bytes(), &Countries::default(), &mut out), "{raw}");
    out
}

/// What an index says of a row, one answer after another; ends at the first that it refuses.
fn answers(index: &SnapshotIndex, hasher: &Hasher, row: u32) -> (Vec<u64>, Option<Damaged>) {
    let mut said = Vec::new();
    let refused = ask(index, hasher, row, &mut said).err();
    (said, refused)
}

fn ask(index: &SnapshotIndex, hasher: &Hasher, row: u32, said: &mut Vec<u64>) -> Result<(), Damaged> {
    let mut refs = index.refs();
    for column in [0, 3, 4] {
        let kind = KINDS[column].1;
        let fingerprint = hasher.fingerprint(kind, &form(kind, &cell(row, column)));
        said.push(u64::from(index.might_contain(fingerprint)?));
        let mut slots = Vec::new();
        said.push(index.lookup(fingerprint, &mut slots)? as u64);
        for slot in slots {
            said.push(u64::from(index.row_of(slot)?.0));
            let tags = index.tags(slot)?;
            let birth = hasher.tag(FieldKind::BirthDate, &form(FieldKind::BirthDate, &cell(row, 5)));
            said.push(u64::from(tags.tag(5, birth) == Match::Yes));
            said.push(u64::from(index.is_canary(slot)?));
            said.push(refs.record_key(hasher, slot)?);
        }
    }
    let name = form(FieldKind::FullName, &format!("{} {}", cell(row, 1), cell(row, 2)));
    let range = index.name_range(hasher.name_key(&name))?;
    said.extend([u64::from(range.start), u64::from(range.end)]);
    said.push(index.lookup(hasher.fingerprint(FieldKind::Email, b"stranger@example.com"), &mut Vec::new())? as u64);
    Ok(())
}

#[test]
fn every_altered_byte_of_a_small_index_is_noticed() {
    let (whole, keys) = (index_of(12), Keyring::new(key()));
    let hasher = Hasher::new(&key());
    let expected = answers(&open(whole.clone(), &keys).unwrap(), &hasher, 5);
    assert_eq!(expected.1, None);
    // All of the header, the ends of the file, and every byte of the sections by turns of 5 (the filter is mostly empty).
    let places: Vec<usize> =
        (0..700).chain((700..whole.len()).step_by(5)).chain(whole.len() - 64..whole.len()).collect();
    places.into_par_iter().for_each(|at| {
        let mut altered = whole.clone();
        altered[at] ^= 1 << (at % 8);
        if let Ok(index) = open(altered, &keys) {
            let (said, refused) = answers(&index, &hasher, 5);
            assert!(said == expected.0[..said.len()], "byte {at} changed an answer");
            assert!(refused.is_some() || said.len() == expected.0.len());
        }
    });
}

#[test]
fn damage_that_opening_does_not_meet_shows_when_it_is_touched() {
    let (whole, keys) = (index_of(4000), Keyring::new(key()));
    let hasher = Hasher::new(&key());
    let rows: Vec<u32> = (0..4000).step_by(200).collect();
    let original = open(whole.clone(), &keys).unwrap();
    let expected: Vec<_> = rows.iter().map(|row| answers(&original, &hasher, *row).0).collect();
    let outcomes: Vec<(bool, bool)> = (0..120usize)
        .into_par_iter()
        .map(|i| {
            let at = (i * 7_919_191) % whole.len();
            let mut altered = whole.clone();
            altered[at] ^= 0x10;
            let Ok(index) = open(altered, &keys) else { return (false, false) };
            let mut refused_any = false;
            for (row, expected) in rows.iter().zip(&expected) {
                let (said, refused) = answers(&index, &hasher, *row);
                assert!(said == expected[..said.len()], "byte {at} changed an answer");
                assert!(refused.is_some() || said.len() == expected.len());
                refused_any |= refused.is_some();
            }
            assert_eq!(index.damage().is_some(), refused_any);
            assert!(index.verify().is_err(), "byte {at} is in no block");
            (true, refused_any)
        })
        .collect();
    assert!(outcomes.iter().any(|(opened, refused)| *opened && *refused), "the test met no late damage");
    assert!(outcomes.iter().any(|(opened, _)| !*opened));
}

#[test]
fn a_cut_index_is_refused_wherever_it_is_cut() {
    let (whole, keys) = (index_of(12), Keyring::new(key()));
    for len in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        assert!(open(whole[..len].to_vec(), &keys).is_err(), "{len}");
    }
    let mut longer = whole;
    longer.push(0);
    assert!(matches!(open(longer, &keys), Err(IndexErrorKind::Length { .. })));
}

#[test]
fn sections_cannot_be_exchanged_between_indexes() {
    let (one, two, keys) = (index_of(4000), index_of(4000), Keyring::new(key()));
    let mut mixed = one;
    // The first block holds refs, which opening does not touch.
    let (from, to) = (4096, 4096 + 65_536);
    mixed[from..to].copy_from_slice(&two[from..to]);
    assert!(open(mixed, &keys).is_ok_and(|index| index.verify().is_err()));
}

/// The promise of SAFETY 9, scaled: who has the file and not the key tries every number of a range under every key that the file could
/// suggest, and looks for the values as they are.
#[test]
fn a_stolen_index_tells_no_customer() {
    let records = 2000u32;
    let bytes = index_of(records);
    let index = open(bytes.clone(), &Keyring::new(key())).unwrap();
    let found = |hasher: &Hasher, numbers: &mut dyn Iterator<Item = u32>| {
        let mut slots = Vec::new();
        numbers
            .filter(|n| {
                let normal = format!("336{n:08}");
                index.lookup(hasher.fingerprint(FieldKind::Phone, normal.as_bytes()), &mut slots).unwrap() > 0
            })
            .count()
    };
    let ours = |row: u32| row * 104_729 % 100_000_000;
    assert_eq!(found(&Hasher::new(&key()), &mut (0..records).map(ours)), records as usize, "the control finds all");
    // The key's identifier and the salt are all that the header says of it.
    let mut guesses = vec![[0u8; 32], [255; 32]];
    for at in (0..64).step_by(8) {
        let mut guess = [0; 32];
        guess[..16].copy_from_slice(&bytes[at..at + 16]);
        guesses.push(guess);
    }
    for guess in guesses {
        let hasher = Hasher::new(&Key::from_bytes(guess));
        let mut all = (0..records).map(ours).chain((0..20_000).map(|n| n * 4_999));
        assert_eq!(found(&hasher, &mut all), 0);
    }
    let contains = |text: &[u8]| memchr::memmem::find(&bytes, text).is_some();
    for row in 0..records {
        for (column, (header, kind)) in KINDS.iter().enumerate() {
            let raw = cell(row, column);
            for shown in [raw.as_bytes(), raw.to_uppercase().as_bytes(), &form(*kind, &raw), header.as_bytes()] {
                assert!(shown.len() < 4 || !contains(shown), "column {column}");
            }
        }
    }
}
