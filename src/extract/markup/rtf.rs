//! Rich text: what a reader would see of it, as lines, the cells of its tables between tabs.

use crate::extract::out::Out;
use crate::extract::text;
use crate::model::SkipReason;

/// Groups within each other that are told apart.
const MAX_DEPTH: usize = 512;

/// Destinations whose content is not seen.
const HIDDEN: [&[u8]; 14] = [
    b"fonttbl",
    b"colortbl",
    b"stylesheet",
    b"info",
    b"pict",
    b"object",
    b"themedata",
    b"datastore",
    b"listtable",
    b"listoverridetable",
    b"rsidtbl",
    b"latentstyles",
    b"xmlnstbl",
    b"generator",
];

/// Whether a line begins a document.
pub(crate) fn opens(line: &[u8]) -> bool {
    line.starts_with(b"{\\rtf1")
}

/// Reads the document that begins at `start`. Returns where it ends.
pub(crate) fn read(out: &mut Out<'_>, rtf: &[u8], start: usize) -> usize {
    out.flush_rows();
    let mut reader =
        Reader { rtf, at: start, plain: Vec::new(), hidden: Vec::new(), skipped: 0, fallback: 1, row: Vec::new() };
    let deep = reader.document();
    let (plain, end) = (reader.plain, reader.at);
    if deep {
        out.skip(
            SkipReason::Nesting,
            format!("{MAX_DEPTH} groups of rich text within each other; read on as one level"),
        );
    }
    text::read(out, &plain);
    end
}

struct Reader<'t> {
    rtf: &'t [u8],
    at: usize,
    plain: Vec<u8>,
    /// For each open group, whether it is hidden.
    hidden: Vec<bool>,
    /// Groups open beyond the limit.
    skipped: usize,
    /// Characters that stand behind `\u…` for readers that know no Unicode.
    fallback: usize,
    /// Bytes of the code page that were not yet decoded.
    row: Vec<u8>,
}

impl Reader<'_> {
    /// Reads to the end of the outermost group. Whether groups were nested too deeply.
    fn document(&mut self) -> bool {
        let mut deep = false;
        while self.at < self.rtf.len() {
            let byte = self.rtf[self.at];
            self.at += 1;
            match byte {
                b'{' if self.hidden.len() >= MAX_DEPTH => {
                    self.skipped += 1;
                    deep = true;
                }
                b'{' => self.hidden.push(self.is_hidden()),
                b'}' if self.skipped > 0 => self.skipped -= 1,
                b'}' => {
                    self.hidden.pop();
                    if self.hidden.is_empty() {
                        break;
                    }
                }
                b'\\' => self.control(),
                b'\r' | b'\n' => {}
                byte => self.byte(byte),
            }
        }
        self.decode();
        deep
    }

    fn is_hidden(&self) -> bool {
        self.hidden.last().copied().unwrap_or(false)
    }

    /// One byte of the document's code page.
    fn byte(&mut self, byte: u8) {
        if !self.is_hidden() {
            self.row.push(byte);
        }
    }

    /// Decodes what was gathered. Nearly all programs write Windows-1252 or escape what is beyond it.
    fn decode(&mut self) {
        self.plain.extend_from_slice(encoding_rs::WINDOWS_1252.decode_without_bom_handling(&self.row).0.as_bytes());
        self.row.clear();
    }

    fn text(&mut self, text: &[u8]) {
        if !self.is_hidden() {
            self.decode();
            self.plain.extend_from_slice(text);
        }
    }

    /// A control word or symbol, whose backslash was read.
    fn control(&mut self) {
        let rest = &self.rtf[self.at..];
        let length = rest.iter().take(32).take_while(|b| b.is_ascii_alphabetic()).count();
        if length == 0 {
            return self.symbol();
        }
        let word = &rest[..length];
        let sign = usize::from(rest.get(length) == Some(&b'-'));
        let digits = rest[length + sign..].iter().take(10).take_while(|b| b.is_ascii_digit()).count();
        let number: Option<i64> =
            std::str::from_utf8(&rest[length..length + sign + digits]).ok().and_then(|number| number.parse().ok());
        self.at += length + if digits > 0 { sign + digits } else { 0 };
        self.at += usize::from(self.rtf.get(self.at) == Some(&b' '));
        match word {
            b"par" | b"line" | b"sect" | b"page" => self.text(b"\n"),
            b"row" | b"nestrow" => {
                // The tab behind the last cell parts nothing.
                self.decode();
                if self.plain.ends_with(b"\t") {
                    self.plain.pop();
                }
                self.text(b"\n");
            }
            b"cell" | b"nestcell" | b"tab" => self.text(b"\t"),
            b"uc" => self.fallback = number.unwrap_or(1).clamp(0, 8) as usize,
            b"u" => self.unicode(number.unwrap_or(0)),
            b"bin" => self.at = self.at.saturating_add(number.unwrap_or(0).max(0) as usize).min(self.rtf.len()),
            _ if HIDDEN.contains(&word) => self.hide(),
            _ => {}
        }
    }

    fn hide(&mut self) {
        if let Some(hidden) = self.hidden.last_mut() {
            *hidden = true;
        }
    }

    fn symbol(&mut self) {
        let Some(symbol) = self.rtf.get(self.at).copied() else { return };
        self.at += 1;
        match symbol {
            b'\'' => {
                let hex = self.rtf.get(self.at..self.at + 2).and_then(|hex| std::str::from_utf8(hex).ok());
                if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                    self.byte(byte);
                }
                self.at = (self.at + 2).min(self.rtf.len());
            }
            b'*' => self.hide(),
            b'~' => self.text(b" "),
            b'\n' | b'\r' => self.text(b"\n"),
            b'_' => self.text(b"-"),
            b'{' | b'}' | b'\\' => self.byte(symbol),
            _ => {}
        }
    }

    /// A character by its number, which is signed, and what stands for it.
    fn unicode(&mut self, number: i64) {
        let code = if number < 0 { number + 65_536 } else { number };
        let c = u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.text(c.encode_utf8(&mut [0; 4]).as_bytes());
        for _ in 0..self.fallback {
            match self.rtf.get(self.at..) {
                Some([b'\\', b'\'', ..]) => self.at = (self.at + 4).min(self.rtf.len()),
                Some([b'\\' | b'{' | b'}', ..]) | None => return,
                Some(_) => self.at = (self.at + 1).min(self.rtf.len()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::testing::read;

    #[test]
    fn rich_text_gives_its_lines_and_rows() {
        let rows: String = (0..5)
            .map(|i| format!("\\trowd\\pard\\intbl {{\\b L\\u233?a}} {i}\\cell u{i}@x.example\\cell 06123456\\'30{i}\\cell\\row\n"))
            .collect();
        let kept = read(format!("{{\\rtf1\\ansi{{\\fonttbl{{\\f0 Arial a@hidden.example;}}}}{{\\*\\x y}}\\pard B\\'e9b\\'e9\\par\n{rows}}}after").as_bytes());
        assert_eq!(kept.cells()[2], ["Léa 2", "u2@x.example", "0612345602"], "{kept:?}");
        assert!(kept.text.contains("Bébé") && kept.text.contains("after") && !kept.holds("hidden"));
    }

    #[test]
    fn groups_without_end_are_bounded_and_recorded() {
        let kept = read(format!("{{\\rtf1 a@x.example {}", "{".repeat(200_000)).as_bytes());
        assert!(kept.holds("a@x.example"));
        assert_eq!(kept.reasons(), [crate::model::SkipReason::Nesting]);
        for cut in ["{\\rtf1 \\'", "{\\rtf1 \\u-", "{\\rtf1 \\bin99999999999 x", "{\\rtf1 \\"] {
            let _ = read(cut.as_bytes());
        }
    }
}
