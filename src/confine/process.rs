//! One worker process as the program holds it: start, hand over documents, pass on what comes back, bury.

use std::ffi::OsString;
use std::io::{self, IoSlice, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal};

use super::settings::{Settings, WorkerLimits};
use super::wire::decode::{DecodeError, Decoder, Frame};
use super::wire::request;
use super::{ConfineError, sandbox};
use crate::extract::{Input, Limits};
use crate::model::{Batch, ContentSink, Flow, Skip, SkipReason};

/// What the pipes shall hold: two batches. The kernel's default is 64 KiB, of which each takes a switch.
const PIPE: usize = 1 << 20;

/// How long a worker may take to come up.
const START: Duration = Duration::from_secs(30);

/// How long the end of a worker may take once its pipe has closed: its memory is given back first.
const DYING: Duration = Duration::from_secs(2);

/// Processor seconds of a worker's life: it is replaced before they run out, and an orphan ends with them.
const CPU: u64 = 900;

/// Documents from this size on are granted memory of their own.
const LARGE: usize = 4 << 20;

/// A document from this size on is the last of its worker: its memory goes back to the system.
const HUGE: usize = 16 << 20;

/// The most that is read of a dead worker's last words.
const LAST_WORDS: usize = 4 << 10;

/// One worker.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    limits: WorkerLimits,
    to: PipeWriter,
    from: Decoder<Timed>,
    complaints: PipeReader,
    batch: Batch,
    /// Bytes that it can be handed before it reads any of them.
    room: usize,
    /// Documents handed over and not read to the end.
    waiting: usize,
    /// Documents read to the end.
    served: u32,
    /// Time in which it may have used the processor.
    busy: Duration,
    retired: bool,
}

/// How a document ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Read to the end.
    Done(Flow),
    /// The sink wanted no more; the worker is in the middle of the document.
    Stopped,
    /// The worker is dead or not to be trusted any more.
    Died {
        /// What is to be reported of the document.
        skip: Skip,
        /// Whether it may be innocent: nothing of it was delivered, and the worker had read others before or had more of
        /// them to read.
        innocent: bool,
    },
}

/// What a worker is told to be: program, arguments and limits.
fn command(settings: &Settings, limits: WorkerLimits) -> Command {
    // The link leads to the file we run from even when an upgrade has put another in its place.
    let own = || PathBuf::from("/proc/self/exe");
    let mut command = Command::new(settings.program.clone().unwrap_or_else(own));
    let option = |name: &str, value: u64| OsString::from(format!("--{name}={value}"));
    command
        .arg0("vigie-extract")
        .args(&settings.args)
        .arg(option("memory", limits.memory))
        .arg(option("document", limits.document))
        .arg(option("cpu", limits.cpu))
        .env_clear()
        .current_dir("/");
    command
}

impl Worker {
    /// Starts a worker that may take documents under `limits`; returns it with what of its confinement is missing.
    pub(super) fn start(settings: &Settings, limits: &Limits) -> Result<(Self, Vec<String>), ConfineError> {
        let needed = limits.seconds.saturating_add(settings.grace.as_secs()).saturating_add(60);
        let granted = WorkerLimits { memory: settings.memory, document: settings.document, cpu: needed.max(CPU) };
        let mut worker = Self::spawn(settings, granted).map_err(ConfineError::Start)?;
        worker.from.source.left = START;
        match worker.from.next(&mut worker.batch) {
            Ok(Frame::Hello(hello)) if hello.version == env!("CARGO_PKG_VERSION") => Ok((worker, hello.missing)),
            Ok(_) => Err(ConfineError::Hello("it is another version".into())),
            Err(error) => Err(ConfineError::Hello(error.to_string())),
        }
    }

    fn spawn(settings: &Settings, limits: WorkerLimits) -> io::Result<Self> {
        let ((theirs_in, to), (from, theirs_out), (complaints, theirs_err)) = (io::pipe()?, io::pipe()?, io::pipe()?);
        for ours in [to.as_fd(), from.as_fd(), complaints.as_fd()] {
            rustix::io::ioctl_fionbio(ours, true)?;
        }
        for pipe in [to.as_fd(), from.as_fd()] {
            // Refused beyond the quota for pipes: then it is slower.
            let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE);
        }
        // Half of it, since the pages of a pipe are rarely full.
        let room = rustix::pipe::fcntl_getpipe_size(&to).unwrap_or(0) / 2;
        // The command holds the worker's ends of the pipes and must go, or we would never see them close.
        let child =
            command(settings, limits).stdin(theirs_in).stdout(theirs_out).stderr(Stdio::from(theirs_err)).spawn()?;
        Ok(Self {
            child,
            limits,
            to,
            from: Decoder::new(Timed { pipe: from, left: START }),
            complaints,
            batch: Batch::new(0, crate::model::Layout::Rows),
            room,
            waiting: 0,
            served: 0,
            busy: Duration::ZERO,
            retired: false,
        })
    }

    /// Whether it may take another `documents`, under `limits`.
    pub(super) fn lasts(&self, documents: usize, settings: &Settings, limits: &Limits) -> bool {
        let each = Duration::from_secs(limits.seconds).saturating_add(settings.grace);
        let ahead = each.saturating_mul(documents as u32);
        let enough = self.busy.saturating_add(ahead) < Duration::from_secs(self.limits.cpu);
        !self.retired && self.served < settings.documents && (enough || self.served == 0)
    }

    /// Whether it has had its last document, whatever comes next.
    pub(super) fn is_retired(&self) -> bool {
        self.retired
    }

    /// Bytes that it can be handed before it reads any of them. More is for a document alone: the worker might wait until
    /// its answers are read, and we until it reads.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Hands over `more` documents, and has the first that it was handed and has not read yet read into `sink`.
    pub(super) fn extract(
        &mut self,
        more: &[Input<'_>],
        limits: &Limits,
        grace: Duration,
        sink: &mut dyn ContentSink,
    ) -> Outcome {
        let begun = Instant::now();
        // Counts the waiting for the worker only: a slow sink is no fault of the document.
        self.from.source.left = Duration::from_secs(limits.seconds).saturating_add(grace);
        let mut delivered = false;
        let ended = self.hand_over(more, limits).and_then(|()| {
            self.from.begin(limits);
            self.pass_on(sink, &mut delivered)
        });
        self.busy += begun.elapsed();
        match ended {
            Ok(Passed::Done(flow)) => {
                self.served += 1;
                self.waiting -= 1;
                Outcome::Done(flow)
            }
            Ok(Passed::Stopped) => Outcome::Stopped,
            Ok(Passed::Panicked(place)) => {
                let skip = Skip::new("", SkipReason::Quarantined, format!("the reader panicked at {place}"));
                Outcome::Died { skip, innocent: self.served > 0 && !delivered }
            }
            Err(error) => {
                let skip = self.bury(&error);
                // An answer of which nothing has come may have waited for the next one, on which the worker died.
                let others = self.waiting > 1 || self.served > 0 && skip.reason != SkipReason::Time;
                Outcome::Died { skip, innocent: others && !delivered }
            }
        }
    }

    fn hand_over(&mut self, documents: &[Input<'_>], limits: &Limits) -> Result<(), DecodeError> {
        if documents.is_empty() {
            return Ok(());
        }
        self.from.listen()?;
        self.waiting += documents.len();
        let largest = documents.iter().map(|document| document.bytes.len()).max().unwrap_or(0);
        self.retired |= largest >= HUGE;
        if largest >= LARGE {
            // Where limits cannot be raised they could not be set either, and the worker has said so.
            let _ = sandbox::grant(Pid::from_child(&self.child), self.limits, largest as u64);
        }
        let (mut heads, mut ends) = (zeroize::Zeroizing::new(Vec::new()), Vec::with_capacity(documents.len()));
        for (no, document) in documents.iter().enumerate() {
            request::head(&mut heads, *document, documents.len() - 1 - no, limits);
            ends.push(heads.len());
        }
        let begins = std::iter::once(0).chain(ends.iter().copied());
        let heads = begins.zip(&ends).map(|(begin, end)| &heads[begin..*end]);
        let mut slices: Vec<IoSlice<'_>> =
            heads.zip(documents).flat_map(|(head, document)| [head, document.bytes]).map(IoSlice::new).collect();
        let mut slices = slices.as_mut_slice();
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match rustix::io::writev(&self.to, slices) {
                Ok(count) => IoSlice::advance_slices(&mut slices, count),
                Err(rustix::io::Errno::AGAIN) => wait(&self.to, PollFlags::OUT, &mut self.from.source.left)?,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        Ok(())
    }

    fn pass_on(&mut self, sink: &mut dyn ContentSink, delivered: &mut bool) -> Result<Passed, DecodeError> {
        loop {
            match self.from.next(&mut self.batch)? {
                Frame::Table(table) => sink.table(table),
                Frame::Batch => {
                    *delivered = true;
                    if sink.batch(&mut self.batch) == Flow::Stop {
                        return Ok(Passed::Stopped);
                    }
                }
                Frame::Skip(skip) => sink.skipped(skip),
                Frame::Read(bytes) => sink.read(bytes),
                Frame::Done(flow) => return Ok(Passed::Done(flow)),
                Frame::Panicked(place) => return Ok(Passed::Panicked(place)),
                Frame::Hello(_) => return Err(DecodeError::Invalid("said hello twice")),
            }
            *delivered = true;
        }
    }

    /// Kills what is left of the worker and says what became of it.
    fn bury(&mut self, error: &DecodeError) -> Skip {
        let late = matches!(error, DecodeError::Io(error) if error.kind() == io::ErrorKind::TimedOut);
        let dying = !late && !matches!(error, DecodeError::Invalid(_));
        let dead = dying && self.dies();
        // Nothing is changed by killing what is dead.
        let _ = self.child.kill();
        let status = self.child.wait();
        let (reason, detail) = match (error, status) {
            _ if late => (SkipReason::Time, "the reader did not end and was killed".into()),
            (DecodeError::Invalid(what), _) => {
                (SkipReason::Quarantined, format!("the reader broke the protocol: {what}"))
            }
            _ if !dead => (SkipReason::Quarantined, "the reader closed its pipe and was killed".into()),
            (_, Ok(status)) => cause(status, &self.last_words()),
            (_, Err(error)) => (SkipReason::Quarantined, format!("the reader is gone: {error}")),
        };
        Skip::new("", reason, detail)
    }

    /// Whether the worker, whose pipe has closed, ends by itself. One that lives on without it is up to something.
    fn dies(&self) -> bool {
        let pidfd = rustix::process::pidfd_open(Pid::from_child(&self.child), rustix::process::PidfdFlags::empty());
        pidfd.is_ok_and(|pidfd| wait(&pidfd, PollFlags::IN, &mut { DYING }).is_ok())
    }

    /// What the run-time of the worker said before it died. It may quote content, and goes no further than [`cause`].
    fn last_words(&mut self) -> Vec<u8> {
        let mut words = vec![0; LAST_WORDS];
        let count = self.complaints.read(&mut words).unwrap_or(0);
        words.truncate(count);
        words
    }
}

/// What killed a worker.
fn cause(status: ExitStatus, last_words: &[u8]) -> (SkipReason, String) {
    if memchr::memmem::find(last_words, b"memory allocation of").is_some() {
        return (SkipReason::Memory, "the reader needed more memory than is allowed".into());
    }
    match status.signal() {
        Some(signal) if signal == Signal::SYS.as_raw() => {
            (SkipReason::Quarantined, "the reader was killed for a forbidden system call".into())
        }
        Some(signal) if signal == Signal::XCPU.as_raw() => {
            (SkipReason::Time, "the reader used up its processor time".into())
        }
        Some(signal) if signal == Signal::KILL.as_raw() => {
            (SkipReason::Quarantined, "the reader was killed from outside".into())
        }
        Some(signal) => (SkipReason::Quarantined, format!("the reader died of signal {signal}")),
        None => (SkipReason::Quarantined, format!("the reader left with {}", status.code().unwrap_or_default())),
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both are done in vain where it is dead and waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How far a document was passed on.
enum Passed {
    Done(Flow),
    Stopped,
    Panicked(String),
}

/// A pipe that is waited for only so long in all.
#[derive(Debug)]
struct Timed {
    pipe: PipeReader,
    left: Duration,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.pipe.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait(&self.pipe, PollFlags::IN, &mut self.left)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

/// Waits until something can be done on `pipe`, for at most what is left.
fn wait(pipe: &impl AsFd, what: PollFlags, left: &mut Duration) -> io::Result<()> {
    let begun = Instant::now();
    let timeout = (*left).try_into().ok();
    let polled = poll(&mut [PollFd::new(pipe, what)], timeout.as_ref());
    *left = left.saturating_sub(begun.elapsed());
    match polled {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
