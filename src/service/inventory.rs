//! What the service runs with, as hashes: so that the audit log shows when configuration or watchlists changed, and how
//! they were at any time, without holding them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::pipeline::Engine;
use crate::signing::hex;

/// Bytes of an index that are hashed: its header, which holds the checksums of everything behind it.
const INDEX_HEAD: u64 = 64 << 10;

/// Bytes of any other file: larger ones are refused when they are read.
const FILE: u64 = 16 << 20;

/// Names of what changed that are told one by one.
const NAMED: usize = 30;

/// Files by name, with the hash of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory(BTreeMap<String, String>);

impl Inventory {
    /// The configuration with the folder of sites.
    #[must_use]
    pub fn of_config(config: &Config) -> Self {
        let listed = config.sites_folder.iter().flat_map(std::fs::read_dir).flatten().flatten().map(|e| e.path());
        let toml = listed.filter(|path| path.extension().is_some_and(|e| e == "toml"));
        Self(std::iter::once(config.file.clone()).chain(toml).map(|path| (named(&path), digest(&path, FILE))).collect())
    }

    /// The watchlists in use, with their indexes.
    #[must_use]
    pub fn of_watchlists(engine: &Engine, folder: &Path) -> Self {
        let mut files: Vec<(PathBuf, u64)> = Vec::new();
        for list in &engine.records {
            files.push((list.folder.join(crate::config::RECORDS_FILE), FILE));
            files.extend(list.indexes.iter().map(|index| (index.clone(), INDEX_HEAD)));
        }
        files.extend(engine.terms.iter().map(|list| {
            let file = folder.join(list.id.as_str()).join(crate::config::TERMS_FILE);
            (file, FILE)
        }));
        let name = |path: &Path| path.strip_prefix(folder).map_or_else(|_| named(path), |p| p.display().to_string());
        Self(files.into_iter().map(|(path, max)| (name(&path), digest(&path, max))).collect())
    }

    /// One hash over all of it: SHA-256 of a line `hash  name` for each, by name.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut all = Sha256::new();
        for (name, hash) in &self.0 {
            all.update(format!("{hash}  {name}\n"));
        }
        hex(&all.finalize())
    }

    /// What is there that was not, and the other way round, and what is not what it was; for an audit entry.
    #[must_use]
    pub fn changes(&self, before: &Self) -> Vec<(&'static str, String)> {
        let only_in = |one: &Self, other: &Self| {
            one.0.keys().filter(|name| !other.0.contains_key(*name)).cloned().collect::<Vec<_>>()
        };
        let altered = self.0.iter().filter(|(name, hash)| before.0.get(*name).is_some_and(|was| was != *hash));
        let told = [
            ("added", only_in(self, before)),
            ("removed", only_in(before, self)),
            ("altered", altered.map(|(name, _)| name.clone()).collect()),
        ];
        told.into_iter().filter(|(_, names)| !names.is_empty()).map(|(what, names)| (what, some(&names))).collect()
    }
}

fn some(names: &[String]) -> String {
    let told = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > NAMED { format!("{told} and {} more", names.len() - NAMED) } else { told }
}

fn named(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// SHA-256 of a file's first bytes and its length; a word where it cannot be read.
fn digest(path: &Path, max: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| {
        let length = file.metadata()?.len();
        file.take(max).read_to_end(&mut bytes).map(|_| length)
    });
    match read {
        Ok(length) if length > max => {
            hex(&Sha256::new().chain_update(length.to_be_bytes()).chain_update(&bytes).finalize())
        }
        Ok(_) => hex(&Sha256::digest(&bytes)),
        Err(_) => "unreadable".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_named_and_changes_the_hash() {
        let of = |entries: &[(&str, &str)]| {
            Inventory(entries.iter().map(|(name, hash)| ((*name).into(), (*hash).into())).collect())
        };
        let before = of(&[("crm/2026-03-01.vfi", "1"), ("crm/watchlist.toml", "2")]);
        let after = of(&[("crm/2026-09-01.vfi", "1"), ("crm/watchlist.toml", "3")]);
        assert_ne!(before.hash(), after.hash());
        let expected = [
            ("added", "crm/2026-09-01.vfi".to_owned()),
            ("removed", "crm/2026-03-01.vfi".to_owned()),
            ("altered", "crm/watchlist.toml".to_owned()),
        ];
        assert_eq!(after.changes(&before), expected);
        assert_eq!(after.changes(&after), []);
    }
}
