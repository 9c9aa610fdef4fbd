//! Alerts in the service's own log, through `tracing`: what happened in fields of our own making, no poster's text.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use crate::alert::escape;
use crate::model::SettingProblem;

/// `journal` of a channel, as written: there is nothing to set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSettings {}

/// `journal` of a channel, as checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings;

impl RawSettings {
    /// Nothing can be wrong.
    ///
    /// # Errors
    /// None.
    pub fn validate(self) -> Result<Settings, Vec<SettingProblem>> {
        Ok(Settings)
    }
}

/// The channel.
pub struct JournalChannel;

impl Channel for JournalChannel {
    fn kind(&self) -> &'static str {
        "journal"
    }

    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        Ok(escape::line(&notice.alert.headline, 400).into_bytes())
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            let alert = &notice.alert;
            let best = alert.attribution.first();
            tracing::warn!(
                event = "alert.told",
                alert = %alert.id,
                revision = alert.revision,
                change = notice.change.name(),
                verdict = alert.verdict.name(),
                severity = %alert.severity,
                tlp = %alert.tlp,
                system = best.map(|a| a.system.as_str()),
                snapshot = best.map(|a| tracing::field::display(a.snapshot)),
                probability = best.map(|a| a.probability),
                records = alert.impact.records,
                documents = alert.documents.len(),
                "{}",
                escape::line(&alert.headline, 400)
            );
            Ok(Receipt::default())
        }
        .boxed()
    }
}
