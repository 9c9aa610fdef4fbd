//! Decoded text, cut into the shapes it is made of.
//!
//! [`read`] goes through a text from shape to shape: at each place the openings that announce themselves (SQL, JSON,
//! markup) are tried first, then tables and blocks of lines are looked for, and what is left is handed on as text, in
//! which `matching` itself finds identifiers by line and paragraph.

pub(crate) mod blob;
pub(crate) mod delimited;
mod edifact;
mod escaped;
pub(crate) mod fixed;
pub(crate) mod header;
pub(crate) mod keyvalue;
pub(crate) mod looks;
pub(crate) mod plan;
mod redrawn;
mod separator;
pub(crate) mod survey;

use std::cmp::Ordering;

use super::markup;
use super::out::Out;
use super::sql;
use super::tree::{json, php};
use crate::model::{Batch, Layout, Shape};
use delimited::affix;
use delimited::sniff::{self, Found, Lines};
use keyvalue::Blocks;
use keyvalue::inline::{self, Inline};
use survey::{Line, SAMPLE_BYTES, SAMPLE_LINES, Sample, Surveyor};

/// How far the segmenter jumps through text in which it found nothing, at most.
const MAX_STRIDE: usize = 1 << 20;

/// Lines left for the next look at the end of a sample without a table: one may begin there.
const OVERLAP_LINES: usize = 6;

/// Rows by which a table's columns are settled.
const HEADED: usize = 40;

/// How deep text before a table is searched for another one.
const MAX_SPLITS: u32 = 4;

/// A shape that announces itself at the beginning of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// JSON or a literal, whose bracket stands at this offset of the line.
    Literal(usize),
    /// What PHP printed or stored.
    Php(usize),
    /// A statement of SQL.
    Sql(usize),
    /// Tuples of SQL, behind the rest of one that was cut.
    Cut(usize),
    /// HTML or XML.
    Markup(usize),
    /// A document in rich text.
    Rtf(usize),
    /// An interchange of EDIFACT.
    Edifact(usize),
    /// A dump in base64 or hexadecimal.
    Blob(usize),
}

/// What the line at the beginning of `text` opens.
pub(super) fn opening(text: &[u8]) -> Option<Opening> {
    let (blank, line) = bare_line(text, line_end(text));
    match announced(text, blank, line) {
        None if !matches!(line.first(), None | Some(b'{' | b'[' | b'<')) => {
            held(blank, line).or_else(|| blob::opens(line).map(|at| Opening::Blob(blank + at)))
        }
        announced => announced,
    }
}

/// Whether the line at the beginning of `text` opens a shape; `learnt` is what is known of it.
fn line_opens(text: &[u8], learnt: &Line) -> bool {
    let (blank, line) = bare_line(text, learnt.len());
    match line.first() {
        None | Some(b'{' | b'[' | b'<') => announced(text, blank, line).is_some(),
        Some(first) => {
            announced(text, blank, line).is_some()
                || (learnt.opens || *first == b'r') && held(blank, line).is_some()
                || (learnt.solid || blob::begins_hex(line)) && blob::opens(line).is_some()
        }
    }
}

/// The blanks at the beginning of a line, and the line behind them.
fn bare_line(text: &[u8], end: usize) -> (usize, &[u8]) {
    let blank = text.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    (blank, &text[blank..end.max(blank)])
}

/// What a line opens with its first signs.
fn announced(text: &[u8], blank: usize, line: &[u8]) -> Option<Opening> {
    match line.first()? {
        b'{' if markup::opens_rtf(line) => Some(Opening::Rtf(blank)),
        b'{' | b'[' => json::may_open(line).then_some(Opening::Literal(blank)),
        b'<' => markup::opens(&text[blank..]).then_some(Opening::Markup(blank)),
        b'i' | b'I' | b'u' | b'U' | b'r' | b'R' | b'c' | b'C' | b'(' if sql::opens(line) => Some(Opening::Sql(blank)),
        b'U' if edifact::opens(line) => Some(Opening::Edifact(blank)),
        b'a' | b'o' | b'O' if php::opens(line) => Some(Opening::Php(blank)),
        _ => None,
    }
}

/// What a line opens behind something else. [`Line::opens`] is set where this may be.
fn held(blank: usize, line: &[u8]) -> Option<Opening> {
    assigned(line)
        .map(|at| Opening::Literal(blank + at))
        .or_else(|| quoted_statement(line).map(|at| Opening::Cut(blank + at)))
        .or_else(|| sql::cut_tuple(line).map(|at| Opening::Cut(blank + at)))
}

/// `users = [`, `const data = {`, `$x = array(`, `return [`: where the literal stands in a line of source code.
fn assigned(line: &[u8]) -> Option<usize> {
    let head = &line[..line.len().min(96)];
    // `callback([…])`, `users.push({…})`
    let call = head.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'.')).count();
    if call > 0 && head.get(call) == Some(&b'(') && matches!(head.get(call + 1), Some(b'[' | b'{')) {
        return Some(call + 1);
    }
    let at = match head.strip_prefix(b"return ") {
        Some(_) => 7,
        None => {
            let equals = memchr::memchr(b'=', head)?;
            let name = |b: &u8| {
                b.is_ascii_alphanumeric()
                    || matches!(b, b'_' | b'$' | b'.' | b' ' | b':' | b'@' | b'[' | b']' | b'\'' | b'"')
            };
            let named = equals > 0 && head[..equals].iter().all(name) && head.get(equals + 1) != Some(&b'=');
            named.then_some(equals + 1)?
        }
    };
    let at = at + line[at..].iter().take_while(|b| **b == b' ').count();
    let rest = &line[at..];
    if rest.len() >= 6 && rest[..6].eq_ignore_ascii_case(b"array(") {
        return Some(at + 5);
    }
    matches!(rest.first()?, b'{' | b'[').then_some(at)
}

/// `$db->query("INSERT INTO …")`: where the statement stands that a line of source code quotes.
fn quoted_statement(line: &[u8]) -> Option<usize> {
    let head = &line[..line.len().min(160)];
    memchr::memchr3(b'"', b'\'', b'`', head)?;
    let at = memchr::memmem::find(head, b"INSERT INTO ").filter(|at| *at > 0)?;
    matches!(head[at - 1], b'"' | b'\'' | b'`').then_some(at)
}

/// Whether a line opens a shape that announces itself.
pub(crate) fn opens_other_shape(line: &[u8]) -> bool {
    opening(line).is_some()
}

/// Reads a whole text (or a chunk of one that ends at a row end).
pub(crate) fn read(out: &mut Out<'_>, text: &[u8]) {
    Segmenter::new().read(out, text);
}

struct Segmenter {
    /// Tables that ended because their rows changed.
    breaks: u32,
    /// How much text is passed on when nothing is found.
    stride: usize,
    /// How often the text was written out already.
    layers: u32,
}

/// How often what was escaped may have been escaped before.
const MAX_LAYERS: u32 = 3;

impl Segmenter {
    fn new() -> Self {
        Self { breaks: 0, stride: SAMPLE_BYTES, layers: 0 }
    }

    fn read(&mut self, out: &mut Out<'_>, text: &[u8]) {
        if self.layers < MAX_LAYERS
            && let Some(plain) = escaped::written_out(text).or_else(|| redrawn::redrawn(text))
        {
            self.layers += 1;
            self.read(out, &plain);
            self.layers -= 1;
            return;
        }
        let (mut at, mut surveyor) = (0, Surveyor::new(text));
        while at < text.len() && !out.stopped() {
            at = self.step(out, text, at, &mut surveyor);
        }
    }

    /// Reads the shape or stretch of text that begins at `at`. Returns where it ends, never `at` itself.
    fn step(&mut self, out: &mut Out<'_>, whole: &[u8], at: usize, surveyor: &mut Surveyor<'_>) -> usize {
        let text = &whole[at..];
        let blank = text.iter().take_while(|b| b.is_ascii_whitespace()).count();
        if blank == text.len() {
            return whole.len();
        }
        // Blanks at the beginning of a line may belong to its first cell.
        let blank = memchr::memrchr(b'\n', &text[..blank]).map_or(0, |i| i + 1);
        if blank > 0 {
            out.text(&text[..blank]);
            return at + blank;
        }
        if let Some(end) = opening(text).and_then(|opening| self.opened(out, whole, at, opening)) {
            self.stride = SAMPLE_BYTES;
            return end;
        }
        let sample = surveyor.sample(at, line_opens);
        match look(sample) {
            Some(Look::Table(found)) => {
                self.stride = SAMPLE_BYTES;
                at + self.table(out, text, sample, found, 0)
            }
            Some(Look::Inline(inline)) => {
                self.stride = SAMPLE_BYTES;
                self.read(out, &text[..inline.start]);
                inline::read(out, whole, at + inline.start, inline).max(at + 1)
            }
            Some(Look::Fixed(found)) => {
                self.stride = SAMPLE_BYTES;
                self.read(out, &text[..found.start]);
                at + self.columns(out, text, found)
            }
            Some(Look::Blocks(blocks)) => {
                self.stride = SAMPLE_BYTES;
                self.read(out, &text[..blocks.start]);
                keyvalue::read(out, whole, at + blocks.start, blocks).max(at + 1)
            }
            None => at + self.pass(out, text, sample.text.len()),
        }
    }

    /// Reads a shape that announced itself at `at`; `None` if it was none after all.
    fn opened(&mut self, out: &mut Out<'_>, whole: &[u8], at: usize, opening: Opening) -> Option<usize> {
        // What stands before it on its line.
        let before = match opening {
            Opening::Literal(blank) | Opening::Cut(blank) | Opening::Blob(blank) => &whole[at..at + blank],
            _ => &[],
        };
        let end = match opening {
            Opening::Literal(blank) => json::read(out, whole, at + blank),
            Opening::Markup(blank) => markup::read(out, whole, at + blank),
            Opening::Sql(blank) | Opening::Cut(blank) => sql::read(out, whole, at + blank),
            Opening::Rtf(blank) => Some(markup::read_rtf(out, whole, at + blank)),
            Opening::Edifact(blank) => Some(edifact::read(out, whole, at + blank)),
            Opening::Php(blank) => php::read(out, whole, at + blank),
            Opening::Blob(blank) => blob::read(out, whole, at + blank),
        }?;
        out.text(before);
        Some(end)
    }

    /// Reads what stands before a found table, then the table.
    fn table(&mut self, out: &mut Out<'_>, text: &[u8], sample: Sample<'_>, mut found: Found, splits: u32) -> usize {
        let before = &text[..found.start];
        let upto = sample.upto(found.start);
        match sniff_before(upto, splits) {
            Some(earlier) => return self.table(out, before, upto, earlier, splits + 1),
            None => out.text(before),
        }
        found.start + self.rows(out, &text[found.start..], sample.behind(found.start), &mut found)
    }

    /// Reads the table that `text` begins with, as do the lines of `sample`.
    fn rows(&mut self, out: &mut Out<'_>, text: &[u8], sample: Sample<'_>, found: &mut Found) -> usize {
        let (header, rows_at) = settle_columns(text, sample, found);
        out.table(shape_of(text, found), header);
        let end = delimited::read(out, text, rows_at, &found.dialect, &mut self.breaks);
        // A table of which not even one row could be read would be found again for ever.
        if end > 0 { end } else { self.pass(out, text, line_end(text)) }
    }

    fn columns(&mut self, out: &mut Out<'_>, text: &[u8], found: fixed::Found) -> usize {
        out.table(Shape::FixedWidth, found.header);
        let end = fixed::read(out, text, found.rows_at, &found.columns);
        if end > 0 { end } else { self.pass(out, text, line_end(text)) }
    }

    /// Hands on the text of a sample in which nothing was found, and more the longer nothing is.
    fn pass(&mut self, out: &mut Out<'_>, text: &[u8], sample: usize) -> usize {
        let mut end = if sample < text.len() { back_lines(text, sample, OVERLAP_LINES) } else { sample };
        if self.stride > SAMPLE_BYTES {
            let far = text.len().min(self.stride);
            end = end.max(memchr::memrchr(b'\n', &text[..far]).map_or(far, |i| i + 1));
        }
        self.stride = (self.stride * 2).min(MAX_STRIDE);
        out.text(&text[..end]);
        end
    }
}

/// What a sample of lines shows.
enum Look {
    Table(Found),
    Fixed(fixed::Found),
    Blocks(Blocks),
    Inline(Inline),
}

/// The table, the columns or the blocks that a sample shows, whichever come first.
fn look(sample: Sample<'_>) -> Option<Look> {
    let table = sniff::sniff(sample);
    let fixed =
        fixed::sniff::sniff(sample).filter(|fixed| table.as_ref().is_none_or(|table| stands_before(fixed, table)));
    let start = fixed.as_ref().map(|fixed| fixed.start).or(table.as_ref().map(|table| table.start));
    let comes_first = |other: usize| start.is_none_or(|start| other <= start);
    if let Some(inline) = inline::sniff(sample)
        && comes_first(inline.start)
    {
        return Some(Look::Inline(inline));
    }
    let ruled = fixed.as_ref().filter(|fixed| fixed.ruled).map(|fixed| fixed.start);
    match keyvalue::sniff(sample) {
        Some(blocks) if comes_first(blocks.start) && ruled != Some(blocks.start) => Some(Look::Blocks(blocks)),
        _ => fixed.map(Look::Fixed).or(table.map(Look::Table)),
    }
}

/// Whether columns are rather to be read than a delimited table of the same sample. Signs that stand within values of
/// columns part fewer cells than the blanks do; where a sign stands between all columns it is their delimiter.
fn stands_before(fixed: &fixed::Found, table: &Found) -> bool {
    let strong = table.dialect.long.is_none() && matches!(table.dialect.delimiter, b';' | b'\t' | b'|' | 1 | 0x1f);
    match fixed.start.cmp(&table.start) {
        Ordering::Less if !strong => true,
        _ if fixed.ruled => fixed.start <= table.start,
        _ => !strong && fixed.width() > table.dialect.columns,
    }
}

fn sniff_before(sample: Sample<'_>, splits: u32) -> Option<Found> {
    (splits < MAX_SPLITS && !sample.lines.is_empty()).then(|| sniff::sniff(sample)).flatten()
}

/// The whole lines at the beginning of `text` that are looked at. The first are those of `surveyed`.
fn sample<'t>(text: &'t [u8], surveyed: &Sample<'_>) -> &'t [u8] {
    let head = &text[..text.len().min(SAMPLE_BYTES)];
    // The last line of a survey may lack its end.
    let known = surveyed.lines.len().min(SAMPLE_LINES).saturating_sub(1);
    let from = surveyed.lines.get(known).map_or(0, |line| surveyed.range(line).start);
    if let Some(i) = memchr::memchr_iter(b'\n', &head[from..]).nth(SAMPLE_LINES - 1 - known) {
        return &text[..=from + i];
    }
    if head.len() == text.len() {
        return text;
    }
    memchr::memrchr(b'\n', head).map_or(head, |i| &text[..=i])
}

/// The beginning of the line that stands `lines` lines before `end`, unless that is the beginning of the text.
fn back_lines(text: &[u8], end: usize, lines: usize) -> usize {
    memchr::memrchr_iter(b'\n', &text[..end - 1]).nth(lines - 1).map_or(end, |i| i + 1)
}

pub(crate) fn line_end(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).map_or(text.len(), |i| i + 1)
}

/// Settles what a found table's columns are called and what is taken from their cells. Returns the header, if there is
/// one, and where the rows behind it begin. The table begins with `text` and with the lines of `surveyed`.
pub(crate) fn settle_columns(text: &[u8], surveyed: Sample<'_>, found: &mut Found) -> (Option<Vec<String>>, usize) {
    let dialect = &found.dialect;
    let (mut rows, body_at) = some_rows(sample(text, &surveyed), Lines::of(surveyed, dialect), dialect);
    if rows.rows() == 0 {
        return (None, 0);
    }
    let affixes = affix::learn(&rows);
    affix::strip_batch(&mut rows, &affixes);
    found.dialect.affixes = affixes;
    let first: Vec<&[u8]> = rows.row(0).cells().collect();
    if header::could_name(&first) && header::is_header(&first, &cells_of(&rows)[1..]) {
        return (Some(header::names(&first)), body_at);
    }
    (labels(&found.dialect), 0)
}

/// The first rows of a table's sample, without those that are far too narrow, and where the second of them may begin.
/// `lines` are what is known of its first lines.
fn some_rows(sample: &[u8], mut lines: Lines<'_, '_>, dialect: &delimited::Dialect) -> (Batch, usize) {
    let mut rows = Batch::new(0, Layout::Rows);
    rows.text.extend_from_slice(sample);
    rows.row_ends.reserve(HEADED);
    rows.cells.reserve(HEADED * dialect.columns.min(HEADED));
    let (mut at, mut body_at) = (0, 0);
    while at < sample.len() && rows.rows() < HEADED {
        if let Some(end) = lines.narrow(at) {
            at = end;
            continue;
        }
        let (cells, length) = (rows.cells.len(), rows.text.len());
        let end = delimited::read_row(sample, at, &mut rows, dialect);
        let wide = (rows.cells.len() - cells) * 2 > dialect.columns;
        if wide && !delimited::is_rule(sample[at..end].trim_ascii()) {
            rows.end_row();
            if rows.rows() == 1 {
                body_at = end;
            }
        } else {
            rows.cells.truncate(cells);
            rows.text.truncate(length);
        }
        at = end;
    }
    (rows, body_at)
}

fn cells_of(rows: &Batch) -> Vec<Vec<&[u8]>> {
    (0..rows.rows()).map(|i| rows.row(i).cells().collect()).collect()
}

/// The labels within the cells as a header, if most columns have one.
fn labels(dialect: &delimited::Dialect) -> Option<Vec<String>> {
    let labelled = dialect.affixes.iter().filter(|affix| affix.label.is_some()).count();
    (labelled >= 2 && labelled * 2 >= dialect.columns).then(|| {
        let mut names = vec![String::new(); dialect.columns];
        for affix in &dialect.affixes {
            if let (Some(name), Some(label)) = (names.get_mut(affix.column()), &affix.label) {
                name.clone_from(label);
            }
        }
        names
    })
}

/// Whether the table is a list of addresses with something behind them, or any table.
fn shape_of(text: &[u8], found: &Found) -> Shape {
    let line = &text[..line_end(text)];
    let first = line.split(|b| *b == found.dialect.delimiter).next().unwrap_or(line);
    let combo =
        found.dialect.columns <= 3 && found.dialect.delimiter == b':' && looks::looks(first) == looks::Looks::Email;
    if combo { Shape::Combo } else { Shape::Delimited }
}
