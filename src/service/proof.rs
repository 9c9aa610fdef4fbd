//! What the service keeps so that things can be proved later: the signing key, the audit log, the vault; and the rounds
//! that sign the log's head, stamp captures, and delete what has been kept long enough.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio::task::{JoinSet, spawn_blocking};

use super::inventory::Inventory;
use crate::audit::{Action, Trail};
use crate::config::Config;
use crate::evidence::{RetentionSettings, Stamper, Vault, days_before, expire};
use crate::pipeline::{Engine, Keeping};
use crate::signing::Signer;
use crate::store::{Retention, SeenPosts, SqliteStore};
use crate::telemetry::{events, metrics};

/// Between two signatures of the audit log's head: what is younger has no witness but the head itself.
const CHECKPOINTS: Duration = Duration::from_secs(600);

/// Between two rounds of retention: what is over is gone within a day, also when one round fails.
const RETENTION: Duration = Duration::from_secs(6 * 3_600);

/// Alerts deleted in one transaction: verdicts wait for it.
const ALERTS: usize = 100;

/// The name under which the service records what it does.
const ACTOR: &str = "service";

/// Everything that has to do with proof.
pub struct Proof {
    /// The audit log, as the service writes it.
    pub trail: Trail,
    signer: Arc<Signer>,
    vault: Arc<Vault>,
    retention: RetentionSettings,
    captures: bool,
}

impl Proof {
    /// Opens key, log and vault, making what is not there yet, and publishes the public key.
    ///
    /// # Errors
    /// When one of them cannot be had: without a log nothing may be looked at, and a vault that fails would be noticed
    /// only when it is needed.
    pub fn open(config: &Config) -> Result<Self> {
        let signer = Arc::new(config.signing_key.load_or_make()?);
        signer.public().publish(&config.state)?;
        let trail = Trail::open(&config.audit_log(), ACTOR).context("the audit log cannot be opened")?;
        let settings = config.evidence.clone();
        let captures = !settings.recipients.is_empty();
        // Also where nothing is captured any more: what was captured before is still to be deleted in time.
        let vault = Vault::open(&config.evidence_folder(), settings, Arc::clone(&signer))
            .context("the vault of evidence cannot be opened")?;
        metrics().evidence_bytes.set(vault.totals().bytes as i64);
        Ok(Self { trail, signer, vault: Arc::new(vault), retention: config.retention, captures })
    }

    /// Where matching posts are captured, if anybody was named who may open them.
    #[must_use]
    pub fn keeping(&self) -> Option<Arc<Keeping>> {
        self.captures.then(|| Arc::new(Keeping { vault: Arc::clone(&self.vault), trail: self.trail.clone() }))
    }

    /// Records with what the service starts.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn started(&self, config: &Config, engine: &Engine) -> Result<Inventories> {
        let now = Inventories::of(config, engine);
        let detail = [
            ("config", now.config.hash()),
            ("watchlists", now.watchlists.hash()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("signing_key", self.signer.public().id()),
        ];
        self.trail.record(Action::ServiceStarted, "", &detail).context("the start cannot be recorded")?;
        self.sign();
        Ok(now)
    }

    /// Records that the service stops, and signs the log for the last time.
    pub fn stopped(&self) {
        if let Err(error) = self.trail.record(Action::ServiceStopped, "", &[]) {
            events::audit_failed(&error);
        }
        self.sign();
    }

    /// Signs the head of the log.
    fn sign(&self) {
        match self.trail.checkpoint(&self.signer) {
            Ok(Some(checkpoint)) => events::audit_checkpoint(checkpoint.seq, &checkpoint.hash),
            Ok(None) => {}
            Err(error) => events::audit_failed(&error),
        }
    }

    /// Starts the rounds. They end when what is returned is dropped.
    ///
    /// # Errors
    /// When the authority's client cannot be set up.
    pub fn keep(self: &Arc<Self>, config: &Config, store: &Arc<SqliteStore>) -> Result<JoinSet<()>> {
        let mut rounds = JoinSet::new();
        if let Some(stamper) = Stamper::new(&self.vault, &config.net)? {
            rounds.spawn(stamper.run());
        }
        let proof = Arc::clone(self);
        rounds.spawn(every(CHECKPOINTS, move || proof.sign()));
        let (proof, store) = (Arc::clone(self), Arc::clone(store));
        rounds.spawn(every(RETENTION, move || proof.delete_what_is_over(&store, Timestamp::now())));
        Ok(rounds)
    }

    /// What is missing, for the health page.
    #[must_use]
    pub fn concerns(&self) -> Vec<String> {
        let (held, settings, waiting) = (self.vault.totals(), self.vault.settings(), self.vault.unstamped().len());
        metrics().evidence_unstamped.set(waiting as i64);
        let mut concerns = Vec::new();
        if self.captures && (held.bytes >= settings.max_total || held.captures >= settings.max_captures) {
            let hint = "raise evidence.max_total_mib or max_captures, or shorten retention";
            concerns.push(format!("the vault of evidence is full: captures are cut or left out; hint: {hint}"));
        }
        if waiting > 100 {
            concerns.push(format!("{waiting} captures wait for their time-stamp; hint: does the authority answer?"));
        }
        concerns
    }

    /// One round of retention: captures, alerts, marks of posts seen. What fails is tried again at the next.
    fn delete_what_is_over(&self, store: &SqliteStore, now: Timestamp) {
        let mut captures = 0;
        match expire(&self.vault, &self.retention, now) {
            Ok(deleted) => {
                for deleted in deleted {
                    match deleted {
                        Ok(record) => {
                            captures += 1;
                            events::evidence_deleted(&record.id, &record.rule);
                            let detail = [("rule", record.rule), ("manifest", record.manifest_sha256)];
                            self.note(Action::EvidenceDeleted, &record.id, &detail);
                        }
                        Err(error) => events::retention_failed("captures", &error),
                    }
                }
            }
            Err(error) => events::retention_failed("captures", &error),
        }
        let alerts = self.delete_alerts(store, now);
        let seen = store.forget_seen(days_before(now, self.retention.seen_days)).unwrap_or_else(|error| {
            events::retention_failed("marks of posts", &error);
            0
        });
        metrics().evidence_bytes.set(self.vault.totals().bytes as i64);
        events::retention_done(captures, alerts, seen);
    }

    fn delete_alerts(&self, store: &SqliteStore, now: Timestamp) -> u64 {
        let (before, mut count) = (days_before(now, self.retention.alert_days), 0);
        let rule = format!("retention.alert_days = {}", self.retention.alert_days);
        loop {
            match store.forget_alerts(before, ALERTS) {
                Ok(forgotten) if forgotten.is_empty() => return count,
                Ok(forgotten) => {
                    count += forgotten.len() as u64;
                    for alert in forgotten {
                        self.note(Action::AlertDeleted, &alert.to_string(), &[("rule", rule.clone())]);
                    }
                }
                Err(error) => {
                    events::retention_failed("alerts", &error);
                    return count;
                }
            }
        }
    }

    /// Records what is done already: it cannot be undone for want of a record.
    pub(super) fn note(&self, action: Action, subject: &str, detail: &[(&str, String)]) {
        if let Err(error) = self.trail.record(action, subject, detail) {
            events::audit_failed(&error);
        }
    }
}

/// What the service runs with.
#[derive(Debug, Clone)]
pub struct Inventories {
    config: Inventory,
    watchlists: Inventory,
}

impl Inventories {
    fn of(config: &Config, engine: &Engine) -> Self {
        let watchlists = Inventory::of_watchlists(engine, &config.watchlists);
        Self { config: Inventory::of_config(config), watchlists }
    }

    /// Records what has changed since it was last looked at.
    pub fn look(&mut self, proof: &Proof, config: &Config, engine: &Engine) {
        let now = Self::of(config, engine);
        for (action, hash, before, now) in [
            (Action::ConfigChanged, "config", &self.config, &now.config),
            (Action::WatchlistsChanged, "watchlists", &self.watchlists, &now.watchlists),
        ] {
            if before != now {
                let mut detail = now.changes(before);
                detail.push((hash, now.hash()));
                proof.note(action, "", &detail);
            }
        }
        *self = now;
    }
}

/// Does something at once and then again and again, where it may block. What panics has its turn again.
async fn every(pause: Duration, round: impl Fn() + Send + Sync + 'static) {
    let round = Arc::new(round);
    loop {
        let now = Arc::clone(&round);
        let _ = spawn_blocking(move || now()).await;
        tokio::time::sleep(pause).await;
    }
}
