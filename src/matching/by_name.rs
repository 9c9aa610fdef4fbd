//! Which rows are looked for by name although they show other identifiers, none of them ours. How they are, is for `namesakes`.
//!
//! A leak may hold numbers that the exports do not, or addresses that have changed since. But most such rows are strangers', and to look
//! for all of them by name would cost more than everything else.

use serde::{Deserialize, Serialize};

/// Rows at the beginning of a table that are looked for.
const FIRST: u32 = 512;
/// The same in each part of a long document of which nothing is known yet.
const OF_PART: u32 = 32;
/// One in so many of the others is.
const SAMPLED: u64 = 2_048;
/// So many more are for each row that shows somebody: all, as long as one in so many does.
const EARNED: u32 = 100;
/// No more than so many are without another.
const MOST: u32 = 4_096;
/// What shows somebody, in bits, beside the identifiers of somebody else: too seldom by chance to earn what is spent.
const TOLD: f32 = 8.0;

/// What is known of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ByName {
    /// Rows that are still to be looked for, whatever they are.
    left: u32,
    /// Rows that could have been.
    rows: u64,
}

impl Default for ByName {
    fn default() -> Self {
        Self { left: FIRST, rows: 0 }
    }
}

impl ByName {
    /// What a record must be confirmed by, in bits, that the next row leads to by name, if it is looked for.
    pub(super) fn asks(&self) -> Option<f32> {
        (self.left > 0 || self.rows % SAMPLED == SAMPLED - 1).then_some(TOLD)
    }

    /// Of a table that begins in a part of a document.
    pub(super) fn of_part() -> Self {
        Self { left: OF_PART, rows: 0 }
    }

    /// Counts a row that was not.
    pub(super) fn pass(&mut self) {
        self.rows += 1;
    }

    /// Counts a row that was, and the best of what was found, in bits.
    pub(super) fn tried(&mut self, best: f32) {
        self.rows += 1;
        self.left = self.left.saturating_sub(1);
        if best >= TOLD {
            self.left = (self.left + EARNED).min(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads some rows of which one in `every` shows somebody. How many were looked for, and how many of those who could be were found.
    fn read(by_name: &mut ByName, rows: u32, every: u32) -> (u32, u32) {
        let (mut tried, mut found) = (0, 0);
        for row in 0..rows {
            if by_name.asks().is_none() {
                by_name.pass();
                continue;
            }
            let shows = row % every == every - 1;
            by_name.tried(if shows { 12.0 } else { 4.0 });
            tried += 1;
            found += u32::from(shows);
        }
        (tried, found)
    }

    #[test]
    fn all_are_looked_for_while_some_are_found_and_few_where_none_are() {
        let mut table = ByName::default();
        let (tried, _) = read(&mut table, 100_000, u32::MAX);
        assert!((FIRST..FIRST + 100).contains(&tried), "{tried}");
        // Strangers, and then customers: those between two samples are lost.
        let (_, found) = read(&mut table, 50_000, 1);
        assert!(found >= 50_000 - SAMPLED as u32, "{found}");
        let (_, found) = read(&mut table, 50_000, EARNED / 2);
        assert_eq!(found, 50_000 / (EARNED / 2));
        let (tried, _) = read(&mut table, 100_000, u32::MAX);
        assert!(tried <= MOST + 100, "{tried}");
    }
}
