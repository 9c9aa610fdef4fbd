//! Tables at fixed columns are read whoever printed them, and nothing else is taken for one.

use proptest::prelude::*;

use crate::extract::testing::{Kept, read};
use crate::model::Shape;

const PEOPLE: [[&str; 6]; 8] = [
    ["7", "Lefèvre", "Zoé", "zoe.lefevre@courriel.example", "0612345678", "Le Mans"],
    ["12", "Petit", "Jean Paul", "", "0698765432", "Brest"],
    ["108", "Roux", "Léa", "lea@mail.example", "", "Metz"],
    ["9", "De La Tour", "Hugo", "hugo.delatour@boite.example", "0711223344", "Quimper"],
    ["1044", "Noël", "Inès", "ines.noel@mail.example", "0655443322", "Saint-Malo"],
    ["45", "Garnier", "Paul", "p@mail.example", "0644556677", "Dijon"],
    ["3", "Aubry", "Chloé", "chloe.aubry@mail.example", "0633221100", "Tours"],
    ["210", "Vidal", "Tom", "tom@boite.example", "0788776655", "Angers"],
];
const NAMES: [&str; 6] = ["id", "nom", "prenom", "mail", "tel", "ville"];

/// Rows padded to their widest cell; columns named in `right` stand at the right edge of theirs.
fn padded(rows: &[Vec<String>], gap: usize, right: &[usize]) -> Vec<String> {
    let width = |c: usize| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let cell = |row: &[String], c: usize| {
        let blanks = " ".repeat(widths[c] - row[c].chars().count());
        if right.contains(&c) { blanks + &row[c] } else { row[c].clone() + &blanks }
    };
    rows.iter().map(|row| (0..row.len()).map(|c| cell(row, c)).collect::<Vec<_>>().join(&" ".repeat(gap))).collect()
}

fn people() -> Vec<Vec<String>> {
    PEOPLE.iter().map(|row| row.map(str::to_owned).to_vec()).collect()
}

fn with_head() -> Vec<Vec<String>> {
    std::iter::once(NAMES.map(str::to_owned).to_vec()).chain(people()).collect()
}

fn ruler(line: &str, widths: &[usize], gap: usize) -> String {
    assert!(!line.is_empty());
    widths.iter().map(|w| "-".repeat(*w)).collect::<Vec<_>>().join(&" ".repeat(gap))
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    (0..rows[0].len()).map(|c| rows.iter().map(|row| row[c].chars().count()).max().unwrap()).collect()
}

fn is_fixed(kept: &Kept) -> bool {
    kept.tables.iter().any(|table| table.shape == Shape::FixedWidth)
}

#[track_caller]
fn holds_people(kept: &Kept, header: bool) {
    assert!(is_fixed(kept), "{kept:?}");
    let header_found = kept.headers().first().cloned().flatten();
    assert_eq!(header_found, header.then(|| NAMES.to_vec()), "{kept:?}");
    let cells: Vec<Vec<&str>> = kept.cells();
    assert_eq!(cells, PEOPLE.map(|row| row.to_vec()), "{kept:?}");
}

#[test]
fn columns_are_read_with_and_without_a_head_and_a_ruler() {
    for gap in [1, 2, 5] {
        for right in [&[][..], &[0], &[0, 4], &[0, 1, 2, 3, 4, 5]] {
            holds_people(&read((padded(&people(), gap, right).join("\n") + "\n").as_bytes()), false);
            let mut lines = padded(&with_head(), gap, right);
            holds_people(&read((lines.join("\r\n") + "\r\n").as_bytes()), true);
            lines.insert(1, ruler(&lines[0], &widths(&with_head()), gap));
            holds_people(&read((lines.join("\n") + "\n").as_bytes()), true);
        }
    }
}

#[test]
fn a_ruler_makes_a_table_of_two_columns_and_one_row() {
    let kept = read(b"name           mail\n-------------- ----------------------\nLea Roux       lea@mail.example\n\n(1 row affected)\n");
    assert_eq!(kept.headers(), [Some(vec!["name", "mail"])], "{kept:?}");
    assert_eq!(kept.cells(), [["Lea Roux", "lea@mail.example"]]);
    assert!(kept.text.contains("(1 row affected)"));
}

#[test]
fn names_over_the_middle_of_their_columns_are_found() {
    let rows = padded(&people(), 2, &[0]);
    let head = "  id     nom      prenom               mail                tel       ville\n";
    let kept = read((head.to_owned() + &rows.join("\n") + "\n").as_bytes());
    holds_people(&kept, true);
}

#[test]
fn pages_prose_and_several_tables_keep_their_rows() {
    let lines = padded(&with_head(), 2, &[0]);
    let page = |no: usize| {
        format!("\x0cEDITION DU 01/08/2026        LISTE DES CLIENTS        PAGE {no}\n\n{}\n", lines.join("\n"))
    };
    let other = "contrat   montant  date\nC0001      12.50  2026-01-02\nC0002     112.00  2026-01-03\nC0003       1.10  2026-02-04\nC0004     999.99  2026-03-05\n";
    let text = format!(
        "Found this on an old share, enjoy.\n\n{}{}{}\nAnd the contracts, other columns:\n\n{other}\nThat is all.\n",
        page(1),
        page(2),
        page(3)
    );
    let kept = read(text.as_bytes());
    let mine: Vec<_> = kept.cells().into_iter().filter(|row| row.len() == 6).collect();
    let expected: Vec<Vec<&str>> = (0..3).flat_map(|_| PEOPLE.map(|row| row.to_vec())).collect();
    assert_eq!(mine, expected, "{kept:?}");
    let contracts: Vec<_> = kept.cells().into_iter().filter(|row| row.len() == 3).collect();
    assert_eq!(contracts.len(), 4, "{kept:?}");
    assert_eq!(contracts[1], ["C0002", "112.00", "2026-01-03"]);
    assert!(
        kept.text.contains("enjoy") && kept.text.contains("other columns") && kept.text.contains("That is all"),
        "{kept:?}"
    );
}

#[test]
fn values_longer_than_any_of_the_sample_stay_whole() {
    let mut rows = people();
    let widths = [5, 12, 10, 30, 10, 12];
    rows.push(
        ["11", "Wolfeschlegelsteinhausen", "Max", "max@mail.example", "0600000001", "Colmar"]
            .map(str::to_owned)
            .to_vec(),
    );
    rows.push(["12", "Roche", "Eva", "eva@mail.example", "0600000002", "Annecy"].map(str::to_owned).to_vec());
    // As `printf` pads: what is longer pushes the rest along.
    let line =
        |row: &Vec<String>| row.iter().zip(widths).map(|(cell, w)| format!("{cell:<w$} ")).collect::<String>() + "\n";
    let kept = read(rows.iter().map(line).collect::<String>().as_bytes());
    assert_eq!(
        kept.cells()[8],
        ["11", "Wolfeschlegelsteinhausen", "Max", "max@mail.example", "0600000001", "Colmar"],
        "{kept:?}"
    );
    assert_eq!(kept.cells()[9][1], "Roche");
}

#[test]
fn records_of_bytes_and_of_a_terminal_are_measured_as_they_were_padded() {
    let widths = [5, 14, 14, 32, 12, 12];
    let bytes = |cell: &String, w: usize| cell.clone() + &" ".repeat(w - cell.len());
    let by_bytes: String = people()
        .iter()
        .map(|row| row.iter().zip(widths).map(|(c, w)| bytes(c, w)).collect::<String>() + "\n")
        .collect();
    holds_people(&read(by_bytes.as_bytes()), false);
    let wide = |i: usize| format!("{}{}", "東京".repeat(1 + i % 3), " ".repeat(14 - 4 * (1 + i % 3)));
    let by_cells: String =
        (0..8).map(|i| format!("{:<4}{}u{i}@mail.example   06123456{i:02}\n", i * 7, wide(i))).collect();
    let kept = read(by_cells.as_bytes());
    assert_eq!(kept.cells()[1], ["7", "東京東京", "u1@mail.example", "0612345601"], "{kept:?}");
}

#[test]
fn fields_that_touch_are_parted() {
    let record = |row: &Vec<String>| {
        format!("{:0>6}{:<10}{:<9}{:<28}{:<10}{:<10}\n", row[0], row[1], row[2], row[3], row[4], row[5])
    };
    let rows: Vec<Vec<String>> = people().into_iter().chain(people()).collect();
    let kept = read(rows.iter().map(record).collect::<String>().as_bytes());
    assert!(is_fixed(&kept), "{kept:?}");
    assert_eq!(
        kept.cells()[3],
        ["000009", "De La Tour", "Hugo", "hugo.delatour@boite.example", "0711223344", "Quimper"],
        "{kept:?}"
    );
}

#[test]
fn numbers_in_groups_are_one_value() {
    let rows: String = (0..9)
        .map(|i| format!("{:<10} 06 12 34 56 {i:02}   u{i}@mail.example\n", ["Roux", "Petit", "Noël"][i % 3]))
        .collect();
    let kept = read(rows.as_bytes());
    assert_eq!(kept.cells()[4], ["Petit", "06 12 34 56 04", "u4@mail.example"], "{kept:?}");
}

#[test]
fn what_only_looks_even_is_no_table() {
    let prose = "  The quick brown fox  jumps over the lazy dog.   It was seen\n  again on the next day,  and on the day after that.  Nobody\n  knows who fed it, but  a.reader@mail.example wrote to say\n  that the dog is well.   The fox   is not, it has gone away\n  to the hills, they say,  and will be back  with the spring.\n".repeat(3);
    let code = "fn main() {\n    let a    = 1;\n    let bcd  = 22;\n    let efgh = 333;\n    let ij   = 4444;\n    call(a,    bcd);\n    call(efgh, ij);\n}\n".repeat(2);
    let poem = "When  the night comes  down on me\n   I hear   the river  run to sea\nand all  the boats   are far away\n   and   will  not  come  back today\n".repeat(4);
    let art = "   ___     ___     ___\n  /   \\   /   \\   /   \\\n  \\___/   \\___/   \\___/\n   | |     | |     | |\n   | |     | |     | |\n  /   \\   /   \\   /   \\\n".repeat(2);
    let log: String = (0..12).map(|i| format!("2026-08-01 12:00:{i:02}  INFO   auth     user u{i}@mail.example logged in from 192.0.2.{i} after {} tries\n", i * 3)).collect();
    for text in [&prose, &code, &poem, &art, &log] {
        let kept = read(text.as_bytes());
        assert!(!is_fixed(&kept), "{text}\n{kept:?}");
    }
    assert!(read(prose.as_bytes()).text.contains("a.reader@mail.example"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// What is padded is read back, whatever stands in it, under a ruler.
    #[test]
    fn ruled_columns_are_read_back(
        rows in prop::collection::vec(prop::collection::vec("|[a-zA-Zé0-9][a-zA-Zéü0-9@.' -]{0,12}[a-z0-9]", 4), 1..30),
        gap in 1usize..4,
        right in prop::collection::vec(0usize..4, 0..4),
    ) {
        // A row of less than two values is told from a title by nothing.
        let rows: Vec<Vec<String>> = rows.into_iter().filter(|row| row.iter().filter(|c| !c.is_empty()).count() >= 2).collect();
        prop_assume!(!rows.is_empty());
        let head = ["alpha", "beta", "gamma", "delta"].map(str::to_owned).to_vec();
        let whole: Vec<Vec<String>> = std::iter::once(head).chain(rows.iter().cloned()).collect();
        let mut lines = padded(&whole, gap, &right);
        lines.insert(1, ruler(&lines[0], &widths(&whole), gap));
        let kept = read((lines.join("\n") + "\n").as_bytes());
        prop_assert_eq!(kept.cells(), rows);
        prop_assert_eq!(kept.headers(), [Some(vec!["alpha", "beta", "gamma", "delta"])]);
    }

    /// Without one too, where columns have types.
    #[test]
    fn typed_columns_are_read_back(
        rows in prop::collection::vec(("[A-Z][a-zé]{1,9}( [A-Z][a-z]{1,7})?", 10_000_000u64..99_999_999, "[a-z]{2,9}", "(19|20)[0-9]{2}-0[1-9]-1[0-9]"), 12..60),
        gap in 1usize..4,
        right in any::<bool>(),
    ) {
        let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, tel, mail, born)| vec![name, format!("06{tel}"), format!("{mail}@mail.example"), born]).collect();
        let lines = padded(&rows, gap, if right { &[0, 2] } else { &[] });
        // Names may all have their blank at the same place: nobody could tell then.
        let kept = read((lines.join("\n") + "\n").as_bytes());
        prop_assert_eq!(kept.cells(), rows);
    }
}
