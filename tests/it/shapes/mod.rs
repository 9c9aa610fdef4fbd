//! Every dump, however it is shaped: forty customers of two hundred are leaked in each of the shapes below, and all of
//! them are found, with their fields together; the same shape with strangers in it finds nobody.

mod encoded;
mod exports;
mod files;
mod literals;
mod markup;
mod others;
mod people;
mod prose;
mod sql;
mod tables;
mod wrapped;

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use vigie::fingerprint::Key;

use crate::kit::{World, errors, run};
use people::{COLUMNS, Person, people};

/// One way to write people down.
struct Shape {
    name: &'static str,
    /// Kinds that a finding must name: what the shape shows beside the names.
    fields: &'static str,
    write: fn(&[Person]) -> Vec<u8>,
}

/// What most shapes show.
const ALL: &str = "email phone last_name first_name birth_date city";

/// A shape that is text.
macro_rules! shape {
    ($name:ident, $fields:expr, $write:expr) => {
        crate::shapes::Shape {
            name: stringify!($name),
            fields: $fields,
            write: |people| {
                let write: fn(&[crate::shapes::Person]) -> String = $write;
                write(people).into_bytes()
            },
        }
    };
}
use shape;

/// One text for each person, one after another.
fn each(people: &[Person], write: impl Fn(&Person) -> String) -> String {
    people.iter().map(write).collect()
}

fn world(key: u8) -> World {
    let world = World::new();
    fs::remove_file(world.path("vigie.key")).unwrap();
    Key::from_bytes([key; 32]).save(&world.path("vigie.key")).unwrap();
    let making = world.path("watchlists").join("crm");
    fs::create_dir_all(&making).unwrap();
    let kinds = ["last_name", "first_name", "email", "phone", "birth_date", "street_address", "postcode", "city"];
    let mut declared = String::from("id = \"crm\"\nseverity = \"high\"\n[columns]\nid = \"ref\"\n");
    for (column, kind) in COLUMNS.iter().zip(kinds) {
        declared.push_str(&format!("{column} = \"{kind}\"\n"));
    }
    fs::write(making.join("watchlist.toml"), declared).unwrap();
    let mut export = format!("id;{}\n", COLUMNS.join(";"));
    for person in people(200, 1) {
        export.push_str(&format!("{};{}\n", person.id, person.values().join(";")));
    }
    fs::write(world.path("export.csv"), export).unwrap();
    let (folder, key, export) =
        (making.to_str().unwrap().to_owned(), world.text("vigie.key"), world.text("export.csv"));
    let built = run(&["watchlist", "build", &folder, "--snapshot", "2026-08-01", "--key-file", &key, &export]);
    assert!(built.status.success(), "{}", errors(&built));
    world
}

/// Writes every shape with `people`, scans all of them, and gives the findings by shape.
fn findings(world: &World, shapes: &[Shape], people: &[Person]) -> BTreeMap<String, Value> {
    let folder = world.path(&format!("dump-{}", people[0].id));
    fs::create_dir_all(&folder).unwrap();
    for shape in shapes {
        fs::write(folder.join(shape.name), (shape.write)(people)).unwrap();
    }
    let (watchlists, key) = (world.text("watchlists"), world.text("vigie.key"));
    let output =
        run(&["scan", "--watchlists", &watchlists, "--key-file", &key, "--format", "jsonl", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{}", errors(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    let parsed = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let name = |finding: &Value| finding["document"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    parsed.map(|finding| (name(&finding), finding)).collect()
}

/// What is wrong with a finding of forty customers.
fn lost(shape: &Shape, finding: &Value) -> Option<String> {
    let attribution = &finding["attribution"][0];
    let records = attribution["records"].as_u64().unwrap_or(0);
    let named: Vec<&str> = attribution["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let missing: Vec<&str> = shape.fields.split(' ').filter(|field| !named.contains(field)).collect();
    let wrong = records != 40 || !missing.is_empty() || finding["verdict"] != "leak";
    wrong.then(|| {
        format!(
            "{}: {} records of 40, verdict {}, rows {}, not seen: {missing:?}, skipped: {}",
            shape.name, records, finding["verdict"], finding["rows"], finding["skipped"]
        )
    })
}

/// Holds the promise for a family of shapes.
fn check(shapes: &[Shape]) {
    check_under(1, shapes);
}

/// The same under one key of many: tags are short, and which of them fall together is up to the key.
fn check_under(key: u8, shapes: &[Shape]) {
    let world = world(key);
    let customers: Vec<Person> = people(200, 1).into_iter().skip(20).step_by(4).take(40).collect();
    let found = findings(&world, shapes, &customers);
    let mut wrong: Vec<String> = shapes
        .iter()
        .filter_map(|shape| match found.get(shape.name) {
            Some(finding) => lost(shape, finding),
            None => Some(format!("{}: no finding at all", shape.name)),
        })
        .collect();
    for (name, finding) in findings(&world, shapes, &people(40, 77)) {
        let invented = finding["attribution"].as_array().is_some_and(|list| list.iter().any(|a| a["records"] != 0));
        if invented || finding["verdict"] != "clear" {
            wrong.push(format!("{name}: strangers taken for customers: {finding}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), shapes.len(), wrong.join("\n"));
}

#[test]
fn lists_and_cards_in_prose() {
    check(prose::SHAPES);
}

#[test]
fn tables_as_consoles_wikis_and_mail_draw_them() {
    check(tables::SHAPES);
}

#[test]
fn encoded_blobs() {
    check(encoded::SHAPES);
}

#[test]
fn nested_data_and_literals_of_languages() {
    check(literals::SHAPES);
}

#[test]
fn dumps_of_databases() {
    check(sql::SHAPES);
}

#[test]
fn markup_directories_and_address_books() {
    check(markup::SHAPES);
}

#[test]
fn files_of_programs() {
    check(files::SHAPES);
}

#[test]
fn what_programs_export_and_log() {
    check(exports::SHAPES);
}

#[test]
fn people_beside_identifiers_of_others() {
    check(others::SHAPES);
}

#[test]
fn dumps_within_something_else() {
    check(wrapped::SHAPES);
}

#[test]
#[ignore = "slow: `just shapes`"]
fn every_shape_under_many_keys() {
    for key in 2..=30 {
        for shapes in [
            prose::SHAPES,
            tables::SHAPES,
            encoded::SHAPES,
            literals::SHAPES,
            sql::SHAPES,
            markup::SHAPES,
            files::SHAPES,
            exports::SHAPES,
            others::SHAPES,
            wrapped::SHAPES,
        ] {
            check_under(key, shapes);
        }
    }
}
