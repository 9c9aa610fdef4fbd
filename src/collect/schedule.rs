//! When a site is visited: at its interval, spread so that sites do not come in step, closer when there is news, further
//! apart when there is trouble.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until};

use super::coverage::{History, TroubleKind};
use super::cursor::Memory;
use super::intake::Intake;
use super::settings::Source;
use super::visit::{Between, Outcome, Stop, Visitor};
use crate::telemetry::events;

/// First visits after a start are spread over this long, or over the interval if that is shorter.
const SPREAD: Duration = Duration::from_secs(10);
/// A site in trouble is tried again at the latest after this long, or after its interval if that is longer.
const MAX_TROUBLE: Duration = Duration::from_mins(10);

/// Visits a site again and again until it is to stop.
pub(super) async fn keep_visiting<I: Intake>(visitor: Visitor<I>) {
    let site = &visitor.site;
    let memory = Memory::from_cursor(visitor.intake.load_cursor(&site.id).await);
    // What was wrong before the start is still wrong until a visit says otherwise.
    for kind in TroubleKind::ALL {
        events::site_troubled(&site.id, kind.name(), memory.history.troubles().contains_key(&kind));
    }
    let mut between = Between { memory, ..Between::default() };
    let mut pace = Pace::new(site.interval, site.max_interval);
    let mut due = Instant::now() + site.interval.min(SPREAD).mul_f64(random());
    loop {
        note_due(&visitor, due);
        tokio::select! {
            biased;
            () = visitor.stop.cancelled() => return,
            () = sleep_until(due) => {}
        }
        let (began, started) = (visitor.now(), Instant::now());
        visitor.health.update(&site.id, |health| {
            health.visits += 1;
            health.last_visit = Some(began);
        });
        // A bug met on one site's page ends that visit, not the watch on the site.
        let outcome = AssertUnwindSafe(visitor.visit(&mut between)).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| {
            tracing::error!(site = %site.id, "visit panicked");
            let fault = Stop::Page(super::page::Unreadable::NotValid("reading it panicked"));
            Outcome { fault: Some(fault), ..Outcome::default() }
        });
        if matches!(outcome.fault, Some(Stop::Cancelled)) || visitor.stop.is_cancelled() {
            return;
        }
        note_outcome(&visitor, &mut between, &outcome).await;
        let now = Instant::now();
        due = pace.next(due, now, &outcome, random());
        match &outcome.fault {
            None => {
                let accepted = usize::try_from(outcome.sight.accepted).unwrap_or(usize::MAX);
                events::site_polled(&site.id, outcome.sight.listed, accepted, now - started);
            }
            Some(fault) => events::site_failed(&site.id, fault, due.saturating_duration_since(now)),
        }
    }
}

fn note_due<I>(visitor: &Visitor<I>, due: Instant) {
    let wait = due.saturating_duration_since(Instant::now());
    let at = jiff::SignedDuration::try_from(wait).ok().and_then(|wait| ((visitor.clock)()).checked_add(wait).ok());
    visitor.health.update(&visitor.site.id, |health| health.next_visit = at);
}

/// Holds the visit against the site's history, tells what has changed, and keeps it.
async fn note_outcome<I: Intake>(visitor: &Visitor<I>, between: &mut Between, outcome: &Outcome) {
    let (now, site) = (visitor.now(), &visitor.site);
    let memory = &mut between.memory;
    // Requests that a host refuses for a while can keep a site away for longer than its own interval.
    let longest = site.max_interval.max(MAX_TROUBLE);
    // Nobody drops files in a folder by the clock: its silence is told only where a limit is set.
    let by_hand = matches!(site.source, Source::Inbox(_));
    let quiet_after = site.quiet_after.or(by_hand.then_some(Duration::ZERO));
    let changes = memory.history.judge(now, &outcome.sight, &outcome.end(), longest, quiet_after);
    for change in &changes {
        events::site_trouble(&site.id, change.kind.name(), change.began.as_deref());
    }
    if !changes.is_empty() || outcome.sight.accepted > 0 {
        // Should that fail, the history is a visit short: nothing that is worth stopping for.
        let _ = visitor.intake.save_cursor(&site.id, &memory.to_cursor()).await;
    }
    note_health(visitor, between, outcome, now);
}

fn note_health<I: Intake>(visitor: &Visitor<I>, between: &Between, outcome: &Outcome, now: jiff::Timestamp) {
    let waiting = between.memory.entries.values().filter(|seen| !seen.whole || seen.tries > 0).count() as u64;
    let history: &History = &between.memory.history;
    let (today, usual) = history.posts_a_day(now);
    visitor.health.update(&visitor.site.id, |health| {
        health.waiting = waiting;
        (health.posts_today, health.posts_a_day) = (today, usual);
        health.troubles = history.troubles().iter().map(|(kind, trouble)| (kind.name(), trouble.clone())).collect();
        health.deleted = between.memory.deleted.iter().cloned().collect();
        match &outcome.fault {
            None => {
                health.last_success = Some(now);
                health.failures = 0;
                health.last_error.clear();
            }
            Some(fault) => {
                health.failures = health.failures.saturating_add(1);
                health.last_error = fault.to_string();
                *health.errors.entry(fault.kind()).or_default() += 1;
            }
        }
    });
}

/// The rhythm of one site.
struct Pace {
    interval: Duration,
    max_interval: Duration,
    current: Duration,
    failures: u32,
}

impl Pace {
    fn new(interval: Duration, max_interval: Duration) -> Self {
        Self { interval, max_interval, current: interval, failures: 0 }
    }

    /// When the next visit is due; `random` is drawn from 0 to 1.
    fn next(&mut self, due: Instant, now: Instant, outcome: &Outcome, random: f64) -> Instant {
        let Some(fault) = &outcome.fault else {
            self.failures = 0;
            let quiet = outcome.sight.accepted == 0;
            self.current = if quiet { self.current.mul_f64(1.25).min(self.max_interval) } else { self.interval };
            // Counted from when the visit was due, so that visits keep their rhythm however long they take.
            return (due + self.current.mul_f64(0.95 + 0.1 * random)).max(now);
        };
        // A visit that brought something was not in vain, whatever ended it.
        self.failures = if outcome.sight.accepted > 0 { 1 } else { self.failures.saturating_add(1) };
        let longest = self.interval.max(MAX_TROUBLE);
        let pause = self.interval.saturating_mul(1 << (self.failures - 1).min(20)).min(longest);
        let pause = pause.mul_f64(0.75 + 0.5 * random);
        now + pause.max(fault.wait().unwrap_or_default())
    }
}

/// A number from 0 to 1.
fn random() -> f64 {
    let mut bytes = [0_u8; 4];
    // Without entropy the spreading is lost, nothing else.
    getrandom::fill(&mut bytes).map_or(0.5, |()| f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::coverage::Sight;
    use crate::net::NetError;

    const MINUTE: Duration = Duration::from_secs(60);

    fn fault(wait: Option<Duration>) -> Outcome {
        let error = NetError::Status { host: "x.example".into(), status: 429, retry_after: wait };
        Outcome { fault: Some(Stop::Net(error)), ..Outcome::default() }
    }

    #[test]
    fn visits_keep_their_rhythm() {
        let mut pace = Pace::new(MINUTE, MINUTE);
        let due = Instant::now();
        let next = pace.next(due, due + Duration::from_secs(20), &Outcome::default(), 0.5);
        assert_eq!(next, due + MINUTE);
        let late = due + 3 * MINUTE;
        assert_eq!(pace.next(due, late, &Outcome::default(), 0.5), late);
    }

    #[test]
    fn quiet_places_are_visited_less_and_busy_ones_at_once_more() {
        let mut pace = Pace::new(MINUTE, 10 * MINUTE);
        let due = Instant::now();
        for _ in 0..50 {
            pace.next(due, due, &Outcome::default(), 0.5);
        }
        assert_eq!(pace.next(due, due, &Outcome::default(), 0.5), due + 10 * MINUTE);
        assert_eq!(
            pace.next(
                due,
                due,
                &Outcome { sight: Sight { accepted: 1, ..Sight::default() }, ..Outcome::default() },
                0.5
            ),
            due + MINUTE
        );
    }

    #[test]
    fn trouble_spreads_visits_up_to_a_limit_and_the_host_s_wish_is_kept() {
        let mut pace = Pace::new(MINUTE, MINUTE);
        let now = Instant::now();
        let pauses: Vec<Duration> = (0..8).map(|_| pace.next(now, now, &fault(None), 0.5) - now).collect();
        assert!(pauses.windows(2).all(|w| w[0] <= w[1]), "{pauses:?}");
        assert_eq!((pauses[0], pauses[1], pauses[7]), (MINUTE, 2 * MINUTE, MAX_TROUBLE));
        let hour = 60 * MINUTE;
        assert_eq!(pace.next(now, now, &fault(Some(hour)), 0.5), now + hour);
        assert_eq!(pace.next(now, now, &Outcome::default(), 0.5), now + MINUTE);
    }
}
