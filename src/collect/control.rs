//! Control posts: a harmless marker, planted where the operator may post, to measure whether and when it is seen.
//!
//! What lives here: filling in the form that the definition names, and the state of what was planted. The post itself
//! is read like any other; it is recognised by its marker, 16 drawn digits that stand nowhere else.

use jiff::Timestamp;
use scraper::Html;
use serde::{Deserialize, Serialize};
use url::Url;

use super::coverage::TroubleKind;
use super::cursor::Memory;
use super::intake::Intake;
use super::login::{LoginError, Shared, fields_of};
use super::prepass;
use super::settings::{ControlRules, WebRules};
use super::visit::{Stop, Visitor};
use crate::model::Post;
use crate::net::{Answer, Request};
use crate::telemetry::events;

/// How much of a post is searched for the marker, bytes.
const SEARCHED: usize = 1 << 20;

/// What was planted last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Planted {
    /// The marker; empty before the first one.
    marker: String,
    /// When it was planted.
    pub at: Option<Timestamp>,
    /// Seconds until it was seen; nothing while it has not been.
    pub seen_after: Option<f64>,
}

impl Planted {
    /// Whether the next one is due.
    fn due(&self, rules: &ControlRules, now: Timestamp) -> bool {
        self.at.is_none_or(|at| now.duration_since(at).unsigned_abs() >= rules.every)
    }

    /// Whether the last one should have been seen by now.
    fn overdue(&self, rules: &ControlRules, now: Timestamp) -> bool {
        let waits = self.seen_after.is_none() && !self.marker.is_empty();
        waits && self.at.is_some_and(|at| now.duration_since(at).unsigned_abs() > rules.within)
    }

    /// Looks for the marker in a post that was read.
    pub(super) fn look(&mut self, post: &Post, now: Timestamp) -> bool {
        if self.marker.is_empty() || self.seen_after.is_some() {
            return false;
        }
        let marker = self.marker.as_bytes();
        let within = |text: &[u8]| memchr::memmem::find(&text[..text.len().min(SEARCHED)], marker).is_some();
        let titled = post.title.as_ref().is_some_and(|title| within(title.as_bytes()));
        if !titled && !post.documents().any(|document| within(&document.bytes)) {
            return false;
        }
        self.seen_after = self.at.map(|at| now.duration_since(at).as_secs_f64().max(0.0));
        true
    }
}

impl<I: Intake> Visitor<I> {
    /// Plants a marker if one is due. That it could not be planted is told, and does not keep the site from being read.
    pub(super) async fn plant(&self, web: &WebRules, session: &Shared, memory: &mut Memory) -> Result<(), Stop> {
        let Some(rules) = &web.control else { return Ok(()) };
        let now = self.now();
        if !memory.control.due(rules, now) {
            return Ok(());
        }
        let marker = marker();
        let planted = self.post_marker(web, rules, session, &marker).await;
        if let Err(Stop::Cancelled) = planted {
            return Err(Stop::Cancelled);
        }
        let what = planted.as_ref().err().map(|stop| format!("no control post could be planted: {stop}"));
        self.tell_control(memory, what);
        // Also after a failure: a form that does not take it is not to be sent at every visit.
        let kept = if planted.is_ok() { marker } else { String::new() };
        memory.control = Planted { marker: kept, at: Some(now), seen_after: None };
        memory.dirty = true;
        Ok(())
    }

    /// Tells of a marker that should have been seen, once, and of its being seen after all.
    pub(super) fn check_control(&self, web: &WebRules, memory: &mut Memory) {
        let Some(rules) = &web.control else { return };
        if memory.control.overdue(rules, self.now()) {
            let what = format!("a control post was not seen within {} s", rules.within.as_secs());
            self.tell_control(memory, Some(what));
        } else if memory.control.seen_after.is_some() {
            self.tell_control(memory, None);
        }
        self.health.update(&self.site.id, |health| health.control = Some(memory.control.clone()));
    }

    fn tell_control(&self, memory: &mut Memory, what: Option<String>) {
        if let Some(change) = memory.history.note(TroubleKind::Control, what, self.now()) {
            events::site_trouble(&self.site.id, change.kind.name(), change.began.as_deref());
            memory.dirty = true;
        }
    }

    async fn post_marker(
        &self,
        web: &WebRules,
        rules: &ControlRules,
        session: &Shared,
        marker: &str,
    ) -> Result<(), Stop> {
        let answer = self.fetch(web, session, rules.page.clone(), Default::default(), prepass::MAX_BYTES).await?;
        let Answer::Content(content) = answer else { return Err(LoginError::NoForm.into()) };
        let (text, _) = prepass::bounded(&content.bytes, content.media_type.as_deref());
        let (action, fields) = filled(&text, &content.url, rules, marker)?;
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let kind = "application/x-www-form-urlencoded";
        let mut request = Request::post(action.clone(), &web.policy, kind, body.into_bytes());
        request.headers.push(("referer".to_owned(), rules.page.to_string()));
        request.headers.push(("origin".to_owned(), rules.page.origin().ascii_serialization()));
        request.headers.extend(session.with(|session| session.header(&action)));
        let reply = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Stop::Cancelled),
            reply = self.client.submit(request) => reply?,
        };
        session.with(|session| session.take(&action, &reply.cookies));
        if reply.status >= 400 { Err(LoginError::NotTaken { status: reply.status }.into()) } else { Ok(()) }
    }
}

/// Where the form goes and what it says with the marker in its place.
fn filled(
    text: &str,
    url: &Url,
    rules: &ControlRules,
    marker: &str,
) -> Result<(Url, Vec<(String, String)>), LoginError> {
    let html = Html::parse_document(text);
    let form = html.select(&rules.form).next().ok_or(LoginError::NoForm)?;
    let named = |name: &str| rules.fields.iter().any(|(own, _)| own == name);
    let (action, mut fields) = fields_of(form, url, &rules.page)?;
    fields.retain(|(name, _)| !named(name));
    fields.extend(rules.fields.iter().map(|(name, value)| (name.clone(), value.replace("{marker}", marker))));
    Ok((action, fields))
}

/// A word that stands nowhere else and says what it is to a person who wonders.
fn marker() -> String {
    let mut drawn = [0_u8; 8];
    // Without entropy two markers may be the same: then the second one is seen at once, and the next is not.
    let _ = getrandom::fill(&mut drawn);
    format!("control-{:016x}", u64::from_le_bytes(drawn))
}
