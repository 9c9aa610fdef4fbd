//! The sections of an index, written as they become known, and the header that makes them an index.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rayon::prelude::*;

use super::error::BuildError;
use super::place::Place;
use super::rows::{ColumnFacts, Encoded, NO_NAME, Plan, has_shapes};
use super::sinks::{NameKeys, RecordSink, STRONG, TableSink, add_sorted};
use super::spill::{self, PARTS, Spill};
use super::tables::{Names, PartTable, Shape};
use super::{Build, BuildReport, ColumnReport, Progress, Stage};
use crate::fingerprint::filter;
use crate::fingerprint::format::{self, Header, SECTIONS, Section};
use crate::fingerprint::index::map;
use crate::fingerprint::key::Key;
use crate::fingerprint::normalise::DateOrder;
use crate::fingerprint::profile::Private;
use crate::fingerprint::refs::{PRIVATE_BLOCK, RefBlock, Sealer};

/// Bytes of records, and of fingerprints, that are held before they go to temporary files. With twice as many a hundred million records take
/// 911 MiB at most instead of 625, and no less time.
const BUDGET: usize = 32 << 20;

/// An index under construction.
pub(super) struct Writer<'a> {
    place: Place,
    plan: &'a Plan,
    key: &'a Key,
    salt: [u8; 16],
    places: [format::Place; SECTIONS],
    end: u64,
    named: Spill,
    nameless: Spill,
    refs: Refs,
    records: u64,
    ragged: u64,
    blank: u64,
    columns: Vec<ColumnFacts>,
    canaries: Vec<u32>,
    canary_refs: Vec<Vec<u8>>,
}

/// The refs that wait for their block to be full, and where the blocks before them end.
struct Refs {
    sealer: Sealer,
    block: RefBlock,
    packed: Vec<u8>,
    sealed: Vec<u8>,
    ends: Vec<u64>,
    no: u64,
    len: u64,
}

impl Refs {
    /// Bytes of sealed blocks that are written together.
    const FLUSH: usize = 1 << 20;

    fn push(&mut self, reference: &[u8]) {
        self.block.push(reference);
        if self.block.len() == format::REFS_PER_BLOCK as usize {
            self.seal();
        }
    }

    fn seal(&mut self) {
        self.block.pack(&mut self.packed);
        let sealed = self.sealer.seal(self.no, &self.packed);
        self.len += sealed.len() as u64;
        self.ends.push(self.len);
        self.sealed.extend_from_slice(&sealed);
        self.no += 1;
        self.block.clear();
    }
}

impl<'a> Writer<'a> {
    pub(super) fn create(target: &Path, key: &'a Key, plan: &'a Plan) -> Result<Self, BuildError> {
        let place = Place::create(target)?;
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|e| BuildError::target(target)(io::Error::other(e)))?;
        let spill = |budget| Spill::new(place.folder(), plan.width(), budget);
        let sealer = Sealer::new(key, format::REFS, &salt);
        Ok(Self {
            named: spill(BUDGET),
            nameless: spill(BUDGET / 4),
            place,
            plan,
            key,
            salt,
            places: [format::Place::default(); SECTIONS],
            end: format::HEADER as u64,
            refs: Refs {
                sealer,
                block: RefBlock::default(),
                packed: Vec::new(),
                sealed: Vec::new(),
                ends: vec![0],
                no: 0,
                len: 0,
            },
            records: 0,
            ragged: 0,
            blank: 0,
            columns: vec![ColumnFacts::default(); plan.columns.len()],
            canaries: Vec::new(),
            canary_refs: Vec::new(),
        })
    }

    /// Records so far.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Adds a stretch's records behind those before.
    pub(super) fn add(&mut self, mut encoded: Encoded) -> Result<(), BuildError> {
        if self.records + encoded.count as u64 > format::MAX_RECORDS {
            return Err(BuildError::TooManyRecords { most: format::MAX_RECORDS });
        }
        let base = self.records as u32;
        let failed = self.failed();
        for (i, record) in encoded.records.chunks_exact_mut(self.plan.width()).enumerate() {
            record[Plan::ROW_AT..Plan::ROW_AT + 4].copy_from_slice(&(base + i as u32).to_le_bytes());
            let is_named = record[..8] != NO_NAME.to_le_bytes();
            let spill = if is_named { &mut self.named } else { &mut self.nameless };
            spill.push(record).map_err(&failed)?;
        }
        let mut start = 0;
        for end in &encoded.ref_ends {
            self.refs.push(&encoded.refs[start..*end as usize]);
            start = *end as usize;
        }
        if self.refs.sealed.len() >= Refs::FLUSH {
            self.write_refs()?;
        }
        self.records += encoded.count as u64;
        self.ragged += encoded.ragged;
        self.blank += encoded.blank;
        self.columns.iter_mut().zip(&encoded.columns).for_each(|(all, more)| all.merge(more));
        for (row, reference) in &encoded.canaries {
            self.canaries.push(base + row);
            self.canary_refs.push(reference.clone());
        }
        Ok(())
    }

    fn failed(&self) -> impl Fn(io::Error) -> BuildError + use<> {
        BuildError::target(self.place.target())
    }

    fn write_refs(&mut self) -> Result<(), BuildError> {
        self.place.file().write_all_at(&self.refs.sealed, self.end).map_err(self.failed())?;
        self.end += self.refs.sealed.len() as u64;
        self.refs.sealed.clear();
        Ok(())
    }

    /// Reserves the place of a section whose length is known.
    fn reserve(&mut self, section: Section, len: u64) -> u64 {
        let offset = self.end.next_multiple_of(filter::BLOCK as u64);
        self.places[section as usize] = format::Place { offset, len };
        self.end = offset + len;
        offset
    }

    fn write_section(&mut self, section: Section, bytes: &[u8]) -> Result<(), BuildError> {
        let offset = self.reserve(section, bytes.len() as u64);
        self.place.file().write_all_at(bytes, offset).map_err(self.failed())
    }

    /// Sorts, writes the remaining sections, and puts the file in its place.
    pub(super) fn finish(
        mut self,
        build: &Build<'_>,
        headers: Vec<String>,
        bytes: u64,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<BuildReport, BuildError> {
        let records = self.records;
        let tell = |stage| progress(Progress { stage, bytes, records });
        tell(Stage::Sorting);
        self.finish_refs()?;
        let (names, strong, count) = self.write_records()?;
        let shape = Shape::of(self.records, count, names);
        self.write_tables(shape, count, names, strong)?;
        let private = self.private(build, headers.clone());
        let sealed = Sealer::new(self.key, format::PRIVATE, &self.salt)
            .seal(PRIVATE_BLOCK, &serde_json::to_vec(&private).map_err(|e| self.failed()(e.into()))?);
        self.write_section(Section::Private, &sealed)?;
        tell(Stage::Finishing);
        let checksums = self.write_checksums()?;
        let header = Header {
            file_len: self.end,
            key: self.key.id(),
            salt: self.salt,
            created: jiff::Timestamp::now().as_second(),
            snapshot: build.snapshot,
            system: build.watchlist.id.clone(),
            kinds: self.plan.columns.iter().map(|c| c.kind).collect(),
            records: self.records,
            ragged: self.ragged,
            blank: self.blank,
            names,
            strong: count,
            bucket_bits: shape.bucket_bits,
            slot_bits: shape.slot_bits,
            places: self.places,
            checksums,
        };
        self.place.file().write_all_at(&header.encode(self.key), 0).map_err(self.failed())?;
        let report = self.report(build, headers, bytes);
        self.place.finish()?;
        Ok(report)
    }

    fn finish_refs(&mut self) -> Result<(), BuildError> {
        if self.plan.ref_column.is_none() {
            self.reserve(Section::Refs, 0);
            self.reserve(Section::RefBlocks, 0);
            return Ok(());
        }
        if self.refs.block.len() > 0 {
            self.refs.seal();
        }
        self.write_refs()?;
        self.places[Section::Refs as usize] = format::Place { offset: format::HEADER as u64, len: self.refs.len };
        let ends: Vec<u8> = self.refs.ends.iter().flat_map(|end| end.to_le_bytes()).collect();
        self.write_section(Section::RefBlocks, &ends)
    }

    /// Writes what stands in slot order, and passes the fingerprints on. Gives the number of names, the fingerprints, and their number.
    fn write_records(&mut self) -> Result<(u64, Spill, u64), BuildError> {
        let failed = self.failed();
        let plan = self.plan;
        let rows = self.reserve(Section::Rows, self.records * 4);
        let tags = self.reserve(Section::Tags, self.records * plan.tags.stride as u64);
        let own = (plan.tags_at() - Plan::RECORD_KEY_AT) as u64;
        let keys = self.reserve(Section::RecordKeys, self.records * own);
        let names = self.end.next_multiple_of(filter::BLOCK as u64);
        let fingerprints = Spill::new(self.place.folder(), STRONG, BUDGET);
        let mut sink = RecordSink::new(self.place.file(), fingerprints, [rows, tags, keys, names]);
        let width = plan.width();
        let sorted = |records: &[u8]| Names::of(plan, records, &spill::order(records, width));
        let group = rayon::current_num_threads().max(1);
        for spill in [&mut self.named, &mut self.nameless] {
            for from in (0..PARTS).step_by(group) {
                let parts: Vec<usize> = (from..(from + group).min(PARTS)).collect();
                let made: Vec<io::Result<Option<Names>>> = parts
                    .par_iter()
                    .map(|no| spill.is_loadable(*no).then(|| spill.load(*no).map(|r| sorted(&r))).transpose())
                    .collect();
                for (no, made) in parts.into_iter().zip(made) {
                    match made.map_err(&failed)? {
                        Some(names) => sink.take(&names).map_err(&failed)?,
                        None => spill.runs(no, &mut |run| sink.take(&sorted(run))).map_err(&failed)?,
                    }
                    spill.drop_part(no);
                }
            }
        }
        let (names, strong, count) = sink.finish().map_err(&failed)?;
        self.reserve(Section::Names, (names + 1) * format::NAME_ENTRY as u64);
        Ok((names, strong, count))
    }

    /// Writes filter, buckets and strong table, part by part.
    fn write_tables(&mut self, shape: Shape, count: u64, names: u64, strong: Spill) -> Result<(), BuildError> {
        let failed = self.failed();
        let at = [
            self.reserve(Section::Filter, shape.filter_blocks * filter::BLOCK as u64),
            self.reserve(Section::Buckets, ((1 << shape.bucket_bits) + 1) * 4),
            self.reserve(Section::Strong, count * 8),
        ];
        let directory =
            NameKeys::open(self.place.file(), self.places[Section::Names as usize].offset, names).map_err(&failed)?;
        let mut sink = TableSink::new(self.place.file(), at);
        let group = rayon::current_num_threads().max(1);
        for from in (0..PARTS).step_by(group) {
            let parts: Vec<usize> = (from..(from + group).min(PARTS)).collect();
            let make = |no: &usize| -> io::Result<PartTable> {
                let mut table = PartTable::new(shape, *no);
                directory.each(*no, |key| table.mark(key))?;
                if strong.is_loadable(*no) {
                    let records = strong.load(*no)?;
                    add_sorted(&mut table, &records);
                }
                Ok(table)
            };
            let made: Vec<io::Result<PartTable>> = parts.par_iter().map(make).collect();
            for (no, made) in parts.into_iter().zip(made) {
                let mut table = made.map_err(&failed)?;
                if !strong.is_loadable(no) {
                    let each = &mut |run: &[u8]| {
                        add_sorted(&mut table, run);
                        sink.entries(&mut table)
                    };
                    strong.runs(no, each).map_err(&failed)?;
                }
                sink.take(table).map_err(&failed)?;
            }
        }
        sink.finish().map_err(&failed)
    }

    fn private(&mut self, build: &Build<'_>, headers: Vec<String>) -> Private {
        let columns = || self.plan.columns.iter().zip(&self.columns);
        Private {
            headers,
            countries: build.countries.codes().map(str::to_owned).collect(),
            filled: columns().map(|(_, facts)| facts.filled).collect(),
            layouts: columns().map(|(_, facts)| facts.layouts.to_vec()).collect(),
            shapes: columns().map(|(c, facts)| has_shapes(c.kind).then(|| facts.shapes.clone())).collect(),
            month_first: columns().map(|(c, _)| c.order == DateOrder::MonthFirst).collect(),
            canaries: self.canaries.clone(),
        }
    }

    /// Reads back what was written, block by block, and writes a checksum for each. Gives the checksums' own.
    fn write_checksums(&mut self) -> Result<[u8; 32], BuildError> {
        let end = self.end;
        let secret = self.key.derive_salted(format::BLOCK_CHECKS, &self.salt);
        let blocks = (end - format::HEADER as u64).div_ceil(format::BLOCK as u64);
        let file = self.place.file();
        let check = |block: u64| -> io::Result<[u8; format::CHECK]> {
            let from = format::HEADER as u64 + block * format::BLOCK as u64;
            let mut bytes = vec![0; (format::BLOCK as u64).min(end - from) as usize];
            file.read_exact_at(&mut bytes, from)?;
            Ok(map::checksum(&secret, block, &bytes))
        };
        let checks: io::Result<Vec<_>> = (0..blocks).into_par_iter().map(check).collect();
        let checks = checks.map_err(self.failed())?.concat();
        // Directly behind what it stands for: the last block ends where this begins.
        self.places[Section::Checksums as usize] = format::Place { offset: end, len: checks.len() as u64 };
        self.place.file().write_all_at(&checks, end).map_err(self.failed())?;
        self.end = end + checks.len() as u64;
        Ok(*blake3::hash(&checks).as_bytes())
    }

    fn report(&self, build: &Build<'_>, headers: Vec<String>, bytes: u64) -> BuildReport {
        let found = |canary: &&String| self.canary_refs.iter().any(|r| r == canary.trim().as_bytes());
        let columns = headers.into_iter().zip(self.plan.columns.iter().zip(&self.columns));
        BuildReport {
            path: self.place.target().to_owned(),
            file_len: self.end,
            records: self.records,
            ragged: self.ragged,
            blank: self.blank,
            bytes,
            columns: columns
                .map(|(header, (c, facts))| ColumnReport {
                    header,
                    kind: c.kind,
                    filled: facts.filled,
                    unread: facts.unread,
                })
                .collect(),
            canaries: self.canaries.len() as u64,
            canaries_missing: build.watchlist.canaries.iter().filter(|c| !found(c)).cloned().collect(),
        }
    }
}
