//! HTML, XML, directories, address books, calendars and mail.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::encoded::quoted_printable;
use super::people::{COLUMNS, Person};
use super::{ALL, Shape, each, shape};

/// Elements named like the fields.
fn elements(person: &Person) -> String {
    person.filled().iter().map(|(name, value)| format!("<{name}>{value}</{name}>")).collect()
}

/// A line of a directory or address book, folded behind 76 bytes.
fn folded(line: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for c in line.chars() {
        if width + c.len_utf8() > 75 {
            out.push_str("\n ");
            width = 1;
        }
        width += c.len_utf8();
        out.push(c);
    }
    out + "\n"
}

/// `name: value` or, beyond ASCII, `name:: base64`.
fn ldif(name: &str, value: &str) -> String {
    match value.is_ascii() {
        true => folded(&format!("{name}: {value}")),
        false => folded(&format!("{name}:: {}", STANDARD.encode(value))),
    }
}

fn table(people: &[Person]) -> String {
    let row = |p: &Person| format!("<tr>{}</tr>\n", p.values().map(|v| format!("<td>{v}</td>")).concat());
    format!("<table><tr>{}</tr>\n{}</table>", COLUMNS.map(|c| format!("<th>{c}</th>")).concat(), each(people, row))
}

fn csv(people: &[Person]) -> String {
    format!("{}\n", COLUMNS.join(",")) + &each(people, |p| p.values().join(",") + "\n")
}

pub const SHAPES: &[Shape] = &[
    shape!(html_table, ALL, |people| format!("<!DOCTYPE html><html><body><p>dump</p>{}</body></html>", table(people))),
    shape!(html_without_closing_tags, ALL, |people| {
        table(people).replace("</td>", "").replace("</tr>", "").replace("</th>", "")
    }),
    shape!(html_definition_lists, ALL, |people| each(people, |p| {
        let pairs: String = p.filled().iter().map(|(n, v)| format!("<dt>{n}</dt><dd>{v}</dd>")).collect();
        format!("<dl>{pairs}</dl>\n")
    })),
    shape!(html_labels_in_divs, ALL, |people| each(people, |p| {
        let pairs: String =
            p.filled().iter().map(|(n, v)| format!("<div><b>{n}:</b> <span>{v}</span></div>")).collect();
        format!("<div class=\"card\">{pairs}</div><hr>\n")
    })),
    shape!(html_list, ALL, |people| {
        let item =
            |p: &Person| format!("<li>{}</li>\n", p.filled().iter().map(|(_, v)| *v).collect::<Vec<_>>().join(", "));
        format!("<html><ul>{}</ul></html>", each(people, item))
    }),
    shape!(html_vertical_tables, ALL, |people| each(people, |p| {
        let rows: String = p.filled().iter().map(|(n, v)| format!("<tr><td>{n}</td><td>{v}</td></tr>")).collect();
        format!("<table>{rows}</table>\n")
    })),
    shape!(html_divs_as_rows, ALL, |people| each(people, |p| {
        let cells: String = p.values().map(|v| format!("<div class=\"cell\">{v}</div>")).concat();
        format!("<div class=\"row\">{cells}</div>\n")
    })),
    shape!(html_form, ALL, |people| each(people, |p| {
        let inputs: String = p.filled().iter().map(|(n, v)| format!("<input name=\"{n}\" value=\"{v}\">\n")).collect();
        format!("<form action=\"/save\">\n{inputs}</form>\n")
    })),
    shape!(html_with_a_script, ALL, |people| {
        let object = |p: &Person| {
            format!("{{{}}}", p.filled().iter().map(|(n, v)| format!("\"{n}\":\"{v}\"")).collect::<Vec<_>>().join(","))
        };
        let objects: Vec<String> = people.iter().map(object).collect();
        format!("<html><script>window.__STATE__ = {{\"users\":[{}]}};</script></html>", objects.join(","))
    }),
    shape!(escaped_html_in_a_post, ALL, |people| table(people).replace('<', "&lt;").replace('>', "&gt;")),
    shape!(xml_elements, ALL, |people| {
        format!(
            "<?xml version=\"1.0\"?>\n<export>\n{}</export>\n",
            each(people, |p| format!("<client>{}</client>\n", elements(p)))
        )
    }),
    shape!(xml_attributes, ALL, |people| {
        let row = |p: &Person| {
            let attributes: String = p.filled().iter().map(|(n, v)| format!(" {n}=\"{v}\"")).collect();
            format!("<row{attributes}/>\n")
        };
        format!("<export>\n{}</export>\n", each(people, row))
    }),
    shape!(mysqldump_xml, ALL, |people| {
        let row = |p: &Person| {
            let fields: String =
                p.filled().iter().map(|(n, v)| format!("\t\t<field name=\"{n}\">{v}</field>\n")).collect();
            format!("\t<row>\n{fields}\t</row>\n")
        };
        format!(
            "<?xml version=\"1.0\"?>\n<mysqldump><database name=\"shop\"><table_data name=\"clients\">\n{}</table_data></database></mysqldump>\n",
            each(people, row)
        )
    }),
    shape!(soap, ALL, |people| {
        format!(
            "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><ns2:listResponse><return>{}</return></ns2:listResponse></soap:Body></soap:Envelope>",
            each(people, |p| format!("<ns2:client>{}</ns2:client>", elements(p)))
        )
    }),
    shape!(excel_2003, ALL, |people| {
        let cell = |v: &str| format!("<Cell><Data ss:Type=\"String\">{v}</Data></Cell>");
        let row = |values: [&str; 8]| format!("<Row>{}</Row>\n", values.map(cell).concat());
        format!(
            "<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?>\n<Workbook><Worksheet ss:Name=\"clients\"><Table>\n{}{}</Table></Worksheet></Workbook>\n",
            row(COLUMNS),
            each(people, |p| row(p.values()))
        )
    }),
    shape!(plist, ALL, |people| {
        let record = |p: &Person| {
            let pairs: String =
                p.filled().iter().map(|(n, v)| format!("<key>{n}</key><string>{v}</string>\n")).collect();
            format!("<dict>\n{pairs}</dict>\n")
        };
        format!("<?xml version=\"1.0\"?>\n<plist version=\"1.0\"><array>\n{}</array></plist>\n", each(people, record))
    }),
    shape!(rdf_turtle, ALL, |people| each(people, |p| {
        let pairs: Vec<String> = p.filled().iter().map(|(n, v)| format!("  ex:{n} \"{v}\"")).collect();
        format!("ex:{} a ex:Person ;\n{} .\n\n", &p.id, pairs.join(" ;\n"))
    })),
    shape!(ldif_folded, ALL, |people| each(people, |p| {
        folded(&format!("dn: uid={},ou=People,ou=Customers of the shop and others,dc=example,dc=com", p.id.len()))
            + "objectClass: top\nobjectClass: person\n"
            + &ldif("sn", &p.last)
            + &ldif("givenName", &p.first)
            + &ldif("cn", &p.full())
            + &(if p.mail.is_empty() { String::new() } else { ldif("mail", &p.mail) })
            + &(if p.phone.is_empty() { String::new() } else { ldif("mobile", &p.phone) })
            + &ldif("birthDate", &p.birth)
            + &ldif("l", &p.city)
            + &ldif("postalCode", &p.postcode)
            + &ldif("description", &format!("{} {}", "a long remark about nothing in particular,".repeat(3), p.street))
            + "\n"
    })),
    shape!(vcard_2, ALL, |people| each(people, |p| {
        let code = |v: &str| quoted_printable(v).trim_end().to_owned();
        format!(
            "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:{};{};;;\nEMAIL;INTERNET:{}\nTEL;CELL;PREF:{}\n\
             ADR;HOME;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:;;{};{};;{};France\nBDAY:{}\nEND:VCARD\n",
            code(&p.last),
            code(&p.first),
            p.mail,
            p.phone,
            code(&p.street),
            code(&p.city),
            p.postcode,
            p.birth
        )
    })),
    shape!(vcard_3, ALL, |people| each(people, |p| {
        folded("BEGIN:VCARD")
            + &folded("VERSION:3.0")
            + &folded(&format!("FN:{}", p.full()))
            + &folded(&format!("N:{};{};;;", p.last, p.first))
            + &folded(&format!("NOTE:{} fin", "une remarque assez longue\\, pliée\\n".repeat(4)))
            + &folded(&format!("item1.EMAIL;type=INTERNET;type=pref:{}", p.mail))
            + &folded(&format!("TEL;type=CELL:{}", p.pairs()))
            + &folded(&format!("ADR;type=HOME:;;{};{};;{};", p.street, p.city, p.postcode))
            + &folded(&format!("BDAY;value=date:{}", p.birth))
            + "END:VCARD\n"
    })),
    shape!(vcard_4, ALL, |people| each(people, |p| {
        format!(
            "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{}\r\nN:{};{};;;\r\nEMAIL;PID=1.1:{}\r\nTEL;VALUE=uri;TYPE=\"cell,home\":tel:{}\r\n\
             ADR;LABEL=\"x:y\":;;{};{};;{};\r\nBDAY:{}\r\nEND:VCARD\r\n",
            p.full(),
            p.last,
            p.first,
            p.mail,
            p.phone,
            p.street,
            p.city,
            p.postcode,
            p.birth.replace('-', "")
        )
    })),
    shape!(mail_with_attachment, ALL, |people| {
        format!(
            "From: seller@mail.example\nTo: buyer@mail.example\nSubject: base\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n\
             --b\nContent-Type: text/plain\n\nenjoy\n--b\nContent-Type: text/csv; name=a.csv\nContent-Disposition: attachment; filename=a.csv\n\
             Content-Transfer-Encoding: base64\n\n{}\n--b--\n",
            STANDARD.encode(csv(people))
        )
    }),
    shape!(rtf, ALL, |people| {
        let escape = |text: &str| -> String {
            text.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{}?", c as u32) }).collect()
        };
        let row = |p: &Person| {
            format!("\\trowd {}\\row\n", p.values().map(|v| format!("\\pard\\intbl {}\\cell ", escape(v))).concat())
        };
        format!("{{\\rtf1\\ansi\\ansicpg1252{{\\fonttbl{{\\f0 Arial;}}}}\n\\pard Clients\\par\n{}}}", each(people, row))
    }),
    shape!(rtf_lines, ALL, |people| {
        let bytes = |text: &str| -> String {
            text.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\'{:02x}", c as u32) }).collect()
        };
        let line = |p: &Person| format!("{}\\par\n", bytes(&p.values().join(" ; ")));
        format!("{{\\rtf1\\ansi\\ansicpg1252 {{\\*\\generator x;}}\\f0\\fs20 {}}}", each(people, line))
    }),
];
