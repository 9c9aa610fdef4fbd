//! Documents within documents: containers are recognised by their content, opened as streams, and their members read
//! like documents of their own.
//!
//! Nothing is written to disk. A stream of text is read window by window; only formats that need their whole content
//! at hand (zip within gzip, workbooks, databases) are held, up to [`MAX_HELD`] bytes.

mod meter;
mod sevenz;
mod tar;
mod zip;

use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;

use super::detect::{Kind, detect};
use super::encoding;
use super::office::{self, Part};
use super::out::Out;
use super::text::plan;
use crate::model::SkipReason;
use meter::{Budget, Cut, Intake, Metered, Ratio};

/// Bytes of a stream that are read before it is decided how to go on. A member up to this size is read as a whole.
pub(crate) const WINDOW: usize = 4 << 20;

/// Bytes of a member that are held for formats that cannot be streamed.
const MAX_HELD: usize = 256 << 20;

/// Bytes of a member's name that are kept.
const MAX_NAME: usize = 512;

/// The reading of one document with all that is in it.
pub(crate) struct Reading<'s> {
    pub(crate) out: Out<'s>,
    budget: Rc<Budget>,
    members: u64,
    depth: u32,
}

impl<'s> Reading<'s> {
    pub(crate) fn new(out: Out<'s>) -> Self {
        let budget = Budget::new(out.limits);
        let members = out.limits.members;
        Self { out, budget, members, depth: 0 }
    }

    /// Reads the current member, whose bytes are all at hand.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if self.out.stopped() {
            return;
        }
        let kind = detect(bytes);
        if is_compressed(kind) {
            self.nested(|reading| reading.compressed(kind, bytes));
            return;
        }
        match kind {
            Kind::Zip if office::is_workbook(bytes) => self.workbook(bytes),
            Kind::Compound => self.workbook(bytes),
            Kind::Sqlite => office::read_sqlite(&mut self.out, bytes),
            Kind::Pdf => {
                let gave = office::read_pdf(&mut self.out, bytes, self.budget.left.get());
                self.budget.left.set(self.budget.left.get().saturating_sub(gave));
            }
            Kind::Text if office::is_dbase(bytes) => office::read_dbase(&mut self.out, bytes),
            Kind::Text if office::is_bson(bytes) => office::read_bson(&mut self.out, bytes),
            Kind::Text if office::is_mail(bytes) => self.nested(|reading| reading.mail(bytes)),
            Kind::Zip => self.nested(|reading| zip::read(reading, bytes)),
            Kind::SevenZip => self.nested(|reading| sevenz::read(reading, bytes)),
            Kind::Tar => self.nested(|reading| tar::read(reading, bytes, Ratio::of(bytes.len()))),
            Kind::Unsupported(name) => self.foreign(bytes, SkipReason::Unsupported, name),
            Kind::Encrypted(name) => self.out.skip(SkipReason::Encrypted, name),
            Kind::Binary(name) => self.foreign(bytes, SkipReason::Binary, name),
            _ => plan::read_bytes(&mut self.out, bytes),
        }
        self.out.end_member();
        self.decoded_parts();
    }

    /// Reads what was found encoded within the current member, as members of it.
    pub(crate) fn decoded_parts(&mut self) {
        for (name, bytes) in self.out.take_held() {
            let left = self.budget.left.get();
            if bytes.len() as u64 > left {
                return self
                    .out
                    .skip(SkipReason::TooLarge, format!("{} bytes once unpacked", self.out.limits.expanded_bytes));
            }
            self.budget.left.set(left - bytes.len() as u64);
            self.nested(|reading| {
                reading.member(&name, |reading| reading.bytes(&bytes));
            });
        }
    }

    /// Reads the current member from a stream that is metered already.
    pub(crate) fn stream(&mut self, stream: &mut dyn Read) {
        let mut head = Vec::new();
        fill(stream, &mut head, WINDOW);
        if head.len() < WINDOW {
            return self.bytes(&head);
        }
        let kind = detect(&head);
        let mut whole = Cursor::new(head).chain(stream);
        if is_compressed(kind) {
            self.nested(|reading| reading.compressed(kind, whole));
        } else if kind == Kind::Tar {
            self.nested(|reading| tar::read(reading, whole, Ratio::of(usize::MAX)));
        } else if kind == Kind::Text && !office::is_read_whole(whole.get_ref().0.get_ref()) {
            plan::read_stream(&mut self.out, &mut whole);
            self.out.end_member();
            self.decoded_parts();
        } else {
            let mut held = Vec::new();
            fill(&mut whole, &mut held, MAX_HELD);
            if held.len() == MAX_HELD {
                self.out.skip(
                    SkipReason::Memory,
                    format!("more than {MAX_HELD} bytes of a format that is read as a whole"),
                );
            } else {
                self.bytes(&held);
            }
        }
    }

    /// Opens what is one container deeper, unless that is too deep.
    fn nested(&mut self, open: impl FnOnce(&mut Self)) {
        if self.depth >= self.out.limits.depth {
            self.out.skip(SkipReason::ArchiveDepth, format!("{} containers within each other", self.out.limits.depth));
            return;
        }
        self.depth += 1;
        open(self);
        self.depth -= 1;
    }

    /// Reads a member of the container at hand under its own path. `false` if no more members are read.
    fn member(&mut self, name: &str, read: impl FnOnce(&mut Self)) -> bool {
        if self.members == 0 {
            self.out.skip(SkipReason::ArchiveMembers, format!("{} members", self.out.limits.members));
            return false;
        }
        self.members -= 1;
        let parent = std::mem::take(&mut self.out.member);
        let name: String = name.chars().take(MAX_NAME).collect();
        self.out.member = if parent.is_empty() { name } else { format!("{parent}/{name}") };
        read(self);
        self.out.end_member();
        self.out.member = parent;
        !self.out.stopped() && self.budget.left.get() > 0
    }

    /// Reads a stream that one of the compressors wrote.
    fn compressed(&mut self, kind: Kind, packed: impl Read) {
        let (intake, ratio) = Intake::new(packed);
        let mut packed = BufReader::with_capacity(64 << 10, intake);
        match kind {
            Kind::Gzip => self.metered(flate2::bufread::MultiGzDecoder::new(packed), ratio),
            Kind::Bzip2 => self.metered(bzip2::bufread::MultiBzDecoder::new(packed), ratio),
            Kind::Xz => self.metered(lzma_rust2::XzReader::new_mem_limit(packed, true, DICTIONARY_KB), ratio),
            Kind::Lzma => match lzma_rust2::LzmaReader::new_mem_limit(&mut packed, DICTIONARY_KB, None) {
                Ok(decoder) => self.metered(decoder, ratio),
                Err(_) => self.out.skip(SkipReason::Damaged, "lzma"),
            },
            Kind::Zstd => match zstd::stream::read::Decoder::with_buffer(packed) {
                // The window that may be asked for stays at the library's bound of 128 MiB.
                Ok(decoder) => self.metered(decoder, ratio),
                Err(_) => self.out.skip(SkipReason::Damaged, "zstd"),
            },
            _ => self.metered(lz4_flex::frame::FrameDecoder::new(packed), ratio),
        }
    }

    /// Reads a workbook; what cannot be opened as one is read as the archive or the noise that it is.
    fn workbook(&mut self, bytes: &[u8]) {
        match office::read_workbook(&mut self.out, bytes, self.budget.left.get()) {
            Some(gave) => self.budget.left.set(self.budget.left.get().saturating_sub(gave)),
            None if bytes.starts_with(b"PK") => self.nested(|reading| zip::read(reading, bytes)),
            None => self.foreign(bytes, SkipReason::Unsupported, "compound file"),
        }
    }

    /// Reads the messages of a mailbox with what is attached to them.
    fn mail(&mut self, bytes: &[u8]) {
        self.out.read(bytes.len());
        let mut attached = Vec::new();
        office::read_mail(&mut self.out, bytes, |out, part| {
            match part {
                Part::Text(text) => super::text::read(out, &text),
                Part::Attachment(name, bytes) => attached.push((name, bytes)),
            }
            attached.len() < 1_000
        });
        for (name, bytes) in attached {
            if !self.member(&name, |reading| reading.bytes(&bytes)) {
                break;
            }
        }
    }

    /// Reads a decoder's output as the current member.
    fn metered(&mut self, decoder: impl Read, ratio: Rc<Ratio>) {
        let (mut metered, cut) = Metered::new(decoder, &self.budget, ratio);
        self.stream(&mut metered);
        self.report(&cut);
    }

    /// Records why a stream ended, if it did so before its time.
    fn report(&mut self, cut: &Cut) {
        let Some(reason) = cut.get() else { return };
        let limits = self.out.limits;
        let detail = match reason {
            SkipReason::TooLarge => format!("{} bytes once unpacked", limits.expanded_bytes),
            SkipReason::CompressionRatio => format!("more than {} times its packed size", limits.ratio),
            SkipReason::Time => format!("{} s of reading", limits.seconds),
            _ => "the packed data breaks off or is wrong from some point on".to_owned(),
        };
        self.out.skip(reason, detail);
    }

    /// A format that is not read: named in the skips, and searched for addresses all the same.
    fn foreign(&mut self, bytes: &[u8], reason: SkipReason, name: &str) {
        self.out.skip(reason, name);
        if let Some(runs) = encoding::noise(bytes) {
            self.out.read(runs.len());
            self.out.text(&runs);
        }
    }
}

/// The largest dictionary an LZMA stream may ask for, in KiB.
const DICTIONARY_KB: u32 = 128 << 10;

fn is_compressed(kind: Kind) -> bool {
    matches!(kind, Kind::Gzip | Kind::Bzip2 | Kind::Xz | Kind::Lzma | Kind::Zstd | Kind::Lz4)
}

/// Reads until `buffer` holds `size` bytes or the stream ends.
pub(crate) fn fill(stream: &mut (impl Read + ?Sized), buffer: &mut Vec<u8>, size: usize) {
    let missing = size.saturating_sub(buffer.len()) as u64;
    let mut limited = stream.take(missing);
    // A metered stream gives no errors; any other that fails has ended.
    while let Err(error) = limited.read_to_end(buffer) {
        if error.kind() != io::ErrorKind::Interrupted {
            break;
        }
    }
}

#[cfg(test)]
mod tests;
