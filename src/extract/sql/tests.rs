//! Dumps read back.

use proptest::prelude::*;

use crate::extract::testing::read;

const FOUND: [[&str; 3]; 3] = [
    ["1", "L'Hermite", "a@mail.example"],
    ["2", "Le \"Goff\", \\ fils", "b@mail.example"],
    ["3", "", "c@mail.example"],
];

#[test]
fn mysql_dumps_are_read_with_and_without_column_lists() {
    let dump = "-- MySQL dump 10.13  Distrib 8.0.36\n/*!40101 SET NAMES utf8 */;\nDROP TABLE IF EXISTS `users`;\n\
        CREATE TABLE `users` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  `nom` varchar(255) DEFAULT 'x,(y' COMMENT 'le nom',\n  \
        `mail` enum('a','b') NOT NULL,\n  PRIMARY KEY (`id`),\n  KEY `k` (`nom`,`mail`)\n) ENGINE=InnoDB;\nLOCK TABLES `users` WRITE;\n";
    let rows = r#"(1,'L\'Hermite','a@mail.example'),(2,'Le \"Goff\", \\ fils','b@mail.example'),
(3,NULL,'c@mail.example');"#;
    for list in ["", " (`id`, `nom`, `mail`)"] {
        let kept = read(format!("{dump}INSERT INTO `users`{list} VALUES {rows}\nUNLOCK TABLES;\n").as_bytes());
        assert_eq!(kept.cells(), FOUND);
        assert_eq!(kept.headers(), [Some(vec!["id", "nom", "mail"])]);
        assert!(kept.text.contains("MySQL dump"));
    }
}

#[test]
fn other_engines_are_read() {
    for dump in [
        "PRAGMA foreign_keys=OFF;\nINSERT INTO users VALUES(1,'L''Hermite','a@mail.example');\nINSERT INTO users VALUES(2,'Le \"Goff\", \\ fils','b@mail.example');\n\
         INSERT INTO users VALUES(3,NULL,'c@mail.example');\nCOMMIT;\n",
        "INSERT [dbo].[users] ([id], [nom], [mail]) VALUES (1, N'L''Hermite', N'a@mail.example')\nGO\n\
         INSERT [dbo].[users] ([id], [nom], [mail]) VALUES (2, N'Le \"Goff\", \\ fils', N'b@mail.example')\nGO\n\
         INSERT [dbo].[users] ([id], [nom], [mail]) VALUES (3, CAST(NULL AS NVarChar(10)), CAST(N'c@mail.example' AS NVarChar(50)))\n",
        "--\n-- PostgreSQL database dump\n--\nCOPY public.users (id, nom, mail) FROM stdin;\n1\tL'Hermite\ta@mail.example\n\
         2\tLe \"Goff\", \\\\ fils\tb@mail.example\n3\t\\N\tc@mail.example\n\\.\n\nSELECT 1;\n",
        "insert into users (id, nom, mail) values (1, 0x4c274865726d697465, 'a@mail.example');\n\
         insert into users (id, nom, mail) values (2, E'Le \"Goff\", \\\\ fils', 'b@mail.example'::text);\n\
         insert into users (id, nom, mail) values (3, '', lower('c@mail.example')) on conflict do nothing;\n",
    ] {
        let kept = read(dump.as_bytes());
        let rows: Vec<Vec<&str>> = kept.cells();
        let rows: Vec<Vec<&str>> = rows
            .into_iter()
            .map(|row| row.into_iter().map(|c| if c.starts_with("CAST(NULL") { "" } else { c }).collect())
            .collect();
        assert_eq!(rows, FOUND, "{dump}");
    }
}

#[test]
fn two_tables_have_headers_of_their_own() {
    let kept = read(
        b"INSERT INTO a (id, mail) VALUES (1,'a@mail.example');\nINSERT INTO b (tel, nom) VALUES ('0612345678','X'),('0612345679','Y');\n\
          INSERT INTO c SET nom = 'Z', mail = 'z@mail.example';\n",
    );
    assert_eq!(kept.headers(), [Some(vec!["id", "mail"]), Some(vec!["tel", "nom"]), Some(vec!["nom", "mail"])]);
    assert_eq!(kept.rows.len(), 4);
}

#[test]
fn what_is_no_statement_is_text() {
    for text in ["Insert coin to continue\n", "copy that\n", "insert into the slot\n", "Create table for two\n"] {
        let kept = read(text.as_bytes());
        assert!(kept.rows.is_empty());
        assert_eq!(kept.text.trim(), text.trim());
    }
}

#[test]
fn a_statement_that_breaks_off_loses_nothing() {
    let kept = read(b"INSERT INTO a VALUES (1,'a@mail.example'),(2,'b@mail.example'),(3,'c@mail.exam");
    assert_eq!(kept.rows.len(), 2);
    assert!(kept.text.contains("c@mail.exam"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn values_are_read_back(rows in prop::collection::vec(prop::collection::vec("[ -~é\\n\\t]{0,16}", 3), 1..20), backslash: bool) {
        let quote = |value: &str| if backslash {
            format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
        } else {
            format!("'{}'", value.replace('\'', "''"))
        };
        let mut dump = String::from(if backslash { "INSERT INTO `t` (`a`,`b`,`c`) VALUES\n" } else { "INSERT INTO t (a,b,c) /* PRAGMA x */ VALUES\n" });
        let tuples: Vec<String> = rows.iter().map(|row| format!("({})", row.iter().map(|v| quote(v)).collect::<Vec<_>>().join(", "))).collect();
        dump.push_str(&tuples.join(",\n"));
        dump.push_str(";\n");
        let kept = read(dump.as_bytes());
        let expected: Vec<Vec<&str>> = rows.iter().map(|row| {
            let mut row: Vec<&str> = row.iter().map(String::as_str).collect();
            while row.last() == Some(&"") { row.pop(); }
            row
        }).filter(|row| !row.is_empty()).collect();
        let found: Vec<Vec<&str>> = kept.cells().into_iter().map(|mut row| { while row.last() == Some(&"") { row.pop(); } row }).collect();
        prop_assert_eq!(found, expected, "{}", dump);
    }
}
