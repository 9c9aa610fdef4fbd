//! E-mail, encrypted with PGP/MIME (RFC 3156) to each recipient's key, through one's own mail server.
//!
//! An alert is a thread: its first mail has a Message-ID made of the alert and its revision, and every later one refers
//! to it. A mail repeated after a crash has the Message-ID it had, by which mail boxes recognise it. The outside tells
//! nothing but the alert's id and TLP. Without a key to sign with, the mail server's own DKIM says where it came from.
//!
//! [`keys`] judges keys, [`signer`] signs, [`message`] writes mails, [`smtp`] hands them over.

mod keys;
mod message;
mod settings;
mod signer;
mod smtp;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::SetupError;
use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use keys::RecipientKey;
use signer::Signer;
use smtp::{Handed, Relay};

pub use settings::{RawSettings, Settings};

/// Mails of which some recipients have theirs and others not yet; more are not remembered.
const HALF_SENT: usize = 1_000;

/// How long a mail waits when a recipient's key has expired: somebody has to replace it first.
const KEY_PATIENCE: Duration = Duration::from_secs(3_600);

/// The channel.
pub struct MailChannel {
    settings: Settings,
    keys: Vec<RecipientKey>,
    signer: Option<Signer>,
    relay: Relay,
    /// By the notice's key, the recipients who have it already while others' mail boxes are to be tried again.
    half_sent: Mutex<HashMap<String, Vec<lettre::Address>>>,
}

impl MailChannel {
    /// Reads keys, certificates and the password.
    ///
    /// # Errors
    /// When one cannot be read or used.
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        let keys = settings.read_keys(Timestamp::now());
        let keys = keys.map_err(|mut all| SetupError::Form(format!("the {}", all.remove(0).message)))?;
        let signer = match &settings.sign {
            None => None,
            Some(secret) => {
                let read = Signer::from_armored(secret.read()?.expose(), Timestamp::now());
                Some(read.map_err(|why| SetupError::Form(format!("the {secret} to sign with: {why}")))?)
            }
        };
        let (relay, settings, half_sent) = (Relay::new(settings)?, settings.clone(), Mutex::default());
        Ok(Self { settings, keys, signer, relay, half_sent })
    }

    fn mail(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        let part = message::content(notice)?;
        if self.keys.is_empty() {
            return message::in_clear(&self.settings, notice, part);
        }
        let now = Timestamp::now();
        if let Some(key) = self.keys.iter().find(|key| key.expired(now)) {
            let reason = format!("key {} has expired; hint: replace it and restart vigie", key.fingerprint());
            return Err(DeliveryError::Retry { reason, after: Some(KEY_PATIENCE) });
        }
        if let Some(signer) = self.signer.as_ref().filter(|signer| signer.expired(now)) {
            let reason =
                format!("signing key {} has expired; hint: replace it and restart vigie", signer.fingerprint());
            return Err(DeliveryError::Retry { reason, after: Some(KEY_PATIENCE) });
        }
        let armored = keys::encrypt(&self.keys, part.formatted(), self.signer.as_ref());
        let armored = armored.map_err(|e| DeliveryError::refused(format!("cannot be encrypted: {e}")))?;
        message::encrypted(&self.settings, notice, armored)
    }

    fn half_sent(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<lettre::Address>>> {
        self.half_sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, notice: &Notice) -> Result<Receipt, DeliveryError> {
        let (mail, key) = (self.mail(notice)?, notice.key());
        let have = self.half_sent().get(&key).cloned().unwrap_or_default();
        let to = self.settings.addresses().filter(|address| !have.contains(address)).cloned().collect();
        let handed = self.relay.hand_over(&self.settings.from.email, to, &mail).await?;
        self.sort(key, have, handed)?;
        let root = notice.reference.clone().unwrap_or_else(|| message::id(&self.settings, notice));
        Ok(Receipt { reference: Some(root) })
    }

    /// The mail has arrived when everybody has it who will ever have it. Those whose mail boxes are to be tried again
    /// are tried alone, so that nobody reads it twice.
    fn sort(&self, key: String, mut have: Vec<lettre::Address>, handed: Handed) -> Result<(), DeliveryError> {
        have.extend(handed.taken);
        if let Some((address, why)) = handed.later.first() {
            let mut half_sent = self.half_sent();
            if half_sent.len() >= HALF_SENT {
                half_sent.clear();
            }
            half_sent.insert(key, have);
            return Err(DeliveryError::retry(format!("the mail server defers {address}: {why}")));
        }
        self.half_sent().remove(&key);
        match handed.never.first() {
            Some((address, why)) if have.is_empty() => {
                Err(DeliveryError::refused(format!("the mail server refuses {address}: {why}")))
            }
            _ => {
                for (address, why) in handed.never {
                    tracing::error!(event = "mail.recipient_refused", %address, %why,
                        "one of several recipients is refused; the others have the alert");
                }
                Ok(())
            }
        }
    }
}

impl Channel for MailChannel {
    fn kind(&self) -> &'static str {
        "mail"
    }

    /// The mail as it is before it is encrypted: encryption draws new random numbers each time.
    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        message::in_clear(&self.settings, notice, message::content(notice)?)
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        self.send(notice).boxed()
    }
}
