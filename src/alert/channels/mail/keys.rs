//! Recipients' OpenPGP keys: reading a certificate, choosing the subkey to encrypt to, and saying loudly why not.
//!
//! The library checks signatures; what a certificate's signatures add up to is decided here, after RFC 9580, 5.2.3.10
//! and 10.1: of the owner's own signatures the newest valid one counts, a revocation always does, signatures of others
//! never do. A revocation is final here whatever its reason: a person has to look at it.

use std::io::Read;
use std::path::Path;

use chacha20poly1305::aead::OsRng;
use jiff::{SignedDuration, Timestamp};
use pgp::composed::{ArmorOptions, Deserializable, MessageBuilder, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, KeyVersion, Password, PublicParams, Tag};

use super::signer::Signer;

/// Longest file that is read, bytes: a certificate with thousands of signatures of others is smaller.
const MAX: u64 = 4 << 20;

/// Least length of an RSA key's numbers, bytes: those of 2,048 bits and a little.
const RSA_BYTES: usize = 256;

/// Why a file is no key to encrypt to.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("cannot be read: {0}; hint: does the file exist, may vigie read it?")]
    Unreadable(#[source] std::io::Error),
    /// It holds no certificate.
    #[error("holds no OpenPGP public key; hint: gpg --armor --export ADDRESS")]
    NoKey,
    /// It holds a private key.
    #[error("holds a PRIVATE key; hint: it must not be on this machine, export the public one: gpg --armor --export")]
    Private,
    /// It holds several certificates.
    #[error("holds {0} keys; hint: one recipient's key in each file")]
    Several(usize),
    /// No signature of its owner's makes it valid.
    #[error("key {0} has no valid self-signature; hint: ask the recipient for the key again")]
    Unsigned(String),
    /// It is revoked.
    #[error("key {0} is revoked; hint: ask the recipient for the new key")]
    Revoked(String),
    /// It has expired.
    #[error("key {key} has expired on {on}; hint: ask the recipient to extend it, or for a new one")]
    Expired {
        /// Fingerprint.
        key: String,
        /// The day.
        on: String,
    },
    /// Not a private key to sign with.
    #[error("is no OpenPGP private key in armor; hint: gpg --armor --export-secret-keys ADDRESS")]
    NoPrivateKey,
    /// It asks for a passphrase, and nobody is there to give it.
    #[error("key {0} is locked with a passphrase; hint: export one without, into a file that only vigie may read")]
    Locked(String),
    /// It may not sign.
    #[error("key {0} may not sign; hint: one with a part for signing")]
    NotSigning(String),
    /// Nothing of it can be encrypted to.
    #[error("key {key} cannot be encrypted to: {why}; hint: ask the recipient for one with an encryption subkey")]
    NotEncrypting {
        /// Fingerprint.
        key: String,
        /// What stands in the way.
        why: String,
    },
}

/// The part of a certificate that is encrypted to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Chosen {
    Primary(PublicKey),
    Subkey(PublicSubkey),
}

/// A recipient's key, found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientKey {
    chosen: Chosen,
    fingerprint: String,
    expires: Option<Timestamp>,
    modern: bool,
    version6: bool,
}

impl RecipientKey {
    /// Reads the certificate in a file, armored or not.
    ///
    /// # Errors
    /// Why it cannot be encrypted to at `now`.
    pub fn read(path: &Path, now: Timestamp) -> Result<Self, KeyError> {
        let bytes = read_bounded(path).map_err(KeyError::Unreadable)?;
        Self::from_bytes(&bytes, now)
    }

    pub(super) fn from_bytes(bytes: &[u8], now: Timestamp) -> Result<Self, KeyError> {
        if memchr::memmem::find(bytes, b"BEGIN PGP PRIVATE KEY").is_some() {
            return Err(KeyError::Private);
        }
        let armored = memchr::memmem::find(bytes, b"-----BEGIN PGP").is_some();
        // The first packet of an unarmored private key: tag 5 in the old form, or in the new.
        if !armored && matches!(bytes.first(), Some(0x94..=0x97 | 0xc5)) {
            return Err(KeyError::Private);
        }
        let keys: Vec<_> = if armored {
            SignedPublicKey::from_armor_many_buf(bytes).map_err(|_| KeyError::NoKey)?.0.collect()
        } else {
            SignedPublicKey::from_bytes_many(bytes).map_err(|_| KeyError::NoKey)?.collect()
        };
        match keys.len() {
            0 => Err(KeyError::NoKey),
            1 => keys.into_iter().next().and_then(Result::ok).ok_or(KeyError::NoKey).and_then(|key| judge(&key, now)),
            several => Err(KeyError::Several(several)),
        }
    }

    /// Whether it is good still.
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// The certificate's fingerprint, in hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether its owner's software reads the AEAD packets of RFC 9580.
    pub fn modern(&self) -> bool {
        self.modern
    }

    /// Whether it can be written to in no other way.
    pub fn needs_modern(&self) -> bool {
        self.version6
    }
}

fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn seconds(at: pgp::types::Timestamp) -> Timestamp {
    Timestamp::from_second(i64::from(at.as_secs())).unwrap_or_default()
}

pub(super) fn after(at: pgp::types::Timestamp, span: Option<pgp::types::Duration>) -> Option<Timestamp> {
    // Zero means for ever.
    let span = span.filter(|span| span.as_secs() > 0)?;
    seconds(at).checked_add(SignedDuration::from_secs(i64::from(span.as_secs()))).ok()
}

/// A signature of the kind, made by now and not run out. Whether it is right is asked apart.
pub(super) fn counts(signature: &Signature, now: Timestamp) -> bool {
    let Some(created) = signature.created() else { return false };
    seconds(created) <= now && after(created, signature.signature_expiration_time()).is_none_or(|end| end > now)
}

/// The newest of the owner's own signatures.
pub(super) fn newest<'s>(signatures: impl Iterator<Item = &'s Signature>) -> Option<&'s Signature> {
    signatures.max_by_key(|signature| signature.created().map(pgp::types::Timestamp::as_secs))
}

/// What the owner says of the whole certificate: the newest valid signature on it or on a name that is not revoked.
fn self_signature(key: &SignedPublicKey, now: Timestamp) -> Option<&Signature> {
    let primary = &key.primary_key;
    let direct = key.details.direct_signatures.iter();
    let direct = direct.filter(|s| s.typ() == Some(SignatureType::Key) && s.verify_key(primary).is_ok());
    let names = key.details.users.iter().flat_map(|user| {
        let own = |s: &&Signature| s.verify_certification(primary, Tag::UserId, &user.id).is_ok();
        let signed = newest(user.signatures.iter().filter(|s| s.is_certification() && counts(s, now)).filter(own));
        let revoked = user.signatures.iter().filter(|s| s.typ() == Some(SignatureType::CertRevocation)).filter(own);
        let revoked = newest(revoked).and_then(Signature::created);
        signed.filter(|signed| revoked.is_none_or(|at| signed.created().is_some_and(|s| s.as_secs() > at.as_secs())))
    });
    newest(direct.filter(|s| counts(s, now)).chain(names))
}

/// What the owner says of a key that stands, neither revoked nor expired, and until when it does.
pub(super) fn standing(key: &SignedPublicKey, now: Timestamp) -> Result<(&Signature, Option<Timestamp>), KeyError> {
    let primary = &key.primary_key;
    let fingerprint = format!("{:X}", primary.fingerprint());
    let revocations = &key.details.revocation_signatures;
    if revocations.iter().any(|s| s.typ() == Some(SignatureType::KeyRevocation) && s.verify_key(primary).is_ok()) {
        return Err(KeyError::Revoked(fingerprint));
    }
    let own = self_signature(key, now).ok_or_else(|| KeyError::Unsigned(fingerprint.clone()))?;
    let expires = after(primary.created_at(), own.key_expiration_time());
    if let Some(on) = expires.filter(|at| *at <= now) {
        return Err(KeyError::Expired { key: fingerprint, on: on.strftime("%F").to_string() });
    }
    Ok((own, expires))
}

fn judge(key: &SignedPublicKey, now: Timestamp) -> Result<RecipientKey, KeyError> {
    let primary = &key.primary_key;
    let fingerprint = format!("{:X}", primary.fingerprint());
    let (own, expires) = standing(key, now)?;
    let mut why = "it has no subkey for encryption".to_owned();
    let mut best: Option<(u32, Chosen, Option<Timestamp>)> = None;
    for subkey in &key.public_subkeys {
        match judge_subkey(subkey, primary, now) {
            Ok(expires) => {
                let made = subkey.created_at().as_secs();
                if best.as_ref().is_none_or(|(other, ..)| *other < made) {
                    best = Some((made, Chosen::Subkey(subkey.key.clone()), expires));
                }
            }
            Err(Some(reason)) => why = reason,
            Err(None) => {}
        }
    }
    let flags = own.key_flags();
    if best.is_none() && (flags.encrypt_comms() || flags.encrypt_storage()) {
        match unfit(primary) {
            None => best = Some((0, Chosen::Primary(primary.clone()), None)),
            Some(reason) => why = reason,
        }
    }
    let Some((_, chosen, part_expires)) = best else {
        return Err(KeyError::NotEncrypting { key: fingerprint, why });
    };
    Ok(RecipientKey {
        chosen,
        fingerprint,
        expires: [expires, part_expires].into_iter().flatten().min(),
        modern: own.features().is_some_and(pgp::packet::Features::seipd_v2),
        version6: primary.version() == KeyVersion::V6,
    })
}

/// When a subkey for encryption expires; `Err(None)` for one that is for something else, or why it cannot be used.
fn judge_subkey(
    subkey: &SignedPublicSubKey,
    primary: &PublicKey,
    now: Timestamp,
) -> Result<Option<Timestamp>, Option<String>> {
    let of = |kind: SignatureType| {
        let kind = Some(kind);
        let right = move |s: &&Signature| s.typ() == kind && s.verify_subkey_binding(primary, &subkey.key).is_ok();
        subkey.signatures.iter().filter(right)
    };
    let bound = newest(of(SignatureType::SubkeyBinding).filter(|s| counts(s, now)));
    let Some(bound) = bound else { return Err(Some("no subkey is validly bound to it".to_owned())) };
    let flags = bound.key_flags();
    if !flags.encrypt_comms() && !flags.encrypt_storage() {
        return Err(None);
    }
    if of(SignatureType::SubkeyRevocation).next().is_some() {
        return Err(Some("its encryption subkey is revoked".to_owned()));
    }
    let expires = after(subkey.created_at(), bound.key_expiration_time());
    if let Some(on) = expires.filter(|at| *at <= now) {
        return Err(Some(format!("its encryption subkey has expired on {}", on.strftime("%F"))));
    }
    unfit(&subkey.key).map_or(Ok(expires), |reason| Err(Some(reason)))
}

/// Why a key's algorithm or length is not encrypted to.
fn unfit(key: &impl KeyDetails) -> Option<String> {
    match key.public_params() {
        PublicParams::RSA(numbers) if numbers.write_len() < RSA_BYTES => {
            Some("its RSA key is shorter than 2048 bits".to_owned())
        }
        PublicParams::RSA(_) | PublicParams::ECDH(_) | PublicParams::X25519(_) | PublicParams::X448(_) => None,
        _ => Some(format!("{:?} is not an algorithm that is encrypted with", key.algorithm())),
    }
}

/// Encrypts to all of `keys`, as ASCII armor, signed inside where there is a key for that. Integrity is protected: with AEAD if every recipient reads it, and in the
/// older way (SEIPD version 1), which everybody reads, otherwise.
///
/// # Errors
/// When a key turns out to be unusable.
pub fn encrypt(keys: &[RecipientKey], clear: Vec<u8>, signer: Option<&Signer>) -> Result<String, pgp::errors::Error> {
    let rng = OsRng;
    let builder = MessageBuilder::from_bytes("", clear);
    if keys.iter().all(|key| key.modern) {
        let aes = SymmetricKeyAlgorithm::AES256;
        let mut builder = builder.seipd_v2(rng, aes, AeadAlgorithm::Ocb, ChunkSize::default());
        for key in keys {
            match &key.chosen {
                Chosen::Primary(key) => builder.encrypt_to_key(rng, key)?,
                Chosen::Subkey(key) => builder.encrypt_to_key(rng, key)?,
            };
        }
        if let Some(signer) = signer {
            builder.sign(signer.key(), Password::empty(), signer.key().hash_alg());
        }
        return builder.to_armored_string(rng, ArmorOptions::default());
    }
    let mut builder = builder.seipd_v1(rng, SymmetricKeyAlgorithm::AES256);
    for key in keys {
        match &key.chosen {
            Chosen::Primary(key) => builder.encrypt_to_key(rng, key)?,
            Chosen::Subkey(key) => builder.encrypt_to_key(rng, key)?,
        };
    }
    if let Some(signer) = signer {
        builder.sign(signer.key(), Password::empty(), signer.key().hash_alg());
    }
    builder.to_armored_string(rng, ArmorOptions::default())
}

#[cfg(test)]
pub(super) mod tests;
