//! What the demo waits for and tells: the service's own log events and the alert it writes, line by line.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;

use serde::Deserialize;

use crate::cli::alerts::describe;
use crate::model::{Alert, Verdict};

/// The channel on which the CERT is told.
pub const CERT: &str = "cert";

/// The fields of a log line that the story uses.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Event {
    pub event: String,
    pub site: Option<String>,
    pub verdict: Option<String>,
    pub documents: Option<u64>,
    pub bytes: Option<u64>,
    pub rows: Option<u64>,
    pub records: Option<u64>,
    pub system: Option<String>,
    pub probability: Option<f64>,
    pub ms: Option<u64>,
    pub channel: Option<String>,
    pub error: Option<String>,
    pub message: String,
}

/// What has come true so far.
#[derive(Debug)]
pub struct Story {
    started: Instant,
    /// Verdicts on the documents of each site.
    verdicts: BTreeMap<(String, String), u64>,
    /// Whether the CERT's channel has an alert.
    told: bool,
    /// Every alert, by its newest revision.
    pub alerts: BTreeMap<crate::model::AlertId, Alert>,
}

/// What has to come true.
#[derive(Debug)]
pub struct Expected<'a> {
    pub system: &'a str,
    pub snapshot: &'a str,
    pub records: u64,
    /// Site and verdict, one for each look-alike.
    pub silent: &'a [(String, &'a str)],
}

impl Story {
    pub fn new(started: Instant) -> Self {
        Self { started, verdicts: BTreeMap::new(), told: false, alerts: BTreeMap::new() }
    }

    /// Prints a line of the story with its time.
    pub fn tell(&self, what: &str, text: &str) {
        tell(&format!("{:>7.3} s  {what:<10} {text}", self.started.elapsed().as_secs_f64()));
    }

    /// Takes up what the service says.
    pub fn hear(&mut self, event: &Event) {
        let site = event.site.as_deref().unwrap_or_default();
        match event.event.as_str() {
            "service.ready" => self.tell("ready", &format!("the service stands after {} ms", event.ms.unwrap_or(0))),
            "post.accepted" => {
                let (documents, bytes) = (event.documents.unwrap_or(0), event.bytes.unwrap_or(0));
                let parts = if documents == 1 { "1 document".to_owned() } else { format!("{documents} documents") };
                self.tell("fetched", &format!("a post on {site}: {parts}, {bytes} bytes, safely queued"));
            }
            "document.judged" => {
                let verdict = event.verdict.clone().unwrap_or_default();
                let rows = event.rows.unwrap_or(0);
                let of = match (&event.system, event.records) {
                    (Some(system), Some(records)) => format!(", {records} records of {system}"),
                    _ => String::new(),
                };
                let ms = event.ms.unwrap_or(0);
                self.tell("matched", &format!("on {site}: {rows} rows{of} -> {} ({ms} ms)", verdict.to_uppercase()));
                *self.verdicts.entry((site.to_owned(), verdict)).or_default() += 1;
            }
            "alert.raised" if event.verdict.as_deref() == Some("leak") => self.tell("alerted", "one incident"),
            "alert.raised" => {
                let verdict = event.verdict.as_deref().unwrap_or_default();
                self.tell("noted", &format!("an {verdict}: kept for the analyst, nobody is woken"));
            }
            // The other channel is for desktops and hears of everything.
            "alert.delivered" if event.channel.as_deref() == Some(CERT) => {
                self.told = true;
                self.tell("delivered", "the CERT has it");
            }
            _ if event.error.is_some() => {
                self.tell("trouble", &format!("{}: {}", event.message, event.error.as_deref().unwrap_or_default()));
            }
            _ => {}
        }
    }

    /// Prints the alert on the leak as the CERT on call would read it.
    pub fn conclude(&self) {
        let mut text = Vec::new();
        for alert in self.alerts.values().filter(|alert| alert.verdict == Verdict::Leak) {
            // Writing to memory cannot fail.
            let _ = describe(&mut text, alert);
        }
        tell(&format!("\n{}", String::from_utf8_lossy(&text).trim_end()));
    }

    /// Whether all that was posted has been judged, and a leak alerted.
    pub fn is_complete(&self, expected: &Expected<'_>) -> bool {
        let judged: u64 = self.verdicts.iter().filter(|((_, v), _)| v != "leak").map(|(_, n)| n).sum();
        judged >= expected.silent.len() as u64 && self.told
    }

    /// What did not come true, in words; nothing if all did.
    pub fn failures(&self, expected: &Expected<'_>) -> Vec<String> {
        let mut failures = Vec::new();
        let leaks: Vec<&Alert> = self.alerts.values().filter(|a| a.verdict == Verdict::Leak).collect();
        match leaks.as_slice() {
            [] => failures.push("the leak was not alerted".to_owned()),
            _ if !self.told => failures.push("the CERT was not told".to_owned()),
            [alert] => failures.extend(wrong_with(alert, expected)),
            several => failures.push(format!("{} leaks were alerted, and there is one", several.len())),
        }
        let mut wanted: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (site, verdict) in expected.silent {
            *wanted.entry((site.clone(), (*verdict).to_owned())).or_default() += 1;
        }
        for ((site, verdict), count) in wanted {
            let found = self.verdicts.get(&(site.clone(), verdict.clone())).copied().unwrap_or(0);
            if found < count {
                failures.push(format!("{site}: {count} documents should be `{verdict}`, {found} are"));
            }
        }
        failures
    }
}

fn wrong_with(alert: &Alert, expected: &Expected<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(origin) = alert.attribution.first() else { return vec!["the alert names no system".to_owned()] };
    if origin.system.as_str() != expected.system {
        wrong.push(format!("the leak was traced to {}, and it is from {}", origin.system, expected.system));
    }
    let [from, to] = origin.snapshot_interval.map(|day| day.to_string());
    if expected.snapshot < from.as_str() || expected.snapshot > to.as_str() {
        wrong.push(format!("the leak was dated {from} to {to}, and it is from {}", expected.snapshot));
    }
    if alert.impact.records != expected.records {
        wrong.push(format!("{} records were recognised of {}", alert.impact.records, expected.records));
    }
    wrong
}

/// Prints a line of the story. That nobody reads on (`| head`) is no reason to fail: the story is checked all the same.
fn tell(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
