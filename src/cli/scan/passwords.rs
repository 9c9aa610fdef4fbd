//! Passwords for encrypted archives: those given, and those that stand in the texts beside an archive.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::inputs::Source;
use crate::extract::passwords_in;
use crate::model::Sensitive;

/// Texts beside an archive that are looked through.
const MAX_TEXTS: usize = 32;
/// Bytes of each.
const MAX_TEXT: u64 = 64 << 10;

/// Where passwords come from.
pub struct Passwords {
    given: Vec<Sensitive<String>>,
    /// The files that are scanned, by folder: no others are looked into.
    files: HashMap<PathBuf, Vec<PathBuf>>,
}

impl Passwords {
    /// Those given, and what stands in the inputs themselves.
    pub fn new(given: Vec<Sensitive<String>>, inputs: &[Source]) -> Self {
        let mut files: HashMap<PathBuf, Vec<PathBuf>> = HashMap::new();
        for input in inputs {
            if let Source::File(path) = input {
                files.entry(folder(path)).or_default().push(path.clone());
            }
        }
        Self { given, files }
    }

    /// The lines of a file.
    pub fn read(path: &Path) -> std::io::Result<Vec<Sensitive<String>>> {
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(path)?);
        Ok(text.lines().filter(|line| !line.is_empty()).map(|line| Sensitive::new(line.to_owned())).collect())
    }

    /// What may open the archive at `path`, likeliest first: what was given, then what stands in texts of its folder,
    /// the one of its own name (`post.txt` beside `post.zip`) before the others.
    pub fn beside(&self, path: Option<&Path>) -> Vec<Sensitive<String>> {
        let mut found = self.given.clone();
        let Some(path) = path else { return found };
        let beside = self.files.get(&folder(path)).map_or(&[][..], Vec::as_slice);
        let (own, others): (Vec<_>, Vec<_>) =
            beside.iter().filter(|other| *other != path).partition(|other| other.file_stem() == path.file_stem());
        let texts = own.into_iter().chain(others).filter_map(|other| text(other)).take(MAX_TEXTS);
        for text in texts {
            for password in passwords_in(&text) {
                if !found.iter().any(|known| known.expose() == password.expose()) {
                    found.push(password);
                }
            }
        }
        found
    }
}

fn folder(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

/// A small file, if it is text.
fn text(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    if file.metadata().ok()?.len() > MAX_TEXT {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX_TEXT).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_tried_with_what_its_own_text_says_first() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.txt"), "password: other1").unwrap();
        std::fs::write(at("dump.txt"), "password: own1").unwrap();
        std::fs::write(at("unnamed.txt"), "password: unnamed1").unwrap();
        std::fs::write(at("given"), "given1\n\n").unwrap();
        let inputs = ["a.txt", "dump.txt", "dump.zip"].map(|name| Source::File(at(name)));
        let passwords = Passwords::new(Passwords::read(&at("given")).unwrap(), &inputs);
        let found = passwords.beside(Some(&at("dump.zip")));
        let found: Vec<&str> = found.iter().map(|p| p.expose().as_str()).filter(|p| p.ends_with('1')).collect();
        assert_eq!(found, ["given1", "own1", "other1"]);
        assert_eq!(passwords.beside(None).len(), 1);
    }
}
