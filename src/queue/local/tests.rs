//! The local queue against its contract, its crashes and its disk.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::model::{Attachment, PostId};
use crate::queue::contract;

fn key() -> Vec<SpoolKey> {
    vec![SpoolKey::derive(b"a secret of the tests")]
}

fn open(folder: &Path) -> LocalQueue {
    LocalQueue::open(QueueSettings::new(folder), key()).unwrap()
}

fn post(name: &str, content: &[u8]) -> Post {
    contract::post(name, content)
}

async fn receive(queue: &LocalQueue) -> Delivery {
    tokio::time::timeout(Duration::from_secs(20), queue.receive()).await.expect("a post in time").unwrap().unwrap()
}

fn files_below(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

#[tokio::test]
async fn keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let mut number = 0;
    contract::check(|| {
        number += 1;
        open(&dir.path().join(number.to_string()))
    })
    .await;
}

#[tokio::test]
async fn what_was_accepted_comes_out_after_a_crash_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let big = vec![b'x'; 3 << 20];
    {
        let queue = open(dir.path());
        for name in ["a", "b", "c"] {
            assert_eq!(queue.send(post(name, name.as_bytes())).await.unwrap(), Sent::Accepted);
        }
        assert_eq!(queue.send(post("big", &big)).await.unwrap(), Sent::Accepted);
        let first = receive(&queue).await;
        assert_eq!((first.post.id.0.as_str(), first.attempt), ("a", 1));
        queue.ack(first.receipt).await.unwrap();
        let second = receive(&queue).await;
        assert_eq!(second.post.id.0, "b");
        // Dropped without a word, as by a crash.
    }
    let stray = dir.path().join("files").join("new-left-behind");
    std::fs::write(&stray, "half a file").unwrap();
    let queue = open(dir.path());
    assert!(!stray.exists(), "leftovers are removed at the start");
    assert_eq!(queue.depth().posts, 3);
    for (name, attempt) in [("b", 2), ("c", 2), ("big", 2)] {
        let delivery = receive(&queue).await;
        assert_eq!((delivery.post.id.0.as_str(), delivery.attempt), (name, attempt));
        if name == "big" {
            assert_eq!(delivery.post.body.bytes, big);
        }
        queue.ack(delivery.receipt).await.unwrap();
    }
    assert_eq!(queue.depth(), Depth::default());
    drop(queue);
    assert_eq!(std::fs::read_dir(dir.path().join("files")).unwrap().count(), 0);
}

#[tokio::test]
async fn nothing_lies_on_the_disk_in_clear_and_nothing_at_all_after_ack() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    let mark = b"jeanne.martin@courriel.example";
    let mut large = mark.repeat(50_000);
    large.extend_from_slice(mark);
    for (name, content) in [("small", mark.to_vec()), ("large", large)] {
        let mut post = post(name, &content);
        post.title = Some(String::from_utf8_lossy(mark).into_owned());
        queue.send(post).await.unwrap();
    }
    let holds =
        |needle: &[u8]| files_below(dir.path()).iter().any(|(_, bytes)| memchr::memmem::find(bytes, needle).is_some());
    assert!(!holds(mark), "in clear");
    let sealed = files_below(&dir.path().join("files")).pop().unwrap().1;
    assert!(holds(&sealed[1000..1100]), "the search itself works");
    for _ in 0..2 {
        let delivery = receive(&queue).await;
        queue.ack(delivery.receipt).await.unwrap();
    }
    assert_eq!(files_below(&dir.path().join("files")).len(), 0);
    assert_eq!(queue.depth(), Depth::default());
}

#[tokio::test]
async fn a_post_that_kills_the_process_is_set_aside_and_its_neighbours_are_not() {
    let dir = tempfile::tempdir().unwrap();
    {
        let queue = open(dir.path());
        for name in ["before", "killer", "after"] {
            queue.send(post(name, b"x")).await.unwrap();
        }
    }
    let mut judged = Vec::new();
    let mut crashes = 0;
    // Each turn is a life of the process: it judges posts until it meets the killer, two at a time where it may.
    for _life in 0..60 {
        let queue = open(dir.path());
        if queue.depth().posts == 0 {
            break;
        }
        loop {
            let waiting = tokio::time::timeout(Duration::from_secs(5), queue.receive()).await;
            let Ok(delivery) = waiting else { break };
            let delivery = delivery.unwrap().unwrap();
            if delivery.post.id.0 == "killer" {
                crashes += 1;
                break;
            }
            judged.push(delivery.post.id.0.clone());
            queue.ack(delivery.receipt).await.unwrap();
        }
    }
    judged.sort();
    assert_eq!(judged, ["after", "before"]);
    assert_eq!(crashes, 20);
    let queue = open(dir.path());
    let aside = queue.quarantined().await.unwrap();
    assert_eq!(aside.len(), 1);
    assert_eq!(queue.depth(), Depth { posts: 0, bytes: 0, quarantined: 1 });
    assert!(queue.release(aside[0].receipt).await.unwrap());
    assert_eq!(receive(&queue).await.post.id.0, "killer");
}

#[tokio::test]
async fn a_suspect_is_handed_out_alone() {
    let dir = tempfile::tempdir().unwrap();
    for _life in 0..2 {
        let queue = open(dir.path());
        queue.send(post("suspect", b"x")).await.ok();
        let _ = receive(&queue).await;
    }
    let queue = open(dir.path());
    let suspect = receive(&queue).await;
    queue.send(post("innocent", b"y")).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(100), queue.receive()).await;
    assert!(waited.is_err(), "nothing beside the suspect");
    let (innocent, ack) = tokio::join!(receive(&queue), queue.ack(suspect.receipt));
    ack.unwrap();
    assert_eq!(innocent.post.id.0, "innocent");
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let queue = open_limited(dir.path(), 60);
    let mut accepted = Vec::new();
    let refused = loop {
        let name = format!("p{}", accepted.len());
        match queue.send(post(&name, &[7; 9_000])).await {
            Ok(sent) => {
                assert_eq!(sent, Sent::Accepted);
                accepted.push(name);
            }
            Err(error) => break error,
        }
        assert!(accepted.len() < 100, "the limit never came");
    };
    assert!(matches!(refused, QueueError::Full), "{refused}");
    assert!(refused.to_string().contains("hint: "));
    assert_eq!(queue.depth().posts, accepted.len() as u64, "the refused post's room was given back");
    assert!(accepted.len() > 3);
    for name in &accepted {
        let delivery = receive(&queue).await;
        assert_eq!(&delivery.post.id.0, name);
        queue.ack(delivery.receipt).await.unwrap();
    }
    assert_eq!(queue.send(post("again", &[7; 9_000])).await.unwrap(), Sent::Accepted, "room was made");
}

/// A queue whose spool may grow by a few pages only.
fn open_limited(folder: &Path, pages: u32) -> LocalQueue {
    LocalQueue::open_with(QueueSettings::new(folder), key(), |spool| spool.limit_pages(pages)).unwrap()
}

#[tokio::test]
async fn a_post_sealed_under_a_lost_key_is_set_aside_and_a_former_key_opens() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).send(post("old", b"x")).await.unwrap();
    let both = vec![SpoolKey::derive(b"new"), key().remove(0)];
    {
        let queue = LocalQueue::open(QueueSettings::new(dir.path()), both).unwrap();
        assert_eq!(receive(&queue).await.post.id.0, "old");
        queue.send(post("new", b"y")).await.unwrap();
    }
    let queue = LocalQueue::open(QueueSettings::new(dir.path()), vec![SpoolKey::derive(b"new")]).unwrap();
    assert_eq!(receive(&queue).await.post.id.0, "new");
    assert_eq!(queue.depth().quarantined, 1);
}

#[tokio::test]
async fn a_receiver_that_gives_up_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    for round in 0..50 {
        let waiting = queue.receive();
        let sending = queue.send(post(&format!("p{round}"), b"x"));
        // The receiver is dropped at about the moment its post arrives.
        tokio::select! {
            delivery = waiting => queue.ack(delivery.unwrap().unwrap().receipt).await.unwrap(),
            sent = sending => assert_eq!(sent.unwrap(), Sent::Accepted),
        }
    }
    let mut left = queue.depth().posts;
    while left > 0 {
        let delivery = receive(&queue).await;
        queue.ack(delivery.receipt).await.unwrap();
        left -= 1;
    }
    assert_eq!(queue.depth(), Depth::default());
}

#[test]
fn any_post_survives_the_wire() {
    let mut original = post("p", b"body \xff\x00");
    original.title = Some("t\u{202e}".into());
    original.posted_at = Some(Timestamp::UNIX_EPOCH);
    original.attachments =
        vec![Attachment { name: "a".into(), media_type: Some("x/y".into()), bytes: vec![0; 70_000] }];
    let mut bytes = Vec::new();
    for piece in wire::pieces(&original).unwrap() {
        bytes.extend_from_slice(piece.as_ref());
    }
    let back = wire::read(bytes.as_slice()).unwrap();
    assert_eq!(serde_json::to_value(&back).unwrap(), serde_json::to_value(&original).unwrap());
    for cut in [0, 3, 50, bytes.len() - 1] {
        assert!(wire::read(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    assert_ne!(post_key(&post("a", b"x")), post_key(&Post { id: PostId("b".into()), ..post("a", b"x") }));
}
