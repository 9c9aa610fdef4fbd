//! `vigie scan`: files by hand, with the engine of the service.

mod human;
pub mod inputs;
mod passwords;
mod progress;

use std::collections::BTreeMap;
use std::io::{BufWriter, Write, stdout};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::exit::{Exit, Failure, Outcome};
use super::key::KeyArgs;
use super::trail::LookUpArgs;
use super::watchlist::{CountryArgs, WatchlistsArg};
use crate::confine::{Pool, Reader, Settings};
use crate::extract::Limits;
use crate::model::{Assessment, Sensitive};
use crate::pipeline::{Checkpoints, Engine, JudgeError, Judging, Sources};
use anyhow::{Context, anyhow};
use clap::ValueEnum;

pub use human::{describe, detail};
use inputs::{Scanning, Source};
pub use passwords::Passwords;
use progress::Progress;

/// Scan files: what of ours is in them, which system it is from, and when it was taken
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie scan --watchlists watchlists --key-file vigie.key dump.zip
  vigie scan --key-file vigie.key --format jsonl --refs posts/ > findings.jsonl
  curl -s https://paste.example/raw/x | vigie scan --key-file vigie.key -
  vigie scan --key-file vigie.key --resume progress/ huge.sql   # the same again after an interruption

One report for each file, in the order given; an archive is one file, a folder stands for the files in it.
Encrypted archives are tried with the passwords that texts scanned from the same folder mention.
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
    #[command(flatten)]
    look_up: LookUpArgs,
    /// Leave with exit code 1 if anything was found
    #[arg(long)]
    exit_code: bool,
    /// Passwords to try on encrypted archives, one a line
    #[arg(long, value_name = "FILE")]
    passwords: Option<PathBuf>,
    /// Keep what is known of long files in this folder, sealed under the key, while they are read; the same command goes
    /// on from there after an interruption. Emptied of what this scan kept when all of it is done
    #[arg(long, value_name = "FOLDER")]
    resume: Option<PathBuf>,
    /// Seconds between two such notes of one file, 0 to 60
    #[arg(long, value_name = "SECONDS", default_value_t = 20, requires = "resume",
          value_parser = clap::value_parser!(u64).range(..=60))]
    resume_every: u64,
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
    if args.refs {
        args.look_up.refs()?;
    }
    let engine = args.engine.load()?;
    let reader = args.engine.reader()?;
    let limits = Limits::default();
    let inputs = inputs::list(&args.paths);
    let passwords = Passwords::new(args.passwords()?, &inputs);
    let checkpoints = args.checkpoints()?;
    let judging = Judging {
        refs: args.refs,
        checkpoints: checkpoints.as_ref(),
        ..Judging::new(&engine.matcher, &limits, &reader)
    };
    let mut out = BufWriter::new(stdout());
    let (mut found, mut incomplete) = (false, !engine.refused.is_empty());
    let progress = Progress::over(&inputs);
    let scanning = Scanning { judging, passwords: &passwords, follow: &|input, step| progress.follow(input, step) };
    let written = in_order(&inputs, &scanning, |scanned| {
        found |= scanned.assessment.report.verdict.is_finding();
        incomplete |= scanned.unreadable;
        progress.done(|| match args.format {
            Format::Jsonl => {
                serde_json::to_writer(&mut out, &scanned.assessment.report)?;
                writeln!(out)
            }
            Format::Human => describe(&mut out, &scanned.assessment),
        })
    });
    progress.end();
    written?;
    out.flush()?;
    if let Some(checkpoints) = &checkpoints {
        inputs.iter().filter_map(Source::id).for_each(|id| checkpoints.forget(&id));
    }
    Ok(match (incomplete, found && args.exit_code) {
        (true, _) => Exit::Incomplete,
        (false, true) => Exit::Found,
        (false, false) => Exit::Done,
    })
}

impl Args {
    fn passwords(&self) -> Result<Vec<Sensitive<String>>, Failure> {
        let Some(file) = &self.passwords else { return Ok(Vec::new()) };
        let named = || format!("{}: the passwords cannot be read; hint: one password a line, in UTF-8", file.display());
        Passwords::read(file).with_context(named).map_err(Failure::Usage)
    }

    fn checkpoints(&self) -> Result<Option<Checkpoints>, Failure> {
        let Some(folder) = &self.resume else { return Ok(None) };
        let named =
            || format!("{}: cannot be used for --resume; hint: name a folder that is writable", folder.display());
        let every = Duration::from_secs(self.resume_every);
        let opened = Checkpoints::open(folder, self.engine.keys.keyring()?.current(), every);
        opened.with_context(named).map(Some).map_err(Failure::Usage)
    }
}

/// A file's report, and whether the file could be read.
pub struct Scanned {
    pub assessment: Assessment,
    pub unreadable: bool,
}

/// Scans on all cores and hands the reports on in the order of the inputs.
///
/// Each thread takes the next input when it has done with one, so that reports come nearly in order by themselves and
/// few wait for an earlier one. Whoever has a report hands it on, with those that waited for it: for small inputs, a
/// thread of its own would be woken as often as they are scanned.
fn in_order(
    inputs: &[Source],
    scanning: &Scanning<'_>,
    each: impl FnMut(Scanned) -> std::io::Result<()> + Send,
) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let reports = Mutex::new(Reports { due: 0, waiting: BTreeMap::new(), each, ended: Ok(()) });
    rayon::scope(|threads| {
        for _ in 0..rayon::current_num_threads() {
            threads.spawn(|_| {
                let take = || {
                    let no = next.fetch_add(1, Ordering::Relaxed);
                    inputs.get(no).map(|input| (no, input))
                };
                scanning.scan_all(take, |no, report| {
                    let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
                    if reports.take(no, report).is_break() {
                        // Nobody reads on: the threads stop at their next input.
                        next.store(inputs.len(), Ordering::Relaxed);
                    }
                });
            });
        }
    });
    reports.into_inner().unwrap_or_else(PoisonError::into_inner).ended
}

/// Reports on their way out.
struct Reports<F> {
    /// The number of the input whose report is next.
    due: usize,
    /// Those that come later.
    waiting: BTreeMap<usize, Result<Scanned, JudgeError>>,
    each: F,
    /// Why nothing is handed on any more.
    ended: Result<(), Failure>,
}

impl<F: FnMut(Scanned) -> std::io::Result<()>> Reports<F> {
    /// Takes the report on input `no` and hands on what is due. Whether to go on.
    fn take(&mut self, no: usize, report: Result<Scanned, JudgeError>) -> ControlFlow<()> {
        self.waiting.insert(no, report);
        while self.ended.is_ok()
            && let Some(report) = self.waiting.remove(&self.due)
        {
            self.due += 1;
            self.ended = report.map_err(Failure::from).and_then(|scanned| (self.each)(scanned).map_err(Failure::from));
        }
        if self.ended.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}
