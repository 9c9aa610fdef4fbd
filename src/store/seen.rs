//! Posts already judged: what keeps an unchanged post from being read and judged again.
//!
//! [`SeenPosts`] is the truth; [`FilteredSeen`] stands in front of it and answers "certainly not seen", by far the
//! commonest answer, without touching the disk.

use std::sync::{Arc, RwLock};

use bloomfilter::Bloom;
use jiff::Timestamp;

use super::StoreError;
use crate::model::PostId;

/// A post whose verdict stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenMark {
    /// The post.
    pub post: PostId,
    /// The revision that was judged.
    pub revision: [u8; 32],
    /// When. First and last are kept.
    pub at: Timestamp,
}

/// The posts whose verdict stands. Marks are made inside [`super::IncidentTx`], with the verdict.
pub trait SeenPosts: Send + Sync {
    /// The revision of the post that was last judged; `None` when it has never been.
    ///
    /// # Errors
    /// When the store fails.
    fn seen_revision(&self, post: &PostId) -> Result<Option<[u8; 32]>, StoreError>;

    /// Calls `each` with every post seen, in no order.
    ///
    /// # Errors
    /// When the store fails.
    fn each_seen(&self, each: &mut dyn FnMut(&PostId)) -> Result<(), StoreError>;

    /// Forgets posts last seen before `before`; returns how many. Sites list recent posts only, so what has not been
    /// listed for long will not come again.
    ///
    /// # Errors
    /// When the store fails.
    fn forget_seen(&self, before: Timestamp) -> Result<u64, StoreError>;
}

/// A Bloom filter in front of a [`SeenPosts`].
///
/// Keys keep coming, which is what a Bloom filter is for (the index prefilter, built once, is another structure). A
/// filter that says "perhaps" asks the table, so a false positive costs one look-up and never an answer. The filter
/// must hear of every mark: it serves where one process judges posts, not where several share a table.
pub struct FilteredSeen {
    table: Arc<dyn SeenPosts>,
    filter: RwLock<Filter>,
}

struct Filter {
    bloom: Bloom<str>,
    /// Keys put in since the filter was built.
    keys: usize,
    /// Keys for which the rate of false positives was chosen.
    capacity: usize,
}

/// One look-up in a hundred for nothing is no cost worth more memory: 1.2 bytes a key.
const FALSE_POSITIVES: f64 = 0.01;

impl Filter {
    fn read(table: &dyn SeenPosts, capacity: usize) -> Result<Self, StoreError> {
        let mut keys = 0;
        table.each_seen(&mut |_| keys += 1)?;
        let capacity = capacity.max(keys * 2).max(1024);
        let bloom = Bloom::new_for_fp_rate(capacity, FALSE_POSITIVES)
            .map_err(|reason| StoreError::Refused(format!("the filter of seen posts cannot be made: {reason}")))?;
        let mut filter = Self { bloom, keys: 0, capacity };
        table.each_seen(&mut |post| filter.add(post))?;
        Ok(filter)
    }

    fn add(&mut self, post: &PostId) {
        if !self.bloom.check_and_set(post.0.as_str()) {
            self.keys += 1;
        }
    }
}

impl FilteredSeen {
    /// Reads the table once and builds a filter for at least `expected` posts.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn new(table: Arc<dyn SeenPosts>, expected: usize) -> Result<Self, StoreError> {
        let filter = RwLock::new(Filter::read(&*table, expected)?);
        Ok(Self { table, filter })
    }

    /// Tells the filter of a post that is being marked. Call it *before* the mark is committed: a filter that says
    /// "perhaps" too early is harmless, one that says "never" too late is not.
    pub fn note(&self, post: &PostId) {
        self.filter.write().unwrap_or_else(std::sync::PoisonError::into_inner).add(post);
    }

    /// Builds the filter anew when it has outgrown its size or old posts were forgotten. Returns whether it did.
    /// Marks made meanwhile must not be lost: nobody may mark while this runs.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn rebuild_if_full(&self) -> Result<bool, StoreError> {
        let mut filter = self.filter.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if filter.keys <= filter.capacity {
            return Ok(false);
        }
        *filter = Filter::read(&*self.table, filter.capacity)?;
        Ok(true)
    }

    /// Whether the filter alone rules the post out.
    #[must_use]
    pub fn certainly_new(&self, post: &PostId) -> bool {
        !self.filter.read().unwrap_or_else(std::sync::PoisonError::into_inner).bloom.check(post.0.as_str())
    }
}

impl SeenPosts for FilteredSeen {
    fn seen_revision(&self, post: &PostId) -> Result<Option<[u8; 32]>, StoreError> {
        if self.certainly_new(post) { Ok(None) } else { self.table.seen_revision(post) }
    }

    fn each_seen(&self, each: &mut dyn FnMut(&PostId)) -> Result<(), StoreError> {
        self.table.each_seen(each)
    }

    fn forget_seen(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.table.forget_seen(before)
    }
}
