//! What was not read, and why. Nothing is ever skipped in silence: every cut leaves one of these.

use serde::{Deserialize, Serialize};

/// Why a part of a document was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// More bytes, once expanded, than are read of one document.
    TooLarge,
    /// The compressed form expands too well to be honest.
    CompressionRatio,
    /// Archives nested too deeply.
    ArchiveDepth,
    /// Too many members in an archive.
    ArchiveMembers,
    /// Markup or JSON nested too deeply.
    Nesting,
    /// A line, row or cell longer than is read whole.
    TooLong,
    /// More rows than are examined.
    TooManyRows,
    /// The time allowed for one document ran out.
    Time,
    /// The memory allowed for one document ran out.
    Memory,
    /// An encrypted archive or file, and no password found that opens it.
    Encrypted,
    /// Known format that is not read (named in `what`).
    Unsupported,
    /// The bytes do not follow their own format from some point on.
    Damaged,
    /// Recognised as holding no text (pictures, programs, noise).
    Binary,
    /// The reading process died on it; kept aside.
    Quarantined,
    /// The file or the network failed while it was read.
    Unreadable,
    /// Fetched less than the site announced, or not at all.
    NotFetched,
}

impl SkipReason {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::TooLarge,
        Self::CompressionRatio,
        Self::ArchiveDepth,
        Self::ArchiveMembers,
        Self::Nesting,
        Self::TooLong,
        Self::TooManyRows,
        Self::Time,
        Self::Memory,
        Self::Encrypted,
        Self::Unsupported,
        Self::Damaged,
        Self::Binary,
        Self::Quarantined,
        Self::Unreadable,
        Self::NotFetched,
    ];

    /// The reason as written in reports and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::CompressionRatio => "compression_ratio",
            Self::ArchiveDepth => "archive_depth",
            Self::ArchiveMembers => "archive_members",
            Self::Nesting => "nesting",
            Self::TooLong => "too_long",
            Self::TooManyRows => "too_many_rows",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Encrypted => "encrypted",
            Self::Unsupported => "unsupported",
            Self::Damaged => "damaged",
            Self::Binary => "binary",
            Self::Quarantined => "quarantined",
            Self::Unreadable => "unreadable",
            Self::NotFetched => "not_fetched",
        }
    }
}

/// One part of a document that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Which part: the member's path within the document (`archive.zip/dump.csv`), or empty for the document itself.
    /// Comes from the poster: escape it where it is shown.
    pub what: String,
    /// Why.
    pub reason: SkipReason,
    /// The limit or format in question, in words; never content.
    pub detail: String,
}

impl Skip {
    /// A skip of `what` for `reason`.
    pub fn new(what: impl Into<String>, reason: SkipReason, detail: impl Into<String>) -> Self {
        Self { what: what.into(), reason, detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed_once_and_named_as_it_is_written() {
        for (no, reason) in SkipReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, no, "in the order of their declaration, without a gap");
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
        // A reason that is added behind the last would be missing.
        assert_eq!(SkipReason::ALL.last(), Some(&SkipReason::NotFetched));
    }
}
