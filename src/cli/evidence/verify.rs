//! `vigie evidence verify`: every fault of captures and records of deletion, by name.

use std::io::{Write, stdout};
use std::path::PathBuf;

use serde_json::json;

use super::super::exit::{Exit, Outcome};
use super::super::trail;
use super::super::words::counted;
use super::Desk;
use crate::audit::Action;
use crate::evidence::{Fault, against_log, deletions, verify};
use crate::signing::PublicKeys;

/// Check captures against their signed manifests, time-stamps and the audit log
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie evidence verify
  vigie evidence verify 3f2a --require-timestamp

Without identifiers everything is checked: each capture, each record of a deletion, and whether whatever the
audit log says was captured is still there or was deleted with a record. Leaves with 3 when there is a fault.")]
pub struct Args {
    /// Identifiers of captures, or their beginnings
    ids: Vec<String>,
    /// A public key to check with, PEM; may be repeated [default: those in the state folder, signing.pub*.pem]
    #[arg(long = "public-key", value_name = "FILE")]
    public_keys: Vec<PathBuf>,
    /// Also tell captures that have no time-stamp yet
    #[arg(long)]
    require_timestamp: bool,
    /// One JSON object a line for each capture
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, desk: &Desk) -> Outcome {
    let keys = trail::public_keys(&desk.config, &args.public_keys)?;
    let everything = args.ids.is_empty();
    let items = if everything { desk.items.all()? } else { desk.chosen(&args.ids)? };
    let mut out = stdout().lock();
    let (mut faulty, mut faults) = (0, 0);
    for item in &items {
        let found = verify(item, &keys, args.require_timestamp);
        faulty += u64::from(!found.is_empty());
        faults += found.len() as u64;
        tell(&mut out, args.json, &item.id, &found)?;
    }
    let records = if everything { the_rest(&mut out, args.json, desk, &keys, &mut faults)? } else { 0 };
    out.flush()?;
    let detail = [("captures", items.len().to_string()), ("faults", faults.to_string())];
    desk.trail.record(Action::EvidenceVerified, &args.ids.join(" "), &detail)?;
    let (captures, records) = (counted(items.len() as u64, "capture"), counted(records, "record"));
    let within = if faulty > 0 { format!(", in {}", counted(faulty, "capture")) } else { String::new() };
    eprintln!("{captures}, {records} of deletion: {}{within}", counted(faults, "fault"));
    Ok(if faults == 0 { Exit::Done } else { Exit::Incomplete })
}

/// Records of deletion, and what the audit log knows; how many records there are.
fn the_rest(out: &mut impl Write, json: bool, desk: &Desk, keys: &PublicKeys, faults: &mut u64) -> anyhow::Result<u64> {
    let records = deletions(&desk.items, keys)?;
    for (id, _) in records.iter().filter(|(_, record)| record.is_err()) {
        *faults += 1;
        tell(out, json, id, &[Fault::Record])?;
    }
    let mut captured = Vec::new();
    desk.trail.each(|_, entry| {
        if let Some(mut entry) = entry.filter(|entry| entry.action == Action::EvidenceCaptured) {
            captured.extend(entry.detail.remove("manifest").map(|manifest| (entry.subject, manifest)));
        }
        true
    })?;
    for (id, fault) in against_log(&desk.items, keys, &captured)? {
        *faults += 1;
        tell(out, json, &id, &[fault])?;
    }
    Ok(records.len() as u64)
}

fn tell(out: &mut impl Write, json: bool, id: &str, faults: &[Fault]) -> std::io::Result<()> {
    let id: String = id.escape_debug().collect();
    if json {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        return writeln!(out, "{}", json!({ "id": id, "faults": faults }));
    }
    if faults.is_empty() {
        return writeln!(out, "{id}: ok");
    }
    faults.iter().try_for_each(|fault| writeln!(out, "{id}: {fault}"))
}
