//! When the data was taken: the snapshot whose values the document shows, and the days between which an export would
//! have shown them.
//!
//! Values that one export has and its neighbour has not bound the day from both sides. What no export has was there before
//! the first or came after the last, or somebody touched it: the interval is open there, and the reasons say so.

use jiff::ToSpan;
use jiff::civil::{Date, date as day_of};

use crate::model::SystemId;
use crate::model::finding::Finding;

use super::posterior::Posterior;

/// Snapshots whose log likelihood is within this of the best one cannot be told apart (odds of 20 to 1).
const APART: f64 = 3.0;

/// The beginning of an interval that nothing bounds.
pub(super) const OPEN: Date = day_of(1, 1, 1);

/// On which side of the exports that we have the theft may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    /// Within them, as far as can be told.
    Neither,
    /// Before the oldest.
    Before,
    /// After the newest.
    After,
    /// There is but one: before or after it.
    Either,
}

/// Sampled rows that single out a snapshot among its neighbours.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rows {
    /// Rows that the snapshot explains at all.
    explained: u64,
    /// Sampled rows whose values only this snapshot has, against its neighbours before and after.
    pub(super) newer_than_previous: u64,
    /// The same against the snapshot after it.
    pub(super) older_than_next: u64,
    /// Sampled rows that show what the snapshot before had and this one has no more.
    pub(super) older_than_this: u64,
    /// Sampled rows that show what the snapshot after it has and this one not yet.
    pub(super) newer_than_this: u64,
    /// Sampled rows that show values which no export of the system has.
    pub(super) in_none: u64,
}

/// The answer for one system.
#[derive(Debug, Clone)]
pub(super) struct Dated {
    /// The likeliest snapshot.
    pub(super) snapshot: Date,
    /// First and last day on which an export would have shown these values.
    pub(super) interval: [Date; 2],
    /// Sampled rows that speak for themselves.
    pub(super) rows: Rows,
    /// Whether values that no export has are so many that the theft lies beyond all exports.
    pub(super) beyond: Beyond,
    /// The neighbours' dates.
    pub(super) previous: Option<Date>,
    /// See `previous`.
    pub(super) next: Option<Date>,
    /// Whether the snapshot is dated later than the day on which the document is judged.
    pub(super) in_future: bool,
}

/// Dates the document as a theft from `system`.
pub(super) fn date(finding: &Finding, posterior: &Posterior, system: &SystemId, today: Date) -> Dated {
    let mut sources: Vec<usize> =
        (0..finding.sources.len()).filter(|s| finding.sources[*s].system == *system).collect();
    let day = |source: usize| finding.sources[source].snapshot;
    let best = posterior.best_source(system);
    // Of two exports of one day, the better one speaks for both.
    sources.retain(|s| *s == best || day(*s) != day(best));
    sources.sort_by_key(|s| day(*s));
    let at = sources.iter().position(|s| *s == best).unwrap_or(0);
    let alike = |source: &usize| posterior.weights[best] - posterior.weights[*source] < APART;
    let first = (0..=at).rev().take_while(|i| alike(&sources[*i])).last().unwrap_or(at);
    let last = (at..sources.len()).take_while(|i| alike(&sources[*i])).last().unwrap_or(at);
    let previous = at.checked_sub(1).map(|i| sources[i]);
    let next = sources.get(at + 1).copied();
    let mut dated = Dated {
        snapshot: day(best),
        interval: [day(best); 2],
        rows: Rows::of(finding, best, previous, next, &sources),
        beyond: Beyond::Neither,
        previous: previous.map(day),
        next: next.map(day),
        in_future: day(best) > today,
    };
    dated.beyond = beyond(&dated);
    let until = match sources.get(last + 1) {
        Some(next) => day(*next).checked_sub(1.day()).unwrap_or(day(*next)),
        None => today,
    };
    // What is dated in the future bounds nothing.
    let until = until.min(today);
    dated.interval = interval(&dated, day(sources[first]), until);
    dated
}

/// Whether `rows` are a telling part of all that contradict the snapshot.
fn telling(rows: u64, dated: &Dated) -> bool {
    rows > 0 && rows * 4 >= dated.rows.older_than_this + dated.rows.newer_than_this + dated.rows.in_none
}

/// Values that no export has are told from errors by their number: two rows, and three in a hundred.
fn beyond(dated: &Dated) -> Beyond {
    if dated.rows.in_none < 2 || dated.rows.in_none * 33 < dated.rows.explained {
        return Beyond::Neither;
    }
    match (dated.previous, dated.next) {
        (None, None) => Beyond::Either,
        (None, Some(_)) if !telling(dated.rows.newer_than_this, dated) => Beyond::Before,
        (Some(_), None) if !telling(dated.rows.older_than_this, dated) => Beyond::After,
        _ => Beyond::Neither,
    }
}

/// The interval, given the stretch of exports that cannot be told apart.
fn interval(dated: &Dated, from: Date, until: Date) -> [Date; 2] {
    let older = telling(dated.rows.older_than_this, dated);
    let newer = telling(dated.rows.newer_than_this, dated);
    let from = match (dated.beyond, dated.previous) {
        (Beyond::Before | Beyond::Either, _) => OPEN,
        (_, Some(previous)) if older => from.min(previous),
        _ => from,
    };
    // What an export has no more was taken before it; unless other rows say the contrary.
    let until = if (older || dated.beyond == Beyond::Before) && !newer { dated.snapshot } else { until };
    [from, until.max(dated.snapshot)]
}

impl Rows {
    /// Counts them for `best`, one of a system's exports, in one pass over the evidence.
    fn of(finding: &Finding, best: usize, previous: Option<usize>, next: Option<usize>, sources: &[usize]) -> Self {
        let mut rows = Self::default();
        for hit in &finding.hits {
            let (mut own, mut before, mut after, mut elsewhere) = (None, None, None, 0);
            for candidate in &hit.candidates {
                let source = usize::from(candidate.source);
                if source == best {
                    own = Some(candidate);
                } else if sources.contains(&source) {
                    elsewhere |= candidate.cells;
                    before = before.or((previous == Some(source)).then_some(candidate.cells));
                    after = after.or((next == Some(source)).then_some(candidate.cells));
                }
            }
            let here = own.map(|own| own.cells);
            rows.explained += u64::from(own.is_some());
            rows.newer_than_previous += u64::from(previous.is_some() && shows_more(here, before));
            rows.older_than_next += u64::from(next.is_some() && shows_more(here, after));
            rows.older_than_this += u64::from(shows_more(before, here));
            rows.newer_than_this += u64::from(shows_more(after, here));
            // A value that it should explain and does not, and no other export of the system does either.
            rows.in_none += u64::from(own.is_some_and(|own| own.differ != 0 && elsewhere & !own.cells == 0));
        }
        rows
    }
}

/// Whether an export explains cells of a row that another export of the system does not; what is not held at all explains
/// none.
fn shows_more(this: Option<u64>, other: Option<u64>) -> bool {
    this.is_some_and(|cells| other.is_none_or(|others| cells & !others != 0))
}
