//! Sealing a post: a tar archive of its facts and contents, encrypted with age while it is written.
//!
//! ```text
//! post.json        title, author, file names, what was not fetched, exchanges with headers and redirects
//! content/0000     the post's documents as received, by number: nothing is ever written under a poster's name
//! ```

use std::io::{self, Write};
use std::iter;

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::EvidenceError;
use super::manifest::{CaptureFacts, ContentFacts, KIND, Manifest};
use super::settings::{EvidenceSettings, Keep};
use crate::model::{Attachment, Exchange, Post, Skip, Verdict};
use crate::signing::{Signer, canonical, hex, sha256_hex};

/// A post whose verdict stands.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'p> {
    /// The post.
    pub post: &'p Post,
    /// The verdict on each of its documents, in the order of [`Post::documents`].
    pub verdicts: &'p [Verdict],
    /// When they stood.
    pub judged_at: Timestamp,
}

impl Subject<'_> {
    /// The strongest verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdicts.iter().copied().max().unwrap_or(Verdict::Clear)
    }

    /// The same for this revision of this post whenever it is captured: captured twice, it is there once.
    #[must_use]
    pub fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("vigie 2026-11 evidence identifier");
        hasher.update(self.post.id.0.as_bytes()).update(&[0]).update(&self.post.revision);
        hasher.finalize().to_hex()[..32].to_owned()
    }
}

/// What is to be kept of a post.
pub struct Plan<'p> {
    subject: Subject<'p>,
    /// For each document, how many of its bytes.
    kept: Vec<u64>,
    /// What is not kept, in words.
    pub missing: Vec<String>,
}

impl<'p> Plan<'p> {
    /// Decides what of a post is kept in `room` bytes, whose limit is called `limit` in what is said of the rest.
    /// Documents that matched come first: they are what has to be proved.
    pub fn new(subject: Subject<'p>, keep: Keep, room: u64, limit: &str) -> Self {
        let sizes: Vec<u64> = subject.post.documents().map(|document| document.bytes.len() as u64).collect();
        let mut kept = vec![0; sizes.len()];
        let mut missing = Vec::new();
        let mut left = room;
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|at| !subject.found(*at));
        for at in order {
            if keep == Keep::Matching && !subject.found(at) {
                missing.push(format!("content {at} matched nothing and is not kept"));
                continue;
            }
            kept[at] = sizes[at].min(left);
            left -= kept[at];
            if kept[at] < sizes[at] {
                missing.push(format!("content {at} is kept up to {} of {} bytes: {limit}", kept[at], sizes[at]));
            }
        }
        missing.sort();
        Self { subject, kept, missing }
    }

    /// A plan that keeps nothing, and why.
    pub fn nothing(subject: Subject<'p>, why: String) -> Self {
        let kept = vec![0; subject.post.documents().count()];
        Self { subject, kept, missing: vec![why] }
    }

    /// Bytes of content that are kept.
    pub fn bytes(&self) -> u64 {
        self.kept.iter().sum()
    }

    fn documents(&self) -> impl Iterator<Item = (usize, &'p Attachment, u64)> {
        self.subject.post.documents().zip(&self.kept).enumerate().map(|(at, (document, kept))| (at, document, *kept))
    }

    /// Writes the sealed archive to `file`, and says what it is.
    ///
    /// # Errors
    /// When it cannot be written or sealed.
    pub fn seal(&self, settings: &EvidenceSettings, file: impl Write) -> Result<CaptureFacts, EvidenceError> {
        let seal = |error: io::Error| EvidenceError::Seal(error.to_string());
        let recipients = settings.recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
        let sealing =
            age::Encryptor::with_recipients(recipients).map_err(|error| EvidenceError::Seal(error.to_string()))?;
        let mut hashed = Hashed { file, hash: Sha256::new(), bytes: 0 };
        let post = canonical(&self.facts())?;
        let sealed = sealing.wrap_output(&mut hashed).map_err(seal)?;
        let sealed = self.archive(&post, sealed).map_err(seal)?;
        sealed.finish().map_err(seal)?;
        let recipients = settings.recipients.iter().map(ToString::to_string).collect();
        let sha256 = hex(&hashed.hash.finalize());
        Ok(CaptureFacts { bytes: hashed.bytes, sha256, post_sha256: sha256_hex(&post), recipients })
    }

    fn archive<W: Write>(&self, post: &[u8], to: W) -> io::Result<W> {
        let mut archive = tar::Builder::new(to);
        let mut add = |path: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(self.subject.post.fetched_at.as_second().max(0) as u64);
            archive.append_data(&mut header, path, bytes)
        };
        add("post.json", post)?;
        for (at, document, kept) in self.documents() {
            if kept > 0 {
                add(&path(at), &document.bytes[..kept as usize])?;
            }
        }
        archive.into_inner()
    }

    fn facts(&self) -> PostFacts<'p> {
        let post = self.subject.post;
        let files = self.documents().map(|(at, document, kept)| FileFacts {
            path: (kept > 0).then(|| path(at)),
            name: &document.name,
            media_type: document.media_type.as_deref(),
        });
        let exchanges = post.exchanges.iter().map(ExchangeFacts::from);
        PostFacts {
            title: post.title.as_deref(),
            author: post.author.as_deref(),
            url: &post.url,
            files: files.collect(),
            not_fetched: &post.skipped,
            exchanges: exchanges.collect(),
        }
    }

    /// The manifest, not yet signed.
    pub fn manifest(self, id: String, capture: Option<CaptureFacts>, signer: &Signer) -> Manifest {
        let Subject { post, verdicts, judged_at } = self.subject;
        let verdict_of = |at: usize| verdicts.get(at).copied().unwrap_or(Verdict::Clear);
        let there = capture.is_some();
        let contents = self.documents().map(|(at, document, kept)| {
            let kept = if there { kept } else { 0 };
            ContentFacts {
                path: (kept > 0).then(|| path(at)),
                verdict: verdict_of(at),
                bytes: document.bytes.len() as u64,
                sha256: sha256_hex(&document.bytes),
                blake3: blake3::hash(&document.bytes).to_hex().to_string(),
                kept_bytes: kept,
                kept_sha256: (kept > 0).then(|| sha256_hex(&document.bytes[..kept as usize])),
            }
        });
        Manifest {
            kind: KIND.to_owned(),
            id,
            post: post.id.clone(),
            revision: hex(&post.revision),
            site: post.site.clone(),
            url: post.url.clone(),
            verdict: self.subject.verdict(),
            posted_at: post.posted_at,
            seen_at: post.seen_at,
            fetched_at: post.fetched_at,
            judged_at,
            captured_at: Timestamp::now(),
            capture,
            contents: contents.collect(),
            missing: self.missing,
            software: concat!("vigie ", env!("CARGO_PKG_VERSION")).to_owned(),
            signer: signer.public().id(),
        }
    }
}

impl Subject<'_> {
    /// Whether something was found in the document with this number.
    fn found(&self, at: usize) -> bool {
        self.verdicts.get(at).is_some_and(|verdict| verdict.is_finding())
    }
}

fn path(at: usize) -> String {
    format!("content/{at:04}")
}

/// `post.json` of a capture: what is the poster's or the server's, and therefore sealed.
#[derive(Serialize)]
struct PostFacts<'p> {
    title: Option<&'p str>,
    author: Option<&'p str>,
    url: &'p str,
    files: Vec<FileFacts<'p>>,
    not_fetched: &'p [Skip],
    exchanges: Vec<ExchangeFacts<'p>>,
}

#[derive(Serialize)]
struct FileFacts<'p> {
    path: Option<String>,
    name: &'p str,
    media_type: Option<&'p str>,
}

#[derive(Serialize)]
struct ExchangeFacts<'p> {
    asked: &'p str,
    redirects: Vec<(u16, &'p str)>,
    url: &'p str,
    peer: Option<&'p str>,
    status: u16,
    headers: &'p [(String, String)],
    at: Timestamp,
    bytes: u64,
    sha256: String,
}

impl<'p> From<&'p Exchange> for ExchangeFacts<'p> {
    fn from(exchange: &'p Exchange) -> Self {
        Self {
            asked: &exchange.asked,
            redirects: exchange.redirects.iter().map(|hop| (hop.status, hop.url.as_str())).collect(),
            url: &exchange.url,
            peer: exchange.peer.as_deref(),
            status: exchange.status,
            headers: &exchange.headers,
            at: exchange.at,
            bytes: exchange.bytes,
            sha256: hex(&exchange.sha256),
        }
    }
}

/// Hashes and counts what goes through it.
struct Hashed<W> {
    file: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Bytes that a capture takes beside its contents: headers of tar and age, the post's facts.
pub fn overhead(post: &Post) -> u64 {
    let text = |text: &str| text.len() as u64;
    let exchanges = post.exchanges.iter().map(|exchange| {
        let headers = exchange.headers.iter().map(|(name, value)| text(name) + text(value) + 8).sum::<u64>();
        let addresses = exchange.redirects.iter().map(|hop| text(&hop.url) + 16).sum::<u64>();
        512 + headers + addresses + text(&exchange.asked) + text(&exchange.url)
    });
    let names = iter::once(&post.body).chain(&post.attachments).map(|document| 2_048 + text(&document.name));
    8_192 + exchanges.sum::<u64>() + names.sum::<u64>() + post.size() as u64 / 1_024
}
