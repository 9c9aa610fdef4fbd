//! Which channels hear of an alert, and when.

use std::collections::BTreeMap;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::model::{Alert, Change, SettingProblem, Severity, SystemId, Verdict};

/// `when` of a channel, as written: what it wants to hear of. Everything left out lets everything through.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawRoute {
    /// Only alerts that concern one of these systems or term watchlists.
    pub systems: Vec<SystemId>,
    /// Only from this severity on: `low`, `medium`, `high`, `critical`.
    pub min_severity: Option<Severity>,
    /// Only these verdicts: `leak`, `overlap`, `term`.
    pub verdicts: Vec<Verdict>,
    /// Only when the likeliest system is at least so likely, 0 to 1.
    pub min_probability: Option<f64>,
    /// Only from so many records on.
    pub min_records: Option<u64>,
    /// Hours in which nothing but critical alerts is told; the rest is told at their end.
    pub quiet: Option<RawQuiet>,
    /// Only alerts that nobody has acknowledged after this time: `30m`. The channel hears of them once.
    pub unacknowledged_after: Option<SignedDuration>,
    /// Alerts that can wait are told together, once a day.
    pub digest: Option<RawDigest>,
}

/// A daily digest, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawDigest {
    /// The gravest severity that can wait: `low`, `medium`, `high`. Default: `low`.
    #[serde(default)]
    pub up_to: Option<Severity>,
    /// The time of day: `08:00`.
    pub at: Time,
    /// The time zone: `Europe/Paris`. Default: the system's.
    pub zone: Option<String>,
}

/// Quiet hours, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawQuiet {
    /// Their begin: `20:00`.
    pub from: Time,
    /// Their end: `07:00`, on the next day if earlier than `from`.
    pub to: Time,
    /// The time zone: `Europe/Paris`. Default: the system's.
    pub zone: Option<String>,
}

/// What one channel wants to hear of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Route {
    systems: Vec<SystemId>,
    min_severity: Option<Severity>,
    verdicts: Vec<Verdict>,
    min_probability: f64,
    min_records: u64,
    quiet: Option<Quiet>,
    unacknowledged_after: Option<SignedDuration>,
    digest: Option<Digest>,
}

#[derive(Debug, Clone, PartialEq)]
struct Digest {
    up_to: Severity,
    at: Time,
    zone: TimeZone,
}

/// What a channel has heard of an alert before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nothing.
    Nothing,
    /// Nothing yet, but something waits for a later hour.
    Waiting,
    /// Something, or it is under way.
    Told,
}

#[derive(Debug, Clone, PartialEq)]
struct Quiet {
    from: Time,
    to: Time,
    zone: TimeZone,
}

impl RawRoute {
    /// Checks the route.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self) -> Result<Route, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let min_probability = self.min_probability.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&min_probability) {
            problems.push(SettingProblem::new("min_probability", "is not a probability; hint: use 0 to 1"));
        }
        if self.verdicts.contains(&Verdict::Clear) {
            problems.push(SettingProblem::new("verdicts", "`clear` is never told; hint: leak, overlap, term"));
        }
        let day = SignedDuration::from_hours(24 * 7);
        if self.unacknowledged_after.is_some_and(|after| after < SignedDuration::from_mins(1) || after > day) {
            problems.push(SettingProblem::new("unacknowledged_after", "is out of range; hint: use 1m to 7d"));
        }
        let quiet = self.quiet.and_then(|raw| raw.validate().map_err(|p| problems.push(p)).ok());
        let digest = self.digest.and_then(|raw| raw.validate().map_err(|p| problems.push(p)).ok());
        if digest.is_some() && self.unacknowledged_after.is_some() {
            let hint = "what nobody has taken cannot wait; hint: use a channel for each";
            problems.push(SettingProblem::new("digest", hint));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Route {
            systems: self.systems,
            min_severity: self.min_severity,
            verdicts: self.verdicts,
            min_probability,
            min_records: self.min_records.unwrap_or(0),
            quiet,
            unacknowledged_after: self.unacknowledged_after,
            digest,
        })
    }
}

fn zone(setting: &str, name: Option<&str>) -> Result<TimeZone, SettingProblem> {
    let hint = "is no known time zone; hint: Europe/Paris";
    name.map_or(Ok(TimeZone::system()), TimeZone::get).map_err(|_| SettingProblem::new(setting, hint))
}

impl RawQuiet {
    fn validate(self) -> Result<Quiet, SettingProblem> {
        let zone = zone("quiet.zone", self.zone.as_deref())?;
        if self.from == self.to {
            return Err(SettingProblem::new("quiet.to", "is when they begin; hint: leave `quiet` out"));
        }
        Ok(Quiet { from: self.from, to: self.to, zone })
    }
}

impl RawDigest {
    fn validate(self) -> Result<Digest, SettingProblem> {
        let zone = zone("digest.zone", self.zone.as_deref())?;
        let up_to = self.up_to.unwrap_or(Severity::Low);
        if up_to == Severity::Critical {
            return Err(SettingProblem::new("digest.up_to", "critical alerts cannot wait; hint: low, medium or high"));
        }
        Ok(Digest { up_to, at: self.at, zone })
    }
}

impl Route {
    /// The systems that are asked for; none for all.
    #[must_use]
    pub fn systems(&self) -> &[SystemId] {
        &self.systems
    }

    /// Whether alerts are told together.
    #[must_use]
    pub fn has_digest(&self) -> bool {
        self.digest.is_some()
    }

    /// What the channel is to hear of this change, and when; `None` when it is not.
    ///
    /// A channel that has heard of an alert hears what becomes of it, also when it would not have asked for what it
    /// has become: whoever was told that it was their system must learn that it was another. One that has heard
    /// nothing hears of it as new, and not that somebody has taken what it never knew of.
    fn entry(&self, alert: &Alert, change: Change, heard: Heard, now: Timestamp) -> Option<(Change, Timestamp)> {
        let first = matches!(change, Change::Raised | Change::Updated);
        match heard {
            Heard::Nothing if !first || !self.wants(alert) => return None,
            Heard::Nothing | Heard::Waiting | Heard::Told => {}
        }
        if let Some(after) = self.unacknowledged_after {
            let due = now.checked_add(after).unwrap_or(Timestamp::MAX);
            return (heard == Heard::Nothing).then_some((Change::Escalated, due));
        }
        if let Some(digest) = self.digest.as_ref().filter(|digest| alert.severity <= digest.up_to) {
            return (first || heard == Heard::Waiting).then(|| (Change::Digest, digest.next(now)));
        }
        let change = if heard == Heard::Told { change } else { Change::Raised };
        let quiet = self.quiet.as_ref().filter(|_| alert.severity < Severity::Critical);
        Some((change, quiet.map_or(now, |quiet| quiet.end(now))))
    }

    fn wants(&self, alert: &Alert) -> bool {
        let of = |system: &SystemId| {
            alert.attribution.first().is_some_and(|a| a.system == *system)
                || alert.terms.iter().any(|t| t.watchlist == *system)
        };
        let likeliest = alert.attribution.first().map_or(0.0, |a| a.probability);
        // A probability and a count are asked of records; a term has neither.
        let has_records = !alert.attribution.is_empty();
        (self.systems.is_empty() || self.systems.iter().any(of))
            && self.min_severity.is_none_or(|min| alert.severity >= min)
            && (self.verdicts.is_empty() || self.verdicts.contains(&alert.verdict))
            && (!has_records || likeliest >= self.min_probability)
            && (!has_records || alert.impact.records >= self.min_records)
    }
}

impl Quiet {
    /// The end of the quiet hours that `now` lies in, or `now`.
    fn end(&self, now: Timestamp) -> Timestamp {
        let here = now.to_zoned(self.zone.clone());
        let time = here.time();
        let over_midnight = self.to < self.from;
        let inside =
            if over_midnight { time >= self.from || time < self.to } else { time >= self.from && time < self.to };
        if !inside {
            return now;
        }
        let day = if over_midnight && time >= self.from { here.date().tomorrow() } else { Ok(here.date()) };
        let end = day.and_then(|day| day.to_datetime(self.to).to_zoned(self.zone.clone()));
        end.map_or(now, |end| end.timestamp())
    }
}

impl Digest {
    /// The next time it is told, after `now`.
    fn next(&self, now: Timestamp) -> Timestamp {
        let here = now.to_zoned(self.zone.clone());
        let on = |day: jiff::civil::Date| day.to_datetime(self.at).to_zoned(self.zone.clone()).map(|z| z.timestamp());
        let today = on(here.date());
        match today {
            Ok(today) if today > now => today,
            _ => here.date().tomorrow().and_then(on).unwrap_or(now),
        }
    }
}

/// What every channel wants to hear of, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Routes(BTreeMap<String, Route>);

impl FromIterator<(String, Route)> for Routes {
    fn from_iter<T: IntoIterator<Item = (String, Route)>>(routes: T) -> Self {
        Self(routes.into_iter().collect())
    }
}

impl Routes {
    /// The channels to tell of a change, each by what it has heard before: name, what is told, and when.
    pub fn of<'r>(
        &'r self,
        alert: &'r Alert,
        change: Change,
        heard: impl Fn(&str) -> Heard + 'r,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'r str, Change, Timestamp)> {
        self.0.iter().filter_map(move |(name, route)| {
            let (change, due) = route.entry(alert, change, heard(name), now)?;
            Some((name.as_str(), change, due))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract;

    fn told(toml: &str, alert: &Alert, change: Change, now: &str) -> Option<(Change, String)> {
        let heard = if change == Change::Raised { Heard::Nothing } else { Heard::Told };
        told_after(toml, alert, change, heard, now)
    }

    fn told_after(toml: &str, alert: &Alert, change: Change, heard: Heard, now: &str) -> Option<(Change, String)> {
        let route = toml::from_str::<RawRoute>(toml).unwrap().validate().unwrap();
        let entry = route.entry(alert, change, heard, now.parse().unwrap());
        entry.map(|(change, due)| (change, due.to_string()))
    }

    #[test]
    fn conditions_are_all_to_be_met() {
        let mut alert = contract::alert(1, 1);
        alert.impact.records = 300;
        alert.attribution = vec![crate::alert::compose::tests::attribution("crm", 0.9, 300)];
        let wanted = |toml: &str| told(toml, &alert, Change::Raised, "2026-08-01T12:00:00Z").is_some();
        assert!(wanted(""));
        assert!(wanted("systems = ['crm']\nmin_severity = 'high'\nverdicts = ['leak']\nmin_records = 300"));
        for toml in [
            "systems = ['billing']",
            "min_severity = 'critical'",
            "verdicts = ['term', 'overlap']",
            "min_probability = 0.91",
            "min_records = 301",
        ] {
            assert!(!wanted(toml), "{toml}");
        }
    }

    #[test]
    fn quiet_hours_end_in_the_morning_and_never_hold_back_critical_alerts() {
        let toml = "quiet = { from = '20:00', to = '07:00', zone = 'Europe/Paris' }";
        let mut alert = contract::alert(1, 1);
        let due = |alert: &Alert, now: &str| told(toml, alert, Change::Raised, now).unwrap().1;
        assert_eq!(due(&alert, "2026-08-01T12:00:00Z"), "2026-08-01T12:00:00Z");
        assert_eq!(due(&alert, "2026-08-01T18:30:00Z"), "2026-08-02T05:00:00Z", "20:30 in Paris");
        assert_eq!(due(&alert, "2026-08-02T03:00:00Z"), "2026-08-02T05:00:00Z");
        assert_eq!(due(&alert, "2026-08-02T05:00:00Z"), "2026-08-02T05:00:00Z");
        alert.severity = Severity::Critical;
        assert_eq!(due(&alert, "2026-08-01T18:30:00Z"), "2026-08-01T18:30:00Z");
    }

    #[test]
    fn an_escalation_is_told_once_and_later() {
        let alert = contract::alert(1, 1);
        let toml = "unacknowledged_after = '30m'";
        let raised = told(toml, &alert, Change::Raised, "2026-08-01T12:00:00Z");
        assert_eq!(raised, Some((Change::Escalated, "2026-08-01T12:30:00Z".into())));
        assert_eq!(told(toml, &alert, Change::Updated, "2026-08-01T12:00:00Z"), None);
    }

    #[test]
    fn a_channel_hears_of_an_alert_as_new_and_then_to_the_end() {
        let now = "2026-08-01T12:00:00Z";
        let alert = contract::alert(1, 2);
        let change = |toml: &str, change, heard| told_after(toml, &alert, change, heard, now).map(|(change, _)| change);
        let (wanted, unwanted) = ("", "min_severity = 'critical'");
        assert_eq!(change(wanted, Change::Updated, Heard::Nothing), Some(Change::Raised), "the first it hears");
        assert_eq!(change(wanted, Change::Updated, Heard::Waiting), Some(Change::Raised), "in place of what waits");
        assert_eq!(change(wanted, Change::Closed, Heard::Waiting), Some(Change::Raised));
        assert_eq!(change(wanted, Change::Acknowledged, Heard::Nothing), None, "of what it never heard of");
        assert_eq!(change(unwanted, Change::Updated, Heard::Nothing), None);
        assert_eq!(change(unwanted, Change::Updated, Heard::Told), Some(Change::Updated), "what has become of it");
        let escalation = "unacknowledged_after = '30m'";
        assert_eq!(change(escalation, Change::Updated, Heard::Nothing), Some(Change::Escalated));
        assert_eq!(change(escalation, Change::Updated, Heard::Waiting), None);
    }

    #[test]
    fn what_can_wait_is_told_in_the_morning_and_what_cannot_is_not_kept() {
        let toml = "digest = { at = '08:00', zone = 'Europe/Paris', up_to = 'medium' }";
        let mut alert = contract::alert(1, 1);
        let now = "2026-08-01T12:00:00Z";
        assert_eq!(told(toml, &alert, Change::Raised, now), Some((Change::Raised, now.to_owned())), "high");
        alert.severity = Severity::Medium;
        let morning = Some((Change::Digest, "2026-08-02T06:00:00Z".to_owned()));
        assert_eq!(told(toml, &alert, Change::Raised, now), morning);
        assert_eq!(told(toml, &alert, Change::Updated, "2026-08-02T05:59:59Z"), morning);
        assert_eq!(told(toml, &alert, Change::Updated, "2026-08-02T06:00:00Z").unwrap().1, "2026-08-03T06:00:00Z");
        assert_eq!(told(toml, &alert, Change::Closed, now), None, "no news");
        assert_eq!(told_after(toml, &alert, Change::Closed, Heard::Waiting, now), morning, "as it stands by then");
    }

    #[test]
    fn every_problem_is_told() {
        let toml = "min_probability = 2.0\nverdicts = ['clear']\nunacknowledged_after = '1s'\n\
                    quiet = { from = '20:00', to = '20:00' }\ndigest = { at = '08:00', up_to = 'critical' }";
        let problems = toml::from_str::<RawRoute>(toml).unwrap().validate().unwrap_err();
        let names: Vec<_> = problems.iter().map(|p| p.setting.as_str()).collect();
        assert_eq!(names, ["min_probability", "verdicts", "unacknowledged_after", "quiet.to", "digest.up_to"]);
    }
}
