//! Delivering against channels that fail in every way.

use std::sync::Mutex;

use futures_util::FutureExt;

use super::*;
use crate::alert::settings::{Clearance, RawAlertSettings};
use crate::model::{Pap, Tlp};
use crate::store::{
    Alerts, EntryState, Incident, Incidents, Links, NewEntry, Outbox, OutboxFilter, SqliteStore, contract,
};

/// What a channel does with the attempts on it, in order; then it accepts.
enum Answer {
    Accept,
    Later(Option<Duration>),
    Refuse,
    Hang,
}

#[derive(Default)]
struct Scripted {
    script: Mutex<Vec<Answer>>,
    got: Mutex<Vec<(u128, u32, Change, bool)>>,
    digests: Mutex<Vec<Vec<u128>>>,
    told: Notify,
}

impl Channel for Scripted {
    fn kind(&self) -> &'static str {
        "scripted"
    }

    fn render(&self, _: &Notice) -> Result<Vec<u8>, DeliveryError> {
        Ok(Vec::new())
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            let answer = {
                let mut script = self.script.lock().unwrap();
                if script.is_empty() { Answer::Accept } else { script.remove(0) }
            };
            match answer {
                Answer::Accept => {
                    let alert = &notice.alert;
                    let got = (alert.id.0.as_u128(), alert.revision, notice.change, notice.withheld);
                    self.got.lock().unwrap().push(got);
                    let digest = notice.digest.iter().map(|a| a.id.0.as_u128()).collect();
                    self.digests.lock().unwrap().push(digest);
                    self.told.notify_one();
                    Ok(Receipt { reference: Some(format!("ref-{}", alert.revision)) })
                }
                Answer::Later(after) => Err(DeliveryError::Retry { reason: "503".into(), after }),
                Answer::Refuse => Err(DeliveryError::refused("no")),
                Answer::Hang => std::future::pending().await,
            }
        }
        .boxed()
    }
}

struct Bench {
    _dir: tempfile::TempDir,
    store: Arc<SqliteStore>,
    wake: Arc<Notify>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("vigie.db")).unwrap());
        Self { _dir: dir, store, wake: Arc::new(Notify::new()) }
    }

    fn enqueue(&self, number: u128, revision: u32, change: Change, channels: &[&str]) {
        let incident = Incident { alert: contract::alert(number, revision), documents: Vec::new() };
        self.store
            .transact(&mut |tx| {
                tx.save(&incident, &Links::default())?;
                for channel in channels {
                    let (alert, channel) = (incident.alert.id, (*channel).to_owned());
                    tx.enqueue(&NewEntry { alert, revision, channel, change, due: contract::at(0) })?;
                }
                Ok(())
            })
            .unwrap();
        self.wake.notify_one();
    }

    fn start(&self, channels: &[(&str, &Arc<Scripted>)]) -> Deliveries {
        let pair = |(name, channel): &(&str, &Arc<Scripted>)| {
            let toml = format!("[channels.{name}]\ntimeout = '5s'\nmax_tlp = 'amber'\njournal = {{}}");
            let settings = toml::from_str::<RawAlertSettings>(&toml).unwrap();
            let mut settings = settings.validate(std::path::Path::new("/")).unwrap();
            (settings.channels.remove(0), Arc::clone(channel) as Arc<dyn Channel>)
        };
        Deliveries::start(self.store.clone(), channels.iter().map(pair).collect(), Arc::clone(&self.wake))
    }
}

fn scripted(script: Vec<Answer>) -> Arc<Scripted> {
    Arc::new(Scripted { script: Mutex::new(script), ..Scripted::default() })
}

async fn got(channel: &Scripted, count: usize) -> Vec<(u128, u32, Change, bool)> {
    let all = async {
        loop {
            let got = channel.got.lock().unwrap().clone();
            if got.len() >= count {
                return got;
            }
            channel.told.notified().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("told in time")
}

#[tokio::test]
async fn revisions_arrive_in_order_and_once_though_the_receiver_flaps() {
    let bench = Bench::new();
    let flapping = scripted(vec![Answer::Later(None), Answer::Accept, Answer::Later(None)]);
    for revision in 1..=3 {
        bench.enqueue(1, revision, Change::Updated, &["a"]);
    }
    let deliveries = bench.start(&[("a", &flapping)]);
    let revisions: Vec<_> = got(&flapping, 3).await.into_iter().map(|g| g.1).collect();
    assert_eq!(revisions, [1, 2, 3]);
    deliveries.stop().await;
    let entries = bench.store.entries(&OutboxFilter::default()).unwrap();
    assert!(entries.iter().all(|e| e.state == EntryState::Delivered && e.reference.as_deref() == Some("ref-3")));
    // A restart repeats nothing.
    let deliveries = bench.start(&[("a", &flapping)]);
    bench.enqueue(2, 1, Change::Raised, &["a"]);
    assert_eq!(got(&flapping, 4).await.len(), 4);
    deliveries.stop().await;
}

#[tokio::test]
async fn a_channel_that_hangs_delays_no_other_nor_its_own_other_alerts() {
    let bench = Bench::new();
    let (hanging, sound) = (scripted(vec![Answer::Hang]), scripted(vec![]));
    for number in 1..=20 {
        bench.enqueue(number, 1, Change::Raised, &["hanging", "sound"]);
    }
    let started = std::time::Instant::now();
    let deliveries = bench.start(&[("hanging", &hanging), ("sound", &sound)]);
    assert_eq!(got(&sound, 20).await.len(), 20);
    assert_eq!(got(&hanging, 19).await.len(), 19);
    assert!(started.elapsed() < Duration::from_millis(4_900), "nobody waited for the one that hangs");
    assert_eq!(got(&hanging, 20).await.len(), 20, "and that one arrives after its timeout");
    deliveries.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_a_dead_letter_that_can_be_revived() {
    let bench = Bench::new();
    let refusing = scripted(vec![Answer::Refuse]);
    bench.enqueue(1, 1, Change::Raised, &["a"]);
    bench.enqueue(1, 2, Change::Updated, &["a"]);
    let deliveries = bench.start(&[("a", &refusing)]);
    assert_eq!(got(&refusing, 1).await[0].1, 2, "a dead letter holds nothing back");
    let dead = OutboxFilter { state: Some(EntryState::Dead), ..Default::default() };
    assert_eq!(bench.store.entries(&dead).unwrap()[0].reason.as_deref(), Some("no"));
    assert_eq!(bench.store.revive(&dead, Timestamp::now()).unwrap(), 1);
    bench.wake.notify_one();
    assert_eq!(got(&refusing, 2).await[1].1, 1);
    deliveries.stop().await;
}

#[tokio::test]
async fn an_escalation_is_dropped_once_somebody_has_taken_the_alert() {
    let bench = Bench::new();
    let channel = scripted(vec![]);
    let mut taken = contract::alert(1, 1);
    taken.state = AlertState::Acknowledged;
    bench.enqueue(1, 1, Change::Escalated, &["a"]);
    let incident = Incident { alert: taken, documents: Vec::new() };
    bench.store.transact(&mut |tx| tx.save(&incident, &Links::default())).unwrap();
    bench.enqueue(2, 1, Change::Escalated, &["a"]);
    let deliveries = bench.start(&[("a", &channel)]);
    assert_eq!(got(&channel, 1).await, [(2, 1, Change::Escalated, false)]);
    deliveries.stop().await;
    let filter = OutboxFilter { state: Some(EntryState::Dropped), ..Default::default() };
    assert_eq!(bench.store.entries(&filter).unwrap().len(), 1);
}

#[tokio::test]
async fn a_channel_below_the_alerts_tlp_hears_only_that_there_is_one() {
    let bench = Bench::new();
    let channel = scripted(vec![]);
    let mut secret = contract::alert(1, 1);
    secret.tlp = Tlp::Red;
    let incident = Incident { alert: secret.clone(), documents: Vec::new() };
    bench.store.transact(&mut |tx| tx.save(&incident, &Links::default())).unwrap();
    let entry = |tx: &mut dyn crate::store::IncidentTx| {
        let (alert, channel) = (secret.id, "a".to_owned());
        tx.enqueue(&NewEntry { alert, revision: 1, channel, change: Change::Raised, due: contract::at(0) })
    };
    bench.store.transact(&mut |tx| entry(tx)).unwrap();
    let deliveries = bench.start(&[("a", &channel)]);
    assert!(got(&channel, 1).await[0].3);
    deliveries.stop().await;
    let notice = Notice::new(secret, Change::Raised, None, Clearance { tlp: Tlp::Amber, pap: Pap::Red });
    assert!(!notice.alert.headline.contains("incident 1") && notice.alert.headline.contains("TLP:red"));
}

#[tokio::test]
async fn a_digest_is_one_message_and_a_failure_repeats_the_same() {
    let bench = Bench::new();
    let channel = scripted(vec![Answer::Later(None)]);
    for number in 1..=10 {
        bench.enqueue(number, 1, Change::Digest, &["a"]);
    }
    bench.enqueue(11, 1, Change::Raised, &["a"]);
    let deliveries = bench.start(&[("a", &channel)]);
    let got = got(&channel, 2).await;
    deliveries.stop().await;
    assert_eq!(got.iter().filter(|g| g.2 == Change::Digest).count(), 1, "{got:?}");
    let digest = channel.digests.lock().unwrap().iter().find(|d| !d.is_empty()).cloned().unwrap();
    assert_eq!(digest, (1..=10).collect::<Vec<_>>());
    let entries = bench.store.entries(&OutboxFilter::default()).unwrap();
    assert!(entries.iter().all(|e| e.state == EntryState::Delivered));
    assert!(entries.iter().all(|e| (e.change == Change::Digest) == e.reference.is_none()), "{entries:?}");
    let told = |numbers: std::ops::Range<u128>| {
        Notice::digest(numbers.map(|n| contract::alert(n, 1)).collect(), Clearance::ALL).key()
    };
    assert_eq!(told(1..4), told(1..4));
    assert_ne!(told(1..4), told(1..5));
}

#[tokio::test]
async fn entries_of_a_channel_that_is_gone_become_dead_letters() {
    let bench = Bench::new();
    let channel = scripted(vec![]);
    bench.enqueue(1, 1, Change::Raised, &["gone", "a"]);
    let deliveries = bench.start(&[("a", &channel)]);
    got(&channel, 1).await;
    deliveries.stop().await;
    assert_eq!(bench.store.outbox_counts().unwrap(), (0, 1));
    assert!(bench.store.alert(contract::alert(1, 1).id).unwrap().is_some());
}

#[test]
fn pauses_grow_jitter_and_respect_what_is_asked() {
    for attempts in 0..40 {
        let pause = pause(attempts, None);
        let longest = FIRST_PAUSE.saturating_mul(1 << attempts.min(12)).min(LONGEST_PAUSE);
        assert!(pause >= longest / 2 && pause <= longest, "{attempts}: {pause:?}");
    }
    let asked = Duration::from_secs(120);
    assert_eq!(pause(0, Some(asked)), asked);
    assert!(pause(30, Some(asked)) > asked, "our own patience is longer by then");
    assert_eq!(pause(0, Some(Duration::from_secs(1 << 30))), LONGEST_ASKED);
}
