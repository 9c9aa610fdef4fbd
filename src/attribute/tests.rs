//! Made-up evidence with a known answer: what the model must say of it.

use super::*;
use crate::model::finding::{Candidate, HitRow, Source, SystemRecords, TableEvidence};
use crate::model::{ConcernedRecord, RecordNo};

const COLUMNS: [(&str, FieldKind); 5] = [
    ("id", FieldKind::Ref),
    ("nom", FieldKind::LastName),
    ("mail", FieldKind::Email),
    ("tel", FieldKind::Phone),
    ("fonction", FieldKind::JobTitle),
];

/// Evidence under construction: one table, several sources.
struct World {
    finding: Finding,
    /// Rows in which a record was recognised, where only a sample of them is kept.
    rows_hit: Option<u64>,
}

impl World {
    /// A document of `rows` rows; `sources` are (system, snapshot, records, number of columns held).
    fn new(rows: u64, sources: &[(&str, &str, u64, usize)]) -> Self {
        let source = |&(system, snapshot, records, columns): &(&str, &str, u64, usize)| Source {
            system: system.parse().unwrap(),
            snapshot: snapshot.parse().unwrap(),
            records,
            columns: COLUMNS[..columns].iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
        };
        let sources: Vec<Source> = sources.iter().map(source).collect();
        let held = |s: &Source| (0..5u8).map(|c| (usize::from(c) < s.columns.len()).then_some(c)).collect::<Vec<_>>();
        let columns = sources.iter().enumerate().map(|(i, s)| (i as u16, held(s)[1..].to_vec())).collect();
        let table = TableEvidence { no: 0, header: None, rows, columns };
        Self { finding: Finding { rows, sources, tables: vec![table], ..Finding::default() }, rows_hit: None }
    }

    /// Row `row` shows record `record` of `source`, agreeing in `agree` and differing in `differ`.
    fn hit(&mut self, row: u64, source: u16, record: u32, agree: u64, differ: u64) {
        let held = (1u64 << self.finding.sources[source as usize].columns.len()) - 1;
        let agree = agree & held;
        let candidate = Candidate {
            source,
            record: RecordNo(record),
            agree,
            differ,
            exported: agree,
            masked: 0,
            cells: agree >> 1,
            canary: false,
        };
        match self.finding.hits.iter_mut().find(|hit| hit.row == row) {
            Some(hit) => hit.candidates.push(candidate),
            None => self.finding.hits.push(HitRow { table: 0, row, filled: 0b1111, candidates: vec![candidate] }),
        }
    }

    fn attribution(mut self) -> ScanReport {
        let finding = &mut self.finding;
        finding.hits.sort_by_key(|hit| hit.row);
        finding.hit_rows = self.rows_hit.unwrap_or(finding.hits.len() as u64);
        let mut systems: Vec<SystemId> = finding.sources.iter().map(|s| s.system.clone()).collect();
        systems.sort();
        systems.dedup();
        for system in systems {
            let of = |c: &&Candidate| finding.sources[c.source as usize].system == system;
            let mut records: Vec<u32> =
                finding.hits.iter().flat_map(|h| h.candidates.iter().filter(of)).map(|c| c.record.0).collect();
            records.sort_unstable();
            records.dedup();
            let rows = finding.hits.iter().filter(|h| h.candidates.iter().any(|c| of(&c))).count() as u64;
            let canary = |h: &&HitRow| h.candidates.iter().any(|c| of(&c) && c.canary);
            let canaries = finding.hits.iter().filter(canary).count() as u64;
            let records = records.into_iter().map(|r| ConcernedRecord { record: r.into(), kinds: 2 }).collect();
            finding.systems.push(SystemRecords { system, records, canaries, rows, refs: vec![] });
        }
        let facts = DocumentFacts { name: "d".into(), blake3: String::new(), bytes: 0, skipped: vec![] };
        attribute(finding, facts, Context { today: "2026-11-21".parse().unwrap() }).report
    }
}

/// Records in no order, as a sample of a table would show them.
fn scattered(i: u64, records: u64) -> u32 {
    (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as u32 % records as u32
}

const ALL: u64 = 0b11110;

#[test]
fn a_small_system_that_explains_every_row_beats_a_large_one_that_does_too() {
    let mut world = World::new(40, &[("crm", "2026-01-01", 1_000_000, 4), ("portal", "2026-01-01", 2_000, 4)]);
    for row in 0..40 {
        world.hit(row, 0, scattered(row, 1_000_000), ALL, 0);
        world.hit(row, 1, scattered(row, 2_000), ALL, 0);
    }
    let report = world.attribution();
    assert_eq!((report.verdict, report.attribution[0].system.as_str()), (Verdict::Leak, "portal"));
    assert!(report.attribution[0].probability > 0.9);
}

#[test]
fn a_column_that_only_one_system_holds_tells_it() {
    let mut world = World::new(30, &[("crm", "2026-01-01", 5_000, 4), ("hr", "2026-01-01", 5_000, 5)]);
    for row in 0..30 {
        world.hit(row, 0, scattered(row, 5_000), ALL, 0);
        world.hit(row, 1, scattered(row + 99, 5_000), ALL, 0);
    }
    let report = world.attribution();
    assert_eq!(report.attribution[0].system.as_str(), "hr");
    assert!(
        report.attribution[0].reasons.iter().any(|r| r.contains("fonction")),
        "{:?}",
        report.attribution[0].reasons
    );
}

#[test]
fn a_third_party_with_some_of_our_customers_is_an_overlap() {
    for share in [1, 10, 30] {
        let mut world = World::new(500, &[("crm", "2026-01-01", 100_000, 4)]);
        for row in 0..500 * share / 100 {
            world.hit(row * 3, 0, scattered(row, 100_000), 0b00100, 0);
        }
        let report = world.attribution();
        assert_eq!(report.verdict, Verdict::Overlap, "{share} %");
        assert!(report.outside > 0.9, "{share} %: {}", report.outside);
    }
}

#[test]
fn systems_that_nothing_tells_apart_share_the_answer() {
    let mut world = World::new(60, &[("a", "2026-01-01", 3_000, 4), ("b", "2026-01-01", 3_000, 4)]);
    for row in 0..60 {
        world.hit(row, 0, scattered(row, 3_000), ALL, 0);
        world.hit(row, 1, scattered(row, 3_000), ALL, 0);
    }
    let report = world.attribution();
    assert_eq!(report.verdict, Verdict::Leak);
    for system in &report.attribution {
        assert!((system.probability - 0.5).abs() < 0.05, "{}", system.probability);
    }
}

#[test]
fn values_that_changed_date_the_theft() {
    let snapshots = [("crm", "2026-01-01", 9_000, 4), ("crm", "2026-04-01", 9_000, 4), ("crm", "2026-09-01", 9_000, 4)];
    let mut world = World::new(100, &snapshots);
    for row in 0..100 {
        let record = scattered(row, 9_000);
        // Every tenth telephone number was new in April, every twelfth changed again before September.
        let (january, september) = (row % 10 == 0, row % 12 == 0);
        world.hit(row, 0, record, if january { 0b00110 } else { 0b01110 }, if january { 0b01000 } else { 0 });
        world.hit(row, 1, record, 0b01110, 0);
        world.hit(row, 2, record, if september { 0b00110 } else { 0b01110 }, if september { 0b01000 } else { 0 });
    }
    let report = world.attribution();
    let crm = &report.attribution[0];
    assert_eq!(crm.snapshot, "2026-04-01".parse().unwrap());
    assert_eq!(crm.snapshot_interval, ["2026-04-01".parse().unwrap(), "2026-08-31".parse().unwrap()]);
}

#[test]
fn snapshots_that_cannot_be_told_apart_widen_the_interval() {
    let mut world = World::new(20, &[("crm", "2026-01-01", 9_000, 4), ("crm", "2026-04-01", 9_000, 4)]);
    for row in 0..20 {
        world.hit(row, 0, scattered(row, 9_000), ALL, 0);
        world.hit(row, 1, scattered(row, 9_000), ALL, 0);
    }
    let report = world.attribution();
    let interval = report.attribution[0].snapshot_interval;
    assert_eq!(interval, ["2026-01-01".parse().unwrap(), "2026-11-21".parse().unwrap()]);
}

#[test]
fn rows_in_the_order_of_the_export_settle_between_equals() {
    let mut world = World::new(15, &[("a", "2026-01-01", 50_000, 4), ("b", "2026-01-01", 50_000, 4)]);
    for row in 0..15 {
        world.hit(row, 0, scattered(row, 50_000), ALL, 0);
        world.hit(row, 1, 700 + row as u32, ALL, 0);
    }
    let report = world.attribution();
    assert_eq!(report.attribution[0].system.as_str(), "b");
    assert!(report.attribution[0].probability > 0.95);
}

#[test]
fn probabilities_add_up_and_one_row_is_no_panic() {
    for rows in [1, 2, 7] {
        let mut world = World::new(rows, &[("a", "2026-01-01", 100, 5), ("b", "2030-01-01", 1, 4)]);
        for row in 0..rows {
            world.hit(row, 0, 3, ALL, 0);
            world.hit(row, 1, 0, 0b00100, 0b01000);
        }
        let report = world.attribution();
        let total: f64 = report.attribution.iter().map(|s| s.probability).sum::<f64>() + report.outside;
        assert!((total - 1.0).abs() < 1e-6, "{rows} rows: {total}");
    }
    let empty = World::new(0, &[]).attribution();
    assert_eq!((empty.verdict, empty.outside), (Verdict::Clear, 1.0));
}

/// Rows as three exports of a system have them, of which the document shows telephone numbers: which of the exports each
/// row's number stands in.
fn dated(known_in: impl Fn(u64) -> [bool; 3]) -> SystemAttribution {
    let snapshots = [("crm", "2026-01-01", 9_000, 4), ("crm", "2026-04-01", 9_000, 4), ("crm", "2026-09-01", 9_000, 4)];
    let mut world = World::new(100, &snapshots);
    for row in 0..100 {
        for (source, known) in known_in(row).into_iter().enumerate() {
            let (agree, differ) = if known { (0b01110, 0) } else { (0b00110, 0b01000) };
            world.hit(row, source as u16, scattered(row, 9_000), agree, differ);
        }
    }
    world.attribution().attribution.remove(0)
}

fn days(from: &str, to: &str) -> [Date; 2] {
    [from.parse().unwrap(), to.parse().unwrap()]
}

#[test]
fn a_theft_between_two_exports_lies_between_them() {
    let found = dated(|row| [row % 5 != 0, row % 9 != 0, row % 9 != 0 && row % 4 != 0]);
    assert_eq!(found.snapshot_interval, days("2026-01-01", "2026-04-01"), "{:?}", found.reasons);
}

#[test]
fn older_than_the_oldest_is_open_at_the_beginning() {
    let found = dated(|row| [row % 10 != 0, row % 10 != 0 && row % 7 != 0, row % 10 != 0 && row % 3 != 0]);
    assert_eq!(found.snapshot_interval, days("0001-01-01", "2026-01-01"));
    assert!(found.reasons.iter().any(|r| r.contains("before the oldest, of 2026-01-01")), "{:?}", found.reasons);
}

#[test]
fn newer_than_the_newest_is_open_at_the_end() {
    let found = dated(|row| [row % 10 != 0 && row % 3 != 0, row % 10 != 0 && row % 7 != 0, row % 10 != 0]);
    assert_eq!(found.snapshot_interval, days("2026-09-01", "2026-11-21"));
    assert!(found.reasons.iter().any(|r| r.contains("after the newest, of 2026-09-01")), "{:?}", found.reasons);
}

#[test]
fn with_one_export_either_side_is_possible() {
    let mut world = World::new(50, &[("crm", "2026-04-01", 9_000, 4)]);
    for row in 0..50 {
        let changed = row % 8 == 0;
        let (agree, differ) = if changed { (0b00110, 0b01000) } else { (0b01110, 0) };
        world.hit(row, 0, scattered(row, 9_000), agree, differ);
    }
    let found = world.attribution().attribution.remove(0);
    assert_eq!(found.snapshot_interval, days("0001-01-01", "2026-11-21"));
    assert!(found.reasons.iter().any(|r| r.contains("before or after")), "{:?}", found.reasons);
}

#[test]
fn an_export_of_the_future_is_pointed_at_and_two_of_one_day_are_one() {
    let sources = [("crm", "2027-06-01", 9_000, 4), ("crm", "2027-06-01", 9_000, 4)];
    let mut world = World::new(20, &sources);
    for row in 0..20 {
        world.hit(row, 0, scattered(row, 9_000), ALL, 0);
        world.hit(row, 1, scattered(row, 9_000), ALL, 0);
    }
    let found = world.attribution().attribution.remove(0);
    assert_eq!(found.snapshot_interval, days("2027-06-01", "2027-06-01"));
    assert!(found.reasons.iter().any(|r| r.contains("in the future")), "{:?}", found.reasons);
    assert!(!found.reasons.iter().any(|r| r.contains("did not have")), "{:?}", found.reasons);
}

#[test]
fn a_canary_among_a_multitude_of_strangers_is_a_leak_and_names_its_system() {
    let mut world = World::new(100_000, &[("a", "2026-01-01", 5_000, 4), ("b", "2026-01-01", 5_000, 4)]);
    for row in 0..40 {
        world.hit(row * 1_000, 0, scattered(row, 5_000), 0b00100, 0);
        world.hit(row * 1_000, 1, scattered(row + 7, 5_000), 0b00100, 0);
    }
    world.hit(50_001, 1, 4_999, 0b00100, 0);
    world.finding.hits.last_mut().unwrap().candidates[0].canary = true;
    let report = world.attribution();
    assert_eq!((report.verdict, report.attribution[0].system.as_str()), (Verdict::Leak, "b"));
    assert!(report.attribution[0].probability > 0.95, "{}", report.attribution[0].probability);
    assert!(
        report.attribution[0].reasons.iter().any(|r| r.contains("canaries")),
        "{:?}",
        report.attribution[0].reasons
    );
}

#[test]
fn what_is_not_settled_says_what_would_decide() {
    let mut world = World::new(60, &[("a", "2026-01-01", 3_000, 4), ("b", "2026-01-01", 3_000, 5)]);
    for table in &mut world.finding.tables {
        table.columns.iter_mut().for_each(|(_, columns)| columns.truncate(3));
    }
    for row in 0..60 {
        world.hit(row, 0, scattered(row, 3_000), 0b01110, 0);
        world.hit(row, 1, scattered(row, 3_000), 0b01110, 0);
    }
    let report = world.attribution();
    let reasons = &report.attribution[0].reasons;
    assert!(reasons[1].starts_with("not settled") && reasons[1].contains("`fonction`"), "{reasons:?}");
    assert!((0.2..0.8).contains(&report.attribution[0].probability), "{}", report.attribution[0].probability);
}

#[test]
fn ten_million_rows_are_weighed_by_their_sample() {
    let mut world = World::new(10_000_000, &[("crm", "2026-01-01", 12_000_000, 4)]);
    for row in 0..4_000 {
        world.hit(row, 0, scattered(row, 12_000_000), ALL, 0);
    }
    world.rows_hit = Some(9_900_000);
    let report = world.attribution();
    assert_eq!(report.verdict, Verdict::Leak);
    assert!(
        report.attribution[0].reasons[0].starts_with("9900000 of 10000000 rows"),
        "{:?}",
        report.attribution[0].reasons
    );
    assert!(report.attribution[0].probability > 0.9 && report.attribution[0].probability < 1.0);
}

#[test]
fn what_somebody_else_asked_on_many_days_is_an_overlap_though_an_export_of_ours_fits_half_of_it() {
    let snapshots = [("crm", "2024-01-01", 9_000, 4), ("crm", "2025-01-01", 9_000, 4), ("crm", "2026-01-01", 9_000, 4)];
    let mut world = World::new(1_500, &snapshots);
    for row in 0..550 {
        // A third of the numbers changed in each year, and each row is as of a day of its own.
        let (known, record) = (scattered(row, 97) as usize % 3, scattered(row, 9_000));
        for source in 0..3 {
            let fits = row % 3 == 0 || source == known;
            let (agree, differ) = if fits { (0b01110, 0) } else { (0b00110, 0b01000) };
            world.hit(row * 2, source as u16, record, agree, differ);
        }
    }
    // They write names and numbers in a way of their own, and in an order of their own.
    world.finding.tables[0].columns.iter_mut().for_each(|(_, columns)| columns.reverse());
    let candidates = world.finding.hits.iter_mut().flat_map(|hit| &mut hit.candidates);
    candidates.for_each(|candidate| candidate.exported = 0b00100 & candidate.agree);
    let report = world.attribution();
    assert_eq!(report.verdict, Verdict::Overlap, "{:?}", report.attribution[0].reasons);
    assert!(report.outside > 0.8, "{}", report.outside);
}

#[test]
fn a_theft_on_a_day_that_only_another_system_has_an_export_of_is_still_a_theft() {
    let snapshots =
        [("crm", "2024-01-01", 3_000, 4), ("crm", "2026-01-01", 3_000, 4), ("shop", "2025-01-01", 9_000, 4)];
    let mut world = World::new(300, &snapshots);
    for row in 0..300 {
        // Of the telephone numbers of 2025, a third had been others in 2024 and a third are others in 2026.
        let (older, newer) = (row % 3 == 1, row % 3 == 2);
        let shown = |fits: bool| if fits { (0b01110, 0) } else { (0b00110, 0b01000) };
        let (agree, differ) = shown(!older);
        world.hit(row, 0, scattered(row, 3_000), agree, differ);
        let (agree, differ) = shown(!newer);
        world.hit(row, 1, scattered(row, 3_000), agree, differ);
        if row % 5 != 0 {
            world.hit(row, 2, scattered(row + 7, 9_000), 0b01110, 0);
        }
    }
    let report = world.attribution();
    assert_eq!((report.verdict, report.attribution[0].system.as_str()), (Verdict::Leak, "crm"));
}

#[test]
fn systems_that_all_hold_everybody_are_told_apart_by_what_only_one_holds_or_not_at_all() {
    let systems = [("a", "2026-01-01", 500, 4), ("b", "2026-01-01", 500, 4), ("c", "2026-01-01", 500, 4)];
    let of = |shown_by_c: bool| {
        let mut sources = systems;
        sources[2].3 = if shown_by_c { 5 } else { 4 };
        let mut world = World::new(50, &sources);
        for row in 0..50 {
            for source in 0..3 {
                world.hit(row, source, scattered(row * 3 + u64::from(source), 500), ALL, 0);
            }
        }
        world.attribution()
    };
    let alike = of(false);
    assert_eq!(alike.verdict, Verdict::Leak);
    assert!(alike.attribution.iter().all(|system| (system.probability - 1.0 / 3.0).abs() < 0.05));
    assert!(alike.attribution[0].reasons[1].starts_with("not settled: "), "{:?}", alike.attribution[0].reasons);
    let told = of(true);
    assert!(told.attribution[0].system.as_str() == "c" && told.attribution[0].probability > 0.95);
}
