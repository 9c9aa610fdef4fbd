//! Finding by name: where nothing in a row names a person by itself (masked numbers, dates and addresses only), the
//! records of that name are looked through for one that something else confirms.

use std::ops::Range;

use crate::fingerprint::{Damaged, Holders, MaskTag, Readings, Slot, SnapshotIndex, TagTest, masked, readings};
use crate::model::{FieldKind, Row};

use super::candidate::{GROUPS, ROUNDING, WORTH_KEEPING, confirming_bits, group, masked_bits, most_bits};
use super::evidence::TableState;
use super::row::{Examiner, Scratch};
use super::shape::{CellShape, LONGEST_VALUE, is_absent, trimmed};
use super::{IndexFacts, Matcher};

/// Records of one name that are looked through: the commonest name of a country of sixty million has about as many.
const MOST_NAMESAKES: u32 = 65_536;

/// Others with a value from which their number tells how common it is.
const FEW: u32 = 3;

/// Reused from row to row.
#[derive(Default)]
pub(super) struct Namesakes {
    /// The records of each name.
    ranges: Vec<Range<u32>>,
    /// Those that agree in something that they must agree in.
    slots: Vec<Slot>,
    /// Those that the row confirms: index and record, and by how many bits more than their number takes.
    confirmed: Vec<((u16, u32), f32)>,
}

/// Something in the row, besides the name, that may confirm a record.
#[derive(Clone, Copy)]
struct Confirmer {
    test: TagTest,
    /// What of it is news of somebody whose name is known already.
    news: TagTest,
    /// What agreement proves: less where the value is common among the records themselves.
    bits: f32,
    /// What says the same thing again has a bit in common with it.
    group: u32,
}

impl Confirmer {
    /// With what agreement of the kind proves at most.
    fn of(test: TagTest, kind: FieldKind) -> Self {
        Self { test, news: test, bits: confirming_bits(kind), group: group(kind) }
    }

    /// An address begins with a letter of its owner's name as a rule: its mask proves, to who has the name already, the domain and no more.
    fn of_mask(test: TagTest, kind: FieldKind, tag: MaskTag) -> Self {
        let (news, tag) = if kind == FieldKind::Email { (test.coarse(), tag.coarse()) } else { (test, tag) };
        Self { test, news, bits: masked_bits(kind, tag), group: group(kind) }
    }

    /// The same in an index of which so many hold what is news. That a value is common is told by others who have it; that nobody else does in
    /// a small index, tells nothing.
    fn among(self, holders: Holders) -> Self {
        let others = holders.passing.saturating_sub(1);
        let rarity = if others < FEW { self.bits } else { (holders.of as f32 / others as f32).log2() };
        Self { bits: self.bits.min(rarity), ..self }
    }
}

/// What the cells of a row show besides names, of whatever index.
#[derive(Clone, Copy)]
struct Shown {
    /// Kinds that confirm, of which some cell may be one: a bit each by code.
    kinds: u32,
    /// Whether some cell may be masked.
    masked: bool,
}

impl Shown {
    /// The most that it can confirm a record of an index by.
    fn most(self, facts: &IndexFacts) -> f32 {
        let clear = facts.confirming.iter().filter(|(_, kind)| self.kinds >> kind.code() & 1 == 1);
        let masked = facts.maskable.iter().filter(|_| self.masked);
        // What says the same thing again proves nothing more.
        let (mut total, mut again) = (0.0, [0.0f32; GROUPS]);
        for (_, kind) in clear.chain(masked) {
            match group(*kind).checked_ilog2() {
                Some(no) => again[no as usize] = again[no as usize].max(most_bits(*kind)),
                None => total += most_bits(*kind),
            }
        }
        total + again.iter().sum::<f32>()
    }
}

/// All of them, of one index.
struct Confirmers {
    /// The most telling first.
    all: Vec<Confirmer>,
    /// The most that each column can prove, most first.
    columns: Vec<(u8, f32)>,
}

impl Confirmers {
    fn new(mut all: Vec<Confirmer>) -> Self {
        all.sort_by(|a, b| b.bits.total_cmp(&a.bits));
        let mut columns: Vec<(u8, f32)> = Vec::new();
        for Confirmer { test, bits, .. } in &all {
            if columns.iter().all(|(column, _)| *column != test.column) {
                columns.push((test.column, *bits));
            }
        }
        Self { all, columns }
    }

    /// The same with what each proves in an index, if that is known.
    fn if_known(&self, index: &SnapshotIndex) -> Option<Self> {
        let all = self.all.iter().map(|confirmer| Some(confirmer.among(index.known_holders(confirmer.news)?)));
        Some(Self::new(all.collect::<Option<_>>()?))
    }

    /// The same, counted if need be.
    fn counted(&self, index: &SnapshotIndex) -> Result<Self, Damaged> {
        let all = self.all.iter().map(|confirmer| Ok(confirmer.among(index.holders(confirmer.news)?)));
        Ok(Self::new(all.collect::<Result<_, _>>()?))
    }

    /// Tests of which a record must pass one, or all the others together prove less than `needed`. None of them if no record can prove as
    /// much.
    fn hooks(&self, needed: f32) -> Vec<TagTest> {
        let mut left: f32 = self.columns.iter().map(|(_, bits)| bits).sum();
        let mut hooked = 0;
        while left >= needed - ROUNDING && hooked < self.columns.len() {
            left -= self.columns[hooked].1;
            hooked += 1;
        }
        let hooked = &self.columns[..hooked];
        let is_hook = |confirmer: &&Confirmer| hooked.iter().any(|(column, _)| *column == confirmer.test.column);
        self.all.iter().filter(is_hook).map(|confirmer| confirmer.test).collect()
    }

    /// Bits by which a record is confirmed.
    fn confirm(&self, index: &SnapshotIndex, slot: Slot) -> Result<f32, Damaged> {
        let tags = index.tags(slot)?;
        let (mut seen, mut groups, mut total) = (0u64, 0, 0.0);
        for Confirmer { test, bits, group, .. } in &self.all {
            if seen >> test.column & 1 == 0 && tags.passes(*test) {
                seen |= 1 << test.column;
                total += if groups & group == 0 { *bits } else { 0.0 };
                groups |= group;
            }
        }
        Ok(total)
    }

    /// Whether those of some records that are confirmed by so many bits are all among `slots`. The slow way, for builds for tests.
    fn are_all(&self, index: &SnapshotIndex, namesakes: Range<u32>, needed: f32, slots: &[Slot]) -> bool {
        let is_confirmed = |slot: &Slot| self.confirm(index, *slot).is_ok_and(|bits| bits >= needed);
        namesakes.map(Slot).filter(is_confirmed).all(|slot| slots.contains(&slot))
    }
}

impl Examiner<'_> {
    /// Looks through the records of each name that the row may show for those that something else confirms, by `least` bits.
    pub(super) fn follow_names(
        &self,
        row: Row<'_>,
        table: &TableState,
        least: f32,
        scratch: &mut Scratch,
    ) -> Result<(), Damaged> {
        scratch.start_row();
        self.read_names(row, scratch);
        if scratch.names.is_empty() {
            return Ok(());
        }
        let parts: Vec<&[u8]> = scratch.parts.all(row).map(|(_, part)| part).collect();
        let (cells, shown) = self.shown(row.cells().take(64).chain(parts), scratch);
        self.confirm_namesakes(&cells, (shown, least), scratch)?;
        let namesakes = std::mem::take(&mut scratch.namesakes);
        for &(place, bits) in &namesakes.confirmed {
            self.assemble_namesake(row, table, place, bits, scratch)?;
        }
        scratch.namesakes = namesakes;
        Ok(())
    }

    /// The cells of a row that hold a value, and what they show.
    fn shown<'c>(
        &self,
        cells: impl Iterator<Item = &'c [u8]>,
        scratch: &mut Scratch,
    ) -> (Vec<(&'c [u8], CellShape)>, Shown) {
        let Matcher { asks, catalogue, .. } = self.matcher;
        let is_value = |value: &&[u8]| value.len() <= LONGEST_VALUE && !is_absent(value);
        let cells = cells.map(trimmed).filter(is_value);
        let cells: Vec<(&[u8], CellShape)> = cells.map(|value| (value, CellShape::of(value))).collect();
        let is_shown = |kind: &&FieldKind| {
            cells.iter().filter(|cell| may_show(**kind, cell)).any(|(value, _)| {
                readings(**kind, value, catalogue.countries(), &mut scratch.readings);
                scratch.readings.iter().any(|normal| is_told(**kind, normal, &asks.exported))
            })
        };
        let kinds = asks.confirming.iter().filter(is_shown).fold(0, |kinds, kind| kinds | 1 << kind.code());
        let masked = cells.iter().any(|(value, _)| masked::may_be_masked(value));
        (cells, Shown { kinds, masked })
    }

    /// Leaves in `scratch` those records of the names there that something in the cells of the row, which show so much, confirms by `least`
    /// bits.
    fn confirm_namesakes(
        &self,
        cells: &[(&[u8], CellShape)],
        (shown, least): (Shown, f32),
        scratch: &mut Scratch,
    ) -> Result<(), Damaged> {
        let Scratch { names, namesakes: Namesakes { ranges, slots, confirmed }, readings, .. } = scratch;
        confirmed.clear();
        for (at, index) in self.matcher.catalogue.indexes().iter().enumerate() {
            let most = shown.most(&self.matcher.facts[at]);
            if most < least - ROUNDING {
                continue;
            }
            ranges.clear();
            for (name, ..) in names.iter().filter(|(.., key)| usize::from(*key) == index.key_no()) {
                let namesakes = index.name_range(*name)?;
                if (1..=MOST_NAMESAKES).contains(&(namesakes.len() as u32)) {
                    ranges.push(namesakes);
                }
            }
            let Some(fewest) = ranges.iter().map(Range::len).min() else { continue };
            // A common name beside numbers that are nobody's is in every other line of a text: most are left here.
            if most < price(fewest) + least - ROUNDING {
                continue;
            }
            let at_most = self.confirmers(at, cells, shown, readings);
            // How common values are is counted when somebody agrees with enough of them.
            let mut exact = at_most.if_known(index);
            for namesakes in ranges.iter() {
                let price = price(namesakes.len());
                let confirmers = exact.as_ref().unwrap_or(&at_most);
                let hooks = confirmers.hooks(price + least);
                slots.clear();
                index.passing_any(namesakes.clone(), &hooks, slots)?;
                debug_assert!(
                    confirmers.are_all(index, namesakes.clone(), price + least, slots),
                    "a namesake that the row confirms is left out"
                );
                for slot in &*slots {
                    if exact.is_none() && at_most.confirm(index, *slot)? - price >= least - ROUNDING {
                        exact = Some(at_most.counted(index)?);
                    }
                    let bits = exact.as_ref().map_or(Ok(0.0), |exact| exact.confirm(index, *slot))? - price;
                    if bits >= least {
                        confirmed.push(((at as u16, slot.0), bits));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether something in the cells of a row confirms somebody who has one of the names in `scratch`, each of which `fewest` people of an
    /// index have at least. Where an index is damaged, it may be so: who looks closer meets the damage.
    pub(super) fn confirms_namesake<'c>(
        &self,
        cells: impl Iterator<Item = &'c [u8]>,
        fewest: u32,
        scratch: &mut Scratch,
    ) -> bool {
        let (cells, shown) = self.shown(cells.take(64), scratch);
        let needed = price(fewest as usize) + WORTH_KEEPING - ROUNDING;
        let may = self.matcher.facts.iter().any(|facts| shown.most(facts) >= needed);
        let mut confirms = || {
            self.confirm_namesakes(&cells, (shown, WORTH_KEEPING), scratch).is_err()
                || !scratch.namesakes.confirmed.is_empty()
        };
        debug_assert!(may || !confirms(), "somebody is given up whom the row confirms");
        may && confirms()
    }

    /// The first name that the row shows of people in the index who were all looked through.
    pub(super) fn name_of(
        &self,
        (row, is_table): (Row<'_>, bool),
        index: &SnapshotIndex,
        scratch: &mut Scratch,
    ) -> Result<Option<u64>, Damaged> {
        scratch.start_names();
        scratch.parts.start(is_table);
        self.read_names(row, scratch);
        for (name, ..) in scratch.names.iter().filter(|(.., key)| usize::from(*key) == index.key_no()) {
            if (1..=MOST_NAMESAKES).contains(&(index.name_range(*name)?.len() as u32)) {
                return Ok(Some(*name));
            }
        }
        Ok(None)
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

    /// Everything in the cells of a row, which show so much besides names, that could confirm a record of index number `at`, with what it
    /// proves at most.
    fn confirmers(
        &self,
        at: usize,
        cells: &[(&[u8], CellShape)],
        shown: Shown,
        all_readings: &mut Readings,
    ) -> Confirmers {
        let (index, facts) = (&self.matcher.catalogue.indexes()[at], &self.matcher.facts[at]);
        let hasher = &self.matcher.catalogue.hashers()[index.key_no()];
        let mut all = Vec::new();
        for (column, kind) in facts.confirming.iter().filter(|(_, kind)| shown.kinds >> kind.code() & 1 == 1) {
            for (value, _) in cells.iter().filter(|cell| may_show(*kind, cell)) {
                readings(*kind, value, self.matcher.catalogue.countries(), all_readings);
                for normal in all_readings.iter().filter(|normal| is_told(*kind, normal, &facts.exported)) {
                    let test = index.test_of_value(usize::from(*column), hasher.tag(*kind, normal));
                    all.extend(test.map(|test| Confirmer::of(test, *kind)));
                }
            }
        }
        for (value, _) in cells.iter().filter(|(value, _)| shown.masked && masked::may_be_masked(value)) {
            for (column, kind) in &facts.maskable {
                if let Some(form) = masked::parse(*kind, value) {
                    let tag = hasher.mask_tag(*kind, &form);
                    let test = index.test_of_mask(usize::from(*column), tag, false);
                    all.extend(test.map(|test| Confirmer::of_mask(test, *kind, tag)));
                }
            }
        }
        Confirmers::new(all)
    }
}

/// What finding one of so many by name costs: so many bits must speak for each before they speak for one.
fn price(namesakes: usize) -> f32 {
    (namesakes as f32).log2()
}

/// Whether a cell may show a value of the kind that confirms. A moment, to the minute, is nobody's birth, though midnight in another time
/// zone is: every line of a log begins with one.
fn may_show(kind: FieldKind, (value, shape): &(&[u8], CellShape)) -> bool {
    let is_moment = || value.windows(3).any(|w| w[0] == b':' && w[1].is_ascii_digit() && w[1..] != *b"00");
    shape.may_be(kind) && (kind != FieldKind::BirthDate || !is_moment())
}

/// Whether a value in normal form may be in an index exported on a day. Who was born later is not.
fn is_told(kind: FieldKind, normal: &[u8], exported: &str) -> bool {
    kind != FieldKind::BirthDate || normal <= exported.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::{is_told, may_show};
    use crate::matching::Matcher;
    use crate::matching::shape::CellShape;
    use crate::matching::tests::{COLUMNS, expected, find, matcher_of, person, refs, same};
    use crate::model::FieldKind;

    /// So many people, of sixty-four names.
    const PEOPLE: u64 = 4_000;
    const LAST: [&str; 8] = ["Martin", "Bernard", "Petit", "Durand", "Moreau", "Simon", "Leroy", "Roux"];
    const FIRST: [&str; 8] = ["Anna", "Emma", "Jade", "Lina", "Hugo", "Yann", "Paul", "Marc"];

    /// A person of one of these names, whose address begins with the first one's initial.
    fn common(no: u64) -> Vec<String> {
        let [id, _, _, _, phone, birth, city] = person(no);
        let (last, first) = (LAST[(no % 8) as usize], FIRST[(no / 8 % 8) as usize]);
        let domain = ["mail.example", "post.example"][(no / 64 % 2) as usize];
        let mail = format!("{}.{no}@{domain}", first.to_lowercase());
        vec![id, last.to_owned(), first.to_owned(), mail, phone, birth, city]
    }

    fn people(folder: &std::path::Path) -> Matcher {
        matcher_of(folder, &COLUMNS, (0..PEOPLE).map(common))
    }

    /// Some cells of people, what finds by itself masked; cell 9 shows less of the number.
    fn masked(people: impl Iterator<Item = u64>, cells: &[usize]) -> Vec<Vec<String>> {
        let cell = |row: &[String], no: usize| match no {
            3 => format!("{}***{}", &row[3][..1], &row[3][row[3].find('@').unwrap_or(0)..]),
            4 => format!("******{}", &row[4][6..]),
            9 => format!("********{}", &row[4][8..]),
            no => row[no].clone(),
        };
        people.map(|no| cells.iter().map(|at| cell(&common(no), *at)).collect()).collect()
    }

    #[test]
    fn among_many_of_one_name_the_one_is_found_that_the_rest_of_the_row_fits_and_no_stranger() {
        let folder = tempfile::tempdir().unwrap();
        let matcher = people(folder.path());
        for cells in [&[1, 2, 5, 4][..], &[4, 5, 3, 2, 1], &[2, 1, 5, 4, 6]] {
            // One of ten: the table as a whole says little for any of its rows.
            let rows = masked((0..2_000).map(|no| if no % 10 == 7 { no } else { PEOPLE + no }), cells);
            let found = refs(&find(&matcher, &rows, 1));
            let ours = expected((0..2_000).filter(|no| no % 10 == 7));
            let wrong = found.iter().filter(|one| !ours.contains(one)).count();
            assert!(found.len() >= 190 && wrong <= 2, "{cells:?}: {} found, {wrong} of them wrong", found.len());
            let all = refs(&find(&matcher, &masked(1_000..1_300, cells), 3));
            let all_ours = expected(1_000..1_300);
            assert!(all.iter().filter(|one| all_ours.contains(one)).count() >= 297, "{cells:?}: {} of 300", all.len());
        }
    }

    #[test]
    fn the_initial_of_an_address_says_nothing_more_to_who_has_the_name() {
        let folder = tempfile::tempdir().unwrap();
        // One of some thirty of the name and domain has those last two figures by chance, beside the one who has them.
        let rows = masked(0..100, &[1, 2, 3, 9]);
        let found = refs(&find(&people(folder.path()), &rows, 1));
        assert!(found.is_empty(), "{}", found.len());
    }

    #[test]
    fn who_has_a_name_of_ours_is_found_by_it_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let matcher = people(folder.path());
        // The same date and end of a number as one of ours, under another of our names.
        let mut strangers = masked(0..100, &[1, 2, 4, 5]);
        strangers.iter_mut().for_each(|row| {
            let no = LAST.iter().position(|last| *last == row[0]).unwrap();
            row[0] = LAST[(no + 1) % LAST.len()].to_owned();
        });
        let found = find(&matcher, &strangers, 1);
        assert!(found.systems.is_empty(), "{}", refs(&found).len());
        assert!(same(refs(&find(&matcher, &masked(0..400, &[4, 5]), 1)), expected(0..400)), "without a name");
    }

    #[test]
    fn a_name_that_stands_in_many_rows_is_nobody_whom_they_are_about() {
        let folder = tempfile::tempdir().unwrap();
        let matcher = people(folder.path());
        let mut rows = masked(0..200, &[4, 5]);
        // The adviser is called as customers of ours are.
        rows.iter_mut().enumerate().for_each(|(no, row)| row.push(format!("{} Martin", FIRST[no % 3])));
        let found = refs(&find(&matcher, &rows, 1));
        let right = expected(0..200);
        let wrong = found.iter().filter(|one| !right.contains(one)).count();
        assert!(found.len() - wrong >= 198 && wrong <= 2, "{} found, {wrong} wrong", found.len());
    }

    #[test]
    fn other_numbers_and_addresses_beside_a_name_do_not_hide_who_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let matcher = people(folder.path());
        let row = |no: u64| {
            let [_, last, first, _, _, birth, city] = common(no).try_into().unwrap();
            vec![last, first, birth, city, format!("u{no}@autre.example"), format!("07{:08}", no * 7_919)]
        };
        let ours: Vec<Vec<String>> = (0..400).map(row).collect();
        let found = refs(&find(&matcher, &ours, 1));
        let right = expected(0..400);
        let wrong = found.iter().filter(|one| !right.contains(one)).count();
        assert!(found.len() >= 396 && wrong == 0, "{} found, {wrong} wrong", found.len());
        // Behind strangers, all but those before one is met that is looked for.
        let strangers = PEOPLE..PEOPLE + 2_000;
        let rows: Vec<Vec<String>> = strangers.chain(0..3_000).map(row).collect();
        let found = refs(&find(&matcher, &rows, 1));
        let right = expected(0..3_000);
        let wrong = found.iter().filter(|one| !right.contains(one)).count();
        assert!(found.len() >= 1_970 && wrong <= 20, "{} found, {wrong} wrong", found.len());
    }

    #[test]
    fn moments_and_days_after_the_export_are_no_births() {
        let shows = |value: &str| may_show(FieldKind::BirthDate, &(value.as_bytes(), CellShape::of(value.as_bytes())));
        for birth in
            ["1970-03-12", "12/03/1970", "19700312", "1970-03-12T00:00:00Z", "1970-03-11 23:00:00", "12 mars 1970"]
        {
            assert!(shows(birth), "{birth}");
        }
        for other in ["2026-08-07T06:25:01Z", "12/03/1970 14:05", "197003", "Paul Roux"] {
            assert!(!shows(other), "{other}");
        }
        let told = |birth: &str| is_told(FieldKind::BirthDate, birth.as_bytes(), "2026-06-01");
        assert!(told("2026-06-01") && told("1970-03-12") && !told("2026-06-02"));
        assert!(is_told(FieldKind::Postcode, b"95000", "2026-06-01"));
    }
}
