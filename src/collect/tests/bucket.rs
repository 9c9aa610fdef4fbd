//! A bucket, as an S3-compatible service on loopback shows it.

use super::{Bench, Web, text};

const BUCKET: &str =
    "kind = 'bucket'\nurl = '{base}'\nbucket = 'drops'\nprefix = 'in'\nmax_body_mib = 1\nremember = 100\n";
const LIST: &str = "/drops?list-type=2&prefix=in%2F";

fn listing(objects: &[(&str, &str, usize)]) -> String {
    let rows: String = objects
        .iter()
        .map(|(key, tag, size)| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-20T10:00:00.000Z</LastModified><ETag>&quot;{tag}&quot;</ETag>\
                 <Size>{size}</Size></Contents>"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\"?><ListBucketResult><Name>drops</Name><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
    )
}

fn object(web: &Web, key: &str, tag: &str, body: &str) {
    let headers = [("etag", tag), ("last-modified", "Fri, 20 Nov 2026 10:00:00 GMT")];
    web.reply(&format!("/drops/{key}"), 200, &headers, body);
}

#[tokio::test]
async fn each_object_is_read_once_and_again_when_it_changes() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, BUCKET);
    web.page(LIST, "application/xml", listing(&[("in/a.csv", "1", 3), ("in/empty", "0", 0), ("in/gone.csv", "9", 5)]));
    object(&web, "in/a.csv", "\"1\"", "a;b");
    let outcome = bench.visit().await;
    let posts = bench.kept.take();
    assert_eq!(posts.iter().map(text).collect::<Vec<_>>(), ["a;b"], "{:?}", outcome.fault);
    assert_eq!((posts[0].id.0.as_str(), posts[0].title.as_deref()), ("test:in/a.csv", Some("in/a.csv")));
    assert_eq!(posts[0].url, format!("{base}/drops/in/a.csv"));
    assert_eq!(posts[0].posted_at, "2026-11-20T10:00:00Z".parse().ok());
    assert!(outcome.fault.is_some(), "one that is listed and not there is said");

    web.asked();
    bench.restart().await;
    bench.visit().await;
    assert_eq!(web.asked(), [LIST], "nothing is read twice, nor at once what could not be read");

    web.page(LIST, "application/xml", listing(&[("in/a.csv", "2", 3), ("in/b.csv", "5", 3)]));
    object(&web, "in/a.csv", "\"2\"", "c;d");
    object(&web, "in/b.csv", "\"5\"", "e;f");
    let outcome = bench.visit().await;
    assert!(outcome.fault.is_none(), "{:?}", outcome.fault);
    assert_eq!(bench.kept.take().iter().map(text).collect::<Vec<_>>(), ["c;d", "e;f"]);
}

#[tokio::test]
async fn errors_are_told_without_what_the_service_says() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, BUCKET);
    let denied = "<Error><Code>AccessDenied</Code><Message>synthetic secret</Message></Error>";
    web.reply(LIST, 403, &[("content-type", "application/xml")], denied);
    let fault = bench.visit().await.fault.unwrap();
    assert_eq!(fault.kind(), "status");
    assert!(fault.to_string().contains("403") && !fault.to_string().contains("synthetic"), "{fault}");
    web.page(LIST, "text/html", "<html>synthetic</html>");
    assert_eq!(bench.visit().await.fault.unwrap().kind(), "encoding", "an error page is no empty bucket");

    // A private address that the definition did not name is not asked: the library's requests pass the same checks.
    let elsewhere = BUCKET.replace("url = '{base}'", "url = 'http://127.0.0.1:9/'\nallow_hosts = ['127.0.0.1:10']");
    let text = format!("id = 'test'\ngap = '0s'\n{elsewhere}");
    let families = super::Families::built_in();
    assert!(super::Site::from_table(&text.parse().unwrap(), &families).is_err());
}
