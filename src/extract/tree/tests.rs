//! Nested values read back as rows.

use proptest::prelude::*;

use crate::extract::testing::{Kept, read};

const MARTIN: &str = r#"{"nom": "Martin", "mail": "a@mail.example", "age": 31}"#;
const PETIT: &str = r#"{"nom": "Petit", "ville": "Quimper", "mail": "b@mail.example"}"#;

fn rows(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let kept = read(text.as_bytes());
    let header = kept.tables.iter().rev().find_map(|t| t.header.clone()).unwrap_or_default();
    (header, kept.rows.into_iter().map(|(_, row)| row).collect())
}

#[test]
fn arrays_lines_and_objects_in_a_row_give_the_same_table() {
    for text in [
        format!("[{MARTIN},{PETIT}]"),
        format!("{MARTIN}\n{PETIT}\n"),
        format!("{MARTIN}{PETIT}"),
        format!("[\n  {MARTIN},\n  {PETIT}\n]\n"),
        format!("{{\"status\": \"ok\", \"data\": {{\"users\": [{MARTIN}, {PETIT}]}}}}"),
    ] {
        let (header, rows) = rows(&text);
        let header: Vec<&str> = header.iter().map(String::as_str).filter(|name| *name != "status").collect();
        assert_eq!(header, ["nom", "mail", "age", "ville"], "{text}");
        let found: Vec<Vec<&str>> = rows
            .iter()
            .map(|r| r.iter().map(String::as_str).filter(|c| !c.is_empty()).collect())
            .filter(|r| *r != ["ok"])
            .collect();
        assert_eq!(found, [["Martin", "a@mail.example", "31"], ["Petit", "b@mail.example", "Quimper"]], "{text}");
    }
}

#[test]
fn nested_objects_belong_to_their_record() {
    let text = r#"[{"id": 1, "adresse": {"ville": "Brest", "cp": "29200"}, "tel": ["0612345678", "0298000000"], "vide": null},
                   {"id": 2, "adresse": {"ville": "Rennes"}}]"#;
    let (header, rows) = rows(text);
    assert_eq!(header, ["id", "adresse.ville", "adresse.cp", "tel", "tel.1", "vide"]);
    assert_eq!(rows, [vec!["1", "Brest", "29200", "0612345678", "0298000000"], vec!["2", "Rennes"]]);
}

#[test]
fn records_under_labels_and_lists_within_records_are_rows() {
    let (header, found) =
        rows(r#"{"17": {"nom": "Martin", "mail": "a@x.example"}, "18": {"nom": "Petit", "mail": "b@x.example"}}"#);
    assert_eq!(header, ["", "nom", "mail"]);
    assert_eq!(found, [["17", "Martin", "a@x.example"], ["18", "Petit", "b@x.example"]]);
    let employees = r#"{"societe": "Chandelle", "siren": "123456789", "salaries": [
        {"nom": "Martin", "mail": "a@x.example", "tel": "0612345678"}, {"nom": "Petit", "mail": "b@x.example", "tel": "0612345679"}]}"#;
    let (_, found) = rows(employees);
    assert_eq!(found.len(), 3);
    assert!(found[1].contains(&"Martin".to_owned()) && found[1].contains(&"0612345678".to_owned()));
    let details = r#"{"nom": "Martin", "mails": [{"type": "home", "value": "a@x.example"}, {"type": "work", "value": "b@x.example"}]}"#;
    let (_, found) = rows(details);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains(&"b@x.example".to_owned()));
}

#[test]
fn arrays_of_values_are_rows_too() {
    let (_, found) =
        rows(r#"[["Martin", "a@x.example", 31], ["Petit", "b@x.example", null], ["Roux", "c@x.example", 7]]"#);
    assert_eq!(
        found,
        [vec!["Martin", "a@x.example", "31"], vec!["Petit", "b@x.example", ""], vec!["Roux", "c@x.example", "7"]]
    );
}

#[test]
fn escapes_are_resolved() {
    let (_, found) = rows(r#"[{"a": "L\u00e9a \ud83d\ude00 \"x\" \\ \/ \ud800 fin", "m": "l@x.example"}]"#);
    assert_eq!(found, [["Léa 😀 \"x\" \\ / \u{fffd} fin", "l@x.example"]]);
}

#[test]
fn literals_of_languages_are_read() {
    for text in [
        "users = [{'nom': 'Martin', 'mail': u'a@x.example', 'age': None}, {'nom': 'Petit', 'mail': 'b@x.example'},]\n",
        "const users = [{nom: 'Martin', mail: 'a@x.example'}, // first\n  {nom: 'Petit', mail: \"b@x.example\"}];\n",
        "$users = array(array('nom' => 'Martin', 'mail' => 'a@x.example'), array('nom' => 'Petit', 'mail' => 'b@x.example'));\n",
        "return [\n  ['nom' => 'Martin', 'mail' => 'a@x.example'],\n  ['nom' => 'Petit', 'mail' => 'b@x.example'],\n];\n",
        "users = [{:nom => 'Martin', :mail => 'a@x.example'}, {:nom => 'Petit', :mail => 'b@x.example'}]\n",
        "{\"_id\": ObjectId(\"5f0\"), \"nom\": \"Martin\", \"mail\": \"a@x.example\"}\n{\"_id\": ObjectId(\"5f1\"), \"nom\": \"Petit\", \"mail\": \"b@x.example\"}\n",
    ] {
        let kept: Kept = read(text.as_bytes());
        let found: Vec<Vec<&str>> = kept
            .cells()
            .iter()
            .map(|r| r.iter().copied().filter(|c| !c.is_empty() && !c.starts_with("5f")).collect())
            .collect();
        assert_eq!(found, [["Martin", "a@x.example"], ["Petit", "b@x.example"]], "{text}");
    }
}

#[test]
fn what_only_begins_like_a_literal_is_text() {
    for text in [
        "[b]Fresh[/b] base\n",
        "[section]\nkey\n",
        "{ return x; }\n",
        "[2026-01-01 10:00] connexion\n",
        "{not json at all\n",
    ] {
        let kept = read(text.as_bytes());
        assert!(kept.rows.is_empty(), "{text}: {:?}", kept.rows);
        assert_eq!(kept.text.trim(), text.trim());
    }
}

#[test]
fn a_literal_that_breaks_off_keeps_its_records_and_the_rest() {
    let text = format!("[{MARTIN},{PETIT},{{\"nom\": \"Roux\", \"mail\": \"c@mail.example\", \"v");
    let kept = read(text.as_bytes());
    assert!(kept.holds("a@mail.example") && kept.holds("b@mail.example") && kept.holds("c@mail.example"));
}

#[test]
fn nesting_is_limited_and_recorded() {
    let text = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(text.as_bytes()).reasons().contains(&crate::model::SkipReason::Nesting));
    let text = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert!(read(text.as_bytes()).reasons().contains(&crate::model::SkipReason::Nesting));
}

#[test]
fn large_envelopes_are_handed_on_in_parts() {
    let users: Vec<String> =
        (0..40_000).map(|i| format!(r#"{{"id": {i}, "mail": "u{i}@x.example", "tags": [{{"a": 1}}]}}"#)).collect();
    let text = format!(r#"{{"total": 40000, "page": {{"users": [{}]}}}}"#, users.join(","));
    let kept = read(text.as_bytes());
    let mails = kept.rows.iter().filter(|(_, row)| row.iter().any(|c| c.ends_with("@x.example"))).count();
    assert_eq!(mails, 40_000);
}

fn leaves(value: &serde_json::Value, to: &mut Vec<String>) {
    match value {
        serde_json::Value::Null => {}
        serde_json::Value::Bool(b) => to.push(b.to_string()),
        serde_json::Value::Number(n) => to.push(n.to_string()),
        serde_json::Value::String(s) => to.push(s.clone()),
        serde_json::Value::Array(a) => a.iter().for_each(|v| leaves(v, to)),
        serde_json::Value::Object(o) => o.values().for_each(|v| leaves(v, to)),
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<i32>().prop_map(Into::into),
        "[ -~éà\\n\"\\\\]{1,12}".prop_map(serde_json::Value::from),
        "[a-z]{1,6}@[a-z]{1,6}\\.example".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inner, 1..5)
                .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever is nested how: every value comes out once, and nothing else does.
    #[test]
    fn every_leaf_comes_out_once(records in prop::collection::vec(prop::collection::btree_map("[a-z]{1,6}", json(), 1..5), 1..6), pretty: bool) {
        let value = serde_json::Value::Array(
            records.into_iter().map(|m| serde_json::Value::Object(m.into_iter().collect())).collect());
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let mut expected = Vec::new();
        leaves(&value, &mut expected);
        let kept = read(text.as_bytes());
        let mut labels: Vec<String> = Vec::new();
        let mut found: Vec<String> = kept.rows.into_iter().flat_map(|(_, row)| row).filter(|c| !c.is_empty()).collect();
        expected.sort();
        found.sort();
        // Keys of lists with labels come out as values too.
        for cell in &found {
            if expected.binary_search(cell).is_err() {
                labels.push(cell.clone());
            }
        }
        prop_assert!(labels.iter().all(|l| l.len() <= 6 && l.bytes().all(|b| b.is_ascii_lowercase())), "{:?} in {}", labels, text);
        found.retain(|cell| expected.binary_search(cell).is_ok());
        let mut distinct = expected.clone();
        distinct.dedup();
        for value in distinct {
            prop_assert!(found.iter().filter(|f| **f == value).count() >= expected.iter().filter(|e| **e == value).count(), "{} in {}", value, text);
        }
        prop_assert!(kept.text.trim().is_empty());
    }
}
