//! One item taken from a site.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{PostId, SiteId};
use super::skip::Skip;

/// One item taken from a site, as received: what `collect` hands on and the queue keeps until the verdict.
///
/// `Debug` shows no content.
#[derive(Clone, Serialize, Deserialize)]
pub struct Post {
    /// Its identity on the site; the same for every revision.
    pub id: PostId,
    /// BLAKE3 of everything that was read (body and attachments): tells an edited post from an unchanged one.
    pub revision: [u8; 32],
    /// Where it was read.
    pub site: SiteId,
    /// The address a person would open. Given by the site: escape it where it is shown.
    pub url: String,
    /// The thread or paste title, if there is one. Given by the poster.
    pub title: Option<String>,
    /// Who posted it, if the site says. Given by the poster.
    pub author: Option<String>,
    /// When the site says it was posted. Sites lie about dates: it orders nothing.
    pub posted_at: Option<Timestamp>,
    /// When vigie first saw it listed.
    pub seen_at: Timestamp,
    /// When its content had been fetched.
    pub fetched_at: Timestamp,
    /// The post's own content, as received.
    pub body: Attachment,
    /// What hangs on it.
    pub attachments: Vec<Attachment>,
    /// What could not be fetched, and why.
    pub skipped: Vec<Skip>,
    /// The exchanges with servers that brought it, in order: evidence of where and how it was had. Empty for what
    /// came by another way.
    #[serde(default)]
    pub exchanges: Vec<Exchange>,
}

/// One exchange with a server that brought a part of a post. Everything in it is from the server: escape it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The address that was asked for.
    pub asked: String,
    /// The redirects that were followed, in order.
    pub redirects: Vec<Redirect>,
    /// The address that answered in the end.
    pub url: String,
    /// The server's address and port, where the connection was made to the server itself.
    pub peer: Option<String>,
    /// HTTP status.
    pub status: u16,
    /// Response headers as received, in no order but that of equal names. Bytes that are no UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// When the answer was complete.
    pub at: Timestamp,
    /// Bytes of the answer's body, transport encoding undone.
    pub bytes: u64,
    /// SHA-256 of that body. A page from which only a part became the post is not kept: this is what remains of it.
    pub sha256: [u8; 32],
}

/// One redirect that was followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// The address that was asked.
    pub url: String,
    /// HTTP status of its answer.
    pub status: u16,
}

/// One file's worth of bytes, as received.
#[derive(Clone, Serialize, Deserialize)]
pub struct Attachment {
    /// File name as the site gives it, for people only: nothing is ever written under it.
    pub name: String,
    /// The `Content-Type` that came with it, a hint at best.
    pub media_type: Option<String>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Post {
    /// Body and attachments, each a document of its own, with the name reports give it.
    pub fn documents(&self) -> impl Iterator<Item = &Attachment> {
        std::iter::once(&self.body).filter(|body| !body.bytes.is_empty()).chain(&self.attachments)
    }

    /// Bytes held, body and attachments together.
    #[must_use]
    pub fn size(&self) -> usize {
        self.documents().map(|d| d.bytes.len()).sum()
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post")
            .field("id", &self.id)
            .field("site", &self.site)
            .field("body", &self.body)
            .field("attachments", &self.attachments)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({}, {} bytes)", self.status, self.bytes)
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({} bytes)", self.bytes.len())
    }
}
