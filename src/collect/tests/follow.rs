//! Links in posts, and files that come in parts.

use super::{Bench, Web, text};

const FORUM: &str = "
kind = 'html'
url = '{base}/forum'
max_follow = 2
headers = { authorization = 'synthetic token' }
[listing]
items = 'li'
id = 'a@href'
url = 'a@href'
[post]
items = 'div.post'
id = '@id'
body = '.text'
attachments = '.files a@href'
[[follow]]
host = '{host}'
match = '^/p/'
fetch = '{url}/raw'
";

async fn bench(host: &Web) -> (Web, Bench, String) {
    let (web, base) = (Web::default(), host.start().await);
    let site = web.start().await;
    let host = base.trim_start_matches("http://").to_owned();
    let definition = FORUM.replace("{host}", &host).replace("{base}", &site);
    let bench = Bench::new(
        &base,
        &definition.replace(
            "headers =",
            &format!("allow_hosts = ['{host}', '{}']\nheaders =", site.trim_start_matches("http://")),
        ),
    );
    web.html("/forum", "<li><a href=/t/1>t</a>");
    (web, bench, base)
}

#[tokio::test]
async fn links_to_named_hosts_are_followed_one_step_and_no_further() {
    let pastes = Web::default();
    let (web, mut bench, base) = bench(&pastes).await;
    pastes.page("/p/a/raw", "text/plain", format!("one;two\nsee {base}/p/deeper"));
    pastes.page("/p/hidden/raw", "text/plain", "behind words");
    let page = format!(
        "<div class=post id=1><div class=text>look: {base}/p/a and <a href='{base}/p/hidden'>here</a> and {base}/p/c,
         {base}/p/delete/7 {base}/about http://127.0.0.1:9/p/x</div></div>"
    );
    web.html("/t/1", &page);
    bench.visit().await;
    let posts = bench.kept.take();
    let read: Vec<&[u8]> = posts[0].attachments.iter().map(|file| file.bytes.as_slice()).collect();
    assert_eq!(read.len(), 1, "the third link is over max_follow, the second does not exist");
    assert!(read[0].starts_with(b"one;two"));
    let said: Vec<&str> = posts[0].skipped.iter().map(|skip| skip.detail.as_str()).collect();
    assert!(said.iter().any(|detail| detail.contains("may change something")), "{said:?}");
    assert!(said.contains(&"max_follow reached"), "{said:?}");
    let asked = pastes.asked_with_headers();
    let paths: Vec<&str> = asked.iter().map(|(path, _)| path.as_str()).collect();
    assert!(
        !paths.iter().any(|path| path.contains("delete") || path.contains("deeper") || path.contains("about")),
        "{paths:?}"
    );
    assert!(asked.iter().all(|(_, headers)| !headers.contains_key("authorization")), "the site's token went elsewhere");
    assert!(text(&posts[0]).starts_with("look:"));
}

#[tokio::test]
async fn words_that_are_links_are_followed_too_and_parts_are_joined() {
    let pastes = Web::default();
    let (web, mut bench, base) = bench(&pastes).await;
    pastes.page("/p/hidden/raw", "text/plain", "behind words");
    for (name, part) in [("d.csv.001", "a;b\n"), ("d.csv.002", "c;d\n")] {
        web.page(&format!("/f/{name}"), "application/octet-stream", part);
    }
    web.html(
        "/t/1",
        &format!(
            "<div class=post id=1><div class=text><a href='{base}/p/hidden#k'>here</a></div>
             <div class=files><a href=/f/d.csv.002>2</a><a href=/f/d.csv.001>1</a></div></div>"
        ),
    );
    bench.visit().await;
    let posts = bench.kept.take();
    let mut files: Vec<(&str, &[u8])> =
        posts[0].attachments.iter().map(|file| (file.name.as_str(), file.bytes.as_slice())).collect();
    files.sort_unstable();
    assert_eq!(files, [("d.csv", b"a;b\nc;d\n".as_slice()), ("raw", b"behind words".as_slice())]);
    assert!(posts[0].skipped.is_empty(), "{:?}", posts[0].skipped);
}
