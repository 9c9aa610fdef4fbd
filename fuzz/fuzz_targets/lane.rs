//! The streaming lane: chunks cover the document without gaps, end, and do not depend on where reading was resumed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vigie::extract::Limits;
use vigie::extract::lane::{Chunk, Cutter, Lane, SAMPLE};
use vigie::model::{Batch, ContentSink, Flow, Skip, Table};

struct Sink;

impl ContentSink for Sink {
    fn table(&mut self, _: Table) {}
    fn batch(&mut self, _: &mut Batch) -> Flow {
        Flow::Go
    }
    fn skipped(&mut self, _: Skip) {}
    fn read(&mut self, _: u64) {}
}

fuzz_target!(|bytes: &[u8]| {
    // Chunks are of a megabyte: a short input is repeated until there are some.
    let document = bytes.repeat((3 << 20) / bytes.len().max(1) + 1);
    let Some(lane) = Lane::open(&document[..document.len().min(SAMPLE)], &Limits::default()) else { return };
    let chunks: Vec<Chunk> = lane.chunks(&document).collect();
    let mut end = 0;
    for chunk in &chunks {
        assert_eq!(chunk.range.start, end);
        assert!(chunk.range.end > end);
        end = chunk.range.end;
        let _ = lane.parse(&document, chunk, &mut Sink);
    }
    assert_eq!(end, document.len());
    // A reader that holds half a megabyte more each time it is asked to gets the same chunks.
    let (mut cutter, mut held, mut no) = (Cutter::default(), 0, 0);
    while cutter.position() < document.len() {
        let rest = &document[cutter.position()..];
        match cutter.next(&lane, &rest[..rest.len().min(held)], held >= rest.len()) {
            Some(chunk) => {
                assert_eq!(chunk, chunks[no]);
                no += 1;
            }
            None => held += 512 << 10,
        }
    }
    assert_eq!(no, chunks.len());
});
