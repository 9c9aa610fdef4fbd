//! The sites: `[[site]]` tables of the configuration itself and of the files in its folder of sites. What a table may say
//! is the affair of `collect`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::document::{Document, Section, Text, named};
use super::problem::{Problem, Problems};
use crate::collect::{Families, Site, check_sites};

/// What else may stand in a file of the folder of sites: nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Nothing {}

/// Where sites and the operator's own families are declared.
#[derive(Debug, Clone, Default)]
pub(super) struct SiteFolders {
    /// Files with `[[site]]` tables.
    pub sites: Option<PathBuf>,
    /// Files that are a family each, named by it.
    pub families: Option<PathBuf>,
}

/// Reads all sites. Problems of the main file go to it; those of the others come back.
pub(super) fn read_sites(main: Section<'_>, folders: &SiteFolders) -> (Vec<Site>, Problems) {
    let mut problems = Problems::default();
    let families = families(folders.families.as_deref(), &mut problems);
    let mut texts = Vec::new();
    for file in toml_files(folders.sites.as_deref(), &mut problems) {
        match Text::open(&file) {
            Ok(text) => texts.push(text),
            Err(found) => problems.append(found),
        }
    }
    let documents: Vec<Document<'_>> = texts.iter().map(Text::parse).collect();
    let mut sections = main.sections("site");
    for document in &documents {
        let _: Nothing = document.root().read_without(&["site"]);
        sections.extend(document.root().sections("site"));
    }
    let tables: Vec<toml::Table> = sections.iter().map(|section| section.read()).collect();
    let sites = check_sites(&tables, &families).unwrap_or_else(|errors| {
        for (at, error) in errors {
            sections[at].problem(&error.key, format!("site `{}`: {}", error.site, named(&error.key, &error.message)));
        }
        Vec::new()
    });
    drop(sections);
    for document in documents {
        problems.append(document.into_problems());
    }
    (sites, problems)
}

/// The families that ship and the operator's own.
fn families(folder: Option<&Path>, problems: &mut Problems) -> Families {
    let mut families = Families::built_in();
    for file in toml_files(folder, problems) {
        let Some(name) = file.file_stem().and_then(|name| name.to_str()) else { continue };
        let added = std::fs::read_to_string(&file).map_err(|error| error.to_string());
        if let Err(error) = added.and_then(|text| families.add(name, &text)) {
            problems.push(Problem::whole(&file, error));
        }
    }
    families
}

/// The `.toml` files of a folder, by name.
fn toml_files(folder: Option<&Path>, problems: &mut Problems) -> Vec<PathBuf> {
    let Some(folder) = folder else { return Vec::new() };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(Problem::whole(folder, format!("cannot be read: {error}")));
            return Vec::new();
        }
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    files
}
