//! All indexes at once: one prefilter over them, who of them may have what passed it, the hashes of every active key, and what kinds of
//! values are worth looking at.
//!
//! A catalogue never changes: a reload opens a new one and swaps it (an `Arc`) for the old, which ends with its last reader.

mod kept;
mod look_up;
mod merged;
mod whose;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::error::{IndexError, IndexErrorKind};
use super::filter;
use super::hash::Hasher;
use super::index::SnapshotIndex;
use super::key::Keyring;
use super::normalise::Countries;
use super::profile::TokenShapes;
use crate::model::{FieldKind, SystemId};

pub use self::look_up::{Lead, LookUps};
use self::merged::Merged;

/// Indexes opened together.
pub struct Catalogue {
    indexes: Vec<SnapshotIndex>,
    hashers: Vec<Hasher>,
    countries: Countries,
    kinds: u32,
    /// Over all indexes, where there are several; one index has its own.
    merged: Option<Merged>,
}

impl Catalogue {
    /// Opens the indexes of a list of system and file. Those that cannot be used are left out, each with its reason; files that
    /// belong to another system than the one they are listed under are such.
    #[must_use]
    pub fn open(list: &[(SystemId, PathBuf)], keys: &Keyring, countries: Countries) -> (Self, Vec<IndexError>) {
        Self::open_kept(list, keys, countries, None)
    }

    /// As [`Catalogue::open`]; what is made of many keys of several indexes is kept in a file, so that it is there the next time the same
    /// indexes are opened.
    #[must_use]
    pub fn open_kept(
        list: &[(SystemId, PathBuf)],
        keys: &Keyring,
        countries: Countries,
        kept: Option<&Path>,
    ) -> (Self, Vec<IndexError>) {
        let opened: Vec<_> = list.par_iter().map(|(system, path)| open_of(system, path, keys)).collect();
        let (mut indexes, mut errors) = (Vec::new(), Vec::new());
        for result in opened {
            match result {
                Ok(index) if indexes.len() < usize::from(u16::MAX) => indexes.push(index),
                Ok(_) => {}
                Err(error) => errors.push(error),
            }
        }
        let merged = loop {
            match Merged::of(&indexes, keys.current(), kept) {
                Ok(merged) => break merged,
                Err(damaged) => errors.extend(damaged.into_iter().rev().filter_map(|no| {
                    let index = indexes.remove(no);
                    index.damage()
                })),
            }
        };
        let kinds = indexes.iter().flat_map(|i| i.columns().iter()).fold(0, |all, (_, kind)| all | bit(*kind));
        let hashers = keys.keys().iter().map(Hasher::new).collect();
        (Self { indexes, hashers, countries, kinds, merged }, errors)
    }

    /// Without any index: nothing is ours.
    #[must_use]
    pub fn empty(keys: &Keyring) -> Self {
        Self::open(&[], keys, Countries::default()).0
    }

    /// The indexes. Their positions, which mean something within one catalogue only, fit 16 bits.
    #[must_use]
    pub fn indexes(&self) -> &[SnapshotIndex] {
        &self.indexes
    }

    /// The hashes of each key that an index may have been built with; a [`SnapshotIndex::key_no`] is a position here. With two keys,
    /// every value is hashed with both.
    #[must_use]
    pub fn hashers(&self) -> &[Hasher] {
        &self.hashers
    }

    /// The countries whose national forms are read.
    #[must_use]
    pub fn countries(&self) -> &Countries {
        &self.countries
    }

    /// Whether any index has a column of the kind: values of other kinds need no look-up.
    #[must_use]
    #[inline]
    pub fn has(&self, kind: FieldKind) -> bool {
        self.kinds & bit(kind) != 0
    }

    /// The kinds of the indexes' columns.
    pub fn kinds(&self) -> impl Iterator<Item = FieldKind> {
        FieldKind::ALL.iter().copied().filter(|kind| self.has(*kind))
    }

    /// The shapes of the values of a kind in all indexes together. None where the kind has none of its own, or some index does
    /// not tell.
    #[must_use]
    pub fn shapes(&self, kind: FieldKind) -> Option<TokenShapes> {
        let mut all: Option<TokenShapes> = None;
        for index in &self.indexes {
            let columns = index.columns().iter().enumerate().filter(|(_, (_, held))| *held == kind);
            for (column, _) in columns {
                all.get_or_insert_default().merge(index.shapes(column)?);
            }
        }
        all
    }

    /// Whether a fingerprint or name key may be in any index: false is certain. One cache line. (Where a block of the only
    /// index's filter is damaged, true: the look-up then meets the damage.)
    #[must_use]
    #[inline]
    pub fn might_contain(&self, fingerprint: u64) -> bool {
        match &self.merged {
            Some(merged) => merged.filter.may_contain(fingerprint),
            None => self.indexes.first().is_some_and(|index| index.might_contain(fingerprint).unwrap_or(true)),
        }
    }

    /// Appends to `hits` the positions in `fingerprints` of those that may be in any index. The probes of a batch do not wait for one
    /// another: this is the way to ask for many.
    pub fn probe(&self, fingerprints: &[u64], hits: &mut Vec<u32>) {
        let blocks = match &self.merged {
            Some(merged) => Some(merged.filter.blocks()),
            None => self.indexes.first().and_then(SnapshotIndex::whole_filter),
        };
        match blocks {
            Some(blocks) => filter::keep(blocks, fingerprints, hits),
            None => {
                let asked = fingerprints.iter().enumerate();
                hits.extend(asked.filter(|(_, fp)| self.might_contain(**fp)).map(|(i, _)| i as u32));
            }
        }
    }
}

fn bit(kind: FieldKind) -> u32 {
    1 << kind.code()
}

fn open_of(system: &SystemId, path: &Path, keys: &Keyring) -> Result<SnapshotIndex, IndexError> {
    let index = SnapshotIndex::open(path, keys)?;
    if index.system() == system {
        return Ok(index);
    }
    let kind = IndexErrorKind::OtherSystem { found: index.system().to_string(), expected: system.to_string() };
    Err(IndexError { path: path.to_owned(), kind })
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.indexes).finish()
    }
}
