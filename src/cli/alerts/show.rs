//! `vigie alerts show`: one alert, as the CERT on call reads it. Values are masked; what the poster wrote is escaped.

use std::io::{self, Write, stdout};

use jiff::Timestamp;

use super::super::exit::{Exit, Outcome};
use super::super::words::{counted, exported};
use crate::audit::{Action, Trail};
use crate::model::{Alert, DocumentSummary, Impact, SystemAttribution};
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
    history(out, alert)?;
    for (place, system) in alert.attribution.iter().enumerate() {
        origin(out, place, system)?;
    }
    if !alert.attribution.is_empty() {
        writeln!(out, "  elsewhere   {:.1} %", alert.outside * 100.0)?;
    }
    for term in &alert.terms {
        let (words, count) = (term.term.escape_debug(), counted(term.count, "time"));
        writeln!(out, "  term        `{words}` of {}, {count}", term.watchlist)?;
    }
    if alert.impact.records > 0 {
        concerned(out, &alert.impact, alert.documents.len() as u64)?;
    }
    for row in &alert.sample {
        let cells: Vec<&str> = row.cells.iter().map(|(_, value)| value.as_str()).collect();
        writeln!(out, "  like        {}", cells.join(" | "))?;
    }
    alert.documents.iter().try_for_each(|summary| document(out, summary))
}

/// What the incident has to do with others.
fn history(out: &mut impl Write, alert: &Alert) -> io::Result<()> {
    if let Some(before) = &alert.seen_before {
        let (percent, day) = (before.share * 100.0, before.at.to_zoned(jiff::tz::TimeZone::UTC).date());
        writeln!(
            out,
            "  recycled    {percent:.0} % of its first records were seen on {day}, in alert {}",
            before.alert
        )?;
    }
    match &alert.joined_to {
        Some(other) => {
            writeln!(out, "  joined      goes on as alert {other}: a document showed both to be one incident")
        }
        None => Ok(()),
    }
}

/// From this probability on, all that speaks for a system is said; below, only how many rows it would explain.
const WORTH_REASONS: f64 = 0.01;

fn origin(out: &mut impl Write, place: usize, system: &SystemAttribution) -> io::Result<()> {
    let (percent, when) = (system.probability * 100.0, exported(system.snapshot_interval));
    let label = if place == 0 { "from" } else { "or from" };
    writeln!(out, "  {label:<11} {} with {percent:.1} %, {when}", system.system)?;
    let all = place == 0 || system.probability >= WORTH_REASONS;
    let mut reasons = system.reasons.iter().take(if all { usize::MAX } else { 1 });
    reasons.try_for_each(|reason| writeln!(out, "              - {reason}"))
}

fn concerned(out: &mut impl Write, impact: &Impact, documents: u64) -> io::Result<()> {
    let once = if documents > 1 { format!(", each once over {documents} documents") } else { String::new() };
    writeln!(out, "  concerned   {} of persons or contracts{once}", counted(impact.records, "record"))?;
    for (kind, count) in &impact.by_kind {
        writeln!(out, "              {kind} of {count}")?;
    }
    if impact.canaries > 0 {
        let what = if impact.canaries == 1 { "canary, which belongs" } else { "canaries, which belong" };
        writeln!(out, "  canaries    {} {what} to nobody", impact.canaries)?;
    }
    writeln!(out, "  not ours    {} that matched nothing of the system", counted(impact.unmatched_rows, "row"))
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
    use crate::model::{AlertId, FieldKind, SeenBefore};

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

    fn shown(change: impl FnOnce(&mut Alert)) -> String {
        let mut alert = crate::store::contract::alert(1, 1);
        change(&mut alert);
        let mut text = Vec::new();
        describe(&mut text, &alert).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn what_was_seen_before_and_where_it_goes_on_is_said() {
        let other = AlertId(uuid::Uuid::from_u128(7));
        let text = shown(|alert| {
            let at = "2026-03-02T09:00:00Z".parse().unwrap();
            alert.seen_before = Some(SeenBefore { alert: other, at, share: 0.968 });
        });
        let line = format!("  recycled    97 % of its first records were seen on 2026-03-02, in alert {other}");
        assert!(text.lines().any(|l| l == line), "{text}");
        assert!(!text.contains("  joined "), "{text}");
        let text = shown(|alert| alert.joined_to = Some(other));
        assert!(text.contains(&format!("  joined      goes on as alert {other}:")), "{text}");
    }

    #[test]
    fn people_are_counted_once_with_their_kinds_and_canaries() {
        let by_kind = [(FieldKind::Email, 312), (FieldKind::Phone, 41)].into();
        let mut text = Vec::new();
        concerned(&mut text, &Impact { records: 312, by_kind, canaries: 2, unmatched_rows: 6 }, 2).unwrap();
        let lines = [
            "  concerned   312 records of persons or contracts, each once over 2 documents",
            "              email of 312",
            "              phone of 41",
            "  canaries    2 canaries, which belong to nobody",
            "  not ours    6 rows that matched nothing of the system",
        ];
        assert_eq!(String::from_utf8(text).unwrap().lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn an_unlikely_system_is_named_with_one_reason() {
        let of = |system: &str, probability: f64, reasons: [&str; 2]| SystemAttribution {
            system: system.parse().unwrap(),
            snapshot: jiff::civil::date(2026, 3, 1),
            snapshot_interval: [jiff::civil::date(1, 1, 1), jiff::civil::date(2026, 3, 1)],
            probability,
            records: 9,
            rows: 9,
            canaries: 0,
            fields: Vec::new(),
            refs: None,
            reasons: reasons.map(str::to_owned).to_vec(),
        };
        let text = shown(|alert| {
            alert.attribution = vec![of("crm", 0.99, ["why", "why else"]), of("shop", 0.004, ["why not", "nothing"])];
        });
        let lines = [
            "  from        crm with 99.0 %, exported on 2026-03-01 or before",
            "              - why",
            "              - why else",
            "  or from     shop with 0.4 %, exported on 2026-03-01 or before",
            "              - why not",
            "  elsewhere   1.0 %",
        ];
        assert!(text.contains(&lines.join("\n")), "{text}");
    }
}
