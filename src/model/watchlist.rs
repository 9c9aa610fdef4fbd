//! What analysts and data owners declare: a source system's record watchlist, a term watchlist, and the two scales
//! every alert carries, with what its readers may do. Reading and checking the files is the affair of `config`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::field::FieldKind;
use super::ids::SystemId;

/// How bad a leak from a system would be, as its owner says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a line in a digest.
    Low,
    /// Worth a look within the day.
    #[default]
    Medium,
    /// Worth waking somebody.
    High,
    /// Worth waking everybody.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// Traffic Light Protocol 2.0 (FIRST), which limits who an alert may be shown to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tlp {
    /// May be published.
    Clear,
    /// The community.
    Green,
    /// The organisation and its clients, on a need-to-know basis.
    #[default]
    Amber,
    /// The organisation only.
    #[serde(rename = "amber+strict")]
    AmberStrict,
    /// The named recipients only.
    Red,
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear => "clear",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::AmberStrict => "amber+strict",
            Self::Red => "red",
        })
    }
}

/// Permissible Actions Protocol, which limits what a receiver may do with what it learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pap {
    /// Anything.
    Clear,
    /// Active actions that do not reveal the knowledge.
    Green,
    /// Passive checks only.
    #[default]
    Amber,
    /// Only on isolated systems.
    Red,
}

impl fmt::Display for Pap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear => "clear",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
        })
    }
}

/// A record watchlist: one source system, as declared in its `watchlist.toml`. Its indexes stand beside the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watchlist {
    /// The source system.
    pub id: SystemId,
    /// Its name in words.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// How to reach them.
    pub contact: String,
    /// How bad a leak from it would be.
    pub severity: Severity,
    /// Who may be told.
    pub tlp: Tlp,
    /// What those may do with it.
    pub pap: Pap,
    /// `ref`s of seeded records that belong to nobody: where one turns up, the system leaked.
    pub canaries: Vec<String>,
    /// Header in the export, and the kind of value below it. A column left out is not fingerprinted.
    pub columns: Vec<(String, FieldKind)>,
}

/// A term watchlist: words and patterns that matter by themselves, whoever's records stand around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermWatchlist {
    /// Folder name.
    pub id: SystemId,
    /// Its name in words.
    pub name: String,
    /// How bad a match is.
    pub severity: Severity,
    /// Who may be told.
    pub tlp: Tlp,
    /// What those may do with it.
    pub pap: Pap,
    /// Words and phrases: matched without regard to case, as whole words.
    pub words: Vec<String>,
    /// Regular expressions in the syntax of the `regex` crate (linear time, no look-around).
    pub regexes: Vec<String>,
    /// YARA rules, by file.
    pub yara: Vec<RuleText>,
    /// Synthetic texts in which the watchlist must match; `watchlist check` tries them.
    pub examples: Vec<Example>,
    /// Synthetic texts in which it must not.
    pub counter_examples: Vec<Example>,
}

impl TermWatchlist {
    /// How many words, patterns and rules it looks for.
    #[must_use]
    pub fn term_count(&self) -> usize {
        self.words.len() + self.regexes.len() + self.yara.iter().map(|text| text.rules.len()).sum::<usize>()
    }
}

/// YARA rules as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Name of the file within the watchlist's folder; for rules that stand in the declaration, its name.
    pub file: String,
    /// The rules.
    pub text: String,
    /// Names of those that are reported (the others are `private`).
    pub rules: Vec<String>,
}

/// A synthetic text on which a term watchlist is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The text.
    pub text: String,
    /// The words, patterns and rules that it is about; all of the watchlist if none is named.
    pub terms: Vec<String>,
}
