//! A successful answer: its body, and how it was come by.

use std::net::SocketAddr;

use reqwest::header::{HeaderMap, HeaderValue};
use url::Url;

use super::body::Held;

/// What a server gave with an answer for recognising that it has not changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Validators {
    /// `ETag`, as received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified`, as received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// A successful answer.
#[derive(Debug)]
pub enum Answer {
    /// Nothing new since the validators were given.
    NotModified,
    /// A body.
    Content(Box<Content>),
}

/// The body of a successful answer and what came with it. `Debug` shows no content.
pub struct Content {
    /// HTTP status, 200 to 299.
    pub status: u16,
    /// Where it was read in the end.
    pub url: Url,
    /// The body, transport encoding undone.
    pub bytes: Vec<u8>,
    /// The body was longer than the cap and is cut there.
    pub truncated: bool,
    /// `Content-Type`, as received.
    pub media_type: Option<String>,
    /// The file name that `Content-Disposition` gives, as received. For people only.
    pub file_name: Option<String>,
    /// For asking again.
    pub validators: Validators,
    /// How it was come by.
    pub provenance: Provenance,
    /// Share of the memory for bodies; keep it with the bytes.
    pub held: Held,
}

/// How a body was come by, as far as it can be shown later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Where it was asked for at first.
    pub asked: Url,
    /// What was asked and answered with a redirect, in order, with the status of the answer.
    pub redirects: Vec<(Url, u16)>,
    /// The other end of the connection; none behind a proxy.
    pub peer: Option<SocketAddr>,
    /// All response headers, bytes that are no UTF-8 replaced. At most `max_header_kib` together.
    pub headers: Vec<(String, String)>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({}, {} bytes)", self.status, self.bytes.len())
    }
}

/// Every header, as text.
pub(super) fn all_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}
