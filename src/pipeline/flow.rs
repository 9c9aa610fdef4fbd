//! The flow of posts, readable on one screen: receive → judge → capture → commit → acknowledge.
//!
//! A post leaves the queue only when its verdict is committed; whatever ends the program before that, the post comes
//! again, and committing it twice changes nothing. The flow ends when the queue closes: what was received is finished,
//! what was not stays in the queue.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::checkpoint::Checkpoints;
use super::engine::{Current, Sources};
use super::evidence::Keeping;
use super::judge::JudgeError;
use super::settings::PipelineSettings;
use crate::alert::{Committer, Judged};
use crate::confine::{ConfineError, Reader};
use crate::extract::Limits;
use crate::model::{Post, Verdict};
use crate::queue::{Delivery, Queue, Receipt, Refused};
use crate::telemetry::{events, metrics};

/// Everything a post meets between the queue and its verdict.
pub struct Flow {
    /// Where posts come from.
    pub queue: Arc<dyn Queue>,
    /// What they are held against.
    pub current: Current,
    /// Where that is loaded from when an index turns out to be damaged.
    pub sources: Sources,
    /// What one document may cost.
    pub limits: Limits,
    /// Who reads what must be decoded.
    pub reader: Arc<Reader>,
    /// Where matching posts are kept as evidence; none where nobody was named who could open it.
    pub evidence: Option<Arc<Keeping>>,
    /// Where verdicts go.
    pub committer: Arc<Committer>,
    /// Where what is known of long documents is kept while they are read.
    pub checkpoints: Option<Arc<Checkpoints>>,
    /// How many posts at a time, on how many threads.
    pub settings: PipelineSettings,
}

/// Why a post has no verdict. What was in it is not told.
#[derive(Debug, thiserror::Error)]
enum NoVerdict {
    /// Its judging panicked.
    #[error("judging the post panicked")]
    Panicked,
    /// Indexes kept turning out to be damaged.
    #[error("no undamaged index could be asked")]
    Damaged,
    /// Nobody could read it.
    #[error("no extraction worker could be had")]
    Unread(#[source] ConfineError),
}

impl From<JudgeError> for NoVerdict {
    fn from(error: JudgeError) -> Self {
        match error {
            JudgeError::Damaged(_) => Self::Damaged,
            JudgeError::Unread(why) => Self::Unread(why),
        }
    }
}

/// The first pause before something that failed is tried again; it doubles up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

impl Flow {
    /// Judges posts until the queue closes and everything received has its verdict.
    ///
    /// # Errors
    /// If the threads for judging cannot be started.
    pub async fn run(self: Arc<Self>) -> Result<(), rayon::ThreadPoolBuildError> {
        let threads = Arc::new(judging_threads(self.settings.threads)?);
        let memory = Arc::new(Semaphore::new(self.settings.memory_mib as usize));
        let mut settling = JoinSet::new();
        let mut pause = PAUSES.0;
        loop {
            while settling.len() >= self.settings.posts {
                settling.join_next().await;
            }
            let delivery = match self.queue.receive().await {
                Ok(Some(delivery)) => delivery,
                Ok(None) => break,
                Err(error) => {
                    events::queue_failed(&error, pause);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                    continue;
                }
            };
            pause = PAUSES.0;
            let share = mebibytes(&delivery.post).min(self.settings.memory_mib);
            let Ok(room) = Arc::clone(&memory).acquire_many_owned(share).await else { break };
            let (flow, threads) = (Arc::clone(&self), Arc::clone(&threads));
            settling.spawn(async move {
                flow.settle(delivery, &threads).await;
                drop(room);
            });
            while settling.try_join_next().is_some() {}
        }
        while settling.join_next().await.is_some() {}
        Ok(())
    }

    /// One post's way from the queue to its acknowledged verdict.
    async fn settle(self: &Arc<Self>, delivery: Delivery, threads: &rayon::ThreadPool) {
        let Delivery { receipt, post, attempt } = delivery;
        let post = Arc::new(post);
        let mut judged = match self.judged_once_read(&post, threads).await {
            Ok(judged) => judged,
            Err(reason) => return self.give_back(receipt, &post, attempt, &reason).await,
        };
        let verdict = judged.documents.iter().map(|document| document.report.verdict).max().unwrap_or(Verdict::Clear);
        judged.post.evidence = self.captured(&post, &judged).await;
        let id = &post.id;
        let waits = |error: &dyn Error, pause| events::post_retried(id, error, pause);
        persist(|| self.committer.commit(judged.clone()), waits).await;
        persist(|| self.queue.ack(receipt), waits).await;
        self.forget_checkpoints(&post);
        metrics().queue_posts.set(self.queue.depth().posts as i64);
        let took = Timestamp::now().duration_since(post.fetched_at).unsigned_abs();
        events::post_settled(&post.site, id, verdict, took);
    }

    /// Judges, again and again while nobody can be had to read: that is no fault of the post, and must not count as
    /// one of its attempts.
    async fn judged_once_read(
        self: &Arc<Self>,
        post: &Arc<Post>,
        threads: &rayon::ThreadPool,
    ) -> Result<Judged, NoVerdict> {
        let mut pause = PAUSES.0;
        loop {
            match self.judged(Arc::clone(post), threads).await {
                Err(unread @ NoVerdict::Unread(_)) => events::post_retried(&post.id, &unread, pause),
                other => return other,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Judges on one of the threads kept for it; the runtime's own stay free.
    async fn judged(self: &Arc<Self>, post: Arc<Post>, threads: &rayon::ThreadPool) -> Result<Judged, NoVerdict> {
        let (answer, judged) = oneshot::channel();
        let flow = Arc::clone(self);
        threads.spawn(move || {
            let judged = catch_unwind(AssertUnwindSafe(|| flow.judge_post(&post)));
            let verdict = match judged {
                Ok(judged) => judged.map_err(NoVerdict::from),
                Err(_) => Err(NoVerdict::Panicked),
            };
            // Nobody waits for it only when the flow itself is gone.
            let _ = answer.send(verdict);
        });
        judged.await.unwrap_or(Err(NoVerdict::Panicked))
    }

    /// Puts a post without a verdict back: it comes again after the others, and is kept aside when it came too often.
    async fn give_back(&self, receipt: Receipt, post: &Post, attempt: u32, reason: &NoVerdict) {
        let id = &post.id;
        let why = reason.to_string();
        let refused =
            persist(|| self.queue.nack(receipt, &why), |error, pause| events::post_retried(id, error, pause)).await;
        match refused {
            Refused::Requeued => events::post_retried(id, reason, Duration::ZERO),
            Refused::Quarantined => events::post_quarantined(id, attempt),
        }
    }
}

/// Threads for judging: their stacks have room for deeply nested content.
fn judging_threads(threads: usize) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(8 << 20)
        .thread_name(|n| format!("vigie-judge-{n}"))
        .build()
}

/// What a post weighs in the budget of posts being judged: its bytes, rounded up so that no post is free.
fn mebibytes(post: &Post) -> u32 {
    u32::try_from(post.size() >> 20).unwrap_or(u32::MAX).saturating_add(1)
}

/// Does what must be done for a post not to be lost, again and again until it is done: a full disk or a busy database
/// passes, and until then the post stays where it is. Ends only with the program.
async fn persist<T, E: Error, F: Future<Output = Result<T, E>>>(
    mut act: impl FnMut() -> F,
    waits: impl Fn(&dyn Error, Duration),
) -> T {
    let mut pause = PAUSES.0;
    loop {
        match act().await {
            Ok(done) => return done,
            Err(error) => waits(&error, pause),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}
