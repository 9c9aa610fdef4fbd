//! A post as bytes: its facts as JSON, then the contents as they are.
//!
//! ```text
//! u32 length of the facts | facts (JSON, contents empty) | for body and each attachment: u64 length | bytes
//! ```
//! All numbers big-endian. JSON alone would write every content byte as a number in text.

use std::io::{self, Read};

use crate::model::{Attachment, Post};

/// The pieces of a post, to be written one after another; contents are borrowed, not copied.
pub fn pieces(post: &Post) -> Result<Vec<Piece<'_>>, serde_json::Error> {
    let hollow = |from: &Attachment| Attachment {
        name: from.name.clone(),
        media_type: from.media_type.clone(),
        bytes: Vec::new(),
    };
    let facts = Post {
        body: hollow(&post.body),
        attachments: post.attachments.iter().map(hollow).collect(),
        id: post.id.clone(),
        revision: post.revision,
        site: post.site.clone(),
        url: post.url.clone(),
        title: post.title.clone(),
        author: post.author.clone(),
        posted_at: post.posted_at,
        seen_at: post.seen_at,
        fetched_at: post.fetched_at,
        skipped: post.skipped.clone(),
        exchanges: post.exchanges.clone(),
    };
    let facts = serde_json::to_vec(&facts)?;
    let mut pieces = vec![Piece::Owned((facts.len() as u32).to_be_bytes().to_vec()), Piece::Owned(facts)];
    for content in std::iter::once(&post.body).chain(&post.attachments) {
        pieces.push(Piece::Owned((content.bytes.len() as u64).to_be_bytes().to_vec()));
        pieces.push(Piece::Borrowed(&content.bytes));
    }
    Ok(pieces)
}

/// Part of a post's bytes.
pub enum Piece<'p> {
    /// Made here.
    Owned(Vec<u8>),
    /// The post's own.
    Borrowed(&'p [u8]),
}

impl AsRef<[u8]> for Piece<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Borrowed(bytes) => bytes,
        }
    }
}

/// Reads a post back.
pub fn read(mut from: impl Read) -> io::Result<Post> {
    let mut four = [0; 4];
    from.read_exact(&mut four)?;
    let facts = read_exactly(&mut from, u32::from_be_bytes(four).into())?;
    let mut post: Post = serde_json::from_slice(&facts).map_err(io::Error::from)?;
    for content in std::iter::once(&mut post.body).chain(&mut post.attachments) {
        let mut eight = [0; 8];
        from.read_exact(&mut eight)?;
        content.bytes = read_exactly(&mut from, u64::from_be_bytes(eight))?;
    }
    Ok(post)
}

/// Grows with what really comes, so that a wrong length cannot ask for the whole memory.
fn read_exactly(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length.min(1 << 20) as usize);
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
