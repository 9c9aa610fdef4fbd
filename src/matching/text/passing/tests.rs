//! A text of which lines are passed over, held against the same text of which every line becomes a row: all that a scan knows must be
//! the same.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::Reader;
use super::*;
use crate::matching::Scan;
use crate::matching::tests::{matcher, matcher_of, person};
use crate::model::{Batch, ContentSink, FieldKind, Flow, Layout, Shape, Table};

/// Everything that a scan has gathered of a text. `rows` says whether each line is made a row first.
fn seen(matcher: &Matcher, texts: &[String], rows: bool) -> String {
    let mut scan: Scan<'_> = matcher.scan();
    scan.table(Table { no: 0, shape: Shape::Text, member: String::new(), header: None });
    for (no, text) in texts.iter().enumerate() {
        let mut batch = Batch::new(0, Layout::Text);
        batch.text.extend_from_slice(text.as_bytes());
        (batch.source, batch.first_row) = (text.len(), no as u64 * 1000);
        if rows {
            Reader::default().read(&mut batch, None);
        }
        assert_eq!(scan.batch(&mut batch), Flow::Go);
    }
    let unnamed = serde_json::to_string(&scan.unnamed).unwrap();
    let evidence = format!("{:?}", scan.evidence);
    format!("{evidence}\n{unnamed}\n{:?}", matcher.finish(scan, true).unwrap())
}

/// How many lines of a text are passed over.
fn passed(matcher: &Matcher, text: &str) -> u32 {
    let mut batch = Batch::new(0, Layout::Text);
    batch.text.extend_from_slice(text.as_bytes());
    batch.source = text.len();
    let (mut reader, mut values, mut scratch) = (Reader::default(), Values::default(), Scratch::default());
    let notes = &mut Notes::default();
    reader.read(&mut batch, Some(Passing { matcher, values: &mut values, scratch: &mut scratch, notes }));
    reader.passed().iter().map(|passed| passed.rows).sum()
}

/// What stands in lines: words, numbers of all sorts, values of our people and of others.
fn piece() -> impl Strategy<Value = String> {
    let ours = (0u64..40, 0usize..7).prop_map(|(no, column)| person(no)[column].clone());
    let name = (0u64..40, any::<bool>()).prop_map(|(no, ours)| {
        let [_, last, first, ..] = person(if ours { no } else { no + 1_000_000 });
        format!("{first} {last}")
    });
    let word = prop::sample::select(vec![
        "the", "status", "compute", "C", "c", "k", "K12", "INFO", "Attempt", "at", "are", "arobase", "de", "van",
        "Port", "null", "x", "a", "fooBar", "T12", "FR", "fr", "IBAN", "ab", "AB12", "Fr76", "tel", "é", "né", "Zoé",
        "•", "n/a", "None", "ext", "xxx", "e.g", "..", "dot",
    ]);
    let sign = prop::sample::select(vec![
        "(", ")", "[", "]", "{", "}", "@", "@@", "*", "**", "-", "->", "=", "==", ":", "::", "//", "/", "+", "+33",
        "(0)", "(+33)", "...", ".", "\"", "'", "`", "#", "_", "&", "?", "!", "«", "[at]", "(at)", " at ", "\u{a0}",
    ]);
    prop_oneof![
        3 => word.prop_map(str::to_owned),
        3 => sign.prop_map(str::to_owned),
        3 => "[0-9]{1,6}",
        1 => "[0-9]{7,14}",
        2 => "[0-9a-f]{4,20}",
        1 => "[A-Za-z0-9._/:-]{1,24}",
        2 => "20[0-9]{2}-[01][0-9]-[0-3][0-9]",
        1 => "[0-2][0-9]:[0-5][0-9]:[0-5][0-9]",
        1 => "([0-9]{1,3}\\.){3}[0-9]{1,3}",
        1 => "0[1-9]( [0-9]{2}){4}",
        1 => "FR[0-9]{2}( [0-9]{4}){3,5}",
        1 => "(FR|fr)[0-9]{9,13}",
        1 => "(IBAN|iban:?|I)? ?(FR|fR|DE|EE|F)[ -]?[0-9]{2}( ?[0-9]{4}){5} ?[0-9]{3}",
        1 => "(ee|fr|de)[0-9]{2}[0-9a-f]{22,24}",
        1 => "[kK][-. ]?[0-9]{2,8}",
        1 => "[a-z]{2,6}@[a-z]{2,6}\\.example",
        1 => ours,
        1 => name,
    ]
}

fn line() -> impl Strategy<Value = String> {
    let between = prop::sample::select(vec![
        " ", " ", " ", " ", "", "  ", "=", ": ", ":", ", ", " - ", "/", "\t", ".", ";", "|", "\x0c", "(", ") ",
    ]);
    let lead = prop::sample::select(vec!["", "", "", "  ", "- ", "+ ", "12. ", "[12] ", "# ", "> "]);
    let few = prop::collection::vec((piece(), between.clone()), 0..9);
    let many = prop::collection::vec((piece(), between), 0..80);
    (lead, prop_oneof![19 => few, 1 => many])
        .prop_map(|(lead, pieces)| pieces.iter().fold(lead.to_owned(), |line, (piece, between)| line + piece + between))
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    let end = prop::sample::select(vec!["\n", "\n", "\n", "\n", "\n\n", "\r\n", ""]);
    let text = prop::collection::vec((line(), end), 1..40)
        .prop_map(|lines| lines.iter().fold(String::new(), |text, (line, end)| text + line + end));
    prop::collection::vec(text, 1..3)
}

/// Holds both ways against one another, on many texts.
fn holds(matcher: &Matcher, cases: u32) {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let same = |texts: Vec<String>| {
        prop_assert_eq!(seen(matcher, &texts, false), seen(matcher, &texts, true));
        Ok(())
    };
    runner.run(&texts(), same).unwrap();
}

#[test]
fn what_is_passed_over_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    holds(&matcher(folder.path(), 0..40), 600);
}

#[test]
fn nor_does_it_where_more_kinds_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let columns = [
        ("nom", FieldKind::LastName),
        ("prenom", FieldKind::FirstName),
        ("iban", FieldKind::Iban),
        ("siren", FieldKind::Siren),
        ("contrat", FieldKind::Contract),
        ("id", FieldKind::Ref),
        ("tel", FieldKind::Phone),
        ("cp", FieldKind::Postcode),
    ];
    let record = |no: u64| {
        let [id, last, first, _, phone, ..] = person(no);
        let digits = &phone[2..];
        let iban = format!("FR76{digits}{digits}1234567");
        vec![
            last,
            first,
            iban,
            format!("4{digits}"),
            format!("{}", 10_000_000 + no),
            format!("XY-{}", &id[1..]),
            phone,
            "75011".into(),
        ]
    };
    holds(&matcher_of(folder.path(), &columns, (0..40).map(record)), 600);
}

#[test]
fn lines_of_logs_patches_and_code_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..40);
    let lines = [
        "2026-08-07T06:25:01Z INFO http request id=a706dd2f4d197e6f status=200 bytes=74525 dur=806ms",
        "2026-08-07 06:25:01,123 WARN [worker-7] took 12345 us, retry 3 of 5",
        "index bb2de57..381631d 100644",
        "@@ -253,7 +253,9 @@ fn main() {",
        "    let total = compute(&buffer[76..265])?; // see note 63",
        "    @Size(min = 10, max = 20000) private String label;",
        "Ana Roux bought 4 at 274.74 EUR, ticket 223742",
        "    at com.example.Reader.read(Reader.java:12345)",
        "Nov 22 08:46:14 host kernel: [12345.678901] eth0: link up, 1000 Mbps",
    ];
    for line in lines {
        assert_eq!(passed(&matcher, &format!("{line}\n")), 1, "{line}");
    }
    let columns = [("iban", FieldKind::Iban)];
    let accounts = matcher_of(folder.path(), &columns, std::iter::once(vec!["FR7630006000011234567890189".to_owned()]));
    for (account, line) in [
        (false, "2026-08-07T06:25:01Z INFO http request id=ee12dd2f4d197e6f status=200 bytes=74525"),
        (false, "2026-08-07T06:25:01Z INFO blob de12345678901234567890123 of 74525 bytes"),
        (true, "paid to FR12 3456 7890 1234 5678 9012 345 on the same day"),
    ] {
        assert_eq!(passed(&accounts, &format!("{line}\n")), u32::from(!account), "{line}");
    }
    for line in [
        "call 06 12 34 56 78 now",
        "see K0123456",
        "j***@a.example 12345",
        "jo@a.example 12345",
        "jo [at] a.example 12345",
    ] {
        assert_eq!(passed(&matcher, &format!("{line}\n")), 0, "{line}");
    }
}
