//! `vigie evidence list`: what is kept, the latest first.

use std::io::{Write, stdout};

use serde::Serialize;

use super::super::exit::{Exit, Outcome};
use super::Desk;
use crate::audit::Action;
use crate::evidence::{Hold, Item, Manifest};

/// List captures, the latest first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only those that are held
    #[arg(long)]
    held: bool,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// One JSON object a line, with the whole manifest, instead of a table
    #[arg(long)]
    json: bool,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'l> {
    id: &'l str,
    class: &'static str,
    sealed_bytes: u64,
    stamped: bool,
    held: bool,
    hold: Option<&'l Hold>,
    /// None where it cannot be read: `vigie evidence verify` says why.
    manifest: Option<&'l Manifest>,
}

pub fn run(args: &Args, desk: &Desk) -> Outcome {
    desk.trail.record(Action::EvidenceListed, "", &[])?;
    let mut listed: Vec<(Item, Option<Manifest>)> = Vec::new();
    for item in desk.items.all()? {
        if !args.held || item.is_held() {
            let manifest = item.manifest().ok();
            listed.push((item, manifest));
        }
    }
    // Those that cannot be read come first: somebody has to look.
    listed.sort_by_key(|(_, manifest)| {
        std::cmp::Reverse(manifest.as_ref().map_or(jiff::Timestamp::MAX, |m| m.captured_at))
    });
    let mut out = stdout().lock();
    for (item, manifest) in listed.iter().take(args.limit as usize) {
        if args.json {
            let hold = item.hold();
            let line = Line {
                id: &item.id,
                class: item.class.name(),
                sealed_bytes: item.sealed_bytes(),
                stamped: item.is_stamped(),
                held: item.is_held(),
                hold: hold.as_ref(),
                manifest: manifest.as_ref(),
            };
            serde_json::to_writer(&mut out, &line)?;
            writeln!(out)?;
        } else {
            row(&mut out, item, manifest.as_ref())?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn row(out: &mut impl Write, item: &Item, manifest: Option<&Manifest>) -> std::io::Result<()> {
    let mut marks = Vec::new();
    if item.is_stamped() {
        marks.push("time-stamped");
    }
    if item.is_held() {
        marks.push("held");
    }
    let class = item.class.name();
    let Some(manifest) = manifest else {
        return writeln!(out, "{}  {class:8} cannot be read; hint: vigie evidence verify {0}", item.id);
    };
    if !manifest.missing.is_empty() {
        marks.push("incomplete");
    }
    let (id, at, bytes) = (&item.id, manifest.captured_at, item.sealed_bytes());
    let post = manifest.post.0.escape_debug();
    writeln!(out, "{id}  {at:.0}  {class:8} {bytes:>12} bytes  {post}  {}", marks.join(", "))
}
