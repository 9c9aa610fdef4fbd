//! More than two hundred hostile files, made by code, read by a confined worker: it lives through all of them, in time and
//! within its memory, and every cut is recorded.

use std::collections::HashSet;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use vigie::confine::{Pool, Settings};
use vigie::extract::Limits;
use vigie::model::SkipReason::{
    self, ArchiveDepth, ArchiveMembers, CompressionRatio, Damaged, Encrypted, Nesting, TooLarge, TooLong, TooManyRows,
};

use super::quine::quine;
use super::{Counted, ROWS, gz, limits, tar_entry, zip};
use crate::kit::processor_time;

/// The longest that one file may take, built without optimisation and beside other tests.
const LONGEST: Duration = Duration::from_secs(8);

/// One file.
struct Case {
    name: String,
    bytes: Vec<u8>,
    /// One of these must be recorded; none asked where it is empty.
    cut: Vec<SkipReason>,
    /// Whether the address in it must be found.
    found: bool,
}

/// Cases under construction.
#[derive(Default)]
struct Cases(Vec<Case>);

impl Cases {
    fn survives(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push(Case { name: name.into(), bytes: bytes.into(), cut: Vec::new(), found: false });
    }

    fn cut(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>, cut: &[SkipReason]) {
        self.0.push(Case { name: name.into(), bytes: bytes.into(), cut: cut.to_vec(), found: false });
    }

    fn found(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push(Case { name: name.into(), bytes: bytes.into(), cut: Vec::new(), found: true });
    }
}

/// What every format that packs makes of some bytes.
fn packed(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz.write_all(bytes).unwrap();
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
    xz.write_all(bytes).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(bytes).unwrap();
    let mut seven = sevenz_rust2::ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    seven.push_archive_entry(sevenz_rust2::ArchiveEntry::new_file("a"), Some(bytes)).unwrap();
    vec![
        ("gz", gz(bytes)),
        ("bz2", bz.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
        ("zst", zstd::encode_all(bytes, 1).unwrap()),
        ("lz4", lz4.finish().unwrap()),
        ("zip", zip(&[("a".into(), bytes.to_vec())])),
        ("7z", seven.finish().unwrap().into_inner()),
        ("tar", tar_entry("a", tar::EntryType::Regular, bytes, "")),
    ]
}

fn archives(cases: &mut Cases) {
    for (name, bomb) in packed(&vec![0; 12 << 20]) {
        if name != "tar" {
            cases.cut(format!("zeros.{name}"), gz(&bomb), &[CompressionRatio, TooLarge]);
        }
        if !matches!(name, "tar" | "lz4") {
            cases.cut(format!("bomb.{name}"), bomb, &[CompressionRatio, TooLarge]);
        }
    }
    for (name, whole) in packed(ROWS.as_bytes()) {
        for part in 1..8 {
            cases.survives(format!("{part}/8 of {name}"), whole[..whole.len() * part / 8].to_vec());
        }
        cases.found(format!("{name} with garbage behind"), [whole.clone(), b"garbage".repeat(9)].concat());
        cases.survives(format!("{name} twice"), whole.repeat(2));
    }
    cases.cut("a gzip file that unpacks to itself", quine(), &[ArchiveDepth]);
    cases.cut("the same in a zip", zip(&[("q.gz".into(), quine())]), &[ArchiveDepth]);
    let mut nested = ROWS.as_bytes().to_vec();
    for level in 0..30 {
        nested = zip(&[(format!("{level}.zip"), nested)]);
    }
    cases.cut("thirty zips within each other", nested, &[ArchiveDepth]);
    cases.cut(
        "many members",
        zip(&(0..600).map(|n| (n.to_string(), vec![b'x'])).collect::<Vec<_>>()),
        &[ArchiveMembers],
    );
    cases.cut("an archive that is not read", b"Rar!\x1a\x07\x01\0rest".to_vec(), &[SkipReason::Unsupported]);
    cases.cut("a picture", [b"\x89PNG\r\n\x1a\n".to_vec(), vec![7; 4096]].concat(), &[SkipReason::Binary]);
    cases.survives("ten thousand gzip members", gz(b"").repeat(10_000));
    cases.survives(
        "a gzip name without end",
        [b"\x1f\x8b\x08\x08\0\0\0\0\0\x03".to_vec(), vec![b'n'; 1 << 20]].concat(),
    );
    for (name, field) in [("size", 124), ("checksum", 148), ("mode", 100)] {
        for (what, bytes) in [("of sevens", [b'7'; 8]), ("negative", [0xff; 8]), ("of letters", [b'z'; 8])] {
            let mut entry = tar_entry("a", tar::EntryType::Regular, ROWS.as_bytes(), "");
            entry[field..field + 8].copy_from_slice(&bytes);
            cases.survives(format!("tar with a {name} {what}"), entry);
        }
    }
}

/// Zips that lie: every field of the directory, one after another.
fn lying_zips(cases: &mut Cases) {
    let whole = zip(&[("a.csv".into(), ROWS.repeat(50).into_bytes())]);
    let directory = whole.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let end = whole.windows(4).position(|w| w == b"PK\x05\x06").unwrap();
    let fields = [
        ("version", directory + 6, 2),
        ("flags", directory + 8, 2),
        ("method", directory + 10, 2),
        ("checksum", directory + 16, 4),
        ("packed size", directory + 20, 4),
        ("unpacked size", directory + 24, 4),
        ("length of the name", directory + 28, 2),
        ("length of what is extra", directory + 30, 2),
        ("offset", directory + 42, 4),
        ("local name", 26, 2),
        ("count", end + 10, 2),
        ("directory's size", end + 12, 4),
        ("directory's place", end + 16, 4),
        ("comment", end + 20, 2),
    ];
    for (name, at, length) in fields {
        for value in [0xff, 0x00, 0x7f] {
            let mut lying = whole.clone();
            lying[at..at + length].fill(value);
            cases.survives(format!("zip with {value:#x} as {name}"), lying);
        }
    }
    let mut locked = whole;
    locked[directory + 8] |= 1;
    locked[6] |= 1;
    cases.cut("a zip that says it is locked", locked, &[Encrypted, Damaged]);
}

/// Lines on which a careless pattern takes for ever, bytes that are no text, and lines without end.
fn texts(cases: &mut Cases) {
    let long = |unit: &str| unit.repeat((256 << 10) / unit.len());
    let units = [
        "a",
        "@",
        "a@",
        "a.",
        "a@a.",
        ".@",
        "1",
        "1-",
        "+33 ",
        "06 ",
        "0612345678",
        "(",
        ")(",
        "((a)",
        "FR76",
        "FR76 ",
        "**",
        "j***@",
        "a:",
        "a;",
        "a,",
        "\"",
        "\"\"",
        "\"a",
        "'",
        "\\",
        "\\\"",
        "\t",
        " ",
        "  a",
        "|",
        "-+-",
        "=",
        "http://",
        "[at]",
        " at ",
        "\u{301}",
        "\u{200d}",
        "👩‍👩‍👧",
        "\u{202e}",
        "ﷺ",
        "İ",
        "ß",
        "\r",
        "\x0b",
        "\x00",
        "\x00a",
        "\u{feff}",
        "&#",
        "&amp;",
        "%41",
        "=41=",
        "+AGE-",
        "aGVsbG8",
        "0x41",
        "\\u0041",
        "\\x41",
        "<",
        "<a ",
        "<a b='",
        "</",
        "<!",
        "<![CDATA[",
        "--",
        "/*",
        "';",
        "{}",
        "[],",
        "{\"\":",
    ];
    for unit in units {
        cases.survives(format!("one line of {unit:?}"), long(unit).into_bytes());
    }
    cases.survives("a table of a million columns", [vec![b'x'; 2], b";".to_vec()].concat().repeat(1 << 20));
    let row = |cell: &str| [vec![b'x'; 5 << 20], cell.as_bytes().to_vec()].concat();
    cases.cut(
        "rows longer than a line may be",
        [b"a;b\nc;d\ne;f\n".to_vec(), row(";y\n"), b"g;h\ni;j\n".to_vec()].concat(),
        &[TooLong],
    );
    let wide = |n: usize| (0..n).map(|i| format!("c{i};")).collect::<String>() + "\n";
    cases.survives("a header of a hundred thousand columns", (wide(100_000) + &wide(100_000)).into_bytes());
    let words: Vec<u16> = "mail a@mail.example\n".encode_utf16().chain([0xD800, 0xDC00, 0xDFFF, 0x0A]).collect();
    for (name, units) in [("little", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("big", u16::to_be_bytes)] {
        let wide: Vec<u8> = words.iter().copied().flat_map(units).collect();
        cases.found(format!("UTF-16, {name} endian, with lone surrogates"), wide.repeat(20));
        let mut cut = wide.repeat(20);
        cut.pop();
        cases.found(format!("UTF-16, {name} endian, cut within a unit"), cut);
    }
    cases.survives("UTF-7", b"+ACI-a+AEA-b.example+ACI-\n+2D3eAA-\n".repeat(4_000));
    for (name, bytes) in [
        ("overlong", &b"\xc0\xaf\xe0\x80\xaf"[..]),
        ("surrogates", b"\xed\xa0\x80\xed\xbf\xbf"),
        ("beyond", b"\xf4\x90\x80\x80\xff\xfe"),
        ("cut", b"\xe2\x82"),
    ] {
        cases.found(format!("UTF-8 that is {name}"), [bytes, b" a@mail.example\n"].concat().repeat(2_000));
    }
}

fn trees(cases: &mut Cases) {
    for (name, open) in [("arrays", "["), ("objects", "{\"a\":"), ("both", "[{\"a\":"), ("literals", "['a'=>")] {
        cases.cut(format!("deep {name}"), open.repeat(30_000), &[Nesting]);
        cases.survives(format!("deep {name} that close"), format!("{}1{}", open.repeat(3_000), "]}".repeat(3_000)));
    }
    cases.survives("an object of a hundred thousand keys", {
        let members: Vec<String> = (0..100_000).map(|n| format!("\"k{n}\":{n}")).collect();
        format!("{{{}}}", members.join(","))
    });
    cases.survives(
        "objects with new keys each",
        (0..4_000).map(|n| format!("{{\"k{n}\":1,\"m\":\"x\"}}\n")).collect::<String>(),
    );
    cases.survives("a number without end", format!("{{\"a\":{}}}", "9".repeat(1 << 20)));
    let mut laughs = String::from("<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a0 \"ha\">");
    for n in 1..30 {
        laughs += &format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10));
    }
    cases.survives("entities of entities", laughs + "]><l><r>&a29;</r><r>&a29;</r></l>");
    let quadratic = format!("<!DOCTYPE l [<!ENTITY a \"{}\">]><l>{}</l>", "x".repeat(50_000), "&a;".repeat(50_000));
    cases.survives("one large entity, often", quadratic);
    let foreign = "<!DOCTYPE l [<!ENTITY x SYSTEM \"file:///etc/passwd\"><!ENTITY % y SYSTEM \"http://127.0.0.1/\">%y;]><l><m>&x;</m></l>";
    cases.survives("entities of elsewhere", foreign.repeat(100));
    cases.cut("deep elements", "<a><b>".repeat(30_000), &[Nesting]);
    for (name, open) in [("lists", "<ul><li>"), ("tables", "<table><tr><td>"), ("fonts", "<font color=x><b>")] {
        cases.cut(format!("deep {name}"), format!("<html>{}", open.repeat((256 << 10) / open.len())), &[Nesting]);
    }
    cases.survives("an element of a hundred thousand attributes", {
        let attributes: String = (0..100_000).map(|n| format!(" a{n}='1'")).collect();
        format!("<l><r{attributes}/><r{attributes}/></l>")
    });
    for part in ["<!--", "<a b=\"", "<a b='>", "<script>", "<style>x", "<![CDATA[", "<?", "<a\n", "<!DOCTYPE "] {
        cases.survives(
            format!("{part} that never ends, often"),
            format!("<html>{}", part.repeat((256 << 10) / part.len())),
        );
    }
}

fn dumps(cases: &mut Cases) {
    for (name, unit) in [
        ("a string", "INSERT INTO t VALUES ('"),
        ("a tuple", "INSERT INTO t VALUES ("),
        ("functions", "INSERT INTO t VALUES (f("),
        ("comments", "INSERT /* "),
        ("definitions", "CREATE TABLE t (a int, "),
        ("copies", "COPY t (a) FROM stdin;\n"),
        ("lists", "INSERT INTO t (a, b, "),
        ("quotes", "INSERT INTO t VALUES ('a'''''),"),
        ("heads", "INSERT INTO t VALUES "),
    ] {
        cases.survives(format!("statements that never end: {name}"), unit.repeat((256 << 10) / unit.len()));
    }
    let block = format!("COPY t (a, b) FROM stdin;\n{}", "x\ty\\\n".repeat(100_000));
    cases.survives("a block that never ends", block);
    cases.found("tuples of every width", {
        let tuples: Vec<String> = (1..400).map(|n| format!("({})", vec!["'a@mail.example'"; n].join(","))).collect();
        format!("INSERT INTO t VALUES {};\n", tuples.join(",\n"))
    });
}

fn mails(cases: &mut Cases) {
    let mut inner = b"Subject: x\r\n\r\na@mail.example\r\n".to_vec();
    for level in 0..100 {
        let head = format!(
            "From: a@b.example\r\nTo: c@d.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b{level}\r\n\r\n\
             --b{level}\r\nContent-Type: message/rfc822\r\n\r\n"
        );
        inner = [head.as_bytes(), &inner, format!("\r\n--b{level}--\r\n").as_bytes()].concat();
    }
    cases.survives("mails within mails", inner);
    let head = "From: a@b.example\r\nTo: c@d.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
    cases.survives("parts without number", format!("{head}{}", "--b\r\n\r\nx\r\n".repeat(40_000)));
    cases.survives("headers without number", format!("From: a@b.example\r\n{}\r\nx", "X-A: b\r\n".repeat(60_000)));
    cases.survives(
        "a header without end",
        format!("From: a@b.example\r\nTo: {}\r\n\r\nx", "c@d.example, ".repeat(60_000)),
    );
    cases.survives(
        "empty mails in a box",
        "From a@b.example Thu Jan  1 00:00:00 1970\r\nFrom: x\r\n\r\n".repeat(10_000),
    );
    use base64::Engine as _;
    let attached = base64::engine::general_purpose::STANDARD.encode(quine());
    let quoted = format!(
        "{head}--b\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=q.gz\r\n\r\n{attached}\r\n--b--\r\n"
    );
    cases.cut("a mail with a file that unpacks to itself", quoted, &[ArchiveDepth]);
}

/// A workbook of one sheet.
fn workbook(sheet: &str, strings: &str) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
    let parts = [
        ("[Content_Types].xml", format!("<Types xmlns=\"{PACKAGE}/content-types\"/>")),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"r1\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"a\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"r1\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"r2\" Type=\"{OFFICE}/sharedStrings\" Target=\"sharedStrings.xml\"/></Relationships>"
            ),
        ),
        ("xl/sharedStrings.xml", format!("<sst xmlns=\"{MAIN}\">{strings}</sst>")),
        ("xl/worksheets/sheet1.xml", format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{sheet}</sheetData></worksheet>")),
    ];
    zip(&parts.map(|(name, content)| (name.to_owned(), content.into_bytes())))
}

fn workbooks(cases: &mut Cases) {
    let cell = |at: &str, value: &str| format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{value}</t></is></c>");
    let corners = format!(
        "<row r=\"1\">{}{}</row><row r=\"1048576\">{}</row>",
        cell("A1", "a@mail.example"),
        cell("B1", "b"),
        cell("XFD1048576", "c@mail.example")
    );
    cases.found("a sheet of two corners", workbook(&corners, ""));
    let sparse: String =
        (1..20_000).map(|n| format!("<row r=\"{n}\">{}</row>", cell(&format!("XFD{n}"), "x"))).collect();
    cases.cut("cells at the right edge of every row", workbook(&sparse, ""), &[TooManyRows]);
    let rows: String = (0..20_000)
        .map(|n| format!("<row r=\"{}\">{}</row>", n * 52 + 1, cell(&format!("A{}", n * 52 + 1), "x")))
        .collect();
    cases.survives("rows far apart", workbook(&rows, ""));
    let wide: String = (0..60_000).map(|_| "<c t=\"inlineStr\"><is><t>x</t></is></c>").collect();
    cases.survives("a row of sixty thousand cells", workbook(&format!("<row>{wide}</row>"), ""));
    cases
        .survives("a cell beyond all columns", workbook(&format!("<row r=\"1\">{}</row>", cell("ZZZZZZZZ1", "x")), ""));
    cases.survives(
        "a row beyond all rows",
        workbook(&format!("<row r=\"99999999999\">{}</row>", cell("A99999999999", "x")), ""),
    );
    cases.survives(
        "a string that is not there",
        workbook("<row><c t=\"s\"><v>99999</v></c><c t=\"s\"><v>-1</v></c></row>", "<si><t>a</t></si>"),
    );
    let strings = format!("<si><t>{}</t></si>", "x".repeat(100_000));
    cases.survives(
        "one long string, often",
        workbook(&format!("<row>{}</row>", "<c t=\"s\"><v>0</v></c>".repeat(500)), &strings),
    );
    let whole = workbook(&corners, "");
    for part in 1..8 {
        cases.survives(format!("{part}/8 of a workbook"), whole[..whole.len() * part / 8].to_vec());
    }
}

fn pdfs(cases: &mut Cases) {
    let pdf = |objects: &[String], trailer: &str| {
        let mut bytes = b"%PDF-1.4\n".to_vec();
        let mut places = Vec::new();
        for (no, object) in objects.iter().enumerate() {
            places.push(bytes.len());
            bytes.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", no + 1).as_bytes());
        }
        let start = bytes.len();
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
        places.iter().for_each(|place| table += &format!("{place:010} 00000 n \n"));
        bytes.extend_from_slice(table.as_bytes());
        let trailer = trailer.replace("START", &start.to_string());
        bytes.extend_from_slice(
            format!("trailer\n<< /Size {} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1)
                .as_bytes(),
        );
        bytes
    };
    let catalog = || "<< /Type /Catalog /Pages 2 0 R >>".to_owned();
    let page = |contents: &str| format!("<< /Type /Page /Parent 2 0 R /Contents {contents} >>");
    let pages = || "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned();
    cases.survives(
        "pages that are their own parents",
        pdf(&[catalog(), "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 >>".into()], ""),
    );
    cases.survives("a table of objects that follows itself", pdf(&[catalog(), pages(), page("4 0 R")], "/Prev START"));
    cases.survives("contents that are themselves", pdf(&[catalog(), pages(), page("4 0 R"), "4 0 R".into()], ""));
    cases.survives(
        "a length that is its own",
        pdf(&[catalog(), pages(), page("4 0 R"), "<< /Length 4 0 R >>\nstream\nx\nendstream".into()], ""),
    );
    cases.survives(
        "a million pages that are one",
        pdf(
            &[
                catalog(),
                format!("<< /Type /Pages /Kids [{}] /Count 60000 >>", "3 0 R ".repeat(60_000)),
                page("4 0 R"),
                "<< /Length 9 >>\nstream\n(x) Tj ET\nendstream".into(),
            ],
            "",
        ),
    );
    cases.survives("deep arrays in a page", pdf(&[catalog(), pages(), page(&"[".repeat(20_000))], ""));
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(&vec![b' '; 12 << 20]).unwrap();
    let bomb = zlib.finish().unwrap();
    let head = format!("<< /Length {} /Filter /FlateDecode >>\nstream\n", bomb.len());
    let mut whole = pdf(&[catalog(), pages(), page("4 0 R"), format!("{head}BOMB\nendstream")], "");
    let at = whole.windows(4).position(|w| w == b"BOMB").unwrap();
    whole.splice(at..at + 4, bomb);
    cases.survives("a page that unpacks to much", whole.clone());
    for part in 1..8 {
        cases.survives(format!("{part}/8 of a page"), whole[..whole.len() * part / 8].to_vec());
    }
}

fn corpus() -> Vec<Case> {
    let mut cases = Cases::default();
    for family in [archives, lying_zips, texts, trees, dumps, mails, workbooks, pdfs] {
        family(&mut cases);
    }
    cases.0
}

#[test]
fn a_worker_lives_through_the_corpus_and_says_what_it_cut() {
    let corpus = corpus();
    assert!(corpus.len() >= 200, "{} files", corpus.len());
    // One worker for all of it: what a file leaves behind meets the next.
    let program = Some(PathBuf::from(env!("CARGO_BIN_EXE_vigie")));
    let pool = Pool::new(Settings { workers: 1, program, memory: 512 << 20, ..Settings::default() }).unwrap();
    let limits = Limits { seconds: 20, ..limits() };
    let (mut wrong, mut slow, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for case in &corpus {
        let mut counted = Counted::default();
        let begun = Instant::now();
        let _ = pool.extract("x", &case.bytes, &limits, &mut counted).unwrap();
        let took = begun.elapsed();
        let reasons: Vec<SkipReason> = counted.skips.iter().map(|skip| skip.reason).collect();
        seen.extend(reasons.iter().copied());
        slow.push((took, &case.name));
        let died = [SkipReason::Quarantined, SkipReason::Memory, SkipReason::Time].iter().find(|r| reasons.contains(r));
        if died.is_some() || took > LONGEST {
            wrong.push(format!("{}: {took:?}, {:?}", case.name, counted.skips));
        }
        if !case.cut.is_empty() && !case.cut.iter().any(|reason| reasons.contains(reason)) {
            wrong.push(format!("{}: cut without {:?} being recorded: {reasons:?}", case.name, case.cut));
        }
        if case.found && counted.addresses.is_empty() {
            wrong.push(format!("{}: its address was not found; {reasons:?}", case.name));
        }
    }
    slow.sort_by(|a, b| b.cmp(a));
    println!("slowest: {:?}", &slow[..10]);
    assert!(wrong.is_empty(), "{} of {} files:\n{}", wrong.len(), corpus.len(), wrong.join("\n"));
    // Every limit that reading has was met by some file.
    for reason in [
        CompressionRatio,
        ArchiveDepth,
        ArchiveMembers,
        Nesting,
        TooLong,
        TooManyRows,
        Encrypted,
        Damaged,
        SkipReason::Binary,
        SkipReason::Unsupported,
    ] {
        assert!(seen.contains(&reason), "nothing in the corpus meets {}", reason.name());
    }
}

/// SAFETY's fact 1: a tree builder takes minutes for this. Twice as much of it takes twice as long, and not four times.
#[test]
fn deep_markup_takes_time_in_proportion() {
    let deep = |kib: usize| format!("<html>{}", "<ul><li>".repeat(kib << 7));
    let least = |page: &str| {
        let time = |_| {
            let begun = processor_time();
            let _ = super::read(page.as_bytes());
            processor_time() - begun
        };
        (0..3).map(time).min().unwrap()
    };
    let (small, large) = (least(&deep(256)), least(&deep(1_024)));
    assert!(large < small * 8, "{small:?} for 256 KiB, {large:?} for 1 MiB");
    assert!(large < Duration::from_secs(3), "{large:?} for 1 MiB, unoptimised");
}
