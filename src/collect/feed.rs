//! RSS, Atom, RDF and JSON Feed.
//!
//! Feeds lie: about dates, about identifiers (one forum gives all replies of a thread one guid), about what changed. So
//! an entry's mark covers everything that the feed says of it, and identifiers shared by several entries are told
//! apart by their links.

use std::collections::HashMap;

use feed_rs::model::{Entry as FeedEntry, Text};
use jiff::Timestamp;
use url::Url;

use super::page::{Entry, Fetched, ListPage, Unreadable, mark};
use super::text;

/// Entries read of one feed.
const MAX_ENTRIES: usize = 5_000;
/// The identifier given to entries without one; no real one is empty.
const NO_ID: &str = "";

/// Reads a feed.
pub(super) fn read(page: Fetched<'_>) -> Result<ListPage, Unreadable> {
    if super::page::looks_like_html(page.bytes) {
        return Err(Unreadable::NotValid("HTML where a feed was expected"));
    }
    let parser = feed_rs::parser::Builder::new()
        .base_uri(Some(page.url.as_str()))
        .sanitize_content(false)
        .id_generator(|_, _, _| NO_ID.to_owned())
        .build();
    // The parser's own messages may quote content.
    let why = |e: feed_rs::parser::ParseFeedError| match e {
        feed_rs::parser::ParseFeedError::ParseError(_) => "no feed element".to_owned(),
        feed_rs::parser::ParseFeedError::JsonSerde(e) => format!("JSON, line {} column {}", e.line(), e.column()),
        feed_rs::parser::ParseFeedError::JsonUnsupportedVersion(_) => "unknown JSON Feed version".to_owned(),
        feed_rs::parser::ParseFeedError::XmlReader(_) => "XML".to_owned(),
        feed_rs::parser::ParseFeedError::IoError(_) => "cut short".to_owned(),
    };
    let feed = parser.parse(page.bytes).map_err(|e| Unreadable::Malformed { format: "feed", why: why(e) })?;
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for entry in &feed.entries {
        *uses.entry(entry.id.as_str()).or_default() += 1;
    }
    let entries = feed.entries.iter().take(MAX_ENTRIES);
    let entries = entries.filter_map(|e| entry(e, uses[e.id.as_str()] > 1, page.url)).collect();
    let mut list = ListPage { entries, ..ListPage::default() };
    let mut seen = std::collections::HashSet::new();
    list.entries.retain(|e| seen.insert(e.key.clone()));
    Ok(list)
}

fn entry(entry: &FeedEntry, shared_id: bool, base: &Url) -> Option<Entry> {
    let page_link = |l: &&feed_rs::model::Link| l.rel.as_deref().is_none_or(|rel| rel == "alternate");
    let url = entry.links.iter().find(page_link).and_then(|l| base.join(&l.href).ok()).filter(is_web);
    let link = url.as_ref().map_or("", Url::as_str);
    let title = entry.title.as_ref().map(|t| plain(t, false)).filter(|t| !t.is_empty());
    let key = match (entry.id.as_str(), shared_id) {
        (NO_ID, _) if !link.is_empty() => link.to_owned(),
        (NO_ID, _) => title.clone()?,
        (id, false) => id.to_owned(),
        (id, true) => format!("{id} {link}"),
    };
    let content = content(entry);
    let attachments = attachments(entry, base);
    let date = entry.published.or(entry.updated);
    let updated = entry.updated.or(entry.published).map(|d| d.timestamp()).unwrap_or_default().to_string();
    let said = [link, title.as_deref().unwrap_or_default(), &updated, content.as_deref().unwrap_or_default()];
    let mark = mark(said.into_iter().chain(attachments.iter().map(Url::as_str)));
    Some(Entry {
        key,
        url,
        raw: Vec::new(),
        content,
        title,
        author: entry.authors.iter().find_map(|a| a.name.clone()).filter(|name| !name.is_empty()),
        date: date.and_then(|d| Timestamp::from_second(d.timestamp()).ok()),
        attachments,
        mark,
    })
}

/// The longest of what an entry says: some feeds put the whole into the summary and a stub into the content.
fn content(entry: &FeedEntry) -> Option<String> {
    let body = entry.content.as_ref().and_then(|content| {
        let body = content.body.as_deref()?;
        let html = content.content_type.as_str().contains("html");
        Some(if html || looks_marked_up(body) { text::of_fragment(body) } else { body.to_owned() })
    });
    let summary = entry.summary.as_ref().map(|s| plain(s, true));
    match (body, summary) {
        (Some(body), Some(summary)) => Some(if summary.len() > body.len() { summary } else { body }),
        (body, summary) => body.or(summary),
    }
    .filter(|text| !text.trim().is_empty())
}

fn plain(said: &Text, keep_lines: bool) -> String {
    let marked_up = said.content_type.as_str().contains("html") || looks_marked_up(&said.content);
    let text = if marked_up { text::of_fragment(&said.content) } else { said.content.clone() };
    if keep_lines { text } else { text.split_whitespace().collect::<Vec<_>>().join(" ") }
}

/// RSS does not say whether a description is HTML.
fn looks_marked_up(text: &str) -> bool {
    ["<p", "<br", "<div", "<a ", "<pre", "<ul", "<li", "<table", "<span", "</", "&lt;", "&amp;", "&#"]
        .iter()
        .any(|tag| text.contains(tag))
}

fn attachments(entry: &FeedEntry, base: &Url) -> Vec<Url> {
    let enclosures = entry.links.iter().filter(|l| l.rel.as_deref() == Some("enclosure"));
    let mut files: Vec<Url> = enclosures.filter_map(|l| base.join(&l.href).ok()).collect();
    files.extend(entry.media.iter().flat_map(|m| &m.content).filter_map(|c| c.url.clone()));
    files.retain(is_web);
    files.sort();
    files.dedup();
    files
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(text: &str) -> Vec<Entry> {
        let url = Url::parse("https://forum.example/feed").unwrap();
        read(Fetched { bytes: text.as_bytes(), media_type: None, url: &url }).unwrap().entries
    }

    #[test]
    fn the_four_formats_are_read() {
        let rss = r#"<rss version="2.0"><channel><title>t</title><item><title>A &amp; B</title><link>/t/1</link><guid>g1</guid>
            <description>&lt;p&gt;a@x.example;Ann&lt;br&gt;b@x.example;Bob&lt;/p&gt;</description>
            <enclosure url="/f/dump.zip" length="1" type="application/zip"/><pubDate>Invalid Date</pubDate></item></channel></rss>"#;
        let read = &feed(rss)[0];
        assert_eq!((read.key.as_str(), read.title.as_deref()), ("g1", Some("A & B")));
        assert_eq!(read.content.as_deref(), Some("a@x.example;Ann\nb@x.example;Bob"));
        assert_eq!(read.attachments[0].as_str(), "https://forum.example/f/dump.zip");
        assert_eq!(read.date, None);

        let atom = r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>f</id><title>t</title><updated>2026-01-02T03:04:05Z</updated>
            <entry><id>tag:x,1</id><title>T</title><link rel="alternate" href="https://forum.example/t/2"/><author><name>joe</name></author>
            <updated>2026-01-02T03:04:05Z</updated><content type="text">plain; text</content></entry></feed>"#;
        let read = &feed(atom)[0];
        assert_eq!((read.author.as_deref(), read.content.as_deref()), (Some("joe"), Some("plain; text")));
        assert_eq!(read.date.unwrap().to_string(), "2026-01-02T03:04:05Z");

        let rdf = r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
            <channel rdf:about="https://w.example/"><title>w</title><link>https://w.example/</link><description>d</description></channel>
            <item rdf:about="https://w.example/p"><title>page</title><link>https://w.example/p</link><description>body</description><dc:date>2026-01-02T00:00:00+00:00</dc:date></item></rdf:RDF>"#;
        assert_eq!(feed(rdf)[0].url.as_ref().unwrap().as_str(), "https://w.example/p");

        let json = r#"{"version":"https://jsonfeed.org/version/1.1","title":"t","items":[{"id":"9","url":"https://j.example/9","content_text":"hello","date_published":"2026-01-02T00:00:00Z"}]}"#;
        assert_eq!((feed(json)[0].key.as_str(), feed(json)[0].content.as_deref()), ("9", Some("hello")));
    }

    #[test]
    fn a_guid_shared_by_all_replies_does_not_hide_them() {
        let item = |n: u32| {
            format!(
                "<item><guid>topic-1</guid><link>https://f.example/t/1?p={n}</link><description>reply {n}</description></item>"
            )
        };
        let rss = |items: &str| format!("<rss version='2.0'><channel><title>t</title>{items}</channel></rss>");
        let both = feed(&rss(&(item(1) + &item(2))));
        assert_eq!(both.len(), 2);
        assert_ne!(both[0].key, both[1].key);
        // Alone, the guid is the key; what it says has changed.
        let (before, after) = (feed(&rss(&item(1))), feed(&rss(&item(2))));
        assert_eq!(before[0].key, after[0].key);
        assert_ne!(before[0].mark, after[0].mark);
    }

    #[test]
    fn a_page_is_not_a_feed() {
        let url = Url::parse("https://forum.example/feed").unwrap();
        for bytes in ["<!DOCTYPE html><html><body>error</body></html>", "<rss><channel>", "{\"version\":1", ""] {
            assert!(read(Fetched { bytes: bytes.as_bytes(), media_type: None, url: &url }).is_err(), "{bytes}");
        }
    }
}
