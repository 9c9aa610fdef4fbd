//! Reading the export: its header against the watchlist, then stretches of whole rows.

use std::collections::HashSet;
use std::io::Read;

use super::Build;
use super::csv::{self, Cells, DELIMITERS};
use super::error::BuildError;
use super::rows::{Plan, Planned};
use crate::fingerprint::format::TagLayout;
use crate::fingerprint::hash::Hasher;
use crate::fingerprint::normalise::{self, DateOrder};
use crate::model::finding::MAX_COLUMNS;
use crate::model::{FieldKind, Strength};

/// Bytes read at a time, and about what a stretch has.
const STRETCH: usize = 1 << 20;
/// The longest row that is read.
const MAX_ROW: usize = 4 << 20;
/// Headers named in an error.
const HEADERS_SHOWN: usize = 64;

/// An export being read.
pub(super) struct Export<'a> {
    source: Box<dyn Read + Send + 'a>,
    delimiter: u8,
    /// What was read and not handed out: the beginning of a row.
    rest: Vec<u8>,
    bytes: u64,
    rows_before: u64,
    ended: bool,
}

impl<'a> Export<'a> {
    /// Reads the header and enough of the rows to see their habits. Gives the headers of the watched columns beside the plan.
    pub(super) fn open(
        source: Box<dyn Read + Send + 'a>,
        build: &Build<'_>,
    ) -> Result<(Self, Vec<String>, Plan), BuildError> {
        let watchlist = build.watchlist;
        if watchlist.columns.is_empty() {
            return Err(BuildError::NoColumns);
        }
        if watchlist.columns.len() > MAX_COLUMNS {
            return Err(BuildError::TooManyColumns { found: watchlist.columns.len(), most: MAX_COLUMNS });
        }
        let mut export = Self { source, delimiter: b',', rest: Vec::new(), bytes: 0, rows_before: 0, ended: false };
        export.fill(STRETCH)?;
        export.strip_mark()?;
        let headers = export.header(&watchlist.columns)?;
        let columns = planned(&headers, &watchlist.columns)?;
        let mut plan = Plan {
            system: watchlist.id.clone(),
            hasher: Hasher::new(build.key),
            countries: build.countries.clone(),
            delimiter: export.delimiter,
            cells: headers.len(),
            tags: TagLayout::of(&columns.iter().map(|c| c.kind).collect::<Vec<_>>()),
            canaries: watchlist.canaries.iter().map(|c| c.trim().as_bytes().to_vec()).collect::<HashSet<_>>(),
            ref_column: columns.iter().position(|c| c.kind == FieldKind::Ref),
            strong: columns.iter().filter(|c| c.kind.strength() == Strength::Strong).count(),
            columns,
        };
        export.see_dates(&mut plan);
        let watched = plan.columns.iter().map(|c| headers[c.cell].clone()).collect();
        Ok((export, watched, plan))
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes - self.rest.len() as u64
    }

    /// Up to so many stretches of whole rows; none at the end.
    pub(super) fn read(&mut self, stretches: usize) -> Result<Vec<Vec<u8>>, BuildError> {
        let mut read = Vec::with_capacity(stretches);
        while read.len() < stretches {
            self.fill(STRETCH)?;
            let mut whole = csv::whole_rows(&self.rest, self.delimiter);
            while whole == 0 && !self.ended {
                if self.rest.len() > MAX_ROW {
                    return Err(BuildError::RowTooLong { after: self.rows_before, limit: MAX_ROW });
                }
                self.fill(self.rest.len() + STRETCH)?;
                whole = csv::whole_rows(&self.rest, self.delimiter);
            }
            if self.ended {
                // The last row may have no line end.
                whole = self.last(whole)?;
            }
            if whole == 0 {
                break;
            }
            let tail = self.rest.split_off(whole);
            let stretch = std::mem::replace(&mut self.rest, tail);
            self.rows_before += memchr::memchr_iter(b'\n', &stretch).count() as u64;
            read.push(stretch);
        }
        Ok(read)
    }

    /// At the end of the export: where what is left ends, unless it is a quote that was never closed.
    fn last(&self, whole: usize) -> Result<usize, BuildError> {
        let left = &self.rest[whole..];
        if memchr::memchr(b'\n', left).is_some_and(|i| i + 1 < left.len()) {
            return Err(BuildError::RowTooLong { after: self.rows_before, limit: left.len() });
        }
        Ok(self.rest.len())
    }

    /// Reads until `rest` has so many bytes, or the export ends.
    fn fill(&mut self, wanted: usize) -> Result<(), BuildError> {
        while !self.ended && self.rest.len() < wanted {
            let at = self.rest.len();
            let more = (wanted - at) as u64;
            let read = self
                .source
                .by_ref()
                .take(more)
                .read_to_end(&mut self.rest)
                .map_err(|source| BuildError::Export { source })?;
            self.bytes += read as u64;
            self.ended = (read as u64) < more;
        }
        Ok(())
    }

    fn strip_mark(&mut self) -> Result<(), BuildError> {
        if self.rest.starts_with(b"\xef\xbb\xbf") {
            self.rest.drain(..3);
        }
        let wide = match self.rest.get(..2) {
            Some(b"\xff\xfe") => Some("UTF-16LE"),
            Some(b"\xfe\xff") => Some("UTF-16BE"),
            Some([_, 0]) => Some("UTF-16LE"),
            Some([0, _]) => Some("UTF-16BE"),
            _ => None,
        };
        wide.map_or(Ok(()), |encoding| Err(BuildError::Encoding { encoding }))
    }

    /// Reads the header with the delimiter under which most watched columns are found, and of these the one that gives most cells.
    fn header(&mut self, watched: &[(String, FieldKind)]) -> Result<Vec<String>, BuildError> {
        let mut best: Option<(usize, usize, u8, usize, Vec<String>)> = None;
        for delimiter in DELIMITERS {
            let end = csv::row_end(&self.rest, delimiter).unwrap_or(self.rest.len());
            let row = &self.rest[..end];
            let mut cells = Cells::default();
            cells.read(row, delimiter);
            let headers: Vec<String> = (0..cells.len()).map(|i| header_text(cells.get(row, i))).collect();
            let found = watched.iter().filter(|(name, _)| headers.iter().any(|h| is_header(h, name))).count();
            if best.as_ref().is_none_or(|(f, c, ..)| (found, headers.len()) > (*f, *c)) {
                best = Some((found, headers.len(), delimiter, end, headers));
            }
        }
        let Some((_, _, delimiter, end, headers)) = best.filter(|_| !self.rest.trim_ascii().is_empty()) else {
            return Err(BuildError::Empty);
        };
        self.delimiter = delimiter;
        self.rest.drain(..end);
        Ok(headers)
    }

    /// Decides for each date column, from the rows at hand, whether the month stands first: it does if some value cannot have the day
    /// first, and none cannot have the month first.
    fn see_dates(&self, plan: &mut Plan) {
        let mut cells = Cells::default();
        let mut seen = vec![(false, false); plan.columns.len()];
        let mut rest = &self.rest[..];
        while let Some(end) = csv::row_end(rest, plan.delimiter) {
            let (row, tail) = rest.split_at(end);
            rest = tail;
            cells.read(row, plan.delimiter);
            for (column, seen) in plan.columns.iter().zip(&mut seen) {
                if column.kind == FieldKind::BirthDate {
                    match normalise::date_orders(cells.get(row, column.cell)) {
                        (true, false) => seen.0 = true,
                        (false, true) => seen.1 = true,
                        _ => {}
                    }
                }
            }
        }
        for (column, seen) in plan.columns.iter_mut().zip(seen) {
            column.order = if seen == (false, true) { DateOrder::MonthFirst } else { DateOrder::DayFirst };
        }
    }
}

fn header_text(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell.trim_ascii()).into_owned()
}

/// Exports of one system differ in case and padding of their headers more often than in what they mean.
fn is_header(found: &str, named: &str) -> bool {
    found.to_lowercase() == named.trim().to_lowercase()
}

fn planned(headers: &[String], watched: &[(String, FieldKind)]) -> Result<Vec<Planned>, BuildError> {
    let (mut missing, mut twice, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    for (name, kind) in watched {
        // As written if there is such a one: only then do two headers that differ in case not clash.
        let exact: Vec<usize> = (0..headers.len()).filter(|i| headers[*i] == name.trim()).collect();
        let loose = (0..headers.len()).filter(|i| is_header(&headers[*i], name));
        let found = if exact.is_empty() { loose.collect() } else { exact };
        match found[..] {
            [] => missing.push(name.clone()),
            [cell] => columns.push(Planned { cell, kind: *kind, order: DateOrder::DayFirst }),
            _ => twice.push(name.clone()),
        }
    }
    if !missing.is_empty() {
        let found = headers.iter().take(HEADERS_SHOWN).map(|h| h.chars().take(64).collect()).collect();
        return Err(BuildError::MissingColumns { missing, found });
    }
    columns.sort_by_key(|c| c.cell);
    twice.extend(columns.windows(2).filter(|w| w[0].cell == w[1].cell).map(|w| headers[w[0].cell].clone()));
    if !twice.is_empty() {
        return Err(BuildError::DuplicateColumns { headers: twice });
    }
    Ok(columns)
}
