//! The channel against a mail server that does what a script says, and the settings.

use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::keys::tests::{armored, decrypt, secret_key};
use super::*;
use crate::alert::channels::contract::{check, hostile_alert};
use crate::alert::settings::Clearance;
use crate::model::{Change, SettingProblem};
use pgp::composed::{EncryptionCaps, SignedSecretKey};

fn settings(dir: &Path, toml: &str) -> Result<Settings, Vec<SettingProblem>> {
    toml::from_str::<RawSettings>(toml).unwrap().validate(dir)
}

fn names(dir: &Path, toml: &str) -> Vec<String> {
    let mut names: Vec<_> = settings(dir, toml).unwrap_err().into_iter().map(|p| p.setting).collect();
    names.sort();
    names
}

/// A folder with a key `key.asc`, and its owner's private half.
fn with_key() -> (tempfile::TempDir, SignedSecretKey) {
    let dir = tempfile::tempdir().unwrap();
    let key = secret_key(EncryptionCaps::All);
    std::fs::write(dir.path().join("key.asc"), armored(&key)).unwrap();
    (dir, key)
}

fn notice(revision: u32, reference: Option<&str>) -> Notice {
    let mut alert = hostile_alert("x");
    alert.revision = revision;
    let change = if revision == 1 { Change::Raised } else { Change::Updated };
    Notice::new(alert, change, reference.map(str::to_owned), Clearance::ALL)
}

/// What a mail server heard.
#[derive(Debug, Default, Clone)]
struct Heard {
    recipients: Vec<String>,
    mail: String,
}

/// Serves one connection after another while `client` is at it. `answers` says what is answered to a command that
/// begins like this; the first fit is used up, everything else is accepted.
async fn serve<T>(
    listener: TcpListener,
    mut answers: Vec<(&'static str, &'static str)>,
    client: impl Future<Output = T>,
) -> (Vec<Heard>, T) {
    let mut all = Vec::new();
    let told = tokio::select! {
        told = client => told,
        () = accept(listener, &mut answers, &mut all) => unreachable!("it listens for ever"),
    };
    (all, told)
}

async fn accept(listener: TcpListener, answers: &mut Vec<(&'static str, &'static str)>, all: &mut Vec<Heard>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        all.push(Heard::default());
        let heard = all.last_mut().unwrap();
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        writer.write_all(b"220 mail.example ready\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let fit = answers.iter().position(|(command, _)| line.starts_with(command));
            let answer = match (fit, line.get(..4).unwrap_or_default()) {
                (Some(at), _) => answers.remove(at).1,
                (None, "EHLO") => "250-mail.example\r\n250 8BITMIME",
                (None, "RCPT") => {
                    heard.recipients.push(line[8..].trim_matches(['<', '>', ':']).to_owned());
                    "250 ok"
                }
                (None, "DATA") => {
                    writer.write_all(b"354 go on\r\n").await.unwrap();
                    while let Ok(Some(line)) = lines.next_line().await {
                        if line == "." {
                            break;
                        }
                        heard.mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                        heard.mail.push_str("\r\n");
                    }
                    "250 taken"
                }
                (None, "QUIT") => {
                    let _ = writer.write_all(b"221 bye\r\n").await;
                    break;
                }
                (None, _) => "250 ok",
            };
            writer.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        }
    }
}

struct Bench {
    dir: tempfile::TempDir,
    key: SignedSecretKey,
    channel: Arc<MailChannel>,
    listener: TcpListener,
}

impl Bench {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (dir, key) = with_key();
        let port = listener.local_addr().unwrap().port();
        let toml = format!(
            "server = '127.0.0.1:{port}'\ntls = 'none'\nfrom = 'Vigie <vigie@cert.example>'\n\
             to = [{{ address = 'one@cert.example', key = 'key.asc' }}, {{ address = 'two@cert.example', key = 'key.asc' }}]"
        );
        let channel = Arc::new(MailChannel::new(&settings(dir.path(), &toml).unwrap()).unwrap());
        Self { dir, key, channel, listener }
    }
}

fn header<'m>(mail: &'m str, name: &str) -> Option<&'m str> {
    let head = mail.split("\r\n\r\n").next().unwrap();
    head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn a_mail_is_pgp_mime_and_its_thread_hangs_on_the_first() {
    let Bench { dir: _dir, key, channel, listener } = Bench::new().await;
    let first = notice(1, None);
    let tell = async {
        let receipt = channel.deliver(&first).await.unwrap();
        let root = receipt.reference.clone().unwrap();
        let second = notice(2, Some(&root));
        assert_eq!(channel.deliver(&second).await.unwrap().reference, receipt.reference, "the thread keeps its root");
        (root, second)
    };
    let (heard, (root, second)) = serve(listener, Vec::new(), tell).await;
    let (one, two) = (&heard[0].mail, &heard[1].mail);
    assert_eq!(heard[0].recipients, ["one@cert.example", "two@cert.example"]);
    assert_eq!(header(one, "Message-ID"), Some(root.as_str()));
    assert_eq!(root, format!("<{}@cert.example>", first.key()));
    assert_eq!(header(one, "References"), None);
    assert_eq!(header(two, "Message-ID"), Some(format!("<{}@cert.example>", second.key()).as_str()));
    assert_eq!((header(two, "References"), header(two, "In-Reply-To")), (Some(root.as_str()), Some(root.as_str())));
    assert_eq!(header(one, "Subject"), header(two, "Subject"));
    assert_eq!(header(one, "Auto-Submitted"), Some("auto-generated"));
    assert!(one.contains("multipart/encrypted;") && one.contains("protocol=\"application/pgp-encrypted\""));
    let parts: Vec<_> = one.split("\r\n--=_vigie_").collect();
    assert_eq!(parts.len(), 4, "two parts, and the end");
    assert!(parts[1].contains("Content-Type: application/pgp-encrypted\r\n") && parts[1].ends_with("Version: 1\r\n"));
    let armor = &parts[2][parts[2].find("-----BEGIN").unwrap()..];
    let clear = String::from_utf8(decrypt(&key, armor)).unwrap();
    assert!(clear.starts_with("Content-Type: multipart/mixed;") && clear.contains("Content-Type: application/json"));
    assert!(clear.contains("portal") && !one.contains("portal"), "only inside");
}

#[tokio::test]
async fn one_recipient_who_is_refused_keeps_nobody_else_waiting_and_nobody_reads_twice() {
    let Bench { dir: _dir, channel, listener, .. } = Bench::new().await;
    let answers = vec![("RCPT TO:<two@", "452 4.2.2 mail box full"), ("RCPT TO:<two@", "550 5.1.1 gone")];
    let tell = async {
        let later = channel.deliver(&notice(1, None)).await;
        assert!(matches!(&later, Err(DeliveryError::Retry { reason, .. }) if reason.contains("two@")), "{later:?}");
        channel.deliver(&notice(1, None)).await
    };
    let (heard, told) = serve(listener, answers, tell).await;
    assert!(told.is_ok(), "one has it, two never will: {told:?}");
    let recipients: Vec<_> = heard.iter().map(|h| h.recipients.as_slice()).collect();
    assert_eq!(recipients, [&["one@cert.example".to_owned()][..], &[][..]]);
    assert!(heard[1].mail.is_empty());
}

#[tokio::test]
async fn what_a_server_says_is_sorted() {
    for (command, answer, again) in [
        ("DATA", "451 4.3.0 try again later", true),
        ("MAIL", "530 5.7.0 login first", true),
        ("MAIL", "421 4.3.2 closing", true),
        ("MAIL", "552 5.3.4 too large", false),
        ("EHLO", "554 no", true),
    ] {
        let Bench { dir: _dir, channel, listener, .. } = Bench::new().await;
        let first = notice(1, None);
        let (_, told) = serve(listener, vec![(command, answer)], channel.deliver(&first)).await;
        assert_eq!(matches!(told, Err(DeliveryError::Retry { .. })), again, "{answer}: {told:?}");
    }
    let Bench { dir: _dir, channel, listener, .. } = Bench::new().await;
    let nobody = vec![("RCPT TO:<one@", "550 5.1.1 gone"), ("RCPT TO:<two@", "550 5.1.1 gone")];
    let first = notice(1, None);
    let (_, told) = serve(listener, nobody, channel.deliver(&first)).await;
    assert!(matches!(told, Err(DeliveryError::Refused { .. })), "nobody has it: {told:?}");
}

#[tokio::test]
async fn nothing_is_sent_in_clear_where_encryption_was_asked_for() {
    let bench = Bench::new().await;
    let port = bench.listener.local_addr().unwrap().port();
    let toml = format!(
        "server = '127.0.0.1:{port}'\nfrom = 'vigie@cert.example'\nto = [{{ address = 'one@cert.example', key = 'key.asc' }}]"
    );
    let channel = MailChannel::new(&settings(bench.dir.path(), &toml).unwrap()).unwrap();
    let first = notice(1, None);
    let (heard, told) = serve(bench.listener, Vec::new(), channel.deliver(&first)).await;
    assert!(matches!(&told, Err(DeliveryError::Retry { reason, .. }) if reason.contains("STARTTLS")), "{told:?}");
    assert!(heard[0].recipients.is_empty() && heard[0].mail.is_empty());
}

#[test]
fn the_contract_is_kept_encrypted_or_not() {
    let (dir, _) = with_key();
    for to in
        ["to = [{ address = 'a@b.example', key = 'key.asc' }]", "to = [{ address = 'a@b.example' }]\nplain = true"]
    {
        let toml = format!("server = 'localhost'\ntls = 'none'\nfrom = 'v@b.example'\n{to}");
        check(&MailChannel::new(&settings(dir.path(), &toml).unwrap()).unwrap());
    }
}

#[test]
fn every_problem_is_told_with_its_place() {
    let (dir, _) = with_key();
    let good = "server = 'mail.example'\nfrom = 'v@b.example'\nto = [{ address = 'a@b.example', key = 'key.asc' }]";
    let checked = settings(dir.path(), good).unwrap();
    assert_eq!((checked.host.as_str(), checked.port), ("mail.example", 587));
    assert_eq!(names(dir.path(), ""), ["from", "server", "to"]);
    let toml = "server = 'mail.example:0'\ntls = 'none'\nca = 'x'\nuser = 'u'\nfrom = 'nobody'\nreply_to = 'é@b.example'\n\
         to = [{ address = 'a@b.example', key = 'key.asc' }, { address = 'a@b.example' }]";
    assert_eq!(names(dir.path(), toml), ["ca", "from", "reply_to", "server", "to.1.address", "to.1.key", "user"]);
    assert_eq!(names(dir.path(), &good.replace("from", "tls = 'none'\nfrom")), ["tls"], "none is for this machine");
    assert_eq!(names(dir.path(), &format!("{good}\nplain = true")), ["plain"]);
    assert_eq!(names(dir.path(), &good.replace("key.asc", "missing.asc")), ["to.0.key"]);
    let signing = armored(&secret_key(EncryptionCaps::None));
    std::fs::write(dir.path().join("key.asc"), signing).unwrap();
    let problem = &settings(dir.path(), good).unwrap_err()[0];
    assert_eq!(problem.setting, "to.0.key");
    assert!(problem.message.contains("key.asc of a@b.example") && problem.message.contains("hint:"), "{problem:?}");
}
