//! Finding by name: where nothing in a row names a person by itself (masked numbers, dates and addresses only), the
//! records of that name are looked through for one that something else confirms.

use crate::fingerprint::{Damaged, Slot, SnapshotIndex, TagTest, join_names, masked, normalise, readings};
use crate::model::{FieldKind, Row, Strength};

use super::candidate::{WORTH_KEEPING, confirming_bits, masked_bits};
use super::evidence::TableState;
use super::row::{Examiner, Scratch};
use super::shape::{CellShape, LONGEST_VALUE, is_absent, trimmed};

/// Records of one name that are looked through: the commonest name of a country of sixty million has about as many.
const MOST_NAMESAKES: u32 = 65_536;
/// Cells of a row that may hold (part of) a name.
pub(super) const NAME_CELLS: usize = 8;
/// Neighbouring cells that may hold the other part of it.
const REACH: usize = 2;

/// What besides the name a record may be confirmed by.
struct Confirmer {
    test: TagTest,
    /// What agreement proves: less where the value is common among the records themselves.
    bits: f32,
}

impl Confirmer {
    /// `bits` is what agreement of the kind proves at most.
    fn of(test: TagTest, bits: f32, index: &SnapshotIndex) -> Result<Self, Damaged> {
        let holders = index.holders(test)?;
        Ok(Self { test, bits: bits.min((holders.of as f32 / holders.passing.max(1) as f32).log2()) })
    }
}

impl Examiner<'_> {
    /// Looks through the records of each name that the row may show for those that something else confirms.
    pub(super) fn follow_names(&self, row: Row<'_>, table: &TableState, scratch: &mut Scratch) -> Result<(), Damaged> {
        scratch.start_row();
        self.read_names(row, scratch);
        if scratch.names.is_empty() {
            return Ok(());
        }
        let names = scratch.names.clone();
        for (at, index) in self.matcher.catalogue.indexes().iter().enumerate() {
            let mut confirmers: Option<Vec<Confirmer>> = None;
            for (name, _, key) in &names {
                if usize::from(*key) != index.key_no() {
                    continue;
                }
                let namesakes = index.name_range(*name)?;
                let many = namesakes.end - namesakes.start;
                if many == 0 || many > MOST_NAMESAKES {
                    continue;
                }
                let confirmers = match &mut confirmers {
                    Some(known) => known,
                    none => none.insert(self.confirmers(index, row, scratch)?),
                };
                let price = (many as f32).log2();
                for slot in namesakes {
                    let bits = confirmed(index, Slot(slot), confirmers)? - price;
                    if bits >= WORTH_KEEPING {
                        self.assemble_namesake(row, table, (at as u16, slot), bits, scratch)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Assembles a record that the name led to and `bits` confirm, whatever its columns would prove elsewhere.
    fn assemble_namesake(
        &self,
        row: Row<'_>,
        table: &TableState,
        place: (u16, u32),
        bits: f32,
        scratch: &mut Scratch,
    ) -> Result<(), Damaged> {
        let before = scratch.candidates.len();
        self.assemble(row, table, place, &[], scratch)?;
        if let Some(candidate) = scratch.candidates.get_mut(before) {
            candidate.bits = bits - candidate.lost;
            if candidate.bits < WORTH_KEEPING {
                scratch.candidates.truncate(before);
                scratch.pairs.truncate(before);
            }
        }
        Ok(())
    }

    /// Everything in the row, names apart, that could confirm a record of the index.
    fn confirmers(
        &self,
        index: &SnapshotIndex,
        row: Row<'_>,
        scratch: &mut Scratch,
    ) -> Result<Vec<Confirmer>, Damaged> {
        let hasher = &self.matcher.catalogue.hashers()[index.key_no()];
        let mut all = Vec::new();
        for raw in row.cells().take(64) {
            let value = trimmed(raw);
            if value.len() > LONGEST_VALUE || is_absent(value) {
                continue;
            }
            for (column, (_, kind)) in index.columns().iter().enumerate().take(64) {
                if kind.strength() == Strength::Weak && !is_name(*kind) {
                    readings(*kind, value, self.matcher.catalogue.countries(), &mut scratch.readings);
                    for normal in scratch.readings.iter() {
                        let test = index.test_of_value(column, hasher.tag(*kind, normal));
                        all.extend(test.map(|test| Confirmer::of(test, confirming_bits(*kind), index)).transpose()?);
                    }
                } else if let Some(form) = masked::parse(*kind, value) {
                    let tag = hasher.mask_tag(*kind, &form);
                    let test = index.test_of_mask(column, tag, false);
                    all.extend(test.map(|test| Confirmer::of(test, masked_bits(*kind, tag), index)).transpose()?);
                }
            }
        }
        Ok(all)
    }

    /// The keys of the names that cells of the row may show and that some index has: each cell that holds several words,
    /// each two cells near one another.
    pub(super) fn read_names(&self, row: Row<'_>, scratch: &mut Scratch) {
        let mut cells: [(u8, &[u8]); NAME_CELLS] = [(0, b""); NAME_CELLS];
        let mut many = 0;
        for (at, raw) in row.cells().enumerate().take(64) {
            let value = trimmed(raw);
            if many < NAME_CELLS
                && value.len() <= LONGEST_VALUE
                && CellShape::of(value).may_be_name()
                && !is_absent(value)
            {
                cells[many] = (at as u8, value);
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
        scratch.wordings.keep(cells, &scratch.names, scratch.named);
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

    /// Whether some index has records of a name that it might have.
    pub(super) fn is_held(&self, (name, _, key): (u64, u64, u8)) -> bool {
        let of_key = self.matcher.catalogue.indexes().iter().filter(|index| index.key_no() == usize::from(key));
        // What is damaged is found out where it is read.
        of_key.map(|index| index.name_range(name).ok()).any(|slots| slots.is_none_or(|slots| !slots.is_empty()))
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

/// Bits by which a record is confirmed, names apart.
fn confirmed(index: &SnapshotIndex, slot: Slot, confirmers: &[Confirmer]) -> Result<f32, Damaged> {
    let tags = index.tags(slot)?;
    let (mut seen, mut total) = (0u64, 0.0);
    for confirmer in confirmers {
        let column = confirmer.test.column;
        if seen >> column & 1 == 0 && tags.passes(confirmer.test) {
            seen |= 1 << column;
            total += confirmer.bits;
        }
    }
    Ok(total)
}
