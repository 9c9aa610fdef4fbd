//! Why an index is not built.

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong. Names headers and row numbers, never a value.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The export cannot be read.
    #[error("the export cannot be read: {source}")]
    Export {
        /// The answer of the file system.
        source: io::Error,
    },
    /// The index cannot be written.
    #[error("{}: cannot be written: {source}; hint: {}", path.display(), hint(source))]
    Target {
        /// The file or folder.
        path: PathBuf,
        /// The answer of the file system.
        source: io::Error,
    },
    /// Somebody else is building the same index.
    #[error("{}: is being built by another process; hint: wait for it to end", path.display())]
    Busy {
        /// The index.
        path: PathBuf,
    },
    /// The watchlist names no column.
    #[error("the watchlist names no column; hint: list them under `[columns]` as `header = \"kind\"`")]
    NoColumns,
    /// The watchlist names more columns than an index holds.
    #[error("the watchlist names {found} columns, an index holds {most}; hint: leave out those that tell nobody apart")]
    TooManyColumns {
        /// How many it names.
        found: usize,
        /// How many are possible.
        most: usize,
    },
    /// Columns of the watchlist that the export does not have.
    #[error(
        "the export has no column {}; its headers are {}; hint: correct `[columns]` of the watchlist",
        quoted(missing),
        quoted(found)
    )]
    MissingColumns {
        /// What the watchlist names.
        missing: Vec<String>,
        /// What the export has.
        found: Vec<String>,
    },
    /// A watched header that stands twice.
    #[error("the export has several columns {}; hint: rename them so that it is clear which is meant", quoted(headers))]
    DuplicateColumns {
        /// The headers.
        headers: Vec<String>,
    },
    /// No row, or none with a value in a watched column.
    #[error("the export holds no record; hint: it has a header line and then one line a record")]
    Empty,
    /// A row longer than is read: mostly a quote that is never closed.
    #[error(
        "the row after record {after} is longer than {limit} bytes; hint: look for a quote that is opened there and not closed"
    )]
    RowTooLong {
        /// Records before it, about.
        after: u64,
        /// The most bytes a row has.
        limit: usize,
    },
    /// An encoding that is not read.
    #[error("the export is in {encoding}; hint: convert it to UTF-8 (`iconv -f {encoding} -t UTF-8`)")]
    Encoding {
        /// Its name.
        encoding: &'static str,
    },
    /// More records than an index numbers.
    #[error("the export has more than {most} records; hint: split the system into several")]
    TooManyRecords {
        /// How many are possible.
        most: u64,
    },
}

impl BuildError {
    pub(super) fn target(path: &Path) -> impl Fn(io::Error) -> BuildError + use<> {
        let path = path.to_owned();
        move |source| BuildError::Target { path: path.clone(), source }
    }
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space: a build needs about twice the size of the index"
        }
        io::ErrorKind::PermissionDenied => "the watchlist's folder must be writable",
        io::ErrorKind::NotFound => "create the watchlist's folder first",
        _ => "see the message of the system",
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|n| format!("`{}`", n.escape_debug())).collect::<Vec<_>>().join(", ")
}
