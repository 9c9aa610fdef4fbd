//! The metrics, all in one place: what they are called, what they count, and which labels they bear.
//!
//! One set per process. Labels take values from the configuration and from closed lists only, so that their number is
//! bounded; nothing of a post or a customer is ever a label.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

/// A site.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BySite {
    /// Its identifier.
    pub site: String,
}

/// A site and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BySiteOutcome {
    /// Its identifier.
    pub site: String,
    /// `ok` or `failed`.
    pub outcome: &'static str,
}

/// A site and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BySiteTrouble {
    /// Its identifier.
    pub site: String,
    /// `failing`, `layout`, `quiet` or `control`.
    pub trouble: &'static str,
}

/// A channel and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByChannelOutcome {
    /// Its identifier.
    pub channel: String,
    /// `delivered`, `retried` or `dead`.
    pub outcome: &'static str,
}

/// A verdict.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByVerdict {
    /// As in reports.
    pub verdict: &'static str,
}

/// Why something was not read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByReason {
    /// As in reports.
    pub reason: &'static str,
}

/// How something went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByOutcome {
    /// `ok` or `failed`.
    pub outcome: &'static str,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByStatus {
    /// HTTP status.
    pub status: u16,
}

/// Every metric of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Rounds made over a site.
    pub site_polls: Family<BySiteOutcome, Counter>,
    /// When a site was last read without a failure, in seconds since 1970.
    pub site_last_success: Family<BySite, Gauge>,
    /// Requests sent to a site.
    pub site_requests: Family<BySite, Counter>,
    /// 1 while something is wrong with the watch on a site.
    pub site_trouble: Family<BySiteTrouble, Gauge>,
    /// Posts that were read and are no longer there.
    pub posts_deleted: Family<BySite, Counter>,
    /// Seconds from a post's date to its first sight.
    pub seen_delay_seconds: Histogram,
    /// Posts accepted from a site.
    pub posts_accepted: Family<BySite, Counter>,
    /// Pushes turned away, by what was answered.
    pub push_turned_away: Family<ByStatus, Counter>,
    /// Posts judged and committed.
    pub posts_settled: Counter,
    /// Posts put back because their verdict could not be reached or committed.
    pub posts_retried: Counter,
    /// Posts whose reading failed for good.
    pub posts_quarantined: Counter,
    /// Posts accepted and not yet settled.
    pub queue_posts: Gauge,
    /// Bytes of posts that are being judged.
    pub bytes_in_flight: Gauge,
    /// Documents judged.
    pub documents: Family<ByVerdict, Counter>,
    /// Bytes read of documents, after unpacking.
    pub bytes_read: Counter,
    /// Bytes of documents, as received, that are done with: moves while a long one is read.
    pub bytes_done: Counter,
    /// Rows read of documents.
    pub rows_read: Counter,
    /// Parts of documents that were not read.
    pub skipped: Family<ByReason, Counter>,
    /// Seconds from a post's acceptance to its committed verdict.
    pub settle_seconds: Histogram,
    /// Alerts raised.
    pub alerts_raised: Family<ByVerdict, Counter>,
    /// Alerts that a further document joined.
    pub alerts_updated: Counter,
    /// Attempts to deliver.
    pub deliveries: Family<ByChannelOutcome, Counter>,
    /// Outbox entries that wait for delivery.
    pub outbox_pending: Gauge,
    /// Captures of matching posts.
    pub evidence_captures: Family<ByOutcome, Counter>,
    /// Bytes of sealed captures.
    pub evidence_bytes: Gauge,
    /// Captures that wait for their time-stamp.
    pub evidence_unstamped: Gauge,
    /// Record watchlists in use.
    pub watchlist_systems: Gauge,
    /// Indexes in use.
    pub watchlist_indexes: Gauge,
    /// Records in the indexes in use.
    pub watchlist_records: Gauge,
    /// Indexes and watchlists refused at the last load.
    pub watchlist_refused: Gauge,
    /// Reloads of watchlists or sites.
    pub reloads: Family<ByOutcome, Counter>,
}

fn register<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// Names, help texts and registration, next to each other. Names end up as `vigie_…`; counters get `_total`.
impl Metrics {
    fn new() -> Self {
        let mut registry = Registry::with_prefix("vigie");
        registry.register("build", "The running program", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        let r = &mut registry;
        Self {
            site_polls: register(r, "site_polls", "Rounds made over a site", Family::default()),
            site_last_success: register(
                r,
                "site_last_success_timestamp_seconds",
                "When a site was last read",
                Family::default(),
            ),
            site_requests: register(r, "site_requests", "Requests sent to a site", Family::default()),
            site_trouble: register(r, "site_trouble", "1 while a site is troubled", Family::default()),
            posts_deleted: register(r, "posts_deleted", "Posts that are no longer there", Family::default()),
            seen_delay_seconds: register(
                r,
                "seen_delay_seconds",
                "Seconds from a post's date to its first sight",
                Histogram::new(exponential_buckets(1.0, 3.0, 12)),
            ),
            posts_accepted: register(r, "posts_accepted", "Posts accepted from a site", Family::default()),
            push_turned_away: register(r, "push_turned_away", "Pushes turned away", Family::default()),
            posts_settled: register(r, "posts_settled", "Posts judged and committed", Counter::default()),
            posts_retried: register(r, "posts_retried", "Posts put back for another try", Counter::default()),
            posts_quarantined: register(
                r,
                "posts_quarantined",
                "Posts whose reading failed for good",
                Counter::default(),
            ),
            queue_posts: register(r, "queue_posts", "Posts accepted and not yet settled", Gauge::default()),
            bytes_in_flight: register(r, "in_flight_bytes", "Bytes of posts that are being judged", Gauge::default()),
            documents: register(r, "documents", "Documents judged", Family::default()),
            bytes_read: register(r, "document_bytes", "Bytes read of documents, after unpacking", Counter::default()),
            bytes_done: register(
                r,
                "document_done_bytes",
                "Bytes of documents, as received, that are done with",
                Counter::default(),
            ),
            rows_read: register(r, "document_rows", "Rows read of documents", Counter::default()),
            skipped: register(r, "skipped", "Parts of documents that were not read", Family::default()),
            settle_seconds: register(
                r,
                "settle_seconds",
                "Seconds from a post's acceptance to its committed verdict",
                Histogram::new(exponential_buckets(0.001, 2.0, 18)),
            ),
            alerts_raised: register(r, "alerts_raised", "Alerts raised", Family::default()),
            alerts_updated: register(r, "alerts_updated", "Alerts that a further document joined", Counter::default()),
            deliveries: register(r, "deliveries", "Attempts to deliver an alert", Family::default()),
            outbox_pending: register(r, "outbox_pending", "Outbox entries that wait for delivery", Gauge::default()),
            evidence_captures: register(r, "evidence_captures", "Captures of matching posts", Family::default()),
            evidence_bytes: register(r, "evidence_bytes", "Bytes of sealed captures", Gauge::default()),
            evidence_unstamped: register(
                r,
                "evidence_unstamped",
                "Captures that wait for their time-stamp",
                Gauge::default(),
            ),
            watchlist_systems: register(r, "watchlist_systems", "Record watchlists in use", Gauge::default()),
            watchlist_indexes: register(r, "watchlist_indexes", "Indexes in use", Gauge::default()),
            watchlist_records: register(r, "watchlist_records", "Records in the indexes in use", Gauge::default()),
            watchlist_refused: register(
                r,
                "watchlist_refused",
                "Indexes and watchlists refused at the last load",
                Gauge::default(),
            ),
            reloads: register(r, "reloads", "Reloads of watchlists or sites", Family::default()),
            registry,
        }
    }

    /// All metrics in the OpenMetrics text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// The process's metrics.
pub fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);
    &METRICS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_every_metric_once_and_ends_as_the_format_asks() {
        let text = Metrics::new().render();
        assert!(text.ends_with("# EOF\n"), "{text}");
        assert_eq!(text.matches("# TYPE vigie_posts_settled counter").count(), 1);
        assert!(text.contains("vigie_build_info{version="));
    }
}
