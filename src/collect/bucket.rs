//! An S3-compatible bucket: each object is a post.
//!
//! Objects are listed, and those that are new or have changed (entity tag, date or size) are read, one at a time.
//! Reading is all that is done: nothing is ever written to or deleted from a bucket.

use std::error::Error as _;

use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, RetryConfig};

use super::cursor::{Look, Memory, Seen};
use super::intake::Intake;
use super::page::mark;
use super::settings::BucketRules;
use super::visit::{Outcome, Stop, Visitor};
use crate::model::{Attachment, Post, Skip, SkipReason};
use crate::net::{NetError, Objects};

/// Objects looked at in one visit.
const MAX_LISTED: usize = 20_000;
/// Headers and XML of one page of a listing, and what an object may have beside its content, bytes.
const SLACK: usize = 4 << 20;
/// The cursor is saved after this many posts, and at the end.
const SAVE_EVERY: u64 = 20;

impl<I: Intake> Visitor<I> {
    /// Reads what is new in the bucket. One object that cannot be read does not keep the others from being read.
    pub(super) async fn visit_bucket(&self, rules: &BucketRules, memory: &mut Memory) -> Outcome {
        let mut outcome = Outcome::default();
        memory.visit += 1;
        if let Err(stop) = self.objects(rules, memory, &mut outcome).await {
            outcome.fault.get_or_insert(stop);
        }
        memory.forget(rules.remember);
        if std::mem::take(&mut memory.dirty)
            && let Err(refused) = self.intake.save_cursor(&self.site.id, &memory.to_cursor()).await
        {
            outcome.fault.get_or_insert(Stop::Refused(refused));
        }
        outcome
    }

    async fn objects(&self, rules: &BucketRules, memory: &mut Memory, outcome: &mut Outcome) -> Result<(), Stop> {
        let store = self.open_bucket(rules)?;
        let prefix = (!rules.prefix.is_empty()).then(|| Path::from(rules.prefix.as_str()));
        let mut listing = store.list(prefix.as_ref()).take(MAX_LISTED);
        outcome.sight.pages = 1;
        loop {
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stop::Cancelled),
                next = listing.next() => next,
            };
            let Some(object) = next else { return Ok(()) };
            let object = object.map_err(|error| cause(&error))?;
            outcome.sight.listed += 1;
            self.one_object(rules, &store, &object, memory, outcome).await?;
        }
    }

    /// Reads one object if it is new or has changed. An error ends the visit.
    async fn one_object(
        &self,
        rules: &BucketRules,
        store: &AmazonS3,
        object: &ObjectMeta,
        memory: &mut Memory,
        outcome: &mut Outcome,
    ) -> Result<(), Stop> {
        let (key, now) = (object.location.as_ref(), self.now());
        let changed = object.last_modified.timestamp_millis().to_string();
        let print = mark([object.e_tag.as_deref().unwrap_or_default(), &changed, &object.size.to_string()]);
        let seen = memory.entry(key, now);
        // A folder's own entry, or a file of nothing.
        if object.size == 0 || seen.look(print, None, now) == Look::No {
            return Ok(());
        }
        let seen = seen.clone();
        let (seen, fault) = match self.read_object(rules, store, object).await {
            Ok(post) => {
                outcome.sight.accepted += u64::from(self.deliver(post).await?);
                (Seen { mark: print, read_at: now.as_second(), whole: true, tries: 0, ..seen }, None)
            }
            Err(Stop::Cancelled) => return Err(Stop::Cancelled),
            Err(stop) => {
                let tries = if stop.transient() { seen.tries.saturating_add(1) } else { super::cursor::MAX_TRIES };
                (Seen { mark: print, read_at: now.as_second(), tries, ..seen }, Some(stop))
            }
        };
        memory.entries.insert(mark([key]), seen);
        memory.dirty = true;
        if outcome.sight.accepted > 0 && outcome.sight.accepted.is_multiple_of(SAVE_EVERY) {
            self.intake.save_cursor(&self.site.id, &memory.to_cursor()).await?;
        }
        match fault {
            Some(stop) if stop.ends_visit() => Err(stop),
            fault => {
                if let Some(stop) = fault {
                    outcome.fault.get_or_insert(stop);
                }
                Ok(())
            }
        }
    }

    async fn read_object(&self, rules: &BucketRules, store: &AmazonS3, object: &ObjectMeta) -> Result<Post, Stop> {
        let max = self.site.max_body as u64;
        // Only the object that was listed: one that has changed since has its turn at the next visit.
        let options = GetOptions {
            if_match: object.e_tag.clone(),
            range: (object.size > max).then_some(GetRange::Bounded(0..max)),
            ..GetOptions::default()
        };
        let reading = async { store.get_opts(&object.location, options).await?.bytes().await };
        let bytes = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Stop::Cancelled),
            bytes = reading => bytes.map_err(|error| cause(&error))?,
        };
        let length = bytes.len() as u64;
        self.health.update(&self.site.id, |health| {
            health.requests += 1;
            health.bytes += length;
        });
        let key = object.location.as_ref();
        let name = object.location.filename().unwrap_or(key).to_owned();
        let mut skipped = Vec::new();
        if object.size > length {
            let detail = format!("cut after {length} of {} bytes", object.size);
            skipped.push(Skip::new("", SkipReason::TooLarge, detail));
        }
        let now = self.now();
        Ok(Post {
            id: self.post_id(key),
            revision: [0; 32],
            site: self.site.id.clone(),
            url: format!("{}/{}/{key}", rules.endpoint.as_str().trim_end_matches('/'), rules.bucket),
            title: Some(key.to_owned()),
            author: None,
            posted_at: Timestamp::from_millisecond(object.last_modified.timestamp_millis()).ok(),
            seen_at: now,
            fetched_at: now,
            body: Attachment { name, media_type: None, bytes: bytes.into() },
            attachments: Vec::new(),
            skipped,
            exchanges: Vec::new(),
        })
    }

    fn open_bucket(&self, rules: &BucketRules) -> Result<AmazonS3, Stop> {
        let objects = Objects::new(&self.client, &rules.policy, self.site.max_body.saturating_add(SLACK));
        // The schedule tries again, and says so; a second hidden rhythm below it would only hold it up.
        let retry = RetryConfig { max_retries: 0, retry_timeout: Duration::from_secs(1), ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_endpoint(rules.endpoint.as_str().trim_end_matches('/'))
            .with_bucket_name(&rules.bucket)
            .with_region(&rules.region)
            .with_allow_http(rules.endpoint.scheme() == "http")
            .with_virtual_hosted_style_request(false)
            .with_retry(retry)
            .with_http_connector(objects);
        builder = match &rules.access {
            None => builder.with_skip_signature(true),
            Some((key, secret)) => {
                let secret =
                    secret.read().map_err(|why| Stop::Bucket(crate::telemetry::events::Chain(&why).to_string()))?;
                builder.with_access_key_id(key).with_secret_access_key(secret.expose())
            }
        };
        builder.build().map_err(|_| Stop::Bucket("its settings make no bucket; hint: check endpoint and bucket".into()))
    }
}

/// What went wrong, without the addresses and answers that the library's errors quote.
fn cause(error: &object_store::Error) -> Stop {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(net) = inner.downcast_ref::<NetError>() {
            return Stop::Net(net.clone());
        }
        source = inner.source();
    }
    Stop::Bucket(
        match error {
            object_store::Error::NotFound { .. } => "no such bucket or object",
            object_store::Error::Precondition { .. } => "the object changed while it was read",
            _ => "the service does not answer as a bucket does",
        }
        .to_owned(),
    )
}
