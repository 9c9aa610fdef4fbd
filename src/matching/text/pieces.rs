//! The pieces of a line, and of a cell that is one: what stands between its separators, and of that each address, number and date by
//! itself. What words are put together to is for `words`.

use crate::model::Span;

use super::map::{Class, Map};
use super::words;
use crate::matching::shape::trimmed;

/// Pieces of one row: what stands beyond on a line that long describes nobody in particular.
pub(super) const PIECES: usize = 64;

/// A text whose pieces are told.
pub(super) struct Pieces<'a> {
    pub(super) text: &'a [u8],
    pub(super) map: &'a Map,
    /// Memory to use.
    pub(super) runs: &'a mut Vec<(usize, usize)>,
    /// Where they go.
    pub(super) cells: &'a mut Vec<Span>,
}

impl Pieces<'_> {
    /// Appends the pieces of one line, or of a stretch of it, as cells; `spelled` says whether an `@` is spelled out there.
    pub(super) fn read(&mut self, (start, end): (usize, usize), spelled: bool) {
        let line = &self.text[..end];
        let begin = start + words::decoration(&line[start..]);
        let (mut from, mut at) = (begin, begin);
        let mut count = 0;
        while count < PIECES {
            let Some(next) = self.map.next(Class::Part, at..end) else { break };
            at = next;
            let width = match separator(line, begin, at) {
                0 if !spelled => words::bracket(line, at),
                width => width,
            };
            if width == 0 {
                at += 1;
                continue;
            }
            count += self.piece(from, at, spelled);
            at += width;
            from = at;
        }
        self.piece(from, end, spelled);
    }

    /// Appends a piece: its addresses, numbers and dates as cells of their own, and what stands between them. The number of
    /// cells.
    fn piece(&mut self, from: usize, to: usize, spelled: bool) -> usize {
        let before = self.cells.len();
        let Self { text, map, runs, cells } = self;
        let mut tell = |from: usize, to: usize| push(text, map, (from, to), cells);
        if spelled {
            tell(from, to);
        } else {
            words::Stretch { text, map }.values(from, to, runs, &mut tell);
        }
        self.cells.len() - before
    }
}

/// Splits cells, one at a time. Its memory is used again.
#[derive(Default)]
pub(in crate::matching) struct Splitter {
    map: Map,
    runs: Vec<(usize, usize)>,
    cells: Vec<Span>,
}

impl Splitter {
    /// The pieces of a cell, as ranges of it: none if it is one piece.
    pub(in crate::matching) fn split(&mut self, cell: &[u8]) -> &[Span] {
        let Self { map, runs, cells } = self;
        cells.clear();
        map.draw(cell);
        Pieces { text: cell, map, runs, cells }.read((0, cell.len()), false);
        if cells.len() < 2 { &[] } else { cells }
    }
}

/// Appends a stretch as a cell, without what stands around it; nothing if it holds no value.
fn push(text: &[u8], map: &Map, (from, to): (usize, usize), cells: &mut Vec<Span>) {
    let piece = trimmed(&text[from..to]);
    let start = piece.as_ptr() as usize - text.as_ptr() as usize;
    let end = start + piece.len();
    // Nearly every piece begins with a letter or digit.
    let holds = |class| map.any(class, start..end);
    if piece.first().is_some_and(u8::is_ascii_alphanumeric) || holds(Class::Word) || holds(Class::Star) {
        // As in a batch: far below 4 GiB.
        cells.push(Span { start: start as u32, end: end as u32 });
    }
}

/// How many bytes at `at` separate two pieces; 0 if they do not.
fn separator(line: &[u8], start: usize, at: usize) -> usize {
    let next = line.get(at + 1).copied();
    let spaced = |width: usize| at > start && line[at - 1] == b' ' && matches!(line.get(at + width), Some(b' ') | None);
    match line[at] {
        b'\t' | b';' | b'|' | b',' | b'<' | b'>' | b'\r' | b'"' => 1,
        b'-' if next == Some(b'>') => 2,
        b'.' if line[at..].starts_with(b"...") => line[at..].iter().take_while(|b| **b == b'.').count(),
        0xe2 if matches!(line.get(at + 1), Some(0x86 | 0x87)) && line.len() > at + 2 => 3,
        b'-' | b'/' | b'=' | b'+' if spaced(1) => 1,
        0xe2 if line[at..].starts_with("–".as_bytes()) || line[at..].starts_with("—".as_bytes()) => 3,
        0xe2 if line[at..].starts_with("•".as_bytes()) && spaced(3) => 3,
        b' ' if next == Some(b' ') => 2,
        b'=' if next.is_some_and(|n| n != b'=') => 1,
        // Not in `http://`, not in `12:34`, not in `a::b`.
        b':' => match next {
            Some(b'/' | b':') => 0,
            Some(n) if n.is_ascii_digit() && at > start && line[at - 1].is_ascii_digit() => 0,
            _ => 1,
        },
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_passed_over_part_nothing() {
        let mut map = Map::default();
        for byte in 0..=255u8 {
            for (before, behind) in [(b' ', b' '), (b'a', b'a'), (b' ', b'a'), (b'1', b' '), (byte, byte), (byte, b'a')]
            {
                let line = [before, byte, behind, behind];
                map.draw(&line);
                if !map.any(Class::Part, 1..2) {
                    assert_eq!((separator(&line, 0, 1), words::bracket(&line, 1)), (0, 0), "{line:?}");
                }
            }
        }
    }

    #[test]
    fn a_cell_is_split_as_a_line_is() {
        let split = |cell: &str| -> Vec<String> {
            let mut splitter = Splitter::default();
            let pieces = splitter.split(cell.as_bytes()).iter();
            pieces.map(|piece| String::from_utf8_lossy(piece.of(cell.as_bytes())).into_owned()).collect()
        };
        assert_eq!(split("45 chemin Vert 06520 Nantes"), ["45 chemin Vert", "06520", "Nantes"]);
        assert_eq!(split("45 chemin Vert, 06520 Nantes"), ["45 chemin Vert", "06520", "Nantes"]);
        assert_eq!(split("1982-03-24 06520 Nantes"), ["1982-03-24", "06520", "Nantes"]);
        assert_eq!(split("Zoé Roux (1982-03-24)"), ["Zoé Roux", "1982-03-24"]);
        assert_eq!(split("Roux, Zoé"), ["Roux", "Zoé"]);
        for whole in ["06 12 34 56 78", "45 chemin Vert", "zoe.roux@mail.example", "", "(0)6"] {
            assert_eq!(split(whole), [""; 0], "{whole}");
        }
    }
}
