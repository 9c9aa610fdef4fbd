//! Which single-byte encoding a text that is not UTF-8 is in.
//!
//! The detector of browsers (chardetng) knows the encodings of the web; it does not tell Windows-1252 from
//! ISO-8859-15 or the Macintosh's. Those are told apart here by what they make of the words: accented small letters
//! stand among letters, symbols and capitals do not.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_8859_15, MACINTOSH, WINDOWS_1252};

/// Bytes at most that are weighed.
const WEIGHED: usize = 16 << 10;

/// The likeliest encoding of `sample`.
pub(super) fn guess(sample: &[u8]) -> &'static Encoding {
    let (western, weight) = [WINDOWS_1252, ISO_8859_15, MACINTOSH]
        .into_iter()
        .map(|encoding| (encoding, weigh(sample, encoding)))
        .reduce(|best, next| if next.1 > best.1 + 0.01 { next } else { best })
        .unwrap_or((WINDOWS_1252, 0.0));
    if weight > 0.8 {
        return western;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    if guess == WINDOWS_1252 { western } else { guess }
}

/// How well the words of `sample` read in `encoding`: the mean over its non-ASCII characters, from -3 to 2.
fn weigh(sample: &[u8], encoding: &'static Encoding) -> f32 {
    let (text, _) = encoding.decode_without_bom_handling(&sample[..sample.len().min(WEIGHED)]);
    let chars: Vec<char> = text.chars().collect();
    let letter = |i: Option<usize>| i.and_then(|i| chars.get(i)).is_some_and(|c| c.is_alphabetic());
    let small = |i: Option<usize>| i.and_then(|i| chars.get(i)).is_some_and(|c| c.is_lowercase());
    let accented = |i: Option<usize>| i.and_then(|i| chars.get(i)).is_some_and(|c| !c.is_ascii() && c.is_alphabetic());
    let (mut sum, mut count) = (0.0, 0usize);
    for (i, c) in chars.iter().enumerate().filter(|(_, c)| !c.is_ascii()) {
        let (before, behind) = (i.checked_sub(1), Some(i + 1));
        count += 1;
        sum += match c {
            '\u{80}'..='\u{9f}' => -3.0,
            // Accented letters stand alone in Western words; whole words of them are another script.
            _ if c.is_alphabetic() && accented(before) && accented(behind) => -2.0,
            'é' | 'è' | 'ê' | 'ë' | 'à' | 'â' | 'ä' | 'ç' | 'î' | 'ï' | 'ô' | 'ö' | 'ù' | 'û' | 'ü' | 'œ' | 'ñ'
            | 'ß' | 'á' | 'í' | 'ó' | 'ú' | 'ã' | 'õ' | 'å' | 'ø' | 'æ' | 'ì' | 'ò' => 2.0,
            _ if c.is_uppercase() && small(before) => -1.5,
            'É' | 'È' | 'Ê' | 'À' | 'Â' | 'Ç' | 'Î' | 'Ô' | 'Ü' | 'Ö' | 'Ä' | 'Ñ' | 'Œ' => 1.2,
            _ if c.is_alphabetic() => 0.2,
            '’' | '‘' | '€' | '°' | '«' | '»' | '“' | '”' | '…' | '–' | '\u{a0}' => 1.0,
            _ if letter(before) && letter(behind) => -2.0,
            _ => -0.2,
        };
    }
    if count == 0 { 0.0 } else { sum / count as f32 }
}
