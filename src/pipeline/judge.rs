//! One document from bytes to assessment: extract → match → attribute. The same for the service and for `vigie scan`.

use jiff::civil::Date;

use super::document::Document;
use crate::attribute::{Context, DocumentFacts, attribute};
use crate::extract::Limits;
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
    /// Whether the records' own keys are decrypted.
    pub refs: bool,
    /// The day it is.
    pub today: Date,
}

/// Judges one document. Large plain ones use all threads of the rayon pool this is called in.
///
/// # Errors
/// If an index turned out to be damaged while it was needed: nothing may be concluded; drop it and judge again.
pub fn judge(document: Document<'_>, judging: Judging<'_>) -> Result<Assessment, Damaged> {
    let name = document.name.to_owned();
    let reading = document.scan(judging.matcher, judging.limits);
    let facts = DocumentFacts {
        name,
        blake3: reading.hash.to_hex().to_string(),
        bytes: reading.scan.bytes(),
        skipped: reading.scan.skipped().to_vec(),
    };
    let finding = judging.matcher.finish(reading.scan, judging.refs)?;
    Ok(attribute(&finding, facts, Context { today: judging.today }))
}
