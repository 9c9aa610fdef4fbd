//! `watchlist.toml`: a source system's record watchlist, read and checked.
//!
//! Which columns can find a record together is said in `docs/index-format.md`; here it is only made sure that some can.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::document::{Section, Text, closest};
use super::problem::{Problem, Problems};
use crate::model::{FieldKind, Pap, Severity, Strength, SystemId, Tlp, Watchlist};

/// The name of the file within a record watchlist's folder.
pub const RECORDS_FILE: &str = "watchlist.toml";

/// A record watchlist and the indexes that stand beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordWatchlist {
    /// What its file says.
    pub watchlist: Watchlist,
    /// Its folder.
    pub folder: PathBuf,
    /// Its index files, by name.
    pub indexes: Vec<PathBuf>,
}

/// `watchlist.toml` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    /// The system's identifier; the same as the folder's name.
    id: Option<SystemId>,
    /// Its name in words. Default: the identifier.
    name: Option<String>,
    /// Who answers for it.
    owner: String,
    /// How to reach them.
    contact: String,
    /// `low`, `medium`, `high` or `critical`. Default: `medium`.
    severity: Severity,
    /// `clear`, `green`, `amber`, `amber+strict` or `red`. Default: `amber`.
    tlp: Tlp,
    /// What those may do with it: `clear`, `green`, `amber`, `red`. Default: `amber`.
    pap: Pap,
    /// `ref`s of seeded records.
    canaries: Vec<String>,
}

/// Reads the record watchlist in `folder`.
pub fn read_record_watchlist(folder: &Path) -> Result<RecordWatchlist, Problems> {
    let text = Text::open(&folder.join(RECORDS_FILE))?;
    let document = text.parse();
    let root = document.root();
    let raw: Raw = root.read_without(&["columns"]);
    let columns = columns(root);
    let id = checked_id(root, folder, raw.id);
    let mut problems = document.into_problems();
    let indexes = index_files(folder, &mut problems);
    problems.or_ok(|| {
        let id = id.expect("an identifier that is missing is a problem");
        let watchlist = Watchlist {
            name: raw.name.unwrap_or_else(|| id.to_string()),
            id,
            owner: raw.owner,
            contact: raw.contact,
            severity: raw.severity,
            tlp: raw.tlp,
            pap: raw.pap,
            canaries: raw.canaries,
            columns,
        };
        RecordWatchlist { watchlist, folder: folder.to_owned(), indexes }
    })
}

/// The identifier must be the folder's name: what is read in an alert is what is found on disk.
pub(super) fn checked_id(root: Section<'_>, folder: &Path, id: Option<SystemId>) -> Option<SystemId> {
    if id.is_none() && !root.has("id") {
        root.problem("", "`id` is missing; hint: write id = \"name-of-the-folder\"");
    }
    let id = id?;
    // `.` and `..` have no name of their own; a folder that is yet to be made has only the one given.
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = real.file_name().map(|name| name.to_string_lossy().into_owned());
    if let Some(name) = name.filter(|name| name != id.as_str()) {
        root.problem("id", format!("`{id}` stands in a folder called `{name}`; hint: give both the same name"));
    }
    Some(id)
}

fn columns(root: Section<'_>) -> Vec<(String, FieldKind)> {
    let Some(section) = root.section("columns") else {
        if !root.has("columns") {
            root.problem(
                "",
                "`[columns]` is missing; hint: list the export's headers, each with the kind of its values",
            );
        }
        return Vec::new();
    };
    let names: Vec<&str> = FieldKind::ALL.iter().map(|kind| kind.name()).collect();
    let mut columns = Vec::new();
    let mut faulty = false;
    for (header, kind) in section.strings() {
        match kind.map(str::parse::<FieldKind>) {
            Some(Ok(kind)) => columns.push((header.to_owned(), kind)),
            wrong => {
                faulty = true;
                let near = kind.and_then(|kind| closest(kind, &names));
                let hint =
                    near.map_or_else(|| format!("one of {}", names.join(", ")), |n| format!("did you mean \"{n}\"?"));
                let what = if wrong.is_some() { "is no field kind" } else { "must name a field kind" };
                section.problem(header, format!("column `{header}` {what}; hint: {hint}"));
            }
        }
    }
    if !faulty && !can_find(&columns) {
        section.problem(
            "",
            "these columns cannot find a record; hint: add an email, phone, iban, contract, username or ref column, \
             or names together with a birth_date or postcode",
        );
    }
    columns
}

/// Whether some columns, alone or together, name one record.
fn can_find(columns: &[(String, FieldKind)]) -> bool {
    let has = |kind| columns.iter().any(|(_, k)| *k == kind);
    let alone = columns.iter().any(|(_, k)| k.strength() == Strength::Strong && *k != FieldKind::Siren);
    let named = has(FieldKind::FullName) || (has(FieldKind::LastName) && has(FieldKind::FirstName));
    alone
        || (named && (has(FieldKind::BirthDate) || has(FieldKind::Postcode)))
        || (has(FieldKind::Siren) && columns.len() > 1)
}

/// The index files beside a watchlist, by name; a file that pretends to be one is a problem.
fn index_files(folder: &Path, problems: &mut Problems) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return files };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_none_or(|e| e != "vfi") {
            continue;
        }
        let dated = path.file_stem().and_then(|s| s.to_str()).is_some_and(|s| s.parse::<jiff::civil::Date>().is_ok());
        if dated {
            files.push(path);
        } else {
            problems.push(Problem::whole(&path, "an index is named by its snapshot; hint: YYYY-MM-DD.vfi"));
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folder_name: &str, text: &str) -> Result<RecordWatchlist, Problems> {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join(folder_name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(RECORDS_FILE), text).unwrap();
        std::fs::write(folder.join("2026-03-01.vfi"), "").unwrap();
        read_record_watchlist(&folder)
    }

    const GOOD: &str = "id = \"crm\"\nname = \"CRM\"\nowner = \"o\"\ncontact = \"c@example.org\"\nseverity = \"high\"\n\
                        tlp = \"amber+strict\"\ncanaries = [\"C1\"]\n[columns]\nzid = \"ref\"\n\"e mail\" = \"email\"\nnom = \"last_name\"\n";

    #[test]
    fn a_good_file_is_read_with_its_columns_in_order_and_its_indexes() {
        let read = read("crm", GOOD).unwrap();
        let headers: Vec<_> = read.watchlist.columns.iter().map(|(h, k)| (h.as_str(), *k)).collect();
        assert_eq!(headers, [("zid", FieldKind::Ref), ("e mail", FieldKind::Email), ("nom", FieldKind::LastName)]);
        assert_eq!((read.watchlist.severity, read.watchlist.tlp), (Severity::High, Tlp::AmberStrict));
        assert_eq!(read.indexes.len(), 1);
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let text = "id = \"CRM\"\nseverity = \"huge\"\ntlp = \"purple\"\nowners = \"x\"\n[columns]\nmail = \"emial\"\ntel = 3\n";
        let problems = read("crm", text).unwrap_err();
        let lines: Vec<_> = problems.iter().map(|p| p.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 6, 7].map(Some), "{problems}");
        assert!(problems.to_string().contains("did you mean \"email\"?"), "{problems}");
    }

    #[test]
    fn what_could_never_work_is_refused() {
        for (folder, from, to, expected) in
            [("portal", "", "", "stands in a folder called `portal`"), ("crm", "id = \"crm\"\n", "", "`id` is missing")]
        {
            let problems = read(folder, &GOOD.replace(from, to)).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems}");
            assert!(problems.to_string().contains(expected), "{problems}");
        }
        let unfindable = "id = \"crm\"\n[columns]\nnom = \"last_name\"\nville = \"city\"\n";
        assert!(read("crm", unfindable).unwrap_err().to_string().contains("cannot find a record"));
    }
}
