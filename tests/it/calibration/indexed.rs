//! The long way: every export of a world built into an index file, every document written out and matched against them.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use vigie::fingerprint::build::{Build, build_reader};
use vigie::fingerprint::{Catalogue, Countries, Key, Keyring};
use vigie::matching::{Matcher, Terms};
use vigie::model::finding::Finding;
use vigie::model::{Batch, ContentSink, Layout, Pap, Severity, Shape, SystemId, Table, Tlp, Watchlist};

use super::documents::Document;
use super::people::text;
use super::world::{Cell, Snapshot, System, World};

fn shown(cell: Option<Cell>) -> String {
    cell.map_or(String::new(), |c| text(c.what, c.value, c.style, c.masked))
}

fn export(world: &World, system: &System, snapshot: &Snapshot) -> Vec<u8> {
    let mut lines = vec![system.columns.iter().map(|c| c.header.clone()).collect::<Vec<_>>().join(",")];
    for person in &snapshot.people {
        let cells = system.columns.iter().map(|c| shown(world.cell(system, c, *person, snapshot.day)));
        lines.push(cells.collect::<Vec<_>>().join(","));
    }
    lines.join("\n").into_bytes()
}

fn watchlist(system: &System) -> Watchlist {
    Watchlist {
        id: system.id.parse().unwrap(),
        name: system.id.clone(),
        owner: String::new(),
        contact: String::new(),
        severity: Severity::High,
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        canaries: Vec::new(),
        columns: system.columns.iter().map(|c| (c.header.clone(), c.what.kind())).collect(),
    }
}

/// Indexes of everything there is, opened.
pub fn matcher(world: &World, folder: &Path) -> Matcher {
    let key = Key::from_bytes([7; 32]);
    let countries = Countries::default();
    let mut indexes: Vec<(SystemId, std::path::PathBuf)> = Vec::new();
    for system in &world.systems {
        let watchlist = watchlist(system);
        for snapshot in &system.snapshots {
            let date = super::figures::date(snapshot.day);
            let target = folder.join(format!("{}-{date}.vfi", system.id));
            let build = Build { watchlist: &watchlist, snapshot: date, key: &key, countries: &countries };
            build_reader(Box::new(Cursor::new(export(world, system, snapshot))), &target, build, &|_| {}).unwrap();
            indexes.push((watchlist.id.clone(), target));
        }
    }
    let (catalogue, errors) = Catalogue::open(&indexes, &Keyring::new(key), countries);
    assert!(errors.is_empty(), "{errors:?}");
    Matcher::new(Arc::new(catalogue), Arc::new(Terms::new(&[]).unwrap_or_else(|e| panic!("{e:?}"))))
}

/// What matching finds in the document.
pub fn finding(matcher: &Matcher, document: &Document) -> Finding {
    let mut scan = matcher.scan();
    scan.table(Table { no: 0, shape: Shape::Delimited, member: String::new(), header: document.header.clone() });
    let mut batch = Batch::new(0, Layout::Rows);
    for row in &document.rows {
        row.cells.iter().for_each(|cell| batch.push_value(shown(*cell).as_bytes()));
        batch.end_row();
    }
    let _ = scan.batch(&mut batch);
    matcher.finish(scan, false).unwrap()
}
