//! The meter on every unpacked stream: what it may give, and why it ended.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;
use std::time::Instant;

use crate::extract::limits::Limits;
use crate::model::SkipReason;

/// What all streams of one document may still give together.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) left: Cell<u64>,
    deadline: Instant,
    ratio: u64,
    ratio_after: u64,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Rc<Self> {
        Rc::new(Self {
            left: Cell::new(limits.expanded_bytes),
            deadline: Instant::now() + limits.time(),
            ratio: limits.ratio.into(),
            ratio_after: limits.ratio_after,
        })
    }
}

/// Packed and unpacked bytes of one container: its members share them, so that members laid over each other gain
/// nothing.
#[derive(Debug, Default)]
pub(crate) struct Ratio {
    packed: Cell<u64>,
    unpacked: Cell<u64>,
}

impl Ratio {
    /// For a container whose size is known.
    pub(crate) fn of(packed: usize) -> Rc<Self> {
        Rc::new(Self { packed: Cell::new(packed as u64), unpacked: Cell::new(0) })
    }
}

/// Counts what a decoder takes in.
pub(crate) struct Intake<R> {
    inner: R,
    ratio: Rc<Ratio>,
}

impl<R> Intake<R> {
    pub(crate) fn new(inner: R) -> (Self, Rc<Ratio>) {
        let ratio = Rc::new(Ratio::default());
        (Self { inner, ratio: Rc::clone(&ratio) }, ratio)
    }
}

impl<R: Read> Read for Intake<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.ratio.packed.set(self.ratio.packed.get() + n as u64);
        Ok(n)
    }
}

/// Why a stream ended before its end.
pub(crate) type Cut = Rc<Cell<Option<SkipReason>>>;

/// A decoder's output. It ends, without an error, where a limit or the decoder says so; `cut` says why.
pub(crate) struct Metered<R> {
    inner: R,
    budget: Rc<Budget>,
    ratio: Rc<Ratio>,
    cut: Cut,
}

impl<R: Read> Metered<R> {
    pub(crate) fn new(inner: R, budget: &Rc<Budget>, ratio: Rc<Ratio>) -> (Self, Cut) {
        let cut = Cut::default();
        (Self { inner, budget: Rc::clone(budget), ratio, cut: Rc::clone(&cut) }, cut)
    }

    fn check(&self, n: usize) -> Result<usize, SkipReason> {
        let left = self.budget.left.get();
        if n > 0 && left == 0 {
            return Err(SkipReason::TooLarge);
        }
        let n = (n as u64).min(left);
        self.budget.left.set(left - n);
        let unpacked = self.ratio.unpacked.get() + n;
        self.ratio.unpacked.set(unpacked);
        if unpacked > self.budget.ratio_after && unpacked / self.budget.ratio > self.ratio.packed.get() {
            return Err(SkipReason::CompressionRatio);
        }
        if Instant::now() > self.budget.deadline {
            return Err(SkipReason::Time);
        }
        Ok(n as usize)
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cut.get().is_some() || buffer.is_empty() {
            return Ok(0);
        }
        let result = loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break Err(SkipReason::Damaged),
                Ok(n) => break self.check(n),
            }
        };
        match result {
            Ok(n) => Ok(n),
            Err(reason) => {
                self.cut.set(Some(reason));
                Ok(0)
            }
        }
    }
}
