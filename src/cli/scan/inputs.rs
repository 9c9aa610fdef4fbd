//! What is scanned: files, the files of folders, standard input; and what is said of those that cannot be read.

use std::fs::File;
use std::io::{self, stdin};
use std::path::{Path, PathBuf};

use super::Scanned;
use super::passwords::Passwords;
use crate::extract::{Input, Limits, may_be_locked};
use crate::model::{Assessment, ScanReport, Skip, SkipReason, Verdict};
use crate::pipeline::{Document, JudgeError, Judging, Step, judge, judge_small};

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
    entries.sort_by_cached_key(std::fs::DirEntry::file_name);
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => self::folder(&entry.path(), sources),
            Ok(kind) if kind.is_file() => sources.push(Source::File(entry.path())),
            Ok(_) => {}
            Err(error) => sources.push(Source::Unreadable(entry.path(), error.to_string())),
        }
    }
}

/// How inputs are scanned: what does not change from one to the next.
pub struct Scanning<'a> {
    /// How each is judged. Who is told how that goes is set for each.
    pub judging: Judging<'a>,
    /// What may open archives.
    pub passwords: &'a Passwords,
    /// Who is told how it goes.
    pub follow: &'a (dyn Fn(&Source, Step<'_>) + Sync),
}

/// An input that is in memory and waits to be judged together with others: its number, itself, its name and bytes.
type Small<'s> = (usize, &'s Source, String, Vec<u8>);

/// An input that was opened, or that could not be.
enum Opened<'s> {
    /// What is said of it.
    Unreadable(Scanned),
    /// The bytes of one that is better scanned together with others.
    Small(Vec<u8>),
    /// One to be scanned by itself, and the limits that it is read under.
    Large(Document<'s>, Limits),
}

/// Small inputs that are judged together, at most, and bytes from which on no more are waited for.
const TOGETHER: (usize, usize) = (16, 192 << 10);

impl Scanning<'_> {
    /// Scans one input. Only a damaged index, or nobody to read, is an error.
    pub fn scan(&self, source: &Source) -> Result<Scanned, JudgeError> {
        let (name, id) = (source.name(), source.id().unwrap_or_default());
        match self.open(source, &name, &id) {
            Opened::Unreadable(scanned) => Ok(scanned),
            Opened::Small(bytes) => {
                let document = Document::new(&name, &bytes);
                self.judge(source, document, self.judging.limits)
            }
            Opened::Large(document, limits) => self.judge(source, document, &limits),
        }
    }

    /// Scans what `next` gives, an input and its number, until it gives nothing more; what became of each goes to `done`.
    /// Small texts wait for one another, never for a large input: they are read together.
    pub fn scan_all<'s>(
        &self,
        mut next: impl FnMut() -> Option<(usize, &'s Source)>,
        mut done: impl FnMut(usize, Result<Scanned, JudgeError>),
    ) {
        let (mut small, mut bytes): (Vec<Small<'s>>, usize) = (Vec::new(), 0);
        while let Some((no, source)) = next() {
            let (name, id) = (source.name(), source.id().unwrap_or_default());
            if *source == Source::Stdin {
                // Nobody knows when anything will come.
                self.scan_small(&mut small, &mut done);
                bytes = 0;
            }
            match self.open(source, &name, &id) {
                Opened::Unreadable(scanned) => done(no, Ok(scanned)),
                Opened::Small(text) => {
                    bytes += text.len();
                    small.push((no, source, name.clone(), text));
                }
                Opened::Large(document, limits) => {
                    self.scan_small(&mut small, &mut done);
                    bytes = 0;
                    done(no, self.judge(source, document, &limits));
                }
            }
            if small.len() >= TOGETHER.0 || bytes >= TOGETHER.1 {
                self.scan_small(&mut small, &mut done);
                bytes = 0;
            }
        }
        self.scan_small(&mut small, &mut done);
    }

    /// Scans those that waited; none waits then.
    fn scan_small(&self, small: &mut Vec<Small<'_>>, done: &mut impl FnMut(usize, Result<Scanned, JudgeError>)) {
        let Some((_, first, ..)) = small.first() else { return };
        // Of a small document nothing is told but how many bytes it had.
        let follow = |step: Step<'_>| (self.follow)(first, step);
        let documents: Vec<Input<'_>> = small.iter().map(|(.., name, bytes)| Input { name, bytes }).collect();
        let judged = judge_small(&documents, Judging { follow: &follow, ..self.judging });
        for ((no, ..), assessment) in small.iter().zip(judged) {
            done(*no, assessment.map(Scanned::from));
        }
        drop(documents);
        small.clear();
    }

    fn judge(&self, source: &Source, document: Document<'_>, limits: &Limits) -> Result<Scanned, JudgeError> {
        let follow = |step: Step<'_>| (self.follow)(source, step);
        judge(document, Judging { limits, follow: &follow, ..self.judging }).map(Scanned::from)
    }

    /// Opens an input and says how it is best scanned.
    fn open<'s>(&self, source: &Source, name: &'s str, id: &'s str) -> Opened<'s> {
        let mut limits = self.judging.limits.clone();
        let opened = match source {
            Source::File(path) => File::open(path).and_then(|file| Document::file(name, id, file, &limits)),
            Source::Stdin => Document::read(name, Box::new(stdin()), &limits),
            Source::Unreadable(_, reason) => Err(io::Error::other(reason.clone())),
        };
        let document = match opened {
            Ok(document) => document,
            Err(error) => return Opened::Unreadable(unreadable(name, error.to_string())),
        };
        match source {
            Source::File(path) if may_be_locked(document.head()) => {
                limits.passwords = self.passwords.beside(Some(path))
            }
            Source::File(_) => {
                return match document.small() {
                    Ok(bytes) => Opened::Small(bytes),
                    Err(large) => Opened::Large(large, limits),
                };
            }
            Source::Stdin | Source::Unreadable(..) => limits.passwords = self.passwords.beside(None),
        }
        Opened::Large(document, limits)
    }
}

impl From<Assessment> for Scanned {
    fn from(assessment: Assessment) -> Self {
        let unreadable = assessment.report.skipped.iter().any(|skip| skip.reason == SkipReason::Unreadable);
        Self { assessment, unreadable }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::confine::Reader;
    use crate::matching::tests::matcher;

    #[test]
    fn small_inputs_wait_for_one_another_and_never_for_a_large_one() {
        let folder = tempfile::tempdir().unwrap();
        let matcher = matcher(folder.path(), 0..10);
        let (limits, reader, passwords) = (Limits::default(), Reader::Here, Passwords::new(Vec::new(), &[]));
        let judging = Judging::new(&matcher, &limits, &reader);
        let scanning = Scanning { judging, passwords: &passwords, follow: &|_, _| {} };
        let file = |name: &str, lines: usize| {
            let path = folder.path().join(name);
            std::fs::write(&path, "a line of a letter\n".repeat(lines)).unwrap();
            Source::File(path)
        };
        let sources = [file("small", 3), file("as small", 4), file("large", 20_000), file("last", 5)];
        let (mut left, mut order) = (sources.iter().enumerate(), Vec::new());
        scanning.scan_all(|| left.next(), |no, scanned| order.push((no, scanned.unwrap().assessment.report.bytes)));
        assert_eq!(order, [(0, 57), (1, 76), (2, 380_000), (3, 95)]);
        for (source, (_, bytes)) in sources.iter().zip(order) {
            assert_eq!(scanning.scan(source).unwrap().assessment.report.bytes, bytes);
        }
    }
}
