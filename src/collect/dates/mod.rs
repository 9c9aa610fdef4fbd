//! Dates as sites write them. A date orders nothing and decides nothing; it is for the reader of an alert.

mod words;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Formats with a time of day, tried in order on what the standards do not cover.
const WITH_TIME: [&str; 16] = [
    "%b %d, %Y, %I %p",
    "%B %d, %Y, %I %p",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d, %I:%M %p",
    "%b %d, %Y, %I:%M %p",
    "%B %d, %Y, %I:%M %p",
    "%b %d, %Y %H:%M",
    "%a %b %d, %Y %I:%M %p",
    "%d %b %Y, %H:%M",
    "%d %b %Y %H:%M",
    "%m-%d-%Y, %I:%M %p",
    "%d.%m.%Y, %H:%M",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%Y/%m/%d %H:%M",
];
/// Formats of a day.
const DAY: [&str; 8] =
    ["%Y-%m-%d", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d.%m.%Y", "%d/%m/%Y", "%m-%d-%Y"];

/// Reads a date. `format` is tried first; `zone` is that of dates without one; `now` is what "yesterday" refers to.
#[must_use]
pub fn parse(text: &str, format: Option<&str>, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let text = text.split_whitespace().map(plain_word).collect::<Vec<_>>().join(" ");
    if text.len() > 100 {
        return None;
    }
    format
        .and_then(|format| formatted(&text, format, zone))
        .or_else(|| number(&text))
        .or_else(|| standard(&text, zone))
        .or_else(|| WITH_TIME.iter().find_map(|format| civil(&text, format, zone)))
        .or_else(|| DAY.iter().find_map(|format| day(&text, format, zone)))
        .or_else(|| relative(&text.to_ascii_lowercase(), zone, now))
        .or_else(|| words::read(&text, zone, now))
}

/// `p.m.` as `PM`, `Sept.` as `Sep`, `Nov.` as `Nov`.
fn plain_word(word: &str) -> &str {
    match word {
        "a.m." => "AM",
        "p.m." => "PM",
        "Sept." | "Sept" => "Sep",
        _ => word.strip_suffix('.').filter(|w| w.bytes().all(|b| b.is_ascii_alphabetic())).unwrap_or(word),
    }
}

fn formatted(text: &str, format: &str, zone: &TimeZone) -> Option<Timestamp> {
    let parsed = jiff::fmt::strtime::parse(format, text).ok()?;
    let timestamp = parsed.to_timestamp().ok();
    let civil = || parsed.to_datetime().or_else(|_| parsed.to_date().map(|d| d.to_datetime(Time::midnight()))).ok();
    timestamp.or_else(|| in_zone(civil()?, zone))
}

fn civil(text: &str, format: &str, zone: &TimeZone) -> Option<Timestamp> {
    in_zone(DateTime::strptime(format, text).ok()?, zone)
}

fn day(text: &str, format: &str, zone: &TimeZone) -> Option<Timestamp> {
    in_zone(Date::strptime(format, text).ok()?.to_datetime(Time::midnight()), zone)
}

fn in_zone(civil: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    civil.to_zoned(zone.clone()).ok().map(|z| z.timestamp())
}

/// Seconds, milli- or microseconds since 1970.
fn number(text: &str) -> Option<Timestamp> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let value: i64 = whole.parse().ok()?;
    match value {
        100_000_000..=9_999_999_999 => Timestamp::from_second(value).ok(),
        100_000_000_000..=9_999_999_999_999 => Timestamp::from_millisecond(value).ok(),
        100_000_000_000_000.. => Timestamp::from_microsecond(value).ok(),
        _ => None,
    }
}

fn standard(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let iso = text.parse::<Timestamp>().ok();
    let mail = || jiff::fmt::rfc2822::parse(text).ok().map(|z| z.timestamp());
    // `2026-01-02T03:04:05` without a zone, and `+0100` without a colon.
    let bare = || text.parse::<DateTime>().ok().and_then(|d| in_zone(d, zone));
    let offset = || Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", text).ok();
    let http = || httpdate::parse_http_date(text).ok().and_then(|t| t.try_into().ok());
    iso.or_else(mail).or_else(offset).or_else(|| if text.len() > 10 { bare() } else { None }).or_else(http)
}

/// `5 minutes ago`, `Today, 10:00`, `yesterday at 3:04 pm`.
fn relative(text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    if let Some(ago) = text.strip_suffix(" ago") {
        let (count, unit) = ago.split_once(' ')?;
        let count: i64 = if matches!(count, "a" | "an" | "one") { 1 } else { count.parse().ok()? };
        let seconds = match unit.trim_end_matches('s') {
            "second" | "sec" => 1,
            "minute" | "min" => 60,
            "hour" => 3600,
            "day" => 86_400,
            "week" => 7 * 86_400,
            _ => return None,
        };
        return Timestamp::from_second(now.as_second().checked_sub(count.checked_mul(seconds)?)?).ok();
    }
    let today = now.to_zoned(zone.clone()).date();
    let (date, rest) = if let Some(rest) = text.strip_prefix("today") {
        (today, rest)
    } else {
        (today.checked_sub(1.day()).ok()?, text.strip_prefix("yesterday")?)
    };
    let rest = rest.trim_start_matches([',', ' ']).trim_start_matches("at ").trim();
    let time = ["%H:%M", "%I:%M %p", "%H:%M:%S"].iter().find_map(|f| Time::strptime(f, rest).ok());
    in_zone(date.to_datetime(time.unwrap_or(Time::midnight())), zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_many_sites_are_read() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let paris = TimeZone::get("Europe/Paris").unwrap();
        for (text, zone, expected) in [
            ("2026-01-02T03:04:05Z", &TimeZone::UTC, "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05+0100", &TimeZone::UTC, "2026-01-02T02:04:05Z"),
            ("2026-01-02T03:04:05.250+01:00", &TimeZone::UTC, "2026-01-02T02:04:05.25Z"),
            ("Fri, 02 Jan 2026 03:04:05 GMT", &paris, "2026-01-02T03:04:05Z"),
            ("2026-07-02 03:04", &paris, "2026-07-02T01:04:00Z"),
            ("Jan 2, 2026, 3:04 PM", &TimeZone::UTC, "2026-01-02T15:04:00Z"),
            ("Nov. 2, 2026, 8:24 p.m.", &TimeZone::UTC, "2026-11-02T20:24:00Z"),
            ("Sept. 2, 2026, 8 a.m.", &TimeZone::UTC, "2026-09-02T08:00:00Z"),
            ("02 Jan 2026, 15:04", &TimeZone::UTC, "2026-01-02T15:04:00Z"),
            ("1767322800", &TimeZone::UTC, "2026-01-02T03:00:00Z"),
            ("1767322800000", &TimeZone::UTC, "2026-01-02T03:00:00Z"),
            ("5 minutes ago", &TimeZone::UTC, "2026-11-21T11:55:00Z"),
            ("an hour ago", &TimeZone::UTC, "2026-11-21T11:00:00Z"),
            ("Yesterday at 3:04 PM", &TimeZone::UTC, "2026-11-20T15:04:00Z"),
            ("Today, 10:00", &paris, "2026-11-21T09:00:00Z"),
            ("2026-01-02", &TimeZone::UTC, "2026-01-02T00:00:00Z"),
        ] {
            let read = parse(text, None, zone, now);
            assert_eq!(read.map(|t| t.to_string()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_format_is_tried_first_and_nonsense_is_nothing() {
        let read = |text, format| parse(text, format, &TimeZone::UTC, Timestamp::UNIX_EPOCH).map(|t| t.to_string());
        assert_eq!(read("02/01/2026 03:04", Some("%m/%d/%Y %H:%M")).unwrap(), "2026-02-01T03:04:00Z");
        assert_eq!(read("02/01/2026", Some("%m/%d/%Y")).unwrap(), "2026-02-01T00:00:00Z");
        for nonsense in ["", "soon", "Invalid Date", "7", "99999999999999999999"] {
            assert_eq!(read(nonsense, None), None, "{nonsense}");
        }
    }
}
