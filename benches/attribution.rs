//! Attribution alone: a document of a million rows, of which 30 systems with two exports each explain most, from the
//! evidence that matching keeps of it to the report with all its reasons.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use vigie::attribute::{Context, DocumentFacts, attribute};
use vigie::model::finding::{Candidate, Finding, HitRow, Source, SystemRecords, TableEvidence};
use vigie::model::{FieldKind, RecordNo};

const SYSTEMS: u64 = 30;
const ROWS: u64 = 1_000_000;
/// Rows that matching keeps of a document of that size.
const KEPT: u64 = 16_384;

const COLUMNS: [FieldKind; 8] = [
    FieldKind::Ref,
    FieldKind::LastName,
    FieldKind::FirstName,
    FieldKind::Email,
    FieldKind::Phone,
    FieldKind::BirthDate,
    FieldKind::StreetAddress,
    FieldKind::City,
];

fn drawn(a: u64, b: u64) -> u64 {
    let x = (a ^ b.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

fn finding() -> Finding {
    let columns: Arc<[(String, FieldKind)]> = COLUMNS.iter().map(|kind| (kind.to_string(), *kind)).collect();
    let source = |no: u64| Source {
        system: format!("system-{}", no / 2).parse().unwrap(),
        snapshot: jiff::civil::date(2026, 1 + 6 * (no % 2) as i8, 1),
        records: 1_000_000 + 50_000 * (no / 2),
        columns: Arc::clone(&columns),
    };
    let candidate = |row: u64, no: u64| Candidate {
        source: no as u16,
        record: RecordNo(if no < 2 { row as u32 } else { drawn(row, no) as u32 % 1_000_000 }),
        agree: if drawn(row, no + 99).is_multiple_of(10) { 0b1110_1110 } else { 0b1111_1110 },
        differ: if drawn(row, no + 99).is_multiple_of(10) { 0b0001_0000 } else { 0 },
        exported: 0b1110_1110,
        masked: 0,
        cells: 0b111_1111,
        canary: false,
    };
    let held = |row: u64| (0..2 * SYSTEMS).filter(move |no| *no < 2 || drawn(row, no / 2) % 10 < 8);
    let hit = |row: u64| HitRow {
        table: 0,
        row: row * (ROWS / KEPT),
        filled: 0b111_1111,
        candidates: held(row).map(|no| candidate(row, no)).collect(),
    };
    let system = |no: u64| SystemRecords {
        system: format!("system-{no}").parse().unwrap(),
        records: Vec::new(),
        canaries: 0,
        rows: ROWS,
        refs: Vec::new(),
    };
    let shown: Vec<Option<u8>> = (1..8).map(Some).collect();
    Finding {
        rows: ROWS,
        hit_rows: ROWS,
        sources: (0..2 * SYSTEMS).map(source).collect(),
        tables: vec![TableEvidence {
            no: 0,
            header: Some(COLUMNS[1..].iter().map(ToString::to_string).collect()),
            rows: ROWS,
            columns: (0..2 * SYSTEMS as u16).map(|no| (no, shown.clone())).collect(),
        }],
        hits: (0..KEPT).map(hit).collect(),
        systems: (0..SYSTEMS).map(system).collect(),
        ..Finding::default()
    }
}

fn of_a_million_rows(bench: &mut Criterion) {
    let finding = finding();
    let context = Context { today: jiff::civil::date(2026, 11, 21) };
    let mut group = bench.benchmark_group("attribution");
    group.sample_size(10);
    group.bench_function("1,000,000 rows, 30 systems, 60 exports", |b| {
        b.iter(|| {
            let facts = DocumentFacts { name: "d".into(), blake3: String::new(), bytes: 0, skipped: Vec::new() };
            black_box(attribute(black_box(&finding), facts, context))
        });
    });
    group.finish();
}

criterion_group!(benches, of_a_million_rows);
criterion_main!(benches);
