//! STIX 2.1: an alert as a bundle, in a folder of files ([`StixChannel`]) or on a TAXII 2.1 server ([`taxii`]).
//!
//! In a folder each alert is one file, `ALERT.json`, replaced as a whole by every update: whoever reads it sees a
//! complete bundle or the one before. What the objects are is the affair of [`objects`].

mod objects;
pub mod taxii;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;

use super::SetupError;
use crate::alert::channel::{Channel, DeliveryError, Notice, Receipt};
use crate::alert::escape;
use crate::model::{AlertId, SettingProblem};

/// `stix` of a channel, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// The folder of bundles, which must exist; relative to the configuration's folder.
    pub folder: PathBuf,
}

/// `stix` of a channel, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    folder: PathBuf,
}

impl RawSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, base: &Path) -> Result<Settings, Vec<SettingProblem>> {
        if self.folder.as_os_str().is_empty() {
            return Err(vec![SettingProblem::new("folder", "is missing; hint: \"/var/lib/vigie/stix\"")]);
        }
        Ok(Settings { folder: base.join(self.folder) })
    }
}

/// The channel.
pub struct StixChannel {
    folder: PathBuf,
}

impl StixChannel {
    /// Looks whether the folder is there.
    ///
    /// # Errors
    /// When it is not.
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        let open = |source| SetupError::Open { path: settings.folder.clone(), source };
        // Opened, so that a folder that may not be read is noticed too.
        std::fs::read_dir(&settings.folder).map_err(open)?;
        Ok(Self { folder: settings.folder.clone() })
    }
}

impl Channel for StixChannel {
    fn kind(&self) -> &'static str {
        "stix"
    }

    fn render(&self, notice: &Notice) -> Result<Vec<u8>, DeliveryError> {
        let id = objects::derived(&notice.alert.id.0, &notice.key());
        let bundle = json!({ "type": "bundle", "id": format!("bundle--{id}"), "objects": objects::of(notice) });
        written(&bundle)
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            let (folder, id, bundle) = (self.folder.clone(), notice.alert.id, self.render(notice)?);
            let put = tokio::task::spawn_blocking(move || put(&folder, id, &bundle)).await;
            let put = put.map_err(|e| DeliveryError::retry(e.to_string()))?;
            put.map_err(|e| DeliveryError::retry(format!("the bundle cannot be written: {e}")))?;
            Ok(Receipt::default())
        }
        .boxed()
    }
}

fn written(value: &serde_json::Value) -> Result<Vec<u8>, DeliveryError> {
    let text = escape::json(value).map_err(|e| DeliveryError::refused(format!("cannot be written as JSON: {e}")))?;
    Ok(text.into_bytes())
}

/// Beside it first, then in its place; both the content and the name are on the disk when this returns.
fn put(folder: &Path, id: AlertId, bundle: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut new = tempfile::Builder::new().prefix(".vigie-").tempfile_in(folder)?;
    new.write_all(bundle)?;
    // As the file of the `file` channel: its owner and group.
    new.as_file().set_permissions(std::fs::Permissions::from_mode(0o640))?;
    new.as_file().sync_all()?;
    new.persist(folder.join(format!("{id}.json"))).map_err(|e| e.error)?;
    std::fs::File::open(folder)?.sync_all()
}
