//! Which elements of a page are its posts.
//!
//! Several kinds of marks can show where posts stand: ids with numbers, microdata, classes that say so, links to authors,
//! dates, or elements that merely repeat. Each kind cuts the page into blocks in its own way; the cut that covers most of the
//! page's text with blocks that have an author and a date wins.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use scraper::{ElementRef, Selector};
use url::Url;

use super::Page;
use super::around::{Block, around};
use super::fields;
use super::words::{any, in_frame, look, of, person};
use crate::collect::text;

/// Elements looked at, kinds of marks weighed, and posts of one page.
const MAX_ELEMENTS: usize = 60_000;
const MAX_KINDS: usize = 24;
const MAX_POSTS: usize = 500;
/// Characters that may stand beside what a post says: what is told of its author, and its buttons.
const BESIDE: usize = 600;
/// The share of a page's text that posts must have to be its posts; and the share under which what stands beside them is read as
/// well.
const LEAST: f64 = 0.35;
const ENOUGH: f64 = 0.6;
/// The key of what stands beside posts.
const REST: &str = "rest";

/// Words of classes and ids that name a post, and those that name parts of one or something else.
const POST: &str = "post p pid msg message comment c reply answer entry article topicpost tr td js posting beitrag messages \
    thread question item email";
const NOT_POST: &str = "user author avatar tab menu ad banner nav page poll forum category tag like vote sig signature attachment \
    img quote toolbar cell";
/// Words of classes that name a post.
const CLASSED: &str = "post p pid msg message comment c reply answer entry";
/// Words of classes and ids that name what a post says.
const CONTENT: &str = "content body text message postmsg markdown md cooked postbody postcontent postcolor posttext inner \
    messagecontent articlebody pagetext wrapper";

/// A post as found.
pub(in crate::collect) struct Found<'a> {
    /// The element that it begins with.
    pub element: ElementRef<'a>,
    pub key: Option<String>,
    pub body: String,
    pub author: Option<String>,
    pub date: Option<Timestamp>,
    pub files: Vec<Url>,
}

/// A kind of mark.
struct Kind<'a> {
    marks: Vec<(ElementRef<'a>, String)>,
    /// Whether the mark is the post's own number.
    numbered: bool,
    /// How far it is to be believed.
    prior: f64,
}

/// The posts of a page, and whether any mark shows them: where none does, the page is one post.
pub(in crate::collect) fn posts<'a>(page: &Page<'a>) -> (Vec<Found<'a>>, bool) {
    let whole = main_part(page);
    let weight = whole.weight().max(1) as f64;
    let mut kinds = kinds(page);
    kinds.retain(|kind| (1..=MAX_POSTS).contains(&kind.marks.len()));
    kinds.sort_by(|a, b| {
        (b.prior * (b.marks.len() as f64).sqrt()).total_cmp(&(a.prior * (a.marks.len() as f64).sqrt()))
    });
    let cut = |kind: Kind<'a>| {
        let blocks = around(&kind.marks);
        (score(page, &blocks, weight) * kind.prior, blocks, kind.numbered)
    };
    let best = kinds.into_iter().take(MAX_KINDS).map(cut).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((score, blocks, numbered)) if score > 0.0 => {
            let mut posts = read(page, &blocks, numbered);
            posts.extend(rest(&whole, &blocks, weight));
            (posts, true)
        }
        _ => (read(page, &[(String::new(), whole)], false), false),
    }
}

/// What stands beside the posts, where that is so much that it may be what the page is about.
fn rest<'a>(whole: &Block<'a>, blocks: &[(String, Block<'a>)], weight: f64) -> Option<Found<'a>> {
    const SOME: usize = 20;
    let covered: usize = blocks.iter().map(|(_, block)| block.weight()).sum();
    if covered as f64 >= weight * ENOUGH {
        return None;
    }
    let mut without = (*whole.without).clone();
    without.extend(blocks.iter().flat_map(|(_, block)| &block.parts).map(|part| part.id()));
    let beside = Block { parts: whole.parts.clone(), without: std::rc::Rc::new(without) };
    let body = text::of_parts(&beside.parts, &|id| beside.without.contains(&id));
    let key = Some(REST.to_owned());
    (body.len() >= SOME).then(|| Found {
        element: whole.parts[0],
        key,
        body,
        author: None,
        date: None,
        files: Vec::new(),
    })
}

/// The page without its frame.
fn main_part<'a>(page: &Page<'a>) -> Block<'a> {
    let places = "main, [role=main], article, #content, #main, .content, body";
    let places = Selector::parse(places).expect("a constant selector");
    let body = page.root.select(&Selector::parse("body").expect("a constant selector")).next().unwrap_or(page.root);
    let body = Block::whole(body);
    let framed = body.elements().take(MAX_ELEMENTS).filter(|e| frame(*e)).map(|e| e.id()).collect();
    let bare = Block { without: std::rc::Rc::new(framed), ..body };
    let weight = bare.weight();
    let places =
        page.root.select(&places).take(20).map(|place| Block { parts: vec![place], without: bare.without.clone() });
    // A part that says so is the main one if it holds most of the text.
    let mut places = places.filter(|place| place.weight() * 10 >= weight * 7);
    places.next().unwrap_or(bare)
}

fn frame(element: ElementRef<'_>) -> bool {
    matches!(
        element.value().name(),
        "nav" | "footer" | "aside" | "header" | "script" | "style" | "noscript" | "select" | "button"
    )
}

fn kinds<'a>(page: &Page<'a>) -> Vec<Kind<'a>> {
    static NUMBERED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^([A-Za-z][A-Za-z_:.\-]*?)?[-_.:]?(\d{1,20})$").expect("a constant pattern"));
    const OWN: &str =
        "data-post-id data-pid data-message-id data-comment-id data-postid data-post data-commentid data-id";
    let every = Selector::parse("body *").expect("a constant selector");
    let mut kinds: BTreeMap<String, Kind<'a>> = BTreeMap::new();
    let mut add = |name: String, prior: f64, numbered: bool, element: ElementRef<'a>, key: String| {
        kinds.entry(name).or_insert_with(|| Kind { marks: Vec::new(), numbered, prior }).marks.push((element, key));
    };
    for (at, element) in page.root.select(&every).take(MAX_ELEMENTS).enumerate() {
        let value = element.value();
        let alone = || format!("{at}");
        for name in [value.attr("id"), value.attr("name").filter(|_| value.name() == "a")].into_iter().flatten() {
            let Some(found) = NUMBERED.captures(name) else { continue };
            let prefix = found.get(1).map_or("", |prefix| prefix.as_str());
            let words = super::words::split(prefix);
            let says = |list| any(&words, list);
            let prior = match (says(NOT_POST), says(POST), prefix.is_empty()) {
                (true, ..) => continue,
                (_, true, _) => 1.4,
                (_, _, true) => 1.2,
                _ => 0.9,
            };
            add(format!("id {prefix}"), prior, true, element, found[2].to_owned());
        }
        if let Some((name, key)) = OWN.split(' ').find_map(|name| Some((name, value.attr(name)?))) {
            add(format!("own {name} {}", value.name()), 1.3, true, element, text::cut(key, 64).to_owned());
        }
        let item = value.attr("itemtype").unwrap_or_default();
        if ["Comment", "Posting", "Answer", "Message", "/Article"].iter().any(|kind| item.ends_with(kind))
            || value.attr("itemprop") == Some("comment")
        {
            add(format!("item {}", value.name()), 1.3, false, element, alone());
        }
        let words: Vec<String> = value.classes().flat_map(super::words::split).collect();
        if value.name() == "article" || any(&words, CLASSED) {
            let prior = if value.name() == "article" || words.len() == 1 { 1.1 } else { 0.9 };
            add(format!("class {}", look(element)), prior, false, element, alone());
        }
        if value.name() == "a"
            && value.attr("href").and_then(|href| page.own(href)).is_some_and(|url| person(&url))
            && !in_frame(element)
        {
            add(format!("person {} {}", look(element), above(element)), 0.8, false, element, alone());
        }
        if value.name() == "time"
            || of(element).iter().any(|word| matches!(word.as_str(), "date" | "time" | "posted" | "timestamp"))
        {
            add(format!("date {} {}", look(element), above(element)), 0.7, false, element, alone());
        }
    }
    let mut kinds: Vec<Kind<'a>> = kinds.into_values().collect();
    kinds.extend(repeated(page));
    kinds
}

/// The tags around an element.
fn above(element: ElementRef<'_>) -> String {
    let above: Vec<&str> = element.ancestors().filter_map(ElementRef::wrap).take(3).map(|e| e.value().name()).collect();
    above.join(" ")
}

/// Elements that look alike, beside each other: a page without any mark.
fn repeated<'a>(page: &Page<'a>) -> Vec<Kind<'a>> {
    let parents = Selector::parse("body, body *").expect("a constant selector");
    let mut kinds = Vec::new();
    for parent in page.root.select(&parents).take(MAX_ELEMENTS) {
        if matches!(parent.value().name(), "p" | "pre" | "ul" | "select" | "tr" | "a" | "dl") {
            continue;
        }
        let mut alike: BTreeMap<String, Vec<(ElementRef<'a>, String)>> = BTreeMap::new();
        for (at, child) in parent.children().filter_map(ElementRef::wrap).enumerate() {
            if matches!(
                child.value().name(),
                "div" | "table" | "tr" | "li" | "section" | "dl" | "fieldset" | "blockquote" | "tbody"
            ) {
                alike.entry(look(child)).or_default().push((child, format!("{at}")));
            }
        }
        let several = alike.into_values().filter(|marks| marks.len() >= 2);
        kinds.extend(several.map(|marks| Kind { marks, numbered: false, prior: 0.5 }));
    }
    kinds
}

/// How well blocks are posts: the text that they cover, and how many of them have an author and a date.
fn score(page: &Page<'_>, blocks: &[(String, Block<'_>)], weight: f64) -> f64 {
    let count = blocks.len() as f64;
    let text: usize = blocks.iter().map(|(_, block)| block.weight()).sum();
    let covered = (text as f64 / weight).min(1.0);
    // A sample is enough: pages of posts are regular.
    let sample: Vec<&Block<'_>> = blocks.iter().map(|(_, block)| block).take(12).collect();
    let share = |has: &dyn Fn(&Block<'_>) -> bool| {
        sample.iter().filter(|block| has(block)).count() as f64 / sample.len() as f64
    };
    let authors = share(&|block| fields::author(page, block).is_some());
    let dates = share(&|block| fields::date(page, block).is_some());
    let empty = share(&|block| block.weight() < 2);
    if covered < LEAST || (authors < 0.5 && dates < 0.5) || empty > 0.2 {
        return 0.0;
    }
    covered.sqrt() * (0.2 + 0.4 * authors + 0.4 * dates) * (1.0 + 0.3 * count.ln())
}

/// The posts in elements that are known to be posts.
pub(in crate::collect) fn posts_in<'a>(page: &Page<'_>, elements: &[ElementRef<'a>]) -> Vec<Found<'a>> {
    let blocks: Vec<(String, Block<'a>)> = elements.iter().map(|e| (String::new(), Block::whole(*e))).collect();
    read(page, &blocks, false)
}

fn read<'a>(page: &Page<'_>, blocks: &[(String, Block<'a>)], numbered: bool) -> Vec<Found<'a>> {
    let said: Vec<_> =
        blocks.iter().map(|(_, block)| (fields::author(page, block), fields::date(page, block))).collect();
    let content = content(blocks, &said);
    let one = blocks.len() == 1;
    let mut found = Vec::with_capacity(blocks.len());
    for ((key, block), (author, date)) in blocks.iter().zip(said) {
        let body = body(block, content.as_deref(), one, author.as_ref().map(|a| a.1), date.as_ref().map(|d| d.1));
        found.push(Found {
            element: block.parts[0],
            key: numbered.then(|| key.clone()).or_else(|| permalink(page, block)),
            body,
            author: author.map(|(name, _)| name),
            date: date.map(|(date, _)| date),
            files: fields::files(page, block),
        });
    }
    // A key that two posts share is no key.
    let mut keys = std::collections::HashSet::new();
    if !found.iter().filter_map(|post| post.key.clone()).all(|key| keys.insert(key)) {
        found.iter_mut().for_each(|post| post.key = None);
    }
    found
}

/// The number in a post's link to itself: one that leads to a place on a page, or that is called a permanent link.
fn permalink(page: &Page<'_>, block: &Block<'_>) -> Option<String> {
    static OWN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(\d+)\D*$").expect("a constant pattern"));
    block.elements().filter(|e| e.value().name() == "a").find_map(|link| {
        let url = page.own(link.value().attr("href")?)?;
        let permanent = of(link).iter().any(|word| word == "permalink");
        let named = url.fragment().map(str::to_owned).or_else(|| permanent.then(|| url.path().to_owned()))?;
        Some(OWN.captures(&named)?[1].to_owned())
    })
}

type Told<'a> = (fields::Said<'a, String>, fields::Said<'a, Timestamp>);

/// How the elements look that hold what the posts say: those of a telling name, in most blocks, with most of the text, that do not
/// hold the author as well.
fn content(blocks: &[(String, Block<'_>)], said: &[Told<'_>]) -> Option<String> {
    let mut looks: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for ((_, block), (author, date)) in blocks.iter().zip(said).take(50) {
        let marks: Vec<_> = author.iter().map(|a| a.1.id()).chain(date.iter().map(|d| d.1.id())).collect();
        let mut seen = std::collections::HashSet::new();
        for element in block.elements() {
            let named = any(&of(element), CONTENT) || matches!(element.value().name(), "pre" | "textarea");
            let holds = marks.contains(&element.id()) || element.descendants().any(|d| marks.contains(&d.id()));
            let look = look(element);
            if !named || holds || !seen.insert(look.clone()) {
                continue;
            }
            let entry = looks.entry(look).or_default();
            entry.0 += 1;
            entry.1 += Block { parts: vec![element], without: block.without.clone() }.weight();
        }
    }
    let sampled = blocks.len().min(50);
    let best = looks.into_iter().filter(|(_, (count, _))| count * 10 >= sampled * 7).max_by_key(|(_, (_, text))| *text);
    best.map(|(look, _)| look)
}

/// What a block says. When what is found holds too little of it, all of the block but author and date.
fn body(
    block: &Block<'_>,
    content: Option<&str>,
    one: bool,
    author: Option<ElementRef<'_>>,
    date: Option<ElementRef<'_>>,
) -> String {
    let all = block.weight();
    if let Some(content) = content {
        let mut parts: Vec<ElementRef<'_>> = Vec::new();
        for element in block.elements().filter(|e| look(*e) == content) {
            if !element.ancestors().any(|above| parts.iter().any(|part| part.id() == above.id())) {
                parts.push(element);
            }
        }
        let part = Block { parts, without: block.without.clone() };
        let rest = all.saturating_sub(part.weight());
        // Beside a short post stands much about its author; more than that is not left out.
        if !part.parts.is_empty() && (rest <= all / 2 || (rest <= BESIDE && !one)) {
            return text::of_parts(&part.parts, &|id| part.without.contains(&id));
        }
    }
    let small = |e: ElementRef<'_>| Block::whole(e).weight() * 3 < all.max(1);
    let told: Vec<_> = [author, date].into_iter().flatten().filter(|e| small(*e)).map(|e| e.id()).collect();
    text::of_parts(&block.parts, &|id| block.without.contains(&id) || told.contains(&id))
}
