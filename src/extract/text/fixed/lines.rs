//! The lines of a sample as the search for columns sees them: of each place in a line only whether it is blank, a
//! digit, a letter or a mark.

use std::ops::Range;

use super::grid::{Line, Measure, is_wide};
use super::without_end;
use crate::extract::text::delimited::is_rule;

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

    /// Columns up to the last that is not blank.
    pub(super) fn width(&self) -> usize {
        self.classes.iter().rposition(|class| *class != Class::Blank).map_or(0, |at| at + 1)
    }
}

/// The lines of a sample.
pub(super) fn of(sample: &[u8], measure: Measure) -> Vec<Seen<'_>> {
    let mut lines = Vec::new();
    let (mut at, mut places) = (0, Vec::new());
    while at < sample.len() {
        let end = memchr::memchr(b'\n', &sample[at..]).map_or(sample.len(), |i| at + i + 1);
        let bytes = without_end(&sample[at..end]);
        let line = Line::new(bytes, measure, &mut places);
        let classes = (0..line.width().min(WIDEST)).map(|column| class(line.at(column))).collect();
        let bare = is_rule(bytes.trim_ascii());
        let ruler = if bare { ruler(bytes, measure) } else { None };
        lines.push(Seen { range: at..end, bytes, classes, ruler, bare });
        at = end;
    }
    lines
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
