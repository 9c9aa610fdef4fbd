//! Builds from exports of every kind and their look, held against what the export says.

use std::collections::HashMap;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::fingerprint::{Catalogue, Hasher, IndexErrorKind, Keyring, Match, Slot, SnapshotIndex, masked, normalise};
use crate::model::FieldKind::{self, *};
use crate::model::{Pap, RecordNo, Severity, Strength, Tlp};

const COLUMNS: [(&str, FieldKind); 9] = [
    ("id", Ref),
    ("nom", LastName),
    ("prénom", FirstName),
    ("mail", Email),
    ("mobile", Phone),
    ("fixe", Phone),
    ("né", BirthDate),
    ("cp", Postcode),
    ("iban", Iban),
];

fn watchlist(columns: &[(&str, FieldKind)]) -> Watchlist {
    Watchlist {
        id: "crm".parse().unwrap(),
        name: "CRM".into(),
        owner: "owner".into(),
        contact: "owner@example.com".into(),
        severity: Severity::High,
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        canaries: vec!["K3".into(), "K999999".into()],
        columns: columns.iter().map(|(h, k)| ((*h).to_owned(), *k)).collect(),
    }
}

fn key(n: u8) -> Key {
    Key::from_bytes([n; 32])
}

struct World {
    folder: tempfile::TempDir,
    key: Key,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), key: key(1) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn build(&self, columns: &[(&str, FieldKind)], export: &[u8]) -> Result<BuildReport, BuildError> {
        self.build_as("2026-08-01", columns, export)
    }

    fn build_as(
        &self,
        snapshot: &str,
        columns: &[(&str, FieldKind)],
        export: &[u8],
    ) -> Result<BuildReport, BuildError> {
        let build = Build {
            watchlist: &watchlist(columns),
            snapshot: snapshot.parse().unwrap(),
            key: &self.key,
            countries: &Countries::default(),
        };
        build_reader(Box::new(export), &self.path(&format!("{snapshot}.vfi")), build, &|_| {})
    }

    fn open(&self) -> SnapshotIndex {
        SnapshotIndex::open(&self.path("2026-08-01.vfi"), &self.keys()).unwrap()
    }

    fn keys(&self) -> Keyring {
        Keyring::new(key(1))
    }
}

fn form(kind: FieldKind, raw: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    normalise(kind, raw.as_bytes(), &Countries::default(), &mut out).then_some(out)
}

/// Cells of made-up records: few names and towns, so that they are shared; some values missing.
fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    let cell = |values: Vec<String>| {
        proptest::option::weighted(0.8, proptest::sample::select(values)).prop_map(Option::unwrap_or_default)
    };
    let drawn = |make: fn(u32) -> String, most: u32| (0..most).map(make).collect::<Vec<_>>();
    let row = (
        cell(drawn(|i| ["Martin", "LE GALL", "Durand", "Noël", "D'Angelo"][i as usize].into(), 5)),
        cell(drawn(|i| ["Jean", "Zoé", "Anne-Sophie"][i as usize].into(), 3)),
        cell(drawn(|i| format!("p{i}@example.com"), 60)),
        cell(drawn(|i| format!("06 00 00 00 {i:02}"), 60)),
        cell(drawn(|i| format!("01.00.00.00.{i:02}"), 60)),
        cell(drawn(|i| format!("{:02}/07/19{:02}", i % 28 + 1, i % 90 + 10), 60)),
        cell(drawn(|i| format!("{:05}", 1000 + i), 60)),
        cell(drawn(|i| format!("FR76300060000112345678{i:05}"), 60)),
    );
    proptest::collection::vec(row, 1..400).prop_map(|rows| {
        let numbered = rows.into_iter().enumerate();
        numbered.map(|(no, (a, b, c, d, e, f, g, h))| vec![format!("K{no}"), a, b, c, d, e, f, g, h]).collect()
    })
}

fn export(rows: &[Vec<String>], delimiter: u8) -> Vec<u8> {
    let mut writer = ::csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    writer.write_record(COLUMNS.iter().map(|c| c.0)).unwrap();
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    writer.into_inner().unwrap()
}

/// Everything that an index can be asked, against the rows it was built from.
fn agrees(index: &SnapshotIndex, rows: &[Vec<String>]) {
    let hasher = Hasher::new(&key(1));
    assert_eq!(index.records() as usize, rows.len());
    let slots: HashMap<u32, Slot> = (0..index.records()).map(|s| (index.row_of(Slot(s)).unwrap().0, Slot(s))).collect();
    assert_eq!(slots.len(), rows.len(), "every row has a slot");
    let mut holders: HashMap<(FieldKind, Vec<u8>), Vec<u32>> = HashMap::new();
    let mut names: HashMap<Vec<u8>, Vec<u32>> = HashMap::new();
    for (no, row) in rows.iter().enumerate() {
        for ((_, kind), raw) in COLUMNS.iter().zip(row) {
            if let Some(normal) = form(*kind, raw) {
                holders.entry((*kind, normal)).or_default().push(no as u32);
            }
        }
        if let Some(full) = form(FullName, &format!("{} {}", row[1], row[2])) {
            names.entry(full).or_default().push(no as u32);
        }
    }
    let row_of = |slot: &Slot| index.row_of(*slot).unwrap().0;
    for ((kind, normal), expected) in holders.iter().filter(|((kind, _), _)| kind.strength() == Strength::Strong) {
        let fingerprint = hasher.fingerprint(*kind, normal);
        assert!(index.might_contain(fingerprint).unwrap());
        let mut found = Vec::new();
        let count = index.lookup(fingerprint, &mut found).unwrap();
        let mut found: Vec<u32> = found.iter().map(row_of).collect();
        found.sort_unstable();
        assert_eq!(
            (count, found),
            (expected.len(), expected.iter().copied().take(crate::fingerprint::MAX_SHARED).collect())
        );
    }
    for (name, expected) in &names {
        assert!(index.might_contain(hasher.name_key(name)).unwrap());
        let found: Vec<u32> = index.name_range(hasher.name_key(name)).unwrap().map(|s| row_of(&Slot(s))).collect();
        assert_eq!(&found, expected);
    }
    let mut refs = index.refs();
    for (no, row) in rows.iter().enumerate() {
        let slot = slots[&(no as u32)];
        let tags = index.tags(slot).unwrap();
        for (column, ((_, kind), raw)) in COLUMNS.iter().zip(row).enumerate() {
            assert_eq!(tags.is_filled(column), !raw.is_empty());
            let Some(normal) = form(*kind, raw) else { continue };
            assert_eq!(tags.exported(column, hasher.exported_tag(*kind, raw.as_bytes())), Match::Yes);
            let weak = if kind.strength() == Strength::Weak { Match::Yes } else { Match::Empty };
            assert_eq!(tags.tag(column, hasher.tag(*kind, &normal)), weak);
            if let Some(form) = masked::projection(*kind, &normal) {
                assert_eq!(tags.mask(column, hasher.mask_tag(*kind, &form)), Match::Yes);
            }
        }
        assert_eq!(refs.ref_of(slot).unwrap(), Some(row[0].as_bytes()));
        assert_eq!(refs.record_key(&hasher, slot).unwrap(), hasher.record_key(index.system(), row[0].as_bytes()));
        assert_eq!(index.is_canary(slot).unwrap(), row[0] == "K3");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_index_answers_as_the_rows_it_was_built_from(rows in table(), delimiter in proptest::sample::select(csv::DELIMITERS.to_vec())) {
        let world = World::new();
        let report = world.build(&COLUMNS, &export(&rows, delimiter)).unwrap();
        prop_assert_eq!((report.records, report.ragged, report.blank), (rows.len() as u64, 0, 0));
        let index = world.open();
        index.verify().unwrap();
        agrees(&index, &rows);
    }

    /// Strangers' values hit as rarely as the arithmetic says: never in worlds of this size.
    #[test]
    fn strangers_are_not_found(rows in table(), strangers in proptest::collection::vec(any::<u64>(), 200)) {
        let world = World::new();
        world.build(&COLUMNS, &export(&rows, b',')).unwrap();
        let index = world.open();
        for stranger in strangers {
            prop_assert_eq!(index.lookup(stranger, &mut Vec::new()).unwrap(), 0);
            prop_assert!(index.name_range(stranger).unwrap().is_empty());
        }
    }
}

fn small() -> Vec<Vec<String>> {
    let cell = |i: u32, c: usize| match c {
        0 => format!("K{i}"),
        1 => ["Martin", "Durand"][i as usize % 2].into(),
        2 => "Zoé".into(),
        3 => format!("p{i}@example.com"),
        4 => format!("06000000{i:02}"),
        5 => String::new(),
        6 => format!("{:02}/07/1986", i % 28 + 1),
        7 => "75011".into(),
        _ => format!("FR76300060000112345678{i:05}"),
    };
    (0..20).map(|i| (0..COLUMNS.len()).map(|c| cell(i, c)).collect()).collect()
}

#[test]
fn the_report_counts_what_is_wrong_with_an_export() {
    let world = World::new();
    let text = "\u{feff}ID;Nom;prénom;mail;mobile;fixe;né;cp;iban;other\r\nK1;Martin;Zoé;a@example.com\r\n\r\n;;;;;;;;;x\r\nK2;Durand;Jean;no address;0600000001;;03/04/1985;75011;FR76*******************6166;y;z\r\nK3;\"Le \"\"Gall\"\"\";Anne;;;;;;;";
    let report = world.build(&COLUMNS, text.as_bytes()).unwrap();
    assert_eq!((report.records, report.ragged, report.blank, report.canaries), (3, 2, 1, 1));
    assert_eq!(report.canaries_missing, ["K999999"]);
    assert_eq!((report.columns[3].filled, report.columns[3].unread), (2, 1));
    assert_eq!((report.columns[8].filled, report.columns[8].unread), (1, 0));
    let index = world.open();
    assert_eq!((index.ragged(), index.filled(3)), (2, 2));
    assert_eq!(index.shapes(0).map(|s| (s.could_be(b"K7"), s.could_be(b"L7"))), Some((true, false)));
    let hasher = Hasher::new(&key(1));
    // The truncated account finds nothing by itself; it confirms.
    let truncated = masked::parse(Iban, b"FR76 **** 6166").unwrap();
    let slot = (0..3).map(Slot).find(|s| index.row_of(*s).unwrap() == RecordNo(1)).unwrap();
    assert_eq!(index.tags(slot).unwrap().mask(8, hasher.mask_tag(Iban, &truncated)), Match::Yes);
    assert!(!index.name_range(hasher.name_key(b"anne gall le")).unwrap().is_empty());
}

#[test]
fn cp1252_and_american_dates_are_read_as_such() {
    let world = World::new();
    let columns = [("nom", LastName), ("né", BirthDate)];
    let report = world.build(&columns, b"nom,n\xc3\xa9\nNo\xebl,03/04/1985\nPetit,03/25/1985\n").unwrap();
    assert_eq!(report.columns[1].unread, 0);
    let (index, hasher) = (world.open(), Hasher::new(&key(1)));
    let noel = index.name_range(hasher.name_key(b"noel")).unwrap();
    assert_eq!(noel.len(), 1);
    let tags = index.tags(Slot(noel.start)).unwrap();
    assert_eq!(tags.tag(1, hasher.tag(BirthDate, b"1985-03-04")), Match::Yes);
    // Records without ref are named by what they hold.
    let mut refs = index.refs();
    assert_eq!(refs.ref_of(Slot(0)).unwrap(), None);
    assert_ne!(refs.record_key(&hasher, Slot(0)).unwrap(), refs.record_key(&hasher, Slot(1)).unwrap());
}

#[test]
fn what_cannot_be_an_export_is_refused_and_leaves_nothing_behind() {
    let world = World::new();
    let good = export(&small(), b',');
    world.build(&COLUMNS, &good).unwrap();
    let before = std::fs::read(world.path("2026-08-01.vfi")).unwrap();
    let fails = |columns: &[(&str, FieldKind)], text: &[u8]| world.build(columns, text).unwrap_err().to_string();
    assert!(
        fails(&COLUMNS, b"id,nom\nK1,x\n")
            .contains("no column `prénom`, `mail`, `mobile`, `fixe`, `né`, `cp`, `iban`; its headers are `id`, `nom`")
    );
    assert!(fails(&[("id", Ref)], b"id,id\n1,2\n").contains("several columns `id`"));
    assert!(fails(&[("id", Ref)], b"").contains("no record"));
    assert!(fails(&[("id", Ref)], b"id,x\n,1\n").contains("no record"));
    assert!(fails(&[], b"id\n1\n").contains("names no column"));
    assert!(fails(&[("id", Ref)], b"id,x\n1,\"open\n2,y\n3,z\n").contains("quote"));
    assert!(fails(&[("id", Ref)], b"\xff\xfei\0d\0\n\0").contains("UTF-16LE"));
    assert_eq!(std::fs::read(world.path("2026-08-01.vfi")).unwrap(), before);
    assert_eq!(std::fs::read_dir(world.folder.path()).unwrap().count(), 1, "no partial file remains");
}

#[test]
fn what_a_killed_build_left_is_taken_over_and_a_running_one_is_not_disturbed() {
    let world = World::new();
    let partial = world.path(".2026-08-01.vfi.partial");
    std::fs::write(&partial, vec![7; 1 << 20]).unwrap();
    world.build(&COLUMNS, &export(&small(), b',')).unwrap();
    agrees(&world.open(), &small());
    assert!(!partial.exists());
    let running = std::fs::File::create(&partial).unwrap();
    running.try_lock().unwrap();
    assert!(matches!(world.build(&COLUMNS, &export(&small(), b',')), Err(BuildError::Busy { .. })));
    assert!(partial.exists());
}

/// A spill that may hold nothing in memory and loads nothing large goes the way of the largest exports.
#[test]
fn parts_that_do_not_fit_come_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut spill = spill::Spill::with_limits(folder.path(), 12, 0, 64, 600);
    let record = |key: u64, no: u32| {
        let mut record = key.to_le_bytes().to_vec();
        record.extend_from_slice(&no.to_le_bytes());
        record
    };
    // One key for most, a few neighbours that differ in the last byte only, and others.
    let keys: Vec<u64> = (0..2000u64)
        .map(|i| {
            if i % 3 == 0 {
                42
            } else if i % 7 == 0 {
                42 + i % 5
            } else {
                i << 40
            }
        })
        .collect();
    for (no, key) in keys.iter().enumerate() {
        spill.push(&record(*key, no as u32)).unwrap();
    }
    let mut expected: Vec<(u64, u32)> = keys.iter().enumerate().map(|(no, key)| (*key, no as u32)).collect();
    expected.sort_unstable();
    let mut all = Vec::new();
    for no in 0..spill::PARTS {
        spill
            .runs(no, &mut |run| {
                all.extend(run.chunks_exact(12).map(|r| {
                    (u64::from_le_bytes(r[..8].try_into().unwrap()), u32::from_le_bytes(r[8..].try_into().unwrap()))
                }));
                Ok(())
            })
            .unwrap();
    }
    assert_eq!(all, expected);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "temporary files have no name");
}

#[test]
fn another_key_another_version_and_a_cut_file_are_told_apart() {
    let world = World::new();
    world.build(&COLUMNS, &export(&small(), b',')).unwrap();
    let path = world.path("2026-08-01.vfi");
    let kind = |keys: &Keyring| SnapshotIndex::open(&path, keys).unwrap_err();
    let wrong = kind(&Keyring::new(key(2)));
    assert!(
        wrong.to_string().contains(&key(1).id().to_string()) && wrong.to_string().contains(&key(2).id().to_string())
    );
    let both = Keyring::rotating(key(2), key(1));
    assert_eq!(SnapshotIndex::open(&path, &both).unwrap().key_no(), 1);
    let whole = std::fs::read(&path).unwrap();
    let mut other = whole.clone();
    other[8] = 1;
    std::fs::write(&path, &other).unwrap();
    assert!(matches!(kind(&world.keys()).kind, IndexErrorKind::Version { found: 1, supported: 2 }));
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(matches!(kind(&world.keys()).kind, IndexErrorKind::Length { .. }));
    std::fs::write(&path, b"PK\x03\x04").unwrap();
    assert!(matches!(kind(&world.keys()).kind, IndexErrorKind::NotAnIndex));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(kind(&world.keys()).kind, IndexErrorKind::Io(_)));
}

#[test]
fn a_catalogue_asks_all_indexes_at_once_and_goes_on_without_the_broken() {
    let world = World::new();
    let mut list = Vec::new();
    let rows = small();
    for (month, range) in [(1, 0..8), (2, 4..14), (3, 10..20)] {
        let snapshot = format!("2026-0{month}-01");
        world.build_as(&snapshot, &COLUMNS, &export(&rows[range], b',')).unwrap();
        list.push(("crm".parse().unwrap(), world.path(&format!("{snapshot}.vfi"))));
    }
    let broken = world.path("2026-04-01.vfi");
    std::fs::write(&broken, b"VIGIEVFI").unwrap();
    list.push(("crm".parse().unwrap(), broken.clone()));
    list.push(("billing".parse().unwrap(), list[0].1.clone()));
    let (catalogue, errors) = Catalogue::open(&list, &world.keys(), Countries::default());
    assert_eq!((catalogue.indexes().len(), errors.len()), (3, 2));
    assert_eq!(errors[0].path, broken);
    assert!(errors[1].to_string().contains("`crm`, not of `billing`"));
    let hasher = &catalogue.hashers()[0];
    let mut asked = Vec::new();
    for row in &rows {
        for ((_, kind), raw) in COLUMNS.iter().zip(row) {
            if let (Some(normal), Strength::Strong) = (form(*kind, raw), kind.strength()) {
                asked.push(hasher.fingerprint(*kind, &normal));
            }
        }
        asked.push(hasher.name_key(&form(FullName, &format!("{} {}", row[1], row[2])).unwrap()));
    }
    let ours = asked.len();
    asked.extend((0..1000u64).map(|i| hasher.fingerprint(Text, &i.to_le_bytes())));
    let mut hits = Vec::new();
    catalogue.probe(&asked, &mut hits);
    assert_eq!(hits[..ours], (0..ours as u32).collect::<Vec<_>>());
    assert!(hits.len() < ours + 50);
    assert!(catalogue.has(Email) && !catalogue.has(City));
    let shapes = catalogue.shapes(Ref).unwrap();
    assert!(shapes.could_be(b"K5") && !shapes.could_be(b"Q5"));
    let (one, errors) = Catalogue::open(&list[..1], &world.keys(), Countries::default());
    assert!(
        errors.is_empty() && one.might_contain(asked[0]) && !Catalogue::empty(&world.keys()).might_contain(asked[0])
    );
}
