//! Files of office programs and other formats that are read as a whole: workbooks, database files, mail, PDF.
//!
//! They are parsed by libraries made for them. A library that panics on hostile content costs the member, not the
//! document: the panic is caught and the member recorded as damaged.

mod mail;
mod pdf;
mod sheet;
mod sqlite;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::model::SkipReason;

pub(crate) use mail::{Part, is_mail, read as read_mail};
pub(crate) use pdf::read as read_pdf;
pub(crate) use sheet::{is_workbook, read as read_workbook};
pub(crate) use sqlite::read as read_sqlite;

use super::out::Out;

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
