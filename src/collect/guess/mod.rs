//! Pages of software that nobody has described: which of its links are the threads, which of its elements are the posts,
//! and who wrote what when, found by how such pages are usually built.
//!
//! What lives here reads a parsed page and nothing else. Threads are the links that repeat in one place and say most
//! (`listing`); posts are what lies around marks that repeat, such as numbered ids, names of authors, times
//! (`thread`). Where nothing repeats the page is one post: a wrong guess may show too much of a page, never too little.
//! What a definition describes is never guessed; that choice, and what becomes of the result, is `page`'s.

mod around;
mod fields;
mod listing;
mod next;
mod thread;
mod words;

pub(super) use listing::{Row, row_in, rows};
pub(super) use next::next;
pub(super) use thread::{Found, posts, posts_in};
pub(super) use words::raw_link;

use jiff::Timestamp;
use scraper::ElementRef;
use url::Url;

/// A page, and what is needed to read it.
pub(super) struct Page<'a> {
    /// Its root.
    pub root: ElementRef<'a>,
    /// What its links are relative to.
    pub base: &'a Url,
    /// Where it stands, without fragment.
    pub url: &'a Url,
    /// Reads a date in its zone.
    pub date: &'a dyn Fn(&str) -> Option<Timestamp>,
}

impl Page<'_> {
    /// The address that a link leads to, if it stays on the page's host.
    fn own(&self, href: &str) -> Option<Url> {
        let url = self.base.join(href.trim()).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.host_str() == self.url.host_str()).then_some(url)
    }
}

#[cfg(test)]
mod tests;
