//! The evidence in words: what a person needs to believe the answer, or to doubt it. Weightiest first; numbers,
//! never values.

use crate::model::SystemId;
use crate::model::finding::{Finding, SystemRecords};

use super::dating::Dated;
use super::likelihood::TableRows;
use super::posterior::Posterior;
use super::signals;

/// Why `system` is as likely as it is said to be.
pub(super) fn of(finding: &Finding, posterior: &Posterior, system: &SystemId, dated: &Dated) -> Vec<String> {
    let source = posterior.best_source(system);
    let Some(records) = finding.systems.iter().find(|known| known.system == *system) else { return Vec::new() };
    let mut reasons = vec![format!(
        "{} of {} rows are in the {} export of {}",
        rows_in(finding, source),
        finding.rows,
        dated.snapshot,
        system
    )];
    if records.canaries > 0 {
        reasons.push(format!(
            "{} of its canaries stand{} in the document: records that belong to nobody",
            records.canaries,
            if records.canaries == 1 { "s" } else { "" }
        ));
    }
    reasons.extend(own_columns(finding, source));
    reasons.extend(order(finding, source));
    reasons.extend(dates(dated));
    reasons.extend(habits(finding, source));
    reasons.extend(names(finding, source));
    reasons.extend(rivals(finding, posterior, records, source));
    reasons
}

/// Rows of the document that this one export explains, in proportion where rows were sampled.
fn rows_in(finding: &Finding, source: usize) -> u64 {
    let sampled = finding.hits.iter().filter(|hit| hit.candidates.iter().any(|c| c.source as usize == source)).count();
    if finding.hits.is_empty() {
        return 0;
    }
    (sampled as f64 * finding.hit_rows as f64 / finding.hits.len() as f64).round() as u64
}

/// Columns that no other matched system can explain.
fn own_columns(finding: &Finding, source: usize) -> Option<String> {
    let here = &finding.sources[source];
    let mut own = Vec::new();
    for table in &finding.tables {
        let Some(columns) = signals::columns_of(table, source) else { continue };
        for (cell, column) in columns.iter().enumerate() {
            let Some((name, _)) = column.and_then(|c| here.columns.get(c as usize)) else { continue };
            let elsewhere = table.columns.iter().any(|(other, columns)| {
                finding.sources[*other as usize].system != here.system && columns.get(cell).is_some_and(Option::is_some)
            });
            if !elsewhere && !own.contains(name) {
                own.push(name.clone());
            }
        }
    }
    let rivals = finding.sources.iter().any(|other| other.system != here.system);
    (rivals && !own.is_empty()).then(|| format!("only {} holds what stands in: {}", here.system, own.join(", ")))
}

fn order(finding: &Finding, source: usize) -> Option<String> {
    let (mut near, mut pairs) = (0, 0);
    for table in 0..finding.tables.len() {
        let (n, p) = TableRows::new(finding, table).in_order(source);
        near += n;
        pairs += p;
    }
    (near * 2 > pairs && pairs >= 3)
        .then(|| format!("{near} of {pairs} consecutive rows follow each other as in the export"))
}

fn dates(dated: &Dated) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(previous) = dated.previous.filter(|_| dated.newer_than_previous > 0) {
        reasons
            .push(format!("{} rows carry values that the {previous} export did not have", dated.newer_than_previous));
    }
    if let Some(next) = dated.next.filter(|_| dated.older_than_next > 0) {
        reasons.push(format!("{} rows carry values that the {next} export no longer had", dated.older_than_next));
    }
    reasons
}

fn habits(finding: &Finding, source: usize) -> Option<String> {
    let columns = &finding.sources[source].columns;
    let mut counts = vec![(0, 0); columns.len()];
    for table in 0..finding.tables.len() {
        for (total, (agree, exact)) in counts.iter_mut().zip(signals::as_exported(finding, table, source)) {
            total.0 += agree;
            total.1 += exact;
        }
    }
    // Telling only where the rate is far from chance: an as-exported tag has four bits.
    let kept: Vec<&str> = columns
        .iter()
        .zip(&counts)
        .filter(|(_, (agree, exact))| *agree >= 5 && exact * 10 >= agree * 9)
        .map(|((name, _), _)| name.as_str())
        .collect();
    (!kept.is_empty()).then(|| format!("written exactly as it exports them: {}", kept.join(", ")))
}

fn names(finding: &Finding, source: usize) -> Option<String> {
    let known = &finding.sources[source].columns;
    let (mut same, mut of) = (0, 0);
    for table in &finding.tables {
        let (Some(header), Some(columns)) = (&table.header, signals::columns_of(table, source)) else { continue };
        for (column, name) in columns.iter().zip(header) {
            let Some((own, _)) = column.and_then(|c| known.get(c as usize)) else { continue };
            of += 1;
            same += usize::from(signals::same_name(own, name));
        }
    }
    (same > 0).then(|| format!("{same} of {of} column names are its own"))
}

/// What the next likeliest system would and would not explain.
fn rivals(finding: &Finding, posterior: &Posterior, records: &SystemRecords, source: usize) -> Vec<String> {
    let mut reasons = Vec::new();
    let others = posterior.systems().filter(|other| **other != records.system);
    let rival = others.max_by(|a, b| posterior.probability(a).total_cmp(&posterior.probability(b)));
    if let Some(rival) = rival {
        let best = posterior.best_source(rival);
        let missing = own_columns(finding, source).is_some();
        reasons.push(format!(
            "{rival} ({} records) would explain {} rows{}",
            finding.sources[best].records,
            rows_in(finding, best),
            if missing { ", and not every column" } else { "" }
        ));
    }
    for (a, b, probability) in posterior.mixes.iter().filter(|mix| mix.2 > 0.2) {
        if *a == records.system || *b == records.system {
            reasons.push(format!("a mix of {a} and {b} is possible ({:.0} %)", probability * 100.0));
        }
    }
    reasons
}
