//! Measures building and reading an index of a large export, and prints the figures that `docs/index-format.md` quotes.
//!
//!     bulk export 10000000 > export.csv
//!     VIGIE_EXPORT=export.csv cargo bench --bench index_report
//!
//! Without `VIGIE_EXPORT` a small export is made up, so that the bench cannot rot.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use vigie::fingerprint::build::{Build, build_file};
use vigie::fingerprint::{Catalogue, Countries, Hasher, Key, Keyring, Slot, SnapshotIndex, normalise};
use vigie::model::{FieldKind, Pap, Severity, Tlp, Watchlist};

const COLUMNS: [(&str, FieldKind); 8] = [
    ("ref", FieldKind::Ref),
    ("last_name", FieldKind::LastName),
    ("first_name", FieldKind::FirstName),
    ("email", FieldKind::Email),
    ("mobile", FieldKind::Phone),
    ("birth_date", FieldKind::BirthDate),
    ("postcode", FieldKind::Postcode),
    ("iban", FieldKind::Iban),
];

fn watchlist() -> Watchlist {
    Watchlist {
        id: "bulk".parse().expect("a valid name"),
        name: "bulk".into(),
        owner: "owner".into(),
        contact: "owner@example.com".into(),
        severity: Severity::Low,
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        canaries: Vec::new(),
        columns: COLUMNS.iter().map(|(h, k)| ((*h).to_owned(), *k)).collect(),
    }
}

fn made_up(folder: &Path) -> PathBuf {
    let mut text = COLUMNS.map(|c| c.0).join(",");
    text.push('\n');
    for i in 0..50_000u64 {
        let n = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let (mobile, day, place, account) = (n % 100_000_000, n % 28 + 1, n % 95_000 + 1_000, n % 100_000_000_000);
        let _ = writeln!(
            text,
            "C{i:010},Name{},Zoe,p{i}@example.com,+336{mobile:08},1980-07-{day:02},{place:05},FR763000600001{account:011}89",
            n % 999
        );
    }
    let path = folder.join("export.csv");
    std::fs::write(&path, text).expect("a writable temporary folder");
    path
}

/// Peak resident bytes of this process, as Linux tells.
fn peak_resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Processor seconds this process has used, in user and kernel mode. What a build costs even while others use the machine.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted behind the parenthesised name; hundredths of a second on every Linux.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace();
    fields.skip(11).take(2).filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn per(started: Instant, count: usize) -> f64 {
    started.elapsed().as_secs_f64() * 1e9 / count as f64
}

fn main() {
    let folder = match std::env::var_os("VIGIE_EXPORT").map(PathBuf::from) {
        Some(export) => {
            tempfile::tempdir_in(export.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
        }
        None => tempfile::tempdir(),
    }
    .expect("a temporary folder");
    let export = std::env::var_os("VIGIE_EXPORT").map_or_else(|| made_up(folder.path()), PathBuf::from);
    let (key, target) = (Key::from_bytes([1; 32]), folder.path().join("2026-08-01.vfi"));
    let watchlist = watchlist();
    let build = Build {
        watchlist: &watchlist,
        snapshot: jiff::civil::date(2026, 8, 1),
        key: &key,
        countries: &Countries::default(),
    };

    let started = Instant::now();
    let report =
        build_file(&export, &target, build, &|p| eprintln!("{:?} {:?}", p.stage, started.elapsed())).expect("a build");
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "build          {seconds:.2} s, {:.0} MB/s, {:.2} M records/s",
        report.bytes as f64 / 1e6 / seconds,
        report.records as f64 / 1e6 / seconds
    );
    println!("processor      {:.2} s for the build, all cores together", processor_seconds());
    println!(
        "size           {:.2} bytes a record ({} records)",
        report.file_len as f64 / report.records as f64,
        report.records
    );
    println!("peak memory    {} MB", peak_resident() / 1_000_000);

    let keys = Keyring::new(key);
    let started = Instant::now();
    let index = SnapshotIndex::open(&target, &keys).expect("an index");
    println!("open           {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    let started = Instant::now();
    index.verify().expect("a whole index");
    println!("verify all     {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    drop(index);

    let (catalogue, _) = Catalogue::open(&[(watchlist.id.clone(), target)], &keys, Countries::default());
    measure_probes(&catalogue);
    measure_values(&catalogue.hashers()[0]);
}

fn measure_probes(catalogue: &Catalogue) {
    let hasher = &catalogue.hashers()[0];
    let strangers: Vec<u64> =
        (0..4_000_000u64).map(|i| hasher.fingerprint(FieldKind::Text, &i.to_le_bytes())).collect();
    let mut hits = Vec::new();
    for _ in 0..4 {
        // The first round checks the blocks.
        hits.clear();
        let started = Instant::now();
        for batch in strangers.chunks(256) {
            catalogue.probe(batch, &mut hits);
        }
        println!("probe, batched {:.1} ns a miss", per(started, strangers.len()));
    }
    println!("false hits     {:.3} %", hits.len() as f64 * 100.0 / strangers.len() as f64);
    let started = Instant::now();
    let maybe = strangers.iter().filter(|fp| catalogue.might_contain(**fp)).count();
    println!("probe, single  {:.1} ns a miss", per(started, strangers.len()));
    black_box(maybe);
    let index = &catalogue.indexes()[0];
    let mut slots = Vec::new();
    for _ in 0..2 {
        let started = Instant::now();
        let found: usize = strangers[..500_000].iter().map(|fp| index.lookup(*fp, &mut slots).unwrap_or(0)).sum();
        println!("look-up        {:.1} ns a miss ({found} found)", per(started, 500_000));
    }
    let slots: Vec<Slot> = (0..500_000u64).map(|i| Slot((i * 7_919 % u64::from(index.records())) as u32)).collect();
    let started = Instant::now();
    let filled = slots.iter().filter(|s| index.tags(**s).is_ok_and(|t| t.is_filled(3))).count();
    println!("tags           {:.1} ns a record", per(started, slots.len()));
    let mut refs = index.refs();
    let started = Instant::now();
    let named = slots[..100_000].iter().filter(|s| refs.ref_of(**s).is_ok_and(|r| r.is_some())).count();
    println!("ref            {:.0} ns a record, in no order", per(started, 100_000));
    black_box((filled, named));
}

fn measure_values(hasher: &Hasher) {
    let countries = Countries::default();
    let values = [
        (FieldKind::Email, "jeanne.martin1234@courriel.example"),
        (FieldKind::Phone, "+33612345678"),
        (FieldKind::Phone, "06 12 34 56 78"),
        (FieldKind::LastName, "Lefebvre"),
        (FieldKind::LastName, "Lefèvre"),
        (FieldKind::FullName, "Jean-Marc Petit"),
        (FieldKind::BirthDate, "1986-07-15"),
        (FieldKind::BirthDate, "15/07/1986"),
        (FieldKind::Postcode, "75011"),
        (FieldKind::Iban, "FR7630006000011234567890189"),
        (FieldKind::Ref, "CRM922278215"),
        (FieldKind::StreetAddress, "12 avenue de la République"),
    ];
    let (mut out, rounds) = (Vec::new(), 200_000);
    for (kind, raw) in values {
        let started = Instant::now();
        for _ in 0..rounds {
            black_box(normalise(kind, black_box(raw.as_bytes()), &countries, &mut out));
        }
        let form = per(started, rounds);
        let started = Instant::now();
        for _ in 0..rounds {
            black_box(hasher.fingerprint(kind, black_box(&out)));
        }
        println!("{:<14} {form:.0} ns to normalise, {:.0} ns to hash", kind.name(), per(started, rounds));
    }
}
