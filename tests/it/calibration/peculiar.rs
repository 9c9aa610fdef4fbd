//! Worlds and leaks beside the ordinary: relatives among systems, habits of exporting, and files that were worked on. What
//! each is made of stands with its name; `mod` judges them and prints a line for each.

use super::documents::{Document, DocumentRow, Truth, outsider};
use super::draw::{Draw, mix};
use super::people::Attribute;
use super::world::{ABSENT, Cell, Column, EXPORTS, Scale, System, World};

/// What is peculiar about a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peculiar {
    /// A system whose customers are all in another, with the same columns, keys and days of export.
    Superset,
    /// Two systems of the same software that serve one half of the people each.
    Subsidiaries,
    /// A system that was closed two years before the last export of its successor, which took its customers over.
    Migrated,
    /// A copy of a system as of the day of one of its exports, whole or in part.
    Staging,
    /// An export a month for three years, of a system in which little changes.
    Monthly,
}

impl Peculiar {
    pub const ALL: [Self; 5] = [Self::Superset, Self::Subsidiaries, Self::Migrated, Self::Staging, Self::Monthly];
}

/// What somebody did to a leak beyond disguising it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worked {
    /// Columns of a second system beside those of the first, for whomever it holds.
    Joined,
    /// Columns of somebody else's beside those of the system, as of another day.
    Enriched,
    /// Rows that stand in the file several times.
    Repeated,
    /// Some of the rows as of an earlier export.
    Patched,
}

impl Worked {
    pub const ALL: [Self; 4] = [Self::Joined, Self::Enriched, Self::Repeated, Self::Patched];
}

impl World {
    /// An ordinary world whose first system has a relative, or a habit.
    pub fn peculiar(seed: u64, scale: Scale, peculiar: Peculiar) -> Self {
        let mut draw = Draw::new(mix(&[seed, 7]));
        let mut world = Self::draw(seed, Scale { systems: (2.0, 6.0), ..scale });
        let days: Vec<i64> = world.systems[0].snapshots.iter().map(|s| s.day).collect();
        match peculiar {
            Peculiar::Superset => {
                let share = draw.magnitude(0.2, 0.95);
                world.relative(days, |first| System { within: Some(0), share, ..first });
            }
            Peculiar::Subsidiaries => {
                world.again(days.clone(), |first| first.half = Some(0));
                let keys = world.systems.len() as u64;
                world.relative(days, |first| System { half: Some(1), keys, ..first });
            }
            Peculiar::Migrated => {
                world.again(vec![EXPORTS.0, EXPORTS.0 + 90, EXPORTS.1 - 730], |_| {});
                let columns = world.draw_columns(world.systems.len(), &mut draw);
                let keys = world.systems.len() as u64;
                let days = vec![EXPORTS.1 - 500, EXPORTS.1 - 200, EXPORTS.1];
                world.relative(days, |first| System { within: Some(0), share: 0.97, columns, keys, ..first });
            }
            Peculiar::Staging => {
                let day = *draw.one_of(&days);
                let share = if draw.chance(0.5) { 1.0 } else { draw.magnitude(0.1, 0.6) };
                world.relative(vec![day], |first| System { within: Some(0), share, ..first });
            }
            Peculiar::Monthly => {
                world.people.churn = 0.03;
                world.again((0..36).map(|month| EXPORTS.0 - 100 + month * 30).collect(), |_| {});
                for at in 1..world.systems.len() {
                    let days = world.systems[at].snapshots.iter().map(|s| s.day).collect();
                    world.again_at(at, days, |_| {});
                }
            }
        }
        world
    }

    /// One more system, made from the first.
    fn relative(&mut self, days: Vec<i64>, make: impl FnOnce(System) -> System) {
        let first = &self.systems[0];
        let number = self.systems.len() as u64;
        let copy = System {
            id: format!("system-{number}"),
            columns: first.columns.clone(),
            snapshots: Vec::new(),
            number,
            keys: first.keys,
            share: first.share,
            within: first.within,
            half: first.half,
            by_entry: first.by_entry,
        };
        let mut relative = make(copy);
        self.export_on(&mut relative, days);
        self.systems.push(relative);
    }

    /// Exports the first system anew.
    fn again(&mut self, days: Vec<i64>, change: impl FnOnce(&mut System)) {
        self.again_at(0, days, change);
    }

    fn again_at(&mut self, at: usize, days: Vec<i64>, change: impl FnOnce(&mut System)) {
        // Others may lie within it: it keeps its place while it is exported.
        let mut system = System { snapshots: Vec::new(), ..self.systems[at].clone() };
        change(&mut system);
        self.systems[at] = system.clone();
        self.export_on(&mut system, days);
        self.systems[at] = system;
    }
}

impl Document {
    /// A leak that somebody worked on.
    pub fn worked(world: &World, draw: &mut Draw, worked: Worked) -> Self {
        let mut document = Self::taken(world, draw);
        match worked {
            Worked::Joined => document.join_columns(world, draw),
            Worked::Enriched => document.enrich(world, draw),
            Worked::Repeated => document.repeat(draw),
            Worked::Patched => document.patch(world, draw),
        }
        document.finished(world, draw)
    }

    fn shows(&self) -> Vec<Attribute> {
        let mut shown: Vec<Attribute> =
            self.rows.iter().flat_map(|row| row.cells.iter().flatten()).map(|c| c.what).collect();
        shown.sort_unstable();
        shown.dedup();
        shown
    }

    fn add_columns(&mut self, columns: &[Column], cells: impl Fn(&DocumentRow, &Column) -> Option<Cell>) {
        if let Some(header) = &mut self.header {
            header.extend(columns.iter().map(|c| c.header.clone()));
        }
        for row in &mut self.rows {
            let added: Vec<_> = columns.iter().map(|column| cells(row, column)).collect();
            row.cells.extend(added);
        }
    }

    fn join_columns(&mut self, world: &World, draw: &mut Draw) {
        let first = self.truth.systems[0];
        let second = (first + 1 + draw.below(world.systems.len() - 1)) % world.systems.len();
        let (other, day, shown) = (&world.systems[second], self.truth.day, self.shows());
        let columns: Vec<Column> = other.columns.iter().filter(|c| !shown.contains(&c.what)).cloned().collect();
        let latest = other.snapshots.iter().rev().find(|s| s.day <= day).unwrap_or(&other.snapshots[0]);
        let holds = |person: u64| latest.place[person as usize] != ABSENT;
        self.add_columns(&columns, |row, column| {
            let person = row.person.filter(|p| holds(*p))?;
            world.cell(other, column, person, day)
        });
        self.truth = Truth { systems: vec![first, second], what: "joined", ..self.truth.clone() };
    }

    fn enrich(&mut self, world: &World, draw: &mut Draw) {
        let shown = self.shows();
        let others: Vec<Attribute> = Attribute::OF_PEOPLE.into_iter().filter(|a| !shown.contains(a)).collect();
        let mut chosen = draw.some(&others, 3);
        chosen.push(Attribute::Junk);
        let style = draw.below(4) as u8;
        let columns: Vec<Column> =
            chosen.iter().map(|a| Column { header: format!("{a:?}_plus"), what: *a, style }).collect();
        let (day, seed) = (self.truth.day - draw.below(600) as i64, draw.next());
        self.add_columns(&columns, |row, column| {
            let person = row.person.filter(|p| mix(&[seed, *p]) % 10 < 6)?;
            outsider(world, column, person, day)
        });
        self.truth.what = "enriched";
    }

    fn repeat(&mut self, draw: &mut Draw) {
        for _ in 0..(self.rows.len() as f64 * draw.magnitude(0.1, 2.0)) as usize {
            let (from, to) = (draw.below(self.rows.len()), draw.below(self.rows.len() + 1));
            let copy = DocumentRow { person: self.rows[from].person, cells: self.rows[from].cells.clone() };
            self.rows.insert(to, copy);
        }
        self.truth.what = "repeated";
    }

    fn patch(&mut self, world: &World, draw: &mut Draw) {
        let system = &world.systems[self.truth.systems[0]];
        let day = system.snapshots[0].day.min(self.truth.day - 100);
        let shown = self.shows();
        let columns: Vec<&Column> = system.columns.iter().filter(|c| shown.contains(&c.what)).collect();
        let share = draw.magnitude(0.1, 0.6);
        for row in &mut self.rows {
            let Some(person) = row.person.filter(|_| draw.chance(share)) else { continue };
            for cell in &mut row.cells {
                let Some(column) = cell.and_then(|cell| columns.iter().find(|c| c.what == cell.what)) else { continue };
                *cell = world.cell(system, column, person, day);
            }
        }
        self.truth.what = "patched";
    }
}
