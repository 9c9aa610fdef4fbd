//! `vigie watchlist explain`: what vigie makes of a value, and whether it is in the indexes. Nothing is written
//! anywhere; the answer shows the value to whoever typed it.

use std::io::{Read, Write, stdin, stdout};
use std::path::PathBuf;

use anyhow::anyhow;

use super::super::exit::{Exit, Failure, Outcome};
use super::super::key::KeyArgs;
use super::super::trail::LookUpArgs;
use super::super::words::counted;
use super::{CountryArgs, WatchlistsArg};
use crate::config::read_watchlists;
use crate::fingerprint::{Catalogue, Damaged, Readings, readings};
use crate::model::{FieldKind, Sensitive, Strength, SystemId};

/// Say how a value would be normalised, as which kinds, and whether and where it is in the indexes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie watchlist explain 'j.dupont [at] example.com' --key-file vigie.key
  echo '06 12 34 56 78' | vigie watchlist explain - --key-file vigie.key   # not in the shell's history

The value is hashed and looked up in memory; it is written nowhere. On a machine with a service,
its audit log records that a value was looked up (not which), and the 101st of a day is refused.")]
pub struct Args {
    /// The value; `-` reads it from standard input
    value: String,
    #[command(flatten)]
    watchlists: WatchlistsArg,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    countries: CountryArgs,
    #[command(flatten)]
    look_up: LookUpArgs,
}

/// The longest value read from standard input.
const MAX_VALUE: u64 = 64 << 10;

pub fn run(args: &Args) -> Outcome {
    let value = value(args)?;
    args.look_up.value()?;
    let keys = args.keys.keyring()?;
    let countries = args.countries.countries()?;
    let lists = read_watchlists(&args.watchlists.watchlists);
    for problem in lists.problems.iter() {
        eprintln!("{problem}");
    }
    let indexes: Vec<(SystemId, PathBuf)> = lists
        .records
        .iter()
        .flat_map(|list| list.indexes.iter().map(|file| (list.watchlist.id.clone(), file.clone())))
        .collect();
    let (catalogue, errors) = Catalogue::open(&indexes, &keys, countries);
    for error in &errors {
        eprintln!("{error}");
    }
    let mut out = stdout().lock();
    answer(&mut out, &catalogue, value.expose())?;
    let incomplete = !errors.is_empty() || !lists.problems.is_empty();
    Ok(if incomplete { Exit::Incomplete } else { Exit::Done })
}

fn value(args: &Args) -> Result<Sensitive<String>, Failure> {
    if args.value != "-" {
        return Ok(Sensitive::new(args.value.clone()));
    }
    let mut text = String::new();
    stdin().take(MAX_VALUE).read_to_string(&mut text)?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(Failure::Usage(anyhow!("no value on standard input")));
    }
    Ok(Sensitive::new(line.to_owned()))
}

/// Kinds that some index holds, one line for each form; then the other kinds that the value could be.
fn answer(out: &mut impl Write, catalogue: &Catalogue, value: &str) -> anyhow::Result<()> {
    let mut forms = Readings::new();
    let (mut looked_up, mut others) = (false, Vec::new());
    for kind in FieldKind::ALL {
        readings(*kind, value.as_bytes(), catalogue.countries(), &mut forms);
        if !catalogue.has(*kind) {
            others.extend((!forms.is_empty()).then(|| kind.name()));
            continue;
        }
        for form in forms.iter() {
            looked_up = true;
            let found = place(catalogue, *kind, form)?;
            writeln!(
                out,
                "{:15} {:32} {found}",
                kind.name(),
                String::from_utf8_lossy(form).escape_debug().to_string()
            )?;
        }
    }
    if !looked_up {
        writeln!(out, "this is no value of any kind that an index holds: nothing would be looked up")?;
    }
    if !others.is_empty() {
        writeln!(out, "no index has a column of these kinds, which it could be too: {}", others.join(", "))?;
    }
    Ok(())
}

/// Where the form is, in words.
fn place(catalogue: &Catalogue, kind: FieldKind, form: &[u8]) -> Result<String, Damaged> {
    if kind.strength() == Strength::Weak {
        return Ok("confirms a record; not looked up by itself".to_owned());
    }
    let mut places = Vec::new();
    let mut slots = Vec::new();
    for index in catalogue.indexes() {
        let fingerprint = catalogue.hashers()[index.key_no()].fingerprint(kind, form);
        slots.clear();
        let records = if index.might_contain(fingerprint)? { index.lookup(fingerprint, &mut slots)? } else { 0 };
        if records > 0 {
            places.push(format!("{} {} ({})", index.system(), index.snapshot(), counted(records as u64, "record")));
        }
    }
    Ok(if places.is_empty() { "in no index".to_owned() } else { format!("in {}", places.join(", ")) })
}
