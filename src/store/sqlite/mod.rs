//! The store on one machine: SQLite in WAL mode.
//!
//! `synchronous=FULL` makes every commit an fsync of the log: an acknowledged verdict survives a power cut.
//! `secure_delete` overwrites what is deleted. There is one writing connection and one reading connection, each
//! behind a mutex: writers queue for the fsync anyway, and readers never wait for it in WAL mode.

mod alerts;
pub mod audit;
mod cursors;
mod incident_tx;
mod open;
mod outbox;
mod records;
mod retention;
mod seen;
pub mod spool;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rusqlite::Connection;

use super::StoreError;

/// The steps of the schema, in order; a database at step `n` has run the first `n`. A step that has shipped never
/// changes.
const STEPS: &[&str] = &[include_str!("schema_1.sql")];

/// All of the store's traits on one SQLite file.
pub struct SqliteStore {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl SqliteStore {
    /// Opens the file, creating or upgrading it.
    ///
    /// # Errors
    /// When it cannot be opened, is damaged, or a later vigie has written to it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let writer = Mutex::new(open::open(path, STEPS)?);
        let reader = Mutex::new(open::open_reader(path)?);
        Ok(Self { writer, reader })
    }

    /// A panic in a caller's closure leaves a connection in order: its transaction was rolled back on the way out.
    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what the log holds into the database file and asks for a damaged page; for health checks and shutdown.
    ///
    /// # Errors
    /// When the database is damaged or cannot be read.
    pub fn check(&self) -> Result<(), StoreError> {
        let answer: String = self.reader().query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if answer == "ok" { Ok(()) } else { Err(StoreError::Damaged) }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy,
            Some(Code::DiskFull) => Self::Full,
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Damaged,
            _ => Self::Backend(Box::new(error)),
        }
    }
}

/// Times are kept as microseconds since 1970: they sort, and jiff reads them back exactly as it wrote them to JSON.
fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Unreadable { what })
}

fn from_json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Unreadable { what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract;

    fn fresh() -> (tempfile::TempDir, SqliteStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("vigie.db")).unwrap();
        (dir, store)
    }

    #[test]
    fn keeps_the_contract() {
        for (name, test) in contract::tests::<SqliteStore>() {
            eprintln!("contract: {name}");
            let (_dir, store) = fresh();
            test(&store);
            store.check().unwrap();
        }
    }

    #[test]
    fn what_was_committed_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vigie.db");
        contract::write_one_of_each(&SqliteStore::open(&path).unwrap());
        contract::find_one_of_each(&SqliteStore::open(&path).unwrap());
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vigie.db");
        drop(SqliteStore::open(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = SqliteStore::open(&path).err().unwrap();
        assert!(matches!(error, StoreError::NewerSchema { found: 99, .. }));
        assert!(error.to_string().contains("hint: "));
    }

    #[test]
    fn a_file_that_is_no_database_is_damaged_and_untouched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vigie.db");
        std::fs::write(&path, "this is a letter, not a database, and long enough to tell".repeat(20)).unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::Damaged)));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn the_file_is_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, _store) = fresh();
        let mode = std::fs::metadata(dir.path().join("vigie.db")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}
