//! Records as blocks of `label : value` lines: LDIF, vCard, YAML lists, `print_r`, vertical console output, and what
//! people type.
//!
//! Recognised by labels that come back. A record ends where its first label comes again, at a rule, or at a blank line
//! in texts where records are parted so.

pub(crate) mod inline;
mod label;
mod sniff;

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine;

use self::label::{Coding, Label, Separators, labelled, value};
pub(crate) use self::sniff::sniff;
use super::delimited::is_rule;
use super::looks::looks;
use crate::extract::columns::Columns;
use crate::extract::out::Out;
use crate::model::Shape;

/// Unlabelled lines in a row that end the blocks.
const GAP: usize = 3;
/// Where blocks begin in a sample, and how they are parted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks {
    pub start: usize,
    /// Whether a blank line ends a record.
    blank_parts: bool,
    /// Whether an item of a list (`- name: …`) begins a record: not where every line is one.
    items_part: bool,
    /// What stands between labels and values.
    separators: Separators,
    /// Whether labels hold the number of their record: `USER_0_NAME`.
    numbered: bool,
}

/// Reads the blocks that begin at `start`. Returns where they end.
pub(crate) fn read(out: &mut Out<'_>, text: &[u8], start: usize, blocks: Blocks) -> usize {
    out.flush_rows();
    let mut reader = Reader {
        text,
        columns: Columns::new(text, start, Shape::KeyValue),
        first: Vec::new(),
        seen: Vec::new(),
        indent: None,
        heading: None,
        number: Vec::new(),
        blocks,
    };
    let end = reader.lines(out, start);
    reader.columns.end_row(out, end);
    reader.columns.flush(out, end);
    end
}

struct Reader<'t> {
    text: &'t [u8],
    columns: Columns<'t>,
    /// The label that begins the record at hand.
    first: Vec<u8>,
    /// The labels of the record at hand.
    seen: Vec<Vec<u8>>,
    /// Indentation of list items that begin records.
    indent: Option<usize>,
    /// The number in the labels of the record at hand.
    number: Vec<u8>,
    /// What stood above the record that comes.
    heading: Option<Range<usize>>,
    blocks: Blocks,
}

impl Reader<'_> {
    /// `{ville: Brest, cp: "29200"}` as the value of a label.
    fn flow_map(&mut self, out: &Out<'_>, range: &Range<usize>) {
        let name = self.columns.column(b"", out.limits.columns);
        match inline::split(self.text, range.start + 1..range.end - 1, b", ") {
            Some(pairs) => {
                for (key, value) in pairs {
                    let column = self.columns.column(&self.text[key], out.limits.columns);
                    self.columns.put_range(column, value.start, value.end);
                }
            }
            None => self.columns.put_range(name, range.start, range.end),
        }
    }

    fn lines(&mut self, out: &mut Out<'_>, start: usize) -> usize {
        let blocks = self.blocks;
        let (mut at, mut end) = (start, start);
        let (mut gap, mut unlabelled) = (false, 0);
        while at < self.text.len() && !out.stopped() {
            let (label, next) = labelled(self.text, at, blocks.separators);
            let line = self.text[at..next].trim_ascii();
            if let Some(heading) = self.heading_at(label.as_ref(), at, next) {
                self.heading = Some(heading);
                (gap, unlabelled) = (true, 0);
                end = next;
            } else if let Some(label) = label {
                self.line(out, at, &label, next, gap);
                (gap, unlabelled) = (false, 0);
                end = next;
            } else if line == b"-" {
                // Between the changes of one entry of LDIF.
                end = next;
            } else if is_rule(line) || is_parting(line) {
                gap |= !line.is_empty() || blocks.blank_parts;
            } else if !is_bracket(line) && !self.loose(out, line, at, next, &mut unlabelled) {
                return end;
            } else {
                end = next;
            }
            at = next;
        }
        at.max(end)
    }

    /// The name of the record that follows, if the line at `at` is one: a heading of a text, or a label without a value
    /// over lines that are indented further (a map of YAML).
    fn heading_at(&self, label: Option<&Label>, at: usize, next: usize) -> Option<Range<usize>> {
        let line = &self.text[at..next];
        let blanks = |line: &[u8]| line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        match label {
            None => {
                let marks = line.iter().take_while(|b| matches!(b, b'#' | b'=')).count();
                let bare = line[marks..].trim_ascii().trim_ascii_end();
                let start = at + marks + blanks(&line[marks..]);
                (marks > 0 && line.get(marks) == Some(&b' ') && !bare.is_empty()).then(|| start..start + bare.len())
            }
            Some(label) if label.value.is_empty() && !label.item => {
                let deeper = self.text.get(next).is_some() && blanks(&self.text[next..]) > blanks(line);
                let fields = deeper
                    && labelled(self.text, next, self.blocks.separators)
                        .0
                        .is_some_and(|l| !l.item && !l.value.is_empty());
                fields.then(|| label.key.clone()).filter(|_| blanks(line) == 0)
            }
            Some(_) => None,
        }
    }

    /// A line without a label: a value of the record at hand, unless too many of them follow each other.
    fn loose(&mut self, out: &mut Out<'_>, line: &[u8], at: usize, next: usize, unlabelled: &mut usize) -> bool {
        *unlabelled += 1;
        let ends = *unlabelled >= GAP || line.len() > 160 || super::opens_other_shape(&self.text[at..]);
        if ends && (line.len() <= 160 || !self.labels_follow(next)) {
            return false;
        }
        let start = at + self.text[at..next].iter().take_while(|b| b.is_ascii_whitespace()).count();
        if self.seen.is_empty() || line.len() > 160 {
            out.text(&self.text[at..next]);
        } else {
            let column = self.columns.column(b"", out.limits.columns);
            // An item of a list of values, without its bullet and quotes.
            let bullet = if line.starts_with(b"- ") { 2 } else { 0 };
            let range = value(self.text, start + bullet..start + line.len());
            let words = self.text[range.clone()].iter().rposition(|b| *b == b' ').map_or(0, |i| i + 1);
            self.columns.put_range(column, range.start, range.end);
            // `née le 12/03/1970`
            if words > 0 && looks(&self.text[range.start + words..range.end]).typed() {
                self.columns.put_range(column, range.start + words, range.end);
            }
        }
        true
    }

    fn labels_follow(&self, mut at: usize) -> bool {
        let mut labels = 0;
        for _ in 0..4 {
            if at < self.text.len() {
                let (label, next) = labelled(self.text, at, self.blocks.separators);
                labels += usize::from(label.is_some());
                at = next;
            }
        }
        labels >= 2
    }

    fn line(&mut self, out: &mut Out<'_>, at: usize, label: &Label, next: usize, gap: bool) {
        let raw = &self.text[label.key.clone()];
        let key = label::plain(raw, self.blocks.numbered).to_ascii_lowercase();
        let number = label::number(raw).filter(|_| self.blocks.numbered).map_or(&[][..], |range| &raw[range]);
        let counted = self.blocks.numbered && number != self.number;
        self.number = number.to_vec();
        let indent = label.key.start - at;
        let item = label.item && self.blocks.items_part && *self.indent.get_or_insert(indent) == indent;
        let again = key == self.first && !self.blocks.numbered || counted;
        let parted = gap && !self.seen.is_empty();
        if again || item || parted || self.first.is_empty() {
            if !self.seen.is_empty() {
                self.columns.end_row(out, at);
                self.seen.clear();
            }
            self.first.clone_from(&key);
            if let Some(heading) = self.heading.take() {
                let column = self.columns.column(b"", out.limits.columns);
                self.columns.put_range(column, heading.start, heading.end);
            }
        }
        if self.seen.len() < 256 && !self.seen.contains(&key) {
            self.seen.push(key);
        }
        // Further labels on the line, behind wide blanks.
        match second(self.text, label) {
            Some((end, other)) => {
                let first = Label { value: value(self.text, label.value.start..end), ..label.clone() };
                self.value(out, &first, next);
                self.line_rest(out, &other, next);
            }
            None => self.value(out, label, next),
        }
    }

    fn line_rest(&mut self, out: &Out<'_>, label: &Label, next: usize) {
        let mut label = label.clone();
        while let Some((end, other)) = second(self.text, &label) {
            let first = Label { value: value(self.text, label.value.start..end), ..label };
            self.value(out, &first, next);
            label = other;
        }
        self.value(out, &label, next);
    }

    fn value(&mut self, out: &Out<'_>, label: &Label, next: usize) {
        let name = &*label::plain(&self.text[label.key.clone()], self.blocks.numbered);
        let column = self.columns.column(name, out.limits.columns);
        let value = &self.text[label.value.clone()];
        let decoded: Cow<'_, [u8]> = match label.coding {
            Coding::Base64 => {
                base64::engine::general_purpose::STANDARD.decode(value).map_or(Cow::Borrowed(value), Cow::Owned)
            }
            Coding::QuotedPrintable => Cow::Owned(quoted_printable(value)),
            Coding::Plain => Cow::Borrowed(value),
        };
        if label.coding == Coding::Plain && value.starts_with(b"{") && value.ends_with(b"}") {
            return self.flow_map(out, &label.value);
        }
        let structured = matches!(name, b"N" | b"ADR" | b"ORG") && memchr::memchr(b';', value).is_some();
        if structured {
            for part in decoded.split(|b| *b == b';').filter(|part| !part.is_empty()) {
                self.columns.put_value(column, part);
            }
            return;
        }
        // LDIF and vCard fold long lines: what follows begins with one blank and goes on.
        let folded = self.text.get(next) == Some(&b' ')
            && label.value.end + 2 >= next
            && label.value.len() >= 60
            && labelled(self.text, next, self.blocks.separators).0.is_none();
        match decoded {
            Cow::Borrowed(_) if !folded => self.columns.put_range(column, label.value.start, label.value.end),
            decoded => self.columns.put_value(column, &decoded),
        }
    }
}

/// The label that stands in a value behind wide blanks, and where the value proper ends.
fn second(text: &[u8], label: &Label) -> Option<(usize, Label)> {
    let range = label.value.clone();
    let wide =
        [&b"  "[..], b"\t"].into_iter().filter_map(|mark| memchr::memmem::find(&text[range.clone()], mark)).min()?;
    let end = range.start + wide;
    let start = end + text[end..range.end].iter().take_while(|b| b.is_ascii_whitespace()).count();
    let other = label::label(text, start, range.end, Separators::Marks)?;
    Some((end, other))
}

/// Lines that only open or close what a printed structure holds.
fn is_bracket(line: &[u8]) -> bool {
    matches!(line, b"(" | b")" | b"Array" | b"{" | b"}" | b"},")
}

/// Lines that stand between records: `BEGIN:VCARD` is a label, these are not.
fn is_parting(line: &[u8]) -> bool {
    let numbered = |prefix: &[u8]| line.starts_with(prefix) && line.iter().any(u8::is_ascii_digit);
    numbered(b"-[ RECORD")
        || (line.starts_with(b"***") && line.ends_with(b"***"))
        || (line.starts_with(b"[") && line.ends_with(b"=> Array"))
}

/// `=C3=A9` to bytes.
pub(crate) fn quoted_printable(value: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut at = 0;
    while at < value.len() {
        let hex = value
            .get(at + 1..at + 3)
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match (value[at], hex) {
            (b'=', Some(byte)) => {
                decoded.push(byte);
                at += 3;
            }
            (b'=', None) if value.get(at + 1) == Some(&b'\n') => at += 2,
            (b'=', None) if value[at + 1..].starts_with(b"\r\n") => at += 3,
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use crate::extract::testing::read;

    fn filled(text: &str) -> Vec<Vec<String>> {
        let kept = read(text.as_bytes());
        assert!(kept.tables.iter().any(|t| t.shape == crate::model::Shape::KeyValue), "{text}\n{kept:?}");
        let filled = |row: Vec<String>| row.into_iter().filter(|c| !c.is_empty()).collect();
        kept.rows.into_iter().map(|(_, row)| filled(row)).collect()
    }

    #[test]
    fn blocks_are_read_in_every_spelling() {
        for text in [
            "nom : Martin\nmail : a@x.example\ntel : 0612345678\n------------------\nnom : Petit\nmail : b@x.example\n------------------\n",
            "Nom: Martin\nMail: a@x.example\nTél: 0612345678\n\nNom: Petit\nMail: b@x.example\n",
            "nom=Martin\nmail=a@x.example\ntel=0612345678\nnom=Petit\nmail=b@x.example\n",
            "- name: Martin\n  email: a@x.example\n  phone: \"0612345678\"\n- name: Petit\n  email: b@x.example\n",
            "Array\n(\n    [0] => Array\n        (\n            [nom] => Martin\n            [mail] => a@x.example\n            [tel] => 0612345678\n        )\n\n    [1] => Array\n        (\n            [nom] => Petit\n            [mail] => b@x.example\n        )\n)\n",
            "*************************** 1. row ***************************\n nom: Martin\nmail: a@x.example\n tel: 0612345678\n*************************** 2. row ***************************\n nom: Petit\nmail: b@x.example\n",
            "-[ RECORD 1 ]----\nnom  | Martin\nmail | a@x.example\ntel  | 0612345678\n-[ RECORD 2 ]----\nnom  | Petit\nmail | b@x.example\n",
        ] {
            assert_eq!(
                filled(text),
                [vec!["Martin", "a@x.example", "0612345678"], vec!["Petit", "b@x.example"]],
                "{text}"
            );
        }
    }

    #[test]
    fn directories_and_address_books_are_read() {
        let ldif = "dn: cn=a,dc=x\nobjectClass: top\nobjectClass: person\ncn:: SsOpcsO0bWU=\nmail: a@x.example\n\n\
                    dn: cn=b,dc=x\nobjectClass: top\nobjectClass: person\ncn: Petit\nmail: b@x.example\n";
        let rows = filled(ldif);
        assert_eq!(rows.len(), 2);
        assert!(rows[0].contains(&"Jérôme".to_owned()) && rows[1].contains(&"b@x.example".to_owned()));
        let vcard = "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Lef=C3=A8vre;Zo=C3=A9\nTEL;TYPE=CELL:+33612345678\nEMAIL:z@x.example\nEND:VCARD\n";
        let rows = filled(&format!("{vcard}{}", vcard.replace("z@", "y@")));
        assert_eq!(rows.len(), 2);
        for value in ["Lefèvre", "Zoé", "+33612345678", "z@x.example"] {
            assert!(rows[0].contains(&value.to_owned()), "{value} {rows:?}");
        }
    }

    #[test]
    fn numbers_in_labels_tell_records_apart() {
        let rows = filled(
            "USER_0_NOM=Martin\nUSER_0_MAIL=a@x.example\nUSER_1_NOM=Petit\nUSER_1_TEL=0612345678\nUSER_2_NOM=Roux\nUSER_2_MAIL=c@x.example\n",
        );
        assert_eq!(rows, [["Martin", "a@x.example"], ["Petit", "0612345678"], ["Roux", "c@x.example"]]);
        // Several numbers of one person are no records.
        let card = |n: &str, m: &str| format!("nom: {n}\ntel_1_type: mobile\ntel_1_value: 0612345678\nmail: {m}\n");
        assert_eq!(filled(&(card("Martin", "a@x.example") + &card("Petit", "b@x.example"))).len(), 2);
    }

    #[test]
    fn missing_labels_leave_their_column_empty() {
        let kept = read(b"nom : A\nmail : a@x.example\n\nnom : B\ntel : 0612345678\nmail : b@x.example\n\nnom : C\nmail : c@x.example\n");
        assert_eq!(kept.headers(), [Some(vec!["nom", "mail", "tel"])]);
        assert_eq!(kept.cells()[1], ["B", "b@x.example", "0612345678"]);
    }

    #[test]
    fn credentials_and_prose_are_no_blocks() {
        for text in [
            "martin:secret\npetit:azerty\nroux:motdepasse\ndurand:hunter2\n",
            "nom|mail\nMartin|a@x.example\nMartin|b@x.example\nPetit|c@x.example\nPetit|d@x.example\n",
            "Note: this is fresh.\nIt comes from somewhere else and is quite long.\nPrice: 300.\nNothing more to say about it, really.\n",
        ] {
            let kept = read(text.as_bytes());
            assert!(kept.tables.iter().all(|t| t.shape != crate::model::Shape::KeyValue), "{text}");
        }
    }
}
