//! AIL's import interface, as its client `pyail` speaks it: the item's bytes compressed and in base64, its hash, and
//! whatever its feeder calls `meta`. Seen on pyail 0.0.2; names with hyphens are those of older clients.
//!
//! Items have no key. The same content with the same `meta` from the same feeder is the same item.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::door::Turned;
use crate::collect::text::cut;
use crate::collect::visit::post_id;
use crate::model::{Attachment, Post, SiteId};

/// Longest title, author and address, bytes.
const MAX_LINE: usize = 4096;
/// Decompressed at a time; memory is asked for before.
const STEP: usize = 1 << 20;

/// Fields not named here (`timestamp`: when it was sent) change nothing.
#[derive(Deserialize)]
struct Item {
    data: String,
    #[serde(rename = "data-sha256", alias = "data_sha256")]
    sha256: Option<String>,
    #[serde(default)]
    meta: Value,
    #[serde(default)]
    source: String,
    #[serde(default, rename = "source_uuid", alias = "source-uuid")]
    source_uuid: String,
    #[serde(rename = "default_encoding", alias = "default-encoding")]
    encoding: Option<String>,
}

/// Reads a request's body. `grow` is asked before more memory is taken.
pub(super) fn post(
    bytes: &[u8],
    site: &SiteId,
    now: Timestamp,
    limit: usize,
    grow: &mut dyn FnMut(usize) -> Result<(), Turned>,
) -> Result<Post, Turned> {
    let item: Item = serde_json::from_slice(bytes).map_err(|e| {
        let (kind, line, column) = (e.classify(), e.line(), e.column());
        Turned::malformed(format!("not an item: {kind:?} error at line {line} column {column}"))
    })?;
    let packed = STANDARD.decode(item.data.trim_ascii()).map_err(|_| Turned::malformed("data is not base64"))?;
    let content = unpack(&packed, limit, grow)?;
    let hash = hex(&Sha256::digest(&content));
    if item.sha256.as_ref().is_some_and(|told| !told.eq_ignore_ascii_case(&hash)) {
        return Err(Turned::malformed("data-sha256 is not that of data"));
    }
    let mut key = blake3::Hasher::new();
    for part in [item.source.as_str(), &item.source_uuid, &hash, &item.meta.to_string()] {
        key.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    let key = key.finalize().to_hex()[..32].to_owned();
    let charset = item.encoding.filter(|name| name.len() <= 40 && name.bytes().all(|b| b.is_ascii_graphic()));
    let media_type = charset.map(|name| format!("text/plain; charset={}", name.to_ascii_lowercase()));
    Ok(Post {
        id: post_id(site, &key),
        revision: [0; 32],
        site: site.clone(),
        url: text(&item.meta, &["url", "link"]).unwrap_or_else(|| format!("ail:{}/{key}", cut(&item.source, 200))),
        title: text(&item.meta, &["title", "subject"]).or_else(|| text(item.meta.get("chat")?, &["name", "username"])),
        author: text(&item.meta, &["author", "username", "user"])
            .or_else(|| text(item.meta.get("sender")?, &["username", "name", "firstname", "id"])),
        posted_at: date(&item.meta),
        seen_at: now,
        fetched_at: now,
        body: Attachment { name: "item".into(), media_type, bytes: content },
        attachments: Vec::new(),
        skipped: Vec::new(),
        exchanges: Vec::new(),
    })
}

/// Undoes gzip, a step at a time; what is not compressed stays as it is.
fn unpack(packed: &[u8], limit: usize, grow: &mut dyn FnMut(usize) -> Result<(), Turned>) -> Result<Vec<u8>, Turned> {
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return Ok(packed.to_vec());
    }
    let (mut from, mut content) = (MultiGzDecoder::new(packed), Vec::new());
    loop {
        // Twice: a vector that grows holds the old and the new.
        grow(2 * STEP)?;
        let before = content.len();
        let read = from.by_ref().take(STEP as u64).read_to_end(&mut content);
        read.map_err(|_| Turned::malformed("data is not gzip that can be undone"))?;
        if content.len() > limit {
            return Err(Turned::too_large(limit));
        }
        if content.len() == before {
            return Ok(content);
        }
    }
}

/// The first of these names that `meta` has, whatever feeder it belongs to: `url` is also found as `twitter:url`.
fn text(meta: &Value, names: &[&str]) -> Option<String> {
    let members = meta.as_object()?;
    let found = names.iter().find_map(|name| {
        let named = members.get(*name).or_else(|| {
            members.iter().find(|(key, _)| key.rsplit_once(':').is_some_and(|(_, last)| last == *name)).map(|(_, v)| v)
        });
        named.and_then(|value| match value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    });
    found.map(|text| cut(&text, MAX_LINE).to_owned())
}

/// The date, as AIL's feeders give it: `{"timestamp": 1…, "datestamp": "…"}`, seconds, or a text.
fn date(meta: &Value) -> Option<Timestamp> {
    let date = meta.get("date").or_else(|| meta.get("timestamp"))?;
    let nested = |name: &str| date.get(name).filter(|value| !value.is_null());
    let value = nested("timestamp").or_else(|| nested("datestamp")).unwrap_or(date);
    let written = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    crate::collect::dates::parse(&written, None, &jiff::tz::TimeZone::UTC, Timestamp::now())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
