//! How fast ten thousand alerts leave the outbox through five channels.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use vigie::alert::channels::{Surroundings, set_up};
use vigie::alert::{Deliveries, RawAlertSettings, compose};
use vigie::model::{Alert, AlertId, Change, Pap, Severity, Tlp, Verdict};
use vigie::net::NetSettings;
use vigie::store::{Incident, Incidents, Links, NewEntry, Outbox, SqliteStore};

use crate::kit::flapping::Receivers;

const ALERTS: u128 = 10_000;

const CHANNELS: [&str; 5] = ["file", "hook", "misp", "syslog", "stix"];

fn settings(receivers: &Receivers, syslog: std::net::SocketAddr) -> String {
    let base = format!("http://{}", receivers.address);
    format!(
        "[channels.file]\nfile = {{ path = 'alerts.jsonl' }}\n\
         [channels.hook]\nwebhook = {{ url = '{base}/steady/hook', secrets = [{{ file = 'hook' }}] }}\n\
         [channels.misp]\nmisp = {{ url = '{base}/steady/misp/', key = {{ file = 'hook' }} }}\n\
         [channels.syslog]\nparallel = 64\nsyslog = {{ server = '{syslog}', transport = 'tcp' }}\n\
         [channels.stix]\nstix = {{ folder = 'stix' }}\n"
    )
}

/// Takes whatever is written and says nothing, as syslog servers do.
async fn syslog() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
        }
    });
    address
}

fn alert(number: u128) -> Alert {
    let id = AlertId(uuid::Uuid::from_u128(number << 64 | 0x4000_0000_8000_0000));
    let begun = compose::begun(id, jiff::Timestamp::now()).alert;
    let headline = format!("incident {number}");
    let (severity, verdict) = (Severity::High, Verdict::Leak);
    Alert { revision: 1, headline, severity, verdict, tlp: Tlp::Amber, pap: Pap::Amber, ..begun }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement; `just drain` runs it in a release build"]
async fn ten_thousand_alerts_drain_through_five_channels() {
    let (dir, receivers) = (tempfile::tempdir().unwrap(), tokio::task::block_in_place(Receivers::listen));
    std::fs::create_dir(dir.path().join("stix")).unwrap();
    let path = dir.path().join("hook");
    std::fs::write(&path, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let store = Arc::new(SqliteStore::open(&dir.path().join("vigie.db")).unwrap());
    for group in (1..=ALERTS).collect::<Vec<_>>().chunks(500) {
        let write = |tx: &mut dyn vigie::store::IncidentTx| {
            for number in group {
                let alert = alert(*number);
                tx.save(&Incident { alert: alert.clone(), documents: Vec::new() }, &Links::default())?;
                for channel in CHANNELS {
                    let (alert, channel, due) = (alert.id, channel.to_owned(), alert.created_at);
                    tx.enqueue(&NewEntry { alert, revision: 1, channel, change: Change::Raised, due })?;
                }
            }
            Ok(())
        };
        store.transact(&mut |tx| write(tx)).unwrap();
    }
    let raw: RawAlertSettings = toml::from_str(&settings(&receivers, syslog().await)).unwrap();
    let with = Surroundings { net: NetSettings::default(), store: store.clone() };
    let channels = raw.validate(dir.path()).unwrap().channels.into_iter();
    let channels = channels.map(|settings| (settings.clone(), set_up(&settings, &with).unwrap())).collect();
    let (started, wake) = (Instant::now(), Arc::new(Notify::new()));
    let deliveries = Deliveries::start(store.clone(), channels, wake);
    while store.outbox_counts().unwrap().0 > 0 {
        assert!(started.elapsed() < Duration::from_secs(600), "left: {:?}", store.outbox_counts());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = started.elapsed();
    deliveries.stop().await;
    assert_eq!(store.outbox_counts().unwrap(), (0, 0));
    println!("{ALERTS} alerts through {} channels in {:.1} s", CHANNELS.len(), took.as_secs_f64());
    assert!(took < Duration::from_secs(60) || cfg!(debug_assertions), "{took:?}");
}
