//! Rows that nothing names: ours are found, strangers of the same country are not.

use crate::matching::tests::{expected, find, matcher, person, refs, same};
use crate::model::{Batch, ContentSink, Layout, Shape, Table};

/// Cells of a person as a careful thief, or the system itself, shows them.
fn masked(no: u64, cells: &[&str]) -> Vec<String> {
    let [_, last, _, _, phone, birth, city] = person(no);
    let cell = |name: &&str| match *name {
        "last" => last.clone(),
        "birth" => birth.clone(),
        "city" => city.clone(),
        "phone" => format!("06 ** ** {} {}", &phone[6..8], &phone[8..]),
        other => panic!("{other}"),
    };
    cells.iter().map(cell).collect()
}

fn rows(people: impl Iterator<Item = u64>, cells: &[&str]) -> Vec<Vec<String>> {
    people.map(|no| masked(no, cells)).collect()
}

#[test]
fn a_family_name_a_date_and_the_end_of_a_number_find_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..3000);
    for cells in [&["phone", "last", "birth"][..], &["birth", "phone"], &["city", "birth", "phone", "last"]] {
        let found = find(&matcher, &rows(100..160, cells), 1);
        assert!(same(refs(&found), expected(100..160)), "{cells:?}: {} of 60", refs(&found).len());
        assert_eq!(found.tables[0].columns[0].1.iter().flatten().count(), cells.len(), "{cells:?}");
        let split = find(&matcher, &rows(100..160, cells), 3);
        assert_eq!(refs(&split), refs(&found), "{cells:?}");
        let strangers = find(&matcher, &rows(50_000..51_000, cells), 1);
        assert!(strangers.systems.is_empty(), "{cells:?}: {}", refs(&strangers).len());
    }
}

#[test]
fn among_strangers_only_ours_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..3000);
    let people = (0..200).map(|i| if i % 5 == 0 { i } else { 70_000 + i });
    let found = refs(&find(&matcher, &rows(people, &["last", "phone", "birth"]), 1));
    assert!(same(found, expected((0..200).step_by(5))));
}

#[test]
fn what_every_third_stranger_agrees_with_is_judged_by_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..10_000);
    // The end of a number and a town: a stranger's agree with one of ten thousand records once in six rows.
    let cells = ["phone", "city"];
    let strangers = find(&matcher, &rows(200_000..200_600, &cells), 1);
    assert!(strangers.systems.is_empty(), "{}", refs(&strangers).len());
    let ours: Vec<String> = refs(&find(&matcher, &rows(500..800, &cells), 1));
    let right = expected(500..800);
    let wrong = ours.iter().filter(|one| !right.contains(one)).count();
    assert!(ours.len() > 150 && wrong * 50 < ours.len(), "{} found, {wrong} wrong", ours.len());
}

#[test]
fn a_mask_alone_names_nobody_and_a_few_rows_prove_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..3000);
    assert!(find(&matcher, &rows(0..500, &["city"]), 1).systems.is_empty());
    assert!(find(&matcher, &rows(0..3, &["phone", "city"]), 1).systems.is_empty());
}

#[test]
fn many_words_beside_a_star_are_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let matcher = matcher(folder.path(), 0..600);
    // Each of so many words is like some name or town by its short tag.
    let word = |no: u64| {
        (0..6).map(move |at| char::from(b'a' + (no.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (at * 9) & 15) as u8))
    };
    let row = |no: u64| -> Vec<String> {
        let words = (0..24).map(|at| word(no * 24 + at).collect());
        words.chain(["**4".to_owned(), "j***@courriel.example".to_owned()]).collect()
    };
    let mut scan = matcher.scan();
    scan.table(Table { no: 0, shape: Shape::Text, member: String::new(), header: None });
    let mut batch = Batch::new(0, Layout::Rows);
    for no in 0..200 {
        row(no).iter().for_each(|cell| batch.push_value(cell.as_bytes()));
        batch.end_row();
    }
    let _ = scan.batch(&mut batch);
    let found = matcher.finish(scan, true).unwrap();
    assert!(found.systems.is_empty(), "{} of 200", refs(&found).len());
}
