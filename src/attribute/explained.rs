//! What each source explains of a table, row by row: which record, and what its values are worth if the row is the source's,
//! or somebody else's row of a customer of ours. Counted once, before any hypothesis is weighed.

use std::collections::BTreeSet;

use crate::model::finding::{Candidate, Finding, HitRow, Source, bits};

use super::worth::Worth;

/// How many values that should be shown and are not are expected before looking, and among how many: they changed since,
/// or somebody touched them. How often they do is learned from the table, source by source.
const DIFFERING: (f64, f64) = (1.0, 12.0);

/// One row as one source explains it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Explained {
    /// Position among the table's hits.
    pub(super) hit: u32,
    /// The record's row in the export.
    pub(super) record: u32,
    /// Log likelihood ratio of the values, whichever record was drawn.
    pub(super) values: f64,
    /// The same of those that another company could know as well.
    pub(super) public: f64,
    /// What the values would be worth as of whatever day any of our systems knows them of, as far as this source has the
    /// columns.
    pub(super) any_day: f64,
    /// The same whether it has the columns or not.
    pub(super) enriched: f64,
}

/// What one source explains of a table.
pub(super) struct Side {
    /// Records of the export.
    pub(super) records: f64,
    /// The hits that it explains, in order.
    pub(super) rows: Vec<Explained>,
    /// How many customers of ours the export does not hold.
    pub(super) others: f64,
}

/// What all sources explain of a table.
pub(super) struct Explanations {
    /// By source.
    pub(super) sides: Vec<Side>,
    /// For each hit, the log likelihood ratio of its values if it is anybody's row of a customer of ours, seen on whatever
    /// day.
    pub(super) public: Vec<f64>,
    /// How many customers we know of, in all systems together.
    pub(super) everybody: f64,
}

impl Explanations {
    /// Of the hits of one table.
    pub(super) fn of(finding: &Finding, hits: &[&HitRow]) -> Self {
        let side = |source: &Source| Side { records: source.records.max(1) as f64, rows: Vec::new(), others: 0.0 };
        let mut sides: Vec<Side> = finding.sources.iter().map(side).collect();
        let public = weigh(finding, hits, &mut sides);
        let everybody = everybody(&sides, hits.len());
        // Among those whom a source does not hold are at least those whom the source that explains most holds besides.
        let largest = sides.iter().max_by_key(|side| side.rows.len());
        let (most, hits_of_most): (f64, BTreeSet<u32>) = largest
            .map_or((0.0, BTreeSet::new()), |side| (side.records, side.rows.iter().map(|row| row.hit).collect()));
        for side in &mut sides {
            let shared = side.rows.iter().filter(|row| hits_of_most.contains(&row.hit)).count();
            let besides = most * (1.0 - shared as f64 / hits_of_most.len().max(1) as f64);
            side.others = (everybody - side.records).max(side.records * 0.02).max(besides).max(1.0);
        }
        Self { sides, public, everybody }
    }
}

/// Gives each source the rows that it explains; what each row is worth if it is anybody's.
fn weigh(finding: &Finding, hits: &[&HitRow], sides: &mut [Side]) -> Vec<f64> {
    let held = held(hits, finding.sources.len());
    let worth: Vec<Worth> = finding.sources.iter().map(Worth::of).collect();
    let stale = staleness(hits, &held);
    let systems = numbered(finding);
    let mut public = Vec::with_capacity(hits.len());
    for (no, hit) in hits.iter().enumerate() {
        let mut known = AnyDay::default();
        for candidate in &hit.candidates {
            let source = usize::from(candidate.source);
            let aged = stale[source].of(candidate, held[source]);
            let values = worth[source].sum(candidate, held[source]) + aged;
            let others = worth[source].sum(candidate, held[source] & worth[source].public) + aged;
            known.add(systems[source], others);
            let shown = Candidate { agree: candidate.agree | candidate.differ, ..*candidate };
            sides[source].rows.push(Explained {
                hit: no as u32,
                record: candidate.record.0,
                values,
                public: others,
                any_day: worth[source].sum(&shown, held[source]),
                enriched: values,
            });
        }
        let known = known.best();
        for candidate in &hit.candidates {
            if let Some(row) = sides[usize::from(candidate.source)].rows.last_mut() {
                let everything = known + row.values - row.public;
                row.any_day = row.any_day.min(everything);
                row.enriched = everything;
            }
        }
        public.push(known);
    }
    public
}

/// A row of a customer of ours as somebody else may have come to know it: as of the day of any of a system's exports, each
/// as likely as the next. Of several systems the one that explains it best counts.
#[derive(Default)]
struct AnyDay {
    /// The system at hand, how many exports of it explain the row, the likeliest of them and the sum of all over that.
    system: usize,
    exports: f64,
    most: f64,
    sum: f64,
    best: f64,
}

impl AnyDay {
    /// One more export; those of one system follow one another.
    fn add(&mut self, system: usize, values: f64) {
        if self.exports > 0.0 && self.system == system {
            let most = self.most.max(values);
            self.sum = self.sum * (self.most - most).exp() + (values - most).exp();
            (self.most, self.exports) = (most, self.exports + 1.0);
        } else {
            *self = Self { system, exports: 1.0, most: values, sum: 1.0, best: self.best() };
        }
    }

    fn best(&self) -> f64 {
        if self.exports > 0.0 { self.best.max(self.most + (self.sum / self.exports).ln()) } else { self.best }
    }
}

/// The number of each source's system.
fn numbered(finding: &Finding) -> Vec<usize> {
    let first = |source: &Source| finding.sources.iter().position(|other| other.system == source.system);
    finding.sources.iter().map(|source| first(source).unwrap_or_default()).collect()
}

/// What a value that agrees or differs says of how old the export is.
#[derive(Clone, Copy)]
struct Staleness {
    agrees: f64,
    differs: f64,
}

impl Staleness {
    fn of(self, candidate: &Candidate, held: u64) -> f64 {
        self.agrees * f64::from((candidate.agree & held).count_ones())
            + self.differs * f64::from(candidate.differ.count_ones())
    }
}

/// For each source, how likely a value of it is to have changed or been touched: as often as the table shows.
fn staleness(hits: &[&HitRow], held: &[u64]) -> Vec<Staleness> {
    let mut counts = vec![(0.0, 0.0); held.len()];
    for candidate in hits.iter().flat_map(|hit| &hit.candidates) {
        let source = usize::from(candidate.source);
        counts[source].0 += f64::from(candidate.differ.count_ones());
        counts[source].1 += f64::from((candidate.agree & held[source]).count_ones());
    }
    let rates = counts.into_iter().map(|(differ, agree)| {
        let rate = (differ + DIFFERING.0) / (differ + agree + DIFFERING.1);
        Staleness { agrees: (1.0 - rate).ln(), differs: rate.ln() }
    });
    rates.collect()
}

/// How many customers we have in all: at least as many as the largest system, and more if the one that explains most of
/// the table's hits does not explain them all.
fn everybody(sides: &[Side], hits: usize) -> f64 {
    let largest = sides.iter().map(|side| side.records).fold(1.0, f64::max);
    let grown = sides
        .iter()
        .max_by_key(|side| side.rows.len())
        .map_or(1.0, |side| side.records * hits as f64 / side.rows.len().max(1) as f64);
    largest.max(grown)
}

/// For each source, the columns that agree in at least a fifth of the rows it explains. What agrees beside them agrees by
/// chance, and among many sources some always does.
fn held(hits: &[&HitRow], sources: usize) -> Vec<u64> {
    let mut counts = vec![(0u32, [0u32; 64]); sources];
    for candidate in hits.iter().flat_map(|hit| &hit.candidates) {
        let (rows, columns) = &mut counts[usize::from(candidate.source)];
        *rows += 1;
        bits(candidate.agree).for_each(|column| columns[column] += 1);
    }
    let held = |(rows, columns): (u32, [u32; 64])| {
        (0..64).filter(|c| columns[*c] > 0 && columns[*c] * 5 >= rows).fold(0, |mask, column| mask | 1 << column)
    };
    counts.into_iter().map(held).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_say_the_same_cost_nothing_and_one_of_two_costs_a_coin() {
        let row = |values: &[(usize, f64)]| {
            let mut row = AnyDay::default();
            values.iter().for_each(|(system, values)| row.add(*system, *values));
            row.best()
        };
        assert!((row(&[(0, 20.0), (0, 20.0), (0, 20.0)]) - 20.0).abs() < 1e-9);
        assert!((row(&[(0, -10.0), (0, 30.0)]) - (30.0 - 2.0_f64.ln())).abs() < 1e-9);
        // The better of two systems counts, whichever comes first.
        assert!((row(&[(0, 25.0), (0, 25.0), (1, 20.0)]) - 25.0).abs() < 1e-9);
        assert!((row(&[(0, 20.0), (1, 25.0), (1, 25.0)]) - 25.0).abs() < 1e-9);
        assert!((row(&[])).abs() < 1e-9);
    }
}
