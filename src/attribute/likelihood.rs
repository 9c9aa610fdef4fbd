//! The likelihood of a table's rows under each hypothesis, as log ratios to "these rows describe nobody of ours".
//!
//! A row drawn from a source shows one of its records: each at 1/N, or the neighbour of the row before it, since tables
//! are mostly stolen in the order they are kept. A value that agrees makes the row likelier by how rare the value is;
//! one that differs costs what a change or an error costs. How many rows come from elsewhere is not known: it is
//! integrated over a grid.

use crate::model::finding::{Finding, HitRow};

use super::explained::{Explained, Explanations, Side};
use super::signals::ln_beta;
use super::sums::{Bins, Sums};

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

/// How much of what a third party knows of the customers whom it shares with us dates from the day of one of our exports,
/// rather than from days of their own.
const OF_ONE_DAY: [f64; 4] = [0.0, 0.5, 0.85, 1.0];

/// How strongly the rows follow the order of the export: not at all, in stretches, throughout.
pub(super) const ORDERED: [(f64, f64); 3] = [(0.0, 0.5), (0.6, 0.15), (0.985, 0.35)];

/// Neighbours further apart than this in the export are not called neighbours.
const NEAR: u32 = 8;

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

/// `ln(share·eᵃ + (1 - share)·eᵇ)`.
fn either(share: f64, a: f64, b: f64) -> f64 {
    let most = a.max(b);
    if a == b { a } else { most + (share * (a - most).exp() + (1.0 - share) * (b - most).exp()).ln() }
}

/// The rows of one table, ready to be weighed.
pub(super) struct TableRows {
    /// How many rows of the document each sampled hit stands for.
    weight: f64,
    /// Rows in which nothing was recognised.
    misses: f64,
    /// For each hit, the log likelihood ratio of its values if it is anybody's row of a customer of ours, seen on whatever
    /// day.
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
        let Explanations { sides, public, everybody } = Explanations::of(finding, &hits);
        Self { weight, misses, public, everybody, sides }
    }

    /// Log likelihood ratio of a hit if it is from elsewhere, a customer of ours or not.
    fn elsewhere(&self, hit: u32) -> f64 {
        mixed(KNOWN_ELSEWHERE, self.public[hit as usize] - self.everybody.ln(), 1.0 - KNOWN_ELSEWHERE)
    }

    /// Log likelihood ratio of the table's rows if it was taken from `source`.
    pub(super) fn given_source(&self, source: usize) -> f64 {
        self.given_rows(source, |row| row.values)
    }

    /// The same if it was taken from the source's system on a day that its exports do not show: the values are those of
    /// other days, as far as any of our systems knows them.
    pub(super) fn given_other_day(&self, source: usize) -> f64 {
        self.given_partly(source, |row| row.any_day)
    }

    /// The same if somebody put columns beside those of the source, which other systems of ours happen to know.
    pub(super) fn given_enriched(&self, source: usize) -> f64 {
        self.given_partly(source, |row| row.enriched)
    }

    /// The same if some of the rows, an unknown share, are worth something else than what the source makes of them.
    fn given_partly(&self, source: usize, values: impl Fn(&Explained) -> f64) -> f64 {
        let ways = OF_ONE_DAY.iter().filter(|share| **share < 1.0);
        let given = ways.map(|share| self.given_rows(source, |row| either(*share, row.values, values(row))));
        given.fold(f64::NEG_INFINITY, f64::max)
    }

    fn given_rows(&self, source: usize, values: impl Fn(&Explained) -> f64) -> f64 {
        let side = &self.sides[source];
        let mut sums = Sums::default();
        let mut rows = side.rows.iter().peekable();
        let mut before = None;
        for hit in 0..self.public.len() as u32 {
            match rows.next_if(|row| row.hit == hit) {
                Some(row) => {
                    let drawn = draw(before, row.record, side.records);
                    sums.add(drawn.map(|d| values(row) + d), self.elsewhere(hit));
                    before = Some(row.record);
                }
                None => sums.add_beside(self.public[hit as usize] - side.others.ln(), self.elsewhere(hit)),
            }
        }
        self.integrated(&sums)
    }

    /// The same if it was taken from two sources of different systems, each row from either.
    pub(super) fn given_mix(&self, a: usize, b: usize) -> f64 {
        let half = 0.5_f64.ln();
        self.given_two(a, b, 1.0, half, |a, b| a.max(b) + half)
    }

    /// The same if it was taken on a day between two exports of one system: each row as of one or the other, and as many of
    /// those that changed as of the one as that day has it.
    pub(super) fn given_between(&self, a: usize, b: usize) -> f64 {
        let (mut both, mut only, mut older, mut newer) = (0.0, 0.0, 0.0, 0.0);
        self.of_two(a, b, |_, rows| match rows {
            [Some(a), Some(b)] => {
                both += 1.0;
                older += f64::from(u8::from(a.values > b.values));
                newer += f64::from(u8::from(b.values > a.values));
            }
            [None, None] => {}
            _ => only += 1.0,
        });
        // Whoever is in one of two exports was a customer at some time between: there are more of them than in either.
        let grown = (both + only) / self.sides[a].rows.len().max(self.sides[b].rows.len()).max(1) as f64;
        // The likeliest share, weighted so that it stands for all shares together.
        let share = (older + 0.5) / (older + newer + 1.0);
        let all = ln_beta(older + 1.0, newer + 1.0) - older * share.ln() - newer * (1.0 - share).ln();
        all + self.given_two(a, b, grown, 0.0, |a, b| either(share, a, b))
    }

    /// The same if each row is of one of two sources: `alone` is what it costs to be explained by one of them only, `join`
    /// what being explained by both is worth.
    fn given_two(&self, a: usize, b: usize, grown: f64, alone: f64, join: impl Fn(f64, f64) -> f64) -> f64 {
        let others = self.sides[a].others.max(self.sides[b].others);
        let mut before = [None, None];
        let mut sums = Sums::default();
        self.of_two(a, b, |hit, rows| {
            let mut drawn = [None, None];
            for (at, source) in [a, b].into_iter().enumerate() {
                let Some(row) = rows[at] else { continue };
                let records = self.sides[source].records * grown;
                drawn[at] = Some(draw(before[at], row.record, records).map(|d| row.values + d));
                before[at] = Some(row.record);
            }
            match drawn {
                [Some(a), Some(b)] => sums.add(std::array::from_fn(|i| join(a[i], b[i])), self.elsewhere(hit)),
                [Some(row), None] | [None, Some(row)] => sums.add(row.map(|d| d + alone), self.elsewhere(hit)),
                [None, None] => sums.add_beside(self.public[hit as usize] - others.ln(), self.elsewhere(hit)),
            }
        });
        self.integrated(&sums)
    }

    /// Goes over the hits with what two sources say of each.
    fn of_two(&self, a: usize, b: usize, mut each: impl FnMut(u32, [Option<&Explained>; 2])) {
        let mut rows = [a, b].map(|source| self.sides[source].rows.iter().peekable());
        for hit in 0..self.public.len() as u32 {
            each(hit, [0, 1].map(|at: usize| rows[at].next_if(|row| row.hit == hit)));
        }
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
        let sides = self.sides.iter().filter(|side| !side.rows.is_empty());
        let ways = sides.flat_map(|side| OF_ONE_DAY.map(|of_one_day| self.given_outside_by(side, of_one_day)));
        let most = ways.fold(f64::NEG_INFINITY, f64::max);
        if most.is_finite() {
            most
        } else {
            log_sum(SHARED.iter().map(|(share, p)| p.ln() + self.misses * (1.0 - share).ln()))
        }
    }

    /// The same if they were told apart by whether they are in one of our exports. How many are is not for that export's
    /// size to say: a third party's customers are not drawn from ours by lot.
    fn given_outside_by(&self, side: &Side, of_one_day: f64) -> f64 {
        let mut bins = Bins::default();
        let mut rows = side.rows.iter().peekable();
        for (hit, values) in self.public.iter().enumerate() {
            match rows.next_if(|row| row.hit as usize == hit) {
                Some(row) => bins.add(either(of_one_day, row.public, *values) - side.records.ln()),
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

fn is_near(before: u32, record: u32) -> bool {
    record.checked_sub(before).is_some_and(|gap| (1..=NEAR).contains(&gap))
}

/// Log probability that the next row shows this record, for each strength of order.
fn draw(before: Option<u32>, record: u32, records: f64) -> [f64; ORDERED.len()] {
    let anywhere = 1.0 / records;
    let Some(before) = before else { return [anywhere.ln(); ORDERED.len()] };
    let near = if is_near(before, record) { 1.0 / f64::from(1u32 << (record - before)) } else { 0.0 };
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
