//! What a document as a whole says of a source, beyond its rows: the habits its values show, the names and order of its
//! columns, which columns it has, canaries. Each is a log likelihood ratio to a document that knows nothing of the
//! source, bounded, because each can be faked or lost in a seller's clean-up.

use crate::model::finding::{Finding, TableEvidence, bits};

use super::likelihood::log_sum;

/// Probability that a thief leaves values as the system wrote them.
const KEPT_VALUES: f64 = 0.7;
/// Probability that column names are left as they were.
const KEPT_NAMES: f64 = 0.6;
/// Probability that the columns' order is.
const KEPT_ORDER: f64 = 0.75;
/// Probability that a column that a system calls so is called so by somebody else: with a word that everybody uses, and
/// with one of its own.
const NAMED_BY_CHANCE: (f64, f64) = (0.45, 0.03);
/// Words that everybody calls columns by.
const EVERYBODYS: [&str; 62] = [
    "adresse",
    "address",
    "adresse_mail",
    "birth",
    "birth_date",
    "birthdate",
    "birthday",
    "city",
    "civilite",
    "client",
    "code_postal",
    "company",
    "contact",
    "cp",
    "customer",
    "date_naissance",
    "dob",
    "e-mail",
    "email",
    "entreprise",
    "first",
    "first_name",
    "firstname",
    "fonction",
    "full",
    "full_name",
    "iban",
    "id",
    "job",
    "job_title",
    "landline",
    "last",
    "last_name",
    "lastname",
    "login",
    "mail",
    "mobile",
    "name",
    "naissance",
    "nom",
    "offer",
    "offre",
    "phone",
    "phone_number",
    "portable",
    "postcode",
    "prenom",
    "ref",
    "reference",
    "rue",
    "siren",
    "siret",
    "societe",
    "street",
    "tel",
    "telephone",
    "title",
    "town",
    "user",
    "username",
    "ville",
    "zip",
];
/// Bounds, in nats, on what names and order may add.
const MOST: f64 = 9.0;
/// Cost of a column that the source does not hold: somebody would have had to add it.
const ADDED_COLUMN: f64 = -2.0;
/// A canary belongs to nobody, so nobody but its system can know it.
pub(super) const CANARY: f64 = 14.0;
/// Canaries beyond these add nothing: what is left is the doubt whether they were kept secret.
pub(super) const MOST_CANARIES: f64 = 3.0;

/// What one table says of the sources.
pub(super) struct Said {
    /// Log likelihood ratio, by source.
    pub(super) weights: Vec<f64>,
    /// By source.
    pub(super) written: Vec<Written>,
}

/// What table `table` says of each source.
pub(super) fn of_table(finding: &Finding, table: usize) -> Said {
    let evidence = &finding.tables[table];
    let written = written(finding, table);
    let all = 0..finding.sources.len();
    let chosen: Vec<f64> =
        all.clone().map(|s| columns_of(evidence, s).map_or(0.0, |c| choice(finding, table, c, s))).collect();
    // Somebody else's table shows a choice of columns too, of which nothing is known: no likelier and no less likely than
    // the best of ours.
    let best = chosen.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = all.map(|source| {
        let columns = columns_of(evidence, source);
        let named = columns.map_or(0.0, |columns| names(finding, evidence, columns, source) + order(columns));
        habits(&written[source]) + named + chosen[source] - best
    });
    Said { weights: weights.collect(), written }
}

/// The source's column that each column of the table holds.
pub(super) fn columns_of(table: &TableEvidence, source: usize) -> Option<&[Option<u8>]> {
    table.columns.iter().find(|(s, _)| *s as usize == source).map(|(_, columns)| columns.as_slice())
}

/// For each column of a source: how many values agree, and how many of these are written exactly as the system exports
/// them.
pub(super) type Written = Vec<(u64, u64)>;

/// The same for every source, counted over one table.
fn written(finding: &Finding, table: usize) -> Vec<Written> {
    let mut counts: Vec<Written> = finding.sources.iter().map(|source| vec![(0, 0); source.columns.len()]).collect();
    for candidate in finding.hits.iter().filter(|hit| hit.table as usize == table).flat_map(|hit| &hit.candidates) {
        let counts = &mut counts[usize::from(candidate.source)];
        for column in bits(candidate.agree & !candidate.masked) {
            if let Some((agree, exact)) = counts.get_mut(column) {
                *agree += 1;
                *exact += candidate.exported >> column & 1;
            }
        }
    }
    counts
}

/// Values written as the system writes them. Either the thief left them alone, and nearly all are; or somebody rewrote them
/// (or they never were the system's), and a column looks it at any rate, mostly all or none of it. Bounded below by the
/// chance of that.
fn habits(written: &Written) -> f64 {
    let left = written.iter().filter(|(agree, _)| *agree > 0).map(|(agree, exact)| {
        let (exact, changed) = (*exact as f64, (agree - exact) as f64);
        exact * 0.985_f64.ln() + changed * 0.015_f64.ln() - beta_binomial(exact, changed)
    });
    let left = (KEPT_VALUES.ln() + left.sum::<f64>()).min(MOST);
    log_sum([left, (1.0 - KEPT_VALUES).ln()].into_iter())
}

/// Log probability of a sequence of `yes` and `no` whose rate is unknown and rarely in the middle: Beta(0.3, 0.3).
fn beta_binomial(yes: f64, no: f64) -> f64 {
    const A: f64 = 0.3;
    ln_beta(yes + A, no + A) - ln_beta(A, A)
}

/// ln B(a, b).
pub(super) fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// ln Γ(x) for x > 0: Stirling's series after shifting x above 8, where it is good to 1e-10.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 8.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / x;
    shift + (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

/// Column names equal to the system's own.
fn names(finding: &Finding, table: &TableEvidence, columns: &[Option<u8>], source: usize) -> f64 {
    let Some(header) = &table.header else { return 0.0 };
    let known = &finding.sources[source].columns;
    let (mut kept, mut invented, mut base) = (KEPT_NAMES.ln(), (1.0 - KEPT_NAMES).ln(), 0.0);
    for (column, name) in columns.iter().zip(header) {
        let Some((own, _)) = column.and_then(|c| known.get(c as usize)) else { continue };
        let same = same_name(own, name);
        let common = EVERYBODYS.iter().any(|word| same_name(word, own));
        let chance = if common { NAMED_BY_CHANCE.0 } else { NAMED_BY_CHANCE.1 };
        let by_chance: f64 = if same { chance } else { 1.0 - chance };
        kept += if same { 0.98_f64.ln() } else { 0.02_f64.ln() };
        invented += by_chance.ln();
        base += by_chance.ln();
    }
    (log_sum([kept, invented].into_iter()) - base).min(MOST)
}

/// Whether two column names are the same but for case and white space.
pub(super) fn same_name(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// Columns in the order of the export.
fn order(columns: &[Option<u8>]) -> f64 {
    let held: Vec<u8> = columns.iter().filter_map(|c| *c).collect();
    if held.len() < 2 {
        return 0.0;
    }
    let ways: f64 = (2..=held.len()).map(|n| (n as f64).ln()).sum();
    if held.is_sorted() { (KEPT_ORDER.ln() + ways).clamp(0.0, MOST) } else { (1.0 - KEPT_ORDER).ln() }
}

/// Which of its columns the source shows, and columns that it does not hold. A file that shows all a system has is
/// likelier to be that system's than a choice among many columns of a larger one.
fn choice(finding: &Finding, table: usize, columns: &[Option<u8>], source: usize) -> f64 {
    let all = finding.sources[source].columns.len();
    let held = columns.iter().filter_map(|c| *c).collect::<std::collections::BTreeSet<u8>>().len();
    let added = foreign_columns(finding, table, columns);
    let shown = if held >= all {
        0.5_f64.ln()
    } else {
        let ways: f64 = (0..held).map(|i| ((all - i) as f64 / (i + 1) as f64).ln()).sum();
        (0.5 / all as f64).ln() - ways
    };
    // Half weight: systems are also read through windows that show few columns (an API, a page), always the same ones.
    0.5 * shown + ADDED_COLUMN * added as f64
}

/// Columns of the table, filled in at least a third of the hits, that hold nothing of the source.
pub(super) fn foreign_columns(finding: &Finding, table: usize, columns: &[Option<u8>]) -> usize {
    let hits: Vec<u64> = finding.hits.iter().filter(|hit| hit.table as usize == table).map(|hit| hit.filled).collect();
    let filled = |cell: usize| hits.iter().filter(|mask| *mask >> cell & 1 == 1).count() * 3 >= hits.len().max(1);
    columns.iter().enumerate().take(64).filter(|(cell, column)| column.is_none() && filled(*cell)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gamma_function_is_right_where_it_is_known() {
        assert!((ln_gamma(1.0)).abs() < 1e-9);
        assert!((ln_gamma(5.0) - 24.0_f64.ln()).abs() < 1e-9);
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-9);
    }

    #[test]
    fn a_column_rewritten_wholesale_costs_little_and_a_mixture_much() {
        assert!(beta_binomial(0.0, 1000.0) > -4.0);
        assert!(beta_binomial(500.0, 500.0) < -300.0);
    }

    #[test]
    fn columns_in_the_order_of_the_export_speak_for_it() {
        assert!(order(&[Some(0), Some(2), None, Some(5)]) > 0.0);
        assert!(order(&[Some(2), Some(0), Some(5)]) < 0.0);
        assert_eq!(order(&[Some(2)]), 0.0);
    }
}
