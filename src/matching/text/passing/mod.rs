//! Lines that are passed over: no row is made of them, because none of their cells could find a record.
//!
//! Most of what is read is text with numbers in it that are none of ours: logs, patches, code. Of such a line only two things are kept: that
//! it is a row, and whether it shows a whole name (then it counts among those with something to search by). The walk goes from word to
//! word by the map and sees the same cells as `words` does, each once, without keeping any but the few that may be names. Where anything
//! in a line is out of the ordinary, it is not passed over: then `text` makes a row of it, and the slower way decides.

use super::map::{Class, Cuts, Map, Mark};
use super::pieces::PIECES;
use super::words::{self, RUNS, Stretch, bare, is_numeric, is_particle};
use super::{DIGITS, Line};
use crate::matching::Matcher;
use crate::matching::names::NAME_CELLS;
use crate::matching::needs::Outline;
use crate::matching::row::{Examiner, Scratch};
use crate::matching::shape::{CellShape, LONGEST_VALUE, is_absent, trimmed};
use crate::matching::values::Values;
use crate::matching::wordings::{Names, Wordings};

/// Bytes of a cell of which the outline is read at once.
const OUTLINED: usize = u64::BITS as usize;

/// Who passes lines over: what is looked for, and memory to look with.
pub(in crate::matching) struct Passing<'a> {
    pub(in crate::matching) matcher: &'a Matcher,
    pub(in crate::matching) values: &'a mut Values,
    pub(in crate::matching) scratch: &'a mut Scratch,
    pub(in crate::matching) notes: &'a mut Notes,
}

/// What is known of lines that were passed over. Of one matcher.
#[derive(Default)]
pub(in crate::matching) struct Notes {
    /// Text names the same people again and again.
    wordings: Wordings<Held, 8192>,
    /// The cells of the lines at hand.
    cells: Vec<(usize, usize)>,
}

/// What the words of lines show.
#[derive(Default, Clone)]
struct Held {
    /// The names that some index holds.
    names: Names,
    /// The fewest records of an index that one of them has.
    fewest: u32,
    /// Whether there is a whole name, known or not.
    named: bool,
}

impl Passing<'_> {
    /// Whether nothing in some lines, which follow one another and would be one row, could find a record; if so, whether they show a whole
    /// name. `None` where it takes a row to tell.
    pub(super) fn over(&mut self, text: &[u8], (map, cuts): (&Map, &mut Cuts), lines: &[Line]) -> Option<bool> {
        let [first, ..] = lines else { return None };
        let [.., last] = lines else { return None };
        // What stands at the end of a text has no neighbour to tell by.
        if last.end >= text.len() || self.matcher.needs.are_none() {
            return None;
        }
        cuts.draw(text, first.start..last.end);
        self.notes.cells.clear();
        let mut walk = Walk {
            text,
            map,
            cuts,
            passing: self,
            names: [(0, 0); NAME_CELLS],
            named: 0,
            runs: [(0, 0); RUNS],
            numbers: 0,
            spelled: false,
            stopped: false,
        };
        for line in lines {
            walk.line(line);
            if walk.stopped {
                return None;
            }
        }
        let (names, named, numbers) = (walk.names, walk.named, walk.numbers);
        // Where there is nothing but names, it takes the table to say whether they are sought.
        if numbers == 0 { None } else { self.shows_name(text, &names[..named]) }
    }

    /// Whether cells that may be names show a whole one; `None` if some index has it, and other `cells` confirm somebody of that name.
    fn shows_name(&mut self, text: &[u8], names: &[(usize, usize)]) -> Option<bool> {
        if names.is_empty() {
            return Some(false);
        }
        let mut may_be: [(u8, &[u8]); NAME_CELLS] = [(0, b""); NAME_CELLS];
        for (no, (cell, name)) in may_be.iter_mut().zip(names).enumerate() {
            *cell = (no as u8, &text[name.0..name.1]);
        }
        let may_be = &may_be[..names.len()];
        let Self { matcher, scratch, notes: Notes { wordings, cells }, .. } = self;
        let examiner = Examiner { matcher };
        scratch.start_names();
        let read;
        let held = match wordings.ask(may_be) {
            Some(held) => held,
            None => {
                examiner.read_names_of(may_be, scratch);
                let mut fewest = u32::MAX;
                // What the prefilter takes for a name would be looked up again with every line of the same words.
                scratch.names.retain(|name| {
                    let many = examiner.fewest_of(*name);
                    fewest = fewest.min(many.unwrap_or(u32::MAX));
                    many.is_some()
                });
                read = Held { names: scratch.names.clone(), fewest, named: scratch.named };
                wordings.keep(may_be, &read);
                &read
            }
        };
        let found = !held.names.is_empty() && {
            scratch.names.clone_from(&held.names);
            let cells = cells.iter().map(|(from, to)| &text[*from..*to]);
            examiner.confirms_namesake(cells, held.fewest, scratch)
        };
        (!found).then_some(held.named)
    }
}

/// Whether all bytes of the line are what every step of the walk knows of: in ASCII, with nothing that hides, and no address; and if so, whether
/// an `@` may be spelled out in one of its cells.
fn is_ordinary(text: &[u8], (map, cuts): (&Map, &Cuts), line: &Line) -> Option<bool> {
    let (mut at, mut spelled) = (line.start, false);
    while let Some(odd) = cuts.next(Mark::Odd, at..line.end) {
        let ordinary = match text[odd] {
            b'@' => is_lone_at(text, odd),
            b'a' | b'A' => {
                spelled = true;
                true
            }
            _ => false,
        };
        if !ordinary {
            return None;
        }
        at = odd + 1;
    }
    // Several may part people; not where two stand side by side.
    let apart = || map.next(Class::At, line.start..line.end).is_some_and(|at| text.get(at + 1) == Some(&b'@'));
    (line.emails < 2 || apart()).then_some(spelled)
}

/// Whether nothing is odd on a line but what may be the `a` of an `@` that is spelled out.
fn is_plain(text: &[u8], cuts: &Cuts, line: &Line) -> bool {
    let mut at = line.start;
    while let Some(odd) = cuts.next(Mark::Odd, at..line.end) {
        if !text[odd].eq_ignore_ascii_case(&b'a') {
            return false;
        }
        at = odd + 1;
    }
    true
}

/// Whether a line on which an `@` may be spelled out is cut where its marks are. Its pieces are cells with the signs around them, so it counts
/// what those at its ends and within arrows do.
fn are_cuts_exact(line: &[u8]) -> bool {
    line.first() != Some(&b'/') && line.last() != Some(&b'=') && memchr::memchr(b'>', line).is_none()
}

/// Whether an `@` has nothing before it or nothing behind it: then there is no address.
fn is_lone_at(text: &[u8], at: usize) -> bool {
    let none = |byte: Option<&u8>| byte.is_none_or(|b| matches!(b, b' ' | b'\t' | b'\n' | b'@'));
    none(text.get(at + 1)) || none(at.checked_sub(1).and_then(|before| text.get(before)))
}

/// Lines being walked along.
struct Walk<'w, 'a> {
    text: &'w [u8],
    map: &'w Map,
    cuts: &'w Cuts,
    passing: &'w mut Passing<'a>,
    /// The first cells that may be names.
    names: [(usize, usize); NAME_CELLS],
    /// How many of them there are.
    named: usize,
    /// Runs of capitalised words of the sentence at hand; the last may still go on.
    runs: [(usize, usize); RUNS],
    /// Cells with a digit: they have a value and are no names.
    numbers: usize,
    /// Whether an `@` may be spelled out in a cell of the line at hand.
    spelled: bool,
    /// Whether it takes a row to tell.
    stopped: bool,
}

/// A word between gaps.
#[derive(Clone, Copy)]
struct Word {
    /// All of it.
    start: usize,
    end: usize,
    /// Without the signs around it.
    from: usize,
    to: usize,
    digits: usize,
}

/// The words since the last cut or value, as far as they were walked: what [`Stretch::values`] calls a sentence.
#[derive(Default, Clone, Copy)]
struct Sentence {
    /// Where its first word begins, if there is one, and where its last one ends.
    from: Option<usize>,
    to: usize,
    digits: usize,
    begun: bool,
    /// Whether it begins with a number, as a street does.
    street: bool,
    /// Whether some word is neither capitalised nor one that stands within names.
    small: bool,
    /// So many runs of capitalised words.
    runs: usize,
    in_run: bool,
}

impl Walk<'_, '_> {
    /// Walks along a line on which an `@` may be spelled out: what stands between two cuts is a cell, and brackets cut nothing.
    fn pieces(&mut self, begin: usize, line: &Line) {
        let (mut from, mut at) = (begin, begin);
        while !self.stopped && from < line.end {
            let cut = self.cuts.next(Mark::Cut, at..line.end).unwrap_or(line.end);
            at = cut + 1;
            if cut < line.end && matches!(self.text[cut], b'(' | b')' | b'[' | b']' | b'{' | b'}') {
                continue;
            }
            self.tell(from, cut, self.map.count(Class::Digit, from..cut));
            from = at;
        }
    }

    /// Walks along one, unless something on it is odd.
    fn line(&mut self, line: &Line) {
        let begin = line.start + words::decoration(&self.text[line.start..line.end]);
        if line.spelled {
            self.spelled = true;
            self.stopped = !are_cuts_exact(&self.text[begin..line.end]) || !is_plain(self.text, self.cuts, line);
            self.pieces(begin, line);
        } else if let Some(spelled) = is_ordinary(self.text, (self.map, self.cuts), line) {
            self.spelled = spelled;
            self.words(begin, line);
        } else {
            self.stopped = true;
        }
    }

    fn words(&mut self, mut at: usize, line: &Line) {
        let mut sentence = Sentence::default();
        while !self.stopped
            && let Some(start) = self.cuts.next_other(Mark::Gap, at..line.end)
        {
            // All but one blank cuts.
            if start > at && (start - at > 1 || self.text[at] != b' ') {
                self.end(sentence);
                sentence = Sentence::default();
            }
            at = self.word(start, line, &mut sentence);
        }
        self.end(sentence);
    }

    /// Walks over the word at `start`, and those that belong to a number with it. Returns where they end.
    fn word(&mut self, start: usize, line: &Line, sentence: &mut Sentence) -> usize {
        let word = self.word_at(start, line.end);
        let value = match () {
            () if line.emails > 0 && self.map.any(Class::At, start..word.end) => Some((word.from, word.to)),
            () if word.digits == 0 => None,
            () if self.may_go_on(word) => {
                let limit = self.cuts.next(Mark::Cut, word.end..line.end).unwrap_or(line.end);
                Stretch { text: self.text, map: self.map }.number((word.from, word.to), limit)
            }
            () => (word.digits >= DIGITS).then_some((word.from, word.to)),
        };
        let Some((from, to)) = value else {
            self.add(word, sentence);
            return word.end;
        };
        self.end(*sentence);
        *sentence = Sentence::default();
        let digits = if to == word.to { word.digits } else { self.map.count(Class::Digit, from..to) };
        self.tell(from, to, digits);
        let end = if to <= word.end { word.end } else { self.cuts.next(Mark::Gap, to..line.end).unwrap_or(line.end) };
        if to < end {
            let (from, bare_to) = bare(self.text, to, end);
            self.add(Word { start: to, end, from, to: bare_to, digits: 0 }, sentence);
        }
        end
    }

    /// The word that begins at `start`.
    #[inline(always)]
    fn word_at(&self, start: usize, limit: usize) -> Word {
        let gaps = self.cuts.window(Mark::Gap, start);
        let (words, digits) = (self.map.window(Class::Word, start), self.map.window(Class::Digit, start));
        let len = gaps.trailing_zeros() as usize;
        if len == OUTLINED || start + len > limit {
            let end = self.cuts.next(Mark::Gap, start..limit).unwrap_or(limit);
            let (from, to) = bare(self.text, start, end);
            return Word { start, end, from, to, digits: self.map.count(Class::Digit, start..end) };
        }
        let end = start + len;
        // A letter or digit at both ends, as nearly always: nothing stands around it.
        let whole = words & words >> (len - 1) & 1 == 1;
        let (from, to) = if whole { (start, end) } else { bare(self.text, start, end) };
        // To count bits takes more than to see that there are none.
        let digits = match digits & !(u64::MAX << len) {
            0 => 0,
            digits => digits.count_ones() as usize,
        };
        Word { start, end, from, to, digits }
    }

    /// Whether a number may go on behind the word: in the next word, if that begins as part of a number does.
    fn may_go_on(&self, word: Word) -> bool {
        word.to == word.end
            && self.text[word.end] == b' '
            && self.text.get(word.end + 1).is_some_and(|b| is_numeric(*b) || b.is_ascii_uppercase())
    }

    /// Adds a word to the sentence.
    fn add(&mut self, word: Word, sentence: &mut Sentence) {
        if !sentence.begun {
            sentence.begun = true;
            sentence.street = self.text[word.start].is_ascii_digit();
        }
        // A dot may begin a sentence and does not end it.
        if word.from < word.end && sentence.from.is_none() {
            sentence.from = Some(word.from);
        }
        if word.from == word.to {
            return;
        }
        sentence.to = word.to;
        sentence.digits += word.digits;
        let first = self.text[word.from];
        if first.is_ascii_uppercase() {
            if sentence.in_run {
                self.runs[sentence.runs - 1].1 = word.to;
            } else {
                self.runs[sentence.runs] = (word.from, word.to);
                sentence.runs += 1;
                sentence.in_run = true;
                // Of more, the last ones are told.
                self.stopped |= sentence.runs == RUNS;
            }
        } else if (sentence.in_run || !sentence.small) && !is_particle(&self.text[word.from..word.to]) {
            sentence.in_run = false;
            sentence.small |= first.is_ascii_lowercase();
        }
    }

    /// Tells a sentence's cell and, if it is one, its runs of capitalised words.
    fn end(&mut self, sentence: Sentence) {
        let Some(from) = sentence.from.filter(|from| *from < sentence.to && !self.stopped) else { return };
        self.tell(from, sentence.to, sentence.digits);
        let has_blank = || self.map.any(Class::Space, from..sentence.to);
        if sentence.runs > 0 && sentence.small && !sentence.street && has_blank() {
            for no in 0..sentence.runs {
                let (from, to) = self.runs[no];
                self.tell(from, to, self.map.count(Class::Digit, from..to));
            }
        }
    }

    /// Sees what a cell could be.
    fn tell(&mut self, from: usize, to: usize, digits: usize) {
        if self.stopped {
            return;
        }
        let cell = trimmed(&self.text[from..to]);
        let from = cell.as_ptr() as usize - self.text.as_ptr() as usize;
        let to = from + cell.len();
        // Nearly every cell begins with a letter or digit.
        if !cell.first().is_some_and(u8::is_ascii_alphanumeric) && !self.map.any(Class::Word, from..to) {
            return;
        }
        let cells = &mut self.passing.notes.cells;
        cells.push((from, to));
        self.stopped |= cells.len() >= PIECES || cell.len() > LONGEST_VALUE;
        if self.stopped || digits == 0 && is_absent(cell) {
            return;
        }
        self.numbers += usize::from(digits > 0);
        // Odd is only an `@` without an address, or the `a` of what may be one that is spelled out.
        let spelled = self.spelled && self.cuts.next(Mark::Odd, from..to).is_some();
        if spelled || !self.is_lacking(from, to, digits) {
            let Passing { matcher, values, .. } = &mut *self.passing;
            self.stopped |= matcher.shows_value(cell, values);
        }
        if digits == 0 && self.named < NAME_CELLS && CellShape::of(cell).may_be_name() {
            self.names[self.named] = (from, to);
            self.named += 1;
        }
    }

    /// Whether the cell lacks what a value needs.
    fn is_lacking(&self, from: usize, to: usize, digits: usize) -> bool {
        let needs = &self.passing.matcher.needs;
        if digits == 0 && needs.are_digits() {
            return true;
        }
        if to - from > OUTLINED || to == from {
            return false;
        }
        let cell = u64::MAX >> (OUTLINED - (to - from));
        let outline = Outline {
            cell: &self.text[from..to],
            words: self.map.window(Class::Word, from) & cell,
            digits: self.map.window(Class::Digit, from) & cell,
        };
        needs.are_lacking(outline, digits)
    }
}

#[cfg(test)]
mod tests;
