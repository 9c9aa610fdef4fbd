//! Records of one line each, whose values are named in it: `Nom: Martin | Mail: …`, `nom=Martin, mail=…`,
//! `GET /account?nom=Martin&mail=…`.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::value;
use crate::extract::columns::Columns;
use crate::extract::out::Out;
use crate::extract::text::line_end;
use crate::extract::text::survey::{Line, Sample, Sign};
use crate::model::Shape;

/// What may stand between two pairs, the more telling first, and the sign in it.
const BETWEEN: [(&[u8], Sign); 10] = [
    (b" | ", Sign::Bar),
    (b"|", Sign::Bar),
    (b"; ", Sign::Semicolon),
    (b";", Sign::Semicolon),
    (b"&", Sign::Ampersand),
    (b"\t", Sign::Tab),
    (b", ", Sign::Comma),
    (b",", Sign::Comma),
    (b" - ", Sign::Dash),
    (b" / ", Sign::Slash),
];
/// Lines looked at.
const LINES: usize = 64;
/// Records that must be among them.
const LEAST: usize = 3;
/// Pairs of a record, at least.
const PAIRS: usize = 3;
/// Lines that are no records, in a row, that end them.
const GAP: usize = 3;
/// The longest name.
const MAX_NAME: usize = 40;

/// Where such records begin in a sample, and what stands between their pairs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inline {
    pub start: usize,
    between: &'static [u8],
}

/// Names remembered.
const MAX_KNOWN: usize = 1_024;

/// A named value, as offsets into the text.
pub(super) type Pair = (Range<usize>, Range<usize>);

/// The records of a sample that are lines of pairs, if there are any.
pub(crate) fn sniff(sample: Sample<'_>) -> Option<Inline> {
    // How many lines have the signs that pairs need: one in each, and one between two.
    let (mut named, mut parted) = (0, [0; BETWEEN.len()]);
    for line in sample.lines.iter().filter(|line| line.count(Sign::Naming) >= PAIRS) {
        named += 1;
        for (lines, (_, sign)) in parted.iter_mut().zip(&BETWEEN) {
            *lines += usize::from(line.count(*sign) >= PAIRS - 1);
        }
    }
    if named < LEAST {
        return None;
    }
    let mut best: Option<(usize, Inline)> = None;
    for ((between, sign), lines) in BETWEEN.into_iter().zip(parted) {
        if lines >= LEAST
            && let Some((pairs, start)) = weigh(sample, between, sign)
            && best.as_ref().is_none_or(|(most, _)| pairs > *most)
        {
            best = Some((pairs, Inline { start, between }));
        }
    }
    best.map(|(_, inline)| inline)
}

/// Whether a line has the signs that pairs need.
fn may_be_pairs(line: &Line, between: Sign) -> bool {
    line.count(Sign::Naming) >= PAIRS && line.count(between) >= PAIRS - 1
}

/// How many pairs the lines hold that are read so, and where the first of them begins.
fn weigh(sample: Sample<'_>, between: &[u8], sign: Sign) -> Option<(usize, usize)> {
    let (mut lines, mut fitting, mut first, mut count) = (0, 0, None, 0);
    let mut names: HashMap<&[u8], usize> = HashMap::new();
    for line in sample.lines {
        let found = may_be_pairs(line, sign).then(|| pairs(sample.text, sample.range(line), between)).flatten();
        match found {
            Some(found) => {
                first.get_or_insert(sample.range(line).start);
                fitting += 1;
                count += found.len();
                found.iter().for_each(|(name, _)| *names.entry(&sample.text[name.clone()]).or_default() += 1);
                lines += 1;
            }
            // What stands before the first record does not count, nor do blank lines.
            None => lines += usize::from(first.is_some() && !sample.bytes(line).trim_ascii().is_empty()),
        }
        if lines == LINES {
            break;
        }
    }
    let recurring = names.len() * 2 <= count;
    (fitting >= LEAST && fitting * 10 >= lines * 6 && recurring).then(|| (count, first.unwrap_or(0)))
}

/// The pairs of a line: three at least, and few parts that are none.
fn pairs(text: &[u8], line: Range<usize>, between: &[u8]) -> Option<Vec<Pair>> {
    // Each pair has a sign of its own.
    memchr::memchr2_iter(b':', b'=', &text[line.clone()]).nth(PAIRS - 1)?;
    let found = split(text, line.clone(), between)?;
    let parts = memchr::memmem::find_iter(&text[line], between).count() + 1;
    (found.len() >= PAIRS && found.len() * 10 >= parts * 6).then_some(found)
}

/// The pairs of a stretch of text; parts that are none belong to the value before them.
pub(super) fn split(text: &[u8], range: Range<usize>, between: &[u8]) -> Option<Vec<Pair>> {
    let mut found: Vec<Pair> = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let end = memchr::memmem::find(&text[at..range.end], between).map_or(range.end, |i| at + i);
        // What stands before the first name of a form is a command, an address, a quote.
        let lead = if between == b"&" && found.is_empty() { form_lead(&text[at..end]) } else { 0 };
        match (pair(text, at + lead..end), found.last_mut()) {
            (Some(pair), _) => found.push(pair),
            (None, Some((_, last))) => last.end = end,
            (None, None) => return None,
        }
        at = end + between.len();
    }
    if let Some((_, last)) = found.last_mut() {
        let request = [&b" HTTP/1.1"[..], b" HTTP/1.0", b" HTTP/2"].into_iter();
        let tail = text[last.clone()].trim_ascii_end();
        let cut = request.filter_map(|end| tail.strip_suffix(end)).map(<[u8]>::len).next();
        last.end = last.start + cut.unwrap_or(tail.len());
    }
    for (_, range) in &mut found {
        *range = value(text, range.clone());
    }
    Some(found)
}

/// Length of what stands before the first name of a form: up to the last blank, quote or question mark before its `=`.
fn form_lead(part: &[u8]) -> usize {
    let name = &part[..memchr::memchr(b'=', part).unwrap_or(0)];
    name.iter().rposition(|b| matches!(b, b' ' | b'\'' | b'"' | b'?')).map_or(0, |i| i + 1)
}

/// `name: value` or `name=value`. What stands before a `?`, a bracket or two blanks is no part of the name.
fn pair(text: &[u8], part: Range<usize>) -> Option<Pair> {
    let equals = part.start + memchr::memchr2(b':', b'=', &text[part.clone()])?;
    if matches!(text.get(equals + 1), Some(b'/' | b'=' | b':')) {
        return None;
    }
    let before = text[part.start..equals].trim_ascii_end();
    let lead = before.iter().rposition(|b| matches!(b, b'?' | b'[' | b'{' | b'(' | b'<')).map_or(0, |i| i + 1);
    let start = part.start + lead + (before[lead..].len() - before[lead..].trim_ascii_start().len());
    let name = start..part.start + before.len();
    let bytes = &text[name.clone()];
    let word =
        |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80 || matches!(b, b'_' | b'-' | b' ' | b'.' | b'\'' | b'*');
    let letter = bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || *b >= 0x80 || *b == b'_');
    let plausible =
        letter && bytes.len() <= MAX_NAME && bytes.iter().all(word) && bytes.iter().filter(|b| **b == b' ').count() < 4;
    plausible.then_some((name, equals + 1..part.end))
}

/// Reads the records that begin at `start`. Returns where they end.
pub(crate) fn read(out: &mut Out<'_>, text: &[u8], start: usize, inline: Inline) -> usize {
    out.flush_rows();
    let mut columns = Columns::new(text, start, Shape::KeyValue);
    let mut known: HashSet<Vec<u8>> = HashSet::new();
    let (mut at, mut end, mut misses) = (start, start, 0);
    while at < text.len() && !out.stopped() {
        let next = at + line_end(&text[at..]);
        // A record with few values is told by their names.
        let few =
            |found: &Vec<Pair>| !found.is_empty() && found.iter().all(|(name, _)| known.contains(&text[name.clone()]));
        match pairs(text, at..next, inline.between).or_else(|| split(text, at..next, inline.between).filter(few)) {
            Some(found) => {
                out.text(&text[end..at]);
                if known.len() < MAX_KNOWN {
                    known.extend(found.iter().map(|(name, _)| text[name.clone()].to_vec()));
                }
                for (name, range) in found {
                    let column = columns.column(&text[name], out.limits.columns);
                    columns.put_range(column, range.start, range.end);
                }
                columns.end_row(out, next);
                (end, misses) = (next, 0);
            }
            None => misses += 1,
        }
        if misses >= GAP {
            break;
        }
        at = next;
    }
    columns.flush(out, end);
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::extract::testing::read;

    #[test]
    fn lines_of_pairs_are_rows_in_any_spelling() {
        for text in [
            "Nom: Martin | Mail: a@x.example | Tel: 0612345678\nNom: Petit | Tel: 0612345679\nNom: Roux | Mail: c@x.example | Tel: 0612345670 | Ville: Le Mans\n\
             Nom: Noël | Mail: d@x.example | Tel: 0612345671\n",
            "Nom=Martin, Mail=a@x.example, Tel=0612345678\nNom=Petit, Tel=0612345679, x=\nNom=Roux, Mail=c@x.example, Tel=0612345670, Ville=Le Mans\n\
             Nom=Noël, Mail=d@x.example, Tel=0612345671\n",
        ] {
            let kept = read(text.as_bytes());
            let header = kept.tables[0].header.clone().unwrap();
            assert_eq!(header[..3], ["Nom", "Mail", "Tel"], "{kept:?}");
            let roux = kept.cells().into_iter().find(|row| row[0] == "Roux").unwrap();
            assert_eq!(kept.rows.len(), 4);
            assert_eq!(
                roux.iter().filter(|c| !c.is_empty()).copied().collect::<Vec<_>>(),
                ["Roux", "c@x.example", "0612345670", "Le Mans"]
            );
        }
    }

    #[test]
    fn commas_within_values_stay() {
        let kept = read("a=Le Goff, fils, b=u1@x.example, c=3\n".repeat(4).as_bytes());
        assert_eq!(kept.cells()[0], ["Le Goff, fils", "u1@x.example", "3"]);
    }

    #[test]
    fn prose_and_code_are_no_pairs() {
        for text in ["Note: one, two: three, four: five\nNothing else here, and: this.\nBye: x\n", "a: b\nc: d\n"] {
            assert!(read(text.as_bytes()).rows.is_empty(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn values_are_read_back(rows in prop::collection::vec(prop::collection::vec("[a-zA-Zé0-9][a-zA-Zé0-9 .@-]{0,14}[a-z0-9]", 4), 4..12), between in prop::sample::select(vec![" | ", "; ", ", "])) {
            let names = ["nom", "mail", "tel", "ville"];
            let line = |row: &Vec<String>| names.iter().zip(row).map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(between) + "\n";
            let kept = read(rows.iter().map(line).collect::<String>().as_bytes());
            prop_assert_eq!(kept.cells(), rows);
        }
    }
}
