//! A report for a person to read. Values are masked; names that come from a document are escaped.

use std::io::{self, IsTerminal, Write};

use super::super::words::{counted, exported};
use crate::model::{Assessment, Skip, SkipReason, SystemAttribution, Verdict};

/// Rows of the sample that are shown.
const SAMPLE: usize = 3;
/// Reasons that are shown unless all are asked for.
const REASONS: usize = 3;

/// Writes what a reader wants to know first: verdict, origin, dates, counts, a masked sample.
pub fn describe(out: &mut impl Write, assessment: &Assessment) -> io::Result<()> {
    write(out, assessment, REASONS)
}

/// The same at full length.
pub fn detail(out: &mut impl Write, assessment: &Assessment) -> io::Result<()> {
    write(out, assessment, usize::MAX)
}

fn write(out: &mut impl Write, assessment: &Assessment, reasons: usize) -> io::Result<()> {
    let report = &assessment.report;
    let document = report.document.escape_debug();
    if report.bytes == 0 && report.skipped.iter().any(|skip| skip.reason == SkipReason::Unreadable) {
        writeln!(out, "UNREAD  {document}")?;
        return skipped(out, &report.skipped);
    }
    let rows = counted(report.rows, "row");
    writeln!(out, "{} {document}: {rows}, {} bytes", verdict(report.verdict), report.bytes)?;
    for system in &report.attribution {
        origin(out, system, reasons)?;
    }
    if !report.attribution.is_empty() {
        writeln!(out, "  {:>5.1} % that it was taken from none of these", report.outside * 100.0)?;
    }
    for term in &report.terms {
        writeln!(out, "  term `{}` of {}, {}", term.term.escape_debug(), term.watchlist, counted(term.count, "time"))?;
    }
    for row in assessment.sample.iter().take(SAMPLE) {
        let cells: Vec<&str> = row.cells.iter().map(|(_, value)| value.as_str()).collect();
        writeln!(out, "  like: {}", cells.join(" | "))?;
    }
    skipped(out, &report.skipped)
}

fn origin(out: &mut impl Write, system: &SystemAttribution, reasons: usize) -> io::Result<()> {
    let fields: Vec<&str> = system.fields.iter().map(|kind| kind.name()).collect();
    writeln!(
        out,
        "  {:>5.1} % {}, {} (closest snapshot {})",
        system.probability * 100.0,
        system.system,
        exported(system.snapshot_interval),
        system.snapshot
    )?;
    let (records, rows) = (counted(system.records, "record"), counted(system.rows, "row"));
    let canaries = match system.canaries {
        0 => String::new(),
        1 => ", 1 canary".to_owned(),
        several => format!(", {several} canaries"),
    };
    writeln!(out, "          {records} in {rows}{canaries}: {}", fields.join(", "))?;
    for reason in system.reasons.iter().take(reasons) {
        writeln!(out, "          - {reason}")?;
    }
    if let Some(refs) = &system.refs {
        writeln!(out, "          refs: {}", refs.join(" "))?;
    }
    Ok(())
}

fn skipped(out: &mut impl Write, skips: &[Skip]) -> io::Result<()> {
    for skip in skips {
        let what = if skip.what.is_empty() { String::new() } else { format!(" {}", skip.what.escape_debug()) };
        writeln!(out, "  not read{what}: {} ({})", skip.reason.name(), skip.detail.escape_debug())?;
    }
    Ok(())
}

/// The verdict in capitals, coloured on a terminal that wants it.
fn verdict(verdict: Verdict) -> String {
    let word = format!("{:7}", verdict.name().to_uppercase());
    let colour = match verdict {
        Verdict::Clear => return word,
        Verdict::Leak => "1;31",
        Verdict::Overlap | Verdict::Term => "1;33",
    };
    if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\u{1b}[{colour}m{word}\u{1b}[0m")
    } else {
        word
    }
}
