//! The cells of a block of rows at a glance: what nearly all of them are tried as, and whether their values stand there in normal form already,
//! told by comparing all of a cell's bytes at once.
//!
//! What a look decides is for `choice`. A cell that is longer, or has something around its value, gets no glance and is looked at byte by byte
//! (`shape`); so is every cell where the processor has no vectors for it. Both say the same.

#![cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, unused_variables, reason = "no cell is seen at a glance there")
)]

use super::Matcher;
use super::choice::{Choice, Choices};
use crate::model::Span;

/// The longest cell that is seen at a glance, in bytes.
const WIDTH: usize = u64::BITS as usize;

/// What was seen of a cell without looking at its bytes one by one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Glance {
    choice: Choice,
    /// The bits below.
    known: u8,
}

/// It is a value, and nothing stands around it.
const BARE: u8 = 1;
/// It is an e-mail address in its normal form.
const ADDRESS: u8 = 2;
/// It consists of capital letters and digits.
const CAPITAL: u8 = 4;
/// It begins with two letters and two digits.
const ACCOUNT: u8 = 8;

impl Glance {
    /// What the cell is tried as, if it is seen that it is a value with nothing around it.
    #[inline(always)]
    pub(super) fn choice(self) -> Option<Choice> {
        (self.known & BARE != 0).then_some(self.choice)
    }

    /// Whether the cell is known to be an e-mail address in its normal form.
    #[inline(always)]
    pub(super) fn is_address(self) -> bool {
        self.known & ADDRESS != 0
    }

    /// Whether the cell is known to consist of capital letters and digits.
    #[inline(always)]
    pub(super) fn is_capital(self) -> bool {
        self.known & CAPITAL != 0
    }

    /// Whether the cell is known to consist of capital letters and digits, and to begin as an account number does.
    #[inline(always)]
    pub(super) fn is_account(self) -> bool {
        self.known & (CAPITAL | ACCOUNT) == CAPITAL | ACCOUNT
    }
}

/// Glances at cells, which are ranges of the text: one for each, in place of those of before.
pub(super) fn glance(matcher: &Matcher, text: &[u8], cells: &[Span], choices: &mut Choices, glances: &mut Vec<Glance>) {
    glances.clear();
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V4::try_new() {
        simd.vectorize(vectors::Glancing { simd, matcher, text, cells, choices, glances });
    } else if let Some(simd) = pulp::x86::V3::try_new() {
        simd.vectorize(vectors::Glancing { simd, matcher, text, cells, choices, glances });
    }
    glances.resize(cells.len(), Glance::default());
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    //! All of this is compiled for the processor's vectors: loops and functions that are always inlined, for what an adapter or a closure
    //! holds is not.

    use std::arch::x86_64::{__m256i, __m512i};

    use pulp::x86::{V3, V4};

    use super::super::shape::{Counts, Look, Start};
    use super::*;

    pub(super) struct Glancing<'a, V> {
        pub(super) simd: V,
        pub(super) matcher: &'a Matcher,
        pub(super) text: &'a [u8],
        pub(super) cells: &'a [Span],
        pub(super) choices: &'a mut Choices,
        pub(super) glances: &'a mut Vec<Glance>,
    }

    impl<V: Compare> pulp::NullaryFnOnce for Glancing<'_, V> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self { simd, matcher, text, cells, choices, glances } = self;
            glances.reserve(cells.len());
            for cell in cells {
                let mut glance = Glance::default();
                if let Some(window) = text.get(cell.start as usize..).and_then(<[u8]>::first_chunk)
                    && (1..=WIDTH).contains(&cell.len())
                    && !is_near_absent(window[0], cell.len())
                {
                    let (look, known) = Cell::of(simd, window, cell.len()).look();
                    if known & BARE != 0 {
                        glance = Glance { choice: choices.of(look, |shape| matcher.choose(shape)), known };
                    }
                }
                glances.push(glance);
            }
        }
    }

    /// Whether a cell may be a word for an absent value, of those that begin with a letter: these are few.
    #[inline(always)]
    fn is_near_absent(first: u8, len: usize) -> bool {
        len <= 9 && matches!(first | 0x20, b'n' | b'u')
    }

    /// A cell of 1 to [`WIDTH`] bytes, and what stands behind it.
    struct Cell<'c, V> {
        simd: V,
        window: &'c [u8; WIDTH],
        len: usize,
    }

    impl<'c, V: Compare> Cell<'c, V> {
        #[inline(always)]
        fn of(simd: V, window: &'c [u8; WIDTH], len: usize) -> Self {
            Self { simd, window, len }
        }

        /// A bit for each byte of the cell.
        #[inline(always)]
        fn all(&self) -> u64 {
            u64::MAX >> (WIDTH - self.len)
        }

        /// The bytes that, with the bits of `set` set, are in one of the ranges: from a first byte on, so many.
        #[inline(always)]
        fn map<const N: usize>(&self, set: u8, ranges: [(u8, u8); N]) -> u64 {
            self.simd.within(self.window, self.len > WIDTH / 2, set, ranges) & self.all()
        }

        /// How the cell looks (what [`Look::at`] says of its bytes), and what else is seen of it.
        #[inline(always)]
        fn look(&self) -> (Look, u8) {
            let (digits, letters) = (self.map(0, [(b'0', 10)]), self.map(0x20, [(b'a', 26)]));
            let alphanumeric = digits | letters;
            let begins = alphanumeric & 1 != 0 || self.window[0] == b'+';
            let mut known = if begins && alphanumeric >> (self.len - 1) == 1 { BARE } else { 0 };
            let mut counts = Counts { digits: digits.count_ones(), letters: letters.count_ones(), ..Counts::default() };
            if alphanumeric != self.all() {
                known |= self.count_signs(alphanumeric, &mut counts);
            } else if digits != 0 && self.map(0, [(b'a', 26)]) == 0 {
                let account = letters & 0b1111 == 0b0011 && digits & 0b1111 == 0b1100;
                known |= CAPITAL | if account { ACCOUNT } else { 0 };
            }
            (Look::counted(counts, self.start(digits, letters)), known)
        }

        /// What it begins with: what [`Start::of`] says.
        #[inline(always)]
        fn start(&self, digits: u64, letters: u64) -> Start {
            let [first, second, ..] = *self.window;
            match (digits & 1 != 0, letters & 1 != 0) {
                (true, _) if first == b'0' && second == b'0' && self.len > 1 => Start::Zeros,
                (true, _) => Start::Digit,
                (_, true) if first | 0x20 == b't' => Start::Tel,
                (_, true) => Start::Letter,
                _ => Start::Other,
            }
        }

        /// Counts what is neither letter nor digit. Whether the cell is an address in its normal form.
        #[inline(always)]
        fn count_signs(&self, alphanumeric: u64, counts: &mut Counts) -> u8 {
            let signs = !alphanumeric & self.all();
            let at = self.map(0, [(b'@', 1)]);
            let capital = self.map(0, [(b'A', 26)]);
            let joints = self.map(0, [(b'-', 2), (b'_', 1)]);
            let other = signs & !joints & !at;
            counts.marks = joints.count_ones();
            counts.at = at.count_ones();
            if other != 0 {
                counts.high = self.map(0, [(0x80, 0x80)]).count_ones();
                counts.at += self.map(0x20, [(b'{', 1)]).count_ones() + self.map(0, [(b'(', 1)]).count_ones();
                counts.stars = self.map(0, [(b'*', 1)]).count_ones();
                counts.spaces = self.map(0, [(b' ', 1), (b'\t', 1)]).count_ones();
                counts.signs = self.map(0, [(b'+', 1), (b'#', 1), (b';', 1)]).count_ones();
                counts.marks = signs.count_ones() - counts.high - counts.at - counts.stars - counts.spaces;
            }
            // One `@`, no capitals, no sign beside another or at an end.
            let ends = 1 | 1 << (self.len - 1);
            let plain = other | capital == 0 && at.is_power_of_two() && signs & (signs << 1 | ends) == 0;
            if plain { ADDRESS } else { 0 }
        }
    }

    /// Comparing all bytes of a cell at once.
    pub(super) trait Compare: Copy {
        /// The bytes of the window, or of its first half at least if it is not `wide`, that, with the bits of `set` set, are in one of the
        /// ranges.
        fn within<const N: usize>(self, window: &[u8; WIDTH], wide: bool, set: u8, ranges: [(u8, u8); N]) -> u64;
    }

    impl Compare for V3 {
        #[inline(always)]
        fn within<const N: usize>(self, window: &[u8; WIDTH], wide: bool, set: u8, ranges: [(u8, u8); N]) -> u64 {
            let [low, high]: [__m256i; 2] = pulp::cast(*window);
            let map = u64::from(within_half(self, low, set, ranges));
            if wide { map | u64::from(within_half(self, high, set, ranges)) << (WIDTH / 2) } else { map }
        }
    }

    /// What a byte is beyond each range is brought down to none, and the least compared once: of several answers joined, the compiler makes
    /// work for each byte.
    #[inline(always)]
    fn within_half<const N: usize>(simd: V3, bytes: __m256i, set: u8, ranges: [(u8, u8); N]) -> u32 {
        let bytes = simd.avx2._mm256_or_si256(bytes, all(simd, set));
        let mut least = all(simd, 0xff);
        for (first, many) in ranges {
            let offset = simd.avx2._mm256_sub_epi8(bytes, all(simd, first));
            least = simd.avx2._mm256_min_epu8(least, simd.avx2._mm256_subs_epu8(offset, all(simd, many - 1)));
        }
        simd.avx2._mm256_movemask_epi8(simd.avx2._mm256_cmpeq_epi8(least, all(simd, 0))) as u32
    }

    #[inline(always)]
    fn all(simd: V3, byte: u8) -> __m256i {
        simd.avx._mm256_set1_epi8(byte as i8)
    }

    impl Compare for V4 {
        #[inline(always)]
        fn within<const N: usize>(self, window: &[u8; WIDTH], _: bool, set: u8, ranges: [(u8, u8); N]) -> u64 {
            let bytes: __m512i = pulp::cast(*window);
            let bytes = self.avx512f._mm512_or_epi64(bytes, self.avx512f._mm512_set1_epi8(set as i8));
            let mut map = 0;
            for (first, many) in ranges {
                let offset = self.avx512bw._mm512_sub_epi8(bytes, self.avx512f._mm512_set1_epi8(first as i8));
                let last = self.avx512f._mm512_set1_epi8((many - 1) as i8);
                map |= self.avx512bw._mm512_cmple_epu8_mask(offset, last);
            }
            map
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn sees_what_a_look_sees(simd: impl Compare) {
            let mut text: Vec<u8> = (0..=255).chain((0..=255).rev()).chain(*b"00tT0Tt").collect();
            let many = text.len();
            text.extend_from_slice(&[b'.'; WIDTH]);
            let cells = (0..many).flat_map(|start| (1..=WIDTH.min(many - start)).map(move |len| (start, len)));
            for (start, len) in cells {
                let cell = &text[start..start + len];
                let (look, known) = Cell::of(simd, text[start..].first_chunk().unwrap(), len).look();
                assert_eq!(look, Look::at(cell), "{cell:?}");
                let begins = cell[0].is_ascii_alphanumeric() || cell[0] == b'+';
                assert_eq!(known & BARE != 0, begins && cell[len - 1].is_ascii_alphanumeric(), "{cell:?}");
            }
        }

        #[test]
        fn a_glance_sees_what_a_look_sees() {
            if let Some(simd) = V3::try_new() {
                sees_what_a_look_sees(simd);
            }
            if let Some(simd) = V4::try_new() {
                sees_what_a_look_sees(simd);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::{Look, is_absent, trimmed};
    use super::super::tests::matcher;
    use super::*;
    use crate::fingerprint::{Countries, normalise};
    use crate::model::FieldKind;
    use proptest::prelude::*;

    fn has_vectors() -> bool {
        #[cfg(target_arch = "x86_64")]
        return pulp::x86::V3::try_new().is_some();
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// All stretches of the text as cells, the whole first, each with what is seen of it.
    fn glances<'t>(matcher: &Matcher, text: &'t str) -> Vec<(Glance, &'t [u8])> {
        let len = text.len() as u32;
        let mut cells = vec![Span { start: 0, end: len }];
        cells.extend((0..len).flat_map(|start| (start..=len).map(move |end| Span { start, end })));
        let padded = [text.as_bytes(), &[b'x'; WIDTH]].concat();
        let mut glances = Vec::new();
        glance(matcher, &padded, &cells, &mut Choices::default(), &mut glances);
        cells.iter().zip(glances).map(|(cell, glance)| (glance, cell.of(text.as_bytes()))).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_seen_at_a_glance_is_so(
            address in "[a-z0-9.@_+A-Z-]{0,12}[a-z0-9._-]{0,20}@[a-z0-9._-]{1,30}([a-z@({]|)",
            account in "[A-Z0-9a-z]{2}[0-9A]{2}[A-Z0-9]{0,32}[A-Za-z0-9-]",
            other in "(null|N/A|\"|«|[+ ])?[a-zA-Z0-9 @.*é]{0,20}( |;|\"|né)?",
        ) {
            let folder = tempfile::tempdir().unwrap();
            let (matcher, mut normal) = (matcher(folder.path(), 0..3), Vec::new());
            let mut is_normal = |kind: FieldKind, cell: &[u8]| {
                normalise(kind, cell, &Countries::default(), &mut normal) && normal == cell
            };
            for (glance, cell) in [&address, &account, &other].into_iter().flat_map(|text| glances(&matcher, text)) {
                if let Some(choice) = glance.choice() {
                    prop_assert!(trimmed(cell).len() == cell.len() && !is_absent(cell), "{:?}", cell);
                    prop_assert_eq!(choice, matcher.choose(Look::at(cell).into()), "{:?}", cell);
                }
                prop_assert!(!glance.is_address() || is_normal(FieldKind::Email, cell), "{:?}", cell);
                let account = glance.is_account() && (15..=34).contains(&cell.len());
                prop_assert!(!account || is_normal(FieldKind::Iban, cell), "{:?}", cell);
                for kind in [FieldKind::Ref, FieldKind::Contract] {
                    prop_assert!(!glance.is_capital() || is_normal(kind, cell), "{:?}", cell);
                }
            }
        }
    }

    #[test]
    fn usual_values_are_known_at_a_glance() {
        let folder = tempfile::tempdir().unwrap();
        let matcher = matcher(folder.path(), 0..3);
        let seen = |text: &str| glances(&matcher, text)[0].0;
        for address in ["mila.muller2157@example.net", "a@b-c.example", "x_1@mail.example"] {
            assert_eq!(seen(address).is_address(), has_vectors(), "{address}");
        }
        for other in ["A@b.example", "a@@b.example", "a@b..example", ".a@b.example", "a(b.example", "a@b.example."] {
            assert!(!seen(other).is_address(), "{other}");
        }
        assert_eq!(seen("FR7687742789440636412227563").is_account(), has_vectors());
        assert!(!seen("FR768774278944063641222756a").is_account());
        assert_eq!(seen("+33612345678").choice().is_some(), has_vectors());
        // Nothing, too much, something around it, perhaps a word for nothing.
        for none in ["", &"a".repeat(65), "\"a", "a ", "null", "n"] {
            assert!(seen(none).choice().is_none(), "{none}");
        }
        // Behind the last cell of a text there may be nothing to read.
        let mut short = Vec::new();
        glance(&matcher, b"Mila", &[Span { start: 0, end: 4 }], &mut Choices::default(), &mut short);
        assert!(short.len() == 1 && short[0].choice().is_none());
    }
}
