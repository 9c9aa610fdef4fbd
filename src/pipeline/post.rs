//! One post from its parts to verdicts: each document is judged, and an index that turns out to be damaged is taken out
//! of use before anything is concluded.

use std::sync::Arc;

use jiff::{Timestamp, Zoned};

use super::document::Document;
use super::engine::Engine;
use super::flow::Flow;
use super::judge::{JudgeError, Judging, judge};
use crate::alert::{Judged, PostFacts};
use crate::extract::{Limits, passwords_in};
use crate::fingerprint::Damaged;
use crate::model::{Assessment, Attachment, Post};
use crate::telemetry::events;

/// Indexes that may turn out to be damaged under one post before it is given back: more is no accident of the disk.
const MAX_DAMAGED: usize = 8;

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
            matcher: &engine.matcher,
            limits: &limits,
            reader: &self.reader,
            refs: false,
            today: Zoned::now().date(),
        };
        let mut assessments = Vec::new();
        for document in post.documents() {
            let started = std::time::Instant::now();
            let name = format!("{}/{}", post.id, document.name);
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
        let text = |part: &Attachment| String::from_utf8_lossy(&part.bytes).into_owned();
        let mut passwords = Vec::new();
        if !post.attachments.is_empty() {
            passwords = passwords_in(&text(&post.body));
        }
        Limits { passwords, ..self.limits.clone() }
    }
}
