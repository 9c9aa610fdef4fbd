//! Certificates of every kind that must be refused, made here with a fresh key each, and one that must not.

use pgp::composed::{EncryptionCaps, KeyType, Message, SecretKeyParamsBuilder, SignedSecretKey, SubkeyParamsBuilder};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::packet::SignatureConfig;
use pgp::types::Password;

use super::*;

/// A made-up recipient's key, as GnuPG makes them: one to certify and sign, one to encrypt with.
pub fn secret_key(subkey: EncryptionCaps) -> SignedSecretKey {
    let mut encrypting = SubkeyParamsBuilder::default();
    encrypting.key_type(KeyType::ECDH(ECCCurve::Curve25519Legacy)).can_encrypt(subkey);
    SecretKeyParamsBuilder::default()
        .key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .can_sign(true)
        .can_encrypt(EncryptionCaps::None)
        .primary_user_id("CERT <cert@cert.example>".into())
        .subkeys(vec![encrypting.build().unwrap()])
        .build()
        .unwrap()
        .generate(OsRng)
        .unwrap()
}

pub fn armored(key: &SignedSecretKey) -> String {
    SignedPublicKey::from(key.clone()).to_armored_string(ArmorOptions::default()).unwrap()
}

/// Decrypts what was encrypted to `key`.
pub fn decrypt(key: &SignedSecretKey, armored: &str) -> Vec<u8> {
    let (message, _) = Message::from_armor(armored.as_bytes()).unwrap();
    message.decrypt(&Password::empty(), key).unwrap().as_data_vec().unwrap()
}

fn now() -> Timestamp {
    Timestamp::now()
}

fn read(bytes: &[u8]) -> Result<RecipientKey, String> {
    RecipientKey::from_bytes(bytes, now()).map_err(|e| e.to_string())
}

#[test]
fn a_good_key_is_encrypted_to_and_its_owner_reads_it() {
    let (one, two) = (secret_key(EncryptionCaps::All), secret_key(EncryptionCaps::Communication));
    let keys: Vec<_> = [&one, &two].map(|key| read(armored(key).as_bytes()).unwrap()).into();
    let text = encrypt(&keys, b"the alert".to_vec(), None).unwrap();
    assert!(text.starts_with("-----BEGIN PGP MESSAGE-----"));
    assert_eq!((decrypt(&one, &text), decrypt(&two, &text)), (b"the alert".to_vec(), b"the alert".to_vec()));
    assert_ne!(text, encrypt(&keys, b"the alert".to_vec(), None).unwrap(), "random numbers are drawn each time");
    let mut bytes = Vec::new();
    SignedPublicKey::from(one).to_writer(&mut bytes).unwrap();
    assert!(read(&bytes).is_ok(), "not armored");
}

#[test]
fn what_is_no_single_public_key_is_refused() {
    let key = secret_key(EncryptionCaps::All);
    let private = key.to_armored_string(ArmorOptions::default()).unwrap();
    assert!(read(private.as_bytes()).unwrap_err().contains("PRIVATE"));
    let mut bytes = Vec::new();
    key.to_writer(&mut bytes).unwrap();
    assert!(read(&bytes).unwrap_err().contains("PRIVATE"), "not armored");
    for bad in ["", "hello", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"] {
        assert!(read(bad.as_bytes()).unwrap_err().contains("no OpenPGP public key"), "{bad}");
    }
    let mut several = Vec::new();
    for _ in 0..2 {
        SignedPublicKey::from(secret_key(EncryptionCaps::All)).to_writer(&mut several).unwrap();
    }
    assert!(read(&several).unwrap_err().contains("holds 2 keys"));
}

#[test]
fn a_key_that_cannot_encrypt_is_refused() {
    let signing = armored(&secret_key(EncryptionCaps::None));
    assert!(read(signing.as_bytes()).unwrap_err().contains("no subkey for encryption"));
    let mut bare = SignedPublicKey::from(secret_key(EncryptionCaps::All));
    bare.details.users.clear();
    let bare = bare.to_armored_string(ArmorOptions::default()).unwrap();
    assert!(read(bare.as_bytes()).unwrap_err().contains("no valid self-signature"));
}

#[test]
fn another_keys_subkey_is_not_encrypted_to() {
    let mut mixed = SignedPublicKey::from(secret_key(EncryptionCaps::All));
    mixed.public_subkeys = SignedPublicKey::from(secret_key(EncryptionCaps::All)).public_subkeys;
    let mixed = mixed.to_armored_string(ArmorOptions::default()).unwrap();
    assert!(read(mixed.as_bytes()).unwrap_err().contains("no subkey is validly bound"));
}

#[test]
fn a_revoked_key_is_refused() {
    let secret = secret_key(EncryptionCaps::All);
    let mut key = SignedPublicKey::from(secret.clone());
    let revoke = |kind| {
        let mut config = SignatureConfig::from_key(OsRng, &secret.primary_key, kind).unwrap();
        let made = pgp::packet::SubpacketData::SignatureCreationTime(pgp::types::Timestamp::now());
        let issuer = pgp::packet::SubpacketData::IssuerFingerprint(secret.primary_key.fingerprint());
        config.hashed_subpackets = [made, issuer].map(|data| pgp::packet::Subpacket::regular(data).unwrap()).into();
        config
    };
    let none = Password::empty();
    let whole = revoke(SignatureType::KeyRevocation).sign_key(&secret.primary_key, &none, &key.primary_key).unwrap();
    key.details.revocation_signatures.push(whole);
    let text = key.to_armored_string(ArmorOptions::default()).unwrap();
    assert!(read(text.as_bytes()).unwrap_err().contains("is revoked"));

    let mut key = SignedPublicKey::from(secret.clone());
    let subkey = key.public_subkeys[0].key.clone();
    let part = revoke(SignatureType::SubkeyRevocation);
    let part = part.sign_subkey_binding(&secret.primary_key, &secret.primary_key.public_key(), &none, &subkey).unwrap();
    key.public_subkeys[0].signatures.push(part);
    let text = key.to_armored_string(ArmorOptions::default()).unwrap();
    assert!(read(text.as_bytes()).unwrap_err().contains("subkey is revoked"));
}

#[test]
fn a_strangers_revocation_revokes_nothing() {
    let (secret, stranger) = (secret_key(EncryptionCaps::All), secret_key(EncryptionCaps::All));
    let mut key = SignedPublicKey::from(secret);
    let config = SignatureConfig::from_key(OsRng, &stranger.primary_key, SignatureType::KeyRevocation).unwrap();
    let theirs = config.sign_key(&stranger.primary_key, &Password::empty(), &key.primary_key).unwrap();
    key.details.revocation_signatures.push(theirs);
    assert!(read(key.to_armored_string(ArmorOptions::default()).unwrap().as_bytes()).is_ok());
}

#[test]
fn an_expired_key_is_refused_from_that_day_on() {
    let secret = secret_key(EncryptionCaps::All);
    let mut key = SignedPublicKey::from(secret.clone());
    let user = key.details.users[0].id.clone();
    let mut config = SignatureConfig::from_key(OsRng, &secret.primary_key, SignatureType::CertPositive).unwrap();
    let later = pgp::types::Timestamp::from_secs(pgp::types::Timestamp::now().as_secs());
    let data = [
        pgp::packet::SubpacketData::SignatureCreationTime(later),
        pgp::packet::SubpacketData::IssuerFingerprint(secret.primary_key.fingerprint()),
        pgp::packet::SubpacketData::KeyExpirationTime(pgp::types::Duration::from_secs(86_400)),
    ];
    config.hashed_subpackets = data.map(|data| pgp::packet::Subpacket::regular(data).unwrap()).into();
    let signed = config
        .sign_certification(
            &secret.primary_key,
            &secret.primary_key.public_key(),
            &Password::empty(),
            Tag::UserId,
            &user,
        )
        .unwrap();
    key.details.users[0].signatures = vec![signed];
    let text = key.to_armored_string(ArmorOptions::default()).unwrap();
    let good = RecipientKey::from_bytes(text.as_bytes(), now()).unwrap();
    let tomorrow = now().checked_add(SignedDuration::from_hours(25)).unwrap();
    assert!(!good.expired(now()) && good.expired(tomorrow));
    let expired = RecipientKey::from_bytes(text.as_bytes(), tomorrow).unwrap_err().to_string();
    assert!(expired.contains("has expired on"), "{expired}");
}
