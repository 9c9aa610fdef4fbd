//! RFC 3161: asking a time-stamping authority, and reading what it answers.
//!
//! What is checked here: that the authority granted the request, that the token is about our bytes and our nonce, and
//! that its signature is that of the certificate that came with it. Whether that certificate is one to trust is for
//! whoever holds the authority's root (`openssl ts -verify`, see `docs/evidence.md`).

use cms::cert::CertificateChoices;
use cms::cert::x509::Certificate;
use cms::cert::x509::der::asn1::{Int, ObjectIdentifier, OctetString, SetOfVec};
use cms::cert::x509::der::{Any, Decode, Encode, Tag, Tagged};
use cms::cert::x509::ext::pkix::SubjectKeyIdentifier;
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use jiff::Timestamp;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_tsp::{MessageImprint, TimeStampReq, TspVersion};

const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");

/// Why an answer is not the time-stamp that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// It does not follow RFC 3161.
    #[error("the answer is no RFC 3161 time-stamp: {0}")]
    Malformed(&'static str),
    /// The authority did not grant it.
    #[error("the authority refused (status {0}); hint: does it want another policy, or a contract?")]
    Refused(u32),
    /// It is about other bytes.
    #[error("the time-stamp is about other bytes than those sent")]
    Imprint,
    /// It answers another request.
    #[error("the time-stamp answers another request (its nonce differs)")]
    Nonce,
    /// The policy is not the one asked for.
    #[error("the time-stamp was made under another policy than asked for")]
    Policy,
    /// Its signature does not hold.
    #[error("the signature of the time-stamp does not hold")]
    Signature,
    /// A request could not be made.
    #[error("the request cannot be made: {0}")]
    Request(String),
}

/// What a time-stamp says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampToken {
    /// When the authority saw the hash.
    pub at: Timestamp,
    /// Under which policy.
    pub policy: String,
    /// Its serial number, hex.
    pub serial: String,
    /// Whether its signature was checked: not where it is of a kind that is not known here.
    pub signature_checked: bool,
}

/// A request, and what its answer must fit.
pub struct Query {
    /// What is sent, DER.
    pub der: Vec<u8>,
    nonce: Vec<u8>,
}

/// Reads a policy's object identifier.
pub(super) fn policy(text: &str) -> Option<ObjectIdentifier> {
    ObjectIdentifier::new(text).ok()
}

impl Query {
    /// Asks for a stamp on `data`, with the authority's certificate in the answer.
    ///
    /// # Errors
    /// When there are no random numbers.
    pub fn new(data: &[u8], wanted: Option<&str>) -> Result<Self, StampError> {
        let failed = |error: &dyn std::fmt::Display| StampError::Request(error.to_string());
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| failed(&error))?;
        // Positive and without a leading zero: the one way DER writes it.
        nonce[0] = nonce[0] & 0x7f | 0x40;
        let request = TimeStampReq {
            version: TspVersion::V1,
            message_imprint: imprint(data).map_err(|error| failed(&error))?,
            req_policy: wanted.and_then(policy),
            nonce: Some(Int::new(&nonce).map_err(|error| failed(&error))?),
            cert_req: true,
            extensions: None,
        };
        let der = request.to_der().map_err(|error| failed(&error))?;
        Ok(Self { der, nonce: nonce.to_vec() })
    }

    /// Reads the answer to this request about `data`.
    ///
    /// # Errors
    /// When it is not the time-stamp that was asked for.
    pub fn answered(&self, answer: &[u8], data: &[u8], wanted: Option<&str>) -> Result<TimestampToken, StampError> {
        let token = Token::read(answer)?;
        token.about(data)?;
        if token.nonce.as_deref() != Some(&self.nonce[..]) {
            return Err(StampError::Nonce);
        }
        if wanted.is_some_and(|wanted| wanted != token.said.policy) {
            return Err(StampError::Policy);
        }
        Ok(token.said)
    }
}

/// Reads a stored answer about `data`, whose request is gone.
///
/// # Errors
/// When it is no granted time-stamp about these bytes.
pub fn read(answer: &[u8], data: &[u8]) -> Result<TimestampToken, StampError> {
    let token = Token::read(answer)?;
    token.about(data)?;
    Ok(token.said)
}

fn imprint(data: &[u8]) -> Result<MessageImprint, cms::cert::x509::der::Error> {
    let hash_algorithm = AlgorithmIdentifierOwned { oid: SHA_256, parameters: Some(Any::null()) };
    Ok(MessageImprint { hash_algorithm, hashed_message: OctetString::new(Sha256::digest(data).to_vec())? })
}

/// A token, taken apart.
struct Token {
    said: TimestampToken,
    nonce: Option<Vec<u8>>,
    imprint: MessageImprint,
}

impl Token {
    /// Reads a `TimeStampResp`. It and the `TSTInfo` are read member by member: words that authorities add to a status,
    /// and fractions of seconds, which the RFC allows, are more than the declared types take.
    fn read(answer: &[u8]) -> Result<Self, StampError> {
        let malformed = StampError::Malformed;
        let parts = Vec::<Any>::from_der(answer).map_err(|_| malformed("no sequence"))?;
        let status = parts.first().and_then(|status| status.decode_as::<Vec<Any>>().ok());
        let status: u32 =
            status.and_then(|status| status.first()?.decode_as().ok()).ok_or_else(|| malformed("it has no status"))?;
        if status > 1 {
            return Err(StampError::Refused(status));
        }
        let token = parts.get(1).ok_or_else(|| malformed("it has no token"))?;
        let token: ContentInfo = token.decode_as().map_err(|_| malformed("its token is no CMS"))?;
        if token.content_type != SIGNED_DATA {
            return Err(malformed("its token is not signed"));
        }
        let signed: SignedData = token.content.decode_as().map_err(|_| malformed("its token is no signed CMS"))?;
        let inner = &signed.encap_content_info;
        let info = inner.econtent.as_ref().filter(|_| inner.econtent_type == TST_INFO);
        let info = info.ok_or_else(|| malformed("its token holds no TSTInfo"))?.value();
        let signature_checked = signature_holds(&signed, info)?;
        Self::info(info, signature_checked)
    }

    fn info(info: &[u8], signature_checked: bool) -> Result<Self, StampError> {
        let malformed = || StampError::Malformed("its TSTInfo cannot be read");
        let parts = Vec::<Any>::from_der(info).map_err(|_| malformed())?;
        let [_version, policy, imprint, serial, at, rest @ ..] = parts.as_slice() else { return Err(malformed()) };
        let policy: ObjectIdentifier = policy.decode_as().map_err(|_| malformed())?;
        let imprint: MessageImprint = imprint.decode_as().map_err(|_| malformed())?;
        let at = if at.tag() == Tag::GeneralizedTime { at.value() } else { &[] };
        let at = general_time(at).ok_or_else(malformed)?;
        let nonce = rest.iter().find(|part| part.tag() == Tag::Integer).map(|part| part.value().to_vec());
        let serial = crate::signing::hex(serial.value());
        let said = TimestampToken { at, policy: policy.to_string(), serial, signature_checked };
        Ok(Self { said, nonce, imprint })
    }

    fn about(&self, data: &[u8]) -> Result<(), StampError> {
        let ours = self.imprint.hash_algorithm.oid == SHA_256
            && self.imprint.hashed_message.as_bytes() == Sha256::digest(data).as_slice();
        if ours { Ok(()) } else { Err(StampError::Imprint) }
    }
}

/// `YYYYMMDDhhmmss[.f…]Z`.
fn general_time(value: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(value).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if whole.len() != 14 || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) || fraction.is_empty() {
        return None;
    }
    let number = |from: usize, to: usize| whole[from..to].parse::<i8>().ok();
    let nanos: i32 = format!("{fraction:0<9}")[..9].parse().ok()?;
    let year = whole[..4].parse().ok()?;
    let (month, day, hour) = (number(4, 6)?, number(6, 8)?, number(8, 10)?);
    let civil = jiff::civil::DateTime::new(year, month, day, hour, number(10, 12)?, number(12, 14)?, nanos).ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// Whether the token's signature is over `info` and of a certificate in it: true, false where the kind of signature is
/// not known here, an error where it does not hold.
fn signature_holds(signed: &SignedData, info: &[u8]) -> Result<bool, StampError> {
    let signers: &SetOfVec<SignerInfo> = &signed.signer_infos.0;
    let [signer] = signers.as_slice() else { return Err(StampError::Malformed("it is not signed by exactly one")) };
    let attributes = signer.signed_attrs.as_ref().ok_or(StampError::Malformed("its signature has no attributes"))?;
    let digest = match signer.digest_alg.oid {
        SHA_256 => Sha256::digest(info).to_vec(),
        SHA_384 => Sha384::digest(info).to_vec(),
        SHA_512 => Sha512::digest(info).to_vec(),
        _ => return Ok(false),
    };
    let stated = attributes.iter().find(|attribute| attribute.oid == MESSAGE_DIGEST);
    let stated = stated.and_then(|attribute| attribute.values.get(0)).map(Any::value);
    if stated != Some(&digest[..]) {
        return Err(StampError::Signature);
    }
    let Some(certificate) = certificate_of(signed, signer) else {
        return Err(StampError::Malformed("the signer's certificate is not in it"));
    };
    // What is signed is the attributes as a SET OF, whatever tag they travel under.
    let message = attributes.to_der().map_err(|_| StampError::Malformed("its attributes cannot be read"))?;
    let key = &certificate.tbs_certificate.subject_public_key_info;
    let kind = body(&key.algorithm);
    let by = signature_algorithm(signer);
    let provider = rustls::crypto::ring::default_provider();
    let known = provider.signature_verification_algorithms.all;
    let mut fitting = known.iter().filter(|algorithm| {
        algorithm.public_key_alg_id().as_ref() == kind && algorithm.signature_alg_id().as_ref() == by
    });
    let Some(algorithm) = fitting.next() else { return Ok(false) };
    let holds = algorithm.verify_signature(key.subject_public_key.raw_bytes(), &message, signer.signature.as_bytes());
    holds.map(|()| true).map_err(|_| StampError::Signature)
}

/// The body of an algorithm identifier in DER, as rustls writes its own.
fn body(algorithm: &AlgorithmIdentifierOwned) -> Vec<u8> {
    let mut body = algorithm.oid.to_der().unwrap_or_default();
    body.extend(algorithm.parameters.as_ref().and_then(|parameters| parameters.to_der().ok()).unwrap_or_default());
    body
}

/// CMS may name the kind of key alone (`rsaEncryption`) and the digest beside it.
fn signature_algorithm(signer: &SignerInfo) -> Vec<u8> {
    let mut algorithm = signer.signature_algorithm.clone();
    if algorithm.oid == RSA {
        algorithm.oid = match signer.digest_alg.oid {
            SHA_384 => RSA_SHA_384,
            SHA_512 => RSA_SHA_512,
            _ => RSA_SHA_256,
        };
        algorithm.parameters = Some(Any::null());
    }
    body(&algorithm)
}

fn certificate_of<'s>(signed: &'s SignedData, signer: &SignerInfo) -> Option<&'s Certificate> {
    let all = signed.certificates.as_ref()?.0.iter().filter_map(|choice| match choice {
        CertificateChoices::Certificate(certificate) => Some(certificate),
        CertificateChoices::Other(_) => None,
    });
    let mut all = all.filter(|certificate| match &signer.sid {
        SignerIdentifier::IssuerAndSerialNumber(wanted) => {
            let tbs = &certificate.tbs_certificate;
            tbs.serial_number == wanted.serial_number && tbs.issuer == wanted.issuer
        }
        SignerIdentifier::SubjectKeyIdentifier(wanted) => {
            let own = certificate.tbs_certificate.get::<SubjectKeyIdentifier>();
            matches!(own, Ok(Some((_, own))) if own == *wanted)
        }
    });
    all.next()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_asks_for_our_hash_with_a_nonce_of_its_own() {
        let query = Query::new(b"manifest", Some("1.2.3.4")).unwrap();
        let read = TimeStampReq::from_der(&query.der).unwrap();
        assert_eq!(read.message_imprint.hashed_message.as_bytes(), Sha256::digest(b"manifest").as_slice());
        assert_eq!(read.nonce.unwrap().as_bytes(), query.nonce);
        assert_eq!((read.req_policy.unwrap().to_string(), read.cert_req), ("1.2.3.4".to_owned(), true));
        assert_ne!(Query::new(b"manifest", None).unwrap().nonce, query.nonce);
    }

    #[test]
    fn a_refusal_is_told_as_one() {
        // SEQUENCE { SEQUENCE { INTEGER 2 } }: rejection, no token.
        let answer = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02];
        assert_eq!(read(&answer, b""), Err(StampError::Refused(2)));
        let granted_without = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x00];
        assert_eq!(read(&granted_without, b""), Err(StampError::Malformed("it has no token")));
    }

    #[test]
    fn times_with_and_without_fractions_are_read() {
        let at = |text: &str| general_time(text.as_bytes()).map(|at| at.to_string());
        assert_eq!(at("20261121223045Z").as_deref(), Some("2026-11-21T22:30:45Z"));
        assert_eq!(at("20261121223045.12Z").as_deref(), Some("2026-11-21T22:30:45.12Z"));
        for wrong in
            ["", "Z", "20261121223045", "2026112122304Z", "20261321223045Z", "20261121223045.Z", "+0261121223045Z"]
        {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(read(&bytes, b"manifest").is_err());
        }
    }
}
