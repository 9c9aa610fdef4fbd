//! Blocks of refs: packed small, then encrypted.
//!
//! A block holds the refs of consecutive export rows. Packing comes first because what is encrypted does not compress; most systems
//! number their records, so a common prefix and a few bits for each are nearly all there is to keep.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key as CipherKey, Nonce};

use super::format;
use super::key::Key;

/// Length-prefixed refs.
const PLAIN: u8 = 0;
/// A prefix, and numbers of the same number of digits.
const NUMBERS: u8 = 1;
/// The same length throughout; each position in as few bits as the class of its characters needs.
const POSITIONS: u8 = 2;

/// The longest ref that is kept; longer ones are cut, which only matters to who reads them.
pub(super) const MAX_REF: usize = 255;

/// Encrypts and decrypts sections and blocks of one index. The salt makes the key one of this file alone, so that the number of a block
/// can serve as its nonce.
pub(super) struct Sealer {
    cipher: ChaCha20Poly1305,
}

impl Sealer {
    pub(super) fn new(key: &Key, context: &str, salt: &[u8; 16]) -> Self {
        let secret = key.derive_salted(context, salt);
        Self { cipher: ChaCha20Poly1305::new(CipherKey::from_slice(&secret[..])) }
    }

    fn nonce(no: u64) -> Nonce {
        let mut nonce = [0u8; 12];
        nonce[..8].copy_from_slice(&no.to_le_bytes());
        nonce.into()
    }

    /// Never called twice with one number.
    pub(super) fn seal(&self, no: u64, plain: &[u8]) -> Vec<u8> {
        // Fails only beyond 256 GiB.
        self.cipher.encrypt(&Self::nonce(no), plain).unwrap_or_default()
    }

    pub(super) fn open(&self, no: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        self.cipher.decrypt(&Self::nonce(no), sealed).ok()
    }
}

/// Refs one behind the other. Reused from block to block.
#[derive(Debug, Default)]
pub(super) struct RefBlock {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl RefBlock {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Takes a ref, cut to [`MAX_REF`] bytes. An empty one says that the record has none.
    pub(super) fn push(&mut self, reference: &[u8]) {
        self.bytes.extend_from_slice(&reference[..reference.len().min(MAX_REF)]);
        self.ends.push(self.bytes.len() as u32);
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, i: usize) -> Option<&[u8]> {
        let end = *self.ends.get(i)? as usize;
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        self.bytes.get(start..end)
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|i| self.get(i))
    }

    /// The block in the form that needs least.
    pub(super) fn pack(&self, out: &mut Vec<u8>) {
        out.clear();
        if !self.pack_numbers(out) && !self.pack_positions(out) {
            out.clear();
            out.push(PLAIN);
            for reference in self.iter() {
                out.push(reference.len() as u8);
                out.extend_from_slice(reference);
            }
        }
    }

    /// The length that all have, if they have one and it is not 0.
    fn common_length(&self) -> Option<usize> {
        let len = self.get(0)?.len();
        (len > 0 && self.iter().all(|r| r.len() == len)).then_some(len)
    }

    fn pack_numbers(&self, out: &mut Vec<u8>) -> bool {
        let Some(len) = self.common_length() else { return false };
        let first = self.get(0).unwrap_or_default();
        let shared =
            self.iter().fold(len, |shared, r| first[..shared].iter().zip(r).take_while(|(a, b)| a == b).count());
        let prefix = first[..shared]
            .iter()
            .rposition(|b| !b.is_ascii_digit())
            .map_or(0, |i| i + 1)
            .max(len.saturating_sub(18))
            .min(shared);
        let number = |r: &[u8]| {
            let digits = &r[prefix..];
            digits.iter().all(u8::is_ascii_digit).then(|| digits.iter().fold(0u64, |n, b| n * 10 + u64::from(b - b'0')))
        };
        if len - prefix > 18 || !self.iter().all(|r| number(r).is_some()) {
            return false;
        }
        let numbers = || self.iter().filter_map(number);
        let (least, most) = numbers().fold((u64::MAX, 0), |(least, most), n| (n.min(least), n.max(most)));
        let width = 64 - (most - least).leading_zeros();
        out.extend_from_slice(&[NUMBERS, prefix as u8, (len - prefix) as u8, width as u8]);
        out.extend_from_slice(&least.to_le_bytes());
        out.extend_from_slice(&first[..prefix]);
        let mut bits = BitWriter::new(out);
        numbers().for_each(|n| bits.write(n - least, width));
        bits.finish();
        true
    }

    fn pack_positions(&self, out: &mut Vec<u8>) -> bool {
        let Some(len) = self.common_length() else { return false };
        out.extend_from_slice(&[POSITIONS, len as u8]);
        let classes: Vec<(usize, u8)> = (0..len).map(|at| self.class_at(at)).collect();
        for (class, constant) in &classes {
            out.push(*class as u8);
            if *class == 0 {
                out.push(*constant);
            }
        }
        let mut bits = BitWriter::new(out);
        for reference in self.iter() {
            for ((class, _), b) in classes.iter().zip(reference) {
                let (alphabet, width) = CLASSES[*class];
                let code = match (class, alphabet.is_empty()) {
                    (0, _) => 0,
                    (_, true) => usize::from(*b),
                    (_, false) => memchr::memchr(*b, alphabet).unwrap_or(0),
                };
                bits.write(code as u64, width);
            }
        }
        bits.finish();
        true
    }

    /// The narrowest class of the characters at a position.
    fn class_at(&self, at: usize) -> (usize, u8) {
        let column = || self.iter().map(|r| r[at]);
        let first = column().next().unwrap_or(0);
        if column().all(|b| b == first) {
            return (0, first);
        }
        let takes = |(alphabet, _): &(&[u8], u32)| {
            alphabet.is_empty() || column().all(|b| memchr::memchr(b, alphabet).is_some())
        };
        (CLASSES.iter().skip(1).position(takes).map_or(CLASSES.len() - 1, |i| i + 1), 0)
    }

    /// Reads a packed block of `count` refs. False if it does not hold them.
    pub(super) fn unpack(&mut self, packed: &[u8], count: usize) -> bool {
        self.clear();
        let read = match packed.split_first() {
            Some((&PLAIN, rest)) => self.unpack_plain(rest, count),
            Some((&NUMBERS, rest)) => self.unpack_numbers(rest, count),
            Some((&POSITIONS, rest)) => self.unpack_positions(rest, count),
            _ => None,
        };
        read.is_some() && self.len() == count
    }

    fn unpack_plain(&mut self, mut rest: &[u8], count: usize) -> Option<()> {
        for _ in 0..count {
            let (len, tail) = rest.split_first()?;
            let (reference, tail) = tail.split_at_checked(usize::from(*len))?;
            self.push(reference);
            rest = tail;
        }
        Some(())
    }

    fn unpack_numbers(&mut self, rest: &[u8], count: usize) -> Option<()> {
        let (&[prefix, digits, width], rest) = rest.split_first_chunk::<3>()?;
        let (least, rest) = rest.split_first_chunk::<8>()?;
        let least = u64::from_le_bytes(*least);
        let (prefix, rest) = rest.split_at_checked(usize::from(prefix))?;
        if digits > 18 || width > 64 {
            return None;
        }
        let mut bits = BitReader::new(rest);
        for _ in 0..count {
            let mut number = least.checked_add(bits.read(u32::from(width))?)?;
            let mut text = [b'0'; 18];
            for digit in text[..usize::from(digits)].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
            self.bytes.extend_from_slice(prefix);
            self.push(&text[..usize::from(digits)]);
        }
        Some(())
    }

    fn unpack_positions(&mut self, rest: &[u8], count: usize) -> Option<()> {
        let (&len, mut rest) = rest.split_first()?;
        let mut classes = Vec::with_capacity(usize::from(len));
        for _ in 0..len {
            let (&class, tail) = rest.split_first()?;
            rest = tail;
            let constant = if class == 0 {
                let (&constant, tail) = rest.split_first()?;
                rest = tail;
                constant
            } else {
                0
            };
            classes.push((*CLASSES.get(usize::from(class))?, class, constant));
        }
        let mut bits = BitReader::new(rest);
        for _ in 0..count {
            for ((alphabet, width), class, constant) in &classes {
                let code = bits.read(*width)?;
                self.bytes.push(match (class, alphabet.is_empty()) {
                    (0, _) => *constant,
                    (_, true) => code as u8,
                    (_, false) => *alphabet.get(code as usize)?,
                });
            }
            self.push(&[]);
        }
        Some(())
    }
}

/// Classes of characters and the bits each needs; the first is one character that all have, the last any byte.
const CLASSES: [(&[u8], u32); 7] = [
    (b"", 0),
    (b"0123456789", 4),
    (b"0123456789abcdef", 4),
    (b"0123456789ABCDEF", 4),
    (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", 5),
    (b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_", 6),
    (b"", 8),
];

struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u128,
    bits: u32,
}

impl<'a> BitWriter<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, held: 0, bits: 0 }
    }

    fn write(&mut self, value: u64, width: u32) {
        self.held |= u128::from(value) << self.bits;
        self.bits += width;
        while self.bits >= 8 {
            self.out.push(self.held as u8);
            self.held >>= 8;
            self.bits -= 8;
        }
    }

    fn finish(self) {
        if self.bits > 0 {
            self.out.push(self.held as u8);
        }
    }
}

struct BitReader<'a> {
    bytes: &'a [u8],
    held: u128,
    bits: u32,
}

impl<'a> BitReader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, held: 0, bits: 0 }
    }

    fn read(&mut self, width: u32) -> Option<u64> {
        while self.bits < width {
            let (b, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            self.held |= u128::from(*b) << self.bits;
            self.bits += 8;
        }
        let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
        let value = self.held as u64 & mask;
        self.held >>= width;
        self.bits -= width;
        Some(value)
    }
}

/// Number of the only block of the private section.
pub(super) const PRIVATE_BLOCK: u64 = 0;

/// The block and the place within it of a row's ref.
pub(super) fn place_of(row: u32) -> (u64, usize) {
    (u64::from(row / format::REFS_PER_BLOCK), (row % format::REFS_PER_BLOCK) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(refs: &[Vec<u8>]) -> usize {
        let mut block = RefBlock::default();
        refs.iter().for_each(|r| block.push(r));
        let mut packed = Vec::new();
        block.pack(&mut packed);
        let mut back = RefBlock::default();
        assert!(back.unpack(&packed, refs.len()));
        for (i, r) in refs.iter().enumerate() {
            assert_eq!(back.get(i), Some(&r[..r.len().min(MAX_REF)]));
        }
        packed.len()
    }

    #[test]
    fn numbered_records_take_bits_and_not_bytes() {
        let consecutive: Vec<_> = (0..128).map(|i| format!("C{:010}", 9_999_900 + i).into_bytes()).collect();
        assert!(round_trip(&consecutive) < 128 + 20);
        let drawn: Vec<_> =
            (0..128u64).map(|i| format!("CRM{:09}", i * 7_919_191 % 1_000_000_000).into_bytes()).collect();
        assert!(round_trip(&drawn) < 128 * 4);
    }

    #[test]
    fn mixed_and_missing_refs_come_back() {
        round_trip(&[b"a".to_vec(), vec![], b"bcd".to_vec()]);
        round_trip(&[vec![0xff, 0x00], vec![b'1', b'2']]);
        round_trip(&[b"18446744073709551615".to_vec(), b"00000000000000000000".to_vec()]);
        round_trip(&[vec![b'x'; 300]]);
        round_trip(&[b"0d9f3b52-aaaa".to_vec(), b"1d9f3b52-bbbb".to_vec()]);
    }

    proptest! {
        #[test]
        fn any_refs_come_back(refs in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 1..20)) {
            round_trip(&refs);
        }

        #[test]
        fn any_refs_of_one_length_come_back(refs in proptest::collection::vec("[0-9A-F]{8}", 1..40)) {
            round_trip(&refs.into_iter().map(String::into_bytes).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_refused_or_read_without_harm(packed in proptest::collection::vec(any::<u8>(), 0..200), count in 0usize..130) {
            let mut block = RefBlock::default();
            let _ = block.unpack(&packed, count);
        }
    }
}
