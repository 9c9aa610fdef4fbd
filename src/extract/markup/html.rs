//! HTML: the rows of tables, and everything else as the text a reader would see, which is then looked at like any
//! other text (posts hold samples of dumps).

use super::tokens::{Token, Tokens, attributes, resolve};
use crate::extract::columns::Columns;
use crate::extract::out::Out;
use crate::extract::text;
use crate::extract::text::looks::{Looks, looks};
use crate::model::{Shape, SkipReason};

/// Tables within each other whose rows are told apart.
const MAX_TABLES: usize = 32;

/// Text gathered before it is looked at.
const MAX_TEXT: usize = 4 << 20;

/// Blocks within each other that are told apart.
const MAX_BLOCKS: usize = 512;

/// Rows of a table of two columns that may be the fields of one record.
const MAX_FIELDS: usize = 40;

/// Elements whose beginning and end break a line.
const BLOCKS: [&[u8]; 31] = [
    b"p",
    b"div",
    b"li",
    b"ul",
    b"ol",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"pre",
    b"blockquote",
    b"section",
    b"article",
    b"header",
    b"footer",
    b"form",
    b"fieldset",
    b"dl",
    b"title",
    b"option",
    b"address",
    b"table",
    b"tr",
    b"caption",
    b"hr",
    b"code",
    b"textarea",
    b"script",
    b"main",
];

/// Elements that never close and do not count as nesting.
const VOID: [&[u8]; 12] =
    [b"br", b"hr", b"img", b"input", b"meta", b"link", b"area", b"base", b"col", b"embed", b"wbr", b"source"];

/// Reads all of the page that begins at `start`.
pub(super) fn read(out: &mut Out<'_>, page: &[u8], start: usize) -> usize {
    out.flush_rows();
    let mut reader = Page {
        page,
        tables: Vec::new(),
        text: Vec::new(),
        depth: 0,
        pre: 0,
        blocks: Vec::new(),
        cards: Columns::new(page, start, Shape::Markup),
    };
    let mut tokens = Tokens::new(page, start);
    let mut count = 0u32;
    while let Some(token) = tokens.next() {
        reader.token(out, token, tokens.at);
        count += 1;
        if count.is_multiple_of(1024) && out.stopped() {
            break;
        }
    }
    while !reader.tables.is_empty() {
        reader.end_table(out, page.len());
    }
    reader.end_text(out);
    page.len()
}

struct Table<'t> {
    columns: Columns<'t>,
    header: bool,
    /// The cells of the row under construction, their text resolved.
    row: Vec<Vec<u8>>,
    /// Whether all of them are header cells.
    heads: bool,
    in_cell: bool,
    rows: usize,
    /// The first rows, while all have two cells: they may be labels and values.
    held: Vec<Vec<Vec<u8>>>,
}

impl Table<'_> {
    fn put_row(&mut self, out: &mut Out<'_>, row: &[Vec<u8>], at: usize) {
        for cell in row {
            let column = self.columns.next_column();
            self.columns.put_value(column, cell.trim_ascii());
        }
        self.rows += 1;
        self.columns.end_row(out, at);
    }

    /// Hands on the rows that were held back.
    fn release(&mut self, out: &mut Out<'_>, at: usize) {
        for row in std::mem::take(&mut self.held) {
            self.put_row(out, &row, at);
        }
    }
}

/// Whether rows of two cells are the labels and values of one record: different words to the left, values of different
/// types to the right.
fn is_card(rows: &[Vec<Vec<u8>>]) -> bool {
    let labels: Vec<&[u8]> = rows.iter().map(|row| row[0].trim_ascii()).collect();
    let label = |(i, label): (usize, &&[u8])| {
        !label.is_empty() && label.len() <= 40 && !looks(label).typed() && !labels[..i].contains(label)
    };
    let types: Vec<Looks> = rows.iter().map(|row| looks(&row[1])).filter(|look| look.typed()).collect();
    let several = types.iter().any(|look| *look != types[0]);
    let known = labels.iter().filter(|label| text::header::is_known(label.strip_suffix(b":").unwrap_or(label))).count();
    rows.len() >= 3
        && labels.iter().enumerate().all(label)
        && !types.is_empty()
        && (several || known * 2 >= labels.len())
}

struct Page<'t> {
    page: &'t [u8],
    tables: Vec<Table<'t>>,
    text: Vec<u8>,
    depth: u32,
    pre: u32,
    /// The blocks that are open, as places in [`BLOCKS`], and whether there are blocks in them.
    blocks: Vec<(usize, bool)>,
    /// Records that are tables of two columns each: labels and values.
    cards: Columns<'t>,
}

impl Page<'_> {
    fn token(&mut self, out: &mut Out<'_>, token: Token, at: usize) {
        match token {
            Token::Text(range) => self.chars(out, range, true),
            Token::Data(range) => self.chars(out, range, false),
            Token::Open { name, attributes, empty } => {
                let name = self.page[name].to_ascii_lowercase();
                if !empty && !VOID.contains(&name.as_slice()) {
                    self.depth += 1;
                    if self.depth == out.limits.nesting + 1 {
                        let detail = format!("{} elements within each other; read on as text", out.limits.nesting);
                        out.skip(SkipReason::Nesting, detail);
                    }
                }
                self.open(out, &name, at);
                self.addresses(attributes);
            }
            Token::Close { name } => {
                self.depth = self.depth.saturating_sub(1);
                let name = self.page[name].to_ascii_lowercase();
                self.close(out, &name, at);
            }
        }
    }

    fn open(&mut self, out: &mut Out<'_>, name: &[u8], at: usize) {
        match name {
            b"table" if self.tables.len() < MAX_TABLES => {
                self.end_text(out);
                let columns = Columns::with_header(self.page, at, Shape::Markup, None);
                self.tables.push(Table {
                    columns,
                    header: false,
                    row: Vec::new(),
                    heads: true,
                    in_cell: false,
                    rows: 0,
                    held: Vec::new(),
                });
            }
            b"tr" => self.end_row(out, at),
            b"td" | b"th" => {
                if let Some(table) = self.tables.last_mut() {
                    table.row.push(Vec::new());
                    table.heads &= name == b"th";
                    table.in_cell = true;
                } else {
                    self.push(b"\t");
                }
            }
            b"br" => self.push(b"\n"),
            b"pre" | b"textarea" | b"code" => {
                self.pre += 1;
                self.push(b"\n");
            }
            b"dt" => self.break_line(),
            b"dd" => {}
            _ => self.open_block(name),
        }
    }

    /// A block begins: its text stands on a line of its own, and the block around it holds lines.
    fn open_block(&mut self, name: &[u8]) {
        let Some(block) = BLOCKS.iter().position(|block| *block == name) else { return };
        self.break_line();
        if let Some((_, lines)) = self.blocks.last_mut() {
            *lines = true;
        }
        if self.blocks.len() < MAX_BLOCKS && !VOID.contains(&name) {
            self.blocks.push((block, false));
        }
    }

    /// A block ends: one that held lines is followed by a blank one, as a paragraph is.
    fn close_block(&mut self, name: &[u8]) {
        let Some(block) = BLOCKS.iter().position(|block| *block == name) else { return };
        self.break_line();
        // Elements that are never closed end with the one around them.
        let near = self.blocks.len().saturating_sub(8);
        if let Some(i) = self.blocks[near..].iter().rposition(|(open, _)| *open == block) {
            let lines = self.blocks[near + i].1;
            self.blocks.truncate(near + i);
            if lines {
                self.push(b"\n");
            }
        }
    }

    /// Ends the line at hand, if there is something on it.
    fn break_line(&mut self) {
        let in_cell = self.tables.last().is_some_and(|table| table.in_cell);
        let text = self.text.trim_ascii_end().len();
        if in_cell || text < self.text.len() && self.text[text..].contains(&b'\n') || text == 0 {
            if in_cell {
                self.push(b"\n");
            }
            return;
        }
        self.push(b"\n");
    }

    fn close(&mut self, out: &mut Out<'_>, name: &[u8], at: usize) {
        match name {
            b"table" => self.end_table(out, at),
            b"tr" => self.end_row(out, at),
            b"td" | b"th" => {
                if let Some(table) = self.tables.last_mut() {
                    table.in_cell = false;
                }
            }
            b"dt" => self.push(b" : "),
            b"dd" => self.break_line(),
            b"pre" | b"textarea" | b"code" => {
                self.pre = self.pre.saturating_sub(1);
                self.push(b"\n");
            }
            _ => self.close_block(name),
        }
    }

    /// What links and form fields carry beside what is seen.
    fn addresses(&mut self, range: std::ops::Range<usize>) {
        let page = self.page;
        let signs = |text: &[u8]| memchr::memchr_iter(b'@', text).count();
        let mut left = signs(&page[range.clone()]);
        if left == 0 && memchr::memchr(b'=', &page[range.clone()]).is_none() {
            return;
        }
        for (name, value) in attributes(page, range.clone()) {
            let (name, value) = (&page[name], &page[value]);
            let carried = if name.eq_ignore_ascii_case(b"href") {
                let data =
                    Some(value).filter(|value| value.starts_with(b"data:text") || value.starts_with(b"data:appl"));
                if data.is_some() {
                    self.push(b"\n");
                }
                value.strip_prefix(b"mailto:").or_else(|| value.strip_prefix(b"tel:")).or(data)
            } else if name.eq_ignore_ascii_case(b"value")
                || name.eq_ignore_ascii_case(b"title")
                || name.eq_ignore_ascii_case(b"content")
            {
                Some(value).filter(|value| value.len() < 4096)
            } else {
                Some(value).filter(|value| value.len() < 4096 && value.contains(&b'@'))
            };
            if let Some(value) = carried {
                left = left.saturating_sub(signs(value));
                let mut text = vec![b' '];
                resolve(value, &mut text);
                text.push(b' ');
                self.push(&text);
            }
        }
        if left > 0 {
            // `<P jean@…`: no tag that anybody wrote, but what stands in it is read.
            self.push(b" ");
            self.push(&page[range]);
            self.push(b" ");
        }
    }

    fn chars(&mut self, out: &mut Out<'_>, range: std::ops::Range<usize>, entities: bool) {
        let raw = &self.page[range];
        if raw.iter().all(u8::is_ascii_whitespace) {
            if !raw.is_empty() {
                self.push(if self.pre > 0 || !entities { raw } else { b" " });
            }
            return;
        }
        let to = match self.tables.last_mut().filter(|table| table.in_cell) {
            Some(table) => table.row.last_mut().unwrap_or(&mut self.text),
            None => &mut self.text,
        };
        if entities {
            resolve(raw, to);
        } else {
            to.extend_from_slice(raw);
        }
        if self.text.len() > MAX_TEXT {
            self.end_text(out);
        }
    }

    /// Appends to the cell at hand or to the text.
    fn push(&mut self, text: &[u8]) {
        match self.tables.last_mut().filter(|table| table.in_cell) {
            // Line ends within a cell are blanks.
            Some(table) => {
                if let Some(cell) = table.row.last_mut() {
                    cell.extend_from_slice(if text == b"\n" { b" " } else { text });
                }
            }
            None => self.text.extend_from_slice(text),
        }
    }

    fn end_row(&mut self, out: &mut Out<'_>, at: usize) {
        let Some(table) = self.tables.last_mut() else {
            self.text.push(b'\n');
            return;
        };
        let row = std::mem::take(&mut table.row);
        let heads = std::mem::replace(&mut table.heads, true);
        table.in_cell = false;
        if row.is_empty() {
            return;
        }
        // A cell with lines in it holds a text, not a value: layout tables of pages are made of them.
        if row.len() == 1 {
            self.text.extend_from_slice(&row[0]);
            self.text.push(b'\n');
            return;
        }
        if table.rows == 0 && !table.header && heads && row.len() > 1 {
            table.header = true;
            let cells: Vec<&[u8]> = row.iter().map(Vec::as_slice).collect();
            table.columns = Columns::with_header(self.page, at, Shape::Markup, Some(text::header::names(&cells)));
            return;
        }
        if row.len() == 2 && !table.header && table.rows == 0 && table.held.len() < MAX_FIELDS {
            return table.held.push(row);
        }
        table.release(out, at);
        table.put_row(out, &row, at);
    }

    fn end_table(&mut self, out: &mut Out<'_>, at: usize) {
        self.end_row(out, at);
        if let Some(mut table) = self.tables.pop() {
            if is_card(&table.held) {
                for row in &table.held {
                    let name = row[0].trim_ascii();
                    let name = name.strip_suffix(b":").unwrap_or(name).trim_ascii_end();
                    let column = self.cards.column(name, out.limits.columns);
                    self.cards.put_value(column, row[1].trim_ascii());
                }
                // Handed on at once: the batch is the next table's.
                table.columns.flush(out, at);
                self.cards.end_row(out, 0);
                self.cards.flush_here(out);
            } else {
                table.release(out, at);
            }
            table.columns.flush(out, at);
        }
        // Rows of an outer table go on in a batch of their own.
        if let Some(outer) = self.tables.last_mut() {
            outer.columns.skip_to(out, at, at);
        }
    }

    /// Looks at the text gathered so far.
    fn end_text(&mut self, out: &mut Out<'_>) {
        // Rows that wait are those of the innermost table.
        for table in self.tables.iter_mut().rev() {
            table.columns.flush_here(out);
        }
        let text = std::mem::take(&mut self.text);
        if text.iter().any(u8::is_ascii_alphanumeric) {
            text::read(out, &text);
            out.flush_rows();
        }
    }
}
