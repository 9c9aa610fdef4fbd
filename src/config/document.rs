//! A TOML file on its way from text to raw structs, with every error in it found at once.
//!
//! serde stops at the first error. [`Section::read`] notes the error, takes the setting it points at out of the
//! section and reads again, until what is left can be read: a section of `n` settings is read at most `n + 1` times.

use std::cell::RefCell;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Problems};
use crate::model::SettingProblem;

/// Files are written by people; what is larger is not one of them.
const MAX_BYTES: u64 = 16 << 20;

/// The text of one file.
#[derive(Debug)]
pub struct Text {
    file: PathBuf,
    text: String,
}

/// One file, parsed, and what was found wrong in it so far.
#[derive(Debug)]
pub struct Document<'t> {
    file: &'t Path,
    /// Where each line begins.
    lines: Vec<usize>,
    root: DeTable<'t>,
    problems: RefCell<Problems>,
}

/// A table of a document, from which one room's settings are read.
#[derive(Debug, Clone, Copy)]
pub struct Section<'d> {
    document: &'d Document<'d>,
    /// Where the section begins, for what concerns the whole of it; the whole file has no such place.
    at: Option<usize>,
    table: &'d DeTable<'d>,
}

impl Text {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, is not UTF-8, or is far too large.
    pub fn open(file: &Path) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        match read_text(file) {
            Ok(text) => return Ok(Self::new(file, text)),
            Err(error) => problems.push(Problem::whole(file, error)),
        }
        Err(problems)
    }

    /// A text that stands in no file, as if it stood in `file`.
    pub fn new(file: &Path, text: impl Into<String>) -> Self {
        Self { file: file.to_owned(), text: text.into() }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Parses it. What is no TOML is left out, with problems.
    pub fn parse(&self) -> Document<'_> {
        let text = self.text.as_str();
        let (root, errors) = DeTable::parse_recoverable(text);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        let document = Document { file: &self.file, lines, root: root.into_inner(), problems: RefCell::default() };
        for error in errors {
            document.note(error.span().map(|span| span.start), format!("not valid TOML: {}", error.message()));
        }
        document
    }
}

impl Document<'_> {
    /// The whole file as one section.
    pub fn root<'d>(&'d self) -> Section<'d> {
        Section { document: self, at: None, table: &self.root }
    }

    /// What was found wrong.
    pub fn into_problems(self) -> Problems {
        self.problems.into_inner()
    }

    /// Adds what is wrong with another file that this one names.
    pub fn elsewhere(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    fn note(&self, at: Option<usize>, message: String) {
        let line = at.map(|at| self.lines.partition_point(|start| *start <= at) as u32);
        self.problems.borrow_mut().push(Problem { file: self.file.to_owned(), line, message });
    }
}

fn read_text(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = std::fs::File::open(file).and_then(|f| f.take(MAX_BYTES + 1).read_to_string(&mut text));
    match read {
        Ok(bytes) if bytes as u64 > MAX_BYTES => Err(format!("larger than {} MiB, so it is not read", MAX_BYTES >> 20)),
        Ok(_) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err("not UTF-8; hint: save it as UTF-8 text".to_owned())
        }
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

impl<'d> Section<'d> {
    /// Reads the section into `T`, noting every error; what is wrong keeps `T`'s default.
    pub fn read<T: DeserializeOwned + Default>(&self) -> T {
        self.read_without(&[])
    }

    /// The same, leaving out settings that are read apart.
    pub fn read_without<T: DeserializeOwned + Default>(&self, apart: &[&str]) -> T {
        let mut table = self.table.clone();
        for key in apart {
            table.remove(*key);
        }
        loop {
            let error = match T::deserialize(toml::Deserializer::from(Spanned::new(0..0, table.clone()))) {
                Ok(read) => return read,
                Err(error) => error,
            };
            let at = error.span().map(|span| span.start);
            let setting = at.and_then(|at| cut_out(&mut table, at));
            self.document
                .note(at.or(self.at), named(setting.as_deref().unwrap_or_default(), &in_our_words(error.message())));
            if setting.is_none() {
                return T::default();
            }
        }
    }

    /// The sub-table `key`, if there is one.
    pub fn section(&self, key: &str) -> Option<Section<'d>> {
        let value = self.table.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Section { document: self.document, at: Some(value.span().start), table }),
            _ => {
                self.document.note(Some(value.span().start), format!("`{key}` must be a table; hint: write [{key}]"));
                None
            }
        }
    }

    /// The tables of the array `key`, none if there is no such array.
    pub fn sections(&self, key: &str) -> Vec<Section<'d>> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            let message = format!("`{key}` must be a list of tables; hint: write [[{key}]]");
            self.document.note(Some(value.span().start), message);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for entry in array.iter() {
            match entry.get_ref() {
                DeValue::Table(table) => {
                    sections.push(Section { document: self.document, at: Some(entry.span().start), table });
                }
                _ => self.document.note(Some(entry.span().start), format!("an entry of `{key}` must be a table")),
            }
        }
        sections
    }

    /// The section's settings in the order they are written, each with its value where that is a string.
    pub fn strings(&self) -> Vec<(&'d str, Option<&'d str>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries.into_iter().map(|(key, value)| (key.get_ref().as_ref(), value.get_ref().as_str())).collect()
    }

    /// The section's settings as a value, for what is to be read elsewhere.
    pub fn get_str(&self, key: &str) -> Option<&'d str> {
        self.table.get(key).and_then(|value| value.get_ref().as_str())
    }

    /// Whether nothing stands in it.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Notes a problem with a setting, named by its dotted path within the section (empty for the section).
    pub fn problem(&self, setting: &str, message: impl Into<String>) {
        let at = place(self.table, setting).or(self.at);
        self.document.note(at, message.into());
    }

    /// Notes what a room found wrong with its settings.
    pub fn problems(&self, problems: impl IntoIterator<Item = SettingProblem>) {
        for problem in problems {
            self.problem(&problem.setting, named(&problem.setting, &problem.message));
        }
    }
}

/// Where the setting with this dotted path stands; for a setting that does not exist, its closest ancestor.
fn place(table: &DeTable<'_>, path: &str) -> Option<usize> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    let inner = rest.and_then(|rest| place_in(value, rest));
    Some(inner.unwrap_or(key.span().start))
}

fn place_in(value: &Spanned<DeValue<'_>>, path: &str) -> Option<usize> {
    match value.get_ref() {
        DeValue::Table(table) => place(table, path),
        DeValue::Array(array) => {
            let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
            let entry = array.get(first.parse::<usize>().ok()?)?;
            rest.and_then(|rest| place_in(entry, rest)).or(Some(entry.span().start))
        }
        _ => None,
    }
}

/// A message that begins with the setting it is about, if it does not name it by itself.
pub(super) fn named(setting: &str, message: &str) -> String {
    let own = setting.rsplit('.').find(|part| part.parse::<usize>().is_err()).unwrap_or_default();
    if own.is_empty() || message.contains(&format!("`{own}`")) || message.starts_with(own) {
        return message.to_owned();
    }
    format!("`{own}` {message}")
}

/// Takes out the innermost setting that an error at `at` points into, and names it. None if there is none.
fn cut_out(table: &mut DeTable<'_>, at: usize) -> Option<String> {
    for (_, value) in table.iter_mut() {
        let inner = match value.get_mut() {
            DeValue::Table(table) => cut_out(table, at),
            DeValue::Array(array) => cut_out_of_array(array, at),
            _ => None,
        };
        if inner.is_some() {
            return inner;
        }
    }
    let covers = |span: std::ops::Range<usize>| span.contains(&at) || span.start == at;
    let found = table
        .iter()
        .find(|(key, value)| covers(key.span()) || covers(value.span()))
        .map(|(key, _)| key.get_ref().clone());
    let key = found?;
    table.remove(&*key).map(|_| key.into_owned())
}

fn cut_out_of_array(array: &mut toml::de::DeArray<'_>, at: usize) -> Option<String> {
    array.iter_mut().find_map(|entry| match entry.get_mut() {
        DeValue::Table(table) => cut_out(table, at),
        DeValue::Array(inner) => cut_out_of_array(inner, at),
        _ => None,
    })
}

/// What serde and those who parse for it say, in our words.
fn in_our_words(message: &str) -> String {
    if message.contains("duration") {
        return "is no duration; hint: write \"30s\", \"15m\" or \"72h\"".to_owned();
    }
    if [" hour", " minute", " second"].iter().any(|part| message.contains(part)) {
        return "is no time of day; hint: write \"08:00\"".to_owned();
    }
    let unknown = |what: &str| {
        let (name, known) = message.strip_prefix(&format!("unknown {what} `"))?.split_once('`')?;
        Some((name, known.split('`').skip(1).step_by(2).collect::<Vec<_>>()))
    };
    let hint = |name: &str, known: &[&str]| match closest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there are no settings here".to_owned(),
        None => format!("known here: {}", known.join(", ")),
    };
    if let Some((name, known)) = unknown("field") {
        return format!("unknown setting `{name}`; hint: {}", hint(name, &known));
    }
    match unknown("variant") {
        Some((name, known)) => format!("cannot be `{name}`; hint: {}", hint(name, &known)),
        None => message.to_owned(),
    }
}

/// The name among `known` that differs by at most two letters.
pub(super) fn closest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    known.iter().map(|k| (distance(name, k), *k)).filter(|(d, k)| *d <= 2 && *d < k.len()).min().map(|(_, k)| k)
}

/// Levenshtein's distance, a row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Raw {
        count: u32,
        name: String,
        size: Option<u64>,
        inner: Inner,
        list: Vec<Inner>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        on: bool,
        level: u8,
    }

    fn problems(text: &str) -> (Raw, Vec<(Option<u32>, String)>) {
        let text = Text::new(Path::new("x.toml"), text);
        let document = text.parse();
        let raw = document.root().read();
        let found = document.into_problems().iter().map(|p| (p.line, p.message.clone())).collect();
        (raw, found)
    }

    #[test]
    fn every_error_is_found_with_its_line_and_the_rest_is_read() {
        let (raw, found) = problems(
            "count = \"many\"\nname = \"n\"\nnmae = 1\nsize = \"3 parsecs\"\n\n[inner]\non = 3\nlevel = 7\n\n\
             [[list]]\nlevel = 900\n[[list]]\nlevle = 2\non = true\n",
        );
        let lines: Vec<_> = found.iter().filter_map(|(line, _)| *line).collect();
        let mut sorted = lines.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [1, 3, 4, 7, 11, 13], "{found:#?}");
        assert_eq!((raw.name.as_str(), raw.inner.level, raw.list.len(), raw.list[1].on), ("n", 7, 2, true));
        assert!(found.iter().any(|(_, m)| m == "unknown setting `nmae`; hint: did you mean `name`?"), "{found:#?}");
    }

    #[test]
    fn what_parsers_say_is_said_in_words_of_ours() {
        let variant = "unknown variant `ambr`, expected one of `clear`, `green`, `amber`";
        assert_eq!(in_our_words(variant), "cannot be `ambr`; hint: did you mean `amber`?");
        let variant = "unknown variant `secret`, expected one of `clear`, `green`, `amber`";
        assert_eq!(in_our_words(variant), "cannot be `secret`; hint: known here: clear, green, amber");
        let duration =
            toml::from_str::<toml::Table>("a = '30'").unwrap()["a"].clone().try_into::<jiff::SignedDuration>();
        assert!(in_our_words(duration.unwrap_err().message()).starts_with("is no duration"));
        for wrong in ["25:00", "8h", "08:61", "", "morning"] {
            let time = toml::Value::String(wrong.into()).try_into::<jiff::civil::Time>();
            let said = in_our_words(time.unwrap_err().message());
            assert!(said.starts_with("is no time of day"), "{wrong}: {said}");
        }
    }

    #[test]
    fn a_file_that_is_not_toml_says_where() {
        let (_, found) = problems("count = 1\nname = \"open\nsize = 3\n");
        assert_eq!(found[0].0, Some(2), "{found:?}");
        assert!(found[0].1.starts_with("not valid TOML: "), "{found:?}");
    }

    #[test]
    fn a_problem_is_placed_by_its_path() {
        let text = Text::new(Path::new("x.toml"), "a = 1\n[b]\nc = 2\n[[d]]\ne = 1\n[[d]]\ne = 2\n");
        let document = text.parse();
        for setting in ["a", "b.c", "d.1.e", "b.gone", "gone"] {
            document.root().problem(setting, setting);
        }
        let lines: Vec<_> = document.into_problems().iter().map(|p| p.line).collect();
        assert_eq!(lines, [Some(1), Some(3), Some(7), Some(2), None]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_never_hangs(text in "([a-z\\[\\]{}=.,\"' \n0-9]{0,80}|[a-z]{1,5} = [0-9a-z\"]{1,6}\n){0,6}") {
            let _ = problems(&text);
        }
    }
}
