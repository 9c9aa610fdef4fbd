//! `vigie audit …`: who looked at or changed what, and whether the log of it is whole.

use std::io::{Write, stdout};
use std::path::PathBuf;

use clap::Subcommand;

use super::config_file::ConfigArgs;
use super::exit::{Exit, Outcome};
use super::trail;
use super::words::counted;
use crate::audit::{Action, Anchor, Entry, Trail, check};
use crate::config::Config;

/// Read and check the audit log
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie audit list --limit 20
  vigie audit verify
  journalctl -u vigie -o json | jq -r 'select(.EVENT==\"audit.checkpoint\") | \"\\(.SEQ):\\(.HASH)\"'
  vigie audit verify --anchor 4711:9f86d0…")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ListArgs),
    Verify(VerifyArgs),
}

/// List entries, the latest last
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// The latest so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// The entries as they are hashed, one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Check the chain of entries, the signed checkpoints, and what others recorded of them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An edited, removed, added or moved entry is found by the chain; a chain that was computed anew by the signed
checkpoints; entries cut off the end by the head, the checkpoints, or an anchor that was kept elsewhere. The
service signs the head every ten minutes and tells the journal (event audit.checkpoint). Entries since the last
checkpoint have no other witness than the head. Leaves with 3 when there is a fault.")]
struct VerifyArgs {
    /// What somebody else recorded: number and hash of an entry; may be repeated
    #[arg(long = "anchor", value_name = "SEQ:HASH")]
    anchors: Vec<Anchor>,
    /// A public key to check with, PEM; may be repeated [default: those in the state folder, signing.pub*.pem]
    #[arg(long = "public-key", value_name = "FILE")]
    public_keys: Vec<PathBuf>,
}

pub fn run(args: &Args) -> Outcome {
    let config = args.config.read()?;
    let trail = trail::open(&config)?;
    match &args.command {
        Command::List(args) => list(args, &trail),
        Command::Verify(args) => verify(args, &trail, &config),
    }
}

fn list(args: &ListArgs, trail: &Trail) -> Outcome {
    let head = trail.record(Action::AuditRead, "", &[])?;
    let from = head.seq.saturating_sub(args.limit.into());
    let mut out = stdout().lock();
    let mut written = Ok(());
    trail.each(|row, entry| {
        if row.seq > from {
            written = match (&entry, args.json) {
                (Some(entry), false) => line(&mut out, entry),
                _ => writeln!(out, "{}", row.entry),
            };
        }
        written.is_ok()
    })?;
    written?;
    out.flush()?;
    Ok(Exit::Done)
}

fn line(out: &mut impl Write, entry: &Entry) -> std::io::Result<()> {
    let action = serde_json::to_value(entry.action).unwrap_or_default();
    let detail: Vec<String> =
        entry.detail.iter().map(|(name, value)| format!("{name}={}", value.escape_debug())).collect();
    let (seq, at, actor) = (entry.seq, entry.at, entry.actor.escape_debug());
    let (action, subject) = (action.as_str().unwrap_or_default(), entry.subject.escape_debug());
    writeln!(out, "{seq:>7}  {at:.0}  {actor}  {action}  {subject}  {}", detail.join(" "))
}

fn verify(args: &VerifyArgs, trail: &Trail, config: &Config) -> Outcome {
    let keys = trail::public_keys(config, &args.public_keys)?;
    let checked = check(trail.log(), &keys, &args.anchors)?;
    let mut out = stdout().lock();
    for fault in &checked.faults {
        writeln!(out, "{fault}")?;
    }
    out.flush()?;
    let unsigned = checked.entries.saturating_sub(checked.signed_up_to);
    eprintln!(
        "{} entries, signed up to entry {} ({}), {unsigned} since: {}",
        checked.entries,
        checked.signed_up_to,
        counted(checked.checkpoints, "sound checkpoint"),
        counted(checked.count, "fault"),
    );
    Ok(if checked.count == 0 { Exit::Done } else { Exit::Incomplete })
}
