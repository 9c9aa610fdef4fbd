//! Delivering the outbox: a task for each channel, so that one which hangs delays no other.
//!
//! An entry is settled after the receiver's answer: a crash in between repeats the delivery, and receivers that know
//! the notice's key recognise it. Entries of one alert come one after another (the store hands out none while an
//! earlier one is pending); several alerts are told at a time.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::channel::{Channel, DeliveryError, Notice, Receipt};
use super::settings::ChannelSettings;
use crate::model::{Alert, AlertId, AlertState, Change};
use crate::store::{OutboxEntry, Outcome, Settlement, Store, StoreError};
use crate::telemetry::events;

/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause, unless the receiver asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The longest a receiver is believed when it asks for patience.
const LONGEST_ASKED: Duration = Duration::from_secs(6 * 3600);

/// How often the outbox is looked at without being told to: other processes write to it too (`vigie alerts ack`).
const LOOK: Duration = Duration::from_secs(2);

/// How long deliveries that are under way may take once everything stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Alerts told in one digest; the rest of a bad day follows in another.
const IN_A_DIGEST: usize = 500;

/// A channel with its settings.
pub type ChannelPair = (ChannelSettings, Arc<dyn Channel>);

/// The running delivery of the outbox.
pub struct Deliveries {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Deliveries {
    /// Starts delivering. `wake` is told by whoever commits entries.
    #[must_use]
    pub fn start(store: Arc<dyn Store>, channels: Vec<ChannelPair>, wake: Arc<Notify>) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let mut bells = BTreeMap::new();
        for (settings, channel) in channels {
            let bell = Arc::new(Notify::new());
            bells.insert(settings.name.clone(), Arc::clone(&bell));
            let lane = Lane { store: Arc::clone(&store), settings, channel, bell, stop: stop.clone() };
            tasks.spawn(lane.run());
        }
        tasks.spawn(ring(store, bells, wake, stop.clone()));
        Self { tasks, stop }
    }

    /// Starts nothing new, lets what is under way come to its end for a moment, and returns. What is not delivered by
    /// then is at the next start.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Watches the outbox and rings at the channels that have something due. The only task that wakes up by itself: a
/// hundred idle channels cost one look together.
async fn ring(store: Arc<dyn Store>, bells: BTreeMap<String, Arc<Notify>>, wake: Arc<Notify>, stop: CancellationToken) {
    loop {
        let look = Arc::clone(&store);
        let due = tokio::task::spawn_blocking(move || (look.next_due(), look.outbox_counts())).await;
        if let Ok((due, counts)) = due {
            if let Ok((pending, _)) = counts {
                events::outbox_pending(pending);
            }
            let now = Timestamp::now();
            for (channel, at) in due.unwrap_or_default() {
                match bells.get(&channel) {
                    Some(bell) if at <= now => bell.notify_one(),
                    Some(_) => {}
                    None => give_up_unknown(&store, &channel).await,
                }
            }
        }
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Entries for a channel that the configuration no longer has become dead letters: visible, and revived by hand once
/// there is a channel of that name again.
async fn give_up_unknown(store: &Arc<dyn Store>, channel: &str) {
    let (store, channel) = (Arc::clone(store), channel.to_owned());
    let given_up = tokio::task::spawn_blocking(move || {
        let entries = store.due(&channel, Timestamp::MAX, 1_000)?;
        let reason = "no channel of this name is configured any more; hint: vigie alerts retry".to_owned();
        let dead = |(entry, _): &(OutboxEntry, Alert)| settlement(entry, Outcome::Dead { reason: reason.clone() });
        store.settle(&entries.iter().map(dead).collect::<Vec<_>>())
    });
    // Tried again at the next look.
    let _ = given_up.await;
}

fn settlement(entry: &OutboxEntry, outcome: Outcome) -> Settlement {
    Settlement {
        alert: entry.alert,
        revision: entry.revision,
        channel: entry.channel.clone(),
        outcome,
        at: Timestamp::now(),
    }
}

/// One channel's deliveries.
struct Lane {
    store: Arc<dyn Store>,
    settings: ChannelSettings,
    channel: Arc<dyn Channel>,
    bell: Arc<Notify>,
    stop: CancellationToken,
}

/// A delivery under way: the entries it is for (several for a digest), and how it ended.
type Attempt<'l> = BoxFuture<'l, Ended>;

type Ended = (Vec<OutboxEntry>, Outcome);

impl Lane {
    async fn run(self) {
        let mut under_way: FuturesUnordered<Attempt<'_>> = FuturesUnordered::new();
        let mut alerts = HashSet::new();
        loop {
            // Whatever woke us, there may be something to begin.
            if under_way.len() < self.settings.parallel && !self.stop.is_cancelled() {
                self.begin(&mut under_way, &mut alerts).await;
            }
            tokio::select! {
                Some(first) = under_way.next() => self.finish(first, &mut under_way, &mut alerts).await,
                () = self.bell.notified() => {}
                () = self.stop.cancelled() => break,
            }
        }
        let rest = async {
            while let Some(first) = under_way.next().await {
                self.finish(first, &mut under_way, &mut alerts).await;
            }
        };
        // What does not end in time is dropped and told again at the next start.
        let _ = tokio::time::timeout(DRAIN, rest).await;
    }

    /// Begins as many deliveries as there is room for.
    async fn begin<'l>(&'l self, under_way: &mut FuturesUnordered<Attempt<'l>>, alerts: &mut HashSet<AlertId>) {
        // Those under way are still due: they come along and are passed over.
        let wanted = self.settings.parallel + under_way.len();
        let (store, name) = (Arc::clone(&self.store), self.settings.name.clone());
        let due = tokio::task::spawn_blocking(move || store.due(&name, Timestamp::now(), wanted)).await;
        let Ok(Ok(due)) = due else {
            // The store says so itself wherever it is written to; here it is asked again at the next look.
            return;
        };
        if due.iter().any(|(entry, _)| entry.change == Change::Digest) {
            self.begin_digest(under_way, alerts).await;
        }
        for (entry, alert) in due.into_iter().filter(|(entry, _)| entry.change != Change::Digest) {
            if under_way.len() < self.settings.parallel && alerts.insert(entry.alert) {
                under_way.push(Box::pin(self.attempt(entry, alert)));
            }
        }
    }

    /// Begins the digest that is due: everything that waited for this hour, in one message.
    async fn begin_digest<'l>(&'l self, under_way: &mut FuturesUnordered<Attempt<'l>>, alerts: &mut HashSet<AlertId>) {
        let (store, name) = (Arc::clone(&self.store), self.settings.name.clone());
        let due = tokio::task::spawn_blocking(move || store.due(&name, Timestamp::now(), IN_A_DIGEST)).await;
        // Asked again at the next look, like everything else.
        let Ok(Ok(due)) = due else { return };
        let due = due.into_iter().filter(|(entry, _)| entry.change == Change::Digest && alerts.insert(entry.alert));
        let (entries, told): (Vec<_>, Vec<_>) = due.unzip();
        if !entries.is_empty() {
            under_way.push(Box::pin(self.attempt_digest(entries, told)));
        }
    }

    async fn attempt(&self, entry: OutboxEntry, alert: Alert) -> Ended {
        if entry.change == Change::Escalated && !self.still_open(entry.alert).await {
            let reason = "acknowledged in time".to_owned();
            return (vec![entry], Outcome::Dropped { reason });
        }
        let notice = Notice::new(alert, entry.change, entry.reference.clone(), self.settings.clearance);
        let outcome = self.outcome(&entry, self.deliver(&notice).await);
        (vec![entry], outcome)
    }

    async fn attempt_digest(&self, entries: Vec<OutboxEntry>, alerts: Vec<Alert>) -> Ended {
        let notice = Notice::digest(alerts, self.settings.clearance);
        let delivered = self.deliver(&notice).await;
        let outcome = match self.outcome(&entries[0], delivered) {
            // What the receiver calls the digest is not what it calls any of its alerts.
            Outcome::Delivered { .. } => Outcome::Delivered { reference: None },
            other => other,
        };
        (entries, outcome)
    }

    async fn deliver(&self, notice: &Notice) -> Result<Receipt, DeliveryError> {
        let delivered = tokio::time::timeout(self.settings.timeout, self.channel.deliver(notice)).await;
        let late = |_| DeliveryError::retry(format!("no answer within {} s", self.settings.timeout.as_secs()));
        delivered.unwrap_or_else(|e| Err(late(e)))
    }

    async fn still_open(&self, id: AlertId) -> bool {
        let store = Arc::clone(&self.store);
        let alert = tokio::task::spawn_blocking(move || store.alert(id)).await;
        // In doubt somebody is woken.
        !matches!(alert, Ok(Ok(Some(alert))) if alert.state != AlertState::Open)
    }

    fn outcome(&self, entry: &OutboxEntry, delivered: Result<Receipt, DeliveryError>) -> Outcome {
        let (channel, alert) = (&self.settings.name, entry.alert);
        let error = match delivered {
            Ok(receipt) => {
                events::alert_delivered(channel, alert, entry.revision);
                return Outcome::Delivered { reference: receipt.reference };
            }
            Err(error) => error,
        };
        let reason: String = super::escape::line(&error.to_string(), 500);
        let age = Timestamp::now().duration_since(entry.created_at).unsigned_abs();
        match &error {
            DeliveryError::Retry { after, .. } if age < self.settings.give_up_after => {
                let pause = pause(entry.attempts, *after);
                events::delivery_retried(channel, alert, &error, pause);
                let at = Timestamp::now().checked_add(SignedDuration::try_from(pause).unwrap_or_default());
                Outcome::Retry { at: at.unwrap_or(Timestamp::MAX), reason }
            }
            _ => {
                events::delivery_dead(channel, alert, &error);
                Outcome::Dead { reason }
            }
        }
    }

    /// Settles what has ended, all at once: with many deliveries one fsync serves several.
    async fn finish<'l>(
        &'l self,
        first: Ended,
        under_way: &mut FuturesUnordered<Attempt<'l>>,
        alerts: &mut HashSet<AlertId>,
    ) {
        let mut ended = vec![first];
        while let Some(Some(next)) = futures_util::FutureExt::now_or_never(under_way.next()) {
            ended.push(next);
        }
        let each = |(entries, outcome): &Ended| -> Vec<_> {
            entries.iter().map(|entry| settlement(entry, outcome.clone())).collect()
        };
        let settlements: Vec<_> = ended.iter().flat_map(each).collect();
        while let Err(error) = self.settle(settlements.clone()).await {
            // Beginning anything else now would only repeat it after a crash.
            tracing::error!(event = "outbox.not_settled", channel = self.settings.name, error = %events::Chain(&error),
                "what was delivered cannot be noted");
            tokio::select! {
                () = tokio::time::sleep(FIRST_PAUSE) => {}
                () = self.stop.cancelled() => return,
            }
        }
        for entry in ended.iter().flat_map(|(entries, _)| entries) {
            alerts.remove(&entry.alert);
        }
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), StoreError> {
        let store = Arc::clone(&self.store);
        let settled = tokio::task::spawn_blocking(move || store.settle(&settlements)).await;
        settled.unwrap_or_else(|e| Err(StoreError::Backend(Box::new(e))))
    }
}

/// The pause before the next try: doubled each time, with jitter so that the receivers of a machine that comes back
/// are not met by everything at once; never less than the receiver asked for.
fn pause(attempts: u32, asked: Option<Duration>) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << attempts.min(12)).min(LONGEST_PAUSE);
    let mut drawn = [0; 2];
    // Without randomness everybody waits the same, which is only less kind.
    let _ = getrandom::fill(&mut drawn);
    let share = f64::from(u16::from_be_bytes(drawn)) / f64::from(u16::MAX);
    let pause = longest.mul_f64(0.5 + share / 2.0);
    asked.map_or(pause, |asked| asked.min(LONGEST_ASKED).max(pause))
}

#[cfg(test)]
mod tests;
