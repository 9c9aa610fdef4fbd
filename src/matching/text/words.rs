//! The words of a line of prose, put together to values: addresses, numbers in groups, dates, and the words between.
//!
//! A value of prose stands among words that are none. Each identifier becomes a piece of its own; the words between two of
//! them are a piece too, and where these are a sentence, the capitalised words in it (a name, a town) once more by
//! themselves.

use super::DIGITS;
use super::map::{Class, Map};

/// Length of what stands before the first value of a line: bullets, numbers of items, marks of quotes, pictures.
pub(super) fn decoration(line: &[u8]) -> usize {
    if line.first().is_none_or(u8::is_ascii_alphabetic) {
        return 0;
    }
    let mut at = 0;
    for _ in 0..4 {
        let before = at;
        at += line[at..]
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t' | b'>' | b'#' | b'*' | b'-' | b'+' | b'.'))
            .count();
        let rest = &line[at..];
        at += match rest.first() {
            // Symbols and pictures: the planes of them, and what joins them.
            Some(0xF0) => 4.min(rest.len()),
            Some(0xE2) if matches!(rest.get(1), Some(0x80..=0xAF)) => 3.min(rest.len()),
            Some(0xEF) if rest.get(1) == Some(&0xB8) => 3.min(rest.len()),
            _ => number_of_item(rest),
        };
        if at == before {
            break;
        }
    }
    // A sign before a number, or stars that hide, are the value's.
    while at > 0 && (line[at - 1] == b'+' || line[at - 1] == b'*' && line.get(at).is_some_and(|b| *b != b' ')) {
        at -= 1;
    }
    at
}

/// Length of `12)`, `12.`, `[12]`, `(12)` or `12:` with a blank behind; 0 if there is none.
fn number_of_item(text: &[u8]) -> usize {
    let open = usize::from(matches!(text.first(), Some(b'(' | b'[')));
    let digits = text[open..].iter().take_while(|b| b.is_ascii_digit()).count();
    let close = text.get(open + digits).is_some_and(|b| matches!(b, b')' | b']' | b'.' | b':' | b'-' | b'/'));
    let apart = text.get(open + digits + 1).is_some_and(|b| *b == b' ' || *b == b'\t');
    if digits > 0 && digits <= 6 && close && apart { open + digits + 2 } else { 0 }
}

/// Width of a bracket at `at` that parts a remark from what it is about: one beside a blank or the end of the line, and
/// not within a number.
pub(super) fn bracket(line: &[u8], at: usize) -> usize {
    let blank = |i: Option<usize>| i.and_then(|i| line.get(i)).is_none_or(|b| b" \t\n.,;:".contains(b));
    let apart = match line[at] {
        // `(0)6 12`, `(+33) 6`.
        b'(' => blank(at.checked_sub(1)) && line.get(at + 1).is_some_and(|b| *b != b'0' && *b != b'+'),
        b')' => blank(Some(at + 1)) && !line[..at].ends_with(b"(0"),
        b'[' | b'{' => blank(at.checked_sub(1)),
        b']' | b'}' => blank(Some(at + 1)),
        _ => false,
    };
    usize::from(apart)
}

/// What kind of words a line is made of, in their order, four bits each: 1 for words, 2 for an address, 3 for a short
/// number, 4 for a long one. Equal for two lines that are written alike.
pub(super) fn signature(line: &[u8]) -> u64 {
    let mut signature = 0u64;
    for word in line.split(|b| matches!(b, b' ' | b'\t' | b',' | b';' | b'|')).filter(|word| !word.is_empty()) {
        let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
        let kind = match () {
            () if word.contains(&b'@') => 2,
            () if digits >= DIGITS => 4,
            () if digits > 0 => 3,
            () if word.iter().any(|b| b.is_ascii_alphabetic() || *b >= 0x80) => 1,
            () => continue,
        };
        // Words in a row count once: names have more or fewer.
        if kind != 1 || signature & 0xf != 1 {
            signature = signature << 4 | kind;
        }
    }
    signature
}

/// Runs of capitalised words of one sentence that are told: the last ones.
pub(super) const RUNS: usize = 8;

/// A text in which values are sought, and its map.
#[derive(Clone, Copy)]
pub(super) struct Stretch<'a> {
    pub(super) text: &'a [u8],
    pub(super) map: &'a Map,
}

impl Stretch<'_> {
    /// Tells the values from `start` to `end`, in order, as ranges: addresses and numbers, and of the words between them what
    /// [`Self::sentence`] tells. `runs` is memory to use.
    pub(super) fn values(
        self,
        start: usize,
        end: usize,
        runs: &mut Vec<(usize, usize)>,
        tell: &mut impl FnMut(usize, usize),
    ) {
        let (mut behind, mut at) = (start, start);
        // No word without one of these signs is an address or a number.
        while let Some(sign) = self.map.next(Class::Sign, at..end) {
            let from = self.map.last(Class::Space, at..sign).map_or(at, |blank| blank + 1);
            let to = self.map.next(Class::Space, sign..end).unwrap_or(end);
            let word = bare(self.text, from, to);
            let is_address = self.map.any(Class::At, word.0..word.1);
            match if is_address { Some(word) } else { self.number(word, end) } {
                Some(value) => {
                    self.sentence(behind, value.0, runs, tell);
                    tell(value.0, value.1);
                    (behind, at) = (value.1, value.1);
                }
                None => at = word.1,
            }
        }
        self.sentence(behind, end, runs, tell);
    }

    /// Tells the words of a stretch without identifiers, and the capitalised ones of a sentence by themselves.
    fn sentence(self, start: usize, end: usize, runs: &mut Vec<(usize, usize)>, tell: &mut impl FnMut(usize, usize)) {
        let (from, to) = bare(self.text, start, end);
        if from >= to {
            return;
        }
        tell(from, to);
        // What begins with a number is an address: its words are no names.
        let street = self.text[start..end].trim_ascii_start().first().is_some_and(u8::is_ascii_digit);
        // One word by itself is no sentence.
        if street || !self.map.any(Class::Capital, from..to) || !self.map.any(Class::Space, from..to) {
            return;
        }
        if self.has_small_word(start, end) {
            self.runs_of_capitals(start, end, runs);
            runs[runs.len().saturating_sub(RUNS)..].iter().for_each(|run| tell(run.0, run.1));
        }
    }

    /// Whether some word is neither capitalised nor one that stands within names: then it is a sentence.
    fn has_small_word(self, start: usize, end: usize) -> bool {
        let mut at = start;
        while let Some((from, to)) = self.word_at(at, end) {
            let word = &self.text[from..to];
            if word[0].is_ascii_lowercase() && !is_particle(word) {
                return true;
            }
            at = to;
        }
        false
    }

    /// Notes the runs of capitalised words.
    fn runs_of_capitals(self, start: usize, end: usize, runs: &mut Vec<(usize, usize)>) {
        runs.clear();
        let mut at = start;
        while let Some(capital) = self.map.next(Class::Capital, at..end) {
            let blank = self.map.last(Class::Space, at..capital);
            let Some((from, mut to)) = self.word_at(blank.unwrap_or(at), end) else { break };
            at = to;
            if !is_capitalised(&self.text[from..to]) {
                continue;
            }
            while let Some(next) = self.word_at(at, end) {
                let word = &self.text[next.0..next.1];
                if is_capitalised(word) {
                    to = next.1;
                } else if !is_particle(word) {
                    break;
                }
                at = next.1;
            }
            runs.push((from, to));
        }
    }

    /// The next word between blanks, without the punctuation around it.
    fn word_at(self, mut at: usize, end: usize) -> Option<(usize, usize)> {
        loop {
            let from = self.map.next_other(Class::Space, at..end)?;
            let to = self.map.next(Class::Space, from..end).unwrap_or(end);
            let (start, stop) = bare(self.text, from, to);
            if start < stop {
                return Some((start, stop));
            }
            at = to;
        }
    }

    /// The number that begins with a word: with the groups that follow it, if it is written in groups.
    pub(super) fn number(self, (start, mut end): (usize, usize), limit: usize) -> Option<(usize, usize)> {
        let first = &self.text[start..end];
        let mut digits = self.figures(start, end);
        let account = first.len() == 4 && first[..2].iter().all(u8::is_ascii_uppercase) && digits == 2;
        let grouped = account || digits > 0 && digits < 9 && first.iter().all(|b| is_numeric(*b)) && !is_date(first);
        // A leading zero or plus announces a telephone number, whose groups may be longer.
        let announced = matches!(first[0], b'0' | b'+' | b'(');
        while let Some((from, to)) =
            grouped.then(|| self.word_at(end, limit)).flatten().filter(|next| next.0 == end + 1)
        {
            let next = &self.text[from..to];
            let more = self.figures(from, to);
            let short = next.len() <= 4 || announced && digits < 6 && more <= 12;
            let fits = if account {
                next.len() <= 4 && next.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || *b == b'*')
            } else {
                short && more > 0 && next.iter().all(|b| is_numeric(*b)) && digits + more <= 15
            };
            if !fits || is_date(next) {
                break;
            }
            digits += more;
            end = to;
        }
        (digits >= DIGITS).then_some((start, end))
    }

    /// Digits, and the stars that hide some, in a word without an `@`.
    fn figures(self, start: usize, end: usize) -> usize {
        self.map.count(Class::Sign, start..end)
    }
}

/// Whether a word of lower case stands within names.
pub(super) fn is_particle(word: &[u8]) -> bool {
    matches!(
        word,
        b"de"
            | b"du"
            | b"des"
            | b"la"
            | b"le"
            | b"d'"
            | b"van"
            | b"von"
            | b"der"
            | b"den"
            | b"da"
            | b"dos"
            | b"di"
            | b"del"
            | b"della"
            | b"ben"
            | b"bin"
            | b"el"
            | b"al"
            | b"y"
            | b"zu"
            | b"ter"
    )
}

fn is_capitalised(word: &[u8]) -> bool {
    match word {
        [b'A'..=b'Z', ..] => true,
        // Capitals of Latin, Greek and Cyrillic in UTF-8.
        [0xC3, 0x80..=0x9E, ..] | [0xC4..=0xC5, ..] | [0xCE, 0x86..=0xAB, ..] | [0xD0, 0x80..=0xAF, ..] => true,
        _ => false,
    }
}

/// What stands around words without belonging to them.
#[inline]
fn is_edge(byte: u8) -> bool {
    const EDGES: [bool; 256] = {
        let mut table = [false; 256];
        let edges = b" \t\r,;:!?\"'=|-/";
        let mut i = 0;
        while i < edges.len() {
            table[edges[i] as usize] = true;
            i += 1;
        }
        table
    };
    EDGES[usize::from(byte)]
}

/// A range without the blanks and punctuation at its ends.
#[inline]
pub(super) fn bare(text: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    while start < end && is_edge(text[start]) {
        start += 1;
    }
    while end > start && (is_edge(text[end - 1]) || text[end - 1] == b'.') {
        end -= 1;
    }
    (start, end)
}

pub(super) fn is_numeric(b: u8) -> bool {
    b.is_ascii_digit() || matches!(b, b'+' | b'*' | b'(' | b')' | b'.' | b'-' | b'/')
}

/// `12/03/1970`, `1970-03-12`, `12.3.70`.
fn is_date(word: &[u8]) -> bool {
    if !(6..=10).contains(&word.len()) {
        return false;
    }
    let mut parts = word
        .split(|b| matches!(b, b'/' | b'-' | b'.'))
        .map(|part| part.iter().all(u8::is_ascii_digit).then_some(part.len()));
    let (Some(Some(a)), Some(Some(b)), Some(Some(c)), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    matches!((a, b, c), (4, 1..=2, 1..=2) | (1..=2, 1..=2, 2 | 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<&str> {
        let mut map = Map::default();
        map.draw(text.as_bytes());
        let mut all = Vec::new();
        let stretch = Stretch { text: text.as_bytes(), map: &map };
        stretch.values(0, text.len(), &mut Vec::new(), &mut |from, to| all.push(&text[from..to]));
        all
    }

    #[test]
    fn identifiers_stand_alone_and_so_do_the_words_between() {
        assert_eq!(
            values("Martin Jeanne j.m@a.example 0612345678 1970-01-02 29000 Brest"),
            ["Martin Jeanne", "j.m@a.example", "0612345678", "1970-01-02", "29000", "Brest"]
        );
        assert_eq!(values("call +33 6 12 34 56 78 now"), ["call", "+33 6 12 34 56 78", "now"]);
        assert_eq!(values("FR76 3000 4000 0100 0000 1234 567 ok"), ["FR76 3000 4000 0100 0000 1234 567", "ok"]);
        assert_eq!(values("12 rue des Lilas 75011 Paris"), ["12 rue des Lilas", "75011", "Paris"]);
        assert_eq!(values("06 ** ** 34 56"), ["06 ** ** 34 56"]);
        assert_eq!(values("CRM-2024-0001234"), ["CRM-2024-0001234"]);
    }

    #[test]
    fn names_in_sentences_are_found() {
        assert_eq!(
            values("The customer Jeanne de la Tour was born on 12/03/1970."),
            ["The customer Jeanne de la Tour was born on", "The", "Jeanne de la Tour", "12/03/1970"]
        );
        assert_eq!(values("née le 12/03/1970"), ["née le", "12/03/1970"]);
    }

    #[test]
    fn what_leads_a_line_is_no_value() {
        for (line, rest) in [
            ("1) Jean", "Jean"),
            ("  - Jean", "Jean"),
            ("[12] Jean", "Jean"),
            ("👤 Jean", "Jean"),
            ("> > Jean", "Jean"),
            ("+33 6", "+33 6"),
            ("12 rue", "12 rue"),
            ("***@a.example", "***@a.example"),
            ("** Jean", "Jean"),
        ] {
            assert_eq!(&line[decoration(line.as_bytes())..], rest, "{line}");
        }
    }
}
