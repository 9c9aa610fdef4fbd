//! What PHP prints and stores: `var_dump` and `serialize`.
//!
//! Both name the length of every string, so that nothing in it has to be escaped.

use super::json::skip_blank;
use super::{NodeKind, Piece, Tree};
use crate::extract::columns::Columns;
use crate::extract::out::Out;
use crate::model::{Shape, SkipReason};

/// Whether a line begins one of the two.
pub(crate) fn opens(line: &[u8]) -> bool {
    let counted = |rest: &[u8], close: &[u8]| {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        digits > 0 && rest[digits..].starts_with(close)
    };
    line.strip_prefix(b"array(").is_some_and(|rest| counted(rest, b") {"))
        || line.starts_with(b"object(") && memchr::memchr(b'{', line).is_some()
        || line.strip_prefix(b"a:").is_some_and(|rest| counted(rest, b":{"))
        || line.strip_prefix(b"O:").is_some_and(|rest| counted(rest, b":\""))
}

/// Reads the value that begins at `start`. Returns where it ends; `None` if it is none of the two. One that breaks off
/// gives what stands before.
pub(crate) fn read(out: &mut Out<'_>, text: &[u8], start: usize) -> Option<usize> {
    out.flush_rows();
    let tree = Tree::new(text, start, Shape::Json);
    let mut reader = Reader { text, at: start, tree, key: None, limit: out.limits.nesting as usize, values: 0 };
    let stored = !matches!(text.get(start..start + 6), Some(b"array(" | b"object"));
    loop {
        let read = if stored { reader.stored(out) } else { reader.dumped(out) };
        if read.is_none() || reader.tree.depth() == 0 || out.stopped() {
            break;
        }
    }
    let at = reader.at;
    if reader.values == 0 && out.limits.nesting as usize > reader.tree.depth() {
        return None;
    }
    reader.tree.break_off(out, at);
    let columns: &mut Columns<'_> = &mut reader.tree.columns;
    columns.flush(out, at);
    Some(at)
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    tree: Tree<'t>,
    /// The key of the next value.
    key: Option<Piece>,
    limit: usize,
    /// Values read.
    values: usize,
}

impl Reader<'_> {
    fn open(&mut self, out: &mut Out<'_>) -> Option<()> {
        if self.tree.depth() >= self.limit {
            out.skip(SkipReason::Nesting, format!("{} arrays within each other", self.limit));
            return None;
        }
        let key = self.key.take().unwrap_or(Piece::NONE);
        self.tree.open(NodeKind::Object, key);
        Some(())
    }

    fn close(&mut self, out: &mut Out<'_>) {
        self.at += 1;
        self.key = None;
        self.tree.close(out, self.at);
    }

    fn scalar(&mut self, value: Piece) {
        let key = self.key.take().unwrap_or(Piece::NONE);
        self.values += 1;
        self.tree.scalar(key, value);
    }

    fn rest(&self) -> &[u8] {
        &self.text[self.at.min(self.text.len())..]
    }

    /// The number at `at`, and where it ends.
    fn number(&self, at: usize) -> Option<(usize, usize)> {
        let digits = self.text.get(at..)?.iter().take(19).take_while(|b| b.is_ascii_digit()).count();
        let number = std::str::from_utf8(&self.text[at..at + digits]).ok()?.parse().ok()?;
        Some((number, at + digits))
    }

    /// A string of `length` bytes between quotes, the first of which stands at `quote`. Lengths that do not fit (a dump
    /// that was re-encoded) are corrected by what follows the quote.
    fn string(&mut self, quote: usize, length: usize, behind: &[u8]) -> Option<Piece> {
        let start = quote + 1;
        let fits = |end: usize| self.text.get(end) == Some(&b'"') && self.text[end + 1..].starts_with(behind);
        let end = start.checked_add(length).filter(|end| fits(*end)).or_else(|| {
            let mark = [b"\"", behind].concat();
            memchr::memmem::find(self.text.get(start..)?, &mark).map(|i| start + i)
        })?;
        self.at = end + 1 + behind.len();
        Some(Piece::Text(start, end))
    }

    /// One token of `serialize`.
    fn stored(&mut self, out: &mut Out<'_>) -> Option<()> {
        match *self.rest().first()? {
            b'}' => self.close(out),
            kind @ (b'a' | b'O') => {
                let (length, end) = self.number(self.at + 2)?;
                self.at = end;
                if kind == b'O' {
                    self.string(end + 1, length, b":")?;
                    self.at = self.number(self.at)?.1;
                }
                self.at += self.rest().starts_with(b":{").then_some(2)?;
                self.open(out)?;
            }
            b's' => {
                let (length, end) = self.number(self.at + 2)?;
                let value = self.string(end + 1, length, b";")?;
                self.value_or_key(value);
            }
            b'i' | b'd' | b'b' => {
                let end = self.at + memchr::memchr(b';', &self.rest()[..self.rest().len().min(64)])?;
                let value = Piece::Text(self.at + 2, end);
                self.at = end + 1;
                self.value_or_key(value);
            }
            b'N' => {
                self.at += 2;
                self.value_or_key(Piece::NONE);
            }
            _ => return None,
        }
        Some(())
    }

    /// Within an array, keys and values take turns.
    fn value_or_key(&mut self, piece: Piece) {
        if self.key.is_none() && self.tree.depth() > 0 {
            self.key = Some(piece);
        } else {
            self.scalar(piece);
        }
    }

    /// One token of `var_dump`.
    fn dumped(&mut self, out: &mut Out<'_>) -> Option<()> {
        self.at = skip_blank(self.text, self.at);
        let rest = self.rest();
        let head = &rest[..rest.len().min(256)];
        if head.first() == Some(&b'}') {
            self.close(out);
        } else if head.first() == Some(&b'[') {
            let close = memchr::memmem::find(head, b"]=>")?;
            let bare = head[1..close].split(|b| *b == b':').next()?.len();
            let quotes = usize::from(head[1] == b'"');
            let end = self.at + 1 + bare - usize::from(quotes == 1 && head[bare] == b'"');
            self.key = Some(Piece::Text(self.at + 1 + quotes, end));
            self.at += close + 3;
        } else if head.starts_with(b"array(") || head.starts_with(b"object(") {
            self.at += memchr::memchr(b'{', head)? + 1;
            self.open(out)?;
        } else if head.starts_with(b"string(") {
            let (length, end) = self.number(self.at + 7)?;
            let value = self.string(end + 2, length, b"")?;
            self.scalar(value);
        } else {
            self.constant(head.len())?;
        }
        Some(())
    }

    /// `int(5)`, `float(1.5)`, `bool(true)`, `NULL`.
    fn constant(&mut self, most: usize) -> Option<()> {
        let head = &self.text[self.at..self.at + most];
        if head.starts_with(b"NULL") {
            self.at += 4;
            self.scalar(Piece::NONE);
            return Some(());
        }
        let known = [&b"int("[..], b"float(", b"bool(", b"enum("].into_iter().find(|kind| head.starts_with(kind))?;
        let close = memchr::memchr(b')', head)?;
        let value = Piece::Text(self.at + known.len(), self.at + close);
        self.at += close + 1;
        self.scalar(value);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::extract::testing::read;

    #[test]
    fn what_php_prints_and_stores_is_read() {
        let dumped = "array(2) {\n  [0]=>\n  array(3) {\n    [\"nom\"]=>\n    string(6) \"Martin\"\n    [\"age\"]=>\n    int(31)\n    [\"mail\"]=>\n    \
                      string(11) \"a@x.example\"\n  }\n  [1]=>\n  object(User)#2 (2) {\n    [\"nom\":protected]=>\n    string(5) \"Petit\"\n    \
                      [\"mail\"]=>\n    NULL\n  }\n}\nbye\n";
        let stored = "a:2:{i:0;a:3:{s:3:\"nom\";s:6:\"Martin\";s:3:\"age\";i:31;s:4:\"mail\";s:11:\"a@x.example\";}i:1;O:4:\"User\":2:{s:3:\"nom\";\
                      s:5:\"Petit\";s:4:\"mail\";N;}}\nbye\n";
        for text in [dumped, stored] {
            let kept = read(text.as_bytes());
            let rows: Vec<Vec<&str>> = kept
                .cells()
                .into_iter()
                .map(|row| row.into_iter().filter(|c| !c.is_empty() && c.len() > 1).collect())
                .collect();
            assert_eq!(rows, [vec!["Martin", "31", "a@x.example"], vec!["Petit"]], "{text} {kept:?}");
            assert_eq!(kept.text.trim(), "bye");
        }
    }

    #[test]
    fn what_only_looks_so_is_text() {
        for text in ["array(3) { is how it begins\n", "a:b:c@x.example\n", "a:3:{nothing\n"] {
            let kept = read(text.as_bytes());
            assert!(kept.rows.is_empty() && kept.text.trim() == text.trim(), "{text} {kept:?}");
        }
    }

    #[test]
    fn nesting_is_limited() {
        let kept = read(format!("{}{}", "a:1:{i:0;".repeat(50_000), "}".repeat(50_000)).as_bytes());
        assert!(kept.reasons().contains(&crate::model::SkipReason::Nesting));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn values_are_read_back(rows in prop::collection::vec(prop::collection::vec("[ -~é\"{};]{1,12}", 3), 2..12)) {
            let string = |v: &str| format!("s:{}:\"{v}\";", v.len());
            let record = |row: &Vec<String>| {
                let members: String = row.iter().enumerate().map(|(i, v)| string(&format!("k{i}")) + &string(v)).collect();
                format!("a:3:{{{members}}}")
            };
            let all: String = rows.iter().enumerate().map(|(i, row)| format!("i:{i};{}", record(row))).collect();
            let kept = read(format!("a:{}:{{{all}}}", rows.len()).as_bytes());
            let found: Vec<Vec<String>> = kept.rows.into_iter().map(|(_, row)| row[row.len() - 3..].to_vec()).collect();
            prop_assert_eq!(found, rows);
        }
    }
}
