//! A stretch of a document in memory, read piece by piece into the same buffer: what is hashed then is still in the processor's cache, and no
//! memory is asked for, cleared or given back from window to window.

use std::io::{self, ErrorKind, Read};

/// Bytes that are read and hashed at once: the second cache holds them.
const PIECE: usize = 512 << 10;

/// A buffer, and how much of it is filled.
#[derive(Default)]
pub(super) struct Window {
    buffer: Vec<u8>,
    filled: usize,
}

impl Window {
    /// These bytes.
    pub(super) fn of(buffer: Vec<u8>) -> Self {
        Self { filled: buffer.len(), buffer }
    }

    /// What was read.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Begins anew, with these bytes.
    pub(super) fn begin(&mut self, with: &[u8]) {
        self.filled = 0;
        self.room(with.len()).copy_from_slice(with);
        self.filled = with.len();
    }

    /// Reads up to `most` bytes more, and hashes them: how many, fewer only where nothing follows. What was read before an error stays.
    pub(super) fn read(&mut self, from: &mut impl Read, most: usize, hasher: &mut blake3::Hasher) -> io::Result<usize> {
        let mut read = 0;
        while read < most {
            let before = self.filled;
            let ended = self.read_piece(from, PIECE.min(most - read));
            hasher.update(&self.buffer[before..self.filled]);
            read += self.filled - before;
            if ended? {
                break;
            }
        }
        Ok(read)
    }

    /// Reads so many bytes more: whether nothing follows them.
    fn read_piece(&mut self, from: &mut impl Read, length: usize) -> io::Result<bool> {
        let end = self.filled + length;
        while self.filled < end {
            let left = end - self.filled;
            match from.read(self.room(left)) {
                Ok(0) => return Ok(true),
                Ok(many) => self.filled += many,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// So many bytes behind what is filled.
    fn room(&mut self, length: usize) -> &mut [u8] {
        let end = self.filled + length;
        if end > self.buffer.len() {
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.filled..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives few bytes at a time, and is interrupted now and then; at last it fails.
    struct Halting<'a>(&'a [u8], u32);

    impl Read for Halting<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            if self.1.is_multiple_of(3) {
                return Err(ErrorKind::Interrupted.into());
            }
            if self.0.is_empty() {
                return Err(ErrorKind::BrokenPipe.into());
            }
            let some = buffer.len().min(70_001);
            self.0.read(&mut buffer[..some])
        }
    }

    #[test]
    fn windows_hold_what_was_left_and_what_follows() {
        let document: Vec<u8> = (0..3 * PIECE + 1).map(|i| (i * 7 / 3) as u8).collect();
        let (mut from, mut hasher, mut window) = (&document[..], blake3::Hasher::new(), Window::default());
        assert_eq!(window.read(&mut from, PIECE + 5, &mut hasher).unwrap(), PIECE + 5);
        assert!(window.bytes() == &document[..PIECE + 5]);
        let mut next = Window::of(vec![1; 17]);
        next.begin(&window.bytes()[PIECE..]);
        assert_eq!(next.read(&mut from, 9 * PIECE, &mut hasher).unwrap(), 2 * PIECE - 4);
        assert!(next.bytes() == &document[PIECE..]);
        assert_eq!(next.read(&mut from, 1, &mut hasher).unwrap(), 0);
        assert_eq!(hasher.finalize(), blake3::hash(&document));
    }

    #[test]
    fn what_was_read_before_an_error_stays() {
        let document: Vec<u8> = (0..2 * PIECE + 9).map(|i| i as u8).collect();
        let (mut hasher, mut window) = (blake3::Hasher::new(), Window::default());
        assert!(window.read(&mut Halting(&document, 0), 4 * PIECE, &mut hasher).is_err());
        assert!(window.bytes() == document && hasher.finalize() == blake3::hash(&document));
    }
}
