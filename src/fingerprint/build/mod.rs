//! An export to an index file: streamed, on all cores, in bounded memory, put in place in one step.
//!
//! ```text
//! export ─read─▶ stretches of whole rows ─encode (all cores)─▶ records ─▶ parts by name key ─sort─▶ slots, tags, names
//!                                                 └─▶ refs, encrypted          └─▶ parts by fingerprint ─sort─▶ table, filter
//! ```
//! Nothing but fingerprints, tags and encrypted refs is ever written, also to temporary files.

mod csv;
mod error;
mod export;
mod place;
mod rows;
mod sinks;
mod spill;
mod tables;
mod write;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

pub use self::error::BuildError;
use self::export::Export;
use self::write::Writer;
use super::key::Key;
use super::normalise::Countries;
use crate::model::{FieldKind, Watchlist};

/// What to build.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    /// The system: its columns decide what is fingerprinted.
    pub watchlist: &'a Watchlist,
    /// The day of the export.
    pub snapshot: Date,
    /// The key to build with.
    pub key: &'a Key,
    /// The countries whose national forms are read.
    pub countries: &'a Countries,
}

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Bytes of the export read.
    pub bytes: u64,
    /// Records seen.
    pub records: u64,
}

/// What a build is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading the export: most of the time.
    Reading,
    /// Putting the records in order.
    Sorting,
    /// Writing checksums and putting the file in its place.
    Finishing,
}

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildReport {
    /// The index file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub file_len: u64,
    /// Records in it.
    pub records: u64,
    /// Of these, rows with more or fewer cells than the header: taken as far as they go.
    pub ragged: u64,
    /// Rows without a value in any watched column, which are no records.
    pub blank: u64,
    /// Bytes of the export.
    pub bytes: u64,
    /// The columns, in the order of the export.
    pub columns: Vec<ColumnReport>,
    /// Canaries found.
    pub canaries: u64,
    /// Canaries of the watchlist that no row has.
    pub canaries_missing: Vec<String>,
}

/// What was found in one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnReport {
    /// Its header.
    pub header: String,
    /// What it should hold.
    pub kind: FieldKind,
    /// Records with a value in it.
    pub filled: u64,
    /// Of these, values that are none of the kind: they match nothing. Many of them mean that the watchlist names the wrong kind.
    pub unread: u64,
}

/// Builds the index of the export in a file, into `target`.
///
/// # Errors
/// See [`BuildError`]. Whatever goes wrong, what stood at `target` before stands there still, and no temporary file remains.
pub fn build_file(
    export: &Path,
    target: &Path,
    build: Build<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<BuildReport, BuildError> {
    let file = File::open(export).map_err(|source| BuildError::Export { source })?;
    build_reader(Box::new(file), target, build, progress)
}

/// As [`build_file`] for an export that is no file (standard input).
///
/// # Errors
/// See [`BuildError`].
pub fn build_reader(
    export: Box<dyn Read + Send + '_>,
    target: &Path,
    build: Build<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<BuildReport, BuildError> {
    let (mut export, headers, plan) = Export::open(export, &build)?;
    let mut writer = Writer::create(target, build.key, &plan)?;
    let stretches = rayon::current_num_threads().max(1);
    let mut batch = export.read(stretches)?;
    let mut dense = true;
    while !batch.is_empty() {
        // While one batch is encoded, the next is read.
        let (encoded, next) = rayon::join(
            || {
                use rayon::prelude::*;
                batch.par_iter().map(|stretch| rows::encode(&plan, stretch, dense)).collect::<Vec<_>>()
            },
            || export.read(stretches),
        );
        dense = false;
        for part in encoded {
            writer.add(part)?;
        }
        progress(Progress { stage: Stage::Reading, bytes: export.bytes(), records: writer.records() });
        batch = next?;
    }
    if writer.records() == 0 {
        return Err(BuildError::Empty);
    }
    writer.finish(&build, headers, export.bytes(), progress)
}

#[cfg(test)]
mod tests;
