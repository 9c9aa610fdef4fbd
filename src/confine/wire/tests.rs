//! The laws of the wire: what goes in comes out, and nothing that a worker could send does any harm.

use proptest::prelude::*;

use super::decode::{DecodeError, Decoder, Frame};
use super::{SHAPES, encode, request, shape_code};
use crate::extract::{Input, Limits};
use crate::model::{Batch, Flow, Layout, Sensitive, Shape, Skip, SkipReason, Table};

/// What a decoder makes of `bytes`, up to its first error. Every batch is looked at as a sink would.
fn heard(bytes: &[u8]) -> (Vec<Frame>, Vec<Batch>, DecodeError) {
    let mut decoder = Decoder::new(bytes);
    let (mut frames, mut batches) = (Vec::new(), Vec::new());
    let mut batch = Batch::new(0, Layout::Rows);
    loop {
        match decoder.next(&mut batch) {
            Ok(frame) => {
                if matches!(frame, Frame::Batch) {
                    assert_sound(&batch);
                    batches.push(batch.clone());
                }
                frames.push(frame);
            }
            Err(error) => return (frames, batches, error),
        }
    }
}

/// What matching relies on without looking.
fn assert_sound(batch: &Batch) {
    assert!(batch.source <= batch.text.len());
    assert!(batch.row_ends.is_sorted_by(|a, b| a < b));
    assert_eq!(batch.row_ends.last().map_or(0, |end| *end as usize), batch.cells.len());
    assert!(batch.first_row.checked_add(batch.rows() as u64).is_some());
    for row in 0..batch.rows() {
        assert!(!batch.row(row).is_empty());
        let _ = batch.row(row).cells().map(<[u8]>::len).sum::<usize>();
    }
}

fn table(no: u32, shape: Shape, header: Option<Vec<String>>) -> Table {
    Table { no, shape, member: "a.zip/b.csv".into(), header }
}

fn batches() -> impl Strategy<Value = Batch> {
    let cell = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let row = prop_oneof![9 => prop::collection::vec(cell.clone(), 1..6), 1 => prop::collection::vec(cell, 250..300)];
    let text = prop_oneof![3 => 0..200_usize, 1 => 600..70_000_usize];
    (text, prop::collection::vec(row, 0..20), any::<bool>()).prop_map(|(text, rows, sorted)| {
        let mut batch = Batch::new(0, Layout::Rows);
        batch.text = (0..text).map(|i| i as u8).collect();
        batch.source = text / 2;
        for row in rows {
            for (a, b) in row {
                let (a, b) = (a.index(text + 1), b.index(text + 1));
                // Close together as in a file, or anywhere.
                let (start, end) = if sorted { (a, (a + b % 40).min(text)) } else { (a.min(b), a.max(b)) };
                batch.push_cell(start, end);
            }
            batch.end_row();
        }
        batch
    })
}

/// A document as a worker tells it.
fn conversation(batches: &[Batch]) -> Vec<u8> {
    let mut out = Vec::new();
    encode::table(&mut out, &table(0, Shape::Sheet, Some(vec!["nom".into(), "mail".into()])));
    let mut next = 0;
    for batch in batches {
        encode::batch(&mut out, &Batch { first_row: next, ..batch.clone() });
        out.extend_from_slice(&batch.text);
        next += batch.rows() as u64;
        encode::read(&mut out, 17);
    }
    encode::skip(&mut out, &Skip::new("b.bin", SkipReason::Binary, "a picture"));
    encode::done(&mut out, Flow::Go);
    out
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(sent in prop::collection::vec(batches(), 0..4)) {
        let (frames, received, end) = heard(&conversation(&sent));
        prop_assert!(matches!(end, DecodeError::Ended), "{end}");
        prop_assert_eq!(frames.len(), 3 + 2 * sent.len());
        prop_assert!(matches!(frames.last(), Some(Frame::Done(Flow::Go))));
        prop_assert_eq!(received.len(), sent.len());
        for (received, sent) in received.iter().zip(&sent) {
            prop_assert_eq!(&received.cells, &sent.cells);
            prop_assert_eq!(&received.row_ends, &sent.row_ends);
            prop_assert_eq!(&received.text, &sent.text);
            prop_assert_eq!(received.source, sent.source);
        }
    }

    #[test]
    fn a_conversation_cut_off_anywhere_only_ends(sent in batches(), at in any::<prop::sample::Index>()) {
        let whole = conversation(&[sent]);
        let (frames, _, end) = heard(&whole[..at.index(whole.len())]);
        prop_assert!(matches!(end, DecodeError::Ended), "{end}");
        prop_assert!(!frames.iter().any(|frame| matches!(frame, Frame::Done(_))));
    }

    #[test]
    fn a_conversation_damaged_anywhere_stays_sound(
        sent in batches(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = conversation(&[sent.clone(), sent]);
        for (at, byte) in damage {
            // Mostly where the numbers are.
            let at = at.index(bytes.len());
            let at = if byte & 1 == 0 { at % 96 } else { at };
            bytes[at] = byte;
        }
        heard(&bytes);
    }

    #[test]
    fn noise_is_refused_or_sound(bytes in prop::collection::vec(any::<u8>(), 0..400), tag in 0..9_u8) {
        let mut framed = vec![tag];
        framed.extend_from_slice(&(bytes.len() as u32 / 2).to_le_bytes());
        framed.extend_from_slice(&bytes);
        heard(&bytes);
        heard(&framed);
    }

    #[test]
    fn requests_are_read_back(
        name in "\\PC{0,40}",
        passwords in prop::collection::vec("\\PC{0,20}", 0..16),
        numbers in any::<[u32; 4]>(),
    ) {
        let [a, b, c, d] = numbers;
        let passwords: Vec<_> = passwords.into_iter().map(Sensitive::new).collect();
        let limits = Limits {
            expanded_bytes: a.into(), ratio: b, members: c.into(), line: d as usize, passwords, ..Limits::default()
        };
        let mut bytes = b"before".to_vec();
        request::head(&mut bytes, Input { name: &name, bytes: b"bytes" }, 3, &limits);
        bytes.extend_from_slice(b"12345");
        let mut source = &bytes[6..];
        let read = request::read(&mut source).unwrap().unwrap();
        prop_assert_eq!(source, b"12345");
        prop_assert_eq!((read.bytes, read.behind, read.name), (5, 3, name));
        prop_assert_eq!(format!("{:?}", read.limits), format!("{limits:?}"));
        prop_assert!(read.limits.passwords == limits.passwords);
    }
}

#[test]
fn every_shape_and_header_is_read_back() {
    let mut out = Vec::new();
    for (no, shape) in SHAPES.into_iter().enumerate() {
        assert_eq!(usize::from(shape_code(shape)), no);
        encode::table(&mut out, &table(no as u32, shape, (no % 2 == 0).then(|| vec!["é".repeat(no); no])));
    }
    let (frames, ..) = heard(&out);
    assert_eq!(frames.len(), SHAPES.len());
    for (no, frame) in frames.into_iter().enumerate() {
        let Frame::Table(read) = frame else { panic!("{frame:?}") };
        assert_eq!(read, table(no as u32, SHAPES[no], (no % 2 == 0).then(|| vec!["é".repeat(no); no])));
    }
}

/// The refusal of a conversation that a worker made up.
fn refusal(lies: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    encode::table(&mut out, &table(0, Shape::Text, None));
    lies(&mut out);
    heard(&out).2.to_string()
}

#[test]
fn each_lie_is_told_apart() {
    let one_cell = |start, end| {
        let mut batch = Batch::new(0, Layout::Rows);
        batch.text = b"0123456789".to_vec();
        batch.cells.push(crate::model::Span { start, end });
        batch.row_ends.push(1);
        batch
    };
    assert_eq!(refusal(|out| encode::table(out, &table(7, Shape::Text, None))), "a table out of order");
    assert_eq!(refusal(|out| encode::batch(out, &Batch { table: 1, ..one_cell(0, 1) })), "a batch of no table");
    assert_eq!(refusal(|out| encode::batch(out, &one_cell(4, 11))), "a cell beyond its batch");
    assert_eq!(refusal(|out| encode::batch(out, &one_cell(900, 901))), "a cell beyond its batch");
    assert_eq!(
        refusal(|out| encode::batch(out, &Batch { source: 11, ..one_cell(0, 1) })),
        "more text than a batch holds"
    );
    assert_eq!(
        refusal(|out| encode::batch(out, &Batch { first_row: u64::MAX, ..one_cell(0, 1) })),
        "rows out of order"
    );
    assert_eq!(refusal(|out| out.extend_from_slice(&[3, 255, 255, 255, 255])), "a frame is too long");
    assert_eq!(refusal(|out| out.extend_from_slice(&[9, 0, 0, 0, 0])), "a frame of an unknown kind");
    let many = |out: &mut Vec<u8>| (0..5000).for_each(|_| encode::skip(out, &Skip::new("", SkipReason::Time, "")));
    assert_eq!(refusal(many), "too many skips");
}

#[test]
fn a_huge_claim_costs_nothing_before_it_is_kept() {
    // A batch that says it has 16 MiB of text, and then nothing.
    let mut out = Vec::new();
    encode::table(&mut out, &table(0, Shape::Text, None));
    let mut claim = Batch::new(0, Layout::Text);
    claim.text = vec![0; 16 << 20];
    encode::batch(&mut out, &claim);
    let mut decoder = Decoder::new(&out[..]);
    let mut batch = Batch::new(0, Layout::Rows);
    assert!(matches!(decoder.next(&mut batch), Ok(Frame::Table(_))));
    assert!(matches!(decoder.next(&mut batch), Err(DecodeError::Ended)));
    assert!(batch.text.capacity() <= 2 << 20, "{}", batch.text.capacity());
}

#[test]
fn frames_left_over_from_one_document_are_not_taken_for_the_next() {
    let mut out = Vec::new();
    encode::done(&mut out, Flow::Go);
    encode::done(&mut out, Flow::Go);
    let mut decoder = Decoder::new(&out[..]);
    let mut batch = Batch::new(0, Layout::Rows);
    assert!(matches!(decoder.next(&mut batch), Ok(Frame::Done(Flow::Go))));
    assert!(matches!(decoder.listen(), Err(DecodeError::Invalid("spoke without being asked"))));
}

#[test]
fn the_place_of_a_panic_cannot_carry_anything_else() {
    let mut out = Vec::new();
    encode::panicked(&mut out, "src/extract/json.rs:7 jeanne@example.com\u{1b}[2J\n");
    let (frames, ..) = heard(&out);
    assert!(matches!(&frames[0], Frame::Panicked(place) if place == "src/extract/json.rs:7jeanneexample.com2J"));
}
