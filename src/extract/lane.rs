//! The streaming lane: large plain dumps, cut into chunks that several threads can parse.
//!
//! [`Lane::open`] looks at the beginning of a document and learns how it is written. A [`Cutter`] then cuts the
//! document at row ends, and [`Lane::parse`] reads one chunk with what was learned.
//!
//! The contract that makes chunks independent:
//!
//! 1. Where chunks begin and end depends on the bytes and the lane alone, not on who asks, when, how much of the
//!    document is at hand, or with how many threads; and a [`Cutter`] that was kept goes on as if it had never stopped.
//! 2. No row, and no quoted cell with line ends in it, is cut, unless it is longer than the limit for lines (or the
//!    text is UTF-16 or UTF-32: that is cut at line ends).
//! 3. What a chunk gives depends on its bytes, its [`Chunk`] and the lane alone.
//!
//! So a document gives the same tables and rows however its chunks are spread, and a reader that was killed resumes
//! behind the last chunk whose results were kept. A chunk that begins within a statement, block or table knows its
//! head. Nothing is unpacked here: a compressed document has no lane.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::container::Reading;
use super::detect::{Kind, detect};
use super::encoding;
use super::limits::Limits;
use super::out::{Out, TableNumbers};
use super::text::plan::{self, PIECE, Plan};
use crate::model::{ContentSink, Flow, Table};

/// Bytes of a chunk, before it is cut back to a row end.
pub const CHUNK: usize = PIECE;

/// How many bytes from the beginning of a document [`Lane::open`] wants to see, if there are as many.
pub const SAMPLE: usize = 256 << 10;

/// Tables told apart in one chunk.
const TABLES: u32 = 1024;

/// One stretch of a document that can be parsed by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its number, from 0, in document order.
    pub no: u32,
    /// The bytes of the document it covers. Chunks follow each other without gaps.
    pub range: Range<usize>,
    /// What it must be read behind: heads of what earlier chunks opened and did not close.
    prelude: Vec<u8>,
    /// Whether it ends within a row that is longer than the limit for lines.
    torn: bool,
}

/// Goes along a document and cuts it into chunks. Can be kept and taken up again; it then holds heads of statements
/// and tables as they stand in the document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cutter(plan::Cutter);

impl Cutter {
    /// The next chunk, given what stands in the document from [`Cutter::position`] on. `last` says that nothing
    /// follows `rest`. `None` if more of the document is needed to tell, or all of it is cut; never more than
    /// [`Limits::line`] + [`CHUNK`] bytes are asked for.
    pub fn next(&mut self, lane: &Lane, rest: &[u8], last: bool) -> Option<Chunk> {
        let (no, start) = (self.0.no, self.0.at);
        let plan::Cut { length, prelude, torn } = self.0.next(&lane.plan, rest, last, lane.limits.line)?;
        Some(Chunk { no, range: start..start + length, prelude, torn })
    }

    /// How many bytes of the document are cut.
    #[must_use]
    pub fn position(&self) -> usize {
        self.0.at
    }
}

/// How a large plain document is to be read.
#[derive(Debug, Clone)]
pub struct Lane {
    limits: Limits,
    plan: Plan,
}

impl Lane {
    /// Learns from the first [`SAMPLE`] bytes of a document how it is written. `None` if it is not plain text in an
    /// encoding that can be cut anywhere, or is written in a way that only [`extract`](super::extract) can read.
    #[must_use]
    pub fn open(sample: &[u8], limits: &Limits) -> Option<Lane> {
        if detect(sample) != Kind::Text {
            return None;
        }
        let plan = Plan::learn(sample);
        let whole = sample.len() - (sample.len() - plan.mark) % plan.charset.unit();
        if encoding::noise(&encoding::decode(&sample[plan.mark..whole], plan.charset)).is_some() {
            return None;
        }
        let limits = Limits { passwords: Vec::new(), ..limits.clone() };
        plan.charset.cuts_anywhere().then_some(Lane { limits, plan })
    }

    /// The chunks of a document, in order.
    pub fn chunks<'a>(&'a self, document: &'a [u8]) -> impl Iterator<Item = Chunk> + 'a {
        let mut cutter = Cutter::default();
        std::iter::from_fn(move || cutter.next(self, &document[cutter.position()..], true))
    }

    /// Announces what all chunks share: to be called once, before their results are put together.
    pub fn begin(&self, sink: &mut dyn ContentSink) {
        if let Some((shape, header)) = self.plan.table() {
            sink.table(Table { no: 0, shape, member: String::new(), header });
        }
    }

    /// Reads one chunk. `document` is what [`Lane::chunks`] was given. Row numbers rise along the document and tell
    /// chunks apart (the first of a chunk is its byte offset). Table 0 is the same table in all chunks, and so are
    /// tables with the same header; any other belongs to its chunk.
    pub fn parse(&self, document: &[u8], chunk: &Chunk, sink: &mut dyn ContentSink) -> Flow {
        self.parse_bytes(&document[chunk.range.clone()], chunk, sink)
    }

    /// [`Lane::parse`] for readers that hold only the chunk's bytes.
    pub fn parse_bytes(&self, bytes: &[u8], chunk: &Chunk, sink: &mut dyn ContentSink) -> Flow {
        let numbers = TableNumbers::by_header(1 + chunk.no.saturating_mul(TABLES), TABLES);
        let out = Out::new(sink, &self.limits, numbers, chunk.range.start as u64).unbounded();
        let mut reading = Reading::new(out);
        let out = &mut reading.out;
        out.read(bytes.len());
        if chunk.torn {
            plan::note_torn(out);
        }
        let first = chunk.no == 0;
        let mark = if first { self.plan.mark } else { 0 };
        let text = plan::decoded(&chunk.prelude, &bytes[mark..], self.plan.charset);
        self.plan.read(out, &text, first, self.plan.table().map(|_| 0));
        out.end_member();
        reading.decoded_parts();
        reading.out.flow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::testing::{Kept, read};

    /// Reads a document chunk by chunk, in the order given.
    fn chunked(document: &[u8], backwards: bool) -> Vec<Vec<String>> {
        let lane = Lane::open(&document[..document.len().min(SAMPLE)], &Limits::default()).unwrap();
        let chunks: Vec<Chunk> = lane.chunks(document).collect();
        assert!(chunks.len() > 2);
        assert_eq!(chunks.last().unwrap().range.end, document.len());
        let mut parts: Vec<(u32, Vec<Vec<String>>)> = Vec::new();
        let mut read_chunk = |chunk: &Chunk| {
            let mut kept = Kept::default();
            lane.begin(&mut kept);
            assert_eq!(lane.parse(document, chunk, &mut kept), Flow::Go);
            parts.push((chunk.no, kept.rows.into_iter().map(|(_, row)| row).collect()));
        };
        if backwards {
            chunks.iter().rev().for_each(&mut read_chunk)
        } else {
            chunks.iter().for_each(&mut read_chunk)
        };
        assert_eq!(resumed(&lane, document), chunks);
        parts.sort_by_key(|(no, _)| *no);
        parts.into_iter().flat_map(|(_, rows)| rows).collect()
    }

    /// The chunks as a reader gets them that holds little of the document at a time and is stopped at every chunk.
    fn resumed(lane: &Lane, document: &[u8]) -> Vec<Chunk> {
        let (mut chunks, mut kept) = (Vec::new(), serde_json::to_vec(&Cutter::default()).unwrap());
        let mut held = CHUNK / 2;
        loop {
            let mut cutter: Cutter = serde_json::from_slice(&kept).unwrap();
            let rest = &document[cutter.position()..];
            match cutter.next(lane, &rest[..rest.len().min(held)], held >= rest.len()) {
                Some(chunk) => chunks.push(chunk),
                None if rest.is_empty() => return chunks,
                None => held += CHUNK / 2,
            }
            kept = serde_json::to_vec(&cutter).unwrap();
        }
    }

    fn sequential(document: &[u8]) -> Vec<Vec<String>> {
        read(document).rows.into_iter().map(|(_, row)| row).collect()
    }

    #[test]
    fn chunks_give_what_the_whole_gives() {
        let n = 60_000;
        let row = |i: usize| (format!("nom{i}"), format!("u{i}@mail.example"), format!("06{:08}", i * 37));
        let csv: String = (0..n)
            .map(|i| {
                let (a, b, c) = row(i);
                // Line ends and what looks like rows within quotes.
                if i % 10 == 0 { format!("{a},{b},\"{c}\n{a},{b}\"\n") } else { format!("{a},{b},{c}\n") }
            })
            .collect();
        let lines: String = (0..n)
            .map(row)
            .map(|(a, b, c)| format!("{{\"nom\": \"{a}\", \"mail\": \"{b}\", \"l\": {{\"nom\": \"{c}\"}}}}\n"))
            .collect();
        let array = format!("[{}]", lines.trim_end().replace('\n', ","));
        let nested =
            array.replace("{\"nom\": \"06", "{\"nom\": \"x\", \"m\": [{\"nom\": \"1\"},{\"nom\": \"2\"}], \"t\": \"06");
        let sql: String = (0..n / 50)
            .map(|k| {
                let tuples: Vec<String> =
                    (k * 50..k * 50 + 50).map(row).map(|(a, b, c)| format!("('{a};\n','{b}','{c}')")).collect();
                format!("INSERT INTO `u` (`a`,`b`,`c`) VALUES {};\n", tuples.join(",\n"))
            })
            .collect();
        let pretty = lines.replace("{\"nom\": \"nom", "  {\n    \"nom\": \"nom").replace("}}\n", "}\n  },\n");
        let envelope = format!("{{\"ok\": true, \"data\": {{\"users\": {array}}}, \"next\": null}}");
        let tuples: Vec<String> = (0..n).map(row).map(|(a, b, c)| format!("('{a}),(','{b}','{c}')")).collect();
        let define = "CREATE TABLE `u` (\n  `nom` text,\n  `mail` text,\n  `tel` text\n) ENGINE=InnoDB;\n";
        let one_line = format!("{define}INSERT INTO `u` VALUES {};\n", tuples.join(","));
        let many_lines = format!("{define}INSERT INTO `u` VALUES\n{};\n", tuples.join(",\n"));
        let copy: String = (0..n).map(row).map(|(a, b, c)| format!("{a}\t{b}\t{c}\n")).collect();
        let copy = format!("SET x = 0;\n\nCOPY public.u (nom, mail, tel) FROM stdin;\n{copy}\\.\n\nSELECT 1;\n");
        let cells = |tag: &str, (a, b, c): (String, String, String)| {
            format!("<tr><{tag}>{a}</{tag}><{tag}>{b}</{tag}><{tag}>{c}</{tag}></tr>")
        };
        let rows: String = (0..n).map(|i| cells("td", row(i))).collect();
        let html = format!(
            "<html><body><p>x</p>\n<table>{}{rows}</table></body></html>",
            cells("th", ("Nom".into(), "Mail".into(), "Tel".into()))
        );
        let records: String = (0..n)
            .map(row)
            .map(|(a, b, c)| format!("<u id='1'><nom>{a}</nom><mail>{b}</mail><tels><tel>{c}</tel></tels></u>"))
            .collect();
        let xml = format!("<?xml version='1.0'?>\n<export>{records}</export>\n");
        let padded = |(a, b, c): (String, String, String)| format!("{a:<9} {b:<20} {c:>12}\n");
        let fixed =
            padded(("nom".into(), "mail".into(), "tel".into())) + &(0..n).map(row).map(padded).collect::<String>();
        for (name, document) in [
            ("fixed", fixed),
            ("csv", csv),
            ("lines", lines),
            ("array", array),
            ("nested", nested),
            ("sql", sql),
            ("pretty", pretty),
            ("envelope", envelope),
            ("one line", one_line),
            ("many lines", many_lines),
            ("copy", copy),
            ("html", html),
            ("xml", xml),
        ] {
            let whole = sequential(document.as_bytes());
            assert!(whole.len() >= n, "{name}: {} of {n}", whole.len());
            let cut = chunked(document.as_bytes(), true);
            let differs = cut.iter().zip(&whole).position(|(a, b)| a != b);
            assert!(cut == whole, "{name}: {} and {} rows, differ at {differs:?}", cut.len(), whole.len());
            // In which order chunks are read concerns no shape by itself.
            assert!(name != "csv" || chunked(document.as_bytes(), false) == whole, "{name}");
        }
    }

    #[test]
    fn columns_are_known_in_all_chunks() {
        let n = 30_000;
        let values = |i: usize| [format!("nom{i}"), format!("u{i}@mail.example"), format!("06{:08}", i * 37)];
        let tuples: Vec<String> = (0..n).map(|i| format!("('{}')", values(i).join("','"))).collect();
        let copy: String = (0..n).map(|i| values(i).join("\t") + "\n").collect();
        let rows: String = (0..n).map(|i| format!("<tr><td>{}</td></tr>\n", values(i).join("</td><td>"))).collect();
        for document in [
            format!("CREATE TABLE u (nom text, mail text, tel text);\nINSERT INTO u VALUES {};\n", tuples.join(",")),
            format!("COPY u (nom, mail, tel) FROM stdin;\n{copy}\\.\n"),
            format!("<table><tr><th>nom</th><th>mail</th><th>tel</th></tr>{rows}</table>"),
        ] {
            let lane = Lane::open(&document.as_bytes()[..SAMPLE], &Limits::default()).unwrap();
            let mut numbers = std::collections::HashSet::new();
            for chunk in lane.chunks(document.as_bytes()) {
                let mut kept = Kept::default();
                let _ = lane.parse(document.as_bytes(), &chunk, &mut kept);
                // The statements before the first that brings rows may be a chunk of their own.
                assert!(chunk.no < 1 || !kept.rows.is_empty());
                if kept.rows.is_empty() {
                    continue;
                }
                assert_eq!(kept.headers(), [Some(vec!["nom", "mail", "tel"])], "chunk {}", chunk.no);
                numbers.extend(kept.tables.iter().filter(|t| t.header.is_some()).map(|t| t.no));
            }
            assert_eq!(numbers.len(), 1, "one table, however often it is met");
        }
    }

    #[test]
    fn wide_characters_are_cut_at_line_ends() {
        let rows: String = (0..40_000).map(|i| format!("Martin{i};u{i}@mail.example;06{:08}\n", i * 37)).collect();
        for units in [u16::to_le_bytes, u16::to_be_bytes] {
            let wide: Vec<u8> = rows.encode_utf16().flat_map(units).collect();
            assert!(chunked(&wide, false) == sequential(&wide));
        }
    }

    #[test]
    fn what_has_to_be_unpacked_has_no_lane() {
        assert!(Lane::open(b"PK\x03\x04", &Limits::default()).is_none());
        assert!(Lane::open(b"plain\n", &Limits::default()).is_some());
    }
}
