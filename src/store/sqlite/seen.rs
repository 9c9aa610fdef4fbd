//! Seen posts in SQLite.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{SqliteStore, micros};
use crate::model::PostId;
use crate::store::{SeenMark, SeenPosts, StoreError};

pub fn mark(tx: &rusqlite::Connection, mark: &SeenMark) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO seen (post, revision, first_at, last_at) VALUES (?1, ?2, ?3, ?3)
         ON CONFLICT (post) DO UPDATE SET revision = excluded.revision, last_at = max(last_at, excluded.last_at)",
    )?
    .execute(params![mark.post.0, mark.revision.as_slice(), micros(mark.at)])?;
    Ok(())
}

impl SeenPosts for SqliteStore {
    fn seen_revision(&self, post: &PostId) -> Result<Option<[u8; 32]>, StoreError> {
        let reader = self.reader();
        let mut query = reader.prepare_cached("SELECT revision FROM seen WHERE post = ?1")?;
        Ok(query.query_row([&post.0], |row| row.get(0)).optional()?)
    }

    fn each_seen(&self, each: &mut dyn FnMut(&PostId)) -> Result<(), StoreError> {
        let reader = self.reader();
        let mut query = reader.prepare_cached("SELECT post FROM seen")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            each(&PostId(row.get(0)?));
        }
        Ok(())
    }

    fn forget_seen(&self, before: Timestamp) -> Result<u64, StoreError> {
        let forgotten = self.writer().execute("DELETE FROM seen WHERE last_at < ?1", [micros(before)])?;
        Ok(forgotten as u64)
    }
}
