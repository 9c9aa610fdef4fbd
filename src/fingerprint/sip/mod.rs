//! SipHash-2-4 of many values at once. One value after another, each round waits for the one before; eight values side by side
//! fill the processor's lanes. Which lanes there are is found out when the program runs: one binary serves every machine.
//!
//! J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF" (2012). The tests hold it against the `siphasher` crate.

use pulp::Arch;
use siphasher::sip::SipHasher24;

use super::forms::Forms;

/// Values hashed side by side.
const LANES: usize = 8;
/// Values of so many words and more are hashed one by one: no field of a record is that long.
const LONG: usize = 32;

type Lanes = [u64; LANES];

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
    Arch::new().dispatch(Batch { keys, forms, order: &scratch.order, starts: &starts, out });
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

impl pulp::NullaryFnOnce for Batch<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for words in 0..LONG {
            for group in self.order[self.starts[words]..self.starts[words + 1]].chunks(LANES) {
                let hashes = eight(self.keys, self.forms, group, words);
                for (no, hash) in group.iter().zip(hashes) {
                    self.out[*no as usize] = hash;
                }
            }
        }
        for no in &self.order[self.starts[LONG]..] {
            let words = self.forms.span(*no as usize).1 / 8;
            self.out[*no as usize] = eight(self.keys, self.forms, &[*no], words)[0];
        }
    }
}

/// Hashes up to eight values of the same number of whole words. Empty lanes repeat the first.
#[inline(always)]
fn eight(keys: &[SipKey], forms: &Forms, group: &[u32], words: usize) -> Lanes {
    let (mut starts, mut lens) = ([0; LANES], [0; LANES]);
    let mut state = State::default();
    for lane in 0..LANES {
        let no = group[if lane < group.len() { lane } else { 0 }] as usize;
        (starts[lane], lens[lane]) = forms.span(no);
        let key = keys[usize::from(forms.kind_code(no))];
        state.v0[lane] = key.k0 ^ 0x736f_6d65_7073_6575;
        state.v1[lane] = key.k1 ^ 0x646f_7261_6e64_6f6d;
        state.v2[lane] = key.k0 ^ 0x6c79_6765_6e65_7261;
        state.v3[lane] = key.k1 ^ 0x7465_6462_7974_6573;
    }
    let mut read: Lanes = [0; LANES];
    for word in 0..words {
        for (read, start) in read.iter_mut().zip(&starts) {
            *read = forms.word(start + 8 * word);
        }
        state.absorb(&read);
    }
    for ((read, start), len) in read.iter_mut().zip(&starts).zip(&lens) {
        let rest = forms.word(start + 8 * words) & ((1 << (8 * (len % 8))) - 1);
        *read = rest | (*len as u64) << 56;
    }
    state.absorb(&read);
    for lane in &mut state.v2 {
        *lane ^= 0xff;
    }
    for _ in 0..4 {
        state.round();
    }
    let mut hashes = state.v0;
    xor(&mut hashes, &state.v1);
    xor(&mut hashes, &state.v2);
    xor(&mut hashes, &state.v3);
    hashes
}

/// The state of each value, lane by lane. Loops, not iterator adapters: what a closure holds is compiled for any processor, and not
/// for the one at hand.
#[derive(Default)]
struct State {
    v0: Lanes,
    v1: Lanes,
    v2: Lanes,
    v3: Lanes,
}

impl State {
    #[inline(always)]
    fn absorb(&mut self, words: &Lanes) {
        xor(&mut self.v3, words);
        self.round();
        self.round();
        xor(&mut self.v0, words);
    }

    #[inline(always)]
    fn round(&mut self) {
        add(&mut self.v0, &self.v1);
        rotate::<13>(&mut self.v1);
        xor(&mut self.v1, &self.v0);
        rotate::<32>(&mut self.v0);
        add(&mut self.v2, &self.v3);
        rotate::<16>(&mut self.v3);
        xor(&mut self.v3, &self.v2);
        add(&mut self.v0, &self.v3);
        rotate::<21>(&mut self.v3);
        xor(&mut self.v3, &self.v0);
        add(&mut self.v2, &self.v1);
        rotate::<17>(&mut self.v1);
        xor(&mut self.v1, &self.v2);
        rotate::<32>(&mut self.v2);
    }
}

#[inline(always)]
fn add(a: &mut Lanes, b: &Lanes) {
    for (a, b) in a.iter_mut().zip(b) {
        *a = a.wrapping_add(*b);
    }
}

#[inline(always)]
fn xor(a: &mut Lanes, b: &Lanes) {
    for (a, b) in a.iter_mut().zip(b) {
        *a ^= b;
    }
}

#[inline(always)]
fn rotate<const BITS: u32>(a: &mut Lanes) {
    for a in a {
        *a = a.rotate_left(BITS);
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
        let mut hashes = Vec::new();
        hash_forms(&keys, &forms, &mut SipScratch::default(), &mut hashes);
        assert_eq!(hashes, expected);
    }
}
