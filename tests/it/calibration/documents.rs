//! What turns up in public, with the truth of it: leaks in many states of disguise, and look-alikes.

use super::draw::Draw;
use super::people::{Attribute, disclosed};
use super::world::{ABSENT, Cell, Column, EXPORTS, System, World};

/// One row: a cell for each column, and whose it is, if anybody's of the population.
pub struct DocumentRow {
    pub person: Option<u64>,
    pub cells: Vec<Option<Cell>>,
}

/// What a perfect judge would say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Truth {
    /// The systems it was taken from: none, one, or two.
    pub systems: Vec<usize>,
    /// The day on which it was.
    pub day: i64,
    pub masked: bool,
    /// In words, for the report.
    pub what: &'static str,
    /// Of the (first) system, the snapshots that what is shown tells apart from the truth the least.
    pub nearest: Vec<usize>,
}

/// One table somebody posted.
pub struct Document {
    pub header: Option<Vec<String>>,
    pub rows: Vec<DocumentRow>,
    pub truth: Truth,
}

const STRANGERS: u64 = 1 << 40;

/// Rows of people under the columns of a system.
type RowsOf<'a> = dyn Fn(&System, &[Column], &[u64]) -> Vec<DocumentRow> + 'a;

impl Document {
    /// Rows of one system as of one day, as its columns show them.
    pub(super) fn taken(world: &World, draw: &mut Draw) -> Self {
        let at = draw.below(world.systems.len());
        let system = &world.systems[at];
        let day = leak_day(system, draw);
        let columns = shown_columns(system, draw);
        let size = *draw.one_of(&[12, 20, 40, 100, 300, 1_000]);
        let people = taken_people(&world.members(system, day), size, draw);
        let cells = |p: u64| columns.iter().map(|c| world.cell(system, c, p, day)).collect();
        Self {
            header: Some(columns.iter().map(|c| c.header.clone()).collect()),
            rows: people.iter().map(|p| DocumentRow { person: Some(*p), cells: cells(*p) }).collect(),
            truth: Truth { systems: vec![at], day, what: "leak", ..Truth::default() },
        }
    }

    /// The same as it is posted.
    pub(super) fn finished(mut self, world: &World, draw: &mut Draw) -> Self {
        self.disguise(draw);
        self.truth.nearest = nearest(world, &world.systems[self.truth.systems[0]], &self);
        self
    }

    /// A leak of one system, rarely of two.
    pub fn leak(world: &World, draw: &mut Draw) -> Self {
        let at = draw.below(world.systems.len());
        let system = &world.systems[at];
        let day = leak_day(system, draw);
        let columns = shown_columns(system, draw);
        let size = *draw.one_of(&[12, 20, 40, 100, 300, 1_000, 5_000]);
        let people = taken_people(&world.members(system, day), size, draw);
        let rows = |system: &System, columns: &[Column], people: &[u64]| -> Vec<DocumentRow> {
            let cells = |p: u64| columns.iter().map(|c| world.cell(system, c, p, day)).collect();
            people.iter().map(|p| DocumentRow { person: Some(*p), cells: cells(*p) }).collect()
        };
        let mut document = Self {
            header: Some(columns.iter().map(|c| c.header.clone()).collect()),
            rows: rows(system, &columns, &people),
            truth: Truth { systems: vec![at], day, what: "leak", ..Truth::default() },
        };
        if world.systems.len() > 1 && draw.chance(0.04) {
            document.mix(world, at, &columns, size, draw, &rows);
        }
        if draw.chance(0.2) {
            let strangers = (document.rows.len() as f64 * draw.magnitude(0.05, 0.5)) as usize;
            document.pad(world, &columns, strangers, day, draw);
        }
        document.disguise(draw);
        document.truth.nearest = nearest(world, system, &document);
        document
    }

    /// Adds rows of a second system under the columns of the first.
    fn mix(
        &mut self,
        world: &World,
        first: usize,
        columns: &[Column],
        size: usize,
        draw: &mut Draw,
        rows: &RowsOf<'_>,
    ) {
        let second = (first + 1 + draw.below(world.systems.len() - 1)) % world.systems.len();
        let other = &world.systems[second];
        let shared = |c: &Column| other.columns.iter().find(|o| o.what == c.what).cloned();
        let theirs: Vec<Option<Column>> = columns.iter().map(shared).collect();
        if theirs.iter().flatten().filter(|c| !matches!(c.what, Attribute::Ref | Attribute::Contract)).count() < 2 {
            return;
        }
        let known: Vec<Column> = theirs.iter().flatten().cloned().collect();
        let people = taken_people(&world.members(other, self.truth.day), size, draw);
        for row in rows(other, &known, &people) {
            let mut cells = row.cells.into_iter();
            let placed = theirs.iter().map(|c| c.as_ref().and_then(|_| cells.next().flatten())).collect();
            self.rows.push(DocumentRow { person: row.person, cells: placed });
        }
        self.truth.systems.push(second);
        self.truth.what = "two systems";
    }

    fn pad(&mut self, world: &World, columns: &[Column], strangers: usize, day: i64, draw: &mut Draw) {
        for _ in 0..strangers {
            let at = draw.below(self.rows.len() + 1);
            self.rows.insert(at, stranger(world, columns, day, draw));
        }
    }

    /// What a seller does to a table before posting it.
    fn disguise(&mut self, draw: &mut Draw) {
        let columns = self.rows.first().map_or(0, |row| row.cells.len());
        if draw.chance(0.25) {
            let mut order: Vec<usize> = (0..columns).collect();
            draw.shuffle(&mut order);
            let header = self.header.take().unwrap_or_default();
            self.header = Some(order.iter().map(|i| header[*i].clone()).collect());
            for row in &mut self.rows {
                row.cells = order.iter().map(|i| row.cells[*i]).collect();
            }
        }
        if draw.chance(0.3) {
            self.header = Some((0..columns).map(|i| format!("col{i}")).collect());
        } else if draw.chance(0.2) {
            self.header = None;
        }
        if draw.chance(0.25) {
            // A clean-up writes a column in one way; a careless one in several.
            let careless = draw.chance(0.4);
            let styles: Vec<u8> = (0..columns).map(|_| draw.below(4) as u8).collect();
            for row in &mut self.rows {
                for (cell, style) in row.cells.iter_mut().zip(&styles) {
                    if let Some(cell) = cell {
                        cell.style = if careless { draw.below(4) as u8 } else { *style };
                    }
                }
            }
        }
        if draw.chance(0.1) {
            self.truth.masked = true;
            for cell in self.rows.iter_mut().flat_map(|row| row.cells.iter_mut().flatten()) {
                cell.masked = cell.what.is_maskable();
            }
        }
    }

    /// Somebody else's breach: what is in it of our customers is no leak of ours.
    pub fn look_alike(world: &World, draw: &mut Draw) -> Self {
        let day = EXPORTS.0 + draw.below(1_000) as i64;
        let (what, mut columns): (_, Vec<Attribute>) = match draw.below(4) {
            0 => ("third party", vec![Attribute::Email, Attribute::Junk, Attribute::Junk]),
            1 => ("credentials", vec![Attribute::Email, Attribute::Junk]),
            2 => {
                let many = 2 + draw.below(6);
                let others: Vec<Attribute> = Attribute::OF_PEOPLE
                    .into_iter()
                    .filter(|a| *a != Attribute::Email && *a != Attribute::Mobile)
                    .collect();
                let mut chosen = draw.some(&others, many);
                chosen.push(if draw.chance(0.7) { Attribute::Email } else { Attribute::Mobile });
                ("company", chosen)
            }
            _ => ("strangers", world.systems[draw.below(world.systems.len())].columns.iter().map(|c| c.what).collect()),
        };
        columns.retain(|a| !matches!(a, Attribute::Ref | Attribute::Contract));
        let overlap = match what {
            "strangers" => 0.0,
            "company" => *draw.one_of(&[0.02, 0.1, 0.2, 0.4, 0.6]),
            _ => *draw.one_of(&[0.0, 0.02, 0.1, 0.3, 0.5]),
        };
        let style = draw.below(4) as u8;
        let named = draw.chance(0.5);
        let header = |what: &Attribute| if named { format!("{what:?}").to_lowercase() } else { format!("{what:?}_x") };
        let columns: Vec<Column> =
            columns.iter().map(|a| Column { header: header(a), what: *a, style: style + *a as u8 % 3 }).collect();
        let size = *draw.one_of(&[12, 30, 50, 300, 1_500]);
        let mut rows = Vec::with_capacity(size);
        for _ in 0..size {
            let person = draw.chance(overlap).then(|| draw.next() % world.population);
            rows.push(match person {
                Some(person) => {
                    // What they know of a person dates from when they asked.
                    let asked = day - draw.below(900) as i64;
                    let cells = columns.iter().map(|c| outsider(world, c, person, asked)).collect();
                    DocumentRow { person: Some(person), cells }
                }
                None => stranger(world, &columns, day, draw),
            });
        }
        let header = draw.chance(0.8).then(|| columns.iter().map(|c| c.header.clone()).collect());
        Self { header, rows, truth: Truth { day, what, ..Truth::default() } }
    }
}

pub(super) fn outsider(world: &World, column: &Column, person: u64, day: i64) -> Option<Cell> {
    let value = world.people.value(person, column.what, day)?;
    Some(Cell { what: column.what, value, style: column.style, masked: false })
}

fn stranger(world: &World, columns: &[Column], day: i64, draw: &mut Draw) -> DocumentRow {
    let person = STRANGERS + draw.next() % 1_000_000_000;
    let cells = columns.iter().map(|c| outsider(world, c, person, day)).collect();
    DocumentRow { person: None, cells }
}

/// Mostly as of an export that we have; also between two, before the first, after the last.
fn leak_day(system: &System, draw: &mut Draw) -> i64 {
    let (first, last) = (system.snapshots[0].day, system.snapshots[system.snapshots.len() - 1].day);
    match draw.below(20) {
        0..12 => system.snapshots[draw.below(system.snapshots.len())].day,
        12..16 => first + draw.below((last - first + 1) as usize) as i64,
        16..18 => first - 20 - draw.below(180) as i64,
        _ => last + 20 + draw.below(250) as i64,
    }
}

fn shown_columns(system: &System, draw: &mut Draw) -> Vec<Column> {
    let all = &system.columns;
    if draw.chance(0.5) {
        return all.clone();
    }
    let finds = |c: &&Column| {
        matches!(c.what, Attribute::Email | Attribute::Mobile | Attribute::Iban | Attribute::Contract | Attribute::Ref)
    };
    let anchors: Vec<usize> = (0..all.len()).filter(|i| finds(&&all[*i])).collect();
    let anchor = *draw.one_of(&anchors);
    let others: Vec<usize> = (0..all.len()).filter(|i| *i != anchor).collect();
    let many = 1 + draw.below(others.len());
    let mut shown = draw.some(&others, many);
    shown.push(anchor);
    shown.sort_unstable();
    shown.into_iter().map(|i| all[i].clone()).collect()
}

/// A stretch of the table, or some of it, in its order or in none.
fn taken_people(members: &[u64], size: usize, draw: &mut Draw) -> Vec<u64> {
    let size = size.min(members.len());
    if draw.chance(0.55) {
        let start = draw.below(members.len() - size + 1);
        return members[start..start + size].to_vec();
    }
    let places: Vec<usize> = (0..members.len()).collect();
    let mut some = draw.some(&places, size);
    if draw.chance(0.4) {
        some.sort_unstable();
    }
    some.into_iter().map(|place| members[place]).collect()
}

/// The snapshots of the system that what is shown contradicts least.
fn nearest(world: &World, system: &System, document: &Document) -> Vec<usize> {
    let shown = |cell: &Cell| if cell.masked { disclosed(cell.what, cell.value) } else { cell.value };
    let contradictions = |snapshot: &super::world::Snapshot| -> usize {
        let row = |row: &DocumentRow| -> usize {
            let Some(person) = row.person else { return 0 };
            let known = snapshot.place[person as usize] != ABSENT;
            let differs = |cell: &&Cell| {
                let column = system.columns.iter().find(|c| c.what == cell.what);
                let held = column.and_then(|c| world.cell(system, c, person, snapshot.day));
                !known
                    || held.is_none_or(|held| {
                        let held = if cell.masked { disclosed(held.what, held.value) } else { held.value };
                        held != shown(cell)
                    })
            };
            row.cells.iter().flatten().filter(differs).count()
        };
        document.rows.iter().map(row).sum()
    };
    let counts: Vec<usize> = system.snapshots.iter().map(contradictions).collect();
    let least = counts.iter().min().copied().unwrap_or(0);
    (0..counts.len()).filter(|at| counts[*at] == least).collect()
}
