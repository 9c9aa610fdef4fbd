//! Whose data, and from when: evidence in, probabilities with reasons out.
//!
//! Pure arithmetic on a [`Finding`]: no file, no network, no clock, no key. The model is stated, with its assumptions
//! and its calibration, in `docs/attribution.md`; the files here follow its sections: [`likelihood`] (rows under each
//! hypothesis; `worth` says what a value is worth, `explained` what each source makes of each row, `sums` adds rows up), [`signals`] (what the document as a whole says), [`posterior`] (putting them together), [`dating`],
//! [`reasons`] (the same in words). [`baselines`] are the simple rules that the model must beat.

pub mod baselines;
mod dating;
mod explained;
mod likelihood;
mod posterior;
mod reasons;
mod signals;
mod sums;
mod worth;

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::model::finding::{Finding, bits};
use crate::model::{Assessment, FieldKind, ScanReport, Skip, SystemAttribution, SystemId, SystemImpact, Verdict};
use posterior::Posterior;

/// What attribution needs to know beside the evidence.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The day on which the document is judged: the end of an interval that nothing else bounds.
    pub today: Date,
}

/// What is known of the document as a file, for the report.
#[derive(Debug, Clone)]
pub struct DocumentFacts {
    /// How reports name it.
    pub name: String,
    /// BLAKE3 of its bytes as received, in hex.
    pub blake3: String,
    /// Bytes read, after unpacking.
    pub bytes: u64,
    /// What was not read.
    pub skipped: Vec<Skip>,
}

/// Weighs what matched in a document and says where it came from.
///
/// Every system with matched records is listed, likeliest first. The probabilities of the systems and `outside` add up
/// to 1, except that systems nothing of which was recognised are not listed.
#[must_use]
pub fn attribute(finding: &Finding, document: DocumentFacts, context: Context) -> Assessment {
    let posterior = Posterior::of(finding);
    let mut attribution: Vec<SystemAttribution> =
        posterior.systems().map(|system| describe(finding, &posterior, system, context)).collect();
    attribution.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(b.records.cmp(&a.records)));
    let outside = if attribution.is_empty() { 1.0 } else { posterior.outside };
    let verdict = verdict(&attribution, outside, !finding.terms.is_empty());
    let leading_rows = attribution.first().map_or(0, |first| first.rows);
    let impact = attribution.iter().map(|system| impact(finding, &system.system)).collect();
    Assessment {
        report: ScanReport {
            document: document.name,
            blake3: document.blake3,
            verdict,
            attribution,
            outside,
            rows: finding.rows,
            terms: finding.terms.clone(),
            bytes: document.bytes,
            skipped: document.skipped,
        },
        impact,
        unmatched_rows: finding.rows.saturating_sub(leading_rows),
        sample: finding.sample.clone(),
    }
}

/// The answer in one word: a leak when it is likelier that the document was taken from one of ours than not, whichever.
fn verdict(attribution: &[SystemAttribution], outside: f64, terms: bool) -> Verdict {
    let ours: f64 = attribution.iter().map(|system| system.probability).sum();
    match (attribution.is_empty(), terms) {
        (false, _) if ours > outside => Verdict::Leak,
        (false, _) => Verdict::Overlap,
        (true, true) => Verdict::Term,
        (true, false) => Verdict::Clear,
    }
}

fn impact(finding: &Finding, system: &SystemId) -> SystemImpact {
    let records = finding.systems.iter().find(|known| known.system == *system);
    SystemImpact {
        system: system.clone(),
        records: records.map(|r| r.records.clone()).unwrap_or_default(),
        canaries: records.map_or(0, |r| r.canaries),
    }
}

fn describe(finding: &Finding, posterior: &Posterior, system: &SystemId, context: Context) -> SystemAttribution {
    let records = finding.systems.iter().find(|known| known.system == *system);
    let dated = dating::date(finding, posterior, system, context.today);
    SystemAttribution {
        system: system.clone(),
        snapshot: dated.snapshot,
        snapshot_interval: dated.interval,
        probability: posterior.probability(system),
        records: records.map_or(0, |r| r.records.len() as u64),
        rows: records.map_or(0, |r| r.rows),
        canaries: records.map_or(0, |r| r.canaries),
        fields: fields(finding, posterior.best_source(system)),
        refs: records.filter(|r| !r.refs.is_empty()).map(|r| {
            let refs: BTreeSet<&String> = r.refs.iter().filter(|r| !r.is_empty()).collect();
            refs.into_iter().cloned().collect()
        }),
        reasons: reasons::of(finding, posterior, system, &dated),
    }
}

/// The kinds of personal data shown: those of the columns that agree in more than a stray row. A tag of eight bits
/// agrees by chance once in 256; a column that agrees in fewer than one in five of the rows explained is that, or hardly shown.
fn fields(finding: &Finding, source: usize) -> Vec<FieldKind> {
    let columns = &finding.sources[source].columns;
    let mut counts = vec![0usize; columns.len()];
    let mut rows = 0;
    for candidate in finding.hits.iter().flat_map(|hit| &hit.candidates).filter(|c| c.source as usize == source) {
        rows += 1;
        bits(candidate.agree).filter(|c| *c < columns.len()).for_each(|c| counts[c] += 1);
    }
    let shown = columns.iter().zip(&counts).filter(|(_, count)| **count > 0 && **count * 5 >= rows);
    let kinds: BTreeSet<FieldKind> = shown.map(|((_, kind), _)| *kind).filter(|kind| kind.is_reported()).collect();
    kinds.into_iter().collect()
}

#[cfg(test)]
mod tests;
