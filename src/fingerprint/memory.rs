//! Memory for what is read at random places all the time: in huge pages where the system has them. Tens of megabytes are more than the
//! processor's address cache reaches in small ones, and each access then waits for an address before it waits for a line.

use std::ops::{Deref, DerefMut};

use memmap2::{Advice, MmapMut};

/// Bytes of a huge page: for less there is nothing to win.
const HUGE: usize = 2 << 20;

/// Bytes, zero at first.
pub(super) enum Memory {
    Huge(MmapMut),
    Plain(Vec<u8>),
}

impl Memory {
    pub(super) fn zeroed(len: usize) -> Self {
        match (len >= HUGE).then(|| MmapMut::map_anon(len)) {
            Some(Ok(memory)) => {
                // A hint: without huge pages it is memory all the same.
                let _ = memory.advise(Advice::HugePage);
                Self::Huge(memory)
            }
            _ => Self::Plain(vec![0; len]),
        }
    }
}

impl Deref for Memory {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Huge(memory) => memory,
            Self::Plain(memory) => memory,
        }
    }
}

impl DerefMut for Memory {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Huge(memory) => memory,
            Self::Plain(memory) => memory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_and_much_is_zero_and_can_be_written() {
        for len in [0, 1, HUGE - 1, HUGE + 1] {
            let mut memory = Memory::zeroed(len);
            assert!(memory.len() == len && memory.iter().all(|byte| *byte == 0));
            memory.fill(7);
            assert!(memory.iter().all(|byte| *byte == 7));
        }
    }
}
