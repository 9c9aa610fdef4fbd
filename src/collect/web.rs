//! A visit to a place on the web: its listings, then what is new, changed or due behind them.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use url::Url;

use super::assemble::{Assembled, exchange};
use super::cursor::{Look, MAX_TRIES, Memory, Reread, Seen};
use super::intake::Intake;
use super::login::Shared;
use super::page::{self, Entry, Fetched, Fields, ListPage, Message, PostPage, mark};
use super::pick::Known;
use super::prepass;
use super::settings::{ListForm, PostRules, WebRules};
use super::visit::{Outcome, Stop, Visitor};
use crate::model::{Exchange, SkipReason};
use crate::net::{Answer, Content, Validators};

/// Second looks at one visit: what is new comes first, and a site is not read anew at a stroke.
const MAX_AGAIN: u32 = 10;
/// The cursor is saved after this many accepted posts, and at the end.
const SAVE_EVERY: u64 = 20;
/// Posts remembered of one thread; those beyond are recognised by the intake.
const MAX_POSTS: usize = 5_000;

/// A visit under way.
pub(super) struct WebVisit<'a, I> {
    pub(super) visitor: &'a Visitor<I>,
    pub(super) web: &'a Arc<WebRules>,
    pub(super) memory: &'a mut Memory,
    pub(super) session: &'a Shared,
    pub(super) outcome: Outcome,
    saved_at: u64,
    again: u32,
}

/// The entry being read, when it was seen to be there, and the page that its text stands on.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub entry: &'a Entry,
    pub listing: &'a Url,
    pub seen_at: Timestamp,
    pub page: &'a Exchange,
}

impl<'a, I: Intake> WebVisit<'a, I> {
    pub(super) fn new(
        visitor: &'a Visitor<I>,
        web: &'a Arc<WebRules>,
        memory: &'a mut Memory,
        session: &'a Shared,
    ) -> Self {
        Self { visitor, web, memory, session, outcome: Outcome::default(), saved_at: 0, again: 0 }
    }

    /// Reads all listings. One that fails does not keep the others from being read, unless the host is to be left alone.
    pub(super) async fn run(mut self) -> Outcome {
        self.memory.visit += 1;
        if let Err(stop) = self.plant().await {
            return Outcome { fault: Some(stop), ..self.outcome };
        }
        for (listing, may_lack) in self.web.listings_at(self.visitor.now()) {
            if let Err(stop) = self.listing_inside(&listing).await {
                // The first day of a month may have no page yet.
                if may_lack && stop.gone() {
                    continue;
                }
                let ends = stop.ends_visit();
                self.outcome.fault.get_or_insert(stop);
                if ends {
                    break;
                }
            }
        }
        if !self.outcome.fault.as_ref().is_some_and(Stop::ends_visit)
            && let Err(stop) = self.join_series().await
        {
            self.outcome.fault.get_or_insert(stop);
        }
        self.visitor.check_control(self.web, self.memory);
        self.memory.forget(self.web.remember);
        self.save().await;
        self.outcome
    }

    async fn plant(&mut self) -> Result<(), Stop> {
        if self.web.control.is_none() {
            return Ok(());
        }
        self.visitor.enter(self.web, self.session).await?;
        self.visitor.plant(self.web, self.session, self.memory).await
    }

    /// Reads a listing, logged in where that is asked for. A session that has ended is begun anew, once.
    async fn listing_inside(&mut self, listing: &Url) -> Result<(), Stop> {
        self.visitor.enter(self.web, self.session).await?;
        let read = self.listing(listing).await;
        if !matches!(read, Err(Stop::Page(page::Unreadable::LoggedOut))) {
            return read;
        }
        self.session.with(|session| session.inside = false);
        self.visitor.enter(self.web, self.session).await?;
        self.listing(listing).await
    }

    async fn save(&mut self) {
        if !std::mem::take(&mut self.memory.dirty) {
            return;
        }
        self.saved_at = self.outcome.sight.accepted;
        let saved = self.visitor.intake.save_cursor(&self.visitor.site.id, &self.memory.to_cursor()).await;
        if let Err(refused) = saved {
            // Nothing is lost: what the cursor would have said is found out again.
            self.memory.dirty = true;
            self.outcome.fault.get_or_insert(Stop::Refused(refused));
        }
    }

    async fn listing(&mut self, listing: &Url) -> Result<(), Stop> {
        let now = self.visitor.now();
        let seconds = |d: std::time::Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        let reread =
            self.web.reread.map(|(first, longest)| Reread { first: seconds(first), longest: seconds(longest) });
        let known = self.memory.listings.get(listing.as_str()).cloned().unwrap_or_default();
        // A single page of posts is its own entry: "not modified" says all there is to say.
        let whole = !matches!(self.web.form, ListForm::Page) && self.memory.anything_due(reread, now);
        let mut validators = if whole { Validators::default() } else { known };
        let (mut url, mut visited) = (listing.clone(), HashSet::from([listing.clone()]));
        for number in 0..self.web.pages {
            let answer = self
                .visitor
                .fetch(self.web, self.session, url, std::mem::take(&mut validators), prepass::MAX_BYTES)
                .await?;
            let Answer::Content(content) = answer else { return Ok(()) };
            let fresh = content.validators.clone();
            let page = exchange(&content, self.visitor.now());
            let mut list = self.parse_list(content).await?;
            self.outcome.sight.pages += 1;
            self.outcome.sight.listed += list.entries.len();
            let finished = self.entries(listing, &page, std::mem::take(&mut list.entries), reread).await?;
            if number == 0 {
                // Only a listing that was worked through may be skipped when it has not changed.
                let sure = finished && !self.memory.history.doubts(&self.outcome.sight);
                let keep = if sure { fresh } else { Validators::default() };
                if self.memory.listings.get(listing.as_str()) != Some(&keep) {
                    self.memory.listings.insert(listing.to_string(), keep);
                    self.memory.dirty = true;
                }
            }
            list.next.iter().for_each(|next| self.outcome.sight.note_next(next));
            match list.next {
                Some(next) if self.same_host(&next, listing) && visited.insert(next.clone()) => url = next,
                Some(_) => {
                    self.note_repeated();
                    break;
                }
                None => break,
            }
        }
        Ok(())
    }

    /// Works through a page of a listing; whether every entry that asked for it was read.
    async fn entries(
        &mut self,
        listing: &Url,
        page_read: &Exchange,
        entries: Vec<Entry>,
        reread: Option<Reread>,
    ) -> Result<bool, Stop> {
        let mut finished = true;
        for entry in entries {
            let now = self.visitor.now();
            let page = matches!(self.web.form, ListForm::Page);
            let seen = self.memory.entry(&entry.key, now);
            let look = if page { Look::Again } else { seen.look(entry.mark, reread, now) };
            if look == Look::No {
                finished &= seen.tries == 0 || seen.tries >= MAX_TRIES;
                continue;
            }
            if look == Look::Again && !page {
                if self.again >= MAX_AGAIN {
                    continue;
                }
                self.again += 1;
            }
            let reading = Reading { entry: &entry, listing, seen_at: self.seen_at(&entry, now), page: page_read };
            finished &= self.one_entry(reading, look, now).await?;
            if self.outcome.sight.accepted >= self.saved_at + SAVE_EVERY {
                self.save().await;
            }
        }
        Ok(finished)
    }

    /// When an entry that is read now was seen to be there: at first sight, or now that it has changed.
    fn seen_at(&mut self, entry: &Entry, now: Timestamp) -> Timestamp {
        let seen = self.memory.entry(&entry.key, now);
        if seen.read_at == 0 { Timestamp::from_second(seen.first_seen).unwrap_or(now) } else { now }
    }

    /// Reads one entry and remembers how that went; whether it is done with for now.
    async fn one_entry(&mut self, reading: Reading<'_>, look: Look, now: Timestamp) -> Result<bool, Stop> {
        let entry = reading.entry;
        let mut seen = self.memory.entry(&entry.key, now).clone();
        let mark_before = seen.mark;
        let accepted = self.outcome.sight.accepted;
        let result = self.read(&reading, look, &mut seen).await;
        if let Err(Stop::Cancelled | Stop::Refused(_)) = &result {
            // Posts that were accepted are remembered, the entry stays as unread as it was.
            self.remember(entry, Seen { mark: mark_before, whole: false, ..seen });
            return result.map(|_| false);
        }
        let changed = self.outcome.sight.accepted > accepted;
        (seen.mark, seen.read_at) = (entry.mark, now.as_second());
        seen.unchanged = if changed || look == Look::Onward { 0 } else { seen.unchanged.saturating_add(1) };
        let complete = match result {
            Ok(complete) => complete,
            Err(stop) => return self.failed(&reading, seen, stop).await,
        };
        seen.tries = if complete { 0 } else { seen.tries.saturating_add(1) };
        let done = complete && seen.whole;
        self.remember(entry, seen);
        Ok(done)
    }

    /// Remembers that an entry could not be read. What can never be read is reported as a post without content.
    async fn failed(&mut self, reading: &Reading<'_>, mut seen: Seen, stop: Stop) -> Result<bool, Stop> {
        let kind = stop.kind();
        tracing::debug!(site = %self.visitor.site.id, kind, "entry not readable");
        self.outcome.sight.unreadable += u32::from(matches!(stop, Stop::Page(_)));
        self.visitor.health.update(&self.visitor.site.id, |health| *health.errors.entry(kind).or_default() += 1);
        seen.tries = if stop.transient() { seen.tries.saturating_add(1) } else { MAX_TRIES };
        // Threads shrink: the page remembered as the last may be the one that is gone.
        let restart = seen.last_page.take().is_some();
        let given_up = seen.tries >= MAX_TRIES;
        let was_read = !seen.posts.is_empty();
        if stop.gone() && !restart && was_read {
            let posts = std::mem::take(&mut seen.posts).len();
            self.note_deleted(reading.entry, posts);
        }
        if given_up && !was_read && !restart {
            self.report_unread(reading, &stop.to_string()).await?;
        } else if given_up && restart {
            (seen.tries, seen.whole) = (1, false);
        }
        self.remember(reading.entry, seen);
        if stop.ends_visit() { Err(stop) } else { Ok(given_up) }
    }

    fn remember(&mut self, entry: &Entry, seen: Seen) {
        self.memory.entries.insert(mark([entry.key.as_str()]), seen);
        self.memory.dirty = true;
    }

    /// Reads an entry by what the definition says of it. Whether all its files came.
    async fn read(&mut self, reading: &Reading<'_>, look: Look, seen: &mut Seen) -> Result<bool, Stop> {
        let entry = reading.entry;
        if let (Some(rules), true) = (&self.web.post, entry.raw.is_empty()) {
            return self.thread(reading, rules, look, seen).await;
        }
        let message = Message {
            body: entry.content.clone(),
            raw: entry.raw.clone(),
            author: entry.author.clone(),
            date: entry.date,
            attachments: entry.attachments.clone(),
            ..Message::default()
        };
        let message = if message.body.is_none() && message.raw.is_empty() {
            Message { body: entry.title.clone(), ..message }
        } else {
            message
        };
        seen.whole = true;
        let complete = self.post(reading, &entry.key, entry.title.as_deref(), &message).await?;
        // Remembered as read: what is gone later was deleted.
        seen.posts.insert(mark([entry.key.as_str()]), entry.mark);
        Ok(complete)
    }

    /// Reads an entry's pages, from where replies appear or from the beginning.
    async fn thread(
        &mut self,
        reading: &Reading<'_>,
        rules: &PostRules,
        look: Look,
        seen: &mut Seen,
    ) -> Result<bool, Stop> {
        let first = self.first_page(reading, rules)?;
        let onward = seen.last_page.clone().filter(|_| look == Look::Onward);
        let (mut url, mut before) = onward
            .and_then(|(url, before)| Some((Url::parse(&url).ok()?, before)))
            .unwrap_or_else(|| (first.clone(), 0));
        let mut validators =
            if seen.last_page.is_none() { std::mem::take(&mut seen.validators) } else { Validators::default() };
        let (mut visited, mut last_marks) = (HashSet::from([url.clone()]), Vec::new());
        // A look that begins at the first page and reaches the last shows what is gone.
        let mut shown = (url == first && !reading.entry.key.is_empty()).then(HashSet::new);
        let mut complete = true;
        for _ in 0..self.web.thread_pages {
            let asked = validators.clone();
            let answer = self
                .visitor
                .fetch(self.web, self.session, url.clone(), std::mem::take(&mut validators), prepass::MAX_BYTES)
                .await?;
            let Answer::Content(content) = answer else {
                (seen.validators, seen.whole) = (asked, true);
                return Ok(complete);
            };
            let fresh = content.validators.clone();
            let had = exchange(&content, self.visitor.now());
            let reading = &Reading { page: &had, ..*reading };
            let page = self.parse_posts(content).await?;
            self.outcome.sight.readable += 1;
            let marks: Vec<u64> = page.messages.iter().map(|m| m.mark).collect();
            if !marks.is_empty() && marks == last_marks {
                self.note_repeated();
                seen.whole = true;
                return Ok(complete);
            }
            last_marks = marks;
            let title = page.title.as_deref().or(reading.entry.title.as_deref());
            complete &= self.messages(reading, title, &page.messages, before, seen, &mut shown).await?;
            let next = page.next.filter(|next| self.same_host(next, &first));
            next.iter().for_each(|next| self.outcome.sight.note_next(next));
            let fresh_page = next.as_ref().is_some_and(|next| !visited.contains(next));
            if let (Some(next), true) = (next.clone(), fresh_page) {
                before = before.saturating_add(u32::try_from(page.messages.len()).unwrap_or(u32::MAX));
                visited.insert(next.clone());
                seen.last_page = Some((next.to_string(), before));
                url = next;
                continue;
            }
            if next.is_some() {
                self.note_repeated();
            }
            // The validators of the only page speak for the whole; those of one of many do not.
            seen.validators = if url == first && complete { fresh } else { Validators::default() };
            seen.last_page = (url != first).then(|| (url.to_string(), before));
            seen.whole = true;
            self.forget_deleted(reading.entry, seen, shown);
            return Ok(complete);
        }
        seen.whole = false;
        Ok(complete)
    }

    fn first_page(&self, reading: &Reading<'_>, rules: &PostRules) -> Result<Url, Stop> {
        let entry = reading.entry;
        let known = Known { id: Some(&entry.key), url: entry.url.as_ref().map(Url::as_str) };
        let made = rules.page.as_ref().and_then(|template| template.fill_known(known));
        let url = match made {
            Some(made) => reading.listing.join(&made).ok(),
            None => entry.url.clone(),
        };
        let elsewhere =
            || page::Unreadable::NotValid("its link leads to a host that is neither the site's nor in file_hosts");
        let mut url = url.filter(|url| self.may_fetch(url, reading.listing)).ok_or_else(elsewhere)?;
        url.set_fragment(None);
        Ok(url)
    }

    /// Hands over the posts of a page that are new or changed. Whether all their files came.
    async fn messages(
        &mut self,
        reading: &Reading<'_>,
        title: Option<&str>,
        messages: &[Message],
        before: u32,
        seen: &mut Seen,
        shown: &mut Option<HashSet<u64>>,
    ) -> Result<bool, Stop> {
        let rules = self.web.post.as_ref().expect("threads are only read with rules for posts");
        let mut complete = true;
        for (message, place) in messages.iter().zip(before..) {
            let own = match &message.key {
                Some(key) => Some(key.clone()),
                None if rules.item.items.is_none() && rules.find.is_none() => None,
                // On a page whose posts come and go, a place says nothing.
                None if reading.entry.key.is_empty() => Some(format!("{:016x}", message.mark)),
                None => Some(format!("n{place}")),
            };
            let key = match (reading.entry.key.as_str(), own) {
                ("", Some(own)) => own,
                (entry, Some(own)) => format!("{entry}#{own}"),
                (entry, None) => entry.to_owned(),
            };
            let id = mark([key.as_str()]);
            if let Some(shown) = shown {
                shown.insert(id);
            }
            if seen.posts.get(&id) == Some(&message.mark) {
                continue;
            }
            let came = self.post(reading, &key, title, message).await?;
            complete &= came;
            if came && (seen.posts.len() < MAX_POSTS || seen.posts.contains_key(&id)) {
                seen.posts.insert(id, message.mark);
            }
        }
        Ok(complete)
    }

    async fn post(
        &mut self,
        reading: &Reading<'_>,
        key: &str,
        title: Option<&str>,
        message: &Message,
    ) -> Result<bool, Stop> {
        let Assembled { post, complete, held, pieces } = self.assemble(reading, key, title, message).await?;
        let scope = self.scope(reading);
        self.memory.note_pieces(&scope, &post, &pieces);
        self.memory.dirty |= self.memory.control.look(&post, self.visitor.now());
        self.outcome.sight.accepted += u64::from(self.visitor.deliver(post).await?);
        // Until here the bytes counted against the memory for downloads.
        drop(held);
        Ok(complete)
    }

    async fn report_unread(&mut self, reading: &Reading<'_>, why: &str) -> Result<(), Stop> {
        let mut post = self.empty_post(reading, &reading.entry.key, reading.entry.title.as_deref());
        post.skipped.push(crate::model::Skip::new("", SkipReason::NotFetched, why));
        self.outcome.sight.accepted += u64::from(self.visitor.deliver(post).await?);
        Ok(())
    }

    /// Whether a link may be followed for content: on the site's own host, or one that the definition names.
    pub(super) fn may_fetch(&self, url: &Url, listing: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let named = |allowed: &String| match allowed.strip_prefix('.') {
            Some(domain) => host == domain || host.ends_with(allowed.as_str()),
            None => host == allowed,
        };
        self.same_host(url, listing) || self.web.file_hosts.iter().any(named)
    }

    fn same_host(&self, url: &Url, other: &Url) -> bool {
        url.host_str() == other.host_str()
    }

    fn note_repeated(&self) {
        self.visitor.health.update(&self.visitor.site.id, |health| health.repeated_pages += 1);
    }

    async fn parse_list(&mut self, content: Box<Content>) -> Result<ListPage, Stop> {
        let (web, now) = (Arc::clone(self.web), self.visitor.now());
        let list = self.parse(content, move |page| page::read_list(&web, page, now)).await?;
        self.note_page("listing", list.cut, &list.fields);
        Ok(list)
    }

    async fn parse_posts(&mut self, content: Box<Content>) -> Result<PostPage, Stop> {
        let (web, now) = (Arc::clone(self.web), self.visitor.now());
        let read = move |page: Fetched<'_>| {
            let rules = web.post.as_ref().expect("threads are only read with rules for posts");
            page::read_posts(&web, rules, page, now)
        };
        let page = self.parse(content, read).await?;
        self.note_page("post", page.cut, &page.fields);
        Ok(page)
    }

    /// Parses off the asynchronous threads: a large page takes long enough to hold up others.
    async fn parse<T: Send + 'static>(
        &self,
        content: Box<Content>,
        read: impl FnOnce(Fetched<'_>) -> Result<T, page::Unreadable> + Send + 'static,
    ) -> Result<T, Stop> {
        let _turn = self.visitor.parsers.acquire().await.expect("the semaphore is never closed");
        let parsing = tokio::task::spawn_blocking(move || {
            read(Fetched { bytes: &content.bytes, media_type: content.media_type.as_deref(), url: &content.url })
        });
        Ok(parsing.await.map_err(|_| page::Unreadable::NotValid("the parser failed on it"))??)
    }

    fn note_page(&mut self, of: &str, cut: bool, fields: &Fields) {
        let named = |field: &&'static str| format!("{of} {field}");
        self.outcome.sight.found.extend(fields.found.iter().map(named));
        self.outcome.sight.missing.extend(fields.missing.iter().map(named));
        if cut || !fields.missing.is_empty() {
            self.visitor.health.update(&self.visitor.site.id, |health| {
                health.cut_pages += u64::from(cut);
                for field in &fields.missing {
                    *health.misread.entry(field).or_default() += 1;
                }
            });
        }
    }
}
