//! Promise: an encrypted archive is opened with the passwords that were posted with it, and said aloud where none fits.

use std::io::{Cursor, Write};

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde_json::Value;

use crate::kit::{World, dump, errors, get as ask, vigie};

/// A zip archive of one dump, locked in the way that archivers lock today.
fn zipped(password: &str, content: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().with_aes_encryption(zip::AesMode::Aes256, password);
    writer.start_file("dump.csv", options).unwrap();
    writer.write_all(content.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// A 7z archive, whose list of members is locked as well.
fn sevenzipped(password: &str, content: &str) -> Vec<u8> {
    use sevenz_rust2::encoder_options::AesEncoderOptions;
    let mut writer = sevenz_rust2::ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    let methods = vec![AesEncoderOptions::new(password.into()).into(), sevenz_rust2::EncoderMethod::LZMA2.into()];
    writer.set_content_methods(methods);
    let entry = sevenz_rust2::ArchiveEntry::new_file("dump.csv");
    writer.push_archive_entry(entry, Some(content.as_bytes())).unwrap();
    writer.finish().unwrap().into_inner()
}

/// A forum of one thread on loopback, whose posts hang archives on their text.
struct Forum {
    address: String,
    _runtime: tokio::runtime::Runtime,
}

impl Forum {
    fn open(posts: &[(&str, &'static str, Vec<u8>)]) -> Self {
        let thread: String = posts
            .iter()
            .map(|(id, text, _)| {
                format!(
                    "<article class=post id={id}><div class=text>{text}</div><a class=file href=/f/{id}>x</a></article>"
                )
            })
            .collect();
        let mut router = Router::new()
            .route("/", get(|| async { Html("<ul id=t><li><a class=thread href=/t>databases</a></li></ul>") }));
        router = router.route(
            "/t",
            get(move || {
                let thread = thread.clone();
                async move { Html(thread) }
            }),
        );
        for (id, _, archive) in posts {
            let archive = archive.clone();
            router = router.route(
                &format!("/f/{id}"),
                get(move || {
                    let archive = archive.clone();
                    async move { archive }
                }),
            );
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, _runtime: runtime }
    }

    fn site(&self) -> String {
        let address = &self.address;
        format!(
            "[[site]]\nid = \"forum\"\nkind = \"html\"\nurl = \"http://{address}/\"\nallow_hosts = [\"{address}\"]\n\
             interval = \"1s\"\ngap = \"10ms\"\n[site.listing]\nitems = \"#t li\"\nurl = \"a.thread@href\"\n\
             title = \"a.thread\"\n[site.post]\nitems = \"article.post\"\nid = \"@id\"\nbody = \".text\"\n\
             attachments = \"a.file@href\"\n"
        )
    }
}

#[test]
fn the_service_opens_archives_with_the_passwords_of_their_post() {
    let world = World::new();
    world.system("crm", 40);
    let content = dump("crm", 0..40);
    let forum = Forum::open(&[
        ("p1", "fresh.<br>Password: <b>Tr0ub4dor&amp;3</b>", zipped("Tr0ub4dor&3", &content)),
        ("p2", "mot de passe<br>azerty-2026", sevenzipped("azerty-2026", &content)),
        ("p3", "pay for the password", zipped("nobody knows", &content)),
    ]);
    world.configure(&forum.site());
    let mut service = world.start();
    let health = service.health_address();
    let mut verdicts = std::collections::BTreeMap::new();
    let mut locked = 0;
    while verdicts.len() < 3 || locked < 1 {
        let said = service.wait_for_any(&["post.settled", "content.locked"], |_| true);
        let post = said["post"].as_str().unwrap().to_owned();
        match said["event"].as_str() {
            Some("content.locked") => locked += 1,
            _ => drop(verdicts.insert(post, said["verdict"].as_str().unwrap().to_owned())),
        }
    }
    let verdicts: Vec<(char, &str)> =
        verdicts.iter().map(|(post, verdict)| (post.chars().last().unwrap(), verdict.as_str())).collect();
    assert_eq!(verdicts, [('1', "leak"), ('2', "leak"), ('3', "clear")]);
    let (_, metrics) = ask(&health, "/metrics");
    assert!(metrics.contains("vigie_skipped_total{reason=\"encrypted\"} 1\n"), "{metrics}");
    service.stop();
}

#[test]
fn a_scan_opens_archives_with_what_stands_beside_them_or_is_given() {
    let world = World::new();
    world.system("crm", 40);
    let content = dump("crm", 0..40);
    let folder = world.path("posts");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.txt"), "Here it is.\nPassword: hunter2!\n").unwrap();
    std::fs::write(folder.join("a.zip"), zipped("hunter2!", &content)).unwrap();
    std::fs::write(folder.join("b.7z"), sevenzipped("given only", &content)).unwrap();
    std::fs::write(world.path("passwords"), "wrong\ngiven only\n").unwrap();
    let scan = |more: &[&str]| -> Vec<Value> {
        let mut command = vigie();
        command.args(["scan", "--format", "jsonl", "--watchlists", &world.text("watchlists")]);
        let output = command.args(["--key-file", &world.text("vigie.key")]).args(more).arg(&folder).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        output
            .stdout
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect()
    };
    let reports = scan(&[]);
    assert_eq!(reports[1]["verdict"], "leak", "{}", reports[1]);
    assert_eq!((&reports[2]["verdict"], &reports[2]["skipped"][0]["reason"]), (&"clear".into(), &"encrypted".into()));
    let reports = scan(&["--passwords", &world.text("passwords")]);
    assert_eq!((&reports[1]["verdict"], &reports[2]["verdict"]), (&"leak".into(), &"leak".into()));
}
