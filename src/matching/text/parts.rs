//! The values in a cell that holds more than one: addresses, runs of digits, and what is left between them.

use memchr::memchr;

use super::DIGITS;
use crate::matching::shape::{LONGEST_VALUE, trimmed};

/// Calls `found` with each part of a mixed cell that may be a value by itself: addresses, runs of digits, and what is
/// left between them; not the cell as a whole. `Jean Martin <jean@a.example> 06 12 34 56 78` has three.
pub(in crate::matching) fn values_in(cell: &[u8], found: &mut dyn FnMut(&[u8])) {
    let found = &mut |part: &[u8]| {
        if part.len() < cell.len() {
            found(part);
        }
    };
    let mut rest = 0;
    let mut at = 0;
    while at < cell.len() {
        let Some((start, end)) = next_identifier(cell, at) else { break };
        emit(&cell[rest..start.max(rest)], found);
        emit(&cell[start..end], found);
        each_number(cell, (start, end), found);
        rest = end;
        at = end.max(at + 1);
    }
    if rest > 0 {
        emit(&cell[rest..], found);
    } else if let Some(colon) = memchr(b':', cell) {
        emit(&cell[colon + 1..], found);
    }
}

/// What a run may be besides one number: a date and the number beside it look like one in groups, and the letters that lead a
/// contract's number stand before a dash. So each word of it that has enough digits, as far as the blanks around it.
fn each_number(cell: &[u8], (start, end): (usize, usize), found: &mut dyn FnMut(&[u8])) {
    // No further than a value is long: a cell without blanks may hold many runs.
    let before = &cell[start.saturating_sub(LONGEST_VALUE)..start];
    let behind = &cell[end..cell.len().min(end + LONGEST_VALUE)];
    let first = start - before.iter().rev().take_while(|b| **b != b' ').count();
    let last = end + behind.iter().take_while(|b| **b != b' ').count();
    for word in cell[first..last].split(|b| *b == b' ') {
        let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
        // An address holds no number, and the run itself was told.
        if digits >= DIGITS && word.len() != end - start && word.len() <= LONGEST_VALUE && !word.contains(&b'@') {
            emit(word, found);
        }
    }
}

fn emit(part: &[u8], found: &mut dyn FnMut(&[u8])) {
    let part = trimmed(part);
    let start = part.iter().position(|b| is(*b, INNER)).unwrap_or(part.len());
    let end = part.iter().rposition(|b| is(*b, INNER)).map_or(start, |i| i + 1);
    if end > start + 1 {
        found(&part[start..end.min(start + LONGEST_VALUE)]);
    }
}

/// The next address or run of digits at or after `at`.
fn next_identifier(cell: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut i = at;
    while let Some(sign) = cell.get(i..)?.iter().position(|b| is(*b, SIGN)) {
        i += sign;
        if cell[i] == b'@' {
            let start = cell[at..i].iter().rposition(|b| !is(*b, ADDRESS)).map_or(at, |p| at + p + 1);
            let end = cell[i + 1..].iter().position(|b| !is(*b, ADDRESS)).map_or(cell.len(), |p| i + 1 + p);
            return Some((start, end));
        }
        if inside_address(cell, i) {
            i += 1;
            continue;
        }
        let (start, end, digits) = digit_run(cell, i);
        if digits >= DIGITS && start >= at {
            return Some((start, end));
        }
        i = end.max(i + 1);
    }
    None
}

/// Whether the digit at `i` belongs to a word that goes on to an `@`, no further than an address is long: `jean84@…` holds no
/// number.
fn inside_address(cell: &[u8], i: usize) -> bool {
    let near = &cell[i..cell.len().min(i + LONGEST_VALUE)];
    near.iter().find(|b| !is(**b, ADDRESS)) == Some(&b'@')
}

/// A run of digits with what people put between them, with the letters that lead an account number (`FR76 …`).
fn digit_run(cell: &[u8], i: usize) -> (usize, usize, usize) {
    let start = i - cell[..i].iter().rev().take_while(|b| is(**b, ALPHANUMERIC)).count();
    let (mut end, mut digits) = (i, 0);
    while end < cell.len() {
        let b = cell[end];
        digits += usize::from(is(b, FIGURE));
        let goes_on = b.is_ascii_digit()
            || is(b, ALPHANUMERIC) && is(cell[end.saturating_sub(1)], ALPHANUMERIC)
            || matches!(b, b'*' | b'+' | b'(' | b')')
            || matches!(b, b' ' | b'.' | b'-' | b'/')
                && cell.get(end + 1).is_some_and(|n| n.is_ascii_digit() || matches!(n, b'*' | b'('));
        if !goes_on {
            break;
        }
        end += 1;
    }
    (start, end, digits)
}

/// A letter or digit of ASCII.
const ALPHANUMERIC: u8 = 1;
/// What an address is made of, signs that hide some of it among it.
const ADDRESS: u8 = 1 << 1;
/// A digit, or a star that hides one.
const FIGURE: u8 = 1 << 2;
/// With which an address or a number announces itself.
const SIGN: u8 = 1 << 3;
/// What may stand at the end of a value.
const INNER: u8 = 1 << 4;

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

const CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        let letter = b.is_ascii_alphanumeric() || b >= 0x80;
        if b.is_ascii_alphanumeric() {
            table[i] |= ALPHANUMERIC;
        }
        if letter || matches!(b, b'.' | b'_' | b'-' | b'+' | b'%' | b'*' | b'\'' | b'[' | b']' | b'(' | b')') {
            table[i] |= ADDRESS;
        }
        if b.is_ascii_digit() || b == b'*' {
            table[i] |= FIGURE;
        }
        if b.is_ascii_digit() || matches!(b, b'@' | b'+' | b'*') {
            table[i] |= SIGN;
        }
        if letter || matches!(b, b'+' | b'*' | b'[' | b']' | b'(' | b')') {
            table[i] |= INNER;
        }
        i += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_without_blanks_is_read_in_proportion_to_its_length() {
        let started = std::time::Instant::now();
        for (piece, behind) in [("11111_", ""), ("1_", "@"), ("12345-a ", ""), ("+", "@"), ("1", "")] {
            let mut most = 0;
            let mut cell = piece.repeat(200_000 / piece.len());
            cell.push_str(behind);
            values_in(cell.as_bytes(), &mut |part| most = most.max(part.len()));
            assert!(most <= LONGEST_VALUE);
        }
        // A fraction of a second; with a second reading of all of it for each of its runs, minutes.
        assert!(started.elapsed() < std::time::Duration::from_secs(20));
    }
}
