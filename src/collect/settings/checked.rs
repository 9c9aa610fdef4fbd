//! A site as its reader works with it: everything parsed, compiled and within range.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use scraper::Selector;
use serde::Deserialize;
use toml::Table;
use url::Url;

use super::check::Checker;
use super::raw::{Find, RawExample, RawSite};
use super::{Families, SettingError};
use crate::collect::follow::FollowRule;
use crate::collect::pick::{On, Pick, Template};
use crate::model::SiteId;
use crate::net::Policy;
use crate::secret::SecretRef;

/// A site, checked.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its name.
    pub id: SiteId,
    /// Whether it is read at all.
    pub enabled: bool,
    /// Time between visits.
    pub interval: Duration,
    /// Longest time between visits to a quiet place; at least `interval`.
    pub max_interval: Duration,
    /// Silence after which the site is called quiet; nothing for what its history says, zero for never.
    pub quiet_after: Option<Duration>,
    /// Largest file read, bytes.
    pub max_body: usize,
    /// Where posts come from.
    pub source: Source,
    /// The tables it was made from: two sites are the same when these are.
    pub(in crate::collect) written: Arc<Table>,
}

/// Where posts come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Files in a folder.
    Inbox(InboxRules),
    /// A growing mailbox.
    Mbox(MboxRules),
    /// An S3-compatible bucket.
    Bucket(Arc<BucketRules>),
    /// A place on the web.
    Web(Arc<WebRules>),
}

/// How an inbox is read.
#[derive(Debug, Clone)]
pub struct InboxRules {
    /// The folder.
    pub path: PathBuf,
    /// Where read files go; nothing when they are removed.
    pub done: Option<PathBuf>,
    /// How long a file must have stayed the same.
    pub settle: Duration,
}

/// How a mailbox is read.
#[derive(Debug, Clone)]
pub struct MboxRules {
    /// The file.
    pub path: PathBuf,
    /// How long it must have stayed the same for its last message to be whole.
    pub settle: Duration,
}

/// How a bucket is read.
#[derive(Debug)]
pub struct BucketRules {
    /// Address of the service.
    pub endpoint: Url,
    /// The bucket.
    pub bucket: String,
    /// What the keys of its objects begin with; empty for all.
    pub prefix: String,
    /// Region that requests are signed for.
    pub region: String,
    /// Access key and where its secret is; nothing for a public bucket.
    pub access: Option<(String, SecretRef)>,
    /// What its requests may do.
    pub policy: Arc<Policy>,
    /// Objects remembered.
    pub remember: usize,
}

/// How a place on the web is read.
#[derive(Debug)]
pub struct WebRules {
    /// The listings. Those whose address holds the date stand here as of some day.
    pub listings: Vec<Url>,
    /// Of the listings whose address holds the date, their place among all and how they are written.
    pub dated: Vec<(usize, Dated)>,
    /// What a listing is.
    pub form: ListForm,
    /// How an entry's page is read; nothing when entries are raw files or whole in the listing.
    pub post: Option<PostRules>,
    /// How one logs in, where that is needed.
    pub login: Option<LoginRules>,
    /// How control posts are planted, where that is wanted.
    pub control: Option<ControlRules>,
    /// What its requests may do.
    pub policy: Arc<Policy>,
    /// Further hosts for files, lower case; with a leading dot for a domain and all below.
    pub file_hosts: Vec<String>,
    /// Further request headers.
    pub headers: Vec<(String, String)>,
    /// Time until the first second look, and the longest between two; nothing for never.
    pub reread: Option<(Duration, Duration)>,
    /// Listing pages a visit.
    pub pages: u32,
    /// Pages of one thread a visit.
    pub thread_pages: u32,
    /// Entries remembered.
    pub remember: usize,
    /// Which links in posts are followed.
    pub follow: Vec<FollowRule>,
    /// Links followed of one post.
    pub max_follow: usize,
    /// Attachments a post.
    pub max_attachments: usize,
    /// Zone of dates without one.
    pub zone: TimeZone,
}

/// A listing whose address holds the date.
#[derive(Debug)]
pub struct Dated {
    /// What it is relative to.
    pub base: Url,
    /// Its address with `{%Y-%m}` and the like.
    pub section: String,
}

impl Dated {
    /// The address on a day. Nothing when what stands between braces is no format.
    #[must_use]
    pub fn on(&self, day: Timestamp, zone: &TimeZone) -> Option<Url> {
        let (mut address, mut rest) = (String::new(), self.section.as_str());
        while let Some((before, after)) = rest.split_once("{%") {
            let (format, after) = after.split_once('}')?;
            address.push_str(before);
            address.push_str(&strtime::format(format!("%{format}"), &day.to_zoned(zone.clone())).ok()?);
            rest = after;
        }
        address.push_str(rest);
        self.base.join(&address).ok()
    }
}

impl WebRules {
    /// The listings to read now, and which of them may not be there yet. Those whose address holds the date are read for the
    /// day before too: what came late in it must not be missed.
    #[must_use]
    pub fn listings_at(&self, now: Timestamp) -> Vec<(Url, bool)> {
        let mut listings: Vec<(Url, bool)> = Vec::with_capacity(self.listings.len());
        let before = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(now);
        for (place, listing) in self.listings.iter().enumerate() {
            match self.dated.iter().find(|(dated, _)| *dated == place) {
                None => listings.push((listing.clone(), false)),
                Some((_, dated)) => {
                    let days = [before, now].into_iter().filter_map(|day| dated.on(day, &self.zone));
                    listings.extend(days.map(|url| (url, true)));
                }
            }
        }
        listings.dedup();
        listings
    }
}

/// How control posts are planted.
#[derive(Debug)]
pub struct ControlRules {
    /// The page with the form.
    pub page: Url,
    /// The form.
    pub form: Selector,
    /// What is written into it; `{marker}` stands for the marker.
    pub fields: Vec<(String, String)>,
    /// Time between two.
    pub every: Duration,
    /// Time within which it must be seen.
    pub within: Duration,
}

/// How one logs in.
#[derive(Debug)]
pub struct LoginRules {
    /// The page with the form.
    pub page: Url,
    /// The form; nothing for the first with a password.
    pub form: Option<Selector>,
    /// The account.
    pub user: String,
    /// Its password.
    pub password: SecretRef,
    /// Name of the field for the account; nothing for the first text field.
    pub user_field: Option<String>,
    /// Name of the field for the password; nothing for the first password field.
    pub password_field: Option<String>,
    /// Further fields.
    pub fields: Vec<(String, String)>,
    /// Found on pages for those outside.
    pub logged_out: Option<Selector>,
    /// Found on every page for those inside.
    pub logged_in: Option<Selector>,
}

/// What a listing is.
#[derive(Debug)]
pub enum ListForm {
    /// RSS, Atom, RDF, JSON Feed.
    Feed,
    /// JSON with paths.
    Json(ListRules),
    /// HTML with selectors.
    Html(ListRules),
    /// The posts stand on the page itself.
    Page,
}

impl ListForm {
    /// What only error pages match.
    pub(in crate::collect) fn list_invalid(&self) -> Option<&Vec<Regex>> {
        match self {
            Self::Json(rules) | Self::Html(rules) => Some(&rules.item.invalid),
            Self::Feed | Self::Page => None,
        }
    }
}

/// What stands where on one item.
#[derive(Debug)]
#[allow(missing_docs, reason = "the keys of RawListing and RawPost, checked")]
pub struct Item {
    pub items: Option<Pick>,
    pub id: Option<Pick>,
    pub url: Option<Pick>,
    pub raw: Option<Pick>,
    pub body: Option<Pick>,
    pub title: Option<Pick>,
    pub author: Option<Pick>,
    pub date: Option<Pick>,
    pub attachments: Option<Pick>,
    pub next: Option<Pick>,
    pub valid: Option<Pick>,
    pub invalid: Vec<Regex>,
}

/// What stands where in a listing.
#[derive(Debug)]
pub struct ListRules {
    /// The fields.
    pub item: Item,
    /// What changes when the entry does.
    pub changed: Option<Pick>,
    /// What is not described is found.
    pub find: bool,
}

/// What stands where on an entry's page.
#[derive(Debug)]
pub struct PostRules {
    /// The fields.
    pub item: Item,
    /// HTML or JSON.
    pub on: On,
    /// What is found where it is not described.
    pub find: Option<Find>,
    /// Address of the page, where it is not the entry's.
    pub page: Option<Template>,
}

/// A site's examples, as written.
pub type Examples = Vec<RawExample>;

impl Site {
    /// Checks one `[[site]]` table.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_table(table: &Table, families: &Families) -> Result<Self, Vec<SettingError>> {
        let site = table.get("id").and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        let mut check = Checker::new(site);
        let Some((written, raw)) = check.read(table, families) else { return Err(check.errors) };
        let made = check.site(&raw, written);
        match made {
            Some(site) if check.errors.is_empty() => Ok(site),
            _ => Err(check.errors),
        }
    }

    /// The examples written in the site's definition and its family's.
    #[must_use]
    pub fn examples(&self) -> Examples {
        RawSite::deserialize((*self.written).clone()).map(|raw| raw.examples).unwrap_or_default()
    }
}
