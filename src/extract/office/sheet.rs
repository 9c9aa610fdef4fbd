//! Workbooks of Excel (before and since 2007) and OpenDocument: each sheet is a table.
//!
//! `calamine` inflates what it reads without a bound of its own, so a packed workbook is measured first: it is opened
//! only if all of it, unpacked, fits into what the document may still give.

use std::io::{Cursor, Read};

use calamine::{Data, Range, Reader, Sheets, open_workbook_auto_from_rs};

use super::guarded;
use crate::extract::columns::Columns;
use crate::extract::out::Out;
use crate::extract::text::header;
use crate::model::{Shape, SkipReason};

/// Rows looked at for a header.
const SAMPLE: usize = 40;

/// Cells of one sheet. A sheet of two cells at opposite corners would otherwise be a table of 17 thousand million.
const MAX_CELLS: u64 = 20_000_000;

/// Whether an archive is a workbook, by the names that every workbook has.
pub(crate) fn is_workbook(bytes: &[u8]) -> bool {
    let Ok(archive) = zip::ZipArchive::new(Cursor::new(bytes)) else { return false };
    let excel = ["xl/workbook.xml", "xl/workbook.bin"].iter().any(|name| archive.index_for_name(name).is_some());
    excel || bytes.windows(64).take(128).any(|w| w.starts_with(b"application/vnd.oasis.opendocument.spreadsheet"))
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
        match guarded(out, "sheet", || range(&mut workbook, &name)) {
            Some(Some(range)) => sheet(out, &name, &range),
            Some(None) => out.skip(SkipReason::Damaged, "sheet"),
            None => {}
        }
    }
    Some(size)
}

fn range(workbook: &mut Sheets<Cursor<&[u8]>>, name: &str) -> Option<Range<Data>> {
    workbook.worksheet_range(name).ok()
}

fn sheet(out: &mut Out<'_>, name: &str, range: &Range<Data>) {
    let (height, width) = range.get_size();
    if height as u64 * width as u64 > MAX_CELLS {
        out.skip(SkipReason::TooManyRows, format!("a sheet of {height} rows and {width} columns"));
    }
    out.flush_rows();
    let rows = height.min((MAX_CELLS / width.max(1) as u64) as usize);
    let parent = out.member.clone();
    let name: String = name.chars().take(128).collect();
    out.member = if parent.is_empty() { name } else { format!("{parent}/{name}") };
    let first = (0..rows.min(SAMPLE)).find(|row| filled(range, *row) > 1).unwrap_or(0);
    let sample: Vec<Vec<Vec<u8>>> = (first..rows.min(first + SAMPLE)).map(|row| cells(range, row)).collect();
    let views: Vec<Vec<&[u8]>> = sample.iter().map(|row| row.iter().map(Vec::as_slice).collect()).collect();
    let heads = views.first().is_some_and(|head| header::is_header(head, &views[1..]));
    let names = heads.then(|| header::names(&views[0]));
    let mut columns = Columns::with_header(&[], 0, Shape::Sheet, names);
    for row in (0..rows).filter(|row| !(heads && *row == first)) {
        for cell in cells(range, row) {
            let column = columns.next_column();
            columns.put_value(column, &cell);
        }
        columns.end_row(out, 0);
    }
    columns.flush(out, 0);
    out.flush_rows();
    out.member = parent;
}

fn filled(range: &Range<Data>, row: usize) -> usize {
    range.rows().nth(row).map_or(0, |row| row.iter().filter(|cell| **cell != Data::Empty).count())
}

fn cells(range: &Range<Data>, row: usize) -> Vec<Vec<u8>> {
    let width = range.width();
    (0..width).map(|column| range.get((row, column)).map_or_else(Vec::new, text)).collect()
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
