//! What every channel owes: a deterministic rendering, a delivery that may be repeated, errors that say whether
//! trying again makes sense.
//!
//! A channel is one file in [`super::channels`] with its settings; the contract test there holds all of them to this.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::compose;
use super::settings::Clearance;
use crate::model::{Alert, Change, Impact};

/// One revision of an alert, to be told on one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The alert as it was at that revision.
    pub alert: Alert,
    /// Why it is told.
    pub change: Change,
    /// Whether the channel may only hear *that* there is an alert, because its TLP or PAP forbids more.
    pub withheld: bool,
    /// What the receiver called the alert when it was told of an earlier revision.
    pub reference: Option<String>,
    /// The alerts of a [`Change::Digest`], the gravest first; empty otherwise.
    pub digest: Vec<Alert>,
}

impl Notice {
    /// What a channel hears of an alert: above its clearance, nothing but that there is one.
    #[must_use]
    pub fn new(alert: Alert, change: Change, reference: Option<String>, clearance: Clearance) -> Self {
        let withheld = !clearance.allows(&alert);
        let alert = if withheld { without_content(alert) } else { alert };
        Self { alert, change, withheld, reference, digest: Vec::new() }
    }

    /// Several alerts told together, under an alert that stands for all of them: the gravest severity, the strictest
    /// TLP and PAP. Its identity follows from theirs, so that the same digest told again is the same.
    #[must_use]
    pub fn digest(alerts: Vec<Alert>, clearance: Clearance) -> Self {
        let mut digest: Vec<_> =
            alerts.into_iter().map(|a| if clearance.allows(&a) { a } else { without_content(a) }).collect();
        digest.sort_by_key(|a| (std::cmp::Reverse(a.severity), a.id));
        Self { alert: compose::standing_for(&digest), change: Change::Digest, withheld: false, reference: None, digest }
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

/// Identity, gravity, state and times are left: enough to look the alert up where that is allowed.
fn without_content(alert: Alert) -> Alert {
    Alert {
        headline: format!(
            "An alert for TLP:{} PAP:{} only; look it up with `vigie alerts show {}`",
            alert.tlp, alert.pap, alert.id
        ),
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
