//! Term watchlists from the command line to the verdict: added, tried on their examples, measured, matched, and changed under
//! the running service.

use std::fs;

use serde_json::Value;

use crate::kit::{World, errors, run};

const RULES: &str = r#"
private rule ours { strings: $host = "vpn.corp.example" nocase condition: $host }
rule profile_with_key { strings: $key = "PRIVATE KEY-----" condition: ours and $key }
"#;
const PROFILE: &str = "remote vpn.corp.example 1194\n-----BEGIN PRIVATE KEY-----\nbWFkZSB1cA==\n";

fn scan(world: &World, file: &str) -> Value {
    let (lists, key) = (world.text("watchlists"), world.text("vigie.key"));
    let output = run(&["scan", "--watchlists", &lists, "--key-file", &key, "--format", "jsonl", &world.text(file)]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A world with one term watchlist, as the command line makes it.
fn world_with_rules() -> World {
    let world = World::new();
    fs::write(world.path("configs.yar"), RULES).unwrap();
    let list = world.text("watchlists/projects");
    let added = run(&["watchlist", "add", &list, "--word", "blue heron", "--yara", &world.text("configs.yar")]);
    assert!(added.status.success(), "{}", errors(&added));
    assert!(errors(&added).contains("2 added"), "{}", errors(&added));
    world
}

#[test]
fn rules_are_added_tried_measured_and_named_in_what_they_find() {
    let world = world_with_rules();
    let (list, key) = (world.text("watchlists/projects"), world.text("vigie.key"));
    let check = || run(&["watchlist", "check", "--watchlists", &world.text("watchlists"), "--key-file", &key]);
    let file = world.path("watchlists/projects/terms.toml");
    let declared = fs::read_to_string(&file).unwrap();
    let example = "[[examples]]\ntext = \"vpn.corp.example and nothing else\"\nterms = [\"profile_with_key\"]\n";
    fs::write(&file, format!("{declared}{example}")).unwrap();
    let wrong = check();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(errors(&wrong).contains("example 1 is not matched by `profile_with_key`"), "{}", errors(&wrong));
    fs::write(&file, format!("{declared}{}", example.replace("nothing else", "a PRIVATE KEY-----"))).unwrap();
    let right = check();
    assert_eq!(right.status.code(), Some(0), "{}", errors(&right));
    let said = String::from_utf8(right.stdout).unwrap();
    assert!(said.starts_with("projects  1 word, 1 rule  ") && said.contains(" MB/s"), "{said}");

    fs::write(world.path("profile.txt"), PROFILE).unwrap();
    let report = scan(&world, "profile.txt");
    assert_eq!(report["verdict"], "term");
    let terms = serde_json::json!([{"watchlist": "projects", "term": "profile_with_key", "count": 1}]);
    assert_eq!((&report["terms"], &report["skipped"]), (&terms, &serde_json::json!([])));
    assert!(!report.to_string().contains("corp.example"), "{report}");

    // The same name with other rules is not overwritten, and faulty rules change nothing.
    fs::write(world.path("configs.yar"), "rule other { condition: true }").unwrap();
    assert_eq!(run(&["watchlist", "add", &list, "--yara", &world.text("configs.yar")]).status.code(), Some(2));
    fs::write(world.path("new.yar"), "\nrule broken { condition: }").unwrap();
    let refused = run(&["watchlist", "add", &list, "--yara", &world.text("new.yar")]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors(&refused).contains("new.yar:2: "), "{}", errors(&refused));
    assert!(!world.path("watchlists/projects/new.yar").exists());
}

#[test]
fn rules_see_a_large_document_in_parts_and_the_report_says_so() {
    let world = world_with_rules();
    let filler = "nothing of any interest stands on this line at all\n".repeat(85_000);
    fs::write(world.path("far.txt"), format!("vpn.corp.example\n{filler}PRIVATE KEY-----\n")).unwrap();
    fs::write(world.path("near.txt"), format!("{filler}{PROFILE}")).unwrap();
    for _ in 0..2 {
        let (far, near) = (scan(&world, "far.txt"), scan(&world, "near.txt"));
        assert_eq!((&far["verdict"], &near["verdict"]), (&"clear".into(), &"term".into()));
        for report in [far, near] {
            let skipped = report["skipped"].as_array().unwrap();
            assert_eq!((skipped.len(), &skipped[0]["reason"]), (1, &"too_large".into()), "{report}");
        }
    }
}

#[test]
fn rules_change_under_the_running_service_and_faulty_ones_leave_the_old_in_use() {
    let world = world_with_rules();
    world.configure("");
    let mut service = world.start();
    service.wait_for("service.ready", |_| true);
    world.drop_file("one.txt", PROFILE);
    service.wait_for("document.judged", |event| event["verdict"] == "term");
    let rules = world.path("watchlists/projects/configs.yar");
    fs::write(&rules, "rule broken { condition: }").unwrap();
    service.wait_for("watchlist.refused", |event| event["reason"].as_str().unwrap().contains("configs.yar:1"));
    world.drop_file("two.txt", &format!("again\n{PROFILE}"));
    service.wait_for("document.judged", |event| event["verdict"] == "term");
    fs::write(&rules, "rule heron { strings: $a = \"grey heron\" condition: $a }").unwrap();
    service.wait_for("service.reloaded", |event| event["what"] == "watchlists");
    world.drop_file("three.txt", &format!("once more\n{PROFILE}"));
    service.wait_for("document.judged", |event| event["verdict"] == "clear");
    world.drop_file("four.txt", "a grey heron\n");
    service.wait_for("document.judged", |event| event["verdict"] == "term");
    service.stop();
}
