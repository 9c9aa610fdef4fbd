//! What is remembered of a site between visits, and what it says is to be read.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::control::Planted;
use super::coverage::History;
use super::intake::Cursor;
use super::page::mark;
use super::series::Series;
use crate::net::Validators;

/// First pause before an entry that could not be read is tried again, seconds; doubles.
const FIRST_RETRY: i64 = 30;
/// After this many tries an entry is reported as not readable, and left.
pub(super) const MAX_TRIES: u8 = 8;

/// When entries are looked at again: the pause before the first time, which doubles, and the longest. Seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reread {
    pub first: i64,
    pub longest: i64,
}

/// A site's memory. Keys are short hashes: what a site calls its entries may be long, and is nobody's business.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Of each listing, what its server said for asking again.
    #[serde(default)]
    pub listings: HashMap<String, Validators>,
    /// Of each entry, what was read.
    #[serde(default)]
    pub entries: HashMap<u64, Seen>,
    /// What the site usually brings.
    #[serde(default)]
    pub history: History,
    /// What was planted last to measure the watch itself.
    #[serde(default)]
    pub control: Planted,
    /// Where reading of a mailbox stands.
    #[serde(default)]
    pub mbox: super::mbox::Place,
    /// Posts that are no longer there, the latest last.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub deleted: VecDeque<Deleted>,
    /// Files whose parts stand on several posts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub series: BTreeMap<u64, Series>,
    /// Number of visits; orders entries by when they were last listed.
    #[serde(default)]
    pub visit: u64,
    /// Something changed since it was last saved.
    #[serde(skip)]
    pub dirty: bool,
}

/// Deletions remembered.
const MAX_DELETED: usize = 50;

/// Posts that were read, and are no longer there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// When that was noticed.
    pub at: Timestamp,
    /// The post, or the thread that they stood in.
    pub what: String,
    /// How many.
    pub posts: u64,
}

/// What is remembered of one entry.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The listing's mark when it was read.
    #[serde(rename = "m")]
    pub mark: u64,
    /// When it was first listed, seconds.
    #[serde(rename = "f")]
    pub first_seen: i64,
    /// When it was last read, seconds.
    #[serde(rename = "r")]
    pub read_at: i64,
    /// The visit that last listed it.
    #[serde(rename = "v")]
    pub visit: u64,
    /// Second looks since it last changed.
    #[serde(rename = "u", default, skip_serializing_if = "is_zero")]
    pub unchanged: u8,
    /// Tries since it could last be read.
    #[serde(rename = "t", default, skip_serializing_if = "is_zero")]
    pub tries: u8,
    /// Whether it has been read to its end.
    #[serde(rename = "e", default)]
    pub whole: bool,
    /// Marks of its posts, by key.
    #[serde(rename = "p", default, skip_serializing_if = "HashMap::is_empty")]
    pub posts: HashMap<u64, u64>,
    /// Its last page: where replies appear. And how many posts come before that page.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub last_page: Option<(String, u32)>,
    /// For asking for its (only) page again.
    #[serde(rename = "c", default, skip_serializing_if = "is_empty")]
    pub validators: Validators,
}

fn is_zero(n: &u8) -> bool {
    *n == 0
}

fn is_empty(validators: &Validators) -> bool {
    *validators == Validators::default()
}

/// What is to be read of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing.
    No,
    /// From its last page on: it is new, has grown, or was left unfinished.
    Onward,
    /// All of it, for edits: it is due for a second look.
    Again,
}

impl Memory {
    pub(super) fn from_cursor(cursor: Option<Cursor>) -> Self {
        // A cursor of another form means reading again what is still listed; posts already accepted are recognised.
        cursor.and_then(|c| serde_json::from_slice(&c.0).ok()).unwrap_or_default()
    }

    pub(super) fn to_cursor(&self) -> Cursor {
        Cursor(serde_json::to_vec(self).expect("maps of numbers and strings become JSON"))
    }

    /// The memory of an entry, made when it is new.
    pub(super) fn entry(&mut self, key: &str, now: Timestamp) -> &mut Seen {
        let visit = self.visit;
        let id = mark([key]);
        if !self.entries.contains_key(&id) {
            self.dirty = true;
        }
        let seen = self.entries.entry(id).or_insert_with(|| Seen { first_seen: now.as_second(), ..Seen::default() });
        seen.visit = visit;
        seen
    }

    /// Whether an entry that no listing need mention is due: then listings are asked for whole.
    pub(super) fn anything_due(&self, reread: Option<Reread>, now: Timestamp) -> bool {
        // Only entries listed at the last visit that saw a listing: others cannot be reached through it.
        let last = self.entries.values().map(|s| s.visit).max().unwrap_or_default();
        self.entries.values().any(|seen| seen.visit == last && seen.look(seen.mark, reread, now) != Look::No)
    }

    pub(super) fn note_deleted(&mut self, deleted: Deleted) {
        self.deleted.push_back(deleted);
        if self.deleted.len() > MAX_DELETED {
            self.deleted.pop_front();
        }
        self.dirty = true;
    }

    /// Forgets the entries that were listed longest ago, beyond `keep`.
    pub(super) fn forget(&mut self, keep: usize) {
        if self.entries.len() <= keep {
            return;
        }
        let mut visits: Vec<u64> = self.entries.values().map(|seen| seen.visit).collect();
        visits.sort_unstable_by(|a, b| b.cmp(a));
        let oldest = visits[keep];
        // What the current visit lists stays, however much it is: forgetting it would mean reading it at each visit.
        let current = self.visit;
        self.entries.retain(|_, seen| seen.visit > oldest || seen.visit == current);
        self.dirty = true;
    }
}

impl Seen {
    /// What is to be read, given the mark that the listing shows now.
    pub(super) fn look(&self, mark: u64, reread: Option<Reread>, now: Timestamp) -> Look {
        let since = now.as_second().saturating_sub(self.read_at);
        if self.tries >= MAX_TRIES && self.mark == mark {
            return Look::No;
        }
        if self.tries > 0 && self.tries < MAX_TRIES {
            let pause = FIRST_RETRY << (self.tries - 1);
            return if since >= pause { Look::Onward } else { Look::No };
        }
        if self.read_at == 0 || self.mark != mark || !self.whole {
            return Look::Onward;
        }
        match reread {
            Some(Reread { first, longest })
                if since >= first.saturating_mul(1 << self.unchanged.min(20)).min(longest) =>
            {
                Look::Again
            }
            _ => Look::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn again(first: i64) -> Option<Reread> {
        Some(Reread { first, longest: 24 * 3600 })
    }

    fn read(second: i64) -> Seen {
        Seen { mark: 1, read_at: at(second).as_second(), whole: true, ..Seen::default() }
    }

    #[test]
    fn new_grown_and_unfinished_entries_are_read() {
        assert_eq!(Seen::default().look(1, None, at(0)), Look::Onward);
        assert_eq!(read(0).look(2, None, at(1)), Look::Onward);
        assert_eq!(Seen { whole: false, ..read(0) }.look(1, None, at(1)), Look::Onward);
        assert_eq!(read(0).look(1, None, at(1_000_000)), Look::No);
    }

    #[test]
    fn second_looks_come_further_and_further_apart() {
        let once = read(0);
        assert_eq!(once.look(1, again(600), at(599)), Look::No);
        assert_eq!(once.look(1, again(600), at(600)), Look::Again);
        let often = Seen { unchanged: 3, ..read(0) };
        assert_eq!(often.look(1, again(600), at(4799)), Look::No);
        assert_eq!(often.look(1, again(600), at(4800)), Look::Again);
        let always = Seen { unchanged: u8::MAX, ..read(0) };
        assert_eq!(always.look(1, again(600), at(24 * 3600)), Look::Again);
    }

    #[test]
    fn what_cannot_be_read_is_tried_less_and_less_and_then_left() {
        let failed = |tries| Seen { tries, ..read(0) };
        assert_eq!(failed(1).look(1, None, at(29)), Look::No);
        assert_eq!(failed(1).look(1, None, at(30)), Look::Onward);
        assert_eq!(failed(4).look(1, None, at(200)), Look::No);
        assert_eq!(failed(MAX_TRIES).look(1, again(1), at(1_000_000)), Look::No);
        assert_eq!(failed(MAX_TRIES).look(2, None, at(1)), Look::Onward);
    }

    #[test]
    fn the_longest_unlisted_are_forgotten_first_and_the_listed_never() {
        let mut memory = Memory::default();
        for visit in 1..=10 {
            memory.visit = visit;
            memory.entry(&format!("old {visit}"), at(0));
        }
        for n in 0..5 {
            memory.entry(&format!("now {n}"), at(0));
        }
        memory.forget(8);
        assert!(memory.entries.len() <= 8);
        assert!((0..5).all(|n| memory.entries.contains_key(&mark([format!("now {n}").as_str()]))));
        memory.forget(2);
        assert!((0..5).all(|n| memory.entries.contains_key(&mark([format!("now {n}").as_str()]))));
    }

    #[test]
    fn memory_survives_as_a_cursor() {
        let mut memory = Memory { visit: 3, ..Memory::default() };
        memory.entry("a", at(0)).posts.insert(5, 6);
        let again = Memory::from_cursor(Some(memory.to_cursor()));
        assert_eq!((again.visit, again.entries), (3, memory.entries));
        assert_eq!(Memory::from_cursor(Some(Cursor(b"nonsense".to_vec()))).entries.len(), 0);
    }
}
