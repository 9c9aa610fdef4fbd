//! What confinement costs: the way of a document to the worker and of its rows back, beside the same work done here.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vigie::confine::{Pool, Settings};
use vigie::extract::{Input, Limits, extract};
use vigie::model::{Batch, ContentSink, Flow, Skip, Table};

/// Looks at as little as a receiver can.
#[derive(Default)]
struct Count(usize);

impl ContentSink for Count {
    fn table(&mut self, _: Table) {}

    fn batch(&mut self, batch: &mut Batch) -> Flow {
        self.0 += batch.cells.len() + batch.text.len();
        Flow::Go
    }

    fn skipped(&mut self, _: Skip) {}

    fn read(&mut self, _: u64) {}
}

fn pool(workers: usize) -> Pool {
    let program = Some(PathBuf::from(env!("CARGO_BIN_EXE_vigie")));
    Pool::new(Settings { workers, program, ..Settings::default() }).expect("a worker starts")
}

fn confined(pool: &Pool, bytes: &[u8]) -> usize {
    let mut count = Count::default();
    let _ = pool.extract("document", bytes, &Limits::default(), &mut count).expect("a worker is there");
    count.0
}

fn here(bytes: &[u8]) -> usize {
    let mut count = Count::default();
    let _ = extract(Input { name: "document", bytes }, &Limits::default(), &mut count);
    count.0
}

/// Rows as a customer export has them.
fn rows(bytes: usize) -> Vec<u8> {
    let mut out = b"id;nom;prenom;mail;telephone;rue;code;ville\n".to_vec();
    let mut n = 0_u64;
    while out.len() < bytes {
        n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let (a, b, c) = (n % 1_000_003, n % 9973, n % 97);
        out.extend_from_slice(
            format!("C{a:07};Nom{b};Prenom{c};p{a}@example.com;06{a:08};{c} rue du Test;{b:05};Ville{c}\n").as_bytes(),
        );
    }
    out
}

fn small(c: &mut Criterion) {
    let document = rows(2_000);
    let mut group = c.benchmark_group("confine/document of 2 kB");
    group.throughput(Throughput::Elements(1)).sample_size(20).measurement_time(Duration::from_secs(3));
    group.bench_function("here", |b| b.iter(|| here(black_box(&document))));
    let one = pool(1);
    group.bench_function("one worker", |b| b.iter(|| confined(&one, black_box(&document))));
    let two = pool(2);
    group.bench_function("two workers", |b| {
        b.iter_custom(|iterations| {
            let begun = Instant::now();
            std::thread::scope(|scope| {
                for half in [iterations / 2, iterations - iterations / 2] {
                    let (two, document) = (&two, &document);
                    scope.spawn(move || {
                        (0..half).for_each(|_| {
                            black_box(confined(two, document));
                        })
                    });
                }
            });
            begun.elapsed()
        });
    });
    group.finish();
}

fn large(c: &mut Criterion) {
    let prose = b"nothing but words, one line after another, of no shape at all\n".repeat(128 << 10);
    let one = pool(1);
    for (name, document) in [("text", prose), ("rows", rows(8 << 20))] {
        let mut group = c.benchmark_group(format!("confine/8 MiB of {name}"));
        group.throughput(Throughput::Bytes(document.len() as u64)).sample_size(20);
        group.bench_function("here", |b| b.iter(|| here(black_box(&document))));
        group.bench_function("one worker", |b| b.iter(|| confined(&one, black_box(&document))));
        group.finish();
    }
}

fn start(c: &mut Criterion) {
    c.bench_function("confine/start of a worker", |b| b.iter(|| pool(1)));
}

criterion_group!(benches, small, large, start);
criterion_main!(benches);
