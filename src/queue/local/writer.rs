//! The thread that owns the spool. It takes whatever has been asked since the last commit, does it in one transaction,
//! and answers once that is on the disk: with many senders one fsync serves them all.
//!
//! A post that was out when the process died may be what killed it. Such a suspect is handed out alone, so that the
//! next crash points at it and not at its neighbours, and after [`CRASHES`] of them it is kept aside.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use super::{Shared, files, spool_error};
use crate::queue::settings::QueueSettings;
use crate::queue::{Quarantined, QueueError, Receipt, Refused, Sent};
use crate::store::StoreError;
use crate::store::sqlite::spool::{Payload, Spool, SpoolTx, SpooledPost};

/// Commands done in one transaction at most: bounds the wait of the first of them.
const GROUP: usize = 512;

/// Sealed bytes written in one transaction at most.
const GROUP_BYTES: u64 = 16 << 20;

/// Posts handed out ahead of being asked for, so that receivers do not wait for an fsync each.
const AHEAD: usize = 64;

/// Bytes held ahead at most, beside the last post taken.
const AHEAD_BYTES: u64 = 16 << 20;

/// A post that was out in so many crashes in a row is kept aside. More than the refusals allowed, because a crash may
/// be anybody's fault: a machine that is switched off five times in an hour must not cost a post.
const CRASHES: u32 = 20;

/// Where an answer goes.
pub type Reply<T> = oneshot::Sender<Result<T, QueueError>>;

/// What can be asked of the thread.
pub enum Command {
    Send {
        key: [u8; 32],
        bytes: u64,
        payload: Payload,
        reply: Reply<Sent>,
    },
    Receive {
        reply: Reply<Option<Lease>>,
    },
    Ack {
        seq: i64,
        reply: Reply<()>,
    },
    Nack {
        seq: i64,
        reason: String,
        reply: Reply<Refused>,
    },
    SetAside {
        seq: i64,
        reason: String,
        reply: Reply<()>,
    },
    /// A hand-out that reached nobody.
    Return {
        seq: i64,
    },
    ListAside {
        reply: Reply<Vec<Quarantined>>,
    },
    Release {
        seq: i64,
        reply: Reply<bool>,
    },
    Close,
    Stop,
}

/// A post on its way to a receiver; goes back if it is dropped on the way.
pub struct Lease {
    pub post: SpooledPost,
    returns: Option<Sender<Command>>,
}

impl Lease {
    /// It has arrived.
    pub fn keep(mut self) {
        self.returns = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(returns) = self.returns.take() {
            // A writer that is gone has no use for it: the spool still holds the post.
            let _ = returns.send(Command::Return { seq: self.post.seq });
        }
    }
}

pub struct Writer {
    spool: Spool,
    files: PathBuf,
    settings: QueueSettings,
    shared: Arc<Shared>,
    /// Handed to leases, to come back by.
    commands: Sender<Command>,
    /// The disk was full when last written to.
    full: bool,
    /// Every post up to this turn has been handed out, or settled.
    handed: i64,
    /// The last turn given.
    last_turn: i64,
    /// Posts that came back on their way.
    returned: Vec<i64>,
    /// Started, waiting for a receiver.
    ready: VecDeque<SpooledPost>,
    /// Posts handed out and not settled.
    out: std::collections::HashSet<i64>,
    /// The suspect that is out, alone.
    suspect: Option<i64>,
    receivers: VecDeque<Reply<Option<Lease>>>,
}

/// Tells whoever waits how a group ended.
type Answer = Box<dyn FnOnce(&mut Writer, Option<&QueueError>)>;

/// What is to be said and done once the transaction stands; dropped when it does not.
#[derive(Default)]
struct After {
    answers: Vec<Answer>,
    files: Vec<String>,
}

impl After {
    fn answer<T: 'static>(&mut self, reply: Reply<T>, value: T) {
        self.then(move |_, error| drop(reply.send(error.map_or(Ok(value), |e| Err(again(e))))));
    }

    fn then(&mut self, what: impl FnOnce(&mut Writer, Option<&QueueError>) + 'static) {
        self.answers.push(Box::new(what));
    }
}

/// One error, told to everybody in the group.
fn again(error: &QueueError) -> QueueError {
    match error {
        QueueError::Full => QueueError::Full,
        QueueError::Spool(source) => QueueError::Spool(source.clone()),
        _ => QueueError::Closed,
    }
}

fn failed(error: StoreError) -> QueueError {
    if matches!(error, StoreError::Full) { QueueError::Full } else { spool_error(error) }
}

impl Writer {
    pub fn new(
        spool: Spool,
        files: PathBuf,
        settings: QueueSettings,
        shared: Arc<Shared>,
        commands: Sender<Command>,
    ) -> Result<Self, StoreError> {
        let last_turn = spool.last_turn()?;
        let mut writer = Self {
            spool,
            files,
            settings,
            shared,
            commands,
            full: false,
            handed: 0,
            last_turn,
            returned: Vec::new(),
            ready: VecDeque::new(),
            out: std::collections::HashSet::new(),
            suspect: None,
            receivers: VecDeque::new(),
        };
        writer.forget_aside()?;
        Ok(writer)
    }

    /// Posts kept aside long enough are given up, with their files.
    fn forget_aside(&mut self) -> Result<(), StoreError> {
        let days = SignedDuration::from_hours(24 * i64::from(self.settings.quarantine_days));
        let before = Timestamp::now().checked_sub(days).unwrap_or(Timestamp::UNIX_EPOCH);
        let tx = self.spool.begin()?;
        let forgotten = tx.forget_aside(before)?;
        tx.commit()?;
        self.shared.depth().quarantined -= forgotten.len() as u64;
        for file in forgotten.into_iter().flatten() {
            files::remove(&self.files, &file);
        }
        Ok(())
    }

    /// Serves until told to stop.
    pub fn run(mut self, inbox: &Receiver<Command>) {
        while let Ok(first) = inbox.recv() {
            let mut group = vec![first];
            let mut bytes = 0;
            while group.len() < GROUP && bytes < GROUP_BYTES {
                let Ok(command) = inbox.try_recv() else { break };
                if let Command::Send { payload: Payload::Inline(sealed), .. } = &command {
                    bytes += sealed.len() as u64;
                }
                group.push(command);
            }
            let stop = group.iter().any(|command| matches!(command, Command::Stop));
            self.serve(group);
            if stop {
                return;
            }
        }
    }

    fn serve(&mut self, group: Vec<Command>) {
        let mut writes = Vec::new();
        for command in group {
            match command {
                Command::Receive { reply } => self.receivers.push_back(reply),
                Command::Return { seq } => self.take_back(seq),
                Command::ListAside { reply } => drop(reply.send(self.list_aside())),
                Command::Close | Command::Stop => {}
                command => writes.push(command),
            }
        }
        if self.shared.is_closed() {
            self.receivers.drain(..).for_each(|reply| drop(reply.send(Ok(None))));
        }
        // A receiver that stopped waiting must not have a post started for it.
        self.receivers.retain(|reply| !reply.is_closed());
        self.hand_over();
        if self.full {
            // What makes room goes first and by itself: a post that does not fit must not keep others from leaving.
            let (sends, settlements) = writes.into_iter().partition(|c| matches!(c, Command::Send { .. }));
            self.write(settlements);
            writes = sends;
        }
        if !writes.is_empty() {
            self.write(writes);
        }
        self.hand_over();
        // What was settled just now may have been what the next post waited for.
        if !self.receivers.is_empty() {
            self.write(Vec::new());
            self.hand_over();
        }
    }

    /// Does commands, and starts posts for who waits, in one transaction. All of them stand or none does.
    fn write(&mut self, writes: Vec<Command>) {
        let mut after = After::default();
        let (mut turn, mut handed) = (self.last_turn, self.handed);
        let mut started = Vec::new();
        let wanted = if self.suspect.is_some() { 0 } else { self.receivers.len() };
        let room = if wanted == 0 { 0 } else { (wanted + AHEAD).saturating_sub(self.ready.len()) };
        let done = (|| {
            let tx = self.spool.begin()?;
            for command in writes {
                apply(&tx, command, &mut turn, &self.settings, &mut after)?;
            }
            if room > 0 {
                started = start(&tx, &self.returned, self.out.is_empty(), room, &mut handed, &mut after)?;
            }
            tx.commit()
        })();
        let error = done.err().map(failed);
        self.full = matches!(error, Some(QueueError::Full));
        if error.is_none() {
            (self.last_turn, self.handed) = (turn, handed);
            if room > 0 {
                self.returned.clear();
            }
            for post in started {
                self.out.insert(post.seq);
                if post.starts >= SUSPICIOUS {
                    self.suspect = Some(post.seq);
                }
                self.ready.push_back(post);
            }
            after.files.iter().for_each(|file| files::remove(&self.files, file));
        }
        after.answers.into_iter().for_each(|answer| answer(self, error.as_ref()));
    }

    /// Gives what is ready to who waits.
    fn hand_over(&mut self) {
        while !self.ready.is_empty() {
            let Some(reply) = self.receivers.pop_front() else { return };
            let Some(post) = self.ready.pop_front() else { return };
            let lease = Lease { post, returns: Some(self.commands.clone()) };
            // A receiver that has gone away drops the lease, which comes back by itself.
            drop(reply.send(Ok(Some(lease))));
        }
    }

    fn take_back(&mut self, seq: i64) {
        if self.out.contains(&seq) {
            self.settled(seq);
            self.returned.push(seq);
        }
    }

    fn settled(&mut self, seq: i64) {
        self.out.remove(&seq);
        if self.suspect == Some(seq) {
            self.suspect = None;
        }
    }

    fn list_aside(&self) -> Result<Vec<Quarantined>, QueueError> {
        let aside = self.spool.aside().map_err(failed)?;
        let show = |post: crate::store::sqlite::spool::AsidePost| Quarantined {
            receipt: Receipt(post.seq),
            reason: post.reason,
            at: post.at,
            bytes: post.bytes,
        };
        Ok(aside.into_iter().map(show).collect())
    }
}

/// Unfinished hand-outs from which on a post is a suspect: the first crash marks whatever was out, which is much.
const SUSPICIOUS: u32 = 2;

/// Picks the next posts and notes that they are started. `alone`: nothing is out.
fn start(
    tx: &SpoolTx<'_>,
    returned: &[i64],
    alone: bool,
    room: usize,
    handed: &mut i64,
    after: &mut After,
) -> Result<Vec<SpooledPost>, StoreError> {
    let mut started: Vec<SpooledPost> = Vec::new();
    // What came back was started already and goes first.
    for seq in returned {
        tx.unstart(*seq)?;
        started.extend(tx.waiting(*seq)?);
    }
    if !started.iter().any(|post| post.starts >= SUSPICIOUS) {
        for post in tx.after(*handed, room, AHEAD_BYTES)? {
            if post.starts >= CRASHES {
                let reason = format!("vigie stopped {} times while it was being judged", post.starts);
                set_aside(tx, &post, &reason, after)?;
                *handed = post.turn;
                continue;
            }
            let suspicious = post.starts >= SUSPICIOUS;
            if suspicious && !(alone && started.is_empty()) {
                break;
            }
            *handed = post.turn;
            started.push(post);
            if suspicious {
                break;
            }
        }
    }
    for post in &started {
        tx.start(post.seq)?;
    }
    Ok(started)
}

fn set_aside(tx: &SpoolTx<'_>, post: &SpooledPost, reason: &str, after: &mut After) -> Result<(), StoreError> {
    tx.set_aside(post.seq, reason, Timestamp::now())?;
    let (seq, bytes) = (post.seq, post.bytes);
    after.then(move |writer, error| {
        if error.is_none() {
            writer.aside(seq, bytes);
        }
    });
    Ok(())
}

impl Writer {
    /// A post went from those waiting to those kept aside.
    fn aside(&mut self, seq: i64, bytes: u64) {
        self.settled(seq);
        self.shared.free(bytes);
        self.shared.depth().quarantined += 1;
    }
}

/// Does one writing command within the transaction; what depends on its success goes into `after`.
fn apply(
    tx: &SpoolTx<'_>,
    command: Command,
    turn: &mut i64,
    settings: &QueueSettings,
    after: &mut After,
) -> Result<(), StoreError> {
    match command {
        Command::Send { key, bytes, payload, reply } => {
            *turn += 1;
            let added = tx.insert(&key, *turn, bytes, &payload);
            let accepted = matches!(added, Ok(Some(_)));
            after.then(move |writer, error| {
                if error.is_some() || !accepted {
                    writer.shared.free(bytes);
                    if let Payload::File(name) = &payload {
                        files::remove(&writer.files, name);
                    }
                }
                let sent = if accepted { Sent::Accepted } else { Sent::AlreadyThere };
                drop(reply.send(error.map_or(Ok(sent), |e| Err(again(e)))));
            });
            added?;
        }
        Command::Ack { seq, reply } => {
            let removed = tx.remove(seq);
            let gone = removed.as_ref().ok().cloned().flatten();
            if let Some((_, Some(file))) = &gone {
                after.files.push(file.clone());
            }
            after.then(move |writer, error| {
                if let (None, Some((bytes, _))) = (error, gone) {
                    writer.settled(seq);
                    writer.shared.free(bytes);
                }
                drop(reply.send(error.map_or(Ok(()), |e| Err(again(e)))));
            });
            removed?;
        }
        Command::Nack { seq, reason, reply } => refuse(tx, seq, &reason, reply, turn, settings, after)?,
        Command::SetAside { seq, reason, reply } => {
            if let Some(post) = tx.waiting(seq)? {
                set_aside(tx, &post, &reason, after)?;
            }
            after.answer(reply, ());
        }
        Command::Release { seq, reply } => {
            *turn += 1;
            let released = tx.release(seq, *turn)?;
            after.then(move |writer, error| {
                if let (None, Some(bytes)) = (error, released) {
                    let mut depth = writer.shared.depth();
                    depth.quarantined = depth.quarantined.saturating_sub(1);
                    depth.posts += 1;
                    depth.bytes += bytes;
                }
                drop(reply.send(error.map_or(Ok(released.is_some()), |e| Err(again(e)))));
            });
        }
        Command::Receive { .. }
        | Command::Return { .. }
        | Command::ListAside { .. }
        | Command::Close
        | Command::Stop => {}
    }
    Ok(())
}

fn refuse(
    tx: &SpoolTx<'_>,
    seq: i64,
    reason: &str,
    reply: Reply<Refused>,
    turn: &mut i64,
    settings: &QueueSettings,
    after: &mut After,
) -> Result<(), StoreError> {
    *turn += 1;
    let refused = tx.refuse(seq, *turn, reason)?;
    let aside = matches!(refused, Some((refusals, _)) if refusals >= settings.max_attempts);
    if aside {
        tx.set_aside(seq, reason, Timestamp::now())?;
    }
    after.then(move |writer, error| {
        match (error, refused) {
            (None, Some((_, bytes))) if aside => writer.aside(seq, bytes),
            (None, _) => writer.settled(seq),
            (Some(_), _) => {}
        }
        let refused = if aside { Refused::Quarantined } else { Refused::Requeued };
        drop(reply.send(error.map_or(Ok(refused), |e| Err(again(e)))));
    });
    Ok(())
}
