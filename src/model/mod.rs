//! The words of the house as types: what every room may speak of.
//!
//! No I/O, no async, no policy, and nothing imported from the other rooms. A type belongs here when two stages
//! exchange it; a type that one stage keeps to itself stays with that stage.

pub mod alert;
pub mod attribution;
pub mod batch;
pub mod field;
pub mod finding;
pub mod ids;
pub mod post;
pub mod sensitive;
pub mod setting;
pub mod skip;
pub mod watchlist;

pub use alert::{
    Alert, AlertState, Assessment, Change, ConcernedRecord, DocumentSummary, EvidenceRef, Impact, MaskedRow,
    SeenBefore, SystemImpact,
};
pub use attribution::{ScanReport, SystemAttribution, TermMatch, Verdict};
pub use batch::{Batch, ContentSink, Flow, Layout, Row, Shape, Table};
pub use field::{FieldKind, Strength};
pub use ids::{AlertId, PostId, RecordNo, SiteId, Span, SystemId};
pub use post::{Attachment, Exchange, Post, Redirect};
pub use sensitive::Sensitive;
pub use setting::SettingProblem;
pub use skip::{Skip, SkipReason};
pub use watchlist::{Example, Pap, RuleText, Severity, TermWatchlist, Tlp, Watchlist};
