//! The secret that all protection rests on: its file, its identifier, the keys derived from it, and the keyring.
//!
//! Where the file lies and who may read it is the operator's affair; this room refuses a file that everybody can read.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::{Zeroize, Zeroizing};

/// First word of a key file, with the version of its form.
const FILE_TAG: &str = "vigie-key-1";
/// Contexts for key derivation name the program, the date the derivation was fixed, and the purpose: a context is never reused.
const ID_CONTEXT: &str = "vigie 2026-11 key identifier";
const CHECK_CONTEXT: &str = "vigie 2026-11 key file check";

/// A secret key of 256 bits. Prints as its identifier; wiped when dropped.
pub struct Key {
    secret: Box<Zeroizing<[u8; 32]>>,
    id: KeyId,
}

/// Names a key without saying anything else of it: 8 bytes derived one way, shown as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(super) [u8; 8]);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system's answer.
    #[error("{}: cannot {action} the key file: {source}", path.display())]
    Io {
        /// The key file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The answer.
        source: std::io::Error,
    },
    /// There is none of that name.
    #[error("{}: there is no such key file; hint: name the one that `vigie key generate` wrote and the indexes were built with", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is a file already, and a key that is overwritten is a set of indexes that cannot be read any more.
    #[error("{}: exists already; hint: choose another name, or remove it if no index needs it", path.display())]
    Exists {
        /// The key file.
        path: PathBuf,
    },
    /// Others than its owner may read it.
    #[error("{}: may be read by others (mode {mode:03o}); hint: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a key file, or was altered.
    #[error("{}: {reason}; hint: a key file is one line written by `vigie key generate`", path.display())]
    Malformed {
        /// The key file.
        path: PathBuf,
        /// What is wrong; never the content.
        reason: &'static str,
    },
    /// The system gives no random numbers.
    #[error("no random numbers from the system: {0}")]
    Random(String),
}

impl Key {
    /// A new random key.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let mut secret = Box::new(Zeroizing::new([0u8; 32]));
        getrandom::fill(&mut secret[..]).map_err(|e| KeyError::Random(e.to_string()))?;
        Ok(Self::from_boxed(secret))
    }

    /// A key from its bytes, for tests and for keys that other programs keep.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let key = Self::from_boxed(Box::new(Zeroizing::new(bytes)));
        bytes.zeroize();
        key
    }

    fn from_boxed(secret: Box<Zeroizing<[u8; 32]>>) -> Self {
        let mut id = [0u8; 8];
        id.copy_from_slice(&derive(ID_CONTEXT, &secret[..])[..8]);
        Self { secret, id: KeyId(id) }
    }

    /// Reads a key file that only its owner may read.
    ///
    /// # Errors
    /// If it cannot be read, is readable by group or others, or is not a key file.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let mut file = open(path)?;
        let mode = file.metadata().map_err(io(path, "read"))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        Self::read(path, &mut file)
    }

    /// Reads a key handed over by systemd (`LoadCredential`). Such a file is opened to the service's user through an
    /// access control list, whose mask shows as group bits: only world-readable ones are refused.
    ///
    /// # Errors
    /// As [`Key::load`].
    pub fn load_credential(path: &Path) -> Result<Self, KeyError> {
        let mut file = open(path)?;
        let mode = file.metadata().map_err(io(path, "read"))?.permissions().mode() & 0o777;
        if mode & 0o007 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        Self::read(path, &mut file)
    }

    fn read(path: &Path, file: &mut File) -> Result<Self, KeyError> {
        // A key file has 99 bytes; whatever is much longer is something else.
        let mut text = Zeroizing::new([0u8; 256]);
        let mut len = 0;
        while len < text.len() {
            match file.read(&mut text[len..]).map_err(io(path, "read"))? {
                0 => break,
                n => len += n,
            }
        }
        parse(&text[..len]).map_err(|reason| KeyError::Malformed { path: path.to_owned(), reason })
    }

    /// Writes the key to a new file that only its owner may read.
    ///
    /// # Errors
    /// If there is a file already, or it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|e| {
            if e.kind() == std::io::ErrorKind::AlreadyExists {
                KeyError::Exists { path: path.to_owned() }
            } else {
                io(path, "create")(e)
            }
        })?;
        file.write_all(&self.line()).and_then(|()| file.sync_all()).map_err(|e| {
            // What was created here and is not whole helps nobody.
            let _ = std::fs::remove_file(path);
            io(path, "write")(e)
        })
    }

    fn line(&self) -> Zeroizing<Vec<u8>> {
        let mut line = Zeroizing::new(Vec::with_capacity(128));
        line.extend_from_slice(FILE_TAG.as_bytes());
        line.push(b':');
        push_hex(&mut line, &self.secret[..]);
        line.push(b':');
        push_hex(&mut line, &derive(CHECK_CONTEXT, &self.secret[..])[..8]);
        line.push(b'\n');
        line
    }

    /// Names the key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// A key for one purpose, from which neither this one nor those for other purposes can be found. `context` is a
    /// constant of the program that names the purpose.
    #[must_use]
    pub fn derive(&self, context: &str) -> Zeroizing<[u8; 32]> {
        derive(context, &self.secret[..])
    }

    /// As [`Key::derive`], a different one for each `salt`.
    #[must_use]
    pub(super) fn derive_salted(&self, context: &str, salt: &[u8]) -> Zeroizing<[u8; 32]> {
        let key = self.derive(context);
        Zeroizing::new(*blake3::keyed_hash(&key, salt).as_bytes())
    }
}

fn derive(context: &str, secret: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(blake3::derive_key(context, secret))
}

fn open(path: &Path) -> Result<File, KeyError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => KeyError::Missing { path: path.to_owned() },
        _ => io(path, "open")(error),
    })?;
    let meta = file.metadata().map_err(io(path, "read"))?;
    if meta.is_dir() || meta.size() > 4096 {
        return Err(KeyError::Malformed { path: path.to_owned(), reason: "is not a key file" });
    }
    Ok(file)
}

fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::Io { path, action, source }
}

fn parse(text: &[u8]) -> Result<Key, &'static str> {
    let text = text.trim_ascii();
    let Some(rest) = text.strip_prefix(FILE_TAG.as_bytes()).and_then(|r| r.strip_prefix(b":")) else {
        return Err(if text.starts_with(b"vigie-key-") {
            "is a key file of a version that is not read"
        } else {
            "is not a key file"
        });
    };
    if rest.len() != 64 + 1 + 16 || rest[64] != b':' {
        return Err("is cut short or altered");
    }
    let mut secret = Box::new(Zeroizing::new([0u8; 32]));
    let mut check = [0u8; 8];
    if !read_hex(&rest[..64], &mut secret[..]) || !read_hex(&rest[65..], &mut check) {
        return Err("is altered (not hexadecimal)");
    }
    if derive(CHECK_CONTEXT, &secret[..])[..8] != check {
        return Err("is altered (its check does not agree)");
    }
    Ok(Key::from_boxed(secret))
}

fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for b in bytes {
        out.push(DIGITS[(b >> 4) as usize]);
        out.push(DIGITS[(b & 15) as usize]);
    }
}

fn read_hex(text: &[u8], out: &mut [u8]) -> bool {
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    text.len() == out.len() * 2
        && text.chunks_exact(2).zip(out).all(|(pair, byte)| match (digit(pair[0]), digit(pair[1])) {
            (Some(high), Some(low)) => {
                *byte = high << 4 | low;
                true
            }
            _ => false,
        })
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// The keys in use: one, or two while indexes are being rebuilt under a new one.
#[derive(Debug)]
pub struct Keyring {
    keys: Vec<Key>,
}

impl Keyring {
    /// One key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self { keys: vec![key] }
    }

    /// Two keys: the current one, and the one before it. Twice the same counts once.
    #[must_use]
    pub fn rotating(current: Key, previous: Key) -> Self {
        if current.id == previous.id { Self::new(current) } else { Self { keys: vec![current, previous] } }
    }

    /// The key that new indexes are built with.
    #[must_use]
    pub fn current(&self) -> &Key {
        &self.keys[0]
    }

    /// The keys, the current one first. A key's position is the `key_no` of the indexes built with it.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(super) fn position(&self, id: KeyId) -> Option<usize> {
        self.keys.iter().position(|k| k.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_file_and_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        let key = Key::generate().unwrap();
        key.save(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Key::load(&path).unwrap().secret, key.secret);
        assert!(matches!(Key::generate().unwrap().save(&path), Err(KeyError::Exists { .. })));
        assert_eq!(Key::load(&path).unwrap().id(), key.id());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        Key::generate().unwrap().save(&path).unwrap();
        for (mode, strict, credential) in [(0o644, false, false), (0o440, false, true), (0o400, true, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Key::load(&path).is_ok(), strict, "{mode:o}");
            assert_eq!(Key::load_credential(&path).is_ok(), credential, "{mode:o}");
        }
    }

    #[test]
    fn every_altered_byte_of_a_key_file_is_noticed_and_never_shown() {
        let key = Key::from_bytes([7; 32]);
        let line = key.line().to_vec();
        assert!(parse(&line).is_ok());
        for i in 0..line.len() - 1 {
            let mut altered = line.clone();
            altered[i] ^= 1;
            assert!(parse(&altered).is_err(), "byte {i}");
        }
        for n in 0..line.len() - 1 {
            assert!(parse(&line[..n]).is_err());
        }
        let shown = format!("{key:?}");
        assert!(!shown.contains("0707"), "{shown}");
    }

    #[test]
    fn purposes_give_unrelated_keys() {
        let key = Key::from_bytes([1; 32]);
        assert_ne!(*key.derive("a"), *key.derive("b"));
        assert_ne!(*key.derive_salted("a", b"1"), *key.derive_salted("a", b"2"));
        assert_ne!(key.id(), Key::from_bytes([2; 32]).id());
    }
}
