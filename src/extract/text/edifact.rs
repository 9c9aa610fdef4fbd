//! Interchanges of UN/EDIFACT (ISO 9735): orders, invoices, insurance and health messages between companies.
//!
//! Segments end with `'`, their elements are parted by `+`, components by `:`; `?` takes its meaning from the sign behind
//! it, and a `UNA` segment may choose other signs. A row is what is said of one party: from its `NAD` segment (or the
//! beginning of a message) to the next.

use crate::extract::columns::Columns;
use crate::extract::out::Out;
use crate::model::Shape;

/// The longest segment: the standard knows none of this length.
const LONGEST: usize = 16 << 10;

/// The signs of an interchange.
#[derive(Debug, Clone, Copy)]
struct Signs {
    component: u8,
    element: u8,
    release: u8,
    end: u8,
}

const USUAL: Signs = Signs { component: b':', element: b'+', release: b'?', end: b'\'' };

/// Whether a line begins an interchange.
pub(super) fn opens(line: &[u8]) -> bool {
    let named = |line: &[u8]| line.starts_with(b"UNB+UNO") || line.starts_with(b"UNH+");
    match line.strip_prefix(b"UNA") {
        Some(rest) => rest.len() >= 6 && rest[..6].iter().all(|b| !b.is_ascii_alphanumeric()),
        None => named(line),
    }
}

/// Reads the interchange that begins at `start`. Returns where it ends.
pub(super) fn read(out: &mut Out<'_>, text: &[u8], start: usize) -> usize {
    out.flush_rows();
    let (signs, mut at) = match text[start..].strip_prefix(b"UNA") {
        Some([component, element, _, release, _, end, ..]) => {
            (Signs { component: *component, element: *element, release: *release, end: *end }, start + 9)
        }
        _ => (USUAL, start),
    };
    let mut columns = Columns::new(text, start, Shape::KeyValue);
    while at < text.len() && !out.stopped() {
        let blank = text[at..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        let Some(end) = segment_end(text, at + blank, signs) else { break };
        let segment = &text[at + blank..end];
        if !is_segment(segment, signs) {
            break;
        }
        let tag = &segment[..3];
        if matches!(tag, b"NAD" | b"UNH" | b"UNT") {
            columns.end_row(out, at);
        }
        if !matches!(tag, b"UNB" | b"UNZ" | b"UNH" | b"UNT") {
            values(out, segment, signs, &mut columns);
        }
        at = end + 1;
    }
    columns.end_row(out, at);
    columns.flush(out, at);
    // What began like one and was none is text.
    if at == start {
        let end = start + super::line_end(&text[start..]);
        out.text(&text[start..end]);
        return end;
    }
    at
}

/// Where the segment at `at` ends.
fn segment_end(text: &[u8], at: usize, signs: Signs) -> Option<usize> {
    let segment = &text[at..text.len().min(at + LONGEST)];
    let mut from = 0;
    loop {
        let found = from + memchr::memchr2(signs.end, signs.release, &segment[from..])?;
        if segment[found] == signs.end {
            return Some(at + found);
        }
        from = (found + 2).min(segment.len());
    }
}

/// Three capital letters and an element.
fn is_segment(segment: &[u8], signs: Signs) -> bool {
    segment.len() >= 4 && segment[..3].iter().all(u8::is_ascii_uppercase) && segment[3] == signs.element
}

/// Adds the values of a segment, called after it, its qualifier and their place: `NAD.BY.3.0`.
fn values(out: &Out<'_>, segment: &[u8], signs: Signs, columns: &mut Columns<'_>) {
    let (mut element, mut component) = (0, 0);
    let mut value = Vec::new();
    let mut qualifier = Vec::new();
    let mut put = |value: &mut Vec<u8>, element: u32, component: u32| {
        if element == 1 && component == 0 && value.len() <= 3 {
            qualifier.clone_from(value);
        } else if !value.trim_ascii().is_empty() {
            let mut name = segment[..3].to_vec();
            name.push(b'.');
            name.extend_from_slice(&qualifier);
            name.extend_from_slice(format!(".{element}.{component}").as_bytes());
            let column = columns.column(&name, out.limits.columns);
            columns.put_value(column, value.trim_ascii());
        }
        value.clear();
    };
    let mut bytes = segment[3..].iter();
    while let Some(&b) = bytes.next() {
        if b == signs.release {
            value.extend(bytes.next());
        } else if b == signs.element {
            put(&mut value, element, component);
            (element, component) = (element + 1, 0);
        } else if b == signs.component {
            put(&mut value, element, component);
            component += 1;
        } else if !matches!(b, b'\r' | b'\n') {
            value.push(b);
        }
    }
    put(&mut value, element, component);
}

#[cfg(test)]
mod tests {
    use crate::extract::testing::read;

    #[test]
    fn what_is_said_of_a_party_is_a_row() {
        let kept = read(
            b"UNA:+.? '\nUNB+UNOC:3+1:14+2:14+260801:1200+1'\nUNH+1+ORDERS:D:96A:UN'\nBGM+220+128576+9'\n\
              NAD+BY+C1::92++O?'Neil:Zoe+12 rue Haute+Brest++29000+FR'\nCOM+a.b@x.example:EM'COM+0612345678:TE'\n\
              NAD+SU+++Shop'\nUNT+6+1'\nUNZ+1+1'\nand more by mail\n",
        );
        let filled: Vec<Vec<&str>> =
            kept.cells().into_iter().map(|row| row.into_iter().filter(|c| !c.is_empty()).collect()).collect();
        assert_eq!(
            filled[1],
            [
                "C1",
                "92",
                "O'Neil",
                "Zoe",
                "12 rue Haute",
                "Brest",
                "29000",
                "FR",
                "a.b@x.example",
                "EM",
                "0612345678",
                "TE"
            ],
            "{kept:?}"
        );
        assert!(filled[2].contains(&"Shop"));
        assert!(kept.text.contains("and more by mail"), "{kept:?}");
    }

    #[test]
    fn what_only_begins_so_is_text() {
        let kept = read(b"UNH+ is how a message begins\nUNB+UNO, as they say; u@x.example\n");
        assert!(kept.rows.is_empty() && kept.text.contains("u@x.example"), "{kept:?}");
    }
}
