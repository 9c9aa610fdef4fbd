//! The way out of the room: tables, batches and skips on their way to the [`ContentSink`].
//!
//! Parsers speak to [`Out`] only. It numbers tables and rows, fills and flushes batches, and keeps the account of the
//! limits that concern the whole document: time, rows, tables, and one skip per cause.

use std::collections::HashSet;
use std::time::Instant;

use super::cells;
use super::limits::Limits;
use super::text::blob;
use crate::model::{Batch, ContentSink, Flow, Layout, Shape, Skip, SkipReason, Span, Table};

/// Source bytes after which a batch is handed on.
pub(crate) const BATCH: usize = 512 << 10;

/// The most skips reported one by one; a last one says that there were more.
const MAX_SKIPS: usize = 1_000;

/// Numbers for the tables that one part of a document begins.
#[derive(Debug, Clone)]
pub(crate) struct TableNumbers {
    next: u32,
    end: u32,
    /// Where tables with the same header are one table wherever they stand: those met so far.
    by_header: Option<HashSet<u32>>,
}

/// Tables known by their header have numbers of their own, from here on.
const BY_HEADER: u32 = 1 << 31;

impl TableNumbers {
    pub(crate) fn new(next: u32, count: u32) -> Self {
        Self { next, end: next.saturating_add(count), by_header: None }
    }

    /// For parts that know nothing of each other: a table with a header has the same number in all of them.
    pub(crate) fn by_header(next: u32, count: u32) -> Self {
        let next = next.min(BY_HEADER - 1);
        Self { next, end: next.saturating_add(count).min(BY_HEADER), by_header: Some(HashSet::new()) }
    }

    /// The number of the next table, and whether it was given before.
    fn take(&mut self, shape: Shape, header: Option<&[String]>) -> (u32, bool) {
        let no = self.next;
        self.next += 1;
        let (Some(known), Some(header)) = (&mut self.by_header, header) else { return (no, false) };
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[shape as u8]);
        for name in header {
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        }
        let mut number = [0; 4];
        hasher.finalize_xof().fill(&mut number);
        let no = BY_HEADER | u32::from_le_bytes(number);
        (no, !known.insert(no))
    }
}

/// Where parsers put what they read.
pub(crate) struct Out<'s> {
    sink: &'s mut dyn ContentSink,
    pub(crate) limits: &'s Limits,
    /// Path of the member that is being read.
    pub(crate) member: String,
    numbers: TableNumbers,
    next_row: u64,
    rows_left: u64,
    rows: Batch,
    rows_table: Option<u32>,
    text: Batch,
    text_table: Option<u32>,
    /// Whether the last text handed in was followed by rows: then a blank line parts it from what comes.
    text_broken: bool,
    deadline: Instant,
    stopped: bool,
    skips: HashSet<(String, SkipReason)>,
    held: Held,
}

/// Decoded parts of the current member that are still to be read as members of it.
#[derive(Default)]
struct Held {
    parts: Vec<(String, Vec<u8>)>,
    bytes: usize,
    count: usize,
    /// Whether the last part gathers cells of the table at hand.
    gathers: bool,
    /// Cells that looked encoded and were not, since the last that was.
    misses: u32,
}

/// Bytes of decoded parts held at once.
const MAX_HELD: usize = 64 << 20;
/// Cells in vain after which a member's cells are looked at no more.
const MAX_MISSES: u32 = 256;

impl<'s> Out<'s> {
    pub(crate) fn new(
        sink: &'s mut dyn ContentSink,
        limits: &'s Limits,
        numbers: TableNumbers,
        first_row: u64,
    ) -> Self {
        Self {
            sink,
            limits,
            member: String::new(),
            numbers,
            next_row: first_row,
            rows_left: limits.rows,
            rows: Batch::new(0, Layout::Rows),
            rows_table: None,
            text: Batch::new(0, Layout::Text),
            text_table: None,
            text_broken: false,
            deadline: Instant::now() + limits.time(),
            stopped: false,
            skips: HashSet::new(),
            held: Held::default(),
        }
    }

    /// Keeps a decoded part for the container's reader.
    pub(crate) fn hold(&mut self, kind: &str, bytes: Vec<u8>) {
        if self.held.bytes + bytes.len() > MAX_HELD || self.held.count as u64 >= self.limits.members {
            return self.skip(SkipReason::TooLarge, format!("more than {MAX_HELD} bytes of encoded parts"));
        }
        self.held.bytes += bytes.len();
        self.held.count += 1;
        self.held.gathers = false;
        self.held.parts.push((format!("{kind}-{}", self.held.count), bytes));
    }

    /// The parts held so far.
    pub(crate) fn take_held(&mut self) -> Vec<(String, Vec<u8>)> {
        self.held.bytes = 0;
        self.held.gathers = false;
        std::mem::take(&mut self.held.parts)
    }

    /// Decodes the cells of the batch that are encoded dumps, into one part for the whole table: a line each.
    fn hold_cells(&mut self) {
        for i in 0..self.rows.cells.len() {
            let cell = self.rows.cells[i];
            if cell.len() < 64 || self.held.misses >= MAX_MISSES {
                continue;
            }
            if cells::is_dump(cell.of(&self.rows.text)) {
                let held = self.held.parts.len();
                let dump = cell.of(&self.rows.text).to_vec();
                self.hold("text", dump);
                if self.held.parts.len() > held {
                    self.rows.cells[i] = Span { start: 0, end: 0 };
                    self.held.misses = 0;
                    continue;
                }
            }
            let Some(mut bytes) = blob::in_cell(cell.of(&self.rows.text)) else {
                self.held.misses += 1;
                continue;
            };
            self.held.misses = 0;
            bytes.push(b'\n');
            match self.held.parts.last_mut().filter(|_| self.held.gathers) {
                Some((_, part)) if self.held.bytes + bytes.len() <= MAX_HELD => {
                    self.held.bytes += bytes.len();
                    part.extend_from_slice(&bytes);
                }
                _ => {
                    self.hold("base64", bytes);
                    self.held.gathers = true;
                }
            }
        }
    }

    /// Lifts the limits on time and rows: the streaming lane is bounded by its caller.
    pub(crate) fn unbounded(mut self) -> Self {
        self.deadline = Instant::now() + std::time::Duration::from_secs(365 * 86_400);
        self.rows_left = u64::MAX;
        self
    }

    /// Whether reading is to end: the receiver has enough, or time or rows ran out.
    pub(crate) fn stopped(&mut self) -> bool {
        if !self.stopped && Instant::now() > self.deadline {
            self.stopped = true;
            self.skip(SkipReason::Time, format!("{} s of reading", self.limits.seconds));
        }
        self.stopped
    }

    pub(crate) fn flow(&self) -> Flow {
        if self.stopped { Flow::Stop } else { Flow::Go }
    }

    /// Records that something of the current member was not read; once for each reason.
    pub(crate) fn skip(&mut self, reason: SkipReason, detail: impl Into<String>) {
        let what = self.member.clone();
        self.skip_of(what, reason, detail);
    }

    /// Records that something of `what` was not read; once for each reason.
    pub(crate) fn skip_of(&mut self, what: String, reason: SkipReason, detail: impl Into<String>) {
        if self.skips.len() > MAX_SKIPS || !self.skips.insert((what.clone(), reason)) {
            return;
        }
        let skip = if self.skips.len() > MAX_SKIPS {
            Skip::new("", reason, format!("and more than {MAX_SKIPS} others"))
        } else {
            Skip::new(what, reason, detail)
        };
        self.sink.skipped(skip);
    }

    /// Counts decoded bytes.
    pub(crate) fn read(&mut self, bytes: usize) {
        self.sink.read(bytes as u64);
    }

    /// Announces a table. Text always gets a number (there is at most one for each member), so that nothing is lost
    /// when the tables run out.
    fn number(&mut self, shape: Shape, header: Option<Vec<String>>) -> Option<u32> {
        if self.numbers.next >= self.numbers.end && shape != Shape::Text {
            self.skip(SkipReason::TooManyRows, format!("{} tables; the rest is read as text", self.limits.tables));
            return None;
        }
        let (no, known) = self.numbers.take(shape, header.as_deref());
        if !known {
            self.sink.table(Table { no, shape, member: self.member.clone(), header });
        }
        Some(no)
    }

    /// Begins a table of rows; what is appended from now on belongs to it, or becomes text if there are too many.
    pub(crate) fn table(&mut self, shape: Shape, header: Option<Vec<String>>) {
        self.flush_rows();
        self.rows_table = self.number(shape, header);
    }

    /// Announces a table whose rows come later, with [`Out::resume_table`].
    pub(crate) fn announce(&mut self, shape: Shape, header: Option<Vec<String>>) -> Option<u32> {
        self.number(shape, header)
    }

    /// Goes on with table `no`, which was announced elsewhere.
    pub(crate) fn resume_table(&mut self, no: u32) {
        self.flush_rows();
        self.rows_table = Some(no);
    }

    /// Gives the rows appended since the last batch to table `no`.
    pub(crate) fn adopt_table(&mut self, no: Option<u32>) {
        self.rows_table = no;
    }

    /// The batch that rows are appended to; after each row or group of rows call [`Out::rows_done`].
    pub(crate) fn batch(&mut self) -> &mut Batch {
        &mut self.rows
    }

    /// To be called when the batch holds whole rows only: hands it on when it is full.
    pub(crate) fn rows_done(&mut self) {
        self.text_broken = true;
        if self.rows.text.len() >= BATCH || self.rows.cells.len() >= BATCH / 4 {
            self.flush_rows();
        }
    }

    /// Hands on what rows there are.
    pub(crate) fn flush_rows(&mut self) {
        if self.rows.rows() == 0 {
            self.rows.clear();
            return;
        }
        match self.rows_table {
            Some(no) => {
                self.rows.table = no;
                self.hand_on_rows();
            }
            None => self.rows_as_text(),
        }
        self.rows.clear();
    }

    /// Rows of one table too many are lines of text.
    fn rows_as_text(&mut self) {
        let mut lines = Vec::with_capacity(self.rows.text.len());
        for i in 0..self.rows.rows() {
            for cell in self.rows.row(i).cells() {
                lines.extend_from_slice(cell);
                lines.push(b'\t');
            }
            lines.push(b'\n');
        }
        self.text(&lines);
    }

    fn hand_on_rows(&mut self) {
        if self.stopped() {
            return;
        }
        self.hold_cells();
        cells::open(&mut self.rows);
        let mut rows = self.rows.rows() as u64;
        if rows > self.rows_left {
            let keep = self.rows_left as usize;
            self.rows.row_ends.truncate(keep);
            self.rows.cells.truncate(self.rows.row_ends.last().map_or(0, |end| *end as usize));
            self.skip(SkipReason::TooManyRows, format!("{} rows", self.limits.rows));
            rows = self.rows_left;
        }
        self.rows_left -= rows;
        if rows == 0 {
            self.stopped = true;
            return;
        }
        self.rows.first_row = self.next_row;
        self.next_row += rows;
        if self.sink.batch(&mut self.rows) == Flow::Stop {
            self.stopped = true;
        }
    }

    /// Hands in running text: whole lines, unless a line is longer than a batch.
    pub(crate) fn text(&mut self, mut text: &[u8]) {
        if std::mem::take(&mut self.text_broken) && !self.text.text.is_empty() {
            self.text.text.push(b'\n');
        }
        while !text.is_empty() && !self.stopped {
            let room = BATCH.saturating_sub(self.text.text.len());
            if text.len() <= room {
                self.text.text.extend_from_slice(text);
                return;
            }
            let cut = match memchr::memrchr(b'\n', &text[..room]) {
                Some(at) => at + 1,
                None if self.text.text.is_empty() => long_cut(text),
                None => 0,
            };
            self.text.text.extend_from_slice(&text[..cut]);
            text = &text[cut..];
            self.flush_text();
        }
    }

    /// Hands on what text there is.
    pub(crate) fn flush_text(&mut self) {
        if self.text.text.iter().all(u8::is_ascii_whitespace) {
            self.text.clear();
            return;
        }
        if self.text_table.is_none() {
            self.text_table = self.number(Shape::Text, None);
        }
        if let Some(no) = self.text_table {
            self.text.table = no;
            self.hand_on_text();
        }
        self.text.clear();
    }

    fn hand_on_text(&mut self) {
        if self.stopped() {
            return;
        }
        let lines = memchr::memchr_iter(b'\n', &self.text.text).count() as u64 + 1;
        self.text.source = self.text.text.len();
        // Whoever received the last one may have made rows of it.
        self.text.layout = Layout::Text;
        self.text.first_row = self.next_row;
        self.next_row += lines;
        if self.sink.batch(&mut self.text) == Flow::Stop {
            self.stopped = true;
        }
    }

    /// Ends what is under way in the current member: what comes next is a new table or new text.
    pub(crate) fn end_member(&mut self) {
        self.flush_rows();
        self.flush_text();
        self.rows_table = None;
        self.text_table = None;
        self.text_broken = false;
    }
}

/// Where to cut a text without line ends for one batch: behind a blank if there is one, never within a character.
fn long_cut(text: &[u8]) -> usize {
    let mut cut = text.len().min(BATCH);
    if let Some(at) = memchr::memrchr(b' ', &text[cut - cut.min(4096)..cut]) {
        return cut - cut.min(4096) + at + 1;
    }
    while cut > 1 && cut < text.len() && text[cut] & 0xC0 == 0x80 {
        cut -= 1;
    }
    cut
}

#[cfg(test)]
mod tests {
    use crate::extract::testing::read;

    #[test]
    fn a_text_of_several_batches_is_handed_on_whole_whatever_becomes_of_each() {
        let mut text = String::new();
        for no in 0..40_000 {
            text += &format!("line {no} of a letter that goes on and on, with nothing in it that parts its words\n");
        }
        let kept = read(text.as_bytes());
        assert!(kept.batches > 3, "{} batches", kept.batches);
        // The sink makes rows of each, as `matching` does.
        assert!(kept.text == text, "{} of {} bytes", kept.text.len(), text.len());
    }
}
