//! Cells of a table that hold several values (`12 rue des Lilas, 75011 Paris`), part by part: what confirms a record may stand in any of
//! them. What in such a cell finds a record is for `values`; how a cell is split, for `text`.

use crate::model::{Row, Span};

use super::shape::{LONGEST_VALUE, is_absent, trimmed};
use super::text::Splitter;

/// Parts of one row: two addresses have as many.
pub(super) const PARTS: usize = 16;
/// Bytes of a cell that is split: in what is longer, what finds by itself is sought and nothing else.
const LONGEST: usize = 512;

/// The parts of the mixed cells of one row.
#[derive(Default)]
pub(super) struct Parts {
    splitter: Splitter,
    /// The cell, and the part as a range of it, which is trimmed.
    parts: Vec<(u8, Span)>,
    /// Whether the row's cells have still to be split.
    is_new: bool,
}

impl Parts {
    /// Begins another row. In running text each value is a cell already.
    pub(super) fn start(&mut self, is_table: bool) {
        self.parts.clear();
        self.is_new = is_table;
    }

    /// How many there are in the row that was begun, which is `row`.
    pub(super) fn many(&mut self, row: Row<'_>) -> usize {
        if std::mem::take(&mut self.is_new) {
            for (at, cell) in row.cells().enumerate().take(64) {
                let cell = trimmed(cell);
                if is_mixed(cell) {
                    let worth = |part: &&Span| {
                        (2..=LONGEST_VALUE as u32).contains(&(part.end - part.start)) && !is_absent(part.of(cell))
                    };
                    let room = PARTS - self.parts.len();
                    let parts = self.splitter.split(cell).iter().filter(worth).take(room);
                    self.parts.extend(parts.map(|part| (at as u8, *part)));
                }
            }
        }
        self.parts.len()
    }

    /// Part number `no` of the row: the cell it stands in, and its text.
    pub(super) fn part<'r>(&self, row: Row<'r>, no: usize) -> (u8, &'r [u8]) {
        let (cell, part) = self.parts[no];
        (cell, part.of(trimmed(row.cell(usize::from(cell)))))
    }

    /// All of them.
    pub(super) fn all<'r>(&mut self, row: Row<'r>) -> impl Iterator<Item = (u8, &'r [u8])> {
        let many = self.many(row);
        (0..many).map(move |no| self.part(row, no))
    }

    /// The cells of the row that have any, a bit each.
    pub(super) fn cells(&mut self, row: Row<'_>) -> u64 {
        self.all(row).fold(0, |cells, (cell, _)| cells | 1 << cell)
    }
}

/// Whether a cell may hold several values: words beside a number as long as a postcode or a date, something that parts them, or names in a
/// sentence.
fn is_mixed(cell: &[u8]) -> bool {
    if cell.len() < 8 || cell.len() > LONGEST {
        return false;
    }
    let (mut digits, mut others, mut blanks, mut separators) = (0, 0, 0, 0);
    let (mut capital, mut small, mut before) = (0, 0, b' ');
    for byte in cell {
        if before == b' ' {
            capital += usize::from(byte.is_ascii_uppercase() || *byte >= 0x80);
            small += usize::from(byte.is_ascii_lowercase());
        }
        before = *byte;
        match byte {
            b'0'..=b'9' => digits += 1,
            b' ' => blanks += 1,
            b',' | b';' | b'|' | b'(' | b'<' | b'/' | b'\n' | b'\t' => separators += 1,
            _ => others += 1,
        }
    }
    // A number in groups is one value.
    separators > 0 && others >= 4 || blanks > 0 && digits >= 4 && others >= 2 || capital >= 2 && small >= 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::tests::{COLUMNS, expected, find, matcher_of, person, refs, same};
    use crate::model::{Batch, FieldKind, Layout};

    /// The parts of a row, with the cells they stand in.
    fn parts(cells: &[&str], is_table: bool) -> Vec<(u8, String)> {
        let mut batch = Batch::new(0, Layout::Rows);
        cells.iter().for_each(|cell| batch.push_value(cell.as_bytes()));
        batch.end_row();
        let mut parts = Parts::default();
        parts.start(is_table);
        parts.all(batch.row(0)).map(|(cell, part)| (cell, String::from_utf8_lossy(part).into_owned())).collect()
    }

    #[test]
    fn cells_of_tables_with_several_values_have_parts_and_no_others() {
        let cells = ["Zoé Roux", " \"45 chemin Vert, 06520 Nantes\" ", "zoe@mail.example", "Roux, Zoé (1982-03-24)"];
        let told = [(1, "45 chemin Vert"), (1, "06520"), (1, "Nantes"), (3, "Roux"), (3, "Zoé"), (3, "1982-03-24")];
        assert_eq!(parts(&cells, true), told.map(|(cell, part)| (cell, part.to_owned())));
        assert_eq!(parts(&cells, false), []);
        let whole = [
            "06 12 34 56 78",
            "+33 (0)6 12 34 56 78",
            "12 rue des Lilas",
            "FR76 3000 4000 0100 0000 1234 567",
            "Le Goff",
        ];
        assert_eq!(parts(&whole, true), []);
        assert_eq!(parts(&["Zoé de La Roche", "rue des Lilas"], true), []);
        assert_eq!(parts(&["Le client Zoé Roux"], true)[1..], [(0, "Le".to_owned()), (0, "Zoé Roux".to_owned())]);
        // Neither a text nor a row of many such cells costs more than so many parts.
        assert_eq!(parts(&[&"7, rue X; ".repeat(100)], true), []);
        assert_eq!(parts(&["a1234, b2, c3, d4, e5, f6"; 60], true).len(), PARTS);
    }

    #[test]
    fn what_shares_a_cell_confirms_whoever_is_found_by_name_or_number_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let matcher = matcher_of(folder.path(), &COLUMNS, (0..2_000).map(|no| person(no).to_vec()));
        let row = |no: u64| {
            let [_, last, first, mail, phone, birth, city] = person(no);
            let number = if no.is_multiple_of(2) { phone } else { mail };
            [
                vec![format!("{first} {last}"), format!("{birth}, {city}")],
                vec![number, format!("{last} {first} - {birth} {city}")],
            ]
        };
        for way in [0, 1] {
            let rows = |from: u64| -> Vec<Vec<String>> { (from..from + 400).map(|no| row(no)[way].clone()).collect() };
            let found = find(&matcher, &rows(300), 1);
            assert!(same(refs(&found), expected(300..700)), "{way}: {} of 400", refs(&found).len());
            let wanted = [FieldKind::LastName, FieldKind::FirstName, FieldKind::BirthDate, FieldKind::City];
            let wanted = wanted.iter().fold(0, |kinds, kind| kinds | 1 << kind.code());
            assert!(found.systems[0].records.iter().all(|record| record.kinds & wanted == wanted), "{way}");
            assert!(refs(&find(&matcher, &rows(5_000), 1)).is_empty(), "{way}: strangers");
        }
    }
}
