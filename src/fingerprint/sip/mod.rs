//! SipHash-2-4 of many values at once. One value after another, each round waits for the one before; eight values side by side
//! fill the processor's lanes. Which lanes there are is found out when the program runs: one binary serves every machine.
//!
//! J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF" (2012). The tests hold it against the `siphasher` crate.

mod vectors;

use siphasher::sip::SipHasher24;

use super::forms::Forms;
use vectors::{Hashing, LANES, Vectors};

/// Values of so many words and more are hashed one by one: no field of a record is that long.
const LONG: usize = 32;

/// The two halves of a SipHash key.
#[derive(Clone, Copy, Default)]
pub(super) struct SipKey {
    k0: u64,
    k1: u64,
}

impl SipKey {
    /// From the key's bytes.
    pub(super) fn new(bytes: &[u8; 16]) -> Self {
        let [low, high] = [0, 8].map(|at| std::array::from_fn(|i| bytes[at + i]));
        Self { k0: u64::from_le_bytes(low), k1: u64::from_le_bytes(high) }
    }

    /// The hash of one value.
    #[inline]
    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        SipHasher24::new_with_keys(self.k0, self.k1).hash(bytes)
    }
}

/// Reused from batch to batch.
#[derive(Default)]
pub struct SipScratch {
    /// Positions of the forms, in order of their number of words.
    order: Vec<u32>,
}

/// Writes the hash of each form, under the key of its kind (by code), into `out`, in the order of the forms.
pub(super) fn hash_forms(keys: &[SipKey], forms: &Forms, scratch: &mut SipScratch, out: &mut Vec<u64>) {
    out.clear();
    out.resize(forms.len(), 0);
    let starts = sort_by_words(forms, &mut scratch.order);
    vectors::hash(Batch { keys, forms, order: &scratch.order, starts: &starts, out });
}

/// Sorts the forms by their number of whole words; gives where each number begins.
fn sort_by_words(forms: &Forms, order: &mut Vec<u32>) -> [usize; LONG + 2] {
    let words = |no: usize| (forms.span(no).1 / 8).min(LONG);
    let mut starts = [0; LONG + 2];
    (0..forms.len()).for_each(|no| starts[words(no) + 1] += 1);
    for i in 1..starts.len() {
        starts[i] += starts[i - 1];
    }
    let mut next = starts;
    order.clear();
    order.resize(forms.len(), 0);
    for no in 0..forms.len() {
        let place = &mut next[words(no)];
        order[*place] = no as u32;
        *place += 1;
    }
    starts
}

struct Batch<'a> {
    keys: &'a [SipKey],
    forms: &'a Forms,
    order: &'a [u32],
    starts: &'a [usize; LONG + 2],
    out: &'a mut [u64],
}

impl Hashing for Batch<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        for words in 0..LONG {
            for group in self.order[self.starts[words]..self.starts[words + 1]].chunks(LANES) {
                let hashes = eight(vectors, self.keys, self.forms, group, words);
                for (no, hash) in group.iter().zip(hashes) {
                    self.out[*no as usize] = hash;
                }
            }
        }
        for no in &self.order[self.starts[LONG]..] {
            let key = self.keys[usize::from(self.forms.kind_code(*no as usize))];
            self.out[*no as usize] = key.hash(self.forms.form(*no as usize));
        }
    }
}

/// Hashes up to eight values of the same number of whole words. Empty lanes repeat the last.
#[inline(always)]
fn eight<V: Vectors>(vectors: V, keys: &[SipKey], forms: &Forms, group: &[u32], words: usize) -> [u64; LANES] {
    let (mut k0, mut k1, mut last) = ([0; LANES], [0; LANES], [0; LANES]);
    let mut values = [&[][..]; LANES];
    for lane in 0..LANES {
        let no = group[lane.min(group.len() - 1)] as usize;
        let key = keys[usize::from(forms.kind_code(no))];
        (k0[lane], k1[lane]) = (key.k0, key.k1);
        values[lane] = forms.words(no, words + 1);
        let len = forms.span(no).1;
        // Of the word behind the whole ones, what belongs to the value, and the value's length.
        last[lane] = word(values[lane], words) & ((1 << (8 * (len % 8))) - 1) | (len as u64) << 56;
    }
    let mut state = State::new(vectors, k0, k1);
    for at in 0..words {
        let mut read = [0; LANES];
        for lane in 0..LANES {
            read[lane] = word(values[lane], at);
        }
        state.absorb(vectors.load(read));
    }
    state.absorb(vectors.load(last));
    state.finish()
}

#[inline(always)]
fn word(words: &[[u8; 8]], at: usize) -> u64 {
    u64::from_le_bytes(words[at])
}

/// The state of each value, lane by lane.
struct State<V: Vectors> {
    vectors: V,
    v0: V::Lanes,
    v1: V::Lanes,
    v2: V::Lanes,
    v3: V::Lanes,
}

impl<V: Vectors> State<V> {
    #[inline(always)]
    fn new(vectors: V, k0: [u64; LANES], k1: [u64; LANES]) -> Self {
        let (k0, k1) = (vectors.load(k0), vectors.load(k1));
        Self {
            vectors,
            v0: vectors.xor(k0, vectors.load([0x736f_6d65_7073_6575; LANES])),
            v1: vectors.xor(k1, vectors.load([0x646f_7261_6e64_6f6d; LANES])),
            v2: vectors.xor(k0, vectors.load([0x6c79_6765_6e65_7261; LANES])),
            v3: vectors.xor(k1, vectors.load([0x7465_6462_7974_6573; LANES])),
        }
    }

    #[inline(always)]
    fn absorb(&mut self, words: V::Lanes) {
        self.v3 = self.vectors.xor(self.v3, words);
        self.round();
        self.round();
        self.v0 = self.vectors.xor(self.v0, words);
    }

    #[inline(always)]
    fn finish(mut self) -> [u64; LANES] {
        let vectors = self.vectors;
        self.v2 = vectors.xor(self.v2, vectors.load([0xff; LANES]));
        self.round();
        self.round();
        self.round();
        self.round();
        vectors.store(vectors.xor(vectors.xor(self.v0, self.v1), vectors.xor(self.v2, self.v3)))
    }

    #[inline(always)]
    fn round(&mut self) {
        let v = self.vectors;
        self.v0 = v.add(self.v0, self.v1);
        self.v1 = v.xor(v.rotate::<13, 51>(self.v1), self.v0);
        self.v0 = v.rotate::<32, 32>(self.v0);
        self.v2 = v.add(self.v2, self.v3);
        self.v3 = v.xor(v.rotate::<16, 48>(self.v3), self.v2);
        self.v0 = v.add(self.v0, self.v3);
        self.v3 = v.xor(v.rotate::<21, 43>(self.v3), self.v0);
        self.v2 = v.add(self.v2, self.v1);
        self.v1 = v.xor(v.rotate::<17, 47>(self.v1), self.v2);
        self.v2 = v.rotate::<32, 32>(self.v2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FieldKind;

    #[test]
    fn many_at_once_give_what_one_by_one_gives() {
        let mut forms = Forms::default();
        let mut expected = Vec::new();
        let key = |kind: FieldKind| [kind.code(); 16];
        let mut keys = vec![SipKey::default(); 32];
        FieldKind::ALL.iter().for_each(|kind| keys[usize::from(kind.code())] = SipKey::new(&key(*kind)));
        for i in 0..1000usize {
            let kind = FieldKind::ALL[i % FieldKind::ALL.len()];
            let len = if i % 97 == 0 { 200 + i } else { i % 70 };
            let value: Vec<u8> = (0..len).map(|b| (b * 7 + i) as u8).collect();
            assert!(forms.push_with(kind, |bytes| {
                bytes.extend_from_slice(&value);
                true
            }));
            expected.push(SipHasher24::new_with_key(&key(kind)).hash(&value));
        }
        forms.seal();
        let (mut hashes, mut scratch) = (Vec::new(), SipScratch::default());
        hash_forms(&keys, &forms, &mut scratch, &mut hashes);
        assert_eq!(hashes, expected);
        for with_vectors in [false, true] {
            hashes.fill(0);
            let starts = sort_by_words(&forms, &mut scratch.order);
            let batch = Batch { keys: &keys, forms: &forms, order: &scratch.order, starts: &starts, out: &mut hashes };
            vectors::hash_otherwise(batch, with_vectors);
            assert_eq!(hashes, expected);
        }
    }
}
