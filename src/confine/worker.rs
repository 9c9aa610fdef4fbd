//! The worker: confined, then one document after another until the pipe ends.

use std::cell::RefCell;
use std::io::{self, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::panic::{self, AssertUnwindSafe};

use super::outlet::Outlet;
use super::wire::{Hello, encode, request};
use super::{WorkerLimits, sandbox};
use crate::extract::{Input, extract};
use crate::model::{Skip, SkipReason};

/// Bytes asked for at a time: a small document comes in one piece.
const CHUNK: usize = 64 << 10;

/// A document's memory is kept for the next one up to this size, in bytes.
const KEEP: usize = 4 << 20;

thread_local! {
    /// Where the last panic happened.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Serves documents on standard input and output until there are no more.
///
/// # Errors
/// If the pipes fail, or one of them carries no requests; or if the worker has to be replaced.
pub fn serve(limits: WorkerLimits) -> io::Result<()> {
    let missing = sandbox::enter(limits);
    keep_panics_to_ourselves();
    let mut from = BufReader::with_capacity(CHUNK, Descriptor(io::stdin()));
    let mut to = Descriptor(io::stdout());
    let mut buffer = Vec::new();
    encode::hello(&mut buffer, &Hello { version: env!("CARGO_PKG_VERSION").into(), missing });
    to.write_all(&buffer)?;
    buffer.clear();
    let mut document = Vec::new();
    while let Some(request) = request::read(&mut from)? {
        document.clear();
        let all_here = document.try_reserve_exact(request.bytes as usize).is_ok();
        let mut outlet = Outlet::new(&mut to, &mut buffer, request.behind, &request.limits);
        if !all_here {
            outlet.refused(Skip::new("", SkipReason::Memory, "the document alone takes more than is allowed"));
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        (&mut from).take(request.bytes).read_to_end(&mut document)?;
        let input = Input { name: &request.name, bytes: &document };
        let read = panic::catch_unwind(AssertUnwindSafe(|| {
            #[cfg(debug_assertions)]
            if let Some(flow) = super::probe::act(input.bytes, &mut outlet) {
                return flow;
            }
            extract(input, &request.limits, &mut outlet)
        }));
        let Ok(flow) = read else {
            // Whatever the panic left half done, nobody shall read with it.
            outlet.panicked(&PLACE.take());
            return Err(io::Error::other("panicked"));
        };
        if !outlet.done(flow) {
            return Ok(());
        }
        if document.capacity() > KEEP {
            document = Vec::new();
        }
    }
    Ok(())
}

/// A panic's message may quote content: only the place is kept.
fn keep_panics_to_ourselves() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        PLACE.set(place);
    }));
}

/// A standard stream without the buffer and the lock that the standard library puts around it.
struct Descriptor<S>(S);

impl<S: AsFd> Read for Descriptor<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::read(&self.0, &mut *buffer))?)
    }
}

impl<S: AsFd> Write for Descriptor<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::write(&self.0, bytes))?)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::writev(&self.0, slices))?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
