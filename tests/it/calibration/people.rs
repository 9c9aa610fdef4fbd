//! People and their values: who has which name, number and address on which day. A value is a number that stands for
//! it; its text is made from that number, so that worlds cost no memory and evidence can be weighed without any text.

use vigie::model::FieldKind;

use super::draw::{mix, share};

/// What a column may hold of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    Ref,
    Contract,
    Last,
    First,
    Full,
    Birth,
    Email,
    Mobile,
    Landline,
    Street,
    Postcode,
    City,
    Company,
    Job,
    Iban,
    Login,
    Offer,
    /// Not ours and of no kind: a password hash, a time stamp.
    Junk,
}

impl Attribute {
    /// Those a system may choose its columns from, beside its key.
    pub const OF_PEOPLE: [Self; 15] = [
        Self::Last,
        Self::First,
        Self::Full,
        Self::Birth,
        Self::Email,
        Self::Mobile,
        Self::Landline,
        Self::Street,
        Self::Postcode,
        Self::City,
        Self::Company,
        Self::Job,
        Self::Iban,
        Self::Login,
        Self::Offer,
    ];

    pub fn kind(self) -> FieldKind {
        match self {
            Self::Ref => FieldKind::Ref,
            Self::Contract => FieldKind::Contract,
            Self::Last => FieldKind::LastName,
            Self::First => FieldKind::FirstName,
            Self::Full => FieldKind::FullName,
            Self::Birth => FieldKind::BirthDate,
            Self::Email => FieldKind::Email,
            Self::Mobile | Self::Landline => FieldKind::Phone,
            Self::Street => FieldKind::StreetAddress,
            Self::Postcode => FieldKind::Postcode,
            Self::City => FieldKind::City,
            Self::Company => FieldKind::Company,
            Self::Job => FieldKind::JobTitle,
            Self::Iban => FieldKind::Iban,
            Self::Login => FieldKind::Username,
            Self::Offer | Self::Junk => FieldKind::Text,
        }
    }

    /// How much likelier than the world's churn such a value changes.
    fn restless(self) -> f64 {
        match self {
            Self::Ref | Self::Contract | Self::Birth | Self::First | Self::Junk => 0.0,
            Self::Last | Self::Full | Self::Login => 0.05,
            Self::Offer | Self::Job => 1.5,
            _ => 1.0,
        }
    }

    /// Share of people of whom there is no such value.
    fn missing(self) -> f64 {
        match self {
            Self::Landline => 0.5,
            Self::Email => 0.04,
            Self::Mobile => 0.08,
            Self::Iban | Self::Job | Self::Company => 0.1,
            _ => 0.0,
        }
    }

    /// Whether a system's style changes how it is written.
    pub fn has_style(self) -> bool {
        matches!(self, Self::Last | Self::First | Self::Full | Self::City | Self::Birth | Self::Mobile | Self::Landline)
    }

    pub fn is_maskable(self) -> bool {
        matches!(self, Self::Email | Self::Mobile | Self::Landline | Self::Iban | Self::Contract)
    }
}

/// Everybody, whether customer or not. People below the population may be customers; beyond are strangers.
#[derive(Debug, Clone, Copy)]
pub struct People {
    pub seed: u64,
    /// Share of values that change in a year.
    pub churn: f64,
}

/// Days over which values may change.
const HORIZON: f64 = 1_600.0;

impl People {
    /// The person's value on a day, if there is one. For `Ref` and `Contract` see the system that gives them.
    pub fn value(&self, person: u64, what: Attribute, day: i64) -> Option<u64> {
        let key = |stream: u64, version: u64| mix(&[self.seed, person, stream, version]);
        if share(&[self.seed, person, 90 + what as u64]) < what.missing() {
            return None;
        }
        // Town and postcode are those of one address; company and town of work move together with the job.
        let version = |of: Attribute| self.version(person, of, day);
        let common = |stream: u64, of: Attribute, many: f64| {
            // Some names and towns are much commoner than others.
            let at = (key(stream, version(of)) >> 11) as f64 / (1u64 << 53) as f64;
            (many * at.powf(2.2)) as u64
        };
        Some(match what {
            Attribute::Last => common(1, Attribute::Last, 3_000.0),
            Attribute::First => common(2, Attribute::First, 400.0),
            Attribute::Full => common(2, Attribute::First, 400.0) << 32 | common(1, Attribute::Last, 3_000.0),
            Attribute::Birth => key(3, 0) % 22_000,
            Attribute::Email => key(4, version(what)),
            Attribute::Mobile | Attribute::Landline => key(5 + what as u64, version(what)) % 100_000_000,
            Attribute::Street => key(7, version(Attribute::Street)) % 120_000,
            Attribute::Postcode => common(8, Attribute::Street, 2_000.0),
            Attribute::City => common(8, Attribute::Street, 2_000.0) / 2,
            Attribute::Company => common(9, Attribute::Company, 600.0),
            Attribute::Job => common(10, Attribute::Job, 40.0),
            Attribute::Iban => key(11, version(what)) % 100_000_000_000,
            Attribute::Login => key(12, version(what)) % 1_000_000_000,
            Attribute::Offer => common(13, Attribute::Offer, 7.0),
            Attribute::Ref | Attribute::Contract | Attribute::Junk => key(14, 0),
        })
    }

    /// How often the value has changed by that day.
    fn version(&self, person: u64, what: Attribute, day: i64) -> u64 {
        let chance = (self.churn * what.restless() * HORIZON / 365.0 / 3.0).min(0.9);
        let changed = |turn: u64| {
            share(&[self.seed, person, 60 + what as u64, turn]) < chance
                && share(&[self.seed, person, 30 + what as u64, turn]) * HORIZON <= day as f64
        };
        (0..3).filter(|turn| changed(*turn)).count() as u64
    }
}

/// What a mask leaves of a value.
pub fn disclosed(what: Attribute, value: u64) -> u64 {
    match what {
        Attribute::Email => ((value % 20) << 8) | ((value >> 8) % 6),
        _ => value % 10_000,
    }
}

fn syllables(mut number: u64, many: usize) -> String {
    let mut word = String::new();
    for _ in 0..many {
        let (consonant, vowel) = (number % 15, number / 15 % 5);
        word.push(b"bcdfglmnprstvjk"[consonant as usize].into());
        word.push(b"aeiou"[vowel as usize].into());
        number /= 75;
    }
    word
}

fn titled(word: String) -> String {
    word[..1].to_uppercase() + &word[1..]
}

fn styled(name: String, style: u8) -> String {
    match style % 3 {
        0 => name,
        1 => name.to_uppercase(),
        _ => name.to_lowercase(),
    }
}

fn phone(national: String, style: u8) -> String {
    let pairs: Vec<&str> = (0..5).map(|i| &national[2 * i..2 * i + 2]).collect();
    match style % 4 {
        0 => format!("+33{}", &national[1..]),
        1 => national,
        2 => pairs.join(" "),
        _ => pairs.join("."),
    }
}

/// The value as text, in one of the styles that systems write it in; masked as a careful seller would.
pub fn text(what: Attribute, value: u64, style: u8, masked: bool) -> String {
    let last = |n: u64| titled(syllables(n, 3));
    let first = |n: u64| titled(syllables(n, 2)) + "n";
    let whole = match what {
        Attribute::Last => styled(last(value), style),
        Attribute::First => styled(first(value), style),
        Attribute::Full => styled(first(value >> 32) + " " + &last(value & 0xffff_ffff), style),
        Attribute::Birth => {
            let day = jiff::civil::date(1940, 1, 1).checked_add(jiff::Span::new().days(value as i64)).unwrap();
            match style % 2 {
                0 => day.to_string(),
                _ => format!("{:02}/{:02}/{}", day.day(), day.month(), day.year()),
            }
        }
        Attribute::Email => {
            let letter = char::from(b'a' + (value % 20) as u8);
            format!("{letter}{:014x}@courriel{}.example", value >> 12, (value >> 8) % 6)
        }
        Attribute::Mobile => phone(format!("06{value:08}"), style),
        Attribute::Landline => phone(format!("01{value:08}"), style),
        Attribute::Street => format!("{} rue {}", value % 60 + 1, last(value / 60)),
        Attribute::Postcode => format!("{:05}", 10_000 + value * 17),
        Attribute::City => styled(titled(syllables(value * 7 + 3, 4)), style),
        Attribute::Company => titled(syllables(value * 11 + 5, 3)) + " Conseil",
        Attribute::Job => titled(syllables(value * 3 + 1, 5)),
        Attribute::Iban => iban(value),
        Attribute::Login => format!("{}{:09}", syllables(value, 2), value),
        Attribute::Offer => {
            ["essentiel", "confort", "fibre", "mobile", "duo", "trio", "pro"][value as usize % 7].into()
        }
        Attribute::Ref => format!("K{:03}{:08}", value >> 32 & 0xff, value % 100_000_000),
        Attribute::Contract => format!("{:02}-{:08}", value >> 32 & 0x3f, value % 100_000_000),
        Attribute::Junk => format!("{value:016x}"),
    };
    if masked { mask(what, &whole) } else { whole }
}

fn iban(value: u64) -> String {
    let account = format!("30004{:05}{value:011}{:02}", value % 97, value % 89);
    // Letters stand for two digits in the checksum: F 15, R 27.
    let digits = format!("{account}152700");
    let rest = digits.bytes().fold(0u64, |rest, digit| (rest * 10 + u64::from(digit - b'0')) % 97);
    format!("FR{:02}{account}", 98 - rest)
}

fn mask(what: Attribute, whole: &str) -> String {
    match what {
        Attribute::Email => {
            let (_, domain) = whole.split_once('@').unwrap();
            format!("{}*****@{domain}", &whole[..1])
        }
        _ if what.is_maskable() => {
            let shown: Vec<usize> =
                whole.bytes().enumerate().filter(|(_, b)| b.is_ascii_alphanumeric()).map(|(i, _)| i).collect();
            let hidden = &shown[2.min(shown.len())..shown.len().saturating_sub(4).max(2.min(shown.len()))];
            whole.bytes().enumerate().map(|(i, b)| if hidden.contains(&i) { '*' } else { b.into() }).collect()
        }
        _ => whole.to_owned(),
    }
}
