//! Paste listings and feeds.

use super::{Bench, Web, text};
use crate::model::SkipReason;

const JSON: &str = "
kind = 'json'
url = '{base}/list'
[listing]
items = 'items'
id = '$key'
url = '/{id}'
raw = '/{id}/raw'
title = 'name'
date = 'time'
";

fn listing(entries: &[(&str, &str)]) -> String {
    let items: Vec<String> =
        entries.iter().map(|(id, name)| format!("\"{id}\":{{\"name\":\"{name}\",\"time\":1767322800}}")).collect();
    format!("{{\"items\":{{{}}}}}", items.join(","))
}

#[tokio::test]
async fn a_json_listing_is_read_once_and_only_what_is_new_after() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, JSON);
    web.page("/list", "application/json", listing(&[("a", "first"), ("b", "second")]));
    web.page("/a/raw", "text/plain", "x@a.example;1");
    web.page("/b/raw", "application/octet-stream", b"\x00\xffbinary".to_vec());
    let outcome = bench.visit().await;
    assert!(outcome.fault.is_none(), "{:?}", outcome.fault);
    let posts = bench.kept.take();
    assert_eq!(posts.len(), 2);
    let a = posts.iter().find(|p| p.id.0 == "test:a").unwrap();
    assert_eq!((text(a), a.title.as_deref(), a.url.as_str()), ("x@a.example;1", Some("first"), &*format!("{base}/a")));
    assert_eq!(a.posted_at.unwrap().to_string(), "2026-01-02T03:00:00Z");
    assert_eq!(web.asked().len(), 3);

    bench.visit().await;
    assert_eq!(web.asked(), ["/list"]);
    web.page("/list", "application/json", listing(&[("a", "first"), ("b", "second"), ("c", "third")]));
    web.page("/c/raw", "text/plain", "c");
    bench.restart().await;
    bench.visit().await;
    assert_eq!(web.asked(), ["/list", "/c/raw"]);
    assert_eq!(bench.kept.take().len(), 1);
}

#[tokio::test]
async fn an_unchanged_listing_is_asked_for_conditionally() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, JSON);
    web.reply("/list", 200, &[("content-type", "application/json"), ("etag", "\"v1\"")], listing(&[("a", "x")]));
    web.reply("/a/raw", 503, &[], "");
    assert!(bench.visit().await.fault.is_some());
    // Something is still to be read: "not modified" would hide it.
    assert_eq!(web.asked(), ["/list", "/a/raw"]);
    assert!(bench.between.memory.listings.values().all(|v| v.etag.is_none()));
}

#[tokio::test]
async fn an_error_page_with_status_200_is_tried_again_not_stored() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, JSON);
    web.page("/list", "application/json", listing(&[("a", "first")]));
    web.html("/a/raw", "<!DOCTYPE html><title>not ready for scraping yet</title>");
    bench.visit().await;
    assert!(bench.kept.take().is_empty());
    web.page("/a/raw", "text/plain", "x@a.example");
    bench.visit().await;
    assert!(bench.kept.take().is_empty(), "its pause is not over");
    bench.later(60);
    bench.visit().await;
    assert_eq!(bench.kept.take().iter().map(text).collect::<Vec<_>>(), ["x@a.example"]);

    web.html("/list", "<html><body>maintenance</body></html>");
    let fault = bench.visit().await.fault.unwrap();
    assert_eq!(fault.kind(), "not_valid");
}

#[tokio::test]
async fn what_is_gone_is_said_to_be_unread_once() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, JSON);
    web.page("/list", "application/json", listing(&[("gone", "x")]));
    web.reply("/gone/raw", 410, &[], "");
    bench.visit().await;
    let posts = bench.kept.take();
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].skipped[0].reason, SkipReason::NotFetched);
    assert_eq!(posts[0].documents().count(), 0);
    bench.later(100_000);
    bench.visit().await;
    assert!(bench.kept.take().is_empty());
}

#[tokio::test]
async fn a_full_queue_leaves_the_entry_unread() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, JSON);
    web.page("/list", "application/json", listing(&[("a", "first")]));
    web.page("/a/raw", "text/plain", "x");
    bench.kept.full.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(bench.visit().await.fault.unwrap().kind(), "refused");
    bench.kept.full.store(false, std::sync::atomic::Ordering::SeqCst);
    bench.restart().await;
    bench.visit().await;
    assert_eq!(bench.kept.take().len(), 1);
}

#[tokio::test]
async fn an_html_listing_with_paste_pages_and_files_is_read() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(
        &base,
        "kind = 'html'
        url = '{base}/recent'
        [listing]
        items = 'tr.paste'
        url = 'a.view@href'
        title = 'a.view'
        [post]
        raw = 'a.raw@href'
        author = '.by'
        attachments = 'a.file@href'",
    );
    // A listing that links a deletion on every row: only what the definition names is followed.
    web.html("/recent", "<table><tr class=paste><td><a class=view href=/p/1>one</a> <a href=/delete/1>x</a></table>");
    web.html(
        "/p/1",
        "<span class=by>joe</span><a class=raw href=/r/1>raw</a><a class=file href=/f/dump.zip>z</a>\
         <a class=file href='http://elsewhere.example/x.zip'>y</a><a class=file href=/f/login>w</a>",
    );
    web.page("/r/1", "text/plain", "content");
    web.reply("/f/dump.zip", 200, &[("content-disposition", "attachment; filename*=UTF-8''d%C3%A9mo.zip")], "PK");
    web.html("/f/login", "<html>please log in</html>");
    bench.visit().await;
    let posts = bench.kept.take();
    assert_eq!((text(&posts[0]), posts[0].author.as_deref()), ("content", Some("joe")));
    assert_eq!(posts[0].attachments.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["démo.zip"]);
    assert_eq!(posts[0].skipped.len(), 2);
    assert!(!web.asked().contains(&"/delete/1".to_owned()));

    // The file that was not one comes later: the same post, a further revision.
    web.page("/f/login", "application/zip", "PK2");
    bench.later(60);
    bench.visit().await;
    let again = bench.kept.take();
    assert_eq!((again.len(), again[0].attachments.len()), (1, 2));
    assert_eq!(again[0].id, posts[0].id);
    assert_ne!(again[0].revision, posts[0].revision);
}

#[tokio::test]
async fn a_feed_entry_is_read_again_when_it_changes() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, "kind = 'feed'\nurl = '{base}/feed'");
    let feed = |body: &str, date: &str| {
        format!(
            "<rss version='2.0'><channel><title>t</title><item><guid>g</guid><title>T</title><link>/t/1</link>\
             <pubDate>{date}</pubDate><description>{body}</description>\
             <enclosure url='/dump.txt' type='text/plain' length='1'/></item></channel></rss>"
        )
    };
    web.page("/feed", "application/rss+xml", feed("one", "Fri, 02 Jan 2026 03:04:05 GMT"));
    web.page("/dump.txt", "text/plain", "a@x.example");
    bench.visit().await;
    let first = bench.kept.take();
    assert_eq!((text(&first[0]), first[0].attachments[0].bytes.as_slice()), ("one", b"a@x.example".as_slice()));
    // Only the date differs: read again, found to be the same, not handed over.
    web.page("/feed", "application/rss+xml", feed("one", "Fri, 02 Jan 2026 04:04:05 GMT"));
    bench.visit().await;
    assert!(bench.kept.take().is_empty());
    web.page("/feed", "application/rss+xml", feed("two", "Fri, 02 Jan 2026 04:04:05 GMT"));
    bench.visit().await;
    let second = bench.kept.take();
    assert_eq!((text(&second[0]), &second[0].id), ("two", &first[0].id));
}

#[tokio::test]
async fn a_large_file_is_cut_and_the_cut_recorded() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, &JSON.replace("[listing]", "max_body_mib = 1\n[listing]"));
    web.page("/list", "application/json", listing(&[("big", "x")]));
    web.page("/big/raw", "text/plain", vec![b'a'; 3 << 20]);
    bench.visit().await;
    let post = &bench.kept.take()[0];
    assert_eq!(post.body.bytes.len(), 1 << 20);
    assert_eq!(post.skipped[0].reason, SkipReason::TooLarge);
    assert_eq!(bench.health().skipped["too_large"], 1);
}

#[tokio::test]
async fn attachments_at_forbidden_addresses_are_refused_even_where_hosts_are_named() {
    let forms = crate::net::forbidden_forms();
    let web = Web::default();
    let base = web.start().await;
    let hosts: Vec<String> = forms.iter().map(|form| format!("'{}'", form.trim_end_matches('.'))).collect();
    let definition = format!(
        "kind = 'html'\nurl = '{{base}}/list'\nmax_attachments = 100\nfile_hosts = [{}]\n\
         [listing]\nitems = 'li'\nurl = 'a.p@href'\ncontent = 'p'\nattachments = 'a.f@href'",
        hosts.join(",")
    );
    let mut bench = Bench::new(&base, &definition);
    let links: String = forms.iter().map(|form| format!("<a class=f href='http://{form}:9/x.zip'>x</a>")).collect();
    web.html("/list", &format!("<ul><li><a class=p href=/p/1>t</a><p>text</p>{links}</li></ul>"));
    bench.visit().await;
    let posts = bench.kept.take();
    assert!(posts[0].attachments.is_empty());
    let refused = posts[0].skipped.iter().filter(|skip| skip.reason == SkipReason::NotFetched).count();
    // Spellings of one address are one link.
    let distinct: std::collections::HashSet<String> =
        forms.iter().map(|form| url::Url::parse(&format!("http://{form}:9/x.zip")).unwrap().to_string()).collect();
    assert_eq!(refused, distinct.len(), "{:#?}", posts[0].skipped);
}

#[tokio::test]
async fn a_post_says_through_which_exchanges_it_came() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, JSON);
    web.page("/list", "application/json", listing(&[("a", "first")]));
    web.reply("/a/raw", 302, &[("location", "/moved")], "");
    web.reply("/moved", 200, &[("content-type", "text/plain"), ("x-served-by", "edge 7")], "x@a.example;1");
    assert!(bench.visit().await.fault.is_none());
    let posts = bench.kept.take();
    let [page, file] = posts[0].exchanges.as_slice() else { panic!("{:?}", posts[0].exchanges) };
    assert_eq!((page.asked.clone(), page.status, page.redirects.len()), (format!("{base}/list"), 200, 0));
    assert_eq!((file.asked.clone(), file.url.clone()), (format!("{base}/a/raw"), format!("{base}/moved")));
    assert_eq!(file.redirects, [crate::model::Redirect { url: format!("{base}/a/raw"), status: 302 }]);
    assert!(file.headers.contains(&("x-served-by".into(), "edge 7".into())), "{:?}", file.headers);
    assert_eq!(file.peer.as_deref(), base.strip_prefix("http://"));
    let digest: [u8; 32] =
        sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix("x@a.example;1")).into();
    assert_eq!((file.sha256, file.bytes), (digest, 13));
    assert_eq!(format!("{file:?}"), "Exchange(200, 13 bytes)", "nothing of the server's in a log");
}
