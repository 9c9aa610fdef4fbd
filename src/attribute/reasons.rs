//! The evidence in words: what a person needs to believe the answer, or to doubt it. What is doubtful comes first after
//! the count of rows, then the weightiest; numbers, never values.

use std::collections::BTreeSet;

use crate::model::SystemId;
use crate::model::finding::Finding;

use super::dating::{Beyond, Dated};
use super::posterior::Posterior;
use super::signals;

/// From this probability on, a second answer is a rival that must be named.
const RIVAL: f64 = 0.15;
/// Columns named in one reason.
const NAMED: usize = 6;

/// A reason with its weight in nats.
type Reason = (f64, String);

/// What is asked of the finding again and again while reasons are given for one system.
struct Case<'a> {
    finding: &'a Finding,
    posterior: &'a Posterior,
    system: &'a SystemId,
    source: usize,
}

/// Why `system` is as likely as it is said to be.
pub(super) fn of(finding: &Finding, posterior: &Posterior, system: &SystemId, dated: &Dated) -> Vec<String> {
    let case = Case { finding, posterior, system, source: posterior.best_source(system) };
    let mut reasons = vec![case.rows(dated)];
    reasons.extend(case.doubts());
    let mut weighed: Vec<Reason> = Vec::new();
    weighed.extend(case.canaries());
    weighed.extend(case.own_columns());
    weighed.extend(case.order());
    weighed.extend(case.dates(dated));
    weighed.extend(case.habits());
    weighed.extend(case.names());
    weighed.sort_by(|a, b| b.0.total_cmp(&a.0));
    reasons.extend(weighed.into_iter().map(|(_, words)| words));
    reasons.extend(beyond(dated));
    reasons.extend(case.rival());
    reasons.extend(case.mixes());
    reasons
}

/// `1 row`, `2 rows`.
fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// `carries` or `carry`.
fn carry(count: u64) -> String {
    format!("{} {}", rows(count), if count == 1 { "carries" } else { "carry" })
}

fn quoted(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

impl Case<'_> {
    fn rows(&self, dated: &Dated) -> String {
        let (explained, all) = (self.rows_in(self.source), self.finding.rows);
        let of = if all == 1 { "the only row is".to_owned() } else { format!("{explained} of {all} rows are") };
        format!("{of} in the {} export of {}", dated.snapshot, self.system)
    }

    /// Rows of the document that one export explains, in proportion where rows were sampled.
    fn rows_in(&self, source: usize) -> u64 {
        let sampled = self.finding.hits.len().max(1) as f64;
        (self.posterior.explained(source) as f64 * self.finding.hit_rows as f64 / sampled).round() as u64
    }

    /// What else is likely, and what would decide.
    fn doubts(&self) -> Vec<String> {
        let own = self.posterior.probability(self.system);
        let mut doubts = Vec::new();
        let rivals = self.posterior.systems().filter(|other| *other != self.system);
        let rival = rivals.max_by(|a, b| self.posterior.probability(a).total_cmp(&self.posterior.probability(b)));
        if let Some(rival) = rival.filter(|rival| own >= RIVAL && self.posterior.probability(rival) >= RIVAL) {
            let percent = self.posterior.probability(rival) * 100.0;
            let decides = self.what_decides(rival);
            doubts.push(format!("not settled: {rival} is possible too ({percent:.0} %); {decides}"));
        }
        if own >= RIVAL && self.posterior.outside >= RIVAL {
            let strangers = self.finding.rows.saturating_sub(self.finding.hit_rows);
            doubts.push(format!(
                "not settled: somebody else's data with these customers in it is possible too ({:.0} %); {} of {} rows are nobody's we know",
                self.posterior.outside * 100.0,
                strangers,
                self.finding.rows
            ));
        }
        doubts
    }

    /// Which column or row would tell the system from its rival.
    fn what_decides(&self, rival: &SystemId) -> String {
        let other = self.posterior.best_source(rival);
        let (mine, theirs) = (self.unshown(self.source, other), self.unshown(other, self.source));
        match (mine.is_empty(), theirs.is_empty()) {
            (true, true) => {
                let only = |a: usize, b: usize| {
                    let has = |hit: &crate::model::finding::HitRow, s: usize| {
                        hit.candidates.iter().any(|c| usize::from(c.source) == s)
                    };
                    self.finding.hits.iter().filter(|hit| has(hit, a) && !has(hit, b)).count() as u64
                };
                format!(
                    "they hold the same kinds of columns, so only rows of customers whom one of them alone holds would decide (here {} of {}, {} of {rival}), or the order and names of the columns as they were taken",
                    only(self.source, other),
                    self.system,
                    only(other, self.source)
                )
            }
            (false, true) => format!("{} would decide: only {} holds it", quoted(&mine), self.system),
            (true, false) => format!("{} would decide: only {rival} holds it", quoted(&theirs)),
            (false, false) => format!(
                "{} (only {} holds it) or {} (only {rival} holds it) would decide",
                quoted(&mine),
                self.system,
                quoted(&theirs)
            ),
        }
    }

    /// Columns of `source` whose kind `other` does not hold and that the document does not show.
    fn unshown(&self, source: usize, other: usize) -> Vec<String> {
        let shown: BTreeSet<u8> = self
            .finding
            .tables
            .iter()
            .filter_map(|t| signals::columns_of(t, source))
            .flatten()
            .flatten()
            .copied()
            .collect();
        let theirs = &self.finding.sources[other].columns;
        let columns = self.finding.sources[source].columns.iter().enumerate();
        columns
            .filter(|(at, (_, kind))| !shown.contains(&(*at as u8)) && theirs.iter().all(|(_, k)| k != kind))
            .map(|(_, (name, _))| name.clone())
            .collect()
    }

    fn canaries(&self) -> Option<Reason> {
        let count = self.finding.systems.iter().find(|known| known.system == *self.system)?.canaries;
        let words = match count {
            0 => return None,
            1 => "1 of its canaries stands in the document: a record that belongs to nobody".to_owned(),
            several => format!("{several} of its canaries stand in the document: records that belong to nobody"),
        };
        Some((signals::CANARY * (count as f64).min(signals::MOST_CANARIES), words))
    }

    /// Columns that no other matched system can explain.
    fn own_columns(&self) -> Option<Reason> {
        let own = own_columns(self.finding, self.source);
        let rivals = self.finding.sources.iter().any(|other| other.system != *self.system);
        let weight = own.len() as f64 * self.rows_in(self.source) as f64;
        (rivals && !own.is_empty())
            .then(|| (weight, format!("only {} holds what stands in {}", self.system, quoted(&own))))
    }

    fn order(&self) -> Option<Reason> {
        let (near, pairs) = self.posterior.in_order(self.source);
        let weight = near as f64 * (self.finding.sources[self.source].records.max(2) as f64).ln() / 2.0;
        (near * 2 > pairs && pairs >= 3)
            .then(|| (weight, format!("{near} of {pairs} consecutive rows follow each other as in the export")))
    }

    fn dates(&self, dated: &Dated) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let mut say = |rows: u64, other: Option<jiff::civil::Date>, what: &str| {
            if let Some(other) = other.filter(|_| rows > 0) {
                reasons.push((3.0 * rows as f64, format!("{} values that the {other} export {what}", carry(rows))));
            }
        };
        say(dated.rows.newer_than_previous, dated.previous, "did not have");
        say(dated.rows.older_than_next, dated.next, "no longer had");
        // What the neighbours have and this export has not: the theft lies between.
        say(dated.rows.older_than_this, dated.previous.map(|_| dated.snapshot), "no longer had");
        say(dated.rows.newer_than_this, dated.next.map(|_| dated.snapshot), "did not have yet");
        reasons
    }

    fn habits(&self) -> Option<Reason> {
        let columns = &self.finding.sources[self.source].columns;
        let counts = self.posterior.written(self.source);
        // Telling only where the rate is far from chance: an as-exported tag has four bits.
        let kept: Vec<usize> = (0..columns.len()).filter(|c| as_exported(counts[*c])).collect();
        if kept.is_empty() {
            return None;
        }
        let rival = self.next_likeliest().map(|rival| self.posterior.best_source(rival));
        let theirs = rival.map(|rival| (rival, self.posterior.written(rival)));
        let differs = |c: &usize| theirs.as_ref().is_some_and(|(rival, theirs)| self.differs_from(*rival, theirs, *c));
        let not_theirs: Vec<usize> = kept.iter().copied().filter(differs).collect();
        let names = |of: &[usize]| quoted(&of.iter().map(|c| columns[*c].0.clone()).collect::<Vec<_>>());
        let words = match rival.filter(|_| !not_theirs.is_empty()) {
            Some(rival) => format!(
                "written as {} exports it, and not as {} does: {}",
                self.system,
                self.finding.sources[rival].system,
                names(&not_theirs)
            ),
            None => format!("written exactly as it exports them: {}", names(&kept)),
        };
        Some((kept.len() as f64 * if not_theirs.is_empty() { 1.0 } else { 4.0 }, words))
    }

    /// Whether another source holds this column's kind and writes it in another way.
    fn differs_from(&self, other: usize, written: &[(u64, u64)], column: usize) -> bool {
        let kind = self.finding.sources[self.source].columns[column].1;
        let theirs = self.finding.sources[other].columns.iter().position(|(_, k)| *k == kind);
        theirs.is_some_and(|c| {
            let (agree, exact) = written[c];
            agree >= 5 && exact * 2 < agree
        })
    }

    fn names(&self) -> Option<Reason> {
        let known = &self.finding.sources[self.source].columns;
        let (mut same, mut of) = (0, 0);
        for table in &self.finding.tables {
            let (Some(header), Some(columns)) = (&table.header, signals::columns_of(table, self.source)) else {
                continue;
            };
            for (column, name) in columns.iter().zip(header) {
                let Some((own, _)) = column.and_then(|c| known.get(c as usize)) else { continue };
                of += 1;
                same += usize::from(signals::same_name(own, name));
            }
        }
        (same > 0).then(|| (same as f64, format!("{same} of {of} column names are its own")))
    }

    fn next_likeliest(&self) -> Option<&SystemId> {
        let others = self.posterior.systems().filter(|other| *other != self.system);
        others.max_by(|a, b| {
            let explained = |system: &SystemId| self.posterior.explained(self.posterior.best_source(system));
            let by_chance = self.posterior.probability(a).total_cmp(&self.posterior.probability(b));
            by_chance.then(explained(a).cmp(&explained(b)))
        })
    }

    /// What the next likeliest system would and would not explain.
    fn rival(&self) -> Option<String> {
        let rival = self.next_likeliest()?;
        let best = self.posterior.best_source(rival);
        let missing = own_columns_against(self.finding, self.source, &[best]);
        let but = if missing.is_empty() { String::new() } else { format!(", but never holds {}", quoted(&missing)) };
        let (records, explained) = (self.finding.sources[best].records, rows(self.rows_in(best)));
        Some(format!("{rival} ({records} records) would explain {explained}{but}"))
    }

    fn mixes(&self) -> Vec<String> {
        let with =
            self.posterior.mixes.iter().filter(|mix| mix.2 > 0.2 && (mix.0 == *self.system || mix.1 == *self.system));
        with.map(|(a, b, probability)| format!("a mix of {a} and {b} is possible ({:.0} %)", probability * 100.0))
            .collect()
    }
}

/// Whether nearly all values of a column are written as the system writes them.
fn as_exported((agree, exact): (u64, u64)) -> bool {
    agree >= 5 && exact * 10 >= agree * 9
}

/// What lies outside of the exports that there are.
fn beyond(dated: &Dated) -> Vec<String> {
    let mut reasons = Vec::new();
    let carried = carry(dated.rows.in_none);
    match dated.beyond {
        Beyond::Neither => {}
        Beyond::Before => reasons.push(format!(
            "{carried} values that no export has: taken before the oldest, of {}, or altered since",
            dated.snapshot
        )),
        Beyond::After => reasons.push(format!(
            "{carried} values that no export has: taken after the newest, of {}, or altered since",
            dated.snapshot
        )),
        Beyond::Either => reasons.push(format!(
            "{carried} values that the only export, of {}, does not have: taken before or after it, or altered since",
            dated.snapshot
        )),
    }
    if dated.in_future {
        reasons.push(format!(
            "the export of {} is dated in the future: check its date, or this machine's clock",
            dated.snapshot
        ));
    }
    reasons
}

/// Columns that no other matched system can explain.
fn own_columns(finding: &Finding, source: usize) -> Vec<String> {
    let system = &finding.sources[source].system;
    let others: Vec<usize> = (0..finding.sources.len()).filter(|s| finding.sources[*s].system != *system).collect();
    own_columns_against(finding, source, &others)
}

/// Columns that the document shows of the source and none of `others` explains.
fn own_columns_against(finding: &Finding, source: usize, others: &[usize]) -> Vec<String> {
    let mut own = Vec::new();
    for table in &finding.tables {
        let Some(columns) = signals::columns_of(table, source) else { continue };
        for (cell, column) in columns.iter().enumerate() {
            let Some((name, _)) = column.and_then(|c| finding.sources[source].columns.get(c as usize)) else {
                continue;
            };
            let elsewhere = others
                .iter()
                .filter_map(|other| signals::columns_of(table, *other))
                .any(|columns| columns.get(cell).is_some_and(Option::is_some));
            if !elsewhere && !own.contains(name) {
                own.push(name.clone());
            }
        }
    }
    own
}
