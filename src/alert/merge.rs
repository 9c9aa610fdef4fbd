//! Which incident a judged post belongs to, and what it changes there.
//!
//! A post joins the incident that (in this order) it belongs to already, holds a document of the same bytes, stands in
//! the same thread and was taken from the same system, or shares most of its records. All of one post's documents go
//! into one incident. The same post again changes nothing. A document whose records show two incidents to be one joins
//! them: the older goes on, the other is closed and says where. Of records that were seen in an incident that is over, the
//! new alert says when.

use jiff::{SignedDuration, Timestamp};

use super::compose::{self, Ratings};
use super::judged::{AlertChange, Judged, PostFacts};
use crate::model::{
    Alert, AlertId, AlertState, Assessment, Change, ConcernedRecord, SeenBefore, SystemId, SystemImpact,
};
use crate::store::{Incident, IncidentDocument, IncidentTx, Links, RecordOverlap, SeenMark, StoreError};

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

/// What one post changed, with each alert as it is now: its own incident first, then those that turned out to be the same.
pub type Changes = Vec<(AlertChange, Alert)>;

/// Merges one post within a transaction; nothing changed where the answer is empty.
///
/// # Errors
/// When the store fails.
pub fn merge(
    tx: &mut dyn IncidentTx,
    judged: &Judged,
    ratings: &Ratings,
    rules: MergeRules,
) -> Result<Changes, StoreError> {
    let post = &judged.post;
    tx.mark_seen(&SeenMark { post: post.id.clone(), revision: post.revision, at: judged.at })?;
    let findings: Vec<&Assessment> = judged.documents.iter().filter(|d| d.report.verdict.is_finding()).collect();
    let Some(first) = strongest(&findings) else { return Ok(Vec::new()) };

    let Kin { id, bridged, earlier } = kin(tx, judged, &findings, rules)?;
    let id = id.unwrap_or_else(|| compose::alert_id(post, first));
    let mut incident = tx.incident(id)?.unwrap_or_else(|| compose::begun(id, judged.at));
    if incident.alert.revision == 0 {
        incident.alert.seen_before = earlier;
        // Records hang on the incident's row, which therefore comes first.
        tx.save(&incident, &Links::default())?;
    }
    let before = incident.alert.clone();
    let joined = join(tx, &mut incident, judged, &findings)?;
    if !joined.anything {
        return Ok(Vec::new());
    }
    let mut others = Vec::with_capacity(bridged.len());
    for other in bridged {
        others.extend(absorb(tx, &mut incident, other, judged.at)?);
    }
    let counts = tx.record_counts(id)?;
    let mut alert = compose::compose(&before, &incident.documents, &counts, ratings);
    let told = joined.documents > 0 || !others.is_empty() || differs(&before, &alert);
    if told {
        alert.revision += 1;
        // A clock that was set back must not make the alert older than it is.
        alert.updated_at = judged.at.max(before.updated_at);
        // Somebody who took the alert for what it was has not seen what it has become.
        if joined.records > 0 && alert.revision > 1 {
            alert.state = AlertState::Open;
        }
    }
    incident.alert = alert.clone();
    tx.save(&incident, &links(post, &findings))?;
    let change = if alert.revision == 1 { Change::Raised } else { Change::Updated };
    let mut changes = Vec::new();
    if told {
        changes.push((AlertChange { alert: id, revision: alert.revision, verdict: alert.verdict, change }, alert));
    }
    changes.extend(others);
    Ok(changes)
}

/// Takes another incident in: its documents, records and links go over, and it is closed with a word of where to look.
fn absorb(
    tx: &mut dyn IncidentTx,
    incident: &mut Incident,
    other: AlertId,
    at: Timestamp,
) -> Result<Option<(AlertChange, Alert)>, StoreError> {
    let Some(mut from) = tx.incident(other)? else { return Ok(None) };
    incident.documents.append(&mut from.documents);
    incident.documents.sort_by_key(|d| d.summary.matched_at);
    bounded(&mut incident.documents);
    tx.absorb(incident.alert.id, other)?;
    let mut alert = from.alert;
    alert.state = AlertState::Closed;
    alert.joined_to = Some(incident.alert.id);
    alert.headline = format!("Same incident as {}: {}", incident.alert.id, alert.headline);
    alert.revision += 1;
    alert.updated_at = at.max(alert.updated_at);
    tx.save(&Incident { alert: alert.clone(), documents: Vec::new() }, &Links::default())?;
    let change = Change::Closed;
    Ok(Some((AlertChange { alert: other, revision: alert.revision, verdict: alert.verdict, change }, alert)))
}

/// Beyond what is kept in detail, the oldest that brought no record of its own makes room.
fn bounded(documents: &mut Vec<IncidentDocument>) {
    while documents.len() > DOCUMENTS {
        let dispensable = documents.iter().position(|d| d.summary.new_records == 0).unwrap_or(1);
        documents.remove(dispensable);
    }
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
        let same =
            |d: &IncidentDocument| d.summary.post == document.summary.post && d.summary.name == document.summary.name;
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
    bounded(&mut incident.documents);
    Ok(joined)
}

/// Adds the records of the likeliest system, and of those that explain nearly as many; how many of the likeliest's
/// were new.
fn add_records(tx: &mut dyn IncidentTx, id: AlertId, impact: &[SystemImpact]) -> Result<u64, StoreError> {
    let Some(lead) = impact.first() else { return Ok(0) };
    let mut new = 0;
    for (place, system) in impact.iter().enumerate() {
        if place == 0 || explains(system, lead) {
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

/// The incidents that a post has to do with.
#[derive(Default)]
struct Kin {
    /// The one that it belongs to.
    id: Option<AlertId>,
    /// Others that its records show to be the same.
    bridged: Vec<AlertId>,
    /// One that is over and had most of the records.
    earlier: Option<SeenBefore>,
}

fn kin(
    tx: &mut dyn IncidentTx,
    judged: &Judged,
    findings: &[&Assessment],
    rules: MergeRules,
) -> Result<Kin, StoreError> {
    let linked = by_link(tx, judged, findings)?;
    let shared = by_records(tx, judged.at, findings, rules)?;
    let mut same = shared.same;
    if let Some(id) = linked {
        same.retain(|alert| alert.id != id);
        return Ok(Kin { id: Some(id), bridged: same.into_iter().map(|alert| alert.id).collect(), earlier: None });
    }
    // The oldest goes on: it is the one that people know.
    same.sort_by_key(|alert| (alert.created_at, alert.id));
    let mut ids = same.into_iter().map(|alert| alert.id);
    let id = ids.next();
    Ok(Kin { id, bridged: ids.collect(), earlier: shared.earlier })
}

/// The open incident that the post itself, its bytes or its thread belong to.
fn by_link(tx: &mut dyn IncidentTx, judged: &Judged, findings: &[&Assessment]) -> Result<Option<AlertId>, StoreError> {
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
    Ok(None)
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

/// What incidents share records with the findings.
#[derive(Default)]
struct Shared {
    /// Open ones that share enough to be the same, each once.
    same: Vec<Alert>,
    /// Of those that are over, the one that had the most.
    earlier: Option<SeenBefore>,
}

/// Incidents that share the records of a finding, in the light of every system that explains it about as well as its
/// likeliest: a reshaped copy may point elsewhere first.
fn by_records(
    tx: &mut dyn IncidentTx,
    now: Timestamp,
    findings: &[&Assessment],
    rules: MergeRules,
) -> Result<Shared, StoreError> {
    let window = SignedDuration::from_hours(24 * i64::from(rules.join_days));
    let since = now.checked_sub(window).unwrap_or(Timestamp::MIN);
    let mut shared = Shared::default();
    for finding in findings {
        let Some(lead) = finding.impact.first().filter(|lead| !lead.records.is_empty()) else { continue };
        for system in finding.impact.iter().filter(|s| explains(s, lead)) {
            let records = ascending(&system.records);
            for overlap in tx.by_records(&system.system, &records, Timestamp::MIN)? {
                let Some(incident) = tx.incident(overlap.alert)? else { continue };
                let alert = incident.alert;
                let live = alert.state != AlertState::Closed && alert.updated_at >= since;
                if !live {
                    let share = overlap.shared as f64 / records.len().max(1) as f64;
                    if share >= rules.join_share && shared.earlier.as_ref().is_none_or(|known| share > known.share) {
                        shared.earlier = Some(SeenBefore { alert: alert.id, at: alert.created_at, share });
                    }
                } else if is_same(&alert, finding, &system.system, overlap, records.len(), rules)
                    && !shared.same.iter().any(|known| known.id == alert.id)
                {
                    shared.same.push(alert);
                }
            }
        }
    }
    Ok(shared)
}

/// Whether a system explains nearly as many records as the likeliest does.
fn explains(system: &SystemImpact, lead: &SystemImpact) -> bool {
    !system.records.is_empty() && system.records.len() as f64 >= KEPT_SHARE * lead.records.len() as f64
}

/// Whether an open incident and a finding are one: they share most of the smaller side's records, are judged alike, and
/// point to one system. Somebody else's data in which a leak's customers stand too is no part of that leak.
fn is_same(
    alert: &Alert,
    finding: &Assessment,
    system: &SystemId,
    overlap: RecordOverlap,
    records: usize,
    rules: MergeRules,
) -> bool {
    let share = overlap.shared as f64 / overlap.held.min(records as u64).max(1) as f64;
    let points_there =
        alert.attribution.first().is_some_and(|lead| lead.system == *system) || same_origin(alert, finding);
    share >= rules.join_share && points_there && alert.verdict == finding.report.verdict
}
