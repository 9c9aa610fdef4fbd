//! `POST /api/v1/posts`: a post as one's own feeders write it.
//!
//! ```json
//! {"id": "chan-7/1234", "url": "https://…", "title": "…", "author": "…", "posted_at": "2026-11-21T22:00:00Z",
//!  "text": "…",
//!  "attachments": [{"name": "dump.zip", "media_type": "application/zip", "content": "BASE64"}]}
//! ```
//! `id` is the feeder's own key: the same one again is the same post, edited if its content differs. Content is `text`,
//! or `content` in base64 with `name` and `media_type`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;

use super::door::Turned;
use crate::collect::text::cut;
use crate::collect::visit::post_id;
use crate::model::{Attachment, Post, SiteId};

/// Longest key, title, author, file name and address, bytes; the last four are cut there.
const MAX_ID: usize = 512;
const MAX_LINE: usize = 4096;
/// Files of one post.
const MAX_FILES: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pushed {
    id: String,
    url: Option<String>,
    title: Option<String>,
    author: Option<String>,
    posted_at: Option<Timestamp>,
    text: Option<String>,
    content: Option<String>,
    name: Option<String>,
    media_type: Option<String>,
    #[serde(default)]
    attachments: Vec<PushedFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PushedFile {
    name: Option<String>,
    media_type: Option<String>,
    text: Option<String>,
    content: Option<String>,
}

impl PushedFile {
    fn read(self, what: &str) -> Result<Attachment, Turned> {
        let (bytes, plain) = match (self.text, self.content) {
            (Some(text), None) => (text.into_bytes(), true),
            (None, Some(content)) => {
                let decoded = STANDARD.decode(content.trim_ascii());
                (decoded.map_err(|_| Turned::malformed(format!("{what}: content is not base64")))?, false)
            }
            (None, None) => (Vec::new(), true),
            (Some(_), Some(_)) => return Err(Turned::malformed(format!("{what}: text or content, not both"))),
        };
        let media_type = self.media_type.or_else(|| plain.then(|| "text/plain; charset=utf-8".to_owned()));
        Ok(Attachment { name: line(self.name.as_deref().unwrap_or("body")), media_type, bytes })
    }
}

/// Reads a request's body.
pub(super) fn post(bytes: &[u8], site: &SiteId, now: Timestamp) -> Result<Post, Turned> {
    // Position and kind only: what the parser says may quote the post.
    let pushed: Pushed = serde_json::from_slice(bytes).map_err(|e| {
        let (kind, line, column) = (e.classify(), e.line(), e.column());
        Turned::malformed(format!("not a post: {kind:?} error at line {line} column {column}; hint: docs/push.md"))
    })?;
    if pushed.id.is_empty() || pushed.id.len() > MAX_ID {
        return Err(Turned::malformed(format!("id has 1 to {MAX_ID} bytes; hint: your own key of the post")));
    }
    if pushed.attachments.len() > MAX_FILES {
        return Err(Turned::malformed(format!("more than {MAX_FILES} attachments; hint: an archive")));
    }
    let body =
        PushedFile { name: pushed.name, media_type: pushed.media_type, text: pushed.text, content: pushed.content };
    let attachments = pushed.attachments.into_iter().map(|file| file.read("attachments"));
    Ok(Post {
        id: post_id(site, &pushed.id),
        revision: [0; 32],
        site: site.clone(),
        url: pushed.url.as_deref().map_or_else(|| format!("push:{}", pushed.id), line),
        title: pushed.title.as_deref().map(line),
        author: pushed.author.as_deref().map(line),
        posted_at: pushed.posted_at,
        seen_at: now,
        fetched_at: now,
        body: body.read("the post")?,
        attachments: attachments.collect::<Result<_, _>>()?,
        skipped: Vec::new(),
        exchanges: Vec::new(),
    })
}

fn line(text: &str) -> String {
    cut(text, MAX_LINE).to_owned()
}
