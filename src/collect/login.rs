//! Logging in with a form, with the operator's own account, and staying in.
//!
//! What lives here: finding the form, filling it in with its hidden fields (that is where a CSRF token stands), sending
//! it, and the cookies that come of it. What does not: recognising a page that says "you are logged out" (`page`), and
//! where cookies are kept (the [`Intake`], sealed).
//!
//! The password goes to the site's own origin and nowhere else, whatever the form says. A login that is refused is not
//! tried again soon: sites lock accounts.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use scraper::{ElementRef, Html, Selector};
use serde::{Deserialize, Serialize};
use url::Url;

use super::intake::Intake;
use super::page::Unreadable;
use super::prepass;
use super::settings::{LoginRules, WebRules};
use super::visit::{Stop, Visitor};
use crate::net::{Answer, Content, Request};
use crate::secret::SecretError;
use crate::telemetry::events;

/// Cookies kept of one site, and the longest line of one, bytes.
const MAX_COOKIES: usize = 60;
const MAX_COOKIE: usize = 4096;
/// Fields of a form that are sent along, and the longest value, bytes.
const MAX_FIELDS: usize = 100;
const MAX_VALUE: usize = 16 << 10;
/// The pause after a refused login, seconds; doubles up to the longest.
const FIRST_PAUSE: i64 = 600;
const LONGEST_PAUSE: i64 = 24 * 3600;

/// Why one is not logged in. Names the site's host at most.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The page has no form with a password.
    #[error("the page has no form that can be filled in; hint: check the page and the form that the definition names")]
    NoForm,
    /// The form leads elsewhere.
    #[error("the form leads to another host, or is not sent by POST; hint: name a page on the host that it leads to")]
    Elsewhere,
    /// It was sent and not taken.
    #[error("the form was answered with {status}; hint: try it by hand, some forums ask for more fields")]
    NotTaken {
        /// HTTP status.
        status: u16,
    },
    /// It was filled in and did not help.
    #[error("the login was refused; hint: try the account by hand, then check login.user_field and password_field")]
    Refused,
    /// It was refused before, and it is too early to try again.
    #[error("the login was refused before; it is tried again at {again:.0}")]
    TooEarly {
        /// When.
        again: Timestamp,
    },
    /// The password cannot be had.
    #[error("the password cannot be had ({0})")]
    Secret(String),
}

/// The state of being logged in.
#[derive(Default)]
pub(super) struct Session {
    jar: cookie_store::CookieStore,
    /// Refusals in a row, and when the last one was.
    refused: u32,
    refused_at: i64,
    /// What was kept has been read.
    loaded: bool,
    /// A page has been seen that is not for those outside.
    pub(super) inside: bool,
}

/// The form in which a session is kept.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    /// `Set-Cookie` lines.
    cookies: Vec<String>,
    refused: u32,
    refused_at: i64,
}

impl Session {
    fn restore(&mut self, kept: &[u8], site: &Url) {
        let kept: Kept = serde_json::from_slice(kept).unwrap_or_default();
        for line in kept.cookies {
            let _ = self.jar.parse(&line, site);
        }
        (self.refused, self.refused_at) = (kept.refused, kept.refused_at);
        self.inside = self.jar.iter_unexpired().next().is_some();
    }

    fn to_bytes(&self) -> Vec<u8> {
        let cookies = self.jar.iter_unexpired().map(|cookie| cookie.to_string()).collect();
        let kept = Kept { cookies, refused: self.refused, refused_at: self.refused_at };
        serde_json::to_vec(&kept).expect("strings and numbers become JSON")
    }

    /// The `Cookie` header for a request, if there is one.
    pub(super) fn header(&self, url: &Url) -> Option<(String, String)> {
        let pairs: Vec<String> =
            self.jar.get_request_values(url).map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| ("cookie".to_owned(), pairs.join("; ")))
    }

    /// Takes the cookies of an answer.
    pub(super) fn take(&mut self, url: &Url, headers: &[(String, String)]) {
        for (_, line) in headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            if line.len() <= MAX_COOKIE && self.jar.iter_any().count() < MAX_COOKIES {
                let _ = self.jar.parse(line, url);
            }
        }
    }

    /// When a login may be tried, if not now.
    fn too_early(&self, now: Timestamp) -> Option<Timestamp> {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.refused.checked_sub(1)?.min(20)).min(LONGEST_PAUSE);
        let again = Timestamp::from_second(self.refused_at.saturating_add(doubled)).ok()?;
        (again > now).then_some(again)
    }
}

/// A session as a visit and its requests share it.
#[derive(Default)]
pub(super) struct Shared(Mutex<Session>);

impl Shared {
    /// Nothing is left half-done by a panic: a cookie is taken or not.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Session) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<I: Intake> Visitor<I> {
    /// Sees to it that there is a session: the one that was kept, or a new one.
    pub(super) async fn enter(&self, web: &WebRules, session: &Shared) -> Result<(), Stop> {
        let Some(login) = &web.login else { return Ok(()) };
        if !session.with(|session| std::mem::replace(&mut session.loaded, true))
            && let Some(kept) = self.intake.load_session(&self.site.id).await
        {
            session.with(|session| session.restore(&kept, &login.page));
        }
        if session.with(|session| session.inside) { Ok(()) } else { self.log_in(web, login, session).await }
    }

    async fn log_in(&self, web: &WebRules, login: &LoginRules, session: &Shared) -> Result<(), Stop> {
        let now = self.now();
        if let Some(again) = session.with(|session| session.too_early(now)) {
            return Err(LoginError::TooEarly { again }.into());
        }
        // What is left of an ended session can keep a new one from beginning.
        session.with(|session| session.jar.clear());
        let result = self.fill_in(web, login, session).await;
        let kept = session.with(|session| {
            match &result {
                Ok(()) => (session.inside, session.refused) = (true, 0),
                Err(Stop::Login(LoginError::Refused)) => {
                    (session.refused, session.refused_at) = (session.refused.saturating_add(1), now.as_second());
                }
                Err(_) => {}
            }
            session.to_bytes()
        });
        events::site_login(&self.site.id, result.is_ok());
        // Lost with a crash at worst: then one logs in again.
        let _ = self.intake.save_session(&self.site.id, kept).await;
        result
    }

    async fn fill_in(&self, web: &WebRules, login: &LoginRules, session: &Shared) -> Result<(), Stop> {
        let content = self.page_of_login(web, &login.page, session).await?;
        let form = read_form(&content, login)?;
        let request = login_request(web, login, &form, session.with(|session| session.header(&form.action)))?;
        let reply = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Stop::Cancelled),
            reply = self.client.submit(request) => reply?,
        };
        session.with(|session| session.take(&form.action, &reply.cookies));
        // What comes after the form says whether it helped: the page it leads to, or the first listing.
        let after = reply.location.and_then(|to| form.action.join(&to).ok());
        let after = after.filter(|to| to.origin() == login.page.origin()).unwrap_or_else(|| web.listings[0].clone());
        let content = self.page_of_login(web, &after, session).await?;
        let (text, _) = prepass::bounded(&content.bytes, content.media_type.as_deref());
        let inside = !login.is_outside(&Html::parse_document(&text), &content.url);
        if inside { Ok(()) } else { Err(LoginError::Refused.into()) }
    }

    async fn page_of_login(&self, web: &WebRules, url: &Url, session: &Shared) -> Result<Box<Content>, Stop> {
        let answer = self.fetch(web, session, url.clone(), Default::default(), prepass::MAX_BYTES).await?;
        let Answer::Content(content) = answer else {
            return Err(Unreadable::NotValid("an answer without a page").into());
        };
        Ok(content)
    }
}

/// The form, filled in.
fn login_request(
    web: &WebRules,
    login: &LoginRules,
    form: &Form,
    cookies: Option<(String, String)>,
) -> Result<Request, LoginError> {
    let password = login.password.read().map_err(|why| LoginError::Secret(describe(&why)))?;
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in form.fields.iter().chain(&login.fields) {
        body.append_pair(name, value);
    }
    body.append_pair(&form.user_field, &login.user).append_pair(&form.password_field, password.expose());
    let kind = "application/x-www-form-urlencoded";
    let mut request = Request::post(form.action.clone(), &web.policy, kind, body.finish().into_bytes());
    // Django and others look where the form came from.
    request.headers.push(("referer".to_owned(), login.page.to_string()));
    request.headers.push(("origin".to_owned(), login.page.origin().ascii_serialization()));
    request.headers.extend(web.headers.iter().cloned());
    request.headers.extend(cookies);
    Ok(request)
}

impl LoginRules {
    /// Whether a page is one for those outside: it says so, does not say otherwise, or is the login page itself.
    pub(super) fn is_outside(&self, html: &Html, url: &Url) -> bool {
        let shows = |selector: &Selector| html.select(selector).next().is_some();
        let at_the_door = url.path() == self.page.path() && url.query() == self.page.query();
        at_the_door
            || self.logged_out.as_ref().is_some_and(shows)
            || self.logged_in.as_ref().is_some_and(|selector| !shows(selector))
    }
}

/// A form to be filled in.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    action: Url,
    fields: Vec<(String, String)>,
    user_field: String,
    password_field: String,
}

fn read_form(content: &Content, login: &LoginRules) -> Result<Form, LoginError> {
    let (text, _) = prepass::bounded(&content.bytes, content.media_type.as_deref());
    form_of(&Html::parse_document(&text), &content.url, login)
}

fn form_of(html: &Html, url: &Url, login: &LoginRules) -> Result<Form, LoginError> {
    let select = |css: &str| Selector::parse(css).expect("a constant selector");
    let (forms, inputs, password) = (select("form"), select("input"), select("input[type=password i]"));
    let form = match &login.form {
        Some(selector) => html.select(selector).next(),
        None => html.select(&forms).find(|form| form.select(&password).next().is_some()),
    };
    let form = form.ok_or(LoginError::NoForm)?;
    let (action, mut fields) = fields_of(form, url, &login.page)?;
    let inputs: Vec<ElementRef<'_>> = form.select(&inputs).take(MAX_FIELDS).collect();
    let kind = |input: &ElementRef<'_>| input.value().attr("type").unwrap_or("text").to_ascii_lowercase();
    let name = |input: &ElementRef<'_>| input.value().attr("name").map(str::to_owned);
    let first = |kinds: &[&str]| inputs.iter().find(|input| kinds.contains(&kind(input).as_str())).and_then(name);
    let password_field = login.password_field.clone().or_else(|| first(&["password"])).ok_or(LoginError::NoForm)?;
    let user_field = login.user_field.clone().or_else(|| first(&["text", "email"])).ok_or(LoginError::NoForm)?;
    let own = |name: &str| login.fields.iter().any(|(own, _)| own == name);
    fields.retain(|(name, _)| *name != user_field && *name != password_field && !own(name));
    Ok(Form { action, fields, user_field, password_field })
}

/// Where a form goes, and what it sends when nothing is changed in it: hidden fields, texts, what is ticked, its first
/// button. It must go to the origin of `page` by POST.
pub(super) fn fields_of(
    form: ElementRef<'_>,
    url: &Url,
    page: &Url,
) -> Result<(Url, Vec<(String, String)>), LoginError> {
    let action = form.value().attr("action").unwrap_or_default();
    let action = if action.is_empty() { url.clone() } else { url.join(action).map_err(|_| LoginError::NoForm)? };
    let posted = form.value().attr("method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
    if action.origin() != page.origin() || !posted {
        return Err(LoginError::Elsewhere);
    }
    let inputs = Selector::parse("input").expect("a constant selector");
    let inputs: Vec<ElementRef<'_>> = form.select(&inputs).take(MAX_FIELDS).collect();
    let kind = |input: &ElementRef<'_>| input.value().attr("type").unwrap_or("text").to_ascii_lowercase();
    let sent = |input: &&ElementRef<'_>| {
        matches!(kind(input).as_str(), "hidden" | "text" | "email") || input.value().attr("checked").is_some()
    };
    // Buttons are pressed one at a time: the first one.
    let button = inputs.iter().find(|input| kind(input) == "submit");
    let mut fields = Vec::new();
    for input in inputs.iter().filter(sent).chain(button) {
        let value = input.value().attr("value").unwrap_or_default();
        if let Some(name) = input.value().attr("name").filter(|_| value.len() <= MAX_VALUE) {
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok((action, fields))
}

/// The whole chain, on one line: why a file cannot be read stands in its cause.
fn describe(error: &SecretError) -> String {
    crate::telemetry::events::Chain(error).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::secret::SecretRef;

    fn rules() -> LoginRules {
        LoginRules {
            page: Url::parse("https://f.example/login").unwrap(),
            form: None,
            user: "lookout".into(),
            password: SecretRef::File(PathBuf::from("/nowhere")),
            user_field: None,
            password_field: None,
            fields: Vec::new(),
            logged_out: Selector::parse("a.login").ok(),
            logged_in: None,
        }
    }

    fn form(page: &str, rules: &LoginRules) -> Result<Form, LoginError> {
        form_of(&Html::parse_document(page), &rules.page, rules)
    }

    #[test]
    fn the_form_with_the_password_is_filled_in_with_its_hidden_fields() {
        let page = "<form action=/search><input name=q></form>
            <form method=POST action=/login?next=/><input type=hidden name=csrf value=t0k3n><input name=login>
            <input type=Password name=pw><input type=checkbox name=keep value=y><input type=checkbox name=sure checked value=1>
            <input type=submit name=go value=In><input type=submit name=other value=No></form>";
        let form = form(page, &rules()).unwrap();
        assert_eq!(form.action.as_str(), "https://f.example/login?next=/");
        assert_eq!((form.user_field.as_str(), form.password_field.as_str()), ("login", "pw"));
        let fields: Vec<(&str, &str)> = form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(fields, [("csrf", "t0k3n"), ("sure", "1"), ("go", "In")]);
    }

    #[test]
    fn a_password_goes_nowhere_else_and_never_into_an_address() {
        let with = |attributes: &str| {
            form(&format!("<form {attributes}><input name=u><input type=password name=p></form>"), &rules())
        };
        assert!(with("method=post").is_ok() && with("method=post action=in.php").is_ok());
        for elsewhere in ["https://evil.example/", "http://f.example/login", "//evil.example", "https://f.example:444/"]
        {
            assert_eq!(with(&format!("method=post action={elsewhere}")), Err(LoginError::Elsewhere), "{elsewhere}");
        }
        assert_eq!(with("action=/login"), Err(LoginError::Elsewhere), "a form sent by GET");
        assert_eq!(form("<form method=post><input name=q></form>", &rules()), Err(LoginError::NoForm));
    }

    #[test]
    fn a_refused_login_is_tried_later_and_later() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut session = Session::default();
        assert_eq!(session.too_early(at(1000)), None);
        (session.refused, session.refused_at) = (1, 1000);
        assert_eq!(session.too_early(at(1001)), Some(at(1600)));
        assert_eq!(session.too_early(at(1600)), None);
        session.refused = 40;
        assert_eq!(session.too_early(at(1001)), Some(at(1000 + LONGEST_PAUSE)));
    }

    #[test]
    fn a_session_survives_a_restart_and_its_cookies_stay_with_their_host() {
        let url = Url::parse("https://f.example/login").unwrap();
        let mut session = Session::default();
        let headers = [
            ("set-cookie", "sid=abc; Path=/; HttpOnly; Secure"),
            ("Set-Cookie", "keep=1; Max-Age=3600; Path=/deep"),
            ("set-cookie", "foreign=1; Domain=other.example"),
            ("content-type", "text/html"),
        ];
        session.take(&url, &headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let mut again = Session::default();
        again.restore(&session.to_bytes(), &url);
        assert!(again.inside);
        let header = |session: &Session, url: &str| session.header(&Url::parse(url).unwrap()).map(|(_, value)| value);
        assert_eq!(header(&again, "https://f.example/t/1").as_deref(), Some("sid=abc"));
        assert_eq!(header(&again, "https://f.example/deep/").map(|c| c.len()), Some("sid=abc; keep=1".len()));
        for elsewhere in ["http://f.example/", "https://other.example/", "https://x.f.example/"] {
            assert_eq!(header(&again, elsewhere), None, "{elsewhere}");
        }
    }
}
