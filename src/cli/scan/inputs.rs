//! What is scanned: files, the files of folders, standard input; and what is said of those that cannot be read.

use std::fs::File;
use std::io::{self, Read, Seek, stdin};
use std::path::{Path, PathBuf};

use super::Scanned;
use super::passwords::Passwords;
use crate::extract::{Limits, may_be_locked};
use crate::model::{Assessment, ScanReport, Skip, SkipReason, Verdict};
use crate::pipeline::{Document, JudgeError, Judging, judge};

/// One thing to scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// What was named and cannot be scanned, and why.
    Unreadable(PathBuf, String),
}

impl Source {
    /// Its size in bytes, where that is known before it is read.
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::File(path) => std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len()),
            Self::Stdin => None,
            Self::Unreadable(..) => Some(0),
        }
    }

    /// What it is called among checkpoints: the same file is the same document from wherever it is named.
    pub fn id(&self) -> Option<String> {
        let Self::File(path) = self else { return None };
        Some(std::path::absolute(path).ok()?.to_string_lossy().into_owned())
    }

    /// As named in the report.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) | Self::Unreadable(path, _) => path.to_string_lossy().into_owned(),
            Self::Stdin => "-".to_owned(),
        }
    }
}

/// The inputs that the arguments stand for, in their order; the files of a folder by name. Links within folders are
/// not followed: they lead out of what was named, or round in circles.
pub fn list(paths: &[PathBuf]) -> Vec<Source> {
    let mut sources = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            sources.push(Source::Stdin);
        } else if path.is_dir() {
            folder(path, &mut sources);
        } else {
            sources.push(Source::File(path.clone()));
        }
    }
    sources
}

fn folder(folder: &Path, sources: &mut Vec<Source>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return sources.push(Source::Unreadable(folder.to_owned(), error.to_string())),
    };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => self::folder(&entry.path(), sources),
            Ok(kind) if kind.is_file() => sources.push(Source::File(entry.path())),
            Ok(_) => {}
            Err(error) => sources.push(Source::Unreadable(entry.path(), error.to_string())),
        }
    }
}

/// Scans one input. Only a damaged index, or nobody to read, ends the whole scan.
pub fn scan(source: &Source, judging: Judging<'_>, passwords: &Passwords) -> Result<Scanned, JudgeError> {
    let name = source.name();
    let path = match source {
        Source::File(path) => Some(path.as_path()),
        Source::Stdin => None,
        Source::Unreadable(_, reason) => return Ok(unreadable(&name, reason.clone())),
    };
    let id = source.id().unwrap_or_default();
    let mut limits = judging.limits.clone();
    match open(path, passwords, &mut limits).and_then(|opened| document(opened, &name, &id, &limits)) {
        Ok(document) => judge(document, Judging { limits: &limits, ..judging }).map(|assessment| {
            let unreadable = assessment.report.skipped.iter().any(|skip| skip.reason == SkipReason::Unreadable);
            Scanned { assessment, unreadable }
        }),
        Err(error) => Ok(unreadable(&name, error.to_string())),
    }
}

fn document<'a>(opened: Option<File>, name: &'a str, id: &'a str, limits: &Limits) -> io::Result<Document<'a>> {
    match opened {
        Some(file) => Document::file(name, id, file, limits),
        None => Document::read(name, Box::new(stdin()), limits),
    }
}

/// Opens a file, and gathers passwords if it may ask for some.
fn open(path: Option<&Path>, passwords: &Passwords, limits: &mut Limits) -> io::Result<Option<File>> {
    let Some(path) = path else {
        limits.passwords = passwords.beside(None);
        return Ok(None);
    };
    let mut file = File::open(path)?;
    if file.metadata()?.is_file() {
        let mut head = Vec::new();
        file.by_ref().take(512).read_to_end(&mut head)?;
        file.rewind()?;
        if may_be_locked(&head) {
            limits.passwords = passwords.beside(Some(path));
        }
    }
    Ok(Some(file))
}

/// The report on what could not be read at all: nothing is claimed of it but that.
fn unreadable(document: &str, reason: String) -> Scanned {
    let report = ScanReport {
        document: document.to_owned(),
        blake3: String::new(),
        verdict: Verdict::Clear,
        attribution: Vec::new(),
        outside: 1.0,
        rows: 0,
        terms: Vec::new(),
        bytes: 0,
        skipped: vec![Skip::new("", SkipReason::Unreadable, reason)],
    };
    let assessment = Assessment { report, impact: Vec::new(), unmatched_rows: 0, sample: Vec::new() };
    Scanned { assessment, unreadable: true }
}
