//! The service from start to stop: what is opened in which order, what it listens to while it runs, and how it drains.
//!
//! Draining follows the flow: sites are read no further, then the queue is closed and what was received gets its
//! verdict, then deliveries under way end. What is left waits on the disk for the next start.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::health::{self, Health};
use super::proof::Proof;
use super::reload::Reloader;
use super::watcher::{self, Changed};
use super::{survey, systemd};
use crate::alert::alertmanager::Alertmanager;
use crate::alert::channels::{Surroundings, set_up};
use crate::alert::{Committer, Deliveries, Desk, Ratings};
use crate::collect::push::Door;
use crate::collect::{Collector, HealthBoard, system_clock};
use crate::config::{Config, KeySource};
use crate::confine::{Pool, Reader, Settings};
use crate::fingerprint::{Key, Keyring};
use crate::net::{Client, NetSettings};
use crate::pipeline::{Checkpoints, Current, Engine, Flow, Inflow, Sources};
use crate::queue::{LocalQueue, Queue, SpoolKey};
use crate::store::{FilteredSeen, SqliteStore};
use crate::telemetry::events;

/// Posts that the filter of seen posts has room for at first; it grows with the table.
const SEEN_EXPECTED: usize = 100_000;

/// The longest a stop waits for verdicts under way. What has none by then is in the queue.
const DRAIN: Duration = Duration::from_secs(60);

/// Time between two checkpoints of a long document: what a crash may cost of its reading.
const CHECKPOINTS: Duration = Duration::from_secs(20);

/// The context under which the spool's key is derived from the fingerprint key.
const SPOOL_KEY: &str = "vigie 2026-11 spool";
/// The same for what keeps one logged in to sites.
const SESSION_KEY: &str = "vigie 2026-11 site sessions";

/// Runs until told to stop.
///
/// # Errors
/// If it cannot start, or what it cannot do without fails.
pub async fn run(config: Config) -> Result<()> {
    let started = Instant::now();
    events::service_started(&config.file);
    let mut signals = Signals::new()?;
    // Before the port, which a second service would not get either, and say so in a way that misleads.
    let _lock = super::lock::take(&config.state)?;
    let (health, health_task) = answer_health(&config).await?;
    let opened = Opened::open(&config).await?;
    let proof = opened.proof.clone();
    let inventories = proof.started(&config, &opened.current.get())?;
    let _rounds = proof.keep(&config, &opened.store)?;
    let (deliveries, wake) = deliver(&config, &opened.store)?;
    let desk = desk_of(&opened.current.get(), &config);
    let committer = Arc::new(Committer::start(opened.store.clone(), opened.seen.clone(), desk, wake)?);
    let mut flow = tokio::spawn(flow(&config, &opened, &committer).run());
    let (sites, wanted) = watch::channel(Arc::new(config.sites.clone()));
    let stop_collecting = CancellationToken::new();
    let (collecting, board) = collect(&config, &opened, wanted, &stop_collecting).await?;
    health.show_sites(Arc::clone(&board));
    let survey = tokio::spawn(survey::keep(opened.survey(health.clone(), board)));
    let alive = tokio::spawn(systemd::watchdog(survey::pulse));
    let told = tokio::spawn(tell_health(config.alert.alertmanager.clone(), config.net.clone(), health.clone()));
    let (mut changes, _watcher) = watcher::watch(&config);
    health.ready();
    events::service_ready(config.sites.len(), config.alert.channels.len(), started.elapsed());
    systemd::ready(&format!("watching {} sites", config.sites.len()));

    let inventories = Mutex::new(inventories);
    let (sources, current) = (opened.sources, opened.current);
    let reloader = Reloader { config, sources, current, committer, sites, proof: proof.clone(), inventories };
    let result = until_stopped(&reloader, &mut changes, &mut signals, &mut flow).await;

    let stopping = Instant::now();
    events::service_draining();
    systemd::stopping();
    health.draining();
    stop_collecting.cancel();
    let drained = async {
        let _ = collecting.await;
        opened.queue.close();
        if !flow.is_finished() {
            let _ = flow.await;
        }
    };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        events::drain_cut_short(DRAIN);
    }
    deliveries.stop().await;
    let _ = spawn_blocking(move || proof.stopped()).await;
    for task in [survey, alive, told, health_task] {
        task.abort();
    }
    events::service_stopped(stopping.elapsed());
    result
}

/// Reads again what changes, until a stop is asked for or judging ends by itself, which it must not.
async fn until_stopped(
    reloader: &Reloader,
    changes: &mut mpsc::Receiver<Changed>,
    signals: &mut Signals,
    flow: &mut JoinHandle<Result<(), rayon::ThreadPoolBuildError>>,
) -> Result<()> {
    loop {
        let changed = tokio::select! {
            changed = changes.recv() => changed.unwrap_or(Changed::Everything),
            _ = signals.hangup.recv() => Changed::Everything,
            _ = signals.terminate.recv() => return Ok(()),
            _ = signals.interrupt.recv() => return Ok(()),
            ended = &mut *flow => {
                ended.context("judging ended by itself")?.context("judging cannot start")?;
                return Err(anyhow!("judging ended while the service runs"));
            }
        };
        reloader.reload(changed).await;
    }
}

/// What stands between start and stop.
struct Opened {
    sources: Sources,
    current: Current,
    store: Arc<SqliteStore>,
    seen: Arc<FilteredSeen>,
    queue: Arc<LocalQueue>,
    reader: Arc<Reader>,
    checkpoints: Arc<Checkpoints>,
    proof: Arc<Proof>,
    /// Under which sessions with sites are kept: the first seals, all open.
    session_keys: Arc<[SpoolKey]>,
}

impl Opened {
    /// Opens everything that lies on the disk: state, queue, watchlists.
    async fn open(config: &Config) -> Result<Self> {
        let keys = Arc::new(keyring(&config.keys)?);
        let (database, settings) = (config.database(), config.queue.clone());
        let derived = |context| keys.keys().iter().map(move |key| SpoolKey::derive(&*key.derive(context)));
        let (spool_keys, session_keys) = (derived(SPOOL_KEY).collect(), derived(SESSION_KEY).collect());
        let sources = Sources { folder: config.watchlists.clone(), keys, countries: config.countries.clone() };
        let loading = sources.clone();
        let kept = config.state.join("checkpoints");
        let proof = Proof::open(config)?;
        let readers = Settings { workers: config.pipeline.threads, ..Settings::default() };
        spawn_blocking(move || {
            let store = Arc::new(SqliteStore::open(&database)?);
            let seen = Arc::new(FilteredSeen::new(store.clone(), SEEN_EXPECTED)?);
            let queue = Arc::new(LocalQueue::open(settings, spool_keys)?);
            let current = Current::new(Engine::load(&loading));
            let pool = Pool::new(readers).context("content cannot be read")?;
            let reader = Arc::new(Reader::Confined(pool));
            let checkpoints = Arc::new(Checkpoints::open(&kept, loading.keys.current(), CHECKPOINTS)?);
            Ok(Self { sources, current, store, seen, queue, reader, checkpoints, proof: Arc::new(proof), session_keys })
        })
        .await?
    }

    fn survey(&self, health: Health, board: Arc<HealthBoard>) -> survey::Survey {
        survey::Survey {
            health,
            board,
            current: self.current.clone(),
            store: self.store.clone(),
            seen: self.seen.clone(),
            queue: self.queue.clone(),
            reader: self.reader.clone(),
            proof: self.proof.clone(),
        }
    }
}

/// Reads the keys from where the configuration or systemd put them.
fn keyring(source: &KeySource) -> Result<Keyring> {
    Ok(match source {
        KeySource::Credential(file) => Keyring::new(Key::load_credential(file)?),
        KeySource::Files { current, previous: None } => Keyring::new(Key::load(current)?),
        KeySource::Files { current, previous: Some(previous) } => {
            Keyring::rotating(Key::load(current)?, Key::load(previous)?)
        }
    })
}

/// `/healthz` and `/metrics` answer from the first moment on.
async fn answer_health(config: &Config) -> Result<(Health, JoinHandle<()>)> {
    let listen = config.service.listen;
    let listener = health::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; hint: choose another service.listen"))?;
    events::health_listening(listener.local_addr()?);
    let health = Health::default();
    let answering = health.clone();
    let task = tokio::spawn(async move {
        if let Err(error) = health::serve(listener, answering).await {
            events::health_failed(&error);
        }
    });
    Ok((health, task))
}

/// Starts the channels. One that cannot be set up stops the start: an alert that nobody hears of is worse than a
/// service that visibly does not start.
fn deliver(config: &Config, store: &Arc<SqliteStore>) -> Result<(Deliveries, Arc<Notify>)> {
    let surroundings = Surroundings { net: config.net.clone(), store: store.clone() };
    let mut channels = Vec::new();
    for settings in &config.alert.channels {
        let channel =
            set_up(settings, &surroundings).with_context(|| format!("channel `{}` cannot be set up", settings.name))?;
        channels.push((settings.clone(), channel));
    }
    let wake = Arc::new(Notify::new());
    Ok((Deliveries::start(store.clone(), channels, wake.clone()), wake))
}

/// Tells the Alertmanager, if there is one, what the service is concerned about.
async fn tell_health(alertmanager: Option<Alertmanager>, net: NetSettings, health: Health) {
    let Some(alertmanager) = alertmanager else { return };
    if let Err(error) = alertmanager.keep_told(&net, || health.concerns()).await {
        tracing::error!(event = "alertmanager.not_set_up", error = %events::Chain(&error), "health is told to nobody");
    }
}

/// What verdicts are merged and routed by, under this set of watchlists.
pub(super) fn desk_of(engine: &Engine, config: &Config) -> Desk {
    Desk {
        ratings: Ratings::new(engine.records.iter().map(|list| &list.watchlist), &engine.terms),
        routes: config.alert.routes(),
        rules: config.alert.rules,
    }
}

fn flow(config: &Config, opened: &Opened, committer: &Arc<Committer>) -> Arc<Flow> {
    Arc::new(Flow {
        queue: opened.queue.clone(),
        current: opened.current.clone(),
        sources: opened.sources.clone(),
        limits: config.limits.clone(),
        reader: opened.reader.clone(),
        evidence: opened.proof.keeping(),
        committer: committer.clone(),
        checkpoints: Some(opened.checkpoints.clone()),
        settings: config.pipeline.clone(),
    })
}

/// Starts what brings posts: the readers of sites, and the door for those that are pushed.
async fn collect(
    config: &Config,
    opened: &Opened,
    sites: watch::Receiver<Arc<Vec<crate::collect::Site>>>,
    stop: &CancellationToken,
) -> Result<(JoinHandle<()>, Arc<HealthBoard>)> {
    let intake = Arc::new(Inflow::new(
        opened.queue.clone(),
        opened.store.clone(),
        opened.seen.clone(),
        opened.session_keys.clone(),
    ));
    let collector = Collector::new(Client::new(config.net.clone())?, Arc::clone(&intake), system_clock());
    let board = collector.health();
    let door = match &config.push {
        Some(push) => {
            let door = Door::new(push, intake, system_clock(), Arc::clone(&board), stop.clone())?;
            Some(door.open(push).await?)
        }
        None => None,
    };
    let collecting = collector.run(sites, stop.clone());
    let both = async move {
        collecting.await;
        if let Some(door) = door {
            let _ = door.await;
        }
    };
    Ok((tokio::spawn(both), board))
}

/// The signals that the service listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}
