//! What programs export, log and print, as it is posted: messengers, stealers, browsers, log stores, database front ends,
//! address books, banks.

use super::people::{COLUMNS, Person};
use super::{ALL, Shape, each, shape};

fn object(person: &Person) -> String {
    let pairs: Vec<String> = person.filled().iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    format!("{{{}}}", pairs.join(","))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn listed(people: &[Person], between: &str, write: impl Fn(&Person) -> String) -> String {
    people.iter().map(write).collect::<Vec<_>>().join(between)
}

fn numbered(people: &[Person], write: impl Fn(usize, &Person) -> String) -> String {
    people.iter().enumerate().map(|(i, person)| write(i, person)).collect()
}

fn quoted(values: &[&str]) -> String {
    values.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(",") + "\n"
}

/// A segment of EDIFACT: apostrophes, pluses and colons in values are released.
fn edifact(text: &str) -> String {
    text.replace('\'', "?'").replace('+', "?+").replace(':', "?:")
}

pub const SHAPES: &[Shape] = &[
    shape!(telegram_json, "email phone last_name first_name birth_date postcode city", |people| {
        let message = |(i, p): (usize, &Person)| {
            format!(
                "  {{\n   \"id\": {i},\n   \"type\": \"message\",\n   \"date\": \"2026-08-01T12:00:00\",\n   \"from\": \"seller\",\n   \
                 \"text\": [\n    \"{} \",\n    {{\n     \"type\": \"email\",\n     \"text\": \"{}\"\n    }},\n    \" \",\n    \
                 {{\n     \"type\": \"phone\",\n     \"text\": \"{}\"\n    }},\n    \" {} {} {}\"\n   ]\n  }}",
                p.full(),
                p.mail,
                p.phone,
                p.birth,
                p.postcode,
                p.city
            )
        };
        let messages: Vec<String> = people.iter().enumerate().map(message).collect();
        format!(
            "{{\n \"name\": \"leaks\",\n \"type\": \"public_channel\",\n \"id\": 7,\n \"messages\": [\n{}\n ]\n}}\n",
            messages.join(",\n")
        )
    }),
    shape!(telegram_html, ALL, |people| {
        let message = |i: usize, p: &Person| {
            let lines: Vec<String> = p.filled().iter().map(|(name, value)| format!("{name}: {value}")).collect();
            format!(
                "<div class=\"message default clearfix\" id=\"message{i}\">\n<div class=\"body\">\n<div class=\"pull_right date details\" \
                 title=\"01.08.2026 12:00:00\">12:00</div>\n<div class=\"from_name\">seller</div>\n<div class=\"text\">\n{}\n</div>\n</div>\n</div>\n",
                lines.join("<br>")
            )
        };
        format!(
            "<!DOCTYPE html>\n<html><body><div class=\"history\">\n{}</div></body></html>\n",
            numbered(people, message)
        )
    }),
    shape!(whole_address_in_one_cell, "last_name first_name street_address postcode city", |people| {
        let row = |p: &Person| format!("{};{} {} {}\n", p.full(), p.street, p.postcode, p.city);
        format!("client;adresse complete\n{}", each(people, row))
    }),
    shape!(addresses_on_labels, "email last_name first_name street_address postcode city", |people| {
        let row = |p: &Person| {
            format!("{},\"{}\n{}\n{} {}\"\n", p.mail, p.full(), p.street, p.postcode, p.city.to_uppercase())
        };
        format!("mail,label\n{}", each(people, row))
    }),
    shape!(who_and_when_in_one_cell, "email phone last_name first_name birth_date postcode city", |people| {
        let row =
            |p: &Person| format!("{}\t{}\t{} ({})\t{} - {}\n", p.mail, p.phone, p.full(), p.birth, p.postcode, p.city);
        format!("mail\ttel\tqui\tou\n{}", each(people, row))
    }),
    shape!(stealer_blocks, "email phone last_name first_name birth_date", |people| {
        each(people, |p| {
            format!(
                "===============\nURL: https://shop.example/login\nUsername: {}\nPassword: azerty12\nApplication: Chrome_[Default]\n\
                 name: {}\nphone: {}\nbday: {}\npostal: {}\n",
                p.mail,
                p.full(),
                p.phone,
                p.birth,
                p.postcode
            )
        })
    }),
    shape!(excel_cells_with_line_breaks, ALL, |people| {
        let row = |p: &Person| {
            format!(
                "{}\t{}\t{}\t{}\t{}\t\"{}\n{} {}\"\r\n",
                p.last,
                p.first,
                p.mail,
                p.phone,
                p.born(),
                p.street,
                p.postcode,
                p.city
            )
        };
        "Nom\tPrénom\tMail\tTél\tNé le\tAdresse\r\n".to_owned() + &each(people, row)
    }),
    shape!(har, ALL, |people| {
        let entry = |p: &Person| {
            format!(
                "{{\"startedDateTime\":\"2026-08-01T12:00:00Z\",\"request\":{{\"method\":\"GET\",\"url\":\"https://api.example/me\",\"headers\":[{{\"name\":\"Accept\",\"value\":\"*/*\"}}]}},\
                 \"response\":{{\"status\":200,\"content\":{{\"size\":200,\"mimeType\":\"application/json\",\"text\":\"{}\"}}}},\"time\":12}}",
                escaped(&object(p))
            )
        };
        format!(
            "{{\"log\":{{\"version\":\"1.2\",\"creator\":{{\"name\":\"x\"}},\"entries\":[{}]}}}}\n",
            listed(people, ",", entry)
        )
    }),
    shape!(kibana_csv, ALL, |people| {
        let head: Vec<String> = ["@timestamp", "_index"]
            .map(str::to_owned)
            .into_iter()
            .chain(COLUMNS.map(|c| format!("customer.{c}.keyword")))
            .collect();
        let head = quoted(&head.iter().map(String::as_str).collect::<Vec<_>>());
        head + &each(people, |p| {
            let mut row = vec!["Aug 1, 2026 @ 12:00:00.000", "crm-2026.08"];
            row.extend(p.values().map(|v| if v.is_empty() { " - " } else { v }));
            quoted(&row)
        })
    }),
    shape!(splunk_raw, ALL, |people| each(people, |p| {
        let raw: String = p.filled().iter().map(|(name, value)| format!(" {name}=\\\"{value}\\\"")).collect();
        format!(
            "{{\"preview\":false,\"offset\":0,\"result\":{{\"_time\":\"2026-08-01\",\"_raw\":\"2026-08-01 12:00:00 INFO updated{raw}\",\"host\":\"a\"}}}}\n"
        )
    })),
    shape!(cloudtrail, ALL, |people| {
        let event = |p: &Person| {
            format!(
                "{{\"eventVersion\":\"1.08\",\"userIdentity\":{{\"type\":\"IAMUser\"}},\"eventTime\":\"2026-08-01T12:00:00Z\",\"requestParameters\":{{\"item\":{}}}}}",
                object(p)
            )
        };
        format!("{{\"Records\":[{}]}}", listed(people, ",", event))
    }),
    shape!(phpmyadmin_json, ALL, |people| {
        format!(
            "[\n{{\"type\":\"header\",\"version\":\"5.2.1\",\"comment\":\"Export to JSON plugin for PHPMyAdmin\"}},\n{{\"type\":\"database\",\"name\":\"shop\"}},\n\
             {{\"type\":\"table\",\"name\":\"clients\",\"database\":\"shop\",\"data\":\n[\n{}\n]\n}}\n]\n",
            listed(people, ",\n", object)
        )
    }),
    shape!(phpmyadmin_xml, ALL, |people| {
        let row = |p: &Person| {
            let cells: String =
                p.fields().map(|(n, v)| format!("            <column name=\"{n}\">{v}</column>\n")).concat();
            format!("        <table name=\"clients\">\n{cells}        </table>\n")
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!--\n- phpMyAdmin XML Dump\n-->\n<pma_xml_export version=\"1.0\">\n    <database name=\"shop\">\n{}    </database>\n</pma_xml_export>\n",
            each(people, row)
        )
    }),
    shape!(phpmyadmin_php, ALL, |people| {
        let row = |p: &Person| format!("  array({})", p.fields().map(|(n, v)| format!("'{n}' => '{v}'")).join(","));
        format!(
            "<?php\n/**\n * Export to PHP Array plugin for PHPMyAdmin\n */\n\n/* `shop`.`clients` */\n$clients = array(\n{}\n);\n",
            listed(people, ",\n", row)
        )
    }),
    shape!(phpmyadmin_latex, ALL, |people| {
        let names = COLUMNS.map(|c| format!("\\textbf{{{c}}}")).join(" & ");
        let row = |p: &Person| format!("{} \\\\ \\hline \n", p.values().join(" & "));
        format!(
            "% phpMyAdmin LaTeX Dump\n\\begin{{longtable}}{{|l|l|l|l|l|l|l|l|}} \n \\hline \\endhead \\hline \\endfoot \\hline \n \\caption{{Content of clients}} \\\\ \n\\hline \
             \\multicolumn{{1}}{{|c|}}{{{names}}} \\\\ \\hline \\hline \\endfirsthead \n{}\\end{{longtable}}\n",
            each(people, row)
        )
    }),
    shape!(mongoexport_csv, ALL, |people| {
        "_id,nom,prenom,contact.mail,contact.tel,naissance,adresse.rue,adresse.cp,adresse.ville\n".to_owned()
            + &numbered(people, |i, p| format!("ObjectId(64f0c0ffee64f0c0ffee{i:04}),{}\n", p.values().join(",")))
    }),
    shape!(redis_monitor, ALL, |people| numbered(people, |i, p| {
        let pairs: String = p.filled().iter().map(|(name, value)| format!(" \"{name}\" \"{value}\"")).collect();
        format!("1785585600.{i:06} [0 127.0.0.1:50{i:03}] \"HMSET\" \"user:{i}\"{pairs}\n")
    })),
    shape!(redis_json, "email last_name first_name city", |people| numbered(people, |i, p| format!(
        "SET \"user:{i}\" \"{}\"\n",
        escaped(&object(p))
    ))),
    shape!(outlook_csv, ALL, |people| {
        let born = |p: &Person| {
            let parts: Vec<&str> = p.birth.split('-').collect();
            format!("{}/{}/{}", parts[1].trim_start_matches('0'), parts[2].trim_start_matches('0'), parts[0])
        };
        "\"Title\",\"First Name\",\"Middle Name\",\"Last Name\",\"Suffix\",\"Company\",\"Home Street\",\"Home City\",\"Home State\",\"Home Postal Code\",\"Home Country\",\"Mobile Phone\",\"Birthday\",\"E-mail Address\",\"Priority\",\"Private\"\r\n".to_owned()
            + &each(people, |p| {
                quoted(&["", &p.first, "", &p.last, "", "", &p.street, &p.city, "", &p.postcode, "", &p.phone, &born(p), &p.mail, "Normal", "False"])
            })
    }),
    shape!(google_csv, ALL, |people| {
        "Name,Given Name,Family Name,Nickname,Birthday,Notes,E-mail 1 - Type,E-mail 1 - Value,Phone 1 - Type,Phone 1 - Value,Address 1 - Formatted,Address 1 - Street,Address 1 - City,Address 1 - Postal Code\n".to_owned()
            + &each(people, |p| {
                format!(
                    "{},{},{},,{},,* Home,{},Mobile,{},\"{}\n{} {}\",{},{},{}\n",
                    p.full(), p.first, p.last, p.birth, p.mail, p.phone, p.street, p.postcode, p.city, p.street, p.city, p.postcode
                )
            })
    }),
    shape!(oracle_spool, ALL, |people| {
        let line = |v: [&str; 8]| {
            format!(
                "{:<12} {:<10} {:<36} {:>10} {:<10} {:<24} {:>5} {:<10}\n",
                v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
            )
        };
        let rule = [12, 10, 36, 10, 10, 24, 5, 10].map(|w| "-".repeat(w)).join(" ") + "\n";
        let pages = people.chunks(12).enumerate();
        let page = |(no, people): (usize, &[Person])| {
            format!(
                "\u{c}Sat Aug 01                                                   page {:>4}\n                                Liste des clients\n\n",
                no + 1
            ) + &line(COLUMNS)
                + &rule
                + &each(people, |p| line(p.values()))
                + "\n"
        };
        pages.map(page).collect::<String>() + "\n40 rows selected.\n\nSQL> spool off\n"
    }),
    shape!(sap_list, ALL, |people| {
        let line = |v: [&str; 8]| {
            format!(
                "|  {:<12}|{:<10}|{:<36}|{:<10}|{:<10}|{:<24}|{:<5}|{:<10}|\n",
                v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
            )
        };
        let rule = "-".repeat(130) + "\n";
        let pages = people.chunks(15).enumerate();
        let page = |(no, people): (usize, &[Person])| {
            format!("01.08.2026                  Dynamische Listenausgabe                  {}\n{rule}", no + 1)
                + &line(COLUMNS)
                + &rule
                + &each(people, |p| line(p.values()))
                + &rule
        };
        pages.map(page).collect()
    }),
    shape!(edifact_orders, "email phone last_name first_name birth_date city", |people| {
        let contact = |p: &Person| {
            let mail = if p.mail.is_empty() { String::new() } else { format!("COM+{}:EM'", edifact(&p.mail)) };
            let phone = if p.phone.is_empty() { String::new() } else { format!("COM+{}:TE'", p.phone) };
            let (last, first, street, city) =
                (edifact(&p.last), edifact(&p.first), edifact(&p.street), edifact(&p.city));
            format!(
                "UNH+1+ORDERS:D:96A:UN'BGM+220+128576+9'NAD+BY+{}::92++{last}:{first}+{street}+{city}++{}+FR'{mail}{phone}DTM+329:{}:102'UNT+6+1'\n",
                p.id,
                p.postcode,
                p.birth.replace('-', "")
            )
        };
        format!("UNB+UNOC:3+5412345678908:14+8798765432106:14+260801:1200+1'\n{}UNZ+40+1'\n", each(people, contact))
    }),
    shape!(sepa_debits, "email phone last_name first_name birth_date city", |people| {
        let debit = |p: &Person| {
            let phone =
                if p.phone.is_empty() { String::new() } else { format!("<PhneNb>+33-{}</PhneNb>", &p.phone[1..]) };
            let mail = if p.mail.is_empty() { String::new() } else { format!("<EmailAdr>{}</EmailAdr>", p.mail) };
            format!(
                "<DrctDbtTxInf><PmtId><EndToEndId>E{}</EndToEndId></PmtId><InstdAmt Ccy=\"EUR\">29.99</InstdAmt><Dbtr><Nm>{}</Nm><PstlAdr><StrtNm>{}</StrtNm><PstCd>{}</PstCd><TwnNm>{}</TwnNm></PstlAdr>\
                 <Id><PrvtId><DtAndPlcOfBirth><BirthDt>{}</BirthDt></DtAndPlcOfBirth></PrvtId></Id><CtctDtls>{phone}{mail}</CtctDtls></Dbtr></DrctDbtTxInf>\n",
                p.id,
                p.full(),
                p.street,
                p.postcode,
                p.city,
                p.birth
            )
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.008.001.02\"><CstmrDrctDbtInitn><GrpHdr><MsgId>1</MsgId></GrpHdr><PmtInf><PmtMtd>DD</PmtMtd>\n{}</PmtInf></CstmrDrctDbtInitn></Document>\n",
            each(people, debit)
        )
    }),
    shape!(ldif_changes, "email phone last_name first_name city", |people| {
        each(people, |p| {
            let values: String = [
                ("sn", &p.last),
                ("givenName", &p.first),
                ("mail", &p.mail),
                ("mobile", &p.phone),
                ("postalCode", &p.postcode),
                ("l", &p.city),
            ]
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("replace: {name}\n{name}: {value}\n-\n"))
            .collect();
            format!("dn: uid={},ou=people,dc=shop,dc=example\nchangetype: modify\n{values}\n", p.id)
        })
    }),
    shape!(numbered_keys, ALL, |people| numbered(people, |i, p| {
        p.filled().iter().map(|(name, value)| format!("USER_{i}_{}={value}\n", name.to_uppercase())).collect()
    })),
    shape!(curl_commands, "email phone last_name first_name birth_date", |people| each(people, |p| {
        let pairs: Vec<String> =
            p.filled().iter().map(|(name, value)| format!("{name}={}", super::encoded::percent(value))).collect();
        format!("curl -s -X POST https://api.example/users -d '{}'\n", pairs.join("&"))
    })),
    shape!(sql_in_source, ALL, |people| {
        let row = |p: &Person| {
            format!(
                "$db->query(\"INSERT INTO clients ({}) VALUES ('{}')\");\n",
                COLUMNS.join(","),
                p.values().join("','")
            )
        };
        format!("<?php\n$db = new PDO('mysql:host=localhost');\n{}", each(people, row))
    }),
    shape!(prolog_facts, ALL, |people| each(people, |p| format!(
        "client({}).\n",
        p.values().map(|v| format!("'{v}'")).join(", ")
    ))),
    shape!(yaml_documents, ALL, |people| each(people, |p| {
        let lines: String = p.filled().iter().map(|(name, value)| format!("  {name}: \"{value}\"\n")).collect();
        format!("---\napiVersion: v1\nkind: Client\nspec:\n{lines}")
    })),
    shape!(mailbox, "email phone last_name first_name birth_date city", |people| numbered(people, |i, p| {
        let to = if p.mail.is_empty() { "nobody@shop.example" } else { &p.mail };
        format!(
            "From crm@shop.example Sat Aug  1 12:00:00 2026\nFrom: Shop <crm@shop.example>\nTo: {} <{to}>\nSubject: Votre compte\nMessage-ID: <{i}@shop.example>\n\
             MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\nBonjour {},\n\nVoici ce que nous savons de vous : né le {},\ntel {}, {},\n{} {}\n\nCordialement\n\n",
            if p.full().is_ascii() { p.full() } else { String::new() },
            p.full(),
            p.born(),
            p.phone,
            p.street,
            p.postcode,
            p.city
        )
    })),
];
