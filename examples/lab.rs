//! dev harness (not committed)
use std::path::Path;
use std::sync::Arc;
use vigie::fingerprint::{Catalogue, Countries, Key, Keyring, build};
use vigie::matching::{Matcher, Terms};
use vigie::model::*;
fn main() {
    let lab = std::env::args().nth(1).unwrap();
    let work = std::env::args().nth(2).unwrap();
    let only = std::env::args().nth(3);
    let key = Key::from_bytes([7; 32]);
    let mut list = vec![];
    let mut systems: Vec<_> = std::fs::read_dir(format!("{lab}/systems")).unwrap().map(|e| e.unwrap().path()).collect();
    systems.sort();
    let t0 = std::time::Instant::now();
    for folder in systems {
        let v: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("system.json")).unwrap()).unwrap();
        let w = Watchlist {
            id: v["id"].as_str().unwrap().parse().unwrap(),
            name: String::new(),
            owner: String::new(),
            contact: String::new(),
            severity: Severity::High,
            tlp: Tlp::Amber,
            canaries: v["canaries"].as_array().unwrap().iter().map(|c| c.as_str().unwrap().to_owned()).collect(),
            columns: v["columns"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| (c["header"].as_str().unwrap().to_owned(), c["kind"].as_str().unwrap().parse().unwrap()))
                .collect(),
        };
        let mut exports: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == "csv"))
            .collect();
        exports.sort();
        for export in exports {
            let snapshot = export.file_stem().unwrap().to_str().unwrap().to_owned();
            let dir = Path::new(&work).join(w.id.as_str());
            std::fs::create_dir_all(&dir).unwrap();
            let target = dir.join(format!("{snapshot}.vfi"));
            if !target.exists() {
                let r = build::build_file(
                    &export,
                    &target,
                    build::Build {
                        watchlist: &w,
                        snapshot: snapshot.parse().unwrap(),
                        key: &key,
                        countries: &Countries::default(),
                    },
                    &|_| {},
                )
                .unwrap();
                eprintln!(
                    "{} {} records {} bytes/record {}",
                    w.id,
                    snapshot,
                    r.records,
                    r.file_len as f64 / r.records as f64
                );
                for c in &r.columns {
                    if c.unread > 0 {
                        eprintln!("   unread {} {} of {}", c.header, c.unread, c.filled);
                    }
                }
            }
            list.push((w.id.clone(), target));
        }
    }
    let (catalogue, errors) = Catalogue::open(&list, &Keyring::new(key), Countries::default());
    eprintln!("opened {} errors {:?} {:?}", catalogue.indexes().len(), errors, t0.elapsed());
    let matcher = Matcher::new(Arc::new(catalogue), Arc::new(Terms::new(&[]).unwrap_or_else(|_| panic!())));
    let mut docs: Vec<_> = std::fs::read_dir(format!("{lab}/documents")).unwrap().map(|e| e.unwrap().path()).collect();
    docs.sort();
    let t1 = std::time::Instant::now();
    for doc in docs {
        let name = doc.file_name().unwrap().to_str().unwrap().to_owned();
        if only.as_ref().is_some_and(|o| *o != name) {
            continue;
        }
        let bytes = std::fs::read(&doc).unwrap();
        let mut scan = matcher.scan();
        let _ = vigie::extract::extract(
            vigie::extract::Input { name: &name, bytes: &bytes },
            &vigie::extract::Limits::default(),
            &mut scan,
        );
        let facts = vigie::attribute::DocumentFacts {
            name: name.clone(),
            blake3: String::new(),
            bytes: scan.bytes(),
            skipped: scan.skipped().to_vec(),
        };
        let finding = matcher.finish(scan, true).unwrap();
        if only.is_some() {
            let mut f = finding.clone();
            for s in &mut f.systems {
                s.records.clear();
                s.refs.truncate(3)
            }
            f.hits.truncate(12);
            eprintln!("{f:#?}");
        }
        let a = vigie::attribute::attribute(
            &finding,
            facts,
            vigie::attribute::Context { today: "2026-11-21".parse().unwrap() },
        );
        println!("{}", serde_json::to_string(&a.report).unwrap());
    }
    eprintln!("scan {:?}", t1.elapsed());
}
