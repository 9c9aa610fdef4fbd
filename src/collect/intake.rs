//! What collecting needs from whoever takes the posts. `pipeline` implements it over the queue and the store.

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::{Post, PostId, SiteId};

/// Where the time comes from; tests give their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(Timestamp::now)
}

/// What a site's reader remembers between visits. Owned by `collect`: others keep the bytes and give them back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub Vec<u8>);

/// Why a post was not taken. The reader keeps it unread and offers it again at the next visit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the post was not taken ({why})")]
pub struct Refused {
    /// The cause: the queue is full, the disk is.
    pub why: String,
}

/// Takes posts and keeps cursors.
pub trait Intake: Send + Sync + 'static {
    /// Takes a post. Returns once it is queued durably: after that the reader may forget it. May wait while the queue
    /// is full; that is how the matching side slows collecting down. The future is never dropped half-way.
    fn accept(&self, post: Post) -> impl Future<Output = Result<(), Refused>> + Send;

    /// The revision of this post that was last accepted.
    fn known(&self, id: &PostId) -> impl Future<Output = Option<[u8; 32]>> + Send;

    /// The cursor last saved for a site.
    fn load_cursor(&self, site: &SiteId) -> impl Future<Output = Option<Cursor>> + Send;

    /// What was kept of being logged in to a site. Default: nothing is kept.
    fn load_session(&self, site: &SiteId) -> impl Future<Output = Option<Vec<u8>>> + Send {
        let _ = site;
        std::future::ready(None)
    }

    /// Keeps what is needed to stay logged in: secret, to be sealed before it is written anywhere.
    fn save_session(&self, site: &SiteId, session: Vec<u8>) -> impl Future<Output = Result<(), Refused>> + Send {
        let _ = (site, session);
        std::future::ready(Ok(()))
    }

    /// Keeps a site's cursor, replacing the one before.
    fn save_cursor(&self, site: &SiteId, cursor: &Cursor) -> impl Future<Output = Result<(), Refused>> + Send;
}
