//! Identifiers that must not be mixed up, each a type of its own.
//!
//! Parsing and checking of names happens here, once; how an identifier is derived (a hash, a counter) is the affair
//! of the room that derives it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// The longest identifier accepted for systems and sites, in bytes: it becomes a folder name and a metric label.
pub const MAX_NAME: usize = 64;

/// Why a name cannot be an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is not a valid identifier; hint: use 1 to {MAX_NAME} of a-z, 0-9, `-` and `_`, beginning with a letter or digit"
)]
pub struct BadName {
    name: String,
}

fn checked(name: &str) -> Result<Box<str>, BadName> {
    let bytes = name.as_bytes();
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let valid = (1..=MAX_NAME).contains(&bytes.len())
        && bytes.first().is_some_and(plain)
        && bytes.iter().all(|b| plain(b) || matches!(b, b'-' | b'_'));
    if valid { Ok(name.into()) } else { Err(BadName { name: name.chars().take(MAX_NAME).collect() }) }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;
            fn from_str(name: &str) -> Result<Self, BadName> {
                checked(name).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type!(
    /// A source system: `micro-soc-portal`, `crm`. Also the name of its watchlist folder.
    SystemId
);
name_type!(
    /// A watched site, as named in the configuration.
    SiteId
);

/// A post as vigie knows it: the same post read again (edited, replied to) has the same identifier.
///
/// Derived by the collector from the site and the site's own key of the post, never from its URL alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PostId(pub String);

impl fmt::Display for PostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An alert: one identity drives every identifier that receivers deduplicate on (`Message-ID`, `webhook-id`, …).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertId(pub uuid::Uuid);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AlertId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// Row number of a record in the export its index was built from, from 0.
///
/// Export order is kept because stolen tables usually keep it too: neighbours in a dump are neighbours in the export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordNo(pub u32);

/// A half-open range of bytes, `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes of `text` that the span covers. Panics if the span does not lie within `text`.
    #[must_use]
    #[inline]
    pub fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..self.end as usize]
    }

    /// Length in bytes.
    #[must_use]
    #[inline]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether no byte is covered.
    #[must_use]
    #[inline]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_folders_and_labels_so_they_are_checked() {
        assert!("micro-soc-portal".parse::<SystemId>().is_ok());
        for bad in ["", "..", "CRM", "a/b", "-x", "é", &"x".repeat(65)] {
            assert!(bad.parse::<SystemId>().is_err(), "{bad}");
        }
    }
}
