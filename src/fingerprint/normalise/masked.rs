//! Values of which only some characters are shown: `j***@x.example`, `06 ** ** 34 56`, `FR76****1234`.
//!
//! A masked value is compared by what nearly every mask leaves: the domain and first letter of an address, the last two
//! to four characters of a number; and by the length of the address's local part, which masks that put a star for each
//! character leave too. The clear value is reduced to the same parts when an index is built.

use unicode_normalization::UnicodeNormalization;

use crate::model::FieldKind;

/// What is disclosed of a value, in a form that is the same for the masked value and the clear one.
#[derive(Clone, PartialEq, Eq)]
pub struct MaskedForm {
    bytes: [u8; Self::MAX],
    /// Where the coarse part begins; it goes to the end.
    coarse: u8,
    len: u8,
    /// Characters before the `@`, where the kind has one.
    local: u8,
    /// Whether all of `bytes` is disclosed, or only the coarse part.
    whole: bool,
}

impl MaskedForm {
    /// The longest part that is kept.
    pub(crate) const MAX: usize = 128;

    fn new(bytes: &[u8], coarse: usize, whole: bool) -> Option<Self> {
        let (coarse, len) = (u8::try_from(coarse).ok()?, u8::try_from(bytes.len()).ok()?);
        let mut form = Self { bytes: [0; Self::MAX], coarse, len, local: 0, whole };
        form.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(form)
    }

    /// With the number of characters before the `@`.
    fn of_local(mut self, characters: usize) -> Self {
        self.local = u8::try_from(characters).unwrap_or(u8::MAX);
        self
    }

    /// Characters before the `@`, masking ones included: those of the address if the mask puts one for each. None for
    /// what is no address.
    #[must_use]
    pub fn local_len(&self) -> Option<u8> {
        (self.local > 0).then_some(self.local)
    }

    /// The domain, or the last two characters.
    pub(crate) fn coarse(&self) -> &[u8] {
        &self.bytes[usize::from(self.coarse)..usize::from(self.len)]
    }

    /// First letter and domain, or the last four characters.
    pub(crate) fn fine(&self) -> Option<&[u8]> {
        self.whole.then(|| &self.bytes[..usize::from(self.len)])
    }
}

impl std::fmt::Debug for MaskedForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MaskedForm")
    }
}

/// Whether columns of the kind carry a mask tag.
#[must_use]
pub const fn is_maskable(kind: FieldKind) -> bool {
    matches!(kind, FieldKind::Email | FieldKind::Phone | FieldKind::Iban | FieldKind::Siren | FieldKind::Contract)
}

/// The masked form of a clear value, given in its normal form. None for kinds that are not compared so.
#[must_use]
pub fn projection(kind: FieldKind, normal: &[u8]) -> Option<MaskedForm> {
    match kind {
        FieldKind::Email => {
            let at = memchr::memrchr(b'@', normal)?;
            let local = std::str::from_utf8(&normal[..at]).ok()?.chars();
            let first = local.clone().next()?.len_utf8();
            let mut form = [0u8; MaskedForm::MAX];
            let domain = &normal[at + 1..];
            form.get_mut(..first)?.copy_from_slice(&normal[..first]);
            form.get_mut(first..first + domain.len())?.copy_from_slice(domain);
            Some(MaskedForm::new(&form[..first + domain.len()], first, true)?.of_local(local.count()))
        }
        _ if is_maskable(kind) => {
            let tail = normal.get(normal.len().checked_sub(4)?..)?;
            MaskedForm::new(tail, 2, true)
        }
        _ => None,
    }
}

/// What `raw` discloses as a masked value of `kind`. None where it is not masked, or discloses too little to compare.
#[must_use]
pub fn parse(kind: FieldKind, raw: &[u8]) -> Option<MaskedForm> {
    let raw = raw.trim_ascii();
    if !is_maskable(kind) || raw.len() > super::MAX_VALUE {
        return None;
    }
    let digits_only = matches!(kind, FieldKind::Phone | FieldKind::Siren);
    if !(is_masked(raw) || digits_only && is_crossed_out(raw)) {
        return None;
    }
    if kind == FieldKind::Email { email(raw) } else { number(raw, digits_only) }
}

/// Whether `raw` may be a masked value of any kind. False is certain.
#[must_use]
pub fn may_be_masked(raw: &[u8]) -> bool {
    let met = met(raw);
    is_masked_by(raw, met) || met & FILL != 0 && is_crossed_out(raw)
}

/// `06 XX XX 34 56`: where only digits can stand, two letters are a mask.
fn is_crossed_out(raw: &[u8]) -> bool {
    raw.windows(2).any(|two| two[0] | 0x20 == b'x' && two[1] | 0x20 == b'x')
}

/// Whether a character that masks stands in `raw`: a star, a bullet, a block; a run of three `x`, `#`, `.` or `_`.
#[must_use]
pub fn is_masked(raw: &[u8]) -> bool {
    is_masked_by(raw, met(raw))
}

/// Which bytes stand in `raw` that could be (part of) such a character. In nearly no cell there is one: one table says so for all of them.
fn met(raw: &[u8]) -> u8 {
    raw.iter().fold(0, |met, byte| met | MAY_MASK[usize::from(*byte)])
}

fn is_masked_by(raw: &[u8], met: u8) -> bool {
    met & STAR != 0
        || met & FILL != 0
            && raw.windows(3).any(|t| t[0] == t[1] && t[1] == t[2] && MAY_MASK[usize::from(t[0])] == FILL)
        || met & BEYOND != 0 && std::str::from_utf8(raw).is_ok_and(|text| text.chars().any(is_mask))
}

const STAR: u8 = 1;
/// Masks in a run of three.
const FILL: u8 = 1 << 1;
/// Part of a character beyond ASCII.
const BEYOND: u8 = 1 << 2;

const MAY_MASK: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'*' => STAR,
            b'x' | b'X' | b'#' | b'.' | b'_' => FILL,
            0x80.. => BEYOND,
            _ => 0,
        };
        byte += 1;
    }
    table
};

fn is_mask(c: char) -> bool {
    matches!(c, '*' | '•' | '●' | '∗' | '＊' | '█' | '■' | '░' | '▒' | '▓' | '…' | '×' | '·' | '#')
}

fn email(raw: &[u8]) -> Option<MaskedForm> {
    let text = std::str::from_utf8(raw).ok()?;
    let text = text.trim_matches(|c: char| matches!(c, '<' | '>' | '"' | '\'' | ',' | ';' | '(' | ')'));
    let (local, domain) = text.rsplit_once('@')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if domain.is_empty() || domain.contains("..") || domain.contains("xxx") || !domain.chars().all(plain) {
        return None;
    }
    let first = local.chars().next().filter(|c| !is_mask(*c) && c.is_alphanumeric());
    // `xxxx@host`: the first letter is part of the mask.
    let first = first.filter(|c| !(matches!(c, 'x' | 'X') && local.chars().all(|l| l == *c)));
    let mut form: String = first.into_iter().flat_map(char::to_lowercase).nfkc().take(1).collect();
    let coarse = form.len();
    form.push_str(&domain.to_ascii_lowercase());
    Some(MaskedForm::new(form.as_bytes(), coarse, first.is_some())?.of_local(local.chars().count()))
}

/// The letters and digits behind the last masking character: four of them are compared, or two where fewer are shown.
fn number(raw: &[u8], digits_only: bool) -> Option<MaskedForm> {
    let text = std::str::from_utf8(raw).ok()?;
    // `m***@host.example` is nobody's number, whatever it ends with.
    if text.contains('@') {
        return None;
    }
    let mut tail = [0u8; 4];
    let mut shown = 0;
    for c in text.chars().rev() {
        if is_mask(c) || matches!(c, 'x' | 'X') || c == '_' {
            break;
        }
        if c.is_ascii_alphanumeric() {
            if digits_only && !c.is_ascii_digit() {
                return None;
            }
            shown += 1;
            tail[4 - shown] = c.to_ascii_uppercase() as u8;
            if shown == 4 {
                break;
            }
        } else if !matches!(c, ' ' | '-' | '.' | '/' | '\u{a0}' | '\u{202f}' | '(' | ')') {
            return None;
        }
    }
    match shown {
        4 => MaskedForm::new(&tail, 2, true),
        2 | 3 => MaskedForm::new(&tail[2..], 0, false),
        _ => None,
    }
}
