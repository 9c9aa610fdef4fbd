//! Reading a body within bounds: bytes, rate, silence, memory.
//!
//! Transport encodings (gzip, deflate) are undone here, chunk by chunk into a buffer that cannot grow past the cap,
//! so that a small answer cannot become a large one unseen. What is over the cap is cut and said to be cut.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::error::NetError;

/// Memory is counted in units of this many bytes.
const UNIT: usize = 64 * 1024;
/// How many units are asked for at a time once a body outgrows its first.
const STEP: u32 = 16;
/// How long a download waits for memory before it gives back what it holds. Downloads that wait for each other would
/// otherwise wait for ever.
const MEMORY_WAIT: Duration = Duration::from_secs(30);

/// The memory set aside for bodies, shared by all downloads.
#[derive(Clone)]
pub(super) struct Memory(Arc<Semaphore>);

impl Memory {
    pub(super) fn new(mib: usize) -> Self {
        Self(Arc::new(Semaphore::new(mib * (1024 * 1024 / UNIT))))
    }
}

/// A share of the memory set aside for bodies. Keep it as long as the bytes it stands for.
#[derive(Debug, Default)]
pub struct Held(Option<OwnedSemaphorePermit>);

impl Held {
    /// Makes room for `len` bytes.
    async fn cover(&mut self, len: usize, memory: &Memory, host: &str) -> Result<(), NetError> {
        let have = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let need = len.div_ceil(UNIT).max(1);
        if need <= have {
            return Ok(());
        }
        let missing = u32::try_from(need - have).unwrap_or(u32::MAX);
        let ask = if have == 0 { missing } else { missing.max(STEP) };
        let busy = || NetError::Busy { host: host.to_owned() };
        let permit = tokio::time::timeout(MEMORY_WAIT, Arc::clone(&memory.0).acquire_many_owned(ask)).await;
        let permit = permit.map_err(|_| busy())?.map_err(|_| busy())?;
        match &mut self.0 {
            Some(held) => held.merge(permit),
            None => self.0 = Some(permit),
        }
        Ok(())
    }
}

/// What a body may cost.
pub(super) struct Bounds {
    pub max_bytes: usize,
    pub idle: Duration,
    pub min_rate: u64,
}

/// A body as read.
pub(super) struct Body {
    pub bytes: Vec<u8>,
    /// There was more than `max_bytes`.
    pub truncated: bool,
    pub held: Held,
}

/// Reads the rest of `response`.
pub(super) async fn read(
    mut response: reqwest::Response,
    host: &str,
    bounds: &Bounds,
    memory: &Memory,
) -> Result<Body, NetError> {
    let mut sink = Sink::new(response.headers(), bounds.max_bytes, host)?;
    let mut held = Held::default();
    held.cover(1, memory, host).await?;
    let mut rate = Rate::new(bounds);
    let mut wire = 0_usize;
    loop {
        let silence = Instant::now() + bounds.idle;
        let next = timeout_at(silence, response.chunk()).await;
        let next = next.map_err(|_| NetError::Timeout { host: host.to_owned(), phase: "silence within the body" })?;
        let Some(chunk) = next.map_err(|e| super::client::broken(&e, host))? else { break };
        wire += chunk.len();
        rate.note(chunk.len(), host)?;
        held.cover(sink.len() + chunk.len(), memory, host).await?;
        // The wire is capped too: an encoding may swallow any amount and give nothing.
        if !sink.push(&chunk, host)? || wire > bounds.max_bytes {
            return Ok(Body { bytes: sink.into_bytes(), truncated: true, held });
        }
        held.cover(sink.len(), memory, host).await?;
    }
    let (bytes, truncated) = sink.finish(host)?;
    held.cover(bytes.len(), memory, host).await?;
    Ok(Body { bytes, truncated, held })
}

/// Watches the floor: in every window of the idle timeout, so that a fast beginning does not pay for a slow end.
struct Rate {
    floor: u64,
    window: Duration,
    since: Instant,
    bytes: u64,
}

impl Rate {
    fn new(bounds: &Bounds) -> Self {
        Self { floor: bounds.min_rate, window: bounds.idle, since: Instant::now(), bytes: 0 }
    }

    fn note(&mut self, bytes: usize, host: &str) -> Result<(), NetError> {
        self.bytes += bytes as u64;
        let elapsed = self.since.elapsed();
        if elapsed < self.window {
            return Ok(());
        }
        if (self.bytes as f64) < self.floor as f64 * elapsed.as_secs_f64() {
            return Err(NetError::TooSlow { host: host.to_owned(), floor: self.floor });
        }
        (self.since, self.bytes) = (Instant::now(), 0);
        Ok(())
    }
}

/// A buffer that takes no more than its cap.
struct Capped {
    bytes: Vec<u8>,
    max: usize,
    full: bool,
}

impl Write for Capped {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        let room = self.max - self.bytes.len();
        let taken = data.len().min(room);
        self.bytes.extend_from_slice(&data[..taken]);
        if taken < data.len() {
            self.full = true;
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Undoes the transport encoding into a capped buffer.
enum Sink {
    Plain(Capped),
    Gzip(MultiGzDecoder<Capped>),
    /// `deflate` is zlib by the standard and raw by habit: the first byte decides.
    Deflate(Option<Capped>),
    Zlib(ZlibDecoder<Capped>),
    Raw(DeflateDecoder<Capped>),
}

impl Sink {
    fn new(headers: &reqwest::header::HeaderMap, max: usize, host: &str) -> Result<Self, NetError> {
        let capped = Capped { bytes: Vec::new(), max, full: false };
        let encoding = headers.get(reqwest::header::CONTENT_ENCODING).map(|v| v.to_str().unwrap_or("?").trim());
        match encoding.map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "identity") => Ok(Self::Plain(capped)),
            Some("gzip" | "x-gzip") => Ok(Self::Gzip(MultiGzDecoder::new(capped))),
            Some("deflate") => Ok(Self::Deflate(Some(capped))),
            Some(_) => Err(NetError::Encoding { host: host.to_owned(), why: "not asked for" }),
        }
    }

    fn capped(&self) -> &Capped {
        match self {
            Self::Plain(c) => c,
            Self::Gzip(d) => d.get_ref(),
            Self::Zlib(d) => d.get_ref(),
            Self::Raw(d) => d.get_ref(),
            Self::Deflate(c) => c.as_ref().expect("present until the first chunk replaces the variant"),
        }
    }

    fn len(&self) -> usize {
        self.capped().bytes.len()
    }

    /// Takes a chunk; `false` when the cap is reached and there is more.
    fn push(&mut self, chunk: &[u8], host: &str) -> Result<bool, NetError> {
        if let (Self::Deflate(capped), Some(first)) = (&mut *self, chunk.first()) {
            let capped = capped.take().expect("present until the first chunk replaces the variant");
            // RFC 1950: the low half of the first byte of zlib is 8; a raw block that begins so is a stored one, rare.
            let zlib = first & 0x0f == 8;
            *self = if zlib { Self::Zlib(ZlibDecoder::new(capped)) } else { Self::Raw(DeflateDecoder::new(capped)) };
        }
        let written = match self {
            Self::Plain(c) => c.write_all(chunk),
            Self::Gzip(d) => d.write_all(chunk),
            Self::Zlib(d) => d.write_all(chunk),
            Self::Raw(d) => d.write_all(chunk),
            Self::Deflate(_) => Ok(()),
        };
        match written {
            Ok(()) => Ok(true),
            Err(_) if self.capped().full => Ok(false),
            Err(_) => Err(NetError::Encoding { host: host.to_owned(), why: "damaged" }),
        }
    }

    /// What was read when the wire has no more, and whether it was cut at the cap.
    fn finish(mut self, host: &str) -> Result<(Vec<u8>, bool), NetError> {
        let ended = match &mut self {
            Self::Gzip(d) => d.try_finish(),
            Self::Zlib(d) => d.try_finish(),
            Self::Raw(d) => d.try_finish(),
            Self::Plain(_) | Self::Deflate(_) => Ok(()),
        };
        let full = self.capped().full;
        if ended.is_err() && !full {
            return Err(NetError::Encoding { host: host.to_owned(), why: "ends too early" });
        }
        Ok((self.into_bytes(), full))
    }

    fn into_bytes(mut self) -> Vec<u8> {
        let capped = match &mut self {
            Self::Plain(c) => c,
            Self::Gzip(d) => d.get_mut(),
            Self::Zlib(d) => d.get_mut(),
            Self::Raw(d) => d.get_mut(),
            Self::Deflate(c) => c.as_mut().expect("present until the first chunk replaces the variant"),
        };
        std::mem::take(&mut capped.bytes)
    }
}
