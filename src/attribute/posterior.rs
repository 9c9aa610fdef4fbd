//! Putting the signals together: how likely each source is, given everything.

use std::collections::BTreeMap;

use crate::model::SystemId;
use crate::model::finding::Finding;

use super::likelihood::{TableRows, log_sum};
use super::signals::{self, Written};

/// Probability, before looking, that a document in which customers of ours were recognised was not taken from us.
const OUTSIDE: f64 = 0.5;
/// Share of leaks that come from two systems at once.
const MIXED: f64 = 0.02;
/// Probability that a table of a leak is not itself part of the loot.
const BYSTANDER: f64 = 0.3;
/// How likely a theft on a day between two exports is, against one on the day of an export: who steals an export steals
/// the one that lies there.
const BETWEEN: f64 = 0.4;
/// How likely a theft is, against the same, on a day whose values other systems know better than any export of its own.
const ANOTHER_DAY: f64 = 0.1;
/// How likely a theft is, against the same, beside whose columns somebody put others of the same people.
const ENRICHED: f64 = 0.02;
/// Share of leaks of which some rows stand among a multitude from elsewhere: a list put together from many thefts. Only a
/// canary can tell that from customers who are somebody else's too.
const COMPILED: f64 = 0.03;
/// The signals are not independent, and no model is quite true: what they say together is believed this much.
/// Calibrated on simulated leaks (docs/attribution.md).
const TEMPER: f64 = 0.6;
/// No posterior is surer than this: one leak in a thousand is like nothing anybody simulated.
const DOUBT: f64 = 0.001;

/// The likelihood of a table's rows under a hypothesis about one source.
type Given = fn(&TableRows, usize) -> f64;

/// How likely each source is, given the document.
pub(super) struct Posterior {
    /// Log posterior weight (not normalised) of each source in `Finding::sources`.
    pub(super) weights: Vec<f64>,
    /// Probability that no watched system is the origin.
    pub(super) outside: f64,
    /// Pairs of systems that are likelier together than alone, and how likely.
    pub(super) mixes: Vec<(SystemId, SystemId, f64)>,
    /// For each source, how many sampled rows it explains.
    explained: Vec<u64>,
    /// For each source, how many of these follow their predecessor as in the export, and how many could.
    ordered: Vec<(usize, usize)>,
    /// For each source, how many values of each column agree, and how many are written as it exports them.
    written: Vec<Written>,
    systems: BTreeMap<SystemId, (f64, usize)>,
}

impl Posterior {
    /// Weighs all sources of the finding.
    pub(super) fn of(finding: &Finding) -> Self {
        let tables: Vec<TableRows> = (0..finding.tables.len()).map(|t| TableRows::new(finding, t)).collect();
        let outside_of: Vec<f64> = tables.iter().map(TableRows::given_outside).collect();
        let (said, written): (Vec<Vec<f64>>, Vec<Vec<Written>>) = (0..finding.tables.len())
            .map(|t| signals::of_table(finding, t))
            .map(|said| (said.weights, said.written))
            .unzip();
        let snapshots = snapshots(finding);
        let canaries = canaries(finding);
        let all_canaries: f64 = canaries.values().sum();
        let unseen: f64 = outside_of.iter().sum();
        let outside = OUTSIDE.ln() + unseen - all_canaries * signals::CANARY;
        let ours = (1.0 - OUTSIDE).ln() - (snapshots.len().max(1) as f64).ln();
        // A document as a theft from one system, given what each table says of it if it was taken.
        let stolen = |system: &SystemId, taken: &mut dyn Iterator<Item = f64>| {
            let mut document = loot(taken.zip(outside_of.iter().copied()));
            let own = canaries.get(system).copied().unwrap_or(0.0);
            if own > 0.0 {
                // Something of it was taken; that the rest is anybody's is then no argument against it.
                document = log_sum([document, unseen + COMPILED.ln()].into_iter());
            }
            ours - (snapshots[system] as f64).ln() + document - (all_canaries - own) * signals::CANARY
        };
        let weights: Vec<f64> = (0..finding.sources.len())
            .map(|source| {
                let taken = tables.iter().zip(&said).map(|(table, said)| table.given_source(source) + said[source]);
                stolen(&finding.sources[source].system, &mut { taken })
            })
            .collect();
        let mut between: Vec<(usize, f64)> = neighbours(finding)
            .into_iter()
            .map(|(a, b)| {
                let both = |table: &TableRows| table.given_between(a, b);
                let taken = tables.iter().zip(&said).map(|(table, said)| both(table) + said[a].max(said[b]));
                (a, BETWEEN.ln() + stolen(&finding.sources[a].system, &mut { taken }))
            })
            .collect();
        for source in likeliest(finding, &weights) {
            let ways: [(f64, Given); 2] =
                [(ANOTHER_DAY, TableRows::given_other_day), (ENRICHED, TableRows::given_enriched)];
            between.extend(ways.map(|(prior, given)| {
                let taken = tables.iter().zip(&said).map(|(table, said)| given(table, source) + said[source]);
                (source, prior.ln() + stolen(&finding.sources[source].system, &mut { taken }))
            }));
        }
        let mixes = mixes(finding, &tables, &said, &outside_of, &weights);
        let mut posterior = Self::normalised(finding, weights, &between, outside, mixes);
        posterior.count(finding.sources.len(), &tables, &written);
        posterior
    }

    /// Counts for each source what is said of it in words.
    fn count(&mut self, sources: usize, tables: &[TableRows], written: &[Vec<Written>]) {
        self.explained = (0..sources).map(|s| tables.iter().map(|t| t.explained(s)).sum()).collect();
        self.ordered = (0..sources)
            .map(|source| {
                let of_tables = tables.iter().map(|table| table.in_order(source));
                of_tables.fold((0, 0), |sum, table| (sum.0 + table.0, sum.1 + table.1))
            })
            .collect();
        for of_table in written {
            self.written.resize(sources, Vec::new());
            for (total, counts) in self.written.iter_mut().zip(of_table) {
                total.resize(counts.len(), (0, 0));
                total.iter_mut().zip(counts).for_each(|(total, (agree, exact))| {
                    *total = (total.0 + agree, total.1 + exact);
                });
            }
        }
    }

    fn normalised(
        finding: &Finding,
        weights: Vec<f64>,
        between: &[(usize, f64)],
        outside: f64,
        mixes: Vec<(usize, usize, f64)>,
    ) -> Self {
        let taken = weights.iter().copied().chain(between.iter().map(|b| b.1));
        let all = taken.chain([outside]).chain(mixes.iter().map(|m| m.2));
        let most = all.fold(f64::NEG_INFINITY, f64::max);
        let tempered = |weight: f64| ((weight - most) * TEMPER).exp();
        let mut systems: BTreeMap<SystemId, (f64, usize)> = BTreeMap::new();
        let mut total = tempered(outside);
        for (source, weight) in weights.iter().enumerate() {
            let mass = tempered(*weight);
            total += mass;
            let entry = systems.entry(finding.sources[source].system.clone()).or_insert((0.0, source));
            entry.0 += mass;
            if *weight > weights[entry.1] {
                entry.1 = source;
            }
        }
        for (source, weight) in between {
            let mass = tempered(*weight);
            total += mass;
            systems.entry(finding.sources[*source].system.clone()).and_modify(|entry| entry.0 += mass);
        }
        let mut named = Vec::new();
        for (a, b, weight) in mixes {
            let mass = tempered(weight);
            total += mass;
            let (a, b) = (&finding.sources[a].system, &finding.sources[b].system);
            for half in [a, b] {
                systems.entry(half.clone()).and_modify(|entry| entry.0 += mass / 2.0);
            }
            named.push((a.clone(), b.clone(), mass));
        }
        let answers = systems.len() as f64 + 1.0;
        let certain = |mass: f64| (1.0 - DOUBT) * mass / total + DOUBT / answers;
        for entry in systems.values_mut() {
            entry.0 = certain(entry.0);
        }
        for mix in &mut named {
            mix.2 /= total;
        }
        Self {
            weights,
            outside: certain(tempered(outside)),
            mixes: named,
            explained: Vec::new(),
            ordered: Vec::new(),
            written: Vec::new(),
            systems,
        }
    }

    /// The systems that explain anything.
    pub(super) fn systems(&self) -> impl Iterator<Item = &SystemId> {
        self.systems.keys()
    }

    /// Probability that the document was taken from the system.
    pub(super) fn probability(&self, system: &SystemId) -> f64 {
        self.systems.get(system).map_or(0.0, |entry| entry.0)
    }

    /// How many sampled rows a source explains.
    pub(super) fn explained(&self, source: usize) -> u64 {
        self.explained.get(source).copied().unwrap_or(0)
    }

    /// How many sampled rows follow their predecessor as in the export of a source, and how many could.
    pub(super) fn in_order(&self, source: usize) -> (usize, usize) {
        self.ordered.get(source).copied().unwrap_or_default()
    }

    /// For each column of a source, how many values agree, and how many of them are written as it exports them.
    pub(super) fn written(&self, source: usize) -> &[(u64, u64)] {
        self.written.get(source).map_or(&[], Vec::as_slice)
    }

    /// The likeliest snapshot of the system, as a position in `Finding::sources`.
    pub(super) fn best_source(&self, system: &SystemId) -> usize {
        self.systems.get(system).map_or(0, |entry| entry.1)
    }
}

/// Whether each of two sources explains rows that the other does not: at least three, and one in twenty.
fn both_needed(finding: &Finding, a: usize, b: usize) -> bool {
    let (mut only_a, mut only_b) = (0, 0);
    for hit in &finding.hits {
        let has = |source: usize| hit.candidates.iter().any(|c| c.source as usize == source);
        only_a += usize::from(has(a) && !has(b));
        only_b += usize::from(has(b) && !has(a));
    }
    only_a.min(only_b) >= 3.max(finding.hits.len() / 20)
}

/// Log likelihood of a document's tables if at least one of them was taken and each of the others may be a bystander.
/// For each table: its log likelihood if taken, and if not.
fn loot(tables: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (mut some, mut none) = (f64::NEG_INFINITY, 0.0);
    for (taken, left) in tables {
        let (taken, left) = (taken + (1.0 - BYSTANDER).ln(), left + BYSTANDER.ln());
        let either = log_sum([taken, left].into_iter());
        some = log_sum([some + either, none + taken].into_iter());
        none += left;
    }
    some
}

/// The likeliest source of each system.
fn likeliest(finding: &Finding, weights: &[f64]) -> Vec<usize> {
    let mut best: BTreeMap<&SystemId, usize> = BTreeMap::new();
    for (at, source) in finding.sources.iter().enumerate() {
        let known = best.entry(&source.system).or_insert(at);
        if weights[at] > weights[*known] {
            *known = at;
        }
    }
    best.into_values().collect()
}

/// How many snapshots each system has among the sources.
fn snapshots(finding: &Finding) -> BTreeMap<SystemId, usize> {
    let mut count = BTreeMap::new();
    for source in &finding.sources {
        *count.entry(source.system.clone()).or_insert(0) += 1;
    }
    count
}

/// Pairs of exports of one system that follow one another.
fn neighbours(finding: &Finding) -> Vec<(usize, usize)> {
    let mut sources: Vec<usize> = (0..finding.sources.len()).collect();
    sources.sort_by_key(|s| (&finding.sources[*s].system, finding.sources[*s].snapshot));
    let same = |pair: &&[usize]| finding.sources[pair[0]].system == finding.sources[pair[1]].system;
    sources.windows(2).filter(same).map(|pair| (pair[0], pair[1])).collect()
}

/// For each system, how many of its canaries stand in the document: as many as count.
fn canaries(finding: &Finding) -> BTreeMap<SystemId, f64> {
    let some = finding.systems.iter().filter(|system| system.canaries > 0);
    some.map(|s| (s.system.clone(), (s.canaries as f64).min(signals::MOST_CANARIES))).collect()
}

/// The best pairs of sources of different systems, where two explain what neither does alone.
fn mixes(
    finding: &Finding,
    tables: &[TableRows],
    said: &[Vec<f64>],
    outside: &[f64],
    weights: &[f64],
) -> Vec<(usize, usize, f64)> {
    const TRIED: usize = 6;
    let mut ranked: Vec<usize> = (0..weights.len()).collect();
    ranked.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]));
    let mut best: Vec<usize> = Vec::new();
    for source in ranked {
        if best.iter().all(|other| finding.sources[*other].system != finding.sources[source].system) {
            best.push(source);
        }
        if best.len() == TRIED {
            break;
        }
    }
    let pairs = best.len() * best.len().saturating_sub(1) / 2;
    let mut mixes = Vec::new();
    for (i, &a) in best.iter().enumerate() {
        for &b in &best[i + 1..] {
            if !both_needed(finding, a, b) {
                continue;
            }
            let taken = tables
                .iter()
                .enumerate()
                .map(|(t, table)| table.given_mix(a, b) + f64::midpoint(said[t][a], said[t][b]));
            let weight = (MIXED / pairs as f64).ln() + loot(taken.zip(outside.iter().copied()));
            if weight.is_finite() {
                mixes.push((a, b, weight));
            }
        }
    }
    mixes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bystanders_alone_are_no_leak() {
        // One table that is far likelier somebody else's: calling it ours must cost all of the difference.
        assert!((loot([(-100.0, 0.0)].into_iter()) - (-100.0 + 0.7_f64.ln())).abs() < 1e-9);
        // A table of ours beside one that is not.
        let both = loot([(0.0, -100.0), (-100.0, 0.0)].into_iter());
        assert!((both - (0.7_f64.ln() + 0.3_f64.ln())).abs() < 1e-9);
    }
}
