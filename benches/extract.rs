//! Reading alone, by shape: bytes a second on one core, against counting line ends in the same bytes.

use std::hint::black_box;
use std::io::Write;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vigie::extract::{Input, Limits, extract};
use vigie::model::{Batch, ContentSink, Flow, Skip, Table};

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

const ROWS: usize = 200_000;

fn row(i: usize) -> [String; 7] {
    let n = i * 7919;
    [
        ["Martin", "Bernard", "Lefèvre", "Petit"][i % 4].to_owned(),
        ["Camille", "Louis", "Zoé", "Jules"][(i / 4) % 4].to_owned(),
        format!("camille.martin{i}@mail.example"),
        format!("+336{:08}", n % 100_000_000),
        format!("19{:02}-{:02}-{:02}", i % 90 + 10, i % 12 + 1, i % 28 + 1),
        format!("{:05}", n % 95_000),
        format!("FR76{:023}", n),
    ]
}

const HEADER: [&str; 7] = ["nom", "prenom", "mail", "mobile", "naissance", "cp", "iban"];

fn shapes() -> Vec<(&'static str, Vec<u8>)> {
    let lines = |line: &dyn Fn([String; 7]) -> String| (0..ROWS).map(|i| line(row(i))).collect::<String>().into_bytes();
    let csv = lines(&|r| r.join(",") + "\n");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(&csv).unwrap();
    vec![
        ("delimited", csv),
        ("quoted", lines(&|r| format!("\"{}\"\n", r.join("\",\"")))),
        (
            "json_lines",
            lines(&|r| {
                let members: Vec<String> = HEADER.iter().zip(&r).map(|(h, v)| format!("\"{h}\": \"{v}\"")).collect();
                format!("{{{}}}\n", members.join(", "))
            }),
        ),
        ("insert", {
            let tuples: Vec<String> = (0..ROWS).map(|i| format!("('{}')", row(i).join("','"))).collect();
            tuples
                .chunks(500)
                .map(|c| format!("INSERT INTO `clients` (`{}`) VALUES {};\n", HEADER.join("`,`"), c.join(",")))
                .collect::<String>()
                .into_bytes()
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
        ("gzip_delimited", gz.finish().unwrap()),
        ("hostile_html", format!("<html>{}", "<ul><li>".repeat((4 << 20) / 8)).into_bytes()),
    ]
}

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("extract");
    group.sample_size(10);
    let limits = Limits { seconds: 600, nesting: 1 << 30, ..Limits::default() };
    for (name, bytes) in shapes() {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
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
    }
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
