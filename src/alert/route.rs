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
        let quiet =
            self.quiet.and_then(|raw| match raw.zone.as_deref().map_or(Ok(TimeZone::system()), TimeZone::get) {
                Ok(zone) if raw.from != raw.to => Some(Quiet { from: raw.from, to: raw.to, zone }),
                Ok(_) => {
                    problems.push(SettingProblem::new("quiet.to", "is when they begin; hint: leave `quiet` out"));
                    None
                }
                Err(_) => {
                    problems.push(SettingProblem::new("quiet.zone", "is no known time zone; hint: Europe/Paris"));
                    None
                }
            });
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
        })
    }
}

impl Route {
    /// What the channel is to hear of this change, and when; `None` when it is not.
    fn entry(&self, alert: &Alert, change: Change, now: Timestamp) -> Option<(Change, Timestamp)> {
        if !self.wants(alert) {
            return None;
        }
        if let Some(after) = self.unacknowledged_after {
            let due = now.checked_add(after).unwrap_or(Timestamp::MAX);
            return (change == Change::Raised).then_some((Change::Escalated, due));
        }
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

/// What every channel wants to hear of, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Routes(BTreeMap<String, Route>);

impl FromIterator<(String, Route)> for Routes {
    fn from_iter<T: IntoIterator<Item = (String, Route)>>(routes: T) -> Self {
        Self(routes.into_iter().collect())
    }
}

impl Routes {
    /// The channels to tell of a change: name, what is told, and when.
    pub fn of<'r>(
        &'r self,
        alert: &'r Alert,
        change: Change,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'r str, Change, Timestamp)> {
        self.0.iter().filter_map(move |(name, route)| {
            let (change, due) = route.entry(alert, change, now)?;
            Some((name.as_str(), change, due))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract;

    fn told(toml: &str, alert: &Alert, change: Change, now: &str) -> Option<(Change, String)> {
        let route = toml::from_str::<RawRoute>(toml).unwrap().validate().unwrap();
        let entry = route.entry(alert, change, now.parse().unwrap());
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
    fn every_problem_is_told() {
        let toml = "min_probability = 2.0\nverdicts = ['clear']\nunacknowledged_after = '1s'\n\
                    quiet = { from = '20:00', to = '20:00' }";
        let problems = toml::from_str::<RawRoute>(toml).unwrap().validate().unwrap_err();
        let names: Vec<_> = problems.iter().map(|p| p.setting.as_str()).collect();
        assert_eq!(names, ["min_probability", "verdicts", "unacknowledged_after", "quiet.to"]);
    }
}
