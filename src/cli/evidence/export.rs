//! `vigie evidence export`: captures, sealed as they are, with all that a check needs, in one archive.

use std::path::PathBuf;

use anyhow::anyhow;

use super::super::exit::{Exit, Failure, Outcome};
use super::super::trail;
use super::super::words::counted;
use super::Desk;
use crate::audit::Action;
use crate::evidence::export;
use crate::model::Alert;
use crate::store::SqliteStore;

/// Write captures with manifests, signatures and time-stamps into a new archive
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie evidence export 3f2a 77b0 --out case-2026-117.tar
  vigie evidence export --alert 9c41 --out case-2026-117.tar

The captures stay sealed: no private key is needed here, and none can be. The archive holds the public key
and the procedure to check it (EVIDENCE.md).")]
pub struct Args {
    /// Identifiers of captures, or their beginnings
    #[arg(required_unless_present = "alert")]
    ids: Vec<String>,
    /// All captures of this alert
    #[arg(long, value_name = "ALERT")]
    alert: Option<String>,
    /// The archive; a file that is there is not replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub fn run(args: &Args, desk: &Desk) -> Outcome {
    let mut ids = args.ids.clone();
    if let Some(alert) = &args.alert {
        ids.extend(of_alert(desk, alert)?);
    }
    let items = desk.chosen(&ids)?;
    if args.out.exists() {
        let message = format!("{} is there already; hint: choose another name", args.out.display());
        return Err(Failure::Usage(anyhow!(message)));
    }
    let keys = trail::public_keys(&desk.config, &[])?;
    // Recorded before: an export that nobody knows of must not be.
    for item in &items {
        desk.trail.record(Action::EvidenceExported, &item.id, &[("to", args.out.display().to_string())])?;
    }
    let bytes = export(&items, &keys, &args.out)?;
    eprintln!("{}: {}, {bytes} bytes", args.out.display(), counted(items.len() as u64, "capture"));
    Ok(Exit::Done)
}

/// The captures that an alert names.
fn of_alert(desk: &Desk, prefix: &str) -> Result<Vec<String>, Failure> {
    let store = SqliteStore::open(&desk.config.database())?;
    let alert: Alert = super::super::alerts::find(&store, prefix)?;
    let kept = alert.documents.into_iter().filter_map(|document| document.evidence);
    let mut ids: Vec<String> = kept.filter(|e| e.manifest_sha256.is_some()).map(|e| e.id).collect();
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        let message = format!("alert {} names no capture; hint: were captures kept when it was raised?", alert.id);
        return Err(Failure::Usage(anyhow!(message)));
    }
    // Their time may be over while the alert still names them.
    let there = |id: &String| match desk.items.starting(id) {
        Ok(_) => true,
        Err(error) => {
            eprintln!("{error}");
            false
        }
    };
    Ok(ids.into_iter().filter(there).collect())
}
