//! How often signs stand in a text: all bytes are counted, many at a time, where going from one sign to the next would
//! take longer than the answer is worth.

/// Bytes counted side by side.
const LANES: usize = 32;
/// Stretches of so many bytes after which the counts of the lanes are added up: before the first of them overflows.
const ADDED_UP: usize = 255;

/// How often each of `signs` stands in `text`.
pub(super) fn each<const N: usize>(text: &[u8], signs: [u8; N]) -> [usize; N] {
    signs.map(|sign| pairs(text, [sign, sign], 0))
}

/// How often the first of two signs stands in `text` with the second one `apart` bytes behind it.
pub(super) fn pairs(text: &[u8], signs: [u8; 2], apart: usize) -> usize {
    match (text.get(..text.len().saturating_sub(apart)), text.get(apart..)) {
        (Some(first), Some(second)) => vectorized(Pairs { first, second, signs }),
        _ => 0,
    }
}

/// Whether seven in ten bytes of `text` are letters, digits, marks and white space of ASCII. Most texts need not be read to their end to tell.
pub(super) fn mostly_plain(text: &[u8]) -> bool {
    vectorized(MostlyPlain { text })
}

#[cfg(target_arch = "x86_64")]
fn vectorized<T>(count: impl pulp::NullaryFnOnce<Output = T>) -> T {
    match pulp::x86::V3::try_new() {
        Some(simd) => simd.vectorize(count),
        None => count.call(),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn vectorized<T>(count: impl pulp::NullaryFnOnce<Output = T>) -> T {
    count.call()
}

/// Two texts of the same length: places are counted where the first sign stands in one and the second in the other.
struct Pairs<'t> {
    first: &'t [u8],
    second: &'t [u8],
    signs: [u8; 2],
}

impl pulp::NullaryFnOnce for Pairs<'_> {
    type Output = usize;

    // Loops, not adapters: what a closure holds is compiled for any processor.
    #[inline(always)]
    fn call(self) -> usize {
        let Self { first, second, signs } = self;
        let mut count = 0;
        let (stretches, rest) = first.as_chunks::<LANES>();
        let (others, rest_of_others) = second.as_chunks::<LANES>();
        for (some, others) in stretches.chunks(ADDED_UP).zip(others.chunks(ADDED_UP)) {
            let mut lanes = [0u8; LANES];
            for (stretch, other) in some.iter().zip(others) {
                for lane in 0..LANES {
                    lanes[lane] += u8::from((stretch[lane] == signs[0]) & (other[lane] == signs[1]));
                }
            }
            for lane in lanes {
                count += usize::from(lane);
            }
        }
        for (b, other) in rest.iter().zip(rest_of_others) {
            count += usize::from(*b == signs[0] && *other == signs[1]);
        }
        count
    }
}

struct MostlyPlain<'t> {
    text: &'t [u8],
}

impl pulp::NullaryFnOnce for MostlyPlain<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let mut plain = 0;
        let (stretches, rest) = self.text.as_chunks::<LANES>();
        // A quarter of what the lanes could hold: the answer is known that much sooner.
        for some in stretches.chunks(ADDED_UP / 4) {
            let mut lanes = [0u8; LANES];
            for stretch in some {
                for lane in 0..LANES {
                    lanes[lane] += u8::from(is_plain(stretch[lane]));
                }
            }
            for lane in lanes {
                plain += usize::from(lane);
            }
            if plain * 10 >= self.text.len() * 7 {
                return true;
            }
        }
        for b in rest {
            plain += usize::from(is_plain(*b));
        }
        plain * 10 >= self.text.len() * 7
    }
}

#[inline(always)]
fn is_plain(b: u8) -> bool {
    (b' '..=b'~').contains(&b) | (9..=13).contains(&b) & (b != 11)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_sign_is_counted(text in prop::collection::vec(prop_oneof![Just(b'%'), Just(b'='), any::<u8>()], 0..300), times in 1..80usize) {
            let text = text.repeat(times);
            let count = |sign: u8| text.iter().filter(|b| **b == sign).count();
            prop_assert_eq!(each(&text, [b'%', b'=', 0]), [count(b'%'), count(b'='), count(0)]);
            for apart in [0, 1, 3, 40, 400] {
                let two = |at: &usize| text[*at] == b'%' && text.get(at + apart) == Some(&b'=');
                prop_assert_eq!(pairs(&text, [b'%', b'='], apart), (0..text.len()).filter(two).count());
            }
        }

        #[test]
        fn what_is_mostly_plain_is_told(plain in 0..20_000usize, noise in prop::collection::vec(any::<u8>(), 0..6_000), first: bool) {
            let words = b"words and lines\n".iter().copied().cycle().take(plain);
            let text: Vec<u8> =
                if first { words.chain(noise).collect() } else { noise.into_iter().chain(words).collect() };
            let plain = text.iter().filter(|b| b.is_ascii_graphic() || matches!(b, 9 | 10 | 12 | 13 | b' ')).count();
            prop_assert_eq!(mostly_plain(&text), plain * 10 >= text.len() * 7);
        }
    }
}
