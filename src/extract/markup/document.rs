//! Documents of office programs as XML: texts and slides of Office Open XML and OpenDocument, sheets of Excel 2003.
//!
//! They have the same bones: paragraphs of runs, and tables of rows of cells. Rows of tables are rows, paragraphs are
//! lines, which are then looked at like any other text.

use super::tokens::{Token, Tokens, attributes, resolve};
use crate::extract::columns::Columns;
use crate::extract::out::Out;
use crate::extract::text;
use crate::model::Shape;

/// Rows looked at for a header.
const SAMPLE: usize = 40;
/// Text gathered before it is looked at.
const MAX_TEXT: usize = 4 << 20;
/// The most cells that stand for repeated ones.
const MAX_REPEATED: usize = 64;

/// Whether the root element is that of a document.
pub(super) fn is_document(text: &[u8]) -> bool {
    let head = &text[..text.len().min(4096)];
    let root = Tokens::new(head, 0).find_map(|token| match token {
        Token::Open { name, .. } => Some(&head[name]),
        _ => None,
    });
    let roots: [&[u8]; 9] = [
        b"w:document",
        b"w:hdr",
        b"w:ftr",
        b"w:footnotes",
        b"w:comments",
        b"p:sld",
        b"p:notes",
        b"office:document-content",
        b"office:document",
    ];
    root.is_some_and(|root| {
        roots.contains(&root) || root == b"Workbook" && memchr::memmem::find(head, b"<Worksheet").is_some()
    })
}

/// Reads the document that begins at `start`. Returns where it ends.
pub(super) fn read(out: &mut Out<'_>, page: &[u8], start: usize) -> usize {
    out.flush_rows();
    let mut reader = Document { page, text: Vec::new(), tables: 0, cells: 0, table: Table::new(page), silent: 0 };
    let mut tokens = Tokens::new(page, start);
    let mut count = 0u32;
    for token in tokens.by_ref() {
        reader.token(out, token);
        count += 1;
        if count.is_multiple_of(1024) && out.stopped() {
            break;
        }
    }
    reader.end_table(out);
    reader.end_text(out);
    page.len()
}

/// The rows of the table at hand: the first are held until they show whether they have a header.
struct Table<'t> {
    held: Vec<Vec<Vec<u8>>>,
    columns: Option<Columns<'t>>,
    row: Vec<Vec<u8>>,
    page: &'t [u8],
}

impl<'t> Table<'t> {
    fn new(page: &'t [u8]) -> Self {
        Self { held: Vec::new(), columns: None, row: Vec::new(), page }
    }

    fn end_row(&mut self, out: &mut Out<'_>) {
        let row = std::mem::take(&mut self.row);
        if row.iter().all(|cell| cell.trim_ascii().is_empty()) {
            return;
        }
        match &mut self.columns {
            Some(columns) => put_row(columns, out, &row),
            None => {
                self.held.push(row);
                if self.held.len() >= SAMPLE {
                    self.settle(out);
                }
            }
        }
    }

    /// Decides on the header and hands on the rows held.
    fn settle(&mut self, out: &mut Out<'_>) {
        let held = std::mem::take(&mut self.held);
        let views: Vec<Vec<&[u8]>> =
            held.iter().map(|row| row.iter().map(|cell| cell.trim_ascii()).collect()).collect();
        let heads = views.first().is_some_and(|head| head.len() > 1 && text::header::is_header(head, &views[1..]));
        let names = heads.then(|| text::header::names(&views[0]));
        let mut columns = Columns::with_header(self.page, 0, Shape::Markup, names);
        for row in held.iter().skip(usize::from(heads)) {
            put_row(&mut columns, out, row);
        }
        self.columns = Some(columns);
    }

    fn end(&mut self, out: &mut Out<'_>) {
        self.end_row(out);
        if !self.held.is_empty() {
            self.settle(out);
        }
        if let Some(mut columns) = self.columns.take() {
            columns.flush_here(out);
        }
    }
}

fn put_row(columns: &mut Columns<'_>, out: &mut Out<'_>, row: &[Vec<u8>]) {
    for cell in row {
        let column = columns.next_column();
        columns.put_value(column, cell.trim_ascii());
    }
    columns.end_row(out, 0);
}

struct Document<'t> {
    page: &'t [u8],
    text: Vec<u8>,
    /// Tables and cells that are open. What stands in a table within a cell is the cell's.
    tables: u32,
    cells: u32,
    table: Table<'t>,
    /// Elements open whose text is no content.
    silent: u32,
}

impl Document<'_> {
    fn token(&mut self, out: &mut Out<'_>, token: Token) {
        match token {
            Token::Text(range) => self.chars(range, true),
            Token::Data(range) => self.chars(range, false),
            Token::Open { name, attributes: range, empty } => {
                let local = self.local(name);
                self.open(out, local, range, empty);
                if empty {
                    self.close(out, local);
                }
            }
            Token::Close { name } => {
                let local = self.local(name);
                self.close(out, local);
            }
        }
        if self.text.len() > MAX_TEXT {
            self.end_text(out);
        }
    }

    /// A name without its prefix.
    fn local(&self, name: std::ops::Range<usize>) -> &'static [u8] {
        const KNOWN: [&[u8]; 17] = [
            b"tbl",
            b"table",
            b"Table",
            b"tr",
            b"table-row",
            b"Row",
            b"tc",
            b"table-cell",
            b"Cell",
            b"p",
            b"h",
            b"br",
            b"line-break",
            b"tab",
            b"s",
            b"instrText",
            b"delText",
        ];
        let name = &self.page[name];
        let local = name.iter().position(|b| *b == b':').map_or(name, |i| &name[i + 1..]);
        KNOWN.into_iter().find(|known| *known == local).unwrap_or(b"")
    }

    fn open(&mut self, out: &mut Out<'_>, name: &[u8], range: std::ops::Range<usize>, empty: bool) {
        match name {
            b"tbl" | b"table" | b"Table" => {
                if self.tables == 0 {
                    self.end_text(out);
                }
                self.tables += 1;
            }
            b"tr" | b"table-row" | b"Row" if self.tables == 1 => self.table.end_row(out),
            b"tc" | b"table-cell" | b"Cell" if self.tables == 1 => self.cell(range),
            b"br" | b"line-break" => self.push(b"\n"),
            b"tab" => self.push(b"\t"),
            b"s" => self.push(b" "),
            b"instrText" | b"delText" if !empty => self.silent += 1,
            _ => {}
        }
    }

    /// A cell begins; one that says it is repeated, or stands further to the right, brings others with it.
    fn cell(&mut self, range: std::ops::Range<usize>) {
        let page = self.page;
        for (name, value) in attributes(page, range) {
            let number = std::str::from_utf8(&page[value]).ok().and_then(|n| n.parse::<usize>().ok());
            let Some(number) = number.filter(|n| (1..=MAX_REPEATED).contains(n)) else { continue };
            if page[name.clone()].ends_with(b"number-columns-repeated") {
                self.table.row.extend(std::iter::repeat_n(Vec::new(), number - 1));
            } else if page[name].ends_with(b":Index") && number > self.table.row.len() {
                self.table.row.resize(number - 1, Vec::new());
            }
        }
        self.table.row.push(Vec::new());
        self.cells = 1;
    }

    fn close(&mut self, out: &mut Out<'_>, name: &[u8]) {
        match name {
            b"tbl" | b"table" | b"Table" => {
                self.tables = self.tables.saturating_sub(1);
                if self.tables == 0 {
                    self.end_table(out);
                }
            }
            b"tr" | b"table-row" | b"Row" if self.tables == 1 => self.table.end_row(out),
            b"tc" | b"table-cell" | b"Cell" if self.tables == 1 => self.cells = 0,
            b"p" | b"h" => self.push(b"\n"),
            b"instrText" | b"delText" => self.silent = self.silent.saturating_sub(1),
            _ => {}
        }
    }

    fn chars(&mut self, range: std::ops::Range<usize>, entities: bool) {
        let raw = &self.page[range];
        // Blanks with a line end are the layout of the XML.
        if self.silent > 0 || raw.trim_ascii().is_empty() && (raw.is_empty() || raw.contains(&b'\n')) {
            return;
        }
        let page = self.page;
        let to = match self.table.row.last_mut().filter(|_| self.cells > 0) {
            Some(cell) => cell,
            None => &mut self.text,
        };
        if entities {
            resolve(&page[page.len().min(raw.as_ptr() as usize - page.as_ptr() as usize)..][..raw.len()], to);
        } else {
            to.extend_from_slice(raw);
        }
    }

    /// Appends to the cell at hand, where line ends are blanks, or to the text.
    fn push(&mut self, text: &[u8]) {
        match self.table.row.last_mut().filter(|_| self.cells > 0) {
            Some(cell) if cell.is_empty() => {}
            Some(cell) => cell.push(b' '),
            None if self.tables == 0 => self.text.extend_from_slice(text),
            None => {}
        }
    }

    fn end_table(&mut self, out: &mut Out<'_>) {
        self.cells = 0;
        self.table.end(out);
    }

    fn end_text(&mut self, out: &mut Out<'_>) {
        let text = std::mem::take(&mut self.text);
        if text.iter().any(u8::is_ascii_alphanumeric) {
            text::read(out, &text);
            out.flush_rows();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::testing::read;

    #[test]
    fn runs_are_put_together_and_tables_are_rows() {
        let cell = |text: &str| format!("<w:tc><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>");
        let row = |cells: [&str; 2]| format!("<w:tr>{}</w:tr>\n", cells.map(cell).concat());
        let text = format!(
            "<?xml version=\"1.0\"?><w:document xmlns:w=\"x\"><w:body><w:p><w:r><w:t>s@x.exa</w:t></w:r><w:r><w:t>mple &amp; co</w:t></w:r></w:p>\
             <w:p><w:r><w:instrText>HYPERLINK q@x.example</w:instrText></w:r></w:p><w:tbl>{}{}{}</w:tbl></w:body></w:document>",
            row(["nom", "mail"]),
            row(["Martin", "a@x.example"]),
            row(["Petit", "b@x.example"])
        );
        let kept = read(text.as_bytes());
        assert_eq!(kept.headers(), [Some(vec!["nom", "mail"])]);
        assert_eq!(kept.cells(), [["Martin", "a@x.example"], ["Petit", "b@x.example"]]);
        assert_eq!(kept.text.trim(), "s@x.example & co");
    }

    #[test]
    fn cells_left_out_keep_their_columns() {
        let text = "<?xml version=\"1.0\"?><Workbook xmlns:ss=\"x\"><Worksheet ss:Name=\"a\"><Table><Row><Cell><Data>a@x.example</Data></Cell>\
                    <Cell ss:Index=\"3\"><Data>Brest</Data></Cell></Row></Table></Worksheet></Workbook>";
        assert_eq!(read(text.as_bytes()).cells(), [["a@x.example", "", "Brest"]]);
    }

    #[test]
    fn what_breaks_off_gives_what_stands_before() {
        let text = "<w:document><w:tbl><w:tr><w:tc><w:p><w:t>a@x.example</w:t></w:p></w:tc><w:tc><w:p><w:t>Bre";
        assert!(read(text.as_bytes()).holds("a@x.example"));
    }
}
