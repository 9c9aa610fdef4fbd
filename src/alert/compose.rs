//! An alert out of the documents of its incident: a pure function, so that the same documents always say the same.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::judged::PostFacts;
use super::{escape, judged::Judged};
use crate::model::{
    Alert, AlertId, AlertState, Assessment, DocumentSummary, Impact, MaskedRow, Pap, Severity, SystemAttribution,
    SystemId, TermMatch, TermWatchlist, Tlp, Verdict, Watchlist,
};
use crate::store::{Incident, IncidentDocument, RecordCounts};

/// Masked rows shown of an incident.
const SAMPLE_ROWS: usize = 5;

/// Cells shown of a row.
const SAMPLE_CELLS: usize = 24;

/// Terms shown of an incident.
const TERMS: usize = 50;

/// A document is taken for one of a system that leads another document of the incident, when that system explains
/// this share of the records its own leading system does.
const EXPLAINED: f64 = 0.8;

/// What a watchlist says of every leak from its system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rating {
    /// How grave it is.
    pub severity: Severity,
    /// Who may be told.
    pub tlp: Tlp,
    /// What those may do with it.
    pub pap: Pap,
}

/// From this probability on, another system than the likeliest stands in the headline too.
const RIVAL: f64 = 0.2;

/// How grave and how secret a leak from each watched system is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ratings(HashMap<SystemId, Rating>);

impl Ratings {
    /// As the watchlists say.
    #[must_use]
    pub fn new<'w>(
        systems: impl IntoIterator<Item = &'w Watchlist>,
        terms: impl IntoIterator<Item = &'w TermWatchlist>,
    ) -> Self {
        let rated = |id: &SystemId, severity, tlp, pap| (id.clone(), Rating { severity, tlp, pap });
        let systems = systems.into_iter().map(|w| rated(&w.id, w.severity, w.tlp, w.pap));
        Self(systems.chain(terms.into_iter().map(|w| rated(&w.id, w.severity, w.tlp, w.pap))).collect())
    }

    /// Of a system or term watchlist; the defaults for one that is gone meanwhile.
    #[must_use]
    pub fn of(&self, system: &SystemId) -> Rating {
        self.0.get(system).copied().unwrap_or_default()
    }
}

/// The identity of the incident that begins with this document: the same however often it is begun.
#[must_use]
pub fn alert_id(post: &PostFacts, first: &Assessment) -> AlertId {
    let lead = first.report.attribution.first().map(|a| a.system.as_str());
    let lead = lead.or(first.report.terms.first().map(|t| t.watchlist.as_str())).unwrap_or_default();
    let name = format!("{}\n{}\n{lead}", post.id, first.report.blake3);
    // RFC 9562's namespace for URLs, of a URL that only means this.
    let namespace = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, b"urn:vigie:alert");
    AlertId(uuid::Uuid::new_v5(&namespace, name.as_bytes()))
}

/// What one document brings to an incident. Everything that came from the poster is defused here, once.
#[must_use]
pub fn document(judged: &Judged, assessment: &Assessment) -> IncidentDocument {
    let (post, report) = (&judged.post, &assessment.report);
    let name = report.document.strip_prefix(&post.id.0).map_or(report.document.as_str(), |n| n.trim_start_matches('/'));
    let summary = DocumentSummary {
        post: post.id.clone(),
        site: post.site.clone(),
        url: escape::defuse_url(&post.url),
        title: post.title.as_deref().map(escape::defuse),
        author: post.author.as_deref().map(escape::defuse),
        name: escape::defuse(name),
        blake3: report.blake3.clone(),
        bytes: report.bytes,
        rows: report.rows,
        posted_at: post.posted_at,
        seen_at: post.seen_at,
        fetched_at: post.fetched_at,
        matched_at: judged.at,
        new_records: 0,
        skipped: report.skipped.iter().take(20).cloned().map(defused).collect(),
        evidence: post.evidence.clone(),
    };
    let bare = |a: &SystemAttribution| SystemAttribution { refs: None, ..a.clone() };
    IncidentDocument {
        summary,
        verdict: report.verdict,
        attribution: report.attribution.iter().map(bare).collect(),
        outside: report.outside,
        unmatched_rows: assessment.unmatched_rows,
        sample: assessment.sample.iter().take(SAMPLE_ROWS).map(shown).collect(),
        terms: report.terms.iter().take(TERMS).cloned().collect(),
    }
}

/// Rows come masked; what a mask leaves of the layout is still the poster's.
fn shown(row: &MaskedRow) -> MaskedRow {
    let cells = row.cells.iter().take(SAMPLE_CELLS);
    MaskedRow { cells: cells.map(|(kind, value)| (*kind, escape::line(value, 40))).collect() }
}

fn defused(mut skip: crate::model::Skip) -> crate::model::Skip {
    skip.what = escape::defuse(&skip.what);
    skip.detail = escape::defuse_detail(&skip.detail);
    skip
}

/// The systems that the incident's documents were taken from, the weightiest document's first. A document that another
/// one's system explains as well adds none: the same people must not be counted under two systems.
#[must_use]
pub fn leads(documents: &[IncidentDocument]) -> Vec<SystemId> {
    let strength = |d: &IncidentDocument| {
        d.attribution.first().map_or((Verdict::Clear, 0.0), |a| (d.verdict, a.probability * a.records as f64))
    };
    let mut by_strength: Vec<_> = documents.iter().filter(|d| !d.attribution.is_empty()).collect();
    by_strength.sort_by(|a, b| {
        let (a, b) = (strength(a), strength(b));
        b.0.cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    let mut leads: Vec<SystemId> = Vec::new();
    for document in by_strength {
        let Some(own) = document.attribution.first() else { continue };
        let explains = |a: &SystemAttribution| a.records as f64 >= EXPLAINED * own.records as f64;
        if !document.attribution.iter().any(|a| leads.contains(&a.system) && explains(a)) {
            leads.push(own.system.clone());
        }
    }
    leads
}

/// The alert as it stands, from the incident's documents and the counts of its records. Revision, state and times of
/// `standing` are kept.
#[must_use]
pub fn compose(
    standing: &Alert,
    documents: &[IncidentDocument],
    counts: &BTreeMap<SystemId, RecordCounts>,
    ratings: &Ratings,
) -> Alert {
    let leads = leads(documents);
    let mut verdict = documents.iter().map(|d| d.verdict).max().unwrap_or(Verdict::Clear);
    let mut attribution = unite_attribution(documents, counts);
    // What only documents that have expired since pointed to: their records are still counted.
    let missing = |a: &&SystemAttribution| {
        counts.contains_key(&a.system) && attribution.iter().all(|known| known.system != a.system)
    };
    let expired: Vec<SystemAttribution> = standing.attribution.iter().filter(missing).cloned().collect();
    if standing.documents.len() > documents.len() || !expired.is_empty() {
        verdict = verdict.max(standing.verdict);
    }
    attribution.extend(expired);
    let mut leads = leads;
    if leads.is_empty() {
        leads.extend(attribution.first().map(|first| first.system.clone()));
    }
    let terms = unite_terms(documents);
    let rated = || leads.iter().chain(terms.iter().map(|t| &t.watchlist)).map(|system| ratings.of(system));
    let lead_severity = leads.iter().map(|system| ratings.of(system).severity).max();
    let term_severity = terms.iter().map(|t| ratings.of(&t.watchlist).severity).max();
    let impact = impact(&leads, documents, counts);
    let mut alert = Alert {
        verdict,
        severity: lead_severity.or(term_severity).unwrap_or_default(),
        tlp: rated().map(|rating| rating.tlp).max().unwrap_or_default(),
        pap: rated().map(|rating| rating.pap).max().unwrap_or_default(),
        headline: String::new(),
        outside: documents.iter().map(|d| d.outside).fold(1.0, f64::min),
        sample: sample(documents),
        documents: documents.iter().map(|d| d.summary.clone()).collect(),
        attribution,
        impact,
        terms,
        ..standing.clone()
    };
    alert.headline = headline(&alert, &leads);
    alert
}

/// A blank alert to compose the first revision upon.
#[must_use]
pub fn begun(id: AlertId, at: Timestamp) -> Incident {
    let alert = Alert {
        id,
        revision: 0,
        state: AlertState::Open,
        verdict: Verdict::Clear,
        severity: Severity::default(),
        tlp: Tlp::default(),
        pap: Pap::default(),
        headline: String::new(),
        attribution: Vec::new(),
        outside: 1.0,
        impact: Impact::default(),
        sample: Vec::new(),
        terms: Vec::new(),
        documents: Vec::new(),
        seen_before: None,
        joined_to: None,
        created_at: at,
        updated_at: at,
    };
    Incident { alert, documents: Vec::new() }
}

/// The alert in whose name several others are told together. Its id is made of theirs and their revisions.
#[must_use]
pub fn standing_for(alerts: &[Alert]) -> Alert {
    let mut names: Vec<_> = alerts.iter().map(|a| format!("{}-{}", a.id, a.revision)).collect();
    names.sort();
    let namespace = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, b"urn:vigie:digest");
    let id = AlertId(uuid::Uuid::new_v5(&namespace, names.join("\n").as_bytes()));
    let at = alerts.iter().map(|a| a.updated_at).max().unwrap_or_default();
    let plural = if alerts.len() == 1 { "" } else { "s" };
    Alert {
        revision: 1,
        verdict: alerts.iter().map(|a| a.verdict).max().unwrap_or(Verdict::Clear),
        severity: alerts.iter().map(|a| a.severity).max().unwrap_or(Severity::Low),
        tlp: alerts.iter().map(|a| a.tlp).max().unwrap_or_default(),
        pap: alerts.iter().map(|a| a.pap).max().unwrap_or_default(),
        headline: format!("{} alert{plural} that could wait", alerts.len()),
        ..begun(id, at).alert
    }
}

/// Every system once. Its probability is the highest any document gives it: at least so likely it is that one of them
/// was taken from there. Snapshot, interval and reasons are those of the document that shows most of its records.
fn unite_attribution(
    documents: &[IncidentDocument],
    counts: &BTreeMap<SystemId, RecordCounts>,
) -> Vec<SystemAttribution> {
    let mut united: Vec<SystemAttribution> = Vec::new();
    let mut best: HashMap<SystemId, u64> = HashMap::new();
    for part in documents.iter().flat_map(|d| &d.attribution) {
        let Some(known) = united.iter_mut().find(|a| a.system == part.system) else {
            best.insert(part.system.clone(), part.records);
            united.push(part.clone());
            continue;
        };
        let most = best.entry(part.system.clone()).or_default();
        if part.records > *most {
            *most = part.records;
            known.snapshot = part.snapshot;
            known.snapshot_interval = part.snapshot_interval;
            known.reasons.clone_from(&part.reasons);
        }
        known.probability = known.probability.max(part.probability);
        known.records = known.records.max(part.records);
        known.rows += part.rows;
        known.canaries = known.canaries.max(part.canaries);
        for field in &part.fields {
            if !known.fields.contains(field) {
                known.fields.push(*field);
            }
        }
    }
    for system in &mut united {
        if let Some(counts) = counts.get(&system.system) {
            system.records = system.records.max(counts.records);
        }
    }
    united.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(b.records.cmp(&a.records)));
    united
}

fn unite_terms(documents: &[IncidentDocument]) -> Vec<TermMatch> {
    let mut united: Vec<TermMatch> = Vec::new();
    for term in documents.iter().flat_map(|d| &d.terms) {
        let known = united.iter().position(|t| t.watchlist == term.watchlist && t.term == term.term);
        match known {
            Some(at) => united[at].count += term.count,
            None if united.len() < TERMS => united.push(term.clone()),
            None => {}
        }
    }
    united
}

fn impact(leads: &[SystemId], documents: &[IncidentDocument], counts: &BTreeMap<SystemId, RecordCounts>) -> Impact {
    let mut impact = Impact::default();
    for counts in leads.iter().filter_map(|system| counts.get(system)) {
        impact.records += counts.records;
        for (kind, count) in counts.by_kind.iter().filter(|(kind, _)| kind.is_reported()) {
            *impact.by_kind.entry(*kind).or_default() += count;
        }
    }
    // Which canaries they were is not known here: those of two documents are taken for the same.
    let canaries = |system: &SystemId| {
        documents.iter().flat_map(|d| &d.attribution).filter(|a| a.system == *system).map(|a| a.canaries).max()
    };
    impact.canaries = leads.iter().filter_map(canaries).sum();
    impact.unmatched_rows = documents.iter().map(|d| d.unmatched_rows).sum();
    impact
}

fn sample(documents: &[IncidentDocument]) -> Vec<MaskedRow> {
    documents.iter().flat_map(|d| &d.sample).take(SAMPLE_ROWS).cloned().collect()
}

fn headline(alert: &Alert, leads: &[SystemId]) -> String {
    let systems = leads.iter().take(3).map(SystemId::as_str).collect::<Vec<_>>().join(", ");
    let records = alert.impact.records;
    let people = if records == 1 { "1 record".to_owned() } else { format!("{records} records") };
    let first = leads.first().and_then(|lead| alert.attribution.iter().find(|a| a.system == *lead));
    let sure = first.map_or(0.0, |a| a.probability * 100.0).floor();
    match (alert.verdict, first) {
        (Verdict::Leak, Some(first)) => {
            let before = alert.seen_before.as_ref().map_or(String::new(), |before| {
                let day = before.at.to_zoned(jiff::tz::TimeZone::UTC).date();
                format!("Seen before ({:.0} % on {day}): ", (before.share * 100.0).round())
            });
            let rival = alert.attribution.iter().find(|a| !leads.contains(&a.system) && a.probability >= RIVAL);
            let or = rival.map_or(String::new(), |a| format!(" or {} ({:.0} %)", a.system, a.probability * 100.0));
            let canaries = match alert.impact.canaries {
                0 => String::new(),
                1 => ", 1 canary".to_owned(),
                several => format!(", {several} canaries"),
            };
            format!("{before}Leak of {people} from {systems} ({sure:.0} %){or}, snapshot {}{canaries}", first.snapshot)
        }
        (Verdict::Overlap | Verdict::Leak, _) => format!("{people} of {systems} in data from elsewhere"),
        (Verdict::Term | Verdict::Clear, _) => {
            let mut lists: Vec<_> = alert.terms.iter().map(|t| t.watchlist.as_str()).collect();
            lists.dedup();
            lists.truncate(3);
            format!("Terms of {} found", lists.join(", "))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
