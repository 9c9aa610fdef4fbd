//! Attribution on simulated leaks: worlds are drawn, documents taken from them or made to look so, and every answer is held
//! against the truth. `docs/attribution.md` gives the figures.
//!
//! The short version runs with the other tests and fails when the model gets worse. The long ones are `just calibration`:
//! thousands of leaks as evidence (`evidence`), and some hundreds through index files and matching (`indexed`).

mod documents;
mod draw;
mod evidence;
mod figures;
mod indexed;
mod peculiar;
mod people;
mod world;

use rayon::prelude::*;
use vigie::attribute::{Context, DocumentFacts, attribute, baselines};
use vigie::model::finding::Finding;
use vigie::model::{ScanReport, SystemId};

use documents::Document;
use draw::Draw;
use figures::{Figures, HEADING, Outcome, calibration_error, false_leaks, reliability, report};
use peculiar::{Peculiar, Worked};
use world::{Scale, World};

/// Documents drawn of one world: a third are look-alikes.
const OF_WORLD: usize = 60;

fn judged(finding: &Finding) -> ScanReport {
    let facts = DocumentFacts { name: "d".into(), blake3: String::new(), bytes: 0, skipped: vec![] };
    attribute(finding, facts, Context { today: "2028-01-01".parse().unwrap() }).report
}

fn simple_rules(finding: &Finding) -> [Option<String>; 3] {
    let name = |system: Option<SystemId>| system.map(|s| s.to_string());
    [baselines::largest_overlap, baselines::smallest_of_the_largest, baselines::guilt].map(|rule| name(rule(finding)))
}

/// Draws a world and its documents, and judges them by the evidence that `find` gets from each.
fn outcomes(world: &World, seed: u64, documents: usize, find: impl Fn(&Document) -> Finding) -> Vec<Outcome> {
    outcomes_of(world, seed, documents, Document::leak, find)
}

/// The same of leaks made by `leak`.
fn outcomes_of(
    world: &World,
    seed: u64,
    documents: usize,
    leak: impl Fn(&World, &mut Draw) -> Document,
    find: impl Fn(&Document) -> Finding,
) -> Vec<Outcome> {
    let mut draw = Draw::new(draw::mix(&[seed, 5]));
    let mut outcomes = Vec::with_capacity(documents);
    for no in 0..documents {
        let document = if no % 3 == 2 { Document::look_alike(world, &mut draw) } else { leak(world, &mut draw) };
        let finding = find(&document);
        outcomes.push(Outcome::of(world, &document, &judged(&finding), simple_rules(&finding)));
    }
    outcomes
}

fn of_worlds(seeds: std::ops::Range<u64>, scale: Scale, documents: usize) -> Vec<Outcome> {
    let of_world = |seed| {
        let world = World::draw(seed, scale);
        outcomes(&world, seed, documents, |document| evidence::finding(&world, document))
    };
    seeds.into_par_iter().flat_map_iter(of_world).collect()
}

fn worlds(by_default: u64) -> u64 {
    std::env::var("VIGIE_WORLDS").ok().and_then(|n| n.parse().ok()).unwrap_or(by_default)
}

/// What the likeliest answers' probabilities are worth, mixes apart: there, two answers are right.
fn error_of_likeliest(all: &[Outcome]) -> f64 {
    let answers = all.iter().filter(|o| o.matched && o.truth.systems.len() < 2).map(|o| o.top);
    calibration_error(&reliability(answers))
}

#[test]
fn two_hundred_leaks_are_judged_as_well_as_ever() {
    let all = of_worlds(1_000..1_020, Scale::SMALL, 15);
    println!("{}", report(&all));
    let leaks = Figures::of("all", all.iter());
    assert!(leaks.leaks >= 180, "{} leaks", leaks.leaks);
    assert!(leaks.top1 >= 0.97, "top-1 {}", leaks.top1);
    assert!(leaks.brier <= 0.03, "Brier {}", leaks.brier);
    assert!(leaks.log_loss <= 0.15, "log loss {}", leaks.log_loss);
    assert!(leaks.snapshot >= 0.95, "snapshot {}", leaks.snapshot);
    assert!(error_of_likeliest(&all) <= 0.03, "calibration error {}", error_of_likeliest(&all));
    assert!(false_leaks(&all) <= 1, "{} false leaks", false_leaks(&all));
}

#[test]
#[ignore = "minutes: `just calibration`"]
fn thousands_of_leaks() {
    let all = of_worlds(0..worlds(60), Scale::FULL, OF_WORLD);
    println!("{}", report(&all));
    let leaks = Figures::of("all", all.iter());
    assert!(error_of_likeliest(&all) <= 0.03);
    assert!(leaks.brier <= 0.03 && leaks.log_loss <= 0.15);
}

/// Outcomes of peculiar worlds and of leaks that were worked on, `count` worlds of each kind.
fn of_peculiar(count: u64, scale: Scale, documents: usize) -> Vec<(String, Vec<Outcome>)> {
    let judged = |world: World, seed: u64, leak: &dyn Fn(&World, &mut Draw) -> Document| {
        outcomes_of(&world, seed, documents, leak, |document| evidence::finding(&world, document))
    };
    let seeds = |kind: usize| (3_000 + 1_000 * kind as u64..3_000 + 1_000 * kind as u64 + count).into_par_iter();
    let worlds = Peculiar::ALL.iter().enumerate().map(|(kind, peculiar)| {
        let of = |seed| judged(World::peculiar(seed, scale, *peculiar), seed, &Document::leak);
        (format!("{peculiar:?}"), seeds(kind).flat_map_iter(of).collect())
    });
    let worked = Worked::ALL.iter().enumerate().map(|(kind, worked)| {
        let leak = |world: &World, draw: &mut Draw| Document::worked(world, draw, *worked);
        let of = |seed| judged(World::draw(seed, scale), seed, &leak);
        (format!("{worked:?}"), seeds(10 + kind).flat_map_iter(of).collect())
    });
    worlds.chain(worked).collect()
}

fn print_peculiar(all: &[(String, Vec<Outcome>)]) {
    println!("{HEADING}  error  false leaks");
    for (name, outcomes) in all {
        let (error, false_leaks) = (error_of_likeliest(outcomes), false_leaks(outcomes));
        println!("{}  {error:.3} {false_leaks} of {}", Figures::of(name, outcomes.iter()), outcomes.len() / 3);
    }
}

#[test]
#[ignore = "minutes: `just calibration`"]
fn peculiar_worlds_and_leaks_that_were_worked_on() {
    let all = of_peculiar(worlds(60).div_ceil(5), Scale::FULL, OF_WORLD);
    print_peculiar(&all);
    for (name, outcomes) in &all {
        // A copy that differs from its original in nothing shown is as likely as it.
        let least = if name == "Staging" { 0.85 } else { 0.97 };
        let (figures, error) = (Figures::of(name, outcomes.iter()), error_of_likeliest(outcomes));
        assert!(figures.top1 >= least && error <= 0.05, "{figures}, calibration error {error}");
    }
    let alike: usize = all.iter().map(|(_, outcomes)| false_leaks(outcomes)).sum();
    let of: usize = all.iter().map(|(_, outcomes)| outcomes.len() / 3).sum();
    assert!(alike * 50 <= of, "{alike} false leaks of {of}");
}

#[test]
fn peculiar_worlds_are_judged_as_well_as_ever() {
    let all = of_peculiar(2, Scale::SMALL, 9);
    print_peculiar(&all);
    let outcomes: Vec<Outcome> = all.into_iter().flat_map(|(_, outcomes)| outcomes).collect();
    let leaks = Figures::of("all", outcomes.iter());
    assert!(leaks.top1 >= 0.96 && leaks.brier <= 0.03, "{leaks}");
    assert!(false_leaks(&outcomes) <= 1, "{} false leaks", false_leaks(&outcomes));
}

#[test]
#[ignore = "minutes: `just calibration`"]
fn hundreds_of_leaks_through_index_files() {
    let mut all = Vec::new();
    for seed in 2_000..2_000 + worlds(12) {
        let world = World::draw(seed, Scale::SMALL);
        let folder = tempfile::tempdir().unwrap();
        let matcher = indexed::matcher(&world, folder.path());
        all.extend(outcomes(&world, seed, 30, |document| indexed::finding(&matcher, document)));
    }
    println!("{}", report(&all));
    let leaks = Figures::of("all", all.iter());
    assert!(leaks.top1 >= 0.95 && leaks.brier <= 0.05, "{leaks}");
}
