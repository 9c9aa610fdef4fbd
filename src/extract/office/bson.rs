//! Collections of MongoDB as `mongodump` writes them: documents of BSON, one after another.
//!
//! Format: <https://bsonspec.org/spec.html>. Values of nested documents belong to their document under their path;
//! nothing recurses deeper than the limit on nesting.

use crate::extract::columns::Columns;
use crate::extract::out::Out;
use crate::model::{Shape, SkipReason};

/// The largest document that MongoDB stores.
const LARGEST: usize = 16 << 20;

/// Whether bytes begin with a document: its length, a first element of a known type with a name, and its closing zero.
pub(crate) fn is_bson(bytes: &[u8]) -> bool {
    let Some(length) = length_at(bytes, 0) else { return false };
    let named = bytes.get(5..).and_then(|rest| memchr::memchr(0, &rest[..rest.len().min(256)]));
    let kind = bytes.get(4).is_some_and(|kind| matches!(kind, 1..=0x13));
    let name = named.is_some_and(|end| end > 0 && bytes[5..5 + end].iter().all(|b| b.is_ascii_graphic() || *b >= 0x80));
    // A window may end within the first document; then its other marks have to do.
    let closed = bytes.get(length - 1).is_none_or(|last| *last == 0);
    kind && name && closed && (length <= bytes.len() || bytes.len() >= 4096)
}

fn length_at(bytes: &[u8], at: usize) -> Option<usize> {
    let length = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
    (12..=LARGEST).contains(&length).then_some(length)
}

/// Reads all documents of a file.
pub(crate) fn read(out: &mut Out<'_>, bytes: &[u8]) {
    out.read(bytes.len());
    out.flush_rows();
    let mut columns = Columns::new(&[], 0, Shape::Json);
    let mut at = 0;
    while at < bytes.len() && !out.stopped() {
        let document = length_at(bytes, at).and_then(|length| bytes.get(at..at + length));
        let Some(document) = document else {
            out.skip(SkipReason::Damaged, "bson: a document that is not whole");
            break;
        };
        let mut reader = Document { columns: &mut columns, most: out.limits.columns, path: Vec::new() };
        let nesting = out.limits.nesting as usize;
        match reader.elements(&document[4..], nesting) {
            Some(()) => columns.end_row(out, 0),
            None => {
                columns.end_row(out, 0);
                out.skip(SkipReason::Damaged, "bson: an element that is wrong or nested too deeply");
            }
        }
        at += document.len();
    }
    columns.flush(out, 0);
    out.flush_rows();
}

struct Document<'a, 't> {
    columns: &'a mut Columns<'t>,
    most: usize,
    path: Vec<u8>,
}

impl Document<'_, '_> {
    /// Reads elements up to the closing zero. `None` where they break off.
    fn elements(&mut self, mut rest: &[u8], depth: usize) -> Option<()> {
        if depth == 0 {
            return None;
        }
        loop {
            let kind = *rest.first()?;
            if kind == 0 {
                return Some(());
            }
            let name = memchr::memchr(0, rest.get(1..)?)?;
            let length = self.path.len();
            // The places of an array have no names of their own.
            let place = rest[1..=name].iter().all(u8::is_ascii_digit);
            if !place && length < 1024 {
                super::super::tree::extend_path(&mut self.path, &rest[1..=name]);
            }
            let value = &rest[name + 2..];
            let size = self.value(kind, value, depth)?;
            self.path.truncate(length);
            rest = value.get(size..)?;
        }
    }

    /// Reads one value. Returns its size.
    fn value(&mut self, kind: u8, value: &[u8], depth: usize) -> Option<usize> {
        let int = |at: usize| Some(u32::from_le_bytes(value.get(at..at + 4)?.try_into().ok()?) as usize);
        let long = || Some(i64::from_le_bytes(value.get(..8)?.try_into().ok()?));
        match kind {
            1 => self.put(8, f64::from_bits(long()? as u64).to_string().as_bytes()),
            2 | 0x0D | 0x0E => {
                let length = int(0)?;
                let text = value.get(4..4 + length.checked_sub(1)?)?;
                self.put(4 + length, text)
            }
            3 | 4 => {
                let length = int(0).filter(|length| *length >= 5)?;
                self.elements(value.get(4..length)?, depth - 1)?;
                Some(length)
            }
            5 => int(0).and_then(|length| length.checked_add(5)),
            7 => Some(12),
            8 => Some(1),
            9 => {
                let date = jiff::Timestamp::from_millisecond(long()?).ok().map(|time| time.to_string());
                self.put(8, date.map(|date| date.replace("T00:00:00Z", "")).unwrap_or_default().as_bytes())
            }
            0x10 => self.put(4, (int(0)? as u32 as i32).to_string().as_bytes()),
            0x11 => Some(8),
            0x12 => self.put(8, long()?.to_string().as_bytes()),
            0x13 => Some(16),
            6 | 0x0A | 0x7F | 0xFF => Some(0),
            0x0B => {
                let pattern = memchr::memchr(0, value)?;
                Some(pattern + 1 + memchr::memchr(0, &value[pattern + 1..])? + 1)
            }
            0x0F => int(0).filter(|length| *length >= 4),
            _ => None,
        }
    }

    fn put(&mut self, size: usize, value: &[u8]) -> Option<usize> {
        let column = self.columns.column(&self.path, self.most);
        self.columns.put_value(column, value);
        Some(size)
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::testing::read;
    use crate::model::SkipReason;

    fn string(name: &str, value: &str) -> Vec<u8> {
        let mut element = vec![2];
        element.extend_from_slice(name.as_bytes());
        element.push(0);
        element.extend_from_slice(&(value.len() as u32 + 1).to_le_bytes());
        element.extend_from_slice(value.as_bytes());
        element.push(0);
        element
    }

    fn document(elements: &[Vec<u8>]) -> Vec<u8> {
        let body = elements.concat();
        let mut document = (body.len() as u32 + 5).to_le_bytes().to_vec();
        document.extend_from_slice(&body);
        document.push(0);
        document
    }

    fn nested(kind: u8, name: &str, inner: &[u8]) -> Vec<u8> {
        [&[kind], name.as_bytes(), &[0], inner].concat()
    }

    #[test]
    fn documents_are_rows_under_their_paths() {
        let address = document(&[string("ville", "Brest")]);
        let phones = document(&[string("0", "0612345678"), string("1", "0298000000")]);
        let born = [&[9u8][..], b"ne\0", &86_400_000i64.to_le_bytes()].concat();
        let one =
            document(&[string("nom", "Lefèvre"), nested(3, "adresse", &address), nested(4, "tel", &phones), born]);
        let two = document(&[string("nom", "Petit"), string("mail", "b@x.example")]);
        let kept = read(&[one, two].concat());
        assert_eq!(kept.headers(), [Some(vec!["nom", "adresse.ville", "tel", "tel.1", "ne", "mail"])]);
        assert_eq!(kept.cells()[0], ["Lefèvre", "Brest", "0612345678", "0298000000", "1970-01-02"]);
        assert_eq!(kept.cells()[1], ["Petit", "", "", "", "", "b@x.example"]);
    }

    #[test]
    fn damage_and_depth_are_recorded() {
        let whole = document(&[string("nom", "Petit"), string("mail", "b@x.example")]);
        let kept = read(&[whole.clone(), whole[..20].to_vec()].concat());
        assert_eq!(kept.rows.len(), 1);
        assert_eq!(kept.reasons(), [SkipReason::Damaged]);
        let mut deep = document(&[string("a", "b")]);
        for _ in 0..600 {
            deep = document(&[nested(3, "x", &deep)]);
        }
        assert_eq!(read(&deep).reasons(), [SkipReason::Damaged]);
    }
}
