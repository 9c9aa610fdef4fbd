//! What is told once stays the same object, what changes is a later version, and no server's answer is taken on trust.

use std::path::Path;

use serde_json::Value;

use super::*;
use crate::alert::channels::contract::{check, check_repetition, hostile_alert};
use crate::alert::settings::Clearance;
use crate::model::{AlertState, Change, Pap, Tlp};

fn notice(revision: u32, change: Change) -> Notice {
    let mut alert = hostile_alert("x");
    alert.revision = revision;
    if change == Change::Closed {
        alert.state = AlertState::Closed;
    }
    Notice::new(alert, change, None, Clearance::ALL)
}

fn channel(folder: &Path) -> StixChannel {
    StixChannel::new(&RawSettings { folder: folder.into() }.validate(Path::new("/")).unwrap()).unwrap()
}

fn of<'o>(objects: &'o [Value], kind: &str) -> &'o Value {
    objects.iter().find(|object| object["type"] == kind).unwrap()
}

#[tokio::test]
async fn a_bundle_is_replaced_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let channel = channel(dir.path());
    check(&channel);
    check_repetition(&channel).await;
    for (revision, change) in [(1, Change::Raised), (2, Change::Closed)] {
        channel.deliver(&notice(revision, change)).await.unwrap();
    }
    let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, [format!("{}.json", notice(1, Change::Raised).alert.id).as_str()]);
    let bundle: Value = serde_json::from_slice(&std::fs::read(dir.path().join(&files[0])).unwrap()).unwrap();
    let labels = of(bundle["objects"].as_array().unwrap(), "report")["labels"].to_string();
    assert!(labels.contains("state:closed"), "{labels}");
}

#[test]
fn a_folder_that_is_not_there_is_said_at_the_start() {
    let settings = RawSettings { folder: "/nowhere/at/all".into() }.validate(Path::new("/")).unwrap();
    assert!(matches!(StixChannel::new(&settings), Err(SetupError::Open { .. })));
    assert_eq!(RawSettings::default().validate(Path::new("/")).unwrap_err()[0].setting, "folder");
}

#[test]
fn a_revision_is_a_later_version_of_the_same_objects() {
    let (first, second) = (objects::of(&notice(1, Change::Raised)), objects::of(&notice(2, Change::Updated)));
    let ids = |objects: &[Value]| objects.iter().map(|o| o["id"].to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ids(&second));
    for kind in ["report", "incident", "note"] {
        let (before, after) = (of(&first, kind), of(&second, kind));
        assert_eq!(before["created"], after["created"]);
        assert!(before["modified"].as_str() < after["modified"].as_str(), "{kind}");
    }
    assert_eq!(of(&first, "observed-data"), of(&second, "observed-data"), "seen is seen");
}

/// The specification's own derivation, with ids computed by the reference library.
#[test]
fn ids_of_observables_follow_from_their_content() {
    let mut alert = hostile_alert("x");
    alert.documents[0].url = "https://paste.example/Ab3dE".into();
    let objects = objects::of(&Notice::new(alert, Change::Raised, None, Clearance::ALL));
    assert_eq!(of(&objects, "url")["id"], "url--a9db94ac-926c-5b79-86f3-f99ddeb4b20b");
}

#[test]
fn above_its_clearance_a_report_names_nobody() {
    let mut alert = hostile_alert("x");
    alert.tlp = Tlp::Red;
    let withheld = Notice::new(alert, Change::Raised, None, Clearance { tlp: Tlp::Amber, pap: Pap::Red });
    let kinds: Vec<_> = objects::of(&withheld).iter().map(|o| o["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["marking-definition", "identity", "incident", "report"]);
}

#[test]
fn a_collection_has_an_address_of_its_form() {
    let check = |collection: &str| {
        let toml = format!("collection = '{collection}'\nuser = 'vigie'\npassword = {{ file = 'p' }}");
        toml::from_str::<taxii::RawSettings>(&toml).unwrap().validate(Path::new("/")).is_ok()
    };
    assert!(check("https://taxii.example/api1/collections/365fed99/"));
    assert!(check("https://taxii.example/api1/collections/365fed99"));
    for bad in ["https://taxii.example/api1/", "https://taxii.example/collections/", "ftp://x/collections/1", "x"] {
        assert!(!check(bad), "{bad}");
    }
    let problems = taxii::RawSettings::default().validate(Path::new("/")).unwrap_err();
    let names: Vec<_> = problems.iter().map(|p| p.setting.as_str()).collect();
    assert_eq!(names, ["collection", "user", "password"]);
}
