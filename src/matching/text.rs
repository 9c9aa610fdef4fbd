//! Running text to rows: what no parser claimed is still read.
//!
//! A line that shows an identifier becomes a row of the pieces between its separators; a paragraph that shows one
//! person line by line becomes one row. The pieces are ranges of the same buffer: nothing is copied. What a piece
//! is, is found out like the content of any other cell. Lines that could find no record are counted and passed over (`passing`).

use std::ops::Range;

use memchr::memchr;

use crate::model::{Batch, Layout, Span};

use super::shape::LONGEST_VALUE;

mod map;
mod parts;
mod passing;
mod pieces;
mod words;

use map::{Class, Cuts, Map};
pub(super) use parts::values_in;
pub(super) use passing::{Notes, Passing};
use pieces::Pieces;
pub(super) use pieces::Splitter;

/// Lines of a paragraph that may together describe one person: longer ones are lists.
const PARAGRAPH: usize = 24;
/// Digits on a line that make it worth a look: fewer name nobody.
const DIGITS: usize = 5;

/// Reads running text. Its memory is used again from batch to batch.
#[derive(Default)]
pub(super) struct Reader {
    map: Map,
    cuts: Cuts,
    paragraph: Vec<Line>,
    runs: Vec<(usize, usize)>,
    signatures: Vec<u64>,
    passed: Vec<Passed>,
}

/// Rows that were passed over, one after another.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) rows: u32,
    /// Of these, those with something to search by.
    pub(super) searchable: u32,
}

impl Reader {
    /// Turns a batch of running text into one of rows. `passing` says which lines need not become one.
    pub(super) fn read(&mut self, batch: &mut Batch, passing: Option<Passing<'_>>) {
        debug_assert_eq!(batch.layout, Layout::Text);
        let Self { map, cuts, paragraph, runs, signatures, passed } = self;
        passed.clear();
        let (mut cells, mut row_ends) = (std::mem::take(&mut batch.cells), std::mem::take(&mut batch.row_ends));
        cells.clear();
        row_ends.clear();
        let text = &batch.text[..batch.source];
        map.draw(text);
        cuts.clear();
        let gap = Passed::default();
        let mut reading = Reading { text, map, cuts, runs, signatures, cells, row_ends, passing, passed, gap };
        reading.read(paragraph);
        (batch.cells, batch.row_ends) = (reading.cells, reading.row_ends);
        batch.layout = Layout::Rows;
    }

    /// Forgets what was passed over: what comes was no text.
    pub(super) fn forget(&mut self) {
        self.passed.clear();
    }

    /// What was passed over before each row of the batch that was read last, and behind all of them.
    pub(super) fn passed(&self) -> &[Passed] {
        &self.passed
    }
}

/// One batch being read.
struct Reading<'a> {
    text: &'a [u8],
    map: &'a Map,
    cuts: &'a mut Cuts,
    runs: &'a mut Vec<(usize, usize)>,
    signatures: &'a mut Vec<u64>,
    cells: Vec<Span>,
    row_ends: Vec<u32>,
    passing: Option<Passing<'a>>,
    passed: &'a mut Vec<Passed>,
    /// What was passed over since the last row.
    gap: Passed,
}

#[derive(Clone, Copy)]
struct Line {
    start: usize,
    end: usize,
    emails: usize,
    digits: usize,
    masks: usize,
    /// Whether an `@` is spelled out on it.
    spelled: bool,
    /// Blanks before its first word.
    indent: usize,
    is_break: bool,
    is_heading: bool,
    /// Whether it says what the next line holds.
    is_label: bool,
}

impl Line {
    fn of(text: &[u8], map: &Map, start: usize, end: usize) -> Self {
        let line = &text[start..end];
        let (mut emails, mut digits, mut masks) = (0, 0, 0);
        if map.any(Class::Sign, start..end) {
            emails = map.count(Class::At, start..end);
            digits = map.count(Class::Digit, start..end);
            masks = map.count(Class::Star, start..end);
        }
        // Blank, or a rule of dashes, stars or the like, or nothing but a number.
        let is_break = masks == 0 && !map.any(Class::Word, start..end) || is_number_of_item(line, digits);
        let spelled = has_defanged_at(text, map, start..end);
        if emails == 0 {
            emails = usize::from(spelled);
        }
        let indent = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let is_heading = matches!(line, [b'#', b'#' | b' ', ..] | [b'=', b'=', ..]);
        let is_label = line.trim_ascii_end().ends_with(b":");
        Self { start, end, emails, digits, masks, spelled, indent, is_break, is_heading, is_label }
    }

    /// Whether something on it may name somebody.
    fn identifies(&self) -> bool {
        self.emails > 0 || self.digits >= DIGITS || self.masks >= 2
    }

    /// Whether a new item begins with it: a heading, or a line further to the left than the details before it.
    fn begins_anew(&self, paragraph: &[Line]) -> bool {
        let [first, .., last] = paragraph else { return self.is_heading };
        self.is_heading || !self.is_label && self.indent <= first.indent && last.indent > first.indent
    }
}

/// `#12`, `12.`, `[12]`, `(12)`, `12)`: what stands above an item of a list.
fn is_number_of_item(line: &[u8], digits: usize) -> bool {
    if digits == 0 || digits > 6 {
        return false;
    }
    let line = line.trim_ascii();
    let marks = line.iter().take_while(|b| {
        b.is_ascii_digit() || matches!(b, b'#' | b'.' | b'[' | b']' | b'(' | b')' | b':' | b'-' | b' ')
    });
    line.len() > digits && marks.count() == line.len()
}

/// Whether an `@` is spelled in a stretch to hide it from harvesters: in brackets, or as a word with what may be a domain behind it.
fn has_defanged_at(text: &[u8], map: &Map, stretch: Range<usize>) -> bool {
    let mut from = stretch.start;
    while let Some(at) = map.next(Class::Spelled, from..stretch.end) {
        from = at + 1;
        let (before, behind) = (&text[stretch.start..at], &text[at..stretch.end]);
        let spells = match before {
            [.., b'(' | b'[' | b'{'] | [.., b'(' | b'[' | b'{', b' '] => true,
            _ => before.ends_with(b" ") && behind.strip_prefix(b"at ").is_some_and(begins_as_domain),
        };
        if spells {
            return true;
        }
    }
    false
}

/// Whether a domain may stand at the beginning of a text: a word that ends as one does, or any word where dots are spelled out. Not in
/// `at 279.79 EUR`.
fn begins_as_domain(text: &[u8]) -> bool {
    let word = text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let word = word.strip_suffix(b".").unwrap_or(word);
    let last_label = memchr::memrchr(b'.', word).and_then(|dot| word.get(dot + 1));
    last_label.is_some_and(|first| first.is_ascii_alphabetic() || *first >= 0x80)
        || memchr::memchr_iter(b' ', text).any(|i| {
            matches!(text[i + 1..], [b'd', b'o', b't', b' ', ..] | [b'p', b'o', b'i', b'n', b't', b' ', ..] | [b'.', b' ', ..])
        })
        // `[.]`, `(dot)`, `{point}`.
        || memchr::memchr3_iter(b'[', b'(', b'{', text).any(|i| text.get(i + 1).is_some_and(|b| b".dDpP".contains(b)))
}

impl Reading<'_> {
    fn read(&mut self, paragraph: &mut Vec<Line>) {
        paragraph.clear();
        let mut at = 0;
        while at < self.text.len() {
            let end = self.map.next(Class::Newline, at..self.text.len()).unwrap_or(self.text.len());
            let line = Line::of(self.text, self.map, at, end);
            // A heading stays with what follows it, also behind a blank line.
            let headed = line.is_break && end - at <= 1 && matches!(paragraph[..], [Line { is_heading: true, .. }]);
            if !headed && (line.is_break || line.begins_anew(paragraph)) || paragraph.len() == PARAGRAPH {
                self.flush(paragraph);
            }
            if !line.is_break {
                paragraph.push(line);
            }
            at = end + 1;
        }
        self.flush(paragraph);
        self.passed.push(self.gap);
    }

    /// Writes the rows of a paragraph: one if it describes one person line by line, else one for each line that shows an
    /// identifier.
    fn flush(&mut self, paragraph: &mut Vec<Line>) {
        if paragraph.iter().any(Line::identifies) {
            if !self.is_one_person(paragraph) {
                for line in paragraph.iter().filter(|line| line.identifies()) {
                    if !self.passes_over(std::slice::from_ref(line)) {
                        self.rows_of_line(line);
                    }
                }
            } else if !self.passes_over(paragraph) {
                paragraph.iter().for_each(|line| self.pieces((line.start, line.end), line.spelled));
                self.end_row();
            }
        }
        paragraph.clear();
    }

    /// Passes over lines that would be one row, if none need be made of them, and counts it.
    fn passes_over(&mut self, lines: &[Line]) -> bool {
        let Self { text, map, cuts, passing, gap, .. } = self;
        let Some(searchable) = passing.as_mut().and_then(|passing| passing.over(text, (map, cuts), lines)) else {
            return false;
        };
        gap.rows += 1;
        gap.searchable += u32::from(searchable);
        true
    }

    /// Whether the lines of a paragraph tell about one person: they are short, name one address at most, and no two of them
    /// are written alike, as those of a list are.
    fn is_one_person(&mut self, paragraph: &[Line]) -> bool {
        let separators = |line: &Line| self.map.count(Class::Separator, line.start..line.end);
        let short = |line: &Line| line.end - line.start <= LONGEST_VALUE && line.digits <= 48 && separators(line) <= 2;
        paragraph.len() > 1
            && paragraph.len() < PARAGRAPH
            && paragraph.iter().map(|line| line.emails).sum::<usize>() <= 1
            && paragraph.iter().filter(|line| line.digits >= 9).count() <= 4
            && paragraph.iter().all(short)
            && !self.has_lines_alike(paragraph)
    }

    /// Whether two lines with an identifier show the same kinds of words in the same order, and no label says what they are.
    fn has_lines_alike(&mut self, paragraph: &[Line]) -> bool {
        self.signatures.clear();
        for line in paragraph.iter().filter(|line| line.identifies()) {
            let text = &self.text[line.start..line.end];
            let signature = words::signature(text);
            let labelled = text.iter().take(40).any(|b| matches!(b, b':' | b'='));
            if signature > 0xff && !labelled && self.signatures.contains(&signature) {
                return true;
            }
            self.signatures.push(signature);
        }
        false
    }

    /// The rows of one line: one, or as many as it lists people.
    fn rows_of_line(&mut self, line: &Line) {
        let text = &self.text[line.start..line.end];
        let Some(parting) = (line.emails > 1).then(|| parting_of(text, line.emails)).flatten() else {
            self.pieces((line.start, line.end), line.spelled);
            return self.end_row();
        };
        let mut from = line.start;
        while from < line.end {
            let to = memchr(parting, &self.text[from..line.end]).map_or(line.end, |i| from + i);
            self.pieces((from, to), line.spelled && has_defanged_at(self.text, self.map, from..to));
            self.end_row();
            from = to + 1;
        }
    }

    /// Appends the pieces of one line, or of a stretch of it, as cells; `spelled` says whether an `@` is spelled out there.
    fn pieces(&mut self, stretch: (usize, usize), spelled: bool) {
        let Self { text, map, runs, cells, .. } = self;
        Pieces { text, map, runs, cells }.read(stretch, spelled);
    }

    /// Closes the row under construction, if it has a cell.
    fn end_row(&mut self) {
        let end = self.cells.len() as u32;
        if self.row_ends.last().copied().unwrap_or(0) != end {
            self.row_ends.push(end);
            self.passed.push(std::mem::take(&mut self.gap));
        }
    }
}

/// What parts the people whom a line lists: no stretch between two of it holds more than one address, and few hold none.
fn parting_of(line: &[u8], emails: usize) -> Option<u8> {
    [b';', b'|', b','].into_iter().find(|parting| {
        let (mut stretches, mut crowded) = (0, false);
        for stretch in line.split(|b| b == parting) {
            crowded |= memchr::memchr_iter(b'@', stretch).take(2).count() > 1;
            stretches += usize::from(stretch.iter().any(u8::is_ascii_alphanumeric));
        }
        !crowded && stretches >= 2 && stretches <= emails * 2
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        let mut batch = Batch::new(0, Layout::Text);
        batch.text.extend_from_slice(text.as_bytes());
        batch.source = text.len();
        Reader::default().read(&mut batch, None);
        let row = |i| batch.row(i).cells().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
        (0..batch.rows()).map(row).collect()
    }

    fn values(cell: &str) -> Vec<String> {
        let mut all = Vec::new();
        values_in(cell.as_bytes(), &mut |v| all.push(String::from_utf8_lossy(v).into_owned()));
        all
    }

    #[test]
    fn a_list_in_prose_is_a_row_a_line() {
        let found = rows(
            "Some names:\n1) Jean Martin - jean@a.example - 06 12 34 56 78\n2) Zoé Roux – zoe@b.example – +33 6 98 76 54 32\nbye\n",
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], ["Jean Martin", "jean@a.example", "06 12 34 56 78"]);
        assert_eq!(found[1][1], "zoe@b.example");
    }

    #[test]
    fn a_card_is_one_row_and_so_is_the_next() {
        let found =
            rows("Jean Martin\n12 rue des Lilas\n75011 Paris\njean@a.example\n\nZoé Roux\nMetz\nzoe@b.example\n");
        assert_eq!(
            found,
            [
                vec!["Jean Martin", "12 rue des Lilas", "75011", "Paris", "jean@a.example"],
                vec!["Zoé Roux", "Metz", "zoe@b.example"],
            ]
        );
    }

    #[test]
    fn at_is_a_word_unless_a_domain_may_stand_behind_it() {
        let names = |text: &str| rows(text).concat().contains(&"Zoé Roux".to_owned());
        for line in [
            "The customer Zoé Roux, met at 12.30, lives in 39683\n",
            "yesterday Zoé Roux bought 3 at 279.79 EUR, ticket 962380\n",
            "the customer Zoé Roux born on 12/03/1970 lives at 12 rue des Lilas. Call her\n",
        ] {
            assert!(names(line), "{line}: {:?}", rows(line));
        }
        for address in [
            "jo at mail.example",
            "jo at mail dot example",
            "jo (at) mail.example",
            "jo[ at ]mail.example",
            "jo at mail[.]example",
            "jo at mail [dot] example",
            "jo at mail . example",
        ] {
            assert_eq!(rows(&format!("Zoé Roux; {address};\n"))[0][1], address);
        }
    }

    #[test]
    fn text_without_identifiers_is_no_row() {
        assert!(rows("the quick brown fox\njumps over 12 dogs\n").is_empty());
    }

    #[test]
    fn a_mixed_cell_holds_its_values() {
        assert_eq!(
            values("Jean Martin <jean84@a.example> 06 12 34 56 78"),
            ["Jean Martin", "jean84@a.example", "06 12 34 56 78"]
        );
        assert_eq!(
            values("iban: FR76 3000 4000 0100 0000 1234 567 merci"),
            ["iban", "FR76 3000 4000 0100 0000 1234 567", "merci"]
        );
        assert_eq!(values("tel:0612345678"), ["tel", "0612345678"]);
        assert!(values("Metz 1985-03-02 CT-123456789").ends_with(&["123456789".into(), "CT-123456789".into()]));
        assert_eq!(values("nom : Martin"), ["Martin"]);
    }
}
