//! Tables of dBase, FoxPro and Clipper (`.dbf`): records of fixed width behind a header that names their fields.
//!
//! Format: the header is 32 bytes, each field descriptor 32 more, up to a 0x0D; then records, each behind a byte that
//! says whether it was deleted. Deleted records are read like the others: they are people's data too. Memo fields point
//! into another file and are left out.

use crate::extract::columns::Columns;
use crate::extract::encoding;
use crate::extract::out::Out;
use crate::model::{Shape, SkipReason};

/// Fields of one table, as the format allows them.
const MAX_FIELDS: usize = 2_046;

/// A field: its name, kind, and place within a record.
struct Field {
    name: String,
    kind: u8,
    start: usize,
    length: usize,
}

/// What a header says.
struct Layout {
    fields: Vec<Field>,
    /// Where the first record begins.
    records: usize,
    /// Bytes of a record.
    length: usize,
    count: usize,
}

/// Whether bytes begin with the header of a table.
pub(crate) fn is_dbase(bytes: &[u8]) -> bool {
    layout(bytes).is_some()
}

fn layout(bytes: &[u8]) -> Option<Layout> {
    let head = bytes.get(..65)?;
    let version = matches!(
        head[0],
        0x02 | 0x03 | 0x04 | 0x05 | 0x30..=0x32 | 0x43 | 0x63 | 0x83 | 0x8B | 0x8E | 0xCB | 0xF5 | 0xFB
    );
    // Month and day of the last change.
    if !version || head[2] > 12 || head[3] > 31 {
        return None;
    }
    let count = u32::from_le_bytes(head[4..8].try_into().ok()?) as usize;
    let records = usize::from(u16::from_le_bytes(head[8..10].try_into().ok()?));
    let length = usize::from(u16::from_le_bytes(head[10..12].try_into().ok()?));
    let (mut fields, mut at, mut start) = (Vec::new(), 32, 1);
    while bytes.get(at).is_some_and(|b| *b != 0x0D) && at + 32 < records && fields.len() < MAX_FIELDS {
        let descriptor = bytes.get(at..at + 32)?;
        let name = &descriptor[..memchr::memchr(0, &descriptor[..11]).unwrap_or(11)];
        let named = !name.is_empty() && name.iter().all(|b| b.is_ascii_graphic() || *b >= 0x80);
        let kind = descriptor[11];
        if !named || !b"CNDLMFBGPYTIVOQW@+0".contains(&kind) {
            return None;
        }
        // A field of characters may be longer than a byte tells: the decimals are the rest.
        let wide = if kind == b'C' { usize::from(descriptor[17]) << 8 } else { 0 };
        let size = usize::from(descriptor[16]) + wide;
        fields.push(Field { name: String::from_utf8_lossy(name).into_owned(), kind, start, length: size });
        start += size;
        at += 32;
    }
    let whole = bytes.get(at) == Some(&0x0D) && !fields.is_empty() && records > at && start <= length;
    whole.then_some(Layout { fields, records, length, count })
}

/// Reads a table.
pub(crate) fn read(out: &mut Out<'_>, bytes: &[u8]) {
    let Some(Layout { fields, records, length, count }) = layout(bytes) else { return };
    out.read(bytes.len());
    out.flush_rows();
    let names = fields.iter().map(|field| field.name.clone()).collect();
    let mut columns = Columns::with_header(&[], 0, Shape::Sheet, Some(names));
    let rows = bytes.get(records..).unwrap_or_default();
    // One code page for the whole table, recognised from the table.
    let sample: Vec<u8> = rows.iter().copied().take(encoding::SAMPLE).filter(|b| *b >= 9).collect();
    let charset = encoding::detect(&sample).0;
    let whole = rows.len() / length;
    for record in rows.chunks_exact(length).take(count) {
        if record[0] == 0x1A || out.stopped() {
            break;
        }
        for field in &fields {
            let column = columns.next_column();
            let cell = record[field.start..field.start + field.length].trim_ascii();
            let cell = cell.iter().position(|b| *b == 0).map_or(cell, |end| cell[..end].trim_ascii());
            match (field.kind, cell) {
                // Places in another file, and numbers in binary.
                (b'M' | b'G' | b'P' | b'B' | b'I' | b'T' | b'Y' | b'@' | b'+' | b'O' | b'0', _) => {}
                (b'D', [y0, y1, y2, y3, m0, m1, d0, d1]) => {
                    columns.put_value(column, &[*y0, *y1, *y2, *y3, b'-', *m0, *m1, b'-', *d0, *d1]);
                }
                _ => columns.put_value(column, &encoding::decode(cell, charset)),
            }
        }
        columns.end_row(out, 0);
    }
    columns.flush(out, 0);
    out.flush_rows();
    if whole < count {
        out.skip(SkipReason::Damaged, "dbase: fewer records than its header says");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::extract::testing::read;
    use crate::model::SkipReason;

    /// A table of fields of characters, 20 wide, and a date.
    fn table(rows: &[[&str; 2]], count: u32) -> Vec<u8> {
        let mut file = vec![3, 126, 8, 1];
        file.extend_from_slice(&count.to_le_bytes());
        file.extend_from_slice(&(32 + 3 * 32 + 1u16).to_le_bytes());
        file.extend_from_slice(&(1 + 20 + 20 + 8u16).to_le_bytes());
        file.extend_from_slice(&[0; 20]);
        for (name, kind, length) in [("NOM", b'C', 20), ("MAIL", b'C', 20), ("NE", b'D', 8u8)] {
            let mut descriptor = [0u8; 32];
            descriptor[..name.len()].copy_from_slice(name.as_bytes());
            (descriptor[11], descriptor[16]) = (kind, length);
            file.extend_from_slice(&descriptor);
        }
        file.push(0x0D);
        for row in rows {
            file.push(b' ');
            for value in row {
                let mut cell = encoding_rs::WINDOWS_1252.encode(value).0.into_owned();
                cell.resize(20, b' ');
                file.extend_from_slice(&cell);
            }
            file.extend_from_slice(b"19700102");
        }
        file.push(0x1A);
        file
    }

    #[test]
    fn records_are_rows_with_dates_as_dates() {
        let rows = [["Lefèvre", "a@x.example"], ["Noël", "b@x.example"], ["Guérin", "c@x.example"]];
        let kept = read(&table(&rows, 3));
        assert_eq!(kept.headers(), [Some(vec!["NOM", "MAIL", "NE"])]);
        assert_eq!(kept.cells()[1], ["Noël", "b@x.example", "1970-01-02"]);
        assert!(kept.skips.is_empty());
    }

    #[test]
    fn a_header_that_promises_more_is_recorded_and_one_that_is_none_is_no_table() {
        let rows = [["Petit", "a@x.example"]];
        let kept = read(&table(&rows, u32::MAX));
        assert_eq!((kept.rows.len(), kept.reasons()), (1, vec![SkipReason::Damaged]));
        let mut bytes = table(&rows, 1);
        bytes[32 + 11] = b'?';
        assert!(read(&bytes).tables.iter().all(|table| table.header.is_none()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn values_are_read_back(rows in prop::collection::vec(("[A-Za-z][A-Za-z -]{0,16}[a-z]", "[a-z]{1,8}@x\\.example"), 1..20)) {
            let rows: Vec<[&str; 2]> = rows.iter().map(|(a, b)| [a.as_str(), b.as_str()]).collect();
            let kept = read(&table(&rows, rows.len() as u32));
            let found: Vec<Vec<&str>> = kept.cells().iter().map(|row| row[..2].to_vec()).collect();
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn any_damage_is_survived(at in 0usize..200, byte: u8) {
            let mut bytes = table(&[["Petit", "a@x.example"], ["Roux", "b@x.example"]], 2);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = read(&bytes);
        }
    }
}
