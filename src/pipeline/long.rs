//! A long plain document, window by window: memory stays bounded whatever its size, and what is known of it is kept at
//! intervals, so that a reading that was killed goes on from there.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::checkpoint::{Checkpoints, Mark};
use super::document::Reading;
use super::judge::{Judging, Step};
use super::window::Window;
use crate::extract::lane::{CHUNK, Chunk, Cutter, Lane};
use crate::matching::Scan;
use crate::model::{ContentSink, Flow, Skip, SkipReason};

/// The longest time between two checkpoints, however large they have become.
const LONGEST: Duration = Duration::from_secs(50);

/// Chunks of a window: threads wait for each other at the end of each, which many threads make up for where there are many chunks.
pub(super) const WINDOW: usize = 32;
/// Chunks that one scan reads: enough rows to learn a table's columns from, few enough to keep all threads busy.
const PART: usize = 2;

/// Where a long document is read from.
pub(super) enum Rest<'a> {
    /// What can be read once.
    Once(Box<dyn Read + Send + 'a>),
    /// A file.
    File(File),
    /// Memory, and how far of it was read.
    Memory(io::Cursor<&'a [u8]>),
}

impl Rest<'_> {
    /// Goes to a place; `false` if that is not possible.
    fn goes_to(&mut self, place: u64) -> bool {
        match self {
            Self::Once(_) => false,
            Self::File(file) => file.seek(SeekFrom::Start(place)).is_ok(),
            Self::Memory(memory) => memory.seek(SeekFrom::Start(place)).is_ok(),
        }
    }
}

impl Read for Rest<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Once(from) => from.read(buffer),
            Self::File(from) => from.read(buffer),
            Self::Memory(from) => from.read(buffer),
        }
    }
}

/// A long document: its beginning, where the rest is read from, and how it is written.
pub(super) struct Long<'a> {
    /// What it is called among checkpoints.
    pub(super) id: &'a str,
    pub(super) head: Vec<u8>,
    pub(super) rest: Rest<'a>,
    pub(super) lane: Lane,
    /// Chunks read at once: [`WINDOW`].
    pub(super) window: usize,
}

impl Long<'_> {
    /// Reads all of it: while the chunks of a window are parsed, the next one is read and hashed.
    pub(super) fn read<'m>(mut self, judging: Judging<'m>) -> Reading<'m> {
        // A cut may need as much as a line and a chunk before it can be made.
        let most = (self.window * CHUNK).max(judging.limits.line + 2 * CHUNK);
        let mut state = self.begin(judging);
        let mut keeper =
            Keeper { id: self.id, judging, saved: Instant::now(), cost: Duration::ZERO, kept: state.resumed };
        let (mut here, mut next) = (Window::of(std::mem::take(&mut self.head)), Window::default());
        let mut ended = false;
        loop {
            let before = state.cutter.position();
            let window = here.bytes();
            let mut chunks = Vec::new();
            let at = |cutter: &Cutter| cutter.position() - before;
            while let Some(chunk) = state.cutter.next(&self.lane, &window[at(&state.cutter)..], ended) {
                chunks.push(chunk);
            }
            let at = at(&state.cutter);
            next.begin(&window[at..]);
            let (scan, hasher, rest) = (&state.scan, &mut state.hasher, &mut self.rest);
            let ((part, flow), read) = rayon::join(
                || {
                    parsed(&chunks, &self.lane, scan, |chunk, scan| {
                        let range = chunk.range.start - before..chunk.range.end - before;
                        self.lane.parse_bytes(&window[range], chunk, scan)
                    })
                },
                || if ended { Ok(0) } else { next.read(rest, most, hasher) },
            );
            state.scan.merge(part);
            (judging.follow)(Step::Read(at as u64));
            if let Err(error) = &read {
                let after = before + at + next.bytes().len();
                let detail = format!("reading failed after {after} bytes: {error}");
                ContentSink::skipped(&mut state.scan, Skip::new("", SkipReason::Unreadable, detail));
            }
            if flow == Flow::Stop {
                // Nothing more is looked for, but the hash names the whole.
                let _ = state.hasher.update_reader(&mut self.rest);
                return Reading { hash: state.hasher.finalize(), scan: state.scan };
            }
            if ended && next.bytes().is_empty() {
                keeper.end(&state);
                return Reading { hash: state.hasher.finalize(), scan: state.scan };
            }
            ended = !matches!(read, Ok(1..));
            std::mem::swap(&mut here, &mut next);
            keeper.consider(&state, read.is_ok());
        }
    }

    /// Where reading begins: at a checkpoint that fits what is there, or at the beginning.
    fn begin<'m>(&mut self, judging: Judging<'m>) -> State<'m> {
        let kept = judging.checkpoints.and_then(|checkpoints| checkpoints.load(self.id, judging.matcher));
        if let Some((mark, scan)) = kept
            && let Some(hasher) = self.goes_back_to(&mark)
        {
            let done = mark.cutter.position() as u64;
            (judging.follow)(Step::Resumed(done));
            (judging.follow)(Step::Read(done));
            return State { scan, cutter: mark.cutter, hasher, resumed: true };
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.head);
        State { scan: judging.matcher.scan(), cutter: Cutter::default(), hasher, resumed: false }
    }

    /// Goes to where a checkpoint was made, with what was read but not cut there for a head, if the bytes up to there are still the same.
    fn goes_back_to(&mut self, mark: &Mark) -> Option<blake3::Hasher> {
        if !self.rest.goes_to(0) {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        let same = hasher.update_reader(self.rest.by_ref().take(mark.read)).is_ok()
            && hasher.count() == mark.read
            && *hasher.finalize().as_bytes() == mark.prefix;
        match self.uncut(mark).filter(|_| same) {
            Some(uncut) => {
                self.head = uncut;
                Some(hasher)
            }
            None => {
                // What could be gone back in before can be gone back in again.
                let _ = self.rest.goes_to(self.head.len() as u64);
                None
            }
        }
    }

    /// What was read and not cut when a checkpoint was made.
    fn uncut(&mut self, mark: &Mark) -> Option<Vec<u8>> {
        let place = mark.cutter.position() as u64;
        let length = mark.read.checked_sub(place).filter(|_| self.rest.goes_to(place))?;
        let mut uncut = Vec::new();
        self.rest.by_ref().take(length).read_to_end(&mut uncut).ok()?;
        (uncut.len() as u64 == length).then_some(uncut)
    }
}

/// How far the reading is.
struct State<'m> {
    scan: Scan<'m>,
    cutter: Cutter,
    /// Of everything that was read.
    hasher: blake3::Hasher,
    resumed: bool,
}

/// Keeps checkpoints of one document.
struct Keeper<'a, 'm> {
    id: &'a str,
    judging: Judging<'m>,
    saved: Instant,
    cost: Duration,
    kept: bool,
}

impl Keeper<'_, '_> {
    /// Keeps what is known, if anything is and it is time.
    fn consider(&mut self, state: &State<'_>, sound: bool) {
        let Some(checkpoints) = self.judging.checkpoints.filter(|_| state.cutter.position() > 0) else { return };
        // Large states take their time: keeping them must not take a tenth of it all.
        let due = checkpoints.every.max(self.cost * 10).min(LONGEST.max(checkpoints.every));
        if sound && self.saved.elapsed() >= due {
            self.keep(checkpoints, state);
        }
    }

    /// A document that took long enough to be kept is kept to its end: whoever comes again for others finds it done.
    fn end(&mut self, state: &State<'_>) {
        if let Some(checkpoints) = self.judging.checkpoints.filter(|_| self.kept) {
            self.keep(checkpoints, state);
        }
    }

    fn keep(&mut self, checkpoints: &Checkpoints, state: &State<'_>) {
        if state.scan.met_damage() {
            return;
        }
        let begun = Instant::now();
        let mark = Mark {
            identity: self.judging.matcher.identity(),
            cutter: state.cutter.clone(),
            read: state.hasher.count(),
            prefix: *state.hasher.finalize().as_bytes(),
        };
        match checkpoints.save(self.id, &mark, &state.scan) {
            Ok(()) => self.kept = true,
            Err(error) => (self.judging.follow)(Step::NotKept(&error)),
        }
        self.saved = Instant::now();
        self.cost = self.saved - begun;
    }
}

/// Chunks on all threads; the parts know their places. Also whether more is wanted: once a part asks to stop, no further
/// chunk is begun, and what the others found is kept.
///
/// Which chunks one scan reads is settled, and scans are added in the order of the document: what is learnt of a table's columns on the
/// way decides what is found, and that must not be up to the threads, nor to how many there are.
pub(super) fn parsed<'m>(
    chunks: &[Chunk],
    lane: &Lane,
    whole: &Scan<'m>,
    parse: impl Fn(&Chunk, &mut Scan<'m>) -> Flow + Sync,
) -> (Scan<'m>, Flow) {
    let stopped = AtomicBool::new(false);
    // Every part must know the table that all chunks share: its columns mean one thing throughout.
    let fresh = || {
        let mut scan = whole.part();
        lane.begin(&mut scan);
        scan
    };
    let read = |chunks: &[Chunk]| {
        let mut scan = fresh();
        for chunk in chunks {
            if !stopped.load(Ordering::Relaxed) && parse(chunk, &mut scan) == Flow::Stop {
                stopped.store(true, Ordering::Relaxed);
            }
            scan.end_part();
        }
        scan
    };
    let mut all = fresh();
    for window in chunks.chunks(WINDOW) {
        let parts: Vec<Scan<'m>> = window.par_chunks(PART).map(read).collect();
        parts.into_iter().for_each(|part| all.merge(part));
    }
    (all, if stopped.into_inner() { Flow::Stop } else { Flow::Go })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::confine::Reader;
    use crate::extract::Limits;
    use crate::extract::lane::SAMPLE;
    use crate::fingerprint::Key;
    use crate::matching::tests::{COLUMNS, matcher, person};

    /// Chunks of a window.
    const FEW: usize = 4;

    /// A dump of three windows, in memory as the service has it.
    fn dump() -> Vec<u8> {
        let mut dump = COLUMNS.map(|(header, _)| header).join(",") + "\n";
        let strangers: String = (1_000_000..1_004_000).map(|no| person(no).join(",") + "\n").collect();
        let mut no = 0;
        while dump.len() < 3 * FEW * CHUNK {
            dump += &(person(no % 100).join(",") + "\n");
            dump += &strangers;
            no += 1;
        }
        dump.into_bytes()
    }

    #[test]
    fn what_is_found_is_not_up_to_the_threads() {
        let lists = tempfile::tempdir().unwrap();
        let matcher = matcher(lists.path(), 0..2_000);
        let (limits, reader) = (Limits::default(), Reader::Here);
        // Enough of ours to learn the columns from, in every chunk; their other values are mixed up, and agree by chance.
        let mut dump = COLUMNS.map(|(header, _)| header).join(",") + "\n";
        for no in 0..60_000 {
            let (mut row, other) =
                (person(if no % 20 == 0 { no / 20 % 2_000 } else { 1_000_000 + no }), person(no % 1_999));
            row[5..].clone_from_slice(&other[5..]);
            dump += &(row.join(",") + "\n");
        }
        let lane = Lane::open(&dump.as_bytes()[..SAMPLE], &limits).unwrap();
        let judging = Judging::new(&matcher, &limits, &reader);
        let read = |threads| {
            let rest = Rest::Memory(io::Cursor::new(dump.as_bytes()));
            let long = Long { id: "post/dump", head: Vec::new(), rest, lane: lane.clone(), window: FEW };
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let read = pool.install(|| long.read(judging));
            format!("{:?}", matcher.finish(read.scan, true).unwrap())
        };
        // Not `assert_eq`: what differs would fill pages.
        assert!(read(1) == read(3), "what one thread finds is not what three find");
    }

    #[test]
    fn a_document_in_memory_goes_on_where_its_reading_broke_off() {
        let (lists, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let matcher = matcher(lists.path(), 0..100);
        let (limits, reader, bytes) = (Limits { line: CHUNK, ..Limits::default() }, Reader::Here, dump());
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let lane = Lane::open(&bytes[..SAMPLE], &limits).unwrap();
        let checkpoints = Checkpoints::open(kept.path(), &Key::from_bytes([3; 32]), Duration::ZERO).unwrap();
        let read = |judging: Judging<'_>| {
            let rest = Rest::Memory(io::Cursor::new(&bytes));
            let long = Long { id: "post/dump", head: Vec::new(), rest, lane: lane.clone(), window: FEW };
            let read = one.install(|| long.read(judging));
            (read.hash, format!("{:?}", matcher.finish(read.scan, true).unwrap()))
        };
        let plain = Judging::new(&matcher, &limits, &reader);
        let whole = read(plain);
        assert_eq!(whole.0, blake3::hash(&bytes));
        // Broken off as by a power cut, in the middle of its second window with rows. The first is kept however slow the disk: none was kept
        // before it, whose time it would have to wait for.
        let windows = AtomicU64::new(0);
        let cut = |step: Step<'_>| {
            if matches!(step, Step::Read(1..)) && windows.fetch_add(1, Ordering::Relaxed) == 1 {
                panic!("cut");
            }
        };
        let breaking = Judging { follow: &cut, checkpoints: Some(&checkpoints), ..plain };
        assert!(catch_unwind(AssertUnwindSafe(|| read(breaking))).is_err());
        let (resumed, told) = (AtomicU64::new(0), AtomicU64::new(0));
        let follow = |step: Step<'_>| match step {
            Step::Resumed(at) => resumed.store(at, Ordering::Relaxed),
            Step::Read(bytes) => drop(told.fetch_add(bytes, Ordering::Relaxed)),
            Step::NotKept(error) => panic!("{error}"),
        };
        let again = read(Judging { follow: &follow, checkpoints: Some(&checkpoints), ..plain });
        assert!(resumed.load(Ordering::Relaxed) > 0);
        assert_eq!(told.load(Ordering::Relaxed), bytes.len() as u64, "every byte is told once");
        assert!(again == whole, "an interruption changes nothing");
        // Done with, it is known to the end: nothing is parsed again.
        resumed.store(0, Ordering::Relaxed);
        let done = read(Judging { follow: &follow, checkpoints: Some(&checkpoints), ..plain });
        assert!(done == whole && resumed.load(Ordering::Relaxed) == bytes.len() as u64);
    }
}
