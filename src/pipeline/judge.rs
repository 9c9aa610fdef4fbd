//! One document from bytes to assessment: extract → match → attribute. The same for the service and for `vigie scan`.

use jiff::civil::Date;

use super::checkpoint::Checkpoints;
use super::document::{Document, Reading};
use crate::attribute::{Context, DocumentFacts, attribute};
use crate::confine::{ConfineError, Reader};
use crate::extract::{Input, Limits};
use crate::fingerprint::Damaged;
use crate::matching::Matcher;
use crate::model::Assessment;

/// How documents are judged: what does not change from one to the next.
#[derive(Clone, Copy)]
pub struct Judging<'a> {
    /// What they are held against.
    pub matcher: &'a Matcher,
    /// What one may cost.
    pub limits: &'a Limits,
    /// Who reads what must be decoded.
    pub reader: &'a Reader,
    /// Whether the records' own keys are decrypted.
    pub refs: bool,
    /// The day it is.
    pub today: Date,
    /// Who is told how it goes.
    pub follow: &'a (dyn Fn(Step<'_>) + Sync),
    /// Where what is known of long documents is kept while they are read.
    pub checkpoints: Option<&'a Checkpoints>,
}

impl<'a> Judging<'a> {
    /// Today, without references, telling nobody and keeping nothing.
    #[must_use]
    pub fn new(matcher: &'a Matcher, limits: &'a Limits, reader: &'a Reader) -> Self {
        let today = jiff::Zoned::now().date();
        Self { matcher, limits, reader, refs: false, today, follow: &|_| {}, checkpoints: None }
    }
}

/// What happens while a document is read.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// So many more bytes of it, as received, are done with.
    Read(u64),
    /// Its reading goes on behind so many bytes that were read before.
    Resumed(u64),
    /// What is known of it could not be kept: were it interrupted now, it would have to go back further.
    NotKept(&'a std::io::Error),
}

/// Why nothing may be concluded of a document yet.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// An index turned out to be damaged while it was needed: drop it and judge again.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// Nobody could read it: judge again later.
    #[error(transparent)]
    Unread(#[from] ConfineError),
}

/// Judges one document. Large plain ones use all threads of the rayon pool this is called in.
///
/// # Errors
/// If nothing may be concluded.
pub fn judge(document: Document<'_>, judging: Judging<'_>) -> Result<Assessment, JudgeError> {
    let name = document.name;
    conclude(name, document.scan(judging)?, judging)
}

/// Judges small documents (see [`Document::small`]) one after another, in their order. They are handed to the reader
/// together: waking it up for each would cost more than the reading.
pub fn judge_small(documents: &[Input<'_>], judging: Judging<'_>) -> Vec<Result<Assessment, JudgeError>> {
    let mut ahead = judging.reader.ahead(documents, judging.limits);
    let one = |document: &Input<'_>| {
        let reading = Reading::of_small(document.bytes, judging, |scan| ahead.next(scan))?;
        conclude(document.name, reading, judging)
    };
    documents.iter().map(one).collect()
}

/// What is to be said of a document that was read.
fn conclude(name: &str, mut reading: Reading<'_>, judging: Judging<'_>) -> Result<Assessment, JudgeError> {
    reading.scan.close();
    let facts = DocumentFacts {
        name: name.to_owned(),
        blake3: reading.hash.to_hex().to_string(),
        bytes: reading.scan.bytes(),
        skipped: reading.scan.skipped().to_vec(),
    };
    let finding = judging.matcher.finish(reading.scan, judging.refs)?;
    Ok(attribute(&finding, facts, Context { today: judging.today }))
}
