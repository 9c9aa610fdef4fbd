//! All sites together: started, replaced and stopped while they run.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Kept, Web, site};
use crate::collect::{Collector, system_clock};
use crate::net::{Client, NetSettings};

const LIST: &str = "kind = 'json'\nurl = '{base}/list'\ninterval = '1s'\n[listing]\nid = 'id'\nraw = '/raw/{id}'\n";

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

#[tokio::test]
async fn sites_come_and_go_while_others_go_on_and_one_that_fails_disturbs_nobody() {
    let (good, broken) = (Web::default(), Web::default());
    let (good_base, broken_base) = (good.start().await, broken.start().await);
    good.page("/list", "application/json", r#"[{"id":"1"}]"#);
    good.page("/raw/1", "text/plain", "one");
    broken.page("/list", "text/html", "<html>error</html>");
    let named = |name: &str, base: &str| {
        let mut made = site(base, LIST);
        made.id = name.parse().unwrap();
        made
    };
    let kept = Arc::new(Kept::default());
    let collector = Collector::new(Client::new(NetSettings::default()).unwrap(), Arc::clone(&kept), system_clock());
    let health = collector.health();
    let (sites, receiver) = watch::channel(Arc::new(vec![named("good", &good_base), named("broken", &broken_base)]));
    let stop = CancellationToken::new();
    let running = tokio::spawn(collector.run(receiver, stop.clone()));

    until("the good site is read", || kept.posts.lock().unwrap().len() == 1).await;
    until("the broken one is reported", || {
        health.snapshot().get(&"broken".parse().unwrap()).is_some_and(|h| h.failures > 0 && !h.last_error.is_empty())
    })
    .await;
    assert_eq!(health.snapshot()[&"good".parse().unwrap()].failures, 0);

    // The broken site goes, another comes; the good one keeps its place.
    broken.page("/list", "application/json", r#"[{"id":"2"}]"#);
    broken.page("/raw/2", "text/plain", "two");
    sites.send(Arc::new(vec![named("good", &good_base), named("mended", &broken_base)])).unwrap();
    until("the new site is read", || kept.posts.lock().unwrap().len() == 2).await;
    until("the old one is forgotten", || !health.snapshot().contains_key(&"broken".parse().unwrap())).await;
    assert!(health.snapshot().contains_key(&"good".parse().unwrap()));

    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), running).await.expect("it stops").unwrap();
    let ids: Vec<String> = kept.take().into_iter().map(|p| p.id.0).collect();
    assert_eq!(ids, ["good:1", "mended:2"]);
}
