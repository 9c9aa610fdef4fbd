//! Which cell of a table holds which column of an index: counted over the rows that show a record beyond doubt, and taken as known once
//! enough of them agree. What follows from it for a row is for `assemble`.

use serde::{Deserialize, Serialize};

use crate::model::FieldKind;
use crate::model::finding::MAX_COLUMNS;

/// Rows after which the columns of a table are taken as known.
const LEARNED: u32 = 64;
/// Rows after which they are, if they bear out what was learnt before these.
const CONFIRMED: u32 = 8;
/// Rows of a part that are counted: a column that none of them fills is too rare to matter.
const ENOUGH: u32 = 1 << 10;

/// The columns of an index: header and kind of each.
pub(super) type Columns = [(String, FieldKind)];

/// How often the cells of a table agreed with the columns of an index, over the rows in which it had a candidate.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Agreement {
    /// Rows counted.
    pub(super) rows: u32,
    /// For each cell, rows in which it was filled.
    pub(super) filled: Vec<u32>,
    /// For each cell and column (`cell * columns + column`), rows in which they agreed.
    agree: Vec<u32>,
    columns: usize,
}

impl Agreement {
    /// Counts one row: `pairs` of cells and columns that agree, once each.
    pub(super) fn count(&mut self, columns: usize, filled: u64, pairs: &[(u8, u8)]) {
        self.columns = columns;
        self.rows += 1;
        let cells = pairs.iter().fold(filled, |cells, (cell, _)| cells | 1 << cell);
        self.reserve(cells.checked_ilog2().unwrap_or(0) as usize);
        for cell in super::bits(filled) {
            self.filled[cell] += 1;
        }
        for &(cell, column) in pairs {
            self.agree[cell as usize * columns + column as usize] += 1;
        }
    }

    fn reserve(&mut self, cell: usize) {
        if cell >= self.filled.len() {
            self.filled.resize(cell + 1, 0);
            self.agree.resize((cell + 1) * self.columns, 0);
        }
    }

    /// Rows in which `cell` agreed with `column`.
    pub(super) fn of(&self, cell: usize, column: usize) -> u32 {
        self.agree.get(cell * self.columns + column).copied().unwrap_or(0)
    }

    /// For each cell, the column it holds: the one that agrees most, in at least half of the rows where it is filled.
    /// A column that two cells hold goes to the one that agrees more often.
    pub(super) fn held(&self) -> Vec<Option<u8>> {
        let best = |cell: usize| {
            let column =
                (0..self.columns.min(MAX_COLUMNS)).max_by_key(|c| (self.of(cell, *c), std::cmp::Reverse(*c)))?;
            let agree = self.of(cell, column);
            (agree > 0 && agree * 2 >= self.filled[cell]).then_some((column as u8, agree))
        };
        let best: Vec<Option<(u8, u32)>> = (0..self.filled.len()).map(best).collect();
        let outdone = |cell: usize, column: u8, agree: u32| {
            best.iter().enumerate().any(|(other, held)| {
                held.is_some_and(|(c, n)| c == column && other != cell && (n > agree || n == agree && other < cell))
            })
        };
        let kept = |(cell, held): (usize, &Option<(u8, u32)>)| {
            held.and_then(|(column, agree)| (!outdone(cell, column, agree)).then_some(column))
        };
        best.iter().enumerate().map(kept).collect()
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.columns = self.columns.max(other.columns);
        self.rows += other.rows;
        if !other.filled.is_empty() {
            self.reserve(other.filled.len() - 1);
        }
        self.filled.iter_mut().zip(&other.filled).for_each(|(a, b)| *a += b);
        self.agree.iter_mut().zip(&other.agree).for_each(|(a, b)| *a += b);
    }
}

/// The column of an index that each cell of a table holds; no column is held twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mapping {
    /// By cell.
    held: Vec<Option<u8>>,
    /// The same as cells and columns: first those that are compared at the least price and tell the most.
    telling: Vec<(u8, u8)>,
}

impl Mapping {
    fn new(held: Vec<Option<u8>>, columns: &Columns) -> Self {
        let pair = |(cell, column): (usize, &Option<u8>)| Some((cell as u8, (*column)?));
        let mut telling: Vec<(u8, u8)> = held.iter().enumerate().take(64).filter_map(pair).collect();
        telling.sort_by_key(|(_, column)| price(columns[usize::from(*column)].1));
        Self { held, telling }
    }

    /// Cells and columns: first those that are compared at the least price and tell the most.
    pub(super) fn telling(&self) -> &[(u8, u8)] {
        &self.telling
    }

    /// The column that each cell holds.
    pub(super) fn held(&self) -> &[Option<u8>] {
        &self.held
    }

    /// The cell that holds a column.
    pub(super) fn cell_of(&self, column: usize) -> Option<usize> {
        self.telling.iter().find(|(_, held)| usize::from(*held) == column).map(|(cell, _)| usize::from(*cell))
    }
}

/// The order in which columns are compared where one that differs may end it.
fn price(kind: FieldKind) -> u8 {
    match kind {
        // Nothing is hashed: what finds has not found this record.
        FieldKind::Email
        | FieldKind::Phone
        | FieldKind::Iban
        | FieldKind::Siren
        | FieldKind::Contract
        | FieldKind::Ref
        | FieldKind::Username => 0,
        FieldKind::BirthDate => 1,
        FieldKind::LastName | FieldKind::FullName => 2,
        FieldKind::FirstName | FieldKind::Postcode => 3,
        _ => 4,
    }
}

/// What one table shows of the columns that some indexes share.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Learning {
    /// Rows are counted once, for the first of these indexes that has a record beyond doubt.
    agreement: Agreement,
    last: Option<u64>,
    known: Option<Mapping>,
    /// What rows before these have shown. It is not believed before rows of this part bear it out: tables change on the way, where files
    /// were joined.
    expected: Option<Mapping>,
}

impl Learning {
    /// What is known.
    pub(super) fn known(&self) -> Option<&Mapping> {
        self.known.as_ref()
    }

    /// What a part that comes later may expect.
    pub(super) fn lesson(&self) -> Option<Self> {
        let expected = self.known.clone().or_else(|| self.expected.clone())?;
        Some(Self { expected: Some(expected), ..Self::default() })
    }

    /// Counts row number `row` of the document, as [`Agreement::count`] does.
    pub(super) fn count(&mut self, row: u64, columns: &Columns, filled: u64, pairs: &[(u8, u8)]) {
        if self.last == Some(row) || self.agreement.rows == ENOUGH {
            return;
        }
        self.last = Some(row);
        self.agreement.count(columns.len(), filled, pairs);
        let rows = self.agreement.rows;
        // Again at every doubling: a column that is rarely filled shows late.
        if rows < CONFIRMED || !rows.is_power_of_two() {
            return;
        }
        let held = self.agreement.held();
        if let Some(expected) = &self.expected
            && self.is_borne_out(&held, expected)
        {
            self.known = Some(expected.clone());
        } else if rows >= LEARNED {
            self.known = Some(Mapping::new(held, columns));
        }
    }

    /// Whether each cell that was filled holds the column that is expected of it.
    fn is_borne_out(&self, held: &[Option<u8>], expected: &Mapping) -> bool {
        let same = |cell: usize| held[cell] == expected.held.get(cell).copied().flatten();
        (0..held.len()).all(|cell| self.agreement.filled[cell] == 0 || same(cell))
    }

    /// Adds what a later part has shown.
    pub(super) fn merge(&mut self, other: Self) {
        self.expected = other.known.or(other.expected).or(self.expected.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(kinds: &[FieldKind]) -> Vec<(String, FieldKind)> {
        kinds.iter().map(|kind| (String::new(), *kind)).collect()
    }

    #[test]
    fn a_cell_is_the_column_it_agrees_with_most_and_a_column_goes_to_one_cell() {
        let mut agreement = Agreement::default();
        for i in 0..20 {
            let mut pairs = vec![(0, 2), (1, 0)];
            if i == 0 {
                pairs.push((2, 1)); // by chance
            }
            if i < 15 {
                pairs.push((3, 2)); // a second cell that mostly shows the same
            }
            agreement.count(3, 0b1111, &pairs);
        }
        assert_eq!(agreement.held(), [Some(2), Some(0), None, None]);
    }

    #[test]
    fn what_was_learnt_before_is_believed_when_few_rows_bear_it_out_and_not_when_they_do_not() {
        let columns = columns(&[FieldKind::LastName, FieldKind::BirthDate, FieldKind::Email, FieldKind::City]);
        let known_after = |learning: &mut Learning, cells: [u8; 3]| {
            let pairs: Vec<(u8, u8)> = cells.into_iter().enumerate().map(|(cell, held)| (cell as u8, held)).collect();
            (1..=1_000).find(|row| {
                learning.count(*row, &columns, 0b111, &pairs);
                // Another index of the same columns: the row is counted already.
                learning.count(*row, &columns, 0b111, &[(0, 3)]);
                learning.known().is_some()
            })
        };
        let mut first = Learning::default();
        assert_eq!(known_after(&mut first, [2, 0, 1]), Some(u64::from(LEARNED)));
        let mapping = first.known().unwrap();
        assert_eq!(mapping.held(), [Some(2), Some(0), Some(1)]);
        assert_eq!(mapping.telling(), [(0, 2), (2, 1), (1, 0)]);
        assert_eq!((mapping.cell_of(1), mapping.cell_of(3)), (Some(2), None));
        let mut whole = Learning::default();
        whole.merge(first);
        assert!(whole.known().is_none(), "what another part has shown is not known of this one");
        assert_eq!(known_after(&mut whole.lesson().unwrap(), [2, 0, 1]), Some(u64::from(CONFIRMED)));
        assert_eq!(known_after(&mut whole.lesson().unwrap(), [0, 2, 1]), Some(u64::from(LEARNED)), "joined files");
        assert!(Learning::default().lesson().is_none());
    }
}
