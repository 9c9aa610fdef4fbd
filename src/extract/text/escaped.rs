//! Texts whose characters are written otherwise: percent-encoded, quoted-printable, as entities of HTML, or between the
//! marks of BBCode. They are written out before shapes are looked for.
//!
//! Decided by how dense such marks are: a single `%20` or `[b]` stays what it is.

use base64::Engine;
use base64::engine::general_purpose::GeneralPurpose;

use super::keyvalue::quoted_printable;
use crate::extract::count;
use crate::extract::markup::tokens::resolve;
use crate::extract::tree::json::unescape;

/// Base64 as UTF-7 writes it: unpadded, and the bits behind the last unit are of no account.
const STANDARD_NO_PAD: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    base64::engine::general_purpose::NO_PAD.with_decode_allow_trailing_bits(true),
);

/// Bytes looked at.
const SAMPLE: usize = 64 << 10;
/// Marks that a text must show at least.
const LEAST: usize = 6;
/// Bytes to a mark, at most.
const SPARSE: usize = 96;

/// The text written out, if it needs to be.
pub(super) fn written_out(text: &[u8]) -> Option<Vec<u8>> {
    let sample = &text[..text.len().min(SAMPLE)];
    let dense = |count: usize| count >= LEAST && count * SPARSE >= sample.len();
    // Counted first: to see what each stands before takes longer.
    let [percents, pluses, ampersands, brackets] = count::each(sample, [b'%', b'+', b'&', b'[']);
    let marks = |mark: u8, all: usize, is_one: &dyn Fn(usize) -> bool| {
        dense(all) && dense(memchr::memchr_iter(mark, sample).filter(|at| is_one(at + 1)).count())
    };
    if marks(b'%', percents, &|at| pair(sample, at).is_some()) {
        return Some(percent(text));
    }
    if let Some(string) = string_of_json(text) {
        return Some(string);
    }
    if marks(b'+', pluses, &|at| shifted(&sample[at..]).is_some_and(|run| run.0 > 1)) {
        return Some(from_utf7(text));
    }
    if is_quoted_printable(sample) {
        return Some(quoted_printable(text));
    }
    if sample.trim_ascii_start().first() != Some(&b'<') && marks(b'&', ampersands, &|at| is_entity(&sample[at..])) {
        let mut plain = Vec::with_capacity(text.len());
        resolve(text, &mut plain);
        return Some(plain);
    }
    let closes = |at: &usize| mark(&sample[*at..]).is_some();
    let marked = brackets >= 2 && memchr::memmem::find_iter(sample, b"[/").filter(closes).nth(1).is_some();
    marked.then(|| without_marks(text))
}

fn pair(text: &[u8], at: usize) -> Option<u8> {
    let digit = |i: usize| text.get(i).and_then(|b| (*b as char).to_digit(16)).map(|d| d as u8);
    Some(digit(at)? << 4 | digit(at + 1)?)
}

/// `%40` to bytes; a plus is a blank where forms write one.
fn percent(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|b| *b == b'\n') {
        let form = memchr::memchr(b'&', line).is_some() && memchr::memchr(b'=', line).is_some();
        let mut at = 0;
        while at < line.len() {
            match (line[at], pair(line, at + 1)) {
                (b'%', Some(byte)) => {
                    plain.push(byte);
                    at += 2;
                }
                (b'+', _) if form => plain.push(b' '),
                (byte, _) => plain.push(byte),
            }
            at += 1;
        }
    }
    plain
}

/// A text that is one string of JSON with JSON in it: what the string says.
fn string_of_json(text: &[u8]) -> Option<Vec<u8>> {
    let inner = text.trim_ascii().strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let head = inner.trim_ascii_start();
    let holds = head.starts_with(b"[{\\\"")
        || head.starts_with(b"{\\\"")
        || head.starts_with(b"\\\"[")
        || head.starts_with(b"\\\"{");
    let mut plain = Vec::with_capacity(inner.len());
    holds.then(|| unescape(inner, &mut plain)).map(|()| plain)
}

/// A run of UTF-7 behind its plus: its length with the sign that ends it, and its characters. None if it is none.
fn shifted(text: &[u8]) -> Option<(usize, Vec<char>)> {
    if text.first() == Some(&b'-') {
        return Some((1, vec!['+']));
    }
    // The first six bits of all characters that are met.
    if !matches!(text.first(), Some(b'A' | b'I')) {
        return None;
    }
    let run = text.iter().take(256).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).count();
    // Three signs hold one unit of 16 bits and 2 bits of padding.
    if run < 3 || run * 6 % 16 >= 6 {
        return None;
    }
    let bytes = STANDARD_NO_PAD.decode(&text[..run]).ok()?;
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let chars: Vec<char> = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    // Letters of Latin and what mail addresses need: what is met in dumps, and not in sums.
    let met = |c: &char| matches!(c, '@' | '&' | ';' | '"' | '<' | '>' | '=' | '\u{a0}'..='\u{17f}' | '\u{2010}'..='\u{20ac}');
    (!chars.is_empty() && chars.iter().all(met)).then(|| (run + usize::from(text.get(run) == Some(&b'-')), chars))
}

/// A text in UTF-7 (RFC 2152).
fn from_utf7(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(plus) = memchr::memchr(b'+', &text[at..]).map(|i| at + i) {
        plain.extend_from_slice(&text[at..plus]);
        match shifted(&text[plus + 1..]) {
            Some((length, chars)) => {
                plain.extend_from_slice(chars.into_iter().collect::<String>().as_bytes());
                at = plus + 1 + length;
            }
            None => {
                plain.push(b'+');
                at = plus + 1;
            }
        }
    }
    plain.extend_from_slice(&text[at..]);
    plain
}

/// Whether characters beyond ASCII are written as pairs of `=C3=A9`. Other pairs (`n=10`) are met in any text, and a text
/// that names the coding itself is read by who knows where it applies.
fn is_quoted_printable(sample: &[u8]) -> bool {
    let beyond = |at: usize| {
        let lead = pair(sample, at + 1).filter(|b| (0xC2..0xF5).contains(b));
        let second = (sample.get(at + 3) == Some(&b'=')).then(|| pair(sample, at + 4)).flatten();
        lead.is_some() && second.is_some_and(|b| (0x80..0xC0).contains(&b))
    };
    // Counted first: a text with a single `=` in each line has none in that distance.
    count::pairs(sample, *b"==", 3) >= 3
        && memchr::memchr_iter(b'=', sample).filter(|at| beyond(*at)).take(3).count() == 3
        && memchr::memmem::find(sample, b"QUOTED-PRINTABLE").is_none()
}

/// Whether the name of an entity follows: `eacute;`, `#233;`.
fn is_entity(text: &[u8]) -> bool {
    let text = &text[..text.len().min(10)];
    memchr::memchr(b';', text)
        .is_some_and(|end| end >= 2 && text[..end].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'#'))
}

/// Marks of BBCode, and what they become.
const MARKS: [(&[u8], &[u8], &[u8]); 31] = [
    (b"b", b"", b""),
    (b"i", b"", b""),
    (b"u", b"", b""),
    (b"s", b"", b""),
    (b"color", b"", b""),
    (b"size", b"", b""),
    (b"font", b"", b""),
    (b"email", b"", b""),
    (b"url", b"", b""),
    (b"img", b"", b""),
    (b"center", b"\n", b"\n"),
    (b"left", b"\n", b"\n"),
    (b"right", b"\n", b"\n"),
    (b"align", b"\n", b"\n"),
    (b"indent", b"\n", b"\n"),
    (b"quote", b"\n", b"\n"),
    (b"code", b"\n", b"\n"),
    (b"php", b"\n", b"\n"),
    (b"pre", b"\n", b"\n"),
    (b"spoiler", b"\n", b"\n"),
    (b"hide", b"\n", b"\n"),
    (b"hidden", b"\n", b"\n"),
    (b"table", b"\n", b"\n"),
    (b"tr", b"", b"\n"),
    (b"td", b"", b"\t"),
    (b"th", b"", b"\t"),
    (b"list", b"\n", b"\n"),
    (b"li", b"\n- ", b""),
    (b"*", b"\n- ", b""),
    (b"hr", b"\n-----\n", b""),
    (b"br", b"\n", b""),
];

/// The mark of BBCode that begins at the bracket `text` begins with: its length, and what it becomes.
fn mark(text: &[u8]) -> Option<(usize, &'static [u8])> {
    let text = &text[..text.len().min(128)];
    let close = memchr::memchr(b']', text)?;
    let inner = &text[1..close];
    let (closing, inner) = match inner.strip_prefix(b"/") {
        Some(rest) => (true, rest),
        None => (false, inner),
    };
    let name = &inner[..inner.iter().position(|b| matches!(b, b'=' | b' ')).unwrap_or(inner.len())];
    let (_, open, end) = MARKS.iter().find(|(known, _, _)| name.eq_ignore_ascii_case(known))?;
    Some((close + 1, if closing { end } else { open }))
}

/// The text without the marks of BBCode; rows of its tables are lines with tabs between their cells.
fn without_marks(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'[', &text[at..]).map(|i| at + i) {
        plain.extend_from_slice(&text[at..found]);
        at = match mark(&text[found..]) {
            Some((length, becomes)) => {
                // The tab behind the last cell of a row parts nothing.
                if becomes == b"\n" && plain.last() == Some(&b'\t') {
                    plain.pop();
                }
                plain.extend_from_slice(becomes);
                found + length
            }
            None => {
                plain.push(b'[');
                found + 1
            }
        };
    }
    plain.extend_from_slice(&text[at..]);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Option<String> {
        written_out(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn dense_marks_are_written_out() {
        assert_eq!(
            plain("a%40b.example%3Bx%0Ac%40d.example%3By%0A").as_deref(),
            Some("a@b.example;x\nc@d.example;y\n")
        );
        assert_eq!(plain("?a=x+y&b=%C3%A9%C3%A9%C3%A9&c=%40").as_deref(), Some("?a=x y&b=ééé&c=@"));
        assert_eq!(
            plain("zo+AOk-+AEA-x.example ma+AOs-lle+AEA-x.example +AOk-+AOg- 1+-1").as_deref(),
            Some("zoé@x.example maëlle@x.example éè 1+1")
        );
        assert_eq!(plain(r#""[{\"a\":\"b\"},{\"a\":\"c\"}]""#).as_deref(), Some(r#"[{"a":"b"},{"a":"c"}]"#));
        assert_eq!(plain("Lef=C3=A8vre Zo=C3=A9 Ma=C3=ABlle un=\ndeux").as_deref(), Some("Lefèvre Zoé Maëlle undeux"));
        assert_eq!(plain("&lt;tr&gt;&lt;td&gt;L&#39;&eacute;t&eacute;").as_deref(), Some("<tr><td>L'été"));
        assert_eq!(plain("[b]Nom:[/b] X[hr][tr][td]a[/td][td]b[/td][/tr]").as_deref(), Some("Nom: X\n-----\na\tb\n"));
    }

    #[test]
    fn single_marks_stay() {
        for text in [
            "1+1-2, a+b, c++ - +33612345678, g+100, x+yes-no +1 +abc",
            "\"a\";\"b\"\n",
            "100%25 off, only 20%AB today\n",
            "cp=29000, n=10, ref=C3A9\n",
            "R&D; Q&A; AT&T\n",
            "[b]fresh[/b] base\n",
            "[1] a [2] b [/x] [y]\n",
            "<p>&eacute;&eacute;&eacute;&eacute;&eacute;&eacute;</p>",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
    }
}
