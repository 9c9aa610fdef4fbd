//! Between `collect` and the verdict: posts wait here, durable and encrypted, until their verdict is committed.
//!
//! One trait; [`local`] keeps posts on this machine. What a post says is decided elsewhere: the queue only promises
//! that an accepted post comes out at least once, again after a crash, until it is acknowledged, and that nothing of
//! it stays on disk afterwards.

pub mod local;
pub(crate) mod seal;
mod settings;
mod wire;

#[cfg(test)]
pub(crate) mod contract;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

pub use local::LocalQueue;
pub use seal::{Opened, SpoolKey, seal};
pub use settings::{QueueSettings, RawQueueSettings};

use crate::model::Post;

/// What became of a post that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is in the queue, durably.
    Accepted,
    /// The same revision of the same post was waiting already.
    AlreadyThere,
}

/// Names one delivery, for [`Queue::ack`] and [`Queue::nack`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receipt(pub(crate) i64);

/// A post to be judged.
#[derive(Debug)]
#[must_use = "a delivery that is neither acknowledged nor refused comes again only after a restart"]
pub struct Delivery {
    /// To settle it with.
    pub receipt: Receipt,
    /// The post.
    pub post: Post,
    /// 1 the first time, one more each time it comes again.
    pub attempt: u32,
}

/// What became of a delivery that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Refused {
    /// It comes again.
    Requeued,
    /// It came too often: it is kept aside, encrypted, until somebody looks or it grows old.
    Quarantined,
}

/// How full the queue is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Posts waiting or being judged.
    pub posts: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Posts kept aside.
    pub quarantined: u64,
}

/// A post kept aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// To release it with.
    pub receipt: Receipt,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// How large it is.
    pub bytes: u64,
}

/// Why the queue could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// No room on the disk: the post was not accepted, its site's cursor must not move.
    #[error("no room left for the queue; hint: free disk space, the post is read again later")]
    Full,
    /// The post alone is larger than the whole queue may be.
    #[error("a post of {bytes} bytes is larger than the queue may be ({limit}); hint: raise queue.max_bytes")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The queue is closing; what it holds is there at the next start.
    #[error("the queue is closed")]
    Closed,
    /// The spool cannot be opened.
    #[error("cannot open the queue in {}; hint: check that the folder is writable and on a local disk", path.display())]
    Open {
        /// Its folder.
        path: std::path::PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A later vigie has written here.
    #[error(
        "the queue has format {found}, this vigie knows up to {known}; hint: run the newer vigie until its queue is empty"
    )]
    NewerFormat {
        /// Version found.
        found: i64,
        /// Newest version known.
        known: i64,
    },
    /// The disk or the database failed.
    #[error("the queue's spool failed")]
    Spool(#[source] Cause),
}

/// An error that several callers are told of: those whose posts were written together.
#[derive(Debug, Clone)]
pub struct Cause(std::sync::Arc<dyn std::error::Error + Send + Sync>);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Send, receive, acknowledge.
///
/// Several tasks may do each at once. Posts come out roughly in the order they went in.
pub trait Queue: Send + Sync {
    /// Accepts a post: when this returns `Ok`, the post survives a crash. Waits while the queue is full. The same
    /// revision of a post that waits already is not taken twice.
    fn send(&self, post: Post) -> BoxFuture<'_, Result<Sent, QueueError>>;

    /// The next post, waiting for one; `None` once the queue is closed. Dropping the future before it is ready loses
    /// nothing.
    fn receive(&self) -> BoxFuture<'_, Result<Option<Delivery>, QueueError>>;

    /// The post's verdict is committed: it leaves the queue and the disk. Acknowledging twice changes nothing.
    fn ack(&self, receipt: Receipt) -> BoxFuture<'_, Result<(), QueueError>>;

    /// The post could not be judged: it comes again after the others, or is kept aside after the attempts allowed.
    /// `reason` is kept: never a value.
    fn nack<'a>(&'a self, receipt: Receipt, reason: &'a str) -> BoxFuture<'a, Result<Refused, QueueError>>;

    /// How full it is.
    fn depth(&self) -> Depth;

    /// Ends receiving: every `receive`, waiting or to come, answers `None`; `send` refuses; deliveries that are out can
    /// still be settled. What waits is there at the next start.
    fn close(&self);
}
