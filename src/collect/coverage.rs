//! What a site usually brings, and when it no longer does: blind spots are to be told, not found out by accident.
//!
//! Each visit is held against the site's own history. Three things are told, once when they begin and once when they
//! end:
//!
//! - *failing*: visit after visit does not get through;
//! - *layout*: it gets through, but what used to stand on the page does not any more;
//! - *quiet*: all is well, only nothing new comes, for far longer than the longest pause so far.
//!
//! Only time during which the site was watched counts: a service that was down for a week does not make a site quiet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Visits in a row that must say the same: once or twice is the weather.
const VISITS: u32 = 3;
/// Days of which the posts are counted.
const DAYS: usize = 29;
/// Pauses that are remembered, and how many there must be before one can be called unusual.
const PAUSES: usize = 64;
const ENOUGH: usize = 8;
/// How many times the longest pause a silence must last to be unusual, and how long at least.
const UNUSUAL: u64 = 3;
const LEAST: u64 = 3600;

/// What is wrong with the watch on a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// Visits do not get through.
    Failing,
    /// The page is no longer what the definition describes.
    Layout,
    /// Nothing comes any more.
    Quiet,
    /// A control post was not seen in time.
    Control,
}

impl TroubleKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Failing, Self::Layout, Self::Quiet, Self::Control];

    /// As written in logs, metrics and `site status`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Layout => "layout",
            Self::Quiet => "quiet",
            Self::Control => "control",
        }
    }
}

/// A trouble under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Since when it is known.
    pub since: Timestamp,
    /// What was noticed. Names fields and hosts, never content.
    pub what: String,
}

/// A trouble that has begun or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub kind: TroubleKind,
    /// What was noticed; nothing when it is over.
    pub began: Option<String>,
}

/// Next pages noted of a visit.
const NEXT: usize = 20;

impl Sight {
    /// Notes a link to a next page.
    pub(super) fn note_next(&mut self, url: &url::Url) {
        if self.next.len() < NEXT {
            self.next.push(url.to_string());
        }
    }
}

/// What one visit showed.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight {
    /// Listing pages that were read, and entries on them. A listing that had not changed counts as none.
    pub pages: u32,
    pub listed: usize,
    /// Posts accepted.
    pub accepted: u64,
    /// Described fields that stood somewhere, and those that stood nowhere, on pages with items.
    pub found: BTreeSet<String>,
    pub missing: BTreeSet<String>,
    /// Next pages that were linked; the first few.
    pub next: Vec<String>,
    /// Entries whose page was not what it should be, and those that were read.
    pub unreadable: u32,
    pub readable: u32,
}

/// How a visit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Well,
    /// It did not get through.
    Fault(String),
    /// It got something else than the page.
    NotThePage(String),
}

/// What is remembered of a site's ways. Kept with its cursor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct History {
    /// Posts accepted on each day (since 1970, UTC), the latest last.
    days: VecDeque<(i64, u64)>,
    /// Seconds watched between visits that brought posts, the latest last.
    pauses: VecDeque<u64>,
    /// Seconds watched since the last one.
    silence: u64,
    /// When the last visit was, seconds.
    visited: i64,
    /// The listing once had entries.
    listed: bool,
    /// Fields that were found before.
    found: BTreeSet<String>,
    /// Visits in a row that said something is amiss, by what.
    streaks: BTreeMap<String, u32>,
    /// What is wrong now.
    troubles: BTreeMap<TroubleKind, Trouble>,
}

impl History {
    /// Holds a visit against what was known, and remembers it. `longest` is the longest time between two visits;
    /// `quiet_after` the site's own limit for silence.
    pub(super) fn judge(
        &mut self,
        now: Timestamp,
        sight: &Sight,
        end: &End,
        longest: Duration,
        quiet_after: Option<Duration>,
    ) -> Vec<Change> {
        self.count(now, sight, longest);
        let failing = self.failing(end);
        let layout = self.layout(sight, end);
        let quiet = self.quiet(quiet_after);
        if *end == End::Well && sight.listed > 0 {
            self.listed = true;
            self.found.extend(sight.found.iter().cloned());
        }
        let mut changes = Vec::new();
        for (kind, what) in
            [(TroubleKind::Failing, failing), (TroubleKind::Layout, layout), (TroubleKind::Quiet, quiet)]
        {
            changes.extend(self.note(kind, what, now));
        }
        changes
    }

    /// Whether a visit missed what used to be there. Then the next must look whole again: a page that changed once and is "not
    /// modified" since would never be noticed.
    pub(super) fn doubts(&self, sight: &Sight) -> bool {
        (self.listed && sight.listed == 0) || sight.missing.iter().any(|field| self.found.contains(field))
    }

    /// Notes that something is wrong, or no longer; the change, if it is one.
    pub(super) fn note(&mut self, kind: TroubleKind, what: Option<String>, now: Timestamp) -> Option<Change> {
        match what {
            Some(what) if !self.troubles.contains_key(&kind) => {
                self.troubles.insert(kind, Trouble { since: now, what: what.clone() });
                Some(Change { kind, began: Some(what) })
            }
            None => self.troubles.remove(&kind).map(|_| Change { kind, began: None }),
            Some(_) => None,
        }
    }

    /// What is wrong now.
    pub(super) fn troubles(&self) -> &BTreeMap<TroubleKind, Trouble> {
        &self.troubles
    }

    /// Posts accepted today, and on an average of the whole days before; nothing while there are none.
    pub(super) fn posts_a_day(&self, now: Timestamp) -> (u64, Option<f64>) {
        let today = day_of(now);
        let of = |at: i64| self.days.iter().find(|(day, _)| *day == at).map_or(0, |(_, posts)| *posts);
        let Some((first, _)) = self.days.front().filter(|(first, _)| *first < today) else { return (of(today), None) };
        let before: u64 = self.days.iter().filter(|(day, _)| *day < today).map(|(_, posts)| posts).sum();
        (of(today), Some(before as f64 / (today - first) as f64))
    }

    fn count(&mut self, now: Timestamp, sight: &Sight, longest: Duration) {
        let passed = u64::try_from(now.as_second().saturating_sub(self.visited)).unwrap_or(0);
        if self.visited != 0 {
            // Longer than the site is ever left alone: it was not watched.
            self.silence += passed.min(longest.as_secs().saturating_mul(2).max(60));
        }
        self.visited = now.as_second();
        if sight.accepted == 0 {
            return;
        }
        // The very first posts are what had gathered before: they say nothing about the site's ways.
        if !self.days.is_empty() {
            self.pauses.push_back(self.silence);
            if self.pauses.len() > PAUSES {
                self.pauses.pop_front();
            }
        }
        self.silence = 0;
        let today = day_of(now);
        match self.days.back_mut() {
            Some((day, posts)) if *day == today => *posts += sight.accepted,
            _ => self.days.push_back((today, sight.accepted)),
        }
        while self.days.front().is_some_and(|(day, _)| *day <= today - DAYS as i64) {
            self.days.pop_front();
        }
    }

    /// Whether something has been so for some visits; a visit that cannot tell changes nothing.
    fn lasts(&mut self, what: &str, so: Option<bool>) -> bool {
        let streak = self.streaks.get(what).copied().unwrap_or(0);
        let streak = match so {
            Some(true) => streak.saturating_add(1),
            Some(false) => 0,
            None => streak,
        };
        if streak == 0 {
            self.streaks.remove(what);
        } else {
            self.streaks.insert(what.to_owned(), streak);
        }
        streak >= VISITS
    }

    fn failing(&mut self, end: &End) -> Option<String> {
        // A page that never was what it should be is a definition that does not fit, not a change of the page.
        let what = match end {
            End::Fault(what) => Some(what),
            End::NotThePage(what) if !self.listed => Some(what),
            _ => None,
        };
        let lasts = self.lasts("visit", Some(what.is_some()));
        what.filter(|_| lasts).cloned()
    }

    fn layout(&mut self, sight: &Sight, end: &End) -> Option<String> {
        let listed = self.listed;
        let page = match end {
            End::NotThePage(_) => Some(listed),
            End::Well if sight.pages > 0 => Some(false),
            _ => None,
        };
        let mut said = Vec::new();
        if self.lasts("page", page) {
            said.push(match end {
                End::NotThePage(what) => what.clone(),
                _ => "the listing is not what it was".to_owned(),
            });
        }
        let empty = (*end == End::Well && sight.pages > 0).then_some(listed && sight.listed == 0);
        if self.lasts("entries", empty) {
            said.push("its listing, once full, is empty".to_owned());
        }
        let tried = sight.readable + sight.unreadable > 0;
        if self.lasts("posts", tried.then_some(sight.readable == 0)) {
            said.push("no page behind its listing is what it should be".to_owned());
        }
        for field in self.found.clone() {
            let so =
                if sight.found.contains(&field) { Some(false) } else { sight.missing.contains(&field).then_some(true) };
            if self.lasts(&field, so) {
                said.push(format!("{field} stands nowhere any more"));
            }
        }
        (!said.is_empty()).then(|| said.join("; "))
    }

    fn quiet(&self, quiet_after: Option<Duration>) -> Option<String> {
        let silent = |usual: &str| Some(format!("nothing new for {}; {usual}", spoken(self.silence)));
        if let Some(limit) = quiet_after {
            let too_long = !limit.is_zero() && self.silence > limit.as_secs();
            return if too_long { silent(&format!("quiet_after is {}", spoken(limit.as_secs()))) } else { None };
        }
        let usual = self.pauses.iter().max().copied().filter(|_| self.pauses.len() >= ENOUGH)?;
        let too_long = self.silence > usual.saturating_mul(UNUSUAL).max(LEAST);
        if too_long { silent(&format!("the longest pause so far was {}", spoken(usual))) } else { None }
    }
}

fn day_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(24 * 3600)
}

/// Seconds as people say them.
fn spoken(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    struct Watch {
        history: History,
        now: i64,
    }

    impl Watch {
        fn new() -> Self {
            Self { history: History::default(), now: 1_800_000_000 }
        }

        fn visit(&mut self, sight: &Sight, end: &End) -> Vec<(TroubleKind, bool)> {
            self.now += 60;
            let now = Timestamp::from_second(self.now).unwrap();
            let changes = self.history.judge(now, sight, end, MINUTE, None);
            changes.into_iter().map(|change| (change.kind, change.began.is_some())).collect()
        }

        fn good(&mut self, accepted: u64) -> Vec<(TroubleKind, bool)> {
            self.visit(&good(accepted), &End::Well)
        }
    }

    fn good(accepted: u64) -> Sight {
        let found = ["listing title", "post author"].map(str::to_owned).into();
        Sight { pages: 1, listed: 20, accepted, found, readable: 1, ..Sight::default() }
    }

    #[test]
    fn a_site_that_stops_posting_is_told_once_and_its_return_once() {
        let mut watch = Watch::new();
        for number in 0..200 {
            assert_eq!(watch.good(u64::from(number % 10 == 0)), []);
        }
        let mut told = Vec::new();
        for _ in 0..300 {
            told.extend(watch.good(0));
        }
        assert_eq!(told, [(TroubleKind::Quiet, true)]);
        assert!(
            watch.history.troubles()[&TroubleKind::Quiet].what.contains("10 min"),
            "{:?}",
            watch.history.troubles()
        );
        assert_eq!(watch.good(1), [(TroubleKind::Quiet, false)]);
    }

    #[test]
    fn a_page_that_changed_once_is_looked_at_whole_until_that_is_certain() {
        let mut watch = Watch::new();
        let empty = Sight { pages: 1, ..Sight::default() };
        assert!(!watch.history.doubts(&empty), "nothing was ever listed");
        watch.good(1);
        assert!(watch.history.doubts(&empty));
        let without = |field: &str| Sight { missing: [field.to_owned()].into(), ..good(0) };
        assert!(watch.history.doubts(&without("listing title")));
        assert!(!watch.history.doubts(&without("listing date")), "what never stood there is not missed");
    }

    #[test]
    fn time_that_was_not_watched_is_no_silence() {
        let mut watch = Watch::new();
        for _ in 0..20 {
            watch.good(1);
        }
        watch.now += 14 * 24 * 3600;
        assert_eq!(watch.good(0), []);
        assert!(watch.history.silence < 300);
    }

    #[test]
    fn a_place_of_which_little_is_known_is_not_called_quiet() {
        let mut watch = Watch::new();
        for _ in 0..5 {
            watch.good(1);
        }
        for _ in 0..3000 {
            assert_eq!(watch.good(0), []);
        }
        let now = Timestamp::from_second(watch.now + 60).unwrap();
        let own = watch.history.judge(now, &good(0), &End::Well, MINUTE, Some(Duration::from_secs(7200)));
        assert_eq!(own[0].kind, TroubleKind::Quiet);
    }

    #[test]
    fn a_field_that_disappears_is_a_changed_layout_and_one_that_never_was_is_not() {
        let mut watch = Watch::new();
        let never: BTreeSet<String> = ["post date".to_owned()].into();
        for _ in 0..10 {
            let sight = Sight { missing: never.clone(), ..good(1) };
            assert_eq!(watch.visit(&sight, &End::Well), []);
        }
        let gone = Sight {
            found: ["listing title".to_owned()].into(),
            missing: ["post author".to_owned(), "post date".to_owned()].into(),
            ..good(1)
        };
        let told: Vec<_> = (0..5).flat_map(|_| watch.visit(&gone, &End::Well)).collect();
        assert_eq!(told, [(TroubleKind::Layout, true)]);
        let what = &watch.history.troubles()[&TroubleKind::Layout].what;
        assert_eq!(what, "post author stands nowhere any more");
        assert_eq!(watch.good(1), [(TroubleKind::Layout, false)]);
    }

    #[test]
    fn pages_that_turn_into_something_else_are_a_changed_layout() {
        let mut watch = Watch::new();
        watch.good(1);
        let other = End::NotThePage("nothing on it is an item".into());
        let told: Vec<_> = (0..5).flat_map(|_| watch.visit(&Sight::default(), &other)).collect();
        assert_eq!(told, [(TroubleKind::Layout, true)]);
        // A visit that finds the listing unchanged says nothing about it.
        assert_eq!(watch.visit(&Sight::default(), &End::Well), []);
        assert_eq!(watch.good(0), [(TroubleKind::Layout, false)]);

        let empty = Sight { pages: 1, ..Sight::default() };
        let told: Vec<_> = (0..5).flat_map(|_| watch.visit(&empty, &End::Well)).collect();
        assert_eq!(told, [(TroubleKind::Layout, true)]);
    }

    #[test]
    fn visits_that_do_not_get_through_are_failing() {
        let mut watch = Watch::new();
        let fault = End::Fault("no connection".into());
        let told: Vec<_> = (0..5).map(|_| watch.visit(&Sight::default(), &fault).len()).collect();
        assert_eq!(told, [0, 0, 1, 0, 0]);
        assert_eq!(watch.good(0), [(TroubleKind::Failing, false)]);
        // What never was the right page is no change of it.
        let mut fresh = Watch::new();
        let other = End::NotThePage("it matches `invalid`".into());
        let told: Vec<_> = (0..4).flat_map(|_| fresh.visit(&Sight::default(), &other)).collect();
        assert_eq!(told, [(TroubleKind::Failing, true)]);
    }

    #[test]
    fn posts_are_counted_by_day() {
        let mut watch = Watch::new();
        watch.now = 1_800_000_000 / 86_400 * 86_400;
        for day in 0..40 {
            watch.visit(&good(10 + day), &End::Well);
            watch.now += 86_400 - 60;
        }
        let now = Timestamp::from_second(watch.now).unwrap();
        assert_eq!(watch.history.days.len(), DAYS);
        let (today, usual) = watch.history.posts_a_day(Timestamp::from_second(watch.now - 1).unwrap());
        assert_eq!(today, 49);
        assert!((usual.unwrap() - 34.5).abs() < 0.01, "{usual:?}");
        assert_eq!(watch.history.posts_a_day(now).0, 0);
    }

    #[test]
    fn it_survives_a_restart() {
        let mut watch = Watch::new();
        for _ in 0..5 {
            watch.visit(&Sight::default(), &End::Fault("x".into()));
        }
        let kept: History = serde_json::from_slice(&serde_json::to_vec(&watch.history).unwrap()).unwrap();
        assert_eq!(kept, watch.history);
        watch.history = kept;
        assert_eq!(watch.visit(&Sight::default(), &End::Fault("x".into())), [], "told before");
    }
}
