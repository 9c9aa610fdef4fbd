//! The words by which pages name their parts, in classes, ids and addresses, and what addresses have in common.

use scraper::ElementRef;
use url::Url;

/// In addresses of threads and pastes.
const THREAD: &str = "topic topics thread threads viewtopic showthread showtopic discussion discussions conversation post posts \
    paste pastes view question questions story message messages msg snippet snippets t d p s tid article sujet \
    thema tema viewthread comments read n no threadid topicid";
/// In addresses that are neither threads nor posts.
const OTHER: &str = "user users member members memberlist profile profiles u author avatar login register signup signin logout \
    search tag tags label help faq rules terms privacy about contact rss feed atom lang language css js static \
    calendar sendmessage privmsg pm reply quote edit newreply newthread newtopic compose create new printthread \
    print whoposted online team stats statistics groups badges donate upgrade mark subscribe imprint impressum \
    cookies settings notifications admin subscription subscriptions watch favorite favorites bookmark bookmarks \
    share vote like thank rate report markread";
/// In addresses of places that hold threads.
const SECTION: &str =
    "forum forums category categories viewforum forumdisplay showforum board boards section sections c f m";
/// In addresses of people.
const PERSON: &str = "user users member members memberlist profile profiles u author authors people person uid viewprofile \
    mitglied";
/// In classes of a page's frame.
const FRAME: &str = "nav navbar navigation menu sidebar footer breadcrumb breadcrumbs crumbs pagination pager paginator toolbar \
    copyright pagelinks tabs";
/// Query keys that say which page of a thing, or how it is shown, not which thing.
const PAGING: &str = "page pg start st offset pp perpage per_page goto action mode highlight hilit sort order dir sort_by \
    daysprune prefixid view lastpost sid s phpsessid sessionid unread do from seite pagina strona";
/// What links say that lead to no thread, whatever their addresses look like.
const SAID: &str = "new|new thread|new topic|new post|new paste|post new thread|post reply|reply|login|log in|sign in|register|\
    sign up|home|index|about|api|faq|help|archive|search|rules|contact|more|read more|delete|edit|report|create|\
    upload|view|raw|download|rss|comments|replies|next|previous|last post|go to last post|first|last|accueil|\
    startseite";
/// Ends of files that are dumps rather than pictures.
const FILES: &str = "zip 7z rar gz tgz bz2 xz zst tar csv tsv sql txt json jsonl xml xls xlsx ods doc docx odt pdf rtf db sqlite \
    mdb log dump bak eml mbox parquet";

/// Whether a word stands in a list of words.
pub(super) fn among(word: &str, list: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == word)
}

/// Whether a phrase stands in a list of phrases with bars between.
pub(super) fn phrase(said: &str, list: &str) -> bool {
    list.split('|').any(|listed| listed == said)
}

/// The words of a name, lower case: `post-title`, `postTitle`, `post_title` are `post` and `title`.
pub(super) fn split(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars().take(400) {
        if !c.is_alphanumeric() || (before.is_lowercase() && c.is_uppercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("there is one").extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The words of an element's classes and id.
pub(super) fn of(element: ElementRef<'_>) -> Vec<String> {
    let value = element.value();
    let named = [value.attr("class"), value.attr("id"), value.attr("itemprop"), value.attr("component")];
    named.into_iter().flatten().flat_map(split).collect()
}

/// What an element looks like to a style sheet: its tag and classes, without numbers and what alternates from row to row.
pub(super) fn look(element: ElementRef<'_>) -> String {
    const ALTERNATES: &str =
        "odd even alt alternate first last bg row unread read sticky locked pinned closed hot trow";
    let mut classes: Vec<String> = Vec::new();
    for class in element.value().classes() {
        let plain: String = class.chars().filter(|c| !c.is_ascii_digit()).collect();
        if !plain.is_empty() && !among(plain.trim_end_matches(['-', '_']), ALTERNATES) {
            classes.push(plain);
        }
    }
    classes.sort_unstable();
    classes.dedup();
    format!("{}.{}", element.value().name(), classes.join("."))
}

/// Whether one of the words stands in a list of words.
pub(super) fn any(words: &[String], list: &str) -> bool {
    words.iter().any(|word| among(word, list))
}

/// The words of an address: path and names of its query.
fn address(url: &Url) -> Vec<String> {
    let keys: Vec<String> = url.query_pairs().flat_map(|(key, value)| [key.into_owned(), value.into_owned()]).collect();
    split(url.path()).into_iter().chain(keys.iter().flat_map(|key| split(key))).collect()
}

/// Whether what a link says names no thread.
pub(super) fn says_nothing(text: &str) -> bool {
    phrase(&text.trim().to_lowercase(), SAID)
}

/// The words that an address uses to say what it leads to: its leading segments and script that are words, not titles, and the keys of
/// its query.
fn naming(url: &Url) -> Vec<String> {
    let path: Vec<&str> = url.path_segments().map(|s| s.filter(|s| !s.is_empty()).collect()).unwrap_or_default();
    let keys: Vec<String> = url.query_pairs().map(|(key, _)| key.into_owned()).collect();
    let leading = path.iter().take(path.len().saturating_sub(1).max(1)).copied().chain(script(&path));
    let plain = |segment: &str| {
        let words = split(segment.rsplit_once('.').map_or(segment, |(name, _)| name));
        if words.len() == 1 || script(&[segment]).is_some() { words } else { Vec::new() }
    };
    leading.flat_map(plain).chain(keys.iter().flat_map(|key| split(key))).collect()
}

/// The script at the end of a path.
fn script<'a>(path: &[&'a str]) -> Option<&'a str> {
    const ENDS: [&str; 7] = [".php", ".cgi", ".pl", ".asp", ".aspx", ".jsp", ".py"];
    path.last().copied().filter(|last| ENDS.iter().any(|end| last.to_ascii_lowercase().ends_with(end)))
}

/// Whether an address says that it leads to no thread.
pub(super) fn elsewhere(url: &Url) -> bool {
    any(&naming(url), OTHER)
}

/// How much an address looks like that of a thread.
pub(super) fn thread_weight(url: &Url) -> f64 {
    let words = naming(url);
    match (any(&words, OTHER), any(&words, THREAD), any(&words, SECTION)) {
        (true, ..) => 0.02,
        (_, true, false) => 4.0,
        (_, true, true) => 2.0,
        (_, false, true) => 0.3,
        (_, false, false) => 1.0,
    }
}

/// Whether an address is that of a person's page.
pub(super) fn person(url: &Url) -> bool {
    any(&address(url), PERSON)
}

/// Whether an element stands in the frame of a page: menus, breadcrumbs, the foot.
pub(super) fn in_frame(element: ElementRef<'_>) -> bool {
    let framed = |e: ElementRef<'_>| matches!(e.value().name(), "nav" | "footer" | "aside") || any(&of(e), FRAME);
    framed(element) || element.ancestors().take(12).filter_map(ElementRef::wrap).any(framed)
}

/// What an address names, however it is shown: without session, page and the like.
pub(super) fn identity(url: &Url) -> String {
    let mut path: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    path.retain(|segment| !segment.is_empty());
    let number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    while path.len() > 1 {
        let last = path[path.len() - 1];
        let shown = matches!(last, "latest" | "unread" | "last" | "new" | "newest" | "lastpost" | "page")
            || ["page-", "post-", "page", "p"].iter().any(|begin| last.strip_prefix(begin).is_some_and(number))
            // `/topic/9/title/4`: the fourth post of the ninth.
            || (number(last) && path.len() > 2 && (path[path.len() - 2] == "page" || path[..path.len() - 2].iter().any(|s| number(s))));
        if !shown {
            break;
        }
        path.pop();
    }
    let mut name = path.join("/");
    // `topic,5.15.html`, `topic=5.msg12`: the fifth.
    let whole = |value: &str| match value.split_once('.') {
        Some((head, rest)) if number(head) && (number(rest) || rest.starts_with("msg") || rest == "new") => {
            head.to_owned()
        }
        _ => value.to_owned(),
    };
    if let Some((head, tail)) = name.rsplit_once(',')
        && tail.as_bytes().first().is_some_and(u8::is_ascii_digit)
    {
        name = format!("{head},{}", tail.split('.').next().unwrap_or_default());
    }
    let mut keys: Vec<String> = url
        .query_pairs()
        .filter(|(key, _)| !key.is_empty() && !among(&key.to_ascii_lowercase(), PAGING))
        // `?5-title/page2`: the second page of the fifth.
        .map(|(key, value)| format!("{}={}", key.split("/page").next().unwrap_or_default(), whole(&value)))
        .collect();
    keys.sort_unstable();
    if keys.is_empty() { name } else { format!("{name}?{}", keys.join("&")) }
}

/// What the addresses of one kind of page have in common.
pub(super) fn shape(url: &Url) -> String {
    let path: Vec<&str> = url.path_segments().map(|s| s.filter(|s| !s.is_empty()).collect()).unwrap_or_default();
    let mut keys: Vec<String> = url.query_pairs().map(|(key, _)| key.to_ascii_lowercase()).collect();
    keys.retain(|key| !among(key, PAGING));
    keys.sort_unstable();
    // What names a kind of page stays, what names one page does not.
    let kind = |segment: &&str| {
        if among(segment, THREAD) || among(segment, SECTION) || among(segment, OTHER) {
            (*segment).to_owned()
        } else {
            "*".to_owned()
        }
    };
    let path = match path.as_slice() {
        path if script(path).is_some() => path.join("/"),
        [] => String::new(),
        [_] => "*".to_owned(),
        [first, middle @ .., _] => {
            let middle: Vec<String> = middle.iter().take(2).map(kind).collect();
            format!("{first}/{}/*", middle.join("/"))
        }
    };
    format!("{path}?{}", keys.join("&"))
}

/// Whether an address ends in something like a key: digits, or letters of both cases.
pub(super) fn keyed(url: &Url) -> bool {
    let last = url.path_segments().and_then(|mut s| s.rfind(|s| !s.is_empty())).unwrap_or_default();
    let mixed = last.bytes().skip(1).any(|b| b.is_ascii_uppercase()) && last.bytes().any(|b| b.is_ascii_lowercase());
    mixed
        || last.bytes().any(|b| b.is_ascii_digit())
        || url.query().is_some_and(|q| q.bytes().any(|b| b.is_ascii_digit()))
}

/// Whether a link leads to a file that hangs on a post.
pub(super) fn is_file(link: ElementRef<'_>, url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    let ending = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
    let volume =
        |ending: &str| ending.len() == 3 && ending.bytes().all(|b| b.is_ascii_digit()) || ending.starts_with("part");
    if ending.is_some_and(|ending| among(ending, FILES) || volume(ending)) {
        return true;
    }
    const HANGING: &str = "attachment attachments attach attachmentid aid attachedfile dlattach download downloads";
    const PICTURE: &str = "png jpg jpeg gif webp svg ico";
    let picture = ending.is_some_and(|ending| among(ending, PICTURE));
    !picture
        && (any(&address(url), HANGING) || any(&of(link), "attachment attachments attach"))
        && link.value().attr("href").is_some()
}

/// Whether a link on the page of a paste leads to its bytes.
pub(in crate::collect) fn raw_link(link: ElementRef<'_>, url: &Url, page: &Url) -> bool {
    let said = super::super::text::line_of(link, 64).to_lowercase();
    let says = |word: &str| {
        split(&said).iter().any(|w| w == word)
            || split(url.path()).iter().any(|w| w == word)
            || url.query_pairs().any(|(k, v)| k == word || v == word)
    };
    let raw = ["raw", "plain", "rohtext", "brut"].iter().any(|word| says(word))
        || (said.contains("plain") && said.contains("text"));
    // It must be of this paste, not of the one beside it.
    let last = page.path_segments().and_then(|mut s| s.rfind(|s| !s.is_empty())).unwrap_or_default();
    let key = last.split('.').next().unwrap_or_default();
    raw && url != page && !key.is_empty() && (url.path().contains(key) || url.query().is_some_and(|q| q.contains(key)))
}
