//! One exchange: checks, one request a hop, the answer within bounds.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header;
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::timeout;
use url::{Host, Url};

use super::answer::{Answer, Content, Provenance, Validators, all_headers};
use super::body::{self, Body, Bounds, Memory};
use super::error::NetError;
use super::headers::{disposition_name, header_text, headers};
use super::host::{HostState, Hosts, retry_after};
use super::policy::Policy;
use super::resolve::{CheckedResolver, Lookup, NoAllowedAddress, Scope, SystemLookup};
use super::robots::{self, Rules};
use super::settings::NetSettings;

/// Redirects that are followed; each hop is checked as if it had been asked for.
const MAX_REDIRECTS: usize = 5;
/// How long an idle connection is kept: long enough for the requests of one visit.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// What is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Delivers the body; never sent for reading a site.
    Post,
    /// Replaces what was delivered before.
    Put,
    /// Changes what was delivered before.
    Patch,
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Patch => Self::PATCH,
        }
    }
}

/// One thing to ask.
#[derive(Debug, Clone)]
pub struct Request {
    /// Read or deliver.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// What may be asked, and how.
    pub policy: Arc<Policy>,
    /// From the last answer: makes the request conditional.
    pub validators: Validators,
    /// Cap for the body, bytes; the client's own cap applies as well.
    pub max_bytes: usize,
    /// Further headers. Sent to the first host only, never after a redirect elsewhere: they may hold credentials.
    pub headers: Vec<(String, String)>,
    /// Body to deliver.
    pub body: Vec<u8>,
    /// Whether redirects are followed.
    pub follow: bool,
}

impl Request {
    /// A request to read `url`.
    #[must_use]
    pub fn get(url: Url, policy: &Arc<Policy>) -> Self {
        Self {
            method: Method::Get,
            url,
            policy: Arc::clone(policy),
            validators: Validators::default(),
            max_bytes: usize::MAX,
            headers: Vec::new(),
            body: Vec::new(),
            follow: true,
        }
    }

    /// A request to deliver `body` to `url`. Redirects are an error: who is delivered to is the operator's choice.
    #[must_use]
    pub fn post(url: Url, policy: &Arc<Policy>, media_type: &str, body: Vec<u8>) -> Self {
        let headers = vec![("content-type".to_owned(), media_type.to_owned())];
        Self { method: Method::Post, headers, body, follow: false, ..Self::get(url, policy) }
    }
}

/// The HTTP client. Cheap to clone; all clones share connections, host states and memory.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    settings: NetSettings,
    tls: ClientConfig,
    hosts: Hosts,
    memory: Memory,
    lookup: Arc<dyn Lookup>,
}

/// What one hop brought.
enum Hop {
    Answer(Answer),
    Moved { to: Url, status: u16 },
}

impl Client {
    /// A client with the given limits.
    ///
    /// # Errors
    /// [`NetError::Setup`] when TLS cannot be set up.
    pub fn new(settings: NetSettings) -> Result<Self, NetError> {
        Self::with_lookup(settings, Arc::new(SystemLookup))
    }

    pub(super) fn with_lookup(settings: NetSettings, lookup: Arc<dyn Lookup>) -> Result<Self, NetError> {
        let memory = Memory::new(settings.memory_mib);
        let tls = tls_config()?;
        Ok(Self(Arc::new(Inner { settings, tls, hosts: Hosts::default(), memory, lookup })))
    }

    /// The limits in force.
    #[must_use]
    pub fn settings(&self) -> &NetSettings {
        &self.0.settings
    }

    pub(super) fn host(&self, url: &Url) -> Arc<HostState> {
        self.0.hosts.of(url)
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    /// Asks, follows redirects, and returns the answer.
    ///
    /// # Errors
    /// Anything but 2xx and 304 is [`NetError::Status`]. See [`NetError::transient`] and [`NetError::wait`].
    pub async fn send(&self, mut request: Request) -> Result<Answer, NetError> {
        let asked = request.url.clone();
        let mut redirects = Vec::new();
        for _ in 0..=MAX_REDIRECTS {
            request.policy.check(&request.url)?;
            let host = self.0.hosts.of(&request.url);
            let mut gap = request.policy.gap;
            if request.policy.robots && request.method == Method::Get {
                let rules = host.robots.get(self.robots(&request, &host)).await;
                if !rules.allow(&request.url) {
                    return Err(match rules {
                        Rules::Unreachable => {
                            NetError::Connect { host: name(&request.url), why: "its robots.txt cannot be read".into() }
                        }
                        _ => NetError::Robots { host: name(&request.url) },
                    });
                }
                gap = gap.max(rules.delay());
            }
            match self.hop(&request, &host, gap).await? {
                Hop::Answer(Answer::Content(mut content)) => {
                    (content.provenance.asked, content.provenance.redirects) = (asked, redirects);
                    return Ok(Answer::Content(content));
                }
                Hop::Answer(answer) => return Ok(answer),
                Hop::Moved { to, status } => {
                    redirects.push((request.url.clone(), status));
                    redirect(&mut request, to, status)?;
                }
            }
        }
        Err(NetError::Redirect { host: name(&request.url), why: "too often" })
    }

    /// Fetches a host's robots.txt. Its own redirects are followed without asking the robots.txt of where they lead.
    async fn robots(&self, request: &Request, host: &Arc<HostState>) -> Rules {
        let Ok(url) = request.url.join("/robots.txt") else { return Rules::None };
        let mut ask = Request { max_bytes: robots::MAX_BYTES, ..Request::get(url, &request.policy) };
        for _ in 0..=MAX_REDIRECTS {
            if ask.policy.check(&ask.url).is_err() {
                return Rules::None;
            }
            let at =
                if ask.url.origin() == request.url.origin() { Arc::clone(host) } else { self.0.hosts.of(&ask.url) };
            match self.hop(&ask, &at, ask.policy.gap).await {
                Ok(Hop::Answer(Answer::Content(content))) => {
                    // Parsing is linear but not free: up to half a megabyte, once a day and host.
                    return tokio::task::spawn_blocking(move || Rules::parse(&content.bytes))
                        .await
                        .unwrap_or(Rules::None);
                }
                Ok(Hop::Moved { to, status }) if redirect(&mut ask, to.clone(), status).is_ok() => {}
                // RFC 9309, 2.3.1.3: a client error means that there are no rules.
                Err(NetError::Status { status: 400..=428 | 430..=499, .. }) | Ok(_) => return Rules::None,
                Err(_) => return Rules::Unreachable,
            }
        }
        Rules::None
    }

    /// One request to one host, in its turn.
    async fn hop(&self, request: &Request, host: &Arc<HostState>, gap: Duration) -> Result<Hop, NetError> {
        let backing_off = |wait| NetError::BackingOff { host: name(&request.url), wait };
        if let Some(wait) = host.wait() {
            return Err(backing_off(wait));
        }
        let _turn = host.turn(gap).await;
        // Whoever had the turn before may have been told to wait.
        if let Some(wait) = host.wait() {
            return Err(backing_off(wait));
        }
        let late = |_| NetError::Timeout { host: name(&request.url), phase: "the whole exchange" };
        timeout(self.0.settings.total(), self.exchange(request, host)).await.map_err(late)?
    }

    async fn exchange(&self, request: &Request, host_state: &HostState) -> Result<Hop, NetError> {
        let host = name(&request.url);
        let transport = self.transport(&request.policy)?;
        let mut builder = transport.request(request.method.into(), request.url.clone()).headers(headers(request));
        if request.method != Method::Get {
            builder = builder.body(request.body.clone());
        }
        let head = self.0.settings.connect() + self.0.settings.idle();
        let late = |_| NetError::Timeout { host: host.clone(), phase: "silence before the answer" };
        let response = timeout(head, builder.send()).await.map_err(late)?.map_err(|e| sending(&e, &host))?;
        self.check_answer(request, &response, &host)?;

        let status = response.status().as_u16();
        let asked = header_text(response.headers(), &header::RETRY_AFTER);
        let wait = host_state.note(status, asked.and_then(|v| retry_after(&v, SystemTime::now())));
        match status {
            200..=299 => self.content(request, response, host).await.map(Hop::Answer),
            304 => Ok(Hop::Answer(Answer::NotModified)),
            301 | 302 | 303 | 307 | 308 if request.follow => {
                let to = header_text(response.headers(), &header::LOCATION);
                let to = to.and_then(|to| request.url.join(&to).ok());
                let to = to.ok_or(NetError::Redirect { host, why: "without a usable target" })?;
                Ok(Hop::Moved { to, status })
            }
            _ => Err(NetError::Status { host, status, retry_after: wait }),
        }
    }

    /// Head size, and once more the address: of the connection that was really made.
    pub(super) fn check_answer(
        &self,
        request: &Request,
        response: &reqwest::Response,
        host: &str,
    ) -> Result<(), NetError> {
        let policy = &request.policy;
        let direct = policy.proxy.is_none() && !policy.names(&request.url);
        if direct && response.remote_addr().is_some_and(|peer| !super::address::is_public(peer.ip())) {
            return Err(NetError::Forbidden { host: host.to_owned() });
        }
        // hyper itself stops reading a head at about 400 KiB.
        let size: usize = response.headers().iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
        let limit = self.0.settings.max_header_kib * 1024;
        if size > limit { Err(NetError::HeadersTooLarge { host: host.to_owned(), limit }) } else { Ok(()) }
    }

    async fn content(&self, request: &Request, response: reqwest::Response, host: String) -> Result<Answer, NetError> {
        let settings = &self.0.settings;
        let max_bytes = request.max_bytes.min(settings.max_body_mib * 1024 * 1024);
        let bounds = Bounds { max_bytes, idle: settings.idle(), min_rate: settings.min_rate };
        let head = response.headers();
        let status = response.status().as_u16();
        let media_type = header_text(head, &header::CONTENT_TYPE);
        let file_name = header_text(head, &header::CONTENT_DISPOSITION).and_then(|v| disposition_name(&v));
        let validators = Validators {
            etag: header_text(head, &header::ETAG),
            last_modified: header_text(head, &header::LAST_MODIFIED),
        };
        let provenance = Provenance {
            asked: request.url.clone(),
            redirects: Vec::new(),
            peer: response.remote_addr().filter(|_| request.policy.proxy.is_none()),
            headers: all_headers(head),
        };
        let Body { bytes, truncated, held } = body::read(response, &host, &bounds, &self.0.memory).await?;
        let url = request.url.clone();
        let content = Content { status, url, bytes, truncated, media_type, file_name, validators, provenance, held };
        Ok(Answer::Content(Box::new(content)))
    }

    /// The connections for one policy. Each policy has its own, because the addresses a name may lead to and the
    /// proxy are properties of the connection, not of the request.
    pub(super) fn transport(&self, policy: &Policy) -> Result<reqwest::Client, NetError> {
        if let Some(made) = policy.transport.get() {
            return Ok(made.clone());
        }
        let settings = &self.0.settings;
        let scope = match &policy.proxy {
            Some(proxy) => Scope::ProxyOnly { proxy: proxy.host_str().unwrap_or_default().to_ascii_lowercase() },
            None => Scope::Public {
                private_names: policy
                    .allow
                    .iter()
                    .filter_map(|a| match &a.host {
                        Host::Domain(name) => Some(name.trim_end_matches('.').to_ascii_lowercase()),
                        _ => None,
                    })
                    .collect(),
            },
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(settings.user_agent())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(settings.connect())
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(KEEP_ALIVE)
            .http2_max_header_list_size(u32::try_from(settings.max_header_kib * 1024).unwrap_or(u32::MAX))
            .tls_backend_preconfigured(self.0.tls.clone())
            .dns_resolver(Arc::new(CheckedResolver { lookup: Arc::clone(&self.0.lookup), scope }));
        let setup = |e: reqwest::Error| NetError::Setup { why: cause(&e) };
        if let Some(proxy) = &policy.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy.clone()).map_err(setup)?);
        }
        let made = builder.build().map_err(setup)?;
        Ok(policy.transport.get_or_init(|| made).clone())
    }
}

/// TLS with the system's certificate authorities. Without any (a bare container) plain HTTP still works and every
/// certificate is refused.
fn tls_config() -> Result<ClientConfig, NetError> {
    let setup = |e: rustls::Error| NetError::Setup { why: e.to_string() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = || ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let mut config = match builder().map_err(setup)?.with_platform_verifier() {
        Ok(verifier) => verifier.with_no_client_auth(),
        Err(error) => {
            tracing::warn!(%error, "no certificate authorities found, every https site will be refused");
            builder().map_err(setup)?.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Turns a request to where it was redirected: credentials and bodies do not cross to another origin.
fn redirect(request: &mut Request, to: Url, status: u16) -> Result<(), NetError> {
    if request.url.scheme() == "https" && to.scheme() == "http" && !request.headers.is_empty() {
        return Err(NetError::Redirect { host: name(&request.url), why: "from https to http" });
    }
    if to.origin() != request.url.origin() {
        request.headers.clear();
    }
    if request.method != Method::Get {
        if matches!(status, 307 | 308) {
            return Err(NetError::Redirect { host: name(&request.url), why: "what was sent to it" });
        }
        (request.method, request.body) = (Method::Get, Vec::new());
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
    }
    request.validators = Validators::default();
    request.url = to;
    request.url.set_fragment(None);
    Ok(())
}

pub(super) fn name(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// The innermost cause: the outer ones only say "error sending request" and repeat the URL.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if std::ptr::addr_eq(cause, error) { "request not possible".into() } else { cause.to_string() }
}

pub(super) fn sending(error: &reqwest::Error, host: &str) -> NetError {
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.is::<NoAllowedAddress>() {
            return NetError::Forbidden { host: host.to_owned() };
        }
        source = inner.source();
    }
    match error {
        e if e.is_timeout() => NetError::Timeout { host: host.to_owned(), phase: "connecting" },
        e if e.is_connect() => NetError::Connect { host: host.to_owned(), why: cause(e) },
        e => broken(e, host),
    }
}

pub(super) fn broken(error: &reqwest::Error, host: &str) -> NetError {
    NetError::Broken { host: host.to_owned(), why: cause(error) }
}
