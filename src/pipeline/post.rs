//! One post from its parts to verdicts: each document is judged, and an index that turns out to be damaged is taken out
//! of use before anything is concluded.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::document::Document;
use super::engine::Engine;
use super::flow::Flow;
use super::judge::{JudgeError, Judging, Step, judge};
use crate::alert::{Judged, PostFacts};
use crate::extract::{Limits, may_be_locked, passwords_in};
use crate::fingerprint::Damaged;
use crate::model::{Assessment, Attachment, Post, Sensitive};
use crate::telemetry::events;

/// Indexes that may turn out to be damaged under one post before it is given back: more is no accident of the disk.
const MAX_DAMAGED: usize = 8;
/// Texts of a post that are looked through for passwords.
const MAX_TEXTS: usize = 32;
/// Bytes of each.
const MAX_TEXT: usize = 1 << 20;
/// How often the progress of a long document is told.
const TOLD: Duration = Duration::from_secs(10);

impl Flow {
    /// Judges all documents of a post against one set of watchlists.
    ///
    /// # Errors
    /// If indexes keep turning out to be damaged, or no reader can be had.
    pub(super) fn judge_post(&self, post: &Post) -> Result<Judged, JudgeError> {
        for _ in 0..MAX_DAMAGED {
            let engine = self.current.get();
            match self.judge_against(&engine, post) {
                Ok(documents) => return Ok(Judged { post: PostFacts::from(post), at: Timestamp::now(), documents }),
                Err(JudgeError::Damaged(_)) => self.current.drop_damaged(&engine, &self.sources),
                Err(unread) => return Err(unread),
            }
        }
        Err(Damaged.into())
    }

    fn judge_against(&self, engine: &Arc<Engine>, post: &Post) -> Result<Vec<Assessment>, JudgeError> {
        let limits = self.limits_for(post);
        let judging = Judging {
            checkpoints: self.checkpoints.as_deref(),
            ..Judging::new(&engine.matcher, &limits, &self.reader)
        };
        let mut assessments = Vec::new();
        for document in post.documents() {
            let started = Instant::now();
            let name = name_of(post, document);
            let followed = Followed::new(post, document.bytes.len());
            let judging = Judging { follow: &|step| followed.follow(step), ..judging };
            let assessment = judge(Document::new(&name, &document.bytes), judging)?;
            events::document_judged(&post.site, &post.id, &assessment.report, started.elapsed());
            assessments.push(assessment);
        }
        // What could not be fetched is part of what was not read: it is told with the first document.
        if let Some(first) = assessments.first_mut() {
            first.report.skipped.extend(post.skipped.iter().cloned());
        }
        for skip in &post.skipped {
            events::content_skipped(&post.id, skip);
        }
        Ok(assessments)
    }

    /// The limits, with the passwords that the post itself gives for its archives.
    fn limits_for(&self, post: &Post) -> Limits {
        Limits { passwords: passwords_of(post), ..self.limits.clone() }
    }

    /// The verdict on the post stands: what was kept while it was read is not needed any more.
    pub(super) fn forget_checkpoints(&self, post: &Post) {
        let Some(checkpoints) = &self.checkpoints else { return };
        for document in post.documents() {
            checkpoints.forget(&name_of(post, document));
        }
    }
}

/// The name that reports and checkpoints give a document.
fn name_of(post: &Post, document: &Attachment) -> String {
    format!("{}/{}", post.id, document.name)
}

/// What the post says that may open its archives: in its text, its title, and the texts that hang on it.
fn passwords_of(post: &Post) -> Vec<Sensitive<String>> {
    if !post.documents().any(|part| may_be_locked(&part.bytes)) {
        return Vec::new();
    }
    let title = post.title.as_deref().map(str::as_bytes);
    let texts = post.documents().map(|part| part.bytes.as_slice()).filter(|bytes| !may_be_locked(bytes));
    let mut found: Vec<Sensitive<String>> = Vec::new();
    for text in texts.chain(title).take(MAX_TEXTS) {
        let text = String::from_utf8_lossy(&text[..text.len().min(MAX_TEXT)]);
        for password in passwords_in(&text) {
            if !found.iter().any(|known| known.expose() == password.expose()) {
                found.push(password);
            }
        }
    }
    found
}

/// How the reading of one document is told.
struct Followed<'a> {
    post: &'a Post,
    bytes: u64,
    /// Bytes done with, and when that was told last.
    state: Mutex<(u64, Instant)>,
}

impl<'a> Followed<'a> {
    fn new(post: &'a Post, bytes: usize) -> Self {
        Self { post, bytes: bytes as u64, state: Mutex::new((0, Instant::now())) }
    }

    fn follow(&self, step: Step<'_>) {
        match step {
            Step::Read(bytes) => {
                events::bytes_done(bytes);
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.0 += bytes;
                if state.1.elapsed() >= TOLD {
                    state.1 = Instant::now();
                    events::document_progress(&self.post.id, state.0, self.bytes);
                }
            }
            Step::Resumed(bytes) => events::document_resumed(&self.post.id, bytes, self.bytes),
            Step::NotKept(error) => events::checkpoint_failed(&self.post.id, error),
        }
    }
}
