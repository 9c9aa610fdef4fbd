//! Which incident a judged post belongs to, and what it changes there.
//!
//! A post joins the incident that (in this order) it belongs to already, holds a document of the same bytes, stands in
//! the same thread and was taken from the same system, or shares most of its records. All of one post's documents go
//! into one incident. The same post again changes nothing.

use jiff::{SignedDuration, Timestamp};

use super::compose::{self, Ratings};
use super::judged::{AlertChange, Judged, PostFacts};
use crate::model::{Alert, AlertId, AlertState, Assessment, Change, ConcernedRecord, SystemImpact};
use crate::store::{Incident, IncidentTx, Links, SeenMark, StoreError};

/// How posts are joined into incidents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MergeRules {
    /// Days after its last change in which an incident is found by its records. By post, bytes and thread it is found
    /// for ever.
    pub join_days: u16,
    /// Share of the smaller side's records that must be common, 0 to 1. Below a half, two thefts from one system that
    /// happen to share customers would be taken for one.
    pub join_share: f64,
}

impl Default for MergeRules {
    fn default() -> Self {
        Self { join_days: 90, join_share: 0.5 }
    }
}

/// Documents kept in detail per incident. Beyond, the oldest that brought no record of its own makes room.
const DOCUMENTS: usize = 500;

/// Systems whose records are kept for an incident beside the likeliest: those that explain this share of its records.
const KEPT_SHARE: f64 = 0.5;

/// Merges one post within a transaction; the change, if there is one, with the alert as it is now.
///
/// # Errors
/// When the store fails.
pub fn merge(
    tx: &mut dyn IncidentTx,
    judged: &Judged,
    ratings: &Ratings,
    rules: MergeRules,
) -> Result<Option<(AlertChange, Alert)>, StoreError> {
    let post = &judged.post;
    tx.mark_seen(&SeenMark { post: post.id.clone(), revision: post.revision, at: judged.at })?;
    let findings: Vec<&Assessment> = judged.documents.iter().filter(|d| d.report.verdict.is_finding()).collect();
    let Some(first) = strongest(&findings) else { return Ok(None) };

    let id = match find(tx, judged, &findings, rules)? {
        Some(id) => id,
        None => compose::alert_id(post, first),
    };
    let mut incident = tx.incident(id)?.unwrap_or_else(|| compose::begun(id, judged.at));
    let before = incident.alert.clone();
    if before.revision == 0 {
        // Records hang on the incident's row, which therefore comes first.
        tx.save(&incident, &Links::default())?;
    }
    let joined = join(tx, &mut incident, judged, &findings)?;
    if !joined.anything {
        return Ok(None);
    }
    let counts = tx.record_counts(id)?;
    let mut alert = compose::compose(&before, &incident.documents, &counts, ratings);
    let told = joined.documents > 0 || differs(&before, &alert);
    if told {
        alert.revision += 1;
        alert.updated_at = judged.at;
        // Somebody who took the alert for what it was has not seen what it has become.
        if joined.records > 0 && alert.revision > 1 {
            alert.state = AlertState::Open;
        }
    }
    incident.alert = alert.clone();
    tx.save(&incident, &links(post, &findings))?;
    let change = if alert.revision == 1 { Change::Raised } else { Change::Updated };
    let changed = AlertChange { alert: id, revision: alert.revision, verdict: alert.verdict, change };
    Ok(told.then_some((changed, alert)))
}

fn strongest<'a>(findings: &[&'a Assessment]) -> Option<&'a Assessment> {
    let weight = |a: &Assessment| (a.report.verdict, a.impact.first().map_or(0, |i| i.records.len()));
    // The first of equals: `max_by` would take the last, and the order of documents is the post's.
    findings.iter().rev().copied().max_by(|a, b| weight(a).cmp(&weight(b)))
}

/// What makes a change worth telling when no document was added.
fn differs(before: &Alert, now: &Alert) -> bool {
    let lead = |alert: &Alert| alert.attribution.first().map(|a| (a.system.clone(), a.snapshot));
    before.verdict != now.verdict
        || before.impact.records != now.impact.records
        || before.impact.by_kind != now.impact.by_kind
        || before.impact.canaries != now.impact.canaries
        || before.terms.len() != now.terms.len()
        || lead(before) != lead(now)
}

/// What joining a post brought.
#[derive(Default)]
struct Joined {
    /// Documents that were not there, in any revision.
    documents: usize,
    /// Records that were not there.
    records: u64,
    /// Whether there is anything to keep.
    anything: bool,
}

fn join(
    tx: &mut dyn IncidentTx,
    incident: &mut Incident,
    judged: &Judged,
    findings: &[&Assessment],
) -> Result<Joined, StoreError> {
    let mut joined = Joined::default();
    for finding in findings {
        let mut document = compose::document(judged, finding);
        let same = |d: &crate::store::IncidentDocument| {
            d.summary.post == document.summary.post && d.summary.name == document.summary.name
        };
        let known = incident.documents.iter().position(same);
        if known.is_some_and(|at| incident.documents[at].summary.blake3 == document.summary.blake3) {
            continue;
        }
        document.summary.new_records = add_records(tx, incident.alert.id, &finding.impact)?;
        joined.records += document.summary.new_records;
        joined.anything = true;
        match known {
            // An edited post: what it showed before was shown, so its records stay; its own facts are the new ones.
            Some(at) => {
                document.summary.new_records += incident.documents[at].summary.new_records;
                incident.documents[at] = document;
            }
            None => {
                joined.documents += 1;
                incident.documents.push(document);
            }
        }
    }
    while incident.documents.len() > DOCUMENTS {
        let dispensable = incident.documents.iter().position(|d| d.summary.new_records == 0).unwrap_or(1);
        incident.documents.remove(dispensable);
    }
    Ok(joined)
}

/// Adds the records of the likeliest system, and of those that explain nearly as many; how many of the likeliest's
/// were new.
fn add_records(tx: &mut dyn IncidentTx, id: AlertId, impact: &[SystemImpact]) -> Result<u64, StoreError> {
    let Some(lead) = impact.first() else { return Ok(0) };
    let mut new = 0;
    for (place, system) in impact.iter().enumerate() {
        if place == 0 || system.records.len() as f64 >= KEPT_SHARE * lead.records.len() as f64 {
            let counts = tx.add_records(id, &system.system, &ascending(&system.records))?;
            if place == 0 {
                new = counts.new;
            }
        }
    }
    Ok(new)
}

/// By number, each once, kinds united.
fn ascending(records: &[ConcernedRecord]) -> Vec<ConcernedRecord> {
    let mut records = records.to_vec();
    records.sort_unstable_by_key(|r| r.record);
    records.dedup_by(|later, kept| {
        let same = later.record == kept.record;
        if same {
            kept.kinds |= later.kinds;
        }
        same
    });
    records
}

fn links(post: &PostFacts, findings: &[&Assessment]) -> Links {
    Links {
        posts: vec![post.id.clone()],
        hashes: findings.iter().map(|f| f.report.blake3.clone()).collect(),
        threads: thread(post).into_iter().collect(),
    }
}

/// Where a post stands among others: its address without the place in the page. An address that is all fragment
/// (`https://paste.example/#id`) names no thread.
fn thread(post: &PostFacts) -> Option<String> {
    let page = post.url.split_once('#').map_or(post.url.as_str(), |(page, _)| page);
    let (_, rest) = page.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    (!path.is_empty()).then(|| blake3::hash(format!("{}\n{page}", post.site).as_bytes()).to_hex().to_string())
}

fn find(
    tx: &mut dyn IncidentTx,
    judged: &Judged,
    findings: &[&Assessment],
    rules: MergeRules,
) -> Result<Option<AlertId>, StoreError> {
    for id in tx.by_post(&judged.post.id)? {
        if open(tx, id)?.is_some() {
            return Ok(Some(id));
        }
    }
    for finding in findings {
        for id in tx.by_hash(&finding.report.blake3)? {
            if open(tx, id)?.is_some() {
                return Ok(Some(id));
            }
        }
    }
    if let Some(thread) = thread(&judged.post) {
        for id in tx.by_thread(&thread)? {
            if open(tx, id)?.is_some_and(|alert| findings.iter().any(|f| same_origin(&alert, f))) {
                return Ok(Some(id));
            }
        }
    }
    by_records(tx, judged.at, findings, rules)
}

fn open(tx: &mut dyn IncidentTx, id: AlertId) -> Result<Option<Alert>, StoreError> {
    let incident = tx.incident(id)?;
    Ok(incident.map(|i| i.alert).filter(|alert| alert.state != AlertState::Closed))
}

/// Whether a finding points where the alert does: the same likeliest system, or the same term watchlist.
fn same_origin(alert: &Alert, finding: &Assessment) -> bool {
    match (alert.attribution.first(), finding.report.attribution.first()) {
        (Some(a), Some(b)) => a.system == b.system,
        (None, None) => finding.report.terms.iter().any(|t| alert.terms.iter().any(|a| a.watchlist == t.watchlist)),
        _ => false,
    }
}

/// The incident that shares the largest part of the records, if that is large enough.
fn by_records(
    tx: &mut dyn IncidentTx,
    now: Timestamp,
    findings: &[&Assessment],
    rules: MergeRules,
) -> Result<Option<AlertId>, StoreError> {
    let window = SignedDuration::from_hours(24 * i64::from(rules.join_days));
    let since = now.checked_sub(window).unwrap_or(Timestamp::MIN);
    let mut best: Option<(f64, AlertId)> = None;
    for finding in findings {
        let Some(lead) = finding.impact.first().filter(|lead| !lead.records.is_empty()) else { continue };
        let records = ascending(&lead.records);
        for overlap in tx.by_records(&lead.system, &records, since)? {
            let share = overlap.shared as f64 / overlap.held.min(records.len() as u64).max(1) as f64;
            if share >= rules.join_share
                && best.is_none_or(|(most, _)| share > most)
                && open(tx, overlap.alert)?.is_some_and(|alert| same_origin(&alert, finding))
            {
                best = Some((share, overlap.alert));
            }
        }
    }
    Ok(best.map(|(_, id)| id))
}
