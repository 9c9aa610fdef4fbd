//! An alert in words, for people: the same facts in the same order wherever a channel shows text.
//!
//! Here is only what is said; how it is escaped is the affair of whoever puts it somewhere.

use super::channel::Notice;
use super::escape;
use crate::model::{Alert, AlertState, Change, DocumentSummary, MaskedRow};

/// Documents listed.
const DOCUMENTS: usize = 10;

/// Alerts listed in a digest.
const DIGEST: usize = 100;

/// Reasons given.
const REASONS: usize = 6;

/// A part of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A heading over what follows.
    Heading(&'static str),
    /// A name and what it is.
    Fact(&'static str, String),
    /// One of several of its kind.
    Item(String),
}

/// The one line that says it all: what happened, how grave, what it is about.
#[must_use]
pub fn title(notice: &Notice) -> String {
    let alert = &notice.alert;
    let word = match notice.change {
        Change::Raised => "",
        Change::Updated => "update: ",
        Change::Acknowledged => "acknowledged: ",
        Change::Closed => "closed: ",
        Change::Escalated => "NOT YET TAKEN: ",
        Change::Digest => "digest: ",
        Change::Test => "TEST, nothing has leaked: ",
    };
    escape::line(&format!("[{}] {word}{}", alert.severity, alert.headline), 250)
}

/// The whole report.
#[must_use]
pub fn parts(notice: &Notice) -> Vec<Part> {
    let alert = &notice.alert;
    if notice.change == Change::Digest {
        return digest(notice);
    }
    let mut parts = vec![
        Part::Fact("Alert", alert.id.to_string()),
        Part::Fact("Revision", format!("{} ({})", alert.revision, notice.change.name())),
        Part::Fact("State", state(alert.state).to_owned()),
        Part::Fact("Severity", alert.severity.to_string()),
        Part::Fact("TLP", alert.tlp.to_string()),
        Part::Fact("PAP", alert.pap.to_string()),
    ];
    if notice.withheld {
        parts.push(Part::Fact("Content", alert.headline.clone()));
        return parts;
    }
    parts.push(Part::Fact("Verdict", alert.verdict.name().to_owned()));
    origin(alert, &mut parts);
    impact(alert, &mut parts);
    if !alert.terms.is_empty() {
        parts.push(Part::Heading("Terms found"));
        let item = |t: &crate::model::TermMatch| Part::Item(format!("{} ({} times, {})", t.term, t.count, t.watchlist));
        parts.extend(alert.terms.iter().take(DOCUMENTS).map(item));
    }
    if !alert.documents.is_empty() {
        parts.push(Part::Heading("Where it was seen"));
        parts.extend(alert.documents.iter().rev().take(DOCUMENTS).map(|d| Part::Item(document(d))));
        if alert.documents.len() > DOCUMENTS {
            parts.push(Part::Item(format!("and {} earlier ones", alert.documents.len() - DOCUMENTS)));
        }
    }
    if !alert.sample.is_empty() {
        parts.push(Part::Heading("Masked sample"));
        parts.extend(alert.sample.iter().map(|r| Part::Item(row(r))));
    }
    parts
}

/// Where an alert stands, for people.
#[must_use]
pub const fn state(state: AlertState) -> &'static str {
    match state {
        AlertState::Open => "open, nobody has taken it",
        AlertState::Acknowledged => "acknowledged, somebody has taken it",
        AlertState::Closed => "closed",
    }
}

/// One line for each alert of a digest.
fn digest(notice: &Notice) -> Vec<Part> {
    let alert = &notice.alert;
    let mut parts = vec![
        Part::Fact("Gravest", alert.severity.to_string()),
        Part::Fact("TLP", alert.tlp.to_string()),
        Part::Fact("PAP", alert.pap.to_string()),
        Part::Heading("Alerts"),
    ];
    let line = |a: &Alert| {
        let seen =
            a.documents.last().map_or(String::new(), |d| format!(", last seen on {} at {:.0}", d.site, d.seen_at));
        Part::Item(format!("[{}] {} (alert {}, {}{seen})", a.severity, a.headline, a.id, state(a.state)))
    };
    parts.extend(notice.digest.iter().take(DIGEST).map(line));
    if notice.digest.len() > DIGEST {
        parts.push(Part::Item(format!("and {} more; see `vigie alerts list`", notice.digest.len() - DIGEST)));
    }
    parts
}

fn origin(alert: &Alert, parts: &mut Vec<Part>) {
    let Some(first) = alert.attribution.first() else { return };
    parts.push(Part::Heading("Origin"));
    for system in alert.attribution.iter().take(3) {
        let [from, to] = system.snapshot_interval;
        parts.push(Part::Fact(
            "System",
            format!(
                "{} with probability {:.3}: {} records, {} canaries; data as of {} (between {from} and {to})",
                system.system, system.probability, system.records, system.canaries, system.snapshot
            ),
        ));
    }
    parts.push(Part::Fact("None of ours", format!("probability {:.3}", alert.outside)));
    parts.extend(first.reasons.iter().take(REASONS).map(|r| Part::Item(escape::line(r, 300))));
}

fn impact(alert: &Alert, parts: &mut Vec<Part>) {
    let impact = &alert.impact;
    if impact.records == 0 {
        return;
    }
    parts.push(Part::Heading("Who is concerned"));
    parts.push(Part::Fact("Records", impact.records.to_string()));
    let kinds = impact.by_kind.iter().map(|(kind, count)| format!("{kind} of {count}")).collect::<Vec<_>>();
    if !kinds.is_empty() {
        parts.push(Part::Fact("Kinds of data", kinds.join(", ")));
    }
    parts.push(Part::Fact("Rows of nobody known", impact.unmatched_rows.to_string()));
}

fn document(d: &DocumentSummary) -> String {
    let named = |name: &str, text: &Option<String>| text.as_deref().map_or(String::new(), |t| format!(", {name} {t}"));
    let skipped = if d.skipped.is_empty() { String::new() } else { format!(", {} parts not read", d.skipped.len()) };
    format!(
        "{}: {} ({}{}{}, seen {}, {} rows, {} new records, BLAKE3 {}{skipped}{})",
        d.site,
        d.url,
        d.name,
        named("titled", &d.title),
        named("by", &d.author),
        d.seen_at,
        d.rows,
        d.new_records,
        d.blake3,
        evidence(d)
    )
}

/// Where the capture of a document is.
fn evidence(d: &DocumentSummary) -> String {
    let Some(kept) = &d.evidence else { return String::new() };
    let hash = kept.manifest_sha256.as_deref().map_or("not kept".to_owned(), |hash| format!("manifest SHA-256 {hash}"));
    let missing = kept.missing.iter().map(|part| format!(", missing: {part}")).collect::<String>();
    format!(", evidence {} ({hash}{missing})", kept.id)
}

/// One masked row on a line.
#[must_use]
pub fn row(row: &MaskedRow) -> String {
    row.cells.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" | ")
}

/// As plain text: for terminals, tickets, mail.
#[must_use]
pub fn plain(notice: &Notice) -> String {
    let mut out = format!("{}\n", title(notice));
    for part in parts(notice) {
        match part {
            Part::Heading(text) => out.push_str(&format!("\n{text}\n")),
            Part::Fact(name, value) => out.push_str(&format!("{name}: {}\n", escape::line(&value, 900))),
            Part::Item(text) => out.push_str(&format!("  * {}\n", escape::line(&text, 1_200))),
        }
    }
    out
}

/// As Markdown in which nothing of a poster's is more than text.
#[must_use]
pub fn markdown(notice: &Notice) -> String {
    let mut out = format!("**{}**\n\n", escape::markdown(&title(notice)));
    for part in parts(notice) {
        match part {
            Part::Heading(text) => out.push_str(&format!("\n**{text}**\n\n")),
            Part::Fact(name, value) => out.push_str(&format!("- {name}: {}\n", escape::markdown(&value))),
            Part::Item(text) => out.push_str(&format!("- {}\n", escape::markdown(&text))),
        }
    }
    out
}
