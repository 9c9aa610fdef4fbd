//! Composing and merging, on a real store: who joins whom, what is counted, what stays as it is.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::*;
use crate::alert::merge::{MergeRules, merge};
use crate::alert::{AlertChange, set_state};
use crate::model::{Change, ConcernedRecord, FieldKind, PostId, ScanReport, SystemImpact};
use crate::store::{Alerts, Incidents, SeenPosts, SqliteStore};

const EMAIL: u32 = 1 << FieldKind::Email as u32;
const PHONE: u32 = 1 << FieldKind::Phone as u32;

/// An attribution as `attribute` would give it.
pub fn attribution(system: &str, probability: f64, records: u64) -> SystemAttribution {
    SystemAttribution {
        system: system.parse().unwrap(),
        snapshot: "2026-03-01".parse().unwrap(),
        snapshot_interval: ["2026-03-01".parse().unwrap(), "2026-08-31".parse().unwrap()],
        probability,
        records,
        rows: records,
        canaries: 0,
        fields: vec![FieldKind::Email],
        refs: Some(vec!["MS000000001".into()]),
        reasons: vec!["9 of 10 rows are explained".into()],
    }
}

/// A document in which records of the systems stand, the likeliest first.
pub fn leak(post: &str, bytes: &str, systems: &[(&str, f64, std::ops::Range<u64>, u32)]) -> Assessment {
    let spread = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let impact = systems.iter().map(|(system, _, records, kinds)| SystemImpact {
        system: system.parse().unwrap(),
        records: records.clone().map(|n| ConcernedRecord { record: spread(n), kinds: *kinds }).collect(),
        canaries: 0,
    });
    let impact: Vec<_> = impact.collect();
    Assessment {
        report: ScanReport {
            document: format!("{post}/{bytes}.csv"),
            blake3: blake3::hash(bytes.as_bytes()).to_hex().to_string(),
            verdict: Verdict::Leak,
            attribution: systems.iter().map(|(s, p, r, _)| attribution(s, *p, r.end - r.start)).collect(),
            outside: 0.01,
            rows: 100,
            terms: Vec::new(),
            bytes: 1_000,
            skipped: Vec::new(),
        },
        impact,
        unmatched_rows: 7,
        sample: Vec::new(),
    }
}

/// A judged post, at an address of its own.
pub fn judged(post: &str, second: i64, documents: Vec<Assessment>) -> Judged {
    let at = crate::store::contract::at(second);
    Judged {
        post: PostFacts {
            id: PostId(post.to_owned()),
            revision: [second as u8; 32],
            site: "pastes".parse().unwrap(),
            url: format!("https://paste.example/{post}"),
            title: Some("portal dump by jean.dupont@courriel.example".into()),
            author: None,
            posted_at: None,
            seen_at: at,
            fetched_at: at,
            evidence: None,
        },
        at,
        documents,
    }
}

/// A store with the means to merge into it.
struct Bench {
    _dir: tempfile::TempDir,
    store: SqliteStore,
    ratings: Ratings,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("vigie.db")).unwrap();
        let rating = |s: &str, severity, tlp, pap| (s.parse().unwrap(), Rating { severity, tlp, pap });
        let ratings = Ratings(HashMap::from([
            rating("portal", Severity::High, Tlp::AmberStrict, Pap::Green),
            rating("crm", Severity::Critical, Tlp::Green, Pap::Red),
            rating("words", Severity::Low, Tlp::Red, Pap::Clear),
        ]));
        Self { _dir: dir, store, ratings }
    }

    fn merge(&self, judged: &Judged) -> Option<AlertChange> {
        let mut change = None;
        let rules = MergeRules::default();
        self.store
            .transact(&mut |tx| {
                change = merge(tx, judged, &self.ratings, rules)?.into_iter().next().map(|(change, _)| change);
                Ok(())
            })
            .unwrap();
        change
    }

    fn alert(&self, change: AlertChange) -> Alert {
        self.store.alert(change.alert).unwrap().unwrap()
    }

    fn count(&self) -> usize {
        self.store.alerts(&Default::default()).unwrap().len()
    }
}

fn portal(post: &str, bytes: &str, records: std::ops::Range<u64>, kinds: u32) -> Assessment {
    leak(post, bytes, &[("portal", 0.97, records, kinds)])
}

#[test]
fn a_post_raises_one_alert_with_everything_in_it() {
    let bench = Bench::new();
    let crm = [("portal", 0.93, 0..300, EMAIL | PHONE), ("crm", 0.04, 0..20, EMAIL)];
    let change = bench.merge(&judged("p1", 1, vec![leak("p1", "a", &crm)])).unwrap();
    assert_eq!((change.revision, change.change), (1, Change::Raised));
    let alert = bench.alert(change);
    assert_eq!((alert.severity, alert.tlp), (Severity::High, Tlp::AmberStrict), "the likeliest system's");
    assert_eq!(alert.headline, "Leak of 300 records from portal (93 %), snapshot 2026-03-01");
    assert_eq!(alert.impact.records, 300);
    assert_eq!(alert.impact.by_kind, BTreeMap::from([(FieldKind::Email, 300), (FieldKind::Phone, 300)]));
    assert_eq!(alert.impact.unmatched_rows, 7);
    assert!(alert.attribution.iter().all(|a| a.refs.is_none()), "refs never reach an alert");
    let document = &alert.documents[0];
    assert_eq!((document.name.as_str(), document.new_records), ("a.csv", 300));
    assert_eq!(document.title.as_deref(), Some("portal dump by j***@***.example"));
    assert!(bench.store.seen_revision(&PostId("p1".into())).unwrap().is_some());
}

#[test]
fn the_same_post_again_changes_nothing() {
    let bench = Bench::new();
    let post = judged("p1", 1, vec![portal("p1", "a", 0..300, EMAIL)]);
    let first = bench.alert(bench.merge(&post).unwrap());
    assert_eq!(bench.merge(&post), None);
    assert_eq!(bench.merge(&judged("p1", 9, post.documents.clone())), None, "a later reading of the same bytes");
    assert_eq!(bench.store.alert(first.id).unwrap(), Some(first));
}

#[test]
fn a_post_that_found_nothing_is_only_marked() {
    let bench = Bench::new();
    let mut clear = portal("p1", "a", 0..0, EMAIL);
    clear.report.verdict = Verdict::Clear;
    assert_eq!(bench.merge(&judged("p1", 1, vec![clear])), None);
    assert_eq!(bench.count(), 0);
    assert_eq!(bench.store.seen_revision(&PostId("p1".into())).unwrap(), Some([1; 32]));
}

#[test]
fn reposts_and_further_parts_join_and_people_count_once() {
    let bench = Bench::new();
    let first = bench.merge(&judged("p1", 1, vec![portal("p1", "a", 0..300, EMAIL)])).unwrap();
    let same_bytes = bench.merge(&judged("p2", 2, vec![portal("p2", "a", 0..300, EMAIL)])).unwrap();
    assert_eq!((same_bytes.alert, same_bytes.revision, same_bytes.change), (first.alert, 2, Change::Updated));
    let excerpt = bench.merge(&judged("p3", 3, vec![portal("p3", "excerpt", 10..40, PHONE)])).unwrap();
    assert_eq!((excerpt.alert, excerpt.revision), (first.alert, 3), "the same records");
    let mut thread = judged("p1-reply", 4, vec![portal("p1-reply", "part two", 300..500, EMAIL)]);
    thread.post.url = "https://paste.example/p1#post-2".into();
    let part = bench.merge(&thread).unwrap();
    assert_eq!((part.alert, part.revision), (first.alert, 4), "the same thread");
    let alert = bench.alert(part);
    assert_eq!(alert.impact.records, 500);
    assert_eq!(alert.impact.by_kind, BTreeMap::from([(FieldKind::Email, 500), (FieldKind::Phone, 30)]));
    let new: Vec<_> = alert.documents.iter().map(|d| d.new_records).collect();
    assert_eq!(new, [300, 0, 0, 200]);
    assert_eq!(bench.count(), 1);
}

#[test]
fn other_incidents_stay_apart() {
    let bench = Bench::new();
    let mut ids = BTreeSet::new();
    ids.insert(bench.merge(&judged("p1", 1, vec![portal("p1", "a", 0..300, EMAIL)])).unwrap().alert);
    let other_people = judged("p2", 2, vec![portal("p2", "b", 1_000..1_300, EMAIL)]);
    ids.insert(bench.merge(&other_people).unwrap().alert);
    let some_shared = judged("p3", 3, vec![portal("p3", "c", 200..500, EMAIL)]);
    ids.insert(bench.merge(&some_shared).unwrap().alert);
    let other_system = judged("p4", 4, vec![leak("p4", "d", &[("crm", 0.9, 0..300, EMAIL)])]);
    ids.insert(bench.merge(&other_system).unwrap().alert);
    let much_later = judged("p5", 200 * 86_400, vec![portal("p5", "e", 0..300, EMAIL)]);
    ids.insert(bench.merge(&much_later).unwrap().alert);
    assert_eq!(ids.len(), 5);
}

#[test]
fn an_edited_post_keeps_what_it_showed_and_is_told_only_if_it_shows_more() {
    let bench = Bench::new();
    let edited = |bytes: &str, second, records| {
        let mut document = portal("p1", bytes, records, EMAIL);
        document.report.document = "p1/body".into();
        bench.merge(&judged("p1", second, vec![document]))
    };
    let first = edited("one", 1, 0..100).unwrap();
    assert_eq!(edited("a reply below", 2, 0..100), None, "nothing new to tell");
    let more = edited("more rows", 3, 50..150).unwrap();
    assert_eq!((more.alert, more.revision), (first.alert, 2));
    let alert = bench.alert(more);
    assert_eq!((alert.impact.records, alert.documents.len()), (150, 1));
    assert_eq!(alert.documents[0].new_records, 150);
    assert_eq!(alert.impact.unmatched_rows, 7, "the edited document's, not all its revisions'");
}

#[test]
fn two_systems_in_one_post_are_one_incident_and_nobody_counts_twice() {
    let bench = Bench::new();
    let both = vec![
        leak("p1", "portal", &[("portal", 0.9, 0..300, EMAIL), ("crm", 0.05, 0..290, EMAIL)]),
        leak("p1", "again", &[("crm", 0.55, 0..290, EMAIL), ("portal", 0.44, 0..285, EMAIL)]),
        leak("p1", "other", &[("crm", 0.95, 1_000..1_200, EMAIL)]),
    ];
    let alert = bench.alert(bench.merge(&judged("p1", 1, both)).unwrap());
    assert_eq!(bench.count(), 1);
    assert_eq!(alert.revision, 1, "one post is told once");
    let systems: Vec<_> = alert.attribution.iter().map(|a| a.system.as_str()).collect();
    assert_eq!(systems, ["crm", "portal"]);
    assert_eq!(alert.impact.records, 300 + 490);
    assert_eq!((alert.severity, alert.tlp), (Severity::Critical, Tlp::AmberStrict), "gravest and strictest");
    assert_eq!(alert.pap, Pap::Red, "of the other system");
}

#[test]
fn terms_join_by_thread_and_add_up() {
    let bench = Bench::new();
    let term = |bytes: &str| {
        let mut document = leak("x", bytes, &[]);
        document.report.verdict = Verdict::Term;
        document.report.outside = 1.0;
        document.report.terms =
            vec![TermMatch { watchlist: "words".parse().unwrap(), term: "portal".into(), count: 2 }];
        document
    };
    let first = bench.merge(&judged("t1", 1, vec![term("a")])).unwrap();
    let mut reply = judged("t2", 2, vec![term("b")]);
    reply.post.url = "https://paste.example/t1#2".into();
    let second = bench.merge(&reply).unwrap();
    assert_eq!(first.alert, second.alert);
    let alert = bench.alert(second);
    assert_eq!((alert.terms.len(), alert.terms[0].count), (1, 4));
    assert_eq!((alert.severity, alert.tlp, alert.outside), (Severity::Low, Tlp::Red, 1.0));
    assert_ne!(bench.merge(&judged("t3", 3, vec![term("c")])).unwrap().alert, first.alert);
}

#[test]
fn new_people_reopen_what_was_taken_and_a_closed_incident_is_over() {
    let bench = Bench::new();
    let first = bench.merge(&judged("p1", 1, vec![portal("p1", "a", 0..300, EMAIL)])).unwrap();
    let now = Timestamp::now();
    let take = |state| set_state(&bench.store, first.alert, state, &Default::default(), now).unwrap();
    assert_eq!(take(AlertState::Acknowledged).unwrap().revision, 2);
    assert_eq!(take(AlertState::Acknowledged), None, "taken is taken");
    let repost = bench.merge(&judged("p2", 2, vec![portal("p2", "a", 0..300, EMAIL)])).unwrap();
    assert_eq!(bench.alert(repost).state, AlertState::Acknowledged, "a repost is news, not a new task");
    let more = bench.merge(&judged("p3", 3, vec![portal("p3", "b", 200..320, EMAIL)])).unwrap();
    assert_eq!(more.alert, first.alert);
    assert_eq!(bench.alert(more).state, AlertState::Open);
    take(AlertState::Closed).unwrap();
    let again = bench.merge(&judged("p4", 4, vec![portal("p4", "a", 0..300, EMAIL)])).unwrap();
    assert_ne!(again.alert, first.alert);
}

#[test]
fn a_document_that_spans_two_incidents_makes_them_one() {
    let bench = Bench::new();
    let first = bench.merge(&judged("p1", 1, vec![portal("p1", "a", 0..300, EMAIL)])).unwrap();
    let second = bench.merge(&judged("p2", 2, vec![portal("p2", "b", 300..600, PHONE)])).unwrap();
    assert_ne!(first.alert, second.alert, "nothing shows yet that they are one");
    let bridge = bench.merge(&judged("p3", 3, vec![portal("p3", "c", 100..500, EMAIL)])).unwrap();
    assert_eq!((bridge.alert, bridge.revision), (first.alert, 2), "the older goes on");
    let alert = bench.alert(bridge);
    assert_eq!((alert.impact.records, alert.documents.len()), (600, 3));
    assert_eq!(alert.impact.by_kind, BTreeMap::from([(FieldKind::Email, 500), (FieldKind::Phone, 300)]));
    assert_eq!(alert.documents.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), ["a.csv", "b.csv", "c.csv"]);
    let other = bench.alert(second);
    assert_eq!((other.state, other.joined_to, other.revision), (AlertState::Closed, Some(first.alert), 2));
    let repost = bench.merge(&judged("p4", 4, vec![portal("p4", "b", 300..600, PHONE)])).unwrap();
    assert_eq!(repost.alert, first.alert, "what belonged to the other is found in the one");
}

#[test]
fn an_old_leak_that_is_passed_on_is_said_to_be_one() {
    let bench = Bench::new();
    let first = bench.merge(&judged("p1", 1, vec![portal("p1", "a", 0..300, EMAIL)])).unwrap();
    let much_later = 400 * 86_400;
    let again = bench.merge(&judged("p2", much_later, vec![portal("p2", "b", 9..309, EMAIL)])).unwrap();
    assert_ne!(again.alert, first.alert);
    let alert = bench.alert(again);
    let before = alert.seen_before.clone().unwrap();
    assert_eq!((before.alert, before.share), (first.alert, 0.97));
    assert!(alert.headline.starts_with("Seen before (97 % on 2026-09-2"), "{}", alert.headline);
    set_state(&bench.store, again.alert, AlertState::Closed, &Default::default(), Timestamp::now()).unwrap();
    let third = judged("p3", much_later + 60, vec![portal("p3", "c", 0..300, EMAIL)]);
    let third = bench.alert(bench.merge(&third).unwrap());
    assert_eq!(third.seen_before.map(|before| before.alert), Some(first.alert), "the one that had the most of them");
    let fresh = bench.merge(&judged("p4", much_later + 70, vec![portal("p4", "d", 5_000..5_300, EMAIL)])).unwrap();
    assert_eq!(bench.alert(fresh).seen_before, None);
}

#[test]
fn somebody_elses_data_with_a_leaks_customers_in_it_is_no_part_of_the_leak() {
    let bench = Bench::new();
    let leak = bench.merge(&judged("p1", 1, vec![portal("p1", "a", 0..300, EMAIL)])).unwrap();
    let mut elsewhere = portal("p2", "b", 0..30, EMAIL);
    elsewhere.report.verdict = Verdict::Overlap;
    assert_ne!(bench.merge(&judged("p2", 2, vec![elsewhere])).unwrap().alert, leak.alert);
}

#[test]
fn an_incident_whose_first_document_has_expired_goes_on() {
    let bench = Bench::new();
    let first = bench.merge(&judged("p1", 1, vec![portal("p1", "a", 0..300, EMAIL)])).unwrap();
    bench
        .store
        .transact(&mut |tx| {
            let mut incident = tx.incident(first.alert)?.unwrap();
            incident.documents.clear();
            tx.save(&incident, &Default::default())
        })
        .unwrap();
    let mut part = leak("p2", "b", &[("crm", 0.6, 0..200, PHONE), ("portal", 0.3, 200..400, PHONE)]);
    part.report.rows = 200;
    let joined = bench.merge(&judged("p2", 2, vec![part])).unwrap();
    assert_eq!(joined.alert, first.alert);
    let alert = bench.alert(joined);
    let portal = alert.attribution.iter().find(|a| a.system.as_str() == "portal").unwrap();
    assert_eq!((alert.verdict, portal.records), (Verdict::Leak, 400), "nobody is forgotten");
}

#[test]
fn a_clock_that_is_set_back_loses_nothing() {
    let bench = Bench::new();
    let first = bench.merge(&judged("p1", 100_000, vec![portal("p1", "a", 0..300, EMAIL)])).unwrap();
    let before = bench.alert(first);
    let earlier = bench.merge(&judged("p2", -900_000, vec![portal("p2", "b", 0..310, EMAIL)])).unwrap();
    assert_eq!(earlier.alert, first.alert);
    let alert = bench.alert(earlier);
    assert_eq!((alert.impact.records, alert.documents.len()), (310, 2));
    assert!(alert.updated_at >= before.updated_at && alert.created_at == before.created_at);
}

#[test]
fn the_identity_depends_on_post_bytes_and_system_only() {
    let id = |post: &str, bytes: &str, system: &str, second| {
        let judged = judged(post, second, Vec::new());
        alert_id(&judged.post, &leak(post, bytes, &[(system, 0.5, 0..3, EMAIL)]))
    };
    let first = id("p", "a", "crm", 1);
    assert_eq!(first, id("p", "a", "crm", 999));
    assert_eq!(
        first.to_string(),
        "bf9c4957-4b60-57c1-8fef-c96adc060be5",
        "identities never change from one version to the next"
    );
    for other in [id("q", "a", "crm", 1), id("p", "b", "crm", 1), id("p", "a", "portal", 1)] {
        assert_ne!(first, other);
    }
}

#[test]
fn a_million_records_merge_in_time() {
    // Of this thread on the processor, nanoseconds: the machine may be busy with the other tests.
    let busy = || {
        let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        schedstat.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let (bench, started) = (Bench::new(), busy());
    bench.merge(&judged("p1", 1, vec![portal("p1", "a", 0..200_000, EMAIL)])).unwrap();
    let joined = bench.merge(&judged("p2", 2, vec![portal("p2", "b", 100_000..300_000, EMAIL)])).unwrap();
    assert_eq!(bench.alert(joined).impact.records, 300_000);
    let took = std::time::Duration::from_nanos(busy() - started);
    assert!(took.as_secs() < 10, "{took:?}");
}
