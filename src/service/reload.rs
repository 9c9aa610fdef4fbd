//! Reading watchlists and sites again while the service runs. What is faulty is refused and what stood before stays in
//! use; no post is lost, because posts wait in the queue and never in a set of watchlists.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::proof::{Inventories, Proof};
use super::run::desk_of;
use super::watcher::Changed;
use crate::alert::Committer;
use crate::collect::Site;
use crate::config::{Config, read_config};
use crate::pipeline::{Current, Sources};
use crate::telemetry::events;

/// What a reload reads and replaces.
pub struct Reloader {
    /// As the service was started with it.
    pub config: Config,
    /// Where watchlists are read from.
    pub sources: Sources,
    /// The set in use.
    pub current: Current,
    /// Whose ratings come from the watchlists.
    pub committer: Arc<Committer>,
    /// The sites that are read.
    pub sites: watch::Sender<Arc<Vec<Site>>>,
    /// Where changes are recorded.
    pub proof: Arc<Proof>,
    /// What was in use when it was last looked at.
    pub inventories: Mutex<Inventories>,
}

impl Reloader {
    /// Reads again what has changed.
    pub async fn reload(&self, changed: Changed) {
        let mut taken = false;
        if changed != Changed::Sites {
            taken |= self.watchlists().await;
        }
        if changed != Changed::Watchlists {
            taken |= self.sites().await;
        }
        if taken {
            self.record();
        }
    }

    /// Records what is in use now. A few files are hashed: that is over sooner than a thread is found for it.
    fn record(&self) {
        let mut inventories = self.inventories.lock().unwrap_or_else(PoisonError::into_inner);
        inventories.look(&self.proof, &self.config, &self.current.get());
    }

    /// Whether what was read is in use.
    async fn watchlists(&self) -> bool {
        let (current, sources) = (self.current.get(), self.sources.clone());
        let loaded = spawn_blocking(move || current.reload(&sources)).await;
        let Ok(engine) = loaded else {
            events::reload_failed("watchlists", &"loading them panicked");
            return false;
        };
        // Ratings first: an alert of a new watchlist must find its severity.
        self.committer.replace(desk_of(&engine, &self.config));
        self.current.replace(engine);
        events::reloaded("watchlists");
        true
    }

    /// Whether what was read is in use.
    async fn sites(&self) -> bool {
        let file = self.config.file.clone();
        let read = spawn_blocking(move || read_config(&file)).await;
        match read {
            Ok(Ok(config)) => {
                self.sites.send_replace(Arc::new(config.sites));
                events::reloaded("sites");
                return true;
            }
            Ok(Err(problems)) => events::reload_failed("sites", &problems),
            Err(_) => events::reload_failed("sites", &"reading the configuration panicked"),
        }
        false
    }
}
