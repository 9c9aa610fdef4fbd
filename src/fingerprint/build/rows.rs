//! Rows of an export to what an index keeps of them: fingerprints, tags, refs, and what is known of the columns.

use std::borrow::Cow;
use std::collections::HashSet;

use super::csv::{self, Cells};
use crate::fingerprint::format::{TagLayout, TagWidth, tag4, tag8, tag16};
use crate::fingerprint::hash::Hasher;
use crate::fingerprint::layout;
use crate::fingerprint::normalise::{self, Countries, DateOrder, masked};
use crate::fingerprint::profile::TokenShapes;
use crate::model::{FieldKind, Strength, SystemId};

/// The name key of a record without a name: behind all others.
pub(super) const NO_NAME: u64 = u64::MAX;
/// Of the rows of a large export, one in so many is looked at for its habits.
const HABITS_EVERY: usize = 16;

/// One watched column.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// Position among the cells of a row.
    pub(super) cell: usize,
    pub(super) kind: FieldKind,
    pub(super) order: DateOrder,
}

/// What is taken from each row, and where it goes in a record: name key (u64), row (u32), record key (u64, where there is no
/// ref), tags, fingerprints (u64 each, 0 for none).
pub(super) struct Plan {
    pub(super) system: SystemId,
    pub(super) hasher: Hasher,
    pub(super) countries: Countries,
    pub(super) delimiter: u8,
    /// Cells of the header.
    pub(super) cells: usize,
    pub(super) columns: Vec<Planned>,
    pub(super) tags: TagLayout,
    pub(super) canaries: HashSet<Vec<u8>>,
    pub(super) ref_column: Option<usize>,
    pub(super) strong: usize,
}

impl Plan {
    pub(super) const ROW_AT: usize = 8;
    pub(super) const RECORD_KEY_AT: usize = 12;

    pub(super) fn tags_at(&self) -> usize {
        Self::RECORD_KEY_AT + if self.ref_column.is_none() { 8 } else { 0 }
    }

    pub(super) fn strong_at(&self) -> usize {
        self.tags_at() + self.tags.stride
    }

    /// Bytes of a record.
    pub(super) fn width(&self) -> usize {
        self.strong_at() + 8 * self.strong
    }
}

/// What became of a stretch of rows.
pub(super) struct Encoded {
    pub(super) records: Vec<u8>,
    pub(super) count: usize,
    /// Refs one behind the other, and where each ends.
    pub(super) refs: Vec<u8>,
    pub(super) ref_ends: Vec<u32>,
    /// Rows, within the stretch, of canaries, and their refs.
    pub(super) canaries: Vec<(u32, Vec<u8>)>,
    pub(super) ragged: u64,
    pub(super) blank: u64,
    pub(super) columns: Vec<ColumnFacts>,
}

/// What is known of a column.
#[derive(Debug, Clone, Default)]
pub(super) struct ColumnFacts {
    pub(super) filled: u64,
    /// Values that are none of the column's kind (masked ones excepted where the kind can be masked).
    pub(super) unread: u64,
    pub(super) layouts: [u64; layout::CLASSES],
    pub(super) shapes: TokenShapes,
}

impl ColumnFacts {
    pub(super) fn merge(&mut self, other: &Self) {
        self.filled += other.filled;
        self.unread += other.unread;
        self.layouts.iter_mut().zip(other.layouts).for_each(|(all, more)| *all += more);
        self.shapes.merge(&other.shapes);
    }
}

/// Whether the shapes of a column's values are kept. Those of accounts are their countries and lengths.
pub(super) fn has_shapes(kind: FieldKind) -> bool {
    matches!(kind, FieldKind::Ref | FieldKind::Contract | FieldKind::Username | FieldKind::Iban)
}

/// Encodes the rows of a stretch that begins and ends with whole rows. `dense` says that every row's habits count.
pub(super) fn encode(plan: &Plan, stretch: &[u8], dense: bool) -> Encoded {
    let mut encoder = Encoder {
        plan,
        out: Encoded {
            records: Vec::with_capacity(stretch.len()),
            count: 0,
            refs: Vec::new(),
            ref_ends: Vec::new(),
            canaries: Vec::new(),
            ragged: 0,
            blank: 0,
            columns: vec![ColumnFacts::default(); plan.columns.len()],
        },
        record: vec![0; plan.width()],
        normal: Vec::new(),
        last: Vec::new(),
        first: Vec::new(),
        full: Vec::new(),
        birth: Vec::new(),
    };
    let mut cells = Cells::default();
    let quotes = memchr::memchr(b'"', stretch).is_some();
    let mut rest = stretch;
    while !rest.is_empty() {
        let end = if quotes { csv::row_end(rest, plan.delimiter) } else { memchr::memchr(b'\n', rest).map(|i| i + 1) };
        let (row, tail) = rest.split_at(end.unwrap_or(rest.len()));
        rest = tail;
        if row.trim_ascii().is_empty() {
            continue;
        }
        cells.read(row, plan.delimiter);
        encoder.row(row, &cells, dense);
    }
    encoder.out
}

struct Encoder<'a> {
    plan: &'a Plan,
    out: Encoded,
    record: Vec<u8>,
    normal: Vec<u8>,
    last: Vec<u8>,
    first: Vec<u8>,
    full: Vec<u8>,
    birth: Vec<u8>,
}

impl Encoder<'_> {
    fn row(&mut self, row: &[u8], cells: &Cells, dense: bool) {
        let plan = self.plan;
        self.out.ragged += u64::from(cells.len() != plan.cells);
        self.record.fill(0);
        self.last.clear();
        self.first.clear();
        self.full.clear();
        self.birth.clear();
        let habits = dense || self.out.count.is_multiple_of(HABITS_EVERY);
        let (mut any, mut strong) = (false, 0);
        let mut reference: Cow<'_, [u8]> = Cow::Borrowed(&[]);
        for (no, column) in plan.columns.iter().enumerate() {
            let at = plan.strong_at() + 8 * strong;
            strong += usize::from(column.kind.strength() == Strength::Strong);
            let raw = cells.get(row, column.cell).trim_ascii();
            if raw.is_empty() {
                continue;
            }
            let raw = utf8(raw);
            any = true;
            self.value(no, column, &raw, at, habits);
            if plan.ref_column == Some(no) {
                reference = raw;
            }
        }
        if any {
            self.finish(&reference);
        } else {
            self.out.blank += 1;
        }
    }

    /// Takes one value into the record; `strong_at` is where its fingerprint goes if the column is strong.
    fn value(&mut self, no: usize, column: &Planned, raw: &[u8], strong_at: usize, habits: bool) {
        let plan = self.plan;
        let kind = column.kind;
        let place = plan.tags.columns[no];
        let facts = &mut self.out.columns[no];
        facts.filled += 1;
        if habits {
            facts.layouts[layout::class(kind, raw)] += 1;
        }
        let tags = &mut self.record[plan.tags_at()..plan.strong_at()];
        tags[plan.tags.exported + no / 2] |= tag4(plan.hasher.exported_tag(kind, raw)) << (no % 2 * 4);
        let valid = if kind == FieldKind::BirthDate {
            normalise::normalise_date(raw, column.order, &mut self.normal)
        } else {
            normalise::normalise(kind, raw, &plan.countries, &mut self.normal)
        };
        let disclosed = match place.width {
            TagWidth::Mask if valid => masked::projection(kind, &self.normal),
            TagWidth::Mask => masked::parse(kind, raw),
            _ => None,
        };
        facts.unread += u64::from(!valid && disclosed.is_none());
        if let Some(form) = disclosed {
            let tag = plan.hasher.mask_tag(kind, &form);
            tags[place.offset..place.offset + 2].copy_from_slice(&tag.word.to_le_bytes());
        }
        if !valid {
            return;
        }
        let hash = || plan.hasher.tag(kind, &self.normal);
        match place.width {
            TagWidth::One => tags[place.offset] = tag8(hash()),
            TagWidth::Two => tags[place.offset..place.offset + 2].copy_from_slice(&tag16(hash()).to_le_bytes()),
            TagWidth::None | TagWidth::Mask => {}
        }
        if kind.strength() == Strength::Strong {
            let fingerprint = plan.hasher.fingerprint(kind, &self.normal).max(1);
            self.record[strong_at..strong_at + 8].copy_from_slice(&fingerprint.to_le_bytes());
        }
        if has_shapes(kind) {
            facts.shapes.add(&self.normal);
        }
        let kept = match kind {
            FieldKind::LastName => &mut self.last,
            FieldKind::FirstName => &mut self.first,
            FieldKind::FullName => &mut self.full,
            FieldKind::BirthDate => &mut self.birth,
            _ => return,
        };
        if kept.is_empty() {
            kept.extend_from_slice(&self.normal);
        }
    }

    /// Closes the record: its name key, its own key, its ref.
    fn finish(&mut self, reference: &[u8]) {
        let plan = self.plan;
        if self.full.is_empty() {
            normalise::join_names(&self.last, &self.first, &mut self.full);
        }
        let name_key = if self.full.is_empty() { NO_NAME } else { plan.hasher.name_key(&self.full).min(NO_NAME - 1) };
        self.record[..8].copy_from_slice(&name_key.to_le_bytes());
        let row = self.out.count as u32;
        self.record[Plan::ROW_AT..Plan::ROW_AT + 4].copy_from_slice(&row.to_le_bytes());
        if plan.ref_column.is_some() {
            if plan.canaries.contains(reference) {
                self.out.canaries.push((row, reference.to_vec()));
            }
            self.out.refs.extend_from_slice(reference);
            self.out.ref_ends.push(self.out.refs.len() as u32);
        } else {
            let key = self.own_key();
            self.record[Plan::RECORD_KEY_AT..Plan::RECORD_KEY_AT + 8].copy_from_slice(&key.to_le_bytes());
        }
        self.out.records.extend_from_slice(&self.record);
        self.out.count += 1;
    }

    /// What names a record without ref: its first strong value, else its name and birth date.
    fn own_key(&mut self) -> u64 {
        let plan = self.plan;
        let strong = self.record[plan.strong_at()..].as_chunks::<8>().0.iter().find(|fp| **fp != [0; 8]);
        self.normal.clear();
        match strong {
            Some(fingerprint) => self.normal.extend_from_slice(fingerprint),
            None => {
                self.normal.extend_from_slice(&self.full);
                self.normal.push(0);
                self.normal.extend_from_slice(&self.birth);
            }
        }
        plan.hasher.record_key(&plan.system, &self.normal)
    }
}

/// A cell as UTF-8: what is not is read as Windows-1252, cell by cell, since exports are pasted together from several programs.
fn utf8(raw: &[u8]) -> Cow<'_, [u8]> {
    if raw.is_ascii() || std::str::from_utf8(raw).is_ok() {
        return Cow::Borrowed(raw);
    }
    let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(raw);
    Cow::Owned(text.into_owned().into_bytes())
}
