//! Parts of a split file, put together again: `dump.zip.001`, `.002`, …; `dump.csv.part1`, …; `dump.aa`, `dump.ab`.
//!
//! What lies on one post is joined here, when no part is missing; what lies on several, in `series`. Formats whose volumes are more than pieces of
//! a file (RAR's `.part1.rar`, a split zip's `.z01`) stay as they are.

use std::collections::BTreeMap;

use crate::model::{Attachment, Skip, SkipReason};

/// More parts than this are no split file but a numbered series.
pub(super) const MAX_PARTS: usize = 1000;

/// The name of a whole, and the number of this part of it, from 0 or 1.
pub(super) fn part_of(name: &str) -> Option<(&str, &'static str, u32)> {
    let (whole, ending) = name.rsplit_once('.').filter(|(whole, _)| !whole.is_empty())?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    if ending.len() == 3
        && let Some(number) = digits(ending)
    {
        return Some((whole, "number", number));
    }
    let lower = ending.to_ascii_lowercase();
    if let Some(number) = lower.strip_prefix("part").filter(|n| !n.is_empty() && n.len() <= 4).and_then(digits) {
        return Some((whole, "part", number));
    }
    // What `split` makes; `.ai` and the like are endings of their own unless there is an `.aa`.
    match lower.as_bytes() {
        [b'a', last @ b'a'..=b'z'] => Some((whole, "letters", u32::from(last - b'a') + 1)),
        _ => None,
    }
}

/// Joins the parts among `files`. A series with a gap stays in pieces, and that is said.
pub(super) fn join(files: Vec<Attachment>) -> (Vec<Attachment>, Vec<Skip>) {
    let mut series: BTreeMap<(String, &'static str), BTreeMap<u32, usize>> = BTreeMap::new();
    for (at, file) in files.iter().enumerate() {
        if let Some((whole, style, number)) = part_of(&file.name) {
            series.entry((whole.to_owned(), style)).or_default().entry(number).or_insert(at);
        }
    }
    let mut skipped = Vec::new();
    let mut whole_at: BTreeMap<usize, (String, Vec<usize>)> = BTreeMap::new();
    for ((whole, style), parts) in series {
        let first = *parts.keys().next().expect("a series has a part");
        let last = *parts.keys().next_back().expect("a series has a part");
        let lone = parts.len() < 2 || parts.len() > MAX_PARTS || (style == "letters" && first != 1);
        if lone {
            continue;
        }
        let complete = first <= 1 && (last - first) as usize + 1 == parts.len();
        if complete {
            let order: Vec<usize> = parts.into_values().collect();
            whole_at.insert(order[0], (whole, order));
        } else {
            let detail = "parts of it are missing, the others are read by themselves";
            skipped.push(Skip::new(whole, SkipReason::NotFetched, detail));
        }
    }
    if whole_at.is_empty() {
        return (files, skipped);
    }
    let mut files: Vec<Option<Attachment>> = files.into_iter().map(Some).collect();
    let mut joined = Vec::new();
    for at in 0..files.len() {
        if let Some((name, order)) = whole_at.remove(&at) {
            let mut bytes = Vec::new();
            for part in order {
                bytes.append(&mut files[part].take().map(|file| file.bytes).unwrap_or_default());
            }
            joined.push((at, Attachment { name, media_type: None, bytes }));
        }
    }
    for (at, whole) in joined {
        files[at] = Some(whole);
    }
    (files.into_iter().flatten().collect(), skipped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(name: &str, bytes: &[u8]) -> Attachment {
        Attachment { name: name.into(), media_type: None, bytes: bytes.to_vec() }
    }

    fn joined(files: &[(&str, &str)]) -> (Vec<(String, String)>, usize) {
        let files = files.iter().map(|(name, text)| file(name, text.as_bytes())).collect();
        let (files, skipped) = join(files);
        let shown = |file: Attachment| (file.name, String::from_utf8(file.bytes).unwrap());
        (files.into_iter().map(shown).collect(), skipped.len())
    }

    #[test]
    fn series_are_joined_in_their_order_and_others_left_alone() {
        let (files, skipped) = joined(&[
            ("d.zip.002", "b"),
            ("note.txt", "n"),
            ("d.zip.001", "a"),
            ("x.csv.part10", "10"),
            ("x.csv.part9", "9"),
        ]);
        assert_eq!(files, [("note.txt", "n"), ("d.zip", "ab"), ("x.csv.part10", "10"), ("x.csv.part9", "9")].map(own));
        assert_eq!(skipped, 1, "parts 1 to 8 are missing");
        assert_eq!(joined(&[("d.aa", "a"), ("d.ab", "b")]), (vec![own(("d", "ab"))], 0));
        assert_eq!(joined(&[("d.000", "a"), ("d.001", "b")]), (vec![own(("d", "ab"))], 0));
        for alone in [
            [("d.001", "a"), ("e.001", "b")],
            [("a.ai", "a"), ("a.ab", "b")],
            [("v.part1.rar", "a"), ("v.part2.rar", "b")],
        ] {
            assert_eq!(joined(&alone), (alone.map(own).to_vec(), 0));
        }
    }

    fn own((name, text): (&str, &str)) -> (String, String) {
        (name.to_owned(), text.to_owned())
    }

    proptest! {
        #[test]
        fn what_is_cut_and_joined_is_what_it_was(bytes in proptest::collection::vec(any::<u8>(), 1..500), size in 1_usize..60, turn in 0_usize..100) {
            let mut parts: Vec<Attachment> =
                bytes.chunks(size).enumerate().map(|(n, part)| file(&format!("d.bin.{:03}", n + 1), part)).collect();
            let count = parts.len();
            parts.rotate_left(turn % count);
            let (files, skipped) = join(parts);
            prop_assert!(skipped.is_empty());
            if count > 1 {
                prop_assert_eq!(files.len(), 1);
                prop_assert_eq!(&files[0].bytes, &bytes);
            }
        }
    }
}
