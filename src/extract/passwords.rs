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
    // What looks like a tag may belong to the password: the text as it stands is looked through too.
    for text in [without_tags(text).as_str(), text] {
        let lines: Vec<&str> = text.lines().filter(|line| line.len() < 4096).collect();
        for (at, line) in lines.iter().enumerate() {
            let next = lines[at + 1..].iter().map(|line| line.trim()).find(|line| !line.is_empty());
            candidates(line, next, &mut found);
        }
    }
    // What archives in such places are locked with when nobody says.
    found.push("infected".to_owned());
    found.dedup();
    found.truncate(MAX_PASSWORDS);
    found.into_iter().map(Sensitive::new).collect()
}

/// The text as a reader sees it: without the tags of HTML and of boards (which begin lines of their own where they say
/// so), with the few entities that passwords hold.
fn without_tags(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '[']) {
        let (before, tag) = rest.split_at(at);
        bare.push_str(before);
        let close = if tag.starts_with('<') { '>' } else { ']' };
        let inner = tag[1..].split_once(close).map(|(inner, _)| inner).filter(|inner| is_tag(inner));
        match inner {
            Some(inner) => {
                let name = inner.trim_start_matches('/').to_ascii_lowercase();
                let breaks = ["br", "p", "div", "li", "code", "quote", "pre", "spoiler", "tr"];
                if breaks.iter().any(|word| name.split([' ', '=', '/']).next() == Some(word)) {
                    bare.push('\n');
                }
                rest = &tag[inner.len() + 2..];
            }
            None => {
                bare.push_str(&tag[..1]);
                rest = &tag[1..];
            }
        }
    }
    bare.push_str(rest);
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")]
        .iter()
        .fold(bare, |text, (entity, character)| text.replace(entity, character))
}

fn is_tag(inner: &str) -> bool {
    let name = inner.trim_start_matches('/');
    inner.len() < 256 && !inner.contains('\n') && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// The passwords that a line announces; `next` is the line behind it, where it ends with the mark.
fn candidates(line: &str, next: Option<&str>, found: &mut Vec<String>) {
    let lower = line.to_lowercase();
    // Lower-casing may change lengths; then only the line itself is looked at.
    if lower.len() != line.len() {
        return;
    }
    for mark in MARKS {
        for (at, _) in lower.match_indices(mark) {
            if lower[..at].chars().next_back().is_some_and(char::is_alphanumeric) {
                continue;
            }
            let rest = line[at + mark.len()..].trim_start();
            let said = ["is ", "est "].iter().find_map(|word| rest.strip_prefix(word));
            let marked = |c: char| matches!(c, ':' | '=' | '-' | '>' | '→');
            let value = rest.trim_start_matches(|c: char| marked(c) || c.is_whitespace());
            if value.is_empty() {
                if let Some(next) = next {
                    push(next, found);
                }
            } else if let Some(said) = said {
                push(said.trim_start_matches(|c: char| marked(c) || c == ' '), found);
            } else if rest.starts_with(marked) || rest.starts_with(['"', '\'', '`', '«', '“']) {
                push(value, found);
            }
        }
    }
}

/// The word that follows a mark, without the quotes and marks of markup around it; and all of the line, which it is
/// when a password has blanks.
fn push(value: &str, found: &mut Vec<String>) {
    let bare = |text: &str| text.trim_matches(['"', '\'', '`', '*', '«', '»', '“', '”', ' ']).to_owned();
    let word = value.split_whitespace().next().unwrap_or_default();
    // A sentence ends with a point that is not the password's; which it is, only trying tells.
    let ended = word.trim_end_matches(['.', ',', ';']);
    for candidate in [bare(word), word.to_owned(), bare(ended), bare(value)] {
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
            ("<p>Password: <b>a&amp;b</b></p>", "a&b"),
            ("Password:<br/>\nnext-line", "next-line"),
            ("the password is open sesame", "open sesame"),
            ("Le mot de passe est ouvert.", "ouvert"),
            ("pass: [SEC]ret1", "[SEC]ret1"),
            ("nothing here", "infected"),
        ] {
            assert!(passwords_in(text).iter().any(|p| p.expose() == expected), "{text}");
        }
        assert!(passwords_in(&"pass: a b c\n".repeat(1000)).len() <= 16);
        assert!(!passwords_in("pass on the word").iter().any(|p| p.expose() == "on"));
        assert!(!passwords_in("compass: north").iter().any(|p| p.expose() == "north"));
    }
}
