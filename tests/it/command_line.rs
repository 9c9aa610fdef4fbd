//! What the command line says: help texts, errors, exit codes. Snapshots; `just snapshots` accepts changed ones.

use crate::kit::{World, errors, run};

/// Every command, as written after `vigie`.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["key"],
    &["key", "generate"],
    &["watchlist"],
    &["watchlist", "build"],
    &["watchlist", "list"],
    &["watchlist", "check"],
    &["watchlist", "remove"],
    &["watchlist", "explain"],
    &["watchlist", "add"],
    &["scan"],
    &["explain"],
    &["run"],
    &["check"],
    &["demo"],
    &["alerts"],
    &["alerts", "list"],
    &["alerts", "show"],
    &["alerts", "ack"],
    &["alerts", "close"],
    &["alerts", "test"],
    &["alerts", "preview"],
    &["alerts", "dead"],
    &["alerts", "retry"],
    &["evidence"],
    &["evidence", "list"],
    &["evidence", "verify"],
    &["evidence", "export"],
    &["evidence", "hold"],
    &["evidence", "release"],
    &["audit"],
    &["audit", "list"],
    &["audit", "verify"],
    &["notify-agent"],
    &["site"],
    &["site", "list"],
    &["site", "check"],
    &["site", "try"],
    &["completions"],
    &["man"],
];

#[test]
fn help_says_what_a_command_is_for() {
    for command in COMMANDS {
        let output = run(&[*command, &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        let help = String::from_utf8(output.stdout).unwrap();
        let name = if command.is_empty() { "vigie".to_owned() } else { command.join("-") };
        insta::assert_snapshot!(format!("help-{name}"), help.trim_end());
    }
}

#[test]
fn commands_with_arguments_show_an_example() {
    for command in COMMANDS.iter().filter(|c| c.len() == 1 || c.first() == Some(&"watchlist")) {
        let output = run(&[*command, &["--help"]].concat());
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains("Example"), "{command:?} has no example:\n{help}");
    }
}

#[test]
fn a_configuration_is_checked_with_every_error_at_once() {
    let world = World::new();
    let text = "key_file = \"vigie.key\"\nwatchlist = \"w\"\n[log]\nlevel = \"vigie=loud\"\n[service]\nlisten = \"0.0.0.0:80\"\n\
                [pipeline]\nthreads = 0\n[limits]\ndepth = \"deep\"\n[queue]\nmax_attempts = 0\n[net]\ncontact = \"\"\n\
                [alert.channels.x]\nfile = { path = \"\" }\n\
                [[site]]\nid = \"Forum\"\nkind = \"feed\"\nurl = \"https://forum.example.org/feed\"\n\
                [[site]]\nid = \"inbox\"\nkind = \"inbx\"\n";
    std::fs::write(world.path("vigie.toml"), text).unwrap();
    let output = run(&["check", "--config", &world.text("vigie.toml")]);
    assert_eq!(output.status.code(), Some(2));
    let said = errors(&output).replace(world.path("").to_str().unwrap(), "");
    insta::assert_snapshot!("check-errors", said.trim_end());
}

#[test]
fn the_examples_that_ship_are_right() {
    let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked = run(&["check", "--config", top.join("examples/vigie.toml").to_str().unwrap()]);
    assert!(checked.status.success(), "{}", errors(&checked));
    let world = World::new();
    let watchlists = top.join("watchlists");
    let checked = run(&[
        "watchlist",
        "check",
        "--watchlists",
        watchlists.to_str().unwrap(),
        "--key-file",
        &world.text("vigie.key"),
    ]);
    assert!(checked.status.success(), "{}", errors(&checked));
}

#[test]
fn exit_codes_are_those_of_the_contract() {
    let world = World::new();
    world.system("crm", 60);
    std::fs::write(world.path("leak.csv"), crate::kit::dump("crm", 0..40)).unwrap();
    std::fs::write(world.path("clear.txt"), "nothing\n").unwrap();
    let (lists, key) = (world.text("watchlists"), world.text("vigie.key"));
    let scan =
        |more: &[&str]| run(&[&["scan", "--watchlists", &lists, "--key-file", &key], more].concat()).status.code();
    assert_eq!(scan(&[&world.text("leak.csv")]), Some(0));
    assert_eq!(scan(&["--exit-code", &world.text("leak.csv")]), Some(1));
    assert_eq!(scan(&["--exit-code", &world.text("clear.txt")]), Some(0));
    assert_eq!(scan(&[]), Some(2));
    assert_eq!(scan(&["--format", "xml", &world.text("leak.csv")]), Some(2));
    assert_eq!(scan(&[&world.text("gone.csv")]), Some(3));
    assert_eq!(run(&["run", "--config", &world.text("gone.toml")]).status.code(), Some(2));
    assert_eq!(run(&["key", "generate", "--out", &key]).status.code(), Some(2));
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("watchlist"), "{shell}");
    }
    let world = World::new();
    assert!(run(&["man", "--out", &world.text("man")]).status.success());
    assert!(world.path("man/vigie.1").is_file() && world.path("man/vigie-scan.1").is_file());
}
