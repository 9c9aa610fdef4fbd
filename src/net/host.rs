//! What is remembered of a host between requests: one connection at a time, the pause it wants, its robots.txt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use url::Url;

use super::robots::RobotsCache;

/// The longest pause a host can impose with `Retry-After`.
pub(super) const MAX_WAIT: Duration = Duration::from_hours(24);
/// First pause after a 429 or 503 that does not say how long; doubles up to [`MAX_BACK_OFF`].
const FIRST_BACK_OFF: Duration = Duration::from_secs(5);
const MAX_BACK_OFF: Duration = Duration::from_hours(1);
/// Above this many hosts, those that are idle and owed nothing are forgotten.
const MANY_HOSTS: usize = 4096;

/// One host and port.
pub(super) struct HostState {
    gate: Arc<Semaphore>,
    pub(super) robots: RobotsCache,
    times: Mutex<Times>,
}

#[derive(Default)]
struct Times {
    not_before: Option<Instant>,
    refusals: u32,
    last: Option<Instant>,
}

/// The right to use the one connection to a host; the pause before the next request runs from its drop.
pub(super) struct Turn {
    host: Arc<HostState>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.host.times().last = Some(Instant::now());
    }
}

impl HostState {
    fn new() -> Self {
        Self { gate: Arc::new(Semaphore::new(1)), robots: RobotsCache::default(), times: Mutex::default() }
    }

    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        // The lock guards three plain values: a panic elsewhere cannot leave them half-written.
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much longer the host wants to be left alone.
    pub(super) fn wait(&self) -> Option<Duration> {
        let not_before = self.times().not_before?;
        not_before.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
    }

    /// Waits for the host's connection to be free and for the pause since its last use to be over.
    pub(super) async fn turn(self: &Arc<Self>, gap: Duration) -> Turn {
        let permit = Arc::clone(&self.gate).acquire_owned().await.expect("the gate is never closed");
        let last = self.times().last;
        if let Some(last) = last {
            tokio::time::sleep_until(last + gap).await;
        }
        Turn { host: Arc::clone(self), _permit: permit }
    }

    /// Notes an answer: a 429 or 503 opens a pause, anything else ends the series. Returns the pause.
    pub(super) fn note(&self, status: u16, retry_after: Option<Duration>) -> Option<Duration> {
        let mut times = self.times();
        if !matches!(status, 429 | 503) {
            times.refusals = 0;
            return None;
        }
        let back_off = FIRST_BACK_OFF.saturating_mul(1 << times.refusals.min(10)).min(MAX_BACK_OFF);
        times.refusals += 1;
        // What the host says is its wish to the second; what we guess is spread so that clients do not come in step.
        let wait = retry_after.map_or_else(|| jittered(back_off), |asked| asked.min(MAX_WAIT));
        times.not_before = Some(Instant::now() + wait);
        Some(wait)
    }

    fn forgettable(&self) -> bool {
        let recent = self.times().last.is_some_and(|last| last.elapsed() < MAX_BACK_OFF);
        !recent && self.wait().is_none()
    }
}

/// A duration between three quarters of `base` and five quarters, drawn anew at each call.
pub(super) fn jittered(base: Duration) -> Duration {
    let mut bytes = [0_u8; 4];
    // Without entropy the jitter is lost, nothing else.
    let drawn =
        getrandom::fill(&mut bytes).map_or(0.5, |()| f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX));
    base.mul_f64(0.75 + drawn / 2.0)
}

/// All hosts that were asked lately.
#[derive(Default)]
pub(super) struct Hosts(Mutex<HashMap<String, Arc<HostState>>>);

impl Hosts {
    /// The state of the host of `url`, made on first sight. Ports count as hosts: they are different servers.
    pub(super) fn of(&self, url: &Url) -> Arc<HostState> {
        let key = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MANY_HOSTS && !hosts.contains_key(&key) {
            hosts.retain(|_, host| Arc::strong_count(host) > 1 || !host.forgettable());
        }
        Arc::clone(hosts.entry(key).or_insert_with(|| Arc::new(HostState::new())))
    }
}

/// Reads `Retry-After`: seconds, or an HTTP date (RFC 9110, 10.2.3).
pub(super) fn retry_after(value: &str, now: std::time::SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after(" Sun, 06 Nov 1994 08:50:37 GMT ", now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_without_retry_after_back_off_further_each_time() {
        let host = HostState::new();
        let first = host.note(429, None).unwrap();
        let second = host.note(429, None).unwrap();
        let third = host.note(503, None).unwrap();
        assert!(first < second && second < third, "{first:?} {second:?} {third:?}");
        assert!(host.wait().is_some());
        tokio::time::advance(third).await;
        assert_eq!(host.wait(), None);
        assert_eq!(host.note(200, None), None);
        assert!(host.note(429, None).unwrap() < second);
        assert_eq!(host.note(429, Some(Duration::from_secs(7))), Some(Duration::from_secs(7)));
        assert_eq!(host.note(429, Some(Duration::from_secs(u64::MAX))), Some(MAX_WAIT));
    }
}
