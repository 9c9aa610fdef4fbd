//! Posts that were read and are no longer there: how that is noticed and recorded.

use std::collections::HashSet;

use super::cursor::{Deleted, Seen};
use super::intake::Intake;
use super::page::Entry;
use super::web::WebVisit;
use crate::telemetry::events;

impl<I: Intake> WebVisit<'_, I> {
    /// Posts of a thread that was read whole, and that it no longer shows, are gone.
    pub(super) fn forget_deleted(&mut self, entry: &Entry, seen: &mut Seen, shown: Option<HashSet<u64>>) {
        let Some(shown) = shown else { return };
        let before = seen.posts.len();
        seen.posts.retain(|id, _| shown.contains(id));
        if seen.posts.len() < before {
            self.note_deleted(entry, before - seen.posts.len());
        }
    }

    /// Records that posts which were read before are no longer there.
    pub(super) fn note_deleted(&mut self, entry: &Entry, posts: usize) {
        let (what, at) = (self.visitor.post_id(&entry.key), self.visitor.now());
        events::posts_deleted(&self.visitor.site.id, &what, posts);
        self.memory.note_deleted(Deleted { at, what: what.0, posts: posts as u64 });
    }
}
