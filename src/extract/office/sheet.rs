//! Workbooks of Excel (before and since 2007) and OpenDocument: each sheet is a table.
//!
//! `calamine` inflates what it reads without a bound of its own, so a packed workbook is measured first: it is opened
//! only if all of it, unpacked, fits into what the document may still give.

use std::io::{Cursor, Read};

use calamine::{Data, DataRef, Range, Reader, Sheets, Xlsx, open_workbook_auto_from_rs};

use super::guarded;
use crate::extract::columns::Columns;
use crate::extract::out::Out;
use crate::extract::text::header;
use crate::model::{Shape, SkipReason};

/// Rows looked at for a header.
const SAMPLE: usize = 40;

/// Cells of one sheet, with the empty ones before the last of each row.
const MAX_CELLS: u64 = 20_000_000;

/// Columns that a sheet can have.
const MAX_COLUMNS: usize = 16_384;

/// Whether an archive is a workbook, by the names that every workbook has.
pub(crate) fn is_workbook(bytes: &[u8]) -> bool {
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(bytes)) else { return false };
    let excel = ["xl/workbook.xml", "xl/workbook.bin"].iter().any(|name| archive.index_for_name(name).is_some());
    let mut kind = Vec::new();
    if let Ok(member) = archive.by_name("mimetype") {
        let _ = member.take(64).read_to_end(&mut kind);
    }
    excel || kind.starts_with(b"application/vnd.oasis.opendocument.spreadsheet")
}

/// Bytes of a packed workbook once unpacked, as far as `most`.
fn measure(bytes: &[u8], most: u64) -> Option<u64> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut sum = 0;
    for no in 0..archive.len() {
        let member = archive.by_index(no).ok()?;
        sum += std::io::copy(&mut member.take(most + 1 - sum), &mut std::io::sink()).ok()?;
        if sum > most {
            return None;
        }
    }
    Some(sum)
}

/// Reads a workbook. `most` is what it may be, unpacked; returns what it was. `None` if it was not opened, and the
/// caller may try it as something else.
pub(crate) fn read(out: &mut Out<'_>, bytes: &[u8], most: u64) -> Option<u64> {
    let packed = bytes.starts_with(b"PK");
    let size = if packed { measure(bytes, most)? } else { bytes.len() as u64 };
    let mut workbook = guarded(out, "workbook", || open_workbook_auto_from_rs(Cursor::new(bytes)).ok())??;
    out.read(size as usize);
    for name in workbook.sheet_names() {
        if out.stopped() {
            break;
        }
        let parent = out.member.clone();
        let short: String = name.chars().take(128).collect();
        out.member = if parent.is_empty() { short } else { format!("{parent}/{short}") };
        out.flush_rows();
        if sheet(out, &mut workbook, &name).is_none() {
            out.skip(SkipReason::Damaged, "sheet");
        }
        out.flush_rows();
        out.member = parent;
    }
    Some(size)
}

/// Reads a sheet. `None` if it cannot be opened.
fn sheet(out: &mut Out<'_>, workbook: &mut Sheets<Cursor<&[u8]>>, name: &str) -> Option<()> {
    match workbook {
        Sheets::Xlsx(workbook) => cell_by_cell(out, workbook, name),
        _ => {
            let range = guarded(out, "sheet", || workbook.worksheet_range(name).ok())??;
            whole(out, &range);
        }
    }
    Some(())
}

/// Reads a sheet of Excel since 2007 as it stands in its file: what matters is how many cells there are, and not how
/// far apart.
fn cell_by_cell(out: &mut Out<'_>, workbook: &mut Xlsx<Cursor<&[u8]>>, name: &str) {
    let mut sheet = SheetRows::default();
    let (mut at, mut row) = (0, Vec::new());
    let opened = guarded(out, "sheet", || workbook.worksheet_cells_reader(name));
    let Some(Ok(mut cells)) = opened else { return out.skip(SkipReason::Damaged, "sheet") };
    loop {
        match guarded(out, "sheet", || cells.next_cell()) {
            Some(Ok(Some(cell))) => {
                let (number, column) = cell.get_position();
                if number != at {
                    if !sheet.push(out, std::mem::take(&mut row)) {
                        return sheet.end(out);
                    }
                    at = number;
                }
                put(&mut row, column as usize, text_of(cell.get_value()));
            }
            Some(Ok(None)) => break,
            Some(Err(_)) => {
                out.skip(SkipReason::Damaged, "sheet");
                break;
            }
            None => break,
        }
    }
    sheet.push(out, row);
    sheet.end(out);
}

/// Puts a cell where it stands in its row; one beyond all columns follows the others.
fn put(row: &mut Vec<Vec<u8>>, column: usize, value: Vec<u8>) {
    if value.is_empty() {
        return;
    }
    if column < MAX_COLUMNS && row.len() <= column {
        row.resize(column, Vec::new());
    }
    match row.get_mut(column) {
        Some(cell) => *cell = value,
        None => row.push(value),
    }
}

/// Reads a sheet that is at hand as a whole.
fn whole(out: &mut Out<'_>, range: &Range<Data>) {
    let mut sheet = SheetRows::default();
    for row in range.rows() {
        if !sheet.push(out, row.iter().map(text).collect()) {
            break;
        }
    }
    sheet.end(out);
}

/// The rows of one sheet on their way out. The first ones wait until they have shown whether there is a header.
#[derive(Default)]
struct SheetRows {
    sample: Vec<Vec<Vec<u8>>>,
    columns: Option<Columns<'static>>,
    /// Columns that are empty in all of the sample, before the first that is not.
    left: usize,
    cells: u64,
}

impl SheetRows {
    /// Takes a row. `false` if no more are wanted.
    fn push(&mut self, out: &mut Out<'_>, row: Vec<Vec<u8>>) -> bool {
        if row.iter().all(Vec::is_empty) {
            return !out.stopped();
        }
        self.cells += row.len() as u64;
        if self.cells > MAX_CELLS {
            out.skip(
                SkipReason::TooManyRows,
                format!("a sheet of more than {MAX_CELLS} cells, with the empty ones between"),
            );
            return false;
        }
        if self.columns.is_some() {
            self.write(out, &row);
        } else {
            self.sample.push(row);
            if self.sample.len() == SAMPLE {
                self.settle(out);
            }
        }
        !out.stopped()
    }

    /// Looks for a header and hands on the first rows.
    fn settle(&mut self, out: &mut Out<'_>) {
        let sample = std::mem::take(&mut self.sample);
        let filled = |row: &[Vec<u8>]| row.iter().filter(|cell| !cell.is_empty()).count();
        let before = |row: &Vec<Vec<u8>>| row.iter().take_while(|cell| cell.is_empty()).count();
        self.left = sample.iter().map(before).min().unwrap_or(0);
        let first = sample.iter().position(|row| filled(row) > 1).unwrap_or(0);
        let views: Vec<Vec<&[u8]>> =
            sample.iter().skip(first).map(|row| row.iter().skip(self.left).map(Vec::as_slice).collect()).collect();
        let heads = views.first().is_some_and(|head| header::is_header(head, &views[1..]));
        let names = heads.then(|| header::names(&views[0]));
        self.columns = Some(Columns::with_header(&[], 0, Shape::Sheet, names));
        for (no, row) in sample.iter().enumerate() {
            if !(heads && no == first) {
                self.write(out, row);
            }
        }
    }

    fn write(&mut self, out: &mut Out<'_>, row: &[Vec<u8>]) {
        let Some(columns) = &mut self.columns else { return };
        // A cell left of all that were seen first must not shift the others.
        let (early, rest) = row.split_at(self.left.min(row.len()));
        for cell in rest.iter().chain(early.iter().filter(|cell| !cell.is_empty())) {
            let column = columns.next_column();
            columns.put_value(column, cell);
        }
        columns.end_row(out, 0);
    }

    fn end(mut self, out: &mut Out<'_>) {
        if self.columns.is_none() {
            self.settle(out);
        }
        if let Some(mut columns) = self.columns {
            columns.flush(out, 0);
        }
    }
}

fn text_of(cell: &DataRef<'_>) -> Vec<u8> {
    match cell {
        DataRef::String(text) => text.clone().into_bytes(),
        DataRef::SharedString(text) => text.as_bytes().to_vec(),
        other => text(&other.clone().into()),
    }
}

/// A cell as a person would read it: dates as ISO, whole numbers without a point.
fn text(cell: &Data) -> Vec<u8> {
    match cell {
        Data::Empty | Data::Error(_) => Vec::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone().into_bytes(),
        Data::Int(number) => number.to_string().into_bytes(),
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}").into_bytes(),
        Data::Float(number) => number.to_string().into_bytes(),
        Data::Bool(value) => value.to_string().into_bytes(),
        Data::DateTime(date) => {
            let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
            let time = (hour, minute, second) != (0, 0, 0);
            let date = format!("{year:04}-{month:02}-{day:02}");
            (if time { format!("{date} {hour:02}:{minute:02}:{second:02}") } else { date }).into_bytes()
        }
    }
}
