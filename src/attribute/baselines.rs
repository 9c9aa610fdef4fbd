//! The simple rules that the model must beat, so that every change is seen against them. Never used for an answer.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::SystemId;
use crate::model::finding::Finding;

/// For each sampled row, the systems in which a record of it was recognised.
fn holders(finding: &Finding) -> Vec<BTreeSet<&SystemId>> {
    let systems =
        |hit: &crate::model::finding::HitRow| hit.candidates.iter().map(|c| c.source as usize).collect::<Vec<usize>>();
    finding.hits.iter().map(|hit| systems(hit).iter().map(|s| &finding.sources[*s].system).collect()).collect()
}

/// The system that explains the most rows.
#[must_use]
pub fn largest_overlap(finding: &Finding) -> Option<SystemId> {
    let mut count: BTreeMap<&SystemId, u64> = BTreeMap::new();
    for system in holders(finding).into_iter().flatten() {
        *count.entry(system).or_default() += 1;
    }
    count.into_iter().max_by_key(|(_, rows)| *rows).map(|(system, _)| system.clone())
}

/// Among the systems that explain nearly the most rows (95 %), the smallest.
#[must_use]
pub fn smallest_of_the_largest(finding: &Finding) -> Option<SystemId> {
    let mut count: BTreeMap<&SystemId, u64> = BTreeMap::new();
    for system in holders(finding).into_iter().flatten() {
        *count.entry(system).or_default() += 1;
    }
    let most = *count.values().max()?;
    let size = |system: &SystemId| finding.sources.iter().filter(|s| s.system == *system).map(|s| s.records).max();
    let nearly = count.into_iter().filter(|(_, rows)| *rows * 100 >= most * 95);
    nearly.min_by_key(|(system, _)| size(system)).map(|(system, _)| system.clone())
}

/// The guilt model of Papadimitriou and Garcia-Molina ("Data Leakage Detection", 2011) with p = 1/2: a system is guilty
/// with probability 1 − ∏ (1 − (1 − p) / |holders of the row|). It saturates on large leaks; the logarithm decides.
#[must_use]
pub fn guilt(finding: &Finding) -> Option<SystemId> {
    let mut innocent: BTreeMap<&SystemId, f64> = BTreeMap::new();
    for row in holders(finding) {
        let doubt = (1.0 - 0.5 / row.len().max(1) as f64).ln();
        for system in row {
            *innocent.entry(system).or_default() += doubt;
        }
    }
    innocent.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(system, _)| system.clone())
}
