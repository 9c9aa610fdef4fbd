//! `vigie watchlist build`: an export becomes an index. Runs next to the system that holds the records; only the
//! index leaves.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, stdin};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use jiff::civil::Date;

use super::super::exit::{Exit, Failure, Outcome};
use super::super::key::KeyArgs;
use super::super::progress;
use super::super::words::counted;
use super::{CountryArgs, IN_FUTURE, one};
use crate::fingerprint::build::{Build, BuildError, BuildReport, Stage, build_reader};

/// Fingerprint an export into the index of one snapshot
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie watchlist build watchlists/crm --snapshot 2026-08-01 --key-file vigie.key export.csv
  psql -c 'COPY clients TO STDOUT CSV HEADER' | vigie watchlist build watchlists/crm \\
      --snapshot 2026-08-01 --key-file vigie.key -

The folder holds a watchlist.toml that says which column is of which kind. The index is written next to
it under the date of the snapshot, in one step: a running service takes it up by itself.")]
pub struct Args {
    /// The watchlist's folder
    folder: PathBuf,
    /// The day of the export
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    snapshot: Date,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    countries: CountryArgs,
    /// The export, as CSV with a header; several are parts with the same header; `-` is standard input
    #[arg(required = true, value_name = "EXPORT")]
    exports: Vec<PathBuf>,
}

pub fn run(args: &Args) -> Outcome {
    let list = crate::config::read_record_watchlist(&args.folder).map_err(Failure::usage)?;
    let keys = args.keys.keyring()?;
    let countries = args.countries.countries()?;
    let target = args.folder.join(format!("{}.vfi", args.snapshot));
    let export = open(&args.exports).map_err(Failure::Usage)?;
    let bar = progress::bytes(export.total, "fingerprint");
    let build =
        Build { watchlist: &list.watchlist, snapshot: args.snapshot, key: keys.current(), countries: &countries };
    let report = build_reader(export.reader, &target, build, &|progress| {
        bar.set_position(progress.bytes);
        if progress.stage != Stage::Reading {
            bar.set_message(if progress.stage == Stage::Sorting { "sort" } else { "finish" });
        }
    });
    bar.finish_and_clear();
    let report = report.map_err(|error| failure(error, &args.exports))?;
    describe(&report, bar.elapsed().as_secs_f64());
    if args.snapshot > jiff::Zoned::now().date() {
        eprintln!("  {IN_FUTURE}");
    }
    Ok(Exit::Done)
}

/// What is wrong with the export or the watchlist is the caller's to mend; what is wrong with the disk is not.
fn failure(error: BuildError, exports: &[PathBuf]) -> Failure {
    let of_the_work = matches!(error, BuildError::Export { .. } | BuildError::Target { .. } | BuildError::Busy { .. });
    let error = anyhow!(error).context(one(exports));
    if of_the_work { Failure::Incomplete(error) } else { Failure::Usage(error) }
}

fn describe(report: &BuildReport, seconds: f64) {
    let rate = report.bytes as f64 / 1e6 / seconds.max(0.001);
    eprintln!(
        "{}: {}, {} bytes ({:.1} a record), {seconds:.1} s, {rate:.0} MB/s",
        report.path.display(),
        counted(report.records, "record"),
        report.file_len,
        report.file_len as f64 / report.records.max(1) as f64
    );
    if report.ragged > 0 {
        let rows = counted(report.ragged, "row");
        eprintln!("  {rows} with more or fewer cells than the header: taken as far as they go");
    }
    if report.blank > 0 {
        let rows = counted(report.blank, "row");
        eprintln!("  {rows} without a value in any watched column: no records");
    }
    for column in report.columns.iter().filter(|column| column.unread > 0 || column.filled == 0) {
        if column.filled == 0 {
            eprintln!("  column `{}` is empty", column.header);
        } else {
            eprintln!(
                "  column `{}`: {} of {} values are no {}, and match nothing",
                column.header, column.unread, column.filled, column.kind
            );
        }
    }
    if !report.canaries_missing.is_empty() {
        let missing = report.canaries_missing.join(", ");
        eprintln!("  canaries of the watchlist that no row of this export has: {missing}");
    }
}

/// What is read, and how much of it there is, if that is known.
struct Export {
    reader: Box<dyn Read + Send>,
    total: Option<u64>,
}

/// The longest header line that is looked at in the further parts of an export.
const MAX_HEADER: u64 = 1 << 20;

fn open(exports: &[PathBuf]) -> anyhow::Result<Export> {
    let [first, others @ ..] = exports else { unreachable!("clap asks for one at least") };
    if first == Path::new("-") && others.is_empty() {
        return Ok(Export { reader: Box::new(stdin()), total: None });
    }
    let mut total = file(first)?.metadata()?.len();
    let header = header(&mut BufReader::new(file(first)?))?;
    let mut reader: Box<dyn Read + Send> = Box::new(file(first)?);
    for path in others {
        let part = file(path)?;
        total += part.metadata()?.len();
        let mut part = BufReader::new(part);
        if self::header(&mut part)? != header {
            return Err(anyhow!(
                "{}: its header is not that of {}; hint: build parts with different columns as systems of their own",
                path.display(),
                first.display()
            ));
        }
        // A part need not end with a line end; an empty line more is no record.
        reader = Box::new(reader.chain(Cursor::new(b"\n")).chain(part));
    }
    Ok(Export { reader, total: Some(total) })
}

fn file(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("{}: cannot be read", path.display()))
}

/// The first line, without byte order mark and line end.
fn header(part: &mut impl BufRead) -> anyhow::Result<Vec<u8>> {
    let mut line = Vec::new();
    part.by_ref().take(MAX_HEADER).read_until(b'\n', &mut line)?;
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
    Ok(line.trim_ascii_end().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &[&str]) -> anyhow::Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = parts
            .iter()
            .enumerate()
            .map(|(n, text)| {
                let path = folder.path().join(n.to_string());
                std::fs::write(&path, text).unwrap();
                path
            })
            .collect();
        let mut text = String::new();
        open(&paths)?.reader.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn parts_of_an_export_share_one_header() {
        assert_eq!(read(&["a,b\n1,2", "\u{feff}a,b\r\n3,4\n"]).unwrap(), "a,b\n1,2\n3,4\n");
        assert!(read(&["a,b\n1,2\n", "a,c\n3,4\n"]).is_err());
    }
}
