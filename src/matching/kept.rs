//! A scan as bytes: what of a long document is known so far, so that its reading can be taken up again after the program
//! was killed.
//!
//! The bytes hold rows that wait to be compared, masked rows, column names from the document and the numbers of records:
//! whoever stores them seals them. They mean something only beside the same indexes and terms, which [`Matcher::identity`] tells.

use std::borrow::Cow;
use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use super::Matcher;
use super::by_tags::Unnamed;
use super::evidence::Evidence;
use super::scan::Scan;
use super::terms::TermCounts;
use crate::model::Skip;

/// What is kept of a scan: all that [`Scan::merge`] adds up.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    evidence: Cow<'a, Evidence>,
    terms: Cow<'a, TermCounts>,
    unnamed: Cow<'a, Unnamed>,
    skipped: Cow<'a, [Skip]>,
    bytes: u64,
}

impl Scan<'_> {
    /// Writes down what was found so far. A scan that met damage is not worth it: see [`Scan::met_damage`].
    ///
    /// # Errors
    /// If `to` fails.
    pub fn save(&self, to: impl Write) -> std::io::Result<()> {
        let kept = Kept {
            evidence: Cow::Borrowed(&self.evidence),
            terms: Cow::Borrowed(&self.terms),
            unnamed: Cow::Borrowed(&self.unnamed),
            skipped: Cow::Borrowed(&self.skipped),
            bytes: self.bytes,
        };
        serde_json::to_writer(to, &kept).map_err(std::io::Error::from)
    }
}

impl Matcher {
    /// A scan as [`Scan::save`] wrote it down, with a matcher of the same [`Matcher::identity`].
    ///
    /// # Errors
    /// If `from` fails or holds something else.
    pub fn resume(&self, from: impl Read) -> std::io::Result<Scan<'_>> {
        let kept: Kept<'static> = serde_json::from_reader(from).map_err(std::io::Error::from)?;
        let mut scan = self.scan();
        scan.evidence = kept.evidence.into_owned();
        scan.terms = kept.terms.into_owned();
        scan.unnamed = kept.unnamed.into_owned();
        scan.skipped = kept.skipped.into_owned();
        scan.bytes = kept.bytes;
        Ok(scan)
    }

    /// Tells this set of indexes, terms and countries, as this version of the program reads them, from any other.
    #[must_use]
    pub fn identity(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("vigie 2026-11 identity of a matcher");
        let mut add = |part: &[u8]| {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        };
        add(env!("CARGO_PKG_VERSION").as_bytes());
        for index in self.catalogue.indexes() {
            add(index.system().as_str().as_bytes());
            add(&index.build_id());
        }
        for code in self.catalogue.countries().codes() {
            add(code.as_bytes());
        }
        for (watchlist, term) in self.terms.names() {
            add(watchlist.as_str().as_bytes());
            add(term.as_bytes());
        }
        // Of rules, names tell nothing of what they ask.
        self.terms.rule_sources().for_each(|source| add(source));
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use crate::matching::tests::{matcher, person};
    use crate::model::{Batch, ContentSink, Flow, Layout, Shape, Table};

    #[test]
    fn what_was_kept_goes_on_as_if_it_had_never_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let matcher = matcher(folder.path(), 0..300);
        let part = |people: std::ops::Range<u64>| {
            let mut scan = matcher.scan();
            scan.table(Table { no: 0, shape: Shape::Delimited, member: String::new(), header: None });
            let mut batch = Batch::new(0, Layout::Rows);
            batch.first_row = people.start;
            for no in people {
                let person = person(no);
                // Some rows name nobody: they wait to be compared.
                let shown = if no % 5 == 0 { [1, 5, 6].as_slice() } else { &[1, 2, 3, 4, 5] };
                shown.iter().for_each(|cell| batch.push_value(person[*cell].as_bytes()));
                batch.end_row();
            }
            assert_eq!(scan.batch(&mut batch), Flow::Go);
            scan
        };
        let mut whole = part(0..120);
        let mut bytes = Vec::new();
        whole.save(&mut bytes).unwrap();
        let mut resumed = matcher.resume(bytes.as_slice()).unwrap();
        whole.merge(part(1_000..1_100));
        resumed.merge(part(1_000..1_100));
        let (whole, resumed) = (matcher.finish(whole, true).unwrap(), matcher.finish(resumed, true).unwrap());
        assert_eq!(whole.rows, 220);
        assert!(whole.systems[0].records.len() >= 90);
        assert_eq!(format!("{whole:?}"), format!("{resumed:?}"));
    }

    #[test]
    fn another_index_of_the_same_records_is_another_matcher() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [one, two] = folders.each_ref().map(|folder| matcher(folder.path(), 0..10));
        assert_eq!(one.identity(), one.clone().identity());
        assert_ne!(one.identity(), two.identity());
    }
}
