//! Parts of one file that stand on several posts of a thread, or are several entries of a listing: `dump.zip.001` today,
//! `.002` tomorrow.
//!
//! No bytes are kept for parts to come. What is remembered is where each part was read, by the file's name, its author and
//! the thread or listing; when the parts on hand make a whole without gaps they are fetched once more, joined, and handed on
//! as a post of its own. A further part later makes it a further revision of that post.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

use super::assemble::{exchange, text_document};
use super::cursor::{MAX_TRIES, Memory};
use super::intake::Intake;
use super::page::mark;
use super::parts::{MAX_PARTS, part_of};
use super::visit::Stop;
use super::web::{Reading, WebVisit};
use crate::model::{Attachment, Post, Skip, SkipReason};
use crate::net::Answer;

/// Series remembered of a site; the one that grew longest ago is forgotten first.
const MAX_SERIES: usize = 100;
/// Series joined at one visit.
const MAX_JOINED: usize = 3;

/// The parts of one file, as far as they have been seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Series {
    name: String,
    author: Option<String>,
    title: Option<String>,
    /// Where each part was read, by its number.
    parts: BTreeMap<u32, String>,
    /// Mark of the parts that were joined last.
    joined: u64,
    /// Tries to join them that failed.
    tries: u8,
    /// The visit at which it last grew.
    visit: u64,
}

/// A part that was read with a post: the name it came with, and where from.
pub(super) type Piece = (String, Url);

impl Series {
    fn mark(&self) -> u64 {
        mark(self.parts.values().map(String::as_str))
    }

    /// Whether the parts make a whole that was not joined yet.
    fn due(&self) -> bool {
        let (Some(first), Some(last)) = (self.parts.keys().next(), self.parts.keys().next_back()) else { return false };
        let whole = *first <= 1 && (last - first) as usize + 1 == self.parts.len() && self.parts.len() >= 2;
        whole && self.joined != self.mark() && self.tries < MAX_TRIES
    }
}

impl Memory {
    /// Remembers parts that were read with a post. `scope` is the thread or listing that they stand in.
    pub(super) fn note_pieces(&mut self, scope: &str, post: &Post, pieces: &[Piece]) {
        for (name, url) in pieces {
            let Some((whole, style, number)) = part_of(name) else { continue };
            let author = post.author.as_deref().unwrap_or_default();
            let visit = self.visit;
            let series = self.series.entry(mark([scope, author, whole, style])).or_default();
            if series.parts.get(&number).is_some_and(|known| known == url.as_str()) || series.parts.len() >= MAX_PARTS {
                continue;
            }
            series.name = whole.to_owned();
            (series.author, series.title) = (post.author.clone(), post.title.clone());
            series.parts.insert(number, url.to_string());
            (series.visit, series.tries) = (visit, 0);
            self.dirty = true;
        }
        while self.series.len() > MAX_SERIES {
            let oldest = self.series.iter().min_by_key(|(_, series)| series.visit).map(|(key, _)| *key);
            oldest.map(|key| self.series.remove(&key));
        }
    }
}

impl<I: Intake> WebVisit<'_, I> {
    /// Joins the series that have become whole.
    pub(super) async fn join_series(&mut self) -> Result<(), Stop> {
        let due: Vec<u64> = self.memory.series.iter().filter(|(_, s)| s.due()).map(|(key, _)| *key).collect();
        for key in due.into_iter().take(MAX_JOINED) {
            let Some(series) = self.memory.series.get(&key).cloned() else { continue };
            let joined = self.join(key, &series).await;
            let Some(kept) = self.memory.series.get_mut(&key) else { continue };
            match &joined {
                Ok(()) => kept.joined = series.mark(),
                Err(Stop::Cancelled | Stop::Refused(_)) => return joined,
                // What is gone cannot be joined any more.
                Err(stop) if stop.transient() => kept.tries = kept.tries.saturating_add(1),
                Err(_) => kept.tries = MAX_TRIES,
            }
            self.memory.dirty = true;
        }
        Ok(())
    }

    async fn join(&mut self, key: u64, series: &Series) -> Result<(), Stop> {
        let mut left = self.post_budget();
        let (mut bytes, mut held, mut exchanges, mut skipped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for part in series.parts.values().filter_map(|part| Url::parse(part).ok()) {
            let max = self.visitor.site.max_body.min(left);
            let answer = self.visitor.fetch(self.web, self.session, part, Default::default(), max).await?;
            let Answer::Content(mut content) = answer else { continue };
            exchanges.push(exchange(&content, self.visitor.now()));
            left = left.saturating_sub(content.bytes.len());
            bytes.append(&mut content.bytes);
            held.push(content.held);
            if content.truncated {
                // What would follow does not fit behind what was cut.
                let detail = format!("cut after {} bytes", bytes.len());
                skipped.push(Skip::new(series.name.clone(), SkipReason::TooLarge, detail));
                break;
            }
        }
        let now = self.visitor.now();
        let first = series.parts.values().next().cloned().unwrap_or_default();
        let post = Post {
            id: self.visitor.post_id(&format!("parts:{key:016x}")),
            revision: [0; 32],
            site: self.visitor.site.id.clone(),
            url: first,
            title: series.title.clone().or_else(|| Some(series.name.clone())),
            author: series.author.clone(),
            posted_at: None,
            seen_at: now,
            fetched_at: now,
            body: text_document(""),
            attachments: vec![Attachment { name: series.name.clone(), media_type: None, bytes }],
            skipped,
            exchanges,
        };
        self.outcome.sight.accepted += u64::from(self.visitor.deliver(post).await?);
        drop(held);
        Ok(())
    }

    /// What parts of a file belong to: the thread, or the listing where each is an entry of its own.
    pub(super) fn scope(&self, reading: &Reading<'_>) -> String {
        let threaded = self.web.post.is_some() && reading.entry.raw.is_empty();
        if threaded { reading.entry.key.clone() } else { reading.listing.path().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(numbers: &[u32]) -> Series {
        let parts = numbers.iter().map(|n| (*n, format!("https://x.example/{n}"))).collect();
        Series { parts, ..Series::default() }
    }

    #[test]
    fn a_series_is_due_when_no_part_is_missing_and_once() {
        for (numbers, due) in
            [(&[1, 2, 3][..], true), (&[0, 1], true), (&[1, 3], false), (&[2, 3], false), (&[1], false), (&[], false)]
        {
            assert_eq!(series(numbers).due(), due, "{numbers:?}");
        }
        let mut whole = series(&[1, 2]);
        whole.joined = whole.mark();
        assert!(!whole.due());
        whole.parts.insert(3, "https://x.example/3".into());
        assert!(whole.due(), "a further part makes it due again");
        whole.tries = MAX_TRIES;
        assert!(!whole.due());
    }
}
