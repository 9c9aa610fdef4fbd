//! Bytes to rows and text: whatever is posted, however it is shaped, packed and encoded.
//!
//! [`extract`] reads a whole document; [`lane`] reads large plain ones in chunks. Both deliver to a
//! [`ContentSink`] and know nothing of what is looked for. Content is recognised by what it
//! is, never by a name; what no parser claims is delivered as text. Everything here is bounded by [`Limits`], writes
//! nothing to disk, and turns what it does not read into a [`Skip`](crate::model::Skip).

mod cells;
mod columns;
mod container;
mod count;
mod detect;
mod encoding;
pub mod lane;
mod limits;
mod markup;
mod office;
mod out;
mod passwords;
mod sql;
#[cfg(test)]
mod testing;
mod text;
mod tree;

pub use limits::Limits;
pub use passwords::passwords_in;

use crate::model::{ContentSink, Flow};
use out::{Out, TableNumbers};

/// One document as it was fetched.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What the document is called; for reports only, never trusted.
    pub name: &'a str,
    /// Its bytes, in memory or mapped.
    pub bytes: &'a [u8],
}

/// Whether what begins with `head` may hold something that asks for a password: anything but plain text.
#[must_use]
pub fn may_be_locked(head: &[u8]) -> bool {
    detect::detect(head) != detect::Kind::Text
}

/// Reads a document and all that is packed in it into `sink`. Returns [`Flow::Stop`] if the sink asked to stop or a
/// limit on the whole document (time, rows) was reached; the latter is also reported as a skip.
pub fn extract(input: Input<'_>, limits: &Limits, sink: &mut dyn ContentSink) -> Flow {
    let out = Out::new(sink, limits, TableNumbers::new(0, limits.tables), 0);
    let mut reading = container::Reading::new(out);
    reading.bytes(input.bytes);
    reading.out.end_member();
    reading.out.flow()
}
