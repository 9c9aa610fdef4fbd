//! Where the columns of a table stand, and one line cut into them.
//!
//! What is known of a column is how far its cells reached in the sample; what is between two columns there is a gutter.
//! A longer value may reach into a gutter from either side, and one that runs over it pushes the rest of its line along.

use std::ops::Range;

use crate::model::Span;

/// What the writer counted when padding cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// One for each character; none for those that are drawn over the one before.
    Characters,
    /// As on a terminal: two for the characters of East Asia.
    Terminal,
    /// One for each byte, as `printf` does.
    Bytes,
}

/// A line whose characters can be found by their column.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    bytes: &'a [u8],
    /// For each column the byte that stands there, and where the line ends; nothing where columns are bytes.
    places: &'a [u32],
}

impl<'a> Line<'a> {
    /// Measures a line. `places` is room for what is found.
    pub(super) fn new(bytes: &'a [u8], measure: Measure, places: &'a mut Vec<u32>) -> Self {
        places.clear();
        if measure == Measure::Bytes || bytes.is_ascii() {
            return Self { bytes, places };
        }
        let mut at = 0;
        while at < bytes.len() {
            let length = character(&bytes[at..]);
            let columns = match std::str::from_utf8(&bytes[at..at + length]).ok().and_then(|s| s.chars().next()) {
                Some(c) if is_drawn_over(c) => 0,
                Some(c) if measure == Measure::Terminal && is_wide(c) => 2,
                _ => 1,
            };
            places.extend(std::iter::repeat_n(at as u32, columns));
            at += length;
        }
        places.push(bytes.len() as u32);
        Self { bytes, places }
    }

    /// A line that was measured before, and the places found then.
    pub(super) fn measured(bytes: &'a [u8], places: &'a [u32]) -> Self {
        Self { bytes, places }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Columns of the line.
    pub(super) fn width(&self) -> usize {
        self.places.len().checked_sub(1).unwrap_or(self.bytes.len())
    }

    /// The byte at which a column begins.
    pub(super) fn place(&self, column: usize) -> usize {
        if self.places.is_empty() {
            return column.min(self.bytes.len());
        }
        self.places[column.min(self.places.len() - 1)] as usize
    }

    /// The first byte of what stands in a column; a blank beyond the end, and for a no-break space.
    pub(super) fn at(&self, column: usize) -> u8 {
        match self.bytes.get(self.place(column)) {
            None => b' ',
            Some(0xC2) if self.bytes.get(self.place(column) + 1) == Some(&0xA0) => b' ',
            Some(b) => *b,
        }
    }

    pub(super) fn is_blank(&self, column: usize) -> bool {
        self.at(column) == b' '
    }
}

/// Length of the character that `bytes` begins with.
fn character(bytes: &[u8]) -> usize {
    1 + bytes[1..].iter().take(3).take_while(|b| **b & 0xC0 == 0x80).count()
}

fn is_drawn_over(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// The blocks that Unicode calls wide.
pub(super) fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}')
}

/// The columns of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(super) measure: Measure,
    /// What parts each column from the next, in columns of characters. An empty one parts fields that touch.
    pub(super) gutters: Vec<Range<usize>>,
}

impl Grid {
    /// Number of columns.
    pub(super) fn columns(&self) -> usize {
        self.gutters.len() + 1
    }

    /// Cuts a line into cells, as ranges of its bytes from `base` on, without the blanks around them. Says how well the
    /// line keeps to the columns.
    pub(super) fn cut(&self, line: &Line<'_>, base: usize, cells: &mut Vec<Span>) -> Fit {
        let width = line.width();
        let first = cells.len();
        let mut fit = Fit { gutters: self.gutters.len(), ..Fit::default() };
        let (mut from, mut shift) = (0, 0);
        for gutter in &self.gutters {
            let (start, end) = (gutter.start + shift, gutter.end + shift);
            if from >= width || start >= width {
                cells.push(span(line, base, from, width));
                from = width;
                continue;
            }
            let (left, right, gap) = part(line, start.max(from)..end);
            fit.count(gap);
            if gap == Gap::RunOver {
                // What stands behind the value was pushed along.
                shift += (right + 1).saturating_sub(end);
            }
            cells.push(span(line, base, from, left));
            from = right;
        }
        cells.push(span(line, base, from, width));
        fit.filled = cells[first..].iter().filter(|cell| !cell.is_empty()).count();
        fit
    }
}

/// How well a line keeps to the columns.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fit {
    gutters: usize,
    reached: usize,
    blank: usize,
    run_over: usize,
    filled: usize,
}

impl Fit {
    fn count(&mut self, gap: Gap) {
        self.reached += 1;
        self.blank += usize::from(gap == Gap::Blank);
        self.run_over += usize::from(gap == Gap::RunOver);
    }

    /// Whether the line may be a row: nearly all gutters that it reaches are blank, or are again behind one value that is too
    /// long.
    pub(super) fn is_row(&self) -> bool {
        let partly = self.reached - self.blank - self.run_over;
        let even = (2 * self.blank + partly) * 10 >= self.reached * 12;
        let long = self.run_over <= 1 && self.reached >= 2 && self.blank + 1 >= self.reached;
        self.filled >= 2 && (even || long)
    }

    /// Whether all gutters that it reaches are blank.
    pub(super) fn is_clear(&self) -> bool {
        self.blank == self.reached
    }

    /// Whether it could hardly be anything else: all gutters it reaches are blank, and it reaches half of them.
    pub(super) fn is_sure(&self) -> bool {
        self.filled >= 2 && self.blank == self.reached && self.reached * 2 > self.gutters
    }
}

/// What a line has at a gutter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Blank,
    /// A value reaches into it from one side.
    Partly,
    /// A value fills it.
    RunOver,
}

/// Where the cell before a gutter ends and the one behind begins. An empty gutter parts what touches.
fn part(line: &Line<'_>, gutter: Range<usize>) -> (usize, usize, Gap) {
    let blanks = gutter.clone().filter(|column| line.is_blank(*column)).count();
    if blanks == gutter.len() {
        return (gutter.start, gutter.end, Gap::Blank);
    }
    if blanks == 0 {
        let end = (gutter.end..line.width()).find(|column| line.is_blank(*column)).unwrap_or(line.width());
        return (end, end, Gap::RunOver);
    }
    let (mut best, mut run) = (gutter.start..gutter.start, gutter.start..gutter.start);
    for column in gutter {
        run = if line.is_blank(column) { run.start..column + 1 } else { column + 1..column + 1 };
        if run.len() > best.len() {
            best = run.clone();
        }
    }
    (best.start, best.end, Gap::Partly)
}

/// What stands from one column to another, without the blanks around it.
fn span(line: &Line<'_>, base: usize, mut from: usize, mut to: usize) -> Span {
    while from < to && line.is_blank(from) {
        from += 1;
    }
    while to > from && line.is_blank(to - 1) {
        to -= 1;
    }
    Span { start: (base + line.place(from)) as u32, end: (base + line.place(to)) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(gutters: &[Range<usize>], text: &str, measure: Measure) -> (Vec<String>, bool) {
        let grid = Grid { measure, gutters: gutters.to_vec() };
        let (mut places, mut cells) = (Vec::new(), Vec::new());
        let line = Line::new(text.as_bytes(), measure, &mut places);
        let fits = grid.cut(&line, 0, &mut cells).is_row();
        (cells.iter().map(|cell| String::from_utf8_lossy(cell.of(text.as_bytes())).into_owned()).collect(), fits)
    }

    #[test]
    fn values_may_reach_into_gutters_from_either_side_and_over_them() {
        for (line, cells) in [
            ("Martin      12 Brest", ["Martin", "12", "Brest"]),
            ("Chevalier  112 Metz", ["Chevalier", "112", "Metz"]),
            ("Roux           Le Mans", ["Roux", "", "Le Mans"]),
            ("De La Rochefoucauld 12 Brest", ["De La Rochefoucauld", "12", "Brest"]),
            ("Petit       12", ["Petit", "12", ""]),
        ] {
            assert_eq!(
                cut(&[8..12, 14..15], line, Measure::Characters),
                (cells.map(str::to_owned).to_vec(), true),
                "{line}"
            );
        }
    }

    #[test]
    fn columns_are_characters_or_cells_of_a_terminal_or_bytes() {
        let cells = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let gutter = std::slice::from_ref(&(5..6));
        assert_eq!(cut(gutter, "Zoé   Roux", Measure::Characters).0, cells(["Zoé", "Roux"]));
        assert_eq!(cut(gutter, "Zoe\u{301}   Roux", Measure::Characters).0, cells(["Zoe\u{301}", "Roux"]));
        assert_eq!(cut(gutter, "東京  Roux", Measure::Terminal).0, cells(["東京", "Roux"]));
        assert_eq!(cut(gutter, "Zoéé Roux", Measure::Bytes).0, cells(["Zoéé", "Roux"]));
    }

    #[test]
    fn prose_fits_no_columns() {
        let gutters = [8..10, 18..20, 30..33, 44..45];
        assert!(!cut(&gutters, "There is more where this came from, ask me for it in private.", Measure::Characters).1);
        assert!(!cut(&gutters, "(40 rows)", Measure::Characters).1);
    }
}
