//! From the bytes of a page to what stands on it. Synchronous and without memory: the same bytes give the same answer,
//! for the service, for `site check` and for `site try`.

mod found;

use jiff::Timestamp;
use scraper::{Html, Selector};
use serde_json::Value;
use url::Url;

use super::dates;
use super::pick::{Known, Node, On, Pick, root};
use super::prepass;
use super::settings::{Item, ListForm, ListRules, PostRules, WebRules};
use super::wall;

/// Why a page could not be read as what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is something else: an error page, a login page, a changed layout.
    #[error("not the page it should be ({0}); hint: it is tried again, vigie site try shows what is read")]
    NotValid(&'static str),
    /// It is for those who are not logged in.
    #[error("the page says that one is not logged in")]
    LoggedOut,
    /// It does not follow its own format.
    #[error("{format} that cannot be parsed ({why})")]
    Malformed {
        /// JSON or feed.
        format: &'static str,
        /// Place and kind of the fault, never content.
        why: String,
    },
}

/// A page as fetched.
#[derive(Clone, Copy)]
pub struct Fetched<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// `Content-Type`.
    pub media_type: Option<&'a str>,
    /// Where it was read in the end.
    pub url: &'a Url,
}

/// One item of a listing.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// The site's own key.
    pub key: String,
    /// The page a person would open.
    pub url: Option<Url>,
    /// Files that are the content.
    pub raw: Vec<Url>,
    /// The content, where the listing holds it.
    pub content: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Author.
    pub author: Option<String>,
    /// Date.
    pub date: Option<Timestamp>,
    /// Files that hang on it.
    pub attachments: Vec<Url>,
    /// Changes when the entry does.
    pub mark: u64,
}

/// A listing as read.
#[derive(Debug, Default)]
pub struct ListPage {
    /// Its items, in the order of the page.
    pub entries: Vec<Entry>,
    /// The next page.
    pub next: Option<Url>,
    /// Mark-up was cut.
    pub cut: bool,
    /// Fields that the definition describes: those that some item has, and those that none has.
    pub fields: Fields,
}

/// Which described fields stood on a page with items.
#[derive(Debug, Default)]
pub struct Fields {
    /// On at least one item.
    pub found: Vec<&'static str>,
    /// On none.
    pub missing: Vec<&'static str>,
}

/// One post on a page.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The site's own key.
    pub key: Option<String>,
    /// Its own address.
    pub url: Option<Url>,
    /// Its content.
    pub body: Option<String>,
    /// Files that are the content.
    pub raw: Vec<Url>,
    /// Author.
    pub author: Option<String>,
    /// Date.
    pub date: Option<Timestamp>,
    /// Files that hang on it.
    pub attachments: Vec<Url>,
    /// Where the words of its content link to; only looked for where links are followed.
    pub links: Vec<Url>,
    /// Changes when the post does.
    pub mark: u64,
}

/// The page of an entry as read.
#[derive(Debug, Default)]
pub struct PostPage {
    /// Its posts, in the order of the page.
    pub messages: Vec<Message>,
    /// Title of the page.
    pub title: Option<String>,
    /// The next page.
    pub next: Option<Url>,
    /// Mark-up was cut.
    pub cut: bool,
    /// Fields that the definition describes: those that some post has, and those that none has.
    pub fields: Fields,
}

/// Reads a listing.
///
/// # Errors
/// It is not one.
pub fn read_list(web: &WebRules, page: Fetched<'_>, now: Timestamp) -> Result<ListPage, Unreadable> {
    match &web.form {
        ListForm::Feed => super::feed::read(page),
        ListForm::Html(rules) => {
            let (text, cuts) = prepass::bounded(page.bytes, page.media_type);
            refuse(&rules.item, &text)?;
            marked_up(&text)?;
            let html = Html::parse_document(&text);
            outside(web, &html, page.url)?;
            let reader = Reader { web, base: base(&html, page.url), url: bare(page.url), now };
            let mut list = reader.list(rules, root(&html))?;
            list.cut = cuts.bytes || cuts.tags;
            Ok(list)
        }
        ListForm::Json(rules) => {
            let value = json(&rules.item, page)?;
            let reader = Reader { web, base: page.url.clone(), url: bare(page.url), now };
            reader.list(rules, Node::Json(&value, None))
        }
        ListForm::Page => Ok(ListPage {
            entries: vec![Entry { url: Some(page.url.clone()), ..Entry::default() }],
            ..ListPage::default()
        }),
    }
}

/// Reads an entry's page.
///
/// # Errors
/// It is not one.
pub fn read_posts(
    web: &WebRules,
    rules: &PostRules,
    page: Fetched<'_>,
    now: Timestamp,
) -> Result<PostPage, Unreadable> {
    if rules.on == On::Json {
        let value = json(&rules.item, page)?;
        let reader = Reader { web, base: page.url.clone(), url: bare(page.url), now };
        return reader.posts(rules, Node::Json(&value, None));
    }
    let (text, cuts) = prepass::bounded(page.bytes, page.media_type);
    refuse(&rules.item, &text)?;
    marked_up(&text)?;
    let html = Html::parse_document(&text);
    outside(web, &html, page.url)?;
    let reader = Reader { web, base: base(&html, page.url), url: bare(page.url), now };
    let mut posts = reader.posts(rules, root(&html))?;
    posts.cut = cuts.bytes || cuts.tags;
    Ok(posts)
}

/// Whether the first bytes of a file are those of an HTML page.
#[must_use]
pub fn looks_like_html(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(512)];
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().to_ascii_lowercase();
    head.starts_with(b"<!doctype html") || head.starts_with(b"<html")
}

/// A short hash for recognising change; of no use for anything else.
#[must_use]
pub fn mark<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    u64::from_le_bytes(*hasher.finalize().as_bytes().first_chunk().expect("a BLAKE3 hash has 32 bytes"))
}

fn json(rules: &Item, page: Fetched<'_>) -> Result<Value, Unreadable> {
    if !rules.invalid.is_empty() {
        refuse(rules, &prepass::decode(page.bytes, page.media_type))?;
    }
    if looks_like_html(page.bytes) {
        return Err(Unreadable::NotValid("HTML where JSON was expected"));
    }
    // The parser's own recursion limit (128) bounds the depth.
    serde_json::from_slice(page.bytes).map_err(|e| Unreadable::Malformed {
        format: "JSON",
        why: format!("{:?} at line {} column {}", e.classify(), e.line(), e.column()),
    })
}

/// Refuses what is no HTML at all. What is empty may be said better.
fn marked_up(text: &str) -> Result<(), Unreadable> {
    const HEAD: usize = 64 << 10;
    let head = text[..text.floor_char_boundary(HEAD)].trim_start();
    if head.is_empty() || head.contains('<') {
        return Ok(());
    }
    Err(Unreadable::NotValid(match head.as_bytes()[0] {
        b'{' | b'[' => "it is JSON where HTML was expected",
        _ => "it is not HTML",
    }))
}

fn refuse(rules: &Item, text: &str) -> Result<(), Unreadable> {
    if rules.invalid.iter().any(|pattern| pattern.is_match(text)) {
        return Err(Unreadable::NotValid("it matches `invalid`"));
    }
    Ok(())
}

/// Refuses a page for those who are not logged in, where one should be.
fn outside(web: &WebRules, html: &Html, url: &Url) -> Result<(), Unreadable> {
    match &web.login {
        Some(login) if login.is_outside(html, url) => Err(Unreadable::LoggedOut),
        _ => Ok(()),
    }
}

/// What relative links on a page are relative to.
fn base(html: &Html, url: &Url) -> Url {
    let selector = Selector::parse("base[href]").expect("a constant selector");
    let declared = html.select(&selector).next().and_then(|e| e.value().attr("href"));
    declared.and_then(|href| url.join(href).ok()).unwrap_or_else(|| url.clone())
}

fn bare(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    url
}

/// Takes items off one page.
struct Reader<'a> {
    web: &'a WebRules,
    base: Url,
    /// The page's own address, without fragment.
    url: Url,
    now: Timestamp,
}

impl Reader<'_> {
    fn list(&self, rules: &ListRules, page: Node<'_>) -> Result<ListPage, Unreadable> {
        if rules.find {
            return self.found_list(rules, page);
        }
        let item = &rules.item;
        let nodes = item.items.as_ref().map_or_else(|| vec![page], |items| items.items(page));
        let mut list = ListPage { next: self.next(item, page, Known::default()), ..ListPage::default() };
        let mut seen = std::collections::HashSet::new();
        for node in nodes {
            // A row without link is a heading or an advertisement; a key listed twice is one entry.
            if let Some(entry) = self.entry(rules, node)
                && seen.insert(entry.key.clone())
            {
                list.entries.push(entry);
            }
        }
        self.check_valid(item, page, list.entries.is_empty())?;
        list.fields =
            fields(&list.entries, item, |entry| [entry.title.is_some(), entry.author.is_some(), entry.date.is_some()]);
        Ok(list)
    }

    fn entry(&self, rules: &ListRules, node: Node<'_>) -> Option<Entry> {
        let item = &rules.item;
        let mut id = first(item.id.as_ref(), node, Known::default());
        let known = Known { id: id.as_deref(), url: None };
        let url = self.link(item.url.as_ref(), node, known);
        if id.is_none() {
            if item.id.is_some() {
                return None;
            }
            id = Some(page_key(url.as_ref()?));
        }
        let key = id?;
        let shown = url.as_ref().map(Url::as_str);
        let known = Known { id: Some(&key), url: shown };
        let (title, date) = (first(item.title.as_ref(), node, known), first(item.date.as_ref(), node, known));
        let mark = match &rules.changed {
            Some(changed) => mark(changed.all(node, known).iter().map(String::as_str)),
            None => mark([title.as_deref().unwrap_or_default(), date.as_deref().unwrap_or_default()]),
        };
        Some(Entry {
            raw: self.links(item.raw.as_ref(), node, known),
            content: item.body.as_ref().and_then(|body| body.content(node)).filter(|text| !text.trim().is_empty()),
            author: first(item.author.as_ref(), node, known),
            date: self.date(item.date.as_ref(), date.as_deref()),
            attachments: self.links(item.attachments.as_ref(), node, known),
            key: key.clone(),
            url,
            title,
            mark,
        })
    }

    fn posts(&self, rules: &PostRules, page: Node<'_>) -> Result<PostPage, Unreadable> {
        if let Some(find) = rules.find {
            return self.found_posts(rules, find, page);
        }
        let item = &rules.item;
        let nodes = item.items.as_ref().map_or_else(|| vec![page], |items| items.items(page));
        let messages: Vec<Message> = nodes.into_iter().filter_map(|node| self.message(item, node)).collect();
        self.check_valid(item, page, messages.is_empty())?;
        let known = Known { id: None, url: Some(self.base.as_str()) };
        let fields = fields(&messages, item, |m| [true, m.author.is_some(), m.date.is_some()]);
        Ok(PostPage {
            title: first(item.title.as_ref(), page, known),
            next: self.next(item, page, known),
            cut: false,
            messages,
            fields,
        })
    }

    fn message(&self, item: &Item, node: Node<'_>) -> Option<Message> {
        let known = Known { id: None, url: Some(self.base.as_str()) };
        let key = first(item.id.as_ref(), node, known);
        let known = Known { id: key.as_deref(), ..known };
        let body = item.body.as_ref().and_then(|body| body.content(node));
        let raw = self.links(item.raw.as_ref(), node, known);
        if body.is_none() && raw.is_empty() {
            return None;
        }
        let attachments = self.links(item.attachments.as_ref(), node, known);
        let links = match &item.body {
            Some(body) if !self.web.follow.is_empty() => self.joined(body.hrefs(node)),
            _ => Vec::new(),
        };
        let files = raw.iter().chain(&attachments).chain(&links).map(Url::as_str);
        let mark = mark(body.as_deref().into_iter().chain(files));
        let date = first(item.date.as_ref(), node, known);
        Some(Message {
            url: self.link(item.url.as_ref(), node, known),
            author: first(item.author.as_ref(), node, known),
            date: self.date(item.date.as_ref(), date.as_deref()),
            key,
            body,
            raw,
            attachments,
            links,
            mark,
        })
    }

    fn check_valid(&self, item: &Item, page: Node<'_>, empty: bool) -> Result<(), Unreadable> {
        match &item.valid {
            Some(valid) if valid.items(page).is_empty() => {
                Err(Unreadable::NotValid(wall::before(page).unwrap_or("`valid` is missing")))
            }
            // Whoever says `[]` or `{}` has an empty list; a page without rows may be anything.
            None if empty && !matches!(page, Node::Json(..)) => {
                Err(Unreadable::NotValid(wall::before(page).unwrap_or("nothing on it is an item")))
            }
            _ => Ok(()),
        }
    }

    fn date(&self, pick: Option<&Pick>, text: Option<&str>) -> Option<Timestamp> {
        dates::parse(text?, pick.and_then(|p| p.format.as_deref()), &self.web.zone, self.now)
    }

    /// The next page. A link to a place on this very page is none: last pages often have one that leads to `#`.
    fn next(&self, item: &Item, page: Node<'_>, known: Known<'_>) -> Option<Url> {
        let mut next = self.link(item.next.as_ref(), page, known)?;
        next.set_fragment(None);
        (next != self.url).then_some(next)
    }

    fn link(&self, pick: Option<&Pick>, node: Node<'_>, known: Known<'_>) -> Option<Url> {
        self.links(pick, node, known).into_iter().next()
    }

    fn links(&self, pick: Option<&Pick>, node: Node<'_>, known: Known<'_>) -> Vec<Url> {
        pick.map_or_else(Vec::new, |pick| self.joined(pick.all(node, known)))
    }

    /// Addresses as written, made whole; each once.
    fn joined(&self, written: Vec<String>) -> Vec<Url> {
        let mut links: Vec<Url> = Vec::new();
        for text in written {
            if let Ok(url) = self.base.join(&text)
                && matches!(url.scheme(), "http" | "https")
                && !links.contains(&url)
            {
                links.push(url);
            }
        }
        links
    }
}

fn first(pick: Option<&Pick>, node: Node<'_>, known: Known<'_>) -> Option<String> {
    pick?.first(node, known)
}

/// What identifies an entry that has no key of its own: its address without what changes from visit to visit.
fn page_key(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    if url.query().is_some() {
        let session = |name: &str| matches!(name, "sid" | "s" | "PHPSESSID" | "phpsessid" | "sessionid");
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| !session(name))
            .map(|(k, v)| (k.into_owned(), v.into_owned()))
            .collect();
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
    }
    url.into()
}

/// The described fields (title, author, date) that some of the items have, and those that none has.
fn fields<T>(items: &[T], rules: &Item, has: impl Fn(&T) -> [bool; 3]) -> Fields {
    let described = [("title", &rules.title), ("author", &rules.author), ("date", &rules.date)];
    let on_some = items.iter().map(has).fold([false; 3], |a, b| [a[0] | b[0], a[1] | b[1], a[2] | b[2]]);
    let mut fields = Fields::default();
    for ((name, pick), found) in described.into_iter().zip(on_some) {
        if pick.is_some() && !items.is_empty() {
            if found { &mut fields.found } else { &mut fields.missing }.push(name);
        }
    }
    fields
}
