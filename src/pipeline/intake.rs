//! Where collecting ends: posts go into the queue, cursors and seen revisions into the store.

use std::io::Read as _;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::spawn_blocking;

use crate::collect::{Cursor, Intake, Refused};
use crate::model::{Post, PostId, SiteId};
use crate::queue::{Opened, Queue, Sent, SpoolKey, seal};
use crate::store::{FilteredSeen, SeenPosts, Store, StoreError};
use crate::telemetry::{events, metrics};

/// A site keeps one cursor; what is in it is the affair of `collect`.
const WHOLE: &str = "";

/// Beside it, sealed: what keeps one logged in.
const SESSION: &str = "session";

/// The queue and the store, as collecting sees them.
#[derive(Clone)]
pub struct Inflow {
    queue: Arc<dyn Queue>,
    store: Arc<dyn Store>,
    seen: Arc<FilteredSeen>,
    /// Seals sessions: the first one; all open.
    keys: Arc<[SpoolKey]>,
}

impl Inflow {
    /// Posts go to `queue`; `seen` knows those whose verdict stands; sessions are kept under the first of `keys`.
    pub fn new(queue: Arc<dyn Queue>, store: Arc<dyn Store>, seen: Arc<FilteredSeen>, keys: Arc<[SpoolKey]>) -> Self {
        Self { queue, store, seen, keys }
    }

    /// Runs a call of the store where it may block.
    async fn in_store<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refused> {
        let store = Arc::clone(&self.store);
        let answer = spawn_blocking(move || call(&*store)).await;
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(refused(&error)),
            Err(_) => Err(Refused { why: "the store's thread ended".to_owned() }),
        }
    }
}

fn refused(error: &dyn std::error::Error) -> Refused {
    Refused { why: events::Chain(error).to_string() }
}

impl Intake for Inflow {
    async fn accept(&self, post: Post) -> Result<(), Refused> {
        let (site, id) = (post.site.clone(), post.id.clone());
        let (documents, bytes) = (post.documents().count(), post.size());
        match self.queue.send(post).await {
            Ok(Sent::Accepted) => events::post_accepted(&site, &id, documents, bytes),
            Ok(Sent::AlreadyThere) => {}
            Err(error) => return Err(refused(&error)),
        }
        metrics().queue_posts.set(self.queue.depth().posts as i64);
        Ok(())
    }

    async fn known(&self, id: &PostId) -> Option<[u8; 32]> {
        if self.seen.certainly_new(id) {
            return None;
        }
        let (seen, id) = (Arc::clone(&self.seen), id.clone());
        // A store that cannot answer makes the post look new: it is judged again, which changes nothing.
        spawn_blocking(move || seen.seen_revision(&id)).await.ok()?.ok()?
    }

    async fn load_cursor(&self, site: &SiteId) -> Option<Cursor> {
        let site = site.clone();
        let cursor = self.in_store(move |store| store.cursor(&site, WHOLE)).await.ok()??;
        Some(Cursor(cursor.bytes))
    }

    async fn load_session(&self, site: &SiteId) -> Option<Vec<u8>> {
        let (named, keys) = (site.clone(), Arc::clone(&self.keys));
        let sealed = self.in_store(move |store| store.cursor(&named, SESSION)).await.ok()??;
        let bound_to = *blake3::hash(site.as_str().as_bytes()).as_bytes();
        // Under a key that is gone, or damaged: one logs in again.
        keys.iter().find_map(|key| {
            let mut clear = Vec::new();
            Opened::new(key, &bound_to, sealed.bytes.as_slice()).ok()?.read_to_end(&mut clear).ok()?;
            Some(clear)
        })
    }

    async fn save_session(&self, site: &SiteId, session: Vec<u8>) -> Result<(), Refused> {
        let Some(key) = self.keys.first() else { return Ok(()) };
        let bound_to = *blake3::hash(site.as_str().as_bytes()).as_bytes();
        let (session, mut bytes) = (zeroize::Zeroizing::new(session), Vec::new());
        seal(key, &bound_to, &[&*session], &mut bytes).map_err(|error| refused(&error))?;
        let (site, cursor) = (site.clone(), crate::store::Cursor { bytes });
        self.in_store(move |store| store.put_cursor(&site, SESSION, &cursor, Timestamp::now())).await
    }

    async fn save_cursor(&self, site: &SiteId, cursor: &Cursor) -> Result<(), Refused> {
        let (site, cursor) = (site.clone(), crate::store::Cursor { bytes: cursor.0.clone() });
        self.in_store(move |store| store.put_cursor(&site, WHOLE, &cursor, Timestamp::now())).await
    }
}
