//! Dates of birth: `YYYY-MM-DD` from whatever order, separator or month name they are written with.

use jiff::Span;
use jiff::civil::Date;

/// Which of two numbers that both could be either is the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateOrder {
    /// `15/07/1986`
    #[default]
    DayFirst,
    /// `07/15/1986`
    MonthFirst,
}

/// The longest date, white space and time of day included.
const MAX_LEN: usize = 48;

/// Seconds.
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Years of birth that are believed.
const YEARS: std::ops::RangeInclusive<u32> = 1850..=2100;

/// Two-digit years up to this one belong to this century. Fixed, so that an index means the same tomorrow.
const PIVOT: u32 = 29;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// A number, and the digits it is written with.
    Number(u32, usize),
    Month(u32),
}

/// The likeliest reading.
pub(super) fn likeliest(raw: &[u8], order: DateOrder, out: &mut Vec<u8>) -> bool {
    let mut found = false;
    each(raw, order, |form| {
        if !found {
            out.extend_from_slice(form);
            found = true;
        }
    });
    found
}

/// Each reading, likeliest first.
pub(super) fn each(raw: &[u8], order: DateOrder, mut each: impl FnMut(&[u8])) {
    let mut emit = |year: u32, month: u32, day: u32| {
        if is_day(year, month, day) {
            let digit = |n: u32| b'0' + (n % 10) as u8;
            each(&[
                digit(year / 1000),
                digit(year / 100),
                digit(year / 10),
                digit(year),
                b'-',
                digit(month / 10),
                digit(month),
                b'-',
                digit(day / 10),
                digit(day),
            ]);
        }
    };
    use Part::{Month, Number};
    match parts(raw) {
        Some([Number(year, 4), Number(month, _), Number(day, _)]) => emit(year, month, day),
        Some([Number(first, 1..=2), Number(second, 1..=2), Number(year, digits @ (2 | 4))]) => {
            let full = if digits == 4 { year } else { century(year) };
            let (day_first, month_first) = ((full, second, first), (full, first, second));
            let in_order =
                if order == DateOrder::DayFirst { [day_first, month_first] } else { [month_first, day_first] };
            in_order.into_iter().for_each(|(y, m, d)| emit(y, m, d));
            if digits == 2 {
                emit(century(first), second, year);
            }
        }
        Some(
            [Number(day, 1..=2), Month(month), Number(year, 4)] | [Month(month), Number(day, 1..=2), Number(year, 4)],
        ) => {
            emit(year, month, day);
        }
        Some([Number(day, 1..=2), Month(month), Number(year, 2)]) => emit(century(year), month, day),
        Some([Number(year, 4), Month(month), Number(day, 1..=2)]) => emit(year, month, day),
        Some([Number(all, 8), Number(0, 0), Number(0, 0)]) => {
            emit(all / 10_000, all / 100 % 100, all % 100);
            emit(all % 10_000, all / 10_000 % 100, all / 1_000_000);
        }
        _ => {}
    }
    for day in since_1970(raw) {
        emit(day.year().unsigned_abs().into(), day.month().unsigned_abs().into(), day.day().unsigned_abs().into());
    }
}

/// Whether the day may stand first, and the month, where two numbers of one or two digits stand before a year.
pub(super) fn orders(raw: &[u8]) -> (bool, bool) {
    match parts(raw) {
        Some([Part::Number(a, 1..=2), Part::Number(b, 1..=2), Part::Number(_, 2 | 4)]) => {
            let is = |day: u32, month: u32| (1..=31).contains(&day) && (1..=12).contains(&month);
            (is(a, b), is(b, a))
        }
        _ => (false, false),
    }
}

/// The day of a moment in seconds or milliseconds since 1970, as programs keep days: midnight, of UTC or of a zone up to two hours before it.
/// Any other moment is no day. Fewer digits than seven may be any number; of as many as both may have, both are read.
fn since_1970(raw: &[u8]) -> impl Iterator<Item = Date> {
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    let is_moment = (7..=13).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let digits = if is_moment { digits } else { b"" };
    let written = digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    let number = if digits.len() < raw.len() { -written } else { written };
    let midnight = |seconds: i64| {
        let of_day = seconds.rem_euclid(DAY);
        match of_day {
            0 => Some(seconds / DAY),
            _ if of_day % HOUR == 0 && of_day >= DAY - 2 * HOUR => Some(seconds.div_euclid(DAY) + 1),
            _ => None,
        }
    };
    let seconds = (7..=10).contains(&digits.len()).then_some(number);
    let millis = (is_moment && number % 1_000 == 0).then_some(number / 1_000);
    let days = [seconds, millis].into_iter().flatten().filter_map(midnight);
    let epoch = Date::constant(1970, 1, 1);
    days.filter_map(move |day| epoch.checked_add(Span::new().try_days(day).ok()?).ok())
}

fn century(year: u32) -> u32 {
    if year <= PIVOT { 2000 + year } else { 1900 + year }
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    YEARS.contains(&year) && (1..=days).contains(&day)
}

/// The three parts of a date; a date in one number has two empty ones behind it. None where what is written is no date, or
/// something other than a time of day follows it.
fn parts(raw: &[u8]) -> Option<[Part; 3]> {
    plain(raw).or_else(|| written(raw))
}

/// The parts of `YYYY-MM-DD`, which most systems export.
fn plain(raw: &[u8]) -> Option<[Part; 3]> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = raw else { return None };
    let digits = [y1, y2, y3, y4, m1, m2, d1, d2].map(|digit| u32::from(digit.wrapping_sub(b'0')));
    let [y1, y2, y3, y4, m1, m2, d1, d2] = digits;
    let year = Part::Number(y1 * 1000 + y2 * 100 + y3 * 10 + y4, 4);
    let all = digits.iter().all(|digit| *digit < 10);
    all.then_some([year, Part::Number(m1 * 10 + m2, 2), Part::Number(d1 * 10 + d2, 2)])
}

/// The parts in any other order and writing.
fn written(raw: &[u8]) -> Option<[Part; 3]> {
    let mut folded = [0u8; MAX_LEN];
    let text = fold(raw, &mut folded)?;
    let mut parts = [Part::Number(0, 0); 3];
    let (mut count, mut at) = (0, 0);
    while at < text.len() && count < 3 {
        let b = text[at];
        if b.is_ascii_digit() {
            let len = text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
            if len > 8 {
                return None;
            }
            let number = text[at..at + len].iter().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
            parts[count] = Part::Number(number, len);
            count += 1;
            at += len;
            // `1er janvier`, `1st of January`, `15th`
            at += ordinal(&text[at..]);
            if len == 8 && count == 1 {
                break;
            }
        } else if b.is_ascii_lowercase() {
            let len = text[at..].iter().take_while(|b| b.is_ascii_lowercase()).count();
            match month(&text[at..at + len], count) {
                Word::Month(month) => {
                    parts[count] = Part::Month(month);
                    count += 1;
                }
                Word::Skip => {}
                Word::Other => return None,
            }
            at += len;
        } else if matches!(b, b'/' | b'-' | b'.' | b' ' | b',' | b'_') {
            at += 1;
        } else {
            return None;
        }
    }
    let whole = count == 3 || (count == 1 && matches!(parts[0], Part::Number(_, 8)));
    (whole && is_time(&text[at..])).then_some(parts)
}

fn ordinal(rest: &[u8]) -> usize {
    const ENDINGS: [&[u8]; 5] = [b"er", b"st", b"nd", b"rd", b"th"];
    let stands = |end: &&&[u8]| rest.starts_with(end) && !rest.get(2).is_some_and(u8::is_ascii_alphanumeric);
    if ENDINGS.iter().any(|end| stands(&end)) { 2 } else { 0 }
}

enum Word {
    Month(u32),
    Skip,
    Other,
}

/// What a word in small letters is in a date, before which so many parts stand: names of months and days, French and English, are told by
/// their first letters. Asked of every word of a sentence: a match, for a list takes ten times as long.
fn month(word: &[u8], before: usize) -> Word {
    let month = match word {
        [b'j', b'a', b'n', ..] => 1,
        [b'f', b'e', b'v' | b'b', ..] => 2,
        [b'm', b'a', b'r', ..] => 3,
        [b'a', b'v' | b'p', b'r', ..] => 4,
        [b'm', b'a', b'i' | b'y', ..] => 5,
        [b'j', b'u', b'n', ..] | [b'j', b'u', b'i', b'n', ..] => 6,
        [b'j', b'u', b'l', ..] | [b'j', b'u', b'i', b'l', ..] => 7,
        [b'a', b'o', b'u', ..] | [b'a', b'u', b'g', ..] => 8,
        [b's', b'e', b'p', ..] => 9,
        [b'o', b'c', b't', ..] => 10,
        [b'n', b'o', b'v', ..] => 11,
        [b'd', b'e', b'c', ..] => 12,
        b"of" | b"de" => return Word::Skip,
        _ if before == 0 && is_day_of_week(word) => return Word::Skip,
        _ => return Word::Other,
    };
    // `mardi` begins like `mars`.
    let is_tuesday = month == 3 && before == 0 && !matches!(word, b"mar" | b"mars" | b"march");
    if is_tuesday { Word::Skip } else { Word::Month(month) }
}

/// Whether a word begins as a day of the week does, or the article before one.
fn is_day_of_week(word: &[u8]) -> bool {
    matches!(word, [b'l', b'e', ..])
        || word.first_chunk().is_some_and(|first: &[u8; 3]| {
            let french = matches!(first, b"lun" | b"mar" | b"mer" | b"jeu" | b"ven" | b"sam" | b"dim");
            french || matches!(first, b"mon" | b"tue" | b"wed" | b"thu" | b"fri" | b"sat" | b"sun")
        })
}

/// What follows a date: nothing, a `Z` or offset, or a time of day, which is dropped.
fn is_time(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii();
    let rest = rest.strip_prefix(b"t").unwrap_or(rest).trim_ascii();
    rest.iter().all(|b| {
        b.is_ascii_digit()
            || matches!(b, b':' | b'.' | b'+' | b'-' | b'z' | b' ' | b'a' | b'p' | b'm' | b'u' | b't' | b'c' | b'h')
    }) && rest.first().is_none_or(|b| b.is_ascii_digit() || matches!(b, b'z' | b'+'))
        && (rest.is_empty() || rest == b"z" || rest.iter().any(|b| matches!(b, b':' | b'h')))
}

/// Lower case without accents.
fn fold<'a>(raw: &[u8], out: &'a mut [u8; MAX_LEN]) -> Option<&'a [u8]> {
    if raw.len() > MAX_LEN || raw.len() < 6 {
        return None;
    }
    if raw.is_ascii() {
        for (to, from) in out.iter_mut().zip(raw) {
            *to = from.to_ascii_lowercase();
        }
        return Some(&out[..raw.len()]);
    }
    let mut len = 0;
    for c in std::str::from_utf8(raw).ok()?.chars() {
        let plain = match c {
            'é' | 'è' | 'É' | 'È' => b'e',
            'û' | 'ù' | 'Û' | 'Ù' => b'u',
            '\u{a0}' | '\u{202f}' => b' ',
            '\u{2010}'..='\u{2015}' => b'-',
            c if c.is_ascii() => (c as u8).to_ascii_lowercase(),
            _ => return None,
        };
        out[len] = plain;
        len += 1;
    }
    Some(&out[..len])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn months_and_days_are_known_by_their_names_and_what_is_short_for_them() {
        let months = [
            "janvier janv jan january",
            "fevrier fevr fev february feb",
            "mars mar march",
            "avril avr april apr",
            "mai may",
            "juin june jun",
            "juillet juil july jul",
            "aout aou august aug",
            "septembre sept sep september",
            "octobre oct october",
            "novembre nov november",
            "decembre dec december",
        ];
        for (no, names) in (1..).zip(months) {
            for name in names.split(' ') {
                assert!(matches!(month(name.as_bytes(), 0), Word::Month(month) if month == no), "{name}");
                assert!(matches!(month(name.as_bytes(), 1), Word::Month(month) if month == no), "{name}");
            }
        }
        for day in "lundi mardi mercredi jeudi vendredi samedi dimanche monday tuesday wednesday thursday friday saturday sunday le lun".split(' ') {
            assert!(matches!(month(day.as_bytes(), 0), Word::Skip), "{day}");
        }
        assert!(["of", "de"].iter().all(|word| matches!(month(word.as_bytes(), 1), Word::Skip)));
        assert!(
            ["", "j", "ju", "jui", "bought", "on", "a"]
                .iter()
                .all(|word| matches!(month(word.as_bytes(), 0), Word::Other))
        );
    }

    #[test]
    fn a_day_is_read_from_the_moment_that_programs_keep_of_it() {
        let read = |raw: &str| {
            let mut all = Vec::new();
            each(raw.as_bytes(), DateOrder::DayFirst, |form| all.push(String::from_utf8_lossy(form).into_owned()));
            all
        };
        for day in ["385776000", "385776000000", "385772400", "385768800000"] {
            assert_eq!(read(day), ["1982-03-24"], "{day}");
        }
        assert_eq!(read("-86400000"), ["1967-04-07", "1969-12-31"]);
        assert_eq!(read("-1577923200"), ["1920-01-01"]);
        assert_eq!(read("951782400"), ["2000-02-29"]);
        // Another moment, a number, a day in digits.
        for other in ["385776001", "385776000001", "0612345678", "385776", "9999999999999", "-", "86400000000000"] {
            assert_eq!(read(other), [""; 0], "{other}");
        }
        assert_eq!(read("19820324"), ["1982-03-24"]);
    }

    proptest! {
        #[test]
        fn what_is_read_at_a_glance_is_what_it_is_read_as(date in "[0-9]{4}-[0-9]{2}-[0-9]{2}", odd in "[0-9]{3,4}-[0-9:]{2}.[0-9 ]{2}") {
            prop_assert!(plain(date.as_bytes()).is_some());
            prop_assert_eq!(plain(date.as_bytes()), written(date.as_bytes()));
            if plain(odd.as_bytes()).is_some() {
                prop_assert_eq!(plain(odd.as_bytes()), written(odd.as_bytes()));
            }
        }
    }
}
