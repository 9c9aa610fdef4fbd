//! Pages and XML exports read back.

use proptest::prelude::*;

use crate::extract::testing::read;
use crate::model::SkipReason;

const TABLE: &str = "<table class=x><thead><tr><th>nom</th><th>mail</th></tr></thead><tr><td>L&#39;Hermite &amp; <b>fils</b></td>\
    <td><a href='mailto:a@x.example'>écrire</a></td></tr>\n<tr><td>Petit<td>b@x.example</table>";

#[test]
fn tables_of_pages_are_rows_and_the_rest_is_text() {
    let page = format!(
        "<!DOCTYPE html><html><head><title>dump</title></head><body><h1>Fresh</h1><p>Contact: s@x.example</p>{TABLE}<p>bye</p></body></html>"
    );
    let kept = read(page.as_bytes());
    assert_eq!(kept.headers(), [Some(vec!["nom", "mail"])]);
    assert_eq!(kept.cells()[0], ["L'Hermite & fils", "a@x.example écrire"]);
    assert_eq!(kept.cells()[1], ["Petit", "b@x.example"]);
    assert!(kept.text.contains("s@x.example") && kept.text.contains("bye"));
}

#[test]
fn samples_in_posts_are_read_as_what_they_are() {
    let rows: String = (0..6).map(|i| format!("Nom{i};u{i}@x.example;06123456{i:02}\n")).collect();
    for post in [
        format!("<div><p>fresh base</p><pre><code>{rows}</code></pre></div>"),
        format!("<div>fresh<br>{}</div>", rows.replace('\n', "<br/>\n")),
    ] {
        let kept = read(post.as_bytes());
        assert_eq!(kept.rows.len(), 6, "{post} {kept:?}");
        assert_eq!(kept.cells()[3], ["Nom3", "u3@x.example", "0612345603"]);
    }
}

#[test]
fn tables_within_tables_keep_their_rows() {
    let page = format!("<table><tr><td>menu</td><td>{TABLE}</td></tr><tr><td>foot</td><td>end</td></tr></table>");
    let kept = read(page.as_bytes());
    assert!(kept.cells().contains(&vec!["Petit", "b@x.example"]));
    assert!(kept.holds("menu") && kept.holds("foot"));
}

#[test]
fn xml_exports_are_rows_under_their_element_names() {
    let xml = "<?xml version=\"1.0\"?>\n<!-- x --><export date=\"2026\">\n<c:users>\n <user id=\"1\"><nom>L&apos;Hermite</nom><mail>a@x.example</mail>\
        <adresse><ville>Brest</ville></adresse></user>\n <user id=\"2\"><nom><![CDATA[Le <Goff>]]></nom><mail>b@x.example</mail><vide/></user>\n</c:users>\n</export>\n";
    let kept = read(xml.as_bytes());
    let rows: Vec<Vec<&str>> = kept
        .cells()
        .into_iter()
        .filter(|row| row.len() > 1)
        .map(|row| row.into_iter().filter(|c| !c.is_empty()).collect())
        .collect();
    assert_eq!(
        rows,
        [vec!["1", "L'Hermite", "a@x.example", "Brest"], vec!["2", "Le <Goff>", "b@x.example"]],
        "{kept:?}"
    );
}

#[test]
fn hostile_nesting_is_quick_and_recorded() {
    let page = format!("<html>{}", "<ul><li>".repeat((512 << 10) / 8));
    let started = std::time::Instant::now();
    let kept = read(page.as_bytes());
    assert_eq!(kept.reasons(), [SkipReason::Nesting]);
    // A tree builder takes minutes over this; the bound leaves room for a loaded machine without optimisation.
    assert!(started.elapsed().as_secs() < 5);
    let xml = format!("{}a@x.example{}", "<a>".repeat(50_000), "</a>".repeat(50_000));
    let kept = read(xml.as_bytes());
    assert!(kept.reasons().contains(&SkipReason::Nesting) && kept.holds("a@x.example"));
}

#[test]
fn angle_brackets_in_prose_are_no_markup() {
    for text in ["<nom> a@x.example\n", "a < b and c > d\n", "Jeanne Martin <jeanne@x.example>, Paul <p@x.example>\n"] {
        let kept = read(text.as_bytes());
        assert!(kept.holds("x.example") || kept.holds("a < b"), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever is written into the cells of a table comes back, resolved and trimmed.
    #[test]
    fn cells_are_read_back(rows in prop::collection::vec(prop::collection::vec("[ -~é]{1,12}", 3), 1..12)) {
        let escape = |v: &str| v.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let mut page = String::from("<table>");
        for row in &rows {
            page.push_str("<tr>");
            for cell in row {
                page.push_str(&format!("<td>{}</td>", escape(cell)));
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</table>");
        let kept = read(page.as_bytes());
        let expected: Vec<Vec<&str>> = rows.iter().map(|row| row.iter().map(|c| c.trim()).collect()).filter(|row: &Vec<&str>| row.iter().any(|c| !c.is_empty())).collect();
        let found: Vec<Vec<&str>> = kept.cells();
        prop_assert_eq!(found, expected);
    }

    /// The tokenizer accepts anything and ends.
    #[test]
    fn any_bytes_are_accepted(text in "[<>/!\\[\\]a-c=\"'& \\n-]{0,200}") {
        let _ = read(format!("<table>{text}").as_bytes());
        let _ = read(format!("<a><b>{text}</b></a>").as_bytes());
    }
}

#[test]
fn rows_of_tables_within_tables_within_tables_stay_apart() {
    let row = |n: usize| format!("<tr><td>nom{n}</td><td>u{n}@mail.example</td></tr>");
    let page = format!(
        "<html><table>{}<tr><td>x</td><td><table>{}{}<tr><td>y</td><td><table>{}</table></td></tr></table></td></tr></table>",
        row(1),
        row(2),
        row(3),
        row(4)
    );
    let kept = read(page.as_bytes());
    for n in 1..=4 {
        let cells = [format!("nom{n}"), format!("u{n}@mail.example")];
        assert_eq!(kept.rows.iter().filter(|(_, row)| *row == cells).count(), 1, "row {n}: {:?}", kept.rows);
    }
}

/// What a well-kept reader finds in a document: the values of attributes and the text of elements, without the blanks
/// around them.
fn values(document: &str) -> Vec<String> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(document);
    let (mut values, mut text) = (Vec::new(), String::new());
    loop {
        let event = reader.read_event().expect("the document is well-formed");
        match &event {
            Event::Text(part) => text.push_str(&part.decode().unwrap()),
            Event::CData(part) => text.push_str(&part.decode().unwrap()),
            Event::GeneralRef(name) => text.push(match name.resolve_char_ref().unwrap() {
                Some(c) => c,
                None => match &*name.decode().unwrap() {
                    "amp" => '&',
                    "lt" => '<',
                    "quot" => '"',
                    other => panic!("no entity {other} was written"),
                },
            }),
            _ => values.push(std::mem::take(&mut text)),
        }
        if let Event::Start(tag) | Event::Empty(tag) = &event {
            values.extend(tag.attributes().map(|a| {
                let value = String::from_utf8(a.unwrap().value.into_owned()).unwrap();
                value.replace("&lt;", "<").replace("&quot;", "\"").replace("&#233;", "é").replace("&amp;", "&")
            }));
        }
        if matches!(event, Event::Eof) {
            break;
        }
    }
    let mut values: Vec<String> =
        values.iter().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect();
    values.sort();
    values
}

/// Text as it may stand in a document, with its own signs written out.
fn content() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec!["a", "Zoé", "7", " ", "&amp;", "&lt;", "&quot;", "&#233;", "@x.example", "-"]),
        1..6,
    )
    .prop_map(|parts| parts.concat())
}

/// An element with text, marked data, attributes or elements in it.
fn element() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(vec!["nom", "mail", "x:tel", "ville"]);
    let leaf = prop_oneof![
        (name(), content()).prop_map(|(name, text)| format!("<{name}>{text}</{name}>")),
        (name(), "[a-zé@<>& ]{1,8}").prop_map(|(name, data)| format!("<{name}><![CDATA[{data}]]></{name}>")),
        (name(), content()).prop_map(|(name, value)| format!("<{name} a=\"{value}\" b='1'/>")),
        name().prop_map(|name| format!("<{name}/>")),
    ];
    leaf.prop_recursive(3, 24, 5, move |inner| {
        (name(), prop::collection::vec(inner, 1..5), any::<bool>()).prop_map(|(name, inner, comment)| {
            format!("<{name}>{}{}</{name}>", if comment { "<!-- x -->\n " } else { "" }, inner.concat())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Each value that another reader finds comes out once, and nothing else does.
    #[test]
    fn xml_gives_what_another_reader_finds(records in prop::collection::vec(element(), 1..6)) {
        let document = format!("<?xml version=\"1.0\"?>\n<export>{}</export>\n", records.concat());
        let kept = read(document.as_bytes());
        let mut found: Vec<String> = kept.rows.iter().flat_map(|(_, row)| row).map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect();
        found.extend(kept.text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()));
        // The name of an element among others of their own may be all that tells a record: it is a value too.
        found.retain(|value| !["nom", "mail", "tel", "ville"].contains(&value.as_str()));
        found.sort();
        prop_assert_eq!(found, values(&document), "{}", document);
    }
}
