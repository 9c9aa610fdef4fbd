//! Sums over the rows of a table, from which its likelihood follows for every share of rows from elsewhere, whatever the
//! number of rows.

use super::likelihood::ORDERED;

/// Rows by how much likelier (`d`, in nats) they are as the hypothesis has it than as rows from elsewhere. A row is worth
/// `ln(in·eᵃ + out·eᵒ) = o + ln(out + in·eᵈ)` with `d = a - o`. Rows of (nearly) one `d` are counted together, so that
/// a million rows cost a few hundred logarithms: with the mean of their `d`, what is lost is of second order, below 10⁻⁴
/// a row.
pub(super) struct Bins {
    /// For each stretch of `d`: how many rows, and the sum of their `d`.
    stretches: Vec<(f64, f64)>,
    /// The same of those beyond, where only one of the two terms counts.
    above: (f64, f64),
    below: f64,
}

/// Beyond this, one of the two terms vanishes beside the other.
const FAR: f64 = 32.0;
/// Stretches in one nat.
const FINE: f64 = 16.0;

impl Default for Bins {
    fn default() -> Self {
        Self { stretches: vec![(0.0, 0.0); (2.0 * FAR * FINE) as usize + 1], above: (0.0, 0.0), below: 0.0 }
    }
}

impl Bins {
    #[inline]
    /// Counts a row.
    pub(super) fn add(&mut self, d: f64) {
        if d > FAR {
            self.above = (self.above.0 + 1.0, self.above.1 + d);
        } else if d < -FAR {
            self.below += 1.0;
        } else {
            let stretch = &mut self.stretches[((d + FAR) * FINE) as usize];
            *stretch = (stretch.0 + 1.0, stretch.1 + d);
        }
    }

    pub(super) fn prepared(&self) -> Prepared {
        let filled = self.stretches.iter().filter(|(count, _)| *count > 0.0);
        let stretches = filled.map(|(count, sum)| (*count, (sum / count).exp())).collect();
        Prepared { stretches, above: self.above, below: self.below }
    }
}

/// [`Bins`] with what does not depend on the shares computed once.
pub(super) struct Prepared {
    /// How many rows, and `eᵈ`.
    stretches: Vec<(f64, f64)>,
    above: (f64, f64),
    below: f64,
}

impl Prepared {
    /// The rows' log likelihood ratio to "all from elsewhere".
    pub(super) fn given(&self, inside: f64, outside: f64) -> f64 {
        let between: f64 = self.stretches.iter().map(|(count, ratio)| count * (outside + inside * ratio).ln()).sum();
        let (count, sum) = self.above;
        between + sum + count * inside.ln() + self.below * outside.ln()
    }
}

/// All hits of a table under one hypothesis.
#[derive(Default)]
pub(super) struct Sums {
    /// Sum of `o` over all hits.
    pub(super) elsewhere: f64,
    /// How many hits the hypothesis explains.
    pub(super) explained: f64,
    /// These, for each strength of order.
    ordered: [Bins; ORDERED.len()],
    /// Customers of ours that it does not.
    beside: Bins,
}

/// [`Sums`] ready to be evaluated.
pub(super) struct PreparedSums {
    pub(super) explained: [Prepared; ORDERED.len()],
    pub(super) beside: Prepared,
}

impl Sums {
    pub(super) fn add(&mut self, row: [f64; ORDERED.len()], elsewhere: f64) {
        self.elsewhere += elsewhere;
        self.explained += 1.0;
        self.ordered.iter_mut().zip(row).for_each(|(bins, a)| bins.add(a - elsewhere));
    }

    pub(super) fn add_beside(&mut self, row: f64, elsewhere: f64) {
        self.elsewhere += elsewhere;
        self.beside.add(row - elsewhere);
    }

    pub(super) fn prepared(&self) -> PreparedSums {
        PreparedSums {
            explained: std::array::from_fn(|order| self.ordered[order].prepared()),
            beside: self.beside.prepared(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::likelihood::log_sum;
    use super::*;

    #[test]
    fn rows_counted_together_weigh_what_they_weigh_one_by_one() {
        let mut bins = Bins::default();
        let rows: Vec<f64> = (0..5_000).map(|i| f64::from(i % 997) * 0.13 - 60.0).collect();
        rows.iter().for_each(|d| bins.add(*d));
        for (inside, outside) in [(0.997_f64, 0.003_f64), (0.7, 0.2), (0.001, 0.68)] {
            let exact: f64 = rows.iter().map(|d| log_sum([inside.ln() + d, outside.ln()].into_iter())).sum();
            let said = bins.prepared().given(inside, outside);
            assert!((said - exact).abs() < 0.1, "{}", said - exact);
        }
    }
}
