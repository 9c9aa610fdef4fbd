//! What `extract` may spend on one document, and the account that is kept of it.
//!
//! Content is written by strangers: every loop of this room draws on a [`Limits`]. What a limit cuts off becomes a
//! [`Skip`](crate::model::Skip), once, and never a silence.

use std::time::Duration;

use serde::Deserialize;

use crate::model::{Sensitive, SettingProblem};

/// The bounds on reading one document. Deserialises from the `[limits]` table of the configuration; what is left out
/// keeps its default.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one document once everything in it is unpacked. Default 400 MiB; at least 1 MiB. The streaming lane,
    /// which unpacks nothing, does not count.
    pub expanded_bytes: u64,
    /// How many times larger than its packed form a member may become. Default 200.
    pub ratio: u32,
    /// Unpacked bytes of a member before `ratio` is looked at: small files may well be that repetitive. Default 10 MiB.
    pub ratio_after: u64,
    /// Containers within containers. Default 8.
    pub depth: u32,
    /// Members of all archives of one document together. Default 10,000.
    pub members: u64,
    /// Elements or brackets open at once in markup, JSON and literals. Default 512.
    pub nesting: u32,
    /// Seconds of reading per document. Default 30.
    pub seconds: u64,
    /// Rows per document. Default 50,000,000.
    pub rows: u64,
    /// Bytes of one line or row that are kept together; a longer one is read in pieces of this size. Default 4 MiB,
    /// from 64 KiB to 64 MiB.
    pub line: usize,
    /// Tables told apart in one document; what follows is read as text. Default 10,000.
    pub tables: u32,
    /// Columns of one table; the cells beyond are kept without a name. Default 1,024.
    pub columns: usize,
    /// Passwords to try on encrypted members, as found near the document (see
    /// [`passwords_in`](super::passwords_in)). Not a setting.
    #[serde(skip)]
    pub passwords: Vec<Sensitive<String>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            expanded_bytes: 400 << 20,
            ratio: 200,
            ratio_after: 10 << 20,
            depth: 8,
            members: 10_000,
            nesting: 512,
            seconds: 30,
            rows: 50_000_000,
            line: 4 << 20,
            tables: 10_000,
            columns: 1_024,
            passwords: Vec::new(),
        }
    }
}

/// The most passwords tried on one encrypted member: each costs a key derivation.
pub(crate) const MAX_PASSWORDS: usize = 16;

impl Limits {
    /// Everything that is wrong with the limits as configured.
    #[must_use]
    pub fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut check = |name: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                let message = format!("{name} is {value}; hint: it lies between {least} and {most}");
                problems.push(SettingProblem::new(name, message));
            }
        };
        check("expanded_bytes", self.expanded_bytes, 1 << 20, 1 << 40);
        check("ratio", self.ratio.into(), 2, 100_000);
        check("ratio_after", self.ratio_after, 0, 1 << 40);
        check("depth", self.depth.into(), 1, 32);
        check("members", self.members, 1, 10_000_000);
        check("nesting", self.nesting.into(), 8, 4096);
        check("seconds", self.seconds, 1, 86_400);
        check("rows", self.rows, 1_000, u64::MAX);
        check("line", self.line as u64, 64 << 10, 64 << 20);
        check("tables", self.tables.into(), 1, 1_000_000);
        check("columns", self.columns as u64, 8, 65_536);
        problems
    }

    /// The time allowed.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_deserialise_with_defaults_and_every_problem_is_named() {
        let limits: Limits = toml::from_str("depth = 3").unwrap();
        assert_eq!((limits.depth, limits.ratio), (3, 200));
        assert!(limits.problems().is_empty());
        assert!(toml::from_str::<Limits>("deepness = 3").is_err());
        let bad = Limits { ratio: 0, line: 1, ..Limits::default() };
        let named: Vec<_> = bad.problems().into_iter().map(|p| p.setting).collect();
        assert_eq!(named, ["ratio", "line"]);
    }
}
