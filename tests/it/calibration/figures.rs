//! Figures over many judged documents: how often the answer is right, and whether the probabilities mean what they say.

use std::fmt;

use vigie::model::{ScanReport, Verdict};

use super::documents::{Document, Truth};
use super::world::World;

/// The date of a day of the simulation.
pub fn date(day: i64) -> jiff::civil::Date {
    jiff::civil::date(2023, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap()
}

/// One judged document beside its truth.
pub struct Outcome {
    pub truth: Truth,
    pub rows: usize,
    /// Whether any record was recognised.
    pub matched: bool,
    pub verdict: Verdict,
    /// Probability given to the truth: the system (the systems, for a mix), or none of ours.
    pub of_truth: f64,
    /// The likeliest answer's probability, and whether it is the truth.
    pub top: (f64, bool),
    /// Whether each listed system, and none of ours, is the truth, with its probability.
    pub answers: Vec<(f64, bool)>,
    /// Whether the snapshot named is one of those nearest to what is shown; whether the interval holds the day.
    pub dated: Option<(bool, bool)>,
    /// Whether each of the three simple rules names the truth.
    pub simple: [bool; 3],
}

impl Outcome {
    pub fn of(world: &World, document: &Document, report: &ScanReport, simple: [Option<String>; 3]) -> Self {
        let truth = &document.truth;
        let is_true = |system: &str| truth.systems.iter().any(|at| world.systems[*at].id == system);
        let mut answers: Vec<(f64, bool)> =
            report.attribution.iter().map(|a| (a.probability, is_true(a.system.as_str()))).collect();
        answers.push((report.outside, truth.systems.is_empty()));
        let of_truth: f64 = answers.iter().filter(|a| a.1).map(|a| a.0).sum();
        let top = answers.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default();
        let first = report.attribution.first().filter(|a| is_true(a.system.as_str()));
        let dated = first.filter(|_| truth.systems.len() == 1 && report.verdict == Verdict::Leak).map(|first| {
            let system = &world.systems[truth.systems[0]];
            let [from, to] = first.snapshot_interval;
            let nearest = truth.nearest.iter().any(|at| date(system.snapshots[*at].day) == first.snapshot);
            (nearest, from <= date(truth.day) && date(truth.day) <= to)
        });
        Self {
            truth: truth.clone(),
            rows: document.rows.len(),
            matched: !report.attribution.is_empty(),
            verdict: report.verdict,
            of_truth,
            top,
            answers,
            dated,
            simple: simple.map(|named| named.is_some_and(|system| is_true(&system))),
        }
    }

    fn is_leak(&self) -> bool {
        !self.truth.systems.is_empty()
    }
}

/// Figures over some of the outcomes.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub name: String,
    pub leaks: usize,
    pub unmatched: usize,
    pub recall: f64,
    pub top1: f64,
    pub brier: f64,
    pub log_loss: f64,
    pub snapshot: f64,
    pub interval: f64,
    pub simple: [f64; 3],
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { f64::NAN } else { sum / f64::from(count) }
}

fn rate(values: impl Iterator<Item = bool>) -> f64 {
    mean(values.map(|yes| f64::from(u8::from(yes))))
}

impl Figures {
    /// Over those leaks of which anything was recognised: what nobody finds, nobody can attribute.
    pub fn of<'a>(name: &str, outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        let all: Vec<&Outcome> = outcomes.filter(|o| o.is_leak()).collect();
        let leaks: Vec<&&Outcome> = all.iter().filter(|o| o.matched).collect();
        let named =
            |o: &&&Outcome| o.verdict == Verdict::Leak && o.answers[..o.answers.len() - 1].first().is_some_and(|a| a.1);
        Self {
            name: name.to_owned(),
            leaks: leaks.len(),
            unmatched: all.len() - leaks.len(),
            recall: rate(leaks.iter().map(|o| o.verdict == Verdict::Leak)),
            top1: rate(leaks.iter().map(named)),
            brier: mean(leaks.iter().map(|o| (1.0 - o.of_truth).powi(2))),
            log_loss: mean(leaks.iter().map(|o| -o.of_truth.max(1e-6).ln())),
            snapshot: rate(leaks.iter().filter_map(|o| o.dated).map(|d| d.0)),
            interval: rate(leaks.iter().filter_map(|o| o.dated).map(|d| d.1)),
            simple: std::array::from_fn(|rule| rate(leaks.iter().map(|o| o.simple[rule]))),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, leaks, unmatched, recall, top1, brier, log_loss, snapshot, interval, simple } = self;
        write!(
            f,
            "{name:22} {leaks:5} {unmatched:5}  {recall:.3} {top1:.3}  {brier:.4} {log_loss:.3}  {snapshot:.3} {interval:.3}"
        )?;
        write!(f, "   {:.3} {:.3} {:.3}", simple[0], simple[1], simple[2])
    }
}

/// The heading of the table that [`Figures`] print the lines of.
pub const HEADING: &str =
    "leaks                  found nothing recall top-1  Brier  loss   snapshot interval  largest smallest guilt";

/// A stretch of probabilities: how many answers lay in it, their mean, and how many of them were right.
#[derive(Debug, Clone, Copy)]
pub struct Bin {
    pub count: usize,
    pub said: f64,
    pub right: f64,
}

/// Reliability: answers by the probability given, in ten stretches.
pub fn reliability(answers: impl Iterator<Item = (f64, bool)>) -> Vec<Bin> {
    let mut bins = vec![(0usize, 0.0, 0usize); 10];
    for (said, right) in answers {
        let bin = &mut bins[((said * 10.0) as usize).min(9)];
        *bin = (bin.0 + 1, bin.1 + said, bin.2 + usize::from(right));
    }
    let shown = |(count, said, right): (usize, f64, usize)| Bin {
        count,
        said: said / count.max(1) as f64,
        right: right as f64 / count.max(1) as f64,
    };
    bins.into_iter().map(shown).collect()
}

/// Expected calibration error: how far what was said lies from how often it was right, weighted by how often it was said.
pub fn calibration_error(bins: &[Bin]) -> f64 {
    let all: usize = bins.iter().map(|b| b.count).sum();
    bins.iter().map(|b| b.count as f64 * (b.said - b.right).abs()).sum::<f64>() / all.max(1) as f64
}

/// Look-alikes that were called leaks.
pub fn false_leaks(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|o| !o.is_leak() && o.verdict == Verdict::Leak).count()
}

/// The whole report.
pub fn report(outcomes: &[Outcome]) -> String {
    let by =
        |name: &str, which: &dyn Fn(&&Outcome) -> bool| Figures::of(name, outcomes.iter().filter(which)).to_string();
    let mut lines = vec![
        HEADING.to_owned(),
        by("all", &|_| true),
        by("in clear", &|o| !o.truth.masked),
        by("masked", &|o| o.truth.masked),
        by("up to 20 rows", &|o| o.rows <= 20),
        by("21 to 100 rows", &|o| (21..=100).contains(&o.rows)),
        by("101 to 1,000 rows", &|o| (101..=1_000).contains(&o.rows)),
        by("more", &|o| o.rows > 1_000),
        by("of two systems", &|o| o.truth.systems.len() == 2),
    ];
    // Of a mix both systems are right: no single answer's probability means anything there.
    let matched = || outcomes.iter().filter(|o| o.matched && o.truth.systems.len() < 2);
    let top = reliability(matched().map(|o| o.top));
    let every = reliability(matched().flat_map(|o| o.answers.iter().copied()));
    lines.push(format!(
        "calibration error: likeliest answer {:.4}, every answer {:.4}",
        calibration_error(&top),
        calibration_error(&every)
    ));
    for bin in &top {
        lines.push(format!("  said {:.3}, right {:.3} ({} documents)", bin.said, bin.right, bin.count));
    }
    let strangers = outcomes.iter().filter(|o| o.truth.systems.is_empty());
    lines.push(format!("false leaks: {} of {}", false_leaks(outcomes), strangers.count()));
    for o in outcomes.iter().filter(|o| o.truth.systems.is_empty() && o.verdict == Verdict::Leak) {
        lines.push(format!("  {} of {} rows", o.truth.what, o.rows));
    }
    // Surely wrong: what a better model would have to explain.
    for o in outcomes.iter().filter(|o| o.matched && o.of_truth < 0.05) {
        lines.push(format!(
            "  {:.4} for {}: {} rows{}",
            o.of_truth,
            o.truth.what,
            o.rows,
            if o.truth.masked { ", masked" } else { "" }
        ));
    }
    lines.join("\n")
}
