//! One index, opened: look-ups by fingerprint and by name, the tags of a record, its ref.
//!
//! Opening reads the header, the checksums and the private section, whatever the number of records. Everything else is checked
//! when it is first touched; an answer is given from whole blocks only.

#[cfg(test)]
pub(in crate::fingerprint) mod chance;
mod commonness;
pub(in crate::fingerprint) mod map;
mod ref_reader;
mod screen;
mod tags;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::slice::ChunksExact;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::civil::Date;

use self::commonness::Commonness;
pub use self::commonness::Holders;
use self::map::{Checked, Content};
pub use self::ref_reader::RefReader;
pub use self::tags::{Match, TagRow, TagTest};
use super::error::{Damaged, IndexError, IndexErrorKind};
use super::filter;
use super::format::{self, Header, Section, TagLayout};
use super::hash::MaskTag;
use super::key::Keyring;
use super::normalise::DateOrder;
use super::profile::{Private, TokenShapes};
use super::refs::{self, RefBlock, Sealer};
use crate::model::{FieldKind, RecordNo, SystemId};

/// The most records that one look-up gives. A value that more records share (a switchboard, `noreply@…`) tells nobody from anybody.
pub const MAX_SHARED: usize = 64;

/// Position of a record within an index: records of one name stand together. Only [`SnapshotIndex::row_of`] says which row of the export it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// The fingerprints of one export of one system. Shared between threads as it is.
pub struct SnapshotIndex {
    path: PathBuf,
    header: Header,
    key_no: usize,
    columns: Arc<[(String, FieldKind)]>,
    layout: TagLayout,
    private: Private,
    sealer: Sealer,
    data: Checked,
    filter_blocks: u64,
    /// How common each tag is, once that was asked.
    commonness: OnceLock<Result<Commonness, Damaged>>,
}

impl SnapshotIndex {
    /// Opens an index whose key is in the keyring.
    ///
    /// # Errors
    /// If the file cannot be read, is no index, is of another version, was built with another key, is cut or damaged. Damage in parts
    /// that opening does not touch shows when they are ([`Damaged`]).
    pub fn open(path: &Path, keys: &Keyring) -> Result<Self, IndexError> {
        let content = Content::open(path).map_err(|e| IndexError::new(path, e.into()))?;
        Self::of(content, path, keys).map_err(|kind| IndexError::new(path, kind))
    }

    /// An index from the bytes of its file; `path` is only what errors name.
    ///
    /// # Errors
    /// As [`SnapshotIndex::open`].
    pub fn from_bytes(bytes: Vec<u8>, path: &Path, keys: &Keyring) -> Result<Self, IndexError> {
        Self::of(Content::Copied(bytes), path, keys).map_err(|kind| IndexError::new(path, kind))
    }

    fn of(content: Content, path: &Path, keys: &Keyring) -> Result<Self, IndexErrorKind> {
        let (header, key_no, key) = Header::decode(content.bytes(), |id| match keys.position(id) {
            Some(no) => Ok((no, &keys.keys()[no])),
            None => {
                Err(IndexErrorKind::WrongKey { index: id, available: keys.keys().iter().map(|k| k.id()).collect() })
            }
        })?;
        let found = content.bytes().len() as u64;
        if found != header.file_len {
            return Err(IndexErrorKind::Length { found, expected: header.file_len });
        }
        let data = Checked::new(content, &header, key.derive_salted(format::BLOCK_CHECKS, &header.salt))?;
        let private = private_section(&header, &data, &Sealer::new(key, format::PRIVATE, &header.salt))
            .ok_or_else(|| IndexErrorKind::Corrupt { part: "private section".to_owned() })?;
        Ok(Self {
            path: path.to_owned(),
            key_no,
            columns: private.headers.iter().cloned().zip(header.kinds.iter().copied()).collect(),
            layout: TagLayout::of(&header.kinds),
            sealer: Sealer::new(key, format::REFS, &header.salt),
            filter_blocks: header.place(Section::Filter).len / filter::BLOCK as u64,
            commonness: OnceLock::new(),
            private,
            data,
            header,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The system.
    #[must_use]
    pub fn system(&self) -> &SystemId {
        &self.header.system
    }

    /// The day of the export.
    #[must_use]
    pub fn snapshot(&self) -> Date {
        self.header.snapshot
    }

    /// When it was built.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        Timestamp::from_second(self.header.created).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Drawn at random when it was built: no two indexes have the same.
    #[must_use]
    pub fn build_id(&self) -> [u8; 16] {
        self.header.salt
    }

    /// Number of records, at least 1.
    #[must_use]
    pub fn records(&self) -> u32 {
        // `Header::is_consistent` bounds it.
        self.header.records as u32
    }

    /// Rows of the export whose cells were more or fewer than its headers (they are records all the same).
    #[must_use]
    pub fn ragged(&self) -> u64 {
        self.header.ragged
    }

    /// Bytes of the file.
    #[must_use]
    pub fn file_len(&self) -> u64 {
        self.header.file_len
    }

    /// Header and kind of each column, in the order of the export.
    #[must_use]
    pub fn columns(&self) -> &Arc<[(String, FieldKind)]> {
        &self.columns
    }

    /// Position in the keyring of the key it was built with.
    #[must_use]
    pub fn key_no(&self) -> usize {
        self.key_no
    }

    /// Records with a value in the column.
    #[must_use]
    pub fn filled(&self, column: usize) -> u64 {
        self.private.filled.get(column).copied().unwrap_or(0)
    }

    /// How many values of the column are written in each layout ([`super::layout`]); [`super::layout::CLASSES`] long.
    #[must_use]
    pub fn layouts(&self, column: usize) -> &[u64] {
        self.private.layouts.get(column).map_or(&[], Vec::as_slice)
    }

    /// The order of day and month that the column's dates were read in.
    #[must_use]
    pub fn date_order(&self, column: usize) -> DateOrder {
        self.private.date_order(column)
    }

    /// The shapes of the values of a `ref`, `contract`, `username` or `iban` column. None for other kinds, and for accounts in indexes built
    /// before theirs were kept.
    #[must_use]
    pub fn shapes(&self, column: usize) -> Option<&TokenShapes> {
        self.private.shapes.get(column)?.as_ref()
    }

    /// Whether the fingerprint of a strong value, or a name key, may be in: false is certain. One cache line.
    ///
    /// # Errors
    /// [`Damaged`], as everything below that reads from the file.
    #[inline]
    pub fn might_contain(&self, fingerprint: u64) -> Result<bool, Damaged> {
        let block = self.filter_block(fingerprint)?;
        Ok(block.first_chunk().is_some_and(|block| filter::test(block, fingerprint)))
    }

    /// The filter's block that a fingerprint belongs to.
    #[inline]
    pub(super) fn filter_block(&self, fingerprint: u64) -> Result<&[u8], Damaged> {
        let block = filter::block_of(fingerprint, self.filter_blocks) as usize;
        self.part(Section::Filter, block * filter::BLOCK, filter::BLOCK)
    }

    /// The filter as it lies in the file, once all of it was touched and found whole: a few thousand probes do that.
    pub(super) fn whole_filter(&self) -> Option<&[[u8; filter::BLOCK]]> {
        let place = self.header.place(Section::Filter);
        Some(self.data.get_whole(place.offset as usize, place.len as usize)?.as_chunks().0)
    }

    /// Appends to `out` the records that have the value with this fingerprint in any column of its kind, at most [`MAX_SHARED`];
    /// gives how many there are.
    pub fn lookup(&self, fingerprint: u64, out: &mut Vec<Slot>) -> Result<usize, Damaged> {
        let bits = u32::from(self.header.bucket_bits);
        let entries = self.entries(fingerprint)?.as_chunks::<8>().0;
        let slot_bits = u32::from(self.header.slot_bits);
        // What of the fingerprint follows the bits that chose the bucket, as far as there is room beside a slot.
        let sought = (fingerprint << bits) >> slot_bits;
        let rest = |entry: &[u8; 8]| u64::from_le_bytes(*entry) >> slot_bits;
        let first = entries.partition_point(|e| rest(e) < sought);
        let shared = entries[first..].partition_point(|e| rest(e) == sought);
        let slot = |entry: &[u8; 8]| Slot((u64::from_le_bytes(*entry) & ((1 << slot_bits) - 1)) as u32);
        out.extend(entries[first..first + shared.min(MAX_SHARED)].iter().map(slot));
        Ok(shared)
    }

    /// The bucket that a fingerprint belongs to.
    #[inline]
    fn bucket_of(&self, fingerprint: u64) -> usize {
        (fingerprint >> (64 - u32::from(self.header.bucket_bits))) as usize
    }

    /// The entries of a fingerprint's bucket.
    #[inline]
    pub(super) fn entries(&self, fingerprint: u64) -> Result<&[u8], Damaged> {
        let (from, to) = self.bucket(self.bucket_of(fingerprint))?;
        self.part(Section::Strong, from * 8, (to - from) * 8)
    }

    /// What of the directory is read for a fingerprint.
    #[inline]
    pub(super) fn bucket_line(&self, fingerprint: u64) -> Result<&[u8], Damaged> {
        self.bucket_ends(self.bucket_of(fingerprint))
    }

    /// Where the directory says how far a bucket goes.
    #[inline]
    fn bucket_ends(&self, no: usize) -> Result<&[u8], Damaged> {
        self.part(Section::Buckets, no * 4, 8)
    }

    /// First entry of a bucket and one past its last.
    #[inline]
    fn bucket(&self, no: usize) -> Result<(usize, usize), Damaged> {
        let ends = self.bucket_ends(no)?.as_chunks::<4>().0;
        let [from, to] = [u32::from_le_bytes(ends[0]) as usize, u32::from_le_bytes(ends[1]) as usize];
        if from <= to && to as u64 <= self.header.strong { Ok((from, to)) } else { Err(Damaged) }
    }

    /// The slots of the records with this name key: empty if there is none.
    pub fn name_range(&self, name_key: u64) -> Result<Range<u32>, Damaged> {
        let names = self.header.names as usize;
        let entry = |i: usize| self.part(Section::Names, i * NAME, NAME).map(name_entry);
        let key = |i: usize| entry(i).map(|(key, _)| key);
        // Keys are spread evenly: the place is near where their value says. Widen around it, then halve.
        let guess = ((u128::from(name_key) * names as u128) >> 64) as usize;
        let (mut low, mut high) = (guess, guess);
        let mut step = 8;
        while low > 0 && key(low)? >= name_key {
            low = low.saturating_sub(step);
            step *= 2;
        }
        step = 8;
        while high < names && key(high)? < name_key {
            high = (high + step).min(names);
            step *= 2;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if key(middle)? < name_key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if low == names || key(low)? != name_key {
            return Ok(0..0);
        }
        let range = entry(low)?.1..entry(low + 1)?.1;
        if range.start <= range.end && range.end <= self.records() { Ok(range) } else { Err(Damaged) }
    }

    /// The tags of a record.
    #[inline]
    pub fn tags(&self, slot: Slot) -> Result<TagRow<'_>, Damaged> {
        Ok(TagRow { bytes: self.tag_bytes(slot)?, layout: &self.layout })
    }

    /// The tags of a record as they stand in the file.
    #[inline]
    pub(super) fn tag_bytes(&self, slot: Slot) -> Result<&[u8], Damaged> {
        let stride = self.layout.stride;
        self.part(Section::Tags, slot.0 as usize * stride, stride)
    }

    /// The tags of consecutive records, from `first` on, at most `many`.
    pub fn tags_from(&self, first: Slot, many: u32) -> Result<impl Iterator<Item = (Slot, TagRow<'_>)>, Damaged> {
        let end = first.0.saturating_add(many).min(self.records());
        let rows = self.tag_rows(first, end.saturating_sub(first.0))?;
        let rows = rows.map(|bytes| TagRow { bytes, layout: &self.layout });
        Ok(rows.enumerate().map(move |(i, tags)| (Slot(first.0 + i as u32), tags)))
    }

    /// The tags of `many` consecutive records, all of which there must be, as they stand in the file.
    fn tag_rows(&self, first: Slot, many: u32) -> Result<ChunksExact<'_, u8>, Damaged> {
        let stride = self.layout.stride;
        let bytes = self.part(Section::Tags, first.0 as usize * stride, many as usize * stride)?;
        // A row has a byte of as-exported tags at least: the stride is not 0.
        Ok(bytes.chunks_exact(stride))
    }

    /// What a value of a weak column is told by among many records; `hash` is [`super::Hasher::tag`] of its normal form.
    #[must_use]
    pub fn test_of_value(&self, column: usize, hash: u64) -> Option<TagTest> {
        TagTest::of_value(&self.layout, column, hash)
    }

    /// What a masked form is told by among many records; `with_length` if the mask is known to be as long as what it hides.
    #[must_use]
    pub fn test_of_mask(&self, column: usize, tag: MaskTag, with_length: bool) -> Option<TagTest> {
        TagTest::of_mask(&self.layout, column, tag, with_length)
    }

    /// How many records pass a test: counted over all records of a small index, over a sample of a large one. The first call reads the
    /// sample.
    pub fn holders(&self, test: TagTest) -> Result<Holders, Damaged> {
        let counts = self.commonness.get_or_init(|| Commonness::count(self));
        counts.as_ref().map(|counts| counts.holders(test)).map_err(|damaged| *damaged)
    }

    /// The same if it is known already: to count reads the sample, of every index that is asked.
    #[must_use]
    pub fn known_holders(&self, test: TagTest) -> Option<Holders> {
        let counts = self.commonness.get()?.as_ref().ok()?;
        Some(counts.holders(test))
    }

    /// The row of the export that a record is.
    #[inline]
    pub fn row_of(&self, slot: Slot) -> Result<RecordNo, Damaged> {
        let bytes = self.part(Section::Rows, slot.0 as usize * 4, 4)?;
        Ok(RecordNo(u32::from_le_bytes(bytes.as_chunks::<4>().0[0])))
    }

    /// Whether a record is one of the system's canaries.
    pub fn is_canary(&self, slot: Slot) -> Result<bool, Damaged> {
        Ok(!self.private.canaries.is_empty() && self.private.canaries.binary_search(&self.row_of(slot)?.0).is_ok())
    }

    /// Number of canaries among the records.
    #[must_use]
    pub fn canaries(&self) -> usize {
        self.private.canaries.len()
    }

    /// Reads refs and record keys; keeps the last block, so that neighbours in the export cost little.
    #[must_use]
    pub fn refs(&self) -> RefReader<'_> {
        RefReader { index: self, block: None, refs: RefBlock::default() }
    }

    /// Checks every block. Slow: reads the whole file.
    pub fn verify(&self) -> Result<(), IndexError> {
        let (mut at, end) = (format::HEADER, self.header.place(Section::Checksums).offset as usize);
        while at < end {
            let len = format::BLOCK.min(end - at);
            if self.data.get(at, len).is_err() {
                return Err(self.damage().unwrap_or_else(|| {
                    IndexError::new(&self.path, IndexErrorKind::Corrupt { part: format!("at byte {at}") })
                }));
            }
            at += len;
        }
        Ok(())
    }

    /// The damage that was met since opening, if any.
    #[must_use]
    pub fn damage(&self) -> Option<IndexError> {
        let (block, at) = self.data.damage()?;
        Some(IndexError::new(&self.path, IndexErrorKind::Corrupt { part: format!("block {block} at byte {at}") }))
    }

    /// Appends the recoverable upper bits (at least [`filter::KEY_BITS`]) of every key of the filter whose first byte is `first`, in no
    /// particular order.
    pub(super) fn keys_from(&self, first: u8, keys: &mut Vec<u64>) -> Result<(), Damaged> {
        let bits = u32::from(self.header.bucket_bits);
        let slot_bits = u32::from(self.header.slot_bits);
        let buckets = 1usize << (bits - 8);
        let from = usize::from(first) * buckets;
        let starts = self.part(Section::Buckets, from * 4, (buckets + 1) * 4)?.as_chunks::<4>().0;
        let start = |no: usize| u32::from_le_bytes(starts[no]) as usize;
        let (base, end) = (start(0), start(buckets));
        let entries =
            self.part(Section::Strong, base * 8, end.checked_sub(base).ok_or(Damaged)? * 8)?.as_chunks::<8>().0;
        for no in 0..buckets {
            // A start before the first wraps, and is beyond the entries then.
            let run = start(no).wrapping_sub(base)..start(no + 1).wrapping_sub(base);
            let bucket = ((from + no) as u64) << (64 - bits);
            for entry in entries.get(run).ok_or(Damaged)? {
                keys.push(bucket | u64::from_le_bytes(*entry) >> slot_bits << slot_bits >> bits);
            }
        }
        let names = self.part(Section::Names, 0, self.header.names as usize * NAME)?.as_chunks::<NAME>().0;
        let from = names.partition_point(|entry| entry[KEY_BYTE] < first);
        let to = names.partition_point(|entry| entry[KEY_BYTE] <= first);
        keys.extend(names[from..to].iter().map(|entry| name_entry(entry).0));
        Ok(())
    }

    /// Number of keys in its filter.
    pub(super) fn keys(&self) -> u64 {
        self.header.strong + self.header.names
    }

    #[inline]
    fn part(&self, section: Section, from: usize, len: usize) -> Result<&[u8], Damaged> {
        let place = self.header.place(section);
        if (from + len) as u64 > place.len {
            return Err(Damaged);
        }
        self.data.get(place.offset as usize + from, len)
    }
}

/// Bytes of an entry of the name directory.
const NAME: usize = format::NAME_ENTRY;
/// Where the uppermost byte of its key lies.
const KEY_BYTE: usize = 7;

/// Key and first slot of an entry of the name directory.
#[inline]
fn name_entry(entry: &[u8]) -> (u64, u32) {
    let (key, start) = entry.split_at(8);
    let key = key.first_chunk().map_or(0, |k| u64::from_le_bytes(*k));
    (key, start.first_chunk().map_or(0, |s| u32::from_le_bytes(*s)))
}

fn private_section(header: &Header, data: &Checked, sealer: &Sealer) -> Option<Private> {
    let place = header.place(Section::Private);
    let sealed = data.get(place.offset as usize, place.len as usize).ok()?;
    let private: Private = serde_json::from_slice(&sealer.open(refs::PRIVATE_BLOCK, sealed)?).ok()?;
    (private.headers.len() == header.kinds.len()).then_some(private)
}

impl std::fmt::Debug for SnapshotIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SnapshotIndex({} {}, {} records)", self.system(), self.snapshot(), self.records())
    }
}
