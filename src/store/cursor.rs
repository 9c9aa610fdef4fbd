//! Where reading of a site stands. What a cursor holds is the affair of the engine that wrote it.

use jiff::Timestamp;

use super::StoreError;
use crate::model::SiteId;

/// How far a site has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Opaque to everybody but the engine that wrote it: position, validators of conditional requests, what was listed.
    pub bytes: Vec<u8>,
}

/// The cursors of all sites, by key. A site may keep several, each under a `part` of its own (`""` for the only one).
pub trait Cursors: Send + Sync {
    /// The cursor last put, if any.
    ///
    /// # Errors
    /// When the store fails.
    fn cursor(&self, site: &SiteId, part: &str) -> Result<Option<Cursor>, StoreError>;

    /// Keeps a cursor. Call it only once every post it stands for has been accepted by the queue.
    ///
    /// # Errors
    /// When the store fails; the former cursor stands.
    fn put_cursor(&self, site: &SiteId, part: &str, cursor: &Cursor, at: Timestamp) -> Result<(), StoreError>;

    /// Forgets all cursors of a site, so that it is read anew.
    ///
    /// # Errors
    /// When the store fails.
    fn drop_cursors(&self, site: &SiteId) -> Result<(), StoreError>;
}
