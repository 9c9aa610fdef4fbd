//! The audit log of the whole program: who looked at what is recorded, and whoever edits the record is found out.

use std::fs;

use serde_json::Value;
use vigie::audit::{Action, Trail};

use crate::kit::{World, customer, dump, errors, run};

struct Log(World);

impl Log {
    fn cli(&self, arguments: &[&str]) -> (i32, String, String) {
        let config = self.0.text("vigie.toml");
        let output = run(&[arguments, &["--config", &config]].concat());
        (output.status.code().unwrap(), String::from_utf8(output.stdout.clone()).unwrap(), errors(&output))
    }

    fn entries(&self) -> Vec<Value> {
        let (code, out, err) = self.cli(&["audit", "list", "--json", "--limit", "1000"]);
        assert_eq!(code, 0, "{err}");
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn actions(&self) -> Vec<String> {
        self.entries().iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    }

    /// Edits the file behind the back of its triggers.
    fn edit(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.0.path("state/audit.db")).unwrap();
        connection
            .execute_batch(&format!(
                "DROP TRIGGER IF EXISTS entry_is_not_changed; DROP TRIGGER IF EXISTS entry_is_not_deleted; {sql}"
            ))
            .unwrap();
    }
}

#[test]
fn who_looked_and_what_changed_is_recorded_and_an_edited_record_is_found() {
    let log = Log(World::new());
    let world = &log.0;
    world.system("crm", 100);
    world.configure("");
    let mut service = world.start();
    let started = service.wait_for("audit.checkpoint", |_| true);
    service.wait_for("service.ready", |_| true);
    world.drop_file("leak.csv", &dump("crm", 0..40));
    let alert = service.wait_for("alert.raised", |_| true)["alert"].as_str().unwrap().to_owned();

    world.system("portal", 50);
    service.wait_for("service.reloaded", |event| event["what"] == "watchlists");
    crate::kit::until("the watchlist is recorded", || log.actions().contains(&"watchlists.changed".to_owned()));
    fs::write(world.path("vigie.toml"), fs::read_to_string(world.path("vigie.toml")).unwrap() + "# changed\n").unwrap();
    crate::kit::until("the change is recorded", || log.actions().contains(&"config.changed".to_owned()));
    assert_eq!(log.cli(&["alerts", "list"]).0, 0);
    assert_eq!(log.cli(&["alerts", "show", &alert]).0, 0);
    assert_eq!(log.cli(&["alerts", "ack", &alert]).0, 0);
    assert_eq!(log.cli(&["evidence", "list"]).0, 0);
    service.stop();

    let entries = log.entries();
    let of = |action: &str| entries.iter().filter(|e| e["action"] == action).collect::<Vec<_>>();
    assert_eq!(of("service.started")[0]["actor"], "service");
    let added = of("watchlists.changed")[0]["detail"]["added"].as_str().unwrap().to_owned();
    assert!(added.contains("portal/2026-08-01.vfi") && !added.contains("crm/"), "{added}");
    assert_eq!(of("config.changed")[0]["detail"]["altered"], "vigie.toml");
    assert_eq!((of("alert.shown")[0]["subject"].as_str(), of("alert.changed").len()), (Some(&*alert), 1));
    assert!(of("alert.shown")[0]["actor"].as_str().unwrap().starts_with("uid "));
    assert_eq!((of("alerts.listed").len(), of("evidence.listed").len(), of("service.stopped").len()), (1, 1, 1));

    let (code, out, err) = log.cli(&["audit", "verify"]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    let anchor = format!("{}:{}", started["seq"], started["hash"].as_str().unwrap());
    assert_eq!(log.cli(&["audit", "verify", "--anchor", &anchor]).0, 0);
    assert_eq!(log.cli(&["audit", "verify", "--anchor", &format!("1:{}", "0".repeat(64))]).0, 3);
    assert_eq!(log.cli(&["audit", "verify", "--anchor", "1"]).0, 2);

    let shown = of("alert.shown")[0]["seq"].as_u64().unwrap();
    log.edit(&format!("UPDATE entry SET entry = replace(entry, 'uid', 'gid') WHERE seq = {shown}"));
    let (code, out, _) = log.cli(&["audit", "verify"]);
    assert_eq!((code, out.trim()), (3, &*format!("entry {shown} is altered: its hash is not the one kept beside it")));
    log.edit(&format!("DELETE FROM entry WHERE seq = {shown}"));
    let (code, out, _) = log.cli(&["audit", "verify"]);
    assert!(code == 3 && out.contains(&format!("entries {shown} to {shown} are missing")), "{out}");
}

#[test]
fn look_ups_by_hand_are_recorded_without_their_values_and_end_after_a_hundred() {
    let log = Log(World::new());
    let world = &log.0;
    world.system("crm", 60);
    world.configure("");
    fs::create_dir(world.path("state")).unwrap();
    let (lists, key, config) = (world.text("watchlists"), world.text("vigie.key"), world.text("vigie.toml"));
    let value = customer("crm", 7)[1].clone();
    let explain = || {
        let arguments =
            ["watchlist", "explain", &value, "--watchlists", &lists, "--key-file", &key, "--config", &config];
        run(&arguments)
    };
    let first = explain();
    assert_eq!(first.status.code(), Some(0), "{}", errors(&first));
    let entries = log.entries();
    let asked: Vec<_> = entries.iter().filter(|e| e["action"] == "value.explained").collect();
    assert_eq!((asked.len(), asked[0]["detail"]["answer"].as_str()), (1, Some("answered")));
    for entry in fs::read_dir(world.path("state")).unwrap().flatten().filter(|e| e.path().is_file()) {
        let bytes = fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(value.len()).any(|window| window == value.as_bytes()), "{:?}", entry.path());
    }
    // As if the same user had asked all day.
    let trail = Trail::open(&world.path("state/audit.db"), asked[0]["actor"].as_str().unwrap()).unwrap();
    for _ in 0..99 {
        trail.record(Action::ValueExplained, "", &[]).unwrap();
    }
    let refused = explain();
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(3), 0), "{}", errors(&refused));
    let last = log.entries().into_iter().rev().find(|e| e["action"] == "value.explained").unwrap();
    assert_eq!(last["detail"]["answer"], "refused");

    fs::write(world.path("leak.csv"), dump("crm", 0..20)).unwrap();
    let file = world.text("leak.csv");
    let scan = ["scan", "--watchlists", &lists, "--key-file", &key, "--refs", "--config", &config, &file];
    assert_eq!(run(&scan).status.code(), Some(0));
    assert_eq!(log.actions().iter().filter(|action| *action == "refs.shown").count(), 1);
}
