//! Running text to rows: what no parser claimed is still read.
//!
//! A line that shows an identifier becomes a row of the pieces between its separators; a paragraph that shows one
//! person line by line becomes one row. The pieces are ranges of the same buffer: nothing is copied. What a piece
//! is, is found out like the content of any other cell.

use memchr::memchr;

use crate::model::{Batch, Layout};

use super::shape::{LONGEST_VALUE, trimmed};

mod words;

use words::Words;

/// Lines of a paragraph that may together describe one person: longer ones are lists.
const PARAGRAPH: usize = 24;
/// Pieces of one row: what stands beyond on a line that long describes nobody in particular.
const PIECES: usize = 64;
/// Digits on a line that make it worth a look: fewer name nobody.
const DIGITS: usize = 5;

/// Turns a batch of running text into one of rows.
pub(super) fn to_rows(batch: &mut Batch) {
    debug_assert_eq!(batch.layout, Layout::Text);
    batch.cells.clear();
    batch.row_ends.clear();
    let mut paragraph: Vec<Line> = Vec::with_capacity(PARAGRAPH);
    let mut at = 0;
    while at < batch.source {
        let end = memchr(b'\n', &batch.text[at..batch.source]).map_or(batch.source, |n| at + n);
        let line = Line::of(&batch.text, at, end);
        // A heading stays with what follows it, also behind a blank line.
        let headed = line.is_break && end - at <= 1 && matches!(paragraph[..], [Line { is_heading: true, .. }]);
        if !headed && (line.is_break || line.begins_anew(&paragraph)) || paragraph.len() == PARAGRAPH {
            flush(batch, &mut paragraph);
        }
        if !line.is_break {
            paragraph.push(line);
        }
        at = end + 1;
    }
    flush(batch, &mut paragraph);
    batch.layout = Layout::Rows;
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
    fn of(text: &[u8], start: usize, end: usize) -> Self {
        let (mut emails, mut digits, mut masks, mut words) = (0, 0, 0, 0);
        let line = &text[start..end];
        // Counters of a byte, so many bytes at a time that none overflows: the processor then counts many at once.
        for part in line.chunks(255) {
            let mut counts = [0u8; 4];
            for &byte in part {
                counts[0] += u8::from(byte == b'@');
                counts[1] += u8::from(byte.is_ascii_digit());
                counts[2] += u8::from(byte == b'*');
                counts[3] += u8::from(byte.is_ascii_alphanumeric() | (byte >= 0x80));
            }
            let [e, d, m, w] = counts.map(usize::from);
            (emails, digits, masks, words) = (emails + e, digits + d, masks + m, words + w);
        }
        // Blank, or a rule of dashes, stars or the like, or nothing but a number.
        let is_break = words == 0 && masks == 0 || words <= 6 && is_number_of_item(line);
        let spelled = has_defanged_at(line);
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
fn is_number_of_item(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let digits = line.iter().filter(|b| b.is_ascii_digit()).count();
    let marks =
        line.iter().filter(|b| matches!(b, b'#' | b'.' | b'[' | b']' | b'(' | b')' | b':' | b'-' | b' ')).count();
    digits > 0 && digits <= 6 && marks > 0 && digits + marks == line.len() && !line.contains(&b'@')
}

/// `@` as it is spelled to hide it from harvesters: in brackets, or as a word with a dot after it.
fn has_defanged_at(line: &[u8]) -> bool {
    let spelled =
        |open: usize, word: &[u8]| line.get(open..open + word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word));
    let bracket = memchr::memchr3_iter(b'(', b'[', b'{', line).any(|i| spelled(i + 1, b"at") || spelled(i + 1, b" at"));
    // Lines are short: to set up a search for the word costs more than to look behind each blank.
    let word = || memchr::memchr_iter(b' ', line).find(|i| line[*i..].starts_with(b" at "));
    bracket
        || word()
            .is_some_and(|i| memchr(b'.', &line[i..]).is_some() || memchr::memmem::find(&line[i..], b" dot ").is_some())
}

/// Writes the rows of a paragraph: one if it describes one person line by line, else one for each line that shows an
/// identifier.
fn flush(batch: &mut Batch, paragraph: &mut Vec<Line>) {
    if paragraph.iter().any(Line::identifies) {
        let one_person = is_one_person(batch, paragraph);
        for line in paragraph.iter() {
            if one_person {
                pieces(batch, (line.start, line.end), line.spelled);
            } else if line.identifies() {
                rows_of_line(batch, line);
            }
        }
        batch.end_row();
    }
    paragraph.clear();
}

/// Whether the lines of a paragraph tell about one person: they are short, name one address at most, and no two of them
/// are written alike, as those of a list are.
fn is_one_person(batch: &Batch, paragraph: &[Line]) -> bool {
    let separators = |line: &Line| {
        let text = &batch.text[line.start..line.end];
        text.iter().filter(|b| matches!(b, b',' | b';' | b'|' | b'\t')).count()
    };
    let emails: usize = paragraph.iter().map(|line| line.emails).sum();
    let short = |line: &Line| line.end - line.start <= LONGEST_VALUE && line.digits <= 48 && separators(line) <= 2;
    paragraph.len() > 1
        && emails <= 1
        && paragraph.len() < PARAGRAPH
        && paragraph.iter().all(short)
        && paragraph.iter().filter(|line| line.digits >= 9).count() <= 4
        && !has_lines_alike(batch, paragraph)
}

/// Whether two lines with an identifier show the same kinds of words in the same order, and no label says what they are.
fn has_lines_alike(batch: &Batch, paragraph: &[Line]) -> bool {
    let mut seen: Vec<u64> = Vec::with_capacity(paragraph.len());
    for line in paragraph.iter().filter(|line| line.identifies()) {
        let text = &batch.text[line.start..line.end];
        let signature = words::signature(text);
        let labelled = text.iter().take(40).any(|b| matches!(b, b':' | b'='));
        if signature > 0xff && !labelled && seen.contains(&signature) {
            return true;
        }
        seen.push(signature);
    }
    false
}

/// The rows of one line: one, or as many as it lists people.
fn rows_of_line(batch: &mut Batch, line: &Line) {
    let parting = if line.emails > 1 { parting_of(&batch.text[line.start..line.end], line.emails) } else { None };
    let Some(parting) = parting else {
        pieces(batch, (line.start, line.end), line.spelled);
        return batch.end_row();
    };
    let mut from = line.start;
    while from < line.end {
        let to = memchr(parting, &batch.text[from..line.end]).map_or(line.end, |i| from + i);
        pieces(batch, (from, to), line.spelled && has_defanged_at(&batch.text[from..to]));
        batch.end_row();
        from = to + 1;
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

/// Appends the pieces of one line, or of a stretch of it, as cells; `spelled` says whether an `@` is spelled out there.
fn pieces(batch: &mut Batch, (start, end): (usize, usize), spelled: bool) {
    let begin = start + words::decoration(&batch.text[start..end]);
    let (mut from, mut at) = (begin, begin);
    let mut count = 0;
    while count < PIECES {
        // Most bytes are letters and digits, which part nothing.
        let Some(next) = batch.text[at.min(end)..end].iter().position(|b| MAY_PART[usize::from(*b)]) else { break };
        at += next;
        let width = match separator(&batch.text[..end], begin, at) {
            0 if !spelled => words::bracket(&batch.text[..end], at),
            width => width,
        };
        if width == 0 {
            at += 1;
            continue;
        }
        count += piece(batch, from, at, spelled);
        at += width;
        from = at;
    }
    piece(batch, from, end, spelled);
}

/// The bytes with which [`separator`] and [`words::bracket`] may find something.
const MAY_PART: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"\t;|,<>\r\"-./=+ :()[]{}\xe2";
    let mut i = 0;
    while i < bytes.len() {
        table[bytes[i] as usize] = true;
        i += 1;
    }
    table
};

/// Appends a piece: its addresses, numbers and dates as cells of their own, and what stands between them. The number of
/// cells.
fn piece(batch: &mut Batch, from: usize, to: usize, spelled: bool) -> usize {
    if spelled {
        return usize::from(push(batch, from, to));
    }
    let mut count = 0;
    let mut words = Words::new(from, to);
    while let Some((start, end)) = words.next(&batch.text) {
        count += usize::from(push(batch, start, end));
    }
    count
}

fn push(batch: &mut Batch, from: usize, to: usize) -> bool {
    let piece = trimmed(&batch.text[from..to]);
    if !piece.iter().any(|b| b.is_ascii_alphanumeric() || *b >= 0x80 || *b == b'*') {
        return false;
    }
    let start = piece.as_ptr() as usize - batch.text.as_ptr() as usize;
    let len = piece.len();
    batch.push_cell(start, start + len);
    true
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

/// Calls `found` with each part of a mixed cell that may be a value by itself: addresses, runs of digits, and what is
/// left between them. `Jean Martin <jean@a.example> 06 12 34 56 78` has three.
pub(super) fn values_in(cell: &[u8], found: &mut dyn FnMut(&[u8])) {
    let mut rest = 0;
    let mut at = 0;
    while at < cell.len() {
        let Some((start, end)) = next_identifier(cell, at) else { break };
        emit(&cell[rest..start.max(rest)], found);
        emit(&cell[start..end], found);
        each_number(cell, (start, end), found);
        rest = end;
        at = end.max(at + 1);
    }
    if rest > 0 {
        emit(&cell[rest..], found);
    } else if let Some(colon) = memchr(b':', cell) {
        emit(&cell[colon + 1..], found);
    }
}

/// What a run may be besides one number: a date and the number beside it look like one in groups, and the letters that lead a
/// contract's number stand before a dash. So each word of it that has enough digits, as far as the blanks around it.
fn each_number(cell: &[u8], (start, end): (usize, usize), found: &mut dyn FnMut(&[u8])) {
    let first = cell[..start].iter().rposition(|b| *b == b' ').map_or(0, |at| at + 1);
    let last = cell[end..].iter().position(|b| *b == b' ').map_or(cell.len(), |at| end + at);
    for word in cell[first..last].split(|b| *b == b' ') {
        let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
        // An address holds no number, and the run itself was told.
        if digits >= DIGITS && word.len() != end - start && !word.contains(&b'@') {
            emit(word, found);
        }
    }
}

fn emit(part: &[u8], found: &mut dyn FnMut(&[u8])) {
    let part = trimmed(part);
    let edge =
        |b: &u8| !(b.is_ascii_alphanumeric() || *b >= 0x80 || matches!(b, b'+' | b'*' | b'[' | b']' | b'(' | b')'));
    let start = part.iter().position(|b| !edge(b)).unwrap_or(part.len());
    let end = part.iter().rposition(|b| !edge(b)).map_or(start, |i| i + 1);
    if end > start + 1 {
        found(&part[start..end.min(start + LONGEST_VALUE)]);
    }
}

/// The next address or run of digits at or after `at`.
fn next_identifier(cell: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut i = at;
    while i < cell.len() {
        let byte = cell[i];
        if byte == b'@' {
            let start = cell[..i].iter().rposition(|b| !is_address(*b)).map_or(0, |p| p + 1).max(at);
            let end = cell[i + 1..].iter().position(|b| !is_address(*b)).map_or(cell.len(), |p| i + 1 + p);
            return Some((start, end));
        }
        if (byte.is_ascii_digit() || byte == b'+' || byte == b'*') && !inside_address(cell, i) {
            let (start, end, digits) = digit_run(cell, i);
            if digits >= DIGITS && start >= at {
                return Some((start, end));
            }
            i = end.max(i + 1);
            continue;
        }
        i += 1;
    }
    None
}

fn is_address(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || b >= 0x80
        || matches!(b, b'.' | b'_' | b'-' | b'+' | b'%' | b'*' | b'\'' | b'[' | b']' | b'(' | b')')
}

/// Whether the digit at `i` belongs to a word that goes on to an `@`: `jean84@…` holds no number.
fn inside_address(cell: &[u8], i: usize) -> bool {
    let end = cell[i..].iter().position(|b| !is_address(*b)).map_or(cell.len(), |p| i + p);
    cell.get(end) == Some(&b'@')
}

/// A run of digits with what people put between them, with the letters that lead an account number (`FR76 …`).
fn digit_run(cell: &[u8], i: usize) -> (usize, usize, usize) {
    let mut start = i;
    while start > 0 && cell[start - 1].is_ascii_alphanumeric() {
        start -= 1;
    }
    let (mut end, mut digits) = (i, 0);
    while end < cell.len() {
        let b = cell[end];
        digits += usize::from(b.is_ascii_digit() || b == b'*');
        let goes_on = b.is_ascii_alphanumeric()
            && (b.is_ascii_digit() || (cell[end.saturating_sub(1)].is_ascii_alphanumeric()))
            || matches!(b, b'*' | b'+' | b'(' | b')')
            || matches!(b, b' ' | b'.' | b'-' | b'/')
                && cell.get(end + 1).is_some_and(|n| n.is_ascii_digit() || matches!(n, b'*' | b'('));
        if !goes_on {
            break;
        }
        end += 1;
    }
    (start, end, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        let mut batch = Batch::new(0, Layout::Text);
        batch.text.extend_from_slice(text.as_bytes());
        batch.source = text.len();
        to_rows(&mut batch);
        let row = |i| batch.row(i).cells().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
        (0..batch.rows()).map(row).collect()
    }

    fn values(cell: &str) -> Vec<String> {
        let mut all = Vec::new();
        values_in(cell.as_bytes(), &mut |v| all.push(String::from_utf8_lossy(v).into_owned()));
        all
    }

    #[test]
    fn bytes_that_are_passed_over_part_nothing() {
        for byte in (0..=255u8).filter(|byte| !MAY_PART[usize::from(*byte)]) {
            for (before, behind) in [(b' ', b' '), (b'a', b'a'), (b' ', b'a'), (b'1', b' '), (byte, byte)] {
                let line = [before, byte, behind, behind];
                assert_eq!((separator(&line, 0, 1), words::bracket(&line, 1)), (0, 0), "{line:?}");
            }
        }
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
        assert_eq!(values("tel:0612345678"), ["tel", "0612345678", "tel:0612345678"]);
        assert!(values("Metz 1985-03-02 CT-123456789").ends_with(&["123456789".into(), "CT-123456789".into()]));
        assert_eq!(values("nom : Martin"), ["Martin"]);
    }
}
