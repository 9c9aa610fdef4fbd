//! Any bytes as a value of any kind: a form or none, the likeliest reading first, never a panic.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vigie::fingerprint::{Countries, Forms, Readings, masked, normalise, readings};
use vigie::model::FieldKind;

static COUNTRIES: LazyLock<Countries> = LazyLock::new(|| Countries::from_codes(["FR", "BE", "US", "IT"]).unwrap_or_default());

fuzz_target!(|bytes: &[u8]| {
    let (mut form, mut all, mut forms) = (Vec::new(), Readings::new(), Forms::default());
    for kind in FieldKind::ALL {
        let valid = normalise::normalise(*kind, bytes, &COUNTRIES, &mut form);
        forms.clear();
        assert_eq!(forms.push(*kind, bytes, &COUNTRIES) > 0, valid);
        readings(*kind, bytes, &COUNTRIES, &mut all);
        assert_eq!(all.iter().next().unwrap_or_default(), &form[..]);
        let _ = masked::parse(*kind, bytes);
        let _ = masked::projection(*kind, &form);
    }
});
