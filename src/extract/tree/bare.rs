//! Maps as Java prints them: `{nom=Martin, ville=Le Mans}`, without a quote.

use crate::extract::columns::Columns;

/// The longest map, in bytes.
const LONGEST: usize = 64 << 10;

/// Reads the map that begins at `open` into a row under construction. Returns where it ends; `None` if it is none.
pub(super) fn read(text: &[u8], open: usize, columns: &mut Columns<'_>, most: usize) -> Option<usize> {
    let window = &text[open + 1..text.len().min(open + LONGEST)];
    let length = memchr::memchr2(b'}', b'{', window).filter(|i| window[*i] == b'}')?;
    let inner = &window[..length];
    let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
    let mut at = 0;
    while at < inner.len() {
        let end = memchr::memmem::find(&inner[at..], b", ").map_or(inner.len(), |i| at + i);
        match (key(&inner[at..end]), pairs.last_mut()) {
            (Some(key), _) => pairs.push((at, at + key, end)),
            // A comma within a value.
            (None, Some(last)) => last.2 = end,
            (None, None) => return None,
        }
        at = end + 2;
    }
    if pairs.len() < 2 {
        return None;
    }
    for (start, equals, end) in pairs {
        let column = columns.column(&inner[start..equals], most);
        if inner[equals + 1..end] != *b"null" {
            columns.put_range(column, open + 1 + equals + 1, open + 1 + end);
        }
    }
    Some(open + 1 + length + 1)
}

/// Length of the key that a part begins with.
fn key(part: &[u8]) -> Option<usize> {
    let length = part.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')).count();
    (length > 0 && part.get(length) == Some(&b'=')).then_some(length)
}
