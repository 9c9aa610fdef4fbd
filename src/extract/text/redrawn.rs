//! Tables that take several lines for a row: one cell a line in MediaWiki and AsciiDoc, cells folded within drawn frames.
//! They are written out with a row a line before shapes are looked for.

use super::delimited::is_rule;

/// Bytes looked at for the signs of such tables.
const SAMPLE: usize = 64 << 10;
/// Rows that must be gathered at least.
const LEAST: usize = 3;
/// Lines of the tallest folded row, and of those whose parts become cells of their own.
const TALLEST: usize = 12;
const PARTED: usize = 4;
/// Cells of one row, at most.
const WIDEST: usize = 256;

/// The text with a row a line, if it has such tables.
pub(super) fn redrawn(text: &[u8]) -> Option<Vec<u8>> {
    let sample = &text[..text.len().min(SAMPLE)];
    // Most texts have none of these signs.
    memchr::memchr2(b'|', 0xE2, sample)?;
    let count = |sign: &[u8]| memchr::memmem::find_iter(sample, sign).take(LEAST).count();
    if count(b"{|") > 0 && count(b"\n|-") > 0 {
        return gathered(text, b"{|", b"|}", wiki_line);
    }
    if count(b"|===") > 0 {
        return gathered(text, b"|===", b"|===", asciidoc_line);
    }
    if count(b"\n+-") + count("\n├".as_bytes()) >= LEAST { unfolded(text) } else { None }
}

/// What a line within a table is.
enum Piece<'t> {
    Cell(&'t [u8]),
    /// Cells side by side: a row of its own.
    Row(Vec<&'t [u8]>),
    Ends,
    Other,
}

fn wiki_line(line: &[u8]) -> Piece<'_> {
    let bare = line.trim_ascii();
    match bare {
        [b'|', b'-' | b'+', ..] | [b'{', b'|', ..] => Piece::Ends,
        [b'|' | b'!', rest @ ..]
            if memchr::memmem::find(rest, b"||").is_none() && memchr::memmem::find(rest, b"!!").is_none() =>
        {
            Piece::Cell(rest.trim_ascii())
        }
        _ => Piece::Other,
    }
}

fn asciidoc_line(line: &[u8]) -> Piece<'_> {
    let bare = line.trim_ascii();
    match bare {
        [] | [b'|', b'=', b'=', b'=', ..] => Piece::Ends,
        [b'|', rest @ ..] => {
            let cells: Vec<&[u8]> = rest.split(|b| *b == b'|').map(<[u8]>::trim_ascii).collect();
            if cells.len() == 1 { Piece::Cell(cells[0]) } else { Piece::Row(cells) }
        }
        _ => Piece::Other,
    }
}

/// The text with the cells of each row of its tables on one line.
fn gathered<'t>(text: &'t [u8], opens: &[u8], closes: &[u8], piece: fn(&'t [u8]) -> Piece<'t>) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let (mut within, mut rows) = (false, 0);
    let mut cells: Vec<&[u8]> = Vec::new();
    for line in text.split_inclusive(|b| *b == b'\n') {
        let bare = line.trim_ascii();
        if !within {
            within = bare.starts_with(opens);
            plain.extend_from_slice(if within { b"\n" } else { line });
            continue;
        }
        let found = if bare.starts_with(closes) { Piece::Ends } else { piece(line) };
        if let Piece::Cell(cell) = found
            && cells.len() < WIDEST
        {
            cells.push(cell);
            continue;
        }
        rows += usize::from(cells.len() >= 2);
        row(&mut plain, &mut cells);
        match found {
            Piece::Row(found) => {
                cells.extend(found);
                row(&mut plain, &mut cells);
            }
            Piece::Cell(_) | Piece::Other => plain.extend_from_slice(line),
            // What parts rows is not needed where each has its line.
            Piece::Ends => {}
        }
        within = !bare.starts_with(closes);
    }
    rows += usize::from(cells.len() >= 2);
    row(&mut plain, &mut cells);
    (rows >= LEAST).then_some(plain)
}

/// Writes a row, framed.
fn row(plain: &mut Vec<u8>, cells: &mut Vec<&[u8]>) {
    if cells.is_empty() {
        return;
    }
    for cell in cells.drain(..) {
        plain.extend_from_slice(b"| ");
        plain.extend_from_slice(cell);
        plain.push(b' ');
    }
    plain.extend_from_slice(b"|\n");
}

/// The lines between two rules, as cells; none if they are no rows of one width.
struct Block<'t> {
    lines: Vec<&'t [u8]>,
    cells: Option<Vec<Vec<&'t [u8]>>>,
}

impl<'t> Block<'t> {
    fn of(lines: Vec<&'t [u8]>) -> Self {
        let cells: Vec<Vec<&[u8]>> = lines.iter().filter_map(|line| framed(line)).collect();
        let even = cells.len() == lines.len() && cells.iter().all(|row| row.len() == cells[0].len());
        Self { cells: (even && !cells.is_empty()).then_some(cells), lines }
    }

    fn is_folded(&self) -> bool {
        self.cells.as_ref().is_some_and(|cells| (2..=TALLEST).contains(&cells.len()) && cells[0].len() >= 2)
    }

    /// Each column's lines joined, then line by line what was joined: all rows get the same number of cells.
    fn write(&self, plain: &mut Vec<u8>, tallest: usize) {
        let Some(cells) = &self.cells else {
            return self.lines.iter().for_each(|line| plain.extend_from_slice(line));
        };
        let joined: Vec<Vec<u8>> = (0..cells[0].len())
            .map(|column| {
                cells.iter().map(|row| row[column]).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(&b' ')
            })
            .collect();
        let mut all: Vec<&[u8]> = joined.iter().map(Vec::as_slice).collect();
        for line in 0..tallest {
            let part = |column: usize| cells.get(line).filter(|_| cells.len() > 1).map_or(&b""[..], |row| row[column]);
            all.extend((0..cells[0].len()).map(part));
        }
        row(plain, &mut all);
    }
}

/// The cells of a line within a frame.
fn framed(line: &[u8]) -> Option<Vec<&[u8]>> {
    let line = std::str::from_utf8(line.trim_ascii()).ok()?;
    let mark = line.chars().next().filter(|c| matches!(c, '|' | '│' | '┃' | '║'))?;
    let inner = line.strip_prefix(mark)?.strip_suffix(mark)?;
    Some(inner.split(mark).map(|cell| cell.trim().as_bytes()).collect())
}

/// The text with the folded rows of drawn tables on one line each, if most rows are folded.
fn unfolded(text: &[u8]) -> Option<Vec<u8>> {
    let (mut blocks, mut lines) = (Vec::new(), Vec::new());
    for line in text.split_inclusive(|b| *b == b'\n') {
        if !line.trim_ascii().is_empty()
            && is_rule(line.trim_ascii())
            && framed(line).is_none_or(|cells| cells.iter().all(|c| is_rule(c)))
        {
            blocks.push(Block::of(std::mem::take(&mut lines)));
        } else {
            lines.push(line);
        }
    }
    blocks.push(Block::of(lines));
    let folded = blocks.iter().filter(|block| block.is_folded()).count();
    let drawn = blocks.iter().filter(|block| block.cells.is_some()).count();
    if folded < LEAST || folded * 10 <= drawn * 6 {
        return None;
    }
    let heights =
        blocks.iter().filter(|block| block.is_folded()).filter_map(|block| block.cells.as_ref()).map(Vec::len);
    let tallest = heights.max().unwrap_or(0).min(PARTED);
    let mut plain = Vec::with_capacity(text.len() * 2);
    blocks.iter().for_each(|block| block.write(&mut plain, tallest));
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::testing::read;

    #[test]
    fn cells_on_lines_of_their_own_are_rows() {
        let wiki = "{| class=\"wikitable\"\n|-\n! nom\n! mail\n|-\n| Roux\n| a@x.example\n|-\n| Petit\n| b@x.example\n|-\n| Noël\n| c@x.example\n|}\nbye\n";
        let asciidoc = "[cols=\"2*\"]\n|===\n|nom |mail\n\n|Roux\n|a@x.example\n\n|Petit\n|b@x.example\n\n|Noël\n|c@x.example\n|===\nbye\n";
        for text in [wiki, asciidoc] {
            let kept = read(text.as_bytes());
            assert_eq!(kept.headers(), [Some(vec!["nom", "mail"])], "{kept:?}");
            assert_eq!(kept.cells()[1], ["Petit", "b@x.example"], "{kept:?}");
            assert!(kept.text.contains("bye"), "{kept:?}");
        }
    }

    #[test]
    fn folded_cells_are_joined_and_kept_apart_too() {
        let rule = "+-------+-------------+\n";
        let rows: String =
            (0..4).map(|i| format!("| Roux{i} | u{i}@x.example |\n| Léa   | 061234567{i}  |\n{rule}")).collect();
        let kept = read(format!("{rule}| nom   | contact     |\n{rule}{rows}").as_bytes());
        assert_eq!(
            kept.cells()[3],
            ["Roux2 Léa", "u2@x.example 0612345672", "Roux2", "u2@x.example", "Léa", "0612345672"],
            "{kept:?}"
        );
    }

    #[test]
    fn tables_with_a_row_a_line_stay() {
        for text in [
            "+---+---+\n| a | b |\n+---+---+\n| 1 | 2 |\n| 3 | 4 |\n+---+---+\n",
            "{|\n! a !! b\n|-\n| 1 || 2\n|-\n| 3 || 4\n|}\n",
            "|===\n|a |b\n|1 |2\n|===\n",
        ] {
            assert_eq!(redrawn(text.as_bytes()), None, "{text}");
        }
    }
}
