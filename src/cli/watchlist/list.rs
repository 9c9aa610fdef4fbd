//! `vigie watchlist list`: what is watched for, and with which indexes.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::exit::{Exit, Failure, Outcome};
use super::super::words::counted;
use super::WatchlistsArg;
use crate::config::{RecordWatchlist, read_watchlists};
use crate::fingerprint::{Key, Keyring, SnapshotIndex};
use crate::model::TermWatchlist;

/// List watchlists with their snapshots
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie watchlist list --watchlists watchlists
  vigie watchlist list --key-file vigie.key       # opens the indexes too: records, faults")]
pub struct Args {
    #[command(flatten)]
    watchlists: WatchlistsArg,
    /// Open the indexes with this key, and tell what is in them
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

/// A line of the list.
#[derive(Debug, Serialize)]
struct Line {
    id: String,
    kind: &'static str,
    name: String,
    severity: String,
    tlp: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    snapshots: Vec<Snapshot>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Snapshot {
    date: String,
    bytes: u64,
    /// With the key only.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

pub fn run(args: &Args) -> Outcome {
    let keys = match &args.key_file {
        Some(file) => Some(Keyring::new(Key::load(file).map_err(Failure::usage)?)),
        None => None,
    };
    let lists = read_watchlists(&args.watchlists.watchlists);
    let of_records = |list| of_records(list, keys.as_ref());
    let lines: Vec<Line> = lists.records.iter().map(of_records).chain(lists.terms.iter().map(of_terms)).collect();
    let mut out = stdout().lock();
    for line in &lines {
        if args.json {
            serde_json::to_writer(&mut out, line)?;
            writeln!(out)?;
        } else {
            print(&mut out, line)?;
        }
    }
    out.flush()?;
    let faulty = lines.iter().flat_map(|line| &line.snapshots).any(|snapshot| snapshot.fault.is_some());
    if lists.problems.is_empty() {
        return Ok(if faulty { Exit::Incomplete } else { Exit::Done });
    }
    Err(Failure::usage(lists.problems))
}

fn of_records(list: &RecordWatchlist, keys: Option<&Keyring>) -> Line {
    Line {
        id: list.watchlist.id.to_string(),
        kind: "records",
        name: list.watchlist.name.clone(),
        severity: list.watchlist.severity.to_string(),
        tlp: list.watchlist.tlp.to_string(),
        snapshots: list.indexes.iter().map(|file| snapshot(file, keys)).collect(),
        terms: None,
    }
}

fn of_terms(list: &TermWatchlist) -> Line {
    Line {
        id: list.id.to_string(),
        kind: "terms",
        name: list.name.clone(),
        severity: list.severity.to_string(),
        tlp: list.tlp.to_string(),
        snapshots: Vec::new(),
        terms: Some(list.term_count()),
    }
}

fn snapshot(file: &Path, keys: Option<&Keyring>) -> Snapshot {
    let opened = keys.map(|keys| SnapshotIndex::open(file, keys));
    let (records, fault) = match opened {
        Some(Ok(index)) => (Some(u64::from(index.records())), None),
        Some(Err(error)) => (None, Some(error.kind.to_string())),
        None => (None, None),
    };
    Snapshot {
        date: file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
        bytes: file.metadata().map_or(0, |meta| meta.len()),
        records,
        fault,
    }
}

fn print(out: &mut impl Write, line: &Line) -> std::io::Result<()> {
    let what = match line.terms {
        Some(terms) => counted(terms as u64, "term"),
        None => counted(line.snapshots.len() as u64, "snapshot"),
    };
    writeln!(out, "{}  {what}, severity {}, TLP {}  {}", line.id, line.severity, line.tlp, line.name)?;
    for snapshot in &line.snapshots {
        match (&snapshot.fault, snapshot.records) {
            (Some(fault), _) => writeln!(out, "  {}  cannot be used: {fault}", snapshot.date)?,
            (None, Some(records)) => writeln!(out, "  {}  {records} records, {} bytes", snapshot.date, snapshot.bytes)?,
            (None, None) => writeln!(out, "  {}  {} bytes", snapshot.date, snapshot.bytes)?,
        }
    }
    Ok(())
}
