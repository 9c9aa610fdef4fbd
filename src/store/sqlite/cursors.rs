//! Site cursors in SQLite.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{SqliteStore, micros};
use crate::model::SiteId;
use crate::store::{Cursor, Cursors, StoreError};

impl Cursors for SqliteStore {
    fn cursor(&self, site: &SiteId, part: &str) -> Result<Option<Cursor>, StoreError> {
        let reader = self.reader();
        let mut query = reader.prepare_cached("SELECT bytes FROM cursor WHERE site = ?1 AND part = ?2")?;
        let bytes = query.query_row([site.as_str(), part], |row| row.get(0)).optional()?;
        Ok(bytes.map(|bytes| Cursor { bytes }))
    }

    fn put_cursor(&self, site: &SiteId, part: &str, cursor: &Cursor, at: Timestamp) -> Result<(), StoreError> {
        self.writer()
            .prepare_cached("INSERT OR REPLACE INTO cursor (site, part, bytes, at) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![site.as_str(), part, cursor.bytes, micros(at)])?;
        Ok(())
    }

    fn drop_cursors(&self, site: &SiteId) -> Result<(), StoreError> {
        self.writer().execute("DELETE FROM cursor WHERE site = ?1", [site.as_str()])?;
        Ok(())
    }
}
