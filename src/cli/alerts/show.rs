//! `vigie alerts show`: one alert, as the CERT on call reads it. Values are masked; what the poster wrote is escaped.

use std::io::{self, Write, stdout};

use jiff::Timestamp;

use super::super::exit::{Exit, Outcome};
use super::super::words::counted;
use crate::audit::{Action, Trail};
use crate::model::{Alert, DocumentSummary, SystemAttribution};
use crate::store::{EntryState, Outbox, OutboxEntry, OutboxFilter, SqliteStore};

/// Show one alert with its documents and deliveries
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The alert's identifier, or its beginning
    id: String,
    /// As a JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, store: &SqliteStore, trail: &Trail) -> Outcome {
    let alert = super::find(store, &args.id)?;
    trail.record(Action::AlertShown, &alert.id.to_string(), &[])?;
    let mut out = stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &alert)?;
        writeln!(out)?;
    } else {
        describe(&mut out, &alert)?;
        let entries = store.entries(&OutboxFilter { alert: Some(alert.id), ..OutboxFilter::default() })?;
        for entry in entries.iter().rev() {
            delivery(&mut out, entry)?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// The alert as text.
pub fn describe(out: &mut impl Write, alert: &Alert) -> io::Result<()> {
    writeln!(out, "{}", alert.headline)?;
    let state = format!("{:?}", alert.state).to_lowercase();
    writeln!(out, "  alert       {} (revision {}), {state}", alert.id, alert.revision)?;
    writeln!(out, "  severity    {}, TLP {}, PAP {}", alert.severity, alert.tlp, alert.pap)?;
    writeln!(out, "  raised      {:.0}, changed {:.0}", alert.created_at, alert.updated_at)?;
    for system in &alert.attribution {
        origin(out, system)?;
    }
    if !alert.attribution.is_empty() {
        writeln!(out, "  elsewhere   {:.1} %", alert.outside * 100.0)?;
    }
    for term in &alert.terms {
        let (words, count) = (term.term.escape_debug(), counted(term.count, "time"));
        writeln!(out, "  term        `{words}` of {}, {count}", term.watchlist)?;
    }
    if alert.impact.records > 0 {
        let kinds: Vec<String> =
            alert.impact.by_kind.iter().map(|(kind, count)| format!("{kind} of {count}")).collect();
        writeln!(out, "  concerned   {}: {}", counted(alert.impact.records, "record"), kinds.join(", "))?;
        writeln!(out, "  not ours    {}", counted(alert.impact.unmatched_rows, "row"))?;
    }
    for row in &alert.sample {
        let cells: Vec<&str> = row.cells.iter().map(|(_, value)| value.as_str()).collect();
        writeln!(out, "  like        {}", cells.join(" | "))?;
    }
    alert.documents.iter().try_for_each(|summary| document(out, summary))
}

fn origin(out: &mut impl Write, system: &SystemAttribution) -> io::Result<()> {
    let [from, to] = system.snapshot_interval;
    let percent = system.probability * 100.0;
    writeln!(out, "  from        {} with {percent:.1} %, exported between {from} and {to}", system.system)?;
    system.reasons.iter().try_for_each(|reason| writeln!(out, "              - {reason}"))
}

fn document(out: &mut impl Write, document: &DocumentSummary) -> io::Result<()> {
    let escaped = |text: &str| text.escape_debug().to_string();
    writeln!(out, "  document    {} on {} at {}", escaped(&document.name), document.site, escaped(&document.url))?;
    if let Some(title) = &document.title {
        let author = document.author.as_deref().map(escaped).unwrap_or_else(|| "somebody".to_owned());
        writeln!(out, "              \"{}\" by {author}", escaped(title))?;
    }
    let after = |later: jiff::Timestamp| later.duration_since(document.seen_at).as_secs_f64();
    writeln!(
        out,
        "              seen {:.0}, fetched {:.2} s and judged {:.2} s later; {} bytes, {}, {} new",
        document.seen_at,
        after(document.fetched_at),
        after(document.matched_at),
        document.bytes,
        counted(document.rows, "row"),
        counted(document.new_records, "record"),
    )?;
    writeln!(out, "              BLAKE3 {}", document.blake3)?;
    if let Some(kept) = &document.evidence {
        let hash = kept.manifest_sha256.as_deref().unwrap_or("nothing could be kept");
        writeln!(out, "              evidence {}, manifest SHA-256 {hash}", kept.id)?;
        kept.missing.iter().try_for_each(|part| writeln!(out, "              not in the evidence: {part}"))?;
    }
    for skip in &document.skipped {
        writeln!(
            out,
            "              not read: {} {} ({})",
            escaped(&skip.what),
            skip.reason.name(),
            escaped(&skip.detail)
        )?;
    }
    Ok(())
}

fn delivery(out: &mut impl Write, entry: &OutboxEntry) -> io::Result<()> {
    let state = format!("{:?}", entry.state).to_lowercase();
    let tries = if entry.attempts > 1 { format!(" after {} tries", entry.attempts) } else { String::new() };
    let why = entry.reason.as_deref().map(|reason| format!(": {}", reason.escape_debug())).unwrap_or_default();
    let next = if entry.state == EntryState::Pending && entry.due > Timestamp::now() {
        format!(", next at {:.0}", entry.due)
    } else {
        String::new()
    };
    let (channel, change, revision) = (&entry.channel, entry.change.name(), entry.revision);
    writeln!(out, "  told        {channel} of revision {revision} ({change}): {state}{tries}{next}{why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::channels::contract::{HOSTILE, hostile_alert, is_raw};

    #[test]
    fn nothing_of_a_posters_moves_the_cursor() {
        for text in HOSTILE {
            let mut shown = Vec::new();
            describe(&mut shown, &hostile_alert(text)).unwrap();
            let shown = String::from_utf8(shown).unwrap();
            let raw: Vec<char> = shown.chars().filter(|c| is_raw(*c)).collect();
            assert!(raw.is_empty(), "{raw:?} of {text:?}");
        }
    }
}
