//! Where a value stands on a page, and taking it from there.
//!
//! A [`Pick`] is written once in a site's definition and used on pages made by strangers: it can only take text. It
//! never decides what is fetched; a URL made from it goes through the policy of the site like any other.

use regex::Regex;
use scraper::{ElementRef, Html, Selector};
use serde_json::Value;

use super::settings::raw::RawPick;
use super::text;

/// The longest value taken for anything but content, in bytes: titles, keys, addresses.
const MAX_VALUE: usize = 4096;

/// Which kind of page a pick is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Selectors.
    Html,
    /// Paths.
    Json,
}

/// A checked place of a value.
#[derive(Debug, Clone)]
pub struct Pick {
    place: Place,
    pattern: Option<Regex>,
    template: Option<Template>,
    /// Date format of this value, tried first.
    pub format: Option<String>,
    html: bool,
}

#[derive(Debug, Clone)]
enum Place {
    Html {
        selector: Option<Selector>,
        attribute: Option<String>,
    },
    Json(JsonPath),
    /// The template says it all.
    Nowhere,
}

/// The thing on a page that values are taken from.
#[derive(Clone, Copy)]
pub enum Node<'a> {
    /// An element.
    Html(ElementRef<'a>),
    /// A value, and the key it stands under.
    Json(&'a Value, Option<&'a str>),
}

/// Values found earlier that templates can name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// `{id}`.
    pub id: Option<&'a str>,
    /// `{url}`.
    pub url: Option<&'a str>,
}

impl Pick {
    /// Checks a written pick.
    pub fn new(raw: &RawPick, on: On) -> Result<Self, String> {
        let long = match raw {
            RawPick::Short(short) if short.contains('{') => {
                super::settings::raw::RawPickTable { template: Some(short.clone()), ..Default::default() }
            }
            RawPick::Short(short) => super::settings::raw::RawPickTable { at: short.clone(), ..Default::default() },
            RawPick::Long(long) => long.clone(),
        };
        let template = long.template.as_deref().map(|t| Template::new(t, on)).transpose()?;
        let names_value = template.as_ref().is_none_or(Template::names_value);
        let place = match on {
            _ if !names_value && long.at.is_empty() => Place::Nowhere,
            On::Html => html_place(&long.at)?,
            On::Json => Place::Json(JsonPath::new(&long.at)?),
        };
        let pattern = long.pattern.as_deref().map(bounded_regex).transpose()?;
        Ok(Self { place, pattern, template, format: long.format, html: long.html.unwrap_or(false) })
    }

    /// All values, in the order of the page.
    #[must_use]
    pub fn all(&self, node: Node<'_>, known: Known<'_>) -> Vec<String> {
        let found = match (&self.place, node) {
            (Place::Nowhere, _) => vec![String::new()],
            (Place::Html { selector, attribute }, Node::Html(item)) => {
                html_values(item, selector.as_ref(), attribute.as_deref())
            }
            (Place::Json(path), Node::Json(item, key)) => path.texts(item, key),
            _ => Vec::new(),
        };
        found.into_iter().filter_map(|value| self.finish(&value, node, known)).collect()
    }

    /// The first value.
    #[must_use]
    pub fn first(&self, node: Node<'_>, known: Known<'_>) -> Option<String> {
        self.all(node, known).into_iter().next()
    }

    fn finish(&self, value: &str, node: Node<'_>, known: Known<'_>) -> Option<String> {
        let value = value.trim();
        let value = match &self.pattern {
            Some(pattern) => {
                let found = pattern.captures(value)?;
                found.get(1).or_else(|| found.get(0))?.as_str().trim()
            }
            None => value,
        };
        let value = match &self.template {
            Some(template) => template.fill(value, node, known)?,
            None => value.to_owned(),
        };
        (!value.is_empty()).then(|| text::cut(&value, MAX_VALUE).to_owned())
    }

    /// The content found here, whole: text as it would be read on the page, line by line.
    #[must_use]
    pub fn content(&self, node: Node<'_>) -> Option<String> {
        let found = match (&self.place, node) {
            (Place::Html { selector: Some(selector), attribute: None }, Node::Html(item)) => {
                // Nested matches (a quoted body within a body) are part of the outer one.
                let mut parts: Vec<ElementRef<'_>> = Vec::new();
                for found in item.select(selector) {
                    if !found.ancestors().any(|a| parts.iter().any(|p| p.id() == a.id())) {
                        parts.push(found);
                    }
                }
                parts.into_iter().map(text::of_element).collect::<Vec<_>>()
            }
            (Place::Html { selector: None, attribute: None }, Node::Html(item)) => vec![text::of_element(item)],
            (Place::Html { selector, attribute }, Node::Html(item)) => {
                html_values(item, selector.as_ref(), attribute.as_deref())
            }
            (Place::Json(path), Node::Json(item, key)) => {
                let texts = path.texts(item, key);
                if self.html { texts.iter().map(|html| text::of_fragment(html)).collect() } else { texts }
            }
            _ => Vec::new(),
        };
        if found.is_empty() { None } else { Some(found.join("\n")) }
    }

    /// Where the links within the content found here lead, as written; at most as many as are ever looked at.
    #[must_use]
    pub fn hrefs(&self, node: Node<'_>) -> Vec<String> {
        const MAX: usize = 500;
        let (Place::Html { selector, attribute: None }, Node::Html(item)) = (&self.place, node) else {
            return Vec::new();
        };
        let anchors = Selector::parse("a[href]").expect("a constant selector");
        let within = selector.as_ref().map_or_else(|| vec![item], |selector| item.select(selector).collect());
        let links = within.iter().flat_map(|part| part.select(&anchors)).filter_map(|a| a.value().attr("href"));
        links.take(MAX).map(str::to_owned).collect()
    }

    /// The items found here.
    #[must_use]
    pub fn items<'a>(&self, node: Node<'a>) -> Vec<Node<'a>> {
        match (&self.place, node) {
            (Place::Html { selector: Some(selector), .. }, Node::Html(item)) => {
                item.select(selector).map(Node::Html).collect()
            }
            (Place::Json(path), Node::Json(item, key)) => path.items(item, key),
            _ => vec![node],
        }
    }
}

/// The root of a parsed page.
pub fn root(html: &Html) -> Node<'_> {
    Node::Html(html.root_element())
}

/// A regular expression with a bound on its size: definitions may come from people one does not know well.
pub fn bounded_regex(pattern: &str) -> Result<Regex, String> {
    let built = regex::RegexBuilder::new(pattern).size_limit(1 << 20).build();
    built.map_err(|_| {
        format!("`{pattern}` is not a regular expression; hint: syntax of the regex crate, no look-around")
    })
}

fn html_place(at: &str) -> Result<Place, String> {
    let attribute_name = |a: &str| !a.is_empty() && a.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let (selector, attribute) = match at.rsplit_once('@') {
        Some((selector, attribute)) if attribute_name(attribute) => (selector, Some(attribute.to_owned())),
        _ => (at, None),
    };
    let selector = selector.trim();
    let selector = match selector {
        "" => None,
        css => Some(
            Selector::parse(css)
                .map_err(|e| format!("`{css}` is not a selector ({e}); hint: CSS, `a@href` for an attribute"))?,
        ),
    };
    Ok(Place::Html { selector, attribute })
}

fn html_values(item: ElementRef<'_>, selector: Option<&Selector>, attribute: Option<&str>) -> Vec<String> {
    let value = |element: ElementRef<'_>| match attribute {
        Some(name) => element.value().attr(name).map(str::to_owned),
        None => Some(text::line_of(element, MAX_VALUE)),
    };
    match selector {
        Some(selector) => item.select(selector).filter_map(value).collect(),
        None => value(item).into_iter().collect(),
    }
}

/// A path into a JSON value: names separated by dots, `*` for every member, a number for a place, `$key` for the key
/// that the item stands under, empty for the value itself. A name with a dot is written in quotes.
#[derive(Debug, Clone)]
struct JsonPath(Vec<Step>);

#[derive(Debug, Clone)]
enum Step {
    Name(String),
    Every,
    Key,
}

impl JsonPath {
    fn new(path: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = path.trim();
        while !rest.is_empty() {
            let step;
            if let Some(quoted) = rest.strip_prefix('"') {
                let (name, after) =
                    quoted.split_once('"').ok_or_else(|| format!("`{path}` has an open quote; hint: close it"))?;
                (step, rest) = (name, after.strip_prefix('.').unwrap_or(after));
            } else {
                (step, rest) = rest.split_once('.').unwrap_or((rest, ""));
            }
            steps.push(match step {
                "" => return Err(format!("`{path}` has an empty step; hint: names separated by single dots")),
                "*" => Step::Every,
                "$key" if rest.is_empty() => Step::Key,
                name => Step::Name(name.to_owned()),
            });
        }
        Ok(Self(steps))
    }

    fn items<'a>(&self, value: &'a Value, key: Option<&'a str>) -> Vec<Node<'a>> {
        let found = self.walk(value, key);
        // A path to an array or object means its members.
        match found.as_slice() {
            [(Value::Array(members), _)] => members.iter().map(|m| Node::Json(m, None)).collect(),
            [(Value::Object(members), _)] if self.means_members() => {
                members.iter().map(|(k, v)| Node::Json(v, Some(k))).collect()
            }
            _ => found.into_iter().map(|(value, key)| Node::Json(value, key)).collect(),
        }
    }

    fn means_members(&self) -> bool {
        !matches!(self.0.last(), Some(Step::Every))
    }

    fn walk<'a>(&self, value: &'a Value, key: Option<&'a str>) -> Vec<(&'a Value, Option<&'a str>)> {
        let mut here = vec![(value, key)];
        for step in &self.0 {
            here = here.into_iter().flat_map(|(value, key)| one_step(step, value, key)).collect();
        }
        here
    }

    fn texts(&self, value: &Value, key: Option<&str>) -> Vec<String> {
        if let [Step::Key] = self.0.as_slice() {
            return key.map(str::to_owned).into_iter().collect();
        }
        let mut texts = Vec::new();
        for (value, _) in self.walk(value, key) {
            match value {
                Value::Array(members) => texts.extend(members.iter().filter_map(scalar)),
                other => texts.extend(scalar(other)),
            }
        }
        texts
    }
}

fn one_step<'a>(step: &Step, value: &'a Value, key: Option<&'a str>) -> Vec<(&'a Value, Option<&'a str>)> {
    match (step, value) {
        (Step::Name(name), Value::Object(members)) => {
            members.get_key_value(name).map(|(k, v)| (v, Some(k.as_str()))).into_iter().collect()
        }
        (Step::Name(name), Value::Array(members)) => {
            name.parse().ok().and_then(|n: usize| members.get(n)).map(|v| (v, None)).into_iter().collect()
        }
        (Step::Every, Value::Object(members)) => members.iter().map(|(k, v)| (v, Some(k.as_str()))).collect(),
        (Step::Every, Value::Array(members)) => members.iter().map(|v| (v, None)).collect(),
        (Step::Key, _) => vec![(value, key)],
        _ => Vec::new(),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Text with places for values: `https://paste.example/raw/{id}`.
#[derive(Debug, Clone)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Value,
    Id,
    Url,
    Path(JsonPath),
}

impl Template {
    /// Checks a written template.
    pub fn new(text: &str, on: On) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) =
                after.split_once('}').ok_or_else(|| format!("`{text}` has an open brace; hint: close it"))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(match (name, on) {
                ("value", _) => Part::Value,
                ("id", _) => Part::Id,
                ("url", _) => Part::Url,
                (path, On::Json) => Part::Path(JsonPath::new(path)?),
                (name, On::Html) => {
                    return Err(format!("`{{{name}}}` is not known; hint: {{id}}, {{url}} or {{value}}"));
                }
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    fn names_value(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Value))
    }

    /// The text with the values in their places; nothing when one is missing or would lead elsewhere.
    #[must_use]
    pub fn fill(&self, value: &str, node: Node<'_>, known: Known<'_>) -> Option<String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Value => filled.push_str(value),
                Part::Url => filled.push_str(known.url?),
                Part::Id => filled.push_str(&segment(known.id?)?),
                Part::Path(path) => {
                    let Node::Json(item, key) = node else { return None };
                    filled.push_str(&segment(path.texts(item, key).first()?)?);
                }
            }
        }
        Some(filled)
    }

    /// The same without a page at hand: `{id}` and `{url}` only.
    #[must_use]
    pub fn fill_known(&self, known: Known<'_>) -> Option<String> {
        self.fill("", Node::Json(&Value::Null, None), known)
    }
}

/// A site's own key as part of an address. Keys are the site's to choose: one that climbs out of its folder could
/// make a request of ours that nobody meant (a deletion by GET, for one).
fn segment(value: &str) -> Option<String> {
    if value.split('/').any(|s| matches!(s, "." | "..")) {
        return None;
    }
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => encoded.push(byte.into()),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    Some(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(text: &str, on: On) -> Pick {
        Pick::new(&RawPick::Short(text.into()), on).unwrap()
    }

    #[test]
    fn html_values_are_taken_by_selector_and_attribute() {
        let page = Html::parse_document(
            r#"<div class=row data-n=7><a class=t href="/t/1?x=a@b">A  <b>title</b>
            here</a><time datetime="2026-01-02">x</time></div>"#,
        );
        let item = pick("div.row", On::Html).items(root(&page))[0];
        let first = |p: &str| pick(p, On::Html).first(item, Known::default());
        assert_eq!(first("a.t").unwrap(), "A title here");
        assert_eq!(first("a.t@href").unwrap(), "/t/1?x=a@b");
        assert_eq!(first("a[href*=\"a@b\"]").unwrap(), "A title here");
        assert_eq!(first("@data-n").unwrap(), "7");
        assert_eq!(first(".missing"), None);
    }

    #[test]
    fn json_paths_reach_members_keys_and_scalars() {
        let value: Value =
            serde_json::from_str(r#"{"a.b":1,"items":{"k1":{"f":{"x":{"u":"1"},"y":{"u":"2"}}},"k2":{}}}"#).unwrap();
        let node = Node::Json(&value, None);
        assert_eq!(pick("\"a.b\"", On::Json).first(node, Known::default()).unwrap(), "1");
        let items = pick("items", On::Json).items(node);
        assert_eq!(items.len(), 2);
        assert_eq!(pick("$key", On::Json).first(items[0], Known::default()).unwrap(), "k1");
        assert_eq!(pick("f.*.u", On::Json).all(items[0], Known::default()), ["1", "2"]);
        assert!(pick("f.*.u", On::Json).all(items[1], Known::default()).is_empty());
    }

    #[test]
    fn a_template_cannot_be_led_elsewhere() {
        let raw = pick("https://p.example/raw/{id}", On::Html);
        let page = Html::parse_document("");
        let with = |id| raw.first(root(&page), Known { id: Some(id), url: None });
        assert_eq!(with("a b?x#y").unwrap(), "https://p.example/raw/a%20b%3Fx%23y");
        assert_eq!(with("../delete/1"), None);
        assert_eq!(raw.first(root(&page), Known::default()), None);
    }

    #[test]
    fn a_pattern_takes_its_group() {
        let long = RawPick::Long(super::super::settings::raw::RawPickTable {
            at: "a@href".into(),
            pattern: Some(r"[?&]t=(\d+)".into()),
            ..Default::default()
        });
        let page = Html::parse_document("<a href='./viewtopic.php?f=2&t=31&sid=abc'>x</a><a href='/other'>y</a>");
        assert_eq!(Pick::new(&long, On::Html).unwrap().all(root(&page), Known::default()), ["31"]);
    }

    #[test]
    fn malformed_picks_are_refused() {
        for (bad, on) in
            [("a[", On::Html), ("x..y", On::Json), ("{nope}", On::Html), ("{open", On::Json), ("\"open", On::Json)]
        {
            assert!(Pick::new(&RawPick::Short(bad.into()), on).is_err(), "{bad}");
        }
    }
}
