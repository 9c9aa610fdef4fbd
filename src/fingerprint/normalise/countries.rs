//! The countries whose national forms are read, and their dialling plans.
//!
//! Calling codes and trunk prefixes after ITU-T E.164 and the national numbering plans published by the ITU (operational bulletin 994 and
//! its annexes); lengths are those of national (significant) numbers, fixed and mobile, rare short numbers left out.

use std::fmt;

/// How one country's numbers are written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// ISO 3166 code.
    pub(super) country: &'static str,
    /// Calling code.
    pub(super) code: &'static str,
    /// What is dialled before a national number at home and dropped abroad.
    pub(super) trunk: &'static str,
    /// Fewest and most digits of a national number.
    pub(super) digits: (u8, u8),
    /// Digits that national numbers begin with.
    pub(super) first: &'static str,
}

impl Plan {
    /// Whether `national` can be a number of the country.
    #[inline]
    pub(super) fn takes(&self, national: &[u8]) -> bool {
        (usize::from(self.digits.0)..=usize::from(self.digits.1)).contains(&national.len())
            && self.first.as_bytes().contains(&national[0])
    }
}

macro_rules! plans {
    ($($country:literal $code:literal $trunk:literal $min:literal $max:literal $first:literal;)*) => {
        &[$(Plan { country: $country, code: $code, trunk: $trunk, digits: ($min, $max), first: $first }),*]
    };
}

const PLANS: &[Plan] = plans! {
    "FR" "33" "0" 9 9 "123456789";
    "GP" "590" "0" 9 9 "679";   "MQ" "596" "0" 9 9 "679";   "GF" "594" "0" 9 9 "679";   "RE" "262" "0" 9 9 "2679";
    "NC" "687" "" 6 6 "23456789"; "PF" "689" "" 8 8 "48";     "PM" "508" "0" 6 6 "45";
    "BE" "32" "0" 8 9 "123456789"; "LU" "352" "" 6 11 "23456789"; "CH" "41" "0" 9 9 "23456789"; "MC" "377" "" 8 9 "3456789";
    "DE" "49" "0" 6 11 "123456789"; "AT" "43" "0" 7 13 "123456789"; "NL" "31" "0" 9 9 "123456789"; "LI" "423" "" 7 9 "23456789";
    "ES" "34" "" 9 9 "6789";    "PT" "351" "" 9 9 "2369";   "IT" "39" "" 6 11 "03";     "AD" "376" "" 6 9 "36789";
    "GB" "44" "0" 9 10 "123578"; "IE" "353" "0" 7 9 "12456789"; "MT" "356" "" 8 8 "279";   "GI" "350" "" 8 8 "25";
    "DK" "45" "" 8 8 "23456789"; "SE" "46" "0" 7 10 "123456789"; "NO" "47" "" 8 8 "23456789"; "FI" "358" "0" 6 11 "123456789";
    "IS" "354" "" 7 9 "345678"; "EE" "372" "" 7 8 "345678"; "LV" "371" "" 8 8 "2679";   "LT" "370" "0" 8 8 "3456";
    "PL" "48" "" 9 9 "123456789"; "CZ" "420" "" 9 9 "23456789"; "SK" "421" "0" 9 9 "234569"; "HU" "36" "06" 8 9 "123456789";
    "RO" "40" "0" 9 9 "237";    "BG" "359" "0" 7 9 "23456789"; "GR" "30" "" 10 10 "26";   "CY" "357" "" 8 8 "29";
    "SI" "386" "0" 8 8 "1234567"; "HR" "385" "0" 8 9 "123456789"; "RS" "381" "0" 8 9 "123456"; "BA" "387" "0" 8 9 "356";
    "AL" "355" "0" 8 9 "23456789"; "MK" "389" "0" 8 8 "234567"; "ME" "382" "0" 8 8 "234567"; "UA" "380" "0" 9 9 "345679";
    "MD" "373" "0" 8 8 "235678"; "RU" "7" "8" 10 10 "3489";  "KZ" "7" "8" 10 10 "67";    "TR" "90" "0" 10 10 "2345";
    "MA" "212" "0" 9 9 "5678";  "DZ" "213" "0" 8 9 "23456789"; "TN" "216" "" 8 8 "2345679"; "EG" "20" "0" 8 10 "123456789";
    "SN" "221" "" 9 9 "37";     "CI" "225" "" 10 10 "02";    "CM" "237" "" 9 9 "26";     "ML" "223" "" 8 8 "26789";
    "BF" "226" "" 8 8 "024567"; "NE" "227" "" 8 8 "2789";   "TG" "228" "" 8 8 "279";    "BJ" "229" "" 8 10 "024569";
    "GA" "241" "" 7 8 "01467";  "CD" "243" "0" 9 9 "89";    "CG" "242" "" 9 9 "02";     "MG" "261" "0" 9 9 "23";
    "MU" "230" "" 7 8 "24568";  "GN" "224" "" 8 9 "367";    "NG" "234" "0" 8 10 "123456789"; "ZA" "27" "0" 9 9 "12345678";
    "JO" "962" "0" 8 9 "235678"; "LB" "961" "0" 7 8 "1345678"; "IL" "972" "0" 8 9 "234578"; "AE" "971" "0" 8 9 "234567";
    "SA" "966" "0" 8 9 "15";    "US" "1" "1" 10 10 "23456789"; "CA" "1" "1" 10 10 "23456789"; "MX" "52" "" 10 10 "23456789";
    "BR" "55" "0" 10 11 "123456789"; "AR" "54" "0" 10 11 "123689"; "CL" "56" "" 9 9 "2345679"; "CO" "57" "" 10 10 "36";
    "IN" "91" "0" 10 10 "123456789"; "CN" "86" "0" 9 11 "123456789"; "JP" "81" "0" 9 10 "123456789"; "KR" "82" "0" 8 10 "123456";
    "AU" "61" "0" 9 9 "23478";  "NZ" "64" "0" 8 10 "234679"; "SG" "65" "" 8 8 "3689";    "VN" "84" "0" 9 10 "235789";
};

/// Countries with postal codes of five digits, of which a spreadsheet drops a leading zero.
const FIVE_DIGITS: &[&str] =
    &["FR", "GP", "MQ", "GF", "RE", "MC", "DE", "ES", "IT", "FI", "EE", "HR", "UA", "TR", "MA", "DZ", "MX", "US"];
/// Countries with postal codes of four digits.
const FOUR_DIGITS: &[&str] =
    &["BE", "LU", "CH", "LI", "AT", "NL", "DK", "NO", "PT", "HU", "SI", "BG", "CY", "TN", "ZA", "AU", "NZ"];

/// For the first three digits of a number, the position of the plan whose calling code they begin with; [`NO_PLAN`] for none. Calling codes
/// are prefix-free, so there is at most one (of several countries that share a code, the first).
const BY_DIGITS: [u8; 1000] = {
    let mut table = [NO_PLAN; 1000];
    let mut at = PLANS.len();
    while at > 0 {
        at -= 1;
        let code = PLANS[at].code.as_bytes();
        let (mut first, mut many, mut i) = (0, 1000, 0);
        while i < code.len() {
            many /= 10;
            first += (code[i] - b'0') as usize * many;
            i += 1;
        }
        let mut n = first;
        while n < first + many {
            table[n] = at as u8;
            n += 1;
        }
    }
    table
};
const NO_PLAN: u8 = u8::MAX;
const _: () = assert!(PLANS.len() < NO_PLAN as usize);

/// The plan whose calling code the digits begin with, of which there are at least three.
pub(super) fn calling_code(digits: &[u8]) -> Option<&'static Plan> {
    let [a, b, c, ..] = digits else { return None };
    let number = [a, b, c].iter().fold(0, |all, digit| all * 10 + usize::from(digit.wrapping_sub(b'0')));
    PLANS.get(usize::from(*BY_DIGITS.get(number)?))
}

/// The countries whose national forms are read, likeliest first. France unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countries {
    plans: Vec<&'static Plan>,
    /// Bit `n`: see [`Countries::may_have`].
    lengths: u32,
}

/// A country whose numbers are not known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown country `{code}`; hint: one of {}", Countries::known().collect::<Vec<_>>().join(", "))]
pub struct UnknownCountry {
    code: String,
}

impl Countries {
    /// The countries with these ISO 3166 codes, in the order given. None means France.
    ///
    /// # Errors
    /// Names the first code that is not known.
    pub fn from_codes<S: AsRef<str>>(codes: impl IntoIterator<Item = S>) -> Result<Self, UnknownCountry> {
        let mut plans: Vec<&'static Plan> = Vec::new();
        for code in codes {
            let code = code.as_ref();
            let known = PLANS.iter().find(|plan| plan.country.eq_ignore_ascii_case(code));
            let plan = known.ok_or_else(|| UnknownCountry { code: code.chars().take(8).collect() })?;
            if !plans.contains(&plan) {
                plans.push(plan);
            }
        }
        Ok(if plans.is_empty() { Self::default() } else { Self::of(plans) })
    }

    fn of(plans: Vec<&'static Plan>) -> Self {
        let mut lengths = 0u32;
        for plan in &plans {
            for national in plan.digits.0..=plan.digits.1 {
                for before in [0, plan.trunk.len(), plan.code.len(), plan.code.len() + plan.trunk.len()] {
                    let len = u32::from(national) + before as u32;
                    // One more for the zero of `(0)`, which is not read.
                    lengths |= 0b11 << len.min(30);
                }
            }
        }
        Self { plans, lengths }
    }

    /// Every code that is known.
    pub fn known() -> impl Iterator<Item = &'static str> {
        PLANS.iter().map(|plan| plan.country)
    }

    /// The codes, likeliest first.
    pub fn codes(&self) -> impl Iterator<Item = &'static str> {
        self.plans.iter().map(|plan| plan.country)
    }

    /// Whether a number written without the sign of an international one may have so many digits: as a national number, with what is
    /// dialled before it, with the calling code, with both, and with one of them in parentheses. A quick look for what is mostly
    /// something else (dates, codes); never false for a number that has a form.
    #[must_use]
    #[inline]
    pub fn may_have(&self, digits: u16) -> bool {
        self.lengths >> digits.min(31) & 1 == 1
    }

    /// The fewest digits that a national number of any of the countries has.
    #[must_use]
    pub fn fewest_digits(&self) -> u32 {
        self.plans.iter().map(|plan| u32::from(plan.digits.0)).min().unwrap_or(0)
    }

    pub(super) fn plans(&self) -> &[&'static Plan] {
        &self.plans
    }

    /// Whether postal codes of five digits and of four are in use.
    pub(super) fn postcode_digits(&self) -> (bool, bool) {
        let any = |of: &[&str]| self.codes().any(|code| of.contains(&code));
        (any(FIVE_DIGITS), any(FOUR_DIGITS))
    }
}

impl Default for Countries {
    fn default() -> Self {
        Self::of(vec![&PLANS[0]])
    }
}

impl fmt::Display for Countries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.codes().collect::<Vec<_>>().join(","))
    }
}
