//! What kind of value a field holds, and how telling a value of that kind is.
//!
//! Normalisation of values is the affair of `fingerprint`; this room only names the kinds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a value of a kind is used in matching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// Names one customer by itself: finds candidate records.
    Strong,
    /// Shared by many: confirms or contradicts a candidate record, and finds only together with others.
    Weak,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal, $strength:ident, $personal:literal;)*) => {
        /// The kind of value a column or cell holds. The discriminant is part of every fingerprint and of the index
        /// format: it never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum FieldKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant = $code,)*
        }

        impl FieldKind {
            /// Every kind, in the order of their codes.
            pub const ALL: &'static [FieldKind] = &[$(FieldKind::$variant),*];

            /// The name used in files, on the command line and in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(FieldKind::$variant => $name),* }
            }

            /// How telling a value of this kind is.
            #[must_use]
            pub const fn strength(self) -> Strength {
                match self { $(FieldKind::$variant => Strength::$strength),* }
            }

            /// Whether the kind is a category of personal data that an impact list names. `ref` (our own opaque number)
            /// and `text` (no meaning of its own) are not.
            #[must_use]
            pub const fn is_reported(self) -> bool {
                match self { $(FieldKind::$variant => $personal),* }
            }

            /// The kind with this code, as stored in an index.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<FieldKind> {
                match code { $($code => Some(FieldKind::$variant),)* _ => None }
            }
        }
    };
}

kinds! {
    /// An e-mail address.
    Email = 1, "email", Strong, true;
    /// A telephone number.
    Phone = 2, "phone", Strong, true;
    /// A family name.
    LastName = 3, "last_name", Weak, true;
    /// A given name.
    FirstName = 4, "first_name", Weak, true;
    /// Given and family name in one field, in any order.
    FullName = 5, "full_name", Weak, true;
    /// A date of birth.
    BirthDate = 6, "birth_date", Weak, true;
    /// Number and street.
    StreetAddress = 7, "street_address", Weak, true;
    /// A postal code.
    Postcode = 8, "postcode", Weak, true;
    /// A town.
    City = 9, "city", Weak, true;
    /// The name of a company or organisation.
    Company = 10, "company", Weak, true;
    /// A function within a company.
    JobTitle = 11, "job_title", Weak, true;
    /// An international bank account number, whole or (in a system that only shows it so) truncated.
    Iban = 12, "iban", Strong, true;
    /// A French company number, 9 digits (SIREN) or 14 (SIRET, of which the first 9 count). It names a company, which
    /// several customers may share: it finds only with another field agreeing.
    Siren = 13, "siren", Strong, true;
    /// A contract or account number.
    Contract = 14, "contract", Strong, true;
    /// The source system's own key of the record.
    Ref = 15, "ref", Strong, false;
    /// A login name.
    Username = 16, "username", Strong, true;
    /// An IP address.
    Ip = 17, "ip", Weak, true;
    /// Anything else that is worth confirming with.
    Text = 18, "text", Weak, false;
}

impl FieldKind {
    /// The code used in fingerprints and index files.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no field kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown field kind `{name}`; hint: one of {}", FieldKind::ALL.iter().map(|k| k.name()).collect::<Vec<_>>().join(", "))]
pub struct UnknownKind {
    name: String,
}

impl FromStr for FieldKind {
    type Err = UnknownKind;
    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        FieldKind::ALL
            .iter()
            .copied()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownKind { name: name.chars().take(40).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_lead_back_to_their_kind() {
        for kind in FieldKind::ALL {
            assert_eq!(FieldKind::from_code(kind.code()), Some(*kind));
            assert_eq!(kind.name().parse(), Ok(*kind));
        }
        assert_eq!(FieldKind::from_code(0), None);
    }
}
