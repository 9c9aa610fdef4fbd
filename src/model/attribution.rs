//! What is said of one document: the verdict, which systems it may have been taken from, when, and why.
//!
//! [`ScanReport`] is the object of the `--format jsonl` contract; its field names and order are fixed.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::field::FieldKind;
use super::ids::SystemId;
use super::skip::Skip;

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing of ours.
    Clear,
    /// Only a term watchlist matched.
    Term,
    /// Records of ours inside somebody else's data.
    Overlap,
    /// A watched system is the likeliest origin.
    Leak,
}

impl Verdict {
    /// Whether somebody ought to be told.
    #[must_use]
    pub fn is_finding(self) -> bool {
        self != Self::Clear
    }

    /// The word used in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Term => "term",
            Self::Overlap => "overlap",
            Self::Leak => "leak",
        }
    }
}

/// One system that the document may have been taken from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SystemAttribution {
    /// The system.
    pub system: SystemId,
    /// The likeliest snapshot of it.
    pub snapshot: Date,
    /// First and last day on which an export would have shown these values.
    pub snapshot_interval: [Date; 2],
    /// Probability that the document was taken from this system, 0 to 1.
    pub probability: f64,
    /// Distinct records of the system that matched.
    pub records: u64,
    /// Rows of the document that the system explains.
    pub rows: u64,
    /// Distinct canaries among the records.
    pub canaries: u64,
    /// Kinds of personal data shown of the matched records (`ref` and `text` are not kinds of personal data).
    pub fields: Vec<FieldKind>,
    /// The records' own keys in the system, for whoever holds the key and asks (`--refs`). Opaque, not personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refs: Option<Vec<String>>,
    /// Why, in words with numbers, weightiest first. Never a value.
    pub reasons: Vec<String>,
}

/// A word, pattern or rule of a term watchlist that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermMatch {
    /// The term watchlist.
    pub watchlist: SystemId,
    /// The term as written in the watchlist (never the text it matched).
    pub term: String,
    /// How often it was found; counting stops at a limit.
    pub count: u64,
}

/// What is said of one input file. The contract of `vigie scan --format jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanReport {
    /// The input as named on the command line, or `POST/ATTACHMENT` in the service.
    pub document: String,
    /// BLAKE3 of the input as received, in hex.
    pub blake3: String,
    /// The answer in one word.
    pub verdict: Verdict,
    /// Every system with matched records, likeliest first, whatever the verdict.
    pub attribution: Vec<SystemAttribution>,
    /// Probability that no watched system is the origin.
    pub outside: f64,
    /// Rows of the document with any value in them.
    pub rows: u64,
    /// Terms found.
    pub terms: Vec<TermMatch>,
    /// Bytes read, after unpacking.
    pub bytes: u64,
    /// What was not read, and why.
    pub skipped: Vec<Skip>,
}
