//! `vigie watchlist remove`: a watchlist or one snapshot of it is no longer watched for.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use jiff::civil::Date;

use super::super::exit::{Exit, Failure, Outcome};
use crate::config::{RECORDS_FILE, TERMS_FILE};

/// Remove a watchlist, or one snapshot of it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie watchlist remove watchlists/crm --snapshot 2025-08-01
  vigie watchlist remove watchlists/crm

A running service stops watching for it by itself.")]
pub struct Args {
    /// The watchlist's folder
    folder: PathBuf,
    /// Remove only the index of this snapshot
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    snapshot: Option<Date>,
}

pub fn run(args: &Args) -> Outcome {
    let declared = [RECORDS_FILE, TERMS_FILE].iter().any(|file| args.folder.join(file).is_file());
    if !declared {
        let message = format!("{} is no watchlist; hint: see `vigie watchlist list`", args.folder.display());
        return Err(Failure::Usage(anyhow!(message)));
    }
    match args.snapshot {
        Some(date) => {
            let file = args.folder.join(format!("{date}.vfi"));
            std::fs::remove_file(&file)
                .with_context(|| format!("cannot remove {}", file.display()))
                .map_err(Failure::Usage)?;
            eprintln!("{}: removed", file.display());
        }
        None => remove_all(&args.folder)?,
    }
    Ok(Exit::Done)
}

/// Removes the folder in one step for whoever looks at it, and only what vigie put there: a folder that holds anything
/// else is left with it.
fn remove_all(folder: &Path) -> anyhow::Result<()> {
    let ours = |path: &Path| {
        path.extension().is_some_and(|e| e == "vfi")
            || path.file_name().is_some_and(|name| name == RECORDS_FILE || name == TERMS_FILE)
    };
    // The declaration goes first: without it the indexes are no longer read.
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()).filter(|path| ours(path)).collect();
    files.sort_by_key(|path| path.extension().is_some_and(|e| e == "vfi"));
    for file in &files {
        std::fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    match std::fs::remove_dir(folder) {
        Ok(()) => eprintln!("{}: removed", folder.display()),
        Err(_) => eprintln!("{}: no watchlist any more; other files are left in it", folder.display()),
    }
    Ok(())
}
