//! What stands around a value must not hide it: every kind of strong value, in running text, between every pair of
//! neighbours that posts put around values.

use std::collections::BTreeSet;

use super::{KINDS, STRONG, System, engine, matcher, person};
use vigie::model::FieldKind;

/// What stands before a value, and after it.
const AROUND: [(&str, &str); 34] = [
    ("", ""),
    ("\"", "\""),
    ("'", "'"),
    ("`", "`"),
    ("“", "”"),
    ("« ", " »"),
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("<", ">"),
    ("", ";"),
    (";", ";"),
    ("|", "|"),
    ("| ", " |"),
    ("=", ""),
    ("value=\"", "\""),
    ("x: ", ""),
    ("x:", ""),
    ("", ":"),
    ("", "."),
    ("", "..."),
    ("", ","),
    ("", "!"),
    ("", "?)"),
    ("- ", ""),
    ("* ", " *"),
    ("→ ", ""),
    ("\t", "\t"),
    ("\u{a0}", "\u{a0}"),
    ("[b]", "[/b]"),
    ("[code]", "[/code]"),
    ("[i][b]", "[/b][/i]"),
    ("&quot;", "&quot;"),
    ("&lt;", "&gt;"),
];

#[test]
fn no_punctuation_around_a_value_loses_the_match() {
    let system = System { people: (0..400).collect(), fields: (0..STRONG).chain([5, 6]).collect() };
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), &[system]);
    let mut lost = Vec::new();
    for (field, kind) in KINDS.iter().enumerate().take(STRONG) {
        // A bare login is a word like any other in running text.
        if *kind == FieldKind::Username {
            continue;
        }
        for (before, after) in AROUND {
            let mut document = String::from("this is what was taken, more of it next week\n\n");
            for no in 100..130 {
                let person = person(no);
                document += &format!("{} {} {before}{}{after}\n", person[6], person[5], person[field]);
            }
            let found = engine(&matcher, "post.txt", &document).remove(&System::id(0)).unwrap_or_default();
            let there: BTreeSet<String> = (100..130).map(|no| System::reference(0, no)).collect();
            if found != there {
                lost.push(format!("{kind:?} between {before:?} and {after:?}: {} of 30", found.len()));
            }
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}
