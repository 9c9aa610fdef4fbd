//! Where a long JSON text may be cut: between two of its records.

/// What stands between two JSON records, from the bracket that closes one to the first key of the next. With its
/// quotes it can stand in no string, where they would be escaped.
#[derive(Debug, Clone)]
pub(crate) struct Separator {
    text: Vec<u8>,
    /// Objects that the records stand in.
    depth: usize,
}

impl Separator {
    /// The separator between the records of the JSON that begins at `start`: between the outermost objects that follow
    /// each other.
    pub(super) fn find(text: &[u8], start: usize) -> Option<Self> {
        let first = start + text[start..].iter().position(|b| *b == b'{')?;
        let mut found: Option<Self> = None;
        for (end, depth) in (Depths { text, at: first, depth: 0 }) {
            if found.as_ref().is_some_and(|found| found.depth <= depth) {
                continue;
            }
            if let Some(separator) = between(text, end) {
                found = Some(Self { text: separator.to_vec(), depth });
            }
        }
        found
    }

    /// Where the last record that is whole ends in `piece`, with the comma behind it. `first` says whether the piece is
    /// the beginning of the text; any other begins with a record.
    pub(super) fn last(&self, piece: &[u8], first: bool) -> Option<usize> {
        let found = memchr::memmem::rfind_iter(piece, &self.text).take(64);
        let next = self.text.iter().position(|b| *b == b'{').unwrap_or(0);
        let behind = |at: usize| at + next;
        // On lines of their own records hold no such separator; elsewhere a list within a record may, one level deeper.
        if memchr::memchr(b'\n', &self.text[..next]).is_some() {
            return found.map(behind).next();
        }
        let depth = if first { self.depth } else { 0 };
        let start = piece.iter().position(|b| *b == b'{')?;
        let outer: Vec<usize> =
            Depths { text: piece, at: start, depth: 0 }.filter(|(_, d)| *d == depth).map(|(at, _)| at).collect();
        found.map(|at| (at + 1, behind(at))).find(|(end, _)| outer.binary_search(end).is_ok()).map(|(_, behind)| behind)
    }
}

/// From the bracket before `end` to the first key of the object that follows, if one does.
fn between(text: &[u8], end: usize) -> Option<&[u8]> {
    let gap = text[end..].iter().take(4096).take_while(|b| b.is_ascii_whitespace() || **b == b',').count();
    let next = end + gap;
    if text.get(next) != Some(&b'{') {
        return None;
    }
    let key = next + text[next..].iter().take(256).position(|b| *b == b':')?;
    Some(&text[end - 1..key])
}

/// The places behind closing brackets, with the number of brackets then open; brackets in strings do not count.
struct Depths<'t> {
    text: &'t [u8],
    at: usize,
    depth: usize,
}

impl Iterator for Depths<'_> {
    type Item = (usize, usize);
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = self.at + memchr::memchr3(b'"', b'{', b'}', self.text.get(self.at..)?)?;
            self.at = found + 1;
            match self.text[found] {
                b'{' => self.depth += 1,
                b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    return Some((found + 1, self.depth));
                }
                _ => self.at = string_end(self.text, found)?,
            }
        }
    }
}

fn string_end(text: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[found] == b'"' {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_parted_at_their_own_level_in_whatever_they_stand() {
        let text = br#"{"ok":true,"users":[{"id":1,"l":[{"id":5},{"id":6}]},{"id":2},{"id":3}"#;
        let separator = Separator::find(text, 0).unwrap();
        assert_eq!((separator.text.as_slice(), separator.depth), (&br#"},{"id""#[..], 1));
        let end = separator.last(text, true).unwrap();
        assert_eq!(&text[end..], br#"{"id":3}"#);
        let piece = br#"{"id":3,"l":[{"id":7},{"id":8}]},{"id":4,"l":[{"id":7},{"id":8"#;
        assert_eq!(&piece[separator.last(piece, false).unwrap()..], br#"{"id":4,"l":[{"id":7},{"id":8"#);
    }

    #[test]
    fn objects_that_follow_nothing_have_no_separator() {
        assert!(Separator::find(br#"{"a": {"b": 1}, "c": [1, 2]}"#, 0).is_none());
    }
}
