//! `terms.toml`: a term watchlist, read and checked. What is a match, and the limits of a pattern, are the affair of
//! `matching`.

use std::path::Path;

use serde::Deserialize;

use super::document::Text;
use super::problem::Problems;
use super::watchlist::checked_id;
use crate::model::{Pap, Severity, SystemId, TermWatchlist, Tlp};

/// The name of the file within a term watchlist's folder.
pub const TERMS_FILE: &str = "terms.toml";

/// `terms.toml` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    /// The watchlist's identifier; the same as the folder's name.
    id: Option<SystemId>,
    /// Its name in words. Default: the identifier.
    name: Option<String>,
    /// `low`, `medium`, `high` or `critical`. Default: `medium`.
    severity: Severity,
    /// `clear`, `green`, `amber`, `amber+strict` or `red`. Default: `amber`.
    tlp: Tlp,
    /// What those may do with it: `clear`, `green`, `amber`, `red`. Default: `amber`.
    pap: Pap,
    /// Words and phrases, matched as whole words without regard to case.
    words: Vec<String>,
    /// Regular expressions.
    regexes: Vec<String>,
    /// Made-up texts in which the watchlist must match.
    examples: Vec<String>,
    /// Made-up texts in which it must not.
    counter_examples: Vec<String>,
}

/// The shortest word that is accepted: shorter ones stand in every text.
const MIN_WORD: usize = 3;

/// Reads the term watchlist in `folder`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_term_watchlist(folder: &Path) -> Result<TermWatchlist, Problems> {
    parse_term_watchlist(folder, &Text::open(&folder.join(TERMS_FILE))?)
}

/// The same for a text that may not stand there yet.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_term_watchlist(folder: &Path, text: &Text) -> Result<TermWatchlist, Problems> {
    let document = text.parse();
    let root = document.root();
    let raw: Raw = root.read();
    for (i, word) in raw.words.iter().enumerate() {
        if word.trim().chars().count() < MIN_WORD {
            root.problem(
                &format!("words.{i}"),
                format!("`{word}` is too short to mean anything; hint: at least {MIN_WORD} characters, or a regex"),
            );
        }
    }
    for (i, pattern) in raw.regexes.iter().enumerate() {
        if let Err(reason) = check_regex(pattern) {
            root.problem(&format!("regexes.{i}"), reason);
        }
    }
    if raw.words.is_empty() && raw.regexes.is_empty() && !root.has("words") && !root.has("regexes") {
        root.problem("", "no terms; hint: write words = [\"…\"] or regexes = ['…']");
    }
    let id = checked_id(root, folder, raw.id);
    document.into_problems().or_ok(|| {
        let id = id.expect("an identifier that is missing is a problem");
        TermWatchlist {
            name: raw.name.unwrap_or_else(|| id.to_string()),
            id,
            severity: raw.severity,
            tlp: raw.tlp,
            pap: raw.pap,
            words: raw.words,
            regexes: raw.regexes,
            examples: raw.examples,
            counter_examples: raw.counter_examples,
        }
    })
}

/// The largest compiled form of one pattern, in bytes.
const MAX_REGEX: usize = 1 << 20;

fn check_regex(pattern: &str) -> Result<(), String> {
    let compiled = regex::bytes::RegexBuilder::new(pattern).size_limit(MAX_REGEX).build();
    match compiled {
        Ok(regex) if regex.is_match(b"") => {
            Err(format!("`{pattern}` matches the empty text, so it would match everywhere; hint: use + instead of *"))
        }
        Ok(_) => Ok(()),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(format!("`{pattern}` becomes larger than {} KiB; hint: use smaller repetition counts", MAX_REGEX >> 10))
        }
        // The crate draws the pattern with a caret below it, over several lines; its last line says what is wrong.
        Err(error) => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Err(format!(
                "`{pattern}` is no regular expression: {last}; hint: the syntax is the regex crate's, without look-around"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TermWatchlist, Problems> {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("words");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(TERMS_FILE), text).unwrap();
        read_term_watchlist(&folder)
    }

    #[test]
    fn a_good_file_is_read() {
        let read = read("id = \"words\"\nwords = [\"Projet Écluse\"]\nregexes = ['\\bMS\\d{9}\\b']\n").unwrap();
        assert_eq!((read.words.len(), read.regexes.len(), read.name.as_str()), (1, 1, "words"));
    }

    #[test]
    fn terms_that_match_everything_or_nothing_are_refused_with_their_line() {
        let text = "id = \"words\"\nwords = [\n  \"fine\",\n  \"x\",\n]\nregexes = [\n  'a*',\n  '(',\n  '(?=x)',\n  '\\w{999}{999}',\n]\n";
        let problems = read(text).unwrap_err();
        let lines: Vec<_> = problems.iter().map(|p| p.line).collect();
        assert_eq!(lines, [4, 7, 8, 9, 10].map(Some), "{problems}");
        assert!(read("id = \"words\"\n").unwrap_err().to_string().contains("no terms"));
    }
}
