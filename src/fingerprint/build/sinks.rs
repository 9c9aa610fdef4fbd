//! Where sorted records go: the sections of the file that hold them, part after part.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::rows::NO_NAME;
use super::spill::{self, PARTS, Spill};
use super::tables::{self, Names, PartTable};
use crate::fingerprint::format;

/// Bytes of a strong fingerprint on its way: key and slot.
pub(super) const STRONG: usize = 12;

/// Adds the records of a part, or of a run of it.
pub(super) fn add_sorted(table: &mut PartTable, records: &[u8]) {
    let slot = |at: u32| {
        let at = at as usize * STRONG + 8;
        records[at..at + 4].first_chunk().map_or(0, |s| u32::from_le_bytes(*s))
    };
    for (fingerprint, at) in spill::order(records, STRONG) {
        table.add(fingerprint, slot(at));
    }
}

/// Where records in slot order go.
pub(super) struct RecordSink<'a> {
    file: &'a File,
    strong: Spill,
    /// Where the next rows, tags, record keys and names go.
    at: [u64; 4],
    slot: u32,
    /// One past the last record that has a name.
    named: u32,
    last: u64,
    names: u64,
    fingerprints: u64,
}

impl<'a> RecordSink<'a> {
    /// `at`: where rows, tags, record keys and names begin.
    pub(super) fn new(file: &'a File, strong: Spill, at: [u64; 4]) -> Self {
        Self { file, strong, at, slot: 0, named: 0, last: NO_NAME, names: 0, fingerprints: 0 }
    }

    /// Takes the records that follow, in order.
    pub(super) fn take(&mut self, made: &Names) -> io::Result<()> {
        let mut names = Vec::with_capacity(made.names.len() * format::NAME_ENTRY);
        for (key, slot) in &made.names {
            // A name may go on from the run before; records without name have no entry.
            if *key != self.last && *key != NO_NAME {
                names.extend_from_slice(&tables::name_entry(*key, self.slot + slot));
                self.last = *key;
                self.names += 1;
            }
        }
        for (at, bytes) in self.at.iter_mut().zip([&made.rows, &made.tags, &made.record_keys, &names]) {
            self.file.write_all_at(bytes, *at)?;
            *at += bytes.len() as u64;
        }
        let mut record = [0; STRONG];
        for (fingerprint, slot) in &made.strong {
            record[..8].copy_from_slice(&fingerprint.to_le_bytes());
            record[8..].copy_from_slice(&(self.slot + slot).to_le_bytes());
            self.strong.push(&record)?;
        }
        self.fingerprints += made.strong.len() as u64;
        self.slot += made.count;
        if !made.names.is_empty() {
            self.named = self.slot;
        }
        Ok(())
    }

    /// Closes the name directory with an entry that says where the records of the last name end.
    pub(super) fn finish(self) -> io::Result<(u64, Spill, u64)> {
        self.file.write_all_at(&tables::name_entry(NO_NAME, self.named), self.at[3])?;
        Ok((self.names, self.strong, self.fingerprints))
    }
}

/// Where the parts of the strong table go.
pub(super) struct TableSink<'a> {
    file: &'a File,
    /// Where the next filter blocks, buckets and entries go.
    at: [u64; 3],
    entries: u32,
}

impl<'a> TableSink<'a> {
    /// `at`: where filter blocks, buckets and entries begin.
    pub(super) fn new(file: &'a File, at: [u64; 3]) -> Self {
        Self { file, at, entries: 0 }
    }

    /// Writes the entries a part has so far.
    pub(super) fn entries(&mut self, table: &mut PartTable) -> io::Result<()> {
        self.file.write_all_at(&table.entries, self.at[2])?;
        self.at[2] += table.entries.len() as u64;
        table.entries.clear();
        Ok(())
    }

    pub(super) fn take(&mut self, mut table: PartTable) -> io::Result<()> {
        self.entries(&mut table)?;
        let mut starts = Vec::with_capacity(table.counts.len() * 4);
        for count in &table.counts {
            starts.extend_from_slice(&self.entries.to_le_bytes());
            self.entries += count;
        }
        self.file.write_all_at(&starts, self.at[1])?;
        self.at[1] += starts.len() as u64;
        let blocks = table.filter.as_flattened();
        self.file.write_all_at(blocks, self.at[0])?;
        self.at[0] += blocks.len() as u64;
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.file.write_all_at(&self.entries.to_le_bytes(), self.at[1])
    }
}

/// The name keys as they stand in the file, by their first byte.
pub(super) struct NameKeys<'a> {
    file: &'a File,
    offset: u64,
    starts: Vec<u64>,
}

impl<'a> NameKeys<'a> {
    pub(super) fn open(file: &'a File, offset: u64, names: u64) -> io::Result<Self> {
        let mut directory = Self { file, offset, starts: Vec::with_capacity(PARTS + 1) };
        for first in 0..=PARTS {
            let (mut low, mut high) = (0, names);
            while low < high {
                let middle = low + (high - low) / 2;
                let mut key = [0; 8];
                file.read_exact_at(&mut key, offset + middle * format::NAME_ENTRY as u64)?;
                if usize::from(key[7]) < first {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            directory.starts.push(low);
        }
        Ok(directory)
    }

    pub(super) fn each(&self, first: usize, mut each: impl FnMut(u64)) -> io::Result<()> {
        const ENTRY: usize = format::NAME_ENTRY;
        let (mut at, end) = (self.starts[first], self.starts[first + 1]);
        let mut bytes = Vec::new();
        while at < end {
            let count = (end - at).min(64 << 10);
            bytes.resize(count as usize * ENTRY, 0);
            self.file.read_exact_at(&mut bytes, self.offset + at * ENTRY as u64)?;
            for entry in bytes.as_chunks::<ENTRY>().0 {
                each(entry.first_chunk().map_or(0, |k| u64::from_le_bytes(*k)));
            }
            at += count;
        }
        Ok(())
    }
}
