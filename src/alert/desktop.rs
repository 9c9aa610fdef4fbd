//! The agent in a user's session: follows the service's alert stream and shows desktop notices through the session's
//! notification service, which a service under a user of its own cannot reach.
//!
//! A notice carries little: what happened, how many, from where, how urgent. Everything in it is escaped, because
//! notification services read markup.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use futures_util::future::BoxFuture;
use notify_rust::{Hint, Notification, Timeout, Urgency};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use super::channels::stream::StreamLine;
use super::escape;
use crate::model::{AlertId, Change, Severity};

/// Longest line taken from the stream, bytes.
const LINE: u64 = 8 << 20;

/// Characters of a notice's text.
const TEXT: usize = 400;

/// Replayed alerts shown when the agent connects; the rest is only counted.
const SHOWN_AT_START: usize = 3;

/// Alerts whose notices are remembered, to replace them and not to show one twice.
const REMEMBERED: usize = 1_000;

/// A notice, ready to be shown: all text is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesktopNotice {
    /// The alert, if it is about one.
    pub alert: Option<AlertId>,
    /// One line, plain.
    pub summary: String,
    /// A few lines with markup escaped.
    pub body: String,
    /// Whether it stays until it is clicked away.
    pub urgent: bool,
}

/// Shows notices.
pub trait Desktop: Send {
    /// Shows one, in place of an earlier one about the same alert.
    fn show<'a>(&'a mut self, notice: &'a DesktopNotice) -> BoxFuture<'a, Result<(), String>>;
}

/// The session's notification service.
#[derive(Default)]
pub struct Session {
    shown: HashMap<AlertId, u32>,
}

impl Desktop for Session {
    fn show<'a>(&'a mut self, notice: &'a DesktopNotice) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let mut shown = Notification::new();
            shown.appname("vigie").summary(&notice.summary).body(&notice.body).icon("dialog-warning");
            shown.hint(Hint::Category("network".into()));
            shown.urgency(if notice.urgent { Urgency::Critical } else { Urgency::Normal });
            shown.timeout(if notice.urgent { Timeout::Never } else { Timeout::Default });
            if let Some(id) = notice.alert.and_then(|alert| self.shown.get(&alert)) {
                shown.id(*id);
            }
            let handle = shown.show_async().await.map_err(|e| e.to_string())?;
            if let Some(alert) = notice.alert {
                if self.shown.len() >= REMEMBERED {
                    self.shown.clear();
                }
                self.shown.insert(alert, handle.id());
            }
            Ok(())
        })
    }
}

/// Follows the stream on `socket` until told to stop, connecting again whenever it breaks.
pub async fn run_agent(socket: &Path, desktop: &mut dyn Desktop, stop: &CancellationToken) {
    let mut told = HashMap::new();
    let mut pause = Duration::from_secs(1);
    loop {
        let followed = tokio::select! {
            followed = follow(socket, desktop, &mut told) => followed,
            () = stop.cancelled() => return,
        };
        match followed {
            Ok(()) => pause = Duration::from_secs(1),
            Err(error) => {
                tracing::warn!(event = "agent.disconnected", %error, retry_s = pause.as_secs(), "alert stream not there");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
        pause = (pause * 2).min(Duration::from_secs(60));
    }
}

/// Follows one connection to its end. `told` holds the revision last shown of each alert.
async fn follow(
    socket: &Path,
    desktop: &mut dyn Desktop,
    told: &mut HashMap<AlertId, (u32, Change)>,
) -> std::io::Result<()> {
    let stream = UnixStream::connect(socket).await?;
    let mut lines = BufReader::new(stream);
    let mut held_back = 0;
    let mut replayed: Vec<StreamLine> = Vec::new();
    loop {
        let mut line = Vec::new();
        (&mut lines).take(LINE).read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            // The end, or a line longer than any of ours.
            return Ok(());
        }
        let Ok(line) = serde_json::from_slice::<StreamLine>(&line) else { continue };
        let now = (line.alert.revision, line.change);
        if told.get(&line.alert.id).is_some_and(|(revision, change)| *revision > now.0 || (*revision, *change) == now) {
            continue;
        }
        if told.len() >= REMEMBERED {
            told.clear();
        }
        told.insert(line.alert.id, now);
        if line.replayed {
            if matches!(line.change, Change::Acknowledged | Change::Closed) {
                continue;
            }
            replayed.push(line);
            if replayed.len() > SHOWN_AT_START {
                replayed.remove(0);
                held_back += 1;
            }
            // The replay comes in one go: what is buffered belongs to it.
            if !lines.buffer().is_empty() {
                continue;
            }
        } else {
            replayed.push(line);
        }
        for line in replayed.drain(..) {
            show(desktop, &notice(&line)).await;
        }
        if std::mem::take(&mut held_back) > 0 {
            let body = "Older alerts are open too: see `vigie alerts list`.".to_owned();
            let summary = "vigie: more open alerts".to_owned();
            show(desktop, &DesktopNotice { alert: None, summary, body, urgent: false }).await;
        }
    }
}

async fn show(desktop: &mut dyn Desktop, notice: &DesktopNotice) {
    if let Err(error) = desktop.show(notice).await {
        tracing::warn!(event = "agent.not_shown", error, "the desktop shows no notice");
    }
}

/// What is shown of a line.
#[must_use]
pub fn notice(line: &StreamLine) -> DesktopNotice {
    let alert = &line.alert;
    let what = match line.change {
        Change::Raised => "new alert",
        Change::Updated => "alert updated",
        Change::Acknowledged => "alert taken",
        Change::Closed => "alert closed",
        Change::Escalated => "nobody has taken this alert",
        Change::Digest => "digest",
        Change::Test => "test, nothing has leaked",
    };
    let mut body = escape::html(&escape::line(&alert.headline, TEXT));
    if let Some(document) = alert.documents.last() {
        let title = document.title.as_deref().unwrap_or(&document.name);
        body.push_str(&format!(
            "\n{} on {}",
            escape::html(&escape::line(title, 80)),
            escape::html(document.site.as_str())
        ));
    }
    if alert.documents.len() > 1 {
        body.push_str(&format!("\n{} documents", alert.documents.len()));
    }
    DesktopNotice {
        alert: Some(alert.id),
        summary: escape::line(&format!("vigie: {what} ({}, TLP:{})", alert.severity, alert.tlp), 120),
        body,
        urgent: alert.severity >= Severity::High && matches!(line.change, Change::Raised | Change::Escalated),
    }
}
