//! Dates in running words, in the languages that forums are written in: `21 novembre 2026 à 15:04`,
//! `Gestern, 10:00 Uhr`, `5 минут назад`, `Posted: Sat Nov 21st, 2026 3:04 pm`.
//!
//! What is looked for are the parts (a month's name with a day beside it, a year, a time of day), not a format: words
//! around them do not matter.

use std::sync::LazyLock;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use regex::Regex;

/// How the months begin, in English, French, German, Spanish, Italian, Portuguese, Dutch, Polish and Russian. Compared with the
/// first letters of a word, longest first where one is the beginning of another.
const MONTHS: [&[&str]; 12] = [
    &["jan", "jän", "ene", "gen", "sty", "янв"],
    &["feb", "fév", "fev", "lut", "фев"],
    &["mar", "mär", "mrz", "maa", "мар"],
    &["apr", "avr", "abr", "kwi", "апр"],
    &["may", "mai", "mag", "mei", "maj", "май", "мая"],
    &["jun", "juin", "giu", "cze", "июн"],
    &["jul", "juil", "lug", "lip", "июл"],
    &["aug", "aoû", "aou", "ago", "sie", "авг"],
    &["sep", "set", "wrz", "сен"],
    &["oct", "okt", "out", "ott", "paź", "окт"],
    &["nov", "lis", "ноя"],
    &["dec", "déc", "dez", "dic", "gru", "дек"],
];
const TODAY: [&str; 11] =
    ["today", "aujourd", "auj", "heute", "hoy", "oggi", "hoje", "vandaag", "dzisiaj", "dziś", "сегодня"];
const YESTERDAY: [&str; 9] = ["yesterday", "hier", "gestern", "ayer", "ieri", "ontem", "gisteren", "wczoraj", "вчера"];
/// Words that say that the time before them is past, or the time behind them.
const AGO: [&str; 11] = ["ago", "il y a", "vor", "hace", "fa", "há", "geleden", "temu", "назад", "ilya", "earlier"];
/// How units of time begin, and their seconds. Months before minutes: both begin alike.
const UNITS: [(&str, i64); 32] = [
    ("month", 2_592_000),
    ("mois", 2_592_000),
    ("monat", 2_592_000),
    ("mes", 2_592_000),
    ("меся", 2_592_000),
    ("year", 31_536_000),
    ("an", 31_536_000),
    ("jahr", 31_536_000),
    ("año", 31_536_000),
    ("год", 31_536_000),
    ("лет", 31_536_000),
    ("week", 604_800),
    ("sem", 604_800),
    ("woche", 604_800),
    ("недел", 604_800),
    ("day", 86_400),
    ("jour", 86_400),
    ("tag", 86_400),
    ("día", 86_400),
    ("дн", 86_400),
    ("ден", 86_400),
    ("hour", 3600),
    ("hr", 3600),
    ("heure", 3600),
    ("stund", 3600),
    ("hora", 3600),
    ("час", 3600),
    ("min", 60),
    ("мин", 60),
    ("sec", 1),
    ("sek", 1),
    ("сек", 1),
];

/// A time of day; `3:04 pm`, `15:04:05`, `15h04`.
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    let time = r"(?i)\b(\d{1,2})(?::|h|\.)(\d{2})(?::(\d{2}))?\b(?:\.\d+)?\s*([ap]\.?m\b)?";
    Regex::new(time).expect("a constant pattern")
});
/// A day in figures.
static FIGURES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(\d{1,4})([-/.])(\d{1,2})([-/.])(\d{4}|\d{2})\b").expect("a constant pattern"));

/// Reads the date that stands somewhere in `text`.
pub(super) fn read(text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let text = text.to_lowercase();
    let today = now.to_zoned(zone.clone()).date();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let says = |list: &[&str]| words.iter().any(|word| list.contains(word));
    let date = figures(&text)
        .or_else(|| named(&words, today))
        .or_else(|| says(&TODAY).then_some(today))
        .or_else(|| says(&YESTERDAY).then(|| today.checked_sub(1.day()).ok()).flatten());
    let Some(date) = date else { return ago(&text, &words, now) };
    let civil: DateTime = date.to_datetime(time(&text).unwrap_or(Time::midnight()));
    civil.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
}

/// `21.11.2026`, `2026/11/21`, `11/21/26 3:04 pm`.
fn figures(text: &str) -> Option<Date> {
    let found = FIGURES.captures(text).filter(|found| found[2] == found[4])?;
    let number = |at: usize| found[at].parse::<i16>().ok();
    let (first, second, third) = (number(1)?, number(3)?, number(5)?);
    let full = |year: i16| if year < 100 { 2000 + year } else { year };
    if found[1].len() == 4 {
        return Date::new(first, i8::try_from(second).ok()?, i8::try_from(third).ok()?).ok();
    }
    // Americans put the month first, and write am and pm.
    let american = &found[2] == "-" || (&found[2] == "/" && (text.contains("am") || text.contains("pm")));
    let (day, month) = if second > 12 || (american && first <= 12) { (second, first) } else { (first, second) };
    Date::new(full(third), i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// A month's name with a day beside it; without a year, the last such day.
fn named(words: &[&str], today: Date) -> Option<Date> {
    let (at, month) = words.iter().enumerate().find_map(|(at, word)| Some((at, month(word)?)))?;
    // `21 de noviembre`.
    let beside = if at >= 2 && words[at - 1] == "de" { at - 2 } else { at.wrapping_sub(1) };
    let before = words.get(beside).and_then(|word| day(word));
    let (day, rest) = match before {
        Some(day) => (day, at + 1),
        None => (words.get(at + 1).and_then(|word| day(word))?, at + 2),
    };
    // The time of day may stand before the year, and its zone.
    let year = |word: &&str| word.parse::<i16>().ok().filter(|year| (1990..2100).contains(year));
    if let Some(year) = words.iter().skip(rest).take(5).find_map(year) {
        return Date::new(year, month, day).ok();
    }
    let this = Date::new(today.year(), month, day).ok()?;
    if this > today.checked_add(1.day()).ok()? { Date::new(today.year() - 1, month, day).ok() } else { Some(this) }
}

fn month(word: &str) -> Option<i8> {
    // Not every word that begins like a month is one: `marketing`, `general`, `listing`.
    const LONGEST: usize = 12;
    if word.chars().count() > LONGEST || !word.chars().all(char::is_alphabetic) {
        return None;
    }
    const WHOLE: [&[&str]; 12] = [
        &[
            "january",
            "janvier",
            "januar",
            "jänner",
            "enero",
            "gennaio",
            "janeiro",
            "januari",
            "stycznia",
            "января",
            "январь",
        ],
        &[
            "february",
            "février",
            "fevrier",
            "februar",
            "febrero",
            "febbraio",
            "fevereiro",
            "februari",
            "lutego",
            "февраля",
            "февраль",
            "févr",
            "fevr",
        ],
        &["march", "mars", "märz", "maerz", "marzo", "março", "maart", "marca", "марта", "март", "mrt"],
        &["april", "avril", "abril", "aprile", "kwietnia", "апреля", "апрель"],
        &["maio", "mayo", "maggio", "maja", "мая"],
        &["june", "juni", "junio", "giugno", "junho", "czerwca", "июня", "июнь"],
        &["july", "juillet", "juli", "julio", "luglio", "julho", "lipca", "июля", "июль"],
        &["august", "août", "aout", "agosto", "augustus", "sierpnia", "августа", "август"],
        &["september", "septembre", "septiembre", "settembre", "setembro", "września", "сентября", "сентябрь", "sept"],
        &["october", "octobre", "oktober", "octubre", "ottobre", "outubro", "października", "октября", "октябрь"],
        &["november", "novembre", "noviembre", "novembro", "listopada", "ноября", "ноябрь"],
        &[
            "december",
            "décembre",
            "decembre",
            "dezember",
            "diciembre",
            "dicembre",
            "dezembro",
            "grudnia",
            "декабря",
            "декабрь",
        ],
    ];
    let found = |names: &[&[&str]; 12]| names.iter().position(|names| names.contains(&word));
    let at = found(&MONTHS).or_else(|| found(&WHOLE))?;
    i8::try_from(at + 1).ok()
}

/// `21`, `21st`, `1er`.
fn day(word: &str) -> Option<i8> {
    let digits = word.trim_end_matches(|c: char| c.is_alphabetic());
    let ending = &word[digits.len()..];
    let day = digits.parse().ok().filter(|day| (1..=31).contains(day))?;
    matches!(ending, "" | "st" | "nd" | "rd" | "th" | "er" | "го").then_some(day)
}

fn time(text: &str) -> Option<Time> {
    // A day in figures with points looks like a time with points.
    let text = FIGURES.replace(text, " ");
    let found = TIME.captures(&text)?;
    let number = |at: usize| found.get(at).map_or(Some(0), |n| n.as_str().parse::<i8>().ok());
    let (hour, minute, second) = (number(1)?, number(2)?, number(3)?);
    let hour = match found.get(4).map(|half| half.as_str().as_bytes()[0]) {
        Some(b'p') if hour < 12 => hour + 12,
        Some(b'a') if hour == 12 => 0,
        _ => hour,
    };
    Time::new(hour, minute, second, 0).ok()
}

/// `5 minutes ago`, `il y a 2 heures`, `vor einer Stunde`, `5 минут назад`.
fn ago(text: &str, words: &[&str], now: Timestamp) -> Option<Timestamp> {
    const ONE: [&str; 11] = ["a", "an", "one", "un", "une", "ein", "einer", "einem", "una", "um", "uma"];
    // Short enough to be nothing else.
    let past =
        words.len() <= 6 && AGO.iter().any(|ago| words.contains(ago) || (ago.contains(' ') && text.contains(ago)));
    if !past {
        return None;
    }
    let counted = words.iter().position(|word| word.as_bytes()[0].is_ascii_digit());
    let at = counted.or_else(|| words.iter().position(|word| ONE.contains(word)));
    // `час назад`: the one hour is not counted.
    let (count, unit) = match at {
        Some(at) if ONE.contains(&words[at]) => (1, *words.get(at + 1)?),
        Some(at) => {
            let digits = words[at].trim_end_matches(char::is_alphabetic);
            let glued = &words[at][digits.len()..];
            (digits.parse::<i64>().ok()?, if glued.is_empty() { *words.get(at + 1)? } else { glued })
        }
        None => (1, *words.first()?),
    };
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" | "j" => 86_400,
        unit => UNITS.iter().find(|(begin, _)| unit.starts_with(begin))?.1,
    };
    Timestamp::from_second(now.as_second().checked_sub(count.checked_mul(seconds)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<String> {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        read(text, &TimeZone::UTC, now).map(|date| date.to_string())
    }

    #[test]
    fn dates_in_words_are_read_in_many_languages() {
        for (text, expected) in [
            ("Posted: Sat Nov 21st, 2026 3:04 pm", "2026-11-21T15:04:00Z"),
            ("21 novembre 2026 à 15:04", "2026-11-21T15:04:00Z"),
            ("le 1er août 2026, 9h05", "2026-08-01T09:05:00Z"),
            ("21. November 2026, 15:04 Uhr", "2026-11-21T15:04:00Z"),
            ("3. März 2026", "2026-03-03T00:00:00Z"),
            ("21 ноября 2026 г., 15:04", "2026-11-21T15:04:00Z"),
            ("3 мая 2026 в 07:00", "2026-05-03T07:00:00Z"),
            ("21 de noviembre de 2026 15:04", "2026-11-21T15:04:00Z"),
            ("November 2, 2026, 03:04:05 PM", "2026-11-02T15:04:05Z"),
            ("11/21/26 3:04 PM", "2026-11-21T15:04:00Z"),
            ("21/11/2026 at 15:04", "2026-11-21T15:04:00Z"),
            ("21.11.26 15.04", "2026-11-21T15:04:00Z"),
            ("hier à 10:00", "2026-11-20T10:00:00Z"),
            ("Aujourd'hui, 08:30", "2026-11-21T08:30:00Z"),
            ("Gestern, 10:00 Uhr", "2026-11-20T10:00:00Z"),
            ("Сегодня, 08:30", "2026-11-21T08:30:00Z"),
            ("вчера в 10:00", "2026-11-20T10:00:00Z"),
            ("il y a 2 heures", "2026-11-21T10:00:00Z"),
            ("vor einer Stunde", "2026-11-21T11:00:00Z"),
            ("vor 5 Minuten", "2026-11-21T11:55:00Z"),
            ("5 минут назад", "2026-11-21T11:55:00Z"),
            ("Fri Nov 20 10:01:00 CET 2026", "2026-11-20T10:01:00Z"),
            ("Pasted by joe on 2026-01-02 03:00", "2026-01-02T03:00:00Z"),
            ("3h ago", "2026-11-21T09:00:00Z"),
            ("2 months ago", "2026-09-22T12:00:00Z"),
            // Without a year it is the last such day.
            ("20 Nov, 15:04", "2026-11-20T15:04:00Z"),
            ("24 Dec", "2025-12-24T00:00:00Z"),
        ] {
            assert_eq!(said(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "Replies: 12",
            "May",
            "March 2019",
            "General discussion 21",
            "the marketing list of 12 people",
            "12:30",
            "version 1.2.3",
            "192.0.2.10",
            "long ago",
            "99/99/2026",
            "31 février",
            "ago",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }
}
