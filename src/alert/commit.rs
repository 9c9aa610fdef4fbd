//! Committing verdicts: a thread takes whatever posts have been judged since the last commit, merges each into its
//! incident and writes all of it in one transaction, so that one fsync serves many posts.
//!
//! A verdict stands, and its post may be acknowledged, once [`Committer::commit`] has returned.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use tokio::sync::{Notify, oneshot};

use super::compose::Ratings;
use super::judged::{AlertChange, Judged};
use super::merge::{MergeRules, merge};
use super::route::{Heard, Routes};
use crate::model::{Alert, AlertId, AlertState, Change};
use crate::store::{FilteredSeen, Incident, IncidentTx, Incidents, Links, NewEntry, StoreError};
use crate::telemetry::events;

/// Posts per transaction at most: bounds the wait of the first of them.
const GROUP: usize = 256;

/// What verdicts are merged and routed by; replaced as a whole when watchlists or channels change.
#[derive(Debug, Clone, Default)]
pub struct Desk {
    /// From the watchlists.
    pub ratings: Ratings,
    /// From the channels' settings.
    pub routes: Routes,
    /// How posts are joined into incidents.
    pub rules: MergeRules,
}

/// Why a verdict does not stand. The post must not be acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The store could not keep it.
    #[error("the verdict could not be kept: {0}")]
    Store(#[source] Arc<StoreError>),
    /// The committer has stopped.
    #[error("verdicts are no longer taken")]
    Stopped,
}

type Reply = oneshot::Sender<Result<Option<AlertChange>, CommitError>>;

enum Command {
    Judged(Box<Judged>, Reply),
    Stop,
}

/// Takes judged posts and keeps their verdicts.
pub struct Committer {
    commands: Sender<Command>,
    desk: Arc<RwLock<Arc<Desk>>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the committing thread. `seen` hears of every post before its mark is committed; `wake` is told whenever
    /// entries have been put into the outbox.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        store: Arc<dyn Incidents>,
        seen: Arc<FilteredSeen>,
        desk: Desk,
        wake: Arc<Notify>,
    ) -> std::io::Result<Self> {
        let (commands, inbox) = channel();
        let desk = Arc::new(RwLock::new(Arc::new(desk)));
        let work = Work { store, seen, desk: Arc::clone(&desk), wake };
        let thread = std::thread::Builder::new().name("vigie-commit".into()).spawn(move || work.run(&inbox))?;
        Ok(Self { commands, desk, thread: Some(thread) })
    }

    /// Keeps a verdict. When this returns `Ok`, the alert, its outbox entries and the mark of the post are on the
    /// disk. Committing the same post again changes nothing.
    ///
    /// # Errors
    /// When the store fails; nothing of the post has been kept then.
    pub async fn commit(&self, judged: Judged) -> Result<Option<AlertChange>, CommitError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Judged(Box::new(judged), reply)).map_err(|_| CommitError::Stopped)?;
        answer.await.unwrap_or(Err(CommitError::Stopped))
    }

    /// Replaces what verdicts are merged and routed by, from the next group on.
    pub fn replace(&self, desk: Desk) {
        *self.desk.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(desk);
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic there has been told by the hook, and its transaction rolled back.
            let _ = thread.join();
        }
    }
}

struct Work {
    store: Arc<dyn Incidents>,
    seen: Arc<FilteredSeen>,
    desk: Arc<RwLock<Arc<Desk>>>,
    wake: Arc<Notify>,
}

impl Work {
    fn run(self, inbox: &Receiver<Command>) {
        while let Ok(Command::Judged(judged, reply)) = inbox.recv() {
            let mut group = vec![(judged, reply)];
            let mut stop = false;
            while group.len() < GROUP && !stop {
                match inbox.try_recv() {
                    Ok(Command::Judged(judged, reply)) => group.push((judged, reply)),
                    Ok(Command::Stop) => stop = true,
                    Err(_) => break,
                }
            }
            self.serve(group);
            if stop {
                return;
            }
        }
    }

    fn serve(&self, group: Vec<(Box<Judged>, Reply)>) {
        let desk = Arc::clone(&self.desk.read().unwrap_or_else(PoisonError::into_inner));
        let (posts, replies): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        match self.write(&posts, &desk) {
            Ok(changes) => self.answer(changes, replies),
            // One post that cannot be kept must not hold up the others: each by itself, if that makes a difference.
            Err(error) if posts.len() > 1 && !error.is_transient() => {
                for (post, reply) in posts.into_iter().zip(replies) {
                    self.serve(vec![(post, reply)]);
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                replies.into_iter().for_each(|reply| drop(reply.send(Err(CommitError::Store(Arc::clone(&error))))));
            }
        }
    }

    /// What each post changed, its own alert first.
    fn write(&self, posts: &[Box<Judged>], desk: &Desk) -> Result<Vec<Vec<AlertChange>>, StoreError> {
        posts.iter().for_each(|judged| self.seen.note(&judged.post.id));
        let mut changes: Vec<Vec<AlertChange>> = Vec::new();
        self.store.transact(&mut |tx| {
            changes.clear();
            for judged in posts {
                let merged = merge(tx, judged, &desk.ratings, desk.rules)?;
                for (change, alert) in &merged {
                    enqueue(tx, alert, change.change, &desk.routes)?;
                }
                changes.push(merged.into_iter().map(|(change, _)| change).collect());
            }
            Ok(())
        })?;
        Ok(changes)
    }

    fn answer(&self, changes: Vec<Vec<AlertChange>>, replies: Vec<Reply>) {
        if changes.iter().any(|of_post| !of_post.is_empty()) {
            self.wake.notify_one();
        }
        for (of_post, reply) in changes.into_iter().zip(replies) {
            for change in &of_post {
                match change.change {
                    Change::Raised => events::alert_raised(change.alert, change.verdict),
                    _ => events::alert_updated(change.alert, change.revision),
                }
            }
            drop(reply.send(Ok(of_post.first().copied())));
        }
    }
}

fn enqueue(tx: &mut dyn IncidentTx, alert: &Alert, change: Change, routes: &Routes) -> Result<(), StoreError> {
    let now = jiff::Timestamp::now();
    let told = tx.told(alert.id, now)?;
    let heard = |channel: &str| match told.get(channel) {
        None => Heard::Nothing,
        Some(false) => Heard::Waiting,
        Some(true) => Heard::Told,
    };
    for (channel, change, due) in routes.of(alert, change, heard, now) {
        let channel = channel.to_owned();
        tx.enqueue(&NewEntry { alert: alert.id, revision: alert.revision, channel, change, due })?;
    }
    Ok(())
}

/// Keeps that somebody has taken or closed an alert, and tells the channels that heard of it. `None` when there is no
/// such alert, or nothing to change.
///
/// # Errors
/// When the store fails.
pub fn set_state(
    store: &dyn Incidents,
    id: AlertId,
    state: AlertState,
    routes: &Routes,
    at: jiff::Timestamp,
) -> Result<Option<Alert>, StoreError> {
    let mut changed = None;
    store.transact(&mut |tx| {
        changed = None;
        let Some(Incident { mut alert, documents }) = tx.incident(id)? else { return Ok(()) };
        if alert.state == state {
            return Ok(());
        }
        alert.state = state;
        alert.revision += 1;
        alert.updated_at = at;
        tx.save(&Incident { alert: alert.clone(), documents }, &Links::default())?;
        let change = match state {
            AlertState::Open => Change::Updated,
            AlertState::Acknowledged => Change::Acknowledged,
            AlertState::Closed => Change::Closed,
        };
        enqueue(tx, &alert, change, routes)?;
        changed = Some(alert);
        Ok(())
    })?;
    Ok(changed)
}
