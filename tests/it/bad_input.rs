//! Wrong input gets a clear error with file, line and a hint, and never costs what was accepted or what is sound.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::Value;

use crate::kit::receiver::Hooks;
use crate::kit::{Service, World, dump, errors, run, until, vigie};

/// Scans with the world's watchlists; exit code, reports, standard error.
fn scan(world: &World, key: &str, paths: &[String]) -> (i32, Vec<Value>, String) {
    let mut command = vigie();
    command.args(["scan", "--format", "jsonl", "--watchlists", &world.text("watchlists"), "--key-file", key]);
    let output = command.args(paths).stdin(Stdio::null()).output().unwrap();
    let reports = String::from_utf8_lossy(&output.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    (output.status.code().unwrap(), reports, errors(&output))
}

#[test]
fn a_broken_index_is_refused_by_name_and_the_others_are_used() {
    let world = World::new();
    world.system("crm", 60);
    world.system("portal", 60);
    let index = world.path("watchlists/portal/2026-08-01.vfi");
    let mut bytes = fs::read(&index).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&index, bytes).unwrap();
    fs::write(world.path("crm.csv"), dump("crm", 0..40)).unwrap();
    let (code, reports, said) = scan(&world, &world.text("vigie.key"), &[world.text("crm.csv")]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("portal/2026-08-01.vfi") && said.contains("bytes long and should be"), "{said}");
    assert_eq!(reports[0]["verdict"], "leak", "{reports:?}");
    assert_eq!(reports[0]["attribution"][0]["system"], "crm");
}

#[test]
fn a_wrong_or_open_key_is_refused() {
    let world = World::new();
    world.system("crm", 20);
    let other = world.text("other.key");
    assert!(run(&["key", "generate", "--out", &other]).status.success());
    let (code, reports, said) = scan(&world, &other, &[world.text("vigie.toml")]);
    assert_eq!((code, reports.len()), (2, 0), "{said}");
    assert!(said.contains("was built with key"), "{said}");
    fs::set_permissions(world.path("vigie.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, _, said) = scan(&world, &world.text("vigie.key"), &[world.text("vigie.toml")]);
    assert_eq!(code, 2);
    assert!(said.contains("chmod 600"), "{said}");
}

#[test]
fn a_malformed_watchlist_tells_all_its_errors_with_their_lines() {
    let world = World::new();
    let folder = world.path("watchlists/crm");
    fs::create_dir(&folder).unwrap();
    let text = "id = \"portal\"\nseverity = \"huge\"\nowners = \"x\"\n[columns]\nmail = \"emial\"\ntel = 3\n";
    fs::write(folder.join("watchlist.toml"), text).unwrap();
    let checked =
        run(&["watchlist", "check", "--watchlists", &world.text("watchlists"), "--key-file", &world.text("vigie.key")]);
    let said = errors(&checked);
    assert_eq!(checked.status.code(), Some(2), "{said}");
    for line in [1, 2, 3, 5, 6] {
        assert!(said.contains(&format!("crm/watchlist.toml:{line}: ")), "line {line}: {said}");
    }
    assert!(said.contains("hint: did you mean \"email\"?"), "{said}");
}

#[test]
fn a_ragged_export_is_built_and_counted_and_a_missing_column_is_named() {
    let world = World::new();
    world.system("crm", 5);
    let build = |export: &str| {
        fs::write(world.path("export.csv"), export).unwrap();
        let folder = world.text("watchlists/crm");
        let (key, export) = (world.text("vigie.key"), world.text("export.csv"));
        run(&["watchlist", "build", &folder, "--snapshot", "2026-09-01", "--key-file", &key, &export])
    };
    let ragged =
        build("id,mail,name,phone\nR1,a@example.com,abcdef,0612345678\nR2,b@example.com\nR3,c@example.com,x,y,z,w\n");
    assert!(ragged.status.success(), "{}", errors(&ragged));
    assert!(errors(&ragged).contains("3 records"), "{}", errors(&ragged));
    assert!(errors(&ragged).contains("2 rows with more or fewer cells"), "{}", errors(&ragged));
    let missing = build("id,mail,nom,phone\nR1,a@example.com,abcdef,0612345678\n");
    assert_eq!(missing.status.code(), Some(2));
    assert!(
        errors(&missing).contains("no column `name`") && errors(&missing).contains("`nom`"),
        "{}",
        errors(&missing)
    );
    // What was built before stands.
    assert!(world.path("watchlists/crm/2026-09-01.vfi").is_file());
}

#[test]
fn an_unreadable_file_is_reported_and_the_others_are_scanned_in_order() {
    let world = World::new();
    world.system("crm", 60);
    fs::write(world.path("a.csv"), dump("crm", 0..40)).unwrap();
    fs::write(world.path("b.txt"), "nothing of anybody's\n").unwrap();
    let paths = [world.text("b.txt"), world.text("gone.txt"), world.text("a.csv")];
    let (code, reports, _) = scan(&world, &world.text("vigie.key"), &paths);
    assert_eq!(code, 3);
    let named: Vec<_> = reports.iter().map(|report| report["document"].as_str().unwrap().to_owned()).collect();
    assert_eq!(named, paths);
    assert_eq!(reports[1]["skipped"][0]["reason"], "unreadable");
    assert_eq!((&reports[0]["verdict"], &reports[2]["verdict"]), (&"clear".into(), &"leak".into()));
}

#[test]
fn a_system_without_snapshots_and_a_snapshot_of_the_future_are_pointed_at_and_cost_nothing() {
    let world = World::new();
    world.system("crm", 60);
    let portal = world.path("watchlists/portal");
    fs::create_dir(&portal).unwrap();
    let declared = fs::read_to_string(world.path("watchlists/crm/watchlist.toml")).unwrap();
    fs::write(portal.join("watchlist.toml"), declared.replace("\"crm\"", "\"portal\"")).unwrap();
    let (lists, key) = (world.text("watchlists"), world.text("vigie.key"));
    let later = ["watchlist", "build", &world.text("watchlists/crm"), "--snapshot", "2999-01-01", "--key-file", &key];
    let built = vigie().args(later).arg(world.path("export.csv")).output().unwrap();
    assert!(built.status.success() && errors(&built).contains("dated in the future; hint: "), "{}", errors(&built));

    let checked = run(&["watchlist", "check", "--watchlists", &lists, "--key-file", &key]);
    let said = errors(&checked);
    assert!(checked.status.success(), "{said}");
    assert!(said.contains("portal: no snapshot, so nothing of it is recognised; hint: "), "{said}");
    assert!(said.contains("crm/2999-01-01.vfi: dated in the future; hint: "), "{said}");

    fs::write(world.path("crm.csv"), dump("crm", 0..40)).unwrap();
    let (code, reports, said) = scan(&world, &key, &[world.text("crm.csv")]);
    assert_eq!((code, reports[0]["verdict"].as_str()), (0, Some("leak")), "{said}");
    let crm = &reports[0]["attribution"][0];
    // Both exports hold the same: what was taken is not dated by a day that has not come.
    assert_eq!((&crm["system"], &crm["records"]), (&"crm".into(), &40.into()), "{crm}");
    assert_eq!(crm["snapshot_interval"][0], "2026-08-01", "{crm}");
    assert!(crm["snapshot_interval"][1].as_str().unwrap() < "2999", "{crm}");
}

#[test]
fn two_systems_of_one_name_are_refused_and_an_export_built_twice_is_one() {
    let world = World::new();
    world.system("crm", 60);
    let (lists, key) = (world.text("watchlists"), world.text("vigie.key"));
    let again = ["watchlist", "build", &world.text("watchlists/crm"), "--snapshot", "2026-08-01", "--key-file", &key];
    let built = vigie().args(again).arg(world.path("export.csv")).output().unwrap();
    assert!(built.status.success(), "{}", errors(&built));
    let checked = run(&["watchlist", "check", "--watchlists", &lists, "--key-file", &key]);
    assert!(errors(&checked).contains("1 record watchlists, 1 indexes"), "{}", errors(&checked));

    let second = world.path("watchlists/crm-2");
    fs::create_dir(&second).unwrap();
    fs::copy(world.path("watchlists/crm/watchlist.toml"), second.join("watchlist.toml")).unwrap();
    let checked = run(&["watchlist", "check", "--watchlists", &lists, "--key-file", &key]);
    assert_eq!(checked.status.code(), Some(2));
    let said = errors(&checked);
    assert!(said.contains("crm-2/watchlist.toml:1: `crm` stands in a folder called `crm-2`; hint: "), "{said}");
}

/// A disk with no room for what the service writes: here, files that cannot grow beyond 600 KiB.
#[test]
fn a_full_disk_loses_nothing_that_was_dropped() {
    let (world, hooks) = (World::new(), Hooks::listen());
    world.system("crm", 400);
    fs::write(world.path("hook.secret"), "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").unwrap();
    fs::set_permissions(world.path("hook.secret"), fs::Permissions::from_mode(0o600)).unwrap();
    world.configure(&format!(
        "[alert.channels.hook]\nwebhook = {{ url = \"{}\", secrets = [{{ file = \"hook.secret\" }}] }}\n",
        hooks.url
    ));
    let mut full = std::process::Command::new("sh");
    // Beyond the limit a write fails, as on a full disk, because the signal that would come first is ignored.
    full.args(["-c", "trap '' XFSZ; ulimit -f 600; exec \"$0\" run --config \"$1\""]);
    full.arg(env!("CARGO_BIN_EXE_vigie")).arg(world.path("vigie.toml"));
    let mut service = Service::start(&mut full);
    service.wait_for("service.ready", |_| true);
    for n in 0..20 {
        world.drop_file(&format!("leak-{n}.csv"), &dump("crm", n * 20..(n + 1) * 20));
        // Each holds far more than fits, so that the queue is what runs full.
        world.drop_file(&format!("noise-{n}.txt"), &dump("elsewhere", n * 9000..n * 9000 + 9000));
    }
    service.wait_for("post.retried", |_| true);
    service.kill();

    let service = world.start();
    until("every leak is told", || hooks.with(|arrived| arrived.messages.len()) >= 20 && world.inbox() == 0);
    hooks.with(|arrived| assert_eq!(arrived.messages.len(), 20, "{:?}", arrived.messages.keys()));
    service.stop();
}
