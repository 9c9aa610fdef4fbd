//! The index file's header and the places of its sections: `docs/index-format.md` in code. All integers are little-endian.

use jiff::civil::Date;

use super::error::IndexErrorKind;
use super::key::{Key, KeyId};
use super::normalise;
use crate::model::finding::MAX_COLUMNS;
use crate::model::{FieldKind, SystemId};

/// First bytes of an index.
pub(super) const MAGIC: &[u8; 8] = b"VIGIEVFI";
/// The version that is written, and the only one that is read.
pub(super) const VERSION: u32 = 2;
/// Bytes of the header; the first section begins behind it.
pub(super) const HEADER: usize = 4096;
/// Bytes that one checksum stands for.
pub(super) const BLOCK: usize = 64 * 1024;
/// Bytes of a checksum: enough that damage is noticed, under a key so that a forgery is too.
pub(super) const CHECK: usize = 8;
/// Records whose refs are encrypted together.
pub(super) const REFS_PER_BLOCK: u32 = 128;
/// Bytes of an entry of the name directory.
pub(super) const NAME_ENTRY: usize = 12;
/// Most records of one index.
pub(super) const MAX_RECORDS: u64 = u32::MAX as u64 - 1;

const CHECK_LEN: usize = 32;
const HEADER_MAC: &str = "vigie 2026-11 index header";
pub(super) const BLOCK_CHECKS: &str = "vigie 2026-11 index block checksums";
pub(super) const REFS: &str = "vigie 2026-11 index refs";
pub(super) const PRIVATE: &str = "vigie 2026-11 index private section";

/// The parts of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Section {
    /// Split-block filter over strong fingerprints and name keys.
    Filter,
    /// Where each bucket of the strong table begins: u32 each, one more than there are buckets.
    Buckets,
    /// The strong table: u64 each.
    Strong,
    /// Name keys in order, each with the first slot of its records (u64, u32); behind the last, the end of its records.
    Names,
    /// The export row of each slot: u32.
    Rows,
    /// The tags of each slot.
    Tags,
    /// The record key of each slot, u64; empty if the system exports refs.
    RecordKeys,
    /// Where each block of refs begins in `Refs`: u64 each, one more than there are blocks.
    RefBlocks,
    /// Encrypted refs.
    Refs,
    /// Encrypted headers and profiles.
    Private,
    /// A checksum for each block of everything between the header and this section.
    Checksums,
}

/// Number of sections.
pub(super) const SECTIONS: usize = Section::Checksums as usize + 1;

impl Section {
    pub(super) const ALL: [Section; SECTIONS] = [
        Self::Filter,
        Self::Buckets,
        Self::Strong,
        Self::Names,
        Self::Rows,
        Self::Tags,
        Self::RecordKeys,
        Self::RefBlocks,
        Self::Refs,
        Self::Private,
        Self::Checksums,
    ];
}

/// A section's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// Everything that an index says of itself in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) file_len: u64,
    pub(super) key: KeyId,
    pub(super) salt: [u8; 16],
    /// Seconds since 1970.
    pub(super) created: i64,
    pub(super) snapshot: Date,
    pub(super) system: SystemId,
    pub(super) kinds: Vec<FieldKind>,
    pub(super) records: u64,
    /// Rows of the export with more or fewer cells than its header.
    pub(super) ragged: u64,
    /// Rows without any watched value, which are no records.
    pub(super) blank: u64,
    pub(super) names: u64,
    pub(super) strong: u64,
    /// Upper bits of a fingerprint that choose its bucket.
    pub(super) bucket_bits: u8,
    /// Bits of a slot within an entry of the strong table; the others are fingerprint.
    pub(super) slot_bits: u8,
    pub(super) places: [Place; SECTIONS],
    /// BLAKE3 of the checksums section.
    pub(super) checksums: [u8; 32],
}

impl Header {
    pub(super) fn place(&self, section: Section) -> Place {
        self.places[section as usize]
    }

    /// Blocks that checksums stand for.
    pub(super) fn blocks(&self) -> u64 {
        (self.place(Section::Checksums).offset - HEADER as u64).div_ceil(BLOCK as u64)
    }

    /// The header's bytes, authenticated under `key`.
    pub(super) fn encode(&self, key: &Key) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&normalise::VERSION.to_le_bytes());
        out.extend_from_slice(&self.file_len.to_le_bytes());
        out.extend_from_slice(&self.key.0);
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.created.to_le_bytes());
        out.extend_from_slice(&self.snapshot.year().to_le_bytes());
        out.push(self.snapshot.month() as u8);
        out.push(self.snapshot.day() as u8);
        let mut name = [0u8; 64];
        name[..self.system.as_str().len()].copy_from_slice(self.system.as_str().as_bytes());
        out.push(self.system.as_str().len() as u8);
        out.extend_from_slice(&name);
        let mut kinds = [0u8; MAX_COLUMNS];
        kinds.iter_mut().zip(&self.kinds).for_each(|(code, kind)| *code = kind.code());
        out.push(self.kinds.len() as u8);
        out.extend_from_slice(&kinds);
        for number in [self.records, self.ragged, self.blank, self.names, self.strong] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.push(self.bucket_bits);
        out.push(self.slot_bits);
        for place in self.places {
            out.extend_from_slice(&place.offset.to_le_bytes());
            out.extend_from_slice(&place.len.to_le_bytes());
        }
        out.extend_from_slice(&self.checksums);
        out.resize(HEADER - 2 * CHECK_LEN, 0);
        let mac = blake3::keyed_hash(&key.derive(HEADER_MAC), &out);
        out.extend_from_slice(mac.as_bytes());
        let check = blake3::hash(&out);
        out.extend_from_slice(check.as_bytes());
        out
    }

    /// Reads and checks a header; `find` gives the key that it names. The key's position is given back.
    pub(super) fn decode<'k>(
        bytes: &[u8],
        find: impl FnOnce(KeyId) -> Result<(usize, &'k Key), IndexErrorKind>,
    ) -> Result<(Self, usize, &'k Key), IndexErrorKind> {
        let corrupt = || IndexErrorKind::Corrupt { part: "header".to_owned() };
        if bytes.get(..8) != Some(MAGIC) {
            return Err(IndexErrorKind::NotAnIndex);
        }
        let mut from = Fields { bytes: &bytes[8..] };
        let version = from.u32().ok_or_else(corrupt)?;
        if version != VERSION {
            return Err(IndexErrorKind::Version { found: version, supported: VERSION });
        }
        let forms = from.u16().ok_or_else(corrupt)?;
        let header = bytes.get(..HEADER).ok_or_else(corrupt)?;
        let (checked, check) = header.split_at(HEADER - CHECK_LEN);
        if blake3::hash(checked).as_bytes() != check {
            return Err(corrupt());
        }
        if forms != normalise::VERSION {
            return Err(IndexErrorKind::Forms { found: forms, supported: normalise::VERSION });
        }
        let header = Self::fields(&mut from).ok_or_else(corrupt)?;
        let (no, key) = find(header.key)?;
        let (signed, mac) = checked.split_at(HEADER - 2 * CHECK_LEN);
        // `blake3::Hash` compares in constant time.
        let mac: [u8; 32] = mac.try_into().map_err(|_| corrupt())?;
        if blake3::keyed_hash(&key.derive(HEADER_MAC), signed) != blake3::Hash::from(mac) {
            return Err(corrupt());
        }
        if header.is_consistent() { Ok((header, no, key)) } else { Err(corrupt()) }
    }

    fn fields(from: &mut Fields<'_>) -> Option<Self> {
        let file_len = from.u64()?;
        let key = KeyId(from.array()?);
        let salt = from.array()?;
        let created = i64::from_le_bytes(from.array()?);
        let snapshot = {
            let year = i16::from_le_bytes(from.array()?);
            let [month, day] = from.array::<2>()?;
            Date::new(year, month as i8, day as i8).ok()?
        };
        let name_len = usize::from(from.u8()?);
        let name: [u8; 64] = from.array()?;
        let system = std::str::from_utf8(name.get(..name_len)?).ok()?.parse().ok()?;
        let columns = usize::from(from.u8()?);
        let kinds: [u8; MAX_COLUMNS] = from.array()?;
        let kinds = kinds.get(..columns)?.iter().map(|code| FieldKind::from_code(*code)).collect::<Option<Vec<_>>>()?;
        let [records, ragged, blank, names, strong] = [from.u64()?, from.u64()?, from.u64()?, from.u64()?, from.u64()?];
        let [bucket_bits, slot_bits] = from.array()?;
        let mut places = [Place::default(); SECTIONS];
        for place in &mut places {
            *place = Place { offset: from.u64()?, len: from.u64()? };
        }
        let checksums = from.array()?;
        Some(Self {
            file_len,
            key,
            salt,
            created,
            snapshot,
            system,
            kinds,
            records,
            ragged,
            blank,
            names,
            strong,
            bucket_bits,
            slot_bits,
            places,
            checksums,
        })
    }

    /// Whether the numbers agree with one another, so that a reader need not check each again. A header under the right key that
    /// fails here was written by a faulty builder.
    fn is_consistent(&self) -> bool {
        let len = |section| self.place(section).len;
        let ends = self.places.iter().map(|p| p.offset.checked_add(p.len));
        let inside = self
            .places
            .iter()
            .zip(ends)
            .all(|(p, end)| p.offset >= HEADER as u64 && end.is_some_and(|end| end <= self.file_len));
        let refs = u64::from(self.kinds.contains(&FieldKind::Ref));
        let tags = TagLayout::of(&self.kinds);
        inside
            && self.records > 0
            && self.records <= MAX_RECORDS
            && (8..=32).contains(&self.bucket_bits)
            && (1..=32).contains(&self.slot_bits)
            && self.records <= 1 << self.slot_bits
            && self.strong <= u64::from(u32::MAX)
            && self.names <= self.records
            && len(Section::Filter) > 0
            && len(Section::Filter).is_multiple_of(super::filter::BLOCK as u64)
            && self.place(Section::Filter).offset.is_multiple_of(super::filter::BLOCK as u64)
            && len(Section::Buckets) == ((1 << self.bucket_bits) + 1) * 4
            && len(Section::Strong) == self.strong * 8
            && len(Section::Names) == (self.names + 1) * NAME_ENTRY as u64
            && len(Section::Rows) == self.records * 4
            && len(Section::Tags) == self.records * tags.stride as u64
            && len(Section::RecordKeys) == (1 - refs) * self.records * 8
            && len(Section::RefBlocks) == refs * (self.records.div_ceil(REFS_PER_BLOCK.into()) + 1) * 8
            && self.place(Section::Checksums).offset + len(Section::Checksums) == self.file_len
            && Section::ALL.iter().all(|s| {
                *s == Section::Checksums || self.place(*s).offset + len(*s) <= self.place(Section::Checksums).offset
            })
            && len(Section::Checksums) == self.blocks() * CHECK as u64
    }
}

struct Fields<'a> {
    bytes: &'a [u8],
}

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*head)
    }
    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }
    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }
    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// Where each column's tags lie within a slot's row of tags. A function of the kinds alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TagLayout {
    pub(super) columns: Vec<ColumnTags>,
    /// Offset of the as-exported tags, two to a byte.
    pub(super) exported: usize,
    /// Bytes of a row.
    pub(super) stride: usize,
}

/// Where one column's tags lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ColumnTags {
    pub(super) kind: FieldKind,
    /// Offset of its tag or, for kinds that can be masked, of its mask tag.
    pub(super) offset: usize,
    pub(super) width: TagWidth,
}

/// What a column has besides its as-exported tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagWidth {
    /// Nothing: it is found, or not, through the strong table.
    None,
    /// 8 bits of the normal form's hash.
    One,
    /// 16 bits: the kinds that, together with a name, decide who it is.
    Two,
    /// The word of a [`super::hash::MaskTag`].
    Mask,
}

impl TagLayout {
    pub(super) fn of(kinds: &[FieldKind]) -> Self {
        let mut offset = 0;
        let columns = kinds
            .iter()
            .map(|&kind| {
                let (width, bytes) = match kind {
                    FieldKind::BirthDate | FieldKind::Postcode | FieldKind::StreetAddress => (TagWidth::Two, 2),
                    FieldKind::Ref | FieldKind::Username => (TagWidth::None, 0),
                    _ if normalise::masked::is_maskable(kind) => (TagWidth::Mask, 2),
                    _ => (TagWidth::One, 1),
                };
                offset += bytes;
                ColumnTags { kind, offset: offset - bytes, width }
            })
            .collect();
        Self { columns, exported: offset, stride: offset + kinds.len().div_ceil(2) }
    }
}

/// Cuts an 8-bit tag from a hash: 1 to 255, since 0 says that there is no value.
#[inline]
pub(super) fn tag8(hash: u64) -> u8 {
    1 + (((hash >> 32) * 255) >> 32) as u8
}

/// Cuts a 16-bit tag from a hash: 1 to 65535.
#[inline]
pub(super) fn tag16(hash: u64) -> u16 {
    1 + (((hash >> 32) * 65_535) >> 32) as u16
}

/// Cuts a 4-bit tag from a hash: 1 to 15.
#[inline]
pub(super) fn tag4(hash: u64) -> u8 {
    1 + (((hash >> 32) * 15) >> 32) as u8
}
