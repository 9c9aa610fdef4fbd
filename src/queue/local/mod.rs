//! The queue on one machine: a sealed SQLite spool written by one thread, which groups what everybody asks for into
//! one transaction per fsync.
//!
//! Leases live in memory: whoever crashes lets go of everything. What must outlive a crash is how often a post was
//! out when it happened, so that a post which kills the process is kept aside in the end ([`writer`]).

mod files;
mod writer;

use std::io::Read;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, oneshot};

use super::settings::QueueSettings;
use super::{Cause, Delivery, Depth, Quarantined, Queue, QueueError, Receipt, Refused, Sent, SpoolKey, seal, wire};
use crate::model::Post;
use crate::store::StoreError;
use crate::store::sqlite::spool::{Payload, Spool, SpooledPost};
use writer::{Command, Reply};

/// Posts above this many bytes lie in files of their own: SQLite would copy them through its log.
const INLINE: usize = 1 << 20;

/// The local queue.
pub struct LocalQueue {
    commands: Sender<Command>,
    shared: Arc<Shared>,
    files: PathBuf,
    /// The first seals; all open.
    keys: Arc<[SpoolKey]>,
    settings: QueueSettings,
    writer: Option<JoinHandle<()>>,
}

/// What callers and the writing thread both see.
struct Shared {
    depth: Mutex<Depth>,
    /// Told whenever room was made.
    room: Notify,
    closed: std::sync::atomic::AtomicBool,
}

impl Shared {
    fn depth(&self) -> std::sync::MutexGuard<'_, Depth> {
        self.depth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.closed.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Room taken for a post is given back.
    fn free(&self, bytes: u64) {
        let mut depth = self.depth();
        depth.posts = depth.posts.saturating_sub(1);
        depth.bytes = depth.bytes.saturating_sub(bytes);
        drop(depth);
        self.room.notify_waiters();
    }
}

/// Gives the room back unless the post was accepted.
struct Room<'q> {
    shared: &'q Shared,
    bytes: u64,
    kept: bool,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.shared.free(self.bytes);
        }
    }
}

impl LocalQueue {
    /// Opens the spool, removes what a crash left behind, and starts the writing thread. The first key seals, all of
    /// them open (during a rotation the former key comes second).
    ///
    /// # Errors
    /// When the folder or the spool cannot be opened, or no key is given.
    pub fn open(settings: QueueSettings, keys: Vec<SpoolKey>) -> Result<Self, QueueError> {
        Self::open_with(settings, keys, |_| {})
    }

    fn open_with(
        settings: QueueSettings,
        keys: Vec<SpoolKey>,
        prepare: impl FnOnce(&Spool),
    ) -> Result<Self, QueueError> {
        let folder = settings.folder.clone();
        let open_failed =
            |source: Box<dyn std::error::Error + Send + Sync>| QueueError::Open { path: folder.clone(), source };
        if keys.is_empty() {
            return Err(open_failed("no key to seal posts with".into()));
        }
        let files = files::prepare(&settings.folder).map_err(|e| open_failed(Box::new(e)))?;
        let spool = Spool::open(&settings.folder.join("spool.db")).map_err(|error| match error {
            StoreError::NewerSchema { found, known } => QueueError::NewerFormat { found, known },
            error => open_failed(Box::new(error)),
        })?;
        prepare(&spool);
        files::sweep(&files, &spool).map_err(open_failed)?;
        let (posts, bytes, quarantined) = spool.totals().map_err(|e| open_failed(Box::new(e)))?;
        let shared = Arc::new(Shared {
            depth: Mutex::new(Depth { posts, bytes, quarantined }),
            room: Notify::new(),
            closed: false.into(),
        });
        let (commands, inbox) = mpsc::channel();
        let writer = writer::Writer::new(spool, files.clone(), settings.clone(), Arc::clone(&shared), commands.clone())
            .map_err(|e| open_failed(Box::new(e)))?;
        let writer = std::thread::Builder::new().name("vigie-queue".into()).spawn(move || writer.run(&inbox));
        let writer = Some(writer.map_err(|e| open_failed(Box::new(e)))?);
        Ok(Self { commands, shared, files, keys: keys.into(), settings, writer })
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, QueueError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| QueueError::Closed)?;
        answer.await.unwrap_or(Err(QueueError::Closed))
    }

    /// Waits until the queue has room for a post of `bytes` and takes it.
    async fn take_room(&self, bytes: u64) -> Result<Room<'_>, QueueError> {
        if bytes > self.settings.max_bytes {
            return Err(QueueError::TooLarge { bytes, limit: self.settings.max_bytes });
        }
        loop {
            let mut freed = std::pin::pin!(self.shared.room.notified());
            // Registered before looking: room made in between is not missed.
            freed.as_mut().enable();
            if self.shared.is_closed() {
                return Err(QueueError::Closed);
            }
            {
                let mut depth = self.shared.depth();
                if depth.posts < self.settings.max_posts && depth.bytes + bytes <= self.settings.max_bytes {
                    depth.posts += 1;
                    depth.bytes += bytes;
                    return Ok(Room { shared: &self.shared, bytes, kept: false });
                }
            }
            freed.await;
        }
    }

    async fn send_post(&self, post: Post) -> Result<Sent, QueueError> {
        let bytes = post.size() as u64;
        let mut room = self.take_room(bytes).await?;
        let key = post_key(&post);
        let sealer = self.keys[0].clone();
        let payload = if post.size() > INLINE {
            let folder = self.files.clone();
            let sealed = tokio::task::spawn_blocking(move || {
                let pieces = wire::pieces(&post)?;
                files::write(&folder, |file| seal::seal(&sealer, &key, &pieces, file))
            });
            Payload::File(sealed.await.map_err(spool_error)?.map_err(disk_error)?)
        } else {
            let pieces = wire::pieces(&post).map_err(spool_error)?;
            let mut sealed = Vec::with_capacity(post.size() + 2048);
            seal::seal(&sealer, &key, &pieces, &mut sealed).map_err(disk_error)?;
            Payload::Inline(sealed)
        };
        // From here on the room is the writer's to give back: a caller that stops waiting must not give back the room
        // of a post that is being accepted.
        room.kept = true;
        self.ask(|reply| Command::Send { key, bytes, payload, reply }).await
    }

    async fn receive_post(&self) -> Result<Option<Delivery>, QueueError> {
        loop {
            let Some(lease) = self.ask(|reply| Command::Receive { reply }).await? else { return Ok(None) };
            let keys = Arc::clone(&self.keys);
            let files = self.files.clone();
            let attempt = lease.post.starts + lease.post.refusals + 1;
            let seq = lease.post.seq;
            let opened = match &lease.post.payload {
                Payload::Inline(sealed) => open_post(&keys, &lease.post.key, sealed.as_slice()),
                Payload::File(_) => {
                    let post = lease.post.clone();
                    tokio::task::spawn_blocking(move || open_file(&keys, &files, &post)).await.map_err(spool_error)?
                }
            };
            lease.keep();
            match opened {
                Ok(post) => return Ok(Some(Delivery { receipt: Receipt(seq), post, attempt })),
                // It will not open next time either: kept aside at once, and the next one is tried.
                Err(error) => {
                    let reason = format!("its sealed bytes cannot be read: {error}");
                    self.ask(|reply| Command::SetAside { seq, reason, reply }).await?;
                }
            }
        }
    }

    /// Posts kept aside, the oldest first.
    ///
    /// # Errors
    /// When the spool fails.
    pub async fn quarantined(&self) -> Result<Vec<Quarantined>, QueueError> {
        self.ask(|reply| Command::ListAside { reply }).await
    }

    /// Puts a post that was kept aside back; `false` when there is none.
    ///
    /// # Errors
    /// When the spool fails.
    pub async fn release(&self, receipt: Receipt) -> Result<bool, QueueError> {
        self.ask(|reply| Command::Release { seq: receipt.0, reply }).await
    }
}

impl Queue for LocalQueue {
    fn send(&self, post: Post) -> BoxFuture<'_, Result<Sent, QueueError>> {
        self.send_post(post).boxed()
    }

    fn receive(&self) -> BoxFuture<'_, Result<Option<Delivery>, QueueError>> {
        self.receive_post().boxed()
    }

    fn ack(&self, receipt: Receipt) -> BoxFuture<'_, Result<(), QueueError>> {
        self.ask(move |reply| Command::Ack { seq: receipt.0, reply }).boxed()
    }

    fn nack<'a>(&'a self, receipt: Receipt, reason: &'a str) -> BoxFuture<'a, Result<Refused, QueueError>> {
        let reason = reason.chars().take(500).collect();
        self.ask(move |reply| Command::Nack { seq: receipt.0, reason, reply }).boxed()
    }

    fn depth(&self) -> Depth {
        *self.shared.depth()
    }

    fn close(&self) {
        self.shared.closed.store(true, std::sync::atomic::Ordering::Release);
        self.shared.room.notify_waiters();
        // A writer that is gone already has nobody waiting.
        let _ = self.commands.send(Command::Close);
    }
}

impl Drop for LocalQueue {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
        if let Some(writer) = self.writer.take() {
            // A panic there has been told by the hook; the spool is in order, transactions roll back.
            let _ = writer.join();
        }
    }
}

/// The same for the same revision of the same post only. Keyed by context, so that it tells nothing by itself of an
/// identifier that can be guessed.
fn post_key(post: &Post) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("vigie 2026-11 queue post key");
    hasher.update(&(post.id.0.len() as u64).to_be_bytes());
    hasher.update(post.id.0.as_bytes());
    hasher.update(&post.revision);
    *hasher.finalize().as_bytes()
}

fn open_post(keys: &[SpoolKey], bound_to: &[u8; 32], sealed: &[u8]) -> std::io::Result<Post> {
    first_that_opens(keys, |key| wire::read(seal::Opened::new(key, bound_to, sealed)?))
}

fn open_file(keys: &[SpoolKey], files: &std::path::Path, post: &SpooledPost) -> std::io::Result<Post> {
    let Payload::File(name) = &post.payload else { return Err(std::io::ErrorKind::InvalidInput.into()) };
    first_that_opens(keys, |key| {
        let file = std::fs::File::open(files.join(name))?;
        let opened = seal::Opened::new(key, &post.key, std::io::BufReader::new(file))?;
        wire::read(opened.take(u64::MAX))
    })
}

fn first_that_opens(keys: &[SpoolKey], open: impl Fn(&SpoolKey) -> std::io::Result<Post>) -> std::io::Result<Post> {
    let mut last = None;
    for key in keys {
        match open(key) {
            Ok(post) => return Ok(post),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::ErrorKind::NotFound.into()))
}

fn spool_error(error: impl std::error::Error + Send + Sync + 'static) -> QueueError {
    QueueError::Spool(Cause(Arc::new(error)))
}

fn disk_error(error: std::io::Error) -> QueueError {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded) { QueueError::Full } else { spool_error(error) }
}

#[cfg(test)]
mod tests;
