//! The names in rows whose words were met before: lines of a log or of code say the same words over and over, and to look for names
//! in them costs more than all the rest. What a name is and how it is found is for `names`.

/// Bytes of the longest that is: what is longer is hardly said twice.
const LONGEST: usize = 256;

/// The names that a row may show: the key, the cells (a bit each) and the number of the fingerprint key.
pub(super) type Names = Vec<(u64, u64, u8)>;

/// Rows' words and what is known of the names in them: so many of them, each in the one place where it may stand. Of one matcher: another
/// knows other names.
pub(super) struct Wordings<Known, const MOST: usize> {
    /// Empty until the first is kept.
    all: Vec<Wording<Known>>,
}

/// The words of one row.
#[derive(Default, Clone)]
struct Wording<Known> {
    words: Vec<u8>,
    known: Known,
}

impl<Known, const MOST: usize> Default for Wordings<Known, MOST> {
    fn default() -> Self {
        Self { all: Vec::new() }
    }
}

impl<Known: Clone + Default, const MOST: usize> Wordings<Known, MOST> {
    /// What is known of a row whose cells (at most 255 bytes each) with words are these.
    pub(super) fn ask(&self, cells: &[(u8, &[u8])]) -> Option<&Known> {
        let wording = self.all.get(place(cells) % MOST)?;
        (!cells.is_empty() && wording.is_of(cells)).then_some(&wording.known)
    }

    /// Keeps what is to be known of such a row.
    pub(super) fn keep(&mut self, cells: &[(u8, &[u8])], known: &Known) {
        if cells.iter().map(|(_, cell)| cell.len() + 2).sum::<usize>() > LONGEST {
            return;
        }
        if self.all.is_empty() {
            self.all.resize(MOST, Wording::default());
        }
        let wording = &mut self.all[place(cells) % MOST];
        wording.words.clear();
        for (at, cell) in cells {
            // With the length before it, no two rows are written alike.
            wording.words.extend([*at, cell.len() as u8]);
            wording.words.extend_from_slice(cell);
        }
        wording.known.clone_from(known);
    }
}

impl<Known> Wording<Known> {
    fn is_of(&self, cells: &[(u8, &[u8])]) -> bool {
        let mut rest = &self.words[..];
        for (at, cell) in cells {
            let [no, length, words @ ..] = rest else { return false };
            if (no, usize::from(*length)) != (at, cell.len()) || !words.starts_with(cell) {
                return false;
            }
            rest = &words[cell.len()..];
        }
        rest.is_empty()
    }
}

/// Where a wording stands, if it is kept: the rest by the number of places. Not a secret: the words are compared.
fn place(cells: &[(u8, &[u8])]) -> usize {
    let mut mixed = 0u64;
    let mut mix = |word: u64| mixed = (mixed.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for (at, cell) in cells {
        mix(u64::from(*at) << 8 | cell.len() as u64);
        // The last of each whole, and so some bytes twice where they are no multiple of eight.
        let (eights, rest) = cell.as_chunks();
        eights.iter().for_each(|eight| mix(u64::from_le_bytes(*eight)));
        match (cell.last_chunk(), rest) {
            (_, []) => {}
            (Some(last), _) => mix(u64::from_le_bytes(*last)),
            (None, rest) => mix(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))),
        }
    }
    (mixed >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_the_same_words_in_the_same_cells_alone() {
        let mut wordings: Wordings<usize, 256> = Wordings::default();
        let rows: [&[(u8, &[u8])]; 5] =
            [&[(0, b"a b")], &[(1, b"a b")], &[(0, b"a"), (1, b"b")], &[(0, b"a"), (2, b"b")], &[(0, b"ab")]];
        for (no, row) in rows.iter().enumerate() {
            assert!(wordings.ask(row).is_none());
            wordings.keep(row, &no);
            assert_eq!(wordings.ask(row), Some(&no));
        }
        assert!(wordings.ask(&[]).is_none());
        let long = [b'a'; 200];
        for _ in 0..2 {
            assert!(wordings.ask(&[(0, &long), (1, &long)]).is_none());
            wordings.keep(&[(0, &long), (1, &long)], &7);
        }
    }
}
