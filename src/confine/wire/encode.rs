//! The worker's half: tables, batches and skips as frames.

use super::{
    BATCH, BATCH_HEAD, DONE, ESCAPE, HELLO, Hello, MAX_BODY, MAX_NAME, PANICKED, READ, SKIP, TABLE, cut, shape_code,
};
use crate::model::{Batch, Flow, Layout, Skip, Span, Table};

/// Appends a frame whose body `write` appends.
fn frame(out: &mut Vec<u8>, tag: u8, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

pub(in crate::confine) fn hello(out: &mut Vec<u8>, hello: &Hello) {
    // A struct of strings always serialises.
    frame(out, HELLO, |out| out.extend(serde_json::to_vec(hello).unwrap_or_default()));
}

fn string(out: &mut Vec<u8>, text: &str) {
    let text = cut(text, MAX_NAME);
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// A table. Of a header too large for a frame the last columns are left unnamed.
pub(in crate::confine) fn table(out: &mut Vec<u8>, table: &Table) {
    frame(out, TABLE, |out| {
        out.extend_from_slice(&table.no.to_le_bytes());
        out.push(shape_code(table.shape));
        string(out, &table.member);
        let Some(header) = &table.header else { return out.push(0) };
        out.push(1);
        let (at, begin) = (out.len(), out.len() + MAX_BODY / 2);
        out.extend_from_slice(&[0; 4]);
        let mut columns = 0_u32;
        for column in header {
            if out.len() > begin {
                break;
            }
            string(out, column);
            columns += 1;
        }
        out[at..at + 4].copy_from_slice(&columns.to_le_bytes());
    });
}

/// The body of a batch; its text, which the caller sends behind it, is `batch.text`.
pub(in crate::confine) fn batch(out: &mut Vec<u8>, batch: &Batch) {
    // Cells of a row that was never closed belong to nothing.
    let cells = &batch.cells[..batch.row_ends.last().map_or(0, |end| *end as usize)];
    frame(out, BATCH, |out| {
        out.reserve(BATCH_HEAD + 3 * cells.len() + 2 * batch.row_ends.len());
        out.extend_from_slice(&batch.table.to_le_bytes());
        out.push(match batch.layout {
            Layout::Rows => 0,
            Layout::Text => 1,
        });
        out.extend_from_slice(&batch.first_row.to_le_bytes());
        for count in [batch.source, batch.text.len(), cells.len(), batch.row_ends.len()] {
            out.extend_from_slice(&(count as u32).to_le_bytes());
        }
        spans(out, cells);
        ends(out, &batch.row_ends);
    });
}

fn spans(out: &mut Vec<u8>, cells: &[Span]) {
    let mut last = 0_u32;
    for cell in cells {
        let gap = cell.start.wrapping_sub(last);
        let length = cell.end - cell.start;
        if gap < u32::from(ESCAPE) && length <= 255 {
            out.extend_from_slice(&[gap as u8, length as u8]);
        } else {
            out.push(ESCAPE);
            out.extend_from_slice(&cell.start.to_le_bytes());
            out.extend_from_slice(&cell.end.to_le_bytes());
        }
        last = cell.end;
    }
}

fn ends(out: &mut Vec<u8>, row_ends: &[u32]) {
    let mut last = 0;
    for end in row_ends {
        let cells = end - last;
        if cells < u32::from(ESCAPE) {
            out.push(cells as u8);
        } else {
            out.push(ESCAPE);
            out.extend_from_slice(&cells.to_le_bytes());
        }
        last = *end;
    }
}

pub(in crate::confine) fn skip(out: &mut Vec<u8>, skip: &Skip) {
    let skip = Skip::new(cut(&skip.what, MAX_NAME), skip.reason, cut(&skip.detail, MAX_NAME));
    frame(out, SKIP, |out| out.extend(serde_json::to_vec(&skip).unwrap_or_default()));
}

pub(in crate::confine) fn read(out: &mut Vec<u8>, bytes: u64) {
    frame(out, READ, |out| out.extend_from_slice(&bytes.to_le_bytes()));
}

pub(in crate::confine) fn done(out: &mut Vec<u8>, flow: Flow) {
    frame(out, DONE, |out| out.push(u8::from(flow == Flow::Stop)));
}

/// The place in our source, nothing of the message: that may quote content.
pub(in crate::confine) fn panicked(out: &mut Vec<u8>, place: &str) {
    frame(out, PANICKED, |out| out.extend_from_slice(cut(place, 256).as_bytes()));
}
