//! The channels, one file each: its settings, what it sends, how it recognises what it has sent before.

pub(super) mod http;

#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
mod tests;

pub mod chat;
pub mod file;
pub mod intelmq;
pub mod journal;
pub mod mail;
pub mod misp;
pub mod rt;
pub mod stix;
pub mod stream;
pub mod syslog;
pub mod thehive;
pub mod webhook;

use std::path::Path;
use std::sync::Arc;

use super::channel::Channel;
use super::secret::SecretError;
use super::settings::{ChannelSettings, Clearance};
use crate::model::{Pap, Tlp};
use crate::net::{NetError, NetSettings};
use crate::store::Store;

/// A kind of channel with its settings.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Lines in a file.
    File(file::Settings),
    /// A signed webhook.
    Webhook(webhook::Settings),
    /// IntelMQ.
    IntelMq(intelmq::Settings),
    /// E-mail.
    Mail(mail::Settings),
    /// A MISP instance.
    Misp(misp::Settings),
    /// Request Tracker.
    Rt(rt::Settings),
    /// STIX bundles in a folder.
    Stix(stix::Settings),
    /// A collection of a TAXII server.
    Taxii(stix::taxii::Settings),
    /// A TheHive instance.
    TheHive(thehive::Settings),
    /// Slack, Mattermost or Teams.
    Chat(chat::Settings),
    /// A syslog server.
    Syslog(syslog::Settings),
    /// The stream on a Unix socket.
    Stream(stream::Settings),
    /// The service's own log.
    Journal(journal::Settings),
}

impl Kind {
    /// Whether a person reads it: several alerts can be told in one message.
    #[must_use]
    pub fn reads_digests(&self) -> bool {
        matches!(self, Self::Mail(_) | Self::Chat(_))
    }

    /// What it may carry unless it is told otherwise.
    #[must_use]
    pub fn usual_clearance(&self) -> Clearance {
        match self {
            // Stays on this machine.
            Self::File(_) | Self::Stix(_) | Self::Stream(_) | Self::Journal(_) => Clearance::ALL,
            // Every mail server on the way may read it.
            Self::Mail(mail) if mail.is_plain() => Clearance { tlp: Tlp::Green, pap: Pap::Amber },
            _ => Clearance { tlp: Tlp::Amber, pap: Pap::Amber },
        }
    }
}

/// Why a channel cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A secret cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A secret is not of the form the channel needs.
    #[error("{0}")]
    Form(String),
    /// HTTP cannot be set up.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A certificate cannot be read.
    #[error("cannot read {}; hint: does the file exist, may vigie read it?", path.display())]
    Read {
        /// Its path.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file or socket cannot be opened.
    #[error("cannot open {}; hint: check that its folder exists and vigie may write there", path.display())]
    Open {
        /// Its path.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What channels are set up with.
pub struct Surroundings {
    /// Limits of HTTP.
    pub net: NetSettings,
    /// For the stream's replay.
    pub store: Arc<dyn Store>,
}

/// Sets a channel up: reads its secrets, opens what it writes to. Sends nothing.
///
/// # Errors
/// When it cannot work as configured.
pub fn set_up(settings: &ChannelSettings, with: &Surroundings) -> Result<Arc<dyn Channel>, SetupError> {
    Ok(match &settings.kind {
        Kind::File(own) => Arc::new(file::FileChannel::open(own)?),
        Kind::Webhook(own) => Arc::new(webhook::WebhookChannel::new(own, &with.net)?),
        Kind::IntelMq(own) => Arc::new(intelmq::IntelMqChannel::new(own, &with.net)?),
        Kind::Mail(own) => Arc::new(mail::MailChannel::new(own)?),
        Kind::Misp(own) => Arc::new(misp::MispChannel::new(own, &with.net)?),
        Kind::Rt(own) => Arc::new(rt::RtChannel::new(own, &with.net)?),
        Kind::Stix(own) => Arc::new(stix::StixChannel::new(own)?),
        Kind::Taxii(own) => Arc::new(stix::taxii::TaxiiChannel::new(own, &with.net)?),
        Kind::TheHive(own) => Arc::new(thehive::TheHiveChannel::new(own, &with.net)?),
        Kind::Chat(own) => Arc::new(chat::ChatChannel::new(own, &with.net)?),
        Kind::Syslog(own) => Arc::new(syslog::SyslogChannel::new(own)?),
        Kind::Stream(own) => Arc::new(stream::StreamChannel::listen(own, settings.clearance, Arc::clone(&with.store))?),
        Kind::Journal(_) => Arc::new(journal::JournalChannel),
    })
}

/// Whether a channel could be set up: its secrets, certificates and folders are there. Writes and sends nothing. Not missed
/// is what systemd hands to the service, and the folder `state`, which is made at its start.
///
/// # Errors
/// What is missing.
pub fn look_over(settings: &ChannelSettings, with: &Surroundings, state: &Path) -> Result<(), SetupError> {
    match &settings.kind {
        Kind::File(own) => own.look_over(state),
        // Its folder comes and goes with the service.
        Kind::Stream(_) => Ok(()),
        _ => match set_up(settings, with) {
            Err(SetupError::Secret(SecretError::NoCredentials { .. })) => Ok(()),
            other => other.map(drop),
        },
    }
}
