//! Forums: threads that grow, edits, pages that lie about their successors.

use super::{Bench, Web, text};

const FORUM: &str = "
kind = 'html'
url = '{base}/forum'
[listing]
items = 'li.topic'
id = { at = 'a@href', pattern = '/t/([0-9]+)' }
url = 'a@href'
title = 'a'
changed = '.replies'
[post]
items = 'div.post'
id = '@id'
body = '.text'
author = '.by'
date = 'time@datetime'
attachments = '.files a@href'
next = 'a.next@href'
";

fn forum(replies: u32) -> String {
    format!(
        "<ul><li class=topic><a href='/t/7?sid={replies}x'>Fresh   dump</a><span class=replies>{replies}</span></ul>"
    )
}

fn post(id: u32, body: &str) -> String {
    format!(
        "<div class=post id=p{id}><b class=by>user{id}</b><time datetime='2026-11-20T10:0{id}:00Z'></time>\
         <div class=text>{body}</div></div>"
    )
}

#[tokio::test]
async fn a_thread_is_read_post_by_post_and_again_when_it_grows() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, FORUM);
    let zip = "<div class=files><a href=/f/portal.zip>portal.zip</a></div>";
    web.html("/forum", &forum(1));
    web.html(
        "/t/7?sid=1x",
        &(post(1, "a@x.example;Ann<br>b@x.example;Bob") + &post(2, "thanks")).replacen(
            "</div></div>",
            &format!("</div>{zip}</div>"),
            1,
        ),
    );
    web.page("/f/portal.zip", "application/zip", "PK-zip");
    bench.visit().await;
    let posts = bench.kept.take();
    assert_eq!(posts.iter().map(|p| p.id.0.as_str()).collect::<Vec<_>>(), ["test:7#p1", "test:7#p2"]);
    assert_eq!(text(&posts[0]), "a@x.example;Ann\nb@x.example;Bob");
    assert_eq!((posts[0].title.as_deref(), posts[0].author.as_deref()), (Some("Fresh dump"), Some("user1")));
    assert_eq!(posts[0].posted_at.unwrap().to_string(), "2026-11-20T10:01:00Z");
    assert_eq!(
        (posts[0].attachments[0].name.as_str(), posts[0].attachments[0].bytes.as_slice()),
        ("portal.zip", b"PK-zip".as_slice())
    );
    web.asked();

    bench.visit().await;
    assert_eq!(web.asked(), ["/forum"], "nothing changed, nothing is read");

    // A reply, under another session's address.
    web.html("/forum", &forum(2));
    web.html(
        "/t/7?sid=2x",
        &(post(1, "a@x.example;Ann<br>b@x.example;Bob") + &post(2, "thanks") + &post(3, "more")).replacen(
            "</div></div>",
            &format!("</div>{zip}</div>"),
            1,
        ),
    );
    bench.restart().await;
    bench.visit().await;
    assert_eq!(bench.kept.take().iter().map(|p| p.id.0.clone()).collect::<Vec<_>>(), ["test:7#p3"]);
    assert_eq!(web.asked(), ["/forum", "/t/7?sid=2x"], "the file of an unchanged post is not fetched again");
}

#[tokio::test]
async fn an_edit_that_no_listing_shows_is_found_at_the_second_look() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, FORUM);
    web.reply("/forum", 200, &[("etag", "\"1\"")], forum(0));
    web.html("/t/7?sid=0x", &post(1, "soon"));
    bench.visit().await;
    let before = bench.kept.take();
    web.html("/t/7?sid=0x", &post(1, "a@x.example;Ann"));
    bench.later(300);
    bench.visit().await;
    assert!(bench.kept.take().is_empty());
    bench.later(301);
    bench.visit().await;
    let after = bench.kept.take();
    assert_eq!((text(&after[0]), &after[0].id), ("a@x.example;Ann", &before[0].id));
    web.asked();
    bench.later(300);
    bench.visit().await;
    assert_eq!(web.asked(), ["/forum"]);
}

#[tokio::test]
async fn pages_are_followed_replies_are_looked_for_on_the_last_and_lying_links_end() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, FORUM);
    web.html("/forum", &forum(3));
    web.html("/t/7?sid=3x", &(post(1, "one") + "<a class=next href=/t/7?page=2>n</a>"));
    web.html("/t/7?page=2", &(post(2, "two") + "<a class=next href=/t/7?page=3>n</a>"));
    // A server that shows its last page for every number beyond.
    web.html("/t/7?page=3", &(post(3, "three") + "<a class=next href=/t/7?page=4>n</a>"));
    web.html("/t/7?page=4", &(post(3, "three") + "<a class=next href=/t/7?page=5>n</a>"));
    bench.visit().await;
    assert_eq!(bench.kept.take().len(), 3);
    assert_eq!(web.asked(), ["/forum", "/t/7?sid=3x", "/t/7?page=2", "/t/7?page=3", "/t/7?page=4"]);
    assert_eq!(bench.health().repeated_pages, 1);

    web.html("/forum", &forum(4));
    web.html("/t/7?page=4", &post(4, "four"));
    bench.visit().await;
    assert_eq!(bench.kept.take().iter().map(text).collect::<Vec<_>>(), ["four"]);
    assert_eq!(web.asked(), ["/forum", "/t/7?page=4"]);

    // A page whose next link names itself.
    web.html("/forum", &forum(5));
    web.html("/t/7?page=4", &(post(4, "four") + &post(5, "five") + "<a class=next href='/t/7?page=4'>n</a>"));
    bench.visit().await;
    assert_eq!(bench.kept.take().iter().map(text).collect::<Vec<_>>(), ["five"]);
    assert_eq!(web.asked(), ["/forum", "/t/7?page=4"]);
}

#[tokio::test]
async fn a_long_thread_is_read_over_several_visits() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, &FORUM.replace("[listing]", "thread_pages = 2\n[listing]"));
    web.html("/forum", &forum(9));
    web.html("/t/7?sid=9x", &(post(1, "one") + "<a class=next href=/t/7?page=2>n</a>"));
    for n in 2..=5 {
        web.html(
            &format!("/t/7?page={n}"),
            &(post(n, &format!("post {n}")) + &format!("<a class=next href=/t/7?page={}>n</a>", n + 1)),
        );
    }
    web.html("/t/7?page=6", &post(6, "last"));
    let mut read = 0;
    for _ in 0..3 {
        bench.visit().await;
        bench.restart().await;
        read += bench.kept.take().len();
    }
    assert_eq!(read, 6);
    web.asked();
    bench.visit().await;
    assert_eq!(web.asked(), ["/forum"]);
}

#[tokio::test]
async fn a_login_page_in_place_of_a_thread_is_not_a_thread() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, FORUM);
    web.html("/forum", &forum(0));
    web.html("/t/7?sid=0x", "<form action=/login>who are you</form>");
    bench.visit().await;
    assert!(bench.kept.take().is_empty());
    assert_eq!(bench.health().errors["not_valid"], 1);
}

#[tokio::test]
async fn a_page_of_posts_is_its_own_listing() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(
        &base,
        "kind = 'page'\nurl = '{base}/s/channel'\n[post]\nitems = 'div.m'\nid = '@data-post'\nbody = '.t'\nurl = 'a@href'",
    );
    let message = |n: u32| {
        format!("<div class=m data-post='channel/{n}'><div class=t>text {n}</div><a href='/channel/{n}'>d</a></div>")
    };
    web.reply("/s/channel", 200, &[("etag", "\"1\"")], message(1) + &message(2));
    bench.visit().await;
    assert_eq!(
        bench.kept.take().iter().map(|p| p.id.0.clone()).collect::<Vec<_>>(),
        ["test:channel/1", "test:channel/2"]
    );
    bench.visit().await;
    web.reply("/s/channel", 200, &[("etag", "\"2\"")], message(2) + &message(3));
    bench.visit().await;
    let posts = bench.kept.take();
    assert_eq!((posts.len(), text(&posts[0])), (1, "text 3"));
    assert_eq!(posts[0].url, format!("{base}/channel/3"));
}

#[tokio::test]
async fn what_is_no_longer_there_is_recorded_once() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, &FORUM.replace("[listing]", "reread = '10m'\n[listing]"));
    web.html("/forum", &forum(2));
    web.html("/t/7?sid=2x", &(post(1, "a") + &post(2, "b") + &post(3, "c")));
    bench.visit().await;
    assert_eq!(bench.kept.take().len(), 3);
    // One post goes: seen at the next second look.
    web.html("/t/7?sid=2x", &(post(1, "a") + &post(3, "c")));
    for _ in 0..3 {
        bench.later(3600);
        bench.visit().await;
    }
    assert!(bench.kept.take().is_empty());
    assert_eq!(bench.deleted(), [("test:7".to_owned(), 1)]);
    // The whole thread goes, while the listing still shows it.
    web.reply("/t/7?sid=2x", 410, &[], "");
    for _ in 0..3 {
        bench.later(24 * 3600);
        bench.visit().await;
    }
    assert_eq!(bench.deleted(), [("test:7".to_owned(), 1), ("test:7".to_owned(), 2)]);
    assert!(bench.kept.take().is_empty(), "a post that was read is not reported as unread");
}

#[tokio::test]
async fn a_next_link_that_leads_to_its_own_page_is_none() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, FORUM);
    web.html("/forum", &forum(1));
    for own in ["#", "", "/t/7?sid=1x", "/t/7?sid=1x#last"] {
        web.html("/t/7?sid=1x", &(post(1, own) + &format!("<a class=next href='{own}'>»</a>")));
        bench.restart().await;
        bench.later(3 * 24 * 3600);
        bench.visit().await;
        assert_eq!(web.asked(), ["/forum", "/t/7?sid=1x"], "{own}");
        assert_eq!(bench.kept.take().len(), 1, "{own}");
    }
}
