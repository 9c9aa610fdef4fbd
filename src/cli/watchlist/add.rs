//! `vigie watchlist add`: words and patterns for a term watchlist, without touching what an analyst wrote by hand.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use toml_edit::{Array, DocumentMut, Item, Value};

use super::super::exit::{Exit, Failure, Outcome};
use crate::config::{RECORDS_FILE, TERMS_FILE, Text, parse_term_watchlist};
use crate::model::{Severity, SystemId, Tlp};

/// Add words or patterns to a term watchlist, making it if there is none
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie watchlist add watchlists/projects --word 'Projet Écluse' --word 'plan Cormoran' --severity high
  vigie watchlist add watchlists/projects --regex '\\bMS\\d{9}\\b' --example 'ref MS100000001' --counter-example 'MS1'")]
pub struct Args {
    /// The watchlist's folder; its name is the watchlist's identifier
    folder: PathBuf,
    /// A word or phrase, found as whole words without regard to case; may be repeated
    #[arg(long = "word", value_name = "WORD")]
    words: Vec<String>,
    /// A regular expression in the syntax of the `regex` crate; may be repeated
    #[arg(long = "regex", value_name = "PATTERN", required_unless_present = "words")]
    regexes: Vec<String>,
    /// A made-up text in which the watchlist must match; `watchlist check` tries it
    #[arg(long = "example", value_name = "TEXT")]
    examples: Vec<String>,
    /// A made-up text in which it must not match
    #[arg(long = "counter-example", value_name = "TEXT")]
    counter_examples: Vec<String>,
    /// Its name in words
    #[arg(long)]
    name: Option<String>,
    /// How bad a match is: low, medium, high, critical
    #[arg(long, value_parser = by_name::<Severity>)]
    severity: Option<Severity>,
    /// Who may be told: clear, green, amber, amber+strict, red
    #[arg(long, value_parser = by_name::<Tlp>)]
    tlp: Option<Tlp>,
}

/// Reads a word as the configuration would.
fn by_name<T: serde::de::DeserializeOwned>(word: &str) -> Result<T, String> {
    let value = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(word);
    T::deserialize(value).map_err(|error| error.to_string())
}

pub fn run(args: &Args) -> Outcome {
    let id = id_of(&args.folder).map_err(Failure::Usage)?;
    if args.folder.join(RECORDS_FILE).exists() {
        let message = format!("`{id}` is a record watchlist; hint: give terms a folder of their own");
        return Err(Failure::Usage(anyhow!(message)));
    }
    let file = args.folder.join(TERMS_FILE);
    let before = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::from(error)),
    };
    let mut document: DocumentMut =
        before.parse().with_context(|| format!("{} is not valid TOML", file.display())).map_err(Failure::Usage)?;
    let added = edit(&mut document, args, &id)?;
    let text = document.to_string();
    parse_term_watchlist(&args.folder, &Text::new(&file, &*text)).map_err(Failure::usage)?;
    replace(&file, &text)?;
    eprintln!("{}: {added} added", file.display());
    Ok(Exit::Done)
}

fn id_of(folder: &Path) -> anyhow::Result<SystemId> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Ok(name.parse()?)
}

/// Writes the arguments into the document; how many terms are new.
fn edit(document: &mut DocumentMut, args: &Args, id: &SystemId) -> anyhow::Result<usize> {
    let table = document.as_table_mut();
    table.entry("id").or_insert(toml_edit::value(id.as_str()));
    let named = [
        ("name", args.name.clone()),
        ("severity", args.severity.map(|s| s.to_string())),
        ("tlp", args.tlp.map(|t| t.to_string())),
    ];
    for (key, word) in named.into_iter().filter_map(|(key, word)| Some((key, word?))) {
        table.insert(key, toml_edit::value(word));
    }
    let mut added = 0;
    let lists = [
        ("words", &args.words),
        ("regexes", &args.regexes),
        ("examples", &args.examples),
        ("counter_examples", &args.counter_examples),
    ];
    for (key, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        let list = table.entry(key).or_insert(Item::Value(Value::Array(Array::new())));
        let list = list.as_array_mut().with_context(|| format!("`{key}` in {TERMS_FILE} is not a list"))?;
        for value in values {
            if !list.iter().any(|known| known.as_str() == Some(value)) {
                list.push(value.as_str());
                added += usize::from(key == "words" || key == "regexes");
            }
        }
    }
    Ok(added)
}

/// Replaces the file whole, so that a running service never reads half of it.
fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut new =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write in {}", folder.display()))?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    // The service runs as another user than the analyst: temporary files are private, this one need not be.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    new.as_file().set_permissions(readable)?;
    new.persist(file).with_context(|| format!("cannot replace {}", file.display()))?;
    Ok(())
}
