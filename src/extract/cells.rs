//! Cells that hold more than a value. JSON, pairs (`nom="…"`) and lines in a cell of a table are one record's: their values
//! are added to the row they stand in, so that a person's fields stay together. A whole dump in a cell, or in a string of
//! JSON, is a document of its own.

use memchr::memchr2;
use memchr::memmem;

use super::tree::json::unescape;
use crate::model::{Batch, Span};

/// The longest cell looked into, in bytes.
const LONGEST: usize = 64 << 10;
/// Values taken from one cell.
const MOST: usize = 256;
/// The shortest cell that may be a dump.
const DUMP: usize = 200;
/// Pairs that a cell must hold at least.
const PAIRS: usize = 3;

/// Adds the values within the batch's cells to their rows. Rows without such cells stay as they are.
pub(crate) fn open(batch: &mut Batch) {
    let signs = Signs::of(batch);
    let held = |cell: &[u8]| Held::of(cell, signs);
    if !signs.any() || !batch.cells.iter().any(|cell| held(cell.of(&batch.text)).is_some()) {
        return;
    }
    let (cells, row_ends) = (std::mem::take(&mut batch.cells), std::mem::take(&mut batch.row_ends));
    let mut start = 0;
    for end in row_ends {
        let row = &cells[start..end as usize];
        batch.cells.extend_from_slice(row);
        for cell in row {
            match held(cell.of(&batch.text)) {
                Some(Held::Record) => add_values(batch, *cell),
                Some(Held::Pairs) => add_pairs(batch, *cell),
                Some(Held::Lines) => add_lines(batch, *cell),
                None => {}
            }
        }
        batch.end_row();
        start = end as usize;
    }
}

/// What a cell holds beside a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// JSON.
    Record,
    /// `nom="Martin" mail="…"`.
    Pairs,
    /// A value on each line: an address as it is written on a letter.
    Lines,
}

/// What a batch's text must show somewhere before its cells are looked at one by one: few hold more than a value.
#[derive(Debug, Clone, Copy)]
struct Signs {
    brackets: bool,
    pairs: bool,
    /// More line ends than rows.
    folded: bool,
}

impl Signs {
    fn of(batch: &Batch) -> Self {
        Self {
            brackets: memchr2(b'{', b'[', &batch.text).is_some(),
            pairs: memmem::find(&batch.text, b"=\"").is_some(),
            folded: memchr::memchr_iter(b'\n', &batch.text).count() > batch.rows(),
        }
    }

    fn any(self) -> bool {
        self.brackets || self.pairs || self.folded
    }
}

impl Held {
    fn of(cell: &[u8], signs: Signs) -> Option<Self> {
        if signs.brackets && holds_record(cell) {
            return Some(Self::Record);
        }
        if signs.pairs && cell.len() >= 32 && memmem::find_iter(cell, b"=\"").take(PAIRS).count() == PAIRS {
            return Some(Self::Pairs);
        }
        let lines = signs.folded && cell.len() <= DUMP && memchr::memchr(b'\n', cell).is_some();
        (lines && cell.split(|b| *b == b'\n').any(|line| place(line).is_some())).then_some(Self::Lines)
    }
}

/// A line with a postal code and a town: where the code ends.
fn place(line: &[u8]) -> Option<usize> {
    let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
    let town = line.get(digits + 1..)?.iter().filter(|b| b.is_ascii_alphabetic() || **b >= 0x80).count();
    ((4..=5).contains(&digits) && line[digits] == b' ' && town >= 3).then_some(digits)
}

/// Whether a cell is a document of its own: a list of objects, or several lines of which most hold an address or a number.
pub(crate) fn is_dump(cell: &[u8]) -> bool {
    if cell.len() < DUMP {
        return false;
    }
    let trimmed = cell.trim_ascii_start();
    let objects = || [&b"},{"[..], b"}, {", b"},\n", b"}\n{"].iter().any(|next| memmem::find(cell, next).is_some());
    if matches!(trimmed.first(), Some(b'[' | b'{'))
        && matches!(trimmed.get(1), Some(b'{' | b'"' | b'[' | b' ' | b'\n'))
        && objects()
    {
        return true;
    }
    // A string that holds JSON once more.
    if trimmed.starts_with(b"\"[{\\\"") || trimmed.starts_with(b"\"{\\\"") {
        return true;
    }
    let rich = |line: &&[u8]| {
        memchr::memchr(b'@', line).is_some() || line.iter().filter(|b| b.is_ascii_digit()).take(6).count() == 6
    };
    let (mut lines, mut worth) = (0, 0);
    for line in cell.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(64) {
        lines += 1;
        worth += usize::from(rich(&line));
    }
    lines >= 4 && worth >= 3 && worth * 2 >= lines
}

/// Adds the quoted values of pairs.
fn add_pairs(batch: &mut Batch, cell: Span) {
    let text = cell.of(&batch.text)[..cell.len().min(LONGEST)].to_vec();
    let mut at = 0;
    for _ in 0..MOST {
        let Some(open) = memmem::find(&text[at..], b"=\"").map(|i| at + i + 2) else { return };
        let Some(end) = string_end(&text, open, b'"') else { return };
        if end > open {
            let start = batch.text.len();
            unescape(&text[open..end], &mut batch.text);
            batch.push_cell(start, batch.text.len());
        }
        at = end + 1;
    }
}

/// Adds the lines of a cell, and the two parts of one with a postal code and a town.
fn add_lines(batch: &mut Batch, cell: Span) {
    let text = cell.of(&batch.text).to_vec();
    for line in text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).take(MOST) {
        batch.push_value(line);
        if let Some(digits) = place(line) {
            batch.push_value(&line[..digits]);
            batch.push_value(&line[digits + 1..]);
        }
    }
}

fn holds_record(cell: &[u8]) -> bool {
    let quoted = |at: usize| matches!(cell.get(at), Some(b'"' | b'{' | b'\'')) || cell.get(at) == Some(&b'\\');
    cell.len() >= 16
        && match cell[0] {
            b'{' => cell.ends_with(b"}") && quoted(1),
            b'[' => cell.ends_with(b"]") && quoted(1),
            _ => false,
        }
}

/// Adds the strings and numbers of a cell that are no keys.
fn add_values(batch: &mut Batch, cell: Span) {
    let text = cell.of(&batch.text).to_vec();
    let text = &text[..text.len().min(LONGEST)];
    let (mut at, mut added) = (0, 0);
    while at < text.len() && added < MOST {
        match text[at] {
            quote @ (b'"' | b'\'') => {
                let Some(end) = string_end(text, at + 1, quote) else { return };
                let behind = text[end + 1..].trim_ascii_start().first();
                if behind != Some(&b':') && end > at + 1 {
                    let start = batch.text.len();
                    unescape(&text[at + 1..end], &mut batch.text);
                    batch.push_cell(start, batch.text.len());
                    added += 1;
                }
                at = end + 1;
            }
            b'0'..=b'9' | b'-' => {
                let length = text[at..].iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.')).count();
                batch.push_value(&text[at..at + length]);
                added += 1;
                at += length;
            }
            _ => at += 1,
        }
    }
}

fn string_end(text: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    loop {
        let found = at + memchr2(quote, b'\\', text.get(at..)?)?;
        if text[found] == quote {
            return Some(found);
        }
        at = found + 2;
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::testing::read;

    #[test]
    fn values_within_cells_join_their_row() {
        let rows: String = (0..5)
            .map(|i| format!("{i},2026-08-01,\"{{\"\"nom\"\": \"\"L\\u00e9a\"\", \"\"mail\"\": \"\"u{i}@x.example\"\", \"\"age\"\": {i}1}}\"\n"))
            .collect();
        let kept = read(format!("id,date,data\n{rows}").as_bytes());
        assert_eq!(kept.cells()[3][3..], ["Léa", "u3@x.example", "31"], "{kept:?}");
        let kept = read(b"{\"topic\": \"users\", \"payload\": \"{\\\"nom\\\": \\\"Martin\\\", \\\"mail\\\": \\\"a@x.example\\\"}\"}\n{\"topic\": \"x\"}\n");
        assert_eq!(kept.cells()[0][2..], ["Martin", "a@x.example"], "{kept:?}");
    }

    #[test]
    fn pairs_and_lines_within_cells_join_their_row() {
        let kept = read(br#"{"_time":"2026","_raw":"INFO nom=\"Roux\" mail=\"a@x.example\" tel=\"0612345678\""}"#);
        assert_eq!(kept.cells()[0][2..], ["Roux", "a@x.example", "0612345678"], "{kept:?}");
        let rows: String = (0..5).map(|i| format!("Roux,u{i}@x.example,\"{i} rue Haute\n29000 Le Mans\"\n")).collect();
        let kept = read(rows.as_bytes());
        assert_eq!(kept.rows.len(), 5, "{kept:?}");
        assert_eq!(kept.cells()[2][3..], ["2 rue Haute", "29000 Le Mans", "29000", "Le Mans"], "{kept:?}");
    }

    #[test]
    fn a_dump_in_a_string_is_read_by_itself() {
        let lines: String = (0..9).map(|i| format!("Roux{i};u{i}@x.example;06123456{i}0\\n")).collect();
        let objects: Vec<String> =
            (0..9).map(|i| format!("{{\\\"nom\\\":\\\"Roux{i}\\\",\\\"mail\\\":\\\"u{i}@x.example\\\"}}")).collect();
        for text in [
            format!("{{\"ok\":true,\"file\":\"{lines}\"}}"),
            format!("{{\"ok\":true,\"file\":\"[{}]\"}}", objects.join(",")),
        ] {
            let kept = read(text.as_bytes());
            let row = kept.cells().into_iter().find(|row| row[0] == "Roux4").unwrap_or_else(|| panic!("{kept:?}"));
            assert_eq!(row[1], "u4@x.example");
        }
    }

    #[test]
    fn brackets_that_hold_no_record_stay_cells() {
        let rows: String = (0..5).map(|i| format!("{i};[code {i} and more words];u{i}@x.example\n")).collect();
        assert!(read(rows.as_bytes()).rows.iter().all(|(_, row)| row.len() == 3));
    }
}
