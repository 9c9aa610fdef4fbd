//! A real notification service (dunst) under a virtual X server and a bus of its own: what the agent in a user's session
//! shows of what the service tells it.

use vigie::model::AlertId;
use vigie::store::{Incident, Incidents, Links};

use super::*;

/// Follows the stream until both notices are shown: the alert that was there before, and the one told meanwhile.
const FOLLOW: &str = r#"
    "$0" notify-agent --socket "$1" 2> "$2/agent.log" & agent=$!
    trap 'kill $agent' EXIT
    shown() { for _ in $(seq 200); do [ "$(dunstctl count displayed)" -ge "$1" ] && return; sleep 0.1; done; return 1; }
    shown 1 && touch "$2/first" && shown 2
"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dunst, Xvfb, D-Bus and ImageMagick"]
async fn dunst_shows_what_was_told_before_and_what_is_told_now() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("secrets"), SECRETS.join("\n")).unwrap();
    let store = SqliteStore::open(&at("vigie.db")).unwrap();
    let before = Incident { alert: alert(), documents: Vec::new() };
    store.transact(&mut |tx| tx.save(&before, &Links::default())).unwrap();
    let channel = channel(dir.path(), "stream = { path = 'alerts' }");
    let (tools, python) = tools();
    let mut check = Command::new("bash");
    check
        .arg(tools.join("dunst_check.sh"))
        .arg(at("out"))
        .arg("nobody has taken.*micro-soc-portal|micro-soc-portal.*nobody has taken");
    check.arg(at("secrets")).args(["--", "bash", "-c", FOLLOW, env!("CARGO_BIN_EXE_vigie")]);
    check.arg(at("alerts")).arg(dir.path()).env("PYTHON", python);
    let check = tokio::task::spawn_blocking(move || check.output().unwrap());
    let mut now = told(Change::Escalated, 2, None);
    now.alert.id = AlertId(uuid::Uuid::from_u128(7));
    for _ in 0..600 {
        if at("first").exists() || check.is_finished() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    channel.deliver(&now).await.unwrap();
    let check = check.await.unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success(), "{said}{}", String::from_utf8_lossy(&check.stderr));
    assert!(said.contains("new alert"), "what was told before: {said}");
}
