//! The likelihood of a table's rows under each hypothesis, as log ratios to "these rows describe nobody of ours".
//!
//! A row drawn from a source shows one of its records: each at 1/N, or the neighbour of the row before it, since tables
//! are mostly stolen in the order they are kept. A value that agrees makes the row likelier by how rare the value is;
//! one that differs costs what a change or an error costs. How many rows come from elsewhere is not known: it is
//! integrated over a grid.

use std::collections::BTreeSet;

use crate::model::finding::{Candidate, Finding, HitRow, bits};

use super::signals::ln_beta;
use super::sums::{Bins, Sums};
use super::worth::Worth;

/// Share of rows that a thief's file has from elsewhere, and how likely each share is beforehand: mostly little.
const FOREIGN: [(f64, f64); 9] = [
    (0.003, 0.2),
    (0.02, 0.22),
    (0.06, 0.21),
    (0.12, 0.16),
    (0.20, 0.125),
    (0.32, 0.065),
    (0.48, 0.0165),
    (0.68, 0.003),
    (0.85, 0.0005),
];

/// Share of a third party's rows who happen to be customers of ours, likewise: mostly few. Above a seventh, the shares
/// mirror those of [`FOREIGN`], so that what both lose by not being quite the right share is the same.
const SHARED: [(f64, f64); 13] = [
    (0.0003, 0.14),
    (0.003, 0.15),
    (0.02, 0.19),
    (0.07, 0.19),
    (0.15, 0.16),
    (0.32, 0.105),
    (0.52, 0.05),
    (0.68, 0.009),
    (0.80, 0.003),
    (0.88, 0.0012),
    (0.94, 0.0008),
    (0.98, 0.0006),
    (0.997, 0.0004),
];

/// How closely the customers whom a third party shares with us are spread over our systems as all our customers are: as if
/// that had been seen on so many of them. It may be a company for the young, or for those who live in the north.
const ALIKE: f64 = 20.0;

/// How strongly the rows follow the order of the export: not at all, in stretches, throughout.
pub(super) const ORDERED: [(f64, f64); 3] = [(0.0, 0.5), (0.6, 0.15), (0.985, 0.35)];

/// Neighbours further apart than this in the export are not called neighbours.
const NEAR: u32 = 8;

/// How many values that should be shown and are not are expected before looking, and among how many: they changed since,
/// or somebody touched them. How often they do is learned from the table, source by source.
const DIFFERING: (f64, f64) = (1.0, 12.0);

/// Customers of a system who are not in the export that we know, because it was taken on another day: they came later, or
/// had left before. The parameters of a Beta distribution: some in a hundred.
const TURNOVER: (f64, f64) = (0.6, 20.0);

/// Half of the time there is none to speak of, and what the export does not hold is from elsewhere.
const NO_TURNOVER: f64 = 1e-9;

/// Share of the rows from elsewhere in a thief's file that describe customers of ours all the same.
const KNOWN_ELSEWHERE: f64 = 0.05;

/// `ln Σ exp`, without overflow.
pub(super) fn log_sum(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if most.is_finite() { most + values.map(|v| (v - most).exp()).sum::<f64>().ln() } else { most }
}

/// `ln(share·eᵃ + rest)`, where nearly always one of the two terms vanishes beside the other.
#[inline]
fn mixed(share: f64, a: f64, rest: f64) -> f64 {
    if a > 30.0 { a + share.ln() } else { (share * a.exp() + rest).ln() }
}

/// One row as one source explains it.
#[derive(Debug, Clone, Copy)]
struct Explained {
    /// Position among the table's hits.
    hit: u32,
    /// The record's row in the export.
    record: u32,
    /// Log likelihood ratio of the values, whichever record was drawn.
    values: f64,
    /// The same of those that another company could know as well.
    public: f64,
}

/// How a document may be two sources' at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    /// Rows of one system and of another.
    Mix,
    /// Rows of one system as they were between two exports.
    Between,
}

/// What one source explains of a table.
struct Side {
    /// Records of the export.
    records: f64,
    /// The hits that it explains, in order.
    rows: Vec<Explained>,
    /// How many customers of ours the export does not hold.
    others: f64,
}

/// The rows of one table, ready to be weighed.
pub(super) struct TableRows {
    /// How many rows of the document each sampled hit stands for.
    weight: f64,
    /// Rows in which nothing was recognised.
    misses: f64,
    /// For each hit, the log likelihood ratio of its values if it is anybody's row of a customer of ours.
    public: Vec<f64>,
    /// How many customers we know of, in all systems together.
    everybody: f64,
    sides: Vec<Side>,
}

impl TableRows {
    /// The rows of `finding.tables[table]`. The sample's rows stand for all hits in proportion.
    pub(super) fn new(finding: &Finding, table: usize) -> Self {
        let hits: Vec<&HitRow> = finding.hits.iter().filter(|hit| hit.table as usize == table).collect();
        let weight =
            if finding.hits.is_empty() { 1.0 } else { (finding.hit_rows as f64 / finding.hits.len() as f64).max(1.0) };
        let misses = (finding.tables[table].rows as f64 - hits.len() as f64 * weight).max(0.0);
        let held = held(&hits, finding.sources.len());
        let worth: Vec<Worth> = finding.sources.iter().map(Worth::of).collect();
        let stale = staleness(&hits, &held);
        let rows = vec![Vec::new(); finding.sources.len()];
        let mut sides: Vec<Side> = finding
            .sources
            .iter()
            .zip(rows)
            .map(|(source, rows)| Side { records: source.records.max(1) as f64, rows, others: 0.0 })
            .collect();
        let mut public = Vec::with_capacity(hits.len());
        for (no, hit) in hits.iter().enumerate() {
            let mut known = 0.0;
            for candidate in &hit.candidates {
                let source = usize::from(candidate.source);
                let aged = stale[source].of(candidate, held[source]);
                let values = worth[source].sum(candidate, held[source]) + aged;
                let others = worth[source].sum(candidate, held[source] & worth[source].public) + aged;
                known = f64::max(known, others);
                let record = candidate.record.0;
                sides[source].rows.push(Explained { hit: no as u32, record, values, public: others });
            }
            public.push(known);
        }
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
        Self { weight, misses, public, everybody, sides }
    }

    /// Log likelihood ratio of a hit if it is from elsewhere, a customer of ours or not.
    fn elsewhere(&self, hit: u32) -> f64 {
        mixed(KNOWN_ELSEWHERE, self.public[hit as usize] - self.everybody.ln(), 1.0 - KNOWN_ELSEWHERE)
    }

    /// Log likelihood ratio of the table's rows if it was taken from `source`.
    pub(super) fn given_source(&self, source: usize) -> f64 {
        let side = &self.sides[source];
        let mut sums = Sums::default();
        let mut rows = side.rows.iter().peekable();
        let mut before = None;
        for hit in 0..self.public.len() as u32 {
            match rows.next_if(|row| row.hit == hit) {
                Some(row) => {
                    let drawn = draw(before, row.record, side.records);
                    sums.add(drawn.map(|d| row.values + d), self.elsewhere(hit));
                    before = Some(row.record);
                }
                None => sums.add_beside(self.public[hit as usize] - side.others.ln(), self.elsewhere(hit)),
            }
        }
        self.integrated(&sums)
    }

    /// The same if it was taken from two sources together: each row from either, or (two exports of one system) on a day
    /// between them, each value as of one or the other.
    pub(super) fn given_both(&self, a: usize, b: usize, join: Join) -> f64 {
        let either = match join {
            Join::Mix => 0.5_f64.ln(),
            Join::Between => 0.0,
        };
        let others = self.sides[a].others.max(self.sides[b].others);
        // Whoever is in one of two exports was a customer at some time between: there are more of them than in either.
        let grown = match join {
            Join::Mix => 1.0,
            Join::Between => self.either(a, b) / self.sides[a].rows.len().max(self.sides[b].rows.len()).max(1) as f64,
        };
        let mut before = [None, None];
        let mut next = [0, 0];
        let mut sums = Sums::default();
        for hit in 0..self.public.len() as u32 {
            let mut best: Option<[f64; ORDERED.len()]> = None;
            for (at, source) in [a, b].into_iter().enumerate() {
                let side = &self.sides[source];
                let Some(row) = side.rows.get(next[at]).filter(|row| row.hit == hit) else { continue };
                next[at] += 1;
                let drawn = draw(before[at], row.record, side.records * grown).map(|d| row.values + d + either);
                before[at] = Some(row.record);
                best = Some(best.map_or(drawn, |other| std::array::from_fn(|i| f64::max(other[i], drawn[i]))));
            }
            match best {
                Some(row) => sums.add(row, self.elsewhere(hit)),
                None => sums.add_beside(self.public[hit as usize] - others.ln(), self.elsewhere(hit)),
            }
        }
        self.integrated(&sums)
    }

    /// How many hits at least one of two sources explains.
    fn either(&self, a: usize, b: usize) -> f64 {
        let of = |source: usize| self.sides[source].rows.iter().map(|row| row.hit).collect::<BTreeSet<u32>>();
        of(a).union(&of(b)).count() as f64
    }

    /// Integrates over how many rows are from elsewhere, how far the rows keep the order of the export, and how many
    /// customers have come and gone since.
    fn integrated(&self, sums: &Sums) -> f64 {
        let mut terms = Vec::with_capacity(FOREIGN.len() * ORDERED.len() * 2);
        let bins = sums.prepared();
        let inside = sums.explained * self.weight;
        let beside = self.public.len() as f64 * self.weight - inside;
        // The likeliest share, weighted so that it stands for all shares together.
        let (a, b) = TURNOVER;
        let share = (beside + a) / (inside + beside + a + b);
        let all = ln_beta(beside + a, inside + b) - ln_beta(a, b) - beside * share.ln() - inside * (1.0 - share).ln();
        for (foreign, prior) in FOREIGN {
            let strangers = self.misses * (foreign * (1.0 - KNOWN_ELSEWHERE)).ln();
            for (turnover, turnover_prior) in [(share, all), (NO_TURNOVER, 0.0)] {
                let others = bins.beside.given((1.0 - foreign) * turnover, foreign);
                for (order, (_, order_prior)) in ORDERED.iter().enumerate() {
                    let rows = bins.explained[order].given((1.0 - foreign) * (1.0 - turnover), foreign) + others;
                    let prior = prior.ln() + 0.5_f64.ln() + turnover_prior + order_prior.ln();
                    terms.push(prior + (rows + sums.elsewhere) * self.weight + strangers);
                }
            }
        }
        log_sum(terms.into_iter())
    }

    /// Log likelihood ratio of the table's rows if they are a third party's, some of whose customers are ours too, agreeing
    /// in what anybody may know of them: the likeliest of the ways in which they may be spread over our systems.
    pub(super) fn given_outside(&self) -> f64 {
        let ways = self.sides.iter().filter(|side| !side.rows.is_empty()).map(|side| self.given_outside_by(side));
        let most = ways.fold(f64::NEG_INFINITY, f64::max);
        if most.is_finite() {
            most
        } else {
            log_sum(SHARED.iter().map(|(share, p)| p.ln() + self.misses * (1.0 - share).ln()))
        }
    }

    /// The same if they were told apart by whether they are in one of our exports. How many are is not for that export's
    /// size to say: a third party's customers are not drawn from ours by lot.
    fn given_outside_by(&self, side: &Side) -> f64 {
        let mut bins = Bins::default();
        let mut rows = side.rows.iter().peekable();
        for (hit, values) in self.public.iter().enumerate() {
            match rows.next_if(|row| row.hit as usize == hit) {
                Some(row) => bins.add(row.public - side.records.ln()),
                None => bins.add(values - side.others.ln()),
            }
        }
        let bins = bins.prepared();
        let inside = side.rows.len() as f64 * self.weight;
        let beside = self.public.len() as f64 * self.weight - inside;
        let expected = (side.records / self.everybody).clamp(0.001, 0.98);
        let (a, b) = (ALIKE * expected, ALIKE * (1.0 - expected));
        let spread = ln_beta(inside + a, beside + b) - ln_beta(a, b);
        let shares = SHARED.iter().map(|(share, prior)| {
            prior.ln() + bins.given(*share, 1.0 - share) * self.weight + self.misses * (1.0 - share).ln()
        });
        spread + log_sum(shares)
    }

    /// How many of the table's sampled hits a source explains.
    pub(super) fn explained(&self, source: usize) -> u64 {
        self.sides[source].rows.len() as u64
    }

    /// How many of the table's sampled hits follow their predecessor closely in the export, and how many could.
    pub(super) fn in_order(&self, source: usize) -> (usize, usize) {
        let explained = &self.sides[source].rows;
        let near = explained.windows(2).filter(|pair| is_near(pair[0].record, pair[1].record)).count();
        (near, explained.len().saturating_sub(1))
    }
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

fn is_near(before: u32, record: u32) -> bool {
    record.checked_sub(before).is_some_and(|gap| (1..=NEAR).contains(&gap))
}

/// Log probability that the next row shows this record, for each strength of order.
fn draw(before: Option<u32>, record: u32, records: f64) -> [f64; ORDERED.len()] {
    let anywhere = 1.0 / records;
    let Some(before) = before else { return [anywhere.ln(); ORDERED.len()] };
    let near = if is_near(before, record) { 0.5_f64.powi((record - before) as i32) } else { 0.0 };
    ORDERED.map(|(strength, _)| (strength * near + (1.0 - strength) * anywhere).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grids_are_distributions() {
        for total in [
            FOREIGN.iter().map(|(_, p)| p).sum::<f64>(),
            SHARED.iter().map(|(_, p)| p).sum::<f64>(),
            ORDERED.iter().map(|(_, p)| p).sum::<f64>(),
        ] {
            assert!((total - 1.0).abs() < 1e-9, "{total}");
        }
    }

    #[test]
    fn the_sum_of_logs_neither_overflows_nor_loses_the_larger_term() {
        assert!((log_sum([1000.0, 0.0].into_iter()) - 1000.0).abs() < 1e-9);
        assert!((log_sum([0.0, 0.0].into_iter()) - 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!(log_sum([f64::NEG_INFINITY].into_iter()), f64::NEG_INFINITY);
    }

    #[test]
    fn the_shortcut_for_large_ratios_agrees_with_the_formula() {
        for a in [29.0, 30.5, 31.0_f64] {
            let exact = (0.3 * a.exp() + 0.7).ln();
            assert!((mixed(0.3, a, 0.7) - exact).abs() < 1e-9);
        }
    }

    #[test]
    fn a_neighbour_is_likelier_than_a_stranger_where_rows_are_in_order() {
        let (near, far) = (draw(Some(10), 11, 1e6), draw(Some(10), 500_000, 1e6));
        assert!(near[2] > far[2] + 10.0);
        assert_eq!(near[0], far[0]);
    }
}
