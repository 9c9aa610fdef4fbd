//! What every back-end owes, as functions over [`Store`]: each is run on a fresh, empty store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    AlertFilter, Cursor, EntryState, Incident, IncidentTx, Links, NewEntry, OutboxFilter, Outcome, SeenMark,
    Settlement, Store, StoreError,
};
use crate::model::{
    Alert, AlertId, AlertState, Change, ConcernedRecord, FieldKind, Impact, Pap, PostId, Severity, SiteId, SystemId,
    Tlp, Verdict,
};

/// One clause of the contract: its name, and what tries it.
type Clause<S> = (&'static str, fn(&S));

/// The contract, by name.
pub fn tests<S: Store>() -> Vec<Clause<S>> {
    vec![
        ("a failed transaction leaves nothing", failed_transaction_leaves_nothing),
        ("seen posts", seen_posts),
        ("cursors", cursors),
        ("links find incidents", links_find_incidents),
        ("records count once", records_count_once),
        ("records find incidents of any size", records_find_incidents),
        ("one incident absorbs another", one_absorbs_another),
        ("alerts are listed", alerts_are_listed),
        ("outbox keeps order per alert and channel", outbox_keeps_order),
        ("a later revision takes the place of one that waits", later_revisions_take_over),
        ("outbox entries are written once", outbox_written_once),
        ("dead letters are seen and revived", dead_letters),
        ("a settled entry stays settled", settled_stays_settled),
        ("alerts are forgotten by age, and never before they are told", alerts_are_forgotten),
    ]
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn id(number: u128) -> AlertId {
    AlertId(Uuid::from_u128(number))
}

fn system(name: &str) -> SystemId {
    name.parse().unwrap()
}

fn post(name: &str) -> PostId {
    PostId(name.to_owned())
}

/// A small alert, for stores that only keep it.
pub fn alert(number: u128, revision: u32) -> Alert {
    Alert {
        id: id(number),
        revision,
        state: AlertState::Open,
        verdict: Verdict::Leak,
        severity: Severity::High,
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        headline: format!("incident {number}"),
        attribution: Vec::new(),
        outside: 0.01,
        impact: Impact::default(),
        sample: Vec::new(),
        terms: Vec::new(),
        documents: Vec::new(),
        seen_before: None,
        joined_to: None,
        created_at: at(0),
        updated_at: at(revision.into()),
    }
}

fn incident(number: u128, revision: u32) -> Incident {
    Incident { alert: alert(number, revision), documents: Vec::new() }
}

fn write<S: Store>(store: &S, mut work: impl FnMut(&mut dyn IncidentTx) -> Result<(), StoreError>) {
    store.transact(&mut work).unwrap();
}

fn entry(number: u128, revision: u32, channel: &str) -> NewEntry {
    NewEntry { alert: id(number), revision, channel: channel.to_owned(), change: Change::Raised, due: at(0) }
}

fn records(numbers: impl IntoIterator<Item = u64>, kinds: u32) -> Vec<ConcernedRecord> {
    let all: BTreeMap<u64, u32> = numbers.into_iter().map(|n| (n, kinds)).collect();
    all.into_iter().map(|(record, kinds)| ConcernedRecord { record, kinds }).collect()
}

/// Writes an alert, an entry, a mark and a cursor.
pub fn write_one_of_each<S: Store>(store: &S) {
    write(store, |tx| {
        tx.save(&incident(1, 1), &Links { posts: vec![post("p")], ..Links::default() })?;
        tx.enqueue(&entry(1, 1, "file"))?;
        tx.mark_seen(&SeenMark { post: post("p"), revision: [1; 32], at: at(1) })
    });
    let site: SiteId = "site".parse().unwrap();
    store.put_cursor(&site, "", &Cursor { bytes: vec![7] }, at(1)).unwrap();
}

/// Finds what [`write_one_of_each`] wrote.
pub fn find_one_of_each<S: Store>(store: &S) {
    assert_eq!(store.alert(id(1)).unwrap(), Some(alert(1, 1)));
    assert_eq!(store.due("file", at(9), 10).unwrap().len(), 1);
    assert_eq!(store.seen_revision(&post("p")).unwrap(), Some([1; 32]));
    let site: SiteId = "site".parse().unwrap();
    assert_eq!(store.cursor(&site, "").unwrap(), Some(Cursor { bytes: vec![7] }));
}

fn failed_transaction_leaves_nothing<S: Store>(store: &S) {
    let result = store.transact(&mut |tx| {
        tx.save(&incident(1, 1), &Links::default())?;
        tx.enqueue(&entry(1, 1, "file"))?;
        tx.mark_seen(&SeenMark { post: post("p"), revision: [1; 32], at: at(1) })?;
        Err(StoreError::Refused("on purpose".into()))
    });
    assert!(matches!(result, Err(StoreError::Refused(_))));
    assert_eq!(store.alert(id(1)).unwrap(), None);
    assert_eq!(store.outbox_counts().unwrap(), (0, 0));
    assert_eq!(store.seen_revision(&post("p")).unwrap(), None);
    let unsaved = store.transact(&mut |tx| tx.enqueue(&entry(1, 1, "file")));
    assert!(matches!(unsaved, Err(StoreError::Refused(_))), "an entry needs its alert");
}

fn seen_posts<S: Store>(store: &S) {
    assert_eq!(store.seen_revision(&post("a")).unwrap(), None);
    for (name, revision, second) in [("a", 1, 10), ("b", 2, 20), ("a", 3, 30)] {
        write(store, |tx| tx.mark_seen(&SeenMark { post: post(name), revision: [revision; 32], at: at(second) }));
    }
    assert_eq!(store.seen_revision(&post("a")).unwrap(), Some([3; 32]));
    let mut all = Vec::new();
    store.each_seen(&mut |post| all.push(post.0.clone())).unwrap();
    all.sort();
    assert_eq!(all, ["a", "b"]);
    assert_eq!(store.forget_seen(at(25)).unwrap(), 1, "b was last seen before");
    assert_eq!(store.seen_revision(&post("b")).unwrap(), None);
    assert_eq!(store.seen_revision(&post("a")).unwrap(), Some([3; 32]));
}

fn cursors<S: Store>(store: &S) {
    let (one, two): (SiteId, SiteId) = ("one".parse().unwrap(), "two".parse().unwrap());
    assert_eq!(store.cursor(&one, "").unwrap(), None);
    for (site, part, byte) in [(&one, "", 1), (&one, "x", 2), (&two, "", 3), (&one, "", 4)] {
        store.put_cursor(site, part, &Cursor { bytes: vec![byte] }, at(0)).unwrap();
    }
    let bytes = |site, part| store.cursor(site, part).unwrap().map(|c| c.bytes);
    assert_eq!(bytes(&one, ""), Some(vec![4]));
    assert_eq!(bytes(&one, "x"), Some(vec![2]));
    store.drop_cursors(&one).unwrap();
    assert_eq!((bytes(&one, ""), bytes(&one, "x"), bytes(&two, "")), (None, None, Some(vec![3])));
}

fn links_find_incidents<S: Store>(store: &S) {
    let links = |post_name: &str, hash: &str, thread: &str| Links {
        posts: vec![post(post_name)],
        hashes: vec![hash.into()],
        threads: vec![thread.into()],
    };
    write(store, |tx| tx.save(&incident(9, 1), &links("p", "h", "t")));
    write(store, |tx| tx.save(&incident(2, 1), &links("q", "h", "t")));
    write(store, |tx| {
        tx.save(&incident(9, 2), &links("r", "i", "t"))?;
        assert_eq!(tx.by_post(&post("p"))?, [id(9)], "links add up");
        assert_eq!(tx.by_post(&post("r"))?, [id(9)]);
        assert_eq!(tx.by_hash("h")?, [id(9), id(2)], "the oldest first");
        assert_eq!(tx.by_thread("t")?, [id(9), id(2)]);
        assert_eq!(tx.by_thread("p")?, [], "kinds of links are kept apart");
        assert_eq!(tx.incident(id(9))?.unwrap(), incident(9, 2));
        assert_eq!(tx.incident(id(3))?, None);
        Ok(())
    });
}

fn records_count_once<S: Store>(store: &S) {
    let (email, phone) = (1 << FieldKind::Email.code(), 1 << FieldKind::Phone.code());
    write(store, |tx| {
        tx.save(&incident(1, 1), &Links::default())?;
        let first = tx.add_records(id(1), &system("crm"), &records([1, 2, u64::MAX], email))?;
        assert_eq!((first.records, first.new), (3, 3));
        let second = tx.add_records(id(1), &system("crm"), &records([2, 3], phone))?;
        assert_eq!((second.records, second.new), (4, 1));
        assert_eq!(second.by_kind, BTreeMap::from([(FieldKind::Email, 3), (FieldKind::Phone, 2)]));
        tx.add_records(id(1), &system("billing"), &records([2], phone))?;
        Ok(())
    });
    write(store, |tx| {
        let counts = tx.record_counts(id(1))?;
        let plain: Vec<_> = counts.iter().map(|(s, c)| (s.as_str(), c.records, c.by_kind.len())).collect();
        assert_eq!(plain, [("billing", 1, 1), ("crm", 4, 2)]);
        let again = tx.add_records(id(1), &system("crm"), &records([1, 2, 3], email))?;
        assert_eq!((again.records, again.new), (4, 0), "the same document again changes no count of records");
        assert_eq!(tx.record_counts(id(7))?, BTreeMap::new());
        Ok(())
    });
}

fn records_find_incidents<S: Store>(store: &S) {
    let spread = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let held = [0..40_u64, 100..6_000, 10_000..10_010];
    write(store, |tx| {
        for (number, range) in held.iter().enumerate() {
            tx.save(&incident(number as u128 + 1, 1), &Links::default())?;
            tx.add_records(id(number as u128 + 1), &system("crm"), &records(range.clone().map(spread), 2))?;
        }
        Ok(())
    });
    write(store, |tx| {
        let mut shared = |name: &str, range: std::ops::Range<u64>, since: Timestamp| {
            let mut found = tx.by_records(&system(name), &records(range.map(spread), 2), since).unwrap();
            found.sort_by_key(|overlap| overlap.alert);
            found.iter().map(|o| (o.alert.0.as_u128(), o.shared, o.held)).collect::<Vec<_>>()
        };
        assert_eq!(shared("crm", 30..50, at(0)), [(1, 10, 40)], "small in small");
        assert_eq!(shared("crm", 200..205, at(0)), [(2, 5, 5_900)], "small in large");
        assert_eq!(shared("crm", 20..9_000, at(0)), [(1, 20, 40), (2, 5_900, 5_900)], "large over both");
        assert_eq!(shared("crm", 50_000..50_100, at(0)), []);
        assert_eq!(shared("billing", 0..40, at(0)), [], "another system's numbers mean nothing");
        assert_eq!(shared("crm", 0..9_000, at(100)), [], "nothing updated since");
        Ok(())
    });
    // An incident that grows beyond what is looked up is still found, and only once.
    write(store, |tx| {
        tx.add_records(id(3), &system("crm"), &records((10_000..12_000).map(spread), 2))?;
        let found = tx.by_records(&system("crm"), &records((10_000..10_020).map(spread), 2), at(0))?;
        assert_eq!(found.iter().map(|o| (o.alert, o.shared, o.held)).collect::<Vec<_>>(), [(id(3), 20, 2_000)]);
        Ok(())
    });
}

fn one_absorbs_another<S: Store>(store: &S) {
    let links = |name: &str| Links { posts: vec![post(name)], hashes: vec![], threads: vec!["thread".into()] };
    write(store, |tx| {
        for (number, name, held) in [(1, "a", 0..300), (2, "b", 200..700)] {
            tx.save(&incident(number, 1), &links(name))?;
            tx.add_records(id(number), &system("crm"), &records(held, 2))?;
        }
        tx.absorb(id(1), id(2))
    });
    write(store, |tx| {
        assert_eq!(tx.record_counts(id(1))?[&system("crm")].records, 700);
        assert!(tx.record_counts(id(2))?.is_empty());
        for name in ["a", "b"] {
            assert_eq!(tx.by_post(&post(name))?, [id(1)]);
        }
        assert_eq!(tx.by_thread("thread")?, [id(1)]);
        let found = tx.by_records(&system("crm"), &records(650..660, 2), at(-1_000_000))?;
        assert_eq!(found.iter().map(|o| (o.alert, o.shared)).collect::<Vec<_>>(), [(id(1), 10)]);
        assert!(tx.incident(id(2))?.is_some(), "it is still there to be read");
        assert!(tx.absorb(id(1), id(99)).is_err());
        Ok(())
    });
}

fn alerts_are_listed<S: Store>(store: &S) {
    write(store, |tx| {
        for number in 1..=3 {
            tx.save(&incident(number << 100, number as u32), &Links::default())?;
        }
        let mut taken = incident(2 << 100, 9);
        taken.alert.state = AlertState::Acknowledged;
        tx.save(&taken, &Links::default())
    });
    let ids = |filter: AlertFilter| -> Vec<u128> {
        store.alerts(&filter).unwrap().into_iter().map(|a| a.id.0.as_u128() >> 100).collect()
    };
    assert_eq!(ids(AlertFilter::default()), [2, 3, 1], "the latest update first");
    assert_eq!(ids(AlertFilter { state: Some(AlertState::Open), ..Default::default() }), [3, 1]);
    assert_eq!(ids(AlertFilter { updated_since: Some(at(3)), ..Default::default() }), [2, 3]);
    assert_eq!(ids(AlertFilter { limit: 1, ..Default::default() }), [2]);
    let text = id(3 << 100).to_string();
    assert_eq!(store.alerts_starting(&text[..9]).unwrap()[0].id, id(3 << 100));
    assert_eq!(store.alerts_starting("ffff").unwrap(), []);
    assert_eq!(store.alerts_starting("*").unwrap().len(), 3, "not a pattern: nothing is left of it");
}

fn settle<S: Store>(store: &S, number: u128, revision: u32, channel: &str, outcome: Outcome) {
    let channel = channel.to_owned();
    store.settle(&[Settlement { alert: id(number), revision, channel, outcome, at: at(50) }]).unwrap();
}

fn delivered(reference: &str) -> Outcome {
    Outcome::Delivered { reference: Some(reference.to_owned()) }
}

fn due<S: Store>(store: &S, channel: &str, second: i64) -> Vec<(u128, u32)> {
    let due = store.due(channel, at(second), 100).unwrap();
    due.into_iter()
        .map(|(entry, alert)| {
            assert_eq!((entry.alert, entry.revision), (alert.id, alert.revision), "the alert as of that revision");
            (entry.alert.0.as_u128(), entry.revision)
        })
        .collect()
}

fn outbox_keeps_order<S: Store>(store: &S) {
    for (number, revision) in [(1, 1), (2, 1), (1, 2)] {
        write(store, |tx| {
            tx.save(&incident(number, revision), &Links::default())?;
            tx.enqueue(&entry(number, revision, "mail"))?;
            tx.enqueue(&entry(number, revision, "hook"))
        });
    }
    assert_eq!(due(store, "mail", -1), [], "not due yet");
    assert_eq!(due(store, "mail", 1), [(1, 1), (2, 1)], "revision 2 waits for revision 1");
    settle(store, 1, 1, "hook", delivered("event-7"));
    assert_eq!(due(store, "mail", 1), [(1, 1), (2, 1)], "another channel's affair");
    assert_eq!(due(store, "hook", 1), [(1, 2), (2, 1)]);
    let (second, _) = &store.due("hook", at(1), 1).unwrap()[0];
    assert_eq!(second.reference.as_deref(), Some("event-7"), "an update knows what the receiver calls the alert");
    let retry = Outcome::Retry { at: at(60), reason: "503".into() };
    settle(store, 1, 1, "mail", retry);
    assert_eq!(due(store, "mail", 59), [(2, 1)], "a retry holds the later revision back too");
    let mut next = store.next_due().unwrap();
    next.sort();
    assert_eq!(next, [("hook".to_owned(), at(0)), ("mail".to_owned(), at(0))]);
    settle(store, 2, 1, "mail", delivered("x"));
    assert!(store.next_due().unwrap().contains(&("mail".to_owned(), at(0))), "revision 2 is due, behind revision 1");
    assert_eq!(due(store, "mail", 60), [(1, 1)]);
    settle(store, 1, 1, "mail", Outcome::Dead { reason: "refused".into() });
    assert_eq!(due(store, "mail", 60), [(1, 2)], "a dead letter holds nothing back");
}

fn later_revisions_take_over<S: Store>(store: &S) {
    let soon = Timestamp::now().checked_add(jiff::SignedDuration::from_hours(1)).unwrap();
    let waiting = |revision| NewEntry { due: soon, ..entry(1, revision, "mail") };
    write(store, |tx| {
        assert_eq!(tx.told(id(1), at(0))?, BTreeMap::new());
        tx.save(&incident(1, 1), &Links::default())?;
        tx.enqueue(&waiting(1))?;
        tx.enqueue(&entry(1, 1, "hook"))?;
        let told = BTreeMap::from([("hook".to_owned(), true), ("mail".to_owned(), false)]);
        assert_eq!(tx.told(id(1), Timestamp::now())?, told);
        tx.save(&incident(1, 2), &Links::default())?;
        tx.enqueue(&entry(1, 2, "mail"))?;
        tx.enqueue(&entry(1, 2, "hook"))
    });
    assert_eq!(due(store, "mail", 1), [(1, 2)], "nothing that waits for the morning holds it back");
    assert_eq!(due(store, "hook", 1), [(1, 1)], "what is due keeps its turn");
    let dropped = OutboxFilter { state: Some(EntryState::Dropped), ..Default::default() };
    assert_eq!(store.entries(&dropped).unwrap().len(), 1);
    write(store, |tx| {
        assert!(tx.told(id(1), Timestamp::now())?["mail"]);
        tx.save(&incident(2, 1), &Links::default())?;
        tx.enqueue(&NewEntry { due: soon, ..entry(2, 1, "mail") })
    });
    // One that was tried and failed is not passed over: the receiver may have it.
    settle(store, 2, 1, "mail", Outcome::Retry { at: soon, reason: "503".into() });
    write(store, |tx| {
        assert!(tx.told(id(2), Timestamp::now())?["mail"]);
        tx.save(&incident(2, 2), &Links::default())?;
        tx.enqueue(&entry(2, 2, "mail"))
    });
    assert_eq!(due(store, "mail", 1), [(1, 2)]);
}

fn outbox_written_once<S: Store>(store: &S) {
    for _ in 0..2 {
        write(store, |tx| {
            tx.save(&incident(1, 1), &Links::default())?;
            tx.enqueue(&entry(1, 1, "mail"))
        });
    }
    assert_eq!(store.outbox_counts().unwrap(), (1, 0));
    settle(store, 1, 1, "mail", delivered("x"));
    write(store, |tx| tx.enqueue(&entry(1, 1, "mail")));
    assert_eq!(store.outbox_counts().unwrap(), (0, 0), "what was delivered is not told again");
}

fn dead_letters<S: Store>(store: &S) {
    write(store, |tx| {
        tx.save(&incident(1, 1), &Links::default())?;
        tx.enqueue(&entry(1, 1, "mail"))?;
        tx.enqueue(&entry(1, 1, "hook"))
    });
    settle(store, 1, 1, "mail", Outcome::Dead { reason: "no such user".into() });
    assert_eq!(store.outbox_counts().unwrap(), (1, 1));
    let dead = OutboxFilter { state: Some(EntryState::Dead), ..Default::default() };
    let entries = store.entries(&dead).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].reason.as_deref(), entries[0].attempts), (Some("no such user"), 1));
    let other = OutboxFilter { channel: Some("hook".into()), ..Default::default() };
    assert_eq!(store.revive(&other, at(0)).unwrap(), 0);
    assert_eq!(store.revive(&OutboxFilter { alert: Some(id(1)), ..Default::default() }, at(70)).unwrap(), 1);
    assert_eq!(due(store, "mail", 69), []);
    assert_eq!(due(store, "mail", 70), [(1, 1)]);
    // What waits after a failure is hurried; what waits for its hour is not.
    settle(store, 1, 1, "mail", Outcome::Retry { at: at(900), reason: "late".into() });
    write(store, |tx| {
        tx.save(&incident(2, 1), &Links::default())?;
        tx.enqueue(&NewEntry { due: at(900), ..entry(2, 1, "mail") })
    });
    assert_eq!(store.revive(&OutboxFilter::default(), at(80)).unwrap(), 1);
    assert_eq!(due(store, "mail", 80), [(1, 1)]);
}

fn settled_stays_settled<S: Store>(store: &S) {
    write(store, |tx| {
        tx.save(&incident(1, 1), &Links::default())?;
        tx.enqueue(&entry(1, 1, "mail"))
    });
    settle(store, 1, 1, "mail", delivered("x"));
    settle(store, 1, 1, "mail", Outcome::Retry { at: at(60), reason: "late".into() });
    assert_eq!(store.outbox_counts().unwrap(), (0, 0));
    let entry = &store.entries(&OutboxFilter::default()).unwrap()[0];
    assert_eq!((entry.state, entry.attempts), (EntryState::Delivered, 1));
}

fn alerts_are_forgotten<S: Store>(store: &S) {
    for number in 1..=4 {
        write(store, |tx| {
            let links = Links { posts: vec![post(&format!("p{number}"))], ..Links::default() };
            tx.save(&incident(number, number as u32), &links)?;
            tx.add_records(id(number), &system("crm"), &records([7], 2))?;
            tx.enqueue(&entry(number, number as u32, "mail"))
        });
    }
    for number in [1, 3, 4] {
        settle(store, number, number as u32, "mail", delivered("x"));
    }
    // Alerts were last changed at their number: 2 has not been told yet, 4 is too young.
    assert_eq!(store.forget_alerts(at(4), 1).unwrap(), [id(1)], "the oldest first, as many as asked for");
    assert_eq!(store.forget_alerts(at(4), 10).unwrap(), [id(3)]);
    assert_eq!(store.forget_alerts(at(4), 10).unwrap(), []);
    assert_eq!(store.alert(id(3)).unwrap(), None);
    assert_eq!(store.entries(&OutboxFilter { alert: Some(id(3)), ..Default::default() }).unwrap(), []);
    write(store, |tx| {
        assert_eq!(tx.by_post(&post("p3"))?, []);
        let mut holding: Vec<_> = tx.by_records(&system("crm"), &records([7], 2), at(0))?;
        holding.sort_by_key(|overlap| overlap.alert);
        assert_eq!(holding.iter().map(|o| o.alert).collect::<Vec<_>>(), [id(2), id(4)]);
        Ok(())
    });
    assert_eq!(due(store, "mail", 9), [(2, 2)], "what is still to be told is told");
}
