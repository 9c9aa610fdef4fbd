//! Sealing of spooled posts: XChaCha20-Poly1305 in chunks, under a key that only serves here.
//!
//! ```text
//! 19 bytes drawn at random | chunks of up to 1 MiB + 16
//! ```
//! Chunk `n` is sealed with the nonce `random ‖ n (u32) ‖ last (u8)` and the post's key as associated data (the STREAM
//! construction): chunks cannot be cut off, swapped or moved to another post unnoticed. 19 random bytes do not repeat
//! within any number of posts a machine will ever see.

use std::io::{self, Read, Write};

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize, Zeroizing};

const CHUNK: usize = 1 << 20;
const TAG: usize = 16;
const DRAWN: usize = 19;

/// The key of the spool.
#[derive(Clone)]
pub struct SpoolKey(Zeroizing<[u8; 32]>);

impl SpoolKey {
    /// Derives the spool's key from the fingerprint key's bytes: what lies in the spool is as safe as that key, and
    /// neither can be computed from the other's use.
    #[must_use]
    pub fn derive(secret: &[u8]) -> Self {
        Self(Zeroizing::new(blake3::derive_key("vigie 2026-11 queue spool sealing", secret)))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl std::fmt::Debug for SpoolKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SpoolKey([redacted])")
    }
}

fn nonce(drawn: &[u8; DRAWN], number: u32, last: bool) -> XNonce {
    let mut nonce = [0; 24];
    nonce[..DRAWN].copy_from_slice(drawn);
    nonce[DRAWN..DRAWN + 4].copy_from_slice(&number.to_be_bytes());
    nonce[23] = u8::from(last);
    nonce.into()
}

fn sealing_failed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "sealed bytes do not open with this key")
}

/// Seals `pieces` into `to`.
pub fn seal(key: &SpoolKey, bound_to: &[u8; 32], pieces: &[impl AsRef<[u8]>], mut to: impl Write) -> io::Result<()> {
    let mut drawn = [0; DRAWN];
    getrandom::fill(&mut drawn).map_err(io::Error::other)?;
    to.write_all(&drawn)?;
    let cipher = key.cipher();
    let total: usize = pieces.iter().map(|piece| piece.as_ref().len()).sum();
    let mut chunk = Vec::with_capacity(total.min(CHUNK) + TAG);
    let mut number = 0_u32;
    let mut flush = |chunk: &mut Vec<u8>, last: bool| -> io::Result<()> {
        cipher
            .encrypt_in_place(&nonce(&drawn, number, last), bound_to, chunk)
            .map_err(|_| io::Error::other("sealing failed"))?;
        number = number.checked_add(1).ok_or_else(|| io::Error::other("a post of more than 4 PiB"))?;
        to.write_all(chunk)?;
        chunk.clear();
        Ok(())
    };
    for piece in pieces {
        let mut rest = piece.as_ref();
        while !rest.is_empty() {
            // A full chunk is only written once more is known to follow: the last one must be marked as such.
            if chunk.len() == CHUNK {
                flush(&mut chunk, false)?;
            }
            let (now, later) = rest.split_at(rest.len().min(CHUNK - chunk.len()));
            chunk.extend_from_slice(now);
            rest = later;
        }
    }
    flush(&mut chunk, true)
}

/// Reads sealed bytes back in clear, chunk by chunk.
pub struct Opened<'k, R> {
    from: R,
    cipher: XChaCha20Poly1305,
    bound_to: &'k [u8; 32],
    drawn: [u8; DRAWN],
    number: u32,
    /// Sealed bytes of the chunk after the one in `clear`: whether there are any tells whether that is the last.
    ahead: Vec<u8>,
    clear: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'k, R: Read> Opened<'k, R> {
    /// Begins to read.
    pub fn new(key: &SpoolKey, bound_to: &'k [u8; 32], mut from: R) -> io::Result<Self> {
        let mut drawn = [0; DRAWN];
        from.read_exact(&mut drawn)?;
        let ahead = sealed_chunk(&mut from)?;
        let cipher = key.cipher();
        Ok(Self { from, cipher, bound_to, drawn, number: 0, ahead, clear: Vec::new(), at: 0, ended: false })
    }

    fn advance(&mut self) -> io::Result<()> {
        let next = sealed_chunk(&mut self.from)?;
        self.ended = next.is_empty();
        self.clear.zeroize();
        self.clear = std::mem::replace(&mut self.ahead, next);
        self.at = 0;
        let nonce = nonce(&self.drawn, self.number, self.ended);
        self.number = self.number.wrapping_add(1);
        self.cipher.decrypt_in_place(&nonce, self.bound_to, &mut self.clear).map_err(|_| sealing_failed())
    }
}

fn sealed_chunk(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::new();
    from.take((CHUNK + TAG) as u64).read_to_end(&mut chunk)?;
    Ok(chunk)
}

impl<R: Read> Read for Opened<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.clear.len() {
            if self.ended {
                return Ok(0);
            }
            self.advance()?;
        }
        let now = into.len().min(self.clear.len() - self.at);
        into[..now].copy_from_slice(&self.clear[self.at..self.at + now]);
        self.at += now;
        Ok(now)
    }
}

impl<R> Drop for Opened<'_, R> {
    fn drop(&mut self) {
        self.clear.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(pieces: &[Vec<u8>]) -> Vec<u8> {
        let mut sealed = Vec::new();
        seal(&SpoolKey::derive(b"k"), &[7; 32], pieces, &mut sealed).unwrap();
        sealed
    }

    fn opened(bytes: &[u8], secret: &[u8], bound_to: [u8; 32]) -> io::Result<Vec<u8>> {
        let mut clear = Vec::new();
        Opened::new(&SpoolKey::derive(secret), &bound_to, bytes)?.read_to_end(&mut clear)?;
        Ok(clear)
    }

    #[test]
    fn any_length_comes_back() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5] {
            let clear: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let (a, b) = clear.split_at(length / 3);
            let sealed = sealed(&[a.to_vec(), Vec::new(), b.to_vec()]);
            assert_eq!(opened(&sealed, b"k", [7; 32]).unwrap(), clear, "{length}");
        }
    }

    #[test]
    fn nothing_altered_cut_or_moved_opens() {
        let sealed = sealed(&[vec![1; 2 * CHUNK + 10]]);
        assert!(opened(&sealed, b"other key", [7; 32]).is_err());
        assert!(opened(&sealed, b"k", [8; 32]).is_err(), "another post's");
        for cut in [sealed.len() - 1, DRAWN + CHUNK + TAG, DRAWN + 2 * (CHUNK + TAG), DRAWN, 3] {
            assert!(opened(&sealed[..cut], b"k", [7; 32]).is_err(), "cut at {cut}");
        }
        for at in (0..sealed.len()).step_by(400_009) {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(opened(&altered, b"k", [7; 32]).is_err(), "bit at {at}");
        }
        let mut swapped = sealed[..DRAWN].to_vec();
        swapped.extend_from_slice(&sealed[DRAWN + CHUNK + TAG..DRAWN + 2 * (CHUNK + TAG)]);
        swapped.extend_from_slice(&sealed[DRAWN..DRAWN + CHUNK + TAG]);
        swapped.extend_from_slice(&sealed[DRAWN + 2 * (CHUNK + TAG)..]);
        assert!(opened(&swapped, b"k", [7; 32]).is_err(), "chunks swapped");
    }
}
