//! 7z archives, with and without encryption.

use std::io::{Cursor, Read};

use sevenz_rust2::{Archive, ArchiveReader, Error, Password};

use super::Reading;
use super::meter::Ratio;
use crate::extract::limits::MAX_PASSWORDS;
use crate::model::SkipReason;

pub(super) fn read(reading: &mut Reading<'_>, bytes: &[u8]) {
    let candidates: Vec<Password> = std::iter::once(Password::empty())
        .chain(reading.out.limits.passwords.iter().take(MAX_PASSWORDS).map(|p| Password::from(p.expose().as_str())))
        .collect();
    for password in candidates {
        match open(bytes, &password) {
            Ok(archive) => return members(reading, archive),
            Err(Error::PasswordRequired | Error::MaybeBadPassword(_)) => {}
            Err(Error::UnsupportedCompressionMethod(_) | Error::Unsupported(_)) => {
                return reading.out.skip(SkipReason::Unsupported, "7z method");
            }
            Err(Error::MaxMemLimited { .. }) => return reading.out.skip(SkipReason::Memory, "7z dictionary"),
            Err(_) if password.as_slice().is_empty() => return reading.out.skip(SkipReason::Damaged, "7z"),
            // With a wrong password the header decrypts to nonsense.
            Err(_) => {}
        }
    }
    reading.out.skip(SkipReason::Encrypted, "7z");
}

/// Opens the archive and reads the beginning of its first member, since only that shows whether the password is right.
fn open<'a>(bytes: &'a [u8], password: &Password) -> Result<ArchiveReader<Cursor<&'a [u8]>>, Error> {
    let archive = Archive::read(&mut Cursor::new(bytes), password)?;
    let mut reader = ArchiveReader::from_archive(archive, Cursor::new(bytes), password.clone());
    reader.set_thread_count(1);
    let mut wrong = None;
    reader.for_each_entries(|entry, content| {
        if entry.has_stream() && entry.size() > 0 {
            if let Err(error) = std::io::copy(&mut content.take(1 << 20), &mut std::io::sink()) {
                wrong = Some(error);
            }
            return Ok(false);
        }
        Ok(true)
    })?;
    match wrong {
        Some(error) if !password.as_slice().is_empty() => Err(Error::MaybeBadPassword(error)),
        _ => Ok(reader),
    }
}

fn members(reading: &mut Reading<'_>, mut archive: ArchiveReader<Cursor<&[u8]>>) {
    let packed = archive.archive().pack_sizes().iter().fold(0u64, |sum, size| sum.saturating_add(*size));
    let ratio = Ratio::of(usize::try_from(packed).unwrap_or(usize::MAX));
    let result = archive.for_each_entries(|entry, content| {
        if !entry.has_stream() || entry.is_directory() {
            return Ok(true);
        }
        let go_on = reading.member(entry.name(), |reading| reading.metered_member(&mut *content, &ratio));
        // A solid block goes on behind this member only if all of it was taken out.
        Ok(go_on && std::io::copy(&mut content.take(u64::from(u32::MAX)), &mut std::io::sink()).is_ok())
    });
    if result.is_err() {
        reading.out.skip(SkipReason::Damaged, "7z");
    }
}
