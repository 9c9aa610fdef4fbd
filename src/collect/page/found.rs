//! Reading what no definition describes: what is described is taken, the rest is found.

use scraper::{ElementRef, Selector};

use super::{Entry, Fields, ListPage, Message, PostPage, Reader, Unreadable, first, mark, page_key};
use crate::collect::follow;
use crate::collect::guess;
use crate::collect::pick::{Known, Node};
use crate::collect::settings::raw::Find;
use crate::collect::settings::{Item, ListRules, PostRules};
use crate::collect::wall;

impl Reader<'_> {
    pub(super) fn found_list(&self, rules: &ListRules, page: Node<'_>) -> Result<ListPage, Unreadable> {
        let Node::Html(root) = page else { return Err(Unreadable::NotValid("it is not HTML")) };
        let date = |text: &str| self.date(None, Some(text));
        let seen = guess::Page { root, base: &self.base, url: &self.url, date: &date };
        let rows: Vec<guess::Row<'_>> = match &rules.item.items {
            Some(items) => elements(items.items(page)).into_iter().filter_map(|e| guess::row_in(&seen, e)).collect(),
            None => guess::rows(&seen),
        };
        let mut keys = std::collections::HashSet::new();
        let entries: Vec<Entry> =
            rows.iter().filter_map(|row| self.found_entry(rules, row)).filter(|e| keys.insert(e.key.clone())).collect();
        self.check_valid(&rules.item, page, entries.is_empty())?;
        let next = match &rules.item.next {
            Some(_) => self.next(&rules.item, page, Known::default()),
            None => guess::next(&seen),
        };
        let has = |of: &dyn Fn(&Entry) -> bool| entries.iter().any(of);
        let mut fields = found_fields([
            ("title", has(&|entry| entry.title.is_some())),
            ("author", has(&|entry| entry.author.is_some())),
            ("date", has(&|entry| entry.date.is_some())),
        ]);
        // A listing need not say who and when: the posts do.
        let described = |name: &&str| match *name {
            "author" => rules.item.author.is_some(),
            "date" => rules.item.date.is_some(),
            _ => true,
        };
        fields.missing.retain(described);
        Ok(ListPage { entries, next, cut: false, fields })
    }

    fn found_entry(&self, rules: &ListRules, row: &guess::Row<'_>) -> Option<Entry> {
        let (item, node) = (&rules.item, Node::Html(row.element));
        let said = |pick, found: &Option<String>| first(pick, node, Known::default()).or_else(|| found.clone());
        let url = self.link(item.url.as_ref(), node, Known::default()).unwrap_or_else(|| row.url.clone());
        if follow::once_by_address(&url) {
            return None;
        }
        let key = first(item.id.as_ref(), node, Known::default());
        let key = key.unwrap_or_else(|| if row.key.is_empty() { page_key(&url) } else { row.key.clone() });
        let known = Known { id: Some(&key), url: Some(url.as_str()) };
        let written = first(item.date.as_ref(), node, known);
        let mark = match &rules.changed {
            Some(changed) => mark(changed.all(node, known).iter().map(String::as_str)),
            None => mark(row.changes.iter().map(String::as_str)),
        };
        Some(Entry {
            raw: self.links(item.raw.as_ref(), node, known),
            content: item.body.as_ref().and_then(|body| body.content(node)),
            title: said(item.title.as_ref(), &Some(row.title.clone()).filter(|title| !title.is_empty())),
            author: said(item.author.as_ref(), &row.author),
            date: self.date(item.date.as_ref(), written.as_deref()).or(row.date),
            attachments: self.links(item.attachments.as_ref(), node, known),
            url: Some(url.clone()),
            key: key.clone(),
            mark,
        })
    }

    pub(super) fn found_posts(&self, rules: &PostRules, find: Find, page: Node<'_>) -> Result<PostPage, Unreadable> {
        let Node::Html(root) = page else { return Err(Unreadable::NotValid("it is not HTML")) };
        let date = |text: &str| self.date(None, Some(text));
        let seen = guess::Page { root, base: &self.base, url: &self.url, date: &date };
        let item = &rules.item;
        let (posts, sure) = match &item.items {
            Some(items) => (guess::posts_in(&seen, &elements(items.items(page))), true),
            None => guess::posts(&seen),
        };
        let shown = posts.iter().map(|post| post.body.len()).sum();
        if let (false, Some(what)) = (sure, wall::instead(page, shown)) {
            return Err(Unreadable::NotValid(what));
        }
        let lone = posts.len() == 1;
        let mut messages: Vec<Message> = posts.iter().filter_map(|post| self.found_message(item, post, sure)).collect();
        if let ([message], Find::Paste, true, None) = (messages.as_mut_slice(), find, lone, &item.raw) {
            message.raw = self.raw_links(&seen);
            message.mark = mark(message.body.as_deref().into_iter().chain(message.raw.iter().map(url::Url::as_str)));
        }
        self.check_valid(item, page, messages.is_empty())?;
        let next = match &item.next {
            Some(_) => self.next(item, page, Known::default()),
            None => guess::next(&seen),
        };
        let has = |of: &dyn Fn(&Message) -> bool| messages.iter().any(of);
        let fields =
            found_fields([("author", has(&|m| m.author.is_some())), ("date", has(&|m| m.date.is_some())), ("", true)]);
        let known = Known { id: None, url: Some(self.base.as_str()) };
        Ok(PostPage { title: first(item.title.as_ref(), page, known), next, cut: false, messages, fields })
    }

    fn found_message(&self, item: &Item, post: &guess::Found<'_>, sure: bool) -> Option<Message> {
        let node = Node::Html(post.element);
        let known = Known { id: None, url: Some(self.base.as_str()) };
        let body = item.body.as_ref().and_then(|body| body.content(node)).unwrap_or_else(|| post.body.clone());
        let raw = self.links(item.raw.as_ref(), node, known);
        let attachments = match &item.attachments {
            Some(pick) => self.links(Some(pick), node, known),
            None => post.files.clone(),
        };
        if body.trim().is_empty() && raw.is_empty() && attachments.is_empty() {
            return None;
        }
        let written = first(item.date.as_ref(), node, known);
        let links = match (self.web.follow.is_empty(), &item.body) {
            (true, _) => Vec::new(),
            (false, Some(body)) => self.joined(body.hrefs(node)),
            (false, None) => self.joined(hrefs(post.element)),
        };
        let files = raw.iter().chain(&attachments).chain(&links).map(url::Url::as_str);
        Some(Message {
            mark: mark(std::iter::once(body.as_str()).chain(files)),
            // What is a whole page has the thread's key.
            key: first(item.id.as_ref(), node, known).or_else(|| post.key.clone().filter(|_| sure)),
            url: self.link(item.url.as_ref(), node, known),
            author: first(item.author.as_ref(), node, known).or_else(|| post.author.clone()),
            date: self.date(item.date.as_ref(), written.as_deref()).or(post.date),
            body: Some(body),
            raw,
            attachments,
            links,
        })
    }

    /// The raw form of the paste that the page shows. Addresses that do more than read, or can be read only once, are left alone.
    fn raw_links(&self, page: &guess::Page<'_>) -> Vec<url::Url> {
        let anchors = Selector::parse("a[href]").expect("a constant selector");
        let links = page.root.select(&anchors).take(2000).filter_map(|link| {
            let url = self.joined(vec![link.value().attr("href")?.to_owned()]).pop()?;
            let safe = !follow::changes_something(&url) && !follow::once_by_address(&url);
            (safe && url.host_str() == self.url.host_str() && guess::raw_link(link, &url, &self.url)).then_some(url)
        });
        links.take(1).collect()
    }
}

fn elements(nodes: Vec<Node<'_>>) -> Vec<ElementRef<'_>> {
    let element = |node| match node {
        Node::Html(element) => Some(element),
        Node::Json(..) => None,
    };
    nodes.into_iter().filter_map(element).collect()
}

fn hrefs(element: ElementRef<'_>) -> Vec<String> {
    let anchors = Selector::parse("a[href]").expect("a constant selector");
    element.select(&anchors).filter_map(|a| a.value().attr("href")).take(500).map(str::to_owned).collect()
}

/// What was looked for, found or not.
fn found_fields(looked: [(&'static str, bool); 3]) -> Fields {
    let mut fields = Fields::default();
    for (name, found) in looked.into_iter().filter(|(name, _)| !name.is_empty()) {
        if found { &mut fields.found } else { &mut fields.missing }.push(name);
    }
    fields
}
