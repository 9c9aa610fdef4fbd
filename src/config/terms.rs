//! `terms.toml`: a term watchlist, read and checked, with the files of rules and examples that it names. What is a match,
//! and the limits of a pattern or rule, are the affair of `matching`.

use std::fmt;
use std::path::{Component, Path};

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::document::{Document, Section, Text, closest};
use super::problem::{Problem, Problems};
use super::watchlist::checked_id;
use crate::matching::check_rules;
use crate::model::{Example, Pap, RuleText, Severity, SystemId, TermWatchlist, Tlp};

/// The name of the file within a term watchlist's folder.
pub const TERMS_FILE: &str = "terms.toml";

/// `terms.toml` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    /// The watchlist's identifier; the same as the folder's name.
    id: Option<SystemId>,
    /// Its name in words. Default: the identifier.
    name: Option<String>,
    /// `low`, `medium`, `high` or `critical`. Default: `medium`.
    severity: Severity,
    /// `clear`, `green`, `amber`, `amber+strict` or `red`. Default: `amber`.
    tlp: Tlp,
    /// What those may do with it: `clear`, `green`, `amber`, `red`. Default: `amber`.
    pap: Pap,
    /// Words and phrases, matched as whole words without regard to case.
    words: Vec<String>,
    /// Regular expressions.
    regexes: Vec<String>,
    /// YARA rules: names of files in the folder (`rules.yar`), or rules as they stand.
    yara: Vec<String>,
    /// Made-up texts in which the watchlist must match.
    examples: Vec<RawExample>,
    /// Made-up texts in which it must not.
    counter_examples: Vec<RawExample>,
}

/// An example: a text by itself, or a table.
#[derive(Debug, Default)]
struct RawExample(ExampleTable);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExampleTable {
    /// The text.
    text: Option<String>,
    /// The name of a file in the folder that holds the text.
    file: Option<String>,
    /// The words, patterns and rules that must match, or must not. Default: any of them must, none of them may.
    terms: Vec<String>,
}

impl<'de> Deserialize<'de> for RawExample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrTable;
        impl<'de> Visitor<'de> for TextOrTable {
            type Value = RawExample;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a table with `text` or `file`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<RawExample, E> {
                Ok(RawExample(ExampleTable { text: Some(text.to_owned()), ..ExampleTable::default() }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawExample, A::Error> {
                ExampleTable::deserialize(MapAccessDeserializer::new(map)).map(RawExample)
            }
        }
        deserializer.deserialize_any(TextOrTable)
    }
}

/// The shortest word that is accepted: shorter ones stand in every text.
const MIN_WORD: usize = 3;

/// Reads the term watchlist in `folder`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_term_watchlist(folder: &Path) -> Result<TermWatchlist, Problems> {
    parse_term_watchlist(folder, &Text::open(&folder.join(TERMS_FILE))?)
}

/// The same for a text that may not stand there yet.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_term_watchlist(folder: &Path, text: &Text) -> Result<TermWatchlist, Problems> {
    let document = text.parse();
    let root = document.root();
    let raw: Raw = root.read();
    for (i, word) in raw.words.iter().enumerate() {
        if word.trim().chars().count() < MIN_WORD {
            root.problem(
                &format!("words.{i}"),
                format!("`{word}` is too short to mean anything; hint: at least {MIN_WORD} characters, or a regex"),
            );
        }
    }
    for (i, pattern) in raw.regexes.iter().enumerate() {
        if let Err(reason) = check_regex(pattern) {
            root.problem(&format!("regexes.{i}"), reason);
        }
    }
    if ["words", "regexes", "yara"].iter().all(|key| !root.has(key)) {
        root.problem("", "no terms; hint: write words = [\"…\"], regexes = ['…'] or yara = [\"rules.yar\"]");
    }
    let (yara, sound) = rules(&document, folder, &raw.yara);
    let mut terms: Vec<&str> = raw.words.iter().map(|word| word.trim()).collect();
    terms.extend(raw.regexes.iter().chain(yara.iter().flat_map(|text| &text.rules)).map(String::as_str));
    // What faulty rules are called is not known.
    let terms = sound.then_some(&terms[..]);
    let examples = examples(root, folder, ("examples", &raw.examples), terms);
    let counter_examples = self::examples(root, folder, ("counter_examples", &raw.counter_examples), terms);
    let id = checked_id(root, folder, raw.id);
    document.into_problems().or_ok(|| {
        let id = id.expect("an identifier that is missing is a problem");
        TermWatchlist {
            name: raw.name.unwrap_or_else(|| id.to_string()),
            id,
            severity: raw.severity,
            tlp: raw.tlp,
            pap: raw.pap,
            words: raw.words,
            regexes: raw.regexes,
            yara,
            examples,
            counter_examples,
        }
    })
}

/// The text of a file in the watchlist's folder. What is wrong is a problem of the setting that names it.
fn beside(root: Section<'_>, folder: &Path, setting: &str, name: &str) -> Option<String> {
    if Path::new(name).components().any(|part| !matches!(part, Component::Normal(_))) || name.is_empty() {
        root.problem(setting, format!("`{name}` is no file in this folder; hint: put it beside {TERMS_FILE}"));
        return None;
    }
    match Text::open(&folder.join(name)) {
        Ok(text) => Some(text.as_str().to_owned()),
        Err(problems) => {
            problems.iter().for_each(|problem| root.problem(setting, format!("`{name}` {}", problem.message)));
            None
        }
    }
}

/// The rules that `yara` names or holds, with their names if all is well with them, and whether it is.
fn rules(document: &Document<'_>, folder: &Path, entries: &[String]) -> (Vec<RuleText>, bool) {
    let root = document.root();
    let mut texts = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        let (file, text) = if entry.contains('{') {
            (TERMS_FILE, Some(entry.clone()))
        } else {
            (entry.as_str(), beside(root, folder, &format!("yara.{i}"), entry))
        };
        texts.extend(text.map(|text| (i, RuleText { file: file.to_owned(), text, rules: Vec::new() })));
    }
    if texts.is_empty() {
        return (Vec::new(), entries.is_empty());
    }
    let mut sound = texts.len() == entries.len();
    let sources: Vec<&str> = texts.iter().map(|(_, rules)| rules.text.as_str()).collect();
    match check_rules(&sources) {
        Ok(names) => texts.iter_mut().zip(names).for_each(|((_, text), names)| text.rules = names),
        Err(problems) => {
            sound = false;
            for (text, problem) in problems {
                let (i, rules) = &texts[text];
                if rules.file == TERMS_FILE {
                    let place = problem.line.map_or(String::new(), |line| format!("line {line} of it: "));
                    root.problem(&format!("yara.{i}"), format!("{place}{}", problem.message));
                } else {
                    let file = folder.join(&rules.file);
                    document.elsewhere(Problem { file, line: problem.line, message: problem.message });
                }
            }
        }
    }
    (texts.into_iter().map(|(_, rules)| rules).collect(), sound)
}

/// The examples of one kind, each with its text.
fn examples(
    root: Section<'_>,
    folder: &Path,
    (key, raw): (&str, &[RawExample]),
    terms: Option<&[&str]>,
) -> Vec<Example> {
    let mut examples = Vec::new();
    for (i, RawExample(example)) in raw.iter().enumerate() {
        for term in &example.terms {
            if let Some(terms) = terms.filter(|terms| !terms.contains(&term.as_str())) {
                let near = closest(term, terms).map(|near| format!("did you mean `{near}`?"));
                let hint = near.unwrap_or_else(|| "name a word, a pattern or a rule of this watchlist".to_owned());
                root.problem(&format!("{key}.{i}.terms"), format!("`{term}` is not looked for here; hint: {hint}"));
            }
        }
        let text = match (&example.text, &example.file) {
            (Some(text), None) => Some(text.clone()),
            (None, Some(file)) => beside(root, folder, &format!("{key}.{i}.file"), file),
            _ => {
                root.problem(&format!("{key}.{i}"), "an example has either a `text` or a `file`; hint: text = \"…\"");
                None
            }
        };
        examples.extend(text.map(|text| Example { text, terms: example.terms.clone() }));
    }
    examples
}

/// The largest compiled form of one pattern, in bytes.
const MAX_REGEX: usize = 1 << 20;

fn check_regex(pattern: &str) -> Result<(), String> {
    let compiled = regex::bytes::RegexBuilder::new(pattern).size_limit(MAX_REGEX).build();
    match compiled {
        Ok(regex) if regex.is_match(b"") => {
            Err(format!("`{pattern}` matches the empty text, so it would match everywhere; hint: use + instead of *"))
        }
        Ok(_) => Ok(()),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(format!("`{pattern}` becomes larger than {} KiB; hint: use smaller repetition counts", MAX_REGEX >> 10))
        }
        // The crate draws the pattern with a caret below it, over several lines; its last line says what is wrong.
        Err(error) => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Err(format!(
                "`{pattern}` is no regular expression: {last}; hint: the syntax is the regex crate's, without look-around"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TermWatchlist, Problems> {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("words");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(TERMS_FILE), text).unwrap();
        read_term_watchlist(&folder)
    }

    #[test]
    fn a_good_file_is_read() {
        let read = read("id = \"words\"\nwords = [\"Projet Écluse\"]\nregexes = ['\\bMS\\d{9}\\b']\n").unwrap();
        assert_eq!((read.words.len(), read.regexes.len(), read.name.as_str()), (1, 1, "words"));
    }

    #[test]
    fn terms_that_match_everything_or_nothing_are_refused_with_their_line() {
        let text = "id = \"words\"\nwords = [\n  \"fine\",\n  \"x\",\n]\nregexes = [\n  'a*',\n  '(',\n  '(?=x)',\n  '\\w{999}{999}',\n]\n";
        let problems = read(text).unwrap_err();
        let lines: Vec<_> = problems.iter().map(|p| p.line).collect();
        assert_eq!(lines, [4, 7, 8, 9, 10].map(Some), "{problems}");
        assert!(read("id = \"words\"\n").unwrap_err().to_string().contains("no terms"));
    }

    #[test]
    fn rules_and_examples_stand_in_the_file_or_beside_it() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("words");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(
            folder.join("rules.yar"),
            "private rule base { condition: true }\nrule one { condition: base }\n",
        )
        .unwrap();
        std::fs::write(folder.join("sample.txt"), "made up").unwrap();
        let text = "id = \"words\"\nyara = [\"rules.yar\", \"rule two { condition: true }\"]\nexamples = [\"plain\"]\n\
                    [[counter_examples]]\nfile = \"sample.txt\"\nterms = [\"two\"]\n";
        let read = |text: &str| {
            std::fs::write(folder.join(TERMS_FILE), text).unwrap();
            read_term_watchlist(&folder)
        };
        let list = read(text).unwrap();
        let rules: Vec<_> = list.yara.iter().map(|text| (text.file.as_str(), text.rules.join(","))).collect();
        assert_eq!(rules, [("rules.yar", "one".to_owned()), (TERMS_FILE, "two".to_owned())]);
        assert_eq!(list.term_count(), 2);
        assert_eq!(list.examples[0], Example { text: "plain".into(), terms: vec![] });
        assert_eq!(list.counter_examples[0], Example { text: "made up".into(), terms: vec!["two".into()] });
        let said = read(&text.replace("[\"two\"]", "[\"tow\"]")).unwrap_err().to_string();
        assert!(said.contains("`tow` is not looked for here; hint: did you mean `two`?"), "{said}");

        // Every fault with its place, also in the other file.
        std::fs::write(folder.join("rules.yar"), "rule one { condition: true }\n\nrule bad {\n  condition: $x }\n")
            .unwrap();
        let text = "id = \"words\"\nyara = [\n  \"rules.yar\",\n  \"../x.yar\",\n  \"gone.yar\",\n  \"rule {\",\n]\n\
                    [[examples]]\ntext = \"a\"\nfile = \"b\"\n[[examples]]\ntext = \"a\"\nterms = [\"oen\"]\n\
                    [[examples]]\ntxt = \"a\"\n";
        let problems = read(text).unwrap_err();
        let said = problems.to_string();
        for part in [
            "rules.yar:4: ",
            "terms.toml:4: `../x.yar` is no file in this folder",
            "terms.toml:5: `gone.yar` cannot be read",
            "terms.toml:6: line 1 of it: ",
            "terms.toml:8: an example has either",
            "unknown setting `txt`; hint: did you mean `text`?",
        ] {
            assert!(said.contains(part), "{part}\n{said}");
        }
    }
}
