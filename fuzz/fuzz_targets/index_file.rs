//! Any bytes as an index file: opened or refused, asked everything, never a panic. With the right key, so that what lies behind
//! the header is reached from the seeds that `cargo run --bin vigie -- watchlist build` makes with it (32 bytes of 9).
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vigie::fingerprint::{Hasher, Key, Keyring, Slot, SnapshotIndex};
use vigie::model::FieldKind;

static KEYS: LazyLock<Keyring> = LazyLock::new(|| Keyring::new(Key::from_bytes([9; 32])));

fuzz_target!(|bytes: &[u8]| {
    let Ok(index) = SnapshotIndex::from_bytes(bytes.to_vec(), Path::new("fuzz.vfi"), &KEYS) else { return };
    let hasher = Hasher::new(KEYS.current());
    let (mut slots, mut refs) = (Vec::new(), index.refs());
    for no in 0..16u64 {
        let fingerprint = hasher.fingerprint(FieldKind::Email, &no.to_le_bytes());
        let _ = index.might_contain(fingerprint);
        let _ = index.lookup(fingerprint, &mut slots);
        let _ = index.name_range(fingerprint);
        let slot = Slot(no as u32 % index.records());
        let _ = index.tags(slot).map(|tags| (0..index.columns().len()).map(|c| tags.is_filled(c)).count());
        let _ = refs.ref_of(slot);
        let _ = refs.record_key(&hasher, slot);
    }
    let _ = index.verify();
});
