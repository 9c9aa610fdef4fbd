//! What every channel owes: a deterministic rendering, a delivery that may be repeated, errors that say whether
//! trying again makes sense.
//!
//! A channel is one file in [`super::channels`] with its settings; the contract test there holds all of them to this.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::model::{Alert, Change, Impact, Tlp};

/// One revision of an alert, to be told on one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The alert as it was at that revision.
    pub alert: Alert,
    /// Why it is told.
    pub change: Change,
    /// Whether the channel may only hear *that* there is an alert, because its TLP forbids more.
    pub withheld: bool,
    /// What the receiver called the alert when it was told of an earlier revision.
    pub reference: Option<String>,
}

impl Notice {
    /// What a channel that may carry `max_tlp` hears of an alert: above it, nothing but that there is one.
    #[must_use]
    pub fn new(alert: Alert, change: Change, reference: Option<String>, max_tlp: Tlp) -> Self {
        let withheld = alert.tlp > max_tlp;
        let alert = if withheld { without_content(alert) } else { alert };
        Self { alert, change, withheld, reference }
    }

    /// The identity of this telling: the same whenever it is repeated, another for each revision and change.
    #[must_use]
    pub fn key(&self) -> String {
        match self.change {
            Change::Escalated => format!("{}-{}-escalated", self.alert.id, self.alert.revision),
            _ => format!("{}-{}", self.alert.id, self.alert.revision),
        }
    }
}

/// Identity, gravity and times are left: enough to look the alert up where that is allowed.
fn without_content(alert: Alert) -> Alert {
    Alert {
        headline: format!("An alert for TLP:{} only; look it up with `vigie alerts show {}`", alert.tlp, alert.id),
        attribution: Vec::new(),
        outside: 0.0,
        impact: Impact::default(),
        sample: Vec::new(),
        terms: Vec::new(),
        documents: Vec::new(),
        ..alert
    }
}

/// The receiver has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What the receiver calls the alert, where updates need it.
    pub reference: Option<String>,
}

/// The receiver does not have it, as far as we know.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// It may work later.
    #[error("{reason}")]
    Retry {
        /// Why, in words; never a body or a secret.
        reason: String,
        /// The receiver asked for this much patience.
        after: Option<Duration>,
    },
    /// It will not work until somebody changes something.
    #[error("{reason}")]
    Refused {
        /// Why, in words; never a body or a secret.
        reason: String,
    },
}

impl DeliveryError {
    /// It may work later.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { reason: reason.into(), after: None }
    }

    /// It will not work until somebody changes something.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }
}

/// A way to tell people or their tools.
///
/// `deliver` may be called again for the same notice, also after it succeeded (a crash between the receiver's answer
/// and our note of it): what it sends carries [`Notice::key`] or the alert's id wherever the receiver can use it to
/// recognise a repetition. Notices of one alert come one at a time, in order; those of several alerts come together.
/// The caller bounds the time; dropping the future must be harmless.
pub trait Channel: Send + Sync {
    /// The kind, as written in the configuration: `webhook`.
    fn kind(&self) -> &'static str;

    /// The exact bytes that would be sent as content, for `vigie alerts preview`; no secrets, no signatures.
    ///
    /// # Errors
    /// When the alert cannot be put into the channel's form.
    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError>;

    /// Tells the receiver.
    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>>;
}
