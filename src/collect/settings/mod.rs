//! Site definitions: written form (`raw`), families, and the checked form that readers work with.
//!
//! Checking returns every error at once; `config` adds file and line.

mod bucket;
mod check;
mod checked;
mod control;
mod families;
mod follow;
mod login;
pub mod raw;

pub use checked::{
    BucketRules, ControlRules, Examples, InboxRules, Item, ListForm, ListRules, LoginRules, MboxRules, PostRules, Site,
    Source, WebRules,
};
pub use families::{Families, Family};

use std::collections::BTreeSet;

/// One thing that is wrong with a site's settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("site `{site}`: {key}: {message}")]
pub struct SettingError {
    /// The site's id, or its number in the file where it has none (`#2`).
    pub site: String,
    /// The key, dotted: `listing.url`.
    pub key: String,
    /// What is wrong, then `; hint: …`.
    pub message: String,
}

/// Checks all `[[site]]` tables of a configuration. Errors carry the table's place in the list, from 0.
///
/// # Errors
/// Everything that is wrong with any of them, in order.
pub fn check_sites(tables: &[toml::Table], families: &Families) -> Result<Vec<Site>, Vec<(usize, SettingError)>> {
    let (mut sites, mut errors, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (at, table) in tables.iter().enumerate() {
        match Site::from_table(table, families) {
            Ok(site) => {
                if !ids.insert(site.id.clone()) {
                    let message = "used by another site already; hint: ids are unique".to_owned();
                    errors.push((at, SettingError { site: site.id.to_string(), key: "id".into(), message }));
                }
                sites.push(site);
            }
            Err(found) => errors.extend(found.into_iter().map(|mut error| {
                if error.site.is_empty() {
                    error.site = format!("#{}", at + 1);
                }
                (at, error)
            })),
        }
    }
    if errors.is_empty() { Ok(sites) } else { Err(errors) }
}
