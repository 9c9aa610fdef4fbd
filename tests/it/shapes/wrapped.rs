//! Dumps that stand in something else: in cells and strings, in archives of archives, behind quotes, numbers, times and
//! signs of differences, on broken lines.

use std::io::Write;

use super::people::{COLUMNS, Person};
use super::{ALL, Shape, each, shape};

fn dump(people: &[Person], delimiter: &str) -> String {
    format!("{}\n", COLUMNS.join(delimiter)) + &each(people, |p| p.values().join(delimiter) + "\n")
}

fn object(person: &Person) -> String {
    let pairs: Vec<String> = person.filled().iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    format!("{{{}}}", pairs.join(","))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Each line of the dump behind something that depends on its number.
fn behind(people: &[Person], before: impl Fn(usize) -> String) -> String {
    dump(people, ";").lines().enumerate().map(|(i, line)| format!("{}{line}\n", before(i))).collect()
}

fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append_data(&mut header, name, content).unwrap();
    builder.into_inner().unwrap()
}

fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap().into_inner()
}

fn seven(name: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = sevenz_rust2::ArchiveWriter::new(std::io::Cursor::new(Vec::new())).unwrap();
    writer.push_archive_entry(sevenz_rust2::ArchiveEntry::new_file(name), Some(content)).unwrap();
    writer.finish().unwrap().into_inner()
}

/// A text in UTF-7: what is not plain ASCII is base64 of UTF-16 between `+` and `-`.
fn utf7(text: &str) -> String {
    use base64::Engine;
    let mut out = String::new();
    let mut high: Vec<u8> = Vec::new();
    let flush = |high: &mut Vec<u8>, out: &mut String| {
        if !high.is_empty() {
            out.push_str(&format!("+{}-", base64::engine::general_purpose::STANDARD_NO_PAD.encode(&high)));
            high.clear();
        }
    };
    for c in text.chars() {
        match c {
            '+' => {
                flush(&mut high, &mut out);
                out.push_str("+-");
            }
            // `@` is not one of the characters that must stand for themselves.
            '@' | '\u{80}'.. => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| high.extend(unit.to_be_bytes())),
            c => {
                flush(&mut high, &mut out);
                out.push(c);
            }
        }
    }
    flush(&mut high, &mut out);
    out
}

pub const SHAPES: &[Shape] = &[
    shape!(json_in_semicolon_cells, ALL, |people| {
        "id;payload;date\n".to_owned() + &each(people, |p| format!("{};{};2026-08-01\n", p.id.len(), object(p)))
    }),
    shape!(csv_in_a_json_string, ALL, |people| {
        format!("{{\"status\":\"ok\",\"filename\":\"clients.csv\",\"content\":\"{}\"}}\n", escaped(&dump(people, ";")))
    }),
    shape!(csv_in_cdata, ALL, |people| format!(
        "<?xml version=\"1.0\"?>\n<export><meta>x</meta><data><![CDATA[{}]]></data></export>\n",
        dump(people, ";")
    )),
    shape!(json_in_an_xml_element, ALL, |people| {
        let list = people.iter().map(object).collect::<Vec<_>>().join(",").replace('"', "&quot;");
        format!("<?xml version=\"1.0\"?>\n<response><string>[{list}]</string></response>\n")
    }),
    shape!(json_encoded_twice, ALL, |people| {
        let list = format!("[{}]", people.iter().map(object).collect::<Vec<_>>().join(","));
        format!("\"{}\"\n", escaped(&format!("\"{}\"", escaped(&list))))
    }),
    shape!(json_string_of_lines, ALL, |people| format!(
        "{{\"log\": \"{}\"}}",
        escaped(&each(people, |p| object(p) + "\n"))
    )),
    shape!(lists_on_lines, ALL, |people| each(people, |p| format!(
        "[{}]\n",
        p.values().map(|v| format!("\"{v}\"")).join(",")
    ))),
    shape!(lines_wrapped_in_quotes, ALL, |people| {
        dump(people, ",")
            .lines()
            .map(|line| {
                format!("\"{}\"\n", line.split(',').map(|v| format!("\"\"{v}\"\"")).collect::<Vec<_>>().join(","))
            })
            .collect()
    }),
    shape!(excel_separator_line, ALL, |people| format!("sep=;\r\n{}", dump(people, ";").replace('\n', "\r\n"))),
    shape!(gzip_in_base64_in_json, ALL, |people| {
        use base64::Engine;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(format!("[{}]", people.iter().map(object).collect::<Vec<_>>().join(",")).as_bytes()).unwrap();
        let body = base64::engine::general_purpose::STANDARD.encode(encoder.finish().unwrap());
        format!("{{\"headers\":{{\"content-encoding\":\"gzip\"}},\"isBase64Encoded\":true,\"body\":\"{body}\"}}\n")
    }),
    Shape {
        name: "tar_in_zip_in_7z",
        fields: ALL,
        write: |people| seven("a.zip", &zip("b.tar", &tar("c.csv", dump(people, ";").as_bytes()))),
    },
    shape!(lines_broken_by_backslashes, ALL, |people| {
        each(people, |p| {
            format!(
                "{};{};{};{};\\\n{};{};{};{}\n",
                p.last, p.first, p.mail, p.phone, p.birth, p.street, p.postcode, p.city
            )
        })
    }),
    shape!(replies_to_replies, ALL, |people| {
        "Le 1 août 2026, on wrote:\n".to_owned() + &behind(people, |_| ">> ".to_owned()) + "> thanks\nme too\n"
    }),
    shape!(patch, ALL, |people| {
        let added: String = dump(people, ",").lines().map(|line| format!("+{line}\n")).collect();
        format!(
            "diff --git a/clients.csv b/clients.csv\nnew file mode 100644\nindex 0000000..83db48f\n--- /dev/null\n+++ b/clients.csv\n@@ -0,0 +1,41 @@\n{added}"
        )
    }),
    shape!(removed_lines, ALL, |people| behind(people, |_| "-".to_owned())),
    shape!(numbered_by_cat, ALL, |people| behind(people, |i| format!("{:>6}\t", i + 1))),
    shape!(numbered_by_an_editor, ALL, |people| behind(people, |i| format!("{:>4} ", i + 1))),
    shape!(grep_output, ALL, |people| behind(people, |i| format!("./backup/clients.csv:{}:", i + 1))),
    shape!(times_in_front, ALL, |people| behind(people, |i| format!("2026-08-01T12:{:02}:00.123Z ", i % 60))),
    shape!(clock_in_brackets, ALL, |people| behind(people, |i| format!("[12:{:02}:07] ", i % 60))),
    shape!(syslog_lines, ALL, |people| behind(people, |i| format!("Aug  1 12:{:02}:07 web1 export[4242]: ", i % 60))),
    shape!(irc, ALL, |people| {
        each(people, |p| {
            format!(
                "12:01 <@seller> {}\n",
                p.values().iter().filter(|v| !v.is_empty()).copied().collect::<Vec<_>>().join(" | ")
            )
        })
    }),
    shape!(whatsapp, ALL, |people| {
        each(people, |p| {
            format!(
                "01/08/2026, 12:01 - Seller: {}\n",
                p.values().iter().filter(|v| !v.is_empty()).copied().collect::<Vec<_>>().join(", ")
            )
        })
    }),
    shape!(hexdump_canonical, ALL, |people| {
        let bytes = dump(people, ";").into_bytes();
        let line = |(i, c): (usize, &[u8])| {
            let half = |c: &[u8]| c.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ");
            let (left, right) = c.split_at(c.len().min(8));
            let shown: String =
                c.iter().map(|b| if b.is_ascii_graphic() || *b == b' ' { char::from(*b) } else { '.' }).collect();
            format!("{:08x}  {:<23}  {:<23}  |{shown}|\n", i * 16, half(left), half(right))
        };
        bytes.chunks(16).enumerate().map(line).collect::<String>() + &format!("{:08x}\n", bytes.len())
    }),
    shape!(utf7_text, ALL, |people| utf7(&dump(people, ";"))),
    shape!(mediawiki_cells_on_lines, ALL, |people| {
        let row = |p: &Person| format!("|-\n{}", p.values().map(|v| format!("| {v}\n")).concat());
        format!(
            "{{| class=\"wikitable\"\n|-\n{}{}|}}\n",
            COLUMNS.map(|c| format!("! {c}\n")).concat(),
            each(people, row)
        )
    }),
    shape!(asciidoc_cells_on_lines, ALL, |people| {
        let row = |p: &Person| p.values().map(|v| format!("|{v}\n")).concat() + "\n";
        format!("[cols=\"8*\",options=\"header\"]\n|===\n|{}\n\n{}|===\n", COLUMNS.join(" |"), each(people, row))
    }),
    shape!(cells_folded_in_a_drawn_table, ALL, |people| {
        let rule = "+----------------------+----------------------------------+----------------------+\n";
        let row = |p: &Person| {
            format!(
                "| {:<20} | {:<32} | {:<20} |\n| {:<20} | {:<32} | {:<20} |\n| {:<20} | {:<32} | {:<20} |\n{rule}",
                p.last, p.mail, p.street, p.first, p.phone, p.postcode, "", p.birth, p.city
            )
        };
        format!("{rule}| {:<20} | {:<32} | {:<20} |\n{rule}{}", "client", "contact", "adresse", each(people, row))
    }),
];
