//! Trying a definition: on its own examples, without network, and on the real place, without effect.

use std::sync::Arc;
use std::sync::Mutex;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::health::{HealthBoard, SiteHealth};
use super::intake::{Cursor, Intake, Refused, system_clock};
use super::page::{self, Entry, Fetched, Message};
use super::settings::raw::{ExpectItem, RawExample, Reads};
use super::settings::{Families, Family, SettingError, Site, Source, WebRules};
use super::visit::{Between, Visitor};
use crate::model::{Post, PostId, SiteId};
use crate::net::Client;

/// What a visit would bring.
#[derive(Debug)]
pub struct Trial {
    /// The posts, as they would be handed on.
    pub posts: Vec<Post>,
    /// The visit's figures: entries listed, requests, fields that stood nowhere, pages that lie.
    pub health: SiteHealth,
    /// Links to next pages, of listings and of threads, that were followed or would be at the next visit.
    pub next: Vec<String>,
    /// What went wrong, if anything did.
    pub fault: Option<String>,
    /// There was more; only as many posts as asked for were read.
    pub cut: bool,
}

/// Visits a site once, as the service would, and keeps what it reads to itself. Stops after `max_posts` posts.
pub async fn try_site(client: &Client, site: &Site, max_posts: usize) -> Trial {
    let shown = Arc::new(Shown { max: max_posts, posts: Mutex::default() });
    let health = Arc::new(HealthBoard::default());
    let visitor = Visitor {
        client: client.clone(),
        intake: Arc::clone(&shown),
        clock: system_clock(),
        health: Arc::clone(&health),
        parsers: Arc::new(Semaphore::new(1)),
        site: site.clone(),
        stop: CancellationToken::new(),
    };
    let outcome = visitor.visit(&mut Between::default()).await;
    let posts = std::mem::take(&mut *shown.posts.lock().expect("nobody panics while holding it"));
    let next = outcome.sight.next.clone();
    let refused = matches!(outcome.fault, Some(super::visit::Stop::Refused(_)));
    let fault = outcome.fault.filter(|_| !refused).map(|fault| fault.to_string());
    Trial { posts, next, health: health.snapshot().remove(&site.id).unwrap_or_default(), fault, cut: refused }
}

/// An intake that takes so many posts and no more. Refusing is how a visit is ended between two posts.
struct Shown {
    max: usize,
    posts: Mutex<Vec<Post>>,
}

impl Intake for Shown {
    async fn accept(&self, post: Post) -> Result<(), Refused> {
        let mut posts = self.posts.lock().expect("nobody panics while holding it");
        if posts.len() >= self.max {
            return Err(Refused { why: "enough".into() });
        }
        posts.push(post);
        Ok(())
    }

    async fn known(&self, _: &PostId) -> Option<[u8; 32]> {
        None
    }

    async fn load_cursor(&self, _: &SiteId) -> Option<Cursor> {
        None
    }

    async fn save_cursor(&self, _: &SiteId, _: &Cursor) -> Result<(), Refused> {
        Ok(())
    }
}

/// What one example of a definition showed.
#[derive(Debug)]
pub struct ExampleResult {
    /// The example's name.
    pub name: String,
    /// What was read otherwise than expected; empty when all is as it should be.
    pub problems: Vec<String>,
}

/// Tries a family on its examples. Keys that only a site can give (its address) are made up.
///
/// # Errors
/// The definition itself is wrong.
pub fn check_family(family: &Family, families: &Families) -> Result<Vec<ExampleResult>, Vec<SettingError>> {
    let mut table = toml::Table::new();
    table.insert("id".into(), "example".into());
    table.insert("family".into(), family.name.clone().into());
    if !family.keys.contains_key("url") {
        table.insert("url".into(), "https://site.example/".into());
    }
    Site::from_table(&table, families).map(|site| check_examples(&site))
}

/// Tries a site's definition on its examples.
#[must_use]
pub fn check_examples(site: &Site) -> Vec<ExampleResult> {
    let Source::Web(web) = &site.source else { return Vec::new() };
    let examples = site.examples();
    examples.iter().map(|e| ExampleResult { name: e.name.clone(), problems: check(web, e) }).collect()
}

fn check(web: &Arc<WebRules>, example: &RawExample) -> Vec<String> {
    let url = match &example.url {
        Some(url) => match Url::parse(url) {
            Ok(url) => url,
            Err(error) => return vec![format!("its url is not an address ({error})")],
        },
        None => web.listings[0].clone(),
    };
    let page = Fetched { bytes: example.page.as_bytes(), media_type: None, url: &url };
    // A fixed day: an example that says "yesterday" must not depend on today.
    let now = Timestamp::UNIX_EPOCH;
    let read = match (example.reads, &web.post) {
        (Reads::Listing, _) => page::read_list(web, page, now)
            .map(|list| (list.entries.into_iter().map(Read::from).collect::<Vec<_>>(), list.next)),
        (Reads::Post, Some(rules)) => page::read_posts(web, rules, page, now)
            .map(|posts| (posts.messages.into_iter().map(Read::from).collect(), posts.next)),
        (Reads::Post, None) => return vec!["reads = \"post\", but nothing is said of posts".into()],
    };
    let (items, next) = match read {
        Ok(_) if example.error => return vec!["was read, but should have been refused".into()],
        Err(_) if example.error => return Vec::new(),
        Err(error) => return vec![error.to_string()],
        Ok(read) => read,
    };
    let mut problems = Vec::new();
    if items.len() != example.expect.len() {
        problems.push(format!("{} items read, {} expected", items.len(), example.expect.len()));
    }
    for (number, (read, expected)) in items.iter().zip(&example.expect).enumerate() {
        problems.extend(read.differs_from(expected).map(|problem| format!("item {}: {problem}", number + 1)));
    }
    let next = next.map(String::from);
    if example.next.is_some() && next != example.next {
        problems.push(format!("next: {next:?} read, {:?} expected", example.next));
    }
    problems
}

/// An item as read, in the words of an example.
struct Read(ExpectItem);

impl From<Entry> for Read {
    fn from(entry: Entry) -> Self {
        Self(ExpectItem {
            id: Some(entry.key),
            url: entry.url.map(String::from),
            raw: Some(entry.raw.into_iter().map(String::from).collect()),
            title: entry.title,
            author: entry.author,
            date: entry.date.map(|d| d.to_string()),
            body: entry.content,
            attachments: Some(entry.attachments.into_iter().map(String::from).collect()),
        })
    }
}

impl From<Message> for Read {
    fn from(message: Message) -> Self {
        Self(ExpectItem {
            id: message.key,
            url: message.url.map(String::from),
            raw: Some(message.raw.into_iter().map(String::from).collect()),
            title: None,
            author: message.author,
            date: message.date.map(|d| d.to_string()),
            body: message.body,
            attachments: Some(message.attachments.into_iter().map(String::from).collect()),
        })
    }
}

impl Read {
    fn differs_from(&self, expected: &ExpectItem) -> impl Iterator<Item = String> {
        let texts = [
            ("id", &self.0.id, &expected.id),
            ("url", &self.0.url, &expected.url),
            ("title", &self.0.title, &expected.title),
            ("author", &self.0.author, &expected.author),
            ("date", &self.0.date, &expected.date),
            ("body", &self.0.body, &expected.body),
        ];
        let lists = [("raw", &self.0.raw, &expected.raw), ("attachments", &self.0.attachments, &expected.attachments)];
        let mut problems = Vec::new();
        for (name, read, expected) in texts {
            if expected.is_some() && read != expected {
                problems.push(format!("{name}: {read:?} read, {expected:?} expected"));
            }
        }
        for (name, read, expected) in lists {
            if expected.is_some() && read != expected {
                problems.push(format!("{name}: {read:?} read, {expected:?} expected"));
            }
        }
        problems.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_that_ships_reads_its_examples() {
        let families = Families::built_in();
        assert!(families.iter().count() >= 20);
        for family in families.iter() {
            assert!(!family.description.is_empty(), "{} has no description", family.name);
            let results =
                check_family(family, &families).unwrap_or_else(|errors| panic!("{}: {errors:#?}", family.name));
            assert!(!results.is_empty(), "{} has no example", family.name);
            for result in results {
                assert!(result.problems.is_empty(), "{}, {}: {:#?}", family.name, result.name, result.problems);
            }
        }
    }

    #[test]
    fn an_example_that_does_not_hold_is_told() {
        let definition = "
            id = 'x'
            kind = 'json'
            url = 'https://x.example/'
            listing = { id = 'id', raw = '/{id}', title = 'name' }
            [[example]]
            name = 'wrong'
            reads = 'listing'
            page = '[{\"id\":1,\"name\":\"a\"}]'
            expect = [{ id = '2', title = 'a' }, { id = '3' }]
            [[example]]
            name = 'not refused'
            reads = 'listing'
            page = '[]'
            error = true";
        let site = Site::from_table(&definition.parse().unwrap(), &Families::built_in()).unwrap();
        let results = check_examples(&site);
        assert_eq!(results[0].problems.len(), 2, "{results:?}");
        assert_eq!(results[1].problems.len(), 1, "{results:?}");
    }
}
