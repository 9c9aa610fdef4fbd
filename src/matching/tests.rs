//! Small worlds with known truth, through real index files: what must be found, and what must not.

use std::path::Path;
use std::sync::Arc;

use super::{Matcher, Terms};
use crate::fingerprint::build::{Build, build_reader};
use crate::fingerprint::{Catalogue, Countries, Key, Keyring};
use crate::model::finding::Finding;
use crate::model::{Batch, ContentSink, FieldKind, Layout, Pap, Severity, Shape, Table, Tlp, Watchlist};

pub(crate) const COLUMNS: [(&str, FieldKind); 7] = [
    ("id", FieldKind::Ref),
    ("nom", FieldKind::LastName),
    ("prenom", FieldKind::FirstName),
    ("mail", FieldKind::Email),
    ("mobile", FieldKind::Phone),
    ("naissance", FieldKind::BirthDate),
    ("ville", FieldKind::City),
];

const LAST: [&str; 20] = [
    "Mar", "Lefè", "Le Ga", "Du", "Mo", "Gi", "Rou", "No", "Pe", "Da Sil", "Gar", "Fau", "Ber", "Tho", "Ri", "Si",
    "Mi", "Le", "Cha", "Bou",
];
const ENDS: [&str; 10] = ["tin", "vre", "llec", "rand", "reau", "rard", "ssel", "ël", "tit", "va"];
const FIRST: [&str; 20] = [
    "Zoé",
    "Jean-Pierre",
    "Emma",
    "Louis",
    "Inès",
    "Hugo",
    "Maëlle",
    "Yann",
    "Rose",
    "Aïcha",
    "Paul",
    "Lina",
    "Marc",
    "Ève",
    "Luc",
    "Anne-Sophie",
    "Karim",
    "Nina",
    "Tom",
    "Jade",
];
const CITIES: [&str; 6] = ["Metz", "Saint-Étienne", "Lannion", "Brest", "Nîmes", "Le Havre"];

/// A number drawn from a person's: no table, so any person can be asked for.
fn draw(person: u64, stream: u64) -> u64 {
    let mut x = person.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

pub(crate) fn person(no: u64) -> [String; 7] {
    let last = format!("{}{}", LAST[(draw(no, 1) % 20) as usize], ENDS[(draw(no, 10) % 10) as usize]);
    let first = FIRST[(draw(no, 2) % 20) as usize];
    [
        format!("K{:07}", draw(no, 3) % 10_000_000),
        last,
        first.to_owned(),
        format!("p{}.{}@courriel.example", no, draw(no, 4) % 1000),
        format!("06{:08}", draw(no, 5) % 100_000_000),
        format!("{}-{:02}-{:02}", 1940 + draw(no, 6) % 60, 1 + draw(no, 7) % 12, 1 + draw(no, 8) % 28),
        CITIES[(draw(no, 9) % 6) as usize].to_owned(),
    ]
}

/// Builds an index of people and opens it.
pub(crate) fn matcher(folder: &Path, people: std::ops::Range<u64>) -> Matcher {
    matcher_of(folder, &COLUMNS, people.map(|no| person(no).to_vec()))
}

/// Builds an index of some records, whose values hold no comma, and opens it.
pub(crate) fn matcher_of(
    folder: &Path,
    columns: &[(&str, FieldKind)],
    records: impl Iterator<Item = Vec<String>>,
) -> Matcher {
    let watchlist = Watchlist {
        id: "shop".parse().unwrap(),
        name: "Shop".into(),
        owner: String::new(),
        contact: String::new(),
        severity: Severity::High,
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        canaries: vec![],
        columns: columns.iter().map(|(header, kind)| ((*header).to_owned(), *kind)).collect(),
    };
    let headers: Vec<&str> = columns.iter().map(|(header, _)| *header).collect();
    let mut export = headers.join(",") + "\n";
    for record in records {
        export += &(record.join(",") + "\n");
    }
    let key = Key::from_bytes([5; 32]);
    let countries = Countries::default();
    let target = folder.join("2026-06-01.vfi");
    let build =
        Build { watchlist: &watchlist, snapshot: "2026-06-01".parse().unwrap(), key: &key, countries: &countries };
    build_reader(Box::new(std::io::Cursor::new(export.into_bytes())), &target, build, &|_| {}).unwrap();
    let (catalogue, errors) = Catalogue::open(&[(watchlist.id, target)], &Keyring::new(key), countries);
    assert!(errors.is_empty(), "{errors:?}");
    let terms = Terms::new(&[]).unwrap_or_else(|e| panic!("{e:?}"));
    Matcher::new(Arc::new(catalogue), Arc::new(terms))
}

/// Holds rows against a matcher, split over `parts` scans as several threads would.
pub(crate) fn find(matcher: &Matcher, rows: &[Vec<String>], parts: usize) -> Finding {
    let mut all = matcher.scan();
    all.table(Table { no: 0, shape: Shape::Delimited, member: String::new(), header: None });
    for (part, rows) in rows.chunks(rows.len().div_ceil(parts).max(1)).enumerate() {
        let mut scan = matcher.scan();
        scan.table(Table { no: 0, shape: Shape::Delimited, member: String::new(), header: None });
        let mut batch = Batch::new(0, Layout::Rows);
        batch.first_row = (part * 1_000_000) as u64;
        for row in rows {
            row.iter().for_each(|cell| batch.push_value(cell.as_bytes()));
            batch.end_row();
        }
        let _ = scan.batch(&mut batch);
        all.merge(scan);
    }
    matcher.finish(all, true).unwrap()
}

fn rows(people: impl Iterator<Item = u64>, columns: &[usize]) -> Vec<Vec<String>> {
    people.map(|no| columns.iter().map(|c| person(no)[*c].clone()).collect()).collect()
}

pub(crate) fn refs(finding: &Finding) -> Vec<String> {
    finding.systems.first().map(|s| s.refs.clone()).unwrap_or_default().into_iter().filter(|r| !r.is_empty()).collect()
}

pub(crate) fn expected(people: impl Iterator<Item = u64>) -> Vec<String> {
    people.map(|no| person(no)[0].clone()).collect()
}

pub(crate) fn same(mut a: Vec<String>, mut b: Vec<String>) -> bool {
    a.sort();
    b.sort();
    a == b
}

#[test]
fn every_record_is_found_whatever_columns_are_shown_and_no_stranger_is() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..3_000);
    for columns in [&[0, 1, 2, 3, 4, 5, 6][..], &[3], &[4, 1], &[5, 2, 1, 6], &[0, 6], &[3, 4]] {
        let mut shown = rows((100..400).chain(50_000..50_100), columns);
        shown.rotate_left(37);
        let found = refs(&find(&matcher, &shown, 1));
        assert!(same(found, expected(100..400)), "columns {columns:?}");
    }
}

#[test]
fn several_threads_see_what_one_sees() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..2_000);
    let shown = rows((0..900).chain(70_000..70_200), &[1, 2, 3, 4]);
    let (one, three) = (find(&matcher, &shown, 1), find(&matcher, &shown, 3));
    assert_eq!((one.rows, one.hit_rows), (three.rows, three.hit_rows));
    assert!(same(refs(&one), refs(&three)) && refs(&one).len() == 900);
}

#[test]
fn masked_values_with_a_name_find_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..2_000);
    let masked = |no: u64| {
        let p = person(no);
        let (local, domain) = p[3].split_once('@').unwrap();
        vec![
            p[1].to_uppercase(),
            p[2].clone(),
            format!("{}***@{domain}", &local[..1]),
            format!("06 ** ** {} {}", &p[4][6..8], &p[4][8..]),
            p[6].clone(),
        ]
    };
    let ours: Vec<Vec<String>> = (200..300).map(masked).collect();
    let found = refs(&find(&matcher, &ours, 1));
    let right = expected(200..300);
    let hits = found.iter().filter(|r| right.contains(r)).count();
    assert!(hits >= 85, "{hits} of 100");
    assert!(found.len() - hits <= 3, "{} wrong", found.len() - hits);
    let strangers: Vec<Vec<String>> = (90_000..90_100).map(masked).collect();
    assert_eq!(refs(&find(&matcher, &strangers, 1)), Vec::<String>::new());
}

#[test]
fn a_row_that_contradicts_the_record_is_not_it() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..2_000);
    // Strangers who happen to have our customers' telephone numbers, and everything else of their own, in a table of
    // which a part is ours: the columns are known by then.
    let mut shown = rows(0..200, &[1, 2, 3, 4, 5]);
    for no in 0..300u64 {
        let mut row = rows(std::iter::once(80_000 + no), &[1, 2, 3, 4, 5]).remove(0);
        row[3] = person(500 + no)[4].clone();
        shown.push(row);
    }
    let found = refs(&find(&matcher, &shown, 1));
    assert!(same(found, expected(0..200)));
}

#[test]
fn columns_deny_nobody_whom_the_long_way_would_keep() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..2_000);
    let masked = |value: &str| match value.split_once('@') {
        Some((name, domain)) => format!("{}***@{domain}", &name[..1]),
        None => format!("****{}", value.char_indices().nth_back(3).map_or(value, |(at, _)| &value[at..])),
    };
    // The columns are learnt from the first rows; of the others each value is the record's, a stranger's, hidden or not there. That no record is
    // left early which the long way keeps is asserted on that way, in builds for tests.
    let mut shown = rows(0..100, &[0, 1, 2, 3, 4, 5, 6]);
    for no in 0..4_000 {
        let other = person(70_000 + no);
        let mut row = person(100 + no % 1_900);
        for (cell, value) in row.iter_mut().enumerate() {
            match draw(no, 20 + cell as u64) % 8 {
                0..3 => {}
                3..6 => value.clone_from(&other[cell]),
                6 => *value = masked(value),
                _ => value.clear(),
            }
        }
        shown.push(row.to_vec());
    }
    let finding = find(&matcher, &shown, 1);
    let by_mail = (0..4_000).filter(|no| shown[100 + *no as usize][3] == person(100 + no % 1_900)[3]).count();
    assert!(by_mail > 1_000 && finding.systems[0].rows as usize > 100 + by_mail / 2);
}

#[test]
fn a_list_of_bare_numbers_is_ours_only_if_it_hits_more_than_chance() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..2_000);
    let mut strangers = rows(30_000..34_000, &[4]);
    strangers.extend(rows(7..8, &[4]));
    assert!(find(&matcher, &strangers, 1).systems.is_empty(), "one number in four thousand is nobody");
    let found = refs(&find(&matcher, &rows(300..500, &[4]), 1));
    assert!(same(found, expected(300..500)));
}

#[test]
fn prose_is_read_and_its_rows_carry_what_stands_around() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..1_000);
    let mut text = String::from("fresh leads, pm me\n\n");
    for no in 10..40 {
        let p = person(no);
        text += &format!("{}) {} {} - {} - tel {} ({})\n", no, p[2], p[1], p[3].replace('@', " [at] "), p[4], p[6]);
    }
    let mut scan = matcher.scan();
    scan.table(Table { no: 0, shape: Shape::Text, member: String::new(), header: None });
    let mut batch = Batch::new(0, Layout::Text);
    batch.text = text.into_bytes();
    batch.source = batch.text.len();
    let _ = scan.batch(&mut batch);
    let finding = matcher.finish(scan, true).unwrap();
    let found = refs(&finding);
    let missing: Vec<u64> = (10..40).filter(|no| !found.contains(&person(*no)[0])).collect();
    assert!(missing.is_empty() && found.len() == 30, "missing {missing:?} of {}", found.len());
    let phones = finding.hits.iter().filter(|hit| hit.candidates[0].agree >> 4 & 1 == 1).count();
    assert!(phones >= 28, "{phones} of 30 telephone numbers");
}

#[test]
fn what_is_kept_of_a_row_shows_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..100);
    let finding = find(&matcher, &rows(0..50, &[1, 3, 4, 5]), 1);
    let said = format!("{finding:?}");
    for no in 0..50 {
        for value in [3, 4, 5].map(|c| person(no)[c].clone()) {
            assert!(!said.contains(&value));
        }
    }
    assert!(!finding.sample.is_empty());
}
