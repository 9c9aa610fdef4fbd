//! The lines of a sample as the search for columns sees them: of each place in a line only whether it is blank, a
//! digit, a letter or a mark.

use std::ops::Range;

use super::grid::{Line, Measure, is_wide};
use super::without_end;
use crate::extract::text::delimited::is_rule;
use crate::extract::text::survey::{self, Sample};

/// Columns of a line that are looked at.
pub(super) const WIDEST: usize = 1_024;

/// What stands at a place of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Blank,
    Digit,
    Letter,
    Mark,
}

/// One line of a sample.
pub(super) struct Seen<'t> {
    /// Where it stands in the sample, with its end.
    pub(super) range: Range<usize>,
    /// It without its end.
    pub(super) bytes: &'t [u8],
    pub(super) classes: Vec<Class>,
    /// Columns up to the last that is not blank.
    pub(super) width: usize,
    /// Where its characters stand, as [`Line`] has it.
    places: Vec<u32>,
    /// Whether it has wide blanks within.
    pub(super) padded: bool,
    /// What a line of dashes draws, if it is one in two pieces or more.
    pub(super) ruler: Option<Vec<Range<usize>>>,
    /// Whether it only draws, or is blank.
    pub(super) bare: bool,
}

impl Seen<'_> {
    pub(super) fn class(&self, column: usize) -> Class {
        self.classes.get(column).copied().unwrap_or(Class::Blank)
    }

    pub(super) fn is_blank(&self, column: usize) -> bool {
        self.class(column) == Class::Blank
    }

    /// It with its columns.
    pub(super) fn line(&self) -> Line<'_> {
        Line::measured(self.bytes, &self.places)
    }
}

/// The lines of a sample.
pub(super) fn of(sample: Sample<'_>, measure: Measure) -> Vec<Seen<'_>> {
    let seen = |line: &survey::Line| {
        let bytes = without_end(sample.bytes(line));
        let mut places = Vec::new();
        let columns = Line::new(bytes, measure, &mut places);
        let classes: Vec<Class> = (0..columns.width().min(WIDEST)).map(|column| class(columns.at(column))).collect();
        let width = classes.iter().rposition(|class| *class != Class::Blank).map_or(0, |at| at + 1);
        let ruler = if line.rule { ruler(bytes, measure) } else { None };
        let padded = line.wide && is_padded(bytes);
        Seen { range: sample.range(line), bytes, classes, width, places, padded, ruler, bare: line.rule }
    };
    sample.lines.iter().map(seen).collect()
}

/// Whether a line has wide blanks within it.
pub(super) fn is_padded(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    memchr::memchr_iter(b' ', line).any(|at| line[at + 1] == b' ')
}

fn class(byte: u8) -> Class {
    match byte {
        b' ' | b'\t' | 0x0b | 0x0c => Class::Blank,
        b'0'..=b'9' => Class::Digit,
        b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => Class::Letter,
        _ => Class::Mark,
    }
}

/// The pieces of a line of dashes that is drawn under the names of columns: two or more, of one sign.
pub(super) fn ruler(line: &[u8], measure: Measure) -> Option<Vec<Range<usize>>> {
    let first = line.trim_ascii_start().first()?;
    if !matches!(first, b'-' | b'=' | b'~' | b'_' | 0xE2) || !is_rule(line.trim_ascii()) {
        return None;
    }
    let mut places = Vec::new();
    let line = Line::new(without_end(line), measure, &mut places);
    let mut pieces: Vec<Range<usize>> = Vec::new();
    for column in (0..line.width().min(WIDEST)).filter(|column| !line.is_blank(*column)) {
        if line.at(column) != *first {
            return None;
        }
        match pieces.last_mut() {
            Some(piece) if piece.end == column => piece.end = column + 1,
            _ => pieces.push(column..column + 1),
        }
    }
    (pieces.len() >= 2 && pieces.iter().any(|piece| piece.len() >= 2)).then_some(pieces)
}

/// The ways in which a sample may have been padded.
pub(super) fn measures(sample: &[u8]) -> Vec<Measure> {
    if sample.is_ascii() {
        return vec![Measure::Characters];
    }
    let wide = String::from_utf8_lossy(sample).chars().any(is_wide);
    let terminal = wide.then_some(Measure::Terminal);
    [Some(Measure::Characters), terminal, Some(Measure::Bytes)].into_iter().flatten().collect()
}
