//! `vigie watchlist add`: words, patterns and rules for a term watchlist, without touching what an analyst wrote by hand.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use toml_edit::{Array, DocumentMut, Item, Table, Value};

use super::super::exit::{Exit, Failure, Outcome};
use crate::config::{RECORDS_FILE, TERMS_FILE, Text, parse_term_watchlist};
use crate::matching::check_rules;
use crate::model::{Severity, SystemId, Tlp};

/// Add words, patterns or YARA rules to a term watchlist, making it if there is none
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie watchlist add watchlists/projects --word 'Projet Écluse' --word 'plan Cormoran' --severity high
  vigie watchlist add watchlists/projects --regex '\\bMS\\d{9}\\b' --example 'ref MS100000001' --counter-example 'MS1'
  vigie watchlist add watchlists/projects --yara ~/rules/configs.yar")]
pub struct Args {
    /// The watchlist's folder; its name is the watchlist's identifier
    folder: PathBuf,
    /// A word or phrase, found as whole words without regard to case; may be repeated
    #[arg(long = "word", value_name = "WORD")]
    words: Vec<String>,
    /// A regular expression in the syntax of the `regex` crate; may be repeated
    #[arg(long = "regex", value_name = "PATTERN", required_unless_present_any = ["words", "yara"])]
    regexes: Vec<String>,
    /// A file of YARA rules, copied into the watchlist's folder; may be repeated
    #[arg(long = "yara", value_name = "FILE")]
    yara: Vec<PathBuf>,
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
    let rules = args.yara.iter().map(|from| RuleFile::read(from, &args.folder)).collect::<Result<Vec<_>, _>>()?;
    let added = edit(&mut document, args, &id, &rules)?;
    let text = document.to_string();
    let new: Vec<&RuleFile> = rules.iter().filter(|rules| !rules.target.exists()).collect();
    let written =
        new.iter().try_for_each(|rules| replace(&rules.target, &rules.text)).map_err(Failure::from).and_then(|()| {
            parse_term_watchlist(&args.folder, &Text::new(&file, &*text)).map_err(Failure::usage)?;
            Ok(replace(&file, &text)?)
        });
    if let Err(failure) = written {
        // What was copied for nothing goes again.
        new.iter().for_each(|rules| drop(std::fs::remove_file(&rules.target)));
        return Err(failure);
    }
    eprintln!("{}: {added} added", file.display());
    Ok(Exit::Done)
}

fn id_of(folder: &Path) -> anyhow::Result<SystemId> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Ok(name.parse()?)
}

/// A file of rules on its way into the folder.
struct RuleFile {
    name: String,
    text: String,
    target: PathBuf,
}

impl RuleFile {
    /// Reads and checks it.
    fn read(from: &Path, folder: &Path) -> Result<Self, Failure> {
        let usage = |message: String| Failure::Usage(anyhow!(message));
        let name = from.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| usage(format!("{} has no name; hint: give a file", from.display())))?.to_owned();
        let text = Text::open(from).map_err(Failure::usage)?.as_str().to_owned();
        if let Err(problems) = check_rules(&[&text]) {
            let lines = problems.iter().map(|(_, problem)| {
                let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
                format!("{}{line}: {}", from.display(), problem.message)
            });
            return Err(usage(lines.collect::<Vec<_>>().join("\n")));
        }
        let target = folder.join(&name);
        let there = std::fs::read_to_string(&target).ok();
        if there.is_some_and(|there| there != text) {
            return Err(usage(format!("{} is there already and differs; hint: rename one of them", target.display())));
        }
        Ok(Self { name, text, target })
    }
}

/// Writes the arguments into the document; how many terms are new.
fn edit(document: &mut DocumentMut, args: &Args, id: &SystemId, rules: &[RuleFile]) -> anyhow::Result<usize> {
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
    let files: Vec<String> = rules.iter().map(|rules| rules.name.clone()).collect();
    let lists = [
        ("words", &args.words),
        ("regexes", &args.regexes),
        ("yara", &files),
        ("examples", &args.examples),
        ("counter_examples", &args.counter_examples),
    ];
    for (key, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        let list = table.entry(key).or_insert(Item::Value(Value::Array(Array::new())));
        if let Some(tables) = list.as_array_of_tables_mut() {
            tables.extend(values.iter().map(|value| Table::from_iter([("text", value.as_str())])));
            continue;
        }
        let list = list.as_array_mut().with_context(|| format!("`{key}` in {TERMS_FILE} is not a list"))?;
        for value in values {
            if !list.iter().any(|known| known.as_str() == Some(value)) {
                list.push(value.as_str());
                added += usize::from(!key.ends_with("examples"));
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
