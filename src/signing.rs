//! The key that vigie signs with, and the one form of what it signs: canonical JSON.
//!
//! What lives here: an Ed25519 key (made at first start, or handed over), signing, checking, and the PEM of the public
//! half, so that `openssl` checks what vigie signed. What does not: what is signed (manifests, deletion records,
//! checkpoints of the audit log); each of these names its kind in a `type` member, so that one cannot pass for another.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What precedes the 32 bytes of the seed in PKCS #8 (RFC 8410, section 7).
const PRIVATE_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// What precedes the 32 bytes of the point in SubjectPublicKeyInfo (RFC 8410, section 4).
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A key file is far shorter; whatever is longer is something else.
const MAX_FILE: u64 = 4096;

/// The public key in use, in the folder it is published in.
pub const PUBLISHED: &str = "signing.pub.pem";

/// What the names of the keys before it begin with.
const FORMER: &str = "signing.pub.";

/// Length of a signature, bytes.
pub const SIGNATURE: usize = 64;

/// Why there is no key, or a signature does not hold.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The file system's answer.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The answer.
        source: io::Error,
    },
    /// Others than its owner may read it.
    #[error("the signing key {} can be read by others; hint: chmod 600", path.display())]
    Exposed {
        /// The key file.
        path: PathBuf,
    },
    /// It is not a key file.
    #[error("{} is no {what} in PEM; hint: `openssl genpkey -algorithm ed25519` makes one", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
    /// The system gives no random numbers.
    #[error("no random numbers from the system: {0}")]
    Random(String),
    /// Fractions have no canonical form here; they are not signed.
    #[error("a number with a fraction cannot be signed")]
    Fraction,
    /// It cannot be written as JSON at all.
    #[error("cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Where the signing key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningKeySource {
    /// Handed over by systemd.
    Credential(PathBuf),
    /// A file that the operator made.
    File(PathBuf),
    /// A file in the state folder, made at first start.
    Own(PathBuf),
}

impl SigningKeySource {
    /// Reads the key; makes it where it is vigie's own and there is none yet.
    ///
    /// # Errors
    /// When there is no key to be had, or others can read it.
    pub fn load_or_make(&self) -> Result<Signer, SigningError> {
        match self {
            Self::Own(path) if !path.exists() => Signer::make(path),
            Self::Own(path) | Self::File(path) => Signer::load(path, 0o077),
            // systemd opens a credential to the service through an access control list, whose mask shows as group bits.
            Self::Credential(path) => Signer::load(path, 0o007),
        }
    }
}

/// Signs. Shows only its public half.
pub struct Signer(SigningKey);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public().id())
    }
}

impl Signer {
    /// A new key.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn generate() -> Result<Self, SigningError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut seed[..]).map_err(|error| SigningError::Random(error.to_string()))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    fn make(path: &Path) -> Result<Self, SigningError> {
        let signer = Self::generate()?;
        let mut der = Zeroizing::new(PRIVATE_PREFIX.to_vec());
        der.extend_from_slice(signer.0.as_bytes());
        let pem = Zeroizing::new(pem("PRIVATE KEY", &der));
        // Under another name first: a key of which half was written would stop every later start.
        let making = path.with_extension("making");
        let _ = std::fs::remove_file(&making);
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&making).and_then(|mut file| {
            file.write_all(pem.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&making, path)?;
            File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
        });
        written.map_err(|source| SigningError::Io { path: path.to_owned(), action: "write", source })?;
        Ok(signer)
    }

    fn load(path: &Path, others: u32) -> Result<Self, SigningError> {
        let io = |source| SigningError::Io { path: path.to_owned(), action: "read", source };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.permissions().mode() & others != 0 {
            return Err(SigningError::Exposed { path: path.to_owned() });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_FILE).read_to_string(&mut text).map_err(io)?;
        let malformed = || SigningError::Malformed { path: path.to_owned(), what: "Ed25519 private key" };
        let der = Zeroizing::new(un_pem("PRIVATE KEY", &text).ok_or_else(malformed)?);
        let seed = der.strip_prefix(&PRIVATE_PREFIX).and_then(|seed| <[u8; 32]>::try_from(seed).ok());
        let seed = Zeroizing::new(seed.ok_or_else(malformed)?);
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Signs bytes.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; SIGNATURE] {
        self.0.sign(bytes).to_bytes()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
}

/// Checks signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads the PEM file that [`PublicKey::publish`] writes.
    ///
    /// # Errors
    /// When it cannot be read or is no Ed25519 key.
    pub fn load(path: &Path) -> Result<Self, SigningError> {
        let io = |source| SigningError::Io { path: path.to_owned(), action: "read", source };
        let mut text = String::new();
        File::open(path).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text)).map_err(io)?;
        let point = un_pem("PUBLIC KEY", &text)
            .and_then(|der| <[u8; 32]>::try_from(der.strip_prefix(&PUBLIC_PREFIX)?).ok())
            .and_then(|point| VerifyingKey::from_bytes(&point).ok());
        point.map(Self).ok_or_else(|| SigningError::Malformed { path: path.to_owned(), what: "Ed25519 public key" })
    }

    /// As `openssl` reads it.
    #[must_use]
    pub fn pem(&self) -> String {
        let mut der = PUBLIC_PREFIX.to_vec();
        der.extend_from_slice(self.0.as_bytes());
        pem("PUBLIC KEY", &der)
    }

    /// Writes the PEM into a folder as [`PUBLISHED`]. Another key that was there stays under a name of its own: what it
    /// signed is still to be checked.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn publish(&self, folder: &Path) -> Result<(), SigningError> {
        let path = folder.join(PUBLISHED);
        let io = |source| SigningError::Io { path: path.clone(), action: "write", source };
        match Self::load(&path) {
            Ok(there) if there == *self => return Ok(()),
            Ok(there) => {
                let former = folder.join(format!("{FORMER}{}.pem", &there.id()[..16]));
                std::fs::rename(&path, former).map_err(io)?;
            }
            Err(_) => {}
        }
        let making = path.with_extension("making");
        std::fs::write(&making, self.pem()).and_then(|()| std::fs::rename(&making, &path)).map_err(io)
    }

    /// Names the key: SHA-256 of its 32 bytes, hex.
    #[must_use]
    pub fn id(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }

    /// Whether `signature` is this key's over `bytes`. Strict: no two signatures are equally good.
    #[must_use]
    pub fn holds(&self, bytes: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(bytes, &signature).is_ok())
    }
}

/// The keys that something may have been signed with: the one in use, and those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

impl PublicKeys {
    /// Reads each of the PEM files.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn load(files: &[PathBuf]) -> Result<Self, SigningError> {
        files.iter().map(|file| PublicKey::load(file)).collect::<Result<_, _>>().map(Self)
    }

    /// Those that [`PublicKey::publish`] has left in a folder.
    ///
    /// # Errors
    /// When the folder or a key cannot be read, or there is none.
    pub fn published(folder: &Path) -> Result<Self, SigningError> {
        let io = |source| SigningError::Io { path: folder.join(PUBLISHED), action: "read", source };
        let mut files = vec![folder.join(PUBLISHED)];
        for entry in std::fs::read_dir(folder).map_err(io)? {
            let name = entry.map_err(io)?.file_name().to_string_lossy().into_owned();
            if name.starts_with(FORMER) && name.ends_with(".pem") && name != PUBLISHED {
                files.push(folder.join(name));
            }
        }
        Self::load(&files)
    }

    /// Their files as [`PublicKey::publish`] names them, the one in use first.
    #[must_use]
    pub fn files(&self) -> Vec<(String, String)> {
        let name = |at: usize, key: &PublicKey| match at {
            0 => PUBLISHED.to_owned(),
            _ => format!("{FORMER}{}.pem", &key.id()[..16]),
        };
        self.0.iter().enumerate().map(|(at, key)| (name(at, key), key.pem())).collect()
    }

    /// Whether the key with this [`PublicKey::id`] is among them.
    #[must_use]
    pub fn know(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id() == id)
    }

    /// Whether `signature` over `bytes` is of the key with this id.
    #[must_use]
    pub fn hold(&self, id: &str, bytes: &[u8], signature: &[u8]) -> bool {
        self.0.iter().any(|key| key.id() == id && key.holds(bytes, signature))
    }

    /// Whether `signature` over `bytes` is of any of them.
    #[must_use]
    pub fn any_holds(&self, bytes: &[u8], signature: &[u8]) -> bool {
        self.0.iter().any(|key| key.holds(bytes, signature))
    }
}

impl From<PublicKey> for PublicKeys {
    fn from(key: PublicKey) -> Self {
        Self(vec![key])
    }
}

/// SHA-256 in hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or_default());
        }
        text
    })
}

/// The one way to write a value as JSON: members by name, no white space, whole numbers only, strings escaped as in
/// RFC 8785, of which this is the part without fractions. Names are ours and plain ASCII, so that order by bytes is
/// order by UTF-16 too.
///
/// # Errors
/// When there is a fraction in it.
pub fn canonical(value: &impl Serialize) -> Result<Vec<u8>, SigningError> {
    let mut out = Vec::new();
    write_canonical(&mut out, &serde_json::to_value(value)?)?;
    Ok(out)
}

fn write_canonical(out: &mut Vec<u8>, value: &Value) -> Result<(), SigningError> {
    match value {
        Value::Number(number) if !(number.is_i64() || number.is_u64()) => return Err(SigningError::Fraction),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_canonical(out, item)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            out.push(b'{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, name)?;
                out.push(b':');
                write_canonical(out, member)?;
            }
            out.push(b'}');
        }
        plain => serde_json::to_writer(&mut *out, plain)?,
    }
    Ok(())
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn un_pem(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_made_once_private_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signing.key");
        let own = SigningKeySource::Own(path.clone());
        let first = own.load_or_make().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(own.load_or_make().unwrap().public(), first.public());
        assert_eq!(format!("{first:?}"), format!("Signer({})", first.public().id()));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(own.load_or_make(), Err(SigningError::Exposed { .. })));
        assert!(SigningKeySource::Credential(path.clone()).load_or_make().is_ok());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        for broken in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            std::fs::write(&path, broken).unwrap();
            assert!(matches!(own.load_or_make(), Err(SigningError::Malformed { .. })), "{broken}");
        }
        assert!(SigningKeySource::File(dir.path().join("gone")).load_or_make().is_err(), "only its own key is made");
    }

    #[test]
    fn what_is_signed_holds_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let (signer, other) = (Signer::generate().unwrap(), Signer::generate().unwrap());
        let signature = signer.sign(b"bytes");
        signer.public().publish(dir.path()).unwrap();
        let public = PublicKey::load(&dir.path().join(PUBLISHED)).unwrap();
        assert!(public.holds(b"bytes", &signature));
        assert!(!public.holds(b"byte", &signature) && !other.public().holds(b"bytes", &signature));
        for bit in 0..SIGNATURE * 8 {
            let mut altered = signature;
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(!public.holds(b"bytes", &altered), "bit {bit}");
        }
        assert!(!public.holds(b"bytes", &signature[..63]));

        // Another key takes its place; what the former one signed can still be checked.
        other.public().publish(dir.path()).unwrap();
        other.public().publish(dir.path()).unwrap();
        assert_eq!(PublicKey::load(&dir.path().join(PUBLISHED)).unwrap(), other.public());
        let both = PublicKeys::published(dir.path()).unwrap();
        assert!(both.know(&public.id()) && both.hold(&public.id(), b"bytes", &signature));
        assert!(both.any_holds(b"bytes", &signature) && !both.hold(&other.public().id(), b"bytes", &signature));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        assert!(PublicKeys::published(&dir.path().join("gone")).is_err());
    }

    #[test]
    fn canonical_json_is_sorted_dense_and_without_fractions() {
        let value = serde_json::json!({"b": [1, -2, null, true], "a": {"z": "é\n\"\u{1}", "y": ""}});
        let text = String::from_utf8(canonical(&value).unwrap()).unwrap();
        assert_eq!(text, "{\"a\":{\"y\":\"\",\"z\":\"é\\n\\\"\\u0001\"},\"b\":[1,-2,null,true]}");
        assert!(matches!(canonical(&0.5), Err(SigningError::Fraction)));
    }

    proptest! {
        #[test]
        fn canonical_json_is_the_same_after_reading_it(text in "\\PC{0,20}", number in any::<i64>()) {
            let value = serde_json::json!({"number": number, "text": text, "list": [text, {}]});
            let once = canonical(&value).unwrap();
            let read: Value = serde_json::from_slice(&once).unwrap();
            prop_assert_eq!(canonical(&read).unwrap(), once);
        }
    }
}
