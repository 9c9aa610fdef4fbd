//! The text that YARA rules have yet to see. A rule asks about a document as a whole (`$a and not $b`, `#a > 20`,
//! `filesize`), so each member of a document is gathered and shown at once, as far as memory allows; what is larger is
//! shown in parts, and that is said.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::rules::{MAX_MATCHES, RuleSet};
use crate::model::{Skip, SkipReason, SystemId};

/// The most text that rules see at once, in bytes.
pub(super) const WINDOW: usize = 8 << 20;
/// Bytes a second below which a watchlist's rules are too slow for a document.
const SLOWEST: u64 = 16 << 20;
/// Time that they may take beyond that: other work may hold the processor meanwhile.
const SLACK: Duration = Duration::from_millis(500);
/// Skips that are kept of one document.
const MAX_SKIPS: usize = 100;

/// See the module. What is kept of it is what was skipped: it is only kept between parts.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Window {
    #[serde(skip)]
    text: Vec<u8>,
    /// Path of the member that the text belongs to; empty for the document itself.
    #[serde(skip)]
    member: String,
    /// Whether the rules saw the beginning of the member without its end.
    #[serde(skip)]
    shown: bool,
    /// Bytes shown.
    #[serde(skip)]
    seen: u64,
    /// For each watchlist with rules, the time that they took.
    #[serde(skip)]
    spent: Vec<Duration>,
    /// Watchlists that are no longer asked.
    #[serde(skip)]
    given_up: Vec<usize>,
    skips: Vec<Skip>,
}

impl Window {
    /// Whether so much more would be too much.
    pub fn is_full(&self, more: usize) -> bool {
        !self.text.is_empty() && self.text.len() + more > WINDOW
    }

    /// Adds text of the member.
    pub fn append(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    /// Whether the text is of this member.
    pub fn is_of(&self, member: &str) -> bool {
        self.member == member
    }

    /// The text that follows is of this member.
    pub fn begin(&mut self, member: &str) {
        member.clone_into(&mut self.member);
        self.shown = false;
    }

    /// The document goes on elsewhere: what is shown of it is a part.
    pub fn is_part(&mut self) {
        self.shown = true;
    }

    /// The text to be shown now, if there is any.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        if self.text.is_empty() {
            return None;
        }
        if self.shown {
            let detail = format!("YARA rules saw it in parts of at most {} MiB, each by itself", WINDOW >> 20);
            self.note(Skip::new(self.member.clone(), SkipReason::TooLarge, detail));
        }
        self.shown = true;
        self.seen += self.text.len() as u64;
        Some(std::mem::take(&mut self.text))
    }

    /// Takes the buffer back.
    pub fn give_back(&mut self, mut text: Vec<u8>) {
        text.clear();
        self.text = text;
    }

    /// Asks the rules of watchlist `no`, called `name`, about a text, if they still have time; those that match.
    pub fn ask(&mut self, no: usize, name: &SystemId, rules: &RuleSet, text: &[u8]) -> Vec<usize> {
        if self.given_up.contains(&no) {
            return Vec::new();
        }
        self.spent.resize(self.spent.len().max(no + 1), Duration::ZERO);
        let allowed = SLACK + Duration::from_micros(self.seen * 1_000_000 / SLOWEST);
        let started = Instant::now();
        let verdict = rules.ask(text, allowed.saturating_sub(self.spent[no]));
        self.spent[no] += started.elapsed();
        if verdict.out_of_time {
            self.given_up.push(no);
            let detail = format!("the YARA rules of `{name}` read less than {} MiB a second of it", SLOWEST >> 20);
            self.note(Skip::new("", SkipReason::Time, detail));
        }
        for rule in verdict.undecided {
            let detail = format!("rule `{rule}` of `{name}`: more than {MAX_MATCHES} matches of one string");
            self.note(Skip::new(self.member.clone(), SkipReason::TooManyRows, detail));
        }
        verdict.matched
    }

    /// Adds what another part was not shown.
    pub fn merge(&mut self, other: Self) {
        debug_assert!(other.text.is_empty(), "a part ends before it is merged");
        other.skips.into_iter().for_each(|skip| self.note(skip));
    }

    /// What rules were not shown, or not as a whole.
    pub fn take_skips(&mut self) -> Vec<Skip> {
        std::mem::take(&mut self.skips)
    }

    fn note(&mut self, skip: Skip) {
        if self.skips.len() < MAX_SKIPS && !self.skips.contains(&skip) {
            self.skips.push(skip);
        }
    }
}
