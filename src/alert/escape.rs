//! Text from posters, made harmless: first for what it says ([`defuse`]), then for where it goes (one function each).
//!
//! Every channel formats through this file, so that one corpus of hostile texts can be sent through all of them.

use crate::model::FieldKind;
use crate::model::sensitive::mask;

/// Longest title, author or name shown, in characters.
pub const LINE_MAX: usize = 160;

/// Longest address shown, in characters.
pub const URL_MAX: usize = 600;

/// Characters that rearrange, hide or command: controls (C0, C1, DEL), direction marks, zero widths, line and
/// paragraph separators, tags, and what is not a character.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
            | '\u{fdd0}'..='\u{fdef}')
        || (c as u32) & 0xfffe == 0xfffe
}

/// One line without hostile characters, at most `max` characters, ending in `…` where it was cut.
#[must_use]
pub fn line(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut space = false;
    // Bounded before anything else: a title of a gigabyte must not be walked.
    for c in text.chars().take(max.saturating_mul(8)) {
        if c.is_whitespace() || is_hostile(c) {
            space = !out.is_empty();
            continue;
        }
        if std::mem::take(&mut space) {
            out.push(' ');
        }
        out.push(c);
    }
    if out.chars().count() > max {
        out = out.chars().take(max.saturating_sub(1)).chain(['…']).collect();
    }
    out
}

/// A title, author or file name as an alert may hold it: one line, capped, with what looks like personal data masked.
#[must_use]
pub fn defuse(text: &str) -> String {
    line(&mask_personal(&line(text, LINE_MAX)), LINE_MAX)
}

/// An address as an alert may hold it: without white space, capped, e-mail addresses and phone numbers masked. Other
/// numbers stay, or nobody could open it.
#[must_use]
pub fn defuse_url(url: &str) -> String {
    let url: String = line(url, URL_MAX).chars().filter(|c| !c.is_whitespace()).collect();
    mask_tokens(&url, is_contact)
}

/// Why something was not read, as an alert may hold it: the words are ours, but may quote a name of the poster's. Sizes and
/// counts stay; contacts, and long numbers with letters as accounts have them, are masked.
#[must_use]
pub fn defuse_detail(text: &str) -> String {
    let account =
        |token: &str| token.contains(char::is_alphabetic) && token.chars().filter(char::is_ascii_digit).count() >= 10;
    line(&mask_tokens(&line(text, LINE_MAX), |token| is_contact(token) || account(token)), LINE_MAX)
}

/// Masks what looks like an e-mail address or a number of eight digits and more.
fn mask_personal(text: &str) -> String {
    mask_tokens(text, |token| token.contains('@') || token.chars().filter(char::is_ascii_digit).count() >= 8)
}

/// An e-mail address or a phone number.
fn is_contact(token: &str) -> bool {
    token.contains('@') || is_phone(token)
}

/// A token of an address with what it escapes of addresses and phone numbers: `%2B33`, `06%2012`, `a%40b`.
fn unescaped(token: &str) -> String {
    const KNOWN: [(&str, &str); 8] = [
        ("%40", "@"),
        ("%2B", "+"),
        ("%2b", "+"),
        ("%20", "-"),
        ("%2E", "."),
        ("%2e", "."),
        ("%28", "("),
        ("%29", ")"),
    ];
    KNOWN.iter().fold(token.to_owned(), |token, (escape, c)| token.replace(escape, c))
}

/// French numbers and those with a country code; a thread's number rarely looks like either.
fn is_phone(token: &str) -> bool {
    let digits: String = token.chars().filter(char::is_ascii_digit).collect();
    let plain = digits.len() == 10 && digits.starts_with('0');
    let french = |d: &str| d.len() == 11 && d.starts_with("33") || d.len() == 13 && d.starts_with("0033");
    plain || french(&digits)
}

/// Splits into tokens as values are written (digits may be grouped by single spaces, dots, hyphens) and masks those
/// that `personal` points at.
fn mask_tokens(text: &str, personal: impl Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut token = String::new();
    let mut chars = text.chars().peekable();
    let flush = |token: &mut String, out: &mut String| {
        let plain = if token.contains('%') { unescaped(token) } else { token.clone() };
        if personal(&plain) {
            let kind = plain.contains('@').then_some(FieldKind::Email);
            out.push_str(&mask(kind, &plain));
        } else {
            out.push_str(token);
        }
        token.clear();
    };
    while let Some(c) = chars.next() {
        let digit_before = token.chars().next_back().is_some_and(|c| c.is_ascii_digit());
        let digit_after = chars.peek().is_some_and(|c| c.is_ascii_digit() || *c == '(');
        let grouped = matches!(c, ' ' | '.' | '-' | '\u{a0}' | '_') && digit_before && digit_after;
        let inside = c.is_alphanumeric() || matches!(c, '@' | '%' | '+' | '.' | '_' | '-' | '\'');
        if grouped || inside {
            token.push(c);
        } else {
            flush(&mut token, &mut out);
            out.push(c);
        }
    }
    flush(&mut token, &mut out);
    out
}

/// JSON in which hostile characters are written as escapes: a terminal or log viewer that shows it raw is not at their
/// mercy. (serde escapes C0 only.)
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn json<T: serde::Serialize>(value: &T) -> Result<String, serde_json::Error> {
    use std::fmt::Write;
    let plain = serde_json::to_string(value)?;
    if !plain.chars().any(is_hostile) {
        return Ok(plain);
    }
    let mut out = String::with_capacity(plain.len() + 64);
    // Outside strings JSON is plain ASCII, so whatever is hostile stands within one.
    for c in plain.chars() {
        if is_hostile(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Ok(out)
}

/// For HTML text and attributes, and the markup of desktop notices.
#[must_use]
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !is_hostile(*c) || *c == '\n') {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// For a terminal or plain text: hostile characters become `·`, so that they are seen to have been there.
#[must_use]
pub fn terminal(text: &str) -> String {
    text.chars().map(|c| if is_hostile(c) { '·' } else { c }).collect()
}

/// For Markdown (TheHive, Mattermost, MISP reports): every character that begins a construct is escaped, mentions are
/// broken, and nothing becomes a link by itself.
#[must_use]
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in line(text, URL_MAX).chars() {
        match c {
            '@' => out.push('＠'),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '!' | '|' | '~' | '=' => {
                out.push('\\');
                out.push(c);
            }
            ':' => out.push_str("&#58;"),
            c => out.push(c),
        }
    }
    out
}

/// For Slack's text: its three special characters; mentions cannot be written without them.
#[must_use]
pub fn slack(text: &str) -> String {
    line(text, URL_MAX).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// For a cell that a spreadsheet may open: a leading formula sign is disarmed.
#[must_use]
pub fn cell(text: &str) -> String {
    let text = line(text, URL_MAX);
    if text.starts_with(['=', '+', '-', '@', '|', '%']) { format!("'{text}") } else { text }
}

/// For the value of a structured-data parameter (RFC 5424, 6.3.3).
#[must_use]
pub fn structured_data(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in line(text, URL_MAX).chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// For a header field of CEF. Readers disagree on an escaped backslash before a blank, so none is written.
#[must_use]
pub fn cef_header(text: &str) -> String {
    line(text, URL_MAX).replace('\\', "/").replace('|', "\\|")
}

/// For an extension value of CEF.
#[must_use]
pub fn cef_value(text: &str) -> String {
    line(text, URL_MAX).replace('\\', "/").replace('=', "\\=")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn titles_lose_what_looks_like_a_person() {
        for (given, shown) in [
            ("jeanne.martin@courriel.example doxed", "j***@***.example doxed"),
            ("call 06 12 34 56 78 now", "call 06 ** ** ** 78 now"),
            ("dump of 2026, 3000 lines", "dump of 2026, 3000 lines"),
            ("a\r\nb\u{202e}c\u{1b}]8;;x\u{7}d", "a b c ]8;;x d"),
        ] {
            assert_eq!(defuse(given), shown);
        }
    }

    #[test]
    fn addresses_stay_usable_but_tell_nobody() {
        assert_eq!(defuse_url("https://forum.example/t/123456789#p2"), "https://forum.example/t/123456789#p2");
        assert!(!defuse_url("https://x.example/?q=jean.dupont%40courriel.example").contains("dupont"));
        assert!(!defuse_url("https://x.example/0612345678").contains("0612345678"));
        for escaped in ["%2B33612345678", "06%2012%2034%2056%2078", "%2b33-6-12-34-56-78"] {
            let shown = defuse_url(&format!("https://x.example/?tel={escaped}&page=2"));
            assert!(shown.contains("**") && shown.ends_with("&page=2"), "{shown}");
        }
        let escaped = "https://x.example/a%20b/t%C3%A9l";
        assert_eq!(defuse_url(escaped), escaped);
    }

    #[test]
    fn reasons_keep_their_sizes_and_tell_nobody() {
        let plain = "12345678901 bytes, of which at most 104857600 are read";
        assert_eq!(defuse_detail(plain), plain);
        assert_eq!(defuse_detail("no password for a.b@c.example"), "no password for a***@***.example");
        assert!(!defuse_detail("of +33 6 12 34 56 78").contains("12 34"));
        assert!(!defuse_detail("member FR7630006000011234567890189").contains("30006000"));
    }

    #[test]
    fn each_place_has_its_escapes() {
        assert_eq!(html("<b>\"&'"), "&lt;b&gt;&quot;&amp;&#39;");
        assert_eq!(structured_data("a]b\"c\\d"), "a\\]b\\\"c\\\\d");
        assert_eq!(cef_header("a|b\\"), "a\\|b/");
        assert_eq!(cef_value("a=b\\\n"), "a\\=b/");
        assert_eq!(slack("<!channel> & @x"), "&lt;!channel&gt; &amp; @x");
        assert_eq!(markdown("@all [x](y)"), "＠all \\[x\\]\\(y\\)");
        assert_eq!(cell("=1+2"), "'=1+2");
        assert_eq!(terminal("a\u{1b}[2Jb"), "a·[2Jb");
    }

    proptest! {
        #[test]
        fn a_line_is_one_bounded_clean_line(text in any::<String>(), max in 1_usize..80) {
            let line = line(&text, max);
            prop_assert!(line.chars().count() <= max);
            prop_assert!(!line.chars().any(is_hostile));
        }
    }
}
