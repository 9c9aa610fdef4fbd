//! What documents are held against, loaded from the folder of watchlists, and replaced as a whole when that changes.
//!
//! A set is built beside the one in use and takes its place when it is complete; documents that are being judged keep
//! the set they began with. What cannot be loaded is left out with its reason, and the rest is used.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use crate::config::{RecordWatchlist, Watchlists, read_watchlists};
use crate::fingerprint::{Catalogue, Countries, Keyring, SnapshotIndex};
use crate::matching::{Matcher, Terms};
use crate::model::{SystemId, TermWatchlist};
use crate::telemetry::events;

/// What is kept beside the watchlists, so that starting with many indexes is quick. Hidden files are neither read as watchlists nor do they mean
/// that something has changed.
const PREFILTER: &str = ".prefilter";

/// A watchlist or index that is not used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The file or folder.
    pub path: PathBuf,
    /// The reason.
    pub reason: String,
}

/// A loaded set of watchlists.
pub struct Engine {
    /// What documents are held against.
    pub matcher: Matcher,
    /// The record watchlists in use.
    pub records: Vec<RecordWatchlist>,
    /// The term watchlists in use.
    pub terms: Vec<TermWatchlist>,
    /// What is left out.
    pub refused: Vec<Refusal>,
}

/// Where watchlists come from.
#[derive(Clone)]
pub struct Sources {
    /// The folder of watchlists.
    pub folder: PathBuf,
    /// The keys that their indexes were built with.
    pub keys: Arc<Keyring>,
    /// The countries whose national forms are read.
    pub countries: Countries,
}

impl Engine {
    /// Loads everything below the folder. Never fails: what cannot be used is in `refused`.
    #[must_use]
    pub fn load(sources: &Sources) -> Self {
        Self::assemble(sources, read_watchlists(&sources.folder))
    }

    /// Loads it again. A watchlist whose file has become faulty stays as it was declared before: an analyst's typing
    /// error must not open a hole.
    #[must_use]
    pub fn reload(&self, sources: &Sources) -> Self {
        let mut lists = read_watchlists(&sources.folder);
        let faulty = |id: &SystemId| sources.folder.join(id.as_str()).is_dir();
        for list in &self.records {
            let known = lists.records.iter().any(|now| now.watchlist.id == list.watchlist.id);
            let replaced = lists.terms.iter().any(|now| now.id == list.watchlist.id);
            if !known && !replaced && faulty(&list.watchlist.id) {
                lists.records.push(list.clone());
            }
        }
        for list in &self.terms {
            let known = lists.terms.iter().any(|now| now.id == list.id);
            let replaced = lists.records.iter().any(|now| now.watchlist.id == list.id);
            if !known && !replaced && faulty(&list.id) {
                lists.terms.push(list.clone());
            }
        }
        Self::assemble(sources, lists)
    }

    fn assemble(sources: &Sources, lists: Watchlists) -> Self {
        let started = Instant::now();
        let mut refused: Vec<Refusal> = lists
            .problems
            .iter()
            .map(|problem| Refusal { path: problem.file.clone(), reason: problem.to_string() })
            .collect();
        let indexes: Vec<(SystemId, PathBuf)> = lists
            .records
            .iter()
            .flat_map(|list| list.indexes.iter().map(|file| (list.watchlist.id.clone(), file.clone())))
            .collect();
        let kept = sources.folder.join(PREFILTER);
        let (catalogue, errors) = Catalogue::open_kept(&indexes, &sources.keys, sources.countries.clone(), Some(&kept));
        refused.extend(errors.iter().map(|error| Refusal { path: error.path.clone(), reason: error.to_string() }));
        let (terms, used) = compile(lists.terms, &sources.folder, &mut refused);
        let engine = Self {
            matcher: Matcher::new(Arc::new(catalogue), Arc::new(terms)),
            records: lists.records,
            terms: used,
            refused,
        };
        engine.tell(started);
        engine
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.matcher.catalogue().indexes().is_empty() && self.terms.is_empty()
    }

    /// The same without the indexes that have turned out to be damaged while they were needed.
    fn without_damaged(&self, sources: &Sources) -> Self {
        let damaged: Vec<_> = self.matcher.catalogue().indexes().iter().filter_map(SnapshotIndex::damage).collect();
        let mut lists =
            Watchlists { records: self.records.clone(), terms: self.terms.clone(), ..Watchlists::default() };
        for list in &mut lists.records {
            list.indexes.retain(|file| !damaged.iter().any(|error| error.path == *file));
        }
        let mut engine = Self::assemble(sources, lists);
        let damaged = damaged.iter().map(|error| Refusal { path: error.path.clone(), reason: error.to_string() });
        engine.refused.extend(self.refused.iter().cloned().chain(damaged));
        engine
    }

    fn tell(&self, started: Instant) {
        let indexes = self.matcher.catalogue().indexes();
        let records = indexes.iter().map(|index| u64::from(index.records())).sum();
        let terms = self.terms.iter().map(TermWatchlist::term_count).sum();
        events::watchlists_loaded(self.records.len(), indexes.len(), records, terms, started.elapsed());
        events::watchlists_refused(self.refused.len());
        for refusal in &self.refused {
            events::watchlist_refused(&refusal.path, &refusal.reason);
        }
    }
}

/// All term watchlists together; where that fails, those that compile by themselves.
fn compile(lists: Vec<TermWatchlist>, folder: &Path, refused: &mut Vec<Refusal>) -> (Terms, Vec<TermWatchlist>) {
    if let Ok(terms) = Terms::new(&lists) {
        return (terms, lists);
    }
    let mut sound = Vec::new();
    for list in lists {
        match Terms::new(std::slice::from_ref(&list)) {
            Ok(_) => sound.push(list),
            Err(errors) => refused
                .extend(errors.iter().map(|e| Refusal { path: folder.join(list.id.as_str()), reason: e.to_string() })),
        }
    }
    // Sound ones may still be too many for one automaton; then the last goes, and is named.
    loop {
        match Terms::new(&sound) {
            Ok(terms) => return (terms, sound),
            Err(errors) => {
                let Some(last) = sound.pop() else { unreachable!("no terms always compile") };
                let reason = errors.first().map(ToString::to_string).unwrap_or_default();
                refused.push(Refusal { path: folder.join(last.id.as_str()), reason });
            }
        }
    }
}

/// The set in use, shared by everybody who judges. Taking it is a reference count; replacing it waits for nobody.
#[derive(Clone)]
pub struct Current(Arc<RwLock<Arc<Engine>>>);

impl Current {
    /// Starts with this set.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(engine))))
    }

    /// The set in use now.
    #[must_use]
    pub fn get(&self) -> Arc<Engine> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another set in use.
    pub fn replace(&self, engine: Engine) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(engine);
    }

    /// Takes the damaged indexes of `met` out of use, unless another thread has done so already.
    pub(super) fn drop_damaged(&self, met: &Arc<Engine>, sources: &Sources) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, met) {
            *current = Arc::new(met.without_damaged(sources));
        }
    }
}
