//! What matching makes of a document, without index files or text: the same rules on drawn values, so that thousands of
//! documents can be weighed in minutes. `indexed` takes the long way, on fewer; the two are compared there.

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie::model::finding::{Candidate, Finding, HitRow, Source, SystemRecords, TableEvidence};
use vigie::model::{ConcernedRecord, FieldKind, RecordNo, Strength};

use super::documents::{Document, DocumentRow};
use super::draw::share;
use super::figures::date;
use super::people::{Attribute, disclosed};
use super::world::{ABSENT, Cell, System, World};

/// Bits from which one row is beyond doubt, and the odds at which others are taken: as in `matching`.
const SURE: f64 = 20.0;
const WANTED: f64 = 6.6;
const LEAST: f64 = 3.0;

/// One record held against one row.
#[derive(Clone)]
struct Held {
    person: u64,
    candidate: Candidate,
    bits: f64,
    pairs: Vec<(usize, usize)>,
}

/// One export, while a document is held against it.
struct Side<'w> {
    system: &'w System,
    at: usize,
    snapshot: usize,
    held: Vec<Option<Held>>,
    mapping: Option<Vec<Option<u8>>>,
}

/// The evidence that the document gives.
pub fn finding(world: &World, document: &Document) -> Finding {
    let searchable: Vec<bool> = document.rows.iter().map(|row| finds(row) || names_somebody(row)).collect();
    let rows = searchable.iter().filter(|s| **s).count();
    let mut sides = Vec::new();
    for (at, system) in world.systems.iter().enumerate() {
        for snapshot in 0..system.snapshots.len() {
            let mut side = Side { system, at, snapshot, held: Vec::new(), mapping: None };
            side.hold(world, document, rows);
            if side.held.iter().any(Option::is_some) {
                sides.push(side);
            }
        }
    }
    describe(document, &sides, rows as u64)
}

/// Whether any value of the row finds by itself.
fn finds(row: &DocumentRow) -> bool {
    row.cells.iter().flatten().any(|c| !c.masked && c.what.kind().strength() == Strength::Strong)
}

fn names_somebody(row: &DocumentRow) -> bool {
    let has = |what| row.cells.iter().flatten().any(|c| c.what == what);
    (has(Attribute::Full) || has(Attribute::Last) && has(Attribute::First)) && row.cells.iter().flatten().count() > 2
}

impl Side<'_> {
    fn hold(&mut self, world: &World, document: &Document, rows: usize) {
        self.held = document.rows.iter().enumerate().map(|(no, row)| self.held(world, no, row)).collect();
        self.learn(document);
        let sure = self.held.iter().flatten().filter(|h| h.bits >= SURE).count() as f64;
        let doubted: Vec<f64> = self.held.iter().flatten().filter(|h| h.bits < SURE).map(|h| h.bits).collect();
        let share = (sure + ours_of(&doubted, rows as f64 - sure)) / rows.max(1) as f64;
        let odds = (share / (1.0 - share).max(1e-3)).max(1e-6).log2();
        let wanted = (WANTED - odds).clamp(LEAST, SURE);
        let columns = &self.system.columns;
        for (held, row) in self.held.iter_mut().zip(&document.rows) {
            let Some(one) = held else { continue };
            for (cell, column) in self.mapping.iter().flatten().enumerate() {
                let Some(column) = column.map(usize::from) else { continue };
                if one.candidate.agree >> column & 1 == 0 && row.cells[cell].is_some() {
                    one.candidate.differ |= 1 << column;
                    one.bits -= differing_bits(columns[column].what.kind());
                }
            }
            if one.bits < wanted {
                *held = None;
            }
        }
    }

    fn held(&self, world: &World, no: usize, row: &DocumentRow) -> Option<Held> {
        let person = row.person?;
        let snapshot = &self.system.snapshots[self.snapshot];
        let place = snapshot.place[person as usize];
        if place == ABSENT {
            return None;
        }
        let candidate = Candidate {
            source: 0,
            record: RecordNo(place),
            agree: 0,
            differ: 0,
            exported: 0,
            masked: 0,
            cells: 0,
            canary: false,
        };
        let mut one = Held { person, candidate, bits: 0.0, pairs: Vec::new() };
        let (mut found, mut named) = (false, 0);
        for (at, column) in self.system.columns.iter().enumerate() {
            let Some(known) = world.cell(self.system, column, person, snapshot.day) else { continue };
            let kind = column.what.kind();
            if let Some((cell, shown)) = agreeing(world, row, &known, person, snapshot.day) {
                one.agree(at, cell, &shown, &known);
                found |= kind.strength() == Strength::Strong && !shown.masked;
                named += match column.what {
                    Attribute::Full => 2,
                    Attribute::Last | Attribute::First => 1,
                    _ => 0,
                };
                one.bits += bits(kind, shown.masked, snapshot.people.len() as f64);
            } else if kind.strength() == Strength::Weak
                && share(&[person, no as u64, at as u64, place.into()]) < 1.0 / 128.0
            {
                // A tag of eight bits that agrees by chance.
                one.candidate.agree |= 1 << at;
                one.bits += bits(kind, false, 1.0);
            }
        }
        // By name only where nothing else in the row finds, and for what it takes to tell namesakes apart.
        let by_name = !found && named >= 2 && !finds(row) && names_somebody(row);
        let names = if by_name { 14.0 } else { 0.0 };
        ((found || by_name) && one.bits - names >= LEAST).then_some(Held { bits: one.bits - names, ..one })
    }

    /// Which column of the system each of the document's holds, from the rows beyond doubt.
    fn learn(&mut self, document: &Document) {
        let columns = self.system.columns.len();
        let cells = document.rows.iter().map(|r| r.cells.len()).max().unwrap_or(0);
        let mut agree = vec![vec![0usize; columns]; cells];
        let mut filled = vec![0usize; cells];
        let sure = |held: &Option<Held>| held.as_ref().is_some_and(|h| h.bits >= SURE);
        for (held, row) in self.held.iter().zip(&document.rows).filter(|(held, _)| sure(held)) {
            row.cells.iter().enumerate().filter(|(_, c)| c.is_some()).for_each(|(cell, _)| filled[cell] += 1);
            held.iter().flat_map(|h| &h.pairs).for_each(|(cell, column)| agree[*cell][*column] += 1);
        }
        let best = |cell: usize| {
            let column = (0..columns).max_by_key(|c| (agree[cell][*c], std::cmp::Reverse(*c)))?;
            (agree[cell][column] > 0 && agree[cell][column] * 2 >= filled[cell]).then_some(column as u8)
        };
        self.mapping = self.held.iter().any(sure).then(|| (0..cells).map(best).collect());
    }
}

impl Held {
    fn agree(&mut self, column: usize, cells: u64, shown: &Cell, known: &Cell) {
        let candidate = &mut self.candidate;
        candidate.agree |= 1 << column;
        candidate.cells |= cells;
        candidate.masked |= u64::from(shown.masked) << column;
        let as_exported = !known.what.has_style() || layout(shown) == layout(known);
        candidate.exported |= u64::from(as_exported && !shown.masked) << column;
        self.pairs.extend((0..64).filter(|cell| cells >> cell & 1 == 1).map(|cell| (cell, column)));
    }
}

/// The cells of the row that show what the record holds, and one of them.
fn agreeing(world: &World, row: &DocumentRow, known: &Cell, person: u64, day: i64) -> Option<(u64, Cell)> {
    let at =
        |what: Attribute| row.cells.iter().enumerate().find_map(|(i, c)| c.filter(|c| c.what == what).map(|c| (i, c)));
    if let Some((cell, shown)) = at(known.what) {
        let same = if shown.masked {
            disclosed(shown.what, shown.value) == disclosed(known.what, known.value)
        } else {
            shown.value == known.value
        };
        return same.then_some((1 << cell, shown));
    }
    // Whole names against parts of names, either way round.
    let named = |what: Attribute| world.people.value(person, what, day);
    match known.what {
        Attribute::Last | Attribute::First => {
            let (cell, shown) = at(Attribute::Full)?;
            (named(Attribute::Full) == Some(shown.value)).then_some((1 << cell, shown))
        }
        Attribute::Full => {
            let ((a, last), (b, first)) = (at(Attribute::Last)?, at(Attribute::First)?);
            let same = named(Attribute::Last) == Some(last.value) && named(Attribute::First) == Some(first.value);
            same.then_some((1 << a | 1 << b, last))
        }
        _ => None,
    }
}

fn layout(cell: &Cell) -> u8 {
    match cell.what {
        Attribute::Birth => cell.style % 2,
        Attribute::Mobile | Attribute::Landline => cell.style % 4,
        _ => cell.style % 3,
    }
}

fn bits(kind: FieldKind, masked: bool, records: f64) -> f64 {
    if masked {
        return 6.5;
    }
    match kind {
        FieldKind::Email => 30.0,
        FieldKind::Iban => 34.0,
        FieldKind::Phone => 27.6 - records.log2(),
        FieldKind::Ref | FieldKind::Contract | FieldKind::Username => 34.0 - records.log2(),
        FieldKind::BirthDate => 13.0,
        FieldKind::StreetAddress => 12.0,
        FieldKind::FullName => 10.0,
        FieldKind::LastName | FieldKind::Postcode => 7.5,
        FieldKind::FirstName | FieldKind::Company => 6.0,
        FieldKind::City => 5.0,
        FieldKind::JobTitle => 4.0,
        _ => 2.0,
    }
}

fn differing_bits(kind: FieldKind) -> f64 {
    match kind {
        FieldKind::BirthDate => 10.0,
        FieldKind::LastName | FieldKind::FirstName | FieldKind::FullName => 6.0,
        FieldKind::Ref | FieldKind::Contract => 8.0,
        _ => 2.5,
    }
}

/// By how much the doubtful matches exceed chance: all of them, or those that prove so many whole bits at least.
fn ours_of(doubted: &[f64], rows: f64) -> f64 {
    let chances: f64 = doubted.iter().map(|bits| (-bits).exp2()).sum();
    let all = excess(doubted.len() as f64, rows, chances / doubted.len().max(1) as f64);
    let at_least = |least: i32| doubted.iter().filter(|bits| **bits >= f64::from(least)).count() as f64;
    (1..SURE as i32).map(|least| excess(at_least(least), rows, f64::from(-least).exp2())).fold(all, f64::max)
}

fn excess(hits: f64, rows: f64, rate: f64) -> f64 {
    if hits < 1.0 || rows < 1.0 {
        return 0.0;
    }
    let expected = rows * rate;
    if hits <= expected + 4.0 * expected.sqrt() + 3.0 {
        0.0
    } else {
        ((hits / rows - rate) / (1.0 - rate)).max(0.0) * rows
    }
}

fn describe(document: &Document, sides: &[Side<'_>], searchable: u64) -> Finding {
    let source = |side: &Side<'_>| {
        let snapshot = &side.system.snapshots[side.snapshot];
        Source {
            system: side.system.id.parse().unwrap(),
            snapshot: date(snapshot.day),
            records: snapshot.people.len() as u64,
            columns: Arc::from_iter(side.system.columns.iter().map(|c| (c.header.clone(), c.what.kind()))),
        }
    };
    let mut records: BTreeMap<usize, (BTreeMap<u64, u32>, u64)> = BTreeMap::new();
    let mut hits = Vec::new();
    for (no, row) in document.rows.iter().enumerate() {
        let mut candidates = Vec::new();
        let mut counted = Vec::new();
        for (at, side) in sides.iter().enumerate() {
            let Some(held) = &side.held[no] else { continue };
            candidates.push(Candidate { source: at as u16, ..held.candidate });
            let system = records.entry(side.at).or_default();
            *system.0.entry(held.person).or_default() |= 2;
            if !counted.contains(&side.at) {
                counted.push(side.at);
                system.1 += 1;
            }
        }
        if !candidates.is_empty() {
            let filled = row.cells.iter().enumerate().fold(0, |mask, (i, c)| mask | u64::from(c.is_some()) << i);
            hits.push(HitRow { table: 0, row: no as u64, filled, candidates });
        }
    }
    let columns = sides.iter().enumerate().filter_map(|(at, side)| Some((at as u16, side.mapping.clone()?))).collect();
    let table = TableEvidence { no: 0, header: document.header.clone(), rows: searchable, columns };
    let system = |(at, (records, rows)): (usize, (BTreeMap<u64, u32>, u64))| SystemRecords {
        system: format!("system-{at}").parse().unwrap(),
        records: records.into_iter().map(|(record, kinds)| ConcernedRecord { record, kinds }).collect(),
        canaries: 0,
        rows,
        refs: Vec::new(),
    };
    Finding {
        rows: document.rows.len() as u64,
        hit_rows: hits.len() as u64,
        sources: sides.iter().map(source).collect(),
        tables: if hits.is_empty() { Vec::new() } else { vec![table] },
        hits,
        systems: records.into_iter().map(system).collect(),
        ..Finding::default()
    }
}
