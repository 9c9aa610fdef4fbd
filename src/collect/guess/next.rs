//! Which link of a page leads to its next one.

use scraper::{ElementRef, Selector};
use url::Url;

use super::Page;
use super::words::{among, identity, of, phrase, split};
use crate::collect::text::line_of;

/// What such links say, lower case, without arrows around.
const SAYS: &str = "next|next page|older|older posts|more|show more|suivant|suivante|page suivante|weiter|nächste|nächste seite|\
    vorwärts|siguiente|página siguiente|successivo|successiva|avanti|próximo|próxima|volgende|następna|следующая|\
    след|вперёд|далее|дальше";
/// Arrows alone.
const ARROWS: &str = "» › > >> → ≫ ⟩";
/// Links looked at.
const MAX_LINKS: usize = 20_000;

/// The next page's address.
pub(in crate::collect) fn next(page: &Page<'_>) -> Option<Url> {
    let links = Selector::parse("link[rel~=next][href], a[href]").expect("a constant selector");
    let links: Vec<(ElementRef<'_>, Url)> = page
        .root
        .select(&links)
        .take(MAX_LINKS)
        .filter_map(|link| Some((link, page.own(link.value().attr("href")?)?)))
        .map(|(link, mut url)| {
            url.set_fragment(None);
            (link, url)
        })
        .filter(|(link, url)| url != page.url && !disabled(*link))
        .collect();
    let declared = |link: ElementRef<'_>| {
        link.value().attr("rel").is_some_and(|rel| rel.split_ascii_whitespace().any(|word| word == "next"))
    };
    let by = |says: &dyn Fn(ElementRef<'_>, &Url) -> bool| {
        links.iter().find(|(link, url)| says(*link, url)).map(|(_, url)| url.clone())
    };
    // Some say so of the next ticket or article as well.
    by(&|link, url| declared(link) && akin(page.url, url))
        .or_else(|| by(&|link, url| said(link).is_some_and(|sure| sure || akin(page.url, url))))
        .or_else(|| by(&|link, url| classed(link) && akin(page.url, url)))
        .or_else(|| by(&|link, url| among(&line_of(link, 16), ARROWS) && akin(page.url, url)))
        .or_else(|| numbered(page, &links))
}

fn disabled(link: ElementRef<'_>) -> bool {
    let off = |e: ElementRef<'_>| of(e).iter().any(|word| matches!(word.as_str(), "disabled" | "inactive"));
    off(link) || link.parent().and_then(ElementRef::wrap).is_some_and(off)
}

/// Whether the link itself, its label or its tooltip says so; and whether it says so of a page, not only `next`.
fn said(link: ElementRef<'_>) -> Option<bool> {
    let value = link.value();
    let shown = line_of(link, 64);
    let said = |text: &str| {
        let text = text.to_lowercase();
        let text = text.trim_matches(|c: char| !c.is_alphanumeric());
        phrase(text, SAYS).then(|| ["page", "seite", "página"].iter().any(|word| text.contains(word)))
    };
    said(&shown).or_else(|| value.attr("aria-label").and_then(said)).or_else(|| value.attr("title").and_then(said))
}

/// Whether its class, or that of the list item it stands in, says so.
fn classed(link: ElementRef<'_>) -> bool {
    let next = |e: ElementRef<'_>| {
        e.value().classes().flat_map(split).any(|word| word == "next") && !of(e).iter().any(|word| word == "prev")
    };
    let item =
        link.parent().and_then(ElementRef::wrap).filter(|e| matches!(e.value().name(), "li" | "span" | "td" | "b"));
    next(link) || item.is_some_and(next)
}

/// Whether two addresses are of one thing on different pages; the next *thread* is another thing.
fn akin(here: &Url, there: &Url) -> bool {
    let (here, there) = (identity(here), identity(there));
    let stem = |name: &str| {
        name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '/' | '.' | '_')).to_owned()
    };
    let bare = |name: &str| name.trim_end_matches(".html").trim_end_matches(".htm").to_owned();
    let (here, there) = (bare(&here), bare(&there));
    // `/list` and `/list/2`; `/t-5-1.html` and `/t-5-2.html`.
    here == there
        || there.strip_prefix(&here).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
        || (here.contains(['-', '_']) && stem(&here) == stem(&there) && !stem(&here).is_empty())
}

/// A row of numbers, of which the one that is no link is this page.
fn numbered(page: &Page<'_>, links: &[(ElementRef<'_>, Url)]) -> Option<Url> {
    let number = |e: ElementRef<'_>| line_of(e, 16).trim_matches(['[', ']', '(', ')', ' ']).parse::<u32>().ok();
    for (link, url) in links {
        let Some(there) = number(*link).filter(|there| *there >= 2 && akin(page.url, url)) else { continue };
        // The list that it stands in: beside it, or beside its list item.
        let lists = link.ancestors().filter_map(ElementRef::wrap).take(3);
        for list in lists {
            let here = list.children().filter_map(|child| match child.value() {
                scraper::Node::Text(text) => text
                    .split_whitespace()
                    .find_map(|word| word.trim_matches(['[', ']', '|', ',', '(', ')']).parse().ok()),
                scraper::Node::Element(_) => {
                    let child = ElementRef::wrap(child)?;
                    let linked = std::iter::once(child)
                        .chain(child.descendants().filter_map(ElementRef::wrap))
                        .any(|e| e.value().name() == "a" && page_link(page, e));
                    if linked { None } else { number(child) }
                }
                _ => None,
            });
            if here.into_iter().any(|here: u32| here + 1 == there) {
                return Some(url.clone());
            }
        }
    }
    None
}

/// Whether an anchor leads away from this page.
fn page_link(page: &Page<'_>, link: ElementRef<'_>) -> bool {
    let href = link.value().attr("href").and_then(|href| page.own(href));
    href.is_some_and(|mut url| {
        url.set_fragment(None);
        url != *page.url
    })
}
