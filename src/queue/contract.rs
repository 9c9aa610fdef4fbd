//! What every queue owes, as one function over [`Queue`].

use std::time::Duration;

use jiff::Timestamp;

use super::{Delivery, Depth, Queue, QueueError, Refused, Sent};
use crate::model::{Attachment, Post, PostId};

/// A post of one document.
pub fn post(name: &str, content: &[u8]) -> Post {
    Post {
        id: PostId(name.to_owned()),
        revision: *blake3::hash(content).as_bytes(),
        site: "site".parse().unwrap(),
        url: format!("https://paste.example/{name}"),
        title: None,
        author: None,
        posted_at: None,
        seen_at: Timestamp::UNIX_EPOCH,
        fetched_at: Timestamp::UNIX_EPOCH,
        body: Attachment { name: "body".into(), media_type: None, bytes: content.to_vec() },
        attachments: Vec::new(),
        skipped: Vec::new(),
        exchanges: Vec::new(),
    }
}

async fn receive(queue: &impl Queue) -> Delivery {
    tokio::time::timeout(Duration::from_secs(20), queue.receive()).await.expect("a post in time").unwrap().unwrap()
}

/// Runs the contract; `fresh` makes an empty queue that allows five attempts.
pub async fn check<Q: Queue>(mut fresh: impl FnMut() -> Q) {
    the_same_revision_is_taken_once(&fresh()).await;
    posts_come_in_order_and_leave_on_ack(&fresh()).await;
    a_refused_post_comes_again_and_is_kept_aside_in_the_end(&fresh()).await;
    many_senders_and_receivers(&fresh()).await;
    a_closed_queue_ends_receiving(&fresh()).await;
}

async fn the_same_revision_is_taken_once(queue: &impl Queue) {
    assert_eq!(queue.send(post("a", b"1")).await.unwrap(), Sent::Accepted);
    assert_eq!(queue.send(post("a", b"1")).await.unwrap(), Sent::AlreadyThere);
    assert_eq!(queue.send(post("a", b"2")).await.unwrap(), Sent::Accepted, "another revision");
    assert_eq!(queue.depth(), Depth { posts: 2, bytes: 2, quarantined: 0 });
}

async fn posts_come_in_order_and_leave_on_ack(queue: &impl Queue) {
    for name in ["a", "b"] {
        assert_eq!(queue.send(post(name, b"1")).await.unwrap(), Sent::Accepted);
    }
    let (first, second) = (receive(queue).await, receive(queue).await);
    assert_eq!((first.post.id.0.as_str(), second.post.id.0.as_str()), ("a", "b"));
    assert_eq!((first.attempt, first.post.body.bytes.as_slice()), (1, b"1".as_slice()));
    queue.ack(first.receipt).await.unwrap();
    queue.ack(first.receipt).await.unwrap();
    queue.ack(second.receipt).await.unwrap();
    assert_eq!(queue.depth(), Depth::default());
    assert_eq!(queue.send(post("a", b"1")).await.unwrap(), Sent::Accepted, "what has left may come again");
}

async fn a_refused_post_comes_again_and_is_kept_aside_in_the_end(queue: &impl Queue) {
    assert_eq!(queue.send(post("bad", b"1")).await.unwrap(), Sent::Accepted);
    assert_eq!(queue.send(post("good", b"1")).await.unwrap(), Sent::Accepted);
    for attempt in 1..=5 {
        let mut delivery = receive(queue).await;
        if delivery.post.id.0 == "good" {
            queue.ack(delivery.receipt).await.unwrap();
            assert_eq!(attempt, 2, "a refused post goes behind the others");
            delivery = receive(queue).await;
        }
        assert_eq!(delivery.attempt, attempt);
        let refused = queue.nack(delivery.receipt, "the parser died").await.unwrap();
        assert_eq!(refused, if attempt < 5 { Refused::Requeued } else { Refused::Quarantined });
    }
    assert_eq!(queue.depth(), Depth { posts: 0, bytes: 0, quarantined: 1 });
}

async fn many_senders_and_receivers(queue: &impl Queue) {
    const POSTS: usize = 300;
    let names: Vec<String> = (0..POSTS).map(|n| format!("p{n}")).collect();
    let send = futures_util::future::join_all(names.iter().map(|name| async {
        assert_eq!(queue.send(post(name, name.as_bytes())).await.unwrap(), Sent::Accepted);
    }));
    let receive = futures_util::future::join_all((0..4).map(|_| async {
        let mut got = Vec::new();
        for _ in 0..POSTS / 4 {
            let delivery = receive(queue).await;
            queue.ack(delivery.receipt).await.unwrap();
            got.push(delivery.post.id.0);
        }
        got
    }));
    let (_, got) = tokio::join!(send, receive);
    let mut got: Vec<String> = got.into_iter().flatten().collect();
    got.sort();
    let mut expected = names.clone();
    expected.sort();
    assert_eq!(got, expected, "each once");
    assert_eq!(queue.depth(), Depth::default());
}

async fn a_closed_queue_ends_receiving(queue: &impl Queue) {
    assert_eq!(queue.send(post("a", b"1")).await.unwrap(), Sent::Accepted);
    let delivery = receive(queue).await;
    let (waiting, ()) = tokio::join!(queue.receive(), async {
        tokio::task::yield_now().await;
        queue.close();
    });
    assert!(waiting.unwrap().is_none());
    assert!(queue.receive().await.unwrap().is_none());
    assert!(matches!(queue.send(post("b", b"1")).await, Err(QueueError::Closed)));
    queue.ack(delivery.receipt).await.unwrap();
    assert_eq!(queue.depth(), Depth::default(), "what is out can still be settled");
}
