//! What the CERT gets, and what `pipeline` hands to `alert` to make it from.
//!
//! Everything here is fit to be shown: values are masked, records are keyed hashes. Text that comes from the poster
//! (titles, names, addresses) is as received; each channel escapes it for where it goes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::attribution::{ScanReport, SystemAttribution, TermMatch, Verdict};
use super::field::FieldKind;
use super::ids::{AlertId, PostId, SiteId, SystemId};
use super::skip::Skip;
use super::watchlist::{Pap, Severity, Tlp};

/// A record of ours that stands in a document, as far as counting needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConcernedRecord {
    /// Keyed hash of system and `ref` (of the record's fingerprints where the system exports no `ref`): the same
    /// record has the same number in every snapshot and document, and nobody without the key can tell which it is.
    pub record: u64,
    /// The kinds shown of it: bit `k` for the [`FieldKind`] with code `k`.
    pub kinds: u32,
}

/// The records of one system that stand in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemImpact {
    /// The system.
    pub system: SystemId,
    /// Its records, each once.
    pub records: Vec<ConcernedRecord>,
    /// How many of them are canaries.
    pub canaries: u64,
}

/// One row of a document as an alert may show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskedRow {
    /// Kind (where known) and masked value of each cell.
    pub cells: Vec<(Option<FieldKind>, String)>,
}

/// Everything known of one document once it has been matched and attributed. From `pipeline` to `alert`.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// What is reported of it.
    pub report: ScanReport,
    /// The records concerned, for every system in `report.attribution`, in the same order.
    pub impact: Vec<SystemImpact>,
    /// Rows that matched no record of the likeliest system.
    pub unmatched_rows: u64,
    /// A few masked rows of the likeliest system.
    pub sample: Vec<MaskedRow>,
}

/// Counts of people, each once over all documents of the incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// Records (customers or contracts) concerned.
    pub records: u64,
    /// For each kind of data, how many of them it is shown of.
    pub by_kind: BTreeMap<FieldKind, u64>,
    /// Canaries among them.
    pub canaries: u64,
    /// Rows, over all documents, that matched nothing of the system.
    pub unmatched_rows: u64,
}

/// Where the capture of a post is kept: what an alert says so that it can be proved later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRef {
    /// Its identifier, for `vigie evidence`.
    pub id: String,
    /// SHA-256 of its signed manifest, hex; none when nothing could be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_sha256: Option<String>,
    /// What of the post is not in it and why, in words of ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// One document that belongs to an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentSummary {
    /// The post it came with.
    pub post: PostId,
    /// The site.
    pub site: SiteId,
    /// Where a person would look. From the site.
    pub url: String,
    /// Thread or paste title. From the poster.
    pub title: Option<String>,
    /// From the poster.
    pub author: Option<String>,
    /// Name of the attachment, `body` for the post's own text. From the poster.
    pub name: String,
    /// BLAKE3 of the bytes as received, in hex.
    pub blake3: String,
    /// Bytes read, after unpacking.
    pub bytes: u64,
    /// Rows with any value in them.
    pub rows: u64,
    /// What the site says.
    pub posted_at: Option<Timestamp>,
    /// When it was first listed to us.
    pub seen_at: Timestamp,
    /// When it had been fetched.
    pub fetched_at: Timestamp,
    /// When the verdict on it stood.
    pub matched_at: Timestamp,
    /// How many of the incident's records were new with this document.
    pub new_records: u64,
    /// What of it was not read.
    pub skipped: Vec<Skip>,
    /// Where its post is kept as evidence, if captures are kept at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceRef>,
}

/// Records of an incident that had been seen before it began: an old leak that is passed on again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenBefore {
    /// The earlier alert.
    pub alert: AlertId,
    /// When it was raised.
    pub at: Timestamp,
    /// Share of this incident's first records that stood in the earlier one, 0 to 1.
    pub share: f64,
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Nobody has taken it.
    Open,
    /// Somebody has.
    Acknowledged,
    /// It is dealt with; whatever turns up later is another incident.
    Closed,
}

/// Why somebody is told of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    Raised,
    /// A further document, new counts, a changed attribution.
    Updated,
    /// Somebody has taken it.
    Acknowledged,
    /// It is dealt with.
    Closed,
    /// Nobody has taken it in the time allowed.
    Escalated,
    /// Several that could wait are told together.
    Digest,
    /// A test by the operator: nothing has leaked.
    Test,
}

impl Change {
    /// The word used in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Updated => "updated",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
            Self::Escalated => "escalated",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }
}

/// One incident as told to the CERT. Further documents of the same incident raise `revision`, not a second alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its identity, in every channel and for ever.
    pub id: AlertId,
    /// 1 when first told; one more for each further document or change.
    pub revision: u32,
    /// Where it stands.
    pub state: AlertState,
    /// Leak, overlap or term.
    pub verdict: Verdict,
    /// The likeliest system's, or the term watchlist's.
    pub severity: Severity,
    /// The strictest of those concerned.
    pub tlp: Tlp,
    /// The strictest of those concerned.
    #[serde(default)]
    pub pap: Pap,
    /// One line for a person, made by us, without poster's text.
    pub headline: String,
    /// Systems by probability, never with `refs`.
    pub attribution: Vec<SystemAttribution>,
    /// Probability that no watched system is the origin.
    pub outside: f64,
    /// Who is concerned, in numbers.
    pub impact: Impact,
    /// A few masked rows.
    pub sample: Vec<MaskedRow>,
    /// Terms found.
    pub terms: Vec<TermMatch>,
    /// The documents, oldest first.
    pub documents: Vec<DocumentSummary>,
    /// The earlier incident that its records were seen in, when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_before: Option<SeenBefore>,
    /// The alert that goes on with it, once a document has shown both to be one incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined_to: Option<AlertId>,
    /// When it was raised.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
