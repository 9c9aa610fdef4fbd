//! HTML to the text a reader would see: lines where the page breaks lines, tabs between the cells of a table.
//!
//! A dump pasted into a forum post is rows of text; what makes it rows on the page (`<br>`, `<p>`, `<li>`, `<tr>`,
//! `<pre>`) must still make it rows here, or nothing behind can find them.

use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use scraper::{ElementRef, Html, Node};

/// Elements that begin and end a line.
const BLOCKS: [&str; 36] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "legend",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tr",
    "ul",
];
/// Elements whose text is not shown.
const HIDDEN: [&str; 4] = ["script", "style", "template", "head"];

/// The text below an element.
#[must_use]
pub fn of_element(element: ElementRef<'_>) -> String {
    of_parts(&[element], &|_| false)
}

/// The text below elements, each on lines of its own, without the parts that `without` names.
#[must_use]
pub fn of_parts(parts: &[ElementRef<'_>], without: &dyn Fn(NodeId) -> bool) -> String {
    let mut out = Lines::default();
    for part in parts {
        let hides = |node: NodeRef<'_, Node>| {
            let named = matches!(node.value(), Node::Element(e) if HIDDEN.contains(&e.name()));
            named || (node.id() != part.id() && without(node.id()))
        };
        let (mut hidden, mut pre) = (0_usize, 0_usize);
        out.broken = true;
        for edge in part.traverse() {
            match edge {
                Edge::Open(node) => match node.value() {
                    Node::Text(text) if hidden == 0 => out.push(text, pre > 0),
                    Node::Element(_) if hides(node) => hidden += 1,
                    Node::Element(e) if hidden == 0 => {
                        pre += usize::from(matches!(e.name(), "pre" | "textarea"));
                        out.open(e.name());
                    }
                    _ => {}
                },
                Edge::Close(node) => {
                    let Node::Element(e) = node.value() else { continue };
                    if hides(node) {
                        hidden -= 1;
                    } else if hidden == 0 {
                        pre -= usize::from(matches!(e.name(), "pre" | "textarea"));
                        out.close(e.name());
                    }
                }
            }
        }
    }
    out.finish()
}

/// The text of a piece of HTML from a feed or a JSON value.
#[must_use]
pub fn of_fragment(html: &str) -> String {
    let (bounded, _) = super::prepass::bounded(html.as_bytes(), Some("text/html; charset=utf-8"));
    of_element(Html::parse_fragment(&bounded).root_element())
}

/// The text below an element on one line, white space collapsed, at most `max` bytes.
#[must_use]
pub fn line_of(element: ElementRef<'_>, max: usize) -> String {
    let mut line = String::new();
    for piece in element.text() {
        if line.len() > 4 * max {
            break;
        }
        line.push_str(piece);
    }
    cut(&collapse(&line), max).to_owned()
}

/// At most `max` bytes of `text`, cut at a character.
#[must_use]
pub fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text being laid out.
#[derive(Default)]
struct Lines {
    out: String,
    /// A line break is due before the next text.
    broken: bool,
    /// White space is due before the next text on this line.
    spaced: bool,
}

impl Lines {
    fn push(&mut self, text: &str, preformatted: bool) {
        if preformatted {
            self.settle();
            self.out.push_str(text);
            self.spaced = false;
            return;
        }
        for piece in text.split_inclusive(|c: char| c.is_ascii_whitespace()) {
            let word = piece.trim_end_matches(|c: char| c.is_ascii_whitespace());
            if !word.is_empty() {
                self.settle();
                self.out.push_str(word);
            }
            self.spaced |= word.len() < piece.len();
        }
    }

    /// Writes the break or blank that is due.
    fn settle(&mut self) {
        if self.broken && !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        } else if self.spaced && !self.broken && !self.out.is_empty() && !self.out.ends_with(['\n', '\t']) {
            self.out.push(' ');
        }
        (self.broken, self.spaced) = (false, false);
    }

    fn open(&mut self, name: &str) {
        if name == "br" {
            self.settle();
            self.out.push('\n');
        } else if BLOCKS.contains(&name) {
            self.broken = true;
        }
    }

    fn close(&mut self, name: &str) {
        if matches!(name, "td" | "th") {
            // Empty cells count: columns must stay columns.
            self.settle();
            self.out.push('\t');
        } else if name == "tr" {
            if self.out.ends_with('\t') {
                self.out.pop();
            }
            self.broken = true;
        } else if BLOCKS.contains(&name) {
            self.broken = true;
        }
    }

    fn finish(mut self) -> String {
        let end = self.out.trim_end_matches(['\n', ' ', '\t']).len();
        self.out.truncate(end);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_lines_is_lines() {
        let html = "<div>Fresh  dump:<br>a@x.example;Ann<br>\n b@x.example;Bob<p>more</p>tail</div>";
        assert_eq!(of_fragment(html), "Fresh dump:\na@x.example;Ann\nb@x.example;Bob\nmore\ntail");
    }

    #[test]
    fn tables_keep_their_columns() {
        let html = "<table><tr><th>mail</th><th>name</th><th>city</th></tr><tr><td>a@x.example</td><td></td><td>Lyon</td></tr></table>";
        assert_eq!(of_fragment(html), "mail\tname\tcity\na@x.example\t\tLyon");
    }

    #[test]
    fn preformatted_text_stays_as_it_is() {
        assert_eq!(of_fragment("x<pre>a;b\n c;;d\n</pre>y"), "x\na;b\n c;;d\ny");
    }

    #[test]
    fn what_is_not_shown_is_not_read() {
        assert_eq!(of_fragment("a<script>b</script><style>c</style><!-- d --> e"), "a e");
    }
}
