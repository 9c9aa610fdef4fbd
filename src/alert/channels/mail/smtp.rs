//! Handing a mail to the mail server, each recipient for himself: one whose mail box is full or gone keeps nobody else
//! from reading the alert.

use std::error::Error as _;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use zeroize::Zeroizing;

use super::settings::{Settings, Tls};
use crate::alert::channel::DeliveryError;
use crate::alert::channels::SetupError;
use crate::alert::escape;

/// Longest time to get a connection; the whole delivery is bounded by the channel's timeout.
const CONNECT: Duration = Duration::from_secs(10);

/// A mail server, and how it is spoken to.
pub struct Relay {
    host: String,
    port: u16,
    tls: Option<TlsParameters>,
    wrapped: bool,
    login: Option<(String, Zeroizing<String>)>,
    name: ClientId,
}

/// What became of each recipient.
#[derive(Debug, Default)]
pub struct Handed {
    /// The server has taken the mail for them.
    pub taken: Vec<Address>,
    /// Their mail box may take it later.
    pub later: Vec<(Address, String)>,
    /// It never will.
    pub never: Vec<(Address, String)>,
}

impl Relay {
    /// Reads the authority's certificate and the password. Connects to nothing.
    ///
    /// # Errors
    /// When one cannot be read or used.
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        let tls = match settings.tls {
            Tls::None => None,
            Tls::Starttls | Tls::Implicit => Some(tls(settings)?),
        };
        let login = match &settings.login {
            Some((user, password)) => Some((user.clone(), Zeroizing::new(password.read()?.expose().clone()))),
            None => None,
        };
        let wrapped = settings.tls == Tls::Implicit;
        let (host, port) = (settings.host.clone(), settings.port);
        Ok(Self { host, port, tls, wrapped, login, name: own_name() })
    }

    /// Hands a mail over for as many of `to` as the server takes.
    ///
    /// # Errors
    /// When the server takes it for nobody because of the mail, of us or of itself.
    pub async fn hand_over(&self, from: &Address, to: Vec<Address>, mail: &[u8]) -> Result<Handed, DeliveryError> {
        let mut connection = self.connect().await.map_err(|e| fault(&e))?;
        let handed = converse(&mut connection, from, to, mail).await;
        // Said or not, the mail is theirs by now.
        connection.abort().await;
        handed
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let at = (self.host.as_str(), self.port);
        let wrapped = self.tls.clone().filter(|_| self.wrapped);
        let mut connection = AsyncSmtpConnection::connect_tokio1(at, Some(CONNECT), &self.name, wrapped, None).await?;
        if let Some(tls) = self.tls.clone().filter(|_| !self.wrapped) {
            // An error where the server does not offer it: nothing is ever sent in clear instead.
            connection.starttls(tls, &self.name).await?;
        }
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.as_str().to_owned());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        Ok(connection)
    }
}

async fn converse(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: Vec<Address>,
    mail: &[u8],
) -> Result<Handed, DeliveryError> {
    let mut handed = Handed::default();
    let mut options = Vec::new();
    if !mail.is_ascii() && connection.server_info().supports_feature(Extension::EightBitMime) {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    connection.command(Mail::new(Some(from.clone()), options)).await.map_err(|e| verdict(&e))?;
    for address in to {
        match connection.command(Rcpt::new(address.clone(), Vec::new())).await {
            Ok(_) => handed.taken.push(address),
            Err(why) if why.is_permanent() => handed.never.push((address, said(&why))),
            Err(why) if why.is_transient() => handed.later.push((address, said(&why))),
            Err(why) => return Err(fault(&why)),
        }
    }
    if !handed.taken.is_empty() {
        connection.command(Data).await.map_err(|e| verdict(&e))?;
        connection.message(mail).await.map_err(|e| verdict(&e))?;
    }
    Ok(handed)
}

/// What went wrong, with its causes, on a line: the server's words are not ours.
fn said(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    escape::line(&text, 300)
}

/// What stands between us and the server: a login, a certificate, encryption, itself. Somebody may put it right before
/// the alert is given up.
fn fault(error: &Error) -> DeliveryError {
    DeliveryError::retry(format!("the mail server: {}", said(error)))
}

/// What the server says of this mail. Too large (552), or refused for what it is (554), it will be the next time too.
fn verdict(error: &Error) -> DeliveryError {
    match error.status().map(|code| code.to_string()).as_deref() {
        Some("552" | "554") => DeliveryError::refused(format!("the mail server: {}", said(error))),
        _ => fault(error),
    }
}

fn tls(settings: &Settings) -> Result<TlsParameters, SetupError> {
    let form = |what: String| SetupError::Form(format!("{what}; hint: is it PEM, and the right file?"));
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.ca {
        let unreadable = |source| SetupError::Read { path: path.clone(), source };
        let pem = std::fs::read(path).map_err(unreadable)?;
        let certificate = Certificate::from_pem(&pem);
        let certificate = certificate.map_err(|_| form(format!("the authority {} cannot be used", path.display())))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|e| form(format!("TLS to {} cannot be set up: {}", settings.host, said(&e))))
}

/// This machine's name as `EHLO` takes it: a domain, or else an address.
fn own_name() -> ClientId {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    if plain { ClientId::Domain(name) } else { ClientId::Ipv4(std::net::Ipv4Addr::LOCALHOST) }
}
