//! The way of every row: a block of rows is hashed, the prefilter is asked for all their values at once (so that no answer
//! from memory waits for another), what passes is looked up at once too, and only rows that lead to a record go on.

use crate::fingerprint::{Damaged, Lead, LookUps, SipScratch};
use crate::model::Batch;

use super::Matcher;
use super::glance::{Glance, glance};
use super::values::{Seen, Values};

/// Rows that are asked for together: their values fit the first cache, and there are enough to hide memory's delay.
pub(super) const BLOCK: usize = 256;

/// Reused from block to block.
#[derive(Default)]
pub(super) struct Sweep {
    pub(super) values: Values,
    glances: Vec<Glance>,
    /// What each row of the block has shown.
    pub(super) seen: Vec<Seen>,
    /// In the order of the values, and so of the rows.
    leads: Vec<Lead>,
    /// For each row of the block, where its leads begin; and the end of the last.
    starts: Vec<u32>,
    fingerprints: Vec<u64>,
    passed: Vec<u32>,
    look_ups: LookUps,
    sip: SipScratch,
}

impl Sweep {
    /// Looks at up to [`BLOCK`] rows of the batch, from row `first` on, and leaves what they show in `seen`.
    pub(super) fn block(&mut self, matcher: &Matcher, batch: &Batch, first: usize) -> Result<(), Damaged> {
        self.values.clear();
        self.seen.clear();
        self.leads.clear();
        let rows = first..batch.rows().min(first + BLOCK);
        let cells = batch.cells_of(rows.clone());
        glance(matcher, &batch.text, cells, &mut self.values.choices, &mut self.glances);
        let mut glances = &self.glances[..];
        for (no, row) in rows.enumerate() {
            let row = batch.row(row);
            let (these, others) = glances.split_at(row.len());
            self.seen.push(matcher.values_of_row(row, no as u16, these, &mut self.values));
            glances = others;
        }
        for (key, hasher) in matcher.catalogue.hashers().iter().enumerate() {
            hasher.fingerprints(&mut self.values.forms, &mut self.sip, &mut self.fingerprints);
            self.passed.clear();
            matcher.catalogue.probe(&self.fingerprints, &mut self.passed);
            let Self { values, leads, fingerprints, passed, look_ups, .. } = self;
            let may = |index: usize, value: u32| matcher.facts[index].has(values.places[value as usize].2);
            matcher.catalogue.lookup_many((fingerprints, key), passed, may, look_ups, leads)?;
        }
        self.leads.sort_unstable();
        self.starts.clear();
        for (no, lead) in self.leads.iter().enumerate() {
            let row = usize::from(self.values.places[lead.value as usize].0);
            self.seen[row].hit = true;
            self.starts.resize(self.starts.len().max(row + 1), no as u32);
        }
        self.starts.resize(self.seen.len() + 1, self.leads.len() as u32);
        Ok(())
    }

    /// The records that the values of row `no` of the block lead to.
    pub(super) fn leads_of(&self, no: usize) -> &[Lead] {
        &self.leads[self.starts[no] as usize..self.starts[no + 1] as usize]
    }
}
