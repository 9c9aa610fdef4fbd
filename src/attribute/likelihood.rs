//! The likelihood of a table's rows under each hypothesis, as log ratios to "these rows describe nobody of ours".
//!
//! A row drawn from a source shows one of its records: each at 1/N, or the neighbour of the row before it, since tables
//! are mostly stolen in the order they are kept. A value that agrees makes the row likelier by how rare the value is;
//! one that differs costs what a change or an error costs. How many rows come from elsewhere is not known: it is
//! integrated over a grid.

use crate::model::FieldKind;
use crate::model::finding::{Candidate, Finding, HitRow, Source};

/// Share of rows that a thief's file has from elsewhere, and how likely each share is beforehand (much like a
/// Beta(1.2, 9) with a longer tail: mostly little).
const FOREIGN: [(f64, f64); 8] = [
    (0.003, 0.19),
    (0.02, 0.22),
    (0.06, 0.21),
    (0.12, 0.17),
    (0.20, 0.13),
    (0.32, 0.065),
    (0.48, 0.013),
    (0.68, 0.002),
];

/// Share of a third party's rows who happen to be customers of ours, likewise (a Beta(0.6, 3): mostly few).
const SHARED: [(f64, f64); 9] = [
    (0.0003, 0.14),
    (0.003, 0.14),
    (0.02, 0.18),
    (0.07, 0.18),
    (0.15, 0.15),
    (0.28, 0.12),
    (0.45, 0.06),
    (0.68, 0.02),
    (0.92, 0.01),
];

/// How strongly the rows follow the order of the export: not at all, in stretches, throughout.
const ORDERED: [(f64, f64); 3] = [(0.0, 0.5), (0.6, 0.15), (0.985, 0.35)];

/// Neighbours further apart than this in the export are not called neighbours.
const NEAR: u32 = 8;

/// What agreement of a value of this kind is worth at most, in nats: the logarithm of one over how often two strangers
/// share a value. From what such columns look like in general, not from any one of them; a tag of eight bits can
/// vouch for no more than ln 256.
fn rarity(kind: FieldKind) -> f64 {
    match kind {
        FieldKind::Email | FieldKind::Phone | FieldKind::Iban | FieldKind::Contract | FieldKind::Ref => 16.0,
        FieldKind::Username => 12.0,
        FieldKind::Siren => 8.0,
        // What its two parts are worth: which way a system splits a name proves nothing.
        FieldKind::FullName => 8.5,
        FieldKind::StreetAddress | FieldKind::BirthDate => 5.5,
        FieldKind::Ip | FieldKind::Postcode | FieldKind::LastName => 5.0,
        FieldKind::FirstName | FieldKind::City | FieldKind::Company => 3.5,
        FieldKind::JobTitle => 2.5,
        FieldKind::Text => 1.5,
    }
}

/// What a masked value's agreement is worth at most: four digits, or a letter and a domain.
const MASKED_RARITY: f64 = 4.0;

/// Cost of a value that the record should show and does not: it changed since, or somebody touched it.
const DIFFERS: f64 = -3.5;

/// Whether another company could know the value as well as we do. Our own numbers it cannot.
fn is_public(kind: FieldKind) -> bool {
    !matches!(kind, FieldKind::Ref | FieldKind::Contract | FieldKind::Text)
}

/// Sum of the worth of the agreeing columns, of those that the table `held`, for which `counts` holds.
fn worth(source: &Source, candidate: &Candidate, held: u64, counts: impl Fn(FieldKind) -> bool) -> f64 {
    bits(candidate.agree & held)
        .filter_map(|column| source.columns.get(column).map(|(_, kind)| (column, *kind)))
        .filter(|(_, kind)| counts(*kind))
        .map(|(column, kind)| {
            let most = rarity(kind);
            if candidate.masked >> column & 1 == 1 { most.min(MASKED_RARITY) } else { most }
        })
        .sum()
}

/// The positions of the bits set.
pub(super) fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (mask != 0).then(|| {
            let bit = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            bit
        })
    })
}

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

/// The rows of one table, ready to be weighed.
pub(super) struct TableRows<'a> {
    finding: &'a Finding,
    hits: Vec<&'a HitRow>,
    /// How many rows of the document each sampled hit stands for.
    weight: f64,
    /// Rows in which nothing was recognised.
    misses: f64,
    /// For each source, the columns that the table holds of it. What agrees beside them agrees by chance, and among
    /// many sources some always does.
    held: Vec<u64>,
}

impl<'a> TableRows<'a> {
    /// The rows of `finding.tables[table]`. The sample's rows stand for all hits in proportion.
    pub(super) fn new(finding: &'a Finding, table: usize) -> Self {
        let hits: Vec<&HitRow> = finding.hits.iter().filter(|hit| hit.table as usize == table).collect();
        let weight =
            if finding.hits.is_empty() { 1.0 } else { (finding.hit_rows as f64 / finding.hits.len() as f64).max(1.0) };
        let misses = (finding.tables[table].rows as f64 - hits.len() as f64 * weight).max(0.0);
        let held = (0..finding.sources.len()).map(|source| held(&hits, source)).collect();
        Self { finding, hits, weight, misses, held }
    }

    /// Log likelihood ratio of the table's rows if it was taken from `source`.
    pub(super) fn given_source(&self, source: usize) -> f64 {
        self.given_sources(&[source])
    }

    /// The same if it was taken from several sources together, each row from any one of them.
    pub(super) fn given_sources(&self, sources: &[usize]) -> f64 {
        let explained: Vec<[f64; ORDERED.len()]> = self.explained(sources);
        let lost = self.misses + (self.hits.len() - explained.len()) as f64 * self.weight;
        let terms = FOREIGN.iter().flat_map(|(foreign, prior)| {
            let explained = &explained;
            ORDERED.iter().enumerate().map(move |(order, (_, order_prior))| {
                let rows: f64 = explained.iter().map(|row| mixed(1.0 - foreign, row[order], *foreign)).sum();
                prior.ln() + order_prior.ln() + rows * self.weight + lost * foreign.ln()
            })
        });
        log_sum(terms)
    }

    /// For each hit that a source explains, its log likelihood ratio under each strength of order.
    fn explained(&self, sources: &[usize]) -> Vec<[f64; ORDERED.len()]> {
        let mut before: Vec<Option<u32>> = vec![None; sources.len()];
        let mut rows = Vec::with_capacity(self.hits.len());
        for hit in &self.hits {
            let mut best: Option<[f64; ORDERED.len()]> = None;
            for (previous, &source) in before.iter_mut().zip(sources) {
                let Some(candidate) = hit.candidates.iter().find(|c| c.source as usize == source) else { continue };
                let known = &self.finding.sources[source];
                let values = worth(known, candidate, self.held[source], |_| true)
                    + DIFFERS * f64::from(candidate.differ.count_ones())
                    - (sources.len() as f64).ln();
                let row =
                    ORDERED.map(|(strength, _)| values + draw(strength, *previous, candidate.record.0, known.records));
                *previous = Some(candidate.record.0);
                best = Some(match best {
                    Some(other) => std::array::from_fn(|i| f64::max(other[i], row[i])),
                    None => row,
                });
            }
            rows.extend(best);
        }
        rows
    }

    /// Log likelihood ratio of the table's rows if they are a third party's, some of whose customers are ours too:
    /// drawn from everybody we know, agreeing in what anybody may know of them.
    pub(super) fn given_outside(&self) -> f64 {
        let everybody = self.finding.sources.iter().map(|source| source.records).max().unwrap_or(1).max(1) as f64;
        let rows: Vec<f64> = self
            .hits
            .iter()
            .map(|hit| {
                let known = hit.candidates.iter().map(|candidate| {
                    let source = usize::from(candidate.source);
                    worth(&self.finding.sources[source], candidate, self.held[source], is_public)
                });
                known.fold(0.0, f64::max) - everybody.ln()
            })
            .collect();
        log_sum(SHARED.iter().map(|(shared, prior)| {
            let hits: f64 = rows.iter().map(|row| mixed(*shared, *row, 1.0 - shared)).sum();
            prior.ln() + hits * self.weight + self.misses * (1.0 - shared).ln()
        }))
    }

    /// How many of the table's sampled hits follow their predecessor closely in the export, and how many could.
    pub(super) fn in_order(&self, source: usize) -> (usize, usize) {
        let of_source = |hit: &&HitRow| hit.candidates.iter().find(|c| c.source as usize == source).map(|c| c.record.0);
        let records: Vec<u32> = self.hits.iter().filter_map(of_source).collect();
        let near = records.windows(2).filter(|pair| is_near(pair[0], pair[1])).count();
        (near, records.len().saturating_sub(1))
    }
}

/// The columns of a source that agree in at least a fifth of the rows it explains.
fn held(hits: &[&HitRow], source: usize) -> u64 {
    let (mut rows, mut counts) = (0u32, [0u32; 64]);
    for candidate in hits.iter().flat_map(|hit| &hit.candidates).filter(|c| usize::from(c.source) == source) {
        rows += 1;
        bits(candidate.agree).for_each(|column| counts[column] += 1);
    }
    (0..64)
        .filter(|column| counts[*column] > 0 && counts[*column] * 5 >= rows)
        .fold(0, |mask, column| mask | 1 << column)
}

fn is_near(before: u32, record: u32) -> bool {
    record.checked_sub(before).is_some_and(|gap| (1..=NEAR).contains(&gap))
}

/// Log probability that the next row shows this record.
fn draw(strength: f64, before: Option<u32>, record: u32, records: u64) -> f64 {
    let anywhere = 1.0 / records.max(1) as f64;
    match before {
        Some(before) => {
            let near = if is_near(before, record) { 0.5_f64.powi((record - before) as i32) } else { 0.0 };
            (strength * near + (1.0 - strength) * anywhere).ln()
        }
        None => anywhere.ln(),
    }
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
        assert!(draw(0.985, Some(10), 11, 1_000_000) > draw(0.985, Some(10), 500_000, 1_000_000) + 10.0);
        assert_eq!(draw(0.0, Some(10), 11, 1000), draw(0.0, Some(10), 900, 1000));
    }
}
