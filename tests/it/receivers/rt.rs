//! Request Tracker 5 itself: one ticket for an alert however often it is told, and what becomes of it added once.

use super::*;

const ROOT: &str = "http://127.0.0.1:8008";

fn rt(arguments: &[&std::ffi::OsStr]) {
    let (tools, _) = tools();
    let mut command = Command::new("bash");
    command.arg(tools.join("run_rt.sh")).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().unwrap().success(), "request tracker");
}

/// The subjects of a ticket's entries, as RT tells them.
fn entries(ticket: &str) -> Vec<String> {
    let url = format!("{ROOT}/REST/2.0/ticket/{ticket}/attachments?fields=Subject&per_page=100");
    let asked = Command::new("curl").args(["-s", "-f", "-u", "root:s3cret-pw", &url]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    let subjects = answer["items"].as_array().unwrap().iter().filter_map(|item| item["Subject"].as_str());
    subjects.filter(|subject| subject.starts_with("[vigie")).map(str::to_owned).collect()
}

#[tokio::test]
#[ignore = "needs Request Tracker 5, curl and Python; runs as root"]
async fn request_tracker_has_one_ticket_for_an_alert() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (folder, secrets) = (dir.path().join("rt"), dir.path().join("secrets"));
    std::fs::write(&secrets, SECRETS.join("\n")).unwrap();
    secret(dir.path(), "password", "s3cret-pw");
    rt(&["start".as_ref(), folder.as_ref()]);
    let toml = format!("rt = {{ url = '{ROOT}', user = 'root', password = {{ file = 'password' }} }}");
    let channel = channel(dir.path(), &toml);
    let mut outcomes = Vec::new();
    let mut reference = None;
    for (revision, change) in [(1, Change::Raised), (2, Change::Updated), (3, Change::Closed)] {
        let notice = told(change, revision, reference.clone());
        let delivered = channel.deliver(&notice).await;
        reference = delivered.as_ref().ok().and_then(|receipt| receipt.reference.clone());
        outcomes.push(delivered);
        // Again, as after a crash before the answer was noted; also without what the ticket is called.
        outcomes.push(channel.deliver(&notice).await);
        outcomes.push(channel.deliver(&told(change, revision, None)).await);
    }
    let checked = std::panic::catch_unwind(|| {
        let id = alert().id.to_string();
        let arguments = [ROOT, "root", "s3cret-pw", &id, "--secrets"].map(Path::new);
        python("rt_check.py", &[&arguments[..], &[secrets.as_path()]].concat());
        entries(reference.as_deref().unwrap())
    });
    rt(&["stop".as_ref(), folder.as_ref()]);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let mut entries = checked.unwrap();
    entries.sort();
    assert_eq!(entries.len(), 3, "the ticket's own, and two added: {entries:?}");
}
