//! Syslog after RFC 5424, over UDP, TCP (octet counting, RFC 6587) or TLS (RFC 5425, with a client certificate if one
//! is asked for); the message as words or as CEF.
//!
//! Syslog acknowledges nothing: what was written may still be lost on the way, and with TLS 1.3 a refused client
//! certificate shows only at the first read. So a connection serves one message and is closed properly: a server that
//! closes in turn has read it. Now and then it is listened to before that, for a refusal that looks like a mere close.
//! Good for a SIEM beside another channel, never as the only one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::client::TlsStream;

use super::SetupError;
use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use crate::alert::escape;
use crate::alert::report;
use crate::alert::secret::{RawSecret, SecretRef};
use crate::model::{SettingProblem, Severity};

/// How long the other side is listened to for a refusal.
const LISTEN: Duration = Duration::from_millis(300);

/// How long a server that refused nothing is believed to take us: one of many messages in a row waits for [`LISTEN`].
const BELIEVED: Duration = Duration::from_secs(60);

/// Bytes of a message over UDP: what crosses common networks whole.
const DATAGRAM: usize = 1_400;

/// `syslog` of a channel, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// Host and port: `siem.example.org:6514`.
    pub server: String,
    /// `udp`, `tcp` or `tls`. Default: `tls`.
    pub transport: Option<Transport>,
    /// `rfc5424` (words and structured data) or `cef`. Default: `rfc5424`.
    pub format: Option<Format>,
    /// PEM file of the authorities that the server's certificate may be of. Needed for `tls`.
    pub ca: Option<PathBuf>,
    /// PEM file of our certificate, if the server asks for one.
    pub certificate: Option<PathBuf>,
    /// The private key to it, PEM.
    pub key: Option<RawSecret>,
    /// The organisation's private enterprise number, in the name of our structured data. Default: 32473, which is for
    /// documentation.
    pub enterprise: Option<u32>,
}

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A datagram each.
    Udp,
    /// A stream, in clear.
    Tcp,
    /// A stream over TLS.
    #[default]
    Tls,
}

/// What the message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Structured data and a line of words.
    #[default]
    Rfc5424,
    /// Common Event Format 0.
    Cef,
}

/// `syslog` of a channel, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    host: String,
    port: u16,
    transport: Transport,
    format: Format,
    ca: Option<PathBuf>,
    identity: Option<(PathBuf, SecretRef)>,
    enterprise: u32,
}

impl RawSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<Settings, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let server = self.server.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let server = server.filter(|(host, port): &(&str, u16)| !host.is_empty() && *port > 0);
        if server.is_none() {
            problems.push(SettingProblem::new("server", "is no host and port; hint: siem.example.org:6514"));
        }
        let transport = self.transport.unwrap_or_default();
        if transport == Transport::Tls && self.ca.is_none() {
            problems.push(SettingProblem::new("ca", "is missing; hint: name the PEM file of the server's authority"));
        }
        if transport != Transport::Tls && (self.ca.is_some() || self.certificate.is_some() || self.key.is_some()) {
            problems.push(SettingProblem::new("transport", "uses no certificates; hint: transport = \"tls\""));
        }
        let identity = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => {
                key.validate("key", base).map_err(|p| problems.push(p)).ok().map(|key| (base.join(certificate), key))
            }
            (None, None) => None,
            _ => {
                problems.push(SettingProblem::new("certificate", "and key go together; hint: give both or none"));
                None
            }
        };
        match server {
            Some((host, port)) if problems.is_empty() => Ok(Settings {
                host: host.trim_matches(['[', ']']).to_owned(),
                port,
                transport,
                format: self.format.unwrap_or_default(),
                ca: self.ca.map(|ca| base.join(ca)),
                identity,
                enterprise: self.enterprise.unwrap_or(32_473),
            }),
            _ => Err(problems),
        }
    }
}

/// The channel.
pub struct SyslogChannel {
    settings: Settings,
    tls: Option<(tokio_rustls::TlsConnector, ServerName<'static>)>,
    host: String,
    /// When the server was last listened to and refused nothing.
    listened: Mutex<Option<Instant>>,
}

impl SyslogChannel {
    /// Reads certificates and key.
    ///
    /// # Errors
    /// When one cannot be read or used.
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        let tls = match settings.transport {
            Transport::Tls => Some(tls(settings)?),
            Transport::Udp | Transport::Tcp => None,
        };
        Ok(Self { settings: settings.clone(), tls, host: own_name(), listened: Mutex::new(None) })
    }

    async fn send(&self, message: &[u8]) -> std::io::Result<()> {
        let address = (self.settings.host.as_str(), self.settings.port);
        if self.settings.transport == Transport::Udp {
            let target = tokio::net::lookup_host(address).await?.next();
            let target: SocketAddr = target.ok_or(std::io::ErrorKind::AddrNotAvailable)?;
            let from = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            UdpSocket::bind(from).await?.send_to(message, target).await?;
            return Ok(());
        }
        let stream = TcpStream::connect(address).await?;
        let framed = [format!("{} ", message.len()).as_bytes(), message].concat();
        match &self.tls {
            Some((connector, name)) => self.speak(connector.connect(name.clone(), stream).await?, &framed).await,
            None => speak_plainly(stream, &framed).await,
        }
    }

    /// Writes, says that this was all, and sees the other side close, which it does once it has read everything.
    async fn speak(&self, mut stream: TlsStream<TcpStream>, framed: &[u8]) -> std::io::Result<()> {
        stream.write_all(framed).await?;
        stream.flush().await?;
        let listened = || self.listened.lock().unwrap_or_else(PoisonError::into_inner);
        let believed = listened().is_some_and(|at| at.elapsed() < BELIEVED);
        // An alert of TLS or a reset: not taken, whether we have closed by then or not.
        let answer = if believed {
            stream.shutdown().await?;
            heard(&mut stream).await
        } else {
            let answer = heard(&mut stream).await;
            // The other side may have closed first.
            let _ = stream.shutdown().await;
            answer
        };
        let taken = match answer {
            // Many servers answer the end of a session by closing the connection without a word.
            Err(error) if believed && error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(()),
            other => other,
        };
        match &taken {
            Err(_) => *listened() = None,
            Ok(()) if !believed => *listened() = Some(Instant::now()),
            Ok(()) => {}
        }
        taken
    }
}

/// Without TLS there is nobody to refuse us but the network.
async fn speak_plainly(mut stream: TcpStream, framed: &[u8]) -> std::io::Result<()> {
    stream.write_all(framed).await?;
    stream.shutdown().await?;
    heard(&mut stream).await
}

/// What the other side has to say for a moment: nothing, its end, or an error. One that stays open has everything too, as
/// far as can be known.
async fn heard(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    tokio::time::timeout(LISTEN, stream.read(&mut [0])).await.unwrap_or(Ok(0)).map(drop)
}

fn tls(settings: &Settings) -> Result<(tokio_rustls::TlsConnector, ServerName<'static>), SetupError> {
    let form = |what: &str| SetupError::Form(format!("{what} cannot be used; hint: is it PEM, and the right file?"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    if let Some(ca) = &settings.ca {
        for certificate in certificates(ca)? {
            roots.add(certificate).map_err(|_| form(&format!("the authority {}", ca.display())))?;
        }
    }
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| form("TLS"))?
        .with_root_certificates(roots);
    let mut config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.read()?.expose().as_bytes()).map_err(|_| form("the key"))?;
            let chain = certificates(certificate)?;
            builder.with_client_auth_cert(chain, key).map_err(|_| form("the certificate with its key"))?
        }
    };
    // A kept session would save a millisecond; servers that ask for certificates and know no sessions refuse it.
    config.resumption = rustls::client::Resumption::disabled();
    let name = ServerName::try_from(settings.host.clone()).map_err(|_| form("the server's name"))?;
    Ok((Arc::new(config).into(), name))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let unreadable = |source| SetupError::Read { path: path.to_owned(), source };
    let pem = std::fs::read(path).map_err(unreadable)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let read = read.ok().filter(|all| !all.is_empty());
    read.ok_or_else(|| SetupError::Form(format!("{} holds no certificate; hint: PEM is needed", path.display())))
}

/// This machine's name as a header may hold it.
fn own_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name: String = name.chars().filter(char::is_ascii_graphic).take(255).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

impl SyslogChannel {
    fn message(&self, notice: &Notice, limit: usize) -> String {
        let alert = &notice.alert;
        // Facility 13, "log audit"; the severity is how soon somebody must look.
        let severity = match alert.severity {
            Severity::Critical => 2,
            Severity::High => 3,
            Severity::Medium => 4,
            Severity::Low => 5,
        };
        let at = alert.updated_at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ");
        let head = format!("<{}>1 {at} {} vigie - alert-{} ", 13 * 8 + severity, self.host, notice.change.name());
        let mut message = match self.settings.format {
            Format::Rfc5424 => format!("{head}{} \u{feff}{}", self.structured(notice), report::title(notice)),
            Format::Cef => format!("{head}- \u{feff}{}", cef(notice)),
        };
        let mut end = message.len().min(limit);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        message
    }

    fn structured(&self, notice: &Notice) -> String {
        let alert = &notice.alert;
        let mut data = format!("[vigie@{}", self.settings.enterprise);
        let mut add =
            |name: &str, value: &str| data.push_str(&format!(" {name}=\"{}\"", escape::structured_data(value)));
        add("alert", &alert.id.to_string());
        add("revision", &alert.revision.to_string());
        add("severity", &alert.severity.to_string());
        add("tlp", &alert.tlp.to_string());
        if !notice.withheld {
            add("verdict", alert.verdict.name());
            add("records", &alert.impact.records.to_string());
            if let Some(first) = alert.attribution.first() {
                add("system", first.system.as_str());
                add("snapshot", &first.snapshot.to_string());
                add("probability", &format!("{:.3}", first.probability));
            }
            if let Some(document) = alert.documents.last() {
                add("url", document.url.get(..300).unwrap_or(&document.url));
            }
        }
        data.push(']');
        data
    }
}

fn cef(notice: &Notice) -> String {
    let alert = &notice.alert;
    let severity = match alert.severity {
        Severity::Low => 3,
        Severity::Medium => 5,
        Severity::High => 8,
        Severity::Critical => 10,
    };
    let version = env!("CARGO_PKG_VERSION");
    let name = escape::cef_header(&report::title(notice));
    let class = notice.change.name();
    let mut out = format!("CEF:0|vigie|vigie|{version}|alert-{class}|{name}|{severity}|");
    out.push_str(&format!("rt={} externalId={}", alert.updated_at.as_millisecond(), alert.id));
    let mut add = |key: &str, value: &str| out.push_str(&format!(" {key}={}", escape::cef_value(value)));
    add("cs1Label", "tlp");
    add("cs1", &alert.tlp.to_string());
    add("cn1Label", "revision");
    add("cn1", &alert.revision.to_string());
    if !notice.withheld {
        add("cn2Label", "records");
        add("cn2", &alert.impact.records.to_string());
        if let Some(first) = alert.attribution.first() {
            add("cs2Label", "system");
            add("cs2", first.system.as_str());
            add("cs3Label", "snapshot");
            add("cs3", &first.snapshot.to_string());
        }
        if let Some(document) = alert.documents.last() {
            add("request", &document.url);
            add("fname", &document.name);
        }
    }
    out
}

impl Channel for SyslogChannel {
    fn kind(&self) -> &'static str {
        "syslog"
    }

    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        let limit = if self.settings.transport == Transport::Udp { DATAGRAM } else { 16 << 10 };
        Ok(self.message(notice, limit).into_bytes())
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            let message = self.render(notice)?;
            let sent = self.send(&message).await;
            sent.map_err(|error| DeliveryError::retry(format!("the syslog server cannot be reached: {error}")))?;
            Ok(Receipt::default())
        }
        .boxed()
    }
}
