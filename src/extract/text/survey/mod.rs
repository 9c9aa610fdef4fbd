//! What the lines of a text hold, learnt once for everybody who looks for shapes in them.
//!
//! Each sniffer asks of many lines, for many candidates, what they have of this sign or that. A [`Survey`] goes through
//! the bytes once and counts; a [`Sample`] is what sniffers see of it. Counts tell them where nothing can be found; where
//! something may be, they read the lines themselves.

mod signs;

use std::ops::Range;

use self::signs::{WORD, Word};
use super::blob;
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

/// The [`LONG`] delimiters that are met at a sign.
const fn met_at(sign: u8) -> &'static [usize] {
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
    /// Whether a run of a blob's length without blanks and dots may stand in it.
    pub(crate) solid: bool,
    /// Its first byte that is no white space; 0 if there is none.
    pub(crate) begins: u8,
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
            solid: false,
            begins: 0,
        }
    }

    /// Its length, with its end.
    pub(crate) fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// How often a sign stands in it.
    pub(crate) fn count(&self, sign: Sign) -> usize {
        self.counts[sign as usize] as usize
    }

    /// Notes which of some [`LONG`] delimiters have their sign at `at`. Which these are is known where it is called.
    #[inline(always)]
    fn meet(&mut self, text: &[u8], at: usize, some: &[usize]) {
        for no in some {
            let (long, sign) = LONG[*no];
            // The byte behind tells most of them apart.
            if text.get(at + 1) == Some(&long[sign + 1]) && at >= sign && text[at - sign..].starts_with(long) {
                self.long |= 1 << no;
            }
        }
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
    /// Whether it ends with the text or before another shape, and not for being long enough.
    whole: bool,
}

/// The lines of a survey, or some of them.
#[derive(Clone, Copy)]
pub(crate) struct Sample<'s> {
    pub(crate) text: &'s [u8],
    pub(crate) lines: &'s [Line],
    /// Where it begins in the survey.
    start: usize,
}

impl<'t> Survey<'t> {
    /// Of the whole lines at the beginning of `text`: as many as are looked at together, up to the first (but not their own
    /// first) of which `opens` says that another shape begins there. A line that is too long for that is cut.
    pub(crate) fn of(text: &'t [u8], opens: impl Fn(&[u8], &Line) -> bool) -> Self {
        let head = &text[..text.len().min(SAMPLE_BYTES)];
        let mut learner =
            Learner { text: head, line: Line::at(0), lines: Vec::with_capacity(SAMPLE_LINES), run: Run(0), solid: 0 };
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
        let lines = learner.lines;
        let end = lines.last().map_or(0, |line| line.end as usize);
        let whole = end == text.len() || ended && lines.len() < SAMPLE_LINES;
        Self { text: &head[..end], lines, whole }
    }

    /// All of it.
    pub(crate) fn sample(&self) -> Sample<'_> {
        Sample { text: self.text, lines: &self.lines, start: 0 }
    }

    /// Its lines from `at` on, if a survey that begins there would have the same ones.
    fn sample_from(&self, at: usize) -> Option<Sample<'_>> {
        let first = self.lines.binary_search_by_key(&at, |line| line.start as usize).ok()?;
        let same = first == 0 || self.whole;
        same.then(|| Sample { text: &self.text[at..], lines: &self.lines[first..], start: at })
    }
}

/// Surveys one text from several places. What follows a table that was found is known already, more often than not.
pub(crate) struct Surveyor<'t> {
    text: &'t [u8],
    /// Where the last survey begins.
    at: usize,
    last: Survey<'t>,
}

impl<'t> Surveyor<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, last: Survey { text: &[], lines: Vec::new(), whole: false } }
    }

    /// The lines from `at` on, as [`Survey::of`] gives them.
    pub(crate) fn sample(&mut self, at: usize, opens: impl Fn(&[u8], &Line) -> bool) -> Sample<'_> {
        let known = at.checked_sub(self.at).filter(|at| self.last.sample_from(*at).is_some());
        if known.is_none() {
            (self.at, self.last) = (at, Survey::of(&self.text[at..], opens));
        }
        self.last.sample_from(known.unwrap_or(0)).unwrap_or(self.last.sample())
    }
}

impl<'s> Sample<'s> {
    /// Where one of its lines stands in it, with the line's end.
    pub(crate) fn range(&self, line: &Line) -> Range<usize> {
        line.start as usize - self.start..line.end as usize - self.start
    }

    /// One of its lines.
    pub(crate) fn bytes(&self, line: &Line) -> &'s [u8] {
        &self.text[self.range(line)]
    }

    /// The lines before `end`.
    pub(crate) fn upto(self, end: usize) -> Self {
        let lines = self.lines.partition_point(|line| (line.start as usize) < self.start + end);
        Self { text: &self.text[..end], lines: &self.lines[..lines], ..self }
    }

    /// What stands from `at` on, where one of its lines begins.
    pub(crate) fn behind(self, at: usize) -> Self {
        let start = self.start + at;
        let lines = self.lines.partition_point(|line| (line.start as usize) < start);
        Self { text: &self.text[at..], lines: &self.lines[lines..], start }
    }

    /// What all lines hold, as if they were one.
    pub(crate) fn whole(&self) -> Line {
        let mut whole = Line::at(0);
        for line in self.lines {
            for sign in 0..whole.counts.len() {
                whole.counts[sign] += line.counts[sign];
            }
            whole.long |= line.long;
        }
        whole.end = self.text.len() as u32;
        whole
    }
}

/// Length of the run of bits at the end of the words seen so far.
struct Run(u32);

impl Run {
    /// Whether a run as long as a blob stands in the next word, or ends in it.
    fn goes_on(&mut self, word: u64) -> bool {
        const { assert!(blob::LEAST == 40) };
        let eight = [1, 2, 4].into_iter().fold(word, |runs, by| runs & runs >> by);
        let thirty_two = [8, 16].into_iter().fold(eight, |runs, by| runs & runs >> by);
        let within = thirty_two & eight >> 32 != 0;
        let ends = self.0 + word.trailing_ones() >= blob::LEAST as u32;
        self.0 = if word == u64::MAX { self.0.saturating_add(u64::BITS) } else { word.leading_ones() };
        within || ends
    }
}

/// Goes through a text sign by sign.
struct Learner<'t> {
    text: &'t [u8],
    /// The line under way.
    line: Line,
    lines: Vec<Line>,
    /// The run without blanks and dots that is under way, and the end of the last word in which a long one stands.
    run: Run,
    solid: usize,
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
            if self.run.goes_on(!(blanks | dots)) {
                self.solid = base + WORD;
            }
            let mut left = word.signs | several | row;
            while left != 0 {
                let place = base + left.trailing_zeros() as usize;
                left &= left - 1;
                let byte = self.text[place];
                if byte != b'\n' {
                    self.mark(place, byte);
                    continue;
                }
                if !self.end_line(place + 1, opens) || self.lines.len() == SAMPLE_LINES {
                    return true;
                }
            }
        }
        false
    }

    /// Counts the sign at `at`.
    #[inline]
    fn mark(&mut self, at: usize, byte: u8) {
        let text = self.text;
        let next = || text.get(at + 1).copied().unwrap_or(b'\n');
        let before = || at.checked_sub(1).map_or(b'\n', |at| text[at]);
        let line = &mut self.line;
        line.counts[usize::from(SIGN_OF[usize::from(byte)])] += 1;
        match byte {
            b' ' => line.wide |= at > line.start as usize + 1,
            b'.' | b'|' => line.names = true,
            b',' => line.opens |= before() == b')' && next() == b'(',
            b'(' => line.opens |= matches!(next(), b'[' | b'{'),
            b'"' | b'\'' | b'`' => line.opens |= next() == b'I',
            b':' => {
                line.names = true;
                line.counts[Sign::Naming as usize] += 1;
                line.counts[Sign::Colon as usize] -= u32::from(!colon_delimits(text, at));
                line.meet(text, at, const { met_at(b':') });
            }
            b'=' => {
                line.names = true;
                let value = text[at + 1..].iter().find(|b| **b != b' ');
                line.opens |= value.is_some_and(|b| matches!(b, b'[' | b'{' | b'a' | b'A'));
                line.meet(text, at, const { met_at(b'=') });
            }
            b'-' => {
                line.names |= next() == b'>';
                line.counts[Sign::Dash as usize] += u32::from(before() == b' ' && next() == b' ');
                line.meet(text, at, const { met_at(b'-') });
            }
            b'/' => {
                line.counts[Sign::Slash as usize] += u32::from(before() == b' ' && next() == b' ');
                line.meet(text, at, const { met_at(b'/') });
            }
            b'&' => line.meet(text, at, const { met_at(b'&') }),
            0xC2 => line.meet(text, at, const { met_at(0xC2) }),
            0xE2 => {
                line.names = true;
                line.meet(text, at, const { met_at(0xE2) });
            }
            _ => {}
        }
    }

    /// Ends the line under way. `false` if it belongs to no sample with those before, since another shape begins there.
    fn end_line(&mut self, end: usize, opens: &impl Fn(&[u8], &Line) -> bool) -> bool {
        self.line.end = end as u32;
        let start = self.line.start as usize;
        self.line.solid = self.solid > start;
        if !self.lines.is_empty() && opens(&self.text[start..], &self.line) {
            return false;
        }
        let bare = self.text[start..end].trim_ascii();
        self.line.rule = is_rule(bare);
        self.line.begins = bare.first().copied().unwrap_or(0);
        self.lines.push(std::mem::replace(&mut self.line, Line::at(end)));
        true
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
        fn no_long_run_is_overlooked(text in "([a-z0-9/+=_-]{0,70}[ .;\n]{1,3}){0,12}[a-z0-9]{0,50}") {
            let survey = Survey::of(text.as_bytes(), |_, _| false);
            let is_run = |b: &u8| b.is_ascii_alphanumeric() || b"/+=_-".contains(b);
            for line in survey.sample().lines {
                let bytes = survey.sample().bytes(line);
                let longest = bytes.split(|b| !is_run(b)).map(<[u8]>::len).max().unwrap_or(0);
                prop_assert!(line.solid || longest < blob::LEAST, "{} of {}", longest, bytes.len());
                prop_assert_eq!(line.begins, bytes.trim_ascii().first().copied().unwrap_or(0));
            }
        }

        #[test]
        fn signs_are_counted_by_line(text in "([a1,;:&=/ .>\\-\n–—•·│┃║\"]| [&/=–—•·-]>? |::|---){0,160}") {
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
            for seen in sample.lines {
                let at = seen.start as usize;
                let (from, learnt) = (survey.sample_from(at).unwrap(), Survey::of(&text.as_bytes()[at..], |_, _| false));
                prop_assert_eq!(from.text, learnt.text);
                for (seen, line) in from.lines.iter().zip(&learnt.lines) {
                    prop_assert_eq!((from.range(seen), seen.counts, seen.long), (learnt.sample().range(line), line.counts, line.long));
                }
            }
            for (line, seen) in lines.iter().zip(sample.lines) {
                prop_assert!(seen.wide || !wide(line));
                prop_assert_eq!(sample.bytes(seen), *line);
            }
        }
    }
}
