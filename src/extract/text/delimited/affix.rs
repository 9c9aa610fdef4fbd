//! What stands around the values of a column without belonging to them: numbers of items, labels, times of log lines,
//! words that lead to a value.
//!
//! Learnt from the sample: a beginning that nearly all cells of a column share once runs of digits count as one. A
//! beginning that may be part of the values (`12 rue …`) is none.

use super::super::looks::looks;
use crate::model::{Batch, Span};

/// The longest beginning, in bytes.
const MAX_LEAD: usize = 64;
/// Cells that must share one.
const LEAST: usize = 3;
/// Digits of a number that may be a value: a postcode has as many. Numbers of items count up.
const VALUE: usize = 4;
/// Digits of a moment, in seconds since 1970 or finer.
const MOMENT: usize = 10;

/// One unit of a beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Digits,
    Blanks,
    Byte(u8),
}

/// What is taken from the cells of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Affix {
    column: usize,
    lead: Vec<Unit>,
    /// Whether the cell ends before the mark that ends a row of LaTeX.
    latex: bool,
    /// The lead as a name for the column, if it is a label.
    pub(crate) label: Option<String>,
}

impl Affix {
    /// The column.
    pub(crate) fn column(&self) -> usize {
        self.column
    }
}

/// The affixes of the columns of some rows.
pub(crate) fn learn(rows: &Batch) -> Vec<Affix> {
    let all = || (0..rows.rows()).map(|row| rows.row(row));
    let width = all().map(|row| row.len()).max().unwrap_or(0);
    let latex = memchr::memchr(b'\\', &rows.text).is_some();
    let mut cells = Vec::with_capacity(rows.rows());
    let of_column = |column: usize| {
        cells.clear();
        cells
            .extend(all().filter(|row| row.len() > column).map(|row| row.cell(column)).filter(|cell| !cell.is_empty()));
        of_column(column, &cells, latex)
    };
    (0..width).filter_map(of_column).collect()
}

/// Takes the affixes off a row.
pub(crate) fn strip(cells: &mut [Span], text: &[u8], affixes: &[Affix]) {
    for affix in affixes {
        let Some(cell) = cells.get_mut(affix.column) else { continue };
        let content = cell.of(text);
        if let Some(length) = consume(content, &affix.lead) {
            cell.start += length as u32;
        }
        if affix.latex
            && let Some(end) = latex_end(cell.of(text))
        {
            cell.end = cell.start + cell.of(text)[..end].trim_ascii_end().len() as u32;
        }
    }
}

/// Takes the affixes off every row of a batch.
pub(crate) fn strip_batch(batch: &mut Batch, affixes: &[Affix]) {
    if affixes.is_empty() {
        return;
    }
    let mut start = 0;
    for end in &batch.row_ends {
        strip(&mut batch.cells[start..*end as usize], &batch.text, affixes);
        start = *end as usize;
    }
}

/// What is taken from the filled cells of a column. `latex` says whether any cell at all has a backslash.
fn of_column(column: usize, cells: &[&[u8]], latex: bool) -> Option<Affix> {
    if cells.len() < LEAST {
        return None;
    }
    let latex = latex && cells.iter().filter(|cell| latex_end(cell).is_some()).count() * 10 >= cells.len() * 9;
    let lead = numbering(column, cells).or_else(|| lead(cells));
    if lead.is_none() && !latex {
        return None;
    }
    let lead = lead.unwrap_or_default();
    let label = label(&lead);
    Some(Affix { column, lead, latex, label })
}

/// The longest beginning of one of the first cells that nearly all of them share.
fn lead(cells: &[&[u8]]) -> Option<Vec<Unit>> {
    cells.iter().take(2).find_map(|base| {
        // Known before it is asked where a beginning may end: most cells share little.
        let units_of_base = units(&base[..base.len().min(MAX_LEAD)]);
        let most = most_shared(&units_of_base, cells);
        let (_, reach) = shared(base, &units_of_base[..most]);
        ends(base, reach).into_iter().rev().map(|end| units(&base[..end])).find(|lead| is_shared(lead, cells))
    })
}

/// How many of the first of `units` nine cells in ten begin with.
fn most_shared(units: &[Unit], cells: &[&[u8]]) -> usize {
    let others = cells.len() / 10;
    // The shortest of what cells share: of as many as may be others, and one more, which bounds what all share.
    let (mut shortest, mut most) = (Vec::with_capacity(others + 2), units.len());
    for cell in cells {
        let (shared, _) = shared(cell, &units[..most]);
        if shared == most {
            continue;
        }
        shortest.push(shared);
        shortest.sort_unstable();
        shortest.truncate(others + 1);
        most = shortest.get(others).copied().unwrap_or(most);
        if most == 0 {
            break;
        }
    }
    most
}

/// Where two backslashes end a row of a table of LaTeX.
fn latex_end(cell: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\\', cell).find(|at| cell.get(at + 1) == Some(&b'\\'))
}

/// The numbers of lines that stand before the first cells, as `cat -n` and editors write them: each one more than the last.
fn numbering(column: usize, cells: &[&[u8]]) -> Option<Vec<Unit>> {
    if column > 0 {
        return None;
    }
    let number = |cell: &&[u8]| -> Option<u64> {
        let cell = cell.trim_ascii_start();
        let digits = cell.iter().take_while(|b| b.is_ascii_digit()).count();
        let behind = cell.get(digits..).filter(|rest| matches!(rest.first(), Some(b' ' | b'\t')))?;
        let filled = !behind.trim_ascii().is_empty();
        filled.then(|| std::str::from_utf8(&cell[..digits]).ok()?.parse().ok()).flatten()
    };
    let numbers: Vec<u64> = cells.iter().map(number).collect::<Option<_>>()?;
    let numbered = numbers.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
    let blank = cells.iter().any(|cell| matches!(cell.first(), Some(b' ' | b'\t')));
    let lead = blank.then_some(Unit::Blanks).into_iter().chain([Unit::Digits, Unit::Blanks]);
    numbered.then(|| lead.collect())
}

/// Whether a beginning is a date and a time, as `2026-08-01T12:00:07.123Z`.
fn is_time(lead: &[u8]) -> bool {
    let count = |what: u8| lead.iter().filter(|b| **b == what).count();
    let signs = lead
        .iter()
        .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'/' | b':' | b'.' | b',' | b'T' | b'Z' | b'+' | b' '));
    signs
        && count(b':') >= 1
        && count(b'-') + count(b'/') + count(b'.') >= 2
        && lead.iter().filter(|b| b.is_ascii_digit()).count() >= 10
}

fn units(lead: &[u8]) -> Vec<Unit> {
    let mut units = Vec::new();
    for &b in lead {
        let unit = match b {
            b'0'..=b'9' => Unit::Digits,
            b' ' | b'\t' => Unit::Blanks,
            b => Unit::Byte(b),
        };
        if !(matches!(unit, Unit::Digits | Unit::Blanks) && units.last() == Some(&unit)) {
            units.push(unit);
        }
    }
    units
}

/// Length of the beginning of `cell` that `lead` describes.
fn consume(cell: &[u8], lead: &[Unit]) -> Option<usize> {
    let (units, length) = shared(cell, lead);
    (units == lead.len()).then_some(length)
}

/// How many of the first units of `lead` describe how `cell` begins, and the length of that.
fn shared(cell: &[u8], lead: &[Unit]) -> (usize, usize) {
    let mut at = 0;
    for (no, unit) in lead.iter().enumerate() {
        at += match unit {
            Unit::Digits => cell[at..].iter().take_while(|b| b.is_ascii_digit()).count(),
            Unit::Blanks => cell[at..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count(),
            Unit::Byte(b) => usize::from(cell.get(at) == Some(b)),
        };
        let read = match unit {
            Unit::Digits => at > 0 && cell[at - 1].is_ascii_digit(),
            // What stands before an empty value may lack its last blank.
            Unit::Blanks => true,
            Unit::Byte(b) => at > 0 && cell[at - 1] == *b,
        };
        if !read {
            return (no, at);
        }
    }
    (lead.len(), at)
}

/// Where a lead of at most `reach` bytes may end in a cell, shortest first.
fn ends(cell: &[u8], reach: usize) -> Vec<usize> {
    let head = &cell[..cell.len().min(MAX_LEAD).min(reach)];
    let mut ends = Vec::new();
    // JSON is read as such.
    if cell.starts_with(b"{\"") || cell.starts_with(b"[{") {
        return ends;
    }
    let (mut digits, mut letters) = (false, false);
    for at in 1..=head.len() {
        let (lead, behind) = (&cell[..at], cell.get(at).copied());
        let last = head[at - 1];
        digits |= last.is_ascii_digit();
        letters |= last.is_ascii_alphabetic() || last >= 0x80;
        let blank = matches!(last, b' ' | b'\t');
        let bare = lead.trim_ascii_end();
        let mark = bare.last().copied().unwrap_or(b' ');
        let inner_blank = !blank && behind == Some(b' ');
        let ends_here = match mark {
            _ if inner_blank || behind == Some(b'/') => false,
            // `client('Martin', …)`
            b'(' => letters && !blank && !digits && is_words(&bare[..bare.len() - 1]),
            _ if blank && digits && is_time(bare) => true,
            b':' | b'=' => (letters || digits && blank) && bare.len() > 1,
            b')' | b']' | b'.' | b'>' | b'#' | b'-' => {
                blank && (digits || matches!(lead.trim_ascii_start().first(), Some(b'[' | b'(')))
            }
            // `née le 12/03/1970`
            _ => {
                blank && letters && !digits && behind.is_some_and(|b| b.is_ascii_digit() || b == b'+') && is_words(bare)
            }
        };
        if ends_here {
            ends.push(at);
        }
    }
    ends
}

fn is_words(lead: &[u8]) -> bool {
    lead.len() >= 2 && lead.iter().all(|b| b.is_ascii_alphabetic() || *b >= 0x80 || matches!(b, b' ' | b'.' | b'\''))
}

/// Whether nearly all cells begin so, and something stands behind in some of them.
fn is_shared(lead: &[Unit], cells: &[&[u8]]) -> bool {
    let lengths: Vec<Option<usize>> = cells.iter().map(|cell| consume(cell, lead)).collect();
    let shared = lengths.iter().flatten().count();
    let filled = cells.iter().zip(&lengths).filter(|(cell, length)| length.is_some_and(|l| l < cell.len())).count();
    let marked = lead
        .iter()
        .rev()
        .find(|unit| **unit != Unit::Blanks)
        .is_some_and(|unit| matches!(unit, Unit::Byte(b) if !b.is_ascii_alphanumeric() && *b < 0x80));
    // Words that lead must lead to a date or a long number in every cell: `bat 4` is one value.
    let time =
        || lead.iter().filter(|unit| **unit == Unit::Byte(b':')).count() >= 1 && lead.last() == Some(&Unit::Blanks);
    let long = |rest: &[u8]| looks(rest).typed() && rest.iter().filter(|b| b.is_ascii_digit()).count() >= 5;
    let typed = || cells.iter().zip(&lengths).all(|(cell, length)| length.is_none_or(|l| long(&cell[l..])));
    shared * 10 >= cells.len() * 9
        && filled >= LEAST.min(shared)
        && (marked || time() || typed())
        && !holds_values(lead, cells)
}

/// Whether the one number in a beginning tells something of its own: neither that of an item nor a moment. `06520 - Nantes` has a postcode.
fn holds_values(lead: &[Unit], cells: &[&[u8]]) -> bool {
    if lead.iter().filter(|unit| **unit == Unit::Digits).count() != 1 {
        return false;
    }
    let number = |cell: &&[u8]| -> Option<(usize, u64)> {
        let lead = &cell[..consume(cell, lead)?];
        let digits = lead.iter().filter(|b| b.is_ascii_digit());
        let (many, number) = digits.fold((0, 0u64), |(many, number), digit| {
            (many + 1, number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
        });
        Some((many, number))
    };
    let numbers: Vec<(usize, u64)> = cells.iter().filter_map(number).collect();
    let step = |pair: &[(usize, u64)]| {
        let [(one, before), (other, after)] = *pair else { return true };
        before.checked_add(1) == Some(after) || one.min(other) >= MOMENT && before <= after
    };
    numbers.iter().any(|(many, _)| *many >= VALUE) && !numbers.windows(2).all(step)
}

/// The lead as a name: letters and blanks before a colon or an equals sign.
fn label(lead: &[Unit]) -> Option<String> {
    let bytes: Vec<u8> = lead
        .iter()
        .map(|unit| match unit {
            Unit::Digits => b'0',
            Unit::Blanks => b' ',
            Unit::Byte(b) => *b,
        })
        .collect();
    let name = bytes.trim_ascii().strip_suffix(b":").or_else(|| bytes.trim_ascii().strip_suffix(b"="))?.trim_ascii();
    let plain = name.iter().all(|b| b.is_ascii_alphabetic() || *b >= 0x80 || matches!(b, b' ' | b'_' | b'-' | b'.'));
    (plain && !name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Layout;

    proptest! {
        #[test]
        fn most_cells_share_as_much_as_is_said_and_no_more(cells in prop::collection::vec("[ab1 :]{0,6}", 1..24), base in "[ab1 :]{1,6}") {
            let cells: Vec<&[u8]> = cells.iter().map(String::as_bytes).collect();
            let lead = units(base.as_bytes());
            let most = most_shared(&lead, &cells);
            for units in 1..=lead.len() {
                let begin = cells.iter().filter(|cell| consume(cell, &lead[..units]).is_some()).count();
                prop_assert_eq!(begin * 10 >= cells.len() * 9, units <= most, "{} of {:?}", units, lead);
            }
        }
    }

    fn stripped(cells: [&str; 4]) -> Vec<String> {
        let mut rows = Batch::new(0, Layout::Rows);
        for cell in cells {
            rows.push_value(cell.as_bytes());
            rows.end_row();
        }
        let affixes = learn(&rows);
        let strip_one = |cell: &&str| {
            let mut spans = [Span { start: 0, end: cell.len() as u32 }];
            strip(&mut spans, cell.as_bytes(), &affixes);
            String::from_utf8_lossy(spans[0].of(cell.as_bytes())).into_owned()
        };
        cells.iter().map(strip_one).collect()
    }

    #[test]
    fn numbers_labels_and_leading_words_are_taken_off() {
        for (cells, bare) in [
            (["1) Jean", "2) Paul", "10) Zoé", "11) Léa"], ["Jean", "Paul", "Zoé", "Léa"]),
            (["   1: a", "   2: b", "  10: c", " 999: d"], ["a", "b", "c", "d"]),
            (["Nom: Martin", "Nom: Petit", "Nom:", "Nom: Roux"], ["Martin", "Petit", "", "Roux"]),
            (
                ["née le 12/03/1970", "née le 01/01/1980", "née le 02/3/1990", "née le 05/06/1950"],
                ["12/03/1970", "01/01/1980", "02/3/1990", "05/06/1950"],
            ),
            (["998. Jean", "999. Paul", "1000. Zoé", "1001. Léa"], ["Jean", "Paul", "Zoé", "Léa"]),
            (
                ["1690000007 - Jean", "1690000011 - Paul", "1690000011 - Zoé", "1690000093 - Léa"],
                ["Jean", "Paul", "Zoé", "Léa"],
            ),
            (["     9\tJean", "    10\tPaul", "    11\tZoé", "    12\tLéa"], ["Jean", "Paul", "Zoé", "Léa"]),
            (
                ["client('Jean'", "client('Paul'", "client('Zoé'", "client('Léa'"],
                ["'Jean'", "'Paul'", "'Zoé'", "'Léa'"],
            ),
            (
                [
                    "2026-08-01T12:00:01Z a",
                    "2026-08-01T12:00:02Z b",
                    "2026-08-01T12:01:01Z c",
                    "2026-08-02T12:00:01Z d",
                ],
                ["a", "b", "c", "d"],
            ),
            (
                ["[01/08 12:01] me: Ann", "[01/08 12:02] me: Bob", "[01/08 12:03] me: Cid", "[01/08 12:04] me: Dan"],
                ["Ann", "Bob", "Cid", "Dan"],
            ),
        ] {
            assert_eq!(stripped(cells), bare);
        }
    }

    #[test]
    fn what_values_have_in_common_stays() {
        for cells in [
            ["12 rue Haute", "3 rue Basse", "7 rue des Lilas", "1 rue Verte"],
            ["+33 612345678", "+33 612345679", "+33 612345670", "+33 612345671"],
            ["1970-01-02", "1970-01-03", "1970-02-03", "1971-01-01"],
            ["https://a.example", "https://b.example", "https://c.example", "https://d.example"],
            ["FR76 3000 1", "FR76 3000 2", "FR76 3000 3", "FR76 3000 4"],
            ["a@x.example", "ab@x.example", "ac@x.example", "ad@x.example"],
            ["12:30", "12:31", "12:32", "12:33"],
            ["bat 4", "bat 5", "bat 12", "bat 1"],
            ["06520 - Nantes", "92110 - Bayonne", "06250 - Limoges", "06520 - Nantes"],
            ["(4000) Liège", "(1000) Bruxelles", "(1000) Bruxelles", "(7000) Mons"],
        ] {
            assert_eq!(stripped(cells), cells);
        }
    }
}
