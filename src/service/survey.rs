//! The round that the service makes over itself every few seconds: figures for the metrics, concerns for the health
//! page, and the little that has to be tidied.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::health::Health;
use super::proof::Proof;
use crate::collect::HealthBoard;
use crate::confine::Reader;
use crate::pipeline::Current;
use crate::queue::{LocalQueue, Queue};
use crate::store::{FilteredSeen, Outbox, SqliteStore};
use crate::telemetry::metrics;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(2);

/// What is looked at.
pub struct Survey {
    /// Where concerns are told.
    pub health: Health,
    /// How sites fare.
    pub board: Arc<HealthBoard>,
    /// The watchlists in use.
    pub current: Current,
    /// Where the outbox is.
    pub store: Arc<SqliteStore>,
    /// Grows with the posts seen.
    pub seen: Arc<FilteredSeen>,
    /// Posts that wait.
    pub queue: Arc<LocalQueue>,
    /// What is kept to prove things.
    pub proof: Arc<Proof>,
    /// Reads content, confined as far as the kernel grants it.
    pub reader: Arc<Reader>,
}

/// Makes its rounds until it is dropped.
pub async fn keep(survey: Survey) {
    let survey = Arc::new(survey);
    loop {
        let round = Arc::clone(&survey);
        // What panics or fails in one round is looked at again in the next.
        let _ = spawn_blocking(move || round.look()).await;
        tokio::time::sleep(ROUND).await;
    }
}

impl Survey {
    fn look(&self) {
        let depth = self.queue.depth();
        metrics().queue_posts.set(depth.posts as i64);
        let mut concerns: Vec<String> = self.current.get().refused.iter().map(|r| r.reason.clone()).collect();
        for (site, fares) in self.board.snapshot() {
            let said = fares.troubles.iter().map(|(kind, trouble)| format!("site {site}: {kind}: {}", trouble.what));
            concerns.extend(said);
        }
        concerns.extend(self.reader.concerns());
        concerns.extend(self.proof.concerns());
        if depth.quarantined > 0 {
            concerns.push(format!("{} posts could not be judged and are kept aside", depth.quarantined));
        }
        match self.store.outbox_counts() {
            Ok((pending, dead)) => {
                metrics().outbox_pending.set(pending as i64);
                if dead > 0 {
                    concerns.push(format!("{dead} deliveries were given up; hint: vigie alerts list"));
                }
            }
            Err(error) => concerns.push(error.to_string()),
        }
        if let Err(error) = self.seen.rebuild_if_full() {
            concerns.push(error.to_string());
        }
        self.health.set_concerns(concerns);
    }
}

/// Answers once the runtime and its blocking threads have done something: what the watchdog asks for.
pub async fn pulse() {
    let _ = spawn_blocking(|| ()).await;
}
