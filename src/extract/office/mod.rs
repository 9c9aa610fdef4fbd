//! Files of office programs and other formats that are read as a whole: workbooks, database files, mail, PDF.
//!
//! They are parsed by libraries made for them. A library that panics on hostile content costs the member, not the
//! document: the panic is caught and the member recorded as damaged.

mod bson;
mod dbase;
mod mail;
mod pdf;
mod sheet;
mod sqlite;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::model::SkipReason;

pub(crate) use bson::{is_bson, read as read_bson};
pub(crate) use dbase::{is_dbase, read as read_dbase};
pub(crate) use mail::{Part, is_mail, read as read_mail};
pub(crate) use pdf::read as read_pdf;
pub(crate) use sheet::{is_workbook, read as read_workbook};
pub(crate) use sqlite::read as read_sqlite;

use super::out::Out;

/// Whether a beginning without a signature is that of a file of records, which is read as a whole.
pub(crate) fn is_read_whole(head: &[u8]) -> bool {
    is_bson(head) || is_dbase(head)
}

/// Calls a library on untrusted content. `None` if it panicked, which is recorded.
fn guarded<T>(out: &mut Out<'_>, format: &str, call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(_) => {
            out.skip(SkipReason::Damaged, format!("{format}: its reader gave up"));
            None
        }
    }
}

#[cfg(test)]
mod tests;
