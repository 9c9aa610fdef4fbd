//! Cells that hold records themselves: JSON in a column of a table or in a string of JSON. Their values are added to the
//! row they stand in, so that a person's fields stay together.

use memchr::memchr2;

use super::tree::json::unescape;
use crate::model::{Batch, Span};

/// The longest cell looked into, in bytes.
const LONGEST: usize = 64 << 10;
/// Values taken from one cell.
const MOST: usize = 256;

/// Adds the values within the batch's cells to their rows. Rows without such cells stay as they are.
pub(crate) fn open(batch: &mut Batch) {
    if !batch.cells.iter().any(|cell| holds_record(cell.of(&batch.text))) {
        return;
    }
    let (cells, row_ends) = (std::mem::take(&mut batch.cells), std::mem::take(&mut batch.row_ends));
    let mut start = 0;
    for end in row_ends {
        let row = &cells[start..end as usize];
        batch.cells.extend_from_slice(row);
        for cell in row.iter().filter(|cell| holds_record(cell.of(&batch.text))).copied().collect::<Vec<Span>>() {
            add_values(batch, cell);
        }
        batch.end_row();
        start = end as usize;
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
    fn brackets_that_hold_no_record_stay_cells() {
        let rows: String = (0..5).map(|i| format!("{i};[code {i} and more words];u{i}@x.example\n")).collect();
        assert!(read(rows.as_bytes()).rows.iter().all(|(_, row)| row.len() == 3));
    }
}
