//! Parts of a split file on several posts or entries, and pastes that go.

use super::{Bench, Web};

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
attachments = '.files a@href'
";

fn post(id: u32, who: &str, file: &str) -> String {
    format!(
        "<div class=post id=p{id}><b class=by>{who}</b><div class=text>part {id}</div>\
         <div class=files><a href='/f/{id}/{file}'>{file}</a></div></div>"
    )
}

fn whole(bench: &Bench) -> Vec<(String, Vec<u8>)> {
    let posts = bench.kept.take();
    let joined = posts.into_iter().filter(|post| post.id.0.contains(":parts:"));
    joined.flat_map(|post| post.attachments.into_iter().map(|file| (file.name, file.bytes))).collect()
}

#[tokio::test]
async fn parts_on_several_posts_of_a_thread_are_joined_also_over_time() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, FORUM);
    let forum =
        |replies: u32| format!("<ul><li class=topic><a href='/t/7'>dump</a><span class=replies>{replies}</span></ul>");
    for (id, bytes) in [(1, "PK-one "), (2, "two "), (3, "not his"), (4, "three")] {
        for file in ["d.zip.001", "d.zip.002", "d.zip.003"] {
            web.page(&format!("/f/{id}/{file}"), "application/octet-stream", bytes);
        }
    }
    // The second part comes first, and another's file of the same name is not one of them.
    let mut thread = post(2, "joe", "d.zip.002") + &post(3, "ann", "d.zip.003");
    web.html("/forum", &forum(1));
    web.html("/t/7", &thread);
    bench.visit().await;
    assert!(whole(&bench).is_empty());
    thread += &post(1, "joe", "d.zip.001");
    web.html("/forum", &forum(2));
    web.html("/t/7", &thread);
    bench.restart().await;
    bench.visit().await;
    assert_eq!(whole(&bench), [("d.zip".to_owned(), b"PK-one two ".to_vec())]);
    thread += &post(4, "joe", "d.zip.003");
    web.html("/forum", &forum(3));
    web.html("/t/7", &thread);
    bench.visit().await;
    assert_eq!(whole(&bench), [("d.zip".to_owned(), b"PK-one two three".to_vec())]);
    web.asked();
    bench.visit().await;
    assert_eq!(web.asked(), ["/forum"], "what was joined is not fetched again");
}

#[tokio::test]
async fn parts_that_are_entries_of_a_listing_are_joined() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, "family = 'directory'\nurl = '{base}/drop/'");
    web.html(
        "/drop/",
        "<html><title>Index</title><h1>Index</h1><a href='../'>..</a><a href='d.csv.part1'>d.csv.part1</a><a href='d.csv.part2'>d.csv.part2</a><a href='other.txt'>other.txt</a></html>",
    );
    web.page("/drop/d.csv.part1", "application/octet-stream", "mail;na");
    web.page("/drop/d.csv.part2", "application/octet-stream", "me\na@x.example;Ann\n");
    web.page("/drop/other.txt", "text/plain", "other");
    bench.visit().await;
    assert_eq!(whole(&bench), [("d.csv".to_owned(), b"mail;name\na@x.example;Ann\n".to_vec())]);
}

#[tokio::test]
async fn a_paste_that_is_gone_at_the_second_look_is_recorded_as_deleted() {
    let web = Web::default();
    let base = web.start().await;
    let definition = "kind = 'json'\nreread = '10m'\nurl = '{base}/list'\n[listing]\nid = 'id'\nraw = '/raw/{id}'";
    for status in [404, 410] {
        let mut bench = Bench::new(&base, definition);
        web.page("/list", "application/json", "[{\"id\":\"a\"},{\"id\":\"b\"}]");
        web.page("/raw/a", "text/plain", "a@x.example");
        web.page("/raw/b", "text/plain", "b@x.example");
        bench.visit().await;
        assert_eq!(bench.kept.take().len(), 2);
        web.reply("/raw/a", status, &[], "gone");
        for _ in 0..3 {
            bench.later(24 * 3600);
            bench.visit().await;
        }
        assert_eq!(bench.deleted(), [("test:a".to_owned(), 1)], "{status}");
        assert!(bench.kept.take().is_empty(), "what was read is not reported as unread");
    }
}
