//! The folder of watchlists: one folder for each, read side by side. A faulty one is left out with its problems, and
//! the others are used.

use std::path::{Path, PathBuf};

use super::problem::{Problem, Problems};
use super::terms::{TERMS_FILE, read_term_watchlist};
use super::watchlist::{RECORDS_FILE, RecordWatchlist, read_record_watchlist};
use crate::model::TermWatchlist;

/// Every watchlist that could be read, and what was wrong with the others.
#[derive(Debug, Default)]
pub struct Watchlists {
    /// Source systems, by folder name.
    pub records: Vec<RecordWatchlist>,
    /// Term watchlists, by folder name.
    pub terms: Vec<TermWatchlist>,
    /// What was wrong.
    pub problems: Problems,
    /// How many watchlists are left out for it.
    pub refused: usize,
}

/// Reads all watchlists below `folder`. Hidden folders and plain files are passed over.
#[must_use]
pub fn read_watchlists(folder: &Path) -> Watchlists {
    let mut found = Watchlists::default();
    for entry in folders(folder, &mut found.problems) {
        let (records, terms) = (entry.join(RECORDS_FILE).exists(), entry.join(TERMS_FILE).exists());
        let read = match (records, terms) {
            (true, false) => read_record_watchlist(&entry).map(|list| found.records.push(list)),
            (false, true) => read_term_watchlist(&entry).map(|list| found.terms.push(list)),
            (both, _) => {
                let message = if both {
                    format!("holds both {RECORDS_FILE} and {TERMS_FILE}; hint: give each a folder of its own")
                } else {
                    format!("holds neither {RECORDS_FILE} nor {TERMS_FILE}; hint: see `vigie watchlist add --help`")
                };
                let mut problems = Problems::default();
                problems.push(Problem::whole(&entry, message));
                Err(problems)
            }
        };
        if let Err(problems) = read {
            found.refused += 1;
            found.problems.append(problems);
        }
    }
    found
}

fn folders(folder: &Path, problems: &mut Problems) -> Vec<PathBuf> {
    if folder.join(RECORDS_FILE).exists() || folder.join(TERMS_FILE).exists() {
        let message = "is one watchlist, not the folder of all of them; hint: name the folder above it";
        problems.push(Problem::whole(folder, message));
        return Vec::new();
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(Problem::whole(
                folder,
                format!("cannot be read: {error}; hint: this is where watchlists are looked for"),
            ));
            return Vec::new();
        }
    };
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faulty_watchlist_is_named_and_the_others_are_read() {
        let top = tempfile::tempdir().unwrap();
        let write = |folder: &str, file: &str, text: &str| {
            std::fs::create_dir_all(top.path().join(folder)).unwrap();
            std::fs::write(top.path().join(folder).join(file), text).unwrap();
        };
        write("crm", RECORDS_FILE, "id = \"crm\"\n[columns]\nmail = \"email\"\n");
        write("broken", RECORDS_FILE, "id = \"broken\"\n[columns\n");
        write("words", TERMS_FILE, "id = \"words\"\nwords = [\"secret project\"]\n");
        write("empty", "notes.txt", "");
        write(".git", "config", "");
        let found = read_watchlists(top.path());
        assert_eq!((found.records.len(), found.terms.len(), found.refused), (1, 1, 2), "{}", found.problems);
        assert!(found.problems.to_string().contains("broken/watchlist.toml:2"), "{}", found.problems);
        assert!(found.problems.to_string().contains("empty: holds neither"), "{}", found.problems);
    }

    #[test]
    fn a_folder_that_is_not_there_or_one_too_deep_is_said() {
        let top = tempfile::tempdir().unwrap();
        assert_eq!(read_watchlists(&top.path().join("gone")).problems.len(), 1);
        std::fs::write(top.path().join(TERMS_FILE), "").unwrap();
        assert!(read_watchlists(top.path()).problems.to_string().contains("the folder above"));
    }
}
