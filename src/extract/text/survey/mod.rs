//! What the lines of a text hold, learnt once for everybody who looks for shapes in them.
//!
//! Each sniffer asks of many lines, for many candidates, what they have of this sign or that. A [`Survey`] goes through
//! the bytes once and counts; a [`Sample`] is what sniffers see of it. Counts tell them where nothing can be found; where
//! something may be, they read the lines themselves.

mod signs;

use std::ops::Range;

use self::signs::{WORD, Word};
use super::delimited::{colon_delimits, is_rule};

/// Lines looked at together.
pub(crate) const SAMPLE_LINES: usize = 256;
/// Bytes looked at together.
pub(crate) const SAMPLE_BYTES: usize = 64 << 10;

/// Bytes that are mapped at a time: many samples end far before they have their most bytes.
const STEP: usize = 4 << 10;

/// What is counted in each line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Sign {
    Comma,
    Semicolon,
    Tab,
    Bar,
    /// Colons that may part cells.
    Colon,
    Caret,
    Tilde,
    /// The control characters 0x01 and 0x1f.
    Start,
    Unit,
    Hash,
    /// Colons and equals signs, all of them.
    Naming,
    Ampersand,
    /// Dashes and slashes between blanks.
    Dash,
    Slash,
    Quote,
    Apostrophe,
    Backslash,
}

/// Number of [`Sign`]s.
const SIGNS: usize = Sign::Backslash as usize + 1;

impl Sign {
    /// The sign that a byte is, if it is counted.
    pub(crate) const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            b',' => Self::Comma,
            b';' => Self::Semicolon,
            b'\t' => Self::Tab,
            b'|' => Self::Bar,
            b':' => Self::Colon,
            b'^' => Self::Caret,
            b'~' => Self::Tilde,
            0x01 => Self::Start,
            0x1f => Self::Unit,
            b'#' => Self::Hash,
            b'=' => Self::Naming,
            b'&' => Self::Ampersand,
            b'"' => Self::Quote,
            b'\'' => Self::Apostrophe,
            b'\\' => Self::Backslash,
            _ => return None,
        })
    }
}

/// [`Sign::of`] for every byte; [`SIGNS`] where there is none.
const SIGN_OF: [u8; 256] = {
    let mut table = [SIGNS as u8; 256];
    let mut byte = 0;
    while byte < 256 {
        if let Some(sign) = Sign::of(byte as u8) {
            table[byte] = sign as u8;
        }
        byte += 1;
    }
    table
};

/// Delimiters of more than a byte, and where in each a sign stands by which it is met.
pub(crate) const LONG: [(&[u8], usize); 14] = [
    (b"::", 0),
    (b" & ", 1),
    (b" - ", 1),
    (" – ".as_bytes(), 1),
    (" — ".as_bytes(), 1),
    (" • ".as_bytes(), 1),
    (" · ".as_bytes(), 1),
    (b" / ", 1),
    (b"---", 0),
    (b" => ", 1),
    (b" -> ", 1),
    ("│".as_bytes(), 0),
    ("┃".as_bytes(), 0),
    ("║".as_bytes(), 0),
];

/// One line of a text.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    start: u32,
    end: u32,
    counts: [u32; SIGNS + 1],
    /// Which of the [`LONG`] delimiters it has, a bit each.
    long: u16,
    /// Whether a label may end in it: at a colon, an equals sign, a bar, an arrow, a row of dots.
    pub(crate) names: bool,
    /// Whether it has wide blanks, other than those it may begin with.
    pub(crate) wide: bool,
    /// Whether it only draws, or is blank.
    pub(crate) rule: bool,
    /// Whether a shape may open within it: where a literal is assigned or passed, a statement quoted, two tuples join.
    pub(crate) opens: bool,
}

impl Line {
    fn at(start: usize) -> Self {
        let start = start as u32;
        Self {
            start,
            end: start,
            counts: [0; SIGNS + 1],
            long: 0,
            names: false,
            wide: false,
            rule: false,
            opens: false,
        }
    }

    /// Where it stands in the sample, with its end.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How often a sign stands in it.
    pub(crate) fn count(&self, sign: Sign) -> usize {
        self.counts[sign as usize] as usize
    }

    /// Whether it has one of the [`LONG`] delimiters.
    pub(crate) fn has_long(&self, no: usize) -> bool {
        self.long >> no & 1 == 1
    }
}

/// The lines at the beginning of a text that are looked at together, and what they hold.
pub(crate) struct Survey<'t> {
    text: &'t [u8],
    lines: Vec<Line>,
    marks: Vec<u32>,
}

/// The lines of a survey, or the first of them.
#[derive(Clone, Copy)]
pub(crate) struct Sample<'s> {
    pub(crate) text: &'s [u8],
    pub(crate) lines: &'s [Line],
    /// Where signs stand, and the second of several blanks.
    marks: &'s [u32],
}

impl<'t> Survey<'t> {
    /// Of the whole lines at the beginning of `text`: as many as are looked at together, up to the first (but not their own
    /// first) of which `opens` says that another shape begins there. A line that is too long for that is cut.
    pub(crate) fn of(text: &'t [u8], opens: impl Fn(&[u8], &Line) -> bool) -> Self {
        let head = &text[..text.len().min(SAMPLE_BYTES)];
        let mut learner = Learner { text: head, line: Line::at(0), lines: Vec::with_capacity(64), marks: Vec::new() };
        let mut ended = false;
        let (mut words, mut before) = (Vec::with_capacity(STEP / WORD), Word::default());
        for at in (0..head.len()).step_by(STEP) {
            signs::map(&head[at..head.len().min(at + STEP)], &mut words);
            ended = learner.step(at, &words, &mut before, &opens);
            if ended {
                break;
            }
        }
        // The last line may lack its end; one that goes on behind the sample is no part of it, unless it is all there is.
        let open = !ended && (learner.line.start as usize) < head.len();
        if open && (head.len() == text.len() || learner.lines.is_empty()) {
            learner.end_line(head.len(), &opens);
        }
        let Learner { lines, marks, .. } = learner;
        let end = lines.last().map_or(0, |line| line.end as usize);
        Self { text: &head[..end], lines, marks }
    }

    /// All of it.
    pub(crate) fn sample(&self) -> Sample<'_> {
        Sample { text: self.text, lines: &self.lines, marks: &self.marks }
    }
}

impl<'s> Sample<'s> {
    /// The lines before `end`.
    pub(crate) fn upto(self, end: usize) -> Self {
        let lines = self.lines.partition_point(|line| (line.start as usize) < end);
        Self { text: &self.text[..end], lines: &self.lines[..lines], marks: self.marks }
    }

    /// What all lines hold, as if they were one.
    pub(crate) fn whole(&self) -> Line {
        let mut whole = Line::at(0);
        for line in self.lines {
            whole.counts.iter_mut().zip(&line.counts).for_each(|(all, count)| *all += count);
            whole.long |= line.long;
        }
        whole.end = self.text.len() as u32;
        whole
    }

    /// The places of a byte that is counted as a sign.
    pub(crate) fn places(&self, byte: u8) -> impl Iterator<Item = usize> + '_ {
        let end = self.text.len();
        let places = self.marks.iter().map(|at| *at as usize).take_while(move |at| *at < end);
        places.filter(move |at| self.text[*at] == byte)
    }
}

/// Goes through a text sign by sign.
struct Learner<'t> {
    text: &'t [u8],
    /// The line under way.
    line: Line,
    lines: Vec<Line>,
    marks: Vec<u32>,
}

impl Learner<'_> {
    /// Learns what is mapped, from `at` on. `before` is what stood in the word before. Whether the sample ends there.
    fn step(&mut self, at: usize, words: &[Word], before: &mut Word, opens: &impl Fn(&[u8], &Line) -> bool) -> bool {
        for (no, word) in words.iter().enumerate() {
            let base = at + no * WORD;
            let behind = |bits: u64, before: u64, by: u32| bits << by | before >> (u64::BITS - by);
            // The second blank of several, and the third dot.
            let (blanks, dots) = (word.blanks, word.dots);
            let several = blanks & behind(blanks, before.blanks, 1) & !behind(blanks, before.blanks, 2);
            let row = dots & behind(dots, before.dots, 1) & behind(dots, before.dots, 2);
            *before = *word;
            let mut left = word.signs | several | row;
            while left != 0 {
                let place = base + left.trailing_zeros() as usize;
                left &= left - 1;
                if self.text[place] != b'\n' {
                    self.mark(place);
                    continue;
                }
                if !self.end_line(place + 1, opens) || self.lines.len() == SAMPLE_LINES {
                    return true;
                }
            }
        }
        false
    }

    fn mark(&mut self, at: usize) {
        let byte = self.text[at];
        self.marks.push(at as u32);
        let next = self.text.get(at + 1).copied().unwrap_or(b'\n');
        let before = at.checked_sub(1).map_or(b'\n', |at| self.text[at]);
        let between_blanks = u32::from(before == b' ' && next == b' ');
        let line = &mut self.line;
        line.counts[usize::from(SIGN_OF[usize::from(byte)])] += 1;
        match byte {
            b' ' => line.wide |= at > line.start as usize + 1,
            b'.' | b'|' => line.names = true,
            b',' => line.opens |= before == b')' && next == b'(',
            b'(' => line.opens |= matches!(next, b'[' | b'{'),
            b'"' | b'\'' | b'`' => line.opens |= next == b'I',
            b':' => {
                line.names = true;
                line.counts[Sign::Naming as usize] += 1;
                line.counts[Sign::Colon as usize] -= u32::from(!colon_delimits(self.text, at));
            }
            b'=' => {
                line.names = true;
                let value = self.text[at + 1..].iter().find(|b| **b != b' ');
                line.opens |= value.is_some_and(|b| matches!(b, b'[' | b'{' | b'a' | b'A'));
            }
            b'-' => {
                line.names |= next == b'>';
                line.counts[Sign::Dash as usize] += between_blanks;
            }
            b'/' => line.counts[Sign::Slash as usize] += between_blanks,
            0xE2 => line.names = true,
            _ => {}
        }
        for no in long_of(byte) {
            let (long, sign) = LONG[*no];
            if long[sign + 1] == next && at >= sign && self.text[at - sign..].starts_with(long) {
                line.long |= 1 << no;
            }
        }
    }

    /// Ends the line under way. `false` if it belongs to no sample with those before, since another shape begins there.
    fn end_line(&mut self, end: usize, opens: &impl Fn(&[u8], &Line) -> bool) -> bool {
        self.line.end = end as u32;
        let start = self.line.start as usize;
        if !self.lines.is_empty() && opens(&self.text[start..], &self.line) {
            return false;
        }
        self.line.rule = is_rule(self.text[start..end].trim_ascii());
        self.lines.push(std::mem::replace(&mut self.line, Line::at(end)));
        true
    }
}

/// The [`LONG`] delimiters that are met by a sign.
fn long_of(sign: u8) -> &'static [usize] {
    match sign {
        b':' => &[0],
        b'&' => &[1],
        b'-' => &[2, 8, 10],
        0xE2 => &[3, 4, 5, 11, 12, 13],
        0xC2 => &[6],
        b'/' => &[7],
        b'=' => &[9],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(sample: &Sample<'_>, sign: Sign) -> Vec<usize> {
        sample.lines.iter().map(|line| line.count(sign)).collect()
    }

    #[test]
    fn a_sample_ends_at_a_line() {
        let of = |text: &[u8]| {
            let survey = Survey::of(text, |text, _| text.starts_with(b"{"));
            (survey.text.len(), survey.lines.len())
        };
        assert_eq!(of(b""), (0, 0));
        assert_eq!(of(b"a;b\n"), (4, 1));
        assert_eq!(of(b"a;b\nc"), (5, 2));
        assert_eq!(of(b"{\na;b\n{\nc"), (6, 2));
        assert_eq!(of(&b"a;b\n".repeat(1000)), (4 * SAMPLE_LINES, SAMPLE_LINES));
        assert_eq!(of(&[b"a;".repeat(500), b"\n".to_vec()].concat().repeat(100)), (1001 * 65, 65));
        assert_eq!(of(&[b'a'; 100_000]), (SAMPLE_BYTES, 1));
    }

    proptest! {
        #[test]
        fn signs_are_counted_by_line(text in "[a1,;:= .>\\-\n–│\"]{0,200}") {
            let survey = Survey::of(text.as_bytes(), |_, _| false);
            let sample = survey.sample();
            let lines: Vec<&[u8]> = text.as_bytes().split_inclusive(|b| *b == b'\n').collect();
            let count = |bytes: &[u8]| lines.iter().map(|line| line.iter().filter(|b| bytes.contains(b)).count()).collect::<Vec<_>>();
            for (sign, bytes) in [(Sign::Comma, &b","[..]), (Sign::Quote, b"\""), (Sign::Naming, b":=")] {
                prop_assert_eq!(counts(&sample, sign), count(bytes));
            }
            for (no, (long, _)) in LONG.iter().enumerate() {
                let has: Vec<bool> = lines.iter().map(|line| memchr::memmem::find(line, long).is_some()).collect();
                prop_assert_eq!(sample.lines.iter().map(|line| line.has_long(no)).collect::<Vec<_>>(), has);
            }
            let wide = |line: &&[u8]| memchr::memmem::find(line.trim_ascii(), b"  ").is_some();
            for (line, seen) in lines.iter().zip(sample.lines) {
                prop_assert!(seen.wide || !wide(line));
                prop_assert_eq!(&sample.text[seen.range()], *line);
            }
            prop_assert_eq!(sample.places(b';').collect::<Vec<_>>(), memchr::memchr_iter(b';', text.as_bytes()).collect::<Vec<_>>());
        }
    }
}
