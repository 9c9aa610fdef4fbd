//! SQLite database files: every ordinary table, read from memory.
//!
//! The file is hostile until proven otherwise: the schema is not trusted, only tables that store rows are read (no
//! views, no virtual tables), nothing can be written, and the engine's limits on lengths and steps are set low.

use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, MAIN_DB};

use super::guarded;
use crate::extract::columns::Columns;
use crate::extract::encoding;
use crate::extract::out::Out;
use crate::model::{Shape, SkipReason};

/// Tables read of one file.
const MAX_TABLES: usize = 1_000;

/// Virtual machine steps between two looks at the clock.
const STEPS: i32 = 100_000;

/// Reads a database file.
pub(crate) fn read(out: &mut Out<'_>, bytes: &[u8]) {
    out.read(bytes.len());
    let read = guarded(out, "sqlite database", || open(bytes));
    let result = match read {
        Some(Ok(connection)) => tables(out, &connection),
        Some(Err(error)) => Err(error),
        None => return,
    };
    if result.is_err() {
        out.skip(SkipReason::Damaged, "sqlite database");
        if let Some(runs) = encoding::noise(bytes) {
            out.text(&runs);
        }
    }
}

fn open(bytes: &[u8]) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    connection.deserialize_read_exact(MAIN_DB, bytes, bytes.len(), true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, 16 << 20)?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20)?;
    connection.set_limit(Limit::SQLITE_LIMIT_COLUMN, 2_000)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    let started = Instant::now();
    connection.progress_handler(STEPS, Some(move || started.elapsed().as_secs() > 60))?;
    Ok(connection)
}

fn tables(out: &mut Out<'_>, connection: &Connection) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main'")?;
    let names: Vec<String> = statement
        .query_map([], |row| row.get::<_, String>(0))?
        .filter_map(Result::ok)
        .filter(|name| !name.starts_with("sqlite_"))
        .take(MAX_TABLES)
        .collect();
    let mut result = Ok(());
    for name in names {
        if out.stopped() {
            break;
        }
        // A damaged table does not keep the others from being read.
        if let Err(error) = table(out, connection, &name) {
            result = Err(error);
        }
    }
    result
}

fn table(out: &mut Out<'_>, connection: &Connection, name: &str) -> rusqlite::Result<()> {
    let quoted = name.replace('"', "\"\"");
    let mut statement = connection.prepare(&format!("SELECT * FROM \"{quoted}\""))?;
    let width = statement.column_count();
    // A name that is no UTF-8 makes the library give up; then the columns have none.
    let header = guarded(out, "sqlite table", || statement.column_names().map(str::to_owned).collect());
    let mut columns = Columns::with_header(&[], 0, Shape::Sheet, header);
    out.flush_rows();
    let mut rows = statement.query([])?;
    let mut result = Ok(());
    loop {
        let row = match rows.next() {
            Ok(Some(row)) if !out.stopped() => row,
            Ok(_) => break,
            Err(error) => {
                result = Err(error);
                break;
            }
        };
        for column in 0..width {
            let Ok(value) = row.get_ref(column) else { continue };
            let value: Vec<u8> = match value {
                ValueRef::Null => continue,
                ValueRef::Integer(number) => number.to_string().into_bytes(),
                ValueRef::Real(number) => number.to_string().into_bytes(),
                ValueRef::Text(text) => text.to_vec(),
                ValueRef::Blob(blob) if std::str::from_utf8(blob).is_ok() => blob.to_vec(),
                ValueRef::Blob(_) => continue,
            };
            columns.put_value(column, &value);
        }
        columns.end_row(out, 0);
    }
    columns.flush(out, 0);
    out.flush_rows();
    result
}
