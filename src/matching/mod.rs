//! Rows and text × watchlists → findings: which records of ours stand in a document.
//!
//! Synchronous and free of I/O but for the memory-mapped indexes. [`Matcher`] holds what does not change between
//! documents and is shared by all threads; a [`Scan`] gathers what one document shows. Whose data it is and from when is
//! for `attribute` to say.
//!
//! A row's way: `shape` (what a cell looks like) and `glance` (most of them at once) → `values` (normalised and hashed) → `sweep` (the prefilter, where most rows
//! end) → `row` (look up; by the `names` it shows and their `namesakes` where nothing else finds, and of other rows as many as `by_name` says) → `assemble` (each candidate record held against the row, cells that are `mixed` part by part; `denied` leaves those of chance early) → `candidate` (how much agreement proves) → `evidence` (kept, counted, columns learned in `mapping`) → `finish`
//! (decided with the whole document in view: what `share` of a table is ours). Rows that nothing names wait for `by_tags`. Running text becomes rows in `text`, but for
//! lines of which no cell has what a value `needs`; `terms` looks for words.

mod assemble;
mod by_name;
mod by_tags;
mod candidate;
mod choice;
mod denied;
mod desk;
mod evidence;
mod finish;
mod glance;
mod kept;
mod mapping;
mod mixed;
mod names;
mod namesakes;
mod needs;
mod records;
mod row;
mod scan;
mod shape;
mod share;
mod sweep;
mod terms;
mod text;
mod values;
mod wordings;

use std::sync::Arc;

use crate::fingerprint::{Catalogue, Damaged, SnapshotIndex, TokenShapes, masked};
use crate::model::finding::{Finding, MAX_COLUMNS, bits};
use crate::model::{FieldKind, Strength, SystemId};

use desk::Desks;
use needs::Needs;
use shape::CellShape;

pub use scan::Scan;
pub use terms::{Cost, RuleProblem, Slow, TermError, Terms, check_rules};

/// Everything that documents are held against. Cheap to clone, never changed: a reload makes a new one.
#[derive(Clone)]
pub struct Matcher {
    catalogue: Arc<Catalogue>,
    terms: Arc<Terms>,
    /// The systems of the catalogue, each once.
    systems: Vec<SystemId>,
    /// By index.
    facts: Vec<IndexFacts>,
    /// Kinds that find, of which some index has a column.
    asks: Asks,
    /// For each kind (by code) whose values have shapes of their own: those of all indexes together.
    tokens: [Option<TokenShapes>; 32],
    needs: Needs,
    desks: Arc<Desks>,
}

/// Which kinds find anything.
#[derive(Clone)]
struct Asks {
    email: bool,
    phone: bool,
    iban: bool,
    siren: bool,
    /// Those whose values have shapes of their own: references, contracts, logins.
    tokens: Vec<FieldKind>,
    /// Kinds of which a clear value confirms, those of names apart.
    confirming: Vec<FieldKind>,
    /// The day of the last export, as dates are normalised.
    exported: String,
}

impl Asks {
    fn of(catalogue: &Catalogue) -> Self {
        let (email, phone) = (catalogue.has(FieldKind::Email), catalogue.has(FieldKind::Phone));
        let (iban, siren) = (catalogue.has(FieldKind::Iban), catalogue.has(FieldKind::Siren));
        let named = [FieldKind::Email, FieldKind::Phone, FieldKind::Iban, FieldKind::Siren];
        let strong = catalogue.kinds().filter(|kind| kind.strength() == Strength::Strong);
        let tokens = strong.filter(|kind| !named.contains(kind)).collect();
        let confirming = catalogue.kinds().filter(|kind| confirms(*kind)).collect();
        let exported = catalogue.indexes().iter().map(SnapshotIndex::snapshot).max();
        let exported = exported.map(|day| day.to_string()).unwrap_or_default();
        Self { email, phone, iban, siren, tokens, confirming, exported }
    }
}

/// Whether a clear value of the kind confirms a record that was found otherwise; names apart.
fn confirms(kind: FieldKind) -> bool {
    kind.strength() == Strength::Weak && !names::is_name(kind)
}

/// What is asked of an index for every row.
#[derive(Clone)]
struct IndexFacts {
    /// Its system's position in `Matcher::systems`.
    system: u16,
    /// Tells its columns (headers and kinds) from those of other indexes: the first index that has the same.
    columns: u16,
    /// Its kinds, a bit each by code.
    kinds: u32,
    /// For each kind (by code), how many values the index holds.
    values: [u64; 32],
    /// For each kind (by code), its column, where the index has one of the kind and no more.
    only: [Option<u8>; 32],
    /// Columns whose clear values confirm a record, those of names apart.
    confirming: Vec<(u8, FieldKind)>,
    /// Columns that a masked value may confirm.
    maskable: Vec<(u8, FieldKind)>,
    /// The day of the export, as dates are normalised.
    exported: String,
}

impl IndexFacts {
    fn of(index: &SnapshotIndex, system: usize, columns: usize) -> Self {
        let (mut kinds, mut values, mut only) = (0, [0; 32], [None; 32]);
        for (column, (_, kind)) in index.columns().iter().enumerate() {
            let code = usize::from(kind.code());
            only[code] = (kinds >> code & 1 == 0).then_some(column as u8);
            kinds |= 1 << code;
            values[code] += index.filled(column);
        }
        let which = |is: fn(FieldKind) -> bool| {
            let all = index.columns().iter().enumerate().take(MAX_COLUMNS);
            all.filter(|(_, (_, kind))| is(*kind)).map(|(column, (_, kind))| (column as u8, *kind)).collect()
        };
        let (confirming, maskable) = (which(confirms), which(masked::is_maskable));
        let exported = index.snapshot().to_string();
        Self { system: system as u16, columns: columns as u16, kinds, values, only, confirming, maskable, exported }
    }

    fn has(&self, kind: FieldKind) -> bool {
        self.kinds >> kind.code() & 1 == 1
    }

    fn has_names(&self) -> bool {
        self.has(FieldKind::FullName) || self.has(FieldKind::LastName) && self.has(FieldKind::FirstName)
    }
}

impl Matcher {
    /// A matcher for these indexes and terms.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>, terms: Arc<Terms>) -> Self {
        let mut systems: Vec<SystemId> = Vec::new();
        let mut facts = Vec::new();
        for index in catalogue.indexes() {
            let at = systems.iter().position(|known| known == index.system()).unwrap_or_else(|| {
                systems.push(index.system().clone());
                systems.len() - 1
            });
            let alike = catalogue.indexes().iter().position(|other| other.columns() == index.columns());
            facts.push(IndexFacts::of(index, at, alike.unwrap_or(facts.len())));
        }
        let asks = Asks::of(&catalogue);
        let tokens: [_; 32] =
            std::array::from_fn(|code| FieldKind::from_code(code as u8).and_then(|kind| catalogue.shapes(kind)));
        let needs = Needs::of(catalogue.countries(), &asks, &tokens);
        Self { catalogue, terms, systems, facts, asks, tokens, needs, desks: Arc::default() }
    }

    /// Whether a cell that looks so may be a reference, contract or login of some index: by its length and characters.
    #[inline]
    fn may_be_token(&self, kind: FieldKind, shape: &CellShape) -> bool {
        // Letters beyond ASCII take several bytes and fold to one or more: their number says nothing.
        match &self.tokens[usize::from(kind.code())] {
            Some(shapes) if shape.is_ascii => shapes.could_have(
                usize::from(shape.digits),
                usize::from(shape.letters),
                usize::from(shape.marks + shape.spaces),
            ),
            _ => true,
        }
    }

    /// Whether a reference, contract, login or account in normal form has a shape that some index's have.
    #[inline]
    fn is_token(&self, kind: FieldKind, normal: &[u8]) -> bool {
        self.tokens[usize::from(kind.code())].as_ref().is_none_or(|shapes| shapes.could_be(normal))
    }

    /// The indexes that documents are held against.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The terms that are looked for.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Begins a document, or a part of one that another thread reads.
    #[must_use]
    pub fn scan(&self) -> Scan<'_> {
        Scan::new(self)
    }

    /// Closes a document: decides what one row alone could not, and counts. `with_refs` decrypts the records' own keys.
    ///
    /// # Errors
    /// When an index turns out to be damaged: drop it and scan again, nothing may be concluded from what was found.
    pub fn finish(&self, mut scan: Scan<'_>, with_refs: bool) -> Result<Finding, Damaged> {
        scan.close();
        if scan.damaged { Err(Damaged) } else { finish::finish(scan, with_refs) }
    }

    /// The last of a system's indexes.
    fn last_index_of(&self, system: u16) -> u16 {
        self.facts.iter().rposition(|facts| facts.system == system).unwrap_or(0) as u16
    }
}

#[cfg(test)]
pub(crate) mod tests;
