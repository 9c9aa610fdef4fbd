//! What some bytes are, from the bytes alone.
//!
//! Signatures are those of the formats' specifications; a name is never looked at.

/// What a document or member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gzip,
    Bzip2,
    Xz,
    Lzma,
    Zstd,
    Lz4,
    Zip,
    SevenZip,
    Tar,
    /// A compound file: Excel before 2007, Word, Outlook messages.
    Compound,
    Sqlite,
    Pdf,
    /// A known format that is not read.
    Unsupported(&'static str),
    /// A known format without text worth reading.
    Binary(&'static str),
    /// A known format that is encrypted as a whole.
    Encrypted(&'static str),
    /// Everything else: text, until its bytes say otherwise.
    Text,
}

const SIGNATURES: &[(&[u8], Kind)] = &[
    (b"\x1f\x8b\x08", Kind::Gzip),
    (b"BZh", Kind::Bzip2),
    (b"\xfd7zXZ\0", Kind::Xz),
    (b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (b"\x04\x22\x4d\x18", Kind::Lz4),
    (b"PK\x03\x04", Kind::Zip),
    (b"PK\x05\x06", Kind::Zip),
    (b"PK\x07\x08", Kind::Zip),
    (b"7z\xbc\xaf\x27\x1c", Kind::SevenZip),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Compound),
    (b"SQLite format 3\0", Kind::Sqlite),
    (b"%PDF-", Kind::Pdf),
    (b"Rar!\x1a\x07", Kind::Unsupported("rar archive")),
    (b"\x1f\x9d", Kind::Unsupported("compress (.Z)")),
    (b"\x1f\xa0", Kind::Unsupported("compress (.Z)")),
    (b"LZIP", Kind::Unsupported("lzip")),
    (b"MSCF", Kind::Unsupported("cabinet archive")),
    (b"!<arch>\n", Kind::Unsupported("ar archive")),
    (b"\xed\xab\xee\xdb", Kind::Unsupported("rpm package")),
    (b"070701", Kind::Unsupported("cpio archive")),
    (b"070707", Kind::Unsupported("cpio archive")),
    (b"\x60\xea", Kind::Unsupported("arj archive")),
    (b"PAR1", Kind::Unsupported("parquet")),
    (b"Obj\x01", Kind::Unsupported("avro")),
    (b"ORC", Kind::Unsupported("orc")),
    (b"hsqs", Kind::Unsupported("squashfs image")),
    (b"\0\x01\0\0Standard Jet DB\0", Kind::Unsupported("access database")),
    (b"\0\x01\0\0Standard ACE DB\0", Kind::Unsupported("access database")),
    (b"PGDMP", Kind::Unsupported("postgresql custom dump")),
    (b"\x85\x01", Kind::Encrypted("openpgp message")),
    (b"\x85\x02", Kind::Encrypted("openpgp message")),
    (b"age-encryption.org/v1", Kind::Encrypted("age file")),
    (b"Salted__", Kind::Encrypted("openssl file")),
    (b"\x89PNG\r\n\x1a\n", Kind::Binary("png image")),
    (b"\xff\xd8\xff", Kind::Binary("jpeg image")),
    (b"GIF87a", Kind::Binary("gif image")),
    (b"GIF89a", Kind::Binary("gif image")),
    (b"\x7fELF", Kind::Binary("program")),
    (b"\0asm", Kind::Binary("program")),
    (b"ID3", Kind::Binary("audio")),
    (b"OggS", Kind::Binary("audio")),
    (b"fLaC", Kind::Binary("audio")),
    (b"\x1aE\xdf\xa3", Kind::Binary("video")),
    (b"wOFF", Kind::Binary("font")),
    (b"wOF2", Kind::Binary("font")),
];

/// What `head`, the beginning of a document or member, shows.
pub(crate) fn detect(head: &[u8]) -> Kind {
    let first = head.first();
    for (signature, kind) in SIGNATURES {
        if signature.first() == first && head.starts_with(signature) && confirmed(*kind, head) {
            return *kind;
        }
    }
    if is_tar(head) {
        return Kind::Tar;
    }
    if is_lzma(head) {
        return Kind::Lzma;
    }
    if head.len() > 12 && &head[4..8] == b"ftyp" {
        return Kind::Binary("video");
    }
    if head.starts_with(b"RIFF") && head.len() > 12 && matches!(&head[8..12], b"WEBP" | b"WAVE" | b"AVI ") {
        return Kind::Binary("media");
    }
    Kind::Text
}

/// Signatures made of characters also begin texts: what follows must fit too.
fn confirmed(kind: Kind, head: &[u8]) -> bool {
    let control = |from: usize| head[head.len().min(from)..].iter().take(64).any(|b| *b < 9 || (14..27).contains(b));
    match kind {
        Kind::Bzip2 => {
            head.len() > 9 && (b'1'..=b'9').contains(&head[3]) && matches!(&head[4..7], b"1AY" | b"\x17\x72\x45")
        }
        Kind::Unsupported("lzip" | "orc" | "parquet" | "cabinet archive" | "squashfs image") => control(4),
        Kind::Unsupported("arj archive" | "compress (.Z)") => head.len() > 32 && control(2),
        Kind::Encrypted("openpgp message") => {
            head.len() > 32 && std::str::from_utf8(&head[..32]).is_err() && control(2)
        }
        Kind::Unsupported("cpio archive") => head.len() > 110 && head[..100].iter().all(u8::is_ascii_hexdigit),
        Kind::Binary("audio") => control(3),
        _ => true,
    }
}

/// A tar header's checksum: the sum of its bytes with the checksum's own taken as blanks.
fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.get(..512) else { return false };
    let text = block[148..156].iter().filter(|b| (b'0'..=b'7').contains(b));
    let stated = text.fold(0u32, |sum, b| (sum << 3).wrapping_add(u32::from(b - b'0')));
    // Most texts say no number there that could be one.
    if !(256..1 << 17).contains(&stated) {
        return false;
    }
    let sum: u32 =
        block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) }).sum();
    block[0] != 0 && stated == sum
}

/// The old format of LZMA has no signature: a usual property byte, a dictionary of a power of two, an unknown or
/// sensible size.
fn is_lzma(head: &[u8]) -> bool {
    let Some(header) = head.get(..13) else { return false };
    let dictionary = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
    let size = header[5..13].iter().rev().fold(0u64, |n, b| (n << 8) | u64::from(*b));
    header[0] == 0x5d && dictionary >= 4096 && dictionary.is_power_of_two() && (size == u64::MAX || size < 1 << 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_begins_like_a_signature_is_text() {
        for text in [
            "BZh is how bzip2 files begin",
            "ORC;ELF;1\n",
            "PAR1 is Paris\n",
            "ID3 tags\n",
            "LZIP,a\n",
            "`ê",
            "070701;1",
        ] {
            assert_eq!(detect(text.as_bytes()), Kind::Text, "{text}");
        }
        assert_eq!(detect(b""), Kind::Text);
        assert_eq!(detect(b"Rar!\x1a\x07\x01\0"), Kind::Unsupported("rar archive"));
    }
}
