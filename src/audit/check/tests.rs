//! Whoever edits the log is found out: a thousand edits, deletions, insertions, moves and cuts, by somebody who edits
//! rows, and by somebody who computes the whole chain anew.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::audit::{Action, Trail};
use crate::signing::Signer;
use crate::store::StoreError;

/// A log whose rows can be edited.
#[derive(Clone, Default)]
struct Editable(Arc<Mutex<Rows>>);

#[derive(Clone, Default)]
struct Rows {
    rows: Vec<AuditRow>,
    head: Option<AuditHead>,
    checkpoints: Vec<AuditCheckpoint>,
}

impl AuditLog for Editable {
    fn append(
        &self,
        make: &mut dyn FnMut(AuditHead) -> Result<(String, [u8; 32]), StoreError>,
    ) -> Result<AuditHead, StoreError> {
        let mut all = self.0.lock().unwrap();
        let before = all.head.unwrap_or(AuditHead::EMPTY);
        let (entry, hash) = make(before)?;
        let head = AuditHead { seq: before.seq + 1, hash };
        all.rows.push(AuditRow { seq: head.seq, entry, hash: hash.to_vec() });
        all.head = Some(head);
        Ok(head)
    }

    fn head(&self) -> Result<Option<AuditHead>, StoreError> {
        Ok(self.0.lock().unwrap().head)
    }

    fn each_after(&self, seq: u64, each: &mut dyn FnMut(AuditRow) -> bool) -> Result<(), StoreError> {
        let rows = self.0.lock().unwrap().rows.clone();
        rows.into_iter().filter(|row| row.seq > seq).all(each);
        Ok(())
    }

    fn put_checkpoint(&self, checkpoint: &AuditCheckpoint) -> Result<(), StoreError> {
        self.0.lock().unwrap().checkpoints.push(checkpoint.clone());
        Ok(())
    }

    fn signed_up_to(&self) -> Result<u64, StoreError> {
        Ok(self.0.lock().unwrap().checkpoints.last().map_or(0, |last| last.seq))
    }

    fn checkpoints(&self) -> Result<Vec<AuditCheckpoint>, StoreError> {
        Ok(self.0.lock().unwrap().checkpoints.clone())
    }
}

/// A log of `entries`, signed after every tenth.
fn log(entries: u64, signer: &Signer) -> Editable {
    let log = Editable::default();
    let trail = Trail::new(Arc::new(log.clone()), "uid 1000");
    for n in 1..=entries {
        let detail = [("rows", n.to_string())];
        trail.record(Action::AlertShown, &format!("alert-{}", n % 7), &detail).unwrap();
        if n % 10 == 0 {
            trail.checkpoint(signer).unwrap();
        }
    }
    log
}

fn faults(log: &Editable, signer: &Signer) -> Vec<Fault> {
    check(log, &signer.public().into(), &[]).unwrap().faults
}

/// What somebody does to the rows.
#[derive(Debug, Clone)]
enum Edit {
    Flip { row: usize, at: usize, bit: u8 },
    FlipHash { row: usize, at: usize, bit: u8 },
    Delete { row: usize },
    Swap { row: usize, with: usize },
    Renumber { row: usize },
    Insert { row: usize },
    Cut { from: usize },
    CutFront { to: usize },
}

fn edits() -> impl Strategy<Value = Edit> {
    let row = 0_usize..40;
    prop_oneof![
        (row.clone(), 0_usize..500, 0_u8..8).prop_map(|(row, at, bit)| Edit::Flip { row, at, bit }),
        (row.clone(), 0_usize..32, 0_u8..8).prop_map(|(row, at, bit)| Edit::FlipHash { row, at, bit }),
        row.clone().prop_map(|row| Edit::Delete { row }),
        (row.clone(), 1_usize..40).prop_map(|(row, by)| Edit::Swap { row, with: (row + by) % 40 }),
        row.clone().prop_map(|row| Edit::Renumber { row }),
        row.clone().prop_map(|row| Edit::Insert { row }),
        row.prop_map(|from| Edit::Cut { from }),
        (1_usize..40).prop_map(|to| Edit::CutFront { to }),
    ]
}

/// Does it; every edit changes something.
fn edit(rows: &mut Vec<AuditRow>, edit: &Edit) {
    match *edit {
        Edit::Flip { row, at, bit } => {
            let mut bytes = rows[row].entry.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            rows[row].entry = String::from_utf8_lossy(&bytes).into_owned();
        }
        Edit::FlipHash { row, at, bit } => rows[row].hash[at] ^= 1 << bit,
        Edit::Delete { row } => drop(rows.remove(row)),
        Edit::Swap { row, with } => {
            let (a, b) = (rows[row].clone(), rows[with].clone());
            (rows[row].entry, rows[row].hash) = (b.entry, b.hash);
            (rows[with].entry, rows[with].hash) = (a.entry, a.hash);
        }
        Edit::Renumber { row } => {
            rows.remove(row);
            rows.iter_mut().skip(row).for_each(|row| row.seq -= 1);
        }
        Edit::Insert { row } => {
            let copy = rows[row].clone();
            rows.insert(row, copy);
            rows.iter_mut().skip(row + 1).for_each(|row| row.seq += 1);
        }
        Edit::Cut { from } => rows.truncate(from),
        Edit::CutFront { to } => drop(rows.drain(..to)),
    }
}

/// Computes numbers, links, hashes and the head anew, as somebody who knows how the log is made would.
fn rechain(all: &mut Rows) {
    let mut head = AuditHead::EMPTY;
    for row in &mut all.rows {
        let Ok(mut entry) = serde_json::from_str::<Entry>(&row.entry) else { continue };
        (entry.seq, entry.prev) = (head.seq + 1, hex(&head.hash));
        let (text, hash) = entry.sealed().unwrap();
        head = AuditHead { seq: entry.seq, hash };
        *row = AuditRow { seq: entry.seq, entry: text, hash: hash.to_vec() };
    }
    all.head = Some(head);
}

#[test]
fn an_untouched_log_has_no_fault() {
    let signer = Signer::generate().unwrap();
    let log = log(40, &signer);
    let checked = check(&log, &signer.public().into(), &[]).unwrap();
    assert_eq!(checked, Checked { entries: 40, checkpoints: 4, signed_up_to: 40, ..Checked::default() });
    assert_eq!(check(&Editable::default(), &signer.public().into(), &[]).unwrap(), Checked::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_thousand_edits_are_all_found(what in edits()) {
        let (signer, log) = prepared();
        edit(&mut log.0.lock().unwrap().rows, &what);
        prop_assert_ne!(faults(&log, signer), []);
    }

    #[test]
    fn computing_the_chain_anew_contradicts_what_was_signed(what in edits()) {
        let (signer, log) = prepared();
        let before = log.0.lock().unwrap().rows.clone();
        {
            let mut all = log.0.lock().unwrap();
            edit(&mut all.rows, &what);
            rechain(&mut all);
        }
        // What only touched numbers, links or hashes is undone by computing them anew; what stands behind the last
        // checkpoint is signed by nobody yet.
        let nothing_signed_changed = log.0.lock().unwrap().rows.starts_with(&before);
        prop_assert_eq!(faults(&log, signer).is_empty(), nothing_signed_changed);
    }
}

/// A log of forty entries to be edited, and who signed it: made once.
fn prepared() -> (&'static Signer, Editable) {
    static MADE: std::sync::LazyLock<(Signer, Rows)> = std::sync::LazyLock::new(|| {
        let signer = Signer::generate().unwrap();
        let rows = log(40, &signer).0.lock().unwrap().clone();
        (signer, rows)
    });
    (&MADE.0, Editable(Arc::new(Mutex::new(MADE.1.clone()))))
}

#[test]
fn every_break_has_its_name() {
    let signer = Signer::generate().unwrap();
    let fresh = || log(12, &signer);
    let broken = |change: &dyn Fn(&mut Rows)| {
        let log = fresh();
        change(&mut log.0.lock().unwrap());
        faults(&log, &signer)
    };
    assert_eq!(broken(&|all| drop(all.rows.remove(4))), [Fault::Gap { from: 5, to: 5 }, Fault::Unlinked(6)]);
    let altered = broken(&|all| all.rows[4].entry = all.rows[4].entry.replace("uid 1000", "uid 1001"));
    assert_eq!(altered, [Fault::Altered(5)]);
    assert_eq!(broken(&|all| all.rows[4].entry = "{}".into()), [Fault::Altered(5), Fault::Unreadable(5)]);
    assert_eq!(broken(&|all| all.rows.truncate(11)), [Fault::Head { last: 11, head: 12 }]);
    assert_eq!(broken(&|all| all.head = None), [Fault::NoHead]);
    let cut_and_mended = |all: &mut Rows, to: usize| {
        all.rows.truncate(to);
        rechain(all);
    };
    assert_eq!(broken(&|all| cut_and_mended(all, 9)), [Fault::CutOff(10)]);
    assert_eq!(broken(&|all| all.checkpoints[0].signature[3] ^= 1), [Fault::Forged(10)]);
    let resigned = broken(&|all| {
        all.rows[2].entry = all.rows[2].entry.replace("uid 1000", "uid 1001");
        rechain(all);
    });
    assert_eq!(resigned, [Fault::Resigned(10)]);
    let other = Signer::generate().unwrap();
    assert_eq!(faults(&log(12, &other), &signer), [Fault::Forged(10)], "another key's log");
}

#[test]
fn what_the_journal_was_told_finds_a_log_that_was_rewritten_with_its_checkpoints() {
    let signer = Signer::generate().unwrap();
    let log = log(12, &signer);
    let anchor = {
        let mut all = log.0.lock().unwrap();
        let anchor = format!("12:{}", hex(&all.rows[11].hash));
        // Everything that the machine holds is made to agree: only an outside witness can tell.
        all.rows.truncate(8);
        all.checkpoints.clear();
        rechain(&mut all);
        anchor.parse::<Anchor>().unwrap()
    };
    assert_eq!(faults(&log, &signer), []);
    assert_eq!(check(&log, &signer.public().into(), &[anchor]).unwrap().faults, [Fault::Anchor(12)]);
    for wrong in ["", "12", "12:zz", "x:00"] {
        assert!(wrong.parse::<Anchor>().is_err(), "{wrong}");
    }
}
