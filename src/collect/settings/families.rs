//! Families: definitions for a kind of software, which a site names to inherit every key it does not write itself.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// The definitions that ship, by file name. Each is tried by a test on its own examples.
const BUILT_IN: &[(&str, &str)] = &[
    ("bepasty", include_str!("../../../sites/bepasty.toml")),
    ("directory", include_str!("../../../sites/directory.toml")),
    ("discourse", include_str!("../../../sites/discourse.toml")),
    ("dokuwiki", include_str!("../../../sites/dokuwiki.toml")),
    ("feed", include_str!("../../../sites/feed.toml")),
    ("flaskbb", include_str!("../../../sites/flaskbb.toml")),
    ("forum", include_str!("../../../sites/forum.toml")),
    ("github-gists", include_str!("../../../sites/github-gists.toml")),
    ("gitlab-snippets", include_str!("../../../sites/gitlab-snippets.toml")),
    ("hyperkitty", include_str!("../../../sites/hyperkitty.toml")),
    ("ideone", include_str!("../../../sites/ideone.toml")),
    ("machina", include_str!("../../../sites/machina.toml")),
    ("mediawiki", include_str!("../../../sites/mediawiki.toml")),
    ("mhonarc", include_str!("../../../sites/mhonarc.toml")),
    ("misago", include_str!("../../../sites/misago.toml")),
    ("mybb", include_str!("../../../sites/mybb.toml")),
    ("nodebb", include_str!("../../../sites/nodebb.toml")),
    ("pastebin", include_str!("../../../sites/pastebin.toml")),
    ("pastes", include_str!("../../../sites/pastes.toml")),
    ("phpbb", include_str!("../../../sites/phpbb.toml")),
    ("pipermail", include_str!("../../../sites/pipermail.toml")),
    ("public-inbox", include_str!("../../../sites/public-inbox.toml")),
    ("reddit", include_str!("../../../sites/reddit.toml")),
    ("rustypaste", include_str!("../../../sites/rustypaste.toml")),
    ("slexy", include_str!("../../../sites/slexy.toml")),
    ("spirit", include_str!("../../../sites/spirit.toml")),
    ("telegram", include_str!("../../../sites/telegram.toml")),
    ("vbulletin", include_str!("../../../sites/vbulletin.toml")),
    ("xenforo", include_str!("../../../sites/xenforo.toml")),
];

/// One definition.
#[derive(Debug, Clone)]
pub struct Family {
    /// Its name, which `family = ` takes.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// The keys it gives.
    pub keys: Table,
}

/// All definitions known: those that ship, and the operator's own, which win.
#[derive(Debug, Clone, Default)]
pub struct Families(BTreeMap<String, Family>);

impl Families {
    /// The definitions that ship.
    #[must_use]
    pub fn built_in() -> Self {
        let mut families = Self::default();
        for (name, text) in BUILT_IN {
            // A test reads each of them.
            if let Err(error) = families.add(name, text) {
                debug_assert!(false, "{name}: {error}");
            }
        }
        families
    }

    /// Adds a definition, replacing one of the same name.
    ///
    /// # Errors
    /// The text is not TOML.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), String> {
        let mut keys: Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
        let description = match keys.remove("description") {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        self.0.insert(name.to_owned(), Family { name: name.to_owned(), description, keys });
        Ok(())
    }

    /// A definition by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Family> {
        self.0.get(name)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Family> {
        self.0.values()
    }
}

/// `site` with the keys of `family` below it: tables are merged, anything else is the site's if it writes it.
pub(super) fn merged(family: &Table, site: &Table) -> Table {
    let mut whole = family.clone();
    for (key, value) in site {
        match (whole.get_mut(key), value) {
            // A value's place is one thing, not a table to mix from two hands.
            (Some(Value::Table(below)), Value::Table(above)) if matches!(key.as_str(), "listing" | "post") => {
                for (key, value) in above {
                    below.insert(key.clone(), value.clone());
                }
            }
            _ => {
                whole.insert(key.clone(), value.clone());
            }
        }
    }
    whole
}
