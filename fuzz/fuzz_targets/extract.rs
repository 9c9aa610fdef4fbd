//! Any bytes: containers, encodings, workbooks, databases, mail, PDF, text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vigie::extract::{Input, Limits, extract};
use vigie::model::{Batch, ContentSink, Flow, Skip, Table};

struct Sink;

impl ContentSink for Sink {
    fn table(&mut self, _: Table) {}
    fn batch(&mut self, batch: &mut Batch) -> Flow {
        for i in 0..batch.rows() {
            assert!(batch.row(i).cells().count() > 0);
        }
        Flow::Go
    }
    fn skipped(&mut self, _: Skip) {}
    fn read(&mut self, _: u64) {}
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { expanded_bytes: 4 << 20, seconds: 1, ..Limits::default() };
    let _ = extract(Input { name: "fuzz", bytes }, &limits, &mut Sink);
});
