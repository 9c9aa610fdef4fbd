//! Mail through a real Postfix (STARTTLS demanded, login demanded) to a recipient who decrypts with GnuPG.

use super::*;

/// A key ring with the recipient's key, whose public half is exported to `cert.asc`; its fingerprint.
fn key_ring(folder: &Path) -> String {
    let script = r#"set -e
        export GNUPGHOME=$PWD/gnupg; mkdir -m 700 gnupg
        gpg --batch -q --passphrase '' --quick-gen-key 'CERT <cert@cert.example>' default default never
        gpg --batch -q --armor --export cert@cert.example > cert.asc
        gpg --batch -q --passphrase '' --quick-gen-key 'vigie <vigie@cert.example>' default sign never
        (umask 077; gpg --batch -q --armor --export-secret-keys vigie@cert.example > vigie.asc)
        gpg --batch --with-colons -k cert@cert.example | awk -F: '/^fpr/ { print $10; exit }'"#;
    let made = Command::new("bash").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

fn postfix(arguments: &[&std::ffi::OsStr]) {
    let (tools, _) = tools();
    let mut command = Command::new("bash");
    command.arg(tools.join("run_postfix.sh")).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().unwrap().success(), "postfix");
}

/// Whether GnuPG finds a good signature inside a mail.
fn signed(mail: &Path, ring: &Path) -> bool {
    let text = std::fs::read_to_string(mail).unwrap();
    let from = text.find("-----BEGIN PGP MESSAGE-----").unwrap();
    let armored = mail.with_extension("asc");
    std::fs::write(&armored, &text[from..]).unwrap();
    let mut gpg = Command::new("gpg");
    gpg.args(["--batch", "--status-fd", "2", "--decrypt"]).arg(&armored).env("GNUPGHOME", ring);
    let said = gpg.output().unwrap();
    std::fs::remove_file(armored).unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    said.contains("GOODSIG") && said.contains("vigie@cert.example")
}

fn mails(folder: &Path) -> Vec<PathBuf> {
    let new = std::fs::read_dir(folder.join("vmail/cert/new"));
    new.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[tokio::test]
#[ignore = "needs Postfix with SASL, GnuPG and Python; runs as root"]
async fn postfix_takes_the_mail_and_gnupg_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    certificates(dir.path());
    let fingerprint = key_ring(dir.path());
    secret(dir.path(), "password", "s3cret");
    secret(dir.path(), "wrong", "guess");
    std::fs::write(dir.path().join("secrets"), SECRETS.join("\n")).unwrap();
    let folder = dir.path().join("postfix");
    let file = |name: &str| dir.path().join(name).into_os_string();
    let (certificate, key) = (file("server.pem"), file("server.key"));
    postfix(&["start".as_ref(), folder.as_ref(), &certificate, &key, "2588".as_ref()]);
    let mail = |ca: &str, password: &str| {
        let toml = format!(
            "mail = {{ server = '127.0.0.1:2588', ca = '{ca}', user = 'vigie', password = {{ file = '{password}' }}, \
             from = 'vigie@cert.example', sign = {{ file = 'vigie.asc' }}, to = [{{ address = 'cert@cert.example', key = 'cert.asc' }}] }}"
        );
        channel(dir.path(), &toml)
    };
    let stranger = mail("client.pem", "password").deliver(&told(Change::Raised, 1, None)).await;
    let guess = mail("ca.pem", "wrong").deliver(&told(Change::Raised, 1, None)).await;
    let sound = mail("ca.pem", "password");
    let mut reference = None;
    let mut outcomes = Vec::new();
    for (revision, change) in [(1, Change::Raised), (2, Change::Updated), (3, Change::Closed)] {
        let delivered = sound.deliver(&told(change, revision, reference.clone())).await;
        reference = delivered.as_ref().ok().and_then(|receipt| receipt.reference.clone());
        outcomes.push(delivered);
    }
    for _ in 0..100 {
        if mails(&folder).len() >= 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    postfix(&["stop".as_ref(), folder.as_ref()]);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert!(stranger.is_err(), "a server of another authority is not spoken to");
    assert!(guess.is_err(), "a wrong password is noticed");
    let mails = mails(&folder);
    assert_eq!(mails.len(), 3);
    for mail in &mails {
        let id = alert().id.to_string();
        let arguments =
            ["--maildir", "--require-json", "--recipient-fpr", &fingerprint, "--alert-id", &id, "--gnupghome"];
        let mut arguments: Vec<_> = std::iter::once(mail.as_path()).chain(arguments.iter().map(Path::new)).collect();
        let (ring, secrets) = (dir.path().join("gnupg"), dir.path().join("secrets"));
        arguments.extend([ring.as_path(), Path::new("--secrets"), &secrets]);
        python("mail_check.py", &arguments);
        assert!(signed(mail, &ring), "signed by the service's own key");
    }
    let threaded = mails.iter().filter(|mail| std::fs::read_to_string(mail).unwrap().contains("\nReferences: <"));
    assert_eq!(threaded.count(), 2, "the later two hang on the first");
    let _ = Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", dir.path().join("gnupg")).status();
}
