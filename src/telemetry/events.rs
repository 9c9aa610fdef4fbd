//! The events worth telling: one function each, with one fixed sentence, the fields that go with it, and the metrics
//! that it moves. `event` is the stable name to search and alert on.
//!
//! Fields are identifiers of ours, counts, times and errors. Titles, authors and addresses come from posters and are
//! left to the alert, which escapes them for where it goes.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use tracing::{debug, error, info, warn};

use super::metrics::{
    ByChannelOutcome, ByOutcome, ByReason, BySite, BySiteOutcome, BySiteTrouble, ByStatus, ByVerdict, metrics,
};
use crate::model::{AlertId, PostId, ScanReport, SiteId, Skip, SkipReason, Verdict};

/// An error with its causes, one after another, on one line.
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

fn now_seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The service has read its configuration and begins.
pub fn service_started(config: &Path) {
    info!(event = "service.started", version = env!("CARGO_PKG_VERSION"), config = %config.display(), "vigie starts");
}

/// Everything stands; posts are collected and judged.
pub fn service_ready(sites: usize, channels: usize, took: Duration) {
    info!(event = "service.ready", sites, channels, ms = took.as_millis() as u64, "ready");
}

/// A stop was asked for; what is in flight is finished.
pub fn service_draining() {
    info!(event = "service.draining", "stopping: no new posts are taken, those in flight are finished");
}

/// Draining took too long; what has no verdict yet is in the queue and is judged after the next start.
pub fn drain_cut_short(after: Duration) {
    warn!(event = "service.drain_cut_short", s = after.as_secs(), "stopping before everything in flight was finished");
}

/// Where health and metrics are asked for.
pub fn health_listening(address: std::net::SocketAddr) {
    info!(event = "health.listening", %address, "health and metrics");
}

/// Health and metrics answer no longer.
pub fn health_failed(error: &dyn Error) {
    error!(event = "health.failed", error = %Chain(error), "health and metrics answer no longer");
}

/// Where posts can be pushed to.
pub fn push_listening(address: std::net::SocketAddr) {
    info!(event = "push.listening", %address, "posts can be pushed");
}

/// Posts cannot be pushed any more.
pub fn push_failed(error: &dyn Error) {
    error!(event = "push.failed", error = %Chain(error), "posts can be pushed no longer");
}

/// A push was turned away with this status.
pub fn push_turned_away(status: u16) {
    metrics().push_turned_away.get_or_create(&ByStatus { status }).inc();
    debug!(event = "push.turned_away", status, "a push was turned away");
}

/// The system does not tell of changed files.
pub fn changes_unnoticed(error: &dyn Error) {
    warn!(event = "service.changes_unnoticed", error = %Chain(error), "changed files are read again only after SIGHUP");
}

/// Drained.
pub fn service_stopped(took: Duration) {
    info!(event = "service.stopped", ms = took.as_millis() as u64, "stopped");
}

/// A thread panicked. Its message may quote a value, so only the place is told.
pub fn panicked(place: &str) {
    error!(
        event = "service.panicked",
        place, "a thread panicked; its message is withheld because it may quote content"
    );
}

/// A site was read to the end of what it had to say.
pub fn site_polled(site: &SiteId, listed: usize, accepted: usize, took: Duration) {
    let label = site.to_string();
    metrics().site_polls.get_or_create(&BySiteOutcome { site: label.clone(), outcome: "ok" }).inc();
    metrics().site_last_success.get_or_create(&BySite { site: label }).set(now_seconds());
    debug!(event = "site.polled", %site, listed, accepted, ms = took.as_millis() as u64, "site read");
}

/// A site could not be read this time.
pub fn site_failed(site: &SiteId, error: &dyn Error, retry_in: Duration) {
    metrics().site_polls.get_or_create(&BySiteOutcome { site: site.to_string(), outcome: "failed" }).inc();
    warn!(event = "site.failed", %site, error = %Chain(error), retry_s = retry_in.as_secs(), "site could not be read");
}

/// A request was sent to a site.
pub fn site_asked(site: &SiteId) {
    metrics().site_requests.get_or_create(&BySite { site: site.to_string() }).inc();
}

/// A login was tried.
pub fn site_login(site: &SiteId, ok: bool) {
    info!(event = "site.login", %site, ok, "logged in to a site, or tried to");
}

/// Something is wrong with the watch on a site, or is no longer: told once each.
pub fn site_trouble(site: &SiteId, trouble: &'static str, what: Option<&str>) {
    site_troubled(site, trouble, what.is_some());
    match what {
        Some(what) => warn!(event = "site.trouble", %site, trouble, what, "a site is not seen as it should be"),
        None => info!(event = "site.trouble_over", %site, trouble, "a site is seen again as it should be"),
    }
}

/// Whether something is wrong with the watch on a site.
pub fn site_troubled(site: &SiteId, trouble: &'static str, now: bool) {
    metrics().site_trouble.get_or_create(&BySiteTrouble { site: site.to_string(), trouble }).set(now.into());
}

/// Posts that were read are no longer there.
pub fn posts_deleted(site: &SiteId, post: &PostId, posts: usize) {
    metrics().posts_deleted.get_or_create(&BySite { site: site.to_string() }).inc_by(posts as u64);
    info!(event = "post.deleted", %site, %post, posts, "posts that were read are no longer there");
}

/// How long after its date a post was first seen.
pub fn post_seen_after(seconds: f64) {
    metrics().seen_delay_seconds.observe(seconds);
}

/// A post is in the queue, safely.
pub fn post_accepted(site: &SiteId, post: &PostId, documents: usize, bytes: usize) {
    metrics().posts_accepted.get_or_create(&BySite { site: site.to_string() }).inc();
    debug!(event = "post.accepted", %site, %post, documents, bytes, "post accepted");
}

/// A post's verdict is committed and the post is gone from the queue.
pub fn post_settled(site: &SiteId, post: &PostId, verdict: Verdict, took: Duration) {
    metrics().posts_settled.inc();
    metrics().settle_seconds.observe(took.as_secs_f64());
    debug!(event = "post.settled", %site, %post, verdict = verdict.name(), ms = took.as_millis() as u64, "post settled");
}

/// A post could not be judged or its verdict not committed; it stays in the queue.
pub fn post_retried(post: &PostId, error: &dyn Error, retry_in: Duration) {
    metrics().posts_retried.inc();
    warn!(event = "post.retried", %post, error = %Chain(error), retry_s = retry_in.as_secs(), "post is tried again");
}

/// A post was given up as unreadable after several tries and is reported as such.
pub fn post_quarantined(post: &PostId, attempts: u32) {
    metrics().posts_quarantined.inc();
    error!(event = "post.quarantined", %post, attempts, "post could not be read and was set aside");
}

/// A document was judged.
pub fn document_judged(site: &SiteId, post: &PostId, report: &ScanReport, took: Duration) {
    metrics().documents.get_or_create(&ByVerdict { verdict: report.verdict.name() }).inc();
    metrics().bytes_read.inc_by(report.bytes);
    metrics().rows_read.inc_by(report.rows);
    for skip in &report.skipped {
        content_skipped(post, skip);
    }
    let best = report.attribution.first();
    debug!(
        event = "document.judged",
        %site,
        %post,
        verdict = report.verdict.name(),
        system = best.map(|a| a.system.as_str()),
        probability = best.map(|a| a.probability),
        records = best.map(|a| a.records),
        rows = report.rows,
        bytes = report.bytes,
        ms = took.as_millis() as u64,
        "document judged"
    );
}

/// So many more bytes of documents, as received, are done with.
pub fn bytes_done(bytes: u64) {
    metrics().bytes_done.inc_by(bytes);
}

/// A long document is being read.
pub fn document_progress(post: &PostId, done: u64, bytes: u64) {
    info!(event = "document.progress", %post, done, bytes, "a long document is being read");
}

/// The reading of a long document, which was interrupted, goes on.
pub fn document_resumed(post: &PostId, done: u64, bytes: u64) {
    info!(event = "document.resumed", %post, done, bytes, "the reading of a long document goes on where it was interrupted");
}

/// What is known of a long document could not be kept.
pub fn checkpoint_failed(post: &PostId, error: &dyn Error) {
    let error = Chain(error);
    warn!(event = "document.checkpoint_failed", %post, %error, "an interruption would cost more of a long document");
}

/// Part of a document was not read.
pub fn content_skipped(post: &PostId, skip: &Skip) {
    metrics().skipped.get_or_create(&ByReason { reason: skip.reason.name() }).inc();
    if skip.reason == SkipReason::Encrypted {
        warn!(event = "content.locked", %post, "an encrypted archive: no password found with the post opens it");
    }
    info!(event = "content.skipped", %post, reason = skip.reason.name(), "part of a post was not read");
}

/// The queue gives no posts; it is asked again.
pub fn queue_failed(error: &dyn Error, retry_in: Duration) {
    error!(event = "queue.failed", error = %Chain(error), retry_s = retry_in.as_secs(), "the queue gives no posts");
}

/// Watchlists were loaded and are in use from here on.
pub fn watchlists_loaded(systems: usize, indexes: usize, records: u64, terms: usize, took: Duration) {
    metrics().watchlist_systems.set(systems as i64);
    metrics().watchlist_indexes.set(indexes as i64);
    metrics().watchlist_records.set(records as i64);
    let ms = took.as_millis() as u64;
    info!(event = "watchlists.loaded", systems, indexes, records, terms, ms, "watchlists in use");
}

/// How many indexes and watchlists the last load refused.
pub fn watchlists_refused(count: usize) {
    metrics().watchlist_refused.set(count as i64);
}

/// An index or watchlist cannot be used; the others go on.
pub fn watchlist_refused(path: &Path, reason: &dyn fmt::Display) {
    error!(event = "watchlist.refused", path = %path.display(), %reason, "watchlist or index refused; the others go on");
}

/// Watchlists and sites were read again.
pub fn reloaded(what: &'static str) {
    metrics().reloads.get_or_create(&ByOutcome { outcome: "ok" }).inc();
    info!(event = "service.reloaded", what, "reloaded");
}

/// What was to be read again has errors; what stood before stays in use.
pub fn reload_failed(what: &'static str, error: &dyn fmt::Display) {
    metrics().reloads.get_or_create(&ByOutcome { outcome: "failed" }).inc();
    error!(event = "service.reload_failed", what, %error, "reload refused; what stood before stays in use");
}

/// A new incident.
pub fn alert_raised(alert: AlertId, verdict: Verdict) {
    metrics().alerts_raised.get_or_create(&ByVerdict { verdict: verdict.name() }).inc();
    info!(event = "alert.raised", %alert, verdict = verdict.name(), "alert raised");
}

/// A further document joined an incident, or its assessment changed.
pub fn alert_updated(alert: AlertId, revision: u32) {
    metrics().alerts_updated.inc();
    info!(event = "alert.updated", %alert, revision, "alert updated");
}

/// A matching post was captured.
pub fn evidence_captured(post: &PostId, id: &str, bytes: u64) {
    metrics().evidence_captures.get_or_create(&ByOutcome { outcome: "ok" }).inc();
    info!(event = "evidence.captured", %post, id, bytes, "post captured as evidence");
}

/// A matching post could not be captured; its alert says so.
pub fn evidence_failed(post: &PostId, error: &dyn Error) {
    metrics().evidence_captures.get_or_create(&ByOutcome { outcome: "failed" }).inc();
    error!(event = "evidence.failed", %post, error = %Chain(error), "post could not be captured; its alert goes on");
}

/// A capture has its time-stamp.
pub fn evidence_stamped(id: &str, at: jiff::Timestamp, signature_checked: bool) {
    info!(event = "evidence.stamped", id, %at, signature_checked, "capture time-stamped");
}

/// The time-stamping authority did not stamp; the capture waits.
pub fn stamp_failed(id: &str, error: &dyn Error, retry_in: Duration) {
    let retry_s = retry_in.as_secs();
    warn!(event = "evidence.stamp_failed", id, error = %Chain(error), retry_s, "capture could not be time-stamped yet");
}

/// A capture's time was over.
pub fn evidence_deleted(id: &str, rule: &str) {
    info!(event = "evidence.deleted", id, rule, "capture deleted; its time was over");
}

/// Something whose time is over could not be deleted; it is tried again at the next round.
pub fn retention_failed(what: &'static str, error: &dyn Error) {
    error!(event = "retention.failed", what, error = %Chain(error), "what is to be deleted could not be");
}

/// What a round of retention removed besides captures.
pub fn retention_done(captures: usize, alerts: u64, seen: u64) {
    info!(event = "retention.done", captures, alerts, seen, "retention went its round");
}

/// The head of the audit log, signed. In the journal it is out of reach of whoever edits the log.
pub fn audit_checkpoint(seq: u64, hash: &str) {
    info!(event = "audit.checkpoint", seq, hash, "audit log signed up to here");
}

/// The audit log could not be written.
pub fn audit_failed(error: &dyn Error) {
    error!(event = "audit.failed", error = %Chain(error), "the audit log could not be written");
}

fn delivery(channel: &str, outcome: &'static str) {
    metrics().deliveries.get_or_create(&ByChannelOutcome { channel: channel.to_owned(), outcome }).inc();
}

/// A channel has an alert.
pub fn alert_delivered(channel: &str, alert: AlertId, revision: u32) {
    delivery(channel, "delivered");
    info!(event = "alert.delivered", channel, %alert, revision, "alert delivered");
}

/// A channel could not be reached; the entry stays in the outbox.
pub fn delivery_retried(channel: &str, alert: AlertId, error: &dyn Error, retry_in: Duration) {
    delivery(channel, "retried");
    let retry_s = retry_in.as_secs();
    warn!(event = "alert.retried", channel, %alert, error = %Chain(error), retry_s, "alert could not be delivered yet");
}

/// A channel refuses an alert for good; a person has to look.
pub fn delivery_dead(channel: &str, alert: AlertId, error: &dyn Error) {
    delivery(channel, "dead");
    error!(event = "alert.dead", channel, %alert, error = %Chain(error), "alert cannot be delivered");
}

/// The outbox's length, told after every change.
pub fn outbox_pending(entries: u64) {
    metrics().outbox_pending.set(entries as i64);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is in a report's list of what was not read moves the counter of its kind.
    #[test]
    fn every_kind_of_cut_is_counted() {
        let count = |reason: SkipReason| metrics().skipped.get_or_create(&ByReason { reason: reason.name() }).get();
        let before = SkipReason::ALL.map(count);
        let report = ScanReport {
            document: "p/d".to_owned(),
            blake3: String::new(),
            verdict: Verdict::Clear,
            attribution: Vec::new(),
            outside: 1.0,
            rows: 0,
            terms: Vec::new(),
            bytes: 0,
            skipped: SkipReason::ALL.map(|reason| Skip::new("", reason, "a limit")).to_vec(),
        };
        document_judged(&"s".parse().unwrap(), &PostId("s:p".to_owned()), &report, Duration::ZERO);
        let text = metrics().render();
        for (reason, before) in SkipReason::ALL.into_iter().zip(before) {
            // Other tests may count too.
            assert!(count(reason) > before, "{}", reason.name());
            assert!(text.contains(&format!("vigie_skipped_total{{reason=\"{}\"}}", reason.name())));
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot read the site")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("connection reset"));
        assert_eq!(Chain(&error).to_string(), "cannot read the site: connection reset");
    }
}
