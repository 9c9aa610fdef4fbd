//! The keyed hashes: fingerprints, tags, record keys. What is hashed is made in `normalise`.
//!
//! SipHash under secret 128-bit keys, one for each purpose and kind: a key per kind is what makes the fingerprint a function of
//! `kind ‖ normal form` without copying the value behind its kind. Fingerprints take SipHash-2-4; the tags, of which 4 to 16
//! bits are kept, SipHash-1-3. `docs/decisions/0002-keyed-hash.md` argues the choice.

use siphasher::sip::{SipHasher13, SipHasher24};

use super::forms::Forms;
use super::key::Key;
use super::normalise::masked::MaskedForm;
use super::sip::{self, SipKey, SipScratch};
use crate::model::{FieldKind, SystemId};

/// One more than the highest code of a kind.
const KINDS: usize = 32;

/// The keyed hashes of one key. Cheap to share, dear to make (some microseconds): make one per key.
#[derive(Clone)]
pub struct Hasher {
    fingerprints: [SipKey; KINDS],
    tags: [SipHasher13; KINDS],
    exported: [SipHasher13; KINDS],
    masks: [SipHasher13; KINDS],
    records: SipHasher24,
}

/// What a masked value, or the masked form of a clear one, is compared by: a word of parts, so that a mask that discloses less is
/// still worth something. The lower byte is of the domain, or of the last two characters (1 to 255). The upper byte is of the last four
/// characters (1 to 255); or, for an address, its lower half is of first letter and domain and its upper half of the local part's
/// length and domain (1 to 15 each).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskTag {
    pub(super) word: u16,
    /// The bits of `word` that are disclosed whatever the mask, the length's excepted.
    pub(super) disclosed: u16,
}

impl MaskTag {
    /// The bits of the domain, or of the last two characters.
    pub(super) const COARSE: u16 = 0x00ff;
    /// The bits of the first letter.
    pub(super) const LETTER: u16 = 0x0f00;
    /// The bits of the local part's length.
    pub(super) const LENGTH: u16 = 0xf000;

    /// Whether more than the domain, or more than two characters, is disclosed.
    #[must_use]
    pub fn is_fine(self) -> bool {
        self.disclosed & !Self::COARSE != 0
    }

    /// What remains of it if only the domain, or the last two characters, are compared.
    #[must_use]
    pub fn coarse(self) -> Self {
        Self { disclosed: self.disclosed & Self::COARSE, ..self }
    }
}

impl Hasher {
    /// The hashes under `key`.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        let family = |context: &str| {
            let secret = key.derive(context);
            move |kind: usize| sip_key(&blake3::keyed_hash(&secret, &[kind as u8]))
        };
        let quick = |context: &str| {
            let of_kind = family(context);
            std::array::from_fn(|kind| SipHasher13::new_with_key(&of_kind(kind)))
        };
        let fingerprints = family("vigie 2026-11 fingerprints");
        let records = sip_key(&blake3::keyed_hash(&key.derive("vigie 2026-11 record keys"), &[]));
        Self {
            fingerprints: std::array::from_fn(|kind| SipKey::new(&fingerprints(kind))),
            tags: quick("vigie 2026-11 tags"),
            exported: quick("vigie 2026-11 as-exported tags"),
            masks: quick("vigie 2026-11 mask tags"),
            records: SipHasher24::new_with_key(&records),
        }
    }

    /// The fingerprint of a normal form (as [`super::normalise()`] writes it): what strong columns are found by.
    #[must_use]
    #[inline]
    pub fn fingerprint(&self, kind: FieldKind, normal: &[u8]) -> u64 {
        self.fingerprints[kind as usize].hash(normal)
    }

    /// The fingerprints of many normal forms, in their order: what [`Hasher::fingerprint`] gives for each, several times as fast.
    pub fn fingerprints(&self, forms: &mut Forms, scratch: &mut SipScratch, out: &mut Vec<u64>) {
        forms.seal();
        sip::hash_forms(&self.fingerprints, forms, scratch, out);
    }

    /// The hash that a weak column's tag is cut from; unrelated to the fingerprint.
    #[must_use]
    #[inline]
    pub fn tag(&self, kind: FieldKind, normal: &[u8]) -> u64 {
        self.tags[kind as usize].hash(normal)
    }

    /// The hash that the as-exported tag is cut from. `raw` is the value as written, without the white space around it.
    #[must_use]
    #[inline]
    pub fn exported_tag(&self, kind: FieldKind, raw: &[u8]) -> u64 {
        self.exported[kind as usize].hash(raw.trim_ascii())
    }

    /// The key under which the records of one name stand together. `normal` is the normal form of a full name (sorted
    /// tokens); for first and last name in two cells, that of both with a space between.
    #[must_use]
    #[inline]
    pub fn name_key(&self, normal: &[u8]) -> u64 {
        self.fingerprint(FieldKind::FullName, normal)
    }

    /// What a masked form is compared by.
    #[must_use]
    pub fn mask_tag(&self, kind: FieldKind, form: &MaskedForm) -> MaskTag {
        let sip = &self.masks[kind as usize];
        // Below 2^64 the upper bits of a product are as evenly spread as the hash.
        let cut = |hash: u64, n: u64| 1 + ((u128::from(hash) * u128::from(n)) >> 64) as u16;
        let coarse = cut(sip.hash(form.coarse()), 255);
        let fine = form.fine().map(|part| sip.hash(part));
        let Some(length) = form.local_len() else {
            return MaskTag {
                word: coarse | fine.map_or(0, |hash| cut(hash, 255) << 8),
                disclosed: if fine.is_some() { u16::MAX } else { MaskTag::COARSE },
            };
        };
        // With the domain, as the letter is: what addresses of one length have in common is not to be read from the tags.
        let mut with_domain = [0; 1 + MaskedForm::MAX];
        with_domain[0] = length;
        with_domain[1..=form.coarse().len()].copy_from_slice(form.coarse());
        let length = sip.hash(&with_domain[..=form.coarse().len()]);
        MaskTag {
            word: coarse | fine.map_or(0, |hash| cut(hash, 15) << 8) | cut(length, 15) << 12,
            disclosed: MaskTag::COARSE | if fine.is_some() { MaskTag::LETTER } else { 0 },
        }
    }

    /// Names a record of a system, the same in every snapshot, by the `ref` it has there.
    #[must_use]
    pub fn record_key(&self, system: &SystemId, reference: &[u8]) -> u64 {
        let mut named = Vec::with_capacity(system.as_str().len() + 1 + reference.len());
        named.extend_from_slice(system.as_str().as_bytes());
        // No system's name contains it: the boundary is unambiguous.
        named.push(0);
        named.extend_from_slice(reference);
        self.records.hash(&named)
    }
}

fn sip_key(secret: &blake3::Hash) -> [u8; 16] {
    let mut key = [0u8; 16];
    key.copy_from_slice(&secret.as_bytes()[..16]);
    key
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_purposes_and_keys_are_apart() {
        let (a, b) = (Hasher::new(&Key::from_bytes([1; 32])), Hasher::new(&Key::from_bytes([2; 32])));
        let value = b"0612345678";
        let mut all = vec![
            a.fingerprint(FieldKind::Phone, value),
            a.fingerprint(FieldKind::Contract, value),
            a.tag(FieldKind::Phone, value),
            a.exported_tag(FieldKind::Phone, value),
            b.fingerprint(FieldKind::Phone, value),
        ];
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 5);
        assert_eq!(a.exported_tag(FieldKind::City, b" Metz "), a.exported_tag(FieldKind::City, b"Metz"));
    }

    #[test]
    fn no_kind_lies_beyond_the_table() {
        assert!(FieldKind::ALL.iter().all(|k| usize::from(k.code()) < KINDS));
    }
}
