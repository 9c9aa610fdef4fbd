//! Whether a sample holds blocks of labelled lines, where they begin, and how they are parted.

use std::ops::Range;

use super::label::{self, Label, Separators, labelled};
use super::{Blocks, is_bracket, is_parting};
use crate::extract::text::header::is_known;
use crate::extract::text::looks::looks;
use crate::extract::text::survey::{Line, Sample, Sign};

/// Lines from which on most must have labels where blocks begin.
const NEAR: usize = 5;
/// Labels of the fewest blocks.
const LEAST: usize = 3;

/// The first lines of a sample that are blocks, if there are any: with marks between labels and values, or else with
/// nothing but wide blanks.
pub(crate) fn sniff(sample: Sample<'_>) -> Option<Blocks> {
    sniff_with(sample, Separators::Marks)
        .or_else(|| sniff_with(sample, Separators::Blanks).filter(|blocks| cycles(&sample.text[blocks.start..])))
}

/// Whether labels before wide blanks come back as those of records do: the first of them several times, and none twice
/// within a record. Columns of a table may look like labels and values; they do not keep that order.
fn cycles(sample: &[u8]) -> bool {
    let (mut at, mut records, mut twice) = (0, 0, 0);
    let mut first: Option<Vec<u8>> = None;
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let mut most = 0;
    while at < sample.len() {
        let (label, end) = labelled(sample, at, Separators::Blanks);
        if let Some(label) = label {
            let key = sample[label.key].to_ascii_lowercase();
            if *first.get_or_insert_with(|| key.clone()) == key {
                records += 1;
                seen.clear();
            } else if seen.contains(&key) {
                twice += 1;
            }
            seen.push(key);
            most = most.max(seen.len());
        }
        at = end;
    }
    records >= 3 && (3..=32).contains(&most) && twice == 0
}

/// Whether a line, but for its label, is one of those that part records or belong to none.
fn is_apart(line: &Line, bytes: &[u8]) -> bool {
    line.rule || {
        let begins = matches!(line.begins, b'-' | b'*' | b'[' | b'(' | b')' | b'{' | b'}' | b'A');
        begins && {
            let bare = bytes.trim_ascii();
            is_parting(bare) || is_bracket(bare)
        }
    }
}

/// Whether a line may begin with a label: something in it may part that from a value, and it begins as labels do.
fn may_be_labelled(line: &Line, bytes: &[u8], separators: Separators) -> bool {
    parts(line, separators) && {
        // What a letter begins, behind whatever white space, may have one; other lines are looked at.
        let letter = line.begins.is_ascii_alphabetic() && separators == Separators::Marks;
        letter || label::may_begin(bytes, separators)
    }
}

/// Whether something in a line may part a label from a value.
fn parts(line: &Line, separators: Separators) -> bool {
    match separators {
        Separators::Marks => line.names,
        Separators::Blanks => line.wide || line.count(Sign::Tab) > 0,
    }
}

/// Whether enough lines may have labels for blocks to begin somewhere. `sniff_with` asks the same of the labels themselves;
/// most texts end here.
fn may_hold_blocks(sample: Sample<'_>, separators: Separators) -> bool {
    if sample.lines.iter().filter(|line| parts(line, separators)).take(LEAST).count() < LEAST {
        return false;
    }
    // From the last line back: how many of the next lines with content may have labels, and of all that follow.
    let (mut next, mut near, mut labels, mut content) = (0u8, 0, 0, 0);
    sample.lines.iter().rev().any(|line| {
        let bytes = sample.bytes(line);
        let may = may_be_labelled(line, bytes, separators);
        labels += usize::from(may);
        if !is_apart(line, bytes) {
            content += 1;
            near = (near + 1).min(NEAR);
            next = (next << 1 | u8::from(may)) & ((1 << NEAR) - 1);
        }
        may && next.count_ones() as usize * 10 >= near * 7 && labels >= LEAST && labels * 10 >= content * 6
    })
}

/// A line where blocks are looked for.
struct Seen {
    at: usize,
    label: Option<Label>,
    blank: bool,
    /// Whether it parts records or belongs to none.
    apart: bool,
}

fn labels_of(sample: Sample<'_>, separators: Separators) -> Vec<Seen> {
    let text = sample.text;
    let expanded = memchr::memmem::find(text, b"-[ RECORD ").is_some();
    // A bar stands between columns of tables too; behind a label only in psql's expanded output.
    let barred = |label: &Label| memchr::memchr(b'|', &text[label.key.end..label.value.start]).is_some();
    let seen = |line: &Line| {
        let Range { start, end } = sample.range(line);
        let bytes = &text[start..end];
        let may = may_be_labelled(line, bytes, separators);
        let label = if may { label::label(text, start, end, separators) } else { None };
        let label = label.filter(|label| expanded || !barred(label));
        Seen { at: start, label, blank: bytes.trim_ascii().is_empty(), apart: is_apart(line, bytes) }
    };
    sample.lines.iter().map(seen).collect()
}

fn sniff_with(sample: Sample<'_>, separators: Separators) -> Option<Blocks> {
    if !may_hold_blocks(sample, separators) {
        return None;
    }
    let lines = labels_of(sample, separators);
    let sample = sample.text;
    // Blocks begin at a labelled line that others follow.
    let first = (0..lines.len()).find(|i| {
        lines[*i].label.is_some() && {
            let near: Vec<_> = lines[*i..].iter().filter(|line| !line.apart).take(NEAR).collect();
            near.iter().filter(|line| line.label.is_some()).count() * 10 >= near.len() * 7
        }
    })?;
    let lines = &lines[first..];
    let labels: Vec<&Label> = lines.iter().filter_map(|line| line.label.as_ref()).collect();
    let content = lines.iter().filter(|line| !line.apart).count();
    let numbered = are_numbered(sample, &labels);
    let key = |label: &Label| label::plain(&sample[label.key.clone()], numbered).to_ascii_lowercase();
    let mut keys: Vec<Vec<u8>> = labels.iter().map(|label| key(label)).collect();
    let first_key = keys.first()?.clone();
    let firsts = keys.iter().filter(|key| **key == first_key).count();
    keys.sort();
    keys.dedup();
    let typed = labels.iter().filter(|label| looks(&sample[label.value.clone()]).typed()).count();
    let known = keys.iter().filter(|key| is_known(key)).count();
    let dense = labels.len() * 10 >= content * 6;
    let repeating = labels.len() * 2 >= keys.len() * 3 && labels.len() >= 4 && typed > 0;
    let single = labels.len() >= LEAST && labels.len() * 10 >= content * 8 && known >= 2 && typed >= 1;
    let gaps = lines.windows(2).filter(|pair| pair[0].blank && pair[1].label.is_some()).count() + 1;
    let blank_parts =
        gaps > 1 && gaps * 10 >= firsts * 8 && gaps * 10 <= firsts.max(1) * 15 || firsts == 1 && gaps > 1 && repeating;
    let items = labels.iter().filter(|label| label.item).count();
    let items_part = items * 3 < labels.len() * 2;
    (dense && (repeating || single)).then_some(Blocks {
        start: lines[0].at,
        blank_parts,
        items_part,
        separators,
        numbered,
    })
}

/// Whether nearly all labels hold a number, and three or more numbers come with several labels each.
fn are_numbered(sample: &[u8], labels: &[&Label]) -> bool {
    let mut numbers: Vec<&[u8]> = labels
        .iter()
        .filter_map(|label| Some(&sample[label.key.clone()][label::number(&sample[label.key.clone()])?]))
        .collect();
    let many = numbers.len() * 10 >= labels.len() * 8;
    numbers.dedup();
    let runs = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    // Each number stands in one run of lines.
    many && runs == numbers.len() && runs >= 3 && labels.len() >= runs * 2
}
