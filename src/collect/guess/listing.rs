//! Which links of a page are its threads or pastes.

use std::collections::{BTreeMap, HashMap, HashSet};

use scraper::{ElementRef, Selector};
use url::Url;

use super::Page;
use super::around::{Block, Piece, around};
use super::fields;
use super::words::{elsewhere, identity, in_frame, keyed, look, says_nothing, shape, thread_weight};
use crate::collect::follow;
use crate::collect::text::line_of;

/// Links looked at on one page.
const MAX_LINKS: usize = 20_000;

/// A row of a listing.
pub(in crate::collect) struct Row<'a> {
    /// The element that it begins with.
    pub element: ElementRef<'a>,
    /// What names the thread, whatever page of it is shown.
    pub key: String,
    pub url: Url,
    pub title: String,
    pub author: Option<String>,
    pub date: Option<jiff::Timestamp>,
    /// What changes when the thread grows: dates, figures, links to last posts.
    pub changes: Vec<String>,
}

/// A link, and what it names.
struct Link<'a> {
    element: ElementRef<'a>,
    url: Url,
    key: String,
    text: String,
    /// How much its text says, in characters; nothing for figures, dates and what every page has.
    says: usize,
}

/// Links that stand in the same way on the page.
#[derive(Default)]
struct Cluster {
    links: Vec<usize>,
    shape: String,
}

/// The rows of a listing: the links that repeat in one place and say most.
pub(in crate::collect) fn rows<'a>(page: &Page<'a>) -> Vec<Row<'a>> {
    let links = links(page, page.root);
    let mut clusters: BTreeMap<(String, String), Cluster> = BTreeMap::new();
    for (at, link) in links.iter().enumerate() {
        let shape = shape(&link.url);
        let cluster = clusters.entry((stands(link.element), shape.clone())).or_default();
        cluster.shape = shape;
        cluster.links.push(at);
    }
    let weighed = clusters.values().map(|cluster| (weigh(&links, cluster), cluster));
    let Some((weight, best)) = weighed.max_by(|a, b| a.0.total_cmp(&b.0)) else { return Vec::new() };
    if weight <= 0.0 {
        return Vec::new();
    }
    let mut titles: HashMap<&str, usize> = HashMap::new();
    for at in &best.links {
        let longest = titles.entry(links[*at].key.as_str()).or_insert(*at);
        if links[*at].says > links[*longest].says {
            *longest = *at;
        }
    }
    // Threads that stand out (pinned, in bold) are the same shape in another place. At the top of a site everything is.
    let tells = !best.shape.starts_with('*');
    for (at, link) in links.iter().enumerate().filter(|_| tells) {
        let another = shape(&link.url) == best.shape && link.says > 0 && !in_frame(link.element);
        if another && !titles.contains_key(link.key.as_str()) {
            titles.insert(link.key.as_str(), at);
        }
    }
    let marks: Vec<(ElementRef<'a>, String)> = links
        .iter()
        .filter(|link| titles.contains_key(link.key.as_str()))
        .map(|link| (link.element, link.key.clone()))
        .collect();
    around(&marks).into_iter().map(|(key, block)| row(page, &links[titles[key.as_str()]], &block)).collect()
}

/// The row in an element that is known to be one: its most telling link.
pub(in crate::collect) fn row_in<'a>(page: &Page<'a>, element: ElementRef<'a>) -> Option<Row<'a>> {
    let weight = |link: &Link<'_>| thread_weight(&link.url) * (link.says as f64).sqrt();
    let links = links(page, element).into_iter().filter(|link| link.says > 0);
    let link = links.max_by(|a, b| weight(a).total_cmp(&weight(b)))?;
    Some(row(page, &link, &Block::whole(element)))
}

fn links<'a>(page: &Page<'a>, within: ElementRef<'a>) -> Vec<Link<'a>> {
    let anchors = Selector::parse("a[href]").expect("a constant selector");
    let own = identity(page.url);
    let link = |element: ElementRef<'a>| {
        let mut url = page.own(element.value().attr("href")?)?;
        url.set_fragment(None);
        // Some listings link a deletion on every row.
        if follow::changes_something(&url) || elsewhere(&url) || url == *page.url {
            return None;
        }
        let key = identity(&url);
        let text = line_of(element, 300);
        let figures = text.bytes().filter(u8::is_ascii_digit).count();
        let dated = figures >= 3 && text.len() <= 60 && (page.date)(&text).is_some();
        let says = if wordy(&text) && !dated && !says_nothing(&text) { text.chars().count().min(60) } else { 0 };
        (key != own && !key.is_empty()).then_some(Link { element, url, key, text, says })
    };
    within.select(&anchors).take(MAX_LINKS).filter_map(link).collect()
}

/// How a link stands on the page.
fn stands(link: ElementRef<'_>) -> String {
    let above = link.ancestors().filter_map(ElementRef::wrap).take(4).map(|e| e.value().name().to_owned());
    let above: Vec<String> = above.collect();
    format!("{} < {}", look(link), above.join(" < "))
}

/// Whether a text could be a title: more than a figure or an arrow.
fn wordy(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphanumeric()).count() >= 2 && text.chars().any(char::is_alphabetic)
        || text.chars().filter(|c| c.is_alphanumeric()).count() >= 5
}

/// How much a cluster looks like the threads of the page; nothing when it does not.
fn weigh(links: &[Link<'_>], cluster: &Cluster) -> f64 {
    let mut texts: HashMap<&str, usize> = HashMap::new();
    for at in &cluster.links {
        let longest = texts.entry(links[*at].key.as_str()).or_default();
        *longest = links[*at].says.max(*longest);
    }
    let count = texts.len() as f64;
    let length = texts.values().sum::<usize>() as f64 / count;
    let sample: Vec<&Link<'_>> = cluster.links.iter().take(50).map(|at| &links[*at]).collect();
    let mean = |of: &dyn Fn(&Link<'_>) -> f64| sample.iter().map(|link| of(link)).sum::<f64>() / sample.len() as f64;
    let named = mean(&|link| thread_weight(&link.url));
    let keyed = mean(&|link| if keyed(&link.url) { 2.0 } else { 1.0 });
    let framed = mean(&|link| if in_frame(link.element) { 0.05 } else { 1.0 });
    // One link alone is a thread only if its address says so.
    if length < 2.0 || (texts.len() == 1 && named < 2.0) {
        return 0.0;
    }
    let alone = if texts.len() == 1 { 0.3 } else { 1.0 };
    alone * count.sqrt() * length.sqrt() * named * keyed * framed
}

fn row<'a>(page: &Page<'_>, link: &Link<'a>, block: &Block<'a>) -> Row<'a> {
    Row {
        element: block.parts[0],
        key: link.key.clone(),
        url: link.url.clone(),
        title: link.text.clone(),
        author: fields::author(page, block).map(|(name, _)| name),
        date: fields::date(page, block).map(|(date, _)| date),
        changes: changes(page, link, block),
    }
}

/// What a row shows that changes with the thread. Rows also count views, ours too, and say how long ago things were: neither
/// is a reason to read the thread again.
fn changes(page: &Page<'_>, link: &Link<'_>, block: &Block<'_>) -> Vec<String> {
    let (mut said, mut figures) = (vec![link.text.clone()], Vec::new());
    let mut once = HashSet::new();
    for piece in block.pieces() {
        match piece {
            Piece::Element(element) => {
                let value = element.value();
                let stamp = ["datetime", "data-timestamp", "data-time"].iter().find_map(|name| value.attr(name));
                said.extend(stamp.map(str::to_owned));
                let Some(url) = value.attr("href").filter(|_| value.name() == "a").and_then(|href| page.own(href))
                else {
                    continue;
                };
                // A link to its last post or page.
                let of_it = identity(&url) == link.key || follows(&url);
                if of_it && once.insert(url.clone()) {
                    said.push(without_session(&url));
                }
            }
            Piece::Text(text, _) => {
                let text = text.trim();
                if let Ok(figure) = text.replace([',', '.', ' ', '\u{a0}'], "").parse::<u64>() {
                    figures.push(figure);
                } else if text.len() <= 60 && absolute(text) && (page.date)(text).is_some() {
                    said.push(text.to_owned());
                }
            }
        }
    }
    // There are never more answers than views.
    said.extend(figures.iter().min().map(u64::to_string));
    said
}

/// Whether an address is that of a post by its number.
fn follows(url: &Url) -> bool {
    url.query_pairs().any(|(key, _)| matches!(&*key, "p" | "pid" | "post"))
        || url.fragment().is_some_and(|f| f.bytes().any(|b| b.is_ascii_digit()))
}

fn without_session(url: &Url) -> String {
    let keys = url.query_pairs().filter(|(key, _)| !matches!(&*key.to_ascii_lowercase(), "sid" | "s" | "phpsessid"));
    let keys: Vec<String> = keys.map(|(key, value)| format!("{key}={value}")).collect();
    format!("{}?{}#{}", url.path(), keys.join("&"), url.fragment().unwrap_or_default())
}

/// Whether a date is one whenever it is read: `5 minutes ago` is another one each time.
fn absolute(text: &str) -> bool {
    let text = text.to_lowercase();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits >= 3 && !["ago", "il y a", "vor ", "назад", "hace"].iter().any(|past| text.contains(past))
}
