//! Opening a SQLite file the way everything here needs it: durable, erasing, private, at the right schema.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::store::StoreError;

/// How long to wait for another process (`vigie alerts ack` beside the service) before giving up.
const BUSY: Duration = Duration::from_secs(10);

/// Marks our files for `file(1)` and for ourselves: "VIGI".
const APPLICATION_ID: i64 = 0x5649_4749;

/// Opens for writing and brings the schema up to the last of `steps`.
pub fn open(path: &Path, steps: &[&str]) -> Result<Connection, StoreError> {
    private_file(path)?;
    let mut connection = connect(path)?;
    migrate(&mut connection, steps)?;
    Ok(connection)
}

/// A second connection, for reading while the first one writes.
pub fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Creates the file readable by its owner only: SQLite would follow the umask. Its log files take the same mode.
fn private_file(path: &Path) -> Result<(), StoreError> {
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    opened.map(drop).map_err(|source| StoreError::Open { path: path.to_owned(), source: Box::new(source) })
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    // No URI names and no mutex inside SQLite: every connection here has its own.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|source| StoreError::Open { path: path.to_owned(), source: Box::new(source) })?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Sorting and temporary tables stay in memory: nothing of ours goes to /tmp.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

fn migrate(connection: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    // IMMEDIATE: two processes that start together upgrade one after the other.
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = steps.len() as i64;
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for step in &steps[found.max(0) as usize..] {
        tx.execute_batch(step)?;
    }
    if found < known {
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", known)?;
    }
    tx.commit()?;
    Ok(())
}
