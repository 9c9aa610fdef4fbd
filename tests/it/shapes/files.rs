//! Files that programs write: databases, office documents, PDF; and texts in the encodings of their systems.

use std::io::Write;

use super::people::{COLUMNS, Person};
use super::{ALL, Shape, each};

fn csv(people: &[Person]) -> String {
    format!("{}\n", COLUMNS.join(";")) + &each(people, |p| p.values().join(";") + "\n")
}

fn zipped(members: &[(&str, String)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A table of dBase III: fields of characters, 50 wide.
fn dbf(people: &[Person]) -> Vec<u8> {
    const WIDTH: usize = 50;
    let mut file = vec![3, 126, 8, 1];
    file.extend_from_slice(&(people.len() as u32).to_le_bytes());
    file.extend_from_slice(&(32 + 32 * 8 + 1u16).to_le_bytes());
    file.extend_from_slice(&(1 + WIDTH as u16 * 8).to_le_bytes());
    file.extend_from_slice(&[0; 17]);
    // The mark of Windows-1252.
    file.extend_from_slice(&[3, 0, 0]);
    for column in COLUMNS {
        let mut descriptor = [0u8; 32];
        descriptor[..column.len()].copy_from_slice(column.to_uppercase().as_bytes());
        descriptor[11] = b'C';
        descriptor[16] = WIDTH as u8;
        file.extend_from_slice(&descriptor);
    }
    file.push(0x0d);
    for person in people {
        file.push(b' ');
        for value in person.values() {
            let mut cell = encoding_rs::WINDOWS_1252.encode(value).0.into_owned();
            cell.resize(WIDTH, b' ');
            file.extend_from_slice(&cell);
        }
    }
    file.push(0x1a);
    file
}

fn sqlite(people: &[Person]) -> Vec<u8> {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    connection.execute_batch(&format!("CREATE TABLE clients ({})", COLUMNS.join(", "))).unwrap();
    for person in people {
        let values = rusqlite::params_from_iter(person.values());
        connection.execute("INSERT INTO clients VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values).unwrap();
    }
    connection.serialize(rusqlite::MAIN_DB).unwrap().to_vec()
}

/// A spreadsheet of OpenDocument.
fn ods(people: &[Person]) -> Vec<u8> {
    let cell =
        |v: &str| format!("<table:table-cell office:value-type=\"string\"><text:p>{v}</text:p></table:table-cell>");
    let row = |values: [&str; 8]| format!("<table:table-row>{}</table:table-row>", values.map(cell).concat());
    let rows = row(COLUMNS) + &each(people, |p| row(p.values()));
    let names = "xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
                 xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"";
    zipped(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet".to_owned()),
        (
            "content.xml",
            format!(
                "<?xml version=\"1.0\"?><office:document-content {names}><office:body><office:spreadsheet><table:table table:name=\"clients\">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"
            ),
        ),
        ("META-INF/manifest.xml", "<manifest/>".to_owned()),
    ])
}

/// A text document of OpenDocument with a table.
fn odt(people: &[Person]) -> Vec<u8> {
    let cell = |v: &str| format!("<table:table-cell><text:p>{v}</text:p></table:table-cell>");
    let row = |values: [&str; 8]| format!("<table:table-row>{}</table:table-row>", values.map(cell).concat());
    let rows = row(COLUMNS) + &each(people, |p| row(p.values()));
    zipped(&[
        ("mimetype", "application/vnd.oasis.opendocument.text".to_owned()),
        (
            "content.xml",
            format!(
                "<?xml version=\"1.0\"?><office:document-content><office:body><office:text><text:p>Clients</text:p><table:table>{rows}</table:table></office:text></office:body></office:document-content>"
            ),
        ),
        ("META-INF/manifest.xml", "<manifest/>".to_owned()),
    ])
}

const WORD: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"";

fn word(body: &str) -> Vec<u8> {
    zipped(&[
        ("[Content_Types].xml", "<Types/>".to_owned()),
        (
            "word/document.xml",
            format!("<?xml version=\"1.0\"?><w:document {WORD}><w:body>{body}</w:body></w:document>"),
        ),
    ])
}

/// A text of Word with a table whose words are cut into runs.
fn docx_table(people: &[Person]) -> Vec<u8> {
    let run = |text: &str| format!("<w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r>");
    let cell = |v: &str| {
        let middle = v.char_indices().nth(v.chars().count() / 2).map_or(0, |(i, _)| i);
        format!("<w:tc><w:p>{}{}</w:p></w:tc>", run(&v[..middle]), run(&v[middle..]))
    };
    let row = |values: [&str; 8]| format!("<w:tr>{}</w:tr>", values.map(cell).concat());
    word(&format!("<w:p>{}</w:p><w:tbl>{}{}</w:tbl>", run("Clients"), row(COLUMNS), each(people, |p| row(p.values()))))
}

/// A text of Word with a line for each person.
fn docx_lines(people: &[Person]) -> Vec<u8> {
    word(&each(people, |p| format!("<w:p><w:r><w:t>{}</w:t></w:r></w:p>", p.values().join(" ; "))))
}

/// Slides with a table each.
fn pptx(people: &[Person]) -> Vec<u8> {
    let cell = |v: &str| format!("<a:tc><a:txBody><a:p><a:r><a:t>{v}</a:t></a:r></a:p></a:txBody></a:tc>");
    let row = |p: &Person| format!("<a:tr h=\"1\">{}</a:tr>", p.values().map(cell).concat());
    let slide = |people: &[Person]| {
        format!(
            "<?xml version=\"1.0\"?><p:sld><p:cSld><p:spTree><a:tbl>{}</a:tbl></p:spTree></p:cSld></p:sld>",
            each(people, row)
        )
    };
    let (one, two) = people.split_at(20);
    zipped(&[
        ("[Content_Types].xml", "<Types/>".to_owned()),
        ("ppt/slides/slide1.xml", slide(one)),
        ("ppt/slides/slide2.xml", slide(two)),
    ])
}

/// A page description whose lines are drawn one below another, or cell by cell.
fn pdf(people: &[Person], cells: bool) -> Vec<u8> {
    let escape = |text: &str| -> String {
        let plain = text.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
        plain.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\{:03o}", c as u32) }).collect()
    };
    let mut content = String::from("BT /F1 9 Tf\n");
    for (i, person) in people.iter().enumerate() {
        let y = 800 - 18 * i as i32;
        if cells {
            for (x, value) in person.values().iter().enumerate().filter(|(_, value)| !value.is_empty()) {
                content += &format!("1 0 0 1 {} {y} Tm ({}) Tj\n", 20 + 70 * x, escape(value));
            }
        } else {
            content += &format!("1 0 0 1 20 {y} Tm ({}) Tj\n", escape(&person.values().join(" ; ")));
        }
    }
    content += "ET";
    let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    deflated.write_all(content.as_bytes()).unwrap();
    let deflated = deflated.finish().unwrap();
    let objects: [Vec<u8>; 5] = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_vec(),
        [format!("<< /Length {} /Filter /FlateDecode >>\nstream\n", deflated.len()).as_bytes(), &deflated, b"\nendstream"].concat(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    let (mut file, mut offsets) = (b"%PDF-1.4\n".to_vec(), Vec::new());
    for (i, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n", i + 1).as_bytes());
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let start = file.len();
    file.extend_from_slice(b"xref\n0 6\n0000000000 65535 f \n");
    for offset in offsets {
        file.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes());
    }
    file.extend_from_slice(format!("trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").as_bytes());
    file
}

/// UTF-8 taken for Windows-1252.
fn hurt(text: &str) -> String {
    encoding_rs::WINDOWS_1252.decode_without_bom_handling(text.as_bytes()).0.into_owned()
}

fn wide(text: &str, bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

pub const SHAPES: &[Shape] = &[
    Shape { name: "dbase", fields: ALL, write: dbf },
    Shape { name: "sqlite", fields: ALL, write: sqlite },
    Shape { name: "ods", fields: ALL, write: ods },
    Shape { name: "odt", fields: ALL, write: odt },
    Shape { name: "docx_table", fields: ALL, write: docx_table },
    Shape { name: "docx_lines", fields: ALL, write: docx_lines },
    Shape { name: "pptx", fields: ALL, write: pptx },
    Shape { name: "pdf_lines", fields: ALL, write: |people| pdf(people, false) },
    Shape { name: "pdf_cells", fields: ALL, write: |people| pdf(people, true) },
    Shape { name: "utf16_le", fields: ALL, write: |people| wide(&csv(people), u16::to_le_bytes) },
    Shape { name: "utf16_be", fields: ALL, write: |people| wide(&csv(people), u16::to_be_bytes) },
    Shape {
        name: "utf32",
        fields: ALL,
        write: |people| csv(people).chars().flat_map(|c| (c as u32).to_le_bytes()).collect(),
    },
    Shape {
        name: "cp1252",
        fields: ALL,
        write: |people| encoding_rs::WINDOWS_1252.encode(&csv(people)).0.into_owned(),
    },
    Shape { name: "latin9", fields: ALL, write: |people| encoding_rs::ISO_8859_15.encode(&csv(people)).0.into_owned() },
    Shape {
        name: "mac_roman",
        fields: ALL,
        write: |people| encoding_rs::MACINTOSH.encode(&csv(people)).0.into_owned(),
    },
    Shape { name: "mojibake_once", fields: ALL, write: |people| hurt(&csv(people)).into_bytes() },
    Shape { name: "mojibake_twice", fields: ALL, write: |people| hurt(&hurt(&csv(people))).into_bytes() },
];
