//! Zip archives, with every usual method and both ways of encryption.
//!
//! Members are read where the central directory puts them; their names are for reports only and touch no file system.

use std::io::{Cursor, Read};

use ::zip::ZipArchive;
use ::zip::result::ZipError;

use super::Reading;
use super::meter::{Metered, Ratio};
use crate::extract::limits::MAX_PASSWORDS;
use crate::model::SkipReason;

pub(super) fn read(reading: &mut Reading<'_>, bytes: &[u8]) {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else {
        reading.out.skip(SkipReason::Damaged, "zip without a readable directory");
        return reading.foreign_runs(bytes);
    };
    let ratio = Ratio::of(bytes.len());
    let mut lock = Lock::default();
    let package =
        archive.index_for_name("[Content_Types].xml").is_some() || archive.index_for_name("mimetype").is_some();
    for no in 0..archive.len() {
        let Ok(entry) = archive.by_index_raw(no) else {
            reading.out.skip(SkipReason::Damaged, "a zip member's header");
            continue;
        };
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let (is_dir, encrypted) = (entry.is_dir(), entry.encrypted());
        drop(entry);
        if is_dir || package && is_layout(&name) {
            continue;
        }
        let go_on = reading.member(&name, |reading| {
            let opened = if encrypted {
                let Some(password) = lock.password(reading, &mut archive, no) else {
                    return reading.out.skip(SkipReason::Encrypted, "zip member");
                };
                archive.by_index_decrypt(no, &password)
            } else {
                archive.by_index(no)
            };
            match opened {
                Ok(entry) => reading.metered_member(entry, &ratio),
                Err(error) => reading.zip_error(&error),
            }
        });
        if !go_on {
            break;
        }
    }
}

/// Parts of the packages of office programs that say how a document looks: their names are fixed by the formats, and
/// nobody's data stands in them.
fn is_layout(name: &str) -> bool {
    const FILES: [&str; 14] = [
        "[Content_Types].xml",
        "mimetype",
        "styles.xml",
        "stylesWithEffects.xml",
        "settings.xml",
        "webSettings.xml",
        "fontTable.xml",
        "numbering.xml",
        "presProps.xml",
        "viewProps.xml",
        "tableStyles.xml",
        "manifest.xml",
        "presentation.xml",
        "manifest.rdf",
    ];
    const FOLDERS: [&str; 5] = ["theme/", "slideLayouts/", "slideMasters/", "notesMasters/", "handoutMasters/"];
    let file = name.rsplit('/').next().unwrap_or(name);
    FILES.contains(&file) || FOLDERS.iter().any(|folder| name.contains(folder)) && file.ends_with(".xml")
}

/// What is known of an archive's passwords: usually one opens all members.
#[derive(Default)]
struct Lock {
    /// What opened the last member that was opened.
    found: Option<Vec<u8>>,
    /// Members in a row that nothing opened.
    closed: u32,
}

/// Members in a row that nothing opens, after which no more is tried: each try costs a key derivation, and there may be
/// ten thousand members.
const MAX_CLOSED: u32 = 16;

impl Lock {
    /// The password among those at hand that opens the member. Zip's old encryption lets one wrong password in 256
    /// through at first: only reading the member to its checksum tells.
    fn password(
        &mut self,
        reading: &mut Reading<'_>,
        archive: &mut ZipArchive<Cursor<&[u8]>>,
        no: usize,
    ) -> Option<Vec<u8>> {
        if self.closed >= MAX_CLOSED {
            return None;
        }
        let limits = reading.out.limits;
        let candidates =
            limits.passwords.iter().take(MAX_PASSWORDS).map(|password| password.expose().as_bytes().to_vec());
        let found = self.found.iter().cloned().chain(candidates).find(|password| {
            if reading.out.stopped() {
                return false;
            }
            let Ok(entry) = archive.by_index_decrypt(no, password) else { return false };
            let limit = limits.ratio_after.max(1 << 20);
            std::io::copy(&mut entry.take(limit), &mut std::io::sink()).is_ok()
        });
        self.closed = if found.is_some() { 0 } else { self.closed + 1 };
        self.found = found.clone().or(self.found.take());
        found
    }
}

impl Reading<'_> {
    /// Reads an opened member.
    pub(super) fn metered_member(&mut self, entry: impl Read, ratio: &std::rc::Rc<Ratio>) {
        let (mut metered, cut) = Metered::new(entry, &self.budget, std::rc::Rc::clone(ratio));
        self.stream(&mut metered);
        self.report(&cut);
    }

    /// What can be read of a container that cannot be opened.
    pub(super) fn foreign_runs(&mut self, bytes: &[u8]) {
        if let Some(runs) = crate::extract::encoding::noise(bytes) {
            self.out.text(&runs);
        }
    }

    fn zip_error(&mut self, error: &ZipError) {
        let (reason, detail) = match error {
            ZipError::CompressionMethodNotSupported(method) => {
                (SkipReason::Unsupported, format!("zip method {method}"))
            }
            ZipError::UnsupportedArchive(_) => (SkipReason::Unsupported, "zip feature".to_owned()),
            ZipError::InvalidPassword => (SkipReason::Encrypted, "zip member".to_owned()),
            _ => (SkipReason::Damaged, "zip member".to_owned()),
        };
        self.out.skip(reason, detail);
    }
}
