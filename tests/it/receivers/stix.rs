//! STIX bundles judged by the reference library and the OASIS validator, and pushed to OASIS's TAXII server.

use super::*;

const WRITABLE: &str = "365fed99-08fa-4c11-a72f-1e1d4a3a0b1c";
const READ_ONLY: &str = "472c94ae-3113-4e3e-a4dd-a9f4ac7471d4";

/// `run_medallion.sh` with the program beside the Python that was named.
fn medallion(arguments: &[&std::ffi::OsStr]) {
    let (tools, python) = tools();
    let programs = Path::new(&python).parent().unwrap().to_owned();
    let path = std::env::join_paths(
        std::iter::once(programs).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let mut command = Command::new("bash");
    command.arg(tools.join("run_medallion.sh")).args(arguments).env("PATH", path.unwrap());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().unwrap().success(), "medallion");
}

fn every_telling() -> Vec<Notice> {
    let withheld = Clearance { tlp: Tlp::Green, pap: Pap::Red };
    vec![
        told(Change::Raised, 1, None),
        told(Change::Updated, 2, None),
        told(Change::Acknowledged, 3, None),
        told(Change::Closed, 4, None),
        Notice::new(alert(), Change::Raised, None, withheld),
    ]
}

#[tokio::test]
#[ignore = "needs Python with stix2 and its validator"]
async fn bundles_are_valid_stix() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, secrets) = (dir.path().join("stix"), dir.path().join("secrets"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(&secrets, SECRETS.join("\n")).unwrap();
    let channel = channel(dir.path(), "stix = { folder = 'stix' }");
    let file = folder.join(format!("{}.json", alert().id));
    for notice in every_telling() {
        channel.deliver(&notice).await.unwrap();
        python("stix_validate.py", &[&file, Path::new("--secrets"), &secrets]);
    }
}

#[tokio::test]
#[ignore = "needs medallion and Python with the TAXII client"]
async fn medallion_takes_each_version_once() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, secrets) = (dir.path().join("medallion"), dir.path().join("secrets"));
    std::fs::write(&secrets, SECRETS.join("\n")).unwrap();
    secret(dir.path(), "password", "s3cret");
    medallion(&["start".as_ref(), folder.as_ref(), "5955".as_ref()]);
    let base = "http://127.0.0.1:5955/api1/collections";
    let taxii = |collection: &str| {
        let toml = format!(
            "taxii = {{ collection = '{base}/{collection}', user = 'vigie', password = {{ file = 'password' }} }}"
        );
        channel(dir.path(), &toml)
    };
    let writable = taxii(WRITABLE);
    let mut outcomes = Vec::new();
    for notice in [told(Change::Raised, 1, None), told(Change::Updated, 2, None)] {
        // Again, as after a crash between the server's answer and our note of it.
        outcomes.push(writable.deliver(&notice).await);
        outcomes.push(writable.deliver(&notice).await);
    }
    let forbidden = taxii(READ_ONLY).deliver(&told(Change::Raised, 1, None)).await;
    let checked = std::panic::catch_unwind(|| {
        let url = format!("{base}/{WRITABLE}/");
        let arguments = [&url, "vigie", "s3cret", "--secrets"].map(Path::new);
        python("taxii_check.py", &[&arguments[..], &[secrets.as_path()]].concat())
    });
    medallion(&["stop".as_ref(), folder.as_ref()]);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert!(forbidden.is_err(), "a collection that may not be written to is noticed");
    checked.unwrap();
}
