//! What `pipeline` hands over: a post with the assessments of its documents.

use jiff::Timestamp;

use crate::model::{AlertId, Assessment, Change, EvidenceRef, Post, PostId, SiteId, Verdict};

/// What an alert says of the post itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostFacts {
    /// The post.
    pub id: PostId,
    /// The revision that was judged.
    pub revision: [u8; 32],
    /// Where it was read.
    pub site: SiteId,
    /// Where a person would look. From the site.
    pub url: String,
    /// From the poster.
    pub title: Option<String>,
    /// From the poster.
    pub author: Option<String>,
    /// What the site says.
    pub posted_at: Option<Timestamp>,
    /// When it was first listed to us.
    pub seen_at: Timestamp,
    /// When it had been fetched.
    pub fetched_at: Timestamp,
    /// Where it is kept as evidence, once it is.
    pub evidence: Option<EvidenceRef>,
}

impl From<&Post> for PostFacts {
    fn from(post: &Post) -> Self {
        Self {
            id: post.id.clone(),
            revision: post.revision,
            site: post.site.clone(),
            url: post.url.clone(),
            title: post.title.clone(),
            author: post.author.clone(),
            posted_at: post.posted_at,
            seen_at: post.seen_at,
            fetched_at: post.fetched_at,
            evidence: None,
        }
    }
}

/// A post whose documents have all been judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The post.
    pub post: PostFacts,
    /// When the verdict stood.
    pub at: Timestamp,
    /// One per document; those that found nothing may be left out.
    pub documents: Vec<Assessment>,
}

/// What a judged post changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertChange {
    /// The alert.
    pub alert: AlertId,
    /// Its revision now: 1 when the alert is new.
    pub revision: u32,
    /// Its verdict now.
    pub verdict: Verdict,
    /// Whether it is new, or has more to tell.
    pub change: Change,
}
