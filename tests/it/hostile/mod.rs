//! Promise: whatever is posted, reading it ends, stays within its limits, and says what it left out.
//!
//! More than two hundred hostile inputs, all made here: bombs, archives within archives, members over each other,
//! names that climb, links, tampered archives of every kind, broken encodings, endless lines, bottomless nesting.

mod corpus;
mod quine;

use std::io::Write;

use vigie::extract::{Input, Limits, extract};
use vigie::model::{Batch, ContentSink, Flow, Layout, Skip, SkipReason, Table};

/// Counts what it is given.
#[derive(Default)]
struct Counted {
    bytes: u64,
    delivered: u64,
    rows: u64,
    skips: Vec<Skip>,
    addresses: Vec<String>,
}

impl ContentSink for Counted {
    fn table(&mut self, _: Table) {}
    fn batch(&mut self, batch: &mut Batch) -> Flow {
        self.delivered += batch.text.len() as u64;
        assert!(batch.text.len() <= 64 << 20, "a batch is bounded");
        if batch.layout == Layout::Rows {
            self.rows += batch.rows() as u64;
            for i in 0..batch.rows() {
                assert!(!batch.row(i).is_empty());
                for cell in batch.row(i).cells().filter(|cell| cell.ends_with(b"@mail.example")) {
                    self.addresses.push(String::from_utf8_lossy(cell).into_owned());
                }
            }
        } else {
            let text = String::from_utf8_lossy(&batch.text);
            self.addresses.extend(text.split_whitespace().filter(|w| w.ends_with("@mail.example")).map(str::to_owned));
        }
        Flow::Go
    }
    fn skipped(&mut self, skip: Skip) {
        assert!(
            !self.skips.iter().any(|s| s.what == skip.what && s.reason == skip.reason),
            "each cut is recorded once: {skip:?}"
        );
        self.skips.push(skip);
    }
    fn read(&mut self, bytes: u64) {
        self.bytes += bytes;
    }
}

fn limits() -> Limits {
    Limits { expanded_bytes: 8 << 20, ratio_after: 1 << 20, members: 500, ..Limits::default() }
}

fn read(bytes: &[u8]) -> Counted {
    let mut counted = Counted::default();
    let _ = extract(Input { name: "../../etc/passwd", bytes }, &limits(), &mut counted);
    let most = limits().expanded_bytes.max(bytes.len() as u64);
    assert!(counted.bytes <= 2 * most, "{} bytes of {}", counted.bytes, bytes.len());
    assert!(counted.delivered <= 12 * most, "{} bytes delivered of {}", counted.delivered, bytes.len());
    counted
}

fn reasons(bytes: &[u8]) -> Vec<SkipReason> {
    read(bytes).skips.iter().map(|skip| skip.reason).collect()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tar_entry(name: &str, kind: tar::EntryType, content: &[u8], link: &str) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len().min(99)].copy_from_slice(&name.as_bytes()[..name.len().min(99)]);
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

const ROWS: &str = "nom;mail\nMartin;a@mail.example\nPetit;b@mail.example\nRoux;c@mail.example\n";

#[test]
fn bombs_end_at_a_limit() {
    let zeros = vec![0u8; 64 << 20];
    for bomb in
        [gz(&zeros), gz(&gz(&zeros)), zip(&[("a".into(), zeros.clone())]), gz(&zip(&[("a.txt".into(), gz(&zeros))]))]
    {
        let reasons = reasons(&bomb);
        assert!(
            reasons.iter().any(|r| matches!(r, SkipReason::CompressionRatio | SkipReason::TooLarge)),
            "{reasons:?}"
        );
    }
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bz.write_all(&zeros).unwrap();
    assert!(reasons(&bz.finish().unwrap()).contains(&SkipReason::CompressionRatio));
    assert!(reasons(&zstd::encode_all(zeros.as_slice(), 19).unwrap()).contains(&SkipReason::CompressionRatio));
    // Many members, each honest, too much together.
    let members: Vec<(String, Vec<u8>)> =
        (0..40).map(|i| (format!("{i}.csv"), ROWS.repeat(6_000).into_bytes())).collect();
    assert!(reasons(&zip(&members)).iter().any(|r| matches!(r, SkipReason::TooLarge | SkipReason::CompressionRatio)));
}

#[test]
fn depth_and_members_end_at_a_limit() {
    for depth in 1..=12 {
        let mut bytes = ROWS.as_bytes().to_vec();
        for level in 0..depth {
            bytes = if level % 2 == 0 { gz(&bytes) } else { zip(&[(format!("{level}"), bytes)]) };
        }
        let counted = read(&bytes);
        let deep = counted.skips.iter().any(|skip| skip.reason == SkipReason::ArchiveDepth);
        assert_eq!(deep, depth > 8, "{depth}: {:?}", counted.skips);
        assert_eq!(counted.rows, if deep { 0 } else { 3 });
    }
    let members: Vec<(String, Vec<u8>)> = (0..600).map(|i| (format!("{i}"), b"x".to_vec())).collect();
    assert_eq!(reasons(&zip(&members)), [SkipReason::ArchiveMembers]);
}

#[test]
fn names_and_links_reach_nothing() {
    let before = std::fs::read_dir(".").unwrap().count();
    let names = [
        "../../etc/cron.d/x",
        "/etc/passwd",
        "..\\..\\x",
        "C:\\x",
        "a/../../b",
        "con",
        "nul\0x",
        "\u{202e}txt.exe",
        ".",
        "-rf",
        "\n\r\x1b[2J",
    ];
    for name in names {
        let counted = read(&zip(&[(name.to_owned(), ROWS.as_bytes().to_vec())]));
        assert_eq!(counted.rows, 3, "{name:?}");
        assert_eq!(read(&tar_entry(name, tar::EntryType::Regular, ROWS.as_bytes(), "")).rows, 3, "{name:?}");
    }
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Char,
        tar::EntryType::Block,
        tar::EntryType::Fifo,
        tar::EntryType::Directory,
    ] {
        let archive =
            [tar_entry("x", kind, b"", "/etc/passwd"), tar_entry("y", tar::EntryType::Regular, ROWS.as_bytes(), "")]
                .concat();
        assert_eq!(read(&archive).rows, 3);
    }
    // PAX headers that claim sizes and paths, or are endless.
    for record in [
        "20 size=99999999999\n",
        "11 size=-1\n",
        "30 path=../../../../etc/shadow\n",
        "999999 path=x\n",
        "x",
        "9 size=\n",
    ] {
        let archive = [
            tar_entry("p", tar::EntryType::XHeader, record.as_bytes(), ""),
            tar_entry("y", tar::EntryType::Regular, ROWS.as_bytes(), ""),
        ]
        .concat();
        let _ = read(&archive);
    }
    assert_eq!(std::fs::read_dir(".").unwrap().count(), before, "nothing is written");
}

/// Members laid over each other: one compressed stream, listed many times in the directory.
#[test]
fn members_over_each_other_gain_nothing() {
    let one = zip(&[("a".into(), vec![b'a'; 512 << 10])]);
    let directory = one.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let end = one.windows(4).position(|w| w == b"PK\x05\x06").unwrap();
    let entry = &one[directory..end];
    let mut bytes = one[..directory].to_vec();
    for _ in 0..400 {
        bytes.extend_from_slice(entry);
    }
    let mut tail = one[end..].to_vec();
    tail[8..10].copy_from_slice(&400u16.to_le_bytes());
    tail[10..12].copy_from_slice(&400u16.to_le_bytes());
    tail[12..16].copy_from_slice(&((entry.len() * 400) as u32).to_le_bytes());
    bytes.extend_from_slice(&tail);
    let counted = read(&bytes);
    assert!(counted.bytes <= 9 << 20, "{}", counted.bytes);
}

/// A small generator of its own: the corpus is the same on every run.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize
    }
}

#[test]
fn tampered_archives_are_survived() {
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
    xz.write_all(ROWS.as_bytes()).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(ROWS.as_bytes()).unwrap();
    let mut seven = sevenz_rust2::ArchiveWriter::new(std::io::Cursor::new(Vec::new())).unwrap();
    seven.push_archive_entry(sevenz_rust2::ArchiveEntry::new_file("a"), Some(ROWS.as_bytes())).unwrap();
    let mut database = rusqlite::Connection::open_in_memory().unwrap();
    database.execute_batch("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'a@mail.example')").unwrap();
    let whole: Vec<Vec<u8>> = vec![
        gz(ROWS.as_bytes()),
        zip(&[("a".into(), ROWS.as_bytes().to_vec()), ("b".into(), ROWS.as_bytes().to_vec())]),
        tar_entry("a", tar::EntryType::Regular, ROWS.as_bytes(), ""),
        zstd::encode_all(ROWS.as_bytes(), 3).unwrap(),
        xz.finish().unwrap(),
        lz4.finish().unwrap(),
        seven.finish().unwrap().into_inner(),
        database.serialize(rusqlite::MAIN_DB).unwrap().to_vec(),
    ];
    let mut draw = Draw(0x9E37_79B9_7F4A_7C15);
    for bytes in &whole {
        assert!(!read(bytes).addresses.is_empty());
        for round in 0..16 {
            let mut tampered = bytes.clone();
            if round % 4 == 0 {
                tampered.truncate(draw.next() % bytes.len());
            }
            for _ in 0..1 + round / 2 {
                if !tampered.is_empty() {
                    let at = draw.next() % tampered.len();
                    tampered[at] = draw.next() as u8;
                }
            }
            let _ = read(&tampered);
        }
    }
}

#[test]
fn endless_and_bottomless_texts_are_survived() {
    let tokens = [
        "{",
        "[",
        "(",
        "}",
        "\"",
        "'",
        "`",
        "\\",
        "\\u",
        "\\ud800",
        ",",
        ";",
        "|",
        "\t",
        "\n",
        "\r",
        ":",
        "=",
        "=>",
        "-",
        " ",
        "\0",
        "\u{1}",
        "\u{202e}",
        "\u{fffd}",
        "+AOk-",
        "<",
        "<a>",
        "<ul><li>",
        "<table>",
        "<table><tr><td>",
        "<td>",
        "</a>",
        "<!--",
        "<![CDATA[",
        "<?",
        "<a b=\"",
        "<a b=c ",
        "&",
        "&#x41;",
        "&amp;",
        "{\"a\":",
        "{\"a\":[",
        "[[",
        "[1,",
        "{a:",
        "array(",
        "array('a'=>",
        "INSERT INTO t VALUES (",
        "INSERT INTO t VALUES (1);\n",
        "INSERT INTO t (a",
        "(1,'a'),",
        "('",
        "COPY a FROM stdin;\n",
        "CREATE TABLE t (",
        "BEGIN:VCARD\n",
        "dn: x\n",
        "a: b\n",
        "a:: YQ==\n",
        "- a: b\n",
        "[a] => b\n",
        "a\tb\n",
        "a,b\n\"",
        "+--+--+\n",
        "| a | b |\n",
        "a@b.c:d\n",
        "a,b,c\nd;e;f\n",
        "From x\n",
        "Received: x\n",
        "%PDF-",
        "=C3",
        "YWJj",
        "\u{c3}\u{192}",
        "\"a\"\"",
        "\"a\nb\",",
        "'a''",
        "1) ",
        "é",
        "😀",
        "\u{feff}",
        "PK\x03\x04",
        "\x1f\u{8b}\x08",
    ];
    for token in tokens {
        for line in [false, true] {
            let mut text = token.repeat((96 << 10) / token.len());
            if line {
                text = format!("x;y\n{text}\nMartin;last@mail.example\n");
            }
            let _ = read(text.as_bytes());
        }
    }
    assert!(reasons("[".repeat(100_000).as_bytes()).contains(&SkipReason::Nesting));
    assert!(reasons(format!("<html>{}", "<div>".repeat(100_000)).as_bytes()).contains(&SkipReason::Nesting));
}

#[test]
fn broken_encodings_keep_what_can_be_read() {
    let text = "Martin a@mail.example\n";
    let wide: Vec<u8> = text.encode_utf16().chain([0xD800, 0x0A, 0xDC00, 0x0A]).flat_map(u16::to_le_bytes).collect();
    let marked = [b"\xff\xfe".to_vec(), wide.clone()].concat();
    let odd = [wide.clone(), vec![b'x']].concat();
    let nul = text.replace(' ', "\0 \0").into_bytes();
    let broken = [b"\xc3\x28\xff\xfe\xf5 ".to_vec(), text.as_bytes().to_vec()].concat();
    let bidi = format!("\u{202e}\u{2066}{text}");
    for bytes in [wide, marked, odd, nul, broken, bidi.into_bytes()] {
        assert!(read(&bytes).addresses.iter().any(|a| a.contains("a@mail.example")), "{bytes:?}");
    }
    let mut draw = Draw(7);
    for size in [1, 2, 3, 4, 511, 512, 513, 4096, 100_000] {
        let noise: Vec<u8> = (0..size).map(|_| draw.next() as u8).collect();
        let _ = read(&noise);
    }
    for byte in 0..=255u8 {
        let _ = read(&[byte; 700]);
        let _ = read(&[byte]);
    }
}
