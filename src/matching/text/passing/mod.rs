//! Lines that are passed over: no row is made of them, because none of their cells could find a record.
//!
//! Most of what is read is text with numbers in it that are none of ours: logs, patches, code. Of such a line only two things are kept: that
//! it is a row, and whether it shows a whole name (then it counts among those with something to search by). The walk goes from word to
//! word by the map and sees the same cells as `words` does, each once, without keeping any but the few that may be names. Where anything
//! in a line is out of the ordinary, it is not passed over: then `text` makes a row of it, and the slower way decides.

use super::map::{Class, Map};
use super::words::{self, RUNS, Stretch, bare, is_numeric, is_particle};
use super::{DIGITS, Line, PIECES};
use crate::matching::Matcher;
use crate::matching::names::NAME_CELLS;
use crate::matching::needs::Outline;
use crate::matching::row::{Examiner, Scratch};
use crate::matching::shape::{CellShape, LONGEST_VALUE, is_absent, trimmed};
use crate::matching::values::Values;
use crate::matching::wordings::Wordings;

/// Bytes of a cell of which the outline is read at once.
const OUTLINED: usize = u64::BITS as usize;

/// Who passes lines over: what is looked for, and memory to look with.
pub(in crate::matching) struct Passing<'a> {
    pub(in crate::matching) matcher: &'a Matcher,
    pub(in crate::matching) values: &'a mut Values,
    pub(in crate::matching) scratch: &'a mut Scratch,
    /// The names, held by some index, in the words of lines.
    pub(in crate::matching) wordings: &'a mut Wordings,
}

impl Passing<'_> {
    /// Whether nothing in the line could find a record; if so, whether it shows a whole name. `None` where it takes a row to tell.
    pub(super) fn over(&mut self, text: &[u8], map: &Map, line: &Line) -> Option<bool> {
        // What stands at the end of a text has no neighbour to tell by.
        let ends = line.end < text.len() && !line.spelled;
        if !ends || self.matcher.needs.are_none() || !is_ordinary(text, map, line) {
            return None;
        }
        let mut walk = Walk {
            text,
            map,
            passing: self,
            names: [(0, 0); NAME_CELLS],
            named: 0,
            cells: 0,
            numbers: 0,
            stopped: false,
        };
        walk.line(line);
        let (names, named, numbers) = (walk.names, walk.named, walk.numbers);
        // Where there is nothing but names, it takes the table to say whether they are sought.
        if walk.stopped || numbers == 0 {
            return None;
        }
        self.shows_name(text, &names[..named])
    }

    /// Whether cells that may be names show a whole one; `None` if some index has it.
    fn shows_name(&mut self, text: &[u8], names: &[(usize, usize)]) -> Option<bool> {
        if names.is_empty() {
            return Some(false);
        }
        let mut cells: [(u8, &[u8]); NAME_CELLS] = [(0, b""); NAME_CELLS];
        for (no, (cell, name)) in cells.iter_mut().zip(names).enumerate() {
            *cell = (no as u8, &text[name.0..name.1]);
        }
        let cells = &cells[..names.len()];
        let Self { matcher, wordings, scratch, .. } = self;
        if let Some((held, named)) = wordings.ask(cells.iter().copied()) {
            return held.is_empty().then_some(named);
        }
        let examiner = Examiner { matcher };
        scratch.start_names();
        examiner.read_names_of(cells, scratch);
        // What the prefilter takes for a name would be looked up again with every line of the same words.
        scratch.names.retain(|name| examiner.is_held(*name));
        wordings.keep(&scratch.names, scratch.named);
        scratch.names.is_empty().then_some(scratch.named)
    }
}

/// Whether all bytes of the line are what every step of the walk knows of: in ASCII, with nothing that hides, and no address.
fn is_ordinary(text: &[u8], map: &Map, line: &Line) -> bool {
    let mut at = line.start;
    while let Some(odd) = map.next(Class::Odd, at..line.end) {
        let ordinary = match text[odd] {
            b'@' => is_lone_at(text, odd),
            b'a' | b'A' => !spells_at(&text[odd..line.end]),
            _ => false,
        };
        if !ordinary {
            return false;
        }
        at = odd + 1;
    }
    // Several may part people; not where two stand side by side.
    line.emails < 2 || map.next(Class::At, line.start..line.end).is_some_and(|at| text.get(at + 1) == Some(&b'@'))
}

/// Whether an `@` has nothing before it or nothing behind it: then there is no address.
fn is_lone_at(text: &[u8], at: usize) -> bool {
    let none = |byte: Option<&u8>| byte.is_none_or(|b| matches!(b, b' ' | b'\t' | b'\n' | b'@'));
    none(text.get(at + 1)) || none(at.checked_sub(1).and_then(|before| text.get(before)))
}

/// Whether a line goes on with an `@` as words spell it.
fn spells_at(line: &[u8]) -> bool {
    let is = |word: &[u8]| {
        line.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word))
            && line.get(word.len()).is_some_and(|b| !b.is_ascii_alphanumeric())
    };
    is(b"at") || is(b"arobase")
}

/// A line being walked along.
struct Walk<'w, 'a> {
    text: &'w [u8],
    map: &'w Map,
    passing: &'w mut Passing<'a>,
    /// The first cells that may be names.
    names: [(usize, usize); NAME_CELLS],
    /// How many of them there are.
    named: usize,
    cells: usize,
    /// Cells with a digit: they have a value and are no names.
    numbers: usize,
    /// Whether it takes a row to tell.
    stopped: bool,
}

/// The words since the last cut or value, as far as they were walked: what [`Stretch::values`] calls a sentence.
#[derive(Default)]
struct Sentence {
    /// Where its first word begins, and where its last one ends.
    from: Option<usize>,
    to: usize,
    digits: usize,
    begun: bool,
    /// Whether it begins with a number, as a street does.
    street: bool,
    /// Whether some word is neither capitalised nor one that stands within names.
    small: bool,
    /// Runs of capitalised words; the last may still go on.
    runs: [(usize, usize); RUNS],
    many: usize,
    in_run: bool,
}

impl Walk<'_, '_> {
    fn line(&mut self, line: &Line) {
        let begin = line.start + words::decoration(&self.text[line.start..line.end]);
        let mut sentence = Sentence::default();
        let mut at = begin;
        while !self.stopped
            && let Some(start) = self.map.next_other(Class::Gap, at..line.end)
        {
            // All but one blank cuts.
            if start > at && (start - at > 1 || self.text[at] != b' ') {
                self.end(std::mem::take(&mut sentence));
            }
            at = self.word(start, line, &mut sentence);
        }
        self.end(sentence);
    }

    /// Walks over the word at `start`, and those that belong to a number with it. Returns where they end.
    fn word(&mut self, start: usize, line: &Line, sentence: &mut Sentence) -> usize {
        let end = self.map.next(Class::Gap, start..line.end).unwrap_or(line.end);
        let word = bare(self.text, start, end);
        let digits = self.map.count(Class::Digit, start..end);
        let value = match () {
            () if line.emails > 0 && self.map.any(Class::At, start..end) => Some(word),
            () if digits == 0 => None,
            () if self.may_go_on(word, end) => {
                let limit = self.map.next(Class::Cut, end..line.end).unwrap_or(line.end);
                Stretch { text: self.text, map: self.map }.number(word, limit)
            }
            () => (digits >= DIGITS).then_some(word),
        };
        let Some(value) = value else {
            sentence.add(self.text, (start, end), word, digits);
            self.stopped |= sentence.many == RUNS;
            return end;
        };
        self.end(std::mem::take(sentence));
        self.tell(value.0, value.1, self.map.count(Class::Digit, value.0..value.1));
        let end = if value.1 <= end { end } else { self.map.next(Class::Gap, value.1..line.end).unwrap_or(line.end) };
        sentence.add(self.text, (value.1, end), bare(self.text, value.1, end), 0);
        end
    }

    /// Whether a number may go on behind the word, which ends before `end` if signs stand behind it: in the next word, if that begins as
    /// part of a number does.
    fn may_go_on(&self, word: (usize, usize), end: usize) -> bool {
        word.1 == end
            && self.text[end] == b' '
            && self.text.get(end + 1).is_some_and(|b| is_numeric(*b) || b.is_ascii_uppercase())
    }

    /// Tells a sentence's cell and, if it is one, its runs of capitalised words.
    fn end(&mut self, sentence: Sentence) {
        let Some(from) = sentence.from.filter(|from| *from < sentence.to) else { return };
        self.tell(from, sentence.to, sentence.digits);
        let has_blank = || self.map.any(Class::Space, from..sentence.to);
        if sentence.many > 0 && sentence.small && !sentence.street && has_blank() {
            for (from, to) in &sentence.runs[..sentence.many] {
                self.tell(*from, *to, self.map.count(Class::Digit, *from..*to));
            }
        }
    }

    /// Sees what a cell could be.
    fn tell(&mut self, from: usize, to: usize, digits: usize) {
        let cell = trimmed(&self.text[from..to]);
        let from = cell.as_ptr() as usize - self.text.as_ptr() as usize;
        let to = from + cell.len();
        // Nearly every cell begins with a letter or digit.
        if !cell.first().is_some_and(u8::is_ascii_alphanumeric) && !self.map.any(Class::Word, from..to) {
            return;
        }
        self.cells += 1;
        self.stopped |= self.cells >= PIECES || cell.len() > LONGEST_VALUE;
        if self.stopped || digits == 0 && is_absent(cell) {
            return;
        }
        self.numbers += usize::from(digits > 0);
        if !self.is_lacking(from, to, digits) {
            let Passing { matcher, values, .. } = &mut *self.passing;
            self.stopped |= matcher.shows_value(cell, values);
        }
        if digits == 0 && self.named < NAME_CELLS && CellShape::of(cell).may_be_name() {
            self.names[self.named] = (from, to);
            self.named += 1;
        }
    }

    /// Whether the cell lacks what a value needs, by its beginning or by all of its bytes.
    fn is_lacking(&self, from: usize, to: usize, digits: usize) -> bool {
        let needs = &self.passing.matcher.needs;
        if digits == 0 && needs.are_digits() {
            return true;
        }
        if to - from > OUTLINED {
            return false;
        }
        let outline = Outline {
            cell: &self.text[from..to],
            words: self.map.window(Class::Word, from..to),
            digits: self.map.window(Class::Digit, from..to),
        };
        needs.are_lacking(outline, digits)
    }
}

impl Sentence {
    /// Adds a word: all of it, and without the signs around it.
    fn add(&mut self, text: &[u8], all: (usize, usize), (from, to): (usize, usize), digits: usize) {
        if all.0 == all.1 {
            return;
        }
        if !self.begun {
            self.begun = true;
            self.street = text[all.0].is_ascii_digit();
        }
        // A dot may begin a sentence and does not end it.
        if from < all.1 {
            self.from.get_or_insert(from);
        }
        if from == to {
            return;
        }
        self.to = to;
        self.digits += digits;
        let word = &text[from..to];
        if word[0].is_ascii_uppercase() {
            if self.in_run {
                self.runs[self.many - 1].1 = to;
            } else if self.many < RUNS {
                self.runs[self.many] = (from, to);
                self.many += 1;
                self.in_run = true;
            }
        } else if (self.in_run || !self.small) && !is_particle(word) {
            self.in_run = false;
            self.small |= word[0].is_ascii_lowercase();
        }
    }
}

#[cfg(test)]
mod tests;
