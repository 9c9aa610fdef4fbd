//! When the data was taken: the snapshot whose values the document shows, and the days between which an export would
//! have shown them.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::model::SystemId;
use crate::model::finding::Finding;

use super::posterior::Posterior;

/// Snapshots whose log likelihood is within this of the best one cannot be told apart (odds of 20 to 1).
const APART: f64 = 3.0;

/// The answer for one system.
#[derive(Debug, Clone)]
pub(super) struct Dated {
    /// The likeliest snapshot.
    pub(super) snapshot: Date,
    /// First and last day on which an export would have shown these values.
    pub(super) interval: [Date; 2],
    /// Sampled rows whose values only this snapshot has, against its neighbours before and after.
    pub(super) newer_than_previous: u64,
    /// The same against the snapshot after it.
    pub(super) older_than_next: u64,
    /// The neighbours' dates.
    pub(super) previous: Option<Date>,
    /// See `previous`.
    pub(super) next: Option<Date>,
}

/// Dates the document as a theft from `system`.
pub(super) fn date(finding: &Finding, posterior: &Posterior, system: &SystemId, today: Date) -> Dated {
    let mut sources: Vec<usize> =
        (0..finding.sources.len()).filter(|s| finding.sources[*s].system == *system).collect();
    sources.sort_by_key(|s| finding.sources[*s].snapshot);
    let best = posterior.best_source(system);
    let at = sources.iter().position(|s| *s == best).unwrap_or(0);
    let day = |source: usize| finding.sources[source].snapshot;
    let alike = |source: &usize| posterior.weights[best] - posterior.weights[*source] < APART;
    let first = (0..=at).rev().take_while(|i| alike(&sources[*i])).last().unwrap_or(at);
    let last = (at..sources.len()).take_while(|i| alike(&sources[*i])).last().unwrap_or(at);
    let previous = at.checked_sub(1).map(|i| sources[i]);
    let next = sources.get(at + 1).copied();
    let until = match sources.get(last + 1) {
        Some(next) => day(*next).checked_sub(1.day()).unwrap_or(day(*next)),
        None => today.max(day(sources[last])),
    };
    Dated {
        snapshot: day(best),
        interval: [day(sources[first]), until.max(day(sources[last]))],
        newer_than_previous: previous.map_or(0, |other| only_in(finding, best, other)),
        older_than_next: next.map_or(0, |other| only_in(finding, best, other)),
        previous: previous.map(day),
        next: next.map(day),
    }
}

/// Sampled rows that show values which `source` has and `other`, an export of the same system, has not.
fn only_in(finding: &Finding, source: usize, other: usize) -> u64 {
    let only = finding.hits.iter().filter(|hit| {
        let of = |s: usize| hit.candidates.iter().find(|c| c.source as usize == s);
        match (of(source), of(other)) {
            (Some(here), Some(there)) => here.agree & !there.agree != 0,
            (Some(_), None) => true,
            _ => false,
        }
    });
    only.count() as u64
}
