//! What every channel owes: a deterministic rendering, a delivery that may be repeated, errors that say whether
//! trying again makes sense.
//!
//! A channel is one file in [`super::channels`] with its settings; the contract test there holds all of them to this.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::model::{Alert, AlertState};

/// Why a channel hears of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    Raised,
    /// A further document, new counts, a changed attribution.
    Updated,
    /// Somebody has taken it.
    Acknowledged,
    /// A test by the operator: nothing leaked.
    Test,
}

impl Change {
    /// The word used in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Updated => "updated",
            Self::Acknowledged => "acknowledged",
            Self::Test => "test",
        }
    }

    /// What a revision of an alert tells.
    #[must_use]
    pub fn of(alert: &Alert) -> Self {
        match (alert.state, alert.revision) {
            (AlertState::Acknowledged, _) => Self::Acknowledged,
            (AlertState::Open, 0 | 1) => Self::Raised,
            (AlertState::Open, _) => Self::Updated,
        }
    }
}

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
    /// The identity of this telling: the same whenever it is repeated, another for each revision.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}-{}", self.alert.id, self.alert.revision)
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
