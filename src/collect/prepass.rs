//! Makes a stranger's HTML safe to build a tree of.
//!
//! html5ever's tree builder is quadratic on hostile nesting (servo/html5ever#788): half a megabyte of `<ul><li>` keeps
//! it busy for minutes. So every page first streams through a tokenizer that builds nothing (`lol_html`), which decodes
//! it, drops what nobody selects (scripts, styles), and takes out tags that would nest too deep or are too many. Their text
//! stays: hostile mark-up must not hide content.

use std::cell::RefCell;
use std::rc::Rc;

use lol_html::html_content::{ContentType, Element};
use lol_html::{HandlerResult, MemorySettings, Settings, comments, doc_comments, element};

/// Bytes of a page that are read as mark-up; listings and threads are far smaller.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Deepest nesting kept.
const MAX_DEPTH: usize = 512;
/// Most elements kept.
const MAX_ELEMENTS: usize = 200_000;
/// Formatting elements that may be open at one time. The tree builder opens each of them again in every paragraph that
/// follows, so their number multiplies.
const MAX_FORMATTING: usize = 64;

/// Elements that hold nothing.
const VOID: [&str; 15] = [
    "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input", "link", "meta",
    "source", "wbr",
];
/// The formatting elements of the HTML standard (13.2.4.3). `a` and `nobr` close their own kind and are left out.
const FORMATTING: [&str; 12] = ["b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"];
/// Elements whose end tag may be missing, with what a new one of them closes and where that stops.
const IMPLIED: [(&[&str], &[&str]); 5] = [
    (&["li"], &["ul", "ol", "menu"]),
    (&["dt", "dd"], &["dl"]),
    (&["p"], &["div", "td", "th", "li", "blockquote", "section", "article", "button"]),
    (&["option", "optgroup"], &["select"]),
    (&["td", "th", "tr", "tbody", "thead", "tfoot", "colgroup", "caption"], &["table"]),
];

/// What was taken out of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cuts {
    /// The page is longer than is read.
    pub bytes: bool,
    /// Tags were dropped: too deep, too many, or too many at one time.
    pub tags: bool,
}

/// The page as UTF-8 with bounded mark-up, and what was taken out to get there.
#[must_use]
pub fn bounded(page: &[u8], media_type: Option<&str>) -> (String, Cuts) {
    let mut cuts = Cuts { bytes: page.len() > MAX_BYTES, tags: false };
    let text = decode(&page[..page.len().min(MAX_BYTES)], media_type);
    let open = Rc::new(RefCell::new(Open::default()));
    let mut out = Vec::with_capacity(text.len());
    let handlers = {
        let open = Rc::clone(&open);
        vec![
            element!("*", move |el: &mut Element<'_, '_>| visit(&open, el)),
            comments!("*", |comment| {
                comment.remove();
                Ok(())
            }),
        ]
    };
    let mut settings = Settings::new()
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(64 * 1024 * 1024))
        .with_strict(false)
        .append_document_content_handler(doc_comments!(|comment| {
            comment.remove();
            Ok(())
        }));
    for handler in handlers {
        settings = settings.append_element_content_handler(handler);
    }
    let mut rewriter = lol_html::HtmlRewriter::new(settings, |chunk: &[u8]| out.extend_from_slice(chunk));
    let read = rewriter.write(text.as_bytes()).and_then(|()| rewriter.end());
    cuts.tags |= read.is_err() || open.borrow().dropped;
    (String::from_utf8_lossy(&out).into_owned(), cuts)
}

/// Decodes by byte order mark, then header, then the page's own word, then by looking. What is declared is not believed when
/// it makes nonsense of more letters than it makes sense of: then one looks.
#[must_use]
pub fn decode(bytes: &[u8], media_type: Option<&str>) -> String {
    let declared = media_type.and_then(|m| charset(m.as_bytes())).or_else(|| charset(&bytes[..bytes.len().min(1024)]));
    if let Some(encoding) = declared {
        let (text, _, faulty) = encoding.decode(bytes);
        if !faulty || sensible(&text) {
            return text.into_owned();
        }
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, chardetng::Utf8Detection::Allow).decode(bytes).0.into_owned()
}

/// Whether a text with faults has more letters beyond ASCII than faults: one post in another encoding, or a cut end, is no
/// reason to read all others wrongly.
fn sensible(text: &str) -> bool {
    let faults = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
    text.chars().filter(|c| !c.is_ascii()).count() > 2 * faults || faults <= 1
}

/// The encoding named after `charset=`.
fn charset(text: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let lower = text.to_ascii_lowercase();
    let at = memchr::memmem::find(&lower, b"charset")? + b"charset".len();
    let rest = lower[at..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")).unwrap_or(rest);
    let end =
        rest.iter().position(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'-' | b'_' | b':')).unwrap_or(rest.len());
    encoding_rs::Encoding::for_label(&rest[..end])
}

/// The elements that are open, as far as the bounds need to know.
#[derive(Default)]
struct Open {
    /// Name and serial number, innermost last. Never longer than the deepest nesting.
    stack: Vec<(Box<str>, u32)>,
    formatting: usize,
    elements: usize,
    serial: u32,
    dropped: bool,
}

impl Open {
    /// Takes note of a start tag; the serial number by which its end tag closes it, or nothing if it must go.
    fn start(&mut self, name: &str) -> Option<u32> {
        self.elements += 1;
        self.close_implied(name);
        let formats = FORMATTING.contains(&name);
        if self.elements > MAX_ELEMENTS || self.stack.len() >= MAX_DEPTH || formats && self.formatting >= MAX_FORMATTING
        {
            self.dropped = true;
            return None;
        }
        self.formatting += usize::from(formats);
        self.serial += 1;
        self.stack.push((name.into(), self.serial));
        Some(self.serial)
    }

    fn close_implied(&mut self, name: &str) {
        let Some((closed, stops)) = IMPLIED.iter().find(|(names, _)| names.contains(&name)) else { return };
        // A new row ends the cell and the row before it: one element after the other, outwards.
        while let Some(at) =
            self.stack.iter().rposition(|(open, _)| closed.contains(&&**open) || stops.contains(&&**open))
            && closed.contains(&&*self.stack[at].0)
            && closes(name, &self.stack[at].0)
        {
            self.stack.truncate(at);
        }
    }

    fn end(&mut self, serial: u32, name: &str) {
        self.formatting -= usize::from(FORMATTING.contains(&name));
        if let Some(at) = self.stack.iter().rposition(|(_, open)| *open == serial) {
            self.stack.truncate(at);
        }
    }
}

/// Whether a new `name` ends an open `open` of its group: a cell does not end the row it begins in.
fn closes(name: &str, open: &str) -> bool {
    let rank = |n: &str| match n {
        "td" | "th" => 2,
        "tr" | "option" => 1,
        _ => 0,
    };
    rank(name) <= rank(open)
}

fn visit(open: &Rc<RefCell<Open>>, el: &mut Element<'_, '_>) -> HandlerResult {
    let name = el.tag_name();
    if matches!(name.as_str(), "script" | "style") {
        // Text for a browser, not for a reader; the tag stays so that selectors by position still count it.
        el.set_inner_content("", ContentType::Text);
    }
    if VOID.contains(&name.as_str()) {
        let mut open = open.borrow_mut();
        open.elements += 1;
        if open.elements > MAX_ELEMENTS {
            open.dropped = true;
            el.remove();
        }
        return Ok(());
    }
    let Some(serial) = open.borrow_mut().start(&name) else {
        el.remove_and_keep_content();
        return Ok(());
    };
    let open = Rc::clone(open);
    // Without content (self-closing foreign elements) there is no end tag to wait for.
    let ended = el.on_end_tag(lol_html::end_tag!(move |end| {
        open.borrow_mut().end(serial, &end.name());
        Ok(())
    }));
    drop(ended);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use scraper::Html;
    use std::time::{Duration, Instant};

    #[test]
    fn hostile_nesting_costs_little_and_hides_nothing() {
        let fonts: String = (0..20_000).map(|n| format!("<font color={n}>")).collect();
        let hostile = [
            "<ul><li>".repeat(65_536),
            "<div>".repeat(100_000) + &"</b>".repeat(30_000),
            fonts + &"<p>x".repeat(20_000),
            "<table><tr><td>".repeat(30_000),
            "<p><b>x".repeat(60_000),
            "<a><b>".repeat(80_000),
            "<svg><g>".repeat(60_000),
            "<select><option>".repeat(30_000),
        ];
        for page in hostile {
            let page = page + "<i>a@x.example</i>";
            let start = Instant::now();
            let (bounded, _) = bounded(page.as_bytes(), None);
            let tree = Html::parse_document(&bounded);
            assert!(tree.root_element().text().any(|t| t.contains("a@x.example")), "{}", &page[..20]);
            assert!(start.elapsed() < Duration::from_secs(20), "{} took {:?}", &page[..20], start.elapsed());
        }
    }

    #[test]
    fn ordinary_pages_pass_unchanged_even_with_missing_end_tags() {
        let list = format!("<ul>{}</ul>", "<li>a<p>b".repeat(2_000));
        let table = format!("<table>{}</table>", "<tr><td>a<td>b".repeat(2_000));
        for page in [list, table, "<p>x<br><img src=a>".repeat(3_000)] {
            let (text, cuts) = bounded(page.as_bytes(), None);
            assert_eq!(cuts, Cuts::default());
            assert_eq!(text, page);
        }
    }

    #[test]
    fn encodings_are_found() {
        assert_eq!(decode("é".as_bytes(), None), "é");
        assert_eq!(decode(b"\xe9t\xe9", Some("text/html; charset=ISO-8859-1")), "été");
        assert_eq!(decode(b"<meta charset='windows-1252'>\xe9", None), "<meta charset='windows-1252'>é");
        assert_eq!(decode(b"\xff\xfea\0", Some("text/html; charset=utf-8")), "a");
        // What is declared is wrong.
        assert_eq!(decode(b"d\xe9mo caf\xe9 d\xe9j\xe0", Some("text/html; charset=utf-8")), "démo café déjà");
        // One fault among many letters is that of its place.
        let mixed = [b"\xe9 ".as_slice(), "é à ü ö ñ".as_bytes()].concat();
        assert_eq!(decode(&mixed, Some("text/html; charset=utf-8")), "\u{fffd} é à ü ö ñ");
    }

    #[test]
    fn scripts_lose_their_text() {
        let (text, _) = bounded(b"<script>if (a < b) {}</script><p>x<!-- y --></p>", None);
        assert_eq!(text, "<script></script><p>x</p>");
    }
}
