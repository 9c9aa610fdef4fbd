//! Dumps of databases, in the dialects of their engines.

use super::people::{COLUMNS, Person};
use super::{ALL, Shape, each, shape};

/// The values of a person as literals of SQL, nothing as `NULL`.
fn literals(person: &Person, prefix: &str) -> String {
    let value = |v: &str| if v.is_empty() { "NULL".to_owned() } else { format!("{prefix}'{}'", v.replace('\'', "''")) };
    person.values().map(value).join(", ")
}

fn tuples(people: &[Person], between: &str) -> String {
    people.iter().map(|p| format!("({})", literals(p, ""))).collect::<Vec<_>>().join(between)
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02X}")).collect()
}

/// `CREATE TABLE`, in which the columns are named.
fn create(open: &str, close: &str, kind: &str) -> String {
    let columns: Vec<String> = COLUMNS.iter().map(|c| format!("  {open}{c}{close} {kind}")).collect();
    format!("CREATE TABLE {open}clients{close} (\n{}\n);\n", columns.join(",\n"))
}

pub const SHAPES: &[Shape] = &[
    shape!(mysql_extended, ALL, |people| {
        format!(
            "-- MySQL dump 10.13\n{}\nLOCK TABLES `clients` WRITE;\nINSERT INTO `clients` VALUES {};\nUNLOCK TABLES;\n",
            create("`", "`", "varchar(255) DEFAULT NULL"),
            tuples(people, ",")
        )
    }),
    shape!(mysql_hex, ALL, |people| each(people, |p| {
        let values = p.values().map(|v| if v.is_empty() { "''".to_owned() } else { format!("0x{}", hex(v)) });
        format!("INSERT INTO `clients` (`{}`) VALUES ({});\n", COLUMNS.join("`, `"), values.join(","))
    })),
    shape!(mysql_set, ALL, |people| each(people, |p| {
        let pairs: Vec<String> = p.filled().iter().map(|(n, v)| format!("`{n}`='{v}'")).collect();
        format!("INSERT INTO `clients` SET {};\n", pairs.join(", "))
    })),
    shape!(mysql_introducers, ALL, |people| each(people, |p| {
        format!("INSERT INTO clients VALUES ({});\n", literals(p, "_utf8mb4 "))
    })),
    shape!(replace_into, ALL, |people| format!("REPLACE INTO `clients` VALUES\n{};\n", tuples(people, ",\n"))),
    shape!(upsert, ALL, |people| each(people, |p| {
        format!(
            "INSERT INTO clients ({}) VALUES ({}) ON CONFLICT (mail) DO UPDATE SET nom = 'x, y' RETURNING id;\n",
            COLUMNS.join(", "),
            literals(p, "")
        )
    })),
    shape!(on_duplicate_key, ALL, |people| each(people, |p| {
        format!("INSERT INTO `clients` VALUES ({}) ON DUPLICATE KEY UPDATE nom=VALUES(nom);\n", literals(p, ""))
    })),
    shape!(postgres_copy, ALL, |people| {
        let row = |p: &Person| p.values().map(|v| if v.is_empty() { "\\N" } else { v }).join("\t") + "\n";
        format!(
            "--\n-- PostgreSQL database dump\n--\n\nCOPY public.clients ({}) FROM stdin;\n{}\\.\n",
            COLUMNS.join(", "),
            each(people, row)
        )
    }),
    shape!(postgres_copy_csv, ALL, |people| {
        let row = |p: &Person| p.values().join(",") + "\n";
        format!(
            "COPY clients ({}) FROM STDIN WITH (FORMAT csv, DELIMITER ',');\n{}\\.\n",
            COLUMNS.join(", "),
            each(people, row)
        )
    }),
    shape!(postgres_escapes, ALL, |people| each(people, |p| {
        format!("INSERT INTO public.\"clients\" VALUES ({});\n", literals(p, "E"))
    })),
    shape!(postgres_dollars, ALL, |people| each(people, |p| {
        let values = p.values().map(|v| format!("$${v}$$"));
        format!("INSERT INTO clients ({}) VALUES ({});\n", COLUMNS.join(", "), values.join(", "))
    })),
    shape!(postgres_casts, ALL, |people| each(people, |p| {
        let values = p.values().map(|v| format!("'{v}'::character varying(80)"));
        format!("insert into clients values ({});\n", values.join(", "))
    })),
    shape!(mssql, ALL, |people| {
        create("[", "]", "[nvarchar](80) NULL").replace(");\n", ") ON [PRIMARY]\nGO\n")
            + "SET IDENTITY_INSERT [dbo].[clients] ON \nGO\n"
            + &each(people, |p| {
                format!("INSERT [dbo].[clients] ([{}]) VALUES ({})\nGO\n", COLUMNS.join("], ["), literals(p, "N"))
            })
    }),
    Shape {
        name: "mssql_in_utf16",
        fields: ALL,
        write: |people| {
            let text = "USE [shop]\r\nGO\r\n".to_owned()
                + &each(people, |p| {
                    let born = format!("CAST(N'{}' AS Date)", p.birth);
                    let values = literals(p, "N").replace(&format!("N'{}'", p.birth), &born);
                    format!("INSERT [dbo].[clients] ([{}]) VALUES ({values})\r\n", COLUMNS.join("], ["))
                });
            [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
        },
    },
    shape!(oracle, ALL, |people| each(people, |p| {
        let born = format!("to_date('{}','YYYY-MM-DD')", p.birth);
        let values = literals(p, "").replace(&format!("'{}'", p.birth), &born);
        format!("Insert into SHOP.CLIENTS ({}) values ({values});\n", COLUMNS.join(",").to_uppercase())
    })),
    shape!(oracle_quotes, ALL, |people| each(people, |p| {
        format!("INSERT INTO clients VALUES ({});\n", p.values().map(|v| format!("q'[{v}]'")).join(", "))
    })),
    shape!(oracle_insert_all, ALL, |people| {
        let into = each(people, |p| format!("  INTO clients ({}) VALUES ({})\n", COLUMNS.join(", "), literals(p, "")));
        format!("INSERT ALL\n{into}SELECT * FROM dual;\n")
    }),
    shape!(insert_select_union, ALL, |people| {
        let rows: Vec<String> = people.iter().map(|p| format!("SELECT {}", literals(p, ""))).collect();
        format!("INSERT INTO clients ({})\n{};\n", COLUMNS.join(", "), rows.join(" UNION ALL\n"))
    }),
    shape!(sqlite_dump, ALL, |people| {
        format!(
            "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n{}{}COMMIT;\n",
            create("", "", "TEXT"),
            each(people, |p| format!("INSERT INTO clients VALUES({});\n", literals(p, "").replace(", ", ",")))
        )
    }),
    shape!(updates, ALL, |people| each(people, |p| {
        let pairs: Vec<String> = p.filled().iter().map(|(n, v)| format!("{n} = '{v}'")).collect();
        format!("UPDATE clients SET {} WHERE id = {};\n", pairs.join(", "), &p.id[2..])
    })),
    shape!(values_on_lines, ALL, |people| {
        let tuple = |p: &Person| {
            let values: Vec<String> = p.values().iter().map(|v| format!("  '{v}'")).collect();
            format!("(\n{}\n)", values.join(",\n"))
        };
        let tuples: Vec<String> = people.iter().map(tuple).collect();
        format!("INSERT INTO clients\n  ({})\nVALUES\n{};\n", COLUMNS.join(", "), tuples.join(",\n"))
    }),
    shape!(cut_in_the_middle, ALL, |people| format!(
        "nom','x'),({}),\n",
        &tuples(people, "),(").replace("((", "(").replace("))", ")")
    )),
    shape!(two_tables_by_turns, ALL, |people| each(people, |p| {
        format!(
            "INSERT INTO log VALUES (1,'login');\nINSERT INTO clients ({}) VALUES ({});\n",
            COLUMNS.join(", "),
            literals(p, "")
        )
    })),
    shape!(drop_and_comments, ALL, |people| {
        "# dump\n/* by\n   hand */\nSET NAMES utf8;\n".to_owned()
            + &each(people, |p| format!("INSERT INTO clients VALUES ( {} ) ; -- next\n", literals(p, "")))
    }),
];
