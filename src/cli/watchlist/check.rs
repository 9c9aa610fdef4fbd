//! `vigie watchlist check`: every watchlist, index and term example, with everything that is wrong at once, and what
//! each term watchlist costs.

use std::io::{Write, stdout};

use super::super::exit::{Exit, Failure, Outcome};
use super::super::key::KeyArgs;
use super::super::words::counted;
use super::{IN_FUTURE, WatchlistsArg};
use crate::config::{RecordWatchlist, read_watchlists};
use crate::fingerprint::{Keyring, SnapshotIndex};
use crate::matching::{Cost, Terms};
use crate::model::TermWatchlist;

/// Check watchlists, indexes and the examples of terms; says everything that is wrong at once
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  vigie watchlist check --watchlists watchlists --key-file vigie.key

Indexes are read whole and every checksum is compared. Term watchlists are tried on their own examples and
counter-examples, and measured: what they read a second on one core, and the slowest of their patterns and
rules where that is little.")]
pub struct Args {
    #[command(flatten)]
    watchlists: WatchlistsArg,
    #[command(flatten)]
    keys: KeyArgs,
}

pub fn run(args: &Args) -> Outcome {
    let keys = args.keys.keyring()?;
    let lists = read_watchlists(&args.watchlists.watchlists);
    let mut faults: Vec<String> = lists.problems.iter().map(ToString::to_string).collect();
    let mut indexes = 0;
    for list in &lists.records {
        indexes += list.indexes.len();
        faults.extend(list.indexes.iter().filter_map(|file| index_fault(list, file, &keys)));
    }
    for list in &lists.terms {
        match Terms::check(list).and_then(|()| Terms::cost(list)) {
            Ok(cost) => print(list, &cost)?,
            Err(errors) => faults.extend(errors.iter().map(ToString::to_string)),
        }
    }
    let today = jiff::Zoned::now().date();
    lists.records.iter().flat_map(|list| notes(list, today)).for_each(|note| eprintln!("{note}"));
    let (records, terms) = (lists.records.len(), lists.terms.len());
    if faults.is_empty() {
        eprintln!("{records} record watchlists, {indexes} indexes, {terms} term watchlists: ok");
        return Ok(Exit::Done);
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    Err(Failure::Usage(anyhow::anyhow!(counted(faults.len() as u64, "problem"))))
}

/// What is no fault and should be known all the same: a system of which nothing can be recognised, exports of days to come.
fn notes(list: &RecordWatchlist, today: jiff::civil::Date) -> Vec<String> {
    if list.indexes.is_empty() {
        let id = &list.watchlist.id;
        return vec![format!("{id}: no snapshot, so nothing of it is recognised; hint: vigie watchlist build")];
    }
    let stem = |file: &std::path::Path| file.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
    let later = list.indexes.iter().filter(|file| stem(file).is_some_and(|day: jiff::civil::Date| day > today));
    later.map(|file| format!("{}: {IN_FUTURE}", file.display())).collect()
}

/// A term watchlist, and what it costs.
fn print(list: &TermWatchlist, cost: &Cost) -> std::io::Result<()> {
    let mut out = stdout().lock();
    let megabytes = |rate: f64| format!("{:.0} MB/s", rate / 1e6);
    let rules: usize = list.yara.iter().map(|text| text.rules.len()).sum();
    let parts = [(list.words.len(), "word"), (list.regexes.len(), "pattern"), (rules, "rule")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(*count as u64, noun));
    let terms = parts.collect::<Vec<_>>().join(", ");
    writeln!(out, "{}  {terms}  {}", list.id, megabytes(cost.rate))?;
    for slow in &cost.slowest {
        writeln!(out, "  slow by itself: `{}`  {}", slow.term, megabytes(slow.rate))?;
    }
    Ok(())
}

fn index_fault(list: &RecordWatchlist, file: &std::path::Path, keys: &Keyring) -> Option<String> {
    let index = match SnapshotIndex::open(file, keys) {
        Ok(index) => index,
        Err(error) => return Some(error.to_string()),
    };
    if *index.system() != list.watchlist.id {
        return Some(format!(
            "{}: is an index of `{}`; hint: move it to the folder of its own system",
            file.display(),
            index.system()
        ));
    }
    if file.file_stem().is_none_or(|stem| stem.to_string_lossy() != index.snapshot().to_string()) {
        return Some(format!("{}: holds the snapshot of {}; hint: name it {1}.vfi", file.display(), index.snapshot()));
    }
    index.verify().err().map(|error| error.to_string())
}
