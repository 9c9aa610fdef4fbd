//! The way of every row: a block of rows is hashed, the prefilter is asked for all their values at once (so that no answer
//! from memory waits for another), what passes is looked up at once too, and only rows that lead to a record go on.

use crate::fingerprint::{Damaged, LookUps, SipScratch, Slot};
use crate::model::Batch;

use super::Matcher;
use super::values::{Seen, Values};

/// Rows that are asked for together: their values fit the first cache, and there are enough to hide memory's delay.
pub(super) const BLOCK: usize = 256;

/// A record that a value leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lead {
    /// The value's position among the block's values.
    pub(super) value: u32,
    pub(super) index: u16,
    pub(super) slot: Slot,
}

/// Reused from block to block.
#[derive(Default)]
pub(super) struct Sweep {
    pub(super) values: Values,
    /// What each row of the block has shown.
    pub(super) seen: Vec<Seen>,
    /// In the order of the values, and so of the rows.
    leads: Vec<Lead>,
    fingerprints: Vec<u64>,
    passed: Vec<u32>,
    /// Of those that passed, the values that an index may have, and their fingerprints.
    asked: Vec<u32>,
    wanted: Vec<u64>,
    found: Vec<(u32, Slot)>,
    look_ups: LookUps,
    sip: SipScratch,
}

impl Sweep {
    /// Looks at up to [`BLOCK`] rows of the batch, from row `first` on, and leaves what they show in `seen`.
    pub(super) fn block(&mut self, matcher: &Matcher, batch: &Batch, first: usize) -> Result<(), Damaged> {
        self.values.clear();
        self.seen.clear();
        self.leads.clear();
        for (no, row) in (first..batch.rows().min(first + BLOCK)).enumerate() {
            self.seen.push(matcher.values_of_row(batch.row(row), no as u16, &mut self.values));
        }
        for (key, hasher) in matcher.catalogue.hashers().iter().enumerate() {
            hasher.fingerprints(&mut self.values.forms, &mut self.sip, &mut self.fingerprints);
            self.passed.clear();
            matcher.catalogue.probe(&self.fingerprints, &mut self.passed);
            self.follow(matcher, key)?;
        }
        self.leads.sort_unstable();
        for lead in &self.leads {
            self.seen[usize::from(self.values.places[lead.value as usize].0)].hit = true;
        }
        Ok(())
    }

    /// Looks up what passed the prefilter in each index built with that key.
    fn follow(&mut self, matcher: &Matcher, key: usize) -> Result<(), Damaged> {
        let Self { values, leads, fingerprints, passed, asked, wanted, found, look_ups, .. } = self;
        if passed.is_empty() {
            return Ok(());
        }
        for (at, index) in matcher.catalogue.indexes().iter().enumerate().filter(|(_, index)| index.key_no() == key) {
            let has = |value: &u32| matcher.facts[at].has(values.places[*value as usize].2);
            asked.clear();
            asked.extend(passed.iter().copied().filter(has));
            wanted.clear();
            wanted.extend(asked.iter().map(|value| fingerprints[*value as usize]));
            found.clear();
            index.lookup_many(wanted, look_ups, found)?;
            let lead = |(no, slot): &(u32, Slot)| Lead { value: asked[*no as usize], index: at as u16, slot: *slot };
            leads.extend(found.iter().map(lead));
        }
        Ok(())
    }

    /// The records that the values of row `no` of the block lead to.
    pub(super) fn leads_of(&self, no: usize) -> &[Lead] {
        let row = |lead: &Lead| usize::from(self.values.places[lead.value as usize].0);
        let from = self.leads.partition_point(|lead| row(lead) < no);
        let many = self.leads[from..].iter().take_while(|lead| row(lead) == no).count();
        &self.leads[from..from + many]
    }
}
