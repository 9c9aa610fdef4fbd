//! Texts that begin like one of the shapes, so that each parser is reached at once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vigie::extract::{Input, Limits, extract};
use vigie::model::{Batch, ContentSink, Flow, Skip, Table};

const BEGINNINGS: [&str; 14] = [
    "",
    "a;b;c@d.example\n1;2;e@f.example\n3;4;g@h.example\n",
    "\"a\",\"b\"\n\"1\",\"c@d.example\"\n",
    "[{\"a\": \"b\", \"c\": {\"d\": 1}},",
    "{\"a\": [{\"b\": \"c@d.example\"}]}\n",
    "$a = array('b' => 'c', ",
    "INSERT INTO `t` (`a`, `b`) VALUES (1, 'x'),(",
    "CREATE TABLE t (a int, b text);\nCOPY t (a, b) FROM stdin;\n1\tx\n",
    "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td>",
    "<?xml version=\"1.0\"?><a><b c=\"1\"><d>x</d></b>",
    "nom : a\nmail : b@c.example\n----\nnom : d\n",
    "BEGIN:VCARD\nN:a;b\nEMAIL:c@d.example\nEND:VCARD\n",
    "From: a@b.example\r\nTo: c@d.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
    "+---+---+\n| a | b |\n+---+---+\n",
];

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

fuzz_target!(|input: (u8, &[u8])| {
    let (which, rest) = input;
    let bytes = [BEGINNINGS[which as usize % BEGINNINGS.len()].as_bytes(), rest].concat();
    let limits = Limits { seconds: 1, ..Limits::default() };
    let _ = extract(Input { name: "fuzz", bytes: &bytes }, &limits, &mut Sink);
});
