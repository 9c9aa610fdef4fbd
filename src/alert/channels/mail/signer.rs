//! The service's own OpenPGP key: mails are signed with it inside what is encrypted (RFC 3156, 6.2), so that a recipient
//! knows whom an alert is from, and nobody on the way does.
//!
//! The key is for this and nothing else: without a passphrase, in a file that only its owner may read, or a credential.

use jiff::Timestamp;
use pgp::composed::{Deserializable, SignedSecretKey};
use pgp::packet::{SecretKey, SecretSubkey, SignatureType};
use pgp::types::{KeyDetails, SigningKey};

use super::keys::{KeyError, after, counts, newest, standing};

/// The key that signs.
#[derive(Debug)]
pub struct Signer {
    part: Part,
    fingerprint: String,
    expires: Option<Timestamp>,
}

/// The part of a key that may sign.
#[derive(Debug)]
enum Part {
    Primary(SecretKey),
    Subkey(SecretSubkey),
}

impl Signer {
    /// Reads an armored private key.
    ///
    /// # Errors
    /// When it is none, is locked, revoked or expired, or may not sign.
    pub fn from_armored(text: &str, now: Timestamp) -> Result<Self, KeyError> {
        let (key, _) = SignedSecretKey::from_string(text).map_err(|_| KeyError::NoPrivateKey)?;
        let public = key.to_public_key();
        let fingerprint = format!("{:X}", public.primary_key.fingerprint());
        let (own, expires) = standing(&public, now)?;
        let may = own.key_flags().sign();
        let (part, part_expires) = match subkey(&key, now) {
            Some((subkey, expires)) => (Part::Subkey(subkey), expires),
            None if may => (Part::Primary(key.primary_key), None),
            None => return Err(KeyError::NotSigning(fingerprint)),
        };
        let locked = match &part {
            Part::Primary(key) => key.secret_params().is_encrypted(),
            Part::Subkey(key) => key.secret_params().is_encrypted(),
        };
        if locked {
            return Err(KeyError::Locked(fingerprint));
        }
        Ok(Self { part, fingerprint, expires: [expires, part_expires].into_iter().flatten().min() })
    }

    /// What signs.
    pub fn key(&self) -> &dyn SigningKey {
        match &self.part {
            Part::Primary(key) => key,
            Part::Subkey(key) => key,
        }
    }

    /// Names the key.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether it may sign no longer.
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// The newest subkey that may sign, and until when.
fn subkey(key: &SignedSecretKey, now: Timestamp) -> Option<(SecretSubkey, Option<Timestamp>)> {
    let primary = key.primary_key.public_key();
    let fit = key.secret_subkeys.iter().filter_map(|subkey| {
        let public = subkey.key.public_key();
        let of = |kind: SignatureType| {
            let right = move |s: &&pgp::packet::Signature| {
                s.typ() == Some(kind) && s.verify_subkey_binding(primary, public).is_ok()
            };
            subkey.signatures.iter().filter(right)
        };
        let bound = newest(of(SignatureType::SubkeyBinding).filter(|s| counts(s, now)))?;
        let expires = after(public.created_at(), bound.key_expiration_time());
        let fit = bound.key_flags().sign()
            && of(SignatureType::SubkeyRevocation).next().is_none()
            && expires.is_none_or(|at| at > now);
        fit.then(|| (public.created_at().as_secs(), subkey.key.clone(), expires))
    });
    fit.max_by_key(|(made, ..)| *made).map(|(_, subkey, expires)| (subkey, expires))
}

#[cfg(test)]
mod tests {
    use chacha20poly1305::aead::OsRng;
    use pgp::composed::{ArmorOptions, EncryptionCaps, Message};
    use pgp::types::Password;

    use super::super::keys::tests::{armored, secret_key};
    use super::super::keys::{RecipientKey, encrypt};
    use super::*;

    fn private(key: &SignedSecretKey) -> String {
        key.to_armored_string(ArmorOptions::default()).unwrap()
    }

    #[test]
    fn what_is_encrypted_is_signed_and_a_stranger_is_told_apart() {
        let (recipient, own, stranger) =
            (secret_key(EncryptionCaps::All), secret_key(EncryptionCaps::All), secret_key(EncryptionCaps::All));
        let to = [RecipientKey::from_bytes(armored(&recipient).as_bytes(), Timestamp::now()).unwrap()];
        let signer = Signer::from_armored(&private(&own), Timestamp::now()).unwrap();
        let text = encrypt(&to, b"the alert".to_vec(), Some(&signer)).unwrap();
        let (message, _) = Message::from_armor(text.as_bytes()).unwrap();
        let mut message = message.decrypt(&Password::empty(), &recipient).unwrap();
        assert_eq!(message.as_data_vec().unwrap(), b"the alert");
        message.verify(&own.to_public_key()).unwrap();
        assert!(message.verify(&stranger.to_public_key()).is_err());
    }

    #[test]
    fn a_key_that_cannot_sign_is_refused_with_its_reason() {
        let now = Timestamp::now();
        let key = secret_key(EncryptionCaps::All);
        assert!(matches!(Signer::from_armored(&armored(&key), now), Err(KeyError::NoPrivateKey)), "a public key");
        assert!(matches!(Signer::from_armored("nothing", now), Err(KeyError::NoPrivateKey)));
        let mut locked = key.clone();
        locked.primary_key.set_password(OsRng, &Password::from("pass")).unwrap();
        assert!(matches!(Signer::from_armored(&private(&locked), now), Err(KeyError::Locked(_))));
        let before = Timestamp::from_second(1_000_000_000).unwrap();
        assert!(Signer::from_armored(&private(&key), before).is_err(), "its signatures are of the future");
    }
}
