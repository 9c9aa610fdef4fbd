//! The names that a row may show, of people whom some index has. Which of them it is, is for `namesakes`.

use crate::fingerprint::{join_names, normalise};
use crate::model::{FieldKind, Row};

use super::row::{Examiner, Scratch};
use super::shape::{CellShape, LONGEST_VALUE, is_absent, trimmed};

/// Cells of a row that may hold (part of) a name.
pub(super) const NAME_CELLS: usize = 8;
/// Neighbouring cells that may hold the other part of it.
const REACH: usize = 2;

impl Examiner<'_> {
    /// The keys of the names that cells of the row may show and that some index has: each cell (or part of a mixed
    /// one) that holds several words, each two that stand near one another.
    pub(super) fn read_names(&self, row: Row<'_>, scratch: &mut Scratch) {
        let mut cells: [(u8, &[u8]); NAME_CELLS] = [(0, b""); NAME_CELLS];
        let mut many = 0;
        let whole = row.cells().enumerate().take(64).map(|(at, raw)| (at as u8, trimmed(raw)));
        for (at, value) in whole.chain(scratch.parts.all(row)) {
            if many < NAME_CELLS
                && value.len() <= LONGEST_VALUE
                && CellShape::of(value).may_be_name()
                && !is_absent(value)
            {
                cells[many] = (at, value);
                many += 1;
            }
        }
        let cells = &cells[..many];
        if let Some((names, named)) = scratch.wordings.ask(cells) {
            scratch.names.extend_from_slice(names);
            scratch.named |= named;
            return;
        }
        self.read_names_of(cells, scratch);
        let read = (std::mem::take(&mut scratch.names), scratch.named);
        scratch.wordings.keep(cells, &read);
        scratch.names = read.0;
    }

    /// The same of cells that may hold (part of) a name, of which there are [`NAME_CELLS`] at most, whether or not they were met before.
    pub(super) fn read_names_of(&self, cells: &[(u8, &[u8])], scratch: &mut Scratch) {
        // Each cell's normal form, or nothing where it holds no words.
        let mut forms = std::mem::take(&mut scratch.name_forms);
        let mut places = [(0, 0); NAME_CELLS];
        forms.clear();
        for (place, (_, value)) in places.iter_mut().zip(cells) {
            let from = forms.len();
            if normalise(FieldKind::LastName, value, self.matcher.catalogue.countries(), &mut scratch.normal) {
                forms.extend_from_slice(&scratch.normal);
            }
            *place = (from, forms.len());
        }
        let form = |no: usize| &forms[places[no].0..places[no].1];
        for no in (0..cells.len()).filter(|no| !form(*no).is_empty()) {
            self.read_name((form(no), b""), 1 << cells[no].0, scratch);
            let near = no + 1..cells.len().min(no + 1 + REACH);
            for other in near.filter(|no| !form(*no).is_empty()) {
                self.read_name((form(no), form(other)), 1 << cells[no].0 | 1 << cells[other].0, scratch);
            }
        }
        scratch.name_forms = forms;
    }

    /// How many records of an index have a name that it might have: the fewest there are in any, nothing if none has it.
    pub(super) fn fewest_of(&self, (name, _, key): (u64, u64, u8)) -> Option<u32> {
        let of_key = self.matcher.catalogue.indexes().iter().filter(|index| index.key_no() == usize::from(key));
        // What is damaged is found out where it is read.
        of_key.map(|index| index.name_range(name).map_or(1, |slots| slots.len() as u32)).filter(|many| *many > 0).min()
    }

    /// Notes the name that has these two parts, one of which may be empty.
    fn read_name(&self, (one, other): (&[u8], &[u8]), cells: u64, scratch: &mut Scratch) {
        if other.is_empty() && !one.contains(&b' ') {
            return;
        }
        let Scratch { normal, names, named, .. } = scratch;
        join_names(one, other, normal);
        *named = true;
        for (key, hasher) in self.matcher.catalogue.hashers().iter().enumerate() {
            let name = hasher.name_key(normal);
            if self.matcher.catalogue.might_contain(name) {
                names.push((name, cells, key as u8));
            }
        }
    }
}

/// Whether a column of the kind holds a name or a part of one.
pub(super) fn is_name(kind: FieldKind) -> bool {
    matches!(kind, FieldKind::LastName | FieldKind::FirstName | FieldKind::FullName)
}
