//! What a term watchlist costs: bytes a second over a text made up here, and which of its terms are to blame where that
//! is little. For `watchlist check`, where an analyst sees it before the service pays it.

use std::time::Instant;

use super::split::{Kind, pieces};
use super::{TermCounts, TermError, Terms};
use crate::model::{RuleText, TermWatchlist};

/// Length of the text that a watchlist is measured on, in bytes.
const TEXT: usize = 2 << 20;
/// Length of the text that each of its terms is measured on.
const SHORT: usize = 256 << 10;
/// Times that a text is read; the best counts.
const ROUNDS: usize = 3;
/// Bytes a second below which its terms are measured one by one.
const SLOW: f64 = 150e6;
/// Patterns and rules that are measured one by one.
const MOST_MEASURED: usize = 500;
/// The most terms that are named.
const NAMED: usize = 3;

/// What a term watchlist costs on the machine at hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Bytes of text a second, on one core.
    pub rate: f64,
    /// Where that is little, the slowest patterns and rules, slowest first.
    pub slowest: Vec<Slow>,
}

/// A pattern or rule, and its own rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Slow {
    /// The pattern as written, or the rule's name.
    pub term: String,
    /// Bytes of text a second, on one core.
    pub rate: f64,
}

impl Terms {
    /// Measures a watchlist.
    ///
    /// # Errors
    /// If it does not compile.
    pub fn cost(watchlist: &TermWatchlist) -> Result<Cost, Vec<TermError>> {
        let terms = Self::new(std::slice::from_ref(watchlist))?;
        let text = sample(TEXT);
        let rate = terms.rate(&text, ROUNDS);
        let slowest = if rate < SLOW { slowest(watchlist, &text[..SHORT], rate) } else { Vec::new() };
        Ok(Cost { rate, slowest })
    }

    fn rate(&self, text: &[u8], rounds: usize) -> f64 {
        let seconds = (0..rounds).map(|_| {
            let mut counts = TermCounts::default();
            let started = Instant::now();
            self.count(text, &mut counts);
            self.end(&mut counts);
            started.elapsed().as_secs_f64()
        });
        text.len() as f64 / seconds.fold(f64::INFINITY, f64::min).max(1e-9)
    }
}

/// The patterns and rules that take the largest part of the time: each measured alone.
fn slowest(watchlist: &TermWatchlist, text: &[u8], together: f64) -> Vec<Slow> {
    let bare = TermWatchlist { words: Vec::new(), regexes: Vec::new(), yara: Vec::new(), ..watchlist.clone() };
    let patterns = watchlist
        .regexes
        .iter()
        .map(|pattern| (pattern.clone(), TermWatchlist { regexes: vec![pattern.clone()], ..bare.clone() }));
    let rules = watchlist.yara.iter().flat_map(|rules| {
        let rule = |name: &str, text: &str| {
            let text = RuleText { file: rules.file.clone(), text: text.to_owned(), rules: vec![name.to_owned()] };
            (name.to_owned(), TermWatchlist { yara: vec![text], ..bare.clone() })
        };
        let found = pieces(&rules.text).into_iter().filter(|piece| piece.kind == Kind::Rule);
        found.map(|piece| rule(piece.name, &rules.text[piece.range.clone()])).collect::<Vec<_>>()
    });
    // A rule that builds on others does not compile alone: it costs what they cost.
    let measured = patterns.chain(rules).take(MOST_MEASURED).filter_map(|(term, alone)| {
        let rate = Terms::new(&[alone]).ok()?.rate(text, ROUNDS);
        Some(Slow { term, rate })
    });
    // What alone runs at many times the common rate is not to blame for it.
    let mut slow: Vec<Slow> = measured.filter(|slow| slow.rate < 10.0 * together).collect();
    slow.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    slow.truncate(NAMED);
    slow
}

/// A text such as is posted: prose, log lines, code, lists of addresses and rows, with nobody's data.
fn sample(len: usize) -> Vec<u8> {
    let mut text = String::with_capacity(len + 256);
    let mut draw = 0x9e37_79b9_7f4a_7c15_u64;
    while text.len() < len {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let n = draw >> 33;
        text += &match n % 5 {
            0 => format!("2026-0{}-1{} 12:{:02}:07 INFO request id={n:016x} status=200\n", n % 9 + 1, n % 9, n % 60),
            1 => format!("user{n}.name@mail{}.example:{:08x}\n", n % 7, draw as u32),
            2 => format!("{n};Martin;Camille;+336{:08};1980-01-02;75{:03}\n", n % 100_000_000, n % 1000),
            3 => format!("    let value_{} = compute(&buffer[{}..{}])?; // see above\n", n % 97, n % 11, n % 997),
            _ => "the list is fresh, write to me for the rest of it and a price before the week is over\n".to_owned(),
        };
    }
    text.truncate(len);
    text.into_bytes()
}
