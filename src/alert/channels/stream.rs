//! The alert stream: a Unix socket on which whoever may open it reads alerts as lines of JSON, the latest first
//! replayed, then as they come. `vigie notify-agent` follows it from a user's session.
//!
//! Who may connect is a matter of the socket's permissions: owner and group, nobody else. Readers that are slow miss
//! lines rather than hold anything up, and catch up when they connect again.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, broadcast};

use super::SetupError;
use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use crate::alert::escape;
use crate::alert::settings::Clearance;
use crate::model::{Alert, AlertState, Change, SettingProblem};
use crate::store::{AlertFilter, Store};

/// Readers at one time.
const READERS: usize = 32;

/// Lines a reader may be behind before it misses some.
const BEHIND: usize = 256;

/// Longest time for one line to be taken; a reader that stopped reading is let go.
const PATIENCE: Duration = Duration::from_secs(10);

/// `stream` of a channel, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// The socket; relative to the configuration's folder. Its folder decides who can reach it: `/run/vigie/alerts`.
    pub path: PathBuf,
    /// Alerts replayed to who connects, 0 to 1,000. Default: 20.
    pub replay: Option<usize>,
}

/// `stream` of a channel, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    path: PathBuf,
    replay: usize,
}

impl RawSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<Settings, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let path = base.join(&self.path);
        if self.path.file_name().is_none() {
            problems.push(SettingProblem::new("path", "names no socket; hint: \"/run/vigie/alerts\""));
        } else if path.as_os_str().len() > 100 {
            problems.push(SettingProblem::new("path", "is too long for a socket; hint: at most 100 bytes"));
        }
        let replay = self.replay.unwrap_or(20);
        if replay > 1_000 {
            problems.push(SettingProblem::new("replay", format!("is {replay}; hint: use 0 to 1000")));
        }
        if problems.is_empty() { Ok(Settings { path, replay }) } else { Err(problems) }
    }
}

/// One line of the stream. The names are a contract with the agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StreamLine {
    /// Why it is told.
    pub change: Change,
    /// Whether it is told again to a reader that has just connected.
    pub replayed: bool,
    /// Whether content is held back because of the alert's TLP.
    pub withheld: bool,
    /// The alert.
    pub alert: Alert,
}

/// The channel.
pub struct StreamChannel {
    lines: broadcast::Sender<Arc<str>>,
    accepting: tokio::task::JoinHandle<()>,
    path: PathBuf,
}

impl StreamChannel {
    /// Opens the socket, in place of one that a former run left behind. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the socket cannot be opened.
    pub fn listen(settings: &Settings, clearance: Clearance, store: Arc<dyn Store>) -> Result<Self, SetupError> {
        let path = settings.path.clone();
        let listener = bind(&path).map_err(|source| SetupError::Open { path: path.clone(), source })?;
        let (lines, _) = broadcast::channel(BEHIND);
        let replay = Replay { store, count: settings.replay, clearance };
        let accepting = tokio::spawn(accept(listener, lines.clone(), Arc::new(replay)));
        Ok(Self { lines, accepting, path })
    }
}

impl Drop for StreamChannel {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Nobody can connect between the making of the socket and its permissions: it is made under another name.
fn bind(path: &Path) -> std::io::Result<UnixListener> {
    if let Ok(about) = std::fs::symlink_metadata(path)
        && !about.file_type().is_socket()
    {
        return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, "something else than a socket is there"));
    }
    let making = path.with_extension("new");
    let _ = std::fs::remove_file(&making);
    let listener = UnixListener::bind(&making)?;
    std::fs::set_permissions(&making, std::fs::Permissions::from_mode(0o660))?;
    std::fs::rename(&making, path)?;
    Ok(listener)
}

struct Replay {
    store: Arc<dyn Store>,
    count: usize,
    clearance: Clearance,
}

impl Replay {
    /// The latest alerts, oldest first.
    fn lines(&self) -> Vec<Arc<str>> {
        if self.count == 0 {
            return Vec::new();
        }
        let filter = AlertFilter { limit: self.count, ..AlertFilter::default() };
        // A store that fails now is told of by everybody who writes to it.
        let alerts = self.store.alerts(&filter).unwrap_or_default();
        let line = |alert: Alert| {
            let change = match (alert.state, alert.revision) {
                (AlertState::Open, 1) => Change::Raised,
                (AlertState::Open, _) => Change::Updated,
                (AlertState::Acknowledged, _) => Change::Acknowledged,
                (AlertState::Closed, _) => Change::Closed,
            };
            let notice = Notice::new(alert, change, None, self.clearance);
            written(&notice, true).ok()
        };
        alerts.into_iter().rev().filter_map(line).collect()
    }
}

fn written(notice: &Notice, replayed: bool) -> Result<Arc<str>, DeliveryError> {
    let line = StreamLine { change: notice.change, replayed, withheld: notice.withheld, alert: notice.alert.clone() };
    let mut text =
        escape::json(&line).map_err(|e| DeliveryError::refused(format!("cannot be written as JSON: {e}")))?;
    text.push('\n');
    Ok(text.into())
}

async fn accept(listener: UnixListener, lines: broadcast::Sender<Arc<str>>, replay: Arc<Replay>) {
    let places = Arc::new(Semaphore::new(READERS));
    let mut readers = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                // Subscribed before the replay is read: a line that comes in between is read twice rather than never.
                let live = lines.subscribe();
                let replay = Arc::clone(&replay);
                readers.spawn(async move {
                    let _place = place;
                    // A reader that goes away has its reasons.
                    let _ = serve(stream, live, replay).await;
                });
            }
            // Out of file descriptors, most likely: others will be free soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
        while readers.try_join_next().is_some() {}
    }
}

async fn serve(
    stream: UnixStream,
    mut live: broadcast::Receiver<Arc<str>>,
    replay: Arc<Replay>,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let told = tokio::task::spawn_blocking(move || replay.lines()).await.unwrap_or_default();
    for line in told {
        write(&mut writer, &line).await?;
    }
    loop {
        tokio::select! {
            line = live.recv() => match line {
                Ok(line) => write(&mut writer, &line).await?,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
            // Readers say nothing: readable means gone.
            _ = reader.readable() => {
                let mut byte = [0];
                match reader.try_read(&mut byte) {
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                    _ => return Ok(()),
                }
            }
        }
    }
}

async fn write(writer: &mut tokio::net::unix::OwnedWriteHalf, line: &str) -> std::io::Result<()> {
    tokio::time::timeout(PATIENCE, writer.write_all(line.as_bytes())).await?
}

impl Channel for StreamChannel {
    fn kind(&self) -> &'static str {
        "stream"
    }

    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        Ok(written(notice, false)?.as_bytes().to_vec())
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            // Nobody listening is no failure: who connects later is told of the latest alerts.
            let _ = self.lines.send(written(notice, false)?);
            Ok(Receipt::default())
        }
        .boxed()
    }
}
