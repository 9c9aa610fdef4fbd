//! The demo's folder: key, watchlists with their indexes, and an ordinary configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use super::story::{CERT, Story};
use super::watchlist_folder;
use super::world::System;
use crate::cli::words::counted;
use crate::config::{RECORDS_FILE, read_record_watchlist};
use crate::fingerprint::build::{Build, build_file};
use crate::fingerprint::{Countries, Key};

/// The paste site's name in the configuration.
pub const PASTES: &str = "pastes";
/// The forum's.
pub const FORUM: &str = "forum";

/// Where everything is.
pub struct Setting {
    pub folder: PathBuf,
    pub paste_site: SocketAddr,
    pub forum: SocketAddr,
}

impl Setting {
    pub fn config(&self) -> PathBuf {
        self.folder.join("vigie.toml")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Writes everything the service needs, and builds the indexes.
    pub fn prepare(&self, systems: &[System], story: &Story) -> Result<()> {
        let key = Key::generate()?;
        key.save(&self.folder.join("vigie.key"))?;
        for system in systems {
            let started = Instant::now();
            let folder = watchlist_folder(&self.folder, system.id);
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(RECORDS_FILE), &system.watchlist)?;
            let list = read_record_watchlist(&folder)?;
            let mut records = 0;
            for (date, csv) in &system.exports {
                let export = self.folder.join("export.csv");
                fs::write(&export, csv)?;
                let build = Build {
                    watchlist: &list.watchlist,
                    snapshot: date.parse()?,
                    key: &key,
                    countries: &Countries::default(),
                };
                records = build_file(&export, &folder.join(format!("{date}.vfi")), build, &|_| ())?.records;
                // From here on only fingerprints are left.
                fs::remove_file(&export)?;
            }
            let ms = started.elapsed().as_millis();
            let snapshots = counted(system.exports.len() as u64, "snapshot");
            story.tell("indexed", &format!("{}: {records} made-up customers, {snapshots}, {ms} ms", system.id));
        }
        fs::write(self.config(), self.configuration())?;
        story.tell("sites", &format!("a paste site on {} and a forum on {}", self.paste_site, self.forum));
        Ok(())
    }

    /// The configuration, as an operator would write it; only the intervals are short.
    fn configuration(&self) -> String {
        let (paste_site, forum) = (self.paste_site, self.forum);
        format!(
            r##"state = "state"
key_file = "vigie.key"
watchlists = "watchlists"

[log]
level = "vigie=debug,warn"
format = "json"

[service]
listen = "127.0.0.1:0"

[net]
contact = "demo@example.org"

[alert.channels.{CERT}]
when = {{ verdicts = ["leak", "term"] }}
file = {{ path = "alerts.jsonl" }}

[alert.channels.desk]
stream = {{ path = "alerts.sock" }}

[[site]]
id = "{PASTES}"
kind = "json"
url = "http://{paste_site}/recent.json"
allow_hosts = ["{paste_site}"]
interval = "1s"
gap = "20ms"

[site.listing]
items = ""
id = "key"
url = "link"
raw = "raw"
title = "title"
author = "user"

[[site]]
id = "{FORUM}"
kind = "html"
url = "http://{forum}/"
allow_hosts = ["{forum}"]
interval = "1s"
gap = "20ms"

[site.listing]
items = "#threads li"
url = "a.thread@href"
title = "a.thread"
valid = "#threads"

[site.post]
items = "article.post"
id = "@id"
body = ".text"
author = ".author"
attachments = "a.attachment@href"
"##
        )
    }
}
