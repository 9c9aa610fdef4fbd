//! Secrets of channels, of sites one logs in to, of those who push: named in the configuration, never written there,
//! never in the environment.
//!
//! What lives here: where a secret is and reading it once. What does not: what it is for.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::model::{Sensitive, SettingProblem};

/// Longest secret that is read, bytes: a private key or a password, not a file named by mistake.
const MAX: u64 = 64 << 10;

/// Where systemd keeps the running service's credentials, for its user and for root.
const OF_THE_SERVICE: &str = "/run/credentials/vigie.service";

/// Where a secret is, as written: `{ file = "/etc/vigie/hook.secret" }` or `{ credential = "hook" }`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawSecret {
    /// A file that only its owner may read.
    pub file: Option<PathBuf>,
    /// A systemd credential (`LoadCredential=`) of this name.
    pub credential: Option<String>,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In a file.
    File(PathBuf),
    /// Handed over by systemd.
    Credential(String),
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It cannot be read.
    #[error("cannot read the secret {}; hint: does the file exist, may vigie read it?", path.display())]
    Unreadable {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read it too.
    #[error("the secret {} can be read by others; hint: chmod 600", path.display())]
    Open {
        /// Its file.
        path: PathBuf,
    },
    /// There is nothing in it, or far too much, or no text.
    #[error("the secret {} is not a text of 1 byte to 64 KiB", path.display())]
    Shape {
        /// Its file.
        path: PathBuf,
    },
    /// There are no credentials.
    #[error(
        "no credential `{name}`: not started by systemd; hint: use `file`, or LoadCredential={name}:PATH in the unit"
    )]
    NoCredentials {
        /// Its name.
        name: String,
    },
}

/// By hand, because what stands in its place by mistake is the secret itself, and serde would quote it.
impl<'de> Deserialize<'de> for RawSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct Place {
            file: Option<PathBuf>,
            credential: Option<String>,
        }
        struct PlaceVisitor;
        impl<'de> Visitor<'de> for PlaceVisitor {
            type Value = RawSecret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{ file = \"/path\" } or { credential = \"name\" }")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawSecret, A::Error> {
                let place = Place::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RawSecret { file: place.file, credential: place.credential })
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<RawSecret, E> {
                Err(E::custom(
                    "is the secret itself, which never stands here; hint: write it into a file, and { file = \"/path\" } here",
                ))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<RawSecret, E> {
                self.visit_str("")
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<RawSecret, E> {
                self.visit_str("")
            }
        }
        deserializer.deserialize_map(PlaceVisitor)
    }
}

impl RawSecret {
    /// Checks that exactly one place is named.
    ///
    /// # Errors
    /// What is wrong, about `setting`.
    pub fn validate(self, setting: &str, base: &Path) -> Result<SecretRef, SettingProblem> {
        match (self.file, self.credential) {
            (Some(file), None) if !file.as_os_str().is_empty() => Ok(SecretRef::File(base.join(file))),
            (None, Some(name)) if !name.is_empty() && !name.contains('/') && name != ".." => {
                Ok(SecretRef::Credential(name))
            }
            _ => Err(SettingProblem::new(
                setting,
                "names no secret; hint: { file = \"/path\" } or { credential = \"name\" }, not both",
            )),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Credential(name) => write!(f, "credential `{name}`"),
        }
    }
}

impl SecretRef {
    /// Reads the secret; a newline at its end is not part of it.
    ///
    /// # Errors
    /// When it cannot be read, or others can read it too.
    pub fn read(&self) -> Result<Sensitive<String>, SecretError> {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
                // Beside the service, root may look at what systemd has handed to it (`vigie alerts test`).
                let services = Some(PathBuf::from(OF_THE_SERVICE)).filter(|folder| folder.join(name).is_file());
                folder.or(services).ok_or_else(|| SecretError::NoCredentials { name: name.clone() })?.join(name)
            }
        };
        let unreadable = |source| SecretError::Unreadable { path: path.clone(), source };
        let file = std::fs::File::open(&path).map_err(unreadable)?;
        if matches!(self, Self::File(_)) {
            use std::os::unix::fs::PermissionsExt;
            if file.metadata().map_err(unreadable)?.permissions().mode() & 0o077 != 0 {
                return Err(SecretError::Open { path });
            }
        }
        let mut text = String::new();
        file.take(MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
        let length = text.trim_end_matches(['\r', '\n']).len();
        if length == 0 || text.len() as u64 > MAX {
            return Err(SecretError::Shape { path });
        }
        text.truncate(length);
        Ok(Sensitive::new(text))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_read_only_where_nobody_else_can() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        std::fs::write(&path, "secret\n").unwrap();
        let secret = RawSecret { file: Some("s".into()), credential: None }.validate("secret", dir.path()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(secret.read(), Err(SecretError::Open { .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(secret.read().unwrap().expose(), "secret");
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(secret.read(), Err(SecretError::Shape { .. })));
    }

    #[test]
    fn exactly_one_place_is_named() {
        let check = |toml: &str| toml::from_str::<RawSecret>(toml).unwrap().validate("secret", Path::new("/"));
        assert!(check("").is_err() && check("file = 'a'\ncredential = 'b'").is_err());
        assert!(check("credential = '../x'").is_err());
        assert_eq!(check("credential = 'hook'"), Ok(SecretRef::Credential("hook".into())));
    }

    #[test]
    fn a_secret_in_its_own_place_is_refused_and_not_repeated() {
        #[derive(Debug, Deserialize)]
        struct Raw {
            #[serde(rename = "key")]
            _key: RawSecret,
        }
        for written in ["key = 'hunter2'", "key = 4711", "key = 4.711", "key = true", "key = ['hunter2']"] {
            let error = toml::from_str::<Raw>(written).unwrap_err();
            let said = error.message();
            assert!(!said.contains("hunter2") && !said.contains("711"), "{said}");
            assert!(said.contains("file"), "{said}");
        }
        let unknown = toml::from_str::<Raw>("key = { fle = 'a' }").unwrap_err();
        assert!(unknown.message().starts_with("unknown field `fle`"), "{unknown}");
    }
}
