//! Layouts of forums and paste sites as their software makes them, read without any of it being described.

mod boards;
mod modern;
mod plain;

use jiff::Timestamp;
use url::Url;

use crate::collect::page::{self, Entry, Fetched, ListPage, Message, PostPage};
use crate::collect::settings::{Families, Site, Source};

fn web(family: &str, url: &str) -> std::sync::Arc<crate::collect::settings::WebRules> {
    let table = format!("id = 'x'\nfamily = '{family}'\nurl = '{url}'").parse().unwrap();
    let site = Site::from_table(&table, &Families::built_in()).unwrap();
    let Source::Web(web) = site.source else { panic!("{family} is on the web") };
    web
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// A listing as the generic family reads it.
pub(super) fn listing_as(family: &str, url: &str, html: &str) -> ListPage {
    let here = Url::parse(url).unwrap();
    let page = Fetched { bytes: html.as_bytes(), media_type: Some("text/html; charset=utf-8"), url: &here };
    page::read_list(&web(family, url), page, now()).unwrap_or_else(|error| panic!("{url}: {error}"))
}

pub(super) fn listing(url: &str, html: &str) -> ListPage {
    listing_as("forum", url, html)
}

/// A thread as the generic family reads it.
pub(super) fn thread_as(family: &str, url: &str, html: &str) -> PostPage {
    let here = Url::parse(url).unwrap();
    let web = web(family, url);
    let page = Fetched { bytes: html.as_bytes(), media_type: Some("text/html; charset=utf-8"), url: &here };
    page::read_posts(&web, web.post.as_ref().unwrap(), page, now()).unwrap_or_else(|error| panic!("{url}: {error}"))
}

pub(super) fn thread(url: &str, html: &str) -> PostPage {
    thread_as("forum", url, html)
}

/// Of each entry: title, path of the address, author, day.
pub(super) fn rows(list: &ListPage) -> Vec<[String; 4]> {
    let row = |entry: &Entry| {
        let url = entry.url.as_ref().map(|url| url.as_str().splitn(4, '/').nth(3).unwrap_or_default().to_owned());
        [entry.title.clone(), url, entry.author.clone(), entry.date.map(|date| date.to_string()[..10].to_owned())]
            .map(Option::unwrap_or_default)
    };
    list.entries.iter().map(row).collect()
}

/// Of each post: key, author, minute, text.
pub(super) fn posts(page: &PostPage) -> Vec<[String; 4]> {
    let row = |post: &Message| {
        let minute = post.date.map(|date| date.to_string()[..16].to_owned());
        [post.key.clone(), post.author.clone(), minute, post.body.clone()].map(Option::unwrap_or_default)
    };
    page.messages.iter().map(row).collect()
}

pub(super) fn next_of(next: Option<&Url>) -> &str {
    next.map_or("", |url| url.as_str().splitn(4, '/').nth(3).unwrap_or_default())
}

/// Checks a listing: its rows (title, address, author, day) and its next page.
#[track_caller]
pub(super) fn lists(url: &str, html: &str, expected: &[[&str; 4]], next: &str) {
    let list = listing(url, html);
    assert_eq!(rows(&list), expected.iter().map(|row| row.map(str::to_owned)).collect::<Vec<_>>());
    assert_eq!(next_of(list.next.as_ref()), next);
}

/// Checks a thread: of its posts the key, author, minute, and what the text holds and does not hold; and its next page.
#[track_caller]
pub(super) fn reads(url: &str, html: &str, expected: &[[&str; 4]], next: &str) {
    let page = thread(url, html);
    let read = posts(&page);
    assert_eq!(read.len(), expected.len(), "{read:#?}");
    for (read, expected) in read.iter().zip(expected) {
        assert_eq!(read[..3], expected.map(str::to_owned)[..3], "{read:?}");
        assert!(read[3].contains(expected[3]), "{read:?}");
        assert!(expected.len() > 1 || !read[3].contains("Joined"), "{read:?}");
    }
    assert_eq!(next_of(page.next.as_ref()), next);
}
