//! Handing captures over: one tar archive with everything that a check needs, and nothing that opens them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::vault::{CAPTURE, HOLD, Item, MANIFEST, SIGNATURE, STAMP, STAMP_SIGNATURE};
use super::{EvidenceError, io_error};
use crate::signing::PublicKeys;

/// The procedure for whoever receives the archive.
const PROCEDURE: &str = include_str!("../../docs/evidence.md");

/// Writes captures, sealed as they are, into a new archive that only its owner may read: a folder for each, the public
/// keys, and the procedure to check them. Whole or not at all; a file that is there already is not replaced.
///
/// # Errors
/// When something cannot be read or written.
pub fn export(items: &[Item], keys: &PublicKeys, to: &Path) -> Result<u64, EvidenceError> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let making = tempfile::NamedTempFile::new_in(folder).map_err(io_error(to, "write"))?;
    let mut archive = tar::Builder::new(BufWriter::with_capacity(1 << 17, making));
    add(&mut archive, "EVIDENCE.md", PROCEDURE.as_bytes()).map_err(io_error(to, "write"))?;
    for (name, pem) in keys.files() {
        add(&mut archive, &name, pem.as_bytes()).map_err(io_error(to, "write"))?;
    }
    for item in items {
        for name in [MANIFEST, SIGNATURE, STAMP, STAMP_SIGNATURE, HOLD, CAPTURE] {
            let path = item.file(name);
            match File::open(&path) {
                Ok(file) => {
                    add_file(&mut archive, &format!("{}/{name}", item.id), file).map_err(io_error(&path, "export"))?
                }
                // The manifest and its signature say what is missing; the rest need not be there.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !matches!(name, MANIFEST | SIGNATURE) => {}
                Err(error) => return Err(io_error(&path, "export")(error)),
            }
        }
    }
    let written = (|| {
        let mut buffer = archive.into_inner()?;
        buffer.flush()?;
        let making = buffer.into_inner().map_err(io::IntoInnerError::into_error)?;
        making.as_file().sync_all()?;
        let bytes = making.as_file().metadata()?.len();
        making.persist_noclobber(to).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()?;
        Ok(bytes)
    })();
    written.map_err(io_error(to, "write"))
}

fn header(bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(0);
    header
}

fn add<W: Write>(archive: &mut tar::Builder<W>, path: &str, bytes: &[u8]) -> io::Result<()> {
    archive.append_data(&mut header(bytes.len() as u64), path, bytes)
}

fn add_file<W: Write>(archive: &mut tar::Builder<W>, path: &str, file: File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut limited = io::Read::take(file, length);
    archive.append_data(&mut header(length), path, &mut limited)
}
