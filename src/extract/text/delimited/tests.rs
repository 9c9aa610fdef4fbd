//! Delimited tables read back, alone and among other text.

use proptest::prelude::*;

use super::{Dialect, Positions, quoted_rows, read_row, simple_rows};
use crate::extract::testing::read;
use crate::model::{Batch, Layout};

const ROWS: [[&str; 4]; 5] = [
    ["Martin", "Jeanne", "jeanne.martin@courriel.example", "0612345678"],
    ["Petit", "Paul", "p.petit@boite.example", "0712345679"],
    ["Le Goff", "Maëlle", "maelle@mail.example", "0612345680"],
    ["Durand", "Zoé", "zoe.durand@example.com", ""],
    ["Roux", "Tom", "tom@example.org", "0612345682"],
];

fn written(delimiter: &str) -> String {
    ROWS.iter().map(|row| row.join(delimiter) + "\n").collect()
}

#[test]
fn every_delimiter_is_found_without_a_header() {
    for delimiter in [",", ";", "\t", "|", "^", "~", "\u{1}", " | ", " - ", " ; ", "│", "::", " & "] {
        let kept = read(written(delimiter).as_bytes());
        assert_eq!(kept.cells(), ROWS.map(Vec::from), "delimiter {delimiter:?}");
        assert_eq!(kept.headers(), [None], "delimiter {delimiter:?}");
        assert!(kept.text.trim().is_empty(), "delimiter {delimiter:?}: {}", kept.text);
    }
}

#[test]
fn a_header_is_taken_off_and_line_ends_of_windows_too() {
    let text = format!("col0;col1;col2;col3\n{}", written(";")).replace('\n', "\r\n");
    let kept = read(text.as_bytes());
    assert_eq!(kept.headers(), [Some(vec!["col0", "col1", "col2", "col3"])]);
    assert_eq!(kept.cells(), ROWS.map(Vec::from));
}

#[test]
fn quoted_cells_keep_their_delimiters_quotes_and_line_ends() {
    let text = "a,\"x, \"\"y\"\"\nz\",m@b.example\nb,\"2\",n@b.example\nc,3,o@b.example\n";
    let kept = read(text.as_bytes());
    assert_eq!(kept.cells()[0], ["a", "x, \"y\"\nz", "m@b.example"]);
    assert_eq!(kept.cells()[1], ["b", "2", "n@b.example"]);
}

#[test]
fn prose_around_a_table_is_text_and_the_table_is_whole() {
    let text = format!(
        "[b]FR database, fresh[/b]\nSelling 300 lines, never posted before. Sample :\n[code]\n{}[/code]\nPrice : 300$ XMR, \
         escrow ok. PM me at seller@mail.example, no lowball.\n",
        written(",")
    );
    let kept = read(text.as_bytes());
    assert_eq!(kept.cells(), ROWS.map(Vec::from));
    assert!(kept.text.contains("Selling 300 lines") && kept.text.contains("seller@mail.example"));
}

#[test]
fn two_tables_in_one_file_are_two_tables() {
    let second = "id;town\n1;75001 Paris\n2;29000 Quimper\n3;35000 Rennes\n4;13001 Marseille\n";
    let kept = read(format!("{}\n{second}", written(",")).as_bytes());
    assert_eq!(kept.headers(), [None, Some(vec!["id", "town"])]);
    assert_eq!(kept.rows.len(), ROWS.len() + 4);
    let wider: String = (0..6).map(|i| format!("u{i}@a.example,0612345{i:03},x,y,z{i}\n")).collect();
    let kept = read(format!("{}{wider}", written(",")).as_bytes());
    assert_eq!(kept.tables.len(), 2);
    assert_eq!(kept.rows.len(), ROWS.len() + 6);
}

#[test]
fn ragged_rows_stay_rows() {
    let text = "a@x.example,1,2\nb@x.example,1\nc@x.example,1,2\nd@x.example,1,2,3\ne@x.example,1,2\n";
    let kept = read(text.as_bytes());
    assert_eq!(kept.rows.iter().map(|(_, row)| row.len()).collect::<Vec<_>>(), [3, 2, 3, 4, 3]);
    assert_eq!(kept.tables.len(), 1);
}

#[test]
fn credential_lists_are_split_at_the_colon_and_times_are_not() {
    let combo: String = (0..8).map(|i| format!("user{i}@mail.example:p@ss:w{i}rd\n")).collect();
    let kept = read(combo.as_bytes());
    assert_eq!(kept.rows[0].1, ["user0@mail.example", "p@ss", "w0rd"]);
    let log: String = (0..30)
        .map(|i| format!("2026-10-24T07:26:{i:02}Z WARN req={i}7446 user{i}@host.example took {i}25 ms 08572{i:05}\n"))
        .collect();
    assert!(read(log.as_bytes()).rows.is_empty());
}

#[test]
fn drawn_tables_lose_their_frames_and_rules() {
    let mysql = "+----+-------------------+\n| id | mail              |\n+----+-------------------+\n|  1 | a.b@mail.example  |\n\
                 |  2 | c.d@mail.example  |\n|  3 |                   |\n+----+-------------------+\n3 rows in set\n";
    let markdown = "| id | mail |\n|---|:---:|\n| 1 | a.b@mail.example |\n| 2 | c.d@mail.example |\n| 3 | |\n";
    let boxes = "┌────┬──────────┐\n│ id │ mail │\n├────┼──────┤\n│ 1 │ a.b@mail.example │\n│ 2 │ c.d@mail.example │\n│ 3 │  │\n└──┴──┘\n";
    for text in [mysql, markdown, boxes] {
        let kept = read(text.as_bytes());
        assert_eq!(kept.headers(), [Some(vec!["id", "mail"])], "{text}");
        assert_eq!(kept.cells(), [["1", "a.b@mail.example"], ["2", "c.d@mail.example"], ["3", ""]], "{text}");
    }
}

#[test]
fn prose_is_no_table() {
    let prose = "Bonjour, je vends une base, contactez-moi.\nElle vient d'un opérateur, d'un seul.\nPrix : 300, ferme.\n\
                 Merci, et à bientôt, j'espère que cela ira.\nNote: rien.\n";
    let kept = read(prose.as_bytes());
    assert!(kept.rows.is_empty());
    assert_eq!(kept.text.trim(), prose.trim());
}

#[test]
fn a_row_longer_than_the_limit_is_read_in_pieces_and_recorded() {
    let limits = crate::extract::Limits { line: 64 << 10, ..Default::default() };
    let text = format!("{}{}\n{}", written(","), "x".repeat(3 << 20), written(","));
    let kept = crate::extract::testing::read_within(text.as_bytes(), &limits);
    assert!(kept.reasons().contains(&crate::model::SkipReason::TooLong));
    assert!(kept.rows.len() >= ROWS.len());
    assert!(kept.holds("tom@example.org"));
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Zéèàç' -]{0,12}",
        "[a-z0-9.]{1,10}@[a-z]{2,8}\\.example",
        "\\+?[0-9]{6,12}",
        "[ -~]{0,20}",
        "[a-z\"\n;,|]{0,10}",
    ]
}

/// A batch whose text is these rows.
fn batch_of(rows: &[u8]) -> Batch {
    let mut batch = Batch::new(0, Layout::Rows);
    batch.text.extend_from_slice(rows);
    batch
}

fn cells(batch: &Batch) -> Vec<Vec<Vec<u8>>> {
    (0..batch.rows()).map(|i| batch.row(i).cells().map(<[u8]>::to_vec).collect()).collect()
}

/// The cells of the rows up to `end`, by way of what reads every dialect.
fn read_one_by_one(rows: &[u8], end: usize, dialect: &Dialect) -> Vec<Vec<Vec<u8>>> {
    let (mut batch, mut at) = (batch_of(rows), 0);
    while at < end {
        at = read_row(rows, at, &mut batch, dialect);
        batch.end_row();
    }
    assert_eq!(at, end);
    cells(&batch)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What a well-kept writer writes is read back cell by cell: nothing lost, nothing invented.
    #[test]
    fn what_csv_writes_is_read_back(
        rows in prop::collection::vec((cell(), cell(), cell()), 6..40),
        delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
    ) {
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).quote_style(csv::QuoteStyle::NonNumeric).from_writer(vec![]);
        for (i, (a, b, c)) in rows.iter().enumerate() {
            writer.write_record([&format!("user{i}@mail.example"), &format!("06{i:08}"), a, b, c]).unwrap();
        }
        let kept = read(&writer.into_inner().unwrap());
        let expected: Vec<Vec<String>> = rows
            .into_iter()
            .enumerate()
            .map(|(i, (a, b, c))| vec![format!("user{i}@mail.example"), format!("06{i:08}"), a, b, c])
            .collect();
        prop_assert_eq!(kept.rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), expected);
    }

    /// Whatever the lines are, every address in them comes out somewhere.
    #[test]
    fn no_address_is_lost(lines in prop::collection::vec("[ -~]{0,30}", 0..30)) {
        let text: String = lines
            .iter()
            .enumerate()
            .map(|(i, line)| format!("{line} user{i}@mail.example {line}\n"))
            .collect();
        let kept = read(text.as_bytes());
        for i in 0..lines.len() {
            let address = format!("user{i}@mail.example");
            prop_assert!(kept.holds(&address), "{}", address);
        }
    }
}

proptest! {
    /// Rows read at a stroke are those read cell by cell.
    #[test]
    fn quoted_rows_are_read_alike_both_ways(
        rows in "([ab]{0,2}|\"[ab,]{0,3}\"|\"a\"\"b\"|a\"|\"\n\")(,([ab]{0,2}|\"[ab,]{0,3}\"|\"a))*\r?\n([ab\",\n]{0,30})",
        with_colons in "([a1\"]{0,4}:){0,3}[a:/1\"]{0,9}\r?\n[ab1:\"\n]{0,30}",
    ) {
        for (rows, delimiter) in [(&rows, b','), (&with_colons, b':')] {
            let dialect = Dialect { columns: 2, ..Dialect::new(delimiter) };
            let rows = rows.as_bytes();
            let (mut fast, mut end) = (batch_of(rows), 0);
            let marks = Positions::of(rows, [dialect.delimiter, b'\n', dialect.quote]);
            quoted_rows((rows, &marks), &mut end, &mut fast, &dialect);
            prop_assert_eq!(cells(&fast), read_one_by_one(rows, end, &dialect));
        }
    }

    /// Rows of any width, of which those of another than the table's are handed back.
    #[test]
    fn simple_rows_are_read_alike_both_ways(rows in "([a1]{0,3}[:,]?[a1/]{0,3}[:,]{0,2}[01]{0,3}\r?\n?){0,9}") {
        for delimiter in [b',', b':'] {
            let dialect = Dialect { columns: 2, ..Dialect::new(delimiter) };
            let rows = rows.as_bytes();
            let (mut fast, mut at) = (batch_of(rows), 0);
            let marks = Positions::of(rows, [dialect.delimiter, b'\n', b'\n']);
            while let Some(odd) = simple_rows((rows, &marks), &mut at, &mut fast, &dialect) {
                prop_assert_eq!(read_row(rows, odd.start, &mut fast, &dialect), odd.end);
                fast.end_row();
                prop_assert!(fast.row(fast.rows() - 1).len() == odd.cells && odd.cells != 2);
            }
            prop_assert_eq!(cells(&fast), read_one_by_one(rows, rows.len(), &dialect));
        }
    }

    /// Rows of a sample are as wide when their delimiters are counted as when their cells are read.
    #[test]
    fn widths_are_counted_as_they_are_read(
        sample in "([ab1 \"]{0,3}[,;:]?){0,12}(\r?\n([ab1 '\"]{0,3}[,;:\\\\]?){0,6}){0,8}",
        delimiter in prop::sample::select(vec![b',', b':']),
        padded: bool,
        backslash: bool,
    ) {
        use super::sniff::{Lines, SampleRow};
        use super::{Dialect, Width};
        use crate::extract::text::survey::Survey;
        let dialect = Dialect { padded, backslash, ..Dialect::new(delimiter) };
        let (mut read, mut at) = (Vec::new(), 0);
        while at < sample.len() {
            let (end, width) = Width::of(sample.as_bytes(), at, &dialect);
            read.push(SampleRow { start: at, end, width });
            at = end;
        }
        let survey = Survey::of(sample.as_bytes(), |_, _| false);
        let counted: Vec<SampleRow> = Lines::of(survey.sample(), &dialect).map(|(row, _)| row).collect();
        prop_assert_eq!(counted, read);
    }
}
