//! Getting captures time-stamped: one request at a time, as long as some wait. While the authority is down they wait
//! in their folders, and are asked for again with growing pauses, also after a restart.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use super::EvidenceError;
use super::settings::TimestampSettings;
use super::timestamp::{Query, StampError, TimestampToken};
use super::vault::{STAMP, STAMP_SIGNATURE, Vault, put};
use crate::net::{Client, NetError, NetSettings, Policy, PolicySettings, Request};
use crate::telemetry::events;

/// The first pause after a failure; it doubles up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(600));

/// An answer holds a few certificates.
const MAX_ANSWER: usize = 256 << 10;

/// The captures that have no time-stamp yet.
#[derive(Debug, Default)]
pub struct Unstamped {
    ids: Mutex<BTreeSet<String>>,
    more: Notify,
}

impl Unstamped {
    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn add(&self, id: String) {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        self.more.notify_one();
    }

    fn remove(&self, id: &str) {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// One that waits, another than `last` if there is another: one that is refused must not hold up the rest.
    fn after(&self, last: &str) -> Option<String> {
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let later = ids.range::<str, _>((std::ops::Bound::Excluded(last), std::ops::Bound::Unbounded)).next();
        later.or_else(|| ids.first()).cloned()
    }
}

/// Why a capture was not stamped this time.
#[derive(Debug, thiserror::Error)]
enum NotStamped {
    #[error("the time-stamping authority cannot be asked")]
    Net(#[source] NetError),
    #[error("the time-stamping authority answered {0}")]
    Status(u16),
    #[error(transparent)]
    Answer(#[from] StampError),
    #[error(transparent)]
    Kept(#[from] EvidenceError),
}

/// Asks the authority.
pub struct Stamper {
    vault: Arc<Vault>,
    settings: TimestampSettings,
    client: Client,
    policy: Arc<Policy>,
}

impl Stamper {
    /// One for the authority in the vault's settings; none where there is none.
    ///
    /// # Errors
    /// When no client can be had.
    pub fn new(vault: &Arc<Vault>, net: &NetSettings) -> Result<Option<Self>, NetError> {
        let Some(settings) = vault.settings().timestamp.clone() else { return Ok(None) };
        let host = settings.url.host_str().unwrap_or_default();
        let allowed = settings.url.port_or_known_default().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        let named = PolicySettings { allow_hosts: vec![allowed], ignore_robots: true, ..PolicySettings::default() };
        let policy = Policy::new(&named).map_err(|why| NetError::Setup { why })?;
        Ok(Some(Self { vault: Arc::clone(vault), settings, client: Client::new(net.clone())?, policy }))
    }

    /// Stamps what waits, until it is dropped.
    pub async fn run(self) {
        let (mut pause, mut last) = (PAUSES.0, String::new());
        loop {
            let waiting = self.vault.unstamped();
            let Some(id) = waiting.after(&last) else {
                waiting.more.notified().await;
                continue;
            };
            last.clone_from(&id);
            match self.stamp(&id).await {
                Ok(stamped) => {
                    waiting.remove(&id);
                    pause = PAUSES.0;
                    if let Some(token) = stamped {
                        events::evidence_stamped(&id, token.at, token.signature_checked);
                    }
                }
                Err(error) => {
                    events::stamp_failed(&id, &error, pause);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    /// Stamps one; `None` when it is gone or stamped already.
    async fn stamp(&self, id: &str) -> Result<Option<TimestampToken>, NotStamped> {
        let Some(item) = self.vault.items().exactly(id).filter(|item| !item.is_stamped()) else { return Ok(None) };
        let manifest = item.manifest_bytes()?;
        let wanted = self.settings.policy.as_deref();
        let query = Query::new(&manifest, wanted)?;
        let request = Request {
            max_bytes: MAX_ANSWER,
            ..Request::post(self.settings.url.clone(), &self.policy, "application/timestamp-query", query.der.clone())
        };
        let reply = self.client.deliver(request).await.map_err(NotStamped::Net)?;
        if reply.status != 200 {
            return Err(NotStamped::Status(reply.status));
        }
        let token = query.answered(&reply.bytes, &manifest, wanted)?;
        let vault = Arc::clone(&self.vault);
        let kept = spawn_blocking(move || {
            // Our signature first: a stamp that stands there is one that was received like this.
            put(&item.folder, STAMP_SIGNATURE, &vault.signer().sign(&reply.bytes))?;
            put(&item.folder, STAMP, &reply.bytes)
        });
        match kept.await {
            Ok(kept) => kept?,
            Err(_) => return Ok(None),
        }
        Ok(Some(token))
    }
}
