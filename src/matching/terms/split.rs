//! Cuts a YARA source into its rules, so that they can be compiled, placed in their file and measured one by one.
//!
//! Only as much of the grammar as that takes: strings, regular expressions, comments and braces. What is not understood
//! is handed on as it stands, for the compiler to say what is wrong.

use std::ops::Range;

/// One thing that stands at the top of a source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'t> {
    /// What it is.
    pub kind: Kind,
    /// Name of the rule, or what is imported or included; empty where it cannot be told.
    pub name: &'t str,
    /// Where it stands.
    pub range: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rule,
    Import,
    Include,
    /// Neither: the compiler will say what is wrong with it.
    Unknown,
}

/// The line, from 1, on which a byte stands.
pub(super) fn line_of(text: &str, at: usize) -> u32 {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() as u32
}

/// Cuts `text` apart.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut cutter = Cutter { text, at: 0 };
    let mut pieces = Vec::new();
    while let Some(piece) = cutter.piece() {
        pieces.push(piece);
    }
    pieces
}

struct Cutter<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cutter<'t> {
    fn piece(&mut self) -> Option<Piece<'t>> {
        self.blank();
        let start = self.at;
        if start == self.text.len() {
            return None;
        }
        let mut kind = Kind::Unknown;
        let mut name = "";
        loop {
            self.blank();
            match self.word() {
                "global" | "private" => {}
                "rule" => {
                    self.blank();
                    (kind, name) = (Kind::Rule, self.word());
                    self.body();
                    break;
                }
                word @ ("import" | "include") => {
                    self.blank();
                    kind = if word == "import" { Kind::Import } else { Kind::Include };
                    name = self.quoted();
                    break;
                }
                _ => {
                    self.at = self.text.len();
                    break;
                }
            }
        }
        Some(Piece { kind, name, range: start..self.at })
    }

    fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Passes white space and comments.
    fn blank(&mut self) {
        loop {
            match self.rest() {
                [byte, ..] if byte.is_ascii_whitespace() => self.at += 1,
                [b'/', b'/' | b'*', ..] => self.comment(),
                _ => return,
            }
        }
    }

    fn comment(&mut self) {
        let rest = &self.text[self.at..];
        let line = rest.starts_with("//");
        let end = if line { rest.find('\n') } else { rest[2..].find("*/").map(|at| at + 4) };
        self.at += end.unwrap_or(rest.len());
    }

    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        self.at += len;
        &self.text[self.at - len..self.at]
    }

    /// Passes a quoted string and gives what stands in it.
    fn quoted(&mut self) -> &'t str {
        if self.rest().first() != Some(&b'"') {
            return "";
        }
        let start = self.at + 1;
        self.until(b'"');
        self.text.get(start..self.at.saturating_sub(1)).unwrap_or_default()
    }

    /// Passes what begins here and ends with `end`, unescaped and on the same line.
    fn until(&mut self, end: u8) {
        self.at += 1;
        while let Some(byte) = self.rest().first() {
            self.at += match byte {
                b'\\' => 2.min(self.rest().len()),
                b'\n' => return,
                _ => 1,
            };
            if *byte == end {
                return;
            }
        }
    }

    /// Passes a rule from its name to its last brace.
    fn body(&mut self) {
        let mut depth = 0;
        while let Some(byte) = self.rest().first() {
            match (byte, self.rest().get(1)) {
                (b'"', _) => self.until(b'"'),
                (b'/', Some(b'/' | b'*')) => self.comment(),
                (b'/', _) => self.until(b'/'),
                (b'{', _) => {
                    depth += 1;
                    self.at += 1;
                }
                (b'}', _) => {
                    self.at += 1;
                    depth -= 1;
                    if depth <= 0 {
                        return;
                    }
                }
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HARD: &str = r#"
import "pe" // not accepted, but seen
/* rule none { } */
private rule a : tag { strings: $a = "}\"{" $b = /x\/}{2}/ $h = { 41 [2-4] ( 42 | 43 ) } // }
  condition: all of them }
include "x.yar"
global private /* } */ rule b { condition: a }
rule c{condition:true}rule d { condition: false }
"#;

    #[test]
    fn a_source_is_cut_into_its_rules() {
        let pieces = pieces(HARD);
        let seen: Vec<_> = pieces.iter().map(|p| (p.kind, p.name, line_of(HARD, p.range.start))).collect();
        let rule = |name, line| (Kind::Rule, name, line);
        assert_eq!(
            seen,
            [
                (Kind::Import, "pe", 2),
                rule("a", 4),
                (Kind::Include, "x.yar", 6),
                rule("b", 7),
                rule("c", 8),
                rule("d", 8)
            ]
        );
        assert!(HARD[pieces[1].range.clone()].ends_with("all of them }"));
        assert_eq!(super::pieces("rule x { condition: true } ? rule y").len(), 2);
    }

    proptest! {
        #[test]
        fn any_text_is_cut_and_nothing_but_blanks_lies_between(
            text in "(rule|private|import|[a-z{}\"/\\\\*é \n]|// x\n|/\\* x \\*/){0,30}"
        ) {
            let mut end = 0;
            for piece in pieces(&text) {
                prop_assert!(piece.range.start >= end && piece.range.end > piece.range.start);
                prop_assert!(text.get(piece.range.clone()).is_some());
                end = piece.range.end;
            }
        }
    }
}
