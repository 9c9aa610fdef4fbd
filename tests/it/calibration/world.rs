//! A drawn world: an organisation's systems with overlapping customers, shared and own columns, habits of writing, and
//! exports of several days between which people come, go and change.

use super::draw::{Draw, mix, share};
use super::people::{Attribute, People};

/// A cell as shown somewhere: what it is, its value, how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub what: Attribute,
    pub value: u64,
    pub style: u8,
    pub masked: bool,
}

/// A column of a system.
#[derive(Debug, Clone)]
pub struct Column {
    pub header: String,
    pub what: Attribute,
    pub style: u8,
}

/// Nobody's place in an export.
pub const ABSENT: u32 = u32::MAX;

/// One export.
#[derive(Clone)]
pub struct Snapshot {
    pub day: i64,
    /// Who stands in each row.
    pub people: Vec<u64>,
    /// In which row each person of the population stands.
    pub place: Vec<u32>,
}

/// A source system.
#[derive(Clone)]
pub struct System {
    pub id: String,
    pub columns: Vec<Column>,
    /// Oldest first.
    pub snapshots: Vec<Snapshot>,
    pub(super) number: u64,
    /// Systems of one numbering give a person the same key.
    pub(super) keys: u64,
    pub(super) share: f64,
    /// A system all of whose customers are also this system's.
    pub(super) within: Option<usize>,
    /// Of two halves of the population, the one that it serves.
    pub(super) half: Option<u64>,
    pub(super) by_entry: bool,
}

/// Everything there is.
pub struct World {
    pub people: People,
    pub population: u64,
    pub systems: Vec<System>,
}

/// How large worlds are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub population: (f64, f64),
    pub systems: (f64, f64),
    pub snapshots: usize,
}

impl Scale {
    /// As found in practice, as far as memory and patience go.
    pub const FULL: Self = Self { population: (2_000.0, 30_000.0), systems: (2.0, 31.0), snapshots: 6 };
    /// Small enough for index files to be built of everything.
    pub const SMALL: Self = Self { population: (500.0, 3_000.0), systems: (2.0, 9.0), snapshots: 3 };
}

/// Customers that every system has.
const FEWEST: usize = 40;

/// Days on which exports are taken lie between these.
pub const EXPORTS: (i64, i64) = (200, 1_200);

impl World {
    pub fn draw(seed: u64, scale: Scale) -> Self {
        let mut draw = Draw::new(mix(&[seed, 1]));
        let people = People { seed: mix(&[seed, 2]), churn: draw.magnitude(0.03, 0.5) };
        let population = draw.magnitude(scale.population.0, scale.population.1) as u64;
        let many = draw.magnitude(scale.systems.0, scale.systems.1) as usize;
        let mut world = Self { people, population, systems: Vec::new() };
        for number in 0..many {
            let system = world.draw_system(number, &mut draw, scale);
            world.systems.push(system);
        }
        world
    }

    fn draw_system(&self, number: usize, draw: &mut Draw, scale: Scale) -> System {
        let within = (number > 0 && draw.chance(0.35)).then(|| draw.below(number));
        let mut system = System {
            id: format!("system-{number}"),
            columns: self.draw_columns(number, draw),
            snapshots: Vec::new(),
            number: number as u64,
            keys: number as u64,
            half: None,
            // Many systems hold nearly every customer; that is what makes overlaps blame the wrong one.
            share: if draw.chance(0.45) { 0.8 + 0.2 * draw.unit() } else { draw.magnitude(0.02, 0.8) },
            within,
            by_entry: draw.chance(0.5),
        };
        let mut days: Vec<i64> = (0..1 + draw.below(scale.snapshots))
            .map(|_| EXPORTS.0 + draw.below((EXPORTS.1 - EXPORTS.0) as usize) as i64)
            .collect();
        days.sort_unstable();
        if self.members(&system, days[0]).len() < FEWEST {
            system.within = None;
            system.share = system.share.max(4.0 * FEWEST as f64 / self.population as f64);
        }
        self.export_on(&mut system, days);
        system
    }

    /// Gives the system the exports of these days, and no others.
    pub(super) fn export_on(&self, system: &mut System, mut days: Vec<i64>) {
        days.sort_unstable();
        days.dedup();
        system.snapshots = days.into_iter().map(|day| self.export(system, day)).collect();
    }

    /// Columns of its own choice, or (one in four) mostly those of another system: copies are common.
    pub(super) fn draw_columns(&self, number: usize, draw: &mut Draw) -> Vec<Column> {
        let mut chosen: Vec<Attribute> = if number > 0 && draw.chance(0.25) {
            self.systems[draw.below(number)].columns.iter().map(|c| c.what).collect()
        } else {
            let many = 3 + draw.below(9);
            draw.some(&Attribute::OF_PEOPLE, many)
        };
        if !chosen.contains(&Attribute::Ref) && draw.chance(0.8) {
            chosen.insert(0, Attribute::Ref);
        }
        if !chosen.contains(&Attribute::Contract) && draw.chance(0.2) {
            chosen.push(Attribute::Contract);
        }
        let finds = |a: &Attribute| matches!(a, Attribute::Email | Attribute::Mobile);
        if !chosen.iter().any(finds) {
            chosen.push(if draw.chance(0.7) { Attribute::Email } else { Attribute::Mobile });
        }
        if draw.chance(0.2) {
            draw.shuffle(&mut chosen);
        }
        let own_names = draw.chance(0.7);
        let styles: [u8; 4] = std::array::from_fn(|_| draw.below(4) as u8);
        let column = |what: Attribute| Column {
            header: if own_names {
                format!("{what:?}_{number}").to_lowercase()
            } else {
                format!("{what:?}").to_lowercase()
            },
            what,
            style: styles[what as usize % 4],
        };
        chosen.into_iter().map(column).collect()
    }

    /// Whether the person is a customer of the system on that day.
    fn holds(&self, system: &System, person: u64, day: i64) -> bool {
        if system.within.is_some_and(|outer| !self.holds(&self.systems[outer], person, day)) {
            return false;
        }
        if system.half.is_some_and(|half| mix(&[self.people.seed, person, 802]) % 2 != half) {
            return false;
        }
        let drawn = |stream: u64| share(&[self.people.seed, 400 + system.number, person, stream]);
        // Two thirds were customers before anything begins, some leave again; systems hear of both with a delay.
        let customer = |stream: u64| share(&[self.people.seed, person, 800 + stream]);
        let joined = customer(1) * 1_500.0 - 1_000.0;
        let left = joined + 300.0 + customer(2) * 9_000.0 + drawn(3) * 200.0;
        let joined = joined + drawn(2).powi(4) * 200.0;
        drawn(1) < system.share && joined <= day as f64 && day as f64 <= left
    }

    fn export(&self, system: &System, day: i64) -> Snapshot {
        let people: Vec<u64> = self.members(system, day);
        let mut place = vec![ABSENT; self.population as usize];
        for (at, person) in people.iter().enumerate() {
            place[*person as usize] = at as u32;
        }
        Snapshot { day, people, place }
    }

    /// The system's customers on a day, in the order in which it exports them.
    pub fn members(&self, system: &System, day: i64) -> Vec<u64> {
        let mut people: Vec<u64> = (0..self.population).filter(|person| self.holds(system, *person, day)).collect();
        people.sort_by_key(|person| match system.by_entry {
            true => mix(&[self.people.seed, *person, 801]) >> 11,
            false => mix(&[self.people.seed, 400 + system.number, *person, 9]) >> 11,
        });
        people
    }

    /// What the system shows of a person on a day, in one of its columns.
    pub fn cell(&self, system: &System, column: &Column, person: u64, day: i64) -> Option<Cell> {
        let own = |range: u64| (system.keys << 32) | (mix(&[self.people.seed, 700, system.keys, person]) % range);
        let value = match column.what {
            Attribute::Ref | Attribute::Contract => own(100_000_000),
            what => self.people.value(person, what, day)?,
        };
        Some(Cell { what: column.what, value, style: column.style, masked: false })
    }
}
