//! Files of office programs, made by their own writers or by hand, read back.

use std::io::Write;

use crate::extract::testing::read;

/// A workbook as a spreadsheet program writes it, with shared and inline strings, a date and numbers.
fn workbook() -> Vec<u8> {
    let sheet = "<?xml version=\"1.0\"?><worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>\
        <row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c><c r=\"C1\" t=\"inlineStr\"><is><t>naissance</t></is></c></row>\
        <row r=\"2\"><c r=\"A2\" t=\"inlineStr\"><is><t>Lefèvre</t></is></c><c r=\"B2\" t=\"inlineStr\"><is><t>a@x.example</t></is></c><c r=\"C2\" s=\"1\"><v>25570</v></c></row>\
        <row r=\"3\"><c r=\"A3\" t=\"inlineStr\"><is><t>Petit</t></is></c><c r=\"B3\" t=\"inlineStr\"><is><t>b@x.example</t></is></c><c r=\"C3\" s=\"1\"><v>25571</v></c></row>\
        </sheetData></worksheet>";
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let members = [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".to_owned(),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"{rel}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{rel}\"><sheets><sheet name=\"clients\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"{rel}/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" Type=\"{rel}/sharedStrings\" Target=\"sharedStrings.xml\"/><Relationship Id=\"rId3\" Type=\"{rel}/styles\" Target=\"styles.xml\"/></Relationships>"
            ),
        ),
        ("xl/sharedStrings.xml", format!("<sst xmlns=\"{main}\"><si><t>nom</t></si><si><t>mail</t></si></sst>")),
        (
            "xl/styles.xml",
            format!(
                "<styleSheet xmlns=\"{main}\"><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", sheet.to_owned()),
    ];
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn sheets_are_tables_with_dates_as_dates() {
    let kept = read(&workbook());
    assert_eq!(kept.headers(), [Some(vec!["nom", "mail", "naissance"])], "{kept:?}");
    assert_eq!(kept.cells(), [["Lefèvre", "a@x.example", "1970-01-02"], ["Petit", "b@x.example", "1970-01-03"]]);
    assert_eq!(kept.tables[0].member, "clients");
}

#[test]
fn database_files_are_read_from_memory_without_their_views() {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, nom TEXT, mail TEXT, photo BLOB);
             INSERT INTO users VALUES (1, 'L''Hermite', 'a@x.example', x'00ff'), (2, NULL, 'b@x.example', NULL);
             CREATE TABLE empty (x); CREATE VIEW v AS SELECT randomblob(1000000000) FROM users;",
        )
        .unwrap();
    let bytes = connection.serialize(rusqlite::MAIN_DB).unwrap().to_vec();
    let kept = read(&bytes);
    assert_eq!(kept.headers(), [Some(vec!["id", "nom", "mail", "photo"])]);
    assert_eq!(kept.cells(), [["1", "L'Hermite", "a@x.example"], ["2", "", "b@x.example"]]);
    let mut damaged = bytes;
    damaged.truncate(5000);
    assert!(!read(&damaged).skips.is_empty());
}

#[test]
fn mail_gives_headers_bodies_and_attachments() {
    let message = "From: Paul <paul@x.example>\r\nTo: =?utf-8?Q?Zo=C3=A9?= <zoe@x.example>\r\nSubject: base\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        Lef=E8vre, l.lef=\r\nevre@x.example\r\n--b\r\nContent-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment; filename=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        bm9tO21haWwKQTthQHguZXhhbXBsZQpCO2JAeC5leGFtcGxlCkM7Y0B4LmV4YW1wbGUK\r\n--b--\r\n";
    let kept = read(message.as_bytes());
    for value in ["paul@x.example", "zoe@x.example", "Zoé", "Lefèvre", "l.lefevre@x.example", "c@x.example"] {
        assert!(kept.holds(value), "{value}: {kept:?}");
    }
    let mailbox = format!(
        "From a@b Mon Jan  1 00:00:00 2026\n{}\nFrom c@d Mon Jan  1 00:00:00 2026\n{}",
        message.replace("\r\n", "\n"),
        message.replace("\r\n", "\n").replace("zoe@", "lea@")
    );
    let kept = read(mailbox.as_bytes());
    assert!(kept.holds("zoe@x.example") && kept.holds("lea@x.example"));
}

#[test]
fn pdf_pages_give_their_lines() {
    let content = b"BT /F1 12 Tf 72 720 Td (Martin; a@x.example; 0612345678) Tj 0 -14 Td (L\\351a; b@x.example; 0612345679) Tj T* [(Pet)-10(it; c@x)3(.example; 0612345670)] TJ ET";
    let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    deflated.write_all(content).unwrap();
    let deflated = deflated.finish().unwrap();
    let mut file =
        format!("%PDF-1.4\n4 0 obj\n<< /Length {} /Filter /FlateDecode >>\nstream\n", deflated.len()).into_bytes();
    file.extend_from_slice(&deflated);
    file.extend_from_slice(b"\nendstream\nendobj\n%%EOF\n");
    let kept = read(&file);
    for value in ["a@x.example", "Léa", "b@x.example", "0612345679", "Petit", "c@x.example"] {
        assert!(kept.holds(value), "{value}: {kept:?}");
    }
    let kept = read(b"%PDF-1.4\ntrailer << /Encrypt 5 0 R >>");
    assert_eq!(kept.reasons(), [crate::model::SkipReason::Encrypted]);
}
