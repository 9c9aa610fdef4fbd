//! Watchlists and sites change under the running service: what is new is matched at once, what is faulty is refused by
//! name, what stood before stays, and no post is lost meanwhile.

use rustix::process::Signal;

use crate::kit::{World, dump, get};

#[test]
fn a_watchlist_that_is_added_is_matched_without_a_restart() {
    let world = World::new();
    world.system("crm", 100);
    world.configure("");
    let mut service = world.start();
    let health = service.health_address();
    service.wait_for("service.ready", |_| true);
    world.drop_file("before.csv", &dump("portal", 0..40));
    service.wait_for("document.judged", |event| event["verdict"] == "clear");

    world.system("portal", 100);
    service.wait_for("watchlists.loaded", |event| event["indexes"] == 2);
    world.drop_file("after.csv", &dump("portal", 0..40));
    service.wait_for("document.judged", |event| event["system"] == "portal" && event["verdict"] == "leak");

    // A broken index of one system is refused by name; all others go on.
    std::fs::write(world.path("watchlists/crm/2026-09-01.vfi"), "this is no index").unwrap();
    let refused = service.wait_for("watchlist.refused", |_| true);
    assert!(refused["path"].as_str().unwrap().ends_with("crm/2026-09-01.vfi"), "{refused}");
    assert!(refused["reason"].as_str().unwrap().contains("is not a vigie index"), "{refused}");
    world.drop_file("crm.csv", &dump("crm", 0..40));
    service.wait_for("document.judged", |event| event["system"] == "crm" && event["verdict"] == "leak");
    crate::kit::until("health names the broken index", || {
        let (code, body) = get(&health, "/healthz");
        assert_eq!(code, 200);
        body.contains("degraded") && body.contains("2026-09-01.vfi")
    });

    // A typing error in a declaration keeps the watchlist as it was.
    std::fs::write(world.path("watchlists/portal/watchlist.toml"), "id = \"portal\"\n[columns\n").unwrap();
    service.wait_for("watchlist.refused", |event| event["reason"].as_str().unwrap().contains("not valid TOML"));
    world.drop_file("again.csv", &dump("portal", 40..80));
    service.wait_for("document.judged", |event| event["system"] == "portal" && event["verdict"] == "leak");

    let (code, metrics) = get(&health, "/metrics");
    assert_eq!(code, 200);
    assert!(metrics.contains("vigie_documents_total{verdict=\"leak\"} 3"), "{metrics}");
    service.stop();
}

#[test]
fn sites_are_read_again_and_a_faulty_configuration_changes_nothing() {
    let world = World::new();
    world.system("crm", 100);
    world.configure("");
    let mut service = world.start();
    service.wait_for("service.ready", |_| true);
    let good = std::fs::read_to_string(world.path("vigie.toml")).unwrap();

    std::fs::write(world.path("vigie.toml"), format!("{good}[[site]]\nid = \"second\"\nkind = \"inbx\"\n")).unwrap();
    service.wait_for("service.reload_failed", |event| event["what"] == "sites");
    world.drop_file("one.csv", &dump("crm", 0..30));
    service.wait_for("document.judged", |event| event["site"] == "inbox");

    std::fs::create_dir(world.path("second")).unwrap();
    let second =
        format!("[[site]]\nid = \"second\"\nkind = \"inbox\"\npath = \"{}\"\nsettle = \"0s\"\n", world.text("second"));
    std::fs::write(world.path("vigie.toml"), format!("{good}{second}")).unwrap();
    service.wait_for("service.reloaded", |event| event["what"] == "sites");
    std::fs::write(world.path("second/two.csv"), dump("crm", 30..60)).unwrap();
    service.wait_for("document.judged", |event| event["site"] == "second" && event["verdict"] == "leak");

    service.signal(Signal::HUP);
    service.wait_for("service.reloaded", |event| event["what"] == "watchlists");
    service.stop();
}
