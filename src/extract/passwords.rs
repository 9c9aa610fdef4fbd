//! Passwords of encrypted archives, as posters write them beside the link.

use crate::model::Sensitive;

use super::limits::MAX_PASSWORDS;

/// Words that announce a password, in the languages that are met.
const MARKS: [&str; 12] = [
    "password",
    "passwort",
    "passwd",
    "mot de passe",
    "contraseña",
    "contrasena",
    "пароль",
    "mdp",
    "pass",
    "pwd",
    "pw",
    "key",
];

/// The longest password looked for, in characters.
const MAX_LENGTH: usize = 64;

/// Strings of a text that may be the password of an archive posted with it: likeliest first, at most 16. To be put
/// into [`Limits::passwords`](super::Limits::passwords).
#[must_use]
pub fn passwords_in(text: &str) -> Vec<Sensitive<String>> {
    let mut found: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| line.len() < 4096) {
        candidates(line, &mut found);
    }
    // What archives in such places are locked with when nobody says.
    found.push("infected".to_owned());
    found.dedup();
    found.truncate(MAX_PASSWORDS);
    found.into_iter().map(Sensitive::new).collect()
}

fn candidates(line: &str, found: &mut Vec<String>) {
    let lower = line.to_lowercase();
    // Lower-casing may change lengths; then only the line itself is looked at.
    if lower.len() != line.len() {
        return;
    }
    for mark in MARKS {
        for (at, _) in lower.match_indices(mark) {
            let apart = lower[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
            let rest = line[at + mark.len()..].trim_start();
            let rest = rest.strip_prefix("is ").unwrap_or(rest);
            let Some(value) =
                rest.strip_prefix([':', '=', '-', '>', '→']).or_else(|| rest.strip_prefix('"').map(|_| rest))
            else {
                continue;
            };
            let value = value.trim_start_matches([':', '=', '-', '>', ' ', '\t']);
            if apart {
                push(value, found);
            }
        }
    }
}

/// The word that follows a mark, without the quotes and marks of markup around it; and all of the line, which it is
/// when a password has blanks.
fn push(value: &str, found: &mut Vec<String>) {
    let bare = |text: &str| text.trim_matches(['"', '\'', '`', '*', '«', '»', '“', '”', ' ']).to_owned();
    let word: String = value.split_whitespace().next().unwrap_or_default().chars().take(MAX_LENGTH).collect();
    let word = word.split_once('[').map_or(word.as_str(), |(head, _)| head);
    for candidate in [bare(word), word.to_owned(), bare(value)] {
        let fits = !candidate.is_empty() && candidate.chars().count() <= MAX_LENGTH;
        if fits && !found.contains(&candidate) {
            found.push(candidate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_found_behind_their_marks() {
        for (text, expected) in [
            ("Download below. Password: s3cret!", "s3cret!"),
            ("[b]mot de passe :[/b] x\nmdp = \"azerty 123\"", "azerty 123"),
            ("pass -> hunter2[/code]", "hunter2"),
            ("nothing here", "infected"),
        ] {
            assert!(passwords_in(text).iter().any(|p| p.expose() == expected), "{text}");
        }
        assert!(passwords_in(&"pass: a b c\n".repeat(1000)).len() <= 16);
        assert!(!passwords_in("compass: north").iter().any(|p| p.expose() == "north"));
    }
}
