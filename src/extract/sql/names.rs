//! Words, identifiers and lists of them, as the engines write them: `a`, "a", `[a]`, a, schema.a.

use crate::extract::text::header::name;

/// Columns in order.
pub(crate) type Names = Vec<String>;

/// The longest list of columns or definitions that is read, in bytes.
const MAX_LIST: usize = 256 << 10;

pub(super) fn skip_space(text: &[u8], mut at: usize) -> usize {
    loop {
        while text.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let rest = &text[at.min(text.len())..];
        if rest.starts_with(b"/*") && !rest.starts_with(b"/*!") {
            match memchr::memmem::find(&rest[..rest.len().min(4096)], b"*/") {
                Some(end) => at += end + 2,
                None => return at,
            }
        } else {
            return at;
        }
    }
}

/// Where the text goes on behind `word` (in any case) at `at`.
pub(super) fn keyword(text: &[u8], at: usize, word: &str) -> Option<usize> {
    let end = at + word.len();
    let found = text.get(at..end)?.eq_ignore_ascii_case(word.as_bytes());
    let apart = text.get(end).is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'_');
    (found && apart).then(|| skip_space(text, end))
}

/// The name at `at`, its last part if it has several, and where it ends.
pub(super) fn identifier(text: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let mut at = skip_space(text, at);
    loop {
        let (part, end) = part(text, at)?;
        if text.get(end) == Some(&b'.') {
            at = end + 1;
            continue;
        }
        return Some((part.to_vec(), end));
    }
}

fn part(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let close = match text.get(at)? {
        b'`' => b'`',
        b'"' => b'"',
        b'\'' => b'\'',
        b'[' => b']',
        _ => {
            let word =
                |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'#' | b'@' | b'-') || **b >= 0x80;
            let length = text[at..].iter().take(256).take_while(word).count();
            return (length > 0).then(|| (&text[at..at + length], at + length));
        }
    };
    let content = &text[at + 1..text.len().min(at + 257)];
    let length = memchr::memchr(close, content)?;
    Some((&content[..length], at + length + 2))
}

/// `(a, b, c)` and where it ends.
pub(super) fn name_list(text: &[u8], open: usize) -> Option<(Names, usize)> {
    let mut names = Vec::new();
    let mut at = open + 1;
    loop {
        let (column, behind) = identifier(text, at)?;
        names.push(name(&column));
        at = skip_space(text, behind);
        match text.get(at)? {
            b',' if at - open < MAX_LIST => at += 1,
            b')' => return Some((names, at + 1)),
            _ => return None,
        }
    }
}

/// Behind `TABLE [IF NOT EXISTS]`, with what may stand before it.
pub(super) fn after_table_word(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    for word in ["or", "replace", "temporary", "temp", "unlogged", "global", "foreign"] {
        at = keyword(text, at, word).unwrap_or(at);
    }
    at = keyword(text, at, "table")?;
    for word in ["if", "not", "exists"] {
        at = keyword(text, at, word).unwrap_or(at);
    }
    Some(at)
}

/// The columns that a definition in brackets names, and where it ends.
pub(super) fn definitions(text: &[u8], open: usize) -> Option<(Names, usize)> {
    const NO_COLUMNS: [&str; 9] =
        ["primary", "key", "unique", "constraint", "index", "foreign", "fulltext", "check", "exclude"];
    if text.get(open) != Some(&b'(') {
        return None;
    }
    let text = &text[..text.len().min(open + MAX_LIST)];
    let mut columns = Vec::new();
    let mut at = open + 1;
    loop {
        at = skip_space(text, at);
        if NO_COLUMNS.iter().all(|word| keyword(text, at, word).is_none())
            && let Some((column, _)) = identifier(text, at)
        {
            columns.push(name(&column));
        }
        at = end_of_definition(text, at)?;
        if text[at] == b')' {
            return Some((columns, at + 1));
        }
        at += 1;
    }
}

fn begins_anew(line: &[u8]) -> bool {
    keyword(line, 0, "create").is_some_and(|at| after_table_word(line, at).is_some())
        || keyword(line, 0, "insert").is_some_and(|at| keyword(line, at, "into").is_some())
}

/// The `,` or `)` that ends the definition at `at`.
fn end_of_definition(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0usize;
    loop {
        match text.get(at)? {
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b',' | b')' if depth == 0 => return Some(at),
            // Another statement: this one never ends, and each of many like it must not be looked through to the same end.
            b'\n' if begins_anew(&text[at + 1..]) => return None,
            quote @ (b'\'' | b'"' | b'`') => at += memchr::memchr(*quote, &text[at + 1..])? + 1,
            _ => {}
        }
        at += 1;
    }
}
