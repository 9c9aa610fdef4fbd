//! From a site as written to a site as checked, with everything that is wrong.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use regex::Regex;
use serde::Deserialize;
use toml::Table;
use url::Url;

use super::checked::{Dated, InboxRules, Item, ListForm, ListRules, PostRules, Site, Source, WebRules};
use super::raw::{Done, Format, Kind, RawListing, RawPick, RawPost, RawSite, Robots};
use super::{Families, SettingError, families};
use crate::collect::pick::{On, Pick, Template, bounded_regex};
use crate::model::SiteId;
use crate::net::{Policy, PolicySettings};

/// Collects errors while a site is checked.
pub(super) struct Checker {
    site: String,
    pub(super) errors: Vec<SettingError>,
}

impl Checker {
    pub(super) fn new(site: String) -> Self {
        Self { site, errors: Vec::new() }
    }

    pub(super) fn error(&mut self, key: &str, message: impl Into<String>) {
        self.errors.push(SettingError { site: self.site.clone(), key: key.to_owned(), message: message.into() });
    }

    /// Merges the family in and reads the keys. Unknown keys are taken out one by one, so that all are reported.
    pub(super) fn read(&mut self, table: &Table, families: &Families) -> Option<(Table, RawSite)> {
        let mut whole = match table.get("family").and_then(|v| v.as_str()) {
            Some(name) => match families.get(name) {
                Some(family) => families::merged(&family.keys, table),
                None => {
                    let known: Vec<&str> = families.iter().map(|f| f.name.as_str()).collect();
                    self.error("family", format!("`{name}` is not known; hint: one of {}", known.join(", ")));
                    return None;
                }
            },
            None => table.clone(),
        };
        loop {
            let failure = match RawSite::deserialize(whole.clone()) {
                Ok(raw) => return Some((whole, raw)),
                Err(error) => error.message().trim().to_owned(),
            };
            let unknown = failure.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
            let removed = unknown.and_then(|(key, _)| remove_key(&mut whole, key));
            match (unknown, removed) {
                (Some((_, rest)), Some(path)) => {
                    let known = rest.trim_start_matches(", expected ").trim_start_matches("one of ").replace('`', "");
                    self.error(&path, format!("not a key; hint: one of {known}"));
                }
                _ => {
                    self.error("", format!("{failure}; hint: docs/sites.md lists every key with its type"));
                    return None;
                }
            }
        }
    }

    pub(super) fn site(&mut self, raw: &RawSite, written: Table) -> Option<Site> {
        let id = match raw.id.as_deref().map(str::parse::<SiteId>) {
            Some(Ok(id)) => Some(id),
            Some(Err(error)) => {
                self.error("id", error.to_string());
                None
            }
            None => {
                self.error("id", "missing; hint: a short name, like `paste-example`");
                None
            }
        };
        let kind = raw.kind.or_else(|| {
            self.error("kind", "missing; hint: inbox, mbox, bucket, feed, json, html or page, or name a family");
            None
        });
        let inbox = kind == Some(Kind::Inbox);
        let day = SignedDuration::from_hours(24);
        let default = SignedDuration::from_secs(if inbox { 1 } else { 60 });
        let (second, week) = (SignedDuration::from_secs(1), day * 7);
        let interval = self.duration("interval", raw.interval.unwrap_or(default), second, week);
        let max_interval = raw.max_interval.map(|d| self.duration("max_interval", d, second, week));
        let quiet_after =
            raw.quiet_after.map(|limit| self.duration("quiet_after", limit, SignedDuration::ZERO, day * 365));
        let max_body = self.number("max_body_mib", raw.max_body_mib, if inbox { 512 } else { 64 }, 1, 4096);
        let source = match kind {
            Some(Kind::Inbox) => self.inbox(raw).map(Source::Inbox),
            Some(Kind::Mbox) => self.mbox(raw).map(Source::Mbox),
            Some(Kind::Bucket) => self.bucket(raw).map(|bucket| Source::Bucket(Arc::new(bucket))),
            Some(kind) => self.web(raw, kind).map(|web| Source::Web(Arc::new(web))),
            None => None,
        };
        Some(Site {
            id: id?,
            enabled: raw.enabled.unwrap_or(true),
            interval,
            max_interval: max_interval.unwrap_or(interval).max(interval),
            quiet_after,
            max_body: max_body as usize * 1024 * 1024,
            source: source?,
            written: Arc::new(written),
        })
    }

    fn inbox(&mut self, raw: &RawSite) -> Option<InboxRules> {
        let hour = SignedDuration::from_hours(1);
        let settle = raw.settle.unwrap_or(SignedDuration::from_secs(2));
        let settle = self.duration("settle", settle, SignedDuration::ZERO, hour);
        let done = match (raw.done.unwrap_or_default(), &raw.done_path) {
            (Done::Remove, None) => None,
            (Done::Move, Some(path)) => Some(PathBuf::from(path)),
            (Done::Remove, Some(_)) => {
                self.error("done_path", "has no use; hint: set done = \"move\" or leave it out");
                None
            }
            (Done::Move, None) => {
                self.error("done_path", "missing; hint: a folder on the same file system");
                None
            }
        };
        let Some(path) = &raw.path else {
            self.error("path", "missing; hint: the folder that files are dropped in");
            return None;
        };
        if done.as_deref() == Some(path.as_ref()) {
            self.error("done_path", "is the inbox itself; hint: another folder");
        }
        Some(InboxRules { path: path.into(), done, settle })
    }

    fn web(&mut self, raw: &RawSite, kind: Kind) -> Option<WebRules> {
        let policy = self.policy(raw);
        let (listings, dated) = self.listings(raw, policy.as_deref());
        let form = self.form(raw, kind);
        let post = raw.post.as_ref().map(|post| self.post(post));
        let pages_read = matches!(form, ListForm::Page) || post.is_some();
        if matches!(form, ListForm::Page) && post.is_none() {
            self.error("post", "missing; hint: say where the posts stand on the page");
        }
        let day = SignedDuration::from_hours(24);
        let default = SignedDuration::from_mins(if pages_read { 10 } else { 0 });
        let reread = raw.reread.unwrap_or(default);
        let reread = self.duration("reread", reread, SignedDuration::ZERO, day * 7);
        let longest =
            self.duration("max_reread", raw.max_reread.unwrap_or(day), SignedDuration::from_secs(1), day * 30);
        let zone = raw.timezone.as_deref().unwrap_or("UTC");
        let zone = TimeZone::get(zone).unwrap_or_else(|_| {
            self.error("timezone", format!("`{zone}` is not known; hint: a name like Europe/Paris"));
            TimeZone::UTC
        });
        let login = raw.login.as_ref().and_then(|login| self.login(login, listings.first()?));
        Some(WebRules {
            control: raw.control.as_ref().and_then(|control| self.control(control, listings.first()?)),
            login,
            follow: self.follow(raw),
            max_follow: self.number("max_follow", raw.max_follow, 5, 0, 100) as usize,
            listings,
            dated,
            form,
            post,
            policy: policy?,
            file_hosts: self.file_hosts(raw),
            headers: raw.headers.iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
            reread: (!reread.is_zero()).then_some((reread, longest.max(reread))),
            pages: self.number("pages", raw.pages, 1, 1, 100),
            thread_pages: self.number("thread_pages", raw.thread_pages, 20, 1, 1000),
            remember: self.number("remember", raw.remember, 2000, 50, 50_000) as usize,
            max_attachments: self.number("max_attachments", raw.max_attachments, 50, 0, 1000) as usize,
            zone,
        })
    }

    pub(super) fn policy(&mut self, raw: &RawSite) -> Option<Arc<Policy>> {
        let gap = raw.gap.unwrap_or(SignedDuration::from_millis(250));
        let gap = self.duration("gap", gap, SignedDuration::ZERO, SignedDuration::from_mins(10));
        let settings = PolicySettings {
            allow_hosts: raw.allow_hosts.clone().unwrap_or_default(),
            proxy: raw.proxy.clone(),
            circuit: raw.id.clone(),
            ignore_robots: raw.robots.unwrap_or_default() == Robots::Ignore,
            gap,
        };
        match Policy::new(&settings) {
            Ok(policy) => Some(policy),
            Err(message) => {
                self.error(
                    if message.contains("allow") || raw.proxy.is_none() { "allow_hosts" } else { "proxy" },
                    message,
                );
                None
            }
        }
    }

    fn listings(&mut self, raw: &RawSite, policy: Option<&Policy>) -> (Vec<Url>, Vec<(usize, Dated)>) {
        let Some(base) = &raw.url else {
            self.error("url", "missing; hint: the address of the listing");
            return (Vec::new(), Vec::new());
        };
        let base = match Url::parse(base) {
            Ok(base) => base,
            Err(error) => {
                self.error("url", format!("not an address ({error}); hint: https://…"));
                return (Vec::new(), Vec::new());
            }
        };
        let sections = raw.sections.as_deref().unwrap_or_default();
        if sections.len() > 200 {
            self.error("sections", "more than 200; hint: make two sites of it");
        }
        let (mut listings, mut dates) = (Vec::new(), Vec::new());
        for section in sections {
            if section.contains("{%") {
                let dated = Dated { base: base.clone(), section: section.clone() };
                match dated.on(jiff::Timestamp::UNIX_EPOCH, &TimeZone::UTC) {
                    Some(url) => {
                        dates.push((listings.len(), dated));
                        listings.push(url);
                    }
                    None => {
                        let why = format!("`{section}` holds no date; hint: strftime in braces, {{%Y-%m}}");
                        self.error("sections", why);
                    }
                }
                continue;
            }
            match base.join(section) {
                Ok(url) => listings.push(url),
                Err(error) => self.error("sections", format!("`{section}`: {error}; hint: relative to url")),
            }
        }
        if sections.is_empty() {
            listings.push(base);
        }
        for listing in &listings {
            if let Some(Err(error)) = policy.map(|p| p.check(listing)) {
                self.error("url", error.to_string());
            }
        }
        (listings, dates)
    }

    fn form(&mut self, raw: &RawSite, kind: Kind) -> ListForm {
        let listing = raw.listing.clone().unwrap_or_default();
        let on = if kind == Kind::Json { On::Json } else { On::Html };
        let find = listing.find == Some(true);
        if find && kind != Kind::Html {
            self.error("listing.find", "is for kind = \"html\"; hint: describe the items by their paths");
        }
        match kind {
            Kind::Html if find => ListForm::Html(self.list_rules(&listing, on)),
            Kind::Json | Kind::Html => {
                if kind == Kind::Html && listing.items.is_none() {
                    self.error("listing.items", "missing; hint: a selector for the rows, or find = true");
                }
                if listing.url.is_none() && listing.raw.is_none() && listing.content.is_none() {
                    self.error("listing.url", "missing; hint: where an entry's link stands");
                }
                if raw.post.is_none() && listing.raw.is_none() && listing.content.is_none() {
                    self.error(
                        "listing.raw",
                        "missing; hint: say where the bytes are, or describe the page in [site.post]",
                    );
                }
                let rules = self.list_rules(&listing, on);
                if kind == Kind::Json { ListForm::Json(rules) } else { ListForm::Html(rules) }
            }
            Kind::Feed => ListForm::Feed,
            Kind::Page | Kind::Inbox | Kind::Mbox | Kind::Bucket => ListForm::Page,
        }
    }

    fn list_rules(&mut self, raw: &RawListing, on: On) -> ListRules {
        let items = raw.items.clone().or_else(|| (on == On::Json).then(String::new));
        let items = items.map(RawPick::Short);
        let item = Item {
            items: self.pick("listing.items", items.as_ref(), on),
            id: self.pick("listing.id", raw.id.as_ref(), on),
            url: self.pick("listing.url", raw.url.as_ref(), on),
            raw: self.pick("listing.raw", raw.raw.as_ref(), on),
            body: self.pick("listing.content", raw.content.as_ref(), on),
            title: self.pick("listing.title", raw.title.as_ref(), on),
            author: self.pick("listing.author", raw.author.as_ref(), on),
            date: self.pick("listing.date", raw.date.as_ref(), on),
            attachments: self.pick("listing.attachments", raw.attachments.as_ref(), on),
            next: self.pick("listing.next", raw.next.as_ref(), on),
            valid: self.pick("listing.valid", raw.valid.as_ref(), on),
            invalid: self.regexes("listing.invalid", raw.invalid.as_deref()),
        };
        ListRules {
            item,
            find: raw.find == Some(true),
            changed: self.pick("listing.changed", raw.changed.as_ref(), on),
        }
    }

    fn post(&mut self, raw: &RawPost) -> PostRules {
        let on = if raw.format == Some(Format::Json) { On::Json } else { On::Html };
        if raw.body.is_none() && raw.raw.is_none() && raw.find.is_none() {
            self.error(
                "post.body",
                "missing; hint: where the content stands, or post.raw for a link to it, or find = \"posts\"",
            );
        }
        if raw.find.is_some() && on == On::Json {
            self.error("post.find", "is for HTML; hint: describe the posts by their paths");
        }
        let items = raw.items.clone().map(RawPick::Short);
        let item = Item {
            items: self.pick("post.items", items.as_ref(), on),
            id: self.pick("post.id", raw.id.as_ref(), on),
            url: self.pick("post.url", raw.url.as_ref(), on),
            raw: self.pick("post.raw", raw.raw.as_ref(), on),
            body: self.pick("post.body", raw.body.as_ref(), on),
            title: self.pick("post.title", raw.title.as_ref(), on),
            author: self.pick("post.author", raw.author.as_ref(), on),
            date: self.pick("post.date", raw.date.as_ref(), on),
            attachments: self.pick("post.attachments", raw.attachments.as_ref(), on),
            next: self.pick("post.next", raw.next.as_ref(), on),
            valid: self.pick("post.valid", raw.valid.as_ref(), on),
            invalid: self.regexes("post.invalid", raw.invalid.as_deref()),
        };
        let page = raw.page.as_deref().map(|p| Template::new(p, On::Html)).transpose();
        let page = page.unwrap_or_else(|message| {
            self.error("post.page", message);
            None
        });
        PostRules { item, on, page, find: raw.find }
    }

    fn file_hosts(&mut self, raw: &RawSite) -> Vec<String> {
        let mut hosts = Vec::new();
        for host in raw.file_hosts.iter().flatten() {
            let (dot, name) = host.strip_prefix("*.").map_or(("", host.as_str()), |name| (".", name));
            match url::Host::parse(name) {
                Ok(name) => hosts.push(format!("{dot}{name}").to_ascii_lowercase()),
                Err(_) => {
                    self.error("file_hosts", format!("`{host}` is not a host; hint: cdn.example or *.cdn.example"))
                }
            }
        }
        hosts
    }

    fn pick(&mut self, key: &str, raw: Option<&RawPick>, on: On) -> Option<Pick> {
        Pick::new(raw?, on).map_err(|message| self.error(key, message)).ok()
    }

    fn regexes(&mut self, key: &str, raw: Option<&[String]>) -> Vec<Regex> {
        let mut made = Vec::new();
        for pattern in raw.unwrap_or_default() {
            match bounded_regex(pattern) {
                Ok(regex) => made.push(regex),
                Err(message) => self.error(key, message),
            }
        }
        made
    }

    pub(super) fn duration(
        &mut self,
        key: &str,
        value: SignedDuration,
        low: SignedDuration,
        high: SignedDuration,
    ) -> Duration {
        if !(low..=high).contains(&value) {
            self.error(key, format!("{value:#} is out of range; hint: use {low:#} to {high:#}"));
        }
        value.unsigned_abs()
    }

    pub(super) fn number(&mut self, key: &str, value: Option<u32>, default: u32, low: u32, high: u32) -> u32 {
        let value = value.unwrap_or(default);
        if !(low..=high).contains(&value) {
            self.error(key, format!("{value} is out of range; hint: use {low} to {high}"));
        }
        value
    }
}

/// Takes the first key of that name out of a definition's tables; its dotted path.
fn remove_key(table: &mut Table, key: &str) -> Option<String> {
    if table.remove(key).is_some() {
        return Some(key.to_owned());
    }
    for (name, value) in table.iter_mut() {
        let below = match value {
            toml::Value::Table(below) => remove_key(below, key),
            toml::Value::Array(items) => {
                items.iter_mut().filter_map(|i| i.as_table_mut()).find_map(|below| remove_key(below, key))
            }
            _ => None,
        };
        if let Some(path) = below {
            return Some(format!("{name}.{path}"));
        }
    }
    None
}
