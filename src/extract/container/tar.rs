//! Tar archives, read as streams. Links, devices and sparse tricks have no content and are passed over.

use std::io::Read;
use std::rc::Rc;

use ::tar::{Archive, EntryType};

use super::Reading;
use super::meter::Ratio;
use crate::model::SkipReason;

pub(super) fn read(reading: &mut Reading<'_>, stream: impl Read, ratio: Rc<Ratio>) {
    let mut archive = Archive::new(stream);
    archive.set_ignore_zeros(false);
    let Ok(entries) = archive.entries() else {
        return reading.out.skip(SkipReason::Damaged, "tar");
    };
    for entry in entries {
        let Ok(entry) = entry else {
            return reading.out.skip(SkipReason::Damaged, "tar header");
        };
        let kind = entry.header().entry_type();
        if !matches!(kind, EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse) {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !reading.member(&name, |reading| reading.metered_member(entry, &ratio)) {
            return;
        }
    }
}
