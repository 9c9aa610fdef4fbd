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
