//! The local queue's spool: a SQLite file of its own, so that its churn of payloads never stands in the way of alerts.
//!
//! Only rows and transactions here; the order of things, leases and encryption are the affair of `queue::local`.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::{from_micros, micros, open};
use crate::store::StoreError;

const STEPS: &[&str] = &[include_str!("spool_1.sql")];

/// Where a sealed post lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// In the row.
    Inline(Vec<u8>),
    /// In a file of this name in the spool's folder.
    File(String),
}

/// A post as it lies in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpooledPost {
    /// Its number, never used twice.
    pub seq: i64,
    /// What tells it from every other revision of every post.
    pub key: [u8; 32],
    /// Its place in the order of handing out.
    pub turn: i64,
    /// Size in clear.
    pub bytes: u64,
    /// Hand-outs that ended neither way: each is a crash while it was out.
    pub starts: u32,
    /// Times it was refused.
    pub refusals: u32,
    /// Its sealed bytes.
    pub payload: Payload,
}

/// A post kept aside, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsidePost {
    /// Its number.
    pub seq: i64,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// Size in clear.
    pub bytes: u64,
}

/// The spool's file, opened by its one writer.
pub struct Spool {
    connection: Connection,
}

/// One transaction on the spool; rolled back unless committed.
pub struct SpoolTx<'s>(Transaction<'s>);

const COLUMNS: &str = "seq, key, turn, bytes, starts, refusals, file, payload";

fn spooled(row: &Row<'_>) -> rusqlite::Result<SpooledPost> {
    let payload = match row.get(6)? {
        Some(file) => Payload::File(file),
        None => Payload::Inline(row.get(7)?),
    };
    Ok(SpooledPost {
        seq: row.get(0)?,
        key: row.get(1)?,
        turn: row.get(2)?,
        bytes: row.get::<_, i64>(3)? as u64,
        starts: row.get(4)?,
        refusals: row.get(5)?,
        payload,
    })
}

impl Spool {
    /// Opens the file, creating it if need be.
    ///
    /// # Errors
    /// When it cannot be opened, is damaged, or a later vigie has written to it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: open::open(path, STEPS)? })
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub fn begin(&mut self) -> Result<SpoolTx<'_>, StoreError> {
        Ok(SpoolTx(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?))
    }

    /// Posts waiting, their bytes, posts kept aside.
    ///
    /// # Errors
    /// When the database fails.
    pub fn totals(&self) -> Result<(u64, u64, u64), StoreError> {
        let sql = "SELECT count(*) FILTER (WHERE quarantined_at IS NULL),
                          coalesce(sum(bytes) FILTER (WHERE quarantined_at IS NULL), 0),
                          count(*) FILTER (WHERE quarantined_at IS NOT NULL) FROM post";
        let count = |row: &Row<'_>, at| row.get::<_, i64>(at).map(|n| n as u64);
        Ok(self.connection.query_row(sql, [], |row| Ok((count(row, 0)?, count(row, 1)?, count(row, 2)?)))?)
    }

    /// Names of all files that rows speak of.
    ///
    /// # Errors
    /// When the database fails.
    pub fn files(&self) -> Result<Vec<String>, StoreError> {
        let mut query = self.connection.prepare("SELECT file FROM post WHERE file IS NOT NULL")?;
        let names = query.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// The largest turn given out so far.
    ///
    /// # Errors
    /// When the database fails.
    pub fn last_turn(&self) -> Result<i64, StoreError> {
        Ok(self.connection.query_row("SELECT coalesce(max(turn), 0) FROM post", [], |row| row.get(0))?)
    }

    /// Posts kept aside, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn aside(&self) -> Result<Vec<AsidePost>, StoreError> {
        let sql = "SELECT seq, coalesce(reason, ''), quarantined_at, bytes FROM post
                   WHERE quarantined_at IS NOT NULL ORDER BY quarantined_at, seq";
        let mut query = self.connection.prepare(sql)?;
        let rows = query.query_map([], |row| {
            Ok(AsidePost {
                seq: row.get(0)?,
                reason: row.get(1)?,
                at: from_micros(row.get(2)?),
                bytes: row.get::<_, i64>(3)? as u64,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Lets the file grow by so many pages at most; for tests of a full disk.
    #[cfg(test)]
    pub(crate) fn limit_pages(&self, pages: u32) {
        self.connection.pragma_update(None, "max_page_count", pages).unwrap();
    }
}

impl SpoolTx<'_> {
    /// Adds a post; `None` when one with its key is there.
    ///
    /// # Errors
    /// When the database fails.
    pub fn insert(&self, key: &[u8; 32], turn: i64, bytes: u64, payload: &Payload) -> Result<Option<i64>, StoreError> {
        let (file, inline) = match payload {
            Payload::Inline(sealed) => (None, Some(sealed)),
            Payload::File(name) => (Some(name), None),
        };
        let added = self
            .0
            .prepare_cached(
                "INSERT INTO post (key, turn, bytes, file, payload) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (key) DO NOTHING",
            )?
            .execute(params![key.as_slice(), turn, bytes as i64, file, inline])?;
        Ok((added == 1).then(|| self.0.last_insert_rowid()))
    }

    /// The next posts to be handed out after `turn`: at most `limit`, and none beyond `bytes` together but the first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn after(&self, turn: i64, limit: usize, bytes: u64) -> Result<Vec<SpooledPost>, StoreError> {
        let mut query = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM post WHERE quarantined_at IS NULL AND turn > ?1 ORDER BY turn LIMIT ?2"
        ))?;
        let mut rows = query.query(params![turn, limit as i64])?;
        let (mut posts, mut held) = (Vec::new(), 0);
        while held < bytes
            && let Some(row) = rows.next()?
        {
            let post = spooled(row)?;
            held += post.bytes;
            posts.push(post);
        }
        Ok(posts)
    }

    /// A post by its number, unless it is kept aside.
    ///
    /// # Errors
    /// When the database fails.
    pub fn waiting(&self, seq: i64) -> Result<Option<SpooledPost>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM post WHERE seq = ?1 AND quarantined_at IS NULL");
        Ok(self.0.prepare_cached(&sql)?.query_row([seq], spooled).optional()?)
    }

    /// Notes that a post is being handed out.
    ///
    /// # Errors
    /// When the database fails.
    pub fn start(&self, seq: i64) -> Result<(), StoreError> {
        self.0.prepare_cached("UPDATE post SET starts = starts + 1 WHERE seq = ?1")?.execute([seq])?;
        Ok(())
    }

    /// Takes back one hand-out that came to nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub fn unstart(&self, seq: i64) -> Result<(), StoreError> {
        self.0.prepare_cached("UPDATE post SET starts = max(starts - 1, 0) WHERE seq = ?1")?.execute([seq])?;
        Ok(())
    }

    /// Removes a post; says how large it was and which file it had.
    ///
    /// # Errors
    /// When the database fails.
    pub fn remove(&self, seq: i64) -> Result<Option<(u64, Option<String>)>, StoreError> {
        let mut query = self.0.prepare_cached("DELETE FROM post WHERE seq = ?1 RETURNING bytes, file")?;
        let removed = query.query_row([seq], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?)));
        Ok(removed.optional()?)
    }

    /// Puts a post behind the others, counting the refusal; returns refusals so far and its size.
    ///
    /// # Errors
    /// When the database fails.
    pub fn refuse(&self, seq: i64, turn: i64, reason: &str) -> Result<Option<(u32, u64)>, StoreError> {
        let mut query = self.0.prepare_cached(
            "UPDATE post SET refusals = refusals + 1, starts = 0, turn = ?2, reason = ?3
             WHERE seq = ?1 AND quarantined_at IS NULL RETURNING refusals, bytes",
        )?;
        let refused =
            query.query_row(params![seq, turn, reason], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)));
        Ok(refused.optional()?)
    }

    /// Keeps a post aside.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_aside(&self, seq: i64, reason: &str, at: Timestamp) -> Result<(), StoreError> {
        self.0.prepare_cached("UPDATE post SET quarantined_at = ?2, reason = ?3 WHERE seq = ?1")?.execute(params![
            seq,
            micros(at),
            reason
        ])?;
        Ok(())
    }

    /// Puts a post that was kept aside behind the others, with a clean sheet; returns its size.
    ///
    /// # Errors
    /// When the database fails.
    pub fn release(&self, seq: i64, turn: i64) -> Result<Option<u64>, StoreError> {
        let mut query = self.0.prepare_cached(
            "UPDATE post SET quarantined_at = NULL, reason = NULL, starts = 0, refusals = 0, turn = ?2
             WHERE seq = ?1 AND quarantined_at IS NOT NULL RETURNING bytes",
        )?;
        Ok(query.query_row(params![seq, turn], |row| Ok(row.get::<_, i64>(0)? as u64)).optional()?)
    }

    /// Removes posts kept aside since before `before`; their files come back to be removed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn forget_aside(&self, before: Timestamp) -> Result<Vec<Option<String>>, StoreError> {
        let mut query = self.0.prepare_cached("DELETE FROM post WHERE quarantined_at < ?1 RETURNING file")?;
        let rows = query.query_map([micros(before)], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// When the database fails; nothing of the transaction is kept then.
    pub fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit()?)
    }
}
