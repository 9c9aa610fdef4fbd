//! Changes of the operator's files, noticed as they happen and gathered: an editor or a build touches a file many
//! times, and it is read again once.

use std::path::Path;
use std::time::Duration;

use notify::event::ModifyKind;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::config::Config;
use crate::telemetry::events;

/// What has to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Watchlists or their indexes.
    Watchlists,
    /// The configuration or the folder of sites.
    Sites,
    /// All of it.
    Everything,
}

impl Changed {
    fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Everything }
    }
}

/// How long it must have been quiet.
const QUIET: Duration = Duration::from_millis(300);
/// The longest that gathering may take.
const LONGEST: Duration = Duration::from_secs(5);

/// Starts watching. Where the system does not tell of changes, SIGHUP still does: that is told, and no error.
pub fn watch(config: &Config) -> (mpsc::Receiver<Changed>, Option<RecommendedWatcher>) {
    let (noticed, notices) = mpsc::channel(64);
    let (gathered, changes) = mpsc::channel(1);
    tokio::spawn(gather(notices, gathered));
    let watchlists = config.watchlists.canonicalize().unwrap_or_else(|_| config.watchlists.clone());
    let sorted = watchlists.clone();
    let handler = move |event: notify::Result<Event>| {
        let Ok(event) = event else { return };
        if let Some(changed) = changed(&event, &sorted) {
            // Full means that a change is noticed already.
            let _ = noticed.try_send(changed);
        }
    };
    let watcher = notify::recommended_watcher(handler).and_then(|mut watcher| {
        watcher.watch(&watchlists, RecursiveMode::Recursive)?;
        if let Some(folder) = &config.sites_folder {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        if let Some(folder) = config.file.canonicalize().ok().as_deref().and_then(Path::parent) {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    });
    match watcher {
        Ok(watcher) => (changes, Some(watcher)),
        Err(error) => {
            events::changes_unnoticed(&error);
            (changes, None)
        }
    }
}

/// What an event means, if anything. Reading a file is no change, nor are the hidden and temporary files of editors
/// and builds.
fn changed(event: &Event, watchlists: &Path) -> Option<Changed> {
    let means_something = match event.kind {
        EventKind::Create(_) | EventKind::Remove(_) => true,
        EventKind::Modify(kind) => !matches!(kind, ModifyKind::Metadata(_)),
        _ => false,
    };
    let ours = |path: &&std::path::PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let hidden = name.starts_with('.') || name.ends_with('~');
        let known = path.extension().is_none_or(|e| ["toml", "vfi", "yar", "yara"].iter().any(|known| e == *known));
        !hidden && known
    };
    let path = event.paths.iter().find(ours).filter(|_| means_something)?;
    if path.starts_with(watchlists) {
        return Some(Changed::Watchlists);
    }
    // The configuration's folder may hold the state too: only its TOML files matter.
    path.extension().is_some_and(|e| e == "toml").then_some(Changed::Sites)
}

/// Waits for quiet and passes one change on.
async fn gather(mut notices: mpsc::Receiver<Changed>, gathered: mpsc::Sender<Changed>) {
    while let Some(mut changed) = notices.recv().await {
        let latest = Instant::now() + LONGEST;
        while let Ok(Some(more)) = timeout_at(latest.min(Instant::now() + QUIET), notices.recv()).await {
            changed = changed.and(more);
        }
        if gathered.send(changed).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind, DataChange};

    use super::*;

    fn event(kind: EventKind, path: &str) -> Option<Changed> {
        changed(&Event::new(kind).add_path(path.into()), Path::new("/w"))
    }

    #[test]
    fn only_changes_of_our_files_count() {
        let create = EventKind::Create(CreateKind::File);
        let write = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        assert_eq!(event(create, "/w/crm/2026-08-01.vfi"), Some(Changed::Watchlists));
        assert_eq!(event(write, "/w/words/terms.toml"), Some(Changed::Watchlists));
        assert_eq!(event(write, "/w/words/rules.yar"), Some(Changed::Watchlists));
        assert_eq!(event(create, "/w/new-system"), Some(Changed::Watchlists));
        assert_eq!(event(write, "/etc/vigie/vigie.toml"), Some(Changed::Sites));
        for (kind, path) in [
            (EventKind::Access(AccessKind::Read), "/w/crm/2026-08-01.vfi"),
            (write, "/w/crm/.2026-08-01.vfi.build"),
            (write, "/etc/vigie/vigie.toml~"),
            (write, "/etc/vigie/state/vigie.db-wal"),
        ] {
            assert_eq!(event(kind, path), None, "{path}");
        }
        assert_eq!(Changed::Sites.and(Changed::Watchlists), Changed::Everything);
    }
}
