//! HTML: the rows of tables, and everything else as the text a reader would see, which is then looked at like any
//! other text (posts hold samples of dumps).

use super::tokens::{Token, Tokens, attributes, resolve};
use crate::extract::columns::Columns;
use crate::extract::out::Out;
use crate::extract::text;
use crate::model::{Shape, SkipReason};

/// Tables within each other whose rows are told apart.
const MAX_TABLES: usize = 32;

/// Text gathered before it is looked at.
const MAX_TEXT: usize = 4 << 20;

/// Elements whose beginning and end break a line.
const BLOCKS: [&[u8]; 32] = [
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
    b"dd",
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
    let mut reader = Page { page, tables: Vec::new(), text: Vec::new(), depth: 0, pre: 0 };
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
}

struct Page<'t> {
    page: &'t [u8],
    tables: Vec<Table<'t>>,
    text: Vec<u8>,
    depth: u32,
    pre: u32,
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
            b"dt" => self.push(b"\n"),
            _ if BLOCKS.contains(&name) => self.push(b"\n"),
            _ => {}
        }
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
            b"pre" | b"textarea" | b"code" => {
                self.pre = self.pre.saturating_sub(1);
                self.push(b"\n");
            }
            _ if BLOCKS.contains(&name) => self.push(b"\n"),
            _ => {}
        }
    }

    /// What links and form fields carry beside what is seen.
    fn addresses(&mut self, range: std::ops::Range<usize>) {
        if memchr::memchr(b'=', &self.page[range.clone()]).is_none() {
            return;
        }
        let page = self.page;
        for (name, value) in attributes(page, range) {
            let (name, value) = (&page[name], &page[value]);
            let carried = if name.eq_ignore_ascii_case(b"href") {
                let data = Some(value).filter(|value| value.starts_with(b"data:text") || value.starts_with(b"data:appl"));
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
                None
            };
            if let Some(value) = carried {
                let mut text = vec![b' '];
                resolve(value, &mut text);
                text.push(b' ');
                self.push(&text);
            }
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
        for cell in &row {
            let column = table.columns.next_column();
            table.columns.put_value(column, cell.trim_ascii());
        }
        table.rows += 1;
        table.columns.end_row(out, at);
    }

    fn end_table(&mut self, out: &mut Out<'_>, at: usize) {
        self.end_row(out, at);
        if let Some(mut table) = self.tables.pop() {
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
