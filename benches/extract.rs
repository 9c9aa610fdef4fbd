//! Bytes a second on one core, by shape: reading alone, and reading with matching against an index of which one row in a
//! hundred is. Rows are those of `leaklab/bulk dump`, re-shaped.
//!
//!     cargo bench --bench extract
//!     VIGIE_RECORDS=10000000 cargo bench --bench extract -- matching
//!
//! `docs/benchmarks-extract.md` keeps the figures.

use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vigie::extract::{Input, Limits, extract};
use vigie::fingerprint::build::{Build, build_reader};
use vigie::fingerprint::{Catalogue, Countries, Key, Keyring};
use vigie::matching::{Matcher, Terms};
use vigie::model::{Batch, ContentSink, FieldKind, Flow, Pap, Severity, Skip, Table, Tlp, Watchlist};

/// Takes batches and looks at nothing.
struct Sink(u64);

impl ContentSink for Sink {
    fn table(&mut self, _: Table) {}
    fn batch(&mut self, batch: &mut Batch) -> Flow {
        self.0 += batch.cells.len() as u64 + batch.source as u64;
        Flow::Go
    }
    fn skipped(&mut self, skip: Skip) {
        panic!("nothing of this is skipped: {skip:?}");
    }
    fn read(&mut self, _: u64) {}
}

const ROWS: usize = 100_000;
/// One row in so many is of the index.
const OURS: u64 = 100;

const HEADER: [&str; 7] = ["nom", "prenom", "mail", "mobile", "naissance", "cp", "iban"];
const KINDS: [FieldKind; 7] = [
    FieldKind::LastName,
    FieldKind::FirstName,
    FieldKind::Email,
    FieldKind::Phone,
    FieldKind::BirthDate,
    FieldKind::Postcode,
    FieldKind::Iban,
];

fn draw(person: u64, stream: u64) -> u64 {
    let mut x = person.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

fn person(no: u64) -> [String; 7] {
    const LAST: [&str; 8] = ["Martin", "Bernard", "Lefèvre", "Petit", "Durand", "Moreau", "Le Gall", "Roux"];
    const FIRST: [&str; 8] = ["Camille", "Louis", "Zoé", "Jules", "Inès", "Hugo", "Jean-Marc", "Emma"];
    let (last, first) = (LAST[(draw(no, 1) % 8) as usize], FIRST[(draw(no, 2) % 8) as usize]);
    [
        last.to_owned(),
        first.to_owned(),
        format!("{}.{}{}@courriel.example", ["camille", "louis", "zoe"][(no % 3) as usize], no, draw(no, 3) % 100),
        format!("+336{:08}", draw(no, 4) % 100_000_000),
        format!("{}-{:02}-{:02}", 1940 + draw(no, 5) % 65, 1 + draw(no, 6) % 12, 1 + draw(no, 7) % 28),
        format!("{:05}", 1_000 + draw(no, 8) % 94_000),
        format!("FR76{:023}", draw(no, 9)),
    ]
}

/// Row `i` of a dump: one of ours among strangers.
fn row(i: usize) -> [String; 7] {
    let i = i as u64;
    person(if i.is_multiple_of(OURS) { i / OURS } else { 1 << 40 | i })
}

fn shapes() -> Vec<(&'static str, Vec<u8>)> {
    let lines = |line: &dyn Fn([String; 7]) -> String| (0..ROWS).map(|i| line(row(i))).collect::<String>().into_bytes();
    let header = HEADER.join(",") + "\n";
    let csv = [header.into_bytes(), lines(&|r| r.join(",") + "\n")].concat();
    let members =
        |r: &[String; 7]| -> Vec<String> { HEADER.iter().zip(r).map(|(h, v)| format!("\"{h}\": \"{v}\"")).collect() };
    let tuples: Vec<String> = (0..ROWS).map(|i| format!("('{}')", row(i).join("','"))).collect();
    let names = HEADER.join("`,`");
    vec![
        ("delimited", csv.clone()),
        ("quoted", lines(&|r| format!("\"{}\"\n", r.join("\",\"")))),
        ("json_lines", lines(&|r| format!("{{{}}}\n", members(&r).join(", ")))),
        (
            "insert",
            tuples
                .chunks(500)
                .map(|c| format!("INSERT INTO `clients` (`{names}`) VALUES {};\n", c.join(",")))
                .collect::<String>()
                .into_bytes(),
        ),
        ("one_insert", format!("INSERT INTO `clients` (`{names}`) VALUES {};\n", tuples.join(",")).into_bytes()),
        ("copy", {
            let rows: String = (0..ROWS).map(|i| row(i).join("\t") + "\n").collect();
            format!("COPY clients ({}) FROM stdin;\n{rows}\\.\n", HEADER.join(", ")).into_bytes()
        }),
        ("html_table", {
            let rows: String = (0..ROWS).map(|i| format!("<tr><td>{}</td></tr>\n", row(i).join("</td><td>"))).collect();
            format!("<html><table>{rows}</table></html>").into_bytes()
        }),
        (
            "key_value",
            lines(&|r| HEADER.iter().zip(&r).map(|(h, v)| format!("{h} : {v}\n")).collect::<String>() + "----------\n"),
        ),
        (
            "free_text",
            lines(&|r| {
                format!("{} connected from somewhere at {} and nothing else of any interest was seen\n", r[0], r[4])
            }),
        ),
        (
            "prose_with_addresses",
            lines(&|r| format!("then {} {} wrote from {} or called {} on it\n", r[1], r[0], r[2], r[3])),
        ),
        ("gzip_delimited", packed(&csv)),
        ("xlsx", workbook()),
        ("hostile_html", format!("<html>{}", "<ul><li>".repeat((4 << 20) / 8)).into_bytes()),
    ]
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

/// The XML of a sheet with values where they stand.
fn sheet() -> String {
    let rows: String = (0..ROWS / 4)
        .map(|i| {
            let cells: String = row(i).iter().map(|v| format!("<c t=\"inlineStr\"><is><t>{v}</t></is></c>")).collect();
            format!("<row>{cells}</row>")
        })
        .collect();
    format!(
        "<?xml version=\"1.0\"?><worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">\
         <sheetData>{rows}</sheetData></worksheet>"
    )
}

fn workbook() -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
    let parts = [
        (
            "[Content_Types].xml",
            format!(
                "<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"r1\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"a\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"r1\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", sheet()),
    ];
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An index of customers, in a folder that lives as long as it.
fn matcher(folder: &std::path::Path) -> Matcher {
    let records = std::env::var("VIGIE_RECORDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000_u64);
    let watchlist = Watchlist {
        id: "crm".parse().unwrap(),
        name: "crm".into(),
        owner: String::new(),
        contact: String::new(),
        severity: Severity::High,
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        canaries: Vec::new(),
        columns: HEADER.iter().map(|h| (*h).to_owned()).zip(KINDS).collect(),
    };
    let mut export = HEADER.join(",") + "\n";
    for no in 0..records {
        export += &(person(no).join(",") + "\n");
    }
    let (key, countries, target) = (Key::from_bytes([5; 32]), Countries::default(), folder.join("2026-06-01.vfi"));
    let build =
        Build { watchlist: &watchlist, snapshot: "2026-06-01".parse().unwrap(), key: &key, countries: &countries };
    build_reader(Box::new(std::io::Cursor::new(export.into_bytes())), &target, build, &|_| {}).unwrap();
    let (catalogue, errors) = Catalogue::open(&[(watchlist.id, target)], &Keyring::new(key), countries);
    assert!(errors.is_empty(), "{errors:?}");
    let terms = Terms::new(&[]).unwrap_or_else(|errors| panic!("{errors:?}"));
    Matcher::new(Arc::new(catalogue), Arc::new(terms))
}

/// What a shape's speed is counted in: a workbook's by the XML of its sheet, packed text by what comes out of it.
fn counted(name: &str, bytes: &[u8]) -> u64 {
    match name {
        "xlsx" => sheet().len() as u64,
        "gzip_delimited" => inflated(bytes),
        _ => bytes.len() as u64,
    }
}

fn inflated(bytes: &[u8]) -> u64 {
    let (mut decoder, mut buffer, mut all) = (flate2::bufread::GzDecoder::new(bytes), vec![0; 64 << 10], 0);
    while let Ok(n @ 1..) = decoder.read(&mut buffer) {
        all += n as u64;
    }
    all
}

fn limits() -> Limits {
    Limits { seconds: 600, nesting: 1 << 30, ..Limits::default() }
}

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("reading");
    group.sample_size(10);
    let limits = limits();
    for (name, bytes) in shapes() {
        group.throughput(Throughput::Bytes(counted(name, &bytes)));
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut sink = Sink(0);
                let _ = extract(Input { name: "bench", bytes: black_box(&bytes) }, &limits, &mut sink);
                sink.0
            });
        });
        if name == "delimited" {
            group.bench_function("line_ends", |b| b.iter(|| memchr::memchr_iter(b'\n', black_box(&bytes)).count()));
        }
        if name == "gzip_delimited" {
            group.bench_function("inflater_alone", |b| b.iter(|| inflated(black_box(&bytes))));
        }
    }
    group.finish();
}

fn with_matching(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path());
    let mut group = c.benchmark_group("matching");
    group.sample_size(10);
    let limits = limits();
    for (name, bytes) in shapes() {
        group.throughput(Throughput::Bytes(counted(name, &bytes)));
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut scan = matcher.scan();
                let _ = extract(Input { name: "bench", bytes: black_box(&bytes) }, &limits, &mut scan);
                scan.bytes()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reading, with_matching);
criterion_main!(benches);
