//! The manifest: what a capture holds, in clear and without content, signed. `docs/evidence.md` explains each member.
//!
//! It is canonical JSON ([`crate::signing::canonical`]), so that it can be made again from what it says and its hash
//! names it. Nothing of the poster's is in it but the address; title, author and file names are in the sealed capture.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::EvidenceError;
use crate::model::{PostId, SiteId, Verdict};
use crate::signing::{Signer, canonical};

/// What a manifest says it is.
pub const KIND: &str = "vigie-evidence-manifest/1";

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`KIND`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The capture's identifier: 32 hex digits, the same whenever this revision of this post is captured.
    pub id: String,
    /// The post.
    pub post: PostId,
    /// BLAKE3 over everything that was read of the post: tells this revision from others. Hex.
    pub revision: String,
    /// The site.
    pub site: SiteId,
    /// Where a person would look. From the site.
    pub url: String,
    /// The strongest verdict on any of the post's documents: the class that decides how long it is kept.
    pub verdict: Verdict,
    /// What the site says.
    pub posted_at: Option<Timestamp>,
    /// When it was first listed to us.
    pub seen_at: Timestamp,
    /// When it had been fetched.
    pub fetched_at: Timestamp,
    /// When the verdict stood.
    pub judged_at: Timestamp,
    /// When it was captured.
    pub captured_at: Timestamp,
    /// The sealed capture; none when nothing of the content could be kept.
    pub capture: Option<CaptureFacts>,
    /// The post's documents in order: its body, if it has any, then what hangs on it.
    pub contents: Vec<ContentFacts>,
    /// What is not in the capture and why, in words of ours. Empty when the post is there as it was received.
    pub missing: Vec<String>,
    /// The program that wrote it.
    pub software: String,
    /// SHA-256 of the public key that the signature holds under, hex.
    pub signer: String,
}

/// A sealed capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureFacts {
    /// Its size, sealed.
    pub bytes: u64,
    /// SHA-256 of the sealed file, hex.
    pub sha256: String,
    /// SHA-256 of `post.json` in it, hex: title, author, names, exchanges with headers.
    pub post_sha256: String,
    /// The public keys it is sealed to.
    pub recipients: Vec<String>,
}

/// One document of the post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentFacts {
    /// Its path in the capture; none when it is not in it.
    pub path: Option<String>,
    /// The verdict on it.
    pub verdict: Verdict,
    /// Bytes as received.
    pub bytes: u64,
    /// SHA-256 of all bytes as received, hex.
    pub sha256: String,
    /// BLAKE3 of the same, hex: the hash that alerts give.
    pub blake3: String,
    /// How many of the bytes are in the capture, from the first on.
    pub kept_bytes: u64,
    /// SHA-256 of what is in the capture, hex.
    pub kept_sha256: Option<String>,
}

impl Manifest {
    /// The bytes that are signed, and the signature.
    ///
    /// # Errors
    /// When it cannot be written as canonical JSON.
    pub fn signed(&self, signer: &Signer) -> Result<(Vec<u8>, Vec<u8>), EvidenceError> {
        let bytes = canonical(self)?;
        let signature = signer.sign(&bytes).to_vec();
        Ok((bytes, signature))
    }

    /// Reads one; it must be of the kind and in the form that it is written in.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let manifest: Self = serde_json::from_slice(bytes).ok()?;
        let same = canonical(&manifest).is_ok_and(|again| again == bytes);
        (manifest.kind == KIND && same).then_some(manifest)
    }
}
