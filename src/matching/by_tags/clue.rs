//! What a row's cells say that tags can answer, and how much each answer proves.

use std::collections::HashMap;

use crate::fingerprint::{Damaged, MaskTag, Readings, SnapshotIndex, TagTest, masked, readings};
use crate::matching::Matcher;
use crate::matching::candidate::{ROUNDING, group};
use crate::model::{FieldKind, Strength};

use super::LEAST;
use super::kept::Rows;

/// Lengths of local parts that a table's masked addresses must show before their stars are taken to be as many as what they hide: a
/// program that writes `***` whatever the address shows one or two.
const LENGTHS: usize = 3;
/// Other records with a tag from which their number tells how common it is.
const FEW: f32 = 3.0;
/// Chance that two people of one domain share a first letter, and the length of their address.
const LETTER: f32 = 0.09;
const LENGTH: f32 = 0.12;
/// No single agreement is believed to prove more: a rare value may be one that strangers share for a reason.
const MOST_BITS: f32 = 14.0;

/// What one cell says, whatever the index.
struct Said {
    row: usize,
    cell: u8,
    kind: FieldKind,
    key: usize,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Value(u64),
    Mask(MaskTag),
}

/// What the rows of one table say.
pub(super) struct Clues {
    said: Vec<Said>,
    rows: usize,
    with_length: bool,
}

/// Something of a row that a record may agree with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clue {
    pub(super) cell: u8,
    pub(super) kind: FieldKind,
    pub(super) test: TagTest,
    /// What agreement proves by itself: how seldom a record of the index agrees by chance.
    alone: f32,
    /// The same beside the other cells of the row that may be the same column: one of many agrees more often.
    pub(super) bits: f32,
    pub(super) is_mask: bool,
    /// Whether any record agrees.
    possible: bool,
}

/// What is asked of the records for one row: its clues, those that some record agrees with first, most telling first. A row of which
/// no record agrees with anything is asked all the same: it is one that did not hit.
pub(super) struct Question {
    /// Position among the rows of the table.
    pub(super) row: usize,
    pub(super) clues: Vec<Clue>,
    /// So many of the clues that the others together prove nothing.
    pub(super) hooks: usize,
    /// For each clue, the most that it and those behind it prove.
    rest: Vec<f32>,
    /// What finding a record at all costs: one of so many agrees by chance.
    pub(super) price: f32,
}

impl Question {
    /// Which clues agree, and what they prove together.
    pub(super) fn agreeing(&self, agrees: impl FnMut(&Clue) -> bool) -> (Vec<usize>, f32) {
        let mut taken = Vec::new();
        let bits = walk(&self.clues, agrees, |no| taken.push(no));
        (taken, bits - self.price)
    }

    /// What the clues that agree prove, if it is worth something. Nearly every record that is asked for agrees with one clue and no more:
    /// it is left as soon as what is not asked yet could not make up for what differs.
    #[inline]
    pub(super) fn worth(&self, mut agrees: impl FnMut(&Clue) -> bool) -> Option<f32> {
        let least = self.price + LEAST - ROUNDING;
        let mut bits = 0.0;
        for (clue, rest) in self.clues.iter().zip(&self.rest) {
            if bits + rest < least {
                return None;
            }
            // What a walk takes of these is no more than this.
            bits += if agrees(clue) { clue.bits } else { 0.0 };
        }
        let bits = walk(&self.clues, agrees, |_| ()) - self.price;
        (bits >= LEAST).then_some(bits)
    }

    /// Sorts the clues and counts those to hook the row to. Whether they could prove anything.
    fn prepare(&mut self) -> bool {
        let mut cells = [0u64; 64];
        for clue in &self.clues {
            cells[usize::from(clue.test.column & 63)] |= 1 << (clue.cell & 63);
        }
        for clue in &mut self.clues {
            let rivals = cells[usize::from(clue.test.column & 63)].count_ones();
            clue.bits = (clue.alone - (rivals as f32).log2()).max(0.0);
        }
        self.clues.sort_by(|a, b| b.bits.total_cmp(&a.bits));
        let telling = walk(&self.clues, |_| true, |_| ()) - self.price >= LEAST;
        self.clues.sort_by_key(|clue| !clue.possible);
        let possible = self.clues.iter().take_while(|clue| clue.possible).count();
        let proves = |from: usize| walk(&self.clues[from..possible], |_| true, |_| ()) - self.price >= LEAST;
        self.hooks = (0..possible).find(|from| !proves(*from)).unwrap_or(possible);
        self.rest = most_of(&self.clues);
        telling
    }
}

/// For each clue, the most that it and those behind it prove: each column agrees once.
fn most_of(clues: &[Clue]) -> Vec<f32> {
    let mut columns = [0.0f32; 64];
    let mut sum = 0.0;
    let mut rest: Vec<f32> = Vec::with_capacity(clues.len());
    for clue in clues.iter().rev() {
        let most = &mut columns[usize::from(clue.test.column & 63)];
        // What no record has proves nothing of any.
        let bits = if clue.possible { clue.bits } else { 0.0 };
        sum += (bits - *most).max(0.0);
        *most = most.max(bits);
        rest.push(sum);
    }
    rest.reverse();
    rest
}

/// What the clues that agree prove together, the most telling first: each column and each cell agrees once, and what says the same
/// thing again agrees but proves nothing more.
fn walk(clues: &[Clue], mut agrees: impl FnMut(&Clue) -> bool, mut take: impl FnMut(usize)) -> f32 {
    let (mut columns, mut cells, mut groups, mut bits) = (0u64, 0u64, 0u32, 0.0);
    for (no, clue) in clues.iter().enumerate() {
        let (column, cell, group) = (1u64 << (clue.test.column & 63), 1u64 << (clue.cell & 63), group(clue.kind));
        if columns & column == 0 && cells & cell == 0 && agrees(clue) {
            columns |= column;
            cells |= cell;
            bits += if groups & group == 0 { clue.bits } else { 0.0 };
            groups |= group;
            take(no);
        }
    }
    bits
}

/// Keeps the clues of cells that hold the clue's column, and the questions that can still prove something.
pub(super) fn restrict(questions: &mut Vec<Question>, mapping: &[Option<u8>]) {
    questions.retain_mut(|question| {
        let holds = |clue: &Clue| mapping.get(usize::from(clue.cell)).copied().flatten() == Some(clue.test.column);
        question.clues.retain(holds);
        question.prepare()
    });
}

impl Clues {
    /// Reads the cells of a table's rows as everything that is compared by tags.
    pub(super) fn of(matcher: &Matcher, kept: &Rows, rows: &[usize]) -> Self {
        let kinds: Vec<FieldKind> = matcher.catalogue.kinds().collect();
        let mut said = Vec::new();
        let mut lengths = std::collections::HashSet::new();
        let mut all = Readings::default();
        for (row, no) in rows.iter().enumerate() {
            for (cell, value) in kept.row(*no).cells().enumerate().filter(|(_, value)| !value.is_empty()) {
                for &kind in &kinds {
                    let mut say = |what: &dyn Fn(&crate::fingerprint::Hasher) -> What| {
                        for (key, hasher) in matcher.catalogue.hashers().iter().enumerate() {
                            said.push(Said { row, cell: cell as u8, kind, key, what: what(hasher) });
                        }
                    };
                    if kind.strength() == Strength::Weak {
                        readings(kind, value, matcher.catalogue.countries(), &mut all);
                        for normal in all.iter() {
                            say(&|hasher| What::Value(hasher.tag(kind, normal)));
                        }
                    } else if let Some(form) = masked::parse(kind, value) {
                        lengths.extend(form.local_len());
                        say(&|hasher| What::Mask(hasher.mask_tag(kind, &form)));
                    }
                }
            }
        }
        Self { said, rows: rows.len(), with_length: lengths.len() >= LENGTHS }
    }

    /// What to ask of an index: rows that could prove anything there.
    pub(super) fn questions(&self, index: &SnapshotIndex) -> Result<Vec<Question>, Damaged> {
        let price = (index.records() as f32).log2();
        let mut columns_of: [Vec<usize>; 32] = Default::default();
        for (column, (_, kind)) in index.columns().iter().enumerate().take(64) {
            columns_of[usize::from(kind.code())].push(column);
        }
        let mut known: HashMap<TagTest, (f32, bool)> = HashMap::new();
        let mut questions: Vec<Question> =
            (0..self.rows).map(|row| Question { row, clues: Vec::new(), hooks: 0, rest: Vec::new(), price }).collect();
        for said in self.said.iter().filter(|said| said.key == index.key_no()) {
            for &column in &columns_of[usize::from(said.kind.code())] {
                let mut add = |test: Option<TagTest>, is_mask| -> Result<(), Damaged> {
                    let Some(test) = test else { return Ok(()) };
                    let bits = match known.get(&test) {
                        Some(bits) => *bits,
                        None => *known.entry(test).or_insert(bits(index, said.kind, test, is_mask)?),
                    };
                    let (bits, possible) = bits;
                    let clue = Clue { cell: said.cell, kind: said.kind, test, alone: bits, bits, is_mask, possible };
                    questions[said.row].clues.push(clue);
                    Ok(())
                };
                match said.what {
                    What::Value(hash) => add(index.test_of_value(column, hash), false)?,
                    What::Mask(tag) => {
                        add(index.test_of_mask(column, tag, false), true)?;
                        if self.with_length && said.kind == FieldKind::Email {
                            add(index.test_of_mask(column, tag, true), true)?;
                        }
                    }
                }
            }
        }
        questions.retain_mut(Question::prepare);
        Ok(questions)
    }
}

/// What agreement proves: how seldom a stranger's value passes the test; and whether any record does.
///
/// That is read off the other records, where they are many enough; the record itself is one of them and does not count. Where they
/// are not, the kind has to tell: the ends of numbers and the days of birth are spread evenly.
fn bits(index: &SnapshotIndex, kind: FieldKind, test: TagTest, is_mask: bool) -> Result<(f32, bool), Damaged> {
    let holders = index.holders(test)?;
    let possible = holders.passing > 0 || holders.is_sample;
    let of = holders.of as f32;
    let others = |passing: u32| passing.saturating_sub(1) as f32;
    let unseen = match kind {
        FieldKind::Email if is_mask => {
            let (letter, length) = test.parts();
            let domain = others(index.holders(test.coarse())?.passing).max(0.5) / of;
            domain * if letter { LETTER } else { 1.0 } * if length { LENGTH } else { 1.0 }
        }
        _ if is_mask && test == test.coarse() => 0.01,
        _ if is_mask => 0.000_1,
        FieldKind::BirthDate => 1.0 / 25_000.0,
        _ => 0.5 / of,
    };
    let seen = if others(holders.passing) >= FEW { others(holders.passing) / of } else { 0.0 };
    Ok(((-unseen.max(seen).log2()).min(MOST_BITS), possible))
}
