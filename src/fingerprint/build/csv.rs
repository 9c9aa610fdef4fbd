//! Rows and cells of an export: RFC 4180 with any of four delimiters, read leniently.
//!
//! A quote opens a quoted cell only at the cell's beginning; elsewhere it is a character like others, as in most systems' exports.

/// The delimiters that are tried.
pub(super) const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// One past the newline that ends the row at the beginning of `bytes`; None if it does not end within.
pub(super) fn row_end(bytes: &[u8], delimiter: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        let next = at + memchr::memchr2(b'"', b'\n', &bytes[at..])?;
        if bytes[next] == b'\n' {
            return Some(next + 1);
        }
        at = next + 1;
        if next == 0 || bytes[next - 1] == delimiter || bytes[next - 1] == b'\n' {
            at = quoted_end(bytes, at)?;
        }
    }
}

/// One past the quote that closes the cell whose content begins at `at`.
fn quoted_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let quote = at + memchr::memchr(b'"', &bytes[at..])?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some(quote + 1);
        }
        at = quote + 2;
    }
}

/// One past the last row that ends within `bytes`; 0 if none does.
pub(super) fn whole_rows(bytes: &[u8], delimiter: u8) -> usize {
    if memchr::memchr(b'"', bytes).is_none() {
        return memchr::memrchr(b'\n', bytes).map_or(0, |i| i + 1);
    }
    let mut at = 0;
    while let Some(len) = row_end(&bytes[at..], delimiter) {
        at += len;
    }
    at
}

/// The cells of one row. Reused from row to row.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Where each cell lies: in the row, or (second part of the pair set) in `unquoted`.
    cells: Vec<(usize, usize, bool)>,
    unquoted: Vec<u8>,
}

impl Cells {
    /// Reads a row, with or without its line end.
    pub(super) fn read(&mut self, row: &[u8], delimiter: u8) {
        self.cells.clear();
        self.unquoted.clear();
        let row = row.strip_suffix(b"\n").unwrap_or(row);
        let row = row.strip_suffix(b"\r").unwrap_or(row);
        if memchr::memchr(b'"', row).is_none() {
            let mut start = 0;
            for end in memchr::memchr_iter(delimiter, row) {
                self.cells.push((start, end, false));
                start = end + 1;
            }
            self.cells.push((start, row.len(), false));
            return;
        }
        let mut at = 0;
        loop {
            let next = if row.get(at) == Some(&b'"') {
                self.quoted(row, at + 1, delimiter)
            } else {
                self.bare(row, at, delimiter)
            };
            match next {
                Some(next) => at = next,
                None => return,
            }
        }
    }

    fn bare(&mut self, row: &[u8], start: usize, delimiter: u8) -> Option<usize> {
        let end = memchr::memchr(delimiter, &row[start..]).map(|i| start + i);
        self.cells.push((start, end.unwrap_or(row.len()), false));
        end.map(|end| end + 1)
    }

    fn quoted(&mut self, row: &[u8], start: usize, delimiter: u8) -> Option<usize> {
        let from = self.unquoted.len();
        let mut at = start;
        loop {
            let quote = memchr::memchr(b'"', &row[at..]).map_or(row.len(), |i| at + i);
            self.unquoted.extend_from_slice(&row[at..quote]);
            if row.get(quote + 1) != Some(&b'"') {
                at = (quote + 1).min(row.len());
                break;
            }
            self.unquoted.push(b'"');
            at = quote + 2;
        }
        // What stands between the closing quote and the delimiter belongs to the cell, for want of a better place.
        let end = memchr::memchr(delimiter, &row[at..]).map(|i| at + i);
        self.unquoted.extend_from_slice(&row[at..end.unwrap_or(row.len())]);
        self.cells.push((from, self.unquoted.len(), true));
        end.map(|end| end + 1)
    }

    /// Number of cells.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Cell `i` of the row that was read; empty beyond the last.
    #[inline]
    pub(super) fn get<'a>(&'a self, row: &'a [u8], i: usize) -> &'a [u8] {
        match self.cells.get(i) {
            Some(&(from, to, false)) => &row[from..to],
            Some(&(from, to, true)) => &self.unquoted[from..to],
            None => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
        let (mut at, mut rows, mut cells) = (0, Vec::new(), Cells::default());
        while let Some(len) = row_end(&text[at..], delimiter) {
            let row = &text[at..at + len];
            cells.read(row, delimiter);
            rows.push((0..cells.len()).map(|i| cells.get(row, i).to_vec()).collect());
            at += len;
        }
        assert_eq!(at, whole_rows(text, delimiter));
        rows
    }

    #[test]
    fn quotes_inside_cells_are_characters() {
        assert_eq!(
            rows(b"a,5\" disk,c\r\n\"x\"y,z\n", b','),
            [vec![b"a".to_vec(), b"5\" disk".to_vec(), b"c".to_vec()], vec![b"xy".to_vec(), b"z".to_vec()],]
        );
    }

    #[test]
    fn a_row_that_does_not_end_is_not_whole() {
        assert_eq!(whole_rows(b"a,b\nc,\"d\n", b','), 4);
        assert_eq!(whole_rows(b"a,b", b','), 0);
    }

    proptest! {
        /// The same rows as the `csv` crate reads.
        #[test]
        fn written_rows_are_read_back(table in proptest::collection::vec(proptest::collection::vec("[a-c\",;\n\r é]{0,6}", 2..5), 1..8)) {
            for delimiter in DELIMITERS {
                let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
                table.iter().for_each(|row| writer.write_record(row).unwrap());
                let text = writer.into_inner().unwrap();
                let read = rows(&text, delimiter);
                let expected: Vec<Vec<Vec<u8>>> = table.iter().map(|r| r.iter().map(|c| c.clone().into_bytes()).collect()).collect();
                prop_assert_eq!(read, expected);
            }
        }
    }
}
