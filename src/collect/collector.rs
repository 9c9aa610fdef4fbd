//! All sites at once: one task each, started, stopped and replaced as the configuration changes.
//!
//! A task per site is what keeps them apart: a slow, broken or panicking one holds up nobody else. Tasks are cheap;
//! what is not (memory for bodies, connections to one host) is rationed in `net`.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::health::HealthBoard;
use super::intake::{Clock, Intake};
use super::settings::Site;
use super::visit::Visitor;
use crate::model::SiteId;
use crate::net::Client;

/// Reads all configured sites until told to stop.
pub struct Collector<I> {
    client: Client,
    intake: Arc<I>,
    clock: Clock,
    health: Arc<HealthBoard>,
    parsers: Arc<Semaphore>,
}

/// A site being read.
struct Running {
    site: Site,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl<I: Intake> Collector<I> {
    /// A collector that hands posts to `intake`.
    pub fn new(client: Client, intake: Arc<I>, clock: Clock) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { client, intake, clock, health: Arc::default(), parsers: Arc::new(Semaphore::new(cores)) }
    }

    /// The sites' figures; stays valid while the collector runs.
    #[must_use]
    pub fn health(&self) -> Arc<HealthBoard> {
        Arc::clone(&self.health)
    }

    /// Reads until `shutdown`. A new list of sites takes effect at once: sites that did not change go on undisturbed,
    /// others stop between two posts and begin again where their cursor stands. Returns when every reader has stopped;
    /// no post is then half-way between a site and the intake.
    pub async fn run(self, mut sites: watch::Receiver<Arc<Vec<Site>>>, shutdown: CancellationToken) {
        let mut running: BTreeMap<SiteId, Running> = BTreeMap::new();
        let mut open = true;
        loop {
            let wanted = Arc::clone(&sites.borrow_and_update());
            self.arrange(&mut running, &wanted, &shutdown).await;
            tokio::select! {
                () = shutdown.cancelled() => break,
                changed = sites.changed(), if open => open = changed.is_ok(),
            }
        }
        for site in running.into_values() {
            let _ = site.task.await;
        }
    }

    /// Makes the running sites the wanted ones.
    async fn arrange(&self, running: &mut BTreeMap<SiteId, Running>, wanted: &[Site], shutdown: &CancellationToken) {
        let wanted: BTreeMap<&SiteId, &Site> = wanted.iter().filter(|s| s.enabled).map(|s| (&s.id, s)).collect();
        let same = |r: &Running| wanted.get(&r.site.id).is_some_and(|site| site.written == r.site.written);
        let leaving: Vec<SiteId> = running.iter().filter(|(_, r)| !same(r)).map(|(id, _)| id.clone()).collect();
        let mut stopped = Vec::new();
        for id in leaving {
            if let Some(site) = running.remove(&id) {
                site.stop.cancel();
                stopped.push(site.task);
                if !wanted.contains_key(&id) {
                    self.health.remove(&id);
                }
            }
        }
        // Two readers of one site would move one cursor: the old ones end first.
        for task in stopped {
            let _ = task.await;
        }
        for site in wanted.into_values() {
            if running.contains_key(&site.id) {
                continue;
            }
            let stop = shutdown.child_token();
            let visitor = Visitor {
                client: self.client.clone(),
                intake: Arc::clone(&self.intake),
                clock: Arc::clone(&self.clock),
                health: Arc::clone(&self.health),
                parsers: Arc::clone(&self.parsers),
                site: site.clone(),
                stop: stop.clone(),
            };
            let task = tokio::spawn(super::schedule::keep_visiting(visitor));
            running.insert(site.id.clone(), Running { site: site.clone(), stop, task });
        }
    }
}
