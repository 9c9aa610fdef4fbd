//! What a value needs to find a record of any index: so many digits with nothing but signs between them, a beginning that a reference of
//! ours has. Running text is full of numbers that are none of ours (times, sizes, identifiers): what lacks this need not be read.
//!
//! A false "it may" costs a closer look, a false "it lacks" would lose a match: in doubt, it may.

use crate::fingerprint::{Countries, TokenShapes};
use crate::model::FieldKind;

use super::Asks;

/// Digits of the shortest number that finds, whatever its kind ([`super::shape::CellShape::may_be_number`]).
const FEWEST: usize = 5;
/// Digits of the shortest international number behind its sign, and behind the zeros that stand for the sign, these included.
const INTERNATIONAL: (u32, u32) = (7, 9);
/// Digits of a company's number.
const COMPANY: u32 = 9;
/// Letters and digits of the shortest account number of all, and digits among them.
const SHORTEST_ACCOUNT: u32 = 15;
const ACCOUNT_DIGITS: usize = 8;
/// Letters at the beginning of a reference by which those of an index are known: see [`TokenShapes`].
const PREFIX: usize = 6;

/// What the values of all indexes need.
#[derive(Clone)]
pub(super) struct Needs {
    /// Digits of a number, without and with the sign of an international one. More than there are if no number is asked for.
    figures: (u32, u32),
    accounts: Option<Accounts>,
    company: bool,
    references: Option<References>,
    /// Whether anything may be one, as it may if logins are among them.
    nothing: bool,
}

/// What account numbers need.
#[derive(Clone)]
struct Accounts {
    /// The letters that follow each first letter in the countries of ours, a bit each.
    countries: [u32; 26],
    /// Letters and digits of the shortest.
    shortest: u32,
}

/// What references and contracts need.
#[derive(Clone)]
struct References {
    shapes: TokenShapes,
    /// The bytes that one may begin with.
    leads: [bool; 256],
    /// Letters and digits of the shortest.
    shortest: u32,
    /// Whether one may be without a digit.
    letters_only: bool,
}

/// A cell of at most 64 bytes of ASCII, and where its digits and its letters and digits are: a bit for each byte.
#[derive(Clone, Copy)]
pub(super) struct Outline<'t> {
    pub(super) cell: &'t [u8],
    pub(super) digits: u64,
    pub(super) words: u64,
}

impl Needs {
    /// `tokens` are the shapes of each kind (by code).
    pub(super) fn of(countries: &Countries, asks: &Asks, tokens: &[Option<TokenShapes>]) -> Self {
        let national = asks.phone.then(|| countries.fewest_digits().min(INTERNATIONAL.1));
        let company = asks.siren.then_some(COMPANY);
        let fewest = national.into_iter().chain(company).min().unwrap_or(u32::MAX);
        let signed = if asks.phone { INTERNATIONAL.0 } else { u32::MAX };
        let login = |kind: &FieldKind| !matches!(kind, FieldKind::Ref | FieldKind::Contract);
        let shapes = asks.tokens.iter().map(|kind| tokens[usize::from(kind.code())].as_ref());
        // A kind whose columns say nothing of their shapes may have any.
        let unknown = shapes.clone().any(|shapes| shapes.is_none());
        let shapes = shapes.flatten().cloned().reduce(|mut all, more| {
            all.merge(&more);
            all
        });
        Self {
            figures: (fewest, signed),
            accounts: asks.iban.then(|| Accounts::of(tokens[usize::from(FieldKind::Iban.code())].as_ref())),
            company: asks.siren,
            references: shapes.map(References::of),
            nothing: unknown || asks.tokens.iter().any(login),
        }
    }

    /// Whether nothing is needed: then anything may be a value.
    pub(super) fn are_none(&self) -> bool {
        self.nothing
    }

    /// Whether neither a cell without digits nor a part of it can be a value, an address apart.
    #[inline]
    pub(super) fn are_digits(&self) -> bool {
        self.references.as_ref().is_none_or(|references| !references.letters_only)
    }

    /// Whether neither the cell, which has so many digits, nor a part of it can be a value, an address apart.
    #[inline]
    pub(super) fn are_lacking(&self, outline: Outline<'_>, digits: usize) -> bool {
        // Nearly all numbers of a log are too short to be one.
        let fewest = self.figures.0.min(self.figures.1).min(ACCOUNT_DIGITS as u32) as usize;
        let number = digits >= fewest && self.may_be_number(outline, digits);
        !number && self.references.as_ref().is_none_or(|references| !references.may_be(outline, digits))
    }

    fn may_be_number(&self, outline: Outline<'_>, digits: usize) -> bool {
        let Outline { cell, words, .. } = outline;
        let letters = words & !outline.digits;
        // A number does not begin within a word, so digits behind a letter of their word are none of it. As in an addition, each letter is
        // carried through what is left of its word.
        let behind_letters = words.wrapping_add(letters) ^ words ^ letters;
        let figures = outline.digits & !behind_letters;
        let many = figures.count_ones() >= self.figures.0.min(self.figures.1);
        let most = if many { longest_run(figures, words & !figures) } else { 0 };
        if many && (most >= self.figures.0 || most >= self.figures.1 && cell.contains(&b'+')) {
            return true;
        }
        let starts = letters & !(words << 1);
        // `FR` and eleven digits.
        let company = self.company && digits >= COMPANY as usize;
        let accounts =
            self.accounts.as_ref().filter(|all| words.count_ones() >= all.shortest && digits >= ACCOUNT_DIGITS);
        let may_begin = |at: usize| accounts.is_some_and(|accounts| accounts.may_begin(outline, at));
        (company || accounts.is_some())
            && starts & !(outline.digits >> 1) != 0
            && bits(starts).any(|at| company && cell[at] | 0x20 == b'f' || may_begin(at))
    }
}

/// The most `figures` with none of `between` between them.
#[inline]
fn longest_run(mut figures: u64, mut between: u64) -> u32 {
    let mut most = 0;
    while figures != 0 {
        let next = between & between.wrapping_neg();
        // All that stands before the next; all there is if there is none.
        let before = next.wrapping_sub(1);
        most = most.max((figures & before).count_ones());
        figures &= !before;
        between &= between.wrapping_sub(1);
    }
    most
}

impl Accounts {
    /// Accounts of some shapes; of any if they are not known.
    fn of(shapes: Option<&TokenShapes>) -> Self {
        let Some(prefixes) = shapes.and_then(TokenShapes::prefixes) else {
            return Self { countries: [u32::MAX; 26], shortest: SHORTEST_ACCOUNT };
        };
        let mut countries = [0; 26];
        for prefix in prefixes {
            // What does not begin with two letters has no normal form.
            if let [first @ b'A'..=b'Z', second @ b'A'..=b'Z', ..] = prefix[..] {
                countries[usize::from(first - b'A')] |= 1 << (second - b'A');
            }
        }
        Self { countries, shortest: shapes.map_or(SHORTEST_ACCOUNT, TokenShapes::shortest).max(SHORTEST_ACCOUNT) }
    }

    /// Whether one may begin with the letter at `at`: two letters and two digits, `IBAN` before them, or signs between.
    fn may_begin(&self, Outline { cell, digits, words }: Outline<'_>, at: usize) -> bool {
        let letter = |byte: u8| byte.to_ascii_uppercase().wrapping_sub(b'A');
        let first_four = |bits: u64| bits >> at & 0b1111;
        let seconds = self.countries.get(usize::from(letter(cell[at]))).copied().unwrap_or(0);
        let begins = seconds != 0
            && match first_four(words) {
                0b1111 => {
                    first_four(digits) == 0b1100
                        && seconds.checked_shr(u32::from(letter(cell[at + 1]))).is_some_and(|bits| bits & 1 == 1)
                }
                _ => true,
            };
        (begins || cell[at] | 0x20 == b'i') && (words >> at).count_ones() >= self.shortest
    }
}

impl References {
    fn of(shapes: TokenShapes) -> Self {
        let mut leads = [shapes.prefixes().is_none(); 256];
        for prefix in shapes.prefixes().into_iter().flatten() {
            match prefix.first() {
                Some(first) => [first.to_ascii_lowercase(), first.to_ascii_uppercase()]
                    .iter()
                    .for_each(|first| leads[usize::from(*first)] = true),
                None => (b'0'..=b'9').for_each(|digit| leads[usize::from(digit)] = true),
            }
        }
        let letters_only = (1..64).any(|many| shapes.could_have(0, many, 0));
        let any = |many: &usize| {
            (0..=1).any(|digits| shapes.could_have(digits, many - digits, 0)) || shapes.could_have(*many, 0, 0)
        };
        let shortest = (1..64).find(any).unwrap_or(64) as u32;
        Self { shapes, leads, shortest, letters_only }
    }

    #[inline]
    fn may_be(&self, outline: Outline<'_>, digits: usize) -> bool {
        let Outline { cell, words, .. } = outline;
        let mut starts = words & !(words << 1);
        while starts != 0 {
            let at = starts.trailing_zeros() as usize;
            if self.leads[usize::from(cell[at])] && self.may_begin_part(outline, at, digits) {
                return true;
            }
            starts &= starts - 1;
        }
        false
    }

    /// Whether the word at `at`, which begins as a reference may, begins one that is the cell or a part of it.
    fn may_begin_part(&self, outline: Outline<'_>, at: usize, digits: usize) -> bool {
        let Outline { cell, words, .. } = outline;
        // Few digits make no part of a cell; only an `@` does, or a colon behind a bracket.
        if digits < FEWEST && !cell.iter().any(|b| matches!(b, b':' | b'@')) {
            let many = words.count_ones() as usize;
            return at == words.trailing_zeros() as usize && self.shapes.could_have(digits, many - digits, 0);
        }
        (words >> at).count_ones() >= self.shortest && self.may_begin(outline, at)
    }

    /// Whether what begins at `at` and ends with any of the words behind it may be one, by the letters that lead it.
    fn may_begin(&self, Outline { cell, digits, words }: Outline<'_>, at: usize) -> bool {
        let Some(prefixes) = self.shapes.prefixes() else { return true };
        let (mut prefix, mut many) = ([0; PREFIX], 0);
        for no in bits(words >> at << at) {
            let ends_word = digits >> no & 1 == 1 || many > 0 && words >> (no - 1) & 1 == 0;
            if ends_word && prefixes.contains(&prefix[..many]) {
                return true;
            }
            if digits >> no & 1 == 1 || many == PREFIX {
                return many == PREFIX && prefixes.contains(&prefix[..]);
            }
            prefix[many] = cell[no].to_ascii_uppercase();
            many += 1;
        }
        prefixes.contains(&prefix[..many])
    }
}

/// The positions of the bits that are set.
fn bits(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (at < 64).then_some(at)
    })
}
