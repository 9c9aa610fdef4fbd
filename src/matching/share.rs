//! How many rows of a table are ours, where none of them proves it by itself: by how much more often they hit than chance would. What a
//! single row proves is for `candidate`; whether it is then believed, for `finish` and `by_tags`.

/// Odds, in bits, at which a doubtful row is taken for the record: one in a hundred such is wrong.
pub(super) const WANTED: f32 = 6.6;
/// Whole bits that are told apart: what a row proves that is not beyond doubt.
const BITS: usize = 32;

/// The odds, in bits, that one of the rows is ours, of which `share` are.
pub(super) fn odds(share: f64) -> f32 {
    (share / (1.0 - share).max(1e-3)).max(1e-6).log2() as f32
}

/// The doubtful hits of a table's rows, by what they prove.
#[derive(Debug, Default, Clone)]
pub(super) struct Hits {
    many: u64,
    /// The sum of each hit's own chance.
    chances: f64,
    /// Hits by the whole bits that they prove.
    by_bits: [u64; BITS],
}

impl Hits {
    /// Counts one that proves so many bits.
    pub(super) fn add(&mut self, bits: f32) {
        self.many += 1;
        self.chances += f64::from(-bits).exp2();
        self.by_bits[(bits.max(0.0) as usize).min(BITS - 1)] += 1;
    }

    /// How many of `rows` are ours: what exceeds chance among all hits, or among those that prove so much at least. A few that prove much
    /// are not lost among many that prove little.
    pub(super) fn ours_of(&self, rows: f64) -> f64 {
        let mut most = excess(self.many, rows, self.chances / self.many.max(1) as f64);
        let mut hits = 0;
        for (bits, many) in self.by_bits.iter().enumerate().skip(1).rev() {
            hits += many;
            // No more of the rows that are not ours prove as much.
            most = most.max(excess(hits, rows, (-(bits as f64)).exp2()));
        }
        most
    }
}

/// By how much `hits` among `rows` exceed chance, where a row that is not ours hits at this `rate`. 0 unless chance is out of the question
/// (four standard deviations and three rows).
fn excess(hits: u64, rows: f64, rate: f64) -> f64 {
    let (hits, expected) = (hits as f64, rows * rate);
    if hits < 1.0 || rows < 1.0 || hits <= expected + 4.0 * expected.sqrt() + 3.0 {
        return 0.0;
    }
    ((hits / rows - rate) / (1.0 - rate)).max(0.0) * rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hits that prove so many bits, so many of them.
    fn hits(all: &[(f32, u64)]) -> Hits {
        let mut hits = Hits::default();
        all.iter().for_each(|(bits, many)| (0..*many).for_each(|_| hits.add(*bits)));
        hits
    }

    #[test]
    fn a_list_of_numbers_is_judged_by_its_rate_and_not_by_its_hits() {
        // One stranger's number in twenty hits: 500 hits among 10,000 are nobody.
        let dense = 20f32.log2();
        assert_eq!(hits(&[(dense, 500)]).ours_of(10_000.0), 0.0);
        let ours = hits(&[(dense, 9_000)]).ours_of(10_000.0);
        assert!((8_900.0..9_000.0).contains(&ours), "{ours}");
    }

    #[test]
    fn a_few_that_prove_much_are_seen_among_many_that_prove_little() {
        let chance = [(3.2, 220), (9.0, 3), (11.0, 1)];
        assert_eq!(hits(&chance).ours_of(2_000.0), 0.0);
        let ours = hits(&[&chance[..], &[(15.0, 20)]].concat()).ours_of(2_000.0);
        assert!((19.0..22.0).contains(&ours), "{ours}");
        // One or two may be anybody.
        assert_eq!(hits(&[&chance[..], &[(15.0, 2)]].concat()).ours_of(2_000.0), 0.0);
    }
}
