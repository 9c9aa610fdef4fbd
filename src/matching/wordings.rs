//! The names in rows whose words were met before: lines of a log or of code say the same words over and over, and to look for names
//! in them costs more than all the rest. What a name is and how it is found is for `names`.

/// Wordings remembered, each in the one place where it may stand.
const REMEMBERED: usize = 256;
/// Bytes of the longest that is: what is longer is hardly said twice.
const LONGEST: usize = 256;

/// The names that a row may show: the key, the cells (a bit each) and the number of the fingerprint key.
pub(super) type Names = Vec<(u64, u64, u8)>;

/// Rows' words and the names in them. Of one matcher: another knows other names.
#[derive(Default)]
pub(super) struct Wordings {
    /// Empty until the first is kept.
    known: Vec<Wording>,
    asked: Vec<u8>,
}

/// The words of one row.
#[derive(Default, Clone)]
struct Wording {
    words: Vec<u8>,
    names: Names,
    named: bool,
}

impl Wordings {
    /// What is known of a row whose cells (at most 255 bytes each) with words are these: the names, and whether there is a whole
    /// name, known or not.
    pub(super) fn ask<'c>(&mut self, cells: impl Iterator<Item = (u8, &'c [u8])>) -> Option<(&Names, bool)> {
        self.asked.clear();
        for (at, cell) in cells {
            // With the length before it, no two rows are written alike.
            self.asked.extend([at, cell.len() as u8]);
            self.asked.extend_from_slice(cell);
        }
        let known = self.known.get(place(&self.asked))?;
        (!self.asked.is_empty() && known.words == self.asked).then_some((&known.names, known.named))
    }

    /// Keeps the answer to what was asked last.
    pub(super) fn keep(&mut self, names: &Names, named: bool) {
        if self.asked.len() > LONGEST {
            return;
        }
        if self.known.is_empty() {
            self.known.resize(REMEMBERED, Wording::default());
        }
        let known = &mut self.known[place(&self.asked)];
        known.words.clone_from(&self.asked);
        known.names.clone_from(names);
        known.named = named;
    }
}

/// Where a wording stands, if it is kept. Not a secret: the words are compared.
fn place(words: &[u8]) -> usize {
    let mut mixed = words.len() as u64;
    let (eights, rest) = words.as_chunks();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    for eight in eights.iter().chain([&last]) {
        mixed = (mixed.rotate_left(23) ^ u64::from_le_bytes(*eight)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    (mixed >> 32) as usize % REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_the_same_words_in_the_same_cells_alone() {
        let mut wordings = Wordings::default();
        let rows: [&[(u8, &[u8])]; 5] =
            [&[(0, b"a b")], &[(1, b"a b")], &[(0, b"a"), (1, b"b")], &[(0, b"a"), (2, b"b")], &[(0, b"ab")]];
        for (no, row) in rows.iter().enumerate() {
            assert!(wordings.ask(row.iter().copied()).is_none());
            wordings.keep(&vec![(no as u64, 1, 0)], no % 2 == 0);
            assert_eq!(wordings.ask(row.iter().copied()), Some((&vec![(no as u64, 1, 0)], no % 2 == 0)));
        }
        assert!(wordings.ask([].into_iter()).is_none());
        let long = [b'a'; 200];
        for _ in 0..2 {
            assert!(wordings.ask([(0, &long[..]), (1, &long[..])].into_iter()).is_none());
            wordings.keep(&Names::new(), true);
        }
    }
}
