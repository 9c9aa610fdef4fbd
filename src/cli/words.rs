//! Numbers with their nouns, days in words.

use jiff::civil::Date;

/// The beginning of an interval that nothing bounds.
const OPEN: Date = jiff::civil::date(1, 1, 1);

/// `1 record`, `2 records`.
pub fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// When an export would have shown what a document shows: `exported between …`.
pub fn exported([from, to]: [Date; 2]) -> String {
    if from == to {
        format!("exported on {to}")
    } else if from == OPEN {
        format!("exported on {to} or before")
    } else {
        format!("exported between {from} and {to}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_nothing_bounds_has_no_first_day() {
        let day = jiff::civil::date;
        assert_eq!(exported([OPEN, day(2026, 3, 1)]), "exported on 2026-03-01 or before");
        assert_eq!(exported([day(2026, 3, 1), day(2026, 3, 1)]), "exported on 2026-03-01");
        assert_eq!(exported([day(2026, 3, 1), day(2026, 9, 2)]), "exported between 2026-03-01 and 2026-09-02");
    }
}
