//! What a scan works with: memory that is used again, and what was learnt of looks and words, which holds for any document that one
//! matcher reads. Most posts are small: to lay out a new desk for each would cost a tenth of reading it.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use super::row::Scratch;
use super::sweep::Sweep;
use super::text::{Notes, Reader};

/// Desks kept, beyond which they are given up: more threads than that rarely read at once.
const KEPT: usize = 16;

/// The memory of one scan. What the last document left in it is overwritten before it is read; what was learnt in it holds for any.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) sweep: Sweep,
    pub(super) scratch: Scratch,
    pub(super) reader: Reader,
    pub(super) notes: Notes,
}

/// The desks of one matcher that nobody works at.
#[derive(Default)]
pub(super) struct Desks {
    free: Mutex<Vec<Desk>>,
}

impl Desks {
    /// A desk to work at, until it is dropped.
    pub(super) fn take(&self) -> Taken<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Taken { desk: Some(free.unwrap_or_default()), desks: self }
    }
}

/// A desk that somebody works at.
pub(super) struct Taken<'m> {
    /// There until it is put back.
    desk: Option<Desk>,
    desks: &'m Desks,
}

impl Deref for Taken<'_> {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        self.desk.as_ref().expect("a desk is put back when its scan is dropped, and not before")
    }
}

impl DerefMut for Taken<'_> {
    fn deref_mut(&mut self) -> &mut Desk {
        self.desk.as_mut().expect("a desk is put back when its scan is dropped, and not before")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // What a panic left half done is not used again.
        if std::thread::panicking() {
            return;
        }
        let mut free = self.desks.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.extend(self.desk.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_is_used_again_and_few_are_kept() {
        let desks = Desks::default();
        desks.take().scratch.normals = Vec::with_capacity(12_345);
        let is_used = |desk: &Taken<'_>| desk.scratch.normals.capacity() == 12_345;
        let again = desks.take();
        assert!(is_used(&again));
        let all: Vec<Taken<'_>> = (0..2 * KEPT).map(|_| desks.take()).collect();
        assert!(!all.iter().any(is_used));
        drop((again, all));
        assert_eq!(desks.free.lock().unwrap().len(), KEPT);
    }
}
