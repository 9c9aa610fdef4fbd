//! From what stands on a page to a [`Post`]: fetching the files that belong to it, and saying which could not be had.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use url::Url;

use super::follow::{self, Planned};
use super::intake::Intake;
use super::page::{Message, Unreadable, looks_like_html};
use super::parts;
use super::series::Piece;
use super::visit::Stop;
use super::web::{Reading, WebVisit};
use crate::model::{Attachment, Exchange, Post, Redirect, Skip, SkipReason};
use crate::net::{Answer, Content, Held};

/// A file of a post, or why there is none.
enum File {
    Here(Box<Content>),
    /// Not now: worth another try.
    Later(Skip),
    Never(Skip),
}

/// A post with its files.
pub(super) struct Assembled {
    pub post: Post,
    /// Whether all of them came.
    pub complete: bool,
    /// The memory that its bytes stand in.
    pub held: Vec<Held>,
    /// Files of it that are parts of one, with the others elsewhere.
    pub pieces: Vec<Piece>,
}

impl<I: Intake> WebVisit<'_, I> {
    /// A post with its files.
    pub(super) async fn assemble(
        &self,
        reading: &Reading<'_>,
        key: &str,
        title: Option<&str>,
        message: &Message,
    ) -> Result<Assembled, Stop> {
        let mut post = self.empty_post(reading, key, title);
        if let Some(url) = &message.url {
            post.url = url.to_string();
        }
        post.author = message.author.clone().or(post.author);
        post.posted_at = message.date.or(post.posted_at);
        let (mut complete, mut held, mut left) = (true, Vec::new(), self.post_budget());
        let mut pieces = Vec::new();
        // Where one file is all there is of it, its end is that of the post.
        let lone = message.raw.len() == 1 && message.body.is_none();
        let raw = message.raw.iter().map(|url| (url, true));
        let files = raw.chain(message.attachments.iter().map(|url| (url, false)));
        let mut have_body = false;
        for (number, (url, is_content)) in files.enumerate() {
            if number >= self.web.max_attachments.max(1) {
                let what = format!("{} more files", message.raw.len() + message.attachments.len() - number);
                post.skipped.push(Skip::new(what, SkipReason::NotFetched, "max_attachments reached"));
                break;
            }
            match self.file(url, reading.listing, is_content, lone, left).await? {
                File::Here(content) => {
                    left = left.saturating_sub(content.bytes.len());
                    let name = file_name(&content, url);
                    let exchange = exchange(&content, self.visitor.now());
                    if content.truncated {
                        let detail = format!("cut after {} bytes", content.bytes.len());
                        post.skipped.push(Skip::new(name.clone(), SkipReason::TooLarge, detail));
                    }
                    let file = Attachment { name, media_type: content.media_type, bytes: content.bytes };
                    held.push(content.held);
                    post.exchanges.push(exchange);
                    if parts::part_of(&file.name).is_some() {
                        pieces.push((file.name.clone(), url.clone()));
                    }
                    if is_content && !have_body {
                        (post.body, have_body) = (file, true);
                    } else {
                        post.attachments.push(file);
                    }
                }
                File::Later(skip) => {
                    complete = false;
                    post.skipped.push(skip);
                }
                File::Never(skip) => post.skipped.push(skip),
            }
        }
        // What the page shows stands in for the file; where both are there, the file is the content as posted.
        if let (false, Some(text)) = (have_body, &message.body) {
            post.body = text_document(text);
        }
        complete &= self.linked(&mut post, &message.links, left, &mut held).await?;
        let (attachments, incomplete) = parts::join(std::mem::take(&mut post.attachments));
        post.attachments = attachments;
        post.skipped.extend(incomplete);
        post.fetched_at = self.visitor.now();
        // Those that were joined are no pieces any more.
        let left_over = |name: &str| post.body.name == name || post.attachments.iter().any(|file| file.name == name);
        pieces.retain(|(name, _)| left_over(name));
        Ok(Assembled { post, complete, held, pieces })
    }

    /// Fetches what the post links to, as far as the definition allows it. Whether all of it came. What a foreign host
    /// does never ends the visit to this site.
    async fn linked(
        &self,
        post: &mut Post,
        hrefs: &[Url],
        mut left: usize,
        held: &mut Vec<Held>,
    ) -> Result<bool, Stop> {
        if self.web.follow.is_empty() {
            return Ok(true);
        }
        let (mut complete, mut asked) = (true, 0);
        let planned = follow::plan(&String::from_utf8_lossy(&post.body.bytes), hrefs, &self.web.follow);
        for plan in planned {
            let url = match plan {
                Planned::Left(url, why) => {
                    post.skipped.push(Skip::new(named_link(&url), SkipReason::NotFetched, why));
                    continue;
                }
                Planned::Fetch(url) => url,
            };
            if asked >= self.web.max_follow || left == 0 {
                post.skipped.push(Skip::new("further links", SkipReason::NotFetched, "max_follow reached"));
                break;
            }
            asked += 1;
            let max = self.visitor.site.max_body.min(left);
            match self.visitor.fetch(self.web, self.session, url.clone(), Default::default(), max).await {
                Ok(Answer::Content(content)) => {
                    left = left.saturating_sub(content.bytes.len());
                    let name = file_name(&content, &url);
                    if content.truncated {
                        let detail = format!("cut after {} bytes", content.bytes.len());
                        post.skipped.push(Skip::new(name.clone(), SkipReason::TooLarge, detail));
                    }
                    post.exchanges.push(exchange(&content, self.visitor.now()));
                    post.attachments.push(Attachment { name, media_type: content.media_type, bytes: content.bytes });
                    held.push(content.held);
                }
                Ok(Answer::NotModified) => {}
                Err(Stop::Cancelled) => return Err(Stop::Cancelled),
                Err(stop) => {
                    complete &= !stop.transient();
                    post.skipped.push(Skip::new(named_link(&url), SkipReason::NotFetched, stop.to_string()));
                }
            }
        }
        Ok(complete)
    }

    /// A post without content, with all that the listing says of it.
    pub(super) fn empty_post(&self, reading: &Reading<'_>, key: &str, title: Option<&str>) -> Post {
        let entry = reading.entry;
        Post {
            id: self.visitor.post_id(key),
            revision: [0; 32],
            site: self.visitor.site.id.clone(),
            url: entry.url.as_ref().or(entry.raw.first()).unwrap_or(reading.listing).to_string(),
            title: title.or(entry.title.as_deref()).map(str::to_owned),
            author: entry.author.clone(),
            posted_at: entry.date,
            seen_at: reading.seen_at,
            fetched_at: self.visitor.now(),
            body: text_document(""),
            attachments: Vec::new(),
            skipped: Vec::new(),
            exchanges: vec![reading.page.clone()],
        }
    }

    /// Bytes that one post may have: half of what all downloads share, so that one post never waits for itself.
    pub(super) fn post_budget(&self) -> usize {
        self.visitor.client.settings().memory_mib * 1024 * 1024 / 2
    }

    async fn file(&self, url: &Url, listing: &Url, is_content: bool, lone: bool, left: usize) -> Result<File, Stop> {
        let name = last_segment(url);
        let not = |detail: &str| Skip::new(name.clone(), SkipReason::NotFetched, detail);
        if !self.may_fetch(url, listing) {
            let host = url.host_str().unwrap_or_default();
            return Ok(File::Never(not(&format!("host `{host}` is neither the site's nor in file_hosts"))));
        }
        if left == 0 {
            return Ok(File::Never(Skip::new(name, SkipReason::TooLarge, "the post's files are larger than is read")));
        }
        let max = self.visitor.site.max_body.min(left);
        match self.visitor.fetch(self.web, self.session, url.clone(), Default::default(), max).await {
            Ok(Answer::Content(content)) => {
                if let Some(why) = self.not_a_file(&content, url, is_content) {
                    let nothing_without = || Stop::Page(Unreadable::NotValid(why));
                    return if is_content { Err(nothing_without()) } else { Ok(File::Later(not(why))) };
                }
                Ok(File::Here(content))
            }
            Ok(Answer::NotModified) => Ok(File::Later(not("answered as unchanged without being asked"))),
            // A host that asks for rest gets it; an entry without any content is tried again as a whole.
            Err(stop) if stop.ends_visit() || (is_content && stop.transient()) => Err(stop),
            Err(stop) if is_content && lone && stop.gone() => Err(stop),
            Err(stop) if stop.transient() => Ok(File::Later(not(&stop.to_string()))),
            Err(stop) => Ok(File::Never(not(&stop.to_string()))),
        }
    }

    /// Why an answer with status 200 is not the file that was asked for.
    fn not_a_file(&self, content: &Content, url: &Url, is_content: bool) -> Option<&'static str> {
        let path = content.url.path().to_ascii_lowercase();
        let named_page = [".html", ".htm", ".xhtml"].iter().any(|end| path.ends_with(end) || url.path().ends_with(end))
            || content.file_name.is_some();
        let typed_page = content.media_type.as_deref().is_some_and(|m| m.to_ascii_lowercase().starts_with("text/html"));
        if typed_page && !named_page && looks_like_html(&content.bytes) {
            return Some("a page came instead of the file");
        }
        if is_content && content.bytes.is_empty() {
            return Some("it is empty");
        }
        if is_content {
            let rules = self.web.post.as_ref().map(|p| &p.item.invalid).into_iter().chain(self.web.form.list_invalid());
            let head = String::from_utf8_lossy(&content.bytes[..content.bytes.len().min(4096)]);
            if rules.flatten().any(|pattern| pattern.is_match(&head)) {
                return Some("it matches `invalid`");
            }
        }
        None
    }
}

/// What is kept of how an answer was had.
pub(super) fn exchange(content: &Content, at: Timestamp) -> Exchange {
    let how = &content.provenance;
    let redirect = |(url, status): &(Url, u16)| Redirect { url: url.to_string(), status: *status };
    Exchange {
        asked: how.asked.to_string(),
        redirects: how.redirects.iter().map(redirect).collect(),
        url: content.url.to_string(),
        peer: how.peer.map(|peer| peer.to_string()),
        status: content.status,
        // Whoever reads the evidence is not to be logged in by it.
        headers: how.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("set-cookie")).cloned().collect(),
        at,
        bytes: content.bytes.len() as u64,
        sha256: Sha256::digest(&content.bytes).into(),
    }
}

/// A link as it is named in what was not read: host and path, without what may be a key.
fn named_link(url: &Url) -> String {
    super::text::cut(&format!("{}{}", url.host_str().unwrap_or_default(), url.path()), 255).to_owned()
}

pub(super) fn text_document(text: &str) -> Attachment {
    Attachment {
        name: "body".into(),
        media_type: Some("text/plain; charset=utf-8".into()),
        bytes: text.as_bytes().to_vec(),
    }
}

/// The name a file came with: the server's, else the end of its address.
fn file_name(content: &Content, url: &Url) -> String {
    let given = content.file_name.clone().filter(|name| !name.is_empty());
    let name = given.unwrap_or_else(|| last_segment(url));
    super::text::cut(&name, 255).to_owned()
}

fn last_segment(url: &Url) -> String {
    let segment = url.path_segments().and_then(|mut s| s.rfind(|s| !s.is_empty())).unwrap_or("file");
    // A form decoder also undoes percent signs; `+` stands for itself here.
    let plus = segment.replace('+', "%2B");
    let decoded = url::form_urlencoded::parse(plus.as_bytes()).next().map(|(name, _)| name.into_owned());
    decoded.unwrap_or_else(|| segment.to_owned())
}
