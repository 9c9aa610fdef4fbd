//! `vigie scan`: files by hand, with the engine of the service.

mod human;
pub mod inputs;

use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use anyhow::anyhow;
use clap::ValueEnum;
use jiff::Zoned;

use super::exit::{Exit, Failure, Outcome};
use super::key::KeyArgs;
use super::progress;
use super::watchlist::{CountryArgs, WatchlistsArg};
use crate::confine::{Pool, Reader, Settings};
use crate::extract::Limits;
use crate::model::Assessment;
use crate::pipeline::{Engine, Judging, Sources};

pub use human::{describe, detail};
use inputs::Source;

/// Scan files: what of ours is in them, which system it is from, and when it was taken
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie scan --watchlists watchlists --key-file vigie.key dump.zip
  vigie scan --key-file vigie.key --format jsonl --refs posts/ > findings.jsonl
  curl -s https://paste.example/raw/x | vigie scan --key-file vigie.key -

One report for each file, in the order given; an archive is one file, a folder stands for the files in it.
Exit codes: 0 done; 1 something was found (with --exit-code); 2 usage; 3 a file or an index could not be read.")]
pub struct Args {
    #[command(flatten)]
    engine: EngineArgs,
    /// `human` is for reading, `jsonl` one JSON object per file for programs
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Name the records that matched by their keys in the source system
    #[arg(long)]
    refs: bool,
    /// Leave with exit code 1 if anything was found
    #[arg(long)]
    exit_code: bool,
    /// Files or folders; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// How reports are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading.
    Human,
    /// One JSON object per file.
    Jsonl,
}

/// What files are held against.
#[derive(Debug, Clone, clap::Args)]
pub struct EngineArgs {
    #[command(flatten)]
    watchlists: WatchlistsArg,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    countries: CountryArgs,
    /// Decode the files in this process, with all that it may do: for debugging, and never for files of others
    #[arg(long)]
    no_sandbox: bool,
}

impl EngineArgs {
    /// Loads the watchlists and says what of them cannot be used. Where nothing can, the caller is asked to mend it.
    pub fn load(&self) -> Result<Engine, Failure> {
        let sources = Sources {
            folder: self.watchlists.watchlists.clone(),
            keys: Arc::new(self.keys.keyring()?),
            countries: self.countries.countries()?,
        };
        let engine = Engine::load(&sources);
        for refusal in &engine.refused {
            eprintln!("not used: {}", refusal.reason);
        }
        if engine.is_empty() {
            let message =
                format!("{}: nothing to look for; hint: see `vigie watchlist build --help`", sources.folder.display());
            return Err(Failure::Usage(anyhow!(message)));
        }
        Ok(engine)
    }

    /// Who decodes the files: confined workers, one for each thread that scans. What is missing is said aloud.
    pub fn reader(&self) -> Result<Reader, Failure> {
        if self.no_sandbox {
            eprintln!("WARNING: --no-sandbox: a hostile file can do whatever you can, and read the key");
            return Ok(Reader::Here);
        }
        let workers = rayon::current_num_threads();
        let reader = Reader::Confined(Pool::new(Settings { workers, ..Settings::default() })?);
        for concern in reader.concerns() {
            eprintln!("WARNING: {concern}");
        }
        Ok(reader)
    }
}

pub fn run(args: &Args) -> Outcome {
    let engine = args.engine.load()?;
    let reader = args.engine.reader()?;
    let limits = Limits::default();
    let inputs = inputs::list(&args.paths);
    let judging = Judging {
        matcher: &engine.matcher,
        limits: &limits,
        reader: &reader,
        refs: args.refs,
        today: Zoned::now().date(),
    };
    let mut out = BufWriter::new(stdout().lock());
    let (mut found, mut incomplete) = (false, !engine.refused.is_empty());
    in_order(&inputs, judging, |scanned| {
        found |= scanned.assessment.report.verdict.is_finding();
        incomplete |= scanned.unreadable;
        match args.format {
            Format::Jsonl => {
                serde_json::to_writer(&mut out, &scanned.assessment.report)?;
                writeln!(out)?;
            }
            Format::Human => describe(&mut out, &scanned.assessment)?,
        }
        Ok(())
    })?;
    out.flush()?;
    Ok(match (incomplete, found && args.exit_code) {
        (true, _) => Exit::Incomplete,
        (false, true) => Exit::Found,
        (false, false) => Exit::Done,
    })
}

/// A file's report, and whether the file could be read.
pub struct Scanned {
    pub assessment: Assessment,
    pub unreadable: bool,
}

/// Scans on all cores and hands the reports on in the order of the inputs.
///
/// Each thread takes the next input when it has done with one, so that reports come nearly in order by themselves and
/// few wait for an earlier one.
fn in_order(
    inputs: &[Source],
    judging: Judging<'_>,
    mut each: impl FnMut(Scanned) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let bar = progress::count(inputs.len() as u64, "scan");
    let next = AtomicUsize::new(0);
    let (done, reports) = mpsc::channel();
    let mut written = Ok(());
    rayon::in_place_scope(|threads| {
        for _ in 0..rayon::current_num_threads() {
            let (done, next) = (done.clone(), &next);
            threads.spawn(move |_| {
                while let Some((at, input)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    inputs.get(at).map(|i| (at, i))
                } {
                    if done.send((at, inputs::scan(input, judging))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let mut waiting = std::collections::BTreeMap::new();
        let mut due = 0;
        for (at, report) in reports {
            waiting.insert(at, report);
            while let Some(report) = waiting.remove(&due) {
                due += 1;
                bar.inc(1);
                let result = report
                    .map_err(Failure::from)
                    .and_then(|scanned| bar.suspend(|| each(scanned)).map_err(Failure::from));
                if let Err(failure) = result {
                    // Nobody reads on: the threads stop at their next input.
                    next.store(inputs.len(), Ordering::Relaxed);
                    written = Err(failure);
                    return;
                }
            }
        }
    });
    bar.finish_and_clear();
    written
}
