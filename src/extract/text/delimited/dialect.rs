//! How delimited rows are written, and where one row, cell or quoted cell ends.
//!
//! The rules are shared by the sniffer, the parser and the cutter of the streaming lane, so that all three always agree.

use memchr::{memchr, memchr2, memrchr};

use super::affix::Affix;

/// The longest quoted cell. A quote that closes later, or never, was no quote.
pub(crate) const MAX_QUOTED: usize = 64 << 10;

/// Quotes within a quoted cell that neither close it nor are escaped, at most. What has more is no cell; and were each
/// quote of a text looked at from each before it, reading would take for ever.
const MAX_STRAYS: u32 = 64;

/// How the cells of a table are delimited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// What stands between cells; its first byte for a `long` delimiter.
    pub delimiter: u8,
    /// The whole delimiter where it is more than one byte.
    pub long: Option<&'static [u8]>,
    /// What a cell may be wrapped in. 0 for nothing.
    pub quote: u8,
    /// Whether `\` takes its meaning from the character behind it.
    pub backslash: bool,
    /// Whether blanks around cells are layout.
    pub padded: bool,
    /// Whether rows begin and end with a delimiter (tables as drawn by consoles and wikis).
    pub framed: bool,
    /// Number of cells in most rows.
    pub columns: usize,
    /// What is taken from the cells of some columns.
    pub affixes: Vec<Affix>,
}

impl Dialect {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            long: None,
            quote: b'"',
            backslash: false,
            padded: false,
            framed: false,
            columns: 0,
            affixes: Vec::new(),
        }
    }

    /// Whether every delimiter and line end in a text without quotes and backslashes parts cells, and nothing is taken from these.
    pub(crate) fn is_simple(&self) -> bool {
        self.long.is_none() && self.delimiter != b':' && !self.framed && !self.padded
    }

    /// Whether cells end where a single byte stands that parts them, and nothing is taken from them.
    pub(super) fn is_single(&self) -> bool {
        self.long.is_none() && !self.framed && !self.padded
    }

    /// Whether the delimiter of one byte that stands at `at` parts cells.
    #[inline(always)]
    pub(super) fn parts(&self, text: &[u8], at: usize) -> bool {
        self.delimiter != b':' || colon_delimits(text, at)
    }

    /// Whether the delimiter begins at `at`, given that its first byte stands there; its length.
    pub(crate) fn delimits(&self, text: &[u8], at: usize) -> Option<usize> {
        match self.long {
            Some(long) if long == b" - " && is_bullet(text, at) => None,
            Some(long) => text[at..].starts_with(long).then_some(long.len()),
            None => self.parts(text, at).then_some(1),
        }
    }
}

/// A dash with nothing but blanks before it on its line is a bullet: it parts nothing.
fn is_bullet(text: &[u8], at: usize) -> bool {
    let line = memrchr(b'\n', &text[at.saturating_sub(32)..at])
        .map_or(at.saturating_sub(32), |i| at.saturating_sub(32) + i + 1);
    (line == 0 || text[line - 1] == b'\n') && text[line..at].iter().all(u8::is_ascii_whitespace)
}

/// A colon within a time of day, a web address or a port parts nothing.
pub(crate) fn colon_delimits(text: &[u8], at: usize) -> bool {
    if text[at + 1..].starts_with(b"//") {
        return false;
    }
    let digit = |i: usize| text.get(i).is_some_and(u8::is_ascii_digit);
    let two_before = at >= 2 && digit(at - 1) && digit(at - 2) && !(at >= 3 && digit(at - 3));
    let two_behind = digit(at + 1) && digit(at + 2) && !digit(at + 3);
    !(two_before && two_behind)
}

/// A quoted cell, found at its opening quote.
pub(crate) struct Quoted {
    /// Where the closing quote stands.
    pub close: usize,
    /// Whether something within has to be unescaped.
    pub escaped: bool,
}

/// What a quote at the beginning of a cell turns out to be.
enum Opened {
    Cell(Quoted),
    /// No opening quote.
    Stray,
    /// It may close beyond the text.
    Unfinished,
}

/// The quoted cell whose opening quote stands at `open`, or `None` if that is no opening quote. A quote closes if a
/// delimiter or the end of the line follows (behind blanks perhaps); doubled or behind a backslash it does not.
pub(crate) fn quoted(text: &[u8], open: usize, dialect: &Dialect) -> Option<Quoted> {
    match opened(text, open, dialect) {
        Opened::Cell(cell) => Some(cell),
        Opened::Stray | Opened::Unfinished => None,
    }
}

fn opened(text: &[u8], open: usize, dialect: &Dialect) -> Opened {
    let quote = dialect.quote;
    let limit = text.len().min(open + MAX_QUOTED);
    let unclosed = || if limit == text.len() { Opened::Unfinished } else { Opened::Stray };
    let mut at = open + 1;
    let (mut escaped, mut strays) = (false, 0);
    loop {
        let rest = &text[at.min(limit)..limit];
        let found = if dialect.backslash { memchr2(quote, b'\\', rest) } else { memchr(quote, rest) };
        let Some(next) = found.map(|found| at + found) else { return unclosed() };
        let backslash = text[next] == b'\\' && quote != b'\\';
        if backslash || text.get(next + 1) == Some(&quote) {
            escaped = true;
            at = next + 2;
            continue;
        }
        if closes(text, next + 1, dialect) {
            let swallows = swallows_rows(&text[open + 1..next], dialect);
            return if swallows { Opened::Stray } else { Opened::Cell(Quoted { close: next, escaped }) };
        }
        escaped = true;
        strays += 1;
        if strays > MAX_STRAYS {
            return Opened::Stray;
        }
        at = next + 1;
    }
}

fn closes(text: &[u8], mut at: usize, dialect: &Dialect) -> bool {
    while text.get(at) == Some(&b' ') && dialect.delimiter != b' ' {
        at += 1;
    }
    match text.get(at) {
        None | Some(b'\n') => true,
        Some(b'\r') => true,
        Some(&b) => b == dialect.delimiter && dialect.delimits(text, at).is_some(),
    }
}

/// Whether what a quote seems to enclose are whole rows of the table: then the quote was a stray one.
fn swallows_rows(content: &[u8], dialect: &Dialect) -> bool {
    if dialect.columns < 2 || memchr(b'\n', content).is_none() {
        return false;
    }
    let mut rows = 0;
    let mut lines = content.split(|b| *b == b'\n').skip(1).peekable();
    while let Some(line) = lines.next() {
        if lines.peek().is_none() {
            break;
        }
        if memchr::memchr_iter(dialect.delimiter, line).count() + 1 == dialect.columns {
            rows += 1;
            if rows >= 3 {
                return true;
            }
        }
    }
    false
}

/// Whether a cell may begin at `at`: what stands before is a delimiter, a line end or nothing.
fn cell_may_begin(text: &[u8], at: usize, dialect: &Dialect) -> bool {
    let mut before = at;
    while before > 0 && text[before - 1] == b' ' && dialect.delimiter != b' ' {
        before -= 1;
    }
    match before.checked_sub(1) {
        None => true,
        Some(i) if text[i] == b'\n' => true,
        Some(i) => match dialect.long {
            Some(long) => text[..=i].ends_with(long) || text[..at].ends_with(long),
            None => text[i] == dialect.delimiter,
        },
    }
}

/// One past the last line end of `text` that no quoted cell encloses. `None` if there is no such line end.
pub(crate) fn last_row_end(text: &[u8], dialect: &Dialect) -> Option<usize> {
    let newline = |from: usize, to: usize| memrchr(b'\n', &text[from..to]).map(|at| from + at + 1);
    if dialect.quote == 0 || memchr(dialect.quote, text).is_none() {
        return newline(0, text.len());
    }
    if let Some(end) = plainly_quoted_end(text, dialect) {
        return end;
    }
    let (mut at, mut gap, mut end) = (0, 0, None);
    while let Some(found) = memchr(dialect.quote, &text[at..]) {
        let quote = at + found;
        at = quote + 1;
        if !cell_may_begin(text, quote, dialect) {
            continue;
        }
        end = newline(gap, quote).or(end);
        match opened(text, quote, dialect) {
            Opened::Cell(cell) => {
                at = cell.close + 1;
                gap = at;
            }
            // The row is not whole.
            Opened::Unfinished => return end,
            Opened::Stray => gap = quote,
        }
    }
    newline(gap, text.len()).or(end)
}

/// [`last_row_end`] of a text whose every quote is where it belongs: before or behind a cell, or doubled within one, and
/// no cell holds a line end. `None` if it is another; most are not.
fn plainly_quoted_end(text: &[u8], dialect: &Dialect) -> Option<Option<usize>> {
    if !dialect.is_simple() || dialect.backslash {
        return None;
    }
    let (mut gap, mut end) = (0, None);
    // Where the cell under way began, if one is open.
    let (mut began, mut open) = (0, false);
    // One search for both: values are short, and each search has its price.
    for at in memchr::memchr2_iter(dialect.quote, b'\n', text) {
        if text[at] == b'\n' {
            if open {
                return None;
            }
            end = Some(at + 1);
        } else if open {
            let next = text.get(at + 1).copied();
            let closes = next.is_none_or(|b| b == dialect.delimiter || b == b'\n' || b == b'\r' || b == dialect.quote);
            if !closes || at - began >= MAX_QUOTED {
                return None;
            }
            (open, gap) = (false, at + 1);
        } else if at == gap && gap > 0 {
            // Doubled: the cell goes on.
            open = true;
        } else {
            let begins = at == 0 || text[at - 1] == dialect.delimiter || text[at - 1] == b'\n';
            if !begins {
                return None;
            }
            (began, open) = (at, true);
        }
    }
    // One that is open may close beyond what is here, unless that would be too late.
    (!open || text.len() - began < MAX_QUOTED).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comma() -> Dialect {
        Dialect { columns: 2, ..Dialect::new(b',') }
    }

    #[test]
    fn line_ends_within_quotes_end_no_row() {
        assert_eq!(last_row_end(b"a,b\nc,\"d\ne", &comma()), Some(4));
        assert_eq!(last_row_end(b"a,b\nc,\"d\ne\"\nf", &comma()), Some(12));
        assert_eq!(last_row_end(b"\"a\nb", &comma()), None);
    }

    #[test]
    fn a_stray_quote_swallows_no_rows() {
        let text = b"1,\"2\n3,4\n5,6\n7,8\n9,\"10\"\n";
        assert!(quoted(text, 2, &comma()).is_none());
        assert_eq!(last_row_end(text, &comma()), Some(text.len()));
    }

    #[test]
    fn quotes_inside_a_cell_do_not_close_it() {
        let text = b"\"He said \"hi\" to me\",x\n";
        assert_eq!(quoted(text, 0, &comma()).unwrap().close, 19);
        assert_eq!(quoted(b"\"\",x", 0, &comma()).unwrap().close, 1);
        assert_eq!(quoted(b"\"a\"\"\",x", 0, &comma()).unwrap().close, 4);
    }

    proptest::proptest! {
        /// The short way gives what the long way gives, wherever it gives anything.
        #[test]
        fn both_ways_to_the_last_row_agree(text in "[a,\"\n\r ]{0,40}", columns in 0usize..4) {
            let dialect = Dialect { columns, ..Dialect::new(b',') };
            let text = text.as_bytes();
            if let Some(end) = plainly_quoted_end(text, &dialect) {
                // One that is simple no more takes the long way.
                let long = Dialect { padded: true, ..dialect };
                proptest::prop_assert_eq!(end, last_row_end(text, &long));
            }
        }
    }

    #[test]
    fn colons_of_times_and_addresses_part_nothing() {
        let colon = Dialect::new(b':');
        assert!(colon.delimits(b"07:26:00Z", 2).is_none());
        assert!(colon.delimits(b"https://a.example", 5).is_none());
        assert!(colon.delimits(b"a@b.example:0612345678", 11).is_some());
    }
}
