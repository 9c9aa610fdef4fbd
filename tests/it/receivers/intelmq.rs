//! Events judged by IntelMQ's own library and harmonization.

use super::*;

#[tokio::test]
#[ignore = "needs Python with intelmq, named by VIGIE_INTELMQ_PYTHON"]
async fn intelmq_takes_the_events() {
    let python = std::env::var("VIGIE_INTELMQ_PYTHON").expect("VIGIE_INTELMQ_PYTHON names a Python with intelmq");
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("events")).unwrap();
    let channel = channel(dir.path(), "intelmq = { folder = 'events' }");
    let withheld = Notice::new(alert(), Change::Raised, None, Clearance { tlp: Tlp::Green, pap: Pap::Red });
    channel.deliver(&told(Change::Raised, 1, None)).await.unwrap();
    channel.deliver(&told(Change::Closed, 2, Some("1".into()))).await.unwrap();
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(dir.path().join("events")).unwrap() {
        lines.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    lines.extend(channel.render(&withheld).unwrap());
    let (events, secrets) = (dir.path().join("events.jsonl"), dir.path().join("secrets"));
    std::fs::write(&events, lines).unwrap();
    std::fs::write(&secrets, SECRETS.join("\n")).unwrap();
    let check = Command::new(python).arg(tools().0.join("intelmq_check.py")).arg(&events).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    super::python("noleak.py", &[&secrets, &events]);
}
