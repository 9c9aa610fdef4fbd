//! Who wrote a block, when, and what: each with the element that says so.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use scraper::ElementRef;
use url::Url;

use super::Page;
use super::around::{Block, Piece};
use super::words::{any, is_file, of, person, phrase};
use crate::collect::text::line_of;

/// Longest name of an author, bytes.
const MAX_NAME: usize = 80;
/// Longest text that is looked at for a date, bytes; a sentence that mentions a day is not the date of a post.
const MAX_DATE: usize = 120;
/// Files named of one block.
const MAX_FILES: usize = 200;

/// Words of classes that name an author, and those that only say something of one.
const NAMES: &str = "author username user poster postername nick nickname starter creator byline by";
const ABOUT: &str = "title rank status avatar info details posts joined signature reputation group stats icon badge lastpost last \
    latest teaser online count profile actions menu role";
/// Words of classes that name a date.
const DATES: &str =
    "date time datetime posted when created timestamp ago published postdate postdetails dateline moment added";

/// `by joe`, `Posted by: joe`, `Автор: joe`.
static BY: LazyLock<Regex> = LazyLock::new(|| {
    let by = r"(?i)(?:^|[\s\W])(?:(?:posted|written|started|submitted|pasted|uploaded|created|added)\s+by|by|author|from|auteur|(?:posté\s+)?par|autor|(?:geschrieben\s+)?von|автор|от|autore|da)\s*:?\s+@?([\p{L}\p{N}_.\-]{2,40})";
    Regex::new(by).expect("a constant pattern")
});
/// What is said of a member beside each post.
static MEMBER: LazyLock<Regex> = LazyLock::new(|| {
    let member = r"(?i)joined|registered|member since|inscrit|registriert|mitglied seit|dabei seit|регистрация|с нами с|зарегистрирован|last (?:visit|seen|active|edited)|edited|bearbeitet|modifié|изменен|отредактировано|expires";
    Regex::new(member).expect("a constant pattern")
});

/// A value, and the element that says it.
pub(super) type Said<'a, T> = Option<(T, ElementRef<'a>)>;

/// Who wrote it.
pub(super) fn author<'a>(page: &Page<'_>, block: &Block<'a>) -> Said<'a, String> {
    marked_author(block)
        .or_else(|| linked_author(page, block))
        .or_else(|| classed_author(block))
        .or_else(|| said_author(block))
}

fn name_of(element: ElementRef<'_>) -> Option<String> {
    let content = element.value().attr("content").map(str::to_owned);
    let text = content.unwrap_or_else(|| line_of(element, MAX_NAME + 1));
    let name = text.trim().trim_start_matches('@').trim_end_matches([':', ',', '»']).trim();
    let name = BY
        .captures(name)
        .filter(|by| by.get(0).is_some_and(|all| all.start() == 0))
        .map_or(name, |by| by.get(1).map_or(name, |n| n.as_str()));
    let whole = (1..=MAX_NAME).contains(&name.len()) && name.chars().any(char::is_alphanumeric);
    const NOT: &str = "profile|pm|www|email|e-mail|private message|website|find|user|author|quote|reply|member|#";
    (whole && !phrase(&name.to_lowercase(), NOT)).then(|| name.to_owned())
}

fn marked_author<'a>(block: &Block<'a>) -> Said<'a, String> {
    let marked = |e: &ElementRef<'a>| {
        let has = |name, word| e.value().attr(name).is_some_and(|v| v.split_ascii_whitespace().any(|v| v == word));
        has("itemprop", "author") || has("rel", "author")
    };
    let found = block.elements().find(marked)?;
    // Microdata name the person within the author.
    let inner = found.descendants().filter_map(ElementRef::wrap).find(|e| e.value().attr("itemprop") == Some("name"));
    let link =
        found.descendants().filter_map(ElementRef::wrap).find(|e| e.value().name() == "a" && name_of(*e).is_some());
    let name = inner.or(link).and_then(name_of).or_else(|| name_of(found))?;
    Some((name, found))
}

fn linked_author<'a>(page: &Page<'_>, block: &Block<'a>) -> Said<'a, String> {
    block.elements().filter(|e| e.value().name() == "a" && !about_another(block, *e)).find_map(|link| {
        let url = page.own(link.value().attr("href")?)?;
        if !person(&url) {
            return None;
        }
        Some((name_of(link)?, link))
    })
}

/// Whether an element of a block speaks of the last to answer, or of someone quoted, rather than of the author.
fn about_another(block: &Block<'_>, element: ElementRef<'_>) -> bool {
    const ANOTHER: &str = "last lastpost latest teaser quote likes";
    let another = |e: ElementRef<'_>| e.value().name() == "blockquote" || any(&of(e), ANOTHER);
    let within = std::iter::once(element).chain(element.ancestors().filter_map(ElementRef::wrap));
    within.take(5).take_while(|e| !block.parts.iter().any(|part| part.id() == e.id())).any(another)
}

fn classed_author<'a>(block: &Block<'a>) -> Said<'a, String> {
    let named = |e: &ElementRef<'a>| {
        let words = of(*e);
        // `name` alone is one; the name of something says what of.
        (words == ["name"] || any(&words, NAMES)) && !any(&words, ABOUT)
    };
    block.elements().filter(|e| named(e) && !about_another(block, *e)).find_map(|found| {
        let lines = || {
            found
                .descendants()
                .filter_map(ElementRef::wrap)
                .filter(|e| matches!(e.value().name(), "a" | "b" | "strong" | "span"))
        };
        let name = name_of(found).or_else(|| lines().find_map(name_of))?;
        Some((name, found))
    })
}

fn said_author<'a>(block: &Block<'a>) -> Said<'a, String> {
    block.pieces().take(4000).find_map(|piece| {
        let Piece::Text(text, parent) = piece else { return None };
        let text = text.trim();
        if text.len() > MAX_DATE || text.len() < 2 {
            return None;
        }
        // `by <b>joe</b>`: the name stands in the next element.
        let line = line_of(parent, MAX_DATE + 1);
        let line = if line.len() <= MAX_DATE { line } else { text.to_owned() };
        let by = BY.captures(&line)?;
        let name = by.get(1)?.as_str();
        name.chars().any(char::is_alphabetic).then(|| (name.trim_end_matches('.').to_owned(), parent))
    })
}

/// When it was written.
pub(super) fn date<'a>(page: &Page<'_>, block: &Block<'a>) -> Said<'a, Timestamp> {
    let own = |e: &ElementRef<'a>| !about_another(block, *e);
    let classed = |e: ElementRef<'a>| Some(((page.date)(&dated(&line_of(e, MAX_DATE))?)?, e));
    let stamp = block.elements().filter(own).find_map(|e| Some((stamped(page, e)?, e)));
    stamp
        .or_else(|| block.elements().filter(own).filter(|e| classed_date(*e)).find_map(classed))
        .or_else(|| written_date(page, block, &own))
        // Some listings only say when the last answer came.
        .or_else(|| block.elements().find_map(|e| Some((stamped(page, e)?, e))))
        .or_else(|| written_date(page, block, &|_| true))
}

/// A date for programs, in an attribute.
fn stamped(page: &Page<'_>, element: ElementRef<'_>) -> Option<Timestamp> {
    const STAMPS: &str = "datetime data-timestamp data-time data-date data-datetime data-utime data-created";
    let value = element.value();
    let stamp = STAMPS.split(' ').find_map(|name| value.attr(name));
    let item = || {
        value
            .attr("content")
            .filter(|_| value.attr("itemprop").is_some_and(|p| p.to_ascii_lowercase().contains("date")))
    };
    let tip = || {
        value
            .attr("title")
            .filter(|t| t.len() <= MAX_DATE && t.bytes().any(|b| b.is_ascii_digit()) && value.name() != "a")
    };
    stamp.or_else(item).and_then(page.date).or_else(|| tip().and_then(page.date))
}

fn classed_date(element: ElementRef<'_>) -> bool {
    any(&of(element), DATES)
}

/// Text that may be a date: short, with a figure or a word for a day.
fn dated(text: &str) -> Option<String> {
    let text = text.trim();
    let digit = text.bytes().any(|b| b.is_ascii_digit());
    let named = || {
        ["today", "yesterday", "hier", "gestern", "heute", "вчера", "сегодня"]
            .iter()
            .any(|day| text.to_lowercase().contains(day))
    };
    ((4..=MAX_DATE).contains(&text.len()) && (digit || named()) && !MEMBER.is_match(text)).then(|| text.to_owned())
}

fn written_date<'a>(page: &Page<'_>, block: &Block<'a>, own: &dyn Fn(&ElementRef<'a>) -> bool) -> Said<'a, Timestamp> {
    let mut asked = 0;
    block.pieces().find_map(|piece| {
        let Piece::Text(text, parent) = piece else { return None };
        if asked > 300 || text.trim().is_empty() || !own(&parent) {
            return None;
        }
        // The whole of a small element first: `Posted: <b>Nov 21</b> 2026`.
        let line = line_of(parent, MAX_DATE + 1);
        [Some(line), Some(text.to_owned())].into_iter().flatten().find_map(|text| {
            let text = dated(&text)?;
            asked += 1;
            Some(((page.date)(&text)?, parent))
        })
    })
}

/// The files that hang on it, and pages beside them that lead to files.
pub(super) fn files(page: &Page<'_>, block: &Block<'_>) -> Vec<Url> {
    let mut files = Vec::new();
    for link in block.elements().filter(|e| e.value().name() == "a") {
        let Some(url) = link.value().attr("href").and_then(|href| page.base.join(href.trim()).ok()) else { continue };
        let web = matches!(url.scheme(), "http" | "https");
        if web && is_file(link, &url) && !crate::collect::follow::changes_something(&url) && !files.contains(&url) {
            files.push(url);
        }
        if files.len() == MAX_FILES {
            break;
        }
    }
    files
}
